//! One track per aircraft.

use crate::classification::Classification;
use crate::geo::Place;
use crate::height::Heights;
use crate::id::{Position, SensorId, TrackId};
use crate::identity::Identity;
use crate::report::{ClaimedOperator, OperationalStatus, Protocol, Transmitter};
use crate::text::AirText;
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// Where a track is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// May be false.
    Tentative,
    /// Taken for real.
    Confirmed,
    /// Taken for real, not seen lately: its place is a prediction.
    Coasting,
    /// Over. Its id never returns.
    Ended,
}

/// Where and how fast, with how well that is known. All at one time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Kinematics {
    /// The time the state is for.
    pub at: Time,
    /// Where.
    pub place: Place,
    /// How high, by datum; unknown where no source said.
    pub heights: Heights,
    /// 95 % radius of the place, metres.
    pub horizontal_accuracy_m: f64,
    /// Speed over ground, metres per second.
    pub speed_mps: Option<f64>,
    /// 95 % bound of the speed, metres per second.
    pub speed_accuracy_mps: Option<f64>,
    /// Course over ground, radians clockwise from true north; `None` when it does not move measurably.
    pub course_rad: Option<f64>,
    /// Vertical speed, metres per second, up positive.
    pub vertical_speed_mps: Option<f64>,
}

/// A point of a track's past.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TrailPoint {
    /// When.
    pub at: Time,
    /// Where.
    pub place: Place,
}

/// One source that contributes to a track.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Source {
    /// The sensor.
    pub sensor: SensorId,
    /// How its claims were carried; `None` for what it measured itself.
    pub protocol: Option<Protocol>,
    /// When it last contributed.
    pub last_at: Time,
    /// How often it did.
    pub count: u64,
}

/// One aircraft as the picture has it: fused state, identity, and where it came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Track {
    /// Its id.
    pub id: TrackId,
    /// Where it is in its life.
    pub phase: Phase,
    /// Probability that there is an aircraft, 0 to 1.
    pub existence: f64,
    /// Whether only self-reports support it: then nothing but its own word says that it is there.
    pub claimed_only: bool,
    /// When it was first seen.
    pub first_at: Time,
    /// When it was last seen.
    pub last_at: Time,
    /// Where and how fast.
    pub kinematics: Kinematics,
    /// Who.
    pub identity: Identity,
    /// What.
    pub classification: Classification,
    /// What it says it is doing.
    pub status: Option<OperationalStatus>,
    /// Its operator, as claimed.
    pub operator: Option<ClaimedOperator>,
    /// Free text it sends.
    pub text: Option<AirText>,
    /// Mode A code.
    pub squawk: Option<AirText>,
    /// Radio addresses it used.
    pub transmitters: Vec<Transmitter>,
    /// Who contributes.
    pub sources: Vec<Source>,
    /// Journal entries it came from: the first ones and the latest ones.
    pub entries: Vec<Position>,
    /// How many journal entries in all.
    pub entries_total: u64,
    /// Its past, oldest first.
    pub trail: Vec<TrailPoint>,
}
