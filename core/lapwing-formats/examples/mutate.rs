//! Millions of mutated inputs over every decoder:
//! `cargo run --release -p lapwing-formats --example mutate -- --cases 10000000 --seed 1`
//!
//! Seeds are the golden and malformed files of every format. Prints what each decoder went through, and ends with a
//! failure when one panics, hangs on an input, or does not account for every unit and byte.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(unreachable_pub)]

#[path = "../tests/common/mod.rs"]
mod common;

use common::Outcome;
use lapwing_formats::FORMATS;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// An input of at most 16 KiB that takes this long is a hang.
const SLOWEST_ALLOWED: Duration = Duration::from_millis(500);

fn argument(name: &str, default: u64) -> u64 {
    let mut arguments = std::env::args().skip_while(|a| a != name).skip(1);
    arguments.next().map_or(default, |v| v.parse().unwrap_or_else(|_| panic!("{name} takes a number")))
}

fn main() -> ExitCode {
    let (cases, seed) = (argument("--cases", 10_000_000), argument("--seed", 1));
    let threads = argument("--threads", std::thread::available_parallelism().map_or(1, |n| n.get() as u64)).max(1);
    // A failing decoder's panic is told once, with its input; not once more by the hook.
    std::panic::set_hook(Box::new(|_| {}));
    let start = Instant::now();
    let handles: Vec<_> = (0..threads)
        .map(|thread| {
            let share = cases / threads + u64::from(thread < cases % threads);
            let seed = seed.wrapping_mul(1_000_003).wrapping_add(thread);
            std::thread::spawn(move || {
                common::torture(seed, share, |done| {
                    if thread == 0 && done % 300_000 == 0 {
                        eprint!("\r{:3} %", done * 100 / share.max(1));
                    }
                })
            })
        })
        .collect();
    let results: Vec<_> =
        handles.into_iter().map(|h| h.join().expect("the torture run itself does not panic")).collect();
    eprintln!("\r100 %");
    let mut failed = false;
    let names: Vec<&str> = FORMATS.iter().filter(|f| f.decoder.is_some()).map(|f| f.name).collect();
    let mut sums = vec![Outcome::default(); names.len()];
    for result in results {
        match result {
            Err(why) => {
                failed = true;
                println!("FAILED: {why}");
            }
            Ok(outcomes) => {
                for (sum, outcome) in sums.iter_mut().zip(outcomes) {
                    sum.cases += outcome.cases;
                    sum.tally.bytes += outcome.tally.bytes;
                    sum.tally.units += outcome.tally.units;
                    sum.tally.used += outcome.tally.used;
                    sum.tally.reports += outcome.tally.reports;
                    sum.tally.faults += outcome.tally.faults;
                    sum.tally.pending_max = sum.tally.pending_max.max(outcome.tally.pending_max);
                    if outcome.slowest > sum.slowest {
                        (sum.slowest, sum.slowest_bytes) = (outcome.slowest, outcome.slowest_bytes);
                    }
                }
            }
        }
    }
    println!(
        "{:14} {:>10} {:>14} {:>12} {:>12} {:>12} {:>12} {:>9} {:>22}",
        "format", "inputs", "bytes", "units", "used", "reports", "faults", "pending", "slowest"
    );
    for (name, o) in names.iter().zip(&sums) {
        let t = &o.tally;
        let slowest = format!("{:.3} ms ({} bytes)", o.slowest.as_secs_f64() * 1e3, o.slowest_bytes);
        println!(
            "{name:14} {:>10} {:>14} {:>12} {:>12} {:>12} {:>12} {:>9} {slowest:>22}",
            o.cases, t.bytes, t.units, t.used, t.reports, t.faults, t.pending_max
        );
        if o.slowest > SLOWEST_ALLOWED {
            failed = true;
            println!("FAILED: {name} took {slowest} for one input");
        }
    }
    // Linux says how much memory the process ever had.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(peak) = status.lines().find(|l| l.starts_with("VmHWM")) {
        println!("peak memory {}", peak.trim_start_matches("VmHWM:").trim());
    }
    let total: u64 = sums.iter().map(|o| o.cases).sum();
    println!("{total} inputs, seed {seed}, {threads} threads, {:.1} s", start.elapsed().as_secs_f64());
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
