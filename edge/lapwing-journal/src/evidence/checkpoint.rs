//! Checkpoints: what is signed once a second. C2SP `tlog-checkpoint` with extension lines.

use super::Hash;
use super::note::{hash_from_base64, to_base64};
use super::tree::Frontier;
use lapwing_model::Time;
use std::fmt::Write as _;

/// What a checkpoint's origin begins with; the segment's token follows.
const ORIGIN: &str = "lapwing/";

/// The tree of one segment as it was at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The segment's token: which tree this is.
    pub journal: String,
    /// The tree: its size counts the opening leaf.
    pub tree: Frontier,
    /// Number of the segment.
    pub segment: u64,
    /// Position of the segment's first record.
    pub first: u64,
    /// The opening leaf's hash.
    pub opening: Hash,
    /// When it was made.
    pub time: Time,
    /// How many checkpoints of the segment were before it.
    pub ordinal: u64,
    /// SHA-256 of the note before it; zeros for the first.
    pub before: Hash,
    /// Whether the segment ends here.
    pub is_closed: bool,
}

/// A decimal number as it is written: no sign, no zeros in front.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

impl Checkpoint {
    /// The text that is signed.
    pub fn text(&self) -> String {
        let mut text = format!(
            "{ORIGIN}{}\n{}\n{}\nsegment {} {}\nopening {}\ntime {}\ncheckpoint {} {}\nstate {}\n",
            self.journal,
            self.tree.size(),
            to_base64(&self.tree.root()),
            self.segment,
            self.first,
            to_base64(&self.opening),
            self.time.as_nanos(),
            self.ordinal,
            to_base64(&self.before),
            if self.is_closed { "closed" } else { "open" },
        );
        for peak in self.tree.peaks() {
            // Writing to a string does not fail.
            let _ = writeln!(text, "peak {}", to_base64(peak));
        }
        text
    }

    /// Reads the text; `None` unless it is exactly as [`Checkpoint::text`] writes it, peaks that make up the root
    /// included.
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.split('\n');
        let journal = lines.next()?.strip_prefix(ORIGIN)?.to_owned();
        let size = decimal(lines.next()?)?;
        let _root = lines.next()?;
        let (segment, first) = lines.next()?.strip_prefix("segment ")?.split_once(' ')?;
        let opening = hash_from_base64(lines.next()?.strip_prefix("opening ")?)?;
        let time = Time::from_nanos(lines.next()?.strip_prefix("time ")?.parse().ok()?);
        let (ordinal, before) = lines.next()?.strip_prefix("checkpoint ")?.split_once(' ')?;
        let is_closed = lines.next()? == "state closed";
        let peaks: Option<Vec<Hash>> =
            lines.map_while(|line| line.strip_prefix("peak ").map(hash_from_base64)).collect();
        let checkpoint = Self {
            journal,
            tree: Frontier::resume(size, peaks?)?,
            segment: decimal(segment)?,
            first: decimal(first)?,
            opening,
            time,
            ordinal: decimal(ordinal)?,
            before: hash_from_base64(before)?,
            is_closed,
        };
        (checkpoint.text() == text).then_some(checkpoint)
    }
}
