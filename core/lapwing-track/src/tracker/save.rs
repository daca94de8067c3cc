//! The tracker's state, saved and restored. What is worked out from the rest (sensors made ready, frames of regions, heights of
//! the geoid) and working memory are not kept: made anew, they have the same bits.

use super::*;
use serde::{Deserialize, Serialize, Serializer};

/// A tracker as it was saved, on its way back: see [`Tracker::restore`].
#[derive(Debug, Clone, Deserialize)]
pub struct SavedTracker {
    clock: Option<Time>,
    filter: Filter,
    head: Option<Order>,
    items: VecDeque<Item>,
    readings_kept: usize,
    copies: Vec<(Order, Filter)>,
    rebuild_from: Option<Order>,
    rebuild_at: Option<Time>,
    rebuilt_at: Option<Time>,
    gathered_at: Option<Time>,
    waiting: usize,
    late_at: Option<Time>,
    regions: Vec<(i32, i32)>,
    sensors: Vec<Sensor>,
    scans: Vec<VecDeque<(u64, Time)>>,
    published: BTreeMap<u64, Published>,
    slots: BTreeMap<TrackId, u32>,
    last_id: u64,
    commands: u64,
}

/// The same fields in the same order, borrowed.
#[derive(Serialize)]
struct Saving<'a> {
    clock: &'a Option<Time>,
    filter: &'a Filter,
    head: &'a Option<Order>,
    items: &'a VecDeque<Item>,
    readings_kept: usize,
    copies: &'a Vec<(Order, Filter)>,
    rebuild_from: &'a Option<Order>,
    rebuild_at: &'a Option<Time>,
    rebuilt_at: &'a Option<Time>,
    gathered_at: &'a Option<Time>,
    waiting: usize,
    late_at: &'a Option<Time>,
    regions: Vec<(i32, i32)>,
    sensors: Vec<&'a Sensor>,
    scans: &'a Vec<VecDeque<(u64, Time)>>,
    published: &'a BTreeMap<u64, Published>,
    slots: &'a BTreeMap<TrackId, u32>,
    last_id: u64,
    commands: u64,
}

impl Serialize for Tracker {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Every field by name: a new one must be saved here, or be said not to matter.
        let Self {
            config: _,
            lag: _,
            clock,
            filter,
            head,
            items,
            readings_kept,
            copies,
            spare: _,
            spare_readings: _,
            rebuild_from,
            rebuild_at,
            rebuilt_at,
            gathered_at,
            waiting,
            late_at,
            regions,
            posts,
            numbers: _,
            scans,
            geoid: _,
            work: _,
            repeats: _,
            published,
            slots,
            last_id,
            commands,
            changes,
        } = self;
        if !changes.is_empty() || !filter.notes.is_empty() {
            return Err(serde::ser::Error::custom("changes have not been polled"));
        }
        Saving {
            clock,
            filter,
            head,
            items,
            readings_kept: *readings_kept,
            copies,
            rebuild_from,
            rebuild_at,
            rebuilt_at,
            gathered_at,
            waiting: *waiting,
            late_at,
            regions: regions.cells(),
            sensors: posts.iter().map(|post| &post.sensor).collect(),
            scans,
            published,
            slots,
            last_id: *last_id,
            commands: *commands,
        }
        .serialize(serializer)
    }
}

impl Tracker {
    /// The tracker that was saved, going on with the settings it had: with others it is another tracker. `None` when what was
    /// saved cannot be one of ours.
    pub fn restore(config: Config, saved: SavedTracker) -> Option<Self> {
        let filters = std::iter::once(&saved.filter).chain(saved.copies.iter().map(|(_, filter)| filter));
        let sound = saved.sensors.len() <= limits::SENSORS_MAX && filters.into_iter().all(Filter::is_sound);
        if !sound {
            return None;
        }
        let mut tracker = Self::new(config);
        tracker.regions = Regions::restore(&saved.regions)?;
        for sensor in &saved.sensors {
            tracker.number_of(sensor)?;
        }
        tracker.clock = saved.clock;
        tracker.filter = saved.filter;
        tracker.head = saved.head;
        tracker.items = saved.items;
        tracker.readings_kept = saved.readings_kept;
        tracker.copies = saved.copies;
        tracker.rebuild_from = saved.rebuild_from;
        tracker.rebuild_at = saved.rebuild_at;
        tracker.rebuilt_at = saved.rebuilt_at;
        tracker.gathered_at = saved.gathered_at;
        tracker.waiting = saved.waiting;
        tracker.late_at = saved.late_at;
        tracker.scans = saved.scans;
        tracker.published = saved.published;
        tracker.slots = saved.slots;
        tracker.last_id = saved.last_id;
        tracker.commands = saved.commands;
        Some(tracker)
    }

    /// Ids given from now on are greater than `id`.
    pub fn ids_after(&mut self, id: u64) {
        self.last_id = self.last_id.max(id);
    }
}
