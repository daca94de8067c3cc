//! A reader of JSON text (RFC 8259) that knows where each byte of it stands, and never builds a tree.

use std::borrow::Cow;

/// Deepest nesting of a value.
pub(super) const DEPTH_MAX: usize = 16;

/// Why some bytes are not JSON, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) at: usize,
    pub(super) reason: &'static str,
    pub(super) expected: &'static str,
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Raw<'a> {
    Null,
    Flag(bool),
    Number(&'a str),
    Text(Cow<'a, str>),
    Object,
    Array,
}

/// Reads from `at` on. A copy is a bookmark.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(super) fn skip_blank(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// Passes over `byte` if it is next.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let is = self.peek() == Some(byte);
        self.at += usize::from(is);
        is
    }

    fn broken<T>(&self, expected: &'static str) -> Result<T, Broken> {
        Err(Broken { at: self.at, reason: "syntax", expected })
    }

    pub(super) fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), Broken> {
        if self.take(byte) { Ok(()) } else { self.broken(expected) }
    }

    fn slice(&self, from: usize) -> &'a [u8] {
        self.bytes.get(from..self.at).unwrap_or_default()
    }

    /// A string with its quotes.
    pub(super) fn string(&mut self) -> Result<Cow<'a, str>, Broken> {
        let start = self.at;
        self.expect(b'"', "a string")?;
        let mut escaped = false;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.at += 1;
                    if self.peek().is_none() {
                        return self.broken("the end of a string");
                    }
                    self.at += 1;
                }
                Some(0..0x20) | None => return self.broken("the end of a string"),
                Some(_) => self.at += 1,
            }
        }
        let inside = self.bytes.get(start + 1..self.at).unwrap_or_default();
        self.at += 1;
        if escaped {
            // Escapes are rare: the library knows their rules, surrogate pairs included.
            return match serde_json::from_slice::<String>(self.slice(start)) {
                Ok(text) => Ok(Cow::Owned(text)),
                Err(_) => Err(Broken { at: start, reason: "syntax", expected: "valid escapes in a string" }),
            };
        }
        match std::str::from_utf8(inside) {
            Ok(text) => Ok(Cow::Borrowed(text)),
            Err(e) => Err(Broken { at: start + 1 + e.valid_up_to(), reason: "syntax", expected: "UTF-8" }),
        }
    }

    fn digits(&mut self) -> Result<(), Broken> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return self.broken("a digit");
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<&'a str, Broken> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _ = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        // Only ASCII was passed over.
        Ok(std::str::from_utf8(self.slice(start)).unwrap_or_default())
    }

    fn word(&mut self, word: &'static [u8]) -> Result<(), Broken> {
        let end = self.at + word.len();
        if self.bytes.get(self.at..end) != Some(word) {
            return self.broken("a value");
        }
        self.at = end;
        Ok(())
    }

    /// The next value: read whole when it is simple; at the opening bracket when it is not.
    pub(super) fn value(&mut self) -> Result<Raw<'a>, Broken> {
        Ok(match self.peek() {
            Some(b'"') => Raw::Text(self.string()?),
            Some(b'-' | b'0'..=b'9') => Raw::Number(self.number()?),
            Some(b't') => self.word(b"true").map(|()| Raw::Flag(true))?,
            Some(b'f') => self.word(b"false").map(|()| Raw::Flag(false))?,
            Some(b'n') => self.word(b"null").map(|()| Raw::Null)?,
            Some(b'{') => Raw::Object,
            Some(b'[') => Raw::Array,
            _ => return self.broken("a value"),
        })
    }

    /// Passes over a value of any kind. Iterative: depth is bounded by a counter, not by the stack.
    pub(super) fn skip_value(&mut self) -> Result<(), Broken> {
        // One bit a level: 1 = object, below a marker bit.
        let mut levels: u64 = 1;
        loop {
            self.skip_blank();
            let opened = match self.value()? {
                Raw::Object => Some(1),
                Raw::Array => Some(0),
                _ => None,
            };
            if let Some(bit) = opened {
                if levels.ilog2() as usize >= DEPTH_MAX {
                    return Err(Broken { at: self.at, reason: "too-deep", expected: "less nesting" });
                }
                self.at += 1;
                levels = levels << 1 | bit;
                self.skip_blank();
                if !self.take(if bit == 1 { b'}' } else { b']' }) {
                    if bit == 1 {
                        self.member_name()?;
                    }
                    continue;
                }
                levels >>= 1;
            }
            // A value has ended: so may have what holds it.
            loop {
                if levels == 1 {
                    return Ok(());
                }
                self.skip_blank();
                let object = levels & 1 == 1;
                if self.take(b',') {
                    if object {
                        self.skip_blank();
                        self.member_name()?;
                    }
                    break;
                }
                self.expect(if object { b'}' } else { b']' }, if object { "',' or '}'" } else { "',' or ']'" })?;
                levels >>= 1;
            }
        }
    }

    /// The name of an object's member with its colon; the cursor then stands before the value.
    pub(super) fn member_name(&mut self) -> Result<Cow<'a, str>, Broken> {
        let name = self.string()?;
        self.skip_blank();
        self.expect(b':', "':'")?;
        self.skip_blank();
        Ok(name)
    }

    /// The next place at or after `from` where a message may begin after broken bytes: an opening brace after a comma,
    /// a brace or the start of a line, or an opening bracket at the start of a line. The end if there is none.
    pub(super) fn next_start(&self, from: usize) -> usize {
        let mut at = from;
        while let Some(byte) = self.bytes.get(at) {
            if matches!(byte, b'{' | b'[') {
                let before = self.bytes.get(..at).unwrap_or_default();
                let text = before.trim_ascii_end();
                let new_line = before.get(text.len()..).is_some_and(|blank| blank.contains(&b'\n'));
                if new_line || (*byte == b'{' && matches!(text.last(), Some(b',' | b'}'))) {
                    return at;
                }
            }
            at += 1;
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn depth_is_bounded_without_recursion() {
        let deep = "[".repeat(100_000);
        assert_eq!(Cursor::new(deep.as_bytes()).skip_value().unwrap_err().reason, "too-deep");
        let fine = format!("{}{}", "[".repeat(DEPTH_MAX), "]".repeat(DEPTH_MAX));
        assert_eq!(Cursor::new(fine.as_bytes()).skip_value(), Ok(()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        /// What serde_json takes for one value is one value here, and the other way round.
        #[test]
        fn it_agrees_with_serde_json(text in r#"[\[\]{},:"\\ \n0-9eE+.ntrufalsb-]{0,24}|\{("[a-z]{0,2}":(-?[0-9]{1,3}(\.[0-9]+)?(e-?[0-9])?|"[a-z\\n]*"|null|\[[0-9,]*\]),?){0,4}\}"#) {
            let mut cursor = Cursor::new(text.as_bytes());
            let ours = cursor.skip_value().is_ok() && { cursor.skip_blank(); cursor.peek().is_none() };
            let theirs = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
            prop_assert_eq!(ours, theirs, "{}", text);
        }
    }
}
