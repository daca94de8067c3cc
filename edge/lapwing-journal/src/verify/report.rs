//! What verification came to, in the shape both verifiers print.

use serde::{Deserialize, Serialize};

/// Something that is not as it was signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The segment's file.
    pub file: String,
    /// The record it is about, or the next one.
    pub position: Option<u64>,
    /// Byte of the file.
    pub offset: u64,
    /// What: see `docs/reference/evidence.md`.
    pub what: String,
}

/// Records by what can be said of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// As they were signed.
    pub verified: u64,
    /// As they were signed, but for their data, which were erased.
    pub erased: u64,
    /// Removed by retention; the hashes over them are there.
    pub removed: u64,
    /// Consistent, but no signature covers them yet.
    pub uncovered: u64,
    /// Not as they were signed, or not to be told.
    pub altered: u64,
    /// Signed, and not there.
    pub missing: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Self) {
        self.verified += other.verified;
        self.erased += other.erased;
        self.altered += other.altered;
        self.missing += other.missing;
        self.uncovered += other.uncovered;
        self.removed += other.removed;
    }
}

/// One segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentReport {
    /// Its file.
    pub file: String,
    /// `closed`, `open` (no end: being written, or its writer was killed), `cut` (its last write is not whole), or
    /// `unsigned`.
    pub state: String,
    /// Its records.
    pub records: Counts,
}

/// What verification came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// `valid` or `altered`.
    pub verdict: String,
    /// The problem that comes first.
    pub first_bad: Option<Problem>,
    /// All records.
    pub records: Counts,
    /// The segments, in the order they were written.
    pub segments: Vec<SegmentReport>,
    /// The problems, in the order of the files and bytes; at most 100.
    pub problems: Vec<Problem>,
}
