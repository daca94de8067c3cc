//! What the journal says of restarts: where a run went on from, and which snapshots were written.

use lapwing_model::{InputId, Position};
use serde::{Deserialize, Serialize};

/// A start of the server that went on with what an earlier run knew.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Resumed {
    /// The first entry that was applied again: the snapshot is of before it.
    pub from: Position,
    /// Entries that were passed over, because applying them ended the program.
    pub skipped: Vec<Skipped>,
}

/// An entry that is not applied any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Which.
    pub position: Position,
    /// The input it came by, if it is a reception.
    pub input: Option<InputId>,
    /// How it ended the program.
    pub reason: String,
}

/// A snapshot of the picture that has been written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotTold {
    /// The next entry to apply after restoring it.
    pub position: Position,
    /// SHA-256 of the file's payload, lower-case hexadecimal.
    pub sha256: String,
}
