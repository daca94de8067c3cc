//! What says where it is, beside what is only seen: it may be one aircraft, and the sensor that sees it may read wrong.
//!
//! A sensor's errors are learned of aircraft whose claims and plots are in one track ([`crate::align`]). One that is off by more than a
//! gate puts no plot into any such track: a compass that is three degrees wrong does. Then each aircraft flies as two tracks, side by
//! side, at one velocity and one distance, and that is what is looked for here. While they fly so, the claim is no lie; and when the
//! pairs of several aircraft say the same of the sensor, that is its error, and the pairs are one.

use crate::filter::{Context, Filter};
use crate::look::gate;
use crate::post::Post;
use crate::track::Track;
use lapwing_model::{Phase, Place, Span, Time, math};

/// What a sensor may be off by, that nobody has aligned: metres along, radians across (3.4°). Two sigma of what is expected of one.
const OFF_M: f64 = 60.0;
const OFF_RAD: f64 = 0.06;
/// Claims that were heard this long ago still say where an aircraft is.
const SAID_FOR: Span = Span::from_seconds(3);
/// Who stands is beside whatever else stands there.
const MOVES_MPS: f64 = 4.0;
/// By how much velocities of one aircraft differ, beside what the track's own allows, metres per second.
const VELOCITY_MPS: f64 = 2.5;
/// A velocity that is known no better than this says nothing; and nothing is learned of one that is known no better than that, metres
/// per second.
const VELOCITY_SD_MAX_MPS: f64 = 15.0;
const VELOCITY_SD_LEARN_MPS: f64 = 6.0;
/// Seconds beside each other after which they may be one, so that neither is denied; ...
const MAY_BE_ONE_S: u8 = 2;
/// ... and after which the sensor's errors are learned of them.
const LEARN_S: u8 = 8;
/// Aircraft that are looked at each second at most: a flood of forged claims must not cost its square.
const ASKED_MAX: usize = 256;
/// A sensor that has not seen a track for this long does not see it.
const SEEN_FOR: Span = Span::from_seconds(5);

/// The aircraft that flies beside a track which is only seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Beside {
    /// Slot of the track that says where it is.
    pub(crate) said: u32,
    /// Keys of both: a slot may be another's by now.
    keys: [u64; 2],
    /// Seconds in a row.
    seconds: u8,
    /// Whether nothing else comes into question for either, and the velocity is known well.
    sure: bool,
}

impl Filter {
    /// Finds, once a second, what flies beside what: by slot of the track that is seen.
    pub(crate) fn find_beside(&mut self, at: Time, ctx: &Context<'_>) {
        let before = std::mem::take(&mut self.beside);
        let (mut near, mut found) = (Vec::new(), Vec::new());
        for (_, slot) in self.labels.iter().take(ASKED_MAX) {
            let Some(said) = self.tracks.get(*slot).filter(|t| speaks(t, at)) else { continue };
            (near.clear(), found.clear());
            let [east_m, north_m] = said.about(at);
            let place = ctx.regions.about(said.region, east_m, north_m);
            self.unnamed_grid.near(place, 10.0 * OFF_M, &mut near);
            for other in near.iter().copied() {
                let Some(seen) = self.tracks.get(other) else { continue };
                if let Some((sensor, known)) = self.flies_beside(said, seen, place, at, ctx) {
                    found.push((other, sensor, known));
                }
            }
            for (other, sensor, known) in &found {
                let keys = [said.key, self.tracks.get(*other).map_or(0, |t| t.key)];
                let seconds = before.get(other).filter(|b| b.keys == keys).map_or(0, |b| b.seconds).saturating_add(1);
                // One sensor sees one aircraft in one place.
                let alone = found.iter().filter(|(_, by, _)| by == sensor).count() == 1;
                let pair = Beside { said: *slot, keys, seconds, sure: alone && *known };
                self.beside.entry(*other).and_modify(|first| first.sure = false).or_insert(pair);
            }
        }
    }

    /// The sensor that may see an aircraft in the wrong place: one track says where it is, another is only seen, and both fly as one; and
    /// whether the velocity of that is known well.
    fn flies_beside(
        &self,
        said: &Track,
        seen: &Track,
        place: Place,
        at: Time,
        ctx: &Context<'_>,
    ) -> Option<(u32, bool)> {
        if seen.phase == Phase::Tentative || seen.is_named() || seen.plots == 0 {
            return None;
        }
        let mine = said.state_at(at, ctx.config);
        let theirs = self.state_in(seen, at, said.region, ctx);
        let velocity_sd = math::sqrt(theirs.covariance[(3, 3)].max(theirs.covariance[(4, 4)]).max(0.0));
        let differ = math::hypot(theirs.mean[3] - mine.mean[3], theirs.mean[4] - mine.mean[4]);
        if velocity_sd > VELOCITY_SD_MAX_MPS || differ > VELOCITY_MPS + 2.0 * velocity_sd {
            return None;
        }
        let apart_m = math::hypot(theirs.mean[0] - mine.mean[0], theirs.mean[1] - mine.mean[1]);
        let slack_m = 2.0 * theirs.horizontal_sd_m();
        let explains = |number: &u32| {
            let off_m = ctx.posts.get(*number as usize).and_then(|post| self.may_be_off_m(post, place));
            off_m.is_some_and(|off_m| apart_m <= off_m + slack_m)
        };
        Some((seen.seen_lately(at, SEEN_FOR).find(explains)?, velocity_sd <= VELOCITY_SD_LEARN_MPS))
    }

    /// How far a sensor may be off at a place.
    fn may_be_off_m(&self, post: &Post, place: Place) -> Option<f64> {
        let range_m = post.frame?.origin().place().distance_m(place);
        let left = self.memories.get(post.number as usize).and_then(|m| m.bias.left());
        let [off_m, off_rad] = left.unwrap_or([OFF_M, OFF_RAD]);
        Some(off_m + off_rad * range_m)
    }

    /// The track that says where a track is that is only seen, when they have been beside each other for long enough to learn of it.
    pub(crate) fn said_beside(&self, seen: u32) -> Option<&Track> {
        let beside = self.beside.get(&seen).filter(|b| b.sure && b.seconds >= LEARN_S)?;
        self.tracks.get(beside.said).filter(|t| t.key == beside.keys[0])
    }

    /// Whether what `sensor` sees flies beside a track that says where it is, so that it may be that.
    pub(crate) fn may_be_seen_beside(&self, said: u32, sensor: u32, at: Time) -> bool {
        self.beside.iter().filter(|(_, b)| b.said == said && b.seconds >= MAY_BE_ONE_S).any(|(seen, b)| {
            let seen = self.tracks.get(*seen).filter(|t| t.key == b.keys[1]);
            seen.is_some_and(|t| t.seen_lately(at, SEEN_FOR).any(|number| number == sensor))
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
            let moved = moved_by(pose.to(&mean), change, height_known);
            let way = pose.out_of_horizon(moved);
            self.shift(slot, way);
            self.settle(slot, ctx);
            let Some(said) = self.said_beside(slot).map(|t| t.key) else { continue };
            let Some(other) = self.beside.get(&slot).map(|b| b.said) else { continue };
            self.join_beside(slot, (other, said), at, ctx);
        }
    }

    /// Moves all hypotheses of a track.
    fn shift(&mut self, slot: u32, way: [f64; 3]) {
        let Some(track) = self.tracks.get_mut(slot) else { return };
        let cluster = track.cluster.and_then(|c| self.clusters.get_mut(c));
        let others = cluster.map_or(&mut [][..], |c| c.hypotheses_of(slot));
        let all = std::iter::once(&mut track.best).chain(others);
        for state in all.flat_map(|h| h.modes.states_mut()) {
            for (x, d) in state.mean.iter_mut().zip(way) {
                *x += d;
            }
        }
        for (x, d) in track.origin.iter_mut().zip(way) {
            *x += d;
        }
        track.twin = None;
    }

    /// Joins a track that is only seen with the one beside it, where they are now in one place.
    fn join_beside(&mut self, seen: u32, (said, key): (u32, u64), at: Time, ctx: &mut Context<'_>) {
        let (Some(a), Some(b)) = (self.tracks.get(seen), self.tracks.get(said).filter(|t| t.key == key)) else {
            return;
        };
        let mine = a.state_at(at, ctx.config);
        let theirs = self.state_in(b, at, a.region, ctx);
        if crate::life::apart(&mine, &theirs, false) > gate(4) {
            return;
        }
        self.join(said, seen, at, ctx);
    }
}

/// Whether a track says where it is, and is nothing else, and flies.
fn speaks(track: &Track, at: Time) -> bool {
    let lately = track.last_claim_at.is_some_and(|said| at.since(said) <= SAID_FOR);
    let mean = track.best.modes.mean();
    track.claimed_only() && lately && track.fix.is_some() && math::hypot(mean[3], mean[4]) >= MOVES_MPS
}

/// Which way what was read at `d` (in the sensor's horizon) has been moved by taking out `change`.
fn moved_by(d: [f64; 3], [range_m, azimuth, elevation]: [f64; 3], height_known: bool) -> [f64; 3] {
    let ground = math::hypot(d[0], d[1]).max(1.0);
    let range = math::sqrt(ground * ground + d[2] * d[2]);
    let up = if height_known { elevation } else { 0.0 };
    // Along the range, around, and up the sphere: to first order, for errors are small.
    let along = [d[0] / range, d[1] / range, d[2] / range];
    let around = [d[1], -d[0], 0.0];
    let rising = [-d[0] * d[2] / ground, -d[1] * d[2] / ground, ground];
    std::array::from_fn(|i| {
        let level = if i == 2 && !height_known { 0.0 } else { along[i] };
        -range_m * level - azimuth * around[i] - up * rising[i]
    })
}
