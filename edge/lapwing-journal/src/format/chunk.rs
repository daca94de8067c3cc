//! A chunk: the seal, the records, at most one checkpoint. It stands for itself: nothing outside is needed to read it.

use super::{MESSAGE_HEAD, RECORD_HEAD, Token, message, put, u16_at, u32_at, u64_at};
use crate::entry::channel;
use crate::evidence::Hash;
use crate::evidence::seal::{ITEM_BYTES, Item, decode};
use mcap::records::op;
use std::ops::Range;

/// Bytes before the records of an MCAP chunk.
pub(crate) const FIELDS: usize = 49;
/// Bytes before the items of the seal.
pub(crate) const FRONT: usize = 104;
/// Where the seal's content begins.
const SEAL_CONTENT: usize = FIELDS + RECORD_HEAD;
/// Where the token is.
pub(crate) const TOKEN_AT: usize = 80;

/// `log_time` of the first and of the last message behind the seal.
pub(crate) type Times = Option<(u64, u64)>;

/// The first 104 bytes of a chunk, which follow from the rest: `behind` is what comes after them.
pub(crate) fn front(token: &Token, position: u64, items_bytes: usize, times: Times, behind: &[u8]) -> Vec<u8> {
    let (first, last) = times.unwrap_or_default();
    let records = ((FRONT - FIELDS + behind.len()) as u64).to_le_bytes();
    let seal_bytes = (FRONT - SEAL_CONTENT + items_bytes) as u64;
    let mut seal = vec![op::MESSAGE];
    seal.extend(seal_bytes.to_le_bytes());
    seal.extend(channel::SEAL.to_le_bytes());
    seal.extend((position as u32).to_le_bytes());
    seal.extend(first.to_le_bytes());
    seal.extend(first.to_le_bytes());
    seal.extend(token);
    seal.extend(position.to_le_bytes());
    let mut crc = crc32fast::Hasher::new();
    crc.update(&seal);
    crc.update(behind);
    let mut out = vec![op::CHUNK];
    out.extend(((FRONT - RECORD_HEAD + behind.len()) as u64).to_le_bytes());
    out.extend(first.to_le_bytes());
    out.extend(last.to_le_bytes());
    out.extend(records);
    out.extend(crc.finalize().to_le_bytes());
    out.extend([0; 4]);
    out.extend(records);
    out.extend(seal);
    out
}

/// A chunk being filled.
pub(crate) struct Builder {
    token: Token,
    position: u64,
    items: Vec<Item>,
    records: Vec<u8>,
    times: Times,
}

impl Builder {
    /// A chunk whose first record is `position`.
    pub(crate) fn new(token: Token, position: u64) -> Self {
        Self { token, position, items: Vec::new(), records: Vec::new(), times: None }
    }

    /// Bytes of what is in it.
    pub(crate) fn bytes(&self) -> u64 {
        (self.records.len() + self.items.len() * ITEM_BYTES) as u64
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty() && self.records.is_empty()
    }

    /// The position of what comes next.
    pub(crate) fn next(&self) -> u64 {
        self.position + self.items.iter().map(Item::count).sum::<u64>()
    }

    /// Says that records were removed here.
    pub(crate) fn removed(&mut self, hash: Hash, level: u8) {
        self.items.push(Item::Removed { hash, level });
    }

    /// Adds a record: its item, and its message.
    pub(crate) fn record(&mut self, item: Item, head: &[u8], data: &[u8]) {
        self.items.push(item);
        self.message(head, data);
    }

    fn message(&mut self, head: &[u8], data: &[u8]) {
        let time = u64_at(head, 6).unwrap_or_default();
        self.times = Some((self.times.map_or(time, |(first, _)| first), time));
        put(&mut self.records, op::MESSAGE, &[head, data]);
    }

    /// Adds a checkpoint. Nothing comes behind it.
    pub(crate) fn checkpoint(&mut self, time: u64, note: &[u8]) {
        let head = message_head(channel::CHECKPOINT, self.next() as u32, time, time);
        self.note(&head, note);
    }

    /// Adds a checkpoint as it is in another chunk.
    pub(crate) fn note(&mut self, head: &[u8], note: &[u8]) {
        self.message(head, note);
    }

    /// The chunk; empty when it has nothing.
    pub(crate) fn finish(self) -> Vec<u8> {
        if self.is_empty() {
            return Vec::new();
        }
        let mut behind = Vec::with_capacity(self.items.len() * ITEM_BYTES + self.records.len());
        self.items.iter().for_each(|item| behind.extend(item.encode()));
        let items_bytes = behind.len();
        behind.extend(self.records);
        let mut chunk = front(&self.token, self.position, items_bytes, self.times, &behind);
        chunk.extend(behind);
        chunk
    }
}

/// The content of a message before its data.
pub(crate) fn message_head(channel: u16, sequence: u32, log_time: u64, publish_time: u64) -> [u8; MESSAGE_HEAD] {
    let mut head = [0; MESSAGE_HEAD];
    let fields =
        [&channel.to_le_bytes()[..], &sequence.to_le_bytes(), &log_time.to_le_bytes(), &publish_time.to_le_bytes()];
    for (slot, byte) in head.iter_mut().zip(fields.concat()) {
        *slot = byte;
    }
    head
}

/// The length of the chunk that may begin here: its lengths agree and it is not compressed.
pub(crate) fn plausible(bytes: &[u8], at: usize) -> Option<u64> {
    if bytes.get(at) != Some(&op::CHUNK) {
        return None;
    }
    let length = u64_at(bytes, at + 1)?;
    let records = length.checked_sub((FIELDS - RECORD_HEAD) as u64)?;
    let agreed = (u64_at(bytes, at + 25)?, u32_at(bytes, at + 37)?, u64_at(bytes, at + 41)?);
    (agreed == (records, 0, records)).then(|| length.checked_add(RECORD_HEAD as u64))?
}

/// Where the items of a chunk's seal are, within the chunk.
pub(crate) fn items_range(chunk: &[u8]) -> Option<Range<usize>> {
    let length = usize::try_from(u64_at(chunk, FIELDS + 1)?).ok()?;
    let end = SEAL_CONTENT.checked_add(length).filter(|end| (FRONT..=chunk.len()).contains(end))?;
    Some(FRONT..end)
}

/// Whether the first record of a chunk is a seal: then it is of version 3.
pub(crate) fn is_sealed(chunk: &[u8]) -> bool {
    chunk.get(FIELDS) == Some(&op::MESSAGE) && u16_at(chunk, SEAL_CONTENT) == Some(channel::SEAL)
}

/// The token of a chunk.
pub(crate) fn token(chunk: &[u8]) -> Option<&Token> {
    chunk.get(TOKEN_AT..)?.first_chunk()
}

/// One item of a chunk with what stands for it in the chunk.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// Position of its first record.
    pub(crate) position: u64,
    pub(crate) item: Item,
    /// Where the content of the record's message is. `None` for removed ones.
    pub(crate) message: Option<Range<usize>>,
}

/// A chunk taken apart.
#[derive(Debug, Clone)]
pub(crate) struct Chunk {
    pub(crate) token: Token,
    /// Position of what comes first.
    pub(crate) position: u64,
    pub(crate) parts: Vec<Part>,
    /// Where the content of the checkpoint's message is.
    pub(crate) checkpoint: Option<Range<usize>>,
}

/// Takes a chunk apart that is all of `bytes`. An error says in words why it is none that the journal wrote.
pub(crate) fn read(bytes: &[u8]) -> Result<Chunk, String> {
    let damaged = |what: &str| format!("a chunk {what}");
    if plausible(bytes, 0) != Some(bytes.len() as u64) {
        return Err(damaged("whose sizes disagree"));
    }
    let calculated = crc32fast::hash(bytes.get(FIELDS..).unwrap_or_default());
    if u32_at(bytes, 33) != Some(calculated) {
        return Err(damaged("whose checksum is wrong"));
    }
    let range = items_range(bytes).filter(|_| is_sealed(bytes)).ok_or_else(|| damaged("without a seal"))?;
    let items = bytes.get(range.clone()).and_then(decode).ok_or_else(|| damaged("whose seal cannot be read"))?;
    let (Some(token), Some(first)) = (token(bytes), u64_at(bytes, 96).filter(|first| *first < 1 << 62)) else {
        return Err(damaged("without a position"));
    };
    let (mut parts, mut at, mut position) = (Vec::with_capacity(items.len()), range.end, first);
    for item in items {
        let mut found = None;
        if !matches!(item, Item::Removed { .. }) {
            let content = message(bytes, at, bytes.len()).ok_or_else(|| damaged("with fewer records than its seal"))?;
            at = content.end;
            found = Some(content);
        }
        parts.push(Part { position, item, message: found });
        position += item.count();
    }
    let checkpoint = if at < bytes.len() {
        let content = message(bytes, at, bytes.len()).filter(|c| c.end == bytes.len());
        let content = content.filter(|c| u16_at(bytes, c.start) == Some(channel::CHECKPOINT));
        Some(content.ok_or_else(|| damaged("with more than its seal has"))?)
    } else {
        None
    };
    Ok(Chunk { token: *token, position: first, parts, checkpoint })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_reads_back_and_no_other_bytes_do() {
        let mut builder = Builder::new([3; 16], 70);
        builder.removed([1; 32], 4);
        for (i, data) in [&b"one"[..], b"two"].into_iter().enumerate() {
            let head = message_head(16, 86 + i as u32, 5 - i as u64, 9);
            builder.record(Item::Whole { leaf: [2; 32], salt: [4; 32] }, &head, data);
        }
        builder.checkpoint(11, b"note");
        let bytes = builder.finish();
        let chunk = read(&bytes).unwrap();
        assert_eq!((chunk.token, chunk.position, chunk.parts.len()), ([3; 16], 70, 3));
        assert_eq!(chunk.parts.iter().map(|p| p.position).collect::<Vec<_>>(), [70, 86, 87]);
        let content = chunk.parts[2].message.clone().unwrap();
        assert_eq!(&bytes[content.start + MESSAGE_HEAD..content.end], b"two");
        assert!(bytes.ends_with(b"note") && chunk.checkpoint.is_some());
        assert_eq!((u64_at(&bytes, 9), u64_at(&bytes, 17), u64_at(&bytes, 64)), (Some(5), Some(11), Some(5)));
        for i in 0..bytes.len() {
            assert!(read(&bytes[..i]).is_err(), "cut at {i}");
        }
        let mut changed = bytes.clone();
        for i in (0..9).chain(25..bytes.len()) {
            changed[i] ^= 1;
            assert!(read(&changed).is_err(), "changed at {i}");
            changed[i] ^= 1;
        }
    }
}
