//! What is done to a sealed journal is found, by both verifiers alike.

// The ban list is for core/: these tests have files and processes.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::unwrap_used, clippy::expect_used)]

use lapwing_journal::evidence::note;
use lapwing_journal::evidence::note::{Signer, Verifier};
use lapwing_journal::verify::{Report, Verification};
use lapwing_journal::{Journal, Options, Reader};
use lapwing_model::{Envelope, InputId, Reception, Time};
use std::path::{Path, PathBuf};

const SEED: [u8; 32] = [7; 32];

fn signer() -> Signer {
    Signer::new("lapwing-test", &SEED).unwrap()
}

fn directory(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("lapwing-verify-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    path
}

fn append(journal: &mut Journal, first: u64, count: u64, what: &str) {
    for i in first..first + count {
        let at = Time::from_millis(1_700_000_000_000 + i as i64);
        let input = InputId::new(if i % 3 == 0 { "east" } else { "west" }).unwrap();
        let bytes = format!("{what} {i}").into_bytes();
        let reception = Reception { input, received_at: at, envelope: Envelope::Datagram, bytes };
        journal.append_reception(at, &reception).unwrap();
        if i % 4 == 3 {
            journal.flush().unwrap();
        }
        if i % 8 == 7 {
            journal.checkpoint(at).unwrap();
        }
    }
}

fn journal(name: &str, segments: u64) -> PathBuf {
    let directory = directory(name);
    for i in 0..segments {
        let mut journal = Journal::open(&directory, Options::default()).unwrap();
        journal.sign_with(signer()).unwrap();
        append(&mut journal, i * 20, 20, "reception");
        journal.close().unwrap();
    }
    directory
}

fn files(directory: &Path) -> Vec<PathBuf> {
    lapwing_journal::segment_files(directory).unwrap()
}

fn verify(files: &[PathBuf], keys: &[Verifier], saved: &[Vec<u8>]) -> Report {
    let mut verification = Verification::new(keys.to_vec());
    saved.iter().for_each(|note| verification.save(note, &[]).unwrap());
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        verification.segment(&name, &std::fs::read(file).unwrap());
    }
    verification.finish()
}

/// The checkpoints of a segment: notes end with a line feed before the next record.
fn checkpoints(file: &Path) -> Vec<Vec<u8>> {
    let bytes = std::fs::read(file).unwrap();
    let begins = |at: &usize| bytes[*at..].starts_with(b"lapwing/");
    (0..bytes.len())
        .filter(begins)
        .map(|at| {
            let length = u64::from_le_bytes(bytes[at - 30..at - 22].try_into().unwrap()) as usize - 22;
            bytes[at..at + length].to_vec()
        })
        .collect()
}

#[test]
fn what_was_written_is_valid_and_reads_back() {
    let directory = journal("valid", 3);
    let report = verify(&files(&directory), &[signer().verifier()], &[]);
    assert_eq!(report.verdict, "valid", "{report:?}");
    assert_eq!(report.records.verified, 60);
    assert!(report.segments.iter().all(|s| s.state == "closed"));
    assert_eq!(Reader::open(&directory).unwrap().filter(|item| item.is_ok()).count(), 60);
    assert!(Reader::open(&directory).unwrap().all(|item| item.is_ok()));
    for file in files(&directory) {
        for saved in checkpoints(&file) {
            assert_eq!(verify(&files(&directory), &[signer().verifier()], &[saved]).verdict, "valid");
        }
    }
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn another_key_does_not_verify() {
    let directory = journal("key", 1);
    let other = Signer::new("lapwing-test", &[8; 32]).unwrap().verifier();
    let report = verify(&files(&directory), &[other], &[]);
    assert_eq!((report.verdict.as_str(), report.records.verified), ("altered", 0));
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn a_killed_server_leaves_records_that_the_next_segment_covers() {
    let directory = directory("killed");
    let mut killed = Journal::open(&directory, Options::default()).unwrap();
    killed.sign_with(signer()).unwrap();
    append(&mut killed, 0, 15, "reception");
    killed.flush().unwrap();
    let left = std::fs::read(killed.segment_path().unwrap()).unwrap();
    let path = killed.segment_path().unwrap();
    drop(killed);
    std::fs::write(&path, left).unwrap();
    let report = verify(&files(&directory), &[signer().verifier()], &[]);
    assert_eq!((report.verdict.as_str(), report.records.verified, report.records.uncovered), ("valid", 8, 7));
    let mut journal = Journal::open(&directory, Options::default()).unwrap();
    journal.sign_with(signer()).unwrap();
    append(&mut journal, 15, 5, "reception");
    journal.close().unwrap();
    let report = verify(&files(&directory), &[signer().verifier()], &[]);
    assert_eq!((report.verdict.as_str(), report.records.verified, report.records.uncovered), ("valid", 20, 0));
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn a_fork_signed_with_the_stolen_key_is_exposed_by_one_earlier_checkpoint() {
    let directory = journal("fork", 1);
    let file = files(&directory).remove(0);
    let saved = checkpoints(&file).remove(0);
    let forked = self::directory("forked");
    let mut fork = Journal::open(&forked, Options::default()).unwrap();
    fork.sign_with(signer()).unwrap();
    append(&mut fork, 0, 20, "another");
    fork.close().unwrap();
    let keys = [signer().verifier()];
    assert_eq!(verify(&files(&forked), &keys, &[]).verdict, "valid");
    let report = verify(&files(&forked), &keys, std::slice::from_ref(&saved));
    assert_eq!(report.first_bad.unwrap().what, "absent");
    // The thief keeps the segment's token too: the tree is another.
    let token = |note: &[u8]| String::from_utf8_lossy(&note[8..40]).into_owned();
    let (old, new) = (token(&checkpoints(&files(&forked)[0])[0]), token(&saved));
    let text = String::from_utf8(saved.clone()).unwrap();
    let text = text.split_once("\n\n").map(|(text, _)| format!("{text}\n").replace(&new, &old)).unwrap();
    let report = verify(&files(&forked), &keys, &[note::sign(&text, &signer()).into_bytes()]);
    let bad = report.first_bad.unwrap();
    assert_eq!((bad.what.as_str(), bad.position), ("fork", Some(0)));
    [directory, forked].iter().for_each(|d| std::fs::remove_dir_all(d).unwrap());
}

#[test]
fn a_segment_that_is_gone_or_cut_is_missed() {
    let directory = journal("gone", 3);
    let all = files(&directory);
    let keys = [signer().verifier()];
    let report = verify(&[all[0].clone(), all[2].clone()], &keys, &[]);
    assert_eq!((report.first_bad.unwrap().what.as_str(), report.records.verified), ("chain", 40));
    let bytes = std::fs::read(&all[1]).unwrap();
    let marks: Vec<usize> = (0..bytes.len()).filter(|i| bytes[*i..].starts_with(b"lapwing/")).collect();
    // Everything from the third checkpoint on: its chunk has 104 bytes before the message.
    let cut = marks[2] - 31 - 104;
    std::fs::write(&all[1], &bytes[..cut]).unwrap();
    let report = verify(&all, &keys, &[]);
    assert_eq!(report.verdict, "altered");
    assert!(report.records.missing >= 4, "{report:?}");
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn what_was_erased_is_gone_and_everything_still_verifies() {
    let directory = journal("erased", 2);
    let storage = lapwing_journal::DiskStorage::open(&directory).unwrap();
    let tombstone = lapwing_journal::Erased { at: Time::from_seconds(1_700_000_100), why: "request 1".to_owned() };
    let mut erased = 0;
    for file in files(&directory) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let holds = |_, data: &[u8]| data.windows(11).any(|w| w == b"reception 1");
        erased += lapwing_journal::erase(&storage, &name, &tombstone, &mut { holds }).unwrap();
    }
    assert_eq!(erased, 11, "1 and 10 to 19");
    for file in files(&directory) {
        let bytes = std::fs::read(&file).unwrap();
        assert!(!bytes.windows(11).any(|w| w == b"reception 1"), "{} still has it", file.display());
    }
    let keys = [signer().verifier()];
    let report = verify(&files(&directory), &keys, &[]);
    assert_eq!(report.verdict, "valid", "{report:?}");
    let key_file = directory.join("key.pub");
    std::fs::write(&key_file, format!("{}\n", keys[0])).unwrap();
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/verify.py");
    let output = std::process::Command::new("python3").arg(tool).arg(&directory).arg("--key").arg(&key_file).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn a_power_cut_in_any_write_reads_as_cut_and_not_as_altered() {
    let directory = journal("power", 1);
    let file = files(&directory).remove(0);
    let bytes = std::fs::read(&file).unwrap();
    let key = signer().verifier();
    let told = |length: usize| {
        let mut verification = Verification::new(vec![key.clone()]);
        verification.segment("x", &bytes[..length]);
        verification.finish()
    };
    // The closing write: a chunk with the last checkpoint, and the end.
    let notes: Vec<usize> = (0..bytes.len()).filter(|i| bytes[*i..].starts_with(b"lapwing/")).collect();
    let closing = notes.last().unwrap() - 31 - 104;
    for length in 0..bytes.len() {
        let report = told(length);
        assert_eq!((report.verdict.as_str(), report.first_bad), ("valid", None), "cut at {length}");
        let state = report.segments[0].state.as_str();
        assert!(
            if length > closing { state == "cut" } else { ["cut", "open"].contains(&state) },
            "cut at {length}: {state}"
        );
    }
    assert_eq!(told(bytes.len()).segments[0].state, "closed");
    // The next start names what it found, and that covers it.
    for length in (closing + 1..bytes.len()).step_by(13) {
        std::fs::write(&file, &bytes[..length]).unwrap();
        let mut next = Journal::open(&directory, Options::default()).unwrap();
        next.sign_with(signer()).unwrap();
        append(&mut next, 20, 1, "reception");
        next.close().unwrap();
        let report = verify(&files(&directory), std::slice::from_ref(&key), &[]);
        assert_eq!((report.verdict.as_str(), report.records.verified), ("valid", 21), "cut at {length}: {report:?}");
        std::fs::remove_file(files(&directory).remove(1)).unwrap();
    }
    std::fs::remove_dir_all(directory).unwrap();
}
