use super::*;

#[test]
fn one_claim_makes_one_confirmed_track_that_only_claims() {
    let mut t = Tracker::new(Config::default());
    t.advance(at(0.0));
    let sensor = receiver("rid");
    let out = observe(&mut t, &sensor, &[claim(0.0, Enu::new(100.0, 200.0, 50.0), 5.0, 7)]);
    assert_eq!(out, vec![Outcome::Began(TrackId(1))]);
    assert_eq!(drain(&mut t), vec![Change::Began(TrackId(1)), Change::Phase(TrackId(1), Phase::Confirmed)]);
    let e = t.estimate(TrackId(1), at(0.0)).unwrap();
    assert!(e.claimed_only && e.height_known && e.existence > 0.99);
    assert_eq!(t.with_label(Label(7)).collect::<Vec<_>>(), vec![TrackId(1)]);
    assert_eq!(t.labels_of(TrackId(1)).collect::<Vec<_>>(), vec![Label(7)]);
}

#[test]
fn a_flight_of_claims_is_one_track_to_its_end() {
    let mut t = Tracker::new(Config::default());
    let sensor = receiver("rid");
    for s in 0..120 {
        let now = f64::from(s);
        t.advance(at(now));
        let x = Enu::new(15.0 * now, 300.0 - 5.0 * now, 60.0);
        let out = observe(&mut t, &sensor, &[claim(now, x, 5.0, 7)]);
        let expected = if s == 0 { Outcome::Began(TrackId(1)) } else { Outcome::Updated(TrackId(1)) };
        assert_eq!(out, vec![expected], "at {now}");
        let got = place_of(&t, TrackId(1), now);
        let miss = Enu::new(got.east_m - x.east_m, got.north_m - x.north_m, got.up_m - x.up_m).length_m();
        assert!(miss < 6.0, "{miss} m off at {now}");
    }
    let v = t.estimate(TrackId(1), at(119.0)).unwrap().velocity;
    assert!((v.east_m - 15.0).abs() < 0.5 && (v.north_m + 5.0).abs() < 0.5, "{v:?}");
    drain(&mut t);
    t.advance(at(200.0));
    assert_eq!(drain(&mut t), vec![Change::Phase(TrackId(1), Phase::Coasting), Change::Ended(TrackId(1), "not-seen")]);
    assert_eq!(t.deadline(), None);
    t.advance(at(201.0));
    let out = observe(&mut t, &sensor, &[claim(201.0, Enu::new(0.0, 0.0, 0.0), 5.0, 7)]);
    assert_eq!(out, vec![Outcome::Began(TrackId(2))], "an id never returns");
}
