//! `lapwing track`: a bench's detections through the same picture.

use crate::support::{Folder, json, root, run, run_well, text};
use serde_json::Value;
use std::path::PathBuf;

fn tiny(name: &str) -> PathBuf {
    root().join("testdata/bench/tiny").join(name)
}

/// Runs the command on the tiny set with other detections; what it printed, what it warned of, its rows.
fn track(folder: &Folder, detections: &str, more: &[&str]) -> (Value, String, Vec<Value>) {
    let detections = folder.write("detections.jsonl", detections);
    let (scenario, sensors) = (tiny("scenario.json").display().to_string(), tiny("sensors.json").display().to_string());
    let output = folder.file("tracks.jsonl").display().to_string();
    let mut arguments =
        vec!["track", "--scenario", &scenario, "--sensors", &sensors, &detections, "-o", &output, "--json"];
    arguments.extend(more);
    let ran = run_well(&arguments);
    let rows = folder.read("tracks.jsonl").lines().map(|l| json(l.as_bytes())).collect();
    (json(&ran.stdout), text(&ran.stderr), rows)
}

fn detections() -> String {
    std::fs::read_to_string(tiny("detections.jsonl")).unwrap()
}

fn near(row: &Value, t: f64) -> f64 {
    let truth = [800.0 - 12.0 * t, 400.0 + 5.0 * t, 60.0];
    let p = row["p"].as_array().unwrap();
    let square = |(p, truth): (&Value, &f64)| (p.as_f64().unwrap() - truth).powi(2);
    p.iter().zip(&truth).map(square).sum::<f64>().sqrt()
}

#[test]
fn every_row_is_accounted_for_and_a_bad_one_is_told_by_its_line() {
    let folder = Folder::new();
    let (counted, warned, _) = track(&folder, &detections(), &[]);
    let lines = detections().lines().count() as u64;
    assert_eq!(counted["ticks"], 11);
    assert_eq!(counted["received"], lines - 11, "every row but the ticks");
    assert_eq!(counted["rejected"]["bad-row"], 1);
    let rejected: u64 = counted["rejected"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
    assert_eq!(counted["received"].as_u64().unwrap(), counted["used"].as_u64().unwrap() + rejected);
    assert_eq!(counted["balances"], true);
    assert!(warned.contains("detections.jsonl:50: not a row"), "{warned}");
    let detected = detections().lines().filter(|l| l.contains("\"v\":[")).count();
    assert_eq!(counted["detections"], detected, "the broken row has lost its numbers");
    assert!(counted["cpu_s"].as_f64().unwrap() >= 0.0 && counted["detections_per_cpu_s"].as_f64().unwrap() > 0.0);
}

#[test]
fn the_drone_is_where_it_is_under_its_name() {
    let folder = Folder::new();
    let (_, _, rows) = track(&folder, &detections(), &[]);
    let tracks: Vec<&Value> = rows.iter().filter(|r| r.get("k").is_none()).collect();
    for t in 4..=10 {
        let here: Vec<&&Value> = tracks.iter().filter(|r| r["t"] == t).collect();
        let best = here.iter().min_by(|a, b| near(a, f64::from(t)).total_cmp(&near(b, f64::from(t))));
        let best = best.unwrap_or_else(|| panic!("nothing at {t}"));
        assert!(near(best, f64::from(t)) < 30.0, "{t}: {best}");
        assert_eq!(best["P"].as_array().unwrap().len(), 6);
        assert!((best["v"][0].as_f64().unwrap() + 12.0).abs() < 5.0, "{best}");
    }
    let named = tracks.iter().find(|r| r["t"] == 10 && r["rid"] == "RID-TINY1");
    assert_eq!(named.unwrap_or_else(|| panic!("nothing is RID-TINY1"))["st"], "confirmed");
    let mut seen = std::collections::BTreeSet::new();
    assert!(tracks.iter().all(|r| seen.insert((r["t"].to_string(), r["id"].to_string()))), "one row a track and tick");
}

#[test]
fn a_scan_that_comes_twice_begins_no_track() {
    let folder = Folder::new();
    let ids = |rows: &[Value]| -> std::collections::BTreeSet<String> {
        rows.iter().filter(|r| r["t"] == 10).map(|r| r["id"].to_string()).collect()
    };
    let all = detections();
    let once: Vec<&str> = all.lines().filter(|l| !(l.contains("tower:4") && l.contains("\"ta\":5.75"))).collect();
    assert_eq!(once.len() + 2, all.lines().count());
    let (_, _, with) = track(&folder, &all, &[]);
    let (_, _, without) = track(&folder, &once.join("\n"), &[]);
    assert_eq!(ids(&with), ids(&without));
}

#[test]
fn what_comes_later_changes_nothing_before() {
    let folder = Folder::new();
    let before =
        |rows: Vec<Value>| -> Vec<Value> { rows.into_iter().filter(|r| r["t"].as_f64().unwrap() <= 5.0).collect() };
    let all = detections();
    let tick = all.lines().position(|l| l.contains("\"k\":\"tick\",\"t\":5}")).unwrap();
    let cut: Vec<&str> = all.lines().take(tick + 1).collect();
    let (_, _, whole) = track(&folder, &all, &[]);
    let (_, _, half) = track(&folder, &cut.join("\n"), &[]);
    assert_eq!(before(whole), before(half));
}

#[test]
fn a_sensor_that_stops_is_told() {
    let folder = Folder::new();
    let all = detections();
    let cut: Vec<&str> = all
        .lines()
        .filter(|l| !l.contains("\"tower:") || ["tower:0\"", "tower:1\"", "tower:2\""].iter().any(|s| l.contains(s)))
        .collect();
    let (_, _, rows) = track(&folder, &cut.join("\n"), &[]);
    let alerts: Vec<&Value> = rows.iter().filter(|r| r["k"] == "alert").collect();
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert_eq!((&alerts[0]["type"], &alerts[0]["sensor"]), (&"sensor_silent".into(), &"tower".into()));
    let told = alerts[0]["t"].as_f64().unwrap();
    assert!(
        (6.05..8.05).contains(&told),
        "three intervals after its last word, and less than two more for one hardly known: {told}"
    );
}

#[test]
fn settings_can_be_given_and_a_wrong_key_has_its_line() {
    let folder = Folder::new();
    let right = folder.write("right.toml", "existence_confirm = 0.9\n");
    track(&folder, &detections(), &["--tuning", &right]);
    let wrong = folder.write("wrong.toml", "# mine\nexistence_confrm = 0.9\n");
    let (scenario, sensors) = (tiny("scenario.json").display().to_string(), tiny("sensors.json").display().to_string());
    let (found, output) = (tiny("detections.jsonl").display().to_string(), folder.file("out").display().to_string());
    let ran =
        run(&["track", "--scenario", &scenario, "--sensors", &sensors, &found, "-o", &output, "--tuning", &wrong]);
    assert_eq!(ran.status.code(), Some(1));
    let said = text(&ran.stderr);
    assert!(said.contains("wrong.toml:2:1") && said.contains("did you mean `existence_confirm`?"), "{said}");
}

#[test]
fn files_that_cannot_be_used_end_it() {
    let folder = Folder::new();
    let (scenario, sensors) = (tiny("scenario.json").display().to_string(), tiny("sensors.json").display().to_string());
    let (found, output) = (tiny("detections.jsonl").display().to_string(), folder.file("out").display().to_string());
    let other = folder.write("other.json", &std::fs::read_to_string(&scenario).unwrap().replace("bench/1", "bench/9"));
    let broken = folder.write("broken.json", "[{\"id\":\"a\"}]");
    for (scenario, sensors, why) in [
        (other.as_str(), sensors.as_str(), "`format` is `lapwing-bench/9`"),
        (&scenario, &broken, "missing field `type`"),
        (&scenario, "/nowhere/sensors.json", "/nowhere/sensors.json"),
    ] {
        let ran = run(&["track", "--scenario", scenario, "--sensors", sensors, &found, "-o", &output]);
        assert_eq!(ran.status.code(), Some(1));
        assert!(text(&ran.stderr).contains(why), "{}", text(&ran.stderr));
    }
}

#[test]
fn another_file_in_the_place_of_the_detections_costs_no_earlier_answer() {
    let folder = Folder::new();
    let (scenario, sensors) = (tiny("scenario.json").display().to_string(), tiny("sensors.json").display().to_string());
    let earlier = folder.write("tracks.jsonl", "an earlier answer\n");
    let copy = folder.write("sensors.json", &std::fs::read_to_string(&sensors).unwrap());
    let found = tiny("detections.jsonl").display().to_string();
    for (sensors, found, output, why) in
        [(&sensors, &scenario, &earlier, "rows can be read"), (&copy, &found, &copy, "would be written over")]
    {
        let before = std::fs::read_to_string(output).unwrap();
        let ran = run(&["track", "--scenario", &scenario, "--sensors", sensors, found, "-o", output]);
        assert_eq!(ran.status.code(), Some(1));
        assert!(text(&ran.stderr).contains(why), "{}", text(&ran.stderr));
        assert_eq!(std::fs::read_to_string(output).unwrap(), before);
    }
}
