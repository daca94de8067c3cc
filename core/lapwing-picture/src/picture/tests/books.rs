//! Books, health, events and determinism.

use super::*;
use lapwing_model::snapshot::Health;
use lapwing_model::*;
use proptest::prelude::*;
use std::borrow::Cow;

fn health(scene: &Scene, name: &str) -> (Health, Option<String>, Time) {
    let sensors = scene.picture.snapshot().sensors;
    let s = sensors.into_iter().find(|s| s.sensor.id == sensor_id(name)).unwrap();
    (s.health, s.why.map(|w| w.as_str().to_owned()), s.since)
}

fn ledger(scene: &Scene, name: &str) -> Ledger {
    scene.picture.snapshot().inputs.into_iter().find(|i| i.input == input(name)).unwrap().ledger
}

#[test]
fn silence_begins_exactly_when_it_is_due() {
    let mut scene = Scene::new(site());
    assert_eq!(health(&scene, "radar").0, Health::Waiting);
    scene.radar(t(1.5), Vec::new());
    assert_eq!(health(&scene, "radar").0, Health::Live, "an empty scan is a word");
    // After one word its rhythm is not known: it has six intervals, not three.
    scene.tick(t(13.4));
    assert_eq!(health(&scene, "radar").0, Health::Live);
    // The next thing that happens is much later; the silence began in between.
    scene.tick(t(100.0));
    let (state, why, since) = health(&scene, "radar");
    assert_eq!((state, since), (Health::Silent, t(13.5)));
    assert!(why.unwrap().starts_with("not heard since"));
    let event = scene.events.iter().find(|e| {
        matches!(&e.body, EventBody::SensorChanged { sensor, health: Health::Silent, .. } if *sensor == sensor_id("radar"))
    });
    assert_eq!(event.map(|e| (e.at, e.cause)), Some((t(13.5), None)));
    assert_eq!(health(&scene, "rid").0, Health::Silent, "never heard, and said so");
    scene.radar(t(101.0), Vec::new());
    assert_eq!(health(&scene, "radar").0, Health::Live, "it comes back by itself");
}

#[test]
fn a_lost_link_silences_at_once_and_a_declared_fault_shows() {
    let mut scene = Scene::new(site());
    scene.radar(t(1.0), Vec::new());
    scene
        .input(t(1.5), Input::Link { input: input("in-radar"), link: Link::Down { why: "connection refused".into() } });
    let (state, why, since) = health(&scene, "radar");
    assert_eq!((state, since), (Health::Silent, t(1.5)));
    assert_eq!(why.unwrap(), "input in-radar is down: connection refused");
    scene.input(t(1.8), Input::Link { input: input("in-radar"), link: Link::Up });
    scene.radar(t(2.0), Vec::new());
    assert_eq!(health(&scene, "radar").0, Health::Live);
    let Report::SensorStatus(mut status) = scan_header(0) else { unreachable!() };
    status.health = Some(report::SensorHealth::Degraded);
    status.text = Some("antenna heater".into());
    scene.reports(t(3.0), "in-radar", vec![Report::SensorStatus(status)]);
    let (state, why, _) = health(&scene, "radar");
    assert_eq!((state, why.as_deref()), (Health::Faulty, Some("says that it works in part: antenna heater")));
    scene.radar(t(4.0), Vec::new());
    assert_eq!(health(&scene, "radar").0, Health::Faulty, "a scan header does not say that it is well again");
}

fn rubbish(scene: &mut Scene, now: Time, units: u64, kind: FaultKind) {
    let fault = Fault { kind, reason: Cow::Borrowed("bad-crc"), detail: "x".into(), offset: 0, length: 1 };
    let mut books = Ledger { received: units, ..Ledger::default() };
    books.reject(Cow::Borrowed("bad-crc"), units);
    let faults = vec![fault; units as usize];
    scene.input(now, Input::Decoded { input: input("in-rid"), received_at: now, reports: Vec::new(), faults, books });
}

#[test]
fn mostly_rubbish_is_faulty_and_other_traffic_is_not() {
    let mut scene = Scene::new(site());
    rubbish(&mut scene, t(1.0), 50, FaultKind::Irrelevant);
    assert_eq!(health(&scene, "rid").0, Health::Live, "beacons without Remote ID show a receiver that works");
    rubbish(&mut scene, t(2.0), 50, FaultKind::Malformed);
    assert_eq!(health(&scene, "rid").0, Health::Faulty);
    for s in 0..30 {
        scene.claim(t(20.0 + f64::from(s)), rid("02:00:00:00:00:01", None, None));
    }
    assert_eq!(health(&scene, "rid").0, Health::Live);
}

#[test]
fn faults_are_told_once_a_second_with_their_count() {
    let mut scene = Scene::new(site());
    for i in 0..30 {
        rubbish(&mut scene, t(0.05 + 0.1 * f64::from(i)), 2, FaultKind::Malformed);
    }
    scene.tick(t(10.0));
    let counts: Vec<u64> = scene
        .events
        .iter()
        .filter_map(|e| match &e.body {
            EventBody::Faulted { count, .. } => Some(*count),
            _ => None,
        })
        .collect();
    assert_eq!(counts, vec![20, 20, 20]);
    let inputs = scene.picture.snapshot().inputs;
    assert_eq!(inputs[1].faults.len(), limits::FAULTS_PER_INPUT_MAX);
}

#[test]
fn a_report_of_an_unknown_sensor_is_rejected_and_counted() {
    let mut scene = Scene::new(site());
    let mut stranger = plot(100.0, 100.0, 50.0);
    stranger.sensor = Some(sensor_id("nobody"));
    scene.reports(t(1.0), "in-radar", vec![Report::Plot(stranger), Report::Plot(plot(0.0, 900.0, 50.0))]);
    let books = ledger(&scene, "in-radar");
    assert_eq!((books.received, books.used, books.rejected.get("unknown-sensor")), (2, 1, Some(&1)));
    // The one that was used makes a track as soon as others confirm it.
    for s in 1..4 {
        scene.radar(t(1.0 + 2.0 * f64::from(s)), vec![plot(0.0, 900.0, 50.0)]);
    }
    let track = scene.one();
    assert_eq!((track.entries[0], track.entries_total), (Position(0), 4), "the first plot is among what led to it");
}

#[test]
fn each_sensor_of_a_reception_counts_its_own() {
    let mut scene = Scene::new(site());
    let of = |name: Option<&str>, range_m: f64| {
        let mut plot = plot(0.0, range_m, 50.0);
        plot.sensor = name.map(sensor_id);
        Report::Plot(plot)
    };
    // Of three sensors by turns, one of them unknown; and one plot that nothing can be made of.
    let reports = vec![
        of(None, 900.0),
        of(Some("adsb"), 700.0),
        of(None, 1_000.0),
        of(Some("nobody"), 800.0),
        of(Some("adsb"), f64::NAN),
        of(Some("radar"), 1_100.0),
        of(Some("adsb"), 750.0),
    ];
    scene.reports(t(1.0), "in-radar", reports);
    let books = ledger(&scene, "in-radar");
    assert!(books.balances(), "{books:?}");
    assert_eq!((books.received, books.used), (7, 5), "{books:?}");
    let sensors = scene.picture.snapshot().sensors;
    let used = |name: &str| sensors.iter().find(|s| s.sensor.id.as_str() == name).map(|s| s.reports);
    assert_eq!((used("radar"), used("adsb"), used("rid")), (Some(3), Some(2), Some(0)));
}

#[test]
fn tracks_are_told_at_most_once_a_second_on_the_second() {
    let mut scene = Scene::new(site());
    for i in 0..200 {
        let s = f64::from(i) * 0.1;
        scene.claim(t(s + 0.03), rid("02:00:00:00:00:01", Some("1588E040445AC004418"), Some(at(10.0 * s, 1000.0))));
    }
    let told: Vec<Time> =
        scene.events.iter().filter(|e| matches!(e.body, EventBody::TrackUpdated { .. })).map(|e| e.at).collect();
    let on_grid = told.iter().filter(|at| at.as_nanos() % 1_000_000_000 == 0).count();
    assert!(on_grid >= 19 && told.len() - on_grid <= 2, "{told:?}");
    let track = scene.one();
    assert_eq!(track.trail.len(), 19);
    assert_eq!(track.entries.len(), limits::SOURCES_PER_TRACK_MAX);
    assert_eq!((track.entries[0], track.entries_total), (Position(0), 200));
    assert_eq!(*track.entries.last().unwrap(), Position(199));
}

#[test]
fn sightings_and_sensor_tracks_count_as_weak_plots() {
    let mut scene = Scene::new(site());
    for s in 0..12_u32 {
        let mut p = plot(10.0 * f64::from(s), 1000.0, 60.0);
        p.scan = Some(s.into());
        let track = SensorTrack { object: "7".into(), plot: p, vertical_speed_mps: None, ended: false };
        scene.reports(t(f64::from(s)), "in-radar", vec![Report::SensorTrack(track), scan_header(1)]);
    }
    assert_eq!(scene.one().phase, Phase::Confirmed);
    let sighting = Sighting {
        sensor: None,
        measured_at: None,
        observer: Some(at(110.0, 0.0)),
        measurement: Some(Measurement::Bearing {
            azimuth_rad: 0.0,
            elevation_rad: None,
            azimuth_sd_rad: None,
            elevation_sd_rad: None,
        }),
        classification: Some(Classification::single(Class::Multirotor, 1.0)),
        count: None,
        text: None,
    };
    // One word against what birds are common and fly like is not enough; a person who says it again is believed.
    for s in [11.5, 12.0, 12.5] {
        scene.reports(t(s), "in-rid", vec![Report::Sighting(sighting.clone())]);
    }
    let track = scene.one();
    assert_eq!(track.sources.len(), 2, "{:?}", track.sources);
    assert_eq!(track.classification.best().map(|b| b.0), Some(Class::Multirotor));
}

#[test]
fn a_snapshot_survives_json() {
    let mut scene = Scene::new(site());
    for s in 0..40 {
        scene.radar(t(2.0 * f64::from(s)), vec![plot(0.0, 900.0 - 20.0 * f64::from(s), 60.0)]);
        scene.claim(
            t(2.0 * f64::from(s) + 1.0),
            rid("02:00:00:00:00:01", Some("1588E040445AC004418"), Some(at(900.0, 900.0))),
        );
    }
    let snapshot = scene.picture.snapshot();
    assert!(!snapshot.alerts.is_empty() && snapshot.tracks.len() == 2);
    let text = serde_json::to_string(&snapshot).unwrap();
    assert!(!text.contains("null,\"longitude"), "no number that JSON cannot say");
    let back: Snapshot = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&back).unwrap(), text);
    for event in &scene.events {
        serde_json::to_string(event).unwrap();
    }
}

/// Any report, sound or not.
fn report() -> impl Strategy<Value = Report> {
    let value = prop_oneof![8 => -3000.0..3000.0_f64, 1 => Just(f64::NAN), 1 => Just(1e300)];
    let name = prop_oneof![Just("A1"), Just("A2"), Just("A3")];
    let mac = prop_oneof![Just("m1"), Just("m2"), Just("m3")];
    prop_oneof![
        (value.clone(), value.clone(), 0u8..3).prop_map(|(e, n, sensor)| {
            let mut p = plot(e, n, 50.0);
            p.sensor = (sensor == 0).then(|| sensor_id("nobody"));
            p.scan = (sensor == 1).then_some(1);
            Report::Plot(p)
        }),
        (name, mac, value.clone(), value.clone(), prop::option::of(value), any::<bool>()).prop_map(
            |(name, mac, e, n, extra, named)| {
                let mut c = rid(mac, named.then_some(name), extra.map(|_| at(e, n)));
                c.timestamp_raw_s = extra;
                c.speed_mps = extra;
                c.course_rad = extra;
                c.heights.height_ellipsoid_m = extra;
                c.measured_at = extra.map(t);
                Report::Claim(Box::new(c))
            }
        ),
        Just(scan_header(0)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn books_balance_and_the_same_again_is_the_same(
        steps in prop::collection::vec((0u32..4000, prop::collection::vec(report(), 0..4), 0u64..3, 0u64..3, 0usize..3), 1..60),
        ticks in prop::collection::vec(0.0..1.0_f64, 5),
    ) {
        let mut scene = Scene::new(site());
        let mut now = t(0.0);
        let names = ["in-radar", "in-rid", "in-adsb"];
        let mut received = [0u64; 3];
        for (ms, reports, bad, shed, which) in steps {
            now = now + Span::from_millis(i64::from(ms));
            let used = reports.len() as u64;
            let mut books = Ledger { received: used + bad, used, ..Ledger::default() };
            books.reject(Cow::Borrowed("bad-crc"), bad);
            received[which] += used + bad + shed;
            scene.input(now, Input::Shed { input: input(names[which]), units: shed, reason: Cow::Borrowed("mailbox-full") });
            scene.input(now, Input::Decoded { input: input(names[which]), received_at: now, reports, faults: Vec::new(), books });
        }
        scene.tick(now + Span::from_seconds(200));
        for (i, name) in names.into_iter().enumerate() {
            let books = ledger(&scene, name);
            prop_assert!(books.balances(), "{books:?}");
            prop_assert_eq!(books.received, received[i]);
        }
        let again = scene.again(site(), |a, b| {
            ticks.iter().map(|share| a + Span::from_nanos((b.since(a).as_nanos() as f64 * share) as i64)).collect::<std::collections::BTreeSet<_>>().into_iter().collect()
        });
        prop_assert_eq!(again.bytes(), scene.bytes());
        for (i, event) in scene.events.iter().enumerate() {
            prop_assert_eq!(event.sequence, i as u64);
        }
        prop_assert!(serde_json::to_string(&scene.picture.snapshot()).is_ok());
    }
}
