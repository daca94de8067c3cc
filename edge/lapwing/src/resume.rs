//! A start of the server goes on with what an earlier run knew: the latest snapshot that can be used, and what the journal
//! has since.
//!
//! Applying the journal's end again gives the events that the earlier run said. What stands in the journal was told then; what
//! does not (the run ended between an entry and its events) was told to nobody, and is told now. An entry that ends the program
//! whenever it is applied is passed over after two tries, and that is said.

use crate::line::Line;
use crate::quarantine::{Progress, Quarantine};
use crate::snapshot::Folder;
use anyhow::{Context, anyhow};
use lapwing_journal::{DamageKind, Entry, Reader, Resumed, Skimmed, Skipped};
use lapwing_model::{Event, InputId, Position, Time};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Instant;

/// The most entries applied again after a snapshot: some minutes of a busy site, so that no start takes longer.
const TAIL_MAX: u64 = 5_000_000;
/// The same without any snapshot, where the last start of an empty picture must be looked for.
const TAIL_WITHOUT_SNAPSHOT_MAX: u64 = 200_000;
/// Entries that may fail in one start before it gives up and begins empty.
const FAILURES_MAX: usize = 16;

/// A line that goes on.
pub(crate) struct Resumption {
    pub(crate) line: Line,
    /// What the earlier run did not come to tell.
    pub(crate) untold: Vec<Event>,
    /// For the record.
    pub(crate) resumed: Resumed,
}

/// Where to go on from: the state saved before an entry, or an entry at which a picture began empty.
struct Origin {
    position: Position,
    state: Option<Vec<u8>>,
    /// The state restored, for the first try.
    line: Option<Line>,
    what: String,
}

/// An entry ended the program, or would have.
struct Failure {
    position: Position,
    input: Option<InputId>,
    reason: String,
}

/// The line that goes on from a journal whose next entry is `end`; `None` for a start with an empty picture, which is said in
/// the log with its reason.
pub(crate) fn resume(journal: &Path, end: Position) -> anyhow::Result<Option<Resumption>> {
    if end == Position(0) {
        return Ok(None);
    }
    let began = Instant::now();
    let Some(mut origin) = origin(journal, end)? else {
        tracing::warn!(
            "no snapshot can be used and the journal's end does not hold a whole run: starting with an empty picture"
        );
        return Ok(None);
    };
    let mut quarantine = Quarantine::load(journal);
    let mut progress = Progress::begin(journal, &mut quarantine).context("snapshots")?;
    let mut resumption = None;
    for _ in 0..FAILURES_MAX {
        match apply(journal, &mut origin, end, &quarantine, &mut progress)? {
            Ok(applied) => {
                resumption = Some(applied);
                break;
            }
            Err(Failure { position, input, reason }) => {
                tracing::error!("journal entry {} cannot be applied: {reason}", position.0);
                quarantine.failed(position, input, &reason).context("quarantine")?;
            }
        }
    }
    progress.end().context("snapshots")?;
    match &resumption {
        Some(Resumption { line, untold, resumed }) => {
            let snapshot = line.snapshot();
            let (tracks, alerts) = (snapshot.tracks.len(), snapshot.alerts.len());
            let (what, took) = (&origin.what, began.elapsed().as_secs_f64());
            tracing::info!("goes on from {what} with {tracks} tracks and {alerts} alerts, in {took:.2} s");
            if !untold.is_empty() {
                tracing::info!("{} events of the last run had not been told", untold.len());
            }
            for Skipped { position, reason, .. } in &resumed.skipped {
                tracing::error!("journal entry {} is in quarantine and was passed over: {reason}", position.0);
            }
        }
        None => tracing::error!("{FAILURES_MAX} journal entries cannot be applied: starting with an empty picture"),
    }
    Ok(resumption)
}

/// The latest snapshot that can be used, else the last start of an empty picture.
fn origin(journal: &Path, end: Position) -> anyhow::Result<Option<Origin>> {
    let folder = Folder::of(journal);
    for position in folder.positions().context("snapshots")? {
        let why = if position > end {
            format!("snapshot {} is of beyond the journal's end at {}", position.0, end.0)
        } else if end.0 - position.0 > TAIL_MAX {
            format!("snapshot {} is {} entries old", position.0, end.0 - position.0)
        } else {
            match usable(&folder, position) {
                Ok(origin) => return Ok(Some(origin)),
                Err(error) => format!("{error:#}"),
            }
        };
        tracing::warn!("{why}: not used");
    }
    Ok(last_beginning(journal, end)?.map(|position| {
        let what = format!("the beginning of the last run, at journal entry {}", position.0);
        Origin { position, state: None, line: None, what }
    }))
}

/// A snapshot whose state comes back.
fn usable(folder: &Folder, position: Position) -> anyhow::Result<Origin> {
    let stored = folder.read(position)?;
    let line = restore(&stored.state).with_context(|| format!("snapshot {}", position.0))?;
    let what = format!("the snapshot of {} (journal entry {}, program {})", stored.at, position.0, stored.program);
    Ok(Origin { position, state: Some(stored.state), line: Some(line), what })
}

/// A state that is not what it should be must not end the program.
fn restore(state: &[u8]) -> anyhow::Result<Line> {
    catch_unwind(|| Line::restore(state)).unwrap_or_else(|panic| Err(anyhow!("{}", words(&*panic))))
}

fn last_beginning(journal: &Path, end: Position) -> anyhow::Result<Option<Position>> {
    let first = Position(end.0.saturating_sub(TAIL_WITHOUT_SNAPSHOT_MAX));
    let mut found = None;
    let mut reader = Reader::open(journal)?.starting_at(first);
    while let Some(item) = reader.skim() {
        match item {
            Ok((position, _, Skimmed::Entry(Entry::Site { resumed: None, .. }))) if position < end => {
                found = Some(position);
            }
            // What an erased entry brought about cannot be worked out again.
            Ok((_, _, Skimmed::Entry(Entry::Erased(_)))) => found = None,
            Ok(_) | Err(_) => {}
        }
    }
    Ok(found)
}

/// Applies everything from the origin to the end.
fn apply(
    journal: &Path,
    origin: &mut Origin,
    end: Position,
    quarantine: &Quarantine,
    progress: &mut Progress,
) -> anyhow::Result<Result<Resumption, Failure>> {
    let line = match origin.line.take() {
        Some(line) => Some(line),
        None => origin.state.as_deref().map(restore).transpose()?,
    };
    let mut tail = Tail { line, produced: VecDeque::new(), events: Vec::new() };
    let mut skipped = Vec::new();
    let mut reader = Reader::open(journal)?.starting_at(origin.position);
    while let Some(item) = reader.skim() {
        let (position, at, entry) = match item {
            Ok(item) => item,
            Err(damage) => {
                // Of the segment that was being written when the last run was killed.
                if damage.kind != DamageKind::NotClosed {
                    tracing::warn!("{damage}");
                }
                continue;
            }
        };
        if position >= end {
            break;
        }
        if let Some(skip) = quarantine.skipped(position) {
            skipped.push(skip);
            continue;
        }
        progress.at(position).context("snapshots")?;
        let input = match &entry {
            Skimmed::Entry(Entry::Reception(reception)) => Some(reception.input.clone()),
            _ => None,
        };
        // What is torn by a panic is thrown away: the next try begins with the origin.
        match catch_unwind(AssertUnwindSafe(|| tail.take(position, at, entry))) {
            Ok(result) => result?,
            Err(panic) => return Ok(Err(Failure { position, input, reason: words(&*panic) })),
        }
    }
    let line = tail.line.ok_or_else(|| anyhow!("the journal has nothing from entry {} on", origin.position.0))?;
    let resumed = Resumed { from: origin.position, skipped };
    Ok(Ok(Resumption { line, untold: tail.produced.into(), resumed }))
}

/// The journal's end as it is applied.
struct Tail {
    line: Option<Line>,
    /// What the line said and the journal has not yet.
    produced: VecDeque<Event>,
    events: Vec<Event>,
}

/// All that is asked of a recorded event.
#[derive(serde::Deserialize)]
struct Numbered {
    sequence: u64,
}

impl Tail {
    fn take(&mut self, position: Position, at: Time, entry: Skimmed) -> anyhow::Result<()> {
        if let Skimmed::Entry(Entry::Site { site, resumed: None, .. }) = &entry {
            // A start with an empty picture.
            self.line = Some(Line::new(site.clone(), at, position)?);
            self.produced.clear();
        }
        let line = self.line.as_mut().ok_or_else(|| anyhow!("entry {} belongs to no run", position.0))?;
        match entry {
            Skimmed::Event(told) => {
                let told: Numbered = serde_json::from_slice(&told).context("an event without a number")?;
                // What a deadline brought between two entries is in the journal only as this event.
                line.tick(at, &mut self.events);
                self.produced.extend(self.events.drain(..));
                while self.produced.front().is_some_and(|event| event.sequence <= told.sequence) {
                    self.produced.pop_front();
                }
            }
            Skimmed::Entry(Entry::Snapshot(_) | Entry::Audit(_)) => {}
            Skimmed::Entry(entry) => {
                // Nobody is on the other end of those connections any more.
                line.take(at, Some(position), entry, &mut self.events, &mut Vec::new());
                self.produced.extend(self.events.drain(..));
            }
        }
        Ok(())
    }
}

/// What a panic said.
fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("the program fails on it: {}", text.unwrap_or("no reason given"))
}

#[cfg(test)]
pub(crate) mod tests;
