//! What all handlers share.

use crate::feeds::{CommandRequest, Feeds, JournalState, OutputState};
use crate::history::HistoryRequest;
use crate::live::hub::{Hub, Published};
use crate::ring::Ring;
use axum::extract::ws::Utf8Bytes;
use lapwing_model::{Site, Snapshot, Time, limits};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use tokio::sync::{Semaphore, broadcast, mpsc, watch};

/// What all handlers share.
pub(crate) struct App {
    pub(crate) snapshots: watch::Receiver<Arc<Snapshot>>,
    pub(crate) site: watch::Receiver<Arc<Site>>,
    pub(crate) commands: mpsc::Sender<CommandRequest>,
    pub(crate) outputs: watch::Receiver<Vec<OutputState>>,
    pub(crate) journal: watch::Receiver<JournalState>,
    pub(crate) history: mpsc::Sender<HistoryRequest>,
    /// The picture's time when the server started.
    pub(crate) started_at: Time,
    /// What the hub published last.
    pub(crate) published: watch::Receiver<Arc<Published>>,
    /// Messages that no client may miss. Held weakly: when the hub ends, so do the clients.
    pub(crate) control: broadcast::WeakSender<Utf8Bytes>,
    pub(crate) events: Arc<Mutex<Ring>>,
    pub(crate) clients: Arc<Semaphore>,
    pub(crate) clients_closed_slow: AtomicU64,
    pub(crate) requests: Semaphore,
    /// Turns true when the server stops.
    pub(crate) stopping: watch::Receiver<bool>,
}

impl App {
    /// The shared state, and the hub to run beside it.
    pub(crate) fn new(feeds: Feeds, stopping: watch::Receiver<bool>) -> (Arc<Self>, Hub) {
        let events = Arc::new(Mutex::new(Ring::default()));
        let (hub, published, control) =
            Hub::new(feeds.snapshots.clone(), feeds.events.subscribe(), Arc::clone(&events));
        let started_at = feeds.snapshots.borrow().at;
        let app = Self {
            snapshots: feeds.snapshots,
            site: feeds.site,
            commands: feeds.commands,
            outputs: feeds.outputs,
            journal: feeds.journal,
            history: feeds.history,
            started_at,
            published,
            control,
            events,
            clients: Arc::new(Semaphore::new(limits::CLIENTS_MAX)),
            clients_closed_slow: AtomicU64::new(0),
            requests: Semaphore::new(limits::HTTP_REQUESTS_MAX),
            stopping,
        };
        (Arc::new(app), hub)
    }

    /// The latest snapshot.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshots.borrow())
    }

    /// WebSocket clients connected now.
    pub(crate) fn clients_connected(&self) -> usize {
        limits::CLIENTS_MAX.saturating_sub(self.clients.available_permits())
    }
}
