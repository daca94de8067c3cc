//! What a sensor reads wrong all the time: range, azimuth, elevation and clock, estimated from co-operative aircraft
//! (Lin, Bar-Shalom & Kirubarajan 2004, *Exact multisensor dynamic bias estimation with local tracks*, is the joint form;
//! here each aircraft that says where it is gives an estimate of its own, and those that agree are taken together).
//!
//! Never from one aircraft, whose satellite receiver has an error of its own that does not average out, and which may lie;
//! never from claims alone, because each must be of an aircraft that the sensor itself keeps seeing there.

use crate::config::Config;
use crate::filter::{Context, Filter};
use crate::interface::{Bias, Label};
use crate::look::Corrected;
use crate::project::View;
use crate::reading::{Kind, Reading};
use crate::track::Fix;
use lapwing_model::{Sensor, Time, math};

/// Aircraft remembered per sensor; the least informed gives way.
const AIRCRAFT_MAX: usize = 12;
/// Readings an aircraft must have given before it counts.
const READINGS_MIN: u32 = 12;
/// Aircraft that must agree.
const AGREE_MIN: usize = 2;
/// A claim older than this is not compared, seconds.
const FIX_MAX_S: f64 = 1.2;
/// What an aircraft may do between its claim and the reading, m/s².
const ACCELERATION_MPS2: f64 = 3.0;
/// One sigma expected of the errors where the sensor does not say: metres, radians, radians, seconds.
const PRIOR: [f64; 4] = [30.0, 0.03, 0.03, 0.4];
/// Errors of one reading's residual hang together with those of the next: each counts for this part.
const INFORMATION: f64 = 0.3;
/// Residuals beyond this many sigma are of another aircraft.
const OUTLIER: f64 = 5.0;
/// What is left of an error is the same in one reading as in the next, and is not averaged out: those within this time have one
/// reading's worth of it between them, seconds.
const SHARED_S: f64 = 0.5;
/// More than this do not widen the gate further.
const SHARERS_MAX: f64 = 4.0;
/// An error is applied once it is this many sigma from zero, and not less than this part of the sensor's own noise.
const SIGNIFICANT: f64 = 3.0;
const WORTH: f64 = 0.25;

/// Components: range, azimuth, elevation, clock.
type Four = [f64; 4];

/// Where the clock stands among the components.
const CLOCK: usize = 3;
/// What one aircraft's own height adds: by how much its satellite receiver says it higher than it is, metres. The farther it is the
/// less of that is in the elevation, so that while it flies the two are told apart.
const HEIGHT: usize = 4;
/// The part of its variance that stays with the elevation all the same.
const HEIGHT_UNTOLD: f64 = 0.25;
/// How that changes, square metres a second: by some metres in ten minutes.
const HEIGHT_WANDER_M2PS: f64 = 0.05;

/// How a reading differs from what its aircraft says.
#[derive(Debug, Clone, Copy)]
struct Residual {
    value: f64,
    /// The rate at which the component changes: what a clock that is late makes of it.
    rate: f64,
    /// What the aircraft's height makes of it, per metre.
    by_height: f64,
    /// Of sensor and claim, that is new each time.
    variance: f64,
    /// Of the aircraft's satellite receiver, that stays.
    satellite: f64,
}

/// One aircraft's view of a sensor's errors.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct View1 {
    label: Label,
    /// Key of the track beside it that gave the plots; 0 where that was its own.
    seen: u64,
    readings: u32,
    first_at: Time,
    at: Time,
    x: [f64; 5],
    p: [[f64; 5]; 5],
    /// Running mean of the variance its own satellite error over ground makes in each component.
    satellite: Four,
    /// What of the clock's error is the aircraft's own: its word is early by that.
    word_early_s: f64,
}

/// A sensor's systematic errors.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct BiasFilter {
    views: Vec<View1>,
    /// All aircraft together: value and variance; what is applied.
    mean: Four,
    variance: Four,
    aircraft: u32,
    applied: [bool; 4],
}

impl BiasFilter {
    pub(crate) fn prior(sensor: &Sensor) -> Four {
        let b = &sensor.bias_sd;
        [
            b.range_m.map_or(PRIOR[0], |s| s.max(1.0)),
            b.azimuth_deg.map_or(PRIOR[1], |s| math::rad(s).max(1e-4)),
            b.elevation_deg.map_or(PRIOR[2], |s| math::rad(s).max(1e-4)),
            b.clock_s.map_or(PRIOR[CLOCK], |s| s.max(0.01)),
        ]
    }

    /// What is known so far.
    pub(crate) fn bias(&self) -> Option<Bias> {
        if self.aircraft == 0 {
            return None;
        }
        let part = |i: usize| (self.mean[i], math::sqrt(self.variance[i].max(0.0)));
        Some(Bias {
            range_m: part(0),
            azimuth_rad: part(1),
            elevation_rad: part(2),
            clock_s: part(3),
            aircraft: self.aircraft,
            converged: self.aircraft as usize >= AGREE_MIN,
        })
    }

    /// The errors of range, azimuth and elevation that are applied, 0 where none is.
    pub(crate) fn taken_out(&self) -> [f64; 3] {
        std::array::from_fn(|i| if self.applied[i] { self.mean[i] } else { 0.0 })
    }

    /// What range and azimuth may still be off by (two sigma), when several aircraft have said what they are off by.
    pub(crate) fn left(&self) -> Option<[f64; 2]> {
        let of = |i: usize| {
            let told = if self.applied[i] { 0.0 } else { math::fabs(self.mean[i]) };
            told + 2.0 * math::sqrt(self.variance[i].max(0.0))
        };
        (self.aircraft as usize >= AGREE_MIN).then(|| [of(0), of(1)])
    }

    /// The clock's error that is applied, seconds.
    pub(crate) fn clock_s(&self, config: &Config) -> f64 {
        if config.align && self.applied[CLOCK] { self.mean[CLOCK] } else { 0.0 }
    }

    /// Whether there is anything to take out of a sensor's readings, or to widen them by.
    pub(crate) fn corrects(&self, sensor: &Sensor, config: &Config) -> bool {
        let known = self.applied.iter().take(3).any(|applied| *applied);
        config.align && (known || expected(sensor).iter().any(Option::is_some))
    }

    /// Takes the known errors out of readings; what is not known yet, but expected, widens them.
    pub(crate) fn correct(&self, readings: &mut [Reading], sensor: &Sensor) {
        let expected = expected(sensor);
        let sharers = (SHARED_S / sensor.interval.as_seconds_f64().max(1e-3)).clamp(1.0, SHARERS_MAX);
        for reading in readings {
            if !matches!(reading.kind, Kind::Polar { .. } | Kind::Bearing { .. }) {
                continue;
            }
            for i in 0..3 {
                if self.applied[i] {
                    reading.value[i] -= self.mean[i];
                    reading.variance[i] += sharers * self.variance[i];
                } else if let Some(sd) = expected[i] {
                    let known = if self.aircraft as usize >= AGREE_MIN { self.variance[i] } else { sd * sd };
                    reading.variance[i] += sharers * known.min(sd * sd);
                }
            }
            reading.value[1] = math::wrap_pi(reading.value[1]);
        }
    }

    /// One residual of each component, of an aircraft whose height is as good as `height_sd_m`: of the plots of its own track, or of one
    /// that was `seen` beside it, by key.
    fn learn(
        &mut self,
        (label, seen): (Label, u64),
        now: Time,
        residual: &[Option<Residual>; 3],
        height_sd_m: f64,
        word_early_s: Option<f64>,
        sensor: &Sensor,
    ) {
        let prior = Self::prior(sensor);
        let at = match self.views.iter().position(|v| v.label == label) {
            Some(at) => at,
            None => {
                if self.views.len() >= AIRCRAFT_MAX {
                    let least = (0..self.views.len()).min_by_key(|i| self.views[*i].readings);
                    if let Some(least) = least {
                        self.views.swap_remove(least);
                    }
                }
                let mut p = [[0.0; 5]; 5];
                for i in 0..4 {
                    p[i][i] = prior[i] * prior[i];
                }
                p[HEIGHT][HEIGHT] = height_sd_m * height_sd_m;
                self.views.push(View1 {
                    label,
                    seen,
                    readings: 0,
                    first_at: now,
                    at: now,
                    x: [0.0; 5],
                    p,
                    satellite: [0.0; 4],
                    word_early_s: 0.0,
                });
                self.views.len() - 1
            }
        };
        let Some(view) = self.views.get_mut(at) else { return };
        view.readings = view.readings.saturating_add(1);
        view.word_early_s = word_early_s.unwrap_or(view.word_early_s);
        match seen {
            // In one track: no doubt any more.
            0 => view.seen = 0,
            // Beside another track than before: since when is asked of that.
            _ if view.seen != 0 && view.seen != seen => (view.seen, view.first_at) = (seen, now),
            _ => {}
        }
        let wandered = HEIGHT_WANDER_M2PS * now.since(view.at).as_seconds_f64().max(0.0);
        view.p[HEIGHT][HEIGHT] = (view.p[HEIGHT][HEIGHT] + wandered).min(height_sd_m * height_sd_m);
        view.at = view.at.max(now);
        for (i, part) in residual.iter().enumerate() {
            let Some(Residual { value, rate, by_height, variance, satellite }) = *part else { continue };
            let share = 1.0 / f64::from(view.readings.min(50));
            view.satellite[i] += share * (satellite - view.satellite[i]);
            // value = x_i - rate * clock + by_height * height + noise: a late time stamp is of an earlier place.
            // Of the five parts of h three are not zero.
            let seen = |of: &[f64; 5]| of[i] - rate * of[CLOCK] + by_height * of[HEIGHT];
            let ph = view.p.each_ref().map(seen);
            let s = seen(&ph) + (variance + satellite) / INFORMATION;
            let innovation = value - seen(&view.x);
            if innovation * innovation > OUTLIER * OUTLIER * s {
                continue;
            }
            for ((x, row), k) in view.x.iter_mut().zip(&mut view.p).zip(ph) {
                let gain = k / s;
                *x += gain * innovation;
                for (cell, k) in row.iter_mut().zip(&ph) {
                    *cell -= gain * k;
                }
            }
        }
        self.combine(sensor);
    }

    /// How late the clock is by the word of one aircraft, seconds, with its variance, where that is known.
    fn clock_by(&self, label: Label, sensor: &Sensor) -> Option<(f64, f64)> {
        let prior = Self::prior(sensor)[CLOCK];
        let view = self.views.iter().find(|v| v.label == label && v.readings >= READINGS_MIN)?;
        let variance = view.p[CLOCK][CLOCK];
        (variance < 0.5 * prior * prior).then_some((view.x[CLOCK], variance))
    }

    /// Whether a view is of an aircraft beside those of the others: one that was only seen beside what said where it is counts when at
    /// the same time another was, or when an aircraft's own track has been learned of. One aircraft with two names after each other
    /// must not turn a sensor.
    fn is_of_another(&self, view: &View1) -> bool {
        let both = |other: &View1| {
            let at_once = other.first_at <= view.at && view.first_at <= other.at;
            other.readings >= READINGS_MIN && (other.seen == 0 || (other.seen != view.seen && at_once))
        };
        view.seen == 0 || self.views.iter().any(|other| other.label != view.label && both(other))
    }

    /// All aircraft that count, together; one that disagrees with the rest is left out.
    fn combine(&mut self, sensor: &Sensor) {
        let error = &sensor.error;
        let own = [
            error.range_sd_m.unwrap_or(20.0),
            math::rad(error.azimuth_sd_deg.unwrap_or(1.0)),
            math::rad(error.elevation_sd_deg.unwrap_or(1.0)),
            0.2,
        ];
        let prior = Self::prior(sensor);
        let mut aircraft = 0;
        for i in 0..4 {
            let own_word = |v: &View1| if i == CLOCK { v.word_early_s } else { 0.0 };
            let of = |v: &View1| (v.x[i] + own_word(v), v.p[i][i] + v.satellite[i], v.seen != 0);
            let informed = |v: &View1| v.readings >= READINGS_MIN && v.p[i][i] < 0.5 * prior[i] * prior[i];
            let mut list: Vec<(f64, f64, bool)> =
                self.views.iter().filter(|v| informed(v) && self.is_of_another(v)).map(of).collect();
            list.sort_by(|a, b| a.0.total_cmp(&b.0));
            let floor_of = |variance: f64| variance + (0.1 * own[i]) * (0.1 * own[i]);
            // Of two nobody can say which is wrong. Those of one track each are within a gate of what is read; one that is only beside it may
            // be a lie by as much as a compass can be wrong.
            if let [(a, va, beside_a), (b, vb, beside_b)] = list[..]
                && (beside_a || beside_b)
                && (a - b) * (a - b) > 9.0 * (floor_of(va) + floor_of(vb) + own[i] * own[i] * 0.25)
            {
                list.clear();
            }
            // The median stands for the rest.
            let Some(median) = list.get(list.len() / 2).map(|m| m.0) else {
                self.applied[i] = false;
                (self.mean[i], self.variance[i]) = (0.0, prior[i] * prior[i]);
                continue;
            };
            let (mut sum, mut weight, mut count) = (0.0, 1.0 / (prior[i] * prior[i]), 0);
            for (x, variance, _) in &list {
                let floor = floor_of(*variance);
                if list.len() > 2 && (x - median) * (x - median) > 9.0 * (floor + own[i] * own[i] * 0.25) {
                    continue;
                }
                sum += x / floor;
                weight += 1.0 / floor;
                count += 1;
            }
            self.mean[i] = sum / weight;
            self.variance[i] = 1.0 / weight;
            aircraft = aircraft.max(count);
            let sigma = math::sqrt(self.variance[i]);
            let size = math::fabs(self.mean[i]);
            // Once applied it stays applied, as long as aircraft agree: an error that comes and goes would make tracks jump.
            let significant = size > SIGNIFICANT * sigma && size > WORTH * own[i];
            self.applied[i] = count >= AGREE_MIN && (significant || self.applied[i]);
        }
        self.aircraft = aircraft as u32;
    }
}

/// One sigma of what range, azimuth and elevation of a sensor are expected to be off, metres and radians.
fn expected(sensor: &Sensor) -> [Option<f64>; 3] {
    let b = &sensor.bias_sd;
    [b.range_m, b.azimuth_deg.map(math::rad), b.elevation_deg.map(math::rad)]
}

impl Filter {
    /// Holds a plot of a track against what the aircraft says of itself.
    pub(crate) fn learn_bias(&mut self, slot: u32, number: u32, look: &Corrected<'_>, ctx: &mut Context<'_>) {
        if !ctx.config.align {
            return;
        }
        let Some(track) = self.tracks.get(slot) else { return };
        let own = track.fix.filter(|_| track.supported).map(|fix| (fix, 0));
        // Or of what flies beside it.
        let Some((fix, seen)) = own.or_else(|| Some((self.said_beside(slot, look.sensor)?, track.key))) else { return };
        // The raw reading, not the corrected one.
        let Some(raw) = look.raw.get(number as usize) else { return };
        let (polar, elevation) = match raw.kind {
            Kind::Polar { elevation, .. } => (true, elevation),
            Kind::Bearing { elevation } => (false, elevation),
            _ => return,
        };
        let dt = raw.at.since(fix.at).as_seconds_f64();
        if math::fabs(dt) > FIX_MAX_S {
            return;
        }
        let mean = fix.at_time(dt);
        let scene = ctx.scene(look.sensor, fix.region, true);
        let Some(view) = View::new(&scene, &mean) else { return };
        let (azimuth_rate, elevation_rate) = view.turn_rates();
        let drift = 0.5 * ACCELERATION_MPS2 * dt * dt;
        let white = fix.sd_m * fix.sd_m + drift * drift;
        let satellite = ctx.config.claim_bias_m;
        let h2 = satellite.0 * satellite.0;
        let (ground2, range2) = (view.ground_m * view.ground_m, view.range_m * view.range_m);
        let mut residual = [None; 3];
        if polar {
            residual[0] = Some(Residual {
                value: raw.value[0] - view.range_m,
                rate: view.rate_mps,
                by_height: 0.0,
                variance: raw.variance[0] + white,
                satellite: h2,
            });
        }
        residual[1] = Some(Residual {
            value: math::wrap_pi(raw.value[1] - view.azimuth_rad()),
            rate: azimuth_rate,
            by_height: 0.0,
            variance: raw.variance[1] + white / ground2,
            satellite: h2 / ground2,
        });
        if elevation && fix.height_said {
            residual[2] = Some(Residual {
                value: raw.value[2] - view.elevation_rad(),
                rate: elevation_rate,
                // It says that it is higher than it is, and is seen lower than that.
                by_height: -view.ground_m / range2,
                variance: raw.variance[2] + 4.0 * white / range2,
                // The height is told apart less surely than its variance says: it wanders.
                satellite: HEIGHT_UNTOLD * satellite.1 * satellite.1 / range2,
            });
        }
        let Some(post) = ctx.posts.get(look.sensor as usize) else { return };
        let early_s = self.tracks.get(slot).and_then(|track| track.word.early_s());
        let bias = &mut self.memory(look.sensor).bias;
        bias.learn((fix.label, seen), raw.at, &residual, satellite.1, early_s, &post.sensor);
        let clock = bias.clock_by(fix.label, &post.sensor).filter(|_| seen == 0);
        if let (Some(clock), Some(track)) = (clock, self.tracks.get_mut(slot)) {
            track.word.timed_by(look.sensor, clock);
        }
    }
}

impl Fix {
    /// Where it says it is `dt` seconds later.
    fn at_time(&self, dt: f64) -> [f64; 6] {
        let mut mean = [0.0; 6];
        for i in 0..3 {
            mean[i] = self.position[i] + self.velocity[i] * dt;
            mean[i + 3] = self.velocity[i];
        }
        mean
    }
}
