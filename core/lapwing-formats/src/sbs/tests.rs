use super::*;
use flate2::read::GzDecoder;
use std::io::Read;

const READSB: &[u8] = include_bytes!("../../../../testdata/formats/sbs/readsb_sbs_first20000.txt.gz");

/// Virtual Radar Server's own sample lines.
const POSITION: &str =
    "MSG,3,102,35,4CA2AD,780807,2010/05/23,00:00:18.796,2010/05/23,00:00:18.812,,15225,,,51.20522,-0.43106,,,0,0,0,0";
const VELOCITY: &str =
    "MSG,4,102,35,4CA2AD,780807,2010/05/23,00:00:17.984,2010/05/23,00:00:18.812,,,361.4,20.7,,,-1728,,,,,";

fn at() -> Time {
    Time::from_civil(2010, 5, 23, 0, 0, 19, 0).unwrap()
}

fn decode(bytes: &[u8]) -> Decoded {
    let mut out = Decoded::with_details();
    Sbs::new(SbsConfig::default()).decode(at(), &Envelope::Datagram, bytes, &mut out);
    assert!(out.account.balances());
    assert_eq!(out.account.bytes_used + out.account.bytes_rejected, bytes.len() as u64);
    out
}

fn claim_of(line: &str) -> Claim {
    let mut out = decode(line.as_bytes());
    assert!(out.faults.is_empty(), "{line}: {:?}", out.faults);
    match out.reports.remove(0).report {
        Report::Claim(claim) => *claim,
        other => panic!("{other:?}"),
    }
}

#[test]
fn units_are_turned() {
    let position = claim_of(POSITION);
    assert_eq!(position.place, Place::new(51.20522, -0.43106));
    assert!((position.heights.altitude_pressure_m.unwrap() - 4640.58).abs() < 1e-9);
    assert_eq!(position.heights.height_ellipsoid_m, None);
    assert_eq!((position.protocol, position.status), (Protocol::Adsb, Some(OperationalStatus::Airborne)));
    assert_eq!(position.transmitter, Some(Transmitter::Icao("4ca2ad".into())));
    let velocity = claim_of(VELOCITY);
    assert!((velocity.speed_mps.unwrap() - 185.92).abs() < 0.01);
    assert!((velocity.course_rad.unwrap() - 0.36128).abs() < 1e-5);
    assert!((velocity.vertical_speed_mps.unwrap() + 8.778).abs() < 0.001);
    assert_eq!((velocity.place, velocity.heights.altitude_pressure_m, velocity.status), (None, None, None));
}

#[test]
fn every_kind_of_message_gives_its_fields() {
    let line = |kind: u8, rest: &str| {
        claim_of(&format!("MSG,{kind},1,1,3A23FF,1,2010/05/23,00:00:18.0,2010/05/23,00:00:18.0,{rest}"))
    };
    let name = line(1, "KLM1302 ,,,,,,,,,,,");
    assert_eq!(name.names[1], Name { kind: NameKind::Callsign, value: "KLM1302".into() });
    let surface = line(2, ",,15,90.0,43.6,1.37,,,,,,-1");
    assert_eq!((surface.status, surface.place), (Some(OperationalStatus::Ground), Place::new(43.6, 1.37)));
    assert!((line(5, ",525,,,,,,,0,,0,0").heights.altitude_pressure_m.unwrap() - 160.02).abs() < 1e-9);
    let squawk = line(6, ",,,,,,,7700,0,0,0,0");
    assert_eq!(
        (squawk.squawk, squawk.status, squawk.protocol),
        (Some("7700".into()), Some(OperationalStatus::Emergency), Protocol::ModeS)
    );
    assert!(line(7, ",37000,,,,,,,,,,0").heights.altitude_pressure_m.is_some());
    assert_eq!(line(8, ",,,,,,,,,,,0").status, Some(OperationalStatus::Airborne));
}

#[test]
fn times_count_only_where_they_fit_the_reception() {
    assert_eq!(claim_of(POSITION).measured_at, Time::from_civil(2010, 5, 23, 0, 0, 18, 796_000_000));
    let decode = |utc_offset_minutes| {
        let mut out = Decoded::with_details();
        Sbs::new(SbsConfig { utc_offset_minutes }).decode(at(), &Envelope::Datagram, POSITION.as_bytes(), &mut out);
        let Report::Claim(claim) = &out.reports[0].report else { panic!() };
        (claim.measured_at, out.details[0].message["generated_at"].clone())
    };
    assert_eq!(decode(60), (None, "2010-05-22T23:00:18.796Z".into()));
    assert_eq!(decode(-60).0, None, "an hour in the future");
}

#[test]
fn made_up_addresses_of_remote_id_bridges_are_not_trusted() {
    let claim = claim_of(
        "MSG,3,1,1,FF1234,1,2010/05/23,00:00:18.0,2010/05/23,00:00:18.0,15810195,100,50,10,37.76,-122.49,64,,0,0,0,0",
    );
    assert_eq!(claim.transmitter, Some(Transmitter::NonIcao("ff1234".into())));
    assert!(claim.names.iter().all(|n| n.kind == NameKind::SensorObject));
    assert_eq!((claim.protocol, claim.place), (Protocol::RemoteId, Place::new(37.76, -122.49)));
    assert_eq!((claim.speed_mps, claim.vertical_speed_mps, claim.heights.any_known()), (None, None, false));
    let other =
        claim_of("MSG,3,1,1,~2ABCDE,1,2010/05/23,00:00:18.0,2010/05/23,00:00:18.0,,100,,,37.76,-122.49,,,0,0,0,0");
    assert_eq!((other.transmitter, other.names.len()), (Some(Transmitter::NonIcao("2abcde".into())), 0));
}

#[test]
fn multilateration_is_marked_and_zero_zero_is_no_place() {
    assert_eq!(claim_of(&POSITION.replace("MSG", "MLAT")).protocol, Protocol::Multilateration);
    assert_eq!(claim_of(&POSITION.replace("51.20522,-0.43106", "0.0,0.0")).place, None);
}

#[test]
fn malformed_lines_say_why_and_the_next_line_lives() {
    let (long, wide) = (format!("MSG,{}", "1".repeat(600)), format!("{POSITION},"));
    for (bad, reason) in [
        ("SEL,,496,2286,4CA4E5,27215,2010/02/19,18:06:07.710,2010/02/19,18:06:07.710,RYR1427", "sender-event"),
        ("CLK,,496,-1,,-1,2010/02/19,18:18:19.036,2010/02/19,18:18:19.036", "sender-event"),
        ("hello", "unknown-line"),
        ("MSG,3,102", "wrong-field-count"),
        (wide.as_str(), "wrong-field-count"),
        (&POSITION.replace("MSG,3", "MSG,9"), "bad-field"),
        (&POSITION.replace("4CA2AD", "4CA2A"), "bad-field"),
        (&POSITION.replace("4CA2AD", "4CA2AÄ"), "bad-field"),
        (&POSITION.replace("51.20522", "91.0"), "bad-field"),
        (&POSITION.replace("51.20522", "NaN"), "bad-field"),
        (&POSITION.replace("15225", "1e9"), "bad-field"),
        (&POSITION.replace(",0,0,0,0", ",0,0,0,7"), "bad-field"),
        (&VELOCITY.replace("-1728,,", "-1728,8000,"), "bad-field"),
        (long.as_str(), "line-too-long"),
    ] {
        let out = decode(format!("{bad}\r\n\r\n{POSITION}\r\n").as_bytes());
        assert_eq!(out.faults.iter().map(|f| f.reason.as_ref()).collect::<Vec<_>>(), [reason], "{bad}");
        assert_eq!((out.account.units_received, out.account.units_used), (2, 1), "{bad}");
    }
    let out = decode(b"\xff\xfe\n");
    assert_eq!(out.faults[0].reason, "bad-text");
}

#[test]
fn all_lines_of_readsb_are_used() {
    let mut bytes = Vec::new();
    GzDecoder::new(READSB).read_to_end(&mut bytes).unwrap();
    let lines = bytes.iter().filter(|b| **b == b'\n').count() as u64;
    let mut decoder = Sbs::new(SbsConfig::default());
    let (mut out, mut offset) = (Decoded::new(), 0);
    for piece in bytes.chunks(997) {
        decoder.decode(at(), &Envelope::Stream { connection: 3, offset }, piece, &mut out);
        offset += piece.len() as u64;
    }
    decoder.decode(at(), &Envelope::StreamEnd { connection: 3 }, &[], &mut out);
    assert!(out.faults.is_empty(), "{:?}", out.faults.first());
    assert_eq!((out.account.units_used, lines), (20_000, 20_000));
    let places = out.reports.iter().filter(|f| matches!(&f.report, Report::Claim(c) if c.place.is_some())).count();
    let wanted = std::str::from_utf8(&bytes)
        .unwrap()
        .lines()
        .filter(|l| l.split(',').nth(14).is_some_and(|f| !f.is_empty()))
        .count();
    assert!(places == wanted && places > 500, "{places} of {wanted}");
}

#[test]
fn mutated_lines_keep_the_books() {
    let sound = format!("{POSITION}\r\n{VELOCITY}\n").repeat(5);
    let mut seed = 3u64;
    let mut below = |n: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % n
    };
    let (mut used, mut rejected) = (0, 0);
    for _ in 0..4_000 {
        let mut bytes = sound.clone().into_bytes();
        for _ in 0..1 + below(12) {
            let at = below(bytes.len());
            match below(3) {
                0 => bytes[at] = below(256) as u8,
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, b",\n-0f"[below(5)]),
            }
        }
        let out = decode(&bytes);
        assert_eq!(out.account.rejected_total(), out.faults.len() as u64);
        used += out.account.units_used;
        rejected += out.account.rejected_total();
    }
    assert!(used > 5_000 && rejected > 5_000, "{used} {rejected}");
}
