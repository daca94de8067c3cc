//! Public test frames: the examples of J. Sun, "The 1090 Megahertz Riddle" (2nd edition), and of the pyModeS test suite.

use super::{TOULOUSE, decoder, hear};
use crate::mode_s::aircraft::{NoPlace, PlaceMethod};
use crate::mode_s::fields::{FOOT_M, FOOT_PER_MINUTE_MPS, KNOT_MPS};
use crate::mode_s::message::{AddressCheck, AddressKind, Body, Refusal, SquitterSource};
use crate::mode_s::squitter::{AirbornePosition, Squitter, SurfacePosition};
use crate::mode_s::velocity::{AirspeedKind, Velocity, VerticalSource};
use crate::mode_s::{ReceiverPlace, Wire};

fn squitter(hex: &str) -> Squitter {
    match hear(&mut decoder(None), 0.0, hex).unwrap().message.body {
        Body::ExtendedSquitter(squitter) => squitter.squitter,
        other => panic!("{other:?}"),
    }
}

fn body(hex: &str) -> (String, Body) {
    let wire = hear(&mut decoder(None), 0.0, hex).unwrap();
    (wire.message.icao_address.to_string(), wire.message.body)
}

fn near(got: f64, want: f64, within: f64) -> bool {
    (got - want).abs() <= within
}

fn place(wire: &Wire) -> (f64, f64) {
    let place = wire.context.position.and_then(|p| p.place).unwrap_or_else(|| panic!("no place in {wire:?}"));
    (place.latitude_deg, place.longitude_deg)
}

#[test]
fn identification() {
    for (hex, callsign) in [("8D406B902015A678D4D220AA4BDA", "EZY85MH"), ("8D4840D6202CC371C32CE0576098", "KLM1023")] {
        let Squitter::Identification(i) = squitter(hex) else { panic!("{hex}") };
        assert_eq!(i.callsign.unwrap().as_str(), callsign);
        assert_eq!(i.category, None, "category 0 says nothing");
    }
}

#[test]
fn airborne_pair() {
    let mut decoder = decoder(None);
    let first = hear(&mut decoder, 0.0, "8D40621D58C386435CC412692AD6").unwrap();
    assert_eq!(first.context.position.unwrap().no_place_reason, Some(NoPlace::NeedsPair));
    let second = hear(&mut decoder, 4.0, "8D40621D58C382D690C8AC2863A7").unwrap();
    let (lat, lon) = place(&second);
    assert!(near(lat, 52.257_20, 1e-5) && near(lon, 3.919_37, 1e-5), "{lat} {lon}");
    let Body::ExtendedSquitter(s) = second.message.body else { panic!() };
    let Squitter::AirbornePosition(AirbornePosition {
        altitude_pressure_m: Some(altitude),
        height_ellipsoid_m: None,
        ..
    }) = s.squitter
    else {
        panic!("{s:?}")
    };
    assert!(near(altitude, 38_000.0 * FOOT_M, 1e-9));
    assert_eq!((s.capability, s.source), (Some(5), SquitterSource::Transponder));
}

#[test]
fn halves_too_far_apart_in_time_give_nothing() {
    let mut decoder = decoder(None);
    hear(&mut decoder, 0.0, "8D40621D58C386435CC412692AD6").unwrap();
    let late = hear(&mut decoder, 10.1, "8D40621D58C382D690C8AC2863A7").unwrap();
    assert_eq!(late.context.position.unwrap().no_place_reason, Some(NoPlace::NeedsPair));
}

#[test]
fn one_half_is_enough_near_an_earlier_place() {
    let mut decoder = decoder(None);
    hear(&mut decoder, 0.0, "8D40621D58C386435CC412692AD6").unwrap();
    hear(&mut decoder, 4.0, "8D40621D58C382D690C8AC2863A7").unwrap();
    let later = hear(&mut decoder, 60.0, "8D40621D58C382D690C8AC2863A7").unwrap();
    assert_eq!(later.context.position.unwrap().place_method, Some(PlaceMethod::NearEarlierPlace));
    assert_eq!(place(&later), {
        let again = hear(&mut decoder, 61.0, "8D40621D58C382D690C8AC2863A7").unwrap();
        place(&again)
    });
    let too_late = hear(&mut decoder, 400.0, "8D40621D58C382D690C8AC2863A7").unwrap();
    assert_eq!(too_late.context.position.unwrap().place, None);
}

#[test]
fn surface_pair_needs_a_reference() {
    let schiphol = ReceiverPlace { latitude_deg: 52.3, longitude_deg: 4.76 };
    let halves = ["8C4841753AAB238733C8CD4020B1", "8C4841753A8A35323FAEBDAC702D"];
    let mut blind = decoder(None);
    hear(&mut blind, 0.0, halves[1]).unwrap();
    let got = hear(&mut blind, 1.0, halves[0]).unwrap();
    assert_eq!(got.context.position.unwrap().no_place_reason, Some(NoPlace::NeedsReference));
    for receiver in [schiphol, ReceiverPlace { latitude_deg: 49.0, longitude_deg: 2.0 }] {
        let mut seeing = decoder(Some(receiver));
        hear(&mut seeing, 0.0, halves[0]).unwrap();
        let (lat, lon) = place(&hear(&mut seeing, 2.0, halves[1]).unwrap());
        assert!(near(lat, 52.320_61, 1e-5) && near(lon, 4.734_73, 1e-5), "{lat} {lon} from {receiver:?}");
    }
    let Squitter::SurfacePosition(SurfacePosition { ground_speed_mps: Some(speed), track_deg: Some(track), .. }) =
        squitter("8C4841753A9A153237AEF0F275BE")
    else {
        panic!()
    };
    assert!(near(speed, 17.0 * KNOT_MPS, 1e-9) && near(track, 92.8125, 1e-9), "{speed} {track}");
}

#[test]
fn velocity_over_ground_and_through_the_air() {
    let Squitter::Velocity(v) = squitter("8D485020994409940838175B284F") else { panic!() };
    assert!(
        near(v.ground_speed_mps.unwrap(), 159.20 * KNOT_MPS, 0.005 * KNOT_MPS)
            && near(v.course_deg.unwrap(), 182.88, 0.005)
    );
    assert!(near(v.vertical_rate_mps.unwrap(), -832.0 * FOOT_PER_MINUTE_MPS, 1e-9));
    assert_eq!(v.vertical_rate_source, VerticalSource::Gnss);
    assert!(near(v.gnss_minus_pressure_m.unwrap(), 550.0 * FOOT_M, 1e-9));
    assert_eq!((v.airspeed_mps, v.heading_deg), (None, None));

    let Squitter::Velocity(Velocity {
        heading_deg,
        airspeed_mps,
        airspeed_kind,
        vertical_rate_mps,
        ground_speed_mps,
        ..
    }) = squitter("8DA05F219B06B6AF189400CBC33F")
    else {
        panic!()
    };
    assert!(near(heading_deg.unwrap(), 243.984, 0.001) && near(airspeed_mps.unwrap(), 375.0 * KNOT_MPS, 1e-9));
    assert_eq!((airspeed_kind, ground_speed_mps), (Some(AirspeedKind::True), None));
    assert!(near(vertical_rate_mps.unwrap(), -2304.0 * FOOT_PER_MINUTE_MPS, 1e-9));
}

#[test]
fn target_state() {
    // pyModeS test_tss: A05629EA21485CBF3F8CADAEEB.
    let Squitter::TargetState(t) = squitter("8DA05629EA21485CBF3F8CADAEEB") else { panic!() };
    assert!(
        near(t.selected_altitude_m.unwrap(), 16_992.0 * FOOT_M, 1e-6)
            && near(t.altimeter_setting_hpa.unwrap(), 1012.8, 1e-9)
    );
    assert!(near(t.selected_heading_deg.unwrap(), 66.8, 0.05));
    assert_eq!(
        (t.autopilot, t.vertical_navigation, t.altitude_hold, t.approach, t.lateral_navigation),
        (Some(true), Some(true), Some(false), Some(false), Some(true))
    );
    assert_eq!((t.tcas_operational, t.nac_p, t.sil), (true, 9, 3));
}

#[test]
fn aircraft_status() {
    // pyModeS test_emergency: 8DA2C1B6E112B600000000760759, squawk 6615, none.
    let Squitter::AircraftStatus(status) = squitter("8DA2C1B6E112B600000000760759") else { panic!() };
    assert_eq!(status.squawk.unwrap().to_string(), "6513");
    assert_eq!(serde_json::to_value(status.emergency).unwrap(), "none");
}

#[test]
fn replies() {
    let (_, Body::AltitudeReply(reply)) = body("A02014B400000000000000F9D514") else { panic!() };
    for (hex, address) in [
        ("A0001839CA3800315800007448D9", "400940"),
        ("A000139381951536E024D4CCF6B5", "3c4dd2"),
        ("A000029CFFBAA11E2004727281F1", "4243d0"),
    ] {
        assert_eq!(body(hex).0, address);
    }
    assert!(near(reply.altitude_pressure_m.unwrap(), 32_300.0 * FOOT_M, 1e-9), "{reply:?}");
    let (_, Body::IdentityReply(reply)) = body("A800292DFFBBA9383FFCEB903D01") else { panic!() };
    assert_eq!(reply.squawk.to_string(), "1346");
    let (_, Body::IdentityReply(reply)) = body("2A00516D492B80") else { panic!() };
    assert_eq!(reply.squawk.to_string(), "0356");
    let (address, Body::AllCall(reply)) = body("5D484FDEA248F5") else { panic!() };
    assert_eq!((address.as_str(), reply.interrogator_code), ("484fde", Some(22)));
    let (_, Body::AltitudeReply(reply)) = body("A000083E202CC371C31DE0AA1CCF") else { panic!() };
    assert_eq!(reply.comm_b.unwrap().callsign_inferred.unwrap().as_str(), "KLM1017");
}

#[test]
fn an_overlaid_address_is_known_only_after_it_was_heard_in_clear() {
    let mut decoder = decoder(Some(TOULOUSE));
    let reply = "A000083E202CC371C31DE0AA1CCF";
    let first = hear(&mut decoder, 0.0, reply).unwrap();
    assert_eq!(first.context.address_check, AddressCheck::Unconfirmed);
    let address = first.message.icao_address;
    let named = crate::mode_s::encode::identification(
        address,
        None,
        crate::mode_s::fields::Callsign::from_text("KLM1017").unwrap(),
    );
    assert_eq!(hear(&mut decoder, 1.0, &named.to_string()).unwrap().context.address_check, AddressCheck::Parity);
    assert_eq!(hear(&mut decoder, 2.0, reply).unwrap().context.address_check, AddressCheck::Known);
    assert_eq!(
        hear(&mut decoder, 400.0, reply).unwrap().context.address_check,
        AddressCheck::Unconfirmed,
        "it is too long ago"
    );
}

#[test]
fn what_is_no_message_says_why() {
    let refusal = |hex| hear(&mut decoder(None), 0.0, hex).unwrap_err();
    assert_eq!(refusal("8D4840D6202CC371C32CE0576099"), Refusal::BadParity);
    assert_eq!(refusal("8D4840D6202CC3"), Refusal::WrongLength);
    assert_eq!(refusal("5D484FDEA248F500000000000000"), Refusal::WrongLength);
    assert_eq!(refusal("C0000000000000000000000000AA"), Refusal::UnknownFormat);
}

#[test]
fn addresses_that_are_not_icao_say_so() {
    use crate::mode_s::{crc, frame::Frame};
    let vehicle = |control_field: u8, imf: bool| {
        // A surface position of DF 18 from a vector above, with another first byte and IMF bit.
        let mut bytes = [0u8; 14];
        bytes.copy_from_slice(Frame::from_hex("8C4841753AAB238733C8CD4020B1").unwrap().as_bytes());
        bytes[0] = 18 << 3 | control_field;
        bytes[6] = bytes[6] & !0x08 | u8::from(imf) << 3;
        let parity = crc::parity(&bytes[..11]).to_be_bytes();
        bytes[11..].copy_from_slice(&parity[1..]);
        hear(&mut decoder(None), 0.0, &Frame::long(bytes).to_string()).unwrap().message.address_kind
    };
    assert_eq!((vehicle(0, false), vehicle(1, false)), (AddressKind::Icao, AddressKind::NonIcao));
    assert_eq!((vehicle(2, false), vehicle(2, true)), (AddressKind::Icao, AddressKind::NonIcao));
    assert_eq!(
        (vehicle(6, false), vehicle(6, true), vehicle(5, false)),
        (AddressKind::Icao, AddressKind::NonIcao, AddressKind::NonIcao)
    );
}
