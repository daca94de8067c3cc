//! Random work on a journal over a simulated disk, with a witness that knows what was promised.
//!
//! Shared by the tests, which run a short share of it, and by `cargo xtask torture`, which runs as many cases as asked.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

pub mod check;
pub mod nth;
pub mod work;

use lapwing_journal::simulated::{Image, Random, SimulatedStorage};
use work::{Plan, Worker};

/// How a case ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The process is killed: what was written is there.
    Kill,
    /// The power is cut: what was synced is there, and of the rest whatever the disk likes.
    PowerCut,
}

/// What many cases came to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    /// Cases.
    pub cases: u64,
    /// Kill points.
    pub kills: u64,
    /// Images after a power cut.
    pub images: u64,
    /// Class A entries that were confirmed, and found.
    pub confirmed: u64,
    /// Entries read back.
    pub read: u64,
    /// Damage told.
    pub told: u64,
    /// Cases in which the disk also failed while it was working.
    pub with_failures: u64,
}

impl Tally {
    /// Adds another.
    pub fn add(&mut self, other: Self) {
        self.cases += other.cases;
        self.kills += other.kills;
        self.images += other.images;
        self.confirmed += other.confirmed;
        self.read += other.read;
        self.told += other.told;
        self.with_failures += other.with_failures;
    }
}

/// One case: work until everything stops at a call drawn at random, look at what is there, open it, work on; a few times.
pub fn case(seed: u64, end: End) -> Result<Tally, String> {
    let mut random = Random(seed);
    let mut tally = Tally { cases: 1, ..Tally::default() };
    let mut image = Image::default();
    let mut worker = Worker::new(random.draw());
    for round in 0..=random.below(3) {
        let storage = SimulatedStorage::found(&image, random.draw());
        let plan = Plan::draw(&mut random);
        plan.prepare(&storage, &mut random);
        tally.with_failures += u64::from(plan.fails());
        worker.work(&storage, &plan, &mut random);
        image = match end {
            End::Kill => storage.killed(),
            End::PowerCut => storage.image(random.draw()),
        };
        match end {
            End::Kill => tally.kills += 1,
            End::PowerCut => tally.images += 1,
        }
        let strict = !plan.fails();
        let found = check::image(&image, &mut worker, end, strict).map_err(|what| {
            format!("seed {seed}, {end:?}, round {round}: {what}\nplan: {plan:?}\nimage: {}", image.told)
        })?;
        tally.confirmed += found.confirmed;
        tally.read += found.read;
        tally.told += found.told;
    }
    Ok(tally)
}
