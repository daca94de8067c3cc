//! What a look may see, and which of its readings may be of what.

use super::*;
use crate::filter::Weak;
use crate::grid::{Grid, SLACK_M};
use crate::slab::Slab;
use crate::track::{Candidate, SEEN_FOR, Track};
use std::cell::Cell;

/// What is not a track yet has a wide gate with much clutter in it: of that it gets this part, which has 99.9 % of its plots.
const WEAK_GATE: f64 = 0.85;
/// A reading that is a track's with more than this probability is not asked of the candidates, where a sensor tells all apart: else
/// it may be of a second aircraft, too.
const SURELY_TAKEN: f64 = 0.98;

impl Filter {
    /// Finds what the look may see, brings it to the look's time, projects it into the sensor's readings, and finds those that
    /// may be its: all that while it is at hand, for there may be thousands.
    pub(super) fn find_visible(&mut self, look: &Corrected<'_>, ctx: &mut Context<'_>) -> Gaze {
        ctx.work.visible.clear();
        ctx.work.projections.clear();
        ctx.work.pairs.clear();
        let gaze = Gaze::new(self, look, ctx);
        ctx.work.nearby.lay_out(look.readings, &ctx.work.log_other, gaze.kind.filter(|_| !gaze.mixed));
        let Some(post) = ctx.posts.get_mut(look.sensor as usize) else { return gaze };
        in_reach(post, &self.track_grid, &self.tracks, &mut ctx.work.near);
        // The poses are looked up for each track: taken out, so that sensor and frames can be read beside them.
        let mut poses = std::mem::take(&mut post.poses);
        let near = std::mem::take(&mut ctx.work.near);
        for slot in &near {
            self.show_track(*slot, look, &gaze, &mut poses, ctx);
        }
        ctx.work.near = near;
        if let Some(post) = ctx.posts.get_mut(look.sensor as usize) {
            post.poses = poses;
        }
        gaze
    }

    /// The same of the candidates, when the tracks have taken what is theirs: what they surely gave comes into question no more.
    pub(super) fn find_weak(&mut self, look: &Corrected<'_>, gaze: &Gaze, ctx: &mut Context<'_>) {
        ctx.work.weak.clear();
        ctx.work.weak_pairs.clear();
        let Some(post) = ctx.posts.get_mut(look.sensor as usize) else { return };
        in_reach(post, &self.candidate_grid, &self.candidates, &mut ctx.work.near);
        let mut poses = std::mem::take(&mut post.poses);
        let near = std::mem::take(&mut ctx.work.near);
        for slot in &near {
            self.show_candidate(*slot, look, gaze, &mut poses, ctx);
        }
        ctx.work.near = near;
        if let Some(post) = ctx.posts.get_mut(look.sensor as usize) {
            post.poses = poses;
        }
    }

    fn show_track(
        &mut self,
        slot: u32,
        look: &Corrected<'_>,
        gaze: &Gaze,
        poses: &mut Vec<Option<Pose>>,
        ctx: &mut Context<'_>,
    ) {
        let config = ctx.config;
        let Some(track) = self.tracks.get(slot) else { return };
        let (region, height_known) = (track.region, track.height_known);
        if track.at.since(look.at) > AHEAD_MAX {
            return;
        }
        let Some(post) = ctx.posts.get(look.sensor as usize) else { return };
        let pose = post.frame.as_ref().map(|from| ctx.regions.pose(poses, from, region));
        let mut mean = track.best.modes.mean();
        let near = pose.map(|pose| pose.to(&mean));
        let margin = track.best.modes.states()[0].horizontal_sd_m();
        let Some((to, beside)) = gaze.when(look, near, margin) else { return };
        self.predict(slot, to, config);
        let Some(track) = self.tracks.get(slot) else { return };
        let ahead_s = track.at.since(to).as_seconds_f64().max(0.0);
        let frame = ctx.regions.frame(region);
        let scene = Scene { frame, pose, height_known, signal_speed_mps: post.signal_speed_mps, config };
        if track.at != to || ahead_s > 0.0 || near.is_none() {
            mean = track.best.modes.mean();
            for axis in 0..3 {
                mean[axis] -= ahead_s * mean[axis + 3];
            }
        } else {
            mean = track.best.modes.mean();
        }
        let d = pose.map(|pose| pose.to(&mean));
        let first = ctx.work.projections.len();
        let projections = &mut ctx.work.projections;
        let cluster = track.cluster.and_then(|c| self.clusters.get(c));
        if let Some(kind) = gaze.kind {
            let motion = if ahead_s > 0.0 { track.models(config).motions.first().copied() } else { None };
            let mut show = |modes: &Modes| {
                let projection = projections.next();
                projection.fill(&scene, kind, modes.states(), &modes.weights, gaze.other, ahead_s, motion);
                if gaze.clock_s != 0.0 {
                    projection.delayed(&scene, kind, &mean, gaze.clock_s);
                }
            };
            match cluster {
                None => show(&track.best.modes),
                Some(cluster) => cluster.hypotheses(slot).iter().for_each(|h| show(&h.modes)),
            }
        }
        let mut detection = post.detection(d.unwrap_or([0.0; 3]), height_known, margin, config) * gaze.keenness;
        if !gaze.misses {
            // Without a completed look there is no miss, but what is seen is seen with the usual probability.
            detection = detection.max(0.05);
        }
        // Seen by a plot that came before the word that the look is complete.
        let seen = |since| track.seen_by(look.sensor).is_some_and(|at| at > since);
        let silent = post.listens && !track.heard.emits() && is_seen(track, look.at, ctx.posts);
        if beside || silent || look.unseen_since.is_some_and(seen) {
            detection = -detection;
        }
        let polar = d.filter(|_| gaze.merges).map(polar_of);
        let v = ctx.work.visible.len() as u32;
        let from = ctx.work.pairs.len() as u32;
        let visible = Visible { slot, first: first as u32, detection, ahead_s, polar, pairs: (from, from) };
        let projections = std::mem::take(&mut ctx.work.projections);
        for (h, projection) in projections.from(first).iter().enumerate().filter(|(_, p)| p.valid) {
            self.pair_one((v, h as u32, true), (slot, detection), projection, &scene, (look, gaze), ctx.work);
        }
        ctx.work.projections = projections;
        let to = ctx.work.pairs.len() as u32;
        ctx.work.visible.push(Visible { pairs: (from, to), ..visible });
    }

    fn show_candidate(
        &mut self,
        slot: u32,
        look: &Corrected<'_>,
        gaze: &Gaze,
        poses: &mut Vec<Option<Pose>>,
        ctx: &mut Context<'_>,
    ) {
        let config = ctx.config;
        let Some(candidate) = self.candidates.get_mut(slot) else { return };
        if candidate.at.since(look.at) > Span::from_millis(500) {
            return;
        }
        let height_known = candidate.height_known;
        let Some(post) = ctx.posts.get(look.sensor as usize) else { return };
        let pose = post.frame.as_ref().map(|from| ctx.regions.pose(poses, from, candidate.region));
        let near = pose.map(|pose| pose.to(&candidate.state.mean));
        let margin = candidate.state.horizontal_sd_m();
        let Some((to, beside)) = gaze.when(look, near, margin) else { return };
        let dt = to.since(candidate.at).as_seconds_f64();
        if dt > 0.0 {
            let motion = config.models.motions.first().copied().unwrap_or(config.motion_fast);
            crate::motion::predict(&mut candidate.state, motion, dt, height_known);
            candidate.at = to;
            candidate.existence *= config.survival(dt);
        }
        let frame = ctx.regions.frame(candidate.region);
        let scene = Scene { frame, pose, height_known, signal_speed_mps: post.signal_speed_mps, config };
        let d = pose.map(|pose| pose.to(&candidate.state.mean));
        let mut detection = post.detection(d.unwrap_or([0.0; 3]), height_known, margin, config) * gaze.keenness;
        if !gaze.misses {
            detection = detection.max(0.05);
        }
        // Seen by a plot that came before the word that the look is complete.
        let seen = |since| candidate.seen_by(look.sensor).is_some_and(|at| at > since);
        if beside || look.unseen_since.is_some_and(seen) || (post.listens && !candidate.heard.emits()) {
            detection = -detection;
        }
        let Candidate { existence, line, shares_line, state, .. } = *candidate;
        let v = ctx.work.weak.len() as u32;
        let from = ctx.work.weak_pairs.len() as u32;
        if let Some(kind) = gaze.kind {
            // Of a candidate the projection is not needed again.
            let mut projections = std::mem::take(&mut ctx.work.projections);
            let at = projections.len();
            let one = std::slice::from_ref(&state);
            projections.next().fill(&scene, kind, one, &[1.0, 0.0, 0.0], gaze.other, 0.0, None);
            if let Some(projection) = projections.get(at) {
                self.pair_one((v, 0, false), (slot, detection), projection, &scene, (look, gaze), ctx.work);
            }
            projections.give_back(at);
            ctx.work.projections = projections;
        }
        let to = ctx.work.weak_pairs.len() as u32;
        ctx.work.weak.push(Weak { slot, detection, existence, line, shares_line, pairs: (from, to) });
    }

    /// Finds the readings that may be of one projection.
    fn pair_one(
        &self,
        (v, h, strong): (u32, u32, bool),
        (slot, detection): (u32, f64),
        projection: &Projection,
        scene: &Scene<'_>,
        (look, gaze): (&Corrected<'_>, &Gaze),
        work: &mut Work,
    ) {
        let Work { nearby, against, pairs, weak_pairs, taken, .. } = work;
        let found = if strong { pairs } else { weak_pairs };
        let log_detection = gaze.log_detection(detection);
        let start = found.len();
        let widest = gate(projection.rows.count) * if strong { 1.0 } else { WEAK_GATE };
        against.begin();
        let mut foresee = |(y, variance): ([f64; 4], [f64; 4])| against.foresight(projection, &y, &variance);
        let position = !gaze.mixed && matches!(gaze.kind, Some(Kind::Position { .. }));
        nearby.each(projection, scene.frame, |near| {
            let r = near.reading;
            if !strong && !gaze.merges && taken.get(r as usize).is_some_and(|taken| *taken > SURELY_TAKEN) {
                return;
            }
            let foresight = if position {
                foresee(scene.position_innovations(near.point, &near.variance, &projection.rows))
            } else {
                let Some(reading) = look.readings.get(r as usize) else { return };
                if gaze.mixed && gaze.kind != Some(reading.kind) {
                    self.foresee_other(slot, strong, reading, scene)
                } else {
                    foresee(scene.innovations(reading, &projection.rows))
                }
            };
            let Some(foresight) = foresight.filter(|f| f.distance <= widest) else { return };
            let other = near.log_other[usize::from(scene.height_known)];
            let log_ratio = (log_detection + foresight.log_likelihood - other).min(LOG_RATIO_CAP);
            found.push(Pair { visible: v, hypothesis: h, reading: r, log_ratio, foresight });
        });
        drop_unlikely(found, start);
        // So the whole list is in order: by what is seen, its hypothesis, the reading.
        if let Some(own) = found.get_mut(start..) {
            own.sort_unstable_by_key(|p| p.reading);
        }
    }

    /// A scan of several kinds is rare: what is not of the first kind is projected again.
    fn foresee_other(&self, slot: u32, strong: bool, reading: &Reading, scene: &Scene<'_>) -> Option<Foresight> {
        let again = if strong {
            let track = self.tracks.get(slot)?;
            Projection::new(scene, reading.kind, &track.best.modes, Some(reading.point))?
        } else {
            let candidate = self.candidates.get(slot)?;
            Projection::of(scene, reading.kind, &candidate.state, Some(reading.point))?
        };
        let (y, variance) = scene.innovations(reading, &again.rows);
        again.foresight(&y, &variance)
    }
}

/// Whether anything but ears has told of a track lately. What is seen may give off nothing, and that it is not heard then says
/// nothing; what was only ever heard must go on being heard, or false bearings here and there would keep it for ever.
fn is_seen(track: &Track, at: Time, posts: &[Post]) -> bool {
    let by_eye = |number: u32| posts.get(number as usize).is_some_and(|post| !post.listens);
    track.seen_lately(at, SEEN_FOR).any(by_eye) || track.last_claim_at.is_some_and(|said| at.since(said) <= SEEN_FOR)
}

/// The slots of all that may be in reach of a sensor, and of some more.
fn in_reach<T>(post: &Post, grid: &Grid, all: &Slab<T>, near: &mut Vec<u32>) {
    near.clear();
    match post.disc {
        Some((place, range)) => grid.near(place, range + SLACK_M, near),
        None => near.extend(all.slots()),
    }
}

impl Projection {
    /// What a clock that is late by `clock_s` shifts: the reading is of that much earlier.
    fn delayed(&mut self, scene: &Scene<'_>, kind: Kind, mean: &[f64; 6], clock_s: f64) {
        let Some(view) = View::new(scene, mean) else { return };
        let (azimuth, elevation) = view.turn_rates();
        let first = match kind {
            Kind::Polar { .. } => {
                self.rows.predicted[0] -= clock_s * view.rate_mps;
                1
            }
            Kind::Bearing { .. } => 0,
            _ => return,
        };
        self.rows.predicted[first] -= clock_s * azimuth;
        let next = first + 1;
        let has_elevation = match kind {
            Kind::Polar { elevation, .. } | Kind::Bearing { elevation } => elevation && scene.height_known,
            _ => false,
        };
        if has_elevation && next < self.rows.count {
            self.rows.predicted[next] -= clock_s * elevation;
        }
    }
}

/// Of the pairs of one hypothesis, those far less likely than its best only tie it to others for nothing.
fn drop_unlikely(pairs: &mut Vec<Pair>, start: usize) {
    let best = pairs.iter().skip(start).map(|p| p.log_ratio).fold(f64::NEG_INFINITY, f64::max);
    let mut kept = start;
    for i in start..pairs.len() {
        if pairs[i].log_ratio >= best - UNLIKELY_NATS {
            pairs.swap(kept, i);
            kept += 1;
        }
    }
    pairs.truncate(kept);
}

fn polar_of(d: [f64; 3]) -> (f64, f64) {
    (math::sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]), math::atan2(d[0], d[1]))
}

/// What is found once a look, for all that it may see.
pub(super) struct Gaze {
    /// That of the first reading, and whether there are others among them.
    kind: Option<Kind>,
    mixed: bool,
    other: Option<Ecef>,
    clock_s: f64,
    far_m: Option<f64>,
    turn_s: f64,
    /// Part of the promised detection probability that the sensor keeps.
    keenness: f64,
    /// Whether what is not seen was missed.
    misses: bool,
    /// Whether it may fail to tell two apart.
    merges: bool,
    /// Of detection probabilities: mostly all have the same.
    logs: Cell<math::Logs>,
}

impl Gaze {
    fn new(filter: &Filter, look: &Corrected<'_>, ctx: &Context<'_>) -> Self {
        let post = ctx.posts.get(look.sensor as usize);
        let first = look.readings.first();
        Self {
            kind: first.map(|r| r.kind),
            mixed: look.readings.iter().any(|r| first.is_some_and(|f| f.kind != r.kind)),
            other: first.map(|r| r.point),
            clock_s: filter.memories.get(look.sensor as usize).map_or(0.0, |m| m.bias.clock_s(ctx.config)),
            far_m: post.and_then(|p| p.sensor.coverage.range_max_m),
            turn_s: post.map_or(1.0, Post::interval_s),
            keenness: filter.memories.get(look.sensor as usize).map_or(1.0, |m| m.keenness.part()),
            misses: look.complete && post.is_some_and(|p| p.measures),
            merges: post.is_some_and(|p| p.sensor.resolution.azimuth_deg.is_some()),
            logs: Cell::default(),
        }
    }

    /// The logarithm of a detection probability, of which the sign says nothing here.
    fn log_detection(&self, detection: f64) -> f64 {
        let mut logs = self.logs.get();
        let log = logs.of(math::fabs(detection).max(1e-3));
        self.logs.set(logs);
        log
    }

    /// When the sensor looks at what is at `d` (in its horizon), and whether that is beside the part of the turn this look is
    /// of. `None` for what it cannot see now.
    fn when(&self, look: &Corrected<'_>, d: Option<[f64; 3]>, margin: f64) -> Option<(Time, bool)> {
        let Some(d) = d else { return Some((look.at, false)) };
        if let Some(far) = self.far_m {
            let slack = far + 200.0 + 4.0 * margin.min(5_000.0);
            if d[0] * d[0] + d[1] * d[1] > slack * slack {
                return None;
            }
        }
        let Some((from, width)) = look.sector else { return Some((look.at, false)) };
        let into = math::wrap_tau(math::atan2(d[0], d[1]) - from);
        if into <= width {
            // A turning sensor looks at each azimuth at its own time.
            return Some((look.at + Span::from_seconds_f64(self.turn_s * into / math::TAU), false));
        }
        let beside = into.min(math::TAU - into).min(math::fabs(into - width));
        (beside <= SECTOR_MARGIN_RAD).then_some((look.at, true))
    }
}
