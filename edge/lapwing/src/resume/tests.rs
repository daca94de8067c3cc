//! Runs that end in the middle of something, over real journals and snapshots in real folders.

mod power;

use super::*;
use lapwing_formats::{BadState, ConfigTable, Decoded, Decoder};
use lapwing_journal::{Journal, Options};
use lapwing_model::site::InputInfo;
use lapwing_model::zone::{Shape, ZoneKind};
use lapwing_model::{
    Alert, AlertState, Command, Envelope, Link, Order, Place, Reception, Rule, Sensor, SensorId, SensorKind, Site,
    Span, Zone, ZoneId,
};
use std::path::PathBuf;

/// The name of a format of these tests: JSON, whose decoder fails on one word, as one with a fault would.
pub(crate) const FRAGILE: &str = "fragile";
const POISON: &str = "{\"poison\":1}";

struct Fragile(Box<dyn Decoder>);

pub(crate) fn open_fragile(table: ConfigTable<'_>) -> Result<Box<dyn Decoder>, toml::de::Error> {
    let open = lapwing_formats::json::FORMAT.decoder.expect("JSON is read");
    Ok(Box::new(Fragile(open(table)?)))
}

impl Decoder for Fragile {
    fn decode(&mut self, received_at: Time, envelope: &Envelope, bytes: &[u8], out: &mut Decoded) {
        assert!(bytes != POISON.as_bytes(), "poison");
        self.0.decode(received_at, envelope, bytes, out);
    }

    fn save(&self) -> Vec<u8> {
        self.0.save()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), BadState> {
        self.0.restore(state)
    }
}

fn at(s: f64) -> Time {
    Time::from_seconds(1_777_627_800) + Span::from_seconds_f64(s)
}

fn site() -> Site {
    let sensor = SensorId::new("rid").unwrap();
    let centre = Place { latitude_deg: 47.0, longitude_deg: 8.0 };
    Site {
        name: "Yard".into(),
        sensors: vec![Sensor::new(sensor.clone(), SensorKind::RemoteId, None, Span::from_seconds(10))],
        inputs: vec![InputInfo {
            id: InputId::new("rid").unwrap(),
            format: FRAGILE.into(),
            transport: "tcp".into(),
            sensor,
            format_options: String::new(),
        }],
        zones: vec![Zone {
            id: ZoneId::new("yard").unwrap(),
            name: "Yard".into(),
            kind: ZoneKind::Protected,
            shape: Shape::Circle { centre, radius_m: 300.0 },
            floor: None,
            ceiling: None,
            times: Vec::new(),
        }],
        rules: Rule::defaults(),
        authorised: Vec::new(),
    }
}

fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn folder(name: &str) -> Scratch {
    let path = std::env::temp_dir().join(format!("lapwing-resume-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    Scratch(path)
}

/// A server's run loop in small: journal, line, journal.
struct Run {
    journal: Journal,
    line: Line,
    folder: PathBuf,
    told: Vec<Event>,
    offset: u64,
}

impl Run {
    fn start(folder: &Path, s: f64, site: Site) -> Self {
        let journal = Journal::open(folder, options()).unwrap();
        let first = journal.next_position();
        let resumption = resume(folder, first).unwrap();
        let (line, mut untold, resumed) = match resumption {
            Some(r) => (r.line, r.untold, Some(r.resumed)),
            None => (Line::new(site.clone(), at(s), first).unwrap(), Vec::new(), None),
        };
        let mut run = Self { journal, line, folder: folder.to_owned(), told: Vec::new(), offset: 0 };
        run.entry_with(s, Entry::Site { site, version: version(), resumed }, &mut untold);
        run
    }

    fn entry(&mut self, s: f64, entry: Entry) -> Position {
        self.entry_with(s, entry, &mut Vec::new())
    }

    fn entry_with(&mut self, s: f64, entry: Entry, events: &mut Vec<Event>) -> Position {
        let position = self.journal.append(at(s), &entry).unwrap();
        self.line.take(at(s), Some(position), entry, events, &mut Vec::new());
        for event in events.drain(..) {
            self.journal.append_event(self.line.now(), &event).unwrap();
            self.told.push(event);
        }
        position
    }

    fn bytes(&mut self, s: f64, bytes: &str) -> Entry {
        let envelope = Envelope::Stream { connection: 1, offset: self.offset };
        self.offset += bytes.len() as u64;
        let input = InputId::new("rid").unwrap();
        Entry::Reception(Reception { input, received_at: at(s), envelope, bytes: bytes.as_bytes().to_vec() })
    }

    /// An aircraft that flies towards the yard, said in two pieces so that snapshots fall between them.
    fn claim(&mut self, s: f64) {
        let line = format!(
            "{{\"type\":\"claim\",\"protocol\":\"remote_id\",\"serial\":\"A1\",\"latitude_deg\":{},\"longitude_deg\":8.0,\"horizontal_accuracy_m\":3,\"speed_mps\":10.0,\"course_deg\":180.0}}\n",
            47.008 - s * 0.00009
        );
        let (first, second) = line.split_at(60);
        let first = self.bytes(s, first);
        self.entry(s, first);
        let second = self.bytes(s, second);
        self.entry(s, second);
    }

    fn fly(&mut self, from_s: u32, to_s: u32) {
        for s in from_s..to_s {
            self.claim(f64::from(s));
        }
    }

    fn snapshot(&self) -> Position {
        let position = self.journal.next_position();
        let state = self.line.save(0).unwrap();
        Folder::of(&self.folder).write(position, self.line.now(), &state, Span::from_seconds(86_400)).unwrap();
        position
    }

    fn alerts(&self) -> Vec<Alert> {
        self.line.snapshot().alerts
    }

    /// The end, with nothing said of it in the journal.
    fn kill(self) -> Line {
        self.line
    }
}

fn options() -> Options {
    Options { segment_bytes_max: 64 << 10, ..Options::default() }
}

fn ids(line: &Line) -> Vec<lapwing_model::TrackId> {
    line.snapshot().tracks.iter().map(|t| t.id).collect()
}

fn raised(events: &[Event]) -> usize {
    let new = |e: &&Event| {
        matches!(&e.body, lapwing_model::EventBody::AlertChanged { alert }
            if alert.state == AlertState::Raised && alert.steps.len() == 1)
    };
    events.iter().filter(new).count()
}

#[test]
fn a_run_goes_on_with_the_same_ids_alerts_and_acknowledgements() {
    let scratch = folder("same");
    let mut first = Run::start(&scratch.0, 0.0, site());
    first.fly(0, 20);
    first.snapshot();
    first.fly(20, 60);
    let alert = first.alerts().first().expect("it flies towards the yard").id;
    let order = Order::AcknowledgeAlert { alert, note: Some("seen".into()) };
    first.entry(60.1, Entry::Command(Command { by: "guard".into(), order }));
    first.entry(60.2, Entry::Link { input: InputId::new("rid").unwrap(), link: Link::Up });
    // An entry whose events did not come to the journal.
    let (before, told) = (first.alerts(), first.told.len());
    let line = first.kill();

    let mut second = Run::start(&scratch.0, 62.0, site());
    assert_eq!(ids(&second.line), ids(&line));
    assert_eq!(second.line.snapshot().inputs[0].link, Link::Starting);
    let after = second.alerts();
    assert_eq!((after[0].id, after[0].state), (alert, AlertState::Acknowledged));
    assert_eq!(after[0].raised_at, before[0].raised_at);
    second.fly(63, 80);
    assert_eq!(raised(&second.told), 0, "raised once is raised");
    assert!(told > 0 && ids(&second.line) == ids(&line));
}

#[test]
fn what_was_not_told_is_told_once() {
    let scratch = folder("untold");
    // The run that is not interrupted.
    let mut whole = Run::start(&scratch.0.join("whole"), 0.0, site());
    whole.fly(0, 60);
    let all = serde_json::to_string(&whole.told).unwrap();
    drop(whole);
    for lost_s in [12.0, 25.0, 40.0, 41.0, 42.0, 43.0] {
        let directory = scratch.0.join(format!("{lost_s}"));
        let mut first = Run::start(&directory, 0.0, site());
        first.fly(0, 10);
        first.snapshot();
        first.fly(10, lost_s as u32);
        // Both halves reach the journal; the run ends before what they bring does.
        let line = first.line.now();
        assert!(line <= at(lost_s));
        let Run { mut journal, told, mut offset, .. } = first;
        for half in 0..2 {
            let text = format!(
                "{{\"type\":\"claim\",\"protocol\":\"remote_id\",\"serial\":\"A1\",\"latitude_deg\":{},\"longitude_deg\":8.0,\"horizontal_accuracy_m\":3,\"speed_mps\":10.0,\"course_deg\":180.0}}\n",
                47.008 - lost_s * 0.00009
            );
            let (a, b) = text.split_at(60);
            let bytes = if half == 0 { a } else { b };
            let envelope = Envelope::Stream { connection: 1, offset };
            offset += bytes.len() as u64;
            let input = InputId::new("rid").unwrap();
            let reception = Reception { input, received_at: at(lost_s), envelope, bytes: bytes.as_bytes().to_vec() };
            journal.append(at(lost_s), &Entry::Reception(reception)).unwrap();
        }
        let end = journal.next_position();
        drop(journal);
        let resumption = resume(&directory, end).unwrap().unwrap();
        let mut both = told;
        both.extend(resumption.untold);
        let both = serde_json::to_string(&both).unwrap();
        assert!(
            both.len() > 2 && all.starts_with(both.trim_end_matches(']')),
            "at {lost_s}: the same events, each once"
        );
    }
}

#[test]
fn time_passes_while_it_is_off() {
    let scratch = folder("off");
    let mut first = Run::start(&scratch.0, 0.0, site());
    first.fly(0, 60);
    first.snapshot();
    assert!(!first.alerts().is_empty());
    drop(first.kill());
    let second = Run::start(&scratch.0, 400.0, site());
    assert!(second.line.snapshot().tracks.is_empty(), "nobody saw it for five minutes");
    assert!(second.alerts().iter().all(|a| a.state == AlertState::Cleared));
    let ended = second.told.iter().find(|e| matches!(e.body, lapwing_model::EventBody::TrackEnded { .. })).unwrap();
    assert!(ended.at < at(200.0), "at its own time, not at the restart: {}", ended.at);
}

#[test]
fn another_configuration_keeps_what_fits_it() {
    let scratch = folder("other");
    let mut first = Run::start(&scratch.0, 0.0, site());
    first.fly(0, 60);
    first.snapshot();
    let line = first.kill();
    let mut other = site();
    other.zones.clear();
    other.sensors.push(Sensor::new(SensorId::new("new").unwrap(), SensorKind::Radar, None, Span::from_seconds(1)));
    let second = Run::start(&scratch.0, 61.0, other);
    assert_eq!(ids(&second.line), ids(&line));
    assert!(second.alerts().iter().all(|a| a.state == AlertState::Cleared), "its zone is no longer configured");
    assert_eq!(second.line.snapshot().sensors.len(), 2);
}

#[test]
fn the_next_older_snapshot_serves_when_the_latest_cannot() {
    let scratch = folder("older");
    let mut first = Run::start(&scratch.0, 0.0, site());
    first.fly(0, 20);
    let good = first.snapshot();
    first.fly(20, 40);
    let bad = first.snapshot();
    first.fly(40, 50);
    let line = first.kill();
    let end = Journal::open(&scratch.0, options()).unwrap().next_position();
    let path = |p: Position| scratch.0.join(format!("snapshots/{:020}.snap", p.0));
    let sound = std::fs::read(path(bad)).unwrap();
    let cases: [(&str, Vec<u8>); 4] = [
        ("torn", sound[..sound.len() / 2].to_vec()),
        ("newer", [&sound[..12], &(Line::SAVE_VERSION + 1).to_le_bytes()[..], &sound[16..]].concat()),
        ("foreign", b"GIF89a".to_vec()),
        ("empty", Vec::new()),
    ];
    for (what, bytes) in cases {
        std::fs::write(path(bad), bytes).unwrap();
        let resumption = resume(&scratch.0, end).unwrap().unwrap();
        assert_eq!(resumption.resumed.from, good, "{what}");
        assert_eq!(ids(&resumption.line), ids(&line), "{what}");
        assert_eq!(resumption.untold, [], "{what}");
    }
    // One that is ahead of a journal that lost its end is none either.
    std::fs::write(path(bad), sound).unwrap();
    let resumption = resume(&scratch.0, Position(bad.0 - 1)).unwrap().unwrap();
    assert_eq!(resumption.resumed.from, good);
    // Without any the last run is applied from its beginning.
    std::fs::remove_dir_all(scratch.0.join("snapshots")).unwrap();
    let resumption = resume(&scratch.0, end).unwrap().unwrap();
    assert_eq!(resumption.resumed.from, Position(0));
    assert_eq!(ids(&resumption.line), ids(&line));
}

#[test]
fn an_entry_that_ends_the_program_is_passed_over_after_two_tries() {
    let scratch = folder("poison");
    let mut first = Run::start(&scratch.0, 0.0, site());
    first.fly(0, 20);
    first.snapshot();
    first.fly(20, 30);
    let poison = first.bytes(30.0, POISON);
    let position = first.journal.append(at(30.0), &poison).unwrap();
    let died = catch_unwind(AssertUnwindSafe(|| {
        first.line.take(at(30.0), Some(position), poison, &mut Vec::new(), &mut Vec::new());
    }));
    assert!(died.is_err());
    let before: Vec<Event> = first.told.clone();
    drop(first.journal);

    let mut second = Run::start(&scratch.0, 31.0, site());
    let text = std::fs::read_to_string(scratch.0.join("quarantine.json")).unwrap();
    assert!(text.contains(&format!("\"position\": {}", position.0)) && text.contains("poison"), "{text}");
    let told = |run: &Run| {
        run.told.iter().any(
            |e| matches!(&e.body, lapwing_model::EventBody::Faulted { fault, .. } if fault.reason == "quarantined"),
        )
    };
    second.fly(32, 40);
    assert!(told(&second), "a fault of its input says so");
    assert!(second.line.snapshot().inputs[0].faults.iter().any(|f| f.detail.as_str().contains("passed over")));
    assert!(second.told[0].sequence >= before.len() as u64, "nothing is told again");
    drop(second.kill());
    // And the next start passes it over at once.
    let third = Run::start(&scratch.0, 41.0, site());
    assert_eq!(third.line.snapshot().tracks.len(), 1);
}

#[test]
fn an_entry_that_ends_the_program_without_a_word_is_found_by_going_carefully() {
    let scratch = folder("silent");
    let mut first = Run::start(&scratch.0, 0.0, site());
    first.fly(0, 30);
    let position = Position(first.journal.next_position().0 - 1);
    drop(first.kill());
    // As starts leave it that ended in the middle: the first knows nothing, the next two the entry.
    let marker = scratch.0.join("snapshots/resuming");
    std::fs::create_dir_all(scratch.0.join("snapshots")).unwrap();
    std::fs::write(&marker, "").unwrap();
    for tries in 1..=2 {
        let mut quarantine = Quarantine::load(&scratch.0);
        let mut progress = Progress::begin(&scratch.0, &mut quarantine).unwrap();
        assert!(quarantine.skipped(position).is_none(), "after {tries} starts");
        progress.at(position).unwrap();
    }
    let resumption = resume(&scratch.0, Position(position.0 + 1)).unwrap().unwrap();
    assert_eq!(resumption.resumed.skipped.iter().map(|s| s.position).collect::<Vec<_>>(), [position]);
    assert!(!marker.exists());
}
