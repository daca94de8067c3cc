//! `lapwing verify` and `tools/verify.py` on the same bytes: every change is found, and both say the same.

// The ban list is for core/: these tests have files and processes.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

/// `tools/` is at the root of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The program that makes, changes and verifies by both; cargo builds it with the tests.
fn evidence(args: &[&str]) -> String {
    let program = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().join("examples/evidence");
    let output = Command::new(program).args(args).output().expect("python3 is there: cargo xtask test sees to it");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    out.into_owned()
}

fn directory(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("lapwing-agreement-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// A sealed journal of one segment; the segment.
fn made(directory: &Path, records: &str) -> String {
    evidence(&["make", directory.to_str().unwrap(), records]);
    lapwing_journal::segment_files(directory).unwrap()[0].to_str().unwrap().to_owned()
}

#[test]
fn every_flip_of_a_bit_is_found_and_told_alike() {
    let directory = directory("flips");
    let segment = made(&directory, "2");
    let bits = std::fs::metadata(&segment).unwrap().len() * 8;
    let told = evidence(&["flips", &segment]);
    assert!(told.contains(&format!("{bits} flips of a bit: {bits} found and told alike")), "{told}");
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn random_changes_of_a_larger_segment_are_found_and_told_alike() {
    let directory = directory("changes");
    let segment = made(&directory, "300");
    let told = evidence(&["changes", &segment, "400", "1"]);
    assert!(told.contains("400 changes: 400 found and told alike"), "{told}");
    for kind in ["edit", "deletion", "swap", "insertion", "truncation", "reseal"] {
        assert!(told.contains(kind), "{told}");
    }
    std::fs::remove_dir_all(directory).unwrap();
}

/// What a report says first, and its counts, as `testdata/evidence/expected.txt` has it.
fn line(file: &str, report: &serde_json::Value) -> String {
    let mut line = format!("{file} {}", report["verdict"].as_str().unwrap());
    for count in ["verified", "erased", "removed", "uncovered", "altered", "missing"] {
        line += &format!(" {}", report["records"][count]);
    }
    if let Some(bad) = report["first_bad"].as_object() {
        let position = bad["position"].as_u64().map_or("-".to_owned(), |p| p.to_string());
        line += &format!(" {} {position} {}", bad["what"].as_str().unwrap(), bad["offset"]);
    }
    line
}

#[test]
fn the_published_vectors() {
    let folder = root().join("testdata/evidence");
    let key_file = folder.join("key/lapwing-test-vectors.pub");
    let key = lapwing_journal::evidence::key::read_verifier(&key_file).unwrap();
    let expected = std::fs::read_to_string(folder.join("expected.txt")).unwrap();
    assert!(expected.lines().count() > 10);
    for expected in expected.lines() {
        let file = expected.split(' ').next().unwrap();
        let path = folder.join(file);
        let name = path.file_name().unwrap().to_str().unwrap();
        let mut verification = lapwing_journal::verify::Verification::new(vec![key.clone()]);
        verification.segment(name, &std::fs::read(&path).unwrap());
        let rust = serde_json::to_value(verification.finish()).unwrap();
        assert_eq!(line(file, &rust), expected);
        let mut program = Command::new("python3");
        program.arg(root().join("tools/verify.py")).arg(&path).arg("--key").arg(&key_file);
        let output = program.output().unwrap();
        let python: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(python, rust, "{file}");
        assert_eq!(output.status.code(), Some(i32::from(rust["verdict"] == "altered")));
    }
}
