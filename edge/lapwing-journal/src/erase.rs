//! Erasing entries: their data goes, a tombstone stays in its place.
//!
//! A segment is copied record by record; of each chunk with an entry to erase, that message's data is replaced and the chunk's
//! sizes, checksum and indexes are made right. Nothing else changes: positions, times and topics stay, so every entry after it
//! is found where it was. In a sealed chunk the entry's salt is replaced by the commitment it made (see the contract of
//! `/seal`), so every signed checkpoint still proves the rest. The new file is complete and on the disk before it takes the old
//! one's name: after a crash there is one of the two.
//!
//! Record layouts are MCAP's (<https://mcap.dev/spec#records>), all integers little-endian.

use crate::entry::{Erased, Mark, Removed};
use crate::evidence::leaf::commit;
use crate::evidence::seal::{self, Item};
use crate::storage::{ReadAt, Storage};
use std::collections::BTreeMap;
use std::io;

const DRAFT_EXTENSION: &str = ".new";
const MAGIC_BYTES: u64 = 8;
const HEAD_BYTES: usize = 9;
/// A record of more than this is none the journal wrote.
const RECORD_BYTES_MAX: u64 = 256 << 20;
/// Channel, sequence and two times of a message.
const MESSAGE_HEAD: usize = 22;

mod op {
    pub(super) const FOOTER: u8 = 0x02;
    pub(super) const CHANNEL: u8 = 0x04;
    pub(super) const MESSAGE: u8 = 0x05;
    pub(super) const CHUNK: u8 = 0x06;
    pub(super) const MESSAGE_INDEX: u8 = 0x07;
    pub(super) const CHUNK_INDEX: u8 = 0x08;
    pub(super) const METADATA_INDEX: u8 = 0x0d;
    pub(super) const SUMMARY_OFFSET: u8 = 0x0e;
    pub(super) const DATA_END: u8 = 0x0f;
}

fn invalid(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

/// Erases the entries of a segment that `which` names by position and data. Gives how many there were; a segment without any
/// is left alone.
pub fn erase(
    storage: &dyn Storage,
    name: &str,
    tombstone: &Erased,
    which: &mut dyn FnMut(u64, &[u8]) -> bool,
) -> io::Result<u64> {
    let source = storage.read(name)?;
    let draft = format!("{name}{DRAFT_EXTENSION}");
    if storage.exists(&draft) {
        storage.remove(&draft)?;
    }
    let tombstone = serde_json::to_vec(&serde_json::json!({ "erased": tombstone }))?;
    let mut copy = Copy::new(source.as_ref(), &tombstone, which);
    // First without writing: most segments have nothing to erase.
    let count = copy.run(&mut |_| Ok(())).map_err(|e| crate::at_path(&storage.path(name), e))?;
    if count == 0 {
        return Ok(0);
    }
    let file = storage.create(&draft)?;
    let mut again = Copy::new(source.as_ref(), &tombstone, which);
    let written = again.run(&mut |bytes| file.append(bytes)).and_then(|count| file.sync().map(|()| count));
    let written = written.inspect_err(|_| drop(storage.remove(&draft)));
    let written = written.map_err(|e| crate::at_path(&storage.path(name), e))?;
    storage.rename(&draft, name)?;
    storage.sync_directory()?;
    Ok(written)
}

/// A copy of a segment under way.
struct Copy<'a> {
    source: &'a dyn ReadAt,
    tombstone: &'a [u8],
    which: &'a mut dyn FnMut(u64, &[u8]) -> bool,
    topics: BTreeMap<u16, String>,
    /// Where records of the source begin in the copy.
    moved: BTreeMap<u64, u64>,
    /// Where messages of the last chunk begin in its copy.
    moved_inside: BTreeMap<u64, u64>,
    /// Lengths of chunks with their heads, and of the indexes behind them, by where they begin in the source.
    chunk: (u64, u64),
    chunks: BTreeMap<u64, (u64, u64)>,
    at: u64,
    erased: u64,
    data_crc: crc32fast::Hasher,
    summary_crc: Option<crc32fast::Hasher>,
}

impl<'a> Copy<'a> {
    fn new(source: &'a dyn ReadAt, tombstone: &'a [u8], which: &'a mut dyn FnMut(u64, &[u8]) -> bool) -> Self {
        Self {
            source,
            tombstone,
            which,
            topics: BTreeMap::new(),
            moved: BTreeMap::new(),
            moved_inside: BTreeMap::new(),
            chunk: (0, 0),
            chunks: BTreeMap::new(),
            at: 0,
            erased: 0,
            data_crc: crc32fast::Hasher::new(),
            summary_crc: None,
        }
    }

    fn run(&mut self, out: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<u64> {
        let length = self.source.length()?;
        let magic = self.source.read_at(0, MAGIC_BYTES)?;
        if magic != mcap::MAGIC {
            return Err(invalid("it does not begin as MCAP does"));
        }
        self.put(&magic, out)?;
        let mut next = MAGIC_BYTES;
        while next < length {
            let head = self.source.read_at(next, HEAD_BYTES as u64)?;
            let body_length = head.get(1..).and_then(|b| b.first_chunk()).map(|b| u64::from_le_bytes(*b));
            let (Some(opcode), Some(body_length)) = (head.first().copied(), body_length) else {
                // A segment that was being written when its writer was killed, or the magic at its end.
                self.tail(next, length, out)?;
                break;
            };
            let ends = next.checked_add(HEAD_BYTES as u64).and_then(|n| n.checked_add(body_length));
            if body_length > RECORD_BYTES_MAX || ends.is_none_or(|end| end > length) {
                self.tail(next, length, out)?;
                break;
            }
            let body = self.source.read_at(next + HEAD_BYTES as u64, body_length)?;
            self.record(next, opcode, body, out)?;
            next += HEAD_BYTES as u64 + body_length;
        }
        Ok(self.erased)
    }

    /// What comes behind the last whole record: the magic at the end is kept; half a chunk is not, because nobody can say what
    /// is in it.
    fn tail(&mut self, from: u64, length: u64, out: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let rest = self.source.read_at(from, MAGIC_BYTES + 1)?;
        if length - from == MAGIC_BYTES && rest == mcap::MAGIC { self.put(&rest, out) } else { Ok(()) }
    }

    fn put(&mut self, bytes: &[u8], out: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        out(bytes)?;
        self.at += bytes.len() as u64;
        match &mut self.summary_crc {
            Some(crc) => crc.update(bytes),
            None => self.data_crc.update(bytes),
        }
        Ok(())
    }

    fn record(
        &mut self,
        from: u64,
        opcode: u8,
        body: Vec<u8>,
        out: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        self.moved.insert(from, self.at);
        let body = match opcode {
            op::CHANNEL => {
                self.channel(&body);
                body
            }
            op::CHUNK => {
                let body = self.chunk(&body)?;
                self.chunk = (from, (HEAD_BYTES + body.len()) as u64);
                self.chunks.insert(from, (self.chunk.1, 0));
                body
            }
            op::MESSAGE_INDEX => {
                let body = self.message_index(body)?;
                if let Some((_, indexes)) = self.chunks.get_mut(&self.chunk.0) {
                    *indexes += (HEAD_BYTES + body.len()) as u64;
                }
                body
            }
            op::CHUNK_INDEX => self.chunk_index(body)?,
            op::METADATA_INDEX => self.pointing(body, 0)?,
            op::SUMMARY_OFFSET => self.pointing(body, 1)?,
            op::DATA_END => {
                let crc = self.data_crc.clone().finalize();
                set_unless_zero(body, 0, crc)?
            }
            op::FOOTER => return self.footer(body, out),
            _ => body,
        };
        self.write_record(opcode, &body, out)?;
        if opcode == op::DATA_END {
            // What follows is the summary, with a checksum of its own.
            self.summary_crc = Some(crc32fast::Hasher::new());
        }
        Ok(())
    }

    fn write_record(
        &mut self,
        opcode: u8,
        body: &[u8],
        out: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        self.put(&head(opcode, body.len()), out)?;
        self.put(body, out)
    }

    fn channel(&mut self, body: &[u8]) {
        if let Ok(mcap::records::Record::Channel(c)) = mcap::parse_record(op::CHANNEL, body) {
            self.topics.insert(c.id, c.topic);
        }
    }

    fn chunk(&mut self, body: &[u8]) -> io::Result<Vec<u8>> {
        let (head, records) = match mcap::parse_record(op::CHUNK, body) {
            Ok(mcap::records::Record::Chunk { header, data }) => (header, data),
            _ => return Err(invalid("a chunk that cannot be read")),
        };
        if !head.compression.is_empty() {
            return Err(invalid("a compressed chunk, which the journal never writes"));
        }
        if crc32fast::hash(&records) != head.uncompressed_crc {
            return Err(invalid("a chunk whose checksum is wrong; nothing is erased from a damaged segment"));
        }
        let before = self.erased;
        let inside = self.inside(&records)?;
        if self.erased == before {
            return Ok(body.to_vec());
        }
        let mut out = Vec::with_capacity(body.len());
        out.extend(head.message_start_time.to_le_bytes());
        out.extend(head.message_end_time.to_le_bytes());
        out.extend((inside.len() as u64).to_le_bytes());
        out.extend(crc32fast::hash(&inside).to_le_bytes());
        out.extend(0_u32.to_le_bytes());
        out.extend((inside.len() as u64).to_le_bytes());
        out.extend(inside);
        Ok(out)
    }

    /// The records of a chunk with what is to be erased replaced.
    fn inside(&mut self, records: &[u8]) -> io::Result<Vec<u8>> {
        self.moved_inside.clear();
        let mut out = Vec::with_capacity(records.len());
        let (mut position, mut rest) = (None, records);
        // The data of each entry that goes, by its number in the chunk; a seal at the end of the chunk is made to fit.
        let (mut number, mut gone): (usize, BTreeMap<usize, Vec<u8>>) = (0, BTreeMap::new());
        while let Some((opcode, body, behind)) = split(rest) {
            self.moved_inside.insert((records.len() - rest.len()) as u64, out.len() as u64);
            rest = behind;
            if opcode == op::CHANNEL {
                self.channel(body);
            }
            let (Some((header, data)), true) = (body.split_at_checked(MESSAGE_HEAD), opcode == op::MESSAGE) else {
                push(&mut out, opcode, &[body]);
                continue;
            };
            let channel = header.first_chunk().map_or(0, |b| u16::from_le_bytes(*b));
            match self.topics.get(&channel).map(String::as_str) {
                Some("/mark") => {
                    position = serde_json::from_slice(data).ok().map(|m: Mark| m.position);
                    push(&mut out, opcode, &[body]);
                }
                Some("/removed") => {
                    position = serde_json::from_slice(data).ok().map(|r: Removed| r.end);
                    push(&mut out, opcode, &[body]);
                }
                Some("/checkpoint") => push(&mut out, opcode, &[body]),
                Some("/seal") if gone.is_empty() => push(&mut out, opcode, &[body]),
                Some("/seal") => push(&mut out, opcode, &[header, &seal(data, number, &gone)?]),
                _ => {
                    let here: u64 = position.ok_or_else(|| invalid("an entry before the mark of its chunk"))?;
                    position = here.checked_add(1);
                    if !Erased::is(data) && (self.which)(here, data) {
                        gone.insert(number, data.to_vec());
                        self.erased += 1;
                        push(&mut out, opcode, &[header, self.tombstone]);
                    } else {
                        push(&mut out, opcode, &[body]);
                    }
                    number += 1;
                }
            }
        }
        if rest.is_empty() { Ok(out) } else { Err(invalid("a record runs over its chunk")) }
    }

    /// Times and places of a channel's messages within its chunk.
    fn message_index(&self, mut body: Vec<u8>) -> io::Result<Vec<u8>> {
        let entries = body.get_mut(6..).unwrap_or_default();
        for entry in entries.chunks_exact_mut(16) {
            let Some(place) = entry.get_mut(8..) else { continue };
            let old = place.first_chunk().map_or(0, |b| u64::from_le_bytes(*b));
            let new = self.moved_inside.get(&old).ok_or_else(|| invalid("an index of no message"))?;
            place.copy_from_slice(&new.to_le_bytes());
        }
        Ok(body)
    }

    fn new_place(&self, old: u64) -> io::Result<u64> {
        self.moved.get(&old).copied().ok_or_else(|| invalid("an index of nothing"))
    }

    /// A record that begins with the place of another, behind so many bytes.
    fn pointing(&self, mut body: Vec<u8>, behind: usize) -> io::Result<Vec<u8>> {
        let old = u64_at(&body, behind)?;
        set(&mut body, behind, &self.new_place(old)?.to_le_bytes())?;
        Ok(body)
    }

    fn chunk_index(&self, mut body: Vec<u8>) -> io::Result<Vec<u8>> {
        let old = u64_at(&body, 16)?;
        let (length, indexes) = *self.chunks.get(&old).ok_or_else(|| invalid("an index of no chunk"))?;
        set(&mut body, 16, &self.new_place(old)?.to_le_bytes())?;
        set(&mut body, 24, &length.to_le_bytes())?;
        let map = body.get(32..).and_then(|b| b.first_chunk()).map_or(0, |b| u32::from_le_bytes(*b)) as usize;
        let mut at = 36;
        while at + 10 <= 36 + map {
            let old = u64_at(&body, at + 2)?;
            set(&mut body, at + 2, &self.new_place(old)?.to_le_bytes())?;
            at += 10;
        }
        let after = 36 + map;
        set(&mut body, after, &indexes.to_le_bytes())?;
        // An empty compression, then the two sizes: the chunk without its own fields.
        let size = length.saturating_sub(HEAD_BYTES as u64 + 40);
        set(&mut body, after + 12, &size.to_le_bytes())?;
        set(&mut body, after + 20, &size.to_le_bytes())?;
        Ok(body)
    }

    fn footer(&mut self, mut body: Vec<u8>, out: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        for at in [0, 8] {
            let old = u64_at(&body, at)?;
            if old != 0 {
                set(&mut body, at, &self.new_place(old)?.to_le_bytes())?;
            }
        }
        let mut crc = self.summary_crc.clone().unwrap_or_default();
        crc.update(&head(op::FOOTER, body.len()));
        crc.update(body.get(..16).unwrap_or_default());
        let body = set_unless_zero(body, 16, crc.finalize())?;
        self.write_record(op::FOOTER, &body, out)
    }
}

/// The seal of a chunk of so many entries, some of which go: their salts become the commitments that they made.
fn seal(data: &[u8], entries: usize, gone: &BTreeMap<usize, Vec<u8>>) -> io::Result<Vec<u8>> {
    let items = seal::decode(data).filter(|items| items.len() == entries);
    let mut items = items.ok_or_else(|| invalid("a seal that does not fit its chunk"))?;
    for (number, data) in gone {
        if let Some(item) = items.get_mut(*number)
            && let Item::Whole { salt, leaf } = *item
        {
            *item = Item::Erased { commitment: commit(&salt, data), leaf };
        }
    }
    Ok(seal::encode(&items))
}

fn head(opcode: u8, length: usize) -> [u8; HEAD_BYTES] {
    let mut head = [opcode; HEAD_BYTES];
    for (slot, byte) in head.iter_mut().skip(1).zip((length as u64).to_le_bytes()) {
        *slot = byte;
    }
    head
}

fn push(out: &mut Vec<u8>, opcode: u8, parts: &[&[u8]]) {
    out.extend(head(opcode, parts.iter().map(|p| p.len()).sum()));
    parts.iter().for_each(|part| out.extend(*part));
}

/// The first record: opcode, body, what is behind it.
fn split(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let ([opcode], rest) = bytes.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let (body, behind) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    Some((*opcode, body, behind))
}

fn u64_at(body: &[u8], at: usize) -> io::Result<u64> {
    let bytes = body.get(at..).and_then(|b| b.first_chunk());
    bytes.map(|b| u64::from_le_bytes(*b)).ok_or_else(|| invalid("a record that is too short"))
}

fn set(body: &mut [u8], at: usize, value: &[u8]) -> io::Result<()> {
    let slot = body.get_mut(at..at + value.len()).ok_or_else(|| invalid("a record that is too short"))?;
    slot.copy_from_slice(value);
    Ok(())
}

/// Sets a checksum where there was one: zero says that there is none.
fn set_unless_zero(mut body: Vec<u8>, at: usize, crc: u32) -> io::Result<Vec<u8>> {
    if body.get(at..at + 4).is_some_and(|b| b != [0; 4]) {
        set(&mut body, at, &crc.to_le_bytes())?;
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_keeps_the_commitment_and_loses_the_salt() {
        let whole = |n: u8| Item::Whole { salt: [n; 16], leaf: [10 + n; 32] };
        let data = seal::encode(&[whole(1), whole(2), whole(3)]);
        let gone = BTreeMap::from([(1, b"personal".to_vec())]);
        let sealed = super::seal(&data, 3, &gone).unwrap();
        let erased = Item::Erased { commitment: commit(&[2; 16], b"personal"), leaf: [12; 32] };
        assert_eq!(seal::decode(&sealed).unwrap(), [whole(1), erased, whole(3)]);
        // Again, with the first: what was a commitment stays one.
        let again = super::seal(&sealed, 3, &BTreeMap::from([(0, b"x".to_vec()), (1, b"y".to_vec())])).unwrap();
        assert_eq!(seal::decode(&again).unwrap()[1], erased);
        assert!(super::seal(&data, 2, &gone).is_err(), "of another chunk");
        assert!(super::seal(&data[..data.len() - 1], 3, &gone).is_err(), "cut");
    }
}
