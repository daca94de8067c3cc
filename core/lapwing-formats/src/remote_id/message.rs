//! The six messages of ASTM F3411-22a clause 5.4 (the same as in EN 4709-002), 25 bytes each.
//!
//! Nothing on the wire is lost: reserved bits are fields, codes keep their raw value, so `encode(decode(x)) == x`.

use super::fields::{
    AltitudeCode, AuthType, Bytes, ClassificationType, DescriptionType, DirectionCode, EuCategory, EuClass, HeightType,
    HorizontalAccuracyCode, HourTimeCode, IdType, OperatorIdType, OperatorPlaceType, PlaceCode, SpeedAccuracyCode,
    SpeedCode, StatusCode, TextCode, Time2019Code, TimeAccuracyCode, UaType, VerticalAccuracyCode, VerticalSpeedCode,
    hex,
};
use lapwing_model::AirText;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

/// Bytes of a message.
pub const MESSAGE_BYTES: usize = 25;
/// Most messages in a pack (ten would not fit an 802.11 element).
pub const PACK_MESSAGES_MAX: usize = 9;
/// The newest protocol version known: 0 = F3411-19, 1 = F3411-20 and prEN 4709-002, 2 = F3411-22 and EN 4709-002.
pub const VERSION_MAX: u8 = 2;

/// Message type of a pack.
pub(super) const TYPE_PACK: u8 = 0xF;

/// One message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Message {
    /// Protocol version of its header, 0 to [`VERSION_MAX`].
    pub protocol_version: u8,
    /// What it says.
    #[serde(flatten)]
    pub body: Body,
}

/// What a message says, by type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "message_type", rename_all = "snake_case")]
pub enum Body {
    /// Type 0.
    BasicId(BasicId),
    /// Type 1.
    Location(Location),
    /// Type 2.
    Authentication(AuthPage),
    /// Type 3.
    SelfId(SelfId),
    /// Type 4.
    System(System),
    /// Type 5.
    OperatorId(OperatorId),
}

/// Type 0: who the aircraft is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BasicId {
    /// Kind of id, 4 bits.
    pub id_type: IdType,
    /// Kind of aircraft, 4 bits.
    pub ua_type: UaType,
    /// The id: text for serial numbers and registrations, bytes for UUIDs and session ids.
    pub id: TextCode<20>,
    /// Bytes 22 to 24.
    pub reserved: Bytes<3>,
}

impl BasicId {
    /// The id as text: hexadecimal when it is binary; `None` when empty or of type 0.
    pub fn id_text(&self) -> Option<AirText> {
        match self.id_type {
            IdType::NONE => None,
            IdType::UTM => self.id.0.get(..16).filter(|b| b.iter().any(|x| *x != 0)).map(|b| AirText::new(&hex(b))),
            IdType::SESSION => self.id.0.iter().any(|x| *x != 0).then(|| AirText::new(&hex(&self.id.0))),
            _ => self.id.text(),
        }
    }
}

impl Serialize for BasicId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut out = s.serialize_struct("BasicId", 5)?;
        out.serialize_field("id_type", &self.id_type)?;
        out.serialize_field("ua_type", &self.ua_type)?;
        out.serialize_field("id", &self.id_text())?;
        out.serialize_field("id_raw", &self.id)?;
        out.serialize_field("reserved", &self.reserved)?;
        out.end()
    }
}

/// Type 1: where the aircraft is and how it moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Location {
    /// Operational status, 4 bits.
    pub status: StatusCode,
    /// Datum of `height_m`.
    pub height_type: HeightType,
    /// Course over ground.
    #[serde(rename = "course_deg")]
    pub direction: DirectionCode,
    /// Speed over ground.
    #[serde(rename = "speed_mps")]
    pub speed: SpeedCode,
    /// Climb.
    #[serde(rename = "vertical_speed_mps")]
    pub vertical_speed: VerticalSpeedCode,
    /// Place of the aircraft.
    #[serde(flatten)]
    pub place: PlaceCode,
    /// Pressure altitude, standard atmosphere 1013.25 hPa.
    #[serde(rename = "altitude_pressure_m")]
    pub altitude_pressure: AltitudeCode,
    /// Height above the WGS-84 ellipsoid.
    #[serde(rename = "height_ellipsoid_m")]
    pub altitude_geodetic: AltitudeCode,
    /// Height above what `height_type` says.
    #[serde(rename = "height_m")]
    pub height: AltitudeCode,
    /// Of the place.
    pub horizontal_accuracy: HorizontalAccuracyCode,
    /// Of the geodetic altitude.
    pub vertical_accuracy: VerticalAccuracyCode,
    /// Of the pressure altitude.
    pub pressure_accuracy: VerticalAccuracyCode,
    /// Of the speed.
    pub speed_accuracy: SpeedAccuracyCode,
    /// When the place was measured.
    #[serde(rename = "time_since_hour_s")]
    pub time: HourTimeCode,
    /// Of `time`.
    pub time_accuracy: TimeAccuracyCode,
    /// Bit 3 of byte 1.
    pub reserved_flag: bool,
    /// High half of byte 23.
    pub reserved_nibble: u8,
    /// Byte 24.
    pub reserved_byte: u8,
}

impl Location {
    /// A message in which everything is unknown.
    pub fn unknown() -> Self {
        Self {
            status: StatusCode::UNDECLARED,
            height_type: HeightType::ABOVE_TAKEOFF,
            direction: DirectionCode::from_deg(None),
            speed: SpeedCode::from_mps(None),
            vertical_speed: VerticalSpeedCode::from_mps(None),
            place: PlaceCode::default(),
            altitude_pressure: AltitudeCode::default(),
            altitude_geodetic: AltitudeCode::default(),
            height: AltitudeCode::default(),
            horizontal_accuracy: HorizontalAccuracyCode::default(),
            vertical_accuracy: VerticalAccuracyCode::default(),
            pressure_accuracy: VerticalAccuracyCode::default(),
            speed_accuracy: SpeedAccuracyCode::default(),
            time: HourTimeCode::from_time(None),
            time_accuracy: TimeAccuracyCode::default(),
            reserved_flag: false,
            reserved_nibble: 0,
            reserved_byte: 0,
        }
    }
}

/// Type 2: one page of authentication data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct AuthPage {
    /// What was signed, 4 bits.
    pub auth_type: AuthType,
    /// Page number, 0 to 15.
    pub page: u8,
    /// What the page holds.
    #[serde(flatten)]
    pub content: AuthContent,
}

/// What an authentication page holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum AuthContent {
    /// Page 0.
    First {
        /// Version 0 calls this byte the number of pages; from version 1 it is the index of the last page.
        last_page_index: u8,
        /// Bytes of authentication data over all pages.
        length_bytes: u8,
        /// When it was signed.
        #[serde(rename = "time")]
        time: Time2019Code,
        /// The first 17 bytes.
        data: Bytes<17>,
    },
    /// Pages 1 to 15.
    Next {
        /// The next 23 bytes.
        data: Bytes<23>,
    },
}

/// Type 3: what the flight is for, in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SelfId {
    /// Kind of text.
    pub description_type: DescriptionType,
    /// The text.
    pub description: TextCode<23>,
}

/// Type 4: the operator's place and, for a swarm, its area.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct System {
    /// Where the operator's place comes from, 2 bits.
    pub operator_place_type: OperatorPlaceType,
    /// Whose classification it is, 3 bits.
    pub classification_type: ClassificationType,
    /// Place of the operator.
    pub operator: PlaceCode,
    /// Aircraft in the area.
    pub area_count: u16,
    /// Radius of the area in units of 10 m.
    #[serde(rename = "area_radius_m", serialize_with = "tens")]
    pub area_radius_10m: u8,
    /// Ceiling of the area above the ellipsoid.
    #[serde(rename = "area_ceiling_ellipsoid_m")]
    pub area_ceiling: AltitudeCode,
    /// Floor of the area above the ellipsoid.
    #[serde(rename = "area_floor_ellipsoid_m")]
    pub area_floor: AltitudeCode,
    /// EU category, 4 bits; means something when `classification_type` is EU.
    pub eu_category: EuCategory,
    /// EU class, 4 bits; means something when `classification_type` is EU.
    pub eu_class: EuClass,
    /// Height of the operator above the ellipsoid.
    #[serde(rename = "operator_height_ellipsoid_m")]
    pub operator_altitude: AltitudeCode,
    /// When the message was made (from version 1; reserved in version 0).
    #[serde(rename = "time")]
    pub time: Time2019Code,
    /// High three bits of byte 1.
    pub reserved_bits: u8,
    /// Byte 24.
    pub reserved_byte: u8,
}

impl System {
    /// A message of one aircraft in which everything else is unknown.
    pub fn unknown() -> Self {
        Self {
            operator_place_type: OperatorPlaceType::TAKEOFF,
            classification_type: ClassificationType::UNDECLARED,
            operator: PlaceCode::default(),
            area_count: 1,
            area_radius_10m: 0,
            area_ceiling: AltitudeCode::default(),
            area_floor: AltitudeCode::default(),
            eu_category: EuCategory::UNDECLARED,
            eu_class: EuClass::UNDECLARED,
            operator_altitude: AltitudeCode::default(),
            time: Time2019Code::default(),
            reserved_bits: 0,
            reserved_byte: 0,
        }
    }
}

fn tens<S: Serializer>(value: &u8, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_u16(u16::from(*value) * 10)
}

/// Type 5: who the operator is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct OperatorId {
    /// Kind of id.
    pub operator_id_type: OperatorIdType,
    /// The id.
    pub operator_id: TextCode<20>,
    /// Bytes 22 to 24.
    pub reserved: Bytes<3>,
}

/// Why bytes are not a message or a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageError {
    /// Fewer than 25 bytes (of a message), or than 3 (of a pack's header).
    Truncated {
        /// Bytes there.
        bytes: usize,
    },
    /// A type that the standard does not define.
    UnknownType(u8),
    /// A reserved or private protocol version.
    ReservedVersion(u8),
    /// A pack inside a pack.
    NestedPack,
    /// A pack with no message.
    EmptyPack,
    /// A pack that says its messages have another size than 25.
    PackMessageSize(u8),
    /// A pack that says it has more than nine messages.
    PackCount(u8),
    /// A pack that ends before the messages it counts.
    PackTruncated {
        /// Messages said.
        said: u8,
        /// Whole messages there.
        there: usize,
    },
    /// Bytes after the last message of a pack, or after a single message.
    TrailingBytes(usize),
}

impl MessageError {
    /// The reason as a stable word, for counters.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Truncated { .. } => "message-truncated",
            Self::UnknownType(_) => "message-type",
            Self::ReservedVersion(_) => "protocol-version",
            Self::NestedPack => "nested-pack",
            Self::EmptyPack => "empty-pack",
            Self::PackMessageSize(_) => "pack-message-size",
            Self::PackCount(_) => "pack-count",
            Self::PackTruncated { .. } => "pack-truncated",
            Self::TrailingBytes(_) => "trailing-bytes",
        }
    }
}

impl std::fmt::Display for MessageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Truncated { bytes } => write!(f, "{bytes} bytes are too few for a Remote ID message"),
            Self::UnknownType(t) => write!(f, "message type {t} is not defined"),
            Self::ReservedVersion(v) => write!(f, "protocol version {v} is reserved (known: 0 to {VERSION_MAX})"),
            Self::NestedPack => f.write_str("a message pack inside a message pack"),
            Self::EmptyPack => f.write_str("a message pack without messages"),
            Self::PackMessageSize(n) => write!(f, "a message pack of {n}-byte messages (always {MESSAGE_BYTES})"),
            Self::PackCount(n) => write!(f, "a message pack of {n} messages (at most {PACK_MESSAGES_MAX})"),
            Self::PackTruncated { said, there } => {
                write!(f, "a message pack says {said} messages and has {there} whole ones")
            }
            Self::TrailingBytes(n) => write!(f, "{n} bytes after the last message"),
        }
    }
}

/// The low half of a byte.
pub(super) fn low(byte: u8) -> u8 {
    byte & 0x0F
}

fn i32_le(a: u8, b: u8, c: u8, d: u8) -> i32 {
    i32::from_le_bytes([a, b, c, d])
}

fn altitude(a: u8, b: u8) -> AltitudeCode {
    AltitudeCode(u16::from_le_bytes([a, b]))
}

// The readers take fixed bytes apart by pattern: no index can be wrong, and every byte is named once.
fn basic_id(b: &[u8; MESSAGE_BYTES]) -> BasicId {
    let [_, types, rest @ ..] = *b;
    let (id, reserved) = split::<20, 3>(&rest);
    BasicId { id_type: IdType(types >> 4), ua_type: UaType(low(types)), id: TextCode(id), reserved: Bytes(reserved) }
}

/// Cuts 23 bytes in two.
fn split<const A: usize, const B: usize>(rest: &[u8; 23]) -> ([u8; A], [u8; B]) {
    const { assert!(A + B == 23) };
    let mut first = [0; A];
    let mut second = [0; B];
    for (to, from) in first.iter_mut().chain(second.iter_mut()).zip(rest) {
        *to = *from;
    }
    (first, second)
}

fn location(b: &[u8; MESSAGE_BYTES]) -> Location {
    let [
        _,
        flags,
        direction,
        speed,
        climb,
        y0,
        y1,
        y2,
        y3,
        x0,
        x1,
        x2,
        x3,
        p0,
        p1,
        g0,
        g1,
        h0,
        h1,
        vh,
        bs,
        t0,
        t1,
        ta,
        last,
    ] = *b;
    Location {
        status: StatusCode(flags >> 4),
        height_type: HeightType((flags >> 2) & 1),
        direction: DirectionCode { raw: direction, west: flags & 2 != 0 },
        speed: SpeedCode { raw: speed, fast: flags & 1 != 0 },
        vertical_speed: VerticalSpeedCode(climb as i8),
        place: PlaceCode { latitude: i32_le(y0, y1, y2, y3), longitude: i32_le(x0, x1, x2, x3) },
        altitude_pressure: altitude(p0, p1),
        altitude_geodetic: altitude(g0, g1),
        height: altitude(h0, h1),
        horizontal_accuracy: HorizontalAccuracyCode(low(vh)),
        vertical_accuracy: VerticalAccuracyCode(vh >> 4),
        pressure_accuracy: VerticalAccuracyCode(bs >> 4),
        speed_accuracy: SpeedAccuracyCode(low(bs)),
        time: HourTimeCode(u16::from_le_bytes([t0, t1])),
        time_accuracy: TimeAccuracyCode(low(ta)),
        reserved_flag: flags & 8 != 0,
        reserved_nibble: ta >> 4,
        reserved_byte: last,
    }
}

fn auth_page(b: &[u8; MESSAGE_BYTES]) -> AuthPage {
    let [_, head, rest @ ..] = *b;
    let content = if low(head) == 0 {
        let ([last_page_index, length_bytes, t0, t1, t2, t3], data) = split::<6, 17>(&rest);
        let time = Time2019Code(u32::from_le_bytes([t0, t1, t2, t3]));
        AuthContent::First { last_page_index, length_bytes, time, data: Bytes(data) }
    } else {
        AuthContent::Next { data: Bytes(rest) }
    };
    AuthPage { auth_type: AuthType(head >> 4), page: low(head), content }
}

fn system(b: &[u8; MESSAGE_BYTES]) -> System {
    let [_, flags, y0, y1, y2, y3, x0, x1, x2, x3, n0, n1, radius, c0, c1, f0, f1, class, a0, a1, t0, t1, t2, t3, last] =
        *b;
    System {
        operator_place_type: OperatorPlaceType(flags & 3),
        classification_type: ClassificationType((flags >> 2) & 7),
        operator: PlaceCode { latitude: i32_le(y0, y1, y2, y3), longitude: i32_le(x0, x1, x2, x3) },
        area_count: u16::from_le_bytes([n0, n1]),
        area_radius_10m: radius,
        area_ceiling: altitude(c0, c1),
        area_floor: altitude(f0, f1),
        eu_category: EuCategory(class >> 4),
        eu_class: EuClass(low(class)),
        operator_altitude: altitude(a0, a1),
        time: Time2019Code(u32::from_le_bytes([t0, t1, t2, t3])),
        reserved_bits: flags >> 5,
        reserved_byte: last,
    }
}

impl Message {
    /// Reads one message of 25 bytes.
    pub fn decode(b: &[u8; MESSAGE_BYTES]) -> Result<Self, MessageError> {
        let [header, kind, rest @ ..] = *b;
        let protocol_version = low(header);
        let body = match header >> 4 {
            0..=5 | TYPE_PACK if protocol_version > VERSION_MAX => {
                return Err(MessageError::ReservedVersion(protocol_version));
            }
            0 => Body::BasicId(basic_id(b)),
            1 => Body::Location(location(b)),
            2 => Body::Authentication(auth_page(b)),
            3 => Body::SelfId(SelfId { description_type: DescriptionType(kind), description: TextCode(rest) }),
            4 => Body::System(system(b)),
            5 => {
                let (id, reserved) = split::<20, 3>(&rest);
                Body::OperatorId(OperatorId {
                    operator_id_type: OperatorIdType(kind),
                    operator_id: TextCode(id),
                    reserved: Bytes(reserved),
                })
            }
            TYPE_PACK => return Err(MessageError::NestedPack),
            other => return Err(MessageError::UnknownType(other)),
        };
        Ok(Self { protocol_version, body })
    }

    /// Whether it says a place off the globe (then the place is taken as unknown, and the rest holds).
    pub fn has_impossible_place(&self) -> bool {
        match &self.body {
            Body::Location(location) => location.place.is_impossible(),
            Body::System(system) => system.operator.is_impossible(),
            _ => false,
        }
    }

    /// The 25 bytes on the air. Codes wider than their field are cut to it.
    pub fn encode(&self) -> [u8; MESSAGE_BYTES] {
        let mut out = Vec::with_capacity(MESSAGE_BYTES);
        out.push((self.body.message_type() << 4) | low(self.protocol_version));
        match &self.body {
            Body::BasicId(m) => {
                out.push((m.id_type.0 << 4) | low(m.ua_type.0));
                out.extend(m.id.0);
                out.extend(m.reserved.0);
            }
            Body::Location(m) => encode_location(m, &mut out),
            Body::Authentication(m) => {
                out.push((m.auth_type.0 << 4) | low(m.page));
                match &m.content {
                    AuthContent::First { last_page_index, length_bytes, time, data } => {
                        out.extend([*last_page_index, *length_bytes]);
                        out.extend(time.0.to_le_bytes());
                        out.extend(data.0);
                    }
                    AuthContent::Next { data } => out.extend(data.0),
                }
            }
            Body::SelfId(m) => {
                out.push(m.description_type.0);
                out.extend(m.description.0);
            }
            Body::System(m) => encode_system(m, &mut out),
            Body::OperatorId(m) => {
                out.push(m.operator_id_type.0);
                out.extend(m.operator_id.0);
                out.extend(m.reserved.0);
            }
        }
        let mut bytes = [0; MESSAGE_BYTES];
        for (to, from) in bytes.iter_mut().zip(out) {
            *to = from;
        }
        bytes
    }
}

fn encode_location(m: &Location, out: &mut Vec<u8>) {
    let bit = |on: bool, at: u8| u8::from(on) << at;
    let flags =
        bit(m.speed.fast, 0) | bit(m.direction.west, 1) | ((m.height_type.0 & 1) << 2) | bit(m.reserved_flag, 3);
    out.push((m.status.0 << 4) | flags);
    out.extend([m.direction.raw, m.speed.raw, m.vertical_speed.0 as u8]);
    out.extend(m.place.latitude.to_le_bytes());
    out.extend(m.place.longitude.to_le_bytes());
    for altitude in [m.altitude_pressure, m.altitude_geodetic, m.height] {
        out.extend(altitude.0.to_le_bytes());
    }
    out.push((m.vertical_accuracy.0 << 4) | low(m.horizontal_accuracy.0));
    out.push((m.pressure_accuracy.0 << 4) | low(m.speed_accuracy.0));
    out.extend(m.time.0.to_le_bytes());
    out.push((m.reserved_nibble << 4) | low(m.time_accuracy.0));
    out.push(m.reserved_byte);
}

fn encode_system(m: &System, out: &mut Vec<u8>) {
    out.push((m.reserved_bits << 5) | ((m.classification_type.0 & 7) << 2) | (m.operator_place_type.0 & 3));
    out.extend(m.operator.latitude.to_le_bytes());
    out.extend(m.operator.longitude.to_le_bytes());
    out.extend(m.area_count.to_le_bytes());
    out.push(m.area_radius_10m);
    out.extend(m.area_ceiling.0.to_le_bytes());
    out.extend(m.area_floor.0.to_le_bytes());
    out.push((m.eu_category.0 << 4) | low(m.eu_class.0));
    out.extend(m.operator_altitude.0.to_le_bytes());
    out.extend(m.time.0.to_le_bytes());
    out.push(m.reserved_byte);
}

impl Body {
    /// The number of the type on the wire.
    pub fn message_type(&self) -> u8 {
        match self {
            Self::BasicId(_) => 0,
            Self::Location(_) => 1,
            Self::Authentication(_) => 2,
            Self::SelfId(_) => 3,
            Self::System(_) => 4,
            Self::OperatorId(_) => 5,
        }
    }
}
