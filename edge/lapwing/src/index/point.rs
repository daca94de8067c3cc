//! Points of a track's history as bytes.
//!
//! Fixed layout, little-endian, [`BYTES`] bytes a point; a value that is not known is a NaN of its width.
//!
//! | Offset | Type | Meaning |
//! |---|---|---|
//! | 0 | i64 | time the state is for, nanoseconds since 1970-01-01 UTC |
//! | 8, 16 | f64 | latitude, longitude, degrees, WGS 84 |
//! | 24 | f32 | height above the ellipsoid, metres |
//! | 28 | f32 | altitude above mean sea level (EGM96), metres |
//! | 32 | f32 | height above take-off, metres |
//! | 36 | f32 | height above ground, metres |
//! | 40 | f32 | pressure altitude, metres |
//! | 44, 48 | f32 | 95 % bounds of the geometric height and of the pressure altitude, metres |
//! | 52 | f32 | 95 % radius of the place, metres |
//! | 56, 60 | f32 | speed over ground and its 95 % bound, metres per second |
//! | 64 | f32 | course over ground, radians clockwise from true north |
//! | 68 | f32 | vertical speed, metres per second, up positive |
//! | 72 | f32 | probability that there is an aircraft |
//! | 76 | u8 | phase: 0 tentative, 1 confirmed, 2 coasting, 3 ended |
//! | 77 | u8 | identity: 0 unidentified, 1 claimed, 2 corroborated, 3 authorised, 4 contradicted |
//! | 78 | u8 | bit 0: only its own word supports it |
//! | 79 | u8 | likeliest class, counted from 1 in the order of `Class::ALL`; 0 unknown |

use lapwing_model::{Class, Heights, IdentityStatus, Phase, Place, Time, Track};
use lapwing_server::history::HistoryPoint;

/// Bytes of a point.
pub(crate) const BYTES: usize = 80;
/// Points of a piece.
pub(crate) const PER_PIECE: usize = 64;

const PHASES: [Phase; 4] = [Phase::Tentative, Phase::Confirmed, Phase::Coasting, Phase::Ended];
const IDENTITIES: [IdentityStatus; 5] = [
    IdentityStatus::Unidentified,
    IdentityStatus::Claimed,
    IdentityStatus::Corroborated,
    IdentityStatus::Authorised,
    IdentityStatus::Contradicted,
];

fn number_of<T: PartialEq>(all: &[T], one: &T) -> u8 {
    all.iter().position(|x| x == one).and_then(|n| u8::try_from(n).ok()).unwrap_or(u8::MAX)
}

/// The point that a track's state makes.
pub(crate) fn of(track: &Track) -> HistoryPoint {
    let k = &track.kinematics;
    HistoryPoint {
        at: k.at,
        place: k.place,
        heights: k.heights,
        horizontal_accuracy_m: k.horizontal_accuracy_m,
        speed_mps: k.speed_mps,
        speed_accuracy_mps: k.speed_accuracy_mps,
        course_rad: k.course_rad,
        vertical_speed_mps: k.vertical_speed_mps,
        existence: track.existence,
        phase: track.phase,
        identity: track.identity.status,
        claimed_only: track.claimed_only,
        class: track.classification.best().map(|(class, _)| class),
    }
}

/// Adds a point to a piece.
pub(crate) fn push(point: &HistoryPoint, out: &mut Vec<u8>) {
    let h = &point.heights;
    out.extend(point.at.as_nanos().to_le_bytes());
    out.extend(point.place.latitude_deg.to_le_bytes());
    out.extend(point.place.longitude_deg.to_le_bytes());
    for value in [
        h.height_ellipsoid_m,
        h.altitude_msl_m,
        h.height_above_takeoff_m,
        h.height_above_ground_m,
        h.altitude_pressure_m,
        h.vertical_accuracy_m,
        h.pressure_accuracy_m,
        Some(point.horizontal_accuracy_m),
        point.speed_mps,
        point.speed_accuracy_mps,
        point.course_rad,
        point.vertical_speed_mps,
        Some(point.existence),
    ] {
        out.extend(value.map_or(f32::NAN, |v| v as f32).to_le_bytes());
    }
    let class = point.class.map_or(0, |c| number_of(&Class::ALL, &c).saturating_add(1));
    out.extend([
        number_of(&PHASES, &point.phase),
        number_of(&IDENTITIES, &point.identity),
        u8::from(point.claimed_only),
        class,
    ]);
}

/// The points of a piece; bytes that are none end it.
pub(crate) fn all(piece: &[u8]) -> impl Iterator<Item = HistoryPoint> + '_ {
    piece.chunks_exact(BYTES).map_while(parse)
}

fn parse(bytes: &[u8]) -> Option<HistoryPoint> {
    let wide = |at: usize| bytes.get(at..at + 8).and_then(|b| b.first_chunk::<8>()).copied();
    let single = |at: usize| {
        let value = bytes.get(at..at + 4).and_then(|b| b.first_chunk::<4>()).map(|b| f32::from_le_bytes(*b));
        value.filter(|v| !v.is_nan()).map(f64::from)
    };
    let small = |at: usize| bytes.get(at).copied().map(usize::from);
    Some(HistoryPoint {
        at: Time::from_nanos(i64::from_le_bytes(wide(0)?)),
        place: Place { latitude_deg: f64::from_le_bytes(wide(8)?), longitude_deg: f64::from_le_bytes(wide(16)?) },
        heights: Heights {
            height_ellipsoid_m: single(24),
            altitude_msl_m: single(28),
            height_above_takeoff_m: single(32),
            height_above_ground_m: single(36),
            altitude_pressure_m: single(40),
            vertical_accuracy_m: single(44),
            pressure_accuracy_m: single(48),
        },
        horizontal_accuracy_m: single(52).unwrap_or(f64::INFINITY),
        speed_mps: single(56),
        speed_accuracy_mps: single(60),
        course_rad: single(64),
        vertical_speed_mps: single(68),
        existence: single(72).unwrap_or(0.0),
        phase: *PHASES.get(small(76)?)?,
        identity: *IDENTITIES.get(small(77)?)?,
        claimed_only: small(78)? & 1 == 1,
        class: small(79)?.checked_sub(1).and_then(|n| Class::ALL.get(n)).copied(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_is_never_zero_and_what_is_known_comes_back() {
        let point = HistoryPoint {
            at: Time::from_nanos(1_700_000_000_123_456_789),
            place: Place { latitude_deg: -33.123_456_789, longitude_deg: 179.999_999_9 },
            heights: Heights { altitude_msl_m: Some(0.0), ..Heights::UNKNOWN },
            horizontal_accuracy_m: 6.5,
            speed_mps: None,
            speed_accuracy_mps: Some(0.0),
            course_rad: None,
            vertical_speed_mps: Some(-1.5),
            existence: 0.75,
            phase: Phase::Coasting,
            identity: IdentityStatus::Contradicted,
            claimed_only: true,
            class: Some(Class::Ground),
        };
        let mut bytes = Vec::new();
        push(&point, &mut bytes);
        push(&HistoryPoint { class: None, claimed_only: false, ..point }, &mut bytes);
        assert_eq!(bytes.len(), 2 * BYTES);
        let back: Vec<HistoryPoint> = all(&bytes).collect();
        assert_eq!(back, [point, HistoryPoint { class: None, claimed_only: false, ..point }]);
        // A piece that is cut or nonsense gives what is sound of it.
        assert_eq!(all(&bytes[..BYTES + 7]).count(), 1);
        bytes[76] = 9;
        assert_eq!(all(&bytes).count(), 0);
    }
}
