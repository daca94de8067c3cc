//! Going back: copies of the filter, and what came since taken in again.

use super::*;

impl Tracker {
    /// Goes back to before the earliest late look and takes in everything since again.
    pub(super) fn rebuild(&mut self) {
        self.rebuild_at = None;
        let Some(from) = self.rebuild_from.take() else { return };
        while self.copies.len() > 1 && self.copies.last().is_some_and(|(at, _)| *at >= from) {
            if let Some((_, filter)) = self.copies.pop() {
                self.spare.push(filter);
            }
        }
        let Some((start, copy)) = self.copies.last() else { return };
        let stepped = self.filter.stepped;
        let start = *start;
        // What was published is compared afterwards: where its tracks were, by id.
        let before: BTreeMap<TrackId, (Time, Track)> = self
            .slots
            .iter()
            .filter_map(|(id, slot)| self.filter.tracks.get(*slot).map(|t| (*id, (t.at, t.clone()))))
            .collect();
        self.filter.copy_from(copy);
        let first = self.items.partition_point(|item| item.order <= start);
        let mut late = Vec::new();
        self.replayed = self.items.len().saturating_sub(first);
        for i in first..self.items.len() {
            let Some(slot) = self.items.get_mut(i) else { break };
            let mut item = std::mem::replace(slot, Item::nothing(slot.order));
            self.take_in(&item);
            self.head = Some(item.order);
            if let Some(told) = item.fresh.take() {
                self.note_late(&item, told, &mut late);
            }
            if let Some(slot) = self.items.get_mut(i) {
                *slot = item;
            }
            self.filter.touched.clear();
            self.filter.notes.retain(|n| !matches!(n, Note::Ended { .. }));
            self.copy_if_due();
        }
        if let Some(stepped) = stepped {
            self.with_context(|filter, ctx| filter.step_to(stepped, ctx));
        }
        self.republish(&before);
        for (key, sensor, observation) in late {
            if let Some(p) = self.published.get(&key) {
                let change = Change::Late { track: p.id, sensor, observation: Box::new(observation) };
                self.changes.push_back(change);
            }
        }
        self.forget_old();
    }

    pub(super) fn note_late(&self, item: &Item, told: Vec<Observation>, out: &mut Vec<(u64, SensorId, Observation)>) {
        let (Act::Look(look) | Act::Claims(look)) = &item.act else { return };
        let Some(post) = self.posts.get(look.sensor as usize) else { return };
        for (took, observation) in self.work.took.iter().zip(told) {
            let (Took::Track(slot) | Took::Began(slot)) = *took else { continue };
            if let Some(track) = self.filter.tracks.get(slot) {
                out.push((track.key, post.sensor.id.clone(), observation));
            }
        }
    }

    /// Keeps a copy of the filter from time to time, closer together for the recent past.
    pub(super) fn copy_if_due(&mut self) {
        let Some(head) = self.head else { return };
        let calm = self.late_at.is_none_or(|at| head.at.since(at) > Span::from_seconds(10));
        let every = if calm { COPY_EVERY_CALM } else { COPY_EVERY };
        let due = self.copies.last().is_none_or(|(at, _)| head.at.since(at.at) >= every);
        if !due {
            return;
        }
        // A copy is of after everything up to its order.
        let mut copy = self.spare.pop().unwrap_or_default();
        copy.copy_from(&self.filter);
        self.copies.push((head, copy));
        // Thin out: a copy whose neighbours are closer together than half their age is not needed.
        let mut i = 1;
        while i + 1 < self.copies.len() {
            let (Some(a), Some(b)) = (self.copies.get(i - 1), self.copies.get(i + 1)) else { break };
            let age = head.at.since(b.0.at).as_nanos();
            let crowded = self.copies.len() > self.copies_max();
            if b.0.at.since(a.0.at).as_nanos() <= age / 2 || (crowded && i == 1) {
                let (_, filter) = self.copies.remove(i);
                self.spare.push(filter);
            } else {
                i += 1;
            }
        }
        self.spare.truncate(1);
    }

    /// Copies kept: fewer of much, at least two, so that going back costs time before it costs memory.
    fn copies_max(&self) -> usize {
        let live = self.filter.tracks.len() + self.filter.candidates.len();
        (COPIED_MAX / live.max(1)).clamp(2, COPIES_MAX)
    }

    /// Forgets what can no longer be gone back to.
    pub(super) fn forget_old(&mut self) {
        let Some(now) = self.clock else { return };
        let oldest = now - self.config.lag_max;
        // What is late and waits must still be gone back to.
        let oldest = self.rebuild_from.map_or(oldest, |from| oldest.min(from.at));
        // One copy from before the lag must stay.
        while self.copies.len() > 1 && self.copies.get(1).is_some_and(|(at, _)| at.at < oldest) {
            let (_, filter) = self.copies.remove(0);
            if self.spare.is_empty() {
                self.spare.push(filter);
            }
        }
        let settled = self.copies.first().map_or(Time::MIN, |(at, _)| at.at);
        while self.items.front().is_some_and(|item| item.order.at < settled.min(oldest))
            || self.readings_kept > READINGS_KEPT
        {
            let Some(item) = self.items.pop_front() else { break };
            self.readings_kept = self.readings_kept.saturating_sub(item.readings());
            // Copies from before what is forgotten would miss it.
            while self.copies.len() > 1 && self.copies.first().is_some_and(|(at, _)| *at < item.order) {
                self.copies.remove(0);
            }
            if let Act::Look(mut look) = item.act
                && self.spare_readings.len() < 64
            {
                look.readings.clear();
                self.spare_readings.push(look.readings);
            }
        }
    }
}
