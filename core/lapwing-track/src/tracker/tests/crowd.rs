//! Many at once: what competes for the same plots.

use super::*;

#[test]
fn everyone_of_a_crowd_becomes_a_track() {
    // A crowd among false plots, seen by a dozen sensors: candidates branch, and come together again. Each must become a
    // track, though no single way to it was ever likelier than all others together.
    let (mut missing, mut looked) = (0, 0);
    for seed in 0..8 {
        let mut dice = Dice::new(7_000 + seed);
        let mut t = Tracker::new(Config { existence_begin: 0.5, candidate_min: 2e-3, ..Config::default() });
        let sensors: Vec<Sensor> = (0..12)
            .map(|i| Sensor { id: SensorId::new(&format!("radar-{i}")).unwrap(), ..radar() })
            .map(|sensor| Sensor { clutter_per_look: Some(4.0), ..sensor })
            .collect();
        let place = |dice: &mut Dice| (4_000.0 * dice.uniform() - 2_000.0, 4_000.0 * dice.uniform() - 2_000.0);
        let starts: Vec<(Enu, f64)> = (0..80)
            .map(|_| {
                let (e, n) = place(&mut dice);
                (Enu::new(e, n, 100.0 + 100.0 * dice.uniform()), math::TAU * dice.uniform())
            })
            .collect();
        let fly = |(p, course): &(Enu, f64), now: f64| {
            let (s, c) = (math::sin(*course), math::cos(*course));
            Enu::new(p.east_m + 12.0 * s * now, p.north_m + 12.0 * c * now, p.up_m)
        };
        for s in 0..96 {
            let now = f64::from(s) / 12.0;
            t.advance(at(now));
            let truth: Vec<Enu> = starts.iter().map(|x| fly(x, now)).collect();
            let mut plots = scan(now, &truth, &mut dice);
            plots.retain(|_| dice.uniform() < 0.9);
            for _ in 0..4 {
                let (e, n) = place(&mut dice);
                plots.push(plot(now, Enu::new(e, n, 150.0 * dice.uniform() + 50.0), true, &mut dice));
            }
            look(&mut t, &sensors[s as usize % 12], now, &plots);
        }
        let found: Vec<Enu> = t.ids().map(|id| place_of(&t, id, 7.92)).collect();
        for x in starts.iter().map(|x| fly(x, 7.92)) {
            let near = |p: &&Enu| math::hypot(p.east_m - x.east_m, p.north_m - x.north_m) < 60.0;
            missing += u32::from(found.iter().find(near).is_none());
            looked += 1;
        }
    }
    println!("{missing} of {looked} without a track after 8 s");
    assert!(missing <= looked / 200, "{missing} of {looked} without a track");
}

#[test]
fn copies_that_say_the_same_are_one() {
    let mut dice = Dice::new(31);
    let mut t = Tracker::new(Config { birth_fast_part: 0.0, ..Config::default() });
    let sensor = Sensor { clutter_per_look: Some(40.0), ..radar() };
    let truth = |now: f64| Enu::new(10.0 * now, 800.0, 120.0);
    let mut looks = 0;
    for s in 0..8 {
        let now = f64::from(s);
        t.advance(at(now));
        look(&mut t, &sensor, now, &scan(now, &[truth(now)], &mut dice));
        let slots: Vec<u32> = t.filter.candidates.slots().collect();
        if let [slot] = slots.as_slice() {
            // As a branch that led back to the same place would leave it: a third each of what was one.
            let whole = *t.filter.candidates.get(*slot).unwrap();
            for n in 0..2 {
                let copy =
                    crate::track::Candidate { key: whole.key + 1 + n, existence: 0.15, shares_line: true, ..whole };
                let place = t.regions.about(copy.region, copy.state.mean[0], copy.state.mean[1]);
                let slot = t.filter.candidates.insert(copy);
                t.filter.candidate_grid.file(slot, place);
            }
            let first = t.filter.candidates.get_mut(*slot).unwrap();
            (first.existence, first.shares_line) = (0.15, true);
            looks += 1;
        }
        if t.ids().next().is_some() {
            break;
        }
    }
    assert!(looks > 0, "there was something to copy");
    assert_eq!(t.ids().count(), 1, "one track came of it");
    assert_eq!(t.filter.candidates.len(), 0, "and nothing is left beside it");
}

#[test]
fn what_one_radar_looks_for_the_other_does_not_expect() {
    // Two radars side by side, one aircraft: what is still undetected is less for each than for one alone, and never nothing.
    let undetected = |radars: usize| {
        let mut dice = Dice::new(5);
        let mut t = Tracker::new(Config::default());
        for s in 0..20 {
            let now = f64::from(s) / 2.0;
            let sensor = Sensor { id: SensorId::new(&format!("radar-{}", s % 2)).unwrap(), ..radar() };
            if s as usize % 2 < radars {
                t.advance(at(now));
                let plots = scan(now, &[Enu::new(900.0 + 10.0 * now, 400.0, 150.0)], &mut dice);
                look(&mut t, &sensor, now, &plots);
            }
        }
        t.filter().memories.first().and_then(|m| m.undetected_per_km2).unwrap()
    };
    let (alone, together) = (undetected(1), undetected(2));
    assert!(together < 0.8 * alone && together > 0.0, "{together} {alone}");
}

#[test]
fn the_word_that_ends_a_look_misses_nothing_that_the_look_saw() {
    // One radar whose plots come one by one, each turn ended by a word of its own.
    let mut dice = Dice::new(11);
    let mut t = Tracker::new(Config::default());
    let sensor = Sensor { clutter_per_look: Some(40.0), ..radar() };
    t.advance(at(0.0));
    t.looked(&sensor, at(0.0), None);
    t.advance(at(0.9));
    t.observe(&sensor, &[plot(0.9, Enu::new(500.0, 800.0, 120.0), true, &mut dice)], &mut Vec::new());
    let existence = |t: &Tracker| t.filter.candidates.iter().map(|(_, c)| c.existence).next();
    t.advance(at(0.95));
    let before = existence(&t).unwrap();
    t.advance(at(1.0));
    t.looked(&sensor, at(1.0), None);
    t.advance(at(1.5));
    let after = existence(&t).unwrap();
    assert!(after > 0.95 * before, "{after} {before}");
    // The next turn does miss it.
    t.looked(&sensor, at(2.0), None);
    t.advance(at(2.5));
    assert!(existence(&t).is_none_or(|later| later < 0.5 * after));
}
