//! Tracks by place: a hash grid over the earth's surface, so that only what is near is asked. Its own table and not a
//! library's, because the order of a walk must be the same on every machine.

use crate::gaussian::Vector;
use crate::region::RegionId;
use lapwing_model::{Place, geo, math};
use std::sync::OnceLock;

/// Side of a cell, metres.
const CELL_M: f64 = 2_000.0;
/// Metres per degree of latitude, at least.
pub(crate) const METRES_PER_DEG: f64 = 110_500.0;
/// How far a thing may be from where it is filed before it must be filed anew, metres.
pub(crate) const SLACK_M: f64 = 400.0;
/// How far it may have moved before it is filed anew at all: most looks move an aircraft by a few metres.
const MOVED_M: f64 = 50.0;
const NONE: u32 = u32::MAX;

/// Where a thing was filed: region, east and north in it.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Filed(RegionId, f64, f64);

impl Filed {
    pub(crate) fn at(region: RegionId, mean: &Vector) -> Self {
        Self(region, mean[0], mean[1])
    }

    /// Whether a thing that is here now must be filed anew.
    pub(crate) fn has_moved_from(self, before: Self) -> bool {
        let far = |a: f64, b: f64| !(math::fabs(a - b) < MOVED_M);
        self.0 != before.0 || far(self.1, before.1) || far(self.2, before.2)
    }
}

#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
struct Item {
    row: u32,
    column: u32,
    next: u32,
    previous: u32,
    filed: bool,
}

/// Slots by place.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Grid {
    heads: Vec<u32>,
    items: Vec<Item>,
    count: usize,
}

impl Default for Grid {
    fn default() -> Self {
        Self { heads: vec![NONE; 1024], items: Vec::new(), count: 0 }
    }
}

const ROW_DEG: f64 = CELL_M / METRES_PER_DEG;

/// Cells in a row: fewer towards the poles, one at them.
fn columns(row: u32) -> u32 {
    static COLUMNS: OnceLock<Vec<u32>> = OnceLock::new();
    let rows = || (0..=row_of(90.0)).map(columns_at).collect();
    COLUMNS.get_or_init(rows).get(row as usize).copied().unwrap_or(1)
}

fn columns_at(row: u32) -> u32 {
    let latitude = (f64::from(row) + 0.5) * ROW_DEG - 90.0;
    math::floor(360.0 / ROW_DEG * math::cos(math::rad(latitude)).max(0.0)).max(1.0) as u32
}

fn row_of(latitude_deg: f64) -> u32 {
    // A float to integer cast saturates: below the pole is row 0.
    math::floor((latitude_deg + 90.0) / ROW_DEG) as u32
}

fn column_of(longitude_deg: f64, columns: u32) -> u32 {
    let part = (longitude_deg + 180.0) / 360.0;
    (math::floor(part * f64::from(columns)) as u32).min(columns - 1)
}

/// The cell of a place.
pub(crate) fn cell(place: Place) -> (u32, u32) {
    let row = row_of(place.latitude_deg);
    (row, column_of(place.longitude_deg, columns(row)))
}

impl Grid {
    /// Whether every list in it ends, and names only what is filed.
    pub(crate) fn is_sound(&self) -> bool {
        if !self.heads.len().is_power_of_two() {
            return false;
        }
        let mut filed = 0;
        for head in &self.heads {
            let mut slot = *head;
            while slot != NONE {
                let Some(item) = self.items.get(slot as usize).filter(|i| i.filed) else { return false };
                filed += 1;
                if filed > self.count {
                    return false;
                }
                slot = item.next;
            }
        }
        let ours = |slot: u32| slot == NONE || (slot as usize) < self.items.len();
        filed == self.count && self.items.iter().all(|i| ours(i.next) && ours(i.previous))
    }

    fn bucket(&self, row: u32, column: u32) -> usize {
        let mixed = (u64::from(row) << 32 | u64::from(column)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 32) as usize & (self.heads.len() - 1)
    }

    /// Files `slot` at a place; wherever it was filed before is forgotten.
    pub(crate) fn file(&mut self, slot: u32, place: Place) {
        let (row, column) = cell(place);
        let at = slot as usize;
        if at >= self.items.len() {
            let empty = Item { row: 0, column: 0, next: NONE, previous: NONE, filed: false };
            self.items.resize(at + 1, empty);
        }
        if self.items[at].filed {
            if self.items[at].row == row && self.items[at].column == column {
                return;
            }
            self.forget(slot);
        }
        if self.count >= self.heads.len() * 2 {
            self.grow();
        }
        self.link(slot, row, column);
        self.count += 1;
    }

    fn link(&mut self, slot: u32, row: u32, column: u32) {
        let bucket = self.bucket(row, column);
        let next = self.heads[bucket];
        self.items[slot as usize] = Item { row, column, next, previous: NONE, filed: true };
        if next != NONE {
            self.items[next as usize].previous = slot;
        }
        self.heads[bucket] = slot;
    }

    fn grow(&mut self) {
        self.heads = vec![NONE; self.heads.len() * 4];
        for slot in 0..self.items.len() as u32 {
            let item = self.items[slot as usize];
            if item.filed {
                self.link(slot, item.row, item.column);
            }
        }
    }

    /// Takes `slot` out.
    pub(crate) fn forget(&mut self, slot: u32) {
        let Some(item) = self.items.get(slot as usize).copied().filter(|i| i.filed) else { return };
        if item.previous == NONE {
            let bucket = self.bucket(item.row, item.column);
            self.heads[bucket] = item.next;
        } else {
            self.items[item.previous as usize].next = item.next;
        }
        if item.next != NONE {
            self.items[item.next as usize].previous = item.previous;
        }
        self.items[slot as usize].filed = false;
        self.count -= 1;
    }

    /// Everything filed in a cell that touches the circle, appended to `out`: more than is inside, never less.
    pub(crate) fn near(&self, place: Place, radius_m: f64, out: &mut Vec<u32>) {
        let radius_m = radius_m + SLACK_M;
        let reach_deg = radius_m / METRES_PER_DEG;
        let (south, north) = (place.latitude_deg - reach_deg, place.latitude_deg + reach_deg);
        let (first, last) = (row_of(south.max(-90.0)), row_of(north.min(90.0)));
        // The greatest longitude a circle on a sphere reaches: asin(sin d / cos latitude); all around near the poles.
        let angle = radius_m / (geo::SEMI_MAJOR_M * 0.993);
        let ratio = math::sin(angle.min(math::PI / 2.0)) / math::cos(math::rad(place.latitude_deg)).max(1e-12);
        let round = south <= -90.0 || north >= 90.0 || ratio >= 1.0;
        let half_deg = if round { 180.0 } else { math::deg(math::asin(ratio)) };
        for row in first..=last {
            let n = columns(row);
            let (from, to) = (place.longitude_deg - half_deg, place.longitude_deg + half_deg);
            if to - from >= 360.0 {
                self.span(row, 0, n - 1, out);
            } else if from < -180.0 {
                self.span(row, 0, column_of(to, n), out);
                self.span(row, column_of(from + 360.0, n), n - 1, out);
            } else if to >= 180.0 {
                self.span(row, column_of(from, n), n - 1, out);
                self.span(row, 0, column_of(to - 360.0, n), out);
            } else {
                self.span(row, column_of(from, n), column_of(to, n), out);
            }
        }
    }

    fn span(&self, row: u32, from: u32, to: u32, out: &mut Vec<u32>) {
        // A circle of many cells with few things in it: walk the things instead.
        if (to - from) as usize > self.count.max(64) {
            let inside = |i: &&Item| i.filed && i.row == row && (from..=to).contains(&i.column);
            out.extend(
                (0..self.items.len() as u32).filter(|s| self.items.get(*s as usize).is_some_and(|i| inside(&i))),
            );
            return;
        }
        for column in from..=to {
            let mut slot = self.heads[self.bucket(row, column)];
            while slot != NONE {
                let item = &self.items[slot as usize];
                if item.row == row && item.column == column {
                    out.push(slot);
                }
                slot = item.next;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_inside_the_circle_is_missed() {
        let middles = [(47.0, 8.0), (0.0, 179.999), (-89.99, 20.0), (89.99, -170.0), (60.0, -180.0)];
        for (latitude_deg, longitude_deg) in middles {
            let middle = Place { latitude_deg, longitude_deg };
            let mut grid = Grid::default();
            let mut places = Vec::new();
            for i in 0..3_000u32 {
                let (a, b) = (f64::from(i * 7919 % 1000) / 1000.0 - 0.5, f64::from(i * 104_729 % 997) / 997.0 - 0.5);
                let latitude = (latitude_deg + a * 0.4).clamp(-90.0, 90.0);
                let lon = longitude_deg + b * 0.4 / math::cos(math::rad(latitude)).max(0.01);
                let longitude = if lon > 180.0 {
                    lon - 360.0
                } else if lon < -180.0 {
                    lon + 360.0
                } else {
                    lon
                };
                let place = Place { latitude_deg: latitude, longitude_deg: longitude.clamp(-180.0, 180.0) };
                places.push(place);
                grid.file(i, place);
            }
            for radius in [10.0, 900.0, 5_000.0, 30_000.0] {
                let mut got = Vec::new();
                grid.near(middle, radius, &mut got);
                got.sort_unstable();
                let before = got.len();
                got.dedup();
                assert_eq!(before, got.len(), "each once");
                for (i, place) in places.iter().enumerate() {
                    let inside = middle.distance_m(*place) < radius * 0.99;
                    assert!(!inside || got.binary_search(&(i as u32)).is_ok(), "{place:?} within {radius}");
                }
            }
        }
    }

    #[test]
    fn what_is_forgotten_is_gone() {
        let mut grid = Grid::default();
        let place = Place { latitude_deg: 47.0, longitude_deg: 8.0 };
        for slot in 0..100 {
            grid.file(slot, place);
        }
        for slot in (0..100).step_by(2) {
            grid.forget(slot);
        }
        grid.file(1, Place { latitude_deg: 48.0, longitude_deg: 8.0 });
        let mut got = Vec::new();
        grid.near(place, 10.0, &mut got);
        got.sort_unstable();
        assert_eq!(got, (3..100).step_by(2).collect::<Vec<u32>>());
    }
}
