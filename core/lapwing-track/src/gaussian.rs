//! The Kalman update, one scalar component of a measurement at a time.
//!
//! Components of one measurement have independent errors here, so taking them one after the other, all linearised at
//! the same point, is the joint (extended) update (Bar-Shalom, Li & Kirubarajan 2001, *Estimation with Applications to
//! Tracking and Navigation*, 7.2 and 10.3), needs no matrix inverse, and takes any number of components.
//!
//! Plain arrays, not a matrix library: above 5 by 5 nalgebra multiplies through `matrixmultiply`, which picks fused
//! multiply-add by the processor it runs on, and a replay elsewhere would give other bits.

use lapwing_model::math;

/// A vector of the state space: east, north, up (metres), then their rates (metres per second).
pub(crate) type Vector = [f64; 6];
/// A square matrix of the state space.
pub(crate) type Matrix = [[f64; 6]; 6];

/// A covariance of the state space: its lower triangle, row after row. Half the memory of a square is half the time where there
/// are thousands, and it cannot be anything but symmetric.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Covariance([f64; 21]);

/// Where an element of the triangle is.
const fn place(i: usize, j: usize) -> usize {
    if i >= j { i * (i + 1) / 2 + j } else { j * (j + 1) / 2 + i }
}

impl std::ops::Index<(usize, usize)> for Covariance {
    type Output = f64;

    #[inline]
    fn index(&self, (i, j): (usize, usize)) -> &f64 {
        &self.0[place(i, j)]
    }
}

impl std::ops::IndexMut<(usize, usize)> for Covariance {
    #[inline]
    fn index_mut(&mut self, (i, j): (usize, usize)) -> &mut f64 {
        &mut self.0[place(i, j)]
    }
}

impl Covariance {
    pub(crate) const ZERO: Self = Self([0.0; 21]);

    /// The lower half of a square, which is taken for symmetric.
    pub(crate) fn of(square: &Matrix) -> Self {
        let mut out = Self::ZERO;
        for i in 0..6 {
            for j in 0..=i {
                out[(i, j)] = square[i][j];
            }
        }
        out
    }

    /// All of it.
    pub(crate) fn square(&self) -> Matrix {
        std::array::from_fn(|i| std::array::from_fn(|j| self[(i, j)]))
    }

    /// Its elements, each once.
    pub(crate) fn elements(&self) -> &[f64; 21] {
        &self.0
    }

    /// Its elements, to change.
    pub(crate) fn elements_mut(&mut self) -> &mut [f64] {
        &mut self.0
    }

    /// `P v`. Most gradients have no velocity part: half the work.
    #[inline]
    pub(crate) fn times(&self, v: &Vector) -> Vector {
        let mut out = [0.0; 6];
        let still = is_still(v);
        for i in 0..6 {
            out[i] = self[(i, 0)] * v[0] + self[(i, 1)] * v[1] + self[(i, 2)] * v[2];
        }
        if !still {
            for i in 0..6 {
                out[i] += self[(i, 3)] * v[3] + self[(i, 4)] * v[4] + self[(i, 5)] * v[5];
            }
        }
        out
    }
}

/// Whether a gradient says nothing of the velocity.
#[inline]
pub(crate) fn is_still(v: &Vector) -> bool {
    v[3] == 0.0 && v[4] == 0.0 && v[5] == 0.0
}

/// Mean and covariance.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Gaussian {
    pub(crate) mean: Vector,
    pub(crate) covariance: Covariance,
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

    /// Two components of one variance turned, so that the first is along `(x, y)` and the second across; the first gets more of it.
    pub(crate) fn widen_along(&mut self, x: f64, y: f64, variance: f64) {
        let length = math::hypot(x, y);
        let [a, b, ..] = &mut self.rows;
        if self.used < 2 || !(length > 0.0) {
            return;
        }
        let (cos, sin) = (x / length, y / length);
        let (first, second) = (*a, *b);
        for i in 0..6 {
            a.jacobian[i] = cos * first.jacobian[i] + sin * second.jacobian[i];
            b.jacobian[i] = cos * second.jacobian[i] - sin * first.jacobian[i];
        }
        a.innovation = cos * first.innovation + sin * second.innovation;
        b.innovation = cos * second.innovation - sin * first.innovation;
        a.variance += variance;
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

#[cfg(test)]
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

/// `a p aᵀ`.
pub(crate) fn congruent(a: &Matrix, p: &Covariance) -> Covariance {
    let mut out = Covariance::ZERO;
    let half = times(a, &p.square());
    for i in 0..6 {
        for j in 0..=i {
            out[(i, j)] = dot(&half[i], &a[j]);
        }
    }
    out
}

impl Gaussian {
    /// The state after `linear`; `None` when the numbers are beyond repair (not finite, or a variance that is not
    /// positive), and then the prior must stay.
    pub(crate) fn updated(&self, linear: &Linear) -> Option<Self> {
        self.updated_from(linear, &self.mean)
    }

    /// The same with a measurement that was linearised at another place.
    pub(crate) fn updated_from(&self, linear: &Linear, linearised_at: &Vector) -> Option<Self> {
        let mut mean = self.mean;
        let mut p = self.covariance;
        for row in linear.rows() {
            let h = &row.jacobian;
            let ph = p.times(h);
            let s = dot(h, &ph) + row.variance;
            if !(s > 0.0 && s.is_finite() && row.variance > 0.0) {
                return None;
            }
            // The mean is away from where all were linearised, and earlier components moved it.
            let mut innovation = row.innovation;
            for i in 0..6 {
                innovation -= h[i] * (mean[i] - linearised_at[i]);
            }
            let inverse = 1.0 / s;
            let gain = ph.map(|x| x * inverse);
            for i in 0..6 {
                mean[i] += gain[i] * innovation;
            }
            // P - K (P hᵀ)ᵀ, symmetric as it is stored. With floors under all variances (`reading`) nothing is measured so sharply
            // that rounding could take it below zero; the form of Joseph, multiplied out for one component, cancels alike.
            for i in 0..6 {
                for j in 0..=i {
                    p[(i, j)] -= gain[i] * ph[j];
                }
            }
        }
        let finite = mean.iter().all(|x| x.is_finite()) && (0..6).all(|i| p[(i, i)].is_finite() && p[(i, i)] > 0.0);
        finite.then_some(Self { mean, covariance: p })
    }

    /// Normalised innovation squared and natural logarithm of the likelihood of a measurement, without updating.
    /// `None` as for [`Gaussian::updated`].
    pub(crate) fn surprise(&self, linear: &Linear) -> Option<(f64, f64)> {
        let rows = linear.rows();
        let mut s = [[0.0; 4]; 4];
        let mut y = [0.0; 4];
        for (i, row) in rows.iter().enumerate() {
            let ph = self.covariance.times(&row.jacobian);
            for (j, other) in rows.iter().enumerate().take(i + 1) {
                s[i][j] = dot(&other.jacobian, &ph);
            }
            s[i][i] += row.variance;
            y[i] = row.innovation;
        }
        let mut factor = Factor::default();
        if factor.set(rows.len(), &s) { factor.density(&y) } else { None }
    }

    /// Adds what a time that is uncertain by `sd_s` (one sigma) makes of the horizontal position: its way in that time.
    pub(crate) fn widen_along(&mut self, sd_s: f64) {
        let way = [sd_s * self.mean[3], sd_s * self.mean[4]];
        for i in 0..2 {
            for j in 0..=i {
                self.covariance[(i, j)] += way[i] * way[j];
            }
        }
    }

    /// Greatest one sigma of the horizontal position, metres.
    pub(crate) fn horizontal_sd_m(&self) -> f64 {
        let p = &self.covariance;
        let (a, b, c) = (p[(0, 0)], p[(0, 1)], p[(1, 1)]);
        let half = 0.5 * (a - c);
        math::sqrt((0.5 * (a + c) + math::hypot(half, b)).max(0.0))
    }

    /// Horizontal speed, metres per second.
    pub(crate) fn speed_mps(&self) -> f64 {
        math::hypot(self.mean[3], self.mean[4])
    }
}

/// A zero-mean normal distribution of up to four components, by the Cholesky factor of its covariance.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Factor {
    count: usize,
    /// The factor, lower triangle; on its diagonal the inverse of what stands there.
    lower: [[f64; 4]; 4],
    /// Half the natural logarithm of the determinant of 2π times the covariance.
    half_log_det: f64,
}

impl Factor {
    /// Becomes that of a covariance of `n` components (lower triangle). Whether it could: it must be positive definite.
    pub(crate) fn set(&mut self, n: usize, s: &[[f64; 4]; 4]) -> bool {
        self.count = n.min(4);
        let lower = &mut self.lower;
        let mut determinant = 1.0;
        for i in 0..self.count {
            let mut diagonal = s[i][i];
            for j in 0..i {
                let mut value = s[i][j];
                for k in 0..j {
                    value -= lower[i][k] * lower[j][k];
                }
                value *= lower[j][j];
                lower[i][j] = value;
                diagonal -= value * value;
            }
            if !(diagonal > 0.0 && diagonal.is_finite()) {
                return false;
            }
            lower[i][i] = 1.0 / math::sqrt(diagonal);
            determinant *= math::TAU * diagonal;
        }
        self.half_log_det = 0.5 * math::log(determinant);
        true
    }

    /// Squared Mahalanobis distance of `y` and the natural logarithm of its density. `None` where that is no number.
    pub(crate) fn density(&self, y: &[f64; 4]) -> Option<(f64, f64)> {
        let mut solved = [0.0; 4];
        let mut distance = 0.0;
        for i in 0..self.count {
            let mut rest = y[i];
            for j in 0..i {
                rest -= self.lower[i][j] * solved[j];
            }
            solved[i] = rest * self.lower[i][i];
            distance += solved[i] * solved[i];
        }
        let log_density = -0.5 * distance - self.half_log_det;
        (distance.is_finite() && log_density.is_finite()).then_some((distance, log_density))
    }
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
            covariance: Covariance::of(&std::array::from_fn(|i| std::array::from_fn(|j| p[(i, j)]))),
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
        let p = SMatrix::<f64, 6, 6>::from_fn(|i, j| state.covariance[(i, j)]);
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
                assert!((got.covariance[(i, j)] - covariance[(i, j)]).abs() < 1e-9);
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
