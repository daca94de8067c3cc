use super::*;
use crate::geoid::Geoid;
use crate::interface::Observation;
use crate::reading::resolve;
use lapwing_model::{Geodetic, Heights, Measurement, Place, Sensor, SensorId, SensorKind, Span, Time, height};
use proptest::prelude::*;

const HOME: Geodetic = Geodetic { latitude_deg: 47.3, longitude_deg: 8.7, height_ellipsoid_m: 500.0 };

fn sensor() -> Sensor {
    Sensor::new(SensorId::new("s").unwrap(), SensorKind::Radar, Some(HOME), Span::from_seconds(1))
}

fn resolved(measurement: Measurement) -> Result<Option<Reading>, &'static str> {
    let observation = Observation::new(Time::from_seconds(0), measurement);
    let mut all = Vec::new();
    resolve(&observation, &sensor(), Some(&LocalFrame::new(HOME)), &mut Geoid::default(), &mut all)?;
    Ok(all.pop())
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

/// Every kind of reading.
const KINDS: [Kind; 9] = [
    Kind::Position { height: false },
    Kind::Position { height: true },
    Kind::Polar { elevation: false, rate: false },
    Kind::Polar { elevation: true, rate: false },
    Kind::Polar { elevation: false, rate: true },
    Kind::Polar { elevation: true, rate: true },
    Kind::Bearing { elevation: false },
    Kind::Bearing { elevation: true },
    Kind::RangeDifference,
];

/// The gradient of each predicted component against central differences.
fn check(scene: &Scene<'_>, kind: Kind, mean: Vector, other: Ecef) -> Result<(), TestCaseError> {
    let Some(here) = scene.rows(kind, &mean, Some(other)) else { return Ok(()) };
    let speed = math::sqrt(mean[3] * mean[3] + mean[4] * mean[4] + mean[5] * mean[5]);
    // With a delayed signal the derivative of the delay itself is left out: an error of the order v/c of the gradient, in
    // position, and of the way the sound was under way, in velocity.
    let neglected = scene.signal_speed_mps.map_or(0.0, |c| 2.5 * speed / (c - speed).max(1.0));
    for axis in 0..6 {
        if !scene.height_known && (axis == 2 || axis == 5) {
            // The height is no part of the state.
            continue;
        }
        let step = if axis < 3 { 0.2 } else { 0.05 };
        let (mut up, mut down) = (mean, mean);
        up[axis] += step;
        down[axis] -= step;
        let (Some(up), Some(down)) = (scene.rows(kind, &up, Some(other)), scene.rows(kind, &down, Some(other))) else {
            return Ok(());
        };
        prop_assert_eq!(up.count, here.count);
        for k in 0..here.count {
            let change = up.predicted[k] - down.predicted[k];
            let change = if here.wraps[k] { math::wrap_pi(change) } else { change };
            let slope = change / (2.0 * step);
            let row = &here.jacobian[k];
            // Of the gradient's own group, position or velocity: they are of different size.
            let group = if axis < 3 { &row[..3] } else { &row[3..] };
            let scale = group.iter().map(|x| math::fabs(*x)).fold(0.0, f64::max).max(1e-9);
            // A delayed range rate also changes by where the source is then, which its velocity gradient leaves out.
            let rate = matches!(kind, Kind::Polar { rate: true, .. }) && k + 1 == here.count;
            let neglected = if rate && neglected > 0.0 { neglected.max(0.1) * 2.0 } else { neglected };
            let allowed = (1e-4 + neglected) * scale;
            prop_assert!(
                math::fabs(slope - row[axis]) < allowed,
                "{kind:?}, component {k}, axis {axis}: {slope} against {}, allowed {allowed}",
                row[axis]
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn jacobians_match_numerical_differentiation(
        (e, n, u) in (-8_000.0..8_000.0f64, -8_000.0..8_000.0f64, 0.0..3_000.0f64),
        (ve, vn, vu) in (-60.0..60.0f64, -60.0..60.0f64, -10.0..10.0f64),
        (latitude_deg, longitude_deg) in (47.0..47.6f64, 8.2..9.2f64),
        (se, sn, su) in (-9_000.0..9_000.0f64, -9_000.0..9_000.0f64, -20.0..800.0f64),
        (oe, on, ou) in (-9_000.0..9_000.0f64, -9_000.0..9_000.0f64, 0.0..800.0f64),
        height_known in any::<bool>(),
        sound in any::<bool>(),
    ) {
        let config = Config::default();
        let frame = LocalFrame::new(Place { latitude_deg, longitude_deg }.at_height(0.0));
        let from = LocalFrame::new(frame.to_geodetic(Enu::new(se, sn, su)));
        let other = frame.enu_to_ecef(Enu::new(oe, on, ou));
        let mean = if height_known { [e, n, u, ve, vn, vu] } else { [e, n, 0.0, ve, vn, 0.0] };
        // Close to the sensor, or above it, the second derivatives are larger than any step can resolve.
        prop_assume!(math::hypot(e - se, n - sn) > 300.0 && math::hypot(e - oe, n - on) > 300.0);
        let scene = Scene {
            frame: &frame,
            pose: Some(Pose::new(&from, &frame)),
            height_known,
            signal_speed_mps: sound.then_some(343.0),
            config: &config,
        };
        for kind in KINDS {
            check(&scene, kind, mean, other)?;
        }
    }

    /// What is begun from a plot is where the plot says: the plot then fits it without surprise.
    #[test]
    fn a_start_agrees_with_its_own_plot(
        range in 200.0..20_000.0f64, azimuth in 0.0..math::TAU, elevation in prop::option::of(-0.1..1.2f64),
    ) {
        let reading = resolved(polar(range, azimuth, elevation, None)).unwrap().unwrap();
        let config = Config::default();
        let mut regions = crate::region::Regions::default();
        let region = regions.at(HOME.place());
        let sensor = sensor();
        let post = crate::post::Post::new(0, &sensor, Some(LocalFrame::new(HOME)), &config);
        let (mut posts, mut work) = ([post], crate::filter::Work::default());
        let mut ctx = crate::filter::Context { config: &config, regions: &mut regions, posts: &mut posts, work: &mut work };
        let (state, known) = crate::birth::start(&reading, 0, region, &mut ctx).unwrap();
        prop_assert_eq!(known, elevation.is_some());
        let linear = ctx.scene(0, region, known).linear(&reading, &state.mean).unwrap();
        for row in linear.rows() {
            // The start of a height-less track lies on the ellipsoid, 500 m below the sensor: 0.008 % of the way; and in
            // the sensor's horizon, which leans against the region's by up to 0.1°.
            let tolerance = if known { 1e-6 } else { 4e-3 * range };
            prop_assert!(row.innovation.abs() < tolerance, "{}", row.innovation);
        }
        prop_assert!(state.updated(&linear).is_some(), "the covariance is sound");
    }

    /// Whatever comes off the air, the answer is a reason, not a broken number.
    #[test]
    fn wild_numbers_are_refused_or_harmless(
        range in any::<f64>(), azimuth in any::<f64>(), elevation in prop::option::of(any::<f64>()),
        rate in prop::option::of(any::<f64>()), sd in prop::option::of(any::<f64>()),
        latitude_deg in any::<f64>(), longitude_deg in any::<f64>(), height in prop::option::of(any::<f64>()),
    ) {
        let heights = Heights { height_ellipsoid_m: height, ..Heights::UNKNOWN };
        let place = Place { latitude_deg, longitude_deg };
        let config = Config::default();
        let mut tracker = crate::Tracker::new(config);
        let sensor = sensor();
        let wild = [
            Measurement::RangeAzimuth {
                range_m: range, azimuth_rad: azimuth, elevation_rad: elevation, range_rate_mps: rate,
                range_sd_m: sd, azimuth_sd_rad: sd, elevation_sd_rad: sd, range_rate_sd_mps: sd,
            },
            Measurement::Position { place, heights, horizontal_sd_m: sd, vertical_sd_m: sd },
            Measurement::Bearing { azimuth_rad: azimuth, elevation_rad: elevation, azimuth_sd_rad: sd, elevation_sd_rad: sd },
            Measurement::RangeDifference {
                reference_place: place, reference_height_ellipsoid_m: height, range_difference_m: range,
                range_difference_sd_m: sd,
            },
        ];
        for measurement in wild {
            let mut outcomes = Vec::new();
            let mut o = Observation::new(Time::from_seconds(0), measurement);
            tracker.observe(&sensor, &[o.clone()], &mut outcomes);
            // The same as somebody's word: it begins a track, if it can be used.
            o.self_report = true;
            o.label = Some(crate::Label(1));
            tracker.observe(&sensor, &[o], &mut outcomes);
        }
        for id in tracker.ids().collect::<Vec<_>>() {
            let e = tracker.estimate(id, Time::from_seconds(1)).unwrap();
            let (x, v) = (e.position, e.velocity);
            let numbers = [x.east_m, x.north_m, x.up_m, v.east_m, v.north_m, v.up_m];
            prop_assert!(numbers.iter().chain(e.covariance.iter().flatten()).all(|x| x.is_finite()));
        }
    }
}

#[test]
fn reasons_are_said() {
    assert_eq!(resolved(polar(f64::NAN, 0.0, None, None)).err(), Some("not-finite"));
    assert_eq!(resolved(polar(-1.0, 0.0, None, None)).err(), Some("out-of-range"));
    assert_eq!(resolved(polar(100.0, 0.0, Some(2.0), None)).err(), Some("out-of-range"));
    assert!(resolved(Measurement::Presence).unwrap().is_none());
    let o = Observation::new(Time::from_seconds(0), polar(100.0, 0.0, None, None));
    let lost = Sensor { place: None, ..sensor() };
    let refused = resolve(&o, &lost, None, &mut Geoid::default(), &mut Vec::new());
    assert_eq!(refused.err(), Some("sensor-place-unknown"));
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
    let reading = resolved(m).unwrap().unwrap();
    assert_eq!(reading.kind, Kind::Position { height: true });
    let up = reading.point.to_geodetic().height_ellipsoid_m;
    assert!((up - 600.0 - height::geoid_undulation_m(place)).abs() < 0.3, "{up}");
    assert!(reading.variance[2] > 9.0);
}

#[test]
fn a_slant_range_without_elevation_widens_close_to_the_sensor() {
    let config = Config::default();
    let sd = |r: f64| {
        let reading = resolved(polar(r, 0.0, None, None)).unwrap().unwrap();
        math::sqrt(ground_range(&reading, false, &config).1)
    };
    assert!(sd(200.0) > 35.0, "{}", sd(200.0));
    assert!(sd(5_000.0) < 10.5, "{}", sd(5_000.0));
    let reading = resolved(polar(200.0, 0.0, Some(0.5), None)).unwrap().unwrap();
    let (value, variance) = ground_range(&reading, true, &config);
    assert!((value - 200.0 * math::cos(0.5)).abs() < 1e-9 && variance < 100.0);
}
