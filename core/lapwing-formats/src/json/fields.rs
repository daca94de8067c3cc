//! Every key of the format: what it may hold and which messages use it. Decoder, details and JSON Schema all come from
//! this one table.

/// What a key may hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// A number between two bounds, both allowed.
    Number { min: f64, max: f64 },
    /// A number above zero.
    Positive { max: f64 },
    /// A whole number from zero.
    Whole { max: u64 },
    /// Text; what is longer than [`lapwing_model::AirText::BYTES_MAX`] is cut.
    Text,
    /// Bytes as hex digits, at most 255 of them.
    Hex,
    /// The id of a configured sensor.
    Sensor,
    /// RFC 3339 text, or seconds since 1970.
    Time,
    /// `true` or `false`.
    Flag,
    /// One of these words.
    Word(&'static [&'static str]),
    /// An object of class and probability.
    Classes,
}

/// A key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Which messages use it: bits of [`Message`].
    pub(super) used_by: u16,
    pub(super) about: &'static str,
}

/// A kind of message: the value of `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Message {
    Position,
    RangeAzimuth,
    Bearing,
    RangeDifference,
    Presence,
    Track,
    Claim,
    Sighting,
    Status,
}

impl Message {
    pub(super) const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// A kind of message as the reference page and the schema show it.
#[derive(Debug, Clone, Copy)]
pub(super) struct MessageInfo {
    pub(super) message: Message,
    pub(super) required: &'static [Key],
    pub(super) about: &'static str,
}

pub(super) const MESSAGES: &[MessageInfo] = &[
    MessageInfo {
        message: Message::Position,
        required: &[Key::LatitudeDeg, Key::LongitudeDeg],
        about: "A plot: a measured position, 2-D when no height is given.",
    },
    MessageInfo {
        message: Message::RangeAzimuth,
        required: &[Key::RangeM, Key::AzimuthDeg],
        about: "A plot of a radar: slant range and azimuth from the sensor, with elevation and range rate if it has them.",
    },
    MessageInfo {
        message: Message::Bearing,
        required: &[Key::AzimuthDeg],
        about: "A plot of a direction finder, microphone array or camera: a direction from the sensor, range unknown.",
    },
    MessageInfo {
        message: Message::RangeDifference,
        required: &[Key::RangeDifferenceM, Key::ReferenceLatitudeDeg, Key::ReferenceLongitudeDeg],
        about: "A plot of a time difference of arrival: range to this sensor minus range to the reference.",
    },
    MessageInfo {
        message: Message::Presence,
        required: &[],
        about: "A plot that only says: something is there, within the sensor's coverage.",
    },
    MessageInfo {
        message: Message::Track,
        required: &[Key::Object],
        about: "The latest state of a track the sensor itself formed: position, range and azimuth, or bearing.",
    },
    MessageInfo {
        message: Message::Claim,
        required: &[],
        about: "What an aircraft says of itself. Needs at least a place, a name or a transmitter.",
    },
    MessageInfo {
        message: Message::Sighting,
        required: &[],
        about: "What a person reports: a position, or a direction from where the observer stood, or only words.",
    },
    MessageInfo {
        message: Message::Status,
        required: &[],
        about: "Health of the sensor, and the end of a scan: `scan` with how many plots it had; zero means that it \
                looked and saw nothing.",
    },
];

pub(super) const MESSAGE_WORDS: &[&str] =
    &["position", "range_azimuth", "bearing", "range_difference", "presence", "track", "claim", "sighting", "status"];

/// Words of [`lapwing_model::Class`], in order of [`lapwing_model::Class::ALL`].
pub(super) const CLASS_WORDS: &[&str] =
    &["multirotor", "fixed_wing", "drone", "bird", "aeroplane", "helicopter", "balloon", "ground"];

/// Probability of `class` where a sensor gives none.
pub(super) const CLASS_PROBABILITY_DEFAULT: f64 = 0.8;

pub(super) const PROTOCOL_WORDS: &[&str] = &[
    "remote_id_wifi_beacon",
    "remote_id_wifi_nan",
    "remote_id_bluetooth_legacy",
    "remote_id_bluetooth_long_range",
    "remote_id",
    "mode_s",
    "adsb",
    "adsb_non_transponder",
    "tisb",
    "adsr",
    "multilateration",
    "dji_drone_id",
    "other",
];

pub(super) const OPERATIONAL_WORDS: &[&str] = &["ground", "airborne", "emergency", "remote_id_failure"];
pub(super) const HEALTH_WORDS: &[&str] = &["ok", "degraded", "failed"];

const POSITION: u16 = Message::Position.bit();
const POLAR: u16 = Message::RangeAzimuth.bit();
const BEARING: u16 = Message::Bearing.bit();
const DIFFERENCE: u16 = Message::RangeDifference.bit();
const PRESENCE: u16 = Message::Presence.bit();
const TRACK: u16 = Message::Track.bit();
const CLAIM: u16 = Message::Claim.bit();
const SIGHTING: u16 = Message::Sighting.bit();
const STATUS: u16 = Message::Status.bit();
const PLOTS: u16 = POSITION | POLAR | BEARING | DIFFERENCE | PRESENCE;
/// Messages that may measure a position, a range and azimuth, or a bearing.
const ANY_MEASUREMENT: u16 = TRACK | SIGHTING;
const ALL: u16 = PLOTS | TRACK | CLAIM | SIGHTING | STATUS;

const LATITUDE: Kind = Kind::Number { min: -90.0, max: 90.0 };
const LONGITUDE: Kind = Kind::Number { min: -180.0, max: 180.0 };
const HEIGHT: Kind = Kind::Number { min: -1_000.0, max: 100_000.0 };
const AZIMUTH: Kind = Kind::Number { min: -360.0, max: 360.0 };
const ELEVATION: Kind = Kind::Number { min: -90.0, max: 90.0 };
const SPEED: Kind = Kind::Number { min: 0.0, max: 5_000.0 };
const RATE: Kind = Kind::Number { min: -5_000.0, max: 5_000.0 };
const RANGE: Kind = Kind::Number { min: 0.0, max: 10_000_000.0 };
const METRES_SD: Kind = Kind::Positive { max: 1_000_000.0 };
const DEGREES_SD: Kind = Kind::Positive { max: 360.0 };
const SPEED_SD: Kind = Kind::Positive { max: 5_000.0 };
const PROBABILITY: Kind = Kind::Number { min: 0.0, max: 1.0 };
/// The largest whole number that every JSON reader keeps exact (RFC 8259, section 6).
const EXACT: Kind = Kind::Whole { max: (1 << 53) - 1 };

macro_rules! fields {
    ($($key:ident $name:literal $kind:expr, $used_by:expr, $about:literal;)*) => {
        /// Every key, in the order of the table.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Key { $($key),* }

        pub(super) const KEYS: &[Key] = &[$(Key::$key),*];

        impl Key {
            pub(super) fn find(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$key),)*
                    _ => None,
                }
            }

            pub(super) const fn field(self) -> Field {
                match self {
                    $(Self::$key => Field { name: $name, kind: $kind, used_by: $used_by, about: $about },)*
                }
            }
        }
    };
}

fields! {
    Type "type" Kind::Word(MESSAGE_WORDS), ALL, "What kind of message it is.";
    Sensor "sensor" Kind::Sensor, ALL, "The sensor, when it is not the one the input is configured with.";
    Time "time" Kind::Time, ALL, "When it was measured: RFC 3339 with a zone, or seconds since 1970. Absent: when it was received.";
    Scan "scan" EXACT, PLOTS | TRACK | STATUS, "Running number of the sensor's scan: plots of one scan are of different aircraft.";
    Object "object" Kind::Text, TRACK, "The sensor's number or name for the track.";
    Ended "ended" Kind::Flag, TRACK, "Whether the sensor says that the track is over.";

    LatitudeDeg "latitude_deg" LATITUDE, POSITION | ANY_MEASUREMENT | CLAIM | STATUS, "Latitude, WGS-84, degrees, north positive.";
    LongitudeDeg "longitude_deg" LONGITUDE, POSITION | ANY_MEASUREMENT | CLAIM | STATUS, "Longitude, WGS-84, degrees, east positive.";
    HeightEllipsoidM "height_ellipsoid_m" HEIGHT, POSITION | ANY_MEASUREMENT | CLAIM | STATUS, "Height above the WGS-84 ellipsoid (what a GNSS receiver calls HAE), metres.";
    AltitudeMslM "altitude_msl_m" HEIGHT, POSITION | ANY_MEASUREMENT | CLAIM | STATUS, "Altitude above mean sea level (EGM96), metres.";
    HeightAboveTakeoffM "height_above_takeoff_m" HEIGHT, POSITION | ANY_MEASUREMENT | CLAIM | STATUS, "Height above the place of take-off, metres.";
    HeightAboveGroundM "height_above_ground_m" HEIGHT, POSITION | ANY_MEASUREMENT | CLAIM | STATUS, "Height above ground, metres.";
    AltitudePressureM "altitude_pressure_m" HEIGHT, POSITION | ANY_MEASUREMENT | CLAIM | STATUS, "Pressure altitude by the standard atmosphere (1013.25 hPa), metres.";
    VerticalAccuracyM "vertical_accuracy_m" METRES_SD, POSITION | ANY_MEASUREMENT | CLAIM | STATUS, "95 % bound of the geometric height, metres.";
    PressureAccuracyM "pressure_accuracy_m" METRES_SD, POSITION | ANY_MEASUREMENT | CLAIM | STATUS, "95 % bound of the pressure altitude, metres.";
    HorizontalSdM "horizontal_sd_m" METRES_SD, POSITION | ANY_MEASUREMENT, "One sigma of the position, each horizontal axis, metres.";
    VerticalSdM "vertical_sd_m" METRES_SD, POSITION | ANY_MEASUREMENT, "One sigma of the height, metres.";

    RangeM "range_m" RANGE, POLAR | ANY_MEASUREMENT, "Slant range from the sensor, metres.";
    AzimuthDeg "azimuth_deg" AZIMUTH, POLAR | BEARING | ANY_MEASUREMENT, "Direction from the sensor, degrees clockwise from true north.";
    ElevationDeg "elevation_deg" ELEVATION, POLAR | BEARING | ANY_MEASUREMENT, "Direction above the sensor's horizontal, degrees.";
    RangeRateMps "range_rate_mps" RATE, POLAR | ANY_MEASUREMENT, "Range rate, metres per second, positive when it recedes.";
    RangeSdM "range_sd_m" METRES_SD, POLAR | ANY_MEASUREMENT, "One sigma of the range, metres.";
    AzimuthSdDeg "azimuth_sd_deg" DEGREES_SD, POLAR | BEARING | ANY_MEASUREMENT, "One sigma of the azimuth, degrees.";
    ElevationSdDeg "elevation_sd_deg" DEGREES_SD, POLAR | BEARING | ANY_MEASUREMENT, "One sigma of the elevation, degrees.";
    RangeRateSdMps "range_rate_sd_mps" SPEED_SD, POLAR | ANY_MEASUREMENT, "One sigma of the range rate, metres per second.";

    RangeDifferenceM "range_difference_m" Kind::Number { min: -10_000_000.0, max: 10_000_000.0 }, DIFFERENCE, "Range to this sensor minus range to the reference, metres.";
    RangeDifferenceSdM "range_difference_sd_m" METRES_SD, DIFFERENCE, "One sigma of the range difference, metres.";
    ReferenceLatitudeDeg "reference_latitude_deg" LATITUDE, DIFFERENCE, "Latitude of the reference sensor, degrees.";
    ReferenceLongitudeDeg "reference_longitude_deg" LONGITUDE, DIFFERENCE, "Longitude of the reference sensor, degrees.";
    ReferenceHeightEllipsoidM "reference_height_ellipsoid_m" HEIGHT, DIFFERENCE, "Height of the reference sensor above the ellipsoid, metres.";

    CourseDeg "course_deg" AZIMUTH, PLOTS | TRACK | CLAIM, "Course over ground, degrees clockwise from true north.";
    SpeedMps "speed_mps" SPEED, PLOTS | TRACK | CLAIM, "Speed over ground, metres per second.";
    VerticalSpeedMps "vertical_speed_mps" RATE, TRACK | CLAIM, "Vertical speed, metres per second, up positive.";
    Class "class" Kind::Word(CLASS_WORDS), PLOTS | TRACK | CLAIM | SIGHTING, "What the sensor takes it for.";
    ClassProbability "class_probability" PROBABILITY, PLOTS | TRACK | CLAIM | SIGHTING, "Probability of `class`; 0.8 when absent.";
    Classes "classes" Kind::Classes, PLOTS | TRACK | CLAIM | SIGHTING, "Probabilities of several classes, instead of `class`.";
    RcsDbsm "rcs_dbsm" Kind::Number { min: -100.0, max: 100.0 }, PLOTS | TRACK, "Radar cross-section, dBsm.";
    Confidence "confidence" PROBABILITY, PLOTS | TRACK, "The sensor's own confidence that it is real, 0 to 1.";

    Protocol "protocol" Kind::Word(PROTOCOL_WORDS), CLAIM, "How the claim was carried; `other` when absent.";
    TransmitterMac "transmitter_mac" Kind::Text, CLAIM, "Wi-Fi or Bluetooth address of the transmitter.";
    TransmitterIcao "transmitter_icao" Kind::Text, CLAIM, "24-bit ICAO address of the transmitter, six hex digits.";
    TransmitterNonIcao "transmitter_non_icao" Kind::Text, CLAIM, "24-bit address that is not an ICAO one.";
    TransmitterOther "transmitter_other" Kind::Text, CLAIM, "Anything else that tells transmitters apart.";
    Serial "serial" Kind::Text, CLAIM, "Serial number (ANSI/CTA-2063-A).";
    Registration "registration" Kind::Text, CLAIM, "Registration given by an authority.";
    UtmId "utm_id" Kind::Text, CLAIM, "UTM-assigned flight id.";
    SessionId "session_id" Kind::Text, CLAIM, "Specific session id.";
    IcaoAddress "icao_address" Kind::Text, CLAIM, "24-bit ICAO address as the aircraft's name, six lower-case hex digits.";
    Callsign "callsign" Kind::Text, CLAIM, "Callsign or flight number.";
    SensorObject "sensor_object" Kind::Text, CLAIM, "The sensor's own number for it.";
    TimestampRawS "timestamp_raw_s" Kind::Number { min: 0.0, max: 4e9 }, CLAIM, "The aircraft's time stamp as sent, seconds of its own scale.";
    TimestampAccuracyS "timestamp_accuracy_s" Kind::Number { min: 0.0, max: 86_400.0 }, CLAIM, "Bound of the time stamp's error, seconds.";
    HorizontalAccuracyM "horizontal_accuracy_m" METRES_SD, CLAIM, "95 % bound of the place, metres.";
    SpeedAccuracyMps "speed_accuracy_mps" SPEED_SD, CLAIM, "95 % bound of the horizontal velocity, metres per second.";
    OperationalStatus "operational_status" Kind::Word(OPERATIONAL_WORDS), CLAIM, "What it says it is doing.";
    OperatorLatitudeDeg "operator_latitude_deg" LATITUDE, CLAIM, "Latitude of the operator, degrees. Personal.";
    OperatorLongitudeDeg "operator_longitude_deg" LONGITUDE, CLAIM, "Longitude of the operator, degrees. Personal.";
    OperatorHeightEllipsoidM "operator_height_ellipsoid_m" HEIGHT, CLAIM, "Height of the operator above the ellipsoid, metres.";
    OperatorPlaceSource "operator_place_source" Kind::Text, CLAIM, "What the operator's place is: `takeoff`, `live_gnss` or `fixed`.";
    OperatorId "operator_id" Kind::Text, CLAIM, "Operator registration number. Personal.";
    Squawk "squawk" Kind::Text, CLAIM, "Mode A code, four octal digits.";
    RssiDb "rssi_db" Kind::Number { min: -300.0, max: 100.0 }, CLAIM, "Received signal strength, dBm.";
    Channel "channel" Kind::Whole { max: 65_535 }, CLAIM, "Radio channel number.";
    Counter "counter" Kind::Whole { max: 255 }, CLAIM, "Running message counter of the transmitter.";
    AuthenticationType "authentication_type" Kind::Whole { max: 255 }, CLAIM, "Signature type of the authentication data.";
    AuthenticationPages "authentication_pages" Kind::Whole { max: 255 }, CLAIM, "Authentication pages received.";
    AuthenticationPagesAnnounced "authentication_pages_announced" Kind::Whole { max: 255 }, CLAIM, "Authentication pages announced.";
    AuthenticationTime "authentication_time" Kind::Time, CLAIM, "Time of the signature.";
    AuthenticationHex "authentication_hex" Kind::Hex, CLAIM, "Assembled authentication data, lower-case hex.";
    AuthenticationProblem "authentication_problem" Kind::Text, CLAIM, "Why the authentication pages cannot be right.";

    ObserverLatitudeDeg "observer_latitude_deg" LATITUDE, SIGHTING, "Latitude where the observer stood, degrees.";
    ObserverLongitudeDeg "observer_longitude_deg" LONGITUDE, SIGHTING, "Longitude where the observer stood, degrees.";
    Count "count" Kind::Whole { max: u32::MAX as u64 }, SIGHTING, "How many were seen.";

    Health "health" Kind::Word(HEALTH_WORDS), STATUS, "How the sensor is.";
    ScanPlots "scan_plots" Kind::Whole { max: u32::MAX as u64 }, STATUS, "How many plots the scan had; 0: it looked and saw nothing.";
    Text "text" Kind::Text, CLAIM | SIGHTING | STATUS, "Free text.";
}

impl Key {
    /// Whether its value belongs to a person and must not stand in a fault.
    pub(super) fn is_personal(self) -> bool {
        matches!(self, Self::OperatorLatitudeDeg | Self::OperatorLongitudeDeg | Self::OperatorId)
    }
}

/// The key somebody may have meant.
pub(super) fn near(name: &str) -> Option<&'static str> {
    let lower: String = name.chars().take(40).collect::<String>().to_lowercase().replace('-', "_");
    let alias = match lower.as_str() {
        "lat" => Some(Key::LatitudeDeg),
        "lon" | "lng" | "long" => Some(Key::LongitudeDeg),
        "alt" | "altitude" | "amsl" | "msl" => Some(Key::AltitudeMslM),
        "hae" | "height" => Some(Key::HeightEllipsoidM),
        "agl" => Some(Key::HeightAboveGroundM),
        "timestamp" | "ts" | "t" | "datetime" | "date" => Some(Key::Time),
        "heading" | "track" | "cog" => Some(Key::CourseDeg),
        "velocity" | "sog" => Some(Key::SpeedMps),
        "distance" => Some(Key::RangeM),
        "doppler" => Some(Key::RangeRateMps),
        "id" | "track_id" | "object_id" => Some(Key::Object),
        "mac" => Some(Key::TransmitterMac),
        "sensor_id" => Some(Key::Sensor),
        "kind" => Some(Key::Type),
        "comment" | "message" | "note" => Some(Key::Text),
        _ => None,
    };
    if let Some(key) = alias {
        return Some(key.field().name);
    }
    // "latitude" for latitude_deg, "az" for azimuth_deg.
    let names = || KEYS.iter().map(|k| k.field().name);
    if lower.len() >= 2
        && let Some(found) = names().find(|n| n.starts_with(&lower))
    {
        return Some(found);
    }
    closest(&lower, names())
}

/// The candidate with the fewest edits, when those are few enough to be a slip.
pub(super) fn closest(word: &str, candidates: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let limit = (word.len() / 3).min(3);
    candidates.map(|c| (edits(word, c), c)).filter(|(d, _)| (1..=limit).contains(d)).min().map(|(_, c)| c)
}

/// Levenshtein distance in bytes.
fn edits(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(b.bytes()) {
            let best = (diagonal + usize::from(x != y)).min(*cell + 1).min(left + 1);
            diagonal = *cell;
            *cell = best;
            left = best;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_misses_find_what_was_meant() {
        for (wrong, right) in [
            ("lat", "latitude_deg"),
            ("Longitude", "longitude_deg"),
            ("azimut_deg", "azimuth_deg"),
            ("altitude_mls_m", "altitude_msl_m"),
            ("speed", "speed_mps"),
            ("timestamp", "time"),
            ("class-probability", "class_probability"),
        ] {
            assert_eq!(near(wrong), Some(right), "{wrong}");
        }
        assert_eq!(near("battery_voltage"), None);
    }

    #[test]
    fn edits_are_counted() {
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(edits("abc", "abc"), 0);
    }

    #[test]
    fn words_stand_for_the_models_own() {
        for (word, class) in CLASS_WORDS.iter().zip(&lapwing_model::Class::ALL) {
            assert_eq!(serde_json::to_value(class).unwrap(), *word);
        }
        assert_eq!(MESSAGES.len(), MESSAGE_WORDS.len());
        for (i, info) in MESSAGES.iter().enumerate() {
            assert_eq!(info.message as usize, i);
            for key in info.required {
                assert_ne!(key.field().used_by & info.message.bit(), 0, "{key:?}");
            }
        }
    }
}
