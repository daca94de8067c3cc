//! What a look may see, and which of its readings may be of what.

use super::*;

impl Filter {
    /// Finds what the look may see, brings it to the look's time, and projects it into the sensor's readings.
    pub(super) fn find_visible(&mut self, look: &Look, ctx: &mut Context<'_>) {
        ctx.work.visible.clear();
        ctx.work.weak.clear();
        ctx.work.projections.clear();
        let Some(post) = ctx.posts.get_mut(look.sensor as usize) else { return };
        let disc = post.disc;
        // The poses are looked up for each track: taken out, so that sensor and frames can be read beside them.
        let mut poses = std::mem::take(&mut post.poses);
        let mut near = std::mem::take(&mut ctx.work.near);
        near.clear();
        match disc {
            Some((place, range)) => self.track_grid.near(place, range + SLACK_M, &mut near),
            None => near.extend(self.tracks.slots()),
        }
        let gaze = Gaze::new(self, look, ctx);
        for slot in &near {
            self.show_track(*slot, look, &gaze, &mut poses, ctx);
        }
        near.clear();
        match disc {
            Some((place, range)) => self.candidate_grid.near(place, range + SLACK_M, &mut near),
            None => near.extend(self.candidates.slots()),
        }
        for slot in &near {
            self.show_candidate(*slot, look, &gaze, &mut poses, ctx);
        }
        ctx.work.near = near;
        if let Some(post) = ctx.posts.get_mut(look.sensor as usize) {
            post.poses = poses;
        }
    }

    fn show_track(
        &mut self,
        slot: u32,
        look: &Look,
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
        let first = ctx.work.projections.len() as u32;
        let projections = &mut ctx.work.projections;
        let cluster = track.cluster.and_then(|c| self.clusters.get(c));
        let count = cluster.map_or(1, |c| c.hypotheses(slot).len());
        if let Some(kind) = gaze.kind {
            let motion = if ahead_s > 0.0 { track.models(config).motions.first().copied() } else { None };
            let mut show = |modes: &Modes| {
                projections.push(Projection::EMPTY);
                if let Some(projection) = projections.last_mut() {
                    projection.fill(&scene, kind, modes.states(), &modes.weights, gaze.other, ahead_s, motion);
                    if gaze.clock_s != 0.0 {
                        projection.delayed(&scene, kind, &mean, gaze.clock_s);
                    }
                }
            };
            match cluster {
                None => show(&track.best.modes),
                Some(cluster) => cluster.hypotheses(slot).iter().for_each(|h| show(&h.modes)),
            }
        }
        let mut detection = post.detection(d.unwrap_or([0.0; 3]), height_known, margin, config);
        if !gaze.misses {
            // Without a completed look there is no miss, but what is seen is seen with the usual probability.
            detection = detection.max(0.05);
        }
        // Seen by a plot that came before the word that the look is complete.
        let seen = |since| track.seen_by(look.sensor).is_some_and(|at| at > since);
        let silent = post.listens && !track.heard.emits();
        if beside || silent || look.unseen_since.is_some_and(seen) {
            detection = -detection;
        }
        let polar = d.filter(|_| gaze.resolves).map(polar_of);
        ctx.work.visible.push(Visible { slot, first, count: count as u32, detection, ahead_s, polar });
    }

    fn show_candidate(
        &mut self,
        slot: u32,
        look: &Look,
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
        let first = ctx.work.projections.len() as u32;
        if let Some(kind) = gaze.kind {
            ctx.work.projections.push(Projection::EMPTY);
            if let Some(projection) = ctx.work.projections.last_mut() {
                let one = std::slice::from_ref(&candidate.state);
                projection.fill(&scene, kind, one, &[1.0, 0.0, 0.0], gaze.other, 0.0, None);
            }
        }
        let d = pose.map(|pose| pose.to(&candidate.state.mean));
        let mut detection = post.detection(d.unwrap_or([0.0; 3]), height_known, margin, config);
        if !gaze.misses {
            detection = detection.max(0.05);
        }
        if beside || (post.listens && !candidate.heard.emits()) {
            detection = -detection;
        }
        ctx.work.weak.push(Visible { slot, first, count: 1, detection, ahead_s: 0.0, polar: None });
    }

    /// Finds the pairs that may be: gates each reading against each projection near it.
    pub(super) fn pair(&mut self, look: &Look, ctx: &mut Context<'_>) {
        ctx.work.pairs.clear();
        ctx.work.weak_pairs.clear();
        let Some(kind) = look.readings.first().map(|r| r.kind) else { return };
        // Readings in the order of their sharpest component, so that each projection asks only those near it.
        let mixed = look.readings.iter().any(|r| r.kind != kind);
        let all = look.readings.len() <= FEW || mixed;
        let work = &mut *ctx.work;
        work.order.clear();
        work.order.extend(work.readings.iter().enumerate().map(|(i, r)| (sort_key(r), i as u32)));
        if !all {
            work.order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        }
        // Errors within a scan are alike; the greatest is taken.
        let mut widest = [0.0; 4];
        for reading in &work.readings {
            for (w, v) in widest.iter_mut().zip(&reading.variance) {
                *w = f64::max(*w, *v);
            }
        }
        let widest = widest.map(|w| 4.0 * math::sqrt(w));
        let projections = std::mem::take(&mut work.projections);
        let visible = std::mem::take(&mut work.visible);
        let weak = std::mem::take(&mut work.weak);
        let context = PairContext { kind, all, mixed, widest, sensor: look.sensor };
        for (strong, list) in [(true, &visible), (false, &weak)] {
            for (v, one) in list.iter().enumerate() {
                let of = if strong {
                    self.tracks.get(one.slot).map(|t| (t.region, t.height_known))
                } else {
                    self.candidates.get(one.slot).map(|c| (c.region, c.height_known))
                };
                let Some(place) = of else { continue };
                for h in 0..one.count {
                    let at = (one.first + h) as usize;
                    if let Some(projection) = projections.get(at).filter(|p| p.valid) {
                        self.pair_one((v as u32, h, strong), one, projection, place, &context, ctx);
                    }
                }
            }
        }
        ctx.work.projections = projections;
        ctx.work.visible = visible;
        ctx.work.weak = weak;
    }

    fn pair_one(
        &self,
        (v, h, strong): (u32, u32, bool),
        visible: &Visible,
        projection: &Projection,
        (region, height_known): (u16, bool),
        context: &PairContext,
        ctx: &mut Context<'_>,
    ) {
        let readings = std::mem::take(&mut ctx.work.readings);
        let order = std::mem::take(&mut ctx.work.order);
        let mut found = std::mem::take(if strong { &mut ctx.work.pairs } else { &mut ctx.work.weak_pairs });
        let log_other = std::mem::take(&mut ctx.work.log_other);
        let windows = if context.all {
            two((0, order.len()), (0, 0))
        } else {
            windows(context, projection, &order, ctx.regions.frame(region))
        };
        if windows.iter().any(|(from, to)| from < to) {
            let log_detection = math::log(math::fabs(visible.detection).max(1e-3));
            let scene = ctx.scene(context.sensor, region, height_known);
            let start = found.len();
            for (_, r) in windows.iter().flat_map(|(from, to)| order.get(*from..*to).unwrap_or(&[])) {
                let Some(reading) = readings.get(*r as usize) else { continue };
                let foresight = if !context.mixed || reading.kind == context.kind {
                    let (y, variance) = scene.innovations(reading, &projection.rows);
                    projection.foresight(&y, &variance)
                } else {
                    self.foresee_other(visible.slot, strong, reading, &scene)
                };
                let Some(foresight) = foresight.filter(|f| f.distance <= gate(projection.rows.count)) else { continue };
                let other = log_other.get(*r as usize).map_or(0.0, |o| o[usize::from(height_known)]);
                let log_ratio = (log_detection + foresight.log_likelihood - other).min(LOG_RATIO_CAP);
                found.push(Pair { visible: v, hypothesis: h, reading: *r, log_ratio, foresight });
            }
            drop_unlikely(&mut found, start);
        }
        ctx.work.readings = readings;
        ctx.work.order = order;
        ctx.work.log_other = log_other;
        *(if strong { &mut ctx.work.pairs } else { &mut ctx.work.weak_pairs }) = found;
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

/// Stretches of readings that may be near a projection, at most; beyond, all are tried.
const STRETCHES_MAX: usize = 8;
/// Height of a band of latitude, degrees (about 200 m).
const BAND_DEG: f64 = 0.0018;
/// What lies between one band and the next in the order: more than all longitudes.
const BAND_STRIDE: f64 = 1_000.0;

/// The band of a latitude.
fn band_of(latitude_deg: f64) -> f64 {
    math::floor(latitude_deg / BAND_DEG)
}

type Stretches = [(usize, usize); STRETCHES_MAX];

/// Two stretches and no more.
fn two(a: (usize, usize), b: (usize, usize)) -> Stretches {
    let mut all = [(0, 0); STRETCHES_MAX];
    (all[0], all[1]) = (a, b);
    all
}

/// Where in the sorted readings those near a projection are.
fn windows(
    context: &PairContext,
    projection: &Projection,
    order: &[(f64, u32)],
    frame: &lapwing_model::LocalFrame,
) -> Stretches {
    let everything = two((0, order.len()), (0, 0));
    let stretch =
        |from: f64, to: f64| (order.partition_point(|(k, _)| *k < from), order.partition_point(|(k, _)| *k <= to));
    match context.kind {
        Kind::Polar { .. } | Kind::Bearing { .. } => {
            let at = usize::from(matches!(context.kind, Kind::Polar { .. }));
            let (middle, half) = (projection.rows.predicted[at], projection.reach[at] + context.widest[1]);
            if half >= math::PI {
                return everything;
            }
            let (from, to) = (middle - half, middle + half);
            if from < -math::PI {
                two(stretch(-4.0, to), stretch(from + math::TAU, 4.0))
            } else if to > math::PI {
                two(stretch(from, 4.0), stretch(-4.0, to - math::TAU))
            } else {
                two(stretch(from, to), (0, 0))
            }
        }
        Kind::Position { .. } => {
            let origin = frame.origin();
            if math::fabs(origin.latitude_deg) > 70.0 || math::fabs(origin.longitude_deg) > 179.0 {
                return everything;
            }
            let (e, n) = (projection.rows.predicted[0], projection.rows.predicted[1]);
            // To second order; the reach gets two metres and a hundredth of the way for what is left out.
            let half_m = projection.reach[0] + context.widest[0] + 2.0;
            let phi = math::rad(origin.latitude_deg) + n / 6_372_000.0;
            let per_deg = 111_320.0 * math::cos(phi) * 1.001;
            let middle = origin.longitude_deg + e / per_deg;
            let half = half_m / per_deg * 1.02 + math::fabs(e) / per_deg * 0.005;
            // A parallel bends away from the east axis: by e² tan φ / 2R, to 70 degrees.
            let half_m = projection.reach[1] + context.widest[1] + 2.0 + 0.01 * math::fabs(n) + e * e / 4.6e6;
            let (north, half_north) = (origin.latitude_deg + n / 111_300.0, half_m / 110_500.0);
            let (first, last) = (band_of(north - half_north), band_of(north + half_north));
            if last - first >= STRETCHES_MAX as f64 {
                return everything;
            }
            let mut stretches = [(0, 0); STRETCHES_MAX];
            for (i, place) in stretches.iter_mut().enumerate().take((last - first) as usize + 1) {
                let band = (first + i as f64) * BAND_STRIDE;
                *place = stretch(band + middle - half, band + middle + half);
            }
            stretches
        }
        Kind::RangeDifference => {
            let (middle, half) = (projection.rows.predicted[0], projection.reach[0] + context.widest[0]);
            two(stretch(middle - half, middle + half), (0, 0))
        }
    }
}

/// What readings are sorted by: their sharpest component; places by bands of latitude, and in them by longitude.
fn sort_key(reading: &Reading) -> f64 {
    match reading.kind {
        Kind::Position { .. } => band_of(reading.place.latitude_deg) * BAND_STRIDE + reading.place.longitude_deg,
        Kind::RangeDifference => reading.value[0],
        Kind::Polar { .. } | Kind::Bearing { .. } => reading.value[1],
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

/// What the pairing of one look needs throughout.
struct PairContext {
    kind: Kind,
    /// Whether every reading is tried with every projection.
    all: bool,
    /// Whether readings of other kinds are among them.
    mixed: bool,
    /// Four sigma of each component of the readings, the greatest.
    widest: [f64; 4],
    sensor: u32,
}

/// What is found once a look, for all that it may see.
struct Gaze {
    kind: Option<Kind>,
    other: Option<Ecef>,
    clock_s: f64,
    far_m: Option<f64>,
    turn_s: f64,
    /// Whether what is not seen was missed.
    misses: bool,
    /// Whether it may fail to tell two apart.
    resolves: bool,
}

impl Gaze {
    fn new(filter: &Filter, look: &Look, ctx: &Context<'_>) -> Self {
        let post = ctx.posts.get(look.sensor as usize);
        let first = look.readings.first();
        Self {
            kind: first.map(|r| r.kind),
            other: first.map(|r| r.point),
            clock_s: filter.memories.get(look.sensor as usize).map_or(0.0, |m| m.bias.clock_s(ctx.config)),
            far_m: post.and_then(|p| p.sensor.coverage.range_max_m),
            turn_s: post.map_or(1.0, Post::interval_s),
            misses: look.complete && post.is_some_and(|p| p.measures),
            resolves: post.is_some_and(|p| p.sensor.resolution.azimuth_deg.is_some()),
        }
    }

    /// When the sensor looks at what is at `d` (in its horizon), and whether that is beside the part of the turn this look is
    /// of. `None` for what it cannot see now.
    fn when(&self, look: &Look, d: Option<[f64; 3]>, margin: f64) -> Option<(Time, bool)> {
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
