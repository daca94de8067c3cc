//! Looks that wait a moment for what belongs with them.

use super::*;

const GATHER: Span = Span::from_millis(5);

fn gathering() -> Tracker {
    Tracker::new(Config { gather: GATHER, ..Config::default() })
}

/// Twelve seconds of a radar whose scans come as parts, in the order that `order` puts them, a fifth of a millisecond apart.
fn in_parts(order: impl Fn(usize) -> [usize; 3]) -> (Vec<String>, Vec<Change>) {
    let mut dice = Dice::new(7);
    let (mut t, sensor) = (gathering(), radar());
    let mut changes = Vec::new();
    for s in 0..12_usize {
        let now = s as f64;
        let places: Vec<Enu> =
            (0..6).map(|i| Enu::new(-400.0 + 9.0 * now, 700.0 + 30.0 * f64::from(i), 90.0)).collect();
        let plots = scan(now, &places, &mut dice);
        let number = 100 + s as u64;
        for (i, part) in order(s).into_iter().enumerate() {
            t.advance(at(now + 0.000_2 * i as f64));
            let mut outcomes = Vec::new();
            let part = &plots[2 * part..2 * part + 2];
            t.observe_scan(
                &sensor,
                Scan { number: Some(number), began_at: at(now), complete: false },
                part,
                &mut outcomes,
            );
            assert_eq!(outcomes, vec![Outcome::Late; 2], "they wait");
        }
        assert_eq!(t.deadline(), Some(at(now) + GATHER), "no longer than that");
        t.looked(&sensor, at(now), Some((number, 6)));
        t.advance(at(now + 0.9));
        changes.extend(drain(&mut t));
    }
    let mut states: Vec<String> = t.ids().map(|id| format!("{:?}", t.estimate(id, at(11.0)).unwrap())).collect();
    states.sort();
    (states, changes)
}

#[test]
fn parts_of_a_scan_are_one_look_whichever_comes_first() {
    let (states, changes) = in_parts(|_| [0, 1, 2]);
    assert_eq!(states.len(), 6);
    let told = changes.iter().filter(|c| matches!(c, Change::Late { .. })).count();
    assert!(told >= 6 * 10, "what waited is told of: {told}");
    let (other, _) = in_parts(|s| [[0, 1, 2], [2, 0, 1], [1, 2, 0], [2, 1, 0]][s % 4]);
    assert_eq!(states, other);
}

/// As one look it also says what was not seen, exactly as a scan does that comes whole.
#[test]
fn a_scan_in_parts_is_worth_as_much_as_a_whole_one() {
    let follow = |parts: bool| {
        let mut dice = Dice::new(3);
        let (mut t, sensor) = (gathering(), radar());
        for s in 0..10_u32 {
            let now = f64::from(s);
            // One of three is not seen from the seventh second on.
            let seen = if s < 7 { 3 } else { 2 };
            let places: Vec<Enu> = (0..3).map(|i| Enu::new(300.0, 500.0 + 400.0 * f64::from(i), 80.0)).collect();
            let plots = scan(now, &places[..seen], &mut dice);
            t.advance(at(now));
            let number = Some(u64::from(s));
            if parts {
                for part in plots.chunks(2) {
                    let part_of = Scan { number, began_at: at(now), complete: false };
                    t.observe_scan(&sensor, part_of, part, &mut Vec::new());
                }
                t.looked(&sensor, at(now), Some((u64::from(s), seen)));
            } else {
                let whole = Scan { number, began_at: at(now), complete: true };
                t.observe_scan(&sensor, whole, &plots, &mut Vec::new());
            }
        }
        t.advance(at(9.5));
        drain(&mut t);
        t.ids().map(|id| t.estimate(id, at(9.0)).unwrap()).collect::<Vec<_>>()
    };
    let (whole, parts) = (follow(false), follow(true));
    assert_eq!(whole.len(), parts.len());
    for (a, b) in whole.iter().zip(&parts) {
        assert!((a.position.east_m - b.position.east_m).abs() < 1e-6, "{a:?} {b:?}");
        assert!((a.existence - b.existence).abs() < 1e-9, "{a:?} {b:?}");
    }
}

/// Claims of one time through two receivers are in order whoever passes on first: nothing is gone back for.
#[test]
fn what_comes_at_once_is_not_late() {
    let mut t = gathering();
    let receivers = [receiver("west"), receiver("east")];
    for s in 0..20_u32 {
        let now = f64::from(s) * 0.5;
        let x = Enu::new(10.0 * now, 600.0, 80.0);
        let first = usize::from(s % 2 == 0);
        for (i, which) in [first, 1 - first].into_iter().enumerate() {
            t.advance(at(now + 0.001 * i as f64));
            observe(&mut t, &receivers[which], &[claim(now, x, 5.0, 1)]);
        }
        assert_eq!(t.rebuild_at, None);
    }
    t.advance(at(10.0));
    assert_eq!(t.ids().count(), 1);
}

fn cut_claim(now: f64, x: Enu) -> Observation {
    Observation { cut_to: Span::from_millis(100), ..claim(now, x, 5.0, 1) }
}

/// The time of a Remote ID message is known to a tenth of a second: within that it is taken in when it comes, waits for nobody,
/// makes nobody late, and is not late itself.
#[test]
fn a_claim_whose_time_stamp_was_cut_is_taken_in_when_it_comes() {
    let mut t = gathering();
    let (rid, radar) = (receiver("rid"), radar());
    let mut dice = Dice::new(4);
    for s in 0..10_u32 {
        let now = f64::from(s);
        let x = Enu::new(500.0 + 12.0 * now, 900.0, 80.0);
        // The radar looks at 0.02 and is heard after 2 ms; the claim, measured at 0.0, comes before or after it.
        for (i, age) in [0.02, 0.04, 0.09].into_iter().enumerate() {
            t.advance(at(now + age));
            let outcome = observe(&mut t, &rid, &[cut_claim(now, x)]);
            let repeats = if i == 0 { Outcome::Late } else { Outcome::Repeated(None) };
            assert_eq!(outcome, vec![repeats]);
            if i == 0 {
                assert_eq!(t.deadline(), Some(at(now + 0.02) + GATHER), "it waits for nobody");
                t.advance(at(now + 0.022));
                look(&mut t, &radar, now + 0.02, &scan(now + 0.02, &[x], &mut dice));
            }
        }
        t.advance(at(now + 0.5));
        assert_eq!((t.rebuild_at, t.gathered_at), (None, None), "nobody was late");
    }
    assert_eq!(t.ids().count(), 1);
    // Beyond what was cut it is late like any other.
    let x = Enu::new(620.0, 900.0, 80.0);
    t.advance(at(10.12));
    look(&mut t, &radar, 10.12, &scan(10.12, &[x], &mut dice));
    t.advance(at(10.14));
    observe(&mut t, &rid, &[cut_claim(10.0, x)]);
    assert!(t.rebuild_at.is_some());
}

/// What a clock ahead of ours stamps waits until then and the same moment longer: what is measured before it may still come.
#[test]
fn what_is_ahead_of_time_makes_nobody_late() {
    let mut t = gathering();
    let (rid, radar) = (receiver("rid"), radar());
    let mut dice = Dice::new(4);
    let x = Enu::new(500.0, 900.0, 80.0);
    t.advance(at(1.0));
    observe(&mut t, &rid, &[claim(1.05, x, 5.0, 1)]);
    assert_eq!(t.deadline(), Some(at(1.05) + GATHER));
    t.advance(at(1.052));
    look(&mut t, &radar, 1.049, &scan(1.049, &[x], &mut dice));
    t.advance(at(1.5));
    assert_eq!((t.rebuild_at, t.gathered_at), (None, None));
}

/// Little is gone back for at once, again and again; much after a rest that grows with it.
#[test]
fn going_back_rests_in_proportion_to_what_it_takes() {
    let follow = |aircraft: u32| {
        let (mut t, sensor) = (gathering(), radar());
        let mut dice = Dice::new(9);
        let places: Vec<Enu> = (0..aircraft)
            .map(|i| Enu::new(150.0 * f64::from(i % 20) - 1_500.0, 1_000.0 + 150.0 * f64::from(i / 20), 80.0))
            .collect();
        let mut waited = Vec::new();
        for s in 0..20_u32 {
            let now = f64::from(s) * 0.5;
            t.advance(at(now));
            look(&mut t, &sensor, now, &scan(now, &places, &mut dice));
            // Twice something comes that is of before the scan.
            for late in [0.1, 0.2] {
                t.advance(at(now + late));
                observe(&mut t, &receiver("rid"), &[claim(now - late, Enu::new(0.0, -900.0, 50.0), 5.0, 1)]);
                waited.extend(t.rebuild_at.map(|due| due.since(at(now + late)).as_seconds_f64()));
            }
        }
        t.advance(at(11.0));
        assert_eq!((t.rebuild_at, t.rebuild_from), (None, None), "in the end all is taken in");
        waited.into_iter().fold(0.0, f64::max)
    };
    let (few, many) = (follow(3), follow(250));
    assert!((0.005..0.03).contains(&few), "{few}");
    assert!((0.1..=1.0).contains(&many), "{many}");
}

/// An order to join comes in its place among what waits, and nothing is taken in twice or passed over.
#[test]
fn a_join_stands_in_order_among_what_waits() {
    let mut t = gathering();
    let rid = receiver("rid");
    let slow = Sensor { latency: Some(Span::from_millis(400)), ..radar() };
    let mut dice = Dice::new(4);
    let place = |now: f64, north| Enu::new(500.0 + 12.0 * now, north, 80.0);
    for s in 0..12_u32 {
        let now = f64::from(s);
        t.advance(at(now));
        for (label, north) in [(1, 900.0), (2, 1_300.0)] {
            observe(&mut t, &rid, &[claim(now, place(now, north), 5.0, label)]);
        }
        let two = [place(now, 900.0), place(now, 1_300.0)];
        look(&mut t, &slow, now, &scan(now, &two, &mut dice));
        t.advance(at(now + 0.1));
        if s == 8 {
            // The radar's look waits for its turn.
            let ids: Vec<TrackId> = t.ids().collect();
            assert!(t.gathered_at.is_some() && t.join(ids[0], ids[1]));
        }
        assert!(t.items.iter().is_sorted_by_key(|item| item.order));
        assert!(t.head.is_none_or(|head| t.items.iter().any(|item| item.order == head)));
        t.advance(at(now + 0.7));
        let head = t.head.unwrap();
        assert!(t.items.iter().all(|item| item.order <= head && item.fresh.is_none()), "all is taken in, at {now}");
    }
}
