//! A line saved and restored at any entry goes on to the byte: over real captures, and over a simulated site whose reports
//! come late and out of order.

use super::*;
use crate::capture::Capture;
use crate::config;
use crate::summary::event_line;
use lapwing_model::site::InputInfo;
use lapwing_model::{Envelope, InputId, Reception, Rule, Sensor, SensorId, SensorKind, Span};
use lapwing_sim::{Random, Scenario, Simulation};
use std::path::{Path, PathBuf};

/// Entries that are compared after each cut.
const COMPARED: usize = 1_500;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Plays everything once, saving at each cut; then plays on from each cut and compares.
fn resumes_to_the_byte(site: Site, receptions: Vec<Reception>, cuts: &[usize]) -> usize {
    let began = receptions.first().expect("something was received").received_at;
    let mut line = Line::new(site.clone(), began, Position(0)).unwrap();
    let entries: Vec<(Time, Entry)> =
        std::iter::once((began, Entry::Site { site, version: "1".to_owned(), resumed: None }))
            .chain(receptions.into_iter().map(|r| (r.received_at, Entry::Reception(r))))
            .collect();
    let (mut said, mut saved) = (Vec::new(), Vec::new());
    let (mut events, mut sizes) = (Vec::new(), 0);
    for (i, (at, entry)) in entries.iter().enumerate() {
        if cuts.contains(&i) {
            saved.push((i, line.save(0).unwrap()));
        }
        line.take(*at, Some(Position(i as u64)), entry.clone(), &mut events, &mut Vec::new());
        said.push(events.drain(..).flat_map(|e| event_line(&e)).collect::<Vec<u8>>());
    }
    for (cut, state) in &saved {
        let mut line = Line::restore(state).unwrap();
        assert_eq!(&line.save(0).unwrap(), state, "saved again at {cut} it is the same");
        for (i, (at, entry)) in entries.iter().enumerate().skip(*cut).take(COMPARED) {
            line.take(*at, Some(Position(i as u64)), entry.clone(), &mut events, &mut Vec::new());
            let got: Vec<u8> = events.drain(..).flat_map(|e| event_line(&e)).collect();
            if got != said[i] {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                panic!("cut at {cut}, entry {i}: said\n{}\nand now\n{}", text(&said[i]), text(&got));
            }
        }
        sizes += state.len();
    }
    assert_eq!(saved.len(), cuts.len());
    assert!(said.iter().map(Vec::len).sum::<usize>() > 10_000, "something happens in it");
    sizes
}

/// A site of captures, each an input and a sensor of its own.
fn captured(files: &[(&str, &str, SensorKind)]) -> (Site, Vec<Reception>) {
    let (mut site, mut all) = (
        Site {
            name: "captures".into(),
            sensors: Vec::new(),
            inputs: Vec::new(),
            zones: Vec::new(),
            rules: Rule::defaults(),
            authorised: Vec::new(),
        },
        Vec::new(),
    );
    for (file, format, kind) in files {
        let name = format!("{format}-{}", site.inputs.len());
        let (id, input) = (SensorId::new(&name).unwrap(), InputId::new(&name).unwrap());
        site.sensors.push(Sensor::new(id.clone(), *kind, None, Span::from_seconds(5)));
        site.inputs.push(InputInfo {
            id: input.clone(),
            format: (*format).into(),
            transport: "capture".into(),
            sensor: id,
            format_options: String::new(),
        });
        let capture = Capture::read(&root().join("testdata/formats").join(file)).unwrap();
        let start = Some(Time::from_seconds(1_680_365_730));
        let (pieces, _) = capture.timed_pieces(format, "", start).unwrap();
        let began = pieces.iter().find_map(|p| p.received_at).unwrap();
        // All as of one time, so that they meet in one picture.
        let shift = start.unwrap().since(began);
        all.extend(pieces.into_iter().take(6_000).filter_map(|p| p.into_reception(&input, shift)));
    }
    all.sort_by_key(|r: &Reception| r.received_at);
    (site, all)
}

#[test]
fn over_real_captures() {
    let (site, receptions) = captured(&[
        ("remote-id/parrot_anafi_real.pcapng.gz", "remote-id", SensorKind::RemoteId),
        ("remote-id/parrot_anafi_spoofed.pcapng", "remote-id", SensorKind::RemoteId),
        ("remote-id/odid_wifi_bcn_sample.pcap", "remote-id", SensorKind::RemoteId),
        ("mode-s/long_flight.beast.gz", "mode-s", SensorKind::Adsb),
    ]);
    let n = receptions.len();
    let mut random = Random::new(3);
    let cuts: Vec<usize> = (0..14)
        .map(|_| 1 + random.bits() as usize % (n - 1))
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect();
    resumes_to_the_byte(site, receptions, &cuts);
}

#[test]
fn over_a_simulated_site_with_late_reports() {
    let folder = root().join("examples/demo");
    let site = match config::load(&folder.join("site.toml")) {
        Ok(config) => config.site,
        Err(problems) => panic!("{}", problems.render(false)),
    };
    let text = std::fs::read_to_string(folder.join("scenario.json")).unwrap();
    let mut scenario: Scenario = serde_json::from_str(&text).unwrap();
    scenario.duration_s = scenario.duration_s.min(90.0);
    let inputs: Vec<InputInfo> = scenario
        .sensors
        .iter()
        .map(|s| site.inputs.iter().find(|i| i.sensor.as_str() == s.id).expect("an input of the sensor").clone())
        .collect();
    let mut random = Random::new(7);
    let mut receptions: Vec<(Time, usize, Vec<u8>)> = Simulation::new(scenario, Time::from_seconds(1_777_627_800))
        .map(|e| {
            // One in five is late, by up to three seconds.
            let late_ms = if random.bits() % 5 == 0 { random.bits() % 3_000 } else { 0 };
            (e.at + Span::from_millis(late_ms as i64), e.sensor, e.bytes)
        })
        .collect();
    receptions.sort_by_key(|(at, sensor, _)| (*at, *sensor));
    let mut offsets = vec![0; inputs.len()];
    let receptions: Vec<Reception> = receptions
        .into_iter()
        .map(|(received_at, sensor, bytes)| {
            let offset = offsets[sensor];
            offsets[sensor] += bytes.len() as u64;
            let envelope = match inputs[sensor].transport.as_str() {
                "udp" => Envelope::Datagram,
                "tcp" => Envelope::Stream { connection: 1, offset },
                _ => Envelope::Message { topic: "/".to_owned() },
            };
            Reception { input: inputs[sensor].id.clone(), received_at, envelope, bytes }
        })
        .collect();
    let n = receptions.len();
    let cuts: Vec<usize> = (1..=30).map(|i| i * n / 31).collect();
    resumes_to_the_byte(site, receptions, &cuts);
}
