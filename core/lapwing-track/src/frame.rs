//! Where a track's numbers live: an east-north-up frame anchored below it on the ellipsoid, moved along as it flies.

use crate::filter::{Gaussian, Matrix, congruent};
use crate::motion::forget_height;
use lapwing_model::{Ecef, Enu, Geodetic, LocalFrame, Place};

/// Horizontal distance from the anchor at which a track gets a new frame, metres: there the tangent plane stands 31 m
/// above the ellipsoid and leans by 0.18°.
pub(crate) const REANCHOR_M: f64 = 20_000.0;

/// A frame at the ellipsoid below `place`, so that close to the anchor `up` is the height above the ellipsoid.
pub(crate) fn anchored(place: Place) -> LocalFrame {
    LocalFrame::new(place.at_height(0.0))
}

/// The position part of a mean.
pub(crate) fn position(state: &Gaussian) -> Enu {
    let [e, n, u, ..] = state.mean;
    Enu::new(e, n, u)
}

/// The velocity part of a mean.
pub(crate) fn velocity(state: &Gaussian) -> Enu {
    let [.., e, n, u] = state.mean;
    Enu::new(e, n, u)
}

/// Where the mean is. Without a known height only latitude and longitude mean something.
pub(crate) fn geodetic(frame: &LocalFrame, state: &Gaussian) -> Geodetic {
    frame.to_geodetic(position(state))
}

/// Whether the state has moved so far from the anchor that the frame must follow.
pub(crate) fn is_far(state: &Gaussian) -> bool {
    position(state).horizontal_m() > REANCHOR_M
}

/// The rotation of directions from one frame to another, for position and rate alike.
pub(crate) fn rotation(from: &LocalFrame, to: &LocalFrame) -> Matrix {
    let mut out = [[0.0; 6]; 6];
    for (column, unit) in [Enu::new(1.0, 0.0, 0.0), Enu::new(0.0, 1.0, 0.0), Enu::new(0.0, 0.0, 1.0)].iter().enumerate()
    {
        let turned = to.rotate(from.unrotate(*unit));
        for (row, value) in [turned.east_m, turned.north_m, turned.up_m].into_iter().enumerate() {
            out[row][column] = value;
            out[row + 3][column + 3] = value;
        }
    }
    out
}

/// The same state in another frame: the mean through earth-centred coordinates, the covariance rotated.
pub(crate) fn moved(from: &LocalFrame, to: &LocalFrame, state: &Gaussian, height_known: bool) -> Gaussian {
    let centre: Ecef = if height_known {
        from.enu_to_ecef(position(state))
    } else {
        // The height is no part of the state: keep latitude and longitude, and stay on the ellipsoid.
        geodetic(from, state).place().at_height(0.0).to_ecef()
    };
    let x = to.ecef_to_enu(centre);
    let v = to.rotate(from.unrotate(velocity(state)));
    let mut out = Gaussian {
        mean: [x.east_m, x.north_m, x.up_m, v.east_m, v.north_m, v.up_m],
        covariance: congruent(&rotation(from, to), &state.covariance),
    };
    if !height_known {
        forget_height(&mut out);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use lapwing_model::math;

    fn state(e: f64, n: f64, u: f64, ve: f64, vn: f64) -> Gaussian {
        let mut covariance = [[0.0; 6]; 6];
        for (i, row) in covariance.iter_mut().enumerate() {
            row[i] = if i < 3 { 100.0 * (i + 1) as f64 } else { (i + 1) as f64 };
        }
        covariance[0][1] = 30.0;
        covariance[1][0] = 30.0;
        Gaussian { mean: [e, n, u, ve, vn, 0.0], covariance }
    }

    /// The place, the speed and the size of the covariance are the same in both frames.
    fn check(from: Place, s: &Gaussian) {
        let a = anchored(from);
        let b = anchored(geodetic(&a, s).place());
        let t = moved(&a, &b, s, true);
        let (p, q) = (a.enu_to_ecef(position(s)), b.enu_to_ecef(position(&t)));
        assert!((p.x_m - q.x_m).abs() < 1e-6 && (p.y_m - q.y_m).abs() < 1e-6 && (p.z_m - q.z_m).abs() < 1e-6);
        assert!(position(&t).horizontal_m() < 0.01, "anchored below the track: {:?}", position(&t));
        assert!((velocity(&t).length_m() - velocity(s).length_m()).abs() < 1e-9);
        let trace = |g: &Gaussian, from: usize| (from..from + 3).map(|i| g.covariance[i][i]).sum::<f64>();
        assert!((trace(&t, 0) - trace(s, 0)).abs() < 1e-9);
        assert!((trace(&t, 3) - trace(s, 3)).abs() < 1e-9);
        let back = moved(&b, &a, &t, true);
        for i in 0..6 {
            assert!((back.mean[i] - s.mean[i]).abs() < 1e-6);
            for j in 0..6 {
                assert!((back.covariance[i][j] - s.covariance[i][j]).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn moving_the_anchor_keeps_place_speed_and_covariance() {
        check(Place { latitude_deg: 47.3, longitude_deg: 8.7 }, &state(15_000.0, -14_000.0, 300.0, 40.0, -30.0));
    }

    #[test]
    fn moving_across_the_antimeridian() {
        let from = Place { latitude_deg: -16.8, longitude_deg: 179.95 };
        let s = state(20_500.0, 100.0, 120.0, 25.0, 0.0);
        check(from, &s);
        let there = geodetic(&anchored(from), &s);
        assert!(there.longitude_deg < -179.0, "it has crossed: {there:?}");
    }

    #[test]
    fn moving_past_the_pole_turns_north_to_south() {
        let from = Place { latitude_deg: 89.9, longitude_deg: 20.0 };
        let s = state(0.0, 21_000.0, 500.0, 0.0, 100.0);
        check(from, &s);
        let a = anchored(from);
        let place = geodetic(&a, &s).place();
        assert!((math::fabs(place.longitude_deg) - 160.0).abs() < 1e-6, "the other side of the pole: {place:?}");
        let t = moved(&a, &anchored(place), &s, true);
        assert!(velocity(&t).north_m < -99.9, "what flew north now flies south: {:?}", velocity(&t));
    }

    #[test]
    fn an_unknown_height_stays_on_the_ellipsoid() {
        let from = Place { latitude_deg: 47.3, longitude_deg: 8.7 };
        let mut s = state(25_000.0, 0.0, 0.0, 25.0, 0.0);
        forget_height(&mut s);
        let a = anchored(from);
        let b = anchored(geodetic(&a, &s).place());
        let t = moved(&a, &b, &s, false);
        assert_eq!(t.mean[2], 0.0);
        assert!(position(&t).horizontal_m() < 0.01);
    }
}
