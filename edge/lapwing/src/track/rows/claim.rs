//! What an aircraft says of itself.

use super::{Row, exactly, instant};
use crate::track::sensors::{Post, Radio};
use lapwing_model::{AirText, Claim, Enu, Heights, LocalFrame, Name, NameKind, Protocol, Transmitter};

/// 95 % radius of a two-dimensional error by one sigma of each axis, and 95 % bound of a one-dimensional one.
const BOUND_2D: f64 = 2.448;
const BOUND_1D: f64 = 1.960;

/// A claim of a row.
pub(super) fn claim(row: &Row<'_>, post: &Post, frame: &LocalFrame) -> Result<Claim, String> {
    let [east, north, up, east_rate, north_rate, up_rate] = exactly(row.v.as_deref().ok_or("`v` is missing")?, "v")?;
    let [sd_e, sd_n, sd_u, sd_ve, sd_vn, _] = exactly(row.sd.as_deref().unwrap_or(&post.sd), "sd")?;
    let at = frame.to_geodetic(Enu::new(east, north, up));
    // Speed and course are said over ground: in the horizon of the aircraft, not of the origin.
    let velocity = LocalFrame::new(at).rotate(frame.unrotate(Enu::new(east_rate, north_rate, up_rate)));
    let (protocol, transmitter, name) = who(row.id.as_deref().ok_or("`id` is missing")?, post.radio);
    Ok(Claim {
        transmitter,
        names: vec![name],
        measured_at: Some(instant(row.t.ok_or("`t` is missing")?, "t")?),
        place: Some(at.place()),
        heights: Heights {
            height_ellipsoid_m: Some(at.height_ellipsoid_m),
            vertical_accuracy_m: Some(BOUND_1D * sd_u),
            ..Heights::UNKNOWN
        },
        horizontal_accuracy_m: Some(BOUND_2D * mean(sd_e, sd_n)),
        course_rad: Some(velocity.azimuth_rad()),
        speed_mps: Some(velocity.horizontal_m()),
        vertical_speed_mps: Some(velocity.up_m),
        speed_accuracy_mps: Some(BOUND_2D * mean(sd_ve, sd_vn)),
        rssi_db: row.rssi,
        ..Claim::new(protocol)
    })
}

/// The root of the mean of two variances.
fn mean(a: f64, b: f64) -> f64 {
    ((a * a + b * b) / 2.0).sqrt()
}

fn who(id: &str, radio: Radio) -> (Protocol, Option<Transmitter>, Name) {
    let named = |kind: NameKind, value: &str| Name { kind, value: AirText::new(value) };
    match radio {
        Radio::RemoteId => (Protocol::RemoteId, None, named(NameKind::Serial, id)),
        Radio::Adsb => match address(id) {
            Some(hex) => {
                let name = named(NameKind::IcaoAddress, &hex);
                (Protocol::Adsb, Some(Transmitter::Icao(AirText::new(&hex))), name)
            }
            None => (Protocol::Adsb, None, named(NameKind::Registration, id)),
        },
        Radio::Other => (Protocol::Other, None, named(NameKind::Registration, id)),
    }
}

/// A 24-bit address as six hex digits, with `ICAO-` before it or not.
fn address(id: &str) -> Option<String> {
    let hex = id.strip_prefix("ICAO-").unwrap_or(id);
    (hex.len() == 6 && hex.bytes().all(|b| b.is_ascii_hexdigit())).then(|| hex.to_ascii_lowercase())
}
