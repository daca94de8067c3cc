//! Two cameras: lines of sight that meet, and what one radar sees as one.

use super::*;

/// A camera `east` and `north` of `HOME`: 0.1°, five looks a second, sees 1.3 km.
fn camera(name: &str, east: f64, north: f64) -> Sensor {
    let place = home().to_geodetic(Enu::new(east, north, 8.0));
    Sensor {
        coverage: Coverage { range_max_m: Some(1_300.0), detection_probability: Some(0.8), ..Coverage::default() },
        error: ErrorModel { azimuth_sd_deg: Some(0.1), elevation_sd_deg: Some(0.1), ..ErrorModel::default() },
        ..Sensor::new(SensorId::new(name).unwrap(), SensorKind::Camera, Some(place), Span::from_millis(200))
    }
}

fn direction(t: f64, camera: &Sensor, x: Enu, dice: &mut Dice) -> Observation {
    let d = LocalFrame::new(camera.place.unwrap()).ecef_to_enu(home().enu_to_ecef(x));
    let sd = math::rad(0.1);
    let measurement = Measurement::Bearing {
        azimuth_rad: math::wrap_tau(d.azimuth_rad() + sd * dice.normal()),
        elevation_rad: Some(d.elevation_rad() + sd * dice.normal()),
        azimuth_sd_rad: None,
        elevation_sd_rad: None,
    };
    Observation::new(at(t), measurement)
}

/// Confirmed tracks after eight seconds of what `cameras` see of two aircraft that fly side by side.
fn followed(cameras: &[Sensor], seed: u64) -> Vec<Enu> {
    let mut dice = Dice::new(seed);
    let mut t = Tracker::new(Config::default());
    let pair = |now: f64| [-12.5, 12.5].map(|side| Enu::new(-100.0 + 8.0 * now, 700.0 + side, 90.0));
    for step in 0..40 {
        for (i, camera) in cameras.iter().enumerate() {
            let now = f64::from(step) * 0.2 + 0.03 * i as f64;
            t.advance(at(now));
            let mut seen = Vec::new();
            for x in pair(now) {
                if dice.uniform() < 0.8 {
                    seen.push(direction(now, camera, x, &mut dice));
                }
            }
            look(&mut t, camera, now, &seen);
        }
    }
    let confirmed = t.ids().filter(|id| t.estimate(*id, at(8.0)).unwrap().phase == Phase::Confirmed);
    let places: Vec<Enu> = confirmed.map(|id| place_of(&t, id, 8.0)).collect();
    for place in &places {
        let off = pair(8.0).map(|x| math::hypot(place.east_m - x.east_m, place.north_m - x.north_m));
        assert!(off[0].min(off[1]) < 10.0, "seed {seed}: a track {off:?} m from both");
    }
    places
}

#[test]
fn two_cameras_tell_two_aircraft_apart_without_any_other_sensor() {
    for seed in 0..10 {
        let both = followed(&[camera("a", 0.0, 0.0), camera("b", -350.0, -220.0)], seed);
        assert_eq!(both.len(), 2, "seed {seed}");
    }
}

#[test]
fn one_camera_alone_begins_nothing() {
    assert!(followed(&[camera("a", 0.0, 0.0)], 1).is_empty());
}

#[test]
fn lines_that_never_meet_begin_nothing() {
    let cameras = [camera("a", 0.0, 0.0), camera("b", -350.0, -220.0)];
    let mut dice = Dice::new(5);
    let mut t = Tracker::new(Config::default());
    for step in 0..50 {
        // Each sees a bird of its own, at other heights.
        for (camera, x) in cameras.iter().zip([Enu::new(100.0, 700.0, 40.0), Enu::new(100.0, 700.0, 160.0)]) {
            let now = f64::from(step) * 0.2;
            t.advance(at(now));
            let seen = [direction(now, camera, x, &mut dice)];
            look(&mut t, camera, now, &seen);
        }
    }
    assert_eq!(t.ids().count(), 0);
}
