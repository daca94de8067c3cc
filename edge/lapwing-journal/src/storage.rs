//! Where the journal's files are: the real disk, or a simulated one that fails as disks do.
//!
//! The journal touches files through these two traits and in no other way, so that everything a disk can do to it can be
//! done to it in a test: see [`simulated`](crate::simulated).

mod disk;
pub mod simulated;

pub(crate) use disk::DiskFile;
pub use disk::DiskStorage;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes that can be read from any place.
pub trait ReadAt: Send + Sync {
    /// How many bytes there are.
    fn length(&self) -> io::Result<u64>;

    /// Up to `length` bytes from `offset` on; fewer at the end.
    fn read_at(&self, offset: u64, length: u64) -> io::Result<Vec<u8>>;
}

impl ReadAt for Vec<u8> {
    fn length(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }

    fn read_at(&self, offset: u64, length: u64) -> io::Result<Vec<u8>> {
        let end = (self.len() as u64).min(offset.saturating_add(length));
        let range = usize::try_from(offset).unwrap_or(usize::MAX)..usize::try_from(end).unwrap_or(usize::MAX);
        Ok(self.get(range).unwrap_or_default().to_vec())
    }
}

impl ReadAt for Arc<dyn ReadAt> {
    fn length(&self) -> io::Result<u64> {
        (**self).length()
    }

    fn read_at(&self, offset: u64, length: u64) -> io::Result<Vec<u8>> {
        (**self).read_at(offset, length)
    }
}

/// An open file.
pub trait StoredFile: ReadAt {
    /// Adds bytes at the end. After an error some of them may be there.
    fn append(&self, bytes: &[u8]) -> io::Result<()>;

    /// Cuts the file to a length.
    fn truncate(&self, length: u64) -> io::Result<()>;

    /// Waits until the bytes are on the disk. After an error nobody knows which of them are, and asking again would be
    /// answered yes whether they are or not (Rebello et al., "Can Applications Recover from fsync Failures?", USENIX
    /// ATC 2020): whoever gets one gives the file up.
    fn sync(&self) -> io::Result<()>;
}

/// A directory of files. Names have no folders in them.
pub trait Storage: Send + Sync {
    /// Where a file is, for errors and people.
    fn path(&self, name: &str) -> PathBuf;

    /// The names of the files, in order.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Makes a new file; an error if the name is taken.
    fn create(&self, name: &str) -> io::Result<Box<dyn StoredFile>>;

    /// Makes a new file whose room on the disk is taken already, filled with whatever.
    fn create_sized(&self, name: &str, bytes: u64) -> io::Result<()>;

    /// Opens a file that is there, for reading only.
    fn read(&self, name: &str) -> io::Result<Box<dyn ReadAt>>;

    /// Opens a file that is there, for reading and for appending.
    fn open(&self, name: &str) -> io::Result<Box<dyn StoredFile>>;

    /// Gives a file another name; what had that name before is gone.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Waits until names made, changed and removed are on the disk.
    fn sync_directory(&self) -> io::Result<()>;

    /// Bytes that can still be written here.
    fn free_bytes(&self) -> io::Result<u64>;

    /// Takes the lock `name` until the answer is dropped; [`io::ErrorKind::ResourceBusy`] when somebody has it.
    fn lock(&self, name: &str) -> io::Result<Box<dyn Send>>;

    /// Whether a file is there.
    fn exists(&self, name: &str) -> bool;
}

/// Longest file that is read as a whole.
const SMALL_BYTES_MAX: u64 = 16 << 20;
/// Ending of a file that is not finished.
pub(crate) const DRAFT_EXTENSION: &str = ".new";

/// Reads a small file as a whole; `None` when there is none. One that is too long to be what it should is an error.
pub fn read_small(storage: &dyn Storage, name: &str) -> io::Result<Option<Vec<u8>>> {
    if !storage.exists(name) {
        return Ok(None);
    }
    let file = storage.read(name)?;
    let length = file.length()?;
    if length > SMALL_BYTES_MAX {
        let what = format!("{length} bytes, expected at most {SMALL_BYTES_MAX}");
        return Err(crate::at_path(&storage.path(name), io::Error::new(io::ErrorKind::InvalidData, what)));
    }
    file.read_at(0, length).map(Some)
}

/// Writes a small file as a whole: after a loss of power there is the old one or the new one.
pub fn replace(storage: &dyn Storage, name: &str, bytes: &[u8]) -> io::Result<()> {
    rewrite(storage, name, |file| file.append(bytes))
}

/// Writes a file beside the one of this name; complete and on the disk it takes the name. After a loss of power there is the old
/// one or the new one.
pub(crate) fn rewrite<T>(
    storage: &dyn Storage,
    name: &str,
    write: impl FnOnce(&dyn StoredFile) -> io::Result<T>,
) -> io::Result<T> {
    let draft = clear_draft(storage, name)?;
    let file = storage.create(&draft)?;
    let written = write(&*file).and_then(|value| file.sync().map(|()| value));
    let written = written.inspect_err(|_| drop(storage.remove(&draft)));
    let value = written.map_err(|e| crate::at_path(&storage.path(name), e))?;
    storage.rename(&draft, name)?;
    storage.sync_directory()?;
    Ok(value)
}

/// Removes what an interrupted writing left beside a file. Gives the name it has.
pub(crate) fn clear_draft(storage: &dyn Storage, name: &str) -> io::Result<String> {
    let draft = format!("{name}{DRAFT_EXTENSION}");
    if storage.exists(&draft) {
        storage.remove(&draft)?;
    }
    Ok(draft)
}

/// A file that is never synced again once that has failed, whoever asks: the kernel tells an error once, and answers
/// the next to ask that all is well.
pub(crate) struct SyncOnce {
    file: Box<dyn StoredFile>,
    failed: Mutex<Option<(io::ErrorKind, String)>>,
}

impl SyncOnce {
    pub(crate) fn new(file: Box<dyn StoredFile>) -> Arc<Self> {
        Arc::new(Self { file, failed: Mutex::new(None) })
    }

    pub(crate) fn append(&self, bytes: &[u8]) -> io::Result<()> {
        self.file.append(bytes)
    }

    pub(crate) fn read_at(&self, offset: u64, length: u64) -> io::Result<Vec<u8>> {
        self.file.read_at(offset, length)
    }

    pub(crate) fn truncate(&self, length: u64) -> io::Result<()> {
        self.file.truncate(length)
    }

    /// Held while it runs: who asks meanwhile gets the answer to the same question.
    pub(crate) fn sync(&self) -> io::Result<()> {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((kind, text)) = &*failed {
            return Err(io::Error::new(*kind, text.clone()));
        }
        self.file.sync().inspect_err(|e| *failed = Some((e.kind(), e.to_string())))
    }
}
