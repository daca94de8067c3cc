//! What an intruder may say to pass for a friend, or for something harmless, and what it gets for it.

use super::*;
use lapwing_model::zone::Shape;
use lapwing_model::*;

const FRIEND: &str = "1588E040445AC004418";

fn guarded() -> Site {
    let mut site = site();
    let name = Name { kind: NameKind::Serial, value: FRIEND.into() };
    site.authorised = vec![AuthorisedFlight { name, area: None, from: None, to: None }];
    site
}

fn southward(mac: &str, place: (f64, f64), speed: f64) -> Claim {
    let mut claim = rid(mac, Some(FRIEND), Some(at(place.0, place.1)));
    (claim.speed_mps, claim.course_rad) = (Some(speed), Some(lapwing_model::math::PI));
    claim
}

/// One second: a plot on every even one, and the claims.
fn second(scene: &mut Scene, s: u32, plots: &[(f64, f64)], claims: Vec<Claim>) {
    let now = f64::from(s);
    if s.is_multiple_of(2) {
        scene.radar(t(now), plots.iter().map(|(east, north)| plot(*east, *north, 60.0)).collect());
    }
    for claim in claims {
        scene.claim(t(now + 0.1), claim);
    }
}

fn live(scene: &Scene) -> Vec<Alert> {
    scene.alerts().into_iter().filter(|a| a.state != AlertState::Cleared).collect()
}

fn statuses(scene: &Scene) -> Vec<IdentityStatus> {
    scene
        .events
        .iter()
        .filter_map(|e| match &e.body {
            EventBody::TrackBegan { track } | EventBody::TrackUpdated { track } => Some(track.identity.status),
            _ => None,
        })
        .collect()
}

#[test]
fn one_forged_claim_on_an_intruder_authorises_nothing() {
    let mut scene = Scene::new(guarded());
    for s in 0..75 {
        let place = (0.0, 900.0 - 10.0 * f64::from(s));
        let claims = if s == 12 { vec![southward("02:00:00:00:00:66", place, 10.0)] } else { Vec::new() };
        second(&mut scene, s, &[place], claims);
    }
    assert!(!statuses(&scene).contains(&IdentityStatus::Authorised));
    assert!(!statuses(&scene).contains(&IdentityStatus::Corroborated));
    assert!(scene.one().identity.names.is_empty(), "one claim gives an intruder no name: {:?}", scene.one().identity);
    assert!(live(&scene).iter().any(|a| a.severity == Severity::Critical), "{:#?}", scene.alerts());
}

#[test]
fn an_authorisation_ends_when_the_claims_stop() {
    let mut scene = Scene::new(guarded());
    let place = |s: u32| (0.0, 600.0 - 5.0 * f64::from(s));
    for s in 0..30 {
        second(&mut scene, s, &[place(s)], vec![southward("02:00:00:00:00:01", place(s), 5.0)]);
    }
    assert_eq!(scene.status_of(FRIEND), IdentityStatus::Authorised);
    assert!(live(&scene).is_empty(), "{:#?}", live(&scene));
    for s in 30..41 {
        second(&mut scene, s, &[place(s)], Vec::new());
    }
    assert_ne!(scene.one().identity.status, IdentityStatus::Authorised);
    assert!(scene.one().identity.evidence.iter().all(|e| e.kind != EvidenceKind::SeenIndependently));
    for s in 41..90 {
        second(&mut scene, s, &[place(s)], Vec::new());
    }
    let alerts = live(&scene);
    assert_eq!((alerts.len(), alerts[0].severity), (1, Severity::Critical), "{alerts:#?}");
}

#[test]
fn an_authorisation_ends_when_the_claims_move_elsewhere() {
    for away in [700.0, 9000.0] {
        let mut scene = Scene::new(guarded());
        let place = |s: u32| (0.0, 600.0 - 5.0 * f64::from(s));
        for s in 0..30 {
            second(&mut scene, s, &[place(s)], vec![southward("02:00:00:00:00:01", place(s), 5.0)]);
        }
        assert_eq!(scene.status_of(FRIEND), IdentityStatus::Authorised);
        let radar_track = TrackId(1);
        for s in 30..85 {
            let (east, north) = place(s);
            // The word goes to the east, the aircraft does not.
            let lie = (east + (f64::from(s - 29) * 20.0).min(away) + away / 2.0, north);
            second(&mut scene, s, &[(east, north)], vec![southward("02:00:00:00:00:01", lie, 5.0)]);
            if s == 41 {
                let track = scene.tracks().into_iter().find(|t| t.id == radar_track).unwrap();
                assert_ne!(track.identity.status, IdentityStatus::Authorised, "{away}");
            }
        }
        let of_radar: Vec<Alert> = live(&scene).into_iter().filter(|a| a.track == radar_track).collect();
        assert_eq!(of_radar.first().map(|a| a.severity), Some(Severity::Critical), "{away}: {:#?}", scene.alerts());
    }
}

#[test]
fn a_name_in_two_places_authorises_neither() {
    // The friend flies within the yard, then a copy of its name comes from 900 m away, or speaks from 20 km away.
    for far in [false, true] {
        let mut scene = Scene::new(guarded());
        let friend = |s: u32| (80.0 * libm::sin(f64::from(s) / 8.0), -100.0);
        let copy = |s: u32| if far { (0.0, 20_000.0) } else { (0.0, 1_500.0 - 12.0 * f64::from(s)) };
        for s in 0..120 {
            let mut plots = vec![friend(s)];
            let mut claims = vec![{
                let mut c = southward("02:00:00:00:00:01", friend(s), 0.0);
                (c.speed_mps, c.course_rad) = (None, None);
                c
            }];
            if s >= 40 {
                if !far {
                    plots.push(copy(s));
                }
                claims.push(southward("02:00:00:00:00:02", copy(s), if far { 0.0 } else { 12.0 }));
            }
            second(&mut scene, s, &plots, claims);
            if s == 39 {
                assert_eq!(scene.status_of(FRIEND), IdentityStatus::Authorised);
                assert!(live(&scene).is_empty(), "{:#?}", live(&scene));
            }
            if s == 45 {
                assert!(scene.tracks().iter().all(|t| t.identity.status != IdentityStatus::Authorised), "far {far}");
                assert!(live(&scene).iter().any(|a| a.severity == Severity::Critical), "{:#?}", scene.alerts());
            }
        }
        let of_tracks: std::collections::BTreeSet<TrackId> = live(&scene).iter().map(|a| a.track).collect();
        assert_eq!(of_tracks.len(), if far { 1 } else { 2 }, "{:#?}", live(&scene));
        assert!(live(&scene).iter().all(|a| a.severity >= Severity::Warning));
    }
}

#[test]
fn a_standing_alert_is_lifted_only_after_an_authorisation_has_lasted() {
    let mut scene = Scene::new(guarded());
    let place = |s: u32| (0.0, 250.0 - 5.0 * f64::from(s));
    let (mut authorised_at, mut cleared_at) = (None, None);
    for s in 0..40 {
        let claims = if s >= 14 { vec![southward("02:00:00:00:00:01", place(s), 5.0)] } else { Vec::new() };
        second(&mut scene, s, &[place(s)], claims);
        if s == 13 {
            assert!(!live(&scene).is_empty());
        }
        let status = scene.tracks().first().map(|t| t.identity.status);
        if authorised_at.is_none() && status == Some(IdentityStatus::Authorised) {
            authorised_at = Some(s);
        }
        if cleared_at.is_none() && s > 14 && live(&scene).is_empty() {
            cleared_at = Some(s);
        }
    }
    let (authorised_at, cleared_at) = (authorised_at.unwrap(), cleared_at.unwrap());
    assert!(cleared_at >= authorised_at + 5, "{authorised_at} {cleared_at}");
    let words = scene.alerts()[0].headline.clone();
    assert!(words.as_str().ends_with(&format!("is now confirmed as authorised flight {FRIEND}")), "{words}");
}

#[test]
fn turning_into_a_bird_ends_no_alert() {
    let mut scene = Scene::new(site());
    for s in 0..100 {
        let north = (900.0 - 15.0 * f64::from(s)).max(140.0);
        let (class, p) = if s < 56 { (Class::Multirotor, 0.8) } else { (Class::Bird, 0.95) };
        let mut seen = plot(3.0 * f64::from(s % 3), north, 60.0);
        seen.classification = Some(Classification::single(class, p));
        scene.radar(t(f64::from(s)), vec![seen]);
    }
    let best = scene.one().classification.best().unwrap();
    assert_eq!(best.0, Class::Bird);
    assert!(best.1 >= 0.9, "the bird must be sure enough for the exemption to be in question: {best:?}");
    let alerts = live(&scene);
    assert_eq!((alerts.len(), alerts[0].severity), (1, Severity::Critical), "{:#?}", scene.alerts());
}

#[test]
fn vagueness_hides_nothing() {
    for accuracy_m in [92.6, 185.2, 555.6, 1852.0, 18_520.0] {
        let mut scene = Scene::new(site());
        for s in 0..90 {
            let mut claim = rid("02:00:00:00:00:01", Some(FRIEND), Some(at(0.0, 900.0 - 10.0 * f64::from(s))));
            claim.horizontal_accuracy_m = Some(accuracy_m);
            scene.claim(t(f64::from(s)), claim);
        }
        let alert = &scene.alerts()[0];
        assert_eq!(alert.severity, Severity::Critical, "{accuracy_m}");
        assert!(alert.steps[0].severity == Severity::Warning, "{accuracy_m} was warned of before it entered");
        let entered = alert.reason.entered_at.unwrap().since(t(0.0)).as_seconds_f64();
        assert!((entered - 70.0).abs() < 5.0, "{accuracy_m}: {entered}");
        let shown = scene.one().kinematics.horizontal_accuracy_m;
        assert!(shown >= accuracy_m, "what it said is shown: {shown}");
    }
    // A zone smaller than the uncertainty: who says that it is inside is inside.
    let mut small = site();
    small.zones[0].shape = Shape::Circle { centre: HERE, radius_m: 8.0 };
    let mut scene = Scene::new(small);
    for s in 0..30 {
        let mut claim = rid("02:00:00:00:00:01", Some(FRIEND), Some(at(0.0, 150.0 - 5.0 * f64::from(s))));
        claim.horizontal_accuracy_m = Some(30.0);
        scene.claim(t(f64::from(s)), claim);
    }
    assert!(scene.alerts().iter().any(|a| a.severity == Severity::Critical), "{:#?}", scene.alerts());
}

#[test]
fn ids_of_an_earlier_run_do_not_return() {
    let mut scene = Scene::new(site());
    scene.picture = Picture::continuing(site(), t(0.0), 5_000);
    scene.claim(t(0.0), rid("02:00:00:00:00:01", Some(FRIEND), Some(at(0.0, 0.0))));
    assert_eq!((scene.one().id, scene.alerts()[0].id), (TrackId(5_001), AlertId(5_001)));
}

fn with_ceiling(value_m: f64, datum: Datum) -> Site {
    let mut site = site();
    site.zones[0].ceiling = Some(lapwing_model::zone::ZoneHeight { value_m, datum });
    site
}

#[test]
fn a_claimed_height_hides_nothing() {
    type Lie = (Datum, fn(&mut Heights));
    let lies: [Lie; 4] = [
        (Datum::Ellipsoid, |h| h.height_ellipsoid_m = Some(1500.0)),
        (Datum::MeanSeaLevel, |h| h.altitude_msl_m = Some(1500.0)),
        (Datum::AboveGround, |h| h.height_above_ground_m = Some(1000.0)),
        (Datum::AboveTakeoff, |h| h.height_above_takeoff_m = Some(1000.0)),
    ];
    for (datum, lie) in lies {
        // By its word alone; seen by a radar without elevation; seen by one with.
        for radar in [None, Some(false), Some(true)] {
            let mut scene = Scene::new(with_ceiling(600.0, datum));
            for s in 0..90 {
                let north = 900.0 - 10.0 * f64::from(s);
                if let Some(elevation) = radar {
                    let mut p = plot(3.0, north, 60.0);
                    if let (Measurement::RangeAzimuth { elevation_rad, .. }, false) = (&mut p.measurement, elevation) {
                        *elevation_rad = None;
                    }
                    scene.radar(t(f64::from(s)), vec![p]);
                }
                let mut claim = southward("02:00:00:00:00:01", (0.0, north), 10.0);
                lie(&mut claim.heights);
                scene.claim(t(f64::from(s) + 0.3), claim);
                if s == 76 {
                    // However it lies, it is one track with a name, which the radar keeps.
                    let named = scene.one();
                    assert_eq!((named.id.0, named.identity.names.len()), (1, 1), "{datum:?} {radar:?}");
                    assert!(named.existence > 0.99, "{datum:?} {radar:?}: {}", named.existence);
                    let alerts = live(&scene);
                    assert!(
                        alerts.iter().any(|a| a.track == named.id && a.severity == Severity::Critical),
                        "{datum:?} {radar:?}: {alerts:#?}"
                    );
                }
            }
            let denied = scene
                .tracks()
                .iter()
                .any(|t| t.identity.evidence.iter().any(|e| e.kind == EvidenceKind::HeightContradicted));
            let comparable = matches!(datum, Datum::Ellipsoid | Datum::MeanSeaLevel);
            assert_eq!(denied, comparable && radar.is_some(), "{datum:?} {radar:?}");
        }
    }
}

#[test]
fn a_height_lie_that_begins_on_the_way_takes_no_track_from_a_radar_without_elevation() {
    let mut scene = Scene::new(with_ceiling(600.0, Datum::Ellipsoid));
    for s in 0..90 {
        let north = 900.0 - 10.0 * f64::from(s);
        let mut p = plot(3.0, north, 60.0);
        if let Measurement::RangeAzimuth { elevation_rad, .. } = &mut p.measurement {
            *elevation_rad = None;
        }
        scene.radar(t(f64::from(s)), vec![p]);
        let mut claim = southward("02:00:00:00:00:01", (0.0, north), 10.0);
        claim.heights.height_ellipsoid_m = Some(if s < 30 { 460.0 } else { 1500.0 });
        scene.claim(t(f64::from(s) + 0.3), claim);
        if s == 80 {
            let track = scene.one();
            assert!(track.id.0 == 1 && track.existence > 0.99, "{track:?}");
            assert!(track.kinematics.place.distance_m(at(0.0, north)) < 40.0, "{track:?}");
        }
    }
    assert!(live(&scene).iter().any(|a| a.severity == Severity::Critical), "{:#?}", scene.alerts());
}

#[test]
fn a_height_lie_that_was_there_first_is_denied_by_the_radar_track_below() {
    let mut scene = Scene::new(with_ceiling(600.0, Datum::Ellipsoid));
    for s in 0..60 {
        let north = 1500.0 - 10.0 * f64::from(s);
        let mut claim = southward("02:00:00:00:00:01", (0.0, north), 10.0);
        claim.heights.height_ellipsoid_m = Some(2500.0);
        scene.claim(t(f64::from(s)), claim);
        if s >= 10 {
            scene.radar(t(f64::from(s) + 0.5), vec![plot(0.0, north - 5.0, 60.0)]);
        }
    }
    let kinds: Vec<EvidenceKind> = scene.tracks().iter().flat_map(|t| &t.identity.evidence).map(|e| e.kind).collect();
    assert!(kinds.contains(&EvidenceKind::HeightContradicted), "{kinds:?}");
}

#[test]
fn a_true_height_that_sensors_measure_excludes_and_airliners_pass() {
    // Measured at 460 m above the ellipsoid, over a zone that ends at 420.
    let mut scene = Scene::new(with_ceiling(420.0, Datum::Ellipsoid));
    for s in 0..90 {
        let (north, up) = (900.0 - 10.0 * f64::from(s), 260.0);
        scene.radar(t(f64::from(s)), vec![plot(0.0, north, up)]);
        let mut claim = southward("02:00:00:00:00:01", (0.0, north), 10.0);
        claim.heights.height_ellipsoid_m = Some(400.0 + up);
        scene.claim(t(f64::from(s) + 0.3), claim);
    }
    assert!(scene.alerts().is_empty(), "{:#?}", scene.alerts());
    let kinds: Vec<EvidenceKind> = scene.tracks().iter().flat_map(|t| &t.identity.evidence).map(|e| e.kind).collect();
    assert!(!kinds.contains(&EvidenceKind::HeightContradicted), "{kinds:?}");
    // An airliner overhead, by its transponder alone; the same words from what flies as slowly as a drone.
    for (speed, alarms) in [(110.0, false), (20.0, true)] {
        let mut scene = Scene::new(with_ceiling(500.0, Datum::Ellipsoid));
        for s in 0..120 {
            let mut claim = adsb("4b1234", at(0.0, 60.0 * speed - speed * f64::from(s)));
            (claim.speed_mps, claim.course_rad) = (Some(speed), Some(lapwing_model::math::PI));
            claim.heights.height_ellipsoid_m = Some(3_000.0);
            scene.claim(t(f64::from(s)), claim);
        }
        assert_eq!(!scene.alerts().is_empty(), alarms, "{speed}: {:#?}", scene.alerts());
    }
}

#[test]
fn one_that_is_lost_inside_and_found_again_is_no_bird() {
    let mut scene = Scene::new(site());
    for s in (0..78).step_by(2) {
        let mut seen = plot(0.0, 900.0 - 10.0 * f64::from(s), 60.0);
        seen.classification = Some(Classification::single(Class::Multirotor, 0.8));
        scene.radar(t(f64::from(s)), vec![seen]);
    }
    for s in (78..160).step_by(2) {
        let mut seen = plot(-150.0, 120.0, 60.0);
        seen.classification = Some(Classification::single(Class::Bird, 0.95));
        let found = s >= 106;
        scene.radar(t(f64::from(s)), if found { vec![seen] } else { Vec::new() });
    }
    let alerts = live(&scene);
    let found =
        scene.tracks().into_iter().find(|t| t.classification.best().is_some_and(|b| b.0 == Class::Bird)).unwrap();
    assert!(alerts.iter().any(|a| a.track == found.id && a.severity == Severity::Critical), "{:#?}", scene.alerts());
}

/// The friend circles in the south of the yard; an intruder comes from the north. What it says, by the second.
fn beside_a_friend(say: impl Fn(f64, (f64, f64)) -> Vec<Claim>) {
    let mut scene = Scene::new(guarded());
    let friend = |s: f64| (80.0 * libm::sin(s / 8.0), -100.0);
    let intruder = |s: f64| (0.0, 1_000.0 - 10.0 * (s - 40.0));
    let mut unwarned = 0;
    for s in 0..140 {
        let now = f64::from(s);
        if s % 2 == 0 {
            let seen = [friend(now), intruder(now)];
            let count = if s < 40 { 1 } else { 2 };
            scene.radar(t(now), seen.into_iter().take(count).map(|(east, north)| plot(east, north, 60.0)).collect());
        }
        let mut claim = rid("02:00:00:00:00:01", Some(FRIEND), Some(at(friend(now + 0.1).0, friend(now + 0.1).1)));
        claim.measured_at = Some(t(now + 0.1));
        scene.claim(t(now + 0.1), claim);
        if s >= 40 {
            for (i, claim) in say(now + 0.3, intruder(now + 0.3)).into_iter().enumerate() {
                scene.claim(t(now + 0.3 + 0.01 * f64::from(i as u8)), claim);
            }
        }
        if s == 39 {
            assert_eq!(scene.status_of(FRIEND), IdentityStatus::Authorised);
            assert!(live(&scene).is_empty(), "{:#?}", live(&scene));
        }
        // From 300 m before the yard on, and inside.
        if (90..=135).contains(&s) {
            let warned = live(&scene).iter().any(|a| a.severity >= Severity::Warning);
            unwarned = if warned { 0 } else { unwarned + 1 };
            assert!(unwarned <= 2, "{now}: {:#?}\n{:#?}", scene.alerts(), scene.tracks());
        }
        if (126..=138).contains(&s) {
            let critical = live(&scene).iter().any(|a| a.severity == Severity::Critical);
            assert!(critical, "{now}: {:#?}\n{:#?}", scene.alerts(), scene.tracks());
        }
    }
}

#[test]
fn words_that_join_voices_hide_no_intruder_beside_a_friend() {
    let placed = |mac: &str, name: Option<&str>, place: (f64, f64)| rid(mac, name, Some(at(place.0, place.1)));
    let named = |mac: &str| rid(mac, Some(FRIEND), None);
    // It says nothing.
    beside_a_friend(|_, _| Vec::new());
    // It says where it is, and now and then a friend's name without a place.
    beside_a_friend(|s, place| {
        let mut claims = vec![placed("06:00:00:00:00:02", None, place)];
        claims.extend((s as i64 % 5 == 0).then(|| named("06:00:00:00:00:02")));
        claims
    });
    // The same from a new address every eight seconds.
    beside_a_friend(|s, place| {
        let mac = format!("06:00:00:00:00:{:02x}", s as i64 / 8);
        let mut claims = vec![placed(&mac, None, place)];
        claims.extend((s as i64 % 8 == 6).then(|| named(&mac)));
        claims
    });
    // It gives the friend's name at the friend's place and at its own, from one address.
    beside_a_friend(|s, place| {
        let friend = (80.0 * libm::sin(s / 8.0), -100.0);
        vec![placed("06:00:00:00:00:02", Some(FRIEND), friend), placed("06:00:00:00:00:02", Some(FRIEND), place)]
    });
    // The name before any place, from one address and from a new one every eight seconds.
    for every in [1_000, 8] {
        beside_a_friend(|s, place| {
            let mac = format!("06:00:00:00:00:{:02x}", s as i64 / every);
            match (s as i64 - 40) % every {
                0 => vec![rid(&mac, None, None)],
                1 => vec![named(&mac)],
                _ => vec![placed(&mac, None, place)],
            }
        });
    }
    // The same, its own place stamped a second late.
    beside_a_friend(|s, place| {
        let mut late = placed("06:00:00:00:00:02", Some(FRIEND), (place.0, place.1 + 10.0));
        late.measured_at = Some(t(s - 1.0));
        vec![late]
    });
}

/// A drone inside the yard that speaks by Bluetooth 4 (a place, a name and an operator in messages of their own), from a new address
/// every twenty seconds. The order in which they come first.
#[test]
fn an_authorised_drone_keeps_its_name_when_its_address_changes() {
    for operator_first in [false, true] {
        let mut scene = Scene::new(guarded());
        let place = |s: f64| (80.0 * libm::sin(s / 16.0), -100.0);
        for s in 0..180 {
            let now = f64::from(s);
            if s % 2 == 0 {
                let (east, north) = place(now);
                scene.radar(t(now), vec![plot(east, north, 60.0)]);
            }
            let mac = format!("c0:00:00:00:00:{:02x}", s / 20);
            let (east, north) = place(now + 0.3);
            let operator = Some(ClaimedOperator { place: Some(Personal::new(at(0.0, -100.0))), ..Default::default() });
            let (operator, name) = (Claim { operator, ..rid(&mac, None, None) }, rid(&mac, Some(FRIEND), None));
            if operator_first {
                scene.claim(t(now + 0.1), operator);
                scene.claim(t(now + 0.2), name);
                scene.claim(t(now + 0.3), rid(&mac, None, Some(at(east, north))));
            } else {
                scene.claim(t(now + 0.3), rid(&mac, None, Some(at(east, north))));
                scene.claim(t(now + 0.5), name);
                scene.claim(t(now + 0.6), operator);
            }
            scene.tick(t(now + 0.9));
            if s >= 8 {
                let track = scene.one();
                let found = (track.id, track.identity.status);
                assert_eq!(found, (TrackId(1), IdentityStatus::Authorised), "{operator_first}, {now}: {track:#?}");
            }
            for entry in scene.picture.tracks.values() {
                let known = |v: &u64| entry.voices.contains(v) && scene.picture.emitters.get(*v).is_some();
                assert!(
                    entry.agreed.iter().all(known) && entry.agreements.keys().all(known),
                    "{operator_first}, {now}"
                );
            }
        }
    }
}

/// What only claims to be, away from the friend, takes nothing of what was found of the friend over by giving its name.
#[test]
fn a_name_given_elsewhere_takes_over_no_agreement() {
    let mut scene = Scene::new(guarded());
    for s in 0..40 {
        let now = f64::from(s);
        if s % 2 == 0 {
            scene.radar(t(now), vec![plot(0.0, -100.0, 60.0)]);
        }
        scene.claim(t(now + 0.1), rid("02:00:00:00:00:01", Some(FRIEND), Some(at(0.0, -100.0))));
        if s >= 28 {
            scene.claim(t(now + 0.3), rid("06:00:00:00:00:02", None, Some(at(0.0, 250.0))));
        }
        if s == 30 {
            assert_eq!(scene.status_of(FRIEND), IdentityStatus::Authorised);
            scene.claim(t(now + 0.5), rid("06:00:00:00:00:02", Some(FRIEND), None));
            assert!(scene.tracks().iter().all(|t| t.identity.status != IdentityStatus::Authorised));
        }
    }
}

#[test]
fn what_is_joined_meanwhile_is_still_seen_elsewhere() {
    for joined in [false, true] {
        let mut scene = Scene::new(guarded());
        for s in 0..50 {
            let now = f64::from(s);
            if s % 2 == 0 {
                scene.radar(t(now), vec![plot(0.0, -100.0, 60.0)]);
            }
            // Its word goes 400 m to the east; there another address, without a name, has spoken for a while, and then gives its name.
            let east = if s < 30 { 0.0 } else { 400.0 };
            scene.claim(t(now + 0.1), rid("02:00:00:00:00:01", Some(FRIEND), Some(at(east, -100.0))));
            if joined && s >= 20 {
                scene.claim(t(now + 0.3), rid("06:00:00:00:00:02", None, Some(at(400.0, -100.0))));
            }
            if joined && s == 30 {
                scene.claim(t(now + 0.5), rid("06:00:00:00:00:02", Some(FRIEND), None));
            }
        }
        let joins = scene.events.iter().filter(|e| matches!(e.body, EventBody::TracksJoined { .. })).count();
        assert_eq!(joins, usize::from(joined), "{:#?}", scene.tracks());
        let claimed = scene.tracks().into_iter().find(|t| t.claimed_only).unwrap();
        let kinds: Vec<EvidenceKind> = claimed.identity.evidence.iter().map(|e| e.kind).collect();
        assert!(kinds.contains(&EvidenceKind::SeenElsewhere), "{joined}: {claimed:#?}");
    }
}
