//! Entries to bytes and back.

use crate::audit::Audit;
use crate::resumed::{Resumed, SnapshotTold};
use lapwing_model::{Command, Envelope, Event, InputId, Link, Reception, Site, Time};
use serde::{Deserialize, Serialize};

/// One entry of the journal.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// The configuration: the first entry of a journal, and every change.
    Site {
        /// The site.
        site: Site,
        /// Version of the program that wrote it.
        version: String,
        /// At the start of a run that goes on from an earlier one: from where. Without it the run began with an empty picture.
        resumed: Option<Resumed>,
    },
    /// Raw bytes as they arrived, before anything interprets them.
    Reception(Reception),
    /// A transport's state changed.
    Link {
        /// Which input.
        input: InputId,
        /// Its state now.
        link: Link,
    },
    /// Units were shed under load.
    Shed {
        /// Which input.
        input: InputId,
        /// How many.
        units: u64,
        /// Why.
        reason: String,
    },
    /// An operator's order.
    Command(Command),
    /// What the picture answered: not replayed, but compared.
    Event(Event),
    /// The orderly end of a run: deadlines up to its time have been handled.
    Stop,
    /// A snapshot of the picture was written. Not replayed.
    Snapshot(SnapshotTold),
    /// What was done to the record itself.
    Audit(Audit),
    /// An entry whose data was erased. What it was nobody can say any more.
    Erased(Erased),
}

/// The tombstone of an erased entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Erased {
    /// When it was erased.
    pub at: Time,
    /// On which request; never whose data it was.
    pub why: String,
}

/// A tombstone as it stands in the place of an entry's data.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tombstone {
    erased: Erased,
}

impl Erased {
    /// Whether an entry's data is a tombstone.
    pub(crate) fn is(data: &[u8]) -> bool {
        data.starts_with(b"{\"erased\":{")
    }
}

/// How much an entry must not be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// On the disk before anybody is told of it: commands, configuration, alerts, sensors lost and found, audit.
    A,
    /// On the disk within half a second: receptions, and what else the picture says.
    B,
}

impl Class {
    /// The class of an event.
    pub fn of_event(event: &Event) -> Self {
        if event.body.is_vital() { Self::A } else { Self::B }
    }
}

impl Entry {
    /// Writes what the entry is, as the journal does: JSON, but for a reception.
    pub fn write_json(&self, out: &mut Vec<u8>) -> std::io::Result<()> {
        encode_json(self, out).map(drop)
    }

    /// The class of an entry.
    pub fn class(&self) -> Class {
        match self {
            Self::Site { .. } | Self::Command(_) | Self::Stop | Self::Audit(_) => Class::A,
            Self::Event(event) => Class::of_event(event),
            Self::Reception(_) | Self::Link { .. } | Self::Shed { .. } | Self::Snapshot(_) | Self::Erased(_) => {
                Class::B
            }
        }
    }
}

/// Why a message is not an entry.
pub(crate) type NotAnEntry = String;

pub(crate) mod channel {
    pub(crate) const MARK: u16 = 1;
    pub(crate) const SITE: u16 = 2;
    pub(crate) const LINK: u16 = 3;
    pub(crate) const SHED: u16 = 4;
    pub(crate) const COMMAND: u16 = 5;
    pub(crate) const EVENT: u16 = 6;
    pub(crate) const STOP: u16 = 7;
    pub(crate) const SEAL: u16 = 8;
    pub(crate) const CHECKPOINT: u16 = 9;
    pub(crate) const SNAPSHOT: u16 = 10;
    pub(crate) const AUDIT: u16 = 11;
    pub(crate) const REMOVED: u16 = 12;
    pub(crate) const RECEPTION: u16 = 16;

    /// The channels of every segment: number, topic, encoding.
    pub(crate) const ALL: [(u16, &str, &str); 11] = [
        (SITE, "/site", "json"),
        (LINK, "/link", "json"),
        (SHED, "/shed", "json"),
        (COMMAND, "/command", "json"),
        (EVENT, "/event", "json"),
        (STOP, "/stop", "json"),
        (SEAL, "/seal", "lapwing.seal"),
        (CHECKPOINT, "/checkpoint", "note"),
        (SNAPSHOT, "/snapshot", "json"),
        (AUDIT, "/audit", "json"),
        (RECEPTION, "/in", "lapwing.reception"),
    ];

    /// The number of a topic of version 1; 0 for one that it does not have.
    pub(crate) fn of_topic(topic: &str) -> u16 {
        match topic {
            "/mark" => MARK,
            "/removed" => REMOVED,
            _ if topic.starts_with("/in/") => RECEPTION,
            _ => ALL.iter().find(|(_, t, _)| *t == topic).map_or(0, |(id, ..)| *id),
        }
    }
}

/// First message of each chunk of version 1.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mark {
    pub(crate) journal: String,
    pub(crate) position: u64,
}

/// In a segment of version 1 that retention has been through: entries that were here. Not an entry itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Removed {
    /// Position of the first.
    pub(crate) first: u64,
    /// The position after the last.
    pub(crate) end: u64,
}

#[derive(Serialize)]
struct SiteOut<'a> {
    version: &'a str,
    site: &'a Site,
    #[serde(skip_serializing_if = "Option::is_none")]
    resumed: Option<&'a Resumed>,
}

#[derive(Deserialize)]
struct SiteIn {
    version: String,
    site: Site,
    #[serde(default)]
    resumed: Option<Resumed>,
}

#[derive(Serialize)]
struct LinkOut<'a> {
    input: &'a InputId,
    link: &'a Link,
}

#[derive(Deserialize)]
struct LinkIn {
    input: InputId,
    link: Link,
}

#[derive(Serialize)]
struct ShedOut<'a> {
    input: &'a InputId,
    units: u64,
    reason: &'a str,
}

#[derive(Deserialize)]
struct ShedIn {
    input: InputId,
    units: u64,
    reason: String,
}

const HEADER_VERSION: u8 = 1;
const STREAM: u8 = 0;
const STREAM_END: u8 = 1;
const DATAGRAM: u8 = 2;
const MESSAGE: u8 = 3;
const FRAME: u8 = 4;

/// Writes a reception as the message of its channel.
pub(crate) fn encode_reception(reception: &Reception, out: &mut Vec<u8>) {
    let name = reception.input.as_str();
    let kind = match &reception.envelope {
        Envelope::Stream { .. } => STREAM,
        Envelope::StreamEnd { .. } => STREAM_END,
        Envelope::Datagram => DATAGRAM,
        Envelope::Message { .. } => MESSAGE,
        Envelope::Frame { .. } => FRAME,
    };
    // An id has at most 64 characters.
    out.extend([HEADER_VERSION, kind, name.len() as u8]);
    out.extend(name.as_bytes());
    match &reception.envelope {
        Envelope::Stream { connection, offset } => {
            out.extend(connection.to_le_bytes());
            out.extend(offset.to_le_bytes());
        }
        Envelope::StreamEnd { connection } => out.extend(connection.to_le_bytes()),
        Envelope::Datagram => {}
        Envelope::Message { topic } => {
            // A reception is far below 4 GiB.
            out.extend((topic.len() as u32).to_le_bytes());
            out.extend(topic.as_bytes());
        }
        Envelope::Frame { link_type } => out.extend(link_type.to_le_bytes()),
    }
    out.extend(&reception.bytes);
}

fn decode_reception(received_at: Time, data: &[u8]) -> Result<Reception, NotAnEntry> {
    let short = || "the header of a reception is cut short".to_owned();
    let ([version, kind, length], rest) = data.split_first_chunk().ok_or_else(short)?;
    if *version != HEADER_VERSION {
        return Err(format!("a reception with header version {version}, expected {HEADER_VERSION}"));
    }
    let (name, rest) = rest.split_at_checked(usize::from(*length)).ok_or_else(short)?;
    let input = std::str::from_utf8(name)
        .ok()
        .and_then(|n| InputId::new(n).ok())
        .ok_or_else(|| "a reception whose input has no valid name".to_owned())?;
    let (envelope, bytes) = match *kind {
        STREAM => {
            let (connection, rest) = rest.split_first_chunk().ok_or_else(short)?;
            let (offset, rest) = rest.split_first_chunk().ok_or_else(short)?;
            let (connection, offset) = (u64::from_le_bytes(*connection), u64::from_le_bytes(*offset));
            (Envelope::Stream { connection, offset }, rest)
        }
        STREAM_END => {
            let (connection, rest) = rest.split_first_chunk().ok_or_else(short)?;
            (Envelope::StreamEnd { connection: u64::from_le_bytes(*connection) }, rest)
        }
        DATAGRAM => (Envelope::Datagram, rest),
        MESSAGE => {
            let (length, rest) = rest.split_first_chunk().ok_or_else(short)?;
            let (topic, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or_else(short)?;
            let topic = std::str::from_utf8(topic).map_err(|_| "a reception whose topic is not UTF-8".to_owned())?;
            (Envelope::Message { topic: topic.to_owned() }, rest)
        }
        FRAME => {
            let (link_type, rest) = rest.split_first_chunk().ok_or_else(short)?;
            (Envelope::Frame { link_type: u16::from_le_bytes(*link_type) }, rest)
        }
        other => return Err(format!("a reception with envelope {other}")),
    };
    Ok(Reception { input, received_at, envelope, bytes: bytes.to_vec() })
}

/// Writes an entry other than a reception as the message of its channel, and says which channel that is.
pub(crate) fn encode_json(entry: &Entry, out: &mut Vec<u8>) -> std::io::Result<u16> {
    let channel = match entry {
        Entry::Site { site, version, resumed } => {
            serde_json::to_writer(out, &SiteOut { version, site, resumed: resumed.as_ref() })?;
            channel::SITE
        }
        Entry::Link { input, link } => {
            serde_json::to_writer(out, &LinkOut { input, link })?;
            channel::LINK
        }
        Entry::Shed { input, units, reason } => {
            serde_json::to_writer(out, &ShedOut { input, units: *units, reason })?;
            channel::SHED
        }
        Entry::Command(command) => {
            serde_json::to_writer(out, command)?;
            channel::COMMAND
        }
        Entry::Event(event) => {
            serde_json::to_writer(out, event)?;
            channel::EVENT
        }
        Entry::Stop => {
            out.extend(b"{}");
            channel::STOP
        }
        Entry::Snapshot(told) => {
            serde_json::to_writer(out, told)?;
            channel::SNAPSHOT
        }
        Entry::Audit(audit) => {
            serde_json::to_writer(out, audit)?;
            channel::AUDIT
        }
        Entry::Erased(_) => return Err(std::io::Error::other("a tombstone is written by erasing alone")),
        Entry::Reception(reception) => {
            encode_reception(reception, out);
            channel::RECEPTION
        }
    };
    Ok(channel)
}

/// What a message of a channel says.
pub(crate) fn decode(channel: u16, published: Time, data: &[u8]) -> Result<Entry, NotAnEntry> {
    fn json<'a, T: Deserialize<'a>>(what: &str, data: &'a [u8]) -> Result<T, NotAnEntry> {
        serde_json::from_slice(data).map_err(|e| format!("a {what} that cannot be read: {e}"))
    }
    if Erased::is(data) {
        let Tombstone { erased } = json("tombstone", data)?;
        return Ok(Entry::Erased(erased));
    }
    Ok(match channel {
        channel::SITE => {
            let SiteIn { version, site, resumed } = json("site", data)?;
            Entry::Site { site, version, resumed }
        }
        channel::LINK => {
            let LinkIn { input, link } = json("link", data)?;
            Entry::Link { input, link }
        }
        channel::SHED => {
            let ShedIn { input, units, reason } = json("shed entry", data)?;
            Entry::Shed { input, units, reason }
        }
        channel::COMMAND => Entry::Command(json("command", data)?),
        channel::EVENT => Entry::Event(json("event", data)?),
        channel::STOP => Entry::Stop,
        channel::SNAPSHOT => Entry::Snapshot(json("snapshot entry", data)?),
        channel::AUDIT => Entry::Audit(json("audit entry", data)?),
        channel::RECEPTION => Entry::Reception(decode_reception(published, data)?),
        other => return Err(format!("a message of channel {other}, which no version of the journal has")),
    })
}
