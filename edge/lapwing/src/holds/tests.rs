//! A day later: what an incident holds is there and can be exported, the rest of the raw detail is gone.

use super::{HoldJob, HoldRules, Marks};
use crate::bundle::tests::{Recorder, exported, reception};
use crate::index::Archive;
use crate::index::tests::Folder;
use lapwing_journal::simulated::{Call, Failure, SimulatedStorage};
use lapwing_journal::{DiskStorage, Entry, Hold, Holds, Journal, Options, Reader, Retention, Storage};
use lapwing_model::{Position, Span, Time};
use lapwing_server::history::{IncidentRecord, Search};
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

const RULES: HoldRules = HoldRules {
    before: Span::from_seconds(300),
    after: Span::from_seconds(300),
    keep: Span::from_seconds(30 * 86_400),
};
const RETENTION: Retention =
    Retention { class_b: Span::from_seconds(24 * 3_600), class_a: Span::from_seconds(366 * 86_400) };
const OPTIONS: Options =
    Options { segment_bytes_max: 1 << 30, segment_time_max: Span::from_seconds(240), reserve_bytes: 0 };

fn begin() -> Time {
    Time::from_seconds(1_784_000_000)
}

fn after(seconds: i64) -> Time {
    begin() + Span::from_seconds(seconds)
}

fn claim(serial: &str, latitude: f64) -> String {
    format!(
        "{{\"type\":\"claim\",\"protocol\":\"remote_id\",\"serial\":\"{serial}\",\"latitude_deg\":{latitude:.7},\"longitude_deg\":8.001,\
         \"horizontal_accuracy_m\":3,\"speed_mps\":0,\"operational_status\":\"airborne\"}}\n"
    )
}

/// An hour with somebody far off all the time, and from the 30th to the 33rd minute one in the zone.
fn recorded(folder: &Folder) -> IncidentRecord {
    let mut recorder = Recorder::begin_with(&folder.0, begin(), OPTIONS);
    for second in (2..3_600).step_by(2) {
        recorder.entry(after(second), reception(after(second), claim("FARAWAY", 46.9)));
        if (1_800..1_980).contains(&second) {
            recorder.entry(after(second), reception(after(second), claim("INTRUDER", 47.0)));
        }
    }
    recorder.entry(after(3_600), Entry::Stop);
    recorder.journal.close().unwrap();
    crate::index::refresh(&folder.0).unwrap();
    let found = Archive::open(&folder.0).unwrap().incidents(&Search::default()).unwrap();
    assert_eq!(found.items.len(), 1, "{found:?}");
    found.items[0].clone()
}

fn job(folder: &Folder, now: Time) -> HoldJob {
    let reached = Archive::open(&folder.0).unwrap().progress().unwrap().0;
    HoldJob {
        storage: Arc::new(DiskStorage::open(&folder.0).unwrap()),
        directory: folder.0.clone(),
        rules: RULES,
        now,
        keep_raw: RETENTION.class_b,
        indexed: reached,
        next: reached,
        patience: Duration::from_millis(50),
        marks: Marks::default(),
    }
}

/// Times of the raw receptions that are left, seconds since the beginning.
fn left(folder: &Folder) -> Vec<i64> {
    let entries = Reader::open(&folder.0).unwrap().filter_map(Result::ok);
    entries
        .filter(|(.., entry)| matches!(entry, Entry::Reception(_)))
        .map(|(_, at, _)| at.since(begin()).as_nanos() / 1_000_000_000)
        .collect()
}

/// What the server does once a minute, until there is nothing left to do.
fn retain(folder: &Folder, now: Time) {
    job(folder, now).run().unwrap();
    let mut journal = Journal::open(&folder.0, OPTIONS).unwrap();
    while let Some(job) = journal.begin_retention(now, &RETENTION).unwrap() {
        let done = job.run();
        assert!(done.failures.is_empty(), "{done:?}");
        journal.finish_retention(&done);
    }
    journal.close().unwrap();
    crate::index::refresh(&folder.0).unwrap();
}

#[test]
fn what_an_incident_holds_is_there_after_a_day_and_the_rest_is_gone() {
    let folder = Folder::new();
    let incident_record = recorded(&folder);
    let (began, ended) = (incident_record.began_at, incident_record.ended_at.expect("it is over"));
    let (from, to) = ((began - RULES.before).since(begin()), (ended + RULES.after).since(begin()));
    let all = left(&folder);
    assert!(all.first() == Some(&2) && all.last() == Some(&3_598));

    retain(&folder, begin() + Span::from_seconds(26 * 3_600));
    let is_held = |s: &i64| (from..=to).contains(&Span::from_seconds(*s));
    let wanted: Vec<i64> = all.iter().copied().filter(is_held).collect();
    // The last segment of all is never worked on: nothing follows it.
    let now: Vec<i64> = left(&folder).into_iter().filter(|s| *s < 3_300).collect();
    let extra: Vec<i64> = now.iter().copied().filter(|s| !wanted.contains(s)).collect();
    assert!(wanted.iter().all(|s| now.contains(s)), "held from {from:?} to {to:?}, left {now:?}");
    assert!(extra.len() <= 2, "the entry at each end at most: {extra:?}");

    let bytes = std::fs::read(exported(incident_record.id, &folder)).unwrap();
    let held = |text: &str| bytes.windows(text.len()).filter(|w| *w == text.as_bytes()).count();
    assert!(held("INTRUDER") > 90, "each of its reports, raw and decoded: {}", held("INTRUDER"));

    // Looked for again nothing changes; and when it has been over for long enough it goes as all does.
    let holds = Holds::read(&DiskStorage::open(&folder.0).unwrap()).unwrap();
    assert_eq!(holds.holds.len(), 1);
    assert_eq!(holds.holds[0].why, format!("incident {}", incident_record.id));
    retain(&folder, begin() + Span::from_seconds(27 * 3_600));
    assert_eq!(Holds::read(&DiskStorage::open(&folder.0).unwrap()).unwrap(), holds);
    retain(&folder, ended + RULES.keep);
    assert_eq!(Holds::read(&DiskStorage::open(&folder.0).unwrap()).unwrap(), Holds::default());
    assert!(left(&folder).iter().all(|s| *s >= 3_300), "{:?}", left(&folder));
}

#[test]
fn a_hold_grows_with_its_incident_and_others_are_left_alone() {
    let folder = Folder::new();
    let incident = recorded(&folder);
    let storage = DiskStorage::open(&folder.0).unwrap();
    let theirs = Hold { first: 3, last: 9, why: "asked for by the police, 2026-17".to_owned() };
    Holds { holds: vec![theirs.clone()] }.write(&storage).unwrap();
    let read = || Holds::read(&storage).unwrap().holds;
    // While it goes on, and shortly after its end, nobody knows where it ends.
    job(&folder, incident.ended_at.unwrap() + Span::from_seconds(60)).run().unwrap();
    assert_eq!((read().len(), &read()[0], read()[1].last), (2, &theirs, u64::MAX));
    let first = read()[1].first;
    job(&folder, incident.ended_at.unwrap() + Span::from_seconds(600)).run().unwrap();
    assert_eq!((read().len(), &read()[0], read()[1].first), (2, &theirs, first));
    assert!(read()[1].last < u64::MAX && read()[1].last >= incident.last_position.0);
    assert!(first < incident.first_position.0);
}

#[test]
fn what_cannot_be_written_or_known_is_an_error() {
    let folder = Folder::new();
    let incident = recorded(&folder);
    let now = incident.ended_at.unwrap() + Span::from_seconds(600);
    for (of, at) in [(Call::Create, 0), (Call::Write, 0), (Call::Sync, 0), (Call::Rename, 0)] {
        let disk = SimulatedStorage::new(1);
        disk.fail(Failure { of: Some(of), at, count: 1, error: ErrorKind::StorageFull });
        let failing = HoldJob { storage: Arc::new(disk.clone()), ..job(&folder, now) };
        assert!(failing.run().is_err(), "{of:?}");
        // The next time it works.
        failing.run().unwrap();
        assert_eq!(Holds::read(&disk).unwrap().holds.len(), 1);
    }
    let unreadable = SimulatedStorage::new(2);
    lapwing_journal::replace(&unreadable, lapwing_journal::HOLDS_FILE, b"{").unwrap();
    let why = HoldJob { storage: Arc::new(unreadable.clone()), ..job(&folder, now) }.run().unwrap_err();
    assert!(format!("{why:#}").contains("holds.json"), "{why:#}");
    assert!(unreadable.exists(lapwing_journal::HOLDS_FILE));
    // An index that is behind may not know of the incident that began meanwhile: only what is older than that may go.
    let behind = |now: Time| HoldJob { indexed: Position(u64::MAX), ..job(&folder, now) };
    behind(after(3_600)).run().unwrap();
    let why = behind(after(30 * 3_600)).run().unwrap_err();
    assert!(format!("{why:#}").contains("may not know all incidents"), "{why:#}");
}

#[test]
fn marks_are_never_too_narrow() {
    let mut marks = Marks::default();
    for second in 0..2_000 {
        marks.note(after(second), Position(10 * second as u64), &RULES);
    }
    assert!(marks.marks.len() < 130, "{}", marks.marks.len());
    let next = Position(20_000);
    let (first, last) = marks.around(after(1_903), next).unwrap();
    assert!(first.0 <= 19_030 && first.0 > 18_930, "{first:?}");
    assert!(last.0 >= 19_030 && last.0 < 19_130, "{last:?}");
    assert_eq!(marks.around(after(1_999), next).unwrap().1, next);
    assert_eq!(marks.around(after(100), next), None);
}
