//! Sensors that read so wrong that no plot of theirs is near what its aircraft says.

use super::*;

/// What a radar reads wrong that says nothing of it: metres, and degrees.
#[derive(Debug, Clone, Copy)]
struct Wrong {
    range_m: f64,
    azimuth_deg: f64,
}

/// Two that cross and one that circles.
fn flies(aircraft: usize, now: f64) -> (Enu, [f64; 2]) {
    match aircraft {
        0 => (Enu::new(2_000.0 - 12.0 * now, 900.0, 100.0), [-12.0, 0.0]),
        1 => (Enu::new(-1_800.0 + 11.0 * now, -1_300.0 + 9.0 * now, 80.0), [11.0, 9.0]),
        _ => {
            let (r, turn) = (400.0, 0.03);
            let (sin, cos) = (math::sin(turn * now), math::cos(turn * now));
            (Enu::new(1_300.0 + r * cos, -900.0 + r * sin, 110.0), [-r * turn * sin, r * turn * cos])
        }
    }
}

fn seen_at(now: f64, x: Enu, wrong: Wrong, dice: &mut Dice) -> Observation {
    let mut seen = plot(now, x, true, dice);
    if let Measurement::RangeAzimuth { range_m, azimuth_rad, .. } = &mut seen.measurement {
        *range_m += wrong.range_m;
        *azimuth_rad = math::wrap_tau(*azimuth_rad + math::rad(wrong.azimuth_deg));
    }
    seen
}

/// What came of `seconds` of aircraft that say where they are and are seen; `said` is what the one of that number says instead.
struct Flown {
    tracker: Tracker,
    /// Seconds in which one that only says where it is, and has done so for ten, could be denied: nothing flies beside it.
    denied: Vec<f64>,
}

fn flown(aircraft: &[usize], wrong: Wrong, seconds: u32, says: impl Fn(usize, f64, Enu) -> Enu) -> Flown {
    let (sensor, receiver) = (radar(), receiver("rid"));
    let mut dice = Dice::new(5);
    let mut tracker = Tracker::new(Config::default());
    let mut denied = Vec::new();
    for s in 0..seconds {
        let now = f64::from(s);
        tracker.advance(at(now));
        for i in aircraft {
            let (x, [east, north]) = flies(*i, now);
            let x = says(*i, now, Enu::new(x.east_m + dice.normal(), x.north_m + dice.normal(), x.up_m));
            observe(&mut tracker, &receiver, &[with_velocity(claim(now, x, 3.0, 1 + *i as u64), east, north)]);
        }
        let plots: Vec<_> =
            aircraft.iter().map(|i| seen_at(now + 0.5, flies(*i, now + 0.5).0, wrong, &mut dice)).collect();
        tracker.advance(at(now + 0.5));
        look(&mut tracker, &sensor, now + 0.5, &plots);
        let alone =
            |id: &TrackId| tracker.claimed_only(*id) == Some(true) && !tracker.may_be_seen_beside(*id, &sensor.id);
        if s >= 10 && tracker.ids().any(|id| alone(&id)) {
            denied.push(now);
        }
    }
    Flown { tracker, denied }
}

/// Two that fly side by side, each within what a turned radar may be off by of what it sees of the other: neither is denied, and nothing
/// is learned of them.
#[test]
fn two_that_fly_alike_excuse_each_other() {
    let (sensor, receiver) = (radar(), receiver("rid"));
    let wrong = Wrong { range_m: 0.0, azimuth_deg: 3.0 };
    let mut dice = Dice::new(9);
    let mut t = Tracker::new(Config::default());
    for s in 0..50 {
        let now = f64::from(s);
        let place = |i: usize, now: f64| Enu::new(-300.0 + 12.0 * now, 1_900.0 + 60.0 * i as f64, 100.0);
        t.advance(at(now));
        for i in 0..2 {
            let said = with_velocity(claim(now, place(i, now), 3.0, 1 + i as u64), 12.0, 0.0);
            observe(&mut t, &receiver, &[said]);
        }
        t.advance(at(now + 0.5));
        let plots: Vec<_> = (0..2).map(|i| seen_at(now + 0.5, place(i, now + 0.5), wrong, &mut dice)).collect();
        look(&mut t, &sensor, now + 0.5, &plots);
        let alone = |id: &TrackId| t.claimed_only(*id) == Some(true) && !t.may_be_seen_beside(*id, &sensor.id);
        assert!(s < 10 || !t.ids().any(|id| alone(&id)), "at {now} s");
    }
    assert!(t.biases().all(|(_, bias)| !bias.converged));
}

/// One that is seen and another that gives itself a new name now and then turn no radar.
#[test]
fn one_aircraft_under_several_names_turns_no_radar() {
    let (sensor, receiver) = (radar(), receiver("rid"));
    let right = Wrong { range_m: 0.0, azimuth_deg: 0.0 };
    let (sin, cos) = (math::sin(math::rad(3.0)), math::cos(math::rad(3.0)));
    let mut dice = Dice::new(9);
    let mut t = Tracker::new(Config::default());
    for s in 0..160 {
        let now = f64::from(s);
        let place = |now: f64| Enu::new(-900.0 + 12.0 * now, 1_900.0, 100.0);
        t.advance(at(now));
        let x = place(now);
        let lie = Enu::new(x.east_m * cos + x.north_m * sin, x.north_m * cos - x.east_m * sin, x.up_m);
        // First one name, then another, then the first again, of a track that was lost meanwhile.
        let label = if (45..105).contains(&s) { 2 } else { 1 };
        observe(&mut t, &receiver, &[with_velocity(claim(now, lie, 3.0, label), 12.0, 0.0)]);
        t.advance(at(now + 0.5));
        let lost = (40..60).contains(&s) || (100..120).contains(&s);
        let seen = (!lost).then(|| seen_at(now + 0.5, place(now + 0.5), right, &mut dice));
        look(&mut t, &sensor, now + 0.5, &seen.into_iter().collect::<Vec<_>>());
    }
    assert!(t.biases().all(|(_, bias)| !bias.converged), "{:?}", t.biases().collect::<Vec<_>>());
}

/// Nor does one liar beside one that is where it says it is: nobody can say which of the two is wrong.
#[test]
fn one_liar_and_one_honest_aircraft_turn_no_radar() {
    let (sin, cos) = (math::sin(math::rad(3.0)), math::cos(math::rad(3.0)));
    let turned = |i: usize, _: f64, x: Enu| match i {
        0 => Enu::new(x.east_m * cos + x.north_m * sin, x.north_m * cos - x.east_m * sin, x.up_m),
        _ => x,
    };
    let Flown { tracker, .. } = flown(&[0, 2], Wrong { range_m: 0.0, azimuth_deg: 0.0 }, 90, turned);
    let (_, bias) = tracker.biases().next().unwrap();
    assert!(math::fabs(bias.azimuth_rad.0) < math::rad(0.5), "{bias:?}");
    let honest = tracker.with_label(Label(3)).next().unwrap();
    assert_eq!(tracker.claimed_only(honest), Some(false), "it is seen where it is");
}

/// A mast that is turned when its sensor has been aligned.
#[test]
fn a_radar_that_is_turned_later_is_aligned_again() {
    let (sensor, receiver) = (radar(), receiver("rid"));
    let mut dice = Dice::new(9);
    let mut t = Tracker::new(Config::default());
    for s in 0..300 {
        let now = f64::from(s);
        let wrong = Wrong { range_m: 0.0, azimuth_deg: if s < 60 { 0.0 } else { 4.0 } };
        // New ones come all the time, and go round.
        let place = |i: usize, now: f64| {
            let (r, turn) = (900.0 + 500.0 * i as f64, 0.012 * if i.is_multiple_of(2) { 1.0 } else { -1.0 });
            let a = turn * now + i as f64;
            (Enu::new(r * math::cos(a), r * math::sin(a), 100.0), [-r * turn * math::sin(a), r * turn * math::cos(a)])
        };
        t.advance(at(now));
        for i in 0..3 {
            let (x, [east, north]) = place(i, now);
            let label = 1 + i as u64 + 10 * (s as u64 / 100);
            observe(&mut t, &receiver, &[with_velocity(claim(now, x, 3.0, label), east, north)]);
        }
        t.advance(at(now + 0.5));
        let plots: Vec<_> = (0..3).map(|i| seen_at(now + 0.5, place(i, now + 0.5).0, wrong, &mut dice)).collect();
        look(&mut t, &sensor, now + 0.5, &plots);
    }
    let (_, bias) = t.biases().next().unwrap();
    assert!(math::fabs(bias.azimuth_rad.0 - math::rad(4.0)) < math::rad(0.5), "{bias:?}");
}

fn honest(_: usize, _: f64, x: Enu) -> Enu {
    x
}

#[test]
fn a_radar_that_nobody_aligned_is_aligned_by_what_flies_beside_what_it_sees() {
    for (range_m, azimuth_deg) in [(0.0, 3.0), (0.0, -4.0), (45.0, 0.0), (30.0, 2.5)] {
        let wrong = Wrong { range_m, azimuth_deg };
        let Flown { tracker, denied } = flown(&[0, 1, 2], wrong, 90, honest);
        assert!(denied.is_empty(), "{wrong:?}: may be denied at {denied:?}");
        let (_, bias) = tracker.biases().next().unwrap();
        assert!(bias.converged, "{wrong:?}: {bias:?}");
        assert!(math::fabs(bias.azimuth_rad.0 - math::rad(azimuth_deg)) < math::rad(0.3), "{wrong:?}: {bias:?}");
        assert!(math::fabs(bias.range_m.0 - range_m) < 8.0, "{wrong:?}: {bias:?}");
        let now = at(90.0);
        let live: Vec<TrackId> = tracker
            .ids()
            .filter(|id| tracker.estimate(*id, now).is_some_and(|e| e.phase == Phase::Confirmed))
            .collect();
        assert_eq!(live.len(), 3, "{wrong:?}: one track each");
        assert!(live.iter().all(|id| tracker.claimed_only(*id) == Some(false)), "{wrong:?}: seen where they say");
        for (id, i) in live.iter().map(|id| (id, tracker.labels_of(*id).next().unwrap().0 as usize - 1)) {
            let (x, is) = (flies(i, 90.0).0, place_of(&tracker, *id, 90.0));
            assert!(math::hypot(x.east_m - is.east_m, x.north_m - is.north_m) < 15.0, "{wrong:?}: {i} is at {is:?}");
        }
    }
}

#[test]
fn one_aircraft_beside_what_is_seen_is_not_denied_and_aligns_nothing() {
    let Flown { tracker, denied } = flown(&[0], Wrong { range_m: 0.0, azimuth_deg: 3.0 }, 60, honest);
    assert!(denied.is_empty(), "{denied:?}");
    assert!(tracker.biases().all(|(_, bias)| !bias.converged));
    let confirmed = |id: &TrackId| tracker.estimate(*id, at(60.0)).is_some_and(|e| e.phase == Phase::Confirmed);
    assert_eq!(tracker.ids().filter(confirmed).count(), 2, "whether it is one is not known");
}

/// Beside a radar that reads right, which two others show, a lie is alone; and so is one that flies otherwise than what is seen.
#[test]
fn a_lie_is_beside_nothing() {
    let right = Wrong { range_m: 0.0, azimuth_deg: 0.0 };
    let shifted = |i: usize, _: f64, x: Enu| if i == 0 { Enu::new(x.east_m, x.north_m + 120.0, x.up_m) } else { x };
    let Flown { denied, .. } = flown(&[0, 1, 2], right, 60, shifted);
    assert!(denied.iter().filter(|s| **s >= 40.0).count() >= 18, "{denied:?}");
    let elsewhere = |_: usize, now: f64, x: Enu| Enu::new(x.east_m, x.north_m - 8.0 * now, x.up_m);
    let Flown { denied, .. } = flown(&[0], Wrong { range_m: 0.0, azimuth_deg: 3.0 }, 60, elsewhere);
    assert!(denied.iter().filter(|s| **s >= 40.0).count() >= 18, "{denied:?}");
}
