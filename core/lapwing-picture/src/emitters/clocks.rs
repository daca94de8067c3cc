//! When the time stamps of a voice were as they should be, by the receiver that passed them on: many stamp by clocks of their own, and
//! the link of one stalls while another goes on.

use crate::align::RightClock;
use lapwing_model::{SensorId, Time};

/// Receivers of one voice whose clocks are remembered.
const CLOCKS_MAX: usize = 16;

/// The clocks that were right, least lately right first.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct RightClocks(Vec<(SensorId, RightClock)>);

impl RightClocks {
    /// When the stamps that come by this receiver were right, if they ever were.
    pub(super) fn of(&self, sensor: &SensorId) -> Option<RightClock> {
        self.0.iter().find(|(by, _)| by == sensor).map(|(_, right)| *right)
    }

    /// One was right. When there are too many, the one least lately right gives way.
    pub(super) fn right(&mut self, sensor: &SensorId, right: RightClock) {
        match self.0.iter_mut().rev().find(|(by, _)| by == sensor) {
            Some((_, known)) => *known = right,
            None => self.0.push((sensor.clone(), right)),
        }
        self.0.sort_by_key(|(_, right)| right.seen_at);
        if self.0.len() > CLOCKS_MAX {
            self.0.remove(0);
        }
    }

    /// One was late, by a claim received at `at`.
    pub(super) fn late(&mut self, sensor: &SensorId, at: Time) {
        if let Some((_, right)) = self.0.iter_mut().find(|(by, _)| by == sensor) {
            right.late_since.get_or_insert(at);
        }
    }

    /// Takes in what another voice of the same aircraft knew; of each receiver the later.
    pub(super) fn absorb(&mut self, other: &Self) {
        for (sensor, right) in &other.0 {
            if self.of(sensor).is_none_or(|mine| mine.seen_at < right.seen_at) {
                self.right(sensor, *right);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn right(s: i64) -> RightClock {
        RightClock { seen_at: Time::from_seconds(s), measured_at: Time::from_seconds(s), late_since: None }
    }

    fn sensor(n: usize) -> SensorId {
        SensorId::new(&format!("rx-{n}")).unwrap()
    }

    #[test]
    fn the_clock_that_was_least_lately_right_gives_way() {
        let mut clocks = RightClocks::default();
        for n in 0..CLOCKS_MAX {
            clocks.right(&sensor(n), right(n as i64));
        }
        clocks.right(&sensor(0), right(100));
        clocks.right(&sensor(99), right(101));
        assert_eq!(clocks.0.len(), CLOCKS_MAX);
        assert_eq!(clocks.of(&sensor(1)), None, "that one");
        assert_eq!(clocks.of(&sensor(0)), Some(right(100)));
        assert_eq!(clocks.of(&sensor(2)), Some(right(2)));
    }

    #[test]
    fn of_two_voices_that_are_one_the_later_is_known() {
        let (mut mine, mut theirs) = (RightClocks::default(), RightClocks::default());
        for (n, here, there) in [(0, Some(1), Some(5)), (1, Some(6), Some(2)), (2, None, Some(3)), (3, Some(4), None)] {
            here.into_iter().for_each(|s| mine.right(&sensor(n), right(s)));
            there.into_iter().for_each(|s| theirs.right(&sensor(n), right(s)));
        }
        mine.absorb(&theirs);
        let known: Vec<_> = (0..4).map(|n| mine.of(&sensor(n))).collect();
        assert_eq!(known, [5, 6, 3, 4].map(|s| Some(right(s))));
    }
}
