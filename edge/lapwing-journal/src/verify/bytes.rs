//! MCAP as the journal writes it, byte for byte: read without trust, and written again to be compared.

use std::collections::BTreeMap;
use std::ops::Range;

/// Opcode and length of a record.
pub(crate) const HEAD: usize = 9;
/// Fields of a chunk before its records.
pub(crate) const CHUNK_FIELDS: usize = 40;
/// Fields of a message before its data.
pub(crate) const MESSAGE_FIELDS: usize = 22;

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// A record that begins at `at` and ends before `limit`: its opcode and where its content is.
pub(crate) fn record(bytes: &[u8], at: usize, limit: usize) -> Option<(u8, Range<usize>)> {
    let length = usize::try_from(u64_at(bytes, at + 1)?).ok()?;
    let end = (at + HEAD).checked_add(length).filter(|end| *end <= limit.min(bytes.len()))?;
    Some((*bytes.get(at)?, at + HEAD..end))
}

/// A message record.
pub(crate) struct Message {
    pub(crate) channel: u16,
    pub(crate) sequence: u32,
    pub(crate) log_time: u64,
    pub(crate) publish_time: u64,
    pub(crate) data: Range<usize>,
}

pub(crate) fn message(bytes: &[u8], at: usize, limit: usize) -> Option<Message> {
    let (opcode, content) = record(bytes, at, limit)?;
    if opcode != mcap::records::op::MESSAGE || content.len() < MESSAGE_FIELDS {
        return None;
    }
    let from = content.start;
    Some(Message {
        channel: u16_at(bytes, from)?,
        sequence: u32_at(bytes, from + 2)?,
        log_time: u64_at(bytes, from + 6)?,
        publish_time: u64_at(bytes, from + 14)?,
        data: from + MESSAGE_FIELDS..content.end,
    })
}

/// A chunk whose length and sizes agree begins here; the end it claims, which may be beyond the file's.
pub(crate) fn chunk_end(bytes: &[u8], at: usize) -> Option<usize> {
    if bytes.get(at) != Some(&mcap::records::op::CHUNK) {
        return None;
    }
    let length = u64_at(bytes, at + 1)?;
    let records = length.checked_sub(CHUNK_FIELDS as u64)?;
    let sizes = (u64_at(bytes, at + 25)?, u32_at(bytes, at + 37)?, u64_at(bytes, at + 41)?);
    (sizes == (records, 0, records)).then(|| at.checked_add(HEAD)?.checked_add(usize::try_from(length).ok()?))?
}

fn put(out: &mut Vec<u8>, opcode: u8, content: &[u8]) {
    out.push(opcode);
    out.extend((content.len() as u64).to_le_bytes());
    out.extend(content);
}

fn pairs(out: &mut Vec<u8>, pairs: &BTreeMap<u16, u64>) {
    out.extend((pairs.len() as u32 * 10).to_le_bytes());
    for (key, value) in pairs {
        out.extend(key.to_le_bytes());
        out.extend(value.to_le_bytes());
    }
}

/// What was found in a chunk, for its indexes and the summary.
#[derive(Default)]
pub(crate) struct ChunkFacts {
    pub(crate) at: usize,
    pub(crate) end: usize,
    /// Times and places of the messages of each channel.
    pub(crate) messages: BTreeMap<u16, Vec<(u64, u64)>>,
}

impl ChunkFacts {
    pub(crate) fn bounds(&self) -> (u64, u64) {
        let times = || self.messages.values().flatten().map(|(time, _)| *time);
        (times().min().unwrap_or(0), times().max().unwrap_or(0))
    }

    /// The message indexes that stand behind the chunk, and where that of each channel begins in them.
    pub(crate) fn indexes(&self) -> (Vec<u8>, BTreeMap<u16, u64>) {
        let (mut out, mut places) = (Vec::new(), BTreeMap::new());
        for (channel, messages) in &self.messages {
            places.insert(*channel, out.len() as u64);
            let mut content = channel.to_le_bytes().to_vec();
            content.extend((messages.len() as u32 * 16).to_le_bytes());
            for (time, offset) in messages {
                content.extend(time.to_le_bytes());
                content.extend(offset.to_le_bytes());
            }
            put(&mut out, mcap::records::op::MESSAGE_INDEX, &content);
        }
        (out, places)
    }
}

/// What the summary is made of.
#[derive(Default)]
pub(crate) struct Facts {
    /// The segment's metadata record.
    pub(crate) metadata: Range<usize>,
    /// Channel records without their numbers.
    pub(crate) channels: BTreeMap<u16, Vec<u8>>,
    pub(crate) chunks: Vec<ChunkFacts>,
}

impl Facts {
    /// The bytes from the end of the data, at `at`, to the end of the file.
    pub(crate) fn tail(&self, bytes: &[u8], at: usize) -> Vec<u8> {
        use mcap::records::op;
        let mut out = Vec::new();
        let crc = crc32fast::hash(bytes.get(..at).unwrap_or_default());
        put(&mut out, op::DATA_END, &crc.to_le_bytes());
        let summary = out.len();
        let mut groups = Vec::new();
        let mut group = |out: &mut Vec<u8>, opcode: u8, contents: Vec<Vec<u8>>| {
            let from = out.len();
            contents.iter().for_each(|content| put(out, opcode, content));
            if !contents.is_empty() {
                groups.push((opcode, (at + from) as u64, (out.len() - from) as u64));
            }
        };
        let channel = |(id, rest): (&u16, &Vec<u8>)| [&id.to_le_bytes()[..], rest].concat();
        group(&mut out, op::CHANNEL, self.channels.iter().map(channel).collect());
        group(&mut out, op::STATISTICS, vec![self.statistics()]);
        group(&mut out, op::CHUNK_INDEX, self.chunks.iter().map(chunk_index).collect());
        let mut metadata = (self.metadata.start as u64).to_le_bytes().to_vec();
        metadata.extend((self.metadata.len() as u64).to_le_bytes());
        metadata.extend(7u32.to_le_bytes());
        metadata.extend(b"lapwing");
        group(&mut out, op::METADATA_INDEX, vec![metadata]);
        let offsets = out.len();
        for (opcode, start, length) in groups {
            let content = [&[opcode][..], &start.to_le_bytes(), &length.to_le_bytes()].concat();
            put(&mut out, op::SUMMARY_OFFSET, &content);
        }
        let from = out.len();
        let footer = [((at + summary) as u64).to_le_bytes(), ((at + offsets) as u64).to_le_bytes()].concat();
        put(&mut out, op::FOOTER, &[&footer[..], &[0; 4]].concat());
        out.truncate(from + HEAD + footer.len());
        let crc = crc32fast::hash(out.get(summary..).unwrap_or_default());
        out.extend(crc.to_le_bytes());
        out.extend(mcap::MAGIC);
        out
    }

    fn statistics(&self) -> Vec<u8> {
        let mut counts: BTreeMap<u16, u64> = BTreeMap::new();
        for chunk in &self.chunks {
            for (channel, messages) in &chunk.messages {
                *counts.entry(*channel).or_default() += messages.len() as u64;
            }
        }
        let bounds = || self.chunks.iter().map(ChunkFacts::bounds);
        let start = bounds().map(|b| b.0).min().unwrap_or(0);
        let end = bounds().map(|b| b.1).max().unwrap_or(0);
        let mut out = counts.values().sum::<u64>().to_le_bytes().to_vec();
        out.extend(0u16.to_le_bytes());
        for count in [self.channels.len(), 0, 1, self.chunks.len()] {
            out.extend((count as u32).to_le_bytes());
        }
        out.extend(start.to_le_bytes());
        out.extend(end.to_le_bytes());
        pairs(&mut out, &counts);
        out
    }
}

fn chunk_index(chunk: &ChunkFacts) -> Vec<u8> {
    let (indexes, places) = chunk.indexes();
    let (start, end) = chunk.bounds();
    let mut out = Vec::new();
    for value in [start, end, chunk.at as u64, (chunk.end - chunk.at) as u64] {
        out.extend(value.to_le_bytes());
    }
    pairs(&mut out, &places.into_iter().map(|(id, at)| (id, at + chunk.end as u64)).collect());
    out.extend((indexes.len() as u64).to_le_bytes());
    out.extend(0u32.to_le_bytes());
    let size = ((chunk.end - chunk.at - HEAD - CHUNK_FIELDS) as u64).to_le_bytes();
    out.extend(size);
    out.extend(size);
    out
}
