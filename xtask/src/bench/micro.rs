//! `cargo xtask bench micro`: the criterion benches of the tracker, as cargo runs them.

use crate::steps::cargo;
use anyhow::Result;

/// Runs the benches; `args` go to criterion. All bench targets and no others: unit tests know no criterion arguments.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let bench = ["bench", "-p", "lapwing-track", "--bench", "*", "--"];
    let args = args.iter().map(String::as_str);
    cargo(&bench.into_iter().chain(args).collect::<Vec<_>>())
}
