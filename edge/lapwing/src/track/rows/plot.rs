//! One measurement.

use super::{Row, exactly, instant};
use crate::track::sensors::{Kind, Post, horizontal};
use lapwing_model::{AirText, Enu, Heights, LocalFrame, Measurement, Plot, math};

/// A plot of a row; its scan is not yet said.
pub(super) fn plot(row: &Row<'_>, kind: Kind, post: &Post, frame: &LocalFrame) -> Result<Plot, String> {
    let v = row.v.as_deref().ok_or("`v` is missing")?;
    let classification = match row.label.as_deref() {
        Some(word) => {
            let meaning = post.labels.get(word);
            let why = || format!("`label`: sensor `{}` has no label `{}`", post.input, AirText::new(word));
            Some(meaning.ok_or_else(why)?.clone())
        }
        None => None,
    };
    Ok(Plot {
        sensor: None,
        measured_at: Some(instant(row.t.ok_or("`t` is missing")?, "t")?),
        scan: None,
        measurement: measurement(v, kind, own_sd(row, kind)?.as_deref(), frame, &post.frame)?,
        course_rad: None,
        speed_mps: None,
        classification,
        rcs_dbsm: row.rcs,
        confidence: None,
    })
}

/// One sigma of each component, where the row brings its own: as such, or as the diagonal of its covariance. How the
/// components hang together has no place in a measurement and is left out.
fn own_sd(row: &Row<'_>, kind: Kind) -> Result<Option<Vec<f64>>, String> {
    let n = kind.components();
    let sd = match (&row.sd, &row.cov) {
        (Some(sd), _) if sd.len() != n => return Err(format!("`sd` has {} numbers, expected {n}", sd.len())),
        (Some(sd), _) => sd.clone(),
        (None, Some(cov)) if cov.len() != n * (n + 1) / 2 => {
            return Err(format!("`cov` has {} numbers, expected {}", cov.len(), n * (n + 1) / 2));
        }
        // The diagonal of a row-major upper triangle: 0, n, n + n - 1, ...
        (None, Some(cov)) => (0..n).filter_map(|i| cov.get(i * (2 * n + 1 - i) / 2)).map(|x| x.sqrt()).collect(),
        (None, None) => return Ok(None),
    };
    if sd.iter().all(|x| *x > 0.0 && x.is_finite()) {
        Ok(Some(sd))
    } else {
        Err("`sd` or `cov`: expected numbers above 0".to_owned())
    }
}

/// A direction in the axes of the scenario's origin, by the north and the horizon of the sensor itself, radians: away from
/// the origin the two part by a hundredth of a degree for each kilometre, about. What has no elevation is taken to lie in
/// the plane.
fn direction(azimuth_deg: f64, elevation_deg: Option<f64>, frame: &LocalFrame, own: &LocalFrame) -> (f64, Option<f64>) {
    let (azimuth, elevation) = (math::rad(azimuth_deg), math::rad(elevation_deg.unwrap_or(0.0)));
    let there = own.rotate(frame.unrotate(Enu::from_polar(1.0, azimuth, elevation)));
    (there.azimuth_rad(), elevation_deg.map(|_| there.elevation_rad()))
}

fn measurement(
    v: &[f64],
    kind: Kind,
    sd: Option<&[f64]>,
    frame: &LocalFrame,
    own: &LocalFrame,
) -> Result<Measurement, String> {
    let sd_m = |i: usize| sd.and_then(|sd| sd.get(i)).copied();
    let sd_rad = |i: usize| sd_m(i).map(math::rad);
    Ok(match kind {
        Kind::Xy => {
            let [east, north] = exactly(v, "v")?;
            Measurement::Position {
                place: frame.to_geodetic(Enu::new(east, north, 0.0)).place(),
                heights: Heights::UNKNOWN,
                horizontal_sd_m: sd.and_then(horizontal),
                vertical_sd_m: None,
            }
        }
        Kind::Xyz => {
            let [east, north, up] = exactly(v, "v")?;
            let at = frame.to_geodetic(Enu::new(east, north, up));
            Measurement::Position {
                place: at.place(),
                heights: Heights { height_ellipsoid_m: Some(at.height_ellipsoid_m), ..Heights::UNKNOWN },
                horizontal_sd_m: sd.and_then(horizontal),
                vertical_sd_m: sd_m(2),
            }
        }
        Kind::Polar { elevation, rate } => {
            let (range_m, azimuth_deg, elevation_deg, range_rate_mps) = match (elevation, rate) {
                (false, _) => {
                    let [r, az] = exactly(v, "v")?;
                    (r, az, None, None)
                }
                (true, false) => {
                    let [r, az, el] = exactly(v, "v")?;
                    (r, az, Some(el), None)
                }
                (true, true) => {
                    let [r, az, el, rr] = exactly(v, "v")?;
                    (r, az, Some(el), Some(rr))
                }
            };
            let (azimuth_rad, elevation_rad) = direction(azimuth_deg, elevation_deg, frame, own);
            Measurement::RangeAzimuth {
                range_m,
                azimuth_rad,
                elevation_rad,
                range_rate_mps,
                range_sd_m: sd_m(0),
                azimuth_sd_rad: sd_rad(1),
                elevation_sd_rad: sd_rad(2),
                range_rate_sd_mps: sd_m(3),
            }
        }
        Kind::Direction { elevation } => {
            let (azimuth_deg, elevation_deg) = if elevation {
                let [az, el] = exactly(v, "v")?;
                (az, Some(el))
            } else {
                let [az] = exactly(v, "v")?;
                (az, None)
            };
            let (azimuth_rad, elevation_rad) = direction(azimuth_deg, elevation_deg, frame, own);
            Measurement::Bearing { azimuth_rad, elevation_rad, azimuth_sd_rad: sd_rad(0), elevation_sd_rad: sd_rad(1) }
        }
        Kind::Own => return Err("a claim is no measurement".to_owned()),
    })
}
