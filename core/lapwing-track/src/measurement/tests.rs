use super::*;
use crate::filter::{Matrix, dot};
use lapwing_model::{Coverage, ErrorModel, Heights, SensorId, SensorKind, Span, Time};
use proptest::prelude::*;

fn sensor() -> Sensor {
    Sensor {
        id: SensorId::new("s").unwrap(),
        kind: SensorKind::Radar,
        place: Some(Geodetic { latitude_deg: 47.3, longitude_deg: 8.7, height_ellipsoid_m: 500.0 }),
        interval: Span::from_seconds(1),
        coverage: Coverage::default(),
        error: ErrorModel::default(),
    }
}

fn resolved(measurement: Measurement) -> Result<Option<Resolved>, &'static str> {
    let o = Observation {
        measured_at: Time::from_seconds(0),
        measurement,
        velocity: None,
        label: None,
        self_report: false,
        confidence: None,
    };
    let s = sensor();
    resolve(&o, &s, s.place.and_then(sensor_frame).as_ref(), &mut Geoid::default())
}

fn polar(range_m: f64, azimuth_rad: f64, elevation_rad: Option<f64>, rate: Option<f64>) -> Measurement {
    Measurement::RangeAzimuth {
        range_m,
        azimuth_rad,
        elevation_rad,
        range_rate_mps: rate,
        range_sd_m: Some(10.0),
        azimuth_sd_rad: Some(0.01),
        elevation_sd_rad: Some(0.01),
        range_rate_sd_mps: Some(1.0),
    }
}

fn place_measurement(height: Option<f64>) -> Measurement {
    Measurement::Position {
        place: Place { latitude_deg: 47.31, longitude_deg: 8.73 },
        heights: Heights { height_ellipsoid_m: height, ..Heights::UNKNOWN },
        horizontal_sd_m: Some(5.0),
        vertical_sd_m: Some(8.0),
    }
}

fn identity() -> Matrix {
    let mut m = [[0.0; 6]; 6];
    for (i, row) in m.iter_mut().enumerate() {
        row[i] = 1.0;
    }
    m
}

/// The derivative of the innovation by each coordinate is minus the Jacobian.
fn check(resolved: &Resolved, frame: &LocalFrame, mean: Vector, height_known: bool) -> Result<(), TestCaseError> {
    let config = Config::default();
    let at = |mean: Vector| {
        let state = Gaussian { mean, covariance: identity() };
        resolved.linear(frame, &state, height_known, 1e-7, &config).map(|(l, _)| l)
    };
    let Some(here) = at(mean) else { return Ok(()) };
    for axis in 0..6 {
        if !height_known && (axis == 2 || axis == 5) {
            continue;
        }
        let step = if axis < 3 { 0.5 } else { 0.05 };
        let (mut up, mut down) = (mean, mean);
        up[axis] += step;
        down[axis] -= step;
        let (Some(up), Some(down)) = (at(up), at(down)) else { return Ok(()) };
        for (k, row) in here.rows().iter().enumerate() {
            // An azimuth may cross its cut between the two points.
            let raw = up.rows()[k].innovation - down.rows()[k].innovation;
            let change = if raw.abs() > 3.0 && row.variance < 0.01 { math::wrap_pi(raw) } else { raw };
            let slope = -change / (2.0 * step);
            let scale = math::sqrt(dot(&row.jacobian, &row.jacobian)).max(1e-9);
            // A place without height leans with the vertical at the place, 0.3° at 36 km from the anchor: left out.
            let lean =
                if axis == 2 && matches!(resolved, Resolved::Position { height_m: None, .. }) { 8e-3 } else { 0.0 };
            prop_assert!(
                (slope - row.jacobian[axis]).abs() < lean + 2e-3 * scale,
                "component {k}, axis {axis}: {slope} against {}",
                row.jacobian[axis]
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn jacobians_match_numerical_differentiation(
        (e, n, u) in (-8_000.0..8_000.0f64, -8_000.0..8_000.0f64, 0.0..3_000.0f64),
        (ve, vn, vu) in (-60.0..60.0f64, -60.0..60.0f64, -10.0..10.0f64),
        anchor in (47.0..47.6f64, 8.2..9.2f64),
        (azimuth, elevation) in (0.0..math::TAU, -0.2..1.2f64),
        known in any::<bool>(),
    ) {
        let frame = anchored(Place { latitude_deg: anchor.0, longitude_deg: anchor.1 });
        let mean = if known { [e, n, u, ve, vn, vu] } else { [e, n, 0.0, ve, vn, 0.0] };
        let from = LocalFrame::new(sensor().place.unwrap());
        let d = from.ecef_to_enu(frame.enu_to_ecef(Enu::new(mean[0], mean[1], mean[2])));
        // Close overhead the second derivatives are larger than any step can resolve.
        prop_assume!(d.horizontal_m() > 300.0);
        for m in [
            place_measurement(None),
            place_measurement(Some(700.0)),
            polar(3_000.0, azimuth, None, None),
            polar(3_000.0, azimuth, Some(elevation), None),
            polar(3_000.0, azimuth, Some(elevation), Some(12.0)),
            polar(3_000.0, azimuth, None, Some(-3.0)),
            Measurement::Bearing { azimuth_rad: azimuth, elevation_rad: None, azimuth_sd_rad: None, elevation_sd_rad: None },
            Measurement::Bearing {
                azimuth_rad: azimuth, elevation_rad: Some(elevation), azimuth_sd_rad: None, elevation_sd_rad: None,
            },
        ] {
            let r = resolved(m).unwrap().unwrap();
            check(&r, &frame, mean, known)?;
        }
    }

    /// A track begun from a plot is where the plot says, and the plot then fits it without surprise.
    #[test]
    fn a_start_agrees_with_its_own_plot(
        range in 200.0..20_000.0f64, azimuth in 0.0..math::TAU, elevation in prop::option::of(-0.1..1.2f64),
    ) {
        let r = resolved(polar(range, azimuth, elevation, None)).unwrap().unwrap();
        let config = Config::default();
        let (frame, state, known) = r.start(&config).unwrap();
        prop_assert_eq!(known, elevation.is_some());
        let (linear, _) = r.linear(&frame, &state, known, 1e-7, &config).unwrap();
        for row in linear.rows() {
            // The start of a height-less track lies on the ellipsoid, 500 m below the sensor: 0.008 % of the way.
            let tolerance = if known { 1e-6 } else { 2e-3 * range };
            prop_assert!(row.innovation.abs() < tolerance, "{}", row.innovation);
        }
        prop_assert!(state.updated(&linear).is_some(), "the covariance is sound");
    }

    /// Whatever comes off the air, the answer is a reason, not a broken number.
    #[test]
    fn wild_numbers_are_refused_or_harmless(
        range in any::<f64>(), azimuth in any::<f64>(), elevation in prop::option::of(any::<f64>()),
        rate in prop::option::of(any::<f64>()), sd in prop::option::of(any::<f64>()),
        latitude in any::<f64>(), longitude in any::<f64>(), height in prop::option::of(any::<f64>()),
    ) {
        let heights = Heights { height_ellipsoid_m: height, ..Heights::UNKNOWN };
        for m in [
            Measurement::RangeAzimuth {
                range_m: range, azimuth_rad: azimuth, elevation_rad: elevation, range_rate_mps: rate,
                range_sd_m: sd, azimuth_sd_rad: sd, elevation_sd_rad: sd, range_rate_sd_mps: sd,
            },
            Measurement::Position {
                place: Place { latitude_deg: latitude, longitude_deg: longitude }, heights,
                horizontal_sd_m: sd, vertical_sd_m: sd,
            },
            Measurement::Bearing { azimuth_rad: azimuth, elevation_rad: elevation, azimuth_sd_rad: sd, elevation_sd_rad: sd },
        ] {
            if let Ok(Some(r)) = resolved(m) && let Some((_, state, _)) = r.start(&Config::default()) {
                prop_assert!(state.mean.iter().chain(state.covariance.iter().flatten()).all(|x| x.is_finite()));
            }
        }
    }
}

#[test]
fn reasons_are_said() {
    assert_eq!(resolved(polar(f64::NAN, 0.0, None, None)).err(), Some("not-finite"));
    assert_eq!(resolved(polar(-1.0, 0.0, None, None)).err(), Some("out-of-range"));
    assert_eq!(resolved(polar(100.0, 0.0, Some(2.0), None)).err(), Some("out-of-range"));
    assert!(resolved(Measurement::Presence).unwrap().is_none());
    let o = Observation {
        measured_at: Time::from_seconds(0),
        measurement: polar(100.0, 0.0, None, None),
        velocity: None,
        label: None,
        self_report: false,
        confidence: None,
    };
    let lost = Sensor { place: None, ..sensor() };
    assert_eq!(resolve(&o, &lost, None, &mut Geoid::default()).err(), Some("sensor-place-unknown"));
}

#[test]
fn sea_level_heights_go_through_the_geoid() {
    let place = Place { latitude_deg: 47.31, longitude_deg: 8.73 };
    let m = Measurement::Position {
        place,
        heights: Heights { altitude_msl_m: Some(600.0), ..Heights::UNKNOWN },
        horizontal_sd_m: None,
        vertical_sd_m: Some(3.0),
    };
    let Ok(Some(Resolved::Position { height_m: Some(h), .. })) = resolved(m) else { panic!("a position with height") };
    assert!((h.value - 600.0 - height::geoid_undulation_m(place)).abs() < 0.3, "{h:?}");
    assert!(h.sd > 3.0);
}

#[test]
fn a_slant_range_without_elevation_widens_close_to_the_sensor() {
    let config = Config::default();
    let sd = |r: f64| ground_range(Measured { value: r, sd: 10.0 }, None, &config).sd;
    assert!(sd(200.0) > 35.0, "{}", sd(200.0));
    assert!(sd(5_000.0) < 10.5, "{}", sd(5_000.0));
    let sure = ground_range(Measured { value: 200.0, sd: 10.0 }, Some(Measured { value: 0.5, sd: 0.01 }), &config);
    assert!((sure.value - 200.0 * math::cos(0.5)).abs() < 1e-9 && sure.sd < 10.0);
}
