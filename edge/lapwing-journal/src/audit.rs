//! What was done to the record itself, as the record tells it.

use lapwing_model::Time;
use serde::{Deserialize, Serialize};

/// Something that happened to the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "audit", rename_all = "snake_case", deny_unknown_fields)]
pub enum Audit {
    /// A segment was given up because writing or syncing it failed. What was not known to be on the disk was written
    /// again, to the segment this entry is in or one before it.
    GivenUp {
        /// Name of the segment.
        segment: String,
        /// What the system said.
        why: String,
        /// Entries that were written again.
        again: u64,
    },
    /// Entries are older than they have to be kept, and go now. If the server was killed before they went, this is said
    /// again.
    Expired {
        /// Name of the segment.
        segment: String,
        /// Position of its first entry.
        first: u64,
        /// The position after its last entry.
        end: u64,
        /// Which of them go.
        taken: Taken,
    },
    /// The record is signed with another key from the next segment on.
    KeyChanged {
        /// A signed note that names both keys, signed by both: see [`crate::evidence::key`].
        note: String,
    },
    /// Entries were erased, because they held personal values of somebody who may ask that. Whose is not said.
    Erased {
        /// The request, as whoever erased named it.
        request: String,
        /// How many entries became tombstones.
        entries: u64,
    },
    /// Class B entries were not recorded, because there was no room or no disk. The picture had them all the same.
    NotRecorded {
        /// How many.
        entries: u64,
        /// When the first was.
        since: Time,
        /// When recording went on.
        until: Time,
        /// Why: `disk-full` or `journal-failed`.
        reason: String,
    },
}

/// Which entries of a segment are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Taken {
    /// Those of class B that no incident holds.
    ClassB,
    /// All: the segment goes.
    All,
}
