//! Writes the receptions of a simulated site into a new journal, as fast as they can be made: what a live run would have
//! received in that time. `lapwing replay --record` makes a whole journal of it.

// The ban list is for core/: this crate is where files, clocks and threads live.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

#[path = "shared/scenario.rs"]
mod shared;

use anyhow::Context;
use clap::Parser;
use lapwing_journal::{Entry, Journal, Options};
use lapwing_model::site::InputInfo;
use lapwing_model::{
    Coverage, Envelope, ErrorModel, InputId, Link, Reception, Rule, Sensor, SensorId, SensorKind, Site, Span, Time,
};
use lapwing_sim::Simulation;
use shared::{ORIGIN, SENSORS, datagrams, scenario};
use std::path::PathBuf;

#[derive(Parser)]
struct Args {
    /// The folder of the new journal
    #[arg(long)]
    out: PathBuf,
    /// How long, seconds
    #[arg(long, default_value_t = 3_600)]
    seconds: u64,
    /// Reports a second, all sensors together
    #[arg(long, default_value_t = 1_000)]
    rate: u32,
}

/// When it began: any time will do, the same each time is best.
const BEGAN: Time = Time::from_seconds(1_777_627_800);
const FORMATS: [(&str, &str, SensorKind); 4] = [
    ("json", "udp", SensorKind::Radar),
    ("json", "udp", SensorKind::Radar),
    ("dronescout", "http", SensorKind::RemoteId),
    ("mode-s", "tcp", SensorKind::Adsb),
];

fn site() -> anyhow::Result<Site> {
    let (mut sensors, mut inputs) = (Vec::new(), Vec::new());
    for (name, (format, transport, kind)) in SENSORS.iter().zip(FORMATS) {
        let id = SensorId::new(name)?;
        let mut sensor = Sensor::new(id.clone(), kind, Some(ORIGIN), Span::from_seconds(1));
        if kind == SensorKind::Radar {
            let (range_max_m, detection_probability) = (Some(12_000.0), Some(0.95));
            sensor.coverage = Coverage { range_max_m, detection_probability, ..Coverage::default() };
            sensor.error = ErrorModel {
                range_sd_m: Some(8.0),
                azimuth_sd_deg: Some(0.2),
                elevation_sd_deg: Some(0.3),
                range_rate_sd_mps: Some(0.5),
                ..ErrorModel::default()
            };
        }
        sensors.push(sensor);
        inputs.push(InputInfo {
            id: InputId::new(name)?,
            format: format.into(),
            transport: transport.into(),
            sensor: id,
            format_options: String::new(),
        });
    }
    let (rules, zones, authorised) = (Rule::defaults(), Vec::new(), Vec::new());
    Ok(Site { name: "hour".into(), sensors, inputs, zones, rules, authorised })
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let mut journal = Journal::open(&args.out, Options::default())?;
    let site = site()?;
    let inputs: Vec<InputId> = site.inputs.iter().map(|i| i.id.clone()).collect();
    journal.append(BEGAN, &Entry::Site { site, version: env!("CARGO_PKG_VERSION").to_owned(), resumed: None })?;
    for input in &inputs {
        journal.append(BEGAN, &Entry::Link { input: input.clone(), link: Link::Up })?;
    }
    let (mut offset, mut last, mut receptions, mut unsynced) = (0, BEGAN, 0_u64, 0);
    for emission in Simulation::new(scenario(args.rate, args.seconds), BEGAN) {
        last = last.max(emission.at);
        let input = inputs.get(emission.sensor).context("a sensor that is not simulated")?;
        let pieces = match emission.sensor {
            0 | 1 => datagrams(&emission.bytes),
            _ => vec![emission.bytes.as_slice()],
        };
        for bytes in pieces {
            let envelope = match emission.sensor {
                0 | 1 => Envelope::Datagram,
                2 => Envelope::Message { topic: "/".to_owned() },
                _ => Envelope::Stream { connection: 1, offset },
            };
            if emission.sensor == 3 {
                offset += bytes.len() as u64;
            }
            let reception = Reception { input: input.clone(), received_at: last, envelope, bytes: bytes.to_vec() };
            journal.append_reception(last, &reception)?;
            (receptions, unsynced) = (receptions + 1, unsynced + bytes.len());
            if unsynced > 16 << 20 {
                journal.sync()?;
                unsynced = 0;
            }
        }
    }
    journal.append(last, &Entry::Stop)?;
    journal.close()?;
    println!("{receptions} receptions over {:.0} s", last.since(BEGAN).as_seconds_f64());
    Ok(())
}
