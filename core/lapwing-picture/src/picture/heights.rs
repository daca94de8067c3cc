//! Whose word on a height counts.
//!
//! A claimed height is an aircraft's own word. It is shown, and never used to say that the aircraft is above or below a
//! zone, unless sensors measure heights too; then the measured one counts, and a claim that it denies is evidence against. So is one
//! that slant ranges deny: what is said to be high above a radar is farther from it than what is low.
//! One exception keeps a site usable under manned traffic, and is a stated limit: the height of what speaks by transponder
//! alone, moves faster than [`TRANSPONDER_SPEED_MIN_MPS`] and contradicts itself in nothing is believed.

use super::Picture;
use super::judge::fly_above_each_other;
use super::tracks::Entry;
use crate::align::LATE_MAX;
use crate::emitters::Position;
use crate::identity::weight;
use lapwing_model::{
    EvidenceKind, Heights, IdentityStatus, Measurement, Phase, Place, SensorKind, Span, TrackId, math,
};
use lapwing_track::{Estimate, HeightDenied};
use std::collections::BTreeMap;

/// A height measured this long ago still counts.
const HEIGHT_SEEN_FOR: Span = Span::from_seconds(15);
/// Consecutive claims, or seconds beside a measured track, after which a denied height is evidence.
const DENIED_MIN: u32 = 3;
const LIFTED_SECONDS: u32 = 5;
/// Greatest one sigma of a claimed height that is believed, metres (95 % within 45 m, the coarsest but one class of Remote
/// ID): beyond it a claim could not be denied at all.
const CLAIM_SD_MAX_M: f64 = 23.0;
/// Pressure heights passed off as geometric ones are off by about this, metres.
const BIAS_M: f64 = 20.0;
/// Speed above which a transponder's height is believed: beyond what drones over a site reach, below what aeroplanes cruise
/// at. Slower manned traffic under a ceiling is warned of at any height.
const TRANSPONDER_SPEED_MIN_MPS: f64 = 60.0;

/// Whether a measurement says how high, by a sensor that does not take that from the aircraft's word.
pub(super) fn measures_height(kind: SensorKind, measurement: &Measurement) -> bool {
    let relies =
        matches!(kind, SensorKind::RemoteId | SensorKind::Adsb | SensorKind::Multilateration | SensorKind::Human);
    !relies
        && match measurement {
            Measurement::RangeAzimuth { elevation_rad, .. } => elevation_rad.is_some(),
            Measurement::Position { heights, .. } => {
                heights.height_ellipsoid_m.is_some() || heights.altitude_msl_m.is_some()
            }
            // With the distance that the others know.
            Measurement::Bearing { elevation_rad, .. } => elevation_rad.is_some(),
            _ => false,
        }
}

impl Picture {
    /// Whether a sensor measured its height lately.
    pub(super) fn height_seen(&self, entry: &Entry) -> bool {
        entry.height_seen_at.is_some_and(|at| self.now.since(at) <= HEIGHT_SEEN_FOR)
    }

    /// Whether the claimed height of a track is believed because it flies as manned traffic does.
    pub(super) fn transponder_height(&self, entry: &Entry, estimate: &Estimate) -> bool {
        use EvidenceKind::{HeightContradicted, ImpossibleSpeed, InconsistentMotion, OneNameTwoPlaces};
        let against = [HeightContradicted, ImpossibleSpeed, InconsistentMotion, OneNameTwoPlaces];
        let mut voices = entry.voices.iter().filter_map(|v| self.emitters.get(*v)).peekable();
        voices.peek().is_some()
            && voices.all(|v| v.by_transponder && against.iter().all(|kind| !v.evidence.has(*kind)))
            && against.iter().all(|kind| !entry.evidence.has(*kind))
            && entry.identity.status != IdentityStatus::Contradicted
            && estimate.velocity.horizontal_m() > TRANSPONDER_SPEED_MIN_MPS
    }

    /// Whether the tracker may use the height of a claim: not where a sensor measures it, for then a lie would pull it
    /// away; and not before the voice has a track, so that a false height does not keep a claim from the track of the
    /// aircraft it comes from. Where a measured height denies it, that is noted; not of what others measured (`by_others`), which is
    /// no word of the aircraft's.
    pub(super) fn takes_height(&mut self, track: Option<TrackId>, position: &Position, by_others: bool) -> bool {
        let Some(id) = track else { return false };
        let Some(entry) = self.tracks.get(&id) else { return false };
        if self.now.since(position.at) > LATE_MAX {
            // It says nothing of how high it is now.
            return false;
        }
        if !self.height_seen(entry) {
            return true;
        }
        if by_others {
            return false;
        }
        let denied =
            self.tracker.estimate(id, self.now).and_then(|e| self.denied(&position.heights, position.place, &e));
        let (now, Some(denied)) = (self.now, denied) else { return false };
        let Some(entry) = self.tracks.get_mut(&id) else { return false };
        let Some((claimed_m, measured_m)) = denied else {
            entry.height_denied = 0;
            return false;
        };
        entry.height_denied = entry.height_denied.saturating_add(1);
        if entry.height_denied >= DENIED_MIN {
            entry.evidence.note(EvidenceKind::HeightContradicted, weight::HEIGHT_CONTRADICTED, now, || {
                format!("claims {claimed_m:.0} m above the ellipsoid, sensors measure {measured_m:.0} m")
            });
        }
        false
    }

    /// A claimed and a measured height above the ellipsoid where they differ beyond the errors of both; the outer `None`
    /// when they cannot be compared.
    #[allow(clippy::option_option)]
    fn denied(&mut self, claimed: &Heights, place: Place, measured: &Estimate) -> Option<Option<(f64, f64)>> {
        let claimed_m = match (claimed.height_ellipsoid_m, claimed.altitude_msl_m) {
            (Some(h), _) => h,
            (None, Some(a)) => a + self.geoid.undulation_m(place),
            (None, None) => return None,
        };
        if !measured.height_known {
            return None;
        }
        let measured_m = measured.frame.to_geodetic(measured.position).height_ellipsoid_m;
        let own_sd = math::sqrt(measured.covariance[2][2].max(0.0));
        let said_sd = claimed.vertical_accuracy_m.filter(|a| *a > 0.0).map_or(CLAIM_SD_MAX_M, |a| a / 1.960);
        let allowed_m = BIAS_M + 3.0 * math::hypot(own_sd, said_sd.min(CLAIM_SD_MAX_M));
        Some((math::fabs(claimed_m - measured_m) > allowed_m).then_some((claimed_m, measured_m)))
    }

    /// Claimed tracks that fly as one with a measured one, but for a height that this denies.
    pub(super) fn compare_lifted(&mut self) {
        let confirmed = || self.tracks.iter().filter(|(_, e)| e.phase == Phase::Confirmed);
        let claimed = confirmed().filter(|(_, e)| !e.voices.is_empty()).map(|(id, _)| *id);
        let claimed = self.about(claimed.filter(|id| self.tracker.claimed_only(*id) == Some(true)));
        if claimed.is_empty() {
            self.lifted.clear();
            return;
        }
        let silent = confirmed().filter(|(_, e)| e.voices.is_empty() && self.height_seen(e)).map(|(id, _)| *id);
        let measured = self.about(silent);
        let mut together = BTreeMap::new();
        for a in &claimed {
            let Some((a, beside)) = self.beside(&measured, a) else { continue };
            for b in beside.iter().filter(|b| fly_above_each_other(&a, b, 2)) {
                let Some(heights) = self.tracks.get(&a.0).map(|e| self.claimed_heights(e)) else { continue };
                let Some(Some((claimed_m, measured_m))) = self.denied(&heights, a.1.place(), &b.2) else { continue };
                let seconds = self.lifted.get(&(a.0, b.0)).copied().unwrap_or(0) + 1;
                together.insert((a.0, b.0), seconds);
                let now = self.now;
                let Some(entry) = self.tracks.get_mut(&a.0).filter(|_| seconds >= LIFTED_SECONDS) else { continue };
                entry.evidence.note(EvidenceKind::HeightContradicted, weight::HEIGHT_CONTRADICTED, now, || {
                    format!("claims {claimed_m:.0} m above the ellipsoid, sensors measure {measured_m:.0} m ({})", b.0)
                });
                self.dirty.insert(a.0);
            }
        }
        self.lifted = together;
    }

    /// Claimed heights at which a sensor that measures no elevation would read another distance.
    pub(super) fn compare_slants(&mut self) {
        let now = self.now;
        let spoken = self.tracks.iter().filter(|(_, e)| !e.voices.is_empty());
        let denied: Vec<(TrackId, HeightDenied)> =
            spoken.filter_map(|(id, _)| Some((*id, self.tracker.height_denied(*id, now)?))).collect();
        for (id, HeightDenied { slant_m, measured_m }) in denied {
            let Some(entry) = self.tracks.get_mut(&id) else { continue };
            entry.evidence.note(EvidenceKind::HeightContradicted, weight::HEIGHT_CONTRADICTED, now, || {
                format!("claims a height that would be {slant_m:.0} m from a sensor that measures {measured_m:.0} m")
            });
            self.dirty.insert(id);
        }
    }
}
