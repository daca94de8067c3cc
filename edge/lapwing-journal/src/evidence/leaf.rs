//! What is hashed: records, and the head of a segment.

use super::Hash;
use super::tree::hash_leaf;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Random bytes that keep the data of a record from being guessed from its commitment.
pub type Salt = [u8; 16];

/// What the tree knows of a record's data. With the salt gone, it tells nothing of them.
pub fn commit(salt: &Salt, data: &[u8]) -> Hash {
    Sha256::new().chain_update(b"lapwing-data-v1\n").chain_update(salt).chain_update(data).finalize().into()
}

/// A record but for its data.
#[derive(Debug, Clone, Copy)]
pub struct RecordHead<'a> {
    /// Its position.
    pub position: u64,
    /// `log_time` of its message, nanoseconds.
    pub log_time: i64,
    /// `publish_time` of its message, nanoseconds.
    pub publish_time: i64,
    /// Its channel: see [`channel`].
    pub channel: &'a [u8],
}

/// The leaf of a record.
pub fn record_leaf(head: &RecordHead<'_>, commitment: &Hash) -> Hash {
    let mut input = Vec::with_capacity(80 + head.channel.len());
    input.extend(b"lapwing-record-v1\n");
    input.extend(head.position.to_be_bytes());
    input.extend(head.log_time.to_be_bytes());
    input.extend(head.publish_time.to_be_bytes());
    // A channel's record is far below 64 KiB: its texts are ids of at most 64 characters.
    input.extend((head.channel.len() as u16).to_be_bytes());
    input.extend(head.channel);
    input.extend(commitment);
    hash_leaf(&input)
}

/// The leaf of a segment's head: the file's bytes from behind the magic to the first chunk, and the records of the first
/// chunk that stand before its mark.
pub fn opening_leaf(head: &[u8], preamble: &[u8]) -> Hash {
    hash_leaf(&[b"lapwing-segment-v1\n", head, preamble].concat())
}

/// A channel as the leaves have it: the content of its MCAP record without its number, which is another in every file.
pub fn channel(topic: &str, encoding: &str, metadata: &BTreeMap<String, String>) -> Vec<u8> {
    fn text(out: &mut Vec<u8>, text: &str) {
        out.extend((text.len() as u32).to_le_bytes());
        out.extend(text.as_bytes());
    }
    // No schema.
    let mut out = vec![0, 0];
    text(&mut out, topic);
    text(&mut out, encoding);
    let mut pairs = Vec::new();
    for (key, value) in metadata {
        text(&mut pairs, key);
        text(&mut pairs, value);
    }
    out.extend((pairs.len() as u32).to_le_bytes());
    out.extend(pairs);
    out
}
