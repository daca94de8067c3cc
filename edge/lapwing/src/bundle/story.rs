//! What happened, gathered for the report: read once from the journal, so that every number in it stands in the record.

use crate::index::Archive;
use crate::line::{self, Line};
use lapwing_formats::{Decoded, Decoder};
use lapwing_journal::{Entry, Reader};
use lapwing_model::{
    Alert, AlertId, Command, Envelope, Event, EventBody, InputId, Position, Reception, SensorState, Site, Span, Time,
    Track, TrackId,
};
use lapwing_server::history::{HistoryPoint, IncidentRecord, TrackRecord};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

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
    report: &'a lapwing_model::Report,
}

/// Where the lines of that time go.
pub(crate) struct Sinks<'a> {
    /// Decoded reports.
    pub(crate) reports: &'a mut dyn Write,
    /// What the picture said.
    pub(crate) events: &'a mut dyn Write,
}

/// Reads the segments of an incident.
pub(crate) fn read(
    incident: IncidentRecord,
    segments: &[PathBuf],
    archive: &Archive,
    out: Sinks<'_>,
) -> anyhow::Result<Story> {
    let from = incident.began_at - BEFORE;
    let to = incident.ended_at.map_or(Time::MAX, |t| t + AFTER);
    let mut teller = Teller::new(incident, from, to, out);
    for segment in segments {
        for item in Reader::open(segment)? {
            // Damage is for `lapwing verify` to name; what can be read is told.
            let Ok((position, at, entry)) = item else { continue };
            if at > to && position > teller.story_end {
                break;
            }
            teller.take(position, at, entry)?;
        }
    }
    teller.finish(archive)
}

struct Teller<'a> {
    incident: IncidentRecord,
    from: Time,
    to: Time,
    /// Everything up to here belongs to it whatever its time.
    story_end: Position,
    site: Option<(Site, String)>,
    line: Option<Line>,
    decoders: Decoders,
    events: Vec<Event>,
    produced: std::collections::VecDeque<Vec<u8>>,
    replayed: Replayed,
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
            story_end: incident.last_position,
            incident,
            from,
            to,
            site: None,
            line: None,
            decoders: Decoders::default(),
            events: Vec::new(),
            produced: std::collections::VecDeque::new(),
            replayed: Replayed { compared: 0, identical: true },
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

    fn take(&mut self, position: Position, at: Time, entry: Entry) -> anyhow::Result<()> {
        if at >= self.incident.began_at && self.sensors.is_none() {
            self.sensors = self.line.as_ref().map(|line| line.snapshot().sensors);
        }
        self.first.get_or_insert(at);
        self.last = (position, at);
        match &entry {
            Entry::Site { site, version } => self.begin(position, at, site, version)?,
            Entry::Reception(reception) => self.reception(position, at, reception)?,
            Entry::Command(command) if at >= self.from => {
                self.orders.push(Ordered { position, at, command: command.clone() });
            }
            Entry::Event(event) => {
                self.event(event)?;
                self.compare(at, event);
            }
            _ => {}
        }
        self.play(position, at, entry);
        Ok(())
    }

    /// A run begins: what it says is compared from here on.
    fn begin(&mut self, position: Position, at: Time, site: &Site, version: &str) -> anyhow::Result<()> {
        self.decoders = Decoders::of(site);
        self.produced.clear();
        self.line = Some(Line::new(site.clone(), at, position)?);
        if position <= self.incident.first_position || self.site.is_none() {
            self.site = Some((site.clone(), version.to_owned()));
        }
        Ok(())
    }

    fn play(&mut self, position: Position, at: Time, entry: Entry) {
        let Some(line) = &mut self.line else { return };
        // The record's own story: the picture did not hear of it.
        if matches!(entry, Entry::Event(_) | Entry::Audit(_)) {
            return;
        }
        line.take(at, Some(position), entry, &mut self.events, &mut Vec::new());
        self.produced.extend(self.events.drain(..).map(|e| crate::summary::event_line(&e)));
    }

    fn compare(&mut self, at: Time, recorded: &Event) {
        let Some(line) = &mut self.line else { return };
        // What a deadline brought between two entries is in the journal only as this event.
        line.tick(at, &mut self.events);
        self.produced.extend(self.events.drain(..).map(|e| crate::summary::event_line(&e)));
        let same = self.produced.pop_front().is_some_and(|line| line == crate::summary::event_line(recorded));
        self.replayed.identical &= same;
        self.replayed.compared += 1;
    }

    fn reception(&mut self, position: Position, at: Time, reception: &Reception) -> anyhow::Result<()> {
        let wanted = at >= self.from;
        let out = &mut *self.out.reports;
        let mut count = 0;
        self.decoders.decode(reception, |report| {
            if wanted {
                count += 1;
                serde_json::to_writer(&mut *out, &ReportLine { position, at, input: &reception.input, report })?;
                out.write_all(b"\n")?;
            }
            Ok(())
        })?;
        self.receptions += u64::from(wanted);
        self.reports += count;
        Ok(())
    }

    fn event(&mut self, event: &Event) -> anyhow::Result<()> {
        if event.at >= self.from {
            self.out.events.write_all(&crate::summary::event_line(event))?;
        }
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
        Ok(())
    }

    fn finish(mut self, archive: &Archive) -> anyhow::Result<Story> {
        let Some((site, version)) = self.site.take() else {
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
            version,
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

/// Decoders of a site's inputs, one a connection.
#[derive(Default)]
pub(crate) struct Decoders {
    formats: BTreeMap<InputId, (String, String)>,
    open: BTreeMap<(InputId, Option<u64>), Box<dyn Decoder>>,
    decoded: Decoded,
}

impl Decoders {
    pub(crate) fn of(site: &Site) -> Self {
        let formats =
            site.inputs.iter().map(|i| (i.id.clone(), (i.format.to_string(), i.format_options.clone()))).collect();
        Self { formats, ..Self::default() }
    }

    pub(crate) fn decode(
        &mut self,
        reception: &Reception,
        mut take: impl FnMut(&lapwing_model::Report) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let connection = match reception.envelope {
            Envelope::Stream { connection, .. } | Envelope::StreamEnd { connection } => Some(connection),
            _ => None,
        };
        let key = (reception.input.clone(), connection);
        if !self.open.contains_key(&key) {
            let Some((format, options)) = self.formats.get(&reception.input) else { return Ok(()) };
            let Ok(decoder) = line::decoder(format, options) else { return Ok(()) };
            self.open.insert(key.clone(), decoder);
        }
        let Some(decoder) = self.open.get_mut(&key) else { return Ok(()) };
        self.decoded.clear();
        decoder.decode(reception.received_at, &reception.envelope, &reception.bytes, &mut self.decoded);
        self.decoded.reports.iter().try_for_each(|found| take(&found.report))?;
        if matches!(reception.envelope, Envelope::StreamEnd { .. }) {
            self.open.remove(&key);
        }
        Ok(())
    }
}
