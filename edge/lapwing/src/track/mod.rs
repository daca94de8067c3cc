//! `lapwing track`: a bench's detections (format `lapwing-bench/1`) through the same picture as the server's, and the
//! picture at each of its ticks; with a meter around it.
//!
//! Of the scenario only what a tracker may know is read (`scenario`), never its truth. Some thousand detections are read and made
//! into inputs (`sensors`, `rows`); then the meter starts, the line takes them one after the other, and the rows of the answer are
//! written into memory (`drive`, `writer`); then the meter stops, those rows go to the file, and the next are read. So a file may
//! be larger than the memory.

mod arguments;
mod books;
mod drive;
mod families;
mod frame;
mod hints;
mod meter;
mod output;
mod rows;
mod scenario;
mod sensors;
mod tracker_config;
mod writer;

pub(crate) use arguments::Args;

use anyhow::{Context, anyhow};
use output::Output;
use std::fs::File;
use std::io::{BufReader, Write};

/// Read from the file at once, bytes.
const FILE_BUFFER: usize = 1 << 16;

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
    let config = tracker_config::tracker_config(&scenario, &posts, &tuning);
    let from = args.detections.display().to_string();
    let file = File::open(&args.detections).with_context(|| from.clone())?;
    let out = Output::new(&args.output, args.inputs());
    let mut detections = rows::Detections::new(BufReader::with_capacity(FILE_BUFFER, file), &scenario, &posts);
    let outcome = drive::drive(&scenario, &posts, config, (&mut detections, &from), out);
    detections.bad().tell(&from);
    let outcome = outcome?;
    let counts = detections.counts();
    let books = books::Books::new(&outcome.ledgers, detections.bad().count);
    eprintln!("{}: {}\n{}", scenario.name, outcome.meter.text(&counts), books.text());
    if args.json {
        let mut all = outcome.meter.json(&counts);
        books.add_to(&mut all);
        writeln!(std::io::stdout().lock(), "{}", serde_json::Value::Object(all))?;
    }
    Ok(())
}
