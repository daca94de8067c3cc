//! The detections file: every row made into what the picture takes in, some thousand at a time.
//!
//! A `scan` row and the detections behind it arrive together and become one input: the plots, then the word that the scan
//! is complete. A row that cannot be read is counted and told, and never costs the others.

mod claim;
mod lines;
mod plot;

use super::scenario::{self, Scenario};
use super::sensors::{Kind, Posts};
use lapwing_model::{AirText, Fault, Heights, InputId, Ledger, LocalFrame, Name, Report, SensorStatus, Time};
use lapwing_picture::Input;
use lines::{Line, Lines};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io::{self, BufRead};

/// Bad rows told one by one; the rest is counted.
const TOLD_MAX: usize = 10;
/// Room made for what a scan announces, reports; the rest is made as it comes.
const ROOM_MAX: usize = 4_096;
/// So many reports, or so many steps, are read before they are tracked: the meter goes on and off seldom, and they stay in the nearest
/// memory.
const READ_AT_ONCE: usize = 2_000;
/// Scans of a sensor whose names are remembered, to know one that comes twice: as many as the tracker remembers.
const SCANS_KEPT: usize = 64;
/// A longer identifier is told as the picture knows it, bytes.
const WRITTEN_MAX: usize = 256;

/// One row as it is written.
#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    k: Cow<'a, str>,
    ta: f64,
    #[serde(borrow, default)]
    s: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    sc: Option<Cow<'a, str>>,
    t: Option<f64>,
    t1: Option<f64>,
    m: Option<u32>,
    v: Option<Vec<f64>>,
    rcs: Option<f64>,
    #[serde(borrow, default)]
    label: Option<Cow<'a, str>>,
    sd: Option<Vec<f64>>,
    cov: Option<Vec<f64>>,
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    rssi: Option<f64>,
}

/// One thing to do.
pub(super) enum Step {
    /// The line takes this in at that time.
    Input(Time, Input),
    /// The picture of that time is asked for; its time in seconds of the scenario, as it was written.
    Tick(Time, f64),
}

/// How much there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Rows that detect or claim something.
    pub(super) detections: u64,
    /// Rows that ask for the picture.
    pub(super) ticks: u64,
}

/// Rows that could not be read.
#[derive(Debug, Default)]
pub(super) struct BadRows {
    /// How many.
    pub(super) count: u64,
    /// The first ones: line, and what is wrong.
    first: Vec<(usize, String)>,
}

impl BadRows {
    fn note(&mut self, line: usize, why: String) {
        self.count += 1;
        if self.first.len() < TOLD_MAX {
            self.first.push((line, why));
        }
    }

    /// Tells of them on the standard error.
    pub(super) fn tell(&self, file: &str) {
        for (line, why) in &self.first {
            eprintln!("warning: {file}:{line}: {why}");
        }
        let more = self.count.saturating_sub(self.first.len() as u64);
        if more > 0 {
            eprintln!("warning: {file}: {more} more rows cannot be read");
        }
    }
}

/// The rows of a file, as they are asked for.
pub(super) struct Detections<'a, R> {
    lines: Lines<R>,
    reader: Reader<'a>,
}

impl<'a, R: BufRead> Detections<'a, R> {
    pub(super) fn new(file: R, scenario: &'a Scenario, posts: &'a Posts) -> Self {
        Self { lines: Lines::new(file), reader: Reader::new(scenario, posts) }
    }

    /// What to do next, in order of arrival: some thousand reports, and never a part of what arrived at one instant. `None` at the
    /// end of the file.
    pub(super) fn next(&mut self) -> io::Result<Option<Vec<Step>>> {
        while self.reader.settled_reports.max(self.reader.settled) < READ_AT_ONCE {
            let Some(line) = self.lines.next()? else {
                self.reader.close();
                let rest = self.reader.take(self.reader.steps.len());
                return Ok((!rest.is_empty()).then_some(rest));
            };
            self.reader.line(&line);
        }
        Ok(Some(self.reader.take(self.reader.settled)))
    }

    /// How much there was so far.
    pub(super) fn counts(&self) -> Counts {
        self.reader.counts
    }

    /// What could not be read so far.
    pub(super) fn bad(&self) -> &BadRows {
        &self.reader.bad
    }

    /// How each claimed name was first written.
    pub(super) fn names(&self) -> &BTreeMap<Name, String> {
        &self.reader.names
    }
}

/// What arrived at one instant arrived in no order: it is put in the one the tracker takes looks of one instant in, which
/// makes none of them late.
fn order_instants(steps: &mut [Step], ranks: &HashMap<&InputId, u64>) {
    let arrived = |step: &Step| match step {
        Step::Input(at, Input::Decoded { input, .. }) => Some((*at, ranks.get(input).copied().unwrap_or(0))),
        _ => None,
    };
    for together in steps.chunk_by_mut(|a, b| arrived(a).is_some_and(|(at, _)| arrived(b).is_some_and(|b| b.0 == at))) {
        together.sort_by_key(|step| arrived(step).map(|(_, rank)| rank));
    }
}

/// Reports of one scan that arrive together.
struct Open {
    post: usize,
    scan: Option<u64>,
    ta: Time,
    /// When the scan ended (for what does not turn: when it was) and how many plots it has, where its row said so.
    said: Option<(Time, u32)>,
    /// Plots still to come.
    missing: u32,
    reports: Vec<Report>,
}

struct Reader<'a> {
    frame: &'a LocalFrame,
    posts: &'a Posts,
    /// Where the looks of each input's sensor stand among those of one instant.
    ranks: HashMap<&'a InputId, u64>,
    /// What is to be done, in order of arrival.
    steps: Vec<Step>,
    /// So many of them are of instants to which nothing can be added, and have so many reports.
    settled: usize,
    settled_reports: usize,
    /// Reports in all of them.
    reports: usize,
    counts: Counts,
    bad: BadRows,
    names: BTreeMap<Name, String>,
    /// The latest scans of each sensor, with their numbers: one that comes twice keeps its number.
    scans: HashMap<usize, VecDeque<(String, u64)>>,
    scans_named: u64,
    open: Option<Open>,
}

impl<'a> Reader<'a> {
    fn new(scenario: &'a Scenario, posts: &'a Posts) -> Self {
        let ranks = posts.site.inputs.iter().map(|input| (&input.id, lapwing_track::rank(&input.sensor))).collect();
        Self {
            frame: &scenario.frame,
            posts,
            ranks,
            steps: Vec::new(),
            settled: 0,
            settled_reports: 0,
            reports: 0,
            counts: Counts::default(),
            bad: BadRows::default(),
            names: BTreeMap::new(),
            scans: HashMap::new(),
            scans_named: 0,
            open: None,
        }
    }

    /// The first steps, whole instants, in the order of their looks; the rest stays.
    fn take(&mut self, count: usize) -> Vec<Step> {
        let rest = self.steps.split_off(count);
        let mut taken = std::mem::replace(&mut self.steps, rest);
        order_instants(&mut taken, &self.ranks);
        self.reports -= self.settled_reports;
        (self.settled, self.settled_reports) = (0, 0);
        taken
    }

    /// To what is there so far nothing can be added.
    fn settle(&mut self) {
        (self.settled, self.settled_reports) = (self.steps.len(), self.reports);
    }

    fn line(&mut self, line: &Line<'_>) {
        let why = match line.text {
            Some(text) if text.iter().all(u8::is_ascii_whitespace) => return,
            Some(text) => self.row(text).err(),
            None => Some(format!("longer than {} bytes", lines::LINE_MAX)),
        };
        if let Some(why) = why {
            self.bad.note(line.number, why);
            if let Some(open) = &mut self.open {
                open.missing = open.missing.saturating_sub(1);
            }
            self.close_full();
        }
    }

    fn row(&mut self, line: &[u8]) -> Result<(), String> {
        let row: Row = serde_json::from_slice(line).map_err(|e| format!("not a row: {e}"))?;
        let ta = instant(row.ta, "ta")?;
        match row.k.as_ref() {
            "tick" => self.tick(&row),
            "scan" => self.scan(&row, ta),
            word => match Kind::of(word) {
                Some(Kind::Own) => self.claim(&row, ta),
                Some(kind) => self.plot(&row, kind, ta),
                None => Err(format!("`k`: there is no kind of row `{}`", AirText::new(word))),
            },
        }
    }

    fn tick(&mut self, row: &Row<'_>) -> Result<(), String> {
        let t = row.t.ok_or("`t` is missing")?;
        let at = instant(t, "t")?;
        self.close();
        self.counts.ticks += 1;
        self.steps.push(Step::Tick(at, t));
        self.settle();
        Ok(())
    }

    fn scan(&mut self, row: &Row<'_>, ta: Time) -> Result<(), String> {
        let post = self.post(row)?;
        let name = row.sc.as_deref().ok_or("`sc` is missing")?;
        let at = instant(row.t.ok_or("`t` is missing")?, "t")?;
        let m = row.m.ok_or("`m` is missing")?;
        // The word that a scan is complete is of its end.
        let at = match (row.t1, self.posts.site.sensors.get(post).filter(|sensor| sensor.rotating)) {
            (Some(end), Some(_)) => instant(end, "t1")?,
            (None, Some(sensor)) => at + sensor.interval,
            (_, None) => at,
        };
        self.close();
        let scan = Some(self.number(post, name));
        let reports = Vec::with_capacity(usize::try_from(m).unwrap_or(0).min(ROOM_MAX) + 1);
        self.open = Some(Open { post, scan, ta, said: Some((at, m)), missing: m, reports });
        self.close_full();
        Ok(())
    }

    fn plot(&mut self, row: &Row<'_>, kind: Kind, ta: Time) -> Result<(), String> {
        let index = self.post(row)?;
        let post = self.posts.posts.get(index).ok_or("no such sensor")?;
        if post.kind != kind {
            return Err(format!("`k` is `{}`, which sensor `{}` does not measure", row.k, post.input));
        }
        let mut plot = plot::plot(row, kind, post, self.frame)?;
        let scan = row.sc.as_deref().map(|name| self.number(index, name));
        plot.scan = scan;
        let belongs =
            self.open.as_ref().is_some_and(|o| o.post == index && o.scan == scan && scan.is_some() && o.ta == ta);
        if !belongs {
            // Its scan's own row is missing or was bad: the plots stand without the word that the scan is complete.
            self.close();
            self.open = Some(Open { post: index, scan, ta, said: None, missing: u32::MAX, reports: Vec::new() });
        }
        if let Some(open) = &mut self.open {
            open.reports.push(Report::Plot(plot));
            open.missing = open.missing.saturating_sub(1);
        }
        self.counts.detections += 1;
        self.close_full();
        Ok(())
    }

    fn claim(&mut self, row: &Row<'_>, ta: Time) -> Result<(), String> {
        let index = self.post(row)?;
        let post = self.posts.posts.get(index).ok_or("no such sensor")?;
        if post.kind != Kind::Own {
            return Err(format!("`k` is `self`, which sensor `{}` does not receive", post.input));
        }
        let claim = claim::claim(row, post, self.frame)?;
        let written = row.id.as_deref().unwrap_or_default();
        for name in &claim.names {
            if written.len() <= WRITTEN_MAX && !self.names.contains_key(name) {
                self.names.insert(name.clone(), written.to_owned());
            }
        }
        self.close();
        self.counts.detections += 1;
        self.push(post.input.clone(), ta, vec![Report::Claim(Box::new(claim))], 1);
        Ok(())
    }

    fn post(&self, row: &Row<'_>) -> Result<usize, String> {
        let id = row.s.as_deref().ok_or("`s` is missing")?;
        self.posts.by_id.get(id).copied().ok_or_else(|| format!("`s`: there is no sensor `{}`", AirText::new(id)))
    }

    fn number(&mut self, post: usize, name: &str) -> u64 {
        let known = self.scans.entry(post).or_default();
        if let Some((_, number)) = known.iter().rev().find(|(known, _)| known == name) {
            return *number;
        }
        if known.len() == SCANS_KEPT {
            known.pop_front();
        }
        self.scans_named += 1;
        known.push_back((name.to_owned(), self.scans_named));
        self.scans_named
    }

    /// Ends the open scan if it has everything it announced.
    fn close_full(&mut self) {
        if self.open.as_ref().is_some_and(|o| o.said.is_some() && o.missing == 0) {
            self.close();
        }
    }

    /// Ends the open scan.
    fn close(&mut self) {
        let Some(mut open) = self.open.take() else { return };
        let Some(post) = self.posts.posts.get(open.post) else { return };
        let rows = open.reports.len() as u64 + u64::from(open.said.is_some());
        if let Some((at, plots)) = open.said {
            open.reports.push(Report::SensorStatus(SensorStatus {
                sensor: None,
                measured_at: Some(at),
                health: None,
                place: None,
                heights: Heights::UNKNOWN,
                scan: open.scan,
                scan_plots: Some(plots),
                text: None,
            }));
        }
        self.push(post.input.clone(), open.ta, open.reports, rows);
    }

    fn push(&mut self, input: InputId, ta: Time, reports: Vec<Report>, rows: u64) {
        let books = Ledger { received: rows, used: rows, ..Ledger::default() };
        let faults: Vec<Fault> = Vec::new();
        if self.steps.last().is_some_and(|step| !matches!(step, Step::Input(at, _) if *at == ta)) {
            self.settle();
        }
        self.reports += reports.len();
        self.steps.push(Step::Input(ta, Input::Decoded { input, received_at: ta, reports, faults, books }));
    }
}

/// A time of the scenario.
fn instant(seconds: f64, key: &str) -> Result<Time, String> {
    scenario::time(seconds).ok_or_else(|| format!("`{key}` is {seconds}, which is no time"))
}

/// As many numbers as were expected.
fn exactly<const N: usize>(numbers: &[f64], key: &str) -> Result<[f64; N], String> {
    numbers.try_into().map_err(|_| format!("`{key}` has {} numbers, expected {N}", numbers.len()))
}

#[cfg(test)]
mod tests;
