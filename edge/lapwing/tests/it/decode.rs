//! `lapwing decode` on the real captures: every message that is in them is told, as one JSON object a line.

use crate::support::{json, lapwing, run, run_well, testdata, text};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

fn decode(format: &str, file: &str) -> (Vec<Value>, String) {
    let output = run_well(&["decode", "--format", format, &testdata(file)]);
    let lines = text(&output.stdout).lines().map(|l| json(l.as_bytes())).collect::<Vec<_>>();
    for line in &lines {
        assert!(line["offset"].is_u64() && line["length"].is_u64(), "{line}");
        assert!(line.as_object().unwrap().contains_key("received_at"), "unknown is said: {line}");
        let kind = line["kind"].as_str().unwrap();
        assert!(line[kind].is_object(), "{line}");
    }
    (lines, text(&output.stderr))
}

fn count(lines: &[Value], which: impl Fn(&Value) -> bool) -> usize {
    lines.iter().filter(|l| which(l)).count()
}

fn messages(lines: &[Value]) -> BTreeMap<String, usize> {
    let mut by_type = BTreeMap::new();
    for line in lines.iter().filter(|l| l["kind"] == "message") {
        *by_type.entry(line["message"]["message_type"].as_str().unwrap_or("?").to_owned()).or_default() += 1;
    }
    by_type
}

fn reports(lines: &[Value]) -> Vec<&Value> {
    lines.iter().filter(|l| l["kind"] == "report").map(|l| &l["report"]).collect()
}

#[test]
fn the_real_flight() {
    let (lines, said) = decode("remote-id", "remote-id/parrot_anafi_real.pcapng.gz");
    let claims = reports(&lines);
    assert_eq!(claims.len(), 1_140, "one claim a beacon");
    let places: std::collections::BTreeSet<String> = claims.iter().map(|c| c["place"].to_string()).collect();
    let places: Vec<&String> = places.iter().filter(|p| *p != "null").collect();
    assert_eq!(places.len(), 117, "distinct positions");
    assert_eq!(messages(&lines).get("system"), Some(&385), "{:?}", messages(&lines));
    for claim in &claims {
        assert_eq!(claim["transmitter"]["mac"], "90:3a:e6:5b:c8:a8");
        assert!(claim["operator"]["id"].is_null(), "its operator ID is empty, and empty is unknown: {claim}");
        for unknown in ["height_ellipsoid_m", "altitude_msl_m", "altitude_pressure_m"] {
            assert!(claim["heights"][unknown].is_null(), "{claim}");
        }
    }
    assert!(claims.iter().any(|c| c["names"][0]["value"] == "1588E040445AC004418"));
    assert_eq!(count(&lines, |l| l["kind"] == "fault" && l["fault"]["kind"] != "malformed"), 0);
    assert!(lines.iter().all(|l| l["received_at"].is_string()), "a capture knows when each frame came");
    assert!(said.contains("2295 messages received = 2295 used + 0 rejected; 1140 reports"), "{said}");
}

#[test]
fn the_forgery() {
    let (lines, said) = decode("remote-id", "remote-id/parrot_anafi_spoofed.pcapng");
    assert_eq!(reports(&lines).len(), 26);
    let stamps: std::collections::BTreeSet<String> =
        reports(&lines).iter().map(|c| c["timestamp_raw_s"].to_string()).collect();
    assert_eq!(stamps.into_iter().collect::<Vec<_>>(), ["931.1"], "the frozen time stamp");
    // Each pack says four messages and is too short for the fourth: a fault, and the three beside it are kept.
    assert_eq!(count(&lines, |l| l["kind"] == "fault" && l["fault"]["reason"] == "pack-truncated"), 26);
    assert_eq!(count(&lines, |l| l["kind"] == "message"), 78);
    assert!(said.contains("104 messages received = 78 used + 26 rejected"), "{said}");
}

#[test]
fn the_beacon_sample() {
    let (lines, said) = decode("remote-id", "remote-id/odid_wifi_bcn_sample.pcap");
    let claims = reports(&lines);
    assert_eq!(claims.len(), 21, "frames");
    // Its basic ID says that it is of no kind, so it is told as it stands, and is nobody's name.
    let ids = count(&lines, |l| l["message"]["id_raw"] == "MFG1A0123456789" && l["message"]["id_type"] == "none");
    assert_eq!(ids, 21);
    assert!(claims.iter().all(|c| c["names"] == serde_json::json!([])));
    assert!(claims.iter().all(|c| c["operator"]["id"] == "GBR-OP-123ABCD"), "{}", claims[0]);
    assert!(said.contains("105 messages received = 105 used + 0 rejected; 21 reports"), "{said}");
}

#[test]
fn the_nan_sample() {
    let (lines, said) = decode("remote-id", "remote-id/odid_wifi_sample.pcap");
    assert_eq!(reports(&lines).len(), 42, "frames with Remote ID");
    assert_eq!(count(&lines, |l| l["kind"] == "fault"), 21, "frames without");
    let protocols = |p: &str| reports(&lines).iter().filter(|c| c["protocol"] == p).count();
    assert_eq!((protocols("remote_id_wifi_nan"), protocols("remote_id_wifi_beacon")), (21, 21));
    assert!(said.contains("63 messages received = 42 used + 21 rejected"), "{said}");
}

#[test]
fn the_dronescout_payloads() {
    for (file, units) in [
        ("BLE-legacy.json", 19),
        ("BLE-long_range.json", 4),
        ("WiFi-NaN.json", 3),
        ("WiFi-beacon.json", 2),
        ("sensor_status.json", 1),
        ("ua_payload.json", 1),
    ] {
        let (lines, said) = decode("dronescout", &format!("dronescout/{file}"));
        assert_eq!(reports(&lines).len(), units, "{file}");
        assert!(said.contains(&format!("{units} messages received = {units} used + 0 rejected")), "{said}");
        let kind = if file == "sensor_status.json" { "sensor_status" } else { "claim" };
        assert!(reports(&lines).iter().all(|r| r["kind"] == kind), "{file}: {}", reports(&lines)[0]);
    }
}

/// The receiver flew along from Toulouse, so that no place is too far.
const OPTIONS: &str = "receiver = { latitude_deg = 43.62, longitude_deg = 1.37 }\nrange_max_m = 20100000.0";

#[test]
fn the_long_flight() {
    let file = testdata("mode-s/long_flight.beast.gz");
    let mut child = lapwing()
        .args(["decode", "--format", "mode-s", "--options", OPTIONS, "--start", "2023-10-24T09:49:22.119813Z", &file])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut told, mut claims, mut places, mut offset) = (0, 0, 0, None);
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        // Half a million JSON objects take their time in a test build: all are looked at, some are parsed.
        if line.starts_with("{\"kind\":\"message\"") {
            if told % 1_000 == 0 {
                let line = json(line.as_bytes());
                assert!(line["received_at"].as_str().unwrap().starts_with("2023-10-24T"), "{line}");
                let at = line["offset"].as_u64();
                assert!(at >= offset, "offsets count on: {line}");
                offset = at;
            }
            told += 1;
        } else {
            assert!(line.starts_with("{\"kind\":\"report\""), "{line}");
            claims += 1;
            places += usize::from(line.contains("\"place\":{\"latitude_deg\""));
        }
    }
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(child.wait().unwrap().success(), "{said}");
    assert_eq!((told, claims), (172_432, 172_432), "{said}");
    assert!(places >= 12_659, "{places} positions; the oracle has 12,659");
    assert!(said.contains("172432 messages received = 172432 used + 0 rejected"), "{said}");
}

#[test]
fn counting_prints_no_objects() {
    let output =
        run_well(&["decode", "-f", "mode-s", "--count", "--repeat", "3", &testdata("mode-s/long_flight.beast.gz")]);
    let told = text(&output.stdout);
    assert!(told.contains("172432 messages received = 172432 used + 0 rejected"), "{told}");
    assert!(told.contains("messages a second on one core (median of 3)"), "{told}");
    assert!(!told.contains('{'), "{told}");
}

/// `| head` closes the pipe before the end; that is no failure and nothing to say.
#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let real = testdata("remote-id/parrot_anafi_real.pcapng.gz");
    let long = testdata("mode-s/long_flight.beast.gz");
    for arguments in [
        vec!["decode", "-f", "remote-id", &real],
        vec!["decode", "-f", "mode-s", "--count", &long],
        vec!["decode", "--list"],
        vec!["replay", &real],
        vec!["replay", &real, "--json"],
    ] {
        let mut child = lapwing().args(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        let status = child.wait().unwrap();
        assert!(status.success() && !said.contains("panicked"), "{arguments:?}: {status} {said}");
    }
}

#[test]
fn what_is_wrong_is_said() {
    let real = testdata("remote-id/parrot_anafi_real.pcapng.gz");
    for (arguments, word) in [
        (vec!["decode", "-f", "remote-iid", &real], "remote-iid"),
        (vec!["decode", "-f", "remote-id", "/nowhere.pcap"], "/nowhere.pcap"),
        (vec!["decode", "-f", "mode-s", "--options", "rangemax = 1", &real], "rangemax"),
        (vec!["decode", "-f", "remote-id", "--start", "soon", &real], "soon"),
    ] {
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let said = text(&output.stderr);
        assert!(said.starts_with("error: ") && said.contains(word), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty());
    }
}
