//! Which tracks an input has touched.

use lapwing_model::TrackId;
use std::collections::BTreeMap;

/// Tracks to look at before an input is done, and what may have changed of each.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Dirty(BTreeMap<TrackId, Touch>);

/// What an input may have changed of a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) enum Touch {
    /// Where it is, and what it is taken for. Who it is, is as before.
    Moved,
    /// Anything.
    Any,
}

impl Dirty {
    /// Anything may have changed.
    pub(super) fn insert(&mut self, id: TrackId) {
        self.0.insert(id, Touch::Any);
    }

    /// It has moved; what else may have changed of it stands.
    pub(super) fn moved(&mut self, id: TrackId) {
        self.0.entry(id).or_insert(Touch::Moved);
    }

    /// It is gone.
    pub(super) fn remove(&mut self, id: TrackId) {
        self.0.remove(&id);
    }

    /// All of them, which then are clean.
    pub(super) fn take(&mut self) -> impl Iterator<Item = (TrackId, Touch)> + use<> {
        std::mem::take(&mut self.0).into_iter()
    }
}

impl Extend<TrackId> for Dirty {
    fn extend<T: IntoIterator<Item = TrackId>>(&mut self, ids: T) {
        ids.into_iter().for_each(|id| self.insert(id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_hides_no_other_change() {
        let mut dirty = Dirty::default();
        dirty.moved(TrackId(2));
        dirty.insert(TrackId(1));
        dirty.moved(TrackId(1));
        dirty.extend([TrackId(3)]);
        dirty.insert(TrackId(2));
        dirty.moved(TrackId(4));
        dirty.remove(TrackId(3));
        let all: Vec<(TrackId, Touch)> = dirty.take().collect();
        assert_eq!(all, [(TrackId(1), Touch::Any), (TrackId(2), Touch::Any), (TrackId(4), Touch::Moved)]);
        assert_eq!(dirty, Dirty::default());
    }
}
