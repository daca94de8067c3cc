//! What is encoded comes back.

use super::{GOLDEN, decode};
use crate::json::encode_report;
use lapwing_model::{
    AirText, Authentication, Claim, ClaimedOperator, Class, Classification, Heights, Measurement, Name, NameKind,
    OperationalStatus, Personal, Place, Plot, Protocol, Report, SensorHealth, SensorId, SensorStatus, SensorTrack,
    Sighting, Time, Transmitter, math,
};
use proptest::option::of;
use proptest::prelude::*;

fn lines(report: &Report) -> Vec<u8> {
    let mut line = Vec::new();
    encode_report(report, &mut line);
    assert_eq!(line.iter().filter(|b| **b == b'\n').count(), 1, "one line");
    line
}

fn back(line: &[u8]) -> Report {
    let mut out = decode(line);
    assert_eq!(out.faults, [], "{}", String::from_utf8_lossy(line));
    assert_eq!(out.reports.len(), 1);
    out.reports.remove(0).report
}

/// Every angle of a report, to be compared by value and not by bits: a degree is not a whole number of radians.
fn angles(report: &mut Report) -> Vec<f64> {
    let mut found = Vec::new();
    let mut take = |angle: &mut f64| {
        found.push(*angle);
        *angle = 0.0;
    };
    let measurement = |m: &mut Measurement, take: &mut dyn FnMut(&mut f64)| match m {
        Measurement::RangeAzimuth { azimuth_rad, elevation_rad, azimuth_sd_rad, elevation_sd_rad, .. }
        | Measurement::Bearing { azimuth_rad, elevation_rad, azimuth_sd_rad, elevation_sd_rad } => {
            take(azimuth_rad);
            for angle in [elevation_rad, azimuth_sd_rad, elevation_sd_rad] {
                angle.iter_mut().for_each(&mut *take);
            }
        }
        Measurement::Position { .. } | Measurement::RangeDifference { .. } | Measurement::Presence => {}
    };
    match report {
        Report::Plot(plot) | Report::SensorTrack(SensorTrack { plot, .. }) => {
            plot.course_rad.iter_mut().for_each(&mut take);
            measurement(&mut plot.measurement, &mut take);
        }
        Report::Claim(claim) => claim.course_rad.iter_mut().for_each(&mut take),
        Report::Sighting(sighting) => sighting.measurement.iter_mut().for_each(|m| measurement(m, &mut take)),
        Report::SensorStatus(_) => {}
    }
    found
}

fn assert_same(mut a: Report, mut b: Report) {
    let (in_a, in_b) = (angles(&mut a), angles(&mut b));
    assert_eq!(a, b);
    assert_eq!(in_a.len(), in_b.len());
    for (x, y) in in_a.iter().zip(&in_b) {
        assert!(math::wrap_pi(x - y).abs() < 1e-11, "{x} against {y}");
    }
}

#[test]
fn golden_cases_come_back() {
    for (name, bytes) in GOLDEN {
        for found in decode(bytes).reports {
            let line = lines(&found.report);
            let again = back(&line);
            assert_eq!(lines(&again), line, "{name}");
            assert_same(again, found.report);
        }
    }
}

fn time() -> impl Strategy<Value = Time> {
    (0_i64..7_258_118_400_000_000_000).prop_map(Time::from_nanos)
}

fn sensor() -> impl Strategy<Value = SensorId> {
    "[a-z][a-z0-9._-]{0,20}".prop_map(|s| SensorId::new(&s).unwrap())
}

fn air_text() -> impl Strategy<Value = AirText> {
    "\\PC{0,40}|[\"\\\\/<>&\u{e9}\u{1F681}]{1,9}".prop_map(|s| AirText::new(&s))
}

fn place() -> impl Strategy<Value = Place> {
    (-90.0..=90.0_f64, -180.0..=180.0_f64).prop_map(|(lat, lon)| Place::new(lat, lon).unwrap())
}

fn sd() -> impl Strategy<Value = f64> {
    1e-6..5_000.0_f64
}

fn height() -> impl Strategy<Value = f64> {
    -1_000.0..100_000.0_f64
}

fn azimuth() -> impl Strategy<Value = f64> {
    (0.0..360.0_f64).prop_map(math::rad)
}

fn elevation() -> impl Strategy<Value = f64> {
    (-89.999..89.999_f64).prop_map(math::rad)
}

fn angle_sd() -> impl Strategy<Value = f64> {
    (1e-6..180.0_f64).prop_map(math::rad)
}

fn heights() -> impl Strategy<Value = Heights> {
    let five = (of(height()), of(height()), of(height()), of(height()), of(height()));
    (five, of(sd()), of(sd())).prop_map(|((a, b, c, d, e), vertical, pressure)| Heights {
        height_ellipsoid_m: a,
        altitude_msl_m: b,
        height_above_takeoff_m: c,
        height_above_ground_m: d,
        altitude_pressure_m: e,
        vertical_accuracy_m: vertical,
        pressure_accuracy_m: pressure,
    })
}

fn polar() -> impl Strategy<Value = Measurement> {
    let values = (0.0..1e7_f64, azimuth(), of(elevation()), of(-5_000.0..5_000.0_f64));
    (values, of(sd()), of(angle_sd()), of(angle_sd()), of(sd())).prop_map(|((r, a, e, rate), rs, aws, es, rrs)| {
        Measurement::RangeAzimuth {
            range_m: r,
            azimuth_rad: a,
            elevation_rad: e,
            range_rate_mps: rate,
            range_sd_m: rs,
            azimuth_sd_rad: aws,
            elevation_sd_rad: es,
            range_rate_sd_mps: rrs,
        }
    })
}

/// What any message with a measurement may have.
fn direct() -> impl Strategy<Value = Measurement> {
    let position = (place(), heights(), of(sd()), of(sd())).prop_map(|(place, heights, h, v)| Measurement::Position {
        place,
        heights,
        horizontal_sd_m: h,
        vertical_sd_m: v,
    });
    let bearing = (azimuth(), of(elevation()), of(angle_sd()), of(angle_sd())).prop_map(|(a, e, aws, es)| {
        Measurement::Bearing { azimuth_rad: a, elevation_rad: e, azimuth_sd_rad: aws, elevation_sd_rad: es }
    });
    prop_oneof![position, polar(), bearing]
}

fn measurement() -> impl Strategy<Value = Measurement> {
    let difference = (place(), of(height()), -1e7..1e7_f64, of(sd())).prop_map(|(place, height, d, sd)| {
        Measurement::RangeDifference {
            reference_place: place,
            reference_height_ellipsoid_m: height,
            range_difference_m: d,
            range_difference_sd_m: sd,
        }
    });
    prop_oneof![3 => direct(), 1 => difference, 1 => Just(Measurement::Presence)]
}

fn classification() -> impl Strategy<Value = Classification> {
    let class = prop_oneof![Just(Class::Multirotor), Just(Class::FixedWing), Just(Class::Bird), Just(Class::Ground)];
    proptest::collection::btree_map(class, 0.0..0.25_f64, 0..4)
        .prop_map(|probabilities| Classification { probabilities })
}

prop_compose! {
    fn plot(measurement: impl Strategy<Value = Measurement>)(
        measurement in measurement,
        head in (of(sensor()), of(time()), of(0..1_u64 << 53)),
        motion in (of(azimuth()), of(0.0..5_000.0_f64)),
        what in (of(classification()), of(-100.0..100.0_f64), of(0.0..=1.0_f64)),
    ) -> Plot {
        let ((sensor, measured_at, scan), (course_rad, speed_mps)) = (head, motion);
        let (classification, rcs_dbsm, confidence) = what;
        Plot { sensor, measured_at, scan, measurement, course_rad, speed_mps, classification, rcs_dbsm, confidence }
    }
}

prop_compose! {
    fn operator()(place in of(place()), height in of(height()), source in of(air_text()), id in of(air_text()))
        -> Option<ClaimedOperator> {
        let operator = ClaimedOperator {
            place: place.map(Personal::new),
            height_ellipsoid_m: height,
            place_source: source,
            id: id.map(Personal::new),
        };
        (operator != ClaimedOperator::default()).then_some(operator)
    }
}

prop_compose! {
    fn authentication()(
        kind in any::<u8>(),
        pages in any::<u8>(),
        announced in any::<Option<u8>>(),
        at in of(time()),
        hex in of("([0-9a-f]{2}){0,255}"),
        problem in of(air_text()),
    ) -> Authentication {
        Authentication {
            signature_type: kind,
            pages_received: pages,
            pages_announced: announced,
            signed_at: at,
            data_hex: hex,
            problem,
        }
    }
}

prop_compose! {
    fn claim()(
        head in (of(sensor()), of(time()), any::<Option<u16>>(), any::<Option<u8>>()),
        transmitter in air_text(),
        which in 0..4_u8,
        serial in of(air_text()),
        callsign in of(air_text()),
        stamp in (of(0.0..3600.0_f64), of(0.0..1.5_f64), of(time()), of(sd())),
        place in of(place()),
        heights in heights(),
        motion in (of(azimuth()), of(0.0..5_000.0_f64), of(-5_000.0..5_000.0_f64), of(sd())),
        what in (of(classification()), operator(), of(authentication()), of(air_text()), of(-300.0..100.0_f64)),
    ) -> Claim {
        let mut claim = Claim::new(Protocol::RemoteIdBluetoothLongRange);
        (claim.sensor, claim.measured_at, claim.channel, claim.counter) = head;
        claim.transmitter = Some(match which {
            0 => Transmitter::Mac(transmitter),
            1 => Transmitter::Icao(transmitter),
            2 => Transmitter::NonIcao(transmitter),
            _ => Transmitter::Other(transmitter),
        });
        claim.names.extend(serial.map(|value| Name { kind: NameKind::Serial, value }));
        claim.names.extend(callsign.map(|value| Name { kind: NameKind::Callsign, value }));
        (claim.timestamp_raw_s, claim.timestamp_accuracy_s) = (stamp.0, stamp.1);
        claim.horizontal_accuracy_m = stamp.3;
        (claim.place, claim.heights) = (place, heights);
        (claim.course_rad, claim.speed_mps, claim.vertical_speed_mps, claim.speed_accuracy_mps) = motion;
        (claim.classification, claim.operator, claim.authentication, claim.text, claim.rssi_db) = what;
        claim.status = Some(OperationalStatus::Airborne);
        claim.squawk = Some(AirText::new("7700"));
        claim
    }
}

prop_compose! {
    fn status()(
        head in (of(sensor()), of(time())),
        health in prop_oneof![Just(None), Just(Some(SensorHealth::Ok)), Just(Some(SensorHealth::Failed))],
        place in of(place()),
        heights in heights(),
        scan in of((of(0..1_u64 << 53), any::<u32>())),
        text in of(air_text()),
    ) -> SensorStatus {
        SensorStatus {
            sensor: head.0,
            measured_at: head.1,
            health,
            place,
            heights,
            scan: scan.and_then(|s| s.0),
            scan_plots: scan.map(|s| s.1),
            text,
        }
    }
}

prop_compose! {
    fn sighting()(
        head in (of(sensor()), of(time())),
        observer in of(place()),
        measurement in of(direct()),
        classification in of(classification()),
        count in any::<Option<u32>>(),
        text in air_text(),
    ) -> Sighting {
        let (sensor, measured_at) = head;
        Sighting { sensor, measured_at, observer, measurement, classification, count, text: Some(text) }
    }
}

fn report() -> impl Strategy<Value = Report> {
    let track = (air_text(), plot(direct()), of(-5_000.0..5_000.0_f64), any::<bool>())
        .prop_map(|(object, plot, vertical_speed_mps, ended)| SensorTrack { object, plot, vertical_speed_mps, ended });
    prop_oneof![
        3 => plot(measurement()).prop_map(Report::Plot),
        1 => track.prop_map(Report::SensorTrack),
        2 => claim().prop_map(|c| Report::Claim(Box::new(c))),
        1 => sighting().prop_map(Report::Sighting),
        1 => status().prop_map(Report::SensorStatus),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn every_report_comes_back(report in report()) {
        let line = lines(&report);
        let again = back(&line);
        prop_assert_eq!(lines(&again), line);
        assert_same(again, report);
    }
}
