//! A journal as the replay takes it: read and decoded, on this thread or ahead of it on another. What comes out is the same,
//! for the decoders depend on the entries alone.

use crate::decoders::Decoders;
use crate::quarantine::Quarantine;
use anyhow::Context;
use lapwing_journal::{DamageKind, Entry, Reader, Skimmed};
use lapwing_model::{Position, Site, Time};
use lapwing_picture::Input;
use std::path::Path;
use std::sync::mpsc;

/// Steps handed over together: a channel costs more than a step.
const BATCH: usize = 256;
/// Batches decoded ahead at most.
const BATCHES_AHEAD: usize = 16;

/// What comes next.
pub(crate) enum Step {
    /// A run begins with an empty picture of this site; the input that says so follows.
    Begin { at: Time, position: Position, site: Box<Site>, version: String },
    /// Something for the picture.
    Input {
        at: Time,
        position: Position,
        input: Input,
        /// Whether it is the orderly end of a run.
        stop: bool,
        /// The entry it is of, where it is wanted: to be recorded again.
        entry: Option<Box<Entry>>,
    },
    /// What the run that wrote the journal said, as it was recorded: a line.
    Told { at: Time, position: Position, line: Vec<u8> },
    /// Entries that were erased or removed: what comes after is not what the run said.
    Gone(String),
    /// Something is wrong with the journal here, or an entry is passed over.
    Warning(String),
}

/// A journal, step by step.
pub(crate) struct Steps {
    reader: Reader,
    decoders: Decoders,
    quarantine: Quarantine,
    waiting: Option<Step>,
    keep: bool,
}

impl Steps {
    /// The journal from a position on, decoded by decoders that have heard everything before it.
    pub(crate) fn new(journal: &Path, from: Position, decoders: Decoders) -> anyhow::Result<Self> {
        let quarantine = if journal.is_dir() { Quarantine::load(journal) } else { Quarantine::default() };
        Ok(Self { reader: Reader::open(journal)?.starting_at(from), decoders, quarantine, waiting: None, keep: false })
    }

    /// Whether each input comes with its entry.
    pub(crate) fn keeping_entries(mut self, keep: bool) -> Self {
        self.keep = keep;
        self
    }

    fn step(&mut self, position: Position, at: Time, entry: Skimmed) -> anyhow::Result<Option<Step>> {
        if let Some(skipped) = self.quarantine.skipped(position) {
            let text = format!("entry {} is in quarantine and passed over: {}", position.0, skipped.reason);
            return Ok(Some(Step::Warning(text)));
        }
        let entry = match entry {
            Skimmed::Event(mut line) => {
                line.push(b'\n');
                return Ok(Some(Step::Told { at, position, line }));
            }
            Skimmed::Entry(entry) => entry,
        };
        Ok(match entry {
            Entry::Erased(erased) => Some(Step::Gone(format!("entries were erased here ({})", erased.why))),
            // The record's own story: the picture did not hear of it.
            Entry::Snapshot(_) | Entry::Audit(_) => None,
            Entry::Site { site, version, resumed: None } => {
                self.decoders = Decoders::new(&site).context("the site in the journal")?;
                let input = Input::Configure(Box::new(site.clone()));
                let begin = Step::Begin { at, position, site: Box::new(site.clone()), version: version.clone() };
                let entry = self.keep.then(|| Box::new(Entry::Site { site, version, resumed: None }));
                self.waiting = Some(Step::Input { at, position, input, stop: false, entry });
                Some(begin)
            }
            entry => {
                let (stop, kept) = (matches!(entry, Entry::Stop), self.keep.then(|| Box::new(entry.clone())));
                // Nobody is on the other end of a replayed connection: replies go nowhere.
                let input = self.decoders.input_of(Some(position), entry, &mut Vec::new());
                Some(Step::Input { at, position, input, stop, entry: kept })
            }
        })
    }
}

impl Iterator for Steps {
    type Item = anyhow::Result<Step>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(step) = self.waiting.take() {
                return Some(Ok(step));
            }
            let step = match self.reader.skim()? {
                Ok((position, at, entry)) => self.step(position, at, entry),
                Err(damage) if damage.kind == DamageKind::Removed => Ok(Some(Step::Gone(damage.to_string()))),
                Err(damage) => Ok(Some(Step::Warning(damage.to_string()))),
            };
            if let Some(step) = step.transpose() {
                return Some(step);
            }
        }
    }
}

/// The same steps, made ahead on another thread.
pub(crate) fn ahead(steps: Steps) -> impl Iterator<Item = anyhow::Result<Step>> {
    let (sender, receiver) = mpsc::sync_channel(BATCHES_AHEAD);
    std::thread::spawn(move || {
        let mut steps = steps;
        loop {
            let batch: Vec<_> = steps.by_ref().take(BATCH).collect();
            // An empty one is the end; a receiver that is gone has seen enough.
            if batch.is_empty() || sender.send(batch).is_err() {
                return;
            }
        }
    });
    receiver.into_iter().flatten()
}
