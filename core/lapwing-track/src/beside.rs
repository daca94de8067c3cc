//! What says where it is, beside what is only seen: it may be one aircraft, and the sensor that sees it may read wrong.
//!
//! A sensor's errors are learned of aircraft whose claims and plots are in one track ([`crate::align`]). One that is off by more than a
//! gate puts no plot into any such track: a compass that is three degrees wrong does. Then each aircraft flies as two tracks, side by
//! side, at one velocity and one distance, and that is what is looked for here. While they fly so, the claim is no lie; and when the
//! pairs of several aircraft say the same of the sensor, that is its error, and the pairs are one.

use crate::align::BiasFilter;
use crate::filter::{Context, Filter};
use crate::gaussian::Gaussian;
use crate::look::gate;
use crate::post::Post;
use crate::track::{Fix, Track};
use lapwing_model::{Phase, Span, Time, math};
use std::collections::BTreeMap;

/// Claims that were heard this long ago still say where an aircraft is.
const SAID_FOR: Span = Span::from_seconds(3);
/// Who stands is beside whatever else stands there. Slower than what is ever held against a claim.
const MOVES_MPS: f64 = 2.0;
/// By how much velocities of one aircraft differ, beside what the track's own allows, metres per second.
const VELOCITY_MPS: f64 = 2.5;
/// A velocity that is known no better than this (one sigma, metres per second) says nothing.
const VELOCITY_SD_MAX_MPS: f64 = 30.0;
/// And nothing is learned of one that is known no better than this, metres per second.
const VELOCITY_SD_LEARN_MPS: f64 = 6.0;
/// Seconds beside each other after which they may be one, so that neither is denied.
const MAY_BE_ONE_S: u8 = 2;
/// Seconds in which nothing else came into question after which the sensor's errors are learned of them.
const LEARN_S: u8 = 10;
/// Aircraft that are looked at each second at most: a flood of forged claims must not cost its square.
const ASKED_MAX: usize = 256;
/// Tracks near one of them at most: in a crowd nobody can be told from the next.
const NEAR_MAX: usize = 64;
/// Pairs at most.
const PAIRS_MAX: usize = 2_048;
/// Farther from what it says than this a track is not looked for, metres.
const FAR_M: f64 = 3_000.0;
/// A step of what is taken out that is smaller than this, in sigmas of a track, loses no track.
const STEP_SIGMAS: f64 = 2.0;
/// A sensor that has not seen a track for this long does not see it.
const SEEN_FOR: Span = Span::from_seconds(5);

/// A track that is seen, one that says where it is, and the sensor that may see that in the wrong place: slots, and the sensor's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub(crate) struct Pair {
    seen: u32,
    said: u32,
    sensor: u32,
}

/// What is known of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Beside {
    /// Keys of both tracks: a slot may be another's by now.
    keys: [u64; 2],
    /// Seconds in a row.
    seconds: u8,
    /// Whether it is as near as the sensor's errors still allow, as far as they are known.
    near: bool,
    /// Seconds in a row in which the velocity was known well, and nothing else came into question for either as far as this sensor sees.
    sure: u8,
}

impl Filter {
    /// Finds, once a second, what flies beside what.
    pub(crate) fn find_beside(&mut self, at: Time, ctx: &Context<'_>) {
        let before = std::mem::take(&mut self.beside);
        let mut asked: Vec<u32> = Vec::new();
        let mut all = true;
        let mut near = Vec::new();
        for (_, slot) in &self.labels {
            let Some(said) = self.tracks.get(*slot).filter(|t| speaks(t, at) && !asked.contains(slot)) else {
                continue;
            };
            if asked.len() >= ASKED_MAX || self.beside.len() >= PAIRS_MAX {
                all = false;
                break;
            }
            asked.push(*slot);
            let [east_m, north_m] = said.about(at);
            near.clear();
            self.unnamed_grid.near(ctx.regions.about(said.region, east_m, north_m), FAR_M, &mut near);
            near.retain(|other| self.tracks.get(*other).is_some_and(|seen| may_fly_beside(said, seen, at)));
            all &= near.len() <= NEAR_MAX;
            if near.is_empty() || near.len() > NEAR_MAX {
                continue;
            }
            let mine = said.state_at(at, ctx.config);
            for other in near.iter().copied() {
                let Some(seen) = self.tracks.get(other) else { continue };
                let theirs = self.state_in(seen, at, said.region, ctx);
                for sensor in seen.seen_lately(at, SEEN_FOR) {
                    let Some((near, known)) = self.explains(sensor, (said, &mine), &theirs, ctx) else { continue };
                    let pair = Pair { seen: other, said: *slot, sensor };
                    let keys = [seen.key, said.key];
                    let (seconds, sure) =
                        before.get(&pair).filter(|b| b.keys == keys).map_or((0, 0), |b| (b.seconds, b.sure));
                    let sure = if known { sure.saturating_add(1) } else { 0 };
                    self.beside.insert(pair, Beside { keys, seconds: seconds.saturating_add(1), near, sure });
                }
            }
        }
        self.only_lone_pairs_are_sure(all);
    }

    /// One sensor sees one aircraft in one place: where it could be one of two, neither is sure; and nobody, where not `all` were asked.
    fn only_lone_pairs_are_sure(&mut self, all: bool) {
        let mut counts: BTreeMap<(u32, bool, u32), u32> = BTreeMap::new();
        let of = |pair: &Pair| [(pair.sensor, false, pair.seen), (pair.sensor, true, pair.said)];
        for one in self.beside.keys().flat_map(of) {
            *counts.entry(one).or_default() += 1;
        }
        for (pair, beside) in &mut self.beside {
            if !(all && of(pair).iter().all(|one| counts.get(one) == Some(&1))) {
                beside.sure = 0;
            }
        }
    }

    /// Whether a sensor's errors may be all that is between an aircraft's word and what the sensor sees: `None` where they cannot, else
    /// whether they may as far as they are known, and whether the velocity is.
    fn explains(
        &self,
        sensor: u32,
        (said, mine): (&Track, &Gaussian),
        theirs: &Gaussian,
        ctx: &Context<'_>,
    ) -> Option<(bool, bool)> {
        let memory = self.memories.get(sensor as usize).filter(|memory| memory.locates)?;
        let post = ctx.posts.get(sensor as usize)?;
        let velocity_sd = math::sqrt(theirs.covariance[(3, 3)].max(theirs.covariance[(4, 4)]).max(0.0));
        let differ = math::hypot(theirs.mean[3] - mine.mean[3], theirs.mean[4] - mine.mean[4]);
        let (off, left) = may_be_off(&memory.bias, post);
        // What turns the places turns the velocities, too.
        let turned = off[1] * mine.speed_mps();
        if velocity_sd > VELOCITY_SD_MAX_MPS || differ > VELOCITY_MPS + 2.0 * velocity_sd + turned {
            return None;
        }
        let place = ctx.regions.about(said.region, mine.mean[0], mine.mean[1]);
        let range_m = post.frame?.origin().place().distance_m(place);
        let apart_m = math::hypot(theirs.mean[0] - mine.mean[0], theirs.mean[1] - mine.mean[1]);
        let within = |[off_m, off_rad]: [f64; 2]| apart_m <= off_m + off_rad * range_m + 2.0 * theirs.horizontal_sd_m();
        within(off).then(|| (within(left), velocity_sd <= VELOCITY_SD_LEARN_MPS))
    }

    /// What the aircraft says that a track may be which only this sensor sees in another place, when they have been beside each other for
    /// long enough to learn of it.
    pub(crate) fn said_beside(&self, seen: u32, sensor: u32) -> Option<Fix> {
        self.track_beside(seen, sensor)?.1.fix
    }

    fn track_beside(&self, seen: u32, sensor: u32) -> Option<(u32, &Track)> {
        let from = Pair { seen, said: 0, sensor: 0 };
        let to = Pair { seen, said: u32::MAX, sensor: u32::MAX };
        let sure = |(pair, b): &(&Pair, &Beside)| pair.sensor == sensor && b.sure >= LEARN_S;
        let (pair, beside) = self.beside.range(from..=to).find(sure)?;
        let [seen_key, said_key] = beside.keys;
        self.tracks.get(seen).filter(|t| t.key == seen_key)?;
        Some((pair.said, self.tracks.get(pair.said).filter(|t| t.key == said_key)?))
    }

    /// Whether what `sensor` sees flies beside a track that says where it is, so that it may be that.
    pub(crate) fn may_be_seen_beside(&self, said: u32, sensor: u32) -> bool {
        let is = |slot: u32, key: u64| self.tracks.get(slot).is_some_and(|t| t.key == key);
        self.beside.iter().any(|(pair, b)| {
            let pair_of_it = pair.said == said && pair.sensor == sensor && b.near && b.seconds >= MAY_BE_ONE_S;
            pair_of_it && is(pair.seen, b.keys[0]) && is(said, b.keys[1])
        })
    }

    /// The errors that are taken out of a sensor's readings have changed by `change` (range, azimuth, elevation): what it alone sees is
    /// where it is seen from now on, and what turns out to be where an aircraft says it is, is that aircraft.
    pub(crate) fn realign(&mut self, sensor: u32, change: [f64; 3], at: Time, ctx: &mut Context<'_>) {
        let slots: Vec<u32> = self.tracks.slots().collect();
        for slot in slots {
            let Some(track) = self.tracks.get(slot) else { continue };
            if track.is_named() || !track.sensors_of().eq([sensor]) {
                continue;
            }
            let (region, height_known, mean) = (track.region, track.height_known, track.best.modes.mean());
            let Some(pose) = ctx.scene(sensor, region, height_known).pose else { continue };
            let way = pose.out_of_horizon(moved_by(pose.to(&mean), change, height_known));
            // What its next plots can still be of comes along by itself.
            if math::hypot(way[0], way[1]) <= STEP_SIGMAS * track.best.modes.merged().horizontal_sd_m() {
                continue;
            }
            self.shift(slot, way, change[1]);
            self.settle(slot, ctx);
            if let Some((other, _)) = self.track_beside(slot, sensor) {
                self.join_beside(slot, other, at, ctx);
            }
        }
    }

    /// Moves all hypotheses of a track, and turns where they fly to anticlockwise.
    fn shift(&mut self, slot: u32, way: [f64; 3], by_rad: f64) {
        let Some(track) = self.tracks.get_mut(slot) else { return };
        let (sin, cos) = (math::sin(by_rad), math::cos(by_rad));
        let cluster = track.cluster.and_then(|c| self.clusters.get_mut(c));
        let others = cluster.map_or(&mut [][..], |c| c.hypotheses_of(slot));
        let all = std::iter::once(&mut track.best).chain(others);
        for state in all.flat_map(|h| h.modes.states_mut()) {
            for (x, d) in state.mean.iter_mut().zip(way) {
                *x += d;
            }
            let (east, north) = (state.mean[3], state.mean[4]);
            (state.mean[3], state.mean[4]) = (east * cos - north * sin, north * cos + east * sin);
        }
        for (x, d) in track.origin.iter_mut().zip(way) {
            *x += d;
        }
        track.twin = None;
    }

    /// Joins a track that is only seen with the one beside it, where they are now in one place. The name stays where it was.
    fn join_beside(&mut self, seen: u32, said: u32, at: Time, ctx: &mut Context<'_>) {
        let (Some(a), Some(b)) = (self.tracks.get(seen), self.tracks.get(said)) else { return };
        let mine = a.state_at(at, ctx.config);
        let theirs = self.state_in(b, at, a.region, ctx);
        if crate::life::apart(&mine, &theirs, false) <= gate(4) {
            self.join(said, seen, at, ctx);
        }
    }
}

/// What a sensor may be off by, metres and radians, two sigma: as nothing is known of it, and as far as something is. The first is no
/// less than the second: a mast may be turned after it was aligned.
fn may_be_off(bias: &BiasFilter, post: &Post) -> ([f64; 2], [f64; 2]) {
    let [range_m, azimuth_rad, ..] = BiasFilter::prior(&post.sensor);
    let unknown = [2.0 * range_m, 2.0 * azimuth_rad];
    let left = bias.left().unwrap_or(unknown);
    (std::array::from_fn(|i| f64::max(unknown[i], left[i])), left)
}

/// Whether a track says where it is, and is nothing else, and flies.
fn speaks(track: &Track, at: Time) -> bool {
    let lately = track.last_claim_at.is_some_and(|said| at.since(said) <= SAID_FOR);
    let mean = track.best.modes.mean();
    track.claimed_only() && lately && track.fix.is_some() && math::hypot(mean[3], mean[4]) >= MOVES_MPS
}

/// Whether a track that is only seen may fly as another does, by a look: most do not.
fn may_fly_beside(said: &Track, seen: &Track, at: Time) -> bool {
    if seen.phase == Phase::Tentative || seen.is_named() || seen.plots == 0 {
        return false;
    }
    let (mine, theirs) = (said.best.modes.mean(), seen.best.modes.mean());
    let apart = |i: usize| math::fabs(theirs[i] - mine[i]);
    let fast = 0.2 * math::hypot(mine[3], mine[4]);
    let velocity = 3.0 * VELOCITY_SD_MAX_MPS + fast;
    let [a, b] = [said.about(at), seen.about(at)];
    let near = said.region != seen.region || math::hypot(a[0] - b[0], a[1] - b[1]) <= FAR_M;
    near && apart(3) <= velocity && apart(4) <= velocity
}

/// Which way what was read at `d` (in the sensor's horizon) has been moved by taking out `change`.
fn moved_by(d: [f64; 3], [range_m, azimuth, elevation]: [f64; 3], height_known: bool) -> [f64; 3] {
    // Without a height it lies in the sensor's plane.
    let (up, elevation) = if height_known { (d[2], elevation) } else { (0.0, 0.0) };
    let ground = math::hypot(d[0], d[1]).max(1.0);
    let range = math::hypot(ground, up);
    // Along the range, around, and up the sphere: to first order, for errors are small.
    let along = [d[0] / range, d[1] / range, up / range];
    let around = [d[1], -d[0], 0.0];
    let rising = [-d[0] * up / ground, -d[1] * up / ground, ground];
    std::array::from_fn(|i| -range_m * along[i] - azimuth * around[i] - elevation * rising[i])
}
