//! From written to on the disk.

use crate::segment::Segment;
use crate::storage::{Storage, SyncOnce};
use crate::trouble::RETRY_AFTER_MIN;
use crate::write::Journal;
use std::io;
use std::sync::Arc;

/// A sync that can run on another thread while the journal is appended to.
#[must_use = "what it syncs is not on the disk before it has run"]
pub struct SyncJob {
    files: Vec<Arc<SyncOnce>>,
    storage: Arc<dyn Storage>,
    names: u64,
    before: u64,
}

/// What a [`SyncJob`] came to.
#[must_use = "the journal learns from it what is on the disk"]
pub struct SyncDone {
    job: SyncJob,
    failed: Option<(Option<usize>, io::Error)>,
}

impl SyncJob {
    /// Waits until it is on the disk.
    pub fn run(self) -> SyncDone {
        let mut failed = None;
        for (i, file) in self.files.iter().enumerate() {
            if let Err(error) = file.sync() {
                failed = Some((Some(i), error));
                break;
            }
        }
        if failed.is_none() && self.names > 0 {
            failed = self.storage.sync_directory().err().map(|error| (None, error));
        }
        SyncDone { job: self, failed }
    }
}

impl SyncDone {
    /// Whether everything is on the disk that was appended before the job was made.
    pub fn worked(&self) -> bool {
        self.failed.is_none()
    }
}

impl Journal {
    /// Waits until everything appended is on the disk: it survives a loss of power. After an error some entries are not;
    /// they are kept in memory and tried again in a new segment, as long as the process lives.
    pub fn sync(&mut self) -> io::Result<()> {
        for first in [true, false] {
            let Some(job) = self.begin_sync()? else { return Ok(()) };
            match self.settle(job.run()) {
                Ok(()) => return Ok(()),
                // What failed is written again to a new segment, and that has to be synced too.
                Err(error) if first => self.recover(error)?,
                Err(error) => {
                    self.stop(&error);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Hands everything appended to the operating system, and gives what waits until it is on the disk; `None` when it
    /// is. The caller runs it and gives the answer to [`Journal::finish_sync`].
    pub fn begin_sync(&mut self) -> io::Result<Option<SyncJob>> {
        self.flush()?;
        if let Some(trouble) = &self.trouble
            && self.segment.is_none()
            && !self.kept.is_empty()
        {
            return Err(io::Error::other(trouble.to_string()));
        }
        if self.kept.is_empty() && self.ended.is_empty() && self.names_unsynced == 0 {
            return Ok(None);
        }
        let removed = self.segment.as_ref().filter(|s| !self.storage.exists(s.name()));
        if let Some(segment) = removed {
            // A file that was removed still takes what is written to it, and loses it when it is closed.
            let text = format!("{} was removed", self.storage.path(segment.name()).display());
            self.recover(io::Error::new(io::ErrorKind::NotFound, text))?;
        }
        let mut files = self.ended.clone();
        files.extend(self.segment.as_ref().map(|s| Arc::clone(s.file())));
        Ok(Some(SyncJob {
            files,
            storage: Arc::clone(&self.storage),
            names: self.names_unsynced,
            before: self.next_position,
        }))
    }

    /// Takes note of what a [`SyncJob`] came to. If it failed, what it was to sync is written again to a new segment, and
    /// waits for the next sync; if that fails as well, it waits in memory, and is tried again after a while.
    pub fn finish_sync(&mut self, done: SyncDone) -> io::Result<()> {
        let Err(error) = self.settle(done) else {
            return Ok(());
        };
        if self.syncs_failed == 0 {
            self.syncs_failed += 1;
            return self.recover(error);
        }
        self.stop(&error);
        Err(error)
    }

    /// Lets go of what is on the disk; an error if a file of the journal failed.
    fn settle(&mut self, done: SyncDone) -> io::Result<()> {
        let SyncDone { job, failed } = done;
        let Some((file, error)) = failed else {
            self.ended.retain(|file| !job.files.iter().any(|synced| Arc::ptr_eq(file, synced)));
            self.names_unsynced -= job.names.min(self.names_unsynced);
            self.release(job.before);
            return Ok(());
        };
        let ours = |file: &Arc<SyncOnce>| {
            let current = self.segment.as_ref().map(Segment::file);
            self.ended.iter().chain(current).any(|known| Arc::ptr_eq(known, file))
        };
        if file.and_then(|i| job.files.get(i)).is_some_and(|file| !ours(file)) {
            // Given up already, and its entries written again.
            return Ok(());
        }
        // Everything kept is written again: the ended segments are not waited for any more.
        self.ended.clear();
        Err(error)
    }

    /// Entries before a position are on the disk.
    fn release(&mut self, before: u64) {
        self.syncs_failed = 0;
        if let Some(oldest) = self.kept.oldest() {
            self.books.window.add(oldest);
        }
        self.retry_after = RETRY_AFTER_MIN;
        let books = &mut self.books;
        self.kept.release(before, |class, age| books.synced(class, age));
    }
}
