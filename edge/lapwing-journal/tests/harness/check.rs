//! Whether what is found keeps what was promised.

use super::End;
use super::work::Worker;
use lapwing_journal::simulated::{Image, SimulatedStorage};
use lapwing_journal::{Class, DamageKind, Entry, Journal, Options, Reader};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What was found in an image.
#[derive(Debug, Default)]
pub struct Found {
    pub confirmed: u64,
    pub read: u64,
    pub told: u64,
}

/// Reads an image as the next start would, and opens it for writing. Whatever was not found is forgotten by the witness:
/// its numbers are given again.
pub fn image(image: &Image, worker: &mut Worker, end: End, strict: bool) -> Result<Found, String> {
    let storage = SimulatedStorage::found(image, 1);
    let (entries, told) = read(image, &storage)?;
    let mut found = Found { read: entries.len() as u64, told: told.len() as u64, confirmed: 0 };
    for (position, entry) in &entries {
        match worker.given.get(position) {
            Some(given) if given.entry == *entry => {}
            // What the journal says of itself was not given to it.
            None if matches!(entry, Entry::Audit(_)) => {}
            given => return Err(format!("entry {position} is {entry:?}, and was {:?}", given.map(|g| &g.entry))),
        }
    }
    for (position, given) in &worker.given {
        let there = entries.contains_key(position);
        let kept = given.class == Class::A || *position >= worker.retained_from;
        if given.class == Class::A && given.synced {
            found.confirmed += 1;
            if !there {
                return Err(format!("entry {position} was confirmed and is not there; told: {told:?}"));
            }
        }
        // Class B is only shed by a disk that fails.
        if strict && kept && !there && (given.synced || (end == End::Kill && given.flushed)) {
            return Err(format!("entry {position} of class {:?} was written and is not there", given.class));
        }
    }
    reopen(&storage, &entries, worker)?;
    worker.given.retain(|position, _| entries.contains_key(position));
    Ok(found)
}

type Told = Vec<(DamageKind, String)>;

/// Reads everything; an error when something is missing without a word.
fn read(image: &Image, storage: &SimulatedStorage) -> Result<(BTreeMap<u64, Entry>, Told), String> {
    let mut entries = BTreeMap::new();
    let mut told: Told = Vec::new();
    let mut files_told = BTreeSet::new();
    let mut gap_told = false;
    let reader = Reader::of_storage(Arc::new(storage.clone())).map_err(|e| format!("cannot be opened: {e}"))?;
    for item in reader {
        match item {
            Ok((position, _, entry)) => {
                let last: Option<u64> = entries.keys().next_back().copied();
                if last.is_some_and(|last| position.0 <= last) {
                    return Err(format!("entry {position:?} after {last:?}"));
                }
                if last.is_some_and(|last| position.0 > last + 1) && !gap_told {
                    return Err(format!("a gap between {last:?} and {position:?} and not a word; told: {told:?}"));
                }
                gap_told = false;
                entries.insert(position.0, entry);
            }
            Err(damage) => {
                gap_told |= matches!(damage.kind, DamageKind::Missing | DamageKind::Removed);
                files_told.insert(damage.path.clone());
                told.push((damage.kind, damage.to_string()));
            }
        }
    }
    for (name, bytes) in image.files.iter().filter(|(name, _)| name.ends_with(".mcap")) {
        let whole = bytes.len() > 8 && bytes.ends_with(b"\x89MCAP0\r\n");
        let path = lapwing_journal::Storage::path(storage, name);
        if !whole && !files_told.contains(&path) {
            return Err(format!("{name} is cut and the reader does not say so"));
        }
    }
    Ok((entries, told))
}

/// The next start goes on after everything that was promised, and records again.
fn reopen(storage: &SimulatedStorage, entries: &BTreeMap<u64, Entry>, worker: &mut Worker) -> Result<(), String> {
    let copy = SimulatedStorage::found(&storage.killed(), 2);
    let options = Options::default();
    let mut journal = Journal::open_in(Arc::new(copy.clone()), options).map_err(|e| format!("does not open: {e}"))?;
    let next = journal.next_position().0;
    if let Some(last) = entries.keys().next_back()
        && next <= *last
    {
        return Err(format!("goes on at {next}, and {last} is there"));
    }
    let entry = worker.vital();
    let position = journal.append(worker.now, &entry).map_err(|e| format!("does not record: {e}"))?;
    journal.close().map_err(|e| format!("does not close: {e}"))?;
    let reader = Reader::of_storage(Arc::new(copy)).map_err(|e| e.to_string())?;
    match reader.filter_map(Result::ok).last() {
        Some((last, _, there)) if last == position && there == entry => Ok(()),
        other => Err(format!("the entry after the start is {other:?}")),
    }
}
