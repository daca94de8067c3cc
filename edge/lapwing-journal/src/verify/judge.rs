//! From a segment taken apart to what can be said of each record: rules 4 and 5 of *Verification* in
//! `docs/reference/evidence.md`.

use super::layout::{Layout, Placed, Slot, State, layout};
use super::report::{Counts, Problem};
use crate::evidence::Hash;
use crate::evidence::checkpoint::{Checkpoint, Named};
use crate::evidence::note::Verifier;
use crate::evidence::seal::Item;
use crate::evidence::tree::{Frontier, hash_leaf};
use crate::format::head::HEAD_BYTES;
use std::collections::BTreeMap;

#[derive(Debug)]
struct Leaf {
    slot: Slot,
    /// It did not lead to the root that was signed: what it was is unknown.
    is_altered: bool,
    /// A tree that is known grew by it.
    is_known: bool,
}

/// A segment as far as its own checkpoints can tell. Its neighbours and checkpoints that were kept may tell more.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) name: String,
    pub(crate) identity: Option<Checkpoint>,
    pub(crate) state: State,
    pub(crate) problems: Vec<Problem>,
    length: u64,
    /// By number; 0 is the head.
    leaves: BTreeMap<u64, Leaf>,
    /// Trees that are signed or known, by size.
    trees: Vec<Frontier>,
    /// The leaf behind the last item.
    end: u64,
    /// The largest size that anybody spoke of.
    largest: u64,
}

/// A checkpoint that was kept.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) token: String,
    pub(crate) tree: Frontier,
    pub(crate) is_closed: bool,
}

/// Judges a segment by itself.
pub(crate) fn judge(name: &str, bytes: &[u8], keys: &[Verifier]) -> Judged {
    let Layout { state, identity, slots, mut checkpoints, problems } = layout(name, bytes, keys);
    let hash = hash_leaf(bytes.get(..HEAD_BYTES).unwrap_or(bytes));
    let head = Slot { item: None, claimed: hash, made: Some(hash), data: None };
    let slots = std::iter::once((0, head)).chain(slots);
    let leaves: BTreeMap<u64, Leaf> =
        slots.map(|(number, slot)| (number, Leaf { slot, is_altered: false, is_known: false })).collect();
    let mut judged = Judged {
        name: name.to_owned(),
        identity,
        state,
        problems,
        length: bytes.len() as u64,
        end: leaves.iter().map(|(number, leaf)| number.saturating_add(leaf.slot.count())).max().unwrap_or(1),
        leaves,
        trees: vec![Frontier::default()],
        largest: 0,
    };
    checkpoints.sort_by_key(|placed| placed.checkpoint.tree.size());
    for Placed { chunk, checkpoint } in checkpoints {
        judged.checkpoint(chunk, checkpoint);
    }
    judged
}

/// A tree that has grown, and what it stopped at.
struct Grown<'a> {
    tree: Frontier,
    /// The leaves it grew by.
    leaves: Vec<u64>,
    /// Whether it grew by something, and that was removed all of it.
    all_removed: bool,
    /// The item that does not fit.
    misfit: Option<&'a Leaf>,
}

impl Judged {
    fn problem(&mut self, offset: u64, leaf: u64, what: &'static str) {
        let (file, what) = (self.name.clone(), what.to_owned());
        let position = self.identity.as_ref().map(|is| is.first.saturating_add(leaf.max(1) - 1));
        self.problems.push(Problem { file, position, offset, what });
    }

    /// The largest tree that is signed or known.
    fn last(&self) -> Frontier {
        self.trees.last().cloned().unwrap_or_default()
    }

    /// Lets the largest tree that is not more than a size grow to it, by the leaves that its items have, as far as they follow on
    /// each other.
    fn grow(&self, size: u64) -> Grown<'_> {
        let from = self.trees.iter().rev().find(|tree| tree.size() <= size);
        let tree = from.cloned().unwrap_or_default();
        let mut grown = Grown { tree, leaves: Vec::new(), all_removed: false, misfit: None };
        let (mut any, mut any_stays) = (false, false);
        while let Some(leaf) = self.leaves.get(&grown.tree.size()).filter(|leaf| !leaf.is_altered) {
            let number = grown.tree.size();
            let fits = leaf.slot.count() <= size.saturating_sub(grown.tree.size());
            if !fits || !grown.tree.push_subtree(leaf.slot.claimed, leaf.slot.level()) {
                grown.misfit = Some(leaf);
                break;
            }
            grown.leaves.push(number);
            any = true;
            any_stays |= !matches!(leaf.slot.item, Some(Item::Removed { .. }));
        }
        grown.all_removed = any && !any_stays;
        grown
    }

    fn checkpoint(&mut self, chunk: u64, checkpoint: Checkpoint) {
        let (from, size) = (self.last().size(), checkpoint.tree.size());
        let grown = self.grow(size);
        let (tree, all_removed, leaves) = (grown.tree, grown.all_removed, grown.leaves);
        if checkpoint.after != from && !all_removed {
            self.problem(chunk, size, "structure");
        }
        self.largest = self.largest.max(size);
        if tree == checkpoint.tree {
            self.known(&leaves);
        } else {
            self.unknown(size, chunk);
        }
        self.trees.push(checkpoint.tree);
    }

    /// These leaves lead to a tree that is signed.
    fn known(&mut self, leaves: &[u64]) {
        for number in leaves {
            if let Some(leaf) = self.leaves.get_mut(number) {
                leaf.is_known = true;
            }
        }
    }

    /// The leaves since the last tree do not lead to one of this size.
    fn unknown(&mut self, size: u64, offset: u64) {
        let from = self.last().size();
        if size > 1 {
            self.problem(offset, from, "interval");
        } else {
            self.problem(0, from, "structure");
        }
        let leaves = self.leaves.range_mut(from..size.max(from));
        leaves.for_each(|(_, leaf)| leaf.is_altered = true);
    }

    /// Holds the segment before this one against what this one names of it.
    pub(crate) fn follows(&mut self, before: &mut Self) {
        let Some(is) = &self.identity else { return };
        let number = before.identity.as_ref().map(|was| was.segment);
        match &is.previous {
            Some((named, size, root)) if number.is_none_or(|number| number == *named) => {
                before.hold(*size, root, None, false);
            }
            _ => self.problem(0, 0, "chain"),
        }
    }

    /// Holds the segment against a checkpoint of it that was kept.
    pub(crate) fn hold_kept(&mut self, kept: &Kept) {
        self.hold(kept.tree.size(), &kept.tree.root(), Some(&kept.tree), kept.is_closed);
    }

    /// Holds the segment against a tree of it that was signed elsewhere.
    fn hold(&mut self, size: u64, root: &Hash, kept: Option<&Frontier>, is_closed: bool) {
        let last = self.last().size();
        self.largest = self.largest.max(size);
        if size > self.end || is_closed && self.state != State::Closed {
            self.problem(self.length, self.end, "missing");
        }
        let Grown { tree, leaves, misfit, .. } = self.grow(size);
        let (is_there, is_stopped) = (tree.size() == size, misfit.is_some());
        if is_there && tree.root() == *root {
            self.known(&leaves);
            if size > last {
                self.trees.push(tree);
            }
        } else if last < size {
            if size <= self.end {
                self.unknown(size, self.length);
                self.trees.extend(kept.cloned());
            }
        } else if is_there || is_stopped && !kept.is_some_and(|kept| kept.peaks().starts_with(tree.peaks())) {
            self.problem(0, 0, "fork");
        }
    }

    /// What the segment that is written next has to name of this one: the tree up to where it is sound.
    pub(crate) fn named(&self) -> Option<Named> {
        let is = self.identity.as_ref()?;
        let mut tree = self.last();
        while let Some(leaf) = self.leaves.get(&tree.size()).filter(|leaf| leaf.slot.is_sound()) {
            if !tree.push_subtree(leaf.slot.claimed, leaf.slot.level()) {
                break;
            }
        }
        Some((is.segment, tree.size(), tree.root()))
    }

    /// The data of records that are as they should be, and whether a signature covers each.
    pub(crate) fn data<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = (&'a [u8], bool)> {
        let covered = self.last().size();
        let sound = self.leaves.iter().filter(|(_, leaf)| leaf.slot.is_sound() && !leaf.is_altered);
        let sound = sound.filter(move |(number, leaf)| leaf.is_known || **number >= covered);
        sound.filter_map(move |(_, leaf)| Some((bytes.get(leaf.slot.data.clone()?)?, leaf.is_known)))
    }

    pub(crate) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        let covered = self.last().size();
        let mut there: u64 = 1;
        for (number, Leaf { slot, is_altered, is_known }) in self.leaves.range(1..) {
            let is_stray = *number < covered && !is_known;
            let count = match slot.item {
                _ if *is_altered || is_stray || !slot.is_sound() => &mut counts.altered,
                _ if *number >= covered => &mut counts.uncovered,
                Some(Item::Erased { .. }) => &mut counts.erased,
                Some(Item::Removed { .. }) => &mut counts.removed,
                _ => &mut counts.verified,
            };
            *count += slot.count();
            if *number < self.largest {
                there = there.saturating_add(slot.count());
            }
        }
        counts.missing = self.largest.saturating_sub(there);
        counts
    }
}
