//! How the server itself is.

use super::json;
use crate::app::App;
use crate::feeds::JournalState;
use axum::extract::State;
use axum::response::Response;
use lapwing_model::snapshot::Health;
use lapwing_model::{AlertState, Phase, Snapshot, Time, limits};
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// How the server is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Status {
    /// Version of the server.
    #[schema(value_type = String)]
    version: &'static str,
    /// Name of the site.
    site: String,
    /// The picture's time.
    at: Time,
    /// The picture's time when the server started.
    started_at: Time,
    /// How long it has been running, in the picture's time, seconds.
    uptime_s: f64,
    /// What there is.
    counts: Counts,
    /// The books of all inputs together, in units.
    books: Books,
    /// The journal.
    journal: JournalState,
    /// Every bound of the server.
    limits: Vec<Limit>,
}

/// How many there are of each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct Counts {
    /// Tracks that may be false.
    pub(crate) tracks_tentative: usize,
    /// Tracks taken for real.
    pub(crate) tracks_confirmed: usize,
    /// Tracks taken for real and not seen lately.
    pub(crate) tracks_coasting: usize,
    /// Alerts nobody has answered.
    pub(crate) alerts_raised: usize,
    /// Alerts somebody has seen.
    pub(crate) alerts_acknowledged: usize,
    /// Alerts that are over and still shown.
    pub(crate) alerts_cleared: usize,
    /// Sensors never heard.
    pub(crate) sensors_waiting: usize,
    /// Sensors that work.
    pub(crate) sensors_live: usize,
    /// Sensors gone silent.
    pub(crate) sensors_silent: usize,
    /// Sensors that are heard and do not work.
    pub(crate) sensors_faulty: usize,
    /// Live clients connected.
    pub(crate) clients: usize,
    /// Live clients closed because they were too slow.
    pub(crate) clients_closed_slow: u64,
}

/// What became of everything received. `received = used + rejected + shed`, exactly.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct Books {
    /// Units received.
    received: u64,
    /// Units used.
    used: u64,
    /// Units rejected, for any reason.
    rejected: u64,
    /// Units shed, for any reason.
    shed: u64,
    /// Whether the books of every input balance.
    balanced: bool,
}

/// A bound of the server.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Limit {
    /// Of what.
    #[schema(value_type = String)]
    name: &'static str,
    /// How many.
    value: usize,
    /// Of which unit.
    #[schema(value_type = String)]
    unit: &'static str,
}

impl Counts {
    /// Counts a snapshot and the clients.
    pub(crate) fn of(app: &App, snapshot: &Snapshot) -> Self {
        let phase = |phase| snapshot.tracks.iter().filter(|t| t.phase == phase).count();
        let alert = |state| snapshot.alerts.iter().filter(|a| a.state == state).count();
        let sensor = |health| snapshot.sensors.iter().filter(|s| s.health == health).count();
        Self {
            tracks_tentative: phase(Phase::Tentative),
            tracks_confirmed: phase(Phase::Confirmed),
            tracks_coasting: phase(Phase::Coasting),
            alerts_raised: alert(AlertState::Raised),
            alerts_acknowledged: alert(AlertState::Acknowledged),
            alerts_cleared: alert(AlertState::Cleared),
            sensors_waiting: sensor(Health::Waiting),
            sensors_live: sensor(Health::Live),
            sensors_silent: sensor(Health::Silent),
            sensors_faulty: sensor(Health::Faulty),
            clients: app.clients_connected(),
            clients_closed_slow: app.clients_closed_slow.load(Ordering::Relaxed),
        }
    }
}

impl Books {
    fn of(snapshot: &Snapshot) -> Self {
        let mut sum = Self { balanced: true, ..Self::default() };
        for ledger in snapshot.inputs.iter().map(|i| &i.ledger) {
            sum.received = sum.received.saturating_add(ledger.received);
            sum.used = sum.used.saturating_add(ledger.used);
            sum.rejected = sum.rejected.saturating_add(ledger.rejected_total());
            sum.shed = sum.shed.saturating_add(ledger.shed_total());
            sum.balanced &= ledger.balances();
        }
        sum
    }
}

/// How the server is
#[utoipa::path(
    get, path = "/api/v1/status", tag = "health",
    responses((status = 200, description = "Version, counts, books, journal, bounds", body = Status))
)]
pub(crate) async fn status(State(app): State<Arc<App>>) -> Response {
    let snapshot = app.snapshot();
    let site = app.site.borrow().name.as_str().to_owned();
    let journal = app.journal.borrow().clone();
    json(&Status {
        version: env!("CARGO_PKG_VERSION"),
        site,
        at: snapshot.at,
        started_at: app.started_at,
        uptime_s: snapshot.at.since(app.started_at).as_seconds_f64(),
        counts: Counts::of(&app, &snapshot),
        books: Books::of(&snapshot),
        journal,
        limits: limits::ALL.iter().map(|&(name, value, unit)| Limit { name, value, unit }).collect(),
    })
}
