//! Whose word it is, and by what clock.

use super::*;

/// A camera beside the radar: 0.3 degrees, five looks a second, sees 700 m.
fn camera(number: u32) -> Sensor {
    let place = home().to_geodetic(Enu::new(200.0 - 400.0 * f64::from(number), 100.0, 0.0));
    Sensor {
        coverage: Coverage { range_max_m: Some(700.0), detection_probability: Some(0.9), ..Coverage::default() },
        error: ErrorModel { azimuth_sd_deg: Some(0.3), elevation_sd_deg: Some(0.3), ..ErrorModel::default() },
        ..Sensor::new(
            SensorId::new(&format!("camera{number}")).unwrap(),
            SensorKind::Camera,
            Some(place),
            Span::from_millis(200),
        )
    }
}

/// The direction in which a camera sees a point in the horizon of `HOME`.
fn direction(t: f64, number: u32, x: Enu, dice: &mut Dice) -> Observation {
    let x = Enu::new(x.east_m - (200.0 - 400.0 * f64::from(number)), x.north_m - 100.0, x.up_m);
    let sd = math::rad(0.3);
    let measurement = Measurement::Bearing {
        azimuth_rad: math::wrap_tau(x.azimuth_rad() + sd * dice.normal()),
        elevation_rad: Some(x.elevation_rad() + sd * dice.normal()),
        azimuth_sd_rad: None,
        elevation_sd_rad: None,
    };
    Observation::new(at(t), measurement)
}

/// Where one of four aircraft is, and its velocity.
fn flies(aircraft: usize, now: f64) -> (Enu, [f64; 2]) {
    let circle = |e: f64, n: f64, r: f64, turn: f64| {
        let (sin, cos) = (math::sin(turn * now), math::cos(turn * now));
        (Enu::new(e + r * cos, n + r * sin, 100.0), [-r * turn * sin, r * turn * cos])
    };
    match aircraft {
        0 => (Enu::new(2_000.0 - 16.0 * now, 400.0, 100.0), [-16.0, 0.0]),
        1 => (Enu::new(-1_500.0 + 12.0 * now, -1_700.0 + 12.0 * now, 80.0), [12.0, 12.0]),
        2 => circle(1_300.0, -900.0, 400.0, 0.04),
        _ => circle(-900.0, 1_700.0, 350.0, -0.045),
    }
}

/// Confirmed tracks of four aircraft in each of the last thirty of `seconds`, when what they say is stamped `early_s` too early;
/// and how often one could be denied, because only its word stands where it says it is.
fn watched(early_s: f64, seconds: u32, seed: u64) -> (f64, u32) {
    let (sensor, receiver) = (radar(), receiver("rid"));
    let cameras = [camera(0), camera(1)];
    let mut dice = Dice::new(seed);
    let mut tracker = Tracker::new(Config::default());
    let (mut confirmed, mut denied) = (0, 0);
    for step in 0..seconds * 5 {
        let now = f64::from(step) / 5.0;
        tracker.advance(at(now));
        for (number, camera) in cameras.iter().enumerate() {
            let mut seen = Vec::new();
            for x in (0..4).map(|i| flies(i, now).0).filter(|x| x.length_m() < 600.0) {
                if dice.uniform() < 0.9 {
                    seen.push(direction(now, number as u32, x, &mut dice));
                }
            }
            look(&mut tracker, camera, now, &seen);
        }
        if step % 5 == 0 {
            let plots: Vec<_> = (0..4).map(|i| plot(now, flies(i, now).0, true, &mut dice)).collect();
            look(&mut tracker, &sensor, now, &plots);
        }
        // One after the other, a second apart each.
        let i = step as usize % 5;
        if i < 4 {
            let (x, [east, north]) = flies(i, now);
            let x = Enu::new(x.east_m + dice.normal(), x.north_m + dice.normal(), x.up_m);
            observe(&mut tracker, &receiver, &[with_velocity(claim(now - early_s, x, 2.0, 1 + i as u64), east, north)]);
        }
        if step % 5 == 4 && step / 5 + 30 >= seconds {
            let all: Vec<_> = tracker.ids().collect();
            let sure = |id: &&TrackId| tracker.estimate(**id, at(now)).unwrap().phase == Phase::Confirmed;
            confirmed += all.iter().filter(sure).count();
            denied += all.iter().filter(|id| tracker.claimed_only(**id) == Some(true)).count() as u32;
        }
    }
    (confirmed as f64 / 30.0, denied)
}

#[test]
fn words_by_a_wrong_clock_make_no_second_aircraft() {
    for early_s in [0.0, 0.6, 1.0, 1.5] {
        for seed in 1..=4 {
            let (confirmed, denied) = watched(early_s, 150, seed);
            let once = (confirmed - 4.0).abs() < 0.01 && denied == 0;
            assert!(once, "{early_s} s early, seed {seed}: {confirmed} of 4, {denied} denied");
        }
    }
}

#[test]
fn a_name_goes_to_the_track_that_its_claims_fit() {
    let (sensor, receiver) = (radar(), receiver("rid"));
    let mut dice = Dice::new(7);
    let mut t = Tracker::new(Config::default());
    let speaks = |now: f64| Enu::new(-600.0 + 12.0 * now, 900.0, 100.0);
    // For a while the sensor sees only what flies beside the one that speaks.
    let beside = |now: f64| Enu::new(-600.0 + 12.0 * now, 935.0, 100.0);
    let mut moved_at = None;
    for s in 0..70 {
        let now = f64::from(s);
        t.advance(at(now));
        let mut places = vec![beside(now)];
        if s >= 25 {
            places.push(speaks(now));
        }
        look(&mut t, &sensor, now, &scan(now, &places, &mut dice));
        if s >= 5 {
            t.advance(at(now + 0.3));
            observe(&mut t, &receiver, &[with_velocity(claim(now + 0.3, speaks(now + 0.3), 2.0, 9), 12.0, 0.0)]);
        }
        let named: Vec<_> = t.with_label(Label(9)).collect();
        assert!(named.len() <= 1, "{s}: {named:?}");
        let Some(id) = named.first() else { continue };
        let (there, said) = (place_of(&t, *id, now + 0.3), speaks(now + 0.3));
        let right = math::hypot(there.east_m - said.east_m, there.north_m - said.north_m) < 15.0;
        let measured = t.claimed_only(*id) == Some(false);
        moved_at = moved_at.or((s >= 25 && right && measured).then_some(s));
    }
    assert!(moved_at.is_some_and(|s| s <= 36), "{moved_at:?}");
    assert_eq!(t.ids().count(), 2);
}

/// Where the track with a name is each second, north of one that speaks and is seen; 60 m north of it flies one that is silent. From 40 s
/// on, for so many seconds, claims under the name say the place of the silent one, four a second; `honest`: the others go on beside.
fn name_drawn_away(seconds: u32, honest: bool) -> Vec<Vec<f64>> {
    let (sensor, receiver) = (radar(), receiver("rid"));
    let mut dice = Dice::new(7);
    let mut t = Tracker::new(Config::default());
    let place = |now: f64, north: f64| Enu::new(-600.0 + 12.0 * now, 900.0 + north, 100.0);
    let mut named = Vec::new();
    for step in 0..480 {
        let now = f64::from(step) / 4.0;
        t.advance(at(now));
        if step % 4 == 0 {
            look(&mut t, &sensor, now, &scan(now, &[place(now, 0.0), place(now, 60.0)], &mut dice));
        }
        let forged = (160..160 + 4 * seconds).contains(&step);
        let mut said = Vec::new();
        if forged {
            said.push(claim(now, place(now, 60.0), 2.0, 9));
        }
        if step % 4 == 1 && (honest || !forged) {
            said.push(claim(now, place(now, 0.0), 2.0, 9));
        }
        for claim in said {
            observe(&mut t, &receiver, &[with_velocity(claim, 12.0, 0.0)]);
        }
        if step % 4 == 3 {
            let ids: Vec<_> = t.with_label(Label(9)).collect();
            named.push(ids.into_iter().map(|id| place_of(&t, id, now).north_m - 900.0).collect());
        }
    }
    named
}

#[test]
fn who_lies_beside_the_honest_one_draws_no_name_away() {
    for seconds in [1, 4, 20] {
        for (s, north) in name_drawn_away(seconds, true).into_iter().enumerate().skip(5) {
            assert!(matches!(north[..], [north] if north.abs() < 30.0), "{seconds} s of lies, {s}: {north:?}");
        }
    }
}

#[test]
fn a_name_comes_back_with_the_honest_claims() {
    let named = name_drawn_away(12, false);
    assert!(named.iter().all(|north| north.len() <= 1), "never two: {named:?}");
    let last: Vec<f64> = named.iter().skip(70).flatten().copied().collect();
    assert!(last.len() == 50 && last.iter().all(|north| north.abs() < 30.0), "{last:?}");
}
