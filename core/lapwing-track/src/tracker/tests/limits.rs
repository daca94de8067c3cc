//! What must stay bounded whatever comes.

use super::*;

/// 200 targets within one gate and 200 plots a look. The rule above `cluster_tracks_max`: marginals of all pairs by belief
/// propagation, pairs fixed greedily from the most probable on; a bounded number of rounds, each in proportion to the pairs.
#[test]
fn a_crowd_within_one_gate_is_settled() {
    let mut dice = Dice::new(9);
    let mut t = Tracker::new(Config::default());
    let (radar, rid) = (radar(), receiver("rid"));
    let places: Vec<Enu> =
        (0..200).map(|_| Enu::new(800.0 + 30.0 * dice.uniform(), 900.0 + 30.0 * dice.uniform(), 90.0)).collect();
    for s in 0..6 {
        let now = f64::from(s);
        t.advance(at(now));
        // All of them are known to be there.
        let said: Vec<Observation> = places.iter().enumerate().map(|(i, x)| claim(now, *x, 5.0, i as u64)).collect();
        observe(&mut t, &rid, &said);
        let out = look(&mut t, &radar, now + 0.5, &scan(now + 0.5, &places, &mut dice));
        let mut used: Vec<TrackId> =
            out.iter().filter_map(|o| if let Outcome::Updated(id) = o { Some(*id) } else { None }).collect();
        let n = used.len();
        used.sort_unstable();
        used.dedup();
        assert_eq!(used.len(), n, "one plot each");
        assert!(n > 150, "look {s}: {n} of 200 plots are of a track");
        // Above the limit no hypotheses are kept: the next look begins from one state each.
        assert!(t.filter.clusters.iter().all(|(_, c)| c.members.len() <= t.config.cluster_tracks_max));
    }
    let named: usize = (0..200).filter(|i| t.with_label(Label(*i)).count() == 1).count();
    assert_eq!(named, 200);
    for id in t.ids() {
        let e = t.estimate(id, at(6.0)).unwrap();
        assert!(e.existence > 0.5 && e.existence <= 1.0, "all were seen, whichever plot was whose: {}", e.existence);
        assert!(e.covariance.iter().flatten().all(|x| x.is_finite()));
    }
}

/// Ten times the plots a scene needs.
#[test]
fn a_flood_of_clutter_does_not_pile_up() {
    let mut dice = Dice::new(10);
    let mut t = Tracker::new(Config::default());
    let sensor = radar();
    let (mut candidates, mut readings, mut items, mut copies, mut bearings) = (0, 0, 0, 0, 0);
    let finder = Sensor {
        place: Some(HOME),
        coverage: sensor.coverage,
        ..Sensor::new(SensorId::new("ear").unwrap(), SensorKind::RfDirection, None, Span::from_seconds(1))
    };
    for s in 0..60 {
        let now = f64::from(s);
        t.advance(at(now));
        let mut plots: Vec<Observation> = Vec::new();
        for _ in 0..500 {
            let x = Enu::from_polar(5_000.0 * math::sqrt(dice.uniform()).max(0.05), math::TAU * dice.uniform(), 0.02);
            plots.push(plot(now, x, true, &mut dice));
        }
        look(&mut t, &sensor, now, &plots);
        let measurement = |azimuth_rad| Measurement::Bearing {
            azimuth_rad,
            elevation_rad: None,
            azimuth_sd_rad: Some(0.02),
            elevation_sd_rad: None,
        };
        let ears: Vec<Observation> =
            (0..200).map(|_| Observation::new(at(now + 0.5), measurement(math::TAU * dice.uniform()))).collect();
        look(&mut t, &finder, now + 0.5, &ears);
        drain(&mut t);
        candidates = candidates.max(t.filter.candidates.len());
        readings = readings.max(t.readings_kept);
        items = items.max(t.items.len());
        copies = copies.max(t.copies.len());
        bearings = bearings.max(t.filter.bearings.len());
        assert!(t.spare_readings.len() <= 64 && t.spare.len() <= 1);
        assert_eq!(t.readings_kept, t.items.iter().map(Item::readings).sum::<usize>(), "the count is right");
    }
    println!(
        "at most {candidates} candidates, {readings} readings, {items} items, {copies} copies, {bearings} bearings"
    );
    assert!(candidates < 60_000, "{candidates}");
    // The lag, five seconds more until the next copy, and the latest look, at 700 readings a second.
    assert!(readings <= 11 * 700 && items <= 11 * 2, "{readings} in {items}");
    assert!(copies <= COPIES_DENSE + 4 && bearings <= 3 * 200, "{copies}, {bearings}");
}

/// More than can be kept: the oldest looks are settled before their time, and what is kept is still consistent.
#[test]
fn a_flood_beyond_the_bound_settles_the_oldest() {
    let mut dice = Dice::new(10);
    let mut t = Tracker::new(Config::default());
    t.config.triangulate = false;
    let finder = Sensor { place: Some(HOME), kind: SensorKind::Camera, ..receiver("flood") };
    let measurement = |azimuth_rad| Measurement::Bearing {
        azimuth_rad,
        elevation_rad: Some(0.1),
        azimuth_sd_rad: Some(0.02),
        elevation_sd_rad: None,
    };
    let mut submitted: Vec<Order> = Vec::new();
    for s in 0..12 {
        let now = f64::from(s) * 0.1;
        t.advance(at(now));
        let many: Vec<Observation> =
            (0..50_000).map(|_| Observation::new(at(now), measurement(math::TAU * dice.uniform()))).collect();
        observe(&mut t, &finder, &many);
        assert!(t.readings_kept <= READINGS_KEPT, "{}", t.readings_kept);
        // Whatever can be gone back to must be whole: nothing after the first copy was forgotten.
        submitted.extend(t.head);
        let first = t.copies.first().map(|(at, _)| *at).unwrap();
        let after = |o: &&Order| **o > first;
        assert_eq!(submitted.iter().filter(after).count(), t.items.iter().map(|i| &i.order).filter(after).count());
    }
}
