//! Tracks on their way into the index: the latest piece of each stays in memory until the next commit has written it.

use super::point::{self, BYTES, PER_PIECE};
use lapwing_model::{EventBody, Phase, Place, Position, Severity, Span, Time, Track, TrackId};
use lapwing_server::history::{Bounds, TrackRecord};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeMap;

/// A track that has not been told of for this long is no longer kept in memory.
const KEPT: Span = Span::from_seconds(600);
/// Pieces of a track are numbered below this; two years of points.
const PIECES_MAX: i64 = 1 << 20;

/// The row of a piece.
pub(crate) fn piece_id(track: TrackId, number: i64) -> Option<i64> {
    let track = i64::try_from(track.0).ok()?;
    (number < PIECES_MAX).then_some(())?;
    track.checked_mul(PIECES_MAX)?.checked_add(number)
}

/// The track of a piece.
pub(crate) fn track_of(piece: i64) -> i64 {
    piece / PIECES_MAX
}

struct Live {
    record: TrackRecord,
    /// Number of the last piece, and its bytes.
    number: i64,
    piece: Vec<u8>,
    /// Pieces that are full and not yet written.
    full: Vec<(i64, Vec<u8>)>,
    names_new: bool,
    changed: bool,
    told_at: Time,
}

/// The tracks in memory.
#[derive(Default)]
pub(crate) struct Tracks {
    live: BTreeMap<TrackId, Live>,
}

impl Tracks {
    /// Takes what an event says of tracks.
    pub(crate) fn event(
        &mut self,
        connection: &Connection,
        position: Position,
        at: Time,
        body: &EventBody,
    ) -> anyhow::Result<()> {
        match body {
            EventBody::TrackBegan { track } | EventBody::TrackUpdated { track } => {
                self.told(connection, position, at, track)?;
            }
            EventBody::TrackEnded { track, why } => {
                self.change(connection, *track, position, at, |record| {
                    record.ended_at = Some(at);
                    record.ended_why = Some(why.to_string());
                    record.phase = Phase::Ended;
                })?;
            }
            EventBody::TracksJoined { into, from, .. } => {
                self.change(connection, *from, position, at, |record| record.joined_into = Some(*into))?;
            }
            EventBody::TrackSplit { from, into, .. } => {
                self.change(connection, *into, position, at, |record| record.split_from = Some(*from))?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Notes how severe an alert about a track was.
    pub(crate) fn severity(
        &mut self,
        connection: &Connection,
        id: TrackId,
        position: Position,
        at: Time,
        severity: Severity,
    ) -> anyhow::Result<()> {
        self.change(connection, id, position, at, |record| {
            record.severity_max = record.severity_max.max(Some(severity));
        })
    }

    /// Where a track was last, as far as is known.
    pub(crate) fn place(&mut self, connection: &Connection, id: TrackId) -> anyhow::Result<Option<Place>> {
        let live = self.find(connection, id)?;
        Ok(live.and_then(|l| point::all(&l.piece).last()).map(|p| p.place))
    }

    fn change(
        &mut self,
        connection: &Connection,
        id: TrackId,
        position: Position,
        at: Time,
        act: impl FnOnce(&mut TrackRecord),
    ) -> anyhow::Result<()> {
        if let Some(live) = self.find(connection, id)? {
            act(&mut live.record);
            live.record.last_position = position;
            live.told_at = at;
            live.changed = true;
        }
        Ok(())
    }

    /// The track in memory, read back from the index where it is only there.
    fn find(&mut self, connection: &Connection, id: TrackId) -> anyhow::Result<Option<&mut Live>> {
        if !self.live.contains_key(&id)
            && let Some(live) = load(connection, id)?
        {
            self.live.insert(id, live);
        }
        Ok(self.live.get_mut(&id))
    }

    fn told(&mut self, connection: &Connection, position: Position, at: Time, track: &Track) -> anyhow::Result<()> {
        if self.find(connection, track.id)?.is_none() {
            self.live.insert(track.id, Live::new(position, track));
        }
        if let Some(live) = self.live.get_mut(&track.id) {
            live.told(position, at, track);
        }
        Ok(())
    }

    /// Writes what has changed since the last commit, and forgets what is over.
    pub(crate) fn write(&mut self, connection: &Connection, now: Time) -> anyhow::Result<()> {
        for (id, live) in &mut self.live {
            if live.changed {
                live.write(connection, *id)?;
            }
        }
        self.live.retain(|_, live| live.record.ended_at.is_none() && now.since(live.told_at) < KEPT);
        Ok(())
    }
}

/// Removes the tracks of which the journal keeps nothing any more: told of for the last time before `end`, and about which
/// there was no alert.
pub(crate) fn expire(connection: &Connection, end: Position) -> anyhow::Result<()> {
    let gone = "SELECT id FROM track WHERE last_position < ?1 AND id NOT IN (SELECT track FROM alert)";
    let end = super::fill::number_of(end)?;
    let gone: Vec<i64> =
        connection.prepare_cached(gone)?.query_map([end], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for id in gone {
        let pieces = [id.saturating_mul(PIECES_MAX), id.saturating_add(1).saturating_mul(PIECES_MAX) - 1];
        for statement in
            ["DELETE FROM piece_box WHERE id BETWEEN ?1 AND ?2", "DELETE FROM piece WHERE id BETWEEN ?1 AND ?2"]
        {
            connection.prepare_cached(statement)?.execute(pieces)?;
        }
        for statement in ["DELETE FROM name WHERE track = ?1", "DELETE FROM track WHERE id = ?1"] {
            connection.prepare_cached(statement)?.execute([id])?;
        }
    }
    Ok(())
}

impl Live {
    fn new(position: Position, track: &Track) -> Self {
        let place = track.kinematics.place;
        Self {
            record: TrackRecord {
                id: track.id,
                first_at: track.first_at,
                last_at: track.last_at,
                ended_at: None,
                ended_why: None,
                phase: track.phase,
                confirmed: false,
                claimed_only: track.claimed_only,
                existence_max: 0.0,
                identity: track.identity.status,
                names: Vec::new(),
                class: None,
                class_probability: None,
                severity_max: None,
                bounds: Bounds {
                    west_deg: place.longitude_deg,
                    south_deg: place.latitude_deg,
                    east_deg: place.longitude_deg,
                    north_deg: place.latitude_deg,
                },
                points: 0,
                joined_into: None,
                split_from: None,
                operator: None,
                first_position: position,
                last_position: position,
            },
            number: 0,
            piece: Vec::with_capacity(BYTES * PER_PIECE),
            full: Vec::new(),
            names_new: false,
            changed: true,
            told_at: track.last_at,
        }
    }

    fn told(&mut self, position: Position, at: Time, track: &Track) {
        let r = &mut self.record;
        r.first_at = r.first_at.min(track.first_at);
        r.last_at = r.last_at.max(track.last_at);
        r.ended_at = None;
        r.ended_why = None;
        r.phase = track.phase;
        r.confirmed |= track.phase != Phase::Tentative;
        r.claimed_only &= track.claimed_only;
        r.existence_max = r.existence_max.max(track.existence);
        r.identity = track.identity.status;
        for name in &track.identity.names {
            if !r.names.contains(name) {
                r.names.push(name.clone());
                self.names_new = true;
            }
        }
        let best = track.classification.best();
        r.class = best.map(|(class, _)| class);
        r.class_probability = best.map(|(_, probability)| probability);
        r.operator.clone_from(&track.operator);
        r.last_position = position;
        self.told_at = at;
        self.changed = true;
        self.push(track);
    }

    fn push(&mut self, track: &Track) {
        let new = point::of(track);
        let last = point::all(self.piece.get(self.piece.len().saturating_sub(BYTES)..).unwrap_or_default()).next();
        match last {
            // The same state told again, because something else about the track changed.
            Some(last) if last.at == new.at => self.piece.truncate(self.piece.len() - BYTES),
            _ => {
                self.record.points += 1;
                if self.piece.len() >= BYTES * PER_PIECE {
                    self.full.push((self.number, std::mem::take(&mut self.piece)));
                    self.number += 1;
                }
            }
        }
        point::push(&new, &mut self.piece);
        let b = &mut self.record.bounds;
        let across = last.is_some_and(|l| (l.place.longitude_deg - new.place.longitude_deg).abs() > 180.0);
        b.west_deg = if across { -180.0 } else { b.west_deg.min(new.place.longitude_deg) };
        b.east_deg = if across { 180.0 } else { b.east_deg.max(new.place.longitude_deg) };
        b.south_deg = b.south_deg.min(new.place.latitude_deg);
        b.north_deg = b.north_deg.max(new.place.latitude_deg);
    }

    fn write(&mut self, connection: &Connection, id: TrackId) -> anyhow::Result<()> {
        let Ok(row) = i64::try_from(id.0) else { return Ok(()) };
        let r = &self.record;
        connection
            .prepare_cached(
                "INSERT INTO track VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO UPDATE SET \
                 first_at = ?2, last_at = ?3, last_position = ?4, identity = ?5, record = ?6",
            )?
            .execute(params![
                row,
                r.first_at.as_nanos(),
                r.last_at.as_nanos(),
                super::fill::number_of(r.last_position)?,
                super::search::word(&r.identity),
                serde_json::to_string(r)?
            ])?;
        if std::mem::take(&mut self.names_new) {
            let mut insert = connection.prepare_cached("INSERT OR IGNORE INTO name VALUES (?1, ?2, ?3)")?;
            for name in &self.record.names {
                insert.execute(params![row, super::search::word(&name.kind), name.value.as_str()])?;
            }
        }
        for (number, piece) in self.full.drain(..) {
            write_piece(connection, id, number, &piece)?;
        }
        write_piece(connection, id, self.number, &self.piece)?;
        self.changed = false;
        Ok(())
    }
}

fn write_piece(connection: &Connection, track: TrackId, number: i64, piece: &[u8]) -> anyhow::Result<()> {
    // Beyond two years of points a track is no aircraft; the journal still has them.
    let Some(id) = piece_id(track, number) else { return Ok(()) };
    let Some(extent) = extent(piece) else { return Ok(()) };
    connection.prepare_cached("INSERT OR REPLACE INTO piece VALUES (?1, ?2, ?3, ?4)")?.execute(params![
        id,
        extent.first_at.as_nanos(),
        extent.last_at.as_nanos(),
        piece
    ])?;
    connection.prepare_cached("INSERT OR REPLACE INTO piece_box VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?.execute(
        params![
            id,
            extent.bounds.west_deg,
            extent.bounds.east_deg,
            extent.bounds.south_deg,
            extent.bounds.north_deg,
            extent.first_at.as_seconds_f64(),
            extent.last_at.as_seconds_f64()
        ],
    )?;
    Ok(())
}

struct Extent {
    bounds: Bounds,
    first_at: Time,
    last_at: Time,
}

fn extent(piece: &[u8]) -> Option<Extent> {
    let mut points = point::all(piece);
    let first = points.next()?;
    let (lon, lat) = (first.place.longitude_deg, first.place.latitude_deg);
    let mut bounds = Bounds { west_deg: lon, south_deg: lat, east_deg: lon, north_deg: lat };
    let (mut first_at, mut last_at, mut before) = (first.at, first.at, lon);
    for point in points {
        let (lon, lat) = (point.place.longitude_deg, point.place.latitude_deg);
        if (lon - before).abs() > 180.0 {
            (bounds.west_deg, bounds.east_deg) = (-180.0, 180.0);
        }
        before = lon;
        bounds.west_deg = bounds.west_deg.min(lon);
        bounds.east_deg = bounds.east_deg.max(lon);
        bounds.south_deg = bounds.south_deg.min(lat);
        bounds.north_deg = bounds.north_deg.max(lat);
        first_at = first_at.min(point.at);
        last_at = last_at.max(point.at);
    }
    Some(Extent { bounds, first_at, last_at })
}

fn load(connection: &Connection, id: TrackId) -> anyhow::Result<Option<Live>> {
    let Some(first) = piece_id(id, 0) else { return Ok(None) };
    let record: Option<String> = connection
        .prepare_cached("SELECT record FROM track WHERE id = ?1")?
        .query_row([track_of(first)], |row| row.get(0))
        .optional()?;
    let Some(record) = record else { return Ok(None) };
    let record: TrackRecord = serde_json::from_str(&record)?;
    let last: Option<(i64, Vec<u8>)> = connection
        .prepare_cached("SELECT id, points FROM piece WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC LIMIT 1")?
        .query_row([first, first + PIECES_MAX - 1], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (row, piece) = last.unwrap_or((first, Vec::new()));
    let told_at = record.last_at;
    Ok(Some(Live { record, number: row - first, piece, full: Vec::new(), names_new: false, changed: false, told_at }))
}
