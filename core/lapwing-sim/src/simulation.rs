//! A scenario played: what every sensor sends, in order of time.

use crate::random::Random;
use crate::scenario::{Scenario, SensorModel, SimSensor};
use crate::sensors::{RadarModel, claimed, radar_scan, relative, rssi_dbm};
use crate::truth::Truth;
use crate::wire;
use lapwing_model::{Enu, LocalFrame, Span, Time};

/// How often a Remote ID drone transmits, seconds.
const REMOTE_ID_PERIOD_S: f64 = 1.0;
/// How often an aircraft squitters its position, seconds.
const SQUITTER_PERIOD_S: f64 = 0.5;
/// Ticks of a Mode S receiver's counter per second.
const BEAST_TICKS_PER_S: f64 = 12e6;

/// Bytes a sensor sends at a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Emission {
    /// When.
    pub at: Time,
    /// Which sensor, by its place in the scenario.
    pub sensor: usize,
    /// What it sends: one datagram, message or piece of a stream.
    pub bytes: Vec<u8>,
    /// For a Remote ID receiver: the same transmission as the radiotap frame a Wi-Fi sniffer captures.
    pub frame: Option<Vec<u8>>,
}

/// One thing that happens again and again: a radar's scan, an object's broadcast as one receiver hears it.
#[derive(Debug, Clone)]
struct Recurring {
    sensor: usize,
    /// The object whose broadcast it is; `None` for a scan.
    object: Option<usize>,
    period_s: f64,
    phase_s: f64,
    done: u64,
    random: Random,
}

impl Recurring {
    fn next_s(&self) -> f64 {
        self.phase_s + self.done as f64 * self.period_s
    }
}

/// A scenario on its way. An iterator of [`Emission`]s in order of time, to the scenario's end.
#[derive(Debug, Clone)]
pub struct Simulation {
    scenario: Scenario,
    truth: Truth,
    start: Time,
    recurring: Vec<Recurring>,
}

impl Simulation {
    /// `scenario` from `start` on.
    pub fn new(scenario: Scenario, start: Time) -> Self {
        let truth = Truth::new(&scenario);
        let random = Random::new(scenario.seed);
        let mut recurring = Vec::new();
        for (s, sensor) in scenario.sensors.iter().enumerate() {
            let stream = |object: usize| random.split((s as u64 + 1) * 65_536 + object as u64);
            match sensor.model {
                SensorModel::Radar { period_s, .. } => {
                    // Radars do not turn in step.
                    let phase_s = period_s * (s % 4) as f64 / 4.0;
                    recurring.push(Recurring {
                        sensor: s,
                        object: None,
                        period_s,
                        phase_s,
                        done: 0,
                        random: stream(0),
                    });
                }
                SensorModel::RemoteId { .. } | SensorModel::Adsb { .. } => {
                    let remote_id = matches!(sensor.model, SensorModel::RemoteId { .. });
                    let period_s = if remote_id { REMOTE_ID_PERIOD_S } else { SQUITTER_PERIOD_S };
                    for (o, object) in scenario.objects.iter().enumerate() {
                        if (remote_id && object.remote_id.is_some()) || (!remote_id && object.adsb.is_some()) {
                            let phase_s = period_s * (o % 7) as f64 / 7.0;
                            recurring.push(Recurring {
                                sensor: s,
                                object: Some(o),
                                period_s,
                                phase_s,
                                done: 0,
                                random: stream(o + 1),
                            });
                        }
                    }
                }
            }
        }
        Self { scenario, truth, start, recurring }
    }

    /// The scenario's truth.
    pub fn truth(&self) -> &Truth {
        &self.truth
    }

    /// The instant `t` seconds into the scenario.
    fn time(&self, t: f64) -> Time {
        self.start + Span::from_seconds_f64(t)
    }
}

/// Whether a sensor works at `t` seconds.
fn alive(sensor: &SimSensor, t: f64) -> bool {
    match (sensor.dies_at_s, sensor.returns_at_s) {
        (Some(dies), Some(returns)) => t < dies || t >= returns,
        (Some(dies), None) => t < dies,
        _ => true,
    }
}

impl Iterator for Simulation {
    type Item = Emission;

    fn next(&mut self) -> Option<Emission> {
        loop {
            // Few recur, so the next is found by looking at all; of equals the first.
            let (index, t) = self
                .recurring
                .iter()
                .map(Recurring::next_s)
                .enumerate()
                .reduce(|best, next| if next.1 < best.1 { next } else { best })?;
            if t >= self.scenario.duration_s {
                return None;
            }
            let mut recurring = self.recurring.get(index)?.clone();
            let emission = self.emission(&mut recurring, t);
            recurring.done += 1;
            *self.recurring.get_mut(index)? = recurring;
            if emission.is_some() {
                return emission;
            }
        }
    }
}

impl Simulation {
    /// What `recurring` comes to at `t` seconds; `None` when its sensor is dead or hears nothing.
    fn emission(&self, recurring: &mut Recurring, t: f64) -> Option<Emission> {
        let sensor = self.scenario.sensors.get(recurring.sensor)?;
        if !alive(sensor, t) {
            return None;
        }
        let at = self.time(t);
        let emission = |bytes, frame| Some(Emission { at, sensor: recurring.sensor, bytes, frame });
        let place = Enu::from(sensor.place);
        match (&sensor.model, recurring.object) {
            (model @ SensorModel::Radar { .. }, _) => {
                let radar = RadarModel::of(model, place)?;
                let plots = radar_scan(&self.truth, &radar, t, at, recurring.done, &mut recurring.random);
                emission(wire::radar_scan(plots, at, recurring.done), None)
            }
            (SensorModel::RemoteId { range_max_m }, Some(o)) => {
                let object = self.truth.objects().get(o)?;
                let said = object.remote_id.as_ref()?;
                let state = self.truth.state(o, t)?;
                let distance_m = relative(state.position, place).length_m();
                if distance_m > *range_max_m {
                    return None;
                }
                let lie = claimed(object, state, t);
                let operator =
                    said.operator.map(Enu::from).or_else(|| Some(self.truth.state(o, object.from_s)?.position));
                let operator = operator.map(|p| self.truth.geodetic(p).place());
                let messages = wire::remote_id_messages(object, lie, self.truth.geodetic(lie.position), operator, at)?;
                let rssi = rssi_dbm(distance_m, &mut recurring.random);
                let bytes = wire::dronescout(&sensor.id, at, &said.mac, rssi, &messages);
                // The counter of the broadcast wraps at 256.
                let counter = recurring.done as u8;
                emission(bytes, Some(wire::beacon(&said.mac, counter, rssi, (t * 1e6) as u64, &messages)))
            }
            (SensorModel::Adsb { range_max_m }, Some(o)) => {
                let object = self.truth.objects().get(o)?;
                let state = self.truth.state(o, t)?;
                if relative(state.position, place).length_m() > *range_max_m {
                    return None;
                }
                let here = self.truth.geodetic(state.position);
                // ADS-B speaks of east and north where the aircraft is, not where the scenario's frame has them.
                let velocity = LocalFrame::new(here).rotate(self.truth.frame().unrotate(state.velocity));
                let ticks = (t * BEAST_TICKS_PER_S) as u64;
                emission(wire::squitters(object.adsb.as_ref()?, here, velocity, recurring.done, ticks), None)
            }
            (_, None) => None,
        }
    }
}

#[cfg(test)]
mod tests;
