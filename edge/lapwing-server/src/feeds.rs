//! What the run loop gives the server, and what it is asked for.

use crate::history::HistoryRequest;
use lapwing_model::{Command, Event, Link, Position, Site, Snapshot};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

/// Everything the server reads, as channels from the run loop.
#[derive(Debug)]
pub struct Feeds {
    /// The latest air picture. May change as often as it likes; the live feed takes at most five a second.
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    /// The configuration in force.
    pub site: watch::Receiver<Arc<Site>>,
    /// The picture's events, in order. The server subscribes in the call of [`crate::serve`]. It has no use for
    /// `TrackUpdated` (the snapshots have it all), so the sender may leave those out, and with thousands of tracks it
    /// should: should the server fall behind the channel's capacity, it says so to its clients and sends them the
    /// complete state instead.
    pub events: broadcast::Sender<Arc<Event>>,
    /// Where operators' commands go.
    pub commands: mpsc::Sender<CommandRequest>,
    /// The outputs and how they are.
    pub outputs: watch::Receiver<Vec<OutputState>>,
    /// The journal and how it is.
    pub journal: watch::Receiver<JournalState>,
    /// Where questions about the past go; closed where nothing remembers it.
    pub history: mpsc::Sender<HistoryRequest>,
}

/// The journal's position of the command once it is on disk, or why it was refused.
pub type CommandAnswer = Result<Position, Refusal>;

/// An operator's command on its way to the run loop.
#[derive(Debug)]
pub struct CommandRequest {
    /// Who wants what.
    pub command: Command,
    /// To be answered after the journal has synced the command, or with the reason why it is refused.
    pub answer: oneshot::Sender<CommandAnswer>,
}

/// Why a command was refused, in words for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// What it names does not exist (404).
    NotFound(String),
    /// It does not fit the state of what it names, an alert already cleared for instance (409).
    Conflict(String),
    /// It cannot be taken now, the journal cannot write for instance (503).
    Unavailable(String),
}

/// An output and how it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OutputState {
    /// Its configured name.
    pub name: String,
    /// Its format.
    pub format: String,
    /// Its transport.
    pub transport: String,
    /// State of the transport.
    pub link: Link,
    /// Messages handed over to the other side so far.
    pub sent: u64,
    /// Messages waiting now.
    pub waiting: u64,
    /// Messages lost so far, because this output was too slow or gave up.
    pub lost: u64,
}

/// The journal and how it is. `offered = synced + waiting + shed_disk_full + shed_failed + lost`, exactly.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct JournalState {
    /// Entries written so far, over all segments.
    pub entries: u64,
    /// Bytes of all files of the journal.
    pub bytes: u64,
    /// Entries given to the journal since the server started.
    pub offered: u64,
    /// Of these, on the disk.
    pub synced: u64,
    /// Of these, on their way to the disk.
    pub waiting: u64,
    /// Of these, raw detail not recorded because the disk is full.
    pub shed_disk_full: u64,
    /// Of these, raw detail not recorded because the journal could not be written.
    pub shed_failed: u64,
    /// Of these, not recorded because more waited than memory may hold.
    pub lost: u64,
    /// Whether these books balance.
    pub balanced: bool,
    /// Writes and syncs that failed.
    pub failures: u64,
    /// Segments given up after a failure, and written again.
    pub segments_given_up: u64,
    /// What a loss of power would have cost: how long the oldest entry had waited, at each sync.
    pub loss_window: JournalTimes,
    /// From the append of an alert, a command or the like until it was on the disk.
    pub class_a: JournalTimes,
    /// The last failure, in words.
    pub last_failure: Option<String>,
    /// Why what incidents hold is not written down, while it is not; nothing is removed meanwhile.
    pub holds_fault: Option<String>,
    /// Why it cannot record everything, while it cannot.
    pub fault: Option<String>,
}

/// How long something took since the server started.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct JournalTimes {
    /// How often.
    pub count: u64,
    /// The median, milliseconds.
    pub p50_ms: f64,
    /// 99 of 100 took no longer, milliseconds.
    pub p99_ms: f64,
    /// The longest, milliseconds.
    pub max_ms: f64,
}
