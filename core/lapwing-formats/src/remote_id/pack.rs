//! Payloads as they stand behind the message counter: one message, or a pack of them (F3411-22a clause 5.4, Message
//! Pack).

use super::message::{MESSAGE_BYTES, Message, MessageError, PACK_MESSAGES_MAX, TYPE_PACK, VERSION_MAX, low};

/// One unit out of a payload: a message, or what is wrong, and where it starts in the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unit {
    /// Bytes from the start of the payload.
    pub offset: usize,
    /// Bytes of it.
    pub length: usize,
    /// The message or the reason why there is none.
    pub result: Result<Message, MessageError>,
}

/// Reads a payload as it stands behind the message counter: one message, or a pack. At most
/// [`PACK_MESSAGES_MAX`] + 1 units; never none.
pub fn decode_payload(payload: &[u8]) -> Vec<Unit> {
    let fault = |offset, length, error| Unit { offset, length, result: Err(error) };
    let whole = |error| vec![fault(0, payload.len(), error)];
    let Some((header, after)) = payload.split_first() else {
        return whole(MessageError::Truncated { bytes: 0 });
    };
    if header >> 4 != TYPE_PACK {
        let Some((message, rest)) = payload.split_first_chunk::<MESSAGE_BYTES>() else {
            return whole(MessageError::Truncated { bytes: payload.len() });
        };
        let mut units = vec![Unit { offset: 0, length: MESSAGE_BYTES, result: Message::decode(message) }];
        units.extend(trailing(MESSAGE_BYTES, rest));
        return units;
    }
    let Some(([size, count], messages)) = after.split_first_chunk::<2>() else {
        return whole(MessageError::Truncated { bytes: payload.len() });
    };
    if low(*header) > VERSION_MAX {
        return whole(MessageError::ReservedVersion(low(*header)));
    }
    if usize::from(*size) != MESSAGE_BYTES {
        return whole(MessageError::PackMessageSize(*size));
    }
    if *count == 0 {
        return whole(MessageError::EmptyPack);
    }
    let wanted = usize::from(*count).min(PACK_MESSAGES_MAX);
    let mut units = Vec::with_capacity(wanted + 1);
    let mut rest = messages;
    let mut offset = 3;
    while units.len() < wanted {
        let Some((message, behind)) = rest.split_first_chunk::<MESSAGE_BYTES>() else { break };
        units.push(Unit { offset, length: MESSAGE_BYTES, result: Message::decode(message) });
        offset += MESSAGE_BYTES;
        rest = behind;
    }
    let there = units.len();
    if usize::from(*count) > PACK_MESSAGES_MAX {
        units.push(fault(offset, rest.len(), MessageError::PackCount(*count)));
    } else if there < wanted {
        units.push(fault(offset, rest.len(), MessageError::PackTruncated { said: *count, there }));
    } else {
        units.extend(trailing(offset, rest));
    }
    units
}

/// Zeros behind the last message are padding; anything else could be a message that the count hides.
fn trailing(offset: usize, rest: &[u8]) -> Option<Unit> {
    let bytes = rest.len();
    let hidden = rest.iter().any(|b| *b != 0);
    hidden.then_some(Unit { offset, length: bytes, result: Err(MessageError::TrailingBytes(bytes)) })
}

/// A pack of messages (the first nine when there are more) with the highest of their versions.
pub fn encode_pack(messages: &[Message]) -> Vec<u8> {
    let messages = messages.get(..PACK_MESSAGES_MAX).unwrap_or(messages);
    let version = messages.iter().map(|m| low(m.protocol_version)).max().unwrap_or(VERSION_MAX);
    let mut out = vec![(TYPE_PACK << 4) | version, MESSAGE_BYTES as u8, messages.len() as u8];
    for message in messages {
        out.extend(message.encode());
    }
    out
}
