//! Rewriting a segment without what is no longer kept.
//!
//! In the place of the entries taken out the seals have the hashes of the largest subtrees over them, so that every signed
//! checkpoint that stays still proves the rest: `docs/reference/evidence.md`, *What may be rewritten*. The new file is complete and
//! on the disk before it takes the old one's name, so that there is one of the two at any time.

use crate::entry::{self, Class};
use crate::evidence::Hash;
use crate::evidence::seal::LEVEL_MAX;
use crate::evidence::tree::hash_node;
use crate::format::chunk::{Builder, Chunk, Part};
use crate::format::head::{HEAD_BYTES, Head};
use crate::format::pieces::Pieces;
use crate::format::{END, MESSAGE_HEAD, u16_at, u64_at};
use crate::segments;
use crate::storage::{ReadAt, Storage, StoredFile, clear_draft, rewrite};
use lapwing_model::Time;
use std::collections::BTreeSet;
use std::io;

/// Bytes of entries after which a chunk is closed.
const CHUNK_BYTES: u64 = 1 << 20;

/// Removes what an interrupted pruning left. Best effort: it is in nobody's way.
pub(crate) fn remove_drafts(storage: &dyn Storage) {
    let drafts = storage.list().unwrap_or_default();
    for name in drafts.iter().filter(|name| name.ends_with(".mcap.new")) {
        let _ = storage.remove(name);
    }
}

/// Takes the class B entries that are not held out of a segment. Gives the bytes won. A damaged segment is left as it
/// is: bytes that may still be made sense of are not thrown away.
pub(crate) fn prune(storage: &dyn Storage, name: &str, held: &[(u64, u64)]) -> io::Result<u64> {
    let source = storage.read(name)?;
    clear_draft(storage, name)?;
    let told = |e: io::Error| crate::at_path(&storage.path(name), e);
    let plan = Plan::of(source.as_ref(), held, named_size(storage, name)?).map_err(told)?;
    if plan.removed == 0 {
        return Ok(0);
    }
    let after = rewrite(storage, name, |file| {
        write(source.as_ref(), &plan, held, file)?;
        file.length()
    })?;
    Ok(source.length()?.saturating_sub(after))
}

/// The tree size of a segment that the next one names: a removed run must not reach over it.
fn named_size(storage: &dyn Storage, name: &str) -> io::Result<Option<u64>> {
    let names = segments(storage)?;
    let Some((_, next)) = names.iter().skip_while(|(_, n)| n != name).nth(1) else { return Ok(None) };
    let bytes = storage.read(next)?.read_at(0, HEAD_BYTES as u64)?;
    Ok(Head::read(&bytes).and_then(|head| head.previous).map(|(_, size, _)| size))
}

fn is_kept(bytes: &[u8], part: &Part, held: &[(u64, u64)]) -> bool {
    let Some(content) = &part.message else { return false };
    if held.iter().any(|(first, end)| (*first..*end).contains(&part.position)) {
        return true;
    }
    let published = Time::from_nanos(u64_at(bytes, content.start + 14).unwrap_or_default() as i64);
    let data = bytes.get(content.start + MESSAGE_HEAD..content.end).unwrap_or_default();
    let channel = u16_at(bytes, content.start).unwrap_or_default();
    // What cannot be read may be anything.
    entry::decode(channel, published, data).map_or(Class::A, |entry| entry.class()) == Class::A
}

/// What goes and what stays.
struct Plan {
    /// Tree sizes that no removed run reaches over.
    borders: BTreeSet<u64>,
    /// Checkpoints that go, by how many were before them in the file.
    dropped: BTreeSet<usize>,
    /// Entries that go and were there.
    removed: u64,
}

impl Plan {
    fn of(source: &dyn ReadAt, held: &[(u64, u64)], named: Option<u64>) -> io::Result<Self> {
        let (_, head, mut pieces) = Pieces::of(source)?;
        // Of each checkpoint: its size, and whether nothing between the one before and it stays.
        let mut checkpoints: Vec<(u64, bool)> = Vec::new();
        let (mut expected, mut removed, mut is_empty) = (head.first, 0, true);
        while let Some((bytes, chunk)) = pieces.next()? {
            if chunk.position != expected {
                let what = format!("entries {expected} to {} are not where they should be", chunk.position);
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
            for part in &chunk.parts {
                let stays = is_kept(&bytes, part, held);
                is_empty &= !stays;
                removed += u64::from(!stays && part.message.is_some());
                expected = part.position + part.item.count();
            }
            if chunk.checkpoint.is_some() {
                checkpoints.push((expected - head.first + 1, is_empty));
                is_empty = true;
            }
        }
        let is_dropped = |i: &usize| {
            let around = (checkpoints.get(*i), checkpoints.get(i + 1));
            *i > 0 && matches!(around, (Some((_, true)), Some((_, true))))
        };
        let dropped: BTreeSet<usize> = (0..checkpoints.len()).filter(is_dropped).collect();
        let staying = checkpoints.iter().enumerate().filter(|(i, _)| !dropped.contains(i));
        let borders = staying.map(|(_, (size, _))| *size).chain(named).collect();
        Ok(Self { borders, dropped, removed })
    }
}

fn write(source: &dyn ReadAt, plan: &Plan, held: &[(u64, u64)], file: &dyn StoredFile) -> io::Result<()> {
    let (bytes, head, mut pieces) = Pieces::of(source)?;
    file.append(&bytes)?;
    let chunk = Builder::new(head.token, head.first);
    let mut pruner = Pruner { plan, head, file, chunk, run: Vec::new(), checkpoints: 0 };
    while let Some((bytes, chunk)) = pieces.next()? {
        pruner.take(&bytes, &chunk, held)?;
    }
    pruner.end_run();
    pruner.end_chunk()?;
    if pieces.has_end() { file.append(&END) } else { Ok(()) }
}

struct Pruner<'a> {
    plan: &'a Plan,
    head: Head,
    file: &'a dyn StoredFile,
    chunk: Builder,
    /// Subtrees that were removed next to each other: first leaf, level, hash.
    run: Vec<(u64, u8, Hash)>,
    checkpoints: usize,
}

impl Pruner<'_> {
    fn take(&mut self, bytes: &[u8], chunk: &Chunk, held: &[(u64, u64)]) -> io::Result<()> {
        let slice = |range: &std::ops::Range<usize>| bytes.get(range.clone()).unwrap_or_default();
        for part in &chunk.parts {
            let leaf = part.position - self.head.first + 1;
            if self.plan.borders.contains(&leaf) {
                self.end_run();
            }
            match &part.message {
                Some(content) if is_kept(bytes, part, held) => {
                    self.end_run();
                    let (message, data) = slice(content).split_at_checked(MESSAGE_HEAD).unwrap_or_default();
                    self.chunk.record(part.item, message, data);
                    if self.chunk.bytes() >= CHUNK_BYTES {
                        self.end_chunk()?;
                    }
                }
                _ => self.remove(leaf, part.item.level(), *part.item.claimed()),
            }
        }
        if let Some(content) = &chunk.checkpoint {
            if !self.plan.dropped.contains(&self.checkpoints) {
                self.end_run();
                // In a chunk of its own: one hit is not to spoil two stretches.
                self.end_chunk()?;
                let (message, note) = slice(content).split_at_checked(MESSAGE_HEAD).unwrap_or_default();
                self.chunk.note(message, note);
                self.end_chunk()?;
            }
            self.checkpoints += 1;
        }
        Ok(())
    }

    /// Adds a subtree to the run; two halves of a larger one become that.
    fn remove(&mut self, mut leaf: u64, mut level: u8, mut hash: Hash) {
        while let Some((left, _, left_hash)) = self.run.pop_if(|(left, of, _)| {
            *of == level && level < LEVEL_MAX && left.is_multiple_of(2 << level) && *left + (1 << level) == leaf
        }) {
            hash = hash_node(&left_hash, &hash);
            leaf = left;
            level += 1;
        }
        self.run.push((leaf, level, hash));
    }

    fn end_run(&mut self) {
        for (_, level, hash) in self.run.drain(..) {
            self.chunk.removed(hash, level);
        }
    }

    fn end_chunk(&mut self) -> io::Result<()> {
        let next = Builder::new(self.head.token, self.chunk.next());
        let chunk = std::mem::replace(&mut self.chunk, next).finish();
        if chunk.is_empty() { Ok(()) } else { self.file.append(&chunk) }
    }
}
