//! Positions that others measured, or seem to have measured, under an aircraft's name: multilateration and traffic information.

use super::*;
use lapwing_model::*;
use lapwing_track::Config;

const FRIEND: &str = "4b1234";

/// The friend by its address on the list, or nobody; and multilateration beside the other sensors.
fn placing(listed: bool) -> Site {
    let mut site = site();
    let id = sensor_id("mlat");
    let error = ErrorModel { horizontal_sd_m: Some(15.0), ..ErrorModel::default() };
    let interval = Span::from_seconds(1);
    site.sensors.push(Sensor {
        error,
        interval,
        ..Sensor::new(id.clone(), SensorKind::Multilateration, None, interval)
    });
    site.inputs.push(site::InputInfo { id: input("in-mlat"), sensor: id, ..site.inputs[2].clone() });
    let name = Name { kind: NameKind::IcaoAddress, value: FRIEND.into() };
    if listed {
        site.authorised = vec![AuthorisedFlight { name, area: None, from: None, to: None }];
    }
    site
}

/// A position under an address that flies south.
fn said(scene: &mut Scene, now: f64, (by, protocol): (&str, Protocol), address: &str, (east, north): (f64, f64)) {
    let mut claim = Claim { protocol, ..adsb(address, at(east, north)) };
    claim.horizontal_accuracy_m = None;
    (claim.speed_mps, claim.course_rad) = (Some(10.0), Some(math::PI));
    scene.reports(t(now), by, vec![Report::Claim(Box::new(claim))]);
}

fn live(scene: &Scene) -> Vec<Alert> {
    scene.alerts().into_iter().filter(|a| a.state != AlertState::Cleared).collect()
}

fn ever(scene: &Scene, status: IdentityStatus) -> bool {
    scene.events.iter().any(|e| match &e.body {
        EventBody::TrackBegan { track } | EventBody::TrackUpdated { track } => track.identity.status == status,
        _ => false,
    })
}

fn warned(scene: &Scene) -> bool {
    live(scene).iter().any(|a| a.severity == Severity::Critical)
}

#[test]
fn traffic_information_off_the_air_is_a_claim_and_corroborates_nothing() {
    for listed in [false, true] {
        for by in ["in-adsb", "in-rid", "in-mlat"] {
            // Alone; with ADS-B of the same liar; where a radar looks and sees nothing.
            for (with_adsb, looks) in [(false, false), (true, false), (false, true)] {
                let what = format!("listed {listed}, by {by}, with ADS-B {with_adsb}, looked for {looks}");
                let mut scene = Scene::new(placing(listed));
                for s in 0..80 {
                    let now = f64::from(s);
                    let place = |now: f64| (0.0, 900.0 - 10.0 * now);
                    said(&mut scene, now, (by, Protocol::Tisb), FRIEND, place(now));
                    if with_adsb {
                        said(&mut scene, now + 0.5, ("in-adsb", Protocol::Adsb), FRIEND, place(now + 0.5));
                    }
                    if looks {
                        scene.radar(t(now + 0.7), Vec::new());
                    }
                }
                let track = scene.one();
                assert!(track.claimed_only, "{what}");
                for status in [IdentityStatus::Corroborated, IdentityStatus::Authorised] {
                    assert!(!ever(&scene, status), "{what}: {:?}", track.identity);
                }
                let refuted = track.identity.evidence.iter().any(|e| e.kind == EvidenceKind::NotSeenThere);
                assert_eq!(refuted, looks, "{what}: {:?}", track.identity);
                // What only says that it is a friend is warned of one step less urgently.
                let least = if listed { Severity::Warning } else { Severity::Critical };
                assert!(live(&scene).iter().any(|a| a.severity >= least), "{what}: {:#?}", scene.alerts());
            }
        }
    }
}

#[test]
fn multilateration_supports_a_word_that_it_agrees_with_and_no_other() {
    for by in ["in-mlat", "in-adsb"] {
        for off_m in [0.0, 250.0, 500.0] {
            let mut scene = Scene::new(placing(true));
            let mut name_kept = false;
            for s in 0..90 {
                let now = f64::from(s);
                let place = |now: f64| (0.0, 900.0 - 10.0 * now);
                // After a minute it says no position any more.
                if s < 60 {
                    let (east, north) = place(now);
                    said(&mut scene, now, ("in-adsb", Protocol::Adsb), FRIEND, (east + off_m, north));
                }
                said(&mut scene, now + 0.5, (by, Protocol::Multilateration), FRIEND, place(now + 0.5));
                let what = format!("by {by}, {off_m} m off, at {now}: {:#?}", scene.tracks());
                let support = |status: IdentityStatus| scene.tracks().iter().any(|t| t.identity.status == status);
                if off_m > 0.0 {
                    assert!(!support(IdentityStatus::Corroborated) && !support(IdentityStatus::Authorised), "{what}");
                } else if (20..60).contains(&s) {
                    assert_eq!(scene.one().identity.status, IdentityStatus::Authorised, "{what}");
                    assert!(live(&scene).is_empty(), "{what}");
                } else if s > 72 {
                    let track = scene.one();
                    name_kept |= !track.identity.names.is_empty();
                    assert!(!track.claimed_only && track.identity.status == IdentityStatus::Claimed, "{what}");
                }
            }
            assert!(warned(&scene), "by {by}, {off_m} m off: {:#?}", scene.alerts());
            assert!(name_kept || off_m > 0.0, "by {by}");
        }
    }
}

#[test]
fn an_honest_aircraft_that_multilateration_sees_too_is_corroborated() {
    let mut scene = Scene::new(placing(false));
    for s in 0..30 {
        let now = f64::from(s);
        let place = |now: f64| (0.0, 3_000.0 - 10.0 * now);
        said(&mut scene, now, ("in-adsb", Protocol::Adsb), FRIEND, place(now));
        let (east, north) = place(now + 0.4);
        let error_m = [12.0, -20.0, 5.0, -3.0][s as usize % 4];
        said(&mut scene, now + 0.4, ("in-mlat", Protocol::Multilateration), FRIEND, (east + error_m, north - error_m));
    }
    let identity = scene.one().identity;
    assert_eq!(identity.status, IdentityStatus::Corroborated, "{identity:?}");
    assert!(identity.evidence.iter().all(|e| e.weight >= 0.0), "{identity:?}");
}

#[test]
fn a_transponder_that_only_multilateration_places_has_a_name_that_nothing_supports() {
    let mut scene = Scene::new(placing(true));
    for s in 0..80 {
        let now = f64::from(s);
        said(&mut scene, now, ("in-mlat", Protocol::Multilateration), FRIEND, (0.0, 900.0 - 10.0 * now));
    }
    let track = scene.one();
    assert_eq!(track.identity.status, IdentityStatus::Claimed, "{track:#?}");
    assert!(!track.claimed_only && track.identity.names[0].value.as_str() == FRIEND, "{track:#?}");
    assert!(!ever(&scene, IdentityStatus::Corroborated) && !ever(&scene, IdentityStatus::Authorised));
    assert!(warned(&scene), "{:#?}", scene.alerts());
}

/// A message of an aircraft that says no position.
fn word(scene: &mut Scene, now: f64, protocol: Protocol, fill: impl Fn(&mut Claim)) {
    let mut claim = Claim { protocol, place: None, horizontal_accuracy_m: None, ..adsb(FRIEND, HERE) };
    fill(&mut claim);
    scene.reports(t(now), "in-mlat", vec![Report::Claim(Box::new(claim))]);
}

/// An aircraft that flies south at 30 m/s, as multilateration measures it without a velocity; before each position comes what it says
/// of its velocity, or what the network says of that.
fn with_velocities(by: Option<(Protocol, f64)>) -> Scene {
    let mut scene = Scene::new(placing(false));
    for s in 0..20 {
        let now = f64::from(s);
        if let Some((protocol, course_rad)) = by {
            word(&mut scene, now, protocol, |c| (c.speed_mps, c.course_rad) = (Some(30.0), Some(course_rad)));
        }
        let mut claim = Claim { protocol: Protocol::Multilateration, ..adsb(FRIEND, at(0.0, 1_500.0 - 30.0 * now)) };
        claim.horizontal_accuracy_m = None;
        scene.reports(t(now + 0.1), "in-mlat", vec![Report::Claim(Box::new(claim))]);
    }
    scene
}

#[test]
fn its_own_word_of_its_velocity_is_not_measured_with_its_position() {
    let velocity = |scene: &Scene| {
        let estimate = scene.picture.tracker.estimate(scene.one().id, scene.picture.now).unwrap();
        (estimate.velocity.east_m, estimate.velocity.north_m, estimate.covariance[3][3])
    };
    let without = with_velocities(None);
    // Off by a little each time it would bend the track all the more: what is far off is not used anyway.
    for aside_rad in [0.2, 0.4, 1.0] {
        let lied = with_velocities(Some((Protocol::Adsb, math::PI - aside_rad)));
        assert_eq!(velocity(&lied), velocity(&without), "{aside_rad}");
    }
    // What the network measured of it is used.
    let measured = with_velocities(Some((Protocol::Multilateration, math::PI)));
    let (east_mps, north_mps, variance) = velocity(&measured);
    assert!(east_mps.abs() < 1.0 && (north_mps + 30.0).abs() < 1.0, "{east_mps} {north_mps}");
    assert!(variance < 0.5 * velocity(&without).2, "{variance}");
}

#[test]
fn its_own_word_of_its_height_is_not_measured_with_its_position() {
    for (said_apart, own_positions, measured) in
        [(true, false, None), (false, true, None), (true, false, Some(300.0)), (false, false, Some(300.0))]
    {
        let what = format!("apart {said_apart}, own positions {own_positions}, measured {measured:?}");
        let mut scene = Scene::new(placing(false));
        let mut given = Vec::new();
        for s in 0..20 {
            let now = f64::from(s);
            let place = |now: f64| at(0.0, 3_000.0 - 30.0 * now);
            if said_apart {
                word(&mut scene, now, Protocol::Adsb, |c| c.heights.height_ellipsoid_m = Some(4_000.0));
            }
            if own_positions {
                let mut claim = adsb(FRIEND, place(now + 0.3));
                claim.heights.height_ellipsoid_m = Some(4_000.0);
                scene.claim(t(now + 0.3), claim);
            }
            let mut claim = Claim { protocol: Protocol::Multilateration, ..adsb(FRIEND, place(now + 0.6)) };
            claim.heights.height_ellipsoid_m = measured;
            claim.heights.altitude_pressure_m = Some(3_900.0);
            let mlat = sensor_id("mlat");
            let by = crate::emitters::By { sensor: &mlat, usual: Span::ZERO, by_others: true, sd_m: None };
            // What would go with it to the tracker, tried on a picture that is thrown away.
            let saved = scene.picture.save(Vec::new()).unwrap();
            let mut trial = Picture::restore(&saved, Config::default()).unwrap();
            let position = trial.emitters.hear(&claim, by, t(now + 0.6), |_| false).position.unwrap();
            given.push(position.heights.height_ellipsoid_m);
            scene.reports(t(now + 0.6), "in-mlat", vec![Report::Claim(Box::new(claim))]);
        }
        assert!(given.iter().all(|height_m| *height_m == measured), "{what}: {given:?}");
        let track = scene.one();
        let known = scene.picture.tracker.estimate(track.id, scene.picture.now).unwrap().height_known;
        assert_eq!(known, own_positions || measured.is_some(), "{what}");
        assert_eq!(track.kinematics.heights.altitude_pressure_m, Some(3_900.0), "{what}: the barometric one is shown");
    }
}

#[test]
fn a_height_that_a_network_measures_badly_is_no_word_of_the_aircraft() {
    let mut scene = Scene::new(placing(false));
    for s in 0..40 {
        let now = f64::from(s);
        let place = |now: f64| (0.0, 2_000.0 - 10.0 * now);
        let (east, north) = place(now);
        scene.claim(t(now), adsb(FRIEND, at(east, north)));
        scene.radar(t(now + 0.3), vec![plot(place(now + 0.3).0, place(now + 0.3).1, 60.0)]);
        let (east, north) = place(now + 0.6);
        let mut claim = Claim { protocol: Protocol::Multilateration, ..adsb(FRIEND, at(east, north)) };
        claim.heights.height_ellipsoid_m = Some(900.0);
        scene.reports(t(now + 0.6), "in-mlat", vec![Report::Claim(Box::new(claim))]);
    }
    let identity = scene.one().identity;
    assert!(identity.evidence.iter().all(|e| e.weight >= 0.0), "{identity:?}");
    assert_eq!(identity.status, IdentityStatus::Corroborated);
}

#[test]
fn however_many_addresses_send_from_one_place_its_track_has_few_voices() {
    let mut scene = Scene::new(placing(true));
    let friend = "1588E040445AC004418";
    let (mut sent, mut most) = (0, 0);
    for s in 0..60 {
        let now = f64::from(s);
        let place = |now: f64| (0.0, 3_000.0 - 10.0 * now);
        scene.claim(t(now), rid("02:00:00:00:00:01", Some(friend), Some(at(place(now).0, place(now).1))));
        let seen = place(now + 0.05);
        scene.radar(t(now + 0.05), vec![plot(seen.0, seen.1, 60.0)]);
        for n in 1..=9 {
            // Each once only, while sensors see the friend there.
            let now = now + 0.1 * f64::from(n);
            if s >= 12 {
                sent += 1;
                let address = format!("{sent:06x}");
                said(&mut scene, now, ("in-mlat", Protocol::Multilateration), &address, place(now));
            }
        }
        for entry in scene.picture.tracks.values() {
            most = most.max(entry.voices.len());
            assert!(entry.agreements.len() <= entry.voices.len() && entry.agreed.len() <= entry.voices.len());
        }
        assert!(most <= limits::VOICES_PER_TRACK_MAX, "{most}");
        if s >= 12 {
            assert_eq!(scene.status_of(friend), IdentityStatus::Corroborated, "at {now}: {:#?}", scene.tracks());
        }
    }
    assert_eq!(most, limits::VOICES_PER_TRACK_MAX, "they spoke for its track");
    // Nobody speaks for a track whom nobody remembers.
    let listed = |scene: &Scene| -> usize {
        scene.picture.tracks.values().map(|e| e.voices.len() + e.agreements.len() + e.agreed.len()).sum()
    };
    assert!(listed(&scene) > 0);
    for voice in 0..=sent {
        if let Some(voice) = scene.picture.emitters.get_mut(voice) {
            voice.track = None;
        }
    }
    scene.picture.emitters.forget(t(10_000.0));
    assert_eq!(scene.picture.emitters.len(), 0);
    scene.tick(t(61.0));
    assert!(!scene.tracks().is_empty());
    assert_eq!(listed(&scene), 0);
}
