//! What the picture says as it changes.

use crate::alert::Alert;
use crate::fault::Fault;
use crate::id::{InputId, Position, SensorId, TrackId};
use crate::report::Claim;
use crate::snapshot::{Health, Link};
use crate::text::AirText;
use crate::time::Time;
use crate::track::Track;
use serde::{Deserialize, Serialize};

/// One thing that happened in the picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Event {
    /// Running number from 0.
    pub sequence: u64,
    /// When, in the picture's time.
    pub at: Time,
    /// The journal entry being handled, or the latest one of what had waited for others and was taken in now; `None` for what a
    /// deadline brought.
    pub cause: Option<Position>,
    /// What.
    #[serde(flatten)]
    pub body: EventBody,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EventBody {
    /// A track began.
    TrackBegan {
        /// The track.
        track: Box<Track>,
    },
    /// A track's state, at most once a second each, and whenever its phase or identity changes.
    TrackUpdated {
        /// The track, without its trail.
        track: Box<Track>,
    },
    /// A track ended.
    TrackEnded {
        /// Which.
        track: TrackId,
        /// Why.
        why: AirText,
    },
    /// Two tracks turned out to be one aircraft.
    TracksJoined {
        /// The one that stays.
        into: TrackId,
        /// The one that ends.
        from: TrackId,
        /// Why.
        why: AirText,
    },
    /// What one track said of itself was split off as another aircraft's.
    TrackSplit {
        /// The track that stays.
        from: TrackId,
        /// The new one.
        into: TrackId,
        /// Why.
        why: AirText,
    },
    /// An alert was raised, changed, acknowledged or cleared.
    AlertChanged {
        /// The alert as it is now.
        alert: Box<Alert>,
    },
    /// A sensor's health changed.
    SensorChanged {
        /// Which.
        sensor: SensorId,
        /// How it is now.
        health: Health,
        /// Why.
        why: Option<AirText>,
    },
    /// An input's transport changed.
    InputChanged {
        /// Which.
        input: InputId,
        /// How it is now.
        link: Link,
    },
    /// Bytes could not be used; at most one of a reason per input and second, with how many there were.
    Faulted {
        /// Which input.
        input: InputId,
        /// What.
        fault: Fault,
        /// How many of this reason since the last such event.
        count: u64,
    },
    /// A claim without any place, of an aircraft that no track stands for.
    ClaimWithoutPlace {
        /// The claim.
        claim: Box<Claim>,
    },
}

impl EventBody {
    /// The track that it tells of.
    pub fn track(&self) -> Option<TrackId> {
        match self {
            Self::TrackBegan { track } | Self::TrackUpdated { track } => Some(track.id),
            Self::TrackEnded { track, .. } => Some(*track),
            Self::TracksJoined { into, .. } | Self::TrackSplit { into, .. } => Some(*into),
            Self::AlertChanged { alert } => Some(alert.track),
            _ => None,
        }
    }

    /// Whether an output may never lose it: alerts and sensor losses.
    pub fn is_vital(&self) -> bool {
        matches!(self, Self::AlertChanged { .. } | Self::SensorChanged { .. })
    }
}
