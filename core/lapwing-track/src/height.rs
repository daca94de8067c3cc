//! The height of a track: measured, said, or unknown.
//!
//! A state without a height lies in the sensors' planes. The first measured height makes it whole; a height that an aircraft only
//! says does so as long as nothing speaks against it. A sensor that measures slant ranges and no elevation does: what is 900 m away
//! in the plane and said to be 1,100 m above must read 1,420 m. Were the word taken, the sensor's plots would no longer fit and the
//! track would be lost to them: one number in a claim would hide an aircraft from a radar.

use crate::filter::{Context, Filter};
use crate::imm::Modes;
use crate::look::up_of;
use crate::reading::Reading;
use crate::track::Track;
use lapwing_model::{Span, Time, math};

/// A sensor that gave a plot within this time, or three of its looks, has a say.
const SEEN_FOR: Span = Span::from_seconds(15);
/// A slant is denied when it is longer than what is measured by more than this many sigma.
const DENIED_SIGMAS: f64 = 4.0;
/// One sigma of range of a sensor that does not say, metres.
const RANGE_SD_M: f64 = 20.0;

/// A height up in a region's frame, metres, and its variance.
type Height = (f64, f64);

impl Filter {
    /// The first measured height of a track that had none, or the first in place of one that was only said.
    pub(crate) fn measure_height(&mut self, slot: u32, reading: &Reading, sensor: u32, ctx: &mut Context<'_>) {
        let Some(track) = self.tracks.get_mut(slot).filter(|t| !t.height_known || t.height_claimed) else { return };
        if track.height_known {
            // The state has taken it in; from here on more than a word stands behind it.
            track.height_claimed = !reading.kind.has_height();
            return;
        }
        if let Some(height) = up_of(&ctx.scene(sensor, track.region, false), reading) {
            self.set_height(slot, height, false, ctx);
        }
    }

    /// The first height that a track without one says it has, unless a sensor denies it.
    pub(crate) fn hear_height(&mut self, slot: u32, reading: &Reading, sensor: u32, ctx: &mut Context<'_>) {
        let Some(track) = self.tracks.get(slot).filter(|t| !t.height_known) else { return };
        let Some(height) = up_of(&ctx.scene(sensor, track.region, false), reading) else { return };
        if let Some(track) = self.tracks.get(slot)
            && !self.denies_height(track, height, reading.at, ctx)
        {
            self.set_height(slot, height, true, ctx);
        }
    }

    fn set_height(&mut self, slot: u32, (up, variance): Height, claimed: bool, ctx: &Context<'_>) {
        let speed = ctx.config.vertical_speed_start_sd_mps;
        let set = |modes: &mut Modes| {
            for state in modes.states_mut() {
                state.mean[2] = up;
                state.mean[5] = 0.0;
                state.covariance[(2, 2)] = variance;
                state.covariance[(5, 5)] = speed * speed;
            }
        };
        let Some(track) = self.tracks.get_mut(slot) else { return };
        (track.height_known, track.height_claimed) = (true, claimed);
        set(&mut track.best.modes);
        if let Some(cluster) = track.cluster.and_then(|c| self.clusters.get_mut(c)) {
            for hypothesis in cluster.hypotheses_of(slot) {
                set(&mut hypothesis.modes);
            }
        }
    }

    /// Whether a sensor that saw a track of unknown height, by slant range alone, cannot have seen it that high above where it is.
    pub(crate) fn denies_height(&self, track: &Track, (up, variance): Height, at: Time, ctx: &mut Context<'_>) -> bool {
        let state = track.state_at(at, ctx.config);
        let place_variance = state.covariance[(0, 0)].max(state.covariance[(1, 1)]);
        let above = [state.mean[0], state.mean[1], up, 0.0, 0.0, 0.0];
        track.seen_lately(at, SEEN_FOR).any(|sensor| {
            if !self.memories.get(sensor as usize).is_some_and(|memory| memory.flat_ranges) {
                return false;
            }
            let Some(pose) = ctx.scene(sensor, track.region, true).pose else { return false };
            let Some(post) = ctx.posts.get(sensor as usize) else { return false };
            let [east, north, rise] = pose.to(&above);
            let ground = math::hypot(east, north);
            let slant = math::hypot(ground, rise);
            let sd = post.sensor.error.range_sd_m.unwrap_or(RANGE_SD_M);
            // The ground range is itself the slant range, shortened by what a height of the usual kind may shorten.
            let usual = ctx.config.height_above_sensor_m.min(ground);
            let shortening = ground - math::sqrt(ground * ground - usual * usual);
            let sine = if slant > 0.0 { rise / slant } else { 0.0 };
            let spread = sd * sd + shortening * shortening / 3.0 + place_variance + sine * sine * variance;
            slant - ground > DENIED_SIGMAS * math::sqrt(spread)
        })
    }
}
