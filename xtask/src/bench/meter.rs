//! Processor time of another process, as the kernel counts it: both trackers are held against the same clock.

use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;

/// Runs a command and writes its user and system seconds. In Python because Rust's standard library has no `getrusage`.
const SCRIPT: &str = "\
import resource, subprocess, sys
code = subprocess.call(sys.argv[2:])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
open(sys.argv[1], 'w').write(str(used.ru_utime + used.ru_stime))
sys.exit(code)
";

/// What a process printed and used.
pub(crate) struct Metered {
    /// Its standard output.
    pub(crate) stdout: String,
    /// Its processor time, user and system, start-up included.
    pub(crate) cpu_s: f64,
}

/// Runs a command to its end; `scratch` is a folder for the meter's file. Its standard error is shown only if it fails.
pub(crate) fn run(python: &Path, scratch: &Path, command: &Command) -> Result<Metered> {
    let used = scratch.join("cpu-seconds");
    let shown = format!("{command:?}");
    let mut meter = Command::new(python);
    meter.args(["-c", SCRIPT]).arg(&used).arg(command.get_program()).args(command.get_args());
    let output = meter.output().with_context(|| format!("cannot start {shown}"))?;
    if !output.status.success() {
        bail!("failed ({}): {shown}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    let cpu_s = std::fs::read_to_string(&used).with_context(|| used.display().to_string())?.trim().parse()?;
    std::fs::remove_file(&used)?;
    Ok(Metered { stdout: String::from_utf8_lossy(&output.stdout).into_owned(), cpu_s })
}
