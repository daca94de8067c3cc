//! The voices that speak for a track: few of an honest aircraft, and bounded whoever sends under however many names.

use super::Picture;
use super::tracks::Entry;
use crate::emitters::{Emitters, Fix, Heard, Voice};
use lapwing_model::{TrackId, limits};

/// What was this near to where a voice was (metres, as far as its word leads) may be that voice under a new address.
const BESIDE_MAX_M: f64 = 100.0;

impl Entry {
    /// A voice speaks for this track.
    pub(super) fn spoken_for(&mut self, id: TrackId, voice: u64, emitters: &mut Emitters) {
        if self.voices.insert(voice) {
            self.bound_voices(id, Some(voice), emitters);
        }
    }

    /// Of too many voices those longest unheard give way; not the `latest`, and last those that plots agreed with: nobody talks the
    /// name off an aircraft that sensors see.
    pub(super) fn bound_voices(&mut self, id: TrackId, latest: Option<u64>, emitters: &mut Emitters) {
        if self.voices.len() <= limits::VOICES_PER_TRACK_MAX {
            return;
        }
        self.keep_known_voices(emitters);
        while self.voices.len() > limits::VOICES_PER_TRACK_MAX {
            let others = self.voices.iter().filter(|v| Some(**v) != latest);
            let heard_at = |v: &u64| emitters.get(*v).map(|voice| voice.last_at);
            let Some(gone) = others.min_by_key(|v| (self.agreed.contains(v), heard_at(v), **v)).copied() else {
                return;
            };
            self.drop_voice(gone);
            // It has no track until it speaks again: one that is not its track's would outlive it.
            if let Some(voice) = emitters.get_mut(gone).filter(|v| v.track == Some(id)) {
                voice.track = None;
            }
        }
    }

    /// A voice goes by the number of another; with what plots said of it, if that is `carried` over.
    fn rename_voice(&mut self, gone: u64, into: u64, carried: bool) {
        let (agreement, agreed) = (self.agreements.get(&gone).copied(), self.agreed.contains(&gone));
        self.drop_voice(gone);
        self.voices.insert(into);
        if !carried {
            return;
        }
        if let Some(theirs) = agreement {
            self.agreements.entry(into).or_default().take_over(&theirs);
        }
        if agreed {
            self.agreed.insert(into);
        }
    }

    /// Drops the voices that are not remembered any more. Whether there were any.
    fn keep_known_voices(&mut self, emitters: &Emitters) -> bool {
        let before = self.voices.len();
        self.voices.retain(|v| emitters.get(*v).is_some());
        let voices = &self.voices;
        self.agreements.retain(|v, _| voices.contains(v));
        self.agreed.retain(|v| voices.contains(v));
        self.voices.len() < before
    }

    pub(super) fn drop_voice(&mut self, voice: u64) {
        self.voices.remove(&voice);
        self.agreements.remove(&voice);
        self.agreed.remove(&voice);
    }
}

impl Picture {
    /// A voice turned out to be another one. What sensors found of it stays with its track where that says nothing new of who is
    /// seen there: both were of this very track, or the other had said no place yet, or had only claimed to be about there (an
    /// address that changes begins so). Of what sensors see elsewhere it says nothing: a word must not lend an intruder what was found
    /// of a friend.
    pub(super) fn voice_merged(&mut self, gone: &Voice, heard: &Heard) {
        let (had, said) = heard.had;
        let only_claimed = had.is_some_and(|track| self.tracker.claimed_only(track) == Some(true));
        let close = |f: Fix| gone.misfit_m(f.place, f.received_at).is_some_and(|m| m <= BESIDE_MAX_M);
        let beside = only_claimed && said.is_some_and(close);
        let silent = had.is_none() && said.is_none();
        for (id, entry) in self.tracks.iter_mut().filter(|(_, e)| e.voices.contains(&gone.id)) {
            let carried = gone.track == Some(*id) && (had == gone.track || silent || beside);
            entry.rename_voice(gone.id, heard.voice, carried);
        }
    }

    /// Once a second: voices that are not remembered any more speak for no track.
    pub(super) fn forget_voices(&mut self) {
        for (id, entry) in self.tracks.iter_mut().filter(|(_, e)| !e.voices.is_empty()) {
            if entry.keep_known_voices(&self.emitters) {
                self.dirty.insert(*id);
            }
        }
    }
}
