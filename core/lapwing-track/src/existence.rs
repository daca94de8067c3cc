//! How probable it is that there is an aircraft at all: a Bernoulli filter in log odds (Ristic, Vo, Vo & Farina 2013, *A
//! tutorial on Bernoulli filters*; Musicki & Evans 2004, *Joint integrated probabilistic data association*).

use lapwing_model::math;

/// Log odds never leave ±this: a later refutation must be able to win.
const LOG_ODDS_MAX: f64 = 12.0;

/// A probability of existence, kept as log odds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Existence(f64);

impl Existence {
    /// From a probability.
    pub(crate) fn new(probability: f64) -> Self {
        let p = probability.clamp(1e-9, 1.0 - 1e-9);
        Self::bounded(math::log(p / (1.0 - p)))
    }

    fn bounded(log_odds: f64) -> Self {
        Self(if log_odds.is_nan() { -LOG_ODDS_MAX } else { log_odds.clamp(-LOG_ODDS_MAX, LOG_ODDS_MAX) })
    }

    /// The probability.
    pub(crate) fn probability(self) -> f64 {
        1.0 / (1.0 + math::exp(-self.0))
    }

    /// After a detection whose likelihood under "an aircraft" is e^`log_ratio` times that under "clutter", detection
    /// probability included.
    pub(crate) fn detected(self, log_ratio: f64) -> Self {
        Self::bounded(self.0 + log_ratio)
    }

    /// After a look that should have found it with probability `detection`, and did not.
    pub(crate) fn missed(self, detection: f64) -> Self {
        Self::bounded(self.0 + math::log(1.0 - detection.clamp(0.0, 0.999)))
    }

    /// `dt_s` later: it falls to 1/e in `decay_s`, because aircraft land and leave.
    pub(crate) fn after(self, dt_s: f64, decay_s: f64) -> Self {
        if dt_s <= 0.0 || decay_s <= 0.0 {
            return self;
        }
        Self::new(self.probability() * math::exp(-dt_s / decay_s))
    }

    /// The greater of two.
    pub(crate) fn or(self, other: Self) -> Self {
        if other.0 > self.0 { other } else { self }
    }
}

/// What a source's own confidence (0 to 1) adds to the log odds: nothing at one half, a factor of ten at most.
pub(crate) fn confidence_log_ratio(confidence: Option<f64>) -> f64 {
    let limit = math::log(10.0);
    match confidence {
        Some(c) if c.is_finite() => {
            let c = c.clamp(0.01, 0.99);
            math::log(c / (1.0 - c)).clamp(-limit, limit)
        }
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_miss_is_bayes_rule() {
        for (r, pd) in [(0.5, 0.9), (0.99, 0.6), (0.1, 0.3)] {
            let by_bayes = r * (1.0 - pd) / (1.0 - r * pd);
            assert!((Existence::new(r).missed(pd).probability() - by_bayes).abs() < 1e-12);
        }
    }

    #[test]
    fn a_detection_is_bayes_rule() {
        let (r, ratio): (f64, f64) = (0.2, 7.0);
        let by_bayes = r * ratio / (1.0 - r + r * ratio);
        assert!((Existence::new(r).detected(math::log(ratio)).probability() - by_bayes).abs() < 1e-12);
    }

    #[test]
    fn certainty_can_be_lost_again() {
        let mut e = Existence::new(0.5);
        for _ in 0..1_000 {
            e = e.detected(10.0);
        }
        assert!(e.probability() < 1.0);
        for _ in 0..10 {
            e = e.missed(0.9);
        }
        assert!(e.probability() < 0.02, "{}", e.probability());
    }

    #[test]
    fn it_decays_with_time() {
        let e = Existence::new(0.9).after(60.0, 60.0);
        assert!((e.probability() - 0.9 / std::f64::consts::E).abs() < 1e-9);
    }

    #[test]
    fn confidence_counts_both_ways_within_bounds() {
        assert_eq!(confidence_log_ratio(None), 0.0);
        assert_eq!(confidence_log_ratio(Some(f64::NAN)), 0.0);
        assert!(confidence_log_ratio(Some(0.5)).abs() < 1e-12);
        assert!((confidence_log_ratio(Some(1.0)) - math::log(10.0)).abs() < 1e-12);
        assert!((confidence_log_ratio(Some(0.0)) + math::log(10.0)).abs() < 1e-12);
    }
}
