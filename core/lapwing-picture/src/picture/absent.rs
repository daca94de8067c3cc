//! What a sensor should have seen where an aircraft says it is, and did not.

use super::Picture;
use super::judge::SAID_FOR;
use crate::identity::{not_seen_weight, weight};
use lapwing_model::{
    EvidenceKind, Geodetic, LocalFrame, OperationalStatus, Phase, Sensor, SensorId, SensorKind, Span, TrackId, math,
};
use lapwing_track::Estimate;

/// Completed looks without a plot before that is evidence: fewer may be the time a track takes to be associated.
const MISSES_MIN: u32 = 8;
/// And how unlikely they must be by themselves, nats: one in a hundred.
const MISSES_NATS: f64 = -4.6;
/// And how long they must go on: the looks of a quick camera hang together, and a claim is believed for some seconds after
/// the last one.
const MISSES_FOR: Span = Span::from_seconds(4);
/// Radars see by motion: one that hovers may stay unseen by a sound radar, and is not accused of it.
const SEEN_SPEED_MIN_MPS: f64 = 3.0;
/// Height above a sensor up to which an aircraft of unknown height may be, metres: all of it must be covered.
const HEIGHT_UNKNOWN_UP_TO_M: f64 = 120.0;
/// What the detection probability loses up to the greatest range, where it fades (`Coverage::detection_taper_from`).
const FADED: f64 = 0.7;

impl Picture {
    /// A sensor has completed a look: what says that it is in its coverage and was not seen has one more against it.
    pub(super) fn not_seen(&mut self, sensor: &SensorId) {
        let Some(post) = self.health.sensor(sensor).filter(|_| self.health.is_live(sensor)) else { return };
        let Some(probability) = post.coverage.detection_probability else { return };
        let relies = matches!(
            post.kind,
            SensorKind::RemoteId
                | SensorKind::Adsb
                | SensorKind::Multilateration
                | SensorKind::Human
                // What is silent is not heard: that says nothing of whether it is there.
                | SensorKind::RfDirection
                | SensorKind::Acoustic
        );
        if relies {
            return;
        }
        // What gives only directions, and has never been seen to point right, may look elsewhere.
        if post.kind == SensorKind::Camera && !self.tracker.looks_where_it_says(sensor) {
            return;
        }
        // Without a greatest range nothing says how far it sees.
        let (Some(place), Some(range_m)) = (post.place, post.coverage.range_max_m) else { return };
        let post = post.clone();
        let frame = LocalFrame::new(place);
        let probability = probability * self.tracker.keenness(sensor);
        for id in self.tracker.claimed_near(place.place(), range_m) {
            let Some(estimate) = self.tracker.estimate(id, self.now) else { continue };
            if estimate.phase != Phase::Confirmed {
                continue;
            }
            let grounded = self.tracks.get(&id).is_some_and(|e| {
                e.voices
                    .iter()
                    .filter_map(|v| self.emitters.get(*v))
                    .any(|v| v.status == Some(OperationalStatus::Ground))
            });
            if grounded || estimate.velocity.horizontal_m() < SEEN_SPEED_MIN_MPS || !self.says_now(id) {
                continue;
            }
            let Some(faded) = covers(&post, &frame, &estimate) else { continue };
            // It may be what the sensor sees beside it, if nobody has aligned the sensor: then it never looked in vain.
            if self.tracker.may_be_seen_beside(id, sensor) {
                if let Some(entry) = self.tracks.get_mut(&id)
                    && entry.misses.remove(sensor).is_some_and(|misses| misses.told)
                    && entry.misses.values().all(|misses| !misses.told)
                    && entry.evidence.withdraw(EvidenceKind::NotSeenThere)
                {
                    self.dirty.insert(id);
                }
                continue;
            }
            let now = self.now;
            if self.tracker.sees_another_at(id, sensor, now) {
                continue;
            }
            let Some(entry) = self.tracks.get_mut(&id) else { continue };
            let misses = entry.misses.entry(sensor.clone()).or_default();
            misses.looks = misses.looks.saturating_add(1);
            misses.nats += not_seen_weight(probability * faded, 1);
            let since = *misses.since.get_or_insert(now);
            let (looks, weight) = (misses.looks, misses.nats.max(weight::NOT_SEEN_MOST));
            if looks >= MISSES_MIN && weight <= MISSES_NATS && now.since(since) >= MISSES_FOR {
                misses.told = true;
                entry.evidence.note(EvidenceKind::NotSeenThere, weight, now, || {
                    format!("{sensor} looked there {looks} times and saw nothing")
                });
                self.dirty.insert(id);
            }
        }
    }

    /// Whether one of a track's voices says now where it is: when it falls silent, or speaks of another, there is nothing to contradict.
    fn says_now(&self, id: TrackId) -> bool {
        let Some(entry) = self.tracks.get(&id) else { return false };
        let voices = entry.voices.iter().filter_map(|v| self.emitters.get(*v)).filter(|v| v.track == Some(id));
        voices.filter_map(|v| v.fix).any(|f| self.now.since(f.received_at) <= SAID_FOR)
    }
}

/// Whether a claimed track is inside a sensor's coverage, with room to spare: its place is only claimed, and the edges of
/// a coverage are not sharp.
fn covers(sensor: &Sensor, frame: &LocalFrame, e: &Estimate) -> Option<f64> {
    let c = &sensor.coverage;
    let range_max_m = c.range_max_m?;
    let mut faded: f64 = 1.0;
    let at = e.frame.to_geodetic(e.position);
    let post = frame.origin();
    let heights = if e.height_known {
        [at.height_ellipsoid_m, at.height_ellipsoid_m]
    } else {
        [post.height_ellipsoid_m, post.height_ellipsoid_m + HEIGHT_UNKNOWN_UP_TO_M]
    };
    let inside = heights.iter().all(|height_ellipsoid_m| {
        let v = frame.to_enu(Geodetic { height_ellipsoid_m: *height_ellipsoid_m, ..at });
        let range = v.length_m();
        if let Some(from) = c.detection_taper_from {
            let x = ((range / range_max_m - from) / (1.0 - from).max(1e-3)).clamp(0.0, 1.0);
            faded = faded.min(1.0 - FADED * x);
        }
        let elevation = math::deg(v.elevation_rad());
        let in_range = range <= 0.9 * range_max_m && range >= 1.1 * c.range_min_m.unwrap_or(0.0);
        let above = c.elevation_min_deg.is_none_or(|min| elevation >= min + 1.0);
        let below = c.elevation_max_deg.is_none_or(|max| elevation <= max - 1.0);
        in_range && above && below && in_sector(c.azimuth_from_deg, c.azimuth_to_deg, math::deg(v.azimuth_rad()))
    });
    inside.then_some(faded)
}

/// Whether an azimuth is in a sector, two degrees from its edges.
fn in_sector(from_deg: Option<f64>, to_deg: Option<f64>, azimuth_deg: f64) -> bool {
    let (Some(from), Some(to)) = (from_deg, to_deg) else { return true };
    let width = (to - from).rem_euclid(360.0);
    if width == 0.0 {
        return true;
    }
    let along = (azimuth_deg - from).rem_euclid(360.0);
    along >= 2.0 && along <= width - 2.0
}
