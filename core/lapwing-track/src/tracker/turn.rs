//! A turn of a rotating sensor, taken in by sectors.

use super::*;
use crate::reading::Kind;

/// Farther beside the sector of its time than errors of the azimuth explain, radians.
const ASTRAY_RAD: f64 = 0.1;

impl Tracker {
    /// A turn of a rotating sensor: taken in by sectors, each at its own time.
    #[expect(clippy::too_many_arguments, reason = "the second half of `observe_scan`")]
    pub(super) fn observe_turn(
        &mut self,
        sensor: &Sensor,
        number: u32,
        scan: &Scan,
        observations: &[Observation],
        mut readings: Vec<Reading>,
        which: &[u32],
        outcomes: &mut [Outcome],
        first: usize,
    ) {
        let period = sensor.interval.as_seconds_f64().max(0.01);
        let width = math::TAU / SECTORS as f64;
        let from = self.posts.get(number as usize).and_then(|post| post.frame);
        let mut parts: Vec<(Vec<Reading>, Vec<u32>)> = (0..SECTORS).map(|_| (Vec::new(), Vec::new())).collect();
        for (reading, i) in readings.drain(..).zip(which) {
            let part = reading.at.since(scan.began_at).as_seconds_f64() / period * SECTORS as f64;
            let part = (math::floor(part).max(0.0) as usize).min(SECTORS - 1);
            let part = where_seen(&reading, from.as_ref(), part, width).unwrap_or(part);
            if let Some((list, indices)) = parts.get_mut(part) {
                list.push(reading);
                indices.push(*i);
            }
        }
        self.spare_readings.push(readings);
        for (part, (readings, indices)) in parts.into_iter().enumerate() {
            let at = scan.began_at + Span::from_seconds_f64(period * part as f64 / SECTORS as f64);
            let key = look_key(self.rank(number), scan.began_at, scan.number.unwrap_or(0), part as u64 + 1);
            let look = Look {
                sensor: number,
                at,
                complete: true,
                sector: Some((width * part as f64, width)),
                last: part + 1 == SECTORS,
                part_of: None,
                readings,
                key,
                unseen_since: None,
            };
            let order = Order { at, sensor: self.rank(number), key };
            let mut out = Vec::new();
            let told: Vec<Observation> =
                indices.iter().filter_map(|i| observations.get(*i as usize)).cloned().collect();
            self.submit(order, Act::Look(look), Some(&told), &mut out);
            for (i, outcome) in indices.iter().zip(out) {
                if let Some(cell) = outcomes.get_mut(first + *i as usize) {
                    *cell = outcome;
                }
            }
        }
    }
}

/// The sector a reading was seen in, where that is far from the one it should be in by its time: that is of another clock than the
/// scan's. `None` where both agree, or where it has no azimuth.
fn where_seen(reading: &Reading, from: Option<&LocalFrame>, by_time: usize, width: f64) -> Option<usize> {
    let (azimuth, slack) = match reading.kind {
        Kind::Polar { .. } | Kind::Bearing { .. } => (reading.value[1], 0.0),
        Kind::Position { .. } => {
            let seen = from?.ecef_to_enu(reading.point);
            let range_m = math::hypot(seen.east_m, seen.north_m).max(1.0);
            (seen.azimuth_rad(), 3.0 * math::sqrt(reading.variance[0].max(0.0)) / range_m)
        }
        Kind::RangeDifference => return None,
    };
    let azimuth = math::wrap_tau(azimuth);
    let off_middle = math::wrap_tau(azimuth - width * (by_time as f64 + 0.5));
    let off = off_middle.min(math::TAU - off_middle) - width / 2.0;
    (off > ASTRAY_RAD + slack).then(|| (math::floor(azimuth / width) as usize).min(SECTORS - 1))
}
