//! What the journal has done so far, and how long things took.

use crate::entry::Class;
use std::time::Duration;

/// Steps of the histogram in each doubling: a value is told with an error of 1/16 at most.
const STEPS: usize = 16;
/// Doublings from one microsecond: more than an hour.
const DOUBLINGS: usize = 32;

/// How often something took how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram {
    counts: Vec<u64>,
    count: u64,
    max: Duration,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; STEPS * DOUBLINGS], count: 0, max: Duration::ZERO }
    }
}

impl Histogram {
    /// Counts one.
    pub fn add(&mut self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        if let Some(count) = self.counts.get_mut(Self::step(micros)) {
            *count += 1;
        }
        self.count += 1;
        self.max = self.max.max(took);
    }

    /// The step a value falls in: below 16 its own, above that sixteen for each doubling.
    fn step(micros: u64) -> usize {
        let doubling = (64 - micros.leading_zeros() as usize).saturating_sub(5);
        let step = doubling * STEPS + (micros >> doubling) as usize;
        step.min(STEPS * DOUBLINGS - 1)
    }

    /// The upper end of a step, microseconds.
    fn end(step: usize) -> u64 {
        let doubling = (step / STEPS).saturating_sub(1);
        ((step - doubling * STEPS) as u64 + 1) << doubling
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The longest.
    pub fn max(&self) -> Duration {
        self.max
    }

    /// The time that a share of all did not exceed; `0.99` is p99.
    pub fn quantile(&self, share: f64) -> Duration {
        let wanted = (share * self.count as f64).ceil() as u64;
        let mut seen = 0;
        for (step, count) in self.counts.iter().enumerate() {
            seen += count;
            if *count > 0 && seen >= wanted {
                return Duration::from_micros(Self::end(step)).min(self.max);
            }
        }
        self.max
    }
}

/// Counts as they are kept.
#[derive(Debug, Default)]
pub(crate) struct Books {
    pub(crate) offered: u64,
    synced: u64,
    pub(crate) shed_disk_full: u64,
    pub(crate) shed_failed: u64,
    pub(crate) lost: u64,
    pub(crate) failures: u64,
    pub(crate) segments_given_up: u64,
    pub(crate) last_failure: Option<String>,
    pub(crate) window: Histogram,
    class_a: Histogram,
}

impl Books {
    pub(crate) fn synced(&mut self, class: Class, age: Duration) {
        self.synced += 1;
        if class == Class::A {
            self.class_a.add(age);
        }
    }

    pub(crate) fn figures(&self, waiting: u64, fault: Option<String>) -> Figures {
        Figures {
            offered: self.offered,
            synced: self.synced,
            waiting,
            shed_disk_full: self.shed_disk_full,
            shed_failed: self.shed_failed,
            lost: self.lost,
            failures: self.failures,
            segments_given_up: self.segments_given_up,
            last_failure: self.last_failure.clone(),
            fault,
            window: self.window.clone(),
            class_a: self.class_a.clone(),
        }
    }
}

/// What a journal has done since it was opened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Figures {
    /// Entries given to it.
    pub offered: u64,
    /// Entries that are on the disk.
    pub synced: u64,
    /// Entries that wait for a sync, or for a disk.
    pub waiting: u64,
    /// Class B entries not recorded because the disk is full.
    pub shed_disk_full: u64,
    /// Class B entries not recorded because the journal could not be written.
    pub shed_failed: u64,
    /// Entries of any class not recorded because more waited than memory may hold.
    pub lost: u64,
    /// Writes and syncs that failed.
    pub failures: u64,
    /// Segments given up after a failure.
    pub segments_given_up: u64,
    /// The last failure, in words.
    pub last_failure: Option<String>,
    /// What is wrong now.
    pub fault: Option<String>,
    /// The loss window of a loss of power: at each sync, how long the oldest entry had waited for it.
    pub window: Histogram,
    /// How long each class A entry waited from its append to the disk.
    pub class_a: Histogram,
}

impl Figures {
    /// Whether every entry given is accounted for.
    pub fn balances(&self) -> bool {
        self.offered == self.synced + self.waiting + self.shed_disk_full + self.shed_failed + self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::Histogram;
    use std::time::Duration;

    #[test]
    fn quantiles_are_told_within_a_sixteenth() {
        let mut histogram = Histogram::default();
        for micros in 1..=100_000 {
            histogram.add(Duration::from_micros(micros));
        }
        for (share, expected) in [(0.5, 50_000.0), (0.99, 99_000.0), (0.999, 99_900.0)] {
            let told = histogram.quantile(share).as_micros() as f64;
            assert!((expected..=expected * 17.0 / 16.0).contains(&told), "{share}: {told}");
        }
        assert_eq!(histogram.quantile(1.0), Duration::from_millis(100));
        assert_eq!(Histogram::default().quantile(0.99), Duration::ZERO);
    }

    #[test]
    fn every_value_lies_in_its_step() {
        for micros in (0..70_000).chain([u64::from(u32::MAX), 1 << 33]) {
            let step = Histogram::step(micros);
            assert!(micros < Histogram::end(step), "{micros} in {step}");
            assert!(step == 0 || micros >= Histogram::end(step - 1), "{micros} in {step}");
        }
    }
}
