//! What a sensor should read of a state: prediction and Jacobian of each kind of measurement, in one place.
//!
//! Angles are in the sensor's own horizon: azimuth clockwise from true north, elevation above the plane that touches the
//! ellipsoid's normal at the sensor. A state is carried into that horizon by a rotation and a shift that are exact (both
//! frames are Cartesian), so a sensor may stand far from the track's anchor.

mod projection;

pub(crate) use projection::{Against, Projection, Projections};

use crate::config::Config;
use crate::gaussian::{Linear, Vector};
use crate::reading::{Kind, Reading};
use lapwing_model::{Ecef, Enu, LocalFrame, math};

/// Where a sensor stands and how it is turned, seen from a region's frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pose {
    /// Its place, metres.
    pub(crate) position: [f64; 3],
    /// Its east, north and up in the region's axes.
    axes: [[f64; 3]; 3],
}

impl Pose {
    pub(crate) fn new(from: &LocalFrame, frame: &LocalFrame) -> Self {
        let at = frame.to_enu(from.origin());
        let units = [Enu::new(1.0, 0.0, 0.0), Enu::new(0.0, 1.0, 0.0), Enu::new(0.0, 0.0, 1.0)];
        let axes = units.map(|unit| {
            let t = frame.rotate(from.unrotate(unit));
            [t.east_m, t.north_m, t.up_m]
        });
        Self { position: [at.east_m, at.north_m, at.up_m], axes }
    }

    /// A direction of the region's frame in the sensor's horizon.
    pub(crate) fn into_horizon(self, v: [f64; 3]) -> [f64; 3] {
        self.axes.map(|a| a[0] * v[0] + a[1] * v[1] + a[2] * v[2])
    }

    /// A direction of the sensor's horizon in the region's frame.
    pub(crate) fn out_of_horizon(self, v: [f64; 3]) -> [f64; 3] {
        let [e, n, u] = self.axes;
        [0, 1, 2].map(|i| e[i] * v[0] + n[i] * v[1] + u[i] * v[2])
    }

    /// From the sensor to a point of the region's frame, in the sensor's horizon.
    pub(crate) fn to(self, mean: &Vector) -> [f64; 3] {
        let [x, y, z] = self.position;
        self.into_horizon([mean[0] - x, mean[1] - y, mean[2] - z])
    }
}

/// What the prediction of a reading needs beside the state.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub(crate) frame: &'a LocalFrame,
    /// `None` for a sensor that need not stand anywhere.
    pub(crate) pose: Option<Pose>,
    /// Whether the height is part of the state.
    pub(crate) height_known: bool,
    /// Speed of what carries the signal, metres per second; `None` where it is as good as instant.
    pub(crate) signal_speed_mps: Option<f64>,
    pub(crate) config: &'a Config,
}

/// Predicted values with their gradients, for one kind of reading.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows {
    pub(crate) count: usize,
    pub(crate) predicted: [f64; 4],
    pub(crate) jacobian: [Vector; 4],
    /// Which components are angles that wrap.
    wraps: [bool; 4],
    /// Whether they are the first coordinates of the state and nothing else.
    plain: bool,
    /// Variance added to each component, for a state that is not of the reading's time.
    noise: [f64; 4],
}

impl Rows {
    const EMPTY: Self = Self {
        count: 0,
        predicted: [0.0; 4],
        jacobian: [[0.0; 6]; 4],
        wraps: [false; 4],
        plain: false,
        noise: [0.0; 4],
    };

    fn push(&mut self, predicted: f64, jacobian: Vector, wraps: bool) {
        if let Some(cell) = self.predicted.get_mut(self.count) {
            *cell = predicted;
            self.jacobian[self.count] = jacobian;
            self.wraps[self.count] = wraps;
            self.count += 1;
        }
    }
}

fn unit(axis: usize) -> Vector {
    let mut v = [0.0; 6];
    if let Some(cell) = v.get_mut(axis) {
        *cell = 1.0;
    }
    v
}

/// A gradient in the sensor's axes, by position and by velocity, turned into the track's.
fn turned(pose: Pose, position: [f64; 3], velocity: [f64; 3]) -> Vector {
    let p = pose.out_of_horizon(position);
    let v = pose.out_of_horizon(velocity);
    [p[0], p[1], p[2], v[0], v[1], v[2]]
}

impl Scene<'_> {
    /// What a reading of `kind` should say of a state at `mean`. `None` where the geometry says nothing (straight above
    /// the sensor). `other` is the second place of a range difference.
    pub(crate) fn rows(&self, kind: Kind, mean: &Vector, other: Option<Ecef>) -> Option<Rows> {
        let mut out = Rows::EMPTY;
        self.fill_rows(kind, mean, other, &mut out)?;
        Some(out)
    }

    /// The same into empty rows.
    fn fill_rows(&self, kind: Kind, mean: &Vector, other: Option<Ecef>, out: &mut Rows) -> Option<()> {
        match kind {
            Kind::Position { height } => {
                out.push(mean[0], unit(0), false);
                out.push(mean[1], unit(1), false);
                if height && self.height_known {
                    out.push(mean[2], unit(2), false);
                }
                out.plain = true;
            }
            Kind::Polar { elevation, rate } => {
                let view = View::new(self, mean)?;
                out.push(view.range_m, view.range_jacobian(), false);
                out.push(view.azimuth_rad(), view.azimuth_jacobian(), true);
                if elevation && self.height_known {
                    out.push(view.elevation_rad(), view.elevation_jacobian(), false);
                }
                if rate {
                    out.push(view.rate_mps, view.rate_jacobian(), false);
                }
            }
            Kind::Bearing { elevation } => {
                let view = View::new(self, mean)?;
                out.push(view.azimuth_rad(), view.azimuth_jacobian(), true);
                if elevation && self.height_known {
                    out.push(view.elevation_rad(), view.elevation_jacobian(), false);
                }
            }
            Kind::RangeDifference => {
                let pose = self.pose?;
                let there = self.frame.ecef_to_enu(other?);
                let there = [there.east_m, there.north_m, there.up_m];
                let mut gradient = [0.0; 6];
                let mut difference = 0.0;
                for (from, sign) in [(pose.position, 1.0), (there, -1.0)] {
                    let mut d = [mean[0] - from[0], mean[1] - from[1], mean[2] - from[2]];
                    if !self.height_known {
                        d[2] = 0.0;
                    }
                    let range = math::sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
                    if range < 1.0 {
                        return None;
                    }
                    difference += sign * range;
                    for i in 0..3 {
                        gradient[i] += sign * d[i] / range;
                    }
                }
                out.push(difference, gradient, false);
            }
        }
        Some(())
    }

    /// Those of a position and the variances of its axes.
    pub(crate) fn position_innovations(&self, point: Ecef, errors: &[f64; 4], rows: &Rows) -> ([f64; 4], [f64; 4]) {
        let z = self.frame.ecef_to_enu(point);
        let at = [z.east_m, z.north_m, z.up_m];
        let (mut y, mut variance) = ([0.0; 4], [0.0; 4]);
        for i in 0..rows.count.min(3) {
            y[i] = at[i] - rows.predicted[i];
            variance[i] = errors[i] + rows.noise[i];
        }
        (y, variance)
    }

    /// Innovations and variances of a reading against predicted rows of its kind.
    pub(crate) fn innovations(&self, reading: &Reading, rows: &Rows) -> ([f64; 4], [f64; 4]) {
        let (mut y, mut variance) = ([0.0; 4], [0.0; 4]);
        match reading.kind {
            Kind::Position { .. } => {
                return self.position_innovations(reading.point, &reading.variance, rows);
            }
            Kind::Polar { elevation, rate } => {
                let (mut range, mut range_variance) = (reading.value[0], reading.variance[0]);
                if !self.height_known {
                    (range, range_variance) = ground_range(reading, elevation, self.config);
                }
                y[0] = range - rows.predicted[0];
                variance[0] = range_variance;
                y[1] = math::wrap_pi(reading.value[1] - rows.predicted[1]);
                variance[1] = reading.variance[1];
                let mut next = 2;
                if elevation && self.height_known {
                    y[next] = reading.value[2] - rows.predicted[next];
                    variance[next] = reading.variance[2];
                    next += 1;
                }
                if rate && next < 4 {
                    y[next] = reading.value[3] - rows.predicted[next];
                    variance[next] = reading.variance[3];
                    if !self.height_known {
                        // The part of an unknown climb and of the unknown slant in the range rate.
                        let slant = 0.06 * reading.value[3];
                        variance[next] += slant * slant + 1.0;
                    }
                }
            }
            Kind::Bearing { .. } => {
                for i in 0..rows.count.min(2) {
                    let d = reading.value[i + 1] - rows.predicted[i];
                    y[i] = if rows.wraps[i] { math::wrap_pi(d) } else { d };
                    variance[i] = reading.variance[i + 1];
                }
            }
            Kind::RangeDifference => {
                y[0] = reading.value[0] - rows.predicted[0];
                variance[0] = reading.variance[0];
            }
        }
        for (v, n) in variance.iter_mut().zip(&rows.noise) {
            *v += n;
        }
        (y, variance)
    }

    /// A reading linearised at `mean`.
    pub(crate) fn linear(&self, reading: &Reading, mean: &Vector) -> Option<Linear> {
        let rows = self.rows(reading.kind, mean, Some(reading.point))?;
        let (y, variance) = self.innovations(reading, &rows);
        let mut out = Linear::default();
        for i in 0..rows.count {
            out.push(rows.jacobian[i], y[i], variance[i]);
        }
        Some(out)
    }
}

/// Slant range laid on the ground, with its variance. With an elevation it is a cosine. Without one the aircraft is
/// somewhere from the sensor's height to `height_above_sensor_m` above it: the slant range is taken as it is, and the
/// greatest shortening widens its error (uniform between none and all of it).
pub(crate) fn ground_range(reading: &Reading, elevation: bool, config: &Config) -> (f64, f64) {
    let (r, variance) = (reading.value[0], reading.variance[0]);
    if elevation {
        let (s, c) = (math::sin(reading.value[2]), math::cos(reading.value[2]));
        (r * c, (variance * c * c + r * r * s * s * reading.variance[2]).max(0.25))
    } else {
        let h = config.height_above_sensor_m.min(r);
        let shortening = r - math::sqrt(r * r - h * h);
        (r, variance + shortening * shortening / 3.0)
    }
}

/// A state as a sensor sees it.
pub(crate) struct View {
    pose: Pose,
    /// From the sensor to the state, in the sensor's horizon; where the sound came from, if it is sound.
    d: [f64; 3],
    v: [f64; 3],
    /// How long the signal travelled, seconds.
    delay_s: f64,
    pub(crate) ground_m: f64,
    pub(crate) range_m: f64,
    pub(crate) rate_mps: f64,
}

impl View {
    /// Without a known height everything is laid into the sensor's horizontal plane, and range is ground range.
    pub(crate) fn new(scene: &Scene<'_>, mean: &Vector) -> Option<Self> {
        let pose = scene.pose?;
        let mut d = pose.to(mean);
        let mut v = pose.into_horizon([mean[3], mean[4], mean[5]]);
        if !scene.height_known {
            d[2] = 0.0;
            v[2] = 0.0;
        }
        let mut delay_s = 0.0;
        if let Some(speed) = scene.signal_speed_mps {
            // The place at t - tau with |place - sensor| = c tau: fixed point, contracting by v/c each round.
            for _ in 0..4 {
                let at = [d[0] - v[0] * delay_s, d[1] - v[1] * delay_s, d[2] - v[2] * delay_s];
                delay_s = math::sqrt(at[0] * at[0] + at[1] * at[1] + at[2] * at[2]) / speed;
            }
            for i in 0..3 {
                d[i] -= v[i] * delay_s;
            }
        }
        let ground2 = d[0] * d[0] + d[1] * d[1];
        if !(ground2 >= 1.0) {
            return None;
        }
        let ground_m = math::sqrt(ground2);
        let range_m = math::sqrt(ground2 + d[2] * d[2]);
        let rate_mps = (d[0] * v[0] + d[1] * v[1] + d[2] * v[2]) / range_m;
        Some(Self { pose, d, v, delay_s, ground_m, range_m, rate_mps })
    }

    pub(crate) fn azimuth_rad(&self) -> f64 {
        math::atan2(self.d[0], self.d[1])
    }

    pub(crate) fn elevation_rad(&self) -> f64 {
        math::atan2(self.d[2], self.ground_m)
    }

    /// Velocity across the line of sight turns into angle per second: (azimuth, elevation), radians per second.
    pub(crate) fn turn_rates(&self) -> (f64, f64) {
        let h2 = self.ground_m * self.ground_m;
        let azimuth = (self.d[1] * self.v[0] - self.d[0] * self.v[1]) / h2;
        let along = (self.d[0] * self.v[0] + self.d[1] * self.v[1]) / self.ground_m;
        let elevation = (self.v[2] * self.ground_m - self.d[2] * along) / (self.range_m * self.range_m);
        (azimuth, elevation)
    }

    /// The position gradient, and with a delayed signal that of the velocity, which moved the source by -v tau.
    fn gradient(&self, position: [f64; 3]) -> Vector {
        let tau = self.delay_s;
        turned(self.pose, position, position.map(|p| -tau * p))
    }

    fn range_jacobian(&self) -> Vector {
        self.gradient(self.d.map(|x| x / self.range_m))
    }

    fn azimuth_jacobian(&self) -> Vector {
        let h2 = self.ground_m * self.ground_m;
        self.gradient([self.d[1] / h2, -self.d[0] / h2, 0.0])
    }

    fn elevation_jacobian(&self) -> Vector {
        let (h, r2) = (self.ground_m, self.range_m * self.range_m);
        let [e, n, u] = self.d;
        self.gradient([-e * u / (h * r2), -n * u / (h * r2), h / r2])
    }

    fn rate_jacobian(&self) -> Vector {
        let r = self.range_m;
        let along = self.d.map(|x| x / r);
        let mut position = [0.0; 3];
        for i in 0..3 {
            position[i] = (self.v[i] - along[i] * self.rate_mps) / r;
        }
        turned(self.pose, position, along)
    }
}

#[cfg(test)]
mod tests;
