//! AVR text framing: `*8D4840D6202CC371C32CE0576098;` and, with a 48-bit time stamp before the message, `@<12 digits><message>;`.
//! `%` is `@` with a status byte after the time stamp, `<` is `@` with a signal byte; both are written by some receivers.
//!
//! Uses the items of [`super::beast`]. Line ends and blanks between messages are no garbage: they belong to the message before.

use super::beast::{Content, Item};
use super::frame::{Frame, Receipt, hex_digit};

/// 12 digits of time stamp, 2 of status or signal, 28 of message.
const DIGITS_MAX: usize = 42;

/// An array too long for serde, as a slice.
mod nibbles {
    use super::DIGITS_MAX;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(nibbles: &[u8; DIGITS_MAX], s: S) -> Result<S::Ok, S::Error> {
        nibbles.as_slice().serialize(s)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<[u8; DIGITS_MAX], D::Error> {
        let all = Vec::<u8>::deserialize(d)?;
        all.try_into().map_err(|_| serde::de::Error::custom("not the digits of a message"))
    }
}

/// The incremental parser. Holds at most one message.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct AvrParser {
    /// `*`, `@`, `%` or `<` while inside a message.
    kind: Option<u8>,
    #[serde(with = "nibbles")]
    nibbles: [u8; DIGITS_MAX],
    have: usize,
    offset: u64,
    start: u64,
    /// Everything since `start` is white space.
    blank: bool,
}

impl Default for AvrParser {
    fn default() -> Self {
        Self { kind: None, nibbles: [0; DIGITS_MAX], have: 0, offset: 0, start: 0, blank: true }
    }
}

impl AvrParser {
    /// A parser whose first byte stands at `offset` of its stream.
    pub fn starting_at(offset: u64) -> Self {
        Self { offset, start: offset, ..Self::default() }
    }

    /// Reads `bytes`, hands each item to `sink` in stream order.
    pub fn feed(&mut self, bytes: &[u8], mut sink: impl FnMut(Item)) {
        for byte in bytes {
            self.byte(*byte, &mut sink);
        }
        if self.kind.is_none() && !self.blank {
            self.emit(self.offset, Content::Garbage, &mut sink);
        }
    }

    /// Whether what was restored fits what it reads into.
    pub(crate) fn is_sound(&self) -> bool {
        self.have <= DIGITS_MAX && self.start <= self.offset && self.nibbles.iter().all(|n| *n < 16)
    }

    /// Bytes taken in that are in no item yet (blanks after the last message, or an unfinished message).
    pub fn pending_bytes(&self) -> u64 {
        self.offset - self.start
    }

    /// The stream has ended: an unfinished message was cut off.
    pub fn finish(&mut self, mut sink: impl FnMut(Item)) {
        let content = if self.kind.is_some() { Content::Cut } else { Content::Garbage };
        self.kind = None;
        self.emit(self.offset, content, &mut sink);
    }

    fn emit(&mut self, end: u64, content: Content, sink: &mut impl FnMut(Item)) {
        if end > self.start {
            sink(Item { offset: self.start, wire_bytes: end - self.start, content });
            self.start = end;
        }
        self.blank = true;
    }

    fn byte(&mut self, byte: u8, sink: &mut impl FnMut(Item)) {
        let at = self.offset;
        self.offset += 1;
        if matches!(byte, b'*' | b'@' | b'%' | b'<') {
            // Blanks before a message travel with it; anything else before it was garbage or a message cut off.
            if self.kind.is_some() {
                self.emit(at, Content::Cut, sink);
            } else if !self.blank {
                self.emit(at, Content::Garbage, sink);
            }
            self.kind = Some(byte);
            self.have = 0;
            return;
        }
        let Some(kind) = self.kind else {
            self.blank &= byte.is_ascii_whitespace();
            return;
        };
        if byte == b';' {
            let content = self.nibbles.get(..self.have).and_then(|n| message(kind, n)).unwrap_or(Content::Cut);
            self.kind = None;
            self.emit(self.offset, content, sink);
        } else if let (Some(nibble), Some(slot)) = (hex_digit(byte), self.nibbles.get_mut(self.have)) {
            *slot = nibble;
            self.have += 1;
        } else {
            // Too long or not a digit: no message, and the garbage goes on to the next start.
            self.kind = None;
            self.blank = false;
        }
    }
}

fn message(kind: u8, nibbles: &[u8]) -> Option<Content> {
    let (stamp, rest) =
        if kind == b'*' { (None, nibbles) } else { nibbles.split_first_chunk::<12>().map(|(s, r)| (Some(s), r))? };
    let (extra, rest) = if matches!(kind, b'%' | b'<') {
        rest.split_first_chunk::<2>().map(|(e, r)| (Some(e), r))?
    } else {
        (None, rest)
    };
    let signal = extra.filter(|_| kind == b'<').map(|[h, l]| h << 4 | l).filter(|s| *s != 0);
    let receipt = Receipt {
        timestamp_raw: stamp.map(|digits| digits.iter().fold(0, |n, d| n << 4 | u64::from(*d))),
        signal_level: signal,
    };
    let mut bytes = [0u8; 14];
    for (byte, pair) in bytes.iter_mut().zip(rest.chunks_exact(2)) {
        if let [high, low] = pair {
            *byte = high << 4 | low;
        }
    }
    match rest.len() {
        4 => bytes.first_chunk::<2>().map(|two| Content::ModeAc(*two)),
        14 | 28 => {
            bytes.get(..rest.len() / 2).and_then(Frame::from_bytes).map(|frame| Content::Message(frame, receipt))
        }
        _ => None,
    }
}

/// Writes one message as an AVR line, with its time stamp when it has one.
pub fn encode(frame: &Frame, receipt: Receipt, out: &mut Vec<u8>) {
    let text = match receipt.timestamp_raw {
        Some(stamp) => format!("@{:012x}{frame};\n", stamp & 0xFFFF_FFFF_FFFF),
        None => format!("*{frame};\n"),
    };
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn items(bytes: &[u8]) -> Vec<Item> {
        let mut out = Vec::new();
        let mut parser = AvrParser::default();
        parser.feed(bytes, |item| out.push(item));
        parser.finish(|item| out.push(item));
        assert_eq!(out.iter().map(|i| i.wire_bytes).sum::<u64>(), bytes.len() as u64, "every byte is told");
        out
    }

    #[test]
    fn both_forms_and_receiver_extras() {
        let got = items(
            b"*8D4840D6202CC371C32CE0576098;\r\n@00000000010c5D3C48C8AD3D1A;\n<000000000010ff5D3C48C8AD3D1A;*2040;",
        );
        let messages: Vec<_> = got
            .iter()
            .filter_map(|i| match i.content {
                Content::Message(frame, receipt) => {
                    Some((frame.is_long(), receipt.timestamp_raw, receipt.signal_level))
                }
                _ => None,
            })
            .collect();
        assert_eq!(messages, [(true, None, None), (false, Some(0x10c), None), (false, Some(0x10), Some(255))]);
        assert_eq!(got.last().unwrap().content, Content::ModeAc([0x20, 0x40]));
    }

    #[test]
    fn wrong_lines_are_cut_or_garbage_and_the_next_line_lives() {
        for bad in
            ["*8D48;", "*8D4840D6202CC371C32CE05760981111111111111111111111;", "*zz;", "hello\n", "*8D4840", ";;;"]
        {
            let got = items(format!("{bad}*5D3C48C8AD3D1A;").as_bytes());
            assert!(matches!(got.last().unwrap().content, Content::Message(..)), "{bad}: {got:?}");
            assert!(got.len() >= 2 && !matches!(got[0].content, Content::Message(..)), "{bad}: {got:?}");
        }
    }

    proptest! {
        #[test]
        fn anything_is_accounted_for(bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'*'), Just(b';'), Just(b'@'), Just(b'a')], 0..300)) {
            items(&bytes);
        }

        #[test]
        fn every_message_round_trips(bytes in any::<[u8; 14]>(), long in any::<bool>(), stamp in proptest::option::of(0u64..1 << 48)) {
            let frame = if long { Frame::long(bytes) } else { Frame::from_bytes(&bytes[..7]).unwrap() };
            let receipt = Receipt { timestamp_raw: stamp, signal_level: None };
            let mut wire = Vec::new();
            encode(&frame, receipt, &mut wire);
            prop_assert_eq!(items(&wire)[0].content, Content::Message(frame, receipt));
        }
    }
}
