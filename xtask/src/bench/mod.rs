//! `cargo xtask bench`: how well and how fast the tracker tracks, measured with tools that know nothing of its code; and
//! how fast the record is.

mod cases;
mod criteria;
mod data;
mod figures;
mod instructions;
mod meter;
mod micro;
mod report;
mod restart;
mod rival;
mod score;
mod tools;
mod track;
mod tracker;
mod venv;

use crate::steps::{cargo, example, run as run_command, target};
use anyhow::Result;
use clap::Subcommand;
use std::process::Command;

/// What to measure.
#[derive(Subcommand)]
pub(crate) enum Bench {
    /// Track generated scenarios, score them, compare with Stone Soup and write the reference page
    Tracker(tracker::Options),
    /// Run the criterion benches of `lapwing-track`
    Micro {
        /// Arguments for criterion, such as a filter
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Count the instructions of the tracker's kernels under valgrind, to compare two commits
    #[command(after_help = instructions::CONTRACT)]
    Instructions(instructions::Options),
    /// Drive a server on one core with 20,000 datagrams a second; print how long its alerts took from the datagram that
    /// caused them to their entry on the disk, and verify the journal
    Record {
        /// Drive the journal alone, with class A entries at a rate; arguments: `--rate`, `--class-a-rate`, `--seconds`,
        /// `--bytes`, `--directory`
        #[arg(long)]
        journal_alone: bool,
        /// Arguments: `--rate`, `--aircraft`, `--broadcasting`, `--radars`, `--place-every`, `--seconds`, `--warm-up`,
        /// `--core`, `--directory`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Kill a server that holds many tracks, start it again: time to the first picture, ids kept, alerts raised twice
    Restart(restart::RestartOptions),
    /// Play an hour of a simulated site again and again: the same events every time, and how fast
    Replay(restart::ReplayOptions),
}

fn record(args: &[String]) -> Result<()> {
    cargo(&["build", "--release", "-p", "lapwing", "--bin", "lapwing", "--example", "plot_to_record"])?;
    let mut command = Command::new(target("release/examples/plot_to_record"));
    run_command(command.arg("--lapwing").arg(target("release/lapwing")).args(args))
}

/// `cargo xtask bench WHAT`.
pub(crate) fn run(bench: Bench) -> Result<()> {
    match bench {
        Bench::Tracker(options) => tracker::run(&options),
        Bench::Micro { args } => micro::run(&args),
        Bench::Instructions(options) => instructions::run(&options),
        Bench::Record { journal_alone: true, args } => example("lapwing-journal", "record", &args),
        Bench::Record { journal_alone: false, args } => record(&args),
        Bench::Restart(options) => restart::restart(&options),
        Bench::Replay(options) => restart::replay(&options),
    }
}
