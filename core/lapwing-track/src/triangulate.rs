//! Tracks from bearings alone: where the bearings of three sensors meet, and none that should have heard stayed silent.
//!
//! A pair of bearings proposes a place; the likelihood of all bearings near in time, each against its own density of false
//! ones, and of the silence of those that gave none, says whether something is there (the measurement-to-measurement test of
//! Pattipati, Deb, Bar-Shalom & Washburn 1992, *A new relaxation algorithm and passive sensor data association*, with
//! missed detections weighed by coverage). What passes is refined by least squares over position and becomes a candidate.

use crate::birth::{Bearing, key_of};
use crate::filter::{Context, Filter};
use crate::gaussian::{Covariance, Gaussian};
use crate::look::Corrected;
use crate::motion::forget_height;
use crate::post::Post;
use crate::reading::Kind;
use crate::track::Candidate;
use lapwing_model::{Span, Time, math};

/// How long a bearing without a track is kept.
const KEPT: Span = Span::from_millis(1_500);
/// Bearings kept at most; beyond, the oldest goes.
const BEARINGS_MAX: usize = 4_096;
/// Bearings a proposal is made with, per new one.
const PARTNERS_MAX: usize = 64;
/// Sensors that must support a place.
const SENSORS_MIN: usize = 3;
/// Bearings must cross at least by this, radians: nearer to parallel the place is vague.
const CROSSING_MIN_RAD: f64 = 0.3;
/// What is left of a bearing must be at least this.
const LEFT_MIN: f64 = 0.5;
/// Log-likelihood ratio from which a place is believed, before the candidate's own tests.
const SCORE_MIN: f64 = 9.0;
/// One sigma of what the position may be off because the bearings are of different times, metres.
const MOTION_SD_M: f64 = 25.0;
/// A candidate this near makes another at the same place needless, metres.
const APART_M: f64 = 120.0;
/// One sigma of the place above which it is too vague, metres.
const PLACE_SD_MAX_M: f64 = 150.0;

impl Filter {
    /// Keeps the bearings of a look that belong to no track, and tries to begin tracks with them.
    pub(crate) fn bear(&mut self, look: &Corrected<'_>, ctx: &mut Context<'_>) {
        if !ctx.config.triangulate {
            return;
        }
        let before = look.at - KEPT;
        while self.bearings.front().is_some_and(|b| b.at < before) {
            self.bearings.pop_front();
        }
        for (number, reading) in look.readings.iter().enumerate() {
            let left = 1.0 - ctx.work.taken.get(number).copied().unwrap_or(1.0);
            if !matches!(reading.kind, Kind::Bearing { .. }) || left < LEFT_MIN || reading.self_report {
                continue;
            }
            let new = Bearing { sensor: look.sensor, at: reading.at, reading: reading.clone(), left };
            let key = key_of(look.key, number);
            if self.sight(&new, key, ctx) {
                continue;
            }
            self.propose(&new, key, ctx);
            if self.bearings.len() >= BEARINGS_MAX {
                self.bearings.pop_front();
            }
            self.bearings.push_back(new);
        }
    }

    /// Tries the places where a new bearing crosses those of others.
    fn propose(&mut self, new: &Bearing, key: u64, ctx: &mut Context<'_>) {
        let Some(post) = ctx.posts.get(new.sensor as usize) else { return };
        let Some(from) = post.frame else { return };
        let reach = post.hears_within_m();
        let region = ctx.regions.at(from.origin().place());
        let Some(own) = ctx.scene(new.sensor, region, false).pose else { return };
        let ray = |pose: crate::project::Pose, azimuth: f64| {
            let d = pose.out_of_horizon([math::sin(azimuth), math::cos(azimuth), 0.0]);
            ([pose.position[0], pose.position[1]], [d[0], d[1]])
        };
        let (p, d) = ray(own, new.reading.value[1]);
        let mut best: Option<(f64, [f64; 2])> = None;
        let mut partners = 0;
        for i in (0..self.bearings.len()).rev() {
            let Some(other) = self.bearings.get(i) else { break };
            if other.sensor == new.sensor || partners >= PARTNERS_MAX {
                continue;
            }
            let (sensor, azimuth) = (other.sensor, other.reading.value[1]);
            let Some(far) = ctx.posts.get(sensor as usize).map(Post::hears_within_m) else {
                continue;
            };
            let Some(pose) = ctx.scene(sensor, region, false).pose else { continue };
            let (q, e) = ray(pose, azimuth);
            let (dx, dy) = (q[0] - p[0], q[1] - p[1]);
            if dx * dx + dy * dy > (reach + far) * (reach + far) {
                continue;
            }
            partners += 1;
            let cross = d[0] * e[1] - d[1] * e[0];
            if math::fabs(cross) < CROSSING_MIN_RAD {
                continue;
            }
            // p + s d = q + t e
            let s = (dx * e[1] - dy * e[0]) / cross;
            let t = (dx * d[1] - dy * d[0]) / cross;
            if !(s > 1.0 && s < reach && t > 1.0 && t < far) {
                continue;
            }
            let place = [p[0] + s * d[0], p[1] + s * d[1]];
            let score = self.score(place, new, region, ctx).0;
            if score >= SCORE_MIN && best.is_none_or(|(b, _)| score > b) {
                best = Some((score, place));
            }
        }
        if let Some((_, place)) = best {
            self.begin_from_bearings(place, new, key, region, ctx);
        }
    }

    /// Log-likelihood ratio of "something is there" to "all bearings are false", the sensors that support it, and the bearing
    /// of each.
    fn score(&self, place: [f64; 2], new: &Bearing, region: u16, ctx: &mut Context<'_>) -> (f64, Vec<usize>) {
        let mut score = 0.0;
        // The best bearing of each sensor; the new one stands for itself at the end of the list.
        let mut support: Vec<(u32, f64, usize)> = Vec::new();
        let all = self.bearings.iter().chain(std::iter::once(new)).enumerate();
        for (i, bearing) in all {
            let scene = ctx.scene(bearing.sensor, region, false);
            let Some(pose) = scene.pose else { continue };
            let d = pose.to(&[place[0], place[1], 0.0, 0.0, 0.0, 0.0]);
            let ground = math::sqrt(d[0] * d[0] + d[1] * d[1]).max(1.0);
            let Some(post) = ctx.posts.get(bearing.sensor as usize) else { continue };
            let far = post.hears_within_m();
            if ground > far {
                continue;
            }
            let off = math::wrap_pi(bearing.reading.value[1] - math::atan2(d[0], d[1]));
            let moved = MOTION_SD_M / ground;
            let variance = bearing.reading.variance[1] + moved * moved;
            if off * off > 9.0 * variance {
                continue;
            }
            let (volume, _) = post.volume(&bearing.reading, false, ctx.config);
            let learned = self.memories.get(bearing.sensor as usize).and_then(|m| m.stray_per_look);
            let density = math::log(post.clutter(learned, ctx.config) / volume);
            let detection = post.detection([d[0], d[1], 0.0], false, 1.0, ctx.config).max(0.05);
            let gain = math::log(detection * bearing.left)
                - 0.5 * (off * off / variance + math::log(math::TAU * variance))
                - density;
            match support.iter_mut().find(|(s, _, _)| *s == bearing.sensor) {
                Some(known) if known.1 >= gain => {}
                Some(known) => *known = (bearing.sensor, gain, i),
                None => support.push((bearing.sensor, gain, i)),
            }
        }
        if support.len() < SENSORS_MIN {
            return (f64::NEG_INFINITY, Vec::new());
        }
        score += support.iter().map(|(_, gain, _)| gain.min(6.0)).sum::<f64>();
        // Those that should have heard it in this time and did not.
        let heard: Vec<u32> = support.iter().map(|(s, _, _)| *s).collect();
        for sensor in 0..ctx.posts.len() as u32 {
            if heard.contains(&sensor) {
                continue;
            }
            let Some(post) = ctx.posts.get(sensor as usize).filter(|p| p.refutes() && p.frame.is_some()) else {
                continue;
            };
            if post.sensor.kind != ctx.posts.get(new.sensor as usize).map_or(post.sensor.kind, |p| p.sensor.kind) {
                continue;
            }
            let recent = self.memories.get(sensor as usize).and_then(|m| m.looked_at);
            if recent.is_none_or(|at| new.at.since(at).abs() > KEPT) {
                continue;
            }
            let Some(pose) = ctx.scene(sensor, region, false).pose else { continue };
            let d = pose.to(&[place[0], place[1], 0.0, 0.0, 0.0, 0.0]);
            let Some(post) = ctx.posts.get(sensor as usize) else { continue };
            let detection = post.detection([d[0], d[1], 0.0], false, 60.0, ctx.config);
            if detection > 0.0 {
                // Two looks fit into the time kept; one may have been taken by a track beside it.
                score += math::log((1.0 - detection).max(0.1));
            }
        }
        // A place of birth somewhere in the area the new bearing's sensor covers.
        score += math::log(0.02);
        (score, support.into_iter().map(|(_, _, i)| i).collect())
    }

    /// Refines a place by least squares over the bearings that support it, and begins a candidate there.
    fn begin_from_bearings(&mut self, place: [f64; 2], new: &Bearing, key: u64, region: u16, ctx: &mut Context<'_>) {
        let config = ctx.config;
        let (_, support) = self.score(place, new, region, ctx);
        let mut at = place;
        let mut normal = [[0.0; 2]; 2];
        for _ in 0..6 {
            normal = [[1e-9, 0.0], [0.0, 1e-9]];
            let mut right = [0.0; 2];
            for i in &support {
                let bearing = self.bearings.get(*i).unwrap_or(new);
                let Some(pose) = ctx.scene(bearing.sensor, region, false).pose else { continue };
                let d = pose.to(&[at[0], at[1], 0.0, 0.0, 0.0, 0.0]);
                let h2 = (d[0] * d[0] + d[1] * d[1]).max(100.0);
                let g = pose.out_of_horizon([d[1] / h2, -d[0] / h2, 0.0]);
                let off = math::wrap_pi(bearing.reading.value[1] - math::atan2(d[0], d[1]));
                let weight = 1.0 / (bearing.reading.variance[1] + MOTION_SD_M * MOTION_SD_M / h2);
                for r in 0..2 {
                    right[r] += weight * g[r] * off;
                    for c in 0..2 {
                        normal[r][c] += weight * g[r] * g[c];
                    }
                }
            }
            let determinant = normal[0][0] * normal[1][1] - normal[0][1] * normal[1][0];
            if !(determinant > 1e-18) {
                return;
            }
            let step = [
                (normal[1][1] * right[0] - normal[0][1] * right[1]) / determinant,
                (normal[0][0] * right[1] - normal[1][0] * right[0]) / determinant,
            ];
            let length = math::hypot(step[0], step[1]);
            let scale = if length > 300.0 { 300.0 / length } else { 1.0 };
            at = [at[0] + scale * step[0], at[1] + scale * step[1]];
        }
        let determinant = normal[0][0] * normal[1][1] - normal[0][1] * normal[1][0];
        let covariance = [
            [normal[1][1] / determinant, -normal[0][1] / determinant],
            [-normal[1][0] / determinant, normal[0][0] / determinant],
        ];
        if !(covariance[0][0] + covariance[1][1] < 2.0 * PLACE_SD_MAX_M * PLACE_SD_MAX_M) {
            return;
        }
        if self.occupied(at, region, new.at, ctx) {
            return;
        }
        let mut state = Gaussian { mean: [at[0], at[1], 0.0, 0.0, 0.0, 0.0], covariance: Covariance::ZERO };
        for r in 0..2 {
            for c in 0..2 {
                state.covariance[(r, c)] = covariance[r][c];
            }
            state.covariance[(r, r)] += 400.0;
            state.covariance[(r + 3, r + 3)] = config.speed_start_sd_mps * config.speed_start_sd_mps;
        }
        forget_height(&mut state);
        let interval = ctx.posts.get(new.sensor as usize).map_or(config.interval_max, |p| p.sensor.interval);
        let begun = Candidate::begun(key, region, new.at, state, 0.3, new.sensor, interval);
        let mut candidate = Candidate { height_known: false, heard: crate::track::Heard::SURELY, ..begun };
        for i in &support {
            let bearing = self.bearings.get(*i).unwrap_or(new);
            candidate.remember(bearing.sensor, interval, &bearing.reading);
        }
        candidate.last_at = new.at;
        self.admit(candidate, None, ctx);
    }

    /// Whether a candidate or a track is there already.
    fn occupied(&self, at: [f64; 2], region: u16, now: Time, ctx: &mut Context<'_>) -> bool {
        let place = ctx.regions.about(region, at[0], at[1]);
        let mut near = Vec::new();
        self.candidate_grid.near(place, APART_M, &mut near);
        let frame = *ctx.regions.frame(region);
        let close = |from: u16, mean: &[f64; 6]| {
            let there = ctx.regions.frame(from).enu_to_ecef(lapwing_model::Enu::new(mean[0], mean[1], mean[2]));
            let there = frame.ecef_to_enu(there);
            math::hypot(there.east_m - at[0], there.north_m - at[1]) < APART_M
        };
        let taken = near.iter().filter_map(|s| self.candidates.get(*s)).any(|c| close(c.region, &c.state.mean));
        if taken {
            return true;
        }
        near.clear();
        self.track_grid.near(place, APART_M, &mut near);
        near.iter().filter_map(|s| self.tracks.get(*s)).any(|t| {
            let state = t.state_at(now, ctx.config);
            close(t.region, &state.mean)
        })
    }
}
