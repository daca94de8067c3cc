//! Broadcast Remote ID: ASTM F3411-22a and EN 4709-002 messages in 802.11 beacons, Wi-Fi NaN service discovery frames
//! and Bluetooth 4 and 5 advertisements, or bare.
//!
//! A unit is one Remote ID message (or what stands in the place of one), and a frame without Remote ID is one unit that
//! is irrelevant. One transmission gives one claim that holds what all its messages say; Bluetooth 4 sends one message at
//! a time, so its claims are partial.

mod auth;
mod bluetooth;
mod bytes;
mod carrier;
pub(crate) mod claim;
mod codes;
pub mod fields;
mod ieee80211;
pub mod message;
mod pack;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use tests::{Random, golden, open_with};

pub use auth::{Assembler, Assembly, pages as authentication_pages};
pub use bluetooth::{BluetoothCapture, BluetoothRadio, encode_advertisement};
pub(crate) use bytes::crc32;
pub use carrier::{Carrier, Mac};
pub use ieee80211::{WifiRadio, encode_beacon, encode_nan};
pub use pack::{Unit, decode_payload, encode_pack};

use crate::{BadState, ConfigTable, Decoded, Decoder, Format, fault};
use carrier::{FrameError, Payload};
use claim::ClaimBuilder;
use lapwing_model::{Envelope, FaultKind, Protocol, Report, Time};
use message::{Body, Message, MessageError};
use serde::{Deserialize, Serialize};

/// 802.11 without a radio header.
pub const LINKTYPE_IEEE802_11: u16 = 105;
/// 802.11 with radiotap.
pub const LINKTYPE_IEEE802_11_RADIOTAP: u16 = 127;
/// Bluetooth LE link layer.
pub const LINKTYPE_BLUETOOTH_LE_LL: u16 = 251;
/// Bluetooth LE link layer with a pseudo-header.
pub const LINKTYPE_BLUETOOTH_LE_LL_WITH_PHDR: u16 = 256;
/// nRF sniffer.
pub const LINKTYPE_NORDIC_BLE: u16 = 272;

/// This format's entry in the registry.
pub const FORMAT: Format = Format {
    name: "remote-id",
    summary: "Broadcast Remote ID (ASTM F3411, EN 4709-002): Wi-Fi and Bluetooth frames out of captures, or bare messages",
    decoder: Some(open),
    encoder: None,
    sample: "",
};

/// Settings: none yet; an unknown key is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RemoteIdConfig {}

fn open(table: ConfigTable<'_>) -> Result<Box<dyn Decoder>, toml::de::Error> {
    let config = RemoteIdConfig::deserialize(toml::de::ValueDeserializer::from(table))?;
    Ok(Box::new(RemoteId::new(config)))
}

/// The decoder.
#[derive(Debug, Default)]
pub struct RemoteId {
    assembler: Assembler,
}

impl RemoteId {
    /// A decoder that has heard nothing.
    pub fn new(_config: RemoteIdConfig) -> Self {
        Self::default()
    }

    /// Uses one payload of a transmission and gives the bytes of it that were rejected.
    fn payload(&mut self, received_at: Time, carrier: &Carrier, payload: &Payload<'_>, out: &mut Decoded) -> u64 {
        let mut rejected = 0;
        let mut builder = ClaimBuilder::new(carrier, payload.counter);
        let (at, length) = (payload.offset as u64, payload.bytes.len() as u64);
        for Unit { offset, length: unit_length, result } in decode_payload(payload.bytes) {
            let (unit_at, unit_length) = (at + offset as u64, unit_length as u64);
            out.received();
            match result {
                Ok(message) => {
                    let assembly = self.authentication(received_at, carrier, &message);
                    out.detail(unit_at, unit_length, || detail(carrier, payload.counter, &message, assembly.as_ref()));
                    if message.has_impossible_place() {
                        let text = "a latitude or longitude off the globe, taken as unknown";
                        out.fault(fault(FaultKind::Malformed, "impossible-place", text, unit_at, unit_length));
                    }
                    if !builder.takes(&message) {
                        let full = std::mem::replace(&mut builder, ClaimBuilder::new(carrier, payload.counter));
                        out.report(at, length, Report::Claim(Box::new(full.finish())));
                    }
                    builder.add(received_at, &message, assembly.as_ref());
                    out.used();
                }
                Err(error) => {
                    let kind = match error {
                        MessageError::UnknownType(_) | MessageError::ReservedVersion(_) => FaultKind::Unsupported,
                        _ => FaultKind::Malformed,
                    };
                    out.reject(fault(kind, error.reason(), &error.to_string(), unit_at, unit_length));
                    rejected += unit_length;
                }
            }
        }
        if !builder.is_empty() {
            out.report(at, length, Report::Claim(Box::new(builder.finish())));
        }
        rejected
    }

    fn authentication(&mut self, received_at: Time, carrier: &Carrier, message: &Message) -> Option<Assembly> {
        let Body::Authentication(page) = &message.body else { return None };
        // Pages of one signature come from one address by one carrier; without an address they share a table entry.
        let mut key = vec![carrier.protocol as u8];
        key.extend(carrier.mac.iter().flat_map(|mac| mac.0));
        Some(self.assembler.add(&key, received_at, message.protocol_version, page))
    }
}

fn detail(carrier: &Carrier, counter: Option<u8>, message: &Message, assembly: Option<&Assembly>) -> serde_json::Value {
    let mut value = serde_json::json!({ "carrier": carrier, "counter": counter, "assembled": assembly });
    if let (Some(all), Ok(serde_json::Value::Object(fields))) = (value.as_object_mut(), serde_json::to_value(message)) {
        all.extend(fields);
    }
    value
}

impl Decoder for RemoteId {
    fn decode(&mut self, received_at: Time, envelope: &Envelope, bytes: &[u8], out: &mut Decoded) {
        let length = bytes.len() as u64;
        let found = match envelope {
            Envelope::Frame { link_type } => match *link_type {
                LINKTYPE_IEEE802_11 => ieee80211::decode_bare(bytes),
                LINKTYPE_IEEE802_11_RADIOTAP => ieee80211::decode_radiotap(bytes),
                LINKTYPE_BLUETOOTH_LE_LL => bluetooth::decode_ll(bytes),
                LINKTYPE_BLUETOOTH_LE_LL_WITH_PHDR => bluetooth::decode_ll_with_phdr(bytes),
                LINKTYPE_NORDIC_BLE => bluetooth::decode_nordic(bytes),
                _ => Err(FrameError::unsupported("link-type", "a link type that is neither 802.11 nor Bluetooth LE")),
            },
            Envelope::Datagram | Envelope::Message { .. } => Ok(carrier::Found {
                carrier: Carrier::new(Protocol::RemoteId),
                payloads: vec![Payload { offset: 0, counter: None, bytes }],
            }),
            Envelope::StreamEnd { .. } => return,
            Envelope::Stream { .. } => {
                Err(FrameError::unsupported("stream", "Remote ID messages have no framing for a byte stream"))
            }
        };
        match found {
            Ok(found) => {
                let used_before = out.account.units_used;
                let rejected: u64 =
                    found.payloads.iter().map(|p| self.payload(received_at, &found.carrier, p, out)).sum();
                // The framing goes with what was used; a frame of which nothing was used is rejected whole.
                let rejected = if out.account.units_used == used_before { length } else { rejected.min(length) };
                out.bytes_rejected(rejected);
                out.bytes_used(length - rejected);
            }
            Err(FrameError { kind, reason, detail }) => {
                out.received();
                out.reject(fault(kind, reason, detail, 0, length));
                out.bytes_rejected(length);
            }
        }
    }

    fn save(&self) -> Vec<u8> {
        self.assembler.save()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), BadState> {
        self.assembler = Assembler::restore(state)?;
        Ok(())
    }
}
