//! Whether a journal is as it was signed, and where not. `docs/reference/evidence.md` is the specification; `tools/verify.py`
//! is a second program written from it.

mod bytes;
mod judge;
mod layout;
mod report;

pub use report::{Counts, Problem, Report, SegmentReport};

use crate::evidence::Hash;
use crate::evidence::checkpoint::Checkpoint;
use crate::evidence::note::{Note, Verifier};
use crate::evidence::tree::Frontier;
use judge::{Judged, Saved, judge};

/// Bytes of the largest segment that is read.
pub const SEGMENT_BYTES_MAX: u64 = 1 << 30;
/// Problems that are told one by one.
const PROBLEMS_MAX: usize = 100;

/// A verification, segment by segment in the order of their names.
pub struct Verification {
    keys: Vec<Verifier>,
    saved: Vec<Saved>,
    /// The last segment: the next one may say more of it.
    last: Option<Judged>,
    any_sealed: bool,
    reports: Vec<SegmentReport>,
    records: Counts,
    problems: Vec<Problem>,
}

impl Verification {
    /// Begins, with the keys that are trusted.
    pub fn new(keys: Vec<Verifier>) -> Self {
        Self {
            keys,
            saved: Vec::new(),
            last: None,
            any_sealed: false,
            reports: Vec::new(),
            records: Counts::default(),
            problems: Vec::new(),
        }
    }

    /// Adds a checkpoint that was saved elsewhere. Refused when none of the keys has signed it, or one of the witnesses
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
        let (size, root) = (checkpoint.tree.size(), checkpoint.tree.root());
        self.saved.push(Saved { token: checkpoint.journal, size, root, is_closed: checkpoint.is_closed });
        self.saved.sort_by_key(|saved| saved.size);
        Ok(())
    }

    /// Takes the next segment.
    pub fn segment(&mut self, name: &str, bytes: &[u8]) {
        let mut judged = judge(name, bytes, &self.keys);
        self.chain(&mut judged);
        for (old, new) in judged.rotations(bytes) {
            if self.keys.contains(&old) {
                self.keys.retain(|key| *key != old);
                self.keys.push(new);
            }
        }
        let before = self.last.replace(judged);
        self.settle(before);
    }

    /// What a segment says of the one before it.
    fn chain(&mut self, judged: &mut Judged) {
        let mut tell = |position, what: &str| {
            let file = judged.name.clone();
            judged.problems.push(Problem { file, position: Some(position), offset: 8, what: what.to_owned() });
        };
        if judged.state == "unsealed" {
            if self.any_sealed {
                tell(judged.first, "unsealed");
            }
            return;
        }
        self.any_sealed |= judged.head.is_some();
        let (Some(last), Some(head)) = (&mut self.last, &judged.head) else { return };
        if last.state == "unsealed" {
            return;
        }
        let number = last.head.as_ref().map(|h| h.number);
        match head.previous {
            Some((before, ..)) if number.is_some_and(|number| number != before) => tell(head.first, "chain"),
            Some((_, size, root)) if judged.head_is_signed => drop(last.hold_against(size, &root, 0)),
            Some(_) => {}
            None => tell(head.first, "chain"),
        }
        if head.first > last.end {
            let position = last.end;
            let file = judged.name.clone();
            judged.problems.push(Problem { file, position: Some(position), offset: 8, what: "missing".to_owned() });
        }
    }

    /// Nothing more will be known of a segment.
    fn settle(&mut self, judged: Option<Judged>) {
        let Some(mut judged) = judged else { return };
        let mut agreed = 0;
        let token = judged.token.clone();
        for saved in self.saved.extract_if(.., |saved| token.as_ref() == Some(&saved.token)) {
            if judged.hold_against(saved.size, &saved.root, agreed) {
                agreed = saved.size;
            }
            if saved.is_closed {
                judged.must_be_closed();
            }
        }
        let records = judged.counts();
        self.records.add(&records);
        judged.problems.sort_by_key(|problem| problem.offset);
        self.problems.append(&mut judged.problems);
        self.reports.push(SegmentReport { file: judged.name, state: judged.state.to_owned(), records });
    }

    /// What it came to.
    pub fn finish(mut self) -> Report {
        let last = self.last.take();
        self.settle(last);
        for saved in std::mem::take(&mut self.saved) {
            let file = format!("lapwing/{}", saved.token);
            self.problems.push(Problem { file, position: None, offset: 0, what: "absent".to_owned() });
        }
        if !self.any_sealed {
            let file = self.reports.first().map(|r| r.file.clone()).unwrap_or_default();
            self.problems.push(Problem { file, position: None, offset: 0, what: "unsealed".to_owned() });
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

/// What the segment that is written next has to name of the last one: number, size, root. `None` for one that is not
/// sealed.
pub(crate) fn last_tree(name: &str, number: u64, bytes: &[u8], keys: &[Verifier]) -> Option<(u64, u64, Hash)> {
    let judged = judge(name, bytes, keys);
    if judged.state == "unsealed" {
        return None;
    }
    let number = judged.head.as_ref().map_or(number, |head| head.number);
    let nothing = || (number, 0, Frontier::default().root());
    Some(judged.root().map_or_else(nothing, |root| (number, judged.size(), root)))
}
