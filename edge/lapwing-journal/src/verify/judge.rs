//! From a segment taken apart to what can be said of each record.

use super::layout::{Head, Item, Layout, Slot};
use super::report::{Counts, Problem};
use crate::evidence::Hash;
use crate::evidence::checkpoint::Checkpoint;
use crate::evidence::key::read_rotation;
use crate::evidence::note::{Note, Verifier};
use crate::evidence::tree::Frontier;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Pending,
    Verified,
    Altered,
}

#[derive(Debug)]
struct Leaf {
    slot: Slot,
    status: Status,
}

/// A segment as far as its own checkpoints can tell. Its neighbours and saved checkpoints may tell more.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) name: String,
    pub(crate) head: Option<Head>,
    /// Whether a checkpoint confirms the head.
    pub(crate) head_is_signed: bool,
    pub(crate) token: Option<String>,
    pub(crate) first: u64,
    pub(crate) state: &'static str,
    pub(crate) problems: Vec<Problem>,
    /// The position after the last record.
    pub(crate) end: u64,
    length: u64,
    opening: Option<Hash>,
    leaves: BTreeMap<u64, Leaf>,
    /// Trees that are signed, by size.
    trusted: Vec<Frontier>,
    missing: u64,
}

/// A saved checkpoint.
pub(crate) struct Saved {
    pub(crate) token: String,
    pub(crate) size: u64,
    pub(crate) root: Hash,
    pub(crate) is_closed: bool,
}

struct Judge<'a> {
    bytes: &'a [u8],
    keys: &'a [Verifier],
    judged: Judged,
    ordinal: u64,
    before: Hash,
    closed_at: Option<u64>,
    any_signed: bool,
    /// Where the interval since the last signed checkpoint begins.
    interval: u64,
}

/// Judges a segment by itself.
pub(crate) fn judge(name: &str, bytes: &[u8], keys: &[Verifier]) -> Judged {
    let layout = Layout::of(name, bytes);
    let is_sealed = layout.head.as_ref().is_none_or(|h| h.is_sealed) || layout.has_seals;
    let token = layout.head.as_ref().map(|h| h.token.clone());
    let judged = Judged {
        name: name.to_owned(),
        first: layout.head.as_ref().map_or(0, |h| h.first),
        head: layout.head,
        head_is_signed: false,
        token,
        state: "open",
        problems: layout.problems,
        end: layout.expected.unwrap_or(0),
        length: bytes.len() as u64,
        opening: layout.opening,
        leaves: BTreeMap::new(),
        trusted: vec![Frontier::default()],
        missing: 0,
    };
    if !is_sealed {
        return Judged { state: "unsealed", ..judged };
    }
    let (tail_at, cut_at) = (layout.tail_at, layout.cut_at);
    let mut judge =
        Judge { bytes, keys, judged, ordinal: 0, before: [0; 32], closed_at: None, any_signed: false, interval: 0 };
    judge.anchor(&layout.items);
    for item in layout.items {
        match item {
            Item::Slot(slot) => judge.slot(slot),
            Item::Checkpoint { offset, data, log_time, position } => {
                let data = bytes.get(data).unwrap_or_default();
                judge.checkpoint(offset, data, log_time, position);
            }
        }
    }
    judge.end(tail_at, cut_at)
}

fn read(data: &[u8], keys: &[Verifier]) -> Option<Checkpoint> {
    let note = Note::parse(data).ok()?;
    let checkpoint = Checkpoint::parse(note.text)?;
    (note.signatures.len() == 1 && keys.iter().any(|key| key.verifies(&note))).then_some(checkpoint)
}

impl Judge<'_> {
    fn problem(&mut self, offset: u64, position: Option<u64>, what: &'static str) {
        let file = self.judged.name.clone();
        self.judged.problems.push(Problem { file, position, offset, what: what.to_owned() });
    }

    /// What is signed counts more than the head: the first good checkpoint says where the segment begins.
    fn anchor(&mut self, items: &[Item]) {
        let signed = items.iter().find_map(|item| match item {
            Item::Checkpoint { data, .. } => read(self.bytes.get(data.clone())?, self.keys),
            Item::Slot(_) => None,
        });
        let first = items.iter().find_map(|item| match item {
            Item::Slot(slot) => Some(slot.position),
            Item::Checkpoint { .. } => None,
        });
        match (signed, &self.judged.head) {
            (Some(signed), _) => {
                self.judged.first = signed.first;
                self.judged.token = Some(signed.journal);
            }
            (None, None) => self.judged.first = first.unwrap_or(0),
            (None, Some(_)) => {}
        }
    }

    fn slot(&mut self, slot: Slot) {
        if let Some(at) = self.closed_at.take() {
            self.problem(at, Some(slot.position), "end");
        }
        let size = self.judged.trusted.last().map_or(0, Frontier::size);
        let index = slot.position.checked_sub(self.judged.first).and_then(|i| i.checked_add(1));
        let Some(index) = index.filter(|i| *i >= size && !self.judged.leaves.contains_key(i)) else {
            self.problem(slot.offset, Some(slot.position), "order");
            return;
        };
        self.judged.leaves.insert(index, Leaf { slot, status: Status::Pending });
    }

    fn checkpoint(&mut self, offset: u64, data: &[u8], log_time: u64, position: u64) {
        let Some(checkpoint) = read(data, self.keys) else {
            self.problem(offset, Some(position), "checkpoint");
            return;
        };
        let hash: Hash = Sha256::digest(data).into();
        let size = self.judged.trusted.last().map_or(0, Frontier::size);
        let head = self.judged.head.as_ref();
        let is_here = Some(&checkpoint.journal) == self.judged.token.as_ref()
            && checkpoint.first == self.judged.first
            && head.is_none_or(|head| head.number == checkpoint.segment)
            && checkpoint.tree.size() >= size.max(1);
        let is_next = checkpoint.ordinal == self.ordinal
            && (checkpoint.before == self.before || self.ordinal == 0 && checkpoint.before == [0; 32])
            && checkpoint.time.as_nanos() as u64 == log_time
            && checkpoint.first.checked_add(checkpoint.tree.size() - 1) == Some(position)
            && self.closed_at.is_none();
        if !is_here || !is_next {
            self.problem(offset, Some(position), "checkpoint");
        }
        if !is_here {
            return;
        }
        self.ordinal = checkpoint.ordinal.saturating_add(1);
        self.before = hash;
        self.closed_at = checkpoint.is_closed.then_some(offset);
        self.opening(&checkpoint);
        self.interval(&checkpoint, offset);
        self.interval = offset;
        self.judged.trusted.push(checkpoint.tree);
    }

    fn opening(&mut self, checkpoint: &Checkpoint) {
        if self.any_signed {
            return;
        }
        self.any_signed = true;
        if self.judged.opening == Some(checkpoint.opening) {
            self.judged.head_is_signed = true;
        } else {
            self.problem(8, Some(checkpoint.first), "head");
        }
        self.judged.opening = Some(checkpoint.opening);
    }

    /// The leaves between two checkpoints.
    fn interval(&mut self, checkpoint: &Checkpoint, offset: u64) {
        let judged = &self.judged;
        let from = judged.trusted.last().cloned().unwrap_or_default();
        let (size, root) = (checkpoint.tree.size(), checkpoint.tree.root());
        let claimed = judged.root_at(&from, size, |slot| slot.claimed.or(slot.computed)) == Some(root);
        let computed = || judged.root_at(&from, size, |slot| slot.computed.or(slot.claimed)) == Some(root);
        let is_known = claimed || computed();
        let mut present = 0;
        let mut first_offset = offset;
        for (_, leaf) in self.judged.leaves.range_mut(from.size()..size) {
            present += 1;
            first_offset = first_offset.min(leaf.slot.offset);
            let authentic = if claimed { leaf.slot.claimed } else { leaf.slot.computed };
            let is_good = is_known && leaf.slot.computed.is_some() && leaf.slot.computed == authentic;
            leaf.status = if is_good { Status::Verified } else { Status::Altered };
        }
        let expected = size - from.size().max(1);
        self.judged.missing += expected.saturating_sub(present);
        let told = |problem: &Problem| (self.interval..offset).contains(&problem.offset) && problem.what != "head";
        if !is_known && !self.judged.problems.iter().any(told) {
            self.problem(first_offset, Some(self.judged.first.saturating_add(from.size().max(1) - 1)), "interval");
        }
    }

    fn end(mut self, tail_at: Option<usize>, cut_at: Option<usize>) -> Judged {
        let is_closed = self.closed_at.is_some();
        match tail_at {
            Some(at) if !is_closed => self.problem(at as u64, Some(self.judged.end), "end"),
            None if is_closed => self.problem(self.judged.length, Some(self.judged.end), "end"),
            _ => {}
        }
        self.judged.state = match (tail_at, cut_at) {
            (Some(_), _) => "closed",
            (None, Some(_)) => "cut",
            (None, None) => "open",
        };
        self.judged
    }
}

impl Judged {
    fn problem(&mut self, offset: u64, position: u64, what: &'static str) {
        let file = self.name.clone();
        self.problems.push(Problem { file, position: Some(position), offset, what: what.to_owned() });
    }

    /// The root at a size, going on from a tree that is known; `None` when a leaf is missing.
    fn root_at(&self, from: &Frontier, size: u64, leaf: impl Fn(&Slot) -> Option<Hash>) -> Option<Hash> {
        let mut tree = from.clone();
        if tree.size() == 0 && size > 0 {
            tree.push(self.opening?);
        }
        for (index, found) in self.leaves.range(tree.size()..size.max(tree.size())) {
            if *index != tree.size() {
                return None;
            }
            tree.push(leaf(&found.slot)?);
        }
        (tree.size() == size).then(|| tree.root())
    }

    /// Leaves there are, the opening one among them.
    pub(crate) fn size(&self) -> u64 {
        let last = self.leaves.last_key_value().map_or(0, |(index, _)| *index);
        last.max(self.trusted.last().map_or(0, Frontier::size).saturating_sub(1)).saturating_add(1)
    }

    /// The root of all leaves there are: what the next segment names.
    pub(crate) fn root(&self) -> Option<Hash> {
        let from = self.trusted.last()?;
        self.root_at(from, self.size(), |slot| slot.computed.or(slot.claimed))
    }

    /// Holds the segment against a tree of it that was signed elsewhere: by the segment behind it, or by a checkpoint
    /// that was saved. `agreed` is the largest size known to agree with what was saved. Whether it agrees.
    pub(crate) fn hold_against(&mut self, size: u64, root: &Hash, agreed: u64) -> bool {
        let have = self.size();
        if size > have {
            self.missing += size - have;
            self.problem(self.length, self.first.saturating_add(have - 1), "missing");
            return false;
        }
        let from = self.trusted.iter().rev().find(|tree| tree.size() <= size).cloned().unwrap_or_default();
        let (from_size, agrees) = (
            from.size(),
            match from.size() == size {
                true => from.root() == *root,
                false => self.root_at(&from, size, |slot| slot.computed.or(slot.claimed)).as_ref() == Some(root),
            },
        );
        let is_trusted = from_size == size;
        for (_, leaf) in self.leaves.range_mut(from_size..size) {
            if leaf.status == Status::Pending && !is_trusted {
                let is_good = agrees && leaf.slot.computed.is_some();
                leaf.status = if is_good { Status::Verified } else { Status::Altered };
            }
        }
        if !agrees {
            let index = if is_trusted { agreed } else { agreed.max(from_size) }.max(1);
            let offset = self.leaves.range(index..).next().map_or(self.length, |(_, leaf)| leaf.slot.offset);
            self.problem(offset, self.first.saturating_add(index - 1), "fork");
        }
        agrees
    }

    /// A checkpoint kept elsewhere says that the segment has ended: its end must be there.
    pub(crate) fn must_be_closed(&mut self) {
        if self.state != "closed" {
            self.problem(self.length, self.end, "end");
        }
    }

    /// Keys that hand over in this segment, where that is verified: old and new.
    pub(crate) fn rotations(&self, bytes: &[u8]) -> Vec<(Verifier, Verifier)> {
        let verified = self.leaves.values().filter(|leaf| leaf.status == Status::Verified);
        let data = verified.filter_map(|leaf| bytes.get(leaf.slot.audit.clone()?));
        data.filter_map(|data| {
            let audit: serde_json::Value = serde_json::from_slice(data).ok()?;
            (audit.get("audit")? == "key_changed").then(|| read_rotation(audit.get("note")?.as_str()?.as_bytes()))?
        })
        .collect()
    }

    pub(crate) fn counts(&self) -> Counts {
        let mut counts = Counts { missing: self.missing, ..Counts::default() };
        for leaf in self.leaves.values() {
            let slot = &leaf.slot;
            let count = match leaf.status {
                _ if slot.computed.is_none() && slot.claimed.is_some() && slot.is_removed => &mut counts.removed,
                Status::Verified => &mut counts.verified,
                Status::Pending if slot.computed.is_some() && slot.computed == slot.claimed => &mut counts.uncovered,
                Status::Pending | Status::Altered => &mut counts.altered,
            };
            *count += 1;
        }
        counts
    }
}
