//! The tracker: looks in, tracks out, in whatever order the looks arrive.
//!
//! The filter is a pure function of the looks in the order of their times. In-order looks are applied at once. A late one is
//! put in its place among the looks of the last seconds, and at the next quarter second the filter goes back to a copy of
//! before it and takes in everything since again: so any order of arrival within the lag gives the same picture, to the bit.
//! What was published (ids, phases) is kept apart from the filter, and compared with it after each change.

use crate::birth::key_of;
use crate::config::Config;
use crate::filter::{Context, Filter, Note, Took, Work};
use crate::geoid::Geoid;
use crate::interface::{Bias, Change, Estimate, Label, Observation, Outcome, Scan};
use crate::life::STEP;
use crate::look::Look;
use crate::post::Post;
use crate::reading::{Reading, resolve};
use crate::region::{Regions, moved, position, velocity};
use crate::track::Track;
use lapwing_model::{
    Classification, Geodetic, LocalFrame, Phase, Place, Position, Sensor, SensorId, Span, Time, TrackId, limits, math,
};
use std::collections::{BTreeMap, VecDeque};

/// Late looks are taken in on this grid.
const GRID: Span = Span::from_millis(250);
/// The same while going back means to take in more than this many looks again.
const GRID_LONG: Span = Span::from_seconds(1);
const REPLAY_SHORT: usize = 64;
/// Without data, time alone decides this much after each whole second: what was measured before it may still come.
const STEP_DELAY: Span = Span::from_seconds(1);
/// Readings kept for going back; beyond, the oldest looks are settled for good before their time.
const READINGS_KEPT: usize = 200_000;
/// Time between copies of the filter.
const COPY_EVERY: Span = Span::from_millis(250);
/// The same while nothing comes late.
const COPY_EVERY_CALM: Span = Span::from_seconds(2);
/// Copies kept at most.
const COPIES_MAX: usize = 7;
/// Scan numbers remembered per sensor, to know a repetition.
const SCANS_KEPT: usize = 64;
/// Parts a turn of a rotating sensor is taken in by.
const SECTORS: usize = 16;
/// Keys published and gone that are remembered, so that going back does not bring an aircraft back under another id.
const GONE_KEPT: usize = 4_096;

/// The place of a look among all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Order {
    at: Time,
    sensor: u64,
    key: u64,
}

/// What can be taken in.
#[derive(Debug, Clone)]
enum Act {
    Look(Look),
    Claims(Look),
    /// Tracks by key; where a late look has changed how one began, and so its key, by its first label.
    Join {
        into: (u64, Option<Label>),
        from: (u64, Option<Label>),
    },
    Split {
        key: u64,
        label: Label,
        new: u64,
    },
}

#[derive(Debug, Clone)]
struct Item {
    order: Order,
    act: Act,
    /// Not taken in yet: its observations are told of when it is.
    fresh: Option<Vec<Observation>>,
}

impl Item {
    /// Holds a place in the list while its item is taken in again.
    fn nothing(order: Order) -> Self {
        Self { order, act: Act::Join { into: (0, None), from: (0, None) }, fresh: None }
    }

    fn readings(&self) -> usize {
        match &self.act {
            Act::Look(look) | Act::Claims(look) => look.readings.len(),
            Act::Join { .. } | Act::Split { .. } => 0,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Published {
    id: TrackId,
    phase: Phase,
}

/// Plots in, tracks out.
///
/// Use: [`Tracker::advance`] to the present, then [`Tracker::observe`] what came, then drain [`Tracker::poll`]. Same calls,
/// same answers, to the bit.
#[derive(Debug, Clone)]
pub struct Tracker {
    config: Config,
    clock: Option<Time>,
    filter: Filter,
    /// The last thing the filter took in.
    head: Option<Order>,
    /// What it took in within the lag, in order; and what is late and waits.
    items: VecDeque<Item>,
    readings_kept: usize,
    copies: Vec<(Order, Filter)>,
    /// Copies no longer needed, for their memory.
    spare: Vec<Filter>,
    /// Readings of looks that are settled, for their memory.
    spare_readings: Vec<Vec<Reading>>,
    rebuild_from: Option<Order>,
    rebuild_at: Option<Time>,
    /// Looks taken in again the last time.
    replayed: usize,
    late_at: Option<Time>,
    regions: Regions,
    posts: Vec<Post>,
    numbers: BTreeMap<SensorId, u32>,
    scans: Vec<VecDeque<(u64, Time)>>,
    geoid: Geoid,
    work: Work,
    published: BTreeMap<u64, Published>,
    gone: VecDeque<(u64, TrackId)>,
    slots: BTreeMap<TrackId, u32>,
    last_id: u64,
    commands: u64,
    changes: VecDeque<Change>,
}

impl Tracker {
    /// A tracker without tracks; the first id is one more than `Config::first_track_id`.
    pub fn new(config: Config) -> Self {
        let last_id = config.first_track_id;
        Self {
            config,
            clock: None,
            filter: Filter::default(),
            head: None,
            items: VecDeque::new(),
            readings_kept: 0,
            // Before everything: what comes second may have been first.
            copies: vec![(Order { at: Time::MIN, sensor: 0, key: 0 }, Filter::default())],
            spare: Vec::new(),
            spare_readings: Vec::new(),
            rebuild_from: None,
            rebuild_at: None,
            replayed: 0,
            late_at: None,
            regions: Regions::default(),
            posts: Vec::new(),
            numbers: BTreeMap::new(),
            scans: Vec::new(),
            geoid: Geoid::default(),
            work: Work::default(),
            published: BTreeMap::new(),
            gone: VecDeque::new(),
            slots: BTreeMap::new(),
            last_id,
            commands: 0,
            changes: VecDeque::new(),
        }
    }

    /// The next change, oldest first. Drain after each call.
    pub fn poll(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }

    /// When [`Tracker::advance`] next has something to do of itself.
    pub fn deadline(&self) -> Option<Time> {
        [self.rebuild_at, self.next_step()].into_iter().flatten().min()
    }

    fn next_step(&self) -> Option<Time> {
        if self.filter.tracks.len() + self.filter.candidates.len() == 0 {
            return None;
        }
        let last = match self.filter.stepped {
            Some(last) => last + STEP,
            None => self.filter.clock?.round_up(STEP),
        };
        Some(last + STEP_DELAY)
    }

    /// Lets time pass: late looks are taken in, phases and ends are decided, each as of its own time.
    pub fn advance(&mut self, now: Time) {
        while let Some(at) = self.deadline().filter(|at| *at <= now) {
            self.clock = Some(self.clock.map_or(at, |c| c.max(at)));
            if self.rebuild_at == Some(at) {
                self.rebuild();
            } else {
                let before = self.next_step();
                self.with_context(|filter, ctx| filter.step_to(at - STEP_DELAY, ctx));
                self.publish();
                // At the end of time addition saturates, and there is no next step.
                if self.next_step() == before {
                    break;
                }
            }
        }
        self.clock = Some(self.clock.map_or(now, |c| c.max(now)));
    }

    /// Live tracks, oldest first.
    pub fn ids(&self) -> impl Iterator<Item = TrackId> + '_ {
        self.slots.keys().copied()
    }

    fn track(&self, id: TrackId) -> Option<&Track> {
        self.filter.tracks.get(*self.slots.get(&id)?)
    }

    /// The state of a live track at `at`: predicted from its last update, forwards or backwards.
    pub fn estimate(&self, id: TrackId, at: Time) -> Option<Estimate> {
        let track = self.track(id)?;
        let mut state = track.state_at(at, &self.config);
        if let Some(cluster) = track.cluster.and_then(|c| self.filter.clusters.get(c)) {
            // Where the plots cannot be told apart the place is as uncertain as which plots were its.
            let slot = *self.slots.get(&id)?;
            state.covariance = cluster.covariance_around(slot, track, &state, at, &self.config);
        }
        Some(Estimate {
            frame: *self.regions.frame(track.region),
            at,
            position: position(&state),
            velocity: velocity(&state),
            covariance: state.covariance,
            height_known: track.height_known,
            existence: track.best.existence,
            phase: track.phase,
            claimed_only: track.claimed_only(),
            last_at: track.last_at,
            motion: track.models(&self.config).motions.first().copied().unwrap_or(self.config.motion_fast),
        })
    }

    /// What a live track is, as far as its sensors and its flight say.
    pub fn classification(&self, id: TrackId) -> Classification {
        self.track(id).map(|t| t.class.classification()).unwrap_or_default()
    }

    /// The first journal entries that led to a track, oldest first.
    pub fn first_entries(&self, id: TrackId) -> impl Iterator<Item = Position> + '_ {
        self.track(id).into_iter().flat_map(|t| t.first_entries.iter().flatten().copied())
    }

    /// Live tracks that carry `label`, oldest first: more than one when it was claimed in places apart.
    pub fn with_label(&self, label: Label) -> impl Iterator<Item = TrackId> + '_ {
        self.filter
            .with_label(label)
            .filter_map(|slot| self.filter.tracks.get(slot))
            .map(|t| t.id)
            .filter(|id| id.0 != 0)
    }

    /// The labels of a track, in order of first appearance.
    pub fn labels_of(&self, id: TrackId) -> impl Iterator<Item = Label> + '_ {
        self.track(id).into_iter().flat_map(|track| track.labels.iter().map(|(label, _)| *label))
    }

    /// What each sensor's systematic errors are estimated to be.
    pub fn biases(&self) -> impl Iterator<Item = (SensorId, Bias)> + '_ {
        self.posts.iter().filter_map(|post| {
            let memory = self.filter.memories.get(post.number as usize)?;
            Some((post.sensor.id.clone(), memory.bias.bias()?))
        })
    }

    /// Joins `from` into `into`, by order. Whether both were live and different.
    pub fn join(&mut self, into: TrackId, from: TrackId) -> bool {
        let find = |id| self.track(id).map(|t| (t.key, t.labels.first().map(|(label, _)| *label)));
        let (Some(a), Some(b)) = (find(into), find(from)) else { return false };
        if a.0 == b.0 {
            return false;
        }
        let act = Act::Join { into: a, from: b };
        self.command(act);
        true
    }

    /// Takes `label` from a track and gives it to a new one that begins as its copy: undoes a wrong join. `None` when
    /// the track does not carry it or there is no room.
    pub fn split(&mut self, id: TrackId, label: Label) -> Option<TrackId> {
        if self.filter.tracks.len() >= self.config.tracks_max {
            return None;
        }
        let key = self.track(id).filter(|t| t.carries(label))?.key;
        let new = key_of(key ^ self.commands.wrapping_mul(0x9e37_79b9), 7);
        self.command(Act::Split { key, label, new });
        self.published.get(&new).map(|p| p.id)
    }

    fn command(&mut self, act: Act) {
        self.commands += 1;
        // After everything so far.
        let at = self.head.map_or(self.clock.unwrap_or(Time::MIN), |h| h.at);
        let at = self.filter.clock.map_or(at, |c| c.max(at));
        let order = Order { at, sensor: u64::MAX, key: self.commands };
        self.apply_now(Item { order, act, fresh: None }, &mut Vec::new());
    }

    /// Takes in single observations of one sensor, not known to be a scan: as one look of which each aircraft gave at most
    /// one, and which proves no absence. `outcomes` gets one entry each, appended. Call [`Tracker::advance`] with the present
    /// first.
    pub fn observe(&mut self, sensor: &Sensor, observations: &[Observation], outcomes: &mut Vec<Outcome>) {
        let began_at = observations.first().map_or(Time::MIN, |o| o.measured_at);
        self.observe_scan(sensor, Scan { number: None, began_at, complete: false }, observations, outcomes);
    }

    /// The sensor has completed a look at `at` whose plots came before, one by one: what it covers and did not see since is
    /// missed.
    pub fn looked(&mut self, sensor: &Sensor, at: Time) {
        let Some(number) = self.number_of(sensor) else { return };
        if !self.posts.get(number as usize).is_some_and(Post::refutes) {
            return;
        }
        let look = Look {
            sensor: number,
            at,
            complete: true,
            sector: None,
            last: true,
            readings: Vec::new(),
            key: look_key(self.rank(number), at, u64::MAX, 0),
            unseen_since: Some(at - sensor.interval),
        };
        let order = Order { at: at + self.delay(number), sensor: self.rank(number), key: look.key };
        self.submit(order, Act::Look(look), None, &mut Vec::new());
    }

    /// Takes in one scan of one sensor, or a part of one: every aircraft gave at most one of its observations. A complete scan
    /// proves that what it covers and did not see was not seen. `outcomes` gets one entry each, in the order of the scan,
    /// appended. Call [`Tracker::advance`] with the present first.
    pub fn observe_scan(
        &mut self,
        sensor: &Sensor,
        scan: Scan,
        observations: &[Observation],
        outcomes: &mut Vec<Outcome>,
    ) {
        let Some(number) = self.number_of(sensor) else {
            outcomes.extend(observations.iter().map(|_| Outcome::Rejected("table-full")));
            return;
        };
        if self.heard_before(number, &scan) {
            outcomes.extend(observations.iter().map(|_| Outcome::Repeated(None)));
            return;
        }
        let first = outcomes.len();
        let from = self.posts.get(number as usize).and_then(|p| p.frame);
        let mut readings = self.spare_readings.pop().unwrap_or_default();
        let mut which: Vec<u32> = Vec::with_capacity(observations.len());
        for (i, observation) in observations.iter().enumerate() {
            let now = self.clock.unwrap_or(observation.measured_at);
            if observation.measured_at.since(now) > self.config.lead_max {
                outcomes.push(Outcome::Rejected("in-future"));
                continue;
            }
            match resolve(observation, sensor, from.as_ref(), &mut self.geoid) {
                Ok(Some(reading)) => {
                    outcomes.push(Outcome::Held);
                    which.push(i as u32);
                    readings.push(reading);
                }
                Ok(None) => outcomes.push(Outcome::Held),
                Err(why) => outcomes.push(Outcome::Rejected(why)),
            }
        }
        // A numbered scan was told from its repetition by its number.
        let numbered = scan.complete && scan.number.is_some();
        let resolved = readings.len();
        self.drop_repeats(number, &mut readings, &mut which, outcomes, first, numbered);
        if resolved > 0 && readings.is_empty() {
            // All of it was heard before: it is not a scan that saw nothing.
            self.spare_readings.push(readings);
            return;
        }
        let claims = readings.iter().any(|r| r.self_report);
        if claims {
            // In the order they are taken in, or one of two of the same time would be late.
            let rank = self.rank(number);
            let key_of = |reading: &Reading| look_key(rank, reading.at, reading.fingerprint, 0);
            let mut ordered: Vec<(Reading, u32)> = readings.drain(..).zip(which).collect();
            ordered.sort_by_key(|(reading, _)| (reading.at, key_of(reading)));
            for (reading, i) in ordered {
                let at = reading.at;
                let key = key_of(&reading);
                let look = Look {
                    sensor: number,
                    at,
                    complete: false,
                    sector: None,
                    last: false,
                    readings: vec![reading],
                    key,
                    unseen_since: None,
                };
                let order = Order { at: at + self.delay(number), sensor: self.rank(number), key };
                let told = observations.get(i as usize).map(std::slice::from_ref);
                let mut out = Vec::new();
                self.submit(order, Act::Claims(look), told, &mut out);
                if let (Some(cell), Some(outcome)) = (outcomes.get_mut(first + i as usize), out.first()) {
                    *cell = *outcome;
                }
            }
            self.spare_readings.push(readings);
            return;
        }
        if readings.is_empty() && !scan.complete {
            self.spare_readings.push(readings);
            return;
        }
        if sensor.rotating && scan.complete {
            self.observe_turn(sensor, number, &scan, observations, readings, &which, outcomes, first);
            return;
        }
        let at =
            if scan.complete { scan.began_at } else { readings.iter().map(|r| r.at).max().unwrap_or(scan.began_at) };
        let key =
            look_key(self.rank(number), at, readings.first().map_or(scan.number.unwrap_or(0), |r| r.fingerprint), 0);
        let last = scan.complete;
        let look =
            Look { sensor: number, at, complete: scan.complete, sector: None, last, readings, key, unseen_since: None };
        let order = Order { at: at + self.delay(number), sensor: self.rank(number), key };
        let mut out = Vec::new();
        let told = (!observations.is_empty()).then_some(observations);
        self.submit_mapped(order, Act::Look(look), told, &which, &mut out);
        for (i, outcome) in which.iter().zip(out) {
            if let Some(cell) = outcomes.get_mut(first + *i as usize) {
                *cell = outcome;
            }
        }
    }

    /// A turn of a rotating sensor: taken in by sectors, each at its own time.
    #[expect(clippy::too_many_arguments, reason = "the second half of `observe_scan`")]
    fn observe_turn(
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

    /// What a sensor's reports usually take to arrive: a look is due that much after its time, so that sensors of different
    /// delays do not make each other late. A turning sensor's scan is late by up to a turn and is always gone back for.
    fn delay(&self, number: u32) -> Span {
        self.posts
            .get(number as usize)
            .filter(|p| !p.sensor.rotating)
            .map_or(Span::ZERO, |p| p.sensor.latency.unwrap_or(Span::ZERO).clamp(Span::ZERO, Span::from_millis(500)))
    }

    /// Which sensor it is, for the order of looks of one time: the same whichever was heard first.
    fn rank(&self, number: u32) -> u64 {
        self.posts.get(number as usize).map_or(0, |p| p.rank)
    }

    /// Whether this scan was heard before.
    fn heard_before(&mut self, number: u32, scan: &Scan) -> bool {
        let Some(id) = scan.number else { return false };
        if !scan.complete {
            return false;
        }
        let at = number as usize;
        if self.scans.len() <= at {
            self.scans.resize_with(at + 1, VecDeque::new);
        }
        let Some(heard) = self.scans.get_mut(at) else { return false };
        if heard.contains(&(id, scan.began_at)) {
            return true;
        }
        if heard.len() >= SCANS_KEPT {
            heard.pop_front();
        }
        heard.push_back((id, scan.began_at));
        false
    }

    /// Takes out readings that repeat another word for word: within the look, and among those of the last seconds.
    fn drop_repeats(
        &self,
        number: u32,
        readings: &mut Vec<Reading>,
        which: &mut Vec<u32>,
        outcomes: &mut [Outcome],
        first: usize,
        numbered: bool,
    ) {
        if readings.is_empty() {
            return;
        }
        let mut keys: Vec<(u64, Time, usize)> =
            readings.iter().enumerate().map(|(i, r)| (r.fingerprint, r.at, i)).collect();
        keys.sort_unstable();
        let mut repeats = vec![false; readings.len()];
        for two in keys.windows(2) {
            if let [a, b] = two
                && (a.0, a.1) == (b.0, b.1)
            {
                repeats[b.2] = true;
            }
        }
        let oldest = readings.iter().map(|r| r.at).min().unwrap_or(Time::MIN);
        let newest = readings.iter().map(|r| r.at).max().unwrap_or(Time::MAX);
        // A scan's readings may be later than its start by as long as it lasts.
        let lasts =
            self.posts.get(number as usize).map_or(Span::ZERO, |p| p.sensor.interval).max(Span::from_seconds(1));
        for item in self.items.iter().rev().take(if numbered { 0 } else { usize::MAX }) {
            let (Act::Look(look) | Act::Claims(look)) = &item.act else { continue };
            if look.sensor != number || look.readings.is_empty() {
                continue;
            }
            // Only what is of the same time can be the same.
            if look.at < oldest - lasts {
                break;
            }
            for old in look.readings.iter().filter(|old| (oldest..=newest).contains(&old.at)) {
                let same = (old.fingerprint, old.at);
                let from = keys.partition_point(|(fingerprint, at, _)| (*fingerprint, *at) < same);
                for (_, _, i) in keys.iter().skip(from).take_while(|(fingerprint, at, _)| (*fingerprint, *at) == same) {
                    if let Some(repeat) = repeats.get_mut(*i) {
                        *repeat = true;
                    }
                }
            }
        }
        if !repeats.contains(&true) {
            return;
        }
        let mut keep = repeats.iter().map(|r| !r);
        for (i, repeat) in which.iter().zip(&repeats) {
            if let (true, Some(cell)) = (*repeat, outcomes.get_mut(first + *i as usize)) {
                *cell = Outcome::Repeated(None);
            }
        }
        readings.retain(|_| keep.next().unwrap_or(true));
        let mut keep = repeats.iter().map(|r| !r);
        which.retain(|_| keep.next().unwrap_or(true));
    }

    fn submit_mapped(
        &mut self,
        order: Order,
        act: Act,
        observations: Option<&[Observation]>,
        which: &[u32],
        outcomes: &mut Vec<Outcome>,
    ) {
        if self.is_late(order) {
            let told: Option<Vec<Observation>> =
                observations.map(|all| which.iter().filter_map(|i| all.get(*i as usize)).cloned().collect());
            self.submit(order, act, told.as_deref(), outcomes);
        } else {
            self.submit(order, act, None, outcomes);
        }
    }

    /// Applies a look that is in order, files one that is late, refuses one that is too late.
    fn submit(&mut self, order: Order, act: Act, observations: Option<&[Observation]>, outcomes: &mut Vec<Outcome>) {
        let readings = match &act {
            Act::Look(look) | Act::Claims(look) => look.readings.len(),
            Act::Join { .. } | Act::Split { .. } => 0,
        };
        let place = self.items.partition_point(|item| item.order < order);
        if self.items.get(place).is_some_and(|item| item.order == order) {
            outcomes.extend((0..readings).map(|_| Outcome::Repeated(None)));
            return;
        }
        if !self.is_late(order) {
            self.apply_now(Item { order, act, fresh: None }, outcomes);
            return;
        }
        let now = self.clock.unwrap_or(order.at);
        let reachable = self.copies.first().is_some_and(|(at, _)| *at < order);
        if now.since(order.at) > self.config.lag_max || !reachable {
            outcomes.extend((0..readings).map(|_| Outcome::Rejected("too-late")));
            return;
        }
        self.readings_kept += readings;
        self.items.insert(place, Item { order, act, fresh: Some(observations.unwrap_or(&[]).to_vec()) });
        self.rebuild_from = Some(self.rebuild_from.map_or(order, |f| f.min(order)));
        // A long look back is taken less often: it costs in proportion to what came since.
        let grid = if self.replayed > REPLAY_SHORT { GRID_LONG } else { GRID };
        self.rebuild_at.get_or_insert((now + Span::from_nanos(1)).round_up(grid));
        self.late_at = Some(now);
        outcomes.extend((0..readings).map(|_| Outcome::Late));
    }

    /// Whether something later was taken in already, or time alone has decided beyond it.
    fn is_late(&self, order: Order) -> bool {
        self.head.is_some_and(|head| order < head) || self.filter.stepped.is_some_and(|last| order.at <= last)
    }

    fn apply_now(&mut self, item: Item, outcomes: &mut Vec<Outcome>) {
        if self.rebuild_from.is_some() && matches!(item.act, Act::Join { .. } | Act::Split { .. }) {
            self.rebuild();
        }
        if self.copies.is_empty() {
            // Of before everything: what came first need not be the earliest.
            let never = Order { at: Time::MIN, sensor: 0, key: 0 };
            self.copies.push((never, self.filter.clone()));
        }
        self.head = Some(item.order);
        self.take_in(&item);
        self.publish();
        self.outcomes(outcomes);
        self.readings_kept += item.readings();
        self.items.push_back(item);
        self.copy_if_due();
        self.forget_old();
    }

    /// Lets the filter take in one thing.
    fn take_in(&mut self, item: &Item) {
        let before = item.order.at;
        self.with_context(|filter, ctx| {
            filter.step_to(before - Span::from_nanos(1), ctx);
            match &item.act {
                Act::Look(look) => filter.look(look, ctx),
                Act::Claims(look) => filter.claims(look, ctx),
                Act::Join { into, from } => {
                    let slot = |(key, label): (u64, Option<Label>)| {
                        let known = filter.tracks.iter().find(|(_, t)| t.key == key).map(|(slot, _)| slot);
                        known.or_else(|| filter.with_label(label?).next())
                    };
                    if let (Some(into), Some(from)) = (slot(*into), slot(*from)) {
                        filter.join(into, from, before, ctx);
                    }
                }
                Act::Split { key, label, new } => filter.split(*key, *label, *new, ctx),
            }
        });
    }

    fn with_context(&mut self, work: impl FnOnce(&mut Filter, &mut Context<'_>)) {
        let mut ctx =
            Context { config: &self.config, regions: &mut self.regions, posts: &mut self.posts, work: &mut self.work };
        work(&mut self.filter, &mut ctx);
    }

    /// Where the readings of the look just taken in went.
    fn outcomes(&self, out: &mut Vec<Outcome>) {
        let id = |slot: u32| self.filter.tracks.get(slot).map(|t| t.id).filter(|id| id.0 != 0);
        out.extend(self.work.took.iter().map(|took| match *took {
            Took::Track(slot) => id(slot).map_or(Outcome::Held, Outcome::Updated),
            Took::Began(slot) => id(slot).map_or(Outcome::Held, Outcome::Began),
            Took::Repeats(slot) => Outcome::Repeated(id(slot)),
            Took::Held => Outcome::Held,
            Took::Rejected(why) => Outcome::Rejected(why),
        }));
    }

    /// Goes back to before the earliest late look and takes in everything since again.
    fn rebuild(&mut self) {
        self.rebuild_at = None;
        let Some(from) = self.rebuild_from.take() else { return };
        while self.copies.len() > 1 && self.copies.last().is_some_and(|(at, _)| *at >= from) {
            if let Some((_, filter)) = self.copies.pop() {
                self.spare.push(filter);
            }
        }
        let Some((start, copy)) = self.copies.last() else { return };
        let stepped = self.filter.stepped;
        let start = *start;
        // What was published is compared afterwards: where its tracks were, by id.
        let before: BTreeMap<TrackId, (Time, Track)> = self
            .slots
            .iter()
            .filter_map(|(id, slot)| self.filter.tracks.get(*slot).map(|t| (*id, (t.at, t.clone()))))
            .collect();
        self.filter.copy_from(copy);
        let first = self.items.partition_point(|item| item.order <= start);
        let mut late = Vec::new();
        self.replayed = self.items.len().saturating_sub(first);
        for i in first..self.items.len() {
            let Some(slot) = self.items.get_mut(i) else { break };
            let mut item = std::mem::replace(slot, Item::nothing(slot.order));
            self.take_in(&item);
            self.head = Some(item.order);
            if let Some(told) = item.fresh.take() {
                self.note_late(&item, told, &mut late);
            }
            if let Some(slot) = self.items.get_mut(i) {
                *slot = item;
            }
            self.filter.touched.clear();
            self.filter.notes.retain(|n| !matches!(n, Note::Ended { .. }));
            self.copy_if_due();
        }
        if let Some(stepped) = stepped {
            self.with_context(|filter, ctx| filter.step_to(stepped, ctx));
        }
        self.republish(&before);
        for (key, sensor, observation) in late {
            if let Some(p) = self.published.get(&key) {
                let change = Change::Late { track: p.id, sensor, observation: Box::new(observation) };
                self.changes.push_back(change);
            }
        }
        self.forget_old();
    }

    fn note_late(&self, item: &Item, told: Vec<Observation>, out: &mut Vec<(u64, SensorId, Observation)>) {
        let (Act::Look(look) | Act::Claims(look)) = &item.act else { return };
        let Some(post) = self.posts.get(look.sensor as usize) else { return };
        for (took, observation) in self.work.took.iter().zip(told) {
            let (Took::Track(slot) | Took::Began(slot)) = *took else { continue };
            if let Some(track) = self.filter.tracks.get(slot) {
                out.push((track.key, post.sensor.id.clone(), observation));
            }
        }
    }

    /// Keeps a copy of the filter from time to time, closer together for the recent past.
    fn copy_if_due(&mut self) {
        let Some(head) = self.head else { return };
        let calm = self.late_at.is_none_or(|at| head.at.since(at) > Span::from_seconds(10));
        let every = if calm { COPY_EVERY_CALM } else { COPY_EVERY };
        let due = self.copies.last().is_none_or(|(at, _)| head.at.since(at.at) >= every);
        if !due {
            return;
        }
        // A copy is of after everything up to its order.
        let mut copy = self.spare.pop().unwrap_or_default();
        copy.copy_from(&self.filter);
        self.copies.push((head, copy));
        // Thin out: a copy whose neighbours are closer together than half their age is not needed.
        let mut i = 1;
        while i + 1 < self.copies.len() {
            let (Some(a), Some(b)) = (self.copies.get(i - 1), self.copies.get(i + 1)) else { break };
            let age = head.at.since(b.0.at).as_nanos();
            let crowded = self.copies.len() > COPIES_MAX;
            if b.0.at.since(a.0.at).as_nanos() <= age / 2 || (crowded && i == 1) {
                let (_, filter) = self.copies.remove(i);
                self.spare.push(filter);
            } else {
                i += 1;
            }
        }
        self.spare.truncate(1);
    }

    /// Forgets what can no longer be gone back to.
    fn forget_old(&mut self) {
        let Some(now) = self.clock else { return };
        let oldest = now - self.config.lag_max;
        // What is late and waits must still be gone back to.
        let oldest = self.rebuild_from.map_or(oldest, |from| oldest.min(from.at));
        // One copy from before the lag must stay.
        while self.copies.len() > 1 && self.copies.get(1).is_some_and(|(at, _)| at.at < oldest) {
            let (_, filter) = self.copies.remove(0);
            if self.spare.is_empty() {
                self.spare.push(filter);
            }
        }
        let settled = self.copies.first().map_or(Time::MIN, |(at, _)| at.at);
        while self.items.front().is_some_and(|item| item.order.at < settled.min(oldest))
            || self.readings_kept > READINGS_KEPT
        {
            let Some(item) = self.items.pop_front() else { break };
            self.readings_kept = self.readings_kept.saturating_sub(item.readings());
            // Copies from before what is forgotten would miss it.
            while self.copies.len() > 1 && self.copies.first().is_some_and(|(at, _)| *at < item.order) {
                self.copies.remove(0);
            }
            if let Act::Look(mut look) = item.act
                && self.spare_readings.len() < 64
            {
                look.readings.clear();
                self.spare_readings.push(look.readings);
            }
        }
    }

    /// Tells what changed with the look just taken in.
    fn publish(&mut self) {
        let mut touched = std::mem::take(&mut self.filter.touched);
        for slot in touched.drain(..) {
            self.publish_track(slot);
        }
        self.filter.touched = touched;
        self.publish_notes();
    }

    fn publish_track(&mut self, slot: u32) {
        let Some(track) = self.filter.tracks.get_mut(slot) else { return };
        if track.id.0 == 0 {
            let gone = self.gone.iter().find(|(key, _)| *key == track.key).map(|(_, id)| *id);
            let id = gone.unwrap_or_else(|| {
                self.last_id += 1;
                TrackId(self.last_id)
            });
            track.id = id;
            track.told = track.phase;
            self.published.insert(track.key, Published { id, phase: track.phase });
            self.slots.insert(id, slot);
            self.changes.push_back(Change::Began(id));
            if track.phase != Phase::Tentative {
                self.changes.push_back(Change::Phase(id, track.phase));
            }
        } else if track.phase != track.told {
            track.told = track.phase;
            if let Some(known) = self.published.get_mut(&track.key) {
                known.phase = track.phase;
            }
            self.changes.push_back(Change::Phase(track.id, track.phase));
        }
    }

    fn publish_notes(&mut self) {
        for note in std::mem::take(&mut self.filter.notes) {
            let id = |key: u64| self.published.get(&key).map(|p| p.id);
            match note {
                Note::Joined { into, from } => {
                    if let (Some(into), Some(gone)) = (id(into), id(from)) {
                        self.retire(from);
                        self.changes.push_back(Change::Joined { into, from: gone });
                    }
                }
                Note::Elsewhere { label, known, new } => {
                    if let (Some(known), Some(new)) = (id(known), id(new)) {
                        self.changes.push_back(Change::LabelElsewhere { label, known, new });
                    }
                }
                Note::Ended { key, why } => {
                    if let Some(gone) = id(key) {
                        self.retire(key);
                        self.changes.push_back(Change::Ended(gone, why));
                    }
                }
            }
        }
    }

    fn retire(&mut self, key: u64) {
        if let Some(p) = self.published.remove(&key) {
            self.slots.remove(&p.id);
            if self.gone.len() >= GONE_KEPT {
                self.gone.pop_front();
            }
            // An id that has been told to have ended never returns.
            let _ = &self.gone;
        }
    }

    /// After going back: which published tracks are still there, and which new ones stand where one of them was.
    fn republish(&mut self, before: &BTreeMap<TrackId, (Time, Track)>) {
        self.filter.touched.clear();
        self.slots.clear();
        let mut newcomers = Vec::new();
        let mut there: BTreeMap<u64, u32> = BTreeMap::new();
        for (slot, track) in self.filter.tracks.iter() {
            there.insert(track.key, slot);
        }
        for (key, slot) in &there {
            let Some(track) = self.filter.tracks.get_mut(*slot) else { continue };
            match self.published.get(key) {
                Some(p) => {
                    track.id = p.id;
                    track.told = p.phase;
                    self.slots.insert(p.id, *slot);
                }
                None => {
                    track.id = TrackId(0);
                    newcomers.push(*slot);
                }
            }
        }
        // Joins first: they say where a track went. A name in two places is told when both have been told of.
        let notes = std::mem::take(&mut self.filter.notes);
        let (mut names, joins): (Vec<Note>, Vec<Note>) =
            notes.into_iter().partition(|note| matches!(note, Note::Elsewhere { .. }));
        self.filter.notes = joins;
        self.publish_notes();
        let orphans: Vec<(u64, TrackId)> =
            self.published.iter().filter(|(key, _)| !there.contains_key(key)).map(|(key, p)| (*key, p.id)).collect();
        for (key, id) in orphans {
            let heir = before.get(&id).and_then(|(_, old)| self.heir_of(old, &newcomers));
            match heir {
                Some(slot) => {
                    newcomers.retain(|s| *s != slot);
                    let told = self.published.remove(&key).map_or(Phase::Tentative, |p| p.phase);
                    if let Some(track) = self.filter.tracks.get_mut(slot) {
                        track.id = id;
                        track.told = told;
                        self.published.insert(track.key, Published { id, phase: told });
                        self.slots.insert(id, slot);
                    }
                }
                None => {
                    self.retire(key);
                    self.changes.push_back(Change::Ended(id, "refuted"));
                }
            }
        }
        // Copies hold ids of their time; what they hold of keys that have another id now is set right when they are used.
        let all: Vec<u32> = self.filter.tracks.slots().collect();
        for slot in all {
            self.publish_track(slot);
        }
        self.filter.touched.clear();
        let told = |label: Label, key: u64| {
            let id = self.published.get(&key).map(|p| p.id);
            id.and_then(|id| before.get(&id)).is_some_and(|(_, track)| track.carries(label))
        };
        names.retain(|note| !matches!(note, Note::Elsewhere { label, new, .. } if told(*label, *new)));
        self.filter.notes = names;
        self.publish_notes();
    }

    /// The unpublished track that stands where a published one was.
    fn heir_of(&self, old: &Track, newcomers: &[u32]) -> Option<u32> {
        let mut best: Option<(f64, u32)> = None;
        for slot in newcomers {
            let Some(track) = self.filter.tracks.get(*slot) else { continue };
            let at = track.at.max(old.at);
            let mine = track.state_at(at, &self.config);
            let theirs = old.state_at(at, &self.config);
            let theirs = if old.region == track.region {
                theirs
            } else {
                moved(self.regions.frame(old.region), self.regions.frame(track.region), &theirs, old.height_known)
            };
            let mut distance = 0.0;
            for i in [0, 1, 3, 4] {
                let d = mine.mean[i] - theirs.mean[i];
                distance += d * d / (mine.covariance[i][i] + theirs.covariance[i][i]).max(1e-6);
            }
            let named = track.labels.iter().any(|(l, _)| old.carries(*l));
            if distance < 25.0 || named {
                let rank = if named { distance - 1e6 } else { distance };
                if best.is_none_or(|(b, _)| rank < b) {
                    best = Some((rank, *slot));
                }
            }
        }
        best.map(|(_, slot)| slot)
    }

    /// The number of `sensor`, made on first sight; `None` beyond the bound.
    fn number_of(&mut self, sensor: &Sensor) -> Option<u32> {
        if let Some(number) = self.numbers.get(&sensor.id).copied() {
            let post = self.posts.get_mut(number as usize)?;
            if post.sensor != *sensor {
                *post = Post::new(number, sensor, sensor.place.and_then(frame_of), &self.config);
            }
            return Some(number);
        }
        if self.posts.len() >= limits::SENSORS_MAX {
            return None;
        }
        let number = self.posts.len() as u32;
        self.posts.push(Post::new(number, sensor, sensor.place.and_then(frame_of), &self.config));
        self.numbers.insert(sensor.id.clone(), number);
        Some(number)
    }
}

/// A look's key: the same whenever the look is the same.
fn look_key(sensor: u64, at: Time, id: u64, part: u64) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for word in [sensor, at.as_nanos() as u64, id, part] {
        hash = (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash ^= hash >> 32;
    }
    hash
}

/// The horizon of a sensor; `None` when its place is nowhere.
fn frame_of(place: Geodetic) -> Option<LocalFrame> {
    let ok =
        Place::new(place.latitude_deg, place.longitude_deg).is_some() && math::fabs(place.height_ellipsoid_m) <= 1e5;
    ok.then(|| LocalFrame::new(place))
}

#[cfg(test)]
mod tests;
