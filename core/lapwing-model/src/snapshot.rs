//! The air picture at one instant, for readers.

use crate::alert::Alert;
use crate::fault::Fault;
use crate::id::{InputId, SensorId};
use crate::ledger::Ledger;
use crate::sensor::Sensor;
use crate::tagged::tagged_in_text;
use crate::text::AirText;
use crate::time::Time;
use crate::track::Track;
use serde::{Deserialize, Serialize};

/// How a sensor is, as the server sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Never heard since the start.
    Waiting,
    /// Heard within its interval.
    Live,
    /// Not heard for three of its intervals: what it covers is blind.
    Silent,
    /// Heard, but it says it is not well, or most of what it sends cannot be used.
    Faulty,
}

/// A sensor and how it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SensorState {
    /// Its configuration.
    pub sensor: Sensor,
    /// How it is.
    pub health: Health,
    /// Why, when not live.
    pub why: Option<AirText>,
    /// When it was last heard.
    pub last_at: Option<Time>,
    /// Since when it is so.
    pub since: Time,
    /// Reports used so far.
    pub reports: u64,
}

/// State of an input's transport.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(remote = "Self", tag = "state", rename_all = "snake_case")]
pub enum Link {
    /// Not yet tried.
    Starting,
    /// Works.
    Up,
    /// Does not work.
    Down {
        /// Why.
        why: AirText,
    },
    /// Came to its end (a file).
    Finished,
}

tagged_in_text!(Link, PlainLink);

#[derive(Serialize, Deserialize)]
#[serde(remote = "Link")]
enum PlainLink {
    Starting,
    Up,
    Down { why: AirText },
    Finished,
}

/// An input, its transport and its books.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InputState {
    /// Which.
    pub input: InputId,
    /// Its sensor.
    pub sensor: SensorId,
    /// Its format.
    pub format: AirText,
    /// Its transport.
    pub transport: AirText,
    /// State of the transport.
    pub link: Link,
    /// What became of everything it received.
    pub ledger: Ledger,
    /// Its latest faults, newest last.
    pub faults: Vec<Fault>,
}

/// The air picture at one instant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Snapshot {
    /// The time it is for.
    pub at: Time,
    /// Live tracks, by id.
    pub tracks: Vec<Track>,
    /// Alerts, newest first: all live ones, and the latest cleared ones.
    pub alerts: Vec<Alert>,
    /// Sensors, in configured order.
    pub sensors: Vec<SensorState>,
    /// Inputs, in configured order.
    pub inputs: Vec<InputState>,
}
