//! One segment being written. What is written gathers in memory and goes to the storage a chunk at a time.

use crate::SEGMENT_EXTENSION;
use crate::evidence::checkpoint::Named;
use crate::format::chunk::{Builder, message_head};
use crate::format::head::{Head, Kind};
use crate::format::{END, Token};
use crate::kept::Record;
use crate::sealing::{Sealer, Sealing};
use crate::storage::{Storage, SyncOnce};
use lapwing_model::Time;
use std::io;
use std::ops::Range;
use std::sync::Arc;

/// What a message costs beside its data: opcode, length, head, item of the seal.
const MESSAGE_OVERHEAD_BYTES: u64 = 9 + 22 + 65;

pub(crate) struct Segment {
    name: String,
    began_at: Time,
    file: Arc<SyncOnce>,
    token: Token,
    /// What the storage has not got yet.
    pending: Vec<u8>,
    /// Bytes the storage has taken.
    stored: u64,
    /// What was stored since the last checkpoint, to be compared with what is read back.
    unread: Vec<u8>,
    chunk: Builder,
    bytes: u64,
    sealing: Sealing,
}

/// 128 bits that a sender of receptions cannot guess.
fn token() -> io::Result<Token> {
    let mut token = Token::default();
    getrandom::fill(&mut token).map_err(io::Error::other)?;
    Ok(token)
}

impl Segment {
    /// Makes the file `number`, whose first entry is `position` at `at`. Its name is not on the disk before the storage's
    /// directory is synced.
    pub(crate) fn begin(
        storage: &dyn Storage,
        number: u64,
        at: Time,
        position: u64,
        kind: Kind,
        sealer: Option<&Sealer>,
    ) -> io::Result<Self> {
        let (y, mo, d, h, mi, s, ns) = at.civil();
        let time = format!("{y:04}{mo:02}{d:02}T{h:02}{mi:02}{s:02}.{:03}Z", ns / 1_000_000);
        let name = format!("{number:06}-{time}.{SEGMENT_EXTENSION}");
        let token = token()?;
        let file = SyncOnce::new(storage.create(&name)?);
        let previous = sealer.and_then(|sealer| sealer.previous);
        let head = Head { token, number, first: position, kind, previous };
        let pending = head.encode();
        let sealing = Sealing::new(&head, &pending, sealer.map(|sealer| Arc::clone(&sealer.signer)));
        let mut segment = Self {
            name,
            began_at: at,
            file,
            token,
            pending,
            stored: 0,
            unread: Vec::new(),
            chunk: Builder::new(token, position),
            bytes: 0,
            sealing,
        };
        // The head is signed before there is anything else: it tells whose segment this is.
        segment.sign(at, false);
        Ok(segment)
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
        self.chunk.bytes()
    }

    /// Bytes the storage has taken.
    pub(crate) fn stored(&self) -> u64 {
        self.stored
    }

    pub(crate) fn file(&self) -> &Arc<SyncOnce> {
        &self.file
    }

    /// Puts a record into the current chunk, in memory. Every record of a segment comes through here, in order.
    pub(crate) fn put(&mut self, record: &Record) -> io::Result<()> {
        // MCAP times are unsigned; times before 1970 keep their bits.
        let (log_time, publish_time) = (record.at.as_nanos() as u64, record.published.as_nanos() as u64);
        let head = message_head(record.channel, record.position as u32, log_time, publish_time);
        let item = self.sealing.add(record, &head)?;
        self.chunk.record(item, &head, &record.data);
        self.bytes += record.data.len() as u64 + MESSAGE_OVERHEAD_BYTES;
        Ok(())
    }

    /// Ends the current chunk, if it has anything, and stores it in one append. Gives the bytes of the file it is in.
    pub(crate) fn close_chunk(&mut self) -> io::Result<Range<u64>> {
        self.end_chunk();
        self.store()
    }

    /// Ends the current chunk in memory.
    fn end_chunk(&mut self) {
        let next = Builder::new(self.token, self.sealing.next_position());
        self.pending.extend(std::mem::replace(&mut self.chunk, next).finish());
    }

    /// Signs what is in the segment, when there is something that no checkpoint covers.
    pub(crate) fn checkpoint(&mut self, now: Time) -> io::Result<()> {
        self.close_chunk()?;
        if self.uncovered_since().is_some() {
            self.compare()?;
            self.sign(now, false);
            self.store()?;
        }
        Ok(())
    }

    /// Puts a checkpoint into a chunk of its own, in memory.
    fn sign(&mut self, now: Time, is_closed: bool) {
        if let Some((time, note)) = self.sealing.checkpoint(now, is_closed) {
            self.chunk.checkpoint(time, note.as_bytes());
            self.end_chunk();
        }
    }

    /// Reads back what was stored since the last checkpoint.
    fn compare(&mut self) -> io::Result<()> {
        let unread = std::mem::take(&mut self.unread);
        let length = unread.len() as u64;
        let from = self.stored.saturating_sub(length);
        if self.file.read_at(from, length)? != unread {
            let what = format!("{}: what is read back from byte {from} on is not what was written", self.name);
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        Ok(())
    }

    /// Time of the oldest record that no checkpoint covers.
    pub(crate) fn uncovered_since(&self) -> Option<Time> {
        self.sealing.uncovered_since()
    }

    /// Bytes that wait to be read back.
    pub(crate) fn unread(&self) -> u64 {
        self.unread.len() as u64
    }

    /// What the next segment names of this one.
    pub(crate) fn named(&self, is_whole: bool) -> Named {
        self.sealing.named(is_whole)
    }

    /// Signs the segment for the last time and writes its end, in one append: a segment that says it is closed has its end,
    /// unless the power failed in between.
    pub(crate) fn finish(&mut self, now: Time) -> io::Result<()> {
        self.close_chunk()?;
        self.compare()?;
        self.sign(now, true);
        self.pending.extend(END);
        self.store().map(drop)
    }

    fn store(&mut self) -> io::Result<Range<u64>> {
        let from = self.stored;
        let bytes = std::mem::take(&mut self.pending);
        if !bytes.is_empty() {
            self.file.append(&bytes)?;
            self.stored += bytes.len() as u64;
            if self.sealing.is_signed() {
                self.unread.extend(bytes);
            }
        }
        Ok(from..self.stored)
    }

    /// Leaves the file with what the storage took as a whole, or without a trace if that is nothing. Best effort: a
    /// reader copes with what is left, but on a full disk it is room that class A could have.
    pub(crate) fn give_up(self, storage: &dyn Storage) {
        let _ = if self.stored == 0 { storage.remove(&self.name) } else { self.file.truncate(self.stored) };
    }
}
