//! What the tracking cost: processor time and memory of this process.

use super::rows::Counts;
use serde_json::{Map, Value};

/// What it shows so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Meter {
    /// Processor time of the whole process, user and system, seconds.
    cpu_s: f64,
}

impl Meter {
    /// Does something that counts.
    pub(super) fn of<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let began_s = cpu_s();
        let out = work();
        self.cpu_s += cpu_s() - began_s;
        out
    }

    fn rate(&self, counts: &Counts) -> f64 {
        counts.detections as f64 / self.cpu_s.max(1e-9)
    }

    /// In a line.
    pub(super) fn text(&self, counts: &Counts) -> String {
        let memory = peak_memory_mib().map_or_else(String::new, |m| format!(", {m:.0} MiB at most"));
        format!(
            "{} detections, {} ticks in {:.3} CPU seconds: {:.0} detections a CPU second{memory}",
            counts.detections,
            counts.ticks,
            self.cpu_s,
            self.rate(counts)
        )
    }

    /// For a machine.
    pub(super) fn json(&self, counts: &Counts) -> Map<String, Value> {
        let all = serde_json::json!({
            "detections": counts.detections,
            "ticks": counts.ticks,
            "cpu_s": self.cpu_s,
            "detections_per_cpu_s": self.rate(counts),
            "peak_memory_mib": peak_memory_mib(),
        });
        match all {
            Value::Object(all) => all,
            _ => Map::new(),
        }
    }
}

/// Processor time of this process so far, user and system of all its threads, seconds.
fn cpu_s() -> f64 {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    t.tv_sec as f64 + t.tv_nsec as f64 / 1e9
}

/// Most memory this process ever had, MiB, by Linux's own account; `None` elsewhere.
fn peak_memory_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<f64>().ok().map(|kib| kib / 1024.0)
}
