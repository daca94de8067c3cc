//! What the tracker has to reach, and whether it does.

use super::figures::{Form, Outcome, ROWS, write};

/// A bound on a figure.
#[derive(Clone, Copy)]
pub(crate) enum Bound {
    /// This or less.
    Most(f64),
    /// This or more.
    Least(f64),
    /// From the first to the second.
    Within(f64, f64),
}

/// A figure of a case with its bound.
pub(crate) struct Criterion {
    /// The case.
    pub(crate) case: &'static str,
    /// The figure.
    pub(crate) figure: &'static str,
    /// What it has to be.
    pub(crate) bound: Bound,
}

const fn criterion(case: &'static str, figure: &'static str, bound: Bound) -> Criterion {
    Criterion { case, figure, bound }
}

/// The acceptance figures.
pub(crate) const CRITERIA: &[Criterion] = &[
    criterion("a", "gospa", Bound::Most(2.90)),
    criterion("a", "nees_in95", Bound::Within(0.90, 0.98)),
    criterion("v", "gospa", Bound::Most(38.0)),
    criterion("m-20-4", "gospa", Bound::Most(3.5)),
    criterion("m-50-8", "gospa", Bound::Most(4.2)),
    criterion("b", "tgospa", Bound::Most(55.0)),
    criterion("b", "idsw", Bound::Most(0.0)),
    criterion("b", "class", Bound::Least(0.9)),
    criterion("b", "rid_delay", Bound::Most(15.0)),
    criterion("b", "rid_false", Bound::Most(0.0)),
    criterion("b", "nees_in95", Bound::Within(0.90, 0.98)),
    criterion("c", "tgospa", Bound::Most(56.0)),
    criterion("c", "nees_in95", Bound::Within(0.90, 0.98)),
    criterion("e", "tgospa", Bound::Most(65.0)),
    criterion("e", "nees_in95", Bound::Least(0.75)),
    criterion("t-100", "gospa_settled", Bound::Most(58.0)),
    criterion("t-100", "ratio", Bound::Least(300.0)),
    criterion("t-1000", "rate", Bound::Least(300_000.0)),
    criterion("t-1000", "ratio", Bound::Least(300.0)),
    criterion("t-10000", "growth", Bound::Most(1.5)),
    criterion("d", "gospa", Bound::Most(118.0)),
    criterion("d", "rate", Bound::Least(500_000.0)),
];

/// Whether a criterion is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// By every seed.
    Met,
    /// Not by every seed, or the figure is missing from a run that should have it.
    NotMet,
    /// The case, or what it is compared with, was not run.
    NotRun,
}

impl Verdict {
    /// The word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::NotMet => "**not met**",
            Self::NotRun => "not run",
        }
    }
}

impl Bound {
    fn admits(self, value: f64) -> bool {
        match self {
            Self::Most(most) => value <= most,
            Self::Least(least) => value >= least,
            Self::Within(least, most) => (least..=most).contains(&value),
        }
    }
}

impl Criterion {
    /// The bound as it is written.
    pub(crate) fn bound(&self) -> String {
        let form = ROWS.iter().find(|r| r.figure == self.figure).map_or(Form::Whole, |r| r.form);
        match self.bound {
            Bound::Most(most) => format!("≤ {}", write(most, form)),
            Bound::Least(least) => format!("≥ {}", write(least, form)),
            Bound::Within(least, most) => format!("{} to {}", write(least, form), write(most, form)),
        }
    }

    /// The outcomes it is about.
    pub(crate) fn of<'a>(&self, outcomes: impl IntoIterator<Item = &'a Outcome>) -> impl Iterator<Item = &'a Outcome> {
        outcomes.into_iter().filter(|o| o.case.name == self.case)
    }

    /// Whether it is met by all of them.
    pub(crate) fn verdict<'a>(&self, outcomes: impl IntoIterator<Item = &'a Outcome>) -> Verdict {
        // Two figures need more than the case itself: the rival, and the ladder's rung of 100 targets.
        let optional = ["ratio", "growth"].contains(&self.figure);
        let of_one = |o: &Outcome| match o.figures.get(self.figure) {
            Some(value) if self.bound.admits(*value) => Verdict::Met,
            None if optional => Verdict::NotRun,
            _ => Verdict::NotMet,
        };
        let verdicts: Vec<Verdict> = self.of(outcomes).map(of_one).collect();
        match verdicts.as_slice() {
            [] => Verdict::NotRun,
            all if all.contains(&Verdict::NotMet) => Verdict::NotMet,
            all if all.contains(&Verdict::NotRun) => Verdict::NotRun,
            _ => Verdict::Met,
        }
    }
}

/// How many are met, not met, and were not run.
pub(crate) fn count(outcomes: &[Outcome]) -> [usize; 3] {
    let verdicts: Vec<Verdict> = CRITERIA.iter().map(|c| c.verdict(outcomes)).collect();
    [Verdict::Met, Verdict::NotMet, Verdict::NotRun].map(|v| verdicts.iter().filter(|w| **w == v).count())
}

#[cfg(test)]
mod tests {
    use super::super::cases;
    use super::super::track::Track;
    use super::*;
    use serde_json::{Value, json};

    fn outcome(name: &str, seed: u64, score: Value) -> Outcome {
        let case = cases::all(false).into_iter().find(|c| c.name == name).unwrap();
        Outcome::new(&case, seed, score, &Track { detections: 1.0, cpu_s: 1.0, ..Track::default() }, None)
    }

    #[test]
    fn every_criterion_names_a_case_and_a_figure() {
        for criterion in CRITERIA {
            assert!(cases::all(false).iter().any(|c| c.name == criterion.case), "{}", criterion.case);
            assert!(ROWS.iter().any(|r| r.figure == criterion.figure), "{}", criterion.figure);
        }
    }

    #[test]
    fn one_bad_seed_is_enough() {
        let gospa = &CRITERIA[0];
        let good = outcome("a", 101, json!({"gospa_rms": 2.9}));
        let bad = outcome("a", 102, json!({"gospa_rms": 2.91}));
        assert_eq!(gospa.verdict(&[]), Verdict::NotRun);
        assert_eq!(gospa.verdict(std::slice::from_ref(&good)), Verdict::Met);
        assert_eq!(gospa.verdict(&[good, bad]), Verdict::NotMet);
    }

    #[test]
    fn a_missing_figure_is_no_success() {
        let nees = &CRITERIA[1];
        assert_eq!(nees.verdict(&[outcome("a", 101, json!({"gospa_rms": 2.0}))]), Verdict::NotMet);
        let ratio = CRITERIA.iter().find(|c| c.figure == "ratio").unwrap();
        assert_eq!(ratio.verdict(&[outcome("t-100", 101, json!({}))]), Verdict::NotRun);
    }
}
