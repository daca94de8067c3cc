//! Alerts, and their acknowledgement.

use super::{json, words};
use crate::app::App;
use crate::feeds::{CommandRequest, Refusal};
use crate::problem::Problem;
use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use lapwing_model::{AirText, Alert, AlertId, AlertState, Command, Order, Position, Snapshot, Time};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// Longest name of who acknowledges, bytes.
const BY_BYTES_MAX: usize = 64;
/// How long the run loop may take to accept and to journal a command.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the picture may take to show a journalled command.
const SHOWN_TIMEOUT: Duration = Duration::from_secs(3);

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AlertsQuery {
    /// Only these states, comma-separated: `raised`, `acknowledged`, `cleared`.
    #[param(example = "raised,acknowledged")]
    state: Option<String>,
}

/// Alerts at one time.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct AlertList {
    /// The picture's time.
    at: Time,
    /// Alerts, newest first: all live ones and the latest cleared ones.
    alerts: Vec<Alert>,
}

/// "I have seen this alert."
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Acknowledge {
    /// Who, 1 to 64 bytes.
    #[schema(min_length = 1, max_length = 64, example = "guard-2")]
    by: String,
    /// In words, at most 256 bytes.
    #[schema(max_length = 256)]
    note: Option<String>,
}

/// A command that is on disk and that the picture does not show yet.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Accepted {
    /// Its place in the journal.
    position: Position,
    /// What that means.
    #[schema(value_type = String)]
    detail: &'static str,
}

/// Alerts
#[utoipa::path(
    get, path = "/api/v1/alerts", tag = "picture", params(AlertsQuery),
    responses(
        (status = 200, description = "The alerts asked for", body = AlertList),
        (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn alerts(
    State(app): State<Arc<App>>,
    query: Result<Query<AlertsQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|r| Problem::bad_request(r.body_text()))?;
    let states: Option<Vec<AlertState>> = query.state.map(|text| words("state", &text)).transpose()?;
    let snapshot = app.snapshot();
    let wanted = |a: &&Alert| states.as_ref().is_none_or(|s| s.contains(&a.state));
    let alerts = snapshot.alerts.iter().filter(wanted).cloned().collect();
    Ok(json(&AlertList { at: snapshot.at, alerts }))
}

/// One alert
#[utoipa::path(
    get, path = "/api/v1/alerts/{id}", tag = "picture",
    params(("id" = String, Path, description = "Id of the alert", example = "A3")),
    responses(
        (status = 200, description = "The alert", body = Alert),
        (status = 400, description = "Not an alert id", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such alert", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn alert(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Response, Problem> {
    let id = parse(&id)?;
    let snapshot = app.snapshot();
    let alert = find(&snapshot, id).ok_or_else(|| Problem::not_found(format!("there is no alert {id}")))?;
    Ok(json(alert))
}

/// Acknowledge an alert
///
/// Answered after the acknowledgement is on disk, with the alert as it then is.
#[utoipa::path(
    post, path = "/api/v1/alerts/{id}/acknowledge", tag = "picture",
    params(("id" = String, Path, description = "Id of the alert", example = "A3")),
    request_body = Acknowledge,
    responses(
        (status = 200, description = "On disk; the alert as it now is", body = Alert),
        (status = 202, description = "On disk; the picture does not show it yet", body = Accepted),
        (status = 400, description = "The request is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such alert", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The alert cannot be acknowledged as it is", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too long", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not application/json", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The body is JSON, but not what is expected", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Not now: the journal or the run loop does not answer", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn acknowledge(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    body: Result<Json<Acknowledge>, JsonRejection>,
) -> Result<Response, Problem> {
    let id = parse(&id)?;
    let Json(body) = body.map_err(|r| Problem::new(r.status(), r.body_text()))?;
    let by = body.by.trim();
    if by.is_empty() || by.len() > BY_BYTES_MAX {
        return Err(Problem::bad_request(format!("by: who acknowledges, 1 to {BY_BYTES_MAX} bytes")));
    }
    let note = body.note.as_deref().map(str::trim).filter(|n| !n.is_empty());
    if note.is_some_and(|n| n.len() > AirText::BYTES_MAX) {
        return Err(Problem::bad_request(format!("note: at most {} bytes", AirText::BYTES_MAX)));
    }
    let order = Order::AcknowledgeAlert { alert: id, note: note.map(AirText::new) };
    let position = journalled(&app, Command { by: AirText::new(by), order }).await?;
    let mut snapshots = app.snapshots.clone();
    let shows = |s: &Arc<Snapshot>| find(s, id).is_some_and(|a| a.state != AlertState::Raised);
    match tokio::time::timeout(SHOWN_TIMEOUT, snapshots.wait_for(shows)).await {
        Ok(Ok(snapshot)) => {
            let alert = find(&snapshot, id).cloned();
            drop(snapshot);
            // `wait_for` has just seen it there.
            alert.map(|a| json(&a)).ok_or_else(|| Problem::not_found(format!("there is no alert {id}")))
        }
        Ok(Err(_)) | Err(_) => {
            let detail = "the acknowledgement is on disk; the picture does not show it yet";
            Ok((StatusCode::ACCEPTED, json(&Accepted { position, detail })).into_response())
        }
    }
}

/// Sends a command to the run loop and waits until it is on disk.
async fn journalled(app: &App, command: Command) -> Result<Position, Problem> {
    let (answer, answered) = oneshot::channel();
    let request = CommandRequest { command, answer };
    let unsent = "the server cannot take commands now; this one was not executed";
    match tokio::time::timeout(ANSWER_TIMEOUT, app.commands.send(request)).await {
        Ok(Ok(())) => {}
        Ok(Err(_)) | Err(_) => return Err(Problem::unavailable(unsent)),
    }
    match tokio::time::timeout(ANSWER_TIMEOUT, answered).await {
        Ok(Ok(Ok(position))) => Ok(position),
        Ok(Ok(Err(Refusal::NotFound(why)))) => Err(Problem::not_found(why)),
        Ok(Ok(Err(Refusal::Conflict(why)))) => Err(Problem::new(StatusCode::CONFLICT, why)),
        Ok(Ok(Err(Refusal::Unavailable(why)))) => Err(Problem::unavailable(why)),
        Ok(Err(_)) => Err(Problem::unavailable("the server stopped before it confirmed the command")),
        Err(_) => Err(Problem::unavailable("the command was not confirmed in time; it may still be executed")),
    }
}

fn parse(id: &str) -> Result<AlertId, Problem> {
    id.parse().map_err(|_| Problem::bad_request("an alert id looks like A3"))
}

fn find(snapshot: &Snapshot, id: AlertId) -> Option<&Alert> {
    snapshot.alerts.iter().find(|a| a.id == id)
}
