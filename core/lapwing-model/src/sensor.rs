//! Configured sensors: where they stand, what they see and how well.

use crate::classification::Class;
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
    /// Fraction of `range_max_m`, 0 to 1, up to which `detection_probability` holds; from there it falls linearly to 0.3 of
    /// itself at `range_max_m`. `None`: it holds everywhere.
    pub detection_taper_from: Option<f64>,
    /// Area covered where it is not a sector of a circle, square kilometres; used for the density of false plots.
    pub area_km2: Option<f64>,
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

/// What a sensor cannot tell apart: two aircraft nearer to each other than both of these give one plot, at their mean.
/// Without a range the azimuth alone decides; without an azimuth everything is told apart.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Resolution {
    /// Difference of slant range, metres.
    pub range_m: Option<f64>,
    /// Difference of azimuth, degrees.
    pub azimuth_deg: Option<f64>,
}

/// Systematic errors expected of a sensor before they are estimated: one sigma over sensors of its kind. `None`: none is
/// expected.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct BiasModel {
    /// Slant range, metres.
    pub range_m: Option<f64>,
    /// Azimuth (the sensor is not turned to north exactly), degrees.
    pub azimuth_deg: Option<f64>,
    /// Elevation (it does not stand level), degrees.
    pub elevation_deg: Option<f64>,
    /// Clock, seconds.
    pub clock_s: Option<f64>,
}

/// Radar cross-section of a class as this sensor sees it: normally distributed in decibels.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RcsModel {
    /// The class.
    pub class: Class,
    /// Mean, dBsm (decibels over one square metre).
    pub mean_dbsm: f64,
    /// One sigma, dB.
    pub sd_db: f64,
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
    /// How often it is expected to be heard; silent after [`Sensor::SILENT_AFTER_INTERVALS`] of these, or later where it speaks less evenly.
    pub interval: Span,
    /// Where it sees.
    pub coverage: Coverage,
    /// How well it sees.
    pub error: ErrorModel,
    /// Whether it turns, once an interval: then it looks at azimuth a, degrees clockwise from true north, a/360 of an
    /// interval after its scan's start.
    #[serde(default)]
    pub rotating: bool,
    /// What its reports usually take from the measurement to the server; `None` counts as none. Reports that take longer are
    /// used all the same, only with more work.
    #[serde(default)]
    pub latency: Option<Span>,
    /// False plots expected of one look over all of its coverage.
    #[serde(default)]
    pub clutter_per_look: Option<f64>,
    /// What it cannot tell apart.
    #[serde(default)]
    pub resolution: Resolution,
    /// Speed of what carries the signal, metres per second, where that matters (343 for sound in air): a bearing points to
    /// where the source was when the signal left it.
    #[serde(default)]
    pub signal_speed_mps: Option<f64>,
    /// Its systematic errors, as expected before they are estimated.
    #[serde(default)]
    pub bias_sd: BiasModel,
    /// Radar cross-sections by class, each class once at most; empty where it measures none.
    #[serde(default)]
    pub rcs: Vec<RcsModel>,
}

impl Sensor {
    /// Intervals without a word after which a sensor that speaks evenly is said to be silent; no sensor is before.
    pub const SILENT_AFTER_INTERVALS: i64 = 3;

    /// A sensor of which nothing else is known.
    pub fn new(id: SensorId, kind: SensorKind, place: Option<Geodetic>, interval: Span) -> Self {
        Self {
            id,
            kind,
            place,
            interval,
            coverage: Coverage::default(),
            error: ErrorModel::default(),
            rotating: false,
            latency: None,
            clutter_per_look: None,
            resolution: Resolution::default(),
            signal_speed_mps: None,
            bias_sd: BiasModel::default(),
            rcs: Vec::new(),
        }
    }

    /// What its reports usually take, none where nothing is said of it.
    pub fn usual_latency(&self) -> Span {
        self.latency.unwrap_or(Span::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As journals of earlier versions hold it.
    const OLD: &str = r#"{"id":"radar-1","kind":"radar","place":null,"interval":2.0,
        "coverage":{"range_max_m":5000.0,"detection_probability":0.9},"error":{"range_sd_m":10.0}}"#;

    #[test]
    fn a_sensor_of_an_old_journal_is_read_with_defaults() {
        let sensor: Sensor = serde_json::from_str(OLD).unwrap();
        let id = SensorId::new("radar-1").unwrap();
        let expected = Sensor {
            coverage: Coverage { range_max_m: Some(5000.0), detection_probability: Some(0.9), ..Coverage::default() },
            error: ErrorModel { range_sd_m: Some(10.0), ..ErrorModel::default() },
            ..Sensor::new(id, SensorKind::Radar, None, Span::from_seconds(2))
        };
        assert_eq!(sensor, expected);
    }

    #[test]
    fn what_a_sensor_is_survives_the_journal() {
        let id = SensorId::new("radar-1").unwrap();
        let sensor = Sensor {
            rotating: true,
            clutter_per_look: Some(15.0),
            resolution: Resolution { range_m: None, azimuth_deg: Some(4.0) },
            signal_speed_mps: Some(343.0),
            bias_sd: BiasModel { clock_s: Some(0.5), ..BiasModel::default() },
            rcs: vec![RcsModel { class: Class::Bird, mean_dbsm: -23.0, sd_db: 5.0 }],
            ..Sensor::new(id, SensorKind::Radar, None, Span::from_seconds(1))
        };
        let text = serde_json::to_string(&sensor).unwrap();
        assert_eq!(serde_json::from_str::<Sensor>(&text).unwrap(), sensor);
    }
}
