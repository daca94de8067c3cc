//! The scorer, on the tracks of one case.

use super::cases::Case;
use super::tools::Tools;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// Scores Lapwing's tracks of a case, all runs together.
pub(crate) fn case(tools: &Tools, case: &Case, folders: &[PathBuf], tracks: &Path) -> Result<Value> {
    let with_trajectories = case.trajectory_runs >= folders.len();
    let mut score = call(tools, case.drones_only, with_trajectories, folders, tracks, None)?;
    let some = folders.get(..case.trajectory_runs).unwrap_or_default();
    if !with_trajectories && !some.is_empty() {
        let trajectories = call(tools, case.drones_only, true, some, tracks, None)?;
        take(&mut score, &trajectories, |key| key.starts_with("tgospa") || key.starts_with("ospa2"));
    }
    if case.drones_only {
        // Where only drones are scored, every class that counts is `drone`, and right: accuracy is that over all objects.
        let everything = call(tools, false, false, folders, tracks, None)?;
        take(&mut score, &everything, |key| key == "class_accuracy");
    }
    if case.settled_from_s.is_some() {
        let settled = call(tools, case.drones_only, false, folders, tracks, case.settled_from_s)?;
        if let (Some(score), Some(rms)) = (score.as_object_mut(), settled.get("gospa_rms")) {
            score.insert("gospa_settled_rms".to_owned(), rms.clone());
        }
    }
    Ok(score)
}

fn take(score: &mut Value, other: &Value, wanted: impl Fn(&str) -> bool) {
    let (Some(score), Some(other)) = (score.as_object_mut(), other.as_object()) else { return };
    score.retain(|key, _| !wanted(key));
    score.extend(other.iter().filter(|(key, _)| wanted(key)).map(|(k, v)| (k.clone(), v.clone())));
}

/// The error of positions alone, for a track file of either tracker.
pub(crate) fn gospa_rms(tools: &Tools, case: &Case, folder: &Path, tracks: &Path) -> Result<f64> {
    let score = call(tools, case.drones_only, false, &[folder.to_owned()], tracks, None)?;
    score.get("gospa_rms").and_then(Value::as_f64).context("no gospa_rms in the score")
}

fn call(
    tools: &Tools,
    drones_only: bool,
    trajectories: bool,
    folders: &[PathBuf],
    tracks: &Path,
    from_s: Option<u32>,
) -> Result<Value> {
    let mut command = tools.score();
    command.args(folders).arg("--tracks").arg(tracks);
    if let Some(from_s) = from_s {
        command.args(["--t0", &from_s.to_string()]);
    }
    if drones_only {
        command.args(["--mode", "drone"]);
    }
    if !trajectories {
        command.arg("--no-tgospa");
    }
    let output = command.stderr(Stdio::inherit()).output().context("cannot start the scorer")?;
    if !output.status.success() {
        let first = folders.first().map(|f| f.display().to_string()).unwrap_or_default();
        bail!("the scorer failed ({}) on {first}", output.status);
    }
    serde_json::from_slice(&output.stdout).context("what the scorer printed")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_was_scored_apart_replaces_what_was_not() {
        let mut score = json!({"gospa_rms": 1.0, "class_accuracy": 1.0});
        take(&mut score, &json!({"gospa_rms": 2.0, "class_accuracy": 0.8}), |key| key == "class_accuracy");
        assert_eq!(score, json!({"gospa_rms": 1.0, "class_accuracy": 0.8}));
        take(&mut score, &json!({"gospa_rms": 2.0}), |key| key == "class_accuracy");
        assert_eq!(score, json!({"gospa_rms": 1.0}));
    }
}
