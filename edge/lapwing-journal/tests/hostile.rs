//! What the fuzz targets `journal_verify` and `journal_note` do, on seeded changes of genuine bytes: no panic, nothing verified
//! that nobody signed, and what is read is written again as it was. `MUTATIONS=N` makes more of them.

// The ban list is for core/: these tests have files.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::unwrap_used, clippy::expect_used)]

use lapwing_journal::evidence::checkpoint::Checkpoint;
use lapwing_journal::evidence::note::{Note, Signer, Verifier};
use lapwing_journal::evidence::{key, seal};
use lapwing_journal::simulated::Random;
use lapwing_journal::verify::Verification;
use std::path::Path;

fn cases() -> u64 {
    std::env::var("MUTATIONS").map_or(4_000, |text| text.parse().unwrap())
}

/// Some edits, cuts, repetitions and numbers at their limits.
fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(5) {
        let at = random.below(bytes.len() as u64 + 1) as usize;
        let end = (at + random.below(80) as usize).min(bytes.len());
        match random.below(6) {
            0 => drop(bytes.drain(at..end)),
            1 => {
                let from = random.below(bytes.len() as u64 + 1) as usize;
                let piece = bytes[from..(from + random.below(900) as usize).min(bytes.len())].to_vec();
                drop(bytes.splice(at..at, piece));
            }
            2 => bytes.truncate(at),
            3 => bytes[at..end.min(at + 8).max(at)].fill(if random.one_in(2) { 0xff } else { 0 }),
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = random.draw() as u8;
                }
            }
        }
    }
}

fn vector(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/evidence").join(name)).unwrap()
}

fn vectors_key() -> Verifier {
    Verifier::parse(std::str::from_utf8(&vector("key/lapwing-test-vectors.pub")).unwrap()).unwrap()
}

#[test]
fn hostile_segments_are_judged_without_a_panic_and_nothing_unsigned_is_verified() {
    let other = Signer::new("fuzz", &[1; 32]).unwrap().verifier();
    let originals = ["tampered/records-erased.mcap", "tampered/records-removed.mcap"].map(vector);
    for case in 0..cases() {
        let mut random = Random(case);
        let mut bytes = originals[(case % 2) as usize].clone();
        mutate(&mut bytes, &mut random);
        for (key, may_verify) in [(&other, false), (&vectors_key(), true)] {
            let mut verification = Verification::new(vec![key.clone()]);
            verification.segment("x", &bytes);
            verification.segment("x again", &bytes);
            let records = verification.finish().records;
            let most = if may_verify { 80 } else { 0 };
            assert!(records.verified + records.erased + records.removed <= most, "case {case}: {records:?}");
        }
    }
}

#[test]
fn hostile_notes_and_seals_read_back_as_they_were() {
    let note = vector("checkpoint.txt");
    let segment = vector("tampered/records-removed.mcap");
    for case in 0..cases() {
        let mut random = Random(case);
        let mut bytes = if case % 2 == 0 { note.clone() } else { segment[1024 + 104..].to_vec() };
        mutate(&mut bytes, &mut random);
        if let Ok(note) = Note::parse(&bytes)
            && let Some(checkpoint) = Checkpoint::parse(note.text)
        {
            assert_eq!(checkpoint.text(), note.text, "case {case}");
        }
        let whole = bytes.len() / seal::ITEM_BYTES * seal::ITEM_BYTES;
        if let Some(items) = seal::decode(&bytes[..whole]) {
            assert_eq!(
                items.iter().flat_map(|item| item.encode()).collect::<Vec<u8>>(),
                &bytes[..whole],
                "case {case}"
            );
        }
        let _ = key::read_announced(&bytes);
        if let Ok(text) = std::str::from_utf8(&bytes) {
            let _ = Verifier::parse(text);
        }
    }
}
