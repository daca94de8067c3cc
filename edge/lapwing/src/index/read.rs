//! Searching.

use super::catch_up::catch_up;
use super::fill::{Filler, position_of};
use super::search::{Box4, Conditions, boxes, limit, word};
use super::tracks::{piece_id, track_of};
use super::{point, schema};
use crate::bundle::Unpacked;
use anyhow::{Context, anyhow};
use lapwing_model::{Place, Position, Site, Time, TrackId, ZoneId};
use lapwing_picture::zone::Ground;
use lapwing_server::history::{
    AlertRecord, AuditRecord, Circle, HistoryPoint, IncidentId, IncidentRecord, Page, Search, TrackHistory, TrackRecord,
};
use rusqlite::functions::FunctionFlags;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params_from_iter};
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The longest one question may take.
const TIME_MAX: Duration = Duration::from_secs(8);
/// Tracks whose points are looked at for one page.
const EXAMINED_MAX: usize = 5_000;
/// Tracks that boxes may name before the search is refused.
const CANDIDATES_MAX: usize = 500_000;

/// An index that is read.
pub(crate) struct Archive {
    connection: Connection,
    /// When the question being answered has to be answered, milliseconds after `began`.
    deadline: Arc<AtomicU64>,
    began: Instant,
}

/// A configuration the journal holds.
#[derive(Debug, Clone)]
pub(crate) struct Configuration {
    /// Version of the program.
    pub(crate) version: String,
    /// SHA-256 of the site as JSON, hex.
    pub(crate) sha256: String,
    /// The site as JSON.
    pub(crate) json: String,
}

impl Archive {
    /// The index of a journal's folder, brought up to date where no server does that; of a single segment or a bundle, one
    /// in memory.
    pub(crate) fn of(source: &Path) -> anyhow::Result<Self> {
        if Unpacked::is_bundle(source) {
            return Self::in_memory(Unpacked::open(source)?.journal());
        }
        if source.is_dir() {
            super::refresh(source)?;
            return Self::open(source);
        }
        Self::in_memory(source)
    }

    fn in_memory(source: &Path) -> anyhow::Result<Self> {
        let mut filler = Filler::in_memory()?;
        let progress = catch_up(&mut filler, source, None, |_| {}).with_context(|| source.display().to_string())?;
        if progress.damages > 0 {
            tracing::warn!("{}: {} places could not be read", source.display(), progress.damages);
        }
        if progress.entries == 0 {
            return Err(anyhow!("{}: no journal, or an empty one", source.display()));
        }
        Self::with(filler.into_connection()?)
    }

    /// Opens the index of a journal's directory.
    pub(crate) fn open(directory: &Path) -> anyhow::Result<Self> {
        let path = super::path(directory);
        if !path.exists() {
            return Err(anyhow!("{} does not exist; make it with `lapwing reindex`", path.display()));
        }
        Self::open_file(&path).with_context(|| format!("{}: `lapwing reindex` makes it anew", path.display()))
    }

    fn open_file(path: &Path) -> anyhow::Result<Self> {
        // Not read-only: a reader of a write-ahead log has to be able to open its index.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        schema::check(&connection)?;
        Self::with(connection)
    }

    fn with(mut connection: Connection) -> anyhow::Result<Self> {
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.execute_batch("PRAGMA query_only = ON; PRAGMA temp_store = MEMORY")?;
        connection.create_scalar_function(
            "distance_m",
            4,
            FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC,
            |c| {
                let place = |lat: usize, lon: usize| -> rusqlite::Result<Option<Place>> {
                    let (lat, lon): (Option<f64>, Option<f64>) = (c.get(lat)?, c.get(lon)?);
                    Ok(lat.zip(lon).and_then(|(lat, lon)| Place::new(lat, lon)))
                };
                Ok(place(0, 1)?.zip(place(2, 3)?).map(|(a, b)| a.distance_m(b)))
            },
        )?;
        let (deadline, began) = (Arc::new(AtomicU64::new(u64::MAX)), Instant::now());
        let until = Arc::clone(&deadline);
        connection.progress_handler(10_000, Some(move || elapsed_ms(began) > until.load(Ordering::Relaxed)))?;
        Ok(Self { connection, deadline, began })
    }

    /// Gives the next question its time.
    fn start(&self) {
        let limit = elapsed_ms(self.began).saturating_add(u64::try_from(TIME_MAX.as_millis()).unwrap_or(u64::MAX));
        self.deadline.store(limit, Ordering::Relaxed);
    }

    /// Where it goes on, and the time of the last entry it took.
    pub(crate) fn progress(&self) -> anyhow::Result<(Position, Option<Time>)> {
        let last = self.connection.query_row("SELECT last_at FROM state", [], |row| row.get::<_, Option<i64>>(0))?;
        Ok((self.reached()?, last.map(Time::from_nanos)))
    }

    /// The incidents that were not over at a time, the oldest first.
    pub(crate) fn incidents_since(&self, from: Time) -> anyhow::Result<Vec<IncidentRecord>> {
        let query = "SELECT record FROM incident WHERE ended_at IS NULL OR ended_at > ?1 ORDER BY id";
        let mut statement = self.connection.prepare(query)?;
        let records = statement.query_map([from.as_nanos()], |row| row.get::<_, String>(0))?;
        records.map(|text| Ok(serde_json::from_str(&text?)?)).collect()
    }

    fn reached(&self) -> anyhow::Result<Position> {
        Ok(position_of(self.connection.query_row("SELECT next_position FROM state", [], |row| row.get(0))?))
    }

    /// Which tracks.
    pub(crate) fn tracks(&self, search: &Search) -> anyhow::Result<Page<TrackRecord>> {
        self.start();
        match self.region(search)? {
            Some(region) => self.tracks_at(search, &region),
            None => {
                let mut c = Conditions::default();
                c.page("id", search);
                c.span("first_at", "last_at", search);
                c.identity("id", search);
                self.page(&c, "SELECT id, record FROM track WHERE {where} ORDER BY id DESC LIMIT", search)
            }
        }
    }

    /// A page of records, from a query for id and record.
    fn page<T: DeserializeOwned>(&self, c: &Conditions, query: &str, search: &Search) -> anyhow::Result<Page<T>> {
        let limit = limit(search);
        let mut statement = self.connection.prepare(&c.query(&format!("{query} {}", limit + 1)))?;
        let rows = statement
            .query_map(params_from_iter(c.values()), |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
        let mut rows: Vec<(i64, String)> = rows.collect::<Result<_, _>>()?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).and_then(|(id, _)| u64::try_from(*id).ok());
        let items = rows.iter().map(|(_, record)| serde_json::from_str(record)).collect::<Result<_, _>>()?;
        Ok(Page { reached: self.reached()?, items, next })
    }

    fn region(&self, search: &Search) -> anyhow::Result<Option<Region>> {
        if search.near.is_none() && search.zone.is_none() {
            return Ok(None);
        }
        let ground = match &search.zone {
            Some(zone) => Some(self.ground(zone)?),
            None => None,
        };
        Ok(Some(Region { near: search.near, zone: search.zone.clone(), ground: ground.flatten() }))
    }

    /// The outline of a zone as it was configured last; `None` for one that only alerts know of.
    fn ground(&self, zone: &ZoneId) -> anyhow::Result<Option<Ground>> {
        let mut sites = self.connection.prepare("SELECT site FROM configuration ORDER BY position DESC LIMIT 1000")?;
        let mut sites = sites.query([])?;
        while let Some(row) = sites.next()? {
            let text: String = row.get(0)?;
            let site: Site = serde_json::from_str(&text)?;
            if let Some(zone) = site.zones.iter().find(|z| z.id == *zone) {
                return Ok(Ground::new(&zone.shape));
            }
        }
        Ok(None)
    }

    fn tracks_at(&self, search: &Search, region: &Region) -> anyhow::Result<Page<TrackRecord>> {
        let mut candidates = self.candidates(search, region)?;
        let warned = self.warned(region)?;
        candidates.extend(warned.iter().copied());
        let mut page = Page { reached: self.reached()?, items: Vec::new(), next: None };
        let limit = limit(search);
        let mut examined = 0;
        for id in candidates.into_iter().rev() {
            if page.items.len() == limit || examined == EXAMINED_MAX {
                break;
            }
            page.next = u64::try_from(id).ok();
            let mut c = Conditions::default();
            c.and("id = ?", [Value::from(id)]);
            c.page("id", search);
            c.span("first_at", "last_at", search);
            c.identity("id", search);
            let mut statement = self.connection.prepare_cached(&c.query("SELECT record FROM track WHERE {where}"))?;
            let record: Option<String> =
                statement.query_row(params_from_iter(c.values()), |row| row.get(0)).optional()?;
            let Some(record) = record else { continue };
            examined += 1;
            if self.was_there(id, search, region, warned.contains(&id))? {
                page.items.push(serde_json::from_str(&record)?);
            }
        }
        if page.items.len() < limit && examined < EXAMINED_MAX {
            page.next = None;
        }
        Ok(page)
    }

    /// Tracks with a piece whose box meets the region's.
    fn candidates(&self, search: &Search, region: &Region) -> anyhow::Result<BTreeSet<i64>> {
        let mut found = BTreeSet::new();
        for [west, east, south, north] in region.boxes() {
            let mut c = Conditions::default();
            c.and("west <= ? AND east >= ? AND south <= ? AND north >= ?", [east, west, north, south].map(Value::from));
            if let Some(from) = search.from {
                c.and("to_s >= ?", [Value::from(from.as_seconds_f64())]);
            }
            if let Some(to) = search.to {
                c.and("from_s <= ?", [Value::from(to.as_seconds_f64())]);
            }
            let mut statement = self.connection.prepare(&c.query("SELECT id FROM piece_box WHERE {where}"))?;
            let mut rows = statement.query(params_from_iter(c.values()))?;
            while let Some(row) = rows.next()? {
                found.insert(track_of(row.get(0)?));
                if found.len() > CANDIDATES_MAX {
                    return Err(anyhow!("more than {CANDIDATES_MAX} tracks were near there; give a shorter time"));
                }
            }
        }
        Ok(found)
    }

    /// Tracks with an alert on the region's zone.
    fn warned(&self, region: &Region) -> anyhow::Result<BTreeSet<i64>> {
        let Some(zone) = &region.zone else { return Ok(BTreeSet::new()) };
        let mut statement = self.connection.prepare("SELECT DISTINCT track FROM alert WHERE zone = ?1 LIMIT 100000")?;
        let rows = statement.query_map([zone.as_str()], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn was_there(&self, id: i64, search: &Search, region: &Region, warned: bool) -> anyhow::Result<bool> {
        let Ok(number) = u64::try_from(id) else { return Ok(false) };
        let mut near = region.near.is_none();
        let mut zone = warned || region.zone.is_none();
        self.each_piece(TrackId(number), search.from, search.to, |points| {
            for point in points {
                near |= region.near.is_some_and(|c| c.centre.distance_m(point.place) <= c.radius_m);
                zone |= region.ground.as_ref().is_some_and(|g| g.signed_distance_m(point.place) <= 0.0);
            }
            !(near && zone)
        })?;
        Ok(near && zone)
    }

    /// Hands on the points of a track, piece by piece, within two times, until told to stop.
    fn each_piece(
        &self,
        track: TrackId,
        from: Option<Time>,
        to: Option<Time>,
        mut take: impl FnMut(&mut dyn Iterator<Item = HistoryPoint>) -> bool,
    ) -> anyhow::Result<()> {
        let Some(first) = piece_id(track, 0) else { return Ok(()) };
        let last = piece_id(TrackId(track.0.saturating_add(1)), 0).map_or(i64::MAX, |next| next - 1);
        let (from, to) = (from.unwrap_or(Time::MIN), to.unwrap_or(Time::MAX));
        let mut statement = self.connection.prepare_cached(
            "SELECT points FROM piece WHERE id BETWEEN ?1 AND ?2 AND last_at >= ?3 AND first_at <= ?4 ORDER BY id",
        )?;
        let mut rows = statement.query([first, last, from.as_nanos(), to.as_nanos()])?;
        while let Some(row) = rows.next()? {
            let bytes: Vec<u8> = row.get(0)?;
            let mut points = point::all(&bytes).filter(|p| p.at >= from && p.at <= to);
            if !take(&mut points) {
                break;
            }
        }
        Ok(())
    }

    /// One track with points of its history; `None` when there is none.
    pub(crate) fn track(
        &self,
        id: TrackId,
        from: Option<Time>,
        to: Option<Time>,
        skip: u64,
        limit: usize,
    ) -> anyhow::Result<Option<TrackHistory>> {
        self.start();
        let record: Option<String> = match i64::try_from(id.0) {
            Ok(row) => self
                .connection
                .query_row("SELECT record FROM track WHERE id = ?1", [row], |row| row.get(0))
                .optional()?,
            Err(_) => None,
        };
        let Some(record) = record else { return Ok(None) };
        let (mut points, mut passed, mut next) = (Vec::new(), 0_u64, None);
        self.each_piece(id, from, to, |piece| {
            for point in piece {
                if points.len() == limit {
                    next = Some(passed);
                    return false;
                }
                if passed >= skip {
                    points.push(point);
                }
                passed += 1;
            }
            true
        })?;
        let track = serde_json::from_str(&record)?;
        Ok(Some(TrackHistory { reached: self.reached()?, track, points, next }))
    }

    /// Hands on tracks with their points between two times, in the order of their ids: those named, or all.
    pub(crate) fn each_track(
        &self,
        from: Option<Time>,
        to: Option<Time>,
        only: &[TrackId],
        mut take: impl FnMut(TrackRecord, &[HistoryPoint]) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        // Not an answer somebody waits for: it may take as long as it takes.
        self.deadline.store(u64::MAX, Ordering::Relaxed);
        let mut c = Conditions::default();
        c.span("first_at", "last_at", &Search { from, to, ..Search::default() });
        if !only.is_empty() {
            let ids: Vec<Value> = only.iter().filter_map(|t| i64::try_from(t.0).ok()).map(Value::from).collect();
            let marks = vec!["?"; ids.len()].join(", ");
            c.and(&format!("id IN ({marks})"), ids);
        }
        let mut statement = self.connection.prepare(&c.query("SELECT record FROM track WHERE {where} ORDER BY id"))?;
        let mut rows = statement.query(params_from_iter(c.values()))?;
        while let Some(row) = rows.next()? {
            let text: String = row.get(0)?;
            let record: TrackRecord = serde_json::from_str(&text)?;
            let mut points = Vec::new();
            self.each_piece(record.id, from, to, |piece| {
                points.extend(piece);
                true
            })?;
            take(record, &points)?;
        }
        Ok(())
    }

    /// Which alerts.
    pub(crate) fn alerts(&self, search: &Search) -> anyhow::Result<Page<AlertRecord>> {
        self.start();
        let mut c = Conditions::default();
        c.page("id", search);
        c.span("raised_at", "CASE open WHEN 1 THEN NULL ELSE changed_at END", search);
        c.identity("track", search);
        of_place(&mut c, search);
        self.page(&c, "SELECT id, record FROM alert WHERE {where} ORDER BY id DESC LIMIT", search)
    }

    /// Which incidents.
    pub(crate) fn incidents(&self, search: &Search) -> anyhow::Result<Page<IncidentRecord>> {
        self.start();
        let mut c = Conditions::default();
        c.page("id", search);
        c.span("began_at", "ended_at", search);
        if search.near.is_some() || search.zone.is_some() || search.identity.is_some() {
            let mut of = Conditions::default();
            of.identity("track", search);
            of_place(&mut of, search);
            let inner = of.query("id IN (SELECT incident FROM alert WHERE {where})");
            c.and(&inner, of.values().cloned().collect::<Vec<_>>());
        }
        self.page(&c, "SELECT id, record FROM incident WHERE {where} ORDER BY id DESC LIMIT", search)
    }

    /// One incident.
    pub(crate) fn incident(&self, id: IncidentId) -> anyhow::Result<Option<IncidentRecord>> {
        self.start();
        let Ok(row) = i64::try_from(id.0) else { return Ok(None) };
        let text: Option<String> = self
            .connection
            .query_row("SELECT record FROM incident WHERE id = ?1", [row], |row| row.get(0))
            .optional()?;
        Ok(text.map(|t| serde_json::from_str(&t)).transpose()?)
    }

    /// What people did and what was configured.
    pub(crate) fn audit(&self, search: &Search) -> anyhow::Result<Page<AuditRecord>> {
        self.start();
        let mut c = Conditions::default();
        c.page("position", search);
        c.span("at", "at", search);
        if let Some(by) = &search.identity {
            c.and("by = ? COLLATE NOCASE", [Value::from(by.clone())]);
        }
        let query = "SELECT position, json_object('position', position, 'at', at, 'kind', kind, 'by', by, 'what', what, \
                     'sha256', sha256) FROM audit WHERE {where} ORDER BY position DESC LIMIT";
        let page: Page<AuditRow> = self.page(&c, query, search)?;
        let items = page.items.into_iter().map(AuditRow::record).collect::<Result<_, _>>()?;
        Ok(Page { reached: page.reached, items, next: page.next })
    }

    /// Where the run began that a position belongs to.
    pub(crate) fn run_of(&self, position: Position) -> anyhow::Result<Option<Position>> {
        let row = i64::try_from(position.0).unwrap_or(i64::MAX);
        let query = "SELECT max(position) FROM configuration WHERE position <= ?1 AND fresh = 1";
        let found: Option<i64> = self.connection.query_row(query, [row], |row| row.get(0))?;
        Ok(found.map(position_of))
    }

    /// The configuration in force at a position.
    pub(crate) fn configuration(&self, at: Position) -> anyhow::Result<Option<Configuration>> {
        let row = i64::try_from(at.0).unwrap_or(i64::MAX);
        let query =
            "SELECT version, sha256, site FROM configuration WHERE position <= ?1 ORDER BY position DESC LIMIT 1";
        let found = self.connection.query_row(query, [row], |row| {
            Ok(Configuration { version: row.get(0)?, sha256: row.get(1)?, json: row.get(2)? })
        });
        Ok(found.optional()?)
    }
}

/// An audit row on its way out of SQLite, which has no times.
#[derive(serde::Deserialize)]
struct AuditRow {
    position: u64,
    at: i64,
    kind: lapwing_server::history::AuditKind,
    by: Option<String>,
    what: String,
    sha256: Option<String>,
}

impl AuditRow {
    fn record(self) -> anyhow::Result<AuditRecord> {
        Ok(AuditRecord {
            position: Position(self.position),
            at: Time::from_nanos(self.at),
            kind: self.kind,
            by: self.by,
            what: self.what,
            sha256: self.sha256,
        })
    }
}

/// Where to look.
struct Region {
    near: Option<Circle>,
    zone: Option<ZoneId>,
    ground: Option<Ground>,
}

impl Region {
    fn boxes(&self) -> Vec<Box4> {
        if let Some(near) = &self.near {
            return boxes(near);
        }
        let Some(ground) = &self.ground else { return Vec::new() };
        let (west, width, south, north) = ground.bounds_deg();
        match west + width {
            east if east > 180.0 => vec![[west, 180.0, south, north], [-180.0, east - 360.0, south, north]],
            east => vec![[west, east, south, north]],
        }
    }
}

/// Alerts at a place or on a zone.
fn of_place(c: &mut Conditions, search: &Search) {
    if let Some(Circle { centre, radius_m }) = search.near {
        let values = [centre.latitude_deg, centre.longitude_deg, radius_m].map(Value::from);
        c.and("distance_m(latitude_deg, longitude_deg, ?, ?) <= ?", values);
    }
    if let Some(zone) = &search.zone {
        c.and("zone = ?", [Value::from(zone.to_string())]);
    }
}

fn elapsed_ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// A status or phase in one word, for people.
pub(crate) fn plain<T: serde::Serialize>(value: &T) -> String {
    word(value).replace('_', " ")
}
