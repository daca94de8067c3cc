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

#[test]
fn crossing_aircraft_keep_their_tracks() {
    // Which track is whose is as of halfway to the crossing: ids follow the candidates, not the order of the plots.
    let mut kept = 0;
    for seed in 0..20 {
        let mut dice = Dice::new(300 + seed);
        let mut t = Tracker::new(Config::default());
        let sensor = radar();
        let mut first = 0;
        let truth = |now: f64| {
            [
                Enu::new(-600.0 + 20.0 * now, 1_000.0 + 10.0 * (now - 30.0), 150.0),
                Enu::new(600.0 - 20.0 * now, 1_000.0 + 10.0 * (now - 30.0), 150.0),
            ]
        };
        for s in 0..60 {
            let now = f64::from(s);
            t.advance(at(now));
            look(&mut t, &sensor, now, &scan(now, &truth(now), &mut dice));
            if s == 15 {
                let p = place_of(&t, TrackId(1), now);
                first = usize::from(p.east_m > 0.0);
            }
        }
        assert_eq!(t.ids().collect::<Vec<_>>(), vec![TrackId(1), TrackId(2)], "seed {seed}");
        let ends = truth(59.0);
        let near = |id: u64, x: Enu| {
            let p = place_of(&t, TrackId(id), 59.0);
            math::hypot(p.east_m - x.east_m, p.north_m - x.north_m) < 60.0
        };
        assert!((near(1, ends[0]) && near(2, ends[1])) || (near(1, ends[1]) && near(2, ends[0])));
        kept += u32::from(near(1, ends[first]));
    }
    println!("identity kept through the crossing in {kept} of 20 runs");
    assert!(kept >= 18, "{kept} of 20");
}

#[test]
fn two_aircraft_25_m_apart_stay_two() {
    for seed in 0..10 {
        let mut dice = Dice::new(900 + seed);
        let mut t = Tracker::new(Config::default());
        let sensor = radar();
        for s in 0..120 {
            let now = f64::from(s);
            t.advance(at(now));
            let x = Enu::new(-500.0 + 8.0 * now, 900.0, 120.0);
            let y = Enu::new(-500.0 + 8.0 * now, 925.0, 120.0);
            look(&mut t, &sensor, now, &scan(now, &[x, y], &mut dice));
            let confirmed = t.ids().filter(|id| t.estimate(*id, at(now)).unwrap().phase == Phase::Confirmed).count();
            assert!(s < 10 || confirmed == 2, "seed {seed}, {now} s: {confirmed} tracks");
        }
        assert_eq!(t.ids().collect::<Vec<_>>(), vec![TrackId(1), TrackId(2)], "no track was born or lost");
    }
}

#[test]
fn a_label_claimed_far_away_is_another_track() {
    let mut t = Tracker::new(Config::default());
    let sensor = receiver("rid");
    let real = |now: f64| Enu::new(10.0 * now, 0.0, 80.0);
    let forged = |now: f64| Enu::new(25_000.0, 2.0 * now, 80.0);
    for s in 0..20 {
        let now = f64::from(s);
        t.advance(at(now));
        assert!(matches!(
            observe(&mut t, &sensor, &[claim(now, real(now), 5.0, 7)])[0],
            Outcome::Began(TrackId(1)) | Outcome::Updated(TrackId(1))
        ));
    }
    drain(&mut t);
    for s in 20..60 {
        let now = f64::from(s);
        t.advance(at(now));
        let out = observe(&mut t, &sensor, &[claim(now + 0.2, forged(now), 5.0, 7)]);
        assert!(matches!(out[0], Outcome::Began(TrackId(2)) | Outcome::Updated(TrackId(2))), "{out:?}");
        let out = observe(&mut t, &sensor, &[claim(now + 0.4, real(now + 0.4), 5.0, 7)]);
        assert_eq!(out, vec![Outcome::Updated(TrackId(1))]);
    }
    let changes = drain(&mut t);
    let elsewhere: Vec<_> = changes.iter().filter(|c| matches!(c, Change::LabelElsewhere { .. })).collect();
    assert_eq!(elsewhere, vec![&Change::LabelElsewhere { label: Label(7), known: TrackId(1), new: TrackId(2) }]);
    assert_eq!(t.with_label(Label(7)).collect::<Vec<_>>(), vec![TrackId(1), TrackId(2)]);
}

#[test]
fn radar_and_claim_are_one_aircraft_whoever_comes_first() {
    for claim_first in [false, true] {
        let mut dice = Dice::new(60);
        let mut t = Tracker::new(Config::default());
        let (radar, rid) = (radar(), receiver("rid"));
        let mut independent = None;
        for s in 0..60 {
            let now = f64::from(s);
            t.advance(at(now));
            let x = |now: f64| Enu::new(-400.0 + 12.0 * now, 1_100.0, 120.0);
            if claim_first || s >= 15 {
                observe(&mut t, &rid, &[claim(now + 0.1, x(now + 0.1), 4.0, 7)]);
            }
            if !claim_first || s >= 15 {
                look(&mut t, &radar, now + 0.3, &scan(now + 0.3, &[x(now + 0.3)], &mut dice));
            }
            let Some(e) = t.estimate(TrackId(1), at(now + 0.5)) else { continue };
            if independent.is_none() && t.labels_of(TrackId(1)).count() > 0 && !e.claimed_only {
                independent = Some(s);
            }
        }
        assert_eq!(t.ids().collect::<Vec<_>>(), vec![TrackId(1)], "claim first: {claim_first}");
        assert_eq!(t.labels_of(TrackId(1)).collect::<Vec<_>>(), vec![Label(7)]);
        assert!(independent.is_some_and(|s| (15..20).contains(&s)), "{independent:?}");
    }
}

#[test]
fn two_names_close_together_stay_two_tracks() {
    let mut t = Tracker::new(Config::default());
    let sensor = receiver("rid");
    for s in 0..60 {
        let now = f64::from(s);
        t.advance(at(now));
        observe(&mut t, &sensor, &[claim(now, Enu::new(5.0 * now, 0.0, 60.0), 5.0, 1)]);
        observe(&mut t, &sensor, &[claim(now + 0.1, Enu::new(5.0 * (now + 0.1), 3.0, 60.0), 5.0, 2)]);
    }
    assert_eq!(t.ids().count(), 2);
    assert!(t.join(TrackId(1), TrackId(2)), "by order they are joined");
    assert!(!t.join(TrackId(1), TrackId(2)));
    assert_eq!(t.labels_of(TrackId(1)).collect::<Vec<_>>(), vec![Label(1), Label(2)]);
    t.advance(at(60.0));
    for label in [1, 2] {
        let now = 60.0 + 0.1 * label as f64;
        assert_eq!(
            observe(&mut t, &sensor, &[claim(now, Enu::new(5.0 * now, 0.0, 60.0), 5.0, label)]),
            vec![Outcome::Updated(TrackId(1))]
        );
    }
    assert_eq!(t.split(TrackId(1), Label(2)), Some(TrackId(3)));
    assert_eq!(t.split(TrackId(1), Label(2)), None);
    t.advance(at(61.0));
    assert_eq!(
        observe(&mut t, &sensor, &[claim(61.0, Enu::new(305.0, 3.0, 60.0), 5.0, 2)]),
        vec![Outcome::Updated(TrackId(3))]
    );
}

#[test]
fn an_unnamed_duplicate_is_joined_into_the_older() {
    // The claims begin 400 m off and creep up to the truth, as a receiver after a cold start: two tracks at first.
    let mut dice = Dice::new(8);
    let mut t = Tracker::new(Config::default());
    let (radar, rid) = (radar(), receiver("rid"));
    let mut joined = None;
    for s in 0..90 {
        let now = f64::from(s);
        t.advance(at(now));
        let x = Enu::new(-400.0 + 6.0 * now, 1_100.0, 120.0);
        if s >= 10 {
            let off = (400.0 - 12.0 * (now - 10.0)).max(0.0);
            observe(&mut t, &rid, &[claim(now, Enu::new(x.east_m, x.north_m + off, x.up_m), 4.0, 7)]);
        }
        look(&mut t, &radar, now + 0.3, &scan(now + 0.3, &[x], &mut dice));
        if s < 2 {
            continue;
        }
        for change in drain(&mut t) {
            if let Change::Joined { into, from } = change {
                assert_eq!((into, from), (TrackId(1), TrackId(2)));
                joined = Some(s);
            }
        }
        assert_eq!(t.ids().count(), if s < 10 || joined.is_some() { 1 } else { 2 }, "at {now}");
    }
    println!("joined at {joined:?} s");
    assert!(joined.is_some_and(|s| (40..65).contains(&s)), "{joined:?}");
    assert_eq!(t.labels_of(TrackId(1)).collect::<Vec<_>>(), vec![Label(7)]);
}

#[test]
fn an_unknown_height_is_never_invented() {
    let mut dice = Dice::new(3);
    let mut t = Tracker::new(Config::default());
    let (radar, rid) = (radar(), receiver("rid"));
    let x = |now: f64| Enu::new(-400.0 + 12.0 * now, 1_100.0, 120.0);
    for s in 0..30 {
        let now = f64::from(s);
        t.advance(at(now));
        look(&mut t, &radar, now, &[plot(now, x(now), false, &mut dice)]);
        assert!(t.estimate(TrackId(1), at(now)).map_or(s < 3, |e| !e.height_known));
    }
    let mut c = claim(30.0, x(30.0), 5.0, 7);
    c.measurement = Measurement::Position {
        place: home().to_geodetic(x(30.0)).place(),
        heights: Heights { height_above_takeoff_m: Some(120.0), altitude_pressure_m: Some(900.0), ..Heights::UNKNOWN },
        horizontal_sd_m: Some(5.0),
        vertical_sd_m: None,
    };
    t.advance(at(30.0));
    assert_eq!(observe(&mut t, &rid, &[c]), vec![Outcome::Updated(TrackId(1))]);
    assert!(!t.estimate(TrackId(1), at(30.0)).unwrap().height_known, "neither above take-off nor pressure is a height");
    t.advance(at(31.0));
    observe(&mut t, &rid, &[claim(31.0, x(31.0), 5.0, 7)]);
    for s in 32..60 {
        let now = f64::from(s);
        t.advance(at(now));
        assert_eq!(
            look(&mut t, &radar, now, &[plot(now, x(now), false, &mut dice)]),
            vec![Outcome::Updated(TrackId(1))]
        );
    }
    let e = t.estimate(TrackId(1), at(60.0)).unwrap();
    assert!(e.height_known, "plots without height do not take it away");
    let p = place_of(&t, TrackId(1), 60.0);
    assert!((p.up_m - 120.0).abs() < 3.0 * math::sqrt(e.covariance[2][2]), "{p:?}");
    assert!(e.covariance[2][2] > 25.0, "and what was measured once becomes uncertain");
    assert_eq!(t.ids().count(), 1);
}

#[test]
fn late_observations_are_used_within_the_lag_and_refused_beyond() {
    let mut t = Tracker::new(Config::default());
    let sensor = receiver("rid");
    let x = |now: f64| Enu::new(12.0 * now, 0.0, 60.0);
    for s in [0, 1, 2, 3, 4, 5, 6, 8, 9] {
        let now = f64::from(s);
        t.advance(at(now));
        observe(&mut t, &sensor, &[claim(now, x(now), 20.0, 7)]);
    }
    t.advance(at(9.5));
    let before = t.estimate(TrackId(1), at(9.0)).unwrap();
    drain(&mut t);
    let late = claim(7.0, x(7.0), 20.0, 7);
    assert_eq!(observe(&mut t, &sensor, std::slice::from_ref(&late)), vec![Outcome::Late]);
    assert_eq!(t.estimate(TrackId(1), at(9.0)).unwrap(), before, "it waits");
    assert_eq!(t.deadline(), Some(at(9.5)), "until the present next moves on");
    t.advance(at(9.5));
    let told = Change::Late { track: TrackId(1), sensor: sensor.id.clone(), observation: Box::new(late) };
    assert_eq!(drain(&mut t), vec![told]);
    let after = t.estimate(TrackId(1), at(9.0)).unwrap();
    assert!(after.covariance[0][0] < before.covariance[0][0], "it taught something");
    assert_eq!(after.last_at, at(9.0), "and the track did not go back in time");
    assert!((place_of(&t, TrackId(1), 9.0).east_m - 108.0).abs() < 8.0);
    let old = observe(&mut t, &sensor, &[claim(3.5, x(3.5), 20.0, 7)]);
    assert_eq!(old, vec![Outcome::Rejected("too-late")]);
    assert_eq!(t.estimate(TrackId(1), at(9.0)).unwrap(), after, "what is refused changes nothing");
    let early = observe(&mut t, &sensor, &[claim(15.0, x(15.0), 20.0, 7)]);
    assert_eq!(early, vec![Outcome::Rejected("in-future")]);
}

#[test]
fn repetitions_change_nothing() {
    let mut dice = Dice::new(12);
    let mut t = Tracker::new(Config::default());
    let (radar, rid) = (radar(), receiver("rid"));
    let mut last = Vec::new();
    for s in 0..20 {
        let now = f64::from(s);
        t.advance(at(now));
        let x = Enu::new(300.0 + 12.0 * now, 900.0, 60.0);
        let c = claim(now, x, 5.0, 7);
        let p = plot(now, x, true, &mut dice);
        observe(&mut t, &rid, std::slice::from_ref(&c));
        observe(&mut t, &radar, std::slice::from_ref(&p));
        last.push((c, p));
    }
    // Claim and plot are of one time: whichever stands second in the order of their sensors was late.
    t.advance(at(19.3));
    let before = t.estimate(TrackId(1), at(19.0)).unwrap();
    for (c, p) in last.iter().rev().take(4) {
        assert!(matches!(observe(&mut t, &rid, std::slice::from_ref(c))[..], [Outcome::Repeated(_)]));
        let twice = observe(&mut t, &radar, &[p.clone(), p.clone()]);
        assert!(matches!(twice[..], [Outcome::Repeated(_), Outcome::Repeated(_)]), "{twice:?}");
        let whole = look(&mut t, &radar, p.measured_at.since(at(0.0)).as_seconds_f64(), std::slice::from_ref(p));
        assert!(matches!(whole[..], [Outcome::Repeated(_)]), "{whole:?}");
    }
    t.advance(at(19.9));
    assert_eq!(t.estimate(TrackId(1), at(19.0)).unwrap(), before);
    assert_eq!(t.ids().count(), 1);
    // Twice in its own first scan.
    let p = plot(19.4, Enu::new(-2_000.0, 900.0, 60.0), true, &mut dice);
    let out = observe(&mut t, &radar, &[p.clone(), p]);
    assert_eq!(out, vec![Outcome::Held, Outcome::Repeated(None)]);
}

#[test]
fn a_miss_counts_only_where_the_sensor_should_have_seen() {
    let mut t = Tracker::new(Config::default());
    let (radar, rid) = (radar(), receiver("rid"));
    let inside = Enu::new(1_000.0, 1_000.0, 80.0);
    let outside = Enu::new(9_000.0, 1_000.0, 80.0);
    for s in 0..20 {
        let now = f64::from(s);
        t.advance(at(now));
        observe(&mut t, &rid, &[claim(now, inside, 5.0, 1)]);
        observe(&mut t, &rid, &[claim(now, outside, 5.0, 2)]);
        t.looked(&radar, at(now), None);
        t.looked(&rid, at(now), None);
    }
    let existence = |id: u64| t.estimate(TrackId(id), at(19.0)).unwrap().existence;
    assert!(existence(1) <= 0.02, "twenty looks found nothing there: {}", existence(1));
    assert!(existence(2) > 0.99, "nobody looked there");
    assert!(t.estimate(TrackId(1), at(19.0)).unwrap().claimed_only, "it still claims, and is not hidden");
}

#[test]
fn a_measured_track_coasts_and_ends_when_it_is_gone() {
    let mut dice = Dice::new(5);
    let mut t = Tracker::new(Config::default());
    let sensor = radar();
    for s in 0..10 {
        let now = f64::from(s);
        t.advance(at(now));
        look(&mut t, &sensor, now, &scan(now, &[Enu::new(500.0 + 10.0 * now, 800.0, 90.0)], &mut dice));
    }
    drain(&mut t);
    let blind = t.clone();
    // The radar goes on and sees nothing: it is doubted, and then ends, whether as refuted or as one doubted and not seen.
    for s in 10..16 {
        t.advance(at(f64::from(s)));
        t.looked(&sensor, at(f64::from(s)), None);
    }
    let changes = drain(&mut t);
    assert_eq!(changes.first(), Some(&Change::Phase(TrackId(1), Phase::Tentative)), "{changes:?}");
    assert!(matches!(changes.last(), Some(Change::Ended(TrackId(1), "refuted" | "not-seen"))), "{changes:?}");
    // The radar falls silent: the track coasts after three intervals, told a second after its time, and as nobody looks it ends when
    // it may be anywhere.
    let mut t = blind;
    let mut when = Vec::new();
    for s in 10..80 {
        t.advance(at(f64::from(s)));
        when.extend(drain(&mut t).into_iter().map(|c| (s, c)));
    }
    let ended = (50, Change::Ended(TrackId(1), "too-uncertain"));
    assert_eq!(when, vec![(14, Change::Phase(TrackId(1), Phase::Coasting)), ended]);
}

#[test]
fn a_bearing_is_held_alone_and_sharpens_a_track_that_is_there() {
    let mut dice = Dice::new(5);
    let mut t = Tracker::new(Config::default());
    let (radar, rid) = (radar(), receiver("rid"));
    let x = Enu::new(0.0, 3_000.0, 90.0);
    let bearing = |now: f64, azimuth: f64| Observation {
        measurement: Measurement::Bearing {
            azimuth_rad: azimuth,
            elevation_rad: None,
            azimuth_sd_rad: Some(0.001),
            elevation_sd_rad: None,
        },
        ..plot(now, x, false, &mut Dice::new(1))
    };
    t.advance(at(0.0));
    assert_eq!(observe(&mut t, &radar, &[bearing(0.0, 0.0)]), vec![Outcome::Held]);
    observe(&mut t, &rid, &[claim(0.0, x, 40.0, 1)]);
    let before = t.estimate(TrackId(1), at(0.0)).unwrap();
    let off = 0.004 + 0.001 * dice.normal();
    assert_eq!(observe(&mut t, &radar, &[bearing(0.1, off)]), vec![Outcome::Updated(TrackId(1))]);
    let after = t.estimate(TrackId(1), at(0.1)).unwrap();
    // The chance that the bearing is of something else keeps a few per cent of what was before.
    assert!(after.covariance[0][0] < 0.05 * before.covariance[0][0], "across the line of sight");
    assert!(after.covariance[1][1] > 0.95 * before.covariance[1][1], "not along it");
    assert_eq!(observe(&mut t, &radar, &[bearing(0.2, 1.5)]), vec![Outcome::Held], "a bearing beside it");
    let presence = Observation { measurement: Measurement::Presence, ..bearing(0.2, 0.0) };
    assert_eq!(observe(&mut t, &radar, &[presence]), vec![Outcome::Held]);
}

#[test]
fn the_table_is_bounded_and_the_weakest_gives_way() {
    let config = Config { tracks_max: 128, ..Config::default() };
    let mut dice = Dice::new(5);
    let mut t = Tracker::new(config);
    let (radar, rid) = (radar(), receiver("rid"));
    t.advance(at(0.0));
    let full: Vec<Observation> =
        (0..128).map(|i| claim(0.0, Enu::new(-8_000.0 + 130.0 * i as f64, -4_000.0, 80.0), 5.0, i)).collect();
    let out = observe(&mut t, &rid, &full);
    assert!(out.iter().all(|o| matches!(o, Outcome::Began(_))), "{out:?}");
    let refused = observe(&mut t, &rid, &[claim(0.05, Enu::new(0.0, 9_000.0, 80.0), 5.0, 999)]);
    assert_eq!(refused, vec![Outcome::Rejected("table-full")], "a claim displaces no other claim");
    let mut began = 0;
    for s in 1..7 {
        let now = f64::from(s) * 0.1;
        t.advance(at(now));
        let out = look(&mut t, &radar, now, &[plot(now, Enu::new(1_000.0, 3_000.0, 80.0), true, &mut dice)]);
        began += out.iter().filter(|o| matches!(o, Outcome::Began(_))).count();
    }
    assert_eq!(began, 1, "a flood of claims does not blind the radar");
    for s in 0..2_000 {
        let now = 1.0 + f64::from(s) * 0.001;
        t.advance(at(now));
        let x = Enu::from_polar(500.0 + 4_000.0 * dice.uniform(), math::TAU * dice.uniform(), 0.05);
        observe(&mut t, &radar, &[plot(now, x, true, &mut dice)]);
        assert!(t.ids().count() <= 128);
    }
    let mut ids: Vec<_> =
        drain(&mut t).into_iter().filter_map(|c| if let Change::Began(id) = c { Some(id) } else { None }).collect();
    let n = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!((ids.len(), ids[0]), (n, TrackId(1)), "ids begin at 1 and are never used twice");
}

/// A drone that claims its way along a great circle through `middle`; one track throughout.
fn flies_through(middle: Place, course_rad: f64, speed: f64, seconds: u32) {
    let frame = LocalFrame::new(middle.at_height(0.0));
    let mut t = Tracker::new(Config::default());
    let sensor = receiver("rid");
    let half = f64::from(seconds) / 2.0;
    for s in 0..=seconds {
        let now = f64::from(s);
        t.advance(at(now));
        let along = speed * (now - half);
        let g = frame.to_geodetic(Enu::new(along * math::sin(course_rad), along * math::cos(course_rad), 0.0));
        let o = claim_at(now, g.place(), Some(g.height_ellipsoid_m), 3.0, 5);
        let out = observe(&mut t, &sensor, &[o]);
        assert!(matches!(out[0], Outcome::Began(TrackId(1)) | Outcome::Updated(TrackId(1))), "{out:?} at {now}");
        let e = t.estimate(TrackId(1), at(now)).unwrap();
        let off = e.frame.to_geodetic(e.position).place().distance_m(g.place());
        // A first velocity far beyond what is expected of a new track takes a few claims to be believed.
        assert!(off < if s < 5 { 6.0 } else { 3.0 }, "{off} m off at {now} s, {g:?}");
        assert!(e.position.horizontal_m() < 15_000.0 + 1_000.0, "the frame follows");
        if s > 30 {
            assert!((e.velocity.length_m() - speed).abs() < 0.02 * speed, "{:?}", e.velocity);
        }
    }
}

#[test]
fn tracks_cross_the_antimeridian_and_the_pole() {
    flies_through(Place { latitude_deg: -16.8, longitude_deg: 180.0 }, 1.4, 25.0, 1_200);
    flies_through(Place { latitude_deg: 65.0, longitude_deg: -180.0 }, -1.6, 120.0, 400);
    flies_through(Place { latitude_deg: 90.0, longitude_deg: 0.0 }, 0.3, 60.0, 700);
    flies_through(Place { latitude_deg: -89.99, longitude_deg: 77.0 }, 0.3, 60.0, 700);
}

#[test]
fn an_aeroplane_without_claimed_velocity_is_followed() {
    let frame = home();
    let mut t = Tracker::new(Config::default());
    let sensor = receiver("adsb");
    for s in 0..240 {
        let now = f64::from(s) * 0.5;
        t.advance(at(now));
        // 230 m/s, then a standard-rate turn.
        let x = if now < 60.0 {
            Enu::new(-15_000.0 + 230.0 * now, 3_000.0, 9_000.0)
        } else {
            let (w, r) = (0.0524, 230.0 / 0.0524);
            let a = w * (now - 60.0);
            Enu::new(-1_200.0 + r * math::sin(a), 3_000.0 + r * (1.0 - math::cos(a)), 9_000.0)
        };
        let g = frame.to_geodetic(x);
        let out = observe(&mut t, &sensor, &[claim_at(now, g.place(), Some(g.height_ellipsoid_m), 10.0, 5)]);
        assert!(matches!(out[0], Outcome::Began(TrackId(1)) | Outcome::Updated(TrackId(1))), "{out:?} at {now}");
    }
}

#[test]
fn the_same_calls_give_the_same_bits_and_the_order_in_a_scan_does_not_matter() {
    let run = |reverse: bool| {
        let mut dice = Dice::new(31);
        let mut t = Tracker::new(Config::default());
        let sensor = radar();
        for s in 0..40 {
            let now = f64::from(s);
            t.advance(at(now));
            let places: Vec<_> = (0..12)
                .map(|i| Enu::new(-900.0 + 160.0 * f64::from(i), 1_500.0 + (9.0 - 1.5 * f64::from(i)) * now, 100.0))
                .collect();
            let mut plots = scan(now, &places, &mut dice);
            if reverse {
                plots.reverse();
            }
            look(&mut t, &sensor, now, &plots);
        }
        let mut all: Vec<(String, TrackId)> =
            t.ids().map(|id| (format!("{:?}", t.estimate(id, at(40.0)).unwrap()), id)).collect();
        all.sort();
        (all, drain(&mut t))
    };
    let (a, b, c) = (run(false), run(false), run(true));
    assert_eq!(a, b);
    let texts =
        |r: &(Vec<(String, TrackId)>, Vec<Change>)| r.0.iter().map(|(text, _)| text.clone()).collect::<Vec<_>>();
    assert_eq!(texts(&a), texts(&c), "reversed scans give the same states under other ids");
    assert_eq!(a.0.len(), 12);
}

#[test]
fn a_claim_beside_what_the_radar_sees_is_another_track() {
    let mut dice = Dice::new(61);
    let mut t = Tracker::new(Config::default());
    let (radar, rid) = (radar(), receiver("rid"));
    let x = |now: f64| Enu::new(-400.0 + 12.0 * now, 1_100.0, 120.0);
    let mut elsewhere = Vec::new();
    for s in 0..60 {
        let now = f64::from(s);
        t.advance(at(now));
        look(&mut t, &radar, now, &scan(now, &[x(now)], &mut dice));
        // Honest for 30 s, then 250 m beside itself.
        let off = if s < 30 { 0.0 } else { 250.0 };
        let c = x(now + 0.2);
        observe(&mut t, &rid, &[claim(now + 0.2, Enu::new(c.east_m, c.north_m + off, c.up_m), 4.0, 7)]);
        elsewhere.extend(drain(&mut t).into_iter().filter(|c| matches!(c, Change::LabelElsewhere { .. })));
        let real = place_of(&t, TrackId(1), now);
        assert!(math::hypot(real.east_m - x(now).east_m, real.north_m - x(now).north_m) < 40.0, "{real:?} at {now}");
    }
    assert_eq!(elsewhere, vec![Change::LabelElsewhere { label: Label(7), known: TrackId(1), new: TrackId(2) }]);
    assert!(t.estimate(TrackId(2), at(60.0)).unwrap().claimed_only);
    assert!(!t.estimate(TrackId(1), at(60.0)).unwrap().claimed_only);
}

#[test]
fn a_crowd_in_one_place_is_settled_without_its_square() {
    // 1,000 plots of one look within a few metres: more than the exact solver takes at once.
    let mut dice = Dice::new(2);
    let mut t = Tracker::new(Config::default());
    let sensor = radar();
    for s in 0..4 {
        let now = f64::from(s);
        t.advance(at(now));
        let places: Vec<_> =
            (0..1_000).map(|_| Enu::new(800.0 + 50.0 * dice.uniform(), 900.0 + 50.0 * dice.uniform(), 90.0)).collect();
        let out = look(&mut t, &sensor, now, &scan(now, &places, &mut dice));
        let mut used: Vec<_> = out
            .iter()
            .filter_map(|o| if let Outcome::Updated(id) | Outcome::Began(id) = o { Some(*id) } else { None })
            .collect();
        let n = used.len();
        println!("look {s}: {n} plots of tracks, {} tracks", t.ids().count());
        used.sort();
        used.dedup();
        assert_eq!(n, used.len(), "one plot each");
    }
}
