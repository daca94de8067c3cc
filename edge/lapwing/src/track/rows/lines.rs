//! The lines of a file, one after the other, each of a bounded length.

use std::io::{self, BufRead, Read};

/// A longer line is no row, bytes: what is beyond is passed over without being kept.
pub(super) const LINE_MAX: usize = 1 << 20;

/// One line.
#[derive(Debug)]
pub(super) struct Line<'a> {
    /// Counted from one.
    pub(super) number: usize,
    /// Without its end; `None` when it is too long.
    pub(super) text: Option<&'a [u8]>,
}

/// Reads line by line.
pub(super) struct Lines<R> {
    from: R,
    line: Vec<u8>,
    number: usize,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(from: R) -> Self {
        Self { from, line: Vec::new(), number: 0 }
    }

    /// The next line; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        // One more than a line may have, and its end.
        if self.from.by_ref().take(LINE_MAX as u64 + 1).read_until(b'\n', &mut self.line)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        self.line.pop_if(|last| *last == b'\n');
        let long = self.line.len() > LINE_MAX;
        if long {
            // Its end has not come yet: the rest is passed over, and nothing of it kept.
            self.from.skip_until(b'\n')?;
        }
        Ok(Some(Line { number: self.number, text: (!long).then_some(&self.line) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &[u8]) -> Vec<(usize, Option<Vec<u8>>)> {
        let mut lines = Lines::new(io::BufReader::with_capacity(7, text));
        let mut out = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            out.push((line.number, line.text.map(<[u8]>::to_vec)));
        }
        out
    }

    #[test]
    fn lines_have_numbers_and_need_no_last_end() {
        let some = |number, text: &str| (number, Some(text.as_bytes().to_vec()));
        assert_eq!(all(b""), []);
        assert_eq!(all(b"one\n\nthree"), [some(1, "one"), some(2, ""), some(3, "three")]);
        assert_eq!(all(b"one\n"), [some(1, "one")]);
    }

    #[test]
    fn a_line_that_is_too_long_costs_no_other() {
        let longest = "x".repeat(LINE_MAX);
        let text = format!("{longest}\n{longest}x\nshort\n{longest}{longest}");
        let found: Vec<(usize, Option<usize>)> =
            all(text.as_bytes()).into_iter().map(|(number, line)| (number, line.map(|l| l.len()))).collect();
        assert_eq!(found, [(1, Some(LINE_MAX)), (2, None), (3, Some(5)), (4, None)]);
    }
}
