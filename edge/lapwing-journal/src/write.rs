//! Appending.

use crate::audit::Audit;
use crate::books::{Books, Figures};
use crate::entry::{self, Class, Entry, channel};
use crate::format::head::Kind;
use crate::kept::{Kept, Record};
use crate::prune::remove_drafts;
use crate::pruned::Pruned;
use crate::reserve::Reserve;
use crate::retention::KnownSegments;
use crate::sealing::Sealer;
use crate::segment::Segment;
use crate::storage::{DiskStorage, Storage, SyncOnce};
use crate::trouble::{RETRY_AFTER_MIN, Trouble};
use crate::walk::{Step, Walk};
use crate::{DamageKind, LOCK_FILE, segments};
use lapwing_model::{Event, Position, Reception, Span, Time};
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of entries after which a chunk is closed without being asked.
const CHUNK_BYTES: u64 = 1 << 20;
/// Bytes of entries that may wait for a sync; who appends more waits for the disk.
const KEPT_BYTES_MAX: u64 = 64 << 20;

/// Bytes stored that may wait to be read back and signed.
const UNREAD_BYTES_MAX: u64 = 16 << 20;

/// How a journal is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Bytes after which a segment gives way to the next one.
    pub segment_bytes_max: u64,
    /// Time after which a segment gives way to the next one.
    pub segment_time_max: Span,
    /// Room on the disk that only class A may use. 0: none.
    pub reserve_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment_bytes_max: 64 << 20, segment_time_max: Span::from_seconds(3600), reserve_bytes: 0 }
    }
}

/// The writing end. One process at a time has it for a directory.
pub struct Journal {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) options: Options,
    pub(crate) next_segment: u64,
    pub(crate) next_position: u64,
    /// Whether this start has begun a segment.
    pub(crate) started: bool,
    pub(crate) segment: Option<Segment>,
    /// Segments that are ended and may not be on the disk yet.
    pub(crate) ended: Vec<Arc<SyncOnce>>,
    /// Names made since the directory was last synced.
    pub(crate) names_unsynced: u64,
    /// Entries that may not be on the disk yet.
    pub(crate) kept: Kept,
    pub(crate) trouble: Option<Trouble>,
    /// Syncs on another thread that failed since the last that worked.
    pub(crate) syncs_failed: u32,
    pub(crate) reserve: Reserve,
    pub(crate) books: Books,
    /// What the record is to tell of itself as soon as it can.
    pub(crate) untold: Vec<Audit>,
    pub(crate) sealer: Option<Sealer>,
    pub(crate) known: KnownSegments,
    pub(crate) pruned: Pruned,
    /// Segments that retention leaves as they are, because they are damaged.
    pub(crate) unprunable: BTreeSet<String>,
    /// How long to wait after the next failure.
    pub(crate) retry_after: Span,
    /// The latest time it was told.
    pub(crate) now: Time,
    /// Holds the lock until the journal is dropped.
    _lock: Box<dyn Send>,
}

/// The position after the last entry that can be read. What was read is built on: it is synced, so that it does not go
/// away under it in a loss of power.
fn end_of(storage: &dyn Storage, names: &[(u64, String)]) -> io::Result<u64> {
    let mut end = 0;
    for (_, name) in names.iter().rev() {
        storage.open(name)?.sync()?;
        let mut walk = Walk::over(storage.path(name), storage.read(name)?)?;
        let mut whole = true;
        while let Some(step) = walk.step() {
            match step {
                Step::Head { position } | Step::Begin { position } => end = end.max(position),
                Step::Message { position, .. } => end = end.max(position.saturating_add(1)),
                Step::Removed { end: removed, .. } => end = end.max(removed),
                // Nobody knows what stands there: a number must not be given twice.
                Step::Damage(damage) if damage.kind == DamageKind::Unreadable => {
                    return Err(io::Error::other(damage.to_string()));
                }
                Step::Damage(_) => whole = false,
            }
        }
        // A segment that was given up may reach further than the next one, if that was cut. One that was ended in order,
        // or begun by a start of the server, has nothing behind it that reaches further than it does.
        if whole || walk.kind() == Some(Kind::Start) {
            break;
        }
    }
    Ok(end)
}

impl Journal {
    /// Opens the journal in a directory, which is made when missing. Positions go on from the last entry there. The
    /// first append opens a new segment.
    pub fn open(directory: &Path, options: Options) -> io::Result<Self> {
        Self::open_in(Arc::new(DiskStorage::create(directory)?), options)
    }

    /// [`Journal::open`] in any storage.
    pub fn open_in(storage: Arc<dyn Storage>, options: Options) -> io::Result<Self> {
        let lock = storage.lock(LOCK_FILE)?;
        remove_drafts(&*storage);
        let existing = segments(&*storage)?;
        let next_segment = existing.last().map_or(0, |(number, _)| number + 1);
        let next_position = end_of(&*storage, &existing)?;
        if !existing.is_empty() {
            storage.sync_directory()?;
        }
        let pruned = Pruned::read(&*storage);
        let reserve = Reserve::new(&*storage, options.reserve_bytes);
        Ok(Self {
            storage,
            options,
            next_segment,
            next_position,
            started: false,
            segment: None,
            ended: Vec::new(),
            names_unsynced: 0,
            kept: Kept::default(),
            trouble: None,
            syncs_failed: 0,
            reserve,
            books: Books::default(),
            untold: Vec::new(),
            sealer: None,
            known: KnownSegments::new(),
            pruned,
            unprunable: BTreeSet::new(),
            retry_after: RETRY_AFTER_MIN,
            now: Time::MIN,
            _lock: lock,
        })
    }

    /// The position the next entry will have.
    pub fn next_position(&self) -> Position {
        Position(self.next_position)
    }

    /// The segment being written to.
    pub fn segment_path(&self) -> Option<PathBuf> {
        self.segment.as_ref().map(|s| self.storage.path(s.name()))
    }

    /// Where the journal is.
    pub fn storage(&self) -> &Arc<dyn Storage> {
        &self.storage
    }

    /// What it has done so far, and how long things took.
    pub fn figures(&self) -> Figures {
        self.books.figures(self.kept.len(), self.trouble.as_ref().map(Trouble::to_string))
    }

    /// Whether an entry of class A waits for [`Journal::sync`].
    pub fn must_sync(&self) -> bool {
        self.kept.any_class_a()
    }

    /// Appends an entry. `at` is the run loop's time, which never goes back. The entry is in memory then; see
    /// [`Journal::flush`] and [`Journal::sync`]. An error says that it is not recorded and never will be.
    pub fn append(&mut self, at: Time, entry: &Entry) -> io::Result<Position> {
        if let Entry::Reception(reception) = entry {
            return self.append_reception(at, reception);
        }
        let mut data = Vec::new();
        let channel = entry::encode_json(entry, &mut data)?;
        self.put(entry.class(), at, at, channel, data)
    }

    /// Appends a reception without taking it.
    pub fn append_reception(&mut self, at: Time, reception: &Reception) -> io::Result<Position> {
        let mut data = Vec::with_capacity(reception.bytes.len() + 32);
        entry::encode_reception(reception, &mut data);
        self.put(Class::B, at, reception.received_at, channel::RECEPTION, data)
    }

    /// Appends an event without taking it.
    pub fn append_event(&mut self, at: Time, event: &Event) -> io::Result<Position> {
        let data = serde_json::to_vec(event)?;
        self.put(Class::of_event(event), at, at, channel::EVENT, data)
    }

    /// Hands everything appended to the operating system: it survives the end of this process.
    pub fn flush(&mut self) -> io::Result<()> {
        match self.write_chunk() {
            Ok(()) => Ok(()),
            Err(error) => self.recover(error),
        }
    }

    /// Ends the segment in order (with its summary, so that viewers can seek in it) and syncs. Dropping the journal
    /// ends the segment too, but cannot say whether that worked.
    pub fn close(mut self) -> io::Result<()> {
        if let Err(error) = self.end_segment() {
            self.recover(error)?;
        }
        self.sync()
    }

    fn put(&mut self, class: Class, at: Time, published: Time, channel: u16, data: Vec<u8>) -> io::Result<Position> {
        self.now = self.now.max(at);
        self.books.offered += 1;
        self.retry();
        if class == Class::B
            && let Some(trouble) = &mut self.trouble
        {
            return Err(trouble.turn_away(at, &mut self.books));
        }
        if self.kept.bytes() > KEPT_BYTES_MAX
            && let Err(error) = self.sync()
        {
            self.books.lost += 1;
            return Err(error);
        }
        let position = self.next_position;
        self.next_position += 1;
        self.kept.push(Record { position, class, at, published, channel, data });
        let waiting = self.trouble.is_some() && self.segment.is_none();
        if !waiting && let Err(error) = self.enter() {
            // Whether this entry was one of those without room is what the recovery says.
            let _ = self.recover(error);
            if self.kept.last().is_none_or(|last| last.position != position) && self.trouble.is_some() {
                // Nobody has heard of the number.
                self.next_position = position;
                return Err(io::Error::new(io::ErrorKind::StorageFull, "shed: the disk is full"));
            }
        }
        Ok(Position(position))
    }

    /// Puts the last entry kept into the segment.
    fn enter(&mut self) -> io::Result<()> {
        let Some(at) = self.kept.last().map(|record| record.at) else { return Ok(()) };
        if self.segment.as_ref().is_some_and(|s| self.is_grown(s, at)) {
            self.end_segment()?;
        }
        let Some(record) = self.kept.last() else { return Ok(()) };
        let segment = match &mut self.segment {
            Some(segment) => segment,
            None => {
                let kind = if self.started { Kind::Next } else { Kind::Start };
                let sealer = self.sealer.as_ref();
                let segment = Segment::begin(&*self.storage, self.next_segment, at, record.position, kind, sealer)?;
                self.started = true;
                self.next_segment += 1;
                self.names_unsynced += 1;
                self.segment.insert(segment)
            }
        };
        segment.put(record)?;
        if segment.chunk_bytes() < CHUNK_BYTES {
            Ok(())
        } else if segment.unread() >= UNREAD_BYTES_MAX {
            segment.checkpoint(self.now)
        } else {
            self.write_chunk()
        }
    }

    fn is_grown(&self, segment: &Segment, at: Time) -> bool {
        segment.bytes() >= self.options.segment_bytes_max
            || at.since(segment.began_at()) >= self.options.segment_time_max
    }

    /// Stores the chunk that has been filled. Every byte of a segment's entries goes to the storage here.
    pub(crate) fn write_chunk(&mut self) -> io::Result<()> {
        match &mut self.segment {
            Some(segment) => segment.close_chunk().map(drop),
            None => Ok(()),
        }
    }

    /// Writes all entries kept to a new segment.
    pub(crate) fn write_again(&mut self) -> io::Result<()> {
        let Some(first) = self.kept.first() else { return Ok(()) };
        let (number, sealer) = (self.next_segment, self.sealer.as_ref());
        let mut segment = Segment::begin(&*self.storage, number, first.at, first.position, Kind::Again, sealer)?;
        self.next_segment += 1;
        self.names_unsynced += 1;
        let put = self.kept.iter().try_for_each(|record| {
            segment.put(record)?;
            if segment.chunk_bytes() >= CHUNK_BYTES { segment.close_chunk().map(drop) } else { Ok(()) }
        });
        self.segment = Some(segment);
        put?;
        self.write_chunk()
    }

    /// Remembers what the next segment is to name.
    pub(crate) fn name_next(&mut self, segment: &Segment, is_whole: bool) {
        if let Some(sealer) = &mut self.sealer
            && segment.stored() > 0
        {
            sealer.previous = Some(segment.named(is_whole));
        }
    }

    /// Ends the segment that is being written, if there is one.
    pub(crate) fn end_segment(&mut self) -> io::Result<()> {
        self.write_chunk()?;
        if let Some(mut segment) = self.segment.take() {
            self.ended.push(Arc::clone(segment.file()));
            let finished = segment.finish(self.now);
            self.name_next(&segment, finished.is_ok());
            if finished.is_err() {
                // The entries are there without the summary, which the reader can do without.
                segment.give_up(&*self.storage);
            }
        }
        Ok(())
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        // Best effort; `close` is for those who want to know.
        let _ = self.end_segment();
    }
}
