//! What comes late or out of order, honestly or to deceive.

use super::*;
use lapwing_model::*;
use lapwing_track::{Label, Observation};
use proptest::prelude::*;

const FRIEND: &str = "1588E040445AC004418";

fn guarded() -> Site {
    let name = Name { kind: NameKind::Serial, value: FRIEND.into() };
    Site { authorised: vec![AuthorisedFlight { name, area: None, from: None, to: None }], ..site() }
}

/// A claim that flies south, measured `late_s` before it is heard.
fn southward(place: (f64, f64), speed: f64, heard_s: f64, late_s: f64) -> Claim {
    let mut claim = rid("02:00:00:00:00:01", Some(FRIEND), Some(at(place.0, place.1)));
    (claim.speed_mps, claim.course_rad) = (Some(speed), Some(lapwing_model::math::PI));
    claim.measured_at = Some(t(heard_s - late_s));
    claim
}

fn live(scene: &Scene) -> Vec<Alert> {
    scene.alerts().into_iter().filter(|a| a.state != AlertState::Cleared).collect()
}

/// An aircraft far away whose claims are always in time: beside it, every late report is late.
fn clockwork(scene: &mut Scene, s: f64) {
    let mut claim = adsb("4b1234", at(60.0 * s, 20_000.0));
    claim.heights.height_ellipsoid_m = Some(3_000.0);
    (claim.speed_mps, claim.course_rad) = (Some(60.0), Some(lapwing_model::math::PI / 2.0));
    scene.claim(t(s), claim);
}

fn named(scene: &Scene) -> Vec<Track> {
    scene.tracks().into_iter().filter(|t| t.identity.names.iter().any(|n| n.value.as_str() == FRIEND)).collect()
}

#[test]
fn late_claims_are_counted_once() {
    let mut scene = Scene::new(site());
    for s in 0..20 {
        let s = f64::from(s);
        clockwork(&mut scene, s);
        scene.claim(t(s + 0.1), southward((0.0, 3_000.0 - 10.0 * (s - 0.9)), 10.0, s + 0.1, 1.0));
    }
    scene.tick(t(20.0));
    let tracks = named(&scene);
    assert_eq!(tracks.len(), 1, "{tracks:#?}");
    assert_eq!((tracks[0].sources[0].count, tracks[0].entries_total), (20, 20), "{tracks:#?}");
    assert!(tracks[0].entries.is_sorted());
}

#[test]
fn late_plots_name_their_journal_entries() {
    let mut scene = Scene::new(site());
    for s in 0..20 {
        let s = f64::from(s);
        let mut seen = plot(0.0, 3_000.0 - 10.0 * (s - 0.9), 60.0);
        seen.measured_at = Some(t(s - 0.9));
        scene.reports(t(s + 0.1), "in-radar", vec![Report::Plot(seen)]);
        scene.claim(t(s + 0.5), southward((0.0, 3_000.0 - 10.0 * (s + 0.5)), 10.0, s + 0.5, 0.0));
    }
    scene.tick(t(20.0));
    let track = scene.one();
    assert_eq!(track.sources.iter().map(|s| s.count).sum::<u64>(), track.entries_total, "{track:#?}");
    assert!(track.entries_total >= 39, "{track:#?}");
    assert!(track.entries.is_sorted());
}

/// A minute of one that flies at 20 m/s, that a radar sees where it says it is. After ten seconds every tenth of its claims is
/// `late_s` on its way.
fn held_up(late_s: f64) -> Scene {
    let mut scene = Scene::new(site());
    let flown = |s: f64| (0.0, 3_000.0 - 20.0 * s);
    for s in 0..60 {
        let s = f64::from(s);
        scene.claim(t(s), southward(flown(s), 20.0, s, 0.0));
        if s > 10.0 && s % 10.0 == 0.0 {
            scene.claim(t(s + 0.2), southward(flown(s + 0.2 - late_s), 20.0, s + 0.2, late_s));
        }
        let (east, north) = flown(s + 0.5);
        scene.radar(t(s + 0.5), vec![plot(east, north, 60.0)]);
    }
    scene
}

#[test]
fn a_claim_held_up_on_its_way_is_no_claim_of_now() {
    for late_s in [6.0, 7.0, 30.0] {
        let scene = held_up(late_s);
        let track = scene.one();
        assert_eq!(track.identity.status, IdentityStatus::Corroborated, "{late_s} s: {:?}", track.identity);
        assert_eq!(scene.began(), 1, "{late_s} s: none began where it was");
        let books = scene.picture.snapshot().inputs.into_iter().find(|b| b.input == input("in-rid")).unwrap().ledger;
        assert!(books.balances(), "{books:?}");
        assert_eq!(books.rejected.get("too-late"), Some(&4), "{late_s} s: {books:?}");
        let by_voice = track.sources.iter().find(|s| s.protocol.is_some()).unwrap();
        assert_eq!(by_voice.count, 60, "{late_s} s: what was refused led to nothing");
    }
}

/// A radar sees an aircraft on time; its word stands still on its way after a minute, and then comes all at once.
#[test]
fn a_link_that_stalls_splits_nobody_and_accuses_nobody() {
    let in_time = [(20.0, 6.0), (30.0, 10.0), (60.0, 10.0), (60.0, 20.0), (30.0, 45.0)].map(|(v, s)| (v, s, 0.0));
    // Each word may also be as long on its way as still counts as in time.
    for (speed, stall_s, way_s) in in_time.into_iter().chain([(60.0, 20.0, 3.0), (60.0, 45.0, 4.5)]) {
        let mut scene = Scene::new(guarded());
        let flown = |s: f64| (1_000.0, speed * (65.0 - s));
        let mut all: Vec<(f64, f64, bool)> = Vec::new();
        for s in (0..130).map(f64::from) {
            let into = s - 60.0;
            let heard = if (0.0..stall_s).contains(&into) { 60.0 + stall_s + into * 1e-4 } else { s } + way_s;
            all.extend([(heard, s, true), (s + 0.5, s + 0.5, false)]);
        }
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (heard, s, spoke) in all {
            if spoke {
                scene.claim(t(heard), southward(flown(s), speed, heard, heard - s));
            } else {
                scene.radar(t(heard), vec![plot(flown(s).0, flown(s).1, 60.0)]);
            }
        }
        let track = scene.one();
        assert_eq!(scene.began(), 1, "{speed} m/s, {stall_s} s, {way_s} s on its way");
        let against: Vec<_> = track.identity.evidence.iter().filter(|e| e.weight < 0.0).collect();
        assert!(against.is_empty(), "{speed} m/s, {stall_s} s, {way_s} s on its way: {against:?}");
    }
}

/// An airliner without times of its own, heard by two receivers, each of which loses every third message; one is slower on its way.
#[test]
fn what_comes_by_a_slower_way_is_of_when_it_was_said() {
    // Before the first echo nobody knows of three seconds.
    for (slower_s, begun) in [(0.3, 1), (1.0, 1), (3.0, 2)] {
        let mut scene = Scene::new(site());
        let flown = |s: f64| at(200.0 * (s - 60.0), 4_000.0);
        let mut all: Vec<(f64, f64, &str)> = Vec::new();
        for n in 0..240 {
            let s = f64::from(n) * 0.5;
            all.extend((n % 3 != 0).then_some((s, s, "in-adsb")));
            all.extend((n % 3 != 1).then_some((s + slower_s, s, "in-rid")));
        }
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (heard, s, by) in all {
            let mut claim = adsb("4b1234", flown(s));
            (claim.speed_mps, claim.course_rad) = (Some(200.0), Some(lapwing_model::math::PI / 2.0));
            scene.reports(t(heard), by, vec![Report::Claim(Box::new(claim))]);
            if s > 30.0 && s.fract() == 0.0 {
                let track = scene.one();
                let here = flown(scene.picture.snapshot().at.since(t(0.0)).as_seconds_f64());
                let off_m = track.kinematics.place.distance_m(here);
                assert!(off_m < 50.0, "{slower_s} s slower: off by {off_m:.0} m at {s}");
            }
        }
        assert_eq!(scene.began(), begun, "{slower_s} s slower");
        let identity = scene.one().identity;
        assert!(identity.evidence.iter().all(|e| e.weight >= 0.0), "{slower_s} s slower: {identity:?}");
    }
}

#[test]
fn what_has_no_time_and_comes_all_at_once_is_no_lie() {
    let mut scene = Scene::new(guarded());
    let flown = |s: f64| (1_000.0, 60.0 * (65.0 - s));
    for s in (0..130).map(f64::from) {
        let (east, north) = flown(s);
        let heard = if (60.0..70.0).contains(&s) { vec![] } else { vec![s] };
        let heard = if s == 70.0 { (60..=70).map(f64::from).collect() } else { heard };
        for (n, said) in heard.into_iter().enumerate() {
            let mut claim = southward(flown(said), 60.0, s, 0.0);
            claim.measured_at = None;
            scene.claim(t(s + 1e-4 * n as f64), claim);
        }
        scene.radar(t(s + 0.5), vec![plot(east, north - 30.0, 60.0)]);
    }
    for track in scene.tracks() {
        let identity = &track.identity;
        let against = [EvidenceKind::SeenElsewhere, EvidenceKind::ImpossibleSpeed, EvidenceKind::OneNameTwoPlaces];
        assert!(identity.evidence.iter().all(|e| !against.contains(&e.kind)), "{:?} {identity:?}", track.id);
    }
    let lied = |e: &Event| matches!(&e.body, EventBody::TrackUpdated { track } if track.identity.status == IdentityStatus::Contradicted);
    assert!(!scene.events.iter().any(lied), "at no time");
}

/// Claims without a time that are a second on their way, of one that a radar sees at once.
#[test]
fn a_latency_that_is_told_is_taken_off() {
    let mut late = site();
    for sensor in late.sensors.iter_mut().filter(|s| s.id == sensor_id("rid")) {
        sensor.latency = Some(Span::from_seconds(1));
    }
    let mut scene = Scene::new(late);
    let flown = |s: f64| (1_000.0, 30.0 * (60.0 - s));
    for s in (0..120).map(f64::from) {
        let mut claim = southward(flown(s - 0.8), 30.0, s, 0.0);
        claim.measured_at = None;
        scene.claim(t(s + 0.2), claim);
        let (east, north) = flown(s + 0.5);
        scene.radar(t(s + 0.5), vec![plot(east, north, 60.0)]);
    }
    let track = scene.one();
    assert_eq!((scene.began(), track.identity.status), (1, IdentityStatus::Corroborated), "{:?}", track.identity);
    assert!(track.identity.evidence.iter().all(|e| e.weight >= 0.0), "{:?}", track.identity);
    assert_eq!(named(&scene).len(), 1);
}

#[test]
fn a_copy_far_away_is_not_taken_for_a_claim_that_was_held_up() {
    let mut scene = Scene::new(site());
    for s in 0..40 {
        let s = f64::from(s);
        scene.claim(t(s), southward((0.0, 3_000.0 - 10.0 * s), 10.0, s, 0.0));
        if s > 10.0 {
            // The same name, from a clock that is 20 s late, 4 km beside it.
            scene.claim(t(s + 0.4), southward((4_000.0, 3_000.0 - 10.0 * s), 10.0, s + 0.4, 20.0));
        }
    }
    scene.tick(t(41.0));
    let tracks = named(&scene);
    assert_eq!(tracks.len(), 2, "{tracks:#?}");
    let places = [EvidenceKind::OneNameTwoPlaces];
    assert!(tracks.iter().all(|t| t.identity.evidence.iter().any(|e| places.contains(&e.kind))), "{tracks:#?}");
}

#[test]
fn another_receiver_with_a_wrong_clock_is_still_heard() {
    // Of two receivers that hear one aircraft one is slow by 20 s: what only that one hears later is of now.
    let mut scene = Scene::new(site());
    let flown = |s: f64| (0.0, 3_000.0 - 10.0 * s);
    for s in 0..40 {
        let s = f64::from(s);
        if s < 20.0 {
            scene.claim(t(s), southward(flown(s), 10.0, s, 0.0));
        }
        let slow = southward(flown(s + 0.3), 10.0, s + 0.3, 20.0);
        scene.reports(t(s + 0.3), "in-adsb", vec![Report::Claim(Box::new(slow))]);
    }
    let track = scene.one();
    assert!(t(40.0).since(track.last_at) < Span::from_seconds(2), "{track:#?}");
    let books = scene.picture.snapshot().inputs.into_iter().find(|b| b.input == input("in-adsb")).unwrap().ledger;
    assert_eq!(books.rejected.get("too-late"), None, "{books:?}");
}

#[test]
fn the_word_of_a_voice_that_is_gone_is_no_sighting() {
    let mut scene = Scene::new(site());
    for s in 0..5 {
        scene.claim(t(f64::from(s)), southward((0.0, 2_000.0 - 10.0 * f64::from(s)), 10.0, f64::from(s), 0.0));
    }
    let id = scene.one().id;
    for s in 5..20 {
        let now = f64::from(s);
        let place = (0.0, 2_000.0 - 10.0 * now);
        scene.claim(t(now), southward(place, 10.0, now, 0.0));
        let measurement = Measurement::Position {
            place: at(place.0, place.1),
            heights: Heights::UNKNOWN,
            horizontal_sd_m: Some(5.0),
            vertical_sd_m: None,
        };
        let late = Observation { label: Some(Label(77)), self_report: true, ..Observation::new(t(now), measurement) };
        scene.picture.took_late(id, &sensor_id("rid"), &late);
        scene.tick(t(now + 0.9));
    }
    let identity = scene.one().identity;
    assert_eq!(identity.status, IdentityStatus::Claimed, "{identity:?}");
}

#[test]
fn a_late_word_of_elsewhere_is_held_against_it() {
    for late_s in [0.0, 1.5] {
        let mut scene = Scene::new(guarded());
        let place = |s: f64| (0.0, 600.0 - 5.0 * s);
        for s in 0..60 {
            let s = f64::from(s);
            scene.radar(t(s), vec![plot(0.0, place(s).1, 60.0)]);
            if s < 30.0 {
                scene.claim(t(s + 0.1), southward(place(s + 0.1), 5.0, s + 0.1, 0.0));
            } else {
                // The word goes to the east, the aircraft does not.
                let lie = (20.0 * (s - 29.0) + 350.0, place(s).1);
                scene.claim(t(s + 0.1), southward(lie, 5.0, s + 0.1, late_s));
            }
            if s == 29.0 {
                assert_eq!(scene.status_of(FRIEND), IdentityStatus::Authorised, "{late_s}");
            }
        }
        scene.tick(t(60.0));
        let against: Vec<EvidenceKind> =
            scene.tracks().iter().flat_map(|t| &t.identity.evidence).map(|e| e.kind).collect();
        assert!(against.contains(&EvidenceKind::SeenElsewhere), "{late_s}: {:#?}", scene.tracks());
        assert!(scene.tracks().iter().all(|t| t.identity.status != IdentityStatus::Authorised), "{late_s}");
        let radar = scene.tracks().into_iter().find(|t| !t.claimed_only).unwrap();
        let warned = live(&scene).iter().any(|a| a.track == radar.id && a.severity == Severity::Critical)
            || place(60.0).1 > 200.0 && live(&scene).iter().any(|a| a.track == radar.id);
        assert!(warned, "{late_s}: {:#?}", scene.alerts());
    }
}

#[test]
fn one_that_stamps_its_claims_late_is_warned_of_once() {
    for late_s in [0.0, 0.4, 1.7, 3.2, 4.9] {
        let mut scene = Scene::new(site());
        for s in 0..140 {
            let s = f64::from(s);
            clockwork(&mut scene, s);
            let heard = s + 0.3;
            scene.claim(t(heard), southward((0.0, 900.0 - 10.0 * (heard - late_s)), 10.0, heard, late_s));
        }
        scene.tick(t(140.0));
        let alerts = scene.alerts();
        assert_eq!(alerts.len(), 1, "{late_s}: {alerts:#?}");
        assert_eq!(alerts[0].severity, Severity::Critical, "{late_s}");
        assert_eq!(alerts[0].steps[0].severity, Severity::Warning, "{late_s} was warned of before it entered");
        let raised = alerts[0].raised_at.since(t(0.0)).as_seconds_f64();
        assert!(raised < 40.0, "{late_s}: raised {raised}");
        assert_eq!(named(&scene).len(), 1, "{late_s}");
        let began = scene.events.iter().filter(|e| matches!(e.body, EventBody::TrackBegan { .. })).count();
        assert_eq!(began, 2, "{late_s}: one id for each of the two");
    }
}

#[test]
fn a_late_word_does_not_take_a_voice_back_to_where_it_was() {
    let mut scene = Scene::new(site());
    // It says that it is in the north, then 5 km east, then a late word of the north comes in.
    for s in 0..10 {
        let s = f64::from(s);
        scene.claim(t(s), southward((0.0, 2_000.0), 0.0, s, 0.0));
    }
    let north = scene.one().id;
    let track_of = |scene: &Scene| {
        let voices: Vec<_> = (0..4).filter_map(|v| scene.picture.emitters.get(v)).collect();
        voices.iter().max_by_key(|v| v.last_at).and_then(|v| v.track)
    };
    scene.claim(t(10.0), southward((600.0, 2_000.0), 0.0, 10.0, 0.0));
    scene.claim(t(11.0), southward((600.0, 2_000.0), 0.0, 11.0, 0.0));
    let there = track_of(&scene);
    scene.claim(t(11.1), southward((0.0, 2_000.0), 0.0, 11.1, 2.0));
    scene.claim(t(11.15), southward((600.0, 2_000.0), 0.0, 11.15, 0.0));
    scene.tick(t(11.9));
    assert_eq!(track_of(&scene), there, "{north} is where it was, not where it is");
}

#[test]
fn the_first_words_are_not_too_late() {
    let mut scene = Scene::new(site());
    scene.claim(t(1.0), adsb("4b1234", at(0.0, 20_000.0)));
    scene.claim(t(1.1), southward((0.0, 900.0), 10.0, 1.1, 0.6));
    scene.tick(t(1.5));
    assert_eq!(scene.tracks().len(), 2);
    let books = scene.picture.snapshot().inputs.into_iter().find(|i| i.input == input("in-rid")).unwrap().ledger;
    assert_eq!((books.received, books.used), (1, 1), "{books:?}");
}

#[test]
fn a_plot_older_than_can_be_used_is_refused_and_counted() {
    let mut scene = Scene::new(site());
    for s in 0..10 {
        scene.radar(t(2.0 * f64::from(s)), vec![plot(0.0, 3_000.0 - 20.0 * f64::from(s), 60.0)]);
    }
    for (late_s, reason) in [(4.0, None), (6.0, Some("too-late")), (59.0, Some("too-late")), (61.0, None)] {
        let mut seen = plot(0.0, 2_800.0, 60.0);
        seen.measured_at = Some(t(18.5 - late_s));
        let before = scene.picture.snapshot().inputs[0].ledger.clone();
        scene.reports(t(18.5), "in-radar", vec![Report::Plot(seen)]);
        let after = scene.picture.snapshot().inputs[0].ledger.clone();
        assert!(after.balances(), "{after:?}");
        assert_eq!(after.used - before.used, u64::from(reason.is_none()), "{late_s}: {after:?}");
        let refused = |l: &Ledger| reason.and_then(|r| l.rejected.get(r).copied()).unwrap_or(0);
        assert_eq!(refused(&after) - refused(&before), u64::from(reason.is_some()), "{late_s}: {after:?}");
    }
}

#[test]
fn a_crowd_of_ghosts_takes_nobodys_track_id() {
    let mut scene = Scene::new(site());
    let mut ids = std::collections::BTreeSet::new();
    for s in 0..12 {
        let mut ghosts = Vec::new();
        for i in 0..700 {
            let place = at(f64::from(i % 30) * 40.0 - 600.0, f64::from(i / 30) * 40.0 + 1_200.0);
            let mac = format!("02:00:00:00:{:02x}:{:02x}", i / 256, i % 256);
            let mut ghost = rid(&mac, Some(&format!("GHOST{i}")), Some(place));
            ghost.speed_mps = Some(0.0);
            ghosts.push(Report::Claim(Box::new(ghost)));
        }
        scene.reports(t(f64::from(s)), "in-rid", ghosts);
        let now = f64::from(s) + 0.5;
        let mut claim = southward((0.0, 1_500.0 - 10.0 * now), 10.0, now, 0.0);
        claim.transmitter = Some(Transmitter::Mac("06:00:00:00:00:01".into()));
        scene.claim(t(now), claim);
        ids.extend(named(&scene).iter().map(|t| t.id));
    }
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert_eq!(scene.began(), 701);
}

#[test]
fn a_flood_of_claims_does_not_blind_the_radar() {
    let config = lapwing_track::Config { tracks_max: 64, ..lapwing_track::Config::default() };
    let mut scene = Scene::new(site());
    scene.picture = Picture::tuned(site(), t(0.0), 0, config);
    let mut n = 0;
    for s in 0..90 {
        let now = f64::from(s);
        if s % 2 == 0 {
            scene.radar(t(now), vec![plot(0.0, 900.0 - 10.0 * now, 60.0)]);
        }
        for i in 0..40 {
            n += 1;
            let place = at(f64::from(n % 97) * 400.0 - 20_000.0, 6_000.0 + f64::from(n % 89) * 400.0);
            let ghost = rid(&format!("ghost-{n}"), Some(&format!("GHOST{n}")), Some(place));
            scene.claim(t(now + 0.02 * f64::from(i + 1)), ghost);
        }
    }
    let alerts = live(&scene);
    assert!(alerts.iter().any(|a| a.severity == Severity::Critical), "{alerts:#?}");
    let alert = alerts.iter().find(|a| a.severity == Severity::Critical).unwrap();
    assert!(alert.raised_at.since(t(0.0)).as_seconds_f64() < 40.0, "{}", alert.raised_at);
}

#[test]
fn what_was_joined_stays_joined_when_an_earlier_word_comes_late() {
    let mut scene = Scene::new(site());
    let place = |s: f64| (0.0, 190.0 - 10.0 * s);
    let word = |heard: f64, late: f64, mac: &str, name: Option<&str>| {
        let mut claim = southward(place(heard - late), 10.0, heard, late);
        claim.transmitter = Some(Transmitter::Mac(mac.into()));
        claim.names.retain(|_| name.is_some());
        claim
    };
    scene.claim(t(0.5), adsb("4b1234", at(0.0, 20_000.0)));
    scene.claim(t(1.0), word(1.0, 0.0, "02:00:00:00:00:01", Some(FRIEND)));
    scene.claim(t(1.2), word(1.2, 0.0, "c0:00:00:00:00:02", None));
    scene.claim(t(1.3), word(1.3, 0.0, "02:00:00:00:00:01", Some(FRIEND)));
    scene.claim(t(1.4), rid("c0:00:00:00:00:02", Some(FRIEND), None));
    scene.tick(t(1.45));
    assert_eq!(scene.tracks().len(), 2, "the name joins the two: {:#?}", scene.tracks());
    let id = named(&scene)[0].id;
    // A word from before each of the two began.
    scene.claim(t(1.6), word(1.6, 0.9, "02:00:00:00:00:01", Some(FRIEND)));
    scene.claim(t(1.7), word(1.7, 0.9, "c0:00:00:00:00:02", None));
    for s in 2..8 {
        scene.claim(t(f64::from(s)), word(f64::from(s), 0.0, "02:00:00:00:00:01", Some(FRIEND)));
    }
    assert_eq!(scene.tracks().len(), 2, "{:#?}", scene.tracks());
    assert_eq!(named(&scene)[0].id, id);
    assert!(scene.began() <= 3, "{}", scene.began());
    assert_eq!(live(&scene).len(), 1, "{:#?}", scene.alerts());
}

/// A report of an aircraft, at most a few seconds late, from any of several voices and two sensors.
fn late_report() -> impl Strategy<Value = (u8, u8, f64, f64, f64)> {
    (
        0u8..4,
        0u8..4,
        -800.0..800.0_f64,
        -800.0..800.0_f64,
        prop_oneof![3 => Just(0.0), 3 => 0.0..5.5_f64, 1 => 5.0..70.0_f64],
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_late_the_books_balance_and_the_replay_is_the_same(
        steps in prop::collection::vec((0u32..700, prop::collection::vec(late_report(), 0..5)), 1..80),
        ticks in prop::collection::vec(0.0..1.0_f64, 4),
    ) {
        let mut scene = Scene::new(guarded());
        let mut now = t(0.0);
        let mut received = [0u64; 2];
        for (ms, reports) in steps {
            now = now + Span::from_millis(i64::from(ms));
            let mut both: [Vec<Report>; 2] = [Vec::new(), Vec::new()];
            for (who, how, east, north, late_s) in reports {
                let measured_at = Some(now - Span::from_seconds_f64(late_s));
                if who == 0 {
                    let mut p = plot(east, north, 60.0);
                    p.measured_at = measured_at;
                    p.scan = (how > 1).then_some(u64::from(how));
                    both[0].push(Report::Plot(p));
                    if how == 3 {
                        both[0].push(scan_header(1));
                    }
                } else {
                    let name = format!("{who}588E040445AC004418");
                    let mut c = rid(&format!("mac-{how}"), (how > 0).then_some(&*name), (how < 3).then(|| at(east, north)));
                    c.measured_at = measured_at;
                    if how == 2 {
                        c.protocol = Protocol::Multilateration;
                    }
                    both[1].push(Report::Claim(Box::new(c)));
                }
            }
            for (i, reports) in both.into_iter().enumerate() {
                received[i] += reports.len() as u64;
                scene.reports(now, ["in-radar", "in-rid"][i], reports);
            }
        }
        scene.tick(now + Span::from_seconds(200));
        for (i, name) in ["in-radar", "in-rid"].into_iter().enumerate() {
            let books = scene.picture.snapshot().inputs.into_iter().find(|b| b.input == input(name)).unwrap().ledger;
            prop_assert!(books.balances(), "{books:?}");
            prop_assert_eq!(books.received, received[i]);
        }
        let again = scene.again(guarded(), |a, b| {
            ticks.iter().map(|share| a + Span::from_nanos((b.since(a).as_nanos() as f64 * share) as i64)).collect::<std::collections::BTreeSet<_>>().into_iter().collect()
        });
        prop_assert_eq!(again.bytes(), scene.bytes());
        // No alert is of two tracks at once and none is raised twice for one track and zone.
        let mut live = std::collections::BTreeSet::new();
        for alert in scene.alerts().iter().filter(|a| a.state != AlertState::Cleared) {
            prop_assert!(live.insert((alert.track, alert.reason.zone.clone())), "{alert:?}");
        }
        for track in scene.tracks() {
            prop_assert!(track.entries.is_sorted());
        }
    }
}
