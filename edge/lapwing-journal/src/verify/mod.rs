//! Whether a journal is as it was signed, and where not. `docs/reference/evidence.md` is the specification; `tools/verify.py`
//! is a second program written from it.

mod judge;
mod layout;
mod report;

pub use layout::last_note;
pub use report::{Counts, Problem, Report, SegmentReport};

use crate::evidence::checkpoint::{Checkpoint, Named, ORIGIN};
use crate::evidence::key::{announces, read_announced};
use crate::evidence::note::{Note, Verifier};
use crate::evidence::tree::Frontier;
use crate::format::head::{Head, Kind};
use judge::{Judged, Kept, judge};
use std::collections::BTreeSet;

/// Bytes of the largest segment that is read.
pub const SEGMENT_BYTES_MAX: u64 = 1 << 30;
/// Problems that are told one by one.
const PROBLEMS_MAX: usize = 100;

/// A verification, segment by segment in the order of their names.
pub struct Verification {
    keys: Vec<Verifier>,
    /// Checkpoints that were kept, by size.
    kept: Vec<Kept>,
    /// Tokens of those whose segment has not been met.
    absent: BTreeSet<String>,
    /// The last segment: the next one may say more of it.
    last: Option<Judged>,
    reports: Vec<SegmentReport>,
    records: Counts,
    problems: Vec<Problem>,
}

impl Verification {
    /// Begins, with the keys that are trusted.
    pub fn new(keys: Vec<Verifier>) -> Self {
        Self {
            keys,
            kept: Vec::new(),
            absent: BTreeSet::new(),
            last: None,
            reports: Vec::new(),
            records: Counts::default(),
            problems: Vec::new(),
        }
    }

    /// Adds a checkpoint that was kept elsewhere. Refused when none of the keys has signed it, or one of the witnesses
    /// has not.
    pub fn save(&mut self, note: &[u8], witnesses: &[Verifier]) -> Result<(), String> {
        let note = Note::parse(note)?;
        let checkpoint = Checkpoint::parse(note.text).ok_or("not a checkpoint of a journal")?;
        if !self.keys.iter().any(|key| key.verifies(&note)) {
            return Err("the checkpoint is not signed by the key".to_owned());
        }
        if let Some(witness) = witnesses.iter().find(|witness| !witness.verifies(&note)) {
            return Err(format!("the checkpoint is not cosigned by {}", witness.name()));
        }
        let Checkpoint { journal: token, tree, is_closed, .. } = checkpoint;
        self.absent.insert(token.clone());
        self.kept.push(Kept { token, tree, is_closed });
        self.kept.sort_by_key(|kept| kept.tree.size());
        Ok(())
    }

    /// Takes the next segment.
    pub fn segment(&mut self, name: &str, bytes: &[u8]) {
        let mut judged = judge(name, bytes, &self.keys);
        if let Some(is) = &judged.identity {
            let token = is.journal.clone();
            self.absent.remove(&token);
            self.kept.iter().filter(|kept| kept.token == token).for_each(|kept| judged.hold_kept(kept));
        }
        if let Some(before) = &mut self.last {
            judged.follows(before);
        }
        for (old, new) in rotations(&judged, bytes) {
            if self.keys.contains(&old) {
                self.keys.retain(|key| *key != old);
                self.keys.push(new);
            }
        }
        let before = self.last.replace(judged);
        self.settle(before);
    }

    /// Nothing more will be known of a segment.
    fn settle(&mut self, judged: Option<Judged>) {
        let Some(mut judged) = judged else { return };
        let records = judged.counts();
        self.records.add(&records);
        judged.problems.sort_by_key(|problem| problem.offset);
        self.problems.append(&mut judged.problems);
        self.reports.push(SegmentReport { file: judged.name, state: judged.state.as_str().to_owned(), records });
    }

    /// What it came to.
    pub fn finish(mut self) -> Report {
        let last = self.last.take();
        self.settle(last);
        for token in std::mem::take(&mut self.absent) {
            let file = format!("{ORIGIN}{token}");
            self.problems.push(Problem { file, position: None, offset: 0, what: "absent".to_owned() });
        }
        let first_bad = self.problems.first().cloned();
        self.problems.truncate(PROBLEMS_MAX);
        Report {
            verdict: if first_bad.is_none() { "valid" } else { "altered" }.to_owned(),
            first_bad,
            records: self.records,
            segments: self.reports,
            problems: self.problems,
        }
    }
}

/// Keys that hand over in a segment, where that is verified: old and new.
fn rotations(judged: &Judged, bytes: &[u8]) -> Vec<(Verifier, Verifier)> {
    judged.data(bytes).filter(|(_, is_verified)| *is_verified).filter_map(|(data, _)| read_announced(data)).collect()
}

/// What a record says of a change of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Told {
    /// Nothing.
    Nothing,
    /// That the key changes; no signature covers it.
    Unsigned,
    /// That the key changes, under the old one's signature.
    Signed,
}

/// What a segment says of a change of keys, and whether it is the first of a start of the server.
pub(crate) fn told_of_key(bytes: &[u8], old: &Verifier, new: &Verifier) -> (Told, bool) {
    let judged = judge("", bytes, std::slice::from_ref(old));
    let told = judged.data(bytes).filter(|(data, _)| announces(data, old, new));
    let told = told.map(|(_, is_verified)| if is_verified { Told::Signed } else { Told::Unsigned }).max();
    let begins = Head::read(bytes).is_some_and(|head| head.kind == Kind::Start);
    (told.unwrap_or(Told::Nothing), begins)
}

/// What the segment that is written next has to name of the last one: number, size, root. Of one in which nothing is signed by
/// the key, or that has no whole write, that there is nothing in it.
pub(crate) fn last_tree(name: &str, number: u64, bytes: &[u8], keys: &[Verifier]) -> Named {
    judge(name, bytes, keys).named().unwrap_or_else(|| (number, 0, Frontier::default().root()))
}
