//! What a radio frame gives besides the messages: who sent it, how it was heard, and where the payloads stand.

use super::bytes::Cursor;
use lapwing_model::{AirText, FaultKind, Protocol};
use serde::{Serialize, Serializer};

/// A 48-bit radio address in the order it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// From six pairs of hex digits with colons or dashes, any case.
    pub fn parse(text: &str) -> Option<Self> {
        let mut out = [0; 6];
        let mut parts = text.split([':', '-']);
        for byte in &mut out {
            let part = parts.next().filter(|p| p.len() == 2 && p.bytes().all(|b| b.is_ascii_hexdigit()))?;
            *byte = u8::from_str_radix(part, 16).ok()?;
        }
        parts.next().is_none().then_some(Self(out))
    }
}

impl std::fmt::Display for Mac {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl Serialize for Mac {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// A frame that carries Remote ID.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Carrier {
    /// How it was carried.
    pub protocol: Protocol,
    /// Who sent it; Bluetooth 5 may leave it out.
    pub mac: Option<Mac>,
    /// Bluetooth: whether the address is a random one.
    pub mac_is_random: Option<bool>,
    /// Signal strength at the receiver.
    pub rssi_dbm: Option<f64>,
    /// 802.11 channel number, or Bluetooth channel index.
    pub channel: Option<u16>,
    /// Centre frequency.
    pub frequency_mhz: Option<u16>,
    /// The receiver's clock.
    pub receiver_clock_us: Option<u64>,
    /// The transmitter's clock (802.11 beacons).
    pub beacon_clock_us: Option<u64>,
    /// Network name (802.11 beacons).
    pub ssid: Option<AirText>,
}

impl Carrier {
    /// A carrier of which nothing more is known.
    pub(crate) fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            mac: None,
            mac_is_random: None,
            rssi_dbm: None,
            channel: None,
            frequency_mhz: None,
            receiver_clock_us: None,
            beacon_clock_us: None,
            ssid: None,
        }
    }
}

/// One Remote ID payload in a frame: behind the vendor's or service's code, the counter in front.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Payload<'a> {
    /// First byte of the message or pack, from the start of the frame.
    pub(super) offset: usize,
    /// The running counter; `None` when the payload ends before it.
    pub(super) counter: Option<u8>,
    /// The message or pack.
    pub(super) bytes: &'a [u8],
}

impl<'a> Payload<'a> {
    /// From what stands behind the vendor's or service's code; `offset` is where that starts in the frame.
    pub(super) fn behind_code(offset: usize, bytes: &'a [u8]) -> Self {
        match bytes.split_first() {
            Some((counter, rest)) => Self { offset: offset + 1, counter: Some(*counter), bytes: rest },
            None => Self { offset, counter: None, bytes },
        }
    }
}

/// What a frame turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found<'a> {
    /// Sender and radio.
    pub(super) carrier: Carrier,
    /// At least one payload.
    pub(super) payloads: Vec<Payload<'a>>,
}

/// Why a frame gives no payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameError {
    pub(super) kind: FaultKind,
    pub(super) reason: &'static str,
    pub(super) detail: &'static str,
}

impl FrameError {
    /// A sound frame without Remote ID.
    pub(super) const NO_REMOTE_ID: Self =
        Self { kind: FaultKind::Irrelevant, reason: "no-remote-id", detail: "a frame without Remote ID" };

    pub(super) const fn malformed(reason: &'static str, detail: &'static str) -> Self {
        Self { kind: FaultKind::Malformed, reason, detail }
    }

    pub(super) const fn unsupported(reason: &'static str, detail: &'static str) -> Self {
        Self { kind: FaultKind::Unsupported, reason, detail }
    }
}

/// The next radio address, as it stands on the air in 802.11 (first byte first).
pub(super) fn mac_be(cursor: &mut Cursor<'_>) -> Option<Mac> {
    cursor.array().map(Mac)
}

/// The next radio address, as it stands on the air in Bluetooth (last byte first).
pub(super) fn mac_le(cursor: &mut Cursor<'_>) -> Option<Mac> {
    cursor.array::<6>().map(|mut bytes| {
        bytes.reverse();
        Mac(bytes)
    })
}
