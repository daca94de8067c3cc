//! Golden and malformed cases, streams cut anywhere, round trips, and the schema held against the decoder.

mod events;
mod round_trip;
mod schema;

use super::{Json, OBJECT_BYTES_MAX};
use crate::{Decoded, Decoder};
use lapwing_model::{Envelope, Report, Time, limits};
use std::fmt::Write as _;

macro_rules! cases {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_bytes!(concat!("../../../../../testdata/formats/json/", $name)).as_slice())),*]
    };
}

pub(super) const GOLDEN: &[(&str, &[u8])] =
    cases!["every-kind.jsonl", "array.json", "glued-and-pretty.json", "byte-order-mark.jsonl"];

const MALFORMED: &[(&str, &[u8])] = cases![
    "malformed/backslash-at-end.json",
    "malformed/broken-element-one-line.json",
    "malformed/broken-element.json",
    "malformed/broken-json.jsonl",
    "malformed/missing-keys.jsonl",
    "malformed/not-utf8.jsonl",
    "malformed/open-array.json",
    "malformed/text-cut.jsonl",
    "malformed/too-deep.jsonl",
    "malformed/unknown-keys.jsonl",
    "malformed/wrong-values.jsonl",
];

pub(super) fn message() -> Envelope {
    Envelope::Message { topic: "sensor".to_owned() }
}

pub(super) fn decode(bytes: &[u8]) -> Decoded {
    let mut out = Decoded::with_details();
    Json::new().decode(Time::default(), &message(), bytes, &mut out);
    assert!(out.account.balances(), "{:?}", out.account);
    assert_eq!(out.account.bytes_used + out.account.bytes_rejected, bytes.len() as u64);
    out
}

fn decode_line(line: &str) -> Decoded {
    decode(line.as_bytes())
}

/// Decodes bytes as a stream in the given pieces, with its end.
fn decode_stream<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Decoded {
    let mut out = Decoded::with_details();
    let mut decoder = Json::new();
    let mut offset = 0;
    for piece in pieces {
        decoder.decode(Time::default(), &Envelope::Stream { connection: 3, offset }, piece, &mut out);
        offset += piece.len() as u64;
        let counted = out.account.bytes_used + out.account.bytes_rejected + decoder.pending_bytes();
        assert_eq!(counted, offset, "bytes are counted once");
        assert!(decoder.pending_bytes() <= OBJECT_BYTES_MAX as u64);
    }
    decoder.decode(Time::default(), &Envelope::StreamEnd { connection: 3 }, &[], &mut out);
    assert_eq!(decoder.pending_bytes(), 0);
    assert!(out.account.balances());
    assert_eq!(out.account.bytes_used + out.account.bytes_rejected, offset);
    out
}

/// What a decoder gave, one line each.
fn text(out: &Decoded) -> String {
    let mut text = String::new();
    for found in &out.reports {
        let report = serde_json::to_string(&found.report).unwrap();
        writeln!(text, "report {}+{} {report}", found.offset, found.length).unwrap();
    }
    for fault in &out.faults {
        let kind = serde_json::to_value(fault.kind).unwrap();
        let (offset, length) = (fault.offset, fault.length);
        writeln!(text, "fault {offset}+{length} {} {}: {}", kind.as_str().unwrap(), fault.reason, fault.detail)
            .unwrap();
    }
    let account = &out.account;
    let (received, used) = (account.units_received, account.units_used);
    write!(text, "units {received} received, {used} used, rejected {:?}; ", account.units_rejected).unwrap();
    writeln!(text, "bytes {} used, {} rejected", account.bytes_used, account.bytes_rejected).unwrap();
    text
}

#[test]
fn every_case_gives_what_stands_beside_it() {
    for (name, bytes) in GOLDEN.iter().chain(MALFORMED) {
        let out = decode(bytes);
        assert_eq!(name.starts_with("malformed"), !out.faults.is_empty(), "{name}: {:?}", out.faults);
        assert_eq!(out.details.len(), out.reports.len(), "{name}");
        let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
        let path = format!("../../../../../testdata/formats/json/{folder}");
        insta::with_settings!({ snapshot_path => path, prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(file, text(&out));
        });
    }
}

#[test]
fn details_hold_every_key_of_the_message() {
    let out = decode_line(r#"{"type":"bearing","azimuth_deg":45,"class":"bird"}"#);
    let detail = &out.details.first().unwrap().message;
    assert_eq!(detail["type"], "bearing");
    assert_eq!(detail["azimuth_deg"], 45.0);
    assert_eq!(detail["class"], "bird");
    assert!(detail["azimuth_sd_deg"].is_null() && detail.as_object().unwrap().contains_key("azimuth_sd_deg"));
    assert!(detail.get("range_m").is_none(), "a bearing has no range");
}

#[test]
fn a_stream_cut_anywhere_gives_the_same() {
    let lines = GOLDEN.iter().chain(MALFORMED).filter(|(name, _)| name.ends_with(".jsonl"));
    for (name, bytes) in lines {
        let whole = decode_stream(std::iter::once(*bytes));
        for size in [1, 2, 3, 7, 64, 1000] {
            let cut = decode_stream(bytes.chunks(size));
            assert_eq!(cut.reports, whole.reports, "{name} in pieces of {size}");
            assert_eq!(cut.faults, whole.faults, "{name} in pieces of {size}");
            assert_eq!(cut.account, whole.account, "{name} in pieces of {size}");
        }
    }
}

#[test]
fn a_last_line_without_its_end_is_used() {
    let out = decode_stream(b"{\"type\":\"presence\"}\n{\"type\":\"presence\"}".chunks(5));
    assert_eq!(out.account.units_used, 2);
    let out = decode_stream(b"{\"type\":\"presence\"}\n{\"type\":\"pres".chunks(5));
    assert_eq!((out.account.units_used, out.account.rejected_total()), (1, 1));
    assert_eq!(out.faults.first().unwrap().offset, 20);
}

#[test]
fn good_and_bad_mixed_are_counted_to_the_message() {
    let bad = [r#"{"type":"bearing"}"#, "rubbish", r#"{"type":"presence","scan":-1}"#, "[]", "{\"type\":"];
    let mut bytes = Vec::new();
    for i in 0..10_000 {
        let good = format!("{{\"type\":\"position\",\"latitude_deg\":{},\"longitude_deg\":8}}", i % 90);
        let line = if i % 3 == 0 { bad[i / 3 % bad.len()] } else { good.as_str() };
        bytes.extend(line.as_bytes());
        bytes.push(b'\n');
    }
    let out = decode_stream(bytes.chunks(1_448));
    assert_eq!(out.account.units_received, 10_000);
    assert_eq!(out.account.units_used, 6_666);
    assert_eq!(out.account.rejected_total(), 3_334);
    assert_eq!(out.reports.len(), 6_666);
    assert_eq!(out.faults.len(), 3_334);
}

#[test]
fn a_line_without_end_is_dropped_and_the_next_one_used() {
    let mut bytes = vec![b'x'; 3 * OBJECT_BYTES_MAX];
    bytes.extend(b"\n{\"type\":\"presence\"}\n");
    for size in [1_000, OBJECT_BYTES_MAX, bytes.len()] {
        let out = decode_stream(bytes.chunks(size));
        assert_eq!(out.account.units_used, 1);
        assert_eq!(out.account.units_rejected.get("too-long"), Some(&1));
    }
}

#[test]
fn an_object_over_the_bound_is_refused_in_a_message_too() {
    let filler = "x".repeat(OBJECT_BYTES_MAX);
    let text = format!("[{{\"type\":\"presence\",\"extra\":\"{filler}\"}},{{\"type\":\"presence\"}}]");
    let out = decode_line(&text);
    assert_eq!(out.account.units_used, 1);
    assert_eq!(out.account.units_rejected.get("too-long"), Some(&1));
}

#[test]
fn connections_do_not_mix_and_are_bounded() {
    let mut decoder = Json::new();
    let mut out = Decoded::new();
    let mut given = 0;
    for round in 0..2_u64 {
        for connection in 0..10 * limits::CONNECTIONS_PER_INPUT_MAX as u64 {
            let piece: &[u8] = if round == 0 { b"{\"type\":" } else { b"\"presence\"}\n" };
            let envelope = Envelope::Stream { connection, offset: round * 8 };
            decoder.decode(Time::default(), &envelope, piece, &mut out);
            given += piece.len() as u64;
        }
        assert!(decoder.pending_bytes() <= (limits::CONNECTIONS_PER_INPUT_MAX * OBJECT_BYTES_MAX) as u64);
    }
    assert!(out.account.balances());
    assert_eq!(out.account.bytes_used + out.account.bytes_rejected + decoder.pending_bytes(), given);
}

#[test]
fn personal_values_do_not_stand_in_faults() {
    let out = decode(MALFORMED.iter().find(|(name, _)| name.ends_with("wrong-values.jsonl")).unwrap().1);
    let fault = out.faults.iter().find(|f| f.detail.as_str().contains("operator_latitude_deg")).unwrap();
    assert!(!fault.detail.as_str().contains("147"), "{}", fault.detail);
}

#[test]
fn times_keep_their_nanoseconds() {
    for (text, nanos) in [
        ("1777627800.123456789", 1_777_627_800_123_456_789),
        ("1777627800", 1_777_627_800_000_000_000),
        ("1777627800.5", 1_777_627_800_500_000_000),
        ("1777627800.1234567894", 1_777_627_800_123_456_789),
        ("\"2026-05-01T09:30:00.123456789Z\"", 1_777_627_800_123_456_789),
    ] {
        let out = decode_line(&format!("{{\"type\":\"presence\",\"time\":{text}}}"));
        match &out.reports.first().unwrap().report {
            Report::Plot(plot) => assert_eq!(plot.measured_at, Some(Time::from_nanos(nanos)), "{text}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn frames_are_refused() {
    let mut out = Decoded::new();
    Json::new().decode(Time::default(), &Envelope::Frame { link_type: 1 }, b"{}", &mut out);
    assert_eq!(out.account.units_rejected.get("frame"), Some(&1));
    assert_eq!(out.account.bytes_rejected, 2);
}
