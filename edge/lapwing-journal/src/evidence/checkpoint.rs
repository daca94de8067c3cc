//! Checkpoints: what is signed once a second. C2SP `tlog-checkpoint` with extension lines.

use super::Hash;
use super::note::{hash_from_base64, to_base64};
use super::tree::Frontier;
use std::fmt::Write as _;

/// What a checkpoint's origin begins with; the segment's token follows.
pub(crate) const ORIGIN: &str = "lapwing/";
/// Digits of a number.
const DIGITS_MAX: usize = 19;

/// The tree of one segment as it was at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The segment's token: which tree this is.
    pub journal: String,
    /// The tree: its size counts the head.
    pub tree: Frontier,
    /// Number of the segment.
    pub segment: u64,
    /// Position of the segment's first record.
    pub first: u64,
    /// The segment before it.
    pub previous: Option<Named>,
    /// Tree size of the checkpoint before it in the segment; 0 for the first.
    pub after: u64,
    /// When it was made, nanoseconds since 1970.
    pub time: u64,
    /// Whether the segment ends here.
    pub is_closed: bool,
}

/// A segment's number, and the size and the root of its tree: what the next one names.
pub type Named = (u64, u64, Hash);

/// A segment as the next one names it, in words.
pub(crate) fn previous_text(previous: Option<&Named>) -> String {
    previous.map_or_else(
        || "previous none".to_owned(),
        |(number, size, root)| format!("previous {number} {size} {}", to_base64(root)),
    )
}

/// Reads [`previous_text`].
pub(crate) fn read_previous(text: &str) -> Option<Option<Named>> {
    let text = text.strip_prefix("previous ")?;
    if text == "none" {
        return Some(None);
    }
    let mut words = text.split(' ');
    let (number, size) = (decimal(words.next()?)?, decimal(words.next()?)?);
    let root = hash_from_base64(words.next()?)?;
    words.next().is_none().then_some(Some((number, size, root)))
}

/// A decimal number as it is written: no sign, no zeros in front, 19 digits at most.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok().filter(|_| text.len() <= DIGITS_MAX)?;
    (number.to_string() == text).then_some(number)
}

impl Checkpoint {
    /// The text that is signed.
    pub fn text(&self) -> String {
        let mut text = format!(
            "{ORIGIN}{}\n{}\n{}\nsegment {} {}\n{}\nafter {}\ntime {}\nstate {}\n",
            self.journal,
            self.tree.size(),
            to_base64(&self.tree.root()),
            self.segment,
            self.first,
            previous_text(self.previous.as_ref()),
            self.after,
            self.time,
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
        crate::format::token_from(&journal)?;
        let size = decimal(lines.next()?)?;
        let _root = lines.next()?;
        let (segment, first) = lines.next()?.strip_prefix("segment ")?.split_once(' ')?;
        let previous = read_previous(lines.next()?)?;
        let after = decimal(lines.next()?.strip_prefix("after ")?)?;
        let time = decimal(lines.next()?.strip_prefix("time ")?)?;
        let is_closed = lines.next()? == "state closed";
        let peaks: Option<Vec<Hash>> =
            lines.map_while(|line| line.strip_prefix("peak ").map(hash_from_base64)).collect();
        let checkpoint = Self {
            journal,
            tree: Frontier::resume(size, peaks?)?,
            segment: decimal(segment)?,
            first: decimal(first)?,
            previous,
            after,
            time,
            is_closed,
        };
        (checkpoint.text() == text).then_some(checkpoint)
    }
}
