//! Erasing entries: their data goes, a tombstone stays in its place.
//!
//! A segment is copied chunk by chunk; in a chunk with an entry to erase, that entry's data become a tombstone, and its salt in the
//! seal becomes the commitment it made, so that every signed checkpoint still proves the rest. Nothing else changes: positions,
//! times and channels stay. The new file is complete and on the disk before it takes the old one's name: after a crash there is
//! one of the two.

use crate::entry::Erased;
use crate::evidence::leaf::commit;
use crate::evidence::seal::Item;
use crate::format::chunk::{Builder, Chunk};
use crate::format::pieces::Pieces;
use crate::format::{END, MESSAGE_HEAD};
use crate::read::DamageKind;
use crate::storage::{ReadAt, Storage, clear_draft, rewrite};
use crate::walk::{Step, Walk};
use std::io;

/// Erases the entries of a segment that `which` names by position and data. Gives how many there were; a segment without any
/// is left alone.
pub fn erase(
    storage: &dyn Storage,
    name: &str,
    tombstone: &Erased,
    which: &mut dyn FnMut(u64, &[u8]) -> bool,
) -> io::Result<u64> {
    let source = storage.read(name)?;
    clear_draft(storage, name)?;
    let tombstone = serde_json::to_vec(&serde_json::json!({ "erased": tombstone }))?;
    let told = |e| crate::at_path(&storage.path(name), e);
    if is_marked(storage, name)? {
        return refuse_marked(storage, name, which).map_err(told);
    }
    // First without writing: most segments have nothing to erase.
    let count = copy(source.as_ref(), &tombstone, which, &mut |_| Ok(())).map_err(told)?;
    if count == 0 {
        return Ok(0);
    }
    rewrite(storage, name, |file| copy(source.as_ref(), &tombstone, which, &mut |bytes| file.append(bytes)))
}

/// Whether a segment is of version 1.
fn is_marked(storage: &dyn Storage, name: &str) -> io::Result<bool> {
    let mut walk = Walk::over(storage.path(name), storage.read(name)?)?;
    while let Some(step) = walk.step() {
        if matches!(step, Step::Head { .. } | Step::Begin { .. }) {
            break;
        }
    }
    Ok(walk.is_marked())
}

/// Version 1, which no release wrote, is read but not written any more.
fn refuse_marked(storage: &dyn Storage, name: &str, which: &mut dyn FnMut(u64, &[u8]) -> bool) -> io::Result<u64> {
    let mut walk = Walk::over(storage.path(name), storage.read(name)?)?;
    while let Some(step) = walk.step() {
        let what = match step {
            Step::Message { position, data, .. } if which(position, walk.data(data.clone())) => {
                format!("entry {position} cannot be erased from a segment of version 1; remove the file")
            }
            Step::Damage(damage) if damage.kind == DamageKind::Unreadable => damage.what,
            _ => continue,
        };
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    }
    Ok(0)
}

/// Copies a segment with what is to be erased replaced; how many entries that were.
fn copy(
    source: &dyn ReadAt,
    tombstone: &[u8],
    which: &mut dyn FnMut(u64, &[u8]) -> bool,
    out: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<u64> {
    let (head, _, mut pieces) = Pieces::of(source)?;
    out(&head)?;
    let mut erased = 0;
    while let Some((bytes, chunk)) = pieces.next()? {
        match without(&bytes, &chunk, tombstone, which) {
            Some((count, chunk)) => {
                erased += count;
                out(&chunk)?;
            }
            None => out(&bytes)?,
        }
    }
    if pieces.has_end() {
        out(&END)?;
    }
    Ok(erased)
}

/// A chunk with what is to be erased replaced, and how many entries that were; `None` if there is nothing in it.
fn without(
    bytes: &[u8],
    chunk: &Chunk,
    tombstone: &[u8],
    which: &mut dyn FnMut(u64, &[u8]) -> bool,
) -> Option<(u64, Vec<u8>)> {
    let split = |content: &std::ops::Range<usize>| {
        bytes.get(content.clone()).and_then(|content| content.split_at_checked(MESSAGE_HEAD)).unwrap_or_default()
    };
    let mut builder = Builder::new(chunk.token, chunk.position);
    let mut erased = 0;
    for part in &chunk.parts {
        let Some(content) = &part.message else {
            builder.removed(*part.item.claimed(), part.item.level());
            continue;
        };
        let (head, data) = split(content);
        match part.item {
            Item::Whole { leaf, salt } if !Erased::is(data) && which(part.position, data) => {
                erased += 1;
                let commitment = commit(&salt, data);
                builder.record(Item::Erased { leaf, commitment }, head, tombstone);
            }
            item => builder.record(item, head, data),
        }
    }
    if let Some(content) = &chunk.checkpoint {
        let (head, note) = split(content);
        builder.note(head, note);
    }
    (erased > 0).then(|| (erased, builder.finish()))
}
