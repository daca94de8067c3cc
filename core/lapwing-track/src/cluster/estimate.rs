//! Where the aircraft of a cluster are, all hypotheses considered.
//!
//! Hypotheses of tracks that have met often differ only in who is who: the places are the same, the names are exchanged. The mean
//! of one track over them lies between the aircraft, where nobody is. What is wanted is the set of places that is nearest to what
//! the hypotheses say as sets (minimum mean OSPA: Guerriero, Svensson, Svensson & Willett 2010, *Shooting two birds with two
//! bullets: how to find minimum mean OSPA estimates*): each hypothesis is renamed so that its places lie nearest to those of the
//! best one, and then the mean is taken.

use super::{Cluster, Global};
use crate::config::Config;
use crate::gaussian::{Gaussian, Matrix, Vector};
use crate::imm::{add_spread, mirror};
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
        let near: Vec<usize> = (0..self.members.len())
            .filter(|i| self.members.get(*i).and_then(|m| tracks.get(*m)).is_some_and(|t| t.region == region))
            .collect();
        let own = near.iter().position(|i| *i == index)?;
        let states: Vec<Vec<(Gaussian, f64)>> = near.iter().map(|i| self.states(*i, tracks, at, config)).collect();
        let of = |global: &Global, n: usize| {
            let pick = near.get(n).and_then(|i| global.picks.get(*i)).copied()?;
            states.get(n)?.get(usize::from(pick))
        };
        let places = |global: &Global| -> Vec<[f64; 3]> {
            (0..near.len())
                .map(|n| of(global, n).map_or([0.0; 3], |(s, _)| [s.mean[0], s.mean[1], s.mean[2]]))
                .collect()
        };
        let wanted = places(best);
        let mut parts: Vec<(f64, &Gaussian)> = Vec::with_capacity(self.globals.len());
        for global in &self.globals {
            if global.weight < WEIGHT_MIN * best.weight {
                break;
            }
            let names = renamed(&wanted, &places(global));
            let Some((state, existence)) = names.get(own).and_then(|n| of(global, *n)) else { continue };
            parts.push((global.weight * existence, state));
        }
        let mean = mean_of(&parts)?;
        // Where plots cannot be told apart the place of a track is as uncertain as which plots were its: all its own hypotheses.
        let own: Vec<(f64, &Gaussian)> = states
            .get(own)?
            .iter()
            .zip(self.weights(index))
            .map(|((one, existence), w)| (w * existence, one))
            .collect();
        let sure = own.iter().map(|(w, _)| w).sum::<f64>() > 1e-6;
        Some(Gaussian { mean, covariance: spread(if sure { &own } else { &parts }, &mean) })
    }

    /// The local hypotheses of a member at `at`, with their existence.
    fn states(&self, index: usize, tracks: &Slab<Track>, at: Time, config: &Config) -> Vec<(Gaussian, f64)> {
        let (Some(locals), Some(track)) =
            (self.locals.get(index), self.members.get(index).and_then(|m| tracks.get(*m)))
        else {
            return Vec::new();
        };
        let dt = at.since(track.at).as_seconds_f64();
        let models = track.models(config);
        let at_time = |hypothesis: &crate::track::Hypothesis| {
            let mut modes = hypothesis.modes;
            modes.predict(&models, dt, track.height_known);
            (modes.merged(), hypothesis.existence)
        };
        locals.iter().map(at_time).collect()
    }
}

/// Which of `places` goes to each of `wanted`, so that the squares of the distances are small together: exchanges of two, as long
/// as one helps. Two of a kind that changed names are found at once, and more are hardly ever exchanged in a ring.
fn renamed(wanted: &[[f64; 3]], places: &[[f64; 3]]) -> Vec<usize> {
    let mut names: Vec<usize> = (0..wanted.len()).collect();
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
fn mean_of(parts: &[(f64, &Gaussian)]) -> Option<Vector> {
    let total: f64 = parts.iter().map(|(w, _)| w).sum();
    if !(total > 1e-9) {
        return None;
    }
    let mut mean = [0.0; 6];
    for (w, state) in parts {
        for i in 0..6 {
            mean[i] += w / total * state.mean[i];
        }
    }
    Some(mean)
}

/// Covariance of a mixture around a mean. There is weight in it.
fn spread(parts: &[(f64, &Gaussian)], around: &Vector) -> Matrix {
    let total: f64 = parts.iter().map(|(w, _)| w).sum();
    let mut covariance = [[0.0; 6]; 6];
    for (w, state) in parts {
        add_spread(&mut covariance, *w, state, around);
    }
    mirror(&mut covariance);
    covariance.map(|row| row.map(|x| x / total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exchange_of_names_is_undone() {
        let wanted = [[0.0, 0.0, 0.0], [10.0, 0.0, 0.0], [0.0, 10.0, 0.0]];
        let places = [[9.0, 1.0, 0.0], [1.0, 9.0, 0.0], [1.0, 1.0, 0.0]];
        assert_eq!(renamed(&wanted, &places), vec![2, 0, 1]);
        assert_eq!(renamed(&wanted, &wanted), vec![0, 1, 2]);
    }

    #[test]
    fn a_mixture_has_the_spread_of_its_means() {
        let part = |x: f64| Gaussian { mean: [x, 0.0, 0.0, 0.0, 0.0, 0.0], covariance: [[0.0; 6]; 6] };
        let (a, b) = (part(-2.0), part(2.0));
        let parts = [(0.3, &a), (0.1, &b)];
        let mean = mean_of(&parts).unwrap();
        assert!((mean[0] + 1.0).abs() < 1e-12 && (spread(&parts, &mean)[0][0] - 3.0).abs() < 1e-12);
        assert!(mean_of(&[(0.0, &a)]).is_none());
    }
}
