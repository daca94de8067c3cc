//! How aircraft move between measurements: velocity driven by white-noise acceleration, and for what hovers a velocity
//! that is forgotten (Bar-Shalom, Li & Kirubarajan 2001, *Estimation with Applications to Tracking and Navigation*, 6.2.2;
//! Singer 1970, *Estimating optimal tracking filter performance for manned maneuvering targets*, with the velocity in the
//! place of his acceleration).

use crate::gaussian::{Covariance, Gaussian};
use lapwing_model::math;

/// One way to move.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Motion {
    /// Power spectral density of the acceleration, east and north, m²/s³.
    pub horizontal_psd_m2ps3: f64,
    /// The same, up.
    pub vertical_psd_m2ps3: f64,
    /// Time in which velocity falls to 1/e, seconds; infinite for what keeps flying, a second or so for what hovers.
    pub velocity_memory_s: f64,
}

impl Motion {
    /// Nearly constant velocity.
    pub const fn cruise(horizontal_psd_m2ps3: f64, vertical_psd_m2ps3: f64) -> Self {
        Self { horizontal_psd_m2ps3, vertical_psd_m2ps3, velocity_memory_s: f64::INFINITY }
    }
}

/// Variances that stand for an unknown height, m² and m²/s²: kept constant, so that an unknown neither grows nor
/// shrinks nor leaks into what is known.
pub(crate) const UNKNOWN_HEIGHT_VARIANCE: [f64; 2] = [1e4, 25.0];

/// One axis of the transition over `dt` seconds: position gains `a` times velocity, velocity keeps `b` of itself; and the
/// process noise of unit density (position, covariance, velocity).
#[derive(Debug, Clone, Copy)]
struct Step {
    a: f64,
    b: f64,
    q: [f64; 3],
}

impl Step {
    fn new(motion: Motion, dt: f64) -> Self {
        let t = math::fabs(dt);
        let tau = motion.velocity_memory_s;
        if tau.is_finite() && tau > 0.0 && dt > 0.0 {
            let e = math::exp(-dt / tau);
            // Integrals of the Ornstein-Uhlenbeck velocity (Singer 1970, one order lower).
            let a = tau * (1.0 - e);
            let q_v = 0.5 * tau * (1.0 - e * e);
            let q_xv = 0.5 * tau * tau * (1.0 - e) * (1.0 - e);
            let q_x = tau * tau * (dt - 2.0 * tau * (1.0 - e) + 0.5 * tau * (1.0 - e * e));
            Self { a, b: e, q: [q_x.max(0.0), q_xv, q_v] }
        } else {
            Self { a: dt, b: 1.0, q: [t * t * t / 3.0, t * dt / 2.0, t] }
        }
    }
}

/// The process noise of `dt_s` seconds.
pub(crate) fn process_noise(motion: Motion, dt_s: f64) -> Covariance {
    let step = Step::new(motion, dt_s);
    let mut out = Covariance::ZERO;
    let psd = [motion.horizontal_psd_m2ps3, motion.horizontal_psd_m2ps3, motion.vertical_psd_m2ps3];
    for (axis, psd) in psd.into_iter().enumerate() {
        out[(axis, axis)] = psd * step.q[0];
        out[(axis, axis + 3)] = psd * step.q[1];
        out[(axis + 3, axis + 3)] = psd * step.q[2];
    }
    out
}

/// The state `dt_s` seconds later. Backwards the process noise is added all the same: the past of an aircraft that
/// manoeuvres is as uncertain as its future.
pub(crate) fn predict(state: &mut Gaussian, motion: Motion, dt_s: f64, height_known: bool) {
    if dt_s == 0.0 {
        return;
    }
    let step = Step::new(motion, dt_s);
    if height_known {
        advance::<3>(state, motion, step);
    } else {
        advance::<2>(state, motion, step);
        forget_height(state);
    }
}

/// F P Fᵀ + Q with F = [I, a I; 0, b I], for so many axes. With P = [A, C; Cᵀ, D]: A + a (C + Cᵀ) + a² D, b (C + a D), b² D.
fn advance<const AXES: usize>(state: &mut Gaussian, motion: Motion, Step { a, b, q }: Step) {
    let (mean, p) = (&mut state.mean, &mut state.covariance);
    for i in 0..AXES {
        mean[i] += a * mean[i + 3];
        mean[i + 3] *= b;
        for j in 0..=i {
            p[(i, j)] += a * (p[(i, j + 3)] + p[(j, i + 3)] + a * p[(i + 3, j + 3)]);
        }
    }
    for i in 0..AXES {
        for j in 0..AXES {
            p[(i, j + 3)] = b * (p[(i, j + 3)] + a * p[(i + 3, j + 3)]);
        }
    }
    let psd = [motion.horizontal_psd_m2ps3, motion.horizontal_psd_m2ps3, motion.vertical_psd_m2ps3];
    for i in 0..AXES {
        for j in 0..=i {
            p[(i + 3, j + 3)] *= b * b;
        }
        p[(i, i)] += psd[i] * q[0];
        p[(i, i + 3)] += psd[i] * q[1];
        p[(i + 3, i + 3)] += psd[i] * q[2];
    }
}

/// Puts the vertical part to "unknown", uncorrelated with the rest.
pub(crate) fn forget_height(state: &mut Gaussian) {
    for axis in [2, 5] {
        state.mean[axis] = 0.0;
        for i in 0..6 {
            state.covariance[(axis, i)] = 0.0;
        }
    }
    state.covariance[(2, 2)] = UNKNOWN_HEIGHT_VARIANCE[0];
    state.covariance[(5, 5)] = UNKNOWN_HEIGHT_VARIANCE[1];
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gaussian::{congruent, times_vector};

    const CRUISE: Motion = Motion::cruise(4.0, 1.0);
    const HOVER: Motion = Motion { velocity_memory_s: 1.5, ..CRUISE };

    fn state() -> Gaussian {
        let mut covariance = Covariance::ZERO;
        for i in 0..6 {
            covariance[(i, i)] = 10.0 + i as f64;
        }
        Gaussian { mean: [1.0, 2.0, 3.0, 10.0, -5.0, 0.5], covariance }
    }

    fn predicted(state: &Gaussian, motion: Motion, dt: f64) -> Gaussian {
        let mut out = *state;
        predict(&mut out, motion, dt, true);
        out
    }

    #[test]
    fn two_short_predictions_equal_one_long_one() {
        let s = state();
        for motion in [CRUISE, HOVER] {
            let once = predicted(&s, motion, 3.0);
            let twice = predicted(&predicted(&s, motion, 1.0), motion, 2.0);
            for i in 0..6 {
                assert!((once.mean[i] - twice.mean[i]).abs() < 1e-9);
                for j in 0..6 {
                    assert!((once.covariance[(i, j)] - twice.covariance[(i, j)]).abs() < 1e-9, "{i},{j}");
                }
            }
        }
    }

    #[test]
    fn the_matrix_form_agrees() {
        let s = state();
        let once = predicted(&s, CRUISE, 3.0);
        let mut f = [[0.0; 6]; 6];
        for i in 0..6 {
            f[i][i] = 1.0;
            if i < 3 {
                f[i][i + 3] = 3.0;
            }
        }
        assert_eq!(once.mean, times_vector(&f, &s.mean));
        let (by_matrix, q) = (congruent(&f, &s.covariance), process_noise(CRUISE, 3.0));
        for i in 0..6 {
            for j in 0..6 {
                assert!((once.covariance[(i, j)] - by_matrix[(i, j)] - q[(i, j)]).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn what_hovers_stays() {
        let far = predicted(&state(), HOVER, 60.0);
        assert!((far.mean[0] - (1.0 + 10.0 * 1.5)).abs() < 1e-6, "it drifts by its velocity times its memory");
        assert!(far.covariance[(3, 3)] < 4.0 * 1.5 / 2.0 + 1e-6, "the speed stays near zero");
    }

    #[test]
    fn backwards_and_forwards_returns_the_mean_and_widens() {
        let s = state();
        let there = predicted(&predicted(&s, CRUISE, -2.0), CRUISE, 2.0);
        for i in 0..6 {
            assert!((there.mean[i] - s.mean[i]).abs() < 1e-9);
            assert!(there.covariance[(i, i)] > s.covariance[(i, i)]);
        }
    }

    #[test]
    fn an_unknown_height_does_not_grow() {
        let mut s = state();
        forget_height(&mut s);
        predict(&mut s, CRUISE, 60.0, false);
        assert_eq!(s.covariance[(2, 2)], UNKNOWN_HEIGHT_VARIANCE[0]);
        assert_eq!(s.mean[2], 0.0);
        assert!(s.covariance[(0, 0)] > 11.0);
    }
}
