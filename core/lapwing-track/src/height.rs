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
use lapwing_model::{Time, math};

/// A slant that is longer than what is measured by more than this many sigma is not taken ...
const DENIED_SIGMAS: f64 = 4.0;
/// ... and one that is longer by this besides is held against who says so: biases of radars and satellite receivers, metres.
const BIAS_M: f64 = 25.0;
/// One sigma of range of a sensor that does not say, metres.
const RANGE_SD_M: f64 = 20.0;
/// Claims in a row that must be denied before it counts.
const CLAIMS_MIN: u16 = 5;

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
    /// Its distance at the height that it says, and the distance that is measured, metres.
    slant_m: f32,
    measured_m: f32,
    /// Whether no bias explains it.
    surely: bool,
    /// Claims in a row.
    claims: u16,
    at: Time,
}

/// Several claims in a row put an aircraft where a sensor that sees it cannot have seen it.
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
        let denial = self.denial.filter(|d| d.claims >= CLAIMS_MIN && now.since(d.at) <= SEEN_FOR)?;
        Some(HeightDenied { slant_m: f64::from(denial.slant_m), measured_m: f64::from(denial.measured_m) })
    }

    fn note_denial(&mut self, denial: Option<Denial>) {
        let before = self.denial.map_or(0, |d| d.claims);
        self.denial = denial.filter(|d| d.surely).map(|d| Denial { claims: before.saturating_add(1), ..d });
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
        self.set_height(slot, reading, sensor, false, ctx);
    }

    /// The first height that a track without one says it has, unless a sensor has denied it.
    pub(crate) fn hear_height(
        &mut self,
        slot: u32,
        reading: &Reading,
        denial: Option<Denial>,
        sensor: u32,
        ctx: &mut Context<'_>,
    ) {
        let Some(track) = self.tracks.get_mut(slot) else { return };
        if track.height_known {
            track.denial = None;
        } else if reading.kind.has_height() {
            track.note_denial(denial);
            if denial.is_none() {
                self.set_height(slot, reading, sensor, true, ctx);
            }
        }
    }

    fn set_height(&mut self, slot: u32, reading: &Reading, sensor: u32, claimed: bool, ctx: &mut Context<'_>) {
        let speed = ctx.config.vertical_speed_start_sd_mps;
        let Some(track) = self.tracks.get_mut(slot) else { return };
        let Some((up, variance)) = up_of(&ctx.scene(sensor, track.region, false), reading) else { return };
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

    /// What is measured against the height of a claim by the track that is to take it, before the claim moves it.
    pub(crate) fn denies_claim(
        &self,
        slot: u32,
        reading: &Reading,
        sensor: u32,
        ctx: &mut Context<'_>,
    ) -> Option<Denial> {
        let track = self.tracks.get(slot).filter(|t| !t.height_known)?;
        let scene = ctx.scene(sensor, track.region, false);
        let (up, up_variance) = up_of(&scene, reading)?;
        let at = scene.frame.ecef_to_enu(reading.point);
        let said = Said { place: [at.east_m, at.north_m, up], ground_variance: reading.variance[0], up_variance };
        self.denies(track, &said, reading.at, ctx)
    }

    /// Whether a sensor that sees a track of unknown height, by slant range alone, cannot have seen it at a place that is said.
    pub(crate) fn denies(&self, track: &Track, said: &Said, at: Time, ctx: &mut Context<'_>) -> Option<Denial> {
        let state = track.state_at(at, ctx.config);
        track.seen_lately(at, SEEN_FOR).find_map(|sensor| {
            self.memories.get(sensor as usize).filter(|memory| memory.flat_ranges)?;
            let pose = ctx.scene(sensor, track.region, true).pose?;
            let post = ctx.posts.get(sensor as usize)?;
            let [e, n, u] = said.place;
            let [east, north, rise] = pose.to(&[e, n, u, 0.0, 0.0, 0.0]);
            let ground = math::hypot(east, north);
            let slant = math::hypot(ground, rise);
            // The ground range of a flat track is the slant range that was measured, laid into the sensor's plane.
            let [east, north, _] = pose.to(&state.mean);
            let measured = math::hypot(east, north);
            // By its height alone: where it says that it is farther off than it is measured, its word may be late, or the range wrong.
            let longer = slant - measured.max(ground);
            if !(measured >= 1.0 && longer > 0.0) {
                return None;
            }
            let [x, y, _] = pose.out_of_horizon([east / measured, north / measured, 0.0]);
            let along: Vector = [x, y, 0.0, 0.0, 0.0, 0.0];
            let own = dot(&along, &state.covariance.times(&along));
            // A flat plot's error has the shortening of a usual height in it: so much may its slant be off.
            let usual = ctx.config.height_above_sensor_m.min(measured);
            let shortening = measured - math::sqrt(measured * measured - usual * usual);
            let sine = rise / slant;
            let range_sd = post.sensor.error.range_sd_m.unwrap_or(RANGE_SD_M);
            let variance = range_sd * range_sd
                + shortening * shortening / 3.0
                + own
                + said.ground_variance
                + sine * sine * said.up_variance;
            let beyond = longer - DENIED_SIGMAS * math::sqrt(variance);
            (beyond > 0.0).then_some(Denial {
                slant_m: slant as f32,
                measured_m: measured as f32,
                surely: beyond > BIAS_M,
                claims: 0,
                at,
            })
        })
    }
}
