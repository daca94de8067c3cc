//! What sensors and aircraft say: the five kinds of report.

use crate::classification::Classification;
use crate::geo::Place;
use crate::height::Heights;
use crate::id::SensorId;
use crate::identity::Name;
use crate::personal::Personal;
use crate::tagged::tagged_in_text;
use crate::text::AirText;
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// One report of a sensor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Report {
    /// One measurement at one time.
    Plot(Plot),
    /// A track formed by the sensor itself.
    SensorTrack(SensorTrack),
    /// What an aircraft says of itself.
    Claim(Box<Claim>),
    /// What a person reports.
    Sighting(Sighting),
    /// Health and mode of a sensor.
    SensorStatus(SensorStatus),
}

impl Report {
    /// The sensor the report names itself, when its wire format carries one; `None` means the input's sensor.
    pub fn sensor(&self) -> Option<&SensorId> {
        match self {
            Self::Plot(r) => r.sensor.as_ref(),
            Self::SensorTrack(r) => r.plot.sensor.as_ref(),
            Self::Claim(r) => r.sensor.as_ref(),
            Self::Sighting(r) => r.sensor.as_ref(),
            Self::SensorStatus(r) => r.sensor.as_ref(),
        }
    }
}

/// A measurement in the terms of the sensor that made it. Every `_sd_` is one sigma; `None` means the sensor's
/// configured error model applies. Azimuths are clockwise from true north, elevations above the sensor's horizontal.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", tag = "type", rename_all = "snake_case")]
pub enum Measurement {
    /// A position; the height may be unknown, and then it is 2-D.
    Position {
        /// Where.
        place: Place,
        /// How high, by datum.
        heights: Heights,
        /// One sigma, each horizontal axis, metres.
        horizontal_sd_m: Option<f64>,
        /// One sigma of the height, metres.
        vertical_sd_m: Option<f64>,
    },
    /// Slant range and azimuth, with elevation and range rate where the sensor has them.
    RangeAzimuth {
        /// Slant range, metres.
        range_m: f64,
        /// Azimuth, radians.
        azimuth_rad: f64,
        /// Elevation, radians.
        elevation_rad: Option<f64>,
        /// Range rate, metres per second, positive receding.
        range_rate_mps: Option<f64>,
        /// One sigma of the range, metres.
        range_sd_m: Option<f64>,
        /// One sigma of the azimuth, radians.
        azimuth_sd_rad: Option<f64>,
        /// One sigma of the elevation, radians.
        elevation_sd_rad: Option<f64>,
        /// One sigma of the range rate, metres per second.
        range_rate_sd_mps: Option<f64>,
    },
    /// A direction; the range is unknown.
    Bearing {
        /// Azimuth, radians.
        azimuth_rad: f64,
        /// Elevation, radians.
        elevation_rad: Option<f64>,
        /// One sigma of the azimuth, radians.
        azimuth_sd_rad: Option<f64>,
        /// One sigma of the elevation, radians.
        elevation_sd_rad: Option<f64>,
    },
    /// Range to this sensor minus range to another one (time difference of arrival).
    RangeDifference {
        /// The other sensor.
        reference_place: Place,
        /// The other sensor's height above the ellipsoid, metres.
        reference_height_ellipsoid_m: Option<f64>,
        /// The difference, metres.
        range_difference_m: f64,
        /// One sigma, metres.
        range_difference_sd_m: Option<f64>,
    },
    /// Something is there, within the sensor's coverage.
    Presence,
}

tagged_in_text!(Measurement, PlainMeasurement);

#[derive(Serialize, Deserialize)]
#[serde(remote = "Measurement")]
enum PlainMeasurement {
    Position {
        place: Place,
        heights: Heights,
        horizontal_sd_m: Option<f64>,
        vertical_sd_m: Option<f64>,
    },
    RangeAzimuth {
        range_m: f64,
        azimuth_rad: f64,
        elevation_rad: Option<f64>,
        range_rate_mps: Option<f64>,
        range_sd_m: Option<f64>,
        azimuth_sd_rad: Option<f64>,
        elevation_sd_rad: Option<f64>,
        range_rate_sd_mps: Option<f64>,
    },
    Bearing {
        azimuth_rad: f64,
        elevation_rad: Option<f64>,
        azimuth_sd_rad: Option<f64>,
        elevation_sd_rad: Option<f64>,
    },
    RangeDifference {
        reference_place: Place,
        reference_height_ellipsoid_m: Option<f64>,
        range_difference_m: f64,
        range_difference_sd_m: Option<f64>,
    },
    Presence,
}

/// One measurement at one time, not yet associated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plot {
    /// The sensor, when the format names it.
    pub sensor: Option<SensorId>,
    /// When it was measured, by the sensor's clock; `None` when the format does not say.
    pub measured_at: Option<Time>,
    /// The sensor's scan this plot belongs to: plots of one scan are of different aircraft.
    pub scan: Option<u64>,
    /// What was measured.
    pub measurement: Measurement,
    /// Course over ground, radians clockwise from true north, where the sensor measures it.
    pub course_rad: Option<f64>,
    /// Speed over ground, metres per second, where the sensor measures it.
    pub speed_mps: Option<f64>,
    /// What the sensor takes it for.
    pub classification: Option<Classification>,
    /// Radar cross-section, dBsm.
    pub rcs_dbsm: Option<f64>,
    /// The sensor's own confidence that it is real, 0 to 1.
    pub confidence: Option<f64>,
}

/// A track formed by the sensor itself: correlated in time, so not a plot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SensorTrack {
    /// The sensor's number or name for it.
    pub object: AirText,
    /// Its latest state, as a plot.
    pub plot: Plot,
    /// Vertical speed, metres per second, up positive.
    pub vertical_speed_mps: Option<f64>,
    /// Whether the sensor says the track has ended.
    pub ended: bool,
}

/// How a claim was carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// Remote ID in an 802.11 beacon.
    RemoteIdWifiBeacon,
    /// Remote ID in a Wi-Fi neighbour awareness frame.
    RemoteIdWifiNan,
    /// Remote ID in a Bluetooth 4 legacy advertisement.
    RemoteIdBluetoothLegacy,
    /// Remote ID in a Bluetooth 5 extended advertisement (coded PHY).
    RemoteIdBluetoothLongRange,
    /// Remote ID, carrier not said.
    RemoteId,
    /// Mode S replies (address, altitude, squawk) without position.
    ModeS,
    /// ADS-B on 1090 MHz by a transponder.
    Adsb,
    /// ADS-B from a device that is not a transponder (DF18, CF 0 or 1).
    AdsbNonTransponder,
    /// Traffic information broadcast from the ground: radar data, not a self-report.
    Tisb,
    /// ADS-B rebroadcast from another link.
    Adsr,
    /// Position found by multilateration of an aircraft's replies: measured, not claimed.
    Multilateration,
    /// DJI DroneID.
    DjiDroneId,
    /// Any other.
    Other,
}

/// Who transmitted, as far as the radio says. Not a name of the aircraft: addresses are randomised and shared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Transmitter {
    /// A Wi-Fi or Bluetooth address, as `90:3a:e6:5b:c8:a8`.
    Mac(AirText),
    /// A 24-bit ICAO address, as six lower-case hex digits.
    Icao(AirText),
    /// A 24-bit address that is not an ICAO one (track file number, anonymous, self-assigned).
    NonIcao(AirText),
    /// Anything else a receiver keys by.
    Other(AirText),
}

/// What an aircraft says it is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum OperationalStatus {
    /// On the ground.
    Ground,
    /// In the air.
    Airborne,
    /// Declares an emergency.
    Emergency,
    /// Says that its Remote ID system fails.
    RemoteIdFailure,
}

/// What a claim says of its operator.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ClaimedOperator {
    /// Where the operator is said to be.
    pub place: Option<Personal<Place>>,
    /// Height of the operator above the ellipsoid, metres.
    pub height_ellipsoid_m: Option<f64>,
    /// What `place` is: `takeoff`, `live_gnss` or `fixed`.
    pub place_source: Option<AirText>,
    /// Operator registration number.
    pub id: Option<Personal<AirText>>,
}

/// State of the authentication data a claim brought.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Authentication {
    /// Signature type of the format.
    pub signature_type: u8,
    /// Pages received.
    pub pages_received: u8,
    /// Pages announced.
    pub pages_announced: Option<u8>,
    /// Time of the signature.
    pub signed_at: Option<Time>,
    /// Assembled data in lower-case hex once complete: at most 255 bytes, 510 digits (more than an `AirText` holds).
    pub data_hex: Option<String>,
    /// Why the pages cannot be right, where they cannot.
    pub problem: Option<AirText>,
}

/// What an aircraft says of itself, in one transmission: often partial. Never a fact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Claim {
    /// The sensor, when the format names it.
    pub sensor: Option<SensorId>,
    /// How it was carried.
    pub protocol: Protocol,
    /// Who transmitted.
    pub transmitter: Option<Transmitter>,
    /// Names the aircraft gives itself.
    pub names: Vec<Name>,
    /// When the claimed position was measured, by the aircraft's clock made absolute with the reception time.
    pub measured_at: Option<Time>,
    /// The aircraft's time stamp exactly as sent, in seconds of its own scale (Remote ID: seconds after the full hour):
    /// one that stands still shows a forgery.
    pub timestamp_raw_s: Option<f64>,
    /// Bound of the time stamp's error, seconds.
    pub timestamp_accuracy_s: Option<f64>,
    /// Claimed place.
    pub place: Option<Place>,
    /// Claimed heights, by datum.
    pub heights: Heights,
    /// 95 % bound of the place, metres.
    pub horizontal_accuracy_m: Option<f64>,
    /// Course over ground, radians clockwise from true north.
    pub course_rad: Option<f64>,
    /// Speed over ground, metres per second.
    pub speed_mps: Option<f64>,
    /// Vertical speed, metres per second, up positive.
    pub vertical_speed_mps: Option<f64>,
    /// 95 % bound of the horizontal velocity, metres per second.
    pub speed_accuracy_mps: Option<f64>,
    /// What it says it is doing.
    pub status: Option<OperationalStatus>,
    /// What it says it is.
    pub classification: Option<Classification>,
    /// Its operator.
    pub operator: Option<ClaimedOperator>,
    /// Free text it sends.
    pub text: Option<AirText>,
    /// Authentication data.
    pub authentication: Option<Authentication>,
    /// Mode A code, four octal digits.
    pub squawk: Option<AirText>,
    /// Received signal strength, dBm (or dB of full scale where a receiver knows no better).
    pub rssi_db: Option<f64>,
    /// Radio channel number.
    pub channel: Option<u16>,
    /// Running message counter of the transmitter.
    pub counter: Option<u8>,
}

impl Claim {
    /// A claim that says nothing yet.
    pub fn new(protocol: Protocol) -> Self {
        Self {
            sensor: None,
            protocol,
            transmitter: None,
            names: Vec::new(),
            measured_at: None,
            timestamp_raw_s: None,
            timestamp_accuracy_s: None,
            place: None,
            heights: Heights::UNKNOWN,
            horizontal_accuracy_m: None,
            course_rad: None,
            speed_mps: None,
            vertical_speed_mps: None,
            speed_accuracy_mps: None,
            status: None,
            classification: None,
            operator: None,
            text: None,
            authentication: None,
            squawk: None,
            rssi_db: None,
            channel: None,
            counter: None,
        }
    }
}

/// What a person reports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sighting {
    /// The sensor (the person's post), when the format names it.
    pub sensor: Option<SensorId>,
    /// When it was seen.
    pub measured_at: Option<Time>,
    /// Where the observer stood.
    pub observer: Option<Place>,
    /// Where it was seen, as a position or a direction from the observer.
    pub measurement: Option<Measurement>,
    /// What it looked or sounded like.
    pub classification: Option<Classification>,
    /// How many.
    pub count: Option<u32>,
    /// In the observer's words.
    pub text: Option<AirText>,
}

/// How a sensor says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SensorHealth {
    /// Works.
    Ok,
    /// Works in part.
    Degraded,
    /// Does not work.
    Failed,
}

/// Health and mode of a sensor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SensorStatus {
    /// The sensor, when the format names it.
    pub sensor: Option<SensorId>,
    /// When it said so.
    pub measured_at: Option<Time>,
    /// How it is; `None` when it only says that it is there.
    pub health: Option<SensorHealth>,
    /// Where it stands, for one that moves.
    pub place: Option<Place>,
    /// Its heights, by datum.
    pub heights: Heights,
    /// A completed look: how many plots the scan `scan` had. Zero is a statement: it looked and saw nothing.
    pub scan: Option<u64>,
    /// Plots of that scan.
    pub scan_plots: Option<u32>,
    /// In the sensor's words.
    pub text: Option<AirText>,
}
