//! Site, zones, sensors, inputs, outputs, events.

use super::json;
use crate::app::App;
use crate::feeds::OutputState;
use crate::geojson::{self, ZoneCollection};
use crate::mask::{self, Role};
use crate::problem::Problem;
use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use lapwing_model::{Event, InputState, SensorState, Site, Time};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, PoisonError};

/// Most events of one answer.
const EVENTS_PER_ANSWER_MAX: usize = 1_000;

/// Sensors at one time.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SensorList<'a> {
    /// The picture's time.
    at: Time,
    /// Sensors, in configured order.
    #[schema(value_type = Vec<SensorState>)]
    sensors: &'a [SensorState],
}

/// Inputs at one time.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct InputList<'a> {
    /// The picture's time.
    at: Time,
    /// Inputs, in configured order.
    #[schema(value_type = Vec<InputState>)]
    inputs: &'a [InputState],
}

/// Outputs as they are now.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct OutputList {
    /// Outputs, in configured order.
    outputs: Vec<OutputState>,
}

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventsQuery {
    /// First sequence number wanted; without it, the latest events.
    since: Option<u64>,
    /// How many at most, 1 to 1000.
    limit: Option<usize>,
}

/// Some of the latest events.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct EventList {
    /// What to give as `since` to go on from here.
    next: u64,
    /// Whether nothing is missing between `since` and `next` (but track updates, which are not kept). `false`: the
    /// oldest asked for are no longer held; the journal has them.
    complete: bool,
    /// Oldest first.
    events: Vec<Event>,
}

/// What is configured
#[utoipa::path(
    get, path = "/api/v1/site", tag = "site",
    responses((status = 200, description = "The configuration the picture works with", body = Site))
)]
pub(crate) async fn site(State(app): State<Arc<App>>) -> Response {
    let site = Arc::clone(&app.site.borrow());
    json(&*site)
}

/// Zones as GeoJSON
#[utoipa::path(
    get, path = "/api/v1/zones", tag = "site",
    responses((status = 200, description = "A FeatureCollection; circles as polygons, with the circle in the properties", body = ZoneCollection))
)]
pub(crate) async fn zones(State(app): State<Arc<App>>) -> Response {
    let site = Arc::clone(&app.site.borrow());
    super::json_aside(move || geojson::collection(&site.zones)).await
}

/// Sensors and how they are
#[utoipa::path(
    get, path = "/api/v1/sensors", tag = "health",
    responses((status = 200, description = "All sensors", body = SensorList))
)]
pub(crate) async fn sensors(State(app): State<Arc<App>>) -> Response {
    let snapshot = app.snapshot();
    json(&SensorList { at: snapshot.at, sensors: &snapshot.sensors })
}

/// Inputs, their transports and their books
#[utoipa::path(
    get, path = "/api/v1/inputs", tag = "health",
    responses((status = 200, description = "All inputs", body = InputList))
)]
pub(crate) async fn inputs(State(app): State<Arc<App>>) -> Response {
    let snapshot = app.snapshot();
    json(&InputList { at: snapshot.at, inputs: &snapshot.inputs })
}

/// Outputs and their queues
#[utoipa::path(
    get, path = "/api/v1/outputs", tag = "health",
    responses((status = 200, description = "All outputs", body = OutputList))
)]
pub(crate) async fn outputs(State(app): State<Arc<App>>) -> Response {
    let outputs = app.outputs.borrow().clone();
    json(&OutputList { outputs })
}

/// The latest events
///
/// For scripts that poll; the live feed has them as they happen. Updates of single tracks are not kept here.
#[utoipa::path(
    get, path = "/api/v1/events", tag = "picture", params(EventsQuery),
    responses(
        (status = 200, description = "Events, oldest first", body = EventList),
        (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn events(
    State(app): State<Arc<App>>,
    Extension(role): Extension<Role>,
    query: Result<Query<EventsQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|r| Problem::bad_request(r.body_text()))?;
    let limit = query.limit.unwrap_or(EVENTS_PER_ANSWER_MAX);
    if !(1..=EVENTS_PER_ANSWER_MAX).contains(&limit) {
        return Err(Problem::bad_request(format!("limit: 1 to {EVENTS_PER_ANSWER_MAX}")));
    }
    let slice = app.events.lock().unwrap_or_else(PoisonError::into_inner).since(query.since, limit);
    let events = slice.events.iter().map(|e| mask::event(role, e).into_owned()).collect();
    Ok(json(&EventList { next: slice.next, complete: slice.complete, events }))
}
