//! Which claims are one aircraft's, and which are false.

use super::*;
use lapwing_model::*;

const A: &str = "1588E040445AC004418";
const B: &str = "1787F04BM24010011195";

#[test]
fn partial_bluetooth_messages_become_one_aircraft() {
    let mut scene = Scene::new(site());
    let bt = |serial, place| Claim {
        protocol: Protocol::RemoteIdBluetoothLegacy,
        ..rid("c0:00:00:00:00:01", serial, place)
    };
    for s in 0..10 {
        let s = f64::from(s);
        let mut location = bt(None, Some(at(5.0 * s, 1000.0)));
        location.heights.height_ellipsoid_m = Some(470.0);
        scene.claim(t(s), location);
        scene.claim(t(s + 0.3), bt(Some(A), None));
        let mut operator = bt(None, None);
        operator.operator =
            Some(ClaimedOperator { place: Some(Personal::new(at(0.0, 900.0))), ..ClaimedOperator::default() });
        scene.claim(t(s + 0.6), operator);
    }
    let track = scene.one();
    assert_eq!(scene.began(), 1);
    assert_eq!(track.identity.status, IdentityStatus::Claimed);
    assert_eq!(track.identity.names[0].value.as_str(), A);
    assert!(track.operator.is_some_and(|o| o.place.is_some()));
    let h = track.kinematics.heights;
    assert!((h.height_ellipsoid_m.unwrap() - 470.0).abs() < 2.0);
    // The geoid stands 48 m above the ellipsoid here.
    assert!((h.altitude_msl_m.unwrap() - 422.0).abs() < 3.0, "{h:?}");
}

#[test]
fn many_protocols_and_random_addresses_are_one_aircraft() {
    let mut scene = Scene::new(site());
    for s in 0..20 {
        let s = f64::from(s);
        let place = Some(at(8.0 * s, 1000.0));
        let protocols = [
            Protocol::RemoteIdWifiBeacon,
            Protocol::RemoteIdWifiNan,
            Protocol::RemoteIdBluetoothLegacy,
            Protocol::RemoteIdBluetoothLongRange,
            Protocol::RemoteId,
        ];
        for (i, protocol) in protocols.into_iter().enumerate() {
            // A new address every second on each carrier.
            let mac = format!("02:00:00:00:{i:02x}:{:02x}", s as u8);
            let claim = Claim { protocol, ..rid(&mac, Some(A), place) };
            scene.claim(t(s + 0.1 * i as f64), claim);
        }
    }
    assert_eq!(scene.began(), 1);
    let track = scene.one();
    assert_eq!(track.sources.len(), 5);
    assert_eq!(track.identity.status, IdentityStatus::Claimed);
    assert!(track.identity.evidence.is_empty(), "{:?}", track.identity.evidence);
}

#[test]
fn a_shared_address_with_two_serials_is_two_aircraft() {
    let mut scene = Scene::new(site());
    for s in 0..15 {
        let s = f64::from(s);
        scene.claim(t(s), rid("02:00:00:00:00:01", Some(A), Some(at(8.0 * s, 1000.0))));
        scene.claim(t(s + 0.4), rid("02:00:00:00:00:01", Some(B), Some(at(-8.0 * s, 1100.0))));
    }
    assert_eq!(scene.tracks().len(), 2);
    for name in [A, B] {
        assert_eq!(scene.status_of(name), IdentityStatus::Claimed, "a relay's address is no accusation");
    }
    assert!(
        scene.tracks().iter().all(|t| t.identity.evidence.iter().any(|e| e.kind == EvidenceKind::SharedTransmitter))
    );
}

#[test]
fn a_name_heard_late_joins_two_beginnings() {
    let mut scene = Scene::new(site());
    let place = |s: f64| Some(at(10.0 * s, 1000.0));
    for s in 0..6 {
        scene.claim(t(f64::from(s)), rid("02:00:00:00:00:01", Some(A), place(f64::from(s))));
        // The same aircraft by Bluetooth, which has not said its name yet.
        let mut other = rid("c0:00:00:00:00:02", None, place(f64::from(s) + 0.5));
        other.protocol = Protocol::RemoteIdBluetoothLegacy;
        scene.claim(t(f64::from(s) + 0.5), other);
    }
    let mut name = rid("c0:00:00:00:00:02", Some(A), None);
    name.protocol = Protocol::RemoteIdBluetoothLegacy;
    scene.claim(t(6.0), name);
    scene.claim(t(6.5), rid("02:00:00:00:00:01", Some(A), place(6.5)));
    let track = scene.one();
    assert_eq!(track.id, TrackId(1), "the first id stays");
    if scene.began() > 1 {
        assert!(scene.events.iter().any(|e| matches!(e.body, EventBody::TracksJoined { into: TrackId(1), .. })));
    }
}

#[test]
fn a_copy_that_speaks_in_pieces_is_told_apart() {
    let mut scene = Scene::new(site());
    for s in 0..20 {
        let s = f64::from(s);
        scene.claim(t(s), rid("02:00:00:00:00:01", Some(A), Some(at(8.0 * s, 1000.0))));
        let bt = |serial, place| Claim {
            protocol: Protocol::RemoteIdBluetoothLegacy,
            ..rid("c0:00:00:00:00:09", serial, place)
        };
        scene.claim(t(s + 0.3), bt(Some(A), None));
        scene.claim(t(s + 0.6), bt(None, Some(at(8.0 * s, 20_000.0))));
    }
    let tracks = scene.tracks();
    assert_eq!((tracks.len(), scene.began()), (2, 2));
    for track in tracks {
        let kinds: Vec<EvidenceKind> = track.identity.evidence.iter().map(|e| e.kind).collect();
        assert!(kinds.contains(&EvidenceKind::OneNameTwoPlaces), "{kinds:?}");
        assert_eq!(track.identity.status, IdentityStatus::Claimed, "nothing says which of the two is false");
    }
}

#[test]
fn a_drone_with_a_transponder_is_one_aircraft_by_its_motion() {
    let mut scene = Scene::new(site());
    for s in 0..30 {
        let s = f64::from(s);
        let velocity = |mut c: Claim| {
            (c.speed_mps, c.course_rad) = (Some(12.0), Some(lapwing_model::math::PI / 2.0));
            c
        };
        scene.claim(t(s), velocity(rid("02:00:00:00:00:01", Some(A), Some(at(12.0 * s, 1000.0)))));
        scene.claim(t(s + 0.5), velocity(adsb("4b1234", at(12.0 * (s + 0.5), 1003.0))));
    }
    let track = scene.one();
    assert_eq!(track.identity.names.len(), 2, "{:?}", track.identity.names);
    // Two with serials in formation stay two.
    let mut scene = Scene::new(site());
    for s in 0..30 {
        let s = f64::from(s);
        scene.claim(t(s), rid("02:00:00:00:00:01", Some(A), Some(at(12.0 * s, 1000.0))));
        scene.claim(t(s + 0.5), rid("02:00:00:00:00:02", Some(B), Some(at(12.0 * (s + 0.5), 1005.0))));
    }
    assert_eq!(scene.tracks().len(), 2);
}

#[test]
fn two_drones_beside_one_transponder_stay_two() {
    let mut scene = Scene::new(site());
    for s in 0..40 {
        let s = f64::from(s);
        let velocity = |mut c: Claim| {
            (c.speed_mps, c.course_rad) = (Some(12.0), Some(lapwing_model::math::PI / 2.0));
            c
        };
        scene.claim(t(s), velocity(adsb("4b1234", at(12.0 * s, 1000.0))));
        scene.claim(t(s + 0.3), velocity(rid("02:00:00:00:00:01", Some(A), Some(at(12.0 * (s + 0.3), 1008.0)))));
        scene.claim(t(s + 0.6), velocity(rid("02:00:00:00:00:02", Some(B), Some(at(12.0 * (s + 0.6), 992.0)))));
    }
    let names: Vec<usize> = scene.tracks().iter().map(|t| t.identity.names.len()).collect();
    assert_eq!(names, [2, 1], "one of the two has the transponder: {:#?}", scene.tracks());
    for track in scene.tracks() {
        let serials = track.identity.names.iter().filter(|n| n.kind == NameKind::Serial).count();
        assert_eq!(serials, 1, "{:?}", track.identity.names);
    }
}

#[test]
fn honest_flights_with_bad_luck_are_not_accused() {
    let honest = |name: &str, at_s: &dyn Fn(f64) -> f64, say: &dyn Fn(f64, &mut Claim)| {
        let mut scene = Scene::new(site());
        for i in 0..600 {
            let s = f64::from(i) * 0.2;
            let mut claim = rid("02:00:00:00:00:01", Some(A), Some(at(0.0, 1000.0)));
            claim.timestamp_raw_s = Some((START as f64 + libm::floor(s)).rem_euclid(3600.0));
            claim.measured_at = Some(t(libm::floor(s)));
            claim.speed_mps = Some(0.0);
            say(s, &mut claim);
            scene.claim(t(at_s(s)), claim);
        }
        for event in &scene.events {
            if let EventBody::TrackBegan { track } | EventBody::TrackUpdated { track } = &event.body {
                assert_ne!(track.identity.status, IdentityStatus::Contradicted, "{name}: {:?}", track.identity);
            }
        }
        scene
    };
    let clock = |s: f64| s;
    let scene = honest("hovering", &clock, &|_, _| {});
    assert!(scene.one().identity.evidence.is_empty());
    let scene = honest("resting with a lost fix", &clock, &|_, c| {
        c.timestamp_raw_s = Some(931.1);
        c.measured_at = None;
    });
    let kinds: Vec<EvidenceKind> = scene.one().identity.evidence.iter().map(|e| e.kind).collect();
    assert_eq!(kinds, [EvidenceKind::WrongTimestamp, EvidenceKind::FrozenTimestamp], "noted, not held against it");
    let scene = honest("the receiver's clock is four seconds off", &|s| s + 4.0, &|_, _| {});
    assert!(scene.one().identity.evidence.is_empty());
    let scene = honest("the receiver's clock is behind", &|s| s + 1.0, &|_, c| {
        c.measured_at = c.measured_at.map(|m| m + Span::from_seconds(3))
    });
    assert!(scene.one().identity.evidence.is_empty());
    honest("a transmitter that never sets its stamp", &clock, &|s, c| {
        c.timestamp_raw_s = Some(0.0);
        c.measured_at = None;
        c.place = Some(at(5.0 * s, 1000.0));
        c.speed_mps = None;
    });
    let scene = honest("reception with gaps", &|s| if s > 40.0 { s + 20.0 } else { s }, &|s, c| {
        let s = if s > 40.0 { s + 20.0 } else { s };
        c.place = Some(at(12.0 * s, 1000.0));
        c.timestamp_raw_s = Some((START as f64 + libm::floor(s)).rem_euclid(3600.0));
        c.measured_at = Some(t(libm::floor(s)));
        (c.speed_mps, c.course_rad) = (Some(12.0), Some(lapwing_model::math::PI / 2.0));
    });
    assert_eq!((scene.began(), scene.one().identity.evidence.len()), (1, 0));
    let scene = honest("a satellite fix that jumps by 250 m and back", &clock, &|s, c| {
        let jump = if (30.0..33.0).contains(&s) { 250.0 } else { 0.0 };
        c.place = Some(at(jump, 1000.0));
    });
    assert_eq!(scene.one().id, TrackId(1));
    // A cold start that jumps by two kilometres and stays: doubtful, not contradicted.
    honest("a first fix two kilometres off", &clock, &|s, c| {
        c.place = Some(at(if s < 20.0 { 2000.0 } else { 0.0 }, 1000.0))
    });
}

#[test]
fn time_stamps_wrap_at_the_full_hour() {
    let mut scene = Scene::new(site());
    // START is 800 s before the end of an hour: 1,700,000,000 mod 3600 = 800.
    let to_wrap = 3600.0 - (START as f64).rem_euclid(3600.0);
    for i in 0..120 {
        let s = to_wrap - 60.0 + f64::from(i);
        let mut claim = rid("02:00:00:00:00:01", Some(A), Some(at(3.0 * f64::from(i), 1000.0)));
        claim.timestamp_raw_s = Some((START as f64 + s).rem_euclid(3600.0));
        claim.measured_at = Some(t(s));
        scene.claim(t(s + 0.5), claim);
    }
    assert_eq!(scene.began(), 1);
    assert!(scene.one().identity.evidence.is_empty());
}

#[test]
fn what_a_radar_should_have_seen_and_did_not_is_contradicted() {
    let fly = |speed: f64, far: f64| {
        let mut scene = Scene::new(site());
        for s in 0..60 {
            let place = at(speed * f64::from(s), far);
            let mut claim = rid("02:00:00:00:00:01", Some(A), Some(place));
            claim.heights.height_ellipsoid_m = Some(480.0);
            (claim.speed_mps, claim.course_rad) = (Some(speed), Some(lapwing_model::math::PI / 2.0));
            scene.claim(t(f64::from(s)), claim);
            scene.radar(t(f64::from(s) + 0.5), Vec::new());
        }
        scene
    };
    let scene = fly(10.0, 1500.0);
    let identity = scene.one().identity;
    assert_eq!(identity.status, IdentityStatus::Contradicted, "{identity:?}");
    assert_eq!(identity.evidence[0].kind, EvidenceKind::NotSeenThere);
    assert_eq!(fly(0.0, 1500.0).one().identity.status, IdentityStatus::Claimed, "radars may not see what hovers");
    assert_eq!(fly(10.0, 9000.0).one().identity.status, IdentityStatus::Claimed, "beyond the radar's range");
}

/// A compass three degrees wrong puts what it sees 80 m beside where it says it is: no aircraft is called false for that, nor when another
/// has shown what the radar reads wrong.
#[test]
fn what_a_radar_sees_beside_it_is_not_held_against_it() {
    for aircraft in 1..=2 {
        let mut scene = Scene::new(site());
        for s in 0..60 {
            let s = f64::from(s);
            let north = |i: i32, s: f64| if i == 0 { 1_500.0 } else { -1_200.0 - 6.0 * s };
            for (i, serial) in [(0, A), (1, B)].into_iter().take(aircraft) {
                let mut claim = rid(&format!("02:00:00:00:00:{i:02x}"), Some(serial), Some(at(10.0 * s, north(i, s))));
                claim.heights.height_ellipsoid_m = Some(480.0);
                scene.claim(t(s), claim);
            }
            let (sin, cos) = (math::sin(math::rad(3.0)), math::cos(math::rad(3.0)));
            let seen = (0..aircraft as i32).map(|i| {
                let (e, n) = (10.0 * (s + 0.5), north(i, s + 0.5));
                plot(e * cos + n * sin, n * cos - e * sin, 80.0)
            });
            scene.radar(t(s + 0.5), seen.collect());
        }
        let false_ones: Vec<Track> =
            scene.tracks().into_iter().filter(|t| t.identity.status == IdentityStatus::Contradicted).collect();
        assert!(false_ones.is_empty(), "{false_ones:#?}");
        let seen = |name: &str| scene.status_of(name);
        assert_eq!(seen(A), if aircraft == 1 { IdentityStatus::Claimed } else { IdentityStatus::Corroborated });
    }
}

/// One that is not there is not excused by an honest one that it says to fly beside, however vague it says to be; the honest one is.
#[test]
fn what_flies_in_the_shadow_of_another_is_denied_all_the_same() {
    for (beside_m, accuracy_m) in [(25.0, 4.0), (25.0, 30.0), (40.0, 30.0)] {
        let mut scene = Scene::new(site());
        let mut denied_at = None;
        for s in 0..40 {
            let s = f64::from(s);
            for (i, serial, north) in [(0, A, 1_500.0), (1, B, 1_500.0 + beside_m)] {
                let mut claim = rid(&format!("02:00:00:00:00:{i:02x}"), Some(serial), Some(at(10.0 * s, north)));
                claim.heights.height_ellipsoid_m = Some(480.0);
                claim.horizontal_accuracy_m = Some(if i == 0 { 4.0 } else { accuracy_m });
                (claim.speed_mps, claim.course_rad) = (Some(10.0), Some(math::PI / 2.0));
                scene.claim(t(s), claim);
            }
            scene.radar(t(s + 0.5), vec![plot(10.0 * (s + 0.5), 1_500.0, 80.0)]);
            assert_ne!(scene.status_of(A), IdentityStatus::Contradicted, "the honest one, {beside_m} m, at {s} s");
            denied_at = denied_at.or((scene.status_of(B) == IdentityStatus::Contradicted).then_some(s));
        }
        assert!(denied_at.is_some_and(|s| s <= 15.0), "{beside_m} m, {accuracy_m} m: {denied_at:?}");
    }
}

/// Nor when it stops and goes on, again and again.
#[test]
fn what_stops_and_goes_on_beside_what_is_seen_is_not_denied() {
    let mut scene = Scene::new(site());
    let mut east = -300.0;
    for s in 0..180 {
        let goes = s % 16 < 10;
        let before = east;
        east += if goes { 9.0 } else { 0.0 };
        let s = f64::from(s);
        let mut claim = rid("02:00:00:00:00:01", Some(A), Some(at(before, 1_500.0)));
        claim.heights.height_ellipsoid_m = Some(480.0);
        (claim.speed_mps, claim.course_rad) = (Some(if goes { 9.0 } else { 0.0 }), Some(math::PI / 2.0));
        scene.claim(t(s), claim);
        let (sin, cos) = (math::sin(math::rad(3.0)), math::cos(math::rad(3.0)));
        let (e, n) = (0.5 * (before + east), 1_500.0);
        scene.radar(t(s + 0.5), vec![plot(e * cos + n * sin, n * cos - e * sin, 80.0)]);
        assert_ne!(scene.status_of(A), IdentityStatus::Contradicted, "at {s} s");
    }
}

/// A camera that points three degrees beside where it is thought to sees nothing of what it is asked for: it has never shown that it looks
/// there.
#[test]
fn a_camera_that_has_seen_nothing_where_it_should_denies_nobody() {
    let status = |off_deg: f64, first: bool| {
        let mut site = site();
        site.sensors[0].kind = SensorKind::Camera;
        let mut scene = Scene::new(site);
        for s in 0..60 {
            let s = f64::from(s);
            let claims: &[(i32, &str, f64)] =
                if first { &[(0, A, -900.0), (1, B, 1_500.0)] } else { &[(1, B, 1_500.0)] };
            for (i, serial, north) in claims {
                let mut claim = rid(&format!("02:00:00:00:00:{i:02x}"), Some(serial), Some(at(10.0 * s, *north)));
                claim.heights.height_ellipsoid_m = Some(480.0);
                (claim.speed_mps, claim.course_rad) = (Some(10.0), Some(math::PI / 2.0));
                scene.claim(t(s), claim);
            }
            // It sees the first of them, and never the second; or both, elsewhere.
            let seen = |north: f64| {
                let v = Enu::new(10.0 * (s + 0.5), north, 80.0);
                let measurement = Measurement::Bearing {
                    azimuth_rad: math::wrap_tau(v.azimuth_rad() + math::rad(off_deg)),
                    elevation_rad: Some(v.elevation_rad()),
                    azimuth_sd_rad: None,
                    elevation_sd_rad: None,
                };
                Plot { measurement, ..plot(0.0, 100.0, 0.0) }
            };
            let plots = if first { vec![seen(-900.0)] } else { vec![seen(1_500.0)] };
            scene.radar(t(s + 0.5), plots);
        }
        scene.status_of(B)
    };
    assert_eq!(status(3.0, false), IdentityStatus::Claimed);
    assert_eq!(status(0.0, true), IdentityStatus::Contradicted, "it sees the other where that says it is");
}

#[test]
fn an_independent_sensor_corroborates() {
    let mut scene = Scene::new(site());
    for s in 0..20 {
        let s = f64::from(s);
        let mut claim = rid("02:00:00:00:00:01", Some(A), Some(at(10.0 * s, 1500.0)));
        claim.heights.height_ellipsoid_m = Some(460.0);
        scene.claim(t(s), claim);
        scene.radar(t(s + 0.5), vec![plot(10.0 * (s + 0.5), 1500.0, 60.0)]);
    }
    let track = scene.one();
    assert_eq!(track.identity.status, IdentityStatus::Corroborated, "{:?}", track.identity);
    assert!(!track.claimed_only);
    // Long after the radar saw it last, its word alone is left.
    for s in 20..70 {
        let mut claim = rid("02:00:00:00:00:01", Some(A), Some(at(10.0 * f64::from(s), 1500.0)));
        claim.heights.height_ellipsoid_m = Some(460.0);
        scene.claim(t(f64::from(s)), claim);
    }
    assert_eq!(scene.one().identity.status, IdentityStatus::Claimed);
}

#[test]
fn a_claim_without_place_is_told_and_not_lost() {
    let mut scene = Scene::new(site());
    for s in 0..90 {
        scene.claim(t(f64::from(s)), rid("02:00:00:00:00:01", Some(A), None));
    }
    let told = scene.events.iter().filter(|e| matches!(e.body, EventBody::ClaimWithoutPlace { .. })).count();
    assert_eq!(told, 2, "after five seconds and a minute later");
    assert!(scene.tracks().is_empty());
}

#[test]
fn a_flood_of_ghosts_is_bounded_and_does_not_push_out_who_has_an_alert() {
    let mut scene = Scene::new(site());
    for s in 0..40 {
        let s = f64::from(s);
        let mut claim = rid("02:00:00:00:00:01", Some(A), Some(at(0.0, 600.0 - 10.0 * s)));
        (claim.speed_mps, claim.course_rad) = (Some(10.0), Some(lapwing_model::math::PI));
        scene.claim(t(s), claim);
    }
    let before = scene.one();
    assert!(!scene.alerts().is_empty());
    for i in 0..(limits::TRANSMITTERS_MAX + 100) {
        let claim = rid(&format!("ghost-{i}"), None, None);
        let books = Ledger { received: 1, used: 1, ..Ledger::default() };
        let reports = vec![Report::Claim(Box::new(claim))];
        let input = Input::Decoded { input: input("in-rid"), received_at: t(40.0), reports, faults: Vec::new(), books };
        scene.picture.handle(t(40.0), None, input);
        while scene.picture.poll().is_some() {}
    }
    assert!(scene.picture.emitters.len() <= limits::TRANSMITTERS_MAX);
    scene.claim(t(41.0), rid("02:00:00:00:00:01", Some(A), Some(at(0.0, 190.0))));
    assert_eq!(scene.one().id, before.id);
    assert_eq!(scene.alerts()[0].severity, Severity::Critical);
}

#[test]
fn what_nobody_has_seen_is_what_it_says_it_is_and_what_sends_is_no_bird() {
    // One hovers and says what it is; one hovers and does not say; an airliner at the speed of a bird (it taxies).
    let mut scene = Scene::new(site());
    for s in 0..90 {
        let s = f64::from(s);
        let still = at(300.0, 900.0);
        let mut said = rid("02:00:00:00:00:01", Some(A), Some(still));
        said.classification = Some(Classification::single(Class::Multirotor, 0.9));
        said.speed_mps = Some(0.0);
        scene.claim(t(s), said);
        let mut unsaid = rid("02:00:00:00:00:02", Some(B), Some(at(-300.0, 900.0)));
        unsaid.speed_mps = Some(0.0);
        scene.claim(t(s + 0.1), unsaid);
        let mut taxiing = adsb("4b1234", at(10.0 * s, -2_000.0));
        taxiing.classification = Some(Classification::single(Class::Aeroplane, 0.9));
        (taxiing.speed_mps, taxiing.course_rad) = (Some(10.0), Some(lapwing_model::math::PI / 2.0));
        scene.claim(t(s + 0.2), taxiing);
    }
    let class_of = |name: &str| {
        let tracks = scene.tracks();
        let track = tracks.iter().find(|t| t.identity.names.iter().any(|n| n.value.as_str() == name)).unwrap();
        track.classification.best().map(|(class, _)| class)
    };
    assert_eq!(class_of(A), Some(Class::Multirotor));
    assert!(matches!(class_of(B), Some(Class::Multirotor | Class::Drone)), "{:?}", class_of(B));
    assert_eq!(class_of("4b1234"), Some(Class::Aeroplane));
}

#[test]
fn a_height_that_was_said_long_ago_is_not_known_any_more() {
    let mut scene = Scene::new(site());
    let mut known = Vec::new();
    for s in 0..600 {
        let s = f64::from(s);
        let mut claim = adsb("4b1234", at(60.0 * s, 2_000.0));
        claim.heights.height_ellipsoid_m = (s < 30.0).then_some(500.0);
        (claim.speed_mps, claim.course_rad) = (Some(60.0), Some(lapwing_model::math::PI / 2.0));
        scene.claim(t(s), claim);
        let heights = scene.one().kinematics.heights;
        if heights.height_ellipsoid_m.is_some() {
            known.push(s);
            assert!(heights.vertical_accuracy_m.unwrap() < 500.0, "{heights:?} at {s}");
        }
    }
    assert!(known.len() > 30 && known.last().is_some_and(|s| *s < 500.0), "until {:?}", known.last());
}
