//! The Merkle tree of RFC 6962 §2.1, built leaf by leaf.
//!
//! Own code rather than `ct-merkle`, which holds every leaf it was given: a segment's tree lives as long as the segment
//! and needs O(log n) hashes to go on (a compact range), and the same few lines give proofs for a contiguous run of
//! leaves, which RFC 6962 does not have. `ct-merkle` is the oracle of the tests.

use super::Hash;
use sha2::{Digest, Sha256};

/// Hash of a leaf: `SHA-256(0x00 || input)`.
pub fn hash_leaf(input: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(input).finalize().into()
}

/// Hash of an inner node: `SHA-256(0x01 || left || right)`.
pub fn hash_node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// Root of no leaves: `SHA-256("")`.
fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// A tree that can grow: its size and the roots of its perfect subtrees, largest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// Goes on from a tree of `size` leaves with these peaks; `None` when a tree of that size has another number of them.
    pub fn resume(size: u64, peaks: Vec<Hash>) -> Option<Self> {
        (peaks.len() == size.count_ones() as usize).then_some(Self { size, peaks })
    }

    /// Leaves so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Roots of the perfect subtrees, largest first.
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// Adds a leaf's hash.
    pub fn push(&mut self, leaf: Hash) {
        self.push_subtree(leaf, 0);
    }

    /// Adds the root of a perfect subtree of 2^level leaves. Whether it fits here: the size is a multiple of that.
    pub fn push_subtree(&mut self, root: Hash, level: u8) -> bool {
        let leaves = 1u64.checked_shl(level.into()).unwrap_or(0);
        let Some(size) = self.size.checked_add(leaves).filter(|_| leaves > 0 && self.size.is_multiple_of(leaves))
        else {
            return false;
        };
        let mut node = root;
        // As many peaks are completed as the number of such subtrees ends in ones.
        for _ in 0..(self.size >> level).trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                node = hash_node(&left, &node);
            }
        }
        self.peaks.push(node);
        self.size = size;
        true
    }

    /// The root of the leaves so far.
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else { return empty_root() };
        peaks.fold(*last, |right, left| hash_node(left, &right))
    }
}

/// The root of leaves given by their hashes.
pub fn root(leaves: &[Hash]) -> Hash {
    let mut frontier = Frontier::default();
    leaves.iter().for_each(|leaf| frontier.push(*leaf));
    frontier.root()
}

/// Leaves in the left half of a tree of `n` leaves, `n` > 1: the largest power of two smaller than `n`.
fn split(n: usize) -> usize {
    n.next_power_of_two() / 2
}

/// The proof that the leaves `first..end` are in the tree of all these: the roots of the largest subtrees outside the
/// run, in the order a walk over the tree from left to right meets them. For one leaf these are the hashes of RFC 6962
/// §2.1.1, in another order. Empty when the run is all, or not within the leaves.
pub fn prove_range(leaves: &[Hash], first: usize, end: usize) -> Vec<Hash> {
    let mut proof = Vec::new();
    if first < end && end <= leaves.len() {
        prove_within(leaves, first, end, &mut proof);
    }
    proof
}

fn prove_within(leaves: &[Hash], first: usize, end: usize, proof: &mut Vec<Hash>) {
    let n = leaves.len();
    if first >= end {
        proof.push(root(leaves));
    } else if (first, end) != (0, n) {
        let (left, right) = leaves.split_at(split(n));
        let k = left.len();
        prove_within(left, first.min(k), end.min(k), proof);
        prove_within(right, first.max(k) - k, end.max(k) - k, proof);
    }
}

/// The root that a run of leaves and its proof lead to; `None` when the proof does not fit. The run is genuine if the
/// root is the one that was signed.
pub fn root_of_range(size: u64, first: u64, run: &[Hash], proof: &[Hash]) -> Option<Hash> {
    let end = first.checked_add(run.len() as u64).filter(|end| *end <= size && !run.is_empty())?;
    let mut proof = proof.iter();
    let mut run = run.iter();
    let root = rebuild(size, first, end, &mut run, &mut proof)?;
    proof.next().is_none().then_some(root)
}

fn rebuild<'a>(
    n: u64,
    first: u64,
    end: u64,
    run: &mut impl Iterator<Item = &'a Hash>,
    proof: &mut impl Iterator<Item = &'a Hash>,
) -> Option<Hash> {
    if first >= end {
        return proof.next().copied();
    }
    if n == 1 {
        return run.next().copied();
    }
    // As `split`; `n` is at most the size of a tree whose leaves or hashes are in memory.
    let k = 1u64 << (63 - (n - 1).leading_zeros());
    let left = rebuild(k, first.min(k), end.min(k), run, proof)?;
    let right = rebuild(n - k, first.max(k) - k, end.max(k) - k, run, proof)?;
    Some(hash_node(&left, &right))
}

/// The inclusion proof of one leaf, RFC 6962 §2.1.1: sibling hashes from the leaf to the root.
pub fn prove_inclusion(leaves: &[Hash], index: usize) -> Vec<Hash> {
    if leaves.len() <= 1 || index >= leaves.len() {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut proof, sibling) = match index.checked_sub(left.len()) {
        None => (prove_inclusion(left, index), root(right)),
        Some(index) => (prove_inclusion(right, index), root(left)),
    };
    proof.push(sibling);
    proof
}

/// The root that a leaf and its inclusion proof lead to, RFC 9162 §2.1.3.2; `None` when the proof does not fit.
pub fn root_of_inclusion(size: u64, index: u64, leaf: Hash, proof: &[Hash]) -> Option<Hash> {
    if index >= size {
        return None;
    }
    let (mut node, mut last, mut hash) = (index, size - 1, leaf);
    for sibling in proof {
        if last == 0 {
            return None;
        }
        if node & 1 == 1 || node == last {
            hash = hash_node(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = hash_node(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(hash)
}

/// The consistency proof between the first `old` leaves and all, RFC 6962 §2.1.2.
pub fn prove_consistency(leaves: &[Hash], old: usize) -> Vec<Hash> {
    let mut proof = Vec::new();
    if 0 < old && old < leaves.len() {
        subproof(leaves, old, true, &mut proof);
    }
    proof
}

fn subproof(leaves: &[Hash], old: usize, whole: bool, proof: &mut Vec<Hash>) {
    if old == leaves.len() {
        if !whole {
            proof.push(root(leaves));
        }
        return;
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    if old <= left.len() {
        subproof(left, old, whole, proof);
        proof.push(root(right));
    } else {
        subproof(right, old - left.len(), false, proof);
        proof.push(root(left));
    }
}

/// Whether a tree of `new` leaves with one root grew out of one of `old` leaves with another, RFC 9162 §2.1.4.2.
pub fn is_consistent(old: u64, old_root: &Hash, new: u64, new_root: &Hash, proof: &[Hash]) -> bool {
    if old == 0 || old > new {
        return false;
    }
    if old == new {
        return proof.is_empty() && old_root == new_root;
    }
    let mut hashes = proof.iter();
    let (mut node, mut last) = (old - 1, new - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let start = if node == 0 { Some(old_root) } else { hashes.next() };
    let Some(start) = start else { return false };
    let (mut old_hash, mut new_hash) = (*start, *start);
    for sibling in hashes {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            old_hash = hash_node(sibling, &old_hash);
            new_hash = hash_node(sibling, &new_hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = hash_node(&new_hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && old_hash == *old_root && new_hash == *new_root
}
