//! `cargo xtask bench`: how well and how fast the tracker tracks, measured with tools that know nothing of its code.

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

use anyhow::Result;
use clap::Subcommand;

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
    /// Kill a server that holds many tracks, start it again: time to the first picture, ids kept, alerts raised twice
    Restart(restart::RestartOptions),
    /// Play an hour of a simulated site again and again: the same events every time, and how fast
    Replay(restart::ReplayOptions),
}

/// `cargo xtask bench WHAT`.
pub(crate) fn run(bench: Bench) -> Result<()> {
    match bench {
        Bench::Tracker(options) => tracker::run(&options),
        Bench::Micro { args } => micro::run(&args),
        Bench::Instructions(options) => instructions::run(&options),
        Bench::Restart(options) => restart::restart(&options),
        Bench::Replay(options) => restart::replay(&options),
    }
}
