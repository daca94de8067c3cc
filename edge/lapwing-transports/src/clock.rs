//! The one clock of the process: the wall clock, except that it never goes back.
//!
//! Everything waits for times of this clock. If it stood still while the wall clock is set back (NTP, GPS, a virtual machine that
//! goes on), nothing would be due any more and the watch would be deaf. So it goes on, a twentieth slower than time itself,
//! until the wall clock has caught up.

use lapwing_model::{Span, Time};
use std::sync::{Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// It is slower by this part while it is ahead of the wall clock.
const SLOWER_BY: i64 = 20;

/// What was said last, and when.
#[derive(Debug, Clone, Copy)]
struct Said {
    at: Time,
    read: Instant,
}

static SAID: Mutex<Option<Said>> = Mutex::new(None);

/// The time. Never before what it said last, to whomever.
pub fn now() -> Time {
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    next(&mut said, wall(), Instant::now())
}

/// From here on it says no less than `at`: a run that is resumed goes on after the one before it.
pub fn not_before(at: Time) {
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    raise(&mut said, at, wall(), Instant::now());
}

/// How far it is ahead of the wall clock.
pub fn ahead() -> Span {
    now().since(wall()).max(Span::ZERO)
}

fn raise(said: &mut Option<Said>, to: Time, wall: Time, read: Instant) {
    let at = next(said, wall, read).max(to);
    *said = Some(Said { at, read });
}

fn next(said: &mut Option<Said>, wall: Time, read: Instant) -> Time {
    let at = match *said {
        Some(last) => {
            let elapsed = i64::try_from(read.saturating_duration_since(last.read).as_nanos()).unwrap_or(i64::MAX);
            wall.max(last.at + Span::from_nanos(elapsed - elapsed / SLOWER_BY))
        }
        None => wall,
    };
    *said = Some(Said { at, read });
    at
}

/// The wall clock.
fn wall() -> Time {
    let nanos = match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |n| -n),
    };
    Time::from_nanos(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn it_is_the_wall_clock_and_goes_on_where_that_is_set_back() {
        let (begun, zero) = (Instant::now(), Time::from_nanos(1_700_000_000_000_000_000));
        let s = Span::from_seconds;
        let mut said = None;
        // Real seconds since the beginning, and what the wall clock says then.
        let mut at = |real_s: u64, wall_s: i64| {
            next(&mut said, zero + s(wall_s), begun + Duration::from_secs(real_s)).since(zero).as_seconds_f64()
        };
        assert_eq!(at(0, 0), 0.0);
        assert_eq!(at(10, 10), 10.0);
        // Set forward, it follows at once.
        assert_eq!(at(20, 50), 50.0);
        // Set back by a minute, it goes on, a little slower, and meets the wall clock after twenty times that.
        assert_eq!(at(30, 0), 59.5);
        assert_eq!(at(40, 10), 69.0);
        assert_eq!(at(1_130, 1_100), 1_104.5, "still ahead");
        assert_eq!(at(1_830, 1_800), 1_800.0);
        assert_eq!(at(1_831, 1_801), 1_801.0);
        // Threads that read it out of turn hear no earlier time.
        assert_eq!(at(1_830, 1_800), 1_801.0);
    }

    #[test]
    fn a_resumed_run_goes_on_after_the_one_before_it() {
        let (begun, zero) = (Instant::now(), Time::from_nanos(1_700_000_000_000_000_000));
        let s = Span::from_seconds;
        let mut said = None;
        raise(&mut said, zero - s(5), zero, begun);
        assert_eq!(next(&mut said, zero, begun), zero, "the usual case");
        // The one before ran an hour ahead of what the clock says now: the watch goes on all the same.
        raise(&mut said, zero + s(3_600), zero, begun);
        let at = next(&mut said, zero + s(20), begun + Duration::from_secs(20));
        assert_eq!(at, zero + s(3_619));
    }
}
