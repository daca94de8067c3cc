//! `cargo xtask bench instructions`: instruction counts of the tracker's kernels. Unlike times they are the same on a busy
//! machine, so that a loss of one per cent between two commits shows.

use crate::needs;
use crate::steps::{cargo, output, target};
use anyhow::{Context, Result, bail};
use clap::Args;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

/// What the example `instructions` of `lapwing-track` must offer.
pub(crate) const CONTRACT: &str = "\
The kernels are in the example `instructions` of lapwing-track:
  cargo run --release -p lapwing-track --example instructions -- --list   prints the kernels' names, one a line
  cargo run --release -p lapwing-track --example instructions -- NAME     runs that kernel 10,000 times
A kernel's input is made from constants, so that each run executes the same instructions. Start-up is counted with it.

To compare two commits:
  git switch --detach OLD && cargo xtask bench instructions --save /tmp/old.txt
  git switch --detach NEW && cargo xtask bench instructions --against /tmp/old.txt";

/// Runs of a kernel in one call of the example.
const RUNS: u64 = 10_000;

/// Options of the task.
#[derive(Args)]
pub(crate) struct Options {
    /// These kernels only
    kernels: Vec<String>,
    /// Write the counts into this file
    #[arg(long)]
    save: Option<PathBuf>,
    /// Compare with the counts of this file
    #[arg(long)]
    against: Option<PathBuf>,
}

/// `cargo xtask bench instructions`.
pub(crate) fn run(options: &Options) -> Result<()> {
    needs::ensure(&[needs::VALGRIND])?;
    let before = match &options.against {
        Some(path) => parse(&std::fs::read_to_string(path).with_context(|| path.display().to_string())?),
        None => BTreeMap::new(),
    };
    cargo(&["build", "--release", "-p", "lapwing-track", "--example", "instructions"])?;
    let example = target("release/examples/instructions").to_string_lossy().into_owned();
    let listed = output(&example, &["--list"]).context("the example does not list its kernels")?;
    let mut kernels: Vec<&str> = listed.lines().map(str::trim).filter(|k| !k.is_empty()).collect();
    if let Some(unknown) = options.kernels.iter().find(|k| !kernels.contains(&k.as_str())) {
        bail!("there is no kernel {unknown}; there are {}", kernels.join(", "));
    }
    kernels.retain(|k| options.kernels.is_empty() || options.kernels.iter().any(|o| o == k));
    let mut saved = String::new();
    println!("{:<32} {:>16} {:>14} {:>8}", "kernel", "instructions", "each run", "change");
    for kernel in kernels {
        let count = count(&example, kernel)?;
        let change = before.get(kernel).map_or_else(String::new, |&old| change(old, count));
        println!("{kernel:<32} {count:>16} {:>14} {change:>8}", count / RUNS);
        writeln!(saved, "{kernel} {count}")?;
    }
    if let Some(path) = &options.save {
        std::fs::write(path, saved).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// The change in per cent.
fn change(old: u64, new: u64) -> String {
    format!("{:+.2} %", 100.0 * (new as f64 / old as f64 - 1.0))
}

/// `name count` a line.
fn parse(text: &str) -> BTreeMap<String, u64> {
    let line = |l: &str| l.rsplit_once(' ').and_then(|(name, count)| Some((name.to_owned(), count.parse().ok()?)));
    text.lines().filter_map(line).collect()
}

fn count(example: &str, kernel: &str) -> Result<u64> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", example, kernel]);
    let output = command.output().context("valgrind")?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("kernel {kernel} under valgrind: {}\n{said}", output.status);
    }
    collected(&said).with_context(|| format!("no count in what valgrind said:\n{said}"))
}

/// The number in callgrind's line `==123== Collected : 456`.
fn collected(said: &str) -> Option<u64> {
    let (_, count) = said.lines().find(|l| l.contains("Collected"))?.rsplit_once(':')?;
    count.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_read_from_what_callgrind_says() {
        let said = "==7== Events    : Ir\n==7== Collected : 1234567\n==7== \n==7== I   refs:      1,234,567\n";
        assert_eq!(collected(said), Some(1_234_567));
        assert_eq!(collected("==7== Events : Ir\n"), None);
    }

    #[test]
    fn saved_counts_are_read_again() {
        let counts = parse("ekf_update 1000\nimm step 2000\n\n");
        assert_eq!(counts.get("imm step"), Some(&2000));
        assert_eq!(change(1000, 1010), "+1.00 %");
    }
}
