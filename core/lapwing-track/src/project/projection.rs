//! A hypothesis as the readings of one kind see it, made ready for many of them.

use super::{Rows, Scene};
use crate::gaussian::{Factor, Gaussian, Linear, Vector, dot, is_still};
use crate::imm::{Foresight, MODES_MAX, Modes, log_sum};
use crate::motion::{Motion, process_noise};
use crate::reading::Kind;
use lapwing_model::{Ecef, math};

/// A hypothesis as readings of one kind see it: predicted rows, and what each model adds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Projection {
    /// Whether it is of anything.
    pub(crate) valid: bool,
    pub(crate) rows: Rows,
    weights: [f64; MODES_MAX],
    modes: usize,
    /// Mean of each model less the common mean, in the reading's components.
    shift: [[f64; 4]; MODES_MAX],
    /// H P Hᵀ of each model.
    spread: [[[f64; 4]; 4]; MODES_MAX],
    /// Four sigma of the prediction in each component, over all models.
    pub(crate) reach: [f64; 4],
}

/// Projections one after the other, in memory that stays: they are large, and filled in place.
#[derive(Debug, Clone, Default)]
pub(crate) struct Projections {
    all: Vec<Projection>,
    used: usize,
}

impl Projections {
    pub(crate) fn clear(&mut self) {
        self.used = 0;
    }

    /// Gives back those from a number on.
    pub(crate) fn give_back(&mut self, first: usize) {
        self.used = self.used.min(first);
    }

    pub(crate) fn len(&self) -> usize {
        self.used
    }

    /// One more, of nothing yet.
    pub(crate) fn next(&mut self) -> &mut Projection {
        let at = self.used;
        self.used += 1;
        if at == self.all.len() {
            crate::slab::make_room(&mut self.all);
            self.all.push(Projection::EMPTY);
        }
        let next = &mut self.all[at];
        next.valid = false;
        next
    }

    /// A valid one by its number.
    pub(crate) fn get(&self, at: usize) -> Option<&Projection> {
        self.from(at).first().filter(|p| p.valid)
    }

    /// Those from a number on.
    pub(crate) fn from(&self, first: usize) -> &[Projection] {
        self.all.get(first..self.used).unwrap_or(&[])
    }
}

impl Projection {
    /// Of nothing.
    pub(crate) const EMPTY: Self = Self {
        valid: false,
        rows: Rows::EMPTY,
        weights: [0.0; MODES_MAX],
        modes: 0,
        shift: [[0.0; 4]; MODES_MAX],
        spread: [[[0.0; 4]; 4]; MODES_MAX],
        reach: [0.0; 4],
    };

    pub(crate) fn new(scene: &Scene<'_>, kind: Kind, modes: &Modes, other: Option<Ecef>) -> Option<Self> {
        let mut out = Self::EMPTY;
        out.fill(scene, kind, modes.states(), &modes.weights, other, 0.0, None);
        out.valid.then_some(out)
    }

    /// Of a single Gaussian.
    pub(crate) fn of(scene: &Scene<'_>, kind: Kind, state: &Gaussian, other: Option<Ecef>) -> Option<Self> {
        let mut out = Self::EMPTY;
        out.fill(scene, kind, std::slice::from_ref(state), &[1.0, 0.0, 0.0], other, 0.0, None);
        out.valid.then_some(out)
    }

    /// Fills one that is not valid; it stays so where the geometry says nothing.
    ///
    /// For states that are `ahead_s` seconds later than the reading: with F the transition back in time the reading is h(F x)
    /// plus the process noise in between; the correlation of that noise with the present state is left out (algorithm C in
    /// Bar-Shalom 2002, *Update with out-of-sequence measurements in tracking: exact solution*): a little less is learned
    /// than could be, never more.
    #[expect(clippy::too_many_arguments, reason = "filled in place, for speed")]
    pub(crate) fn fill(
        &mut self,
        scene: &Scene<'_>,
        kind: Kind,
        states: &[Gaussian],
        weights: &[f64; MODES_MAX],
        other: Option<Ecef>,
        ahead_s: f64,
        motion: Option<Motion>,
    ) {
        let mut mean = [0.0; 6];
        match states {
            [one] => mean = one.mean,
            _ => {
                for (state, w) in states.iter().zip(weights) {
                    for (m, x) in mean.iter_mut().zip(&state.mean) {
                        *m += w * x;
                    }
                }
            }
        }
        let mut then = mean;
        for axis in 0..3 {
            then[axis] -= ahead_s * mean[axis + 3];
        }
        (self.rows.count, self.rows.plain, self.rows.noise, self.reach) = (0, false, [0.0; 4], [0.0; 4]);
        if scene.fill_rows(kind, &then, other, &mut self.rows).is_none() {
            return;
        }
        if ahead_s > 0.0 {
            self.rows.plain = false;
            let noise = motion.map(|m| process_noise(m, -ahead_s));
            for i in 0..self.rows.count {
                let h = self.rows.jacobian[i];
                if let Some(q) = &noise {
                    self.rows.noise[i] = dot(&h, &q.times(&h));
                }
                for axis in 0..3 {
                    self.rows.jacobian[i][axis + 3] -= ahead_s * h[axis];
                }
            }
        }
        self.weights = *weights;
        self.modes = states.len();
        for (mode, state) in states.iter().enumerate() {
            self.add(mode, state, &mean, states.len());
        }
        self.valid = true;
    }

    fn add(&mut self, mode: usize, state: &Gaussian, mean: &Vector, modes: usize) {
        for i in 0..self.rows.count {
            let mut shift = 0.0;
            if self.rows.plain {
                for j in 0..=i {
                    self.spread[mode][i][j] = state.covariance[(i, j)];
                }
                shift = state.mean[i] - mean[i];
            } else {
                // Most components say nothing of the velocity.
                let h = &self.rows.jacobian[i];
                let terms = if is_still(h) { 3 } else { 6 };
                let ph = state.covariance.times(h);
                for j in 0..=i {
                    let g = &self.rows.jacobian[j];
                    self.spread[mode][i][j] = (0..if is_still(g) { 3 } else { 6 }).map(|k| g[k] * ph[k]).sum();
                }
                if modes > 1 {
                    shift = (0..terms).map(|k| h[k] * (state.mean[k] - mean[k])).sum();
                }
            }
            self.shift[mode][i] = shift;
            let reach = 4.0 * math::sqrt(self.spread[mode][i][i].max(0.0)) + math::fabs(shift);
            self.reach[i] = self.reach[i].max(reach);
        }
    }

    /// Whether a reading lies far outside: a quick test in each component.
    pub(crate) fn is_beyond(&self, y: &[f64; 4], variance: &[f64; 4]) -> bool {
        (0..self.rows.count).any(|i| {
            // |y| > reach + 4 sigma, without the root.
            let beyond = math::fabs(y[i]) - self.reach[i];
            beyond > 0.0 && beyond * beyond > 16.0 * variance[i]
        })
    }

    /// How well a reading was foreseen; `None` when it lies far outside, or when the numbers break.
    pub(crate) fn foresight(&self, y: &[f64; 4], variance: &[f64; 4]) -> Option<Foresight> {
        Against::default().foresight(self, y, variance)
    }

    /// The reading as linear components, for the update.
    pub(crate) fn linear(&self, y: &[f64; 4], variance: &[f64; 4]) -> Linear {
        let mut out = Linear::default();
        for i in 0..self.rows.count {
            out.push(self.rows.jacobian[i], y[i], variance[i]);
        }
        out
    }
}

/// A projection against readings one after the other: what their variance makes of it is found anew only when that changes.
#[derive(Debug, Clone)]
pub(crate) struct Against {
    /// What the factors are for; no number at first, which equals nothing.
    variance: [f64; 4],
    factors: [Factor; MODES_MAX],
    sound: bool,
}

impl Default for Against {
    fn default() -> Self {
        Self { variance: [f64::NAN; 4], factors: [Factor::default(); MODES_MAX], sound: false }
    }
}

impl Against {
    /// Begins with another projection.
    pub(crate) fn begin(&mut self) {
        self.variance = [f64::NAN; 4];
    }

    fn make_ready(&mut self, projection: &Projection, variance: &[f64; 4]) {
        self.variance = *variance;
        let Projection { rows, modes, spread, .. } = projection;
        self.sound = self.factors.iter_mut().zip(spread).take(*modes).all(|(factor, spread)| {
            let mut s = *spread;
            for i in 0..rows.count {
                s[i][i] += variance[i];
            }
            factor.set(rows.count, &s)
        });
    }

    /// How well a reading was foreseen; `None` when it lies far outside, or when the numbers break.
    pub(crate) fn foresight(
        &mut self,
        projection: &Projection,
        y: &[f64; 4],
        variance: &[f64; 4],
    ) -> Option<Foresight> {
        if projection.is_beyond(y, variance) {
            return None;
        }
        if self.variance != *variance {
            self.make_ready(projection, variance);
        }
        if !self.sound {
            return None;
        }
        let mut out = Foresight {
            distance: f64::INFINITY,
            log_likelihood: f64::NEG_INFINITY,
            by_mode: [f64::NEG_INFINITY; MODES_MAX],
        };
        let Projection { rows, modes, shift, weights, .. } = projection;
        for mode in 0..*modes {
            let mut d = *y;
            for i in 0..rows.count {
                d[i] -= shift[mode][i];
            }
            let (distance, log_likelihood) = self.factors[mode].density(&d)?;
            out.distance = out.distance.min(distance);
            out.by_mode[mode] = log_likelihood;
        }
        out.log_likelihood = log_sum(weights, &out.by_mode, *modes);
        Some(out)
    }
}
