//! `lapwing demo`, as the first command a stranger types.

use crate::live::{Live, alert};
use crate::support::{Process, http, json, lapwing, within};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// What the demo has to show within its first minute.
const MINUTE: Duration = Duration::from_secs(60);

fn get(address: SocketAddr, path: &str) -> Value {
    let (status, body) = http(address, "GET", &format!("/api/v1/{path}"), b"").unwrap();
    assert_eq!(status, 200, "{path}");
    json(&body)
}

#[test]
fn within_a_minute_it_shows_what_it_promises() {
    let mut process = Process::spawn(
        lapwing()
            .args(["demo", "--listen", "127.0.0.1:0", "--seconds", "300"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null()),
    );
    let mut first = String::new();
    BufReader::new(process.0.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let began = Instant::now();
    let address =
        first.split("http://").nth(1).and_then(|s| s.split('/').next()).expect("it says where its console is");
    let address: SocketAddr = address.parse().unwrap();
    let live = Live::connect(address);

    // Identities are gathered as they come, from what any reader sees.
    let mut authorised = false;
    let mut contradicted = false;
    let mut silent = false;
    let mut alerts: BTreeMap<String, Value> = BTreeMap::new();
    let mut birds = 0;
    let named = |track: &Value, name: &str| {
        track["identity"]["names"].as_array().is_some_and(|n| n.iter().any(|n| n["value"] == name))
    };
    let unnamed_alert = |alerts: &BTreeMap<String, Value>, tracks: &[Value]| {
        alerts.values().any(|a| {
            let track = tracks.iter().find(|t| t["id"] == a["track"]);
            track.is_some_and(|t| {
                t["identity"]["status"] == "unidentified" && t["identity"]["names"] == serde_json::json!([])
            })
        })
    };
    let mut intruder = false;
    within(MINUTE, "alert, authorised, contradicted, silent radar", || {
        while let Some((_, a)) = live.soon(Duration::from_millis(50), |m| alert(m).cloned()) {
            alerts.insert(a["id"].as_str().unwrap().to_owned(), a);
        }
        let snapshot = get(address, "snapshot");
        let tracks = snapshot["tracks"].as_array().unwrap();
        intruder |= unnamed_alert(&alerts, tracks);
        authorised |= tracks.iter().any(|t| named(t, "LAPWA0000000001") && t["identity"]["status"] == "authorised");
        contradicted |= tracks.iter().any(|t| named(t, "1778ASPF0000042") && t["identity"]["status"] == "contradicted");
        let sensors = snapshot["sensors"].as_array().unwrap();
        silent |= sensors.iter().any(|s| s["sensor"]["id"] == "radar-south" && s["health"] == "silent");
        birds = birds.max(tracks.iter().filter(|t| likeliest(t) == "bird").count());
        for a in alerts.values() {
            let Some(track) = tracks.iter().find(|t| t["id"] == a["track"]) else { continue };
            assert!(likeliest(track) != "bird", "a bird is no reason for an alert: {a}\n{track}");
            assert!(!named(track, "LAPWA0000000001"), "the authorised drone is no reason for an alert: {a}\n{track}");
        }
        (intruder && authorised && contradicted && silent && birds >= 5).then_some(())
    });
    eprintln!("all of it after {:?}; {} alerts, {birds} birds at a time", began.elapsed(), alerts.len());
    assert!(alerts.len() <= 2, "one incident, one alert: {alerts:#?}");
    let status = get(address, "status");
    assert_eq!(status["books"]["balanced"], true, "{status}");
    assert!(process.end("-INT").success());
}

/// What a track most likely is.
fn likeliest(track: &Value) -> String {
    let classes = track["classification"].as_object();
    let best = classes.and_then(|c| c.iter().max_by(|a, b| a.1.as_f64().unwrap().total_cmp(&b.1.as_f64().unwrap())));
    best.map_or_else(String::new, |(class, _)| class.clone())
}
