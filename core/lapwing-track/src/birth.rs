//! How tracks begin: plots near no track become candidates with the little existence that the Poisson intensity of the
//! undetected gives them; candidates that keep being seen become tracks.
//!
//! A candidate takes the likeliest plot near it, weighed by what the tracks left of that plot; it lives for a few looks.

use crate::compete::seen;
use crate::config::Config;
use crate::filter::{Context, Filter, Pair, Took};
use crate::gaussian::{Covariance, Gaussian};
use crate::grid::Filed;
use crate::look::{Corrected, up_of};
use crate::motion::{UNKNOWN_HEIGHT_VARIANCE, forget_height};
use crate::project::{Scene, ground_range};
use crate::reading::{Kind, Reading};
use crate::region::RegionId;
use crate::track::Candidate;
use lapwing_model::{Time, math};

/// What tracks must leave of a plot for it to begin a candidate.
const LEFT_MIN: f64 = 0.1;
/// Candidates at most; beyond, plots begin none until some have died.
pub(crate) const CANDIDATES_MAX: usize = 60_000;
/// Readings a candidate goes on with at most, and the least probability of one beside the likeliest.
const BRANCHES_MAX: usize = 3;
const BRANCH_MIN: f64 = 0.1;
/// Squared distance below which two candidates that took the same reading are one.
const ALIKE: f64 = 4.0;
/// A plot that begins a track was surely real if it is this sure; else it counts as stray.
const STRAY_BELOW: f64 = 0.5;
/// One sigma of the position above which a position is too vague to begin with, metres.
const START_SD_MAX_M: f64 = 2_000.0;

/// A bearing that belongs to no track, kept for triangulation.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Bearing {
    pub(crate) sensor: u32,
    pub(crate) at: Time,
    pub(crate) reading: Reading,
    /// What the tracks left of it, and what the candidates left of that.
    pub(crate) left: f64,
    pub(crate) free: f64,
    /// Its number in its look.
    pub(crate) number: u32,
}

impl Filter {
    /// Candidates take what the tracks left; what is left then begins new ones.
    pub(crate) fn resolve_weak(&mut self, look: &Corrected<'_>, ctx: &mut Context<'_>) {
        self.candidates_take(look, ctx);
        for (number, reading) in look.readings.iter().enumerate() {
            let left = 1.0 - ctx.work.taken.get(number).copied().unwrap_or(1.0);
            self.note_stray((number, reading), left, look, ctx);
            let free = ctx.work.competition.free.get(number).copied().unwrap_or(0.0).min(left);
            if free >= LEFT_MIN && reading.kind.has_position() {
                self.begin((number, reading), free, look, ctx);
            }
        }
    }

    /// Each candidate with the readings that may be its: it takes the likeliest, and for each other likely one a copy of it goes
    /// on with that, all with the probability that it is so.
    fn candidates_take(&mut self, look: &Corrected<'_>, ctx: &mut Context<'_>) {
        self.compete(look, ctx.work);
        let pairs = std::mem::take(&mut ctx.work.weak_pairs);
        let competition = std::mem::take(&mut ctx.work.competition);
        ctx.work.owner.clear();
        ctx.work.owner.resize(ctx.work.weak.len(), 0);
        let mut ready = std::mem::take(&mut ctx.work.ready);
        ready.clear();
        let mut first = 0;
        for list in pairs.chunk_by(|a, b| a.visible == b.visible) {
            let chances = competition.chances.get(first..first + list.len()).unwrap_or_default();
            let passed = list.first().and_then(|p| competition.passed.get(p.visible as usize)).copied();
            first += list.len();
            self.candidate_takes(list, chances, passed.unwrap_or(1.0), look, &mut ready, ctx);
        }
        for v in 0..ctx.work.weak.len() {
            let visible = ctx.work.weak[v];
            if ctx.work.owner[v] == 0 {
                let passed = competition.passed.get(v).copied().unwrap_or(1.0);
                self.candidate_missed(visible.slot, passed * (1.0 - seen(look, visible.detection)), ctx.config);
            }
        }
        self.merge_alike(&mut ready);
        // The surest first: each reading makes one track at most.
        ready.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        for (p, slot, reading) in &ready {
            let Some(taken) = ctx.work.taken.get_mut(*reading as usize) else { continue };
            if *taken > 1.0 - LEFT_MIN {
                continue;
            }
            *taken = (*taken + p).min(1.0);
            if self.candidates.get(*slot).is_some_and(|c| is_ready(c, ctx.config)) {
                if self.is_track_again(*slot, look.at, ctx) {
                    self.forget_candidate(*slot);
                    continue;
                }
                self.promote(*slot, Some(*reading), ctx);
            }
        }
        ctx.work.ready = ready;
        ctx.work.competition = competition;
        ctx.work.weak_pairs = pairs;
    }

    /// Candidates that took the same reading and now say the same are one: left apart they would share its existence for
    /// ever, and neither would become a track.
    fn merge_alike(&mut self, ready: &mut [(f64, u32, u32)]) {
        ready.sort_unstable_by(|a, b| a.2.cmp(&b.2).then(b.0.total_cmp(&a.0)).then(a.1.cmp(&b.1)));
        for together in ready.chunk_by_mut(|a, b| a.2 == b.2) {
            for i in 0..together.len() {
                let (kept, others) = together.split_at_mut(i + 1);
                let Some((p, slot, _)) = kept.last_mut() else { continue };
                for (q, other, _) in others {
                    let (Some(a), Some(b)) = (self.candidates.get(*slot), self.candidates.get(*other)) else {
                        continue;
                    };
                    if !alike(a, b) {
                        continue;
                    }
                    let existence = (a.existence + b.existence).min(1.0 - 1e-9);
                    self.forget_candidate(*other);
                    if let Some(candidate) = self.candidates.get_mut(*slot) {
                        candidate.existence = existence;
                    }
                    *p += *q;
                    *q = 0.0;
                }
            }
        }
    }

    /// One candidate, its pairs, how likely each is, and what it is worth without any.
    fn candidate_takes(
        &mut self,
        list: &[Pair],
        chances: &[f64],
        passed: f64,
        look: &Corrected<'_>,
        ready: &mut Vec<(f64, u32, u32)>,
        ctx: &mut Context<'_>,
    ) {
        let Some(first) = list.first() else { return };
        let v = first.visible as usize;
        let Some(visible) = ctx.work.weak.get(v).copied() else { return };
        let Some(r) = self.candidates.get(visible.slot).map(|c| c.existence) else { return };
        let missed = passed * r * (1.0 - seen(look, visible.detection));
        let likeliest = best_of(list, chances);
        // A copy only where it may be needed.
        let branches = likeliest.get(1).is_some_and(|(p, _)| *p >= BRANCH_MIN);
        let before = if branches { self.candidates.get(visible.slot).copied() } else { None };
        for (n, (p, reading)) in likeliest.into_iter().take(list.len()).enumerate() {
            if n > 0 && p < BRANCH_MIN {
                break;
            }
            let slot = if n == 0 {
                ctx.work.owner[v] = 1;
                visible.slot
            } else {
                let Some(mut copy) = before.filter(|_| self.candidates.len() < CANDIDATES_MAX) else { break };
                (copy.key, copy.filed, copy.shares_line) = (key_of(copy.key, n), None, true);
                if let Some(first) = self.candidates.get_mut(visible.slot) {
                    first.shares_line = true;
                }
                self.candidates.insert(copy)
            };
            // What it loses by the likeliest being wrong stays with the first.
            let existence = if n == 0 { p + missed } else { p };
            let Some(value) = look.readings.get(reading as usize) else { continue };
            if self.candidate_took(slot, value, existence, look, ctx) {
                ready.push((p, slot, reading));
            }
        }
    }

    /// A candidate takes a reading. Whether it is still there.
    fn candidate_took(
        &mut self,
        slot: u32,
        value: &Reading,
        existence: f64,
        look: &Corrected<'_>,
        ctx: &mut Context<'_>,
    ) -> bool {
        let Some(candidate) = self.candidates.get(slot) else { return false };
        let (region, height_known) = (candidate.region, candidate.height_known);
        let scene = ctx.scene(look.sensor, region, height_known);
        let mut state = candidate.state;
        if let Some(linear) = scene.linear(value, &state.mean)
            && let Some(after) = state.updated(&linear)
        {
            state = after;
        }
        // A direction may be of something else along it: that is asked when it is a track.
        let up = if height_known || !value.kind.has_height() { None } else { up_of(&scene, value, &state) };
        let Some(post) = ctx.posts.get(look.sensor as usize) else { return false };
        let (interval, listens) = (post.sensor.interval, post.listens);
        let speed = ctx.config.vertical_speed_start_sd_mps;
        let Some(candidate) = self.candidates.get_mut(slot) else { return false };
        candidate.state = state;
        if let Some((up, variance)) = up {
            candidate.height_known = true;
            candidate.state.mean[2] = up;
            candidate.state.mean[5] = 0.0;
            candidate.state.covariance[(2, 2)] = variance;
            candidate.state.covariance[(5, 5)] = speed * speed;
        }
        candidate.existence = existence.min(1.0 - 1e-9);
        if listens {
            candidate.heard.heard();
        }
        candidate.remember(look.sensor, interval, value);
        if candidate.is_over(ctx.config) {
            self.forget_candidate(slot);
            return false;
        }
        self.file_candidate(slot, ctx);
        true
    }

    /// A candidate gave none of the readings: its existence is multiplied by `factor`.
    fn candidate_missed(&mut self, slot: u32, factor: f64, config: &Config) {
        let Some(candidate) = self.candidates.get_mut(slot) else { return };
        candidate.existence *= factor;
        if candidate.is_over(config) {
            self.forget_candidate(slot);
        }
    }

    pub(crate) fn forget_candidate(&mut self, slot: u32) {
        self.candidates.remove(slot);
        self.candidate_grid.forget(slot);
    }

    fn file_candidate(&mut self, slot: u32, ctx: &Context<'_>) {
        let Some(c) = self.candidates.get_mut(slot) else { return };
        let here = Filed::at(c.region, &c.state.mean);
        if c.filed.is_some_and(|before| !here.has_moved_from(before)) {
            return;
        }
        c.filed = Some(here);
        self.candidate_grid.file(slot, ctx.regions.about(c.region, c.state.mean[0], c.state.mean[1]));
    }

    /// Makes a track of a candidate.
    pub(crate) fn promote(&mut self, slot: u32, reading: Option<u32>, ctx: &mut Context<'_>) {
        if self.tracks.len() >= ctx.config.tracks_max && !self.make_room(false, ctx.config) {
            return;
        }
        let Some(candidate) = self.candidates.remove(slot) else { return };
        self.candidate_grid.forget(slot);
        let track = candidate.promoted(ctx.config);
        let slot = self.insert(track, ctx.regions);
        self.settle(slot, ctx);
        if let Some(took) = reading.and_then(|r| ctx.work.took.get_mut(r as usize)) {
            *took = Took::Began(slot);
        }
    }

    /// Ends the least supported tracks, a few per cent at a time so that a flood does not search the whole table for each
    /// of its plots. A measurement may also displace what only claims to be, a claim may not: a flood of forged claims must
    /// not blind the radar. Whether there is room now.
    pub(crate) fn make_room(&mut self, for_claim: bool, config: &Config) -> bool {
        let mut weak: Vec<(bool, f64, u64, u32)> = self
            .tracks
            .iter()
            .filter(|(_, t)| {
                let tentative = t.phase == lapwing_model::Phase::Tentative;
                if for_claim { tentative && t.plots == 0 } else { tentative || t.claimed_only() }
            })
            .map(|(slot, t)| (t.phase != lapwing_model::Phase::Tentative, t.existence, t.key, slot))
            .collect();
        weak.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(b.2.cmp(&a.2)));
        let count = (config.tracks_max / 64).max(1);
        for (_, _, _, slot) in weak.iter().take(count) {
            self.end(*slot, "gave-way");
        }
        self.tracks.len() < config.tracks_max
    }

    /// What is left of a plot counts as stray, for the density of false plots here and over all.
    fn note_stray(&mut self, (number, value): (usize, &Reading), left: f64, look: &Corrected<'_>, ctx: &Context<'_>) {
        let Some(post) = ctx.posts.get(look.sensor as usize) else { return };
        let vouched = ctx.work.vouched.get(number).copied().unwrap_or(false);
        let stray = if vouched { left } else { 1.0 };
        let (range, azimuth, far) = (value.value[0], value.value[1], post.sensor.coverage.range_max_m);
        let polar = matches!(value.kind, Kind::Polar { .. });
        let memory = self.memory(look.sensor);
        if left > STRAY_BELOW {
            memory.stray += left;
        }
        if let (true, Some(far)) = (polar, far) {
            memory.map.strayed(range, far, azimuth, stray);
        }
    }

    /// Begins a candidate at a reading.
    fn begin(&mut self, (number, value): (usize, &Reading), left: f64, look: &Corrected<'_>, ctx: &mut Context<'_>) {
        let config = ctx.config;
        if self.candidates.len() >= CANDIDATES_MAX {
            return;
        }
        let Some(post) = ctx.posts.get(look.sensor as usize) else { return };
        let height = value.kind.has_height();
        let (_, ground) = post.volume(value, height, config);
        let interval = post.interval_s();
        let other = ctx.work.log_other.get(number).map_or(0.0, |o| o[usize::from(height)]);
        let uniform = self.memories.get(look.sensor as usize).map_or(0.0, |m| m.undetected(post, config));
        // Of one in a square metre, against the density of everything else.
        let against_other = ground * math::exp(-other);
        let mut born = uniform / 1e6 * against_other;
        let detection = post_detection(look, ctx);
        let existence = |born: f64| {
            let odds = left * born * detection;
            crate::existence::Existence::new(odds / (odds + 1.0))
                .detected(crate::existence::confidence_log_ratio(value.confidence.map(f64::from)))
                .probability()
        };
        // Where much is seen often nothing undetected is left: most false plots end here, before their place is worked out.
        if config.birth_sites.is_empty() && existence(born) < config.candidate_min {
            return;
        }
        let from = post.frame;
        let Some((place, sd)) = value.about(from.as_ref()) else { return };
        if sd > START_SD_MAX_M {
            return;
        }
        let region = ctx.regions.at(place);
        let Some((mut state, height_known)) = start(value, look.sensor, region, ctx) else { return };
        // Known places of births: the strongest that reaches here gives the velocity.
        let mut strongest = 0.0;
        for site in &config.birth_sites {
            let at = ctx.regions.frame(region).to_enu(site.place.at_height(0.0));
            let (de, dn) = (state.mean[0] - at.east_m, state.mean[1] - at.north_m);
            let variance = site.horizontal_sd_m * site.horizontal_sd_m;
            let (se, sn) = (variance + state.covariance[(0, 0)], variance + state.covariance[(1, 1)]);
            let density = math::exp(-0.5 * (de * de / se + dn * dn / sn)) / (math::TAU * math::sqrt(se * sn));
            let ratio = site.rate_per_s * interval * density * against_other;
            if ratio > 1e-9 {
                born += ratio;
                if ratio > strongest {
                    strongest = ratio;
                    let share = variance / se;
                    if share < 0.9 {
                        for (axis, d) in [(0, de), (1, dn)] {
                            state.mean[axis] -= d * (1.0 - share);
                            state.covariance[(axis, axis)] *= share;
                        }
                    }
                    state.mean[3] = site.velocity_mps.0;
                    state.mean[4] = site.velocity_mps.1;
                    for axis in [3, 4] {
                        state.covariance[(axis, axis)] = site.velocity_sd_mps * site.velocity_sd_mps;
                    }
                }
            }
        }
        let existence = existence(born);
        if existence < config.candidate_min {
            return;
        }
        let interval = ctx.posts.get(look.sensor as usize).map_or(config.interval_max, |p| p.sensor.interval);
        let scene = ctx.scene(look.sensor, region, height_known);
        let key = key_of(look.key, number);
        // Few aircraft are fast. A velocity that is wide enough for them would make a gate of half a kilometre of every false plot:
        // so they get a candidate of their own beside the slow one, and the next plots tell which of the two it is.
        let fast = if strongest > 0.0 { 0.0 } else { config.birth_fast_part };
        let slow = with_velocity_of(value, state, &scene);
        let mut candidate =
            Candidate::begun(key, region, value.at, slow, existence * (1.0 - fast), look.sensor, interval);
        candidate.height_known = height_known;
        candidate.remember(look.sensor, interval, value);
        let mut beside = None;
        let said_slow = |v: crate::interface::Velocity| math::hypot(v.east_mps, v.north_mps) < config.speed_fast_mps;
        if existence * fast >= config.candidate_min && !value.velocity.is_some_and(said_slow) {
            candidate.shares_line = true;
            let sd = config.speed_fast_start_sd_mps;
            for axis in [3, 4] {
                state.covariance[(axis, axis)] = sd * sd;
            }
            let mut other = candidate;
            other.key = key_of(key, BRANCHES_MAX);
            other.state = with_velocity_of(value, state, &scene);
            (other.existence, other.began_with) = (existence * fast, existence * fast);
            beside = Some(other);
        }
        self.admit(candidate, Some(number as u32), ctx);
        if let Some(beside) = beside {
            self.admit(beside, Some(number as u32), ctx);
        }
    }

    /// Keeps a candidate that has begun, as a track when it is sure enough: with `reading`, if one of this look begins it.
    pub(crate) fn admit(&mut self, mut candidate: Candidate, reading: Option<u32>, ctx: &mut Context<'_>) {
        let ready = is_ready(&candidate, ctx.config);
        // Filed before it is put away, into memory that may be far: reading it back from there would wait for that.
        let (region, [east_m, north_m, ..]) = (candidate.region, candidate.state.mean);
        candidate.filed = Some(Filed::at(region, &candidate.state.mean));
        let slot = self.candidates.insert(candidate);
        self.candidate_grid.file(slot, ctx.regions.about(region, east_m, north_m));
        if ready {
            self.promote(slot, reading, ctx);
        }
    }
}

/// A first state with what its reading says of its velocity: the range rate narrows the unknown at once.
fn with_velocity_of(value: &Reading, mut state: Gaussian, scene: &Scene<'_>) -> Gaussian {
    if let Kind::Polar { rate: true, .. } = value.kind
        && let Some(linear) = scene.linear(value, &state.mean)
        && let Some(row) = linear.rows().last().copied()
    {
        let mut only = crate::gaussian::Linear::default();
        only.push(row.jacobian, row.innovation, row.variance);
        state = state.updated(&only).unwrap_or(state);
    }
    if let Some(velocity) = value.velocity {
        let mut modes = crate::imm::Modes::new(state, &crate::imm::Models::single(scene.config.motion_fast));
        crate::look::use_velocity(&mut modes, velocity, scene.frame, scene.height_known);
        state = modes.merged();
    }
    state
}

/// The likeliest pairs of a list: probability and reading, likeliest first; the rest of the array is nothing.
fn best_of(list: &[Pair], chances: &[f64]) -> [(f64, u32); BRANCHES_MAX] {
    let mut best = [(0.0, u32::MAX); BRANCHES_MAX];
    for (pair, p) in list.iter().zip(chances) {
        let mut next = (*p, pair.reading);
        for kept in &mut best {
            if next.0 > kept.0 || (next.0 == kept.0 && next.1 < kept.1) {
                std::mem::swap(kept, &mut next);
            }
        }
    }
    best
}

/// Whether two candidates are within two sigma of each other, in the plane: place and velocity.
fn alike(a: &Candidate, b: &Candidate) -> bool {
    if a.region != b.region {
        return false;
    }
    let mut distance = 0.0;
    for i in [0, 1, 3, 4] {
        let d = a.state.mean[i] - b.state.mean[i];
        distance += d * d / (a.state.covariance[(i, i)] + b.state.covariance[(i, i)]).max(1e-6);
    }
    distance < ALIKE
}

/// Whether a candidate is a track.
pub(crate) fn is_ready(candidate: &Candidate, config: &Config) -> bool {
    candidate.existence >= config.existence_begin
}

/// A key that depends on the look and the reading alone.
pub(crate) fn key_of(look: u64, reading: usize) -> u64 {
    mixed(look, reading as u64)
}

/// One number of two, which hardly any other two give; never 0.
pub(crate) fn mixed(a: u64, b: u64) -> u64 {
    let mixed = (a ^ b.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ (mixed >> 31)).max(1)
}

fn post_detection(look: &Corrected<'_>, ctx: &Context<'_>) -> f64 {
    let post = ctx.posts.get(look.sensor as usize);
    post.and_then(|p| p.sensor.coverage.detection_probability)
        .unwrap_or(ctx.config.detection_probability)
        .clamp(0.05, 1.0)
}

/// A first state in a region's frame: position from the reading, velocity zero with the configured width; and whether the
/// height is known.
pub(crate) fn start(
    reading: &Reading,
    sensor: u32,
    region: RegionId,
    ctx: &mut Context<'_>,
) -> Option<(Gaussian, bool)> {
    let config = ctx.config;
    let mut out = Gaussian { mean: [0.0; 6], covariance: Covariance::ZERO };
    let height_known = match reading.kind {
        Kind::Position { height } => {
            let at = ctx.regions.frame(region).ecef_to_enu(reading.point);
            (out.mean[0], out.mean[1], out.mean[2]) = (at.east_m, at.north_m, at.up_m);
            out.covariance[(0, 0)] = reading.variance[0];
            out.covariance[(1, 1)] = reading.variance[1];
            out.covariance[(2, 2)] = if height { reading.variance[2] } else { UNKNOWN_HEIGHT_VARIANCE[0] };
            height
        }
        Kind::Polar { elevation, .. } => {
            let scene = ctx.scene(sensor, region, elevation);
            let pose = scene.pose?;
            let [range, azimuth, e, _] = reading.value;
            let (range, range_variance, e, e_variance) = if elevation {
                (range, reading.variance[0], e, reading.variance[2])
            } else {
                let (ground, variance) = ground_range(reading, false, config);
                (ground, variance, 0.0, 0.0)
            };
            let (sa, ca, se, ce) = (math::sin(azimuth), math::cos(azimuth), math::sin(e), math::cos(e));
            // Unit vectors along range, azimuth and elevation, each with its sigma in metres.
            let axes = [
                ([sa * ce, ca * ce, se], range_variance),
                ([ca, -sa, 0.0], range * range * ce * ce * reading.variance[1]),
                ([-sa * se, -ca * se, ce], range * range * e_variance),
            ];
            let along = pose.out_of_horizon(axes[0].0);
            for i in 0..3 {
                out.mean[i] = pose.position[i] + range * along[i];
                // Straight overhead the azimuth says nothing: keep a floor, or the covariance would be singular.
                out.covariance[(i, i)] = 0.25;
            }
            for (axis, variance) in axes {
                let axis = pose.out_of_horizon(axis);
                for i in 0..3 {
                    for j in 0..=i {
                        out.covariance[(i, j)] += axis[i] * axis[j] * variance;
                    }
                }
            }
            elevation
        }
        Kind::Bearing { .. } | Kind::RangeDifference => return None,
    };
    unknown_velocity(&mut out, config);
    if !height_known {
        forget_height(&mut out);
    }
    Some((out, height_known))
}

/// Gives a state without a velocity the configured width of an unknown one.
pub(crate) fn unknown_velocity(state: &mut Gaussian, config: &Config) {
    let (h, v) = (config.speed_start_sd_mps, config.vertical_speed_start_sd_mps);
    for (axis, sd) in [(3, h), (4, h), (5, v)] {
        state.covariance[(axis, axis)] = sd * sd;
    }
}
