//! The whole picture as bytes, and back: going on from there gives the same events to the byte.
//!
//! The form is [postcard](https://postcard.jamesmunns.com/wire-format): fields by order, numbers by their bits. It says nothing
//! of itself: whoever keeps it keeps a version beside it, and raises that with any change to a type in here.

use super::*;
use lapwing_track::SavedTracker;
use postcard::ser_flavors::Flavor;
use serde::{Deserialize, Serialize};

/// Why a picture cannot be saved or restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaveError(&'static str);

impl fmt::Display for SaveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for SaveError {}

#[derive(Serialize)]
struct Saving<'a> {
    now: Time,
    site: &'a Site,
    tracker: &'a Tracker,
    emitters: &'a Emitters,
    health: &'a HealthBook,
    alerts: &'a AlertBook,
    tracks: &'a BTreeMap<TrackId, Entry>,
    dirty: &'a Dirty,
    twins: &'a BTreeMap<(TrackId, TrackId), u32>,
    lifted: &'a BTreeMap<(TrackId, TrackId), u32>,
    grid_at: Option<Time>,
    sequence: u64,
}

/// The same fields in the same order.
#[derive(Deserialize)]
struct Saved {
    now: Time,
    site: Site,
    tracker: SavedTracker,
    emitters: Emitters,
    health: HealthBook,
    alerts: AlertBook,
    tracks: BTreeMap<TrackId, Entry>,
    dirty: Dirty,
    twins: BTreeMap<(TrackId, TrackId), u32>,
    lifted: BTreeMap<(TrackId, TrackId), u32>,
    grid_at: Option<Time>,
    sequence: u64,
}

/// Behind what is in a vector, a number at a time; postcard's own flavour for that takes each byte by itself.
struct Behind(Vec<u8>);

impl Flavor for Behind {
    type Output = Vec<u8>;

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<Self::Output> {
        Ok(self.0)
    }
}

impl Picture {
    /// Appends everything that the future of this picture depends on. Between two calls of [`Picture::handle`], with every
    /// event polled; else it is refused, for an event would be lost.
    pub fn save(&self, out: Vec<u8>) -> Result<Vec<u8>, SaveError> {
        // Every field by name: a new one must be saved here, or be said not to matter.
        let Self {
            now,
            site,
            zones: _,
            zone_numbers: _,
            lead_max_s: _,
            authorised: _,
            tracker,
            emitters,
            health,
            alerts,
            geoid: _,
            tracks,
            dirty,
            twins,
            lifted,
            grid_at,
            telling,
            cause: _,
            taken_in: _,
            events,
            sequence,
            scratch: _,
            spare_observations: _,
            spare_outcomes: _,
        } = self;
        if !events.is_empty() || telling.is_some() {
            return Err(SaveError("events have not been polled"));
        }
        let saving = Saving {
            now: *now,
            site,
            tracker,
            emitters,
            health,
            alerts,
            tracks,
            dirty,
            twins,
            lifted,
            grid_at: *grid_at,
            sequence: *sequence,
        };
        postcard::serialize_with_flavor(&saving, Behind(out))
            .map_err(|_| SaveError("the tracker is in the middle of something"))
    }

    /// The picture that [`Picture::save`] wrote, with the same settings of the tracker. Bytes that it did not write are refused
    /// where that shows; whoever keeps them must know them by a hash.
    pub fn restore(bytes: &[u8], config: Config) -> Result<Self, SaveError> {
        let (saved, rest) =
            postcard::take_from_bytes::<Saved>(bytes).map_err(|_| SaveError("not a picture of this version"))?;
        if !rest.is_empty() {
            return Err(SaveError("more bytes than a picture of this version has"));
        }
        let tracker = Tracker::restore(config, saved.tracker).ok_or(SaveError("a tracker that cannot be"))?;
        let mut picture = Self::empty(saved.site, saved.now, tracker);
        picture.emitters = saved.emitters;
        picture.health = saved.health;
        picture.alerts = saved.alerts;
        picture.tracks = saved.tracks;
        picture.dirty = saved.dirty;
        picture.twins = saved.twins;
        picture.lifted = saved.lifted;
        picture.grid_at = saved.grid_at;
        picture.sequence = saved.sequence;
        picture.read_site();
        Ok(picture)
    }

    /// The site it is of.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// The number of the next event.
    pub fn next_sequence(&self) -> u64 {
        self.sequence
    }
}
