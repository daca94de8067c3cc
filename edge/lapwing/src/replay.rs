//! `lapwing replay`: a journal or captures through the same line, as fast as it goes or paced, with the console or not.

use crate::bundle::Unpacked;
use crate::capture::{self, Capture};
use crate::config::{self, Config};
use crate::line::{self, Line};
use crate::live::Publisher;
use crate::summary::{Summary, event_line, rough};
use anyhow::{Context, anyhow, bail};
use lapwing_formats::Decoded;
use lapwing_journal::{Entry, Reader};
use lapwing_model::site::InputInfo;
use lapwing_model::{
    AirText, Event, InputId, Position, Reception, Rule, Sensor, SensorId, SensorKind, Site, Span, Time, Zone, limits,
};
use lapwing_server::{CommandRequest, Refusal};
use std::collections::{BTreeSet, VecDeque};
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Captures recorded further apart than this cannot describe one air picture.
const APART_MAX: Span = Span::from_seconds(86_400);
/// Time played on after the last reception, so that what falls silent is said to be silent and tracks end.
const AFTERMATH: Span = Span::from_seconds(120);

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A journal (folder or segment), a bundle of an incident, or captures (pcap, pcapng, raw, text; gzip or not). `INPUT=FILE` plays a capture as an
    /// input of the site
    #[arg(required = true)]
    files: Vec<String>,
    /// The site to play captures into; without it, one sensor a file and no zones but --zones
    #[arg(long)]
    site: Option<PathBuf>,
    /// GeoJSON file of zones to add
    #[arg(long)]
    zones: Vec<PathBuf>,
    /// Format of the captures, where neither site nor file name tells
    #[arg(long, short)]
    format: Option<String>,
    /// When captures belong on the time line: as recorded, all starting with the longest, or (auto) as recorded unless they
    /// lie more than a day apart
    #[arg(long, value_enum, default_value_t = Align::Auto)]
    align: Align,
    /// When a capture without times began (RFC 3339 or seconds since 1970)
    #[arg(long)]
    start: Option<String>,
    /// Time of reception of each message, one a line, for a single capture without times
    #[arg(long)]
    timestamps: Option<PathBuf>,
    /// Play at this many times real time; without it as fast as it goes
    #[arg(long)]
    speed: Option<f64>,
    /// Serve console and API on this loopback address meanwhile, and go on serving afterwards
    #[arg(long)]
    serve: Option<SocketAddr>,
    /// Write every event to this file, as JSON lines
    #[arg(long)]
    events: Option<PathBuf>,
    /// Print the summary as one JSON object (one a run, for a journal that holds several)
    #[arg(long)]
    json: bool,
}

/// Where captures belong on the time line.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Align {
    /// As recorded, unless more than a day apart: then all starting with the longest.
    Auto,
    /// As recorded.
    Recorded,
    /// All starting with the longest.
    Start,
}

pub(crate) fn replay(args: &Args, colour: bool) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let journal = journal_path(&args.files)?;
    // Kept until the end: its folder goes with it.
    let bundle = journal.as_deref().filter(|p| Unpacked::is_bundle(p)).map(Unpacked::open).transpose()?;
    let journal = bundle.as_ref().map(|b| b.journal().to_owned()).or(journal);
    let mut player = Player::new(args)?;
    match journal {
        Some(path) => {
            if args.site.is_some() || !args.zones.is_empty() {
                bail!("a journal brings its own site; --site and --zones are for captures");
            }
            play_journal(&path, &mut player, args, &runtime)?;
        }
        None => play_captures(args, &mut player, &runtime, colour)?,
    }
    player.finish(args)?;
    if player.differs {
        bail!("the replay differs from the run that wrote the journal");
    }
    if args.serve.is_some() && player.publisher.is_some() {
        eprintln!("the replay is over; serving its last picture until Ctrl-C");
        runtime.block_on(crate::live::stop_signal());
    }
    Ok(())
}

/// The journal among the files; there is one or none.
fn journal_path(files: &[String]) -> anyhow::Result<Option<PathBuf>> {
    let is_journal = |f: &&String| Path::new(f).is_dir() || f.ends_with(".mcap") || Unpacked::is_bundle(Path::new(f));
    match files.iter().filter(is_journal).count() {
        0 => Ok(None),
        1 if files.len() == 1 => Ok(files.first().map(PathBuf::from)),
        _ => bail!("a journal is replayed alone"),
    }
}

/// The line, and where its events go.
struct Player {
    line: Option<Line>,
    summary: Summary,
    sink: Option<std::io::BufWriter<std::fs::File>>,
    publisher: Option<Publisher>,
    speed: Option<f64>,
    /// Wall clock and picture time when the pacing began.
    began: Option<(Instant, Time)>,
    published: Instant,
    events: Vec<Event>,
    /// Events not yet compared with the journal's.
    produced: VecDeque<Vec<u8>>,
    compare: bool,
    compared: u64,
    /// Whether the run ended in order.
    stopped: bool,
    differs: bool,
}

impl Player {
    fn new(args: &Args) -> anyhow::Result<Self> {
        if args.speed.is_some_and(|s| !(s > 0.0 && s.is_finite())) {
            bail!("--speed: expected a number above 0");
        }
        let sink = match &args.events {
            Some(path) => {
                Some(std::io::BufWriter::new(std::fs::File::create(path).with_context(|| path.display().to_string())?))
            }
            None => None,
        };
        // With the console a replay is to be watched: real time, unless told otherwise.
        let speed = args.speed.or(args.serve.map(|_| 1.0));
        Ok(Self {
            line: None,
            summary: Summary::default(),
            sink,
            publisher: None,
            speed,
            began: None,
            published: Instant::now(),
            events: Vec::new(),
            produced: VecDeque::new(),
            compare: false,
            compared: 0,
            stopped: false,
            differs: false,
        })
    }

    /// Begins a run of `site`.
    fn begin(
        &mut self,
        site: Site,
        at: Time,
        position: Position,
        args: &Args,
        runtime: &tokio::runtime::Runtime,
    ) -> anyhow::Result<()> {
        if let (Some(address), None) = (args.serve, &self.publisher) {
            self.publisher = Some(serve(address, &site, at, runtime)?);
        }
        self.line = Some(Line::new(site, at, position)?);
        Ok(())
    }

    fn line(&mut self) -> anyhow::Result<&mut Line> {
        self.line.as_mut().ok_or_else(|| anyhow!("the journal does not begin with its site"))
    }

    fn take(&mut self, at: Time, position: Option<Position>, entry: Entry) -> anyhow::Result<()> {
        self.pace(at)?;
        let mut events = std::mem::take(&mut self.events);
        // Nobody is on the other end of a replayed connection: replies go nowhere.
        self.line()?.take(at, position, entry, &mut events, &mut Vec::new());
        self.deliver(events)
    }

    fn tick(&mut self, at: Time) -> anyhow::Result<()> {
        self.pace(at)?;
        self.pass(at)
    }

    /// Lets the line's time pass.
    fn pass(&mut self, at: Time) -> anyhow::Result<()> {
        let mut events = std::mem::take(&mut self.events);
        self.line()?.tick(at, &mut events);
        self.deliver(events)
    }

    fn deliver(&mut self, mut events: Vec<Event>) -> anyhow::Result<()> {
        for event in events.drain(..) {
            let line = event_line(&event);
            self.summary.event(&event, &line);
            if let Some(sink) = &mut self.sink {
                sink.write_all(&line)?;
            }
            if let Some(publisher) = &self.publisher {
                publisher.event(Arc::new(event));
            }
            if self.compare {
                self.produced.push_back(line);
            }
        }
        self.events = events;
        Ok(())
    }

    /// Waits until `at` is due, letting deadlines on the way have their time, and shows the picture meanwhile.
    fn pace(&mut self, at: Time) -> anyhow::Result<()> {
        let Some(speed) = self.speed else { return Ok(()) };
        let (wall, picture) = *self.began.get_or_insert((Instant::now(), at));
        loop {
            let played = Span::from_seconds_f64(wall.elapsed().as_secs_f64() * speed);
            let left_s = at.since(picture + played).as_seconds_f64() / speed;
            if left_s <= 0.0 {
                self.publish(false);
                return Ok(());
            }
            self.pass(picture + played)?;
            self.publish(false);
            std::thread::sleep(Duration::from_secs_f64(left_s.min(0.1)));
        }
    }

    fn publish(&mut self, now: bool) {
        if let (Some(publisher), Some(line)) = (&self.publisher, &self.line)
            && (now || self.published.elapsed() > Duration::from_millis(200))
        {
            publisher.snapshot(line.snapshot());
            self.published = Instant::now();
        }
    }

    /// Holds the journal's event against the replay's.
    fn compare(&mut self, recorded: &Event) {
        let expected = event_line(recorded);
        match self.produced.pop_front() {
            Some(got) if got == expected => self.compared += 1,
            got => {
                if !self.differs {
                    let shown =
                        got.map_or_else(|| "nothing".to_owned(), |l| String::from_utf8_lossy(&l).trim_end().to_owned());
                    eprintln!(
                        "event {} differs:\n  recorded {}\n  replayed {shown}",
                        recorded.sequence,
                        String::from_utf8_lossy(&expected).trim_end()
                    );
                }
                self.differs = true;
            }
        }
    }

    fn finish(&mut self, args: &Args) -> anyhow::Result<()> {
        if self.line.is_none() {
            bail!("nothing to replay");
        }
        self.publish(true);
        self.end_run(args)?;
        if let Some(sink) = &mut self.sink {
            sink.flush()?;
        }
        Ok(())
    }

    /// Sums up one run of the server; a journal holds as many as it was started.
    fn end_run(&mut self, args: &Args) -> anyhow::Result<()> {
        let Some(line) = &self.line else { return Ok(()) };
        let snapshot = line.snapshot();
        let mut summary = std::mem::take(&mut self.summary);
        summary.finish(&snapshot);
        // What the replay says beyond the journal's last word was on its way when the writer was killed; after an orderly
        // end there is nothing beyond it.
        if std::mem::take(&mut self.stopped) && !self.produced.is_empty() {
            eprintln!("the replay says {} events that the run did not", self.produced.len());
            self.differs = true;
        }
        self.produced.clear();
        let compared = std::mem::take(&mut self.compared);
        let mut out = std::io::stdout().lock();
        if args.json {
            let mut json = summary.json(&snapshot);
            if let (true, Some(all)) = (self.compare, json.as_object_mut()) {
                all.insert("compared".to_owned(), compared.into());
                all.insert("identical".to_owned(), (!self.differs).into());
            }
            writeln!(out, "{json}")?;
        } else {
            write!(out, "{}", summary.text(&snapshot))?;
            if self.compare && !self.differs {
                writeln!(out, "Identical to the run that wrote the journal: {compared} events compared")?;
            }
        }
        Ok(())
    }
}

fn serve(address: SocketAddr, site: &Site, at: Time, runtime: &tokio::runtime::Runtime) -> anyhow::Result<Publisher> {
    let (publisher, mut commands, feeds) = Publisher::new(site, at);
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind(address))
        .with_context(|| format!("cannot listen on {address}"))?;
    eprintln!("console on http://{}", listener.local_addr()?);
    let serving = lapwing_server::serve(listener, feeds, crate::live::stop_signal());
    runtime.spawn(async move {
        if let Err(error) = serving.await {
            eprintln!("error: the server ended: {error}");
        }
    });
    runtime.spawn(async move { refuse_all(&mut commands).await });
    Ok(publisher)
}

/// The past takes no orders.
async fn refuse_all(commands: &mut mpsc::Receiver<CommandRequest>) {
    while let Some(request) = commands.recv().await {
        let _ = request
            .answer
            .send(Err(Refusal::Conflict("this is a replay: nothing in it can be acknowledged".to_owned())));
    }
}

fn play_journal(
    path: &Path,
    player: &mut Player,
    args: &Args,
    runtime: &tokio::runtime::Runtime,
) -> anyhow::Result<()> {
    player.compare = true;
    for item in Reader::open(path)? {
        let (position, at, entry) = match item {
            Ok(item) => item,
            Err(damage) => {
                eprintln!("warning: {damage}");
                continue;
            }
        };
        match entry {
            // Each start of the server begins with its site: a new run, a new picture.
            Entry::Site { site, version } => {
                if version != env!("CARGO_PKG_VERSION") {
                    eprintln!(
                        "warning: written by version {version}, replayed by {}: events may differ",
                        env!("CARGO_PKG_VERSION")
                    );
                }
                player.end_run(args)?;
                player.begin(site.clone(), at, position, args, runtime)?;
                player.take(at, Some(position), Entry::Site { site, version })?;
            }
            Entry::Event(event) => {
                // What a deadline brought between two entries is in the journal only as this event.
                player.tick(at)?;
                player.compare(&event);
            }
            // The record's own story: the picture did not hear of it.
            Entry::Audit(_) => {}
            entry => {
                player.stopped = matches!(entry, Entry::Stop);
                player.take(at, Some(position), entry)?;
            }
        }
    }
    Ok(())
}

/// A capture on its way into the picture.
struct Feed {
    input: InputId,
    name: String,
    pieces: VecDeque<Reception>,
}

fn play_captures(
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
    player.begin(site, first, Position::default(), args, runtime)?;
    let mut last = first;
    let mut played = 0_u64;
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
    player.tick(last + AFTERMATH)
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
