//! The tracking itself, under the meter: one input after the other, and the picture at each tick.

use super::meter::{self, Meter};
use super::rows::{Detections, Step};
use super::scenario::{Scenario, seconds};
use super::sensors::Posts;
use super::writer::{TrackRow, Writer};
use crate::line::Line;
use lapwing_model::snapshot::Health;
use lapwing_model::{Event, EventBody, IdentityStatus, Ledger, Name, Position, SensorId, Time, Track};
use lapwing_picture::{Picture, TrackAt};
use lapwing_track::Config;
use std::collections::{BTreeMap, BTreeSet};

/// What came of it.
pub(super) struct Outcome {
    /// The rows of the answer.
    pub(super) tracks: Vec<u8>,
    /// What it cost.
    pub(super) meter: Meter,
    /// The books of every input.
    pub(super) ledgers: Vec<Ledger>,
}

/// Takes every step.
pub(super) fn drive(
    scenario: &Scenario,
    posts: &Posts,
    config: Config,
    detections: Detections,
) -> anyhow::Result<Outcome> {
    let Detections { steps, names, .. } = detections;
    let meter = meter::start();
    let picture = Picture::tuned(posts.site.clone(), scenario.start, 0, config);
    let mut line = Line::over(picture, scenario.start);
    let mut answer = Answer { posts, names: &names, writer: Writer::default(), told: BTreeSet::new(), ticks: 0 };
    for (number, step) in steps.into_iter().enumerate() {
        match step {
            Step::Input(at, input) => line.take_decoded(at, Some(Position(number as u64)), input, &mut answer),
            Step::Tick(at, t) => {
                line.tick(at, &mut answer);
                answer.tick(line.picture(), scenario, at, t);
            }
        }
    }
    let meter = meter.stop();
    let ledgers = line.snapshot().inputs.into_iter().map(|input| input.ledger).collect();
    Ok(Outcome { tracks: answer.writer.into_rows(), meter, ledgers })
}

/// The answer as it grows.
struct Answer<'a> {
    posts: &'a Posts,
    names: &'a BTreeMap<Name, String>,
    writer: Writer,
    /// Names already told as contradicted.
    told: BTreeSet<Name>,
    ticks: u64,
}

impl Answer<'_> {
    /// The picture at a tick: every live track, and the biases of the sensors.
    fn tick(&mut self, picture: &Picture, scenario: &Scenario, at: Time, t: f64) {
        for TrackAt { id, estimate, identity, classification } in picture.tracks_at(at) {
            let state = super::frame::state(&(&estimate).into(), &scenario.frame, scenario.flat);
            let name = identity.names.first();
            let written = name.map(|n| self.names.get(n).map_or(n.value.as_str(), String::as_str));
            self.writer.track(&TrackRow {
                t,
                id,
                state: &state,
                existence: estimate.existence,
                phase: estimate.phase,
                claimed_only: estimate.claimed_only,
                height_known: estimate.height_known,
                class: &classification,
                name: written,
                contradicted: identity.status == IdentityStatus::Contradicted,
            });
        }
        // Biases move slowly: told every tenth tick.
        self.ticks += 1;
        if self.ticks.is_multiple_of(10) {
            for (sensor, v) in bias_rows(picture, self.posts) {
                self.writer.bias(t, &sensor, &v);
            }
        }
    }

    fn contradicted(&mut self, t: f64, track: &Track) {
        if track.identity.status != IdentityStatus::Contradicted {
            return;
        }
        for name in &track.identity.names {
            if self.told.insert(name.clone()) {
                self.writer.rid_mismatch(t, self.names.get(name).map_or(name.value.as_str(), String::as_str));
            }
        }
    }
}

/// Of the events, the answer has what is not in the tracks.
impl Extend<Event> for Answer<'_> {
    fn extend<I: IntoIterator<Item = Event>>(&mut self, events: I) {
        for event in events {
            match &event.body {
                EventBody::TrackBegan { track } | EventBody::TrackUpdated { track } => {
                    self.contradicted(seconds(event.at), track);
                }
                EventBody::SensorChanged { sensor, health: Health::Silent, .. }
                    if !self.posts.without_headers.contains(sensor) =>
                {
                    self.writer.sensor_silent(seconds(event.at), sensor);
                }
                _ => {}
            }
        }
    }
}

/// Estimated systematic errors of the sensors, in the order and the units of their `v` (angles in degrees).
fn bias_rows(picture: &Picture, posts: &Posts) -> Vec<(SensorId, Vec<f64>)> {
    let of = |(id, bias): (SensorId, lapwing_track::Bias)| {
        let deg = |(value, _): (f64, f64)| lapwing_model::math::deg(value);
        let all = [bias.range_m.0, deg(bias.azimuth_rad), deg(bias.elevation_rad), 0.0];
        let has = posts.kind_of(&id)?.has();
        let v: Vec<f64> = all.into_iter().zip(has).filter(|(_, h)| *h).map(|(v, _)| v).collect();
        bias.converged.then_some((id, v))
    };
    picture.biases().filter_map(of).collect()
}
