//! Reading.

use crate::entry::{self, Entry, NotAnEntry};
use crate::format::head::Kind;
use crate::segments;
use crate::storage::{DiskFile, DiskStorage, ReadAt, Storage};
use crate::walk::{Step, Walk};
use lapwing_model::{Position, Time};
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is wrong with a place in a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DamageKind {
    /// A segment without its end: it is being written, or its writer was killed or gave it up. Everything that was
    /// flushed is there.
    NotClosed,
    /// A segment ends in the middle of a record.
    Cut,
    /// Bytes that cannot be right. What is sound after them is still read.
    Corrupt,
    /// Positions without an entry: a segment is missing, or a chunk was lost.
    Missing,
    /// Entries that were here and are no longer kept: no damage, and no gap without a word.
    Removed,
    /// The operating system could not read on.
    Unreadable,
}

/// Something in a journal that could not be read. Reading goes on after it where it can.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The segment.
    pub path: PathBuf,
    /// What kind.
    pub kind: DamageKind,
    /// First byte of the file concerned.
    pub offset: u64,
    /// How many bytes.
    pub length: u64,
    /// In words.
    pub what: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: at byte {}: {}", self.path.display(), self.offset, self.what)
    }
}

impl std::error::Error for Damage {}

/// Reads entries in order of their positions, over all segments of a directory or from one file. Damage is told
/// where it stands, and is never the end of reading while anything after it can be read.
///
/// A segment that was given up and those written in its place hold the same entries. They are read side by side, so that
/// what is missing in one is taken from another.
pub struct Reader {
    /// Segments not begun, in the order of their first positions.
    waiting: VecDeque<Waiting>,
    reading: Vec<Reading>,
    /// The position that should come next.
    expected: Option<u64>,
    first: u64,
}

/// Where a segment is.
enum Source {
    File(PathBuf),
    Stored(Arc<dyn Storage>, String),
    Bytes(PathBuf, Arc<dyn ReadAt>),
}

struct Waiting {
    source: Source,
    /// The first position, as its head says; that of the one before it if it says nothing.
    head: u64,
    /// It was written in place of those before it.
    again: bool,
}

/// A segment being read, at an entry that has not been given yet.
struct Reading {
    walk: Walk,
    at: Option<(u64, Step)>,
    /// The position after its last entry so far.
    next: u64,
}

impl Source {
    fn walk(&self) -> Result<Walk, (PathBuf, io::Error)> {
        let (path, file) = match self {
            Self::File(path) => (path.clone(), DiskFile::read(path).map(|file| Box::new(file) as Box<dyn ReadAt>)),
            Self::Stored(storage, name) => (storage.path(name), storage.read(name)),
            Self::Bytes(path, bytes) => (path.clone(), Ok(Box::new(Arc::clone(bytes)) as Box<dyn ReadAt>)),
        };
        file.and_then(|file| Walk::over(path.clone(), file)).map_err(|e| (path, e))
    }

    /// What the segment's head says: its first position, and whether it was written in place of another.
    fn head(&self) -> Option<(u64, bool)> {
        let mut walk = self.walk().ok()?;
        loop {
            match walk.step()? {
                Step::Head { position } => return Some((position, walk.kind() == Some(Kind::Again))),
                Step::Damage(_) => {}
                _ => return None,
            }
        }
    }
}

impl Reader {
    /// Opens a journal's directory, or one segment.
    pub fn open(path: &Path) -> io::Result<Self> {
        if std::fs::metadata(path).is_ok_and(|m| m.is_dir()) {
            return Self::of_storage(Arc::new(DiskStorage::open(path)?));
        }
        DiskFile::read(path)?;
        Ok(Self::over(vec![Source::File(path.to_owned())]))
    }

    /// The segments of a storage.
    pub fn of_storage(storage: Arc<dyn Storage>) -> io::Result<Self> {
        let names = segments(&*storage)?;
        Ok(Self::over(names.into_iter().map(|(_, name)| Source::Stored(Arc::clone(&storage), name)).collect()))
    }

    /// Segments from elsewhere, in order: of a bundle, say. The paths stand in what is told of them.
    pub fn of_bytes(segments: impl IntoIterator<Item = (PathBuf, Box<dyn ReadAt>)>) -> Self {
        Self::over(segments.into_iter().map(|(path, bytes)| Source::Bytes(path, Arc::from(bytes))).collect())
    }

    fn over(sources: Vec<Source>) -> Self {
        let alone = sources.len() == 1;
        let mut before = 0;
        let mut waiting: Vec<Waiting> = Vec::with_capacity(sources.len());
        for source in sources {
            let (head, again) = if alone { (0, false) } else { source.head().unwrap_or((before, true)) };
            before = head;
            waiting.push(Waiting { source, head, again });
        }
        Self { waiting: waiting.into(), reading: Vec::new(), expected: None, first: 0 }.in_order()
    }

    /// Of segments that begin alike, the one that was written first is read first.
    fn in_order(mut self) -> Self {
        self.waiting.make_contiguous().sort_by_key(|w| w.head);
        self
    }

    /// Leaves out the entries before a position, and does not read the segments that have no others.
    #[must_use]
    pub fn starting_at(mut self, position: Position) -> Self {
        self.first = position.0;
        // What was not written again in the next segment ends where that begins.
        let ends_before = |next: &Waiting| next.head <= position.0 && !next.again;
        while self.waiting.get(1).is_some_and(ends_before) {
            self.waiting.pop_front();
        }
        self
    }

    /// How many segments are left to read, the current one not counted.
    pub fn segments_left(&self) -> usize {
        self.waiting.len()
    }

    /// Brings every segment being read to its next entry, and begins those that may have an earlier one. Damage on the
    /// way is told at once.
    fn advance(&mut self) -> Option<Damage> {
        loop {
            let mut ended = None;
            for (i, reading) in self.reading.iter_mut().enumerate() {
                while reading.at.is_none() {
                    match reading.walk.step() {
                        Some(Step::Damage(damage)) => return Some(damage),
                        Some(Step::Head { .. } | Step::Begin { .. }) => {}
                        Some(step @ Step::Message { position, .. }) => reading.at = Some((position, step)),
                        Some(step @ Step::Removed { first, .. }) => reading.at = Some((first, step)),
                        None => {
                            ended = Some(i);
                            break;
                        }
                    }
                }
            }
            if let Some(i) = ended {
                self.reading.remove(i);
                continue;
            }
            let earliest = self.reading.iter().filter_map(|r| r.at.as_ref()).map(|(position, _)| *position).min();
            if self.waiting.front().is_none_or(|w| earliest.is_some_and(|position| position < w.head)) {
                return None;
            }
            let source = self.waiting.pop_front()?.source;
            match source.walk() {
                Ok(walk) => self.reading.push(Reading { walk, at: None, next: 0 }),
                Err((path, error)) => {
                    let (kind, what) = (DamageKind::Unreadable, error.to_string());
                    return Some(Damage { path, kind, offset: 0, length: 0, what });
                }
            }
        }
    }

    /// Takes the earliest entry of those at hand. `None` in the answer: it has been given, or is not wanted.
    fn take<T>(&mut self, decode: Decode<T>) -> Option<Option<Item<T>>> {
        let at = |r: &Reading| r.at.as_ref().map(|(position, _)| *position);
        let (i, position) =
            self.reading.iter().enumerate().filter_map(|(i, r)| Some((i, at(r)?))).min_by_key(|(i, p)| (*p, *i))?;
        let reading = self.reading.get_mut(i)?;
        let offset = match &reading.at {
            Some((_, Step::Message { offset, .. } | Step::Removed { offset, .. })) => *offset,
            _ => 0,
        };
        if let Some(expected) = self.expected
            && position > expected
        {
            self.expected = Some(position);
            let (count, last) = (position - expected, position - 1);
            let what = format!("{count} entries are missing, {expected} to {last}");
            return Some(Some(Err(reading.walk.damage(DamageKind::Missing, offset, 0, what))));
        }
        let (_, step) = reading.at.take()?;
        let known = self.expected.unwrap_or(0);
        let Reading { walk, next, .. } = reading;
        Some(match step {
            Step::Removed { end, .. } => {
                *next = end;
                self.expected = Some(end.max(known));
                let from = position.max(known).max(self.first);
                (end > from).then(|| {
                    let what = format!("entries {from} to {} were removed by retention", end - 1);
                    Err(walk.damage(DamageKind::Removed, offset, 0, what))
                })
            }
            Step::Message { at, published, channel, data, .. } => {
                let length = data.len() as u64;
                if position < *next {
                    let what = format!("entry {position} again, after a later one");
                    return Some(Some(Err(walk.damage(DamageKind::Corrupt, offset, length, what))));
                }
                *next = position.saturating_add(1);
                if self.expected.is_some_and(|expected| position < expected) {
                    return Some(None);
                }
                self.expected = Some(*next);
                (position >= self.first).then(|| match decode(channel, published, walk.data(data)) {
                    Ok(entry) => Ok((Position(position), at, entry)),
                    Err(what) => Err(walk.damage(DamageKind::Corrupt, offset, length, what)),
                })
            }
            _ => None,
        })
    }
}

type Item<T> = Result<(Position, Time, T), Damage>;

/// What is made of a message of a channel.
type Decode<T> = fn(u16, Time, &[u8]) -> Result<T, NotAnEntry>;

/// An entry as [`Reader::skim`] gives it.
#[derive(Debug, Clone, PartialEq)]
pub enum Skimmed {
    /// Any but an event.
    Entry(Entry),
    /// An event as it was recorded: one JSON object.
    Event(Vec<u8>),
}

impl Reader {
    /// The next entry. Events, which are most of a journal and take longest to read, come as they are recorded.
    pub fn skim(&mut self) -> Option<Result<(Position, Time, Skimmed), Damage>> {
        self.next_as(|channel, published, data| match channel {
            entry::channel::EVENT => Ok(Skimmed::Event(data.to_vec())),
            _ => entry::decode(channel, published, data).map(Skimmed::Entry),
        })
    }

    fn next_as<T>(&mut self, decode: Decode<T>) -> Option<Item<T>> {
        loop {
            if let Some(damage) = self.advance() {
                return Some(Err(damage));
            }
            if let Some(item) = self.take(decode)? {
                return Some(item);
            }
        }
    }
}

impl Iterator for Reader {
    type Item = Item<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_as(entry::decode)
    }
}
