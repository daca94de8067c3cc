//! The way from the run loop to one output: never blocks the sender, bounded, and with exact books.
//!
//! `offered = sent + lost + waiting`, always. When there is no room the oldest message that is not vital gives way; only
//! when all that wait are vital (alerts, sensor losses) does the oldest of those.

use bytes::Bytes;
use lapwing_model::{AirText, Link, limits};
use serde::Serialize;
use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, watch};

/// Why an ordinary message was lost for want of room.
pub const LOST_FULL: &str = "output queue full";
/// Why a vital message was lost for want of room: every other one that waited was vital too.
pub const LOST_FULL_VITAL: &str = "output queue full of vital messages";
/// Why what still waited when an output was closed was lost.
pub const LOST_CLOSED: &str = "output closed before it could be sent";

/// What became of everything an output was given, in messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OutputBooks {
    /// Messages given to it.
    pub offered: u64,
    /// Messages that reached the peer, as far as its transport can tell.
    pub sent: u64,
    /// Messages lost, by reason.
    pub lost: BTreeMap<Cow<'static, str>, u64>,
    /// Messages waiting or on their way.
    pub waiting: u64,
    /// State of the transport.
    pub link: Link,
}

impl OutputBooks {
    /// All lost messages.
    pub fn lost_total(&self) -> u64 {
        self.lost.values().sum()
    }

    /// Whether the books balance.
    pub fn balances(&self) -> bool {
        self.offered == self.sent + self.lost_total() + self.waiting
    }
}

#[derive(Default)]
struct State {
    /// Vital and ordinary messages, each with its running number: the lower number goes first.
    vital: VecDeque<(u64, Bytes)>,
    ordinary: VecDeque<(u64, Bytes)>,
    /// Taken and not yet sent or given up. Survives a restart of the task, so that nothing is lost or reordered by it.
    in_flight: Option<Bytes>,
    bytes: usize,
    next: u64,
    sent: u64,
    lost: BTreeMap<Cow<'static, str>, u64>,
    closed: bool,
    gone: bool,
}

impl State {
    fn lose(&mut self, reason: impl Into<Cow<'static, str>>, units: u64) {
        if units > 0 {
            *self.lost.entry(reason.into()).or_default() += units;
        }
    }

    fn waiting(&self) -> usize {
        self.vital.len() + self.ordinary.len()
    }

    fn drop_oldest(&mut self) -> bool {
        let (dropped, reason) = match self.ordinary.pop_front() {
            Some(dropped) => (dropped, LOST_FULL),
            None => match self.vital.pop_front() {
                Some(dropped) => (dropped, LOST_FULL_VITAL),
                None => return false,
            },
        };
        self.bytes -= dropped.1.len();
        self.lose(reason, 1);
        true
    }

    fn lose_all(&mut self) {
        let units = self.waiting() + usize::from(self.in_flight.is_some());
        self.vital.clear();
        self.ordinary.clear();
        self.in_flight = None;
        self.bytes = 0;
        self.lose(LOST_CLOSED, units as u64);
    }
}

struct Shared {
    messages_max: usize,
    bytes_max: usize,
    state: Mutex<State>,
    arrived: Notify,
    link: watch::Sender<Link>,
    closed: watch::Sender<bool>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is whole between any two statements that could panic, so a poisoned lock is still good.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An outbox with the bounds of [`limits`].
pub fn channel() -> (Output, Outbox) {
    channel_with(limits::OUTPUT_EVENTS_MAX, limits::OUTPUT_BYTES_MAX)
}

/// An outbox with bounds of one's own: messages and bytes.
pub fn channel_with(messages_max: usize, bytes_max: usize) -> (Output, Outbox) {
    let shared = Arc::new(Shared {
        messages_max,
        bytes_max,
        state: Mutex::new(State::default()),
        arrived: Notify::new(),
        link: watch::Sender::new(Link::Starting),
        closed: watch::Sender::new(false),
    });
    (Output { shared: Arc::clone(&shared) }, Outbox { end: Arc::new(End { shared }) })
}

/// The run loop's end. Dropping it lets the transport send what waits, as long as that works, and then stops it.
pub struct Output {
    shared: Arc<Shared>,
}

impl Output {
    /// Gives it a message. Never waits. A `vital` message is the last to give way when there is no room.
    pub fn send(&self, vital: bool, bytes: impl Into<Bytes>) {
        let bytes = bytes.into();
        let mut state = self.shared.lock();
        let number = state.next;
        state.next += 1;
        if state.gone || bytes.len() > self.shared.bytes_max {
            let reason = if state.gone { LOST_CLOSED } else { "message larger than the output queue" };
            state.lose(reason, 1);
            return;
        }
        state.bytes += bytes.len();
        if vital {
            state.vital.push_back((number, bytes));
        } else {
            state.ordinary.push_back((number, bytes));
        }
        while state.waiting() > self.shared.messages_max || state.bytes > self.shared.bytes_max {
            if !state.drop_oldest() {
                break;
            }
        }
        drop(state);
        self.shared.arrived.notify_one();
    }

    /// The books as they are now.
    pub fn books(&self) -> OutputBooks {
        let state = self.shared.lock();
        OutputBooks {
            offered: state.next,
            sent: state.sent,
            lost: state.lost.clone(),
            waiting: (state.waiting() + usize::from(state.in_flight.is_some())) as u64,
            link: self.shared.link.borrow().clone(),
        }
    }

    /// Follows the state of the transport.
    pub fn link(&self) -> watch::Receiver<Link> {
        self.shared.link.subscribe()
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.closed.send_replace(true);
        self.shared.arrived.notify_one();
    }
}

struct End {
    shared: Arc<Shared>,
}

impl Drop for End {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.gone = true;
        state.lose_all();
    }
}

/// The transport's end: one message at a time.
#[derive(Clone)]
pub struct Outbox {
    end: Arc<End>,
}

impl Outbox {
    /// The next message, in order. It counts as on its way until [`Outbox::sent`] or [`Outbox::lost`] is called, and is
    /// given again if neither was. `None` when the output is closed and nothing waits. Cancel safe.
    pub async fn take(&self) -> Option<Bytes> {
        loop {
            let arrived = self.end.shared.arrived.notified();
            {
                let mut state = self.end.shared.lock();
                if let Some(bytes) = &state.in_flight {
                    return Some(bytes.clone());
                }
                let first = |queue: &VecDeque<(u64, Bytes)>| queue.front().map_or(u64::MAX, |(number, _)| *number);
                let next = if first(&state.vital) < first(&state.ordinary) {
                    state.vital.pop_front()
                } else {
                    state.ordinary.pop_front()
                };
                if let Some((_, bytes)) = next {
                    state.bytes -= bytes.len();
                    state.in_flight = Some(bytes.clone());
                    return Some(bytes);
                }
                if state.closed {
                    return None;
                }
            }
            arrived.await;
        }
    }

    /// The message taken last reached the peer.
    pub fn sent(&self) {
        let mut state = self.end.shared.lock();
        if state.in_flight.take().is_some() {
            state.sent += 1;
        }
    }

    /// The message taken last is given up.
    pub fn lost(&self, reason: impl Into<Cow<'static, str>>) {
        let mut state = self.end.shared.lock();
        if state.in_flight.take().is_some() {
            state.lose(reason, 1);
        }
    }

    /// Tells the state of the transport.
    pub fn link(&self, link: Link) {
        self.end.shared.link.send_if_modified(|now| {
            let changed = *now != link;
            if changed {
                *now = link;
            }
            changed
        });
    }

    /// [`Link::Down`] with its reason.
    pub fn down(&self, why: impl AsRef<str>) {
        self.link(Link::Down { why: AirText::new(why.as_ref()) });
    }

    /// Whether the output was closed by its owner (it may still hold messages).
    pub fn is_closed(&self) -> bool {
        self.end.shared.lock().closed
    }

    /// Resolves when the output was closed by its owner.
    pub(crate) async fn closed(&self) {
        // An error means that the owner is gone, which is the same.
        let _ = self.end.shared.closed.subscribe().wait_for(|closed| *closed).await;
    }
}

#[cfg(test)]
mod tests;
