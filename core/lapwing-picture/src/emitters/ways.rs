//! How much later one receiver passes on what another has passed on.
//!
//! Two receivers hear one message of an aircraft, and one of them is farther away by network: what comes by that way is of where the
//! aircraft was. Where both have passed on the same position, the difference says by how much; what only the slower one heard is
//! then of so much earlier. Needed for what has no time of its own (ADS-B): a message that says its time (Remote ID) says the same by
//! every way.

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

/// By receiver, how much slower it is than the fastest of those that hear the same.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Ways(BTreeMap<SensorId, Span>);

impl Ways {
    /// How much later than by the fastest way a message comes by this one.
    pub(super) fn lag(&self, sensor: &SensorId) -> Span {
        self.0.get(sensor).copied().unwrap_or(Span::ZERO)
    }

    /// What `first` had passed on came again by `again`, so much later as the lags of both were known then (earlier, if negative).
    pub(super) fn echoed(&mut self, first: &SensorId, again: &SensorId, later: Span) {
        let most = STEP_MAX.as_seconds_f64();
        let step = Span::from_seconds_f64((later.as_seconds_f64() * GAIN).clamp(-most, most));
        // Half of it is the one's and half the other's: what comes second by chance, now this and now that, makes neither slow. But
        // nothing is faster than the fastest.
        let half = Span::from_nanos(step.as_nanos() / 2);
        let (mut slower, mut faster) = (self.lag(again) + half, self.lag(first) - half);
        if faster < Span::ZERO {
            (slower, faster) = (slower - faster, Span::ZERO);
        } else if slower < Span::ZERO {
            (slower, faster) = (Span::ZERO, faster - slower);
        }
        self.set(again, slower);
        self.set(first, faster);
    }

    fn set(&mut self, sensor: &SensorId, lag: Span) {
        if self.0.len() < limits::SENSORS_MAX || self.0.contains_key(sensor) {
            self.0.insert(sensor.clone(), lag.min(LAG_MAX));
        }
    }
}

/// A position as it was first heard.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct Told {
    place: Place,
    at: Time,
    by: SensorId,
}

/// The last positions of a voice that flies, oldest first.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct LastTold(Vec<Told>);

impl LastTold {
    /// Whether a position heard at `at` (put right by the lag of its way) is one that another receiver passed on before; by which, and
    /// how much later it comes this way. One that is new is remembered.
    pub(super) fn echo_of(&mut self, place: Place, at: Time, by: &SensorId) -> Option<(SensorId, Span)> {
        let told = self.0.iter().rfind(|told| told.place == place && at.since(told.at).abs() <= ECHO_WITHIN);
        if let Some(told) = told {
            return (told.by != *by).then(|| (told.by.clone(), at.since(told.at)));
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

    /// Half a minute of one aircraft heard by two receivers; by the second `lag_s(n)` later.
    fn heard(lag_s: impl Fn(i32) -> f64) -> Ways {
        let (fast, slow) = (sensor("fast"), sensor("slow"));
        let (mut ways, mut told) = (Ways::default(), LastTold::default());
        let mut all: Vec<(f64, i32, &SensorId)> = Vec::new();
        for n in 0..60 {
            let said = f64::from(n) * 0.5;
            all.extend([(said, n, &fast), (said + lag_s(n), n, &slow)]);
        }
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (s, n, by) in all {
            let place = Place { latitude_deg: 47.0 + f64::from(n) * 1e-3, longitude_deg: 8.0 };
            if let Some((first, later)) = told.echo_of(place, at(s) - ways.lag(by), by) {
                ways.echoed(&first, by, later);
            }
        }
        ways
    }

    #[test]
    fn a_slower_way_is_known_by_its_echoes() {
        for lag_s in [0.1, 0.5, 1.5, 3.0] {
            let ways = heard(|_| lag_s);
            assert!((ways.lag(&sensor("slow")).as_seconds_f64() - lag_s).abs() < 0.05, "{lag_s}: {ways:?}");
            assert!(ways.lag(&sensor("fast")) < Span::from_millis(50), "{lag_s}: {ways:?}");
        }
        let uneven = heard(|n| [0.5, 1.5, 0.9, 1.1][n as usize % 4]);
        assert!((uneven.lag(&sensor("slow")).as_seconds_f64() - 1.0).abs() < 0.4, "{uneven:?}");
        assert_eq!(heard(|_| 9.0).lag(&sensor("slow")), Span::ZERO, "what is so late is not remembered");
    }

    #[test]
    fn one_who_repeats_what_others_send_makes_no_way_slow() {
        // Every third position comes once more by the slow way, four seconds later.
        let (fast, slow) = (sensor("fast"), sensor("slow"));
        let mut ways = Ways::default();
        for n in 0..300 {
            let true_s = 1.0;
            let later = |said_s: f64, ways: &Ways| Span::from_seconds_f64(said_s) - ways.lag(&slow) + ways.lag(&fast);
            ways.echoed(&fast, &slow, later(true_s, &ways));
            if n % 3 == 0 {
                ways.echoed(&fast, &slow, later(4.0, &ways));
            }
        }
        let lag_s = ways.lag(&slow).as_seconds_f64();
        assert!((lag_s - 1.0).abs() < 0.4, "{lag_s}");
    }

    #[test]
    fn equal_ways_have_no_lag() {
        let ways = heard(|n| if n % 2 == 0 { 0.02 } else { -0.02 });
        assert!(ways.lag(&sensor("slow")) < Span::from_millis(60), "{ways:?}");
        assert!(ways.lag(&sensor("fast")) < Span::from_millis(60), "{ways:?}");
    }

    #[test]
    fn one_receiver_has_no_echo_of_itself() {
        let (me, mut told) = (sensor("me"), LastTold::default());
        let here = Place { latitude_deg: 47.0, longitude_deg: 8.0 };
        assert!(told.echo_of(here, at(0.0), &me).is_none());
        assert!(told.echo_of(here, at(1.0), &me).is_none());
        assert!(told.echo_of(here, at(30.0), &sensor("other")).is_none(), "said again, much later");
    }
}
