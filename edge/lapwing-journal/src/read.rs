//! Reading.

use crate::entry::{self, Entry};
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
pub struct Reader {
    segments: VecDeque<Source>,
    walk: Option<Walk>,
    /// The position that should come next.
    expected: Option<u64>,
    /// The segment began before that: its first entries have been read.
    again: bool,
    first: u64,
}

/// Where a segment is.
enum Source {
    File(PathBuf),
    Stored(Arc<dyn Storage>, String),
    Bytes(PathBuf, Box<dyn ReadAt>),
}

impl Source {
    /// The position of its first entry, where its head can be read without taking it.
    fn head(&self) -> Option<u64> {
        let (path, file) = match self {
            Self::File(path) => (path.clone(), Box::new(DiskFile::read(path).ok()?) as Box<dyn ReadAt>),
            Self::Stored(storage, name) => (storage.path(name), storage.read(name).ok()?),
            Self::Bytes(..) => return None,
        };
        match Walk::over(path, file).ok()?.step()? {
            Step::Head { position } | Step::Begin { position } => Some(position),
            _ => None,
        }
    }

    fn walk(self) -> Result<Walk, (PathBuf, io::Error)> {
        let (path, file) = match self {
            Self::File(path) => match DiskFile::read(&path) {
                Ok(file) => (path, Box::new(file) as Box<dyn ReadAt>),
                Err(error) => return Err((path, error)),
            },
            Self::Stored(storage, name) => match storage.read(&name) {
                Ok(file) => (storage.path(&name), file),
                Err(error) => return Err((storage.path(&name), error)),
            },
            Self::Bytes(path, bytes) => (path, bytes),
        };
        Walk::over(path.clone(), file).map_err(|e| (path, e))
    }
}

impl Reader {
    /// Opens a journal's directory, or one segment.
    pub fn open(path: &Path) -> io::Result<Self> {
        if std::fs::metadata(path).is_ok_and(|m| m.is_dir()) {
            return Self::of_storage(Arc::new(DiskStorage::open(path)?));
        }
        DiskFile::read(path)?;
        Ok(Self::over(VecDeque::from([Source::File(path.to_owned())])))
    }

    /// The segments of a storage.
    pub fn of_storage(storage: Arc<dyn Storage>) -> io::Result<Self> {
        let names = segments(&*storage)?;
        Ok(Self::over(names.into_iter().map(|(_, name)| Source::Stored(Arc::clone(&storage), name)).collect()))
    }

    /// Segments from elsewhere, in order: of a bundle, say. The paths stand in what is told of them.
    pub fn of_bytes(segments: impl IntoIterator<Item = (PathBuf, Box<dyn ReadAt>)>) -> Self {
        Self::over(segments.into_iter().map(|(path, bytes)| Source::Bytes(path, bytes)).collect())
    }

    fn over(segments: VecDeque<Source>) -> Self {
        Self { segments, walk: None, expected: None, again: false, first: 0 }
    }

    /// Leaves out the entries before a position, and does not read the segments that hold only such.
    #[must_use]
    pub fn starting_at(mut self, position: Position) -> Self {
        self.first = position.0;
        let all_before = |next: &Source| next.head().is_some_and(|head| head <= position.0);
        while self.walk.is_none() && self.segments.get(1).is_some_and(all_before) {
            self.segments.pop_front();
        }
        self
    }

    /// How many segments are left to read, the current one not counted.
    pub fn segments_left(&self) -> usize {
        self.segments.len()
    }

    /// Takes note that the entry `position` comes next; tells the gap before it.
    fn expect(&mut self, walk: &Walk, position: u64, offset: u64) -> Option<Damage> {
        let gap = match self.expected {
            Some(expected) if position > expected => {
                let (count, last) = (position - expected, position - 1);
                let what = format!("{count} entries are missing, {expected} to {last}");
                Some(walk.damage(DamageKind::Missing, offset, 0, what))
            }
            _ => None,
        };
        self.expected = Some(position.max(self.expected.unwrap_or(0)));
        gap
    }

    fn handle(&mut self, walk: &Walk, step: Step) -> Option<Result<(Position, Time, Entry), Damage>> {
        match step {
            Step::Damage(damage) => Some(Err(damage)),
            Step::Head { position } => {
                // The writer gave up the segment before: what was not known to be on the disk stands here again.
                self.again = self.expected.is_some_and(|e| position < e);
                self.expect(walk, position, walk.offset()).map(Err)
            }
            Step::Begin { position } => self.expect(walk, position, walk.offset()).map(Err),
            Step::Removed { first, end, at, offset } => {
                let known = self.expected.unwrap_or(0);
                let gap = self.expect(walk, first, offset);
                if end <= known {
                    return None;
                }
                self.expected = Some(end);
                let what = format!("entries {} to {} were removed by retention at {at}", first.max(known), end - 1);
                gap.or_else(|| (end > self.first).then(|| walk.damage(DamageKind::Removed, offset, 0, what))).map(Err)
            }
            Step::Message { position, at, published, channel, offset, data, .. } => {
                let length = data.len() as u64;
                if self.expected.is_some_and(|e| position < e) {
                    if self.again {
                        return None;
                    }
                    let what = format!("entry {position} again, after a later one");
                    return Some(Err(walk.damage(DamageKind::Corrupt, offset, length, what)));
                }
                self.again = false;
                self.expected = position.checked_add(1);
                if position < self.first {
                    return None;
                }
                Some(match entry::decode(channel, published, walk.data(data)) {
                    Ok(entry) => Ok((Position(position), at, entry)),
                    Err(what) => Err(walk.damage(DamageKind::Corrupt, offset, length, what)),
                })
            }
        }
    }
}

impl Iterator for Reader {
    type Item = Result<(Position, Time, Entry), Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let mut walk = match self.walk.take() {
                Some(walk) => walk,
                None => {
                    let source = self.segments.pop_front()?;
                    match source.walk() {
                        Ok(walk) => walk,
                        Err((path, error)) => {
                            let (kind, what) = (DamageKind::Unreadable, error.to_string());
                            return Some(Err(Damage { path, kind, offset: 0, length: 0, what }));
                        }
                    }
                }
            };
            while let Some(step) = walk.step() {
                if let Some(item) = self.handle(&walk, step) {
                    self.walk = Some(walk);
                    return Some(item);
                }
            }
        }
    }
}
