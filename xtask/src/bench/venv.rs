//! Python virtual environments below `target/bench/`, made on first use.

use crate::needs;
use crate::steps::{output, run, target};
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What generator and scorer need.
pub(crate) const TOOLS: Venv = Venv { folder: "venv", packages: &["numpy", "scipy"] };
/// The rival; its version is fixed, because a ratio to a moving rival says nothing.
pub(crate) const RIVAL: Venv = Venv { folder: "venv-stonesoup", packages: &["stonesoup==1.9.1"] };

/// A virtual environment.
pub(crate) struct Venv {
    folder: &'static str,
    packages: &'static [&'static str],
}

impl Venv {
    /// The environment's interpreter; makes the environment unless it is there with these packages.
    pub(crate) fn python(&self) -> Result<PathBuf> {
        let folder = target("bench").join(self.folder);
        let python = folder.join("bin/python");
        // Written last: an interrupted installation is begun again.
        let made = folder.join("packages");
        let wanted = self.packages.join("\n");
        if std::fs::read_to_string(&made).is_ok_and(|there| there == wanted) {
            return Ok(python);
        }
        needs::python_venv()?;
        println!("Python environment {}: {}", folder.display(), self.packages.join(" "));
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off"]);
        run(pip.args(self.packages))?;
        std::fs::write(made, wanted)?;
        Ok(python)
    }
}

/// The version of an installed package.
pub(crate) fn version(python: &Path, package: &str) -> Option<String> {
    let print = format!("import importlib.metadata as m; print(m.version('{package}'))");
    output(&python.to_string_lossy(), &["-c", &print])
}
