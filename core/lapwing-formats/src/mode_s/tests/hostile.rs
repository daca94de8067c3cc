//! Bytes that want to do harm: mutated, random, cut; and places that cannot be.

use super::{TOULOUSE, at, decoder, hear};
use crate::mode_s::aircraft::{AIRCRAFT_MAX, DOUBTS_MAX, NoPlace};
use crate::mode_s::clock::ClockKind;
use crate::mode_s::cpr::LatLon;
use crate::mode_s::encode::{self, SentHeight, SentVelocity};
use crate::mode_s::fields::Callsign;
use crate::mode_s::frame::{Icao, Receipt};
use crate::mode_s::{Framing, ModeS, ModeSConfig, ReceiverPlace, avr, beast};
use crate::{Decoded, Decoder};
use lapwing_model::{Envelope, Report};

/// A small generator with a fixed seed (Numerical Recipes' LCG, upper bits): the same bytes in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

fn sound_stream(framing: Framing) -> Vec<u8> {
    let mut out = Vec::new();
    for n in 0..60u32 {
        let address = Icao(0x40_0000 + n % 7);
        let place = LatLon { latitude_deg: 43.6 + f64::from(n) * 0.001, longitude_deg: 1.4 };
        let frame = match n % 4 {
            0 => encode::identification(address, None, Callsign::from_text("TEST1").unwrap()),
            1 => encode::surface_position(address, place, Some(5.0), None, n % 8 < 4),
            _ => encode::airborne_position(address, place, SentHeight::Pressure(1000.0), n % 2 == 0),
        };
        let receipt = Receipt { timestamp_raw: Some(u64::from(n) * 1_200_000 + 0x1A), signal_level: Some(0x1A) };
        match framing {
            Framing::Beast => beast::encode(&frame, receipt, &mut out),
            Framing::Avr => avr::encode(&frame, receipt, &mut out),
        }
    }
    out
}

#[test]
fn mutated_streams_keep_the_books() {
    for framing in [Framing::Beast, Framing::Avr] {
        let sound = sound_stream(framing);
        let mut random = Random(7);
        let mut decoder = ModeS::new(ModeSConfig { framing, receiver: Some(TOULOUSE), ..ModeSConfig::default() });
        let (mut used, mut rejected) = (0, 0);
        for round in 0..1_500u64 {
            let mut bytes = sound.clone();
            for _ in 0..1 + random.below(20) {
                let at = random.below(bytes.len() as u64) as usize;
                match random.below(4) {
                    0 => bytes[at] = random.below(256) as u8,
                    1 => bytes[at] ^= 1 << random.below(8),
                    2 => drop(bytes.drain(at..(at + 1 + random.below(30) as usize).min(bytes.len()))),
                    _ => bytes.insert(at, [0x1A, b'2', b'3', b'*', b';', 0xE3, 0xE8][random.below(7) as usize]),
                }
            }
            let (mut told, mut offset) = (0, 0);
            let mut rest = &bytes[..];
            let mut out = Decoded::new();
            while !rest.is_empty() {
                let (piece, tail) = rest.split_at((1 + random.below(200) as usize).min(rest.len()));
                decoder.decode(at(round as f64), &Envelope::Stream { connection: round, offset }, piece, &mut out);
                offset += piece.len() as u64;
                rest = tail;
                assert_eq!(out.account.bytes_used + out.account.bytes_rejected + decoder.pending_bytes(), offset);
            }
            decoder.decode(at(round as f64), &Envelope::StreamEnd { connection: round }, &[], &mut out);
            told += out.account.bytes_used + out.account.bytes_rejected;
            assert_eq!((told, decoder.pending_bytes()), (bytes.len() as u64, 0));
            assert!(out.account.balances(), "{:?}", out.account);
            assert_eq!(out.account.rejected_total(), out.faults.len() as u64);
            assert_eq!(out.account.units_used, out.reports.len() as u64);
            for found in &out.reports {
                assert!(found.offset + found.length <= bytes.len() as u64);
                let Report::Claim(claim) = &found.report else { panic!() };
                assert!(claim.place.is_none_or(|p| p.latitude_deg.abs() <= 90.0 && p.longitude_deg.abs() <= 180.0));
            }
            used += out.account.units_used;
            rejected += out.account.rejected_total();
        }
        assert!(used > 20_000 && rejected > 1_000, "the test bites: {used} used, {rejected} rejected");
    }
}

#[test]
fn random_frames_of_every_format_are_read_or_refused() {
    let mut random = Random(11);
    let mut decoder = decoder(Some(TOULOUSE));
    let mut read = 0;
    for n in 0..300_000u32 {
        let mut bytes = [0u8; 14];
        bytes.iter_mut().for_each(|b| *b = random.below(256) as u8);
        bytes[0] = (n as u8 & 31) << 3 | bytes[0] & 7;
        if n & 64 == 0 {
            // A right parity, so that every squitter is read.
            let parity = crate::mode_s::crc::parity(&bytes[..11]).to_be_bytes();
            bytes[11..].copy_from_slice(&parity[1..]);
        }
        let frame = if n & 32 == 0 {
            crate::mode_s::frame::Frame::long(bytes)
        } else {
            crate::mode_s::frame::Frame::from_bytes(&bytes[..7]).unwrap()
        };
        if let Ok(wire) = decoder.message(&frame, super::NO_RECEIPT, at(f64::from(n) * 0.001)) {
            read += 1;
            if n % 101 == 0 {
                serde_json::to_string(&wire).unwrap();
            }
        }
    }
    // Of 32 formats nine are read, in the one length they have; the squitters among them when their parity is right.
    assert!(read >= 37_500, "{read}");
}

#[test]
fn connections_do_not_mix() {
    let sound = sound_stream(Framing::Beast);
    let mut decoder = ModeS::new(ModeSConfig::default());
    let mut out = Decoded::new();
    let (head, tail) = sound.split_at(100);
    for connection in 0..3 {
        decoder.decode(at(0.0), &Envelope::Stream { connection, offset: 0 }, head, &mut out);
    }
    for connection in 0..3 {
        decoder.decode(at(0.0), &Envelope::Stream { connection, offset: 100 }, tail, &mut out);
    }
    assert_eq!((out.account.units_used, out.faults.len()), (180, 0));
}

#[test]
fn connections_are_bounded_and_a_gap_is_a_cut() {
    let sound = sound_stream(Framing::Beast);
    let mut decoder = ModeS::new(ModeSConfig::default());
    let mut out = Decoded::new();
    for connection in 0..1_000 {
        decoder.decode(at(0.0), &Envelope::Stream { connection, offset: 0 }, &sound[..10], &mut out);
    }
    assert!(decoder.pending_bytes() <= 64 * 10);
    assert_eq!(out.account.bytes_rejected + decoder.pending_bytes(), 10_000);
    out.clear();
    decoder.decode(at(0.0), &Envelope::Stream { connection: 999, offset: 500 }, &sound[..10], &mut out);
    assert_eq!(out.faults.len(), 1);
    assert_eq!(out.faults[0].reason, "cut-message");
}

fn pair(decoder: &mut ModeS, seconds: f64, address: u32, place: LatLon) -> [Option<NoPlace>; 2] {
    [false, true].map(|odd| {
        let frame = encode::airborne_position(Icao(address), place, SentHeight::Pressure(3000.0), odd);
        hear(decoder, seconds, &frame.to_string()).unwrap().context.position.unwrap().no_place_reason
    })
}

#[test]
fn a_jump_is_refused_until_it_insists() {
    let mut decoder = decoder(None);
    let home = LatLon { latitude_deg: 43.6, longitude_deg: 1.4 };
    let away = LatLon { latitude_deg: 48.6, longitude_deg: 9.4 };
    assert_eq!(pair(&mut decoder, 0.0, 1, home), [Some(NoPlace::NeedsPair), None]);
    // The first half away pairs with one at home, which gives a third place; all of them are too far to fly in a second.
    let refused: u8 =
        (1..=DOUBTS_MAX).map(|n| pair(&mut decoder, f64::from(n), 1, away).iter().flatten().count() as u8).sum();
    assert!(refused >= DOUBTS_MAX, "{refused}");
    assert_eq!(
        pair(&mut decoder, 20.0, 1, away)[1],
        None,
        "it insists: the old place was the wrong one, or it is another aircraft"
    );
}

#[test]
fn places_beyond_the_range_are_refused() {
    let mut decoder = decoder(Some(TOULOUSE));
    let [_, refused] = pair(&mut decoder, 0.0, 1, LatLon { latitude_deg: 52.3, longitude_deg: 4.7 });
    assert_eq!(refused, Some(NoPlace::OutOfRange));
    // The message is used, and says that its position was not.
    let config = ModeSConfig { framing: Framing::Avr, receiver: Some(TOULOUSE), ..ModeSConfig::default() };
    let (mut decoder, mut out) = (ModeS::new(config), Decoded::new());
    for odd in [false, true] {
        let place = LatLon { latitude_deg: 52.3, longitude_deg: 4.7 };
        let frame = encode::airborne_position(Icao(1), place, SentHeight::Pressure(3000.0), odd);
        let line = format!("*{frame};");
        decoder.decode(at(0.0), &Envelope::Datagram, line.as_bytes(), &mut out);
    }
    let faults: Vec<_> = out.faults.iter().map(|f| f.reason.as_ref()).collect();
    assert_eq!((out.account.units_used, faults), (2, vec!["position-out-of-range"]));
}

#[test]
fn a_flood_of_ghosts_does_not_push_out_the_aircraft_that_is_followed() {
    let mut decoder = decoder(Some(ReceiverPlace { latitude_deg: 43.6, longitude_deg: 1.4 }));
    let home = LatLon { latitude_deg: 43.6, longitude_deg: 1.4 };
    pair(&mut decoder, 0.0, 0x12_3456, home);
    let name = Callsign::from_text("GHOST").unwrap();
    for n in 0..AIRCRAFT_MAX as u32 * 4 {
        let frame = encode::identification(Icao(0x80_0000 + n), None, name);
        hear(&mut decoder, 1.0, &frame.to_string()).unwrap();
    }
    let frame = encode::airborne_position(Icao(0x12_3456), home, SentHeight::Unknown, false);
    assert!(hear(&mut decoder, 30.0, &frame.to_string()).unwrap().context.position.unwrap().place.is_some());
}

#[test]
fn positions_by_multilateration_are_not_the_aircrafts_word() {
    let home = LatLon { latitude_deg: 43.6, longitude_deg: 1.4 };
    let frame = encode::airborne_position(Icao(5), home, SentHeight::Unknown, false);
    let mut wire = Vec::new();
    beast::encode(
        &frame,
        Receipt { timestamp_raw: Some(crate::mode_s::clock::MARK_MULTILATERATION), signal_level: None },
        &mut wire,
    );
    let mut out = Decoded::new();
    ModeS::new(ModeSConfig::default()).decode(at(3.0), &Envelope::Datagram, &wire, &mut out);
    let Report::Claim(claim) = &out.reports[0].report else { panic!() };
    assert_eq!(
        (claim.protocol, claim.measured_at, claim.rssi_db),
        (lapwing_model::Protocol::Multilateration, None, None)
    );
}

#[test]
fn what_an_aircraft_has_said_of_itself_is_not_of_a_place_by_multilateration() {
    let place = LatLon { latitude_deg: 43.6, longitude_deg: 1.4 };
    let sent = SentVelocity { east_mps: 80.0, north_mps: 0.0, up: None, gnss_minus_pressure_m: Some(150.0), nac_v: 2 };
    let own = [encode::velocity(Icao(5), &sent), encode::operational_status(Icao(5), 10, 2, 3)];
    let pair = [false, true].map(|odd| encode::airborne_position(Icao(5), place, SentHeight::Pressure(1_000.0), odd));
    for (mark, own_word) in [(Some(12_000_000), true), (Some(crate::mode_s::clock::MARK_MULTILATERATION), false)] {
        let mut wire = Vec::new();
        for frame in &own {
            beast::encode(frame, Receipt { timestamp_raw: Some(11_000_000), signal_level: None }, &mut wire);
        }
        for frame in &pair {
            beast::encode(frame, Receipt { timestamp_raw: mark, signal_level: None }, &mut wire);
        }
        let mut out = Decoded::new();
        ModeS::new(ModeSConfig::default()).decode(at(3.0), &Envelope::Datagram, &wire, &mut out);
        let Report::Claim(claim) = &out.reports[3].report else { panic!() };
        assert!(claim.place.is_some() && claim.heights.altitude_pressure_m.is_some());
        assert_eq!(claim.heights.height_ellipsoid_m.is_some(), own_word, "pressure altitude and its own difference");
        assert_eq!(claim.heights.vertical_accuracy_m.is_some(), own_word);
        // NACp 10 is 10 m; the type code of the message promises a radius, which is wider.
        assert_eq!(
            claim.horizontal_accuracy_m.is_some_and(|m| m <= 10.0),
            own_word,
            "{:?}",
            claim.horizontal_accuracy_m
        );
    }
}

#[test]
fn what_no_stamp_says_is_of_no_time() {
    let frame = encode::operational_status(Icao(5), 10, 2, 3);
    for (stamp, clock, measured_at) in [
        (Some(12_000_000), ClockKind::Counter, Some(at(3.0))),
        (Some(0), ClockKind::Counter, None),
        (None, ClockKind::Counter, None),
        (Some(12_000_000), ClockKind::Reception, None),
        (Some(90_000 << 30), ClockKind::Gps, None),
    ] {
        let mut wire = Vec::new();
        beast::encode(&frame, Receipt { timestamp_raw: stamp, signal_level: None }, &mut wire);
        let mut out = Decoded::with_details();
        let config = ModeSConfig { clock, ..ModeSConfig::default() };
        ModeS::new(config).decode(at(3.0), &Envelope::Datagram, &wire, &mut out);
        let Report::Claim(claim) = &out.reports[0].report else { panic!() };
        assert_eq!(claim.measured_at, measured_at, "{stamp:?} by {clock:?}: its sensor's `latency_s` is taken off");
        assert_eq!(out.details[0].message["measured_at"], serde_json::to_value(at(3.0)).unwrap(), "as it was received");
    }
}

#[test]
fn wrong_settings_are_refused_at_their_place() {
    for (text, word) in [
        ("range_max_m = -1.0", "-1.0"),
        ("receiver = { latitude_deg = 95.0, longitude_deg = 1.0 }", "95.0"),
        ("framing = \"beats\"", "\"beats\""),
        ("reciever = 1", "reciever"),
    ] {
        let table = toml::de::DeTable::parse(text).unwrap();
        let span = table.span();
        let value = toml::Spanned::new(span, toml::de::DeValue::Table(table.into_inner()));
        let error = (crate::mode_s::FORMAT.decoder.unwrap())(value).err().unwrap_or_else(|| panic!("{text} was taken"));
        let at = text.find(word).unwrap();
        assert_eq!(error.span().map(|s| s.start), Some(at), "{text}: {error}");
    }
}
