//! What flies and what watches, as a JSON document.

use lapwing_model::{Class, Geodetic};
use serde::{Deserialize, Serialize};

/// A simulated site over a stretch of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// Seed of everything random in it.
    pub seed: u64,
    /// Its length, seconds.
    pub duration_s: f64,
    /// Origin of all east, north, up coordinates.
    pub origin: Geodetic,
    /// What flies.
    pub objects: Vec<Object>,
    /// What watches.
    pub sensors: Vec<SimSensor>,
}

/// Something that flies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Object {
    /// Its name in the truth.
    pub id: String,
    /// What it is.
    pub class: Class,
    /// Radar cross-section, dBsm.
    pub rcs_dbsm: f64,
    /// From when it is there, seconds.
    #[serde(default)]
    pub from_s: f64,
    /// Until when, seconds; to the end when absent.
    pub until_s: Option<f64>,
    /// How it moves.
    pub flight: Flight,
    /// What it says of itself by Remote ID.
    pub remote_id: Option<RemoteId>,
    /// What it says of itself by ADS-B.
    pub adsb: Option<Adsb>,
}

/// How an object moves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Flight {
    /// From point to point at constant speed on straight lines; holds the last point.
    Route {
        /// Speed along the route, metres per second.
        speed_mps: f64,
        /// The points; the route begins at the first.
        points: Vec<WayPoint>,
    },
    /// Round and round.
    Circle {
        /// The centre.
        centre: WayPoint,
        /// Radius, metres.
        radius_m: f64,
        /// Speed, metres per second; negative is anticlockwise.
        speed_mps: f64,
    },
    /// As birds do: a smooth wander around a centre.
    Wander {
        /// The centre.
        centre: WayPoint,
        /// How far it strays, metres.
        radius_m: f64,
        /// Typical speed, metres per second.
        speed_mps: f64,
    },
}

/// A point in the scenario's east, north, up coordinates, metres.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WayPoint {
    /// East of the origin.
    pub east_m: f64,
    /// North of the origin.
    pub north_m: f64,
    /// Above the origin's horizontal plane.
    pub up_m: f64,
}

/// Remote ID of an object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoteId {
    /// Serial number.
    pub serial: String,
    /// Transmitter address, `02:00:00:00:00:01`.
    pub mac: String,
    /// Where the operator stands; the object's first place when absent.
    pub operator: Option<WayPoint>,
    /// Operator registration number.
    pub operator_id: Option<String>,
    /// What it says it is for.
    pub text: Option<String>,
    /// How it lies, if it does.
    pub spoof: Option<Spoof>,
}

/// A false place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spoof {
    /// From when, seconds.
    pub from_s: f64,
    /// The claimed place drifts away from the true one with this velocity, metres per second east ...
    pub east_mps: f64,
    /// ... and north.
    pub north_mps: f64,
}

/// ADS-B of an object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adsb {
    /// 24-bit address.
    pub icao_address: u32,
    /// Callsign.
    pub callsign: String,
}

/// Something that watches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimSensor {
    /// Its id, as in the site's configuration.
    pub id: String,
    /// Where it stands.
    pub place: WayPoint,
    /// What it is.
    pub model: SensorModel,
    /// When it dies, seconds.
    pub dies_at_s: Option<f64>,
    /// When it comes back, seconds.
    pub returns_at_s: Option<f64>,
}

/// How a sensor sees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SensorModel {
    /// A radar that measures range, azimuth, elevation and range rate, and speaks Lapwing's own JSON.
    Radar {
        /// Time between scans, seconds.
        period_s: f64,
        /// Greatest range, metres.
        range_max_m: f64,
        /// Detection probability.
        detection_probability: f64,
        /// One sigma of range, metres.
        range_sd_m: f64,
        /// One sigma of azimuth, degrees.
        azimuth_sd_deg: f64,
        /// One sigma of elevation, degrees.
        elevation_sd_deg: f64,
        /// One sigma of range rate, metres per second.
        range_rate_sd_mps: f64,
        /// Mean number of false plots per scan.
        clutter_per_scan: f64,
    },
    /// A Remote ID receiver that speaks DroneScout's JSON.
    RemoteId {
        /// Greatest range, metres.
        range_max_m: f64,
    },
    /// A Mode S receiver that speaks Beast.
    Adsb {
        /// Greatest range, metres.
        range_max_m: f64,
    },
}
