//! The words other crates use with the tracker.

use crate::gaussian::{Covariance, Gaussian};
use crate::motion::Motion;
use lapwing_model::{Classification, Enu, LocalFrame, Measurement, Phase, Position, SensorId, Span, Time, TrackId};

/// A name as the tracker sees it: equal labels were claimed under one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Label(pub u64);

/// One measurement of one time, with what the tracker needs beside it.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Observation {
    /// When it was measured (by the sensor's clock, set right as far as that is known).
    pub measured_at: Time,
    /// What its time stamp was cut to (tenths of a second): its time is known no better.
    pub cut_to: Span,
    /// What was measured.
    pub measurement: Measurement,
    /// Velocity over ground, where the source says it: east, north, up, metres per second, in the local horizon at the
    /// measured place. Up may be unknown.
    pub velocity: Option<Velocity>,
    /// The name it was claimed under; `None` for what a sensor measured itself.
    pub label: Option<Label>,
    /// Whether it is an aircraft's own word (a claim) rather than a measurement.
    pub self_report: bool,
    /// Whether it is the state of a track of the sensor's own: correlated in time, and taken in as such.
    pub sensor_track: bool,
    /// Probability that the source takes it for real, 0 to 1, where it says so.
    pub confidence: Option<f64>,
    /// What the sensor takes it for.
    pub classification: Option<Classification>,
    /// Radar cross-section, dBsm.
    pub rcs_dbsm: Option<f64>,
    /// Height above the ellipsoid that a claim says and that is not to be taken for its height: only held against sensors to
    /// find their systematic errors, metres.
    pub said_height_ellipsoid_m: Option<f64>,
    /// The journal entry it came from.
    pub entry: Option<Position>,
}

impl Observation {
    /// A measurement without anything beside it.
    pub fn new(measured_at: Time, measurement: Measurement) -> Self {
        Self {
            measured_at,
            cut_to: Span::ZERO,
            measurement,
            velocity: None,
            label: None,
            self_report: false,
            sensor_track: false,
            confidence: None,
            classification: None,
            rcs_dbsm: None,
            said_height_ellipsoid_m: None,
            entry: None,
        }
    }
}

/// A velocity with one sigma per axis, metres per second.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
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

/// What a scan is beside its observations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scan {
    /// The sensor's number for it; a number and time that were heard before are a repetition, which changes nothing.
    pub number: Option<u64>,
    /// When it began, by the sensor's clock.
    pub began_at: Time,
    /// Whether all of it is here: then what the sensor covers and did not see was missed.
    pub complete: bool,
}

/// What became of an observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It updated this track.
    Updated(TrackId),
    /// It began this track.
    Began(TrackId),
    /// It repeats word for word what was heard before: nothing changed.
    Repeated(Option<TrackId>),
    /// It makes no track by itself (a lone plot, a bearing, a presence); it is kept as long as it may help one, and counted.
    Held,
    /// It waits, for what belongs with it or, being late, for the next look back; [`Change::Late`] tells what became of it.
    Late,
    /// It cannot be used, and why (`too-late`, `in-future`, `out-of-range`, `not-finite`, `sensor-place-unknown`,
    /// `table-full`).
    Rejected(&'static str),
}

/// A change in a track's life.
#[derive(Debug, Clone, PartialEq)]
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
    /// An observation that was late, or waited for others, was taken in, and updated a track.
    Late {
        /// The track.
        track: TrackId,
        /// The sensor it came from.
        sensor: SensorId,
        /// The observation.
        observation: Box<Observation>,
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

impl Estimate {
    /// The estimate `dt` later (or earlier): mean and covariance with process noise; existence and phase as they are.
    pub fn predict(&self, dt: Span) -> Self {
        let (x, v) = (self.position, self.velocity);
        let mean = [x.east_m, x.north_m, x.up_m, v.east_m, v.north_m, v.up_m];
        let mut state = Gaussian { mean, covariance: Covariance::of(&self.covariance) };
        crate::motion::predict(&mut state, self.motion, dt.as_seconds_f64(), self.height_known);
        let [e, n, u, ve, vn, vu] = state.mean;
        Self {
            at: self.at + dt,
            position: Enu::new(e, n, u),
            velocity: Enu::new(ve, vn, vu),
            covariance: state.covariance.square(),
            ..self.clone()
        }
    }
}

/// What a sensor's systematic errors are estimated to be, in the sense "reads too much by".
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bias {
    /// Range, metres; with its one sigma.
    pub range_m: (f64, f64),
    /// Azimuth, radians.
    pub azimuth_rad: (f64, f64),
    /// Elevation, radians.
    pub elevation_rad: (f64, f64),
    /// Clock, seconds: its time stamps are late by.
    pub clock_s: (f64, f64),
    /// Aircraft that contributed.
    pub aircraft: u32,
    /// Whether it is applied: enough aircraft agree, and it is known well enough.
    pub converged: bool,
}
