#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
//! A disk without room: raw detail is shed and counted, every alert is recorded.

use lapwing_journal::simulated::SimulatedStorage;
use lapwing_journal::{Audit, DiskStorage, Entry, Journal, Options, Reader, Storage};
use lapwing_model::{
    AirText, Alert, AlertId, AlertReason, AlertState, Envelope, Event, EventBody, InputId, Position, Reception,
    Severity, Span, Time, TrackId, ZoneId,
};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

const DISK_BYTES: u64 = 4 << 20;
const ALERTS: u64 = 300;
const RAW_FOR_EACH: u64 = 200;

fn time(i: u64) -> Time {
    Time::from_seconds(1_770_000_000) + Span::from_millis(i as i64 * 10)
}

fn alert(i: u64) -> Event {
    let alert = Alert {
        id: AlertId(i),
        state: AlertState::Raised,
        severity: Severity::Critical,
        track: TrackId(i),
        headline: AirText::new("Unknown drone towards Main hall, in 40 s"),
        reason: AlertReason {
            rule: AirText::new("entry"),
            zone: ZoneId::new("hall").unwrap(),
            inside_probability: 0.9,
            entry_predicted_at: None,
            entry_sd_s: None,
            entered_at: Some(time(i)),
            distance_m: 0.0,
            height_known: true,
        },
        raised_at: time(i),
        changed_at: time(i),
        steps: Vec::new(),
        entries: (0..20).map(Position).collect(),
    };
    Event { sequence: i, at: time(i), cause: None, body: EventBody::AlertChanged { alert: Box::new(alert) } }
}

fn raw(i: u64) -> Entry {
    let input = InputId::new("radar").unwrap();
    Entry::Reception(Reception { input, received_at: time(i), envelope: Envelope::Datagram, bytes: vec![i as u8; 300] })
}

/// Writes far more than the disk holds, and alerts among it. Then somebody makes room.
fn fill(storage: Arc<dyn Storage>, make_room: impl FnOnce()) {
    let options = Options { reserve_bytes: 1 << 20, ..Options::default() };
    let mut journal = Journal::open_in(Arc::clone(&storage), options).unwrap();
    journal.maintain(time(0));
    let (mut i, mut turned_away) = (0, 0);
    let mut alerts = Vec::new();
    for number in 0..ALERTS {
        for _ in 0..RAW_FOR_EACH {
            i += 1;
            turned_away += u64::from(journal.append(time(i), &raw(i)).is_err());
        }
        if number % 10 == 0 {
            journal.maintain(time(i));
        }
        let event = alert(number);
        let position = journal.append_event(time(i), &event).expect("every alert gets a number");
        journal.sync().unwrap_or_else(|e| panic!("alert {number} is not on the disk: {e}"));
        alerts.push((position, event));
    }
    let figures = journal.figures();
    assert!(figures.balances(), "{figures:?}");
    assert!(figures.shed_disk_full >= turned_away && turned_away > 40_000, "{turned_away}: {figures:?}");
    assert_eq!((figures.shed_failed, figures.lost, figures.waiting), (0, 0, 0));
    assert!(figures.fault.as_ref().is_some_and(|f| f.starts_with("disk-full")), "{figures:?}");
    let read: Vec<_> = Reader::of_storage(Arc::clone(&storage)).unwrap().filter_map(Result::ok).collect();
    for (position, event) in &alerts {
        assert!(read.iter().any(|(p, _, e)| p == position && *e == Entry::Event(event.clone())), "{position:?}");
    }

    make_room();
    journal.maintain(time(i + 1_000));
    journal.maintain(time(i + 2_000));
    assert_eq!(journal.figures().fault, None);
    let position = journal.append(time(i + 2_000), &raw(i)).expect("there is room again");
    journal.close().unwrap();
    let read: Vec<_> = Reader::of_storage(storage).unwrap().filter_map(Result::ok).collect();
    assert!(read.iter().any(|(p, ..)| *p == position));
    let told = read.iter().find_map(|(_, _, entry)| match entry {
        Entry::Audit(Audit::NotRecorded { entries, reason, .. }) => Some((*entries, reason.clone())),
        _ => None,
    });
    let (entries, reason) = told.expect("the record says what is not in it");
    assert_eq!((entries, reason.as_str()), (figures.shed_disk_full, "disk-full"));
}

#[test]
fn a_simulated_disk_of_4_mib() {
    let storage = SimulatedStorage::new(1);
    storage.set_capacity(DISK_BYTES);
    fill(Arc::new(storage.clone()), || storage.set_capacity(2 * DISK_BYTES));
}

/// A file system of its own, for as long as the test.
struct Mount(PathBuf);

impl Mount {
    /// `None` without the right to mount: the simulated disk is there for everybody.
    fn new() -> Option<Self> {
        let path = std::env::temp_dir().join(format!("lapwing-full-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o"])
            .arg(format!("size={DISK_BYTES}"))
            .args(["tmpfs".as_ref(), path.as_os_str()])
            .output()
            .is_ok_and(|output| output.status.success());
        let mount = Self(path);
        mounted.then_some(mount)
    }

    fn remount(path: &Path, bytes: u64) {
        let status = Command::new("mount").arg("-o").arg(format!("remount,size={bytes}")).arg(path).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).output();
        let _ = std::fs::remove_dir(&self.0);
    }
}

#[test]
fn a_real_file_system_of_4_mib() {
    let Some(mount) = Mount::new() else {
        println!("no right to mount a file system here");
        return;
    };
    let storage = Arc::new(DiskStorage::open(&mount.0).unwrap());
    fill(storage, || Mount::remount(&mount.0, 2 * DISK_BYTES));
}
