//! How often a sensor sees what it should, where its configuration promises more.
//!
//! A radar configured to see nine in ten that sees five makes every track look gone after three looks. What it really sees is learned
//! from the gaps between two plots of one aircraft, for in these the aircraft was there: the number of looks from one plot to the
//! next is geometric. The misses after the last plot say nothing, for the aircraft may have left; so neither what has gone nor what
//! only claims to be there makes a sensor seem blind. Nor do long gaps count, for they end the tracks of a sensor that sees less than
//! it promises: the gaps up to four looks are from a geometric distribution cut off there, and its parameter is found from their
//! mean, which is the estimate of greatest likelihood (the distribution is of the exponential family in log q).

use lapwing_model::math;

/// Looks between two plots at most.
const GAP_MAX: u8 = 4;
/// Plots over which is remembered.
const MEMORY: f64 = 200.0;
/// Plots before anything is said.
const PLOTS_MIN: f64 = 10.0;
/// It sees worse than it says when what it sees is, by one sigma, below this part. Less of an error does no harm, and
/// some aircraft are harder to see than others.
const BELOW: f64 = 0.75;
/// No less is believed: it may be that something else is wrong.
const LEAST: f64 = 0.25;
/// Halvings of what the probability of a miss may be.
const HALVINGS: u32 = 20;

/// What is learned of one sensor.
#[derive(Debug, Clone, Copy, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Keenness {
    /// Plots that followed a plot of the same aircraft, the oldest fading.
    plots: f64,
    /// Looks they took.
    looks: f64,
    /// Sum of the detection probabilities that were promised for them.
    promised: f64,
    /// Part of the promised probability that is missing, as found at the latest whole look.
    missing: f64,
}

impl Keenness {
    /// An aircraft was seen again after so many looks in vain, by one that had been promised to see it with probability `promised`.
    pub(crate) fn seen_again(&mut self, misses: u8, promised: f64) {
        if misses >= GAP_MAX || promised <= 0.0 {
            return;
        }
        let keep = 1.0 - 1.0 / MEMORY;
        self.plots = keep * self.plots + 1.0;
        self.looks = keep * self.looks + f64::from(misses) + 1.0;
        self.promised = keep * self.promised + promised;
    }

    /// A whole look is over: what was learned counts from the next one on.
    pub(crate) fn looked(&mut self) {
        self.missing = 1.0 - self.found();
    }

    /// Part of the promised detection probability that it keeps; 1 unless it is clearly less.
    pub(crate) fn part(&self) -> f64 {
        1.0 - self.missing
    }

    fn found(&self) -> f64 {
        if self.plots < PLOTS_MIN {
            return 1.0;
        }
        let (mean, promised) = (self.looks / self.plots, self.promised / self.plots);
        let (mut from, mut to) = (0.0, 1.0);
        for _ in 0..HALVINGS {
            let middle = 0.5 * (from + to);
            if gaps(middle).0 < mean { from = middle } else { to = middle }
        }
        let q = 0.5 * (from + to);
        // The information on log q of one gap is its variance.
        let sd = q / math::sqrt((self.plots * gaps(q).1).max(1e-9));
        let part = (1.0 - q) / promised;
        if part + sd / promised < BELOW { part.max(LEAST) } else { 1.0 }
    }
}

/// Mean and variance of a gap up to the longest, where a look misses with probability `q`.
fn gaps(q: f64) -> (f64, f64) {
    let (mut weight, mut sums) = (1.0, [0.0; 3]);
    for looks in 1..=GAP_MAX {
        let looks = f64::from(looks);
        for (sum, power) in sums.iter_mut().zip([1.0, looks, looks * looks]) {
            *sum += weight * power;
        }
        weight *= q;
    }
    let mean = sums[1] / sums[0];
    (mean, sums[2] / sums[0] - mean * mean)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tracker::tests::Dice;

    /// Of a sensor that sees with probability `real` and promises `promised`.
    fn learned(real: f64, promised: f64, looks: u32) -> f64 {
        let (mut keenness, mut dice) = (Keenness::default(), Dice::new(11));
        let mut misses = 0;
        for _ in 0..looks {
            if dice.uniform() < real {
                keenness.seen_again(misses, promised);
                misses = 0;
            } else {
                misses += 1;
            }
            keenness.looked();
        }
        keenness.part()
    }

    #[test]
    fn what_a_sensor_sees_is_learned_where_it_is_clearly_less_than_it_says() {
        for (real, promised) in [(0.5, 0.9), (0.4, 0.95), (0.5, 0.95), (0.3, 0.6)] {
            let part = learned(real, promised, 3_000);
            assert!((part * promised / real - 1.0).abs() < 0.15, "{real} of {promised}: {part}");
        }
    }

    #[test]
    fn one_that_keeps_its_word_or_does_better_is_believed() {
        for (real, promised) in [(0.9, 0.9), (0.5, 0.5), (0.95, 0.6), (1.0, 1.0), (0.75, 0.9)] {
            for looks in [10, 20, 50, 200, 2_000] {
                assert_eq!(learned(real, promised, looks), 1.0, "{real} of {promised}, {looks}");
            }
        }
    }

    #[test]
    fn a_few_plots_suffice_when_more_than_half_is_missing() {
        assert!(learned(0.4, 0.9, 60) < 0.7);
    }
}
