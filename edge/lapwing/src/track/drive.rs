//! The tracking itself: some inputs are read, taken in one after the other under the meter, with the picture at each tick, and what
//! there is of the answer is written.

use super::meter::Meter;
use super::output::Output;
use super::rows::{Detections, Step};
use super::scenario::{Scenario, seconds};
use super::sensors::Posts;
use super::writer::{TrackRow, Writer};
use crate::line::Line;
use anyhow::{Context, bail};
use lapwing_model::snapshot::Health;
use lapwing_model::{Event, EventBody, IdentityStatus, Ledger, Name, Position, SensorId, Time, Track};
use lapwing_picture::{Picture, TrackAt};
use lapwing_track::Config;
use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;

/// Rows of the answer that wait to be written, bytes: beyond, they are.
const ROWS_MAX: usize = 1 << 20;

/// What came of it.
pub(super) struct Outcome {
    /// What it cost.
    pub(super) meter: Meter,
    /// The books of every input.
    pub(super) ledgers: Vec<Ledger>,
}

/// Takes every step, and writes the rows of the answer to `out`.
pub(super) fn drive(
    scenario: &Scenario,
    posts: &Posts,
    config: Config,
    (detections, read_from): (&mut Detections<'_, impl BufRead>, &str),
    mut out: Output<'_>,
) -> anyhow::Result<Outcome> {
    let mut meter = Meter::default();
    let mut line =
        meter.of(|| Line::over(Picture::tuned(posts.site.clone(), scenario.start, 0, config), scenario.start));
    let mut so_far = SoFar::default();
    let mut number = 0;
    while let Some(steps) = detections.next().with_context(|| read_from.to_owned())? {
        let mut steps = steps.into_iter();
        while steps.len() > 0 {
            let mut answer = Answer { posts, names: detections.names(), so_far: &mut so_far };
            meter.of(|| {
                for step in steps.by_ref() {
                    match step {
                        Step::Input(at, input) => line.take_decoded(at, Some(Position(number)), input, &mut answer),
                        Step::Tick(at, t) => {
                            line.tick(at, &mut answer);
                            answer.tick(line.picture(), scenario, at, t);
                        }
                    }
                    number += 1;
                    if answer.so_far.writer.rows().len() >= ROWS_MAX {
                        break;
                    }
                }
            });
            out.write(so_far.writer.rows())?;
            so_far.writer.clear();
        }
    }
    let bad = detections.bad().count;
    if number == 0 && bad > 0 {
        // Another file was meant: an answer of nothing would take the place of an earlier one.
        bail!("{read_from}: none of its {bad} rows can be read");
    }
    out.finish()?;
    let ledgers = line.picture().inputs().into_iter().map(|input| input.ledger).collect();
    Ok(Outcome { meter, ledgers })
}

/// The answer as it grows.
struct Answer<'a> {
    posts: &'a Posts,
    names: &'a BTreeMap<Name, String>,
    so_far: &'a mut SoFar,
}

#[derive(Default)]
struct SoFar {
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
            self.so_far.writer.track(&TrackRow {
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
        self.so_far.ticks += 1;
        if self.so_far.ticks.is_multiple_of(10) {
            for (sensor, v) in bias_rows(picture, self.posts) {
                self.so_far.writer.bias(t, &sensor, &v);
            }
        }
    }

    fn contradicted(&mut self, t: f64, track: &Track) {
        if track.identity.status != IdentityStatus::Contradicted {
            return;
        }
        for name in &track.identity.names {
            if self.so_far.told.insert(name.clone()) {
                self.so_far.writer.rid_mismatch(t, self.names.get(name).map_or(name.value.as_str(), String::as_str));
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
                    self.so_far.writer.sensor_silent(seconds(event.at), sensor);
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
