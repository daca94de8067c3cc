//! Filling: one entry of the journal after the other, in the order of their positions.

use super::noted::Noted;
use super::tracks::Tracks;
use super::{alerts, schema, tracks};
use anyhow::Context;
use lapwing_journal::{Audit, Taken};
use lapwing_model::{Command, Event, EventBody, Order, Position, Site, Time};
use rusqlite::{Connection, OpenFlags, params};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::path::Path;

/// An index that is written to.
pub(crate) struct Filler {
    connection: Connection,
    tracks: Tracks,
    state: State,
    open: bool,
}

/// How far the index has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct State {
    /// Where to go on reading.
    pub(crate) next: Position,
    /// The last entry taken, with its time: an index is of this journal when the journal has that very entry.
    pub(crate) last: Option<(Position, Time)>,
}

impl Filler {
    /// A new index.
    pub(crate) fn create(path: &Path) -> anyhow::Result<Self> {
        let connection = Connection::open(path).with_context(|| path.display().to_string())?;
        schema::create(&connection).with_context(|| path.display().to_string())?;
        Self::with(connection)
    }

    /// An index that is there; an error says why it cannot be used.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        schema::check(&connection)?;
        schema::settings(&connection)?;
        Self::with(connection)
    }

    /// An index of its own, in memory.
    pub(crate) fn in_memory() -> anyhow::Result<Self> {
        let connection = Connection::open_in_memory()?;
        schema::create_in_memory(&connection)?;
        Self::with(connection)
    }

    /// Ends filling, and gives the connection to read by.
    pub(crate) fn into_connection(mut self) -> anyhow::Result<Connection> {
        self.commit()?;
        Ok(self.connection)
    }

    fn with(connection: Connection) -> anyhow::Result<Self> {
        connection.set_prepared_statement_cache_capacity(32);
        let row = "SELECT next_position, last_position, last_at FROM state";
        let state = connection.query_row(row, [], |row| {
            let (position, at): (Option<i64>, Option<i64>) = (row.get(1)?, row.get(2)?);
            Ok(State {
                next: position_of(row.get(0)?),
                last: position.zip(at).map(|(p, t)| (position_of(p), Time::from_nanos(t))),
            })
        })?;
        Ok(Self { connection, tracks: Tracks::default(), state, open: false })
    }

    /// How far it has come, what is not yet committed included.
    pub(crate) fn state(&self) -> State {
        self.state
    }

    /// Takes an entry. What was taken before is passed over.
    pub(crate) fn take(&mut self, position: Position, at: Time, noted: &Noted) -> anyhow::Result<()> {
        if position < self.state.next {
            return Ok(());
        }
        if !self.open {
            self.connection.execute_batch("BEGIN IMMEDIATE")?;
            self.open = true;
        }
        match noted {
            Noted::Site { site, version, fresh } => self.site(position, at, site, version, *fresh)?,
            Noted::Command(command) => self.command(position, at, command)?,
            Noted::Event(event) => self.event(position, event)?,
            Noted::Audit(audit) => self.record(position, at, audit)?,
            Noted::Stop => self.audit(position, at, "stop", None, "the server stopped", None)?,
        }
        self.state.next = Position(position.0.saturating_add(1));
        self.state.last = Some((position, at));
        Ok(())
    }

    /// Makes what was taken stand.
    pub(crate) fn commit(&mut self) -> anyhow::Result<()> {
        let Some((last, at)) = self.state.last.filter(|_| self.open) else { return Ok(()) };
        self.tracks.write(&self.connection, at)?;
        self.connection
            .prepare_cached("UPDATE state SET next_position = ?1, last_position = ?2, last_at = ?3")?
            .execute(params![number_of(self.state.next)?, number_of(last)?, at.as_nanos()])?;
        self.connection.execute_batch("COMMIT")?;
        self.open = false;
        Ok(())
    }

    /// Puts the write-ahead log back into the file.
    pub(crate) fn close(mut self) -> anyhow::Result<()> {
        self.commit()?;
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }

    fn site(&mut self, position: Position, at: Time, site: &Site, version: &str, fresh: bool) -> anyhow::Result<()> {
        let json = serde_json::to_string(site)?;
        let sha256 = hex(&Sha256::digest(json.as_bytes()));
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO configuration VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute(params![number_of(position)?, at.as_nanos(), version, sha256, fresh, json])?;
        if fresh {
            alerts::begin_anew(&self.connection, at)?;
        }
        let what = format!(
            "lapwing {version} runs the site {:?}: {} sensors, {} inputs, {} zones, {} rules, {} authorised flights",
            site.name.as_str(),
            site.sensors.len(),
            site.inputs.len(),
            site.zones.len(),
            site.rules.len(),
            site.authorised.len()
        );
        self.audit(position, at, "configuration", None, &what, Some(&sha256))
    }

    /// What was done to the record itself. What the journal keeps no longer the index must not keep either.
    fn record(&mut self, position: Position, at: Time, audit: &Audit) -> anyhow::Result<()> {
        let what = match audit {
            Audit::GivenUp { segment, why, again } => {
                format!("segment {segment} was given up: {why}; {again} entries were written again")
            }
            Audit::Erased { request, entries } => {
                let what = format!("request {request}: {entries} entries were erased");
                return self.audit(position, at, "erasure", None, &what, None);
            }
            Audit::KeyChanged { .. } => "the record is signed with another key from the next segment on".to_owned(),
            Audit::NotRecorded { entries, since, until, reason } => {
                format!("{entries} entries were not recorded from {since} to {until}: {reason}")
            }
            Audit::Expired { segment, first, end, taken } => {
                self.tracks.write(&self.connection, at)?;
                tracks::expire(&self.connection, Position(*end))?;
                let which = match taken {
                    Taken::ClassB => "raw detail that no incident holds",
                    Taken::All => "all",
                };
                format!("entries {first} up to {end} of segment {segment} are kept no longer: {which}")
            }
        };
        self.audit(position, at, "record", None, &what, None)
    }

    fn command(&mut self, position: Position, at: Time, command: &Command) -> anyhow::Result<()> {
        let what = match &command.order {
            Order::AcknowledgeAlert { alert, note: None } => format!("acknowledged {alert}"),
            Order::AcknowledgeAlert { alert, note: Some(note) } => format!("acknowledged {alert}: {note}"),
        };
        self.audit(position, at, "command", Some(command.by.as_str()), &what, None)
    }

    fn audit(
        &mut self,
        position: Position,
        at: Time,
        kind: &str,
        by: Option<&str>,
        what: &str,
        sha256: Option<&str>,
    ) -> anyhow::Result<()> {
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO audit VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute(params![number_of(position)?, at.as_nanos(), kind, by, what, sha256])?;
        Ok(())
    }

    fn event(&mut self, position: Position, event: &Event) -> anyhow::Result<()> {
        match &event.body {
            EventBody::AlertChanged { alert } => {
                alerts::told(&self.connection, &mut self.tracks, position, event.at, alert)
            }
            body => self.tracks.event(&self.connection, position, event.at, body),
        }
    }
}

/// Bytes as lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, b| {
        let _ = write!(text, "{b:02x}");
        text
    })
}

pub(crate) fn position_of(number: i64) -> Position {
    Position(u64::try_from(number).unwrap_or(0))
}

pub(crate) fn number_of(position: Position) -> anyhow::Result<i64> {
    i64::try_from(position.0).context("a position beyond 2^63")
}
