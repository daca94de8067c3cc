//! Candidates compete for readings: against clutter, against the tracks that may have given a reading, and against each
//! other, by a few rounds of belief propagation (`marginal`).
//!
//! A candidate and its copies are one aircraft in ways that exclude each other: together they are one "track" of the
//! propagation, that gave one reading at most, whichever of them it was.

use crate::filter::{Filter, Work};
use crate::look::Look;
use crate::marginal::{Edge, Messages, Pairs};
use lapwing_model::math;

/// Rounds of belief propagation: candidates are many and their readings few.
const ROUNDS: usize = 4;
/// Existence of a line at most: nothing is quite certain before it is a track.
const EXISTENCE_MAX: f64 = 1.0 - 1e-6;

/// What came of it, and working memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct Competition {
    /// Probability of each weak pair.
    pub(crate) chances: Vec<f64>,
    /// By candidate in view: what existence without any reading is multiplied by, before its own detection.
    pub(crate) passed: Vec<f64>,
    /// By reading: the probability that neither a track nor a candidate gave it.
    pub(crate) free: Vec<f64>,
    /// Line and number in view of each candidate, sorted.
    lines: Vec<(u64, u32)>,
    line_of: Vec<u32>,
    /// By line: the probability that it gives no reading, as far as it alone decides.
    nothing: Vec<f64>,
    /// By line: existence of all its copies together; then what each copy's is multiplied by, so that this is one at most.
    scale: Vec<f64>,
    /// By line: the probability of all its pairs.
    given: Vec<f64>,
    /// What each pair weighs, by line and reading.
    wants: Vec<(Edge, u32)>,
    /// The same, pairs of one line and reading together.
    edges: Vec<Edge>,
    marginals: Vec<f64>,
    messages: Messages,
}

impl Filter {
    /// How likely each candidate gave each reading of a look.
    pub(crate) fn compete(&self, look: &Look, work: &mut Work) {
        let mut c = std::mem::take(&mut work.competition);
        c.find_lines(self, look, work);
        c.weigh(self, look, work);
        c.join_edges();
        let pairs = Pairs { tracks: c.nothing.len(), plots: look.readings.len(), edges: &c.edges };
        pairs.propagate(ROUNDS, &mut c.messages, &mut c.marginals);
        c.share(work);
        work.competition = c;
    }
}

impl Competition {
    /// Numbers the lines of the candidates in view.
    fn find_lines(&mut self, filter: &Filter, look: &Look, work: &Work) {
        self.lines.clear();
        for (v, visible) in work.weak.iter().enumerate() {
            let line = filter.candidates.get(visible.slot).map_or(0, |c| c.line);
            self.lines.push((line, v as u32));
        }
        self.lines.sort_unstable();
        self.line_of.clear();
        self.line_of.resize(work.weak.len(), 0);
        self.nothing.clear();
        self.scale.clear();
        let mut before = None;
        for (line, v) in &self.lines {
            if before != Some(*line) {
                self.nothing.push(0.0);
                self.scale.push(0.0);
                before = Some(*line);
            }
            let Some(visible) = work.weak.get(*v as usize) else { continue };
            let r = filter.candidates.get(visible.slot).map_or(0.0, |c| c.existence);
            let number = self.nothing.len() as u32 - 1;
            if let (Some(of), Some(nothing), Some(all)) =
                (self.line_of.get_mut(*v as usize), self.nothing.last_mut(), self.scale.last_mut())
            {
                *of = number;
                *nothing += r * seen(look, visible.detection);
                *all += r;
            }
        }
        // Copies of other lines that were found to be one with a copy of this brought their existence with them.
        for (nothing, scale) in self.nothing.iter_mut().zip(&mut self.scale) {
            *scale = if *scale > EXISTENCE_MAX { EXISTENCE_MAX / *scale } else { 1.0 };
            *nothing = (1.0 - *nothing * *scale).max(1.0 - EXISTENCE_MAX);
        }
    }

    /// What each pair weighs against "the line gave nothing, and the reading is of something else".
    fn weigh(&mut self, filter: &Filter, look: &Look, work: &Work) {
        self.free.clear();
        self.free.extend((0..look.readings.len()).map(|j| 1.0 - work.taken.get(j).copied().unwrap_or(1.0)));
        self.wants.clear();
        for (i, pair) in work.weak_pairs.iter().enumerate() {
            let v = pair.visible as usize;
            let (Some(visible), Some(line)) = (work.weak.get(v), self.line_of.get(v)) else { continue };
            let r = filter.candidates.get(visible.slot).map_or(0.0, |c| c.existence);
            let left = self.free.get(pair.reading as usize).map_or(0.0, |f| f.max(0.0));
            let nothing = self.nothing.get(*line as usize).copied().unwrap_or(1.0);
            let r = r * self.scale.get(*line as usize).copied().unwrap_or(1.0);
            let weight = r * left * math::exp(pair.log_ratio) / nothing;
            self.wants.push((Edge { track: *line, plot: pair.reading, weight }, i as u32));
        }
        self.wants.sort_unstable_by_key(|(e, i)| (e.track, e.plot, *i));
    }

    fn join_edges(&mut self) {
        self.edges.clear();
        for (edge, _) in &self.wants {
            match self.edges.last_mut().filter(|last| last.track == edge.track && last.plot == edge.plot) {
                Some(last) => last.weight += edge.weight,
                None => self.edges.push(*edge),
            }
        }
    }

    /// Gives each pair its share of what its line and reading came to.
    fn share(&mut self, work: &Work) {
        self.chances.clear();
        self.chances.resize(work.weak_pairs.len(), 0.0);
        self.given.clear();
        self.given.resize(self.nothing.len(), 0.0);
        let mut wants = self.wants.iter().peekable();
        for (edge, p) in self.edges.iter().zip(&self.marginals) {
            if let Some(given) = self.given.get_mut(edge.track as usize) {
                *given += p;
            }
            if let Some(free) = self.free.get_mut(edge.plot as usize) {
                *free -= p;
            }
            while let Some((want, i)) = wants.next_if(|(w, _)| w.track == edge.track && w.plot == edge.plot) {
                if let Some(chance) = self.chances.get_mut(*i as usize).filter(|_| edge.weight > 0.0) {
                    *chance = p * want.weight / edge.weight;
                }
            }
        }
        self.passed.clear();
        for line in &self.line_of {
            let given = self.given.get(*line as usize).copied().unwrap_or(0.0);
            let nothing = self.nothing.get(*line as usize).copied().unwrap_or(1.0);
            let scale = self.scale.get(*line as usize).copied().unwrap_or(1.0);
            self.passed.push(scale * (1.0 - given).max(0.0) / nothing);
        }
    }
}

/// The probability that a look would have seen a candidate; nothing of what it does not prove to be missed.
pub(crate) fn seen(look: &Look, detection: f64) -> f64 {
    if look.complete { detection.max(0.0) } else { 0.0 }
}
