//! Geoid heights by neighbourhood: the harmonic sum costs tens of microseconds, and a claim a second per aircraft would
//! pay it each time.

use lapwing_model::{Place, height, math};
use std::collections::BTreeMap;

/// Cells per degree. Across a cell of a twentieth of a degree the geoid changes by well under
/// [`height::GEOID_ACCURACY_M`].
const CELLS_PER_DEG: f64 = 20.0;
/// Neighbourhoods remembered; then all are forgotten and asked again.
const CELLS_MAX: usize = 4_096;

/// A bounded memory of geoid heights.
#[derive(Debug, Clone, Default)]
pub(crate) struct Geoid {
    cells: BTreeMap<(i32, i32), f64>,
}

impl Geoid {
    /// The height of the geoid above the ellipsoid at the centre of the cell around `place`, metres.
    pub(crate) fn undulation_m(&mut self, place: Place) -> f64 {
        // In range by `Place`, so far from the limits of i32.
        let row = math::floor(place.latitude_deg * CELLS_PER_DEG) as i32;
        let column = math::floor(place.longitude_deg * CELLS_PER_DEG) as i32;
        if let Some(known) = self.cells.get(&(row, column)) {
            return *known;
        }
        let centre = |cell: i32| (f64::from(cell) + 0.5) / CELLS_PER_DEG;
        let value = height::geoid_undulation_m(Place { latitude_deg: centre(row), longitude_deg: centre(column) });
        if self.cells.len() >= CELLS_MAX {
            self.cells.clear();
        }
        self.cells.insert((row, column), value);
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_within_the_models_own_error() {
        let mut geoid = Geoid::default();
        for (latitude_deg, longitude_deg) in [(47.37, 8.54), (-16.8, 179.99), (27.99, 86.93), (89.999, -45.0)] {
            let place = Place { latitude_deg, longitude_deg };
            let exact = height::geoid_undulation_m(place);
            for _ in 0..2 {
                let got = geoid.undulation_m(place);
                assert!((got - exact).abs() < height::GEOID_ACCURACY_M, "{place:?}: {got} against {exact}");
            }
        }
    }
}
