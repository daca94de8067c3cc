//! `cargo xtask bench tracker`: generate, track, score, compare, report.

use super::cases::{self, Case};
use super::figures::{self, Outcome};
use super::report::{self, Setting};
use super::tools::Tools;
use super::{criteria, data, rival, score, track, venv};
use crate::steps::{Steps, cargo, output, root, target};
use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// Seeds below this one are kept for acceptance: whoever tunes on them no longer knows how good the tracker is.
const SEED_MIN: u64 = 100;
/// The page a whole run writes.
const PAGE: &str = "docs/reference/tracking-performance.md";

/// Options of the task.
#[derive(Args)]
pub(crate) struct Options {
    /// The folder with gen/, score/ and stonesoup/ [default: ../shared/bench beside the checkout]
    #[arg(long)]
    tools: Option<PathBuf>,
    /// Scenario families or single cases, such as `a,b,t-1000` [default: all]
    #[arg(long, value_delimiter = ',')]
    families: Vec<String>,
    /// Seeds, 100 or more
    #[arg(long, value_delimiter = ',', default_value = "101")]
    seeds: Vec<u64>,
    /// Fewer runs, fewer targets, shorter scenarios
    #[arg(long)]
    quick: bool,
    /// Leave Stone Soup out, which takes most of the time
    #[arg(long)]
    no_rival: bool,
    /// The page [default: docs/reference/tracking-performance.md for a whole run, target/bench/ for any other]
    #[arg(long)]
    out: Option<PathBuf>,
    /// Keep each run's tracks, and what was measured, in this folder
    #[arg(long)]
    keep: Option<PathBuf>,
    /// Measure this `lapwing` instead of building one
    #[arg(long)]
    lapwing: Option<PathBuf>,
    /// End with an error unless every acceptance figure that was run is met
    #[arg(long)]
    check: bool,
}

/// `cargo xtask bench tracker`.
pub(crate) fn run(options: &Options) -> Result<()> {
    let cases = chosen(options)?;
    let mut steps = Steps::new(2 + cases.len() * options.seeds.len());
    steps.begin("bench tools");
    let tools = Tools::find(options.tools.as_deref())?;
    steps.begin("lapwing, optimised");
    let lapwing = match &options.lapwing {
        Some(given) => given.canonicalize().with_context(|| given.display().to_string())?,
        None => {
            cargo(&["build", "--release", "-p", "lapwing"])?;
            target("release/lapwing")
        }
    };
    let setting = setting(options, &tools, &lapwing)?;
    let mut outcomes = Vec::new();
    for case in &cases {
        for &seed in &options.seeds {
            steps.begin(&format!("{} (seed {seed}): {}", case.name, case.title));
            outcomes.push(measure(options, &tools, &lapwing, case, seed)?);
            figures::add_growth(&mut outcomes);
            // After each case, so that an interrupted run leaves what it has measured.
            save(&setting, &outcomes)?;
        }
    }
    let page = page_path(options);
    fs::write(&page, report::page(&setting, &outcomes)).with_context(|| page.display().to_string())?;
    let [met, not_met, not_run] = criteria::count(&outcomes);
    println!("acceptance: {met} met, {not_met} not met, {not_run} not run; in {} s", steps.seconds());
    println!("page: {}", page.display());
    println!("raw results: {}", results().display());
    if options.check && not_met > 0 {
        bail!("{not_met} acceptance figures are not met");
    }
    Ok(())
}

fn chosen(options: &Options) -> Result<Vec<Case>> {
    if let Some(seed) = options.seeds.iter().find(|s| **s < SEED_MIN) {
        bail!("seed {seed}: seeds below {SEED_MIN} are kept for acceptance");
    }
    let mut cases = cases::all(options.quick);
    let is = |case: &Case, name: &String| case.family == name || case.name == *name;
    if let Some(unknown) = options.families.iter().find(|f| !cases.iter().any(|c| is(c, f))) {
        let names: Vec<&str> = cases.iter().map(|c| c.name.as_str()).collect();
        bail!("there is no case {unknown}; there are {}", names.join(", "));
    }
    cases.retain(|c| options.families.is_empty() || options.families.iter().any(|f| is(c, f)));
    Ok(cases)
}

fn measure(options: &Options, tools: &Tools, lapwing: &Path, case: &Case, seed: u64) -> Result<Outcome> {
    let folders = data::make(tools, case, seed)?;
    let track = track::all(tools, lapwing, &folders)?;
    println!("    {:.0} detections in {:.3} CPU s", track.detections, track.cpu_s);
    let score = score::case(tools, case, &folders, Path::new(track::TRACKS))?;
    let gospa = score.get("gospa_rms").and_then(Value::as_f64).unwrap_or(f64::NAN);
    println!("    GOSPA {gospa:.2} m");
    let mut kept: Vec<PathBuf> = folders.iter().map(|f| f.join(track::TRACKS)).collect();
    let comparison = match (case.rival, folders.first()) {
        (Some(rival), Some(first)) if !options.no_rival => {
            let (comparison, cut) = rival::compare(tools, lapwing, case, rival, first)?;
            kept.push(cut.join(rival::TRACKS));
            println!("    {:.0} times as fast as Stone Soup", comparison.ratio());
            Some(comparison)
        }
        _ => None,
    };
    let outcome = Outcome::new(case, seed, score, &track, comparison);
    if let Some(keep) = &options.keep {
        let data = target("bench/data");
        for file in &kept {
            let to = keep.join(file.strip_prefix(&data).unwrap_or(file));
            fs::create_dir_all(to.parent().unwrap_or(keep))?;
            fs::copy(file, &to).with_context(|| to.display().to_string())?;
        }
        let to = keep.join(case.data_name(seed)).join("result.json");
        fs::write(&to, serde_json::to_vec_pretty(&outcome.to_json())?).with_context(|| to.display().to_string())?;
    }
    Ok(outcome)
}

fn results() -> PathBuf {
    target("bench/results.json")
}

fn save(setting: &Setting, outcomes: &[Outcome]) -> Result<()> {
    let versions: serde_json::Map<_, _> = setting.versions.iter().map(|(k, v)| (k.clone(), json!(v))).collect();
    let all = json!({
        "command": setting.command, "date": setting.date, "cores": setting.cores, "quick": setting.quick,
        "versions": versions, "outcomes": outcomes.iter().map(Outcome::to_json).collect::<Vec<_>>(),
    });
    fs::write(results(), serde_json::to_vec_pretty(&all)?).with_context(|| results().display().to_string())
}

/// The reference page is always of a whole run; anything less goes where it can't be committed by mistake.
fn page_path(options: &Options) -> PathBuf {
    let whole = options.families.is_empty() && !options.quick && !options.no_rival && options.lapwing.is_none();
    match &options.out {
        Some(out) => out.clone(),
        None if whole => root().join(PAGE),
        None => target("bench/tracking-performance.md"),
    }
}

fn setting(options: &Options, tools: &Tools, lapwing: &Path) -> Result<Setting> {
    let lapwing = output(&lapwing.to_string_lossy(), &["--version"]).context("lapwing --version")?;
    let mut versions = vec![("Lapwing".to_owned(), lapwing.trim_start_matches("lapwing ").to_owned())];
    if let (None, Some(commit)) = (&options.lapwing, output("git", &["describe", "--always", "--dirty"])) {
        versions.push(("commit".to_owned(), commit));
    }
    let mut of = |python: &Path, package: &str| {
        versions.extend(venv::version(python, package).map(|v| (package.to_owned(), v)));
    };
    of(&tools.python, "numpy");
    of(&tools.python, "scipy");
    if !options.no_rival {
        of(&venv::RIVAL.python()?, "stonesoup");
    }
    Ok(Setting {
        command: command(options),
        date: output("date", &["-u", "+%Y-%m-%d"]).unwrap_or_default(),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        versions,
        quick: options.quick,
    })
}

/// The command with what decides the figures; where the tools and the files are is nobody's business.
fn command(options: &Options) -> String {
    let seeds: Vec<String> = options.seeds.iter().map(u64::to_string).collect();
    let mut words = vec!["cargo xtask bench tracker".to_owned(), format!("--seeds {}", seeds.join(","))];
    if !options.families.is_empty() {
        words.push(format!("--families {}", options.families.join(",")));
    }
    words.extend(options.quick.then(|| "--quick".to_owned()));
    words.extend(options.no_rival.then(|| "--no-rival".to_owned()));
    words.join(" ")
}
