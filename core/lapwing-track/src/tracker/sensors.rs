//! What was learned of the sensors themselves.

use super::*;
use crate::interface::Bias;

/// Two places nearer than this, beside what the measured one may be wrong by, are one; and farther than this none is, metres.
const SAME_PLACE_M: f64 = 15.0;
const NEAR_MAX_M: f64 = 150.0;

impl Tracker {
    /// What each sensor's systematic errors are estimated to be.
    pub fn biases(&self) -> impl Iterator<Item = (SensorId, Bias)> + '_ {
        self.posts.iter().filter_map(|post| {
            let memory = self.filter.memories.get(post.number as usize)?;
            Some((post.sensor.id.clone(), memory.bias.bias()?))
        })
    }

    /// Part of the detection probability that a sensor promises which it keeps: 1 unless it is clearly less.
    pub fn keenness(&self, sensor: &SensorId) -> f64 {
        let memory = self.numbers.get(sensor).and_then(|number| self.filter.memories.get(*number as usize));
        memory.map_or(1.0, |memory| memory.keenness.part())
    }

    /// Whether `sensor` may see a track that says where it is in the wrong place: something flies beside it that the sensor sees.
    pub fn may_be_seen_beside(&self, id: TrackId, sensor: &SensorId) -> bool {
        let number = self.numbers.get(sensor).copied();
        let slot = self.slots.get(&id).copied();
        slot.zip(number).is_some_and(|(slot, number)| self.filter.may_be_seen_beside(slot, number))
    }

    /// Whether a sensor's latest look has seen something where a track says it is, which went to another track that has no name: which
    /// of two is which may be confused, but it did not look there in vain. How vague the track says it is makes that no wider.
    pub fn sees_another_at(&self, id: TrackId, sensor: &SensorId, now: Time) -> bool {
        let Some(number) = self.numbers.get(sensor).copied() else { return false };
        let (Some(track), Some(slot)) = (self.track(id), self.slots.get(&id).copied()) else { return false };
        let since = now - Span::from_nanos(self.interval_of(number).as_nanos().saturating_mul(5) / 4);
        let state = track.state_at(now, &self.config);
        let mut near = Vec::new();
        let place = self.regions.about(track.region, state.mean[0], state.mean[1]);
        self.filter.track_grid.near(place, NEAR_MAX_M, &mut near);
        let seen = |other: &&Track| {
            let at = other.seen_by(number);
            !other.is_named() && other.region == track.region && at.is_some_and(|at| at >= since)
        };
        let others = near.into_iter().filter(|other| *other != slot).filter_map(|other| self.filter.tracks.get(other));
        others.filter(seen).any(|other| {
            let theirs = other.state_at(now, &self.config);
            let reach = SAME_PLACE_M + 3.0 * theirs.horizontal_sd_m();
            let apart = math::hypot(theirs.mean[0] - state.mean[0], theirs.mean[1] - state.mean[1]);
            apart <= reach.min(NEAR_MAX_M)
        })
    }

    fn interval_of(&self, number: u32) -> Span {
        self.posts.get(number as usize).map_or(Span::from_seconds(1), |post| post.sensor.interval)
    }

    /// Whether a sensor was ever seen to look where it is thought to: it gives places, or has seen an aircraft where that says it is.
    pub fn looks_where_it_says(&self, sensor: &SensorId) -> bool {
        let memory = self.numbers.get(sensor).and_then(|number| self.filter.memories.get(*number as usize));
        memory.is_some_and(|memory| memory.locates || memory.bias.bias().is_some())
    }
}
