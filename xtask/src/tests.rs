//! `cargo xtask test`: every test there is.

use crate::steps::{Steps, cargo, target};
use crate::{fuzz, needs, tidy, web};
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// Inputs of the mutation run, over all decoders: two minutes on two cores.
const MUTATED_CASES: u64 = 10_000_000;

pub(crate) fn run() -> Result<()> {
    let mut steps = Steps::new(9);
    steps.run("what the tests need", || {
        needs::ensure(&[needs::COMPILER, needs::MOSQUITTO, needs::CHROMIUM, needs::PYTHON])?;
        needs::component("clippy", "clippy")?;
        needs::component("fmt", "rustfmt")
    })?;
    web::build(&mut steps)?;
    steps.run("console: types and units", web::test)?;
    steps.run("import table and ban list", tidy::check)?;
    steps.run("lints, with the ban list of the pure crates", || {
        cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"])
    })?;
    steps.run("Rust tests", || cargo(&["test", "--workspace", "--quiet"]))?;
    steps.run("decoders under mutation", || fuzz::mutate(MUTATED_CASES, ("dev", "debug")))?;
    steps.run("the demo in a real browser", demo_in_browser)?;
    println!("all tests passed in {} s", steps.seconds());
    Ok(())
}

/// Stops the server whatever happens.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn demo_in_browser() -> Result<()> {
    // As the tests built it, with the features of the whole workspace: any other build would take as long as all tests.
    cargo(&["build", "--quiet", "--workspace", "--bin", "lapwing"])?;
    let mut command = Command::new(target("debug/lapwing"));
    command.args(["demo", "--listen", "127.0.0.1:0", "--seconds", "300"]).stdout(Stdio::piped());
    let mut demo = Running(command.spawn().context("lapwing demo")?);
    let stdout = demo.0.stdout.take().context("no output of the demo")?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    let url = line.split_whitespace().find(|w| w.starts_with("http://")).map(str::to_owned);
    let Some(url) = url else { bail!("the demo did not say where its console is: {line}") };
    web::end_to_end(&url, &target("pictures"))
}
