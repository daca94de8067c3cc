//! `UASdata`: the structure ODID_UAS_Data of opendroneid-core-c as a little-endian compiler for 64-bit machines lays it
//! out. The layout is an artefact, so only the known sizes are accepted: 920 bytes, and 921 with a terminating NUL.
//!
//! | at | what | |
//! |---|---|---|
//! | 0, 32 | two Basic IDs | aircraft type u32, id type u32, 21 characters |
//! | 64 | Location | see `location` |
//! | 136 + 40 i | sixteen authentication pages | page u8, type u32 at 4, last page u8 at 8, length u8 at 9, time u32 at 12, 24 bytes at 16 |
//! | 776 | Self-ID | type u32, 24 characters |
//! | 808 | System | see `system` |
//! | 864 | Operator ID | type u32, 21 characters |
//! | 892 | which of these hold | 2 + 1 + 16 + 1 + 1 + 1 bytes, 1 = yes |

use crate::remote_id::fields::{
    AltitudeCode, AuthType, Bytes, ClassificationType, DescriptionType, DirectionCode, EuCategory, EuClass, HeightType,
    HorizontalAccuracyCode, HourTimeCode, IdType, OperatorIdType, OperatorPlaceType, PlaceCode, SpeedAccuracyCode,
    SpeedCode, StatusCode, TextCode, Time2019Code, TimeAccuracyCode, UaType, VerticalAccuracyCode, VerticalSpeedCode,
};
use crate::remote_id::message::{
    AuthContent, AuthPage, BasicId, Body, Location, Message, OperatorId, SelfId, System, VERSION_MAX,
};

/// Size of the structure.
pub const UAS_DATA_BYTES: usize = 920;

const BASIC_ID_AT: [usize; 2] = [0, 32];
const LOCATION_AT: usize = 64;
const AUTH_AT: usize = 136;
const AUTH_STEP: usize = 40;
const AUTH_PAGES: usize = 16;
const SELF_ID_AT: usize = 776;
const SYSTEM_AT: usize = 808;
const OPERATOR_ID_AT: usize = 864;
const VALID_AT: usize = 892;
const VALID_LOCATION: usize = VALID_AT + 2;
const VALID_AUTH: usize = VALID_AT + 3;
const VALID_SELF_ID: usize = VALID_AUTH + AUTH_PAGES;
const VALID_SYSTEM: usize = VALID_SELF_ID + 1;
const VALID_OPERATOR_ID: usize = VALID_SELF_ID + 2;

/// What is wrong with a structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UasDataError {
    /// The reason as a stable word.
    pub reason: &'static str,
    /// Which part.
    pub part: &'static str,
}

/// Fields of a part, by their place in the structure.
#[derive(Clone, Copy)]
struct Part<'a> {
    bytes: &'a [u8],
    name: &'static str,
}

impl Part<'_> {
    fn error(&self) -> UasDataError {
        UasDataError { reason: "uas-data-field", part: self.name }
    }

    fn array<const N: usize>(&self, at: usize) -> Result<[u8; N], UasDataError> {
        let field = self.bytes.get(at..).and_then(<[u8]>::first_chunk::<N>);
        field.copied().ok_or(self.error())
    }

    fn u8(&self, at: usize) -> Result<u8, UasDataError> {
        self.array::<1>(at).map(|[b]| b)
    }

    fn u16(&self, at: usize) -> Result<u16, UasDataError> {
        self.array(at).map(u16::from_le_bytes)
    }

    fn u32(&self, at: usize) -> Result<u32, UasDataError> {
        self.array(at).map(u32::from_le_bytes)
    }

    fn f32(&self, at: usize) -> Result<f64, UasDataError> {
        self.array(at).map(|b| f64::from(f32::from_le_bytes(b)))
    }

    /// An enumeration: a value that its field on the air cannot hold shows that the layout is another.
    fn code(&self, at: usize, max: u8) -> Result<u8, UasDataError> {
        u8::try_from(self.u32(at)?).ok().filter(|v| *v <= max).ok_or(self.error())
    }

    fn altitude(&self, at: usize) -> Result<AltitudeCode, UasDataError> {
        self.f32(at).map(altitude)
    }

    fn place(&self, latitude_at: usize, longitude_at: usize) -> Result<PlaceCode, UasDataError> {
        let latitude = f64::from_le_bytes(self.array(latitude_at)?);
        let longitude = f64::from_le_bytes(self.array(longitude_at)?);
        Ok(place(latitude, longitude))
    }
}

/// -1000 m and below, and what is not a number, are unknown.
pub(super) fn altitude(m: f64) -> AltitudeCode {
    AltitudeCode::from_m((m > -1000.0).then_some(m))
}

/// Degrees to the code; values off the globe stay off it, what is not a number is unknown.
pub(super) fn place(latitude_deg: f64, longitude_deg: f64) -> PlaceCode {
    if !latitude_deg.is_finite() || !longitude_deg.is_finite() {
        return PlaceCode::default();
    }
    // `as` saturates, and the ends of i32 are off the globe.
    let code = |deg: f64| libm::round(deg * 1e7) as i32;
    PlaceCode { latitude: code(latitude_deg), longitude: code(longitude_deg) }
}

/// 0 to 360 degrees, anything else is unknown.
pub(super) fn direction(deg: f64) -> DirectionCode {
    DirectionCode::from_deg((0.0..=360.0).contains(&deg).then_some(deg))
}

/// 0 to 254.25 m/s, anything else is unknown.
pub(super) fn speed(mps: f64) -> SpeedCode {
    SpeedCode::from_mps((0.0..=254.25).contains(&mps).then_some(mps))
}

/// -62 to 62 m/s, anything else is unknown.
pub(super) fn vertical_speed(mps: f64) -> VerticalSpeedCode {
    VerticalSpeedCode::from_mps((-62.0..=62.0).contains(&mps).then_some(mps))
}

/// 0 to 3600 s, anything else is unknown.
pub(super) fn hour_time(s: f64) -> HourTimeCode {
    HourTimeCode(if (0.0..=3600.0).contains(&s) { libm::round(s * 10.0) as u16 } else { u16::MAX })
}

fn basic_id(p: Part<'_>) -> Result<Body, UasDataError> {
    Ok(Body::BasicId(BasicId {
        ua_type: UaType(p.code(0, 15)?),
        id_type: IdType(p.code(4, 15)?),
        id: TextCode(p.array(8)?),
        reserved: Bytes::default(),
    }))
}

fn location(p: Part<'_>) -> Result<Body, UasDataError> {
    Ok(Body::Location(Location {
        status: StatusCode(p.code(0, 15)?),
        direction: direction(p.f32(4)?),
        speed: speed(p.f32(8)?),
        vertical_speed: vertical_speed(p.f32(12)?),
        place: p.place(16, 24)?,
        altitude_pressure: p.altitude(32)?,
        altitude_geodetic: p.altitude(36)?,
        height_type: HeightType(p.code(40, 1)?),
        height: p.altitude(44)?,
        horizontal_accuracy: HorizontalAccuracyCode(p.code(48, 15)?),
        vertical_accuracy: VerticalAccuracyCode(p.code(52, 15)?),
        pressure_accuracy: VerticalAccuracyCode(p.code(56, 15)?),
        speed_accuracy: SpeedAccuracyCode(p.code(60, 15)?),
        time_accuracy: TimeAccuracyCode(p.code(64, 15)?),
        time: hour_time(p.f32(68)?),
        ..Location::unknown()
    }))
}

fn auth_page(p: Part<'_>) -> Result<Body, UasDataError> {
    let page = p.u8(0).and_then(|page| if page < 16 { Ok(page) } else { Err(p.error()) })?;
    let content = if page == 0 {
        AuthContent::First {
            last_page_index: p.u8(8)?,
            length_bytes: p.u8(9)?,
            time: Time2019Code(p.u32(12)?),
            data: Bytes(p.array(16)?),
        }
    } else {
        AuthContent::Next { data: Bytes(p.array(16)?) }
    };
    Ok(Body::Authentication(AuthPage { auth_type: AuthType(p.code(4, 15)?), page, content }))
}

fn self_id(p: Part<'_>) -> Result<Body, UasDataError> {
    let description_type = DescriptionType(p.code(0, u8::MAX)?);
    Ok(Body::SelfId(SelfId { description_type, description: TextCode(p.array(4)?) }))
}

fn system(p: Part<'_>) -> Result<Body, UasDataError> {
    Ok(Body::System(System {
        operator_place_type: OperatorPlaceType(p.code(0, 3)?),
        classification_type: ClassificationType(p.code(4, 7)?),
        operator: p.place(8, 16)?,
        area_count: p.u16(24)?,
        area_radius_10m: (p.u16(26)? / 10).min(255) as u8,
        area_ceiling: p.altitude(28)?,
        area_floor: p.altitude(32)?,
        eu_category: EuCategory(p.code(36, 15)?),
        eu_class: EuClass(p.code(40, 15)?),
        operator_altitude: p.altitude(44)?,
        time: Time2019Code(p.u32(48)?),
        reserved_bits: 0,
        reserved_byte: 0,
    }))
}

fn operator_id(p: Part<'_>) -> Result<Body, UasDataError> {
    let operator_id_type = OperatorIdType(p.code(0, u8::MAX)?);
    Ok(Body::OperatorId(OperatorId {
        operator_id_type,
        operator_id: TextCode(p.array(4)?),
        reserved: Bytes::default(),
    }))
}

/// The messages a structure says it holds, in the order of the standard; a part that breaks the layout is an error of its
/// own. The structure does not tell the protocol version; the newest is put in.
pub fn decode_uas_data(bytes: &[u8]) -> Result<Vec<Result<Message, UasDataError>>, UasDataError> {
    let sound = match bytes.split_at_checked(UAS_DATA_BYTES) {
        Some((_, [] | [0])) => true,
        Some(_) | None => false,
    };
    if !sound {
        return Err(UasDataError { reason: "uas-data-size", part: "structure" });
    }
    let valid = |at: usize| bytes.get(at) == Some(&1);
    let part = |name, at: usize| Part { bytes: bytes.get(at..).unwrap_or_default(), name };
    let mut bodies = Vec::new();
    for (i, at) in BASIC_ID_AT.into_iter().enumerate() {
        if valid(VALID_AT + i) {
            bodies.push(basic_id(part("BasicID", at)));
        }
    }
    if valid(VALID_LOCATION) {
        bodies.push(location(part("Location", LOCATION_AT)));
    }
    for page in 0..AUTH_PAGES {
        if valid(VALID_AUTH + page) {
            bodies.push(auth_page(part("Auth", AUTH_AT + AUTH_STEP * page)));
        }
    }
    if valid(VALID_SELF_ID) {
        bodies.push(self_id(part("SelfID", SELF_ID_AT)));
    }
    if valid(VALID_SYSTEM) {
        bodies.push(system(part("System", SYSTEM_AT)));
    }
    if valid(VALID_OPERATOR_ID) {
        bodies.push(operator_id(part("OperatorID", OPERATOR_ID_AT)));
    }
    Ok(bodies.into_iter().map(|b| b.map(|body| Message { protocol_version: VERSION_MAX, body })).collect())
}

/// Writes `bytes` at `at`.
fn put(out: &mut [u8], at: usize, bytes: &[u8]) {
    for (to, from) in out.iter_mut().skip(at).zip(bytes) {
        *to = *from;
    }
}

fn put_u32s(out: &mut [u8], fields: &[(usize, u8)]) {
    for (at, value) in fields {
        put(out, *at, &u32::from(*value).to_le_bytes());
    }
}

fn put_f32s(out: &mut [u8], fields: &[(usize, Option<f64>, f32)]) {
    for (at, value, unknown) in fields {
        put(out, *at, &value.map_or(*unknown, |v| v as f32).to_le_bytes());
    }
}

fn put_place(out: &mut [u8], at: usize, place: PlaceCode) {
    put(out, at, &(f64::from(place.latitude) / 1e7).to_le_bytes());
    put(out, at + 8, &(f64::from(place.longitude) / 1e7).to_le_bytes());
}

/// The structure that holds these messages, with the terminating NUL that receivers send; of several of one kind the
/// last one stands (two for Basic ID).
pub fn encode_uas_data(messages: &[Message]) -> Vec<u8> {
    let mut out = vec![0; UAS_DATA_BYTES + 1];
    let mut basic_ids = 0;
    for message in messages {
        match &message.body {
            Body::BasicId(m) => {
                let at = BASIC_ID_AT.get(basic_ids).copied().unwrap_or_default();
                put(&mut out, VALID_AT + basic_ids, &[1]);
                put_u32s(&mut out, &[(at, m.ua_type.0), (at + 4, m.id_type.0)]);
                put(&mut out, at + 8, &m.id.0);
                basic_ids = 1;
            }
            Body::Location(m) => encode_location(m, &mut out),
            Body::Authentication(m) => {
                let at = AUTH_AT + AUTH_STEP * usize::from(m.page & 15);
                put(&mut out, VALID_AUTH + usize::from(m.page & 15), &[1]);
                put(&mut out, at, &[m.page & 15]);
                put_u32s(&mut out, &[(at + 4, m.auth_type.0)]);
                match &m.content {
                    AuthContent::First { last_page_index, length_bytes, time, data } => {
                        put(&mut out, at + 8, &[*last_page_index, *length_bytes]);
                        put(&mut out, at + 12, &time.0.to_le_bytes());
                        put(&mut out, at + 16, &data.0);
                    }
                    AuthContent::Next { data } => put(&mut out, at + 16, &data.0),
                }
            }
            Body::SelfId(m) => {
                put(&mut out, VALID_SELF_ID, &[1]);
                put_u32s(&mut out, &[(SELF_ID_AT, m.description_type.0)]);
                put(&mut out, SELF_ID_AT + 4, &m.description.0);
            }
            Body::System(m) => encode_system(m, &mut out),
            Body::OperatorId(m) => {
                put(&mut out, VALID_OPERATOR_ID, &[1]);
                put_u32s(&mut out, &[(OPERATOR_ID_AT, m.operator_id_type.0)]);
                put(&mut out, OPERATOR_ID_AT + 4, &m.operator_id.0);
            }
        }
    }
    out
}

fn encode_location(m: &Location, out: &mut [u8]) {
    let at = LOCATION_AT;
    put(out, VALID_LOCATION, &[1]);
    put_u32s(
        out,
        &[
            (at, m.status.0),
            (at + 40, m.height_type.0),
            (at + 48, m.horizontal_accuracy.0),
            (at + 52, m.vertical_accuracy.0),
            (at + 56, m.pressure_accuracy.0),
            (at + 60, m.speed_accuracy.0),
            (at + 64, m.time_accuracy.0),
        ],
    );
    put_f32s(
        out,
        &[
            (at + 4, m.direction.deg(), 361.0),
            (at + 8, m.speed.mps(), 255.0),
            (at + 12, m.vertical_speed.mps(), 63.0),
            (at + 32, m.altitude_pressure.m(), -1000.0),
            (at + 36, m.altitude_geodetic.m(), -1000.0),
            (at + 44, m.height.m(), -1000.0),
            (at + 68, m.time.s(), 6553.5),
        ],
    );
    put_place(out, at + 16, m.place);
}

fn encode_system(m: &System, out: &mut [u8]) {
    let at = SYSTEM_AT;
    put(out, VALID_SYSTEM, &[1]);
    put_u32s(
        out,
        &[
            (at, m.operator_place_type.0),
            (at + 4, m.classification_type.0),
            (at + 36, m.eu_category.0),
            (at + 40, m.eu_class.0),
        ],
    );
    put_place(out, at + 8, m.operator);
    put(out, at + 24, &m.area_count.to_le_bytes());
    put(out, at + 26, &(u16::from(m.area_radius_10m) * 10).to_le_bytes());
    put_f32s(
        out,
        &[
            (at + 28, m.area_ceiling.m(), -1000.0),
            (at + 32, m.area_floor.m(), -1000.0),
            (at + 44, m.operator_altitude.m(), -1000.0),
        ],
    );
    put(out, at + 48, &m.time.0.to_le_bytes());
}
