//! The real flight of a Parrot Anafi, and a forgery of it under the same transmitter address and serial number.

use crate::support::{Folder, json, run_well, testdata, text};
use serde_json::Value;

const SERIAL: &str = "1588E040445AC004418";
/// Reception of the real capture's first and last frame.
const FIRST: &str = "2023-04-01T16:15:30.415058438Z";
const LAST: &str = "2023-04-01T16:17:33.090081286Z";

fn real() -> String {
    testdata("remote-id/parrot_anafi_real.pcapng.gz")
}

fn forged() -> String {
    testdata("remote-id/parrot_anafi_spoofed.pcapng")
}

/// A replay's summary and the lines of its events file.
fn replay(arguments: &[&str]) -> (Value, Vec<Value>) {
    let folder = Folder::new();
    let events = folder.file("events.jsonl").display().to_string();
    let output = run_well(&[&["replay", "--json", "--events", &events], arguments].concat());
    let summary = json(&output.stdout);
    let events: Vec<Value> = folder.read("events.jsonl").lines().map(|l| json(l.as_bytes())).collect();
    assert_eq!(summary["events"], events.len(), "the events file holds every event");
    (summary, events)
}

/// The tracks of the real flight and of the forgery; there is exactly one of each.
fn both(summary: &Value) -> (&Value, &Value) {
    let tracks = summary["tracks"].as_array().unwrap();
    assert_eq!(tracks.len(), 2, "one track for the flight and one for the forgery: {tracks:#?}");
    let of = |entries: u64| {
        let found: Vec<&Value> = tracks.iter().filter(|t| t["entries_total"] == entries).collect();
        assert_eq!(found.len(), 1, "one track of {entries} frames: {tracks:#?}");
        found[0]
    };
    let (real, forged) = (of(1_140), of(26));
    assert_ne!(real["id"], forged["id"]);
    for track in [real, forged] {
        assert_eq!(track["names"], serde_json::json!([SERIAL]));
        assert_eq!(track["operator_known"], true);
        assert_eq!(track["altitude_known"], false, "no frame tells an altitude");
        assert_eq!(track["height_known"], true, "its height above take-off is told");
        assert_eq!(track["claimed_only"], true, "nobody else saw it");
    }
    assert_eq!(real["identity"], "claimed");
    assert_eq!(forged["identity"], "contradicted");
    (real, forged)
}

fn evidence(track: &Value) -> Vec<&str> {
    let against = track["evidence"].as_array().unwrap().iter().filter(|e| e["weight"].as_f64().unwrap() < 0.0);
    against.map(|e| e["kind"].as_str().unwrap()).collect()
}

/// Seconds into 2023-04-01T16:15 or of another time of the same day's hour.
fn seconds(time: &Value) -> f64 {
    let time = time.as_str().unwrap_or_else(|| panic!("no time: {time}")).trim_end_matches('Z');
    let clock = time.split_once('T').unwrap().1;
    clock.split(':').fold(0.0, |sum, part| sum * 60.0 + part.parse::<f64>().unwrap())
}

/// No event may give these aircraft an altitude: they never said one, and a height above take-off is not one.
fn honest(events: &[Value]) {
    let mut states = 0;
    for event in events {
        let track = &event["track"];
        if !track.is_object() {
            continue;
        }
        states += 1;
        let heights = &track["kinematics"]["heights"];
        for unknown in ["height_ellipsoid_m", "altitude_msl_m", "altitude_pressure_m", "height_above_ground_m"] {
            assert!(heights.as_object().unwrap().contains_key(unknown), "unknown is said: {heights}");
            assert!(heights[unknown].is_null(), "{unknown} was never told: {event}");
        }
        assert!(heights["height_above_takeoff_m"].as_f64().is_some_and(|h| (-1.0..20.0).contains(&h)), "{event}");
        assert!(track["operator"]["height_ellipsoid_m"].is_null(), "{event}");
        let place = &track["kinematics"]["place"];
        let (latitude, longitude) = (place["latitude_deg"].as_f64().unwrap(), place["longitude_deg"].as_f64().unwrap());
        let near = |a: f64, b: f64, by: f64| (latitude - a).abs() < by && (longitude - b).abs() < by;
        assert!(near(47.1987, 8.7302, 0.001) || near(47.38, 8.53, 0.1), "a place nobody claimed: {event}");
    }
    assert!(states > 100, "{states} states of tracks");
}

#[test]
fn the_flight_is_one_track_and_the_forgery_another() {
    let (summary, events) = replay(&[&real(), &forged()]);
    let (real, forged) = both(&summary);
    assert_eq!((&real["first_at"], &real["last_at"]), (&FIRST.into(), &LAST.into()));
    let against = evidence(forged);
    for kind in ["one_name_two_places", "impossible_speed", "frozen_timestamp"] {
        assert!(against.contains(&kind), "{kind} is among {against:?}");
    }
    assert!(!evidence(real).contains(&"frozen_timestamp"));
    honest(&events);
    let ids: std::collections::BTreeSet<&str> = events.iter().filter_map(|e| e["track"]["id"].as_str()).collect();
    assert_eq!(ids.len(), 2, "no third track came and went: {ids:?}");
    for input in summary["inputs"].as_array().unwrap() {
        let ledger = &input["ledger"];
        let (received, used) = (ledger["received"].as_u64().unwrap(), ledger["used"].as_u64().unwrap());
        assert_eq!(received, used + crate::support::sum(&ledger["rejected"]) + crate::support::sum(&ledger["shed"]));
    }
    // Hidden nowhere: the text says the same.
    let told = text(&run_well(&["replay", &crate::anafi::real(), &crate::anafi::forged()]).stdout);
    for word in
        ["contradicted", "one_name_two_places", "impossible_speed", "frozen_timestamp", "altitude unknown", LAST]
    {
        assert!(told.contains(word), "{word} in\n{told}");
    }
    assert!(!told.contains("altitude known"), "{told}");
}

#[test]
fn the_order_of_the_files_changes_nothing() {
    let (summary, events) = replay(&[&forged(), &real()]);
    let (real, forged) = both(&summary);
    // The forgery comes first now, so the flight is played beside it: its length is still its length.
    let length_s = seconds(&real["last_at"]) - seconds(&real["first_at"]);
    assert!((length_s - (seconds(&LAST.into()) - seconds(&FIRST.into()))).abs() < 1e-5, "{length_s}");
    let against = evidence(forged);
    for kind in ["one_name_two_places", "impossible_speed", "frozen_timestamp"] {
        assert!(against.contains(&kind), "{kind} is among {against:?}");
    }
    honest(&events);
}

#[test]
fn as_recorded_they_are_fifteen_days_apart() {
    for files in [[real(), forged()], [forged(), real()]] {
        let (summary, events) = replay(&["--align", "recorded", &files[0], &files[1]]);
        let (real, forged) = both(&summary);
        assert_eq!((&real["first_at"], &real["last_at"]), (&FIRST.into(), &LAST.into()));
        assert!(forged["first_at"].as_str().unwrap().starts_with("2023-04-16T08:46:29"));
        // At its own time it is in one place only, and an aircraft may travel 25 km in 15 days.
        let against = evidence(forged);
        assert!(against.contains(&"frozen_timestamp"), "{against:?}");
        for kind in ["one_name_two_places", "impossible_speed"] {
            assert!(!against.contains(&kind), "{kind} is among {against:?}");
        }
        assert!(evidence(real).is_empty(), "nothing speaks against the flight: {real}");
        honest(&events);
    }
}

/// Pacing is for those who watch; it changes nothing that happens.
#[test]
fn a_paced_replay_is_the_same_replay() {
    let (fast, _) = replay(&[&real(), &forged()]);
    let (paced, _) = replay(&["--speed", "100", &real(), &forged()]);
    assert_eq!(fast["events_sha256"], paced["events_sha256"]);
    assert_eq!(fast, paced);
}

/// South of this the aircraft flies only after the minute before: between the frames of 16:16:14.958 (47.198682) and
/// 16:16:15.983 (47.198660) it crosses, at 2 m/s.
const EDGE_DEG: f64 = 47.198_67;

#[test]
fn a_zone_across_the_flight_is_warned_of_before_the_entry() {
    let folder = Folder::new();
    let zone = serde_json::json!({
        "type": "Feature",
        "properties": {"id": "meadow", "name": "Meadow", "kind": "protected"},
        "geometry": {"type": "Polygon", "coordinates": [[
            [8.7290, 47.1970], [8.7312, 47.1970], [8.7312, EDGE_DEG], [8.7290, EDGE_DEG], [8.7290, 47.1970]
        ]]}
    });
    let zone = folder.write("meadow.geojson", &zone.to_string());
    let (summary, events) = replay(&[&real(), "--zones", &zone]);
    let alerts = summary["alerts"].as_array().unwrap();
    assert_eq!(alerts.len(), 1, "one incident, one alert: {alerts:#?}");
    let alert = &alerts[0];
    assert_eq!((&alert["zone"], &alert["alert"]["track"]), (&"meadow".into(), &summary["tracks"][0]["id"]));
    let entered = seconds(&alert["entered_at"]);
    let crossed = seconds(&"2023-04-01T16:16:15.5Z".into());
    assert!((entered - crossed).abs() < 1.5, "entered {entered}, crossed {crossed}");
    let raised = seconds(&alert["alert"]["raised_at"]);
    assert!(raised + 1.0 < entered, "warned before the entry: raised {raised}, entered {entered}");
    for predicted in ["predicted_first", "predicted_last"] {
        let at = seconds(&alert[predicted]);
        assert!(at >= raised && at <= raised.max(entered) + 60.0, "{predicted} {at}: {alert:#}");
    }
    assert!((seconds(&alert["predicted_last"]) - entered).abs() < 10.0, "the last prediction was near: {alert:#}");
    // The warning went out as an event, before the event that tells of the entry.
    let told: Vec<&Value> = events.iter().filter(|e| e["event"] == "alert_changed").collect();
    let first = told.first().unwrap();
    assert_eq!(first["alert"]["state"], "raised");
    assert!(first["alert"]["reason"]["entered_at"].is_null(), "{first}");
    assert!(first["alert"]["reason"]["entry_predicted_at"].is_string(), "{first}");
    assert!(!first["alert"]["entries"].as_array().unwrap().is_empty(), "an alert names what it came from");
    assert!(told.iter().any(|e| e["alert"]["reason"]["entered_at"] == alert["entered_at"]));
    honest(&events);
    // The same for people.
    let text = text(&run_well(&["replay", &real(), "--zones", &zone]).stdout);
    let line = text.lines().find(|l| l.contains("entry predicted")).unwrap_or_else(|| panic!("{text}"));
    for time in [&alert["alert"]["raised_at"], &alert["predicted_first"], &alert["entered_at"]] {
        assert!(line.contains(time.as_str().unwrap()), "{time} in {line}");
    }
    assert!(line.contains("before, prediction off by"), "{line}");
}
