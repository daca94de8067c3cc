//! Recordings of each release stay replayable, and of this one to the byte. `UPDATE=1` records that of this release anew.

use crate::support::{Folder, json, root, run, run_well, testdata, text};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const FLIGHTS: [&str; 2] = ["remote-id/parrot_anafi_real.pcapng.gz", "remote-id/parrot_anafi_spoofed.pcapng"];

/// The recording of this release, by its first two numbers.
fn ours() -> PathBuf {
    let mut numbers = env!("CARGO_PKG_VERSION").split('.');
    let name = format!("v{}.{}", numbers.next().unwrap(), numbers.next().unwrap());
    root().join("testdata/journals").join(name)
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let Ok(items) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut all: Vec<PathBuf> =
        items.map(|i| i.unwrap().path()).filter(|p| p.extension().is_some_and(|e| e == extension)).collect();
    all.sort();
    all
}

fn replay(folder: &Path, more: &[&str]) -> (Value, String) {
    let journal = folder.join("journal").display().to_string();
    let all: Vec<&str> = ["replay", "--json", &journal].into_iter().chain(more.iter().copied()).collect();
    let output = run(&all);
    assert!(!output.stdout.is_empty(), "{}: {}", folder.display(), text(&output.stderr));
    (json(text(&output.stdout).trim().as_bytes()), text(&output.stderr))
}

fn record_anew(folder: &Path) {
    let _ = std::fs::remove_dir_all(folder.join("journal"));
    std::fs::create_dir_all(folder).unwrap();
    let journal = folder.join("journal").display().to_string();
    let flights = FLIGHTS.map(testdata);
    run_well(&["replay", &flights[0], &flights[1], "--align", "start", "--record", &journal]);
    let _ = std::fs::remove_file(folder.join("journal/lock"));
    // One snapshot is enough to hold the form of the state to.
    let snapshots = files(&folder.join("journal/snapshots"), "snap");
    snapshots.iter().skip(1).for_each(|path| std::fs::remove_file(path).unwrap());
    let (summary, _) = replay(folder, &[]);
    let expected = json!({
        "program": env!("CARGO_PKG_VERSION"),
        "events": summary["events"],
        "events_sha256": summary["events_sha256"],
    });
    std::fs::write(folder.join("expected.json"), serde_json::to_string_pretty(&expected).unwrap() + "\n").unwrap();
}

#[test]
fn recordings_of_every_release_are_replayable() {
    if std::env::var_os("UPDATE").is_some() {
        record_anew(&ours());
    }
    let all = std::fs::read_dir(root().join("testdata/journals")).unwrap().map(|i| i.unwrap().path());
    let releases: Vec<PathBuf> = all.filter(|p| p.is_dir()).collect();
    assert!(releases.contains(&ours()), "there is no recording of this release: UPDATE=1");
    for folder in releases {
        let expected = std::fs::read(folder.join("expected.json")).unwrap();
        let expected = json(&expected);
        let (summary, said) = replay(&folder, &[]);
        let (name, hint) = (folder.display(), "UPDATE=1 records it anew, if this is meant");
        if expected["program"] == env!("CARGO_PKG_VERSION") {
            assert_eq!(summary["identical"], true, "{name}: {said}; {hint}");
            for key in ["events", "events_sha256"] {
                assert_eq!(summary[key], expected[key], "{name}: {key}; {hint}");
            }
        } else {
            // An older release said other things of the same bytes; but every byte is still read.
            assert!(!said.contains("damage") && !said.contains("cannot be read"), "{name}: {said}");
            assert!(summary["tracks"].as_array().is_some_and(|t| !t.is_empty()), "{name}");
        }
    }
}

/// What is saved is written without names of fields: this is what tells that its form has changed.
#[test]
fn a_state_of_an_earlier_build_comes_back() {
    let folder = ours();
    let snapshots = files(&folder.join("journal/snapshots"), "snap");
    let position = snapshots[0].file_stem().unwrap().to_str().unwrap().parse::<u64>().unwrap();
    let (whole, part) = (Folder::new(), Folder::new());
    let (all, rest) = (whole.file("events").display().to_string(), part.file("events").display().to_string());
    replay(&folder, &["--events", &all]);
    let (summary, said) = replay(&folder, &["--from", &position.to_string(), "--events", &rest]);
    let hint = "raise Line::SAVE_VERSION and record anew with UPDATE=1";
    assert!(!said.contains("snapshot"), "its state is no longer read ({hint}): {said}");
    assert_eq!(summary["identical"], true, "its state is read as something else ({hint}): {said}");
    assert!(whole.read("events").ends_with(&part.read("events")) && !part.read("events").is_empty());
}
