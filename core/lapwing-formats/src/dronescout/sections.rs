//! The sections of one object: each a report.

use super::uas_data::{altitude, decode_uas_data, direction, hour_time, place, speed, vertical_speed};
use crate::remote_id::claim::ClaimBuilder;
use crate::remote_id::fields::{
    Bytes, ClassificationType, EuCategory, EuClass, HeightType, HorizontalAccuracyCode, IdType, OperatorPlaceType,
    SpeedAccuracyCode, StatusCode, TextCode, Time2019Code, TimeAccuracyCode, UaType, VerticalAccuracyCode,
};
use crate::remote_id::message::{BasicId, Body, Location, Message, System, VERSION_MAX};
use crate::remote_id::{Assembler, Carrier, Mac};
use crate::{Decoded, fault};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lapwing_model::{
    AirText, Claim, Class, Classification, FaultKind, Heights, Name, NameKind, OperationalStatus, Place, Protocol,
    Report, SensorHealth, SensorId, SensorStatus, Time, Transmitter,
};
use serde_json::{Map, Value, json};

type Object = Map<String, Value>;
/// Why an object is rejected: kind, reason, words.
type Rejection = (FaultKind, &'static str, String);

/// Reads one object.
pub(super) struct Sections<'a> {
    pub(super) received_at: Time,
    pub(super) offset: u64,
    pub(super) length: u64,
    pub(super) out: &'a mut Decoded,
    pub(super) assembler: &'a mut Assembler,
    pub(super) reports: usize,
}

/// A number, or a text that is one: firmware versions differ.
fn number(object: &Object, key: &str) -> Option<f64> {
    let value = object.get(key)?;
    let number = value.as_f64().or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()));
    number.filter(|n| n.is_finite())
}

/// A whole number from 0 to `max`.
fn small(object: &Object, key: &str, max: u8) -> Option<u8> {
    number(object, key).filter(|n| (0.0..=f64::from(max)).contains(n) && libm::trunc(*n) == *n).map(|n| n as u8)
}

fn text(object: &Object, key: &str) -> Option<AirText> {
    object.get(key).and_then(Value::as_str).map(str::trim).filter(|t| !t.is_empty()).map(AirText::new)
}

/// Milliseconds since the Unix epoch; 0 is unknown.
fn time_ms(object: &Object, key: &str) -> Option<Time> {
    number(object, key).filter(|ms| *ms > 0.0).map(|ms| Time::from_millis(ms as i64))
}

/// A place; both 0 is unknown.
fn known_place(object: &Object) -> Option<Place> {
    let (latitude, longitude) = (number(object, "latitude")?, number(object, "longitude")?);
    if latitude == 0.0 && longitude == 0.0 { None } else { Place::new(latitude, longitude) }
}

impl Sections<'_> {
    /// Every section of `value`; `Err` when none of them gave a report.
    pub(super) fn read(&mut self, value: &Value) -> Result<(), Rejection> {
        let Some(object) = value.as_object() else {
            return Err((FaultKind::Malformed, "not-an-object", "a JSON value that is not an object".to_owned()));
        };
        if let Some(protocol) = object.get("protocol").filter(|p| p.as_f64() != Some(1.0)) {
            return Err((FaultKind::Unsupported, "protocol-version", format!("protocol {protocol}, known is 1.0")));
        }
        let section = |key| object.get(key).and_then(Value::as_object);
        let mut known = false;
        if let Some(data) = section("data") {
            known = true;
            if data.contains_key("UASdata") {
                self.transmission(data)?;
            } else if object.contains_key("BasicID") || object.contains_key("Latitude") {
                self.plain(object, data);
            } else if data.contains_key("status") {
                self.status(data);
            } else {
                return Err((FaultKind::Malformed, "no-uas-data", "a data section without UASdata".to_owned()));
            }
        }
        for (key, read) in [
            ("status", Self::status as fn(&mut Self, &Object)),
            ("location", Self::location),
            ("aircraft", Self::aircraft),
        ] {
            if let Some(section) = section(key) {
                known = true;
                read(self, section);
            }
        }
        match (self.reports, known) {
            (0, false) => {
                let text = "none of the sections data, status, location, aircraft".to_owned();
                Err((FaultKind::Unsupported, "no-known-section", text))
            }
            (0, true) => Err((FaultKind::Malformed, "nothing-valid", "no section says anything".to_owned())),
            _ => Ok(()),
        }
    }

    fn report(&mut self, report: Report) {
        self.reports += 1;
        self.out.report(self.offset, self.length, report);
    }

    fn fault(&mut self, kind: FaultKind, reason: &'static str, text: &str) {
        self.out.fault(fault(kind, reason, text, self.offset, self.length));
    }

    fn sensor(&mut self, section: &Object) -> Option<SensorId> {
        let name = section.get("sensor ID")?.as_str()?;
        match SensorId::new(name) {
            Ok(id) => Some(id),
            Err(error) => {
                self.fault(FaultKind::Malformed, "sensor-id", &error.to_string());
                None
            }
        }
    }

    fn carrier(&mut self, data: &Object) -> Carrier {
        let kind = data.get("type").and_then(Value::as_str).unwrap_or_default();
        let mut carrier = Carrier::new(match kind {
            "WiFi beacon" => Protocol::RemoteIdWifiBeacon,
            "WiFi NaN" => Protocol::RemoteIdWifiNan,
            "BLE legacy" => Protocol::RemoteIdBluetoothLegacy,
            "BLE long range" => Protocol::RemoteIdBluetoothLongRange,
            _ => Protocol::RemoteId,
        });
        carrier.mac = data.get("MAC address").and_then(Value::as_str).and_then(Mac::parse);
        if carrier.mac.is_none() && data.contains_key("MAC address") {
            self.fault(FaultKind::Malformed, "mac-address", "a MAC address that is none");
        }
        carrier.rssi_dbm = number(data, "RSSI");
        // 0 stands for "not known": Bluetooth reports come with it.
        carrier.channel = number(data, "channel").filter(|n| (1.0..=255.0).contains(n)).map(|n| n as u16);
        carrier
    }

    /// `data` with `UASdata`: what one transmitter has said so far, as the receiver keeps it.
    fn transmission(&mut self, data: &Object) -> Result<(), Rejection> {
        let encoded = data.get("UASdata").and_then(Value::as_str).unwrap_or_default();
        let bytes = STANDARD
            .decode(encoded.trim())
            .map_err(|error| (FaultKind::Malformed, "bad-base64", format!("UASdata: {error}")))?;
        let parts = decode_uas_data(&bytes).map_err(|error| {
            (FaultKind::Unsupported, error.reason, format!("UASdata of {} bytes, known are 920 and 921", bytes.len()))
        })?;
        let mut messages = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                Ok(message) => messages.push(message),
                Err(error) => {
                    let text = format!("{}: a value that its field cannot hold", error.part);
                    self.fault(FaultKind::Malformed, error.reason, &text);
                }
            }
        }
        self.messages("data", data, &messages);
        Ok(())
    }

    /// Messages heard from one transmitter, as claims and in full.
    fn messages(&mut self, section: &str, data: &Object, messages: &[Message]) {
        let carrier = self.carrier(data);
        let sensor = self.sensor(data);
        let heard_at = time_ms(data, "timestamp");
        // The aircraft's time stamp counts from the full hour: the receiver's clock was nearer to it than ours.
        let near = heard_at.unwrap_or(self.received_at);
        let mut key = vec![carrier.protocol as u8];
        key.extend(carrier.mac.iter().flat_map(|mac| mac.0));
        let mut builder = ClaimBuilder::new(&carrier, None);
        let mut assembled = None;
        for message in messages {
            if let Body::Authentication(page) = &message.body {
                assembled = Some(self.assembler.add(&key, near, message.protocol_version, page));
            }
            if message.has_impossible_place() {
                let text = "a latitude or longitude off the globe, taken as unknown";
                self.fault(FaultKind::Malformed, "impossible-place", text);
            }
            builder.add(near, message, assembled.as_ref());
        }
        self.out.detail(self.offset, self.length, || {
            let in_full: Vec<Value> = messages
                .iter()
                .filter_map(|message| serde_json::to_value(message.body).ok())
                .collect();
            json!({
                "section": section, "sensor": sensor, "heard_at": heard_at, "type": data.get("type"), "carrier": carrier,
                "assembled": assembled, "messages": in_full, "extra": data.get("extra"), "raw": data.get("raw"),
            })
        });
        if !builder.is_empty() {
            let mut claim = builder.finish();
            claim.sensor = sensor;
            self.report(Report::Claim(Box::new(claim)));
        }
    }

    /// The form without the structure: its fields stand in the object itself, beside `data` with the radio's.
    fn plain(&mut self, object: &Object, data: &Object) {
        let value = |key: &str| number(object, key).unwrap_or(f64::NAN);
        let code = |key: &str| small(object, key, 15).unwrap_or(0);
        let message = |body| Message { protocol_version: VERSION_MAX, body };
        let mut messages = Vec::new();
        if let Some(id) = object.get("BasicID").and_then(Value::as_str) {
            messages.push(message(Body::BasicId(BasicId {
                ua_type: UaType(code("UAType")),
                id_type: IdType(code("IDType")),
                id: TextCode::from_text(id),
                reserved: Bytes::default(),
            })));
        }
        if object.contains_key("Latitude") {
            // Minutes, seconds, hundredths.
            let parts: Vec<f64> = object
                .get("TimeStamp")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_f64)
                .collect();
            let time = match parts.as_slice() {
                [m, s, hundredths] => m * 60.0 + s + hundredths / 100.0,
                _ => f64::NAN,
            };
            messages.push(message(Body::Location(Location {
                status: StatusCode(code("Status")),
                height_type: HeightType(code("HeightType") & 1),
                direction: direction(value("Direction")),
                speed: speed(value("SpeedHorizontal")),
                vertical_speed: vertical_speed(value("SpeedVertical")),
                place: place(value("Latitude"), value("Longitude")),
                altitude_pressure: altitude(value("AltitudeBaro")),
                altitude_geodetic: altitude(value("AltitudeGeo")),
                height: altitude(value("Height")),
                horizontal_accuracy: HorizontalAccuracyCode(code("HorizAccuracy")),
                vertical_accuracy: VerticalAccuracyCode(code("VertAccuracy")),
                pressure_accuracy: VerticalAccuracyCode(code("BaroAccuracy")),
                speed_accuracy: SpeedAccuracyCode(code("SpeedAccuracy")),
                time_accuracy: TimeAccuracyCode(code("TSAccuracy")),
                time: hour_time(time),
                ..Location::unknown()
            })));
        }
        if object.contains_key("OperatorLatitude") {
            let whole = |key: &str, max: f64| number(object, key).unwrap_or(0.0).clamp(0.0, max);
            messages.push(message(Body::System(System {
                operator_place_type: OperatorPlaceType(code("OperatorLocationType") & 3),
                classification_type: ClassificationType(code("ClassificationType") & 7),
                operator: place(value("OperatorLatitude"), value("OperatorLongitude")),
                area_count: whole("AreaCount", 65535.0) as u16,
                area_radius_10m: (whole("AreaRadius", 2550.0) / 10.0) as u8,
                area_ceiling: altitude(value("AreaCeiling")),
                area_floor: altitude(value("AreaFloor")),
                eu_category: EuCategory(code("CategoryEU")),
                eu_class: EuClass(code("ClassEU")),
                operator_altitude: altitude(value("OperatorAltitudeGeo")),
                time: Time2019Code(whole("TimestampRaw", f64::from(u32::MAX)) as u32),
                reserved_bits: 0,
                reserved_byte: 0,
            })));
        }
        self.messages("plain", data, &messages);
    }

    fn status(&mut self, section: &Object) {
        let sensor = self.sensor(section);
        let measured_at = time_ms(section, "timestamp");
        let state = text(section, "status");
        let health = state.as_ref().and_then(|state| health(state.as_str()));
        let words: Vec<String> = [("model", ""), ("firmware version", "firmware "), ("status", "")]
            .into_iter()
            .filter_map(|(key, label)| text(section, key).map(|t| format!("{label}{t}")))
            .collect();
        self.out.detail(self.offset, self.length, || {
            json!({
                "section": "status", "sensor": sensor, "sent_at": measured_at, "status": state,
                "model": text(section, "model"), "firmware_version": text(section, "firmware version"),
            })
        });
        self.report(Report::SensorStatus(SensorStatus {
            sensor,
            measured_at,
            health,
            place: None,
            heights: Heights::UNKNOWN,
            scan: None,
            scan_plots: None,
            text: (!words.is_empty()).then(|| words.join(", ").into()),
        }));
    }

    fn location(&mut self, section: &Object) {
        let sensor = self.sensor(section);
        let measured_at = time_ms(section, "timestamp");
        let place = known_place(section);
        let heights =
            Heights { altitude_msl_m: number(section, "altitude MSL").filter(|_| place.is_some()), ..Heights::UNKNOWN };
        self.out.detail(self.offset, self.length, || {
            json!({
                "section": "location", "sensor": sensor, "sent_at": measured_at, "altitude_msl_m": heights.altitude_msl_m,
                "latitude_deg": place.map(|p| p.latitude_deg), "longitude_deg": place.map(|p| p.longitude_deg),
            })
        });
        self.report(Report::SensorStatus(SensorStatus {
            sensor,
            measured_at,
            health: None,
            place,
            heights,
            scan: None,
            scan_plots: None,
            text: None,
        }));
    }

    fn aircraft(&mut self, section: &Object) {
        let address_type = small(section, "address type", 7);
        let mut claim = Claim::new(match address_type {
            Some(0) | None => Protocol::Adsb,
            Some(2 | 3) => Protocol::Tisb,
            Some(_) => Protocol::AdsbNonTransponder,
        });
        claim.sensor = self.sensor(section);
        claim.measured_at = time_ms(section, "timestamp");
        let address = text(section, "address")
            .map(|a| a.as_str().to_ascii_lowercase())
            .filter(|a| a.len() == 6 && a.bytes().all(|b| b.is_ascii_hexdigit()));
        if let Some(address) = address {
            let icao = matches!(address_type, Some(0 | 2));
            let value = AirText::from(address);
            if icao {
                claim.names.push(Name { kind: NameKind::IcaoAddress, value: value.clone() });
            }
            claim.transmitter = Some(if icao { Transmitter::Icao(value) } else { Transmitter::NonIcao(value) });
        }
        if let Some(flight) = text(section, "flight") {
            claim.names.push(Name { kind: NameKind::Callsign, value: flight });
        }
        claim.place = known_place(section);
        match (number(section, "altitude"), small(section, "altitude type", 2)) {
            (Some(m), Some(1)) => claim.heights.altitude_pressure_m = Some(m),
            (Some(m), Some(2)) => claim.heights.height_ellipsoid_m = Some(m),
            _ => {}
        }
        let track = number(section, "track").filter(|deg| (0.0..=360.0).contains(deg));
        claim.course_rad = track.map(f64::to_radians);
        claim.speed_mps = number(section, "speed").filter(|v| *v >= 0.0);
        claim.vertical_speed_mps = number(section, "vertical rate");
        claim.status = match (small(section, "emergency status", 255), small(section, "flight state", 255)) {
            (Some(1..), _) => Some(OperationalStatus::Emergency),
            (_, Some(0)) => Some(OperationalStatus::Ground),
            (_, Some(1)) => Some(OperationalStatus::Airborne),
            _ => None,
        };
        claim.classification =
            small(section, "category", 255).and_then(class).map(|class| Classification::single(class, 1.0));
        if claim.place.is_none() && claim.transmitter.is_none() && claim.names.is_empty() {
            return self.fault(FaultKind::Malformed, "empty-aircraft", "an aircraft without address, name and place");
        }
        self.out.detail(self.offset, self.length, || {
            json!({
                "section": "aircraft", "sensor": claim.sensor, "heard_at": claim.measured_at,
                "type": section.get("type"), "frequency_mhz": number(section, "frequency MHz"),
                "address": text(section, "address"), "address_type": address_type, "flight": text(section, "flight"),
                "emergency_status": small(section, "emergency status", 255),
                "flight_state": small(section, "flight state", 255), "category": small(section, "category", 255),
                "altitude_pressure_m": claim.heights.altitude_pressure_m,
                "height_ellipsoid_m": claim.heights.height_ellipsoid_m,
                "speed_mps": claim.speed_mps, "track_deg": track, "vertical_speed_mps": claim.vertical_speed_mps,
                "message_count": number(section, "message count"),
                "latitude_deg": claim.place.map(|p| p.latitude_deg),
                "longitude_deg": claim.place.map(|p| p.longitude_deg), "raw": section.get("raw"),
            })
        });
        self.report(Report::Claim(Box::new(claim)));
    }
}

/// The receiver's own word for how it is.
fn health(state: &str) -> Option<SensorHealth> {
    let state = state.to_ascii_lowercase();
    if matches!(state.as_str(), "normal" | "ok" | "running") {
        Some(SensorHealth::Ok)
    } else if state.contains("error") || state.contains("fail") {
        Some(SensorHealth::Failed)
    } else if state.contains("warn") || state.contains("degraded") {
        Some(SensorHealth::Degraded)
    } else {
        None
    }
}

/// Emitter category as BlueMark numbers it (1 to 7 = A1 to A7, 9 to 15 = B1 to B7, 17 to 21 = C1 to C5).
fn class(category: u8) -> Option<Class> {
    match category {
        1..=6 | 9 | 12 | 15 => Some(Class::Aeroplane),
        7 => Some(Class::Helicopter),
        10 | 11 => Some(Class::Balloon),
        14 => Some(Class::Drone),
        17..=21 => Some(Class::Ground),
        _ => None,
    }
}
