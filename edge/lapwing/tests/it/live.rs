//! The WebSocket as a console reads it.

use crate::support::DEADLINE;
use serde_json::Value;
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::{Message, client};

/// A client of the live feed, reading all the time; its thread ends when the server closes or at the test's end.
pub(crate) struct Live {
    messages: Receiver<(Instant, Value)>,
    socket: TcpStream,
}

impl Live {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        let socket = stream.try_clone().unwrap();
        let (mut feed, _) = client(format!("ws://{address}/api/v1/live"), stream).unwrap();
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            while let Ok(message) = feed.read() {
                let Message::Text(text) = message else { continue };
                let Ok(value) = serde_json::from_str(&text) else { return };
                if sender.send((Instant::now(), value)).is_err() {
                    return;
                }
            }
        });
        Self { messages, socket }
    }

    /// The next message `which` wants, and when it came; what comes before it is passed over.
    pub(crate) fn next<T>(&self, what: &str, which: impl Fn(&Value) -> Option<T>) -> (Instant, T) {
        self.next_within(DEADLINE, what, which)
    }

    pub(crate) fn next_within<T>(
        &self,
        limit: Duration,
        what: &str,
        which: impl Fn(&Value) -> Option<T>,
    ) -> (Instant, T) {
        let end = Instant::now() + limit;
        loop {
            match self.messages.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok((at, value)) => {
                    if let Some(found) = which(&value) {
                        return (at, found);
                    }
                }
                Err(RecvTimeoutError::Timeout) => panic!("waited {limit:?} in vain for {what} on the WebSocket"),
                Err(RecvTimeoutError::Disconnected) => panic!("the WebSocket ended before {what}"),
            }
        }
    }

    /// The next message `which` wants, if it comes soon.
    pub(crate) fn soon<T>(&self, limit: Duration, which: impl Fn(&Value) -> Option<T>) -> Option<(Instant, T)> {
        let end = Instant::now() + limit;
        while let Ok((at, value)) = self.messages.recv_timeout(end.saturating_duration_since(Instant::now())) {
            if let Some(found) = which(&value) {
                return Some((at, found));
            }
        }
        None
    }

    /// The next version of an alert in `state`.
    pub(crate) fn alert(&self, state: &str) -> (Instant, Value) {
        self.next(&format!("an alert {state}"), |m| alert(m).filter(|a| a["state"] == state).cloned())
    }

    /// The next word that a sensor's health is now `health`.
    pub(crate) fn health(&self, sensor: &str, health: &str) -> Instant {
        let told = |m: &Value| {
            let event = &m["event"];
            (event["event"] == "sensor_changed" && event["sensor"] == sensor && event["health"] == health).then_some(())
        };
        self.next(&format!("{sensor} {health}"), told).0
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let _ = self.socket.shutdown(std::net::Shutdown::Both);
    }
}

/// The alert a message tells of.
pub(crate) fn alert(message: &Value) -> Option<&Value> {
    (message["type"] == "event" && message["event"]["event"] == "alert_changed").then(|| &message["event"]["alert"])
}
