//! The list of authorised flights, and whose names are on it.

use super::Picture;
use super::agree::speaks_here;
use super::tracks::Entry;
use lapwing_model::{EvidenceKind, Name, Place, TrackId};

/// A name found on the list of authorised flights.
pub(super) struct Listed {
    /// Place and time fit.
    pub(super) allowed: bool,
    pub(super) detail: String,
}

impl Listed {
    pub(super) fn kind(&self) -> EvidenceKind {
        if self.allowed { EvidenceKind::OnAuthorisedList } else { EvidenceKind::OutsideAuthorisation }
    }
}

impl Picture {
    /// Whether a name that a voice gives this track now is on the list of authorised flights.
    pub(super) fn authorised_word(&self, id: TrackId, entry: &Entry) -> Option<Listed> {
        if self.authorised.is_empty() || entry.voices.is_empty() {
            return None;
        }
        let place = self.place_of(id)?;
        let here = entry.voices.iter().filter_map(|v| self.emitters.get(*v)).filter(|v| speaks_here(id, v, self.now));
        here.filter_map(|v| self.listed(&v.names, place)).max_by_key(|l| l.allowed)
    }

    /// Whether one of the names is on the list, and whether place and time fit.
    pub(super) fn listed(&self, names: &[Name], place: Place) -> Option<Listed> {
        let mut outside = None;
        for name in names {
            for (flight, area) in self.authorised.get(name).into_iter().flatten() {
                let in_time = flight.from.is_none_or(|t| self.now >= t) && flight.to.is_none_or(|t| self.now <= t);
                // An area that could not be read allows no place.
                let in_area = flight.area.is_none() || area.as_ref().is_some_and(|a| a.contains(place));
                if in_time && in_area {
                    let detail = format!("{} is on the list of authorised flights", name.value);
                    return Some(Listed { allowed: true, detail });
                }
                let what = if in_time { "outside its area" } else { "outside its time" };
                let detail = format!("{} is authorised, but {what}", name.value);
                outside = Some(Listed { allowed: false, detail });
            }
        }
        outside
    }
}
