//! Reading the records of one segment, whatever state it is in.

mod inside;

use crate::format::head::{HEAD_BYTES, Head, Kind, METADATA_KEY, METADATA_NAME};
use crate::read::{Damage, DamageKind};
use crate::storage::ReadAt;
use inside::{Channels, Inside};
use lapwing_model::Time;
use mcap::records::{Record, op};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::ops::Range;
use std::path::PathBuf;

/// Opcode and length.
const RECORD_HEAD: u64 = 9;
/// Chunk fields before its records: two times, size, CRC, empty compression name, size.
const CHUNK_HEAD: u64 = 8 + 8 + 8 + 4 + 4 + 8;
/// Longest record that is read into memory.
const RECORD_BYTES_MAX: u64 = 256 << 20;
/// Before this byte a segment's first chunk begins: the head stands before it.
const FIRST_CHUNK_BEFORE: u64 = HEAD_BYTES as u64 + 1;
/// Bytes looked at in one go when searching for the next chunk.
const SEARCH_BLOCK: u64 = 1 << 20;

/// What comes next in a segment.
pub(crate) enum Step {
    /// The head of the segment: its first entry is this one.
    Head { position: u64 },
    /// A sound chunk: the next entry is this one.
    Begin { position: u64 },
    /// An entry; its bytes are [`Walk::data`]. `channel` is the one every segment has for its topic.
    Message { position: u64, at: Time, published: Time, channel: u16, offset: u64, data: Range<usize> },
    /// Entries that retention has removed.
    Removed { first: u64, end: u64, offset: u64 },
    /// Something is wrong; what follows may still be sound.
    Damage(Damage),
}

pub(crate) struct Walk {
    path: PathBuf,
    file: Box<dyn ReadAt>,
    length: u64,
    /// File offset of the next record outside a chunk.
    next: u64,
    /// The current chunk, and what of it has not been given.
    chunk: Vec<u8>,
    steps: VecDeque<Step>,
    /// The segment's token as a sound chunk told it, and as the metadata record does, which has no CRC.
    token: Option<String>,
    token_hint: Option<String>,
    channels: Channels,
    kind: Option<Kind>,
    is_marked: bool,
    /// Bytes that may still be read in search of the next chunk: a bound on what a hostile file can cost.
    search_budget: u64,
    /// Everything before this byte is known to be sound: the end of the last chunk whose CRC held.
    sound: u64,
    /// Messages in the chunks read so far.
    messages: u64,
    /// Whether damage has been told.
    told: bool,
    in_summary: bool,
    done: bool,
}

/// What was found in the file at an offset.
enum Top {
    Record {
        opcode: u8,
        length: u64,
    },
    /// The file ends in here: the record would need this many bytes.
    Cut {
        needs: u64,
    },
    Nonsense(String),
}

impl Walk {
    /// Walks over a segment; `path` is its name in what is told of it.
    pub(crate) fn over(path: PathBuf, file: Box<dyn ReadAt>) -> io::Result<Self> {
        let length = file.length()?;
        Ok(Self {
            path,
            file,
            length,
            next: 0,
            chunk: Vec::new(),
            steps: VecDeque::new(),
            token: None,
            token_hint: None,
            channels: Channels::new(),
            kind: None,
            is_marked: false,
            search_budget: length.saturating_mul(4).max(SEARCH_BLOCK),
            sound: 0,
            messages: 0,
            told: false,
            in_summary: false,
            done: false,
        })
    }

    /// Why the segment was begun, once its head has been read.
    pub(crate) fn kind(&self) -> Option<Kind> {
        self.kind
    }

    /// Whether it is of version 1, once its head has been read.
    pub(crate) fn is_marked(&self) -> bool {
        self.is_marked
    }

    pub(crate) fn data(&self, range: Range<usize>) -> &[u8] {
        self.chunk.get(range).unwrap_or_default()
    }

    pub(crate) fn damage(&self, kind: DamageKind, offset: u64, length: u64, what: impl Into<String>) -> Damage {
        Damage { path: self.path.clone(), kind, offset, length, what: what.into() }
    }

    /// The next step; `None` at the end.
    pub(crate) fn step(&mut self) -> Option<Step> {
        loop {
            if let Some(step) = self.steps.pop_front() {
                return Some(step);
            }
            if self.done {
                return None;
            }
            match self.outside_chunk() {
                Ok(Some(step)) => {
                    self.told |= matches!(step, Step::Damage(_));
                    return Some(step);
                }
                Ok(None) => {}
                Err(error) => {
                    self.done = true;
                    let offset = self.next;
                    return Some(Step::Damage(self.damage(DamageKind::Unreadable, offset, 0, error.to_string())));
                }
            }
        }
    }

    fn read(&self, offset: u64, length: u64) -> io::Result<Vec<u8>> {
        self.file.read_at(offset, length)
    }

    fn outside_chunk(&mut self) -> io::Result<Option<Step>> {
        if self.next == 0 {
            return self.begin();
        }
        let at = self.next;
        if at >= self.length {
            self.done = true;
            let what = "the file has no end: it is being written, or its writer was killed";
            return Ok(Some(Step::Damage(self.damage(DamageKind::NotClosed, at, 0, what))));
        }
        let (opcode, length) = match self.top(at)? {
            Top::Record { opcode, length } => (opcode, length),
            Top::Cut { needs } => {
                let there = self.length - at;
                let what = format!("the file is cut: a record of {needs} bytes begins here and {there} are left");
                return self.lost(DamageKind::Cut, what);
            }
            Top::Nonsense(what) => return self.lost(DamageKind::Corrupt, what),
        };
        self.next = at + RECORD_HEAD + length;
        if opcode == op::CHUNK {
            let chunk = self.read(at, RECORD_HEAD + length)?;
            let entered = self.enter(at, chunk, self.token.clone().as_deref());
            let damage = |what| Step::Damage(self.damage(DamageKind::Corrupt, at, RECORD_HEAD + length, what));
            return Ok(entered.err().map(damage));
        }
        let body = self.read(at + RECORD_HEAD, length)?;
        match self.between_chunks(opcode, &body) {
            Ok(step) => Ok(step),
            Err(what) => {
                self.next = at;
                self.lost(DamageKind::Corrupt, what)
            }
        }
    }

    fn begin(&mut self) -> io::Result<Option<Step>> {
        let magic = self.read(0, mcap::MAGIC.len() as u64)?;
        let length = magic.len() as u64;
        if magic == mcap::MAGIC {
            self.next = length;
            self.sound = length;
            return Ok(None);
        }
        if self.length < mcap::MAGIC.len() as u64 {
            self.done = true;
            let what = "the file ends in its first bytes";
            return Ok(Some(Step::Damage(self.damage(DamageKind::Cut, 0, self.length, what))));
        }
        let what = "the file does not begin as MCAP does";
        if matches!(self.top(length)?, Top::Record { opcode: op::HEADER, .. }) {
            self.next = length;
            return Ok(Some(Step::Damage(self.damage(DamageKind::Corrupt, 0, length, what))));
        }
        self.lost(DamageKind::Corrupt, what.to_owned())
    }

    /// A record that is not a chunk. None of them has a CRC of its own, so each is held against what the journal
    /// writes there: a chunk whose first byte was hit must not be passed over as something else.
    fn between_chunks(&mut self, opcode: u8, body: &[u8]) -> Result<Option<Step>, String> {
        let odd = || format!("a record {opcode:#04x} that the journal does not write here");
        let parsed = mcap_record(opcode, body).ok_or_else(odd)?;
        match parsed {
            Record::Header(_) if self.sound <= mcap::MAGIC.len() as u64 => Ok(None),
            Record::Metadata(m) if m.name == METADATA_NAME => {
                let position = self.metadata(&m.metadata);
                Ok(position.map(|position| Step::Head { position }))
            }
            Record::Channel(_) if self.sound <= mcap::MAGIC.len() as u64 => Ok(None),
            Record::MessageIndex(_) if !self.in_summary => Ok(None),
            Record::DataEnd(_) => {
                self.in_summary = true;
                Ok(None)
            }
            Record::Statistics(s) if self.in_summary => {
                if s.message_count == self.messages || self.told {
                    return Ok(None);
                }
                let what = format!("{} messages were written and {} are here", s.message_count, self.messages);
                Ok(Some(Step::Damage(self.damage(DamageKind::Missing, self.next, 0, what))))
            }
            Record::Footer(_) if self.next + mcap::MAGIC.len() as u64 >= self.length => {
                self.done = true;
                let (at, left) = (self.next, self.length - self.next);
                let whole = left == mcap::MAGIC.len() as u64;
                let cut = || self.damage(DamageKind::Cut, at, left, "the file is cut in its last bytes");
                Ok((!whole).then(|| Step::Damage(cut())))
            }
            Record::Channel(_) | Record::ChunkIndex(_) | Record::MetadataIndex(_) | Record::SummaryOffset(_)
                if self.in_summary =>
            {
                Ok(None)
            }
            _ => Err(odd()),
        }
    }

    fn top(&self, at: u64) -> io::Result<Top> {
        let left = self.length - at;
        let head = self.read(at, RECORD_HEAD)?;
        let Some(([opcode], length)) = head.split_first_chunk::<1>() else {
            return Ok(Top::Cut { needs: RECORD_HEAD });
        };
        if !(op::HEADER..=op::DATA_END).contains(opcode) && *opcode < 0x80 {
            return Ok(Top::Nonsense(format!("no record begins with the byte {opcode:#04x}")));
        }
        let Some(length) = length.first_chunk::<8>() else { return Ok(Top::Cut { needs: RECORD_HEAD }) };
        let length = u64::from_le_bytes(*length);
        if length > left.saturating_sub(RECORD_HEAD) {
            return Ok(Top::Cut { needs: length.saturating_add(RECORD_HEAD) });
        }
        if length > RECORD_BYTES_MAX {
            return Ok(Top::Nonsense(format!("a record of {length} bytes")));
        }
        Ok(Top::Record { opcode: *opcode, length })
    }

    /// What the segment says of itself; the position of its first entry.
    fn metadata(&mut self, metadata: &BTreeMap<String, String>) -> Option<u64> {
        if let Some(line) = metadata.get(METADATA_KEY).filter(|_| metadata.len() == 1) {
            let head = Head::parse(line)?;
            self.token_hint = Some(crate::format::token_text(&head.token));
            self.kind = Some(head.kind);
            return Some(head.first);
        }
        self.is_marked = true;
        self.token_hint = metadata.get("journal").cloned();
        let kinds = [("start", Kind::Start), ("again", Kind::Again)];
        let kind = kinds.into_iter().find(|(key, _)| metadata.contains_key(*key));
        self.kind = Some(kind.map_or(Kind::Next, |(_, kind)| kind));
        metadata.get("position")?.parse().ok()
    }

    /// Takes a chunk as the current one if it is sound. Chunks found by searching must prove by `token` that they are of this
    /// segment.
    fn enter(&mut self, at: u64, chunk: Vec<u8>, token: Option<&str>) -> Result<(), String> {
        let header = match mcap::parse_record(op::CHUNK, chunk.get(RECORD_HEAD as usize..).unwrap_or_default()) {
            Ok(Record::Chunk { header, .. }) => header,
            Ok(_) => return Err("a chunk that is none".to_owned()),
            Err(e) => return Err(e.to_string()),
        };
        if !header.compression.is_empty() {
            return Err(format!("a chunk compressed with {:?}, which the journal never is", clip(&header.compression)));
        }
        let records = chunk.get((RECORD_HEAD + CHUNK_HEAD) as usize..).unwrap_or_default();
        let length = records.len() as u64;
        if header.compressed_size != length || header.uncompressed_size != length {
            return Err("a chunk whose sizes disagree".to_owned());
        }
        let calculated = crc32fast::hash(records);
        if calculated != header.uncompressed_crc {
            let saved = header.uncompressed_crc;
            return Err(format!("a chunk whose CRC is {calculated:08x} and should be {saved:08x}"));
        }
        let mut channels = self.channels.clone();
        let Inside { token: own, position, steps, messages } = inside::read(&chunk, at, &mut channels)?;
        if token.is_some_and(|t| t != own) {
            return Err("a chunk of another segment".to_owned());
        }
        self.token.get_or_insert(own);
        self.channels = channels;
        self.sound = at + chunk.len() as u64;
        self.messages += messages;
        self.chunk = chunk;
        self.steps.push_back(Step::Begin { position });
        for step in steps {
            let step = step.unwrap_or_else(|(inside, length, what)| {
                Step::Damage(self.damage(DamageKind::Corrupt, at + inside as u64, length as u64, what))
            });
            self.told |= matches!(step, Step::Damage(_));
            self.steps.push_back(step);
        }
        Ok(())
    }

    /// The bytes at [`Walk::next`] make no sense: goes on at the next chunk that proves to be one of this segment, if
    /// there is one.
    fn lost(&mut self, kind: DamageKind, what: String) -> io::Result<Option<Step>> {
        // A wrong length may have led past sound chunks: the search begins where the last sound one ended.
        let from = self.sound;
        let at = self.next;
        let found = match self.token.clone().or_else(|| self.token_hint.clone()) {
            Some(token) => self.search(from, self.length, Some(&token))?,
            // Nothing has told the token yet. Near the head only the segment's own first chunk can be.
            None => self.search(from, self.length.min(FIRST_CHUNK_BEFORE), None)?,
        };
        let (kind, end) = match found {
            // What looked like a cut was a wrong length.
            Some(offset) => (DamageKind::Corrupt, offset),
            None => {
                self.done = true;
                (kind, self.length)
            }
        };
        let at = at.min(end);
        Ok(Some(Step::Damage(self.damage(kind, at, end - at, what))))
    }

    /// Enters the first sound chunk that begins between two offsets, and gives its offset.
    fn search(&mut self, from: u64, to: u64, token: Option<&str>) -> io::Result<Option<u64>> {
        let head = RECORD_HEAD + CHUNK_HEAD;
        let mut block_at = from;
        while block_at < to && block_at.saturating_add(head) <= self.length {
            let block = self.read(block_at, SEARCH_BLOCK + head)?;
            self.search_budget = self.search_budget.saturating_sub(SEARCH_BLOCK.min(block.len() as u64));
            let candidates = block.windows(head as usize).take(SEARCH_BLOCK as usize).enumerate();
            for (i, _) in candidates.filter(|(_, w)| looks_like_chunk(w)) {
                let at = block_at + i as u64;
                if at >= to {
                    return Ok(None);
                }
                let Top::Record { length, .. } = self.top(at)? else { continue };
                if length > self.search_budget {
                    return Ok(None);
                }
                self.search_budget -= length;
                let chunk = self.read(at, RECORD_HEAD + length)?;
                if self.enter(at, chunk, token).is_ok() {
                    self.next = at + RECORD_HEAD + length;
                    return Ok(Some(at));
                }
            }
            if self.search_budget == 0 {
                return Ok(None);
            }
            block_at += SEARCH_BLOCK;
        }
        Ok(None)
    }
}

/// A record outside the chunks, when its length is the one its fields need.
fn mcap_record(opcode: u8, body: &[u8]) -> Option<Record<'static>> {
    let sized = match opcode {
        op::DATA_END => body.len() == 4,
        op::FOOTER => body.len() == 8 + 8 + 4,
        op::MESSAGE_INDEX => {
            let length = body.get(2..6).and_then(|b| b.first_chunk()).map(|b| u32::from_le_bytes(*b) as usize);
            length.is_some_and(|n| body.len() == 2 + 4 + n)
        }
        op::HEADER | op::METADATA | op::STATISTICS | op::CHANNEL => true,
        op::CHUNK_INDEX | op::METADATA_INDEX | op::SUMMARY_OFFSET => true,
        _ => false,
    };
    if !sized {
        return None;
    }
    mcap::parse_record(opcode, body).ok().map(Record::into_owned)
}

/// Whether the fields before a chunk's records agree with each other.
fn looks_like_chunk(window: &[u8]) -> bool {
    let number = |at: usize| window.get(at..at + 8).and_then(|b| b.first_chunk()).map(|b| u64::from_le_bytes(*b));
    window.first() == Some(&op::CHUNK)
        && window.get(37..41) == Some(&[0; 4])
        && number(25).is_some()
        && number(25) == number(41)
        && number(1) == number(41).and_then(|size| size.checked_add(CHUNK_HEAD))
}

fn clip(text: &str) -> String {
    text.chars().take(32).collect()
}
