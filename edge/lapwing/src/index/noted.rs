//! What of the journal the index takes note of.

use lapwing_journal::{Audit, Entry};
use lapwing_model::{Command, Event, EventBody, Site};
use std::sync::Arc;

/// An entry the index takes note of.
#[derive(Debug, Clone)]
pub(crate) enum Noted {
    /// A configuration.
    Site {
        /// It.
        site: Arc<Site>,
        /// The version of the program.
        version: String,
        /// Whether a run began here that knows nothing of what was before.
        fresh: bool,
    },
    /// What a person ordered.
    Command(Command),
    /// What the picture said.
    Event(Arc<Event>),
    /// The orderly end of a run.
    Stop,
    /// What was done to the record itself.
    Audit(Audit),
}

impl Noted {
    /// What is to be noted of an entry, if anything is.
    pub(crate) fn of(entry: Entry) -> Option<Self> {
        match entry {
            Entry::Site { site, version, resumed } => {
                Some(Self::Site { site: Arc::new(site), version, fresh: resumed.is_none() })
            }
            Entry::Command(command) => Some(Self::Command(command)),
            Entry::Event(event) if concerns(&event) => Some(Self::Event(Arc::new(event))),
            Entry::Stop => Some(Self::Stop),
            Entry::Audit(audit) => Some(Self::Audit(audit)),
            _ => None,
        }
    }
}

/// Whether the index has a place for an event.
pub(crate) fn concerns(event: &Event) -> bool {
    matches!(
        event.body,
        EventBody::TrackBegan { .. }
            | EventBody::TrackUpdated { .. }
            | EventBody::TrackEnded { .. }
            | EventBody::TracksJoined { .. }
            | EventBody::TrackSplit { .. }
            | EventBody::AlertChanged { .. }
    )
}
