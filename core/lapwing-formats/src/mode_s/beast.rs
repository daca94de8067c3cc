//! Beast binary framing, as an incremental parser and an encoder.
//!
//! `0x1a`, a type byte, then the body with every `0x1a` doubled. Types: `'1'` Mode A/C (2 bytes), `'2'` short Mode S (7), `'3'`
//! long Mode S (14), each after a 6-byte time stamp and a signal byte; `'4'` receiver status and `'5'` receiver position
//! (21 bytes each); readsb adds `0xe3` receiver id (8 bytes, big-endian, escaped) before a message and `0xe8` dump time (8 bytes,
//! little-endian milliseconds since 1970, **not** escaped). Checked against the reader of wiedehopf/readsb (`net_io.c`).
//!
//! The stream may be cut anywhere and may hold anything. Every byte fed is in exactly one item or still pending.

use super::frame::{Frame, Receipt};

const ESCAPE: u8 = 0x1A;
const BODY_BYTES_MAX: usize = 21;

/// What was found on the wire, with its place in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    /// Bytes from the start of the stream to its first byte.
    pub offset: u64,
    /// Its length on the wire, with escapes.
    pub wire_bytes: u64,
    /// What it is.
    pub content: Content,
}

/// One framed record, or bytes that are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// A Mode S message.
    Message(Frame, Receipt),
    /// A Mode A/C reply: two bytes of which nobody can say whether they are an identity or an altitude.
    ModeAc([u8; 2]),
    /// Receiver status or position.
    ReceiverStatus,
    /// The receiver that heard the messages from here on.
    ReceiverId(u64),
    /// The time a dump was written, milliseconds since 1970.
    DumpTime(i64),
    /// Bytes outside any record.
    Garbage,
    /// A record that ended before its length.
    Cut,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
enum State {
    /// Outside a record.
    Outside,
    /// An escape outside a record: the type comes next.
    Type,
    /// Inside a record.
    Body,
    /// An escape inside a record: the doubled byte, or the start of the next record.
    Doubled,
}

/// The incremental parser. Holds at most one record.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct BeastParser {
    state: State,
    kind: u8,
    body: [u8; BODY_BYTES_MAX],
    have: usize,
    need: usize,
    /// Stream offset of the next byte.
    offset: u64,
    /// Stream offset where the record being read, or the garbage, started.
    start: u64,
}

impl Default for BeastParser {
    fn default() -> Self {
        Self { state: State::Outside, kind: 0, body: [0; BODY_BYTES_MAX], have: 0, need: 0, offset: 0, start: 0 }
    }
}

fn body_bytes(kind: u8) -> Option<usize> {
    match kind {
        b'1' => Some(9),
        b'2' => Some(14),
        b'3' | b'4' | b'5' => Some(21),
        0xE3 | 0xE8 => Some(8),
        _ => None,
    }
}

impl BeastParser {
    /// A parser whose first byte stands at `offset` of its stream.
    pub fn starting_at(offset: u64) -> Self {
        Self { offset, start: offset, ..Self::default() }
    }

    /// Reads `bytes`, hands each item to `sink` in stream order.
    pub fn feed(&mut self, bytes: &[u8], mut sink: impl FnMut(Item)) {
        for byte in bytes {
            self.byte(*byte, &mut sink);
        }
        // Garbage is told with the bytes it came in; an unfinished record waits for its rest.
        if self.state == State::Outside {
            self.emit(self.offset, Content::Garbage, &mut sink);
        }
    }

    /// Whether what was restored fits what it reads into.
    pub(crate) fn is_sound(&self) -> bool {
        self.have <= self.need && self.need <= BODY_BYTES_MAX && self.start <= self.offset
    }

    /// Bytes taken in that are in no item yet.
    pub fn pending_bytes(&self) -> u64 {
        self.offset - self.start
    }

    /// The stream has ended: what is pending was cut off.
    pub fn finish(&mut self, mut sink: impl FnMut(Item)) {
        let content = if self.state == State::Outside { Content::Garbage } else { Content::Cut };
        self.emit(self.offset, content, &mut sink);
        self.state = State::Outside;
    }

    /// Emits everything from `start` to `end`, when that is not nothing.
    fn emit(&mut self, end: u64, content: Content, sink: &mut impl FnMut(Item)) {
        if end > self.start {
            sink(Item { offset: self.start, wire_bytes: end - self.start, content });
            self.start = end;
        }
    }

    fn byte(&mut self, byte: u8, sink: &mut impl FnMut(Item)) {
        let at = self.offset;
        self.offset += 1;
        match self.state {
            State::Outside => {
                if byte == ESCAPE {
                    self.emit(at, Content::Garbage, sink);
                    self.state = State::Type;
                }
            }
            State::Type => self.open(byte),
            State::Body => {
                if byte == ESCAPE && self.kind != 0xE8 {
                    self.state = State::Doubled;
                } else {
                    self.push(byte, sink);
                }
            }
            State::Doubled => {
                if byte == ESCAPE {
                    self.state = State::Body;
                    self.push(byte, sink);
                } else {
                    // Not a doubled byte, so the escape before it starts the next record.
                    self.emit(at - 1, Content::Cut, sink);
                    self.open(byte);
                }
            }
        }
    }

    fn open(&mut self, kind: u8) {
        match body_bytes(kind) {
            Some(need) => {
                self.kind = kind;
                self.need = need;
                self.have = 0;
                self.state = State::Body;
            }
            // An escape with an unknown type, or a doubled escape from inside a record whose start was lost.
            None => self.state = State::Outside,
        }
    }

    fn push(&mut self, byte: u8, sink: &mut impl FnMut(Item)) {
        if let Some(slot) = self.body.get_mut(self.have) {
            *slot = byte;
        }
        self.have += 1;
        if self.have == self.need {
            self.state = State::Outside;
            let content = content(self.kind, &self.body);
            self.emit(self.offset, content, sink);
        }
    }
}

fn content(kind: u8, body: &[u8; BODY_BYTES_MAX]) -> Content {
    let [t0, t1, t2, t3, t4, t5, signal, rest @ ..] = *body;
    let receipt = Receipt {
        timestamp_raw: Some(u64::from_be_bytes([0, 0, t0, t1, t2, t3, t4, t5])),
        signal_level: (signal != 0).then_some(signal),
    };
    let [a, b, c, d, e, f, g, ..] = rest;
    match kind {
        b'1' => Content::ModeAc([a, b]),
        b'2' => Content::Message(Frame::short([a, b, c, d, e, f, g]), receipt),
        b'3' => Content::Message(Frame::long(rest), receipt),
        0xE3 => Content::ReceiverId(u64::from_be_bytes([t0, t1, t2, t3, t4, t5, signal, a])),
        0xE8 => Content::DumpTime(i64::from_le_bytes([t0, t1, t2, t3, t4, t5, signal, a])),
        _ => Content::ReceiverStatus,
    }
}

/// Writes one Mode S message as a Beast record. A missing time stamp is written as 0, a missing signal level as 0.
pub fn encode(frame: &Frame, receipt: Receipt, out: &mut Vec<u8>) {
    out.extend_from_slice(&[ESCAPE, if frame.is_long() { b'3' } else { b'2' }]);
    let [_, _, stamp @ ..] = receipt.timestamp_raw.unwrap_or(0).to_be_bytes();
    let signal = [receipt.signal_level.unwrap_or(0)];
    for byte in stamp.iter().chain(&signal).chain(frame.as_bytes()) {
        out.push(*byte);
        if *byte == ESCAPE {
            out.push(ESCAPE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn items(parser: &mut BeastParser, bytes: &[u8]) -> Vec<Item> {
        let mut out = Vec::new();
        parser.feed(bytes, |item| out.push(item));
        out
    }

    fn record(frame: &str) -> Vec<u8> {
        let mut out = Vec::new();
        let receipt = Receipt { timestamp_raw: Some(0x1A00_1A1A), signal_level: Some(0x1A) };
        encode(&Frame::from_hex(frame).unwrap(), receipt, &mut out);
        out
    }

    const LONG: &str = "8d1a1ad6202cc371c32ce057601a";
    const SHORT: &str = "5d3c48c8ad3d1a";

    #[test]
    fn escapes_come_back() {
        let bytes = record(LONG);
        let got = items(&mut BeastParser::default(), &bytes);
        let [Item { offset: 0, wire_bytes, content: Content::Message(frame, receipt) }] = got[..] else {
            panic!("{got:?}")
        };
        assert_eq!((wire_bytes as usize, frame.to_string().as_str()), (bytes.len(), LONG));
        assert_eq!(receipt, Receipt { timestamp_raw: Some(0x1A00_1A1A), signal_level: Some(0x1A) });
    }

    #[test]
    fn a_cut_record_does_not_take_the_next_one_with_it() {
        // 13 bytes: not in the middle of a doubled escape, where even the best reader takes the wrong one for the start.
        let mut bytes = record(LONG);
        bytes.truncate(13);
        bytes.extend(record(SHORT));
        let got = items(&mut BeastParser::default(), &bytes);
        assert_eq!(got.len(), 2, "{got:?}");
        assert_eq!((got[0].content, got[0].wire_bytes), (Content::Cut, 13));
        assert!(matches!(got[1].content, Content::Message(frame, _) if frame.to_string() == SHORT));
    }

    #[test]
    fn noise_before_and_after_is_told_as_garbage() {
        let mut bytes = b"GET / HTTP/1.1\r\n".to_vec();
        bytes.extend(record(SHORT));
        bytes.extend([0x1A, 0x1A, 0x00, 0x1A, b'z']);
        let got = items(&mut BeastParser::default(), &bytes);
        assert_eq!(got.iter().map(|i| i.wire_bytes).collect::<Vec<_>>(), [16, bytes.len() as u64 - 16 - 5, 3, 2]);
        assert_eq!(got.iter().filter(|i| i.content == Content::Garbage).count(), 3);
    }

    #[test]
    fn readsb_additions_are_read() {
        let mut bytes = vec![0x1A, 0xE3, 0, 1, 2, 0x1A, 0x1A, 4, 5, 6, 7];
        bytes.extend([0x1A, 0xE8]);
        bytes.extend(0x0000_0199_1A1A_0000_i64.to_le_bytes());
        bytes.extend([0x1A, b'1', 0, 0, 0, 0, 0, 1, 9, 0x20, 0x40]);
        bytes.extend([0x1A, b'4']);
        bytes.extend([0; 21]);
        let got: Vec<_> = items(&mut BeastParser::default(), &bytes).into_iter().map(|i| i.content).collect();
        assert_eq!(
            got,
            [
                Content::ReceiverId(0x0001_021A_0405_0607),
                Content::DumpTime(0x0000_0199_1A1A_0000),
                Content::ModeAc([0x20, 0x40]),
                Content::ReceiverStatus
            ]
        );
    }

    proptest! {
        #[test]
        fn any_cutting_gives_the_same_messages_and_all_bytes(
            bytes in proptest::collection::vec(prop_oneof![3 => any::<u8>(), 1 => Just(ESCAPE), 1 => Just(b'2'), 1 => Just(b'3')], 0..400),
            cuts in proptest::collection::vec(1usize..40, 1..60),
        ) {
            let messages = |items: &[Item]| items.iter().filter(|i| i.content != Content::Garbage).copied().collect::<Vec<_>>();
            let mut parser = BeastParser::default();
            let mut whole = items(&mut parser, &bytes);
            parser.finish(|item| whole.push(item));
            let mut parser = BeastParser::default();
            let mut parts = Vec::new();
            let (mut rest, mut cuts) = (&bytes[..], cuts.iter().cycle());
            while !rest.is_empty() {
                let (part, tail) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
                parts.extend(items(&mut parser, part));
                let told: u64 = parts.iter().map(|i| i.wire_bytes).sum();
                prop_assert_eq!(told + parser.pending_bytes(), (bytes.len() - tail.len()) as u64);
                rest = tail;
            }
            parser.finish(|item| parts.push(item));
            prop_assert_eq!(parser.pending_bytes(), 0);
            prop_assert_eq!(messages(&whole), messages(&parts));
            for all in [&whole, &parts] {
                let mut at = 0;
                for item in all.iter() {
                    prop_assert_eq!(item.offset, at);
                    at += item.wire_bytes;
                }
                prop_assert_eq!(at, bytes.len() as u64);
            }
        }

        #[test]
        fn every_message_round_trips(bytes in any::<[u8; 14]>(), long in any::<bool>(), stamp in 0u64..1 << 48, signal in any::<u8>()) {
            let frame = if long { Frame::long(bytes) } else { Frame::from_bytes(&bytes[..7]).unwrap() };
            let receipt = Receipt { timestamp_raw: Some(stamp), signal_level: (signal != 0).then_some(signal) };
            let mut wire = Vec::new();
            encode(&frame, receipt, &mut wire);
            let got = items(&mut BeastParser::default(), &wire);
            prop_assert_eq!(got, vec![Item { offset: 0, wire_bytes: wire.len() as u64, content: Content::Message(frame, receipt) }]);
        }
    }
}
