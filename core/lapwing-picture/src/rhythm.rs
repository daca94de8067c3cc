//! How evenly a sensor's words come, and from that how long its silence is only one of its pauses.
//!
//! Learned is the gap that a random moment falls into: the sum of the squares of the gaps over their sum, both fading. Words
//! that come at once (a scan in many datagrams, what a link had held back) weigh nothing in it, long gaps their length. In intervals
//! it is 1 for a sensor as even as a clock, 1.2 where every tenth word is lost, 2 where words come wholly at random.

use lapwing_model::{Sensor, Span, Time};

/// What nobody has heard yet is taken to have such gaps, intervals: patience of six intervals.
const UNKNOWN: f64 = 1.5;
/// And that counts as so many intervals of hearing it: after seven even ones the patience is three.
const UNKNOWN_FOR: f64 = 4.0;
/// Gaps fade over so many intervals: long enough that one pause does not say how a sensor is, short enough that it is forgiven.
const MEMORY: f64 = 100.0;
/// How many times the unevenness a pause may be. Of the words of a random sensor one in twenty thousand comes so late.
const PATIENCE: f64 = 10.0;
/// No unevenness asks for more intervals than so many: beyond, even a sensor that speaks at random is gone.
const INTERVALS_MAX: i64 = 10;
/// Nor for so much more than an even sensor is given: one that speaks once an hour is not waited for until tomorrow.
const LONGER_MAX: Span = Span::from_seconds(60);

/// The gaps between the words of one sensor, by the clock of their reception.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct Rhythm {
    /// The last word from which a gap can be counted.
    last: Option<Time>,
    /// Gaps, intervals.
    gaps: f64,
    /// Their squares.
    squares: f64,
}

impl Rhythm {
    /// Of a sensor that was never heard.
    pub(crate) fn new() -> Self {
        Self { last: None, gaps: UNKNOWN_FOR, squares: UNKNOWN_FOR * UNKNOWN }
    }

    /// A word. A gap that was told as silence and proved a pause counts; one that no pause is long enough for was a silence.
    pub(crate) fn heard(&mut self, now: Time, sensor: &Sensor) {
        let Some(last) = self.last.replace(now) else { return };
        let gap = now.since(last).as_nanos();
        if gap <= 0 || gap > most(sensor) {
            return;
        }
        let gap = gap as f64 / interval(sensor) as f64;
        let kept = (1.0 - gap / MEMORY).max(0.0);
        self.gaps = self.gaps * kept + gap;
        self.squares = self.squares * kept + gap * gap;
    }

    /// What keeps the sensor from being heard is known: the gap until its next word is not its own.
    pub(crate) fn interrupted(&mut self) {
        self.last = None;
    }

    /// How long it may say nothing before it is silent: never less than [`Sensor::SILENT_AFTER_INTERVALS`].
    pub(crate) fn patience(&self, sensor: &Sensor) -> Span {
        let unevenness = (self.squares / self.gaps - 1.0).max(0.0);
        let asked = (1.0 + PATIENCE * unevenness) * interval(sensor) as f64;
        Span::from_nanos((asked as i64).clamp(least(sensor), most(sensor)))
    }
}

/// An interval of zero or less would be due at once, for ever.
fn interval(sensor: &Sensor) -> i64 {
    sensor.interval.as_nanos().max(1_000_000)
}

fn least(sensor: &Sensor) -> i64 {
    interval(sensor).saturating_mul(Sensor::SILENT_AFTER_INTERVALS)
}

fn most(sensor: &Sensor) -> i64 {
    let longer = interval(sensor).saturating_mul(INTERVALS_MAX - Sensor::SILENT_AFTER_INTERVALS);
    least(sensor).saturating_add(longer.min(LONGER_MAX.as_nanos()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use lapwing_model::{SensorId, SensorKind};

    fn every(interval_s: f64) -> Sensor {
        let interval = Span::from_seconds_f64(interval_s);
        Sensor::new(SensorId::new("s").unwrap(), SensorKind::Other, None, interval)
    }

    /// Patience, intervals, after these gaps, intervals.
    fn after(sensor: &Sensor, gaps: impl IntoIterator<Item = f64>) -> f64 {
        let (mut rhythm, mut now) = (Rhythm::new(), Time::from_seconds(1_000));
        rhythm.heard(now, sensor);
        for gap in gaps {
            now = now + Span::from_seconds_f64(gap * sensor.interval.as_seconds_f64());
            rhythm.heard(now, sensor);
        }
        rhythm.patience(sensor).as_seconds_f64() / sensor.interval.as_seconds_f64()
    }

    #[test]
    fn who_is_not_known_is_given_twice_as_long_and_who_is_even_soon_no_more_than_three_intervals() {
        let sensor = every(2.0);
        assert_eq!(after(&sensor, []), 6.0);
        assert!((3.1..6.0).contains(&after(&sensor, [1.0, 1.0])));
        assert_eq!(after(&sensor, [1.0; 7]), 3.0);
        assert_eq!(after(&sensor, [0.05; 40]), 3.0, "heard more often than it promises");
    }

    #[test]
    fn a_scan_in_many_datagrams_is_no_less_even() {
        let scan = || std::iter::repeat_n(0.001, 20).chain([0.98]);
        assert_eq!(after(&every(1.0), (0..20).flat_map(|_| scan())), 3.0);
        // And what is uneven stays so.
        let alone = after(&every(1.0), (0..20).flat_map(|_| [0.3, 2.0]));
        let many = after(
            &every(1.0),
            (0..20).flat_map(|_| scan().take(20).chain([0.28]).chain(scan().take(20)).chain([1.98])),
        );
        assert!(alone > 5.0 && (alone - many).abs() < 0.5, "{alone} {many}");
    }

    #[test]
    fn one_pause_is_forgiven_and_many_are_how_it_is() {
        let sensor = every(1.0);
        let even = |n| std::iter::repeat_n(1.0, n);
        assert_eq!(after(&sensor, even(100).chain([4.0])), 3.0);
        assert_eq!(after(&sensor, even(100).chain([9.0]).chain(even(150))), 3.0);
        assert!(after(&sensor, (0..30).flat_map(|_| [1.0, 1.0, 4.0])) > 9.0);
    }

    #[test]
    fn no_patience_is_without_end_and_a_silence_is_no_pause() {
        let sensor = every(1.0);
        assert_eq!(after(&sensor, [8.0; 50]), 10.0);
        assert_eq!(after(&sensor, [1.0; 50].into_iter().chain([10.5, 1.0, 4_000.0])), 3.0);
        let hourly = every(3_600.0);
        assert_eq!(after(&hourly, [2.0; 50]), 3.0 + 60.0 / 3_600.0);
        let never = Sensor { interval: Span::ZERO, ..every(1.0) };
        assert!(Rhythm::new().patience(&never) > Span::ZERO);
        let for_ever = Sensor { interval: Span::from_nanos(i64::MAX), ..every(1.0) };
        assert_eq!(Rhythm::new().patience(&for_ever), Span::from_nanos(i64::MAX));
    }
}
