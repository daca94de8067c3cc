//! One piece of work, done again and again with another call failing each time.

use super::check;
use super::work::Worker;
use super::{End, Tally};
use lapwing_journal::simulated::{Call, Failure, Random, SimulatedStorage};
use lapwing_journal::{Journal, Options, Reader, Storage};
use lapwing_model::Span;
use std::io::ErrorKind;
use std::sync::Arc;

const OPTIONS: Options =
    Options { segment_bytes_max: 3_000, segment_time_max: Span::from_seconds(20), reserve_bytes: 4_096 };

/// How calls fail: how many in a row, with what.
const WAYS: [(u64, ErrorKind); 5] = [
    (1, ErrorKind::Other),
    (1, ErrorKind::StorageFull),
    (3, ErrorKind::Other),
    (u64::MAX, ErrorKind::Other),
    (u64::MAX, ErrorKind::StorageFull),
];

/// Fails each call of each kind in turn, once and for good, with an error and with a full disk. Of the reads, which are
/// many, one in `share`. Gives how many runs that were of each kind.
pub fn every_call(share: usize) -> Result<Vec<(Call, u64)>, String> {
    let untouched = SimulatedStorage::new(0);
    run(&untouched)?;
    let mut runs = Vec::new();
    for call in Call::ALL {
        // A file is only cut after a write to it has failed.
        let (first, also) = if call == Call::Truncate { (Call::Write, Some(call)) } else { (call, None) };
        let mut count = 0;
        for at in (0..untouched.calls_of(first)).step_by(if call == Call::Read { share } else { 1 }) {
            for (lasting, error) in WAYS {
                let storage = SimulatedStorage::new(at);
                let failure = Failure { of: Some(first), at, count: lasting, error };
                storage.fail(failure);
                if also.is_some() {
                    storage.fail(Failure { of: also, at: 0, count: u64::MAX, error });
                }
                run(&storage).map_err(|what| format!("{failure:?} {also:?}: {what}"))?;
                count += 1;
            }
        }
        runs.push((call, count));
    }
    Ok(runs)
}

/// Two starts with everything a journal does. The disk is well again at the end, and then nothing of class A is missing
/// that ever got a number.
fn run(storage: &SimulatedStorage) -> Result<Tally, String> {
    let mut random = Random(7);
    let mut worker = Worker::new(0);
    for start in 0..2 {
        // As if retention had been interrupted: the next start removes it.
        let _ = storage.create("000000-20260202T024000.000Z.mcap.new");
        let Ok(mut journal) = Journal::open_in(Arc::new(storage.clone()), OPTIONS) else {
            // A start that fails says so; the next is another process.
            continue;
        };
        for step in 0..14 {
            worker.now = worker.now + Span::from_millis(1_300);
            for _ in 0..3 {
                let entry = worker.raw(&mut random);
                worker.append(&mut journal, entry);
            }
            if step % 3 == 1 {
                let entry = worker.vital();
                worker.append(&mut journal, entry);
                worker.sync(&mut journal);
            }
            if step % 4 == 3
                && let Ok(Some(job)) = journal.begin_sync()
            {
                let _ = journal.finish_sync(job.run());
            }
            if step % 5 == 4 {
                journal.maintain(worker.now);
                worker.retain(&mut journal, storage, &mut random);
            }
            if !journal.figures().balances() {
                return Err(format!("the books do not balance: {:?}", journal.figures()));
            }
            // Whatever the power does now, what was confirmed is there.
            if step % 4 == 2 {
                let image = storage.image(step);
                let mut witness = worker.witness();
                check::image(&image, &mut witness, End::PowerCut, false)
                    .map_err(|what| format!("start {start}, step {step}: {what} (image: {})", image.told))?;
            }
        }
        storage.heal();
        worker.now = worker.now + Span::from_seconds(100);
        journal.maintain(worker.now);
        journal.sync().map_err(|e| format!("does not sync on a disk that is well: {e}"))?;
        worker.synced(journal.next_position().0);
        journal.close().map_err(|e| format!("does not close on a disk that is well: {e}"))?;
        all_of_class_a(storage, &worker)?;
    }
    Ok(Tally::default())
}

fn all_of_class_a(storage: &SimulatedStorage, worker: &Worker) -> Result<(), String> {
    let reader = Reader::of_storage(Arc::new(storage.clone())).map_err(|e| e.to_string())?;
    let there: std::collections::BTreeMap<u64, _> =
        reader.filter_map(Result::ok).map(|(position, _, entry)| (position.0, entry)).collect();
    for (position, given) in worker.given.iter().filter(|(_, g)| g.class == lapwing_journal::Class::A) {
        if there.get(position) != Some(&given.entry) {
            return Err(format!("entry {position} was taken and is not in the record of a disk that is well again"));
        }
    }
    Ok(())
}
