//! `lapwing`: the command. Configuration, supervision, run loop and subcommands; everything it runs is in the crates.

// The ban list is for core/: this crate is where files, clocks and threads live.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod bundle;
mod capture;
mod check;
mod config;
mod decode;
mod decoders;
mod demo;
mod erase;
mod export;
mod fanout;
mod holds;
mod index;
mod keeper;
mod line;
mod live;
mod log;
mod quarantine;
mod record;
mod replay;
mod resume;
mod run;
mod snapshot;
mod steps;
mod summary;
mod telling;
mod track;
mod verify;
mod zones;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Drone-detection air picture: fuses a site's sensors into one track per aircraft and warns. Surveillance only.
#[derive(Parser)]
#[command(name = "lapwing", version, arg_required_else_help = true)]
struct Cli {
    /// Say more in the log (-v debug, -vv trace).
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    verbose: u8,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// A simulated site through the real pipeline, with the console in the browser
    Demo(demo::Args),
    /// Run a site live
    Run(run::Args),
    /// Validate a configuration file; every error names file, line and key
    Check(check::Args),
    /// Play a journal or captures through the same line
    Replay(replay::Args),
    /// Any supported capture to reports, one JSON object a line
    Decode(decode::Args),
    /// A bench's detections to tracks, one JSON object a line, with what it cost
    Track(track::Args),
    /// Check a journal against its signatures: 0 valid, 1 altered, 2 could not be tried
    Verify(verify::Args),
    /// The key that signs a journal
    Key(verify::KeyArgs),
    /// Print the newest signed checkpoint of a journal, to be kept elsewhere
    Checkpoint(verify::CheckpointArgs),
    /// Search tracks, alerts, incidents and audit of a journal
    Search(index::commands::SearchArgs),
    /// Export tracks, or an incident as a bundle, to a file
    #[command(subcommand)]
    Export(export::Command),
    /// Erase what belongs to one operator from a journal, its index and its snapshots
    Erase(erase::Args),
    /// Make the index of a journal anew
    Reindex(index::commands::ReindexArgs),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let level = match cli.verbose {
        0 => "info",
        1 => "debug",
        _ => "trace",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("LAPWING_LOG").unwrap_or_else(|_| {
        tracing_subscriber::EnvFilter::new(format!(
            "warn,lapwing={level},lapwing_transports={level},lapwing_server={level}"
        ))
    });
    let colour = std::env::var_os("NO_COLOR").is_none() && std::io::IsTerminal::is_terminal(&std::io::stderr());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colour).init();
    let result = match cli.command {
        Command::Demo(args) => demo::demo(&args),
        Command::Run(args) => run::run(&args, colour),
        Command::Check(args) => return check::check(&args, colour),
        Command::Replay(args) => replay::replay(&args, colour),
        Command::Decode(args) => decode::decode(&args),
        Command::Track(args) => track::track(&args, colour),
        Command::Verify(args) => return verify::verify(&args),
        Command::Key(args) => verify::key(&args),
        Command::Checkpoint(args) => verify::checkpoint(&args),
        Command::Search(args) => index::commands::search(&args),
        Command::Export(command) => export::export(&command),
        Command::Erase(args) => erase::erase(&args),
        Command::Reindex(args) => index::commands::reindex(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A reader that has seen enough (`lapwing decode ... | head`) is no failure.
            let broken_pipe =
                error.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe);
            if broken_pipe {
                return ExitCode::SUCCESS;
            }
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
