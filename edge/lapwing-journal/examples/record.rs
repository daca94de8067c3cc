#![allow(clippy::disallowed_methods, clippy::disallowed_types, missing_docs)]
//! `cargo xtask bench record --journal-alone`: receptions at a rate, class A entries synced among them, as the run loop does it. Prints how
//! long class A took from its append to the disk, to p99.9, and the loss window of the rest.

use lapwing_journal::{Entry, Histogram, Journal, Options, SyncDone};
use lapwing_model::{AirText, AlertId, Command, Envelope, InputId, Order, Reception, Time};
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// As in the run loop.
const SYNC_EVERY: Duration = Duration::from_millis(200);
/// Receptions handled in a row, at most.
const IN_A_ROW: u64 = 256;

struct Arguments {
    rate: u64,
    class_a_rate: u64,
    seconds: u64,
    bytes: usize,
    directory: PathBuf,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = arguments()?;
    let journal = Journal::open(&arguments.directory, Options { reserve_bytes: 16 << 20, ..Options::default() })?;
    let (journal, took, busy) = run(journal, &arguments)?;
    let figures = journal.figures();
    journal.close()?;
    let offered = figures.offered as f64;
    println!(
        "{} entries in {:.1} s: {:.0} a second; the journal's thread was busy {:.0} % of the time",
        figures.offered,
        took.as_secs_f64(),
        offered / took.as_secs_f64(),
        100.0 * busy.as_secs_f64() / took.as_secs_f64()
    );
    println!("books balance: {}; failures: {}", figures.balances(), figures.failures);
    histogram("class A, append to synced", &figures.class_a);
    histogram("loss window of class B", &figures.window);
    if !figures.balances() || figures.failures > 0 {
        return Err("the journal failed".into());
    }
    Ok(())
}

fn arguments() -> Result<Arguments, String> {
    let directory = std::env::temp_dir().join(format!("lapwing-bench-record-{}", std::process::id()));
    let mut arguments = Arguments { rate: 20_000, class_a_rate: 50, seconds: 10, bytes: 200, directory };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("{word} without a value"))?;
        let number = || value.parse::<u64>().map_err(|e| format!("{word} {value}: {e}"));
        match word.as_str() {
            "--rate" => arguments.rate = number()?.max(1),
            "--class-a-rate" => arguments.class_a_rate = number()?.max(1),
            "--seconds" => arguments.seconds = number()?,
            "--bytes" => arguments.bytes = usize::try_from(number()?).unwrap_or(0),
            "--directory" => arguments.directory = PathBuf::from(value),
            _ => return Err(format!("unknown argument {word}")),
        }
    }
    Ok(arguments)
}

fn clock() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

fn run(
    mut journal: Journal,
    arguments: &Arguments,
) -> Result<(Journal, Duration, Duration), Box<dyn std::error::Error>> {
    let (done, results) = mpsc::channel::<SyncDone>();
    let reception = Reception {
        input: InputId::new("radar").map_err(|e| e.to_string())?,
        received_at: clock(),
        envelope: Envelope::Datagram,
        bytes: (0..arguments.bytes).map(|i| (i % 251) as u8).collect(),
    };
    let began = Instant::now();
    let end = Duration::from_secs(arguments.seconds);
    let (mut raw, mut class_a) = (0_u64, 0_u64);
    let mut sync_at = Duration::ZERO;
    let mut syncing = false;
    let mut busy = Duration::ZERO;
    while began.elapsed() < end {
        let turn = Instant::now();
        let now = began.elapsed();
        while let Ok(done) = results.try_recv() {
            syncing = false;
            journal.finish_sync(done)?;
        }
        if now >= sync_at && !syncing {
            sync_at = now + SYNC_EVERY;
            journal.maintain(clock());
            if let Some(job) = journal.begin_sync()? {
                syncing = true;
                let done = done.clone();
                std::thread::spawn(move || done.send(job.run()));
            }
        }
        let due = |rate: u64| (now.as_secs_f64() * rate as f64) as u64;
        let until = due(arguments.rate).min(raw + IN_A_ROW);
        while raw < until {
            let at = clock();
            journal.append_reception(at, &reception)?;
            raw += 1;
        }
        while class_a < due(arguments.class_a_rate) {
            class_a += 1;
            let note = Some(AirText::new("an alert is about as long as this and says more than a command does"));
            let order = Order::AcknowledgeAlert { alert: AlertId(class_a), note };
            journal.append(clock(), &Entry::Command(Command { by: AirText::new("guard"), order }))?;
        }
        if journal.must_sync() {
            journal.sync()?;
        }
        busy += turn.elapsed();
        std::thread::sleep(Duration::from_micros(500));
    }
    Ok((journal, began.elapsed(), busy))
}

fn histogram(what: &str, histogram: &Histogram) {
    println!("{what}: {} times", histogram.count());
    for (name, share) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)] {
        println!("  {name:>6} {:>9.3} ms", histogram.quantile(share).as_secs_f64() * 1e3);
    }
}
