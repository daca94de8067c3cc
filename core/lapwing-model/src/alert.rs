//! Warnings and their life.

use crate::id::{AlertId, Position, TrackId, ZoneId};
use crate::text::AirText;
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// How urgent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Notice,
    /// Will enter soon.
    Warning,
    /// Is inside.
    Critical,
}

/// Where an alert is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// Nobody has answered yet.
    Raised,
    /// Somebody has seen it.
    Acknowledged,
    /// The cause is gone. Final.
    Cleared,
}

/// Why an alert stands: the rule, the zone and the numbers at the time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AlertReason {
    /// Name of the rule.
    pub rule: AirText,
    /// The zone.
    pub zone: ZoneId,
    /// Probability of being inside now, 0 to 1.
    pub inside_probability: f64,
    /// When it is expected to enter; `None` when it is not, or is inside.
    pub entry_predicted_at: Option<Time>,
    /// One sigma of that time, seconds.
    pub entry_sd_s: Option<f64>,
    /// When it entered.
    pub entered_at: Option<Time>,
    /// Distance to the zone's border in the horizontal plane, metres; 0 inside.
    pub distance_m: f64,
    /// Whether the height took part in the judgement; `false` when it is unknown or of another datum, and then the zone
    /// is taken at any height.
    pub height_known: bool,
}

/// A step in an alert's life.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AlertStep {
    /// When.
    pub at: Time,
    /// Which state it brought.
    pub state: AlertState,
    /// How urgent from then on.
    pub severity: Severity,
    /// Who did it; `None` for the server itself.
    pub by: Option<AirText>,
    /// In words.
    pub note: Option<AirText>,
}

/// A warning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Alert {
    /// Its id.
    pub id: AlertId,
    /// Its state.
    pub state: AlertState,
    /// How urgent.
    pub severity: Severity,
    /// The aircraft.
    pub track: TrackId,
    /// One line a tired guard understands.
    pub headline: AirText,
    /// Why.
    pub reason: AlertReason,
    /// When it was raised.
    pub raised_at: Time,
    /// When it last changed.
    pub changed_at: Time,
    /// Its life so far, oldest first.
    pub steps: Vec<AlertStep>,
    /// Journal entries it came from.
    pub entries: Vec<Position>,
}
