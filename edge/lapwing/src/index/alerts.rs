//! Alerts and the incidents they make.
//!
//! An alert belongs to the incident that is open on its zone or about its track, else it begins one. An incident is over
//! when the last of its alerts is cleared, or when the server began anew and knows nothing of them any more.

use super::search::{severity_of, severity_rank};
use super::tracks::Tracks;
use lapwing_model::{Alert, AlertState, Place, Position, Time};
use lapwing_server::history::{AlertRecord, IncidentId, IncidentRecord};
use rusqlite::{Connection, OptionalExtension, params};

const CLEARED: &str = "cleared";
const ANEW: &str = "the server began anew";

/// Takes an alert as it now is.
pub(crate) fn told(
    connection: &Connection,
    tracks: &mut Tracks,
    position: Position,
    at: Time,
    alert: &Alert,
) -> anyhow::Result<()> {
    let Ok(row) = i64::try_from(alert.id.0) else { return Ok(()) };
    tracks.severity(connection, alert.track, position, at, alert.severity)?;
    let record = match known(connection, row)? {
        Some(known) => AlertRecord {
            severity_max: known.severity_max.max(alert.severity),
            alert: alert.clone(),
            incident: known.incident,
            place: known.place,
        },
        None => AlertRecord {
            incident: incident_for(connection, alert)?,
            alert: alert.clone(),
            severity_max: alert.severity,
            place: tracks.place(connection, alert.track)?,
        },
    };
    write(connection, row, &record)?;
    incident(connection, record.incident, position, at, &record)
}

fn known(connection: &Connection, row: i64) -> anyhow::Result<Option<AlertRecord>> {
    let text: Option<String> = connection
        .prepare_cached("SELECT record FROM alert WHERE id = ?1")?
        .query_row([row], |row| row.get(0))
        .optional()?;
    Ok(text.map(|t| serde_json::from_str(&t)).transpose()?)
}

fn write(connection: &Connection, row: i64, record: &AlertRecord) -> anyhow::Result<()> {
    let alert = &record.alert;
    connection
        .prepare_cached("INSERT OR REPLACE INTO alert VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)")?
        .execute(params![
            row,
            i64::try_from(record.incident.0)?,
            i64::try_from(alert.track.0)?,
            alert.reason.zone.as_str(),
            alert.state != AlertState::Cleared,
            severity_rank(record.severity_max),
            alert.raised_at.as_nanos(),
            alert.changed_at.as_nanos(),
            record.place.map(|p: Place| p.latitude_deg),
            record.place.map(|p: Place| p.longitude_deg),
            serde_json::to_string(record)?
        ])?;
    Ok(())
}

fn incident_for(connection: &Connection, alert: &Alert) -> anyhow::Result<IncidentId> {
    let open: Option<i64> = connection
        .prepare_cached("SELECT min(incident) FROM alert WHERE open = 1 AND (zone = ?1 OR track = ?2)")?
        .query_row(params![alert.reason.zone.as_str(), i64::try_from(alert.track.0)?], |row| row.get(0))?;
    Ok(IncidentId(open.and_then(|id| u64::try_from(id).ok()).unwrap_or(alert.id.0)))
}

/// What the rows of an incident's alerts come to.
struct Sum {
    severity: i64,
    open: Vec<AlertState>,
    changed_at: i64,
}

fn sum(connection: &Connection, incident: i64) -> anyhow::Result<Sum> {
    let mut rows = connection.prepare_cached(
        "SELECT severity_max, open, changed_at, json_extract(record, '$.alert.state') FROM alert WHERE incident = ?1",
    )?;
    let mut rows = rows.query([incident])?;
    let mut sum = Sum { severity: 0, open: Vec::new(), changed_at: i64::MIN };
    while let Some(row) = rows.next()? {
        sum.severity = sum.severity.max(row.get(0)?);
        sum.changed_at = sum.changed_at.max(row.get(2)?);
        let state: String = row.get(3)?;
        if row.get(1)? {
            sum.open.push(serde_json::from_value(state.into())?);
        }
    }
    Ok(sum)
}

/// Adds an alert to its incident.
fn incident(
    connection: &Connection,
    id: IncidentId,
    position: Position,
    at: Time,
    told: &AlertRecord,
) -> anyhow::Result<()> {
    let row = i64::try_from(id.0)?;
    let text: Option<String> = connection
        .prepare_cached("SELECT record FROM incident WHERE id = ?1")?
        .query_row([row], |row| row.get(0))
        .optional()?;
    let alert = &told.alert;
    let mut record = match text {
        Some(text) => serde_json::from_str(&text)?,
        None => IncidentRecord {
            id,
            began_at: alert.raised_at,
            ended_at: None,
            ended_why: None,
            changed_at: at,
            severity_max: alert.severity,
            headline: alert.headline.to_string(),
            zones: Vec::new(),
            alerts: Vec::new(),
            tracks: Vec::new(),
            acknowledged_by: Vec::new(),
            state: alert.state,
            first_position: position,
            last_position: position,
        },
    };
    add(&mut record.zones, &alert.reason.zone);
    add(&mut record.alerts, &alert.id);
    add(&mut record.tracks, &alert.track);
    for by in alert.steps.iter().filter(|s| s.state == AlertState::Acknowledged).filter_map(|s| s.by.as_ref()) {
        add(&mut record.acknowledged_by, &by.to_string());
    }
    let sum = sum(connection, row)?;
    record.severity_max = severity_of(sum.severity);
    // Raised comes before acknowledged: one alert nobody has answered is an incident nobody has answered.
    record.state = sum.open.into_iter().min().unwrap_or(AlertState::Cleared);
    record.changed_at = at;
    record.last_position = position;
    let over = record.state == AlertState::Cleared;
    record.ended_at = over.then_some(at);
    record.ended_why = over.then(|| CLEARED.to_owned());
    save(connection, row, &record)
}

fn add<T: PartialEq + Clone>(list: &mut Vec<T>, item: &T) {
    if !list.contains(item) {
        list.push(item.clone());
    }
}

fn save(connection: &Connection, row: i64, record: &IncidentRecord) -> anyhow::Result<()> {
    connection.prepare_cached("INSERT OR REPLACE INTO incident VALUES (?1, ?2, ?3, ?4)")?.execute(params![
        row,
        record.began_at.as_nanos(),
        record.ended_at.map(Time::as_nanos),
        serde_json::to_string(record)?
    ])?;
    Ok(())
}

/// A run began that knows nothing of the alerts before it: nobody will ever clear them.
pub(crate) fn begin_anew(connection: &Connection, at: Time) -> anyhow::Result<()> {
    let mut open = connection.prepare_cached("SELECT DISTINCT incident FROM alert WHERE open = 1")?;
    let incidents: Vec<i64> = open.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    connection.prepare_cached("UPDATE alert SET open = 0 WHERE open = 1")?.execute([])?;
    for row in incidents {
        let text: String = connection
            .prepare_cached("SELECT record FROM incident WHERE id = ?1")?
            .query_row([row], |row| row.get(0))?;
        let mut record: IncidentRecord = serde_json::from_str(&text)?;
        record.ended_at = Some(at);
        record.ended_why = Some(ANEW.to_owned());
        save(connection, row, &record)?;
    }
    Ok(())
}
