//! Going back: copies of the filter, and what came since taken in again.

use super::*;

/// An observation that waited, and the key of the track that it went to.
#[derive(Debug)]
pub(super) struct LateOne {
    key: u64,
    sensor: SensorId,
    observation: Observation,
}

/// What was known before going back.
pub(super) struct Before {
    filter: Filter,
    slots: BTreeMap<TrackId, u32>,
}

impl Before {
    /// Where a published track was.
    pub(super) fn track(&self, id: TrackId) -> Option<&Track> {
        self.filter.tracks.get(*self.slots.get(&id)?)
    }
}

impl Tracker {
    /// Goes back to before the earliest late look and takes in everything since again.
    pub(super) fn rebuild(&mut self) {
        self.rebuild_at = None;
        self.rebuilt_at = self.clock;
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
        let mut again = self.spare.pop().unwrap_or_default();
        again.copy_from(copy);
        let before =
            Before { filter: std::mem::replace(&mut self.filter, again), slots: std::mem::take(&mut self.slots) };
        let first = self.items.partition_point(|item| item.order <= start);
        let mut late = Vec::new();
        // What waits and is due is taken in on the way.
        let due = self.due();
        for i in first..due {
            self.take_in_place(i, &mut late);
            self.filter.touched.clear();
            self.filter.notes.retain(|n| !matches!(n, Note::Ended { .. }));
            self.copy_if_due();
        }
        if let Some(stepped) = stepped {
            self.with_context(|filter, ctx| filter.step_to(stepped, ctx));
        }
        self.republish(&before);
        self.wait_on(due);
        self.keep_for_its_memory(before.filter);
        self.tell_late(late);
        self.forget_old();
    }

    /// When going back to before `from` is worth its cost: at once, or after a rest in proportion to what it takes.
    pub(super) fn worth_going_back_at(&self, now: Time, from: Order) -> Time {
        let copied_at = self.copies.iter().rev().map(|(at, _)| *at).find(|at| *at < from);
        let first = copied_at.map_or(0, |at| self.items.partition_point(|item| item.order <= at));
        let work = self.items.len() - first + self.filter.tracks.len();
        let rest = Span::from_nanos(REST_EACH.as_nanos().saturating_mul(i64::try_from(work).unwrap_or(i64::MAX)))
            .min(REST_MAX);
        let soon = self.rebuild_at.unwrap_or(now + self.config.gather);
        self.rebuilt_at.map_or(soon, |at| soon.max(at + rest))
    }

    /// Tells what became of observations whose answer was that they wait.
    pub(super) fn tell_late(&mut self, late: Vec<LateOne>) {
        for LateOne { key, sensor, observation } in late {
            if let Some(p) = self.published.get(&key) {
                let change = Change::Late { track: p.id, sensor, observation: Box::new(observation) };
                self.changes.push_back(change);
            }
        }
    }

    pub(super) fn note_late(&self, item: &Item, told: Vec<Observation>, out: &mut Vec<LateOne>) {
        let (Act::Look(look) | Act::Claims(look)) = &item.act else { return };
        let Some(post) = self.posts.get(look.sensor as usize) else { return };
        for (took, observation) in self.work.took.iter().zip(told) {
            let (Took::Track(slot) | Took::Began(slot) | Took::Repeats(slot)) = *took else { continue };
            if let Some(track) = self.filter.tracks.get(slot) {
                out.push(LateOne { key: track.key, sensor: post.sensor.id.clone(), observation });
            }
        }
    }

    /// Keeps a copy of the filter from time to time, closer together for the recent past.
    pub(super) fn copy_if_due(&mut self) {
        let Some(head) = self.head else { return };
        let calm = self.late_at.is_none_or(|at| head.at.since(at) > Span::from_seconds(10));
        let every = match (calm, self.readings_kept > READINGS_KEPT / 4) {
            (false, _) => COPY_EVERY,
            (true, true) => COPY_EVERY_BUSY,
            (true, false) => COPY_EVERY_CALM,
        };
        // Where there can be few, they lie evenly over the lag: the oldest must soon be one from just before it, or ever more would
        // have to be kept and taken in again.
        let most = self.copies_max();
        let few = most < COPIES_DENSE;
        let even = Span::from_nanos(self.lag.as_nanos() / (most as i64 - 1) + 1);
        let every = if few { every.max(even) } else { every };
        let due = self.copies.last().is_none_or(|(at, _)| head.at.since(at.at) >= every);
        if !due {
            return;
        }
        // A copy is of after everything up to its order.
        let mut copy = self.spare.pop().unwrap_or_default();
        copy.copy_from(&self.filter);
        self.copies.push((head, copy));
        // Thin out: a copy whose neighbours are closer together than their age is not needed.
        let mut i = 1;
        while i + 1 < self.copies.len() {
            let (Some(a), Some(b)) = (self.copies.get(i - 1), self.copies.get(i + 1)) else { break };
            let age = head.at.since(b.0.at).as_nanos();
            if !few && b.0.at.since(a.0.at).as_nanos() <= age {
                let (_, filter) = self.copies.remove(i);
                self.spare.push(filter);
            } else {
                i += 1;
            }
        }
        self.spare.truncate(usize::from(!few));
    }

    /// The only copy becomes one of now.
    fn copy_anew(&mut self) {
        let (Some(head), Some((at, copy))) = (self.head, self.copies.last_mut()) else { return };
        copy.copy_from(&self.filter);
        *at = head;
    }

    /// A copy that is no longer needed saves the next one its allocations; where it is large, its memory is worth more.
    fn keep_for_its_memory(&mut self, filter: Filter) {
        if self.spare.is_empty() && self.copies_max() == COPIES_DENSE {
            self.spare.push(filter);
        }
    }

    /// Copies there is room for: fewer of much, at least two, so that going back costs time before it costs memory.
    fn copies_max(&self) -> usize {
        // A candidate is a quarter of a track, and has no hypotheses.
        let live = self.filter.tracks.len() + self.filter.candidates.len() / 4;
        (COPIED_MAX / live.max(1)).clamp(2, COPIES_DENSE)
    }

    /// Forgets what can no longer be gone back to.
    pub(super) fn forget_old(&mut self) {
        let Some(now) = self.clock else { return };
        let oldest = now - self.lag;
        // What is late and waits must still be gone back to.
        let oldest = self.rebuild_from.map_or(oldest, |from| oldest.min(from.at));
        // One copy from before the lag must stay.
        while self.copies.len() > 1 && self.copies.get(1).is_some_and(|(at, _)| at.at < oldest) {
            let (_, filter) = self.copies.remove(0);
            self.keep_for_its_memory(filter);
        }
        let settled = self.copies.first().map_or(Time::MIN, |(at, _)| at.at);
        while self.items.front().is_some_and(|item| item.order.at < settled.min(oldest))
            || self.readings_kept > READINGS_KEPT
        {
            let beyond =
                self.items.front().is_some_and(|item| self.copies.last().is_some_and(|(at, _)| *at < item.order));
            if beyond && self.copies.len() == 1 {
                // Nothing could be gone back to without what is forgotten now: what waits is taken in, and the copy is of now.
                if self.rebuild_from.is_some() {
                    return self.rebuild();
                }
                self.copy_anew();
            }
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
