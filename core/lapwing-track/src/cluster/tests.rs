use super::*;
use crate::config::Config;
use crate::gaussian::{Covariance, Gaussian};
use crate::interface::{Observation, Scan};
use crate::tracker::Tracker;
use lapwing_model::Time;
use lapwing_model::{Coverage, Enu, ErrorModel, Geodetic, Measurement, Sensor, SensorId, SensorKind, Span};

const HOME: Geodetic = Geodetic { latitude_deg: 47.3, longitude_deg: 8.7, height_ellipsoid_m: 500.0 };

/// What a cluster always is.
fn assert_sound(filter: &Filter, config: &Config) {
    for (id, cluster) in filter.clusters.iter() {
        let Cluster { members, locals, firsts, globals } = cluster;
        assert!(members.windows(2).all(|w| w[0] < w[1]), "{members:?}");
        assert!(cluster.is_sound() && firsts.len() == members.len() && locals.len() >= members.len());
        assert!(members.len() > 1 || globals.len() > 1, "one alone that is sure needs no cluster: {cluster:?}");
        assert!(!globals.is_empty() && globals.len() <= config.hypotheses_max);
        let sum: f64 = globals.iter().map(|g| g.weight).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{sum}");
        assert!(globals.windows(2).all(|w| w[0].weight >= w[1].weight), "the best first");
        for global in globals {
            assert_eq!(global.picks.len(), members.len());
            for (i, pick) in global.picks.iter().enumerate() {
                assert!(usize::from(*pick) < cluster.locals_of(i).len());
            }
        }
        for (i, a) in globals.iter().enumerate() {
            assert!(globals[i + 1..].iter().all(|b| b.picks != a.picks), "no two say the same");
        }
        for (i, member) in members.iter().enumerate() {
            let list = cluster.locals_of(i);
            assert!(list.len() <= LOCAL_MAX);
            assert_eq!(cluster.position(*member), Some(i));
            let weights = cluster.weights(i);
            assert!(weights.iter().all(|w| *w > 0.0), "a hypothesis nobody picks: {weights:?}");
            let track = filter.tracks.get(*member).unwrap();
            assert_eq!(track.cluster, Some(id), "both sides know");
            for h in list {
                assert!((0.0..=1.0).contains(&h.existence), "{}", h.existence);
            }
        }
    }
    for (slot, track) in filter.tracks.iter() {
        if let Some(id) = track.cluster {
            assert!(filter.clusters.get(id).is_some_and(|c| c.position(slot).is_some()));
        }
    }
}

/// Two targets that cross and part, with a quarter turn's worth of doubt between them.
#[test]
fn crossing_targets_are_a_cluster_until_they_part() {
    let sensor = Sensor {
        coverage: Coverage { range_max_m: Some(5_000.0), detection_probability: Some(0.9), ..Coverage::default() },
        error: ErrorModel {
            range_sd_m: Some(10.0),
            azimuth_sd_deg: Some(0.5),
            elevation_sd_deg: Some(0.5),
            ..ErrorModel::default()
        },
        ..Sensor::new(SensorId::new("radar").unwrap(), SensorKind::Radar, Some(HOME), Span::from_seconds(1))
    };
    let mut state = 7u64;
    let mut uniform = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    // Nearly normal: the sum of twelve.
    let mut normal = move || (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
    let config = Config::default();
    let (mut clustered, mut hypotheses) = (0, 0);
    for run in 0..10 {
        let mut tracker = Tracker::new(config.clone());
        for s in 0..70 {
            let now = Time::from_seconds(1_000 + s);
            let t = s as f64;
            let targets = [
                Enu::new(-600.0 + 20.0 * t, 1_000.0 + 1.0 * t, 150.0),
                Enu::new(600.0 - 20.0 * t, 1_000.0 + 1.0 * t, 150.0),
            ];
            let plots: Vec<Observation> = targets
                .iter()
                .filter_map(|x| {
                    let sd = math::rad(0.5);
                    let measurement = Measurement::RangeAzimuth {
                        range_m: x.length_m() + 10.0 * normal(),
                        azimuth_rad: math::wrap_tau(x.azimuth_rad() + sd * normal()),
                        elevation_rad: Some(x.elevation_rad() + sd * normal()),
                        range_rate_mps: None,
                        range_sd_m: None,
                        azimuth_sd_rad: None,
                        elevation_sd_rad: None,
                        range_rate_sd_mps: None,
                    };
                    // Seen nine times of ten.
                    (normal() > -1.28).then(|| Observation::new(now, measurement))
                })
                .collect();
            tracker.advance(now);
            tracker.observe_scan(
                &sensor,
                Scan { number: None, began_at: now, complete: true },
                &plots,
                &mut Vec::new(),
            );
            assert_sound(tracker.filter(), &config);
            for (_, cluster) in tracker.filter().clusters.iter() {
                clustered += 1;
                hypotheses = hypotheses.max(cluster.globals.len());
            }
        }
        assert_eq!(tracker.filter().clusters.len(), 0, "run {run}: they have parted, and one hypothesis has won");
        assert!(tracker.ids().count() >= 2);
    }
    println!("{clustered} clusters over all looks, {hypotheses} hypotheses at most");
    assert!(clustered > 10 && hypotheses > 1, "there was something to keep: {clustered}, {hypotheses}");
}

/// Independent clusters put together and taken apart are what they were.
#[test]
fn parts_undo_a_product() {
    let hypothesis = |east: f64| Hypothesis {
        modes: crate::imm::Modes::new(
            Gaussian {
                mean: [east, 0.0, 0.0, 0.0, 0.0, 0.0],
                covariance: Covariance::of(&std::array::from_fn(|i| {
                    std::array::from_fn(|j| if i == j { 1.0 } else { 0.0 })
                })),
            },
            &Config::default().models,
        ),
        existence: 0.9,
    };
    // Two members each that swap places, so that they depend on each other.
    let pair = |members: [u32; 2], weight: f64| Cluster {
        members: members.into_iter().collect(),
        locals: [hypothesis(0.0), hypothesis(100.0)].repeat(2),
        firsts: smallvec![0, 2],
        globals: vec![
            Global { weight, picks: smallvec![0, 1] },
            Global { weight: 1.0 - weight, picks: smallvec![1, 0] },
        ],
    };
    let (a, b) = (pair([1, 8], 0.7), pair([3, 5], 0.6));
    let joint = a.clone().product(b.clone(), 24);
    assert_eq!(joint.members[..], [1, 3, 5, 8]);
    assert_eq!(joint.globals.len(), 4);
    let mut parts = Vec::new();
    joint.split(|part| parts.push(part));
    assert_eq!(parts.len(), 2);
    for (part, was) in parts.iter().zip([&a, &b]) {
        assert_eq!(part.members, was.members);
        for (g, h) in part.globals.iter().zip(&was.globals) {
            assert_eq!(g.picks, h.picks);
            assert!((g.weight - h.weight).abs() < 1e-12);
        }
    }
}
