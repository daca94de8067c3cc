//! Bytes to reports.

use super::OBJECT_BYTES_MAX;
use super::build::Refusal;
use super::fields::{KEYS, Key, Kind, MESSAGE_WORDS, MESSAGES, Message};
use super::text::{Broken, Cursor};
use super::values::{Expected, Value, Values, Wrong};
use crate::{BadState, Decoded, Decoder, fault};
use lapwing_model::{Envelope, FaultKind, Time, limits};
use std::collections::BTreeMap;
use std::ops::Range;

/// The decoder.
#[derive(Debug, Default)]
pub struct Json {
    connections: BTreeMap<u64, Line>,
    values: Values,
}

/// The line a connection has begun.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
struct Line {
    bytes: Vec<u8>,
    /// Where it began, in bytes of the connection.
    start: u64,
    /// The line is longer than it may be, and is passed over to its end.
    too_long: bool,
}

impl Json {
    /// A decoder that has heard nothing.
    pub fn new() -> Self {
        Self::default()
    }

    fn stream(&mut self, connection: u64, offset: u64, bytes: &[u8], out: &mut Decoded) {
        if !self.connections.contains_key(&connection) && self.connections.len() >= limits::CONNECTIONS_PER_INPUT_MAX {
            // A transport never has more. The lowest number is the oldest; its transport forgot to say that it ended.
            if let Some((_, line)) = self.connections.pop_first() {
                cut_short(&line, out);
            }
        }
        let mut line = self.connections.remove(&connection).unwrap_or_default();
        let mut offset = offset;
        for piece in bytes.split_inclusive(|b| *b == b'\n') {
            let ends = piece.ends_with(b"\n");
            if line.bytes.is_empty() {
                line.start = offset;
            }
            let start = line.start;
            offset = offset.saturating_add(piece.len() as u64);
            if line.too_long {
                out.bytes_rejected(piece.len() as u64);
                line.too_long = !ends;
            } else if line.bytes.len() + piece.len() > OBJECT_BYTES_MAX {
                let length = (line.bytes.len() + piece.len()) as u64;
                out.received();
                let detail = format!("a line of more than {OBJECT_BYTES_MAX} bytes");
                out.reject(fault(FaultKind::Refused, "too-long", &detail, start, length));
                out.bytes_rejected(length);
                line.bytes.clear();
                line.too_long = !ends;
            } else if ends && line.bytes.is_empty() {
                self.text(start, piece, out);
            } else {
                line.bytes.extend(piece);
                if ends {
                    let whole = std::mem::take(&mut line.bytes);
                    self.text(start, &whole, out);
                    line.bytes = whole;
                    line.bytes.clear();
                }
            }
        }
        self.connections.insert(connection, line);
    }

    /// What a connection left without the end of its line: used when it is whole all the same.
    fn stream_end(&mut self, connection: u64, out: &mut Decoded) {
        if let Some(line) = self.connections.remove(&connection)
            && !line.bytes.is_empty()
        {
            self.text(line.start, &line.bytes, out);
        }
    }

    /// Uses every object in some text; `base` is where the text stands.
    fn text(&mut self, base: u64, bytes: &[u8], out: &mut Decoded) {
        let used_before = out.account.units_used;
        let mut rejected = 0;
        let mut cursor = Cursor::new(bytes);
        // A byte order mark, as some editors write it.
        cursor.at = if bytes.starts_with(&[0xef, 0xbb, 0xbf]) { 3 } else { 0 };
        let mut array_at = None;
        // After broken bytes commas and brackets of their array may be left over.
        let mut lost = false;
        loop {
            cursor.skip_blank();
            let at = cursor.at;
            let Some(next) = cursor.peek() else { break };
            let element = match (next, array_at) {
                (b'{', _) => self.object(base, &mut cursor, out),
                (b'[', None) => {
                    cursor.at += 1;
                    cursor.skip_blank();
                    if cursor.take(b']') {
                        let span = at..cursor.at;
                        rejected += span.len() as u64;
                        reject(base, FaultKind::Irrelevant, "empty-array", "an array without objects", span, out);
                    } else {
                        array_at = Some(at);
                    }
                    continue;
                }
                (b',' | b']', None) if lost => {
                    cursor.at += 1;
                    continue;
                }
                _ => self.no_object(base, &mut cursor, out),
            };
            let broken = match element {
                Ok(span) => {
                    rejected += span.len() as u64;
                    match array_at {
                        Some(_) => after_element(&mut cursor, &mut array_at).err().map(|b| (b.at, b)),
                        None => None,
                    }
                }
                Err(broken) => Some((at, broken)),
            };
            if let Some((start, broken)) = broken {
                let end = cursor.next_start(broken.at.max(start + 1));
                let detail = format!("at byte {}: expected {}", base + broken.at as u64, broken.expected);
                let span = start..end;
                rejected += span.len() as u64;
                let kind = if broken.reason == "syntax" { FaultKind::Malformed } else { FaultKind::Refused };
                reject(base, kind, broken.reason, &detail, span, out);
                cursor.at = end;
                array_at = None;
                lost = true;
            }
        }
        if array_at.is_some() {
            let detail = "the text ends inside an array; what it had was used";
            out.fault(fault(FaultKind::Malformed, "open-array", detail, base + bytes.len() as u64, 0));
        }
        let length = bytes.len() as u64;
        // Blanks and brackets go with what was used; without anything used they are noise.
        let rejected = if out.account.units_used == used_before { length } else { rejected.min(length) };
        out.bytes_rejected(rejected);
        out.bytes_used(length - rejected);
    }

    /// One object: used, or rejected and its span given.
    fn object(&mut self, base: u64, cursor: &mut Cursor<'_>, out: &mut Decoded) -> Result<Range<usize>, Broken> {
        let start = cursor.at;
        self.values.read(cursor)?;
        let span = start..cursor.at;
        if span.len() > OBJECT_BYTES_MAX {
            let detail = format!("an object of more than {OBJECT_BYTES_MAX} bytes");
            reject(base, FaultKind::Refused, "too-long", &detail, span.clone(), out);
            return Ok(span);
        }
        let length = span.len() as u64;
        let offset = base + start as u64;
        for remark in &self.values.remarks {
            out.fault(placed(base, FaultKind::Unsupported, remark));
        }
        let made = match &self.values.error {
            Some(wrong) => Err(wrong.clone()),
            None => make(&self.values, &span),
        };
        match made {
            Ok((message, report)) => {
                for (key, at) in self.values.keys() {
                    let field = key.field();
                    if field.used_by & message.bit() == 0 {
                        let word = MESSAGE_WORDS.get(message as usize).copied().unwrap_or_default();
                        let detail = format!("a {word} does not use {}", field.name);
                        let wrong = Wrong { reason: "unused-key", detail, span: at };
                        out.fault(placed(base, FaultKind::Unsupported, &wrong));
                    }
                }
                out.received();
                out.used();
                out.report(offset, length, report);
                out.detail(offset, length, || detail(message, &self.values));
                Ok(span.end..span.end)
            }
            Err(wrong) => {
                out.received();
                out.reject(placed(base, FaultKind::Malformed, &wrong));
                Ok(span)
            }
        }
    }

    /// A value that is not an object, where one should be.
    fn no_object(&mut self, base: u64, cursor: &mut Cursor<'_>, out: &mut Decoded) -> Result<Range<usize>, Broken> {
        let start = cursor.at;
        cursor.skip_value()?;
        let span = start..cursor.at;
        reject(base, FaultKind::Malformed, "not-an-object", "expected an object", span.clone(), out);
        Ok(span)
    }
}

fn cut_short(line: &Line, out: &mut Decoded) {
    let length = line.bytes.len() as u64;
    if length > 0 {
        out.received();
        out.reject(fault(FaultKind::Malformed, "cut-short", "the connection ended in a line", line.start, length));
        out.bytes_rejected(length);
    }
}

fn after_element(cursor: &mut Cursor<'_>, array_at: &mut Option<usize>) -> Result<(), Broken> {
    cursor.skip_blank();
    if cursor.take(b',') || cursor.peek().is_none() {
        return Ok(());
    }
    cursor.expect(b']', "',' or ']'")?;
    *array_at = None;
    Ok(())
}

fn reject(base: u64, kind: FaultKind, reason: &'static str, detail: &str, span: Range<usize>, out: &mut Decoded) {
    out.received();
    out.reject(fault(kind, reason, detail, base + span.start as u64, span.len() as u64));
}

fn placed(base: u64, kind: FaultKind, wrong: &Wrong) -> lapwing_model::Fault {
    fault(kind, wrong.reason, &wrong.detail, base + wrong.span.start as u64, wrong.span.len() as u64)
}

/// The report an object makes.
fn make(values: &Values, span: &Range<usize>) -> Result<(Message, lapwing_model::Report), Wrong> {
    let Some(info) = values.word(Key::Type).and_then(|i| MESSAGES.get(i)) else {
        let detail = format!("type is missing: expected {}", Expected(Kind::Word(MESSAGE_WORDS)));
        return Err(Wrong { reason: "missing-key", detail, span: span.clone() });
    };
    values.report(info.message).map(|report| (info.message, report)).map_err(|refusal| match refusal {
        Refusal::Missing(key) => {
            let word = MESSAGE_WORDS.get(info.message as usize).copied().unwrap_or_default();
            let detail = format!("{} is missing: this {word} needs it", key.field().name);
            Wrong { reason: "missing-key", detail, span: span.clone() }
        }
        Refusal::Empty(text) => Wrong { reason: "says-nothing", detail: text.to_owned(), span: span.clone() },
        Refusal::Contradiction(text) => Wrong { reason: "contradiction", detail: text.to_owned(), span: span.clone() },
    })
}

/// Every key the message could have, `null` when it is unknown.
fn detail(message: Message, values: &Values) -> serde_json::Value {
    let mut all = serde_json::Map::new();
    for key in KEYS {
        let field = key.field();
        if field.used_by & message.bit() != 0 {
            let value = match (values.get(*key), field.kind) {
                (None, _) => serde_json::Value::Null,
                (Some(Value::Word(i)), Kind::Word(words)) => words.get(*i).copied().into(),
                (Some(Value::Number(v)), _) => (*v).into(),
                (Some(Value::Whole(v)), _) => (*v).into(),
                (Some(Value::Text(v)), _) => v.as_str().into(),
                (Some(Value::Hex(v)), _) => v.as_str().into(),
                (Some(Value::Sensor(v)), _) => v.as_str().into(),
                (Some(Value::Time(v)), _) => v.to_string().into(),
                (Some(Value::Flag(v)), _) => (*v).into(),
                (Some(Value::Classes(v)), _) => serde_json::to_value(v).unwrap_or_default(),
                (Some(Value::Word(_)), _) => serde_json::Value::Null,
            };
            all.insert(field.name.to_owned(), value);
        }
    }
    serde_json::Value::Object(all)
}

impl Decoder for Json {
    fn decode(&mut self, _received_at: Time, envelope: &Envelope, bytes: &[u8], out: &mut Decoded) {
        match envelope {
            Envelope::Stream { connection, offset } => self.stream(*connection, *offset, bytes, out),
            Envelope::StreamEnd { connection } => self.stream_end(*connection, out),
            Envelope::Datagram | Envelope::Message { .. } => self.text(0, bytes, out),
            Envelope::Frame { .. } => {
                let length = bytes.len() as u64;
                out.received();
                let text = "a link-layer frame holds no JSON: unpack it";
                out.reject(fault(FaultKind::Unsupported, "frame", text, 0, length));
                out.bytes_rejected(length);
            }
        }
    }

    fn pending_bytes(&self) -> u64 {
        self.connections.values().map(|line| line.bytes.len() as u64).sum()
    }

    fn save(&self) -> Vec<u8> {
        crate::state::save(&self.connections)
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), BadState> {
        self.connections = crate::state::restore(state, |connections: &BTreeMap<u64, Line>| {
            connections.len() <= limits::CONNECTIONS_PER_INPUT_MAX
                && connections.values().all(|line| line.bytes.len() <= OBJECT_BYTES_MAX)
        })?;
        Ok(())
    }
}
