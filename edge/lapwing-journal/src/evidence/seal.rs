//! The items of a chunk's seal: what the tree needs to know of the records beside themselves.

use super::Hash;
use super::leaf::Salt;

/// A removed item stands for 2^32 records at most.
pub const LEVEL_MAX: u8 = 32;
/// Bytes of an item.
pub const ITEM_BYTES: usize = 65;
/// First byte of an item.
const WHOLE: u8 = 0;
const ERASED: u8 = 1;
/// And 2^k records by 128 + k.
const REMOVED: u8 = 128;

/// What the seal says of one record, or of records that were removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item {
    /// The data are there. `0 || leaf || salt`.
    Whole {
        /// The record's leaf.
        leaf: Hash,
        /// The salt of the data's commitment.
        salt: Salt,
    },
    /// The data were erased, and the salt with them. `1 || leaf || commitment`.
    Erased {
        /// The record's leaf.
        leaf: Hash,
        /// The commitment to the data that were here.
        commitment: Hash,
    },
    /// Retention has removed 2^level records. `128 + level || hash || zeros`.
    Removed {
        /// Hash of the subtree over their leaves.
        hash: Hash,
        /// Its height: [`LEVEL_MAX`] at most.
        level: u8,
    },
}

impl Item {
    /// The leaf, or the subtree's hash, as the seal has it.
    pub fn claimed(&self) -> &Hash {
        match self {
            Self::Whole { leaf, .. } | Self::Erased { leaf, .. } => leaf,
            Self::Removed { hash, .. } => hash,
        }
    }

    /// Height of the subtree it stands for.
    pub fn level(&self) -> u8 {
        if let Self::Removed { level, .. } = self { *level } else { 0 }
    }

    /// How many records it stands for.
    pub fn count(&self) -> u64 {
        1 << self.level().min(LEVEL_MAX)
    }

    /// Its bytes.
    pub fn encode(&self) -> [u8; ITEM_BYTES] {
        let (kind, hash, rest) = match self {
            Self::Whole { leaf, salt } => (WHOLE, leaf, *salt),
            Self::Erased { leaf, commitment } => (ERASED, leaf, *commitment),
            Self::Removed { hash, level } => (REMOVED + level, hash, [0; 32]),
        };
        let mut bytes = [kind; ITEM_BYTES];
        let content = hash.iter().chain(&rest);
        bytes.iter_mut().skip(1).zip(content).for_each(|(slot, byte)| *slot = *byte);
        bytes
    }

    /// Reads one; `None` for bytes that [`Item::encode`] does not write.
    pub fn decode(bytes: &[u8; ITEM_BYTES]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        let (hash, rest) = rest.split_first_chunk()?;
        let rest = *rest.first_chunk()?;
        match *kind {
            WHOLE => Some(Self::Whole { leaf: *hash, salt: rest }),
            ERASED => Some(Self::Erased { leaf: *hash, commitment: rest }),
            kind => {
                let level = kind.checked_sub(REMOVED).filter(|level| *level <= LEVEL_MAX && rest == [0; 32])?;
                Some(Self::Removed { hash: *hash, level })
            }
        }
    }
}

/// Reads the items of a seal; `None` unless all are such.
pub fn decode(data: &[u8]) -> Option<Vec<Item>> {
    let (items, rest) = data.as_chunks::<ITEM_BYTES>();
    rest.is_empty().then(|| items.iter().map(Item::decode).collect())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_read_back_and_others_are_refused() {
        let items = [
            Item::Whole { leaf: [1; 32], salt: [2; 32] },
            Item::Erased { leaf: [3; 32], commitment: [4; 32] },
            Item::Removed { hash: [5; 32], level: 32 },
        ];
        let bytes = items.map(|item| item.encode()).concat();
        assert_eq!(decode(&bytes).unwrap(), items);
        for end in 0..bytes.len() {
            assert_eq!(decode(&bytes[..end]).is_some(), end.is_multiple_of(ITEM_BYTES), "{end}");
        }
        let with = |at: usize, byte: u8| {
            let mut changed = bytes.clone();
            changed[2 * ITEM_BYTES + at] = byte;
            decode(&changed).is_some()
        };
        assert!(with(0, 128) && with(0, 160) && !with(0, 161) && !with(0, 127) && !with(0, 2) && !with(64, 1));
    }
}
