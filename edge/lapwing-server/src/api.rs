//! The routes, and the document that describes them.

mod alerts;
mod history;
mod lists;
pub(crate) mod status;
mod tracks;

use crate::access;
use crate::aircraft_json;
use crate::app::App;
use crate::console;
use crate::live::{Label, LiveMessage, client};
use crate::metrics;
use crate::problem::Problem;
use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use lapwing_model::limits;
use serde::Serialize;
use std::sync::{Arc, OnceLock};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Lapwing",
        description = "The air picture of a site: tracks, alerts, sensors and their health. It watches and warns; \
                       nothing here acts on an aircraft. Unknown values are null, never 0; units and datum stand in \
                       the names. Errors are application/problem+json (RFC 9457).",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    servers((url = "/", description = "This server")),
    components(schemas(LiveMessage, Label, Problem)),
    tags(
        (name = "picture", description = "Tracks and alerts"),
        (name = "history", description = "The past, as the index remembers it"),
        (name = "site", description = "What is configured"),
        (name = "health", description = "Sensors, inputs, outputs and the server itself"),
        (name = "live", description = "The WebSocket feed"),
        (name = "other formats", description = "For programs that know another interface")
    )
)]
struct Document;

/// Every route with its description. Nothing is routed any other way: see `access`.
fn described() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(lists::site))
        .routes(routes!(lists::zones))
        .routes(routes!(tracks::tracks))
        .routes(routes!(tracks::track))
        .routes(routes!(tracks::snapshot))
        .routes(routes!(alerts::alerts))
        .routes(routes!(alerts::alert))
        .routes(routes!(alerts::acknowledge))
        .routes(routes!(history::tracks))
        .routes(routes!(history::track))
        .routes(routes!(history::alerts))
        .routes(routes!(history::incidents))
        .routes(routes!(history::audit))
        .routes(routes!(lists::sensors))
        .routes(routes!(lists::inputs))
        .routes(routes!(lists::outputs))
        .routes(routes!(lists::events))
        .routes(routes!(status::status))
        .routes(routes!(live))
        .routes(routes!(openapi))
        .routes(routes!(aircraft_json::aircraft))
        .routes(routes!(aircraft_json::receiver))
        .routes(routes!(metrics::metrics))
}

/// The server's routes with all checks around them.
pub(crate) fn router(app: Arc<App>) -> Router {
    let (router, _) = described().split_for_parts();
    router
        .fallback(console::file)
        .layer(DefaultBodyLimit::max(limits::HTTP_BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), access::guard))
        .with_state(app)
}

/// The OpenAPI 3.1 document, as `/api/v1/openapi.json` gives it and as `web/src/api/openapi.json` holds it.
pub fn openapi_json() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        let mut document = described().into_openapi();
        document.info.version = String::from(env!("CARGO_PKG_VERSION"));
        let mut text = document.to_pretty_json().unwrap_or_default();
        text.push('\n');
        text
    })
}

/// This description
#[utoipa::path(
    get, path = "/api/v1/openapi.json", tag = "site",
    responses((status = 200, description = "OpenAPI 3.1", body = Object))
)]
async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], openapi_json()).into_response()
}

/// The live feed
///
/// A WebSocket. Text messages are `LiveMessage`s, binary ones are tracks as columns (docs/reference/api.md has the
/// layout). It starts with `hello`, a complete `state`, a binary snapshot and all `labels`; then come events as they
/// happen, binary deltas (at most five a second, at least one), and changed parts of the state (at most one a second).
/// A client that is slow gets fewer binary frames, never fewer messages; one that cannot take those is closed with 1008.
#[utoipa::path(
    get, path = "/api/v1/live", tag = "live",
    responses(
        (status = 101, description = "The feed; every text message is a LiveMessage", body = LiveMessage),
        (status = 400, description = "Not a WebSocket request", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many clients", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn live(
    State(app): State<Arc<App>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|r| Problem::new(r.status(), r.body_text()))?;
    let permit = Arc::clone(&app.clients)
        .try_acquire_owned()
        .map_err(|_| Problem::unavailable(format!("{} live clients are connected already", limits::CLIENTS_MAX)))?;
    // Clients have nothing to say: a pong is the longest message they need.
    let upgrade = upgrade.max_message_size(1024).max_frame_size(1024);
    Ok(upgrade.on_upgrade(move |socket| client::feed(socket, app, permit)))
}

/// An answer in JSON.
pub(crate) fn json<T: Serialize>(value: &T) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response(),
        Err(why) => {
            tracing::error!(%why, "an answer could not be written as JSON");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the answer could not be written").into_response()
        }
    }
}

/// A large answer in JSON, written off the threads that serve the others.
pub(crate) async fn json_aside<T: Serialize, F: FnOnce() -> T + Send + 'static>(make: F) -> Response {
    match tokio::task::spawn_blocking(move || json(&make())).await {
        Ok(response) => response,
        Err(_) => Problem::unavailable("the answer could not be written").into_response(),
    }
}

/// A comma-separated list of words as an enum's serialised names.
fn words<T: serde::de::DeserializeOwned>(name: &str, text: &str) -> Result<Vec<T>, Problem> {
    let parse = |word: &str| serde_json::from_value(serde_json::Value::from(word.trim()));
    let words: Result<Vec<T>, _> = text.split(',').map(parse).collect();
    words.map_err(|why| Problem::bad_request(format!("{name}: {why}")))
}

#[cfg(test)]
mod tests;
