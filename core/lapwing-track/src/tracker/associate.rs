//! Which observation belongs to which track, and what becomes of those that belong to none.

use super::Tracker;
use crate::assign::{INFEASIBLE, assign};
use crate::existence::Existence;
use crate::interface::{Change, Label, Observation, Outcome};
use crate::measurement::{Resolved, resolve};
use crate::track::{Fit, Look, Mark, Track};
use lapwing_model::{LocalFrame, Phase, Sensor, Time, TrackId, math};
use std::collections::BTreeSet;

/// Makes any claim prefer a track of its own name to any other: larger than every difference of log-likelihoods.
const OWN_NAME: f64 = 10_000.0;
/// The same for a sensor's own track number, which is a good hint and no more.
const OWN_NUMBER: f64 = 20.0;
/// Tentative tracks stand back behind confirmed ones by at most this much log-likelihood.
const DOUBT_MAX: f64 = 4.0;
/// Slack of the reachability test of claims, metres: rounding of the wire formats, and antennas apart.
const REACH_SLACK_M: f64 = 30.0;

/// Tracks asked per observation: the oldest, which have lasted. Only a flood of plots in one place has more.
const CANDIDATES_MAX: usize = 512;
/// Cells of the largest cost matrix solved exactly (2 MB); a larger cluster is settled best pair first.
const EXACT_MAX: usize = 1 << 18;

/// A pair that may be.
struct Pair {
    observation: usize,
    track: TrackId,
    cost: f64,
    fit: Fit,
}

/// An observation made ready.
struct Ready {
    resolved: Resolved,
    mark: Mark,
}

/// What a track is to an observation.
enum Match {
    Fits(f64, Fit),
    TooLate,
    No,
}

impl Tracker {
    /// Takes in one scan of one sensor (or a single observation): every aircraft gave at most one of them. `outcomes` gets
    /// one entry each, in the order of the scan, appended.
    ///
    /// Call [`Tracker::advance`] with the present first. An observation older than a track's last update by up to
    /// `Config::lag_max` is used by retrodiction (the state is predicted back to it, the update carried forward with the
    /// process noise in between as extra noise: nothing is rolled back, and the association of other plots in between is
    /// not reconsidered). Beyond that it is refused as `too-late`.
    pub fn observe(&mut self, sensor: &Sensor, scan: &[Observation], outcomes: &mut Vec<Outcome>) {
        let Some((number, frame)) = self.sensor(sensor).map(|s| (s.number, s.frame)) else {
            outcomes.extend(scan.iter().map(|_| Outcome::Rejected("table-full")));
            return;
        };
        let clutter_per_m2 = self.clutter_per_m2(sensor);
        let detection_probability =
            sensor.coverage.detection_probability.unwrap_or(self.config.detection_probability).clamp(0.01, 0.999);

        let first = outcomes.len();
        let mut ready: Vec<Option<Ready>> = Vec::with_capacity(scan.len());
        for observation in scan {
            let (outcome, one) = self.prepare(observation, sensor, number, frame.as_ref());
            outcomes.push(outcome);
            ready.push(one);
        }
        let repeats = repeated_within(&ready);
        let look = |i: usize| -> Option<Look<'_>> {
            let one = ready.get(i)?.as_ref()?;
            Some(Look {
                observation: scan.get(i)?,
                resolved: &one.resolved,
                mark: one.mark,
                interval: sensor.interval,
                detection_probability,
                clutter_per_m2,
            })
        };

        let mut pairs = Vec::new();
        let mut settled = vec![false; scan.len()];
        for i in 0..scan.len() {
            let Some(this) = look(i) else {
                settled[i] = true;
                continue;
            };
            if repeats[i].is_some() {
                settled[i] = true;
            } else if let Some(outcome) = self.pairs_of(i, &this, &mut pairs) {
                outcomes[first + i] = outcome;
                settled[i] = true;
            }
        }
        let chosen = choose(scan.len(), &mut pairs);
        let mut stray = 0;
        for i in (0..scan.len()).filter(|i| !settled[*i]) {
            let Some(this) = look(i) else { continue };
            let pair = chosen[i].and_then(|p| pairs.get(p));
            let (outcome, strayed) = match pair {
                Some(pair) => self.apply(&this, pair),
                None if this.resolved.has_position() => self.begin(&this),
                None => (Outcome::Held, false),
            };
            stray += u32::from(strayed);
            outcomes[first + i] = outcome;
        }
        for (i, of) in repeats.iter().enumerate() {
            if let Some(of) = of {
                outcomes[first + i] = match outcomes[first + of] {
                    Outcome::Began(id) => Outcome::Updated(id),
                    other => other,
                };
            }
        }
        if let Some(state) = self.sensor(sensor) {
            state.stray = state.stray.saturating_add(stray);
        }
    }

    /// Checks one observation. The outcome stands unless it is ready.
    fn prepare(
        &mut self,
        observation: &Observation,
        sensor: &Sensor,
        number: u32,
        frame: Option<&LocalFrame>,
    ) -> (Outcome, Option<Ready>) {
        if self.clock.is_some_and(|now| observation.measured_at > now + self.config.lead_max) {
            return (Outcome::Rejected("in-future"), None);
        }
        match resolve(observation, sensor, frame, &mut self.geoid) {
            Ok(Some(resolved)) => {
                let name = observation.label.map_or(0, |l| l.0 ^ 0x9e37_79b9_7f4a_7c15);
                let fingerprint = resolved.fingerprint(observation.velocity) ^ name;
                let mark = Mark { sensor: number, at: observation.measured_at, fingerprint };
                (Outcome::Held, Some(Ready { resolved, mark }))
            }
            Ok(None) => (Outcome::Held, None),
            Err(why) => (Outcome::Rejected(why), None),
        }
    }

    /// Adds the pairs of one observation. An outcome settles it: a repetition, or too late.
    fn pairs_of(&mut self, i: usize, look: &Look<'_>, pairs: &mut Vec<Pair>) -> Option<Outcome> {
        let mut near = std::mem::take(&mut self.near);
        near.clear();
        self.candidates(look, &mut near);
        let mut late = false;
        let mut settled = None;
        let start = pairs.len();
        for id in &near {
            let Some(track) = self.tracks.get(id) else { continue };
            if track.repeats(look.mark) {
                settled = Some(Outcome::Updated(*id));
                break;
            }
            match self.judge(track, look) {
                Match::Fits(cost, fit) => pairs.push(Pair { observation: i, track: *id, cost, fit }),
                Match::TooLate => late = true,
                Match::No => {}
            }
        }
        self.near = near;
        if settled.is_some() {
            pairs.truncate(start);
        } else if late && pairs.len() == start {
            settled = Some(Outcome::Rejected("too-late"));
        }
        settled
    }

    /// Tracks worth asking, each once, oldest first.
    fn candidates(&self, look: &Look<'_>, out: &mut Vec<TrackId>) {
        let observation = look.observation;
        let (place, sd) = look.resolved.about();
        if sd.is_finite() {
            // Tracks are filed where they are now; the measurement is of another time.
            let age = self.clock.map_or(0.0, |now| now.since(observation.measured_at).abs().as_seconds_f64());
            let radius = 4.0 * sd + REACH_SLACK_M + age.min(10.0) * self.config.speed_fast_max_mps;
            // Tracks of other names cannot take a claim.
            let named = !observation.self_report;
            self.index.near(place, radius, self.reach_max_m(), named, out);
        } else {
            // A bearing crosses the whole sky; it may only update tracks that are there.
            out.extend(self.tracks.values().filter(|t| t.phase != Phase::Tentative).map(|t| t.id));
        }
        if let Some(label) = observation.label {
            out.extend(self.with_label(label));
        }
        out.sort_unstable();
        out.dedup();
        out.truncate(CANDIDATES_MAX);
    }

    /// Whether and how well an observation fits a track.
    fn judge(&self, track: &Track, look: &Look<'_>) -> Match {
        let observation = look.observation;
        let own_name = observation.label.is_some_and(|label| track.carries(label));
        if observation.self_report && !own_name && track.claimed_otherwise(observation.label) {
            return Match::No;
        }
        let claim_of_own = observation.self_report && own_name;
        if claim_of_own && !self.reachable(track, look) {
            return Match::No;
        }
        let late = track.at.since(observation.measured_at) > self.config.lag_max;
        let Some(fit) = track.fit(look, &self.config) else { return Match::No };
        let inside = fit.nis <= fit.gate;
        if late {
            return if inside || claim_of_own { Match::TooLate } else { Match::No };
        }
        if claim_of_own {
            return Match::Fits((0.5 * fit.nis).min(OWN_NAME / 2.0) - OWN_NAME, fit);
        }
        if !inside {
            return Match::No;
        }
        let p = track.existence_at(observation.measured_at, &self.config).probability();
        let doubt = math::log(p.max(1e-9)).max(-DOUBT_MAX);
        let bonus = if own_name { OWN_NUMBER } else { 0.0 };
        Match::Fits(-(fit.log_ratio + doubt + bonus), fit)
    }

    /// Whether an aircraft of this track can have got to where a claim under its name puts it. Wide on purpose: the
    /// greatest plausible speed since the last update, and four sigma of both ends.
    fn reachable(&self, track: &Track, look: &Look<'_>) -> bool {
        let (place, sd) = look.resolved.about();
        if !sd.is_finite() {
            return true;
        }
        let observation = look.observation;
        let claimed = observation.velocity.map_or(0.0, |v| math::hypot(v.east_mps, v.north_mps));
        let gap = observation.measured_at.since(track.at).abs().as_seconds_f64();
        let speed = track.speed_max_mps(if claimed.is_finite() { claimed } else { 0.0 }, &self.config);
        let slack = 4.0 * (track.state.horizontal_sd_m() + sd) + REACH_SLACK_M;
        track.distance_m(place) <= speed * gap + slack
    }

    /// Updates the chosen track. Whether the plot strayed: belonged to nothing confirmed.
    fn apply(&mut self, look: &Look<'_>, pair: &Pair) -> (Outcome, bool) {
        let observation = look.observation;
        let id = pair.track;
        let Some(track) = self.tracks.get_mut(&id) else { return (Outcome::Held, false) };
        let stray = track.phase == Phase::Tentative && !observation.self_report;
        track.update(look, &pair.fit, &self.config);
        let existence = track.existence_at(track.at, &self.config);
        let phase = self.phase_after_update(id, existence);
        self.set_phase(id, phase);
        if let Some(label) = observation.label {
            self.name(id, label, observation.self_report);
        }
        self.reindex(id);
        (Outcome::Updated(id), stray)
    }

    fn phase_after_update(&self, id: TrackId, existence: Existence) -> Phase {
        match self.tracks.get(&id).map(|t| t.phase) {
            Some(Phase::Tentative) if existence.probability() < self.config.existence_confirm => Phase::Tentative,
            _ => Phase::Confirmed,
        }
    }

    /// Gives a track a label, and says so when another live track carried it.
    fn name(&mut self, id: TrackId, label: Label, claimed: bool) {
        let known = self.with_label(label).find(|other| *other != id);
        let Some(track) = self.tracks.get_mut(&id) else { return };
        if track.add_label(label, claimed) {
            self.labels.insert((label, id));
            if let Some(known) = known.filter(|_| claimed) {
                self.changes.push_back(Change::LabelElsewhere { label, known, new: id });
            }
        }
    }

    /// Begins a track, making room first if the table is full.
    fn begin(&mut self, look: &Look<'_>) -> (Outcome, bool) {
        let observation = look.observation;
        // Older than this it would end at once.
        let old = |now: Time| now.since(observation.measured_at) > self.config.end_measured_after;
        if self.clock.is_some_and(old) {
            return (Outcome::Rejected("too-late"), false);
        }
        if self.tracks.len() >= self.config.tracks_max && !self.make_room(observation.self_report) {
            return (Outcome::Rejected("table-full"), false);
        }
        let id = TrackId(self.last_id + 1);
        let Some(mut track) = Track::begin(id, look, &self.config) else { return (Outcome::Held, false) };
        self.last_id = id.0;
        if track.existence_at(track.at, &self.config).probability() >= self.config.existence_confirm {
            track.phase = Phase::Confirmed;
        }
        self.insert(track);
        if let Some(label) = observation.label {
            self.name(id, label, observation.self_report);
        }
        (Outcome::Began(id), !observation.self_report)
    }

    /// Ends the least supported tentative tracks, a few per cent at a time so that a flood does not search the whole
    /// table for each of its plots. A measurement may also displace what only claims to be, a claim may not: a flood of
    /// forged claims must not blind the radar. Whether there is room now.
    fn make_room(&mut self, for_claim: bool) -> bool {
        let at = self.clock;
        let mut weak: Vec<(bool, f64, TrackId)> = self
            .tracks
            .values()
            .filter(|t| t.phase == Phase::Tentative || (!for_claim && t.claimed_only()))
            .map(|t| {
                let p = t.existence_at(at.unwrap_or(t.at), &self.config).probability();
                (t.phase != Phase::Tentative, p, t.id)
            })
            .collect();
        // Of equals the youngest goes: the older one has lasted.
        weak.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(b.2.cmp(&a.2)));
        let count = (self.config.tracks_max / 64).max(1);
        for (_, _, id) in weak.iter().take(count) {
            self.end(*id, "gave-way");
        }
        self.tracks.len() < self.config.tracks_max
    }
}

/// For each observation the earlier one of the same scan that it repeats word for word.
fn repeated_within(ready: &[Option<Ready>]) -> Vec<Option<usize>> {
    let mut out = vec![None; ready.len()];
    if ready.len() < 2 {
        return out;
    }
    let mut keys: Vec<(u64, Time, usize)> =
        ready.iter().enumerate().filter_map(|(i, r)| r.as_ref().map(|r| (r.mark.fingerprint, r.mark.at, i))).collect();
    keys.sort_unstable();
    let mut head: Option<(u64, Time, usize)> = None;
    for key in keys {
        match head {
            Some(h) if (h.0, h.1) == (key.0, key.1) => out[key.2] = Some(h.2),
            _ => head = Some(key),
        }
    }
    out
}

/// The best one-to-one choice: for each observation the index of its pair. Observations that share no track are
/// solved apart.
fn choose(observations: usize, pairs: &mut [Pair]) -> Vec<Option<usize>> {
    let mut chosen = vec![None; observations];
    if observations == 1 {
        let best = (0..pairs.len()).min_by(|a, b| pairs[*a].cost.total_cmp(&pairs[*b].cost));
        chosen[0] = best.filter(|b| pairs[*b].cost < 0.0);
        return chosen;
    }
    // Union of observations that want the same track.
    let mut root: Vec<usize> = (0..observations).collect();
    fn find(root: &mut [usize], mut i: usize) -> usize {
        while root[i] != i {
            root[i] = root[root[i]];
            i = root[i];
        }
        i
    }
    pairs.sort_by_key(|p| (p.track, p.observation));
    for two in pairs.windows(2) {
        if two[0].track == two[1].track {
            let (a, b) = (find(&mut root, two[0].observation), find(&mut root, two[1].observation));
            root[a.max(b)] = a.min(b);
        }
    }
    let mut order: Vec<(usize, usize)> = (0..pairs.len()).map(|p| (find(&mut root, pairs[p].observation), p)).collect();
    order.sort_unstable();
    for cluster in order.chunk_by(|a, b| a.0 == b.0) {
        let mut rows: Vec<usize> = cluster.iter().map(|(_, p)| pairs[*p].observation).collect();
        rows.sort_unstable();
        rows.dedup();
        let mut columns: Vec<TrackId> = cluster.iter().map(|(_, p)| pairs[*p].track).collect();
        columns.sort_unstable();
        columns.dedup();
        if rows.len().saturating_mul(columns.len()) > EXACT_MAX {
            greedy(cluster.iter().map(|(_, p)| *p), pairs, &mut chosen);
            continue;
        }
        let mut cost = vec![INFEASIBLE; rows.len() * columns.len()];
        let mut which = vec![0; cost.len()];
        for (_, p) in cluster {
            let pair = &pairs[*p];
            if let (Ok(r), Ok(c)) = (rows.binary_search(&pair.observation), columns.binary_search(&pair.track)) {
                cost[r * columns.len() + c] = pair.cost;
                which[r * columns.len() + c] = *p;
            }
        }
        for (r, c) in assign(rows.len(), columns.len(), &cost, 0.0).into_iter().enumerate() {
            if let Some(c) = c {
                chosen[rows[r]] = Some(which[r * columns.len() + c]);
            }
        }
    }
    chosen
}

/// Best pair first, each observation and each track once.
fn greedy(cluster: impl Iterator<Item = usize>, pairs: &[Pair], chosen: &mut [Option<usize>]) {
    let mut order: Vec<usize> = cluster.filter(|p| pairs[*p].cost < 0.0).collect();
    order.sort_by(|a, b| pairs[*a].cost.total_cmp(&pairs[*b].cost).then(a.cmp(b)));
    let mut taken = BTreeSet::new();
    for p in order {
        let pair = &pairs[p];
        if chosen[pair.observation].is_none() && taken.insert(pair.track) {
            chosen[pair.observation] = Some(p);
        }
    }
}
