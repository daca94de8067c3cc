//! One look of one sensor: what it could see, what it saw, and what follows for each.

mod nearby;
mod sight;
mod update;

pub(crate) use nearby::Nearby;
pub(crate) use update::{up_of, update_modes, use_velocity};

use crate::config::Config;
use crate::filter::{Context, Filter, Memory, Pair, Took, Visible, Work};
use crate::imm::{Foresight, Modes};
use crate::post::Post;
use crate::project::{Pose, Projection, Scene, View};
use crate::reading::{Kind, Reading};
use lapwing_model::{Ecef, Phase, Span, Time, math};

/// A look made ready: readings of one sensor that are of different aircraft.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Look {
    /// Number of the sensor.
    pub(crate) sensor: u32,
    /// When it was, by the clock of the server.
    pub(crate) at: Time,
    /// Whether what it covers and did not see was missed.
    pub(crate) complete: bool,
    /// Part of the compass it looked at: from and width, radians; all of it when `None`.
    pub(crate) sector: Option<(f64, f64)>,
    /// Whether it is the last part of its scan.
    pub(crate) last: bool,
    /// The scan that it is a part of, more of which may follow.
    pub(crate) part_of: Option<u64>,
    /// What it saw.
    pub(crate) readings: Vec<Reading>,
    /// Says which look it is; readings of it begin tracks with keys made of this.
    pub(crate) key: u64,
    /// Its plots came before it, one by one: what the sensor saw since this time was not missed.
    pub(crate) unseen_since: Option<Time>,
}

/// A look as the filter works through it: with the known errors of its sensor taken out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Corrected<'a> {
    pub(crate) sensor: u32,
    pub(crate) at: Time,
    pub(crate) complete: bool,
    pub(crate) sector: Option<(f64, f64)>,
    pub(crate) key: u64,
    pub(crate) unseen_since: Option<Time>,
    /// What it saw, corrected.
    pub(crate) readings: &'a [Reading],
    /// The same as it was measured.
    pub(crate) raw: &'a [Reading],
}

/// Tracks beside a look's sector that it may still see, radians.
const SECTOR_MARGIN_RAD: f64 = 0.12;
/// The most that one reading can be said to be likelier than clutter, in nats.
const LOG_RATIO_CAP: f64 = 25.0;
/// Above this, an unresolved partner explains a miss.
const UNRESOLVED: f64 = 0.5;
/// A track is ahead of a look by no more than this; else it is not compared.
const AHEAD_MAX: Span = Span::from_seconds(6);
/// A pair this much less likely than the best of its hypothesis is no pair, nats.
const UNLIKELY_NATS: f64 = 7.5;

/// What a track that shares nothing does at a look.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Choice {
    detection: f64,
    /// The weight of having been missed, and of all that may be.
    nothing: f64,
    total: f64,
    /// The pair that is its reading, and how probably.
    took: Option<(usize, f64)>,
}

impl Filter {
    /// Takes in a look. Where each reading went is left in `ctx.work.took`.
    pub(crate) fn look(&mut self, look: &Look, ctx: &mut Context<'_>) {
        self.clock = Some(self.clock.map_or(look.at, |c| c.max(look.at)));
        ctx.work.took.clear();
        ctx.work.took.resize(look.readings.len(), Took::Held);
        ctx.work.vouched.clear();
        ctx.work.vouched.resize(look.readings.len(), false);
        self.memory(look.sensor).locates |= look.readings.iter().any(|reading| reading.kind.has_position());
        let before = self.memory(look.sensor).bias.taken_out();
        // Lent for as long as they are read.
        let mut room = std::mem::take(&mut ctx.work.readings);
        self.take_in(&self.corrected(look, &mut room, ctx), ctx);
        ctx.work.readings = room;
        let after = self.memory(look.sensor).bias.taken_out();
        // Estimates creep all the time: what begins or ends to be taken out is a step.
        let begins_or_ends = |i: usize| (before[i] == 0.0) != (after[i] == 0.0);
        let step = std::array::from_fn(|i| if begins_or_ends(i) { after[i] - before[i] } else { 0.0 });
        if step != [0.0; 3] {
            self.realign(look.sensor, step, look.at, ctx);
        }
        if look.last && look.complete {
            self.looked(look, ctx);
        }
    }

    fn take_in(&mut self, look: &Corrected<'_>, ctx: &mut Context<'_>) {
        self.weigh_all_else(look, ctx);
        let gaze = self.find_visible(look, ctx);
        self.resolve_strong(look, ctx);
        self.find_weak(look, &gaze, ctx);
        self.resolve_weak(look, ctx);
        self.bear(look, ctx);
    }

    /// A whole look was taken in: what it says of the density of false plots, and of what is still undetected.
    fn looked(&mut self, look: &Look, ctx: &Context<'_>) {
        let config = ctx.config;
        let memory = self.memory(look.sensor);
        memory.keenness.looked();
        memory.looked_at = Some(look.at);
        let stray = std::mem::take(&mut memory.stray);
        memory.stray_per_look = Some(memory.stray_per_look.map_or(stray, |mean| mean + 0.1 * (stray - mean)));
        memory.map.looked();
        let Some(post) = ctx.posts.get(look.sensor as usize) else { return };
        // The intensity of the undetected thins out with each look and fills up with births (Williams 2015,
        // equations 24 and 30, for an intensity that is even over the coverage).
        let seen = post.usual_detection() * memory.keenness.part();
        let before = memory.undetected_per_km2.unwrap_or(config.birth_first_per_km2);
        memory.undetected_per_km2 = Some(before * (1.0 - seen) + post.born_per_km2(config));
        if !memory.locates {
            return;
        }
        for overlap in &post.overlaps {
            let (memory, theirs) =
                (self.memories.get_mut(overlap.other as usize), ctx.posts.get(overlap.other as usize));
            if let (Some(memory), Some(theirs)) = (memory, theirs) {
                let each = (theirs.interval_s(), theirs.born_per_km2(config));
                memory.shared(look.at, overlap.part, seen, each, theirs.covered);
            }
        }
    }

    /// A look with what is known of its sensor's errors taken out of its readings; `room` is for those, where any changes.
    fn corrected<'a>(&self, look: &'a Look, room: &'a mut Vec<Reading>, ctx: &Context<'_>) -> Corrected<'a> {
        let bias = self.memories.get(look.sensor as usize).map(|memory| &memory.bias);
        let sensor = ctx.posts.get(look.sensor as usize).map(|post| &post.sensor);
        let mut readings = &look.readings;
        if let (Some(bias), Some(sensor)) = (bias, sensor)
            && bias.corrects(sensor, ctx.config)
        {
            room.clone_from(&look.readings);
            bias.correct(room, sensor);
            readings = room;
        }
        let Look { sensor, at, complete, sector, last: _, part_of: _, key, unseen_since, .. } = *look;
        Corrected { sensor, at, complete, sector, key, unseen_since, readings, raw: &look.readings }
    }

    /// Finds how dense all else is that each reading may be.
    fn weigh_all_else(&mut self, look: &Corrected<'_>, ctx: &mut Context<'_>) {
        let config = ctx.config;
        let Some(memory) = self.memories.get(look.sensor as usize) else { return };
        let Some(post) = ctx.posts.get(look.sensor as usize) else { return };
        let work = &mut *ctx.work;
        let clutter = post.clutter(memory.stray_per_look, config);
        let born = memory.undetected(post, config);
        work.log_other.clear();
        // Of positions all are alike.
        let mut of_position: Option<(Kind, [f64; 2])> = None;
        for reading in look.readings {
            if let Some((_, both)) = of_position.filter(|(kind, _)| *kind == reading.kind) {
                work.log_other.push(both);
                continue;
            }
            let excess = match (reading.kind, post.sensor.coverage.range_max_m) {
                (Kind::Polar { .. }, Some(far)) => memory.map.excess(reading.value[0], far, reading.value[1], clutter),
                _ => 1.0,
            };
            let both = [false, true].map(|height_known| {
                let (volume, ground) = post.volume(reading, height_known, config);
                let born = if reading.kind.has_position() { born / 1e6 * ground } else { 0.0 };
                math::log((clutter / volume * excess + born).max(1e-300))
            });
            if matches!(reading.kind, Kind::Position { .. }) {
                of_position = Some((reading.kind, both));
            }
            work.log_other.push(both);
        }
    }

    /// Settles the tracks: alone where they are alone, together where they share readings or hypotheses.
    fn resolve_strong(&mut self, look: &Corrected<'_>, ctx: &mut Context<'_>) {
        let (tracks, readings) = (ctx.work.visible.len(), look.readings.len());
        ctx.work.taken.clear();
        ctx.work.taken.resize(readings, 0.0);
        self.find_unresolved(look, ctx);
        // Union of tracks that share a reading or a cluster.
        let work = &mut *ctx.work;
        work.root.clear();
        work.root.extend(0..tracks as u32);
        work.owner.clear();
        work.owner.resize(readings, u32::MAX);
        for i in 0..work.pairs.len() {
            let Pair { visible, reading, .. } = work.pairs[i];
            match work.owner[reading as usize] {
                u32::MAX => work.owner[reading as usize] = visible,
                other => unite(&mut work.root, visible, other),
            }
        }
        work.cluster_owner.clear();
        work.cluster_owner.resize(self.clusters.slots_len(), u32::MAX);
        for v in 0..tracks as u32 {
            let slot = work.visible[v as usize].slot;
            if let Some(cluster) = self.tracks.get(slot).and_then(|t| t.cluster)
                && let Some(owner) = work.cluster_owner.get_mut(cluster as usize)
            {
                match *owner {
                    u32::MAX => *owner = v,
                    other => unite(&mut work.root, v, other),
                }
            }
        }
        for v in 0..tracks {
            if let Some((partner, _)) = work.unresolved.get(v).copied().flatten() {
                unite(&mut work.root, v as u32, partner);
            }
        }
        work.groups.clear();
        for v in 0..tracks as u32 {
            let root = find(&mut work.root, v);
            work.groups.push((root, v));
        }
        work.groups.sort_unstable();
        let groups = std::mem::take(&mut ctx.work.groups);
        for group in groups.chunk_by(|a, b| a.0 == b.0) {
            if !self.apart(group, look, ctx) {
                for (_, v) in group {
                    // Which of them is missed, and why, is not clear.
                    if let Some(track) = self.tracks.get_mut(ctx.work.visible[*v as usize].slot) {
                        track.missed_by(look.sensor, u8::MAX);
                    }
                }
                self.together(group, look, ctx);
            }
        }
        ctx.work.groups = groups;
    }

    /// Tracks of which each is clear by itself, with a reading of its own or none: that they also share unlikely ones makes no
    /// difference. `false` where any is not, and where the sensor may give one plot for two: then nothing near another is clear.
    fn apart(&mut self, group: &[(u32, u32)], look: &Corrected<'_>, ctx: &mut Context<'_>) -> bool {
        let resolves = ctx.posts.get(look.sensor as usize).is_some_and(|p| p.sensor.resolution.azimuth_deg.is_none());
        if group.len() > 1 && !resolves {
            return false;
        }
        let mut choices = std::mem::take(&mut ctx.work.choices);
        choices.clear();
        let clear = group.iter().all(|(_, v)| {
            let choice = self.choice(*v, look, ctx);
            let own = choice.as_ref().and_then(|c| c.took).map(|(pair, _)| ctx.work.pairs[pair].reading);
            let free = !choices.iter().any(|(_, reading)| own.is_some() && *reading == own);
            choice.map(|choice| choices.push((choice, own))).is_some() && free
        });
        if clear {
            for ((_, v), (choice, _)) in group.iter().zip(&choices) {
                self.alone(*v, choice, look, ctx);
            }
        }
        ctx.work.choices = choices;
        clear
    }

    /// What a track does that shares nothing: takes its only likely reading, or misses. `None` when that is unclear.
    fn choice(&self, v: u32, look: &Corrected<'_>, ctx: &Context<'_>) -> Option<Choice> {
        let unclear = ctx.config.ambiguity_min;
        let visible = ctx.work.visible[v as usize];
        let track = self.tracks.get(visible.slot).filter(|t| t.cluster.is_none())?;
        let paired = ctx.work.unresolved.get(v as usize).copied().flatten().is_some();
        let r = track.best.existence;
        let detection = if look.complete && visible.detection > 0.0 { visible.detection } else { 0.0 };
        let nothing = 1.0 - r * detection;
        let mut total = nothing;
        let mut best: Option<(usize, f64)> = None;
        for i in ctx.work.range_of(v) {
            let w = r * math::exp(ctx.work.pairs[i].log_ratio);
            total += w;
            if best.is_none_or(|(_, b)| w > b) {
                best = Some((i, w));
            }
        }
        let best = best.map(|(i, w)| (i, w / total));
        let clear = best.is_none_or(|(_, p)| 1.0 - p < unclear || p < unclear);
        (clear && !paired).then(|| Choice { detection, nothing, total, took: best.filter(|(_, p)| *p >= 0.5) })
    }

    /// A track that shares nothing does what is clear.
    fn alone(&mut self, v: u32, choice: &Choice, look: &Corrected<'_>, ctx: &mut Context<'_>) {
        let visible = ctx.work.visible[v as usize];
        let Choice { detection, nothing, total, took } = *choice;
        let Some(r) = self.tracks.get(visible.slot).map(|t| t.best.existence) else { return };
        let missed_existence = if nothing > 0.0 { r * (1.0 - detection) / nothing } else { 0.0 };
        match took {
            Some((i, p)) => {
                let pair = ctx.work.pairs[i];
                let existence = p + (1.0 - p) * missed_existence;
                self.take(v, &pair, existence, look, ctx);
                ctx.work.taken[pair.reading as usize] = p;
                ctx.work.took[pair.reading as usize] = Took::Track(visible.slot);
            }
            None => {
                for i in ctx.work.range_of(v) {
                    let pair = ctx.work.pairs[i];
                    ctx.work.taken[pair.reading as usize] += r * math::exp(pair.log_ratio) / total;
                }
                let p = 1.0 - nothing / total;
                let existence = p + (1.0 - p) * missed_existence;
                if let Some(track) = self.tracks.get_mut(visible.slot).filter(|_| detection > 0.0) {
                    track.missed_by(look.sensor, 1);
                }
                let listens = ctx.posts.get(look.sensor as usize).is_some_and(|p| p.listens);
                self.miss(visible.slot, detection, existence, listens, ctx);
            }
        }
    }

    /// A track takes a reading into its only hypothesis.
    fn take(&mut self, v: u32, pair: &Pair, existence: f64, look: &Corrected<'_>, ctx: &mut Context<'_>) {
        let visible = ctx.work.visible[v as usize];
        let at = (visible.first + pair.hypothesis) as usize;
        let Some(track) = self.tracks.get_mut(visible.slot) else { return };
        let Some(reading) = look.readings.get(pair.reading as usize) else { return };
        // Lent for as long as they are read.
        let projections = std::mem::take(&mut ctx.work.projections);
        let place = (track.region, track.height_known);
        let modes = &mut track.best.modes;
        update_modes(modes, reading, projections.get(at), &pair.foresight, visible.ahead_s, None, look, place, ctx);
        track.best.existence = existence;
        track.existence = existence;
        self.learn_keenness(visible.slot, visible.detection, look.sensor);
        self.credit(visible.slot, pair.log_ratio, (pair.reading, reading), look, ctx);
        ctx.work.projections = projections;
    }

    /// Notes with a track that a reading supported it, given with its number in the look.
    pub(crate) fn credit(
        &mut self,
        slot: u32,
        log_ratio: f64,
        (number, reading): (u32, &Reading),
        look: &Corrected<'_>,
        ctx: &mut Context<'_>,
    ) {
        let Some(post) = ctx.posts.get(look.sensor as usize) else { return };
        let (sensor, interval, listens) = (post.number, post.sensor.interval, post.listens);
        let Some(track) = self.tracks.get_mut(slot) else { return };
        if listens {
            track.heard.heard();
        }
        track.remember(sensor, interval, reading, listens);
        track.measured(log_ratio, reading, ctx.config);
        track.seen_again();
        self.measure_height(slot, reading, look.sensor, ctx);
        self.learn_bias(slot, number, look, ctx);
        if let Some(label) = reading.label {
            self.name(slot, label, false);
        }
        self.settle(slot, ctx);
        // Asked here, where the track is at hand: reading by reading, thousands would be gone to once more.
        if let (Some(track), Some(vouched)) = (self.tracks.get(slot), ctx.work.vouched.get_mut(number as usize)) {
            *vouched = track.vouches();
        }
    }

    /// A track that shares nothing is seen again: how many looks that took says how often its sensor sees what it should.
    fn learn_keenness(&mut self, slot: u32, detection: f64, sensor: u32) {
        let (Some(track), Some(memory)) = (self.tracks.get(slot), self.memories.get_mut(sensor as usize)) else {
            return;
        };
        let Some(misses) = track.misses_of(sensor).filter(|_| detection > 0.0) else { return };
        // Clutter that was taken for a track is seen now and then.
        if track.phase == Phase::Confirmed && track.vouches() {
            memory.keenness.seen_again(misses, detection / memory.keenness.part());
        }
    }

    /// A track was looked for and not seen.
    pub(crate) fn miss(&mut self, slot: u32, detection: f64, existence: f64, listens: bool, ctx: &mut Context<'_>) {
        let Some(track) = self.tracks.get_mut(slot) else { return };
        if listens {
            track.heard.silent();
        }
        if detection > 0.0 {
            track.missed(detection, ctx.config);
        }
        track.best.existence = existence;
        track.existence = existence;
        self.settle(slot, ctx);
    }

    /// Pairs of tracks nearer than the sensor can tell apart: one plot for both, and the other's absence is no miss
    /// (Koch & van Keuk 1997, *Multiple hypothesis track maintenance with possibly unresolved measurements*).
    fn find_unresolved(&mut self, look: &Corrected<'_>, ctx: &mut Context<'_>) {
        let tracks = ctx.work.visible.len();
        ctx.work.unresolved.clear();
        ctx.work.unresolved.resize(tracks, None);
        let Some(post) = ctx.posts.get(look.sensor as usize) else { return };
        let resolution = post.sensor.resolution;
        ctx.work.resolution = Some(resolution);
        let Some(azimuth) = resolution.azimuth_deg.map(math::rad).filter(|a| *a > 0.0) else { return };
        if tracks < 2 {
            return;
        }
        let work = &mut *ctx.work;
        work.order.clear();
        work.order.extend(work.visible.iter().enumerate().filter_map(|(i, v)| v.polar.map(|(_, a)| (a, i as u32))));
        work.order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        for i in 0..work.order.len() {
            let (a, v) = work.order[i];
            for (b, w) in work.order.iter().skip(i + 1).take(16).copied() {
                if b - a >= azimuth {
                    break;
                }
                let (Some((ra, _)), Some((rb, _))) = (work.visible[v as usize].polar, work.visible[w as usize].polar)
                else {
                    continue;
                };
                let apart = math::fabs(ra - rb);
                if resolution.range_m.is_some_and(|r| apart >= r) {
                    continue;
                }
                let near = (b - a) / azimuth + resolution.range_m.map_or(0.0, |r| apart / r);
                for (me, other) in [(v, w), (w, v)] {
                    let known = &mut work.unresolved[me as usize];
                    if known.is_none_or(|(_, n)| near < n) {
                        *known = Some((other, near));
                    }
                }
            }
        }
    }

    /// Whether a track's absence may be because a partner took its plot.
    pub(crate) fn partner(&self, v: u32, ctx: &Context<'_>) -> Option<u32> {
        ctx.work
            .unresolved
            .get(v as usize)
            .copied()
            .flatten()
            .filter(|(_, near)| *near < 2.0 * UNRESOLVED + 0.5)
            .map(|(p, _)| p)
    }
}

/// Normalised innovation squared that a right association stays below in 9,997 of 10,000 cases, by number of components
/// (quantiles of the chi-square distribution).
pub(crate) fn gate(components: usize) -> f64 {
    match components {
        0 | 1 => 13.1,
        2 => 16.2,
        3 => 18.8,
        4 => 21.1,
        5 => 23.2,
        _ => 25.3,
    }
}

fn find(root: &mut [u32], mut i: u32) -> u32 {
    while root[i as usize] != i {
        root[i as usize] = root[root[i as usize] as usize];
        i = root[i as usize];
    }
    i
}

fn unite(root: &mut [u32], a: u32, b: u32) {
    let (a, b) = (find(root, a), find(root, b));
    root[a.max(b) as usize] = a.min(b);
}

impl Memory {
    /// Aircraft per km² that a look now may detect for the first time.
    pub(crate) fn undetected(&self, post: &Post, config: &Config) -> f64 {
        match self.undetected_per_km2 {
            Some(density) => density,
            None if post.measures => config.birth_first_per_km2,
            None => post.born_per_km2(config),
        }
    }
}

impl Post {
    /// The detection probability inside its coverage.
    pub(crate) fn usual_detection(&self) -> f64 {
        self.detection
    }

    /// Aircraft that appear between two looks of it, per km².
    pub(crate) fn born_per_km2(&self, config: &Config) -> f64 {
        config.birth_per_km2_s * self.interval_s()
    }

    /// Whether a look by it can refute: it measures.
    pub(crate) fn refutes(&self) -> bool {
        self.measures
    }
}
