//! The tree of the segment that is being written.

use crate::evidence::checkpoint::{Checkpoint, Named};
use crate::evidence::leaf::{Salt, commit, record_leaf};
use crate::evidence::note::{Signer, Verifier, sign};
use crate::evidence::seal::Item;
use crate::evidence::tree::{Frontier, hash_leaf};
use crate::format::head::Head;
use crate::format::token_text;
use crate::kept::Record;
use crate::storage::Storage;
use crate::verify::last_tree;
use crate::write::Journal;
use crate::{segments, verify};
use lapwing_model::{Span, Time};
use std::io;
use std::sync::Arc;

/// How long a record may wait for a checkpoint before one is asked for: with the caller's tick of 200 ms, and the time
/// it takes, still within a second.
const CHECKPOINT_AFTER: Span = Span::from_millis(500);
/// Random bytes drawn in one go: salts of 128 records.
const SALTS_BYTES: usize = 4096;

/// Who signs, and what the next segment is to name.
#[derive(Clone)]
pub(crate) struct Sealer {
    pub(crate) signer: Arc<Signer>,
    pub(crate) previous: Option<Named>,
}

/// Random bytes from the system, drawn for many records at once.
struct Salts {
    bytes: Box<[u8; SALTS_BYTES]>,
    used: usize,
}

impl Salts {
    fn next(&mut self) -> io::Result<Salt> {
        if self.used >= SALTS_BYTES {
            getrandom::fill(&mut self.bytes[..]).map_err(io::Error::other)?;
            self.used = 0;
        }
        let salt: Salt = self.bytes.get(self.used..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default();
        self.used += salt.len();
        Ok(salt)
    }
}

pub(crate) struct Sealing {
    signer: Option<Arc<Signer>>,
    head: Head,
    tree: Frontier,
    /// The tree as the last checkpoint has it.
    covered: Frontier,
    salts: Salts,
    /// Time of the oldest record that no checkpoint covers.
    uncovered_since: Option<Time>,
}

impl Sealing {
    /// The tree of a segment that has its head alone.
    pub(crate) fn new(head: &Head, bytes: &[u8], signer: Option<Arc<Signer>>) -> Self {
        let mut tree = Frontier::default();
        tree.push(hash_leaf(bytes));
        Self {
            signer,
            head: head.clone(),
            tree,
            covered: Frontier::default(),
            salts: Salts { bytes: Box::new([0; SALTS_BYTES]), used: SALTS_BYTES },
            uncovered_since: None,
        }
    }

    /// Adds a record's leaf; `message` is the content of its message before its data.
    pub(crate) fn add(&mut self, record: &Record, message: &[u8]) -> io::Result<Item> {
        let salt = self.salts.next()?;
        let leaf = record_leaf(record.position, message, &commit(&salt, &record.data));
        self.tree.push(leaf);
        if self.is_signed() {
            self.uncovered_since.get_or_insert(record.at);
        }
        Ok(Item::Whole { leaf, salt })
    }

    pub(crate) fn is_signed(&self) -> bool {
        self.signer.is_some()
    }

    pub(crate) fn uncovered_since(&self) -> Option<Time> {
        self.uncovered_since
    }

    /// Position of the next record.
    pub(crate) fn next_position(&self) -> u64 {
        self.head.first + self.tree.size() - 1
    }

    /// Signs the tree: the time of the checkpoint, and its note; `None` without a key.
    pub(crate) fn checkpoint(&mut self, time: Time, is_closed: bool) -> Option<(u64, String)> {
        let signer = self.signer.as_ref()?;
        let time = u64::try_from(time.as_nanos()).unwrap_or(0);
        let checkpoint = Checkpoint {
            journal: token_text(&self.head.token),
            tree: self.tree.clone(),
            segment: self.head.number,
            first: self.head.first,
            previous: self.head.previous,
            after: self.covered.size(),
            time,
            is_closed,
        };
        let note = sign(&checkpoint.text(), signer);
        self.covered = self.tree.clone();
        self.uncovered_since = None;
        Some((time, note))
    }

    /// What the next segment names: all of a segment that is ended, of one that failed what a checkpoint covers.
    pub(crate) fn named(&self, is_whole: bool) -> Named {
        let tree = if is_whole { &self.tree } else { &self.covered };
        (self.head.number, tree.size(), tree.root())
    }
}

/// What the next segment is to name of those that are there, as far as these keys vouch for it.
fn previous(storage: &dyn Storage, keys: &[Verifier]) -> io::Result<Option<Named>> {
    let Some((number, name)) = segments(storage)?.pop() else { return Ok(None) };
    let file = storage.read(&name)?;
    let length = file.length()?.min(verify::SEGMENT_BYTES_MAX);
    let bytes = file.read_at(0, length)?;
    Ok(Some(last_tree(&name, number, &bytes, keys)))
}

impl Journal {
    /// Signs from the next segment on: a leaf for every entry, a checkpoint within a second of it as long as
    /// [`Journal::maintain`] is called, and at the end of the segment.
    pub fn sign_with(&mut self, signer: Signer) -> io::Result<()> {
        let own = signer.verifier();
        self.sign_after(signer, &[own])
    }

    /// [`Journal::sign_with`]; the last segment may have been signed with any of these keys.
    pub(crate) fn sign_after(&mut self, signer: Signer, keys: &[Verifier]) -> io::Result<()> {
        self.end_segment()?;
        let previous = previous(&*self.storage, keys)?;
        self.sealer = Some(Sealer { signer: Arc::new(signer), previous });
        Ok(())
    }

    /// Signs what has been appended. Everything it covers has been written, read back and compared.
    pub fn checkpoint(&mut self, now: Time) -> io::Result<()> {
        self.now = self.now.max(now);
        let Some(segment) = &mut self.segment else { return Ok(()) };
        match segment.checkpoint(self.now) {
            Ok(()) => Ok(()),
            Err(error) => self.recover(error),
        }
    }

    /// [`Journal::checkpoint`] when the oldest entry has waited for one. Best effort: a failure is in the figures.
    pub(crate) fn checkpoint_if_due(&mut self) {
        let since = self.segment.as_ref().and_then(|segment| segment.uncovered_since());
        if since.is_some_and(|since| self.now.since(since) >= CHECKPOINT_AFTER) {
            let _ = self.checkpoint(self.now);
        }
    }
}
