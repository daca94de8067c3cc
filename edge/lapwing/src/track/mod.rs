//! `lapwing track`: a bench's detections (format `lapwing-bench/1`) through the same picture as the server's, and the
//! picture at each of its ticks; with a meter around it.
//!
//! Of the scenario only what a tracker may know is read (`scenario`), never its truth. Everything is read and made into
//! inputs first (`sensors`, `rows`); then the meter starts, the line takes the inputs one after the other, and the rows
//! of the answer are written into memory (`drive`, `writer`); then the meter stops.

mod arguments;
mod books;
mod drive;
mod families;
mod frame;
mod hints;
mod meter;
mod rows;
mod scenario;
mod sensors;
mod tracker_config;
mod writer;

pub(crate) use arguments::Args;

use anyhow::{Context, anyhow};
use std::io::Write;

pub(crate) fn track(args: &Args, colour: bool) -> anyhow::Result<()> {
    let scenario = scenario::read(&args.scenario)?;
    let mut posts = sensors::read(&args.sensors, &scenario)?;
    let tuning = families::tuning(&scenario.name, args.tuning.as_deref()).map_err(|problems| {
        eprint!("{}", problems.render(colour));
        anyhow!("the tuning cannot be used")
    })?;
    if let Some(expected) = tuning.biases() {
        posts.expect_biases(expected);
    }
    let text = std::fs::read(&args.detections).with_context(|| args.detections.display().to_string())?;
    let detections = rows::read(&text, &scenario, &posts);
    drop(text);
    let shown = args.detections.display().to_string();
    detections.bad.tell(&shown);
    let (counts, bad) = (detections.counts, detections.bad.count);
    let config = tracker_config::tracker_config(&scenario, &posts, &tuning);
    let outcome = drive::drive(&scenario, &posts, config, detections)?;
    std::fs::write(&args.output, &outcome.tracks).with_context(|| args.output.display().to_string())?;
    let books = books::Books::new(&outcome.ledgers, bad);
    eprintln!("{}: {}\n{}", scenario.name, outcome.meter.text(&counts), books.text());
    if args.json {
        let mut all = outcome.meter.json(&counts);
        books.add_to(&mut all);
        writeln!(std::io::stdout().lock(), "{}", serde_json::Value::Object(all))?;
    }
    Ok(())
}
