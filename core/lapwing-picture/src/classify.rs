//! What an aircraft is: the labels of its sensors, added up as evidence.
//!
//! A tempered naive Bayes: each label adds the logarithm of what it gives a class, weighted down because the labels of one
//! sensor repeat each other, and what was added fades, so that a track that was mistaken at first recovers.

use lapwing_model::{Class, Classification, math};

/// Weight of one label's log-likelihood. A sensor whose label is wrong is often wrong again on the next look: two labels
/// count as one independent one.
const LABEL_WEIGHT: f64 = 0.5;
/// What is left of older evidence after each label: memory of about fifty labels.
const MEMORY: f64 = 0.98;
/// What a label leaves to each class it does not name, at least: a label is never proof.
const FLOOR: f64 = 0.02;
/// The surest a classification is ever said to be.
const CERTAINTY_MAX: f64 = 0.98;
/// Probabilities below are left out: unknown.
const SHOWN_MIN: f64 = 0.01;

/// Labels added up.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Classifier {
    /// Log-evidence of each class, in the order of [`Class::ALL`].
    evidence: [f64; Class::ALL.len()],
    labels: u64,
}

impl Classifier {
    /// Adds one label: a distribution over classes, what is missing from it spread over the classes it does not name.
    pub(crate) fn label(&mut self, word: &Classification) {
        let named: f64 = word.probabilities.values().sum();
        let unnamed = Class::ALL.len().saturating_sub(word.probabilities.len()).max(1) as f64;
        let rest = ((1.0 - named) / unnamed).max(FLOOR);
        let mut logs = math::Logs::default();
        for (evidence, class) in self.evidence.iter_mut().zip(Class::ALL) {
            let p = word.probabilities.get(&class).copied().unwrap_or(rest).clamp(FLOOR, 1.0);
            *evidence = MEMORY * *evidence + LABEL_WEIGHT * logs.of(p);
        }
        self.labels += 1;
    }

    /// Whether no sensor has said anything.
    pub(crate) fn is_silent(&self) -> bool {
        self.labels == 0
    }

    /// The probabilities so far.
    pub(crate) fn classification(&self) -> Classification {
        if self.is_silent() {
            return Classification::default();
        }
        let most = self.evidence.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let odds = self.evidence.map(|e| math::exp(e - most));
        let sum: f64 = odds.iter().sum();
        let probabilities = Class::ALL.into_iter().zip(odds).map(|(class, o)| (class, CERTAINTY_MAX * o / sum));
        Classification { probabilities: probabilities.filter(|(_, p)| *p >= SHOWN_MIN).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn word(likely: Class, other: Class) -> Classification {
        Classification { probabilities: BTreeMap::from([(likely, 0.7), (other, 0.2)]) }
    }

    fn after(pattern: &[Class]) -> Classification {
        let mut classifier = Classifier::default();
        for class in pattern {
            let other = if *class == Class::Bird { Class::Multirotor } else { Class::Bird };
            classifier.label(&word(*class, other));
        }
        classifier.classification()
    }

    #[test]
    fn one_wrong_label_in_five_does_not_make_a_bird_of_a_drone() {
        let mut pattern = Vec::new();
        for _ in 0..10 {
            pattern.extend([Class::Multirotor, Class::Multirotor, Class::Bird, Class::Multirotor, Class::Multirotor]);
            // Right after a wrong label, where a running mean would have flipped.
            if pattern.len() >= 10 {
                let (best, p) = after(&pattern[..pattern.len() - 2]).best().unwrap();
                assert_eq!(best, Class::Multirotor);
                assert!(p > 0.8, "{p} after {} labels", pattern.len());
            }
        }
    }

    #[test]
    fn a_single_label_is_not_certainty() {
        let (best, p) = after(&[Class::Bird]).best().unwrap();
        assert_eq!(best, Class::Bird);
        assert!(p < 0.6, "{p}");
    }

    #[test]
    fn a_mistake_at_first_is_unlearnt() {
        let mut pattern = vec![Class::Bird; 20];
        pattern.extend([Class::Multirotor; 40]);
        assert_eq!(after(&pattern).best().unwrap().0, Class::Multirotor);
    }

    #[test]
    fn probabilities_never_reach_one() {
        let p: f64 = after(&[Class::Bird; 1000]).probabilities.values().sum();
        assert!(p <= CERTAINTY_MAX + 1e-12);
    }
}
