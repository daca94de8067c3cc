//! The real disk.

use super::{ReadAt, Storage, StoredFile};
use crate::at_path;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// What is written in one go where room cannot be reserved otherwise.
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// A directory of the file system. Errors name the file.
pub struct DiskStorage {
    directory: PathBuf,
}

impl DiskStorage {
    /// The directory, which is made when missing.
    pub fn create(directory: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(directory).map_err(|e| at_path(directory, e))?;
        Self::open(directory)
    }

    /// A directory that is there.
    pub fn open(directory: &Path) -> io::Result<Self> {
        let metadata = std::fs::metadata(directory).map_err(|e| at_path(directory, e))?;
        if metadata.is_dir() {
            Ok(Self { directory: directory.to_owned() })
        } else {
            Err(at_path(directory, io::ErrorKind::NotADirectory.into()))
        }
    }
}

/// A file of the disk.
pub(crate) struct DiskFile {
    path: PathBuf,
    file: File,
}

impl DiskFile {
    /// Opens a file for reading only.
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        let file = File::open(path).map_err(|e| at_path(path, e))?;
        Ok(Self { path: path.to_owned(), file })
    }

    fn named(&self, error: io::Error) -> io::Error {
        at_path(&self.path, error)
    }
}

impl ReadAt for DiskFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata().map_err(|e| self.named(e))?.len())
    }

    fn read_at(&self, offset: u64, length: u64) -> io::Result<Vec<u8>> {
        // What is not there is not made room for, whatever a damaged file says of itself.
        let length = self.length()?.saturating_sub(offset).min(length);
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..).filter(|r| !r.is_empty()) {
            match self.file.read_at(rest, offset + filled as u64) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(self.named(e)),
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }
}

impl StoredFile for DiskFile {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let end = self.length()?;
        self.file.write_all_at(bytes, end).map_err(|e| self.named(e))
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.file.set_len(length).map_err(|e| self.named(e))
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data().map_err(|e| self.named(e))
    }
}

impl Storage for DiskStorage {
    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for item in std::fs::read_dir(&self.directory).map_err(|e| at_path(&self.directory, e))? {
            let item = item.map_err(|e| at_path(&self.directory, e))?;
            // A name that is not text is not one the journal gave.
            names.extend(item.file_name().into_string());
        }
        names.sort();
        Ok(names)
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn StoredFile>> {
        let path = self.path(name);
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path);
        Ok(Box::new(DiskFile { file: file.map_err(|e| at_path(&path, e))?, path }))
    }

    fn create_sized(&self, name: &str, bytes: u64) -> io::Result<()> {
        let path = self.path(name);
        let file = OpenOptions::new().write(true).create_new(true).open(&path).map_err(|e| at_path(&path, e))?;
        let filled = allocate(&file, bytes).and_then(|()| file.sync_all());
        filled.map_err(|e| {
            // Half a reserve is none.
            let _ = std::fs::remove_file(&path);
            at_path(&path, e)
        })
    }

    fn read(&self, name: &str) -> io::Result<Box<dyn ReadAt>> {
        Ok(Box::new(DiskFile::read(&self.path(name))?))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn StoredFile>> {
        let path = self.path(name);
        let file = OpenOptions::new().read(true).write(true).open(&path).map_err(|e| at_path(&path, e))?;
        Ok(Box::new(DiskFile { path, file }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let path = self.path(from);
        std::fs::rename(&path, self.path(to)).map_err(|e| at_path(&path, e))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let path = self.path(name);
        std::fs::remove_file(&path).map_err(|e| at_path(&path, e))
    }

    fn sync_directory(&self) -> io::Result<()> {
        File::open(&self.directory).and_then(|d| d.sync_all()).map_err(|e| at_path(&self.directory, e))
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let numbers = rustix::fs::statvfs(&self.directory).map_err(|e| at_path(&self.directory, e.into()))?;
        Ok(numbers.f_bavail.saturating_mul(numbers.f_frsize))
    }

    fn lock(&self, name: &str) -> io::Result<Box<dyn Send>> {
        let path = self.path(name);
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|e| at_path(&path, e))?;
        file.try_lock().map_err(|e| match e {
            std::fs::TryLockError::WouldBlock => {
                let text = "another process writes to this journal";
                at_path(&path, io::Error::new(io::ErrorKind::ResourceBusy, text))
            }
            std::fs::TryLockError::Error(e) => at_path(&path, e),
        })?;
        Ok(Box::new(Locked(file)))
    }

    fn exists(&self, name: &str) -> bool {
        self.path(name).exists()
    }
}

/// A lock until it is dropped. It is given back by word: closing the file alone would leave it with a child process that another
/// thread is just about to start, for as long as that takes.
struct Locked(File);

impl Drop for Locked {
    fn drop(&mut self) {
        // Closing the file, which follows, is all that can be done beside.
        let _ = self.0.unlock();
    }
}

/// Takes room for a file. File systems that cannot reserve it get zeros.
fn allocate(file: &File, bytes: u64) -> io::Result<()> {
    let reserved = rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, bytes);
    match reserved {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {
            let mut left = bytes;
            let mut file = file;
            while let Some(piece) = ZEROS.get(..left.min(ZEROS.len() as u64) as usize).filter(|p| !p.is_empty()) {
                file.write_all(piece)?;
                left -= piece.len() as u64;
            }
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}
