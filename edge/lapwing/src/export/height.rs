//! Heights in the datum that a format wants.

use lapwing_model::{Heights, Place, height};
use std::collections::BTreeMap;

/// Places whose geoid is remembered.
const KEPT_MAX: usize = 4_096;
/// A degree's share within which the geoid is taken as level: it differs by less than 0.2 m there, the model's own error is
/// near 1 m.
const CELLS_PER_DEGREE: f64 = 100.0;

/// The geoid, remembered by neighbourhood: working it out costs tens of microseconds.
#[derive(Debug, Default)]
pub(crate) struct Geoid {
    known: BTreeMap<(i32, i32), f64>,
}

impl Geoid {
    /// Height of the geoid (EGM96) above the ellipsoid, metres.
    pub(crate) fn undulation_m(&mut self, place: Place) -> f64 {
        let cell = |deg: f64| (deg * CELLS_PER_DEGREE).floor() as i32;
        let key = (cell(place.latitude_deg), cell(place.longitude_deg));
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let middle = |n: i32| (f64::from(n) + 0.5) / CELLS_PER_DEGREE;
        let centre = Place { latitude_deg: middle(key.0).clamp(-90.0, 90.0), longitude_deg: middle(key.1) };
        let value = height::geoid_undulation_m(centre);
        if self.known.len() >= KEPT_MAX {
            self.known.clear();
        }
        self.known.insert(key, value);
        value
    }

    /// Height above the ellipsoid: as said, or from mean sea level. Pressure and relative heights are not converted.
    pub(crate) fn ellipsoid_m(&mut self, heights: &Heights, place: Place) -> Option<f64> {
        heights.height_ellipsoid_m.or_else(|| heights.altitude_msl_m.map(|h| h + self.undulation_m(place)))
    }

    /// Altitude above mean sea level: as said, or from the ellipsoid.
    pub(crate) fn msl_m(&mut self, heights: &Heights, place: Place) -> Option<f64> {
        heights.altitude_msl_m.or_else(|| heights.height_ellipsoid_m.map(|h| h - self.undulation_m(place)))
    }
}

/// Metres with centimetres.
pub(crate) fn metres(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_neighbourhood_is_good_enough() {
        let mut geoid = Geoid::default();
        // Switzerland, and the steep geoid south of India.
        for (lat, lon) in [(47.123_4, 8.567_8), (5.004, 80.5), (-33.9, 18.4), (64.1, -21.9)] {
            let place = Place { latitude_deg: lat, longitude_deg: lon };
            let near = geoid.undulation_m(place);
            assert!((near - height::geoid_undulation_m(place)).abs() < 0.3, "{place:?}");
        }
        let pressure = Heights { altitude_pressure_m: Some(300.0), ..Heights::UNKNOWN };
        let place = Place { latitude_deg: 47.0, longitude_deg: 8.0 };
        assert_eq!((geoid.msl_m(&pressure, place), geoid.ellipsoid_m(&pressure, place)), (None, None));
    }
}
