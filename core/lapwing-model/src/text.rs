//! Text that came from outside.

use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// Text from the air or from a file: at most [`AirText::BYTES_MAX`] bytes of UTF-8, without control characters, line
/// breaks or bidirectional overrides (each becomes U+FFFD), so that it can stand in a log line. It is still not HTML,
/// not a path and not a fact.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct AirText(String);

impl AirText {
    /// The most bytes kept; the rest is cut at a character border.
    pub const BYTES_MAX: usize = 256;

    /// Cleans and cuts `text`.
    pub fn new(text: &str) -> Self {
        let mut out = String::with_capacity(text.len().min(Self::BYTES_MAX));
        for c in text.chars() {
            let c = if is_unprintable(c) { '\u{FFFD}' } else { c };
            if out.len() + c.len_utf8() > Self::BYTES_MAX {
                break;
            }
            out.push(c);
        }
        Self(out)
    }

    /// From bytes as they stand in fixed-width fields: cut at the first NUL, invalid UTF-8 replaced, trailing blanks
    /// dropped; `None` when nothing is left.
    pub fn from_padded(bytes: &[u8]) -> Option<Self> {
        let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
        let text = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default());
        let trimmed = text.trim_end();
        (!trimmed.is_empty()).then(|| Self::new(trimmed))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

impl From<&str> for AirText {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for AirText {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl<'de> Deserialize<'de> for AirText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|s| Self::new(&s))
    }
}

impl fmt::Display for AirText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AirText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_lines_cannot_be_broken() {
        let text = AirText::new("a\nb\r\u{1b}[31m\u{2028}\u{202e}c");
        assert!(!text.as_str().chars().any(|c| c.is_control() || is_unprintable(c)), "{text:?}");
    }

    #[test]
    fn length_is_bounded_at_a_character_border() {
        let text = AirText::new(&"ä".repeat(1000));
        assert_eq!(text.as_str().len(), AirText::BYTES_MAX);
    }

    #[test]
    fn padding_is_not_text() {
        assert_eq!(AirText::from_padded(&[0; 20]), None);
        assert_eq!(AirText::from_padded(b"   \0junk"), None);
        assert_eq!(AirText::from_padded(b"KLM1302 ").unwrap().as_str(), "KLM1302");
    }
}
