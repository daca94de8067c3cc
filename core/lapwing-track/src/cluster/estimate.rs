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
use std::borrow::Cow;

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
            means.extend(self.states(*i, &when).map(|(modes, existence)| (modes.mean(), existence)));
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
        let weights = self.weights(index);
        let states = self.states(index, &when).zip(weights);
        let covariance = spread(states.map(|((modes, existence), w)| (w * existence, modes.merged())), &mean);
        let covariance = covariance.or_else(|| {
            let state = |part: (usize, usize)| Some(self.states(*near.get(part.0)?, &when).nth(part.1)?.0.merged());
            spread(parts.iter().filter_map(|(w, part)| Some((*w, state(*part)?))), &mean)
        });
        Some(Gaussian { mean, covariance: covariance? })
    }

    /// The same where there is nobody to change names with.
    fn alone(&self, index: usize, when: &When<'_>) -> Option<Gaussian> {
        let weights = self.weights(index);
        let weighed = || self.states(index, when).zip(&weights).map(|((modes, existence), w)| (w * existence, modes));
        let means: Short<(f64, Vector), 8> = weighed().map(|(w, modes)| (w, modes.mean())).collect();
        let mean = mean_of(means.iter().map(|(w, mean)| (*w, mean)))?;
        let covariance = spread(weighed().map(|(w, modes)| (w, modes.merged())), &mean)?;
        Some(Gaussian { mean, covariance })
    }

    /// The local hypotheses of a member at a time, with their existence.
    fn states<'a>(&'a self, index: usize, when: &'a When<'_>) -> impl Iterator<Item = (Cow<'a, Modes>, f64)> + 'a {
        let locals = self.locals_of(index);
        let track = self.members.get(index).and_then(|m| when.tracks.get(*m));
        locals.iter().filter_map(move |hypothesis| {
            let track = track?;
            let mut modes = Cow::Borrowed(&hypothesis.modes);
            let dt = when.at.since(track.at).as_seconds_f64();
            if dt != 0.0 {
                modes.to_mut().predict(&track.models(when.config), dt, track.height_known);
            }
            Some((modes, hypothesis.existence))
        })
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

/// Covariance of a mixture around a mean; `None` without weight.
fn spread(parts: impl Iterator<Item = (f64, Gaussian)>, around: &Vector) -> Option<Covariance> {
    let (mut total, mut covariance) = (0.0, Covariance::ZERO);
    for (w, state) in parts {
        total += w;
        add_spread(&mut covariance, w, &state, around);
    }
    for x in covariance.elements_mut() {
        *x /= total;
    }
    (total > 1e-6).then_some(covariance)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert!((spread(parts.into_iter(), &mean).unwrap()[(0, 0)] - 3.0).abs() < 1e-12);
        assert!(
            mean_of([(0.0, &mean)].into_iter()).is_none() && spread([(0.0, part(1.0))].into_iter(), &mean).is_none()
        );
    }
}
