//! All zones of a site, found by place.

use super::flight::{Cloud, Encounter, Flight, Points};
use super::outline::{Outline, metres_per_degree};
use lapwing_model::{Place, Zone, math};
use std::collections::BTreeMap;

/// Cells of 0.02 degrees (2 km), about the reach of a drone within a lead time. A zone over more cells than this is looked
/// at every time, a search over more cells looks at every zone.
const CELLS_MAX: f64 = 1024.0;
const CELLS_PER_DEG: f64 = 50.0;
const CELLS_AROUND: i32 = 18_000;

/// A site's zones, made ready.
#[derive(Debug)]
pub(crate) struct ZoneIndex {
    zones: Vec<(Zone, Option<Outline>)>,
    cells: BTreeMap<(i32, i32), Vec<usize>>,
    wide: Vec<usize>,
    points: Points,
}

impl ZoneIndex {
    /// Whether there is no zone.
    pub(crate) fn is_empty(&self) -> bool {
        self.zones.is_empty()
    }

    /// Makes zones ready; the first [`lapwing_model::limits::ZONES_MAX`] of them.
    pub(crate) fn new(zones: &[Zone]) -> Self {
        let zones: Vec<_> =
            zones.iter().take(lapwing_model::limits::ZONES_MAX).map(|z| (z.clone(), Outline::new(&z.shape))).collect();
        let (mut cells, mut wide) = (BTreeMap::<_, Vec<usize>>::new(), Vec::new());
        for (i, (_, outline)) in zones.iter().enumerate() {
            let Some(outline) = outline else { continue };
            let (west, width, south, north) = outline.bounds_deg();
            match cells_of(west, width, south, north) {
                Some(list) => list.for_each(|cell| cells.entry(cell).or_default().push(i)),
                None => wide.push(i),
            }
        }
        Self { zones, cells, wide, points: Points::new() }
    }

    /// A zone by its number.
    pub(crate) fn zone(&self, number: usize) -> Option<&Zone> {
        self.zones.get(number).map(|(zone, _)| zone)
    }

    /// Numbers of the zones whose box comes within `reach_m` of a place, ascending.
    pub(crate) fn near(&self, place: Place, reach_m: f64) -> Vec<usize> {
        let (kx, ky) = metres_per_degree(place.latitude_deg);
        let (dlon, dlat) = (reach_m / kx, reach_m / ky);
        let (south, north) = (place.latitude_deg - dlat, place.latitude_deg + dlat);
        let mut found = self.wide.clone();
        match cells_of(place.longitude_deg - dlon, 2.0 * dlon, south, north) {
            Some(list) => found.extend(list.filter_map(|cell| self.cells.get(&cell)).flatten()),
            None => found = (0..self.zones.len()).collect(),
        }
        found.sort_unstable();
        found.dedup();
        found.retain(|i| {
            self.zones.get(*i).and_then(|(_, o)| o.as_ref()).is_some_and(|o| o.box_within(place, dlon, dlat))
        });
        found
    }

    /// The points that stand for a flight's uncertainty, made once for all zones it may meet.
    pub(crate) fn cloud(&self, flight: &Flight) -> Cloud {
        self.points.of(flight)
    }

    /// How a flight meets a zone, looking `lead_s` ahead.
    pub(crate) fn encounter(&self, number: usize, flight: &Flight, cloud: &Cloud, lead_s: f64) -> Option<Encounter> {
        let (zone, outline) = self.zones.get(number)?;
        Some(flight.meet(zone, outline.as_ref()?, cloud, lead_s))
    }
}

/// The cells a box touches, `None` when there are too many.
fn cells_of(west: f64, width: f64, south: f64, north: f64) -> Option<impl Iterator<Item = (i32, i32)>> {
    let columns = math::floor(width * CELLS_PER_DEG) + 2.0;
    let rows = math::floor((north - south) * CELLS_PER_DEG) + 2.0;
    // A NaN or an infinity fails the comparison and lands in the exhaustive branch.
    if !(columns * rows <= CELLS_MAX && columns > 0.0 && rows > 0.0) {
        return None;
    }
    let (x, y) = (math::floor(west * CELLS_PER_DEG) as i32, math::floor(south * CELLS_PER_DEG) as i32);
    let (columns, rows) = (columns as i32, rows as i32);
    Some((0..columns).flat_map(move |i| (0..rows).map(move |j| ((x + i).rem_euclid(CELLS_AROUND), y + j))))
}
