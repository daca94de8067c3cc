//! The tables, and whether a file has them.

use anyhow::{Context, bail};
use rusqlite::Connection;

/// Version of the tables. A file of another version is made anew from the journal.
pub(crate) const VERSION: i64 = 1;
/// SQLite's `application_id` of an index: "LWix".
const APPLICATION: i64 = 0x4c57_6978;

const TABLES: &str = "
CREATE TABLE state (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    next_position INTEGER NOT NULL,
    last_position INTEGER,
    last_at INTEGER
) STRICT;
INSERT INTO state VALUES (1, 0, NULL, NULL);
CREATE TABLE track (
    id INTEGER PRIMARY KEY,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    last_position INTEGER NOT NULL,
    identity TEXT NOT NULL,
    record TEXT NOT NULL
) STRICT;
CREATE INDEX track_last ON track (last_at);
CREATE INDEX track_position ON track (last_position);
CREATE TABLE name (
    track INTEGER NOT NULL,
    kind TEXT NOT NULL,
    value TEXT NOT NULL COLLATE NOCASE,
    PRIMARY KEY (track, kind, value)
) STRICT, WITHOUT ROWID;
CREATE INDEX name_value ON name (value);
CREATE TABLE piece (
    id INTEGER PRIMARY KEY,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    points BLOB NOT NULL
) STRICT;
CREATE VIRTUAL TABLE piece_box USING rtree(id, west, east, south, north, from_s, to_s);
CREATE TABLE alert (
    id INTEGER PRIMARY KEY,
    incident INTEGER NOT NULL,
    track INTEGER NOT NULL,
    zone TEXT NOT NULL,
    open INTEGER NOT NULL,
    severity_max INTEGER NOT NULL,
    raised_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    latitude_deg REAL,
    longitude_deg REAL,
    record TEXT NOT NULL
) STRICT;
CREATE INDEX alert_open ON alert (open) WHERE open = 1;
CREATE INDEX alert_incident ON alert (incident);
CREATE INDEX alert_track ON alert (track);
CREATE TABLE incident (
    id INTEGER PRIMARY KEY,
    began_at INTEGER NOT NULL,
    ended_at INTEGER,
    record TEXT NOT NULL
) STRICT;
CREATE TABLE audit (
    position INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    by TEXT,
    what TEXT NOT NULL,
    sha256 TEXT
) STRICT;
CREATE TABLE configuration (
    position INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    version TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    fresh INTEGER NOT NULL,
    site TEXT NOT NULL
) STRICT;
";

/// Makes the tables of a new file.
pub(crate) fn create(connection: &Connection) -> anyhow::Result<()> {
    // What is deleted is overwritten: an erasure must leave nothing in free pages.
    connection.execute_batch(&format!(
        "PRAGMA secure_delete = ON; PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION};"
    ))?;
    settings(connection)?;
    connection.execute_batch(&format!("BEGIN; {TABLES} COMMIT;"))?;
    Ok(())
}

/// Makes the tables of an index that lives in memory.
pub(crate) fn create_in_memory(connection: &Connection) -> anyhow::Result<()> {
    Ok(connection.execute_batch(TABLES)?)
}

/// Settings of each connection that writes. The index can be made again, so it need not survive a power cut by itself: it
/// only must never come out of one half written, which the write-ahead log sees to.
pub(crate) fn settings(connection: &Connection) -> anyhow::Result<()> {
    connection.execute_batch("PRAGMA secure_delete = ON; PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY;")?;
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        bail!("SQLite keeps no write-ahead log here: its mode is `{mode}`");
    }
    Ok(())
}

/// Says why a file is no index of this version.
pub(crate) fn check(connection: &Connection) -> anyhow::Result<()> {
    let pragma = |name: &str| -> anyhow::Result<i64> {
        connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0)).context("not an SQLite file")
    };
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    if application != APPLICATION {
        bail!("it is no index of Lapwing");
    }
    if version != VERSION {
        bail!("its tables are of version {version}, and this program's are of version {VERSION}");
    }
    let sound: String =
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).context("it cannot be checked")?;
    if sound != "ok" {
        bail!("it is damaged: {sound}");
    }
    Ok(())
}
