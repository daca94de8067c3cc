//! What is faster than drones are.

use super::*;

/// Whether a radar that looks every two seconds, and that no aircraft speaks to, has what flies at `speed_mps` as a confirmed track after
/// half a minute, and how many tracks there are.
fn found(speed_mps: f64, seed: u64) -> (bool, usize) {
    let mut dice = Dice::new(seed);
    let mut t = Tracker::new(Config::default());
    let coverage = Coverage { range_max_m: Some(15_000.0), ..radar().coverage };
    let sensor = Sensor { interval: Span::from_seconds(2), coverage, ..radar() };
    let place = |now: f64| Enu::new(3_000.0, 12_000.0 - speed_mps * now, 600.0);
    for look_number in 0..16 {
        let now = 2.0 * f64::from(look_number);
        t.advance(at(now));
        let seen = dice.uniform() < 0.9;
        let mut plots: Vec<_> = seen.then(|| plot(now, place(now), true, &mut dice)).into_iter().collect();
        // And a false plot.
        let (bearing, range) = (math::TAU * dice.uniform(), 15_000.0 * dice.uniform());
        let stray = Enu::new(range * math::sin(bearing), range * math::cos(bearing), 400.0);
        plots.push(plot(now, stray, true, &mut dice));
        look(&mut t, &sensor, now, &plots);
    }
    let confirmed: Vec<TrackId> =
        t.ids().filter(|id| t.estimate(*id, at(30.0)).is_some_and(|e| e.phase == Phase::Confirmed)).collect();
    let off = |id: &TrackId| {
        let x = place_of(&t, *id, 30.0);
        math::hypot(x.east_m - 3_000.0, x.north_m - place(30.0).north_m)
    };
    (confirmed.iter().any(|id| off(id) < 300.0), confirmed.len())
}

/// Nor is one whose radar says its velocity, which a slow one could not have.
#[test]
fn what_is_said_to_be_fast_is_a_track_too() {
    let mut dice = Dice::new(4);
    let mut t = Tracker::new(Config::default());
    let coverage = Coverage { range_max_m: Some(15_000.0), ..radar().coverage };
    let sensor = Sensor { interval: Span::from_seconds(2), coverage, ..radar() };
    for look_number in 0..10 {
        let now = 2.0 * f64::from(look_number);
        t.advance(at(now));
        let seen = plot(now, Enu::new(3_000.0, 9_000.0 - 220.0 * now, 600.0), true, &mut dice);
        look(&mut t, &sensor, now, &[with_velocity(seen, 0.0, -220.0)]);
    }
    let confirmed = |id: &TrackId| t.estimate(*id, at(18.0)).unwrap().phase == Phase::Confirmed;
    assert_eq!(t.ids().filter(confirmed).count(), 1);
}

#[test]
fn what_flies_as_a_missile_does_is_a_track_too() {
    for speed_mps in [20.0, 60.0, 100.0, 150.0, 200.0, 250.0] {
        for seed in 0..6 {
            assert_eq!(found(speed_mps, seed), (true, 1), "{speed_mps} m/s, seed {seed}");
        }
    }
}
