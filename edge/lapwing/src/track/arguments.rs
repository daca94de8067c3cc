//! What the command is told.

use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Scenario file; read of it are format, name, origin, dimensions, start, tick and hints
    #[arg(long)]
    pub(super) scenario: PathBuf,
    /// Sensors file
    #[arg(long)]
    pub(super) sensors: PathBuf,
    /// Detections in order of arrival, one JSON object a line
    pub(super) detections: PathBuf,
    /// Where the tracks go, one JSON object a line
    #[arg(short, long)]
    pub(super) output: PathBuf,
    /// Settings of the tracker as TOML, instead of those of the scenario's family
    #[arg(long)]
    pub(super) tuning: Option<PathBuf>,
    /// Print what was counted and metered as one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

impl Args {
    /// All that is read.
    pub(super) fn inputs(&self) -> impl Iterator<Item = &Path> {
        let named = [&self.scenario, &self.sensors, &self.detections];
        named.into_iter().chain(&self.tuning).map(PathBuf::as_path)
    }
}
