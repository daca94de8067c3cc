//! Looks on their way into the filter: at once, after a moment of gathering, or by going back for them.

use super::*;

impl Tracker {
    pub(super) fn submit_mapped(
        &mut self,
        order: Order,
        act: Act,
        observations: Option<&[Observation]>,
        which: &[u32],
        outcomes: &mut Vec<Outcome>,
    ) {
        if self.gathers() || self.is_late(order) {
            let told: Option<Vec<Observation>> =
                observations.map(|all| which.iter().filter_map(|i| all.get(*i as usize)).cloned().collect());
            self.submit(order, act, told.as_deref(), outcomes);
        } else {
            self.submit(order, act, None, outcomes);
        }
    }

    /// Whether looks wait a moment for what belongs with them.
    pub(super) fn gathers(&self) -> bool {
        self.config.gather > Span::ZERO
    }

    /// Applies a look that is in order or lets it wait a moment, files one that is late, refuses one that is too late.
    pub(super) fn submit(
        &mut self,
        order: Order,
        act: Act,
        observations: Option<&[Observation]>,
        outcomes: &mut Vec<Outcome>,
    ) {
        let readings = act.readings();
        let place = self.items.partition_point(|item| item.order < order);
        if self.items.get(place).is_some_and(|item| item.order == order) {
            outcomes.extend((0..readings).map(|_| Outcome::Repeated(None)));
            return;
        }
        let late = self.is_late(order);
        if !late && self.gathers() {
            self.gather(order, act, observations.unwrap_or(&[]).to_vec());
            outcomes.extend((0..readings).map(|_| Outcome::Late));
            return;
        }
        if !late {
            self.apply_now(Item { order, act, due: order.at, fresh: None }, outcomes);
            return;
        }
        let now = self.clock.unwrap_or(order.at);
        let reachable = self.copies.first().is_some_and(|(at, _)| *at < order);
        if now.since(order.at) > self.lag || !reachable {
            outcomes.extend((0..readings).map(|_| Outcome::Rejected("too-late")));
            return;
        }
        self.readings_kept += readings;
        let fresh = Some(observations.unwrap_or(&[]).to_vec());
        self.items.insert(place, Item { order, act, due: now, fresh });
        let from = self.rebuild_from.map_or(order, |f| f.min(order));
        self.rebuild_from = Some(from);
        self.rebuild_at = Some(self.worth_going_back_at(now, from));
        self.late_at = Some(now);
        outcomes.extend((0..readings).map(|_| Outcome::Late));
    }

    /// Whether something later was taken in already, or time alone has decided beyond it.
    fn is_late(&self, order: Order) -> bool {
        self.head.is_some_and(|head| order < head) || self.filter.stepped.is_some_and(|last| order.at <= last)
    }

    pub(super) fn apply_now(&mut self, item: Item, outcomes: &mut Vec<Outcome>) {
        if self.rebuild_from.is_some() && matches!(item.act, Act::Join { .. } | Act::Split { .. }) {
            self.rebuild();
        }
        if self.copies.is_empty() {
            // Of before everything: what came first need not be the earliest.
            let never = Order { at: Time::MIN, sensor: 0, key: 0 };
            self.copies.push((never, self.filter.clone()));
        }
        self.head = Some(item.order);
        self.take_in(&item);
        self.publish();
        self.outcomes(outcomes);
        self.readings_kept += item.readings();
        // At the end, but for an order while something waits.
        let place = self.items.partition_point(|other| other.order < item.order);
        self.items.insert(place, item);
        // In this order: what one copy gives up the next may take.
        self.forget_old();
        self.copy_if_due();
    }

    /// Lets the filter take in one thing.
    pub(super) fn take_in(&mut self, item: &Item) {
        let before = item.order.at;
        self.with_context(|filter, ctx| {
            filter.step_to(before - Span::from_nanos(1), ctx);
            match &item.act {
                Act::Look(look) => filter.look(look, ctx),
                Act::Claims(look) => filter.claims(look, ctx),
                Act::Join { into, from } => {
                    let slot = |(key, label): (u64, Option<Label>)| {
                        let known = filter.tracks.iter().find(|(_, t)| t.key == key).map(|(slot, _)| slot);
                        known.or_else(|| filter.with_label(label?).next())
                    };
                    if let (Some(into), Some(from)) = (slot(*into), slot(*from)) {
                        filter.join(into, from, before, ctx);
                    }
                }
                Act::Split { key, label, new } => filter.split(*key, *label, *new, ctx),
            }
        });
    }
}
