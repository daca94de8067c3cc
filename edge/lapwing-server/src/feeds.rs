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

/// The journal and how it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct JournalState {
    /// Entries written so far, over all segments.
    pub entries: u64,
    /// Bytes of all segments.
    pub bytes: u64,
    /// Why it cannot write, when it cannot.
    pub fault: Option<String>,
}
