//! Extended squitters (DF 17) as a transponder sends them: for the simulator and for round-trip tests.

use super::cpr::{self, LatLon, Surface};
use super::crc;
use super::fields::{Callsign, FOOT_M, FOOT_PER_MINUTE_MPS, KNOT_MPS, encode_altitude_12, encode_movement};
use super::frame::{Frame, Icao, MessageField};
use super::squitter::Category;
use super::velocity::VerticalSource;
use lapwing_model::math::round;

/// Collects fields into the 56 bits of a message, first bit first.
struct Bits {
    bits: u64,
    count: u32,
}

impl Bits {
    fn new() -> Self {
        Self { bits: 0, count: 0 }
    }

    /// Appends the low `width` bits of `value`.
    fn put(mut self, width: u32, value: u32) -> Self {
        self.bits = self.bits << width | u64::from(value) & ((1 << width) - 1);
        self.count += width;
        self
    }

    fn flag(self, value: bool) -> Self {
        self.put(1, u32::from(value))
    }

    fn field(self) -> MessageField {
        debug_assert_eq!(self.count, 56, "a message field has 56 bits");
        let [_, field @ ..] = self.bits.to_be_bytes();
        MessageField(field)
    }
}

/// A DF 17 frame with capability 5 (airborne) or 4 (on the ground) and the right parity.
pub fn extended_squitter(address: Icao, on_ground: bool, message: MessageField) -> Frame {
    let [_, a, b, c] = (address.0 & 0x00FF_FFFF).to_be_bytes();
    let [d, e, f, g, h, i, j] = message.0;
    let payload = [17 << 3 | if on_ground { 4 } else { 5 }, a, b, c, d, e, f, g, h, i, j];
    let [_, x, y, z] = crc::parity(&payload).to_be_bytes();
    Frame::long([payload[0], a, b, c, d, e, f, g, h, i, j, x, y, z])
}

/// Callsign and category.
pub fn identification(address: Icao, category: Option<Category>, callsign: Callsign) -> Frame {
    let (type_code, number) = match category {
        Some(category) => (4 - (category.set.clamp(b'A', b'D') - b'A'), category.number),
        None => (4, 0),
    };
    let sixbit = callsign.to_sixbit();
    let bits = Bits::new().put(5, u32::from(type_code)).put(3, u32::from(number));
    extended_squitter(address, false, bits.put(24, (sixbit >> 24) as u32).put(24, sixbit as u32).field())
}

/// A height and its datum, as position messages carry it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SentHeight {
    /// Pressure altitude, metres: type code 11.
    Pressure(f64),
    /// Height above the ellipsoid, metres: type code 20.
    Ellipsoid(f64),
    /// Not known.
    Unknown,
}

/// Position in the air, one half. A height outside the code's range is sent as unknown.
pub fn airborne_position(address: Icao, place: LatLon, height: SentHeight, odd: bool) -> Frame {
    let (type_code, code) = match height {
        SentHeight::Pressure(m) => (11, encode_altitude_12(m)),
        SentHeight::Ellipsoid(m) => (20, encode_altitude_12(m)),
        SentHeight::Unknown => (11, None),
    };
    let half = cpr::encode(place, odd, Surface::No);
    let bits = Bits::new().put(5, type_code).put(3, 0).put(12, code.unwrap_or(0)).flag(false);
    extended_squitter(address, false, bits.flag(odd).put(17, half.latitude).put(17, half.longitude).field())
}

/// Position on the surface, one half.
pub fn surface_position(
    address: Icao,
    place: LatLon,
    ground_speed_mps: Option<f64>,
    track_deg: Option<f64>,
    odd: bool,
) -> Frame {
    let half = cpr::encode(place, odd, Surface::Yes);
    let movement = ground_speed_mps.and_then(encode_movement).unwrap_or(0);
    let track = track_deg.map(|deg| round(deg.rem_euclid(360.0) * 128.0 / 360.0) as u32 & 0x7F);
    let bits =
        Bits::new().put(5, 7).put(7, u32::from(movement)).flag(track.is_some()).put(7, track.unwrap_or(0)).flag(false);
    extended_squitter(address, true, bits.flag(odd).put(17, half.latitude).put(17, half.longitude).field())
}

/// What a velocity message says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SentVelocity {
    /// To the east, metres per second.
    pub east_mps: f64,
    /// To the north, metres per second.
    pub north_mps: f64,
    /// Up, metres per second, and what it was measured by.
    pub up: Option<(f64, VerticalSource)>,
    /// Height by GNSS minus pressure altitude, metres.
    pub gnss_minus_pressure_m: Option<f64>,
    /// Navigation accuracy category for velocity.
    pub nac_v: u8,
}

/// The sign and the magnitude plus one, of which the largest stands for "more".
fn signed(value: f64, unit: f64, magnitude_max: u32) -> (bool, u32) {
    // `as` turns NaN into 0.
    (value < 0.0, (round((value / unit).abs()) as u32).saturating_add(1).min(magnitude_max))
}

/// Velocity over ground; supersonic coding above 1021 kt in either axis.
pub fn velocity(address: Icao, sent: &SentVelocity) -> Frame {
    let supersonic = sent.east_mps.abs().max(sent.north_mps.abs()) > 1021.0 * KNOT_MPS;
    let (subtype, unit) = if supersonic { (2, 4.0 * KNOT_MPS) } else { (1, KNOT_MPS) };
    let (west, east) = signed(sent.east_mps, unit, 1023);
    let (south, north) = signed(sent.north_mps, unit, 1023);
    let (up, source) = sent.up.map_or((None, VerticalSource::Gnss), |(up, source)| (Some(up), source));
    let (down, rate) = up.map_or((false, 0), |up| signed(up, 64.0 * FOOT_PER_MINUTE_MPS, 511));
    let (below, difference) = sent.gnss_minus_pressure_m.map_or((false, 0), |d| signed(d, 25.0 * FOOT_M, 127));
    let bits = Bits::new().put(5, 19).put(3, subtype).put(2, 0).put(3, u32::from(sent.nac_v));
    let bits = bits.flag(west).put(10, east).flag(south).put(10, north);
    let bits = bits.flag(source == VerticalSource::Barometric).flag(down).put(9, rate).put(2, 0);
    extended_squitter(address, false, bits.flag(below).put(7, difference).field())
}

/// Operational status of version 2 in the air: NACp, GVA, SIL; no supplements.
pub fn operational_status(address: Icao, nac_p: u8, gva: u8, sil: u8) -> Frame {
    let bits = Bits::new().put(5, 31).put(3, 0).put(16, 0).put(16, 0).put(3, 2).put(1, 0);
    let bits = bits.put(4, u32::from(nac_p)).put(2, u32::from(gva)).put(2, u32::from(sil)).put(4, 0);
    extended_squitter(address, false, bits.field())
}
