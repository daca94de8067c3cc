//! One track: its state, what supports it, and how a measurement changes it.

use crate::config::Config;
use crate::existence::{Existence, confidence_log_ratio};
use crate::filter::{Gaussian, Linear, Update, dot, times_vector};
use crate::frame::{anchored, geodetic, is_far, moved, position, velocity};
use crate::gate::{Filed, gate};
use crate::interface::{Estimate, Label, Observation};
use crate::measurement::{Resolved, velocity_linear};
use crate::motion::{Motion, predicted, process_noise};
use lapwing_model::{LocalFrame, Phase, Place, Span, Time, TrackId, limits, math};

/// Sensors remembered per track; the one silent for longest gives way.
const SENSORS_PER_TRACK: usize = 8;
/// Measurements remembered per track, to know a repetition.
const RECENT_PER_TRACK: usize = 8;
/// The most one plot can add to the log odds of existence: however precise the sensor, a track needs three plots.
const LOG_RATIO_MAX: f64 = 6.5;
/// What a measured aircraft may gain between two updates, metres per second.
const SPEED_CHANGE_MPS: f64 = 20.0;
/// Probability below which measurements no longer support a track they once did.
const SUPPORT_LOST: f64 = 0.5;

/// When a sensor last contributed.
#[derive(Debug, Clone, Copy)]
struct SensorMark {
    sensor: u32,
    at: Time,
    interval: Span,
}

/// A measurement that was used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Mark {
    pub(crate) sensor: u32,
    pub(crate) at: Time,
    pub(crate) fingerprint: u64,
}

/// The life of one track. Of constant size: its lists do not grow, the oldest entry gives way.
#[derive(Debug, Clone)]
pub(crate) struct Track {
    pub(crate) id: TrackId,
    pub(crate) frame: LocalFrame,
    /// The time `state` is for: the latest measurement used.
    pub(crate) at: Time,
    pub(crate) state: Gaussian,
    pub(crate) height_known: bool,
    pub(crate) phase: Phase,
    /// From everything.
    existence: Existence,
    existence_at: Time,
    /// From measurements alone; `None` until the first.
    measured: Option<Existence>,
    supported: bool,
    pub(crate) self_reported: bool,
    last_claim_at: Option<Time>,
    fast: bool,
    pub(crate) labels: Vec<(Label, bool)>,
    sensors: [Option<SensorMark>; SENSORS_PER_TRACK],
    recent: [Option<Mark>; RECENT_PER_TRACK],
    recent_next: usize,
    /// Where the spatial index has it.
    pub(crate) filed: Filed,
    /// Another track this one seems to be, and for how many seconds already.
    pub(crate) twin: Option<(TrackId, u8)>,
}

/// What a measurement is to the tracker once looked at: everything an update needs.
#[derive(Clone, Copy)]
pub(crate) struct Look<'a> {
    pub(crate) observation: &'a Observation,
    pub(crate) resolved: &'a Resolved,
    pub(crate) mark: Mark,
    pub(crate) interval: Span,
    pub(crate) detection_probability: f64,
    pub(crate) clutter_per_m2: f64,
}

/// How a measurement fits a track.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fit {
    pub(crate) nis: f64,
    pub(crate) gate: f64,
    /// Logarithm of the likelihood ratio of "this aircraft" to "clutter".
    pub(crate) log_ratio: f64,
}

impl Track {
    /// A new track; `None` when the measurement has no position.
    pub(crate) fn begin(id: TrackId, look: &Look<'_>, config: &Config) -> Option<Self> {
        let (frame, state, height_known) = look.resolved.start(config)?;
        let observation = look.observation;
        let start = if observation.self_report { config.existence_start_claim } else { config.existence_start_plot };
        let existence = Existence::new(start).detected(confidence_log_ratio(observation.confidence));
        let mut track = Self {
            id,
            frame,
            at: observation.measured_at,
            state,
            height_known,
            phase: Phase::Tentative,
            existence,
            existence_at: observation.measured_at,
            measured: (!observation.self_report).then_some(existence),
            supported: false,
            self_reported: observation.self_report,
            last_claim_at: observation.self_report.then_some(observation.measured_at),
            fast: false,
            labels: Vec::new(),
            sensors: [None; SENSORS_PER_TRACK],
            recent: [None; RECENT_PER_TRACK],
            recent_next: 0,
            filed: Filed::new(frame.origin().place(), 0.0, false),
            twin: None,
        };
        if let Some(after) = look.resolved.rate_linear(&track.frame, &track.state, height_known) {
            track.accept(track.state.updated(&after));
        }
        track.use_velocity(look);
        track.fast = track.state.speed_mps() > config.speed_fast_mps;
        track.remember(look);
        Some(track)
    }

    fn accept(&mut self, update: Option<Update>) {
        if let Some(update) = update {
            self.state = update.state;
        }
    }

    fn remember(&mut self, look: &Look<'_>) {
        let mark = look.mark;
        if let Some(slot) = self.recent.get_mut(self.recent_next) {
            *slot = Some(mark);
        }
        self.recent_next = (self.recent_next + 1) % RECENT_PER_TRACK;
        self.mark_sensor(SensorMark { sensor: mark.sensor, at: mark.at, interval: look.interval });
    }

    fn mark_sensor(&mut self, mark: SensorMark) {
        let own = self.sensors.iter_mut().position(|s| s.is_some_and(|s| s.sensor == mark.sensor));
        let slot = own.or_else(|| (0..SENSORS_PER_TRACK).min_by_key(|i| self.sensors[*i].map(|s| s.at)));
        if let Some(slot) = slot.and_then(|i| self.sensors.get_mut(i)) {
            let newest = slot.filter(|s| s.sensor == mark.sensor && s.at > mark.at).map_or(mark.at, |s| s.at);
            *slot = Some(SensorMark { at: newest, ..mark });
        }
    }

    /// Whether this very measurement was used already.
    pub(crate) fn repeats(&self, mark: Mark) -> bool {
        self.recent.contains(&Some(mark))
    }

    /// When `sensor` last contributed.
    pub(crate) fn seen_by(&self, sensor: u32) -> Option<Time> {
        self.sensors.iter().flatten().find(|s| s.sensor == sensor).map(|s| s.at)
    }

    /// Whether one sensor saw both in one look: then they are two.
    pub(crate) fn seen_apart(&self, other: &Self) -> bool {
        self.sensors.iter().flatten().any(|s| {
            let half = Span::from_nanos(s.interval.as_nanos() / 2);
            other.seen_by(s.sensor).is_some_and(|at| at.since(s.at).abs() <= half)
        })
    }

    /// Interval of its quickest sensor among those heard lately.
    pub(crate) fn interval(&self, config: &Config) -> Span {
        let recent = |s: &&SensorMark| self.at.since(s.at) <= config.end_claimed_after;
        let quickest = self.sensors.iter().flatten().filter(recent).map(|s| s.interval).min();
        quickest.unwrap_or(config.interval_max).clamp(config.interval_min, config.interval_max)
    }

    /// Whether it was claimed under a name that is not `label`.
    pub(crate) fn claimed_otherwise(&self, label: Option<Label>) -> bool {
        self.labels.iter().any(|(own, claimed)| *claimed && Some(*own) != label)
    }

    /// Whether it carries `label`.
    pub(crate) fn carries(&self, label: Label) -> bool {
        self.labels.iter().any(|(own, _)| *own == label)
    }

    /// Whether any claim named it.
    pub(crate) fn is_named(&self) -> bool {
        self.labels.iter().any(|(_, claimed)| *claimed)
    }

    /// Notes a label, as long as there is room; whether it is new.
    pub(crate) fn add_label(&mut self, label: Label, claimed: bool) -> bool {
        if let Some((_, was)) = self.labels.iter_mut().find(|(own, _)| *own == label) {
            *was |= claimed;
            return false;
        }
        let room = self.labels.len() < limits::NAMES_PER_TRACK_MAX;
        if room {
            self.labels.push((label, claimed));
        }
        room
    }

    /// Whether only self-reports support it.
    pub(crate) fn claimed_only(&self) -> bool {
        self.self_reported && !self.supported
    }

    pub(crate) fn motion(&self, config: &Config) -> Motion {
        if self.fast { config.motion_fast } else { config.motion_slow }
    }

    /// Greatest speed it may plausibly have had since its last update, metres per second. What others measure is known
    /// better than by its class: it has the speed measured, and accelerates as far as it can between two looks.
    pub(crate) fn speed_max_mps(&self, claimed_mps: f64, config: &Config) -> f64 {
        if self.supported {
            return self.state.speed_mps() + SPEED_CHANGE_MPS;
        }
        let fast = self.fast || claimed_mps > config.speed_fast_mps;
        if fast { config.speed_fast_max_mps } else { config.speed_slow_max_mps }
    }

    /// Existence at a time: it decays while nothing is heard.
    pub(crate) fn existence_at(&self, at: Time, config: &Config) -> Existence {
        let dt = at.since(self.existence_at).as_seconds_f64();
        self.existence.after(dt, config.existence_decay.as_seconds_f64())
    }

    /// The state at a time, in the track's frame.
    pub(crate) fn state_at(&self, at: Time, config: &Config) -> Gaussian {
        let dt = at.since(self.at).as_seconds_f64();
        predicted(&self.state, self.motion(config), dt, self.height_known)
    }

    /// How well a measurement fits; `None` when the two cannot be compared.
    pub(crate) fn fit(&self, look: &Look<'_>, config: &Config) -> Option<Fit> {
        let prior = self.state_at(look.observation.measured_at, config);
        let (linear, log_clutter) =
            look.resolved.linear(&self.frame, &prior, self.height_known, look.clutter_per_m2, config)?;
        let (nis, log_likelihood) = prior.surprise(&linear)?;
        let log_ratio = math::log(look.detection_probability.max(1e-3)) + log_likelihood - log_clutter;
        Some(Fit { nis, gate: gate(linear.rows().len()), log_ratio })
    }

    /// Horizontal distance from the last known place to `place`, metres.
    pub(crate) fn distance_m(&self, place: Place) -> f64 {
        geodetic(&self.frame, &self.state).place().distance_m(place)
    }

    /// Takes a measurement in. `fit` is what [`Track::fit`] said of it.
    pub(crate) fn update(&mut self, look: &Look<'_>, fit: &Fit, config: &Config) {
        let at = look.observation.measured_at;
        let motion = self.motion(config);
        let dt = at.since(self.at).as_seconds_f64();
        if dt > 0.0 {
            self.state = predicted(&self.state, motion, dt, self.height_known);
            self.at = at;
            self.follow();
        }
        let back = dt.min(0.0);
        let prior = predicted(&self.state, motion, back, self.height_known);
        let height_was_known = self.height_known;
        if let Some((mut linear, _)) =
            look.resolved.linear(&self.frame, &prior, height_was_known, look.clutter_per_m2, config)
        {
            self.weigh(&mut linear, look, fit, config);
            if back < 0.0 {
                retrodict(&mut linear, motion, back);
            }
            self.accept(self.state.updated(&linear));
        }
        if !height_was_known {
            self.learn_height(look, config);
        }
        if back == 0.0 {
            self.use_velocity(look);
        }
        self.support(look, fit, config);
        let limit = config.speed_fast_mps;
        self.fast = self.state.speed_mps() > if self.fast { 0.8 * limit } else { limit };
        self.remember(look);
    }

    /// Moves the frame along.
    fn follow(&mut self) {
        if is_far(&self.state) {
            let to = anchored(geodetic(&self.frame, &self.state).place());
            self.state = moved(&self.frame, &to, &self.state, self.height_known);
            self.frame = to;
        }
    }

    /// Claims bring two troubles a Kalman filter does not know: errors that hang together in time, and jumps.
    fn weigh(&mut self, linear: &mut Linear, look: &Look<'_>, fit: &Fit, config: &Config) {
        if !look.observation.self_report {
            return;
        }
        // Errors of one satellite receiver hang together for `claim_correlation`: claims within that time share one
        // claim's worth of information, however many receivers heard them.
        let mut scale = 1.0;
        if let Some(last) = self.last_claim_at {
            let gap = look.observation.measured_at.since(last).abs().as_seconds_f64();
            let correlated = config.claim_correlation.as_seconds_f64();
            scale = if gap > 0.0 { (correlated / gap).clamp(1.0, 100.0) } else { 100.0 };
        }
        // A claim under the right name that is reachable but unexpected: if others see the aircraft, they are believed
        // more than its word; else it may have turned as no model expects, so the prediction is believed less.
        let excess = fit.nis / fit.gate;
        if excess > 1.0 {
            if self.supported {
                scale *= excess.min(1e4);
            } else {
                let factor = excess.min(1e4);
                for (i, row) in self.state.covariance.iter_mut().enumerate() {
                    for (j, cell) in row.iter_mut().enumerate() {
                        let vertical = [i, j].iter().any(|k| *k == 2 || *k == 5);
                        if self.height_known || !vertical {
                            *cell *= factor;
                        }
                    }
                }
            }
        }
        for row in linear.rows_mut() {
            row.variance *= scale;
        }
    }

    /// The first measured height of a track that had none.
    fn learn_height(&mut self, look: &Look<'_>, config: &Config) {
        if let Some(up) = look.resolved.up(&self.frame, &self.state) {
            self.height_known = true;
            self.state.mean[2] = up.value;
            self.state.mean[5] = 0.0;
            self.state.covariance[2][2] = up.sd * up.sd;
            self.state.covariance[5][5] = config.vertical_speed_start_sd_mps * config.vertical_speed_start_sd_mps;
        }
    }

    /// Uses a velocity that came along, unless it flatly contradicts the motion seen (a frozen or forged field).
    fn use_velocity(&mut self, look: &Look<'_>) {
        let Some(measured) = look.observation.velocity else { return };
        let Some(linear) = velocity_linear(&self.frame, &self.state, self.height_known, measured) else { return };
        let update = self.state.updated(&linear).filter(|u| u.nis <= 3.0 * gate(linear.rows().len()));
        self.accept(update);
    }

    /// Existence after a detection or a claim.
    fn support(&mut self, look: &Look<'_>, fit: &Fit, config: &Config) {
        let at = look.observation.measured_at.max(self.existence_at);
        let confidence = confidence_log_ratio(look.observation.confidence);
        if look.observation.self_report {
            // A claim repeated is no new evidence: the first one counts, the later ones only stop the decay.
            if !self.self_reported {
                let p = config.existence_start_claim;
                self.existence = self.existence_at(at, config).detected(math::log(p / (1.0 - p)));
                self.self_reported = true;
            }
            let last = look.observation.measured_at;
            self.last_claim_at = Some(self.last_claim_at.map_or(last, |l| l.max(last)));
        } else {
            let ratio = (fit.log_ratio + confidence).min(LOG_RATIO_MAX);
            self.existence = self.existence_at(at, config).detected(ratio);
            let dt = at.since(self.existence_at).as_seconds_f64();
            let before = match self.measured {
                Some(measured) => measured.after(dt, config.existence_decay.as_seconds_f64()),
                None => Existence::new(config.existence_start_plot),
            };
            self.measured = Some(before.detected(ratio));
        }
        self.existence_at = at;
        self.weigh_support(config);
    }

    fn weigh_support(&mut self, config: &Config) {
        let p = self.measured.map_or(0.0, Existence::probability);
        self.supported = p >= config.existence_confirm || (self.supported && p >= SUPPORT_LOST);
    }

    /// A sensor looked at `at`, should have seen it with probability `detection`, and did not.
    pub(crate) fn missed(&mut self, at: Time, detection: f64, config: &Config) {
        let at = at.max(self.existence_at);
        // Claims that go on stop the decay, see `support`; the miss counts all the same.
        self.existence = self.existence_at(at, config).missed(detection);
        self.measured = self.measured.map(|m| {
            let dt = at.since(self.existence_at).as_seconds_f64();
            m.after(dt, config.existence_decay.as_seconds_f64()).missed(detection)
        });
        self.existence_at = at;
        self.weigh_support(config);
    }

    /// Where the index is to have it, from its state at the present.
    pub(crate) fn file(&self, state: &Gaussian) -> Filed {
        Filed::new(geodetic(&self.frame, state).place(), Self::reach_m(state), self.is_named())
    }

    /// How far from its indexed place it may be taken for a measurement's source within the next second and a half:
    /// four sigma and its own way, metres.
    fn reach_m(state: &Gaussian) -> f64 {
        let p = &state.covariance;
        let speed_sd = math::sqrt(p[3][3].max(p[4][4]));
        4.0 * (state.horizontal_sd_m() + 1.5 * speed_sd) + 1.5 * state.speed_mps()
    }

    /// The estimate at a time.
    pub(crate) fn estimate(&self, at: Time, config: &Config) -> Estimate {
        let state = self.state_at(at, config);
        Estimate {
            frame: self.frame,
            at,
            position: position(&state),
            velocity: velocity(&state),
            covariance: state.covariance,
            height_known: self.height_known,
            existence: self.existence_at(at, config).probability(),
            phase: self.phase,
            claimed_only: self.claimed_only(),
            last_at: self.at,
            motion: self.motion(config),
        }
    }

    /// Takes over what supported another track that turned out to be this one: the better state, all labels and
    /// sensors, the stronger existence.
    pub(crate) fn absorb(&mut self, other: &Self, config: &Config) {
        let at = self.at.max(other.at);
        let (own, theirs) = (self.state_at(at, config), other.state_at(at, config));
        let size = |s: &Gaussian| s.covariance[0][0] + s.covariance[1][1];
        let better = (other.height_known && !self.height_known)
            || (other.height_known == self.height_known && size(&theirs) < size(&own));
        if better {
            (self.frame, self.state, self.height_known) = (other.frame, theirs, other.height_known);
        } else {
            self.state = own;
        }
        self.at = at;
        self.existence = self.existence_at(at, config).or(other.existence_at(at, config));
        self.existence_at = self.existence_at.max(other.existence_at).max(at);
        self.measured = match (self.measured, other.measured) {
            (Some(a), Some(b)) => Some(a.or(b)),
            (a, b) => a.or(b),
        };
        self.supported |= other.supported;
        self.self_reported |= other.self_reported;
        self.last_claim_at = self.last_claim_at.max(other.last_claim_at);
        self.fast |= other.fast;
        for mark in other.sensors.iter().flatten() {
            self.mark_sensor(*mark);
        }
        self.twin = None;
    }

    /// A copy under another id that carries only `label`.
    pub(crate) fn copy(&self, id: TrackId, label: Label) -> Self {
        let labels = self.labels.iter().copied().filter(|(own, _)| *own == label).collect();
        Self { id, labels, twin: None, ..self.clone() }
    }
}

/// Turns a measurement of the past into one of the present: rows times the backward transition, and the process noise
/// in between as measurement noise. The correlation of that noise with the present state is left out (algorithm C in
/// Bar-Shalom 2002, *Update with out-of-sequence measurements in tracking: exact solution*): a little less is learned
/// than could be, never more.
fn retrodict(linear: &mut Linear, motion: Motion, back_s: f64) {
    let q = process_noise(motion, back_s);
    for row in linear.rows_mut() {
        row.variance += dot(&row.jacobian, &times_vector(&q, &row.jacobian));
        // h F, with F = [I, dt I; 0, I].
        for axis in 0..3 {
            row.jacobian[axis + 3] += back_s * row.jacobian[axis];
        }
    }
}
