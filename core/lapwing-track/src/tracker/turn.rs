//! A turn of a rotating sensor, taken in by sectors.

use super::*;

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
        let mut parts: Vec<(Vec<Reading>, Vec<u32>)> = (0..SECTORS).map(|_| (Vec::new(), Vec::new())).collect();
        for (reading, i) in readings.drain(..).zip(which) {
            let part = reading.at.since(scan.began_at).as_seconds_f64() / period * SECTORS as f64;
            let part = (math::floor(part).max(0.0) as usize).min(SECTORS - 1);
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
