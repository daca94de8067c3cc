//! The live feed's binary frames: tracks as columns, little-endian, fixed layout.
//!
//! One column after another, each starting at a multiple of 8 bytes from the start of the frame (zero padding), so that
//! a browser lays typed arrays over the buffer without copying or parsing:
//!
//! | bytes | what |
//! |---|---|
//! | header, 32 | magic `LWT1`; kind `u32` (0 snapshot, 1 delta); `time_ns` `i64`; `count` `u32`; `removed` `u32`; 8 reserved |
//! | 8·count | `id` `u64` |
//! | 4·count each | `latitude_1e7deg` `i32`, `longitude_1e7deg` `i32` |
//! | 4·count each | `height_ellipsoid_m`, `altitude_msl_m`, `speed_mps`, `course_deg`, `vertical_speed_mps`, `accuracy_m`: `f32`, NaN is unknown |
//! | 2·count | `age_ds` `u16`: tenths of a second since it was last seen, at `time_ns`, saturating |
//! | count each | `phase`, `identity`, `class`, `flags`: `u8` |
//! | 8·removed | `id` `u64` of tracks that are gone |
//!
//! A snapshot replaces everything a reader has; a delta holds the rows that changed since the frame before and the ids
//! that went away.

use bytes::Bytes;
use lapwing_model::math;
use lapwing_model::{Class, IdentityStatus, Phase, Span, Time, Track};

/// The first four bytes of a frame.
pub const MAGIC: [u8; 4] = *b"LWT1";
/// Bytes of the header.
pub const HEADER_BYTES: usize = 32;

/// Flag: nothing but its own word supports the track.
pub const FLAG_CLAIMED_ONLY: u8 = 1;
/// Flag: an alert stands for it (raised or acknowledged).
pub const FLAG_ALERT: u8 = 2;
/// Flag: a critical alert stands for it.
pub const FLAG_CRITICAL: u8 = 4;
/// Flag: its height is known above some datum, if only a pressure or take-off one.
pub const FLAG_HEIGHT_KNOWN: u8 = 8;

/// What a frame does to what a reader has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Replaces it.
    Snapshot,
    /// Changes it.
    Delta,
}

/// One track as the columns hold it. Unknown values are `None` here and NaN on the wire.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// Number of the track's id.
    pub id: u64,
    /// Latitude, 10⁻⁷ degrees.
    pub latitude_1e7deg: i32,
    /// Longitude, 10⁻⁷ degrees.
    pub longitude_1e7deg: i32,
    /// Height above the WGS-84 ellipsoid, metres.
    pub height_ellipsoid_m: Option<f32>,
    /// Altitude above mean sea level, metres.
    pub altitude_msl_m: Option<f32>,
    /// Speed over ground, metres per second.
    pub speed_mps: Option<f32>,
    /// Course over ground, degrees clockwise from true north, 0 to 360.
    pub course_deg: Option<f32>,
    /// Vertical speed, metres per second, up positive.
    pub vertical_speed_mps: Option<f32>,
    /// 95 % radius of the place, metres.
    pub accuracy_m: Option<f32>,
    /// Tenths of a second since it was last seen, saturating.
    pub age_ds: u16,
    /// 0 tentative, 1 confirmed, 2 coasting, 3 ended.
    pub phase: u8,
    /// 0 unidentified, 1 claimed, 2 corroborated, 3 authorised, 4 contradicted.
    pub identity: u8,
    /// 0 unknown, 1 multirotor, 2 fixed wing, 3 drone, 4 bird, 5 aeroplane, 6 helicopter, 7 balloon, 8 ground.
    pub class: u8,
    /// `FLAG_` bits.
    pub flags: u8,
}

/// A frame taken apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// What it does.
    pub kind: Kind,
    /// The picture's time.
    pub time: Time,
    /// The rows.
    pub rows: Vec<Row>,
    /// Ids that are gone.
    pub removed: Vec<u64>,
}

impl Row {
    /// A track's row at the picture's time; `alert_flags` are the bits [`FLAG_ALERT`] and [`FLAG_CRITICAL`].
    pub fn of(track: &Track, now: Time, alert_flags: u8) -> Self {
        let k = &track.kinematics;
        let claimed = if track.claimed_only { FLAG_CLAIMED_ONLY } else { 0 };
        let height = if k.heights.any_known() { FLAG_HEIGHT_KNOWN } else { 0 };
        Self {
            id: track.id.0,
            latitude_1e7deg: degrees_1e7(k.place.latitude_deg),
            longitude_1e7deg: degrees_1e7(k.place.longitude_deg),
            height_ellipsoid_m: single(k.heights.height_ellipsoid_m),
            altitude_msl_m: single(k.heights.altitude_msl_m),
            speed_mps: single(k.speed_mps),
            course_deg: single(k.course_rad.map(|c| math::deg(c).rem_euclid(360.0))),
            vertical_speed_mps: single(k.vertical_speed_mps),
            accuracy_m: single(Some(k.horizontal_accuracy_m)),
            age_ds: age_ds(now.since(track.last_at)),
            phase: match track.phase {
                Phase::Tentative => 0,
                Phase::Confirmed => 1,
                Phase::Coasting => 2,
                Phase::Ended => 3,
            },
            identity: match track.identity.status {
                IdentityStatus::Unidentified => 0,
                IdentityStatus::Claimed => 1,
                IdentityStatus::Corroborated => 2,
                IdentityStatus::Authorised => 3,
                IdentityStatus::Contradicted => 4,
            },
            class: match track.classification.best() {
                None => 0,
                Some((Class::Multirotor, _)) => 1,
                Some((Class::FixedWing, _)) => 2,
                Some((Class::Drone, _)) => 3,
                Some((Class::Bird, _)) => 4,
                Some((Class::Aeroplane, _)) => 5,
                Some((Class::Helicopter, _)) => 6,
                Some((Class::Balloon, _)) => 7,
                Some((Class::Ground, _)) => 8,
            },
            flags: claimed | height | alert_flags,
        }
    }
}

fn degrees_1e7(degrees: f64) -> i32 {
    // Saturates; a place is within ±180°, so that never happens.
    (degrees * 1e7).round() as i32
}

fn single(value: Option<f64>) -> Option<f32> {
    value.filter(|v| v.is_finite()).map(|v| v as f32)
}

pub(crate) fn age_ds(age: Span) -> u16 {
    // Saturates on both sides: a track seen after the picture's time is 0 old.
    (age.as_seconds_f64() * 10.0) as u16
}

/// Builds a frame from rows and removed ids.
pub fn encode(kind: Kind, time: Time, rows: &[Row], removed: &[u64]) -> Bytes {
    // Frames are bounded by `limits::TRACKS_MAX`, far below what a u32 counts.
    let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    let gone = u32::try_from(removed.len()).unwrap_or(u32::MAX);
    let mut out = Vec::with_capacity(HEADER_BYTES + rows.len() * 46 + removed.len() * 8 + 14 * 8);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&u32::to_le_bytes(match kind {
        Kind::Snapshot => 0,
        Kind::Delta => 1,
    }));
    out.extend_from_slice(&time.as_nanos().to_le_bytes());
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&gone.to_le_bytes());
    out.extend_from_slice(&[0; 8]);
    column(&mut out, rows, |r| r.id.to_le_bytes());
    column(&mut out, rows, |r| r.latitude_1e7deg.to_le_bytes());
    column(&mut out, rows, |r| r.longitude_1e7deg.to_le_bytes());
    column(&mut out, rows, |r| wire(r.height_ellipsoid_m));
    column(&mut out, rows, |r| wire(r.altitude_msl_m));
    column(&mut out, rows, |r| wire(r.speed_mps));
    column(&mut out, rows, |r| wire(r.course_deg));
    column(&mut out, rows, |r| wire(r.vertical_speed_mps));
    column(&mut out, rows, |r| wire(r.accuracy_m));
    column(&mut out, rows, |r| r.age_ds.to_le_bytes());
    column(&mut out, rows, |r| [r.phase]);
    column(&mut out, rows, |r| [r.identity]);
    column(&mut out, rows, |r| [r.class]);
    column(&mut out, rows, |r| [r.flags]);
    column(&mut out, removed, |id| id.to_le_bytes());
    Bytes::from(out)
}

fn column<T, const N: usize>(out: &mut Vec<u8>, rows: &[T], value: impl Fn(&T) -> [u8; N]) {
    for row in rows {
        out.extend_from_slice(&value(row));
    }
    out.resize(out.len().next_multiple_of(8), 0);
}

fn wire(value: Option<f32>) -> [u8; 4] {
    value.unwrap_or(f32::NAN).to_le_bytes()
}

/// Why bytes are not a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAFrame(&'static str);

impl std::fmt::Display for NotAFrame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for NotAFrame {}

struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], NotAFrame> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(NotAFrame("shorter than its counts say"))?;
        self.rest = rest;
        Ok(*head)
    }

    /// The next column, with its padding.
    fn column<const N: usize>(
        &mut self,
        count: usize,
    ) -> Result<impl Iterator<Item = [u8; N]> + use<'a, N>, NotAFrame> {
        let short = NotAFrame("shorter than its counts say");
        let bytes = count.checked_mul(N).ok_or(short)?;
        let padded = bytes.checked_next_multiple_of(8).ok_or(short)?;
        let (column, rest) = self.rest.split_at_checked(padded).ok_or(short)?;
        self.rest = rest;
        Ok(column.as_chunks::<N>().0.iter().take(count).copied())
    }
}

fn unwire(bytes: [u8; 4]) -> Option<f32> {
    let value = f32::from_le_bytes(bytes);
    (!value.is_nan()).then_some(value)
}

/// Takes a frame apart: for load generators and tests; the console does the same with typed arrays.
pub fn decode(bytes: &[u8]) -> Result<Frame, NotAFrame> {
    let mut cursor = Cursor { rest: bytes };
    if cursor.take::<4>()? != MAGIC {
        return Err(NotAFrame("does not start with LWT1"));
    }
    let kind = match u32::from_le_bytes(cursor.take()?) {
        0 => Kind::Snapshot,
        1 => Kind::Delta,
        _ => return Err(NotAFrame("neither a snapshot nor a delta")),
    };
    let time = Time::from_nanos(i64::from_le_bytes(cursor.take()?));
    let count = u32::from_le_bytes(cursor.take()?) as usize;
    let gone = u32::from_le_bytes(cursor.take()?) as usize;
    cursor.take::<8>()?;
    let mut rows: Vec<Row> = cursor.column(count)?.map(|id| Row { id: u64::from_le_bytes(id), ..EMPTY }).collect();
    fill(&mut cursor, &mut rows, |r, v| r.latitude_1e7deg = i32::from_le_bytes(v))?;
    fill(&mut cursor, &mut rows, |r, v| r.longitude_1e7deg = i32::from_le_bytes(v))?;
    fill(&mut cursor, &mut rows, |r, v| r.height_ellipsoid_m = unwire(v))?;
    fill(&mut cursor, &mut rows, |r, v| r.altitude_msl_m = unwire(v))?;
    fill(&mut cursor, &mut rows, |r, v| r.speed_mps = unwire(v))?;
    fill(&mut cursor, &mut rows, |r, v| r.course_deg = unwire(v))?;
    fill(&mut cursor, &mut rows, |r, v| r.vertical_speed_mps = unwire(v))?;
    fill(&mut cursor, &mut rows, |r, v| r.accuracy_m = unwire(v))?;
    fill(&mut cursor, &mut rows, |r, v| r.age_ds = u16::from_le_bytes(v))?;
    fill(&mut cursor, &mut rows, |r, [v]| r.phase = v)?;
    fill(&mut cursor, &mut rows, |r, [v]| r.identity = v)?;
    fill(&mut cursor, &mut rows, |r, [v]| r.class = v)?;
    fill(&mut cursor, &mut rows, |r, [v]| r.flags = v)?;
    let removed = cursor.column(gone)?.map(u64::from_le_bytes).collect();
    if !cursor.rest.is_empty() {
        return Err(NotAFrame("longer than its counts say"));
    }
    Ok(Frame { kind, time, rows, removed })
}

const EMPTY: Row = Row {
    id: 0,
    latitude_1e7deg: 0,
    longitude_1e7deg: 0,
    height_ellipsoid_m: None,
    altitude_msl_m: None,
    speed_mps: None,
    course_deg: None,
    vertical_speed_mps: None,
    accuracy_m: None,
    age_ds: 0,
    phase: 0,
    identity: 0,
    class: 0,
    flags: 0,
};

fn fill<const N: usize>(
    cursor: &mut Cursor<'_>,
    rows: &mut [Row],
    set: impl Fn(&mut Row, [u8; N]),
) -> Result<(), NotAFrame> {
    let column = cursor.column::<N>(rows.len())?;
    for (row, value) in rows.iter_mut().zip(column) {
        set(row, value);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
