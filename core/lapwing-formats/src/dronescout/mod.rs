//! BlueMark DroneScout receivers: JSON over MQTT, with Remote ID as base64 of a C structure.
//!
//! Sources: BlueMark's RemoteID-MQTT-subscriber and the payloads of snstac/dronecot. A payload is one JSON object, several
//! glued together (`}{`), or an array; a NUL or a line feed may follow; it may be LZMA-compressed. A unit is one object. Its
//! sections are `data` (a transmission), `status`, `location` (both of the sensor) and `aircraft` (ADS-B); each gives a
//! report, and a section that is broken is a fault beside the others.

mod sections;
#[cfg(test)]
mod tests;
mod uas_data;
mod unpack;
mod write;

pub use uas_data::{UAS_DATA_BYTES, UasDataError, decode_uas_data, encode_uas_data};
pub use write::{Heard, encode_data, encode_location, encode_status};

use crate::remote_id::Assembler;
use crate::{BadState, ConfigTable, Decoded, Decoder, Format, fault};
use lapwing_model::limits::{CONNECTIONS_PER_INPUT_MAX, RECEPTION_BYTES_MAX};
use lapwing_model::{Envelope, FaultKind, Time};
use sections::Sections;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use unpack::UnpackError;

/// Objects of one payload; what follows is refused as one unit.
const OBJECTS_PER_PAYLOAD_MAX: usize = 256;

/// This format's entry in the registry.
pub const FORMAT: Format = Format {
    name: "dronescout",
    summary: "BlueMark DroneScout receivers: Remote ID, ADS-B and their own status as JSON over MQTT",
    decoder: Some(open),
    encoder: None,
    sample: "payload_bytes_max = 262144\nunpacked_bytes_max = 1048576\n",
};

/// Settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DronescoutConfig {
    /// Largest payload accepted, bytes, at most 1048576.
    pub payload_bytes_max: usize,
    /// Largest size of a compressed payload after unpacking, bytes, at most 16777216.
    pub unpacked_bytes_max: usize,
}

impl Default for DronescoutConfig {
    fn default() -> Self {
        Self { payload_bytes_max: 256 << 10, unpacked_bytes_max: 1 << 20 }
    }
}

fn open(table: ConfigTable<'_>) -> Result<Box<dyn Decoder>, toml::de::Error> {
    let config = DronescoutConfig::deserialize(toml::de::ValueDeserializer::from(table))?;
    Ok(Box::new(Dronescout::new(config)))
}

/// The decoder.
#[derive(Debug)]
pub struct Dronescout {
    config: DronescoutConfig,
    assembler: Assembler,
    /// The object each connection is in the middle of, and where it began.
    pending: BTreeMap<u64, Pending>,
}

#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
struct Pending {
    offset: u64,
    bytes: Vec<u8>,
}

/// What stands at the start of bytes.
enum Next {
    /// A value of this many bytes.
    Value(Value, usize),
    /// The bytes end inside a value.
    Incomplete,
    /// Not JSON up to this many bytes, where an object may begin again.
    Broken(usize, String),
}

impl Dronescout {
    /// A decoder that has heard nothing.
    pub fn new(config: DronescoutConfig) -> Self {
        let config = DronescoutConfig {
            payload_bytes_max: config.payload_bytes_max.min(RECEPTION_BYTES_MAX),
            unpacked_bytes_max: config.unpacked_bytes_max.min(16 << 20),
        };
        Self { config, assembler: Assembler::default(), pending: BTreeMap::new() }
    }

    /// One whole payload.
    fn payload(&mut self, received_at: Time, bytes: &[u8], out: &mut Decoded) {
        let length = bytes.len() as u64;
        if bytes.len() > self.config.payload_bytes_max {
            let text = format!("{} bytes, at most {}", bytes.len(), self.config.payload_bytes_max);
            return refuse(FaultKind::Refused, "payload-too-large", &text, 0, length, out);
        }
        let json_first = bytes.iter().find(|b| !is_filler(**b)).is_none_or(|b| matches!(b, b'{' | b'['));
        if json_first || !unpack::looks_packed(bytes) {
            let taken = self.objects(received_at, bytes, 0, true, out);
            out.bytes_used((bytes.len() - taken.used - taken.rejected) as u64);
            if taken.units == 0 {
                refuse(FaultKind::Irrelevant, "empty-payload", "a payload without an object", 0, 0, out);
            }
            return;
        }
        match unpack::unpack(bytes, self.config.unpacked_bytes_max) {
            Ok(unpacked) => {
                // Offsets and bytes are those of the compressed payload: it is used or rejected as a whole.
                let mut inner = if out.wants_details() { Decoded::with_details() } else { Decoded::new() };
                let taken = self.objects(received_at, &unpacked, 0, true, &mut inner);
                if taken.units == 0 {
                    refuse(FaultKind::Irrelevant, "empty-payload", "a payload without an object", 0, 0, &mut inner);
                }
                let used = inner.account.units_used > 0;
                merge(inner, length, out);
                if used { out.bytes_used(length) } else { out.bytes_rejected(length) }
            }
            Err(UnpackError::TooLarge) => {
                let text = format!("more than {} bytes unpacked", self.config.unpacked_bytes_max);
                refuse(FaultKind::Refused, "unpacked-too-large", &text, 0, length, out);
            }
            Err(UnpackError::Broken(text)) => refuse(FaultKind::Malformed, "bad-lzma", text, 0, length, out),
        }
    }

    /// Every object in `bytes`, which start at `base`. With `whole` an incomplete one is broken, else it is left.
    fn objects(&mut self, received_at: Time, bytes: &[u8], base: u64, whole: bool, out: &mut Decoded) -> Taken {
        let mut taken = Taken::default();
        let mut at = 0;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            let filler = rest.iter().take_while(|b| is_filler(**b)).count();
            at += filler;
            taken.end = at;
            let rest = rest.get(filler..).unwrap_or_default();
            if rest.is_empty() {
                return taken;
            }
            let offset = base + at as u64;
            if taken.units >= OBJECTS_PER_PAYLOAD_MAX && whole {
                let text = format!("more than {OBJECTS_PER_PAYLOAD_MAX} objects in a payload");
                refuse(FaultKind::Refused, "too-many-objects", &text, offset, rest.len() as u64, out);
                taken.rejected += rest.len();
                taken.units += 1;
                return taken;
            }
            let length = match next(rest) {
                Next::Incomplete if !whole => return taken,
                Next::Incomplete => {
                    refuse(
                        FaultKind::Malformed,
                        "bad-json",
                        "the payload ends inside an object",
                        offset,
                        rest.len() as u64,
                        out,
                    );
                    taken.rejected += rest.len();
                    taken.units += 1;
                    rest.len()
                }
                Next::Broken(length, text) => {
                    refuse(FaultKind::Malformed, "bad-json", &text, offset, length as u64, out);
                    taken.rejected += length;
                    taken.units += 1;
                    length
                }
                Next::Value(value, length) => {
                    let used_before = out.account.units_used;
                    taken.units += self.value(received_at, &value, offset, length as u64, out);
                    let used = out.account.units_used > used_before;
                    if used {
                        out.bytes_used(length as u64);
                        taken.used += length;
                    } else {
                        out.bytes_rejected(length as u64);
                        taken.rejected += length;
                    }
                    length
                }
            };
            at += length;
        }
    }

    /// An object, or each of an array. Gives the number of units.
    fn value(&mut self, received_at: Time, value: &Value, offset: u64, length: u64, out: &mut Decoded) -> usize {
        let one = std::slice::from_ref(value);
        let objects = value.as_array().map_or(one, Vec::as_slice);
        for object in objects.iter().take(OBJECTS_PER_PAYLOAD_MAX) {
            out.received();
            let mut sections =
                Sections { received_at, offset, length, out, assembler: &mut self.assembler, reports: 0 };
            match sections.read(object) {
                Ok(()) => out.used(),
                Err((kind, reason, text)) => out.reject(fault(kind, reason, &text, offset, length)),
            }
        }
        let over = objects.len().saturating_sub(OBJECTS_PER_PAYLOAD_MAX);
        if over > 0 || objects.is_empty() {
            let text = format!("an array of {} objects (1 to {OBJECTS_PER_PAYLOAD_MAX})", objects.len());
            out.received();
            out.reject(fault(FaultKind::Refused, "array-length", &text, offset, length));
        }
        objects.len().clamp(1, OBJECTS_PER_PAYLOAD_MAX) + usize::from(over > 0)
    }

    /// A piece of a stream of objects (a file, a TCP connection).
    fn stream(&mut self, received_at: Time, connection: u64, offset: u64, bytes: &[u8], out: &mut Decoded) {
        if self.pending.len() >= CONNECTIONS_PER_INPUT_MAX && !self.pending.contains_key(&connection) {
            return refuse(
                FaultKind::Refused,
                "too-many-connections",
                "too many connections",
                offset,
                bytes.len() as u64,
                out,
            );
        }
        let mut pending = self.pending.remove(&connection).unwrap_or_else(|| Pending { offset, bytes: Vec::new() });
        pending.bytes.extend_from_slice(bytes);
        // An object can only be complete when something closed: this keeps slow pieces from being parsed again and again.
        if bytes.iter().any(|b| matches!(b, b'}' | b']')) || pending.bytes.len() > self.config.payload_bytes_max {
            let taken = self.objects(received_at, &pending.bytes, pending.offset, false, out);
            out.bytes_used((taken.end - taken.used - taken.rejected) as u64);
            pending.bytes.drain(..taken.end.min(pending.bytes.len()));
            pending.offset += taken.end as u64;
        }
        if pending.bytes.len() > self.config.payload_bytes_max {
            let text = format!("an object of more than {} bytes", self.config.payload_bytes_max);
            refuse(FaultKind::Refused, "payload-too-large", &text, pending.offset, pending.bytes.len() as u64, out);
            pending = Pending { offset: pending.offset + pending.bytes.len() as u64, bytes: Vec::new() };
        }
        self.pending.insert(connection, pending);
    }

    fn stream_end(&mut self, received_at: Time, connection: u64, out: &mut Decoded) {
        if let Some(pending) = self.pending.remove(&connection) {
            let taken = self.objects(received_at, &pending.bytes, pending.offset, true, out);
            out.bytes_used((pending.bytes.len() - taken.used - taken.rejected) as u64);
        }
    }
}

/// What [`Dronescout::objects`] did.
#[derive(Debug, Default)]
struct Taken {
    /// Objects, used or not.
    units: usize,
    /// Bytes of used objects.
    used: usize,
    /// Bytes of rejected objects.
    rejected: usize,
    /// Bytes gone through, with the filler between objects.
    end: usize,
}

/// What may stand between objects: white space, and the NUL that ends a C string.
fn is_filler(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0)
}

fn next(bytes: &[u8]) -> Next {
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<Value>();
    match values.next() {
        Some(Ok(value)) => Next::Value(value, values.byte_offset()),
        Some(Err(error)) if error.is_eof() => Next::Incomplete,
        // The parser has a limit of its own for nesting (128 levels).
        Some(Err(error)) => Next::Broken(resume(bytes), error.to_string()),
        None => Next::Incomplete,
    }
}

/// Where after a broken object another one may begin: at the next `{` behind a `}` or at the start of a line.
fn resume(bytes: &[u8]) -> usize {
    let starts = |pair: &[u8]| matches!(pair, [b'}' | b'\n' | 0, b'{']);
    bytes.windows(2).position(starts).map_or(bytes.len(), |at| at + 1)
}

/// Counts one unit and rejects it with its bytes.
fn refuse(kind: FaultKind, reason: &'static str, text: &str, offset: u64, length: u64, out: &mut Decoded) {
    out.received();
    out.reject(fault(kind, reason, text, offset, length));
    out.bytes_rejected(length);
}

/// Adds what an unpacked payload gave, as coming from all `length` bytes of the compressed one.
fn merge(inner: Decoded, length: u64, out: &mut Decoded) {
    for found in inner.reports {
        out.report(0, length, found.report);
    }
    for mut fault in inner.faults {
        (fault.offset, fault.length) = (0, length);
        out.faults.push(fault);
    }
    for detail in inner.details {
        out.detail(0, length, || detail.message);
    }
    out.account.units_received += inner.account.units_received;
    out.account.units_used += inner.account.units_used;
    for (reason, units) in inner.account.units_rejected {
        *out.account.units_rejected.entry(reason).or_default() += units;
    }
}

impl Decoder for Dronescout {
    fn decode(&mut self, received_at: Time, envelope: &Envelope, bytes: &[u8], out: &mut Decoded) {
        match envelope {
            Envelope::Stream { connection, offset } => self.stream(received_at, *connection, *offset, bytes, out),
            Envelope::StreamEnd { connection } => self.stream_end(received_at, *connection, out),
            Envelope::Datagram | Envelope::Message { .. } | Envelope::Frame { .. } => {
                self.payload(received_at, bytes, out);
            }
        }
    }

    fn pending_bytes(&self) -> u64 {
        self.pending.values().map(|p| p.bytes.len() as u64).sum()
    }

    fn save(&self) -> Vec<u8> {
        crate::state::save(&(self.assembler.save(), &self.pending))
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), BadState> {
        type Saved = (Vec<u8>, BTreeMap<u64, Pending>);
        let (assembler, pending): Saved = crate::state::restore(state, |(_, pending): &Saved| {
            let fits = |p: &Pending| p.bytes.len() <= self.config.payload_bytes_max;
            pending.len() <= CONNECTIONS_PER_INPUT_MAX && pending.values().all(fits)
        })?;
        self.assembler = Assembler::restore(&assembler)?;
        self.pending = pending;
        Ok(())
    }
}
