//! Several ways to move at once: the interacting multiple model filter (Blom & Bar-Shalom 1988, *The interacting multiple
//! model algorithm for systems with Markovian switching coefficients*).

use crate::gaussian::{Covariance, Gaussian, Linear, Vector};
use crate::motion::{Motion, predict};
use lapwing_model::math;

/// Most models a track has: hover, cruise, manoeuvre.
pub(crate) const MODES_MAX: usize = 3;
/// No model's probability falls below this: an aircraft that has flown straight for an hour may still turn.
const MODE_MIN: f64 = 1e-4;

/// The models of a configuration and how aircraft change between them.
#[derive(Debug, Clone, PartialEq)]
pub struct Models {
    /// The models, likeliest for a new track first; 1 to 3, more are left out.
    pub motions: Vec<Motion>,
    /// Probability of each at the start.
    pub start: Vec<f64>,
    /// Rate of leaving each, per second; spread evenly over the others.
    pub leave_per_s: Vec<f64>,
}

impl Models {
    /// One model.
    pub fn single(motion: Motion) -> Self {
        Self { motions: vec![motion], start: vec![1.0], leave_per_s: vec![0.0] }
    }

    pub(crate) fn count(&self) -> usize {
        self.motions.len().clamp(1, MODES_MAX)
    }

    fn motion(&self, mode: usize) -> Motion {
        self.motions.get(mode).or(self.motions.first()).copied().unwrap_or(Motion::cruise(1.0, 1.0))
    }
}

/// A state under each model, with the probability of each.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Modes {
    count: u8,
    pub(crate) weights: [f64; MODES_MAX],
    pub(crate) states: [Gaussian; MODES_MAX],
}

impl Modes {
    /// The same state under each model.
    pub(crate) fn new(state: Gaussian, models: &Models) -> Self {
        let mut weights = [0.0; MODES_MAX];
        let count = models.count();
        for (i, w) in weights.iter_mut().enumerate().take(count) {
            *w = models.start.get(i).copied().unwrap_or(1.0 / count as f64);
        }
        let mut out = Self { count: count as u8, weights, states: [state; MODES_MAX] };
        out.normalise();
        out
    }

    pub(crate) fn states(&self) -> &[Gaussian] {
        self.states.get(..usize::from(self.count)).unwrap_or(&self.states)
    }

    pub(crate) fn states_mut(&mut self) -> &mut [Gaussian] {
        let count = usize::from(self.count);
        match self.states.get_mut(..count) {
            Some(states) => states,
            None => &mut [],
        }
    }

    fn normalise(&mut self) {
        let count = usize::from(self.count);
        let sum: f64 = self.weights.iter().take(count).sum();
        for w in self.weights.iter_mut().take(count) {
            *w = if sum > 0.0 && sum.is_finite() { (*w / sum).max(MODE_MIN) } else { 1.0 / count as f64 };
        }
        let sum: f64 = self.weights.iter().take(count).sum();
        for w in self.weights.iter_mut().take(count) {
            *w /= sum;
        }
    }

    /// The states `dt_s` seconds later: mixed by the chances of a change of model, then each predicted by its own.
    pub(crate) fn predict(&mut self, models: &Models, dt_s: f64, height_known: bool) {
        if dt_s == 0.0 {
            return;
        }
        let count = usize::from(self.count);
        if count > 1 && dt_s > 0.0 {
            self.mix(models, dt_s);
        }
        for (mode, state) in self.states.iter_mut().enumerate().take(count) {
            predict(state, models.motion(mode), dt_s, height_known);
        }
    }

    /// The interaction step (Blom & Bar-Shalom 1988, equations 3 to 5).
    fn mix(&mut self, models: &Models, dt_s: f64) {
        let count = usize::from(self.count);
        let mut change = [[0.0; MODES_MAX]; MODES_MAX];
        for (i, row) in change.iter_mut().enumerate().take(count) {
            // Of a Markov chain in continuous time, to first order with the exact sojourn time.
            let stay = math::exp(-models.leave_per_s.get(i).copied().unwrap_or(0.0).max(0.0) * dt_s);
            for (j, cell) in row.iter_mut().enumerate().take(count) {
                *cell = if i == j { stay } else { (1.0 - stay) / (count - 1) as f64 };
            }
        }
        if count == 2 {
            return self.mix_two(&change);
        }
        let old = *self;
        for j in 0..count {
            let mut total = 0.0;
            for i in 0..count {
                total += old.weights[i] * change[i][j];
            }
            if total <= 0.0 {
                continue;
            }
            self.weights[j] = total;
            let mut mean: Vector = [0.0; 6];
            let mut share = [0.0; MODES_MAX];
            for i in 0..count {
                share[i] = old.weights[i] * change[i][j] / total;
                for (m, x) in mean.iter_mut().zip(&old.states[i].mean) {
                    *m += share[i] * x;
                }
            }
            let mut covariance = Covariance::ZERO;
            for i in 0..count {
                add_spread(&mut covariance, share[i], &old.states[i], &mean);
            }
            self.states[j] = Gaussian { mean, covariance };
        }
    }

    /// The same of two: the spread of their means is the same for both mixtures but for its weight.
    fn mix_two(&mut self, change: &[[f64; MODES_MAX]; MODES_MAX]) {
        let [a, b, _] = &mut self.states;
        let (old_a, old_b) = (*a, *b);
        let apart: Vector = std::array::from_fn(|i| old_b.mean[i] - old_a.mean[i]);
        let mut spread = Covariance::ZERO;
        for i in 0..6 {
            for j in 0..=i {
                spread[(i, j)] = apart[i] * apart[j];
            }
        }
        let [w_a, w_b, _] = self.weights;
        for (j, state) in [a, b].into_iter().enumerate() {
            let (from_a, from_b) = (w_a * change[0][j], w_b * change[1][j]);
            let total = from_a + from_b;
            if total <= 0.0 {
                continue;
            }
            self.weights[j] = total;
            let (share_a, share_b) = (from_a / total, from_b / total);
            state.mean = std::array::from_fn(|i| old_a.mean[i] + share_b * apart[i]);
            let both = old_a.covariance.elements().iter().zip(old_b.covariance.elements()).zip(spread.elements());
            for (x, ((a, b), d)) in state.covariance.elements_mut().iter_mut().zip(both) {
                *x = share_a * a + share_b * b + share_a * share_b * d;
            }
        }
    }

    /// One Gaussian of the same mean and covariance.
    pub(crate) fn merged(&self) -> Gaussian {
        if self.count <= 1 {
            return self.states[0];
        }
        mixture(self.states(), &self.weights)
    }

    /// The mean alone.
    pub(crate) fn mean(&self) -> Vector {
        let mut mean = [0.0; 6];
        for (state, w) in self.states().iter().zip(&self.weights) {
            for (m, x) in mean.iter_mut().zip(&state.mean) {
                *m += w * x;
            }
        }
        mean
    }

    /// Variances east and north together, each model by its weight, square metres.
    pub(crate) fn place_variance_m2(&self) -> f64 {
        let each = self.states().iter().zip(&self.weights);
        each.map(|(state, w)| w * (state.covariance[(0, 0)] + state.covariance[(1, 1)])).sum()
    }

    /// Each model updated by a measurement linearised at the common mean, and weighed by how well it foresaw it
    /// (`log_likelihoods`). Models whose numbers break keep their prior.
    pub(crate) fn update(&mut self, linear: &Linear, log_likelihoods: &[f64; MODES_MAX]) {
        let centre = self.mean();
        let count = usize::from(self.count);
        let best = log_likelihoods.iter().take(count).copied().fold(f64::NEG_INFINITY, f64::max);
        for mode in 0..count {
            let Some(state) = self.states.get_mut(mode) else { continue };
            if let Some(after) = state.updated_from(linear, &centre) {
                *state = after;
            }
            if best.is_finite() {
                self.weights[mode] *= math::exp(log_likelihoods[mode] - best);
            }
        }
        self.normalise();
    }

    /// How well each model foresaw a measurement: the natural logarithm of the likelihood under all and under each, and
    /// the least squared Mahalanobis distance.
    pub(crate) fn foresaw(&self, linear: &Linear) -> Option<Foresight> {
        let centre = self.mean();
        let mut out = Foresight {
            distance: f64::INFINITY,
            log_likelihood: f64::NEG_INFINITY,
            by_mode: [f64::NEG_INFINITY; MODES_MAX],
        };
        for (mode, state) in self.states().iter().enumerate() {
            let mut own = *linear;
            for row in own.rows_mut() {
                for i in 0..6 {
                    row.innovation -= row.jacobian[i] * (state.mean[i] - centre[i]);
                }
            }
            let (distance, log_likelihood) = state.surprise(&own)?;
            out.distance = out.distance.min(distance);
            out.by_mode[mode] = log_likelihood;
        }
        out.log_likelihood = log_sum(&self.weights, &out.by_mode, self.states().len());
        Some(out)
    }

    /// Moment-matches another hypothesis of the same aircraft into this one, model by model.
    pub(crate) fn absorb(&mut self, own_weight: f64, other: &Self, other_weight: f64) {
        let total = own_weight + other_weight;
        if total <= 0.0 {
            return;
        }
        let (a, b) = (own_weight / total, other_weight / total);
        for mode in 0..usize::from(self.count) {
            let (wa, wb) = (a * self.weights[mode], b * other.weights[mode]);
            let sum = wa + wb;
            if sum <= 0.0 {
                continue;
            }
            self.states[mode] = mixture(&[self.states[mode], other.states[mode]], &[wa / sum, wb / sum]);
            self.weights[mode] = sum;
        }
        self.normalise();
    }

    /// Scales the covariance of every model: the prediction is believed less.
    pub(crate) fn widen(&mut self, factor: f64, height_known: bool) {
        for state in self.states_mut() {
            for i in 0..6 {
                for j in 0..=i {
                    let vertical = [i, j].iter().any(|k| *k == 2 || *k == 5);
                    if height_known || !vertical {
                        state.covariance[(i, j)] *= factor;
                    }
                }
            }
        }
    }
}

/// How well a measurement was foreseen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Foresight {
    pub(crate) distance: f64,
    pub(crate) log_likelihood: f64,
    pub(crate) by_mode: [f64; MODES_MAX],
}

/// log Σ wᵢ exp(lᵢ), without overflow.
pub(crate) fn log_sum(weights: &[f64], logs: &[f64], count: usize) -> f64 {
    let best = logs.iter().take(count).copied().fold(f64::NEG_INFINITY, f64::max);
    if !best.is_finite() || count == 1 {
        return best;
    }
    let sum: f64 = weights.iter().zip(logs).take(count).map(|(w, l)| w * math::exp(l - best)).sum();
    best + math::log(sum.max(1e-300))
}

/// Adds one part of a mixture to the covariance around its mean.
pub(crate) fn add_spread(covariance: &mut Covariance, weight: f64, state: &Gaussian, mean: &Vector) {
    let mut d = [0.0; 6];
    for i in 0..6 {
        d[i] = state.mean[i] - mean[i];
    }
    for i in 0..6 {
        for j in 0..=i {
            covariance[(i, j)] += weight * (state.covariance[(i, j)] + d[i] * d[j]);
        }
    }
}

/// The Gaussian with the mean and covariance of a mixture (weights sum to one).
pub(crate) fn mixture(states: &[Gaussian], weights: &[f64]) -> Gaussian {
    let mut mean = [0.0; 6];
    for (state, w) in states.iter().zip(weights) {
        for (m, x) in mean.iter_mut().zip(&state.mean) {
            *m += w * x;
        }
    }
    let mut covariance = Covariance::ZERO;
    for (state, w) in states.iter().zip(weights) {
        add_spread(&mut covariance, *w, state, &mean);
    }
    Gaussian { mean, covariance }
}

#[cfg(test)]
mod tests;
