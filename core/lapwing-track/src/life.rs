//! What time alone decides, once a second: who coasts, who is over, which two are one.

use crate::filter::{Context, Filter, Memory, Note};
use crate::gaussian::{Gaussian, Linear, Vector};
use crate::height::{Said, Verdict, weigh};
use crate::interface::Label;
use crate::look::gate;
use crate::mark::SensorMark;
use crate::track::Track;
use crate::twin::{Separation, Twin};
use lapwing_model::{Phase, Span, Time, math};

/// Time alone decides on whole seconds, so that live running and replay decide at the same times.
pub(crate) const STEP: Span = Span::from_seconds(1);
/// Two tracks farther apart than this are not compared, metres.
const TWIN_RADIUS_M: f64 = 200.0;
/// A claim that no sensor ever confirmed is where it was said to be for this long; later it is only ever farther away.
const CLAIM_LIVES: Span = Span::from_seconds(3);
/// More tracks than this within that radius are a crowd.
const CROWD: usize = 32;
/// What is seen in none of so many looks that this is its probability is gone; and so many looks it is allowed at least and at most.
const GONE: f64 = 0.005;
const LOOKS_IN_VAIN: (f64, f64) = (4.0, 10.0);
/// A sensor that has not looked for two and a half of its intervals, or of this, has paused: it is not only late.
const PAUSE_MIN: Span = Span::from_seconds(2);
/// A candidate not seen for this many of its sensor's intervals is forgotten.
const CANDIDATE_INTERVALS: i64 = 4;

impl Filter {
    /// Lets time decide at each whole second up to `to`.
    pub(crate) fn step_to(&mut self, to: Time, ctx: &mut Context<'_>) {
        loop {
            let next = match self.stepped {
                Some(last) => last + STEP,
                None if self.tracks.len() + self.candidates.len() == 0 => return,
                None => {
                    // The first track has come: time decides from the second before it on.
                    let first = self.clock.unwrap_or(to).round_up(STEP);
                    self.stepped = Some(first - STEP);
                    first
                }
            };
            if next > to || self.stepped.is_some_and(|last| next <= last) {
                return;
            }
            self.stepped = Some(next);
            if self.tracks.len() + self.candidates.len() == 0 {
                // Nothing to decide: begin again with the first track.
                self.stepped = None;
                return;
            }
            self.step(next, ctx);
        }
    }

    fn step(&mut self, at: Time, ctx: &mut Context<'_>) {
        let config = ctx.config;
        let mut slots = std::mem::take(&mut ctx.work.near);
        slots.clear();
        slots.extend(self.candidates.slots());
        for slot in &slots {
            let old = self.candidates.get(*slot).is_some_and(|c| {
                let interval = c.interval.clamp(Span::from_millis(500), config.interval_max);
                at.since(c.last_at) > Span::from_nanos(interval.as_nanos().saturating_mul(CANDIDATE_INTERVALS))
                    || c.is_over(config)
            });
            if old {
                self.forget_candidate(*slot);
            }
        }
        slots.clear();
        slots.extend(self.tracks.slots());
        for slot in &slots {
            self.age(*slot, at, ctx);
        }
        // 255 seconds is never: a site whose tracks are all measured by one sensor has no use for it.
        if ctx.config.join_after < u8::MAX {
            self.join_twins(&slots, at, ctx);
        }
        self.find_beside(at, ctx);
        ctx.work.near = slots;
    }

    fn age(&mut self, slot: u32, at: Time, ctx: &mut Context<'_>) {
        let config = ctx.config;
        let Some(track) = self.tracks.get_mut(slot) else { return };
        let silent = at.since(track.last_at);
        let interval = track.interval(config);
        let quiet = Span::from_seconds_f64(interval.as_seconds_f64() * config.coast_after_intervals);
        let over = is_over(track, &self.memories, at, ctx);
        // Where it is by now matters only of what has not been seen for a while.
        let state = if silent > quiet { track.state_at(at, config) } else { track.best.modes.merged() };
        // Of what moves: a speed that is known says what it may be.
        let speed_sd = math::sqrt(state.covariance[(3, 3)].max(state.covariance[(4, 4)]).max(0.0));
        track.class.flew(state.speed_mps(), speed_sd);
        // What speaks may hover for as long as it likes.
        if track.last_at.since(at).abs() < STEP && !track.self_reported {
            track.class.stayed(track.strayed_m, state.speed_mps(), speed_sd);
        }
        let sd = state.horizontal_sd_m();
        // A claim may be vague from the start; only what silence makes vague ends for it.
        let vague = silent > quiet && sd > config.horizontal_sd_max_m;
        // What still claims to be there goes on: the contradiction is worth showing.
        let refuted = track.existence < config.existence_end && !track.self_reported;
        let unsure = track.phase == Phase::Tentative && silent > quiet;
        if over || unsure {
            self.end(slot, "not-seen");
        } else if vague {
            self.end(slot, "too-uncertain");
        } else if refuted {
            self.end(slot, "refuted");
        } else if track.phase == Phase::Confirmed && silent > quiet {
            track.phase = Phase::Coasting;
            self.touched.push(slot);
        }
    }

    /// Joins unnamed tracks with what they have been consistent with, in place and speed, for some seconds, unless one
    /// sensor saw both in one look; and named ones with what carries the same names: an aircraft that was not found where it
    /// claims to be, and now is.
    fn join_twins(&mut self, slots: &[u32], at: Time, ctx: &mut Context<'_>) {
        let mut near = std::mem::take(&mut ctx.work.twins);
        for slot in slots {
            let Some(track) = self.tracks.get(*slot) else { continue };
            if track.phase == Phase::Tentative {
                continue;
            }
            let found = self.twin_of(*slot, track, at, &mut near, ctx);
            let twin = found.map(|(other, seen)| {
                let key = self.tracks.get(other).map_or(0, |t| t.key);
                let mut twin = track.twin.filter(|twin| twin.key == key).unwrap_or(Twin::new(key));
                twin.beside(&seen);
                (other, twin)
            });
            match twin {
                Some((other, twin)) if twin.is_one(ctx.config.join_after) => {
                    // The older stays: by when it began, which does not depend on the order things arrived in; ids do.
                    let age = |slot: u32| self.tracks.get(slot).map(|t| (t.began_at, t.key));
                    let (into, from) = if age(*slot) <= age(other) { (*slot, other) } else { (other, *slot) };
                    self.join(into, from, at, ctx);
                }
                _ => {
                    if let Some(track) = self.tracks.get_mut(*slot) {
                        track.twin = twin.map(|(_, twin)| twin);
                    }
                }
            }
        }
        ctx.work.twins = near;
    }

    /// Joins `from` into `into`: labels, supports and the better state go over, `from` ends.
    pub(crate) fn join(&mut self, into: u32, from: u32, at: Time, ctx: &mut Context<'_>) -> bool {
        if into == from || self.tracks.get(into).is_none() {
            return false;
        }
        self.leave_cluster(into);
        let Some(gone) = self.remove(from) else { return false };
        let config = ctx.config;
        let Some(track) = self.tracks.get(into) else { return false };
        let at = at.max(track.at).max(gone.at);
        let own = track.state_at(at, config);
        let theirs = self.state_in(&gone, at, track.region, ctx);
        let size = |s: &Gaussian| s.covariance[(0, 0)] + s.covariance[(1, 1)];
        let better = match (track.height_known, gone.height_known) {
            // Who knows the height is better, unless it only says so and what sees the other denies it.
            (false, true) => !gone.height_claimed || !denies(track, &theirs, at, ctx),
            (true, false) if track.height_claimed => {
                let own = self.state_in(track, at, gone.region, ctx);
                denies(&gone, &own, at, ctx)
            }
            (true, false) => false,
            (true, true) if track.height_claimed != gone.height_claimed => track.height_claimed,
            _ => size(&theirs) < size(&own),
        };
        let Some(track) = self.tracks.get_mut(into) else { return false };
        if better {
            for state in track.best.modes.states_mut() {
                *state = theirs;
            }
            (track.height_known, track.height_claimed) = (gone.height_known, gone.height_claimed);
            track.at = at;
        }
        track.absorb(&gone, config);
        if gone.phase == Phase::Confirmed {
            track.phase = Phase::Confirmed;
        }
        for (label, claimed) in &gone.labels {
            if track.add_label(*label, *claimed) {
                self.labels.insert((*label, into));
            }
        }
        self.notes.push(Note::Joined { into: track.key, from: gone.key });
        self.settle(into, ctx);
        true
    }

    /// Takes a label from a track and gives it to a copy of it under another key.
    pub(crate) fn split(&mut self, key: u64, label: Label, new: u64, ctx: &mut Context<'_>) {
        let Some(slot) = self.tracks.iter().find(|(_, t)| t.key == key && t.carries(label)).map(|(slot, _)| slot)
        else {
            return;
        };
        let Some(track) = self.tracks.get_mut(slot) else { return };
        let mut copy = track.clone();
        track.labels.retain(|(own, _)| *own != label);
        track.twin = None;
        self.labels.remove(&(label, slot));
        copy.key = new;
        copy.id = lapwing_model::TrackId(0);
        copy.cluster = None;
        copy.twin = None;
        copy.labels.retain(|(own, _)| *own == label);
        self.insert(copy, ctx.regions);
    }

    /// The track that `track` may be the same as, if there is one: the closest.
    fn twin_of(
        &self,
        slot: u32,
        track: &Track,
        at: Time,
        near: &mut Vec<u32>,
        ctx: &Context<'_>,
    ) -> Option<(u32, Separation)> {
        near.clear();
        let mine = track.about(at);
        if let Some((name, _)) = track.labels.iter().find(|(_, claimed)| *claimed) {
            // Only what carries the name comes into question, and hardly ever does another.
            near.extend(self.with_label(*name).filter(|other| *other != slot));
        } else {
            self.track_grid.near(ctx.regions.about(track.region, mine[0], mine[1]), TWIN_RADIUS_M, near);
        }
        // In a crowd nobody is anybody's twin; and a crowd must not cost its square each second.
        if near.len() > CROWD * 8 {
            return None;
        }
        let mut state = None;
        let mut best: Option<((bool, f64, u32), Separation)> = None;
        let mut close = 0;
        for other_slot in near.iter().copied() {
            let Some(other) = self.tracks.get(other_slot).filter(|o| other_slot != slot && o.phase != Phase::Tentative)
            else {
                continue;
            };
            // Roughly first: most are not that near.
            let there = other.about(at);
            let roughly_m = math::hypot(there[0] - mine[0], there[1] - mine[1]);
            if other.region == track.region && roughly_m > 1.5 * TWIN_RADIUS_M {
                continue;
            }
            let state: &mut Gaussian = state.get_or_insert_with(|| track.state_at(at, ctx.config));
            let mut theirs = self.state_in(other, at, track.region, ctx);
            if other.claimed_only() != track.claimed_only() {
                // The one is where a clock puts it that may be wrong.
                theirs.widen_along(crate::claim::CLOCK_SD_S);
            }
            let (de, dn) = (theirs.mean[0] - state.mean[0], theirs.mean[1] - state.mean[1]);
            if de * de + dn * dn > TWIN_RADIUS_M * TWIN_RADIUS_M {
                continue;
            }
            close += 1;
            if close > CROWD {
                return None;
            }
            let together = track.cluster.is_some() && track.cluster == other.cluster;
            // Two of one name share what comes from it in turns, so that each seems to be seen beside the other.
            // Nor is what a sensor sees the phantom that was once said to fly hereabouts.
            let silent_claim =
                other.claimed_only() && other.last_claim_at.is_none_or(|claimed| at.since(claimed) > CLAIM_LIVES);
            let joinable = if track.is_named() {
                other.has_names_of(track)
            } else {
                !together && !silent_claim && !track.seen_apart(other)
            };
            let both = track.height_known && other.height_known;
            let distance = apart(state, &theirs, both);
            // What stays two for now is remembered too: the day may come when only the past tells.
            let rank = (!joinable, distance, other_slot);
            if best.is_none_or(|(other, _)| rank < other) {
                let seen = Separation {
                    agrees: joinable && distance <= gate(if both { 6 } else { 4 }),
                    offset_m: [de, dn],
                    variance_m2: [0, 1].map(|i| state.covariance[(i, i)] + theirs.covariance[(i, i)]),
                    look_s: track.interval(ctx.config).max(other.interval(ctx.config)).as_seconds_f64(),
                };
                best = Some((rank, seen));
            }
        }
        best.map(|((_, _, slot), seen)| (slot, seen))
    }
}

/// Whether a track has not been updated for so long that it ends. Asked of every track each second: what takes work to say is asked
/// only of those that have been silent for long.
fn is_over(track: &Track, memories: &[Memory], at: Time, ctx: &Context<'_>) -> bool {
    let config = ctx.config;
    let silent = at.since(track.last_at);
    if track.self_reported {
        return silent > config.end_claimed_after;
    }
    if silent <= config.end_measured_after {
        return false;
    }
    // So many looks in vain that it would be seen in one of them: of a sensor that sees half, eight may be chance.
    let looks = track.seen_last().filter_map(|mark| {
        let sensor = mark.sensor() as usize;
        let (post, memory) = (ctx.posts.get(sensor)?, memories.get(sensor)?);
        memory.looked_at?;
        let seen = post.usual_detection() * memory.keenness.part();
        let looks = (math::log(GONE) / math::log(1.0 - seen)).clamp(LOOKS_IN_VAIN.0, LOOKS_IN_VAIN.1);
        let interval = mark.interval().clamp(config.interval_min, config.interval_max);
        Some(Span::from_seconds_f64(looks * interval.as_seconds_f64()))
    });
    let few = || Span::from_seconds_f64(LOOKS_IN_VAIN.0 * track.interval(config).as_seconds_f64());
    silent > looks.min().unwrap_or_else(few)
        && (silent > config.end_unwatched_after || !is_unwatched(track, memories, at))
}

/// Whether every sensor that saw a track last and looks as a whole has paused since, and has looked in vain for it once at most.
fn is_unwatched(track: &Track, memories: &[Memory], at: Time) -> bool {
    let looked_at = |mark: &SensorMark| memories.get(mark.sensor() as usize).and_then(|memory| memory.looked_at);
    let mut lookers = track.seen_last().filter_map(|mark| Some((mark, looked_at(mark)?))).peekable();
    lookers.peek().is_some()
        && lookers.all(|(mark, looked_at)| {
            let patience = Span::from_nanos(mark.interval().max(PAUSE_MIN).as_nanos().saturating_mul(5) / 2);
            let once = Span::from_nanos(mark.interval().as_nanos().saturating_mul(3) / 2);
            at.since(looked_at) > patience && looked_at.since(mark.at) <= once
        })
}

/// Whether what a track measured denies the height of another's state, or may deny it.
fn denies(track: &Track, other: &Gaussian, at: Time, ctx: &mut Context<'_>) -> bool {
    matches!(weigh(track, &Said::by(other), at, ctx), Some(Verdict::Denied(_) | Verdict::Waits))
}

/// Squared Mahalanobis distance of two states in what both know: horizontal place and velocity, and the vertical.
pub(crate) fn apart(mine: &Gaussian, theirs: &Gaussian, both_heights: bool) -> f64 {
    let mut sum = *mine;
    let mut rest: Vector = [0.0; 6];
    for i in 0..6 {
        rest[i] = theirs.mean[i] - mine.mean[i];
        for j in 0..=i {
            sum.covariance[(i, j)] += theirs.covariance[(i, j)];
        }
    }
    // The distance under the summed covariance, as the misfit of measuring "no difference" exactly.
    let known: &[usize] = if both_heights { &[0, 1, 2, 3, 4, 5] } else { &[0, 1, 3, 4] };
    sum.mean = rest;
    let mut misfit = 0.0;
    for axis in known {
        let mut one = Linear::default();
        let mut row = [0.0; 6];
        row[*axis] = 1.0;
        one.push(row, -sum.mean[*axis], 1e-6);
        match (sum.surprise(&one), sum.updated(&one)) {
            (Some((distance, _)), Some(after)) => {
                misfit += distance;
                sum = after;
            }
            _ => return f64::INFINITY,
        }
    }
    misfit
}
