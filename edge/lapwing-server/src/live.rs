//! The live feed: one hub compares successive snapshots once for all clients; each client takes what it can.

pub(crate) mod client;
pub(crate) mod hub;

use axum::extract::ws::Utf8Bytes;
use lapwing_model::{AirText, InputState};
use lapwing_model::{Alert, Event, IdentityStatus, SensorState, Snapshot, Time, TrackId};
use serde::Serialize;

/// Version of the feed's protocol; a reader that knows another one says so instead of guessing.
pub(crate) const PROTOCOL: u32 = 1;

/// A text message of the live feed.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum LiveMessage<'a> {
    /// The first message.
    Hello {
        /// Version of this protocol: 1.
        protocol: u32,
        /// Version of the server.
        version: &'static str,
        /// The picture's time.
        at: Time,
        /// Name of the site.
        #[schema(value_type = String)]
        site: &'a str,
    },
    /// What is not in the columns: complete after the hello, then at most once a second with the parts that changed.
    /// A part that is absent has not changed; a part that is there is complete and replaces what was known.
    State {
        /// The picture's time.
        at: Time,
        /// Alerts, newest first.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<Vec<Alert>>, nullable = false)]
        alerts: Option<&'a [Alert]>,
        /// Sensors and how they are.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<Vec<SensorState>>, nullable = false)]
        sensors: Option<&'a [SensorState]>,
        /// Inputs and their books.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<Vec<InputState>>, nullable = false)]
        inputs: Option<&'a [InputState]>,
    },
    /// Something happened. An alert in it may be older than one already known from a `state`: the one with the later
    /// `changed_at` holds.
    Event {
        /// What: `alert_changed`, `sensor_changed`, `input_changed`, `track_ended`, `tracks_joined`, `track_split` or
        /// `faulted`.
        #[schema(value_type = Event)]
        event: &'a Event,
    },
    /// Names to show, of the tracks whose name or status changed; after the first snapshot of all that have one.
    Labels {
        /// Which.
        tracks: Vec<Label>,
    },
    /// The server itself fell behind the picture and missed events; a complete `state` follows.
    Lost {
        /// How many.
        events: u64,
    },
}

/// The name of a track to show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct Label {
    /// The track.
    pub(crate) id: TrackId,
    /// Its name; `null` when it has none.
    #[schema(required)]
    pub(crate) label: Option<AirText>,
    /// How well its identity is supported.
    pub(crate) status: IdentityStatus,
}

impl LiveMessage<'_> {
    /// The complete state of a snapshot.
    fn state(snapshot: &Snapshot) -> LiveMessage<'_> {
        LiveMessage::State {
            at: snapshot.at,
            alerts: Some(&snapshot.alerts),
            sensors: Some(&snapshot.sensors),
            inputs: Some(&snapshot.inputs),
        }
    }

    /// As text. The nouns have no maps with other than text keys, so this cannot fail; an empty object would be
    /// ignored by readers.
    fn text(&self) -> Utf8Bytes {
        serde_json::to_string(self).unwrap_or_else(|_| String::from("{}")).into()
    }
}
