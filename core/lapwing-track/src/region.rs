//! Where a track's numbers live: the east-north-up frame of its region, anchored on the ellipsoid. Tracks of one region
//! share a frame, so that they can be compared without a conversion, and a sensor's pose in it is found once.

use crate::gaussian::{Gaussian, Matrix, Vector, congruent};
use crate::imm::Modes;
use crate::motion::forget_height;
use crate::project::Pose;
use lapwing_model::{Enu, LocalFrame, Place, math};

/// Side of a region, metres.
const REGION_M: f64 = 16_000.0;
/// Horizontal distance from the anchor at which a track moves to another region, metres: there the tangent plane stands
/// 18 m above the ellipsoid and leans by 0.13°.
const LEAVE_M: f64 = 15_000.0;
/// Metres per degree of latitude, about.
const METRES_PER_DEG: f64 = 111_200.0;
/// Regions remembered; a track beyond them keeps the frame it has.
const REGIONS_MAX: usize = 60_000;

/// The number of a region.
pub(crate) type RegionId = u16;

/// All regions that were ever needed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Regions {
    frames: Vec<LocalFrame>,
    /// Rows and columns, sorted, with the region's number.
    cells: std::collections::BTreeMap<(i32, i32), RegionId>,
}

fn cell_of(place: Place) -> (i32, i32) {
    let step = REGION_M / METRES_PER_DEG;
    let row = math::floor(place.latitude_deg / step);
    let width = step / math::cos(math::rad((row + 0.5) * step)).max(0.01);
    (row as i32, math::floor(place.longitude_deg / width) as i32)
}

fn anchor_of((row, column): (i32, i32)) -> Place {
    let step = REGION_M / METRES_PER_DEG;
    let latitude_deg = ((f64::from(row) + 0.5) * step).clamp(-90.0, 90.0);
    let width = step / math::cos(math::rad((f64::from(row) + 0.5) * step)).max(0.01);
    let longitude_deg = ((f64::from(column) + 0.5) * width).clamp(-180.0, 180.0);
    Place { latitude_deg, longitude_deg }
}

impl Regions {
    /// The cells of all regions, by number: all that must be kept of them.
    pub(crate) fn cells(&self) -> Vec<(i32, i32)> {
        let mut cells: Vec<_> = self.cells.iter().map(|(cell, id)| (*id, *cell)).collect();
        cells.sort_unstable();
        cells.into_iter().map(|(_, cell)| cell).collect()
    }

    /// The regions of these cells, with the numbers they had; `None` when they cannot have been ours.
    pub(crate) fn restore(cells: &[(i32, i32)]) -> Option<Self> {
        let mut regions = Self::default();
        for cell in cells.iter().take(REGIONS_MAX) {
            let id = regions.frames.len() as RegionId;
            regions.frames.push(LocalFrame::new(anchor_of(*cell).at_height(0.0)));
            regions.cells.insert(*cell, id);
        }
        (regions.cells.len() == cells.len()).then_some(regions)
    }

    /// The region of a place, made on first need.
    pub(crate) fn at(&mut self, place: Place) -> RegionId {
        let cell = cell_of(place);
        if let Some(id) = self.cells.get(&cell) {
            return *id;
        }
        if self.frames.len() >= REGIONS_MAX {
            return 0;
        }
        let id = self.frames.len() as RegionId;
        self.frames.push(LocalFrame::new(anchor_of(cell).at_height(0.0)));
        self.cells.insert(cell, id);
        id
    }

    pub(crate) fn frame(&self, id: RegionId) -> &LocalFrame {
        static NOWHERE: std::sync::OnceLock<LocalFrame> = std::sync::OnceLock::new();
        self.frames.get(usize::from(id)).unwrap_or_else(|| {
            NOWHERE.get_or_init(|| LocalFrame::new(Place { latitude_deg: 0.0, longitude_deg: 0.0 }.at_height(0.0)))
        })
    }

    /// The pose of a sensor in a region, found once.
    pub(crate) fn pose(&self, cache: &mut Vec<Option<Pose>>, from: &LocalFrame, region: RegionId) -> Pose {
        let at = usize::from(region);
        if cache.len() <= at {
            cache.resize(at + 1, None);
        }
        match cache.get(at).copied().flatten() {
            Some(pose) => pose,
            None => {
                let pose = Pose::new(from, self.frame(region));
                if let Some(cell) = cache.get_mut(at) {
                    *cell = Some(pose);
                }
                pose
            }
        }
    }

    /// About where a point of a region is: to a metre or two inside it, for filing and not for measuring. Near the poles,
    /// where longitude turns quickly, exact.
    pub(crate) fn about(&self, region: RegionId, east_m: f64, north_m: f64) -> Place {
        let frame = self.frame(region);
        let origin = frame.origin();
        if math::fabs(origin.latitude_deg) > 80.0 {
            return frame.to_geodetic(Enu::new(east_m, north_m, 0.0)).place();
        }
        // Radii of curvature of the ellipsoid (meridian, prime vertical) at the origin. Up there leans from the earth's axis by the
        // latitude: its part along the axis is the sine.
        let [_, _, [_, _, s]] = frame.rotation();
        let w2 = 1.0 - 0.006_694_38 * s * s;
        let n = 6_378_137.0 / math::sqrt(w2);
        let m = n * (1.0 - 0.006_694_38) / w2;
        let t = s / math::sqrt(1.0 - s * s);
        let latitude_rad = math::rad(origin.latitude_deg) + north_m / m - east_m * east_m * t / (2.0 * m * n);
        let longitude_rad = math::rad(origin.longitude_deg) + east_m / (n * math::cos(latitude_rad));
        Place { latitude_deg: math::deg(latitude_rad), longitude_deg: math::deg(math::wrap_pi(longitude_rad)) }
    }

    /// Whether a state has moved so far from its anchor that it must change its region.
    pub(crate) fn is_far(mean: &Vector) -> bool {
        mean[0] * mean[0] + mean[1] * mean[1] > LEAVE_M * LEAVE_M
    }
}

/// The position part of a mean.
pub(crate) fn position(state: &Gaussian) -> Enu {
    Enu::new(state.mean[0], state.mean[1], state.mean[2])
}

/// The velocity part of a mean.
pub(crate) fn velocity(state: &Gaussian) -> Enu {
    Enu::new(state.mean[3], state.mean[4], state.mean[5])
}

/// The rotation of directions from one frame to another, for position and rate alike.
fn rotation(from: &LocalFrame, to: &LocalFrame) -> Matrix {
    let mut out = [[0.0; 6]; 6];
    let units = [Enu::new(1.0, 0.0, 0.0), Enu::new(0.0, 1.0, 0.0), Enu::new(0.0, 0.0, 1.0)];
    for (column, unit) in units.iter().enumerate() {
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
    let centre = if height_known {
        from.enu_to_ecef(position(state))
    } else {
        // The height is no part of the state: keep latitude and longitude, and stay on the ellipsoid.
        from.to_geodetic(position(state)).place().at_height(0.0).to_ecef()
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

/// All models of a hypothesis moved.
pub(crate) fn move_modes(from: &LocalFrame, to: &LocalFrame, modes: &mut Modes, height_known: bool) {
    for state in modes.states_mut() {
        *state = moved(from, to, state, height_known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gaussian::Covariance;

    fn state(e: f64, n: f64, u: f64, ve: f64, vn: f64) -> Gaussian {
        let mut covariance = [[0.0; 6]; 6];
        for (i, row) in covariance.iter_mut().enumerate() {
            row[i] = if i < 3 { 100.0 * (i + 1) as f64 } else { (i + 1) as f64 };
        }
        covariance[0][1] = 30.0;
        covariance[1][0] = 30.0;
        Gaussian { mean: [e, n, u, ve, vn, 0.0], covariance: Covariance::of(&covariance) }
    }

    fn anchored(place: Place) -> LocalFrame {
        LocalFrame::new(place.at_height(0.0))
    }

    /// The place, the speed and the size of the covariance are the same in both frames.
    fn check(from: Place, s: &Gaussian) {
        let a = anchored(from);
        let b = anchored(a.to_geodetic(position(s)).place());
        let t = moved(&a, &b, s, true);
        let (p, q) = (a.enu_to_ecef(position(s)), b.enu_to_ecef(position(&t)));
        assert!((p.x_m - q.x_m).abs() < 1e-6 && (p.y_m - q.y_m).abs() < 1e-6 && (p.z_m - q.z_m).abs() < 1e-6);
        assert!(position(&t).horizontal_m() < 0.01, "anchored below the track: {:?}", position(&t));
        assert!((velocity(&t).length_m() - velocity(s).length_m()).abs() < 1e-9);
        let trace = |g: &Gaussian, from: usize| (from..from + 3).map(|i| g.covariance[(i, i)]).sum::<f64>();
        assert!((trace(&t, 0) - trace(s, 0)).abs() < 1e-9);
        assert!((trace(&t, 3) - trace(s, 3)).abs() < 1e-9);
        let back = moved(&b, &a, &t, true);
        for i in 0..6 {
            assert!((back.mean[i] - s.mean[i]).abs() < 1e-6);
            for j in 0..6 {
                assert!((back.covariance[(i, j)] - s.covariance[(i, j)]).abs() < 1e-9);
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
        let there = anchored(from).to_geodetic(position(&s));
        assert!(there.longitude_deg < -179.0, "it has crossed: {there:?}");
    }

    #[test]
    fn moving_past_the_pole_turns_north_to_south() {
        let from = Place { latitude_deg: 89.9, longitude_deg: 20.0 };
        let s = state(0.0, 21_000.0, 500.0, 0.0, 100.0);
        check(from, &s);
        let a = anchored(from);
        let place = a.to_geodetic(position(&s)).place();
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
        let b = anchored(a.to_geodetic(position(&s)).place());
        let t = moved(&a, &b, &s, false);
        assert_eq!(t.mean[2], 0.0);
        assert!(position(&t).horizontal_m() < 0.01);
    }

    #[test]
    fn the_quick_place_is_within_metres() {
        let mut regions = Regions::default();
        for (latitude_deg, longitude_deg) in [(47.37, 8.54), (-16.8, 179.99), (70.0, -120.0), (0.01, 0.0), (89.95, 3.0)]
        {
            let region = regions.at(Place { latitude_deg, longitude_deg });
            for (e, n) in [(0.0, 0.0), (14_000.0, 3_000.0), (-9_000.0, -12_000.0)] {
                let exact = regions.frame(region).to_geodetic(Enu::new(e, n, 0.0)).place();
                let quick = regions.about(region, e, n);
                assert!(quick.distance_m(exact) < 15.0, "{latitude_deg} {e} {n}: {} m", quick.distance_m(exact));
            }
        }
    }

    #[test]
    fn a_place_is_near_the_anchor_of_its_region() {
        let mut regions = Regions::default();
        for i in 0..2_000 {
            let place = Place {
                latitude_deg: f64::from(i * 7919 % 1800) / 10.0 - 89.9,
                longitude_deg: f64::from(i * 104_729 % 3600) / 10.0 - 180.0,
            };
            let region = regions.at(place);
            let d = regions.frame(region).origin().place().distance_m(place);
            assert!(d < LEAVE_M || place.latitude_deg.abs() > 85.0, "{place:?}: {d} m");
        }
    }
}
