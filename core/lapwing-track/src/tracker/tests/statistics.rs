//! What the tracker promises in numbers, over many seeded runs.

use super::*;
use crate::gaussian::Matrix;
use nalgebra::{SMatrix, SVector};

fn dense(p: &Matrix) -> SMatrix<f64, 6, 6> {
    SMatrix::from_fn(|i, j| p[i][j])
}

/// A target of nearly constant velocity in the horizon of `HOME`: white-noise acceleration of the given densities.
struct Target {
    x: [f64; 3],
    v: [f64; 3],
}

impl Target {
    fn step(&mut self, dt: f64, psd: [f64; 3], dice: &mut Dice) {
        for axis in 0..3 {
            // Exact sampling: velocity noise w of variance q dt, position noise w dt/2 plus an independent q dt³/12.
            let w = math::sqrt(psd[axis] * dt) * dice.normal();
            let extra = math::sqrt(psd[axis] * dt * dt * dt / 12.0) * dice.normal();
            self.x[axis] += self.v[axis] * dt + w * dt / 2.0 + extra;
            self.v[axis] += w;
        }
    }

    fn enu(&self) -> Enu {
        Enu::new(self.x[0], self.x[1], self.x[2])
    }
}

/// Normalised estimation error squared of a track against truth, in six dimensions or the four horizontal ones.
fn nees(tracker: &Tracker, id: TrackId, t: f64, truth: &Target) -> f64 {
    let e = tracker.estimate(id, at(t)).unwrap();
    let x = e.frame.ecef_to_enu(home().enu_to_ecef(truth.enu()));
    let v = e.frame.rotate(home().unrotate(Enu::new(truth.v[0], truth.v[1], truth.v[2])));
    let d = [
        x.east_m - e.position.east_m,
        x.north_m - e.position.north_m,
        x.up_m - e.position.up_m,
        v.east_m - e.velocity.east_m,
        v.north_m - e.velocity.north_m,
        v.up_m - e.velocity.up_m,
    ];
    let p = dense(&e.covariance);
    if e.height_known {
        let d = SVector::<f64, 6>::from_row_slice(&d);
        (d.transpose() * p.try_inverse().unwrap() * d)[0]
    } else {
        let keep = [0, 1, 3, 4];
        let d = SVector::<f64, 4>::from_fn(|i, _| d[keep[i]]);
        let p = SMatrix::<f64, 4, 4>::from_fn(|i, j| p[(keep[i], keep[j])]);
        (d.transpose() * p.try_inverse().unwrap() * d)[0]
    }
}

/// Mean NEES of 50 runs of a target followed by the radar, at 20, 30, 40, 50 and 60 s.
fn monte_carlo(config: &Config, three: bool, drop: f64, swap: bool) -> [f64; 5] {
    let mut sums = [0.0; 5];
    for run in 0..50 {
        let mut dice = Dice::new(1_000 + run);
        let mut t = Tracker::new(config.clone());
        let sensor = radar();
        let mut truth = Target { x: [-600.0, 1_500.0, 300.0], v: [14.0, 4.0, 0.5] };
        let mut waiting: Option<Observation> = None;
        for s in 0..=60u32 {
            let now = f64::from(s);
            t.advance(at(now));
            if dice.uniform() >= drop || s < 6 {
                let fresh = plot(now, truth.enu(), three, &mut dice);
                // Every other pair of plots arrives the wrong way round.
                match (swap && s > 6 && s % 4 == 1, waiting.take()) {
                    (true, _) => waiting = Some(fresh),
                    (false, late) => {
                        look(&mut t, &sensor, now, &[fresh]);
                        if let Some(late) = late {
                            let then = late.measured_at.since(at(0.0)).as_seconds_f64();
                            look(&mut t, &sensor, then, &[late]);
                            t.advance(at(now + 0.3));
                        }
                    }
                }
            }
            if s % 10 == 0 && s >= 20 {
                sums[(s / 10 - 2) as usize] += nees(&t, TrackId(1), now, &truth) / 50.0;
            }
            truth.step(1.0, [4.0, 4.0, 1.0], &mut dice);
        }
        // One plot in a thousand misses the gate and begins a tentative track; none may come of it.
        let real = t.ids().filter(|id| t.estimate(*id, at(60.0)).unwrap().phase != Phase::Tentative).count();
        assert_eq!(real, 1, "run {run}: one aircraft, one track");
    }
    sums
}

/// One model that is the truth's own: what the models of several modes add is caution, which has no band of its own.
fn matched() -> Config {
    Config { models: crate::Models::single(crate::Motion::cruise(4.0, 1.0)), ..Config::default() }
}

#[test]
fn covariance_is_honest() {
    // 95 % of the mean of 50 chi-square variables of six degrees of freedom lie in 5.08 .. 7.00 (chi-square of 300
    // degrees, divided by 50), of four in 3.26 .. 4.82.
    let three = monte_carlo(&matched(), true, 0.0, false);
    let lossy = monte_carlo(&matched(), true, 0.3, false);
    let modes = monte_carlo(&Config::default(), true, 0.0, false);
    println!("mean NEES of 50 runs at 20..60 s: complete {three:.2?}, 30 % lost {lossy:.2?}, three models {modes:.2?}");
    for means in [three, lossy] {
        let inside = means.iter().filter(|m| (5.08..=7.00).contains(*m)).count();
        assert!(inside >= 4, "{means:?}");
    }
    assert!(modes.iter().all(|m| (3.0..=8.0).contains(m)), "{modes:?}");
}

#[test]
fn late_plots_give_the_same_covariance() {
    for config in [matched(), Config::default()] {
        assert_eq!(monte_carlo(&config, true, 0.0, true), monte_carlo(&config, true, 0.0, false));
    }
}

#[test]
fn no_false_track_is_confirmed_in_clutter() {
    let mut false_tracks = 0;
    for seed in 0..10 {
        let mut dice = Dice::new(77 + seed);
        let mut t = Tracker::new(Config::default());
        let mut sensor = radar();
        sensor.coverage.range_max_m = Some(3_000.0);
        for s in 0..200 {
            let now = f64::from(s);
            t.advance(at(now));
            let scan: Vec<_> = (0..10).map(|_| false_plot(now, 3_000.0, &mut dice)).collect();
            look(&mut t, &sensor, now, &scan);
            false_tracks += drain(&mut t).iter().filter(|c| matches!(c, Change::Phase(_, Phase::Confirmed))).count();
        }
        assert!(t.ids().count() < 60, "tentative tracks do not pile up: {}", t.ids().count());
    }
    println!("false confirmed tracks in 10 runs of 200 scans with 10 false plots: {false_tracks}");
    assert_eq!(false_tracks, 0);
}

/// Uniform over the disc, at the height of a sensor without elevation.
fn false_plot(t: f64, range: f64, dice: &mut Dice) -> Observation {
    let r = range * math::sqrt(dice.uniform()).max(0.05);
    let a = math::TAU * dice.uniform();
    plot(t, Enu::from_polar(r, a, 0.0), false, dice)
}

#[test]
fn confirmation_takes_about_three_of_four_looks() {
    for (clutter, median_max, late_max) in [(0, 4, 8), (10, 5, 9)] {
        let mut delays = Vec::new();
        for run in 0..40 {
            let mut dice = Dice::new(5_000 + run);
            let mut t = Tracker::new(Config::default());
            let mut sensor = radar();
            sensor.coverage.range_max_m = Some(3_000.0);
            let mut truth = Target { x: [800.0, 1_200.0, 100.0], v: [-12.0, 6.0, 0.0] };
            // Ten looks without the aircraft let the tracker learn the clutter.
            let mut looks = 0;
            'run: for s in 0..60 {
                let now = f64::from(s);
                t.advance(at(now));
                let mut scan: Vec<_> = (0..clutter).map(|_| false_plot(now, 3_000.0, &mut dice)).collect();
                if s >= 10 {
                    looks += 1;
                    if dice.uniform() < 0.9 {
                        scan.push(plot(now, truth.enu(), false, &mut dice));
                    }
                }
                look(&mut t, &sensor, now, &scan);
                for change in drain(&mut t) {
                    if let Change::Phase(id, Phase::Confirmed) = change {
                        let p = place_of(&t, id, now);
                        let off = math::hypot(p.east_m - truth.x[0], p.north_m - truth.x[1]);
                        assert!(off < 120.0, "run {run} confirmed something else, {off} m away");
                        delays.push(looks);
                        break 'run;
                    }
                }
                truth.step(1.0, [0.5, 0.5, 0.1], &mut dice);
            }
        }
        delays.sort_unstable();
        assert_eq!(delays.len(), 40, "every aircraft was confirmed");
        let (median, late) = (delays[20], delays[37]);
        println!("{clutter} false plots a look: confirmed after {median} looks (median), {late} (95 %)");
        assert!(median <= median_max && late <= late_max, "{delays:?}");
        assert!(delays[0] >= 3, "two plots never confirm");
    }
}

#[test]
fn covariance_stays_positive_definite() {
    let mut dice = Dice::new(4);
    let mut t = Tracker::new(Config::default());
    let sensor = radar();
    let other = receiver("rid");
    let mut truth = Target { x: [500.0, 500.0, 200.0], v: [10.0, 0.0, 0.0] };
    let mut now = 0.0;
    let mut updates = 0;
    let mut checked = 0;
    while updates < 20_000 {
        let dt = [0.0, 1e-9, 0.01, 0.3, 1.0][(dice.uniform() * 5.0) as usize];
        truth.step(dt, [4.0, 4.0, 1.0], &mut dice);
        // Keep it within sight.
        for axis in 0..2 {
            if truth.x[axis].abs() > 3_000.0 {
                truth.v[axis] = -truth.x[axis].signum() * 15.0;
            }
        }
        if !(50.0..500.0).contains(&truth.x[2]) {
            truth.v[2] = (200.0 - truth.x[2]).signum() * 2.0;
        }
        now += dt;
        t.advance(at(now));
        let mut o = match (dice.uniform() * 3.0) as u32 {
            0 => plot(now, truth.enu(), true, &mut dice),
            1 => plot(now, truth.enu(), false, &mut dice),
            _ => claim(now, truth.enu(), [0.0, 0.5, 5.0, 500.0][(dice.uniform() * 4.0) as usize], 1),
        };
        if dice.uniform() < 0.2 {
            o.measured_at = o.measured_at - Span::from_seconds_f64(2.0 * dice.uniform());
        }
        let s = if o.self_report { &other } else { &sensor };
        observe(&mut t, s, &[o]);
        drain(&mut t);
        updates += 1;
        if updates % 100 == 0 {
            for id in t.ids().collect::<Vec<_>>() {
                let e = t.estimate(id, at(now)).unwrap();
                for i in 0..6 {
                    for j in 0..6 {
                        assert_eq!(e.covariance[i][j].to_bits(), e.covariance[j][i].to_bits(), "symmetric");
                    }
                }
                assert!(nalgebra::Cholesky::new(dense(&e.covariance)).is_some(), "after {updates}: {e:?}");
                checked += 1;
            }
        }
    }
    assert!(checked >= 180, "there was a track to look at: {checked}");
}

#[test]
fn a_parked_drone_neither_drifts_nor_becomes_overconfident() {
    let mut t = Tracker::new(Config::default());
    let sensor = receiver("rid");
    let x = Enu::new(350.0, -120.0, 3.0);
    for s in 0..1_000 {
        let now = f64::from(s);
        t.advance(at(now));
        assert_eq!(observe(&mut t, &sensor, &[with_velocity(claim(now, x, 5.0, 9), 0.0, 0.0)]).len(), 1);
    }
    let e = t.estimate(TrackId(1), at(999.0)).unwrap();
    let p = place_of(&t, TrackId(1), 999.0);
    assert!(math::hypot(p.east_m - x.east_m, p.north_m - x.north_m) < 0.01, "{p:?}");
    assert!(e.velocity.horizontal_m() < 0.01);
    let sd = math::sqrt(e.covariance[0][0]);
    assert!(sd > 1.5, "a thousand words of one mouth are no thousand measurements: {sd} m");
}

#[test]
fn claims_heard_by_many_receivers_count_once() {
    let run = |receivers: usize| {
        let mut t = Tracker::new(Config::default());
        let sensors: Vec<_> = (0..receivers).map(|i| receiver(&format!("rid{i}"))).collect();
        for s in 0..60 {
            let now = f64::from(s);
            t.advance(at(now));
            for sensor in &sensors {
                observe(&mut t, sensor, &[claim(now, Enu::new(10.0 * now, 0.0, 50.0), 5.0, 9)]);
            }
        }
        t.estimate(TrackId(1), at(59.0)).unwrap().covariance[0][0]
    };
    let (one, ten) = (run(1), run(10));
    assert!(ten > 0.85 * one, "{ten} against {one} m²");
}
