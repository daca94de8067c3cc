//! Entries that are not known to be on the disk.

use crate::entry::Class;
use lapwing_model::Time;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// An entry as it is written.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) position: u64,
    pub(crate) class: Class,
    pub(crate) at: Time,
    pub(crate) published: Time,
    pub(crate) channel: u16,
    pub(crate) data: Vec<u8>,
}

/// Every entry from its append to the sync that brought it to the disk, so that a segment which fails can be written
/// again. Its size is what can be lost.
#[derive(Default)]
pub(crate) struct Kept {
    records: VecDeque<(Record, Instant)>,
    bytes: u64,
    class_a: u64,
}

impl Kept {
    pub(crate) fn push(&mut self, record: Record) {
        self.bytes += record.data.len() as u64;
        self.class_a += u64::from(record.class == Class::A);
        self.records.push_back((record, Instant::now()));
    }

    pub(crate) fn last(&self) -> Option<&Record> {
        self.records.back().map(|(record, _)| record)
    }

    pub(crate) fn first(&self) -> Option<&Record> {
        self.records.front().map(|(record, _)| record)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Record> {
        self.records.iter().map(|(record, _)| record)
    }

    pub(crate) fn len(&self) -> u64 {
        self.records.len() as u64
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether an entry waits that must be synced before anybody is told of it.
    pub(crate) fn any_class_a(&self) -> bool {
        self.class_a > 0
    }

    /// How long the oldest has waited.
    pub(crate) fn oldest(&self) -> Option<Duration> {
        self.records.front().map(|(_, since)| since.elapsed())
    }

    /// Lets go of the entries before a position; tells the class and the age of each.
    pub(crate) fn release(&mut self, before: u64, mut each: impl FnMut(Class, Duration)) {
        let now = Instant::now();
        while let Some((record, since)) = self.records.pop_front_if(|(record, _)| record.position < before) {
            self.bytes -= record.data.len() as u64;
            self.class_a -= u64::from(record.class == Class::A);
            each(record.class, now.saturating_duration_since(since));
        }
    }

    /// Lets go of the class B entries before the first of class A. What follows that stays, so that what is kept has
    /// numbers without a gap.
    pub(crate) fn shed(&mut self) -> Vec<Time> {
        let mut times = Vec::new();
        while let Some((record, _)) = self.records.pop_front_if(|(record, _)| record.class == Class::B) {
            self.bytes -= record.data.len() as u64;
            times.push(record.at);
        }
        times
    }
}
