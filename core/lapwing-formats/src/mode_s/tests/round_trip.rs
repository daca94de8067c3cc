//! What the encoders write, the decoder reads back.

use super::{at, decoder, hear};
use crate::mode_s::cpr::LatLon;
use crate::mode_s::encode::{self, SentHeight, SentVelocity};
use crate::mode_s::fields::{Callsign, FOOT_M, FOOT_PER_MINUTE_MPS, KNOT_MPS};
use crate::mode_s::frame::{Frame, Icao, Receipt};
use crate::mode_s::message::Body;
use crate::mode_s::squitter::{Category, Squitter};
use crate::mode_s::velocity::VerticalSource;
use crate::mode_s::{ModeS, ModeSConfig, ReceiverPlace, Wire, beast};
use crate::{Decoded, Decoder};
use lapwing_model::{Envelope, OperationalStatus, Protocol, Report, Transmitter, math};
use proptest::prelude::*;

fn read(frame: &Frame) -> (Wire, Squitter) {
    let wire = hear(&mut decoder(None), 0.0, &frame.to_string()).unwrap();
    let Body::ExtendedSquitter(squitter) = wire.message.body else { panic!("{wire:?}") };
    (wire, squitter.squitter)
}

fn degrees_apart(a: LatLon, b: LatLon) -> f64 {
    let d_lon = (a.longitude_deg - b.longitude_deg + 540.0).rem_euclid(360.0) - 180.0;
    (a.latitude_deg - b.latitude_deg).abs().max(d_lon.abs() * math::cos(math::rad(b.latitude_deg)))
}

proptest! {
    #[test]
    fn positions(address in 0u32..1 << 24, lat in -80.0f64..80.0, lon in -180.0f64..180.0, feet in -1000.0f64..50_000.0, odd_last in any::<bool>(), ellipsoid in any::<bool>()) {
        let place = LatLon { latitude_deg: lat, longitude_deg: lon };
        let height_m = feet * FOOT_M;
        let height = if ellipsoid { SentHeight::Ellipsoid(height_m) } else { SentHeight::Pressure(height_m) };
        let mut decoder = decoder(None);
        let half = |odd| encode::airborne_position(Icao(address), place, height, odd).to_string();
        hear(&mut decoder, 0.0, &half(!odd_last)).unwrap();
        let wire = hear(&mut decoder, 0.5, &half(odd_last)).unwrap();
        prop_assert_eq!(wire.message.icao_address, Icao(address));
        // A pair across a border of zones has to wait for the next one.
        if let Some(got) = wire.context.position.unwrap().place {
            prop_assert!(degrees_apart(got, place) < 1e-4, "{got:?} for {place:?}");
        }
        let Body::ExtendedSquitter(squitter) = wire.message.body else { panic!() };
        let Squitter::AirbornePosition(p) = squitter.squitter else { panic!() };
        let (got, other) = if ellipsoid { (p.height_ellipsoid_m, p.altitude_pressure_m) } else { (p.altitude_pressure_m, p.height_ellipsoid_m) };
        prop_assert!((got.unwrap() - height_m).abs() <= 12.5 * FOOT_M + 1e-9);
        prop_assert_eq!(other, None, "one datum is not taken for the other");
    }

    #[test]
    fn surface_positions(lat in -80.0f64..80.0, lon in -180.0f64..180.0, speed in 0.0f64..80.0, track in 0.0f64..360.0, odd_last in any::<bool>()) {
        let place = LatLon { latitude_deg: lat, longitude_deg: lon };
        let mut decoder = decoder(Some(ReceiverPlace { latitude_deg: lat + 0.1, longitude_deg: lon }));
        let half = |odd| encode::surface_position(Icao(7), place, Some(speed), Some(track), odd).to_string();
        hear(&mut decoder, 0.0, &half(!odd_last)).unwrap();
        let wire = hear(&mut decoder, 0.5, &half(odd_last)).unwrap();
        if let Some(got) = wire.context.position.unwrap().place {
            prop_assert!(degrees_apart(got, place) < 3e-5, "{got:?} for {place:?}");
        }
        let Body::ExtendedSquitter(squitter) = wire.message.body else { panic!() };
        let Squitter::SurfacePosition(p) = squitter.squitter else { panic!() };
        let got = p.ground_speed_mps.unwrap();
        prop_assert!(got <= speed + 1e-6 && got >= speed.min(175.0 * KNOT_MPS) - 5.0 * KNOT_MPS, "{got} for {speed}");
        let off = (p.track_deg.unwrap() - track + 540.0).rem_euclid(360.0) - 180.0;
        prop_assert!(off.abs() <= 1.41, "{off}");
    }

    #[test]
    fn velocities(east in -900.0f64..900.0, north in -900.0f64..900.0, up in proptest::option::of(-80.0f64..80.0), difference in proptest::option::of(-900.0f64..900.0), nac_v in 0u8..5) {
        let sent = SentVelocity { east_mps: east, north_mps: north, up: up.map(|up| (up, VerticalSource::Barometric)), gnss_minus_pressure_m: difference, nac_v };
        let (_, Squitter::Velocity(got)) = read(&encode::velocity(Icao(0x3944ED), &sent)) else { panic!() };
        let step = if got.subtype == 2 { 4.0 } else { 1.0 } * KNOT_MPS;
        prop_assert!((got.velocity_east_mps.unwrap() - east).abs() <= step / 2.0 + 1e-9);
        prop_assert!((got.velocity_north_mps.unwrap() - north).abs() <= step / 2.0 + 1e-9);
        prop_assert_eq!(got.vertical_rate_mps.is_some(), up.is_some());
        prop_assert!((got.vertical_rate_mps.unwrap_or(0.0) - up.unwrap_or(0.0)).abs() <= 32.0 * FOOT_PER_MINUTE_MPS + 1e-9);
        prop_assert!((got.gnss_minus_pressure_m.unwrap_or(0.0) - difference.unwrap_or(0.0)).abs() <= 12.5 * FOOT_M + 1e-9);
        prop_assert_eq!(got.nac_v, nac_v);
    }

    #[test]
    fn names(name in "[A-Z0-9]{1,8}", set in b'A'..=b'D', number in 1u8..8, address in 0u32..1 << 24) {
        let category = Category { set, number };
        let callsign = Callsign::from_text(&name).unwrap();
        let (wire, Squitter::Identification(got)) = read(&encode::identification(Icao(address), Some(category), callsign)) else { panic!() };
        prop_assert_eq!((wire.message.icao_address, got.category, got.callsign), (Icao(address), Some(category), Some(callsign)));
    }
}

#[test]
fn heights_outside_the_code_are_sent_as_unknown() {
    let place = LatLon { latitude_deg: 47.0, longitude_deg: 8.0 };
    for height in [SentHeight::Pressure(20_000.0), SentHeight::Ellipsoid(f64::NAN), SentHeight::Unknown] {
        let (_, Squitter::AirbornePosition(p)) = read(&encode::airborne_position(Icao(1), place, height, false)) else {
            panic!()
        };
        assert_eq!((p.altitude_pressure_m, p.height_ellipsoid_m), (None, None));
    }
}

#[test]
fn quality_reaches_the_claim() {
    let place = LatLon { latitude_deg: 47.0, longitude_deg: 8.0 };
    let sent = SentVelocity { east_mps: 30.0, north_mps: 40.0, up: None, gnss_minus_pressure_m: Some(30.48), nac_v: 2 };
    let frames = [
        encode::operational_status(Icao(0x4B1234), 10, 2, 3),
        encode::velocity(Icao(0x4B1234), &sent),
        encode::airborne_position(Icao(0x4B1234), place, SentHeight::Pressure(304.8), false),
        encode::airborne_position(Icao(0x4B1234), place, SentHeight::Pressure(304.8), true),
    ];
    let mut wire = Vec::new();
    for (n, frame) in (1u64..).zip(&frames) {
        beast::encode(frame, Receipt { timestamp_raw: Some(n * 6_000_000), signal_level: Some(128) }, &mut wire);
    }
    let mut out = Decoded::with_details();
    ModeS::new(ModeSConfig::default()).decode(at(0.0), &Envelope::Datagram, &wire, &mut out);
    assert!(out.faults.is_empty() && out.account.units_used == 4 && out.details.len() == 4, "{out:?}");
    let claims: Vec<_> =
        out.reports.iter().map(|f| if let Report::Claim(c) = &f.report { c } else { panic!() }).collect();
    assert_eq!((claims[1].speed_mps, claims[1].speed_accuracy_mps), (Some(claims[1].speed_mps.unwrap()), Some(3.0)));
    assert!((claims[1].speed_mps.unwrap() - 50.0).abs() < 0.5);
    let last = claims[3];
    assert_eq!(
        (last.protocol, last.measured_at, last.status),
        (Protocol::Adsb, Some(at(1.5)), Some(OperationalStatus::Airborne))
    );
    assert_eq!(last.transmitter, Some(Transmitter::Icao("4b1234".into())));
    assert_eq!((last.horizontal_accuracy_m, last.heights.vertical_accuracy_m), (Some(10.0), Some(45.0)));
    assert!((last.heights.altitude_pressure_m.unwrap() - 304.8).abs() < 1e-9);
    assert!(
        (last.heights.height_ellipsoid_m.unwrap() - 335.28).abs() < 1e-9,
        "pressure altitude and the difference sent with the velocity"
    );
    assert!((last.rssi_db.unwrap() - -5.986).abs() < 0.001);
    assert!((last.place.unwrap().latitude_deg - 47.0).abs() < 1e-4);
    let detail = &out.details[3].message;
    assert_eq!(detail["icao_address"], "4b1234");
    assert_eq!(detail["squitter"], "airborne_position");
    assert_eq!(detail["position"]["place_method"], "pair");
    assert_eq!(detail["position"]["nic"], 8);
    assert_eq!(detail["height_ellipsoid_m"], serde_json::Value::Null);
}
