//! Where the aircraft of a cluster are, all hypotheses considered.
//!
//! Hypotheses of tracks that have met often differ only in who is who: the places are the same, the names are exchanged. The mean
//! of one track over them lies between the aircraft, where nobody is. What is wanted is the set of places that is nearest to what
//! the hypotheses say as sets (minimum mean OSPA: Guerriero, Svensson, Svensson & Willett 2010, *Shooting two birds with two
//! bullets: how to find minimum mean OSPA estimates*): each hypothesis is renamed so that its places lie nearest to those of the
//! best one, and then the mean is taken.

use super::{Cluster, Global, Short};
use crate::config::Config;
use crate::gaussian::{Covariance, Gaussian, Vector};
use crate::imm::{Modes, add_spread};
use crate::slab::Slab;
use crate::track::Track;
use lapwing_model::Time;

/// Hypotheses of less than this part of the best one's weight say nothing that shows.
const WEIGHT_MIN: f64 = 0.01;
/// Rounds of exchanges; places that have not settled by then are as good as settled.
const ROUNDS_MAX: usize = 8;

impl Cluster {
    /// The state of a member at `at`: over all hypotheses, each with its places given to the nearest of the best
    /// one's; with the covariance of all that the track itself may be around it. `None` when it is not a member.
    pub(crate) fn estimate(&self, slot: u32, tracks: &Slab<Track>, at: Time, config: &Config) -> Option<Gaussian> {
        let index = self.position(slot)?;
        let best = self.globals.first()?;
        let region = tracks.get(slot)?.region;
        // Members of another region count in other axes: they keep their names.
        let near: Short<usize, 8> = (0..self.members.len())
            .filter(|i| self.members.get(*i).and_then(|m| tracks.get(*m)).is_some_and(|t| t.region == region))
            .collect();
        let own = near.iter().position(|i| *i == index)?;
        let when = When { tracks, at, config };
        if near.len() == 1 {
            return self.alone(index, &when);
        }
        // Means of all local hypotheses, with their existence: those of each member from its offset on.
        let (mut means, mut offsets): (Short<(Vector, f64), 8>, Short<usize, 8>) = (Short::new(), Short::new());
        for i in &near {
            offsets.push(means.len());
            self.each_state(*i, &when, |modes, existence| means.push((modes.mean(), existence)));
        }
        let pick = |global: &Global, n: usize| {
            let pick = near.get(n).and_then(|i| global.picks.get(*i)).copied()?;
            Some((n, usize::from(pick)))
        };
        let mean_of_pick = |(n, pick): (usize, usize)| -> Option<&(Vector, f64)> { means.get(offsets.get(n)? + pick) };
        let places = |global: &Global| -> Short<[f64; 3], 8> {
            let place = |n| pick(global, n).and_then(mean_of_pick).map_or([0.0; 3], |(m, _)| [m[0], m[1], m[2]]);
            (0..near.len()).map(place).collect()
        };
        let wanted = places(best);
        // Of each hypothesis: its weight, and whose place of it is this track's.
        let mut parts: Short<(f64, (usize, usize)), 8> = Short::new();
        for global in &self.globals {
            if global.weight < WEIGHT_MIN * best.weight {
                break;
            }
            let names = renamed(&wanted, &places(global));
            let Some(part) = names.get(own).and_then(|n| pick(global, *n)) else { continue };
            let existence = mean_of_pick(part).map_or(0.0, |(_, existence)| *existence);
            parts.push((global.weight * existence, part));
        }
        let mean = mean_of(parts.iter().filter_map(|(w, part)| Some((*w, &mean_of_pick(*part)?.0))))?;
        // Where plots cannot be told apart the place of a track is as uncertain as which plots were its: all its own hypotheses.
        let own = self.spread_of(index, &self.weights(index), &mean, &when);
        let covariance = own.or_else(|| {
            let mut spread = Spread::default();
            for (w, (n, pick)) in &parts {
                let mut local = 0;
                self.each_state(*near.get(*n)?, &when, |modes, _| {
                    if local == *pick {
                        spread.add(*w, modes, &mean);
                    }
                    local += 1;
                });
            }
            spread.covariance()
        });
        Some(Gaussian { mean, covariance: covariance? })
    }

    /// The same where there is nobody to change names with.
    fn alone(&self, index: usize, when: &When<'_>) -> Option<Gaussian> {
        let weights = self.weights(index);
        let mut means: Short<(f64, Vector), 4> = Short::new();
        let mut each = weights.iter();
        self.each_state(index, when, |modes, existence| {
            means.push((each.next().map_or(0.0, |w| w * existence), modes.mean()));
        });
        let mean = mean_of(means.iter().map(|(w, mean)| (*w, mean)))?;
        let covariance = self.spread_of(index, &weights, &mean, when)?;
        Some(Gaussian { mean, covariance })
    }

    /// The covariance around a mean of all local hypotheses of a member, by weight and existence.
    fn spread_of(&self, index: usize, weights: &[f64], mean: &Vector, when: &When<'_>) -> Option<Covariance> {
        let mut spread = Spread::default();
        let mut each = weights.iter();
        self.each_state(index, when, |modes, existence| {
            spread.add(each.next().map_or(0.0, |w| w * existence), modes, mean);
        });
        spread.covariance()
    }

    /// The local hypotheses of a member at a time, with their existence.
    fn each_state(&self, index: usize, when: &When<'_>, mut each: impl FnMut(&Modes, f64)) {
        let Some(track) = self.members.get(index).and_then(|m| when.tracks.get(*m)) else { return };
        let dt = when.at.since(track.at).as_seconds_f64();
        let models = track.models(when.config);
        for hypothesis in self.locals_of(index) {
            if dt == 0.0 {
                each(&hypothesis.modes, hypothesis.existence);
            } else {
                let mut modes = hypothesis.modes;
                modes.predict(&models, dt, track.height_known);
                each(&modes, hypothesis.existence);
            }
        }
    }
}

/// When a cluster is asked for, and what it hangs on.
struct When<'a> {
    tracks: &'a Slab<Track>,
    at: Time,
    config: &'a Config,
}

/// Which of `places` goes to each of `wanted`, so that the squares of the distances are small together: exchanges of two, as long
/// as one helps. Two of a kind that changed names are found at once, and more are hardly ever exchanged in a ring.
fn renamed(wanted: &[[f64; 3]], places: &[[f64; 3]]) -> Short<usize, 8> {
    let mut names: Short<usize, 8> = (0..wanted.len()).collect();
    let cost = |n: usize, name: usize| -> f64 {
        let (Some(a), Some(b)) = (wanted.get(n), places.get(name)) else { return 0.0 };
        (0..3).map(|i| (a[i] - b[i]) * (a[i] - b[i])).sum()
    };
    for _ in 0..ROUNDS_MAX {
        let mut changed = false;
        for a in 0..names.len() {
            for b in a + 1..names.len() {
                let (x, y) = (names[a], names[b]);
                if cost(a, y) + cost(b, x) < cost(a, x) + cost(b, y) - 1e-9 {
                    names.swap(a, b);
                    changed = true;
                }
            }
        }
        if !changed {
            break;
        }
    }
    names
}

/// Mean of a mixture; `None` without weight.
fn mean_of<'a>(parts: impl Iterator<Item = (f64, &'a Vector)>) -> Option<Vector> {
    let (mut total, mut mean) = (0.0, [0.0; 6]);
    for (w, part) in parts {
        total += w;
        for i in 0..6 {
            mean[i] += w * part[i];
        }
    }
    (total > 1e-9).then(|| mean.map(|x| x / total))
}

/// Covariance of a mixture around a mean.
struct Spread {
    total: f64,
    sum: Covariance,
}

impl Default for Spread {
    fn default() -> Self {
        Self { total: 0.0, sum: Covariance::ZERO }
    }
}

impl Spread {
    fn add(&mut self, weight: f64, modes: &Modes, around: &Vector) {
        self.total += weight;
        match modes.states() {
            [only] => add_spread(&mut self.sum, weight, only, around),
            _ => add_spread(&mut self.sum, weight, &modes.merged(), around),
        }
    }

    /// `None` without weight.
    fn covariance(mut self) -> Option<Covariance> {
        for x in self.sum.elements_mut() {
            *x /= self.total;
        }
        (self.total > 1e-6).then_some(self.sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imm::Models;

    #[test]
    fn an_exchange_of_names_is_undone() {
        let wanted = [[0.0, 0.0, 0.0], [10.0, 0.0, 0.0], [0.0, 10.0, 0.0]];
        let places = [[9.0, 1.0, 0.0], [1.0, 9.0, 0.0], [1.0, 1.0, 0.0]];
        assert_eq!(renamed(&wanted, &places)[..], [2, 0, 1]);
        assert_eq!(renamed(&wanted, &wanted)[..], [0, 1, 2]);
    }

    #[test]
    fn a_mixture_has_the_spread_of_its_means() {
        let part = |x: f64| Gaussian { mean: [x, 0.0, 0.0, 0.0, 0.0, 0.0], covariance: Covariance::ZERO };
        let parts = [(0.3, part(-2.0)), (0.1, part(2.0))];
        let mean = mean_of(parts.iter().map(|(w, g)| (*w, &g.mean))).unwrap();
        assert!((mean[0] + 1.0).abs() < 1e-12);
        let models = Models::single(crate::motion::Motion::cruise(1.0, 1.0));
        let mut spread = Spread::default();
        for (w, state) in parts {
            spread.add(w, &Modes::new(state, &models), &mean);
        }
        assert!((spread.covariance().unwrap()[(0, 0)] - 3.0).abs() < 1e-12);
        assert!(mean_of([(0.0, &mean)].into_iter()).is_none() && Spread::default().covariance().is_none());
    }
}
