//! The interface of every format: bytes in, reports and faults out, and the books.

use crate::BadState;
use lapwing_model::{Envelope, Event, Fault, FaultKind, Report, Snapshot, Time};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Turns the receptions of one input into reports. Pure: what it gives depends on what it was given, in order, and on
/// nothing else. Never fails and never panics: every unit it receives ends as used or as rejected with a fault, and
/// every byte is counted once as one or the other (or is still pending inside a stream decoder).
pub trait Decoder: Send {
    /// Decodes one reception. `received_at` is the reception's time; `envelope` says how the bytes were delimited.
    /// A stream decoder keeps what is incomplete until the next piece of the same connection, or until
    /// [`Envelope::StreamEnd`], when it rejects the rest.
    fn decode(&mut self, received_at: Time, envelope: &Envelope, bytes: &[u8], out: &mut Decoded);

    /// Bytes taken in and not yet accounted for (the incomplete message at the end of each stream). Bounded.
    fn pending_bytes(&self) -> u64 {
        0
    }

    /// What it remembers between calls (halves of messages and of positions, tables), in a form of its own; empty when that
    /// is nothing. Its settings are no part of it.
    fn save(&self) -> Vec<u8>;

    /// Takes over what [`Decoder::save`] of a decoder with the same settings gave: from there both give the same. Other bytes
    /// are refused, and leave it as it is; none makes it break a bound or panic.
    fn restore(&mut self, state: &[u8]) -> Result<(), BadState>;
}

/// Turns events into bytes for an output.
pub trait Encoder: Send {
    /// Appends the event as one message to `out`; appends nothing when this format has no word for it.
    fn encode(&mut self, event: &Event, snapshot: Option<&Snapshot>, out: &mut Vec<u8>);
}

/// A report and the bytes it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// First byte: from the start of the reception, or of the connection for a stream.
    pub offset: u64,
    /// How many bytes.
    pub length: u64,
    /// What they say.
    pub report: Report,
}

/// One message in the terms of its own format, for `lapwing decode`.
#[derive(Debug, Clone, PartialEq)]
pub struct Detail {
    /// First byte: from the start of the reception, or of the connection for a stream.
    pub offset: u64,
    /// How many bytes.
    pub length: u64,
    /// Every decoded field, units in names, `null` when unknown.
    pub message: serde_json::Value,
}

/// What one or several calls of [`Decoder::decode`] gave. Reuse it: [`Decoded::clear`] keeps the memory.
#[derive(Debug, Default)]
pub struct Decoded {
    /// Reports, in the order of their bytes.
    pub reports: Vec<Found>,
    /// Faults, in the order of their bytes.
    pub faults: Vec<Fault>,
    /// Bytes to send back on the same connection (handshakes).
    pub replies: Vec<Vec<u8>>,
    /// Messages in full, when asked for.
    pub details: Vec<Detail>,
    /// The books.
    pub account: Account,
    want_details: bool,
}

/// The books of a decoder. `units_received` is counted where a message is found, `units_used` and `units_rejected`
/// where its fate is known; `bytes_used + bytes_rejected + pending` is every byte given.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Account {
    /// Units found: the smallest messages that are used or rejected as a whole.
    pub units_received: u64,
    /// Units that gave a report.
    pub units_used: u64,
    /// Units that gave none, by reason.
    pub units_rejected: BTreeMap<Cow<'static, str>, u64>,
    /// Bytes of used units with their framing.
    pub bytes_used: u64,
    /// Bytes of rejected units, with their framing, and of noise between messages.
    pub bytes_rejected: u64,
}

impl Account {
    /// All rejected units.
    pub fn rejected_total(&self) -> u64 {
        self.units_rejected.values().sum()
    }

    /// Whether received = used + rejected.
    pub fn balances(&self) -> bool {
        self.units_received == self.units_used + self.rejected_total()
    }
}

impl Decoded {
    /// Empty, details not wanted.
    pub fn new() -> Self {
        Self::default()
    }

    /// Empty, with [`Detail`]s wanted: slower.
    pub fn with_details() -> Self {
        Self { want_details: true, ..Self::default() }
    }

    /// Forgets everything but the memory and whether details are wanted.
    pub fn clear(&mut self) {
        self.reports.clear();
        self.faults.clear();
        self.replies.clear();
        self.details.clear();
        self.account = Account::default();
    }

    /// Counts one unit found.
    pub fn received(&mut self) {
        self.account.units_received += 1;
    }

    /// Counts one unit as used. Its reports are pushed with [`Decoded::report`]; several units may share one report.
    pub fn used(&mut self) {
        self.account.units_used += 1;
    }

    /// Adds a report with the bytes it came from.
    pub fn report(&mut self, offset: u64, length: u64, report: Report) {
        self.reports.push(Found { offset, length, report });
    }

    /// Rejects one unit: counts it and says why.
    pub fn reject(&mut self, fault: Fault) {
        if let Some(count) = self.account.units_rejected.get_mut(fault.reason.as_ref()) {
            *count += 1;
        } else {
            self.account.units_rejected.insert(fault.reason.clone(), 1);
        }
        self.faults.push(fault);
    }

    /// Says what is wrong with a part of a unit that is used all the same.
    pub fn fault(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    /// Counts bytes of used units.
    pub fn bytes_used(&mut self, bytes: u64) {
        self.account.bytes_used += bytes;
    }

    /// Counts bytes of rejected units and noise.
    pub fn bytes_rejected(&mut self, bytes: u64) {
        self.account.bytes_rejected += bytes;
    }

    /// Whether [`Detail`]s are wanted.
    pub fn wants_details(&self) -> bool {
        self.want_details
    }

    /// Adds a message in full; `message` runs only when details are wanted.
    pub fn detail(&mut self, offset: u64, length: u64, message: impl FnOnce() -> serde_json::Value) {
        if self.want_details {
            self.details.push(Detail { offset, length, message: message() });
        }
    }
}

/// Builds a [`Fault`].
pub fn fault(kind: FaultKind, reason: &'static str, detail: &str, offset: u64, length: u64) -> Fault {
    Fault { kind, reason: Cow::Borrowed(reason), detail: detail.into(), offset, length }
}
