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
    /// An object over the bound, not kept: its length.
    TooLong(u64),
    /// An object without its end: its length.
    Cut(u64),
}

/// Splits a stream into objects. Holds at most one of [`DOCUMENT_BYTES_MAX`].
#[derive(Debug)]
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
            self.offset += rest.len() as u64;
            self.hold(rest);
        }
    }

    /// The stream has ended.
    pub(super) fn finish(&mut self, mut sink: impl FnMut(u64, Piece<'_>)) {
        let pending = self.pending_bytes();
        if pending > 0 {
            sink(self.start, if self.overflown { Piece::TooLong(pending) } else { Piece::Cut(pending) });
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

    fn hold(&mut self, bytes: &[u8]) {
        if self.overflown || self.held.len() + bytes.len() > DOCUMENT_BYTES_MAX {
            self.overflown = true;
            self.held = Vec::new();
        } else {
            self.held.extend_from_slice(bytes);
        }
    }

    fn emit_object(&mut self, last: &[u8], sink: &mut impl FnMut(u64, Piece<'_>)) {
        self.offset += last.len() as u64;
        if self.overflown || self.held.len() + last.len() > DOCUMENT_BYTES_MAX {
            sink(self.start, Piece::TooLong(self.pending_bytes()));
        } else if self.held.is_empty() {
            sink(self.start, Piece::Object(last));
        } else {
            self.held.extend_from_slice(last);
            sink(self.start, Piece::Object(&self.held));
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
    fn an_endless_object_is_not_kept() {
        let mut splitter = Splitter::starting_at(0);
        splitter.feed(b"{", |_, _| panic!());
        for _ in 0..80 {
            splitter.feed(&[b'1'; 50_000], |_, _| panic!());
            assert!(splitter.held.len() <= DOCUMENT_BYTES_MAX);
        }
        let mut got = Vec::new();
        splitter.feed(b"}{}", |at, piece| {
            got.push((at, matches!(piece, Piece::TooLong(4_000_002)), matches!(piece, Piece::Object(b"{}"))))
        });
        assert_eq!(got, [(0, true, false), (4_000_002, false, true)]);
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
