//! Steps with progress, and commands that say what failed.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// The checkout's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// A file below cargo's target folder.
pub(crate) fn target(path: &str) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from).join(path)
}

/// Runs a command with its output on the terminal; an error names it.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = show(command);
    let status = command.status().with_context(|| format!("cannot start {shown}"))?;
    if !status.success() {
        bail!("failed ({status}): {shown}");
    }
    Ok(())
}

/// The command as one would type it.
fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|w| w.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// Runs the cargo that runs this.
pub(crate) fn cargo(args: &[&str]) -> Result<()> {
    run(Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())).args(args).current_dir(root()))
}

/// Builds an example of a package in release and runs it.
pub(crate) fn example(package: &str, name: &str, args: &[String]) -> Result<()> {
    cargo(&["build", "--release", "-p", package, "--example", name])?;
    run(Command::new(target(&format!("release/examples/{name}"))).args(args))
}

/// What a command prints, when it can be run.
pub(crate) fn output(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Numbered steps with their times.
pub(crate) struct Steps {
    count: usize,
    done: usize,
    began: Instant,
}

impl Steps {
    /// So many steps are to come.
    pub(crate) fn new(count: usize) -> Self {
        Self { count, done: 0, began: Instant::now() }
    }

    /// Says that a step begins.
    pub(crate) fn begin(&mut self, what: &str) {
        self.done += 1;
        println!("[{}/{}] {what} ({} s so far)", self.done, self.count.max(self.done), self.began.elapsed().as_secs());
    }

    /// Runs a step; an error names it.
    pub(crate) fn run(&mut self, what: &str, step: impl FnOnce() -> Result<()>) -> Result<()> {
        self.begin(what);
        step().with_context(|| format!("step: {what}"))
    }

    /// Seconds since the first step.
    pub(crate) fn seconds(&self) -> u64 {
        self.began.elapsed().as_secs()
    }
}
