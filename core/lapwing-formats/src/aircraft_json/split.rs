//! Whole JSON objects out of a stream that is cut anywhere: by counting braces outside strings, so neither line ends nor commas between
//! objects matter.

/// Bytes of one object; an aircraft.json of 4,000 aircraft has about this.
pub(super) const DOCUMENT_BYTES_MAX: usize = 2 << 20;

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// An object from `{` to its `}`. Its inside is not checked.
    Object(&'a [u8]),
    /// Bytes between objects.
    Between(&'a [u8]),
    /// An object over the bound, not kept: so many bytes of it, one more than the bound.
    TooLong(u64),
    /// More bytes of that object, with its end or not.
    Rest(u64),
    /// An object without its end: its length.
    Cut(u64),
}

/// Splits a stream into objects. Holds at most one of [`DOCUMENT_BYTES_MAX`].
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Splitter {
    held: Vec<u8>,
    overflown: bool,
    depth: u32,
    in_string: bool,
    escaped: bool,
    start: u64,
    offset: u64,
}

impl Splitter {
    /// A splitter whose first byte stands at `offset` of its stream.
    pub(super) fn starting_at(offset: u64) -> Self {
        Self { held: Vec::new(), overflown: false, depth: 0, in_string: false, escaped: false, start: offset, offset }
    }

    /// Whether what was restored keeps the bound, and counts what it holds.
    pub(super) fn is_sound(&self) -> bool {
        self.held.len() <= DOCUMENT_BYTES_MAX && self.offset.checked_sub(self.start) == Some(self.held.len() as u64)
    }

    pub(super) fn next_offset(&self) -> u64 {
        self.offset
    }

    /// Bytes of the object that has not ended yet.
    pub(super) fn pending_bytes(&self) -> u64 {
        self.offset - self.start
    }

    /// Reads `bytes` and hands each piece to `sink` with its offset.
    pub(super) fn feed(&mut self, bytes: &[u8], mut sink: impl FnMut(u64, Piece<'_>)) {
        // The first byte of `bytes` that belongs to the piece being read.
        let mut from = 0;
        for (n, byte) in bytes.iter().enumerate() {
            if self.depth == 0 {
                if *byte == b'{' {
                    self.emit_between(bytes.get(from..n).unwrap_or_default(), &mut sink);
                    from = n;
                    self.depth = 1;
                }
            } else if self.object_ends(*byte) {
                self.emit_object(bytes.get(from..=n).unwrap_or_default(), &mut sink);
                from = n + 1;
            }
        }
        let rest = bytes.get(from..).unwrap_or_default();
        if self.depth == 0 {
            self.emit_between(rest, &mut sink);
        } else {
            self.hold(rest, &mut sink);
        }
    }

    /// The stream has ended.
    pub(super) fn finish(&mut self, mut sink: impl FnMut(u64, Piece<'_>)) {
        let pending = self.pending_bytes();
        if pending > 0 {
            sink(self.start, Piece::Cut(pending));
        }
        *self = Self::starting_at(self.offset);
    }

    /// Takes one byte inside an object; whether it is its last.
    fn object_ends(&mut self, byte: u8) -> bool {
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return false;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' => self.depth = self.depth.saturating_add(1),
            b'}' => self.depth -= 1,
            _ => {}
        }
        self.depth == 0
    }

    /// Keeps bytes of an object; an object over the bound is told as soon as it is, and not kept.
    fn hold(&mut self, bytes: &[u8], sink: &mut impl FnMut(u64, Piece<'_>)) {
        let room = DOCUMENT_BYTES_MAX - self.held.len();
        let rest = if self.overflown {
            bytes
        } else if bytes.len() > room {
            self.offset += room as u64 + 1;
            sink(self.start, Piece::TooLong(self.pending_bytes()));
            self.start = self.offset;
            self.overflown = true;
            self.held = Vec::new();
            bytes.get(room + 1..).unwrap_or_default()
        } else {
            self.held.extend_from_slice(bytes);
            self.offset += bytes.len() as u64;
            return;
        };
        if !rest.is_empty() {
            sink(self.start, Piece::Rest(rest.len() as u64));
        }
        self.offset += rest.len() as u64;
        self.start = self.offset;
    }

    fn emit_object(&mut self, last: &[u8], sink: &mut impl FnMut(u64, Piece<'_>)) {
        if !self.overflown && self.held.is_empty() && last.len() <= DOCUMENT_BYTES_MAX {
            self.offset += last.len() as u64;
            sink(self.start, Piece::Object(last));
        } else {
            self.hold(last, sink);
            if !self.overflown {
                sink(self.start, Piece::Object(&self.held));
            }
        }
        self.held.clear();
        self.overflown = false;
        self.start = self.offset;
    }

    fn emit_between(&mut self, bytes: &[u8], sink: &mut impl FnMut(u64, Piece<'_>)) {
        if !bytes.is_empty() {
            sink(self.start, Piece::Between(bytes));
        }
        self.offset += bytes.len() as u64;
        self.start = self.offset;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pieces(splitter: &mut Splitter, parts: &mut dyn Iterator<Item = &[u8]>) -> Vec<(u64, String, Vec<u8>)> {
        let mut out = Vec::new();
        let mut sink = |at: u64, piece: Piece<'_>| {
            out.push(match piece {
                Piece::Object(bytes) => (at, "object".to_owned(), bytes.to_vec()),
                Piece::Between(bytes) => (at, "between".to_owned(), bytes.to_vec()),
                Piece::TooLong(length) => (at, "too long".to_owned(), vec![0; length as usize]),
                Piece::Rest(length) => (at, "rest".to_owned(), vec![0; length as usize]),
                Piece::Cut(length) => (at, "cut".to_owned(), vec![0; length as usize]),
            });
        };
        parts.for_each(|part| splitter.feed(part, &mut sink));
        splitter.finish(&mut sink);
        out
    }

    #[test]
    fn braces_in_strings_are_text() {
        let text = br#" {"a":"}{\"\\","b":{"c":1}},
{"x":2} tail {"#;
        let got = pieces(&mut Splitter::starting_at(0), &mut std::iter::once(&text[..]));
        let kinds: Vec<_> = got.iter().map(|(_, kind, bytes)| (kind.as_str(), bytes.len())).collect();
        assert_eq!(kinds, [("between", 1), ("object", 26), ("between", 2), ("object", 7), ("between", 6), ("cut", 1)]);
    }

    #[test]
    fn an_endless_object_is_told_at_the_bound_and_not_kept() {
        let mut splitter = Splitter::starting_at(0);
        let (mut too_long, mut rest, mut objects) = (Vec::new(), 0, Vec::new());
        let mut sink = |at: u64, piece: Piece<'_>| match piece {
            Piece::TooLong(length) => too_long.push((at, length)),
            Piece::Rest(length) => rest += length,
            Piece::Object(bytes) => objects.push((at, bytes.to_vec())),
            Piece::Between(_) | Piece::Cut(_) => panic!("{at}"),
        };
        splitter.feed(b"{", &mut sink);
        for _ in 0..80 {
            splitter.feed(&[b'1'; 50_000], &mut sink);
            assert!(splitter.pending_bytes() <= DOCUMENT_BYTES_MAX as u64);
        }
        splitter.feed(b"}{}", &mut sink);
        assert_eq!(too_long, [(0, DOCUMENT_BYTES_MAX as u64 + 1)]);
        assert_eq!(rest, 4_000_002 - DOCUMENT_BYTES_MAX as u64 - 1);
        assert_eq!(objects, [(4_000_002, b"{}".to_vec())]);
    }

    proptest! {
        #[test]
        fn any_cutting_gives_the_same_objects_and_all_bytes(text in "[{}\"\\\\a ]{0,120}", cut in 1usize..20) {
            let whole = pieces(&mut Splitter::starting_at(0), &mut std::iter::once(text.as_bytes()));
            let parts = pieces(&mut Splitter::starting_at(0), &mut text.as_bytes().chunks(cut));
            let objects = |all: &[(u64, String, Vec<u8>)]| all.iter().filter(|p| p.1 != "between").cloned().collect::<Vec<_>>();
            prop_assert_eq!(objects(&whole), objects(&parts));
            for all in [whole, parts] {
                let mut at = 0;
                for (offset, _, bytes) in all {
                    prop_assert_eq!(offset, at);
                    at += bytes.len() as u64;
                }
                prop_assert_eq!(at, text.len() as u64);
            }
        }
    }
}
