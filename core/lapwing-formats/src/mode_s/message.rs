//! The downlink formats of Mode S (ICAO Annex 10 Volume IV, 3.1.2.3 and 3.1.2.6).

use super::crc;
use super::fields::{Altitude, AltitudeEncoding, Callsign, Squawk, altitude_13};
use super::frame::{Frame, Icao, MessageField};
use super::squitter::{Squitter, squitter};
use serde::Serialize;

/// Why a frame is no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The parity of an extended squitter is wrong.
    BadParity,
    /// A long format in a short frame, or the other way round.
    WrongLength,
    /// A downlink format that is not assigned, or military.
    UnknownFormat,
}

/// How far the address of a message can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AddressCheck {
    /// Sent in clear and covered by the whole parity.
    Parity,
    /// The parity is overlaid (with the address, or an interrogator code), and the address was lately heard with its whole parity.
    Known,
    /// The parity is overlaid and the address was not heard: either it is new, or bits are damaged and the address is nobody's.
    Unconfirmed,
}

/// A Mode S message.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Message {
    /// Downlink format.
    pub downlink_format: u8,
    /// The 24-bit address.
    pub icao_address: Icao,
    /// What kind of address it is.
    pub address_kind: AddressKind,
    /// The content.
    #[serde(flatten)]
    pub body: Body,
}

/// Whose number an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AddressKind {
    /// A 24-bit ICAO address.
    Icao,
    /// Anonymous, self-assigned, of a ground vehicle, or a track file number of a TIS-B station.
    NonIcao,
}

/// The content, by downlink format.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "body", rename_all = "snake_case")]
pub enum Body {
    /// DF 0 and 16: answers of the collision avoidance system.
    AirAir(AirAir),
    /// DF 4 and 20: altitude reply.
    AltitudeReply(AltitudeReply),
    /// DF 5 and 21: identity reply.
    IdentityReply(IdentityReply),
    /// DF 11: all-call reply.
    AllCall(AllCall),
    /// DF 17 and 18: extended squitter.
    ExtendedSquitter(ExtendedSquitter),
}

/// DF 0 and 16.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct AirAir {
    /// On the ground (VS).
    pub on_ground: bool,
    /// Sensitivity level of the collision avoidance system, 0 = not working.
    pub sensitivity_level: u8,
    /// Reply information as sent: capability and airspeed class.
    pub reply_information: u8,
    /// How the altitude was encoded.
    pub altitude_encoding: AltitudeEncoding,
    /// Pressure altitude, metres.
    pub altitude_pressure_m: Option<f64>,
    /// The coordination message of DF 16, as sent.
    pub message_raw: Option<MessageField>,
}

/// Flight status of surveillance replies (Annex 10 Volume IV, 3.1.2.6.5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct FlightStatus {
    /// As sent, 0 to 7.
    #[serde(rename = "flight_status")]
    pub code: u8,
    /// On the ground; `None` where the code leaves it open.
    pub on_ground: Option<bool>,
    /// Squawk changed, or an emergency one.
    pub alert: Option<bool>,
    /// IDENT pressed.
    pub ident: Option<bool>,
}

/// The Comm-B message of DF 20 and 21.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CommB {
    /// The register as sent. Which register it is, the reply does not say.
    pub message_raw: MessageField,
    /// Callsign, when it looks like register 2,0 (first byte 0x20, eight valid characters): inferred, not announced.
    pub callsign_inferred: Option<Callsign>,
}

/// DF 4 and 20.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct AltitudeReply {
    /// Flight status.
    #[serde(flatten)]
    pub status: FlightStatus,
    /// Downlink request as sent.
    pub downlink_request: u8,
    /// Utility message as sent.
    pub utility_message: u8,
    /// How the altitude was encoded.
    pub altitude_encoding: AltitudeEncoding,
    /// Pressure altitude, metres.
    pub altitude_pressure_m: Option<f64>,
    /// Comm-B message of DF 20.
    pub comm_b: Option<CommB>,
}

/// DF 5 and 21.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct IdentityReply {
    /// Flight status.
    #[serde(flatten)]
    pub status: FlightStatus,
    /// Downlink request as sent.
    pub downlink_request: u8,
    /// Utility message as sent.
    pub utility_message: u8,
    /// Mode A code.
    pub squawk: Squawk,
    /// Comm-B message of DF 21.
    pub comm_b: Option<CommB>,
}

/// DF 11.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct AllCall {
    /// Capability as sent: 4 on the ground, 5 in the air, 6 either.
    pub capability: u8,
    /// On the ground, where the capability says.
    pub on_ground: Option<bool>,
    /// Interrogator code, 0 to 79: 0 is an acquisition squitter. `None` when the parity field holds no valid one: damaged.
    pub interrogator_code: Option<u8>,
}

/// DF 17 and 18.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ExtendedSquitter {
    /// Capability (DF 17).
    pub capability: Option<u8>,
    /// Control field (DF 18): 0 ADS-B, 1 ADS-B with another address, 2 and 5 TIS-B, 3 coarse TIS-B, 4 TIS-B management, 6 ADS-R.
    pub control_field: Option<u8>,
    /// Who speaks.
    pub source: SquitterSource,
    /// What it says.
    #[serde(flatten)]
    pub squitter: Squitter,
}

/// Who speaks in an extended squitter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SquitterSource {
    /// The aircraft's transponder.
    Transponder,
    /// A device that is not a transponder.
    NonTransponder,
    /// A ground station, of aircraft its radar sees.
    Tisb,
    /// A ground station, repeating ADS-B of another link.
    Adsr,
}

impl Message {
    /// Reads a frame. The address of an overlaid parity is taken as it comes; whether it can be trusted is decided with the table of
    /// known addresses ([`super::aircraft`]).
    pub fn decode(frame: &Frame) -> Result<Self, Refusal> {
        let downlink_format = frame.downlink_format();
        let long = match downlink_format {
            0 | 4 | 5 | 11 => false,
            16 | 17 | 18 | 20 | 21 => true,
            _ => return Err(Refusal::UnknownFormat),
        };
        if long != frame.is_long() {
            return Err(Refusal::WrongLength);
        }
        let residual = crc::residual(frame.as_bytes());
        let head = frame.head();
        let announced = Icao(head & 0x00FF_FFFF);
        let overlaid = Icao(residual);
        let message =
            |icao_address, body| Ok(Self { downlink_format, icao_address, address_kind: AddressKind::Icao, body });
        match downlink_format {
            0 | 16 => message(overlaid, Body::AirAir(air_air(frame, head))),
            4 | 20 => message(overlaid, Body::AltitudeReply(altitude_reply(frame, head))),
            5 | 21 => message(overlaid, Body::IdentityReply(identity_reply(frame, head))),
            11 => message(announced, Body::AllCall(all_call(head, residual))),
            _ if residual != 0 => Err(Refusal::BadParity),
            _ => {
                let squitter = extended_squitter(frame, head);
                let address_kind = address_kind(&squitter, frame.message_field());
                Ok(Self {
                    downlink_format,
                    icao_address: announced,
                    address_kind,
                    body: Body::ExtendedSquitter(squitter),
                })
            }
        }
    }

    /// Whether the address stands in clear under the whole parity.
    pub fn address_is_sure(&self) -> bool {
        match &self.body {
            Body::ExtendedSquitter(_) => true,
            Body::AllCall(all_call) => all_call.interrogator_code == Some(0),
            _ => false,
        }
    }
}

fn comm_b(frame: &Frame) -> Option<CommB> {
    frame.is_long().then(|| {
        let message_raw = frame.message_field();
        let [register, a, b, c, d, e, f] = message_raw.0;
        let named = (register == 0x20).then(|| Callsign::from_sixbit(u64::from_be_bytes([0, 0, a, b, c, d, e, f])));
        CommB { message_raw, callsign_inferred: named.flatten() }
    })
}

fn air_air(frame: &Frame, head: u32) -> AirAir {
    let Altitude { encoding, value_m } = altitude_13(head & 0x1FFF);
    AirAir {
        on_ground: head >> 26 & 1 != 0,
        sensitivity_level: (head >> 21 & 0x7) as u8,
        reply_information: (head >> 15 & 0xF) as u8,
        altitude_encoding: encoding,
        altitude_pressure_m: value_m,
        message_raw: frame.is_long().then(|| frame.message_field()),
    }
}

fn flight_status(head: u32) -> FlightStatus {
    let code = (head >> 24 & 0x7) as u8;
    let (on_ground, alert, ident) = match code {
        0 => (Some(false), Some(false), Some(false)),
        1 => (Some(true), Some(false), Some(false)),
        2 => (Some(false), Some(true), Some(false)),
        3 => (Some(true), Some(true), Some(false)),
        4 => (None, Some(true), Some(true)),
        5 => (None, Some(false), Some(true)),
        _ => (None, None, None),
    };
    FlightStatus { code, on_ground, alert, ident }
}

fn altitude_reply(frame: &Frame, head: u32) -> AltitudeReply {
    let Altitude { encoding, value_m } = altitude_13(head & 0x1FFF);
    AltitudeReply {
        status: flight_status(head),
        downlink_request: (head >> 19 & 0x1F) as u8,
        utility_message: (head >> 13 & 0x3F) as u8,
        altitude_encoding: encoding,
        altitude_pressure_m: value_m,
        comm_b: comm_b(frame),
    }
}

fn identity_reply(frame: &Frame, head: u32) -> IdentityReply {
    IdentityReply {
        status: flight_status(head),
        downlink_request: (head >> 19 & 0x1F) as u8,
        utility_message: (head >> 13 & 0x3F) as u8,
        squawk: Squawk::from_identity_13(head & 0x1FFF),
        comm_b: comm_b(frame),
    }
}

fn all_call(head: u32, residual: u32) -> AllCall {
    let capability = (head >> 24 & 0x7) as u8;
    AllCall {
        capability,
        on_ground: match capability {
            4 => Some(true),
            5 => Some(false),
            _ => None,
        },
        // Seven bits: code label 0 to 4 and code 0 to 15 (Annex 10 Volume IV, 3.1.2.5.2.1.3).
        interrogator_code: (residual < 80).then_some(residual as u8),
    }
}

fn extended_squitter(frame: &Frame, head: u32) -> ExtendedSquitter {
    let low = (head >> 24 & 0x7) as u8;
    let squitter = |source, squitter| ExtendedSquitter { capability: None, control_field: Some(low), source, squitter };
    let me = frame.message_field();
    if frame.downlink_format() == 17 {
        return ExtendedSquitter {
            capability: Some(low),
            control_field: None,
            source: SquitterSource::Transponder,
            squitter: self::squitter(me),
        };
    }
    let raw = Squitter::Other(super::squitter::Other { type_code: me.small(1, 5), message_raw: me });
    match low {
        0 | 1 => squitter(SquitterSource::NonTransponder, self::squitter(me)),
        2 | 5 => squitter(SquitterSource::Tisb, self::squitter(me)),
        6 => squitter(SquitterSource::Adsr, self::squitter(me)),
        // Coarse positions and management have other layouts; the rest is reserved.
        _ => squitter(SquitterSource::Tisb, raw),
    }
}

/// CF 1 and 5 never carry ICAO addresses; in CF 2 and 6 the IMF bit says, which stands elsewhere in each message (DO-260B 2.2.17).
fn address_kind(squitter: &ExtendedSquitter, me: MessageField) -> AddressKind {
    let non_icao = match squitter.control_field {
        Some(1 | 5) => true,
        Some(2 | 6) => match squitter.squitter {
            Squitter::AirbornePosition(_) => me.flag(8),
            Squitter::SurfacePosition(_) => me.flag(21),
            Squitter::Velocity(_) => me.flag(9),
            Squitter::AircraftStatus(_) | Squitter::OperationalStatus(_) => me.flag(56),
            Squitter::TargetState(_) => me.flag(51),
            _ => false,
        },
        Some(3) => me.flag(1),
        _ => false,
    };
    if non_icao { AddressKind::NonIcao } else { AddressKind::Icao }
}
