//! The Kalman update, one scalar component of a measurement at a time.
//!
//! Components of one measurement have independent errors here, so taking them one after the other, all linearised at
//! the same point, is the joint (extended) update (Bar-Shalom, Li & Kirubarajan 2001, *Estimation with Applications to
//! Tracking and Navigation*, 7.2 and 10.3), needs no matrix inverse, and takes any number of components. The covariance
//! is updated in Joseph form, multiplied out for one component.
//!
//! Plain arrays, not a matrix library: above 5 by 5 nalgebra multiplies through `matrixmultiply`, which picks fused
//! multiply-add by the processor it runs on, and a replay elsewhere would give other bits.

use lapwing_model::math;

/// A vector of the state space: east, north, up (metres), then their rates (metres per second).
pub(crate) type Vector = [f64; 6];
/// A covariance of the state space.
pub(crate) type Matrix = [[f64; 6]; 6];

/// Mean and covariance.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Gaussian {
    pub(crate) mean: Vector,
    pub(crate) covariance: Matrix,
}

/// A measurement linearised at a state: innovation (measured minus predicted), rows of the Jacobian, variances.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Linear {
    rows: [Row; 4],
    used: usize,
}

/// One component.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Row {
    pub(crate) jacobian: Vector,
    pub(crate) innovation: f64,
    pub(crate) variance: f64,
}

impl Linear {
    /// Adds a component; a fifth is a programming error and is left out.
    pub(crate) fn push(&mut self, jacobian: Vector, innovation: f64, variance: f64) {
        debug_assert!(self.used < self.rows.len());
        if let Some(row) = self.rows.get_mut(self.used) {
            *row = Row { jacobian, innovation, variance };
            self.used += 1;
        }
    }

    /// The components.
    pub(crate) fn rows(&self) -> &[Row] {
        self.rows.get(..self.used).unwrap_or(&[])
    }

    /// The components, to change.
    pub(crate) fn rows_mut(&mut self) -> &mut [Row] {
        self.rows.get_mut(..self.used).unwrap_or(&mut [])
    }
}

pub(crate) fn dot(a: &Vector, b: &Vector) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3] + a[4] * b[4] + a[5] * b[5]
}

pub(crate) fn times_vector(m: &Matrix, v: &Vector) -> Vector {
    m.map(|row| dot(&row, v))
}

/// `a b`.
pub(crate) fn times(a: &Matrix, b: &Matrix) -> Matrix {
    let mut out = [[0.0; 6]; 6];
    for (out_row, a_row) in out.iter_mut().zip(a) {
        for (x, b_row) in a_row.iter().zip(b) {
            for (o, y) in out_row.iter_mut().zip(b_row) {
                *o += x * y;
            }
        }
    }
    out
}

/// `a p aᵀ`, symmetric to the last bit.
pub(crate) fn congruent(a: &Matrix, p: &Matrix) -> Matrix {
    let mut transposed = [[0.0; 6]; 6];
    for i in 0..6 {
        for j in 0..6 {
            transposed[j][i] = a[i][j];
        }
    }
    let mut out = times(&times(a, p), &transposed);
    symmetrise(&mut out);
    out
}

/// The mean of a matrix and its transpose.
pub(crate) fn symmetrise(m: &mut Matrix) {
    for i in 0..6 {
        for j in 0..i {
            let mean = 0.5 * (m[i][j] + m[j][i]);
            m[i][j] = mean;
            m[j][i] = mean;
        }
    }
}

impl Gaussian {
    /// The state after `linear`; `None` when the numbers are beyond repair (not finite, or a variance that is not
    /// positive), and then the prior must stay.
    pub(crate) fn updated(&self, linear: &Linear) -> Option<Self> {
        let mut mean = self.mean;
        let mut p = self.covariance;
        for row in linear.rows() {
            let h = &row.jacobian;
            let ph = times_vector(&p, h);
            let s = dot(h, &ph) + row.variance;
            if !(s > 0.0 && s.is_finite() && row.variance > 0.0) {
                return None;
            }
            // Earlier components moved the mean away from where all were linearised.
            let mut innovation = row.innovation;
            for i in 0..6 {
                innovation -= h[i] * (mean[i] - self.mean[i]);
            }
            let inverse = 1.0 / s;
            let gain = ph.map(|x| x * inverse);
            for i in 0..6 {
                mean[i] += gain[i] * innovation;
            }
            // Joseph form, (I - K h) P (I - K h)ᵀ + K r Kᵀ, multiplied out: P - K (P hᵀ)ᵀ - (P hᵀ) Kᵀ + K s Kᵀ. An error of
            // the gain enters it squared, so it stays positive definite whatever the rounding of K.
            for i in 0..6 {
                for j in 0..=i {
                    let value = p[i][j] - gain[i] * ph[j] - ph[i] * gain[j] + gain[i] * s * gain[j];
                    p[i][j] = value;
                    p[j][i] = value;
                }
            }
        }
        let finite = mean.iter().all(|x| x.is_finite()) && (0..6).all(|i| p[i][i].is_finite() && p[i][i] > 0.0);
        finite.then_some(Self { mean, covariance: p })
    }

    /// Normalised innovation squared and natural logarithm of the likelihood of a measurement, without updating.
    /// `None` as for [`Gaussian::updated`].
    pub(crate) fn surprise(&self, linear: &Linear) -> Option<(f64, f64)> {
        let rows = linear.rows();
        let mut s = [[0.0; 4]; 4];
        let mut y = [0.0; 4];
        for (i, row) in rows.iter().enumerate() {
            let ph = times_vector(&self.covariance, &row.jacobian);
            for (j, other) in rows.iter().enumerate().take(i + 1) {
                s[i][j] = dot(&other.jacobian, &ph);
            }
            s[i][i] += row.variance;
            y[i] = row.innovation;
        }
        normal(rows.len(), &s, &y)
    }

    /// Greatest one sigma of the horizontal position, metres.
    pub(crate) fn horizontal_sd_m(&self) -> f64 {
        let p = &self.covariance;
        let (a, b, c) = (p[0][0], p[0][1], p[1][1]);
        let half = 0.5 * (a - c);
        math::sqrt((0.5 * (a + c) + math::hypot(half, b)).max(0.0))
    }

    /// Horizontal speed, metres per second.
    pub(crate) fn speed_mps(&self) -> f64 {
        math::hypot(self.mean[3], self.mean[4])
    }
}

/// Squared Mahalanobis distance and natural logarithm of the density of `y` under a zero-mean normal distribution of `n`
/// components with covariance `s` (lower triangle), by Cholesky factorisation. `None` unless positive definite.
pub(crate) fn normal(n: usize, s: &[[f64; 4]; 4], y: &[f64; 4]) -> Option<(f64, f64)> {
    let (mut factor, mut solved) = ([[0.0; 4]; 4], [0.0; 4]);
    let (mut distance, mut determinant) = (0.0, 1.0);
    for i in 0..n.min(4) {
        let mut rest = y[i];
        for j in 0..i {
            let mut value = s[i][j];
            for k in 0..j {
                value -= factor[i][k] * factor[j][k];
            }
            factor[i][j] = value / factor[j][j];
            rest -= factor[i][j] * solved[j];
        }
        let mut diagonal = s[i][i];
        for k in 0..i {
            diagonal -= factor[i][k] * factor[i][k];
        }
        if !(diagonal > 0.0 && diagonal.is_finite()) {
            return None;
        }
        factor[i][i] = math::sqrt(diagonal);
        solved[i] = rest / factor[i][i];
        distance += solved[i] * solved[i];
        determinant *= math::TAU * diagonal;
    }
    let log_density = -0.5 * (distance + math::log(determinant));
    (distance.is_finite() && log_density.is_finite()).then_some((distance, log_density))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::{Matrix3, SMatrix, SVector, Vector3};

    /// A correlated prior and a measurement of three components.
    fn case() -> (Gaussian, Linear) {
        let root = SMatrix::<f64, 6, 6>::from_fn(|i, j| if i == j { 4.0 } else { 0.3 * (i as f64 - 1.4 * j as f64) });
        let p = root * root.transpose();
        let state = Gaussian {
            mean: [1.0, -2.0, 3.0, 4.0, 5.0, -6.0],
            covariance: std::array::from_fn(|i| std::array::from_fn(|j| p[(i, j)])),
        };
        let mut linear = Linear::default();
        linear.push([1.0, 0.5, 0.0, 0.0, 0.2, 0.0], 3.0, 2.0);
        linear.push([0.0, 1.0, -0.3, 0.1, 0.0, 0.0], -1.0, 0.5);
        linear.push([0.2, 0.0, 1.0, 0.0, 0.0, 0.7], 0.4, 1.5);
        (state, linear)
    }

    #[test]
    fn one_component_at_a_time_is_the_joint_update() {
        let (state, linear) = case();
        let rows = linear.rows();
        let p = SMatrix::<f64, 6, 6>::from_fn(|i, j| state.covariance[i][j]);
        let h = SMatrix::<f64, 3, 6>::from_fn(|i, j| rows[i].jacobian[j]);
        let r = Matrix3::from_diagonal(&Vector3::from_fn(|i, _| rows[i].variance));
        let y = Vector3::from_fn(|i, _| rows[i].innovation);
        let s = h * p * h.transpose() + r;
        let inverse = s.try_inverse().unwrap();
        let gain = p * h.transpose() * inverse;
        let mean = SVector::<f64, 6>::from_row_slice(&state.mean) + gain * y;
        let covariance = (SMatrix::<f64, 6, 6>::identity() - gain * h) * p;
        let nis = (y.transpose() * inverse * y)[0];
        let likelihood = -0.5 * (nis + math::log((math::TAU * s).determinant()));
        let got = state.updated(&linear).unwrap();
        let (nis_alone, log_likelihood) = state.surprise(&linear).unwrap();
        assert!((nis_alone - nis).abs() < 1e-9);
        assert!((log_likelihood - likelihood).abs() < 1e-9);
        for i in 0..6 {
            assert!((got.mean[i] - mean[i]).abs() < 1e-9);
            for j in 0..6 {
                assert!((got.covariance[i][j] - covariance[(i, j)]).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn broken_numbers_leave_no_state() {
        let (state, mut linear) = case();
        linear.rows_mut()[1].innovation = f64::NAN;
        assert!(state.updated(&linear).is_none());
        assert!(state.surprise(&linear).is_none());
        let (_, mut linear) = case();
        linear.rows_mut()[0].variance = 0.0;
        assert!(state.updated(&linear).is_none(), "a perfect measurement is a lie");
    }
}
