//! The decoder: framing, messages, memory of aircraft, books.

use super::aircraft::{Context, NoPlace, Table};
use super::avr::AvrParser;
use super::beast::{BeastParser, Content, Item};
use super::claim::claim;
use super::clock::{Clock, MARK_MULTILATERATION};
use super::frame::{Frame, Receipt};
use super::message::{Message, Refusal};
use super::{Framing, ModeSConfig};
use crate::{BadState, Decoded, Decoder, fault};
use lapwing_model::limits::CONNECTIONS_PER_INPUT_MAX;
use lapwing_model::{Envelope, FaultKind, Report, Time, math};
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;

/// One message in the terms of the wire, for `lapwing decode`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Wire {
    /// When it was heard; where the stream does not say, when it was received.
    pub measured_at: Time,
    /// The receiver that heard it, where the stream says; 16 hexadecimal digits.
    #[serde(serialize_with = "hex_id")]
    pub receiver_id: Option<u64>,
    /// Made up by a multilateration client from the times of reception at several receivers.
    pub multilateration: bool,
    /// What the receiver says.
    #[serde(flatten)]
    pub receipt: Receipt,
    /// Signal level, decibels of full scale.
    pub signal_dbfs: Option<f64>,
    /// The message as sent.
    pub frame: Frame,
    /// What it says.
    #[serde(flatten)]
    pub message: Message,
    /// What is known with it.
    #[serde(flatten)]
    pub context: Context,
}

/// JSON numbers of many readers have 53 bits only.
fn hex_id<S: Serializer>(id: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    match id {
        Some(id) => serializer.collect_str(&format_args!("{id:016x}")),
        None => serializer.serialize_none(),
    }
}

#[derive(Debug, serde::Serialize, serde::Deserialize)]
enum Parser {
    Beast(BeastParser),
    Avr(AvrParser),
}

impl Parser {
    fn new(framing: Framing, offset: u64) -> Self {
        match framing {
            Framing::Beast => Self::Beast(BeastParser::starting_at(offset)),
            Framing::Avr => Self::Avr(AvrParser::starting_at(offset)),
        }
    }

    fn feed(&mut self, bytes: &[u8], sink: impl FnMut(Item)) {
        match self {
            Self::Beast(parser) => parser.feed(bytes, sink),
            Self::Avr(parser) => parser.feed(bytes, sink),
        }
    }

    fn finish(&mut self, sink: impl FnMut(Item)) {
        match self {
            Self::Beast(parser) => parser.finish(sink),
            Self::Avr(parser) => parser.finish(sink),
        }
    }

    /// Whether what was restored is of this framing and fits what it reads into.
    fn is_sound(&self, framing: Framing) -> bool {
        match self {
            Self::Beast(parser) => framing == Framing::Beast && parser.is_sound(),
            Self::Avr(parser) => framing == Framing::Avr && parser.is_sound(),
        }
    }

    fn pending_bytes(&self) -> u64 {
        match self {
            Self::Beast(parser) => parser.pending_bytes(),
            Self::Avr(parser) => parser.pending_bytes(),
        }
    }
}

/// What is remembered of one connection.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Stream {
    parser: Parser,
    heard_by: HeardBy,
    /// Offset of the next piece.
    next: u64,
}

/// Who heard the messages that follow, and when, where the stream says so.
#[derive(Debug, Clone, Copy, Default, serde::Serialize, serde::Deserialize)]
struct HeardBy {
    receiver_id: Option<u64>,
    dump_time: Option<Time>,
}

/// The decoder.
#[derive(Debug)]
pub struct ModeS {
    framing: Framing,
    streams: BTreeMap<u64, Stream>,
    messages: Messages,
}

/// Everything behind the framing, shared by the connections of an input.
#[derive(Debug)]
struct Messages {
    clock: Clock,
    table: Table,
    /// Decibels of full scale by signal level.
    dbfs: Vec<f64>,
}

impl ModeS {
    /// A decoder that has heard nothing.
    pub fn new(config: ModeSConfig) -> Self {
        // The level is an amplitude: 255 is full scale.
        let dbfs = (0..=255u8).map(|level| 20.0 * math::log10(f64::from(level.max(1)) / 255.0)).collect();
        let messages = Messages { clock: Clock::new(config.clock), table: Table::new(config.site()), dbfs };
        Self { framing: config.framing, streams: BTreeMap::new(), messages }
    }

    /// Takes in one message that is already out of its framing; or why it is none. Nothing is allocated.
    pub fn message(&mut self, frame: &Frame, receipt: Receipt, received_at: Time) -> Result<Wire, Refusal> {
        self.messages.decode(frame, receipt, HeardBy::default(), received_at).map(|(wire, _)| wire)
    }

    fn piece(&mut self, received_at: Time, connection: u64, offset: u64, bytes: &[u8], out: &mut Decoded) {
        if !self.streams.contains_key(&connection) && self.streams.len() >= CONNECTIONS_PER_INPUT_MAX {
            // Connections are counted upwards: the lowest is the oldest.
            if let Some((_, stream)) = self.streams.pop_first() {
                self.end(received_at, stream, out);
            }
        }
        let fresh = Stream { parser: Parser::new(self.framing, offset), heard_by: HeardBy::default(), next: offset };
        let stream = match self.streams.remove(&connection) {
            Some(stream) if stream.next == offset => Some(stream),
            Some(gap) => {
                self.end(received_at, gap, out);
                None
            }
            None => None,
        };
        let mut stream = stream.unwrap_or(fresh);
        let Stream { parser, heard_by, next } = &mut stream;
        *next = offset + bytes.len() as u64;
        parser.feed(bytes, |item| self.messages.item(&item, heard_by, received_at, out));
        self.streams.insert(connection, stream);
    }

    fn end(&mut self, received_at: Time, mut stream: Stream, out: &mut Decoded) {
        let Stream { parser, heard_by, .. } = &mut stream;
        parser.finish(|item| self.messages.item(&item, heard_by, received_at, out));
    }
}

impl Decoder for ModeS {
    fn decode(&mut self, received_at: Time, envelope: &Envelope, bytes: &[u8], out: &mut Decoded) {
        match envelope {
            Envelope::Stream { connection, offset } => self.piece(received_at, *connection, *offset, bytes, out),
            Envelope::StreamEnd { connection } => {
                if let Some(stream) = self.streams.remove(connection) {
                    self.end(received_at, stream, out);
                }
            }
            Envelope::Datagram | Envelope::Message { .. } | Envelope::Frame { .. } => {
                let mut parser = Parser::new(self.framing, 0);
                let mut heard_by = HeardBy::default();
                parser.feed(bytes, |item| self.messages.item(&item, &mut heard_by, received_at, out));
                parser.finish(|item| self.messages.item(&item, &mut heard_by, received_at, out));
            }
        }
    }

    fn pending_bytes(&self) -> u64 {
        self.streams.values().map(|stream| stream.parser.pending_bytes()).sum()
    }

    fn save(&self) -> Vec<u8> {
        crate::state::save(&(&self.streams, self.messages.table.save(), self.messages.clock.save()))
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), BadState> {
        type Saved = (BTreeMap<u64, Stream>, Vec<u8>, Vec<u8>);
        let (streams, table, clock): Saved = crate::state::restore(state, |(streams, _, _): &Saved| {
            streams.len() <= CONNECTIONS_PER_INPUT_MAX && streams.values().all(|s| s.parser.is_sound(self.framing))
        })?;
        // The last that can be refused, so that what is refused leaves everything as it is.
        let table = self.messages.table.restored(&table)?;
        self.messages.clock.restore(&clock)?;
        (self.streams, self.messages.table) = (streams, table);
        Ok(())
    }
}

impl Messages {
    fn item(&mut self, item: &Item, heard_by: &mut HeardBy, received_at: Time, out: &mut Decoded) {
        let (kind, reason, detail) = match item.content {
            Content::Message(frame, receipt) => match self.decode(&frame, receipt, *heard_by, received_at) {
                Ok((wire, stamped)) => {
                    out.received();
                    out.used();
                    out.bytes_used(item.wire_bytes);
                    let claim = claim(&wire.message, &wire.context, stamped, wire.signal_dbfs, wire.multilateration);
                    if wire.context.position.and_then(|p| p.no_place_reason) == Some(NoPlace::OutOfRange) {
                        // The rest of the message is used.
                        let (reason, detail) =
                            ("position-out-of-range", "farther from the receiver than `range_max_m`");
                        out.fault(fault(FaultKind::Refused, reason, detail, item.offset, item.wire_bytes));
                    }
                    out.report(item.offset, item.wire_bytes, Report::Claim(Box::new(claim)));
                    out.detail(item.offset, item.wire_bytes, || serde_json::to_value(wire).unwrap_or_default());
                    return;
                }
                Err(Refusal::BadParity) => {
                    (FaultKind::Malformed, "bad-parity", "the parity of an extended squitter is wrong")
                }
                Err(Refusal::WrongLength) => {
                    (FaultKind::Malformed, "wrong-length", "the downlink format and the length of the message disagree")
                }
                Err(Refusal::UnknownFormat) => {
                    (FaultKind::Unsupported, "unknown-downlink-format", "not one of DF 0, 4, 5, 11, 16, 17, 18, 20, 21")
                }
            },
            // Not messages: they say something of the messages that follow.
            Content::ReceiverId(id) => {
                heard_by.receiver_id = Some(id);
                return out.bytes_used(item.wire_bytes);
            }
            Content::DumpTime(millis) => {
                heard_by.dump_time = Some(Time::from_millis(millis));
                return out.bytes_used(item.wire_bytes);
            }
            Content::ModeAc(_) => (FaultKind::Irrelevant, "mode-ac", "a Mode A/C reply names nobody"),
            Content::ReceiverStatus => (FaultKind::Irrelevant, "receiver-status", "status or position of the receiver"),
            Content::Garbage => (FaultKind::Malformed, "unframed-bytes", "bytes outside any message"),
            Content::Cut => (FaultKind::Malformed, "cut-message", "a message that ends before its length"),
        };
        out.received();
        out.bytes_rejected(item.wire_bytes);
        out.reject(fault(kind, reason, detail, item.offset, item.wire_bytes));
    }

    /// One message, and when it was heard, if the stream says that.
    fn decode(
        &mut self,
        frame: &Frame,
        receipt: Receipt,
        heard_by: HeardBy,
        received_at: Time,
    ) -> Result<(Wire, Option<Time>), Refusal> {
        let message = Message::decode(frame)?;
        let stamped = self.clock.time(received_at, receipt.timestamp_raw, heard_by.receiver_id);
        let stamped = heard_by.dump_time.or(stamped);
        let measured_at = stamped.unwrap_or(received_at);
        let wire = Wire {
            measured_at,
            receiver_id: heard_by.receiver_id,
            multilateration: receipt.timestamp_raw == Some(MARK_MULTILATERATION),
            receipt,
            signal_dbfs: receipt.signal_level.and_then(|level| self.dbfs.get(usize::from(level)).copied()),
            frame: *frame,
            message,
            context: self.table.take(&message, measured_at),
        };
        Ok((wire, stamped))
    }
}
