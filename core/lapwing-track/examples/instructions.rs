//! Kernels to count instructions of, as under `valgrind --tool=callgrind`: nothing here reads a clock.
//!
//! `cargo run -p lapwing-track --release --example instructions -- --list` tells their names, one a line;
//! `-- NAME` runs that kernel 10,000 times, after it has settled.

#[path = "../benches/scenes/mod.rs"]
mod scenes;

use std::process::ExitCode;

const TIMES: usize = 10_000;

#[allow(clippy::disallowed_methods, reason = "an example has arguments; the crate itself has none")]
fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_default();
    if name == "--list" {
        for (name, _) in scenes::KERNELS {
            println!("{name}");
        }
        return ExitCode::SUCCESS;
    }
    let Some((_, make)) = scenes::KERNELS.iter().find(|(known, _)| *known == name) else {
        eprintln!("usage: instructions --list | NAME");
        return ExitCode::FAILURE;
    };
    let mut kernel = make();
    for _ in 0..TIMES {
        kernel.step();
    }
    println!("{name}: {} tracks after {TIMES} steps", kernel.tracks());
    ExitCode::SUCCESS
}
