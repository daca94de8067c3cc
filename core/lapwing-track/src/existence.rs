//! How probable it is that there is an aircraft at all, from measurements alone: a Bernoulli filter in log odds (Ristic, Vo,
//! Vo & Farina 2013, *A tutorial on Bernoulli filters*).

use lapwing_model::math;

/// Log odds never leave ±this: a later refutation must be able to win.
const LOG_ODDS_MAX: f64 = 12.0;

/// A probability of existence, kept as log odds.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
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

    /// After a plot whose likelihood under "an aircraft" is e^`log_ratio` times that under "clutter", detection
    /// probability included.
    pub(crate) fn detected(self, log_ratio: f64) -> Self {
        Self::bounded(self.0 + log_ratio)
    }

    /// After a look that should have found it with probability `detection`, and did not.
    pub(crate) fn missed(self, detection: f64) -> Self {
        Self::bounded(self.0 + math::log(1.0 - detection.clamp(0.0, 0.999)))
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
    fn evidence_adds_up_and_can_be_overturned() {
        let mut e = Existence::new(0.01);
        for _ in 0..5 {
            e = e.detected(4.0);
        }
        assert!(e.probability() > 0.999);
        for _ in 0..12 {
            e = e.missed(0.9);
        }
        assert!(e.probability() < 0.01);
        assert!(e.detected(f64::NAN).probability() < 1e-4, "numbers that break support nothing");
    }

    #[test]
    fn confidence_is_bounded() {
        assert_eq!(confidence_log_ratio(None), 0.0);
        assert_eq!(confidence_log_ratio(Some(0.5)), 0.0);
        assert!(confidence_log_ratio(Some(1.0)) <= math::log(10.0));
        assert_eq!(confidence_log_ratio(Some(f64::NAN)), 0.0);
    }
}
