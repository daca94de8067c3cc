//! Lines out of a byte stream that is cut anywhere, with every byte accounted for.

/// What stands between two line ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// A line without its end (`\n`, with `\r` before it or not).
    Text(&'a [u8]),
    /// A line over the bound, not kept: its first bytes, one more than the bound.
    TooLong,
    /// More bytes of that line, with its end or not.
    Rest,
}

/// Splits a stream into lines. Holds at most one line of `bytes_max`.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Lines {
    bytes_max: usize,
    held: Vec<u8>,
    overflown: bool,
    start: u64,
    offset: u64,
}

impl Lines {
    /// A splitter whose first byte stands at `offset` of its stream.
    pub(crate) fn starting_at(offset: u64, bytes_max: usize) -> Self {
        Self { bytes_max, held: Vec::new(), overflown: false, start: offset, offset }
    }

    /// Whether what was restored keeps the bound, and counts what it holds.
    pub(crate) fn is_sound(&self, bytes_max: usize) -> bool {
        self.bytes_max == bytes_max
            && self.held.len() <= bytes_max
            && self.offset.checked_sub(self.start) == Some(self.held.len() as u64)
    }

    /// Offset of the next byte.
    pub(crate) fn next_offset(&self) -> u64 {
        self.offset
    }

    /// Bytes of the line that has not ended yet.
    pub(crate) fn pending_bytes(&self) -> u64 {
        self.offset - self.start
    }

    /// Reads `bytes` and hands each line to `sink` with its offset and its length on the wire. A line over the bound is
    /// told as soon as it is: were it never to end, nobody would hear of it.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], mut sink: impl FnMut(u64, u64, Line<'_>)) {
        while !bytes.is_empty() {
            let end = bytes.iter().position(|b| *b == b'\n');
            let (line, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
            let room = self.bytes_max - self.held.len();
            if self.overflown {
                self.take(line.len() + usize::from(end.is_some()), Line::Rest, &mut sink);
                self.overflown = end.is_none();
            } else if line.len() > room {
                self.held.clear();
                self.take(room + 1, Line::TooLong, &mut sink);
                self.overflown = true;
                bytes = bytes.get(room + 1..).unwrap_or_default();
                continue;
            } else if end.is_none() {
                self.held.extend_from_slice(line);
                self.offset += line.len() as u64;
            } else if self.held.is_empty() {
                self.take(line.len() + 1, Line::Text(line.strip_suffix(b"\r").unwrap_or(line)), &mut sink);
            } else {
                self.held.extend_from_slice(line);
                let held = std::mem::take(&mut self.held);
                self.take(line.len() + 1, Line::Text(held.strip_suffix(b"\r").unwrap_or(&held)), &mut sink);
                self.held = held;
                self.held.clear();
            }
            bytes = rest.get(1..).unwrap_or_default();
        }
    }

    /// Passes `bytes` more bytes, and hands out everything up to there.
    fn take(&mut self, bytes: usize, line: Line<'_>, sink: &mut impl FnMut(u64, u64, Line<'_>)) {
        self.offset += bytes as u64;
        sink(self.start, self.offset - self.start, line);
        self.start = self.offset;
    }

    /// The stream has ended: what has no line end is the last line.
    pub(crate) fn finish(&mut self, mut sink: impl FnMut(u64, u64, Line<'_>)) {
        if self.pending_bytes() > 0 {
            let held = std::mem::take(&mut self.held);
            self.take(0, Line::Text(held.strip_suffix(b"\r").unwrap_or(&held)), &mut sink);
        }
        self.overflown = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_cutting_gives_the_same_lines(text in "[a-c\r\n]{0,200}", cut in 1usize..30) {
            let collect = |pieces: &mut dyn Iterator<Item = &[u8]>| {
                let (mut lines, mut out) = (Lines::starting_at(0, 10), Vec::new());
                let mut sink = |at: u64, bytes: u64, line: Line<'_>| match line {
                    Line::Text(text) => out.push((at, bytes, Some(text.to_vec()))),
                    Line::TooLong => out.push((at, bytes, None)),
                    // How a rest comes depends on the cutting; that it belongs to the line before does not.
                    Line::Rest => out.last_mut().unwrap().1 += bytes,
                };
                for piece in pieces {
                    lines.feed(piece, &mut sink);
                    assert!(lines.pending_bytes() <= 10);
                }
                lines.finish(&mut sink);
                assert_eq!(lines.pending_bytes(), 0);
                out
            };
            let whole = collect(&mut std::iter::once(text.as_bytes()));
            prop_assert_eq!(&whole, &collect(&mut text.as_bytes().chunks(cut)));
            prop_assert_eq!(whole.iter().map(|l| l.1).sum::<u64>(), text.len() as u64);
            let want = text.split('\n').filter(|l| l.len() > 10).count();
            prop_assert_eq!(whole.iter().filter(|l| l.2.is_none()).count(), want);
        }
    }
}
