//! Which readings of a look are near a projection: each asks only those, not all.
//!
//! Positions are laid out in a grid of latitude and longitude with about one reading a cell; what has one sharpest component is
//! sorted by it.

use crate::project::Projection;
use crate::reading::{Kind, Reading};
use lapwing_model::{Ecef, LocalFrame, Place, math};

/// Readings of one look up to which all are tried against all.
const FEW: usize = 6;
/// Cells at most along an axis of the grid.
const CELLS_MAX: usize = 1_024;
/// Beyond these the plane of latitude and longitude is no plane: all are tried.
const LATITUDE_MAX_DEG: f64 = 70.0;
const LONGITUDE_MAX_DEG: f64 = 179.0;

/// The readings of a look, made ready for the question.
#[derive(Debug, Clone, Default)]
pub(crate) struct Nearby {
    kind: Option<Kind>,
    readings: Vec<Near>,
    /// Four sigma of each component of the readings, the greatest.
    widest: [f64; 4],
    grid: Grid,
    /// The cell of each reading; or what it is sorted by, with its number.
    cells: Vec<u32>,
    order: Vec<(f64, u32)>,
}

/// A reading with what is asked of it most, side by side with those near it: there may be too many for the nearest memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Near {
    /// What it is sorted or laid out by: the sharpest component, or latitude and longitude in degrees.
    key: (f64, f64),
    /// The position, of one that is a position.
    pub(crate) point: Ecef,
    pub(crate) variance: [f64; 4],
    /// See [`crate::filter::Work::log_other`].
    pub(crate) log_other: [f64; 2],
    pub(crate) reading: u32,
}

impl Near {
    fn key(reading: &Reading) -> (f64, f64) {
        match reading.kind {
            Kind::Position { .. } => (reading.value[0], reading.value[1]),
            Kind::RangeDifference => (reading.value[0], 0.0),
            Kind::Polar { .. } | Kind::Bearing { .. } => (reading.value[1], 0.0),
        }
    }

    fn new(number: usize, reading: &Reading, log_other: [f64; 2]) -> Self {
        Self {
            key: Self::key(reading),
            point: reading.point,
            variance: reading.variance,
            log_other,
            reading: number as u32,
        }
    }
}

/// Cells over the box that the positions are in, row after row from the south-west.
#[derive(Debug, Clone, Copy, Default)]
struct Axis {
    from_deg: f64,
    per_deg: f64,
    cells: usize,
}

#[derive(Debug, Clone, Default)]
struct Grid {
    latitude: Axis,
    longitude: Axis,
    /// Where the readings of each cell begin, and the end of the last.
    starts: Vec<u32>,
}

impl Axis {
    fn over(from_deg: f64, to_deg: f64, cells: usize) -> Self {
        let cells = cells.clamp(1, CELLS_MAX);
        let width = to_deg - from_deg;
        let per_deg = if width > 0.0 { cells as f64 / width } else { 0.0 };
        Self { from_deg, per_deg, cells }
    }

    /// The cell of a coordinate; beside the box, the nearest. (A cast of a float saturates.)
    fn cell(&self, deg: f64) -> usize {
        (((deg - self.from_deg) * self.per_deg) as usize).min(self.cells - 1)
    }
}

impl Nearby {
    /// Lays out the readings of a look, each with how dense all else is that it may be. `kind`: that of all of them, `None` where
    /// they are of several.
    pub(crate) fn lay_out(&mut self, readings: &[Reading], log_other: &[[f64; 2]], kind: Option<Kind>) {
        self.kind = kind.filter(|_| readings.len() > FEW);
        // Errors within a look are alike; the greatest is taken.
        let mut widest = [0.0; 4];
        for reading in readings {
            for (w, v) in widest.iter_mut().zip(&reading.variance) {
                *w = f64::max(*w, *v);
            }
        }
        self.widest = widest.map(|w| 4.0 * math::sqrt(w));
        if let Some(Kind::Position { .. }) = self.kind {
            return self.lay_in_cells(readings, log_other);
        }
        let near = |i: usize| {
            let (reading, other) = (readings.get(i)?, log_other.get(i)?);
            Some(Near::new(i, reading, *other))
        };
        self.readings.clear();
        if self.kind.is_none() {
            self.readings.extend((0..readings.len()).filter_map(near));
            return;
        }
        self.order.clear();
        self.order.extend(readings.iter().enumerate().map(|(i, reading)| (Near::key(reading).0, i as u32)));
        self.order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        self.readings.extend(self.order.iter().filter_map(|(_, i)| near(*i as usize)));
    }

    /// Puts the positions into the order of their cells.
    fn lay_in_cells(&mut self, readings: &[Reading], log_other: &[[f64; 2]]) {
        let mut from = (f64::INFINITY, f64::INFINITY);
        let mut to = (f64::NEG_INFINITY, f64::NEG_INFINITY);
        for Place { latitude_deg, longitude_deg } in readings.iter().map(Reading::place) {
            from = (from.0.min(latitude_deg), from.1.min(longitude_deg));
            to = (to.0.max(latitude_deg), to.1.max(longitude_deg));
        }
        let side = math::sqrt(readings.len() as f64) as usize + 1;
        let (latitude, longitude) = (Axis::over(from.0, to.0, side), Axis::over(from.1, to.1, side));
        let starts = &mut self.grid.starts;
        starts.clear();
        starts.resize(latitude.cells * longitude.cells + 1, 0);
        self.cells.clear();
        for Place { latitude_deg, longitude_deg } in readings.iter().map(Reading::place) {
            let cell = latitude.cell(latitude_deg) * longitude.cells + longitude.cell(longitude_deg);
            self.cells.push(cell as u32);
            starts[cell + 1] += 1;
        }
        for i in 1..starts.len() {
            starts[i] += starts[i - 1];
        }
        // From the last on, each goes to the end of what is left of its cell: equal cells keep the order of the look.
        self.readings.clear();
        if let (Some(first), Some(other)) = (readings.first(), log_other.first()) {
            self.readings.resize(readings.len(), Near::new(0, first, *other));
        }
        for (i, ((reading, other), cell)) in readings.iter().zip(log_other).zip(&self.cells).enumerate().rev() {
            let end = &mut starts[*cell as usize + 1];
            *end -= 1;
            self.readings[*end as usize] = Near::new(i, reading, *other);
        }
        // Each start has become that of the cell before: they moved one place.
        for i in 1..starts.len() - 1 {
            starts[i] = starts[i + 1];
        }
        if let Some(last) = starts.last_mut() {
            *last = self.readings.len() as u32;
        }
        (self.grid.latitude, self.grid.longitude) = (latitude, longitude);
    }

    /// Calls `found` with each reading that may be near a projection, and some more.
    pub(crate) fn each(&self, projection: &Projection, frame: &LocalFrame, mut found: impl FnMut(&Near)) {
        let mut all = |from: usize, to: usize| {
            for near in self.readings.get(from..to).unwrap_or(&[]) {
                found(near);
            }
        };
        let stretch = |from: f64, to: f64| {
            (self.readings.partition_point(|k| k.key.0 < from), self.readings.partition_point(|k| k.key.0 <= to))
        };
        let (predicted, reach) = (&projection.rows.predicted, &projection.reach);
        match self.kind {
            None => all(0, self.readings.len()),
            Some(Kind::RangeDifference) => {
                let half = reach[0] + self.widest[0];
                let (from, to) = stretch(predicted[0] - half, predicted[0] + half);
                all(from, to);
            }
            Some(kind @ (Kind::Polar { .. } | Kind::Bearing { .. })) => {
                let at = usize::from(matches!(kind, Kind::Polar { .. }));
                let (middle, half) = (predicted[at], reach[at] + self.widest[1]);
                if half >= math::PI {
                    return all(0, self.readings.len());
                }
                // Azimuths go around: a window over the seam is two.
                for turn in [0.0, math::TAU, -math::TAU] {
                    let (from, to) = (middle - half + turn, middle + half + turn);
                    if from <= math::PI && to >= -math::PI {
                        let (from, to) = stretch(from, to);
                        all(from, to);
                    }
                }
            }
            Some(Kind::Position { .. }) => {
                let Some(window) = Window::of(projection, &self.widest, frame) else {
                    return all(0, self.readings.len());
                };
                let Grid { latitude, longitude, starts } = &self.grid;
                let (first, last) = (longitude.cell(window.west_deg), longitude.cell(window.east_deg));
                for row in latitude.cell(window.south_deg)..=latitude.cell(window.north_deg) {
                    let at = |column: usize| starts.get(row * longitude.cells + column).map_or(0, |s| *s as usize);
                    for near in self.readings.get(at(first)..at(last + 1)).unwrap_or(&[]) {
                        if window.contains(near.key.0, near.key.1) {
                            found(near);
                        }
                    }
                }
            }
        }
    }
}

/// Latitudes and longitudes that a projection reaches, in degrees.
struct Window {
    south_deg: f64,
    north_deg: f64,
    west_deg: f64,
    east_deg: f64,
}

impl Window {
    /// `None` where it cannot be said in degrees.
    fn of(projection: &Projection, widest: &[f64; 4], frame: &LocalFrame) -> Option<Self> {
        let origin = frame.origin();
        let far = math::fabs(origin.latitude_deg) > LATITUDE_MAX_DEG;
        if far || math::fabs(origin.longitude_deg) > LONGITUDE_MAX_DEG {
            return None;
        }
        let (e, n) = (projection.rows.predicted[0], projection.rows.predicted[1]);
        // To second order; the reach gets two metres and a hundredth of the way for what is left out.
        let half_m = projection.reach[0] + widest[0] + 2.0;
        let [_, [_, _, cos], [_, _, sin]] = frame.rotation();
        let north_rad = n / 6_372_000.0;
        let per_deg = 111_320.0 * (cos - north_rad * sin - 0.5 * north_rad * north_rad * cos).max(0.01) * 1.001;
        let middle = origin.longitude_deg + e / per_deg;
        let half = half_m / per_deg * 1.02 + math::fabs(e) / per_deg * 0.005;
        // A parallel bends away from the east axis: by e² tan φ / 2R, to 70 degrees.
        let half_m = projection.reach[1] + widest[1] + 2.0 + 0.01 * math::fabs(n) + e * e / 4.6e6;
        let (north, half_north) = (origin.latitude_deg + n / 111_300.0, half_m / 110_500.0);
        Some(Self {
            south_deg: north - half_north,
            north_deg: north + half_north,
            west_deg: middle - half,
            east_deg: middle + half,
        })
    }

    fn contains(&self, latitude_deg: f64, longitude_deg: f64) -> bool {
        latitude_deg >= self.south_deg
            && latitude_deg <= self.north_deg
            && longitude_deg >= self.west_deg
            && longitude_deg <= self.east_deg
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::gaussian::{Covariance, Gaussian};
    use crate::geoid::Geoid;
    use crate::interface::Observation;
    use crate::project::{Pose, Scene};
    use crate::reading::resolve;
    use lapwing_model::{Enu, Heights, Measurement, Place, Sensor, SensorId, SensorKind, Span, Time};
    use proptest::prelude::*;

    fn frame() -> LocalFrame {
        LocalFrame::new(Place { latitude_deg: 47.1, longitude_deg: 8.6 }.at_height(0.0))
    }

    fn readings(measurements: impl Iterator<Item = Measurement>) -> Vec<Reading> {
        let from = frame();
        let id = SensorId::new("s").unwrap();
        let sensor = Sensor::new(id, SensorKind::Radar, Some(from.origin()), Span::from_seconds(1));
        let mut all = Vec::new();
        for measurement in measurements {
            let observation = Observation::new(Time::MIN, measurement);
            assert!(resolve(&observation, &sensor, Some(&from), &mut Geoid::default(), &mut all).unwrap());
        }
        all
    }

    /// Of each state, every reading that is not far outside is found, and none twice.
    fn check(readings: &[Reading], states: &[[f64; 2]], sd_m: f64) {
        let frame = frame();
        let config = Config::default();
        let pose = Some(Pose::new(&frame, &frame));
        let scene = Scene { frame: &frame, pose, height_known: false, signal_speed_mps: None, config: &config };
        let kind = readings[0].kind;
        let mut nearby = Nearby::default();
        nearby.lay_out(readings, &vec![[0.0; 2]; readings.len()], Some(kind));
        for [e, n] in states {
            let mut covariance = Covariance::ZERO;
            for i in 0..6 {
                covariance[(i, i)] = sd_m * sd_m;
            }
            let state = Gaussian { mean: [*e, *n, 0.0, 0.0, 0.0, 0.0], covariance };
            let Some(projection) = Projection::of(&scene, kind, &state, Some(readings[0].point)) else { continue };
            let mut found = Vec::new();
            nearby.each(&projection, &frame, |near| found.push(near.reading));
            found.sort_unstable();
            let count = found.len();
            found.dedup();
            assert_eq!(found.len(), count, "none twice");
            for (i, reading) in readings.iter().enumerate() {
                let (y, variance) = scene.innovations(reading, &projection.rows);
                assert!(
                    projection.is_beyond(&y, &variance) || found.contains(&(i as u32)),
                    "{reading:?} is near {e}, {n}: {y:?}"
                );
            }
        }
    }

    prop_compose! {
        fn places(most: usize)(at in prop::collection::vec([-14_000.0..14_000.0f64, -14_000.0..14_000.0f64], 1..most),
            scale in prop::sample::select(vec![0.0, 0.001, 0.05, 1.0])) -> Vec<[f64; 2]> {
            at.into_iter().map(|[e, n]| [3_000.0 + e * scale, n * scale - 2_000.0]).collect()
        }
    }

    proptest! {
        #[test]
        fn every_position_nearby_is_found(at in places(60), states in places(20), sd_m in 1.0..400.0f64) {
            let frame = frame();
            let position = |[e, n]: &[f64; 2]| Measurement::Position {
                place: frame.to_geodetic(Enu::new(*e, *n, 0.0)).place(),
                heights: Heights::UNKNOWN,
                horizontal_sd_m: Some(10.0),
                vertical_sd_m: None,
            };
            check(&readings(at.iter().map(position)), &states, sd_m);
        }

        #[test]
        fn every_azimuth_nearby_is_found(azimuths in prop::collection::vec(-3.2..3.2f64, 1..60), states in places(20),
            sd_m in 1.0..2_000.0f64) {
            let bearing = |azimuth_rad: &f64| Measurement::Bearing {
                azimuth_rad: *azimuth_rad,
                elevation_rad: None,
                azimuth_sd_rad: Some(0.02),
                elevation_sd_rad: None,
            };
            check(&readings(azimuths.iter().map(bearing)), &states, sd_m);
        }
    }
}
