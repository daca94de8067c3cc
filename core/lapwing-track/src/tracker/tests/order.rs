//! Any order of arrival within the lag, any thread, any repetition: the same picture, to the bit.

use super::*;
use proptest::prelude::*;

/// One delivery: a sensor, what kind of report it is, and what it says.
#[derive(Debug, Clone)]
struct Report {
    sensor: usize,
    scan: Scan,
    observations: Vec<Observation>,
}

/// A radar, a second one beside it, two direction finders and a receiver of claims.
fn sensors() -> Vec<Sensor> {
    let other = |name: &str, kind, place: Enu, millis| Sensor {
        coverage: radar().coverage,
        error: radar().error,
        ..Sensor::new(SensorId::new(name).unwrap(), kind, Some(home().to_geodetic(place)), Span::from_millis(millis))
    };
    vec![
        radar(),
        other("radar2", SensorKind::Radar, Enu::new(1_500.0, -300.0, 5.0), 1_000),
        other("ear", SensorKind::RfDirection, Enu::new(-900.0, 200.0, 2.0), 500),
        other("ear2", SensorKind::RfDirection, Enu::new(800.0, 2_000.0, 2.0), 500),
        receiver("rid"),
    ]
}

/// `of` as `sensor` sees it.
fn seen_from(sensor: &Sensor, of: Enu) -> Enu {
    LocalFrame::new(sensor.place.unwrap()).ecef_to_enu(home().enu_to_ecef(of))
}

fn bearing(t: f64, x: Enu, dice: &mut Dice) -> Observation {
    let measurement = Measurement::Bearing {
        azimuth_rad: x.azimuth_rad() + 0.02 * dice.normal(),
        elevation_rad: None,
        azimuth_sd_rad: Some(0.02),
        elevation_sd_rad: None,
    };
    Observation::new(at(t), measurement)
}

/// Seven seconds of five aircraft, two of them crossing, one claiming, with clutter; in the order of time.
fn scene(seed: u64) -> Vec<Report> {
    let mut dice = Dice::new(seed);
    let sensors = sensors();
    let truth = |t: f64| {
        [
            Enu::new(-60.0 + 20.0 * t, 1_000.0 + 3.0 * t, 120.0),
            Enu::new(60.0 - 20.0 * t, 1_010.0 + 3.0 * t, 120.0),
            Enu::new(700.0, 1_400.0 - 12.0 * t, 90.0),
            Enu::new(-1_000.0 + 15.0 * t, -800.0, 150.0),
            Enu::new(1_200.0 + 8.0 * t, 300.0 + 8.0 * t, 60.0),
        ]
    };
    let mut out: Vec<Report> = Vec::new();
    let mut file = |sensor: usize, t: f64, complete: bool, observations: Vec<Observation>| {
        let scan = Scan { number: complete.then_some((t * 100.0) as u64), began_at: at(t), complete };
        out.push(Report { sensor, scan, observations });
    };
    for s in 0..7 {
        let second = f64::from(s);
        for (sensor, offset) in [(0, 0.11), (1, 0.53)] {
            let t = second + offset;
            let mut plots: Vec<Observation> = Vec::new();
            for x in truth(t) {
                if dice.uniform() < 0.9 {
                    plots.push(plot(t, seen_from(&sensors[sensor], x), sensor == 0, &mut dice));
                }
            }
            for _ in 0..3 {
                let x = Enu::from_polar(300.0 + 2_000.0 * dice.uniform(), math::TAU * dice.uniform(), 0.05);
                plots.push(plot(t, x, sensor == 0, &mut dice));
            }
            file(sensor, t, true, plots);
        }
        for (sensor, offset) in [(2, 0.23), (3, 0.37), (2, 0.73), (3, 0.87)] {
            let t = second + offset;
            let list = truth(t);
            let mut bearings = Vec::new();
            for x in [list[0], list[3]] {
                if dice.uniform() < 0.8 {
                    bearings.push(bearing(t, seen_from(&sensors[sensor], x), &mut dice));
                }
            }
            file(sensor, t, true, bearings);
        }
        for (offset, who, label) in [(0.31, 2, 7), (0.61, 4, 8)] {
            let t = second + offset;
            file(4, t, false, vec![claim(t, truth(t)[who], 5.0, label)]);
        }
    }
    out.sort_by_key(|r| r.scan.began_at);
    out
}

fn deliver(t: &mut Tracker, sensors: &[Sensor], report: &Report) {
    let mut outcomes = Vec::new();
    t.observe_scan(&sensors[report.sensor], report.scan, &report.observations, &mut outcomes);
    assert!(outcomes.iter().all(|o| !matches!(o, Outcome::Rejected(_))), "{outcomes:?} of {report:?}");
}

/// Everything of every live track but its id, sorted by position.
fn picture(t: &Tracker, when: f64) -> Vec<String> {
    let mut all: Vec<(u64, String)> = t
        .ids()
        .map(|id| {
            let e = t.estimate(id, at(when)).unwrap();
            let labels: Vec<Label> = t.labels_of(id).collect();
            let text = format!(
                "{:?} {:?} {:?} {:?} {} {} {:?} {} {:?} {:?} {labels:?} {:?}",
                e.position,
                e.velocity,
                e.frame.origin(),
                e.covariance,
                e.height_known,
                e.existence,
                e.phase,
                e.claimed_only,
                e.last_at,
                e.motion,
                t.live(id).unwrap().classification(),
            );
            (e.position.east_m.to_bits(), text)
        })
        .collect();
    all.sort();
    all.into_iter().map(|(_, text)| text).collect()
}

/// Delivers in the order of arrival; each report arrives `delays` after its time.
fn run(reports: &[Report], delays: &[f64]) -> Vec<String> {
    run_with(reports, delays, Config::default())
}

fn run_with(reports: &[Report], delays: &[f64], config: Config) -> Vec<String> {
    let sensors = sensors();
    let mut t = Tracker::new(config);
    let mut arrivals: Vec<(Time, usize)> = reports
        .iter()
        .zip(delays.iter().cycle())
        .enumerate()
        .map(|(i, (r, d))| (r.scan.began_at + Span::from_seconds_f64(*d), i))
        .collect();
    arrivals.sort();
    for (when, i) in arrivals {
        t.advance(when);
        deliver(&mut t, &sensors, &reports[i]);
        drain(&mut t);
    }
    t.advance(at(13.0));
    picture(&t, 13.0)
}

fn assert_same(got: &[String], expected: &[String]) {
    assert_eq!(got.len(), expected.len(), "number of live tracks:\n{got:#?}\n{expected:#?}");
    for (a, b) in got.iter().zip(expected) {
        assert_eq!(a, b);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_order_within_the_lag_gives_the_same_picture(
        seed in 0u64..20,
        delays in prop::collection::vec(0.0..4.99f64, 56),
    ) {
        let reports = scene(seed);
        let expected = run(&reports, &[0.0]);
        prop_assert!(expected.len() >= 3, "there is something to compare");
        assert_same(&run(&reports, &delays), &expected);
    }

    /// The same while looks wait for what belongs with them, however long.
    #[test]
    fn any_order_gives_the_same_picture_where_looks_are_gathered(
        seed in 0u64..20,
        millis in prop::sample::select(vec![1i64, 5, 60, 400]),
        delays in prop::collection::vec(0.0..4.5f64, 56),
    ) {
        let reports = scene(seed);
        let config = || Config { gather: Span::from_millis(millis), ..Config::default() };
        let expected = run_with(&reports, &[0.0], config());
        prop_assert!(expected.len() >= 3, "there is something to compare");
        assert_same(&run_with(&reports, &delays, config()), &expected);
    }

    /// Every report comes a second time, at another time.
    #[test]
    fn repetitions_in_any_order_change_nothing(
        seed in 0u64..20,
        first in prop::collection::vec(0.0..4.99f64, 56),
        second in prop::collection::vec(0.0..4.99f64, 56),
        numbered in any::<bool>(),
    ) {
        let mut reports = scene(seed);
        if !numbered {
            for report in &mut reports {
                report.scan.number = None;
            }
        }
        let expected = run(&reports, &[0.0]);
        let twice: Vec<Report> = reports.iter().chain(&reports).cloned().collect();
        let n = reports.len();
        let delays: Vec<f64> = (0..2 * n)
            .map(|i| if i < n { first[i % first.len()] } else { second[i % second.len()] })
            .collect();
        assert_same(&run(&twice, &delays), &expected);
    }
}

#[test]
fn the_earliest_report_may_come_last() {
    let reports = scene(3);
    let expected = run(&reports, &[0.0]);
    let mut delays = vec![0.0; reports.len()];
    delays[0] = 4.0;
    assert_same(&run(&reports, &delays), &expected);
}

/// Sensors that look at the very same time, first heard in either order.
#[test]
fn which_sensor_is_heard_first_does_not_matter() {
    let mut reports = scene(5);
    for report in &mut reports {
        let at = report.scan.began_at.round_up(Span::from_millis(500));
        report.scan.began_at = at;
        for o in &mut report.observations {
            o.measured_at = at;
        }
    }
    let expected = run(&reports, &[0.0]);
    let delays: Vec<f64> = reports.iter().map(|r| 0.4 - 0.1 * r.sensor as f64).collect();
    assert_same(&run(&reports, &delays), &expected);
}

/// Twins are joined the same way whether or not their reports came in order.
#[test]
fn a_join_does_not_depend_on_the_order() {
    let mut dice = Dice::new(8);
    let mut reports = Vec::new();
    for s in 0..90 {
        let now = f64::from(s);
        let x = Enu::new(-400.0 + 6.0 * now, 1_100.0, 120.0);
        if s >= 2 {
            let off = (400.0 - 12.0 * (now - 2.0)).max(0.0);
            let said = claim(now + 0.05, Enu::new(x.east_m, x.north_m + off, x.up_m), 4.0, 7);
            let scan = Scan { number: None, began_at: at(now + 0.05), complete: false };
            reports.push(Report { sensor: 4, scan, observations: vec![said] });
        }
        let scan = Scan { number: Some(s as u64), began_at: at(now + 0.3), complete: true };
        reports.push(Report { sensor: 0, scan, observations: vec![plot(now + 0.3, x, true, &mut dice)] });
    }
    let sensors = sensors();
    let follow = |delay: &dyn Fn(usize) -> f64| {
        let mut t = Tracker::new(Config::default());
        let mut arrivals: Vec<(Time, usize)> =
            reports.iter().enumerate().map(|(i, r)| (r.scan.began_at + Span::from_seconds_f64(delay(i)), i)).collect();
        arrivals.sort();
        let mut joined = 0;
        for (when, i) in arrivals {
            t.advance(when);
            deliver(&mut t, &sensors, &reports[i]);
            joined += drain(&mut t).iter().filter(|c| matches!(c, Change::Joined { .. })).count();
        }
        t.advance(at(95.0));
        (picture(&t, 95.0), joined)
    };
    let (expected, joined) = follow(&|_| 0.0);
    assert_eq!((expected.len(), joined), (1, 1));
    for step in 1..8 {
        let (got, _) = follow(&|i| ((i * step * 7) % 41) as f64 / 10.0);
        assert_same(&got, &expected);
    }
}

/// The same calls give the same bits, on whatever thread.
#[test]
#[allow(clippy::disallowed_methods, reason = "threads are what this is about; the crate itself has none")]
fn threads_do_not_matter() {
    let reports = scene(11);
    let part = |mut t: Tracker, from: usize, to: usize| {
        let sensors = sensors();
        for report in &reports[from..to] {
            t.advance(report.scan.began_at);
            deliver(&mut t, &sensors, report);
        }
        t
    };
    let n = reports.len();
    let here = part(Tracker::new(Config::default()), 0, n);
    let expected = picture(&here, 7.0);
    assert!(expected.len() >= 3);
    // Moved half-way.
    let half = part(Tracker::new(Config::default()), 0, n / 2);
    std::thread::scope(|scope| {
        let moved = scope.spawn(|| part(half, n / 2, n)).join().unwrap();
        assert_same(&picture(&moved, 7.0), &expected);
        // Two at once.
        let two = [0, 1].map(|_| scope.spawn(|| part(Tracker::new(Config::default()), 0, n)));
        for one in two {
            let one = one.join().unwrap();
            assert_same(&picture(&one, 7.0), &expected);
            assert_eq!(one.ids().collect::<Vec<_>>(), here.ids().collect::<Vec<_>>());
        }
    });
}
