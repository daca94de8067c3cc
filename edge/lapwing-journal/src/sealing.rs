//! The tree of the segment that is being written.

use crate::evidence::Hash;
use crate::evidence::checkpoint::Checkpoint;
use crate::evidence::leaf::{RecordHead, commit, record_leaf};
use crate::evidence::note::{Signer, sign, to_base64};
use crate::evidence::seal::{self, Item};
use crate::evidence::tree::Frontier;
use crate::storage::Storage;
use crate::verify::last_tree;
use crate::write::Journal;
use crate::{segments, verify};
use lapwing_model::{Span, Time};
use sha2::{Digest, Sha256};
use std::io;
use std::sync::Arc;

/// How long a record may wait for a checkpoint before one is asked for: with the caller's tick of 200 ms, and the time
/// it takes, still within a second.
const CHECKPOINT_AFTER: Span = Span::from_millis(500);
/// Random bytes drawn in one go: salts of 256 records.
const SALTS_BYTES: usize = 4096;

/// A segment's number, and the size and the root of its tree: what the next one names.
pub(crate) type Named = (u64, u64, Hash);

/// Who signs, and what the next segment is to name.
#[derive(Clone)]
pub(crate) struct Sealer {
    pub(crate) signer: Arc<Signer>,
    pub(crate) previous: Option<Named>,
}

impl Sealer {
    /// What the metadata of a segment say beside the rest.
    pub(crate) fn about(&self) -> Vec<(&'static str, String)> {
        let previous = self.previous.map(|(number, size, root)| format!("{number} {size} {}", to_base64(&root)));
        let mut about = vec![("version", "2".to_owned())];
        about.extend(previous.map(|previous| ("previous", previous)));
        about
    }
}

/// Random bytes from the system, drawn for many records at once.
struct Salts {
    bytes: Box<[u8; SALTS_BYTES]>,
    used: usize,
}

impl Salts {
    fn next(&mut self) -> io::Result<[u8; 16]> {
        if self.used >= SALTS_BYTES {
            getrandom::fill(&mut self.bytes[..]).map_err(io::Error::other)?;
            self.used = 0;
        }
        let salt = self.bytes.get(self.used..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default();
        self.used += 16;
        Ok(salt)
    }
}

pub(crate) struct Sealing {
    signer: Arc<Signer>,
    token: String,
    number: u64,
    first: u64,
    opening: Hash,
    tree: Frontier,
    /// The tree as the last checkpoint has it.
    covered: Frontier,
    ordinal: u64,
    before: Hash,
    salts: Salts,
    chunk: Vec<Item>,
    /// Time of the oldest record that no checkpoint covers.
    uncovered_since: Option<Time>,
}

impl Sealing {
    pub(crate) fn new(signer: Arc<Signer>, token: &str, number: u64, first: u64, opening: Hash) -> Self {
        let mut tree = Frontier::default();
        tree.push(opening);
        Self {
            signer,
            token: token.to_owned(),
            number,
            first,
            opening,
            tree,
            covered: Frontier::default(),
            ordinal: 0,
            before: [0; 32],
            salts: Salts { bytes: Box::new([0; SALTS_BYTES]), used: SALTS_BYTES },
            chunk: Vec::new(),
            uncovered_since: None,
        }
    }

    pub(crate) fn add(&mut self, head: &RecordHead<'_>, data: &[u8]) -> io::Result<()> {
        let salt = self.salts.next()?;
        let leaf = record_leaf(head, &commit(&salt, data));
        self.tree.push(leaf);
        self.chunk.push(Item::Whole { salt, leaf });
        self.uncovered_since.get_or_insert(Time::from_nanos(head.log_time));
        Ok(())
    }

    /// The seal of the records since the last one; `None` without any.
    pub(crate) fn seal(&mut self) -> Option<Vec<u8>> {
        if self.chunk.is_empty() {
            return None;
        }
        let seal = seal::encode(&self.chunk);
        self.chunk.clear();
        Some(seal)
    }

    pub(crate) fn uncovered_since(&self) -> Option<Time> {
        self.uncovered_since
    }

    /// Position of the first record since the last seal.
    pub(crate) fn first_of_chunk(&self) -> u64 {
        self.next_position() - self.chunk.len() as u64
    }

    /// Position of the next record.
    pub(crate) fn next_position(&self) -> u64 {
        self.first + self.tree.size() - 1
    }

    /// Signs the tree.
    pub(crate) fn checkpoint(&mut self, time: Time, is_closed: bool) -> String {
        let checkpoint = Checkpoint {
            journal: self.token.clone(),
            tree: self.tree.clone(),
            segment: self.number,
            first: self.first,
            opening: self.opening,
            time,
            ordinal: self.ordinal,
            before: self.before,
            is_closed,
        };
        let note = sign(&checkpoint.text(), &self.signer);
        self.ordinal += 1;
        self.before = Sha256::digest(&note).into();
        self.covered = self.tree.clone();
        self.uncovered_since = None;
        note
    }

    /// What the next segment names: all of a segment that is ended, of one that failed what a checkpoint covers.
    pub(crate) fn named(&self, is_whole: bool) -> Named {
        let tree = if is_whole { &self.tree } else { &self.covered };
        (self.number, tree.size(), tree.root())
    }
}

/// What the next segment is to name of those that are there.
fn previous(storage: &dyn Storage, signer: &Signer) -> io::Result<Option<Named>> {
    let Some((number, name)) = segments(storage)?.pop() else { return Ok(None) };
    let file = storage.read(&name)?;
    let length = file.length()?;
    if length > verify::SEGMENT_BYTES_MAX {
        return Ok(None);
    }
    let bytes = file.read_at(0, length)?;
    Ok(last_tree(&name, number, &bytes, &[signer.verifier()]))
}

impl Journal {
    /// Signs from the next segment on: a leaf for every entry, a checkpoint within a second of it as long as
    /// [`Journal::maintain`] is called, and at the end of the segment.
    pub fn sign_with(&mut self, signer: Signer) -> io::Result<()> {
        let previous = previous(&*self.storage, &signer)?;
        if self.segment.is_some() {
            self.end_segment()?;
        }
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
