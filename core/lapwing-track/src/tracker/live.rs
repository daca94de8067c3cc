//! One live track, found once and asked several things.

use super::*;
use lapwing_model::Classification;

/// A height that is known no better than this (one sigma, metres) is not known: any would do.
const HEIGHT_SD_MAX_M: f64 = 250.0;

/// A live track.
#[derive(Debug, Clone, Copy)]
pub struct Live<'a> {
    pub(super) tracker: &'a Tracker,
    pub(super) slot: u32,
    pub(super) track: &'a Track,
}

impl Live<'_> {
    /// Its state at `at`: predicted from its last update, forwards or backwards.
    pub fn estimate(&self, at: Time) -> Estimate {
        let Self { tracker, slot, track } = *self;
        let (filter, config) = (&tracker.filter, &tracker.config);
        let cluster = track.cluster.and_then(|c| filter.clusters.get(c));
        let state = cluster
            .and_then(|cluster| cluster.estimate(slot, &filter.tracks, at, config))
            .unwrap_or_else(|| track.state_at(at, config));
        Estimate {
            frame: *tracker.regions.frame(track.region),
            at,
            position: position(&state),
            velocity: velocity(&state),
            covariance: state.covariance.square(),
            height_known: track.height_known && state.covariance[(2, 2)] <= HEIGHT_SD_MAX_M * HEIGHT_SD_MAX_M,
            existence: track.best.existence,
            phase: track.phase,
            claimed_only: track.claimed_only(),
            last_at: track.last_at,
            motion: track.models(config).motions.first().copied().unwrap_or(config.motion_fast),
        }
    }

    /// Whether a sensor, or a person, has seen what it is. Else [`Live::classification`] knows only that it sends, and how it flies.
    pub fn class_is_seen(&self) -> bool {
        self.track.class.is_seen()
    }

    /// What it is, as far as its sensors and its flight say.
    pub fn classification(&self) -> Classification {
        self.track.class.classification()
    }
}
