//! The real flight and its forgery, in every order.

use super::*;
use lapwing_model::*;

const REAL: &str = include_str!("../../../../../testdata/recordings/anafi_claims/real.csv");
const SPOOFED: &str = include_str!("../../../../../testdata/recordings/anafi_claims/spoofed.csv");
const SERIAL: &str = "1588E040445AC004418";

/// Claims with their reception times.
fn rows(csv: &str) -> Vec<(Time, Claim)> {
    csv.lines()
        .skip(1)
        .map(|line| {
            let f: Vec<&str> = line.split(',').collect();
            let number = |i: usize| f[i].parse::<f64>().ok();
            let received = Time::from_nanos(f[0].parse().unwrap());
            let serial = (!f[1].is_empty()).then_some(f[1]);
            let place = Place { latitude_deg: number(3).unwrap() / 1e7, longitude_deg: number(4).unwrap() / 1e7 };
            let mut claim = rid("90:3a:e6:5b:c8:a8", serial, Some(place));
            claim.horizontal_accuracy_m = None;
            claim.status = Some(if f[2] == "2" { OperationalStatus::Airborne } else { OperationalStatus::Ground });
            claim.speed_mps = number(5);
            claim.course_rad = number(6).map(lapwing_model::math::rad);
            claim.timestamp_raw_s = number(7);
            claim.measured_at = number(7).map(|s| stamp(received, s));
            claim.heights.height_above_takeoff_m = number(8);
            if let (Some(latitude_deg), Some(longitude_deg)) = (number(9), number(10)) {
                let place = Some(Personal::new(Place { latitude_deg, longitude_deg }));
                claim.operator = Some(ClaimedOperator { place, ..ClaimedOperator::default() });
            }
            (received, claim)
        })
        .collect()
}

/// Seconds after the hour, in the hour that brings them nearest to the reception.
fn stamp(received: Time, raw_s: f64) -> Time {
    let hour = Span::from_seconds(3600).as_nanos();
    let from = received.as_nanos().div_euclid(hour) * hour;
    let candidates = [-1, 0, 1].map(|k| Time::from_nanos(from + k * hour) + Span::from_seconds_f64(raw_s));
    candidates.into_iter().min_by_key(|c| received.since(*c).abs()).unwrap()
}

/// Moves rows in time so that they begin at `start`; what they say stays as it is.
fn moved(rows: Vec<(Time, Claim)>, start: Time) -> Vec<(Time, Claim)> {
    let first = rows[0].0;
    rows.into_iter()
        .map(|(at, mut claim)| {
            let at = start + at.since(first);
            claim.measured_at = claim.timestamp_raw_s.map(|s| stamp(at, s));
            (at, claim)
        })
        .collect()
}

fn play(mut rows: Vec<(Time, Claim)>) -> Scene {
    rows.sort_by_key(|r| r.0);
    let mut scene = Scene { picture: Picture::new(site(), rows[0].0), inputs: Vec::new(), events: Vec::new() };
    for (at, claim) in rows {
        scene.claim(at, claim);
    }
    scene
}

fn is_real(place: Place) -> bool {
    place.distance_m(Place { latitude_deg: 47.1987, longitude_deg: 8.7302 }) < 1000.0
}

/// Every state of every track that was told: (id, near the real flight?, track).
fn told(scene: &Scene) -> Vec<Track> {
    scene
        .events
        .iter()
        .filter_map(|e| match &e.body {
            EventBody::TrackBegan { track } | EventBody::TrackUpdated { track } => Some((**track).clone()),
            _ => None,
        })
        .collect()
}

/// Beginnings, ends, joins and splits, for a failed assertion.
fn story(scene: &Scene) -> String {
    let line = |e: &Event| match &e.body {
        EventBody::TrackBegan { track } => format!("{} began {} at {:?}\n", e.at, track.id, track.kinematics.place),
        EventBody::TrackEnded { track, why } => format!("{} ended {track}: {why}\n", e.at),
        EventBody::TracksJoined { into, from, why } => format!("{} joined {from} into {into}: {why}\n", e.at),
        EventBody::TrackSplit { from, into, why } => format!("{} split {into} from {from}: {why}\n", e.at),
        _ => String::new(),
    };
    scene.events.iter().map(line).collect()
}

/// The real flight is one track, honest to the last frame.
fn assert_real_is_one(scene: &Scene) {
    let real: Vec<Track> = told(scene).into_iter().filter(|t| is_real(t.kinematics.place)).collect();
    let ids: std::collections::BTreeSet<TrackId> = real.iter().map(|t| t.id).collect();
    assert_eq!(ids.len(), 1, "{}", story(scene));
    for track in &real {
        let h = track.kinematics.heights;
        assert_eq!((h.height_ellipsoid_m, h.altitude_msl_m, h.altitude_pressure_m), (None, None, None));
        assert_eq!(track.kinematics.vertical_speed_mps, None);
        assert_ne!(track.identity.status, IdentityStatus::Contradicted, "{:?}", track.identity.evidence);
    }
    let last = real.last().unwrap();
    assert_eq!(last.identity.status, IdentityStatus::Claimed);
    assert_eq!(last.identity.label().unwrap().value.as_str(), SERIAL);
    let operator = last.operator.as_ref().and_then(|o| o.place).unwrap();
    assert!(is_real(*operator.reveal()));
    assert!(last.last_at.since(last.first_at) > Span::from_seconds(122) || real.len() < 100);
}

/// The forgery is another track, shown as contradicted, with its reasons.
fn assert_forgery_is_shown(scene: &Scene, expected: &[EvidenceKind]) {
    let forged: Vec<Track> = told(scene).into_iter().filter(|t| !is_real(t.kinematics.place)).collect();
    let ids: std::collections::BTreeSet<TrackId> = forged.iter().map(|t| t.id).collect();
    assert_eq!(ids.len(), 1, "{}", story(scene));
    let last = forged.last().unwrap();
    assert_eq!(last.identity.status, IdentityStatus::Contradicted, "{:?}", last.identity);
    let kinds: Vec<EvidenceKind> = last.identity.evidence.iter().map(|e| e.kind).collect();
    for kind in expected {
        assert!(kinds.contains(kind), "{kind:?} in {kinds:?}");
    }
}

use EvidenceKind::*;
const BOTH: &[EvidenceKind] =
    &[OneNameTwoPlaces, ImpossibleSpeed, FrozenTimestamp, OperatorTooFar, WrongTimestamp, InconsistentMotion];

#[test]
fn the_real_flight_alone_is_one_honest_track() {
    let scene = play(rows(REAL));
    assert_real_is_one(&scene);
    assert_eq!(scene.began(), 1);
    let track = scene.one();
    assert!(track.identity.evidence.is_empty(), "{:?}", track.identity.evidence);
    assert_eq!(track.entries_total, 1140);
}

#[test]
fn interleaved_both_are_told_apart() {
    let start = rows(REAL)[0].0;
    for offset_s in [-1.0, 0.0, 0.05, 30.0, 60.0] {
        let mut all = rows(REAL);
        all.extend(moved(rows(SPOOFED), start + Span::from_seconds_f64(offset_s)));
        let scene = play(all);
        assert_real_is_one(&scene);
        assert_forgery_is_shown(&scene, BOTH);
        let splits = scene.events.iter().filter(|e| matches!(e.body, EventBody::TrackSplit { .. })).count();
        assert_eq!(splits, 1, "{}", story(&scene));
    }
}

#[test]
fn one_after_the_other_in_either_order() {
    let (real, forged) = (rows(REAL), rows(SPOOFED));
    let mut after = real.clone();
    after.extend(moved(forged.clone(), real.last().unwrap().0 + Span::from_seconds(2)));
    let scene = play(after);
    assert_real_is_one(&scene);
    assert_forgery_is_shown(&scene, &[OneNameTwoPlaces, ImpossibleSpeed, FrozenTimestamp]);

    let start = real[0].0;
    let mut before = moved(forged, start - Span::from_seconds(50));
    before.extend(real);
    let scene = play(before);
    assert_real_is_one(&scene);
    assert_forgery_is_shown(&scene, &[OneNameTwoPlaces, ImpossibleSpeed, FrozenTimestamp]);
}

#[test]
fn the_forgery_alone_contradicts_itself() {
    let scene = play(rows(SPOOFED));
    assert_forgery_is_shown(&scene, &[FrozenTimestamp, OperatorTooFar, WrongTimestamp]);
}

#[test]
fn extra_ticks_change_nothing() {
    let start = rows(REAL)[0].0;
    let mut all = rows(REAL);
    all.extend(moved(rows(SPOOFED), start));
    all.sort_by_key(|r| r.0);
    let begin = all[0].0;
    let scene = play(all);
    let replay = |ticks: &dyn Fn(Time, Time) -> Vec<Time>| {
        let mut picture = Picture::new(site(), begin);
        let (mut last, mut out) = (begin, String::new());
        let mut drain = |picture: &mut Picture| {
            while let Some(event) = picture.poll() {
                out.push_str(&(serde_json::to_string(&event).unwrap() + "\n"));
            }
        };
        for (now, position, input) in &scene.inputs {
            for tick in ticks(last, *now) {
                picture.handle(tick, None, Input::Tick);
                drain(&mut picture);
            }
            picture.handle(*now, *position, input.clone());
            drain(&mut picture);
            last = *now;
        }
        out
    };
    let bytes = scene.bytes();
    assert_eq!(replay(&|_, _| Vec::new()), bytes, "the same twice");
    let thirds = |a: Time, b: Time| vec![a + Span::from_nanos(b.since(a).as_nanos() / 3), b];
    assert_eq!(replay(&thirds), bytes, "with ticks in between");
}

#[test]
fn a_zone_across_the_real_path_is_warned_of_before_the_entry() {
    // South of the take-off the flight crosses 47.19867 N at 45 s.
    let zone = Zone {
        id: ZoneId::new("south").unwrap(),
        name: "Southern field".into(),
        kind: ZoneKind::Protected,
        shape: Shape::Polygon {
            polygons: vec![vec![
                [(47.1980, 8.7290), (47.1980, 8.7315), (47.19867, 8.7315), (47.19867, 8.7290)]
                    .map(|(latitude_deg, longitude_deg)| Place { latitude_deg, longitude_deg })
                    .to_vec(),
            ]],
        },
        floor: None,
        ceiling: None,
        times: Vec::new(),
    };
    let rows = rows(REAL);
    let site = Site { zones: vec![zone], ..site() };
    let mut scene = Scene { picture: Picture::new(site, rows[0].0), inputs: Vec::new(), events: Vec::new() };
    for (at, claim) in rows {
        scene.claim(at, claim);
    }
    let alerts = scene.alerts();
    for a in &alerts {
        println!("{} {:?} {} {:?}", a.id, a.severity, a.headline, a.reason);
        a.steps.iter().for_each(|s| println!("  {} {:?} {:?} {:?}", s.at, s.state, s.severity, s.note));
    }
    assert_eq!(alerts.len(), 1);
    let alert = &alerts[0];
    let entered = alert.reason.entered_at.unwrap();
    assert!(alert.raised_at < entered);
    assert!(alert.reason.entry_predicted_at.is_some());
}
