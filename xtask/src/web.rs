//! The console: npm packages by lockfile, then the build into `web/dist`, which the server embeds.

use crate::needs;
use crate::steps::{Steps, root, run};
use anyhow::Result;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

fn npm(args: &[&str]) -> Result<()> {
    run(Command::new("npm").args(args).current_dir(root().join("web")))
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().ok()?.modified().ok()
}

/// Newest time of modification below a folder.
fn newest(folder: &Path) -> Option<SystemTime> {
    let items = std::fs::read_dir(folder).ok()?.flatten();
    items.filter_map(|i| if i.path().is_dir() { newest(&i.path()) } else { modified(&i.path()) }).max()
}

/// Installs the packages of the lockfile, unless that was done since it changed.
pub(crate) fn install() -> Result<()> {
    needs::node()?;
    let web = root().join("web");
    let installed = modified(&web.join("node_modules/.package-lock.json"));
    if installed.is_some() && installed >= modified(&web.join("package-lock.json")) {
        return Ok(());
    }
    npm(&["ci", "--no-audit", "--no-fund"])
}

/// Builds the console, unless nothing has changed since the last build. Two steps.
pub(crate) fn build(steps: &mut Steps) -> Result<()> {
    steps.run("packages of the console", install)?;
    steps.run("console", || {
        let web = root().join("web");
        let built = modified(&web.join("dist/index.html"));
        let sources = [
            newest(&web.join("src")),
            newest(&web.join("public")),
            modified(&web.join("index.html")),
            modified(&web.join("package-lock.json")),
            modified(&web.join("vite.config.ts")),
        ];
        if built.is_some() && built >= sources.into_iter().flatten().max() {
            println!("unchanged");
            return Ok(());
        }
        npm(&["run", "build", "--silent"])
    })
}

/// Type check and unit tests of the console.
pub(crate) fn test() -> Result<()> {
    npm(&["run", "check", "--silent"])?;
    npm(&["test", "--silent"])
}

/// Runs the console's browser test against a running server.
pub(crate) fn end_to_end(url: &str, pictures: &Path) -> Result<()> {
    std::fs::create_dir_all(pictures)?;
    let pictures = pictures.to_string_lossy();
    npm(&["run", "e2e", "--silent", "--", "--url", url, "--out", &pictures, "--timeout", "60"])
}
