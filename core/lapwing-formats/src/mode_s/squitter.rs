//! The 56-bit message of an extended squitter (DF 17 and 18): what ADS-B, TIS-B and ADS-R say (DO-260B 2.2.3.2; ICAO Doc 9871 appendix C).

use super::cpr::{Cpr, Surface};
use super::fields::{Altitude, AltitudeEncoding, Callsign, Squawk, altitude_12, movement_mps};
use super::frame::MessageField;
use super::status::{OperationalStatus, TargetState, operational_status, target_state};
use super::velocity::{Velocity, velocity};
use serde::Serialize;

/// What an extended squitter says, by its type code (the first five bits).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "squitter", rename_all = "snake_case")]
pub enum Squitter {
    /// Type 1 to 4: callsign and category.
    Identification(Identification),
    /// Type 5 to 8: position on the surface.
    SurfacePosition(SurfacePosition),
    /// Type 9 to 18 and 20 to 22: position in the air.
    AirbornePosition(AirbornePosition),
    /// Type 19: velocity.
    Velocity(Velocity),
    /// Type 28: emergency and squawk, or a collision avoidance advisory.
    AircraftStatus(AircraftStatus),
    /// Type 29: what the aircraft is told to do.
    TargetState(TargetState),
    /// Type 31: equipment and quality.
    OperationalStatus(OperationalStatus),
    /// Type 0: no position; altitude only, if at all.
    NoPosition(NoPosition),
    /// A type code or subtype that is reserved, for tests, or military.
    Other(Other),
}

/// Callsign and category.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Identification {
    /// Type code 1 to 4.
    pub type_code: u8,
    /// Emitter category, `A0` to `D7`: `B6` is an unmanned aircraft. `None` where it says "no information" (`x0`).
    pub category: Option<Category>,
    /// Callsign as filed, or the registration.
    pub callsign: Option<Callsign>,
}

/// Emitter category (DO-260B 2.2.3.2.5.2): a set `A` to `D` and a number 1 to 7.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Category {
    /// `A` to `D`.
    pub set: u8,
    /// 1 to 7.
    pub number: u8,
}

impl Serialize for Category {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}{}", char::from(self.set), self.number))
    }
}

/// Position on the surface. The place itself needs a second half or a reference: see [`super::aircraft`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SurfacePosition {
    /// Type code 5 to 8.
    pub type_code: u8,
    /// Movement code as sent, 0 to 127.
    pub movement: u8,
    /// Speed over ground, metres per second: the lower end of the coded step.
    pub ground_speed_mps: Option<f64>,
    /// Track over ground, or heading if the aircraft says so in its operational status; degrees, steps of 2.8.
    pub track_deg: Option<f64>,
    /// Position is of a whole 0.2 s of UTC.
    pub time_synchronised: bool,
    /// The coordinates.
    #[serde(flatten)]
    pub cpr: Cpr,
}

/// Position in the air. The place itself needs a second half or a reference: see [`super::aircraft`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct AirbornePosition {
    /// Type code 9 to 18 (pressure altitude) or 20 to 22 (height by GNSS).
    pub type_code: u8,
    /// 0 no condition, 1 emergency, 2 temporary alert (squawk changed), 3 ident.
    pub surveillance_status: u8,
    /// NIC supplement B (version 2) or single antenna flag (older).
    pub nic_supplement_b: bool,
    /// How the height was encoded.
    pub altitude_encoding: AltitudeEncoding,
    /// Pressure altitude, metres.
    pub altitude_pressure_m: Option<f64>,
    /// Height above the WGS-84 ellipsoid, metres. DO-260B encodes it like the pressure altitude, in feet.
    pub height_ellipsoid_m: Option<f64>,
    /// Position is of a whole 0.2 s of UTC.
    pub time_synchronised: bool,
    /// The coordinates.
    #[serde(flatten)]
    pub cpr: Cpr,
}

/// Type 28.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct AircraftStatus {
    /// 1 emergency and squawk, 2 collision avoidance advisory; others reserved.
    pub subtype: u8,
    /// The emergency, in subtype 1.
    pub emergency: Option<Emergency>,
    /// Mode A code, in subtype 1.
    pub squawk: Option<Squawk>,
    /// Advisory as sent, in subtype 2.
    pub advisory_raw: Option<MessageField>,
}

/// Emergency state (DO-260B 2.2.3.2.7.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Emergency {
    /// No emergency.
    None,
    /// General (7700).
    General,
    /// Medical.
    Lifeguard,
    /// Minimum fuel.
    MinimumFuel,
    /// No communication (7600).
    NoCommunication,
    /// Unlawful interference (7500).
    UnlawfulInterference,
    /// Aircraft is down; before version 2 reserved.
    Downed,
    /// Reserved.
    Reserved,
}

/// Type 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct NoPosition {
    /// Type code, 0.
    pub type_code: u8,
    /// How the altitude was encoded.
    pub altitude_encoding: AltitudeEncoding,
    /// Pressure altitude, metres.
    pub altitude_pressure_m: Option<f64>,
}

/// A message that is not interpreted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Other {
    /// Type code.
    pub type_code: u8,
    /// The message as sent.
    pub message_raw: MessageField,
}

/// Reads the message of an extended squitter.
pub(super) fn squitter(me: MessageField) -> Squitter {
    let type_code = me.small(1, 5);
    let other = Squitter::Other(Other { type_code, message_raw: me });
    match type_code {
        0 => {
            let Altitude { encoding, value_m } = altitude_12(me.bits(9, 20));
            Squitter::NoPosition(NoPosition { type_code, altitude_encoding: encoding, altitude_pressure_m: value_m })
        }
        1..=4 => Squitter::Identification(identification(type_code, me)),
        5..=8 => Squitter::SurfacePosition(surface_position(type_code, me)),
        9..=18 | 20..=22 => Squitter::AirbornePosition(airborne_position(type_code, me)),
        19 => velocity(me).map_or(other, Squitter::Velocity),
        28 => Squitter::AircraftStatus(aircraft_status(me)),
        29 => target_state(me).map_or(other, Squitter::TargetState),
        31 => operational_status(me).map_or(other, Squitter::OperationalStatus),
        _ => other,
    }
}

fn identification(type_code: u8, me: MessageField) -> Identification {
    let number = me.small(6, 8);
    let [_, a, b, c, d, e, f] = me.0;
    Identification {
        type_code,
        // Type 4 is set A, 3 B, 2 C, 1 D.
        category: (number != 0).then_some(Category { set: b'A' + 4 - type_code.clamp(1, 4), number }),
        callsign: Callsign::from_sixbit(u64::from_be_bytes([0, 0, a, b, c, d, e, f])),
    }
}

fn cpr(me: MessageField) -> Cpr {
    Cpr { odd: me.flag(22), latitude: me.bits(23, 39), longitude: me.bits(40, 56) }
}

fn surface_position(type_code: u8, me: MessageField) -> SurfacePosition {
    let movement = me.small(6, 12);
    SurfacePosition {
        type_code,
        movement,
        ground_speed_mps: movement_mps(movement),
        track_deg: me.flag(13).then(|| f64::from(me.small(14, 20)) * 360.0 / 128.0),
        time_synchronised: me.flag(21),
        cpr: cpr(me),
    }
}

fn airborne_position(type_code: u8, me: MessageField) -> AirbornePosition {
    let Altitude { encoding, value_m } = altitude_12(me.bits(9, 20));
    let (altitude_pressure_m, height_ellipsoid_m) = if type_code >= 20 { (None, value_m) } else { (value_m, None) };
    AirbornePosition {
        type_code,
        surveillance_status: me.small(6, 7),
        nic_supplement_b: me.flag(8),
        altitude_encoding: encoding,
        altitude_pressure_m,
        height_ellipsoid_m,
        time_synchronised: me.flag(21),
        cpr: cpr(me),
    }
}

fn aircraft_status(me: MessageField) -> AircraftStatus {
    let subtype = me.small(6, 8);
    let emergency = match me.small(9, 11) {
        0 => Emergency::None,
        1 => Emergency::General,
        2 => Emergency::Lifeguard,
        3 => Emergency::MinimumFuel,
        4 => Emergency::NoCommunication,
        5 => Emergency::UnlawfulInterference,
        6 => Emergency::Downed,
        _ => Emergency::Reserved,
    };
    AircraftStatus {
        subtype,
        emergency: (subtype == 1).then_some(emergency),
        // All zeros is what a transponder sends that does not fill the field; 0000 is also no code anybody is given.
        squawk: (subtype == 1 && me.bits(12, 24) != 0).then(|| Squawk::from_identity_13(me.bits(12, 24))),
        advisory_raw: (subtype == 2).then_some(me),
    }
}

impl Squitter {
    /// The coordinates, and whether they are of the surface.
    pub fn cpr(&self) -> Option<(Cpr, Surface)> {
        match self {
            Self::AirbornePosition(p) => Some((p.cpr, Surface::No)),
            Self::SurfacePosition(p) => Some((p.cpr, Surface::Yes)),
            _ => None,
        }
    }
}
