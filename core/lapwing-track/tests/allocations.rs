//! The steady state allocates nothing per observation, and what is held is bounded.
#![allow(unsafe_code, reason = "a global allocator that counts can only be written with it")]
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use lapwing_model::{
    Coverage, Enu, ErrorModel, Geodetic, Heights, LocalFrame, Measurement, Sensor, SensorId, SensorKind, Span, Time,
};
use lapwing_track::{Config, Observation, Outcome, Scan, Tracker};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
    /// Bytes taken and not given back, by this thread.
    static LIVE: Cell<i64> = const { Cell::new(0) };
}

/// The system's allocator, counting by thread what is asked of it.
struct Counting;

// SAFETY: every call is handed on unchanged to the system's allocator, which keeps the contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|c| c.set(c.get() + 1));
        LIVE.with(|l| l.set(l.get() + layout.size() as i64));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.with(|l| l.set(l.get() - layout.size() as i64));
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.with(|c| c.set(c.get() + 1));
        LIVE.with(|l| l.set(l.get() + size as i64 - layout.size() as i64));
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn counted() -> u64 {
    COUNT.with(Cell::get)
}

fn live() -> i64 {
    LIVE.with(Cell::get)
}

const HOME: Geodetic = Geodetic { latitude_deg: 47.3, longitude_deg: 8.7, height_ellipsoid_m: 500.0 };

fn radar() -> Sensor {
    Sensor {
        coverage: Coverage { range_max_m: Some(10_000.0), detection_probability: Some(0.95), ..Coverage::default() },
        error: ErrorModel { range_sd_m: Some(10.0), azimuth_sd_deg: Some(0.3), ..ErrorModel::default() },
        ..Sensor::new(SensorId::new("radar").unwrap(), SensorKind::Radar, Some(HOME), Span::from_seconds(1))
    }
}

/// Well separated targets that move slowly, seen in 2-D, with a little error that repeats.
fn scan(second: i64, targets: usize, out: &mut Vec<Observation>) {
    out.clear();
    let at = Time::from_seconds(1_800_000_000 + second);
    for i in 0..targets {
        let (row, column) = ((i / 10) as f64, (i % 10) as f64);
        let t = second as f64;
        let x = Enu::new(-5_000.0 + 1_000.0 * column + 4.0 * t, 1_000.0 + 700.0 * row - 1.0 * t, 0.0);
        let wobble = ((second * 7 + i as i64 * 3) % 11) as f64 - 5.0;
        out.push(Observation::new(
            at,
            Measurement::RangeAzimuth {
                range_m: x.length_m() + wobble,
                azimuth_rad: x.azimuth_rad() + 4e-4 * wobble,
                elevation_rad: None,
                range_rate_mps: None,
                range_sd_m: None,
                azimuth_sd_rad: None,
                elevation_sd_rad: None,
                range_rate_sd_mps: None,
            },
        ));
    }
}

/// Allocations over 100 scans after 100 to settle, and how many plots those had.
fn steady(targets: usize) -> (u64, u64) {
    let mut tracker = Tracker::new(Config::default());
    let sensor = radar();
    let (mut plots, mut outcomes) = (Vec::new(), Vec::new());
    let (mut allocations, mut observations) = (0, 0);
    for second in 0..200 {
        scan(second, targets, &mut plots);
        let began_at = Time::from_seconds(1_800_000_000 + second);
        outcomes.clear();
        let before = counted();
        tracker.advance(began_at);
        let of = Scan { number: Some(second as u64), began_at, complete: true };
        tracker.observe_scan(&sensor, of, &plots, &mut outcomes);
        while tracker.poll().is_some() {}
        if second >= 100 {
            allocations += counted() - before;
            observations += plots.len() as u64;
            let known = outcomes.iter().filter(|o| matches!(o, Outcome::Updated(_))).count();
            assert!(known + 1 >= targets, "second {second}: {known} of {targets} are known");
        }
    }
    assert_eq!(tracker.ids().count(), targets);
    (allocations, observations)
}

#[test]
fn the_steady_state_does_not_allocate_per_observation() {
    let (few, few_plots) = steady(10);
    let (many, many_plots) = steady(80);
    println!(
        "allocations in 100 scans: {few} of {few_plots} plots, {many} of {many_plots}; per plot {:.3} and {:.3}",
        few as f64 / few_plots as f64,
        many as f64 / many_plots as f64
    );
    // Eight times the plots cost no more. What is left is by scan: the four lists of what was heard before and of where each
    // plot went; and every other second the copy of the filter to go back to, of which the grids and the map of clutter do not
    // keep their memory.
    let per_plot = (many as f64 - few as f64) / (many_plots - few_plots) as f64;
    println!("{per_plot:.4} for each plot more, {:.2} a scan", few as f64 / 100.0);
    assert!(per_plot < 0.01, "{per_plot}");
    assert!(few <= 100 * 10, "{few}");
}

/// Ten thousand aircraft 300 m apart and as many more plots as an overload brings, each of them new every time.
fn crowd(second: i64, aircraft: usize, strays: usize, out: &mut Vec<Observation>) {
    out.clear();
    let at = Time::from_seconds(1_800_000_000 + second);
    let frame = LocalFrame::new(HOME);
    let position = |e: f64, n: f64| Measurement::Position {
        place: frame.to_geodetic(Enu::new(e, n, 0.0)).place(),
        heights: Heights::UNKNOWN,
        horizontal_sd_m: Some(10.0),
        vertical_sd_m: None,
    };
    for i in 0..aircraft {
        let (row, column) = ((i / 100) as f64, (i % 100) as f64);
        let wobble = ((second * 7 + i as i64 * 3) % 11) as f64 - 5.0;
        let (e, n) = (300.0 * column - 15_000.0 + 4.0 * second as f64, 300.0 * row - 15_000.0 + wobble);
        out.push(Observation::new(at, position(e, n)));
    }
    let mut dice = second as u64;
    let mut uniform = || {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        30_000.0 * ((dice >> 33) as f64 / f64::from(u32::MAX >> 1)) - 15_000.0
    };
    for _ in 0..strays {
        let (e, n) = (uniform(), uniform());
        out.push(Observation::new(at, position(e, n)));
    }
}

/// Most bytes that the tracker held, after each of some scans; and how many tracks it had in the end.
fn held(aircraft: usize, strays: usize, scans: i64) -> (i64, usize) {
    let sensor = Sensor::new(SensorId::new("mlat").unwrap(), SensorKind::Multilateration, None, Span::from_seconds(1));
    let before = live();
    let mut tracker = Tracker::new(Config::default());
    let mut most = 0;
    for second in 0..scans {
        let (mut plots, mut outcomes) = (Vec::new(), Vec::new());
        crowd(second, aircraft, strays, &mut plots);
        let began_at = Time::from_seconds(1_800_000_000 + second);
        tracker.advance(began_at);
        let of = Scan { number: Some(second as u64), began_at, complete: true };
        tracker.observe_scan(&sensor, of, &plots, &mut outcomes);
        while tracker.poll().is_some() {}
        drop((plots, outcomes));
        most = most.max(live() - before);
    }
    (most, tracker.ids().count())
}

const MIB: f64 = 1024.0 * 1024.0;

#[test]
fn ten_thousand_tracks_take_256_mib_at_most() {
    let (bytes, tracks) = held(10_000, 0, 24);
    println!("{tracks} tracks: {:.0} MiB, with the copies to go back to", bytes as f64 / MIB);
    assert!(tracks >= 10_000);
    assert!(bytes as f64 / MIB <= 256.0, "{:.0} MiB", bytes as f64 / MIB);
}

#[test]
fn memory_is_bounded_under_ten_times_the_load() {
    // What ten times the plots take, most of them false, does not go on growing.
    let (early, _) = held(10_000, 90_000, 4);
    let (late, tracks) = held(10_000, 90_000, 8);
    println!("{tracks} tracks: {:.0} MiB after 4 scans, {:.0} after 8", early as f64 / MIB, late as f64 / MIB);
    assert!((late as f64) < 1.25 * early as f64, "{early} {late}");
}
