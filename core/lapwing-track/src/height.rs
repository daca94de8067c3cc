//! The height of a track: measured, said, or unknown.
//!
//! A state without a height lies in the sensors' planes. The first measured height makes it whole; a height that an aircraft only
//! says does so as long as nothing speaks against it. A sensor that measures slant ranges and no elevation does: what is 900 m away
//! in the plane and said to be 1,100 m above must read 1,420 m. Were the word taken, the sensor's plots would no longer fit and the
//! track would be lost to them: one number in a claim would hide an aircraft from a radar.
//!
//! It is not proof of a true height: one that is some hundred metres wrong and far away makes a slant no longer than its errors.

use crate::filter::{Context, Filter};
use crate::gaussian::{Gaussian, Vector, dot};
use crate::imm::Modes;
use crate::look::up_of;
use crate::reading::Reading;
use crate::track::{SEEN_FOR, Track};
use lapwing_model::{Span, Time, math};

/// A height is denied when it makes the distance longer than what is measured by this many sigma ...
const DENIED_SIGMAS: f64 = 4.0;
/// ... and by this besides: biases of radars and satellite receivers, metres.
const BIAS_M: f64 = 25.0;
/// What an aircraft may speed up by between a plot and a claim, metres per second squared.
const ACCELERATION_MPS2: f64 = 3.0;
/// A plot says nothing of a claim that is farther from it in time.
const PLOT_FOR: Span = Span::from_seconds(2);
/// Plots that must each deny what is said before it counts.
const PLOTS_MIN: u16 = 5;

/// A slant range, of which the height is anyone's guess.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct FlatRange {
    sensor: u32,
    at: Time,
    range_m: f32,
    variance_m2: f32,
}

impl FlatRange {
    /// That of a reading which is one.
    pub(crate) fn of(sensor: u32, reading: &Reading) -> Option<Self> {
        let [range, ..] = reading.value;
        let [variance, ..] = reading.variance;
        let flat = Self { sensor, at: reading.at, range_m: range as f32, variance_m2: variance as f32 };
        reading.kind.is_flat_range().then_some(flat)
    }

    /// The later of two.
    pub(crate) fn later(a: Option<Self>, b: Option<Self>) -> Option<Self> {
        [a, b].into_iter().flatten().max_by_key(|flat| flat.at)
    }
}

/// A place that is only said: in a region's frame, with its variances along the ground and up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Said {
    place: [f64; 3],
    ground_variance: f64,
    up_variance: f64,
}

impl Said {
    /// What a state says that knows its height from claims alone.
    pub(crate) fn by(state: &Gaussian) -> Self {
        let c = &state.covariance;
        let [east, north, up, ..] = state.mean;
        Self { place: [east, north, up], ground_variance: c[(0, 0)].max(c[(1, 1)]), up_variance: c[(2, 2)] }
    }
}

/// What a sensor measures against a height that is said.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Denial {
    sensor: u32,
    /// Plots that denied it, and the time of the last.
    plots: u16,
    at: Time,
    /// Its distance at the height that it says, and the distance that is measured, metres.
    slant_m: f32,
    measured_m: f32,
}

/// What the latest slant range of a track says of a height.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Verdict {
    /// It cannot have been measured at that height.
    Denied(Denial),
    /// It may have been, as far as this sensor knows.
    Fits(u32),
    /// It is too old to say, and the next may be.
    Waits,
}

/// Several plots in a row cannot have been measured at the height that an aircraft says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeightDenied {
    /// Its distance from the sensor at the height that it says, metres.
    pub slant_m: f64,
    /// The distance that the sensor measures, metres.
    pub measured_m: f64,
}

impl Track {
    /// What is measured against the height that it says, now.
    pub(crate) fn height_denied(&self, now: Time) -> Option<HeightDenied> {
        let denial = self.standing_denial(now).filter(|d| d.plots >= PLOTS_MIN)?;
        Some(HeightDenied { slant_m: f64::from(denial.slant_m), measured_m: f64::from(denial.measured_m) })
    }

    fn standing_denial(&self, now: Time) -> Option<Denial> {
        self.denial.filter(|d| now.since(d.at) <= SEEN_FOR)
    }

    /// Notes what is measured against the height of a claim. Whether the claim may have it.
    fn weigh_height(&mut self, verdict: Option<Verdict>, now: Time) -> bool {
        let before = self.standing_denial(now);
        self.denial = match (verdict, before) {
            // Each plot counts once, however often the aircraft speaks.
            (Some(Verdict::Denied(new)), Some(before)) if new.at == before.at => Some(before),
            (Some(Verdict::Denied(new)), before) => {
                Some(Denial { plots: before.map_or(0, |d| d.plots).saturating_add(1), ..new })
            }
            // That one far away sees nothing wrong takes nothing from what one nearby measured.
            (Some(Verdict::Fits(sensor)), Some(before)) if sensor == before.sensor => None,
            (_, before) => before,
        };
        self.denial.is_none() && !matches!(verdict, Some(Verdict::Waits))
    }
}

impl Filter {
    /// The first measured height of a track that had none, or the first in place of one that was only said.
    pub(crate) fn measure_height(&mut self, slot: u32, reading: &Reading, sensor: u32, ctx: &mut Context<'_>) {
        let Some(track) = self.tracks.get_mut(slot).filter(|t| !t.height_known || t.height_claimed) else { return };
        if track.height_known {
            // The state has taken it in; from here on more than a word stands behind it.
            track.height_claimed = !reading.kind.has_height();
            return;
        }
        if !reading.kind.has_height() && self.denies_direction(slot, reading, sensor, ctx) {
            return;
        }
        self.set_height(slot, reading, sensor, false, ctx);
    }

    /// Whether the height that a direction has at a track's distance cannot be its own, by the latest slant range, or may not be: it may be
    /// of a bird before it, and its height would take the track from the radar.
    fn denies_direction(&self, slot: u32, reading: &Reading, sensor: u32, ctx: &mut Context<'_>) -> bool {
        let Some(track) = self.tracks.get(slot) else { return true };
        let state = track.best.modes.merged();
        let Some((up, up_variance)) = up_of(&ctx.scene(sensor, track.region, false), reading, &state) else {
            return true;
        };
        let mut there = state;
        there.mean[2] = up;
        there.covariance[(2, 2)] = up_variance;
        matches!(weigh(track, &Said::by(&there), reading.at, ctx), Some(Verdict::Denied(_) | Verdict::Waits))
    }

    /// The first height that a track without one says it has, unless what is measured denies it.
    pub(crate) fn hear_height(
        &mut self,
        slot: u32,
        reading: &Reading,
        verdict: Option<Verdict>,
        sensor: u32,
        ctx: &mut Context<'_>,
    ) {
        let Some(track) = self.tracks.get_mut(slot) else { return };
        if track.height_known {
            track.denial = None;
        } else if reading.kind.has_height() && track.weigh_height(verdict, reading.at) {
            self.set_height(slot, reading, sensor, true, ctx);
        }
    }

    fn set_height(&mut self, slot: u32, reading: &Reading, sensor: u32, claimed: bool, ctx: &mut Context<'_>) {
        let speed = ctx.config.vertical_speed_start_sd_mps;
        let Some(track) = self.tracks.get_mut(slot) else { return };
        let Some((up, variance)) = up_of(&ctx.scene(sensor, track.region, false), reading, &track.best.modes.merged())
        else {
            return;
        };
        let set = |modes: &mut Modes| {
            for state in modes.states_mut() {
                state.mean[2] = up;
                state.mean[5] = 0.0;
                state.covariance[(2, 2)] = variance;
                state.covariance[(5, 5)] = speed * speed;
            }
        };
        (track.height_known, track.height_claimed) = (true, claimed);
        set(&mut track.best.modes);
        if let Some(cluster) = track.cluster.and_then(|c| self.clusters.get_mut(c)) {
            for hypothesis in cluster.hypotheses_of(slot) {
                set(&mut hypothesis.modes);
            }
        }
    }

    /// What is measured of the height of a claim that a track of unknown height is to take: asked before the claim has a say in how
    /// fast the track flies.
    pub(crate) fn weigh_claim(
        &self,
        slot: u32,
        reading: &Reading,
        sensor: u32,
        ctx: &mut Context<'_>,
    ) -> Option<Verdict> {
        let track = self.tracks.get(slot).filter(|t| !t.height_known)?;
        let scene = ctx.scene(sensor, track.region, false);
        let (up, up_variance) = up_of(&scene, reading, &track.best.modes.merged())?;
        let at = scene.frame.ecef_to_enu(reading.point);
        let said = Said { place: [at.east_m, at.north_m, up], ground_variance: reading.variance[0], up_variance };
        weigh(track, &said, reading.at, ctx)
    }
}

/// Whether the latest slant range that a track took can have been measured at a place that is said: distance against distance, for
/// the track's own place is moved by what is said, too. `None` where none was measured lately.
pub(crate) fn weigh(track: &Track, said: &Said, at: Time, ctx: &mut Context<'_>) -> Option<Verdict> {
    let flat = track.flat.filter(|flat| at.since(flat.at).abs() <= SEEN_FOR)?;
    let pose = ctx.scene(flat.sensor, track.region, true).pose?;
    if at.since(flat.at).abs() > PLOT_FOR {
        return Some(Verdict::Waits);
    }
    let [e, n, u] = said.place;
    let [east, north, rise] = pose.to(&[e, n, u, 0.0, 0.0, 0.0]);
    let ground = math::hypot(east, north);
    let slant = math::hypot(ground, rise).max(1.0);
    // The plot is led to the time of the claim by the track's speed along the line of sight.
    let gap = at.since(flat.at).as_seconds_f64();
    let state = track.state_at(at, ctx.config);
    let along = pose.out_of_horizon([east / slant, north / slant, 0.0]);
    let rate: Vector = [0.0, 0.0, 0.0, along[0], along[1], 0.0];
    let measured = f64::from(flat.range_m) + gap * dot(&rate, &state.mean);
    let turned = 0.5 * ACCELERATION_MPS2 * gap * gap;
    let sine = rise / slant;
    let variance = f64::from(flat.variance_m2)
        + gap * gap * dot(&rate, &state.covariance.times(&rate))
        + turned * turned
        + said.ground_variance
        + sine * sine * said.up_variance;
    // By its height alone: where it says that it is farther off than it is measured, its word may be late, or the range wrong.
    let longer = slant - measured.max(ground);
    if longer <= BIAS_M + DENIED_SIGMAS * math::sqrt(variance) {
        return Some(Verdict::Fits(flat.sensor));
    }
    Some(Verdict::Denied(Denial {
        sensor: flat.sensor,
        plots: 0,
        at: flat.at,
        slant_m: slant as f32,
        measured_m: measured as f32,
    }))
}
