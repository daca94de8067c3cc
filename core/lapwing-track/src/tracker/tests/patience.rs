//! How long a track is kept that is not seen: as long as that may be chance, or nobody looked.

use super::*;

/// Four aircraft on their ways, two of which turn.
fn flies(aircraft: usize, now: f64) -> Enu {
    match aircraft {
        0 => Enu::new(2_200.0 - 14.0 * now, 900.0, 100.0),
        1 => Enu::new(-1_800.0 + 11.0 * now, -1_300.0 + 9.0 * now, 80.0),
        2 => Enu::new(1_300.0 + 400.0 * math::cos(0.03 * now), -900.0 + 400.0 * math::sin(0.03 * now), 110.0),
        _ => Enu::new(-700.0 - 300.0 * math::cos(0.04 * now), 1_600.0 + 300.0 * math::sin(0.04 * now), 90.0),
    }
}

/// What a radar made of four aircraft.
struct Watched {
    /// Tracks that were ever confirmed.
    ids: usize,
    /// Confirmed tracks each second, of four.
    mean: f64,
    keenness: f64,
}

/// A radar that looks every `every` seconds and promises `promised`, but sees with `real`; it stands still in the seconds of `pause`.
fn watched((promised, real): (f64, f64), every: u32, seconds: u32, pause: std::ops::Range<u32>, seed: u64) -> Watched {
    let mut sensor = radar();
    sensor.coverage.detection_probability = Some(promised);
    sensor.interval = Span::from_seconds(every.into());
    let mut dice = Dice::new(seed);
    let mut tracker = Tracker::new(Config::default());
    let mut ids = std::collections::BTreeSet::new();
    let mut confirmed = 0;
    for s in 0..seconds {
        let now = f64::from(s);
        tracker.advance(at(now));
        if s.is_multiple_of(every) && !pause.contains(&s) {
            let mut plots = Vec::new();
            for i in 0..4 {
                let seen = plot(now, flies(i, now), true, &mut dice);
                if dice.uniform() < real {
                    plots.push(seen);
                }
            }
            look(&mut tracker, &sensor, now, &plots);
        }
        for id in tracker.ids().collect::<Vec<_>>() {
            if tracker.estimate(id, at(now)).unwrap().phase != Phase::Tentative {
                ids.insert(id);
                confirmed += u32::from(s >= 20);
            }
        }
    }
    let mean = f64::from(confirmed) / f64::from(seconds - 20);
    Watched { ids: ids.len(), mean, keenness: tracker.keenness(&sensor.id) }
}

#[test]
fn a_radar_that_pauses_finds_its_aircraft_under_their_ids_again() {
    let (mut ids, mut least) = (0, f64::MAX);
    for seed in 1..=6 {
        let all = watched((0.9, 0.9), 1, 70, 30..50, seed);
        ids += all.ids;
        least = least.min(all.mean);
    }
    assert!(ids <= 27, "{ids} ids of 24 aircraft");
    assert!(least > 3.9, "they are shown all the while: {least}");
}

#[test]
fn what_left_while_a_radar_paused_ends_soon_after() {
    let sensor = radar();
    let mut dice = Dice::new(3);
    let mut tracker = Tracker::new(Config::default());
    for s in 0..80 {
        let now = f64::from(s);
        tracker.advance(at(now));
        match s {
            0..30 => {
                look(&mut tracker, &sensor, now, &scan(now, &[flies(0, now)], &mut dice));
            }
            // It stands still, and by the end of that the aircraft has gone.
            30..50 => assert_eq!(tracker.ids().count(), 1, "{s}: nobody looked"),
            50..60 => {
                look(&mut tracker, &sensor, now, &[]);
            }
            _ => assert_eq!(tracker.ids().count(), 0, "{s}"),
        }
    }
}

#[test]
fn what_was_looked_for_in_vain_is_not_kept_for_a_sensor_that_stops_then() {
    let mut sensor = radar();
    sensor.coverage.detection_probability = Some(0.3);
    let mut dice = Dice::new(3);
    let mut tracker = Tracker::new(Config::default());
    for s in 0..60 {
        let now = f64::from(s);
        tracker.advance(at(now));
        if s < 38 {
            // It goes at 30.
            let plots = if s < 30 { scan(now, &[flies(0, now)], &mut dice) } else { Vec::new() };
            look(&mut tracker, &sensor, now, &plots);
        }
        assert!(!(10..30).contains(&s) || tracker.ids().count() == 1, "{s}");
    }
    assert_eq!(tracker.ids().count(), 0);
}

#[test]
fn what_no_radar_has_looked_for_is_not_kept_for_ever() {
    let sensor = radar();
    let mut dice = Dice::new(3);
    let mut tracker = Tracker::new(Config::default());
    for s in 0..30 {
        let now = f64::from(s);
        tracker.advance(at(now));
        look(&mut tracker, &sensor, now, &scan(now, &[flies(0, now)], &mut dice));
    }
    tracker.advance(at(29.0 + 63.0));
    assert_eq!(tracker.ids().count(), 0);
}

#[test]
fn what_a_radar_really_sees_is_learned_and_its_tracks_live_accordingly() {
    let (mut ids, mut mean) = (0, 0.0);
    for seed in 1..=6 {
        let all = watched((0.9, 0.45), 1, 240, 0..0, seed);
        ids += all.ids;
        mean += all.mean / 6.0;
        assert!(all.keenness > 0.35 && all.keenness < 0.7, "half of what it promises: {}", all.keenness);
    }
    assert!(ids <= 72, "{ids} ids of 24 aircraft");
    assert!(mean > 3.6, "{mean} of 4");
}

#[test]
fn a_radar_that_keeps_its_word_is_believed() {
    for (seed, pd) in [(1, 0.9), (2, 0.9), (3, 0.7), (4, 0.5), (5, 1.0)] {
        let all = watched((pd, pd), 1, 240, 0..0, seed);
        assert_eq!(all.keenness, 1.0, "{pd}");
    }
}

#[test]
fn a_slow_radar_that_sees_half_keeps_its_tracks() {
    let ids: usize = (1..=6).map(|seed| watched((0.5, 0.5), 4, 240, 0..0, seed).ids).sum();
    assert!(ids <= 34, "{ids} ids of 24 aircraft");
}
