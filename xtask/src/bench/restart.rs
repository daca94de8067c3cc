//! `cargo xtask bench restart` and `bench replay`: what a start after a crash takes, and how fast a journal is played again.

use crate::steps::{cargo, run, target};
use anyhow::{Context, Result, bail};
use clap::Args;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// A real server with many tracks, really killed, started again and asked.
#[derive(Args)]
pub(crate) struct RestartOptions {
    /// Live tracks
    #[arg(long, default_value_t = 10_000)]
    tracks: usize,
    /// Seconds between two reports of one aircraft
    #[arg(long, default_value_t = 2.0)]
    interval_s: f64,
    /// Seconds of traffic before the kill, and after the restart
    #[arg(long, default_value_t = 30.0)]
    traffic_s: f64,
}

/// A journal of simulated sensors, played again and again: every time the same events, and how fast.
#[derive(Args)]
pub(crate) struct ReplayOptions {
    /// Seconds of the recording; an hour is what is asked for
    #[arg(long, default_value_t = 3_600)]
    seconds: u64,
    /// Reports a second
    #[arg(long, default_value_t = 1_000)]
    rate: u32,
    /// How often it is played
    #[arg(long, default_value_t = 10)]
    times: u32,
}

/// Times real time that a replay is to reach.
const SPEED_MIN: f64 = 50.0;

pub(super) fn restart(options: &RestartOptions) -> Result<()> {
    cargo(&["build", "--release", "-p", "lapwing", "--bin", "lapwing", "--example", "restart"])?;
    let mut command = Command::new(target("release/examples/restart"));
    command.arg("--lapwing").arg(target("release/lapwing"));
    command.args(["--tracks", &options.tracks.to_string()]);
    command.args(["--interval-s", &options.interval_s.to_string(), "--traffic-s", &options.traffic_s.to_string()]);
    run(&mut command)
}

pub(super) fn replay(options: &ReplayOptions) -> Result<()> {
    cargo(&["build", "--release", "-p", "lapwing", "--bin", "lapwing", "--example", "hour"])?;
    let folder = target("bench-replay");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder)?;
    let result = play(options, &folder);
    let _ = std::fs::remove_dir_all(&folder);
    result
}

fn play(options: &ReplayOptions, folder: &Path) -> Result<()> {
    let (received, recorded) = (folder.join("received"), folder.join("recorded"));
    let mut hour = Command::new(target("release/examples/hour"));
    hour.arg("--out").arg(&received);
    run(hour.args(["--seconds", &options.seconds.to_string(), "--rate", &options.rate.to_string()]))?;
    let (took, live) = lapwing(&[&received, Path::new("--record"), &recorded])?;
    std::fs::remove_dir_all(&received)?;
    println!("recorded: {live}, in {took:.1} s");
    let (mut same, mut slowest) = (0, f64::INFINITY);
    for time in 1..=options.times {
        let threads = 1 + time % 2;
        let (took, replayed) = lapwing(&[&recorded, Path::new("--threads"), Path::new(&threads.to_string())])?;
        let speed = options.seconds as f64 / took;
        slowest = slowest.min(speed);
        same += u32::from(replayed == live);
        let word = if replayed == live { "the same events" } else { "OTHER EVENTS" };
        println!("{time}: {threads} thread(s), {took:.1} s, {speed:.0} times real time, {word}");
    }
    println!("{same} of {} the same, the slowest at {slowest:.0} times real time", options.times);
    if same < options.times || slowest < SPEED_MIN {
        bail!("NOT held: all the same at {SPEED_MIN} times real time is asked for");
    }
    println!("held");
    Ok(())
}

/// `lapwing replay --hash`: how long it took, and what it printed.
fn lapwing(arguments: &[&Path]) -> Result<(f64, String)> {
    let began = Instant::now();
    let mut command = Command::new(target("release/lapwing"));
    command.args(["replay", "--hash"]).args(arguments).stderr(std::process::Stdio::inherit());
    let output = command.output().context("lapwing replay")?;
    let printed = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if !output.status.success() {
        bail!("lapwing replay: {} after printing `{printed}`", output.status);
    }
    Ok((began.elapsed().as_secs_f64(), printed))
}
