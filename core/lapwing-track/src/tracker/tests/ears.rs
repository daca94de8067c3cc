//! Sensors that only hear: what they alone have found must go on being heard, and what is seen may be silent.

use super::*;

/// What listens `east` and `north` of `HOME`: 3°, two looks a second, hears 700 m.
fn ear(kind: SensorKind, number: usize, east: f64, north: f64) -> Sensor {
    let place = home().to_geodetic(Enu::new(east, north, 3.0));
    Sensor {
        coverage: Coverage {
            range_max_m: Some(700.0),
            detection_probability: Some(0.85),
            detection_taper_from: Some(0.6),
            ..Coverage::default()
        },
        error: ErrorModel { azimuth_sd_deg: Some(3.0), ..ErrorModel::default() },
        clutter_per_look: Some(0.15),
        ..Sensor::new(SensorId::new(&format!("ear-{number}")).unwrap(), kind, Some(place), Span::from_millis(500))
    }
}

/// Sixteen of them, every 500 m.
fn ears(kind: SensorKind) -> Vec<Sensor> {
    let places = (0..4).flat_map(|i| (0..4).map(move |j| (500.0 * f64::from(i) - 750.0, 500.0 * f64::from(j) - 750.0)));
    places.enumerate().map(|(i, (east, north))| ear(kind, i, east, north)).collect()
}

fn bearing(t: f64, azimuth_rad: f64) -> Observation {
    let azimuth_rad = math::wrap_tau(azimuth_rad);
    let measurement =
        Measurement::Bearing { azimuth_rad, elevation_rad: None, azimuth_sd_rad: None, elevation_sd_rad: None };
    Observation::new(at(t), measurement)
}

/// One look of each, of what can be heard of `sources`, and of what is nothing: as much as they say.
fn listen(t: &mut Tracker, ears: &[Sensor], now: f64, sources: &[Enu], dice: &mut Dice) {
    for (i, ear) in ears.iter().enumerate() {
        let now = now + 0.03 * i as f64;
        t.advance(at(now));
        let mut heard = Vec::new();
        for x in sources {
            let d = LocalFrame::new(ear.place.unwrap()).ecef_to_enu(home().enu_to_ecef(*x));
            if d.length_m() < 700.0 && dice.uniform() < 0.85 {
                heard.push(bearing(now, d.azimuth_rad() + math::rad(3.0) * dice.normal()));
            }
        }
        let clutter = ear.clutter_per_look.unwrap();
        for _ in 0..clutter.ceil() as usize {
            if dice.uniform() < clutter / clutter.ceil() {
                heard.push(bearing(now, math::TAU * dice.uniform()));
            }
        }
        look(t, ear, now, &heard);
    }
}

fn confirmed(t: &Tracker, now: f64) -> usize {
    t.ids().filter(|id| t.estimate(*id, at(now)).unwrap().phase == Phase::Confirmed).count()
}

#[test]
fn what_was_only_heard_is_gone_when_it_is_heard_no_more() {
    // Of sixty seeds those where a track that was found by ear stood for half a minute and more, fed by what is nothing.
    for seed in [7, 22, 27, 32, 35, 41] {
        let (ears, mut dice) = (ears(SensorKind::Acoustic), Dice::new(seed));
        let mut t = Tracker::new(Config::default());
        let mut stands = 0;
        for step in 0..600 {
            let now = 0.5 * f64::from(step);
            // Four fly across each other, and out of hearing within two minutes. What is false goes on.
            let sources = [
                Enu::new(30.0 * now - 1_500.0, 60.0, 50.0),
                Enu::new(-25.0 * now + 1_400.0, 200.0, 50.0),
                Enu::new(300.0, 20.0 * now - 1_300.0, 50.0),
                Enu::new(-100.0, -30.0 * now + 1_500.0, 50.0),
            ];
            listen(&mut t, &ears, now, &sources, &mut dice);
            if now > 170.0 {
                stands += usize::from(confirmed(&t, now) > 0);
            }
        }
        assert!(stands <= 10, "seed {seed}: something stands there for {stands} half seconds");
    }
}

#[test]
fn what_a_radar_sees_may_be_silent() {
    let (ears, mut dice) = (ears(SensorKind::RfDirection), Dice::new(1));
    let mut t = Tracker::new(Config::default());
    for step in 0..120 {
        let now = 0.5 * f64::from(step);
        listen(&mut t, &ears, now, &[], &mut dice);
        if step % 2 == 0 {
            let now = now + 0.49;
            t.advance(at(now));
            let seen = scan(now, &[Enu::new(10.0 * now - 400.0, 200.0, 60.0)], &mut dice);
            look(&mut t, &radar(), now, &seen);
            assert!(step < 20 || confirmed(&t, now) == 1, "{now} s");
        }
    }
}

/// Sixteen of them that each hear so much that is nothing in each look.
fn noisy_ears(clutter: f64) -> Vec<Sensor> {
    let noisy = |ear| Sensor { clutter_per_look: Some(clutter), ..ear };
    ears(SensorKind::Acoustic).into_iter().map(noisy).collect()
}

#[test]
fn what_flies_among_many_false_bearings_is_found() {
    for (clutter, seed) in [(0.5, 1), (2.0, 2), (3.5, 3), (3.5, 4), (5.0, 5)] {
        let (ears, mut dice) = (noisy_ears(clutter), Dice::new(seed));
        let mut t = Tracker::new(Config::default());
        let mut found = None;
        for step in 0..50 {
            let now = 0.5 * f64::from(step);
            let source = Enu::new(14.0 * now - 250.0, 60.0 + 6.0 * now, 50.0);
            listen(&mut t, &ears, now, &[source], &mut dice);
            let near = |id: &TrackId| {
                let estimate = t.estimate(*id, at(now)).unwrap();
                let place = home().ecef_to_enu(estimate.frame.enu_to_ecef(estimate.position));
                let off = math::hypot(place.east_m - source.east_m, place.north_m - source.north_m);
                estimate.phase == Phase::Confirmed && off < 80.0
            };
            if found.is_none() && t.ids().any(|id| near(&id)) {
                found = Some(now);
            }
        }
        assert!(found.is_some_and(|now| now <= 12.0), "{clutter} false bearings a look: found at {found:?}");
    }
}

#[test]
fn many_false_bearings_alone_make_no_track_that_stays() {
    for (clutter, seed) in [(0.5, 1), (2.0, 2), (5.0, 3)] {
        let (ears, mut dice) = (noisy_ears(clutter), Dice::new(seed));
        let mut t = Tracker::new(Config::default());
        let (mut stands, mut longest, mut candidates) = (0, 0, 0);
        for step in 0..240 {
            let now = 0.5 * f64::from(step);
            listen(&mut t, &ears, now, &[], &mut dice);
            stands = if confirmed(&t, now) > 0 { stands + 1 } else { 0 };
            longest = longest.max(stands);
            candidates = candidates.max(t.filter.candidates.len());
        }
        assert!(longest <= 10, "{clutter} false bearings a look: something stands there for {longest} half seconds");
        assert!(candidates < 200, "{clutter} false bearings a look make {candidates} candidates");
    }
}
