//! Errors of a configuration file: file, line, column, key, what was expected, and a hint for a near miss.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Where in the file, bytes.
    pub(crate) span: Range<usize>,
    /// What is wrong, in a line.
    pub(crate) title: String,
    /// What was expected there.
    pub(crate) label: String,
    /// What to do.
    pub(crate) help: Option<String>,
}

/// All problems of one file.
#[derive(Debug)]
pub(crate) struct Problems {
    path: String,
    source: String,
    items: Vec<Problem>,
}

impl Problems {
    pub(crate) fn new(path: &str, source: &str) -> Self {
        Self { path: path.to_owned(), source: source.to_owned(), items: Vec::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn push(
        &mut self,
        span: Range<usize>,
        title: impl Into<String>,
        label: impl Into<String>,
        help: Option<String>,
    ) {
        self.items.push(Problem { span, title: title.into(), label: label.into(), help });
    }

    /// Takes over an error of the TOML reader or of a type behind it, naming the key it happened at.
    pub(crate) fn push_toml(&mut self, document: &DeTable<'_>, within: Range<usize>, error: &toml::de::Error) {
        let span = error.span().filter(|s| *s != (0..0)).unwrap_or(within);
        let key = key_at(document, &span);
        let message = error.message().trim().to_owned();
        let (wrong, expected) = unknown_word(&message);
        let help = wrong.and_then(|w| near_miss(&w, expected.iter().map(String::as_str)));
        let title = if key.is_empty() { message.clone() } else { format!("`{key}`: {message}") };
        let label = if expected.is_empty() { message } else { format!("expected {}", list(&expected)) };
        self.items.push(Problem { span, title, label, help });
    }

    /// The problems for a machine: line and column from 1, as editors count.
    pub(crate) fn list(&self) -> Vec<serde_json::Value> {
        self.items
            .iter()
            .map(|p| {
                let before = self.source.get(..p.span.start).unwrap_or(&self.source);
                let line = before.matches('\n').count() + 1;
                let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
                serde_json::json!({"file": self.path, "line": line, "column": column, "problem": p.title, "expected": p.label, "hint": p.help})
            })
            .collect()
    }

    /// The report, in the style of Cargo's errors; plain text without `colour`.
    pub(crate) fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() }.decor_style(DecorStyle::Ascii);
        let mut items: Vec<&Problem> = self.items.iter().collect();
        items.sort_by_key(|p| (p.span.start, p.span.end));
        let mut out = String::new();
        for item in items {
            if self.source.is_empty() {
                // There is no line to show of a file that cannot be read.
                out.push_str(&format!("error: {}\n\n", item.title));
                continue;
            }
            let end = item.span.end.min(self.source.len());
            let span = item.span.start.min(end)..end;
            let snippet = Snippet::source(self.source.as_str())
                .path(self.path.as_str())
                .annotation(AnnotationKind::Primary.span(span).label(item.label.as_str()));
            let mut report = vec![Level::ERROR.primary_title(item.title.as_str()).element(snippet)];
            if let Some(help) = &item.help {
                report.push(Group::with_title(Level::HELP.secondary_title(help.as_str())));
            }
            out.push_str(&renderer.render(&report));
            out.push_str("\n\n");
        }
        out
    }
}

/// The dotted path of the deepest key whose key or value covers `span`: `input[2].udp.listen`.
fn key_at(table: &DeTable<'_>, span: &Range<usize>) -> String {
    let mut best: Option<(usize, String)> = None;
    walk(table, span, "", &mut best);
    best.map(|(_, path)| path).unwrap_or_default()
}

fn covers(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end && outer.start < outer.end
}

fn walk(table: &DeTable<'_>, span: &Range<usize>, prefix: &str, best: &mut Option<(usize, String)>) {
    for (key, value) in table.iter() {
        let path = if prefix.is_empty() { key.get_ref().to_string() } else { format!("{prefix}.{}", key.get_ref()) };
        if covers(&key.span(), span) {
            keep(best, key.span().len(), &path);
        }
        walk_value(value, span, &path, best);
    }
}

fn walk_value(value: &Spanned<DeValue<'_>>, span: &Range<usize>, path: &str, best: &mut Option<(usize, String)>) {
    if covers(&value.span(), span) {
        keep(best, value.span().len(), path);
    }
    match value.get_ref() {
        DeValue::Table(table) => walk(table, span, path, best),
        DeValue::Array(array) => {
            for (i, item) in array.iter().enumerate() {
                walk_value(item, span, &format!("{path}[{i}]"), best);
            }
        }
        _ => {}
    }
}

/// The smallest cover wins; on a tie the deeper path.
fn keep(best: &mut Option<(usize, String)>, size: usize, path: &str) {
    let better = match best {
        Some((known, known_path)) => size < *known || (size == *known && path.len() > known_path.len()),
        None => true,
    };
    if better {
        *best = Some((size, path.to_owned()));
    }
}

/// Reads serde's "unknown field `x`, expected one of `a`, `b`" into the wrong word and the right ones.
fn unknown_word(message: &str) -> (Option<String>, Vec<String>) {
    if !message.starts_with("unknown ") {
        return (None, Vec::new());
    }
    let mut words = message.split('`').skip(1).step_by(2).map(str::to_owned);
    (words.next(), words.collect())
}

/// "did you mean ...?", when one of `known` is close to `word`.
pub(crate) fn near_miss<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    known
        .map(|k| (distance(&word.to_lowercase().replace('_', "-"), &k.to_lowercase().replace('_', "-")), k))
        .filter(|(d, k)| *d <= (k.chars().count().max(word.chars().count()) / 3).max(1))
        .min()
        .map(|(_, k)| format!("did you mean `{k}`?"))
}

/// `a`, `b` or `c`.
pub(crate) fn list<S: AsRef<str>>(words: &[S]) -> String {
    let quoted: Vec<String> = words.iter().map(|w| format!("`{}`", w.as_ref())).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => "nothing".to_owned(),
    }
}

/// Damerau-Levenshtein distance (optimal string alignment), in characters.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let change = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(rows[i - 1][j - 1] + change);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_misses_are_named_and_far_ones_are_not() {
        let known = ["listen", "connect", "multicast"];
        assert_eq!(near_miss("lsiten", known.into_iter()).unwrap(), "did you mean `listen`?");
        assert_eq!(near_miss("listne", known.into_iter()).unwrap(), "did you mean `listen`?");
        assert_eq!(near_miss("zzz", known.into_iter()), None);
    }

    #[test]
    fn keys_are_named_by_their_path() {
        let text = "[[input]]\nname = \"a\"\n[input.udp]\nlisten = 5\n";
        let document = DeTable::parse(text).unwrap();
        let at = text.find('5').unwrap();
        assert_eq!(key_at(document.get_ref(), &(at..at + 1)), "input[0].udp.listen");
    }
}
