//! What is played, recorded as a live run records it: entries before they are taken, events, and snapshots now and then.

use crate::line::Line;
use crate::snapshot::Folder;
use anyhow::bail;
use lapwing_journal::{Entry, Journal, Options, SnapshotTold};
use lapwing_model::{Position, Span, Time};
use std::path::Path;

/// Time of the picture between two snapshots, as of a server with little to do.
const SNAPSHOT_EVERY: Span = Span::from_seconds(60);
/// Entries after which the disk is waited for.
const SYNC_EVERY: u64 = 10_000;

pub(super) struct Recording {
    pub(super) journal: Journal,
    folder: Folder,
    snapshot_at: Option<Time>,
    synced: Position,
}

impl Recording {
    /// A journal in a folder that holds none yet.
    pub(super) fn new(folder: &Path) -> anyhow::Result<Self> {
        let journal = Journal::open(folder, Options::default())?;
        if journal.next_position() != Position(0) {
            bail!("--record: {} holds a journal already", folder.display());
        }
        Ok(Self { journal, folder: Folder::of(folder), snapshot_at: None, synced: Position(0) })
    }

    /// Records an entry that `line` is about to take.
    pub(super) fn entry(&mut self, line: &Line, at: Time, entry: &Entry) -> anyhow::Result<Position> {
        let due = *self.snapshot_at.get_or_insert(at + SNAPSHOT_EVERY);
        let next = self.journal.next_position();
        if at >= due {
            self.snapshot_at = Some(at + SNAPSHOT_EVERY);
            self.journal.sync()?;
            let written = self.folder.write(next, line.now(), &line.save(0)?, Span::ZERO)?;
            let told = SnapshotTold { position: written.position, sha256: written.sha256 };
            self.journal.append(line.now(), &Entry::Snapshot(told))?;
        }
        if next.0 - self.synced.0 >= SYNC_EVERY {
            self.journal.sync()?;
            self.synced = next;
        }
        Ok(self.journal.append(at, entry)?)
    }
}
