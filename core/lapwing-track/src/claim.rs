//! What aircraft say of themselves: a name is strong evidence of which track a claim belongs to, and no proof; motion may
//! contradict it.

use crate::filter::{Context, Filter, Took};
use crate::gaussian::Linear;
use crate::height::Verdict;
use crate::look::{Look, gate, use_velocity};
use crate::reading::Reading;
use crate::track::{Fix, Track};
use crate::word::Word;
use lapwing_model::{Enu, LocalFrame, Phase, Place, Span, math};

/// Slack of the reachability test of claims, metres: rounding of the wire formats, and antennas apart.
const REACH_SLACK_M: f64 = 30.0;
/// What the time of a claim may be wrong by: most receivers give none, and networks deliver out of order by about that, seconds.
const REACH_TIMING_S: f64 = 1.0;
/// What its clock is wrong by, one sigma, where it is not known yet whose claim it is: seconds. Ahead or behind on its way it may be its
/// speed times that off.
pub(crate) const CLOCK_SD_S: f64 = 0.5;
/// Tracks asked per claim: only a flood in one place has more.
const ASKED_MAX: usize = 512;
/// A track that took a name no more often than this took it by mistake: it loses it without a word.
const MISTAKEN_MAX: u16 = 4;
/// Squared distance by which a tentative track stands back behind a confirmed one.
const TENTATIVE_DOUBT: f64 = 12.0;
/// A track farther from a claim than this, beside what its own uncertainty allows, is not asked, metres.
const ASKED_WITHIN_M: f64 = 300.0;
/// Existence that a track which claims to be there keeps, so that a plot can still find it.
const EXISTENCE_MIN: f64 = 0.02;

impl Filter {
    /// Takes in the claims of a look, one by one.
    pub(crate) fn claims(&mut self, look: &Look, ctx: &mut Context<'_>) {
        self.clock = Some(self.clock.map_or(look.at, |c| c.max(look.at)));
        ctx.work.took.clear();
        for reading in &look.readings {
            let took = self.claim(reading, look, ctx);
            ctx.work.took.push(took);
        }
    }

    fn claim(&mut self, reading: &Reading, look: &Look, ctx: &mut Context<'_>) -> Took {
        let from = ctx.posts.get(look.sensor as usize).and_then(|p| p.frame);
        let Some((place, sd)) = reading.about(from.as_ref()) else { return Took::Held };
        let mut near = std::mem::take(&mut ctx.work.near);
        near.clear();
        // Tracks of other names cannot take it: however many there are, they are not asked, and hide none that can.
        self.unnamed_grid.near(place, 4.0 * sd + 500.0, &mut near);
        near.sort_unstable();
        near.truncate(ASKED_MAX);
        if let Some(label) = reading.label {
            near.extend(self.with_label(label).take(ASKED_MAX));
            near.sort_unstable();
            near.dedup();
        }
        let mut own: Option<(f64, u32)> = None;
        let mut other: Option<(f64, u32)> = None;
        let mut lost = Vec::new();
        for slot in near.iter().copied() {
            let Some(track) = self.tracks.get(slot) else { continue };
            if track.repeats(look.sensor, reading) {
                ctx.work.near = near;
                return Took::Repeats(slot);
            }
            let mine = reading.label.is_some_and(|label| track.carries(label));
            if !mine && (track.claimed_otherwise(reading.label) || !self.is_near(track, reading, sd, ctx)) {
                continue;
            }
            if mine && !self.reachable(track, reading, place, sd, ctx) {
                lost.push(slot);
                continue;
            }
            self.predict(slot, reading.at, ctx.config);
            let Some((linear, _)) = self.against(slot, reading, look, !mine, ctx) else { continue };
            let Some(track) = self.tracks.get(slot) else { continue };
            let Some(foresight) = track.best.modes.foresaw(&linear) else { continue };
            if mine {
                // Beyond the gate is above 1.
                let distance = foresight.distance / gate(linear.rows().len());
                if own.is_none_or(|(d, _)| distance < d) {
                    own = Some((distance, slot));
                }
            } else if foresight.distance <= gate(linear.rows().len()) {
                // What has lasted is likelier the one that speaks than what may be a second plot of it.
                let doubt = if track.phase == Phase::Tentative { TENTATIVE_DOUBT } else { 0.0 };
                let rank = foresight.distance + doubt;
                if other.is_none_or(|(d, _)| rank < d) {
                    other = Some((rank, slot));
                }
            }
        }
        ctx.work.near = near;
        for slot in lost {
            self.unname(slot, reading, ctx);
        }
        let speaker = self.speaker(own, other.map(|(_, slot)| slot), reading, ctx);
        match speaker {
            Some(slot) => {
                self.take_claim(slot, reading, look, ctx);
                Took::Track(slot)
            }
            None => self.begin_claimed(reading, look, ctx),
        }
    }

    /// Which track speaks: mostly the one of the name (given with how far the claim is beyond its gate); but where claim after claim
    /// does not fit that and fits another that sensors see, it is the other.
    fn speaker(
        &mut self,
        own: Option<(f64, u32)>,
        other: Option<u32>,
        reading: &Reading,
        ctx: &mut Context<'_>,
    ) -> Option<u32> {
        let Some((beyond, mine)) = own else { return other };
        let seen = |slot: &u32| self.tracks.get(*slot).filter(|t| t.phase != Phase::Tentative && t.supported);
        let rival = other.filter(|_| beyond > 1.0).and_then(|slot| Some((slot, seen(&slot)?.key)));
        let track = self.tracks.get_mut(mine)?;
        let Some((slot, key)) = rival else {
            if beyond <= 1.0 {
                track.word.is_its_own(reading.at);
            }
            return Some(mine);
        };
        if !track.supported || !track.word.is_of(key, reading.at) {
            return Some(mine);
        }
        self.take_name(mine, reading, ctx);
        Some(slot)
    }

    /// Whether a track may be meant at all, by a look at its last place.
    fn is_near(&self, track: &Track, reading: &Reading, sd: f64, ctx: &Context<'_>) -> bool {
        let at = ctx.regions.frame(track.region).ecef_to_enu(reading.point);
        let state = &track.best.modes.states()[0];
        let (e, n) = (at.east_m - state.mean[0], at.north_m - state.mean[1]);
        let way = state.speed_mps() * reading.at.since(track.at).abs().as_seconds_f64();
        let reach = ASKED_WITHIN_M + way + 4.0 * (state.horizontal_sd_m() + sd);
        e * e + n * n <= reach * reach
    }

    /// A claim linearised at a track, with its errors as they are for claims; with the claimed velocity beside it where the
    /// name does not vouch.
    fn against(
        &self,
        slot: u32,
        reading: &Reading,
        look: &Look,
        with_velocity: bool,
        ctx: &mut Context<'_>,
    ) -> Option<(Linear, f64)> {
        let track = self.tracks.get(slot)?;
        let (region, height_known) = (track.region, track.height_known);
        let config = ctx.config;
        let ahead_s = track.at.since(reading.at).as_seconds_f64().max(0.0);
        let scene = ctx.scene(look.sensor, region, height_known);
        let mut then = track.best.modes.mean();
        for axis in 0..3 {
            then[axis] -= ahead_s * then[axis + 3];
        }
        let mut linear = scene.linear(reading, &then)?;
        let (h, v) = config.claim_bias_m;
        let motion = config.models.motions.first().copied();
        for (i, row) in linear.rows_mut().iter_mut().enumerate() {
            let bias = if i < 2 { h } else { v };
            row.variance += 4.0 * bias * bias;
            if ahead_s > 0.0 {
                if let Some(motion) = motion {
                    let q = crate::motion::process_noise(motion, -ahead_s);
                    let h = row.jacobian;
                    row.variance += crate::gaussian::dot(&h, &q.times(&h));
                }
                for axis in 0..3 {
                    row.jacobian[axis + 3] -= ahead_s * row.jacobian[axis];
                }
            }
        }
        if let (true, Some(said)) = (with_velocity, reading.velocity) {
            let mean = track.best.modes.mean();
            let local = LocalFrame::new(scene.frame.to_geodetic(Enu::new(mean[0], mean[1], mean[2])));
            let v = scene.frame.rotate(local.unrotate(Enu::new(said.east_mps, said.north_mps, 0.0)));
            let along_m = CLOCK_SD_S * math::hypot(v.east_m, v.north_m);
            linear.widen_along(v.east_m, v.north_m, along_m * along_m);
            if linear.rows().len() <= 2 {
                for (axis, value) in [(3, v.east_m), (4, v.north_m)] {
                    let mut row = [0.0; 6];
                    row[axis] = 1.0;
                    linear.push(row, value - mean[axis], said.sd_mps.max(1.0) * said.sd_mps.max(1.0) + 4.0);
                }
            }
        }
        Some((linear, ahead_s))
    }

    /// Whether an aircraft of this track can have got to where a claim under its name puts it. Wide on purpose: the
    /// greatest plausible speed since the last update and for what its time may be wrong by, and four sigma of both ends.
    fn reachable(&self, track: &Track, reading: &Reading, place: Place, sd: f64, ctx: &Context<'_>) -> bool {
        let claimed = reading.velocity.map_or(0.0, |v| math::hypot(v.east_mps, v.north_mps));
        let gap = reading.at.since(track.last_at).abs().as_seconds_f64();
        let speed = track.speed_max_mps(if claimed.is_finite() { claimed } else { 0.0 }, ctx.config);
        let state = track.state_at(track.last_at, ctx.config);
        let slack = 4.0 * (state.horizontal_sd_m() + sd) + REACH_SLACK_M;
        let here = ctx.regions.frame(track.region).to_geodetic(Enu::new(state.mean[0], state.mean[1], state.mean[2]));
        here.place().distance_m(place) <= speed * (gap + REACH_TIMING_S) + slack
    }

    /// A track that took a name by mistake loses it; one that had it for long keeps it, and the contradiction shows.
    fn unname(&mut self, slot: u32, reading: &Reading, ctx: &mut Context<'_>) {
        if self.tracks.get(slot).is_some_and(|t| t.supported && t.claims <= MISTAKEN_MAX) {
            self.take_name(slot, reading, ctx);
        }
    }

    /// Takes the name of a claim from a track.
    fn take_name(&mut self, slot: u32, reading: &Reading, ctx: &mut Context<'_>) {
        let (Some(label), Some(track)) = (reading.label, self.tracks.get_mut(slot)) else { return };
        track.labels.retain(|(own, _)| *own != label);
        track.fix = None;
        track.word = Word::default();
        if !track.is_named() {
            track.self_reported = false;
            track.claims = 0;
        }
        self.labels.remove(&(label, slot));
        self.settle(slot, ctx);
    }

    /// Claims bring two troubles a Kalman filter does not know: errors that hang together in time, and jumps.
    fn take_claim(&mut self, slot: u32, reading: &Reading, look: &Look, ctx: &mut Context<'_>) {
        let Some((mut linear, ahead_s)) = self.against(slot, reading, look, false, ctx) else { return };
        let verdict = self.weigh_claim(slot, reading, look.sensor, ctx);
        let config = ctx.config;
        let Some(track) = self.tracks.get_mut(slot) else { return };
        let height_known = track.height_known;
        // Errors of one satellite receiver hang together for `claim_correlation`: claims within that time share one
        // claim's worth of information, however many receivers heard them.
        let mut scale = 1.0;
        if let Some(last) = track.last_claim_at {
            let gap = reading.at.since(last).abs().as_seconds_f64();
            let correlated = config.claim_correlation.as_seconds_f64();
            scale = if gap > 0.0 { (correlated / gap).clamp(1.0, 100.0) } else { 100.0 };
        }
        let limit = gate(linear.rows().len());
        let best = track.best.modes;
        let cluster = track.cluster.and_then(|c| self.clusters.get_mut(c));
        // Unexpected is what no hypothesis expects.
        let others = cluster.as_ref().map_or(&[][..], |c| c.hypotheses(slot));
        let excess = std::iter::once(&best)
            .chain(others.iter().map(|h| &h.modes))
            .filter_map(|modes| modes.foresaw(&seen_from(&linear, &best, modes)))
            .map(|f| f.distance / limit)
            .fold(f64::INFINITY, f64::min);
        if excess > 1.0 && excess.is_finite() {
            // A claim under the right name that is reachable but unexpected: if others see the aircraft, they are believed
            // more than its word; else it may have turned as no model expects, so the prediction is believed less.
            if track.supported {
                scale *= excess.min(1e4);
            } else {
                track.best.modes.widen(excess.min(1e4), height_known);
            }
        }
        for row in linear.rows_mut() {
            row.variance *= scale;
        }
        let frame = *ctx.regions.frame(track.region);
        let update = |modes: &mut crate::imm::Modes| {
            let linear = seen_from(&linear, &best, modes);
            let foresight = modes.foresaw(&linear)?;
            modes.update(&linear, &foresight.by_mode);
            if let Some(velocity) = reading.velocity.filter(|_| ahead_s == 0.0) {
                use_velocity(modes, velocity, &frame, height_known);
            }
            Some(foresight.log_likelihood)
        };
        let Some(cluster) = cluster else {
            update(&mut track.best.modes);
            return self.note_claim(slot, reading, verdict, look, ctx);
        };
        let logs = cluster.hypotheses_of(slot).iter_mut().map(|h| update(&mut h.modes).unwrap_or(f64::NEG_INFINITY));
        let logs: Vec<f64> = logs.collect();
        // The track takes over the best of them.
        self.reweigh(slot, &logs);
        self.note_claim(slot, reading, verdict, look, ctx);
    }

    /// Notes that a track claims to be there; `verdict`: what was measured of the height that it says.
    fn note_claim(
        &mut self,
        slot: u32,
        reading: &Reading,
        verdict: Option<Verdict>,
        look: &Look,
        ctx: &mut Context<'_>,
    ) {
        let config = ctx.config;
        let interval = ctx.posts.get(look.sensor as usize).map_or(Span::from_seconds(1), |p| p.sensor.interval);
        let Some(track) = self.tracks.get_mut(slot) else { return };
        track.remember(look.sensor, interval, reading, false);
        track.claims = track.claims.saturating_add(1);
        let before = track.best.existence;
        // A claim repeated is no new evidence: the first one counts, the later ones only stop the decay.
        let least =
            if !track.self_reported || !track.was_looked_for() { config.existence_start_claim } else { EXISTENCE_MIN };
        track.best.existence = before.max(least);
        track.existence = track.existence.max(least);
        track.self_reported = true;
        track.last_claim_at = Some(track.last_claim_at.map_or(reading.at, |l| l.max(reading.at)));
        track.seen_again();
        if let Some(label) = reading.label {
            track.fix = fix_of(reading, track, ctx.regions.frame(track.region), label);
        }
        self.hear_height(slot, reading, verdict, look.sensor, ctx);
        if let Some(label) = reading.label {
            self.name(slot, label, true);
        }
        self.settle(slot, ctx);
    }

    /// Begins a track that only claims to be there.
    fn begin_claimed(&mut self, reading: &Reading, look: &Look, ctx: &mut Context<'_>) -> Took {
        if self.tracks.len() >= ctx.config.tracks_max && !self.make_room(true, ctx.config) {
            return Took::Rejected("table-full");
        }
        let from = ctx.posts.get(look.sensor as usize).and_then(|p| p.frame);
        let Some((place, _)) = reading.about(from.as_ref()) else { return Took::Held };
        let region = ctx.regions.at(place);
        let Some((state, height_known)) = crate::birth::start(reading, look.sensor, region, ctx) else {
            return Took::Held;
        };
        let mut track =
            Track::new(crate::birth::key_of(look.key, 0), region, reading.at, height_known, state, ctx.config);
        track.height_claimed = height_known;
        if let Some(velocity) = reading.velocity {
            use_velocity(&mut track.best.modes, velocity, ctx.regions.frame(region), height_known);
        }
        track.best.existence = ctx.config.existence_start_claim;
        track.existence = ctx.config.existence_start_claim;
        let slot = self.insert(track, ctx.regions);
        self.note_claim(slot, reading, None, look, ctx);
        Took::Began(slot)
    }
}

/// The claim as a fix in the track's frame.
fn fix_of(reading: &Reading, track: &Track, frame: &LocalFrame, label: crate::Label) -> Option<Fix> {
    if !matches!(reading.kind, crate::reading::Kind::Position { .. }) {
        return None;
    }
    let height = matches!(reading.kind, crate::reading::Kind::Position { height: true });
    let said_height = reading.said_height_m.map(|h| frame.to_enu(reading.place().at_height(h)));
    let mut at = frame.ecef_to_enu(reading.point);
    let height_said = height || said_height.is_some();
    if let (false, Some(said)) = (height, said_height) {
        at = said;
    } else if !height {
        at.up_m = track.best.modes.mean()[2];
    }
    let mean = track.best.modes.mean();
    let said = reading.velocity.map(|v| {
        let local = LocalFrame::new(frame.to_geodetic(at));
        let v = frame.rotate(local.unrotate(Enu::new(v.east_mps, v.north_mps, v.up_mps.unwrap_or(0.0))));
        [v.east_m, v.north_m, v.up_m]
    });
    Some(Fix {
        at: reading.at,
        region: track.region,
        position: [at.east_m, at.north_m, at.up_m],
        velocity: said.unwrap_or([mean[3], mean[4], mean[5]]),
        label,
        sd_m: math::sqrt(reading.variance[0]),
        height_said,
    })
}

/// A measurement linearised at `from` as it is seen from another hypothesis: the same line, another innovation.
fn seen_from(linear: &Linear, from: &crate::imm::Modes, to: &crate::imm::Modes) -> Linear {
    let (a, b) = (from.mean(), to.mean());
    let mut out = *linear;
    for row in out.rows_mut() {
        row.innovation -= (0..6).map(|i| row.jacobian[i] * (b[i] - a[i])).sum::<f64>();
    }
    out
}
