//! What every decoder must keep, whatever it is given: for fuzz targets and the torture run. Not part of the interface.

use crate::{Decoded, Decoder};
use lapwing_model::{AirText, Envelope, Fault, Report, Time};

/// Link types that captures of the formats really have, and one that no format knows.
pub const LINK_TYPES: [u16; 6] = [105, 127, 251, 256, 272, 1];

/// A generator of numbers that look random: xorshift64* (Vigna 2016, "An experimental exploration of Marsaglia's
/// xorshift generators, scrambled", ACM TOMS 42:30).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// A generator; equal seeds give equal numbers.
    pub fn new(seed: u64) -> Self {
        // Zero is the one state it never leaves.
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `n`; 0 when `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        // The bias of the remainder does not matter here.
        if n == 0 { 0 } else { (self.draw() >> 16) as usize % n }
    }
}

/// How a decoder is to be given some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// One datagram.
    Datagram,
    /// One message of a broker.
    Message,
    /// One captured frame.
    Frame(u16),
    /// A stream, cut into pieces by this number.
    Stream(u64),
}

/// What one decoder was given and gave, over all its inputs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Bytes given.
    pub bytes: u64,
    /// Units received.
    pub units: u64,
    /// Units used.
    pub used: u64,
    /// Reports.
    pub reports: u64,
    /// Faults.
    pub faults: u64,
    /// Most bytes pending at a time.
    pub pending_max: u64,
}

/// Gives `data` to a decoder one way, from a connection of its own that ends, and asserts after every piece that the
/// books balance: units received = used + rejected, bytes used + rejected + pending = bytes given.
///
/// # Panics
/// When a decoder breaks its word. That is what this is for.
pub fn run(decoder: &mut dyn Decoder, connection: u64, way: Way, data: &[u8], out: &mut Decoded, tally: &mut Tally) {
    // A fixed instant: decoders make absolute times of relative ones with it.
    let now = Time::from_seconds(1_777_627_800);
    let pending_before = decoder.pending_bytes();
    let mut given = 0;
    out.clear();
    let mut check = |decoder: &dyn Decoder, out: &Decoded, given: u64| {
        let pending = decoder.pending_bytes();
        tally.pending_max = tally.pending_max.max(pending);
        let account = &out.account;
        assert!(account.balances(), "units do not balance: {account:?}");
        let counted = account.bytes_used + account.bytes_rejected + pending;
        assert_eq!(counted, given + pending_before, "bytes do not balance with {pending} pending: {account:?}");
    };
    match way {
        Way::Datagram | Way::Message | Way::Frame(_) => {
            let envelope = match way {
                Way::Frame(link_type) => Envelope::Frame { link_type },
                Way::Message => Envelope::Message { topic: "site/sensor".to_owned() },
                Way::Datagram | Way::Stream(_) => Envelope::Datagram,
            };
            decoder.decode(now, &envelope, data, out);
            given = data.len() as u64;
            check(decoder, out, given);
        }
        Way::Stream(cut) => {
            let mut random = Random::new(cut);
            let mut rest = data;
            while !rest.is_empty() {
                // Mostly small pieces, now and then all that is left.
                let size = match random.below(4) {
                    0 => 1,
                    1 => 1 + random.below(16),
                    2 => 1 + random.below(512),
                    _ => rest.len(),
                };
                let (piece, after) = rest.split_at(size.min(rest.len()));
                decoder.decode(now, &Envelope::Stream { connection, offset: given }, piece, out);
                given += piece.len() as u64;
                rest = after;
                check(decoder, out, given);
            }
            decoder.decode(now, &Envelope::StreamEnd { connection }, &[], out);
            check(decoder, out, given);
            assert_eq!(decoder.pending_bytes(), pending_before, "the end of a connection leaves bytes pending");
        }
    }
    // A DroneScout object says four things at most: a claim, an aircraft, a status, a place.
    assert!(out.reports.len() as u64 <= 4 * out.account.units_used, "more reports than the units used can give");
    assert!(out.faults.len() as u64 <= given + 1, "more faults than bytes");
    assert!(out.account.units_received <= given + 1, "more units than bytes");
    for found in &out.reports {
        assert!(found.offset + found.length <= given, "a report from beyond the {given} bytes: {found:?}");
    }
    for fault in &out.faults {
        assert!(fault.offset + fault.length <= given, "a fault beyond the {given} bytes: {fault:?}");
    }
    tally.bytes += given;
    tally.units += out.account.units_received;
    tally.used += out.account.units_used;
    tally.reports += out.reports.len() as u64;
    tally.faults += out.faults.len() as u64;
}

/// Asserts that no text in reports and faults can break a log line or a screen, and that every number is finite.
///
/// # Panics
/// When one can.
pub fn check_content(out: &Decoded) {
    for found in &out.reports {
        check_report(&found.report);
    }
    for fault in &out.faults {
        check_fault(fault);
    }
}

fn check_report(report: &Report) {
    let value = serde_json::to_value(report).unwrap_or_default();
    assert!(value.is_object(), "a report that cannot be written: {report:?}");
    check_value(&value);
    // A number that is not finite becomes null, and then does not come back as the same report.
    let back: Option<Report> = serde_json::from_value(value).ok();
    assert_eq!(back.as_ref(), Some(report), "a report that does not come back from its journal");
}

fn check_fault(fault: &Fault) {
    let word = fault.reason.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    assert!(word && (1..=64).contains(&fault.reason.len()), "a reason that is no word: {:?}", fault.reason);
    check_text(fault.detail.as_str());
}

fn check_value(value: &serde_json::Value) {
    match value {
        serde_json::Value::String(text) => check_text(text),
        serde_json::Value::Array(all) => all.iter().for_each(check_value),
        serde_json::Value::Object(all) => all.values().for_each(check_value),
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {}
    }
}

fn check_text(text: &str) {
    if text.len() <= AirText::BYTES_MAX {
        assert_eq!(AirText::new(text).as_str(), text, "a text that is not clean");
    } else {
        // The data of a signature is the one thing that is longer: 255 bytes.
        assert!(text.len() <= 510 && text.bytes().all(|b| b.is_ascii_hexdigit()), "a text of {} bytes", text.len());
    }
}

/// One fuzz input: every way, two ways of cutting streams.
///
/// # Panics
/// When a decoder breaks its word.
pub fn fuzz(format: &str, data: &[u8]) {
    let Some(format) = crate::format(format) else { return };
    let mut tally = Tally::default();
    let mut out = Decoded::with_details();
    let ways = [Way::Datagram, Way::Message, Way::Stream(1), Way::Stream(2)];
    let ways = ways.into_iter().chain(LINK_TYPES.into_iter().map(Way::Frame));
    let Some(mut decoder) = open(format) else { return };
    for way in ways {
        run(decoder.as_mut(), 0, way, data, &mut out, &mut tally);
        check_content(&out);
    }
    // What it remembers now comes back, and any bytes may claim to be that.
    let (state, mut other) = (decoder.save(), open(format));
    let Some(other) = other.as_mut() else { return };
    assert!(other.restore(&state).is_ok(), "its own state is refused");
    assert_eq!(other.save(), state, "its own state comes back changed");
    if other.restore(data).is_ok() {
        out.clear();
        other.decode(Time::from_seconds(1_777_627_800), &Envelope::Stream { connection: 0, offset: 0 }, data, &mut out);
    }
}

/// A decoder of a format as its sample configures it.
pub fn open(format: &crate::Format) -> Option<Box<dyn Decoder>> {
    crate::open_with(format.decoder?, format.sample).ok()
}

/// Changes some bytes as a broken or hostile sender would.
pub fn mutate(random: &mut Random, other: &[u8], data: &mut Vec<u8>) {
    for _ in 0..=random.below(4) {
        let at = random.below(data.len());
        let span = at..(at + 1 + random.below(32)).min(data.len());
        match random.below(11) {
            // A bit.
            0 | 1 => {
                let bit = 1 << random.below(8);
                data.get_mut(at).into_iter().for_each(|b| *b ^= bit);
            }
            // A byte.
            2 => {
                let byte = random.draw() as u8;
                data.get_mut(at).into_iter().for_each(|b| *b = byte);
            }
            // An extreme, one to four bytes long: lengths and counts.
            3 => {
                let value = [0, 1, 0x7f, 0x80, 0xfe, 0xff].get(random.below(6)).copied().unwrap_or_default();
                let end = (at + 1 + random.below(4)).min(data.len());
                data.get_mut(at..end).into_iter().flatten().for_each(|b| *b = value);
            }
            // A byte a little larger or smaller: lengths again.
            4 => {
                let step = [1, 2, 0xff, 0xfe].get(random.below(4)).copied().unwrap_or(1);
                data.get_mut(at).into_iter().for_each(|b| *b = b.wrapping_add(step));
            }
            // Cut off.
            5 => data.truncate(at),
            // Cut out.
            6 => drop(data.drain(span.start.min(span.end)..span.end)),
            // Doubled.
            7 => {
                let piece = data.get(span).unwrap_or_default().to_vec();
                data.splice(at..at, piece);
            }
            // Noise.
            8 => {
                for b in data.get_mut(span).into_iter().flatten() {
                    *b = random.draw() as u8;
                }
            }
            // A piece of something else.
            9 => {
                let from = random.below(other.len());
                let to = (from + random.below(256)).min(other.len());
                data.splice(at..at, other.get(from..to).unwrap_or_default().iter().copied());
            }
            // The head of this and the tail of something else.
            _ => {
                data.truncate(at);
                data.extend(other.get(random.below(other.len())..).unwrap_or_default());
            }
        }
    }
    data.truncate(INPUT_BYTES_MAX);
}

/// Longest input of the torture run.
pub const INPUT_BYTES_MAX: usize = 16 << 10;
