//! The long flight: 172,432 real messages, against the positions rs1090 0.7.0 finds in them.

use super::TOULOUSE;
use crate::mode_s::beast::{BeastParser, Content};
use crate::mode_s::cpr::LatLon;
use crate::mode_s::message::AddressCheck;
use crate::mode_s::{ModeS, ModeSConfig, Wire};
use crate::{Decoded, Decoder};
use flate2::read::GzDecoder;
use lapwing_model::{Envelope, Place, Report, Span, Time};
use std::collections::BTreeMap;
use std::io::Read;

const BEAST: &[u8] = include_bytes!("../../../../../testdata/formats/mode-s/long_flight.beast.gz");
const ORACLE: &[u8] = include_bytes!("../../../../../testdata/formats/mode-s/long_flight_rs1090_positions.csv.gz");

/// The first message's time of reception, 2023-10-24T09:49:22.119813Z.
fn start() -> Time {
    Time::from_nanos(1_698_140_962_119_813_000)
}

fn unzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut out).unwrap();
    out
}

/// The receiver flew along: its range from where it started says nothing.
fn config() -> ModeSConfig {
    ModeSConfig { receiver: Some(TOULOUSE), range_max_m: 20_100_000.0, ..ModeSConfig::default() }
}

fn messages() -> Vec<Wire> {
    let mut decoder = ModeS::new(config());
    let mut wires = Vec::new();
    BeastParser::default().feed(&unzip(BEAST), |item| match item.content {
        Content::Message(frame, receipt) => wires.push(decoder.message(&frame, receipt, start()).unwrap()),
        other => panic!("{other:?}"),
    });
    wires
}

struct Row {
    time: Time,
    place: LatLon,
    frame: String,
}

fn oracle() -> Vec<Row> {
    let text = String::from_utf8(unzip(ORACLE)).unwrap();
    text.lines()
        .skip(1)
        .map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            let (seconds, micros) = fields[0].split_once('.').unwrap();
            let micros: i64 = format!("{micros:0<6}").parse().unwrap();
            Row {
                time: Time::from_seconds(seconds.parse().unwrap()) + Span::from_nanos(micros * 1000),
                place: LatLon { latitude_deg: fields[3].parse().unwrap(), longitude_deg: fields[4].parse().unwrap() },
                frame: fields[6].to_owned(),
            }
        })
        .collect()
}

fn metres(a: LatLon, b: LatLon) -> f64 {
    let place = |p: LatLon| Place { latitude_deg: p.latitude_deg, longitude_deg: p.longitude_deg };
    place(a).distance_m(place(b))
}

#[test]
fn every_message_is_used_and_every_byte_is_told() {
    let bytes = unzip(BEAST);
    let mut decoder = ModeS::new(config());
    let mut out = Decoded::new();
    let (mut used, mut told, mut offset) = (0, 0, 0);
    for piece in bytes.chunks(60_007) {
        decoder.decode(start(), &Envelope::Stream { connection: 0, offset }, piece, &mut out);
        offset += piece.len() as u64;
        assert!(out.faults.is_empty() && out.account.balances(), "{:?}", out.faults);
        assert!(out.reports.iter().all(|found| matches!(found.report, Report::Claim(_))));
        used += out.account.units_used;
        told += out.account.bytes_used;
        out.clear();
    }
    assert_eq!((used, told, decoder.pending_bytes()), (172_432, bytes.len() as u64, 0));
}

/// Our place for each of the oracle's rows, by frame and time: frames repeat. The times show, by the way, that the 12 MHz counter and
/// the times of reception agree to microseconds.
fn key(time: Time, frame: &str) -> (String, i64) {
    (frame.to_owned(), (time.as_nanos() + 250_000) / 500_000)
}

#[test]
fn every_position_of_the_oracle_is_found_and_the_others_are_explained() {
    let mut ours: BTreeMap<(String, i64), Wire> = BTreeMap::new();
    let mut places = 0;
    for wire in messages() {
        if wire.context.position.is_some_and(|p| p.place.is_some()) {
            places += 1;
            ours.insert(key(wire.measured_at, &wire.frame.to_string()), wire);
        }
    }
    assert_eq!(places, ours.len(), "keys are unique");
    let rows = oracle();
    assert_eq!(rows.len(), 12_659);
    let mut farthest_m = 0.0f64;
    for row in &rows {
        let (frame, slot) = key(row.time, &row.frame);
        let wire = (slot - 1..=slot + 1).find_map(|slot| ours.remove(&(frame.clone(), slot)));
        let place = wire.and_then(|w| w.context.position).and_then(|p| p.place);
        let place = place.unwrap_or_else(|| panic!("no place for {} {}", row.time, row.frame));
        farthest_m = farthest_m.max(metres(place, row.place));
    }
    println!("12,659 of 12,659 places of the oracle, the farthest {farthest_m:.6} m from it; {} more", ours.len());
    // Both read the same bits: the difference is rounding. 20 m would do.
    assert!(farthest_m < 0.01, "{farthest_m} m");

    // What the oracle leaves out: places of one airliner in cruise, where it takes the jitter of message times for more than 1,200 km/h,
    // and aircraft on the ground at Schiphol, which it does not resolve from a reference at Toulouse; a pair of halves does.
    let schiphol = LatLon { latitude_deg: 52.31, longitude_deg: 4.76 };
    let (mut cruise, mut ground) = (0, 0);
    for wire in ours.values() {
        let place = wire.context.position.and_then(|p| p.place).unwrap();
        if wire.message.icao_address.to_string() == "486257" {
            cruise += 1;
        } else {
            ground += 1;
            assert!(metres(place, schiphol) < 5_000.0, "{wire:?}");
        }
    }
    assert_eq!((cruise, ground), (105, 181));
}

#[test]
fn the_flight_is_without_jumps() {
    let mut last: Option<(Time, LatLon)> = None;
    let mut steps = 0;
    for wire in messages().iter().filter(|w| w.message.icao_address.to_string() == "486257") {
        let Some(place) = wire.context.position.and_then(|p| p.place) else { continue };
        if let Some((then, from)) = last {
            steps += 1;
            let metres = metres(from, place);
            // 240 m/s over ground, and a transponder's position may be half a second behind its message.
            assert!(
                metres < 260.0 * (wire.measured_at.since(then).as_seconds_f64() + 0.5),
                "{metres} m at {}",
                wire.measured_at
            );
        }
        last = Some((wire.measured_at, place));
    }
    assert_eq!(steps, 12_199);
}

#[test]
fn replies_are_confirmed_by_addresses_heard_in_clear() {
    let mut checks: BTreeMap<(u8, &str), u32> = BTreeMap::new();
    for wire in messages() {
        let check = match wire.context.address_check {
            AddressCheck::Parity => "parity",
            AddressCheck::Known => "known",
            AddressCheck::Unconfirmed => "unconfirmed",
        };
        *checks.entry((wire.message.downlink_format, check)).or_default() += 1;
    }
    let unconfirmed: u32 = checks.iter().filter(|((_, check), _)| *check == "unconfirmed").map(|(_, n)| n).sum();
    println!("{checks:?}");
    assert_eq!(checks[&(17, "parity")] + checks[&(18, "parity")], 50_385);
    assert!(unconfirmed < 60, "{checks:?}");
    // Four all-call replies whose parity field is no interrogator code.
    assert_eq!(checks[&(11, "unconfirmed")], 4);
}
