//! The voices that speak for a track: few of an honest aircraft, and bounded whoever sends under however many names.

use super::Picture;
use super::tracks::Entry;
use crate::emitters::Emitters;
use lapwing_model::{TrackId, limits};

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

    /// Drops the voices that are not remembered any more. Whether there were any.
    fn keep_known_voices(&mut self, emitters: &Emitters) -> bool {
        let before = self.voices.len();
        self.voices.retain(|v| emitters.get(*v).is_some());
        let voices = &self.voices;
        self.agreements.retain(|v, _| voices.contains(v));
        self.agreed.retain(|v| voices.contains(v));
        self.voices.len() < before
    }

    fn drop_voice(&mut self, voice: u64) {
        self.voices.remove(&voice);
        self.agreements.remove(&voice);
        self.agreed.remove(&voice);
    }
}

impl Picture {
    /// Once a second: voices that are not remembered any more speak for no track.
    pub(super) fn forget_voices(&mut self) {
        for (id, entry) in self.tracks.iter_mut().filter(|(_, e)| !e.voices.is_empty()) {
            if entry.keep_known_voices(&self.emitters) {
                self.dirty.insert(*id);
            }
        }
    }
}
