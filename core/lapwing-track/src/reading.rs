//! An observation made ready: every error filled in, every number checked.

use crate::class::Evidence;
use crate::geoid::Geoid;
use crate::interface::{Label, Observation, Velocity};
use lapwing_model::{Ecef, Enu, LocalFrame, Measurement, Place, Position, Sensor, Span, Time, height, math};

/// Errors taken where neither measurement nor sensor says any: one sigma, metres, radians, metres per second.
const POSITION_SD_M: f64 = 30.0;
const RANGE_SD_M: f64 = 20.0;
const RANGE_DIFFERENCE_SD_M: f64 = 30.0;
const ANGLE_SD_RAD: f64 = math::PI / 180.0;
const RANGE_RATE_SD_MPS: f64 = 2.0;
/// Nothing is measured better than this: a standard deviation of zero is a lie that would stop the filter.
const LENGTH_SD_MIN_M: f64 = 0.5;
const ANGLE_SD_MIN_RAD: f64 = 1e-4;
const RATE_SD_MIN_MPS: f64 = 0.1;
/// A position worse than this says nothing.
const LENGTH_SD_MAX_M: f64 = 20_000.0;
const RANGE_MAX_M: f64 = 1e6;
const HEIGHT_MAX_M: f64 = 1e5;

/// What kind of numbers a reading has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Kind {
    /// Latitude and longitude, with a height or without.
    Position { height: bool },
    /// Slant range and azimuth, with elevation and range rate or without.
    Polar { elevation: bool, rate: bool },
    /// Azimuth, with elevation or without.
    Bearing { elevation: bool },
    /// Range to the sensor less range to another place.
    RangeDifference,
}

impl Kind {
    /// Whether it says where something is, so that a track can begin with it.
    pub(crate) fn has_position(self) -> bool {
        matches!(self, Self::Position { .. } | Self::Polar { .. })
    }

    /// Whether it says how high something is, by itself.
    pub(crate) fn has_height(self) -> bool {
        matches!(self, Self::Position { height: true } | Self::Polar { elevation: true, .. })
    }

    /// Whether it is a slant range whose height is anyone's guess.
    pub(crate) fn is_flat_range(self) -> bool {
        matches!(self, Self::Polar { elevation: false, .. })
    }
}

/// An observation made ready. Values: latitude and longitude of a position (more of it is in `point`), in degrees; else range, azimuth,
/// elevation, range rate. Variances of: each horizontal axis, height for a position; range, azimuth, elevation, range rate else.
///
/// Small, for two hundred thousand are kept for going back.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Reading {
    pub(crate) at: Time,
    pub(crate) kind: Kind,
    pub(crate) value: [f64; 4],
    pub(crate) variance: [f64; 4],
    /// The position, or the other place of a range difference; earth-centred.
    pub(crate) point: Ecef,
    pub(crate) velocity: Option<Velocity>,
    pub(crate) label: Option<Label>,
    pub(crate) self_report: bool,
    /// A sensor's own track, whose errors hang together in time.
    pub(crate) correlated: bool,
    /// What its time stamp was cut to.
    pub(crate) cut_to: Span,
    pub(crate) confidence: Option<f32>,
    pub(crate) classes: Option<Evidence>,
    /// See [`Observation::said_height_ellipsoid_m`].
    pub(crate) said_height_m: Option<f64>,
    pub(crate) entry: Option<Position>,
    /// The same bits always give the same number: tells a repeated measurement.
    pub(crate) fingerprint: u64,
}

/// The first value that is there, kept above a bound; an error that is not a number is refused.
fn sd(said: Option<f64>, sensor: Option<f64>, default: f64, least: f64) -> Result<f64, &'static str> {
    let value = said.or(sensor).unwrap_or(default);
    if value.is_finite() && value >= 0.0 { Ok(value.max(least)) } else { Err("not-finite") }
}

fn finite(value: f64) -> Result<f64, &'static str> {
    if value.is_finite() { Ok(value) } else { Err("not-finite") }
}

fn angle_sd(said_rad: Option<f64>, sensor_deg: Option<f64>) -> Result<f64, &'static str> {
    Ok(sd(said_rad, sensor_deg.map(math::rad), ANGLE_SD_RAD, ANGLE_SD_MIN_RAD)?.min(math::PI))
}

fn elevation(value_rad: Option<f64>) -> Result<f64, &'static str> {
    match value_rad {
        Some(value) if !(math::fabs(value) <= math::PI / 2.0) => Err("out-of-range"),
        Some(value) => Ok(value),
        None => Ok(0.0),
    }
}

/// Fills in the errors, checks the numbers, and appends the reading. `Ok(false)`: a kind that the tracker only counts.
pub(crate) fn resolve(
    observation: &Observation,
    sensor: &Sensor,
    from: Option<&LocalFrame>,
    geoid: &mut Geoid,
    all: &mut Vec<Reading>,
) -> Result<bool, &'static str> {
    let model = &sensor.error;
    let mut given = None;
    let mut out = Reading {
        at: observation.measured_at,
        kind: Kind::RangeDifference,
        value: [0.0; 4],
        variance: [0.0; 4],
        point: Ecef { x_m: 0.0, y_m: 0.0, z_m: 0.0 },
        velocity: observation.velocity,
        label: observation.label,
        self_report: observation.self_report,
        correlated: observation.sensor_track,
        cut_to: observation.cut_to,
        confidence: observation.confidence.map(|c| c as f32),
        classes: Evidence::of(observation, sensor),
        said_height_m: observation.said_height_ellipsoid_m.filter(|h| math::fabs(*h) < HEIGHT_MAX_M),
        entry: observation.entry,
        fingerprint: 0,
    };
    let square = |x: f64| x * x;
    match observation.measurement {
        Measurement::Position { place, heights, horizontal_sd_m, vertical_sd_m } => {
            finite(place.latitude_deg)?;
            finite(place.longitude_deg)?;
            let place = Place::new(place.latitude_deg, place.longitude_deg).ok_or("out-of-range")?;
            let horizontal = sd(horizontal_sd_m, model.horizontal_sd_m, POSITION_SD_M, LENGTH_SD_MIN_M)?;
            if horizontal > LENGTH_SD_MAX_M {
                return Err("out-of-range");
            }
            let vertical = sd(vertical_sd_m, model.vertical_sd_m, POSITION_SD_M, LENGTH_SD_MIN_M)?;
            let height = match (heights.height_ellipsoid_m, heights.altitude_msl_m) {
                (Some(h), _) => Some((finite(h)?, vertical)),
                (None, Some(a)) => {
                    let value = finite(a)? + geoid.undulation_m(place);
                    Some((value, math::hypot(vertical, height::GEOID_ACCURACY_M / 2.0)))
                }
                (None, None) => None,
            };
            if height.is_some_and(|(h, _)| math::fabs(h) > HEIGHT_MAX_M) {
                return Err("out-of-range");
            }
            out.kind = Kind::Position { height: height.is_some() };
            out.point = place.at_height(height.map_or(0.0, |(h, _)| h)).to_ecef();
            given = Some(place);
            let up = height.map_or(0.0, |(_, sd)| sd);
            out.variance = [square(horizontal), square(horizontal), square(up), 0.0];
        }
        Measurement::RangeAzimuth {
            range_m,
            azimuth_rad,
            elevation_rad,
            range_rate_mps,
            range_sd_m,
            azimuth_sd_rad,
            elevation_sd_rad,
            range_rate_sd_mps,
        } => {
            from.ok_or("sensor-place-unknown")?;
            if finite(range_m)? <= 0.0 || range_m > RANGE_MAX_M {
                return Err("out-of-range");
            }
            out.kind = Kind::Polar { elevation: elevation_rad.is_some(), rate: range_rate_mps.is_some() };
            let rate = range_rate_mps.map_or(Ok(0.0), finite)?;
            out.value = [range_m, math::wrap_pi(finite(azimuth_rad)?), elevation(elevation_rad)?, rate];
            out.variance = [
                square(sd(range_sd_m, model.range_sd_m, RANGE_SD_M, LENGTH_SD_MIN_M)?.min(LENGTH_SD_MAX_M)),
                square(angle_sd(azimuth_sd_rad, model.azimuth_sd_deg)?),
                square(angle_sd(elevation_sd_rad, model.elevation_sd_deg)?),
                square(sd(range_rate_sd_mps, model.range_rate_sd_mps, RANGE_RATE_SD_MPS, RATE_SD_MIN_MPS)?),
            ];
        }
        Measurement::Bearing { azimuth_rad, elevation_rad, azimuth_sd_rad, elevation_sd_rad } => {
            from.ok_or("sensor-place-unknown")?;
            out.kind = Kind::Bearing { elevation: elevation_rad.is_some() };
            out.value = [0.0, math::wrap_pi(finite(azimuth_rad)?), elevation(elevation_rad)?, 0.0];
            let azimuth = angle_sd(azimuth_sd_rad, model.azimuth_sd_deg)?;
            out.variance = [0.0, square(azimuth), square(angle_sd(elevation_sd_rad, model.elevation_sd_deg)?), 0.0];
        }
        Measurement::RangeDifference {
            reference_place,
            reference_height_ellipsoid_m,
            range_difference_m,
            range_difference_sd_m,
        } => {
            let from = from.ok_or("sensor-place-unknown")?;
            let place =
                Place::new(reference_place.latitude_deg, reference_place.longitude_deg).ok_or("out-of-range")?;
            // Without a height of its own the other receiver stands as high as this one.
            let height = reference_height_ellipsoid_m.unwrap_or(from.origin().height_ellipsoid_m);
            if !(math::fabs(height) <= HEIGHT_MAX_M) || !(math::fabs(range_difference_m) <= RANGE_MAX_M) {
                return Err("out-of-range");
            }
            out.kind = Kind::RangeDifference;
            out.point = place.at_height(height).to_ecef();
            out.value[0] = range_difference_m;
            out.variance[0] =
                square(sd(range_difference_sd_m, None, RANGE_DIFFERENCE_SD_M, LENGTH_SD_MIN_M)?.min(LENGTH_SD_MAX_M));
        }
        Measurement::Presence => return Ok(false),
    }
    out.fingerprint = out.hash();
    if let Some(place) = given {
        // The point tells it from others already.
        out.value = [place.latitude_deg, place.longitude_deg, 0.0, 0.0];
    }
    all.push(out);
    Ok(true)
}

impl Reading {
    /// The place that a position was given as.
    pub(crate) fn place(&self) -> Place {
        let [latitude_deg, longitude_deg, ..] = self.value;
        Place { latitude_deg, longitude_deg }
    }

    /// About where it is and one sigma of that, metres; `None` for what has no position.
    pub(crate) fn about(&self, from: Option<&LocalFrame>) -> Option<(Place, f64)> {
        match self.kind {
            Kind::Position { .. } => Some((self.place(), math::sqrt(self.variance[0]))),
            Kind::Polar { .. } => {
                let [range, azimuth, elevation, _] = self.value;
                let at = from?.to_geodetic(Enu::from_polar(range, azimuth, elevation));
                Some((at.place(), math::sqrt(self.variance[0]).max(range * math::sqrt(self.variance[1]))))
            }
            Kind::Bearing { .. } | Kind::RangeDifference => None,
        }
    }

    /// FNV-1a over the bits of its numbers (Fowler, Noll & Vo; draft-eastlake-fnv, 64 bit).
    fn hash(&self) -> u64 {
        let velocity =
            self.velocity.map_or([f64::NAN; 4], |v| [v.east_mps, v.north_mps, v.up_mps.unwrap_or(f64::NAN), v.sd_mps]);
        let label = self.label.map_or(f64::NAN, |l| f64::from_bits(l.0));
        let point = [self.point.x_m, self.point.y_m, self.point.z_m, label];
        // Eight bytes at once: the quality suffices to tell repetitions, at an eighth of the time. Each four by themselves first: a
        // step waits for the one before it.
        let step = |hash: u64, bits: u64| {
            let hash = (hash ^ bits).wrapping_mul(0x0000_0100_0000_01b3);
            hash ^ (hash >> 29)
        };
        const BEGIN: u64 = 0xcbf2_9ce4_8422_2325;
        let four = |numbers: &[f64; 4]| numbers.iter().fold(BEGIN, |hash, number| step(hash, number.to_bits()));
        [&self.value, &self.variance, &velocity, &point].map(four).into_iter().fold(BEGIN, step)
    }
}
