//! The bench tools: generator, scorer and rival. They are no part of Lapwing, so that they can't share its mistakes.

use super::venv;
use crate::steps::root;
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the tools are and what runs them.
pub(crate) struct Tools {
    folder: PathBuf,
    /// The interpreter with numpy and scipy.
    pub(crate) python: PathBuf,
}

const GENERATOR: &str = "gen/trkgen.py";
const SCORER: &str = "score/trkscore.py";
const RIVAL: &str = "stonesoup/run_stonesoup.py";

impl Tools {
    /// Finds the tools; makes the Python environment on first use.
    pub(crate) fn find(given: Option<&Path>) -> Result<Self> {
        let folder = given.map_or_else(|| root().join("../shared/bench"), Path::to_owned);
        for script in [GENERATOR, SCORER, RIVAL] {
            if !folder.join(script).is_file() {
                bail!(
                    "no bench tools in {}: pass --tools DIR, the folder with {GENERATOR}, {SCORER} and {RIVAL}",
                    folder.display()
                );
            }
        }
        Ok(Self { folder: folder.canonicalize()?, python: venv::TOOLS.python()? })
    }

    /// The generator's source.
    pub(crate) fn generator(&self) -> PathBuf {
        self.folder.join(GENERATOR)
    }

    /// A call of the generator.
    pub(crate) fn generate(&self) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(self.generator());
        command
    }

    /// A call of the scorer.
    pub(crate) fn score(&self) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(self.folder.join(SCORER));
        command
    }

    /// A call of the rival, with its own interpreter.
    pub(crate) fn rival(&self, python: &Path) -> Command {
        let mut command = Command::new(python);
        command.arg(self.folder.join(RIVAL));
        command
    }
}
