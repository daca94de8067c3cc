//! A segment taken apart. Every byte is either part of what is hashed or exactly what the rest makes it.

use super::bytes::{ChunkFacts, Facts, HEAD, Message, chunk_end, message, record, u32_at, u64_at};
use super::report::Problem;
use crate::entry::channel;
use crate::evidence::Hash;
use crate::evidence::checkpoint::decimal;
use crate::evidence::leaf::{RecordHead, commit, opening_leaf, record_leaf};
use crate::evidence::note::hash_from_base64;
use crate::evidence::seal::{self, Item as Sealed};
use crate::segment::{AGAIN_KEY, START_KEY};
use std::collections::BTreeMap;
use std::ops::Range;

/// What a segment says of itself at its head.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) token: String,
    pub(crate) number: u64,
    pub(crate) first: u64,
    pub(crate) is_sealed: bool,
    /// Number, size and root of the segment before it.
    pub(crate) previous: Option<(u64, u64, Hash)>,
}

/// A place in the tree.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    pub(crate) position: u64,
    pub(crate) offset: u64,
    /// The leaf as the seal has it.
    pub(crate) claimed: Option<Hash>,
    /// The leaf of the record that is here.
    pub(crate) computed: Option<Hash>,
    pub(crate) is_removed: bool,
    /// Where the data of an audit record are.
    pub(crate) audit: Option<Range<usize>>,
}

/// In the order of the file.
pub(crate) enum Item {
    Slot(Slot),
    /// `position` is the one its chunk's mark has.
    Checkpoint {
        offset: u64,
        data: Range<usize>,
        log_time: u64,
        position: u64,
    },
}

pub(crate) struct Layout<'a> {
    bytes: &'a [u8],
    name: String,
    pub(crate) head: Option<Head>,
    pub(crate) opening: Option<Hash>,
    pub(crate) items: Vec<Item>,
    pub(crate) problems: Vec<Problem>,
    /// Where the end of the data was found.
    pub(crate) tail_at: Option<usize>,
    /// From here on the file is cut.
    pub(crate) cut_at: Option<usize>,
    pub(crate) has_seals: bool,
    token: Option<String>,
    facts: Facts,
    newest: BTreeMap<Vec<u8>, u16>,
    next_channel: u16,
    /// The position that comes next.
    pub(crate) expected: Option<u64>,
    /// The chunk before was broken: its indexes cannot be told.
    loose: bool,
}

/// A record met in a chunk, before the seal is looked at.
struct Met {
    position: u64,
    at: usize,
    message: Message,
    is_known: bool,
}

impl<'a> Layout<'a> {
    pub(crate) fn of(name: &str, bytes: &'a [u8]) -> Self {
        let mut layout = Self {
            bytes,
            name: name.to_owned(),
            head: None,
            opening: None,
            items: Vec::new(),
            problems: Vec::new(),
            tail_at: None,
            cut_at: None,
            has_seals: false,
            token: None,
            facts: Facts::default(),
            newest: BTreeMap::new(),
            next_channel: channel::FIRST_INPUT,
            expected: None,
            loose: false,
        };
        let at = layout.begin();
        if layout.head.as_ref().is_none_or(|head| head.is_sealed) {
            layout.walk(at);
        }
        layout
    }

    fn problem(&mut self, offset: usize, position: Option<u64>, what: &'static str) {
        self.problems.push(Problem { file: self.name.clone(), position, offset: offset as u64, what: what.to_owned() });
    }

    /// Magic, header, metadata; where the first chunk is to begin.
    fn begin(&mut self) -> usize {
        let bytes = self.bytes;
        if !bytes.starts_with(mcap::MAGIC) && !mcap::MAGIC.starts_with(bytes) {
            self.problem(0, None, "head");
        }
        let at = mcap::MAGIC.len();
        let header = record(bytes, at, bytes.len()).filter(|(opcode, _)| *opcode == mcap::records::op::HEADER);
        let metadata = header
            .and_then(|(_, header)| Some((header.end, record(bytes, header.end, bytes.len())?)))
            .filter(|(_, (opcode, _))| *opcode == mcap::records::op::METADATA);
        let Some((from, (_, content))) = metadata else {
            // Killed before its first write was whole, unless something follows.
            if self.problems.is_empty() && self.resync(at) == bytes.len() {
                self.cut_at = Some(at);
                return bytes.len();
            }
            self.problem(at, None, "head");
            return at;
        };
        self.facts.metadata = from..content.end;
        self.head = read_head(bytes.get(content.clone()).unwrap_or_default());
        match &self.head {
            Some(head) => {
                self.token = Some(head.token.clone());
                self.expected = Some(head.first);
            }
            None => self.problem(at, None, "head"),
        }
        content.end
    }

    fn walk(&mut self, from: usize) {
        let (bytes, mut at) = (self.bytes, from);
        while at < bytes.len() {
            let opcode = bytes.get(at).copied().unwrap_or_default();
            if self.loose
                && opcode == mcap::records::op::MESSAGE_INDEX
                && let Some((_, content)) = record(bytes, at, bytes.len())
            {
                at = content.end;
                continue;
            }
            if opcode == mcap::records::op::DATA_END {
                self.end(at);
                return;
            }
            match chunk_end(bytes, at) {
                Some(end) if end <= bytes.len() => at = self.chunk(at, end, at == from),
                claimed => {
                    let is_short = opcode == mcap::records::op::CHUNK && bytes.len() - at < HEAD + 40;
                    let next = self.resync(at);
                    if next == bytes.len() && (claimed.is_some() || is_short) {
                        self.cut_at = Some(at);
                    } else {
                        self.problem(at, self.expected, "structure");
                    }
                    at = next;
                }
            }
        }
    }

    /// The next place after `at` where a whole chunk or the end of the data may begin; the file's end without one.
    fn resync(&self, at: usize) -> usize {
        let bytes = self.bytes;
        let data_end = [mcap::records::op::DATA_END, 4, 0, 0, 0, 0, 0, 0, 0];
        let is_next = |at: &usize| {
            chunk_end(bytes, *at).is_some_and(|end| end <= bytes.len())
                || bytes.get(*at..).is_some_and(|rest| rest.starts_with(&data_end))
        };
        (at + 1..bytes.len()).find(is_next).unwrap_or(bytes.len())
    }

    fn end(&mut self, at: usize) {
        self.tail_at = Some(at);
        let tail = self.facts.tail(self.bytes, at);
        if let Some(difference) = differs(&tail, self.bytes.get(at..).unwrap_or_default()) {
            self.problem(at + difference, self.expected, "end");
        }
    }

    fn chunk(&mut self, at: usize, end: usize, is_first: bool) -> usize {
        let before = self.problems.len();
        let bytes = self.bytes;
        let start = at + HEAD + 40;
        let mut facts = ChunkFacts { at, end, messages: BTreeMap::new() };
        let mut inside = start;
        if is_first {
            inside = self.preamble(start, end);
            let head = bytes.get(mcap::MAGIC.len()..at).unwrap_or_default();
            self.opening = Some(opening_leaf(head, bytes.get(start..inside).unwrap_or_default()));
        }
        let broken = self.inside(at, inside, &mut facts);
        let crc = u32_at(bytes, at + 33);
        let (first, last) = facts.bounds();
        let times = (u64_at(bytes, at + 9), u64_at(bytes, at + 17));
        let is_sound = crc == bytes.get(start..end).map(crc32fast::hash) && times == (Some(first), Some(last));
        if self.problems.len() == before && !is_sound {
            self.problem(at + HEAD, self.expected, "chunk");
        }
        self.loose = broken;
        let (indexes, _) = facts.indexes();
        self.facts.chunks.push(facts);
        if broken { end } else { self.after_chunk(end, &indexes) }
    }

    fn after_chunk(&mut self, end: usize, indexes: &[u8]) -> usize {
        let rest = self.bytes.get(end..).unwrap_or_default();
        let there = rest.get(..indexes.len()).unwrap_or(rest);
        match differs(indexes, there) {
            None => {}
            Some(_) if indexes.starts_with(there) => {
                self.cut_at = Some(end);
                return self.bytes.len();
            }
            Some(difference) => self.problem(end + difference, self.expected, "index"),
        }
        if indexes.len() <= rest.len() { end + indexes.len() } else { self.resync(end - 1) }
    }

    /// Channels before the first mark.
    fn preamble(&mut self, start: usize, end: usize) -> usize {
        let mut at = start;
        while let Some((mcap::records::op::CHANNEL, content)) = record(self.bytes, at, end) {
            self.learn(content.clone());
            at = content.end;
        }
        at
    }

    /// A channel's record; its number.
    fn learn(&mut self, content: Range<usize>) -> Option<u16> {
        let (id, rest) = self.bytes.get(content)?.split_first_chunk::<2>()?;
        let id = u16::from_le_bytes(*id);
        self.facts.channels.insert(id, rest.to_vec());
        self.newest.insert(topic(rest)?.to_vec(), id);
        Some(id)
    }

    /// The records of a chunk from its mark on. Whether it is broken: not every message could be told.
    fn inside(&mut self, at: usize, from: usize, facts: &mut ChunkFacts) -> bool {
        let bytes = self.bytes;
        let (start, end) = (at + HEAD + 40, facts.end);
        let Some(mark) = message(bytes, from, end) else {
            self.problem(from, self.expected, "mark");
            return true;
        };
        note(facts, &mark, from - start);
        let position = self.mark(at, from, &mark);
        let inside = mark.data.end;
        if let Some(checkpoint) = message(bytes, inside, end)
            && checkpoint.channel == channel::CHECKPOINT
        {
            note(facts, &checkpoint, inside - start);
            self.checkpoint(inside, &mark, &checkpoint, position, end);
            // What stands behind it in the chunk is not looked at.
            return checkpoint.data.end != end;
        }
        self.records(at, inside, position, (from, &mark), facts)
    }

    /// The position a mark gives.
    fn mark(&mut self, chunk: usize, at: usize, mark: &Message) -> u64 {
        let said = read_mark(self.bytes.get(mark.data.clone()).unwrap_or_default());
        let expected = self.expected;
        let good = said.filter(|(token, position)| {
            mark.channel == channel::MARK
                && self.token.as_ref().is_none_or(|t| t == token)
                && mark.sequence == *position as u32
                && mark.log_time == mark.publish_time
        });
        let Some((token, position)) = good else {
            self.problem(at, expected, "mark");
            return expected.unwrap_or(0);
        };
        self.token.get_or_insert(token.to_owned());
        if let Some(expected) = expected.filter(|e| *e != position) {
            let (position, what) = if position > expected { (expected, "missing") } else { (position, "order") };
            self.problem(chunk, Some(position), what);
        }
        self.expected = Some(position);
        position
    }

    fn checkpoint(&mut self, at: usize, mark: &Message, message: &Message, position: u64, end: usize) {
        self.has_seals = true;
        let is_framed = message.data.end == end
            && message.sequence == position as u32
            && message.log_time == message.publish_time
            && message.log_time == mark.log_time;
        if !is_framed {
            self.problem(at, Some(position), "checkpoint");
        }
        let (data, log_time) = (message.data.clone(), message.log_time);
        self.items.push(Item::Checkpoint { offset: at as u64, data, log_time, position });
    }

    fn records(
        &mut self,
        chunk: usize,
        from: usize,
        first: u64,
        mark: (usize, &Message),
        facts: &mut ChunkFacts,
    ) -> bool {
        let (bytes, start, end) = (self.bytes, chunk + HEAD + 40, facts.end);
        let seal_at = find_seal(bytes, from, end);
        let limit = seal_at.unwrap_or(end);
        let (mut met, mut at, mut position, mut broken) = (Vec::new(), from, first, false);
        while at < limit {
            if let Some((mcap::records::op::CHANNEL, content)) = record(bytes, at, limit) {
                self.channel(at, content.clone(), limit, position);
                at = content.end;
            } else if let Some(message) = message(bytes, at, limit) {
                note(facts, &message, at - start);
                let is_known = self.is_newest(message.channel);
                if !is_known || message.sequence != position as u32 {
                    self.problem(at, Some(position), "record");
                }
                let next = message.data.end;
                met.push(Met { position, at, message, is_known });
                at = next;
                position = position.saturating_add(1);
            } else {
                self.problem(at, Some(position), "record");
                broken = true;
                break;
            }
        }
        let last = met.last().map(|met| met.message.log_time);
        let (sealed, seal_broken) = match seal_at {
            Some(seal_at) => self.seal(seal_at, first, last.filter(|_| !broken), start, facts),
            None => {
                self.problem(chunk, Some(first), "seal");
                (None, true)
            }
        };
        let sealed = sealed.unwrap_or_default();
        if met.len() > sealed.len() && seal_at.is_some() {
            self.problem(limit, Some(first.saturating_add(sealed.len() as u64)), "seal");
        } else if met.len() < sealed.len() && !broken {
            self.problem(at, Some(position), "missing");
        }
        self.pair(&met, &sealed, first, at, mark);
        let count = met.len().max(sealed.len()) as u64;
        self.expected = Some(first.saturating_add(count));
        broken || seal_broken
    }

    /// A channel in the middle: the next number, and the next message is its first.
    fn channel(&mut self, at: usize, content: Range<usize>, limit: usize, position: u64) {
        let id = self.learn(content.clone());
        let next = message(self.bytes, content.end, limit).map(|m| m.channel);
        if id != Some(self.next_channel) || id != next {
            self.problem(at, Some(position), "channel");
        }
        self.next_channel = id.unwrap_or(self.next_channel).saturating_add(1);
    }

    /// Whether a channel is the newest of its topic.
    fn is_newest(&self, id: u16) -> bool {
        let topic = self.facts.channels.get(&id).and_then(|c| topic(c));
        topic.is_some_and(|topic| self.newest.get(topic) == Some(&id))
    }

    fn seal(
        &mut self,
        at: usize,
        first: u64,
        last: Option<u64>,
        start: usize,
        facts: &mut ChunkFacts,
    ) -> (Option<Vec<Sealed>>, bool) {
        self.has_seals = true;
        let (bytes, end) = (self.bytes, facts.end);
        let message = message(bytes, at, end);
        let is_framed = message.as_ref().is_some_and(|m| {
            m.channel == channel::SEAL
                && m.sequence == first as u32
                && m.log_time == m.publish_time
                && last.is_none_or(|last| m.log_time == last)
                && m.data.end == end
        });
        let sealed = seal::decode(bytes.get(at + HEAD + 22..end).unwrap_or_default());
        if !is_framed || sealed.is_none() {
            self.problem(at, Some(first), "seal");
        }
        match message {
            Some(message) => {
                note(facts, &message, at - start);
                (sealed, false)
            }
            None => (sealed, true),
        }
    }

    /// Holds each record against what the seal says of it.
    fn pair(&mut self, met: &[Met], sealed: &[Sealed], first: u64, at: usize, mark: (usize, &Message)) {
        for i in 0..met.len().max(sealed.len()) {
            let (met, sealed) = (met.get(i), sealed.get(i));
            let computed = met.zip(sealed).and_then(|(met, sealed)| self.leaf(met, sealed));
            let claimed = sealed.map(|sealed| *sealed.leaf());
            if let Some(met) = met
                && (computed != claimed || claimed.is_none())
            {
                self.problem(met.at, Some(met.position), "record");
            }
            if let Some(met) = met
                && i == 0
                && computed == claimed
                && met.message.log_time != mark.1.log_time
            {
                self.problem(mark.0, Some(first), "mark");
            }
            self.items.push(Item::Slot(Slot {
                position: first.saturating_add(i as u64),
                offset: met.map_or(at, |met| met.at) as u64,
                claimed,
                computed,
                is_removed: false,
                audit: met.filter(|m| m.message.channel == channel::AUDIT).map(|m| m.message.data.clone()),
            }));
        }
    }

    fn leaf(&self, met: &Met, sealed: &Sealed) -> Option<Hash> {
        let data = self.bytes.get(met.message.data.clone())?;
        let commitment = match sealed {
            Sealed::Whole { salt, .. } => commit(salt, data),
            // Only a tombstone may stand for what was erased.
            Sealed::Erased { commitment, .. } if data.starts_with(b"{\"erased\":") => *commitment,
            Sealed::Erased { .. } | Sealed::Removed { .. } => return None,
        };
        let channel = self.facts.channels.get(&met.message.channel).filter(|_| met.is_known)?;
        let head = RecordHead {
            position: met.position,
            log_time: met.message.log_time as i64,
            publish_time: met.message.publish_time as i64,
            channel,
        };
        Some(record_leaf(&head, &commitment))
    }
}

fn note(facts: &mut ChunkFacts, message: &Message, offset: usize) {
    facts.messages.entry(message.channel).or_default().push((message.log_time, offset as u64));
}

/// Where two texts first differ; the shorter one's end when it is the other's beginning.
fn differs(a: &[u8], b: &[u8]) -> Option<usize> {
    if a == b {
        return None;
    }
    Some(a.iter().zip(b).take_while(|(x, y)| x == y).count())
}

/// The seal by the length in a chunk's last bytes.
fn find_seal(bytes: &[u8], from: usize, end: usize) -> Option<usize> {
    let length = u32_at(bytes, end.checked_sub(4)?)? as usize;
    end.checked_sub(length)?.checked_sub(HEAD + 22).filter(|at| *at >= from && length >= 5)
}

/// The topic in a channel's record without its number: behind the schema's number.
fn topic(channel: &[u8]) -> Option<&[u8]> {
    let length = u32_at(channel, 2)? as usize;
    channel.get(6..)?.get(..length)
}

/// The token and the position of a mark, written as the journal writes it.
fn read_mark(data: &[u8]) -> Option<(&str, u64)> {
    let text = std::str::from_utf8(data).ok()?.strip_prefix("{\"journal\":\"")?.strip_suffix('}')?;
    let (token, position) = text.split_once("\",\"position\":")?;
    Some((token, decimal(position)?)).filter(|_| is_token(token))
}

fn is_token(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// The content of the metadata record.
fn read_head(content: &[u8]) -> Option<Head> {
    fn text(content: &mut &[u8]) -> Option<String> {
        let length = u32_at(content, 0)? as usize;
        let text = content.get(4..)?.get(..length)?;
        *content = content.get(4 + length..)?;
        String::from_utf8(text.to_vec()).ok()
    }
    let mut rest = content;
    if text(&mut rest)? != "lapwing" || u32_at(rest, 0)? as usize != rest.len() - 4 {
        return None;
    }
    rest = rest.get(4..)?;
    let mut pairs = BTreeMap::new();
    while !rest.is_empty() {
        let key = text(&mut rest)?;
        pairs.insert(key, text(&mut rest)?);
    }
    let is_sealed = pairs.contains_key("version");
    let own = if is_sealed { "version" } else { "held" };
    let known = ["journal", "segment", "position", own, "previous", START_KEY, AGAIN_KEY];
    let is_known = pairs.keys().all(|key| known.contains(&key.as_str()))
        && [START_KEY, AGAIN_KEY].iter().all(|key| pairs.get(*key).is_none_or(|v| v == "yes"));
    let token = pairs.get("journal").filter(|t| is_token(t))?.clone();
    let previous = match pairs.get("previous") {
        Some(text) => {
            let mut words = text.splitn(3, ' ');
            let (number, size) = (decimal(words.next()?)?, decimal(words.next()?)?);
            Some((number, size, hash_from_base64(words.next()?)?))
        }
        None => None,
    };
    let head = Head {
        token,
        number: decimal(pairs.get("segment")?)?,
        first: decimal(pairs.get("position")?)?,
        is_sealed,
        previous,
    };
    (is_known && pairs.get("version").is_none_or(|v| v == "2")).then_some(head)
}
