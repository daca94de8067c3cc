//! Journal entries that end the program whenever they are applied: after two tries they are passed over.
//!
//! What a panic says is known at once. A program that ends without unwinding (out of memory, stack overflow, a signal) says
//! nothing; then the next start goes carefully and notes each entry before it applies it, in the file `resuming`.

use crate::snapshot;
use lapwing_journal::{DiskStorage, Skipped, Storage, read_small, replace};
use lapwing_model::{InputId, Position};
use serde::{Deserialize, Serialize};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) const FILE: &str = "quarantine.json";
/// Tries after which an entry is passed over.
const TRIES_MAX: u32 = 2;
/// Entries remembered; the earliest are forgotten first.
const ENTRIES_MAX: usize = 1_000;

/// An entry that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Failed {
    position: Position,
    /// The input it came by, if it is a reception.
    input: Option<InputId>,
    /// How often it was tried.
    tries: u32,
    reason: String,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Content {
    entries: Vec<Failed>,
}

/// The entries of a journal that failed.
#[derive(Default)]
pub(crate) struct Quarantine {
    /// Where it is written; nowhere for a journal that is only looked at.
    storage: Option<Arc<dyn Storage>>,
    content: Content,
}

impl Quarantine {
    /// Reads that of a journal's directory. One that cannot be read is empty: what is bad will fail again.
    pub(crate) fn load(journal: &Path) -> Self {
        match DiskStorage::open(journal) {
            Ok(storage) => Self::load_from(Arc::new(storage)),
            Err(error) => {
                tracing::error!("{}: {error}; taken as empty", journal.join(FILE).display());
                Self::default()
            }
        }
    }

    fn load_from(storage: Arc<dyn Storage>) -> Self {
        let content = match read(&*storage) {
            Ok(content) => content,
            Err(error) => {
                tracing::error!("{}: {error}; taken as empty", storage.path(FILE).display());
                Content::default()
            }
        };
        Self { storage: Some(storage), content }
    }

    /// The entry at a position, if it is to be passed over.
    pub(crate) fn skipped(&self, position: Position) -> Option<Skipped> {
        let failed = self.content.entries.iter().find(|e| e.position == position && e.tries >= TRIES_MAX)?;
        Some(Skipped { position, input: failed.input.clone(), reason: failed.reason.clone() })
    }

    /// Takes note that an entry failed.
    pub(crate) fn failed(&mut self, position: Position, input: Option<InputId>, reason: &str) -> io::Result<()> {
        let entries = &mut self.content.entries;
        match entries.iter_mut().find(|e| e.position == position) {
            Some(known) => {
                known.tries += 1;
                reason.clone_into(&mut known.reason);
                known.input = input.or(known.input.take());
            }
            None => entries.push(Failed { position, input, tries: 1, reason: reason.to_owned() }),
        }
        let over = entries.len().saturating_sub(ENTRIES_MAX);
        entries.drain(..over);
        self.save()
    }

    fn save(&self) -> io::Result<()> {
        let bytes = serde_json::to_vec_pretty(&self.content)?;
        self.storage.as_ref().map_or(Ok(()), |storage| replace(&**storage, FILE, &bytes))
    }
}

fn read(storage: &dyn Storage) -> io::Result<Content> {
    let bytes = read_small(storage, FILE)?;
    Ok(bytes.map(|bytes| serde_json::from_slice(&bytes)).transpose()?.unwrap_or_default())
}

/// The file that is there while a start applies entries again, and names the entry if the last such start did not end.
pub(crate) struct Progress {
    path: PathBuf,
    /// Open when every entry is to be noted.
    file: Option<std::fs::File>,
}

impl Progress {
    /// Begins. What an earlier start was applying when it ended without a word is noted in `quarantine`.
    pub(crate) fn begin(journal: &Path, quarantine: &mut Quarantine) -> io::Result<Self> {
        let folder = journal.join(snapshot::FOLDER);
        std::fs::create_dir_all(&folder)?;
        let path = folder.join("resuming");
        let before = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            read => Some(read.unwrap_or_default()),
        };
        let file = std::fs::File::create(&path)?;
        if let Some(position) = before.as_deref().and_then(|text| text.trim().parse().ok()) {
            quarantine.failed(Position(position), None, "the program ended while it was applied")?;
        }
        if before.is_some() {
            tracing::warn!("the last start did not get to its end: this one notes every entry it applies");
        }
        Ok(Self { path, file: before.map(|_| file) })
    }

    /// An entry is about to be applied.
    pub(crate) fn at(&mut self, position: Position) -> io::Result<()> {
        // Not synced: it is to survive the end of this process, not of the machine.
        self.file.as_ref().map_or(Ok(()), |file| file.write_all_at(format!("{:020}", position.0).as_bytes(), 0))
    }

    /// All have been applied.
    pub(crate) fn end(self) -> io::Result<()> {
        std::fs::remove_file(self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lapwing_journal::simulated::SimulatedStorage;

    /// The power is cut in every call: what was said to be noted is there, and what is there can be read.
    #[test]
    fn a_power_cut_leaves_the_old_file_or_the_new_one() {
        let mut images = 0;
        for calls in 0.. {
            let disk = SimulatedStorage::new(calls);
            disk.go_dark_after(calls);
            let mut quarantine = Quarantine::load_from(Arc::new(disk.clone()));
            let mut noted = 0;
            for position in [7, 7, 9] {
                noted += u64::from(quarantine.failed(Position(position), None, "it fails").is_ok());
            }
            for seed in 0..10 {
                let found = SimulatedStorage::found(&disk.image(seed), seed);
                let content = read(&found).unwrap();
                let tries: u64 = content.entries.iter().map(|e| u64::from(e.tries)).sum();
                assert!(tries >= noted, "{noted} were noted and {tries} are there, after {calls} calls");
                images += 1;
            }
            if !disk.is_dark() {
                assert_eq!(noted, 3);
                break;
            }
        }
        assert!(images > 100, "{images}");
    }
}
