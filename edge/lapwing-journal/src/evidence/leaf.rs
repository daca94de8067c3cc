//! What is hashed: records, and the head of a segment.

use super::Hash;
use super::tree::hash_leaf;
use sha2::{Digest, Sha256};

/// Random bytes that keep the data of a record from being guessed from its commitment.
pub type Salt = [u8; 32];

/// What the tree knows of a record's data. With the salt gone, it tells nothing of them.
pub fn commit(salt: &Salt, data: &[u8]) -> Hash {
    Sha256::new().chain_update(b"lapwing-data-v3\n").chain_update(salt).chain_update(data).finalize().into()
}

/// The leaf of a record: its position, the content of its message before the data, its data's commitment.
pub fn record_leaf(position: u64, message: &[u8], commitment: &Hash) -> Hash {
    hash_leaf(&[b"lapwing-record-v3\n", &position.to_le_bytes()[..], message, commitment].concat())
}
