//! What came in the last moment, gathered before it is taken in.
//!
//! What belongs together rarely comes in one piece: a scan is cut into datagrams, and receivers pass on within the same
//! millisecond what they heard at the same time. Taken in as it comes, half of it would be late by no time at all, and gone back
//! for. So looks wait for [`Config::gather`] in their order; parts of one scan become one look, of which every aircraft gave at
//! most one plot.

use super::*;

/// Readings that wait at most; then they are taken in before their time.
const WAITING_MAX: usize = 20_000;

impl Tracker {
    /// Lets a look wait that is not late. Its observations are told of when it is taken in.
    pub(super) fn gather(&mut self, mut order: Order, mut act: Act, mut told: Vec<Observation>) {
        let now = self.clock.unwrap_or(order.at);
        self.readings_kept += act.readings();
        self.waiting += act.readings();
        let mut first_due = None;
        if let Act::Look(look) = &mut act
            && let Some(first) = self.take_first_part(look)
        {
            first_due = Some(first.due);
            let (Act::Look(mut before), Some(mut observations)) = (first.act, first.fresh) else { return };
            before.readings.append(&mut look.readings);
            observations.append(&mut told);
            before.key = before.key.min(look.key);
            order.key = before.key;
            told = observations;
            *look = before;
        }
        // From its own time on, too, it waits that long: what is measured then takes a moment to arrive. What is said to be of
        // much later is taken as it is.
        let from = if order.at <= now + DELAY_MAX { now.max(order.at) } else { now };
        let due = first_due.unwrap_or(from + self.config.gather);
        let place = self.items.partition_point(|item| item.order < order);
        self.items.insert(place, Item { order, act, due, fresh: Some(told) });
        self.gathered_at = Some(self.gathered_at.map_or(due, |at| at.min(due)));
        if self.waiting > WAITING_MAX {
            self.take_in_until(self.items.len());
        }
    }

    /// Takes the part of the same scan that waits out of the list.
    fn take_first_part(&mut self, look: &Look) -> Option<Item> {
        look.part_of?;
        let i = self.waiting_part(look.sensor, look.at, look.part_of)?;
        self.items.remove(i)
    }

    fn waiting_part(&self, sensor: u32, at: Time, part_of: Option<u64>) -> Option<usize> {
        let first = self.first_waiting();
        let fits =
            |item: &Item| matches!(&item.act, Act::Look(l) if l.sensor == sensor && l.at == at && l.part_of == part_of);
        (first..self.items.len()).rev().find(|i| self.items.get(*i).is_some_and(fits))
    }

    /// Where what was not taken in yet begins.
    pub(super) fn first_waiting(&self) -> usize {
        self.head.map_or(0, |head| self.items.partition_point(|item| item.order <= head))
    }

    /// Makes a complete look of the parts of a scan, where all `plots` of them wait. Whether they did.
    pub(super) fn complete_waiting(&mut self, sensor: u32, at: Time, scan: u64, plots: usize) -> bool {
        let Some(i) = self.waiting_part(sensor, at, Some(scan)) else { return false };
        let Some(Item { act: Act::Look(look), .. }) = self.items.get_mut(i) else { return false };
        let whole = look.readings.len() == plots;
        if whole {
            (look.complete, look.last) = (true, true);
        }
        whole
    }

    /// Takes in what is due, and what comes before it in the order.
    pub(super) fn take_in_gathered(&mut self) {
        self.take_in_until(self.due());
    }

    /// Takes in what waits and is of no later than `at`, due or not.
    pub(super) fn take_in_up_to(&mut self, at: Time) {
        self.take_in_until(self.items.partition_point(|item| item.order.at <= at));
    }

    /// Takes in what waits before `end` in the list, in its order.
    fn take_in_until(&mut self, end: usize) {
        if self.gathered_at.is_none() {
            return;
        }
        let mut late = Vec::new();
        let first = self.first_waiting();
        for i in first..end {
            self.take_in_place(i, &mut late);
            self.publish();
            self.copy_if_due();
        }
        self.wait_on(end.max(first));
        self.tell_late(late);
        self.forget_old();
    }

    /// What comes from the item at `due` on goes on waiting.
    pub(super) fn wait_on(&mut self, due: usize) {
        let rest = self.items.range(due.min(self.items.len())..);
        self.waiting = rest.clone().map(Item::readings).sum();
        self.gathered_at = rest.map(|item| item.due).min();
    }

    /// Whether something waits that is of no later than `at`.
    pub(super) fn waits_of(&self, at: Time) -> bool {
        self.gathered_at.is_some() && self.items.get(self.first_waiting()).is_some_and(|item| item.order.at <= at)
    }

    /// Where what is due ends. What has a usual delay waits until that is over: what other sensors send meanwhile is not late.
    pub(super) fn due(&self) -> usize {
        let Some(now) = self.clock else { return self.items.len() };
        let first = self.first_waiting();
        (first..self.items.len())
            .rev()
            .find(|i| self.items.get(*i).is_some_and(|item| item.due <= now))
            .map_or(first, |i| i + 1)
    }

    /// Lets the filter take in the item at `i` of the list, for the first time or again.
    pub(super) fn take_in_place(&mut self, i: usize, late: &mut Vec<LateOne>) {
        let Some(slot) = self.items.get_mut(i) else { return };
        let mut item = std::mem::replace(slot, Item::nothing(slot.order));
        let told = item.fresh.take().map(|told| in_order(&mut item, told));
        self.take_in(&item);
        self.head = Some(item.order);
        if let Some(told) = told {
            self.note_late(&item, told, late);
        }
        if let Some(slot) = self.items.get_mut(i) {
            *slot = item;
        }
    }
}

/// The readings of a scan gathered from parts, and their observations, in an order that does not hang on which part came first.
fn in_order(item: &mut Item, told: Vec<Observation>) -> Vec<Observation> {
    let Act::Look(look) = &mut item.act else { return told };
    let gathered = look.part_of.take().is_some() && look.readings.len() == told.len();
    if !gathered || look.readings.is_sorted_by_key(|r| (r.at, r.fingerprint)) {
        return told;
    }
    let mut both: Vec<(Reading, Observation)> = look.readings.drain(..).zip(told).collect();
    both.sort_by_key(|(reading, _)| (reading.at, reading.fingerprint));
    let mut told = Vec::with_capacity(both.len());
    for (reading, observation) in both {
        look.readings.push(reading);
        told.push(observation);
    }
    told
}
