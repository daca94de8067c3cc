//! A segment taken apart: rules 1 to 3 of *Verification* in `docs/reference/evidence.md`. Nothing is trusted.

use super::report::Problem;
use crate::entry::channel;
use crate::evidence::Hash;
use crate::evidence::checkpoint::{Checkpoint, ORIGIN};
use crate::evidence::leaf::{commit, record_leaf};
use crate::evidence::note::{NOTE_BYTES_MAX, Note, Verifier};
use crate::evidence::seal::{ITEM_BYTES, Item};
use crate::format::chunk::{FIELDS, FRONT, TOKEN_AT, Times, front, message_head};
use crate::format::head::HEAD_BYTES;
use crate::format::{END, MESSAGE_HEAD, RECORD_HEAD, Token, record, token_from, u32_at, u64_at};
use mcap::records::op;
use std::collections::BTreeMap;
use std::ops::Range;

/// A position that is this or more is none.
const POSITION_END: u64 = 1 << 62;
/// Bytes of the seal's message before its items: header, token, position.
const SEAL_BYTES: usize = MESSAGE_HEAD + 24;

/// What stands for a leaf of the tree, or for a subtree that was removed.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    /// `None` for bytes that are no item.
    pub(crate) item: Option<Item>,
    /// The leaf as the item has it.
    pub(crate) claimed: Hash,
    /// The leaf of what is here.
    pub(crate) made: Option<Hash>,
    /// Where the record's data are.
    pub(crate) data: Option<Range<usize>>,
}

impl Slot {
    pub(crate) fn is_sound(&self) -> bool {
        self.made == Some(self.claimed)
    }

    pub(crate) fn level(&self) -> u8 {
        self.item.map_or(0, |item| item.level())
    }

    pub(crate) fn count(&self) -> u64 {
        self.item.map_or(1, |item| item.count())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Closed,
    Open,
    Cut,
    Unsigned,
}

impl State {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::Cut => "cut",
            Self::Unsigned => "unsigned",
        }
    }
}

/// A genuine checkpoint of the segment, and where its chunk begins.
#[derive(Debug)]
pub(crate) struct Placed {
    pub(crate) chunk: u64,
    pub(crate) checkpoint: Checkpoint,
}

/// What a segment is made of.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) state: State,
    /// Whose segment it is: its first genuine checkpoint.
    pub(crate) identity: Option<Checkpoint>,
    /// By the number of the leaf.
    pub(crate) slots: BTreeMap<u64, Slot>,
    pub(crate) checkpoints: Vec<Placed>,
    pub(crate) problems: Vec<Problem>,
}

/// Takes a segment apart.
pub(crate) fn layout(name: &str, bytes: &[u8], keys: &[Verifier]) -> Layout {
    let mut layout = Layout {
        state: State::Cut,
        identity: None,
        slots: BTreeMap::new(),
        checkpoints: Vec::new(),
        problems: Vec::new(),
    };
    let stop = if bytes.ends_with(&END) { bytes.len() - END.len() } else { bytes.len() };
    let Some(identity) = identity(bytes, keys) else {
        let mut tell = |offset: usize, what: &str| {
            let (file, what) = (name.to_owned(), what.to_owned());
            layout.problems.push(Problem { file, position: None, offset: offset as u64, what });
        };
        layout.state = if stop > HEAD_BYTES && !is_cut(bytes, HEAD_BYTES, false) {
            tell(0, "unsigned");
            State::Unsigned
        } else if stop <= HEAD_BYTES && stop < bytes.len() {
            tell(stop, "structure");
            State::Closed
        } else if bytes.len() == HEAD_BYTES {
            State::Open
        } else {
            State::Cut
        };
        return layout;
    };
    let token = token_from(&identity.journal).unwrap_or_default();
    Walk { name, bytes, keys, identity: &identity, token, stop, next: 1, layout: &mut layout }.run();
    layout.identity = Some(identity);
    layout
}

/// A note with one signature, genuine by one of the keys.
fn genuine(note: &[u8], keys: &[Verifier]) -> Option<Checkpoint> {
    let note = Note::parse(note).ok()?;
    let checkpoint = Checkpoint::parse(note.text)?;
    (note.signatures.len() == 1 && keys.iter().any(|key| key.verifies(&note))).then_some(checkpoint)
}

/// The genuine checkpoints, wherever they stand, each with its note.
fn genuine_notes<'a>(bytes: &'a [u8], keys: &[Verifier]) -> impl Iterator<Item = (&'a [u8], Checkpoint)> {
    let places = std::iter::successors(find(bytes, 0, ORIGIN.as_bytes()), |at| find(bytes, at + 1, ORIGIN.as_bytes()));
    places.filter_map(|at| note_at(bytes, at)).filter_map(|note| Some((note, genuine(note, keys)?)))
}

/// The first genuine checkpoint.
fn identity(bytes: &[u8], keys: &[Verifier]) -> Option<Checkpoint> {
    genuine_notes(bytes, keys).next().map(|(_, checkpoint)| checkpoint)
}

/// The last note of a segment that one of the keys has signed, as it stands in the file.
pub fn last_note<'a>(bytes: &'a [u8], keys: &[Verifier]) -> Option<&'a [u8]> {
    genuine_notes(bytes, keys).last().map(|(note, _)| note)
}

/// The note that may begin here: a text without an empty line, an empty line, one line more.
fn note_at(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let rest = bytes.get(at..)?;
    let rest = rest.get(..NOTE_BYTES_MAX).unwrap_or(rest);
    // Most places are none, and are seen to be at the token.
    let token = rest.get(ORIGIN.len()..ORIGIN.len() + 32).and_then(|token| std::str::from_utf8(token).ok())?;
    token_from(token)?;
    let text = find(rest, 0, b"\n\n")?;
    let end = find(rest, text + 2, b"\n")?;
    rest.get(..=end)
}

/// Where some bytes are next, from a place on.
fn find(bytes: &[u8], from: usize, wanted: &[u8]) -> Option<usize> {
    let rest = bytes.get(from..)?;
    rest.windows(wanted.len()).position(|window| window == wanted).map(|at| from + at)
}

/// The length of the chunk that may begin here: its three lengths agree.
fn counted(bytes: &[u8], at: usize) -> Option<u64> {
    let length = u64_at(bytes, at + 1)?;
    let records = length.checked_sub((FIELDS - RECORD_HEAD) as u64)?;
    let sizes = (u64_at(bytes, at + 25)?, u64_at(bytes, at + 41)?);
    (sizes == (records, records)).then(|| length.saturating_add(RECORD_HEAD as u64))
}

/// Whether the file is cut here, if the token is nowhere behind: what is left is the beginning of something.
fn is_cut(bytes: &[u8], at: usize, is_closed: bool) -> bool {
    let rest = bytes.get(at..).unwrap_or_default();
    let begins = counted(bytes, at).is_some_and(|length| length > rest.len() as u64)
        || rest.len() < FIELDS && rest.first() == Some(&op::CHUNK)
        || is_closed && END.starts_with(rest);
    begins && !bytes.ends_with(mcap::MAGIC)
}

struct Walk<'a> {
    name: &'a str,
    bytes: &'a [u8],
    keys: &'a [Verifier],
    identity: &'a Checkpoint,
    token: Token,
    stop: usize,
    /// The leaf that should come next.
    next: i128,
    layout: &'a mut Layout,
}

/// A chunk as it lies in the file.
struct Place<'a> {
    at: usize,
    bytes: &'a [u8],
    is_whole: bool,
}

impl<'a> Walk<'a> {
    /// The position of a leaf.
    fn position(&self, leaf: i128) -> u64 {
        // Leaves that can be met are far below 2^63, and so are their positions below 2^64.
        u64::try_from(i128::from(self.identity.first) + leaf.max(1) - 1).unwrap_or(u64::MAX)
    }

    fn problem(&mut self, offset: usize, leaf: i128, what: &'static str) {
        let (file, what) = (self.name.to_owned(), what.to_owned());
        let position = Some(self.position(leaf));
        self.layout.problems.push(Problem { file, position, offset: offset as u64, what });
    }

    fn run(mut self) {
        let has_end = self.stop < self.bytes.len();
        let (mut at, mut is_closed, mut cut) = (HEAD_BYTES, false, false);
        while at < self.stop {
            let whole = self.whole(at);
            if whole.is_none() && is_cut(self.bytes, at, is_closed) && self.next_token(at).is_none() {
                cut = true;
                break;
            }
            let end = whole.or_else(|| self.next_token(at).map(|token| token - TOKEN_AT)).unwrap_or(self.stop);
            let bytes = self.bytes.get(at..end).unwrap_or_default();
            if !is_closed && self.has_token(at) {
                is_closed = self.chunk(&Place { at, bytes, is_whole: whole.is_some() });
            } else {
                self.problem(at, self.next, "structure");
                is_closed = false;
            }
            at = end;
        }
        if has_end && !is_closed && !cut {
            self.problem(self.stop, self.next, "structure");
        }
        self.layout.state = match (has_end, cut || is_closed || self.bytes.len() < HEAD_BYTES) {
            (true, _) => State::Closed,
            (false, true) => State::Cut,
            (false, false) => State::Open,
        };
    }

    fn has_token(&self, at: usize) -> bool {
        self.bytes.get(at + TOKEN_AT..).is_some_and(|rest| rest.starts_with(&self.token))
    }

    /// The end of the chunk here, if it is whole.
    fn whole(&self, at: usize) -> Option<usize> {
        let length = usize::try_from(counted(self.bytes, at)?).ok()?;
        let end = at.checked_add(length).filter(|end| *end <= self.stop)?;
        let crc = self.bytes.get(at + FIELDS..end).map(crc32fast::hash);
        (crc == u32_at(self.bytes, at + 33) && u32_at(self.bytes, at + 37) == Some(0)).then_some(end)
    }

    /// Where the token stands next.
    fn next_token(&self, at: usize) -> Option<usize> {
        find(self.bytes.get(..self.stop)?, at + 1 + TOKEN_AT, &self.token)
    }

    /// Reads a chunk; whether it closes the segment.
    fn chunk(&mut self, place: &Place<'_>) -> bool {
        let before = self.layout.problems.len();
        let messages = messages(place.bytes);
        let items = messages.first().and_then(|seal| place.bytes.get(seal.start + SEAL_BYTES..seal.end));
        let Some((items, [])) = items.map(<[u8]>::as_chunks::<ITEM_BYTES>) else {
            self.problem(place.at, self.next, "structure");
            return false;
        };
        let first = self.first_leaf(place);
        let mut reading = Reading::new(first, messages);
        for item in items {
            self.item(place, item, &mut reading);
        }
        let (leaf, mut is_closed, mut has_more) = (reading.leaf, false, !items.is_empty());
        while let Some(message) = reading.take() {
            has_more = true;
            is_closed = self.checkpoint(place, &message, leaf, reading.is_over());
        }
        if self.layout.problems.len() == before {
            let behind = place.bytes.get(FRONT..).unwrap_or_default();
            let items_bytes = items.len() * ITEM_BYTES;
            let follows = front(&self.token, self.position(first), items_bytes, reading.times(place.bytes), behind);
            if !place.bytes.starts_with(&follows) || reading.end != place.bytes.len() || !has_more {
                self.problem(place.at, first, "structure");
            }
        }
        self.next = leaf;
        is_closed
    }

    /// The first leaf of a chunk.
    fn first_leaf(&mut self, place: &Place<'_>) -> i128 {
        let said = u64_at(place.bytes, FRONT - 8).filter(|said| *said < POSITION_END && place.is_whole);
        let next = self.next;
        let first = said.map_or(next, |said| i128::from(said) - i128::from(self.identity.first) + 1);
        if first > next {
            self.problem(place.at, next, "missing");
        } else if first < next {
            self.problem(place.at, first, "structure");
        }
        first
    }

    fn item(&mut self, place: &Place<'_>, bytes: &[u8; ITEM_BYTES], reading: &mut Reading) {
        let (leaf, item) = (reading.leaf, Item::decode(bytes));
        let mut offset = place.at + reading.end;
        let claimed = bytes.get(1..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default();
        let mut slot = Slot { item, claimed, made: None, data: None };
        if let Some(Item::Removed { hash, .. }) = item {
            slot.made = Some(hash);
        } else if let Some(message) = reading.take() {
            let (head, data) = split(place.bytes, &message);
            offset = place.at + message.start - RECORD_HEAD;
            slot.made = item.and_then(|item| made(head, data, &item, self.position(leaf)));
            slot.data = Some(place.at + message.end - data.len()..place.at + message.end);
        }
        reading.leaf += i128::from(slot.count());
        if !slot.is_sound() {
            self.problem(offset, leaf, "record");
        }
        let Some(leaf) = u64::try_from(leaf).ok().filter(|leaf| *leaf > 0) else { return };
        if slot.is_sound() {
            self.layout.slots.insert(leaf, slot);
        } else {
            self.layout.slots.entry(leaf).or_insert(slot);
        }
    }

    /// A message behind the records. Whether it closes the segment.
    fn checkpoint(&mut self, place: &Place<'_>, message: &Range<usize>, leaf: i128, is_last: bool) -> bool {
        let (head, note) = split(place.bytes, message);
        let found = genuine(note, self.keys).filter(|found| {
            let is = self.identity;
            (&found.journal, found.segment, found.first) == (&is.journal, is.segment, is.first)
        });
        let is_right = found.as_ref().is_some_and(|found| {
            // The position after what it covers: where `leaf` is.
            let next = (i128::from(self.identity.first) + leaf - 1) as u32;
            i128::from(found.tree.size()) == leaf
                && head == message_head(channel::CHECKPOINT, next, found.time, found.time)
        });
        if !is_right || !is_last {
            self.problem(place.at + message.start - RECORD_HEAD, leaf, "structure");
        }
        let Some(checkpoint) = found else { return false };
        let is_closed = checkpoint.is_closed;
        self.layout.checkpoints.push(Placed { chunk: place.at as u64, checkpoint });
        is_closed && is_last
    }
}

/// The messages of a chunk: where their contents are, as far as they lie one behind the other.
fn messages(chunk: &[u8]) -> Vec<Range<usize>> {
    let (mut messages, mut at) = (Vec::new(), FIELDS);
    while let Some((op::MESSAGE, content)) = record(chunk, at, chunk.len()) {
        at = content.end;
        messages.push(content);
    }
    messages
}

/// A message's header and data.
fn split<'a>(chunk: &'a [u8], message: &Range<usize>) -> (&'a [u8], &'a [u8]) {
    let content = chunk.get(message.clone()).unwrap_or_default();
    content.split_at_checked(MESSAGE_HEAD).unwrap_or((content, &[]))
}

/// How far a chunk has been read.
struct Reading {
    /// The leaf of the next item.
    leaf: i128,
    /// Without the seal.
    messages: Vec<Range<usize>>,
    taken: usize,
    /// Where the messages end.
    end: usize,
}

impl Reading {
    fn new(leaf: i128, mut messages: Vec<Range<usize>>) -> Self {
        let end = messages.last().map_or(FIELDS, |last| last.end);
        messages.drain(..messages.len().min(1));
        Self { leaf, messages, taken: 0, end }
    }

    fn take(&mut self) -> Option<Range<usize>> {
        let message = self.messages.get(self.taken)?.clone();
        self.taken += 1;
        Some(message)
    }

    fn is_over(&self) -> bool {
        self.taken == self.messages.len()
    }

    /// `log_time` of the first and of the last message behind the seal.
    fn times(&self, chunk: &[u8]) -> Times {
        let time = |message: &Range<usize>| u64_at(chunk, message.start + 6).unwrap_or_default();
        Some((time(self.messages.first()?), time(self.messages.last()?)))
    }
}

/// The leaf of a record that is there.
fn made(head: &[u8], data: &[u8], item: &Item, position: u64) -> Option<Hash> {
    let commitment = match item {
        Item::Whole { salt, .. } => commit(salt, data),
        // Only a tombstone may stand for what was erased.
        Item::Erased { commitment, .. } if data.starts_with(b"{\"erased\":") => *commitment,
        _ => return None,
    };
    Some(record_leaf(position, head, &commitment))
}
