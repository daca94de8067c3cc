//! Tracks whose plots cannot be told apart: a few global hypotheses, each one way to share out the plots so far.
//!
//! The track-oriented Poisson multi-Bernoulli mixture (García-Fernández, Williams, Granström & Svensson 2018, *Poisson
//! multi-Bernoulli mixture filter: direct derivation and implementation*): local hypotheses are kept by track, a global one
//! picks one of each, and its weight is the product of theirs. Children of a global hypothesis are its best pairings
//! (Murty's k best). Hypotheses that agree are merged, and a track that has one hypothesis left leaves the cluster.

mod estimate;
mod settle;

pub(crate) use settle::Child;

use crate::filter::{Context, Filter, Took};
use crate::gaussian::Gaussian;
use crate::look::Corrected;
use crate::marginal::{Edge, Pairs};
use crate::track::Hypothesis;
use lapwing_model::math;
use smallvec::{SmallVec, smallvec};

/// Squared distance of two hypotheses of a track, in sigmas of the position and velocity, below which they agree.
const AGREE: f64 = 0.4;
/// Local hypotheses of one track at most.
const LOCAL_MAX: usize = 48;

/// Lists as short as a cluster: without an allocation where it has few members.
pub(crate) type Short<T, const N: usize> = SmallVec<[T; N]>;
/// The local hypothesis of each member.
pub(crate) type Picks = Short<u16, 8>;

/// One way to share out the plots: the local hypothesis of each member.
#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Global {
    pub(crate) weight: f64,
    pub(crate) picks: Picks,
}

/// Tracks that depend on each other.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Cluster {
    /// Slots of the tracks, ascending.
    pub(crate) members: Short<u32, 8>,
    /// Local hypotheses, member after member, and where those of each begin.
    locals: Vec<Hypothesis>,
    firsts: Short<u32, 8>,
    /// Best first; weights sum to one.
    globals: Vec<Global>,
}

impl Clone for Global {
    fn clone(&self) -> Self {
        Self { weight: self.weight, picks: self.picks.clone() }
    }

    fn clone_from(&mut self, from: &Self) {
        self.weight = from.weight;
        self.picks.clone_from(&from.picks);
    }
}

impl Clone for Cluster {
    fn clone(&self) -> Self {
        Self {
            members: self.members.clone(),
            locals: self.locals.clone(),
            firsts: self.firsts.clone(),
            globals: self.globals.clone(),
        }
    }

    /// Keeps its memory, list by list.
    fn clone_from(&mut self, from: &Self) {
        self.members.clone_from(&from.members);
        self.locals.clone_from(&from.locals);
        self.firsts.clone_from(&from.firsts);
        self.globals.clone_from(&from.globals);
    }
}

impl Cluster {
    /// One track by itself.
    fn single(slot: u32, only: Hypothesis) -> Self {
        Self {
            members: smallvec![slot],
            locals: vec![only],
            firsts: smallvec![0],
            globals: vec![Global { weight: 1.0, picks: smallvec![0] }],
        }
    }

    /// Whether its lists belong together: asked of what was restored.
    pub(crate) fn is_sound(&self) -> bool {
        let count = self.members.len();
        self.firsts.len() == count
            && self.firsts.first() == Some(&0)
            && self.firsts.is_sorted()
            && self.firsts.last().is_some_and(|last| *last as usize <= self.locals.len())
            && self.globals.iter().all(|global| {
                global.picks.len() == count
                    && global.picks.iter().enumerate().all(|(i, pick)| usize::from(*pick) < self.range(i).len())
            })
    }

    fn position(&self, slot: u32) -> Option<usize> {
        self.members.binary_search(&slot).ok()
    }

    /// Where the local hypotheses of the member at `index` are.
    fn range(&self, index: usize) -> std::ops::Range<usize> {
        let end = self.locals.len();
        let from = self.firsts.get(index).map_or(end, |first| *first as usize);
        let to = self.firsts.get(index + 1).map_or(end, |first| *first as usize);
        from..to
    }

    /// The local hypotheses of the member at `index`.
    fn locals_of(&self, index: usize) -> &[Hypothesis] {
        self.locals.get(self.range(index)).unwrap_or(&[])
    }

    /// Adds those of the next member.
    fn add_locals(&mut self, list: &[Hypothesis]) {
        self.firsts.push(self.locals.len() as u32);
        self.locals.extend_from_slice(list);
    }

    /// The local hypotheses of a member, to change.
    pub(crate) fn hypotheses_of(&mut self, slot: u32) -> &mut [Hypothesis] {
        let range = self.position(slot).map_or(0..0, |i| self.range(i));
        self.locals.get_mut(range).unwrap_or(&mut [])
    }

    /// The local hypotheses of a member.
    pub(crate) fn hypotheses(&self, slot: u32) -> &[Hypothesis] {
        self.position(slot).map_or(&[], |i| self.locals_of(i))
    }

    /// Probability of each local hypothesis of the member at `index`.
    fn weights(&self, index: usize) -> Short<f64, 8> {
        let mut out: Short<f64, 8> = smallvec![0.0; self.range(index).len()];
        for global in &self.globals {
            if let Some(w) = out.get_mut(usize::from(global.picks[index])) {
                *w += global.weight;
            }
        }
        out
    }

    /// Two independent clusters as one: every pair of their global hypotheses, the best of them.
    fn product(self, other: Self, most: usize) -> Self {
        let mut globals = Vec::with_capacity(self.globals.len() * other.globals.len());
        for a in &self.globals {
            for b in &other.globals {
                let picks: Picks = a.picks.iter().chain(&b.picks).copied().collect();
                globals.push(Global { weight: a.weight * b.weight, picks });
            }
        }
        globals.sort_by(|a, b| b.weight.total_cmp(&a.weight).then_with(|| a.picks.cmp(&b.picks)));
        globals.truncate(most.max(1));
        let mut order: Short<(u32, usize), 8> =
            self.members.iter().chain(&other.members).copied().enumerate().map(|(i, m)| (m, i)).collect();
        order.sort_unstable();
        for global in &mut globals {
            global.picks = order.iter().map(|(_, i)| global.picks[*i]).collect();
        }
        let mut out = Self {
            members: order.iter().map(|(m, _)| *m).collect(),
            locals: Vec::with_capacity(self.locals.len() + other.locals.len()),
            firsts: Short::new(),
            globals,
        };
        let own = self.members.len();
        for (_, i) in order {
            out.add_locals(if i < own { self.locals_of(i) } else { other.locals_of(i - own) });
        }
        out.normalise();
        out
    }

    fn normalise(&mut self) {
        let total: f64 = self.globals.iter().map(|g| g.weight).sum();
        let even = 1.0 / self.globals.len().max(1) as f64;
        for global in &mut self.globals {
            global.weight = if total > 0.0 { global.weight / total } else { even };
        }
    }

    /// Global hypotheses with the same picks are one.
    fn unify(&mut self) {
        // Stable: those of the same picks are added up best first.
        self.globals.sort_by(|a, b| a.picks.cmp(&b.picks));
        self.globals.dedup_by(|next, kept| {
            let same = next.picks == kept.picks;
            if same {
                kept.weight += next.weight;
            }
            same
        });
        self.globals.sort_by(|a, b| b.weight.total_cmp(&a.weight).then_with(|| a.picks.cmp(&b.picks)));
    }

    /// Local hypotheses that no global one picks are dropped, and those that agree are merged into the likelier.
    fn merge(&mut self) {
        for member in 0..self.members.len() {
            if self.range(member).len() > 1 {
                self.merge_locals(member);
            }
        }
        self.unify();
    }

    fn merge_locals(&mut self, member: usize) {
        let weights = self.weights(member);
        let mut order: Short<usize, 8> = (0..weights.len()).filter(|i| weights[*i] > 0.0).collect();
        order.sort_by(|a, b| weights[*b].total_cmp(&weights[*a]).then(a.cmp(b)));
        // What stays, likeliest first: each with its weight, and as one Gaussian.
        let mut kept: Short<(Hypothesis, f64, Gaussian), 4> = Short::new();
        let mut becomes: Picks = smallvec![0; weights.len()];
        let range = self.range(member);
        for i in order {
            let own = &self.locals[range.start + i];
            let merged = own.modes.merged();
            let like = kept.iter().position(|(k, _, as_one)| agree((k.existence, as_one), (own.existence, &merged)));
            match like.or((kept.len() >= LOCAL_MAX).then_some(0)) {
                Some(at) => {
                    let (known, weight, as_one) = &mut kept[at];
                    let total = *weight + weights[i];
                    known.modes.absorb(*weight, &own.modes, weights[i]);
                    known.existence = (known.existence * *weight + own.existence * weights[i]) / total;
                    *weight = total;
                    *as_one = known.modes.merged();
                    becomes[i] = at as u16;
                }
                None => {
                    becomes[i] = kept.len() as u16;
                    kept.push((*own, weights[i], merged));
                }
            }
        }
        let gone = (range.len() - kept.len()) as u32;
        for (place, (hypothesis, ..)) in self.locals[range.clone()].iter_mut().zip(&kept) {
            *place = *hypothesis;
        }
        self.locals.drain(range.start + kept.len()..range.end);
        for first in self.firsts.iter_mut().skip(member + 1) {
            *first -= gone;
        }
        for global in &mut self.globals {
            global.picks[member] = becomes[usize::from(global.picks[member])];
        }
    }

    /// Takes a member out; its hypotheses are summed over.
    fn drop_member(&mut self, index: usize) {
        let range = self.range(index);
        self.members.remove(index);
        self.firsts.remove(index);
        for first in self.firsts.iter_mut().skip(index) {
            *first -= range.len() as u32;
        }
        self.locals.drain(range);
        for global in &mut self.globals {
            global.picks.remove(index);
        }
        self.unify();
    }
}

/// Whether two hypotheses of a track, by existence and state, say the same: position within a fraction of a sigma, and about as
/// sure to exist.
fn agree((r, x): (f64, &Gaussian), (q, y): (f64, &Gaussian)) -> bool {
    if math::fabs(r - q) > 0.1 {
        return false;
    }
    let mut distance = 0.0;
    for i in 0..6 {
        let d = x.mean[i] - y.mean[i];
        distance += d * d / (0.5 * (x.covariance[(i, i)] + y.covariance[(i, i)])).max(1e-9);
    }
    if distance > AGREE {
        return false;
    }
    // A narrow and a wide one are not the same.
    let (p, q) = (x.covariance[(0, 0)] + x.covariance[(1, 1)], y.covariance[(0, 0)] + y.covariance[(1, 1)]);
    p < 2.0 * q && q < 2.0 * p
}

impl Cluster {
    /// Calls `each` with the parts that do not depend on each other: two members belong together unless every combination of their
    /// hypotheses has the product of their weights.
    fn split(self, mut each: impl FnMut(Self)) {
        let count = self.members.len();
        if count == 0 {
            return;
        }
        let weights: Short<Short<f64, 8>, 4> = (0..count).map(|i| self.weights(i)).collect();
        let mut part: Short<usize, 8> = (0..count).collect();
        for a in 0..count {
            for b in a + 1..count {
                if part[a] != part[b] && self.depend(a, b, &weights) {
                    let (from, to) = (part[b], part[a]);
                    for p in &mut part {
                        if *p == from {
                            *p = to;
                        }
                    }
                }
            }
        }
        let mut names = part.clone();
        names.sort_unstable();
        names.dedup();
        if names.len() == 1 {
            return each(self);
        }
        for name in names {
            let indices: Short<usize, 8> = (0..count).filter(|i| part[*i] == name).collect();
            let mut out = Self {
                members: indices.iter().map(|i| self.members[*i]).collect(),
                globals: self
                    .globals
                    .iter()
                    .map(|g| Global { weight: g.weight, picks: indices.iter().map(|i| g.picks[*i]).collect() })
                    .collect(),
                ..Self::default()
            };
            for i in indices {
                out.add_locals(self.locals_of(i));
            }
            out.unify();
            each(out);
        }
    }

    fn depend(&self, a: usize, b: usize, weights: &[Short<f64, 8>]) -> bool {
        let width = weights[b].len();
        let mut joint: Short<f64, 16> = smallvec![0.0; weights[a].len() * width];
        for global in &self.globals {
            joint[usize::from(global.picks[a]) * width + usize::from(global.picks[b])] += global.weight;
        }
        for (row, wa) in joint.chunks_exact(width.max(1)).zip(&weights[a]) {
            for (both, wb) in row.iter().zip(&weights[b]) {
                if math::fabs(both - wa * wb) > 0.01 {
                    return true;
                }
            }
        }
        false
    }
}

#[cfg(test)]
mod tests;
