//! Tracks as the picture holds them: what the tracker knows, and what it does not.

use super::Picture;
use super::agree::Agreement;
use crate::classify::Classifier;
use crate::emitters::{ACCURACY_MAX_M, Fix};
use crate::identity::{EvidenceSet, weight};
use lapwing_model::track::{Source, TrailPoint};
use lapwing_model::{
    AirText, Claim, Classification, EventBody, EvidenceKind, Geodetic, Heights, Identity, Kinematics, LocalFrame, Name,
    Phase, Place, Position, Protocol, SensorId, Span, Time, Track, TrackId, Transmitter, limits, math,
};
use lapwing_track::{Change, Estimate};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Sources shown of a track.
const SOURCES_MAX: usize = 32;
/// A speed known no better than this is not known.
const SPEED_SD_MAX_MPS: f64 = 10.0;
/// A voice whose claims jumped keeps its first track when that has been silent for this long and the new one has not.
const REJOIN_AFTER: Span = Span::from_seconds(3);

/// Completed looks of one sensor that did not see a track where it says it is.
#[derive(Debug, Clone, Copy, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Misses {
    pub(super) looks: u32,
    /// Logarithm of how likely that is if it is there.
    pub(super) nats: f64,
    /// When the first of them was.
    pub(super) since: Option<Time>,
}

/// What the picture knows of a track beside its state.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Entry {
    pub(super) phase: Phase,
    pub(super) first_at: Time,
    pub(super) last_at: Time,
    pub(super) voices: BTreeSet<u64>,
    /// Evidence from other sensors and lists; that from its own words is with the voices.
    pub(super) evidence: EvidenceSet,
    /// How often plots and each voice's positions agreed.
    pub(super) agreements: BTreeMap<u64, Agreement>,
    /// Voices whose positions have agreed with the plots once.
    pub(super) agreed: BTreeSet<u64>,
    /// When a sensor last measured its height.
    pub(super) height_seen_at: Option<Time>,
    /// Consecutive claimed heights that the measured one denies.
    pub(super) height_denied: u32,
    /// Since when it is authorised without a break.
    pub(super) authorised_since: Option<Time>,
    /// Completed looks of a sensor since it last saw it.
    pub(super) misses: BTreeMap<SensorId, Misses>,
    pub(super) identity: Identity,
    class: Classifier,
    sources: Vec<Source>,
    /// A number made of the name of each one's sensor, to pass over most; made anew where it is missing.
    #[serde(skip)]
    source_keys: Vec<u64>,
    first_entries: Vec<Position>,
    last_entries: VecDeque<Position>,
    /// The latest late one that is counted without being kept.
    late_entry: Option<Position>,
    entries_total: u64,
    trail: VecDeque<TrailPoint>,
    trail_at: Option<Time>,
    announced: bool,
    /// Changed since it was last told.
    changed: bool,
    /// To be told at once.
    urgent: bool,
    /// A track its voice left behind by a jump, and may have to be joined with.
    left: Option<TrackId>,
    /// The track it was split from, and why.
    pub(super) split_from: Option<(TrackId, AirText)>,
}

impl Entry {
    fn new(now: Time) -> Self {
        Self {
            phase: Phase::Tentative,
            first_at: now,
            last_at: now,
            voices: BTreeSet::new(),
            evidence: EvidenceSet::default(),
            agreements: BTreeMap::new(),
            agreed: BTreeSet::new(),
            height_seen_at: None,
            height_denied: 0,
            authorised_since: None,
            misses: BTreeMap::new(),
            identity: Identity::unidentified(),
            class: Classifier::default(),
            sources: Vec::new(),
            source_keys: Vec::new(),
            first_entries: Vec::new(),
            last_entries: VecDeque::new(),
            late_entry: None,
            entries_total: 0,
            trail: VecDeque::new(),
            trail_at: None,
            announced: false,
            changed: false,
            urgent: false,
            left: None,
            split_from: None,
        }
    }

    /// A report contributed.
    pub(super) fn contributed(
        &mut self,
        sensor: &SensorId,
        protocol: Option<Protocol>,
        at: Time,
        entry: Option<Position>,
    ) {
        self.last_at = self.last_at.max(at);
        self.changed = true;
        self.source(Source { sensor: sensor.clone(), protocol, last_at: at, count: 1 });
        if let Some(entry) = entry {
            self.came_from(entry);
        }
    }

    /// A journal entry led to it: mostly the latest one, but for what came late.
    fn came_from(&mut self, entry: Position) {
        // Mostly the latest once more: plots of one reception.
        let known = || self.first_entries.contains(&entry) || self.last_entries.contains(&entry);
        if self.last_entries.back() == Some(&entry) || known() || self.late_entry == Some(entry) {
            return;
        }
        self.entries_total += 1;
        let half = limits::SOURCES_PER_TRACK_MAX / 2;
        let mut entry = entry;
        if self.first_entries.len() < half || self.first_entries.last().is_some_and(|l| *l > entry) {
            let at = self.first_entries.partition_point(|e| *e < entry);
            self.first_entries.insert(at, entry);
            if self.first_entries.len() <= half {
                return;
            }
            let Some(last) = self.first_entries.pop() else { return };
            entry = last;
        }
        let at = self.last_entries.partition_point(|e| *e < entry);
        if at == 0 && self.last_entries.len() >= half {
            // Between the first and the last ones: counted, and not kept.
            self.late_entry = Some(entry);
            return;
        }
        self.last_entries.insert(at, entry);
        if self.last_entries.len() > half {
            self.last_entries.pop_front();
        }
    }

    /// Notes where it has come to, once for each time it was heard of.
    fn flown(&mut self, now: Time, place: Place) {
        if self.trail_at == Some(self.last_at) {
            return;
        }
        self.trail_at = Some(self.last_at);
        if self.trail.len() >= limits::TRAIL_POINTS_MAX {
            self.trail.pop_front();
        }
        self.trail.push_back(TrailPoint { at: now, place });
    }

    /// Whether nobody ever spoke for it, and nothing is held for or against it.
    pub(super) fn is_nameless(&self) -> bool {
        self.voices.is_empty() && self.evidence.is_empty() && self.identity == Identity::unidentified()
    }

    /// Whether it is nameless, and there is nothing to be told of it at once.
    pub(super) fn is_settled(&self) -> bool {
        self.announced && !self.urgent && self.is_nameless()
    }

    /// Sensors see it where it says it is, once more: that changes who it is in nothing but a count.
    pub(super) fn seen_again_there(&mut self) {
        let Some((last_at, count)) = self.evidence.found(EvidenceKind::SeenIndependently) else { return };
        let told = self.identity.evidence.iter_mut().find(|e| e.kind == EvidenceKind::SeenIndependently);
        if let Some(told) = told {
            (told.last_at, told.count) = (last_at, count);
        }
    }

    /// What a sensor takes it for.
    pub(super) fn classified(&mut self, word: &Classification) {
        self.class.label(word);
    }

    pub(super) fn entries(&self) -> Vec<Position> {
        self.first_entries.iter().chain(&self.last_entries).copied().collect()
    }

    fn source(&mut self, new: Source) {
        if self.source_keys.len() != self.sources.len() {
            self.source_keys = self.sources.iter().map(|s| s.sensor.fingerprint()).collect();
        }
        let key = new.sensor.fingerprint();
        let known = |i: &usize| {
            let same = |s: &Source| s.sensor == new.sensor && s.protocol == new.protocol;
            self.source_keys.get(*i) == Some(&key) && self.sources.get(*i).is_some_and(same)
        };
        let known = (0..self.source_keys.len()).find(known);
        if let Some(known) = known.and_then(|i| self.sources.get_mut(i)) {
            known.last_at = known.last_at.max(new.last_at);
            known.count += new.count;
        } else if self.sources.len() < SOURCES_MAX {
            self.sources.push(new);
            self.source_keys.push(key);
        }
    }

    fn absorb(&mut self, gone: Self) {
        self.first_at = self.first_at.min(gone.first_at);
        self.last_at = self.last_at.max(gone.last_at);
        self.voices.extend(gone.voices);
        self.evidence.absorb(&gone.evidence);
        self.height_seen_at = self.height_seen_at.max(gone.height_seen_at);
        self.agreed.extend(gone.agreed);
        for (voice, theirs) in gone.agreements {
            self.agreements.entry(voice).or_insert(theirs);
        }
        if self.class.is_silent() {
            self.class = gone.class;
        }
        for theirs in gone.sources {
            self.source(theirs);
        }
        self.entries_total += gone.entries_total;
        let mut all: Vec<Position> = self
            .first_entries
            .drain(..)
            .chain(self.last_entries.drain(..))
            .chain(gone.first_entries)
            .chain(gone.last_entries)
            .collect();
        all.sort_unstable();
        all.dedup();
        let half = limits::SOURCES_PER_TRACK_MAX / 2;
        let later = all.split_off(all.len().min(half));
        self.first_entries = all;
        self.last_entries = later.into_iter().rev().take(half).rev().collect();
        self.changed = true;
        self.urgent = true;
    }
}

impl Picture {
    /// Carries the tracker's changes over.
    pub(super) fn drain_tracker(&mut self) {
        while let Some(change) = self.tracker.poll() {
            match change {
                Change::Began(id) => {
                    let now = self.now;
                    let entry = self.tracks.entry(id).or_insert_with(|| Entry::new(now));
                    // The plots before it was a track.
                    for first in self.tracker.first_entries(id) {
                        entry.came_from(first);
                    }
                    self.dirty.insert(id);
                }
                Change::Late { track, sensor, observation } => self.took_late(track, &sensor, &observation),
                Change::Phase(id, phase) => {
                    if let Some(entry) = self.tracks.get_mut(&id) {
                        entry.phase = phase;
                        (entry.changed, entry.urgent) = (true, true);
                        self.dirty.insert(id);
                    }
                }
                Change::Ended(id, why) => self.ended(id, why),
                Change::Joined { into, from } => self.joined(into, from),
                Change::LabelElsewhere { label: _, known, new } => self.elsewhere(known, new),
            }
        }
    }

    fn ended(&mut self, id: TrackId, why: &str) {
        let Some(entry) = self.tracks.remove(&id) else { return };
        self.dirty.remove(id);
        self.forget_in_voices(&entry, id, None);
        self.alerts.track_ended(id, entry.last_at, self.now, &why.replace('-', " "));
        if entry.announced {
            self.emit(EventBody::TrackEnded { track: id, why: why.into() });
        }
    }

    fn joined(&mut self, into: TrackId, from: TrackId) {
        self.announce(into);
        let Some(gone) = self.tracks.remove(&from) else { return };
        self.dirty.remove(from);
        self.forget_in_voices(&gone, from, Some(into));
        let told = gone.announced;
        let why = self.why_joined(&gone, into);
        if let Some(entry) = self.tracks.get_mut(&into) {
            entry.absorb(gone);
            self.dirty.insert(into);
        }
        self.alerts.tracks_joined(into, from, self.now);
        if told {
            self.emit(EventBody::TracksJoined { into, from, why });
        }
    }

    fn why_joined(&self, gone: &Entry, into: TrackId) -> AirText {
        let Some(entry) = self.tracks.get(&into) else { return "same motion".into() };
        let names = |e: &Entry| self.names_of(&e.voices);
        let ours = names(entry);
        let same = names(gone).into_iter().find(|n| ours.contains(n));
        match same {
            Some(name) => format!("both are {}, and the motion fits", name.value).into(),
            None => "same motion".into(),
        }
    }

    fn forget_in_voices(&mut self, entry: &Entry, id: TrackId, now: Option<TrackId>) {
        for voice in &entry.voices {
            if let Some(voice) = self.emitters.get_mut(*voice).filter(|v| v.track == Some(id)) {
                voice.track = now;
            }
        }
    }

    /// A name was claimed where its track cannot be. Both stay, and the claims go on with the new one.
    fn elsewhere(&mut self, known: TrackId, new: TrackId) {
        self.announce(known);
        let measured = self.tracker.estimate(known, self.now).is_some_and(|e| !e.claimed_only);
        let distance_m = match (self.place_of(known), self.place_of(new)) {
            (Some(a), Some(b)) => a.distance_m(b),
            _ => 0.0,
        };
        if let Some(entry) = self.tracks.get_mut(&new) {
            entry.left = Some(known);
            entry.split_from = Some((known, "its name was claimed where it cannot be".into()));
            if measured {
                // Other sensors hold the known track: they see the aircraft elsewhere than it now says.
                entry.evidence.note(EvidenceKind::SeenElsewhere, weight::SEEN_ELSEWHERE, self.now, || {
                    format!("other sensors see it {distance_m:.0} m from where it says it is ({known})")
                });
            }
            self.dirty.insert(new);
        }
    }

    pub(super) fn place_of(&self, id: TrackId) -> Option<Place> {
        let e = self.tracker.estimate(id, self.now)?;
        Some(e.frame.to_geodetic(e.position).place())
    }

    /// Joins tracks of one voice that jumped no farther than one aircraft can: the first id stays.
    pub(super) fn rejoin_left(&mut self) {
        let due: Vec<(TrackId, TrackId)> = self
            .tracks
            .iter()
            .filter_map(|(id, entry)| {
                let left = self.tracks.get(&entry.left?)?;
                let shared = left.voices.intersection(&entry.voices).next().is_some();
                let measured = entry.evidence.has(EvidenceKind::SeenElsewhere);
                let silent = entry.last_at.since(left.last_at) >= REJOIN_AFTER;
                (shared && silent && !measured).then_some((entry.left?, *id))
            })
            .collect();
        for (into, from) in due {
            self.tracker.join(into, from);
            self.drain_tracker();
        }
        let tracks = &self.tracks;
        let gone: Vec<TrackId> = tracks
            .iter()
            .filter(|(_, e)| e.left.is_some_and(|l| !tracks.contains_key(&l)))
            .map(|(id, _)| *id)
            .collect();
        for id in gone {
            if let Some(entry) = self.tracks.get_mut(&id) {
                entry.left = None;
            }
        }
    }

    /// Tells that a track began, if that has not been told.
    pub(super) fn announce(&mut self, id: TrackId) {
        if self.tracks.get(&id).is_some_and(|e| !e.announced) {
            self.with_estimate(id, Self::begin);
        }
    }

    /// Gives an entry, taken out meanwhile, and its estimate.
    fn with_estimate(&mut self, id: TrackId, tell: impl FnOnce(&mut Self, TrackId, &mut Entry, &Estimate, Geodetic)) {
        let Some(estimate) = self.tracker.estimate(id, self.now) else { return };
        let at = self.geodetic_of(&estimate);
        if let Some(mut entry) = self.tracks.remove(&id) {
            tell(self, id, &mut entry, &estimate, at);
            self.tracks.insert(id, entry);
        }
    }

    fn begin(&mut self, id: TrackId, entry: &mut Entry, estimate: &Estimate, at: Geodetic) {
        let track = self.track_at(id, entry, estimate, at, true);
        (entry.announced, entry.changed, entry.urgent) = (true, false, false);
        self.emit(EventBody::TrackBegan { track: Box::new(track) });
        if let Some((from, why)) = entry.split_from.clone() {
            self.emit(EventBody::TrackSplit { from, into: id, why });
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
            self.with_estimate(id, Self::tell);
        }
    }

    /// Where an estimate is. Readers of a height above the sea may not remember: what they will ask for is known before.
    fn geodetic_of(&mut self, estimate: &Estimate) -> Geodetic {
        let at = estimate.frame.to_geodetic(estimate.position);
        if estimate.height_known {
            self.geoid.undulation_m(at.place());
        }
        at
    }

    fn tell(&mut self, id: TrackId, entry: &mut Entry, estimate: &Estimate, at: Geodetic) {
        let track = self.track_at(id, entry, estimate, at, false);
        (entry.changed, entry.urgent) = (false, false);
        self.emit(EventBody::TrackUpdated { track: Box::new(track) });
    }

    /// The once-a-second word on each track that changed, and its trail.
    pub(super) fn tell_changed_tracks(&mut self) {
        // Taken out meanwhile: each is gone to once, however many there are.
        let mut tracks = std::mem::take(&mut self.tracks);
        for (id, entry) in tracks.iter_mut().filter(|(_, e)| e.changed) {
            let Some(estimate) = self.tracker.estimate(*id, self.now) else { continue };
            let at = self.geodetic_of(&estimate);
            entry.flown(self.now, at.place());
            if entry.announced {
                self.tell(*id, entry, &estimate, at);
            } else {
                self.begin(*id, entry, &estimate, at);
            }
        }
        self.tracks = tracks;
    }

    /// Names of several voices, in order of first appearance.
    pub(super) fn names_of(&self, voices: &BTreeSet<u64>) -> Vec<Name> {
        let mut list: Vec<_> = voices.iter().filter_map(|v| self.emitters.get(*v)).collect();
        list.sort_by_key(|v| (v.first_at, v.id));
        let mut names: Vec<Name> = Vec::new();
        for name in list.iter().flat_map(|v| &v.names) {
            if names.len() < limits::NAMES_PER_TRACK_MAX && !names.contains(name) {
                names.push(name.clone());
            }
        }
        names
    }

    /// Claimed heights of the datums that the tracker does not keep, of the voice heard last.
    pub(super) fn claimed_heights(&self, entry: &Entry) -> Heights {
        let voices = entry.voices.iter().filter_map(|v| self.emitters.get(*v));
        voices
            .filter(|v| v.heights.any_known())
            .max_by_key(|v| (v.last_at, v.id))
            .map_or(Heights::UNKNOWN, |v| v.heights)
    }

    /// The accuracy that the latest position of a track said of itself, where only its word stands; 0 when none.
    fn said_accuracy_m(&self, id: TrackId, entry: &Entry, estimate: &Estimate) -> f64 {
        let said = self.latest_fix(id, entry).filter(|_| estimate.claimed_only).and_then(|f| f.accuracy_m);
        said.filter(|a| *a > ACCURACY_MAX_M).unwrap_or(0.0)
    }

    /// The latest position that a voice gave this track.
    pub(super) fn latest_fix(&self, id: TrackId, entry: &Entry) -> Option<Fix> {
        let voices = entry.voices.iter().filter_map(|v| self.emitters.get(*v)).filter(|v| v.track == Some(id));
        voices.filter_map(|v| v.fix).max_by_key(|f| f.received_at)
    }

    /// A track for readers.
    pub(super) fn track(&self, id: TrackId, with_trail: bool) -> Option<Track> {
        let estimate = self.tracker.estimate(id, self.now)?;
        let at = estimate.frame.to_geodetic(estimate.position);
        Some(self.track_at(id, self.tracks.get(&id)?, &estimate, at, with_trail))
    }

    fn track_at(&self, id: TrackId, entry: &Entry, estimate: &Estimate, at: Geodetic, with_trail: bool) -> Track {
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
                estimate,
                at,
                &self.claimed_heights(entry),
                self.said_accuracy_m(id, entry, estimate),
            ),
            identity: entry.identity.clone(),
            classification: self.classification(id, entry),
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

    /// What its sensors' labels alone say it is.
    pub(super) fn labelled(&self, entry: &Entry) -> Classification {
        entry.class.classification()
    }

    /// What sensors and its flight make of it; where they say nothing, what it says itself.
    pub(super) fn classification(&self, id: TrackId, entry: &Entry) -> Classification {
        let fused = self.tracker.classification(id);
        if !fused.probabilities.is_empty() {
            return fused;
        }
        let voices = entry.voices.iter().filter_map(|v| self.emitters.get(*v));
        voices
            .filter(|v| v.classification.is_some())
            .max_by_key(|v| (v.last_at, v.id))
            .and_then(|v| v.classification.clone())
            .unwrap_or_default()
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
