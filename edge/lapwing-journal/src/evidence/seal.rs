//! The seal of a chunk: what the tree needs to know of its records beside themselves.
//!
//! Version byte 1; one item a record; the length of all that, 4 bytes little-endian, so that a reader that has lost its
//! way in the chunk finds the seal from the chunk's end.

use super::Hash;
use super::leaf::Salt;

/// Version of a seal.
const VERSION: u8 = 1;

/// What the seal says of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item {
    /// The data are there: salt, and the leaf as it was written. `0x00 || salt || leaf`.
    Whole {
        /// The salt of the data's commitment.
        salt: Salt,
        /// The record's leaf.
        leaf: Hash,
    },
    /// The data were erased, and the salt with them: the commitment is left. `0x01 || commitment || leaf`.
    Erased {
        /// The commitment to the data that were here.
        commitment: Hash,
        /// The record's leaf.
        leaf: Hash,
    },
    /// Retention has removed the record. `0x02 || leaf`.
    Removed {
        /// The record's leaf.
        leaf: Hash,
    },
}

impl Item {
    /// The record's leaf.
    pub fn leaf(&self) -> &Hash {
        match self {
            Self::Whole { leaf, .. } | Self::Erased { leaf, .. } | Self::Removed { leaf } => leaf,
        }
    }
}

/// Writes a seal.
pub fn encode(items: &[Item]) -> Vec<u8> {
    let mut out = Vec::with_capacity(5 + items.len() * 49);
    out.push(VERSION);
    for item in items {
        match item {
            Item::Whole { salt, leaf } => {
                out.push(0);
                out.extend(salt);
                out.extend(leaf);
            }
            Item::Erased { commitment, leaf } => {
                out.push(1);
                out.extend(commitment);
                out.extend(leaf);
            }
            Item::Removed { leaf } => {
                out.push(2);
                out.extend(leaf);
            }
        }
    }
    let length = out.len() as u32 + 4;
    out.extend(length.to_le_bytes());
    out
}

/// Reads a seal; `None` when it is none.
pub fn decode(data: &[u8]) -> Option<Vec<Item>> {
    let (body, length) = data.split_last_chunk::<4>()?;
    if u32::from_le_bytes(*length) as usize != data.len() {
        return None;
    }
    let (&VERSION, mut rest) = body.split_first()? else { return None };
    let mut items = Vec::new();
    while let Some((kind, after)) = rest.split_first() {
        let (item, after) = match kind {
            0 => {
                let (salt, after) = after.split_first_chunk::<16>()?;
                let (leaf, after) = after.split_first_chunk::<32>()?;
                (Item::Whole { salt: *salt, leaf: *leaf }, after)
            }
            1 => {
                let (commitment, after) = after.split_first_chunk::<32>()?;
                let (leaf, after) = after.split_first_chunk::<32>()?;
                (Item::Erased { commitment: *commitment, leaf: *leaf }, after)
            }
            2 => {
                let (leaf, after) = after.split_first_chunk::<32>()?;
                (Item::Removed { leaf: *leaf }, after)
            }
            _ => return None,
        };
        items.push(item);
        rest = after;
    }
    Some(items)
}
