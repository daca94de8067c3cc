//! Messages a second on one core over the long flight (172,432 real messages), beside rs1090 on the same frames in the same run.
//!
//! `cargo bench -p lapwing-formats --bench mode_s`. Rounds of the contestants alternate, so that a slow moment of the machine hits all;
//! the median of the rounds is told. Nothing is written.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, missing_docs, reason = "a benchmark reads the clock")]

use flate2::read::GzDecoder;
use lapwing_formats::mode_s::beast::{BeastParser, Content};
use lapwing_formats::mode_s::{ModeS, ModeSConfig, ReceiverPlace};
use lapwing_formats::{Decoded, Decoder};
use lapwing_model::{Envelope, Time};
use rs1090::decode::DF;
use rs1090::decode::cpr::{Position, decode_position};
use rs1090::prelude::*;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::io::Read;
use std::time::Instant;

const BEAST: &[u8] = include_bytes!("../../../testdata/formats/mode-s/long_flight.beast.gz");
const ROUNDS: usize = 11;
const START_NS: i64 = 1_698_140_962_119_813_000;

fn config() -> ModeSConfig {
    let receiver = Some(ReceiverPlace { latitude_deg: 43.62, longitude_deg: 1.37 });
    ModeSConfig { receiver, range_max_m: 20_100_000.0, ..ModeSConfig::default() }
}

/// Framing, messages, parity, memory of aircraft, positions; no claims. Gives (messages, positions).
fn wire(bytes: &[u8]) -> (usize, usize) {
    let mut decoder = ModeS::new(config());
    let (mut messages, mut positions) = (0, 0);
    BeastParser::default().feed(bytes, |item| {
        if let Content::Message(frame, receipt) = item.content
            && let Ok(wire) = decoder.message(&frame, receipt, Time::from_nanos(START_NS))
        {
            messages += 1;
            positions += usize::from(wire.context.position.is_some_and(|p| p.place.is_some()));
            black_box(&wire);
        }
    });
    (messages, positions)
}

/// The whole decoder as the server runs it: claims in the words of the model, and the books.
fn claims(bytes: &[u8]) -> (usize, usize) {
    let mut decoder = ModeS::new(config());
    let mut out = Decoded::new();
    let (mut messages, mut positions, mut offset) = (0, 0, 0);
    for piece in bytes.chunks(16 << 10) {
        let envelope = Envelope::Stream { connection: 0, offset };
        decoder.decode(Time::from_nanos(START_NS), &envelope, piece, &mut out);
        offset += piece.len() as u64;
        messages += out.account.units_used as usize;
        positions += out
            .reports
            .iter()
            .filter(|f| matches!(&f.report, lapwing_model::Report::Claim(c) if c.place.is_some()))
            .count();
        black_box(&out);
        out.clear();
    }
    (messages, positions)
}

/// rs1090 on frames already out of their framing, as its own `decode_positions` does it.
fn oracle(frames: &[(f64, Vec<u8>)]) -> (usize, usize) {
    let mut aircraft = BTreeMap::new();
    let mut reference = Some(Position { latitude: 43.62, longitude: 1.37 });
    let (mut messages, mut positions) = (0, 0);
    for (time, frame) in frames {
        let Ok((_, mut message)) = Message::from_bytes((frame, 0)) else { continue };
        messages += 1;
        let me = match &mut message.df {
            DF::ExtendedSquitterADSB(adsb) => Some((&mut adsb.message, adsb.icao24)),
            DF::ExtendedSquitterTisB { cf, .. } => Some((&mut cf.me, cf.aa)),
            _ => None,
        };
        if let Some((me, address)) = me {
            decode_position(me, *time, &address, &mut aircraft, &mut reference, &None);
            let found = match me {
                ME::BDS05 { inner, .. } => inner.latitude.is_some(),
                ME::BDS06 { inner, .. } => inner.latitude.is_some(),
                _ => false,
            };
            positions += usize::from(found);
        }
        black_box(&message);
    }
    (messages, positions)
}

fn main() {
    let mut bytes = Vec::new();
    if GzDecoder::new(BEAST).read_to_end(&mut bytes).is_err() {
        return println!("the capture cannot be unpacked");
    }
    let mut frames = Vec::new();
    BeastParser::default().feed(&bytes, |item| {
        if let Content::Message(frame, receipt) = item.content {
            let seconds = receipt.timestamp_raw.unwrap_or_default() as f64 / 12e6;
            frames.push((seconds, frame.as_bytes().to_vec()));
        }
    });
    type Contestant<'a> = (&'static str, Box<dyn Fn() -> (usize, usize) + 'a>);
    let contestants: [Contestant<'_>; 3] = [
        ("lapwing, framing to wire structs and positions", Box::new(|| wire(&bytes))),
        ("lapwing, framing to claims, the whole decoder", Box::new(|| claims(&bytes))),
        ("rs1090 0.7, frames to messages and positions", Box::new(|| oracle(&frames))),
    ];
    let mut seconds = [const { Vec::new() }; 3];
    let mut counts = [(0, 0); 3];
    for _ in 0..ROUNDS {
        for (((_, run), seconds), count) in contestants.iter().zip(&mut seconds).zip(&mut counts) {
            let started = Instant::now();
            *count = black_box(run());
            seconds.push(started.elapsed().as_secs_f64());
        }
    }
    let mut medians = [0.0; 3];
    for (n, ((name, _), seconds)) in contestants.iter().zip(&mut seconds).enumerate() {
        seconds.sort_by(f64::total_cmp);
        let (messages, positions) = counts[n];
        medians[n] = messages as f64 / seconds[ROUNDS / 2];
        let (best, worst) = (messages as f64 / seconds[0], messages as f64 / seconds[ROUNDS - 1]);
        println!(
            "{name}: median {:.0} messages/s (best {best:.0}, worst {worst:.0}; {messages} messages, {positions} positions)",
            medians[n]
        );
    }
    println!("wire {:.1} times rs1090, claims {:.1} times rs1090", medians[0] / medians[2], medians[1] / medians[2]);
}
