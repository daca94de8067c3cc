//! Tracks whose plots cannot be told apart: a few global hypotheses, each one way to share out the plots so far.
//!
//! The track-oriented Poisson multi-Bernoulli mixture (García-Fernández, Williams, Granström & Svensson 2018, *Poisson
//! multi-Bernoulli mixture filter: direct derivation and implementation*): local hypotheses are kept by track, a global one
//! picks one of each, and its weight is the product of theirs. Children of a global hypothesis are its best pairings
//! (Murty's k best). Hypotheses that agree are merged, and a track that has one hypothesis left leaves the cluster.

mod estimate;
mod settle;

use crate::filter::{Context, Filter, Took};
use crate::look::{Look, range_of};
use crate::marginal::{Edge, Pairs};
use crate::track::Hypothesis;
use lapwing_model::math;
use std::collections::BTreeMap;

/// Squared distance of two hypotheses of a track, in sigmas of the position and velocity, below which they agree.
const AGREE: f64 = 0.4;
/// Local hypotheses of one track at most.
const LOCAL_MAX: usize = 48;

/// One way to share out the plots: the local hypothesis of each member.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Global {
    pub(crate) weight: f64,
    pub(crate) picks: Vec<u16>,
}

/// Tracks that depend on each other.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Cluster {
    /// Slots of the tracks, ascending.
    pub(crate) members: Vec<u32>,
    /// Local hypotheses of each.
    locals: Vec<Vec<Hypothesis>>,
    /// Best first; weights sum to one.
    globals: Vec<Global>,
}

impl Cluster {
    fn position(&self, slot: u32) -> Option<usize> {
        self.members.binary_search(&slot).ok()
    }

    /// The local hypotheses of a member, to change.
    pub(crate) fn hypotheses_of(&mut self, slot: u32) -> &mut [Hypothesis] {
        match self.position(slot).and_then(|i| self.locals.get_mut(i)) {
            Some(list) => list,
            None => &mut [],
        }
    }

    /// The local hypotheses of a member.
    pub(crate) fn hypotheses(&self, slot: u32) -> &[Hypothesis] {
        self.position(slot).and_then(|i| self.locals.get(i)).map_or(&[], Vec::as_slice)
    }

    /// Probability of each local hypothesis of the member at `index`.
    fn weights(&self, index: usize) -> Vec<f64> {
        let mut out = vec![0.0; self.locals[index].len()];
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
                let picks = a.picks.iter().chain(&b.picks).copied().collect();
                globals.push(Global { weight: a.weight * b.weight, picks });
            }
        }
        globals.sort_by(|a, b| b.weight.total_cmp(&a.weight).then_with(|| a.picks.cmp(&b.picks)));
        globals.truncate(most.max(1));
        let mut order: Vec<(u32, usize)> =
            self.members.iter().chain(&other.members).copied().enumerate().map(|(i, m)| (m, i)).collect();
        order.sort_unstable();
        let mut locals: Vec<Option<Vec<Hypothesis>>> = self.locals.into_iter().chain(other.locals).map(Some).collect();
        for global in &mut globals {
            global.picks = order.iter().map(|(_, i)| global.picks[*i]).collect();
        }
        let mut out = Self {
            members: order.iter().map(|(m, _)| *m).collect(),
            locals: order.iter().map(|(_, i)| locals[*i].take().unwrap_or_default()).collect(),
            globals,
        };
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
        let mut by_picks: BTreeMap<Vec<u16>, f64> = BTreeMap::new();
        for global in self.globals.drain(..) {
            *by_picks.entry(global.picks).or_default() += global.weight;
        }
        self.globals = by_picks.into_iter().map(|(picks, weight)| Global { weight, picks }).collect();
        self.globals.sort_by(|a, b| b.weight.total_cmp(&a.weight).then_with(|| a.picks.cmp(&b.picks)));
    }

    /// Local hypotheses that no global one picks are dropped, and those that agree are merged into the likelier.
    fn merge(&mut self) {
        for member in 0..self.members.len() {
            if self.locals[member].len() <= 1 {
                continue;
            }
            let weights = self.weights(member);
            let mut order: Vec<usize> = (0..weights.len()).filter(|i| weights[*i] > 0.0).collect();
            order.sort_by(|a, b| weights[*b].total_cmp(&weights[*a]).then(a.cmp(b)));
            let mut kept: Vec<(Hypothesis, f64)> = Vec::new();
            let mut becomes = vec![0u16; weights.len()];
            for i in order {
                let own = self.locals[member][i];
                let like = kept.iter().position(|(k, _)| agree(k, &own));
                match like.or((kept.len() >= LOCAL_MAX).then_some(0)) {
                    Some(at) => {
                        let (known, weight) = &mut kept[at];
                        let total = *weight + weights[i];
                        known.modes.absorb(*weight, &own.modes, weights[i]);
                        known.existence = (known.existence * *weight + own.existence * weights[i]) / total;
                        *weight = total;
                        becomes[i] = at as u16;
                    }
                    None => {
                        becomes[i] = kept.len() as u16;
                        kept.push((own, weights[i]));
                    }
                }
            }
            self.locals[member] = kept.into_iter().map(|(h, _)| h).collect();
            for global in &mut self.globals {
                global.picks[member] = becomes[usize::from(global.picks[member])];
            }
        }
        self.unify();
    }

    /// Takes a member out; its hypotheses are summed over.
    fn drop_member(&mut self, index: usize) -> Vec<Hypothesis> {
        self.members.remove(index);
        for global in &mut self.globals {
            global.picks.remove(index);
        }
        let out = self.locals.remove(index);
        self.unify();
        out
    }
}

/// Whether two hypotheses of a track say the same: position within a fraction of a sigma, and about as sure to exist.
fn agree(a: &Hypothesis, b: &Hypothesis) -> bool {
    if math::fabs(a.existence - b.existence) > 0.1 {
        return false;
    }
    let (x, y) = (a.modes.merged(), b.modes.merged());
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
    /// Splits into parts that do not depend on each other: two members belong together unless every combination of their
    /// hypotheses has the product of their weights.
    fn parts(&mut self) -> Vec<Self> {
        let count = self.members.len();
        if count == 0 {
            return Vec::new();
        }
        let weights: Vec<Vec<f64>> = (0..count).map(|i| self.weights(i)).collect();
        let mut part: Vec<usize> = (0..count).collect();
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
            return vec![std::mem::take(self)];
        }
        names
            .into_iter()
            .map(|name| {
                let indices: Vec<usize> = (0..count).filter(|i| part[*i] == name).collect();
                let mut out = Self {
                    members: indices.iter().map(|i| self.members[*i]).collect(),
                    locals: indices.iter().map(|i| self.locals[*i].clone()).collect(),
                    globals: self
                        .globals
                        .iter()
                        .map(|g| Global { weight: g.weight, picks: indices.iter().map(|i| g.picks[*i]).collect() })
                        .collect(),
                };
                out.unify();
                out
            })
            .collect()
    }

    fn depend(&self, a: usize, b: usize, weights: &[Vec<f64>]) -> bool {
        let mut joint: BTreeMap<(u16, u16), f64> = BTreeMap::new();
        for global in &self.globals {
            *joint.entry((global.picks[a], global.picks[b])).or_default() += global.weight;
        }
        for (i, wa) in weights[a].iter().enumerate() {
            for (j, wb) in weights[b].iter().enumerate() {
                let both = joint.get(&(i as u16, j as u16)).copied().unwrap_or(0.0);
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
