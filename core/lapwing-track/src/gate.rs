//! Which tracks a measurement may belong to: chi-square gates, and a spatial index so that only tracks nearby are asked.

use lapwing_model::{Place, TrackId, geo, math};
use std::collections::BTreeMap;

/// Normalised innovation squared that a right association stays below in 999 of 1,000 cases, by number of components
/// (quantiles of the chi-square distribution).
pub(crate) fn gate(components: usize) -> f64 {
    match components {
        0 | 1 => 10.828,
        2 => 13.816,
        3 => 16.266,
        4 => 18.467,
        5 => 20.515,
        _ => 22.458,
    }
}

/// Grids: cell size and the greatest reach of what is kept in it, metres. What reaches farther lives in a coarser grid,
/// so that a few uncertain tracks do not widen the search for all. Named tracks have grids of their own: a claim under
/// another name need not ask them, so a flood of forged names in one place costs each claim nothing.
const LEVELS: [(f64, f64); 4] = [(500.0, 400.0), (4_000.0, f64::INFINITY), (500.0, 400.0), (4_000.0, f64::INFINITY)];
/// The first level of named tracks.
const NAMED: usize = 2;
/// Metres per degree of latitude, at least.
const METRES_PER_DEG: f64 = 110_500.0;

/// Level, row of equal latitude, cell in the row (all of about equal width); sorted, so neighbours in a row are one
/// range.
type Cell = (u8, u32, u32);

/// Where a track is filed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Filed {
    cell: Cell,
    place: Place,
    reach_m: f64,
}

/// Tracks by place.
#[derive(Debug, Clone, Default)]
pub(crate) struct Index {
    cells: BTreeMap<(Cell, TrackId), (Place, f64)>,
}

fn row_deg(level: usize) -> f64 {
    LEVELS[level.min(3)].0 / METRES_PER_DEG
}

/// Cells in a row: fewer towards the poles, one at them.
fn columns(level: usize, row: u32) -> u32 {
    let step = row_deg(level);
    let latitude = (f64::from(row) + 0.5) * step - 90.0;
    math::floor(360.0 / step * math::cos(math::rad(latitude)).max(0.0)).max(1.0) as u32
}

fn row(level: usize, latitude_deg: f64) -> u32 {
    // A float to integer cast saturates: below the pole is row 0.
    math::floor((latitude_deg + 90.0) / row_deg(level)) as u32
}

fn column(longitude_deg: f64, columns: u32) -> u32 {
    let part = (longitude_deg + 180.0) / 360.0;
    (math::floor(part * f64::from(columns)) as u32).min(columns - 1)
}

impl Filed {
    /// At `place`, possibly up to `reach_m` from there.
    pub(crate) fn new(place: Place, reach_m: f64, named: bool) -> Self {
        let level = usize::from(reach_m > LEVELS[0].1) + if named { NAMED } else { 0 };
        let row = row(level, place.latitude_deg);
        Self { cell: (level as u8, row, column(place.longitude_deg, columns(level, row))), place, reach_m }
    }
}

impl Index {
    pub(crate) fn insert(&mut self, filed: Filed, id: TrackId) {
        self.cells.insert((filed.cell, id), (filed.place, filed.reach_m));
    }

    pub(crate) fn remove(&mut self, filed: Filed, id: TrackId) {
        self.cells.remove(&(filed.cell, id));
    }

    /// Tracks that may be within `radius_m` of `place` once their own reach (at most `reach_max_m`) is added, in a fixed
    /// order, appended to `out`. Named ones only when asked for.
    pub(crate) fn near(&self, place: Place, radius_m: f64, reach_max_m: f64, named: bool, out: &mut Vec<TrackId>) {
        let levels = if named { LEVELS.len() } else { NAMED };
        for (level, (_, reach)) in LEVELS.iter().enumerate().take(levels) {
            self.near_in(level, place, radius_m, reach.min(reach_max_m), out);
        }
    }

    fn near_in(&self, level: usize, place: Place, own_m: f64, reach_max_m: f64, out: &mut Vec<TrackId>) {
        let radius_m = own_m + reach_max_m;
        let reach_deg = radius_m / METRES_PER_DEG;
        let (south, north) = (place.latitude_deg - reach_deg, place.latitude_deg + reach_deg);
        let (first, last) = (row(level, south.max(-90.0)), row(level, north.min(90.0)));
        // The greatest longitude a circle on a sphere reaches: asin(sin d / cos latitude); all around near the poles.
        let angle = radius_m / (geo::SEMI_MAJOR_M * 0.993);
        let ratio = math::sin(angle.min(math::PI / 2.0)) / math::cos(math::rad(place.latitude_deg)).max(1e-12);
        let half_deg =
            if south <= -90.0 || north >= 90.0 || ratio >= 1.0 { 180.0 } else { math::deg(math::asin(ratio)) };
        for row in first..=last {
            let n = columns(level, row);
            let mut take = |from: u32, to: u32| {
                let (l, least, greatest) = (level as u8, TrackId(u64::MIN), TrackId(u64::MAX));
                let range = ((l, row, from), least)..=((l, row, to), greatest);
                let meant = self.cells.range(range).filter(|(_, (there, reach))| {
                    // The latitude alone rules most out; the distance is good to 0.6 %.
                    math::fabs(there.latitude_deg - place.latitude_deg) <= reach_deg
                        && 0.99 * place.distance_m(*there) <= own_m + reach.min(reach_max_m)
                });
                out.extend(meant.map(|((_, id), _)| *id));
            };
            let (west, east) = (place.longitude_deg - half_deg, place.longitude_deg + half_deg);
            if half_deg >= 179.0 || n < 4 {
                take(0, n - 1);
            } else if west < -180.0 {
                let (to, from) = (column(east, n), column(west + 360.0, n));
                if from > to {
                    take(0, to);
                    take(from, n - 1);
                } else {
                    take(0, n - 1);
                }
            } else if east >= 180.0 {
                let (to, from) = (column(east - 360.0, n), column(west, n));
                if from > to {
                    take(0, to);
                    take(from, n - 1);
                } else {
                    take(0, n - 1);
                }
            } else {
                take(column(west, n), column(east, n));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        /// Whatever is within reach is found, over the whole globe, poles and antimeridian included.
        #[test]
        fn nothing_near_is_missed(
            latitude in prop_oneof![-90.0..=90.0f64, 89.8..=90.0f64, -90.0..=-89.8f64],
            longitude in prop_oneof![-180.0..=180.0f64, 179.9..=180.0f64, -180.0..=-179.9f64],
            others in prop::collection::vec((-1.0..1.0f64, -1.0..1.0f64, 0.0..3000.0f64), 1..30),
            radius in 1.0..3_000.0f64,
        ) {
            let place = Place { latitude_deg: latitude, longitude_deg: longitude };
            let frame = lapwing_model::LocalFrame::new(place.at_height(0.0));
            let mut index = Index::default();
            let mut expected = Vec::new();
            for (n, (e, north, reach)) in others.iter().enumerate() {
                let there = frame.to_geodetic(lapwing_model::Enu::new(e * 6_000.0, north * 6_000.0, 0.0)).place();
                let id = TrackId(n as u64 + 1);
                index.insert(Filed::new(there, *reach, n % 2 == 0), id);
                if place.distance_m(there) <= (radius + reach) * 0.99 {
                    expected.push(id);
                }
            }
            let mut got = Vec::new();
            index.near(place, radius, 3_000.0, true, &mut got);
            for id in expected {
                prop_assert!(got.contains(&id));
            }
            let n = got.len();
            got.sort();
            got.dedup();
            prop_assert_eq!(n, got.len(), "each once");
        }
    }

    #[test]
    fn far_tracks_are_not_asked() {
        let mut index = Index::default();
        let place = |i: u32| Place {
            latitude_deg: 47.0 + f64::from(i / 100) * 0.02,
            longitude_deg: 8.0 + f64::from(i % 100) * 0.02,
        };
        for i in 0..10_000 {
            index.insert(Filed::new(place(i), 100.0, i % 3 == 0), TrackId(u64::from(i)));
        }
        let mut got = Vec::new();
        index.near(place(5_050), 100.0, 1_000.0, true, &mut got);
        assert_eq!(got, vec![TrackId(5_050)], "of 10,000");
        got.clear();
        index.near(place(5_049), 100.0, 1_000.0, false, &mut got);
        assert_eq!(got, vec![], "5,049 has a name");
    }
}
