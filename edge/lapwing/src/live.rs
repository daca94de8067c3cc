//! The run loop: wait for mailbox, command or deadline → append → decode → handle → drain → append → fan out.
//!
//! It is the only place that reads the clock for the picture, and the only one that calls it. What it is given is in the
//! journal before it is looked at, so that a replay of the journal is the same run.

use crate::config::{Config, InputConfig};
use crate::fanout::{Fanout, options_table};
use crate::index;
use crate::line::{Line, Reply};
use crate::log;
use anyhow::{Context, anyhow};
use lapwing_journal::{Entry, Journal, Options};
use lapwing_model::{Event, EventBody, Position, Site, Snapshot, Span, Time};
use lapwing_server::{CommandRequest, Feeds, JournalState, OutputState, Refusal};
use lapwing_transports::{Delivery, Inbox, MailboxMaker};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinSet;

/// How often readers get a new snapshot when something has changed.
const SNAPSHOT_EVERY: Duration = Duration::from_millis(200);
/// The longest a reception may wait before it is handed to the operating system: the loss window of a crash.
const FLUSH_EVERY: Duration = Duration::from_millis(500);
/// How often the segments on disk are added up for the status page.
const MEASURE_EVERY: Duration = Duration::from_secs(10);
/// How long the end waits for the index to take the last entries.
const INDEX_PATIENCE: Duration = Duration::from_secs(3);
/// Deliveries taken in a row before timers get their turn.
const DELIVERIES_IN_A_ROW: usize = 256;

/// The wall clock.
pub(crate) fn clock() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// Resolves at Ctrl-C or SIGTERM.
pub(crate) async fn stop_signal() {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).ok();
    let terminated = async {
        match &mut terminate {
            Some(signal) => {
                signal.recv().await;
            }
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}

/// Runs a site until `stop` resolves.
pub(crate) async fn run(config: Config, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
    let (ready, _) = oneshot::channel();
    run_with(config, ready, stop).await
}

/// [`run`], telling the address of the console once it is served.
pub(crate) async fn run_with(
    config: Config,
    ready: oneshot::Sender<SocketAddr>,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let now = clock();
    let journal = config.journal.as_ref().map(open_journal).transpose()?;
    let mut tasks = JoinSet::new();
    let (inbox, maker) = lapwing_transports::mailbox::channel();
    for input in &config.inputs {
        spawn_input(&mut tasks, &maker, input).with_context(|| format!("input `{}`", input.info.id))?;
    }
    let (fanout, output_tasks) = Fanout::open(&config.outputs)?;
    let mut draining = JoinSet::new();
    for task in output_tasks {
        draining.spawn(task);
    }
    let (publisher, commands, mut feeds) = Publisher::new(&config.site, now);
    let index = config.journal.as_ref().map(|j| index::live::Feed::beside(&j.directory, &mut feeds)).transpose()?;
    let first = journal.as_ref().map(|r: &Record| r.journal.next_position()).unwrap_or_default();
    let line = Line::new(config.site.clone(), now, first)?;
    // Who asks at once is told of every sensor and input, not of an empty site.
    publisher.snapshot(line.snapshot());
    let (stop_server, server_stopped) = oneshot::channel::<()>();
    let server = match config.listen {
        Some(address) => Some(serve(address, feeds, ready, server_stopped).await?),
        None => None,
    };
    let (events, positions, replies) = (Vec::new(), Vec::new(), Vec::new());
    let mut runner = Runner { line, journal, index, fanout, publisher, events, positions, replies };
    runner.entry_at(now, Entry::Site { site: config.site, version: env!("CARGO_PKG_VERSION").to_owned() });
    runner.run(inbox, commands, stop).await;
    // Orderly end: what is journalled is on disk, outputs get a moment to send what waits, the server says goodbye.
    runner.entry(Entry::Stop);
    let stopped = runner.sync();
    if let Some(index) = runner.index.take() {
        index.close(INDEX_PATIENCE);
    }
    drop(runner);
    drop(maker);
    drop(stop_server);
    if let Some(server) = server {
        let _ = tokio::time::timeout(Duration::from_secs(3), server).await;
    }
    let _ = tokio::time::timeout(Duration::from_secs(2), async { while draining.join_next().await.is_some() {} }).await;
    if stopped { Ok(()) } else { Err(anyhow!("the journal could not be written to the end")) }
}

fn open_journal(config: &crate::config::JournalConfig) -> anyhow::Result<Record> {
    let options = Options { segment_bytes_max: config.segment_bytes_max };
    let journal = Journal::open(&config.directory, options).context("journal")?;
    Ok(Record { journal, directory: config.directory.clone(), fault: None, bytes: 0 })
}

fn spawn_input(tasks: &mut JoinSet<()>, maker: &MailboxMaker, input: &InputConfig) -> anyhow::Result<()> {
    let name = input.info.transport.as_str();
    let open = lapwing_transports::transport(name)
        .and_then(|t| t.input)
        .ok_or_else(|| anyhow!("transport `{name}` has no input"))?;
    tasks.spawn(open(options_table(&input.transport_options)?, maker.mailbox(input.info.id.clone()))?);
    Ok(())
}

/// Serves console and API; the address is known before this returns.
async fn serve(
    address: SocketAddr,
    feeds: Feeds,
    ready: oneshot::Sender<SocketAddr>,
    stopped: oneshot::Receiver<()>,
) -> anyhow::Result<tokio::task::JoinHandle<()>> {
    let listener =
        tokio::net::TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    let address = listener.local_addr()?;
    tracing::info!("console and API on http://{address}");
    let _ = ready.send(address);
    let stopped = async {
        let _ = stopped.await;
    };
    // Called here and not within the task: the server hears every event from this moment on.
    let serving = lapwing_server::serve(listener, feeds, stopped);
    Ok(tokio::spawn(async move {
        if let Err(error) = serving.await {
            tracing::error!("the server ended: {error}");
        }
    }))
}

/// The sending ends of what the server reads.
pub(crate) struct Publisher {
    snapshots: watch::Sender<Arc<Snapshot>>,
    events: broadcast::Sender<Arc<Event>>,
    outputs: watch::Sender<Vec<OutputState>>,
    journal: watch::Sender<JournalState>,
    _site: watch::Sender<Arc<Site>>,
}

impl Publisher {
    /// The sending ends, the commands, and what the server is given.
    pub(crate) fn new(site: &Site, now: Time) -> (Self, mpsc::Receiver<CommandRequest>, Feeds) {
        let empty =
            Snapshot { at: now, tracks: Vec::new(), alerts: Vec::new(), sensors: Vec::new(), inputs: Vec::new() };
        let (snapshots, snapshot_feed) = watch::channel(Arc::new(empty));
        let (events, _) = broadcast::channel(4_096);
        let (outputs, output_feed) = watch::channel(Vec::new());
        let (journal, journal_feed) = watch::channel(JournalState::default());
        let (site, site_feed) = watch::channel(Arc::new(site.clone()));
        let (commands, command_feed) = mpsc::channel(64);
        // Closed until an index takes it over: nothing here remembers the past.
        let (history, _) = mpsc::channel(1);
        let feeds = Feeds {
            snapshots: snapshot_feed,
            site: site_feed,
            events: events.clone(),
            commands,
            outputs: output_feed,
            journal: journal_feed,
            history,
        };
        (Self { snapshots, events, outputs, journal, _site: site }, command_feed, feeds)
    }

    /// Publishes events to readers. Where tracks are they learn from snapshots; ten thousand tracks telling of themselves
    /// each second would only push other events out of the channel.
    pub(crate) fn event(&self, event: Arc<Event>) {
        if matches!(event.body, EventBody::TrackUpdated { .. }) {
            return;
        }
        let _ = self.events.send(event);
    }

    /// Publishes a snapshot.
    pub(crate) fn snapshot(&self, snapshot: Snapshot) {
        let _ = self.snapshots.send(Arc::new(snapshot));
    }

    fn outputs(&self, outputs: Vec<OutputState>) {
        log::outputs(&self.outputs.borrow(), &outputs);
        let _ = self.outputs.send(outputs);
    }

    fn journal(&self, journal: JournalState) {
        let _ = self.journal.send(journal);
    }
}

/// The journal and what is wrong with it. A journal that cannot be written is an alarm, not the end of the watch: it
/// tries again by itself, and entries meanwhile have no position.
struct Record {
    journal: Journal,
    directory: std::path::PathBuf,
    fault: Option<String>,
    bytes: u64,
}

impl Record {
    /// Notes what a write came to; says a new fault once.
    fn noted<T>(&mut self, result: std::io::Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                let text = error.to_string();
                if self.fault.as_ref() != Some(&text) {
                    tracing::error!("journal: {text}");
                }
                self.fault = Some(text);
                None
            }
        }
    }

    fn append(&mut self, at: Time, entry: &Entry) -> Option<Position> {
        let result = self.journal.append(at, entry);
        self.noted(result)
    }

    fn sync(&mut self) -> bool {
        // A file that was removed still takes what is written to it, and loses it when it is closed.
        let gone = self.journal.segment_path().filter(|p| !p.exists()).map(|p| format!("{} was removed", p.display()));
        let result = match gone {
            Some(text) => Err(std::io::Error::new(std::io::ErrorKind::NotFound, text)),
            None => self.journal.sync(),
        };
        let synced = self.noted(result).is_some();
        if synced && self.fault.take().is_some() {
            tracing::info!("journal: writes again");
        }
        synced
    }

    fn state(&self) -> JournalState {
        JournalState { entries: self.journal.next_position().0, bytes: self.bytes, fault: self.fault.clone() }
    }

    /// Adds up the segments on disk.
    fn measure(&mut self) {
        let Ok(items) = std::fs::read_dir(&self.directory) else { return };
        self.bytes = items.flatten().filter_map(|i| i.metadata().ok()).filter(|m| m.is_file()).map(|m| m.len()).sum();
    }
}

struct Runner {
    line: Line,
    journal: Option<Record>,
    index: Option<index::live::Feed>,
    fanout: Fanout,
    publisher: Publisher,
    events: Vec<Event>,
    /// Where the events stand in the journal.
    positions: Vec<Option<Position>>,
    replies: Vec<Reply>,
}

impl Runner {
    async fn run(
        &mut self,
        mut inbox: Inbox,
        mut commands: mpsc::Receiver<CommandRequest>,
        stop: impl Future<Output = ()>,
    ) {
        let mut snapshots = tokio::time::interval(SNAPSHOT_EVERY);
        let mut flushes = tokio::time::interval(FLUSH_EVERY);
        let mut measures = tokio::time::interval(MEASURE_EVERY);
        for timer in [&mut snapshots, &mut flushes, &mut measures] {
            timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        }
        tokio::pin!(stop);
        loop {
            let deadline = self.line.deadline();
            tokio::select! {
                biased;
                () = &mut stop => return,
                Some(request) = commands.recv() => self.command(request),
                _ = flushes.tick() => self.flush(),
                _ = snapshots.tick() => self.publish(),
                _ = measures.tick() => {
                    self.sync();
                    if let Some(record) = &mut self.journal {
                        record.measure();
                    }
                }
                () = until(deadline) => {
                    self.line.tick(clock(), &mut self.events);
                    self.fan_out();
                }
                Some(delivery) = inbox.recv() => {
                    self.delivery(delivery, &inbox);
                    for _ in 1..DELIVERIES_IN_A_ROW {
                        let Some(next) = inbox.try_recv() else { break };
                        self.delivery(next, &inbox);
                    }
                }
            }
        }
    }

    fn delivery(&mut self, delivery: Delivery, inbox: &Inbox) {
        self.entry(match delivery {
            Delivery::Reception(reception) => Entry::Reception(reception),
            Delivery::Link { input, link } => Entry::Link { input, link },
            Delivery::Shed { input, units, reason } => Entry::Shed { input, units, reason: reason.into_owned() },
        });
        for reply in self.replies.drain(..) {
            if let Some(connection) = reply.connection {
                inbox.reply(&reply.input, connection, reply.bytes);
            }
        }
    }

    /// Journals an entry, lets the line take it, journals and fans out what it says.
    fn entry(&mut self, entry: Entry) -> Option<Position> {
        self.entry_at(self.line.time_for(clock()), entry)
    }

    fn entry_at(&mut self, at: Time, entry: Entry) -> Option<Position> {
        let position = self.journal.as_mut().and_then(|record| record.append(at, &entry));
        if let (Some(index), Some(position)) = (&mut self.index, position) {
            index.entry(position, at, &entry);
        }
        self.line.take(at, position, entry, &mut self.events, &mut self.replies);
        self.fan_out();
        position
    }

    /// Events are in the journal before anybody hears of them; vital ones are on the disk.
    fn fan_out(&mut self) {
        if self.events.is_empty() {
            return;
        }
        let at = self.line.now();
        if let Some(record) = &mut self.journal {
            for event in &self.events {
                let result = record.journal.append_event(at, event);
                self.positions.push(record.noted(result));
            }
            if self.events.iter().any(|e| e.body.is_vital()) {
                record.sync();
            }
        }
        let mut positions = self.positions.drain(..);
        for event in self.events.drain(..).map(Arc::new) {
            log::event(&event);
            self.fanout.send(&event, None);
            if let (Some(index), Some(position)) = (&mut self.index, positions.next().flatten()) {
                index.event(position, at, &event);
            }
            self.publisher.event(event);
        }
    }

    /// A command is checked, journalled, synced, and only then confirmed.
    fn command(&mut self, request: CommandRequest) {
        if let Err(refusal) = self.line.picture().check_command(&request.command) {
            let _ = request.answer.send(Err(refusal_of(refusal)));
            return;
        }
        let position = self.entry(Entry::Command(request.command));
        let journalled = self.journal.is_some();
        let synced = self.sync();
        self.publish();
        let _ = request.answer.send(match position {
            _ if !journalled => Ok(Position::default()),
            Some(position) if synced => Ok(position),
            _ => Err(Refusal::Unavailable("taken, but the journal cannot be written: it is not on record".to_owned())),
        });
    }

    fn flush(&mut self) {
        if let Some(record) = &mut self.journal {
            let result = record.journal.flush();
            if record.noted(result).is_some()
                && let Some(index) = &mut self.index
            {
                index.durable(record.journal.next_position());
            }
        }
    }

    fn sync(&mut self) -> bool {
        let Some(record) = &mut self.journal else { return true };
        let synced = record.sync();
        if let (true, Some(index)) = (synced, &mut self.index) {
            index.durable(record.journal.next_position());
        }
        synced
    }

    fn publish(&mut self) {
        // Time passes for readers even when nothing arrives: ages grow and positions are predictions.
        self.line.tick(clock(), &mut self.events);
        self.fan_out();
        self.publisher.snapshot(self.line.snapshot());
        self.publisher.outputs(self.fanout.states());
        if let Some(record) = &self.journal {
            self.publisher.journal(record.state());
        }
    }
}

fn refusal_of(refusal: lapwing_picture::CommandRefusal) -> Refusal {
    match refusal {
        lapwing_picture::CommandRefusal::UnknownAlert(_) => Refusal::NotFound(refusal.to_string()),
        lapwing_picture::CommandRefusal::AlertCleared(_) => Refusal::Conflict(refusal.to_string()),
    }
}

/// Resolves at `deadline` by the wall clock; never, without one.
async fn until(deadline: Option<Time>) {
    match deadline {
        Some(deadline) => {
            let wait = deadline.since(clock());
            if wait > Span::ZERO {
                tokio::time::sleep(Duration::from_nanos(u64::try_from(wait.as_nanos()).unwrap_or(0))).await;
            }
        }
        None => std::future::pending().await,
    }
}
