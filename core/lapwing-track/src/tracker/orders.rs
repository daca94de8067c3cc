//! Joins and splits by order, which stand among the looks like everything else.

use super::*;

impl Tracker {
    /// Joins `from` into `into`, by order. Whether both were live and different.
    pub fn join(&mut self, into: TrackId, from: TrackId) -> bool {
        self.take_in_all();
        let find = |id| self.track(id).map(|t| (t.key, t.labels.first().map(|(label, _)| *label)));
        let (Some(a), Some(b)) = (find(into), find(from)) else { return false };
        if a.0 == b.0 {
            return false;
        }
        let act = Act::Join { into: a, from: b };
        self.command(act);
        true
    }

    /// Takes `label` from a track and gives it to a new one that begins as its copy: undoes a wrong join. `None` when
    /// the track does not carry it or there is no room.
    pub fn split(&mut self, id: TrackId, label: Label) -> Option<TrackId> {
        self.take_in_all();
        if self.filter.tracks.len() >= self.config.tracks_max {
            return None;
        }
        let key = self.track(id).filter(|t| t.carries(label))?.key;
        let new = key_of(key ^ self.commands.wrapping_mul(0x9e37_79b9), 7);
        self.command(Act::Split { key, label, new });
        self.published.get(&new).map(|p| p.id)
    }

    /// An order is of now: what waits is of before.
    fn take_in_all(&mut self) {
        if let Some(now) = self.clock {
            self.take_in_up_to(now);
        }
    }

    fn command(&mut self, act: Act) {
        self.commands += 1;
        // After everything so far.
        let at = self.head.map_or(self.clock.unwrap_or(Time::MIN), |h| h.at);
        let at = self.filter.clock.map_or(at, |c| c.max(at));
        // What waits and is of before it comes first, or it would be passed over.
        self.take_in_up_to(at);
        let order = Order { at, sensor: u64::MAX, key: self.commands };
        self.apply_now(Item { order, act, due: at, fresh: None }, &mut Vec::new());
    }
}
