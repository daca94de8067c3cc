//! How much later one receiver passes on what another has passed on.
//!
//! Two receivers hear one message of an aircraft, and one of them is farther away by network: what comes by that way is of where the
//! aircraft was. Where both have passed on the same position, the difference says by how much; what only the slower one heard is
//! then of so much earlier. Needed for what has no time of its own (ADS-B): a message that says its time (Remote ID) says the same by
//! every way.
//!
//! A receiver may stamp what it passes on, by the true time or by a counter that runs from when its first message came (Beast), and
//! nothing in the stamp says which. So the difference is looked at twice: between the times of reception, and between the stamps,
//! where those can be true. How long the way is shows in the first only, when the stamps are true: then nothing is to be taken off.
//! And where one receiver's clock is slow it shows in the second only, as if all others were late. The smaller of both is taken off.

use lapwing_model::{Place, SensorId, Span, Time, limits};
use std::collections::BTreeMap;

/// A way that is slower than the fastest by more than this is not put right by more.
const LAG_MAX: Span = Span::from_seconds(4);
/// A position heard again later than this is no echo, but said again.
const ECHO_WITHIN: Span = Span::from_seconds(10);
/// Positions of a voice that an echo may be of: some four seconds of ADS-B.
const REMEMBERED: usize = 8;
/// What one echo changes of what is known of its way, and the most: who repeats what another has sent moves little by it, as long as
/// there are true echoes.
const GAIN: f64 = 0.25;
const STEP_MAX: Span = Span::from_millis(200);
/// One in so many parts of what two ways are both slow by is taken off both at each echo: nothing is faster than the fastest, and links
/// that stall by turns push both up. A small part: both may be slower than a third that heard only some of it.
const BOTH_SLOW: i64 = 30;

/// A time of a message by when it was received, and by its stamp, if that can be true.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Twice<T> {
    /// By reception.
    pub(super) received: T,
    /// By its stamp.
    pub(super) stamped: T,
}

/// By receiver, how much slower it is than the fastest of those that hear the same.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Ways(BTreeMap<SensorId, Twice<Span>>);

impl Ways {
    /// How much later than by the fastest way a message comes by this one, by both times.
    pub(super) fn lags(&self, sensor: &SensorId) -> Twice<Span> {
        self.0.get(sensor).copied().unwrap_or_default()
    }

    /// What `first` had passed on came again by `again`, so much later as the lags of both were known then (earlier, if negative).
    pub(super) fn echoed(&mut self, first: &SensorId, again: &SensorId, later: Twice<Span>) {
        let (mut slower, mut faster) = (self.lags(again), self.lags(first));
        (slower.received, faster.received) = moved((slower.received, faster.received), later.received);
        (slower.stamped, faster.stamped) = moved((slower.stamped, faster.stamped), later.stamped);
        self.set(again, slower);
        self.set(first, faster);
    }

    /// Forgets all but these.
    pub(super) fn keep(&mut self, is_known: impl Fn(&SensorId) -> bool) {
        self.0.retain(|sensor, _| is_known(sensor));
    }

    fn set(&mut self, sensor: &SensorId, lags: Twice<Span>) {
        if lags == Twice::default() {
            self.0.remove(sensor);
            return;
        }
        self.0.insert(sensor.clone(), lags);
        if self.0.len() > limits::SENSORS_MAX {
            // The least is lost with the one that is least slow.
            let least =
                self.0.iter().min_by_key(|(_, lags)| lags.received.max(lags.stamped)).map(|(sensor, _)| sensor.clone());
            least.and_then(|sensor| self.0.remove(&sensor));
        }
    }
}

impl Twice<Span> {
    /// What to take off.
    pub(super) fn less(self) -> Span {
        self.received.min(self.stamped)
    }
}

impl Twice<Time> {
    /// The same without the lags of its way.
    pub(super) fn without(self, lags: Twice<Span>) -> Self {
        Self { received: self.received - lags.received, stamped: self.stamped - lags.stamped }
    }
}

/// The lags of a slower and a faster way after an echo.
fn moved((slower, faster): (Span, Span), later: Span) -> (Span, Span) {
    let most = STEP_MAX.as_seconds_f64();
    let step = Span::from_seconds_f64((later.as_seconds_f64() * GAIN).clamp(-most, most));
    // Half of it is the one's and half the other's: what comes second by chance, now this and now that, makes neither slow. But
    // nothing is faster than the fastest.
    let half = Span::from_nanos(step.as_nanos() / 2);
    let (mut slower, mut faster) = (slower + half, faster - half);
    if faster < Span::ZERO {
        (slower, faster) = (slower - faster, Span::ZERO);
    } else if slower < Span::ZERO {
        (slower, faster) = (Span::ZERO, faster - slower);
    }
    let both = Span::from_nanos(slower.min(faster).as_nanos() / BOTH_SLOW);
    ((slower - both).min(LAG_MAX), (faster - both).min(LAG_MAX))
}

/// A position as it was first heard.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct Told {
    place: Place,
    at: Twice<Time>,
    by: SensorId,
}

/// The last positions of a voice that flies, oldest first.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct LastTold(Vec<Told>);

impl LastTold {
    /// Whether a position heard at `at` (put right by the lags of its way) is one that another receiver passed on before; by which, and
    /// how much later it comes this way. One that is new is remembered.
    pub(super) fn echo_of(&mut self, place: Place, at: Twice<Time>, by: &SensorId) -> Option<(SensorId, Twice<Span>)> {
        let lately = |told: &Told| at.received.since(told.at.received).abs() <= ECHO_WITHIN;
        if let Some(told) = self.0.iter().rfind(|told| told.place == place && lately(told)) {
            let later =
                Twice { received: at.received.since(told.at.received), stamped: at.stamped.since(told.at.stamped) };
            return (told.by != *by).then(|| (told.by.clone(), later));
        }
        if self.0.len() >= REMEMBERED {
            self.0.remove(0);
        }
        self.0.push(Told { place, at, by: by.clone() });
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: f64) -> Time {
        Time::from_seconds(1_000) + Span::from_seconds_f64(s)
    }

    fn sensor(name: &str) -> SensorId {
        SensorId::new(name).unwrap()
    }

    fn both<T: Copy>(one: T) -> Twice<T> {
        Twice { received: one, stamped: one }
    }

    /// What is taken off of a receiver's times, seconds.
    fn lag_s(ways: &Ways, name: &str) -> f64 {
        ways.lags(&sensor(name)).less().as_seconds_f64()
    }

    /// Half a minute of one aircraft heard by two receivers that stamp nothing; by the second `lag_s(n)` later.
    fn heard(lag_s: impl Fn(i32) -> f64) -> Ways {
        heard_and_stamped(lag_s, |_, received| received)
    }

    /// The same; `stamped` gives the time of the stamp, by who passed it on, when it was said and when it was received.
    fn heard_and_stamped(lag_s: impl Fn(i32) -> f64, stamped: impl Fn((&str, f64), f64) -> f64) -> Ways {
        let (fast, slow) = (sensor("fast"), sensor("slow"));
        let (mut ways, mut told) = (Ways::default(), LastTold::default());
        let mut all: Vec<(f64, f64, i32, &SensorId)> = Vec::new();
        for n in 0..60 {
            let said = f64::from(n) * 0.5;
            all.extend([(said, said, n, &fast), (said + lag_s(n), said, n, &slow)]);
        }
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (s, said, n, by) in all {
            let place = Place { latitude_deg: 47.0 + f64::from(n) * 1e-3, longitude_deg: 8.0 };
            let times = Twice { received: at(s), stamped: at(stamped((by.as_str(), said), s)) };
            if let Some((first, later)) = told.echo_of(place, times.without(ways.lags(by)), by) {
                ways.echoed(&first, by, later);
            }
        }
        ways
    }

    #[test]
    fn a_slower_way_is_known_by_its_echoes() {
        for true_s in [0.1, 0.5, 1.5, 3.0] {
            let ways = heard(|_| true_s);
            assert!((lag_s(&ways, "slow") - true_s).abs() < 0.05, "{true_s}: {ways:?}");
            assert!(lag_s(&ways, "fast") < 0.05, "{true_s}: {ways:?}");
        }
        let uneven = heard(|n| [0.5, 1.5, 0.9, 1.1][n as usize % 4]);
        assert!((lag_s(&uneven, "slow") - 1.0).abs() < 0.4, "{uneven:?}");
        assert_eq!(lag_s(&heard(|_| 9.0), "slow"), 0.0, "what is so late is not remembered");
    }

    #[test]
    fn one_who_repeats_what_others_send_makes_no_way_slow() {
        // Every third position comes once more by the slow way, four seconds later.
        let (fast, slow) = (sensor("fast"), sensor("slow"));
        let mut ways = Ways::default();
        for n in 0..300 {
            let true_s = 1.0;
            let lags = |ways: &Ways| ways.lags(&fast).received - ways.lags(&slow).received;
            let later = |said_s: f64, ways: &Ways| both(Span::from_seconds_f64(said_s) + lags(ways));
            ways.echoed(&fast, &slow, later(true_s, &ways));
            if n % 3 == 0 {
                ways.echoed(&fast, &slow, later(4.0, &ways));
            }
        }
        assert!((lag_s(&ways, "slow") - 1.0).abs() < 0.4, "{ways:?}");
    }

    #[test]
    fn equal_ways_have_no_lag() {
        let ways = heard(|n| if n % 2 == 0 { 0.02 } else { -0.02 });
        assert!(lag_s(&ways, "slow") < 0.06 && lag_s(&ways, "fast") < 0.06, "{ways:?}");
    }

    /// Half an hour of one aircraft, twice a second, by ways that take so long each, with jitter; each stands still for four seconds a
    /// minute, one half a minute after the other. The mean lags of the last ten minutes, seconds.
    fn stalling(ways_s: &[f64], stall_s: f64, loses: impl Fn(usize, u32) -> bool) -> Vec<f64> {
        let names: Vec<SensorId> = (0..ways_s.len()).map(|n| sensor(&format!("rx-{n}"))).collect();
        let mut all: Vec<(f64, u32, usize)> = Vec::new();
        for n in 0..3_600_u32 {
            for (rx, way_s) in ways_s.iter().enumerate().filter(|(rx, _)| !loses(*rx, n)) {
                let said = f64::from(n) * 0.5;
                let into = (said + 30.0 * rx as f64) % 60.0;
                let jitter = f64::from((n * 7919 + rx as u32 * 104_729) % 101) * 1e-3;
                all.push((said + (stall_s - into).max(0.0) + way_s + jitter, n, rx));
            }
        }
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (mut ways, mut told) = (Ways::default(), LastTold::default());
        let (mut sums, mut count) = (vec![0.0; names.len()], 0.0);
        for (s, n, rx) in all {
            let place = Place { latitude_deg: 47.0 + f64::from(n) * 1e-3, longitude_deg: 8.0 };
            let by = &names[rx];
            if let Some((first, later)) = told.echo_of(place, both(at(s)).without(ways.lags(by)), by) {
                ways.echoed(&first, by, later);
            }
            if s > 1_200.0 {
                count += 1.0;
                sums.iter_mut().zip(&names).for_each(|(sum, name)| *sum += lag_s(&ways, name.as_str()));
            }
        }
        sums.into_iter().map(|sum| sum / count).collect()
    }

    #[test]
    fn equal_ways_that_stall_by_turns_do_not_both_become_slow() {
        let lags = stalling(&[0.0, 0.0], 4.0, |_, _| false);
        assert!(lags.iter().all(|s| *s < 0.35), "{lags:?}");
        let lags = stalling(&[0.0, 1.0], 4.0, |_, _| false);
        assert!(lags[0] < 0.2 && (lags[1] - 1.0).abs() < 0.2, "{lags:?}");
    }

    #[test]
    fn two_ways_slower_than_a_third_stay_so() {
        // Each of the three hears two messages of three, so that often only the slower two hear one.
        let lags = stalling(&[0.0, 1.0, 2.0], 0.0, |rx, n| n * 31 % 3 == rx as u32);
        let off = [lags[0], lags[1] - 1.0, lags[2] - 2.0];
        assert!(off.iter().all(|s| s.abs() < 0.15), "{lags:?}");
    }

    #[test]
    fn a_true_stamp_has_no_lag_however_long_its_way() {
        let ways = heard_and_stamped(|_| 1.0, |(by, said), received| if by == "slow" { said } else { received });
        assert!(lag_s(&ways, "slow") < 0.05 && lag_s(&ways, "fast") < 0.05, "{ways:?}");
        // The other one is later than the true time by what its own way takes, but the slower way cannot show it: it may be its clock.
        let slow_clock =
            heard_and_stamped(|_| 0.1, |(by, said), received| if by == "slow" { said - 3.0 } else { received });
        assert!(lag_s(&slow_clock, "fast") < 0.05, "no clock makes others late: {slow_clock:?}");
    }

    #[test]
    fn receivers_that_are_gone_are_forgotten_and_new_ones_find_room() {
        let (fast, mut ways) = (sensor("fast"), Ways::default());
        for n in 0..limits::SENSORS_MAX + 10 {
            ways.echoed(&fast, &sensor(&format!("rx-{n}")), both(Span::from_millis(100 + n as i64 % 100)));
        }
        assert_eq!(ways.0.len(), limits::SENSORS_MAX);
        let last = format!("rx-{}", limits::SENSORS_MAX + 9);
        assert!(lag_s(&ways, &last) > 0.0 && lag_s(&ways, "rx-0") == 0.0, "the one least slow gave way");
        ways.keep(|sensor| sensor.as_str() == last);
        assert!(ways.0.len() == 1 && lag_s(&ways, &last) > 0.0);
    }

    #[test]
    fn one_receiver_has_no_echo_of_itself() {
        let (me, mut told) = (sensor("me"), LastTold::default());
        let here = Place { latitude_deg: 47.0, longitude_deg: 8.0 };
        assert!(told.echo_of(here, both(at(0.0)), &me).is_none());
        assert!(told.echo_of(here, both(at(1.0)), &me).is_none());
        assert!(told.echo_of(here, both(at(30.0)), &sensor("other")).is_none(), "said again, much later");
    }
}
