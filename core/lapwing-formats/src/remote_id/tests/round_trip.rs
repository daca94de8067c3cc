//! encode(decode(x)) = x.

use super::{anafi_real, anafi_spoofed, wifi_beacon_sample, wifi_nan_sample};
use crate::remote_id::message::{MESSAGE_BYTES, Message};
use crate::remote_id::{
    BluetoothCapture, BluetoothRadio, Mac, RemoteId, RemoteIdConfig, WifiRadio, decode_payload, encode_advertisement,
    encode_beacon, encode_nan, encode_pack, ieee80211,
};
use crate::{Decoded, Decoder};
use lapwing_model::{Envelope, Report, Time};
use proptest::prelude::*;

#[test]
fn every_message_of_every_capture() {
    let mut checked = 0;
    for frame in [anafi_real(), anafi_spoofed(), wifi_beacon_sample(), wifi_nan_sample()].iter().flatten() {
        let Ok(found) = ieee80211::decode_radiotap(&frame.bytes) else { continue };
        for payload in found.payloads {
            let units = decode_payload(payload.bytes);
            for unit in &units {
                let Ok(message) = unit.result else { continue };
                assert_eq!(payload.bytes[unit.offset..unit.offset + MESSAGE_BYTES], message.encode());
                checked += 1;
            }
            let messages: Result<Vec<Message>, _> = units.iter().map(|u| u.result).collect();
            if let (Ok(messages), 0xF) = (messages, payload.bytes[0] >> 4) {
                assert_eq!(payload.bytes, encode_pack(&messages));
            }
        }
    }
    assert_eq!(checked, 2295 + 78 + 105 + 42);
}

/// Any 25 bytes of a defined type and version: every bit pattern of every field.
fn message_bytes() -> impl Strategy<Value = [u8; MESSAGE_BYTES]> {
    (0u8..=5, 0u8..=2, any::<[u8; MESSAGE_BYTES]>()).prop_map(|(kind, version, mut bytes)| {
        bytes[0] = (kind << 4) | version;
        bytes
    })
}

fn carried(envelope: u16, frame: &[u8]) -> Decoded {
    let mut out = Decoded::with_details();
    let mut decoder = RemoteId::new(RemoteIdConfig::default());
    decoder.decode(Time::from_seconds(1_700_000_000), &Envelope::Frame { link_type: envelope }, frame, &mut out);
    assert!(out.account.balances());
    out
}

proptest! {
    #[test]
    fn every_message(bytes in message_bytes()) {
        let message = Message::decode(&bytes).unwrap();
        prop_assert_eq!(message.encode(), bytes);
        // What is printed is JSON with a type.
        let json = serde_json::to_value(message).unwrap();
        prop_assert!(json["message_type"].is_string());
    }

    #[test]
    fn every_pack(messages in prop::collection::vec(message_bytes(), 1..=9)) {
        let decoded: Vec<Message> = messages.iter().map(|b| Message::decode(b).unwrap()).collect();
        let pack = encode_pack(&decoded);
        let units = decode_payload(&pack);
        let back: Vec<Message> = units.iter().map(|u| u.result.unwrap()).collect();
        prop_assert_eq!(&back, &decoded);
        prop_assert_eq!(encode_pack(&back), pack);
    }

    #[test]
    fn every_carrier_brings_the_same_messages(messages in prop::collection::vec(message_bytes(), 1..=9), mac: [u8; 6], counter: u8) {
        let decoded: Vec<Message> = messages.iter().map(|b| Message::decode(b).unwrap()).collect();
        let pack = encode_pack(&decoded);
        let wifi = WifiRadio { channel: 6, rssi_dbm: -50, receiver_clock_us: 5 };
        let bluetooth = BluetoothRadio { channel: 8, rssi_dbm: -50, receiver_clock_us: 5 };
        let mac = Mac(mac);
        let mut frames = vec![
            (127, encode_beacon(wifi, mac, "test", counter, &pack)),
            (127, encode_nan(wifi, mac, counter, &pack)),
        ];
        for capture in [BluetoothCapture::LinkLayer, BluetoothCapture::WithPseudoHeader, BluetoothCapture::Nordic] {
            frames.push((capture.link_type(), encode_advertisement(capture, bluetooth, mac, true, counter, &pack)));
            let single = encode_advertisement(capture, bluetooth, mac, false, counter, &messages[0]);
            prop_assert_eq!(carried(capture.link_type(), &single).account.units_used, 1);
        }
        for (link_type, frame) in frames {
            let out = carried(link_type, &frame);
            prop_assert_eq!(out.account.units_used, messages.len() as u64, "{}", link_type);
            for found in &out.reports {
                let Report::Claim(claim) = &found.report else { panic!() };
                prop_assert_eq!(claim.counter, Some(counter));
            }
        }
    }
}
