//! The past: tracks, alerts, incidents and audit, as the index remembers them.

use super::{json, json_aside};
use crate::app::App;
use crate::history::{
    AlertPage, AuditPage, HistoryAnswer, HistoryQuery, HistoryRefusal, HistoryRequest, IDENTITY_BYTES_MAX,
    IncidentPage, LIMIT_DEFAULT, LIMIT_MAX, POINTS_MAX, Search, TrackHistory, TrackPage,
};
use crate::mask::{self, Role};
use crate::problem::Problem;
use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use lapwing_model::{Time, TrackId, ZoneId};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long the index may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SearchQuery {
    /// Nothing that was over before this time (RFC 3339 with a zone).
    #[param(example = "2026-05-01T09:30:00Z")]
    from: Option<String>,
    /// Nothing that began after this time.
    #[param(example = "2026-05-01T10:30:00Z")]
    to: Option<String>,
    /// Was within so many metres of a place: `latitude,longitude,radius`.
    #[param(example = "47.45,8.55,2000")]
    near: Option<String>,
    /// Was over the outline of this zone, or warned of for it.
    zone: Option<String>,
    /// A status (`unidentified`, `claimed`, `corroborated`, `authorised`, `contradicted`) or a name the aircraft gave
    /// itself; for the audit, who did it.
    identity: Option<String>,
    /// How many at most, 1 to 1000; without it 100.
    limit: Option<usize>,
    /// `next` of the page before.
    before: Option<u64>,
}

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PointsQuery {
    /// No point before this time (RFC 3339 with a zone).
    from: Option<String>,
    /// No point after this time.
    to: Option<String>,
    /// Points to leave out at the beginning: `next` of the page before.
    skip: Option<u64>,
    /// How many points at most, 1 to 10000; without it all of those.
    limit: Option<usize>,
}

fn time(name: &str, text: Option<String>) -> Result<Option<Time>, Problem> {
    text.map(|t| t.parse().map_err(|why| Problem::bad_request(format!("{name}: {why}")))).transpose()
}

fn search(query: Result<Query<SearchQuery>, QueryRejection>) -> Result<Search, Problem> {
    let Query(query) = query.map_err(|r| Problem::bad_request(r.body_text()))?;
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Problem::bad_request(format!("limit: 1 to {LIMIT_MAX}")));
    }
    let near = query.near.map(|t| t.parse().map_err(|why| Problem::bad_request(format!("near: {why}"))));
    let zone = query.zone.map(|t| ZoneId::new(&t).map_err(|why| Problem::bad_request(format!("zone: {why}"))));
    if query.identity.as_ref().is_some_and(|i| i.is_empty() || i.len() > IDENTITY_BYTES_MAX) {
        return Err(Problem::bad_request(format!("identity: 1 to {IDENTITY_BYTES_MAX} bytes")));
    }
    Ok(Search {
        from: time("from", query.from)?,
        to: time("to", query.to)?,
        near: near.transpose()?,
        zone: zone.transpose()?,
        identity: query.identity,
        limit,
        before: query.before,
    })
}

async fn ask(app: &App, query: HistoryQuery) -> Result<HistoryAnswer, Problem> {
    let none = || Problem::unavailable("there is no index here: a server without a journal remembers nothing");
    let slow = || Problem::unavailable("the index has too much to do; ask for less or later");
    let (answer, answered) = oneshot::channel();
    app.history.try_send(HistoryRequest { query, answer }).map_err(|error| match error {
        tokio::sync::mpsc::error::TrySendError::Full(_) => slow(),
        tokio::sync::mpsc::error::TrySendError::Closed(_) => none(),
    })?;
    match tokio::time::timeout(ANSWER_TIMEOUT, answered).await {
        Ok(Ok(Ok(answer))) => Ok(answer),
        Ok(Ok(Err(HistoryRefusal::NotFound(why)))) => Err(Problem::not_found(why)),
        Ok(Ok(Err(HistoryRefusal::Unavailable(why)))) => Err(Problem::unavailable(why)),
        Ok(Err(_)) => Err(none()),
        Err(_) => Err(slow()),
    }
}

fn unexpected() -> Problem {
    Problem::unavailable("the index answered another question")
}

/// Tracks of the past
///
/// The whole life of each track, newest first, without its points.
#[utoipa::path(
    get, path = "/api/v1/history/tracks", tag = "history", params(SearchQuery),
    responses(
        (status = 200, description = "What was found", body = TrackPage),
        (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "No index, or it does not answer", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn tracks(
    State(app): State<Arc<App>>,
    Extension(role): Extension<Role>,
    query: Result<Query<SearchQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let HistoryAnswer::Tracks(mut page) = ask(&app, HistoryQuery::Tracks(search(query)?)).await? else {
        return Err(unexpected());
    };
    for track in &mut page.items {
        mask::hide(role, &mut track.operator);
    }
    Ok(json(&TrackPage { reached: page.reached, tracks: page.items, next: page.next }))
}

/// One track of the past, with its points
#[utoipa::path(
    get, path = "/api/v1/history/tracks/{id}", tag = "history",
    params(("id" = String, Path, description = "Id of the track", example = "T17"), PointsQuery),
    responses(
        (status = 200, description = "The track and its points, oldest first", body = TrackHistory),
        (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such track is on record", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "No index, or it does not answer", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn track(
    State(app): State<Arc<App>>,
    Extension(role): Extension<Role>,
    Path(id): Path<String>,
    query: Result<Query<PointsQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let id: TrackId = id.parse().map_err(|_| Problem::bad_request("a track id looks like T17"))?;
    let Query(query) = query.map_err(|r| Problem::bad_request(r.body_text()))?;
    let limit = query.limit.unwrap_or(POINTS_MAX);
    if !(1..=POINTS_MAX).contains(&limit) {
        return Err(Problem::bad_request(format!("limit: 1 to {POINTS_MAX}")));
    }
    let (from, to) = (time("from", query.from)?, time("to", query.to)?);
    let query = HistoryQuery::Track { id, from, to, skip: query.skip.unwrap_or(0), limit };
    let HistoryAnswer::Track(mut history) = ask(&app, query).await? else { return Err(unexpected()) };
    mask::hide(role, &mut history.track.operator);
    Ok(json_aside(move || history).await)
}

/// Alerts of the past
///
/// With their life as far as it is on record, newest first.
#[utoipa::path(
    get, path = "/api/v1/history/alerts", tag = "history", params(SearchQuery),
    responses(
        (status = 200, description = "What was found", body = AlertPage),
        (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "No index, or it does not answer", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn alerts(
    State(app): State<Arc<App>>,
    query: Result<Query<SearchQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let HistoryAnswer::Alerts(page) = ask(&app, HistoryQuery::Alerts(search(query)?)).await? else {
        return Err(unexpected());
    };
    Ok(json(&AlertPage { reached: page.reached, alerts: page.items, next: page.next }))
}

/// Incidents of the past
///
/// An incident is an alert and what it groups, until all of it is cleared. Newest first.
#[utoipa::path(
    get, path = "/api/v1/history/incidents", tag = "history", params(SearchQuery),
    responses(
        (status = 200, description = "What was found", body = IncidentPage),
        (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "No index, or it does not answer", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn incidents(
    State(app): State<Arc<App>>,
    query: Result<Query<SearchQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let HistoryAnswer::Incidents(page) = ask(&app, HistoryQuery::Incidents(search(query)?)).await? else {
        return Err(unexpected());
    };
    Ok(json(&IncidentPage { reached: page.reached, incidents: page.items, next: page.next }))
}

/// What people did, and what was configured
///
/// Commands, acknowledgements, starts and changes of the configuration, erasures; newest first. `near`, `zone` and a
/// status do not apply here; `identity` is who did it.
#[utoipa::path(
    get, path = "/api/v1/history/audit", tag = "history", params(SearchQuery),
    responses(
        (status = 200, description = "What was found", body = AuditPage),
        (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "No index, or it does not answer", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn audit(
    State(app): State<Arc<App>>,
    query: Result<Query<SearchQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let search = search(query)?;
    if search.near.is_some() || search.zone.is_some() {
        return Err(Problem::bad_request("the audit has no places: near and zone do not apply"));
    }
    let HistoryAnswer::Audit(page) = ask(&app, HistoryQuery::Audit(search)).await? else { return Err(unexpected()) };
    Ok(json(&AuditPage { reached: page.reached, records: page.items, next: page.next }))
}
