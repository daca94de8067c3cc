//! Hostile bytes for the decoders: a seeded mutation run that needs nothing but stable Rust, and libFuzzer on request.

use crate::steps::{self, cargo, output, root, target};
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::process::Command;

fn run_guided(format: Option<&str>, seconds: u64) -> Result<()> {
    if output("cargo", &["+nightly", "fuzz", "--version"]).is_none() {
        bail!("type: rustup toolchain install nightly && cargo install cargo-fuzz");
    }
    let folder = root().join("fuzz/fuzz_targets");
    let mut targets: Vec<String> = std::fs::read_dir(&folder)
        .with_context(|| folder.display().to_string())?
        .flatten()
        .filter_map(|e| e.path().file_stem().map(|s| s.to_string_lossy().into_owned()))
        .collect();
    targets.sort();
    if let Some(format) = format {
        let wanted = format.replace('-', "_");
        targets.retain(|t| *t == wanted);
        if targets.is_empty() {
            bail!("there is no fuzz target {wanted} in {}", folder.display());
        }
    }
    for target in targets {
        println!("fuzzing {target} for {seconds} s");
        // libFuzzer adds what it finds to the first folder.
        let found = root().join("fuzz/corpus").join(&target);
        std::fs::create_dir_all(&found).with_context(|| found.display().to_string())?;
        let limit = format!("-max_total_time={seconds}");
        let mut command = Command::new("cargo");
        command.args(["+nightly", "fuzz", "run", &target]).arg(&found);
        command.args(seeds(&target)).args(["--", &limit, "-max_len=65536"]).current_dir(root());
        steps::run(&mut command)?;
    }
    Ok(())
}

/// What a target begins with: real inputs get it past what random bytes never pass.
fn seeds(target: &str) -> Option<PathBuf> {
    let folder = match target {
        "journal_verify" | "journal_note" => "evidence".to_owned(),
        format => format!("formats/{}", format.replace('_', "-")),
    };
    Some(root().join("testdata").join(folder)).filter(|folder| folder.is_dir())
}

/// Mutated golden inputs through the decoders, as they are built in `folder` of the target folder, by cargo with `profile`.
pub(crate) fn mutate(cases: u64, (profile, folder): (&str, &str)) -> Result<()> {
    // Of the whole workspace: of one package alone its dependencies would have other features, and be built once more.
    cargo(&["build", "--quiet", "--profile", profile, "--workspace", "--example", "mutate"])?;
    let mut command = Command::new(target(&format!("{folder}/examples/mutate")));
    steps::run(command.args(["--cases", &cases.to_string(), "--seed", "1"]))
}

/// `cargo xtask fuzz`.
pub(crate) fn run(format: Option<&str>, cases: u64, guided_seconds: Option<u64>) -> Result<()> {
    match (guided_seconds, format) {
        (Some(seconds), _) => run_guided(format, seconds),
        (None, None) => mutate(cases, ("release", "release")),
        (None, Some(_)) => bail!("the mutation run takes all formats; one format alone goes with --guided-seconds"),
    }
}
