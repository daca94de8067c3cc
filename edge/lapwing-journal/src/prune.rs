//! Rewriting a segment without what is no longer kept.
//!
//! The new file is complete and on the disk before it takes the old one's name, so that there is one of the two at any
//! time. What was taken out is said in its place, by its numbers.

use crate::entry::{self, Class, channel};
use crate::kept::{Record, Topic};
use crate::segment::{InputsAbout, Segment};
use crate::storage::Storage;
use crate::walk::{Step, Walk};
use crate::{DamageKind, segments};
use lapwing_model::{InputId, Time};
use std::io;

/// Ending of a file that is not finished.
const DRAFT_EXTENSION: &str = ".new";
/// Bytes of entries after which a chunk is closed.
const CHUNK_BYTES: u64 = 1 << 20;
/// Key of a pruned segment's metadata: which positions were held when it was pruned.
pub(crate) const HELD_KEY: &str = "held";

/// The held ranges as a segment's metadata has them.
pub(crate) fn held_text(held: &[(u64, u64)]) -> String {
    held.iter().map(|(a, b)| format!("{a}..{b}")).collect::<Vec<_>>().join(" ")
}

/// Removes what an interrupted pruning left. Best effort: it is in nobody's way.
pub(crate) fn remove_drafts(storage: &dyn Storage) {
    let drafts = storage.list().unwrap_or_default();
    for name in drafts.iter().filter(|name| name.ends_with(".mcap.new")) {
        let _ = storage.remove(name);
    }
}

/// Takes the class B entries that are not held out of a segment. Gives the bytes won. A damaged segment is left as it
/// is: bytes that may still be made sense of are not thrown away.
pub(crate) fn prune(storage: &dyn Storage, name: &str, held: &[(u64, u64)], at: Time) -> io::Result<u64> {
    let before = storage.read(name)?.length()?;
    let draft_name = format!("{name}{DRAFT_EXTENSION}");
    if storage.exists(&draft_name) {
        storage.remove(&draft_name)?;
    }
    let written = write_draft(storage, name, &draft_name, held, at);
    let after = written.inspect_err(|_| drop(storage.remove(&draft_name)))?;
    storage.rename(&draft_name, name)?;
    storage.sync_directory()?;
    Ok(before.saturating_sub(after))
}

fn write_draft(storage: &dyn Storage, name: &str, draft: &str, held: &[(u64, u64)], at: Time) -> io::Result<u64> {
    let mut walk = Walk::over(storage.path(name), storage.read(name)?)?;
    let number = segments(storage)?.into_iter().find(|(_, n)| n == name).map_or(0, |(number, _)| number);
    let mut pruner: Option<Pruner> = None;
    while let Some(step) = walk.step() {
        match step {
            Step::Head { position } => {
                let about = [(HELD_KEY, held_text(held))];
                let segment = Segment::draft(storage, draft, number, at, position, &about)?;
                pruner = Some(Pruner { segment, about: InputsAbout::new(), next: position, removed_from: None, at });
            }
            Step::Damage(damage) if matches!(damage.kind, DamageKind::NotClosed | DamageKind::Cut) => {}
            Step::Damage(damage) => return Err(io::Error::new(io::ErrorKind::InvalidData, damage.to_string())),
            Step::Begin { .. } => {}
            Step::Removed { first, end, .. } => {
                let pruner = pruner.as_mut().ok_or_else(headless)?;
                pruner.remove(first, end);
            }
            Step::Message { position, at, published, channel, channel_id, data, .. } => {
                let pruner = pruner.as_mut().ok_or_else(headless)?;
                let data = walk.data(data);
                if is_kept(position, channel, published, data, held) {
                    let topic = pruner.topic(&walk, channel, channel_id)?;
                    let data = data.to_vec();
                    pruner.keep(Record { position, class: Class::A, at, published, topic, data })?;
                } else {
                    pruner.remove(position, position + 1);
                }
            }
        }
    }
    pruner.ok_or_else(headless)?.finish()
}

fn headless() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a segment without a head")
}

fn is_kept(position: u64, channel: u16, published: Time, data: &[u8], held: &[(u64, u64)]) -> bool {
    // What cannot be read may be anything.
    let class = || entry::decode(channel, published, data).map_or(Class::A, |entry| entry.class());
    held.iter().any(|(first, end)| (*first..*end).contains(&position)) || class() == Class::A
}

struct Pruner {
    segment: Segment,
    about: InputsAbout,
    /// The position that comes next.
    next: u64,
    /// Where the entries being taken out began.
    removed_from: Option<u64>,
    at: Time,
}

impl Pruner {
    fn remove(&mut self, first: u64, end: u64) {
        self.removed_from.get_or_insert(first.min(self.next));
        self.next = end;
    }

    fn keep(&mut self, record: Record) -> io::Result<()> {
        if self.next < record.position {
            self.remove(self.next, record.position);
        }
        self.say_removed()?;
        self.next = record.position + 1;
        self.segment.put(&record, &self.about)?;
        if self.segment.chunk_bytes() >= CHUNK_BYTES { self.segment.close_chunk().map(drop) } else { Ok(()) }
    }

    fn say_removed(&mut self) -> io::Result<()> {
        match self.removed_from.take() {
            Some(first) => self.segment.put_removed(first, self.next, self.at),
            None => Ok(()),
        }
    }

    fn topic(&mut self, walk: &Walk, channel: u16, channel_id: u16) -> io::Result<Topic> {
        if channel != channel::FIRST_INPUT {
            return Ok(Topic::Fixed(channel));
        }
        let known = walk.channel(channel_id);
        let input = known.and_then(|c| InputId::new(c.topic.strip_prefix("/in/")?).ok());
        let input = input.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a channel of no input"))?;
        let about = known.map(|c| c.metadata.clone()).unwrap_or_default();
        if self.about.get(&input) != Some(&about) {
            self.about.insert(input.clone(), about);
            self.segment.forget_channel(&input);
        }
        Ok(Topic::Input(input))
    }

    /// Brings the draft to the disk; gives its size.
    fn finish(mut self) -> io::Result<u64> {
        self.say_removed()?;
        self.segment.close_chunk()?;
        self.segment.finish()?;
        self.segment.file().sync()?;
        Ok(self.segment.stored())
    }
}
