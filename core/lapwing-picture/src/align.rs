//! Which time a report is taken for: the sensor's, where it can be true, else the time of reception.

use lapwing_model::{Span, Time};

/// A measurement time further behind its reception than this is not used. Networks and brokers delay by up to seconds,
/// and the tracker takes late measurements of a few seconds; what is older is a stopped or wrong clock (the forged
/// Anafi frames carry one time stamp for 49 s) or a backlog, and in both cases the time says nothing about now.
pub const LATE_MAX: Span = Span::from_seconds(5);

/// A measurement time further ahead of its reception than this is not used: nothing is received before it is
/// measured, so all of it is clock error. Within it the reception is used as the nearest possible time.
pub const EARLY_MAX: Span = Span::from_seconds(5);

/// Where the time of a report came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeSource {
    /// The sensor's or aircraft's own time.
    Measured,
    /// Reception, because no time was said.
    ReceivedAbsent,
    /// Reception, because the time said is a little ahead of it (a clock error of a few seconds).
    ReceivedAhead,
    /// Reception, because the time said cannot be true.
    ReceivedImplausible,
}

/// The time to use, and where it came from.
pub fn align(measured_at: Option<Time>, received_at: Time) -> (Time, TimeSource) {
    let Some(measured_at) = measured_at else { return (received_at, TimeSource::ReceivedAbsent) };
    let age = received_at.since(measured_at);
    if age > LATE_MAX || -age > EARLY_MAX {
        (received_at, TimeSource::ReceivedImplausible)
    } else if age < Span::ZERO {
        (received_at, TimeSource::ReceivedAhead)
    } else {
        (measured_at, TimeSource::Measured)
    }
}

/// A measurement of a sensor further behind its reception than this was stamped by a wrong clock.
pub const WRONG_CLOCK: Span = Span::from_seconds(60);

/// A claim is taken for late, and not for one of a wrong clock, if its voice's clock was seen to be right this long before. Less than
/// what sensors' agreement with a voice lasts (10 s): a clock that steps must not end that.
pub const CLOCK_RIGHT_FOR: Span = Span::from_seconds(8);

/// Messages come out of order by this much: one of just before the last one that was right may come after it.
const OUT_OF_ORDER: Span = Span::from_seconds(1);

/// When a voice's clock was seen to be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RightClock {
    /// When the last message was received whose time was as it should be.
    pub seen_at: Time,
    /// That time: what a link held up goes on there, however long each message is on its way.
    pub measured_at: Time,
    /// When the first after it was received that was late, if one was.
    pub late_since: Option<Time>,
}

impl RightClock {
    /// Whether a message of `measured_at` was held up on its way. Either others came in time just now; or nothing came at all since
    /// then, and what now comes all at once goes on where that ended: a link that stood still for a while. A silence proves nothing
    /// against a clock. But when nothing but late ones come it may be the clock after all, and where it says it is now must not be
    /// lost.
    fn vouches(self, measured_at: Time, received_at: Time) -> bool {
        let lately = |at: Time| received_at.since(at) <= CLOCK_RIGHT_FOR;
        let in_time = lately(self.seen_at) && received_at.since(measured_at) <= WRONG_CLOCK;
        let goes_on = measured_at >= self.measured_at - OUT_OF_ORDER && self.late_since.is_none_or(lately);
        in_time || goes_on
    }
}

/// The same for a claim, of a voice whose clock was last seen to be right as `right` says. What then comes late was held up on its
/// way: taken for now it would put an honest aircraft where it was, away from where the sensors see it.
pub fn align_claim(measured_at: Option<Time>, received_at: Time, right: Option<RightClock>) -> (Time, TimeSource) {
    match (measured_at, right) {
        (Some(at), Some(right)) if received_at.since(at) > LATE_MAX && right.vouches(at, received_at) => {
            (at, TimeSource::Measured)
        }
        _ => align(measured_at, received_at),
    }
}

/// The same for what a sensor measured itself. What is late by more than the tracker can use, but by no more than a slow
/// network or a person at a telephone takes, keeps its time: taken for now it would put an aircraft where it was.
pub fn align_measured(measured_at: Option<Time>, received_at: Time) -> (Time, TimeSource) {
    match measured_at {
        Some(at) if received_at.since(at) > LATE_MAX && received_at.since(at) <= WRONG_CLOCK => {
            (at, TimeSource::Measured)
        }
        _ => align(measured_at, received_at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plausible_time_is_used_and_an_implausible_one_is_not() {
        let received = Time::from_seconds(1000);
        let at = |ms: i64| align(Some(received + Span::from_millis(ms)), received);
        assert_eq!(at(-1500), (received - Span::from_millis(1500), TimeSource::Measured));
        assert_eq!(at(-5_000).1, TimeSource::Measured);
        assert_eq!(at(-5_001), (received, TimeSource::ReceivedImplausible));
        assert_eq!(at(3_000), (received, TimeSource::ReceivedAhead), "a clock some seconds off is not an accusation");
        assert_eq!(at(5_001), (received, TimeSource::ReceivedImplausible));
        assert_eq!(align(None, received), (received, TimeSource::ReceivedAbsent));
        assert_eq!(align(Some(Time::MIN), received).1, TimeSource::ReceivedImplausible);
        assert_eq!(align(Some(Time::MAX), received).1, TimeSource::ReceivedImplausible);
    }

    #[test]
    fn a_late_claim_of_a_right_clock_keeps_its_time_and_one_of_an_unknown_clock_does_not() {
        let received = Time::from_seconds(1000);
        let late = received - Span::from_seconds(8);
        let of = |measured_at, right_s: Option<i64>| {
            let right = right_s.map(|s| received - Span::from_seconds(s)).map(|at| RightClock {
                seen_at: at,
                measured_at: at,
                late_since: Some(received),
            });
            align_claim(Some(measured_at), received, right)
        };
        assert_eq!(of(late, Some(3)), (late, TimeSource::Measured));
        assert_eq!(of(late, None), (received, TimeSource::ReceivedImplausible));
        assert_eq!(of(received - Span::from_seconds(61), Some(3)).1, TimeSource::ReceivedImplausible);
        assert_eq!(of(received + Span::from_seconds(6), Some(3)).1, TimeSource::ReceivedImplausible);
    }

    /// Each message is three seconds on its way, and then a silence begins.
    #[test]
    fn after_a_silence_what_goes_on_where_it_began_is_late_and_what_stays_late_is_a_wrong_clock() {
        let at = |s: i64| Time::from_seconds(1000 + s);
        let of = |measured_s: i64, received_s: i64, late_since: Option<i64>| {
            let right = RightClock { seen_at: at(3), measured_at: at(0), late_since: late_since.map(at) };
            align_claim(Some(at(measured_s)), at(received_s), Some(right))
        };
        assert_eq!(of(1, 20, None), (at(1), TimeSource::Measured), "the first after twenty seconds of silence");
        assert_eq!(of(14, 20, Some(20)), (at(14), TimeSource::Measured), "and another of the same burst");
        assert_eq!(of(1, 120, None), (at(1), TimeSource::Measured), "however long it was");
        assert_eq!(of(16, 20, Some(20)), (at(16), TimeSource::Measured));
        assert_eq!(of(-10, 20, None), (at(20), TimeSource::ReceivedImplausible), "from before it was right");
        assert_eq!(
            of(20, 29, Some(20)),
            (at(29), TimeSource::ReceivedImplausible),
            "late for nine seconds: a wrong clock"
        );
    }
}
