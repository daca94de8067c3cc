//! When a message was heard, from the receiver's time stamp.
//!
//! A Beast time stamp is 48 bits. In most receivers it is a counter of 12 MHz from an arbitrary start: good to a microsecond between
//! messages, without a date. In GPS mode (Radarcape, Air!Squitter) the upper 18 bits are the UTC second of the day and the lower 30 the
//! nanosecond. mlat-client and uat2esnt write marks instead of times.

use crate::BadState;
use lapwing_model::{Span, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Meaning of the receiver's time stamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClockKind {
    /// A 12 MHz counter: times run by it from the first message's time of reception.
    #[default]
    Counter,
    /// UTC second of the day and nanosecond (GPS).
    Gps,
    /// Not used: the time of reception is the time of the message.
    Reception,
}

/// "MLAT" in ASCII after `ff 00`: a message made up by a multilateration client.
pub const MARK_MULTILATERATION: u64 = 0xFF00_4D4C_4154;
/// The same of a converter from UAT.
pub const MARK_UAT: u64 = 0xFF00_4D4C_4155;

/// Receivers behind one input whose counters are told apart.
const RECEIVERS_MAX: usize = 64;
/// A counter that goes back by more than this was restarted.
const RESTART_MIN: Span = Span::from_seconds(1);
/// How late messages come is judged over this long: what was held up on its way comes late and then no more; what never comes less
/// late than this has another reason.
const JUDGED_OVER: Span = Span::from_seconds(60);
/// Lateness that lasts and is no use of to anybody: the counter was restarted, or set.
const LATE_MAX: Span = Span::from_seconds(5);
/// How much a counter may be slow, parts per million: crystals are good to some fifty.
const SLOW_PPM: i64 = 200;
/// After a silence this long it is seen only from what comes in the minute after how slow the counter was meanwhile.
const SILENCE: Span = Span::from_seconds(60);
const NANOS_PER_DAY: i64 = 86_400_000_000_000;

#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
struct Anchor {
    receiver: Option<u64>,
    /// The counter, nanoseconds, and the time it stands for.
    counter_ns: i64,
    time: Time,
    /// The latest counter, nanoseconds.
    latest_ns: i64,
    /// When the first message was received: as long as nothing is received later, this is one block of a recording.
    first_received_at: Time,
    /// The least that any message received since a time was late.
    least_late: Span,
    judged_from: Time,
    /// What it may have been slow by in a silence, beyond what was taken off at its end.
    in_silence: Span,
}

/// Turns time stamps into times.
#[derive(Debug)]
pub struct Clock {
    kind: ClockKind,
    /// Most lately used first.
    anchors: Vec<Anchor>,
}

impl Clock {
    /// A clock that has heard nothing.
    pub fn new(kind: ClockKind) -> Self {
        Self { kind, anchors: Vec::new() }
    }

    pub(crate) fn save(&self) -> Vec<u8> {
        crate::state::save(&self.anchors)
    }

    pub(crate) fn restore(&mut self, state: &[u8]) -> Result<(), BadState> {
        self.anchors = crate::state::restore(state, |anchors: &Vec<Anchor>| anchors.len() <= RECEIVERS_MAX)?;
        Ok(())
    }

    /// The time of a message received at `received_at` with this time stamp from this receiver; `None` when the stamp gives none.
    pub fn time(&mut self, received_at: Time, stamp: Option<u64>, receiver: Option<u64>) -> Option<Time> {
        let stamp = stamp.filter(|s| *s != 0 && *s != MARK_MULTILATERATION && *s != MARK_UAT)?;
        match self.kind {
            ClockKind::Reception => None,
            ClockKind::Gps => gps_time(received_at, stamp),
            // A tick is 250/3 ns; 2^48 of them stay below 2^63.
            ClockKind::Counter => Some(self.counter_time(received_at, (stamp * 250 / 3) as i64, receiver)),
        }
    }

    fn counter_time(&mut self, received_at: Time, counter_ns: i64, receiver: Option<u64>) -> Time {
        let fresh = Anchor {
            receiver,
            counter_ns,
            time: received_at,
            latest_ns: counter_ns,
            first_received_at: received_at,
            least_late: Span::ZERO,
            judged_from: received_at,
            in_silence: Span::ZERO,
        };
        match self.anchors.iter().position(|a| a.receiver == receiver) {
            Some(0) => {}
            // The others stay in their order, for the last gives way.
            Some(index) => {
                if let Some(used) = self.anchors.get_mut(..=index) {
                    used.rotate_right(1);
                }
            }
            None => {
                self.anchors.truncate(RECEIVERS_MAX - 1);
                self.anchors.insert(0, fresh);
            }
        }
        let Some(anchor) = self.anchors.first_mut() else { return received_at };
        match anchor.time_of(counter_ns, received_at) {
            Some(time) => time,
            None => {
                *anchor = fresh;
                received_at
            }
        }
    }
}

impl Anchor {
    /// The time of a message by the counter; `None` where the counter is not the one of before.
    ///
    /// A link that stalls delivers everything late afterwards, in one burst: by the counter each message is of its own time. Taken for
    /// now, an airliner would be where it was, kilometres back.
    fn time_of(&mut self, counter_ns: i64, received_at: Time) -> Option<Time> {
        if counter_ns < self.latest_ns - RESTART_MIN.as_nanos() {
            return None;
        }
        self.latest_ns = counter_ns;
        let time = self.time + Span::from_nanos(counter_ns - self.counter_ns);
        if received_at == self.first_received_at {
            return Some(time);
        }
        let late = received_at.since(time);
        if late < Span::ZERO {
            // Nothing is heard after it was received: the first message was the slower one on its way.
            self.time = self.time + late;
            (self.least_late, self.judged_from, self.in_silence) = (Span::ZERO, received_at, Span::ZERO);
            return Some(received_at);
        }
        self.least_late = self.least_late.min(late);
        let judged = received_at.since(self.judged_from);
        if judged < JUDGED_OVER {
            return Some(time);
        }
        if self.least_late > LATE_MAX {
            return None;
        }
        // What is left may be a slow counter; more than that is a slow way.
        let may_be = Span::from_nanos(judged.as_nanos() / 1_000_000 * SLOW_PPM).min(LATE_MAX);
        let slow = (may_be + self.in_silence).min(LATE_MAX).min(self.least_late);
        // The least late was mostly from before a silence, and says nothing of how slow the counter was in it.
        let left = if judged > JUDGED_OVER + SILENCE { (may_be - slow).max(Span::ZERO) } else { Span::ZERO };
        self.in_silence = left;
        self.time = self.time + slow;
        (self.least_late, self.judged_from) = (late - slow, received_at);
        Some(time + slow)
    }
}

fn gps_time(received_at: Time, stamp: u64) -> Option<Time> {
    let (second, nanos) = ((stamp >> 30) as i64, (stamp & 0x3FFF_FFFF) as i64);
    // 86,400 is a leap second.
    if second > 86_400 || nanos >= 1_000_000_000 {
        return None;
    }
    let of_day = Span::from_seconds(second) + Span::from_nanos(nanos);
    let today = Time::from_nanos(received_at.as_nanos() - received_at.as_nanos().rem_euclid(NANOS_PER_DAY)) + of_day;
    // The day nearest to the time of reception.
    let off = today.since(received_at).as_nanos();
    Some(if off > NANOS_PER_DAY / 2 {
        today - Span::from_nanos(NANOS_PER_DAY)
    } else if off < -NANOS_PER_DAY / 2 {
        today + Span::from_nanos(NANOS_PER_DAY)
    } else {
        today
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Time {
        Time::from_seconds(1_700_000_000) + Span::from_seconds_f64(seconds)
    }

    #[test]
    fn a_recording_read_in_one_piece_runs_by_its_counter() {
        let mut clock = Clock::new(ClockKind::Counter);
        assert_eq!(clock.time(at(0.0), Some(12_000_000), None), Some(at(0.0)));
        assert_eq!(clock.time(at(0.0), Some(36_000_000), None), Some(at(2.0)));
        assert_eq!(clock.time(at(0.0), Some(12_000_000 * 7001), None), Some(at(7000.0)));
    }

    #[test]
    fn live_times_are_never_after_their_reception_and_survive_a_restart() {
        let mut clock = Clock::new(ClockKind::Counter);
        clock.time(at(0.5), Some(12_000_000), None);
        assert_eq!(
            clock.time(at(1.0), Some(24_000_000), None),
            Some(at(1.0)),
            "the first message was late by half a second"
        );
        assert_eq!(clock.time(at(2.3), Some(36_000_000), None), Some(at(2.0)));
        assert_eq!(clock.time(at(9.0), Some(500), None), Some(at(9.0)), "the receiver was restarted");
        assert_eq!(clock.time(at(10.2), Some(500 + 12_000_000), None), Some(at(10.0)));
    }

    #[test]
    fn what_a_link_held_up_is_of_its_own_time() {
        let mut clock = Clock::new(ClockKind::Counter);
        let ticks = |seconds: f64| Some(12_000_000 + (seconds * 12e6) as u64);
        for second in 0..300 {
            let said = f64::from(second);
            // Every half minute the link stands for twenty seconds.
            let heard = if second % 30 < 20 { f64::from(second / 30 * 30 + 20) } else { said };
            let time = clock.time(at(heard), ticks(said), None).unwrap();
            let off = time.since(at(said)).as_seconds_f64();
            // Until the first that was not held up, the way of the first message counts as none.
            assert!(if second <= 20 { off <= 20.0 } else { off.abs() < 0.02 }, "{second}: off by {off}");
        }
    }

    #[test]
    fn a_slow_counter_stays_with_the_time_of_reception() {
        let mut clock = Clock::new(ClockKind::Counter);
        for second in 0..40_000u32 {
            let said = f64::from(second) * (1.0 - 50e-6);
            let time = clock.time(at(f64::from(second) + 0.01), Some((said * 12e6) as u64 + 1), None).unwrap();
            let late = at(f64::from(second)).since(time).as_seconds_f64();
            assert!(late.abs() < 0.05, "{second}: {late}");
        }
    }

    #[test]
    fn a_slow_counter_is_right_a_minute_after_a_silence() {
        let mut clock = Clock::new(ClockKind::Counter);
        // 50 millionths slow, and nothing is heard for eight hours.
        let night = 600..600 + 8 * 3_600;
        for second in (0..40_000u32).filter(|s| !night.contains(s)) {
            let said = f64::from(second) * (1.0 - 50e-6);
            let time = clock.time(at(f64::from(second) + 0.01), Some((said * 12e6) as u64 + 1), None).unwrap();
            let late = at(f64::from(second)).since(time).as_seconds_f64();
            let again = second >= night.end && second <= night.end + 60;
            assert!(late.abs() < if again { 1.5 } else { 0.05 }, "{second}: {late}");
        }
    }

    #[test]
    fn what_a_link_held_up_after_a_silence_is_not_a_slow_counter() {
        let mut clock = Clock::new(ClockKind::Counter);
        let mut time = |said: f64, heard: f64| {
            let time = clock.time(at(heard), Some(1 + (said * 12e6) as u64), None).unwrap();
            time.since(at(said)).as_seconds_f64()
        };
        for second in 0..600 {
            time(f64::from(second), f64::from(second));
        }
        // After an hour it is heard again; then its way becomes slower by two seconds for good.
        for second in 4_200..4_400 {
            assert!(time(f64::from(second), f64::from(second)).abs() < 0.02);
        }
        for second in 4_400..4_600 {
            let off = time(f64::from(second), f64::from(second) + 2.0);
            assert!(off.abs() < 0.1, "{second}: {off}");
        }
    }

    #[test]
    fn a_counter_set_to_something_else_is_known_after_a_minute() {
        let mut clock = Clock::new(ClockKind::Counter);
        clock.time(at(0.0), Some(12_000_000), None);
        clock.time(at(1.0), Some(24_000_000), None);
        let mut last = at(0.0);
        for second in 2..200u32 {
            // It seems to have lost an hour's worth of what passed: everything is late for ever.
            last = clock.time(at(3600.0 + f64::from(second)), Some(12_000_000 * u64::from(second + 1)), None).unwrap();
        }
        assert_eq!(last, at(3600.0 + 199.0));
    }

    #[test]
    fn receivers_have_their_own_counters() {
        let mut clock = Clock::new(ClockKind::Counter);
        for n in 0..200u64 {
            clock.time(at(0.0), Some(1 + n), Some(n));
        }
        clock.time(at(1.0), Some(12_000_000 + 200), Some(199));
        assert!(clock.anchors.len() <= RECEIVERS_MAX);
        assert_eq!(clock.time(at(1.0), Some(12_000_000 + 200 - 3), Some(199)), Some(at(1.0) - Span::from_nanos(250)));
    }

    #[test]
    fn of_too_many_receivers_the_one_heard_longest_ago_gives_way() {
        let mut clock = Clock::new(ClockKind::Counter);
        for n in 0..RECEIVERS_MAX as u64 {
            clock.time(at(0.0), Some(12_000_000), Some(n));
        }
        // The first is heard again, and then a new one: the second gives way, not the one heard before the first.
        clock.time(at(1.0), Some(24_000_000), Some(0));
        clock.time(at(1.0), Some(12_000_000), Some(999));
        let known: Vec<u64> = clock.anchors.iter().filter_map(|a| a.receiver).collect();
        let last = RECEIVERS_MAX as u64 - 1;
        assert_eq!((known.len(), &known[..3], known.contains(&1)), (RECEIVERS_MAX, &[999, 0, last][..], false));
    }

    #[test]
    fn gps_times_find_their_day() {
        let mut clock = Clock::new(ClockKind::Gps);
        let midnight = Time::from_civil(2024, 3, 2, 0, 0, 0, 0).unwrap();
        let stamp = |second: u64, nanos: u64| Some(second << 30 | nanos);
        assert_eq!(
            clock.time(midnight, stamp(86_399, 5), None),
            Some(midnight - Span::from_seconds(1) + Span::from_nanos(5))
        );
        let before = midnight - Span::from_millis(1);
        assert_eq!(clock.time(before, stamp(0, 7), None), Some(midnight + Span::from_nanos(7)));
        assert_eq!(clock.time(midnight, stamp(90_000, 0), None), None);
        assert_eq!(clock.time(midnight, stamp(1, 1_000_000_000), None), None);
    }

    #[test]
    fn marks_are_not_times() {
        for mark in [0, MARK_MULTILATERATION, MARK_UAT] {
            assert_eq!(Clock::new(ClockKind::Counter).time(at(0.0), Some(mark), None), None);
        }
    }
}
