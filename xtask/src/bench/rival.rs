//! Stone Soup on the beginning of a case, in turn with Lapwing on the very same rows.

use super::cases::{Case, Rival};
use super::tools::Tools;
use super::track::{self, Track};
use super::{data, meter, score, venv};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// The rival's tracks in the cut's folder.
pub(crate) const TRACKS: &str = "tracks_stonesoup.jsonl";
/// Where it writes what it used.
const RUN: &str = "tracks_stonesoup.run.json";
/// It may take so long on the wall clock; then it stops, and its rate is that of what it has done.
const LIMIT_S: &str = "600";

/// Both on the same rows.
pub(crate) struct Comparison {
    /// Ticks of the cut.
    pub(crate) ticks: usize,
    /// Detections of the cut.
    pub(crate) detections: f64,
    /// The rival's arguments.
    pub(crate) args: &'static str,
    /// When it ran out of time, in scenario seconds.
    pub(crate) stopped_at: Option<f64>,
    /// Detections per CPU second of tracking.
    pub(crate) rates: Pair,
    /// Detections per CPU second of the whole process, start-up included.
    pub(crate) process_rates: Pair,
    /// GOSPA rms on the cut, in metres.
    pub(crate) gospa: Pair,
}

/// A figure of each.
#[derive(Clone, Copy)]
pub(crate) struct Pair {
    /// Lapwing's.
    pub(crate) lapwing: f64,
    /// Stone Soup's.
    pub(crate) rival: f64,
}

impl Comparison {
    /// How many times as many detections Lapwing tracks in a CPU second.
    pub(crate) fn ratio(&self) -> f64 {
        self.rates.lapwing / self.rates.rival
    }

    /// The same with start-up, reading and writing, which the kernel counts too.
    pub(crate) fn process_ratio(&self) -> f64 {
        self.process_rates.lapwing / self.process_rates.rival
    }

    /// For the raw results.
    pub(crate) fn to_json(&self) -> Value {
        let pair = |p: Pair| json!({"lapwing": p.lapwing, "stonesoup": p.rival});
        json!({
            "ticks": self.ticks, "detections": self.detections, "args": self.args, "stopped_at": self.stopped_at,
            "detections_per_cpu_s": pair(self.rates), "ratio": self.ratio(),
            "detections_per_process_cpu_s": pair(self.process_rates), "process_ratio": self.process_ratio(),
            "gospa_rms": pair(self.gospa),
        })
    }
}

/// Compares the two on the first run of a case.
pub(crate) fn compare(
    tools: &Tools,
    lapwing: &Path,
    case: &Case,
    rival: Rival,
    folder: &Path,
) -> Result<(Comparison, PathBuf)> {
    let cut = data::cut(folder, rival.ticks)?;
    // Before and after the rival, so that a change of the machine's load in between falls on both.
    let before = track::one(tools, lapwing, &cut)?;
    let mut command = tools.rival(&venv::RIVAL.python()?);
    command.arg(&cut).args(rival.args.split(' ')).args(["--out", TRACKS, "--time-limit", LIMIT_S]);
    track::forget(&cut.join(TRACKS))?;
    let metered = meter::run(&tools.python, &cut, &command)?;
    let after = track::one(tools, lapwing, &cut)?;
    let run = data::read(&cut.join(RUN))?;
    let number = |key: &str| run.get(key).and_then(Value::as_f64);
    let done = number("detections").context("the rival counted no detections")?;
    let rates = Pair { lapwing: rate(&before, &after, |t| t.cpu_s), rival: done / number("cpu_s").context("cpu_s")? };
    let process_rates = Pair { lapwing: rate(&before, &after, |t| t.process_cpu_s), rival: done / metered.cpu_s };
    let gospa = Pair {
        lapwing: score::gospa_rms(tools, case, &cut, Path::new(track::TRACKS))?,
        rival: score::gospa_rms(tools, case, &cut, Path::new(TRACKS))?,
    };
    let comparison = Comparison {
        ticks: rival.ticks,
        detections: before.detections,
        args: rival.args,
        stopped_at: number("stopped_at"),
        rates,
        process_rates,
        gospa,
    };
    Ok((comparison, cut))
}

fn rate(before: &Track, after: &Track, seconds: impl Fn(&Track) -> f64) -> f64 {
    (before.detections + after.detections) / (seconds(before) + seconds(after))
}
