//! Journal entries that end the program whenever they are applied: after two tries they are passed over.
//!
//! What a panic says is known at once. A program that ends without unwinding (out of memory, stack overflow, a signal) says
//! nothing; then the next start goes carefully and notes each entry before it applies it, in the file `resuming`.

use crate::snapshot;
use lapwing_journal::Skipped;
use lapwing_model::{InputId, Position};
use serde::{Deserialize, Serialize};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

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
#[derive(Debug, Default)]
pub(crate) struct Quarantine {
    path: PathBuf,
    content: Content,
}

impl Quarantine {
    /// Reads that of a journal's directory. One that cannot be read is empty: what is bad will fail again.
    pub(crate) fn load(journal: &Path) -> Self {
        let path = journal.join(FILE);
        let content = match std::fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Content::default(),
            read => {
                let parsed = read.and_then(|bytes| serde_json::from_slice(&bytes).map_err(io::Error::from));
                parsed.unwrap_or_else(|error| {
                    tracing::error!("{}: {error}; taken as empty", path.display());
                    Content::default()
                })
            }
        };
        Self { path, content }
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
        let draft = self.path.with_extension("json.new");
        let mut file = std::fs::File::create(&draft)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        std::fs::rename(&draft, &self.path)?;
        let directory = self.path.parent().unwrap_or(Path::new("."));
        std::fs::File::open(directory)?.sync_all()
    }
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
