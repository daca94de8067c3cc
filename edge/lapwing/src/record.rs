//! The journal as the run loop uses it, and what is wrong with it.
//!
//! A journal that cannot be written is an alarm, not the end of the watch: it tries again by itself, class A waits in
//! memory meanwhile, and what is turned away is counted.

use anyhow::Context;
use lapwing_journal::{Entry, Figures, Histogram, Journal, Options, Retention, RetentionDone, SyncDone};
use lapwing_model::{Event, Position, Span, Time};
use lapwing_server::{Feeds, JournalState, JournalTimes};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

use crate::config::JournalConfig;
use crate::holds::{HoldJob, HoldRules, Marks};
use crate::index::live::Feed;
use crate::telling::Standing;

/// How often what was appended is brought to the disk: with a sync that takes as long again, still within the half
/// second that may be lost.
pub(crate) const SYNC_EVERY: Duration = Duration::from_millis(200);

/// How long the end waits for the index to take the last entries.
const INDEX_PATIENCE: Duration = Duration::from_secs(3);
/// How often old segments are looked for.
const RETENTION_EVERY: Span = Span::from_seconds(60);

/// What another thread did for the journal.
pub(crate) enum Done {
    /// A sync.
    Sync(SyncDone),
    /// The holds of incidents.
    Holds(anyhow::Result<()>),
    /// The removal of what is not kept any longer.
    Retention(RetentionDone),
}

pub(crate) struct Record {
    journal: Journal,
    directory: PathBuf,
    retention: Retention,
    holds: HoldRules,
    marks: Marks,
    /// Why the holds of incidents could not be brought up.
    holds_fault: Option<String>,
    /// When old segments are looked for next; `None` while another thread is at it.
    retention_at: Option<Time>,
    /// The trouble that was last told.
    told: Option<String>,
    failures_told: u64,
    bytes: u64,
    /// A sync is running on another thread ...
    syncing: bool,
    /// ... of everything before this position.
    syncing_before: Position,
    /// Everything before this position is on the disk.
    on_disk: Position,
    index: Option<Feed>,
    done: mpsc::Sender<Done>,
}

impl Record {
    /// Opens the journal. What the second answers is for [`Record::done`].
    pub(crate) fn open(config: &JournalConfig) -> anyhow::Result<(Self, mpsc::Receiver<Done>)> {
        let options = Options {
            segment_bytes_max: config.segment_bytes_max,
            segment_time_max: config.segment_time_max,
            reserve_bytes: config.reserve_bytes,
        };
        if let Some(request) = crate::erase::complete(&config.directory).context("an erasure that was interrupted")? {
            tracing::warn!("journal: the erasure {request} had been interrupted, and is complete now");
        }
        let mut journal = Journal::open(&config.directory, options).context("journal")?;
        journal.sign_with_key_of(&config.directory, crate::live::clock()).context("journal: the signing key")?;
        // One sync and one removal run at a time.
        let (done, results) = mpsc::channel(2);
        let record = Self {
            journal,
            directory: config.directory.clone(),
            retention: config.retention,
            holds: config.holds,
            marks: Marks::default(),
            holds_fault: None,
            retention_at: Some(Time::MIN),
            told: None,
            failures_told: 0,
            bytes: 0,
            syncing: false,
            syncing_before: Position(0),
            on_disk: Position(0),
            index: None,
            done,
        };
        Ok((record, results))
    }

    /// Opens the index beside the journal, for what the server is asked of the past.
    pub(crate) fn remember(&mut self, feeds: &mut Feeds) -> io::Result<()> {
        self.index = Some(Feed::beside(&self.directory, feeds)?);
        Ok(())
    }

    /// Ends it: the index gets a moment to take the last entries.
    pub(crate) fn close(self) {
        if let Some(index) = self.index {
            index.close(INDEX_PATIENCE);
        }
    }

    /// Everything before this position is on the disk.
    pub(crate) fn on_disk(&self) -> Position {
        self.on_disk
    }

    fn durable(&mut self, before: Position) {
        self.on_disk = self.on_disk.max(before);
        if let Some(index) = &mut self.index {
            index.durable(before);
        }
    }

    /// The position the next entry will have.
    pub(crate) fn next_position(&self) -> Position {
        self.journal.next_position()
    }

    /// Appends an entry; `None` when it is not recorded, which has been counted and told.
    pub(crate) fn append(&mut self, at: Time, entry: &Entry) -> Option<Position> {
        let position = self.journal.append(at, entry).ok()?;
        if let Some(index) = &mut self.index {
            index.entry(position, at, entry);
        }
        Some(position)
    }

    /// Appends what the picture said.
    pub(crate) fn append_event(&mut self, at: Time, event: &Arc<Event>) -> Option<Position> {
        // One that is turned away has been counted, and is told with the trouble.
        let position = self.journal.append_event(at, event).ok()?;
        if let Some(index) = &mut self.index {
            index.event(position, at, event);
        }
        Some(position)
    }

    /// Begins to bring what was appended to the disk if an entry of class A is among it, and no sync runs.
    pub(crate) fn settle(&mut self) -> Standing {
        if !self.journal.must_sync() {
            return Standing::SETTLED;
        }
        if !self.syncing {
            match self.sync_elsewhere() {
                Ok(true) => {}
                Ok(false) => return Standing::SETTLED,
                Err(_) => {
                    self.tell();
                    return Standing::Failed;
                }
            }
        }
        Standing::OnDisk(self.on_disk)
    }

    /// Begins a sync on another thread. Whether there is anything to sync.
    fn sync_elsewhere(&mut self) -> io::Result<bool> {
        let Some(job) = self.journal.begin_sync()? else { return Ok(false) };
        self.syncing = true;
        self.syncing_before = self.journal.next_position();
        let done = self.done.clone();
        tokio::task::spawn_blocking(move || done.blocking_send(Done::Sync(job.run())));
        Ok(true)
    }

    /// Waits until everything appended is on the disk. Whether it is.
    pub(crate) fn sync(&mut self) -> bool {
        let next = self.journal.next_position();
        let result = self.journal.sync();
        if result.is_ok() {
            self.durable(next);
        }
        self.tell();
        result.is_ok()
    }

    /// Begins to bring what was appended to the disk, on another thread: a slow disk does not hold up the picture.
    pub(crate) fn begin_sync(&mut self, now: Time) {
        self.journal.maintain(now);
        self.marks.note(now, self.journal.next_position(), &self.holds);
        if !self.syncing {
            // What failed is told with the trouble.
            let _ = self.sync_elsewhere();
        }
        self.tell();
    }

    /// Begins to remove what is not kept any longer, on another thread, when it is time to. What incidents hold comes first.
    pub(crate) fn begin_retention(&mut self, now: Time) {
        let Some(index) = &self.index else { return };
        if self.retention_at.is_none_or(|at| now < at) {
            return;
        }
        self.retention_at = None;
        let job = HoldJob {
            storage: Arc::clone(self.journal.storage()),
            directory: self.directory.clone(),
            rules: self.holds,
            now,
            keep_raw: self.retention.class_b,
            indexed: index.end(),
            next: self.journal.next_position(),
            marks: self.marks.clone(),
            patience: INDEX_PATIENCE,
        };
        let done = self.done.clone();
        tokio::task::spawn_blocking(move || done.blocking_send(Done::Holds(job.run())));
    }

    /// The holds are on the disk, or why they are not: then nothing is removed.
    fn held(&mut self, result: anyhow::Result<()>, now: Time) {
        self.retention_at = Some(now + RETENTION_EVERY);
        let fault = result.err().map(|error| format!("{error:#}"));
        if fault != self.holds_fault {
            match &fault {
                Some(why) => {
                    tracing::error!("journal: what incidents hold is not written down: {why}; nothing is removed")
                }
                None => tracing::info!("journal: what incidents hold is written down again"),
            }
        }
        self.holds_fault = fault;
        if self.holds_fault.is_some() {
            return;
        }
        match self.journal.begin_retention(now, &self.retention) {
            Ok(None) => {}
            Ok(Some(job)) => {
                self.retention_at = None;
                let done = self.done.clone();
                tokio::task::spawn_blocking(move || done.blocking_send(Done::Retention(job.run())));
            }
            Err(error) => tracing::error!("journal: nothing is removed: {error}"),
        }
    }

    /// Takes note of what another thread did.
    pub(crate) fn done(&mut self, done: Done, now: Time) {
        match done {
            Done::Sync(done) => {
                self.syncing = false;
                // What failed was written again, which is not yet on the disk; or it is told with the trouble.
                let worked = done.worked();
                let _ = self.journal.finish_sync(done);
                if worked {
                    self.durable(self.syncing_before);
                }
            }
            Done::Holds(result) => self.held(result, now),
            Done::Retention(done) => {
                self.retention_at = Some(now + RETENTION_EVERY);
                self.journal.finish_retention(&done);
                for (name, error) in &done.failures {
                    tracing::error!("journal: {name} stays as it is: {error}");
                }
                let (pruned, removed) = (done.pruned.len(), done.removed.len());
                if pruned + removed > 0 {
                    let bytes = done.bytes;
                    tracing::info!(
                        "journal: raw detail of {pruned} segments and {removed} segments removed, {bytes} bytes"
                    );
                }
            }
        }
        self.tell();
    }

    /// Says what became wrong, and what is right again, once each.
    fn tell(&mut self) {
        let figures = self.journal.figures();
        if figures.failures != self.failures_told && figures.fault.is_none() {
            let why = figures.last_failure.as_deref().unwrap_or_default();
            tracing::error!("journal: {why}; written again to a new segment");
        }
        self.failures_told = figures.failures;
        let reason = |fault: &Option<String>| fault.as_ref().and_then(|f| f.split(':').next()).map(str::to_owned);
        if reason(&figures.fault) != reason(&self.told) {
            match &figures.fault {
                Some(fault) => tracing::error!("journal: {fault}; only alerts, commands and the like are recorded"),
                None => {
                    tracing::info!("journal: records everything again; {} entries are not in it", unrecorded(&figures))
                }
            }
            self.told = figures.fault;
        }
    }

    /// How it is.
    pub(crate) fn state(&self) -> JournalState {
        let figures = self.journal.figures();
        JournalState {
            entries: self.journal.next_position().0,
            bytes: self.bytes,
            offered: figures.offered,
            synced: figures.synced,
            waiting: figures.waiting,
            shed_disk_full: figures.shed_disk_full,
            shed_failed: figures.shed_failed,
            lost: figures.lost,
            balanced: figures.balances(),
            failures: figures.failures,
            segments_given_up: figures.segments_given_up,
            loss_window: times(&figures.window),
            class_a: times(&figures.class_a),
            last_failure: figures.last_failure,
            holds_fault: self.holds_fault.clone(),
            fault: figures.fault,
        }
    }

    /// Adds up the files on disk.
    pub(crate) fn measure(&mut self) {
        let Ok(items) = std::fs::read_dir(&self.directory) else { return };
        self.bytes = items.flatten().filter_map(|i| i.metadata().ok()).filter(|m| m.is_file()).map(|m| m.len()).sum();
    }
}

fn unrecorded(figures: &Figures) -> u64 {
    figures.shed_disk_full + figures.shed_failed + figures.lost
}

fn times(histogram: &Histogram) -> JournalTimes {
    let ms = |took: Duration| took.as_secs_f64() * 1e3;
    JournalTimes {
        count: histogram.count(),
        p50_ms: ms(histogram.quantile(0.5)),
        p99_ms: ms(histogram.quantile(0.99)),
        max_ms: ms(histogram.max()),
    }
}
