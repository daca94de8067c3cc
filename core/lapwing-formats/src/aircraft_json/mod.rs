//! JSON of readsb and its relatives: the polled document `aircraft.json`, and net-json, one aircraft a line.
//!
//! A unit is one aircraft object (or a document that cannot be read). What readsb found by multilateration is marked as that, not as
//! the aircraft's own word. Times are the receiver's: `now` minus the age of the position.

mod object;
mod split;
#[cfg(test)]
mod tests;

pub use object::{LastPosition, Wire};

use crate::{BadState, ConfigTable, Decoded, Decoder, Format, fault};
use lapwing_model::{Envelope, FaultKind, Report, Span, Time};
use object::Aircraft;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use split::{Piece, Splitter};
use std::collections::BTreeMap;

/// This format's entry in the registry.
pub const FORMAT: Format = Format {
    name: "aircraft-json",
    summary: "aircraft.json of readsb, dump1090-fa and tar1090, as a document or one aircraft a line",
    decoder: Some(open),
    encoder: None,
    sample: "age_max_s = 60.0             # positions and aircraft not heard for longer are left out\n",
};

/// Connections whose unfinished documents are kept: each may hold [`split::DOCUMENT_BYTES_MAX`].
const STREAMS_MAX: usize = 8;

/// Settings.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AircraftJsonConfig {
    /// Positions and aircraft not heard for longer are left out, seconds. readsb lists aircraft for five minutes after their last message.
    #[schemars(range(min = 0.0))]
    pub age_max_s: f64,
}

impl Default for AircraftJsonConfig {
    fn default() -> Self {
        Self { age_max_s: 60.0 }
    }
}

fn open(table: ConfigTable<'_>) -> Result<Box<dyn Decoder>, toml::de::Error> {
    let config = AircraftJsonConfig::deserialize(toml::de::ValueDeserializer::from(table))?;
    Ok(Box::new(AircraftJson::new(config)))
}

/// The frame around the aircraft, and of a net-json line the two keys that tell it from a document.
#[derive(Deserialize)]
struct Outer<'a> {
    now: Option<f64>,
    #[serde(borrow)]
    aircraft: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    hex: Option<&'a RawValue>,
}

/// The decoder.
#[derive(Debug)]
pub struct AircraftJson {
    config: AircraftJsonConfig,
    streams: BTreeMap<u64, Splitter>,
}

impl AircraftJson {
    /// A decoder that has heard nothing.
    pub fn new(config: AircraftJsonConfig) -> Self {
        Self { config, streams: BTreeMap::new() }
    }

    fn piece(&self, received_at: Time, offset: u64, piece: Piece<'_>, out: &mut Decoded) {
        match piece {
            Piece::Object(bytes) => self.outer(received_at, offset, bytes, out),
            Piece::Between(bytes) => {
                // White space, commas and NULs between objects are no loss.
                let noise = bytes.iter().any(|b| !matches!(b, b' ' | b'\t' | b'\r' | b'\n' | b',' | 0));
                if noise {
                    reject(
                        out,
                        FaultKind::Malformed,
                        "not-json",
                        "bytes outside any object",
                        offset,
                        bytes.len() as u64,
                    );
                } else {
                    out.bytes_rejected(bytes.len() as u64);
                }
            }
            Piece::Rest(length) => out.bytes_rejected(length),
            Piece::TooLong(length) => {
                reject(out, FaultKind::Refused, "document-too-long", "over 2 MiB", offset, length)
            }
            Piece::Cut(length) => {
                reject(out, FaultKind::Malformed, "cut-document", "the stream ends within an object", offset, length)
            }
        }
    }

    fn outer(&self, received_at: Time, offset: u64, bytes: &[u8], out: &mut Decoded) {
        let length = bytes.len() as u64;
        let outer: Outer<'_> = match serde_json::from_slice(bytes) {
            Ok(outer) => outer,
            Err(error) => return reject(out, FaultKind::Malformed, "bad-json", &error.to_string(), offset, length),
        };
        let now = outer.now.and_then(seconds_since_epoch);
        match outer.aircraft {
            Some(aircraft) => {
                let mut inside = 0;
                for raw in aircraft {
                    let text = raw.get().as_bytes();
                    // Where the object stands in its document: both are slices of the same bytes.
                    let at = (text.as_ptr() as usize).saturating_sub(bytes.as_ptr() as usize) as u64;
                    inside += text.len() as u64;
                    self.aircraft(received_at, now, offset + at, text, out);
                }
                out.bytes_used(length.saturating_sub(inside));
            }
            None if outer.hex.is_some() => self.aircraft(received_at, now, offset, bytes, out),
            None => reject(
                out,
                FaultKind::Unsupported,
                "no-aircraft",
                "an object without `aircraft` and without `hex`",
                offset,
                length,
            ),
        }
    }

    fn aircraft(&self, received_at: Time, now: Option<Time>, offset: u64, bytes: &[u8], out: &mut Decoded) {
        let length = bytes.len() as u64;
        let aircraft: Aircraft<'_> = match serde_json::from_slice(bytes) {
            Ok(aircraft) => aircraft,
            Err(error) => return reject(out, FaultKind::Malformed, "bad-field", &error.to_string(), offset, length),
        };
        let wire = match aircraft.wire() {
            Ok(wire) => wire,
            Err(why) => return reject(out, FaultKind::Malformed, "bad-field", why, offset, length),
        };
        if wire.seen_s.is_some_and(|age| age > self.config.age_max_s) {
            return reject(
                out,
                FaultKind::Irrelevant,
                "not-heard-lately",
                "`seen` is over `age_max_s`",
                offset,
                length,
            );
        }
        out.received();
        out.used();
        out.bytes_used(length);
        let claim = wire.claim(now.unwrap_or(received_at), self.config.age_max_s);
        out.report(offset, length, Report::Claim(Box::new(claim)));
        out.detail(offset, length, || serde_json::to_value(&wire).unwrap_or_default());
    }

    fn end(&self, received_at: Time, mut splitter: Splitter, out: &mut Decoded) {
        splitter.finish(|offset, piece| self.piece(received_at, offset, piece, out));
    }
}

fn reject(out: &mut Decoded, kind: FaultKind, reason: &'static str, detail: &str, offset: u64, length: u64) {
    out.received();
    out.bytes_rejected(length);
    out.reject(fault(kind, reason, detail, offset, length));
}

/// A time within the years 1970 to 2262.
fn seconds_since_epoch(seconds: f64) -> Option<Time> {
    (0.0..9.2e9).contains(&seconds).then(|| Time::from_seconds(0) + Span::from_seconds_f64(seconds))
}

impl Decoder for AircraftJson {
    fn decode(&mut self, received_at: Time, envelope: &Envelope, bytes: &[u8], out: &mut Decoded) {
        match envelope {
            Envelope::Stream { connection, offset } => {
                if !self.streams.contains_key(connection) && self.streams.len() >= STREAMS_MAX {
                    // Connections are counted upwards: the lowest is the oldest.
                    if let Some((_, oldest)) = self.streams.pop_first() {
                        self.end(received_at, oldest, out);
                    }
                }
                let mut splitter = match self.streams.remove(connection) {
                    Some(splitter) if splitter.next_offset() == *offset => splitter,
                    gap => {
                        gap.into_iter().for_each(|splitter| self.end(received_at, splitter, out));
                        Splitter::starting_at(*offset)
                    }
                };
                splitter.feed(bytes, |offset, piece| self.piece(received_at, offset, piece, out));
                self.streams.insert(*connection, splitter);
            }
            Envelope::StreamEnd { connection } => {
                if let Some(splitter) = self.streams.remove(connection) {
                    self.end(received_at, splitter, out);
                }
            }
            Envelope::Datagram | Envelope::Message { .. } | Envelope::Frame { .. } => {
                let mut splitter = Splitter::starting_at(0);
                splitter.feed(bytes, |offset, piece| self.piece(received_at, offset, piece, out));
                self.end(received_at, splitter, out);
            }
        }
    }

    fn pending_bytes(&self) -> u64 {
        self.streams.values().map(Splitter::pending_bytes).sum()
    }

    fn save(&self) -> Vec<u8> {
        crate::state::save(&self.streams)
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), BadState> {
        self.streams = crate::state::restore(state, |streams: &BTreeMap<u64, Splitter>| {
            streams.len() <= STREAMS_MAX && streams.values().all(Splitter::is_sound)
        })?;
        Ok(())
    }
}
