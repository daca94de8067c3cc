//! What a voice's own words say about each other.

use crate::identity::{EvidenceSet, weight};
use lapwing_model::{EvidenceKind, Place, Span, Time};

/// The time stamp stands still while messages go on.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct StampCheck {
    raw_s: Option<f64>,
    since: Time,
    place: Option<Place>,
    /// Different positions under this stamp, the first counted.
    places: u32,
}

/// A transmitter repeats one message within its update interval of 1 s (F3411: position at least once a second); the
/// real Anafi's stamps never stand longer than that, at ten messages a second. With three different positions under one
/// stamp over at least three seconds nothing is left but a stamp that is not the position's.
const FROZEN_MOVING_AFTER: Span = Span::from_seconds(3);
const FROZEN_PLACES_MIN: u32 = 3;
/// A resting one is only noted after this long.
const FROZEN_RESTING_AFTER: Span = Span::from_seconds(10);

impl StampCheck {
    /// Compares one position with its forerunners.
    pub(crate) fn check(&mut self, raw_s: f64, place: Place, at: Time, evidence: &mut EvidenceSet) {
        if self.raw_s != Some(raw_s) {
            *self = Self { raw_s: Some(raw_s), since: at, place: Some(place), places: 1 };
            return;
        }
        if self.place != Some(place) {
            self.place = Some(place);
            self.places = self.places.saturating_add(1);
        }
        let still = at.since(self.since);
        let weight = if self.places >= FROZEN_PLACES_MIN && still >= FROZEN_MOVING_AFTER {
            if raw_s == 0.0 { weight::FROZEN_UNSET } else { weight::FROZEN_MOVING }
        } else if self.places == 1 && still >= FROZEN_RESTING_AFTER {
            weight::FROZEN_RESTING
        } else {
            return;
        };
        let (places, seconds) = (self.places, still.as_seconds_f64());
        evidence.note(EvidenceKind::FrozenTimestamp, weight, at, || {
            format!("time stamp stands at {raw_s:.1} s for {seconds:.0} s, over {places} positions")
        });
    }
}

/// The time stamp disagrees with the time of reception.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct ClockCheck {
    since: Option<Time>,
    count: u32,
}

/// Receivers without time service run off by seconds, and networks deliver late by seconds; neither reaches this.
const CLOCK_OFF: Span = Span::from_seconds(30);
/// Nor is one message enough: it may have waited in a queue.
const CLOCK_COUNT_MIN: u32 = 3;
const CLOCK_AFTER: Span = Span::from_seconds(3);

impl ClockCheck {
    /// `raw_s` is in seconds after the full hour; both run on into the next hour.
    pub(crate) fn check(&mut self, raw_s: f64, at: Time, evidence: &mut EvidenceSet) {
        let hour = Span::from_seconds(3600).as_nanos();
        let in_hour = Span::from_nanos(at.as_nanos().rem_euclid(hour)).as_seconds_f64();
        let off_s = (in_hour - raw_s + 1800.0).rem_euclid(3600.0) - 1800.0;
        if off_s.abs() <= CLOCK_OFF.as_seconds_f64() {
            *self = Self::default();
            return;
        }
        self.count = self.count.saturating_add(1);
        let since = *self.since.get_or_insert(at);
        if self.count < CLOCK_COUNT_MIN || at.since(since) < CLOCK_AFTER {
            return;
        }
        let word = if off_s > 0.0 { "behind" } else { "ahead of" };
        evidence.note(EvidenceKind::WrongTimestamp, weight::WRONG_TIMESTAMP, at, || {
            format!("time stamp {raw_s:.1} s is {:.0} s {word} the time of reception", off_s.abs())
        });
    }
}

/// Claimed speed and claimed positions disagree.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct MotionCheck {
    from: Option<(Time, Place)>,
    against: u32,
    disagrees: bool,
}

/// Positions are compared over at least this long: jitter of reception is then a small part of it.
const MOTION_OVER: Span = Span::from_seconds(2);
/// After a longer gap the speed may have been anything in between.
const MOTION_WITHIN: Span = Span::from_seconds(10);
/// Disagreement that is still natural: acceleration between the two, rounding, wind gusts, metres per second.
const MOTION_SLACK_MPS: f64 = 15.0;
/// One disagreement is a jump of the satellite position, two are a jump and back; three in a row are neither.
const MOTION_COUNT_MIN: u32 = 3;
/// 95 % accuracy taken for a position that does not say, metres.
const ACCURACY_UNSAID_M: f64 = 30.0;

impl MotionCheck {
    /// Whether the claimed velocity agreed with the positions at the last comparison.
    pub(crate) fn agrees(&self) -> bool {
        !self.disagrees
    }

    /// Compares one position with its forerunners.
    pub(crate) fn check(
        &mut self,
        place: Place,
        at: Time,
        speed_mps: Option<f64>,
        accuracy_m: Option<f64>,
        evidence: &mut EvidenceSet,
    ) {
        let Some((from_at, from)) = self.from else {
            self.from = Some((at, place));
            return;
        };
        let dt = at.since(from_at);
        if dt < MOTION_OVER {
            return;
        }
        self.from = Some((at, place));
        let Some(speed_mps) = speed_mps.filter(|_| dt <= MOTION_WITHIN) else {
            (self.against, self.disagrees) = (0, false);
            return;
        };
        let flown_mps = from.distance_m(place) / dt.as_seconds_f64();
        let accuracy_m = accuracy_m.filter(|a| *a > 0.0).unwrap_or(ACCURACY_UNSAID_M);
        let allowed = MOTION_SLACK_MPS + 0.3 * speed_mps + 2.0 * accuracy_m / dt.as_seconds_f64();
        self.disagrees = (flown_mps - speed_mps).abs() > allowed;
        if !self.disagrees {
            self.against = 0;
            return;
        }
        self.against += 1;
        if self.against < MOTION_COUNT_MIN {
            return;
        }
        evidence.note(EvidenceKind::InconsistentMotion, weight::INCONSISTENT_MOTION, at, || {
            format!("claims {speed_mps:.0} m/s while its positions move at {flown_mps:.0} m/s")
        });
    }
}
