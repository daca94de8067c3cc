//! Captures played into a site.

use super::{Align, Args, Player};
use crate::capture::{self, Capture};
use crate::config::{self, Config};
use crate::line;
use crate::summary::rough;
use anyhow::{Context, anyhow, bail};
use lapwing_formats::Decoded;
use lapwing_journal::Entry;
use lapwing_model::site::InputInfo;
use lapwing_model::{
    AirText, InputId, Position, Reception, Rule, Sensor, SensorId, SensorKind, Site, Span, Time, Zone, limits,
};
use std::collections::{BTreeSet, VecDeque};
use std::path::Path;

/// Captures recorded further apart than this cannot describe one air picture.
const APART_MAX: Span = Span::from_seconds(86_400);
/// Time played on after the last reception, so that what falls silent is said to be silent and tracks end.
const AFTERMATH: Span = Span::from_seconds(120);

/// A capture on its way into the picture.
struct Feed {
    input: InputId,
    name: String,
    pieces: VecDeque<Reception>,
}

pub(super) fn play(
    args: &Args,
    player: &mut Player,
    runtime: &tokio::runtime::Runtime,
    colour: bool,
) -> anyhow::Result<()> {
    let config = match &args.site {
        Some(path) => Some(config::load(path).map_err(|problems| {
            eprint!("{}", problems.render(colour));
            anyhow!("{} cannot be used", path.display())
        })?),
        None => None,
    };
    let (site, mut feeds) = site_and_feeds(args, config)?;
    align(&mut feeds, args.align);
    let first = feeds.iter().filter_map(|f| f.pieces.front()).map(|r| r.received_at).min();
    let first = first.ok_or_else(|| anyhow!("nothing in {} to replay", args.files.join(", ")))?;
    player.begin(site.clone(), first, Position::default(), args, runtime)?;
    let mut last = first;
    let mut played = 0_u64;
    if player.record.is_some() {
        // As a live run begins.
        let entry = Entry::Site { site, version: env!("CARGO_PKG_VERSION").to_owned(), resumed: None };
        player.take(first, Some(Position(0)), entry)?;
        played += 1;
    }
    // The earliest next reception of all feeds; of equals the feed named first.
    while let Some(next) = feeds
        .iter()
        .enumerate()
        .filter_map(|(i, f)| Some((f.pieces.front()?.received_at, i)))
        .min()
        .and_then(|(_, i)| feeds.get_mut(i)?.pieces.pop_front())
    {
        last = last.max(next.received_at);
        player.take(last, Some(Position(played)), Entry::Reception(next))?;
        played += 1;
    }
    player.tick(last + AFTERMATH)?;
    if player.record.is_some() {
        player.take(last + AFTERMATH, None, Entry::Stop)?;
    }
    Ok(())
}

/// The site with one input a capture, and the captures' receptions.
fn site_and_feeds(args: &Args, config: Option<Config>) -> anyhow::Result<(Site, Vec<Feed>)> {
    let mut site = config.map_or_else(
        || Site {
            name: AirText::new("replay"),
            sensors: Vec::new(),
            inputs: Vec::new(),
            zones: Vec::new(),
            rules: Rule::defaults(),
            authorised: Vec::new(),
        },
        |c| c.site,
    );
    for path in &args.zones {
        site.zones.extend(zones_of(path)?);
    }
    let configured = site.inputs.clone();
    site.inputs.clear();
    let mut feeds = Vec::new();
    for (number, file) in args.files.iter().enumerate() {
        let (bound, path) = match file.split_once('=') {
            Some((input, path)) if !Path::new(file).exists() => {
                let known = configured.iter().find(|i| i.id.as_str() == input);
                (Some(known.ok_or_else(|| anyhow!("{file}: the site has no input `{input}`"))?.clone()), path)
            }
            _ => (None, file.as_str()),
        };
        let capture = Capture::read(Path::new(path))?;
        let info = match bound {
            Some(info) => info,
            None => new_input(&mut site, args, &capture, number, path)?,
        };
        feeds.push(feed(args, &info, &capture)?);
        if site.inputs.iter().any(|i| i.id == info.id) {
            bail!("input `{}` is played twice", info.id);
        }
        site.inputs.push(info);
    }
    Ok((site, feeds))
}

fn zones_of(path: &Path) -> anyhow::Result<Vec<Zone>> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let stem = path.file_stem().and_then(|s| s.to_str()).unwrap_or("zone");
    crate::zones::from_geojson(stem, &text).map_err(|errors| anyhow!("{}: {}", path.display(), errors.join("\n  ")))
}

/// An input and a sensor of its own for a capture no input is named for.
fn new_input(site: &mut Site, args: &Args, capture: &Capture, number: usize, path: &str) -> anyhow::Result<InputInfo> {
    let format = args
        .format
        .as_deref()
        .or_else(|| capture.likely_format())
        .ok_or_else(|| anyhow!("{path}: neither its name nor its content tells the format; give --format"))?;
    let stem = Path::new(path).file_stem().and_then(|s| s.to_str()).unwrap_or("capture");
    let clean: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(48).collect();
    let name = format!("{}-{}", number + 1, clean.trim_matches('-'));
    let kind = match format {
        "remote-id" | "dronescout" => SensorKind::RemoteId,
        "mode-s" | "sbs" | "aircraft-json" => SensorKind::Adsb,
        _ => SensorKind::Other,
    };
    let sensor = Sensor::new(SensorId::new(&name)?, kind, None, Span::from_seconds(10));
    let info = InputInfo {
        id: InputId::new(&name)?,
        format: AirText::new(format),
        transport: AirText::new("capture"),
        sensor: sensor.id.clone(),
        format_options: String::new(),
    };
    // Reports that name a sensor of their own belong to that one: here it is known by what it says alone.
    let named = named_sensors(capture, format)?.into_iter().filter(|id| site.sensors.iter().all(|s| s.id != *id));
    let named: Vec<Sensor> = named.map(|id| Sensor { id, ..sensor.clone() }).collect();
    site.sensors.extend(named);
    site.sensors.push(sensor);
    Ok(info)
}

/// The sensors that reports of a capture name.
fn named_sensors(capture: &Capture, format: &str) -> anyhow::Result<BTreeSet<SensorId>> {
    let mut decoder = line::decoder(format, "")?;
    let (mut decoded, mut named) = (Decoded::new(), BTreeSet::new());
    for piece in capture.pieces().0 {
        decoded.clear();
        decoder.decode(piece.received_at.unwrap_or_default(), &piece.envelope, &piece.bytes, &mut decoded);
        let new = decoded.reports.iter().filter_map(|f| f.report.sensor());
        named.extend(new.take(limits::SENSORS_MAX.saturating_sub(named.len())).cloned());
    }
    Ok(named)
}

fn feed(args: &Args, info: &InputInfo, capture: &Capture) -> anyhow::Result<Feed> {
    let start = args
        .start
        .as_deref()
        .map(|t| capture::parse_time(t).ok_or_else(|| anyhow!("--start: `{t}` is not a time")))
        .transpose()?;
    let (format, options) = (info.format.as_str(), info.format_options.as_str());
    let (pieces, damage) = match &args.timestamps {
        Some(path) => (capture.pieces_at(format, options, &capture::read_times(path)?)?, None),
        None => capture.timed_pieces(format, options, start)?,
    };
    if let Some(damage) = damage {
        eprintln!("warning: {damage}");
    }
    let mut pieces: Vec<Reception> =
        pieces.into_iter().filter_map(|p| p.into_reception(&info.id, Span::ZERO)).collect();
    // A capture merged from several can go back in time; within equal times the file's order holds.
    pieces.sort_by_key(|r| r.received_at);
    Ok(Feed { input: info.id.clone(), name: capture.name.clone(), pieces: pieces.into() })
}

/// Moves captures on the time line so that they start together, where that is asked for or is the only sense they make.
fn align(feeds: &mut [Feed], how: Align) {
    let spans: Vec<(Time, Time)> =
        feeds.iter().filter_map(|f| Some((f.pieces.front()?.received_at, f.pieces.back()?.received_at))).collect();
    let mut sorted = spans.clone();
    sorted.sort();
    let apart = sorted.windows(2).filter_map(|w| Some(w.get(1)?.0.since(w.first()?.1))).max().unwrap_or(Span::ZERO);
    let together = match how {
        Align::Auto => apart > APART_MAX,
        Align::Recorded => false,
        Align::Start => true,
    };
    // The longest stays where it was recorded: time stamps within a moved capture no longer agree with its time of
    // reception, and that should trouble as little of the picture as possible.
    let longest = spans.iter().copied().reduce(|a, b| if b.1.since(b.0) > a.1.since(a.0) { b } else { a });
    let Some((anchor, _)) = longest.filter(|_| together) else { return };
    for feed in feeds {
        let Some(first) = feed.pieces.front().map(|r| r.received_at) else { continue };
        let shift = anchor.since(first);
        if shift != Span::ZERO {
            eprintln!(
                "note: {} ({}) was recorded {} {} the longest capture; it is played beside it, so its time stamps may look wrong (--align recorded keeps its time)",
                feed.name,
                feed.input,
                rough(shift.abs()),
                if shift < Span::ZERO { "after" } else { "before" },
            );
        }
        for reception in &mut feed.pieces {
            reception.received_at = reception.received_at + shift;
        }
    }
}
