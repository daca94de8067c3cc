// The ban list is for core/: files are what this crate is for.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]
//! The journal: every reception before anything interprets it, every command, and what the picture answered.
//!
//! A journal is a directory of segments. Each start of the server opens a new one, and a segment that has grown to
//! [`Options::segment_bytes_max`] or is as old as [`Options::segment_time_max`] gives way to the next; a segment that exists is never changed. Segments are
//! [MCAP](https://mcap.dev/spec) files, named `<number>-<time of the first entry>.mcap`, so that sorting by name is the
//! order of writing. Any MCAP reader can open them.
//!
//! # What is in a segment
//!
//! `docs/reference/evidence.md` has it byte for byte (version 3). Messages in chunks without compression, each chunk with its CRC.
//! `log_time` is the run loop's time, `publish_time` the time of reception (for entries that are not receptions: the same),
//! `sequence` the low 32 bits of the entry's [`Position`](lapwing_model::Position).
//!
//! | Topic | Channel | Message |
//! |---|---|---|
//! | `/site` | 2 | JSON `{"version", "site"}`; where a run goes on from an earlier one also `"resumed": {"from", "skipped"}` |
//! | `/link` | 3 | JSON `{"input", "link"}` |
//! | `/shed` | 4 | JSON `{"input", "units", "reason"}` |
//! | `/command` | 5 | JSON, a command |
//! | `/event` | 6 | JSON, an event |
//! | `/stop` | 7 | JSON `{}` |
//! | `/seal` | 8 | first message of each chunk: the segment's token, the position of the entry that follows, and for each entry its leaf and salt, see [`evidence::seal`]. Not an entry itself |
//! | `/checkpoint` | 9 | a signed note, in a chunk of its own: see [`evidence::checkpoint`]. Not an entry itself |
//! | `/snapshot` | 10 | JSON `{"position", "sha256"}`: a snapshot of the picture was written |
//! | `/audit` | 11 | JSON, an [`Audit`]: what was done to the record itself |
//! | `/in` | 16 | a reception: header, then the bytes as they arrived |
//!
//! The token is drawn at random for each segment: a reader that has lost its way in a damaged file knows a true chunk by it from
//! bytes that a sender made to look like one. Without a key there are no checkpoints; all else is the same. Segments of
//! version 1, which no release wrote (a mark in place of the seal), are read and not written.
//!
//! The header of a reception, integers little-endian:
//!
//! | Bytes | Meaning |
//! |---|---|
//! | 1 | version of this header, 1 |
//! | 1 | envelope: 0 stream, 1 stream end, 2 datagram, 3 message, 4 frame |
//! | 1 + n | length and text of the input's name |
//! | 8 + 8 | stream: connection, offset |
//! | 8 | stream end: connection |
//! | 4 + n | message: length and text of the topic |
//! | 2 | frame: link type |
//!
//! # What can be lost
//!
//! [`Journal::append`] fills a chunk in memory. [`Journal::flush`] hands the chunk to the operating system, in one write,
//! which survives the end of the process; [`Journal::sync`] waits until it is on the disk, which survives a loss of
//! power. Entries of [`Class::A`] are synced before anybody is told of them ([`Journal::must_sync`] says when; one sync
//! does for all that wait). The caller syncs the rest within half a second, on another thread if it likes
//! ([`Journal::begin_sync`]).
//!
//! Every entry stays in memory until a sync has brought it to the disk. When a write or a sync fails, the segment is
//! given up, never synced again, and what is in memory is written to a new one under the same numbers: a segment may
//! begin before the one ahead of it ends. A reader reads such segments side by side, and gives each entry once.

mod audit;
mod books;
mod entry;
mod erase;
pub mod evidence;
mod format;
mod holds;
mod kept;
mod keys;
mod prune;
mod pruned;
mod read;
mod reserve;
mod resumed;
mod retention;
mod sealing;
mod segment;
mod storage;
mod sync;
mod trouble;
pub mod verify;
mod walk;
mod write;

pub use audit::{Audit, Taken};
pub use books::{Figures, Histogram};
pub use entry::{Class, Entry, Erased};
pub use erase::erase;
pub use holds::{HOLDS_FILE, Hold, Holds};
pub use read::{Damage, DamageKind, Reader, Skimmed};
pub use resumed::{Resumed, Skipped, SnapshotTold};
pub use retention::{Retention, RetentionDone, RetentionJob};
pub use storage::{DiskStorage, ReadAt, Storage, StoredFile, read_small, replace, simulated};
pub use sync::{SyncDone, SyncJob};
pub use write::{Journal, Options};

/// Name of the file whose lock says that a directory is being written to.
pub const LOCK_FILE: &str = "lock";
/// Ending of a segment's name.
pub const SEGMENT_EXTENSION: &str = "mcap";

/// An error with the file it is about in front.
pub(crate) fn at_path(path: &std::path::Path, error: std::io::Error) -> std::io::Error {
    std::io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// The segments of a directory, in the order they were written.
pub fn segment_files(directory: &std::path::Path) -> std::io::Result<Vec<std::path::PathBuf>> {
    let storage = DiskStorage::open(directory)?;
    Ok(segments(&storage)?.into_iter().map(|(_, name)| directory.join(name)).collect())
}

/// The segments of a storage with their numbers, in the order they were written.
pub(crate) fn segments(storage: &dyn Storage) -> std::io::Result<Vec<(u64, String)>> {
    let is_segment = |name: &String| name.rsplit_once('.').is_some_and(|(_, end)| end == SEGMENT_EXTENSION);
    // A file that was renamed by hand is read in the order of its name, before the numbered ones.
    let number = |name: &String| name.split('-').next().and_then(|n| n.parse().ok()).unwrap_or(0);
    let mut found: Vec<(u64, String)> =
        storage.list()?.into_iter().filter(is_segment).map(|name| (number(&name), name)).collect();
    found.sort();
    Ok(found)
}
