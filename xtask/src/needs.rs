//! What the tasks need from the machine: checked, installed when run as root on Debian, and otherwise one line to type.

use crate::steps::{output, run};
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;

/// A program from a Debian package.
pub(crate) struct Need {
    /// The program.
    pub(crate) program: &'static str,
    /// Places it may stand in beside the search path.
    pub(crate) paths: &'static [&'static str],
    /// The package.
    pub(crate) package: &'static str,
    /// What for.
    pub(crate) purpose: &'static str,
}

/// The MQTT broker of the transport tests.
pub(crate) const MOSQUITTO: Need = Need {
    program: "mosquitto",
    paths: &["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"],
    package: "mosquitto",
    purpose: "the MQTT tests start their own broker",
};

/// The browser of the console tests.
pub(crate) const CHROMIUM: Need = Need {
    program: "chromium",
    paths: &["/usr/bin/chromium"],
    package: "chromium",
    purpose: "the console is tested in a real browser",
};

/// The C compiler some dependencies are built with.
pub(crate) const COMPILER: Need =
    Need { program: "cc", paths: &["/usr/bin/cc"], package: "gcc", purpose: "Rust links with it" };

/// The interpreter of the bench tools and of the second verifier.
pub(crate) const PYTHON: Need = Need {
    program: "python3",
    paths: &["/usr/bin/python3"],
    package: "python3",
    purpose: "the bench tools and the second verifier run in it",
};

/// What counts instructions.
pub(crate) const VALGRIND: Need = Need {
    program: "valgrind",
    paths: &["/usr/bin/valgrind"],
    package: "valgrind",
    purpose: "it counts a kernel's instructions",
};

impl Need {
    fn is_there(&self) -> bool {
        self.paths.iter().any(|p| Path::new(p).exists()) || on_path(self.program)
    }
}

fn on_path(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).exists()))
}

/// Makes sure that all are there.
pub(crate) fn ensure(needs: &[Need]) -> Result<()> {
    let missing: Vec<&Need> = needs.iter().filter(|n| !n.is_there()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    for need in &missing {
        println!("missing: {} ({})", need.program, need.purpose);
    }
    install(&missing.iter().map(|n| n.package).collect::<Vec<_>>())?;
    match missing.iter().find(|n| !n.is_there()) {
        Some(need) => bail!("{} is still missing after installing {}", need.program, need.package),
        None => Ok(()),
    }
}

/// Installs packages as root on Debian; anybody else is told what to type.
fn install(packages: &[&str]) -> Result<()> {
    let is_root = output("id", &["-u"]).as_deref() == Some("0");
    if !on_path("apt-get") {
        bail!("install {} with your system's package manager", packages.join(" "));
    }
    if !is_root {
        bail!("type: sudo apt-get update && sudo apt-get install -y --no-install-recommends {}", packages.join(" "));
    }
    println!("installing {} from Debian", packages.join(" "));
    let mut update = Command::new("apt-get");
    run(update.args(["-qq", "update"]))?;
    let mut install = Command::new("apt-get");
    install.args(["-qq", "install", "-y", "--no-install-recommends"]).args(packages);
    run(install.env("DEBIAN_FRONTEND", "noninteractive").stdout(std::process::Stdio::null()))
}

/// Makes sure that Python can make virtual environments; Debian keeps that part in a package of its own.
pub(crate) fn python_venv() -> Result<()> {
    ensure(&[PYTHON])?;
    let can = || output("python3", &["-c", "import venv, ensurepip"]).is_some();
    if !can() {
        println!("missing: Python's venv module (the bench tools get an environment of their own)");
        install(&["python3-venv"])?;
        if !can() {
            bail!("python3 still has no venv module after installing python3-venv");
        }
    }
    Ok(())
}

/// Makes sure that Node is new enough and npm is there.
pub(crate) fn node() -> Result<()> {
    const MAJOR_MIN: u32 = 20;
    let version =
        output("node", &["--version"]).context("Node.js is missing; the console is built with Node.js 20 or newer")?;
    let major: u32 = version.trim_start_matches('v').split('.').next().and_then(|n| n.parse().ok()).unwrap_or(0);
    if major < MAJOR_MIN {
        bail!("Node.js {version} is too old; the console is built with {MAJOR_MIN} or newer");
    }
    output("npm", &["--version"]).context("npm is missing; it comes with Node.js")?;
    Ok(())
}

/// Makes sure that a component of the Rust toolchain is there.
pub(crate) fn component(subcommand: &str, component: &str) -> Result<()> {
    if output("cargo", &[subcommand, "--version"]).is_some() {
        return Ok(());
    }
    println!("missing: cargo {subcommand}; adding the toolchain's component {component}");
    run(Command::new("rustup").args(["component", "add", component]))
        .with_context(|| format!("type: rustup component add {component}"))
}
