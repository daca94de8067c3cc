//! What is told of tracks: as events, and to readers.
//!
//! Once a second each track that changed is told of. There may be ten thousand, and an event is large beside what it is made of:
//! they are made some at a time, as [`Picture::poll`] takes them.

use super::Picture;
use super::tracks::Entry;
use crate::emitters::ACCURACY_MAX_M;
use lapwing_model::{
    Claim, Classification, EventBody, Geodetic, Heights, Kinematics, LocalFrame, Span, Track, TrackId, Transmitter,
    limits, math,
};
use lapwing_track::Estimate;

/// A speed known no better than this is not known.
const SPEED_SD_MAX_MPS: f64 = 10.0;
/// So many events of tracks are made at a time: what they are made of and the events together stay in the nearest memory.
const TOLD_AT_ONCE: usize = 16;

/// Where a track is now, and what its sensors and its flight make of it.
struct Found {
    estimate: Estimate,
    at: Geodetic,
    class: Classification,
    class_is_seen: bool,
}

impl Picture {
    /// Tells that a track began, if that has not been told.
    pub(super) fn announce(&mut self, id: TrackId) {
        if self.tracks.get(&id).is_some_and(|e| !e.announced) {
            self.with_found(id, Self::begin);
        }
    }

    /// Gives an entry, taken out meanwhile, and what is found of it.
    fn with_found(&mut self, id: TrackId, tell: impl FnOnce(&mut Self, TrackId, &mut Entry, Found)) {
        let Some(found) = self.find(id) else { return };
        if let Some(mut entry) = self.tracks.remove(&id) {
            tell(self, id, &mut entry, found);
            self.tracks.insert(id, entry);
        }
    }

    fn find(&self, id: TrackId) -> Option<Found> {
        let live = self.tracker.live(id)?;
        let estimate = live.estimate(self.now);
        let at = estimate.frame.to_geodetic(estimate.position);
        Some(Found { estimate, at, class: live.classification(), class_is_seen: live.class_is_seen() })
    }

    fn begin(&mut self, id: TrackId, entry: &mut Entry, found: Found) {
        self.know_height(&found);
        let track = self.track_of(id, entry, found, true);
        (entry.announced, entry.changed, entry.urgent) = (true, false, false);
        self.emit(EventBody::TrackBegan { track: Box::new(track) });
        if let Some((from, why)) = entry.split_from.clone() {
            self.emit(EventBody::TrackSplit { from, into: id, why });
        }
    }

    fn tell(&mut self, id: TrackId, entry: &mut Entry, found: Found) {
        self.know_height(&found);
        let track = self.track_of(id, entry, found, false);
        (entry.changed, entry.urgent) = (false, false);
        self.emit(EventBody::TrackUpdated { track: Box::new(track) });
    }

    /// Readers of a height above the sea may not remember: what they will ask for is known before.
    fn know_height(&mut self, found: &Found) {
        if found.estimate.height_known {
            self.geoid.undulation_m(found.at.place());
        }
    }

    /// Marks a track to be told at once.
    pub(super) fn urgent(&mut self, id: TrackId) {
        if let Some(entry) = self.tracks.get_mut(&id) {
            (entry.changed, entry.urgent) = (true, true);
        }
    }

    /// Tells of one track if it must be told at once.
    pub(super) fn tell_urgent(&mut self, id: TrackId) {
        self.announce(id);
        if self.tracks.get(&id).is_some_and(|e| e.urgent) {
            self.with_found(id, Self::tell);
        }
    }

    /// The once-a-second word on tracks that changed, and their trails: of so many of those that have not been told of yet.
    /// After the last, what ends the second.
    pub(super) fn tell_on(&mut self) {
        let Some(from) = self.telling.take() else { return };
        // Taken out meanwhile: each is gone to once, however many there are.
        let mut tracks = std::mem::take(&mut self.tracks);
        let mut left = TOLD_AT_ONCE;
        for (id, entry) in tracks.range_mut(from..).filter(|(_, e)| e.changed) {
            if left == 0 {
                self.telling = Some(*id);
                break;
            }
            left -= 1;
            let Some(found) = self.find(*id) else { continue };
            entry.flown(self.now, found.at.place());
            if entry.announced {
                self.tell(*id, entry, found);
            } else {
                self.begin(*id, entry, found);
            }
        }
        self.tracks = tracks;
        if self.telling.is_none() {
            self.end_second();
        }
    }

    /// Tells all that is left of the second.
    pub(super) fn tell_out(&mut self) {
        while self.telling.is_some() {
            self.tell_on();
        }
    }

    /// A track for readers.
    pub(super) fn track(&self, id: TrackId, with_trail: bool) -> Option<Track> {
        Some(self.track_of(id, self.tracks.get(&id)?, self.find(id)?, with_trail))
    }

    fn track_of(&self, id: TrackId, entry: &Entry, found: Found, with_trail: bool) -> Track {
        let Found { estimate, at, class, class_is_seen } = found;
        let mut voices: Vec<_> = entry.voices.iter().filter_map(|v| self.emitters.get(*v)).collect();
        // The voice heard last has the say; of equals the younger one.
        voices.sort_by_key(|v| std::cmp::Reverse((v.last_at, v.id)));
        let mut transmitters: Vec<Transmitter> = Vec::new();
        for transmitter in voices.iter().flat_map(|v| v.transmitters.iter().rev()) {
            if transmitters.len() < limits::NAMES_PER_TRACK_MAX && !transmitters.contains(transmitter) {
                transmitters.push(transmitter.clone());
            }
        }
        Track {
            id,
            phase: estimate.phase,
            existence: estimate.existence,
            claimed_only: estimate.claimed_only,
            first_at: entry.first_at,
            last_at: entry.last_at,
            kinematics: self.kinematics(
                &estimate,
                at,
                &self.claimed_heights(entry),
                self.said_accuracy_m(id, entry, &estimate),
            ),
            identity: entry.identity.clone(),
            classification: self.classification(class, class_is_seen, entry),
            status: voices.iter().find_map(|v| v.status),
            operator: voices.iter().find_map(|v| v.operator.clone()),
            text: voices.iter().find_map(|v| v.text.clone()),
            squawk: voices.iter().find_map(|v| v.squawk.clone()),
            transmitters,
            sources: entry.sources.clone(),
            entries: entry.entries(),
            entries_total: entry.entries_total,
            trail: if with_trail { entry.trail.iter().copied().collect() } else { Vec::new() },
        }
    }

    /// The accuracy that the latest position of a track said of itself, where only its word stands; 0 when none.
    fn said_accuracy_m(&self, id: TrackId, entry: &Entry, estimate: &Estimate) -> f64 {
        let said = self.latest_fix(id, entry).filter(|_| estimate.claimed_only).and_then(|f| f.accuracy_m);
        said.filter(|a| *a > ACCURACY_MAX_M).unwrap_or(0.0)
    }

    fn kinematics(&self, e: &Estimate, at: Geodetic, claimed: &Heights, said_accuracy_m: f64) -> Kinematics {
        // States near the anchor differ from the local horizon by less than a thousandth of a radian.
        let here = LocalFrame::new(at);
        let v = here.rotate(e.frame.unrotate(e.velocity));
        let c = &e.covariance;
        let sd = |i: usize| math::sqrt(c.get(i).and_then(|r| r.get(i)).copied().unwrap_or(0.0).max(0.0));
        let widest = |i: usize| {
            // The larger eigenvalue of the 2 by 2 block.
            let (a, b, d) = (c[i][i], c[i][i + 1], c[i + 1][i + 1]);
            let middle = (a + d) / 2.0;
            math::sqrt((middle + math::hypot((a - d) / 2.0, b)).max(0.0))
        };
        let mut heights =
            Heights { height_ellipsoid_m: None, altitude_msl_m: None, vertical_accuracy_m: None, ..*claimed };
        if e.height_known {
            heights.height_ellipsoid_m = Some(at.height_ellipsoid_m);
            heights.altitude_msl_m = Some(at.height_ellipsoid_m - self.geoid.peek_m(at.place()));
            heights.vertical_accuracy_m = Some(1.960 * sd(2));
        }
        let (speed, speed_sd) = (v.horizontal_m(), widest(3));
        let known = speed_sd <= SPEED_SD_MAX_MPS;
        Kinematics {
            at: e.at,
            place: at.place(),
            heights,
            horizontal_accuracy_m: (2.448 * widest(0)).max(said_accuracy_m),
            speed_mps: known.then_some(speed),
            speed_accuracy_mps: known.then_some(2.448 * speed_sd),
            // Slower than two sigma, or than a walker, it has no course to speak of.
            course_rad: (known && speed > (2.0 * speed_sd).max(0.5)).then(|| v.azimuth_rad()),
            vertical_speed_mps: (e.height_known && sd(5) <= SPEED_SD_MAX_MPS).then_some(v.up_m),
        }
    }

    /// A claim that has no track to go to, told now and then.
    pub(super) fn tell_placeless(&mut self, voice: u64, claim: &Claim) {
        const FIRST_AFTER: Span = Span::from_seconds(5);
        const EVERY: Span = Span::from_seconds(60);
        let now = self.now;
        let Some(voice) = self.emitters.get_mut(voice).filter(|v| v.track.is_none()) else { return };
        let due = now.since(voice.first_at) >= FIRST_AFTER && voice.told_at.is_none_or(|t| now.since(t) >= EVERY);
        if due {
            voice.told_at = Some(now);
            let mut claim = claim.clone();
            claim.names.clone_from(&voice.names);
            self.emit(EventBody::ClaimWithoutPlace { claim: Box::new(claim) });
        }
    }
}
