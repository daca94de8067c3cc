//! What makes the record evidence: a Merkle tree over the entries of each segment, its root signed once a second.
//!
//! `docs/reference/evidence.md` is the specification, written so that a stranger can check a journal without this code.

pub mod checkpoint;
pub mod key;
pub mod leaf;
pub mod note;
pub mod seal;
pub mod tree;

/// A SHA-256 hash.
pub type Hash = [u8; 32];
