//! When snapshots are taken, and their way to the disk: the state is written down between two entries, which takes as long as
//! there are tracks, and brought to the disk on another thread.

use crate::line::Line;
use crate::snapshot::{Folder, Written};
use lapwing_journal::SnapshotTold;
use lapwing_model::{Position, Span, Time};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// A start applies again what came since the last snapshot. One is taken when that would take about this long...
const WORK_MAX: Duration = Duration::from_millis(500);
/// ... but writing states down must stay a small part of all work: one this much of its own cost apart, ...
const COST_SHARE: u32 = 4;
/// ... and the disk is to have its rest ...
const INTERVAL_MIN: Duration = Duration::from_secs(2);
/// ... and where little happens, one a minute is enough.
const INTERVAL_MAX: Duration = Duration::from_secs(60);

/// The snapshots of a running server.
pub(crate) struct Keeper {
    folder: Folder,
    /// How long raw detail is kept, and so what snapshots hold of the past.
    past: Span,
    done: mpsc::Sender<io::Result<Written>>,
    writing: bool,
    /// Written down, and not yet to be written to the disk: position, time, state.
    waiting: Option<(Position, Time, Vec<u8>)>,
    taken_at: Instant,
    /// Work of the line since the last one.
    work: Duration,
    /// What the last one cost the run loop, and its size.
    cost: Duration,
    size: usize,
    fault: Option<String>,
}

impl Keeper {
    /// The snapshots of a journal. What the second says is for [`Keeper::finished`].
    pub(crate) fn new(journal: &Path, past: Span) -> (Self, mpsc::Receiver<io::Result<Written>>) {
        let (done, results) = mpsc::channel(1);
        let keeper = Self {
            folder: Folder::of(journal),
            past,
            done,
            writing: false,
            waiting: None,
            taken_at: Instant::now(),
            work: Duration::ZERO,
            cost: Duration::ZERO,
            size: 0,
            fault: None,
        };
        (keeper, results)
    }

    /// The line has worked so long.
    pub(crate) fn worked(&mut self, time: Duration) {
        self.work += time;
    }

    /// Whether one is due.
    pub(crate) fn is_due(&self) -> bool {
        let age = self.taken_at.elapsed();
        let worth = self.work >= WORK_MAX.max(self.cost * COST_SHARE) && age >= INTERVAL_MIN;
        !self.writing && self.waiting.is_none() && (worth || (age >= INTERVAL_MAX && self.work > Duration::ZERO))
    }

    /// Takes one: `position` is that of the next entry. It goes to the disk when everything before that is there.
    pub(crate) fn take(&mut self, line: &Line, position: Position) {
        self.waiting = self.state(line).map(|state| (position, line.now(), state));
    }

    /// Everything before `position` is on the disk.
    pub(crate) fn on_disk(&mut self, position: Position) {
        let Some((of, at, state)) = self.waiting.take_if(|(of, ..)| *of <= position) else { return };
        self.writing = true;
        let (folder, done, past) = (self.folder.clone(), self.done.clone(), self.past);
        // The channel has room: one is written at a time.
        tokio::task::spawn_blocking(move || done.blocking_send(folder.write(of, at, &state, past)));
    }

    /// Takes one and waits until it is on the disk. Everything before `position` is.
    pub(crate) fn take_now(&mut self, line: &Line, position: Position) -> Option<SnapshotTold> {
        self.waiting = None;
        let state = self.state(line)?;
        let written = self.folder.write(position, line.now(), &state, self.past);
        self.finished(written)
    }

    fn state(&mut self, line: &Line) -> Option<Vec<u8>> {
        let began = Instant::now();
        let state = line.save(self.size + self.size / 8);
        self.taken_at = Instant::now();
        self.work = Duration::ZERO;
        self.cost = began.elapsed();
        match state {
            Ok(state) => {
                self.size = state.len();
                Some(state)
            }
            Err(error) => {
                self.failed(&error.to_string());
                None
            }
        }
    }

    /// Takes note that one is on the disk, or not; what the journal is to say of it.
    pub(crate) fn finished(&mut self, written: io::Result<Written>) -> Option<SnapshotTold> {
        self.writing = false;
        match written {
            Ok(written) => {
                if self.fault.take().is_some() {
                    tracing::info!("snapshots are written again");
                }
                tracing::debug!(
                    "snapshot at {}: {} bytes, {:.1} ms of the run loop",
                    written.position.0,
                    written.bytes,
                    self.cost.as_secs_f64() * 1e3
                );
                Some(SnapshotTold { position: written.position, sha256: written.sha256 })
            }
            Err(error) => {
                self.failed(&error.to_string());
                None
            }
        }
    }

    fn failed(&mut self, why: &str) {
        if self.fault.as_deref() != Some(why) {
            tracing::error!("no snapshot: {why}; after a crash more of the journal is applied again");
            self.fault = Some(why.to_owned());
        }
    }
}
