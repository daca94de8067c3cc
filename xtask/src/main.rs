//! Development tasks: `cargo xtask demo | test | tidy | web | new-format | fuzz | load | torture | bench`.
//!
//! Plain Rust and few dependencies, because it is the first thing a newcomer compiles.

// The ban list is for core/: this crate is where files, clocks and threads live.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod bench;
mod fuzz;
mod needs;
mod new_format;
mod steps;
mod tests;
mod tidy;
mod web;

use anyhow::Result;
use clap::{Parser, Subcommand};
use steps::{Steps, cargo, root, target};

/// Development tasks of Lapwing.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build everything, run a simulated site and open the picture
    Demo {
        /// Arguments for `lapwing demo`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Run every test: lints, Rust, console, decoders under mutation, the demo in a real browser
    Test,
    /// Check the import table, the registries and the documents against the code
    Tidy,
    /// Build the console into web/dist
    Web,
    /// Begin a new format: source file, test data, fuzz target
    NewFormat {
        /// Its name in kebab case
        name: String,
    },
    /// Run mutated inputs through the decoders; with cargo-fuzz and a nightly toolchain coverage-guided
    Fuzz {
        /// One format, with --guided-seconds; all without it
        format: Option<String>,
        /// Inputs for the mutation run
        #[arg(long, default_value_t = 10_000_000)]
        cases: u64,
        /// Coverage-guided instead, for this many seconds a format
        #[arg(long)]
        guided_seconds: Option<u64>,
    },
    /// Load a running server from a process of its own and print what it measured
    Load {
        /// Arguments for the load generator (`--help` lists them)
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Kill the journal, cut its power and fail its calls, as often as asked; print what it came to
    Torture {
        /// Where the random numbers begin
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Kill points, and as many power-cut images
        #[arg(long, default_value_t = 10_000)]
        cases: u64,
    },
    /// Measure the tracker (accuracy and speed, micro-benchmarks, instruction counts) and the record
    Bench {
        #[command(subcommand)]
        what: bench::Bench,
    },
}

fn main() -> Result<()> {
    std::env::set_current_dir(root())?;
    match Cli::parse().task {
        Task::Demo { args } => demo(&args),
        Task::Test => tests::run(),
        Task::Tidy => tidy::run(),
        Task::Web => web::build(&mut Steps::new(2)),
        Task::NewFormat { name } => new_format::run(&name),
        Task::Fuzz { format, cases, guided_seconds } => fuzz::run(format.as_deref(), cases, guided_seconds),
        Task::Load { args } => load(&args),
        Task::Torture { seed, cases } => {
            let args = ["--seed", &seed.to_string(), "--cases", &cases.to_string()].map(str::to_owned);
            steps::example("lapwing-journal", "torture", &args)
        }
        Task::Bench { what } => bench::run(what),
    }
}

fn demo(args: &[String]) -> Result<()> {
    let mut steps = Steps::new(4);
    web::build(&mut steps)?;
    steps.run("lapwing, optimised", || cargo(&["build", "--release", "-p", "lapwing"]))?;
    steps.begin("the demo");
    let mut command = std::process::Command::new(target("release/lapwing"));
    command.arg("demo").arg("--open").args(args);
    steps::run(&mut command)
}

fn load(args: &[String]) -> Result<()> {
    cargo(&["build", "--release", "-p", "lapwing", "--bin", "lapwing", "--example", "load"])?;
    let mut command = std::process::Command::new(target("release/examples/load"));
    command.arg("--lapwing").arg(target("release/lapwing")).args(args);
    steps::run(&mut command)
}
