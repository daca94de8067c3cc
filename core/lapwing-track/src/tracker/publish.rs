//! What was told of tracks (ids, phases), kept apart from the filter and compared with it after each change.

use super::*;

impl Tracker {
    /// Tells what changed with the look just taken in.
    pub(super) fn publish(&mut self) {
        let mut touched = std::mem::take(&mut self.filter.touched);
        for slot in touched.drain(..) {
            self.publish_track(slot);
        }
        self.filter.touched = touched;
        self.publish_notes();
    }

    pub(super) fn publish_track(&mut self, slot: u32) {
        let Some(track) = self.filter.tracks.get_mut(slot) else { return };
        if track.id.0 == 0 {
            self.last_id += 1;
            let id = TrackId(self.last_id);
            track.id = id;
            track.told = track.phase;
            self.published.insert(track.key, Published { id, phase: track.phase });
            self.slots.insert(id, slot);
            self.changes.push_back(Change::Began(id));
            if track.phase != Phase::Tentative {
                self.changes.push_back(Change::Phase(id, track.phase));
            }
        } else if track.phase != track.told {
            track.told = track.phase;
            if let Some(known) = self.published.get_mut(&track.key) {
                known.phase = track.phase;
            }
            self.changes.push_back(Change::Phase(track.id, track.phase));
        }
    }

    pub(super) fn publish_notes(&mut self) {
        for note in std::mem::take(&mut self.filter.notes) {
            let id = |key: u64| self.published.get(&key).map(|p| p.id);
            match note {
                Note::Joined { into, from } => {
                    if let (Some(into), Some(gone)) = (id(into), id(from)) {
                        self.retire(from);
                        self.changes.push_back(Change::Joined { into, from: gone });
                    }
                }
                Note::Elsewhere { label, known, new } => {
                    if let (Some(known), Some(new)) = (id(known), id(new)) {
                        self.changes.push_back(Change::LabelElsewhere { label, known, new });
                    }
                }
                Note::Ended { key, why } => {
                    if let Some(gone) = id(key) {
                        self.retire(key);
                        self.changes.push_back(Change::Ended(gone, why));
                    }
                }
            }
        }
    }

    pub(super) fn retire(&mut self, key: u64) {
        if let Some(p) = self.published.remove(&key) {
            self.slots.remove(&p.id);
        }
    }

    /// After going back: which published tracks are still there, and which new ones stand where one of them was.
    pub(super) fn republish(&mut self, before: &Before) {
        self.filter.touched.clear();
        self.slots.clear();
        let mut newcomers = Vec::new();
        let mut there: BTreeMap<u64, u32> = BTreeMap::new();
        for (slot, track) in self.filter.tracks.iter() {
            there.insert(track.key, slot);
        }
        for (key, slot) in &there {
            let Some(track) = self.filter.tracks.get_mut(*slot) else { continue };
            match self.published.get(key) {
                Some(p) => {
                    track.id = p.id;
                    track.told = p.phase;
                    self.slots.insert(p.id, *slot);
                }
                None => {
                    track.id = TrackId(0);
                    newcomers.push(*slot);
                }
            }
        }
        // Joins first: they say where a track went. A name in two places is told when both have been told of.
        let notes = std::mem::take(&mut self.filter.notes);
        let (mut names, joins): (Vec<Note>, Vec<Note>) =
            notes.into_iter().partition(|note| matches!(note, Note::Elsewhere { .. }));
        self.filter.notes = joins;
        self.publish_notes();
        let orphans: Vec<(u64, TrackId)> =
            self.published.iter().filter(|(key, _)| !there.contains_key(key)).map(|(key, p)| (*key, p.id)).collect();
        for (key, id) in orphans {
            let heir = before.track(id).and_then(|old| self.heir_of(old, &newcomers));
            match heir {
                Some(slot) => {
                    newcomers.retain(|s| *s != slot);
                    let told = self.published.remove(&key).map_or(Phase::Tentative, |p| p.phase);
                    if let Some(track) = self.filter.tracks.get_mut(slot) {
                        track.id = id;
                        track.told = told;
                        self.published.insert(track.key, Published { id, phase: told });
                        self.slots.insert(id, slot);
                    }
                }
                None => {
                    self.retire(key);
                    self.changes.push_back(Change::Ended(id, "refuted"));
                }
            }
        }
        // Copies hold ids of their time; what they hold of keys that have another id now is set right when they are used.
        let all: Vec<u32> = self.filter.tracks.slots().collect();
        for slot in all {
            self.publish_track(slot);
        }
        self.filter.touched.clear();
        let told = |label: Label, key: u64| {
            let id = self.published.get(&key).map(|p| p.id);
            id.and_then(|id| before.track(id)).is_some_and(|track| track.carries(label))
        };
        names.retain(|note| !matches!(note, Note::Elsewhere { label, new, .. } if told(*label, *new)));
        self.filter.notes = names;
        self.publish_notes();
    }

    /// The unpublished track that stands where a published one was.
    pub(super) fn heir_of(&self, old: &Track, newcomers: &[u32]) -> Option<u32> {
        let mut best: Option<(f64, u32)> = None;
        for slot in newcomers {
            let Some(track) = self.filter.tracks.get(*slot) else { continue };
            let at = track.at.max(old.at);
            let mine = track.state_at(at, &self.config);
            let theirs = old.state_at(at, &self.config);
            let theirs = if old.region == track.region {
                theirs
            } else {
                moved(self.regions.frame(old.region), self.regions.frame(track.region), &theirs, old.height_known)
            };
            let mut distance = 0.0;
            for i in [0, 1, 3, 4] {
                let d = mine.mean[i] - theirs.mean[i];
                distance += d * d / (mine.covariance[(i, i)] + theirs.covariance[(i, i)]).max(1e-6);
            }
            let named = track.labels.iter().any(|(l, _)| old.carries(*l));
            if distance < 25.0 || named {
                let rank = if named { distance - 1e6 } else { distance };
                if best.is_none_or(|(b, _)| rank < b) {
                    best = Some((rank, *slot));
                }
            }
        }
        best.map(|(_, slot)| slot)
    }
}
