//! Lines out of a byte stream that is cut anywhere, with every byte accounted for.

/// What stands between two line ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// A line without its end (`\n`, with `\r` before it or not).
    Text(&'a [u8]),
    /// A line over the bound, not kept.
    TooLong,
}

/// Splits a stream into lines. Holds at most one line of `bytes_max`.
#[derive(Debug)]
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

    /// Offset of the next byte.
    pub(crate) fn next_offset(&self) -> u64 {
        self.offset
    }

    /// Bytes of the line that has not ended yet.
    pub(crate) fn pending_bytes(&self) -> u64 {
        self.offset - self.start
    }

    /// Reads `bytes` and hands each line to `sink` with its offset and its length on the wire.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], mut sink: impl FnMut(u64, u64, Line<'_>)) {
        while let Some(end) = bytes.iter().position(|b| *b == b'\n') {
            let (line, rest) = bytes.split_at(end);
            self.offset += end as u64 + 1;
            if self.overflown || self.held.len() + line.len() > self.bytes_max {
                sink(self.start, self.pending_bytes(), Line::TooLong);
            } else if self.held.is_empty() {
                sink(self.start, self.pending_bytes(), Line::Text(line.strip_suffix(b"\r").unwrap_or(line)));
            } else {
                self.held.extend_from_slice(line);
                let line = self.held.strip_suffix(b"\r").unwrap_or(&self.held);
                sink(self.start, self.offset - self.start, Line::Text(line));
            }
            self.held.clear();
            self.overflown = false;
            self.start = self.offset;
            bytes = rest.get(1..).unwrap_or_default();
        }
        self.offset += bytes.len() as u64;
        if self.overflown || self.held.len() + bytes.len() > self.bytes_max {
            self.overflown = true;
            self.held.clear();
        } else {
            self.held.extend_from_slice(bytes);
        }
    }

    /// The stream has ended: what has no line end is the last line.
    pub(crate) fn finish(&mut self, mut sink: impl FnMut(u64, u64, Line<'_>)) {
        if self.pending_bytes() > 0 {
            let line = if self.overflown {
                Line::TooLong
            } else {
                Line::Text(self.held.strip_suffix(b"\r").unwrap_or(&self.held))
            };
            sink(self.start, self.offset - self.start, line);
        }
        self.held.clear();
        self.overflown = false;
        self.start = self.offset;
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
                let mut sink = |at, bytes, line: Line<'_>| out.push((at, bytes, if let Line::Text(t) = line { Some(t.to_vec()) } else { None }));
                pieces.for_each(|piece| lines.feed(piece, &mut sink));
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
