//! `lapwing check`: validates a configuration file.

use crate::config;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The site's configuration file.
    site: PathBuf,
    /// Print the result as one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn check(args: &Args, colour: bool) -> ExitCode {
    match config::load(&args.site) {
        Ok(config) => {
            let site = &config.site;
            if args.json {
                println!("{}", serde_json::json!({"ok": true, "problems": []}));
            } else {
                println!(
                    "{}: ok ({} sensors, {} inputs, {} outputs, {} zones, {} rules, {} authorised flights)",
                    args.site.display(),
                    site.sensors.len(),
                    site.inputs.len(),
                    config.outputs.len(),
                    site.zones.len(),
                    site.rules.len(),
                    site.authorised.len(),
                );
            }
            ExitCode::SUCCESS
        }
        Err(problems) => {
            if args.json {
                println!("{}", serde_json::json!({"ok": false, "problems": problems.list()}));
            } else {
                eprint!("{}", problems.render(colour));
                eprintln!(
                    "{}: {} problem{}",
                    args.site.display(),
                    problems.len(),
                    if problems.len() == 1 { "" } else { "s" }
                );
            }
            ExitCode::FAILURE
        }
    }
}
