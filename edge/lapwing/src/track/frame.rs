//! Between the scenario's tangent plane and the earth, exactly.

use lapwing_model::{Ecef, Enu, LocalFrame};
use lapwing_track::Estimate;

/// A state in the scenario's frame.
pub(super) struct State {
    /// East, north, up, metres.
    pub(super) position: [f64; 3],
    /// East, north, up, metres per second.
    pub(super) velocity: [f64; 3],
    /// Covariance of the position, m².
    pub(super) covariance: [[f64; 3]; 3],
}

/// What of an estimate goes to another frame.
pub(super) struct Local {
    frame: LocalFrame,
    position: Enu,
    velocity: Enu,
    covariance: [[f64; 3]; 3],
    height_known: bool,
}

impl From<&Estimate> for Local {
    fn from(e: &Estimate) -> Self {
        let covariance = std::array::from_fn(|i| std::array::from_fn(|j| e.covariance[i][j]));
        Self { frame: e.frame, position: e.position, velocity: e.velocity, covariance, height_known: e.height_known }
    }
}

/// Variance of a height that is not known, m²: one sigma of a kilometre.
const HEIGHT_UNKNOWN_M2: f64 = 1e6;

/// An estimate in the frame `to`. In a flat scenario what has no height is put into the plane.
pub(super) fn state(e: &Local, to: &LocalFrame, flat: bool) -> State {
    let Ecef { x_m, y_m, z_m } = e.frame.enu_to_ecef(e.position);
    let position = array(to.ecef_to_enu(Ecef { x_m, y_m, z_m }));
    let velocity = array(to.rotate(e.frame.unrotate(e.velocity)));
    let rotation = rotation(&e.frame, to);
    let mut state = State { position, velocity, covariance: turned(&rotation, &e.covariance) };
    if !e.height_known {
        if flat {
            // Down its own vertical: what was measured is where that meets the plane.
            let up = rotation.map(|row| row[2]);
            let length = state.position[2] / up[2];
            state.position = std::array::from_fn(|i| state.position[i] - length * up[i]);
        }
        for i in 0..3 {
            state.covariance[i][2] = 0.0;
            state.covariance[2][i] = 0.0;
        }
        state.covariance[2][2] = HEIGHT_UNKNOWN_M2;
    }
    state
}

/// The rotation from the axes of one frame to those of another.
fn rotation(from: &LocalFrame, to: &LocalFrame) -> [[f64; 3]; 3] {
    let (from, to) = (from.rotation(), to.rotation());
    std::array::from_fn(|i| std::array::from_fn(|j| (0..3).map(|k| to[i][k] * from[j][k]).sum()))
}

/// R C Rᵀ.
fn turned(r: &[[f64; 3]; 3], c: &[[f64; 3]; 3]) -> [[f64; 3]; 3] {
    let rc: [[f64; 3]; 3] = std::array::from_fn(|i| std::array::from_fn(|j| (0..3).map(|k| r[i][k] * c[k][j]).sum()));
    std::array::from_fn(|i| std::array::from_fn(|j| (0..3).map(|k| rc[i][k] * r[j][k]).sum()))
}

fn array(v: Enu) -> [f64; 3] {
    [v.east_m, v.north_m, v.up_m]
}

#[cfg(test)]
mod tests {
    use super::*;
    use lapwing_model::Geodetic;

    fn estimate(frame: LocalFrame, position: Enu, height_known: bool) -> Local {
        let covariance = [[9.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 1.0]];
        Local { frame, position, velocity: Enu::new(10.0, 0.0, 0.0), covariance, height_known }
    }

    fn origin() -> LocalFrame {
        LocalFrame::new(Geodetic { latitude_deg: 52.0, longitude_deg: 5.0, height_ellipsoid_m: 0.0 })
    }

    #[test]
    fn a_state_goes_to_another_frame_and_keeps_its_length() {
        let to = origin();
        let point = Enu::new(30_000.0, 20_000.0, 400.0);
        let frame = LocalFrame::new(to.to_geodetic(Enu::new(29_000.0, 20_500.0, 350.0)));
        let e = estimate(frame, frame.to_enu(to.to_geodetic(point)), true);
        let there = state(&e, &to, false);
        for (got, expected) in there.position.iter().zip(array(point)) {
            assert!((got - expected).abs() < 1e-6, "{got} {expected}");
        }
        let speed = there.velocity.iter().map(|v| v * v).sum::<f64>().sqrt();
        assert!((speed - 10.0).abs() < 1e-9);
        let trace: f64 = (0..3).map(|i| there.covariance[i][i]).sum();
        assert!((trace - 14.0).abs() < 1e-9);
        assert!((there.covariance[0][1] - there.covariance[1][0]).abs() < 1e-12);
    }

    #[test]
    fn without_height_a_flat_scenario_gets_its_plane_back() {
        let to = origin();
        // What stands at the plane, taken to be 150 m higher along its own vertical.
        let mut place = to.to_geodetic(Enu::new(10_000.0, -5_000.0, 0.0));
        place.height_ellipsoid_m += 150.0;
        let e = estimate(LocalFrame::new(place), Enu::default(), false);
        let there = state(&e, &to, true);
        for (got, expected) in there.position.iter().zip([10_000.0, -5_000.0, 0.0]) {
            assert!((got - expected).abs() < 1e-6, "{got} {expected}");
        }
        assert_eq!(there.covariance[2], [0.0, 0.0, HEIGHT_UNKNOWN_M2]);
    }
}
