//! How aircraft move between measurements: nearly constant velocity, driven by white-noise acceleration
//! (Bar-Shalom, Li & Kirubarajan 2001, *Estimation with Applications to Tracking and Navigation*, 6.2.2).

use crate::filter::{Gaussian, Matrix, symmetrise};
use crate::interface::Estimate;
use lapwing_model::{Enu, Span, math};

/// Power spectral density of the acceleration, per axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Motion {
    /// East and north, m²/s³.
    pub horizontal_psd_m2ps3: f64,
    /// Up, m²/s³.
    pub vertical_psd_m2ps3: f64,
}

/// Variances that stand for an unknown height, m² and m²/s²: kept constant, so that an unknown neither grows nor
/// shrinks nor leaks into what is known.
pub(crate) const UNKNOWN_HEIGHT_VARIANCE: [f64; 2] = [1e4, 25.0];

/// The process noise of `dt_s` seconds.
pub(crate) fn process_noise(motion: Motion, dt_s: f64) -> Matrix {
    let t = math::fabs(dt_s);
    let mut q = [[0.0; 6]; 6];
    let psd = [motion.horizontal_psd_m2ps3, motion.horizontal_psd_m2ps3, motion.vertical_psd_m2ps3];
    for (axis, psd) in psd.into_iter().enumerate() {
        q[axis][axis] = psd * t * t * t / 3.0;
        q[axis][axis + 3] = psd * t * dt_s / 2.0;
        q[axis + 3][axis] = q[axis][axis + 3];
        q[axis + 3][axis + 3] = psd * t;
    }
    q
}

/// The state `dt_s` seconds later. Backwards the process noise is added all the same: the past of an aircraft that
/// manoeuvres is as uncertain as its future.
pub(crate) fn predicted(state: &Gaussian, motion: Motion, dt_s: f64, height_known: bool) -> Gaussian {
    if dt_s == 0.0 {
        return *state;
    }
    let (mut mean, mut covariance) = (state.mean, state.covariance);
    // F P Fᵀ with F = [I, dt I; 0, I]: rows, then columns.
    for axis in 0..3 {
        mean[axis] += dt_s * mean[axis + 3];
        for j in 0..6 {
            covariance[axis][j] += dt_s * covariance[axis + 3][j];
        }
    }
    for row in &mut covariance {
        for axis in 0..3 {
            row[axis] += dt_s * row[axis + 3];
        }
    }
    symmetrise(&mut covariance);
    for (row, q_row) in covariance.iter_mut().zip(process_noise(motion, dt_s)) {
        for (cell, q) in row.iter_mut().zip(q_row) {
            *cell += q;
        }
    }
    let mut out = Gaussian { mean, covariance };
    if !height_known {
        forget_height(&mut out);
    }
    out
}

/// Puts the vertical part to "unknown", uncorrelated with the rest.
pub(crate) fn forget_height(state: &mut Gaussian) {
    for axis in [2, 5] {
        state.mean[axis] = 0.0;
        for i in 0..6 {
            state.covariance[axis][i] = 0.0;
            state.covariance[i][axis] = 0.0;
        }
    }
    state.covariance[2][2] = UNKNOWN_HEIGHT_VARIANCE[0];
    state.covariance[5][5] = UNKNOWN_HEIGHT_VARIANCE[1];
}

impl Estimate {
    /// The estimate `dt` later (or earlier): mean and covariance with process noise; existence and phase as they are.
    pub fn predict(&self, dt: Span) -> Self {
        let (x, v) = (self.position, self.velocity);
        let state =
            Gaussian { mean: [x.east_m, x.north_m, x.up_m, v.east_m, v.north_m, v.up_m], covariance: self.covariance };
        let later = predicted(&state, self.motion, dt.as_seconds_f64(), self.height_known);
        let [e, n, u, ve, vn, vu] = later.mean;
        Self {
            at: self.at + dt,
            position: Enu::new(e, n, u),
            velocity: Enu::new(ve, vn, vu),
            covariance: later.covariance,
            frame: self.frame,
            ..*self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::{congruent, times_vector};

    const M: Motion = Motion { horizontal_psd_m2ps3: 4.0, vertical_psd_m2ps3: 1.0 };

    fn state() -> Gaussian {
        let mut covariance = [[0.0; 6]; 6];
        for (i, row) in covariance.iter_mut().enumerate() {
            row[i] = 10.0 + i as f64;
        }
        Gaussian { mean: [1.0, 2.0, 3.0, 10.0, -5.0, 0.5], covariance }
    }

    #[test]
    fn two_short_predictions_equal_one_long_one() {
        let s = state();
        let once = predicted(&s, M, 3.0, true);
        let twice = predicted(&predicted(&s, M, 1.0, true), M, 2.0, true);
        for i in 0..6 {
            assert!((once.mean[i] - twice.mean[i]).abs() < 1e-9);
            for j in 0..6 {
                assert!((once.covariance[i][j] - twice.covariance[i][j]).abs() < 1e-9, "{i},{j}");
            }
        }
        let mut f = [[0.0; 6]; 6];
        for i in 0..6 {
            f[i][i] = 1.0;
            if i < 3 {
                f[i][i + 3] = 3.0;
            }
        }
        assert_eq!(once.mean, times_vector(&f, &s.mean));
        let (by_matrix, q) = (congruent(&f, &s.covariance), process_noise(M, 3.0));
        for i in 0..6 {
            for j in 0..6 {
                assert!((once.covariance[i][j] - by_matrix[i][j] - q[i][j]).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn backwards_and_forwards_returns_the_mean_and_widens() {
        let s = state();
        let there = predicted(&predicted(&s, M, -2.0, true), M, 2.0, true);
        for i in 0..6 {
            assert!((there.mean[i] - s.mean[i]).abs() < 1e-9);
            assert!(there.covariance[i][i] > s.covariance[i][i]);
        }
    }

    #[test]
    fn an_unknown_height_does_not_grow() {
        let mut s = state();
        forget_height(&mut s);
        let later = predicted(&s, M, 60.0, false);
        assert_eq!(later.covariance[2][2], UNKNOWN_HEIGHT_VARIANCE[0]);
        assert_eq!(later.mean[2], 0.0);
        assert!(later.covariance[0][0] > s.covariance[0][0]);
    }
}
