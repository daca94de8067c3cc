//! A segment of version 3 read chunk by chunk, to be written anew.

use super::chunk::{self, Chunk, FIELDS, TOKEN_AT, plausible};
use super::head::{HEAD_BYTES, Head};
use super::{END, Token};
use crate::storage::ReadAt;
use std::io;

/// A chunk of more than this is none the journal wrote.
const CHUNK_BYTES_MAX: u64 = 256 << 20;

/// The chunks of a segment in order.
pub(crate) struct Pieces<'a> {
    source: &'a dyn ReadAt,
    length: u64,
    at: u64,
    token: Token,
    has_end: bool,
}

fn invalid(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

impl<'a> Pieces<'a> {
    /// Begins: the bytes of the head, what it says, and what follows.
    pub(crate) fn of(source: &'a dyn ReadAt) -> io::Result<(Vec<u8>, Head, Self)> {
        let length = source.length()?;
        let bytes = source.read_at(0, HEAD_BYTES as u64)?;
        let head = Head::read(&bytes).filter(|_| bytes.len() == HEAD_BYTES);
        let head = head.ok_or_else(|| invalid("no segment of version 3: it cannot be written anew"))?;
        let token = head.token;
        Ok((bytes, head, Self { source, length, at: HEAD_BYTES as u64, token, has_end: false }))
    }

    /// The next chunk, its bytes and what is in it. `None` at the end, and where the file is cut: what is half there is not
    /// given, because nobody can say what is in it. An error for damage with sound chunks behind it.
    pub(crate) fn next(&mut self) -> io::Result<Option<(Vec<u8>, Chunk)>> {
        let left = self.length - self.at;
        let start = self.source.read_at(self.at, FIELDS as u64 + 1)?;
        if left == END.len() as u64 && start == END {
            self.has_end = true;
            return Ok(None);
        }
        let length = plausible(&start, 0).filter(|length| *length <= left.min(CHUNK_BYTES_MAX));
        let Some(length) = length else {
            return if self.any_behind()? {
                Err(invalid(format!("at byte {}: no chunk; a damaged segment is left as it is", self.at)))
            } else {
                Ok(None)
            };
        };
        let bytes = self.source.read_at(self.at, length)?;
        let chunk = chunk::read(&bytes).and_then(|chunk| {
            if chunk.token == self.token { Ok(chunk) } else { Err("a chunk of another segment".to_owned()) }
        });
        let chunk = chunk
            .map_err(|what| invalid(format!("at byte {}: {what}; a damaged segment is left as it is", self.at)))?;
        self.at += length;
        Ok(Some((bytes, chunk)))
    }

    /// Whether the segment was closed; known when there is no next chunk.
    pub(crate) fn has_end(&self) -> bool {
        self.has_end
    }

    /// Whether another chunk of the segment may begin behind this place.
    fn any_behind(&self) -> io::Result<bool> {
        let from = self.at + 1 + TOKEN_AT as u64;
        let rest = self.source.read_at(from, self.length.saturating_sub(from))?;
        Ok(rest.windows(self.token.len()).any(|window| window == self.token))
    }
}
