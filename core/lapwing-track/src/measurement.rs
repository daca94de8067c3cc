//! What a measurement says of a state: prediction, innovation and Jacobian of each kind.
//!
//! Angles are in the sensor's own horizon: azimuth clockwise from true north, elevation above the plane that touches the
//! ellipsoid's normal at the sensor. A state is carried into that horizon exactly, through earth-centred coordinates,
//! so a sensor may stand far from the track's anchor.

use crate::config::Config;
use crate::filter::{Gaussian, Linear, Vector};
use crate::frame::{anchored, geodetic, position, velocity};
use crate::geoid::Geoid;
use crate::interface::{Observation, Velocity};
use crate::motion::{UNKNOWN_HEIGHT_VARIANCE, forget_height};
use lapwing_model::{Enu, Geodetic, LocalFrame, Measurement, Place, Sensor, height, math};

/// Errors taken where neither measurement nor sensor says any: one sigma, metres, radians, metres per second.
const POSITION_SD_M: f64 = 30.0;
const RANGE_SD_M: f64 = 20.0;
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
/// Span of range rates false plots are spread over, metres per second.
const CLUTTER_RATES_MPS: f64 = 60.0;

/// A value with its one sigma.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Measured {
    pub(crate) value: f64,
    pub(crate) sd: f64,
}

/// A measurement with every default filled in, ready to be compared with states.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Resolved {
    Position { place: Place, height_m: Option<Measured>, horizontal_sd_m: f64 },
    Polar { from: LocalFrame, range: Measured, azimuth: Measured, elevation: Option<Measured>, rate: Option<Measured> },
    Bearing { from: LocalFrame, azimuth: Measured, elevation: Option<Measured> },
}

/// The first value that is there, kept between bounds; an error that is not a number is refused.
fn sd(said: Option<f64>, sensor: Option<f64>, default: f64, least: f64) -> Result<f64, &'static str> {
    let value = said.or(sensor).unwrap_or(default);
    if value.is_finite() && value >= 0.0 { Ok(value.max(least)) } else { Err("not-finite") }
}

fn finite(value: f64) -> Result<f64, &'static str> {
    if value.is_finite() { Ok(value) } else { Err("not-finite") }
}

/// Fills in the errors and checks the numbers. `Ok(None)`: a kind that this tracker only counts.
pub(crate) fn resolve(
    observation: &Observation,
    sensor: &Sensor,
    from: Option<&LocalFrame>,
    geoid: &mut Geoid,
) -> Result<Option<Resolved>, &'static str> {
    let model = &sensor.error;
    match observation.measurement {
        Measurement::Position { place, heights, horizontal_sd_m, vertical_sd_m } => {
            finite(place.latitude_deg)?;
            finite(place.longitude_deg)?;
            let place = Place::new(place.latitude_deg, place.longitude_deg).ok_or("out-of-range")?;
            let horizontal_sd_m = sd(horizontal_sd_m, model.horizontal_sd_m, POSITION_SD_M, LENGTH_SD_MIN_M)?;
            if horizontal_sd_m > LENGTH_SD_MAX_M {
                return Err("out-of-range");
            }
            let vertical = sd(vertical_sd_m, model.vertical_sd_m, POSITION_SD_M, LENGTH_SD_MIN_M)?;
            let height_m = match (heights.height_ellipsoid_m, heights.altitude_msl_m) {
                (Some(h), _) => Some(Measured { value: finite(h)?, sd: vertical }),
                (None, Some(a)) => {
                    let value = finite(a)? + geoid.undulation_m(place);
                    Some(Measured { value, sd: math::hypot(vertical, height::GEOID_ACCURACY_M / 2.0) })
                }
                (None, None) => None,
            };
            if height_m.is_some_and(|h| math::fabs(h.value) > HEIGHT_MAX_M) {
                return Err("out-of-range");
            }
            Ok(Some(Resolved::Position { place, height_m, horizontal_sd_m }))
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
            let from = *from.ok_or("sensor-place-unknown")?;
            if finite(range_m)? <= 0.0 || range_m > RANGE_MAX_M {
                return Err("out-of-range");
            }
            let range = Measured {
                value: range_m,
                sd: sd(range_sd_m, model.range_sd_m, RANGE_SD_M, LENGTH_SD_MIN_M)?.min(LENGTH_SD_MAX_M),
            };
            let azimuth = angle(azimuth_rad, azimuth_sd_rad, model.azimuth_sd_deg)?;
            let elevation = elevation(elevation_rad, elevation_sd_rad, model.elevation_sd_deg)?;
            let rate = match range_rate_mps {
                Some(value) => Some(Measured {
                    value: finite(value)?,
                    sd: sd(range_rate_sd_mps, model.range_rate_sd_mps, RANGE_RATE_SD_MPS, RATE_SD_MIN_MPS)?,
                }),
                None => None,
            };
            Ok(Some(Resolved::Polar { from, range, azimuth, elevation, rate }))
        }
        Measurement::Bearing { azimuth_rad, elevation_rad, azimuth_sd_rad, elevation_sd_rad } => {
            let from = *from.ok_or("sensor-place-unknown")?;
            let azimuth = angle(azimuth_rad, azimuth_sd_rad, model.azimuth_sd_deg)?;
            let elevation = elevation(elevation_rad, elevation_sd_rad, model.elevation_sd_deg)?;
            Ok(Some(Resolved::Bearing { from, azimuth, elevation }))
        }
        Measurement::RangeDifference { .. } | Measurement::Presence => Ok(None),
    }
}

fn angle(value_rad: f64, sd_rad: Option<f64>, sensor_sd_deg: Option<f64>) -> Result<Measured, &'static str> {
    let sd = sd(sd_rad, sensor_sd_deg.map(math::rad), ANGLE_SD_RAD, ANGLE_SD_MIN_RAD)?.min(math::PI);
    Ok(Measured { value: finite(value_rad)?, sd })
}

fn elevation(
    value_rad: Option<f64>,
    sd_rad: Option<f64>,
    sensor_sd_deg: Option<f64>,
) -> Result<Option<Measured>, &'static str> {
    match value_rad {
        Some(value) if math::fabs(value) > math::PI / 2.0 => Err("out-of-range"),
        Some(value) => angle(value, sd_rad, sensor_sd_deg).map(Some),
        None => Ok(None),
    }
}

impl Resolved {
    /// Whether it says where something is, so that a track can begin with it.
    pub(crate) fn has_position(&self) -> bool {
        !matches!(self, Self::Bearing { .. })
    }

    /// About where it is and one sigma of that, metres; for a bearing the sensor's place and no bound.
    pub(crate) fn about(&self) -> (Place, f64) {
        match *self {
            Self::Position { place, horizontal_sd_m, .. } => (place, horizontal_sd_m),
            Self::Polar { from, range, azimuth, elevation, .. } => {
                let at = Enu::from_polar(range.value, azimuth.value, elevation.map_or(0.0, |e| e.value));
                (from.to_geodetic(at).place(), range.sd.max(range.value * azimuth.sd))
            }
            Self::Bearing { from, .. } => (from.origin().place(), f64::INFINITY),
        }
    }

    /// The same bits always give the same number (FNV-1a): tells a repeated measurement.
    pub(crate) fn fingerprint(&self, velocity: Option<Velocity>) -> u64 {
        let mut hash = Fnv::default();
        let of = |m: Option<Measured>| m.map_or([f64::NAN; 2], |m| [m.value, m.sd]);
        match *self {
            Self::Position { place, height_m, horizontal_sd_m } => {
                hash.add(&[1.0, place.latitude_deg, place.longitude_deg, horizontal_sd_m]);
                hash.add(&of(height_m));
            }
            Self::Polar { range, azimuth, elevation, rate, .. } => {
                hash.add(&[2.0]);
                for part in [Some(range), Some(azimuth), elevation, rate] {
                    hash.add(&of(part));
                }
            }
            Self::Bearing { azimuth, elevation, .. } => {
                hash.add(&[3.0]);
                hash.add(&of(Some(azimuth)));
                hash.add(&of(elevation));
            }
        }
        if let Some(v) = velocity {
            hash.add(&[v.east_mps, v.north_mps, v.up_mps.unwrap_or(f64::NAN), v.sd_mps]);
        }
        hash.0
    }

    /// Linearised at `state`; with it the natural logarithm of the density of false plots in the same coordinates, for
    /// clutter of `clutter_per_m2`. `None` where the geometry says nothing (straight above the sensor).
    pub(crate) fn linear(
        &self,
        frame: &LocalFrame,
        state: &Gaussian,
        height_known: bool,
        clutter_per_m2: f64,
        config: &Config,
    ) -> Option<(Linear, f64)> {
        let mut out = Linear::default();
        let density = match *self {
            Self::Position { place, height_m, horizontal_sd_m } => {
                let own_height = if height_known { geodetic(frame, state).height_ellipsoid_m } else { 0.0 };
                let z = frame.to_enu(place.at_height(height_m.map_or(own_height, |h| h.value)));
                let variance = horizontal_sd_m * horizontal_sd_m;
                out.push(unit(0), z.east_m - state.mean[0], variance);
                out.push(unit(1), z.north_m - state.mean[1], variance);
                match height_m.filter(|_| height_known) {
                    Some(h) => {
                        out.push(unit(2), z.up_m - state.mean[2], h.sd * h.sd);
                        clutter_per_m2 / config.clutter_layer_m
                    }
                    None => clutter_per_m2,
                }
            }
            Self::Polar { from, range, azimuth, elevation, rate } => {
                let view = View::new(&from, frame, state, height_known)?;
                let r = range.value;
                let mut density = clutter_per_m2 * r;
                if height_known {
                    out.push(view.range_jacobian(), r - view.range_m, range.sd * range.sd);
                    out.push(view.azimuth_jacobian(), view.azimuth_innovation(azimuth), azimuth.sd * azimuth.sd);
                    if let Some(e) = elevation {
                        out.push(view.elevation_jacobian(), e.value - view.elevation_rad, e.sd * e.sd);
                        density *= r * math::cos(e.value).max(0.01) / config.clutter_layer_m;
                    }
                    if let Some(rate) = rate {
                        out.push(view.rate_jacobian(), rate.value - view.rate_mps, rate.sd * rate.sd);
                        density /= CLUTTER_RATES_MPS;
                    }
                } else {
                    let ground = ground_range(range, elevation, config);
                    out.push(view.range_jacobian(), ground.value - view.range_m, ground.sd * ground.sd);
                    out.push(view.azimuth_jacobian(), view.azimuth_innovation(azimuth), azimuth.sd * azimuth.sd);
                    if let Some(rate) = rate {
                        // The part of an unknown climb and of the unknown slant in the range rate.
                        let slant = 0.06 * rate.value;
                        let variance = rate.sd * rate.sd + slant * slant + 1.0;
                        out.push(view.rate_jacobian(), rate.value - view.rate_mps, variance);
                        density /= CLUTTER_RATES_MPS;
                    }
                }
                density
            }
            Self::Bearing { from, azimuth, elevation } => {
                let view = View::new(&from, frame, state, height_known)?;
                out.push(view.azimuth_jacobian(), view.azimuth_innovation(azimuth), azimuth.sd * azimuth.sd);
                match elevation.filter(|_| height_known) {
                    Some(e) => {
                        out.push(view.elevation_jacobian(), e.value - view.elevation_rad, e.sd * e.sd);
                        1.0 / (math::TAU * math::PI)
                    }
                    None => 1.0 / math::TAU,
                }
            }
        };
        Some((out, math::log(density)))
    }

    /// The height it measures at the state's place: up in `frame` with its one sigma, metres. For a track whose height
    /// was unknown until now.
    pub(crate) fn up(&self, frame: &LocalFrame, state: &Gaussian) -> Option<Measured> {
        match *self {
            Self::Position { place, height_m: Some(h), .. } => {
                Some(Measured { value: frame.to_enu(place.at_height(h.value)).up_m, sd: h.sd })
            }
            Self::Polar { from, range, azimuth, elevation: Some(e), .. } => {
                let at = Enu::from_polar(range.value, azimuth.value, e.value);
                let height = from.to_geodetic(at).height_ellipsoid_m;
                let sd = math::hypot(range.sd * math::sin(e.value), range.value * math::cos(e.value) * e.sd);
                let here = geodetic(frame, state).place().at_height(height);
                Some(Measured { value: frame.to_enu(here).up_m, sd: sd.max(LENGTH_SD_MIN_M) })
            }
            _ => None,
        }
    }

    /// A frame and a first state: position from the measurement, velocity zero with the configured width. Whether the
    /// height is known comes last. `None` for what has no position.
    pub(crate) fn start(&self, config: &Config) -> Option<(LocalFrame, Gaussian, bool)> {
        let (place, height, covariance) = match *self {
            Self::Position { place, height_m, horizontal_sd_m } => {
                let variance = horizontal_sd_m * horizontal_sd_m;
                let vertical = height_m.map_or(UNKNOWN_HEIGHT_VARIANCE[0], |h| h.sd * h.sd);
                let p = [[variance, 0.0, 0.0], [0.0, variance, 0.0], [0.0, 0.0, vertical]];
                (place, height_m.map(|h| h.value), p)
            }
            Self::Polar { from, range, azimuth, elevation, .. } => {
                let ground = ground_range(range, elevation, config);
                let (at, e_sd) = match elevation {
                    Some(e) => (Enu::from_polar(range.value, azimuth.value, e.value), e.sd),
                    None => (Enu::from_polar(ground.value, azimuth.value, 0.0), 0.0),
                };
                let e = elevation.map_or(0.0, |e| e.value);
                let (sa, ca, se, ce) = (math::sin(azimuth.value), math::cos(azimuth.value), math::sin(e), math::cos(e));
                let r = range.value;
                let range_sd = if elevation.is_some() { range.sd } else { ground.sd };
                // Unit vectors along range, azimuth and elevation, each with its sigma in metres.
                let axes = [
                    ([sa * ce, ca * ce, se], range_sd),
                    ([ca, -sa, 0.0], r * ce * azimuth.sd),
                    ([-sa * se, -ca * se, ce], r * e_sd),
                ];
                let mut p = [[0.0; 3]; 3];
                for (axis, sd) in axes {
                    for i in 0..3 {
                        for j in 0..3 {
                            p[i][j] += axis[i] * axis[j] * sd * sd;
                        }
                    }
                }
                // Straight overhead the azimuth says nothing: keep a floor, or the covariance would be singular.
                for (i, row) in p.iter_mut().enumerate() {
                    row[i] += LENGTH_SD_MIN_M * LENGTH_SD_MIN_M;
                }
                let there = from.to_geodetic(at);
                let to = anchored(there.place());
                (there.place(), elevation.map(|_| there.height_ellipsoid_m), turn(&from, &to, &p))
            }
            Self::Bearing { .. } => return None,
        };
        let frame = anchored(place);
        let mut out = Gaussian { mean: [0.0, 0.0, height.unwrap_or(0.0), 0.0, 0.0, 0.0], covariance: [[0.0; 6]; 6] };
        for i in 0..3 {
            for j in 0..3 {
                out.covariance[i][j] = covariance[i][j];
            }
        }
        let (h, v) = (config.speed_start_sd_mps, config.vertical_speed_start_sd_mps);
        for (axis, sd) in [(3, h), (4, h), (5, v)] {
            out.covariance[axis][axis] = sd * sd;
        }
        if height.is_none() {
            forget_height(&mut out);
        }
        Some((frame, out, height.is_some()))
    }

    /// The range rate alone, for a state that has just begun at this plot.
    pub(crate) fn rate_linear(&self, frame: &LocalFrame, state: &Gaussian, height_known: bool) -> Option<Linear> {
        let Self::Polar { from, rate: Some(rate), .. } = *self else { return None };
        let view = View::new(&from, frame, state, height_known)?;
        let mut out = Linear::default();
        let slant = if height_known { 0.0 } else { 0.06 * rate.value };
        let climb = if height_known { 0.0 } else { 1.0 };
        out.push(view.rate_jacobian(), rate.value - view.rate_mps, rate.sd * rate.sd + slant * slant + climb);
        Some(out)
    }
}

/// Slant range laid on the ground. With an elevation it is a cosine. Without one the aircraft is somewhere from the
/// sensor's height to `height_above_sensor_m` above it: the slant range is taken as it is, and the greatest shortening
/// widens its error (uniform between none and all of it).
fn ground_range(range: Measured, elevation: Option<Measured>, config: &Config) -> Measured {
    let r = range.value;
    match elevation {
        Some(e) => {
            let (s, c) = (math::sin(e.value), math::cos(e.value));
            Measured { value: r * c, sd: math::hypot(range.sd * c, r * s * e.sd).max(LENGTH_SD_MIN_M) }
        }
        None => {
            let h = config.height_above_sensor_m.min(r);
            let shortening = r - math::sqrt(r * r - h * h);
            Measured { value: r, sd: math::hypot(range.sd, shortening / math::sqrt(3.0)) }
        }
    }
}

/// A 3 by 3 covariance turned from one frame's axes to another's.
fn turn(from: &LocalFrame, to: &LocalFrame, p: &[[f64; 3]; 3]) -> [[f64; 3]; 3] {
    let mut r = [[0.0; 3]; 3];
    for (column, axis) in [Enu::new(1.0, 0.0, 0.0), Enu::new(0.0, 1.0, 0.0), Enu::new(0.0, 0.0, 1.0)].iter().enumerate()
    {
        let t = to.rotate(from.unrotate(*axis));
        (r[0][column], r[1][column], r[2][column]) = (t.east_m, t.north_m, t.up_m);
    }
    let mut out = [[0.0; 3]; 3];
    for i in 0..3 {
        for j in 0..=i {
            let mut sum = 0.0;
            for k in 0..3 {
                for l in 0..3 {
                    sum += r[i][k] * p[k][l] * r[j][l];
                }
            }
            out[i][j] = sum;
            out[j][i] = sum;
        }
    }
    out
}

fn unit(axis: usize) -> Vector {
    let mut v = [0.0; 6];
    if let Some(cell) = v.get_mut(axis) {
        *cell = 1.0;
    }
    v
}

/// A velocity linearised at a state: two components, three when both know the vertical.
pub(crate) fn velocity_linear(
    frame: &LocalFrame,
    state: &Gaussian,
    height_known: bool,
    measured: Velocity,
) -> Option<Linear> {
    let up = measured.up_mps.filter(|u| u.is_finite());
    let ok = measured.east_mps.is_finite() && measured.north_mps.is_finite() && measured.sd_mps.is_finite();
    if !ok || measured.sd_mps < 0.0 || math::hypot(measured.east_mps, measured.north_mps) > 1_000.0 {
        return None;
    }
    // East and north turn along the way: by a lot near the pole.
    let local = LocalFrame::new(geodetic(frame, state));
    let v = frame.rotate(local.unrotate(Enu::new(measured.east_mps, measured.north_mps, up.unwrap_or(0.0))));
    let sd = measured.sd_mps.max(RATE_SD_MIN_MPS);
    let mut out = Linear::default();
    out.push(unit(3), v.east_m - state.mean[3], sd * sd);
    out.push(unit(4), v.north_m - state.mean[4], sd * sd);
    if up.is_some() && height_known {
        out.push(unit(5), v.up_m - state.mean[5], sd * sd);
    }
    Some(out)
}

/// A state as a sensor sees it.
struct View {
    /// Rows: the sensor's east, north and up in the track's frame.
    axes: [[f64; 3]; 3],
    /// From the sensor to the state, in the sensor's horizon.
    d: [f64; 3],
    v: [f64; 3],
    ground_m: f64,
    range_m: f64,
    azimuth_rad: f64,
    elevation_rad: f64,
    rate_mps: f64,
}

impl View {
    /// Without a known height everything is laid into the sensor's horizontal plane, and range is ground range.
    fn new(from: &LocalFrame, frame: &LocalFrame, state: &Gaussian, height_known: bool) -> Option<Self> {
        let mut d = from.ecef_to_enu(frame.enu_to_ecef(position(state)));
        let mut v = from.rotate(frame.unrotate(velocity(state)));
        if !height_known {
            d.up_m = 0.0;
            v.up_m = 0.0;
        }
        let mut axes = [[0.0; 3]; 3];
        let units = [Enu::new(1.0, 0.0, 0.0), Enu::new(0.0, 1.0, 0.0), Enu::new(0.0, 0.0, 1.0)];
        for (row, axis) in axes.iter_mut().zip(units) {
            let t = frame.rotate(from.unrotate(axis));
            *row = [t.east_m, t.north_m, t.up_m];
        }
        let (ground_m, range_m) = (d.horizontal_m(), d.length_m());
        if ground_m.is_nan() || ground_m < 1.0 {
            return None;
        }
        let rate_mps = (d.east_m * v.east_m + d.north_m * v.north_m + d.up_m * v.up_m) / range_m;
        Some(Self {
            axes,
            d: [d.east_m, d.north_m, d.up_m],
            v: [v.east_m, v.north_m, v.up_m],
            ground_m,
            range_m,
            azimuth_rad: d.azimuth_rad(),
            elevation_rad: d.elevation_rad(),
            rate_mps,
        })
    }

    /// A gradient in the sensor's axes, by position and by velocity, turned into the track's.
    fn turned(&self, position: [f64; 3], velocity: [f64; 3]) -> Vector {
        let mut out = [0.0; 6];
        for (axis, (p, v)) in self.axes.iter().zip(position.into_iter().zip(velocity)) {
            for (i, a) in axis.iter().enumerate() {
                out[i] += p * a;
                out[i + 3] += v * a;
            }
        }
        out
    }

    fn azimuth_innovation(&self, measured: Measured) -> f64 {
        math::wrap_pi(measured.value - self.azimuth_rad)
    }

    fn range_jacobian(&self) -> Vector {
        self.turned(self.d.map(|x| x / self.range_m), [0.0; 3])
    }

    fn azimuth_jacobian(&self) -> Vector {
        let h2 = self.ground_m * self.ground_m;
        let [e, n, _] = self.d;
        self.turned([n / h2, -e / h2, 0.0], [0.0; 3])
    }

    fn elevation_jacobian(&self) -> Vector {
        let (h, r2) = (self.ground_m, self.range_m * self.range_m);
        let [e, n, u] = self.d;
        self.turned([-e * u / (h * r2), -n * u / (h * r2), h / r2], [0.0; 3])
    }

    fn rate_jacobian(&self) -> Vector {
        let r = self.range_m;
        let along = self.d.map(|x| x / r);
        let mut position = [0.0; 3];
        for i in 0..3 {
            position[i] = (self.v[i] - along[i] * self.rate_mps) / r;
        }
        self.turned(position, along)
    }
}

/// FNV-1a over the bits of numbers (Fowler, Noll & Vo; draft-eastlake-fnv, 64 bit).
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    fn add(&mut self, numbers: &[f64]) {
        for byte in numbers.iter().flat_map(|n| n.to_bits().to_le_bytes()) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

/// The horizon of a sensor; `None` when its place is nowhere.
pub(crate) fn sensor_frame(place: Geodetic) -> Option<LocalFrame> {
    let ok = Place::new(place.latitude_deg, place.longitude_deg).is_some()
        && math::fabs(place.height_ellipsoid_m) <= HEIGHT_MAX_M;
    ok.then(|| LocalFrame::new(place))
}

#[cfg(test)]
mod tests;
