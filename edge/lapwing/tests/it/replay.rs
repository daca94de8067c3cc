//! `lapwing replay` of captures without a site of their own.

use crate::support::{json, run, run_well, testdata, text};

/// A receiver that says who it is, in a capture nobody configured a site for: it is taken at its word.
#[test]
fn sensors_that_a_capture_names_are_known() {
    for (file, units) in [("BLE-legacy.json", 19), ("WiFi-beacon.json", 2)] {
        let output = run_well(&["replay", "--json", "-f", "dronescout", &testdata(&format!("dronescout/{file}"))]);
        let summary = json(&output.stdout);
        let ledger = &summary["inputs"][0]["ledger"];
        assert_eq!((&ledger["received"], &ledger["used"]), (&units.into(), &units.into()), "{file}: {ledger}");
        let sensors = summary["sensors"].as_array().unwrap();
        let named = sensors.iter().find(|s| s["sensor"]["id"].as_str().unwrap().starts_with("SNSTAC"));
        assert_eq!(named.map(|s| &s["reports"]), Some(&units.into()), "{file}: {sensors:#?}");
        assert!(!summary["tracks"].as_array().unwrap().is_empty(), "{file}");
    }
}

#[test]
fn what_cannot_be_replayed_is_said() {
    let real = testdata("remote-id/parrot_anafi_real.pcapng.gz");
    let readme = testdata("remote-id/README.md");
    for (arguments, word) in [
        (vec!["replay", "/nowhere.pcap"], "/nowhere.pcap"),
        (vec!["replay", &readme], "--format"),
        (vec!["replay", &real, "--zones", "/nowhere.geojson"], "/nowhere.geojson"),
        (vec!["replay", &real, "--speed", "0"], "--speed"),
        (vec!["replay", "gate=/nowhere.pcap"], "gate"),
    ] {
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let said = text(&output.stderr);
        assert!(said.starts_with("error: ") && said.contains(word), "{arguments:?}: {said}");
    }
}
