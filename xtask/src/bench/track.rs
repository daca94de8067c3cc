//! Lapwing on a data set.

use super::meter;
use super::tools::Tools;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The file with Lapwing's tracks, in the data set's folder.
pub(crate) const TRACKS: &str = "tracks.jsonl";

/// What `lapwing track --json` says of its runs, together.
#[derive(Clone, Default)]
pub(crate) struct Track {
    /// Detections read.
    pub(crate) detections: f64,
    /// CPU seconds of tracking, by its own account.
    pub(crate) cpu_s: f64,
    /// CPU seconds of the whole processes, by the kernel's: reading, parsing and writing included.
    pub(crate) process_cpu_s: f64,
    /// Largest peak of resident memory.
    pub(crate) peak_memory_mib: Option<f64>,
    /// Everything it said of each run.
    pub(crate) said: Vec<Value>,
}

impl Track {
    /// Detections per CPU second of tracking.
    pub(crate) fn rate(&self) -> f64 {
        self.detections / self.cpu_s
    }

    fn add(&mut self, run: Self) {
        self.detections += run.detections;
        self.cpu_s += run.cpu_s;
        self.process_cpu_s += run.process_cpu_s;
        self.peak_memory_mib = self.peak_memory_mib.into_iter().chain(run.peak_memory_mib).reduce(f64::max);
        self.said.extend(run.said);
    }

    /// For the raw results.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "detections": self.detections, "cpu_s": self.cpu_s, "detections_per_cpu_s": self.rate(),
            "process_cpu_s": self.process_cpu_s, "peak_memory_mib": self.peak_memory_mib, "said": self.said,
        })
    }
}

/// Tracks each data set into its folder.
pub(crate) fn all(tools: &Tools, lapwing: &Path, folders: &[PathBuf]) -> Result<Track> {
    let mut track = Track::default();
    for folder in folders {
        track.add(one(tools, lapwing, folder)?);
    }
    Ok(track)
}

/// Tracks one data set.
pub(crate) fn one(tools: &Tools, lapwing: &Path, folder: &Path) -> Result<Track> {
    let mut command = Command::new(lapwing);
    command.args(["track", "--scenario"]).arg(folder.join("scenario.json"));
    command.arg("--sensors").arg(folder.join("sensors.json")).arg(folder.join("detections.jsonl"));
    command.arg("-o").arg(folder.join(TRACKS)).arg("--json");
    forget(&folder.join(TRACKS))?;
    let metered = meter::run(&tools.python, folder, &command)?;
    read(&metered.stdout, metered.cpu_s).with_context(|| format!("what {command:?} printed"))
}

/// Removes tracks of an earlier run: data sets are kept, and a tracker that writes nothing must not be scored on those.
pub(crate) fn forget(tracks: &Path) -> Result<()> {
    match std::fs::remove_file(tracks) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e).with_context(|| tracks.display().to_string()),
        _ => Ok(()),
    }
}

fn read(stdout: &str, process_cpu_s: f64) -> Result<Track> {
    let said: Value = serde_json::from_str(stdout.trim()).context("not one JSON object")?;
    let number = |key: &str| said.get(key).and_then(Value::as_f64);
    Ok(Track {
        detections: number("detections").context("no detections")?,
        cpu_s: number("cpu_s").context("no cpu_s")?,
        process_cpu_s,
        peak_memory_mib: number("peak_memory_mib"),
        said: vec![said],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_add_up() {
        let mut track = Track::default();
        track.add(read(r#"{"detections":100,"cpu_s":0.5,"peak_memory_mib":9.5,"scans":3}"#, 0.7).unwrap());
        track.add(read(r#"{"detections":300,"cpu_s":0.5,"peak_memory_mib":8.0,"scans":3}"#, 0.8).unwrap());
        assert_eq!((track.rate(), track.peak_memory_mib, track.said.len()), (400.0, Some(9.5), 2));
        assert!(read("no json", 0.0).is_err());
        assert!(read(r#"{"detections":100}"#, 0.0).is_err());
    }
}
