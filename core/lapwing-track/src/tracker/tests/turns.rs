//! Sensors that turn, told of turn by turn.

use super::*;

/// Two minutes of eight aircraft around a radar that turns once in `period_s`, whose plots are stamped `ahead_s` ahead of the times of its
/// scans. How many of them are confirmed tracks in the end, how many tracks there are, and how many plots were refused.
fn turned(period_s: f64, ahead_s: f64) -> (usize, usize, usize) {
    turned_with(period_s, ahead_s, |plot| plot)
}

/// The same of plots as the radar `gives` them.
fn turned_with(period_s: f64, ahead_s: f64, gives: fn(Observation) -> Observation) -> (usize, usize, usize) {
    let mut dice = Dice::new(11);
    let mut t = Tracker::new(Config::default());
    let sensor = Sensor { rotating: true, interval: Span::from_seconds_f64(period_s), ..radar() };
    let place = |i: u32, s: f64| {
        let bearing = math::TAU * (f64::from(i) + 0.3) / 8.0;
        let (sin, cos) = (math::sin(bearing), math::cos(bearing));
        Enu::new(1_500.0 * sin + 8.0 * s * cos, 1_500.0 * cos - 8.0 * s * sin, 90.0)
    };
    let (mut refused, turns) = (0, (120.0 / period_s) as u32);
    for turn in 0..turns {
        let began = period_s * f64::from(turn);
        let seen = (0..8).map(|i| {
            // When the antenna looks that way.
            let s = began + period_s * math::wrap_tau(place(i, began).azimuth_rad()) / math::TAU;
            gives(plot(s + ahead_s, place(i, s), true, &mut dice))
        });
        let plots: Vec<Observation> = seen.collect();
        t.advance(at(began + period_s));
        let mut outcomes = Vec::new();
        let scan = Scan { number: Some(u64::from(turn)), began_at: at(began), complete: true };
        t.observe_scan(&sensor, scan, &plots, &mut outcomes);
        refused += outcomes.iter().filter(|o| matches!(o, Outcome::Rejected(_))).count();
    }
    let end = period_s * f64::from(turns);
    t.advance(at(end + 2.0));
    let all: Vec<TrackId> =
        t.ids().filter(|id| t.estimate(*id, at(end)).is_some_and(|e| e.phase != Phase::Tentative)).collect();
    let apart = |a: Enu, b: Enu| math::hypot(a.east_m - b.east_m, a.north_m - b.north_m);
    let near = |i: u32| all.iter().any(|id| apart(place_of(&t, *id, end), place(i, end)) < 60.0);
    ((0..8).filter(|i| near(*i)).count(), all.len(), refused)
}

#[test]
fn a_clock_beside_that_of_the_scans_loses_no_aircraft() {
    for ahead_s in [0.0, 0.1, 0.2, 0.4, -0.3] {
        assert_eq!(turned(1.0, ahead_s), (8, 8, 0), "{ahead_s} s ahead");
    }
}

#[test]
fn a_slow_turn_is_not_too_late() {
    for period_s in [4.0, 8.0, 12.0] {
        assert_eq!(turned(period_s, 0.0), (8, 8, 0), "{period_s} s a turn");
    }
}

/// What it measures it may give as positions.
#[test]
fn a_turn_of_positions_is_read_by_where_they_are() {
    let in_degrees = |seen: Observation| {
        let Measurement::RangeAzimuth { range_m, azimuth_rad, elevation_rad, .. } = seen.measurement else {
            return seen;
        };
        let at = home().to_geodetic(Enu::from_polar(range_m, azimuth_rad, elevation_rad.unwrap_or(0.0)));
        let measurement = Measurement::Position {
            place: at.place(),
            heights: Heights::UNKNOWN,
            horizontal_sd_m: Some(20.0),
            vertical_sd_m: None,
        };
        Observation { measurement, ..seen }
    };
    for ahead_s in [0.0, 0.4, -0.3] {
        assert_eq!(turned_with(1.0, ahead_s, in_degrees), (8, 8, 0), "{ahead_s} s ahead");
    }
}
