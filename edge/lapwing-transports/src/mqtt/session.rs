//! What this end of an MQTT session remembers between two connections.

use rumqttc::{PersistedAckMode, PersistedSession, SessionStore, SessionStoreError, SessionStoreKey};
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

/// Keeps the session in memory, and begins with one in which nothing is on its way. Without it the client library takes
/// a session that only the broker remembers (after a restart of Lapwing) for one in which it must not send anything that
/// needs a number, and drops the subscription without a word: a changed list of topics would never take effect.
#[derive(Debug)]
pub(super) struct Session {
    client_id: String,
    session_s: u32,
    saved: Mutex<Option<PersistedSession>>,
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, SessionStoreError>> + Send + 'a>>;

impl Session {
    pub(super) fn new(client_id: String, session_s: u32) -> Self {
        Self { client_id, session_s, saved: Mutex::new(None) }
    }

    fn set(&self, session: Option<PersistedSession>) {
        *self.saved.lock().unwrap_or_else(PoisonError::into_inner) = session;
    }

    fn empty(&self) -> PersistedSession {
        PersistedSession {
            format_version: 1,
            client_id: self.client_id.clone(),
            clean_start: false,
            session_expiry_interval: Some(self.session_s),
            outgoing_inflight_upper_limit: None,
            ack_mode: PersistedAckMode::Automatic,
            last_pkid: 0,
            last_puback: 0,
            replay: Vec::new(),
            incoming_qos2: Vec::new(),
        }
    }
}

impl SessionStore for Session {
    fn load<'a>(&'a self, _: &'a SessionStoreKey) -> Answer<'a, Option<PersistedSession>> {
        let saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Box::pin(ready(Ok(Some(saved.unwrap_or_else(|| self.empty())))))
    }

    fn save<'a>(&'a self, _: &'a SessionStoreKey, session: &'a PersistedSession) -> Answer<'a, ()> {
        self.set(Some(session.clone()));
        Box::pin(ready(Ok(())))
    }

    fn clear<'a>(&'a self, _: &'a SessionStoreKey) -> Answer<'a, ()> {
        self.set(None);
        Box::pin(ready(Ok(())))
    }
}
