//! Tracks as the picture holds them: what the tracker knows, and what it does not.

use super::Picture;
use super::agree::Agreement;
use crate::classify::Classifier;
use crate::emitters::Fix;
use crate::identity::{EvidenceSet, weight};
use lapwing_model::track::{Source, TrailPoint};
use lapwing_model::{
    AirText, Classification, EventBody, EvidenceKind, Heights, Identity, Name, Phase, Place, Position, Protocol,
    SensorId, SensorKind, Span, Time, TrackId, limits,
};
use lapwing_track::Change;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Sources shown of a track.
const SOURCES_MAX: usize = 32;
/// A voice whose claims jumped keeps its first track when that has been silent for this long and the new one has not.
const REJOIN_AFTER: Span = Span::from_seconds(3);

/// What a voice must go on saying for this long before it is held against it that others see its aircraft elsewhere.
const ELSEWHERE_AFTER: Span = Span::from_seconds(1);

/// Completed looks of one sensor that did not see a track where it says it is.
#[derive(Debug, Clone, Copy, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Misses {
    pub(super) looks: u32,
    /// Logarithm of how likely that is if it is there.
    pub(super) nats: f64,
    /// When the first of them was.
    pub(super) since: Option<Time>,
    /// Whether it was held against the aircraft.
    pub(super) told: bool,
}

/// A number made of a sensor's name: of many sensors it tells most apart at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SourceKey(u32);

impl SourceKey {
    pub(super) fn of(sensor: &SensorId) -> Self {
        let fingerprint = sensor.fingerprint();
        Self((fingerprint ^ (fingerprint >> 32)) as u32)
    }

    /// The first source of this key that is the one asked for.
    fn find_in<'a>(
        self,
        keys: &[Self],
        sources: &'a mut [Source],
        is_it: impl Fn(&Source) -> bool,
    ) -> Option<&'a mut Source> {
        // Eight at a time without a branch: a track that hundreds of sensors see has the longest list, and most are not in it.
        let mut first = 0;
        for some in keys.chunks(8) {
            if some.iter().fold(false, |any, key| any | (*key == self)) {
                let is_this = |i: &usize| some.get(*i) == Some(&self) && sources.get(first + i).is_some_and(&is_it);
                if let Some(at) = (0..some.len()).find(is_this) {
                    return sources.get_mut(first + at);
                }
            }
            first += some.len();
        }
        None
    }
}

/// A sensor with its key.
pub(super) fn named(sensor: &SensorId) -> (&SensorId, SourceKey) {
    (sensor, SourceKey::of(sensor))
}

/// A track that a voice left behind when its name was claimed where that track cannot be. It may have to be joined with.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
struct Left {
    track: TrackId,
    at: Time,
    /// How far away other sensors saw the aircraft, metres; `None` where none did.
    seen_m: Option<f64>,
    /// Whether that was only multilateration and the like, under its own name: which is late by seconds, and held against its words
    /// where that is allowed for.
    by_name: bool,
}

/// A sensor that has not seen a track for this long does not see it there.
const SEES_FOR: Span = Span::from_seconds(30);

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
    pub(super) sources: Vec<Source>,
    /// A number made of the name of each one's sensor, to pass over most; made anew where it is missing.
    #[serde(skip)]
    source_keys: Vec<SourceKey>,
    first_entries: Vec<Position>,
    last_entries: VecDeque<Position>,
    /// The latest late one that is counted without being kept.
    late_entry: Option<Position>,
    pub(super) entries_total: u64,
    pub(super) trail: VecDeque<TrailPoint>,
    trail_at: Option<Time>,
    pub(super) announced: bool,
    /// Changed since it was last told.
    pub(super) changed: bool,
    /// To be told at once.
    pub(super) urgent: bool,
    /// The track its voice left behind by a jump.
    left: Option<Left>,
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
        sensor: (&SensorId, SourceKey),
        protocol: Option<Protocol>,
        at: Time,
        entry: Option<Position>,
    ) {
        self.last_at = self.last_at.max(at);
        self.changed = true;
        self.source(sensor, protocol, at, 1);
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
    pub(super) fn flown(&mut self, now: Time, place: Place) {
        if self.trail_at == Some(self.last_at) {
            return;
        }
        self.trail_at = Some(self.last_at);
        if self.trail.len() >= limits::TRAIL_POINTS_MAX {
            self.trail.pop_front();
        }
        self.trail.push_back(TrailPoint { at: now, place });
    }

    /// A sensor sees it: what others missed before is forgotten.
    pub(super) fn was_seen(&mut self) {
        if !self.misses.is_empty() {
            self.misses.clear();
        }
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

    fn source(&mut self, (sensor, key): (&SensorId, SourceKey), protocol: Option<Protocol>, last_at: Time, count: u64) {
        if self.source_keys.len() != self.sources.len() {
            self.source_keys = self.sources.iter().map(|s| SourceKey::of(&s.sensor)).collect();
        }
        let is_it = |s: &Source| s.protocol == protocol && s.sensor == *sensor;
        if let Some(known) = key.find_in(&self.source_keys, &mut self.sources, is_it) {
            known.last_at = known.last_at.max(last_at);
            known.count += count;
        } else if self.sources.len() < SOURCES_MAX {
            self.sources.push(Source { sensor: sensor.clone(), protocol, last_at, count });
            self.source_keys.push(key);
        }
    }

    /// Takes over what was known of the track `from`, which turned out to be this one, `id`.
    fn absorb(&mut self, id: TrackId, from: TrackId, gone: Self) {
        self.first_at = self.first_at.min(gone.first_at);
        self.last_at = self.last_at.max(gone.last_at);
        self.voices.extend(gone.voices);
        self.evidence.absorb(&gone.evidence);
        self.height_seen_at = self.height_seen_at.max(gone.height_seen_at);
        self.agreed.extend(gone.agreed);
        for (voice, theirs) in gone.agreements {
            self.agreements.entry(voice).or_insert(theirs);
        }
        // What the voice of either left behind stands against both; first what others see. Neither left itself.
        let left = [gone.left, self.left].into_iter().flatten().filter(|left| left.track != id && left.track != from);
        self.left = left.max_by_key(|left| (left.seen_m.is_some(), !left.by_name));
        if self.class.is_silent() {
            self.class = gone.class;
        }
        for theirs in &gone.sources {
            self.source(named(&theirs.sensor), theirs.protocol, theirs.last_at, theirs.count);
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
            entry.absorb(into, from, gone);
            entry.bound_voices(into, None, &mut self.emitters);
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
        let by_name = !self.tracks.get(&known).is_some_and(|entry| self.sees_by_itself(entry));
        if let Some(entry) = self.tracks.get_mut(&new) {
            entry.left = Some(Left { track: known, at: self.now, seen_m: measured.then_some(distance_m), by_name });
            entry.split_from = Some((known, "its name was claimed where it cannot be".into()));
            self.dirty.insert(new);
        }
    }

    /// Whether a sensor sees a track that needs no word of the aircraft's for it.
    fn sees_by_itself(&self, entry: &Entry) -> bool {
        use SensorKind::{Adsb, Multilateration, RemoteId};
        entry.sources.iter().filter(|s| self.now.since(s.last_at) <= SEES_FOR).any(|s| {
            let kind = self.health.sensor(&s.sensor).map(|sensor| sensor.kind);
            s.protocol.is_none() && kind.is_some_and(|k| !matches!(k, RemoteId | Adsb | Multilateration))
        })
    }

    /// Follows up the tracks whose voice left another behind: there are few, and they are looked for once.
    pub(super) fn follow_left(&mut self) {
        let left: Vec<(TrackId, Left)> = self.tracks.iter().filter_map(|(id, e)| Some((*id, e.left?))).collect();
        self.accuse_elsewhere(&left);
        self.rejoin(&left);
        for (id, _) in left {
            let before = self.tracks.get(&id).and_then(|entry| entry.left);
            if before.is_some_and(|left| !self.tracks.contains_key(&left.track))
                && let Some(entry) = self.tracks.get_mut(&id)
            {
                entry.left = None;
            }
        }
    }

    /// Other sensors see an aircraft elsewhere than it says: held against it when it has said so for a while. What a link held up comes
    /// all at once, and what has no time of its own is then taken for now: that is no lie.
    fn accuse_elsewhere(&mut self, left: &[(TrackId, Left)]) {
        for (id, Left { track, at, seen_m, by_name }) in left {
            let seen_m = seen_m.filter(|_| !by_name);
            let (Some(seen_m), Some(entry)) = (seen_m, self.tracks.get_mut(id)) else { continue };
            if entry.last_at.since(*at) < ELSEWHERE_AFTER || entry.evidence.has(EvidenceKind::SeenElsewhere) {
                continue;
            }
            entry.evidence.note(EvidenceKind::SeenElsewhere, weight::SEEN_ELSEWHERE, self.now, || {
                format!("other sensors see it {seen_m:.0} m from where it says it is ({track})")
            });
            self.dirty.insert(*id);
        }
    }

    pub(super) fn place_of(&self, id: TrackId) -> Option<Place> {
        let e = self.tracker.estimate(id, self.now)?;
        Some(e.frame.to_geodetic(e.position).place())
    }

    /// Joins tracks of one voice that jumped no farther than one aircraft can: the first id stays.
    fn rejoin(&mut self, left: &[(TrackId, Left)]) {
        let may_be_one = |(id, left): &&(TrackId, Left)| {
            let (Some(before), Some(entry)) = (self.tracks.get(&left.track), self.tracks.get(id)) else { return false };
            let shared = before.voices.intersection(&entry.voices).next().is_some();
            let silent = entry.last_at.since(before.last_at) >= REJOIN_AFTER;
            shared && silent && left.seen_m.is_none()
        };
        let due: Vec<(TrackId, Left)> = left.iter().filter(may_be_one).copied().collect();
        for (from, Left { track: into, .. }) in due {
            self.tracker.join(into, from);
            self.drain_tracker();
        }
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

    /// The latest position that a voice gave this track.
    pub(super) fn latest_fix(&self, id: TrackId, entry: &Entry) -> Option<Fix> {
        let voices = entry.voices.iter().filter_map(|v| self.emitters.get(*v)).filter(|v| v.track == Some(id));
        voices.filter_map(|v| v.fix).max_by_key(|f| f.received_at)
    }

    /// What its sensors' labels alone say it is.
    pub(super) fn labelled(&self, entry: &Entry) -> Classification {
        entry.class.classification()
    }

    /// What sensors have seen of it (`is_seen`: `fused` is more than that it sends, and how it flies); what nobody has seen is what it
    /// says itself.
    pub(super) fn classification(&self, fused: Classification, is_seen: bool, entry: &Entry) -> Classification {
        if is_seen {
            return fused;
        }
        let voices = entry.voices.iter().filter_map(|v| self.emitters.get(*v));
        voices
            .filter(|v| v.classification.is_some())
            .max_by_key(|v| (v.last_at, v.id))
            .and_then(|v| v.classification.clone())
            .unwrap_or(fused)
    }
}
