//! Sensors that read wrong all the time, and aircraft that say where they are, each a little higher or lower than it is.

use super::*;
use lapwing_model::BiasModel;

/// What a sensor adds to each reading: metres, degrees, degrees.
type Wrong = [f64; 3];

const RADAR: Wrong = [25.0, 1.2, -0.8];
const CAMERA: Wrong = [0.0, 0.6, -0.3];
/// How much higher each aircraft says it is, metres: all of them, so that it is no mean error of none.
const LIFTED_M: [f64; 3] = [8.0, 6.0, 7.0];

fn biased_radar() -> Sensor {
    let bias_sd =
        BiasModel { range_m: Some(30.0), azimuth_deg: Some(1.5), elevation_deg: Some(1.0), ..BiasModel::default() };
    Sensor { bias_sd, ..radar() }
}

fn camera() -> Sensor {
    let place = home().to_geodetic(Enu::new(150.0, 100.0, 8.0));
    Sensor {
        coverage: Coverage { range_max_m: Some(2_500.0), detection_probability: Some(0.9), ..Coverage::default() },
        error: ErrorModel { azimuth_sd_deg: Some(0.1), elevation_sd_deg: Some(0.1), ..ErrorModel::default() },
        bias_sd: BiasModel { azimuth_deg: Some(1.5), elevation_deg: Some(1.0), ..BiasModel::default() },
        ..Sensor::new(SensorId::new("camera").unwrap(), SensorKind::Camera, Some(place), Span::from_millis(500))
    }
}

/// Two that cross the site and one that circles.
fn flies(aircraft: usize, now: f64) -> (Enu, [f64; 2]) {
    match aircraft {
        0 => (Enu::new(2_400.0 - 15.0 * now, 500.0, 100.0), [-15.0, 0.0]),
        1 => (Enu::new(-2_000.0 + 11.0 * now, -1_300.0 + 9.0 * now, 80.0), [11.0, 9.0]),
        _ => {
            let (r, turn) = (400.0, 0.03);
            let (sin, cos) = (math::sin(turn * now), math::cos(turn * now));
            (Enu::new(900.0 + r * cos, -600.0 + r * sin, 110.0), [-r * turn * sin, r * turn * cos])
        }
    }
}

/// A reading of a point in the horizon of `HOME`, as wrong as the sensor is.
fn reading(now: f64, sensor: &Sensor, x: Enu, wrong: Wrong, dice: &mut Dice) -> Observation {
    let d = LocalFrame::new(sensor.place.unwrap()).ecef_to_enu(home().enu_to_ecef(x));
    let sd = math::rad(sensor.error.azimuth_sd_deg.unwrap());
    let azimuth_rad = math::wrap_tau(d.azimuth_rad() + math::rad(wrong[1]) + sd * dice.normal());
    let elevation_rad = d.elevation_rad() + math::rad(wrong[2]) + sd * dice.normal();
    let measurement = match sensor.error.range_sd_m {
        Some(range_sd_m) => Measurement::RangeAzimuth {
            range_m: d.length_m() + wrong[0] + range_sd_m * dice.normal(),
            azimuth_rad,
            elevation_rad: Some(elevation_rad),
            range_rate_mps: None,
            range_sd_m: None,
            azimuth_sd_rad: None,
            elevation_sd_rad: None,
            range_rate_sd_mps: None,
        },
        None => Measurement::Bearing {
            azimuth_rad,
            elevation_rad: Some(elevation_rad),
            azimuth_sd_rad: None,
            elevation_sd_rad: None,
        },
    };
    Observation::new(at(now), measurement)
}

/// Three minutes of some of them.
fn flown(aircraft: &[usize], seed: u64) -> Tracker {
    let (radar, camera, receiver) = (biased_radar(), camera(), receiver("rid"));
    let mut dice = Dice::new(seed);
    let mut t = Tracker::new(Config::default());
    for step in 0..360 {
        let now = 0.5 * f64::from(step);
        t.advance(at(now));
        if step % 2 == 0 {
            for i in aircraft {
                let (x, [east, north]) = flies(*i, now);
                let said = Enu::new(
                    x.east_m + 2.0 * dice.normal(),
                    x.north_m + 2.0 * dice.normal(),
                    x.up_m + LIFTED_M[*i] + 2.0 * dice.normal(),
                );
                observe(&mut t, &receiver, &[with_velocity(claim(now, said, 3.0, 1 + *i as u64), east, north)]);
            }
        }
        for (sensor, wrong, reach) in [(&radar, RADAR, 5_000.0), (&camera, CAMERA, 2_500.0)] {
            if sensor.interval == Span::from_seconds(1) && step % 2 == 0 {
                continue;
            }
            let mut seen = Vec::new();
            for i in aircraft {
                let (x, _) = flies(*i, now);
                if x.length_m() < reach && dice.uniform() < 0.9 {
                    seen.push(reading(now, sensor, x, wrong, &mut dice));
                }
            }
            look(&mut t, sensor, now, &seen);
        }
    }
    t
}

fn bias_of(t: &Tracker, name: &str) -> Option<crate::Bias> {
    t.biases().find(|(id, _)| id.as_str() == name).map(|(_, bias)| bias)
}

#[test]
fn what_sensors_read_wrong_is_found() {
    for seed in 0..6 {
        let t = flown(&[0, 1, 2], seed);
        for (name, wrong) in [("radar", RADAR), ("camera", CAMERA)] {
            let bias = bias_of(&t, name).unwrap();
            assert!(bias.converged, "{name}, seed {seed}: {bias:?}");
            let found = [bias.range_m, bias.azimuth_rad, bias.elevation_rad];
            for (part, wrong) in found.into_iter().zip([wrong[0], math::rad(wrong[1]), math::rad(wrong[2])]) {
                // The least of a fifth, 0.2 degrees and 5 metres that is asked of it, and what it says of itself.
                let off = math::fabs(part.0 - wrong);
                let allowed = if wrong > 10.0 { 5.0 } else { math::rad(0.2) };
                assert!(wrong == 0.0 || off <= allowed, "{name}, seed {seed}: {part:?} for {wrong}");
                assert!(wrong == 0.0 || off <= 3.0 * part.1, "{name}, seed {seed}: {part:?} for {wrong}");
            }
        }
    }
}

#[test]
fn one_aircraft_alone_corrects_no_sensor() {
    let t = flown(&[2], 1);
    for name in ["radar", "camera"] {
        assert!(bias_of(&t, name).is_none_or(|bias| !bias.converged), "{name}");
    }
}
