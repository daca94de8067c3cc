//! Simulated truth against the tracker. The simulation shares nothing with it but geodesy.

use super::*;
use crate::interface::{Outcome, Velocity};
use lapwing_model::{Coverage, Enu, ErrorModel, Heights, Measurement, SensorKind};

mod behaviour;
mod beside;
mod biases;
mod cameras;
mod crowd;
mod ears;
mod fast;
mod gather;
mod heights;
mod limits;
mod order;
mod patience;
mod places;
mod statistics;
mod turns;
mod words;

impl Tracker {
    /// What is known now, for the tests of the files below this one.
    pub(crate) fn filter(&self) -> &Filter {
        &self.filter
    }
}

/// A 64-bit linear congruential generator (Knuth's MMIX constants), so that tests need no crate and repeat.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678);
        for _ in 0..4 {
            dice.uniform();
        }
        dice
    }

    /// In [0, 1).
    pub(crate) fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Standard normal (Box & Muller 1958).
    pub(super) fn normal(&mut self) -> f64 {
        let (u, v) = (self.uniform().max(1e-300), self.uniform());
        math::sqrt(-2.0 * math::log(u)) * math::cos(math::TAU * v)
    }
}

pub(super) const HOME: Geodetic = Geodetic { latitude_deg: 47.3, longitude_deg: 8.7, height_ellipsoid_m: 500.0 };

pub(super) fn at(seconds: f64) -> Time {
    Time::from_seconds(1_800_000_000) + Span::from_seconds_f64(seconds)
}

pub(super) fn home() -> LocalFrame {
    LocalFrame::new(HOME)
}

/// A radar at `HOME`: 10 m, 0.5°, one look a second, sees 5 km with 90 %.
pub(super) fn radar() -> Sensor {
    Sensor {
        coverage: Coverage { range_max_m: Some(5_000.0), detection_probability: Some(0.9), ..Coverage::default() },
        error: ErrorModel {
            range_sd_m: Some(10.0),
            azimuth_sd_deg: Some(0.5),
            elevation_sd_deg: Some(0.5),
            range_rate_sd_mps: Some(1.0),
            ..ErrorModel::default()
        },
        ..Sensor::new(SensorId::new("radar").unwrap(), SensorKind::Radar, Some(HOME), Span::from_seconds(1))
    }
}

pub(super) fn receiver(name: &str) -> Sensor {
    Sensor::new(SensorId::new(name).unwrap(), SensorKind::RemoteId, None, Span::from_seconds(1))
}

/// What `radar` measures of a point in its own horizon, with noise.
pub(super) fn plot(t: f64, x: Enu, three: bool, dice: &mut Dice) -> Observation {
    let sd = math::rad(0.5);
    let measurement = Measurement::RangeAzimuth {
        range_m: x.length_m() + 10.0 * dice.normal(),
        azimuth_rad: math::wrap_tau(x.azimuth_rad() + sd * dice.normal()),
        elevation_rad: three.then(|| x.elevation_rad() + sd * dice.normal()),
        range_rate_mps: None,
        range_sd_m: None,
        azimuth_sd_rad: None,
        elevation_sd_rad: None,
        range_rate_sd_mps: None,
    };
    Observation::new(at(t), measurement)
}

pub(super) fn claim_at(t: f64, place: Place, height: Option<f64>, sd: f64, label: u64) -> Observation {
    let measurement = Measurement::Position {
        place,
        heights: Heights { height_ellipsoid_m: height, ..Heights::UNKNOWN },
        horizontal_sd_m: Some(sd),
        vertical_sd_m: Some(sd),
    };
    Observation { label: Some(Label(label)), self_report: true, ..Observation::new(at(t), measurement) }
}

/// A claim of a point in the horizon of `HOME`, without noise.
pub(super) fn claim(t: f64, x: Enu, sd: f64, label: u64) -> Observation {
    let g = home().to_geodetic(x);
    claim_at(t, g.place(), Some(g.height_ellipsoid_m), sd, label)
}

pub(super) fn observe(tracker: &mut Tracker, sensor: &Sensor, scan: &[Observation]) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    tracker.observe(sensor, scan, &mut outcomes);
    assert_eq!(outcomes.len(), scan.len());
    outcomes
}

/// A whole scan: what the sensor covers and did not see was missed.
pub(super) fn look(tracker: &mut Tracker, sensor: &Sensor, t: f64, plots: &[Observation]) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    tracker.observe_scan(sensor, Scan { number: None, began_at: at(t), complete: true }, plots, &mut outcomes);
    assert_eq!(outcomes.len(), plots.len());
    outcomes
}

/// Plots of true places, each seen with certainty.
pub(super) fn scan(t: f64, places: &[Enu], dice: &mut Dice) -> Vec<Observation> {
    places.iter().map(|x| plot(t, *x, true, dice)).collect()
}

pub(super) fn drain(tracker: &mut Tracker) -> Vec<Change> {
    std::iter::from_fn(|| tracker.poll()).collect()
}

/// Where a track is in the horizon of `HOME`.
pub(super) fn place_of(tracker: &Tracker, id: TrackId, t: f64) -> Enu {
    let e = tracker.estimate(id, at(t)).unwrap();
    home().ecef_to_enu(e.frame.enu_to_ecef(e.position))
}

pub(super) fn with_velocity(mut o: Observation, east: f64, north: f64) -> Observation {
    o.velocity = Some(Velocity { east_mps: east, north_mps: north, up_mps: Some(0.0), sd_mps: 1.0 });
    o
}
