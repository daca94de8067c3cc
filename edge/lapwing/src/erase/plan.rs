//! What an erasure is about to do, on disk before it is begun. It names positions and never a person.

use anyhow::Context;
use lapwing_journal::{DiskStorage, replace};
use lapwing_model::Time;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Name of the file in the journal's directory.
pub(crate) const FILE: &str = "erasing.json";
/// Longest file that is read.
const BYTES_MAX: u64 = 1 << 30;

/// An erasure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Plan {
    /// How the record calls it.
    pub(super) request: String,
    /// When it was begun.
    pub(super) at: Time,
    /// The entries that go.
    pub(super) positions: Vec<u64>,
}

pub(super) fn write(directory: &Path, plan: &Plan) -> anyhow::Result<()> {
    let storage = DiskStorage::open(directory)?;
    replace(&storage, FILE, &serde_json::to_vec(plan)?).with_context(|| directory.join(FILE).display().to_string())
}

pub(super) fn read(directory: &Path) -> anyhow::Result<Option<Plan>> {
    let path = directory.join(FILE);
    let at = || path.display().to_string();
    match std::fs::metadata(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(at),
        Ok(about) => anyhow::ensure!(about.len() <= BYTES_MAX, "{}: too long for a plan of an erasure", at()),
    }
    let bytes = std::fs::read(&path).with_context(at)?;
    serde_json::from_slice(&bytes).with_context(at).map(Some)
}

pub(super) fn remove(directory: &Path) -> anyhow::Result<()> {
    let path = directory.join(FILE);
    std::fs::remove_file(&path).with_context(|| path.display().to_string())?;
    std::fs::File::open(directory)?.sync_all()?;
    Ok(())
}
