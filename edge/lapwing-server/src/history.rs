//! What the index remembers of the past, and how the server asks for it.
//!
//! The server holds no index: it hands a [`HistoryRequest`] to whoever does, and waits. The same types are what the command
//! line prints.

use lapwing_model::report::ClaimedOperator;
use lapwing_model::{
    Alert, AlertId, AlertState, Class, Heights, IdentityStatus, Name, Phase, Place, Position, Severity, Time, TrackId,
    ZoneId,
};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use tokio::sync::oneshot;

/// Most things of one answer.
pub const LIMIT_MAX: usize = 1_000;
/// Things of one answer where no limit is asked for.
pub const LIMIT_DEFAULT: usize = 100;
/// Most points of a track in one answer.
pub const POINTS_MAX: usize = 10_000;
/// Longest text to search an identity by, bytes.
pub const IDENTITY_BYTES_MAX: usize = 256;

/// Names an incident by its first alert: `I3` began with `A3`. Never changes and never returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, utoipa::ToSchema)]
#[schema(value_type = String, example = "I3")]
pub struct IncidentId(pub u64);

/// A text that is not an incident's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnIncident;

impl fmt::Display for NotAnIncident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an incident's id looks like I3")
    }
}

impl std::error::Error for NotAnIncident {}

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "I{}", self.0)
    }
}

impl FromStr for IncidentId {
    type Err = NotAnIncident;
    fn from_str(text: &str) -> Result<Self, NotAnIncident> {
        let digits = text.strip_prefix('I').ok_or(NotAnIncident)?;
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(NotAnIncident);
        }
        digits.parse().map(Self).map_err(|_| NotAnIncident)
    }
}

impl Serialize for IncidentId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for IncidentId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A circle on the ground.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Circle {
    /// Its centre.
    pub centre: Place,
    /// Its radius, metres.
    pub radius_m: f64,
}

/// A text that is not a circle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotACircle;

impl fmt::Display for NotACircle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected LATITUDE,LONGITUDE,RADIUS in degrees and metres, like 47.45,8.55,2000; at most 1000000 m")
    }
}

impl std::error::Error for NotACircle {}

impl FromStr for Circle {
    type Err = NotACircle;
    fn from_str(text: &str) -> Result<Self, NotACircle> {
        let mut numbers = text.split(',').map(|t| t.trim().parse::<f64>().map_err(|_| NotACircle));
        let mut next = || numbers.next().ok_or(NotACircle)?;
        let (latitude, longitude, radius_m) = (next()?, next()?, next()?);
        let centre = Place::new(latitude, longitude).ok_or(NotACircle)?;
        if numbers.next().is_some() || !(radius_m > 0.0 && radius_m <= 1_000_000.0) {
            return Err(NotACircle);
        }
        Ok(Self { centre, radius_m })
    }
}

/// What is looked for. Everything given has to hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Search {
    /// Nothing that was over before.
    pub from: Option<Time>,
    /// Nothing that began after.
    pub to: Option<Time>,
    /// Was there.
    pub near: Option<Circle>,
    /// Was over this zone's outline, or warned of for it.
    pub zone: Option<ZoneId>,
    /// A status (`claimed`, `contradicted`, ...) or a name the aircraft gave itself, in any case.
    pub identity: Option<String>,
    /// How many at most; 0 counts as [`LIMIT_DEFAULT`].
    pub limit: usize,
    /// Only what stands behind this number in the order of the answer: `next` of the page before.
    pub before: Option<u64>,
}

/// A question about the past.
#[derive(Debug, Clone, PartialEq)]
pub enum HistoryQuery {
    /// Which tracks?
    Tracks(Search),
    /// Where was this one? Between two times, after some points, at most so many.
    Track {
        /// Which.
        id: TrackId,
        /// No point before.
        from: Option<Time>,
        /// No point after.
        to: Option<Time>,
        /// Points to leave out at the beginning.
        skip: u64,
        /// How many points at most.
        limit: usize,
    },
    /// Which alerts?
    Alerts(Search),
    /// Which incidents?
    Incidents(Search),
    /// What did people, and what was configured?
    Audit(Search),
}

/// A question on its way to the index.
#[derive(Debug)]
pub struct HistoryRequest {
    /// What is asked.
    pub query: HistoryQuery,
    /// Where the answer goes.
    pub answer: oneshot::Sender<Result<HistoryAnswer, HistoryRefusal>>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HistoryRefusal {
    /// There is no such thing (404).
    NotFound(String),
    /// Not now (503).
    Unavailable(String),
}

/// The answer to a [`HistoryQuery`], by its kind.
#[derive(Debug, Clone, PartialEq)]
pub enum HistoryAnswer {
    /// Of `Tracks`.
    Tracks(Page<TrackRecord>),
    /// Of `Track`.
    Track(Box<TrackHistory>),
    /// Of `Alerts`.
    Alerts(Page<AlertRecord>),
    /// Of `Incidents`.
    Incidents(Page<IncidentRecord>),
    /// Of `Audit`.
    Audit(Page<AuditRecord>),
}

/// Some of what was found, newest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The journal's position the index has reached: what comes later is not in it yet.
    pub reached: Position,
    /// What was found.
    pub items: Vec<T>,
    /// What to give as `before` to go on; `null` at the end. A page may be short, or empty, before the end: a search looks
    /// at so much and no more at a time.
    pub next: Option<u64>,
}

/// The box a track stayed in, degrees. A track that crossed longitude 180 has a box around the globe.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Bounds {
    /// Least longitude.
    pub west_deg: f64,
    /// Least latitude.
    pub south_deg: f64,
    /// Greatest longitude.
    pub east_deg: f64,
    /// Greatest latitude.
    pub north_deg: f64,
}

/// One track over its whole life.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TrackRecord {
    /// Its id.
    pub id: TrackId,
    /// When it was first seen.
    pub first_at: Time,
    /// When it was last seen.
    pub last_at: Time,
    /// When it ended; `null` while it lives, or when its end is not on record.
    pub ended_at: Option<Time>,
    /// Why it ended.
    pub ended_why: Option<String>,
    /// The phase it was last told in.
    pub phase: Phase,
    /// Whether it was ever taken for real.
    pub confirmed: bool,
    /// Whether only its own word ever supported it.
    pub claimed_only: bool,
    /// The greatest probability that there was an aircraft, 0 to 1.
    pub existence_max: f64,
    /// How well its identity was supported, at last.
    pub identity: IdentityStatus,
    /// Names it gave.
    pub names: Vec<Name>,
    /// The likeliest class, at last.
    pub class: Option<Class>,
    /// Its probability, 0 to 1.
    pub class_probability: Option<f64>,
    /// The greatest severity of an alert about it.
    pub severity_max: Option<Severity>,
    /// Where it was.
    pub bounds: Bounds,
    /// How many points its history has.
    pub points: u64,
    /// The track it turned out to be, when two were joined.
    pub joined_into: Option<TrackId>,
    /// The track it was split off.
    pub split_from: Option<TrackId>,
    /// Its operator, as last claimed.
    pub operator: Option<ClaimedOperator>,
    /// Journal entries that told of it: the first.
    pub first_position: Position,
    /// Journal entries that told of it: the last.
    pub last_position: Position,
}

/// One point of a track's history.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HistoryPoint {
    /// The time the state is for.
    pub at: Time,
    /// Where.
    pub place: Place,
    /// How high, by datum.
    pub heights: Heights,
    /// 95 % radius of the place, metres.
    pub horizontal_accuracy_m: f64,
    /// Speed over ground, metres per second.
    pub speed_mps: Option<f64>,
    /// 95 % bound of the speed, metres per second.
    pub speed_accuracy_mps: Option<f64>,
    /// Course over ground, radians clockwise from true north.
    pub course_rad: Option<f64>,
    /// Vertical speed, metres per second, up positive.
    pub vertical_speed_mps: Option<f64>,
    /// Probability that there is an aircraft, 0 to 1.
    pub existence: f64,
    /// Where it was in its life.
    pub phase: Phase,
    /// How well its identity was supported.
    pub identity: IdentityStatus,
    /// Whether only its own word supported it.
    pub claimed_only: bool,
    /// The likeliest class.
    pub class: Option<Class>,
}

/// A track with points of its history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TrackHistory {
    /// The journal's position the index has reached.
    pub reached: Position,
    /// The track.
    pub track: TrackRecord,
    /// Points, oldest first.
    pub points: Vec<HistoryPoint>,
    /// What to give as `skip` to go on; `null` at the end.
    pub next: Option<u64>,
}

/// An alert and the incident it belongs to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AlertRecord {
    /// The incident.
    pub incident: IncidentId,
    /// The alert as it was last told, with its life.
    pub alert: Alert,
    /// The greatest severity it had.
    pub severity_max: Severity,
    /// Where the aircraft was when it was raised.
    pub place: Option<Place>,
}

/// An incident: an alert and what it groups, until all of it is cleared. Alerts on one zone, or about one aircraft, that
/// stand at the same time are one incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct IncidentRecord {
    /// Its id.
    pub id: IncidentId,
    /// When its first alert was raised.
    pub began_at: Time,
    /// When its last alert was cleared; `null` while one stands.
    pub ended_at: Option<Time>,
    /// How it ended: `cleared`, or that the server began anew and knows nothing of it.
    pub ended_why: Option<String>,
    /// When something about it last changed.
    pub changed_at: Time,
    /// The greatest severity of its alerts.
    pub severity_max: Severity,
    /// The headline of its first alert.
    pub headline: String,
    /// Zones concerned.
    pub zones: Vec<ZoneId>,
    /// Its alerts.
    pub alerts: Vec<AlertId>,
    /// The aircraft.
    pub tracks: Vec<TrackId>,
    /// Who acknowledged alerts of it.
    pub acknowledged_by: Vec<String>,
    /// The state of the alert that stands longest: raised, acknowledged or cleared.
    pub state: AlertState,
    /// First journal entry that told of it.
    pub first_position: Position,
    /// Last journal entry that told of it.
    pub last_position: Position,
}

/// Kinds of audit records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuditKind {
    /// A person ordered something.
    Command,
    /// The server started, or its configuration changed.
    Configuration,
    /// The server stopped in order.
    Stop,
    /// Something was done to the record itself: entries expired, a segment was given up, entries were not recorded.
    Record,
    /// Personal data was erased.
    Erasure,
    /// The signing key changed.
    Key,
}

/// One thing a person did, or the operator of the server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AuditRecord {
    /// Its journal entry.
    pub position: Position,
    /// When.
    pub at: Time,
    /// What kind.
    pub kind: AuditKind,
    /// Who; `null` for the server itself.
    pub by: Option<String>,
    /// In words.
    pub what: String,
    /// SHA-256 of the configuration as JSON, lower-case hex, where it is one.
    pub sha256: Option<String>,
}

/// Tracks found.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct TrackPage {
    /// The journal's position the index has reached.
    pub(crate) reached: Position,
    /// Newest first.
    pub(crate) tracks: Vec<TrackRecord>,
    /// What to give as `before` to go on; `null` at the end.
    pub(crate) next: Option<u64>,
}

/// Alerts found.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct AlertPage {
    /// The journal's position the index has reached.
    pub(crate) reached: Position,
    /// Newest first.
    pub(crate) alerts: Vec<AlertRecord>,
    /// What to give as `before` to go on; `null` at the end.
    pub(crate) next: Option<u64>,
}

/// Incidents found.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct IncidentPage {
    /// The journal's position the index has reached.
    pub(crate) reached: Position,
    /// Newest first.
    pub(crate) incidents: Vec<IncidentRecord>,
    /// What to give as `before` to go on; `null` at the end.
    pub(crate) next: Option<u64>,
}

/// Audit records found.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct AuditPage {
    /// The journal's position the index has reached.
    pub(crate) reached: Position,
    /// Newest first.
    pub(crate) records: Vec<AuditRecord>,
    /// What to give as `before` to go on; `null` at the end.
    pub(crate) next: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circles_are_checked() {
        let circle: Circle = "47.45, 8.55,2000".parse().unwrap();
        assert_eq!((circle.centre.latitude_deg, circle.radius_m), (47.45, 2000.0));
        for bad in ["", "1,2", "1,2,3,4", "91,0,5", "0,0,0", "0,0,-1", "0,0,NaN", "0,0,1e9", "a,b,c"] {
            assert!(bad.parse::<Circle>().is_err(), "{bad}");
        }
    }

    #[test]
    fn incidents_have_their_letter() {
        assert_eq!("I3".parse(), Ok(IncidentId(3)));
        assert_eq!(IncidentId(3).to_string(), "I3");
        for bad in ["3", "A3", "I", "I+1", "I1x", ""] {
            assert!(bad.parse::<IncidentId>().is_err(), "{bad}");
        }
    }
}
