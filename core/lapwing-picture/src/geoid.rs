//! Heights between the ellipsoid and mean sea level, cheaply: EGM96 on a grid, remembered. Pressure and relative heights
//! are never converted.
//!
//! One evaluation of the 360-degree harmonic sum costs tens of microseconds. Between the corners of a 0.25 degree grid
//! (the spacing NGA publishes EGM96 at) the undulation is interpolated bilinearly, which adds less than 0.5 m even over
//! the steepest trenches. The value depends on the place alone, never on what is in the memory.

use lapwing_model::{Place, height, math};
use std::collections::BTreeMap;

/// Corners remembered; at 0.25 degrees this is a site of 1,600 by 1,600 km. When full it starts again.
const CORNERS_MAX: usize = 4_096;
const STEPS_PER_DEG: f64 = 4.0;

/// EGM96 undulations at grid corners.
#[derive(Debug, Default)]
pub(crate) struct Geoid {
    corners: BTreeMap<(i16, i16), f64>,
}

impl Geoid {
    /// Height of the geoid above the ellipsoid, metres.
    pub(crate) fn undulation_m(&mut self, place: Place) -> f64 {
        for key in corners_of(place).keys {
            if !self.corners.contains_key(&key) {
                if self.corners.len() >= CORNERS_MAX {
                    self.corners.clear();
                }
                self.corners.insert(key, corner(key));
            }
        }
        self.peek_m(place)
    }

    /// The same for readers who may not remember: what is not known is computed, and forgotten.
    pub(crate) fn peek_m(&self, place: Place) -> f64 {
        let Corners { keys, fx, fy } = corners_of(place);
        let [sw, se, nw, ne] = keys.map(|key| self.corners.get(&key).copied().unwrap_or_else(|| corner(key)));
        let (south, north) = (sw * (1.0 - fx) + se * fx, nw * (1.0 - fx) + ne * fx);
        south * (1.0 - fy) + north * fy
    }
}

/// The four corners around a place, and how far it is from the south-western one, 0 to 1.
struct Corners {
    keys: [(i16, i16); 4],
    fx: f64,
    fy: f64,
}

fn corners_of(place: Place) -> Corners {
    let (x, y) = (place.longitude_deg * STEPS_PER_DEG, place.latitude_deg * STEPS_PER_DEG);
    let (x0, y0) = (math::floor(x), math::floor(y));
    let (i, j) = (x0 as i16, y0 as i16);
    // 1440 steps around; beyond a pole there is only the pole.
    let key = |i: i16, j: i16| ((i + 720).rem_euclid(1440) - 720, j.clamp(-360, 360));
    Corners { keys: [key(i, j), key(i + 1, j), key(i, j + 1), key(i + 1, j + 1)], fx: x - x0, fy: y - y0 }
}

fn corner((i, j): (i16, i16)) -> f64 {
    let place = Place { latitude_deg: f64::from(j) / STEPS_PER_DEG, longitude_deg: f64::from(i) / STEPS_PER_DEG };
    height::geoid_undulation_m(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpolation_stays_near_the_model_everywhere() {
        let mut geoid = Geoid::default();
        for (lat, lon) in
            [(47.1987, 8.7302), (-33.9, 151.2), (0.01, -179.99), (89.99, 12.0), (-90.0, 180.0), (19.6, -155.5)]
        {
            let place = Place { latitude_deg: lat, longitude_deg: lon };
            let (got, exact) = (geoid.undulation_m(place), height::geoid_undulation_m(place));
            assert!((got - exact).abs() < 0.6, "at {lat}, {lon}: {got} against {exact}");
        }
    }

    #[test]
    fn the_memory_is_bounded_and_changes_nothing() {
        let place = Place { latitude_deg: 47.1987, longitude_deg: 8.7302 };
        let mut fresh = Geoid::default();
        let value = fresh.undulation_m(place);
        // Corners that were put there, not computed: only their number matters here.
        let mut full = Geoid { corners: (0..CORNERS_MAX as i16).map(|i| ((i, 400), 0.0)).collect() };
        assert_eq!(full.undulation_m(place), value);
        assert_eq!(Geoid::default().peek_m(place), value);
        assert!(full.corners.len() <= 4);
    }
}
