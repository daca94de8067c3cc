//! One aircraft as the filter has it: its hypotheses, what supports it, and what it was called.

use crate::birth::mixed;
use crate::class::Classifier;
use crate::config::Config;
use crate::existence::{Existence, confidence_log_ratio};
use crate::gaussian::Gaussian;
use crate::grid::Filed;
use crate::height::{Denial, FlatRange};
use crate::imm::{Models, Modes};
use crate::interface::Label;
use crate::mark::SensorMark;
use crate::reading::Reading;
use crate::region::RegionId;
use crate::word::Word;
use lapwing_model::{Phase, Position, Span, Time, TrackId, limits, math};

/// Sensors remembered per track; the one silent for longest gives way.
const SENSORS_PER_TRACK: usize = 8;
/// Measurements remembered per track, to know a repetition.
const RECENT_PER_TRACK: usize = 8;
/// Journal entries remembered of a candidate, until it becomes a track.
pub(crate) const FIRST_ENTRIES: usize = 4;
/// The most one plot can add to the log odds of what measurements alone support.
const LOG_RATIO_MAX: f64 = 6.5;
/// Probability below which measurements no longer support a track they once did.
const SUPPORT_LOST: f64 = 0.5;
/// What measurements alone start with.
const SUPPORT_START: f64 = 1e-3;
/// For this long after it was seen what a sensor knows of a track still counts; and it may be there and give off nothing.
pub(crate) const SEEN_FOR: Span = Span::from_seconds(15);
/// However seldom a sensor looks, what it saw longer ago than this says nothing any more.
const SEEN_FOR_MAX: Span = Span::from_seconds(60);
/// What a measured aircraft may gain between two updates, metres per second.
const SPEED_CHANGE_MPS: f64 = 20.0;

/// One way a track may have come about: its state, and whether it exists if so.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct Hypothesis {
    pub(crate) modes: Modes,
    pub(crate) existence: f64,
}

/// How often sensors that listen have heard an aircraft lately: a count that rises with each time and falls with each silence,
/// so that one bearing taken by mistake does not make a silent aircraft one that should be heard.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Heard(f32);

impl Heard {
    /// What was found by ear.
    pub(crate) const SURELY: Self = Self(12.0);

    pub(crate) fn heard(&mut self) {
        self.0 = (self.0 + 1.0).min(Self::SURELY.0);
    }

    pub(crate) fn silent(&mut self) {
        self.0 = (self.0 - 0.3).max(0.0);
    }

    /// Whether it gives off something: then silence counts.
    pub(crate) fn emits(self) -> bool {
        self.0 >= 4.0
    }
}

/// The latest self-report of a track, as it was said.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct Fix {
    pub(crate) at: Time,
    pub(crate) region: RegionId,
    pub(crate) position: [f64; 3],
    pub(crate) velocity: [f64; 3],
    pub(crate) label: Label,
    pub(crate) sd_m: f64,
    /// Whether it said its height.
    pub(crate) height_said: bool,
}

/// A track. Of constant size but for its labels, of which there are few.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Track {
    /// Says which it is, whatever order things arrived in.
    pub(crate) key: u64,
    /// Its published id; 0 before.
    pub(crate) id: TrackId,
    pub(crate) region: RegionId,
    /// When it began.
    pub(crate) began_at: Time,
    /// The time its hypotheses are for.
    pub(crate) at: Time,
    /// Where it is filed, and whether under a name.
    pub(crate) filed: Option<(Filed, bool)>,
    pub(crate) height_known: bool,
    /// Whether that height is its own word and nothing else's.
    pub(crate) height_claimed: bool,
    /// What is measured against the height that it says.
    pub(crate) denial: Option<Denial>,
    /// The latest slant range without an elevation.
    pub(crate) flat: Option<FlatRange>,
    /// The only hypothesis, or that of the best global one.
    pub(crate) best: Hypothesis,
    /// The cluster that holds its other hypotheses.
    pub(crate) cluster: Option<u32>,
    pub(crate) phase: Phase,
    /// The phase that was last told.
    pub(crate) told: Phase,
    /// Probability of existence over all hypotheses.
    pub(crate) existence: f64,
    /// How well sensors that listen hear it: only then does their silence say something.
    pub(crate) heard: Heard,
    /// Plots taken in.
    pub(crate) plots: u32,
    /// Claims taken in.
    pub(crate) claims: u16,
    /// When it was last updated by anything.
    pub(crate) last_at: Time,
    /// From measurements alone; `None` until the first.
    measured: Option<Existence>,
    missed_once: bool,
    pub(crate) supported: bool,
    pub(crate) self_reported: bool,
    pub(crate) last_claim_at: Option<Time>,
    pub(crate) fast: bool,
    pub(crate) labels: Vec<(Label, bool)>,
    pub(crate) sensors: [Option<SensorMark>; SENSORS_PER_TRACK],
    /// What tells a measurement from all others; 0 is none.
    recent: [u64; RECENT_PER_TRACK],
    recent_next: u8,
    pub(crate) class: Classifier,
    pub(crate) first_entries: [Option<Position>; FIRST_ENTRIES],
    pub(crate) fix: Option<Fix>,
    /// How what it says fits what is measured of it.
    pub(crate) word: Word,
    /// Another track that this one may be.
    pub(crate) twin: Option<crate::twin::Twin>,
    /// Where it began, to know what never moves.
    pub(crate) origin: [f64; 2],
    /// How well that was known: the sum of the variances east and north, square metres.
    origin_variance_m2: f64,
    /// Greatest distance from there that is no error of either place, metres.
    pub(crate) strayed_m: f64,
}

impl Clone for Track {
    fn clone(&self) -> Self {
        Self { labels: self.labels.clone(), ..*self }
    }

    /// Without a copy in between: there may be thousands to copy over.
    fn clone_from(&mut self, from: &Self) {
        let mut labels = std::mem::take(&mut self.labels);
        labels.clone_from(&from.labels);
        *self = Self { labels, ..*from };
    }
}

impl Track {
    /// A new track with one hypothesis.
    pub(crate) fn new(
        key: u64,
        region: RegionId,
        at: Time,
        height_known: bool,
        state: Gaussian,
        config: &Config,
    ) -> Self {
        Self {
            key,
            id: TrackId(0),
            region,
            began_at: at,
            at,
            filed: None,
            height_known,
            height_claimed: false,
            denial: None,
            flat: None,
            best: Hypothesis { modes: Modes::new(state, &config.models), existence: 1.0 },
            cluster: None,
            phase: Phase::Tentative,
            told: Phase::Tentative,
            existence: 1.0,
            heard: Heard::default(),
            plots: 0,
            claims: 0,
            last_at: at,
            measured: None,
            missed_once: false,
            supported: false,
            self_reported: false,
            last_claim_at: None,
            fast: state.speed_mps() > config.speed_fast_mps,
            labels: Vec::new(),
            sensors: [None; SENSORS_PER_TRACK],
            recent: [0; RECENT_PER_TRACK],
            recent_next: 0,
            class: Classifier::default(),
            first_entries: [None; FIRST_ENTRIES],
            fix: None,
            word: Word::default(),
            twin: None,
            origin: [state.mean[0], state.mean[1]],
            origin_variance_m2: state.covariance[(0, 0)] + state.covariance[(1, 1)],
            strayed_m: 0.0,
        }
    }

    /// The best state at a time, in its region's frame.
    pub(crate) fn state_at(&self, at: Time, config: &Config) -> Gaussian {
        let dt = at.since(self.at).as_seconds_f64();
        if dt == 0.0 {
            return self.best.modes.merged();
        }
        let mut modes = self.best.modes;
        modes.predict(&self.models(config), dt, self.height_known);
        modes.merged()
    }

    /// About where it has got to, east and north in its region, as if it flew straight on.
    pub(crate) fn about(&self, at: Time) -> [f64; 2] {
        let (mean, dt) = (self.best.modes.mean(), at.since(self.at).as_seconds_f64());
        [mean[0] + dt * mean[3], mean[1] + dt * mean[4]]
    }

    /// The models it moves by: what is fast moves like an aeroplane beside.
    pub(crate) fn models<'a>(&self, config: &'a Config) -> std::borrow::Cow<'a, Models> {
        if !self.fast {
            return std::borrow::Cow::Borrowed(&config.models);
        }
        let mut models = config.models.clone();
        for motion in &mut models.motions {
            motion.horizontal_psd_m2ps3 = motion.horizontal_psd_m2ps3.max(config.motion_fast.horizontal_psd_m2ps3);
            motion.vertical_psd_m2ps3 = motion.vertical_psd_m2ps3.max(config.motion_fast.vertical_psd_m2ps3);
        }
        std::borrow::Cow::Owned(models)
    }

    /// Notes that a reading of a sensor was taken in.
    pub(crate) fn remember(&mut self, sensor: u32, interval: Span, reading: &Reading, listens: bool) {
        if let Some(slot) = self.recent.get_mut(usize::from(self.recent_next)) {
            *slot = told_by(sensor, reading);
        }
        self.recent_next = self.recent_next.wrapping_add(1) % RECENT_PER_TRACK as u8;
        self.mark_sensor(SensorMark::new(sensor, reading.at, interval));
        self.flat = FlatRange::later(self.flat, FlatRange::of(sensor, reading));
        self.last_at = self.last_at.max(reading.at);
        // One bearing to a bird that flies before a transmitter makes it no transmitter.
        if let Some(evidence) = reading.classes.as_ref().filter(|_| !listens || self.heard.emits()) {
            self.class.add(evidence);
        }
        if let Some(entry) = reading.entry
            && let Some(slot) = self.first_entries.iter_mut().find(|e| e.is_none())
        {
            *slot = Some(entry);
        }
    }

    fn mark_sensor(&mut self, mut mark: SensorMark) {
        let own = self.sensors.iter().position(|s| s.is_some_and(|s| s.number == mark.number));
        let slot = own.or_else(|| (0..SENSORS_PER_TRACK).min_by_key(|i| self.sensors[*i].map(|s| s.at)));
        if let Some(slot) = slot.and_then(|i| self.sensors.get_mut(i)) {
            let newest = slot.filter(|s| s.number == mark.number && s.at > mark.at).map_or(mark.at, |s| s.at);
            mark.at = newest;
            *slot = Some(mark);
        }
    }

    /// A sensor that has seen it before looked where it is, and so many looks more were in vain; too many to count where that is not
    /// clear.
    pub(crate) fn missed_by(&mut self, sensor: u32, looks: u8) {
        if let Some(mark) = self.sensors.iter_mut().flatten().find(|s| s.is_of(sensor)) {
            mark.misses = mark.misses.saturating_add(looks);
        }
    }

    /// Looks in vain of a sensor since it saw this; `None` where it never did.
    pub(crate) fn misses_of(&self, sensor: u32) -> Option<u8> {
        self.mark_of(sensor).map(|s| s.misses)
    }

    fn mark_of(&self, sensor: u32) -> Option<&SensorMark> {
        self.sensors.iter().flatten().find(|s| s.is_of(sensor))
    }

    /// Whether this very measurement was used already.
    pub(crate) fn repeats(&self, sensor: u32, reading: &Reading) -> bool {
        self.recent.contains(&told_by(sensor, reading))
    }

    /// When `sensor` last contributed.
    pub(crate) fn seen_by(&self, sensor: u32) -> Option<Time> {
        self.mark_of(sensor).map(|s| s.at)
    }

    /// Numbers of all sensors that contributed.
    pub(crate) fn sensors_of(&self) -> impl Iterator<Item = u32> + '_ {
        self.sensors.iter().flatten().map(|s| s.sensor())
    }

    /// Numbers of the sensors that contributed lately: within `lately` before `at`, or three of their intervals.
    pub(crate) fn seen_lately(&self, at: Time, lately: Span) -> impl Iterator<Item = u32> + '_ {
        let is_recent = move |s: &&SensorMark| {
            let three = Span::from_nanos(s.interval().as_nanos().saturating_mul(3));
            at.since(s.at) <= lately.max(three.min(SEEN_FOR_MAX))
        };
        self.sensors.iter().flatten().filter(is_recent).map(|s| s.sensor())
    }

    /// The marks of the sensors that saw it when it was last seen: within three of their intervals before.
    pub(crate) fn seen_last(&self) -> impl Iterator<Item = &SensorMark> + '_ {
        let last =
            |s: &&SensorMark| self.last_at.since(s.at) <= Span::from_nanos(s.interval().as_nanos().saturating_mul(3));
        self.sensors.iter().flatten().filter(last)
    }

    /// Whether one sensor saw both in one look: then they are two.
    pub(crate) fn seen_apart(&self, other: &Self) -> bool {
        self.sensors.iter().flatten().any(|s| {
            let half = Span::from_nanos(s.interval().as_nanos() / 2);
            let theirs = other.sensors.iter().flatten().find(|t| t.number == s.number);
            theirs.is_some_and(|t| t.at.since(s.at).abs() <= half)
        })
    }

    /// Whether what it takes is no clutter. It may itself be a patch of that: only one that has moved, that speaks, or that several
    /// sensors see vouches for its plots.
    pub(crate) fn vouches(&self) -> bool {
        self.strayed_m > 60.0 || self.self_reported || self.sensors.iter().flatten().count() > 1
    }

    /// Interval of its quickest sensor among those heard lately.
    pub(crate) fn interval(&self, config: &Config) -> Span {
        let recent = |s: &&SensorMark| self.last_at.since(s.at) <= config.end_claimed_after;
        let quickest = self.sensors.iter().flatten().filter(recent).map(SensorMark::interval).min();
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

    /// Whether it carries every name that `other` was claimed under.
    pub(crate) fn has_names_of(&self, other: &Self) -> bool {
        other.labels.iter().all(|(label, claimed)| !claimed || self.carries(*label))
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

    /// Whether a sensor ever saw it, or looked for it.
    pub(crate) fn was_looked_for(&self) -> bool {
        self.measured.is_some() || self.missed_once
    }

    /// Whether only self-reports support it.
    pub(crate) fn claimed_only(&self) -> bool {
        self.self_reported && !self.supported
    }

    /// Greatest speed it may plausibly have had since its last update, metres per second. What others measure is known
    /// better than by its class: it has the speed measured, and accelerates as far as it can between two looks.
    pub(crate) fn speed_max_mps(&self, claimed_mps: f64, config: &Config) -> f64 {
        if self.supported {
            let mean = self.best.modes.mean();
            return math::hypot(mean[3], mean[4]) + SPEED_CHANGE_MPS;
        }
        let fast = self.fast || claimed_mps > config.speed_fast_mps;
        if fast { config.speed_fast_max_mps } else { config.speed_slow_max_mps }
    }

    /// A sensor's own plot supports it.
    pub(crate) fn measured(&mut self, log_ratio: f64, reading: &Reading, config: &Config) {
        self.plots = self.plots.saturating_add(1);
        let ratio = (log_ratio + confidence_log_ratio(reading.confidence.map(f64::from))).min(LOG_RATIO_MAX);
        let before = self.measured.unwrap_or(Existence::new(SUPPORT_START));
        self.measured = Some(before.detected(ratio));
        self.weigh_support(config);
    }

    /// What measurements alone make of it, taken over from a candidate.
    pub(crate) fn measured_at_start(&mut self, existence: f64, plots: u32, config: &Config) {
        self.measured = Some(Existence::new(existence));
        self.plots = plots;
        self.weigh_support(config);
    }

    /// A sensor should have seen it with probability `detection`, and did not.
    pub(crate) fn missed(&mut self, detection: f64, config: &Config) {
        self.missed_once = true;
        self.measured = self.measured.map(|m| m.missed(detection));
        self.weigh_support(config);
    }

    fn weigh_support(&mut self, config: &Config) {
        let p = self.measured.map_or(0.0, Existence::probability);
        let enough = self.plots >= config.confirm_plots && p >= config.existence_confirm;
        self.supported = enough || (self.supported && p >= SUPPORT_LOST);
    }

    /// Brings phase and speed up to date after a change of state or existence.
    pub(crate) fn judge(&mut self, config: &Config) {
        let r = self.best.existence;
        self.phase = match self.phase {
            Phase::Tentative => {
                let seen = self.plots >= config.confirm_plots || self.self_reported;
                if r >= config.existence_confirm && seen { Phase::Confirmed } else { Phase::Tentative }
            }
            // What still claims to be there goes on being shown: the contradiction is worth showing.
            kept if r >= config.existence_doubt || self.self_reported => kept,
            _ => Phase::Tentative,
        };
        let mean = self.best.modes.mean();
        let (limit, speed) = (config.speed_fast_mps, math::hypot(mean[3], mean[4]));
        self.fast = speed > if self.fast { 0.8 * limit } else { limit };
        let (e, n) = (mean[0] - self.origin[0], mean[1] - self.origin[1]);
        let variance = self.origin_variance_m2 + self.best.modes.place_variance_m2();
        let surely = math::sqrt(e * e + n * n) - 2.0 * math::sqrt(variance.max(0.0));
        self.strayed_m = self.strayed_m.max(surely);
    }

    /// It was updated just now: what coasted is seen again.
    pub(crate) fn seen_again(&mut self) {
        if self.phase == Phase::Coasting {
            self.phase = Phase::Confirmed;
        }
    }

    /// Takes over what supported another track that turned out to be this one.
    pub(crate) fn absorb(&mut self, other: &Self, config: &Config) {
        self.measured = match (self.measured, other.measured) {
            (Some(a), Some(b)) => Some(a.or(b)),
            (a, b) => a.or(b),
        };
        self.existence = self.existence.max(other.existence);
        self.best.existence = self.best.existence.max(other.best.existence);
        self.plots = self.plots.saturating_add(other.plots);
        self.supported |= other.supported;
        self.self_reported |= other.self_reported;
        self.last_claim_at = self.last_claim_at.max(other.last_claim_at);
        self.fast |= other.fast;
        self.last_at = self.last_at.max(other.last_at);
        self.strayed_m = self.strayed_m.max(other.strayed_m);
        self.fix = self.fix.or(other.fix);
        self.flat = FlatRange::later(self.flat, other.flat);
        self.class.absorb(&other.class);
        for mark in other.sensors.iter().flatten() {
            self.mark_sensor(*mark);
        }
        self.twin = None;
        self.weigh_support(config);
    }
}

/// A number that a measurement of a sensor has alone.
fn told_by(sensor: u32, reading: &Reading) -> u64 {
    mixed(reading.fingerprint, reading.at.as_nanos() as u64 ^ (u64::from(sensor) << 32))
}

/// What may be an aircraft one day: a few plots that fit together.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct Candidate {
    pub(crate) key: u64,
    /// The key of the candidate it is a copy of, or its own: candidates of one line are one aircraft, in ways that exclude
    /// each other.
    pub(crate) line: u64,
    /// Whether it is or was one of several.
    pub(crate) shares_line: bool,
    pub(crate) region: RegionId,
    pub(crate) at: Time,
    /// Where it is filed.
    pub(crate) filed: Option<Filed>,
    pub(crate) height_known: bool,
    pub(crate) state: Gaussian,
    pub(crate) existence: f64,
    /// The existence it began with.
    pub(crate) began_with: f64,
    /// How well sensors that listen hear it.
    pub(crate) heard: Heard,
    pub(crate) plots: u32,
    pub(crate) last_at: Time,
    /// The sensor of its latest plot, and when that was.
    pub(crate) sensor: u32,
    pub(crate) seen_at: Time,
    pub(crate) interval: Span,
    /// Another that gave one, and when last.
    pub(crate) other_sensor: Option<(u32, Time)>,
    pub(crate) class: Classifier,
    pub(crate) first_entries: [Option<Position>; FIRST_ENTRIES],
    /// Whether it was begun by bearings that cross.
    pub(crate) by_bearings: bool,
    /// Sensors that support one begun by bearings, as bits by number modulo 64.
    pub(crate) sensors: u64,
}

impl Candidate {
    /// One that has just begun, without plots: of known height, unless its maker says otherwise.
    pub(crate) fn begun(
        key: u64,
        region: RegionId,
        at: Time,
        state: Gaussian,
        existence: f64,
        sensor: u32,
        interval: Span,
    ) -> Self {
        Self {
            key,
            line: key,
            shares_line: false,
            region,
            at,
            filed: None,
            height_known: true,
            state,
            existence,
            began_with: existence,
            heard: Heard::default(),
            plots: 0,
            last_at: at,
            sensor,
            seen_at: at,
            interval,
            other_sensor: None,
            class: Classifier::default(),
            first_entries: [None; FIRST_ENTRIES],
            by_bearings: false,
            sensors: 0,
        }
    }

    /// Whether so little is left of it that it is forgotten.
    pub(crate) fn is_over(&self, config: &Config) -> bool {
        self.existence < config.candidate_min.max(config.candidate_part * self.began_with)
    }

    /// Notes that a reading was taken in.
    pub(crate) fn remember(&mut self, sensor: u32, interval: Span, reading: &Reading) {
        self.plots = self.plots.saturating_add(1);
        if self.sensor != sensor {
            self.other_sensor = Some((self.sensor, self.seen_at));
            self.sensor = sensor;
        }
        self.seen_at = reading.at;
        self.last_at = self.last_at.max(reading.at);
        self.interval = interval;
        self.sensors |= 1 << (sensor % 64);
        let bearing = matches!(reading.kind, crate::reading::Kind::Bearing { .. });
        if let Some(evidence) = reading.classes.as_ref().filter(|_| !bearing || self.heard.emits()) {
            self.class.add(evidence);
        }
        if let Some(entry) = reading.entry
            && let Some(slot) = self.first_entries.iter_mut().find(|e| e.is_none())
        {
            *slot = Some(entry);
        }
    }

    /// When `sensor` last contributed, of the two that did latest.
    pub(crate) fn seen_by(&self, sensor: u32) -> Option<Time> {
        if self.sensor == sensor {
            return Some(self.seen_at);
        }
        self.other_sensor.filter(|(other, _)| *other == sensor).map(|(_, at)| at)
    }

    /// The track it becomes.
    pub(crate) fn promoted(&self, config: &Config) -> Track {
        let mut track = Track::new(self.key, self.region, self.at, self.height_known, self.state, config);
        track.existence = self.existence;
        track.best.existence = self.existence;
        track.class = self.class;
        track.heard = self.heard;
        track.first_entries = self.first_entries;
        track.last_at = self.last_at;
        track.measured_at_start(self.existence, self.plots, config);
        track.sensors[0] = Some(SensorMark::new(self.sensor, self.seen_at, self.interval));
        track
    }
}
