//! A made-up history, filled and rebuilt: the same content, found as brute force finds it.

use super::catch_up::catch_up;
use super::noted::Noted;
use super::read::Archive;
use super::{Filler, open_or_new, path};
use lapwing_journal::{Entry, Journal, Options};
use lapwing_model::alert::AlertStep;
use lapwing_model::{
    AirText, Alert, AlertId, AlertReason, AlertState, ClaimedOperator, Class, Classification, Command, Event,
    EventBody, Heights, Identity, IdentityStatus, Kinematics, Name, NameKind, Order, Personal, Phase, Place, Position,
    Rule, Severity, Shape, Site, Span, Time, Track, TrackId, Zone, ZoneId, ZoneKind,
};
use lapwing_server::history::{Circle, IncidentId, Search};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A folder of one test, removed at its end.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let name = format!("lapwing-index-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn time(seconds: f64) -> Time {
    Time::from_seconds(1_780_000_000) + Span::from_seconds_f64(seconds)
}

fn place(latitude_deg: f64, longitude_deg: f64) -> Place {
    Place { latitude_deg, longitude_deg }
}

fn zone(id: &str, shape: Shape) -> Zone {
    let kind = ZoneKind::Protected;
    Zone { id: ZoneId::new(id).unwrap(), name: id.into(), kind, shape, floor: None, ceiling: None, times: Vec::new() }
}

pub(crate) fn site() -> Site {
    let circle = |lat, lon| Shape::Circle { centre: place(lat, lon), radius_m: 500.0 };
    Site {
        name: AirText::new("test"),
        sensors: Vec::new(),
        inputs: Vec::new(),
        zones: vec![zone("yard", circle(47.0, 8.0)), zone("line", circle(-17.0, 180.0))],
        rules: Rule::defaults(),
        authorised: Vec::new(),
    }
}

pub(crate) fn track(number: u64, at: f64, lat: f64, lon: f64) -> Track {
    let name = Name { kind: NameKind::Serial, value: AirText::new(&format!("Serial{number}")) };
    let status = if number.is_multiple_of(3) { IdentityStatus::Contradicted } else { IdentityStatus::Claimed };
    Track {
        id: TrackId(number),
        phase: Phase::Confirmed,
        existence: 0.9,
        claimed_only: false,
        first_at: time(number as f64),
        last_at: time(at),
        kinematics: Kinematics {
            at: time(at),
            place: place(lat, lon),
            heights: Heights { altitude_msl_m: (number % 2 == 1).then_some(500.5), ..Heights::UNKNOWN },
            horizontal_accuracy_m: 5.0,
            speed_mps: Some(10.0),
            speed_accuracy_mps: None,
            course_rad: None,
            vertical_speed_mps: None,
        },
        identity: Identity { status, names: vec![name], evidence: Vec::new() },
        classification: Classification::single(Class::Multirotor, 0.8),
        status: None,
        operator: Some(ClaimedOperator {
            place: Some(Personal::new(place(47.001, 8.002))),
            id: Some(Personal::new(AirText::new(&format!("OP-{number}")))),
            ..ClaimedOperator::default()
        }),
        text: None,
        squawk: None,
        transmitters: Vec::new(),
        sources: Vec::new(),
        entries: vec![Position(1)],
        entries_total: 1,
        trail: Vec::new(),
    }
}

pub(crate) fn alert(number: u64, track: u64, zone: &str, at: f64, state: AlertState) -> Alert {
    let by = (state == AlertState::Acknowledged).then(|| AirText::new("guard-2"));
    Alert {
        id: AlertId(number),
        state,
        severity: if number.is_multiple_of(2) { Severity::Critical } else { Severity::Warning },
        track: TrackId(track),
        headline: AirText::new("Drone enters"),
        reason: AlertReason {
            rule: AirText::new("rule"),
            zone: ZoneId::new(zone).unwrap(),
            inside_probability: 0.5,
            entry_predicted_at: None,
            entry_sd_s: None,
            entered_at: None,
            distance_m: 10.0,
            height_known: false,
        },
        raised_at: time(100.0),
        changed_at: time(at),
        steps: vec![AlertStep { at: time(at), state, severity: Severity::Warning, by, note: None }],
        entries: vec![Position(2)],
    }
}

/// Entries of two runs: tracks that cross the globe's seam too, alerts that make incidents, a command, a crash, a new start.
pub(crate) fn entries() -> Vec<(Time, Entry)> {
    let mut all = vec![(time(0.0), Entry::Site { site: site(), version: "0.1.0".to_owned(), resumed: None })];
    let mut sequence = 0;
    let mut say = |all: &mut Vec<(Time, Entry)>, at: f64, body: EventBody| {
        sequence += 1;
        all.push((time(at), Entry::Event(Event { sequence, at: time(at), cause: None, body })));
    };
    let where_is = |number: u64, step: f64| match number % 4 {
        0 => (47.02 - step * 1e-4, 8.0),
        1 => (47.5, 8.0 + step * 1e-4),
        2 => (-17.0, if step < 150.0 { 179.98 + step * 1e-4 } else { -180.0 + (step - 150.0) * 1e-4 }),
        _ => (47.0, 9.0 + number as f64),
    };
    for step in 0..300 {
        for number in 1..=12_u64 {
            let at = f64::from(step);
            let (lat, lon) = where_is(number, at);
            let mut track = Box::new(track(number, at, lat, lon));
            track.first_at = time(0.0);
            say(
                &mut all,
                at,
                if step == 0 { EventBody::TrackBegan { track } } else { EventBody::TrackUpdated { track } },
            );
        }
        let alert = |number, of, zone, state| EventBody::AlertChanged {
            alert: Box::new(alert(number, of, zone, f64::from(step), state)),
        };
        match step {
            100 => say(&mut all, 100.0, alert(2, 4, "yard", AlertState::Raised)),
            110 => say(&mut all, 110.0, alert(3, 8, "yard", AlertState::Raised)),
            120 => {
                let order = Order::AcknowledgeAlert { alert: AlertId(2), note: Some(AirText::new("seen")) };
                all.push((time(120.0), Entry::Command(Command { by: AirText::new("guard-2"), order })));
                say(&mut all, 120.0, alert(2, 4, "yard", AlertState::Acknowledged));
            }
            130 => say(&mut all, 130.0, alert(2, 4, "yard", AlertState::Cleared)),
            140 => say(&mut all, 140.0, alert(4, 8, "line", AlertState::Raised)),
            150 => say(&mut all, 150.0, alert(3, 8, "yard", AlertState::Cleared)),
            160 => say(&mut all, 160.0, alert(4, 8, "line", AlertState::Cleared)),
            170 => say(&mut all, 170.0, alert(5, 6, "line", AlertState::Raised)),
            _ => {}
        }
    }
    for number in [1, 2, 3, 4] {
        let why = AirText::new("not seen");
        say(&mut all, 300.0, EventBody::TrackEnded { track: TrackId(number), why });
    }
    say(&mut all, 300.0, EventBody::TracksJoined { into: TrackId(5), from: TrackId(6), why: AirText::new("one") });
    // The first run is killed. The second begins anew: its numbers count from its first position.
    let first = all.len() as u64;
    all.push((time(400.0), Entry::Site { site: site(), version: "0.1.0".to_owned(), resumed: None }));
    let began = Box::new(track(first + 1, 401.0, 47.0, 8.0));
    say(&mut all, 401.0, EventBody::TrackBegan { track: began });
    all.push((time(402.0), Entry::Stop));
    all
}

pub(crate) fn journal(folder: &Path) -> Vec<(Position, Time, Entry)> {
    let mut journal = Journal::open(folder, Options::default()).unwrap();
    let all = entries().into_iter().map(|(at, entry)| (journal.append(at, &entry).unwrap(), at, entry)).collect();
    journal.sync().unwrap();
    all
}

/// All content of an index as text, row by row.
pub(crate) fn dump(folder: &Path) -> Vec<String> {
    let connection = rusqlite::Connection::open(path(folder)).unwrap();
    let tables = ["state", "track", "name", "piece", "piece_box", "alert", "incident", "audit", "configuration"];
    let mut lines = Vec::new();
    for table in tables {
        let mut statement = connection.prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2, 3")).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let values: Vec<_> = (0..columns).map(|c| format!("{:?}", row.get_ref(c).unwrap())).collect();
            lines.push(format!("{table}: {}", values.join(", ")));
        }
    }
    lines
}

#[test]
fn filled_bit_by_bit_and_rebuilt_are_the_same() {
    let folder = Folder::new();
    let all = journal(&folder.0);
    let mut filler = Filler::create(&path(&folder.0)).unwrap();
    for (number, (position, at, entry)) in all.iter().enumerate() {
        if let Some(noted) = Noted::of(entry.clone()) {
            filler.take(*position, *at, &noted).unwrap();
        }
        if number % 97 == 0 {
            filler.commit().unwrap();
        }
        if number % 1_001 == 1_000 {
            // Closed and opened again, as at a restart.
            filler.close().unwrap();
            filler = Filler::open(&path(&folder.0)).unwrap();
        }
    }
    filler.close().unwrap();
    let filled = dump(&folder.0);
    assert!(filled.len() > 60, "{}", filled.len());

    super::remove(&folder.0).unwrap();
    let (mut filler, why) = open_or_new(&folder.0).unwrap();
    assert_eq!(why.unwrap(), "there was none");
    let progress = catch_up(&mut filler, &folder.0, None, |_| {}).unwrap();
    filler.close().unwrap();
    assert_eq!(progress.entries, all.len() as u64);
    assert_eq!(filled, dump(&folder.0));

    // Half filled, then caught up.
    super::remove(&folder.0).unwrap();
    let mut filler = Filler::create(&path(&folder.0)).unwrap();
    catch_up(&mut filler, &folder.0, Some(Position(1_777)), |_| {}).unwrap();
    filler.close().unwrap();
    let (mut filler, why) = open_or_new(&folder.0).unwrap();
    assert_eq!(why, None);
    catch_up(&mut filler, &folder.0, None, |_| {}).unwrap();
    filler.close().unwrap();
    assert_eq!(filled, dump(&folder.0));
}

#[test]
fn an_index_that_cannot_be_used_is_made_anew_and_says_why() {
    let folder = Folder::new();
    journal(&folder.0);
    let make = || {
        let (mut filler, why) = open_or_new(&folder.0).unwrap();
        catch_up(&mut filler, &folder.0, None, |_| {}).unwrap();
        filler.close().unwrap();
        why
    };
    make();
    let good = dump(&folder.0);
    let file = path(&folder.0);
    let change = |sql: &str| rusqlite::Connection::open(&file).unwrap().execute_batch(sql).unwrap();

    for (sql, expected) in [
        ("PRAGMA user_version = 0", "its tables are of version 0"),
        ("PRAGMA user_version = 99", "its tables are of version 99"),
        ("PRAGMA application_id = 5", "no index of Lapwing"),
        ("UPDATE state SET last_at = last_at + 1", "another one in the journal"),
        ("UPDATE state SET last_position = 1000000, next_position = 1000001", "ahead of the journal"),
    ] {
        change(sql);
        let why = make().unwrap();
        assert!(why.contains(expected), "{why}");
        assert_eq!(dump(&folder.0), good, "{why}");
    }
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    assert!(make().is_some(), "cut in half");
    assert_eq!(dump(&folder.0), good);
    let mut broken = std::fs::read(&file).unwrap();
    broken[4096..12_288].fill(0x5a);
    std::fs::write(&file, broken).unwrap();
    assert!(make().is_some(), "overwritten");
    assert_eq!(dump(&folder.0), good);
    std::fs::write(&file, b"not a database at all, by far not").unwrap();
    assert!(make().is_some(), "nonsense");
    assert_eq!(dump(&folder.0), good);
}

fn archive(folder: &Folder) -> Archive {
    journal(&folder.0);
    let (mut filler, _) = open_or_new(&folder.0).unwrap();
    catch_up(&mut filler, &folder.0, None, |_| {}).unwrap();
    filler.close().unwrap();
    Archive::open(&folder.0).unwrap()
}

fn found(archive: &Archive, search: &Search) -> Vec<u64> {
    archive.tracks(search).unwrap().items.iter().map(|t| t.id.0).collect()
}

/// The tracks that brute force finds: all points of the journal against the circle and the times.
fn brute(circle: Circle, from: Option<Time>, to: Option<Time>) -> Vec<u64> {
    let mut ids = std::collections::BTreeSet::new();
    for (_, entry) in entries() {
        if let Entry::Event(Event {
            body: EventBody::TrackBegan { track } | EventBody::TrackUpdated { track }, ..
        }) = entry
        {
            let k = track.kinematics;
            let timely = from.is_none_or(|t| k.at >= t) && to.is_none_or(|t| k.at <= t);
            if timely && circle.centre.distance_m(k.place) <= circle.radius_m {
                ids.insert(track.id.0);
            }
        }
    }
    ids.into_iter().rev().collect()
}

#[test]
fn places_and_times_find_what_brute_force_finds() {
    let folder = Folder::new();
    let archive = archive(&folder);
    let mut hits = 0;
    for (lat, lon) in
        [(47.0, 8.0), (47.01, 8.0), (47.5, 8.02), (-17.0, 180.0), (-17.0, -179.99), (47.0, 16.0), (0.0, 0.0)]
    {
        for radius_m in [50.0, 800.0, 2_000.0, 100_000.0] {
            let near = Circle { centre: place(lat, lon), radius_m };
            for (from, to) in [(None, None), (Some(time(120.5)), Some(time(180.0))), (Some(time(299.5)), None)] {
                let search = Search { near: Some(near), from, to, ..Search::default() };
                let expected = brute(near, from, to);
                assert_eq!(found(&archive, &search), expected, "{search:?}");
                hits += expected.len();
            }
        }
    }
    assert!(hits > 50, "{hits}");
}

#[test]
fn names_zones_and_pages() {
    let folder = Folder::new();
    let archive = archive(&folder);
    let all = found(&archive, &Search::default());
    assert_eq!(all.len(), 13);
    assert!(all.windows(2).all(|w| w[0] > w[1]), "newest first: {all:?}");
    let identity = |text: &str| Search { identity: Some(text.to_owned()), ..Search::default() };
    assert_eq!(found(&archive, &identity("sERIAL7")), [7], "names in any case");
    assert_eq!(found(&archive, &identity("contradicted")).len(), 4, "a status: every third");
    assert!(found(&archive, &identity("Serial")).is_empty(), "whole names only");
    assert!(found(&archive, &identity("' OR 1=1 --")).is_empty());
    let zone = |id: &str| Search { zone: Some(ZoneId::new(id).unwrap()), ..Search::default() };
    assert_eq!(found(&archive, &zone("line")), [10, 8, 6, 2], "over it, and 8 that was warned of for it");
    assert!(found(&archive, &zone("nowhere")).is_empty());

    let mut paged = Vec::new();
    let mut before = None;
    loop {
        let page = archive.tracks(&Search { limit: 5, before, ..Search::default() }).unwrap();
        paged.extend(page.items.iter().map(|t| t.id.0));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(paged, all);
    let near = Some(Circle { centre: place(47.0, 8.0), radius_m: 50_000.0 });
    let page = archive.tracks(&Search { near, limit: 2, ..Search::default() }).unwrap();
    let rest = archive.tracks(&Search { near, before: page.next, ..Search::default() }).unwrap();
    assert_eq!((page.items.len(), rest.next), (2, None));
    let whole = archive.tracks(&Search { near, ..Search::default() }).unwrap();
    assert_eq!(whole.items.len(), 2 + rest.items.len());
}

#[test]
fn a_track_has_its_life_and_all_its_points() {
    let folder = Folder::new();
    let archive = archive(&folder);
    let whole = archive.track(TrackId(3), None, None, 0, 10_000).unwrap().unwrap();
    assert_eq!((whole.points.len(), whole.track.points, whole.next), (300, 300, None));
    assert_eq!((whole.track.ended_at, whole.track.phase), (Some(time(300.0)), Phase::Ended));
    assert_eq!(whole.track.ended_why.as_deref(), Some("not seen"));
    assert_eq!(whole.points[0].heights.altitude_msl_m, Some(500.5));
    let even = archive.track(TrackId(4), None, None, 0, 1).unwrap().unwrap();
    assert_eq!(even.points[0].heights, Heights::UNKNOWN, "unknown is not zero");
    assert_eq!(even.track.severity_max, Some(Severity::Critical));
    let middle = archive.track(TrackId(3), Some(time(100.0)), Some(time(109.5)), 2, 5).unwrap().unwrap();
    assert_eq!(
        middle.points.iter().map(|p| p.at).collect::<Vec<_>>(),
        (102..107).map(|s| time(s.into())).collect::<Vec<_>>()
    );
    assert_eq!(middle.next, Some(7));
    assert_eq!(archive.track(TrackId(6), None, None, 0, 1).unwrap().unwrap().track.joined_into, Some(TrackId(5)));
    assert_eq!(archive.track(TrackId(9_999), None, None, 0, 1).unwrap(), None);
    assert_eq!(archive.track(TrackId(u64::MAX), None, None, 0, 1).unwrap(), None);
}

#[test]
fn alerts_make_incidents_until_all_of_it_is_cleared() {
    let folder = Folder::new();
    let archive = archive(&folder);
    let page = archive.incidents(&Search::default()).unwrap();
    let ids: Vec<u64> = page.items.iter().map(|i| i.id.0).collect();
    assert_eq!(ids, [5, 2], "the alert on the line about track 6 came after the first incident was over");
    let first = archive.incident(IncidentId(2)).unwrap().unwrap();
    // 3 is on the zone of 2, 4 is about the track of 3.
    assert_eq!(first.alerts, [AlertId(2), AlertId(3), AlertId(4)]);
    assert_eq!(first.tracks, [TrackId(4), TrackId(8)]);
    assert_eq!(first.zones, [ZoneId::new("yard").unwrap(), ZoneId::new("line").unwrap()]);
    assert_eq!((first.began_at, first.ended_at), (time(100.0), Some(time(160.0))));
    assert_eq!((first.state, first.ended_why.as_deref()), (AlertState::Cleared, Some("cleared")));
    assert_eq!((first.severity_max, first.acknowledged_by), (Severity::Critical, vec!["guard-2".to_owned()]));
    let left = archive.incident(IncidentId(5)).unwrap().unwrap();
    assert_eq!((left.ended_at, left.state), (Some(time(400.0)), AlertState::Raised));
    assert_eq!(left.ended_why.as_deref(), Some("the server began anew"));

    let near = Some(Circle { centre: place(-17.0, 180.0), radius_m: 5_000.0 });
    let there = archive.incidents(&Search { near, ..Search::default() }).unwrap();
    assert_eq!(there.items.iter().map(|i| i.id.0).collect::<Vec<_>>(), [5]);
    let late = Search { from: Some(time(165.0)), ..Search::default() };
    assert_eq!(archive.incidents(&late).unwrap().items.len(), 1);
    assert_eq!(archive.alerts(&late).unwrap().items.len(), 1);
    let of = Search { identity: Some("Serial8".to_owned()), ..Search::default() };
    assert_eq!(archive.alerts(&of).unwrap().items.len(), 2);
    assert_eq!(archive.incidents(&of).unwrap().items.len(), 1);

    let audit = archive.audit(&Search::default()).unwrap();
    let what: Vec<&str> = audit.items.iter().map(|a| a.what.as_str()).collect();
    assert_eq!((what.len(), what[0], what[2]), (4, "the server stopped", "acknowledged A2: seen"));
    assert!(what[3].contains("runs the site \"test\""), "{what:?}");
    assert_eq!(audit.items[3].sha256.as_ref().unwrap().len(), 64);
    let by = Search { identity: Some("Guard-2".to_owned()), ..Search::default() };
    assert_eq!(archive.audit(&by).unwrap().items.len(), 1);
}
