//! Reports to lines, and events to lines.

use super::JsonOutputConfig;
use super::build::{HEALTHS, NAMES, OPERATIONAL, PROTOCOLS};
use super::fields::{CLASS_WORDS, HEALTH_WORDS, Key, MESSAGE_WORDS, Message, OPERATIONAL_WORDS, PROTOCOL_WORDS};
use crate::Encoder;
use lapwing_model::{
    AirText, Claim, Class, Classification, Event, EventBody, Heights, Measurement, Place, Plot, Report, SensorStatus,
    SensorTrack, Sighting, Snapshot, Time, Transmitter, math,
};
use serde::Serialize;

/// An object that is being written.
struct Line<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Line<'a> {
    fn begin(out: &'a mut Vec<u8>, message: Message) -> Self {
        let word = MESSAGE_WORDS.get(message as usize).copied().unwrap_or_default();
        out.extend(b"{\"type\":\"");
        out.extend(word.as_bytes());
        out.push(b'"');
        Self { out }
    }

    fn end(self) {
        self.out.extend(b"}\n");
    }

    fn put(&mut self, key: Key, value: &impl Serialize) {
        let before = self.out.len();
        self.out.extend(b",\"");
        self.out.extend(key.field().name.as_bytes());
        self.out.extend(b"\":");
        // Writing numbers and text into memory does not fail; were it to, the key is left out whole.
        if serde_json::to_writer(&mut *self.out, value).is_err() {
            self.out.truncate(before);
        }
    }

    fn number(&mut self, key: Key, value: Option<f64>) {
        if let Some(v) = value.filter(|v| v.is_finite()) {
            self.put(key, &v);
        }
    }

    /// Radians as degrees, to a billionth: far below what any sensor measures, and short.
    fn degrees(&mut self, key: Key, radians: Option<f64>) {
        self.number(key, radians.map(|r| math::round(math::deg(r) * 1e9) / 1e9));
    }

    fn text(&mut self, key: Key, value: Option<&AirText>) {
        if let Some(v) = value {
            self.put(key, v);
        }
    }

    fn whole(&mut self, key: Key, value: Option<impl Into<u64>>) {
        if let Some(v) = value {
            self.put(key, &v.into());
        }
    }

    fn time(&mut self, key: Key, value: Option<Time>) {
        if let Some(v) = value {
            self.put(key, &v);
        }
    }

    fn word<T: PartialEq>(&mut self, key: Key, value: Option<T>, values: &[T], words: &[&str]) {
        let word = value.and_then(|v| values.iter().position(|x| *x == v)).and_then(|i| words.get(i));
        if let Some(word) = word {
            self.put(key, word);
        }
    }

    fn place(&mut self, latitude: Key, longitude: Key, place: Option<Place>) {
        if let Some(place) = place {
            self.number(latitude, Some(place.latitude_deg));
            self.number(longitude, Some(place.longitude_deg));
        }
    }

    fn heights(&mut self, heights: &Heights) {
        self.number(Key::HeightEllipsoidM, heights.height_ellipsoid_m);
        self.number(Key::AltitudeMslM, heights.altitude_msl_m);
        self.number(Key::HeightAboveTakeoffM, heights.height_above_takeoff_m);
        self.number(Key::HeightAboveGroundM, heights.height_above_ground_m);
        self.number(Key::AltitudePressureM, heights.altitude_pressure_m);
        self.number(Key::VerticalAccuracyM, heights.vertical_accuracy_m);
        self.number(Key::PressureAccuracyM, heights.pressure_accuracy_m);
    }

    fn classification(&mut self, classification: Option<&Classification>) {
        let Some(classification) = classification else { return };
        let mut all = classification.probabilities.iter();
        match (all.next(), all.next()) {
            (Some((class, probability)), None) => {
                self.word(Key::Class, Some(*class), &Class::ALL, CLASS_WORDS);
                self.number(Key::ClassProbability, Some(*probability));
            }
            _ => self.put(Key::Classes, classification),
        }
    }

    fn measurement(&mut self, measurement: &Measurement) {
        match measurement {
            Measurement::Position { place, heights, horizontal_sd_m, vertical_sd_m } => {
                self.place(Key::LatitudeDeg, Key::LongitudeDeg, Some(*place));
                self.heights(heights);
                self.number(Key::HorizontalSdM, *horizontal_sd_m);
                self.number(Key::VerticalSdM, *vertical_sd_m);
            }
            Measurement::RangeAzimuth {
                range_m,
                azimuth_rad,
                elevation_rad,
                range_rate_mps,
                range_sd_m,
                azimuth_sd_rad,
                elevation_sd_rad,
                range_rate_sd_mps,
            } => {
                self.number(Key::RangeM, Some(*range_m));
                self.degrees(Key::AzimuthDeg, Some(*azimuth_rad));
                self.degrees(Key::ElevationDeg, *elevation_rad);
                self.number(Key::RangeRateMps, *range_rate_mps);
                self.number(Key::RangeSdM, *range_sd_m);
                self.degrees(Key::AzimuthSdDeg, *azimuth_sd_rad);
                self.degrees(Key::ElevationSdDeg, *elevation_sd_rad);
                self.number(Key::RangeRateSdMps, *range_rate_sd_mps);
            }
            Measurement::Bearing { azimuth_rad, elevation_rad, azimuth_sd_rad, elevation_sd_rad } => {
                self.degrees(Key::AzimuthDeg, Some(*azimuth_rad));
                self.degrees(Key::ElevationDeg, *elevation_rad);
                self.degrees(Key::AzimuthSdDeg, *azimuth_sd_rad);
                self.degrees(Key::ElevationSdDeg, *elevation_sd_rad);
            }
            Measurement::RangeDifference {
                reference_place,
                reference_height_ellipsoid_m,
                range_difference_m,
                range_difference_sd_m,
            } => {
                self.number(Key::RangeDifferenceM, Some(*range_difference_m));
                self.number(Key::RangeDifferenceSdM, *range_difference_sd_m);
                self.place(Key::ReferenceLatitudeDeg, Key::ReferenceLongitudeDeg, Some(*reference_place));
                self.number(Key::ReferenceHeightEllipsoidM, *reference_height_ellipsoid_m);
            }
            Measurement::Presence => {}
        }
    }

    fn plot(&mut self, plot: &Plot) {
        self.time(Key::Time, plot.measured_at);
        self.whole(Key::Scan, plot.scan);
        self.measurement(&plot.measurement);
        self.degrees(Key::CourseDeg, plot.course_rad);
        self.number(Key::SpeedMps, plot.speed_mps);
        self.classification(plot.classification.as_ref());
        self.number(Key::RcsDbsm, plot.rcs_dbsm);
        self.number(Key::Confidence, plot.confidence);
    }

    fn claim(&mut self, claim: &Claim) {
        self.time(Key::Time, claim.measured_at);
        self.word(Key::Protocol, Some(claim.protocol), PROTOCOLS, PROTOCOL_WORDS);
        match &claim.transmitter {
            Some(Transmitter::Mac(v)) => self.put(Key::TransmitterMac, v),
            Some(Transmitter::Icao(v)) => self.put(Key::TransmitterIcao, v),
            Some(Transmitter::NonIcao(v)) => self.put(Key::TransmitterNonIcao, v),
            Some(Transmitter::Other(v)) => self.put(Key::TransmitterOther, v),
            None => {}
        }
        for (key, kind) in NAMES {
            self.text(*key, claim.names.iter().find(|n| n.kind == *kind).map(|n| &n.value));
        }
        self.number(Key::TimestampRawS, claim.timestamp_raw_s);
        self.number(Key::TimestampAccuracyS, claim.timestamp_accuracy_s);
        self.place(Key::LatitudeDeg, Key::LongitudeDeg, claim.place);
        self.heights(&claim.heights);
        self.number(Key::HorizontalAccuracyM, claim.horizontal_accuracy_m);
        self.degrees(Key::CourseDeg, claim.course_rad);
        self.number(Key::SpeedMps, claim.speed_mps);
        self.number(Key::VerticalSpeedMps, claim.vertical_speed_mps);
        self.number(Key::SpeedAccuracyMps, claim.speed_accuracy_mps);
        self.word(Key::OperationalStatus, claim.status, OPERATIONAL, OPERATIONAL_WORDS);
        self.classification(claim.classification.as_ref());
        if let Some(operator) = &claim.operator {
            let place = operator.place.as_ref().map(|p| *p.reveal());
            self.place(Key::OperatorLatitudeDeg, Key::OperatorLongitudeDeg, place);
            self.number(Key::OperatorHeightEllipsoidM, operator.height_ellipsoid_m);
            self.text(Key::OperatorPlaceSource, operator.place_source.as_ref());
            self.text(Key::OperatorId, operator.id.as_ref().map(|id| id.reveal()));
        }
        self.text(Key::Text, claim.text.as_ref());
        if let Some(authentication) = &claim.authentication {
            self.whole(Key::AuthenticationType, Some(authentication.signature_type));
            self.whole(Key::AuthenticationPages, Some(authentication.pages_received));
            self.whole(Key::AuthenticationPagesAnnounced, authentication.pages_announced);
            self.time(Key::AuthenticationTime, authentication.signed_at);
            if let Some(hex) = &authentication.data_hex {
                self.put(Key::AuthenticationHex, hex);
            }
            self.text(Key::AuthenticationProblem, authentication.problem.as_ref());
        }
        self.text(Key::Squawk, claim.squawk.as_ref());
        self.number(Key::RssiDb, claim.rssi_db);
        self.whole(Key::Channel, claim.channel);
        self.whole(Key::Counter, claim.counter);
    }

    fn status(&mut self, status: &SensorStatus) {
        self.time(Key::Time, status.measured_at);
        self.word(Key::Health, status.health, HEALTHS, HEALTH_WORDS);
        self.place(Key::LatitudeDeg, Key::LongitudeDeg, status.place);
        self.heights(&status.heights);
        self.whole(Key::Scan, status.scan);
        self.whole(Key::ScanPlots, status.scan_plots);
        self.text(Key::Text, status.text.as_ref());
    }

    fn sighting(&mut self, sighting: &Sighting) {
        self.time(Key::Time, sighting.measured_at);
        self.place(Key::ObserverLatitudeDeg, Key::ObserverLongitudeDeg, sighting.observer);
        if let Some(measurement) = &sighting.measurement {
            self.measurement(measurement);
        }
        self.classification(sighting.classification.as_ref());
        self.whole(Key::Count, sighting.count);
        self.text(Key::Text, sighting.text.as_ref());
    }
}

/// Writes a report as one line that [`super::Json`] reads back. Angles are rounded to a billionth of a degree. Of
/// several names of one kind in a claim the first is written, and a value that is not finite is left out as unknown.
pub fn encode_report(report: &Report, out: &mut Vec<u8>) {
    let message = match report {
        Report::Plot(plot) => match plot.measurement {
            Measurement::Position { .. } => Message::Position,
            Measurement::RangeAzimuth { .. } => Message::RangeAzimuth,
            Measurement::Bearing { .. } => Message::Bearing,
            Measurement::RangeDifference { .. } => Message::RangeDifference,
            Measurement::Presence => Message::Presence,
        },
        Report::SensorTrack(_) => Message::Track,
        Report::Claim(_) => Message::Claim,
        Report::Sighting(_) => Message::Sighting,
        Report::SensorStatus(_) => Message::Status,
    };
    let mut line = Line::begin(out, message);
    if let Some(sensor) = report.sensor() {
        line.put(Key::Sensor, sensor);
    }
    match report {
        Report::Plot(plot) => line.plot(plot),
        Report::SensorTrack(SensorTrack { object, plot, vertical_speed_mps, ended }) => {
            line.text(Key::Object, Some(object));
            line.plot(plot);
            line.number(Key::VerticalSpeedMps, *vertical_speed_mps);
            if *ended {
                line.put(Key::Ended, &true);
            }
        }
        Report::Claim(claim) => line.claim(claim),
        Report::Sighting(sighting) => line.sighting(sighting),
        Report::SensorStatus(status) => line.status(status),
    }
    line.end();
}

/// Writes each event as one line of JSON: the fields of [`Event`] as they are. Unless told otherwise it leaves out what
/// belongs to a person (the operator of a track or claim) and says so: `"masked":["operator"]`.
#[derive(Debug, Clone, Copy, Default)]
pub struct EventLines {
    config: JsonOutputConfig,
}

#[derive(Serialize)]
struct EventLine<'a> {
    #[serde(flatten)]
    event: &'a Event,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    masked: &'a [&'a str],
}

impl EventLines {
    /// An encoder with these settings.
    pub fn new(config: JsonOutputConfig) -> Self {
        Self { config }
    }
}

/// The event without its operator, when it has one.
fn without_operator(event: &Event) -> Option<Event> {
    let has_operator = match &event.body {
        EventBody::TrackBegan { track } | EventBody::TrackUpdated { track } => track.operator.is_some(),
        EventBody::ClaimWithoutPlace { claim } => claim.operator.is_some(),
        EventBody::TrackEnded { .. }
        | EventBody::TracksJoined { .. }
        | EventBody::TrackSplit { .. }
        | EventBody::AlertChanged { .. }
        | EventBody::SensorChanged { .. }
        | EventBody::InputChanged { .. }
        | EventBody::Faulted { .. } => false,
    };
    has_operator.then(|| {
        let mut event = event.clone();
        match &mut event.body {
            EventBody::TrackBegan { track } | EventBody::TrackUpdated { track } => track.operator = None,
            EventBody::ClaimWithoutPlace { claim } => claim.operator = None,
            _ => {}
        }
        event
    })
}

impl Encoder for EventLines {
    fn encode(&mut self, event: &Event, _snapshot: Option<&Snapshot>, out: &mut Vec<u8>) {
        let masked = if self.config.personal { None } else { without_operator(event) };
        let line = match &masked {
            Some(event) => EventLine { event, masked: &["operator"] },
            None => EventLine { event, masked: &[] },
        };
        let before = out.len();
        match serde_json::to_writer(&mut *out, &line) {
            Ok(()) => out.push(b'\n'),
            // Events serialise into memory without fail; half a line must not leave in any case.
            Err(_) => out.truncate(before),
        }
    }
}
