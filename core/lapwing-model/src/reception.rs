//! Raw bytes as they arrived.

use crate::id::InputId;
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// How the bytes of a reception were delimited by their transport.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Envelope {
    /// A piece of a byte stream. Pieces of one `connection` are in order without gaps from `offset` 0.
    Stream {
        /// Which connection of the input, counted from 0.
        connection: u64,
        /// Bytes of this connection before this piece.
        offset: u64,
    },
    /// The connection ended: no bytes; a decoder says what it still held.
    StreamEnd {
        /// Which connection.
        connection: u64,
    },
    /// One datagram, whole.
    Datagram,
    /// One message of a broker or a push, whole, with its topic or path.
    Message {
        /// MQTT topic or HTTP path.
        topic: String,
    },
    /// One captured link-layer frame (or an unpacked file record).
    Frame {
        /// Link type of the capture, a `LINKTYPE_` number of the tcpdump group (127 = 802.11 with radiotap, ...).
        link_type: u16,
    },
}

/// Raw bytes, which input they came in by, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reception {
    /// The configured input.
    pub input: InputId,
    /// When the bytes arrived, by the server's clock (or, in a capture, by the capture's).
    pub received_at: Time,
    /// How they were delimited.
    pub envelope: Envelope,
    /// The bytes, at most [`crate::limits::RECEPTION_BYTES_MAX`].
    pub bytes: Vec<u8>,
}
