//! Candidates compete for readings: against clutter, against the tracks that may have given a reading, and against each
//! other, by a few rounds of belief propagation (`marginal`).
//!
//! A candidate and its copies are one aircraft in ways that exclude each other: together they are one "track" of the
//! propagation, that gave one reading at most, whichever of them it was.

use crate::filter::{Filter, Work};
use crate::look::Corrected;
use crate::marginal::{Edge, Messages, Pairs};
use lapwing_model::math;

/// Rounds of belief propagation: candidates are many and their readings few.
const ROUNDS: usize = 4;
/// Existence of a line at most: nothing is quite certain before it is a track.
const EXISTENCE_MAX: f64 = 1.0 - 1e-6;

/// No number: of a line that has none yet, of a candidate after which there is none.
const NONE: u32 = u32::MAX;

/// What came of it, and working memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct Competition {
    /// Probability of each weak pair.
    pub(crate) chances: Vec<f64>,
    /// By candidate in view: what existence without any reading is multiplied by, before its own detection.
    pub(crate) passed: Vec<f64>,
    /// By reading: the probability that neither a track nor a candidate gave it.
    pub(crate) free: Vec<f64>,
    /// Line and number in view of each candidate that may not be the only one of its line, sorted.
    shared: Vec<(u64, u32)>,
    line_of: Vec<u32>,
    /// The first candidate of each line, and of each candidate the next one of its line.
    first_of: Vec<u32>,
    next_of: Vec<u32>,
    /// By line: the probability that it gives no reading, as far as it alone decides.
    nothing: Vec<f64>,
    /// By line: existence of all its copies together; then what each copy's is multiplied by, so that this is one at most.
    scale: Vec<f64>,
    /// By line: the probability of all its pairs.
    given: Vec<f64>,
    /// By pair: what it weighs, and the edge it is a part of.
    weights: Vec<f64>,
    edge_of: Vec<u32>,
    /// Readings of a line of several candidates, with their pairs.
    together: Vec<(u32, u32)>,
    /// Pairs of one line and reading together, line after line, reading after reading.
    edges: Vec<Edge>,
    marginals: Vec<f64>,
    messages: Messages,
}

impl Filter {
    /// How likely each candidate gave each reading of a look.
    pub(crate) fn compete(&self, look: &Corrected<'_>, work: &mut Work) {
        let mut c = std::mem::take(&mut work.competition);
        c.find_lines(look, work);
        c.weigh(look, work);
        c.make_edges(work);
        let pairs = Pairs { tracks: c.nothing.len(), plots: look.readings.len(), edges: &c.edges };
        pairs.propagate(ROUNDS, &mut c.messages, &mut c.marginals);
        c.share(work);
        work.competition = c;
    }
}

impl Competition {
    /// Numbers the lines of the candidates in view, in the order of their first ones: what is near in memory stays near.
    fn find_lines(&mut self, look: &Corrected<'_>, work: &Work) {
        self.shared.clear();
        self.shared
            .extend(work.weak.iter().enumerate().filter(|(_, w)| w.shares_line).map(|(v, w)| (w.line, v as u32)));
        self.shared.sort_unstable();
        for list in [&mut self.line_of, &mut self.next_of] {
            list.clear();
            list.resize(work.weak.len(), NONE);
        }
        self.first_of.clear();
        self.nothing.clear();
        self.scale.clear();
        for (v, weak) in work.weak.iter().enumerate() {
            if self.line_of.get(v).is_none_or(|line| *line != NONE) {
                continue;
            }
            let number = self.first_of.len() as u32;
            self.first_of.push(v as u32);
            self.nothing.push(0.0);
            self.scale.push(0.0);
            self.add(number, v as u32, look, work);
            if weak.shares_line {
                self.add_others(number, v as u32, weak.line, look, work);
            }
        }
        // Copies of other lines that were found to be one with a copy of this brought their existence with them.
        for (nothing, scale) in self.nothing.iter_mut().zip(&mut self.scale) {
            *scale = if *scale > EXISTENCE_MAX { EXISTENCE_MAX / *scale } else { 1.0 };
            *nothing = (1.0 - *nothing * *scale).max(1.0 - EXISTENCE_MAX);
        }
    }

    /// Adds a candidate to the line numbered last.
    fn add(&mut self, number: u32, v: u32, look: &Corrected<'_>, work: &Work) {
        let Some(weak) = work.weak.get(v as usize) else { return };
        if let Some(of) = self.line_of.get_mut(v as usize) {
            *of = number;
        }
        if let (Some(nothing), Some(all)) = (self.nothing.last_mut(), self.scale.last_mut()) {
            *nothing += weak.existence * seen(look, weak.detection);
            *all += weak.existence;
        }
    }

    /// Adds the others of a line after its first.
    fn add_others(&mut self, number: u32, first: u32, line: u64, look: &Corrected<'_>, work: &Work) {
        let mut last = first;
        let mut at = self.shared.partition_point(|(other, _)| *other < line);
        while let Some((_, v)) = self.shared.get(at).copied().filter(|(other, _)| *other == line) {
            at += 1;
            if v != first {
                self.add(number, v, look, work);
                if let Some(next) = self.next_of.get_mut(last as usize) {
                    *next = v;
                }
                last = v;
            }
        }
    }

    /// What each pair weighs against "the line gave nothing, and the reading is of something else".
    fn weigh(&mut self, look: &Corrected<'_>, work: &Work) {
        self.free.clear();
        self.free.extend((0..look.readings.len()).map(|j| 1.0 - work.taken.get(j).copied().unwrap_or(1.0)));
        self.weights.clear();
        for pair in &work.weak_pairs {
            let v = pair.visible as usize;
            let line = self.line_of.get(v).map_or(usize::MAX, |line| *line as usize);
            let r = work.weak.get(v).map_or(0.0, |weak| weak.existence);
            let left = self.free.get(pair.reading as usize).map_or(0.0, |f| f.max(0.0));
            let nothing = self.nothing.get(line).copied().unwrap_or(1.0);
            let r = r * self.scale.get(line).copied().unwrap_or(1.0);
            self.weights.push(r * left * math::exp(pair.log_ratio) / nothing);
        }
    }

    /// Pairs of one line and reading become one.
    fn make_edges(&mut self, work: &Work) {
        self.edges.clear();
        self.edge_of.clear();
        self.edge_of.resize(work.weak_pairs.len(), NONE);
        for line in 0..self.first_of.len() as u32 {
            let Some(first) = self.first_of.get(line as usize).copied() else { continue };
            let several = self.next_of.get(first as usize).is_some_and(|next| *next != NONE);
            self.together.clear();
            let mut v = first;
            while let Some(weak) = work.weak.get(v as usize) {
                let (from, to) = weak.pairs;
                let readings = work.weak_pairs.get(from as usize..to as usize).unwrap_or(&[]);
                self.together.extend((from..).zip(readings).map(|(i, pair)| (pair.reading, i)));
                v = self.next_of.get(v as usize).copied().unwrap_or(NONE);
            }
            if several {
                self.together.sort_unstable();
            }
            for (plot, i) in &self.together {
                let weight = self.weights.get(*i as usize).copied().unwrap_or(0.0);
                match self.edges.last_mut().filter(|last| last.track == line && last.plot == *plot) {
                    Some(last) => last.weight += weight,
                    None => self.edges.push(Edge { track: line, plot: *plot, weight }),
                }
                if let Some(edge) = self.edge_of.get_mut(*i as usize) {
                    *edge = self.edges.len() as u32 - 1;
                }
            }
        }
    }

    /// Gives each pair its share of what its line and reading came to.
    fn share(&mut self, work: &Work) {
        self.given.clear();
        self.given.resize(self.nothing.len(), 0.0);
        for (edge, p) in self.edges.iter().zip(&self.marginals) {
            if let Some(given) = self.given.get_mut(edge.track as usize) {
                *given += p;
            }
            if let Some(free) = self.free.get_mut(edge.plot as usize) {
                *free -= p;
            }
        }
        self.chances.clear();
        for (weight, edge) in self.weights.iter().zip(&self.edge_of) {
            let (all, p) = match (self.edges.get(*edge as usize), self.marginals.get(*edge as usize)) {
                (Some(edge), Some(p)) => (edge.weight, *p),
                _ => (0.0, 0.0),
            };
            self.chances.push(if all > 0.0 { p * weight / all } else { 0.0 });
        }
        self.passed.clear();
        for line in self.line_of.iter().take(work.weak.len()) {
            let given = self.given.get(*line as usize).copied().unwrap_or(0.0);
            let nothing = self.nothing.get(*line as usize).copied().unwrap_or(1.0);
            let scale = self.scale.get(*line as usize).copied().unwrap_or(1.0);
            self.passed.push(scale * (1.0 - given).max(0.0) / nothing);
        }
    }
}

/// The probability that a look would have seen a candidate; nothing of what it does not prove to be missed.
pub(crate) fn seen(look: &Corrected<'_>, detection: f64) -> f64 {
    if look.complete { detection.max(0.0) } else { 0.0 }
}
