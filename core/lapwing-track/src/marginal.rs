//! Probability of each pair of track and plot, over all ways to pair them.
//!
//! Exact by enumeration for small clusters; by loopy belief propagation for large ones (Williams & Lau 2014, *Approximate
//! evaluation of marginal association probabilities with belief propagation*).

use lapwing_model::math;

/// Most pairings enumerated; more are left to belief propagation.
const EXACT_MAX: f64 = 2_000.0;
/// Rounds of belief propagation at most.
const ROUNDS_MAX: usize = 60;
/// Change of a message below which it has converged.
const CONVERGED: f64 = 1e-5;

/// One pair that may be: its likelihood relative to "the track was missed and the plot is of something else".
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Edge {
    pub(crate) track: u32,
    pub(crate) plot: u32,
    pub(crate) weight: f64,
}

/// The messages of belief propagation, kept for their memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct Messages {
    /// From plot to track, by pair: how free the plot is of other tracks.
    free: Vec<f64>,
    /// From track to plot, by pair: how much the track wants the plot.
    wanted: Vec<f64>,
    by_track: Vec<f64>,
    by_plot: Vec<f64>,
}

/// Tracks against plots, as a list of the pairs that may be, by track.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pairs<'a> {
    pub(crate) tracks: usize,
    pub(crate) plots: usize,
    pub(crate) edges: &'a [Edge],
}

impl Pairs<'_> {
    fn of(&self, track: usize) -> std::ops::Range<usize> {
        let from = self.edges.partition_point(|e| (e.track as usize) < track);
        let to = self.edges.partition_point(|e| (e.track as usize) <= track);
        from..to
    }

    /// Probability of each pair, in the order of the edges; what is missing to 1 over a track's edges is "missed".
    pub(crate) fn marginals(&self, out: &mut Vec<f64>) {
        let mut count = 1.0;
        for t in 0..self.tracks {
            count *= 1.0 + self.of(t).len() as f64;
        }
        if count <= EXACT_MAX { self.exact(out) } else { self.propagate(ROUNDS_MAX, &mut Messages::default(), out) }
    }

    /// By enumeration of all pairings.
    pub(crate) fn exact(&self, out: &mut Vec<f64>) {
        out.clear();
        out.resize(self.edges.len(), 0.0);
        let mut used = vec![false; self.plots];
        let total = self.enumerate(0, 1.0, &mut used, out);
        if total > 0.0 {
            for p in out.iter_mut() {
                *p /= total;
            }
        }
    }

    /// Sum of the weights of all pairings of the tracks from `track` on, times `so_far`; adds to each pair what it is in.
    fn enumerate(&self, track: usize, so_far: f64, used: &mut [bool], out: &mut [f64]) -> f64 {
        if track == self.tracks {
            return so_far;
        }
        let mut total = self.enumerate(track + 1, so_far, used, out);
        for e in self.of(track) {
            let Edge { plot, weight, .. } = self.edges[e];
            if !used[plot as usize] {
                used[plot as usize] = true;
                let part = self.enumerate(track + 1, so_far * weight, used, out);
                used[plot as usize] = false;
                out[e] += part;
                total += part;
            }
        }
        total
    }

    /// By belief propagation (Williams & Lau 2014, algorithm 1, equations 30 and 31) in at most `rounds` rounds: each costs in
    /// proportion to the pairs.
    pub(crate) fn propagate(&self, rounds: usize, messages: &mut Messages, out: &mut Vec<f64>) {
        let Messages { free, wanted, by_track, by_plot } = messages;
        for (list, length, value) in [
            (&mut *free, self.edges.len(), 1.0),
            (&mut *wanted, self.edges.len(), 0.0),
            (&mut *by_track, self.tracks, 0.0),
            (&mut *by_plot, self.plots, 0.0),
        ] {
            list.clear();
            list.resize(length, value);
        }
        let sum_tracks = |by_track: &mut [f64], free: &[f64]| {
            by_track.fill(0.0);
            for (edge, free) in self.edges.iter().zip(free) {
                by_track[edge.track as usize] += edge.weight * free;
            }
        };
        for _ in 0..rounds {
            sum_tracks(by_track, free);
            by_plot.fill(0.0);
            for (i, edge) in self.edges.iter().enumerate() {
                let rest = 1.0 + by_track[edge.track as usize] - edge.weight * free[i];
                wanted[i] = edge.weight / rest.max(1e-300);
                by_plot[edge.plot as usize] += wanted[i];
            }
            let mut change: f64 = 0.0;
            for (i, edge) in self.edges.iter().enumerate() {
                let new = 1.0 / (1.0 + (by_plot[edge.plot as usize] - wanted[i]).max(0.0));
                change = change.max(math::fabs(new - free[i]));
                free[i] = new;
            }
            if change < CONVERGED {
                break;
            }
        }
        sum_tracks(by_track, free);
        out.clear();
        out.extend(self.edges.iter().zip(&*free).map(|(e, free)| e.weight * free / (1.0 + by_track[e.track as usize])));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn weights(tracks: usize, plots: usize, seed: u64) -> Vec<f64> {
        let mut x = seed;
        (0..tracks * plots)
            .map(|_| {
                x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let u = (x >> 33) as f64 / f64::from(u32::MAX >> 1);
                if u < 0.3 { 0.0 } else { math::exp(8.0 * (u - 0.7)) }
            })
            .collect()
    }

    fn edges(plots: usize, w: &[f64]) -> Vec<Edge> {
        let edge = |(i, w): (usize, &f64)| Edge { track: (i / plots) as u32, plot: (i % plots) as u32, weight: *w };
        w.iter().enumerate().filter(|(_, w)| **w > 0.0).map(edge).collect()
    }

    /// All pairings one by one, each as a list: shares no code with the recursion above.
    fn brute(tracks: usize, plots: usize, w: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; tracks * plots];
        let mut total = 0.0;
        let base = plots + 1;
        for code in 0..base.pow(tracks as u32) {
            let picks: Vec<usize> = (0..tracks).map(|t| code / base.pow(t as u32) % base).collect();
            let taken: Vec<usize> = picks.iter().copied().filter(|p| *p < plots).collect();
            let mut unique = taken.clone();
            unique.sort_unstable();
            unique.dedup();
            if unique.len() != taken.len() {
                continue;
            }
            let weight: f64 =
                picks.iter().enumerate().filter(|(_, p)| **p < plots).map(|(t, p)| w[t * plots + p]).product();
            total += weight;
            for (t, p) in picks.iter().enumerate().filter(|(_, p)| **p < plots) {
                out[t * plots + p] += weight;
            }
        }
        out.iter().map(|x| x / total).collect()
    }

    proptest! {
        #[test]
        fn exact_marginals_equal_brute_force(tracks in 1usize..5, plots in 0usize..5, seed in any::<u64>()) {
            let w = weights(tracks, plots, seed);
            let (mut got, want) = (Vec::new(), brute(tracks, plots, &w));
            let edges = edges(plots, &w);
            Pairs { tracks, plots, edges: &edges }.exact(&mut got);
            for (g, e) in got.iter().zip(&edges) {
                let b = want[e.track as usize * plots + e.plot as usize];
                prop_assert!((g - b).abs() < 1e-12);
            }
        }

        #[test]
        fn belief_propagation_is_near(tracks in 1usize..5, plots in 1usize..5, seed in any::<u64>()) {
            let w = weights(tracks, plots, seed);
            let (mut got, want) = (Vec::new(), brute(tracks, plots, &w));
            let edges = edges(plots, &w);
            Pairs { tracks, plots, edges: &edges }.propagate(ROUNDS_MAX, &mut Messages::default(), &mut got);
            // Williams & Lau report errors of this size; on a tree (one track, or one plot) it is exact.
            let allowed = if tracks == 1 || plots == 1 { 1e-4 } else { 0.2 };
            for (g, e) in got.iter().zip(&edges) {
                let b = want[e.track as usize * plots + e.plot as usize];
                prop_assert!((g - b).abs() < allowed, "{} against {}", g, b);
            }
        }
    }
}
