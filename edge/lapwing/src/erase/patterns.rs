//! Personal values as bytes: the forms in which they can stand in a file, searched for all at once.

use aho_corasick::AhoCorasick;
use anyhow::Context;
use lapwing_model::Place;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// In a whole file two numbers belong together when they stand no further apart than this, bytes.
const NEAR: usize = 512;

/// A value in one form, by the numbers of its byte strings.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// These bytes.
    Bytes(usize),
    /// Both of these: a place is two numbers, and alone each of them is nobody's.
    Pair(usize, usize),
}

/// All forms of the personal values of somebody.
#[derive(Debug, Clone, Default)]
pub(super) struct Patterns {
    /// The byte strings, and whether each is a JSON number, to be found only as a whole: 8.5 is not in 28.51.
    strings: BTreeMap<Vec<u8>, (usize, bool)>,
    forms: Vec<Form>,
}

impl Patterns {
    fn string(&mut self, bytes: Vec<u8>, number: bool) -> usize {
        let next = self.strings.len();
        self.strings.entry(bytes).or_insert((next, number)).0
    }

    /// A text, in UTF-8 and as JSON has it.
    pub(super) fn text(&mut self, text: &str) {
        let json = serde_json::to_string(text).unwrap_or_default();
        let inner = json.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or_default();
        for form in [text, inner] {
            if !form.is_empty() {
                let number = self.string(form.as_bytes().to_vec(), false);
                self.forms.push(Form::Bytes(number));
            }
        }
    }

    /// A place: as Remote ID sends it (ASTM F3411, two int32 of 1e-7 degrees, little-endian), as binary64 in either order of
    /// bytes, and as JSON numbers.
    pub(super) fn place(&mut self, place: Place) {
        let (lat, lon) = (place.latitude_deg, place.longitude_deg);
        let fixed = |deg: f64| ((deg * 1e7).round() as i32).to_le_bytes();
        let both = self.string([fixed(lat), fixed(lon)].concat(), false);
        self.forms.push(Form::Bytes(both));
        let number = |deg: f64| serde_json::to_vec(&deg).unwrap_or_default();
        for (a, b, is_number) in [
            (lat.to_le_bytes().to_vec(), lon.to_le_bytes().to_vec(), false),
            (lat.to_be_bytes().to_vec(), lon.to_be_bytes().to_vec(), false),
            (number(lat), number(lon), true),
        ] {
            let pair = Form::Pair(self.string(a, is_number), self.string(b, is_number));
            self.forms.push(pair);
        }
    }

    /// Made ready for searching.
    pub(super) fn ready(&self) -> anyhow::Result<Searcher> {
        let mut strings: Vec<(&[u8], bool)> = vec![(&[], false); self.strings.len()];
        for (bytes, (number, is_number)) in &self.strings {
            if let Some(slot) = strings.get_mut(*number) {
                *slot = (bytes, *is_number);
            }
        }
        let automaton =
            AhoCorasick::new(strings.iter().map(|(bytes, _)| *bytes)).context("too many values to search for")?;
        let mut partners = vec![Vec::new(); strings.len()];
        for form in &self.forms {
            let (a, b) = match *form {
                Form::Bytes(one) => (one, one),
                Form::Pair(a, b) => (a, b),
            };
            for (one, other) in [(a, b), (b, a)] {
                if let Some(list) = partners.get_mut(one) {
                    list.push(other);
                }
            }
        }
        Ok(Searcher { automaton, numbers: strings.iter().map(|(_, number)| *number).collect(), partners })
    }
}

/// Searches for all forms at once.
pub(super) struct Searcher {
    automaton: AhoCorasick,
    /// Which strings are numbers.
    numbers: Vec<bool>,
    /// With which other string each makes a value; with itself when it is one alone.
    partners: Vec<Vec<usize>>,
}

impl Searcher {
    /// Whether a value stands in the bytes; of two numbers, no further apart than `near`.
    fn within(&self, bytes: &[u8], near: usize) -> bool {
        let mut seen: Vec<Option<usize>> = vec![None; self.partners.len()];
        for found in self.automaton.find_overlapping_iter(bytes) {
            let one = found.pattern().as_usize();
            if self.numbers.get(one) == Some(&true) && !is_whole_number(bytes, found.start(), found.end()) {
                continue;
            }
            if let Some(slot) = seen.get_mut(one) {
                *slot = Some(found.start());
            }
            let together = |other: &usize| {
                seen.get(*other).copied().flatten().is_some_and(|at| found.start().abs_diff(at) <= near)
            };
            if self.partners.get(one).is_some_and(|others| others.iter().any(together)) {
                return true;
            }
        }
        false
    }

    /// Whether an entry's bytes hold a value.
    pub(super) fn found_in(&self, bytes: &[u8]) -> bool {
        self.within(bytes, usize::MAX)
    }

    /// The files below a directory in which a value is left, whatever kind they are of.
    pub(super) fn files(&self, directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
        let mut left = Vec::new();
        each_file(directory, &mut |path| {
            // Files of a journal are of bounded length; each is looked at as a whole, for a value may stand across any border.
            // In an export the two numbers of a place may stand in two columns, however long.
            let near = if is_export(path) { usize::MAX } else { NEAR };
            if self.within(&std::fs::read(path).with_context(|| path.display().to_string())?, near) {
                left.push(path.to_owned());
            }
            Ok(())
        })?;
        Ok(left)
    }
}

/// Whether a file is an export or a bundle, by the ending that `lapwing export` writes.
pub(super) fn is_export(path: &Path) -> bool {
    const ENDINGS: [&str; 8] = ["zip", "geojson", "kml", "gpx", "csv", "parquet", "jsonl", "html"];
    let ending = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    ENDINGS.iter().any(|e| ending.eq_ignore_ascii_case(e))
}

fn each_file(directory: &Path, take: &mut impl FnMut(&Path) -> anyhow::Result<()>) -> anyhow::Result<()> {
    for item in std::fs::read_dir(directory).with_context(|| directory.display().to_string())? {
        let path = item?.path();
        if path.is_dir() { each_file(&path, take)? } else { take(&path)? }
    }
    Ok(())
}

/// Whether what was found is no part of a longer number.
fn is_whole_number(bytes: &[u8], start: usize, end: usize) -> bool {
    let part = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'));
    !part(start.checked_sub(1).and_then(|before| bytes.get(before))) && !part(bytes.get(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_found_and_parts_are_not() {
        let mut patterns = Patterns::default();
        patterns.text("OP-\"77\"");
        patterns.place(Place { latitude_deg: 47.5, longitude_deg: -8.25 });
        let searcher = patterns.ready().unwrap();
        let fixed = [475_000_000_i32.to_le_bytes(), (-82_500_000_i32).to_le_bytes()].concat();
        let float = [47.5_f64.to_be_bytes(), (-8.25_f64).to_be_bytes()].concat();
        for bytes in
            [&b"x OP-\"77\" x"[..], b"{\"id\":\"OP-\\\"77\\\"\"}", b"[47.5,-8.25]", b"[-8.25, 47.5]", &fixed, &float]
        {
            assert!(searcher.found_in(bytes), "{bytes:?}");
        }
        for bytes in
            [&b"OP-77"[..], b"[47.5,8.25]", b"[147.5,-8.25]", b"[47.51,-8.25]", b"[47.5,-8.251]", b"47.5", &fixed[..7]]
        {
            assert!(!searcher.found_in(bytes), "{bytes:?}");
        }
        let far = [&b"47.5 "[..], &[b' '; 600], b" -8.25"].concat();
        assert!(searcher.found_in(&far) && !searcher.within(&far, NEAR));
    }
}
