//! Incident holds: what retention must leave, brought up to what the index knows of incidents.
//!
//! An incident is known to the index alone, which is made from the journal; so what is held follows from the journal too,
//! whenever the server was stopped or killed. It is brought up before every look for what is kept no longer, and nothing is
//! removed where that failed.

use crate::index::Archive;
use anyhow::{Context, bail};
use lapwing_journal::{Hold, Holds, Reader, Storage, segment_files};
use lapwing_model::{Position, Span, Time};
use lapwing_server::history::{IncidentId, IncidentRecord};
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often the run loop's time is remembered with its position.
const MARK_EVERY: Span = Span::from_seconds(5);
/// What is remembered beyond the time before an incident: it is looked for once a minute, and the index is a little behind.
const MARKS_BEYOND: Span = Span::from_seconds(300);
/// How the server's own holds are called; others are whoever wrote them's.
const OURS: &str = "incident ";

/// How much of an incident is held, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HoldRules {
    /// Before its first alert.
    pub(crate) before: Span,
    /// After its last alert was cleared.
    pub(crate) after: Span,
    /// After its end; then its raw detail goes as all does.
    pub(crate) keep: Span,
}

impl Default for HoldRules {
    fn default() -> Self {
        let (before, after) = (Span::from_seconds(300), Span::from_seconds(300));
        Self { before, after, keep: Span::from_seconds(366 * 86_400) }
    }
}

/// At what time the journal had come to which position, for the last minutes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Marks {
    marks: VecDeque<(Time, Position)>,
}

impl Marks {
    /// The next entry has this position, and will not be before `at`.
    pub(crate) fn note(&mut self, at: Time, position: Position, rules: &HoldRules) {
        if self.marks.back().is_some_and(|(last, _)| at.since(*last) < MARK_EVERY) {
            return;
        }
        self.marks.push_back((at, position));
        while self.marks.front().is_some_and(|(first, _)| at.since(*first) > rules.before + MARKS_BEYOND) {
            self.marks.pop_front();
        }
    }

    /// Positions around a time: entries of that time or later do not lie before the first, nor earlier ones behind the
    /// second. `None` when that is longer ago than is remembered.
    fn around(&self, at: Time, next: Position) -> Option<(Position, Position)> {
        let (_, first) = self.marks.iter().rev().find(|(time, _)| *time <= at)?;
        let last = self.marks.iter().find(|(time, _)| *time >= at).map_or(next, |(_, position)| *position);
        Some((*first, last))
    }
}

/// Bringing up the holds, which can be done on another thread.
pub(crate) struct HoldJob {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) directory: PathBuf,
    pub(crate) rules: HoldRules,
    pub(crate) now: Time,
    /// How long raw detail is kept that no incident holds.
    pub(crate) keep_raw: Span,
    /// The index should have come so far.
    pub(crate) indexed: Position,
    /// The position the next entry will have.
    pub(crate) next: Position,
    pub(crate) marks: Marks,
    /// How long the index may take to come so far.
    pub(crate) patience: Duration,
}

impl HoldJob {
    /// Does it.
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let archive = self.archive()?;
        let incidents = archive.incidents_since(self.now - self.rules.keep)?;
        let before = Holds::read(&*self.storage)?;
        let mut holds = before.clone();
        self.release(&archive, &mut holds)?;
        self.hold(&incidents, &mut holds)?;
        if holds != before {
            holds.write(&*self.storage).context("holds of incidents")?;
        }
        Ok(())
    }

    /// The index, when it knows every incident that could hold something of what is kept no longer.
    fn archive(&self) -> anyhow::Result<Archive> {
        let began = Instant::now();
        loop {
            let opened = Archive::open(&self.directory).and_then(|archive| Ok((archive.progress()?, archive)));
            match opened {
                Ok(((reached, _), archive)) if reached >= self.indexed => return Ok(archive),
                _ if began.elapsed() < self.patience => std::thread::sleep(Duration::from_millis(100)),
                // What began after the last entry it took holds nothing that is old enough to go.
                Ok(((_, Some(last)), archive)) if last - self.rules.before >= self.now - self.keep_raw => {
                    return Ok(archive);
                }
                Ok(((reached, _), _)) => bail!(
                    "the index has come to entry {} of {}, and may not know all incidents",
                    reached.0,
                    self.indexed.0
                ),
                Err(error) => return Err(error.context("the index knows the incidents, and cannot be read")),
            }
        }
    }

    /// Lets go of incidents that have been over for long enough. One that the index does not know stays held.
    fn release(&self, archive: &Archive, holds: &mut Holds) -> anyhow::Result<()> {
        let mut kept = Vec::new();
        for hold in std::mem::take(&mut holds.holds) {
            let incident = incident_of(&hold).map(|id| archive.incident(id)).transpose()?.flatten();
            let is_over = |i: &IncidentRecord| i.ended_at.is_some_and(|at| self.now.since(at) >= self.rules.keep);
            if !incident.as_ref().is_some_and(is_over) {
                kept.push(hold);
            }
        }
        holds.holds = kept;
        Ok(())
    }

    /// Holds what is not held yet.
    fn hold(&self, incidents: &[IncidentRecord], holds: &mut Holds) -> anyhow::Result<()> {
        let mut held: BTreeMap<IncidentId, usize> =
            holds.holds.iter().enumerate().filter_map(|(i, hold)| Some((incident_of(hold)?, i))).collect();
        let end =
            |incident: &IncidentRecord| incident.ended_at.map(|at| at + self.rules.after).filter(|end| *end < self.now);
        let is_new = |incident: &IncidentRecord| !held.contains_key(&incident.id);
        let mut times: Vec<Time> =
            incidents.iter().filter(|i| is_new(i)).map(|i| i.began_at - self.rules.before).collect();
        let is_open = |incident: &IncidentRecord| {
            held.get(&incident.id).and_then(|i| holds.holds.get(*i)).is_none_or(|hold| hold.last == u64::MAX)
        };
        times.extend(incidents.iter().filter(|i| is_open(i)).filter_map(end));
        let positions = self.positions(times)?;
        let at = |time: Time| positions.get(&time).copied().context("a time that was not looked for");
        for incident in incidents {
            let number = match held.get(&incident.id) {
                Some(number) => *number,
                None => {
                    let (first, _) = at(incident.began_at - self.rules.before)?;
                    let first = first.min(incident.first_position).0;
                    holds.holds.push(Hold { first, last: u64::MAX, why: format!("{OURS}{}", incident.id) });
                    held.insert(incident.id, holds.holds.len() - 1);
                    holds.holds.len() - 1
                }
            };
            let Some(hold) = holds.holds.get_mut(number).filter(|hold| hold.last == u64::MAX) else { continue };
            if let Some(end) = end(incident) {
                let (_, last) = at(end)?;
                hold.last = last.max(incident.last_position).0;
            }
        }
        Ok(())
    }

    /// For each time the positions around it: as they are remembered, else as the journal has them.
    fn positions(&self, mut times: Vec<Time>) -> anyhow::Result<BTreeMap<Time, (Position, Position)>> {
        let mut positions = BTreeMap::new();
        times.sort_unstable();
        times.dedup();
        times.retain(|time| match self.marks.around(*time, self.next) {
            Some(around) => {
                positions.insert(*time, around);
                false
            }
            None => true,
        });
        if !times.is_empty() {
            for (time, position) in search(&self.directory, &times, self.next)? {
                positions.insert(time, (position, position));
            }
        }
        Ok(positions)
    }
}

/// The incident a hold of the server is for.
fn incident_of(hold: &Hold) -> Option<IncidentId> {
    hold.why.strip_prefix(OURS)?.parse().ok()
}

/// Finds the first entry of each time or later in the journal. `times` are in order.
fn search(directory: &Path, times: &[Time], next: Position) -> anyhow::Result<BTreeMap<Time, Position>> {
    let segments = segment_files(directory).with_context(|| directory.display().to_string())?;
    let begins: Vec<Option<Time>> = segments.iter().map(|path| begins_at(path)).collect();
    let (mut wanted, mut found) = (times.iter().copied().peekable(), BTreeMap::new());
    for (i, segment) in segments.iter().enumerate() {
        // What lies at or behind the beginning of a later segment is not in this one.
        let later = begins.iter().skip(i + 1).flatten().next();
        let is_here = |time: &Time| later.is_none_or(|begin| time < begin);
        if !wanted.peek().is_some_and(is_here) {
            continue;
        }
        let mut reader = Reader::open(segment).with_context(|| segment.display().to_string())?;
        while wanted.peek().is_some_and(is_here)
            && let Some(item) = reader.skim()
        {
            let Ok((position, at, _)) = item else { continue };
            while let Some(time) = wanted.next_if(|time| *time <= at) {
                found.insert(time, position);
            }
        }
    }
    found.extend(wanted.map(|time| (time, next)));
    Ok(found)
}

/// The time of a segment's first entry.
fn begins_at(segment: &Path) -> Option<Time> {
    let mut reader = Reader::open(segment).ok()?;
    loop {
        if let Ok((_, at, _)) = reader.skim()? {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests;
