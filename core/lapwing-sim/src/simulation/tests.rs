use super::*;
use crate::scenario::{Adsb, Flight, Object, RemoteId, Spoof, WayPoint};
use lapwing_formats::{Decoded, Decoder};
use lapwing_model::{Class, Envelope, Geodetic, Report};

fn point(east_m: f64, north_m: f64, up_m: f64) -> WayPoint {
    WayPoint { east_m, north_m, up_m }
}

fn scenario() -> Scenario {
    let object = |id: &str, class, flight| Object {
        id: id.to_owned(),
        class,
        rcs_dbsm: -15.0,
        from_s: 0.0,
        until_s: None,
        flight,
        remote_id: None,
        adsb: None,
    };
    let line = |speed_mps, from, to| Flight::Route { speed_mps, points: vec![from, to] };
    Scenario {
        name: "test".to_owned(),
        seed: 3,
        duration_s: 20.0,
        origin: Geodetic { latitude_deg: 53.0, longitude_deg: 5.5, height_ellipsoid_m: 42.0 },
        objects: vec![
            Object {
                remote_id: Some(RemoteId {
                    serial: "1234A0123456789".to_owned(),
                    mac: "02:00:00:00:00:07".to_owned(),
                    operator: None,
                    operator_id: Some("NLD-OP-1".to_owned()),
                    text: None,
                    spoof: Some(Spoof { from_s: 10.0, east_mps: 30.0, north_mps: 0.0 }),
                }),
                ..object("rid", Class::Multirotor, line(10.0, point(0.0, 500.0, 60.0), point(1000.0, 500.0, 60.0)))
            },
            Object {
                adsb: Some(Adsb { icao_address: 0x48_4b_cb, callsign: "KLM123".to_owned() }),
                ..object(
                    "plane",
                    Class::Aeroplane,
                    line(120.0, point(-9000.0, 3000.0, 2000.0), point(9000.0, 3000.0, 2000.0)),
                )
            },
        ],
        sensors: vec![
            SimSensor {
                id: "radar".to_owned(),
                place: point(0.0, 0.0, 5.0),
                model: SensorModel::Radar {
                    period_s: 1.0,
                    range_max_m: 3000.0,
                    detection_probability: 1.0,
                    range_sd_m: 5.0,
                    azimuth_sd_deg: 0.3,
                    elevation_sd_deg: 0.3,
                    range_rate_sd_mps: 0.5,
                    clutter_per_scan: 1.0,
                },
                dies_at_s: Some(15.0),
                returns_at_s: None,
            },
            SimSensor {
                id: "rid".to_owned(),
                place: point(0.0, 0.0, 5.0),
                model: SensorModel::RemoteId { range_max_m: 5000.0 },
                dies_at_s: None,
                returns_at_s: None,
            },
            SimSensor {
                id: "adsb".to_owned(),
                place: point(0.0, 0.0, 5.0),
                model: SensorModel::Adsb { range_max_m: 100_000.0 },
                dies_at_s: None,
                returns_at_s: None,
            },
        ],
    }
}

fn decode(decoder: &mut dyn Decoder, emission: &Emission, envelope: &Envelope) -> Vec<Report> {
    let mut decoded = Decoded::new();
    decoder.decode(emission.at, envelope, &emission.bytes, &mut decoded);
    assert!(decoded.account.balances());
    assert_eq!(decoded.account.rejected_total(), 0, "{:?}", decoded.faults);
    decoded.reports.into_iter().map(|f| f.report).collect()
}

fn open(format: &str) -> Box<dyn Decoder> {
    let table = toml::de::DeTable::parse("").unwrap();
    let value = toml::Spanned::new(0..0, toml::de::DeValue::Table(table.into_inner()));
    (lapwing_formats::format(format).unwrap().decoder.unwrap())(value).unwrap()
}

#[test]
fn the_same_scenario_gives_the_same_bytes_in_order_of_time() {
    let run = || Simulation::new(scenario(), Time::from_seconds(1_000_000)).collect::<Vec<_>>();
    let (a, b) = (run(), run());
    assert!(a.len() > 60);
    assert_eq!(a, b);
    assert!(a.windows(2).all(|w| w[0].at <= w[1].at));
}

#[test]
fn every_byte_is_understood_by_the_decoders_and_says_the_truth() {
    let start = Time::from_seconds(1_800_000_000);
    let simulation = Simulation::new(scenario(), start);
    let truth = simulation.truth().clone();
    let (mut json, mut rid, mut beast) = (open("json"), open("dronescout"), open("mode-s"));
    let (mut plots, mut claims, mut fixes) = (0, 0, 0);
    let mut offset = 0;
    for emission in simulation {
        let t = emission.at.since(start).as_seconds_f64();
        match emission.sensor {
            0 => {
                assert!(t < 15.0, "a dead sensor is silent");
                plots += decode(json.as_mut(), &emission, &Envelope::Datagram)
                    .iter()
                    .filter(|r| matches!(r, Report::Plot(_)))
                    .count();
            }
            1 => {
                let message = Envelope::Message { topic: "rid".to_owned() };
                for report in decode(rid.as_mut(), &emission, &message) {
                    let Report::Claim(claim) = report else { continue };
                    let true_place = truth.geodetic(truth.state(0, t).unwrap().position).place();
                    let gap_m = claim.place.unwrap().distance_m(true_place);
                    let lie_m = 30.0 * (t - 10.0).max(0.0);
                    assert!((gap_m - lie_m).abs() < 3.0, "at {t} s: {gap_m} m from the truth, lied {lie_m} m");
                    claims += 1;
                }
            }
            _ => {
                let piece = Envelope::Stream { connection: 0, offset };
                offset += emission.bytes.len() as u64;
                for report in decode(beast.as_mut(), &emission, &piece) {
                    let Report::Claim(claim) = report else { continue };
                    let Some(place) = claim.place else { continue };
                    let true_place = truth.geodetic(truth.state(1, t).unwrap().position).place();
                    assert!(place.distance_m(true_place) < 20.0);
                    fixes += 1;
                }
            }
        }
    }
    assert!(plots >= 15, "{plots} plots");
    assert_eq!(claims, 20);
    assert!(fixes >= 35, "{fixes} positions");
}
