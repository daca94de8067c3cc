//! What stays where it is, and what comes back to where it says it is.

use super::*;
use lapwing_model::{Class, RcsModel};

#[test]
fn what_never_leaves_its_place_is_ground_however_badly_its_place_was_known_at_first() {
    let mut sensor = radar();
    sensor.rcs = vec![
        RcsModel { class: Class::Drone, mean_dbsm: -18.0, sd_db: 4.0 },
        RcsModel { class: Class::Bird, mean_dbsm: -23.0, sd_db: 4.0 },
    ];
    for seed in 0..10 {
        let mut dice = Dice::new(700 + seed);
        let mut t = Tracker::new(Config::default());
        for s in 0..60 {
            let now = f64::from(s);
            t.advance(at(now));
            // A patch of clutter: now this, now that part of it answers, as strongly as a drone.
            let x = Enu::new(600.0 + 20.0 * dice.normal(), 1_900.0 + 20.0 * dice.normal(), 8.0);
            let mut seen = plot(now, x, true, &mut dice);
            seen.rcs_dbsm = Some(-18.0 + 4.0 * dice.normal());
            look(&mut t, &sensor, now, &[seen]);
        }
        let id = t.ids().next().expect("a radar that sees it each time has a track of it");
        let class = t.live(id).unwrap().classification();
        assert_eq!(
            class.probabilities.iter().max_by(|a, b| a.1.total_cmp(b.1)).map(|(c, _)| *c),
            Some(Class::Ground),
            "seed {seed}: {class:?}"
        );
    }
}

#[test]
fn a_name_that_comes_back_to_its_aircraft_is_one_track_again() {
    let mut dice = Dice::new(11);
    let mut t = Tracker::new(Config::default());
    let (sensor, rid) = (radar(), receiver("rid"));
    let real = |now: f64| Enu::new(-600.0 + 10.0 * now, 900.0, 100.0);
    let mut apart = 0;
    for s in 0..120 {
        let now = f64::from(s);
        t.advance(at(now));
        look(&mut t, &sensor, now, &scan(now, &[real(now)], &mut dice));
        // For half a minute the name speaks from elsewhere.
        let off = if (30..60).contains(&s) { 2_000.0 } else { 0.0 };
        let said = Enu::new(real(now).east_m, real(now).north_m + off, 100.0);
        observe(&mut t, &rid, &[claim(now, said, 3.0, 7)]);
        apart = apart.max(t.with_label(Label(7)).count());
    }
    assert_eq!(apart, 2, "what speaks from elsewhere is another track");
    assert_eq!(t.with_label(Label(7)).collect::<Vec<_>>(), vec![TrackId(1)]);
    assert_eq!(t.ids().collect::<Vec<_>>(), vec![TrackId(1)]);
}

#[test]
fn a_name_says_who_is_who_after_two_have_met() {
    for seed in 0..10 {
        let mut dice = Dice::new(40 + seed);
        let mut t = Tracker::new(Config::default());
        let (sensor, rid) = (radar(), receiver("rid"));
        // They come together, fly beside each other for a quarter of a minute, and part.
        let side = |now: f64| (math::fabs(now - 30.0) - 8.0).max(0.0) * 8.0 + 2.0;
        let named = |now: f64| Enu::new(-300.0 + 10.0 * now, 900.0 + side(now), 100.0);
        let other = |now: f64| Enu::new(-300.0 + 10.0 * now, 900.0 - side(now), 100.0);
        for s in 0..60 {
            let now = f64::from(s);
            t.advance(at(now));
            look(&mut t, &sensor, now, &scan(now, &[named(now), other(now)], &mut dice));
            observe(&mut t, &rid, &[claim(now, named(now), 3.0, 7)]);
        }
        let ids: Vec<TrackId> = t.with_label(Label(7)).collect();
        assert_eq!(ids.len(), 1, "seed {seed}");
        let (place, there) = (place_of(&t, ids[0], 59.0), named(59.0));
        let off = math::hypot(place.east_m - there.east_m, place.north_m - there.north_m);
        assert!(off < 15.0, "seed {seed}: the name is {off:.0} m from who says it");
    }
}
