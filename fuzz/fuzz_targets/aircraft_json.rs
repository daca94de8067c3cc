#![no_main]
//! aircraft.json: any bytes as one datagram, and the same bytes as a stream in two pieces.

use lapwing_formats::aircraft_json::{AircraftJson, AircraftJsonConfig};
use lapwing_formats::{Decoded, Decoder};
use lapwing_model::{Envelope, Time};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut decoder = AircraftJson::new(AircraftJsonConfig::default());
    let mut out = Decoded::with_details();
    let total = |out: &Decoded| out.account.bytes_used + out.account.bytes_rejected;
    decoder.decode(Time::default(), &Envelope::Datagram, data, &mut out);
    assert!(out.account.balances());
    assert_eq!(total(&out), data.len() as u64);

    out.clear();
    let (first, second) = data.split_at(data.first().map_or(0, |b| usize::from(*b).min(data.len())));
    decoder.decode(Time::default(), &Envelope::Stream { connection: 1, offset: 0 }, first, &mut out);
    decoder.decode(Time::default(), &Envelope::Stream { connection: 1, offset: first.len() as u64 }, second, &mut out);
    assert_eq!(total(&out) + decoder.pending_bytes(), data.len() as u64);
    decoder.decode(Time::default(), &Envelope::StreamEnd { connection: 1 }, &[], &mut out);
    assert!(out.account.balances());
    assert_eq!(total(&out), data.len() as u64);
});
