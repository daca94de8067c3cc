//! The one place that follows the picture: compares successive snapshots, encodes each change once, keeps the ring.

use super::{Label, LiveMessage};
use crate::columns::{self, FLAG_ALERT, FLAG_CRITICAL, Kind, Row};
use crate::ring::Ring;
use crate::server::stopped;
use axum::extract::ws::Utf8Bytes;
use bytes::Bytes;
use lapwing_model::{AirText, AlertState, Event, EventBody, IdentityStatus, Severity, Snapshot, Time, Track, limits};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

/// Least time between two deltas: at most five a second.
const DELTA_INTERVAL: Duration = Duration::from_millis(200);
/// A delta, if an empty one, comes at least this often.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Least time between two states.
const STATE_INTERVAL: Duration = Duration::from_secs(1);

/// A row with what its age is counted from: the age itself changes all the time and is no change.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Entry {
    row: Row,
    last_at: Time,
}

impl Entry {
    fn of(track: &Track, now: Time, alert_flags: u8) -> Self {
        Self { row: Row { age_ds: 0, ..Row::of(track, now, alert_flags) }, last_at: track.last_at }
    }

    fn at(&self, now: Time) -> Row {
        Row { age_ds: columns::age_ds(now.since(self.last_at)), ..self.row }
    }
}

/// What the hub published: the picture as frames, encoded once for all clients.
#[derive(Debug)]
pub(crate) struct Published {
    /// Running number. A client that saw the one before takes the delta, any other the snapshot.
    pub(crate) number: u64,
    /// What changed since the one before.
    pub(crate) delta: Bytes,
    entries: Vec<Entry>,
    snapshot: Arc<Snapshot>,
    full: OnceLock<Bytes>,
    state: OnceLock<Utf8Bytes>,
    labels: OnceLock<Utf8Bytes>,
}

impl Published {
    fn new(number: u64, snapshot: Arc<Snapshot>, before: &[Entry]) -> Self {
        let flags = alert_flags(&snapshot);
        let of = |t: &Track| Entry::of(t, snapshot.at, flags.get(&t.id.0).copied().unwrap_or(0));
        let mut entries: Vec<Entry> = snapshot.tracks.iter().map(of).collect();
        // They come sorted; the comparison depends on it, so it is made sure (linear when they are).
        entries.sort_by_key(|e| e.row.id);
        let delta = delta(snapshot.at, before, &entries);
        let (full, state, labels) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Self { number, delta, entries, snapshot, full, state, labels }
    }

    /// The picture's time.
    pub(crate) fn at(&self) -> Time {
        self.snapshot.at
    }

    /// All tracks.
    pub(crate) fn full(&self) -> Bytes {
        let encode = || {
            let rows: Vec<Row> = self.entries.iter().map(|e| e.at(self.snapshot.at)).collect();
            columns::encode(Kind::Snapshot, self.snapshot.at, &rows, &[])
        };
        self.full.get_or_init(encode).clone()
    }

    /// All that is not in the columns.
    pub(crate) fn state(&self) -> Utf8Bytes {
        self.state.get_or_init(|| LiveMessage::state(&self.snapshot).text()).clone()
    }

    /// All names.
    pub(crate) fn labels(&self) -> Utf8Bytes {
        let named = || self.snapshot.tracks.iter().filter(|t| t.identity.label().is_some()).map(label).collect();
        self.labels.get_or_init(|| LiveMessage::Labels { tracks: named() }.text()).clone()
    }
}

/// Compares two sorted tables.
fn delta(at: Time, before: &[Entry], after: &[Entry]) -> Bytes {
    let (mut rows, mut removed) = (Vec::new(), Vec::new());
    let mut old = before.iter().peekable();
    for new in after {
        while let Some(gone) = old.next_if(|o| o.row.id < new.row.id) {
            removed.push(gone.row.id);
        }
        if old.next_if(|o| o.row.id == new.row.id) != Some(new) {
            rows.push(new.at(at));
        }
    }
    removed.extend(old.map(|o| o.row.id));
    columns::encode(Kind::Delta, at, &rows, &removed)
}

fn alert_flags(snapshot: &Snapshot) -> BTreeMap<u64, u8> {
    let mut flags = BTreeMap::new();
    for alert in snapshot.alerts.iter().filter(|a| a.state != AlertState::Cleared) {
        let critical = if alert.severity == Severity::Critical { FLAG_CRITICAL } else { 0 };
        *flags.entry(alert.track.0).or_default() |= FLAG_ALERT | critical;
    }
    flags
}

fn label(track: &Track) -> Label {
    let label = track.identity.label().map(|n| n.value.clone());
    Label { id: track.id, label, status: track.identity.status }
}

/// Follows the picture until it or the server ends.
#[derive(Debug)]
pub(crate) struct Hub {
    snapshots: watch::Receiver<Arc<Snapshot>>,
    events: broadcast::Receiver<Arc<Event>>,
    ring: Arc<Mutex<Ring>>,
    published: watch::Sender<Arc<Published>>,
    control: broadcast::Sender<Utf8Bytes>,
    labels: BTreeMap<u64, (Option<AirText>, IdentityStatus)>,
    /// What clients know of alerts, sensors and inputs.
    stated: Arc<Snapshot>,
    stated_at: Instant,
}

impl Hub {
    /// The hub, what it publishes and its messages.
    pub(crate) fn new(
        mut snapshots: watch::Receiver<Arc<Snapshot>>,
        events: broadcast::Receiver<Arc<Event>>,
        ring: Arc<Mutex<Ring>>,
    ) -> (Self, watch::Receiver<Arc<Published>>, broadcast::WeakSender<Utf8Bytes>) {
        let first = Arc::clone(&snapshots.borrow_and_update());
        let (published, readers) = watch::channel(Arc::new(Published::new(0, Arc::clone(&first), &[])));
        let control = broadcast::Sender::new(limits::CLIENT_MESSAGES_MAX);
        let weak = control.downgrade();
        let mut hub = Self {
            snapshots,
            events,
            ring,
            published,
            control,
            labels: BTreeMap::new(),
            stated: Arc::clone(&first),
            stated_at: Instant::now(),
        };
        hub.relabel(&first);
        (hub, readers, weak)
    }

    /// Runs until the picture or the server ends.
    pub(crate) async fn run(mut self, mut stopping: watch::Receiver<bool>) {
        let mut last = Instant::now();
        loop {
            let next = async {
                tokio::time::sleep_until(last + DELTA_INTERVAL).await;
                match tokio::time::timeout_at(last + HEARTBEAT, self.snapshots.changed()).await {
                    Ok(changed) => changed,
                    Err(_) => Ok(()),
                }
            };
            tokio::select! {
                biased;
                () = stopped(&mut stopping) => return,
                event = self.events.recv() => match event {
                    Ok(event) => self.happened(&event),
                    Err(RecvError::Lagged(missed)) => self.lost(missed),
                    Err(RecvError::Closed) => return,
                },
                alive = next => {
                    if alive.is_err() {
                        return;
                    }
                    last = Instant::now();
                    self.publish();
                }
            }
        }
    }

    fn happened(&mut self, event: &Arc<Event>) {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner).push(event);
        if is_told(&event.body) {
            self.tell(&LiveMessage::Event { event });
        }
    }

    fn lost(&mut self, events: u64) {
        tracing::warn!(events, "the server fell behind the picture; clients get the complete state");
        self.ring.lock().unwrap_or_else(PoisonError::into_inner).missed();
        self.tell(&LiveMessage::Lost { events });
        let snapshot = Arc::clone(&self.snapshots.borrow());
        self.tell(&LiveMessage::state(&snapshot));
        self.stated = snapshot;
        self.stated_at = Instant::now();
    }

    fn publish(&mut self) {
        let snapshot = Arc::clone(&self.snapshots.borrow_and_update());
        self.relabel(&snapshot);
        if self.stated_at.elapsed() >= STATE_INTERVAL {
            self.restate(&snapshot);
        }
        let before = Arc::clone(&self.published.borrow());
        let next = Published::new(before.number.wrapping_add(1), snapshot, &before.entries);
        self.published.send_replace(Arc::new(next));
    }

    /// Tells the names that changed.
    fn relabel(&mut self, snapshot: &Snapshot) {
        let mut changed = Vec::new();
        for track in &snapshot.tracks {
            let name = track.identity.label().map(|n| &n.value);
            let status = track.identity.status;
            let known = self.labels.get(&track.id.0).map(|(n, s)| (n.as_ref(), *s));
            if known.unwrap_or((None, IdentityStatus::Unidentified)) != (name, status) {
                changed.push(label(track));
                self.labels.insert(track.id.0, (name.cloned(), status));
            }
        }
        if !changed.is_empty() {
            self.tell(&LiveMessage::Labels { tracks: changed });
        }
        if self.labels.len() > snapshot.tracks.len() {
            let mut live: Vec<u64> = snapshot.tracks.iter().map(|t| t.id.0).collect();
            live.sort_unstable();
            self.labels.retain(|id, _| live.binary_search(id).is_ok());
        }
    }

    /// Tells the parts of the state that changed.
    fn restate(&mut self, snapshot: &Arc<Snapshot>) {
        let was = &self.stated;
        let alerts = (was.alerts != snapshot.alerts).then_some(snapshot.alerts.as_slice());
        let sensors = (was.sensors != snapshot.sensors).then_some(snapshot.sensors.as_slice());
        let inputs = (was.inputs != snapshot.inputs).then_some(snapshot.inputs.as_slice());
        if alerts.is_none() && sensors.is_none() && inputs.is_none() {
            return;
        }
        self.tell(&LiveMessage::State { at: snapshot.at, alerts, sensors, inputs });
        self.stated = Arc::clone(snapshot);
        self.stated_at = Instant::now();
    }

    fn tell(&self, message: &LiveMessage<'_>) {
        if self.control.receiver_count() > 0 {
            // It only fails without receivers.
            let _ = self.control.send(message.text());
        }
    }
}

/// Whether clients are told of it one by one. What happens to tracks all the time is in the columns, and what may hold
/// something personal is not told here.
fn is_told(body: &EventBody) -> bool {
    match body {
        EventBody::AlertChanged { .. }
        | EventBody::SensorChanged { .. }
        | EventBody::InputChanged { .. }
        | EventBody::TrackEnded { .. }
        | EventBody::TracksJoined { .. }
        | EventBody::TrackSplit { .. }
        | EventBody::Faulted { .. } => true,
        EventBody::TrackBegan { .. } | EventBody::TrackUpdated { .. } | EventBody::ClaimWithoutPlace { .. } => false,
    }
}

#[cfg(test)]
mod tests;
