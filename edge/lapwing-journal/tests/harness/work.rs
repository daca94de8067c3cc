//! What is done to the journal, and what the journal has promised about it.

use lapwing_journal::simulated::{Call, Failure, Random, SimulatedStorage};
use lapwing_journal::{Class, Entry, Hold, Holds, Journal, Options, Retention, SyncJob};
use lapwing_model::{AirText, AlertId, Command, Envelope, InputId, Order, Reception, Span, Time};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::Arc;

/// What is asked of the journal and of the disk in one run.
#[derive(Debug, Clone)]
pub struct Plan {
    pub options: Options,
    pub steps: u64,
    /// The call in which everything stops.
    pub dark_after: Option<u64>,
    pub failures: Vec<Failure>,
    pub capacity: Option<u64>,
    /// Whether the journal is closed in order if it gets that far.
    pub close: bool,
}

impl Plan {
    pub fn draw(random: &mut Random) -> Self {
        let options = Options {
            segment_bytes_max: 2_000 + random.below(30_000),
            segment_time_max: Span::from_seconds(1 + random.below(60) as i64),
            reserve_bytes: if random.one_in(2) { 0 } else { 8_192 },
        };
        let steps = 4 + random.below(60);
        let dark_after = (!random.one_in(5)).then(|| 1 + random.below(2 * steps));
        let mut failures = Vec::new();
        if random.one_in(3) {
            for _ in 0..=random.below(2) {
                let of = Call::ALL[random.below(Call::ALL.len() as u64) as usize];
                let error = if random.one_in(3) { ErrorKind::StorageFull } else { ErrorKind::Other };
                let count = if random.one_in(4) { u64::MAX } else { 1 + random.below(3) };
                failures.push(Failure { of: Some(of), at: random.below(30), count, error });
            }
        }
        let capacity = random.one_in(6).then(|| 20_000 + random.below(60_000));
        Self { options, steps, dark_after, failures, capacity, close: random.one_in(2) }
    }

    pub fn prepare(&self, storage: &SimulatedStorage, _random: &mut Random) {
        for failure in &self.failures {
            storage.fail(*failure);
        }
        if let Some(calls) = self.dark_after {
            storage.go_dark_after(calls);
        }
        if let Some(bytes) = self.capacity {
            storage.set_capacity(bytes);
        }
    }

    /// Whether the disk fails before the end.
    pub fn fails(&self) -> bool {
        !self.failures.is_empty() || self.capacity.is_some()
    }
}

/// An entry that was given to the journal and got a position.
#[derive(Debug, Clone)]
pub struct Given {
    pub entry: Entry,
    pub class: Class,
    /// A sync that began after it was said to have worked.
    pub synced: bool,
    /// A flush after it was said to have worked.
    pub flushed: bool,
}

/// Does the work, and keeps what was promised.
pub struct Worker {
    pub given: BTreeMap<u64, Given>,
    pub now: Time,
    /// Class B before this may be gone: retention has been through.
    pub retained_from: u64,
    number: u64,
}

pub fn input() -> InputId {
    InputId::new("radar").unwrap()
}

impl Worker {
    pub fn new(seed: u64) -> Self {
        let now = Time::from_seconds(1_770_000_000);
        Self { given: BTreeMap::new(), now, retained_from: 0, number: seed % 1_000_000 }
    }

    /// What it knows, for a look at an image that the work does not stop for.
    pub fn witness(&self) -> Self {
        Self { given: self.given.clone(), ..*self }
    }

    pub fn raw(&mut self, random: &mut Random) -> Entry {
        self.number += 1;
        let mut bytes = format!("plot {}", self.number).into_bytes();
        let longest = if random.one_in(10) { 4_000 } else { 200 };
        bytes.resize(bytes.len() + random.below(longest) as usize, (random.draw() % 256) as u8);
        let envelope = Envelope::Datagram;
        Entry::Reception(Reception { input: input(), received_at: self.now, envelope, bytes })
    }

    pub fn vital(&mut self) -> Entry {
        self.number += 1;
        let note = Some(AirText::new(&format!("seen {}", self.number)));
        let order = Order::AcknowledgeAlert { alert: AlertId(self.number), note };
        Entry::Command(Command { by: AirText::new("guard"), order })
    }

    pub fn append(&mut self, journal: &mut Journal, entry: Entry) {
        let at = self.now;
        // The journal has entries of its own: only positions it gave are known.
        if let Ok(position) = journal.append(at, &entry) {
            let class = entry.class();
            self.given.insert(position.0, Given { entry, class, synced: false, flushed: false });
        }
    }

    pub fn synced(&mut self, before: u64) {
        self.given.range_mut(..before).for_each(|(_, given)| {
            given.synced = true;
            given.flushed = true;
        });
    }

    pub fn sync(&mut self, journal: &mut Journal) {
        if journal.sync().is_ok() {
            self.synced(journal.next_position().0);
        }
    }

    /// Opens the journal and works until the plan is done or the disk is dark.
    pub fn work(&mut self, storage: &SimulatedStorage, plan: &Plan, random: &mut Random) {
        let Ok(mut journal) = Journal::open_in(Arc::new(storage.clone()), plan.options) else { return };
        let mut running: Option<(SyncJob, u64)> = None;
        for _ in 0..plan.steps {
            if storage.is_dark() {
                break;
            }
            self.now = self.now + Span::from_millis(random.below(900) as i64);
            self.step(&mut journal, storage, &mut running, random);
            assert!(journal.figures().balances(), "{:?}", journal.figures());
        }
        if let Some((job, before)) = running.take() {
            self.end_sync(&mut journal, job, before);
        }
        if plan.close && !storage.is_dark() {
            let before = journal.next_position().0;
            if journal.close().is_ok() {
                self.synced(before);
            }
        } else if storage.is_dark() {
            drop(journal);
        } else {
            // Killed between two calls: nothing of its own runs any more.
            storage.go_dark_after(0);
            drop(journal);
        }
    }

    fn step(
        &mut self,
        journal: &mut Journal,
        storage: &SimulatedStorage,
        running: &mut Option<(SyncJob, u64)>,
        random: &mut Random,
    ) {
        match random.below(20) {
            0..=8 => {
                for _ in 0..=random.below(4) {
                    let entry = self.raw(random);
                    self.append(journal, entry);
                }
            }
            9..=13 => {
                // Several commands, one sync.
                for _ in 0..=random.below(3) {
                    let entry = self.vital();
                    self.append(journal, entry);
                }
                self.sync(journal);
            }
            14 => {
                if journal.flush().is_ok() {
                    self.given.values_mut().for_each(|given| given.flushed = true);
                }
            }
            15 | 16 => match running.take() {
                // A sync on another thread, which ends some steps later.
                Some((job, before)) => self.end_sync(journal, job, before),
                None => {
                    if let Ok(Some(job)) = journal.begin_sync() {
                        *running = Some((job, journal.next_position().0));
                    }
                }
            },
            17 => journal.maintain(self.now),
            18 => self.sync(journal),
            _ => self.retain(journal, storage, random),
        }
    }

    fn end_sync(&mut self, journal: &mut Journal, job: SyncJob, before: u64) {
        let done = job.run();
        let worked = done.worked();
        let _ = journal.finish_sync(done);
        if worked {
            self.synced(before);
        }
    }

    /// Keeps nothing of class B but what is held.
    pub fn retain(&mut self, journal: &mut Journal, storage: &SimulatedStorage, random: &mut Random) {
        if random.one_in(2) {
            let first = random.below(journal.next_position().0 + 1);
            let hold = Hold { first, last: first + random.below(20), why: "incident".to_owned() };
            let _ = Holds { holds: vec![hold] }.write(storage);
        }
        let retention = Retention { class_b: Span::from_seconds(2), class_a: Span::from_seconds(1 << 30) };
        let before = journal.next_position().0;
        if let Ok(Some(job)) = journal.begin_retention(self.now, &retention) {
            self.synced(before);
            self.retained_from = before;
            let done = job.run();
            journal.finish_retention(&done);
        }
    }
}
