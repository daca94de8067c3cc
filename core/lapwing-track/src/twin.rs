//! Two tracks side by side: one aircraft or two.
//!
//! For some seconds two aircraft 20 m apart are within the errors of a radar that cannot tell them apart. That they agree now says
//! little; that they have stood apart in the same direction for long says that they are two. So the separation is averaged, and
//! its mean held against what the mean of as many independent errors would be.

use lapwing_model::math;

/// Seconds that the mean looks back.
const MEMORY_S: f64 = 15.0;
/// Seconds side by side before the mean says anything.
const SECONDS_MIN: f64 = 10.0;
/// A track's error hangs together over about this many looks of its sensor.
const LOOKS_TOGETHER: f64 = 2.0;
/// A separation counts for this many sigma at most: however far apart they were once, they may be found to be one.
const SIGMAS_MAX: f64 = 4.0;
/// Squared Mahalanobis distance of the mean separation beyond which they are two: 99.73 % for two axes.
const APART: f64 = 11.83;

/// How two tracks stand to each other at one time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Separation {
    /// Whether they may be one as far as this time says.
    pub(crate) agrees: bool,
    /// East and north, metres.
    pub(crate) offset_m: [f64; 2],
    /// Variance of that, square metres.
    pub(crate) variance_m2: [f64; 2],
    /// Seconds between two looks of the slower one.
    pub(crate) look_s: f64,
}

/// Another track that this one may be, and what the seconds side by side say.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Twin {
    pub(crate) key: u64,
    /// Seconds in a row in which they agreed.
    agreed: u8,
    /// Seconds side by side, [`MEMORY_S`] at most.
    seconds: f64,
    /// Mean separation east and north, each in its sigmas.
    offset: [f64; 2],
    look_s: f64,
}

impl Twin {
    pub(crate) fn new(key: u64) -> Self {
        Self { key, agreed: 0, seconds: 0.0, offset: [0.0; 2], look_s: 0.0 }
    }

    /// One second more.
    pub(crate) fn beside(&mut self, seen: &Separation) {
        self.agreed = if seen.agrees { self.agreed.saturating_add(1) } else { 0 };
        self.seconds = (self.seconds + 1.0).min(MEMORY_S);
        let share = 1.0 / self.seconds;
        for axis in 0..2 {
            let sigmas = seen.offset_m[axis] / math::sqrt(seen.variance_m2[axis].max(1e-6));
            self.offset[axis] += share * (sigmas.clamp(-SIGMAS_MAX, SIGMAS_MAX) - self.offset[axis]);
        }
        self.look_s += share * (seen.look_s - self.look_s);
    }

    /// Whether they are one: they agreed for so many seconds, and have not stood apart in the mean.
    pub(crate) fn is_one(&self, seconds: u8) -> bool {
        self.agreed >= seconds && !self.stood_apart()
    }

    fn stood_apart(&self) -> bool {
        // The variance of a mean over errors that hang together.
        let independent = 1.0 + self.seconds / (LOOKS_TOGETHER * self.look_s.max(0.5));
        let distance = independent * self.offset.iter().map(|z| z * z).sum::<f64>();
        self.seconds >= SECONDS_MIN && distance > APART
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side_by_side(offset_m: impl Fn(u32) -> [f64; 2], seconds: u32) -> Twin {
        let mut twin = Twin::new(1);
        for s in 0..seconds {
            twin.beside(&Separation { agrees: true, offset_m: offset_m(s), variance_m2: [100.0; 2], look_s: 2.0 });
        }
        twin
    }

    #[test]
    fn what_agrees_for_five_seconds_is_one() {
        assert!(!side_by_side(|_| [3.0, -4.0], 4).is_one(5));
        assert!(side_by_side(|_| [3.0, -4.0], 5).is_one(5));
    }

    /// Where a claim is wrong at first, and then right.
    #[test]
    fn however_far_apart_they_were_they_are_one_when_they_have_been_together_for_long() {
        let after = |seconds: u32| side_by_side(|s| if s < 30 { [150.0, -80.0] } else { [0.5, -0.5] }, 30 + seconds);
        assert!(!after(6).is_one(5));
        assert!(after(25).is_one(5));
    }

    #[test]
    fn what_has_stood_apart_for_long_is_two_though_it_agrees_now() {
        let twin = side_by_side(|_| [14.0, 12.0], 30);
        assert!(!twin.is_one(5));
        // The same distance now here, now there, is error.
        let turn = |s: u32| if s % 4 < 2 { [14.0, 12.0] } else { [-14.0, -12.0] };
        assert!(side_by_side(turn, 30).is_one(5));
    }
}
