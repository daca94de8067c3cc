//! All tracks: the interface the picture uses.

mod associate;
mod life;

use crate::config::Config;
use crate::gate::Index;
use crate::geoid::Geoid;
use crate::interface::{Change, Estimate, Label};
use crate::measurement::sensor_frame;
use crate::track::Track;
use lapwing_model::{Geodetic, LocalFrame, Phase, Sensor, SensorId, Span, Time, TrackId, limits, math};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Step of the tracker's own deadlines: phases, ends and joins are decided on whole seconds, so that live running and
/// replay decide at the same times.
const STEP: Span = Span::from_seconds(1);

/// What the tracker remembers of a sensor.
#[derive(Debug, Clone)]
struct SensorState {
    number: u32,
    place: Option<Geodetic>,
    frame: Option<LocalFrame>,
    looked_at: Option<Time>,
    /// Plots since the last look that belonged to no confirmed track.
    stray: u32,
    /// Running mean of them per look; `None` until the first look.
    stray_per_look: Option<f64>,
}

/// Plots in, tracks out.
///
/// Use: [`Tracker::advance`] to the present, then [`Tracker::observe`] what came, [`Tracker::looked`] when a sensor
/// finished a look, then drain [`Tracker::poll`]. Same calls, same answers, to the bit.
#[derive(Debug, Clone)]
pub struct Tracker {
    config: Config,
    clock: Option<Time>,
    step_at: Option<Time>,
    tracks: BTreeMap<TrackId, Box<Track>>,
    labels: BTreeSet<(Label, TrackId)>,
    index: Index,
    sensors: BTreeMap<SensorId, SensorState>,
    last_id: u64,
    changes: VecDeque<Change>,
    geoid: Geoid,
    near: Vec<TrackId>,
}

impl Tracker {
    /// A tracker without tracks; the first id is one more than `Config::first_track_id`.
    pub fn new(config: Config) -> Self {
        let last_id = config.first_track_id;
        Self {
            config,
            clock: None,
            step_at: None,
            tracks: BTreeMap::new(),
            labels: BTreeSet::new(),
            index: Index::default(),
            sensors: BTreeMap::new(),
            last_id,
            changes: VecDeque::new(),
            geoid: Geoid::default(),
            near: Vec::new(),
        }
    }

    /// The next change, oldest first. Drain after each call.
    pub fn poll(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }

    /// When [`Tracker::advance`] next has something to do of itself.
    pub fn deadline(&self) -> Option<Time> {
        self.step_at
    }

    /// Live tracks, oldest first.
    pub fn ids(&self) -> impl Iterator<Item = TrackId> + '_ {
        self.tracks.keys().copied()
    }

    /// The state of a live track at `at`: predicted from its last update, forwards or backwards.
    pub fn estimate(&self, id: TrackId, at: Time) -> Option<Estimate> {
        self.tracks.get(&id).map(|track| track.estimate(at, &self.config))
    }

    /// Live tracks that carry `label`, oldest first: more than one when it was claimed in places apart.
    pub fn with_label(&self, label: Label) -> impl Iterator<Item = TrackId> + '_ {
        self.labels.range((label, TrackId(0))..=(label, TrackId(u64::MAX))).map(|(_, id)| *id)
    }

    /// The labels of a track, in order of first appearance.
    pub fn labels_of(&self, id: TrackId) -> impl Iterator<Item = Label> + '_ {
        self.tracks.get(&id).into_iter().flat_map(|track| track.labels.iter().map(|(label, _)| *label))
    }

    /// Joins `from` into `into`, by order: labels, supports and the better state go over, `from` ends. Whether both
    /// were live and different.
    pub fn join(&mut self, into: TrackId, from: TrackId) -> bool {
        if into == from || !self.tracks.contains_key(&into) {
            return false;
        }
        let Some(gone) = self.remove(from) else { return false };
        let Some(track) = self.tracks.get_mut(&into) else { return false };
        track.absorb(&gone, &self.config);
        for (label, claimed) in &gone.labels {
            if track.add_label(*label, *claimed) {
                self.labels.insert((*label, into));
            }
        }
        let best = if gone.phase == Phase::Confirmed { Phase::Confirmed } else { track.phase };
        self.changes.push_back(Change::Joined { into, from });
        self.set_phase(into, best);
        self.reindex(into);
        true
    }

    /// Takes `label` from a track and gives it to a new one that begins as its copy: undoes a wrong join. `None` when
    /// the track does not carry it or there is no room.
    pub fn split(&mut self, id: TrackId, label: Label) -> Option<TrackId> {
        if self.tracks.len() >= self.config.tracks_max {
            return None;
        }
        let track = self.tracks.get_mut(&id).filter(|t| t.carries(label))?;
        let new = TrackId(self.last_id + 1);
        let copy = track.copy(new, label);
        track.labels.retain(|(own, _)| *own != label);
        track.twin = None;
        self.labels.remove(&(label, id));
        self.last_id += 1;
        self.insert(copy);
        Some(new)
    }

    /// Puts a track that has just been made into every table.
    fn insert(&mut self, track: Track) {
        let (id, phase, at) = (track.id, track.phase, track.at);
        if self.tracks.is_empty() {
            let from = self.clock.unwrap_or(at);
            self.step_at = Some((from + Span::from_nanos(1)).round_up(STEP));
        }
        for (label, _) in &track.labels {
            self.labels.insert((*label, id));
        }
        self.tracks.insert(id, Box::new(track));
        self.changes.push_back(Change::Began(id));
        if phase != Phase::Tentative {
            self.changes.push_back(Change::Phase(id, phase));
        }
        if let Some(track) = self.tracks.get_mut(&id) {
            track.filed = track.file(&track.state);
            self.index.insert(track.filed, id);
        }
    }

    /// Takes a track out of every table.
    fn remove(&mut self, id: TrackId) -> Option<Box<Track>> {
        let track = self.tracks.remove(&id)?;
        for (label, _) in &track.labels {
            self.labels.remove(&(*label, id));
        }
        self.index.remove(track.filed, id);
        if self.tracks.is_empty() {
            self.step_at = None;
        }
        Some(track)
    }

    fn end(&mut self, id: TrackId, why: &'static str) {
        if self.remove(id).is_some() {
            self.changes.push_back(Change::Ended(id, why));
        }
    }

    fn set_phase(&mut self, id: TrackId, phase: Phase) {
        if let Some(track) = self.tracks.get_mut(&id).filter(|t| t.phase != phase) {
            track.phase = phase;
            self.changes.push_back(Change::Phase(id, phase));
        }
    }

    /// Files a track under the place it is expected at now.
    fn reindex(&mut self, id: TrackId) {
        let Some(track) = self.tracks.get_mut(&id) else { return };
        let at = self.clock.unwrap_or(track.at).max(track.at);
        let now = track.file(&track.state_at(at, &self.config));
        if now != track.filed {
            self.index.remove(track.filed, id);
            track.filed = now;
            self.index.insert(now, id);
        }
    }

    /// What is remembered of `sensor`, made on first sight; `None` beyond the bound.
    fn sensor(&mut self, sensor: &Sensor) -> Option<&mut SensorState> {
        if !self.sensors.contains_key(&sensor.id) {
            if self.sensors.len() >= limits::SENSORS_MAX {
                return None;
            }
            let number = self.sensors.len() as u32;
            let fresh = SensorState {
                number,
                place: sensor.place,
                frame: sensor.place.and_then(sensor_frame),
                looked_at: None,
                stray: 0,
                stray_per_look: None,
            };
            self.sensors.insert(sensor.id.clone(), fresh);
        }
        let state = self.sensors.get_mut(&sensor.id)?;
        if state.place != sensor.place {
            state.place = sensor.place;
            state.frame = sensor.place.and_then(sensor_frame);
        }
        Some(state)
    }

    /// Density of the sensor's false plots, per square metre: what strayed lately over its area, never below the
    /// configured floor.
    fn clutter_per_m2(&self, sensor: &Sensor) -> f64 {
        let floor = self.config.clutter_per_km2.max(1e-9) / 1e6;
        let stray = self.sensors.get(&sensor.id).and_then(|s| s.stray_per_look);
        let c = &sensor.coverage;
        match (stray, c.range_max_m) {
            (Some(stray), Some(range)) if range > 0.0 => {
                let near = c.range_min_m.unwrap_or(0.0).clamp(0.0, range);
                let sector = match (c.azimuth_from_deg, c.azimuth_to_deg) {
                    (Some(from), Some(to)) => math::wrap_tau(math::rad(to - from)),
                    _ => math::TAU,
                };
                let area = 0.5 * sector.max(0.01) * (range * range - near * near).max(1.0);
                floor.max(stray / area)
            }
            _ => floor,
        }
    }

    /// Greatest distance a track may be from its indexed place and still be meant, metres.
    fn reach_max_m(&self) -> f64 {
        4.0 * (self.config.horizontal_sd_max_m + 100.0) + 1.5 * self.config.speed_fast_max_mps
    }
}

#[cfg(test)]
mod tests;
