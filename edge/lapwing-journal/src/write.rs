//! Appending.

use crate::entry::{self, Entry, Mark, channel};
use crate::walk::{Step, Walk};
use crate::{LOCK_FILE, SEGMENT_EXTENSION, at_path, segments};
use lapwing_model::{Event, InputId, Position, Reception, Site, Span, Time};
use mcap::records::{MessageHeader, Metadata};
use mcap::write::NoSeek;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher, Hasher};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

/// Bytes of entries after which a chunk is closed without being asked.
const CHUNK_BYTES: u64 = 1 << 20;
/// What a message costs beside its data: opcode, length, header, index.
const MESSAGE_OVERHEAD_BYTES: u64 = 9 + 22 + 16;
/// After a failed write no new segment is tried for this long, so that a full disk does not fill with empty files.
const RETRY_AFTER: Span = Span::from_seconds(1);

/// How a journal is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Bytes after which a segment gives way to the next one.
    pub segment_bytes_max: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment_bytes_max: 64 << 20 }
    }
}

/// The writing end. One process at a time has it for a directory.
pub struct Journal {
    directory: PathBuf,
    options: Options,
    next_segment: u64,
    next_position: u64,
    segment: Option<Segment>,
    /// Segments that are closed and may not be on the disk yet.
    unsynced: Vec<(PathBuf, File)>,
    unflushed_since: Option<Time>,
    failed: Option<(Time, String)>,
    inputs: BTreeMap<InputId, BTreeMap<String, String>>,
    scratch: Vec<u8>,
    /// Holds the lock until the journal is dropped.
    _lock: File,
}

struct Segment {
    path: PathBuf,
    writer: mcap::Writer<NoSeek<BufWriter<File>>>,
    /// The same open file, to sync it.
    file: File,
    token: String,
    channels: BTreeMap<InputId, u16>,
    next_channel: u16,
    bytes: u64,
    chunk_bytes: u64,
}

enum Channel<'a> {
    Fixed(u16),
    Input(&'a InputId),
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

/// The position after the last entry that can be read in a segment; `None` when nothing can.
fn end_of(path: &Path) -> io::Result<Option<u64>> {
    let mut walk = Walk::open(path)?;
    let mut end = None;
    while let Some(step) = walk.step() {
        match step {
            Step::Begin { position } => end = end.max(Some(position)),
            Step::Message { position, .. } => end = end.max(Some(position + 1)),
            Step::Damage(_) => {}
        }
    }
    Ok(end)
}

impl Journal {
    /// Opens the journal in a directory, which is made when missing. Positions go on from the last entry there. The
    /// first append opens a new segment.
    pub fn open(directory: &Path, options: Options) -> io::Result<Self> {
        std::fs::create_dir_all(directory).map_err(|e| at_path(directory, e))?;
        let lock_path = directory.join(LOCK_FILE);
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(|e| at_path(&lock_path, e))?;
        lock.try_lock().map_err(|e| match e {
            std::fs::TryLockError::WouldBlock => {
                let text = "another process writes to this journal";
                at_path(&lock_path, io::Error::new(io::ErrorKind::ResourceBusy, text))
            }
            std::fs::TryLockError::Error(e) => at_path(&lock_path, e),
        })?;
        let existing = segments(directory)?;
        let next_segment = existing.last().map_or(0, |(number, _)| number + 1);
        let mut next_position = 0;
        for (_, path) in existing.iter().rev() {
            // A segment of which nothing can be read (killed before its first chunk was complete) says nothing.
            if let Some(end) = end_of(path)? {
                next_position = end;
                break;
            }
        }
        Ok(Self {
            directory: directory.to_owned(),
            options,
            next_segment,
            next_position,
            segment: None,
            unsynced: Vec::new(),
            unflushed_since: None,
            failed: None,
            inputs: BTreeMap::new(),
            scratch: Vec::new(),
            _lock: lock,
        })
    }

    /// The position the next entry will have.
    pub fn next_position(&self) -> Position {
        Position(self.next_position)
    }

    /// The segment being written to.
    pub fn segment_path(&self) -> Option<&Path> {
        self.segment.as_ref().map(|s| s.path.as_path())
    }

    /// The time of the oldest entry that has not been flushed.
    pub fn unflushed_since(&self) -> Option<Time> {
        self.unflushed_since
    }

    /// Appends an entry. `at` is the run loop's time, which never goes back. After an error the entry is lost, the
    /// segment is given up, and appending goes on in a new one, at most once a second.
    pub fn append(&mut self, at: Time, entry: &Entry) -> io::Result<Position> {
        match entry {
            Entry::Reception(reception) => self.append_reception(at, reception),
            Entry::Site { site, .. } => {
                self.learn(site);
                self.append_json(at, entry)
            }
            _ => self.append_json(at, entry),
        }
    }

    /// Appends a reception without taking it.
    pub fn append_reception(&mut self, at: Time, reception: &Reception) -> io::Result<Position> {
        let mut data = std::mem::take(&mut self.scratch);
        data.clear();
        entry::encode_reception(reception, &mut data);
        let result = self.put(at, reception.received_at, Channel::Input(&reception.input), &data);
        self.scratch = data;
        result
    }

    /// Appends an event without taking it.
    pub fn append_event(&mut self, at: Time, event: &Event) -> io::Result<Position> {
        let mut data = std::mem::take(&mut self.scratch);
        data.clear();
        let result = serde_json::to_writer(&mut data, event)
            .map_err(io::Error::from)
            .and_then(|()| self.put(at, at, Channel::Fixed(channel::EVENT), &data));
        self.scratch = data;
        result
    }

    fn append_json(&mut self, at: Time, entry: &Entry) -> io::Result<Position> {
        let mut data = std::mem::take(&mut self.scratch);
        data.clear();
        let result = entry::encode_json(entry, &mut data).and_then(|c| self.put(at, at, Channel::Fixed(c), &data));
        self.scratch = data;
        result
    }

    /// Hands everything appended to the operating system: it survives the end of this process.
    pub fn flush(&mut self) -> io::Result<()> {
        if self.unflushed_since.is_none() {
            return Ok(());
        }
        let result = match &mut self.segment {
            Some(segment) => segment.close_chunk().map_err(|e| at_path(&segment.path, e)),
            None => Ok(()),
        };
        let since = self.unflushed_since.take();
        if let Err(error) = &result {
            self.give_up(since.unwrap_or(Time::MIN), error);
        }
        result
    }

    /// Waits until everything appended is on the disk: it survives a loss of power.
    pub fn sync(&mut self) -> io::Result<()> {
        self.flush()?;
        while let Some((path, file)) = self.unsynced.last() {
            file.sync_data().map_err(|e| at_path(path, e))?;
            self.unsynced.pop();
        }
        match &self.segment {
            Some(segment) => segment.file.sync_data().map_err(|e| at_path(&segment.path, e)),
            None => Ok(()),
        }
    }

    /// Ends the segment in order (with its summary, so that viewers can seek in it) and syncs. Dropping the journal
    /// ends the segment too, but cannot say whether that worked.
    pub fn close(mut self) -> io::Result<()> {
        self.end_segment()?;
        self.sync()
    }

    /// Remembers what the channels of the inputs are to say.
    fn learn(&mut self, site: &Site) {
        for input in &site.inputs {
            let about = [
                ("format", input.format.as_str()),
                ("transport", input.transport.as_str()),
                ("sensor", input.sensor.as_str()),
            ];
            let about = about.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
            let before = self.inputs.insert(input.id.clone(), about);
            if before.is_some() && before.as_ref() != self.inputs.get(&input.id) {
                // Its next reception opens a channel that says so.
                if let Some(segment) = &mut self.segment {
                    segment.channels.remove(&input.id);
                }
            }
        }
    }

    fn put(&mut self, at: Time, published: Time, channel: Channel<'_>, data: &[u8]) -> io::Result<Position> {
        if self.segment.as_ref().is_some_and(|s| s.bytes >= self.options.segment_bytes_max) {
            self.end_segment()?;
        }
        self.begin_segment(at)?;
        let position = self.next_position;
        let Some(segment) = &mut self.segment else {
            return Err(io::Error::other("the journal has no segment"));
        };
        let id = match channel {
            Channel::Fixed(id) => Ok(id),
            Channel::Input(input) => segment.channel_of(input, &self.inputs),
        };
        if let Err(error) = id.and_then(|id| segment.put(at, published, position, id, data)) {
            let error = at_path(&segment.path, error);
            self.give_up(at, &error);
            return Err(error);
        }
        self.next_position += 1;
        let chunk_full = segment.chunk_bytes >= CHUNK_BYTES;
        self.unflushed_since = self.unflushed_since.or(Some(at));
        if chunk_full {
            self.flush()?;
        }
        Ok(Position(position))
    }

    fn begin_segment(&mut self, at: Time) -> io::Result<()> {
        if self.segment.is_some() {
            return Ok(());
        }
        if let Some((failed_at, why)) = &self.failed
            && at.since(*failed_at) < RETRY_AFTER
        {
            return Err(io::Error::other(why.clone()));
        }
        match self.new_segment(at) {
            Ok(segment) => {
                self.failed = None;
                self.segment = Some(segment);
                Ok(())
            }
            Err(error) => {
                self.failed = Some((at, error.to_string()));
                Err(error)
            }
        }
    }

    fn new_segment(&mut self, at: Time) -> io::Result<Segment> {
        let (y, mo, d, h, mi, s, ns) = at.civil();
        let time = format!("{y:04}{mo:02}{d:02}T{h:02}{mi:02}{s:02}.{:03}Z", ns / 1_000_000);
        let number = self.next_segment;
        let path = self.directory.join(format!("{number:06}-{time}.{SEGMENT_EXTENSION}"));
        let file = OpenOptions::new().write(true).create_new(true).open(&path).map_err(|e| at_path(&path, e))?;
        self.next_segment += 1;
        let begin = || {
            let token = token();
            let options = mcap::WriteOptions::new()
                .compression(None)
                .profile("lapwing")
                .library(concat!("lapwing-journal/", env!("CARGO_PKG_VERSION")))
                // Chunks are closed by `close_chunk` alone, because each begins with a mark.
                .chunk_size(None)
                .disable_seeking(true);
            let handle = file.try_clone()?;
            let mut writer = options.create(NoSeek::new(BufWriter::new(file))).map_err(io_error)?;
            let about = [
                ("journal", token.clone()),
                ("segment", number.to_string()),
                ("position", self.next_position.to_string()),
            ];
            let metadata = about.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
            writer.write_metadata(&Metadata { name: "lapwing".to_owned(), metadata }).map_err(io_error)?;
            for (id, topic) in channel::FIXED {
                writer.add_channel_with_id(id, 0, topic, "json", &BTreeMap::new()).map_err(io_error)?;
            }
            // The name itself must survive a loss of power too.
            File::open(&self.directory)?.sync_all()?;
            Ok(Segment {
                path: path.clone(),
                writer,
                file: handle,
                token,
                channels: BTreeMap::new(),
                next_channel: channel::FIRST_INPUT,
                bytes: 0,
                chunk_bytes: 0,
            })
        };
        begin().map_err(|e| at_path(&path, e))
    }

    fn give_up(&mut self, at: Time, error: &io::Error) {
        self.failed = Some((at, error.to_string()));
        if let Some(segment) = self.segment.take() {
            self.unsynced.push((segment.path.clone(), segment.file));
        }
        self.unflushed_since = None;
    }

    fn end_segment(&mut self) -> io::Result<()> {
        self.flush()?;
        if let Some(mut segment) = self.segment.take() {
            let result = segment.writer.finish().map_err(io_error);
            // Dropping the writer empties its buffer; do it here, where an error can be told.
            let result = result.and_then(|_| io::Write::flush(&mut segment.writer.into_inner().into_inner()));
            self.unsynced.push((segment.path.clone(), segment.file));
            result.map_err(|e| at_path(&segment.path, e))?;
        }
        Ok(())
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        // Best effort; `close` is for those who want to know.
        let _ = self.end_segment();
    }
}

impl Segment {
    /// The channel of an input. When its configuration changes it gets a new one of the same topic.
    fn channel_of(&mut self, input: &InputId, about: &BTreeMap<InputId, BTreeMap<String, String>>) -> io::Result<u16> {
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

    fn put(&mut self, at: Time, published: Time, position: u64, channel_id: u16, data: &[u8]) -> io::Result<()> {
        // MCAP times are unsigned; times before 1970 keep their bits.
        let log_time = at.as_nanos() as u64;
        let sequence = position as u32;
        if self.chunk_bytes == 0 {
            let mark = serde_json::to_vec(&Mark { journal: self.token.clone(), position })?;
            let header = MessageHeader { channel_id: channel::MARK, sequence, log_time, publish_time: log_time };
            self.write(&header, &mark)?;
        }
        let publish_time = published.as_nanos() as u64;
        self.write(&MessageHeader { channel_id, sequence, log_time, publish_time }, data)
    }

    fn write(&mut self, header: &MessageHeader, data: &[u8]) -> io::Result<()> {
        self.writer.write_to_known_channel(header, data).map_err(io_error)?;
        let bytes = data.len() as u64 + MESSAGE_OVERHEAD_BYTES;
        self.bytes += bytes;
        self.chunk_bytes += bytes;
        Ok(())
    }

    fn close_chunk(&mut self) -> io::Result<()> {
        self.chunk_bytes = 0;
        self.writer.flush().map_err(io_error)
    }
}
