//! The words other crates use with the tracker.

use crate::motion::Motion;
use lapwing_model::{Enu, LocalFrame, Measurement, Phase, Time, TrackId};

/// A name as the tracker sees it: equal labels were claimed under one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label(pub u64);

/// One measurement of one time, with what the tracker needs beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// When it was measured (aligned to the server's clock).
    pub measured_at: Time,
    /// What was measured.
    pub measurement: Measurement,
    /// Velocity over ground, where the source says it: east, north, up, metres per second, in the local horizon at the
    /// measured place. Up may be unknown.
    pub velocity: Option<Velocity>,
    /// The name it was claimed under; `None` for what a sensor measured itself.
    pub label: Option<Label>,
    /// Whether it is an aircraft's own word (a claim) rather than a measurement.
    pub self_report: bool,
    /// Probability that the source takes it for real, 0 to 1, where it says so.
    pub confidence: Option<f64>,
}

/// A velocity with one sigma per axis, metres per second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Velocity {
    /// East.
    pub east_mps: f64,
    /// North.
    pub north_mps: f64,
    /// Up, when known.
    pub up_mps: Option<f64>,
    /// One sigma of each axis.
    pub sd_mps: f64,
}

/// What became of an observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It updated this track, or repeats word for word what this track already has of the same sensor and time (then
    /// the track is unchanged).
    Updated(TrackId),
    /// It began this track.
    Began(TrackId),
    /// It cannot start or update a track by itself (a lone bearing, a presence), and is counted.
    Held,
    /// It cannot be used, and why (`too-late`, `in-future`, `out-of-range`, `not-finite`, `sensor-place-unknown`,
    /// `table-full`).
    Rejected(&'static str),
}

/// A change in a track's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It began.
    Began(TrackId),
    /// Its phase changed.
    Phase(TrackId, Phase),
    /// It ended; why (`not-seen`, `refuted`, `too-uncertain`, `gave-way`).
    Ended(TrackId, &'static str),
    /// Two tracks turned out to be one: the first stays.
    Joined {
        /// Stays.
        into: TrackId,
        /// Ends.
        from: TrackId,
    },
    /// A label that a live track carries was claimed where that track cannot be: a new track began there.
    LabelElsewhere {
        /// The label.
        label: Label,
        /// The track that carried it.
        known: TrackId,
        /// The new one.
        new: TrackId,
    },
}

/// The state of a track at a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// The frame the numbers are in.
    pub frame: LocalFrame,
    /// The time they are for.
    pub at: Time,
    /// Position in the frame, metres.
    pub position: Enu,
    /// Velocity in the frame, metres per second.
    pub velocity: Enu,
    /// Covariance of (east, north, up, east rate, north rate, up rate).
    pub covariance: [[f64; 6]; 6],
    /// Whether the height was ever measured; when not, `up` and its covariance mean nothing.
    pub height_known: bool,
    /// Probability that there is an aircraft.
    pub existence: f64,
    /// Where it is in its life.
    pub phase: Phase,
    /// Whether only self-reports support it.
    pub claimed_only: bool,
    /// When it was last updated.
    pub last_at: Time,
    /// How it is expected to move, for [`Estimate::predict`].
    pub motion: Motion,
}
