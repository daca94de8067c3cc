//! Transcendental functions through one fixed library (`libm`), so that a replay on another machine gives the same
//! bits, plus the few angle helpers everybody needs.

pub use libm::{acos, asin, atan, atan2, cos, exp, fabs, floor, hypot, log, log10, pow, round, sin, sqrt, tan};
pub use std::f64::consts::{PI, TAU};

/// Degrees to radians.
pub fn rad(deg: f64) -> f64 {
    deg * (PI / 180.0)
}

/// Radians to degrees.
pub fn deg(rad: f64) -> f64 {
    rad * (180.0 / PI)
}

/// An angle wrapped into (-π, π], radians.
pub fn wrap_pi(angle_rad: f64) -> f64 {
    if angle_rad > -PI && angle_rad < PI {
        return angle_rad;
    }
    let wrapped = angle_rad - TAU * floor((angle_rad + PI) / TAU);
    if wrapped <= -PI { wrapped + TAU } else { wrapped }
}

/// An angle wrapped into [0, 2π), radians.
pub fn wrap_tau(angle_rad: f64) -> f64 {
    if angle_rad > 0.0 && angle_rad < TAU {
        return angle_rad;
    }
    let wrapped = angle_rad - TAU * floor(angle_rad / TAU);
    if wrapped >= TAU { 0.0 } else { wrapped }
}

/// The standard normal cumulative distribution Φ(x).
pub fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x / std::f64::consts::SQRT_2)
}

/// Natural logarithms of numbers each of which is mostly the one before.
#[derive(Debug, Clone, Copy)]
pub struct Logs {
    of: f64,
    log: f64,
}

impl Default for Logs {
    fn default() -> Self {
        Self { of: 1.0, log: 0.0 }
    }
}

impl Logs {
    /// The logarithm of `x`.
    pub fn of(&mut self, x: f64) -> f64 {
        if x != self.of {
            *self = Self { of: x, log: log(x) };
        }
        self.log
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_are_the_same_however_often_they_are_asked_for() {
        let mut logs = Logs::default();
        for x in [1.0, 0.3, 0.3, 2.0, 0.0, 0.0, 0.3, f64::NAN, 1.0] {
            assert_eq!(logs.of(x).to_bits(), log(x).to_bits(), "{x}");
        }
    }

    #[test]
    fn angles_wrap() {
        assert!((wrap_pi(3.0 * PI) - PI).abs() < 1e-12);
        assert!((wrap_pi(-PI) - PI).abs() < 1e-12);
        assert!((wrap_tau(-0.1) - (TAU - 0.1)).abs() < 1e-12);
        assert_eq!(wrap_tau(TAU), 0.0);
        assert_eq!(wrap_tau(-0.0).to_bits(), 0.0_f64.to_bits(), "due north is no negative angle");
        assert_eq!((wrap_pi(3.0), wrap_pi(-3.0), wrap_tau(6.0)), (3.0, -3.0, 6.0));
    }

    #[test]
    fn normal_cdf_matches_tables() {
        assert!((normal_cdf(1.959_963_984_540_054) - 0.975).abs() < 1e-12);
        assert_eq!(normal_cdf(0.0), 0.5);
    }
}
