//! Tracks from bearings alone: where the bearings of several sensors meet, and none that should have heard stayed silent.
//!
//! A pair of bearings proposes a place; what all looks near in time say of it (`hearing`), and the density of aircraft not yet
//! detected, say how probably something is there (the measurement-to-measurement test of Pattipati, Deb, Bar-Shalom & Washburn 1992, *A
//! new relaxation algorithm and passive sensor data association*, with missed detections weighed by coverage). What may be begins a
//! candidate with just that existence: among many false bearings it takes the looks that follow to tell it from a ghost.

use crate::birth::{Bearing, CANDIDATES_MAX, key_of};
use crate::filter::{Context, Filter};
use crate::gaussian::{Covariance, Gaussian};
use crate::hearing::{Hearing, Hypothesis, KEPT, Normal};
use crate::life::apart;
use crate::look::{Corrected, gate};
use crate::motion::forget_height;
use crate::project::Pose;
use crate::region::RegionId;
use crate::sightline::LEFT_MIN;
use crate::track::{Candidate, Heard};
use lapwing_model::{Span, Time, math};

/// Sensors that must speak for a place.
const SENSORS_MIN: usize = 3;
/// Bearings must cross at least by this, radians: nearer to parallel the place is vague.
const CROSSING_MIN_RAD: f64 = 0.3;
/// One sigma of the speed of what is heard, along each axis, metres per second, as long as it is not worked out.
const SPEED_SD_MPS: f64 = 12.0;
/// Crossings this near along a bearing propose one place, metres; or this part of how well the bearing says where across it.
const SAME_M: f64 = 4.0;
const SAME_PART: f64 = 0.7;
/// Places along one bearing that are asked for: beyond, those that the fewest bearings cross are not, so that a flood of sharp
/// bearings costs no more than so many each.
const ASKED_MAX: usize = 64;
/// Places along one bearing that are worked out.
const PLACES_MAX: usize = 3;
/// Steps of least squares, and the longest of them, metres.
const STEPS: usize = 6;
const STEP_MAX_M: f64 = 300.0;
/// Existence from which a place begins a candidate. By chance a hundred times the density of the undetected reach it, however
/// many bearings are false.
const BEGIN_MIN: f64 = 0.01;
/// However sure a place is, a candidate begins with no more: a track is what the next looks confirm.
const BEGIN_MAX: f64 = 0.4;
/// A candidate this near makes another at the same place needless, if it is no less likely, metres.
const APART_M: f64 = 120.0;
/// This near it is the same.
const SAME_PLACE_M: f64 = 60.0;
/// A candidate of which so little is left beside what its place now says begins anew.
const LESS: f64 = 0.1;
/// A candidate may be a track again that is this near, metres.
const AGAIN_M: f64 = 200.0;
/// Places beside the best of a bearing are numbered from here on in their keys.
const KEYS_FROM: usize = 16;
/// One sigma of the place above which it is too vague, metres.
const PLACE_SD_MAX_M: f64 = 150.0;
/// What is added to the variances of position and velocity, for what flies no straight line: m², m²/s².
const BENT: [f64; 2] = [25.0, 9.0];

/// Where something may be.
struct Found {
    state: [f64; 4],
    covariance: [[f64; 4]; 4],
    existence: f64,
}

impl Filter {
    /// Keeps the bearings of a look, and tries to begin tracks with those that belong to none.
    pub(crate) fn bear(&mut self, look: &Corrected<'_>, ctx: &mut Context<'_>) {
        if !ctx.config.triangulate {
            return;
        }
        let own = self.keep_look(look, ctx);
        let mut near = None;
        for number in self.bearings.len().saturating_sub(own)..self.bearings.len() {
            let Some(new) = self.bearings.get(number).filter(|b| b.left >= LEFT_MIN).cloned() else { continue };
            let key = key_of(look.key, new.number as usize);
            if self.sight(&new, key, ctx) {
                // What has begun a candidate does not begin another.
                if let Some(used) = self.bearings.get_mut(number) {
                    (used.left, used.free) = (0.0, 0.0);
                }
                continue;
            }
            if new.free < LEFT_MIN {
                continue;
            }
            if near.is_none() {
                near = self.lay_out_hearing(look.sensor, ctx);
            }
            let Some((pose, region)) = near else { return };
            let mut hearing = std::mem::take(&mut ctx.work.hearing);
            self.propose(&new, key, (pose, region), &mut hearing, ctx);
            ctx.work.hearing = hearing;
        }
    }

    /// Tries the places where a new bearing crosses those of others.
    fn propose(
        &mut self,
        new: &Bearing,
        key: u64,
        (pose, region): (Pose, RegionId),
        hearing: &mut Hearing,
        ctx: &mut Context<'_>,
    ) {
        let Some(post) = ctx.posts.get(new.sensor as usize) else { return };
        let Some(memory) = self.memories.get(new.sensor as usize) else { return };
        let (reach, interval) = (post.hears_within_m(), post.sensor.interval);
        let slowness = post.signal_speed_mps.map_or(0.0, |s| 1.0 / s);
        // Aircraft that nothing has been heard of yet, per square metre: those at the last look, and those that came since what is kept.
        let came = ctx.config.birth_per_km2_s * KEPT.as_seconds_f64();
        let log_born = math::log((memory.undetected(post, ctx.config) + came).max(1e-12) / 1e6);
        // No place is so vague that a lower score would do.
        let log_vague = math::log(math::TAU * PLACE_SD_MAX_M * PLACE_SD_MAX_M);
        let score_min = math::log(BEGIN_MIN) - log_born - log_vague;
        let azimuth = new.reading.value[1];
        let d = pose.out_of_horizon([math::sin(azimuth), math::cos(azimuth), 0.0]);
        let sd = math::sqrt(new.reading.variance[1]);
        hearing.cross(new.sensor, pose, [d[0], d[1]], reach, CROSSING_MIN_RAD);
        let crossings = std::mem::take(&mut hearing.crossings);
        let mut places = std::mem::take(&mut hearing.places);
        places.clear();
        let mut at = 0;
        while let Some(first) = crossings.get(at) {
            let to = first + SAME_M.max(SAME_PART * sd * first);
            let together = crossings.get(at..).unwrap_or(&[]).iter().take_while(|s| **s <= to).count().max(1);
            let sum: f64 = crossings.iter().skip(at).take(together).sum();
            at += together;
            places.push((together as f64, sum / together as f64));
        }
        if places.len() > ASKED_MAX {
            places.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.total_cmp(&b.1)));
            places.truncate(ASKED_MAX);
        }
        places.retain_mut(|(score, s)| {
            let of = Hypothesis {
                at: new.at,
                state: [pose.position[0] + *s * d[0], pose.position[1] + *s * d[1], 0.0, 0.0],
                unsaid_mps: SPEED_SD_MPS,
                since_s: -*s * slowness,
            };
            let sensors;
            (*score, sensors) = hearing.weigh(&of, ctx.posts, ctx.config, None);
            *score >= score_min && sensors >= SENSORS_MIN
        });
        places.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.total_cmp(&b.1)));
        for n in 0..places.len().min(PLACES_MAX) {
            let Some((_, s)) = places.get(n).copied() else { break };
            let at = [pose.position[0] + s * d[0], pose.position[1] + s * d[1]];
            if let Some(found) = refine(at, new.at, log_born, hearing, ctx)
                && self.is_new(&found, region, new.at, ctx)
            {
                let key = if n == 0 { key } else { key_of(key, KEYS_FROM + n) };
                self.begin_from_bearings(&found, new, (key, region, interval), &hearing.support, ctx);
            }
        }
        (hearing.crossings, hearing.places) = (crossings, places);
    }

    /// Begins a candidate where something may be.
    fn begin_from_bearings(
        &mut self,
        found: &Found,
        new: &Bearing,
        (key, region, interval): (u64, RegionId, Span),
        support: &[u32],
        ctx: &mut Context<'_>,
    ) {
        let mut state = Gaussian { mean: [0.0; 6], covariance: Covariance::ZERO };
        let axes = [0, 1, 3, 4];
        for (r, axis) in axes.into_iter().enumerate() {
            state.mean[axis] = found.state[r];
            for (c, other) in axes.into_iter().enumerate().take(r + 1) {
                state.covariance[(axis, other)] = found.covariance[r][c];
            }
            state.covariance[(axis, axis)] += BENT[r / 2];
        }
        forget_height(&mut state);
        let begun = Candidate::begun(key, region, new.at, state, found.existence, new.sensor, interval);
        let mut candidate = Candidate { height_known: false, heard: Heard::SURELY, by_bearings: true, ..begun };
        for number in support {
            if let Some(bearing) = self.bearings.get(*number as usize) {
                candidate.remember(bearing.sensor, interval, &bearing.reading);
            }
        }
        candidate.last_at = new.at;
        self.admit(candidate, None, ctx);
    }

    /// Whether a candidate begun by bearings is by now what a track, no less sure, already is: as two they would share its bearings for
    /// as long as it flies, for a sensor that tells few directions apart never shows them to be one.
    pub(crate) fn is_track_again(&self, slot: u32, at: Time, ctx: &mut Context<'_>) -> bool {
        let Some(candidate) = self.candidates.get(slot).filter(|c| c.by_bearings) else { return false };
        let (region, mean) = (candidate.region, &candidate.state.mean);
        let mut near = std::mem::take(&mut ctx.work.near);
        near.clear();
        self.track_grid.near(ctx.regions.about(region, mean[0], mean[1]), AGAIN_M, &mut near);
        let again = near.iter().filter_map(|s| self.tracks.get(*s)).any(|track| {
            let theirs = self.state_in(track, at.max(track.at), region, ctx);
            track.existence >= candidate.existence && apart(&candidate.state, &theirs, false) <= gate(4)
        });
        ctx.work.near = near;
        again
    }

    /// Whether what was found is no track yet, nor a candidate. One of which little is left gives way.
    fn is_new(&mut self, found: &Found, region: RegionId, now: Time, ctx: &mut Context<'_>) -> bool {
        if self.candidates.len() >= CANDIDATES_MAX {
            return false;
        }
        let at = [found.state[0], found.state[1]];
        let place = ctx.regions.about(region, at[0], at[1]);
        let frame = *ctx.regions.frame(region);
        let mut near = std::mem::take(&mut ctx.work.near);
        let metres = |from: RegionId, mean: &[f64; 6]| {
            let there = ctx.regions.frame(from).enu_to_ecef(lapwing_model::Enu::new(mean[0], mean[1], mean[2]));
            let there = frame.ecef_to_enu(there);
            math::hypot(there.east_m - at[0], there.north_m - at[1])
        };
        near.clear();
        self.track_grid.near(place, APART_M, &mut near);
        let is_track = near.iter().filter_map(|s| self.tracks.get(*s)).any(|t| {
            let state = t.state_at(now, ctx.config);
            metres(t.region, &state.mean) < APART_M
        });
        near.clear();
        self.candidate_grid.near(place, APART_M, &mut near);
        let is_candidate = near.iter().filter_map(|s| self.candidates.get(*s)).any(|c| {
            let apart = metres(c.region, &c.state.mean);
            let least = if apart < SAME_PLACE_M { LESS } else { 1.0 };
            apart < APART_M && c.existence >= least * found.existence
        });
        let new = !is_track && !is_candidate;
        if new {
            for slot in &near {
                let gone = self.candidates.get(*slot).is_some_and(|c| metres(c.region, &c.state.mean) < SAME_PLACE_M);
                if gone {
                    self.forget_candidate(*slot);
                }
            }
        }
        ctx.work.near = near;
        new
    }
}

/// Refines a place by least squares over the bearings near it, each as far as it probably is of it, with the velocity that fits them
/// best; and how probably something is there: the likelihood ratio, integrated over all places and velocities about that
/// (Laplace's approximation), against the density of what is not detected yet. `None` where that is too little, or too vague.
/// What supports it is left in `hearing`.
fn refine(place: [f64; 2], at: Time, log_born: f64, hearing: &mut Hearing, ctx: &Context<'_>) -> Option<Found> {
    let config = ctx.config;
    let speed_variance = config.speed_start_sd_mps * config.speed_start_sd_mps;
    let mut support = std::mem::take(&mut hearing.support);
    let mut of = Hypothesis { at, state: [place[0], place[1], 0.0, 0.0], unsaid_mps: 0.0, since_s: 0.0 };
    let mut last = None;
    for _ in 0..=STEPS {
        let mut normal = Normal::default();
        for axis in 0..2 {
            normal.matrix[axis][axis] = 1e-9;
            normal.matrix[axis + 2][axis + 2] = 1.0 / speed_variance;
            normal.right[axis + 2] = -of.state[axis + 2] / speed_variance;
        }
        support.clear();
        let weighed = hearing.weigh(&of, ctx.posts, config, Some((&mut normal, &mut support)));
        let Some((step, covariance, log_determinant)) = normal.solved() else { break };
        last = Some((of.state, weighed, covariance, log_determinant));
        let length = math::hypot(step[0], step[1]);
        let scale = if length > STEP_MAX_M { STEP_MAX_M / length } else { 1.0 };
        for axis in 0..4 {
            of.state[axis] += scale * step[axis];
        }
    }
    hearing.support = support;
    let (state, (score, sensors), covariance, log_determinant) = last?;
    let vague = !(covariance[0][0] + covariance[1][1] < 2.0 * PLACE_SD_MAX_M * PLACE_SD_MAX_M);
    if sensors < SENSORS_MIN || vague {
        return None;
    }
    let speeds = (state[2] * state[2] + state[3] * state[3]) / speed_variance;
    // (2π)² of the four dimensions, over 2π of the two of the velocity.
    let log_volume = math::log(math::TAU / speed_variance) - 0.5 * (log_determinant + speeds);
    let log_odds = score + log_born + log_volume;
    let existence = 1.0 / (1.0 + math::exp((-log_odds).min(50.0)));
    (existence >= BEGIN_MIN).then_some(Found { state, covariance, existence: existence.min(BEGIN_MAX) })
}
