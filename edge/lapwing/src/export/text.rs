//! Text from the air in other people's syntax.

use std::fmt::Write;

/// Text as content or attribute of XML 1.0: the five characters with a meaning become references, and what XML cannot say
/// at all becomes U+FFFD.
pub(crate) fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // XML 1.0, production 2.
            '\t' | '\n' | '\r' => {
                let _ = write!(out, "&#{};", c as u32);
            }
            '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}' => out.push(c),
            _ => out.push('\u{FFFD}'),
        }
    }
    out
}

/// Text as a quoted field of RFC 4180. What a spreadsheet would take for a formula begins with an apostrophe.
pub(crate) fn csv(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\'', '＝', '＋', '－', '＠']);
    format!("\"{}{}\"", if formula { "'" } else { "" }, text.replace('"', "\"\""))
}

/// A number that came from 32 bits, as short as it can be said.
pub(crate) fn short(value: f64) -> String {
    format!("{}", value as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_escapes() {
        assert_eq!(xml("<a b='c'>&\"\u{1}\u{FFFF}\n"), "&lt;a b=&#39;c&#39;&gt;&amp;&quot;\u{FFFD}\u{FFFD}&#10;");
        assert_eq!(csv("a,\"b\"\r\n"), "\"a,\"\"b\"\"\r\n\"");
        for bad in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "'=1", "＝1"] {
            assert_eq!(csv(bad), format!("\"'{bad}\""));
        }
        assert_eq!(short(f64::from(123.456_f32)), "123.456");
    }
}
