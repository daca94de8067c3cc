//! One MCAP file being written. What is written gathers in memory and goes to the storage a chunk at a time.

use crate::SEGMENT_EXTENSION;
use crate::entry::{Mark, Removed, channel};
use crate::kept::{Record, Topic};
use crate::storage::{Storage, SyncOnce};
use lapwing_model::{InputId, Time};
use mcap::records::{MessageHeader, Metadata};
use mcap::write::NoSeek;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a message costs beside its data: opcode, length, header, index.
const MESSAGE_OVERHEAD_BYTES: u64 = 9 + 22 + 16;

/// What the channels of the inputs are to say.
pub(crate) type InputsAbout = BTreeMap<InputId, BTreeMap<String, String>>;

/// What the MCAP writer has written and the storage has not got yet.
#[derive(Clone, Default)]
struct Pending(Arc<Mutex<Vec<u8>>>);

impl Pending {
    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl io::Write for Pending {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.bytes().extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) struct Segment {
    name: String,
    began_at: Time,
    writer: mcap::Writer<NoSeek<Pending>>,
    pending: Pending,
    file: Arc<SyncOnce>,
    /// Bytes the storage has taken.
    stored: u64,
    token: String,
    channels: BTreeMap<InputId, u16>,
    next_channel: u16,
    bytes: u64,
    chunk_bytes: u64,
}

fn io_error(error: mcap::McapError) -> io::Error {
    match error {
        mcap::McapError::Io(e) => e,
        other => io::Error::other(other),
    }
}

/// 128 bits that a sender of receptions cannot guess: the standard library's hash keys come from the system's entropy.
fn token() -> String {
    let draw = || std::collections::hash_map::RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", draw(), draw())
}

impl Segment {
    /// Makes the file `number`, whose first entry is `position` at `at`. Its name is not on the disk before the
    /// storage's directory is synced.
    pub(crate) fn begin(storage: &dyn Storage, number: u64, at: Time, position: u64) -> io::Result<Self> {
        let (y, mo, d, h, mi, s, ns) = at.civil();
        let time = format!("{y:04}{mo:02}{d:02}T{h:02}{mi:02}{s:02}.{:03}Z", ns / 1_000_000);
        let name = format!("{number:06}-{time}.{SEGMENT_EXTENSION}");
        Self::draft(storage, &name, number, at, position, &[])
    }

    /// [`Segment::begin`] under any name, with more to say at its head.
    pub(crate) fn draft(
        storage: &dyn Storage,
        name: &str,
        number: u64,
        at: Time,
        position: u64,
        more: &[(&str, String)],
    ) -> io::Result<Self> {
        let file = SyncOnce::new(storage.create(name)?);
        let token = token();
        let options = mcap::WriteOptions::new()
            .compression(None)
            .profile("lapwing")
            .library(concat!("lapwing-journal/", env!("CARGO_PKG_VERSION")))
            // Chunks are closed by `close_chunk` alone, because each begins with a mark.
            .chunk_size(None)
            .disable_seeking(true);
        let pending = Pending::default();
        let mut writer = options.create(NoSeek::new(pending.clone())).map_err(io_error)?;
        let about = [("journal", token.clone()), ("segment", number.to_string()), ("position", position.to_string())];
        let more = more.iter().map(|(k, v)| (*k, v.clone()));
        let metadata = about.into_iter().chain(more).map(|(k, v)| (k.to_owned(), v)).collect();
        writer.write_metadata(&Metadata { name: "lapwing".to_owned(), metadata }).map_err(io_error)?;
        for (id, topic) in channel::FIXED {
            writer.add_channel_with_id(id, 0, topic, "json", &BTreeMap::new()).map_err(io_error)?;
        }
        Ok(Self {
            name: name.to_owned(),
            began_at: at,
            writer,
            pending,
            file,
            stored: 0,
            token,
            channels: BTreeMap::new(),
            next_channel: channel::FIRST_INPUT,
            bytes: 0,
            chunk_bytes: 0,
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn began_at(&self) -> Time {
        self.began_at
    }

    /// Bytes of the entries in it.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes of the entries in the chunk that is being filled.
    pub(crate) fn chunk_bytes(&self) -> u64 {
        self.chunk_bytes
    }

    /// Bytes the storage has taken.
    pub(crate) fn stored(&self) -> u64 {
        self.stored
    }

    pub(crate) fn file(&self) -> &Arc<SyncOnce> {
        &self.file
    }

    /// The next reception of an input opens a channel that says what the input is now.
    pub(crate) fn forget_channel(&mut self, input: &InputId) {
        self.channels.remove(input);
    }

    /// Puts a record into the current chunk, in memory. Every record of a segment comes through here, in order.
    pub(crate) fn put(&mut self, record: &Record, about: &InputsAbout) -> io::Result<()> {
        let channel_id = match &record.topic {
            Topic::Fixed(id) => *id,
            Topic::Input(input) => self.channel_of(input, about)?,
        };
        // MCAP times are unsigned; times before 1970 keep their bits.
        let log_time = record.at.as_nanos() as u64;
        let sequence = record.position as u32;
        self.mark(record.position, log_time)?;
        let publish_time = record.published.as_nanos() as u64;
        self.write(&MessageHeader { channel_id, sequence, log_time, publish_time }, &record.data)
    }

    /// Says in the place of removed entries that they were here.
    pub(crate) fn put_removed(&mut self, first: u64, end: u64, at: Time) -> io::Result<()> {
        let log_time = at.as_nanos() as u64;
        self.mark(first, log_time)?;
        let data = serde_json::to_vec(&Removed { first, end, at })?;
        let sequence = first as u32;
        let header = MessageHeader { channel_id: channel::REMOVED, sequence, log_time, publish_time: log_time };
        self.write(&header, &data)
    }

    /// Begins a chunk with its mark, unless one has begun.
    fn mark(&mut self, position: u64, log_time: u64) -> io::Result<()> {
        if self.chunk_bytes > 0 {
            return Ok(());
        }
        let mark = serde_json::to_vec(&Mark { journal: self.token.clone(), position })?;
        let (channel_id, sequence) = (channel::MARK, position as u32);
        self.write(&MessageHeader { channel_id, sequence, log_time, publish_time: log_time }, &mark)
    }

    /// The channel of an input. When its configuration changes it gets a new one of the same topic.
    fn channel_of(&mut self, input: &InputId, about: &InputsAbout) -> io::Result<u16> {
        if let Some(id) = self.channels.get(input) {
            return Ok(*id);
        }
        let id = self.next_channel;
        self.next_channel = id.checked_add(1).ok_or_else(|| io::Error::other("more channels than MCAP can number"))?;
        let metadata = about.get(input).cloned().unwrap_or_default();
        let topic = format!("/in/{input}");
        self.writer.add_channel_with_id(id, 0, &topic, "lapwing.reception", &metadata).map_err(io_error)?;
        self.channels.insert(input.clone(), id);
        Ok(id)
    }

    fn write(&mut self, header: &MessageHeader, data: &[u8]) -> io::Result<()> {
        self.writer.write_to_known_channel(header, data).map_err(io_error)?;
        let bytes = data.len() as u64 + MESSAGE_OVERHEAD_BYTES;
        self.bytes += bytes;
        self.chunk_bytes += bytes;
        Ok(())
    }

    /// Ends the current chunk, if it has anything, and stores it in one append. Gives the bytes of the file it is in.
    pub(crate) fn close_chunk(&mut self) -> io::Result<Range<u64>> {
        if self.chunk_bytes > 0 {
            self.chunk_bytes = 0;
            self.writer.flush().map_err(io_error)?;
        }
        self.store()
    }

    /// Writes the summary, which lets viewers seek in the file. Nothing that counts is in it.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.writer.finish().map_err(io_error)?;
        self.store().map(drop)
    }

    fn store(&mut self) -> io::Result<Range<u64>> {
        let mut bytes = self.pending.bytes();
        let from = self.stored;
        if !bytes.is_empty() {
            let result = self.file.append(&bytes);
            let length = bytes.len() as u64;
            bytes.clear();
            result?;
            self.stored += length;
        }
        Ok(from..self.stored)
    }

    /// Leaves the file with what the storage took as a whole, or without a trace if that is nothing. Best effort: a
    /// reader copes with what is left, but on a full disk it is room that class A could have.
    pub(crate) fn give_up(self, storage: &dyn Storage) {
        let _ = if self.stored == 0 { storage.remove(&self.name) } else { self.file.truncate(self.stored) };
    }
}
