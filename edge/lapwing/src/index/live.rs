//! The index beside a running server: a thread that fills it, and one that answers.
//!
//! The run loop hands over what it has journalled and never waits: the queue is bounded, and what does not fit in it is read
//! back from the journal. Nothing is taken before the journal says that it is on the disk, so that a crash cannot leave an
//! index that knows more than the journal.

use super::catch_up::catch_up;
use super::fill::Filler;
use super::noted::{Noted, concerns};
use super::read::Archive;
use lapwing_journal::Entry;
use lapwing_model::{Event, Position, Time};
use lapwing_server::Feeds;
use lapwing_server::history::{HistoryAnswer, HistoryQuery, HistoryRefusal, HistoryRequest};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Entries waiting for the index; beyond it they are read from the journal.
const QUEUE_MAX: usize = 16_384;
/// Questions waiting for an answer.
const QUESTIONS_MAX: usize = 64;
/// What was taken stands at the latest after so long, when the machine can keep up with it ...
const COMMIT_EVERY: Duration = Duration::from_secs(1);
/// ... and committing may take at most this share of the time: a tenth.
const COMMIT_SHARE: u32 = 10;
/// How long to leave an index alone that could not be written.
const RETRY_AFTER: Duration = Duration::from_secs(10);

enum Message {
    Noted {
        position: Position,
        at: Time,
        noted: Noted,
    },
    /// Everything before this position is on the disk.
    Durable(Position),
    /// Entries before this position did not fit in the queue.
    Missed(Position),
}

/// The run loop's side.
pub(crate) struct Feed {
    sender: SyncSender<Message>,
    missed: bool,
    /// Behind the last entry that was handed over.
    noted: Position,
    /// The journal could not tell yet that this is on the disk.
    durable: Option<Position>,
    thread: JoinHandle<()>,
}

impl Feed {
    /// Opens the index of a journal's directory beside the journal that writes there, and answers what is asked.
    fn open(directory: PathBuf, requests: mpsc::Receiver<HistoryRequest>) -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel(QUEUE_MAX);
        let answering = directory.clone();
        let thread = std::thread::Builder::new().name("index".to_owned()).spawn(move || {
            Worker { directory, filler: None, waiting: VecDeque::new(), durable: Position(0), missed: None }
                .run(&receiver);
        })?;
        std::thread::Builder::new()
            .name("history".to_owned())
            .spawn(move || Answers { directory: answering, archive: None }.run(requests))?;
        Ok(Self { sender, missed: false, noted: Position(0), durable: None, thread })
    }

    /// Opens the index beside the journal of a directory, for what the server is asked.
    pub(crate) fn beside(directory: &Path, feeds: &mut Feeds) -> std::io::Result<Self> {
        let (history, requests) = mpsc::channel(QUESTIONS_MAX);
        feeds.history = history;
        Self::open(directory.to_owned(), requests)
    }

    /// Hands over an entry that was journalled.
    pub(crate) fn entry(&mut self, position: Position, at: Time, entry: &Entry) {
        // Receptions come by the thousand: they are not copied to find that nobody wants them.
        if !matches!(entry, Entry::Reception(_) | Entry::Event(_))
            && let Some(noted) = Noted::of(entry.clone())
        {
            self.noted(position, at, noted);
        }
    }

    /// Hands over an event that was journalled.
    pub(crate) fn event(&mut self, position: Position, at: Time, event: &Arc<Event>) {
        if concerns(event) {
            self.noted(position, at, Noted::Event(Arc::clone(event)));
        }
    }

    /// Hands over an entry that was journalled.
    fn noted(&mut self, position: Position, at: Time, noted: Noted) {
        self.noted = Position(position.0.saturating_add(1));
        if self.missed && !self.send(Message::Missed(position)) {
            return;
        }
        self.missed = !self.send(Message::Noted { position, at, noted });
    }

    /// Where the index stands when it has taken everything that was handed over.
    pub(crate) fn end(&self) -> Position {
        self.noted
    }

    /// Everything before a position is on the disk.
    pub(crate) fn durable(&mut self, before: Position) {
        if self.durable != Some(before) && self.send(Message::Durable(before)) {
            self.durable = Some(before);
        }
    }

    fn send(&self, message: Message) -> bool {
        match self.sender.try_send(message) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        }
    }

    /// Ends it: what is on the disk is taken, for as long as `patience` lasts; the next start goes on from there.
    pub(crate) fn close(self, patience: Duration) {
        drop(self.sender);
        let began = Instant::now();
        while !self.thread.is_finished() && began.elapsed() < patience {
            std::thread::sleep(Duration::from_millis(5));
        }
        if self.thread.is_finished() {
            let _ = self.thread.join();
        } else {
            tracing::warn!("index: not finished in time; it goes on at the next start");
        }
    }
}

struct Worker {
    directory: PathBuf,
    filler: Option<Filler>,
    waiting: VecDeque<(Position, Time, Noted)>,
    durable: Position,
    /// What comes before this has to be read from the journal.
    missed: Option<Position>,
}

impl Worker {
    fn run(mut self, receiver: &Receiver<Message>) {
        self.open();
        let (mut committed, mut pause) = (Instant::now(), COMMIT_EVERY);
        loop {
            let ended = match receiver.recv_timeout(pause.saturating_sub(committed.elapsed())) {
                Ok(message) => {
                    self.note(message);
                    continue_while_full(receiver, &mut self);
                    false
                }
                Err(RecvTimeoutError::Timeout) => false,
                Err(RecvTimeoutError::Disconnected) => true,
            };
            if committed.elapsed() < pause && !ended {
                continue;
            }
            let began = Instant::now();
            let result = self.work();
            pause = COMMIT_EVERY.max(began.elapsed() * (COMMIT_SHARE - 1));
            if let Err(error) = result {
                tracing::error!("index: {error:#}; tried again in {} s", RETRY_AFTER.as_secs());
                self.filler = None;
                pause = RETRY_AFTER;
            }
            committed = Instant::now();
            if ended {
                break;
            }
        }
        if let Some(Err(error)) = self.filler.map(Filler::close) {
            tracing::error!("index: {error:#}");
        }
    }

    fn note(&mut self, message: Message) {
        match message {
            Message::Noted { position, at, noted } => self.waiting.push_back((position, at, noted)),
            Message::Durable(before) => self.durable = self.durable.max(before),
            Message::Missed(before) => {
                // What waits is in the journal too.
                self.waiting.clear();
                self.missed = Some(before);
            }
        }
        if self.waiting.len() > QUEUE_MAX {
            self.missed = self.waiting.back().map(|(position, ..)| Position(position.0.saturating_add(1)));
            self.waiting.clear();
        }
    }

    /// Opens the index and reads what the journal has beyond it.
    fn open(&mut self) {
        // From here on everything comes through the queue, but what is in the journal already.
        let result = super::open_or_new(&self.directory).and_then(|(mut filler, anew)| {
            if let Some(why) = &anew {
                tracing::info!("index: made from the journal, because {why}");
            }
            let progress = catch_up(&mut filler, &self.directory, None, |_| {})?;
            if anew.is_some() {
                tracing::info!("index: made from {} entries", progress.entries);
            }
            Ok(filler)
        });
        match result {
            Ok(filler) => self.filler = Some(filler),
            Err(error) => tracing::error!("index: {error:#}"),
        }
    }

    /// Takes what is on the disk, and commits it.
    fn work(&mut self) -> anyhow::Result<()> {
        if self.filler.is_none() {
            // What came meanwhile may have been dropped, or taken and lost: the journal has it.
            self.open();
        }
        let Some(filler) = &mut self.filler else { return Err(anyhow::anyhow!("it cannot be opened")) };
        if let Some(before) = self.missed.filter(|before| *before <= self.durable) {
            catch_up(filler, &self.directory, Some(before), |_| {})?;
            self.missed = None;
        }
        if self.missed.is_some() {
            return Ok(());
        }
        while let Some((position, ..)) = self.waiting.front()
            && *position < self.durable
        {
            let Some((position, at, noted)) = self.waiting.pop_front() else { break };
            filler.take(position, at, &noted)?;
        }
        filler.commit()
    }
}

/// Takes what else is in the queue, without waiting.
fn continue_while_full(receiver: &Receiver<Message>, worker: &mut Worker) {
    for _ in 0..QUEUE_MAX {
        let Ok(message) = receiver.try_recv() else { break };
        worker.note(message);
    }
}

/// Answers questions about the past.
struct Answers {
    directory: PathBuf,
    archive: Option<Archive>,
}

impl Answers {
    fn run(mut self, mut requests: mpsc::Receiver<HistoryRequest>) {
        while let Some(request) = requests.blocking_recv() {
            // Whoever asked may have gone.
            if !request.answer.is_closed() {
                let _ = request.answer.send(self.answer(&request.query));
            }
        }
    }

    fn answer(&mut self, query: &HistoryQuery) -> Result<HistoryAnswer, HistoryRefusal> {
        let result = self.archive().and_then(|archive| answer(archive, query));
        match result {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(HistoryRefusal::NotFound("there is no such thing on record".to_owned())),
            Err(error) => {
                tracing::warn!("index: a question could not be answered: {error:#}");
                // It may have been made anew under our feet.
                self.archive = None;
                Err(HistoryRefusal::Unavailable(format!("the index cannot answer: {error}")))
            }
        }
    }

    fn archive(&mut self) -> anyhow::Result<&Archive> {
        let archive = match self.archive.take() {
            Some(archive) => archive,
            None => open_soon(&self.directory)?,
        };
        Ok(self.archive.insert(archive))
    }
}

/// Opens an index that may be about to be made.
fn open_soon(directory: &Path) -> anyhow::Result<Archive> {
    let began = Instant::now();
    loop {
        match Archive::open(directory) {
            Err(_) if began.elapsed() < Duration::from_secs(2) => std::thread::sleep(Duration::from_millis(50)),
            result => return result,
        }
    }
}

/// The answer of an index; `None` when what is asked for is not on record.
pub(crate) fn answer(archive: &Archive, query: &HistoryQuery) -> anyhow::Result<Option<HistoryAnswer>> {
    Ok(Some(match query {
        HistoryQuery::Tracks(search) => HistoryAnswer::Tracks(archive.tracks(search)?),
        HistoryQuery::Track { id, from, to, skip, limit } => match archive.track(*id, *from, *to, *skip, *limit)? {
            Some(history) => HistoryAnswer::Track(Box::new(history)),
            None => return Ok(None),
        },
        HistoryQuery::Alerts(search) => HistoryAnswer::Alerts(archive.alerts(search)?),
        HistoryQuery::Incidents(search) => HistoryAnswer::Incidents(archive.incidents(search)?),
        HistoryQuery::Audit(search) => HistoryAnswer::Audit(archive.audit(search)?),
    }))
}
