//! One Mode S message as bits, and what a receiver adds to it.

use serde::{Serialize, Serializer};
use std::fmt;

/// A Mode S message of 56 or 112 bits, not yet interpreted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    bytes: [u8; 14],
    long: bool,
}

impl Frame {
    /// A short message, 56 bits.
    pub fn short(bytes: [u8; 7]) -> Self {
        let mut all = [0; 14];
        if let Some(start) = all.first_chunk_mut::<7>() {
            *start = bytes;
        }
        Self { bytes: all, long: false }
    }

    /// A long message, 112 bits.
    pub fn long(bytes: [u8; 14]) -> Self {
        Self { bytes, long: true }
    }

    /// From 7 or 14 bytes; any other length is no message.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        match bytes.len() {
            7 => <[u8; 7]>::try_from(bytes).ok().map(Self::short),
            14 => <[u8; 14]>::try_from(bytes).ok().map(Self::long),
            _ => None,
        }
    }

    /// From 14 or 28 hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 14 && digits.len() != 28 {
            return None;
        }
        let mut bytes = [0u8; 14];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let [high, low] = pair else { return None };
            *byte = hex_digit(*high)? << 4 | hex_digit(*low)?;
        }
        Self::from_bytes(bytes.get(..digits.len() / 2)?)
    }

    /// Whether it is 112 bits long.
    pub fn is_long(&self) -> bool {
        self.long
    }

    /// The 7 or 14 bytes.
    pub fn as_bytes(&self) -> &[u8] {
        if self.long { &self.bytes } else { self.bytes.first_chunk::<7>().map_or(&[], |start| start.as_slice()) }
    }

    /// The downlink format, bits 1 to 5; 24 for all formats that start with `11` (Comm-D), as in Annex 10.
    pub fn downlink_format(&self) -> u8 {
        let [first, ..] = self.bytes;
        (first >> 3).min(24)
    }

    /// Bits 1 to 32 as one number.
    pub(super) fn head(&self) -> u32 {
        let [a, b, c, d, ..] = self.bytes;
        u32::from_be_bytes([a, b, c, d])
    }

    /// The 56 bits of the message field (ME, MB, MV), bits 33 to 88, of a long message.
    pub(super) fn message_field(&self) -> MessageField {
        let [_, _, _, _, a, b, c, d, e, f, g, ..] = self.bytes;
        MessageField([a, b, c, d, e, f, g])
    }
}

pub(super) fn hex_digit(c: u8) -> Option<u8> {
    match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        b'A'..=b'F' => Some(c - b'A' + 10),
        _ => None,
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Frame {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The 56 bits of a message field. Written as 14 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MessageField(pub [u8; 7]);

impl MessageField {
    /// Bits `first` to `last`, counted from 1 as the standards do, both included.
    pub(super) fn bits(self, first: u32, last: u32) -> u32 {
        let [a, b, c, d, e, f, g] = self.0;
        let all = u64::from_be_bytes([0, a, b, c, d, e, f, g]);
        ((all >> (56 - last)) & ((1 << (last - first + 1)) - 1)) as u32
    }

    /// The same for fields of at most eight bits.
    pub(super) fn small(self, first: u32, last: u32) -> u8 {
        self.bits(first, last) as u8
    }

    /// One bit.
    pub(super) fn flag(self, bit: u32) -> bool {
        self.bits(bit, bit) != 0
    }
}

impl fmt::Display for MessageField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for MessageField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for MessageField {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A 24-bit aircraft address (Annex 10 Volume III, chapter 9). Written as six hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Icao(pub u32);

impl fmt::Display for Icao {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06x}", self.0)
    }
}

impl fmt::Debug for Icao {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Icao {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What a receiver says beside the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// The receiver's 48-bit time stamp as it stands on the wire; its meaning depends on the receiver (see `clock`).
    pub timestamp_raw: Option<u64>,
    /// Signal level, 255 = full scale. `None` when the receiver gives none (0 on the wire).
    pub signal_level: Option<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_goes_both_ways() {
        let text = "8d4840d6202cc371c32ce0576098";
        let frame = Frame::from_hex(text).unwrap();
        assert_eq!((frame.to_string().as_str(), frame.downlink_format(), frame.is_long()), (text, 17, true));
        assert_eq!(frame.message_field().small(1, 5), 4);
        assert_eq!(frame.message_field().to_string(), "202cc371c32ce0");
        for bad in ["", "8d4840", "zz4840d6202cc371c32ce0576098", "8d4840d6202cc371c32ce05760980"] {
            assert_eq!(Frame::from_hex(bad), None, "{bad}");
        }
    }

    #[test]
    fn bits_are_counted_from_one() {
        let field = MessageField([0x80, 0, 0, 0, 0, 0, 0x01]);
        assert!(field.flag(1) && !field.flag(2) && field.flag(56));
        assert_eq!(field.bits(1, 8), 0x80);
    }
}
