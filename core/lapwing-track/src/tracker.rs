//! The tracker: looks in, tracks out, in whatever order the looks arrive.
//!
//! The filter is a pure function of the looks in the order of their times. In-order looks are applied at once. A late one is
//! put in its place among the looks of the last seconds, and soon afterwards the filter goes back to a copy of
//! before it and takes in everything since again: so any order of arrival within the lag gives the same picture, to the bit.
//! What was published (ids, phases) is kept apart from the filter, and compared with it after each change.

mod gather;
mod live;
mod orders;
mod past;
mod publish;
mod repeats;
mod save;
mod sensors;
mod take;
mod turn;

pub use live::Live;
use past::{Before, LateOne};
use repeats::Repeats;
pub use save::SavedTracker;

use crate::birth::key_of;
use crate::config::Config;
use crate::filter::{Context, Filter, Note, Took, Work};
use crate::geoid::Geoid;
use crate::grid::SLACK_M;
use crate::height::HeightDenied;
use crate::interface::{Change, Estimate, Label, Observation, Outcome, Scan};
use crate::keenness::Keenness;
use crate::life::STEP;
use crate::look::Look;
use crate::overlap::{survey_changed, survey_new};
use crate::post::Post;
use crate::reading::{Reading, resolve};
use crate::region::{Regions, moved, position, velocity};
use crate::track::Track;
use lapwing_model::{
    Geodetic, LocalFrame, Phase, Place, Position, Sensor, SensorId, Span, Time, TrackId, limits, math,
};
use std::collections::{BTreeMap, VecDeque};

/// Rest after going back, for each look to be taken in again and each track to be compared: where that is little, what is late is
/// taken in almost at once; where it is much, it must not cost more than what is new.
const REST_EACH: Span = Span::from_millis(2);
/// The longest.
const REST_MAX: Span = Span::from_seconds(1);
/// Without data, time alone decides this much after each whole second: what was measured before it may still come.
const STEP_DELAY: Span = Span::from_seconds(1);
/// Longest delay of a sensor that is allowed for.
const DELAY_MAX: Span = Span::from_millis(500);
/// Readings kept for going back; beyond, the oldest looks are settled for good before their time.
const READINGS_KEPT: usize = 200_000;
/// Time between copies of the filter.
const COPY_EVERY: Span = Span::from_millis(250);
/// The same while nothing comes late: the first that does costs so much of taking in again, and all the copies before it nothing.
const COPY_EVERY_CALM: Span = Span::from_seconds(5);
/// The same where that is much, and may soon be more than is kept.
const COPY_EVERY_BUSY: Span = Span::from_seconds(1);
/// Where there is room for so many copies they lie the denser the nearer to now, which makes about ten; else there are fewer, and
/// they lie evenly, or farther apart while nothing comes late. The room is for so many tracks in all of them together.
const COPIES_DENSE: usize = 7;
const COPIED_MAX: usize = 20_000;
/// A turn of a sensor is waited for up to this long, and this much beside.
const TURN_MAX: Span = Span::from_seconds(15);
const TURN_SLACK: Span = Span::from_seconds(1);
/// Scan numbers remembered per sensor, to know a repetition.
const SCANS_KEPT: usize = 64;
/// Parts a turn of a rotating sensor is taken in by.
const SECTORS: usize = 16;

/// The place of a look among all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
struct Order {
    at: Time,
    sensor: u64,
    key: u64,
}

/// What can be taken in.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
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

impl Act {
    fn readings(&self) -> usize {
        match self {
            Self::Look(look) | Self::Claims(look) => look.readings.len(),
            Self::Join { .. } | Self::Split { .. } => 0,
        }
    }
}

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct Item {
    order: Order,
    act: Act,
    /// Until when it waits, at most, for what belongs with it.
    due: Time,
    /// Not taken in yet: its observations are told of when it is.
    fresh: Option<Vec<Observation>>,
}

impl Item {
    /// Holds a place in the list while its item is taken in again.
    fn nothing(order: Order) -> Self {
        Self { order, act: Act::Join { into: (0, None), from: (0, None) }, due: order.at, fresh: None }
    }

    fn readings(&self) -> usize {
        self.act.readings()
    }
}

#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
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
    /// How late anything may come: `Config::lag_max`, and a whole turn of a sensor that turns slower than that.
    lag: Span,
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
    /// The last time of going back.
    rebuilt_at: Option<Time>,
    /// When what waits is taken in: the items after `head`, of so many readings.
    gathered_at: Option<Time>,
    waiting: usize,
    late_at: Option<Time>,
    regions: Regions,
    posts: Vec<Post>,
    numbers: BTreeMap<SensorId, u32>,
    scans: Vec<VecDeque<(u64, Time)>>,
    geoid: Geoid,
    work: Work,
    repeats: Repeats,
    published: BTreeMap<u64, Published>,
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
            lag: config.lag_max,
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
            rebuilt_at: None,
            gathered_at: None,
            waiting: 0,
            late_at: None,
            regions: Regions::default(),
            posts: Vec::new(),
            numbers: BTreeMap::new(),
            scans: Vec::new(),
            geoid: Geoid::default(),
            work: Work::default(),
            repeats: Repeats::default(),
            published: BTreeMap::new(),
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
        [self.rebuild_at, self.gathered_at, self.next_step()].into_iter().flatten().min()
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
            } else if self.gathered_at == Some(at) {
                self.take_in_gathered();
            } else if self.waits_of(at - STEP_DELAY) {
                // Time alone must not decide over what is here already.
                self.take_in_up_to(at - STEP_DELAY);
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
        self.live(id).map(|live| live.track)
    }

    /// A live track, to ask several things of: of thousands each search for one takes its time.
    pub fn live(&self, id: TrackId) -> Option<Live<'_>> {
        let slot = *self.slots.get(&id)?;
        Some(Live { tracker: self, slot, track: self.filter.tracks.get(slot)? })
    }

    /// The state of a live track at `at`: predicted from its last update, forwards or backwards.
    pub fn estimate(&self, id: TrackId, at: Time) -> Option<Estimate> {
        Some(self.live(id)?.estimate(at))
    }

    /// About where a live track is at `at`, to some metres, and how fast it flies over ground: to find who may be near whom
    /// before [`Tracker::estimate`] is asked.
    pub fn about(&self, id: TrackId, at: Time) -> Option<(Place, f64)> {
        let track = self.track(id)?;
        let [east_m, north_m] = track.about(at);
        let mean = track.best.modes.mean();
        Some((self.regions.about(track.region, east_m, north_m), math::hypot(mean[3], mean[4])))
    }

    /// Whether only self-reports support a live track.
    pub fn claimed_only(&self, id: TrackId) -> Option<bool> {
        self.track(id).map(Track::claimed_only)
    }

    /// What a sensor measures against the height that a track says, `now`: where several plots in a row deny it.
    pub fn height_denied(&self, id: TrackId, now: Time) -> Option<HeightDenied> {
        self.track(id)?.height_denied(now)
    }

    /// Live tracks that only self-reports support, within `range_m` of a place and somewhat beyond, oldest first.
    pub fn claimed_near(&self, place: Place, range_m: f64) -> Vec<TrackId> {
        let mut near = Vec::new();
        self.filter.track_grid.near(place, range_m + SLACK_M, &mut near);
        let tracks = near.iter().filter_map(|slot| self.filter.tracks.get(*slot));
        let mut ids: Vec<TrackId> = tracks.filter(|t| t.claimed_only() && t.id.0 != 0).map(|t| t.id).collect();
        ids.sort_unstable();
        ids
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

    /// Takes in single observations of one sensor, not known to be a scan: as one look of which each aircraft gave at most
    /// one, and which proves no absence. `outcomes` gets one entry each, appended. Call [`Tracker::advance`] with the present
    /// first.
    pub fn observe(&mut self, sensor: &Sensor, observations: &[Observation], outcomes: &mut Vec<Outcome>) {
        let began_at = observations.first().map_or(Time::MIN, |o| o.measured_at);
        self.observe_scan(sensor, Scan { number: None, began_at, complete: false }, observations, outcomes);
    }

    /// The sensor has completed a look at `at` whose plots came before, one by one or in parts: what it covers and did not see
    /// since is missed. `scan`: its number, and how many plots were in it, where that is known.
    pub fn looked(&mut self, sensor: &Sensor, at: Time, scan: Option<(u64, usize)>) {
        let Some(number) = self.number_of(sensor) else { return };
        if let Some((scan, plots)) = scan
            && self.complete_waiting(number, at, scan, plots)
        {
            return;
        }
        if !self.posts.get(number as usize).is_some_and(Post::refutes) {
            return;
        }
        let look = Look {
            sensor: number,
            at,
            complete: true,
            sector: None,
            last: true,
            part_of: None,
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
        if readings.capacity() < observations.len() {
            // Scans differ a little in size: grown by doubling, what is kept for going back would take twice what it holds.
            readings.reserve_exact(observations.len() + observations.len() / 32);
        }
        let mut which: Vec<u32> = Vec::with_capacity(observations.len());
        for (i, observation) in observations.iter().enumerate() {
            let now = self.clock.unwrap_or(observation.measured_at);
            if observation.measured_at.since(now) > self.config.lead_max {
                outcomes.push(Outcome::Rejected("in-future"));
                continue;
            }
            match resolve(observation, sensor, from.as_ref(), &mut self.geoid, &mut readings) {
                Ok(made) => {
                    outcomes.push(Outcome::Held);
                    if made {
                        which.push(i as u32);
                    }
                }
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
                let due = self.turn_of(number, &reading);
                let key = key_of(&reading);
                let look = Look {
                    sensor: number,
                    at,
                    complete: false,
                    sector: None,
                    last: false,
                    part_of: None,
                    readings: vec![reading],
                    key,
                    unseen_since: None,
                };
                let order = Order { at: due, sensor: self.rank(number), key };
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
        let look = Look {
            sensor: number,
            at,
            complete: scan.complete,
            sector: None,
            last,
            part_of: scan.number.filter(|_| !scan.complete),
            readings,
            key,
            unseen_since: None,
        };
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

    /// What a sensor's reports usually take to arrive: a look is due that much after its time, so that sensors of different
    /// delays do not make each other late. A turning sensor's scan is late by up to a turn and is always gone back for.
    fn delay(&self, number: u32) -> Span {
        self.posts
            .get(number as usize)
            .filter(|p| !p.sensor.rotating)
            .map_or(Span::ZERO, |p| p.sensor.usual_latency().clamp(Span::ZERO, DELAY_MAX))
    }

    /// The same of a claim. The time of one whose time stamp was cut is known no better than that: within it, it is taken in
    /// when it comes.
    fn turn_of(&self, number: u32, reading: &Reading) -> Time {
        let (from, to) = self.turns_of(number, reading);
        self.clock.map_or(from, |now| now.clamp(from, to))
    }

    /// The earliest and the latest that may be.
    fn turns_of(&self, number: u32, reading: &Reading) -> (Time, Time) {
        let delay = self.delay(number);
        let cut_to = if self.gathers() { reading.cut_to } else { Span::ZERO };
        (reading.at + delay, reading.at + delay.max(cut_to.clamp(Span::ZERO, DELAY_MAX)))
    }

    /// Which sensor it is, for the order of looks of one time: the same whichever was heard first.
    fn rank(&self, number: u32) -> u64 {
        self.posts.get(number as usize).map_or(0, |p| p.rank)
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

    /// The number of `sensor`, made on first sight; `None` beyond the bound.
    fn number_of(&mut self, sensor: &Sensor) -> Option<u32> {
        if let Some(number) = self.numbers.get(&sensor.id).copied() {
            if self.posts.get(number as usize)?.sensor != *sensor {
                let changed = self.post_of(number, sensor);
                let post = self.posts.get_mut(number as usize)?;
                let before = std::mem::replace(post, changed);
                if before.detection != post.detection {
                    // It is promised anew.
                    let filters = self.copies.iter_mut().map(|(_, copy)| copy).chain([&mut self.filter]);
                    filters.for_each(|filter| filter.memory(number).keenness = Keenness::default());
                }
                if before.sees() || post.sees() {
                    survey_changed(&mut self.posts, number, &before);
                }
            }
            return Some(number);
        }
        if self.posts.len() >= limits::SENSORS_MAX {
            return None;
        }
        let number = self.posts.len() as u32;
        let post = self.post_of(number, sensor);
        self.posts.push(post);
        survey_new(&mut self.posts);
        self.numbers.insert(sensor.id.clone(), number);
        Some(number)
    }

    /// A sensor made ready; what it tells of turn by turn is waited for from now on.
    fn post_of(&mut self, number: u32, sensor: &Sensor) -> Post {
        if sensor.rotating {
            // Told of as a whole, the first of a turn is as old as that.
            let turn = sensor.interval + sensor.usual_latency() + TURN_SLACK;
            self.lag = self.lag.max(turn.min(TURN_MAX));
        }
        Post::new(number, sensor, sensor.place.and_then(frame_of), &self.config)
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
pub(crate) mod tests;
