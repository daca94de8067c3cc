//! How what an aircraft says fits what sensors measure of it: whose word it is, and by what clock.
//!
//! A clock that is a second wrong puts an aircraft a second of flight ahead or behind, time after time. Held against its word each sensor
//! would seem to have a wrong clock, one would be set right before the other, and the plots of the other would then make a second track.
//! So the clocks of several sensors are held against each other first: that all are wrong alike is less likely than that the word is.

use lapwing_model::{Span, Time, math};

/// Sensors whose clocks are held against the word of an aircraft.
const CLOCKS: usize = 3;
/// Clocks no farther than this from the middle of them, or this part of what they are wrong by, are wrong alike: seconds.
const ALIKE_S: f64 = 0.1;
const ALIKE_PART: f64 = 0.25;
/// Clocks that are wrong by less may well be, each by itself, seconds.
const EARLY_MIN_S: f64 = 0.2;
/// Claims in a row that fit another track and not their own, over so long, after which they are of the other; and since the last that
/// fitted their own it must be so long. While two speak under one name, neither takes it from the other.
const RIVAL_CLAIMS: u8 = 3;
const RIVAL_FOR: Span = Span::from_seconds(3);
const OWN_FOR: Span = Span::from_seconds(5);

/// How late the clock of a sensor is, if what an aircraft says is true.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
struct Clock {
    sensor: u32,
    late_s: f32,
    variance_s2: f32,
}

/// What is known of the word of one aircraft. Small, for every track has one.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Word {
    clocks: [Option<Clock>; CLOCKS],
    /// The track that the latest claims fit better than their own, by key, and how many of them in a row.
    rival: u64,
    rival_claims: u8,
    rival_since: Time,
    /// When a claim last fitted its own track.
    fitted_at: Time,
}

impl Default for Word {
    fn default() -> Self {
        Self { clocks: [None; CLOCKS], rival: 0, rival_claims: 0, rival_since: Time::MIN, fitted_at: Time::MIN }
    }
}

impl Word {
    /// A sensor's clock is late by so many seconds (with the variance) if what the aircraft says is true.
    pub(crate) fn timed_by(&mut self, sensor: u32, (late_s, variance_s2): (f64, f64)) {
        let clock = Clock { sensor, late_s: late_s as f32, variance_s2: variance_s2 as f32 };
        // Where there is no room the least known gives way.
        let rank = |known: &Option<Clock>| match known {
            Some(known) if known.sensor == sensor => f32::INFINITY,
            Some(known) => known.variance_s2,
            None => f32::MAX,
        };
        if let Some(place) = self.clocks.iter_mut().max_by(|a, b| rank(a).total_cmp(&rank(b))) {
            *place = Some(clock);
        }
    }

    /// By how much the word is early, seconds, where the clocks of several sensors would all be wrong alike if it were right: that they
    /// agree is likelier because they are right; 0 where they are not alike. `None` where fewer than two have told.
    pub(crate) fn early_s(&self) -> Option<f64> {
        let early = self.clocks.iter().flatten().map(|clock| -f64::from(clock.late_s));
        let (count, least, most) = early.fold((0, f64::INFINITY, f64::NEG_INFINITY), |(count, least, most), early| {
            (count + 1, least.min(early), most.max(early))
        });
        let middle = 0.5 * (least + most);
        let alike = most - least <= 2.0 * ALIKE_S.max(ALIKE_PART * math::fabs(middle));
        let early = if alike && math::fabs(middle) > EARLY_MIN_S { middle } else { 0.0 };
        (count > 1).then_some(early)
    }

    /// The latest claim fits another track and not this one; whether so many have that it is the other that speaks.
    pub(crate) fn is_of(&mut self, rival: u64, at: Time) -> bool {
        if self.rival != rival || self.rival_claims == 0 {
            (self.rival, self.rival_claims, self.rival_since) = (rival, 0, at);
        }
        self.rival_claims = self.rival_claims.saturating_add(1);
        let long = at.since(self.rival_since) >= RIVAL_FOR && at.since(self.fitted_at) >= OWN_FOR;
        self.rival_claims >= RIVAL_CLAIMS && long
    }

    /// The latest claim fits this track.
    pub(crate) fn is_its_own(&mut self, at: Time) {
        self.rival_claims = 0;
        self.fitted_at = self.fitted_at.max(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn early(clocks: &[f64]) -> f64 {
        let mut word = Word::default();
        for (i, late_s) in clocks.iter().enumerate() {
            word.timed_by(i as u32, (*late_s, 0.01));
        }
        word.early_s().unwrap_or(0.0)
    }

    #[test]
    fn a_word_is_early_where_every_sensor_says_so() {
        assert!((early(&[-1.0, -1.1, -0.95]) - 1.0).abs() < 0.1);
        assert!((early(&[0.5, 0.45]) + 0.475).abs() < 1e-6, "late");
        assert_eq!(early(&[-1.0]), 0.0, "one alone may be wrong itself");
        assert_eq!(early(&[-1.0, 0.1, 0.0]), 0.0, "the first is wrong");
        assert_eq!(early(&[-0.1, -0.15, -0.1]), 0.0, "hardly");
        assert_eq!(early(&[]), 0.0);
    }

    #[test]
    fn the_least_known_clock_gives_way() {
        let mut word = Word::default();
        for (sensor, variance) in [(1, 0.01), (2, 0.09), (3, 0.02), (4, 0.01), (4, 0.001)] {
            word.timed_by(sensor, (f64::from(sensor), variance));
        }
        let mut left: Vec<u32> = word.clocks.iter().flatten().map(|c| c.sensor).collect();
        left.sort_unstable();
        assert_eq!(left, [1, 3, 4]);
    }

    #[test]
    fn a_rival_is_one_only_in_a_row() {
        let mut word = Word::default();
        let at = |seconds: i64| Time::from_seconds(1_000 + seconds);
        word.is_its_own(at(-6));
        assert!(!word.is_of(7, at(0)) && !word.is_of(7, at(1)) && !word.is_of(7, at(2)) && word.is_of(7, at(3)));
        word.is_its_own(at(4));
        assert!((5..9).all(|s| !word.is_of(7, at(s))), "one that fitted is not forgotten so soon");
        assert!(word.is_of(7, at(9)) && !word.is_of(8, at(10)) && !word.is_of(7, at(11)));
        // However many at once.
        assert!((0..20).all(|_| !word.is_of(9, at(30))));
    }
}
