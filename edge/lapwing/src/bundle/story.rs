//! What happened, gathered for the report: read once from the journal, so that every number in it stands in the record.

use crate::decoders::Decoders;
use crate::index::Archive;
use crate::line::Line;
use crate::steps::{Step, Steps};
use lapwing_model::{
    Alert, AlertId, Command, Event, EventBody, InputId, Position, Report, SensorState, Site, Span, Time, Track, TrackId,
};
use lapwing_picture::Input;
use lapwing_server::history::{HistoryPoint, IncidentRecord, TrackRecord};
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::io::Write;
use std::path::Path;

/// What is shown before the first alert, and played on after the last was cleared.
pub(crate) const BEFORE: Span = Span::from_seconds(60);
/// What is recorded beyond the end: so that what ended is seen to have ended.
pub(crate) const AFTER: Span = Span::from_seconds(15);
/// Tracks drawn beside those of the incident.
const OTHERS_MAX: usize = 200;

/// A track, its points and its last full state.
pub(crate) struct Flight {
    /// The record of its life.
    pub(crate) record: TrackRecord,
    /// Its points within the time shown.
    pub(crate) points: Vec<HistoryPoint>,
    /// As it was last told within that time, with its evidence.
    pub(crate) last: Option<Track>,
}

/// A change of a sensor's health.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SensorChange {
    /// When.
    pub(crate) at: Time,
    /// Which and how.
    pub(crate) event: EventBody,
}

/// What somebody ordered.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Ordered {
    /// Its journal entry.
    pub(crate) position: Position,
    /// When.
    pub(crate) at: Time,
    /// What.
    pub(crate) command: Command,
}

/// What the record came to when it was played again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Replayed {
    /// Events compared.
    pub(crate) compared: u64,
    /// Whether every one was the same, to the byte.
    pub(crate) identical: bool,
}

/// All of it.
pub(crate) struct Story {
    /// The incident.
    pub(crate) incident: IncidentRecord,
    /// The configuration in force.
    pub(crate) site: Site,
    /// The program that ran.
    pub(crate) version: String,
    /// From when to when it is shown.
    pub(crate) from: Time,
    /// From when to when it is shown.
    pub(crate) to: Time,
    /// The aircraft of the incident.
    pub(crate) flights: Vec<Flight>,
    /// Others in the air at the time.
    pub(crate) others: Vec<Flight>,
    /// The alerts as they last were.
    pub(crate) alerts: Vec<Alert>,
    /// Sensors as they were when the first alert was raised.
    pub(crate) sensors: Vec<SensorState>,
    /// What became of them.
    pub(crate) sensor_changes: Vec<SensorChange>,
    /// Acknowledgements and other orders.
    pub(crate) orders: Vec<Ordered>,
    /// Receptions of that time, and reports decoded from them.
    pub(crate) receptions: u64,
    /// Receptions of that time, and reports decoded from them.
    pub(crate) reports: u64,
    /// The last entry that belongs to it.
    pub(crate) last_position: Position,
    /// What playing it again came to.
    pub(crate) replayed: Replayed,
}

/// One decoded report, as a line of `reports.jsonl`.
#[derive(Serialize)]
struct ReportLine<'a> {
    position: Position,
    at: Time,
    input: &'a InputId,
    report: &'a Report,
}

/// Where the lines of that time go.
pub(crate) struct Sinks<'a> {
    /// Decoded reports.
    pub(crate) reports: &'a mut dyn Write,
    /// What the picture said.
    pub(crate) events: &'a mut dyn Write,
}

/// Where playing the record begins: a snapshot of the line before an entry, or nothing, for a record that begins with a run.
pub(crate) type Origin = Option<(Position, Line)>;

/// Reads the journal of an incident from its origin on.
pub(crate) fn read(
    incident: IncidentRecord,
    journal: &Path,
    origin: Origin,
    archive: &Archive,
    version: &str,
    out: Sinks<'_>,
) -> anyhow::Result<Story> {
    let from = incident.began_at - BEFORE;
    let to = incident.ended_at.map_or(Time::MAX, |t| t + AFTER);
    let mut teller = Teller::new(incident, from, to, out);
    let (first, decoders) = match origin {
        Some((position, line)) => {
            let (line, decoders) = line.split();
            teller.site = Some(line.picture().site().clone());
            teller.line = Some(line);
            (position, decoders)
        }
        None => (Position(0), Decoders::default()),
    };
    for step in Steps::new(journal, first, decoders)? {
        if !teller.take(step?)? {
            break;
        }
    }
    teller.finish(archive, version)
}

struct Teller<'a> {
    incident: IncidentRecord,
    from: Time,
    to: Time,
    site: Option<Site>,
    line: Option<Line>,
    events: Vec<Event>,
    produced: VecDeque<Vec<u8>>,
    replayed: Replayed,
    /// Entries were erased: what comes after cannot be compared.
    erased: bool,
    tracks: BTreeMap<TrackId, Track>,
    alerts: BTreeMap<AlertId, Alert>,
    sensors: Option<Vec<SensorState>>,
    sensor_changes: Vec<SensorChange>,
    orders: Vec<Ordered>,
    receptions: u64,
    reports: u64,
    first: Option<Time>,
    last: (Position, Time),
    out: Sinks<'a>,
}

impl<'a> Teller<'a> {
    fn new(incident: IncidentRecord, from: Time, to: Time, out: Sinks<'a>) -> Self {
        Self {
            incident,
            from,
            to,
            site: None,
            line: None,
            events: Vec::new(),
            produced: VecDeque::new(),
            replayed: Replayed { compared: 0, identical: true },
            erased: false,
            tracks: BTreeMap::new(),
            alerts: BTreeMap::new(),
            sensors: None,
            sensor_changes: Vec::new(),
            orders: Vec::new(),
            receptions: 0,
            reports: 0,
            first: None,
            last: (Position(0), Time::MIN),
            out,
        }
    }

    /// Takes a step; whether more are wanted.
    fn take(&mut self, step: Step) -> anyhow::Result<bool> {
        match step {
            // Damage is for `lapwing verify` to name; what can be read is told.
            Step::Warning(_) => {}
            Step::Gone(_) => self.erased = true,
            // A run begins with an empty picture: what it says is compared from here on.
            Step::Begin { at, position, site, .. } => {
                self.produced.clear();
                if position <= self.incident.first_position || self.site.is_none() {
                    self.site = Some((*site).clone());
                }
                self.line = Some(Line::without_decoders(*site, at, position));
            }
            Step::Input { at, position, input, .. } => {
                if !self.reach(position, at) {
                    return Ok(false);
                }
                self.input(position, at, &input)?;
                if let Some(line) = &mut self.line {
                    line.take_decoded(at, Some(position), input, &mut self.events);
                    self.produced.extend(self.events.drain(..).map(|e| crate::summary::event_line(&e)));
                }
            }
            Step::Told { at, position, line, .. } => {
                if !self.reach(position, at) {
                    return Ok(false);
                }
                let event: Event = serde_json::from_slice(&line)?;
                if event.at >= self.from {
                    self.out.events.write_all(&line)?;
                }
                self.event(&event);
                self.compare(at, &line);
            }
        }
        Ok(true)
    }

    /// Takes note of the place in the journal; whether it still belongs to the incident's time.
    fn reach(&mut self, position: Position, at: Time) -> bool {
        if at > self.to && position > self.incident.last_position {
            return false;
        }
        if at >= self.incident.began_at && self.sensors.is_none() {
            self.sensors = self.line.as_ref().map(|line| line.snapshot().sensors);
        }
        self.first.get_or_insert(at);
        self.last = (position, at);
        true
    }

    fn input(&mut self, position: Position, at: Time, input: &Input) -> anyhow::Result<()> {
        match input {
            Input::Decoded { input, reports, .. } if at >= self.from => {
                self.receptions += 1;
                for report in reports {
                    self.reports += 1;
                    serde_json::to_writer(&mut *self.out.reports, &ReportLine { position, at, input, report })?;
                    self.out.reports.write_all(b"\n")?;
                }
            }
            Input::Command(command) if at >= self.from => {
                self.orders.push(Ordered { position, at, command: command.clone() });
            }
            Input::Restart { site, .. } if position <= self.incident.first_position => {
                self.site = Some((**site).clone());
            }
            _ => {}
        }
        Ok(())
    }

    fn compare(&mut self, at: Time, recorded: &[u8]) {
        let Some(line) = self.line.as_mut().filter(|_| !self.erased) else { return };
        // What a deadline brought between two entries is in the journal only as this event.
        line.tick(at, &mut self.events);
        self.produced.extend(self.events.drain(..).map(|e| crate::summary::event_line(&e)));
        self.replayed.identical &= self.produced.pop_front().is_some_and(|line| line == recorded);
        self.replayed.compared += 1;
    }

    fn event(&mut self, event: &Event) {
        match &event.body {
            EventBody::TrackBegan { track } | EventBody::TrackUpdated { track }
                if self.incident.tracks.contains(&track.id) =>
            {
                self.tracks.insert(track.id, (**track).clone());
            }
            EventBody::AlertChanged { alert } if self.incident.alerts.contains(&alert.id) => {
                self.alerts.insert(alert.id, (**alert).clone());
            }
            EventBody::SensorChanged { .. } if event.at >= self.from => {
                self.sensor_changes.push(SensorChange { at: event.at, event: event.body.clone() });
            }
            _ => {}
        }
    }

    fn finish(mut self, archive: &Archive, version: &str) -> anyhow::Result<Story> {
        let Some(site) = self.site.take() else {
            anyhow::bail!("the journal has no configuration before this incident: its beginning is gone");
        };
        // An incident that is not over is shown as far as the journal goes.
        let to = self.to.min(self.last.1);
        let (mut flights, mut others) = (Vec::new(), Vec::new());
        archive.each_track(Some(self.from), Some(to), &[], |record, points| {
            let own = self.incident.tracks.contains(&record.id);
            if own || (record.confirmed && others.len() < OTHERS_MAX) {
                let last = self.tracks.remove(&record.id);
                let flight = Flight { record, points: points.to_vec(), last };
                if own { flights.push(flight) } else { others.push(flight) }
            }
            Ok(())
        })?;
        Ok(Story {
            incident: self.incident,
            site,
            version: version.to_owned(),
            // Nothing is shown of a time that the record does not reach back to.
            from: self.first.map_or(self.from, |first| self.from.max(first)),
            to,
            flights,
            others,
            alerts: self.alerts.into_values().collect(),
            sensors: self.sensors.or_else(|| self.line.map(|l| l.snapshot().sensors)).unwrap_or_default(),
            sensor_changes: self.sensor_changes,
            orders: self.orders,
            receptions: self.receptions,
            reports: self.reports,
            last_position: self.last.0,
            replayed: self.replayed,
        })
    }
}
