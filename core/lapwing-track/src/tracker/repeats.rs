//! Repetitions: what was heard before, word for word, changes nothing.

use super::*;

impl Tracker {
    /// Whether this scan was heard before.
    pub(super) fn heard_before(&mut self, number: u32, scan: &Scan) -> bool {
        let Some(id) = scan.number else { return false };
        if !scan.complete {
            return false;
        }
        let at = number as usize;
        if self.scans.len() <= at {
            self.scans.resize_with(at + 1, VecDeque::new);
        }
        let Some(heard) = self.scans.get_mut(at) else { return false };
        if heard.contains(&(id, scan.began_at)) {
            return true;
        }
        if heard.len() >= SCANS_KEPT {
            heard.pop_front();
        }
        heard.push_back((id, scan.began_at));
        false
    }

    /// Takes out readings that repeat another word for word: within the look, and among those of the last seconds.
    pub(super) fn drop_repeats(
        &self,
        number: u32,
        readings: &mut Vec<Reading>,
        which: &mut Vec<u32>,
        outcomes: &mut [Outcome],
        first: usize,
        numbered: bool,
    ) {
        if readings.is_empty() {
            return;
        }
        let mut keys: Vec<(u64, Time, usize)> =
            readings.iter().enumerate().map(|(i, r)| (r.fingerprint, r.at, i)).collect();
        keys.sort_unstable();
        let mut repeats = vec![false; readings.len()];
        for two in keys.windows(2) {
            if let [a, b] = two
                && (a.0, a.1) == (b.0, b.1)
            {
                repeats[b.2] = true;
            }
        }
        let oldest = readings.iter().map(|r| r.at).min().unwrap_or(Time::MIN);
        let newest = readings.iter().map(|r| r.at).max().unwrap_or(Time::MAX);
        // A scan's readings may be later than its start by as long as it lasts.
        let lasts =
            self.posts.get(number as usize).map_or(Span::ZERO, |p| p.sensor.interval).max(Span::from_seconds(1));
        let mut compare = |look: &Look| {
            for old in look.readings.iter().filter(|old| (oldest..=newest).contains(&old.at)) {
                let same = (old.fingerprint, old.at);
                let from = keys.partition_point(|(fingerprint, at, _)| (*fingerprint, *at) < same);
                for (_, _, i) in keys.iter().skip(from).take_while(|(fingerprint, at, _)| (*fingerprint, *at) == same) {
                    if let Some(repeat) = repeats.get_mut(*i) {
                        *repeat = true;
                    }
                }
            }
        };
        if readings.iter().all(|r| r.self_report) {
            // Each claim is filed by itself, about its own time: among thousands a second only those of that time are looked at.
            for reading in readings.iter() {
                let (earliest, latest) = self.turns_of(number, reading);
                let from = self.items.partition_point(|item| item.order.at < earliest);
                for item in self.items.range(from..).take_while(|item| item.order.at <= latest) {
                    if let Act::Claims(look) = &item.act
                        && look.sensor == number
                    {
                        compare(look);
                    }
                }
            }
        } else {
            for item in self.items.iter().rev().take(if numbered { 0 } else { usize::MAX }) {
                let (Act::Look(look) | Act::Claims(look)) = &item.act else { continue };
                if look.sensor != number || look.readings.is_empty() {
                    continue;
                }
                // Only what is of the same time can be the same.
                if look.at < oldest - lasts {
                    break;
                }
                compare(look);
            }
        }
        if !repeats.contains(&true) {
            return;
        }
        let mut keep = repeats.iter().map(|r| !r);
        for (i, repeat) in which.iter().zip(&repeats) {
            if let (true, Some(cell)) = (*repeat, outcomes.get_mut(first + *i as usize)) {
                *cell = Outcome::Repeated(None);
            }
        }
        readings.retain(|_| keep.next().unwrap_or(true));
        let mut keep = repeats.iter().map(|r| !r);
        which.retain(|_| keep.next().unwrap_or(true));
    }
}
