//! What is in a chunk whose CRC held. What is wrong here was written so.

use super::Step;
use crate::entry::{Mark, Removed, channel};
use crate::format::chunk::{self, FIELDS, Part, is_sealed};
use crate::format::{MESSAGE_HEAD, RECORD_HEAD, message, record, token_text, u16_at, u64_at};
use lapwing_model::Time;
use mcap::records::op;
use std::collections::BTreeMap;
use std::ops::Range;

/// Something that is wrong: the byte of the chunk, how many, what.
pub(super) type Wrong = (usize, usize, String);

/// A sound chunk.
pub(super) struct Inside {
    /// The segment's token, as its text.
    pub(super) token: String,
    /// The position of what comes first.
    pub(super) position: u64,
    pub(super) steps: Vec<Result<Step, Wrong>>,
    /// Messages of any kind.
    pub(super) messages: u64,
}

/// Numbers of the channels every segment of version 3 has, by the numbers that a segment of version 1 gave them.
pub(super) type Channels = BTreeMap<u16, u16>;

/// A channel's record: its number in the segment, and the one every segment of version 3 has.
fn read_channel(content: &[u8]) -> Option<(u16, u16)> {
    match mcap::parse_record(op::CHANNEL, content) {
        Ok(mcap::records::Record::Channel(c)) => Some((c.id, channel::of_topic(&c.topic))),
        _ => None,
    }
}

/// Reads a chunk that begins at the byte `at` of the file.
pub(super) fn read(bytes: &[u8], at: u64, channels: &mut Channels) -> Result<Inside, String> {
    if is_sealed(bytes) { sealed(bytes, at) } else { marked(bytes, at, channels) }
}

/// A chunk of version 3.
fn sealed(bytes: &[u8], at: u64) -> Result<Inside, String> {
    let chunk = chunk::read(bytes)?;
    let mut steps = Vec::with_capacity(chunk.parts.len());
    for part in &chunk.parts {
        match &part.message {
            Some(content) => {
                let channel = u16_at(bytes, content.start).unwrap_or_default();
                steps.push(Ok(step(bytes, at, content, part.position, channel)));
            }
            None => remove(&mut steps, part, at),
        }
    }
    let messages = steps.len() as u64;
    Ok(Inside { token: token_text(&chunk.token), position: chunk.position, steps, messages })
}

/// Removed entries next to each other are told as one run.
fn remove(steps: &mut Vec<Result<Step, Wrong>>, part: &Part, at: u64) {
    let next = part.position + part.item.count();
    if let Some(Ok(Step::Removed { end, .. })) = steps.last_mut() {
        *end = next;
    } else {
        steps.push(Ok(Step::Removed { first: part.position, end: next, offset: at }));
    }
}

/// The step of an entry whose message's content is there.
fn step(bytes: &[u8], at: u64, content: &Range<usize>, position: u64, channel: u16) -> Step {
    let time = |field: usize| Time::from_nanos(u64_at(bytes, content.start + field).unwrap_or_default() as i64);
    Step::Message {
        position,
        at: time(6),
        published: time(14),
        channel,
        offset: at + (content.start - RECORD_HEAD) as u64,
        data: content.start + MESSAGE_HEAD..content.end,
    }
}

/// A chunk of version 1: a mark, then the entries; channels are told once in a segment.
fn marked(bytes: &[u8], at: u64, channels: &mut Channels) -> Result<Inside, String> {
    let mark = find_mark(bytes).ok_or("a chunk that begins with neither a seal nor a mark")?;
    let mut inside = Inside { token: mark.journal, position: mark.position, steps: Vec::new(), messages: 0 };
    let (mut next, mut position) = (FIELDS, mark.position);
    while next < bytes.len() {
        let Some((opcode, content)) = record(bytes, next, bytes.len()) else {
            inside.steps.push(Err((next, bytes.len() - next, "a record runs over its chunk".to_owned())));
            break;
        };
        if opcode == op::CHANNEL {
            match bytes.get(content.clone()).and_then(read_channel) {
                Some((id, number)) => drop(channels.insert(id, number)),
                None => inside.steps.push(Err((next, content.end - next, "a channel that cannot be read".to_owned()))),
            }
        } else if message(bytes, next, bytes.len()).is_some() {
            inside.messages += 1;
            let id = u16_at(bytes, content.start).unwrap_or_default();
            // What is below 16 has the same number in both versions, should the record be lost that says so.
            match channels.get(&id).copied().unwrap_or(id) {
                channel::MARK => {}
                channel::REMOVED => {
                    let data = bytes.get(content.start + MESSAGE_HEAD..content.end).unwrap_or_default();
                    let removed: Option<Removed> = serde_json::from_slice(data).ok();
                    match removed.filter(|r| r.first == position && r.first < r.end) {
                        Some(Removed { first, end, .. }) => {
                            position = end;
                            inside.steps.push(Ok(Step::Removed { first, end, offset: at + next as u64 }));
                        }
                        None => {
                            let what = "removed entries that do not follow from the ones before".to_owned();
                            inside.steps.push(Err((next, content.end - next, what)));
                        }
                    }
                }
                number => {
                    inside.steps.push(Ok(step(bytes, at, &content, position, number)));
                    position = position.saturating_add(1);
                }
            }
        }
        next = content.end;
    }
    Ok(inside)
}

/// The mark of a chunk: its first message.
fn find_mark(bytes: &[u8]) -> Option<Mark> {
    let mut at = FIELDS;
    loop {
        let (_, content) = record(bytes, at, bytes.len())?;
        if let Some(content) = message(bytes, at, bytes.len()) {
            return serde_json::from_slice(bytes.get(content.start + MESSAGE_HEAD..content.end)?).ok();
        }
        at = content.end;
    }
}
