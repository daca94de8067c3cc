//! The latest events, for scripts that ask.

use lapwing_model::limits::EVENTS_KEPT_MAX;
use lapwing_model::{Event, EventBody};
use std::collections::VecDeque;
use std::sync::Arc;

/// The latest events, oldest first, at most [`EVENTS_KEPT_MAX`]. Updates of single tracks are not kept: with thousands
/// of tracks they would push everything else out within a second, and `/tracks` has the state they lead to.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    kept: VecDeque<Arc<Event>>,
    /// Sequence number after the newest event seen, kept or not.
    next: u64,
    /// First sequence number from which on nothing is missing.
    complete_from: u64,
    /// Events were missed before the next one.
    gap: bool,
}

/// Some of the latest events.
#[derive(Debug, PartialEq)]
pub(crate) struct Slice {
    /// The events, oldest first.
    pub(crate) events: Vec<Arc<Event>>,
    /// What to ask for next.
    pub(crate) next: u64,
    /// Whether no event between the number asked for and `next` is missing.
    pub(crate) complete: bool,
}

impl Ring {
    /// Keeps an event.
    pub(crate) fn push(&mut self, event: &Arc<Event>) {
        if std::mem::take(&mut self.gap) {
            self.complete_from = event.sequence;
        }
        self.next = event.sequence.saturating_add(1);
        if matches!(event.body, EventBody::TrackUpdated { .. }) {
            return;
        }
        if self.kept.len() >= EVENTS_KEPT_MAX
            && let Some(oldest) = self.kept.pop_front()
        {
            self.complete_from = self.complete_from.max(oldest.sequence.saturating_add(1));
        }
        self.kept.push_back(Arc::clone(event));
    }

    /// Says that events were missed. A jump in the numbers alone is none: track updates need not be sent here.
    pub(crate) fn missed(&mut self) {
        self.gap = true;
    }

    /// The events from number `since` on, at most `limit`; without `since` the latest ones.
    pub(crate) fn since(&self, since: Option<u64>, limit: usize) -> Slice {
        let from = match since {
            Some(since) => self.kept.partition_point(|e| e.sequence < since),
            None => self.kept.len().saturating_sub(limit),
        };
        let events: Vec<_> = self.kept.iter().skip(from).take(limit).cloned().collect();
        let rest = self.kept.len() - from.min(self.kept.len()) > limit;
        let next = match events.last() {
            Some(last) if rest => last.sequence.saturating_add(1),
            _ => self.next.max(since.unwrap_or(0)),
        };
        let complete = since.is_none_or(|since| since >= self.complete_from);
        Slice { events, next, complete }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lapwing_model::{AirText, Time, TrackId};

    fn event(sequence: u64) -> Arc<Event> {
        let body = EventBody::TrackEnded { track: TrackId(sequence), why: AirText::new("gone") };
        Arc::new(Event { sequence, at: Time::default(), cause: None, body })
    }

    fn numbers(slice: &Slice) -> Vec<u64> {
        slice.events.iter().map(|e| e.sequence).collect()
    }

    #[test]
    fn paging_gives_every_event_once() {
        let mut ring = Ring::default();
        (0..25).for_each(|n| ring.push(&event(n)));
        let (mut since, mut got) = (0, Vec::new());
        loop {
            let slice = ring.since(Some(since), 10);
            assert!(slice.complete);
            if slice.events.is_empty() {
                break;
            }
            got.extend(numbers(&slice));
            since = slice.next;
        }
        assert_eq!(got, (0..25).collect::<Vec<_>>());
        assert_eq!(since, 25);
        assert_eq!(numbers(&ring.since(None, 3)), [22, 23, 24]);
    }

    #[test]
    fn it_is_bounded_and_says_what_it_no_longer_has() {
        let mut ring = Ring::default();
        let many = EVENTS_KEPT_MAX as u64 + 10;
        (0..many).for_each(|n| ring.push(&event(n)));
        assert_eq!(ring.kept.len(), EVENTS_KEPT_MAX);
        assert!(!ring.since(Some(9), 1).complete);
        assert!(ring.since(Some(10), 1).complete);
    }

    #[test]
    fn missed_events_are_said_and_left_out_ones_are_not_missed() {
        let mut ring = Ring::default();
        ring.push(&event(3));
        ring.push(&event(5));
        assert!(ring.since(Some(0), 10).complete);
        ring.missed();
        ring.push(&event(9));
        assert!(!ring.since(Some(5), 10).complete);
        assert!(ring.since(Some(9), 10).complete);
    }
}
