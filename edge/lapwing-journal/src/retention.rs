//! What is kept, and for how long.
//!
//! Class B is kept for hours and class A for months; what an incident holds is kept whatever its age. Age is a segment's:
//! it counts from the time the next segment began. The decision and its reasons are in
//! `docs/decisions/0006-retention-rewrites-segments.md`.

use crate::audit::{Audit, Taken};
use crate::entry::Entry;
use crate::holds::{Holds, Ranges};
use crate::prune::prune;
use crate::pruned::Pruned;
use crate::storage::Storage;
use crate::walk::{Step, Walk};
use crate::write::Journal;
use crate::{DamageKind, segments};
use lapwing_model::{Span, Time};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

/// Segments worked on in one go.
const SEGMENTS_AT_A_TIME: usize = 8;

/// How long entries are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Receptions, tracks, and all else of class B. No less than class A.
    pub class_b: Span,
    /// Alerts, commands, configuration, audit.
    pub class_a: Span,
}

impl Default for Retention {
    fn default() -> Self {
        Self { class_b: Span::from_seconds(24 * 3600), class_a: Span::from_seconds(366 * 24 * 3600) }
    }
}

/// What is known of a segment without reading it again.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    /// Its first position; `None` when nothing of it can be read.
    first: Option<u64>,
    /// It is of version 1, and goes as a whole only.
    is_marked: bool,
}

#[derive(Debug, Clone)]
enum Work {
    Prune { held: Ranges },
    Remove,
}

/// Work on old segments that can run on another thread. The record says already that it is done.
#[must_use = "the record says that this is done"]
pub struct RetentionJob {
    storage: Arc<dyn Storage>,
    work: Vec<(String, Work)>,
    known: Pruned,
}

/// What a [`RetentionJob`] came to.
#[derive(Debug, Default)]
pub struct RetentionDone {
    /// Segments without their class B entries now.
    pub pruned: Vec<String>,
    /// Segments that are gone.
    pub removed: Vec<String>,
    /// Bytes won.
    pub bytes: u64,
    /// Segments that could not be worked on, and why.
    pub failures: Vec<(String, io::Error)>,
    known: Pruned,
}

impl RetentionJob {
    /// Does it.
    pub fn run(self) -> RetentionDone {
        let mut done = RetentionDone { known: self.known, ..RetentionDone::default() };
        for (name, work) in self.work {
            let length = || self.storage.read(&name).and_then(|f| f.length()).unwrap_or(0);
            let result = match &work {
                Work::Prune { held } => prune(&*self.storage, &name, held),
                Work::Remove => {
                    let bytes = length();
                    self.storage.remove(&name).and_then(|()| self.storage.sync_directory()).map(|()| bytes)
                }
            };
            match (result, work) {
                (Ok(bytes), Work::Remove) => {
                    done.bytes += bytes;
                    done.known.forget(&name);
                    done.removed.push(name);
                }
                (Ok(bytes), Work::Prune { held }) => {
                    done.bytes += bytes;
                    done.known.add(&name, &held);
                    done.pruned.push(name);
                }
                (Err(error), _) => done.failures.push((name, error)),
            }
        }
        done.known.write(&*self.storage);
        done
    }
}

impl Journal {
    /// Finds what is older than it has to be kept, says in the record that it goes, and gives the work of removing it;
    /// `None` when there is nothing. Nothing is removed while the holds cannot be read, or the record cannot be written.
    pub fn begin_retention(&mut self, now: Time, retention: &Retention) -> io::Result<Option<RetentionJob>> {
        let names = segments(&*self.storage)?;
        let holds = Holds::read(&*self.storage)?;
        self.known.retain(|name, _| names.iter().any(|(_, n)| n == name));
        let mut work = Vec::new();
        let mut oldest = true;
        for pair in names.windows(2) {
            let [(_, name), (_, next)] = pair else { continue };
            // The next one's beginning is the end of this one. A name that tells no time is not the journal's own.
            let Some(ended_at) = began_at(next) else { break };
            if work.len() >= SEGMENTS_AT_A_TIME || now.since(ended_at) < retention.class_b || self.is_open(name) {
                break;
            }
            let known = self.known(name)?;
            let end = self.first_from(&names, next)?;
            let first = known.first.unwrap_or(end);
            let held = holds.within(first, end.max(first));
            let work_here = if oldest && held.is_empty() && now.since(ended_at) >= retention.class_a {
                Some(Work::Remove)
            } else {
                // Only the oldest go as a whole, so that what is left has no hole without a word.
                oldest = false;
                let done = self.pruned.is_done(name, &held);
                let can = known.first.is_some()
                    && !known.is_marked
                    && self.trouble.is_none()
                    && !self.unprunable.contains(name);
                (!done && can).then_some(Work::Prune { held })
            };
            if let Some(work_here) = work_here {
                work.push((name.clone(), work_here, first, end));
            }
        }
        if work.is_empty() {
            return Ok(None);
        }
        for (segment, work, first, end) in &work {
            let (segment, first, end) = (segment.clone(), *first, *end);
            let taken = if matches!(work, Work::Remove) { Taken::All } else { Taken::ClassB };
            self.append(now, &Entry::Audit(Audit::Expired { segment, first, end, taken }))?;
        }
        self.sync()?;
        let work = work.into_iter().map(|(name, work, ..)| (name, work)).collect();
        Ok(Some(RetentionJob { storage: Arc::clone(&self.storage), work, known: self.pruned.clone() }))
    }

    /// Takes note of what was done.
    pub fn finish_retention(&mut self, done: &RetentionDone) {
        for name in done.pruned.iter().chain(&done.removed) {
            self.known.remove(name);
        }
        self.pruned = done.known.clone();
        // A damaged segment stays as it is until all of it goes; trying again each minute would fill the record.
        let damaged = done.failures.iter().filter(|(_, error)| error.kind() == io::ErrorKind::InvalidData);
        self.unprunable.extend(damaged.map(|(name, _)| name.clone()));
    }

    /// Whether a segment is being written or synced.
    fn is_open(&self, name: &str) -> bool {
        self.segment.as_ref().is_some_and(|s| s.name() == name) || !self.ended.is_empty()
    }

    /// The first position of a segment, or of the next one after it that can be read.
    fn first_from(&mut self, names: &[(u64, String)], from: &str) -> io::Result<u64> {
        for (_, name) in names.iter().skip_while(|(_, name)| name != from) {
            if let Some(first) = self.known(name)?.first {
                return Ok(first);
            }
        }
        Ok(self.next_position)
    }

    fn known(&mut self, name: &str) -> io::Result<Known> {
        if let Some(known) = self.known.get(name) {
            return Ok(known.clone());
        }
        let mut walk = Walk::over(self.storage.path(name), self.storage.read(name)?)?;
        let mut first = None;
        while first.is_none()
            && let Some(step) = walk.step()
        {
            match step {
                Step::Head { position } | Step::Begin { position } => first = Some(position),
                Step::Damage(damage) if damage.kind == DamageKind::Unreadable => {
                    return Err(io::Error::other(damage.to_string()));
                }
                _ => {}
            }
        }
        let known = Known { first, is_marked: walk.is_marked() };
        self.known.insert(name.to_owned(), known.clone());
        Ok(known)
    }
}

/// What is known of segments, by name.
pub(crate) type KnownSegments = BTreeMap<String, Known>;

/// The time in a segment's name.
fn began_at(name: &str) -> Option<Time> {
    let time = name.split_once('-')?.1.strip_suffix("Z.mcap")?;
    let digits = |range: std::ops::Range<usize>| time.get(range)?.parse::<i64>().ok();
    let (y, mo, d) = (digits(0..4)?, digits(4..6)?, digits(6..8)?);
    let (h, mi, s, ms) = (digits(9..11)?, digits(11..13)?, digits(13..15)?, digits(16..19)?);
    Time::from_civil(y, mo, d, h, mi, s, ms * 1_000_000)
}
