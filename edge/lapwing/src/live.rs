//! The run loop: wait for mailbox, command or deadline → append → decode → handle → drain → append → fan out.
//!
//! It is the only place that reads the clock for the picture, and the only one that calls it. What it is given is in the
//! journal before it is looked at, so that a replay of the journal is the same run. It never waits for the disk: what may not
//! be told before the disk has it waits in [`Tellings`], and the watch goes on.

use crate::config::{Config, InputConfig};
use crate::fanout::{Fanout, options_table};
use crate::keeper::Keeper;
use crate::line::{Line, Reply};
use crate::log;
use crate::record::{Done, Record, SYNC_EVERY};
use crate::resume::{Resumption, resume};
use crate::snapshot::Written;
use crate::telling::{Standing, Telling, Tellings};
use anyhow::{Context, anyhow};
use lapwing_journal::{Class, Entry, SnapshotTold};
use lapwing_model::{Event, EventBody, Position, Site, Snapshot, Span, Time};
use lapwing_server::{CommandRequest, Feeds, JournalState, OutputState, Refusal};
use lapwing_transports::{Delivery, Inbox, MailboxMaker};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinSet;

/// How often readers get a new snapshot when something has changed.
const SNAPSHOT_EVERY: Duration = Duration::from_millis(200);
/// How often the segments on disk are added up for the status page.
const MEASURE_EVERY: Duration = Duration::from_secs(10);
/// How often it is asked whether a snapshot for the next start is due.
const KEEP_EVERY: Duration = Duration::from_secs(1);
/// Deliveries taken in a row before timers get their turn.
const DELIVERIES_IN_A_ROW: usize = 256;
/// What waited longer than this in the mailbox is taken as of then: time goes on under overload too.
const BEHIND_MAX: Span = Span::from_seconds(1);
/// Commands that one sync answers together at most.
const COMMANDS_IN_A_ROW: usize = 64;

/// The clock of this process.
pub(crate) fn clock() -> Time {
    lapwing_transports::clock::now()
}

/// Resolves at Ctrl-C or SIGTERM, also when they come before it is waited for: a start that takes long is not cut off without
/// an orderly end. Called within a runtime.
pub(crate) fn stop_signal() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (interrupt, terminate) = (signal(SignalKind::interrupt()).ok(), signal(SignalKind::terminate()).ok());
    let comes = |signal: Option<tokio::signal::unix::Signal>| async {
        match signal {
            Some(mut signal) => {
                signal.recv().await;
            }
            None => std::future::pending().await,
        }
    };
    async move {
        tokio::select! {
            () = comes(interrupt) => {}
            () = comes(terminate) => {}
        }
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
    // Signals are listened for before anybody can know that the server is there.
    tokio::pin!(stop);
    if std::future::poll_fn(|context| Poll::Ready(stop.as_mut().poll(context).is_ready())).await {
        return Ok(());
    }
    let now = clock();
    let (mut journal, done) = config.journal.as_ref().map(Record::open).transpose()?.unzip();
    let first = journal.as_ref().map(Record::next_position).unwrap_or_default();
    // Before anything is received: what comes is not to wait.
    let resumption = config.journal.as_ref().map(|j| resume(&j.directory, first)).transpose()?.flatten();
    let (line, untold, resumed) = match resumption {
        Some(Resumption { line, untold, resumed }) => (line, untold, Some(resumed)),
        None => (Line::new(config.site.clone(), now, first)?, Vec::new(), None),
    };
    lapwing_transports::clock::not_before(line.now());
    let now = clock();
    let (keeper, kept) = config.journal.as_ref().map(|j| Keeper::new(&j.directory, j.retention.class_b)).unzip();
    let mut tasks = JoinSet::new();
    let (mut inbox, maker) = lapwing_transports::mailbox::channel();
    for input in &config.inputs {
        spawn_input(&mut tasks, &maker, input).with_context(|| format!("input `{}`", input.info.id))?;
    }
    let (fanout, output_tasks) = Fanout::open(&config.outputs)?;
    let mut draining = JoinSet::new();
    for task in output_tasks {
        draining.spawn(task);
    }
    let (publisher, commands, mut feeds) = Publisher::new(&config.site, now);
    if let Some(record) = &mut journal {
        record.remember(&mut feeds)?;
    }
    // What cannot be served ends the start before anything is journalled.
    let listener = match config.listen {
        Some(address) => Some(listen(address).await?),
        None => None,
    };
    let mut runner = Runner {
        line,
        journal,
        keeper,
        fanout,
        publisher,
        events: untold,
        tellings: Tellings::default(),
        replies: Vec::new(),
    };
    // What the last run did not come to tell is told with what the time between the two brings.
    runner.entry_at(now, Entry::Site { site: config.site, version: env!("CARGO_PKG_VERSION").to_owned(), resumed });
    runner.settle_now();
    // Who asks at once is told of the site as it is now: not of an empty one, nor of the last run's links.
    runner.publisher.snapshot(runner.line.snapshot());
    let (stop_server, server_stopped) = oneshot::channel::<()>();
    let server = listener.map(|listener| serve(listener, feeds, ready, server_stopped)).transpose()?;
    runner.run(&mut inbox, commands, done, kept, stop).await;
    // What was received and perhaps acknowledged is not dropped: no more comes, and what waits is taken.
    tasks.shutdown().await;
    while !runner.take_arrivals(&mut inbox) {}
    // Orderly end: what is journalled is on disk, outputs get a moment to send what waits, the server says goodbye.
    runner.entry(Entry::Stop);
    runner.keep_last();
    let stopped = runner.settle_now();
    if let Some(record) = runner.journal.take() {
        record.close();
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

fn spawn_input(tasks: &mut JoinSet<()>, maker: &MailboxMaker, input: &InputConfig) -> anyhow::Result<()> {
    let name = input.info.transport.as_str();
    let open = lapwing_transports::transport(name)
        .and_then(|t| t.input)
        .ok_or_else(|| anyhow!("transport `{name}` has no input"))?;
    tasks.spawn(open(options_table(&input.transport_options)?, maker.mailbox(input.info.id.clone()))?);
    Ok(())
}

async fn listen(address: SocketAddr) -> anyhow::Result<tokio::net::TcpListener> {
    tokio::net::TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}

/// Serves console and API; the address is known before this returns.
fn serve(
    listener: tokio::net::TcpListener,
    feeds: Feeds,
    ready: oneshot::Sender<SocketAddr>,
    stopped: oneshot::Receiver<()>,
) -> anyhow::Result<tokio::task::JoinHandle<()>> {
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

struct Runner {
    line: Line,
    journal: Option<Record>,
    keeper: Option<Keeper>,
    fanout: Fanout,
    publisher: Publisher,
    events: Vec<Event>,
    /// What is in the journal and nobody has heard of yet.
    tellings: Tellings,
    replies: Vec<Reply>,
}

impl Runner {
    async fn run(
        &mut self,
        inbox: &mut Inbox,
        mut commands: mpsc::Receiver<CommandRequest>,
        mut done: Option<mpsc::Receiver<Done>>,
        mut kept: Option<mpsc::Receiver<std::io::Result<Written>>>,
        stop: impl Future<Output = ()>,
    ) {
        let mut snapshots = tokio::time::interval(SNAPSHOT_EVERY);
        let mut syncs = tokio::time::interval(SYNC_EVERY);
        let mut measures = tokio::time::interval(MEASURE_EVERY);
        let mut keeps = tokio::time::interval(KEEP_EVERY);
        for timer in [&mut snapshots, &mut syncs, &mut measures, &mut keeps] {
            timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        }
        tokio::pin!(stop);
        loop {
            let deadline = self.line.deadline();
            tokio::select! {
                biased;
                () = &mut stop => return,
                // Commands that come while others wait for the disk are taken together after them.
                Some(request) = commands.recv(), if !self.tellings.has_answer() => {
                    self.catch_up(inbox);
                    self.commands(request, &mut commands);
                }
                Some(what) = next(&mut done) => {
                    if let Some(record) = &mut self.journal {
                        record.done(what, self.line.now());
                    }
                    self.settle();
                }
                _ = syncs.tick() => {
                    if let Some(record) = &mut self.journal {
                        // Not the clock's: what arrived before now and waits is recorded after this.
                        let now = self.line.now();
                        record.begin_sync(now);
                        record.begin_retention(now);
                    }
                }
                _ = snapshots.tick() => self.publish(inbox),
                _ = measures.tick() => {
                    log::clock_ahead(lapwing_transports::clock::ahead());
                    if let Some(record) = &mut self.journal {
                        record.measure();
                    }
                }
                _ = keeps.tick() => self.keep(),
                Some(written) = next(&mut kept) => self.kept(written),
                () = until(deadline) => {
                    self.catch_up(inbox);
                    self.settle();
                }
                Some(delivery) = inbox.recv() => {
                    self.delivery(delivery, inbox);
                    self.take_arrivals(inbox);
                    self.settle();
                }
            }
        }
    }

    /// Takes what waits in the mailbox, so much of it. Whether that was all.
    fn take_arrivals(&mut self, inbox: &mut Inbox) -> bool {
        for _ in 0..DELIVERIES_IN_A_ROW {
            let Some(delivery) = inbox.try_recv() else { return true };
            self.delivery(delivery, inbox);
        }
        false
    }

    /// Lets time pass until now. What arrived meanwhile comes first, or a moment in which this loop was busy would make it
    /// late; where more of it waits than is taken at once, time passes with that.
    fn catch_up(&mut self, inbox: &mut Inbox) {
        if self.take_arrivals(inbox) {
            self.tick();
        }
    }

    /// A reception is of when it was received: how long it waited here for its turn changes nothing.
    fn delivery(&mut self, delivery: Delivery, inbox: &Inbox) {
        let clock = clock();
        // What has no time of its own is of the time that has come: of now it would make late what waits behind it.
        let (at, entry) = match delivery {
            Delivery::Reception(reception) => (reception.received_at, Entry::Reception(reception)),
            Delivery::Link { input, link } => (self.line.now(), Entry::Link { input, link }),
            Delivery::Shed { input, units, reason } => {
                (self.line.now(), Entry::Shed { input, units, reason: reason.into_owned() })
            }
        };
        self.entry_at(self.line.time_for(at.max(clock - BEHIND_MAX).min(clock)), entry);
        for reply in self.replies.drain(..) {
            if let Some(connection) = reply.connection {
                inbox.reply(&reply.input, connection, reply.bytes);
            }
        }
    }

    /// Journals an entry, lets the line take it, and journals what it says.
    fn entry(&mut self, entry: Entry) -> Option<Position> {
        self.entry_at(self.line.time_for(clock()), entry)
    }

    fn entry_at(&mut self, at: Time, entry: Entry) -> Option<Position> {
        let position = self.journal.as_mut().and_then(|record| record.append(at, &entry));
        self.vital(entry.class(), position);
        let began = Instant::now();
        self.line.take(at, position, entry, &mut self.events, &mut self.replies);
        if let Some(keeper) = &mut self.keeper {
            keeper.worked(began.elapsed());
        }
        self.journal_events();
        position
    }

    /// Lets time pass. A start has that to do again too.
    fn tick(&mut self) {
        let began = Instant::now();
        self.line.tick(clock(), &mut self.events);
        if let Some(keeper) = &mut self.keeper {
            keeper.worked(began.elapsed());
        }
        self.journal_events();
    }

    /// What is told from now on waits for an entry of class A.
    fn vital(&mut self, class: Class, position: Option<Position>) {
        if let (Class::A, Some(position)) = (class, position) {
            self.tellings.vital(position);
        }
    }

    /// Events are in the journal before anybody hears of them.
    fn journal_events(&mut self) {
        let at = self.line.now();
        for event in std::mem::take(&mut self.events).into_iter().map(Arc::new) {
            let position = self.journal.as_mut().and_then(|record| record.append_event(at, &event));
            self.vital(Class::of_event(&event), position);
            self.tellings.add(Telling::Event(event));
        }
    }

    /// Tells what may be told. If something of class A waits, the disk is asked for it; one sync does for all that came
    /// together, and for all that comes while the one before it runs.
    fn settle(&mut self) {
        if self.tellings.is_full() {
            self.sync();
        }
        let standing = self.journal.as_mut().map_or(Standing::SETTLED, Record::settle);
        self.tell(standing);
        if let (Some(keeper), Some(record)) = (&mut self.keeper, &self.journal) {
            keeper.on_disk(record.on_disk());
        }
    }

    /// Waits for the disk, and tells everything. Whether it is on the disk.
    fn settle_now(&mut self) -> bool {
        let synced = self.sync();
        self.tell(if synced { Standing::SETTLED } else { Standing::Failed });
        synced
    }

    fn tell(&mut self, standing: Standing) {
        while let Some(telling) = self.tellings.next(standing) {
            match telling {
                Telling::Event(event) => {
                    log::event(&event);
                    self.fanout.send(&event, None);
                    self.publisher.event(event);
                }
                Telling::Snapshot(snapshot) => self.publisher.snapshot(*snapshot),
                Telling::Answer { position, answer } => {
                    let _ = answer.send(match position {
                        _ if self.journal.is_none() => Ok(Position::default()),
                        Some(position) if standing != Standing::Failed => Ok(position),
                        _ => Err(Refusal::Unavailable(
                            "taken, but the journal cannot be written: it is not on record".to_owned(),
                        )),
                    });
                }
            }
        }
    }

    /// Commands are checked, journalled, synced together, and only then confirmed: after what they brought, and with a
    /// snapshot of it there to be read.
    fn commands(&mut self, first: CommandRequest, more: &mut mpsc::Receiver<CommandRequest>) {
        // What was received before is taken, or as much of it as is at once.
        let at = self.line.now();
        let mut answers = Vec::new();
        let waiting = std::iter::from_fn(|| more.try_recv().ok());
        for request in std::iter::once(first).chain(waiting).take(COMMANDS_IN_A_ROW) {
            match self.line.picture().check_command(&request.command) {
                Ok(()) => answers.push((self.entry_at(at, Entry::Command(request.command)), request.answer)),
                Err(refusal) => drop(request.answer.send(Err(refusal_of(refusal)))),
            }
        }
        self.tellings.add(Telling::Snapshot(Box::new(self.line.snapshot())));
        for (position, answer) in answers {
            self.tellings.add(Telling::Answer { position, answer });
        }
        self.settle();
    }

    fn sync(&mut self) -> bool {
        self.journal.as_mut().is_none_or(Record::sync)
    }

    /// Takes a snapshot for the next start, when one is due. It is written when what it is of is on the disk.
    fn keep(&mut self) {
        if let (Some(keeper), Some(record)) = (&mut self.keeper, &self.journal)
            && keeper.is_due()
        {
            keeper.take(&self.line, record.next_position());
        }
    }

    /// The same at an orderly end: the next start has nothing to apply again.
    fn keep_last(&mut self) {
        if self.sync()
            && let (Some(keeper), Some(record)) = (&mut self.keeper, &self.journal)
        {
            let told = keeper.take_now(&self.line, record.next_position());
            self.tell_kept(told);
        }
    }

    fn kept(&mut self, written: std::io::Result<Written>) {
        let told = self.keeper.as_mut().and_then(|keeper| keeper.finished(written));
        self.tell_kept(told);
    }

    /// The record says which snapshots there are. The picture does not hear of it.
    fn tell_kept(&mut self, told: Option<SnapshotTold>) {
        let at = self.line.now();
        if let (Some(told), Some(record)) = (told, &mut self.journal) {
            record.append(at, &Entry::Snapshot(told));
        }
    }

    fn publish(&mut self, inbox: &mut Inbox) {
        // Time passes for readers even when nothing arrives: ages grow and positions are predictions.
        self.catch_up(inbox);
        if !self.tellings.has_snapshot() {
            self.tellings.add(Telling::Snapshot(Box::new(self.line.snapshot())));
        }
        self.settle();
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

/// The next of a channel; never, without one.
async fn next<T>(channel: &mut Option<mpsc::Receiver<T>>) -> Option<T> {
    match channel {
        Some(channel) => channel.recv().await,
        None => std::future::pending().await,
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
