//! Scenes that go on for ever, one look a step, for benchmarks and for counting instructions. Nothing in them is random but by
//! a generator of their own, so that every run does the same.
#![allow(dead_code, reason = "each user takes what it needs")]

use lapwing_model::{
    Coverage, Enu, ErrorModel, Geodetic, Heights, LocalFrame, Measurement, Sensor, SensorId, SensorKind, Span, Time,
    math,
};
use lapwing_track::{Config, Label, Observation, Scan, Tracker};

const HOME: Geodetic = Geodetic { latitude_deg: 47.3, longitude_deg: 8.7, height_ellipsoid_m: 500.0 };
/// Looks before a kernel counts.
const SETTLE: usize = 30;
/// Steps after which a path repeats, so that nothing flies out of sight.
const ROUND: usize = 240;

/// A 64-bit linear congruential generator (Knuth's MMIX constants).
#[derive(Debug, Clone)]
struct Dice(u64);

impl Dice {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Nearly normal: the sum of twelve.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

/// What a sensor of a scene measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reads {
    /// Position without height, as another system's track list gives it.
    Position2,
    /// Position with height.
    Position3,
    /// Range and azimuth.
    Polar,
    /// Range, azimuth and elevation.
    PolarElevation,
    /// Range, azimuth, elevation and range rate.
    PolarRate,
    /// Azimuth.
    Bearing,
    /// Azimuth and elevation.
    BearingElevation,
    /// Range to this sensor less range to another.
    RangeDifference,
}

/// A tracker in the middle of a scene.
#[derive(Debug, Clone)]
pub(crate) struct Kernel {
    tracker: Tracker,
    sensors: Vec<(Sensor, Reads)>,
    claims: Option<Sensor>,
    paths: fn(usize, f64) -> Enu,
    targets: usize,
    clutter: usize,
    dice: Dice,
    steps: usize,
    outcomes: Vec<lapwing_track::Outcome>,
}

fn sensor(name: &str, kind: SensorKind, place: Enu) -> Sensor {
    let place = LocalFrame::new(HOME).to_geodetic(place);
    Sensor {
        coverage: Coverage { range_max_m: Some(12_000.0), detection_probability: Some(0.95), ..Coverage::default() },
        error: ErrorModel {
            range_sd_m: Some(8.0),
            azimuth_sd_deg: Some(0.3),
            elevation_sd_deg: Some(0.3),
            range_rate_sd_mps: Some(1.0),
            horizontal_sd_m: Some(8.0),
            vertical_sd_m: Some(8.0),
        },
        clutter_per_look: Some(1.0),
        ..Sensor::new(
            SensorId::new(name).unwrap_or_else(|_| unreachable!("a name")),
            kind,
            Some(place),
            Span::from_seconds(1),
        )
    }
}

fn radar(reads: Reads) -> (Sensor, Reads) {
    (sensor("radar", SensorKind::Radar, Enu::new(0.0, 0.0, 0.0)), reads)
}

/// Circles far from each other.
fn isolated(i: usize, t: f64) -> Enu {
    let middle = Enu::new(-4_500.0 + 1_000.0 * (i % 10) as f64, 1_500.0 + 900.0 * (i / 10) as f64, 120.0);
    let a = math::TAU * t / ROUND as f64;
    Enu::new(middle.east_m + 250.0 * math::cos(a), middle.north_m + 250.0 * math::sin(a), middle.up_m)
}

/// All cross near one place, again and again, each from its own side.
fn crossing(i: usize, t: f64) -> Enu {
    let course = math::TAU * i as f64 * 0.382;
    let along = 700.0 * math::sin(math::TAU * (t / 60.0 + 0.004 * i as f64));
    let beside = 25.0 * ((i % 5) as f64 - 2.0);
    let (s, c) = (math::sin(course), math::cos(course));
    Enu::new(along * s + beside * c, 2_500.0 + along * c - beside * s, 150.0)
}

/// Flies in a formation 40 m apart: all share their gates for good.
fn formation(i: usize, t: f64) -> Enu {
    let a = math::TAU * t / ROUND as f64;
    let (row, column) = ((i / 8) as f64, (i % 8) as f64);
    Enu::new(400.0 * math::cos(a) + 40.0 * column, 2_000.0 + 400.0 * math::sin(a) + 40.0 * row, 150.0)
}

impl Kernel {
    fn new(config: Config, paths: fn(usize, f64) -> Enu, targets: usize, sensors: Vec<(Sensor, Reads)>) -> Self {
        Self {
            tracker: Tracker::new(config),
            sensors,
            claims: None,
            paths,
            targets,
            clutter: 0,
            dice: Dice(1),
            steps: 0,
            outcomes: Vec::new(),
        }
    }

    fn with_claims(mut self) -> Self {
        self.claims = Some(Sensor { place: None, ..sensor("receiver", SensorKind::RemoteId, Enu::new(0.0, 0.0, 0.0)) });
        self
    }

    fn with_clutter(mut self, clutter: usize) -> Self {
        self.clutter = clutter;
        self
    }

    fn settled(mut self) -> Self {
        for _ in 0..SETTLE {
            self.step();
        }
        self
    }

    /// Live tracks.
    pub(crate) fn tracks(&self) -> usize {
        self.tracker.ids().count()
    }

    fn now(&self, offset_s: f64) -> Time {
        Time::from_seconds(1_800_000_000 + self.steps as i64) + Span::from_seconds_f64(offset_s)
    }

    /// One second: a look of each sensor, and a claim of each target where there are any.
    pub(crate) fn step(&mut self) {
        let sensors = std::mem::take(&mut self.sensors);
        for (n, (sensor, reads)) in sensors.iter().enumerate() {
            let offset = 0.1 * n as f64;
            let at = self.now(offset);
            let mut observations = Vec::new();
            for i in 0..self.targets {
                let x = (self.paths)(i, (self.steps % ROUND) as f64 + offset);
                if self.dice.uniform() < 0.95 {
                    observations.push(self.measured(sensor, *reads, at, x));
                }
            }
            for _ in 0..self.clutter {
                let (r, a) = (math::sqrt(self.dice.uniform()).max(0.05), math::TAU * self.dice.uniform());
                let x = Enu::from_polar(8_000.0 * r, a, 0.03);
                observations.push(self.measured(sensor, *reads, at, x));
            }
            self.tracker.advance(at);
            self.outcomes.clear();
            let scan = Scan { number: None, began_at: at, complete: true };
            self.tracker.observe_scan(sensor, scan, &observations, &mut self.outcomes);
        }
        self.sensors = sensors;
        if let Some(receiver) = self.claims.take() {
            let at = self.now(0.8);
            let said: Vec<Observation> = (0..self.targets)
                .map(|i| {
                    let x = (self.paths)(i, (self.steps % ROUND) as f64 + 0.8);
                    let o = self.measured(&receiver, Reads::Position3, at, x);
                    Observation { label: Some(Label(i as u64)), self_report: true, ..o }
                })
                .collect();
            self.tracker.advance(at);
            self.outcomes.clear();
            self.tracker.observe(&receiver, &said, &mut self.outcomes);
            self.claims = Some(receiver);
        }
        while self.tracker.poll().is_some() {}
        self.steps += 1;
    }

    fn measured(&mut self, sensor: &Sensor, reads: Reads, at: Time, of: Enu) -> Observation {
        let home = LocalFrame::new(HOME);
        let from = sensor.place.map_or(home, LocalFrame::new);
        let x = from.ecef_to_enu(home.enu_to_ecef(of));
        let (range, angle) = (8.0 * self.dice.normal(), math::rad(0.3));
        let azimuth_rad = math::wrap_tau(x.azimuth_rad() + angle * self.dice.normal());
        let elevation = (x.elevation_rad() + angle * self.dice.normal()).clamp(-1.5, 1.5);
        let polar = |elevation_rad, range_rate_mps| Measurement::RangeAzimuth {
            range_m: (x.length_m() + range).max(1.0),
            azimuth_rad,
            elevation_rad,
            range_rate_mps,
            range_sd_m: None,
            azimuth_sd_rad: None,
            elevation_sd_rad: None,
            range_rate_sd_mps: None,
        };
        let bearing = |elevation_rad| Measurement::Bearing {
            azimuth_rad,
            elevation_rad,
            azimuth_sd_rad: None,
            elevation_sd_rad: None,
        };
        let measurement = match reads {
            Reads::Position2 | Reads::Position3 => {
                let there = Enu::new(x.east_m + range, x.north_m + 8.0 * self.dice.normal(), x.up_m);
                let place = from.to_geodetic(there);
                let height = (reads == Reads::Position3).then_some(place.height_ellipsoid_m);
                Measurement::Position {
                    place: place.place(),
                    heights: Heights { height_ellipsoid_m: height, ..Heights::UNKNOWN },
                    horizontal_sd_m: None,
                    vertical_sd_m: None,
                }
            }
            Reads::Polar => polar(None, None),
            Reads::PolarElevation => polar(Some(elevation), None),
            Reads::PolarRate => polar(Some(elevation), Some(self.dice.normal())),
            Reads::Bearing => bearing(None),
            Reads::BearingElevation => bearing(Some(elevation)),
            Reads::RangeDifference => {
                let other = home.to_geodetic(Enu::new(3_000.0, -1_000.0, 0.0));
                let there = LocalFrame::new(other).ecef_to_enu(home.enu_to_ecef(of));
                Measurement::RangeDifference {
                    reference_place: other.place(),
                    reference_height_ellipsoid_m: Some(other.height_ellipsoid_m),
                    range_difference_m: x.length_m() - there.length_m() + range,
                    range_difference_sd_m: Some(8.0),
                }
            }
        };
        Observation::new(at, measurement)
    }
}

/// One target that claims where it is, and one sensor that reads it, under the given models.
pub(crate) fn one_of(config: Config, reads: Reads) -> Kernel {
    let scene = Kernel::new(config, isolated, 1, vec![radar(reads)]);
    match reads {
        // These begin no track by themselves.
        Reads::Bearing | Reads::BearingElevation | Reads::RangeDifference => scene.with_claims().settled(),
        _ => scene.settled(),
    }
}

/// So many targets that share their gates for good.
pub(crate) fn cluster_of(targets: usize) -> Kernel {
    Kernel::new(Config::default(), formation, targets, vec![radar(Reads::PolarElevation)]).settled()
}

/// Makes a kernel.
pub(crate) type Make = fn() -> Kernel;

/// All kernels by name.
pub(crate) const KERNELS: &[(&str, Make)] = &[
    ("isolated_targets", || Kernel::new(Config::default(), isolated, 10, vec![radar(Reads::Polar)]).settled()),
    ("isolated_targets_3d", || Kernel::new(Config::default(), isolated, 10, vec![radar(Reads::PolarRate)]).settled()),
    ("crossing_targets", || Kernel::new(Config::default(), crossing, 4, vec![radar(Reads::PolarElevation)]).settled()),
    ("clutter", || Kernel::new(Config::default(), isolated, 4, vec![radar(Reads::Polar)]).with_clutter(20).settled()),
    ("claims", || Kernel::new(Config::default(), isolated, 10, Vec::new()).with_claims().settled()),
    ("bearings", || {
        let ear =
            |name, east, north| (sensor(name, SensorKind::RfDirection, Enu::new(east, north, 2.0)), Reads::Bearing);
        let ears = vec![ear("ear-a", -1_500.0, 0.0), ear("ear-b", 1_500.0, 200.0), ear("ear-c", 0.0, 3_500.0)];
        Kernel::new(Config::default(), isolated, 3, ears).settled()
    }),
    ("formation", || cluster_of(8)),
];
