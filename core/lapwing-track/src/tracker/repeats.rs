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
        &mut self,
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
        let mut work = std::mem::take(&mut self.repeats);
        let Repeats { known, repeats } = &mut work;
        known.note(readings);
        repeats.clear();
        repeats.resize(readings.len(), false);
        for (i, reading) in readings.iter().enumerate() {
            repeats[i] = known.first(readings, reading).is_some_and(|first| first < i);
        }
        let oldest = readings.iter().map(|r| r.at).min().unwrap_or(Time::MIN);
        let newest = readings.iter().map(|r| r.at).max().unwrap_or(Time::MAX);
        // A scan's readings may be later than its start by as long as it lasts.
        let lasts =
            self.posts.get(number as usize).map_or(Span::ZERO, |p| p.sensor.interval).max(Span::from_seconds(1));
        let mut compare = |look: &Look| {
            for old in look.readings.iter().filter(|old| (oldest..=newest).contains(&old.at)) {
                // The first that is the same; what in this look repeats that one is found already.
                if let Some(repeat) = known.first(readings, old).and_then(|first| repeats.get_mut(first)) {
                    *repeat = true;
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
            self.repeats = work;
            return;
        }
        let mut keep = repeats.iter().map(|r| !r);
        for (i, repeat) in which.iter().zip(repeats.iter()) {
            if let (true, Some(cell)) = (*repeat, outcomes.get_mut(first + *i as usize)) {
                *cell = Outcome::Repeated(None);
            }
        }
        readings.retain(|_| keep.next().unwrap_or(true));
        let mut keep = repeats.iter().map(|r| !r);
        which.retain(|_| keep.next().unwrap_or(true));
        self.repeats = work;
    }
}

/// Working memory, kept between calls.
#[derive(Debug, Clone, Default)]
pub(super) struct Repeats {
    known: Known,
    /// By reading of the look: whether it repeats another.
    repeats: Vec<bool>,
}

fn is_same(a: &Reading, b: &Reading) -> bool {
    (a.fingerprint, a.at) == (b.fingerprint, b.at)
}

/// The readings of a look by what tells them apart. A table of its own: sorting thousands to find that none is the same as another
/// took longer.
#[derive(Debug, Clone, Default)]
struct Known {
    /// One more than the number of a reading, at its fingerprint or the next free place.
    places: Vec<u32>,
}

impl Known {
    /// Notes these, and no others.
    fn note(&mut self, readings: &[Reading]) {
        self.places.clear();
        self.places.resize((readings.len() * 2).next_power_of_two(), 0);
        for (i, reading) in readings.iter().enumerate() {
            if let Err(place) = self.find(readings, reading)
                && let Some(cell) = self.places.get_mut(place)
            {
                *cell = i as u32 + 1;
            }
        }
    }

    /// The first reading that is the same as this.
    fn first(&self, readings: &[Reading], reading: &Reading) -> Option<usize> {
        self.find(readings, reading).ok()
    }

    /// The first reading that is the same, or the place it would stand at.
    fn find(&self, readings: &[Reading], reading: &Reading) -> Result<usize, usize> {
        let mask = self.places.len().saturating_sub(1);
        // Half the places are free at least, so this ends.
        let mut place = reading.fingerprint as usize & mask;
        loop {
            match self.places.get(place) {
                None | Some(0) => return Err(place),
                Some(number) => {
                    let i = *number as usize - 1;
                    if readings.get(i).is_some_and(|other| is_same(other, reading)) {
                        return Ok(i);
                    }
                }
            }
            place = (place + 1) & mask;
        }
    }
}
