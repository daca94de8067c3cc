//! `lapwing replay`: a journal or captures through the same line, as fast as it goes or paced, with the console or not.

mod captures;
mod journal;
mod record;

use crate::bundle::Unpacked;
use crate::line::Line;
use crate::live::Publisher;
use crate::summary::{Summary, event_line};
use anyhow::{Context, anyhow, bail};
use lapwing_journal::Entry;
use lapwing_model::{Event, Position, Site, Span, Time};
use lapwing_picture::Input;
use lapwing_server::{CommandRequest, Refusal};
use record::Recording;
use std::collections::VecDeque;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

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
    /// Begin at this instant of a journal (RFC 3339 time, or position of an entry): what comes before is only played, from the
    /// nearest snapshot on
    #[arg(long)]
    from: Option<String>,
    /// Threads for a journal: with 2 it is read and decoded ahead of the picture
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    threads: u8,
    /// Print only the number of events and their hash, one line a run
    #[arg(long, conflicts_with = "json")]
    hash: bool,
    /// Serve console and API on this loopback address meanwhile, and go on serving afterwards
    #[arg(long)]
    serve: Option<SocketAddr>,
    /// Write every event to this file, as JSON lines
    #[arg(long)]
    events: Option<PathBuf>,
    /// Write what is played and what the picture says to a new journal in this folder, as a live run does
    #[arg(long, conflicts_with_all = ["from", "threads"])]
    record: Option<PathBuf>,
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
            journal::play(&path, &mut player, args, &runtime)?;
        }
        None => {
            if args.from.is_some() {
                bail!("--from is for journals");
            }
            captures::play(args, &mut player, &runtime, colour)?;
        }
    }
    player.finish(args)?;
    if player.differs {
        bail!("the replay differs from the run that wrote the journal");
    }
    if args.serve.is_some() && player.publisher.is_some() {
        eprintln!("the replay is over; serving its last picture until Ctrl-C");
        runtime.block_on(async { crate::live::stop_signal().await });
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
    /// Not yet where the replay is to begin: what happens is played and compared, not told.
    quiet: bool,
    /// Where everything is written as a live run writes it.
    record: Option<Recording>,
    /// Only the hash is wanted: nothing else is gathered.
    hash: bool,
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
            quiet: false,
            record: args.record.as_deref().map(Recording::new).transpose()?,
            hash: args.hash,
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
        self.show(&site, at, args, runtime)?;
        self.line = Some(Line::new(site, at, position)?);
        Ok(())
    }

    /// Serves the console, where that is wanted and not done yet.
    fn show(&mut self, site: &Site, at: Time, args: &Args, runtime: &tokio::runtime::Runtime) -> anyhow::Result<()> {
        if let (Some(address), None) = (args.serve, &self.publisher) {
            self.publisher = Some(serve(address, site, at, runtime)?);
        }
        Ok(())
    }

    /// Whether what happens from now on is told.
    fn listen(&mut self, reached: bool) {
        if reached && self.quiet {
            self.quiet = false;
            self.publish(true);
        }
    }

    fn line(&mut self) -> anyhow::Result<&mut Line> {
        self.line.as_mut().ok_or_else(|| anyhow!("the journal does not begin with its site"))
    }

    fn take(&mut self, at: Time, position: Option<Position>, entry: Entry) -> anyhow::Result<()> {
        self.pace(at)?;
        let position = self.recorded(at, position, &entry)?;
        let mut events = std::mem::take(&mut self.events);
        // Nobody is on the other end of a replayed connection: replies go nowhere.
        self.line()?.take(at, position, entry, &mut events, &mut Vec::new());
        self.deliver(events)
    }

    /// Records an entry, where that is wanted; the position it has from then on.
    fn recorded(&mut self, at: Time, position: Option<Position>, entry: &Entry) -> anyhow::Result<Option<Position>> {
        match (&mut self.record, &self.line) {
            (Some(record), Some(line)) => Ok(Some(record.entry(line, at, entry)?)),
            _ => Ok(position),
        }
    }

    fn take_decoded(&mut self, at: Time, position: Position, input: Input) -> anyhow::Result<()> {
        self.pace(at)?;
        let mut events = std::mem::take(&mut self.events);
        self.line()?.take_decoded(at, Some(position), input, &mut events);
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
        if let (Some(record), Some(line)) = (&mut self.record, &self.line) {
            for event in &events {
                record.journal.append_event(line.now(), event)?;
            }
        }
        for event in events.drain(..) {
            let line = event_line(&event);
            if self.quiet {
                self.produced.push_back(line);
                continue;
            }
            if self.hash {
                self.summary.count(&line);
            } else {
                self.summary.event(&event, &line);
            }
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
        let Some(speed) = self.speed.filter(|_| !self.quiet) else { return Ok(()) };
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

    /// Entries are gone: what the run said because of them cannot be said again.
    fn gone(&mut self, why: &str) {
        if std::mem::take(&mut self.compare) {
            self.produced.clear();
            eprintln!("note: {why}; from here on the replay is not compared with the run");
        }
    }

    /// Holds the journal's event against the replay's.
    fn compare(&mut self, recorded: &[u8]) {
        if !self.compare {
            return;
        }
        let text = |line: &[u8]| String::from_utf8_lossy(line).trim_end().to_owned();
        match self.produced.pop_front() {
            Some(got) if got == recorded => self.compared += 1,
            got => {
                if !self.differs {
                    let shown = got.map_or_else(|| "nothing".to_owned(), |line| text(&line));
                    eprintln!("an event differs:\n  recorded {}\n  replayed {shown}", text(recorded));
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
        if let Some(record) = self.record.take() {
            record.journal.close()?;
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
        if args.hash {
            let (events, sha256) = summary.hash();
            writeln!(out, "{events} events, SHA-256 {sha256}")?;
        } else if args.json {
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
    let serving = lapwing_server::serve(listener, feeds, async { crate::live::stop_signal().await });
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
