//! The head of a segment: 1024 bytes, the tree's first leaf.

use super::{Token, put, record, token_from, token_text, u32_at};
use crate::entry::channel;
use crate::evidence::checkpoint::{Named, decimal, previous_text, read_previous};
use mcap::records::op;

/// Bytes of the head.
pub(crate) const HEAD_BYTES: usize = 1024;
/// Name of the metadata record, of every version.
pub(crate) const METADATA_NAME: &str = "lapwing";
/// Key of the metadata's only line.
pub(crate) const METADATA_KEY: &str = "segment";
const LIBRARY: &str = concat!("lapwing-journal/", env!("CARGO_PKG_VERSION"));

/// Why a segment was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// First of a start of the server: no position before it is greater than its own.
    Start,
    /// The one before was large or old enough.
    Next,
    /// It holds entries of those before it again, which were given up.
    Again,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Next => "next",
            Self::Again => "again",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Start, Self::Next, Self::Again].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// What a segment says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) token: Token,
    pub(crate) number: u64,
    /// Position of its first entry.
    pub(crate) first: u64,
    pub(crate) kind: Kind,
    /// The segment before it.
    pub(crate) previous: Option<Named>,
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.as_bytes());
}

impl Head {
    fn line(&self) -> String {
        format!(
            "version 3 journal {} segment {} position {} kind {} {}",
            token_text(&self.token),
            self.number,
            self.first,
            self.kind.as_str(),
            previous_text(self.previous.as_ref())
        )
    }

    /// Its bytes. The longest line leaves room: numbers have 20 digits at most.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = mcap::MAGIC.to_vec();
        let mut header = Vec::new();
        text(&mut header, METADATA_NAME);
        text(&mut header, LIBRARY);
        put(&mut out, op::HEADER, &[&header]);
        let mut channels = Vec::new();
        for (id, topic, encoding) in channel::ALL {
            let mut content = [id.to_le_bytes(), [0; 2]].concat();
            text(&mut content, topic);
            text(&mut content, encoding);
            // No metadata.
            content.extend([0; 4]);
            put(&mut channels, op::CHANNEL, &[&content]);
        }
        let mut metadata = Vec::new();
        text(&mut metadata, METADATA_NAME);
        // Record head, the map's length, the key, the value's length.
        let around = out.len() + 9 + metadata.len() + 4 + 4 + METADATA_KEY.len() + 4 + channels.len();
        let line = format!("{:<width$}", self.line(), width = HEAD_BYTES.saturating_sub(around));
        let mut pairs = Vec::new();
        text(&mut pairs, METADATA_KEY);
        text(&mut pairs, &line);
        put(&mut out, op::METADATA, &[&metadata, &(pairs.len() as u32).to_le_bytes(), &pairs]);
        out.extend(channels);
        out
    }

    /// Reads the metadata's line.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let (own, previous) = line.trim_end_matches(' ').split_once(" previous ")?;
        let mut words = own.split(' ');
        let mut after = |key: &str| (words.next()? == key).then(|| words.next())?;
        if after("version")? != "3" {
            return None;
        }
        let token = token_from(after("journal")?)?;
        let (number, first) = (decimal(after("segment")?)?, decimal(after("position")?)?);
        let kind = Kind::parse(after("kind")?)?;
        let previous = read_previous(&format!("previous {previous}"))?;
        words.next().is_none().then_some(Self { token, number, first, kind, previous })
    }

    /// Reads the head of a segment.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let (_, header) = record(bytes, mcap::MAGIC.len(), bytes.len())?;
        let (opcode, metadata) = record(bytes, header.end, bytes.len())?;
        if opcode != op::METADATA {
            return None;
        }
        let metadata = bytes.get(metadata)?;
        // Its name, the map's length, its only key and value.
        let key_at = 4 + u32_at(metadata, 0)? as usize + 4;
        let value_at = key_at + 4 + u32_at(metadata, key_at)? as usize;
        let line = metadata.get(value_at + 4..)?.get(..u32_at(metadata, value_at)? as usize)?;
        Self::parse(std::str::from_utf8(line).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_has_its_size_and_reads_back() {
        for (number, previous) in
            [(0, None), (3, Some((2, 17, [7; 32]))), (u64::MAX, Some((u64::MAX, u64::MAX, [9; 32])))]
        {
            let head = Head { token: [0xab; 16], number, first: number, kind: Kind::Again, previous };
            let bytes = head.encode();
            assert_eq!(bytes.len(), HEAD_BYTES);
            let line = head.line();
            assert!(bytes.windows(line.len() + 1).any(|w| w == format!("{line} ").as_bytes()));
            if number < u64::MAX {
                assert_eq!(Head::read(&bytes), Some(head));
            }
        }
    }
}
