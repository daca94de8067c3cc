//! Configured sensors: where they stand, what they see and how well.

use crate::geo::Geodetic;
use crate::id::SensorId;
use crate::time::Span;
use serde::{Deserialize, Serialize};

/// What a sensor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SensorKind {
    /// A Remote ID receiver.
    RemoteId,
    /// A Mode S / ADS-B receiver.
    Adsb,
    /// A primary radar.
    Radar,
    /// A radio direction finder.
    RfDirection,
    /// A microphone array.
    Acoustic,
    /// A camera.
    Camera,
    /// A multilateration system.
    Multilateration,
    /// People who report.
    Human,
    /// Anything else.
    Other,
}

/// Where a sensor can see. What is `None` is not limited.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Coverage {
    /// Least range, metres.
    pub range_min_m: Option<f64>,
    /// Greatest range, metres.
    pub range_max_m: Option<f64>,
    /// First azimuth of the sector clockwise from true north, degrees.
    pub azimuth_from_deg: Option<f64>,
    /// Last azimuth of the sector, degrees; may be less than the first (the sector crosses north).
    pub azimuth_to_deg: Option<f64>,
    /// Least elevation, degrees.
    pub elevation_min_deg: Option<f64>,
    /// Greatest elevation, degrees.
    pub elevation_max_deg: Option<f64>,
    /// Probability that an aircraft inside is detected at one look, 0 to 1.
    pub detection_probability: Option<f64>,
}

/// One-sigma errors, used where a measurement does not bring its own.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ErrorModel {
    /// Horizontal position, metres.
    pub horizontal_sd_m: Option<f64>,
    /// Vertical position, metres.
    pub vertical_sd_m: Option<f64>,
    /// Slant range, metres.
    pub range_sd_m: Option<f64>,
    /// Azimuth, degrees.
    pub azimuth_sd_deg: Option<f64>,
    /// Elevation, degrees.
    pub elevation_sd_deg: Option<f64>,
    /// Range rate, metres per second.
    pub range_rate_sd_mps: Option<f64>,
}

/// A configured source of reports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Sensor {
    /// Its name.
    pub id: SensorId,
    /// What it is.
    pub kind: SensorKind,
    /// Where it stands; `None` for one that need not stand anywhere (a network feed).
    pub place: Option<Geodetic>,
    /// How often it is expected to be heard; silent after [`Sensor::SILENT_AFTER_INTERVALS`] of these.
    pub interval: Span,
    /// Where it sees.
    pub coverage: Coverage,
    /// How well it sees.
    pub error: ErrorModel,
}

impl Sensor {
    /// Intervals without a word after which a sensor is said to be silent.
    pub const SILENT_AFTER_INTERVALS: i64 = 3;
}
