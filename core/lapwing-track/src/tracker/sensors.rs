//! What was learned of the sensors themselves.

use super::*;
use crate::interface::Bias;

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

    /// Whether a sensor was ever seen to look where it is thought to: it gives places, or has seen an aircraft where that says it is.
    pub fn looks_where_it_says(&self, sensor: &SensorId) -> bool {
        let memory = self.numbers.get(sensor).and_then(|number| self.filter.memories.get(*number as usize));
        memory.is_some_and(|memory| memory.locates || memory.bias.bias().is_some())
    }
}
