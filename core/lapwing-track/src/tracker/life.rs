//! What happens to tracks without a measurement: time passes, sensors look and miss, duplicates turn out.

use super::{STEP, Tracker};
use crate::filter::{Linear, Vector};
use crate::frame::{geodetic, moved, position};
use crate::gate::gate;
use crate::track::Track;
use lapwing_model::{Coverage, LocalFrame, Phase, Sensor, SensorKind, Span, Time, TrackId, math};

/// Two tracks farther apart than this are not compared, metres.
const TWIN_RADIUS_M: f64 = 200.0;
/// More tracks than this within that radius are a crowd.
const CROWD: usize = 32;
/// Weight of a look in the running mean of a sensor's stray plots.
const STRAY_WEIGHT: f64 = 0.1;

impl Tracker {
    /// Lets time pass: phases and ends are decided at each whole second up to `now`, each as of its own time.
    pub fn advance(&mut self, now: Time) {
        while let Some(at) = self.step_at.filter(|at| *at <= now) {
            self.clock = Some(self.clock.map_or(at, |c| c.max(at)));
            // At the end of time addition saturates, and there is no next step.
            self.step_at = Some(at + STEP).filter(|next| *next > at);
            self.step(at);
        }
        self.clock = Some(self.clock.map_or(now, |c| c.max(now)));
    }

    /// The sensor has completed a look at `at`: what it covers and did not see since its last look was missed. Only
    /// sensors that measure count: a receiver that hears nothing has not looked.
    pub fn looked(&mut self, sensor: &Sensor, at: Time) {
        let Some(state) = self.sensor(sensor) else { return };
        let (number, frame) = (state.number, state.frame);
        let since = match state.looked_at {
            Some(last) if last >= at => return,
            Some(last) => last,
            None => at - sensor.interval,
        };
        state.looked_at = Some(at);
        let stray = f64::from(std::mem::take(&mut state.stray));
        state.stray_per_look = Some(state.stray_per_look.map_or(stray, |mean| mean + STRAY_WEIGHT * (stray - mean)));
        if matches!(sensor.kind, SensorKind::RemoteId | SensorKind::Adsb | SensorKind::Human) {
            return;
        }
        let Some(frame) = frame else { return };
        let detection = sensor.coverage.detection_probability.unwrap_or(self.config.detection_probability);
        let mut near = std::mem::take(&mut self.near);
        near.clear();
        match sensor.coverage.range_max_m {
            Some(range) if range < 100_000.0 => {
                self.index.near(frame.origin().place(), range, 0.0, true, &mut near);
                near.sort_unstable();
            }
            _ => near.extend(self.tracks.keys().copied()),
        }
        for id in &near {
            let Some(track) = self.tracks.get_mut(id) else { continue };
            if track.seen_by(number).is_some_and(|seen| seen > since) {
                continue;
            }
            if !covers(&sensor.coverage, &frame, track, at, &self.config) {
                continue;
            }
            track.missed(at, detection, &self.config);
            self.end_if_refuted(*id, at);
        }
        self.near = near;
    }

    /// Ends a track whose existence has fallen too low. What still claims to be there goes on: the contradiction is worth
    /// showing.
    fn end_if_refuted(&mut self, id: TrackId, at: Time) {
        let Some(track) = self.tracks.get(&id).filter(|t| !t.self_reported) else { return };
        let least = match track.phase {
            Phase::Tentative => self.config.existence_end_tentative,
            _ => self.config.existence_end,
        };
        if track.existence_at(at, &self.config).probability() < least {
            self.end(id, "refuted");
        }
    }

    /// Everything that time alone decides, at `at`.
    fn step(&mut self, at: Time) {
        let ids: Vec<TrackId> = self.tracks.keys().copied().collect();
        for id in &ids {
            let Some(track) = self.tracks.get(id) else { continue };
            let silent = at.since(track.at);
            let interval = track.interval(&self.config);
            let quiet = Span::from_seconds_f64(interval.as_seconds_f64() * self.config.coast_after_intervals);
            let limit = if track.self_reported {
                self.config.end_claimed_after
            } else {
                self.config.end_measured_after.max(Span::from_nanos(interval.as_nanos().saturating_mul(4)))
            };
            let phase = track.phase;
            let sd = track.state_at(at, &self.config).horizontal_sd_m();
            // A claim may be vague from the start; only what silence makes vague ends for it.
            let vague = silent > quiet && sd > self.config.horizontal_sd_max_m;
            if silent > limit || (phase == Phase::Tentative && silent > quiet) {
                self.end(*id, "not-seen");
            } else if vague {
                self.end(*id, "too-uncertain");
            } else {
                if phase == Phase::Confirmed && silent > quiet {
                    self.set_phase(*id, Phase::Coasting);
                }
                self.end_if_refuted(*id, at);
                self.reindex(*id);
            }
        }
        self.join_twins(&ids, at);
    }

    /// Joins unnamed tracks with what they have been consistent with, in place and speed, for some seconds, unless one
    /// sensor saw both in one look.
    fn join_twins(&mut self, ids: &[TrackId], at: Time) {
        for id in ids {
            let Some(track) = self.tracks.get(id) else { continue };
            if track.is_named() || track.phase == Phase::Tentative {
                continue;
            }
            let twin = self.twin_of(track, at);
            let before = track.twin;
            let count = match (twin, before) {
                (Some(t), Some((was, n))) if t == was => n.saturating_add(1),
                (Some(_), _) => 1,
                (None, _) => 0,
            };
            if let Some(twin) = twin.filter(|_| count >= self.config.join_after) {
                self.join((*id).min(twin), (*id).max(twin));
            } else if let Some(track) = self.tracks.get_mut(id) {
                track.twin = twin.map(|t| (t, count));
            }
        }
    }

    /// The track that `track` cannot be told from, if there is one: the closest.
    fn twin_of(&self, track: &Track, at: Time) -> Option<TrackId> {
        let state = track.state_at(at, &self.config);
        let mut near = Vec::new();
        self.index.near(geodetic(&track.frame, &state).place(), TWIN_RADIUS_M, 0.0, true, &mut near);
        // In a crowd nobody is anybody's twin; and a crowd must not cost its square each second.
        if near.len() > CROWD {
            return None;
        }
        let mut best: Option<(f64, TrackId)> = None;
        for id in near {
            let Some(other) = self.tracks.get(&id).filter(|o| o.id != track.id && o.phase != Phase::Tentative) else {
                continue;
            };
            if track.seen_apart(other) {
                continue;
            }
            let distance = self.apart(track, other, at);
            let closer = best.is_none_or(|(d, b)| (distance, id) < (d, b));
            if closer && distance <= gate(if track.height_known && other.height_known { 6 } else { 4 }) {
                best = Some((distance, id));
            }
        }
        best.map(|(_, id)| id)
    }

    /// Squared Mahalanobis distance of two tracks in what both know: horizontal place and velocity, and the vertical.
    fn apart(&self, a: &Track, b: &Track, at: Time) -> f64 {
        let mine = a.state_at(at, &self.config);
        let theirs = moved(&b.frame, &a.frame, &b.state_at(at, &self.config), b.height_known);
        let mut sum = mine;
        let mut rest: Vector = [0.0; 6];
        for i in 0..6 {
            rest[i] = theirs.mean[i] - mine.mean[i];
            for j in 0..6 {
                sum.covariance[i][j] += theirs.covariance[i][j];
            }
        }
        // The distance under the summed covariance, as the misfit of measuring "no difference" exactly.
        let both = a.height_known && b.height_known;
        let known: &[usize] = if both { &[0, 1, 2, 3, 4, 5] } else { &[0, 1, 3, 4] };
        sum.mean = rest;
        let mut misfit = 0.0;
        for axis in known {
            let mut one = Linear::default();
            let mut row = [0.0; 6];
            row[*axis] = 1.0;
            one.push(row, -sum.mean[*axis], 1e-6);
            match sum.updated(&one) {
                Some(update) => {
                    misfit += update.nis;
                    sum = update.state;
                }
                None => return f64::INFINITY,
            }
        }
        misfit
    }
}

/// Whether a sensor at `from` should have the track in view at `at`: all of its likely place (two sigma) inside range
/// and sector. Where the height is unknown, from the sensor's height to the configured one above it.
fn covers(coverage: &Coverage, from: &LocalFrame, track: &Track, at: Time, config: &crate::Config) -> bool {
    let state = track.state_at(at, config);
    let margin = 2.0 * state.horizontal_sd_m();
    let d = from.ecef_to_enu(track.frame.enu_to_ecef(position(&state)));
    let ground = d.horizontal_m();
    let range = if track.height_known { d.length_m() } else { ground };
    let near = coverage.range_min_m.is_none_or(|least| range - margin >= least);
    let far = coverage.range_max_m.is_none_or(|greatest| range + margin <= greatest);
    let side = math::atan2(margin, ground.max(1.0));
    let sector = match (coverage.azimuth_from_deg, coverage.azimuth_to_deg) {
        (Some(first), Some(last)) => {
            let width = math::wrap_tau(math::rad(last - first));
            let into = math::wrap_tau(d.azimuth_rad() - math::rad(first));
            width == 0.0 || (into >= side && into + side <= width)
        }
        _ => true,
    };
    let ups = if track.height_known { [d.up_m, d.up_m] } else { [0.0, config.height_above_sensor_m] };
    let elevation = ups.iter().all(|up| {
        let e = math::deg(math::atan2(*up, ground.max(1.0)));
        coverage.elevation_min_deg.is_none_or(|least| e >= least)
            && coverage.elevation_max_deg.is_none_or(|greatest| e <= greatest)
    });
    near && far && sector && elevation
}
