//! SBS-1 ("BaseStation") lines, as receivers and aggregators serve them on port 30003.
//!
//! A unit is one line. `MSG` lines 1 to 8 (and `MLAT` lines of multilateration clients) give a claim each; `SEL`, `ID`, `AIR`, `STA` and
//! `CLK` lines tell of the sender's own screen and are not used. Altitudes are pressure altitudes in feet, speeds knots, vertical rates
//! feet per minute; the lines say neither quality nor signal. Their times are wall clock time without a zone: the time of reception has
//! the authority, and a line's time is used only where it fits it.
//!
//! Some Remote ID receivers write drones into SBS under addresses `FFxxxx` that nobody assigned, with feet per second in the speed
//! field and an altitude of unsaid datum. Such a line keeps its place and drops the rest: it does not name an ICAO address.

use crate::lines::{Line, Lines};
use crate::mode_s::fields::{Callsign, FOOT_M, FOOT_PER_MINUTE_MPS, KNOT_MPS, Squawk};
use crate::mode_s::is_emergency;
use crate::{BadState, ConfigTable, Decoded, Decoder, Format, fault};
use lapwing_model::limits::CONNECTIONS_PER_INPUT_MAX;
use lapwing_model::math::rad;
use lapwing_model::{
    AirText, Claim, Envelope, FaultKind, Name, NameKind, OperationalStatus, Place, Protocol, Report, Span, Time,
    Transmitter,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[cfg(test)]
mod tests;

/// This format's entry in the registry.
pub const FORMAT: Format = Format {
    name: "sbs",
    summary: "SBS-1 (BaseStation) lines of ADS-B receivers, port 30003",
    decoder: Some(open),
    encoder: None,
    sample: "utc_offset_minutes = 0       # of the clock of the sender, which writes local time without saying so\n",
};

/// Bytes of a line; real ones have about 120.
const LINE_BYTES_MAX: usize = 512;
/// A line's own time is used when it is at most this much before its reception.
const LINE_AGE_MAX: Span = Span::from_seconds(10);

/// Settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SbsConfig {
    /// Minutes the sender's wall clock is ahead of UTC (120 for central European summer time).
    #[schemars(range(min = -1440, max = 1440))]
    pub utc_offset_minutes: i16,
}

fn open(table: ConfigTable<'_>) -> Result<Box<dyn Decoder>, toml::de::Error> {
    let config = SbsConfig::deserialize(toml::de::ValueDeserializer::from(table))?;
    Ok(Box::new(Sbs::new(config)))
}

/// One line in the terms of the wire, units turned.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Wire {
    /// `MSG` or `MLAT`.
    pub message: &'static str,
    /// 1 identification, 2 surface, 3 airborne position, 4 velocity, 5 altitude, 6 squawk, 7 air to air, 8 all-call.
    pub transmission_type: u8,
    /// Address as sent, lower case, with `~` where it is not an ICAO one.
    pub address: AirText,
    /// An address of the block that Remote ID bridges make up.
    pub remote_id_bridge: bool,
    /// When the sender made it, its wall clock turned into UTC by the configured offset.
    pub generated_at: Option<Time>,
    /// Callsign as sent.
    pub callsign: Option<AirText>,
    /// Pressure altitude, metres.
    pub altitude_pressure_m: Option<f64>,
    /// Speed over ground, metres per second.
    pub ground_speed_mps: Option<f64>,
    /// Course over ground, degrees.
    pub course_deg: Option<f64>,
    /// Latitude, degrees north.
    pub latitude_deg: Option<f64>,
    /// Longitude, degrees east.
    pub longitude_deg: Option<f64>,
    /// Vertical rate, metres per second, up positive.
    pub vertical_rate_mps: Option<f64>,
    /// Mode A code.
    pub squawk: Option<Squawk>,
    /// Squawk has changed.
    pub alert: Option<bool>,
    /// An emergency code is set.
    pub emergency: Option<bool>,
    /// IDENT pressed.
    pub ident: Option<bool>,
    /// On the ground.
    pub on_ground: Option<bool>,
}

/// Why a line is not used: kind, reason, the field concerned.
type Refused = (FaultKind, &'static str, &'static str);

/// Reads one line.
fn line(bytes: &[u8], utc_offset_minutes: i16) -> Result<Wire, Refused> {
    let text = std::str::from_utf8(bytes).map_err(|_| (FaultKind::Malformed, "bad-text", "the line is not UTF-8"))?;
    let mut fields = [""; 22];
    let mut count = 0;
    for part in text.split(',') {
        if let Some(slot) = fields.get_mut(count) {
            *slot = part.trim();
        }
        count += 1;
    }
    let [
        kind,
        transmission,
        _,
        _,
        address,
        _,
        date,
        time,
        _,
        _,
        callsign,
        altitude,
        speed,
        course,
        latitude,
        longitude,
        rate,
        squawk,
        alert,
        emergency,
        ident,
        ground,
    ] = fields;
    let message = match kind {
        "MSG" => "MSG",
        "MLAT" => "MLAT",
        "SEL" | "ID" | "AIR" | "STA" | "CLK" => {
            return Err((FaultKind::Irrelevant, "sender-event", "a line on the sender's own state"));
        }
        _ => return Err((FaultKind::Malformed, "unknown-line", "the line starts with no SBS-1 message type")),
    };
    if count != 22 {
        return Err((FaultKind::Malformed, "wrong-field-count", "a MSG line has 22 fields"));
    }
    let transmission_type = transmission.parse().ok().filter(|t| (1..=8u8).contains(t));
    let transmission_type =
        transmission_type.ok_or((FaultKind::Malformed, "bad-field", "the transmission type is not 1 to 8"))?;
    let digits = address.strip_prefix('~').unwrap_or(address);
    if digits.len() != 6 || !digits.bytes().all(|c| c.is_ascii_hexdigit()) {
        return Err((FaultKind::Malformed, "bad-field", "the address is not six hexadecimal digits"));
    }
    let place = match (number(latitude, 90.0, "latitude")?, number(longitude, 180.0, "longitude")?) {
        // Some senders write 0, 0 for "no position".
        (Some(0.0), Some(0.0)) => None,
        (Some(latitude), Some(longitude)) => Some((latitude, longitude)),
        _ => None,
    };
    Ok(Wire {
        message,
        transmission_type,
        address: AirText::from(address.to_ascii_lowercase()),
        remote_id_bridge: digits.get(..2).is_some_and(|block| block.eq_ignore_ascii_case("ff")),
        generated_at: wall_clock(date, time).map(|t| t - Span::from_seconds(i64::from(utc_offset_minutes) * 60)),
        callsign: AirText::from_padded(callsign.as_bytes()),
        altitude_pressure_m: number(altitude, 200_000.0, "altitude")?.map(|ft| ft * FOOT_M),
        ground_speed_mps: number(speed, 10_000.0, "ground speed")?.filter(|kt| *kt >= 0.0).map(|kt| kt * KNOT_MPS),
        course_deg: number(course, 360.0, "track")?.map(|deg| deg.rem_euclid(360.0)),
        latitude_deg: place.map(|p| p.0),
        longitude_deg: place.map(|p| p.1),
        vertical_rate_mps: number(rate, 100_000.0, "vertical rate")?.map(|fpm| fpm * FOOT_PER_MINUTE_MPS),
        squawk: match squawk {
            "" => None,
            digits => Some(Squawk::from_digits(digits).ok_or((
                FaultKind::Malformed,
                "bad-field",
                "the squawk is not four octal digits",
            ))?),
        },
        alert: flag(alert)?,
        emergency: flag(emergency)?,
        ident: flag(ident)?,
        on_ground: flag(ground)?,
    })
}

/// A number of at most `magnitude_max` either way; an empty field is unknown.
fn number(field: &str, magnitude_max: f64, what: &'static str) -> Result<Option<f64>, Refused> {
    if field.is_empty() {
        return Ok(None);
    }
    match field.parse::<f64>() {
        Ok(value) if value.abs() <= magnitude_max => Ok(Some(value)),
        _ => Err((FaultKind::Malformed, "bad-field", what)),
    }
}

fn flag(field: &str) -> Result<Option<bool>, Refused> {
    match field {
        "" => Ok(None),
        "0" => Ok(Some(false)),
        "-1" | "1" => Ok(Some(true)),
        _ => Err((FaultKind::Malformed, "bad-field", "a flag is not 0, 1 or -1")),
    }
}

/// `2010/05/23` and `00:00:18.796` as if they were UTC.
fn wall_clock(date: &str, time: &str) -> Option<Time> {
    let mut ymd = date.split('/').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (ymd.next()??, ymd.next()??, ymd.next()??);
    let (hms, fraction) = time.split_once('.').unwrap_or((time, ""));
    let mut parts = hms.split(':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    let nanos = if fraction.is_empty() {
        0
    } else {
        let digits = fraction.get(..fraction.len().min(9)).filter(|f| f.bytes().all(|c| c.is_ascii_digit()))?;
        digits.parse::<i64>().ok()? * 10i64.pow(9 - digits.len() as u32)
    };
    Time::from_civil(year, month, day, hour, minute, second, nanos)
}

fn claim(wire: &Wire, received_at: Time) -> Claim {
    let protocol = match (wire.message, wire.transmission_type) {
        _ if wire.remote_id_bridge => Protocol::RemoteId,
        ("MLAT", _) => Protocol::Multilateration,
        (_, 1..=4) => Protocol::Adsb,
        _ => Protocol::ModeS,
    };
    let mut claim = Claim::new(protocol);
    claim.measured_at = wire.generated_at.filter(|t| *t <= received_at && received_at.since(*t) <= LINE_AGE_MAX);
    claim.place = wire.latitude_deg.zip(wire.longitude_deg).and_then(|(lat, lon)| Place::new(lat, lon));
    let plain = wire.address.as_str().trim_start_matches('~');
    if wire.remote_id_bridge {
        claim.transmitter = Some(Transmitter::NonIcao(AirText::new(plain)));
        // The bridge's name for it: pieces of a serial number, no callsign.
        claim.names.extend(wire.callsign.clone().map(|value| Name { kind: NameKind::SensorObject, value }));
        return claim;
    }
    if plain.len() == wire.address.as_str().len() {
        claim.names.push(Name { kind: NameKind::IcaoAddress, value: wire.address.clone() });
        claim.transmitter = Some(Transmitter::Icao(wire.address.clone()));
    } else {
        claim.transmitter = Some(Transmitter::NonIcao(AirText::new(plain)));
    }
    let callsign = wire.callsign.as_ref().and_then(|text| Callsign::from_text(text.as_str()));
    claim.names.extend(callsign.map(|c| Name { kind: NameKind::Callsign, value: AirText::new(c.as_str()) }));
    claim.heights.altitude_pressure_m = wire.altitude_pressure_m;
    claim.speed_mps = wire.ground_speed_mps;
    claim.course_rad = wire.course_deg.map(rad);
    claim.vertical_speed_mps = wire.vertical_rate_mps;
    claim.squawk = wire.squawk.map(|s| AirText::from(s.to_string()));
    claim.status = if wire.emergency == Some(true) || wire.squawk.is_some_and(is_emergency) {
        Some(OperationalStatus::Emergency)
    } else {
        wire.on_ground.map(|ground| if ground { OperationalStatus::Ground } else { OperationalStatus::Airborne })
    };
    claim
}

/// The decoder.
#[derive(Debug)]
pub struct Sbs {
    config: SbsConfig,
    streams: BTreeMap<u64, Lines>,
}

impl Sbs {
    /// A decoder that has heard nothing.
    pub fn new(config: SbsConfig) -> Self {
        Self { config, streams: BTreeMap::new() }
    }

    fn line(&self, received_at: Time, offset: u64, length: u64, content: Line<'_>, out: &mut Decoded) {
        let read = match content {
            // Blank lines are heartbeats.
            Line::Text(bytes) if bytes.iter().all(u8::is_ascii_whitespace) => return out.bytes_rejected(length),
            Line::Text(bytes) => line(bytes, self.config.utc_offset_minutes),
            Line::Rest => return out.bytes_rejected(length),
            Line::TooLong => Err((FaultKind::Refused, "line-too-long", "over 512 bytes")),
        };
        out.received();
        match read {
            Ok(wire) => {
                out.used();
                out.bytes_used(length);
                out.report(offset, length, Report::Claim(Box::new(claim(&wire, received_at))));
                out.detail(offset, length, || serde_json::to_value(&wire).unwrap_or_default());
            }
            Err((kind, reason, detail)) => {
                out.bytes_rejected(length);
                out.reject(fault(kind, reason, detail, offset, length));
            }
        }
    }

    fn end(&self, received_at: Time, mut lines: Lines, out: &mut Decoded) {
        lines.finish(|offset, length, line| self.line(received_at, offset, length, line, out));
    }
}

impl Decoder for Sbs {
    fn decode(&mut self, received_at: Time, envelope: &Envelope, bytes: &[u8], out: &mut Decoded) {
        match envelope {
            Envelope::Stream { connection, offset } => {
                if !self.streams.contains_key(connection) && self.streams.len() >= CONNECTIONS_PER_INPUT_MAX {
                    // Connections are counted upwards: the lowest is the oldest.
                    if let Some((_, oldest)) = self.streams.pop_first() {
                        self.end(received_at, oldest, out);
                    }
                }
                let mut lines = match self.streams.remove(connection) {
                    Some(lines) if lines.next_offset() == *offset => lines,
                    gap => {
                        gap.into_iter().for_each(|lines| self.end(received_at, lines, out));
                        Lines::starting_at(*offset, LINE_BYTES_MAX)
                    }
                };
                lines.feed(bytes, |offset, length, line| self.line(received_at, offset, length, line, out));
                self.streams.insert(*connection, lines);
            }
            Envelope::StreamEnd { connection } => {
                if let Some(lines) = self.streams.remove(connection) {
                    self.end(received_at, lines, out);
                }
            }
            Envelope::Datagram | Envelope::Message { .. } | Envelope::Frame { .. } => {
                let mut lines = Lines::starting_at(0, LINE_BYTES_MAX);
                lines.feed(bytes, |offset, length, line| self.line(received_at, offset, length, line, out));
                self.end(received_at, lines, out);
            }
        }
    }

    fn pending_bytes(&self) -> u64 {
        self.streams.values().map(Lines::pending_bytes).sum()
    }

    fn save(&self) -> Vec<u8> {
        crate::state::save(&self.streams)
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), BadState> {
        self.streams = crate::state::restore(state, |streams: &BTreeMap<u64, Lines>| {
            streams.len() <= CONNECTIONS_PER_INPUT_MAX && streams.values().all(|lines| lines.is_sound(LINE_BYTES_MAX))
        })?;
        Ok(())
    }
}
