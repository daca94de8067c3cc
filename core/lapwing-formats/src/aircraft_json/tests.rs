use super::*;
use flate2::read::GzDecoder;
use lapwing_model::{Claim, Class, Name, NameKind, OperationalStatus, Place, Protocol, Transmitter};
use std::io::Read;

const DOCUMENT: &[u8] = include_bytes!("../../../../testdata/formats/aircraft-json/readsb_aircraft.json");
const LINES: &[u8] = include_bytes!("../../../../testdata/formats/aircraft-json/readsb_net_json.txt.gz");

fn at() -> Time {
    Time::from_seconds(1_700_000_000)
}

fn decode(bytes: &[u8]) -> Decoded {
    let mut out = Decoded::with_details();
    AircraftJson::new(AircraftJsonConfig::default()).decode(at(), &Envelope::Datagram, bytes, &mut out);
    assert!(out.account.balances(), "{:?}", out.account);
    assert_eq!(out.account.bytes_used + out.account.bytes_rejected, bytes.len() as u64);
    assert_eq!(out.account.units_used, out.reports.len() as u64);
    out
}

fn claims(out: &Decoded) -> Vec<&Claim> {
    out.reports.iter().map(|f| if let Report::Claim(c) = &f.report { &**c } else { panic!("{f:?}") }).collect()
}

fn one(object: &str) -> Claim {
    let out = decode(object.as_bytes());
    assert!(out.faults.is_empty(), "{object}: {:?}", out.faults);
    claims(&out)[0].clone()
}

#[test]
fn the_document_of_readsb_is_used_whole() {
    let out = decode(DOCUMENT);
    assert!(out.faults.is_empty(), "{:?}", out.faults);
    let objects = std::str::from_utf8(DOCUMENT).unwrap().matches("{\"hex\":").count();
    assert_eq!(out.reports.len(), objects);
    for found in &out.reports {
        let text = &DOCUMENT[found.offset as usize..(found.offset + found.length) as usize];
        assert!(text.starts_with(b"{\"hex\":") && text.ends_with(b"}"), "the offset is the object's");
    }
    let first = claims(&out)[0];
    assert_eq!(first.transmitter, Some(Transmitter::Icao("398101".into())));
    assert_eq!(first.names[1], Name { kind: NameKind::Callsign, value: "CCM320N".into() });
    assert_eq!((first.status, first.protocol), (Some(OperationalStatus::Ground), Protocol::Adsb));
    assert_eq!(first.place, Place::new(43.627235, 1.360388));
    assert_eq!((first.heights.altitude_pressure_m, first.horizontal_accuracy_m), (None, Some(10.0)));
    assert!((first.heights.height_ellipsoid_m.unwrap() - 213.36).abs() < 1e-9);
    assert!(
        (first.speed_mps.unwrap() - 14.147).abs() < 0.001 && (first.vertical_speed_mps.unwrap() + 0.325).abs() < 0.001
    );
    // `now` 1795425822.000 less `seen_pos` 3.769.
    assert_eq!(first.measured_at, Some(Time::from_millis(1_795_425_818_231)));
    assert_eq!(out.details[0].message["nac_p"], 10);
    assert_eq!(out.details[0].message["altitude_pressure_m"], serde_json::Value::Null);
}

#[test]
fn lines_and_documents_come_the_same_however_they_are_cut() {
    let mut bytes = Vec::new();
    GzDecoder::new(LINES).read_to_end(&mut bytes).unwrap();
    let lines = bytes.iter().filter(|b| **b == b'\n').count();
    bytes.extend_from_slice(DOCUMENT);
    let whole = decode(&bytes);
    assert!(whole.faults.is_empty());
    assert!(lines == 13 && whole.reports.len() > 30, "{lines} {}", whole.reports.len());
    for cut in [1, 7, 100, 1_000_000] {
        let mut decoder = AircraftJson::new(AircraftJsonConfig::default());
        let (mut out, mut offset) = (Decoded::new(), 0);
        for piece in bytes.chunks(cut) {
            decoder.decode(at(), &Envelope::Stream { connection: 0, offset }, piece, &mut out);
            offset += piece.len() as u64;
            assert_eq!(out.account.bytes_used + out.account.bytes_rejected + decoder.pending_bytes(), offset);
        }
        decoder.decode(at(), &Envelope::StreamEnd { connection: 0 }, &[], &mut out);
        assert_eq!(out.reports, whole.reports, "cut to {cut}");
    }
}

#[test]
fn who_found_the_position_decides_the_protocol() {
    let protocol = |rest: &str| one(&format!(r#"{{"hex":"4b1234","lat":47.0,"lon":8.0{rest}}}"#)).protocol;
    assert_eq!(protocol(r#","type":"adsb_icao""#), Protocol::Adsb);
    assert_eq!(protocol(r#","type":"adsb_icao","mlat":["lat","lon"]"#), Protocol::Multilateration);
    assert_eq!(protocol(r#","type":"mlat""#), Protocol::Multilateration);
    assert_eq!(protocol(r#","type":"adsb_icao","mlat":["gs"],"tisb":["lat"]"#), Protocol::Tisb);
    assert_eq!(protocol(r#","type":"adsr_other""#), Protocol::Adsr);
    assert_eq!(protocol(r#","type":"something_new""#), Protocol::Other);
}

#[test]
fn what_an_aircraft_says_does_not_pass_for_what_others_measured() {
    let said = r#"{"hex":"4b1234","type":"adsb_icao","lat":47.0,"lon":8.0,"alt_baro":3000,"alt_geom":3200,"gs":120,
        "track":90,"geom_rate":640,"baro_rate":600,"nac_p":10,"rc":186,"nac_v":2,"gva":2"#;
    let own = one(&format!("{said}}}"));
    assert!(own.speed_mps.is_some() && own.course_rad.is_some() && own.vertical_speed_mps.is_some());
    assert!(own.heights.height_ellipsoid_m.is_some() && own.heights.vertical_accuracy_m.is_some());
    assert!(own.horizontal_accuracy_m.is_some() && own.speed_accuracy_mps.is_some());
    for list in ["mlat", "tisb"] {
        let place = one(&format!(r#"{said},"{list}":["lat","lon","rc"]}}"#));
        assert_eq!((place.place, place.horizontal_accuracy_m), (own.place, Some(186.0)), "{list}");
        assert_eq!((place.speed_mps, place.course_rad, place.vertical_speed_mps), (None, None, None), "{list}");
        assert_eq!((place.speed_accuracy_mps, place.heights.height_ellipsoid_m), (None, None), "{list}");
        assert_eq!(place.heights.vertical_accuracy_m, None, "{list}");
        assert_eq!(place.heights.altitude_pressure_m, own.heights.altitude_pressure_m, "nobody else knows that");
        let all = one(&format!(
            r#"{said},"{list}":["lat","lon","gs","track","baro_rate","alt_geom","nac_p","nac_v","gva"]}}"#
        ));
        assert_eq!(
            (all.speed_mps, all.course_rad, all.heights),
            (own.speed_mps, own.course_rad, own.heights),
            "{list}"
        );
        assert_eq!(all.horizontal_accuracy_m, own.horizontal_accuracy_m, "{list}");
        assert_eq!(all.speed_accuracy_mps, own.speed_accuracy_mps, "{list}");
        assert!(
            all.vertical_speed_mps.is_some_and(|up| (up - 600.0 * 0.00508).abs() < 1e-9),
            "that by pressure: {list}"
        );
    }
}

#[test]
fn addresses_that_nobody_assigned_are_no_names() {
    for hex in ["~2abcde", "FF1234"] {
        let claim = one(&format!(r#"{{"hex":"{hex}","flight":"ABC1"}}"#));
        assert!(matches!(claim.transmitter, Some(Transmitter::NonIcao(_))), "{hex}");
        assert!(claim.names.iter().all(|n| n.kind != NameKind::IcaoAddress));
    }
}

#[test]
fn old_positions_are_left_out_and_the_last_one_stands_in_while_it_is_fresh() {
    let old = one(r#"{"now":1700000000,"hex":"4b1234","lat":47.0,"lon":8.0,"seen_pos":61,"seen":2}"#);
    assert_eq!((old.place, old.measured_at), (None, Some(at() - Span::from_seconds(2))));
    let last = one(
        r#"{"now":1700000000,"hex":"4b1234","seen":1,"lastPosition":{"lat":47.5,"lon":8.5,"nic":8,"rc":186,"seen_pos":30}}"#,
    );
    assert_eq!((last.place, last.horizontal_accuracy_m), (Place::new(47.5, 8.5), Some(186.0)));
    assert_eq!(last.measured_at, Some(at() - Span::from_seconds(30)));
    let out = decode(br#"{"hex":"4b1234","seen":61}"#);
    assert_eq!((out.faults[0].kind, out.faults[0].reason.as_ref()), (FaultKind::Irrelevant, "not-heard-lately"));
}

#[test]
fn category_squawk_and_emergency() {
    let claim = one(r#"{"hex":"4b1234","category":"B6","squawk":"7700","emergency":"general","alt_baro":1000}"#);
    assert_eq!(claim.classification.unwrap().best(), Some((Class::Drone, 1.0)));
    assert_eq!((claim.squawk, claim.status), (Some("7700".into()), Some(OperationalStatus::Emergency)));
    let calm = one(r#"{"hex":"4b1234","emergency":"none","alt_baro":1000,"squawk":"1000"}"#);
    assert_eq!(calm.status, Some(OperationalStatus::Airborne));
}

#[test]
fn bad_objects_do_not_take_the_good_ones_with_them() {
    for (bad, reason) in [
        (r#"{"hex":"xyz"}"#, "bad-field"),
        (r#"{"hex":"4b1234","alt_baro":"high"}"#, "bad-field"),
        (r#"{"hex":"4b1234","alt_baro":[1]}"#, "bad-field"),
        (r#"{"hex":"4b1234","lat":91,"lon":0}"#, "bad-field"),
        (r#"{"hex":"4b1234","gs":"fast"}"#, "bad-field"),
        (r#"{"hex":"4b1234","gs":1e300}"#, "bad-field"),
        (r#"{"hex":"4b1234","squawk":"9999"}"#, "bad-field"),
        (r#"{"hex":17}"#, "bad-field"),
        (r#"{"flight":"A"}"#, "bad-field"),
        ("17", "bad-field"),
    ] {
        let document = format!(r#"{{"now":1,"aircraft":[{bad},{{"hex":"4b1234"}}]}}"#);
        let out = decode(document.as_bytes());
        assert_eq!(out.faults.iter().map(|f| f.reason.as_ref()).collect::<Vec<_>>(), [reason], "{bad}");
        assert_eq!(out.account.units_used, 1, "{bad}");
    }
    for (bad, reason) in [
        ("{}", "no-aircraft"),
        (r#"{"aircraft":7}"#, "bad-json"),
        (r#"{"hex":"4b1234",}"#, "bad-json"),
        (r#"{"hex":"4b1234""#, "cut-document"),
        ("<html>", "not-json"),
    ] {
        let out = decode(bad.as_bytes());
        assert_eq!(out.faults.iter().map(|f| f.reason.as_ref()).collect::<Vec<_>>(), [reason], "{bad}");
    }
}

#[test]
fn deep_nesting_is_refused_not_followed() {
    let deep = format!(r#"{{"hex":"4b1234","x":{}1{}}}"#, "{\"a\":".repeat(100_000), "}".repeat(100_000));
    decode(deep.as_bytes());
    let deep = format!(r#"{{"aircraft":[{}{}]}}"#, "[".repeat(100_000), "]".repeat(100_000));
    decode(deep.as_bytes());
}

#[test]
fn mutated_documents_keep_the_books() {
    let mut seed = 5u64;
    let mut below = |n: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % n
    };
    let (mut used, mut rejected) = (0, 0);
    for _ in 0..1_500 {
        let mut bytes = DOCUMENT.to_vec();
        for _ in 0..1 + below(6) {
            let at = below(bytes.len());
            match below(3) {
                0 => bytes[at] = below(256) as u8,
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, b"{}\",:9"[below(6)]),
            }
        }
        let out = decode(&bytes);
        used += out.account.units_used;
        rejected += out.account.rejected_total();
    }
    assert!(used > 1_000 && rejected > 1_000, "{used} {rejected}");
}
