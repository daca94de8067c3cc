//! The site that the load generator and the recording of an hour simulate.

use lapwing_model::{Class, Geodetic};
use lapwing_sim::{Adsb, Flight, Object, RemoteId, Scenario, SensorModel, SimSensor, WayPoint};

/// Where the simulated site is.
pub(crate) const ORIGIN: Geodetic = Geodetic { latitude_deg: 53.0, longitude_deg: 5.5, height_ellipsoid_m: 42.0 };
/// Its sensors; the last is simulated by nobody.
pub(crate) const SENSORS: [&str; 5] = ["radar-a", "radar-b", "rid", "adsb", "observer"];

/// A scenario of about `rate` reports a second: three in ten objects broadcast ADS-B, the rest are drones and birds that two
/// radars see once a second; some drones broadcast Remote ID.
pub(crate) fn scenario(rate: u32, seconds: u64) -> Scenario {
    let rate = f64::from(rate);
    let adsb = (rate * 0.35 / 3.4).round() as u32;
    let drones = (rate * 0.05).round() as u32;
    // Both radars see everything that flies low, four looks in five.
    let low = (rate * 0.60 / 2.0 / 0.78).round() as u32;
    let mut objects = Vec::new();
    for i in 0..low {
        let angle = f64::from(i) * 2.399_963;
        let distance = 400.0 + 9_000.0 * (f64::from(i) / f64::from(low)).sqrt();
        let centre = WayPoint {
            east_m: distance * angle.sin(),
            north_m: distance * angle.cos(),
            up_m: 120.0 + f64::from(i % 7) * 20.0,
        };
        let remote_id = (i < drones).then(|| RemoteId {
            serial: format!("LOAD{i:012}"),
            mac: format!("02:00:00:00:{:02x}:{:02x}", i >> 8, i & 255),
            operator: None,
            operator_id: None,
            text: None,
            spoof: None,
        });
        objects.push(Object {
            id: format!("low-{i}"),
            class: if i < drones { Class::Multirotor } else { Class::Bird },
            rcs_dbsm: -15.0,
            from_s: 0.0,
            until_s: None,
            flight: Flight::Circle { centre, radius_m: 60.0, speed_mps: 8.0 + f64::from(i % 5) },
            remote_id,
            adsb: None,
        });
    }
    for i in 0..adsb {
        let angle = f64::from(i) * 2.399_963;
        let distance = 15_000.0 + 400.0 * f64::from(i);
        objects.push(Object {
            id: format!("high-{i}"),
            class: Class::Aeroplane,
            rcs_dbsm: 15.0,
            from_s: 0.0,
            until_s: None,
            flight: Flight::Circle {
                centre: WayPoint {
                    east_m: distance * angle.sin(),
                    north_m: distance * angle.cos(),
                    up_m: 5_000.0 + 30.0 * f64::from(i),
                },
                radius_m: 8_000.0,
                speed_mps: 180.0,
            },
            remote_id: None,
            adsb: Some(Adsb { icao_address: 0x48_00_00 + i, callsign: format!("LOAD{i}") }),
        });
    }
    let place = |east_m| WayPoint { east_m, north_m: 0.0, up_m: 5.0 };
    let radar = || SensorModel::Radar {
        period_s: 1.0,
        range_max_m: 12_000.0,
        detection_probability: 0.95,
        range_sd_m: 8.0,
        azimuth_sd_deg: 0.2,
        elevation_sd_deg: 0.3,
        range_rate_sd_mps: 0.5,
        clutter_per_scan: 5.0,
    };
    let models = [
        radar(),
        radar(),
        SensorModel::RemoteId { range_max_m: 50_000.0 },
        SensorModel::Adsb { range_max_m: 400_000.0 },
    ];
    let sensors = models
        .into_iter()
        .enumerate()
        .map(|(i, model)| SimSensor {
            id: SENSORS[i].to_owned(),
            place: place(i as f64 * 40.0),
            model,
            dies_at_s: None,
            returns_at_s: None,
        })
        .collect();
    Scenario { name: "load".to_owned(), seed: 11, duration_s: seconds as f64, origin: ORIGIN, objects, sensors }
}

/// A scan cut at line breaks into datagrams, as a radar with many plots sends it.
pub(crate) fn datagrams(lines: &[u8]) -> Vec<&[u8]> {
    const BYTES_MAX: usize = 16 << 10;
    let (mut cut, mut from) = (Vec::new(), 0);
    while from < lines.len() {
        let window = &lines[from..lines.len().min(from + BYTES_MAX)];
        let length = window.iter().rposition(|b| *b == b'\n').map_or(window.len(), |i| i + 1);
        cut.push(&lines[from..from + length]);
        from += length;
    }
    cut
}
