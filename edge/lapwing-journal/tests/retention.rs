#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
//! What retention takes and what it leaves.

use lapwing_journal::evidence::note::{Signer, Verifier};
use lapwing_journal::simulated::SimulatedStorage;
use lapwing_journal::verify::{Report, Verification};
use lapwing_journal::{
    Audit, Class, DamageKind, Entry, HOLDS_FILE, Hold, Holds, Journal, Options, Reader, Retention, Storage, StoredFile,
    Taken, replace,
};
use lapwing_model::{AirText, AlertId, Command, Envelope, InputId, Order, Reception, Span, Time};
use std::collections::BTreeMap;
use std::sync::Arc;

const HOUR: i64 = 3600;
const OPTIONS: Options =
    Options { segment_bytes_max: 1 << 20, segment_time_max: Span::from_seconds(HOUR), reserve_bytes: 0 };
const RETENTION: Retention =
    Retention { class_b: Span::from_seconds(24 * HOUR), class_a: Span::from_seconds(100 * HOUR) };

fn hour(h: i64) -> Time {
    Time::from_seconds(1_770_000_000 + h * HOUR)
}

fn raw(at: Time) -> Entry {
    let input = InputId::new("radar").unwrap();
    Entry::Reception(Reception { input, received_at: at, envelope: Envelope::Datagram, bytes: vec![7; 300] })
}

fn command(n: u64) -> Entry {
    let order = Order::AcknowledgeAlert { alert: AlertId(n), note: None };
    Entry::Command(Command { by: AirText::new("guard"), order })
}

/// Each hour 20 receptions with a command after the tenth, from hour `from` up to `to`.
fn write(journal: &mut Journal, from: i64, to: i64) {
    for h in from..to {
        for i in 0..21 {
            let at = hour(h) + Span::from_seconds(i * 60);
            let entry = if i == 10 { command(h as u64) } else { raw(at) };
            journal.append(at, &entry).unwrap();
        }
        journal.sync().unwrap();
    }
}

fn read(storage: &SimulatedStorage) -> (BTreeMap<u64, Entry>, Vec<DamageKind>) {
    let (mut entries, mut told) = (BTreeMap::new(), Vec::new());
    for item in Reader::of_storage(Arc::new(storage.clone())).unwrap() {
        match item {
            Ok((position, _, entry)) => drop(entries.insert(position.0, entry)),
            Err(damage) => told.push(damage.kind),
        }
    }
    (entries, told)
}

fn bytes(storage: &SimulatedStorage) -> usize {
    storage.killed().files.values().map(Vec::len).sum()
}

fn retain(journal: &mut Journal, now: Time) -> usize {
    let mut segments = 0;
    while let Some(job) = journal.begin_retention(now, &RETENTION).unwrap() {
        let done = job.run();
        assert!(done.failures.is_empty(), "{done:?}");
        segments += done.pruned.len() + done.removed.len();
        journal.finish_retention(&done);
    }
    segments
}

#[test]
fn raw_detail_goes_and_what_is_held_or_of_class_a_stays() {
    let storage = SimulatedStorage::new(1);
    let mut journal = Journal::open_in(Arc::new(storage.clone()), OPTIONS).unwrap();
    write(&mut journal, 0, 30);
    let (before, told) = read(&storage);
    assert_eq!((before.len(), told.len()), (30 * 21, 1), "one segment is being written");
    let size = bytes(&storage);
    let holds = Holds { holds: vec![Hold { first: 30, last: 45, why: "incident 1".to_owned() }] };
    holds.write(&storage).unwrap();
    let now = hour(30);
    // Segments 0 to 5 ended 24 hours ago or more.
    assert_eq!(retain(&mut journal, now), 6);
    let (after, told) = read(&storage);
    for (position, entry) in &before {
        let old = *position < 6 * 21;
        let kept = !old || entry.class() == Class::A || (30..=45).contains(position);
        assert_eq!(after.get(position) == Some(entry), kept, "{position}");
    }
    assert!(told.iter().all(|k| matches!(k, DamageKind::Removed | DamageKind::NotClosed)), "{told:?}");
    let audits: Vec<_> = after.values().filter(|e| matches!(e, Entry::Audit(Audit::Expired { .. }))).collect();
    assert_eq!(audits.len(), 6);
    let won = size - bytes(&storage);
    assert!(won > 6 * 17 * 300, "{won} bytes won");
    // Nothing more to do, then the incident is closed.
    assert_eq!(retain(&mut journal, now), 0);
    Holds::default().write(&storage).unwrap();
    assert_eq!(retain(&mut journal, now), 2, "the segments that were held");
    let (after, _) = read(&storage);
    assert!(!after.contains_key(&30) && after.contains_key(&31) == matches!(before[&31], Entry::Command(_)));
    // A new start finds the same, and goes on behind it.
    let next = journal.next_position();
    journal.close().unwrap();
    let mut journal = Journal::open_in(Arc::new(storage.clone()), OPTIONS).unwrap();
    assert_eq!(journal.next_position(), next);
    assert_eq!(retain(&mut journal, now), 0);
}

#[test]
fn whole_segments_go_from_the_oldest_end_only() {
    let storage = SimulatedStorage::new(2);
    let mut journal = Journal::open_in(Arc::new(storage.clone()), OPTIONS).unwrap();
    write(&mut journal, 0, 10);
    write(&mut journal, 120, 122);
    let holds = Holds { holds: vec![Hold { first: 4 * 21, last: 4 * 21, why: "incident 1".to_owned() }] };
    holds.write(&storage).unwrap();
    retain(&mut journal, hour(122));
    let (after, told) = read(&storage);
    assert_eq!(after.keys().next(), Some(&(4 * 21)), "what is before the held segment is gone");
    // Behind it nothing goes without a word.
    assert!(told.iter().all(|k| matches!(k, DamageKind::Removed | DamageKind::NotClosed)), "{told:?}");
    for h in 4..9_u64 {
        assert!(after.contains_key(&(h * 21 + 10)), "the command of hour {h}");
    }
    let all = |e: &Entry| matches!(e, Entry::Audit(Audit::Expired { taken: Taken::All, .. }));
    assert_eq!(after.values().filter(|e| all(e)).count(), 4);
}

#[test]
fn nothing_goes_when_the_holds_cannot_be_read_or_the_record_not_written() {
    let storage = SimulatedStorage::new(3);
    let mut journal = Journal::open_in(Arc::new(storage.clone()), OPTIONS).unwrap();
    write(&mut journal, 0, 30);
    replace(&storage, HOLDS_FILE, b"{\"holds\": [{\"first\": 1}]}").unwrap();
    let error = journal.begin_retention(hour(30), &RETENTION).err().expect("refused").to_string();
    assert!(error.contains(HOLDS_FILE) && error.contains("last"), "{error}");
    storage.remove(HOLDS_FILE).unwrap();
    use lapwing_journal::simulated::{Call, Failure};
    let failure = Failure { of: Some(Call::Sync), at: 0, count: u64::MAX, error: std::io::ErrorKind::Other };
    storage.fail(failure);
    assert!(journal.begin_retention(hour(30), &RETENTION).is_err());
    storage.heal();
    let (after, _) = read(&storage);
    assert!((0..30 * 21).all(|position| after.contains_key(&position)));
}

#[test]
fn a_damaged_segment_is_left_as_it_is() {
    let storage = SimulatedStorage::new(4);
    let mut journal = Journal::open_in(Arc::new(storage.clone()), OPTIONS).unwrap();
    write(&mut journal, 0, 30);
    let name = storage.list().unwrap().into_iter().nth(2).unwrap();
    let mut damaged = storage.killed().files[&name].clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    storage.remove(&name).unwrap();
    let file: Box<dyn StoredFile> = storage.create(&name).unwrap();
    file.append(&damaged).unwrap();
    let mut left = Vec::new();
    while let Some(job) = journal.begin_retention(hour(30), &RETENTION).unwrap() {
        let done = job.run();
        left.extend(done.failures.iter().map(|(name, _)| name.clone()));
        journal.finish_retention(&done);
    }
    assert_eq!(left, std::slice::from_ref(&name));
    assert_eq!(storage.killed().files[&name], damaged);
}

fn verify(storage: &SimulatedStorage, key: &Verifier) -> Report {
    let mut verification = Verification::new(vec![key.clone()]);
    let files = storage.killed().files;
    for (name, bytes) in files.iter().filter(|(name, _)| name.ends_with(".mcap")) {
        verification.segment(name, bytes);
    }
    verification.finish()
}

/// The same by the other program.
fn verify_in_python(storage: &SimulatedStorage, key: &Verifier) -> Report {
    let folder = std::env::temp_dir().join(format!("lapwing-retention-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    for (name, bytes) in storage.killed().files.iter().filter(|(name, _)| name.ends_with(".mcap")) {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
    let tool = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/verify.py");
    let output =
        std::process::Command::new("python3").arg(tool).arg(&folder).arg("--key").arg(key.to_string()).output();
    std::fs::remove_dir_all(&folder).unwrap();
    let output = output.unwrap();
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn a_sealed_journal_that_was_pruned_still_verifies() {
    let storage = SimulatedStorage::new(5);
    let signer = || Signer::new("lapwing-test", &[7; 32]).unwrap();
    let key = signer().verifier();
    // 20 of the 30 hours with a server that was killed after the twentieth.
    for (from, to) in [(0, 20), (20, 30)] {
        let mut journal = Journal::open_in(Arc::new(storage.clone()), OPTIONS).unwrap();
        journal.sign_with(signer()).unwrap();
        for h in from..to {
            for i in 0..210 {
                let at = hour(h) + Span::from_seconds(i * 6);
                journal.append(at, &if i == 100 { command(h as u64) } else { raw(at) }).unwrap();
                if i % 5 == 4 {
                    journal.maintain(at);
                }
            }
            journal.sync().unwrap();
        }
        if to == 30 {
            // A hold in the middle of a segment, across checkpoints and not at one.
            let holds = Holds { holds: vec![Hold { first: 263, last: 312, why: "incident 1".to_owned() }] };
            holds.write(&storage).unwrap();
            let before = verify(&storage, &key);
            assert_eq!(before.verdict, "valid", "{before:?}");
            assert_eq!(retain(&mut journal, hour(30)), 6);
            assert_eq!(retain(&mut journal, hour(30)), 0, "nothing is gone through twice");
            let report = verify(&storage, &key);
            assert_eq!(report.verdict, "valid", "{report:?}");
            assert_eq!(report.records.removed, 6 * 209 - 49, "{report:?}");
            assert_eq!(report.records.altered + report.records.missing, 0);
            let (entries, _) = read(&storage);
            assert!((263..=312).all(|position| entries.contains_key(&position)), "what is held is there");
            assert_eq!(verify_in_python(&storage, &key), report);
            // Once more, with the hold lifted.
            Holds::default().write(&storage).unwrap();
            assert_eq!(retain(&mut journal, hour(30)), 1);
            let report = verify(&storage, &key);
            assert_eq!((report.verdict.as_str(), report.records.removed), ("valid", 6 * 209), "{report:?}");
            assert_eq!(verify_in_python(&storage, &key), report);
        }
        storage.go_dark_after(0);
        drop(journal);
        storage.heal();
    }
    // What is left is as well kept as before: any change of it is found.
    let files = storage.killed().files;
    let (name, bytes) = files.iter().find(|(name, _)| name.ends_with(".mcap")).unwrap();
    assert!(bytes.len() < 12_000, "{} bytes for an hour of one command", bytes.len());
    for at in (0..bytes.len()).step_by(37) {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        let mut verification = Verification::new(vec![key.clone()]);
        verification.segment(name, &changed);
        let report = verification.finish();
        assert_eq!(report.verdict, "altered", "byte {at}");
    }
}
