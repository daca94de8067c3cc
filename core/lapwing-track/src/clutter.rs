//! Where a sensor sees false plots again and again: a clutter map (Musicki & Evans 2006, *Clutter map information for data
//! association and track initialization*). Masts, trees and roads give plots in the same place; a density spread evenly
//! over the coverage would take them for hovering drones.

use lapwing_model::math;
use std::sync::OnceLock;

/// Cells around the compass.
const AZIMUTHS: usize = 72;
/// Cells along the range.
const RANGES: usize = 40;
/// Weight of a look in the running mean of a cell.
const WEIGHT: f64 = 0.06;

/// Stray plots per look in cells of range and azimuth.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct ClutterMap {
    /// Empty until the first plot.
    cells: Vec<Cell>,
    looks: u32,
}

/// Both together: of a thousand sensors hardly any cell is at hand when it is asked for.
#[derive(Debug, Clone, Copy, Default, serde::Serialize, serde::Deserialize)]
struct Cell {
    /// Mean stray plots per look.
    mean: f32,
    /// Looks so far when it was brought up to date.
    touched: u32,
}

fn cell(range_m: f64, range_max_m: f64, azimuth_rad: f64) -> usize {
    let a = (math::wrap_tau(azimuth_rad) / math::TAU * AZIMUTHS as f64) as usize;
    let r = (range_m / range_max_m * RANGES as f64).max(0.0) as usize;
    r.min(RANGES - 1) * AZIMUTHS + a.min(AZIMUTHS - 1)
}

/// What is left of a mean after so many looks without a plot.
fn kept(looks: u32) -> f64 {
    static KEPT: OnceLock<[f64; 256]> = OnceLock::new();
    let power = |looks: f64| math::pow(1.0 - WEIGHT, looks);
    let known = KEPT.get_or_init(|| std::array::from_fn(|looks| power(looks as f64)));
    known.get(looks as usize).copied().unwrap_or_else(|| power(f64::from(looks)))
}

impl ClutterMap {
    /// A look has ended.
    pub(crate) fn looked(&mut self) {
        self.looks = self.looks.saturating_add(1);
    }

    /// A plot belonged to no aircraft with probability `stray`.
    pub(crate) fn strayed(&mut self, range_m: f64, range_max_m: f64, azimuth_rad: f64, stray: f64) {
        if self.cells.is_empty() {
            self.cells = vec![Cell::default(); AZIMUTHS * RANGES];
        }
        let at = cell(range_m, range_max_m, azimuth_rad);
        let now = self.at(at);
        if let Some(cell) = self.cells.get_mut(at) {
            *cell = Cell { mean: (now + WEIGHT * stray) as f32, touched: self.looks };
        }
    }

    /// A cell's mean, faded by the looks since it was touched.
    fn at(&self, cell: usize) -> f64 {
        let Some(Cell { mean, touched }) = self.cells.get(cell).copied() else { return 0.0 };
        if mean == 0.0 {
            return 0.0;
        }
        f64::from(mean) * kept(self.looks.saturating_sub(touched))
    }

    /// Stray plots expected per look in the cell around a place, in units of an even spread of `per_look` over all cells;
    /// never below one.
    pub(crate) fn excess(&self, range_m: f64, range_max_m: f64, azimuth_rad: f64, per_look: f64) -> f64 {
        if self.cells.is_empty() {
            return 1.0;
        }
        let even = per_look / (AZIMUTHS * RANGES) as f64;
        (self.at(cell(range_m, range_max_m, azimuth_rad)) / even.max(1e-9)).max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_is_learned_and_forgotten() {
        let mut map = ClutterMap::default();
        assert_eq!(map.excess(1_000.0, 5_000.0, 1.0, 15.0), 1.0);
        for _ in 0..30 {
            map.looked();
            map.strayed(1_000.0, 5_000.0, 1.0, 0.7);
        }
        let there = map.excess(1_000.0, 5_000.0, 1.0, 15.0);
        assert!(there > 50.0, "{there}");
        assert_eq!(map.excess(1_000.0, 5_000.0, 2.0, 15.0), 1.0, "and nowhere else");
        for _ in 0..200 {
            map.looked();
        }
        assert_eq!(map.excess(1_000.0, 5_000.0, 1.0, 15.0), 1.0);
    }
}
