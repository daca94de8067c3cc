#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs
)]
//! `cargo xtask torture`: kill points, power cuts and failing calls, as many as asked; prints what they came to.

#[path = "../tests/harness/mod.rs"]
mod harness;

use harness::{End, Tally};
use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let (seed, cases) = match arguments() {
        Ok(arguments) => arguments,
        Err(what) => {
            eprintln!("torture: {what}; expected [--seed S] [--cases N]");
            return ExitCode::from(2);
        }
    };
    match run(seed, cases) {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("FAILED: {what}");
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> Result<(u64, u64), String> {
    let (mut seed, mut cases) = (1, 10_000);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number = || {
            let value = words.next().ok_or_else(|| format!("{word} without a number"))?;
            value.parse::<u64>().map_err(|e| format!("{word} {value}: {e}"))
        };
        match word.as_str() {
            "--seed" => seed = number()?,
            "--cases" => cases = number()?,
            _ => return Err(format!("unknown argument {word}")),
        }
    }
    Ok((seed, cases))
}

fn run(seed: u64, cases: u64) -> Result<(), String> {
    println!("seed {seed}");
    for (end, what) in [(End::Kill, "kill points"), (End::PowerCut, "power-cut images")] {
        let began = Instant::now();
        let tally = share_out(seed, cases, end)?;
        let seconds = began.elapsed().as_secs_f64();
        println!(
            "{:>7} {what} in {seconds:.1} s: {} class A entries confirmed, 0 lost; every image opened; {} entries read, \
             {} times the reader said what was cut or gone; in {} runs the disk failed as well",
            tally.kills + tally.images,
            tally.confirmed,
            tally.read,
            tally.told,
            tally.with_failures
        );
    }
    let began = Instant::now();
    let runs = harness::nth::every_call(1)?;
    let total: u64 = runs.iter().map(|(_, count)| count).sum();
    println!("{total:>7} runs with the n-th call failing in {:.1} s:", began.elapsed().as_secs_f64());
    for (call, count) in runs {
        println!("        {count:>6} {call:?}");
    }
    Ok(())
}

/// Cases until there are as many ends as asked, on two threads.
fn share_out(seed: u64, ends: u64, end: End) -> Result<Tally, String> {
    const THREADS: u64 = 2;
    let work = |thread: u64| {
        let mut tally = Tally::default();
        let wanted = ends / THREADS + u64::from(thread < ends % THREADS);
        let mut number = thread;
        while tally.kills + tally.images < wanted {
            tally.add(harness::case(seed.wrapping_mul(1_000_003).wrapping_add(number), end)?);
            number += THREADS;
        }
        Ok(tally)
    };
    let tallies: Vec<Result<Tally, String>> = std::thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || work(thread))).collect();
        threads.into_iter().map(|t| t.join().unwrap_or_else(|_| Err("a case panicked".to_owned()))).collect()
    });
    let mut sum = Tally::default();
    for tally in tallies {
        sum.add(tally?);
    }
    Ok(sum)
}
