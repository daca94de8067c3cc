//! The way from the transports to the run loop: bounded, fair between inputs, and with exact books.
//!
//! Every input has its own queue, and [`Inbox::recv`] takes one item of each in turn, so that a flooding input cannot
//! starve the others; within an input the order of arrival is kept. What an input offers is either delivered or counted
//! as [`Delivery::Shed`], in its place in that order: `offered = delivered + shed`.
//!
//! Bytes are bounded over all inputs. Half of the bound is divided evenly between the inputs and is theirs whatever the
//! others do; the other half goes to whoever comes first.

use crate::clock;
use bytes::Bytes;
use lapwing_model::{AirText, Envelope, InputId, Link, Reception, Time, limits};
use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};

/// Why a reception that found no room was shed.
pub const SHED_FULL: &str = "mailbox full";
/// Why a message larger than [`limits::RECEPTION_BYTES_MAX`] was shed.
pub const SHED_TOO_LARGE: &str = "message larger than a reception may be";

/// Link changes waiting in one input's queue; above it the newest takes the place of the one before it, so that a link
/// that flaps while the run loop stands still costs no memory without end and its latest state is still told.
const LINK_CHANGES_MAX: usize = 1_024;
/// How often one who waits for room in the common half of the bytes looks again.
const COMMON_ROOM_CHECK: Duration = Duration::from_millis(50);
/// Replies waiting to be written to one connection.
const REPLIES_MAX: usize = 64;

/// What the run loop receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// Bytes arrived.
    Reception(Reception),
    /// The transport of an input changed its state.
    Link {
        /// Which input.
        input: InputId,
        /// Its state from here on.
        link: Link,
    },
    /// Receptions of an input were not taken.
    Shed {
        /// Which input.
        input: InputId,
        /// How many receptions.
        units: u64,
        /// Why.
        reason: Cow<'static, str>,
    },
}

/// The bounds of a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Receptions waiting, per input.
    pub receptions_per_input: usize,
    /// Bytes waiting, all inputs.
    pub bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { receptions_per_input: limits::MAILBOX_RECEPTIONS_MAX, bytes: limits::MAILBOX_BYTES_MAX }
    }
}

/// A mailbox with the bounds of [`limits`]: the end the run loop receives from, and the maker of one [`Mailbox`] per input.
pub fn channel() -> (Inbox, MailboxMaker) {
    channel_with(Bounds::default())
}

/// A mailbox with bounds of one's own.
pub fn channel_with(bounds: Bounds) -> (Inbox, MailboxMaker) {
    let shared = Arc::new(Shared {
        bounds,
        state: Mutex::new(State { makers: 1, ..State::default() }),
        arrived: Notify::new(),
        closed: Notify::new(),
    });
    (Inbox { shared: Arc::clone(&shared) }, MailboxMaker { shared })
}

#[derive(Debug)]
enum Item {
    Reception(Reception),
    Link(Link),
    Shed(Cow<'static, str>, u64),
}

struct Queue {
    input: InputId,
    items: VecDeque<Item>,
    receptions: usize,
    bytes: usize,
    links: usize,
    /// Whether its number stands in [`State::ready`].
    ready: bool,
    /// No mailbox is left that could add to it.
    abandoned: bool,
    last_link: Option<Link>,
    /// Wakes those who wait to deliver into this queue.
    space: Arc<Notify>,
    replies: BTreeMap<u64, mpsc::Sender<Bytes>>,
}

#[derive(Default)]
struct State {
    queues: BTreeMap<u64, Queue>,
    next_queue: u64,
    /// Queues with something in them, in the order they are served.
    ready: VecDeque<u64>,
    makers: usize,
    closed: bool,
}

struct Shared {
    bounds: Bounds,
    state: Mutex<State>,
    arrived: Notify,
    closed: Notify,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is whole between any two statements that could panic, so a poisoned lock is still good.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn push(&mut self, queue: u64, item: Item) {
        let Some(q) = self.queues.get_mut(&queue) else { return };
        match &item {
            Item::Reception(reception) => {
                q.receptions += 1;
                q.bytes += reception.bytes.len();
            }
            Item::Link(_) => q.links += 1,
            Item::Shed(..) => {}
        }
        q.items.push_back(item);
        if !q.ready {
            q.ready = true;
            self.ready.push_back(queue);
        }
    }

    fn shed(&mut self, queue: u64, reason: Cow<'static, str>, units: u64) {
        let Some(q) = self.queues.get_mut(&queue) else { return };
        for item in q.items.iter_mut().rev() {
            match item {
                Item::Shed(known, count) if *known == reason => {
                    *count += units;
                    return;
                }
                Item::Shed(..) => {}
                _ => break,
            }
        }
        self.push(queue, Item::Shed(reason, units));
    }

    /// Whether `length` more bytes of this queue are within the bounds.
    fn has_room(&self, queue: u64, length: usize, bounds: Bounds) -> bool {
        let Some(q) = self.queues.get(&queue) else { return false };
        if q.receptions >= bounds.receptions_per_input {
            return false;
        }
        let own = bounds.bytes / 2 / self.queues.len().max(1);
        let after = q.bytes.saturating_add(length);
        if after <= own {
            return true;
        }
        let common: usize =
            self.queues.iter().filter(|(id, _)| **id != queue).map(|(_, q)| q.bytes.saturating_sub(own)).sum();
        common + (after - own) <= bounds.bytes / 2
    }

    fn pop(&mut self) -> Option<Delivery> {
        let id = self.ready.pop_front()?;
        let q = self.queues.get_mut(&id)?;
        let item = q.items.pop_front();
        if q.items.is_empty() {
            q.ready = false;
        } else {
            self.ready.push_back(id);
        }
        let delivery = match item? {
            Item::Reception(reception) => {
                q.receptions -= 1;
                q.bytes -= reception.bytes.len();
                q.space.notify_waiters();
                Delivery::Reception(reception)
            }
            Item::Link(link) => {
                q.links -= 1;
                Delivery::Link { input: q.input.clone(), link }
            }
            Item::Shed(reason, units) => Delivery::Shed { input: q.input.clone(), units, reason },
        };
        if q.abandoned && q.items.is_empty() {
            self.queues.remove(&id);
        }
        Some(delivery)
    }
}

/// The run loop's end. Dropping it stops every transport.
pub struct Inbox {
    shared: Arc<Shared>,
}

impl Inbox {
    /// The next delivery; `None` when no input and no maker of inputs is left and all was received. Cancel safe.
    pub async fn recv(&mut self) -> Option<Delivery> {
        loop {
            let arrived = self.shared.arrived.notified();
            {
                let mut state = self.shared.lock();
                if let Some(delivery) = state.pop() {
                    return Some(delivery);
                }
                if state.ready.is_empty() && state.queues.is_empty() && state.makers == 0 {
                    return None;
                }
            }
            arrived.await;
        }
    }

    /// The next delivery if one waits.
    pub fn try_recv(&mut self) -> Option<Delivery> {
        self.shared.lock().pop()
    }

    /// Hands bytes to the connection of an input, to be written back to the peer (a handshake). `false` when the
    /// connection is gone or does not take what was already handed to it; nothing is written then.
    pub fn reply(&self, input: &InputId, connection: u64, bytes: impl Into<Bytes>) -> bool {
        let state = self.shared.lock();
        state
            .queues
            .values()
            .filter(|q| q.input == *input)
            .find_map(|q| q.replies.get(&connection))
            .is_some_and(|writer| writer.try_send(bytes.into()).is_ok())
    }

    /// Receptions and bytes waiting now, all inputs.
    pub fn waiting(&self) -> (usize, usize) {
        let state = self.shared.lock();
        state.queues.values().fold((0, 0), |(n, b), q| (n + q.receptions, b + q.bytes))
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.closed = true;
        for q in state.queues.values() {
            q.space.notify_waiters();
        }
        state.queues.clear();
        state.ready.clear();
        drop(state);
        self.shared.closed.notify_waiters();
    }
}

/// Makes the mailboxes of the inputs.
pub struct MailboxMaker {
    shared: Arc<Shared>,
}

impl MailboxMaker {
    /// The mailbox of one input. When it and all its clones are dropped, what waits is still delivered.
    pub fn mailbox(&self, input: InputId) -> Mailbox {
        let mut state = self.shared.lock();
        let queue = state.next_queue;
        state.next_queue += 1;
        if !state.closed {
            state.queues.insert(
                queue,
                Queue {
                    input: input.clone(),
                    items: VecDeque::new(),
                    receptions: 0,
                    bytes: 0,
                    links: 0,
                    ready: false,
                    abandoned: false,
                    last_link: None,
                    space: Arc::new(Notify::new()),
                    replies: BTreeMap::new(),
                },
            );
        }
        drop(state);
        let handle = Handle { shared: Arc::clone(&self.shared), queue, input, next_connection: AtomicU64::new(0) };
        Mailbox { handle: Arc::new(handle) }
    }
}

impl Clone for MailboxMaker {
    fn clone(&self) -> Self {
        self.shared.lock().makers += 1;
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl Drop for MailboxMaker {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.makers = state.makers.saturating_sub(1);
        drop(state);
        self.shared.arrived.notify_one();
    }
}

struct Handle {
    shared: Arc<Shared>,
    queue: u64,
    input: InputId,
    next_connection: AtomicU64,
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        if let Some(q) = state.queues.get_mut(&self.queue) {
            q.abandoned = true;
            if q.items.is_empty() {
                state.queues.remove(&self.queue);
            }
        }
        drop(state);
        self.shared.arrived.notify_one();
    }
}

/// The end of one input: its transport puts into it what arrives.
#[derive(Clone)]
pub struct Mailbox {
    handle: Arc<Handle>,
}

impl Mailbox {
    /// The input it belongs to.
    pub fn input(&self) -> &InputId {
        &self.handle.input
    }

    /// Offers what just arrived; sheds and counts it when there is no room, and says so with `false`. For peers that
    /// cannot be made to wait (datagrams, brokers).
    pub fn offer(&self, envelope: Envelope, bytes: Vec<u8>) -> bool {
        self.offer_at(clock::now(), envelope, bytes)
    }

    /// [`Mailbox::offer`] with a recorded time.
    pub fn offer_at(&self, received_at: Time, envelope: Envelope, bytes: Vec<u8>) -> bool {
        let mut state = self.handle.shared.lock();
        if state.closed {
            return false;
        }
        let reason = if bytes.len() > limits::RECEPTION_BYTES_MAX {
            Some(SHED_TOO_LARGE)
        } else if !state.has_room(self.handle.queue, bytes.len(), self.handle.shared.bounds) {
            Some(SHED_FULL)
        } else {
            None
        };
        match reason {
            Some(reason) => state.shed(self.handle.queue, Cow::Borrowed(reason), 1),
            None => {
                let input = self.handle.input.clone();
                state.push(self.handle.queue, Item::Reception(Reception { input, received_at, envelope, bytes }));
            }
        }
        drop(state);
        self.handle.shared.arrived.notify_one();
        reason.is_none()
    }

    /// Delivers what just arrived, and waits while there is no room, so that the peer or the file waits too. `false`
    /// when it was too large (shed and counted) or nobody receives any more. Stamped before it waits.
    pub async fn deliver(&self, envelope: Envelope, bytes: Vec<u8>) -> bool {
        self.deliver_at(clock::now(), envelope, bytes).await
    }

    /// [`Mailbox::deliver`] with a recorded time.
    pub async fn deliver_at(&self, received_at: Time, envelope: Envelope, bytes: Vec<u8>) -> bool {
        if bytes.len() > limits::RECEPTION_BYTES_MAX {
            self.shed(SHED_TOO_LARGE, 1);
            return false;
        }
        loop {
            let Some(space) = self.space() else { return false };
            let freed = space.notified();
            tokio::pin!(freed);
            // From here on a wake-up is not missed, even one between the check and the wait.
            freed.as_mut().enable();
            {
                let mut state = self.handle.shared.lock();
                if state.closed {
                    return false;
                }
                if state.has_room(self.handle.queue, bytes.len(), self.handle.shared.bounds) {
                    let input = self.handle.input.clone();
                    state.push(self.handle.queue, Item::Reception(Reception { input, received_at, envelope, bytes }));
                    drop(state);
                    self.handle.shared.arrived.notify_one();
                    return true;
                }
            }
            // Room in the common half comes from other queues, which do not wake this one.
            let _ = tokio::time::timeout(COMMON_ROOM_CHECK, freed).await;
        }
    }

    fn space(&self) -> Option<Arc<Notify>> {
        self.handle.shared.lock().queues.get(&self.handle.queue).map(|q| Arc::clone(&q.space))
    }

    /// Counts receptions that the transport itself could not take.
    pub fn shed(&self, reason: impl Into<Cow<'static, str>>, units: u64) {
        let mut state = self.handle.shared.lock();
        if state.closed || units == 0 {
            return;
        }
        state.shed(self.handle.queue, reason.into(), units);
        drop(state);
        self.handle.shared.arrived.notify_one();
    }

    /// Tells the state of the transport. Never lost, in its place between the receptions; a state that was told last is
    /// not told again.
    pub fn link(&self, link: Link) {
        let mut state = self.handle.shared.lock();
        let Some(q) = state.queues.get_mut(&self.handle.queue) else { return };
        if q.last_link.as_ref() == Some(&link) {
            return;
        }
        q.last_link = Some(link.clone());
        if q.links >= LINK_CHANGES_MAX
            && let Some(last) = q.items.iter_mut().rev().find_map(|item| match item {
                Item::Link(last) => Some(last),
                _ => None,
            })
        {
            *last = link;
            return;
        }
        state.push(self.handle.queue, Item::Link(link));
        drop(state);
        self.handle.shared.arrived.notify_one();
    }

    /// [`Link::Down`] with its reason.
    pub fn down(&self, why: impl AsRef<str>) {
        self.link(Link::Down { why: AirText::new(why.as_ref()) });
    }

    /// The state told last.
    pub fn last_link(&self) -> Option<Link> {
        self.handle.shared.lock().queues.get(&self.handle.queue).and_then(|q| q.last_link.clone())
    }

    /// Begins the next connection of this input (numbered from 0), and gives what is to be written back to its peer.
    /// Its [`Envelope::StreamEnd`] is delivered always, at [`Stream::end`] or when the stream is dropped.
    pub fn stream(&self) -> (Stream, mpsc::Receiver<Bytes>) {
        let connection = self.handle.next_connection.fetch_add(1, Ordering::Relaxed);
        let (writer, replies) = mpsc::channel(REPLIES_MAX);
        if let Some(q) = self.handle.shared.lock().queues.get_mut(&self.handle.queue) {
            q.replies.insert(connection, writer);
        }
        (Stream { mailbox: self.clone(), connection, offset: 0, ended: false }, replies)
    }

    /// Resolves when nobody receives any more.
    pub async fn closed(&self) {
        loop {
            let closed = self.handle.shared.closed.notified();
            tokio::pin!(closed);
            closed.as_mut().enable();
            if self.handle.shared.lock().closed {
                return;
            }
            closed.await;
        }
    }
}

/// One connection of an input: hands on its bytes in pieces of bounded size and keeps their offset.
pub struct Stream {
    mailbox: Mailbox,
    connection: u64,
    offset: u64,
    ended: bool,
}

impl Stream {
    /// Its number.
    pub fn connection(&self) -> u64 {
        self.connection
    }

    /// Bytes handed on so far.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Delivers the next bytes, cut to [`limits::RECEPTION_BYTES_MAX`], and waits while there is no room. `false` when
    /// nobody receives any more.
    pub async fn piece(&mut self, bytes: &[u8]) -> bool {
        let received_at = clock::now();
        for part in bytes.chunks(limits::RECEPTION_BYTES_MAX) {
            let envelope = Envelope::Stream { connection: self.connection, offset: self.offset };
            if !self.mailbox.deliver_at(received_at, envelope, part.to_vec()).await {
                return false;
            }
            self.offset += part.len() as u64;
        }
        true
    }

    /// Ends it: no reply reaches it any more, and [`Envelope::StreamEnd`] is delivered, as soon as there is room. A
    /// listener that waits here before it frees the connection's place keeps the number of such ends bounded.
    pub async fn end(mut self) {
        self.close();
        self.mailbox.deliver(Envelope::StreamEnd { connection: self.connection }, Vec::new()).await;
        self.ended = true;
    }

    fn close(&self) {
        if let Some(q) = self.mailbox.handle.shared.lock().queues.get_mut(&self.mailbox.handle.queue) {
            q.replies.remove(&self.connection);
        }
    }
}

impl Drop for Stream {
    /// The task that served it failed or was stopped: its decoder must learn of the end all the same, room or not.
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        self.close();
        let handle = &self.mailbox.handle;
        let envelope = Envelope::StreamEnd { connection: self.connection };
        let reception =
            Reception { input: handle.input.clone(), received_at: clock::now(), envelope, bytes: Vec::new() };
        handle.shared.lock().push(handle.queue, Item::Reception(reception));
        handle.shared.arrived.notify_one();
    }
}

#[cfg(test)]
mod tests;
