//! What one look costs: by number of models, by kind of measurement, and by number of targets that share their gates.
//!
//! `cargo bench -p lapwing-track --bench models`. Everything through the public tracker, so each figure has in it what a look
//! always costs: making the plots (under a microsecond each), their order, the copies to go back to.
#![allow(missing_docs, reason = "a benchmark")]

mod scenes;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use lapwing_track::{Config, Models};
use scenes::{Reads, cluster_of, one_of};

/// The first so many of the default models.
fn models(count: usize) -> Config {
    let mut config = Config::default();
    let Models { motions, start, leave_per_s } = &mut config.models;
    motions.truncate(count);
    start.truncate(count);
    leave_per_s.truncate(count);
    config
}

fn predict_and_update(c: &mut Criterion) {
    let kinds = [
        ("position_2d", Reads::Position2),
        ("position_3d", Reads::Position3),
        ("polar", Reads::Polar),
        ("polar_elevation", Reads::PolarElevation),
        ("polar_elevation_rate", Reads::PolarRate),
        ("bearing_and_claim", Reads::Bearing),
        ("bearing_elevation_and_claim", Reads::BearingElevation),
        ("range_difference_and_claim", Reads::RangeDifference),
    ];
    for count in 1..=3 {
        let mut group = c.benchmark_group(format!("one_target/{count}_models"));
        for (name, reads) in kinds {
            let mut kernel = one_of(models(count), reads);
            group.bench_function(name, |b| b.iter(|| kernel.step()));
        }
        group.finish();
    }
}

fn associate(c: &mut Criterion) {
    let mut group = c.benchmark_group("cluster");
    group.sample_size(20);
    for targets in [2, 4, 8, 16, 64] {
        let mut kernel = cluster_of(targets);
        group.throughput(Throughput::Elements(targets as u64));
        group.bench_function(BenchmarkId::from_parameter(targets), |b| b.iter(|| kernel.step()));
    }
    group.finish();
}

criterion_group!(benches, predict_and_update, associate);
criterion_main!(benches);
