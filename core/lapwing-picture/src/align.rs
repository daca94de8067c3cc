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

/// The same for a claim, of a voice whose clock was last seen to be right at `right_at`. What then comes late was held up on its
/// way: taken for now it would put an honest aircraft where it was, away from where the sensors see it. When nothing but late
/// ones come it may be the clock after all, and where it says it is now must not be lost.
pub fn align_claim(measured_at: Option<Time>, received_at: Time, right_at: Option<Time>) -> (Time, TimeSource) {
    if right_at.is_some_and(|at| received_at.since(at) <= CLOCK_RIGHT_FOR) {
        align_measured(measured_at, received_at)
    } else {
        align(measured_at, received_at)
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
            align_claim(Some(measured_at), received, right_s.map(|s| received - Span::from_seconds(s)))
        };
        assert_eq!(of(late, Some(3)), (late, TimeSource::Measured));
        assert_eq!(of(late, None), (received, TimeSource::ReceivedImplausible));
        assert_eq!(of(late, Some(9)), (received, TimeSource::ReceivedImplausible), "late for long: a wrong clock");
        assert_eq!(of(received - Span::from_seconds(61), Some(3)).1, TimeSource::ReceivedImplausible);
        assert_eq!(of(received + Span::from_seconds(6), Some(3)).1, TimeSource::ReceivedImplausible);
    }
}
