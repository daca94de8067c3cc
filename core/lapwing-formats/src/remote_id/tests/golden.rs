//! One frame or message a file, `<case>.<link type or "datagram">.bin`; what it gives stands beside it.

use crate::remote_id::{RemoteId, RemoteIdConfig};
use crate::{Decoded, Decoder};
use lapwing_model::{Envelope, Time};

macro_rules! cases {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_bytes!(concat!("../../../../../testdata/formats/remote-id/", $name, ".bin")).as_slice())),*]
    };
}

const CASES: &[(&str, &[u8])] = cases![
    "authentication-page-missing.datagram",
    "beacon-one-message.127",
    "beacon-pack-of-five.105",
    "beacon-pack-of-five.127",
    "beacon-pack-of-four.127",
    "bluetooth4-basic-id.256",
    "bluetooth4-location.251",
    "bluetooth4-location.272",
    "bluetooth5-pack.256",
    "bluetooth5-pack.272",
    "malformed/bad-crc.251",
    "malformed/bad-fcs.127",
    "malformed/beacon-element-too-short.127",
    "malformed/chained-pack.251",
    "malformed/empty-pack.datagram",
    "malformed/impossible-place.datagram",
    "malformed/link-type.1",
    "malformed/message-cut.datagram",
    "malformed/message-type.datagram",
    "malformed/nested-pack.datagram",
    "malformed/nothing.datagram",
    "malformed/pack-count.datagram",
    "malformed/pack-message-size.datagram",
    "malformed/pack-truncated.datagram",
    "malformed/protocol-version.datagram",
    "malformed/radiotap-cut.127",
    "malformed/trailing-message.datagram",
    "message-location.datagram",
    "nan-service-discovery.127",
    "nan-sync-beacon.127",
    "pack-authentication.datagram",
    "pack.datagram",
];

#[test]
fn every_case_gives_what_stands_beside_it() {
    for (name, bytes) in CASES {
        let envelope = match name.rsplit('.').next().unwrap() {
            "datagram" => Envelope::Datagram,
            number => Envelope::Frame { link_type: number.parse().unwrap() },
        };
        let received_at = Time::from_civil(2023, 4, 16, 8, 46, 29, 0).unwrap();
        let mut out = Decoded::with_details();
        RemoteId::new(RemoteIdConfig::default()).decode(received_at, &envelope, bytes, &mut out);
        assert!(out.account.balances(), "{name}");
        assert_eq!(out.account.bytes_used + out.account.bytes_rejected, bytes.len() as u64, "{name}");
        assert_eq!(name.starts_with("malformed"), !out.faults.is_empty() && !name.contains("sync"), "{name}");
        golden("remote-id", name, &out);
    }
}

/// Compares what a decoder gave with the file beside the case `name` of a format.
pub(crate) fn golden(format: &str, name: &str, out: &Decoded) {
    let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
    let path = format!("../../../../../testdata/formats/{format}/{folder}");
    insta::with_settings!({ snapshot_path => path, prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(file, text(out));
    });
}

/// What a decoder gave, as JSON text.
fn text(out: &Decoded) -> String {
    let reports: Vec<_> = out
        .reports
        .iter()
        .map(|r| serde_json::json!({ "offset": r.offset, "length": r.length, "report": r.report }))
        .collect();
    let details: Vec<_> = out
        .details
        .iter()
        .map(|d| serde_json::json!({ "offset": d.offset, "length": d.length, "message": d.message }))
        .collect();
    let all = serde_json::json!({ "reports": reports, "faults": out.faults, "messages": details });
    serde_json::to_string_pretty(&all).unwrap()
}
