//! `lapwing verify` and `tools/verify.py` on the same bytes: every change is found, and both say the same.

// The ban list is for core/: these tests have files and processes.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

/// `tools/` is at the root of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The program that makes, changes and verifies; cargo builds it with the tests.
fn evidence(args: &[&str], kept: Option<&Path>) -> String {
    let program = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().join("examples/evidence");
    let mut command = Command::new(program);
    command.args(args);
    if let Some(kept) = kept {
        command.env("KEEP_MUTATED", kept);
    }
    output(&mut command)
}

/// The same in Python.
fn python(args: &[&str]) -> String {
    output(Command::new("python3").arg(root().join("tools/verify_batch.py")).args(args))
}

fn output(command: &mut Command) -> String {
    let output = command.output().expect("python3 is there: cargo xtask test sees to it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn directory(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("lapwing-agreement-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// A sealed journal of one segment: the segment, the key, the last checkpoint.
fn made(directory: &Path, records: &str) -> (String, String, String) {
    evidence(&["make", directory.to_str().unwrap(), records], None);
    let segment = std::fs::read_dir(directory).unwrap().flatten().map(|item| item.path());
    let segment = segment.into_iter().find(|path| path.extension().is_some_and(|e| e == "mcap")).unwrap();
    let key = std::fs::read_to_string(directory.join("key/lapwing-test-vectors.pub")).unwrap();
    let bytes = std::fs::read(&segment).unwrap();
    let at = (0..bytes.len()).rfind(|at| bytes[*at..].starts_with(b"lapwing/")).unwrap();
    let length = u64::from_le_bytes(bytes[at - 30..at - 22].try_into().unwrap()) as usize - 22;
    let checkpoint = directory.join("checkpoint");
    std::fs::write(&checkpoint, &bytes[at..at + length]).unwrap();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    (text(&segment), key.trim().to_owned(), text(&checkpoint))
}

#[test]
fn every_flip_of_a_bit_is_found_by_both() {
    let directory = directory("flips");
    let (segment, key, _) = made(&directory, "5");
    let bits = std::fs::metadata(&segment).unwrap().len() * 8;
    let rust = evidence(&["flips", &segment, &key], None);
    assert_eq!(rust.lines().count() as u64, bits);
    let missed: Vec<&str> = rust.lines().filter(|line| line.contains(" valid")).collect();
    assert!(missed.is_empty(), "{} flips are not found: {missed:?}", missed.len());
    let python = python(&["flips", &segment, &key]);
    let differ = rust.lines().zip(python.lines()).filter(|(a, b)| a != b).take(10).collect::<Vec<_>>();
    assert!(differ.is_empty() && rust.len() == python.len(), "they differ: {differ:#?}");
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn random_changes_of_a_larger_segment_are_found_by_both() {
    let directory = directory("changes");
    let (segment, key, checkpoint) = made(&directory, "300");
    let kept = directory.join("changed");
    std::fs::create_dir_all(&kept).unwrap();
    let rust = evidence(&["mutate", &segment, &key, &checkpoint, "200", "1"], Some(&kept));
    let missed: Vec<&str> = rust.lines().filter(|line| line.contains(" valid")).collect();
    assert!(missed.is_empty(), "not found: {missed:?}");
    // The second word is what was done; Python is not told.
    let untold = |line: &str| line.split(' ').enumerate().filter(|(i, _)| *i != 1).map(|(_, w)| w.to_owned()).collect();
    let rust: Vec<Vec<String>> = rust.lines().map(untold).collect();
    let python = python(&["folder", kept.to_str().unwrap(), &key, &checkpoint]);
    let python: Vec<Vec<String>> = python.lines().map(|l| l.split(' ').map(str::to_owned).collect()).collect();
    assert_eq!(rust, python);
    std::fs::remove_dir_all(directory).unwrap();
}

/// What a report says first, as `testdata/evidence/expected.txt` has it.
fn first(file: &str, report: &serde_json::Value) -> String {
    let mut line = format!("{file} {}", report["verdict"].as_str().unwrap());
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
    for line in expected.lines() {
        let file = line.split(' ').next().unwrap();
        let path = folder.join(file);
        let name = path.file_name().unwrap().to_str().unwrap();
        let mut verification = lapwing_journal::verify::Verification::new(vec![key.clone()]);
        verification.segment(name, &std::fs::read(&path).unwrap());
        let rust = serde_json::to_value(verification.finish()).unwrap();
        assert_eq!(first(file, &rust), line);
        let mut program = Command::new("python3");
        program.arg(root().join("tools/verify.py")).arg(&path).arg("--key").arg(&key_file);
        let output = program.output().unwrap();
        let python: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(python, rust, "{file}");
        assert_eq!(output.status.code(), Some(i32::from(rust["verdict"] == "altered")));
    }
}
