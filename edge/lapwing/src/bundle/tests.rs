//! An incident from beginning to end through the real line, exported and opened by somebody else.

use super::unpack::Unpacked;
use super::{IncidentArgs, incident, zip};
use crate::index::Archive;
use crate::index::tests::Folder;
use crate::line::Line;
use lapwing_journal::{Entry, Journal, Options};
use lapwing_model::site::InputInfo;
use lapwing_model::{
    AirText, AlertState, Command, Envelope, Event, EventBody, InputId, Order, Place, Reception, Rule, Sensor, SensorId,
    SensorKind, Shape, Site, Span, Time, Zone, ZoneHeight, ZoneId, ZoneKind,
};
use lapwing_server::history::{IncidentId, Search};
use sha2::{Digest, Sha256};

pub(crate) fn site() -> Site {
    let place = Place { latitude_deg: 47.0, longitude_deg: 8.0 };
    let mut sensor = Sensor::new(
        SensorId::new("gate").unwrap(),
        SensorKind::RemoteId,
        Some(place.at_height(450.0)),
        Span::from_seconds(5),
    );
    sensor.coverage.range_max_m = Some(2_000.0);
    Site {
        name: AirText::new("Test <field>"),
        sensors: vec![sensor],
        inputs: vec![InputInfo {
            id: InputId::new("gate").unwrap(),
            format: AirText::new("json"),
            transport: AirText::new("udp"),
            sensor: SensorId::new("gate").unwrap(),
            format_options: String::new(),
        }],
        zones: vec![Zone {
            id: ZoneId::new("yard").unwrap(),
            name: AirText::new("Yard & <hall>"),
            kind: ZoneKind::Protected,
            shape: Shape::Circle { centre: place, radius_m: 400.0 },
            floor: None,
            ceiling: Some(ZoneHeight { value_m: 120.0, datum: lapwing_model::Datum::AboveTakeoff }),
            times: Vec::new(),
        }],
        rules: Rule::defaults(),
        authorised: Vec::new(),
    }
}

/// What the drone says at a second of its flight: north over the zone at 25 m/s.
fn claim(second: u32) -> String {
    let latitude = 46.985 + f64::from(second) * 25.0 / 111_200.0;
    let height = if second < 90 { format!("\"height_above_takeoff_m\":{},", 40 + second / 4) } else { String::new() };
    format!(
        "{{\"type\":\"claim\",\"protocol\":\"remote_id\",\"serial\":\"EVIL<script>alert(1)</script>\",\"latitude_deg\":{latitude},\
         \"longitude_deg\":8.001,{height}\"horizontal_accuracy_m\":3,\"speed_mps\":25,\"course_deg\":0,\
         \"operational_status\":\"airborne\",\"operator_id\":\"OP-77\",\"operator_latitude_deg\":46.9951,\"operator_longitude_deg\":8.0042}}\n"
    )
}

/// The run loop without its clock: appends, takes, appends what was said.
pub(crate) struct Recorder {
    pub(crate) journal: Journal,
    line: Line,
}

/// A datagram as it was received.
pub(crate) fn reception(at: Time, text: String) -> Entry {
    Entry::Reception(Reception {
        input: InputId::new("gate").unwrap(),
        received_at: at,
        envelope: Envelope::Datagram,
        bytes: text.into_bytes(),
    })
}

impl Recorder {
    pub(crate) fn begin(folder: &std::path::Path, at: Time) -> Self {
        Self::begin_with(folder, at, Options::default())
    }

    pub(crate) fn begin_with(folder: &std::path::Path, at: Time, options: Options) -> Self {
        let journal = Journal::open(folder, options).unwrap();
        let line = Line::new(site(), at, journal.next_position()).unwrap();
        let mut recorder = Self { journal, line };
        recorder.entry(at, Entry::Site { site: site(), version: env!("CARGO_PKG_VERSION").to_owned(), resumed: None });
        recorder
    }

    pub(crate) fn entry(&mut self, at: Time, entry: Entry) -> Vec<Event> {
        let position = self.journal.append(at, &entry).unwrap();
        let mut events = Vec::new();
        self.line.take(at, Some(position), entry, &mut events, &mut Vec::new());
        for event in &events {
            self.journal.append_event(at, event).unwrap();
        }
        events
    }
}

/// A flight over the zone: warned of, acknowledged, gone.
pub(crate) fn recorded(folder: &Folder) {
    let begin = Time::from_seconds(1_784_000_000);
    let mut recorder = Recorder::begin(&folder.0, begin);
    let mut acknowledged = false;
    for second in 1..=240_u32 {
        let at = begin + Span::from_seconds(second.into());
        let events = if second <= 200 { recorder.entry(at, reception(at, claim(second))) } else { Vec::new() };
        let raised = events.iter().find_map(|e| match &e.body {
            EventBody::AlertChanged { alert } if alert.state == AlertState::Raised => Some(alert.id),
            _ => None,
        });
        if let (Some(alert), false) = (raised, acknowledged) {
            acknowledged = true;
            let note = Some(AirText::new("police <called>"));
            let by = AirText::new("guard-2");
            recorder.entry(
                at + Span::from_millis(500),
                Entry::Command(Command { by, order: Order::AcknowledgeAlert { alert, note } }),
            );
        }
    }
    recorder.entry(begin + Span::from_seconds(400), Entry::Stop);
    recorder.journal.sync().unwrap();
}

/// Exports an incident.
pub(crate) fn exported(id: IncidentId, folder: &Folder) -> std::path::PathBuf {
    let output = folder.0.join("incident.zip");
    incident(&IncidentArgs { id, directory: folder.0.clone(), output: output.clone() }).unwrap();
    output
}

fn bundle(folder: &Folder) -> std::path::PathBuf {
    recorded(folder);
    let archive = Archive::of(&folder.0).unwrap();
    let found = archive.incidents(&Search::default()).unwrap();
    assert_eq!(found.items.len(), 1, "{found:?}");
    exported(found.items[0].id, folder)
}

#[test]
fn a_bundle_has_everything_and_says_what_it_is() {
    let folder = Folder::new();
    let output = bundle(&folder);
    let mut zip = zip::Reader::open(&output).unwrap();
    let names: Vec<String> = zip.members().iter().map(|m| m.name.clone()).collect();
    for name in [
        "report.html",
        "manifest.json",
        "reports.jsonl",
        "events.jsonl",
        "tracks.geojson",
        "alerts.json",
        "orders.json",
        "sensors.json",
        "configuration.json",
    ] {
        assert!(names.iter().any(|n| n == name), "{name} in {names:?}");
    }
    let manifest: serde_json::Value = serde_json::from_slice(&zip.bytes("manifest.json", 1 << 20).unwrap()).unwrap();
    assert_eq!(manifest["format"], "lapwing-bundle/1");
    assert_eq!(manifest["replayed"]["identical"], true, "{manifest}");
    assert!(manifest["replayed"]["compared"].as_u64().unwrap() > 100);
    let mut listed = 0;
    for file in manifest["files"].as_array().unwrap() {
        let bytes = zip.bytes(file["name"].as_str().unwrap(), 1 << 30).unwrap();
        assert_eq!(file["sha256"], crate::index::hex(&Sha256::digest(&bytes)), "{file}");
        assert_eq!(file["bytes"], bytes.len());
        assert_ne!(file["what"], "", "{file}");
        listed += 1;
    }
    assert_eq!(listed, names.len() - 1, "all but the manifest itself");
    let configuration = zip.bytes("configuration.json", 1 << 20).unwrap();
    assert_eq!(manifest["configuration_sha256"], crate::index::hex(&Sha256::digest(&configuration)));

    // The bytes of the journal are the journal's own.
    let member = names.iter().find(|n| n.starts_with("journal/")).unwrap();
    let own = std::fs::read(folder.0.join(member.strip_prefix("journal/").unwrap())).unwrap();
    assert!(own.starts_with(&zip.bytes(member, 1 << 30).unwrap()));
    let reports = String::from_utf8(zip.bytes("reports.jsonl", 1 << 30).unwrap()).unwrap();
    assert_eq!(reports.lines().count() as u64, manifest["reports"].as_u64().unwrap());
    let first: serde_json::Value = serde_json::from_str(reports.lines().next().unwrap()).unwrap();
    assert_eq!((&first["report"]["kind"], &first["input"]), (&"claim".into(), &"gate".into()));
    let orders: serde_json::Value = serde_json::from_slice(&zip.bytes("orders.json", 1 << 20).unwrap()).unwrap();
    assert_eq!(orders[0]["command"]["by"], "guard-2");
    let sensors: serde_json::Value = serde_json::from_slice(&zip.bytes("sensors.json", 1 << 20).unwrap()).unwrap();
    assert_eq!(sensors["sensors"][0]["health"], "live");
    assert_eq!(sensors["sensors"][0]["sensor"]["coverage"]["range_max_m"], 2000.0);
}

#[test]
fn the_report_stands_alone_and_nothing_from_the_air_is_markup() {
    let folder = Folder::new();
    let output = bundle(&folder);
    let mut zip = zip::Reader::open(&output).unwrap();
    let html = String::from_utf8(zip.bytes("report.html", 1 << 24).unwrap()).unwrap();
    if let Some(keep) = std::env::var_os("LAPWING_KEEP_REPORT") {
        std::fs::write(keep, &html).unwrap();
    }
    for never in
        ["<script", "http://", "https://", "src=", "url(", "@import", "<hall>", "<called>", "<field>", "NaN", "inf "]
    {
        assert!(!html.contains(never), "{never}");
    }
    for there in [
        "EVIL&lt;script&gt;",
        "Yard &amp; &lt;hall&gt;",
        "police &lt;called&gt;",
        "OP-77; 46.995100, 8.004200",
        "until guard-2 acknowledged it",
        "entered the zone Yard &amp; &lt;hall&gt;",
        "byte for byte",
        "At ",
        "above take-off",
        "<svg viewBox=\"0 0 960 600\"",
    ] {
        assert!(html.contains(there), "{there}");
    }
    assert_eq!(html.matches("<svg").count(), 4, "the map and three plots");
}

#[test]
fn hostile_bundles_are_refused() {
    let folder = Folder::new();
    let path = folder.0.join("x.zip");
    let write = |members: &[(&str, &[u8])]| {
        let mut out = Vec::new();
        let mut writer = zip::Writer::new(&mut out);
        members.iter().for_each(|(name, bytes)| writer.add_bytes(name, bytes).unwrap());
        writer.finish().unwrap();
        std::fs::write(&path, out).unwrap();
    };
    let why = || format!("{:#}", Unpacked::open(&path).map(|_| ()).unwrap_err());
    write(&[("manifest.json", b"{}"), ("journal/1-x.mcap", b"x")]);
    assert!(why().contains("names no format"), "{}", why());
    write(&[("manifest.json", b"{\"format\":\"lapwing-bundle/9\"}")]);
    assert!(why().contains("lapwing-bundle/9"), "{}", why());
    write(&[("manifest.json", b"{\"format\":\"lapwing-bundle/1\"}")]);
    assert!(why().contains("has no journal"), "{}", why());
    write(&[("manifest.json", b"nonsense")]);
    assert!(why().contains("manifest.json"), "{}", why());
    write(&[("journal/1-x.mcap", b"x")]);
    assert!(why().contains("no manifest.json"), "{}", why());
    // Bytes that are no journal: opened, and read as damage, without an end of the process.
    write(&[("manifest.json", b"{\"format\":\"lapwing-bundle/1\"}"), ("journal/1-x.mcap", &[0x89; 5_000])]);
    let unpacked = Unpacked::open(&path).unwrap();
    let folder = unpacked.journal().to_owned();
    assert!(Archive::of(&path).is_err(), "nothing in it");
    drop(unpacked);
    assert!(!folder.exists(), "removed in the end");
}
