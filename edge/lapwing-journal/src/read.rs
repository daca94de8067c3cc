//! Reading.

use crate::entry::{self, Entry};
use crate::walk::{Step, Walk};
use crate::{at_path, segments};
use lapwing_model::{Position, Time};
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// What is wrong with a place in a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DamageKind {
    /// A segment without its end: it is being written, or its writer was killed. Everything that was flushed is there.
    NotClosed,
    /// A segment ends in the middle of a record.
    Cut,
    /// Bytes that cannot be right. What is sound after them is still read.
    Corrupt,
    /// Positions without an entry: a segment is missing, or a chunk was lost.
    Missing,
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
    segments: VecDeque<PathBuf>,
    walk: Option<Walk>,
    /// The position that should come next.
    expected: Option<u64>,
    first: u64,
}

impl Reader {
    /// Opens a journal's directory, or one segment.
    pub fn open(path: &Path) -> io::Result<Self> {
        let metadata = std::fs::metadata(path).map_err(|e| at_path(path, e))?;
        let segments = if metadata.is_dir() {
            segments(path)?.into_iter().map(|(_, path)| path).collect()
        } else {
            VecDeque::from([path.to_owned()])
        };
        Ok(Self { segments, walk: None, expected: None, first: 0 })
    }

    /// Leaves out the entries before a position, and does not read the segments that hold only such.
    #[must_use]
    pub fn starting_at(mut self, position: Position) -> Self {
        self.first = position.0;
        let all_before = |next: &PathBuf| head_of(next).is_some_and(|head| head <= position.0);
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
            Step::Begin { position } => self.expect(walk, position, walk.offset()).map(Err),
            Step::Message { position, at, published, channel, offset, data } => {
                let length = data.len() as u64;
                if self.expected.is_some_and(|e| position < e) {
                    let what = format!("entry {position} again, after a later one");
                    return Some(Err(walk.damage(DamageKind::Corrupt, offset, length, what)));
                }
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

/// The position of a segment's first entry, where its head can be read.
fn head_of(path: &Path) -> Option<u64> {
    match Walk::open(path).ok()?.step()? {
        Step::Begin { position } => Some(position),
        _ => None,
    }
}

impl Iterator for Reader {
    type Item = Result<(Position, Time, Entry), Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let mut walk = match self.walk.take() {
                Some(walk) => walk,
                None => {
                    let path = self.segments.pop_front()?;
                    match Walk::open(&path) {
                        Ok(walk) => walk,
                        Err(error) => {
                            let what = error.to_string();
                            return Some(Err(Damage {
                                path,
                                kind: DamageKind::Unreadable,
                                offset: 0,
                                length: 0,
                                what,
                            }));
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
