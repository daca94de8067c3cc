//! Incident holds: what retention must keep.

use crate::storage::{Storage, read_small, replace};
use serde::{Deserialize, Serialize};
use std::io;

/// Name of the file in the journal's directory.
pub const HOLDS_FILE: &str = "holds.json";

/// Ranges of positions, each with the one behind its last, in order and apart from each other.
pub(crate) type Ranges = Vec<(u64, u64)>;

/// A range of positions that retention must keep.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// First position.
    pub first: u64,
    /// Last position, itself held.
    pub last: u64,
    /// For what: the incident.
    pub why: String,
}

/// All holds of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holds {
    /// In any order; they may overlap.
    pub holds: Vec<Hold>,
}

impl Holds {
    /// Reads the file; none when there is no file. An error when it cannot be read or understood: who was to remove
    /// something must not.
    pub fn read(storage: &dyn Storage) -> io::Result<Self> {
        let Some(bytes) = read_small(storage, HOLDS_FILE)? else { return Ok(Self::default()) };
        let bad = |e| io::Error::new(io::ErrorKind::InvalidData, e);
        serde_json::from_slice(&bytes).map_err(|e| crate::at_path(&storage.path(HOLDS_FILE), bad(e)))
    }

    /// Writes the file; after a loss of power there is the old one or the new one.
    pub fn write(&self, storage: &dyn Storage) -> io::Result<()> {
        replace(storage, HOLDS_FILE, &serde_json::to_vec_pretty(self)?)
    }

    /// What is held of the positions from `first` up to, not including, `end`: ranges in order, apart from each other.
    pub(crate) fn within(&self, first: u64, end: u64) -> Ranges {
        let clip = |hold: &Hold| (hold.first.max(first), hold.last.saturating_add(1).min(end));
        let mut ranges: Ranges = self.holds.iter().map(clip).filter(|(a, b)| a < b).collect();
        ranges.sort_unstable();
        let mut apart = Ranges::new();
        for (a, b) in ranges {
            match apart.last_mut() {
                Some((_, end)) if a <= *end => *end = b.max(*end),
                _ => apart.push((a, b)),
            }
        }
        apart
    }
}

#[cfg(test)]
mod tests {
    use super::{Hold, Holds};

    #[test]
    fn overlapping_holds_are_one() {
        let hold = |first, last| Hold { first, last, why: "incident".to_owned() };
        let holds = Holds { holds: vec![hold(30, 40), hold(5, 9), hold(10, 12), hold(35, 50), hold(60, u64::MAX)] };
        assert_eq!(holds.within(0, 100), [(5, 13), (30, 51), (60, 100)]);
        assert_eq!(holds.within(7, 32), [(7, 13), (30, 32)]);
        assert_eq!(holds.within(13, 30), []);
    }
}
