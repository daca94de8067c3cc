//! Tests on real payloads, golden and malformed cases, round trips and hostile input.

mod hostile;

use super::{
    Dronescout, DronescoutConfig, FORMAT, Heard, decode_uas_data, encode_data, encode_location, encode_status,
    encode_uas_data,
};
use crate::remote_id::Mac;
use crate::remote_id::message::{Body, MESSAGE_BYTES, Message};
use crate::{Decoded, Decoder};
use base64::Engine;
use lapwing_model::{Claim, Envelope, NameKind, Place, Protocol, Report, SensorHealth, Time, Transmitter};
use proptest::prelude::*;

macro_rules! data {
    ($name:literal) => {
        include_bytes!(concat!("../../../../../testdata/formats/dronescout/", $name)).as_slice()
    };
}

/// File, what it is carried by, how many messages.
const REAL: &[(&[u8], Protocol, usize)] = &[
    (data!("BLE-legacy.json"), Protocol::RemoteIdBluetoothLegacy, 19),
    (data!("BLE-long_range.json"), Protocol::RemoteIdBluetoothLongRange, 4),
    (data!("WiFi-NaN.json"), Protocol::RemoteIdWifiNan, 3),
    (data!("WiFi-beacon.json"), Protocol::RemoteIdWifiBeacon, 2),
];

pub(super) fn message() -> Envelope {
    Envelope::Message { topic: "/sensor/x/upload".to_owned() }
}

pub(super) fn decode(bytes: &[u8]) -> Decoded {
    let mut out = Decoded::with_details();
    let received_at = Time::from_civil(2025, 1, 1, 0, 0, 0, 0).unwrap();
    Dronescout::new(DronescoutConfig::default()).decode(received_at, &message(), bytes, &mut out);
    assert!(out.account.balances(), "{:?}", out.account);
    assert_eq!(out.account.bytes_used + out.account.bytes_rejected, bytes.len() as u64);
    out
}

fn claims(out: &Decoded) -> Vec<&Claim> {
    out.reports
        .iter()
        .filter_map(|r| match &r.report {
            Report::Claim(claim) => Some(claim.as_ref()),
            _ => None,
        })
        .collect()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9
}

#[test]
fn every_real_message_is_read() {
    for (bytes, protocol, count) in REAL {
        let out = decode(bytes);
        assert_eq!(out.faults, []);
        assert_eq!(out.account.units_used, *count as u64);
        let claims = claims(&out);
        assert_eq!(claims.len(), *count);
        for claim in claims {
            assert_eq!(claim.protocol, *protocol);
            assert_eq!(claim.sensor.as_ref().unwrap().as_str(), "SNSTAC-CUAS-0002");
            let name = claim.names.first().unwrap();
            assert_eq!((name.kind, name.value.as_str()), (NameKind::Serial, "1787F04BM24010011195"));
            let place = claim.place.unwrap();
            assert!(place.distance_m(Place { latitude_deg: 37.76, longitude_deg: -122.4977 }) < 100.0, "{place:?}");
            assert_eq!(claim.heights.altitude_pressure_m, None, "-1000 is unknown");
            assert!(claim.measured_at.unwrap().to_string().starts_with("2024-12-31T20:38:"), "{:?}", claim.measured_at);
        }
    }
}

/// The values that FORMATS of the receiver's own decoder give for the first fixture.
#[test]
fn the_fields_of_a_structure_are_in_their_places() {
    let out = decode(data!("WiFi-NaN.json"));
    let claims = claims(&out);
    let claim = claims.first().unwrap();
    assert_eq!(claim.transmitter, Some(Transmitter::Mac("7a:60:b8:80:be:e4".into())));
    assert_eq!((claim.rssi_db, claim.channel), (Some(-85.0), Some(6)));
    let place = claim.place.unwrap();
    assert!(close(place.latitude_deg, 37.759_979) || (place.latitude_deg - 37.759_979).abs() < 1e-4, "{place:?}");
    assert_eq!(claim.heights.height_ellipsoid_m, Some(28.0));
    assert_eq!(claim.heights.height_above_takeoff_m, Some(-17.5));
    assert_eq!(claim.horizontal_accuracy_m, Some(1.0));
    assert_eq!(claim.heights.vertical_accuracy_m, Some(3.0));
    assert_eq!(claim.heights.pressure_accuracy_m, None);
    assert_eq!(claim.speed_accuracy_mps, Some(0.3));
    assert_eq!(claim.timestamp_accuracy_s, Some(0.1));
    assert_eq!(claim.timestamp_raw_s, Some(2307.0));
    let operator = claim.operator.as_ref().unwrap();
    let place = *operator.place.unwrap().reveal();
    assert!(close(place.latitude_deg, 37.759_964_3) && close(place.longitude_deg, -122.497_668_3), "{place:?}");
}

#[test]
fn status_and_plain_payloads_are_read() {
    let out = decode(data!("sensor_status.json"));
    let [found] = out.reports.as_slice() else { panic!("{:?}", out.reports) };
    let Report::SensorStatus(status) = &found.report else { panic!() };
    assert_eq!(status.health, Some(SensorHealth::Ok));
    assert_eq!(status.sensor.as_ref().unwrap().as_str(), "test_sensor_id_001");
    assert_eq!(status.measured_at.unwrap().to_string(), "2024-12-31T20:38:45Z");
    assert_eq!(status.text.as_ref().unwrap().as_str(), "ds230, firmware 20220509-1035, normal");

    let out = decode(data!("ua_payload.json"));
    assert_eq!(out.faults, []);
    let claims = claims(&out);
    let [claim] = claims.as_slice() else { panic!("{claims:?}") };
    assert_eq!(claim.names.first().unwrap().value.as_str(), "1581F4QWB22CC00302LV");
    assert!(close(claim.place.unwrap().latitude_deg, 37.828_807_8));
    assert_eq!((claim.course_rad, claim.speed_mps), (None, Some(0.0)));
    assert_eq!((claim.heights.altitude_pressure_m, claim.heights.height_ellipsoid_m), (None, Some(-32.0)));
    assert_eq!((claim.heights.height_above_ground_m, claim.heights.height_above_takeoff_m), (Some(0.0), None));
    assert_eq!(claim.timestamp_raw_s, Some(3254.6));
    assert_eq!(claim.channel, Some(149));
    assert_eq!(claim.operator.as_ref().unwrap().height_ellipsoid_m, Some(-34.5));
    assert_eq!(claim.measured_at.unwrap().to_string(), "2025-12-31T21:54:14.600Z");
}

const CASES: &[(&str, &[u8])] = &[
    ("aircraft", data!("aircraft.bin")),
    ("all-sections", data!("all-sections.bin")),
    ("glued-and-terminated", data!("glued-and-terminated.bin")),
    ("location", data!("location.bin")),
    ("malformed/base64", data!("malformed/base64.bin")),
    ("malformed/between-good", data!("malformed/between-good.bin")),
    ("malformed/bomb.lzma", data!("malformed/bomb.lzma.bin")),
    ("malformed/bomb.xz", data!("malformed/bomb.xz.bin")),
    ("malformed/deep", data!("malformed/deep.bin")),
    ("malformed/lzma", data!("malformed/lzma.bin")),
    ("malformed/no-section", data!("malformed/no-section.bin")),
    ("malformed/not-json", data!("malformed/not-json.bin")),
    ("malformed/nothing-valid", data!("malformed/nothing-valid.bin")),
    ("malformed/protocol", data!("malformed/protocol.bin")),
    ("malformed/uas-data-field", data!("malformed/uas-data-field.bin")),
    ("malformed/uas-data-size", data!("malformed/uas-data-size.bin")),
    ("status.lzma", data!("status.lzma.bin")),
    ("status.xz", data!("status.xz.bin")),
    ("ua-payload", data!("ua_payload.json")),
    ("wifi-beacon", data!("WiFi-beacon.json")),
];

#[test]
fn every_case_gives_what_stands_beside_it() {
    for (name, bytes) in CASES {
        let out = decode(bytes);
        assert_eq!(name.starts_with("malformed"), !out.faults.is_empty(), "{name}");
        crate::remote_id::golden("dronescout", name, &out);
    }
}

#[test]
fn real_structures_encode_to_the_same_bytes() {
    let mut checked = 0;
    for (bytes, ..) in REAL {
        let values: Vec<serde_json::Value> = serde_json::Deserializer::from_slice(bytes)
            .into_iter()
            .flat_map(|v: Result<serde_json::Value, _>| match v.unwrap() {
                serde_json::Value::Array(values) => values,
                one => vec![one],
            })
            .collect();
        for value in values {
            let original =
                base64::engine::general_purpose::STANDARD.decode(value["data"]["UASdata"].as_str().unwrap()).unwrap();
            let messages: Vec<Message> = decode_uas_data(&original).unwrap().into_iter().map(Result::unwrap).collect();
            let encoded = encode_uas_data(&messages);
            let differs: Vec<usize> = (0..original.len()).filter(|i| original[*i] != encoded[*i]).collect();
            assert_eq!(differs, Vec::<usize>::new(), "bytes that differ");
            checked += 1;
        }
    }
    assert_eq!(checked, 28);
}

#[test]
fn what_a_simulated_receiver_sends_is_read() {
    let at = Time::from_civil(2025, 6, 1, 12, 30, 0, 0).unwrap();
    let out = decode(
        &[
            encode_status("ds-1", at, "normal"),
            encode_location("ds-1", at, Place { latitude_deg: 47.0, longitude_deg: 8.0 }, 400.0),
        ]
        .concat(),
    );
    assert_eq!((out.reports.len(), out.faults.len()), (2, 0));
    assert_eq!(out.account.units_used, 2, "glued objects are two units");
}

#[test]
fn a_stream_in_any_pieces_gives_the_same() {
    let whole =
        [data!("BLE-legacy.json"), data!("all-sections.bin"), data!("WiFi-NaN.json"), b"{\"protocol\":1.0,"].concat();
    let mut expected = None;
    for step in [whole.len(), 1000, 17] {
        let mut decoder = Dronescout::new(DronescoutConfig::default());
        let mut out = Decoded::new();
        let mut offset = 0;
        for piece in whole.chunks(step) {
            decoder.decode(Time::default(), &Envelope::Stream { connection: 3, offset }, piece, &mut out);
            offset += piece.len() as u64;
            assert_eq!(out.account.bytes_used + out.account.bytes_rejected + decoder.pending_bytes(), offset);
        }
        assert!(decoder.pending_bytes() > 0, "the cut object waits");
        decoder.decode(Time::default(), &Envelope::StreamEnd { connection: 3 }, &[], &mut out);
        assert_eq!(decoder.pending_bytes(), 0);
        assert!(out.account.balances());
        assert_eq!(out.account.bytes_used + out.account.bytes_rejected, whole.len() as u64);
        assert_eq!(out.account.units_used, 19 + 1 + 3);
        assert_eq!(out.faults.len(), 1, "{:?}", out.faults);
        let got = (out.reports, out.faults, out.account);
        assert_eq!(expected.get_or_insert_with(|| got.clone()), &got, "pieces of {step} bytes");
    }
}

#[test]
fn a_stream_without_end_is_bounded() {
    let mut decoder = Dronescout::new(DronescoutConfig { payload_bytes_max: 10_000, ..DronescoutConfig::default() });
    let mut out = Decoded::new();
    for i in 0..100_u64 {
        decoder.decode(Time::default(), &Envelope::Stream { connection: 0, offset: i * 1000 }, &[b'['; 1000], &mut out);
        assert!(decoder.pending_bytes() <= 10_000);
    }
    assert!(out.account.balances());
    assert_eq!(out.account.bytes_rejected + decoder.pending_bytes(), 100_000);
}

#[test]
fn the_sample_opens_and_an_unknown_key_does_not() {
    use crate::remote_id::open_with;
    assert!(open_with(&FORMAT, FORMAT.sample).is_ok());
    assert!(open_with(&FORMAT, "payload_byte_max = 6").err().unwrap().contains("payload_byte_max"));
}

proptest! {
    #[test]
    fn messages_survive_the_structure(bodies in prop::collection::vec((0u8..=5, any::<[u8; MESSAGE_BYTES]>()), 1..6), mac: [u8; 6]) {
        // One message of each kind, as the structure holds them, without what it has no room for (reserved bits).
        let mut kinds = std::collections::BTreeMap::new();
        for (kind, mut bytes) in bodies {
            bytes[0] = (kind << 4) | 2;
            let message = Message::decode(&bytes).unwrap();
            if !message.has_impossible_place() {
                kinds.insert(kind, without_reserved(message));
            }
        }
        let messages: Vec<Message> = kinds.into_values().collect();
        let structure = encode_uas_data(&messages);
        let back: Vec<Message> = decode_uas_data(&structure).unwrap().into_iter().map(Result::unwrap).collect();
        prop_assert_eq!(encode_uas_data(&back), structure);
        prop_assert_eq!(back.len(), messages.len());
        let heard = Heard {
            at: Time::from_seconds(1_700_000_000), mac: Mac(mac), protocol: Protocol::RemoteIdWifiBeacon, rssi_dbm: -50, channel: 6,
        };
        let out = decode(&encode_data("ds-1", heard, &messages));
        prop_assert_eq!(out.reports.len(), usize::from(!messages.is_empty()));
    }
}

fn without_reserved(mut message: Message) -> Message {
    match &mut message.body {
        Body::Location(m) => (m.reserved_flag, m.reserved_nibble, m.reserved_byte) = (false, 0, 0),
        Body::System(m) => (m.reserved_bits, m.reserved_byte) = (0, 0),
        _ => {}
    }
    message
}
