//! Journal and snapshots on one simulated disk, whose power is cut in any call: what is found goes on as one run, whatever of
//! the two is there.

use super::*;
use lapwing_journal::SyncJob;
use lapwing_journal::simulated::{Random, SimulatedStorage};
use std::sync::Arc;

/// Runs on a disk that goes dark, and remembers what was told.
struct Powered {
    disk: SimulatedStorage,
    journal: Journal,
    line: Line,
    /// The number of the last event of class A that was told: its entry was on the disk.
    told: Option<u64>,
    waiting: Option<u64>,
    offset: u64,
}

impl Powered {
    fn start(disk: &SimulatedStorage) -> Option<Self> {
        let journal = Journal::open_in(Arc::new(disk.clone()), options()).ok()?;
        let line = Line::new(site(), at(0.0), journal.next_position()).unwrap();
        let mut run = Self { disk: disk.clone(), journal, line, told: None, waiting: None, offset: 0 };
        run.entry(0.0, Entry::Site { site: site(), version: version(), resumed: None });
        Some(run)
    }

    fn entry(&mut self, s: f64, entry: Entry) {
        let Ok(position) = self.journal.append(at(s), &entry) else { return };
        let mut events = Vec::new();
        self.line.take(at(s), Some(position), entry, &mut events, &mut Vec::new());
        for event in events {
            let _ = self.journal.append_event(self.line.now(), &event);
            if event.body.is_vital() {
                self.waiting = Some(event.sequence);
            }
        }
    }

    fn claim(&mut self, s: f64) {
        let line = format!(
            "{{\"type\":\"claim\",\"protocol\":\"remote_id\",\"serial\":\"A1\",\"latitude_deg\":{},\"longitude_deg\":8.0,\"horizontal_accuracy_m\":3,\"speed_mps\":10.0,\"course_deg\":180.0}}\n",
            47.008 - s * 0.00009
        );
        for piece in [&line[..60], &line[60..]] {
            let envelope = Envelope::Stream { connection: 1, offset: self.offset };
            self.offset += piece.len() as u64;
            let (input, bytes) = (InputId::new("rid").unwrap(), piece.as_bytes().to_vec());
            self.entry(s, Entry::Reception(Reception { input, received_at: at(s), envelope, bytes }));
        }
    }

    /// What the run loop does when a sync has ended.
    fn synced(&mut self, job: SyncJob, waited: Option<u64>) {
        let done = job.run();
        let worked = done.worked();
        let _ = self.journal.finish_sync(done);
        if worked {
            self.told = self.told.max(waited);
        }
    }

    fn sync(&mut self) -> bool {
        let synced = self.journal.sync().is_ok();
        if synced {
            self.told = self.told.max(self.waiting);
        }
        synced
    }

    /// As the keeper does: written down now, on the disk when what it is of is.
    fn snapshot(&mut self) {
        let (position, now) = (self.journal.next_position(), self.line.now());
        let state = self.line.save(0).unwrap();
        if self.sync() {
            let _ =
                Folder::Stored(Arc::new(self.disk.clone())).write(position, now, &state, Span::from_seconds(86_400));
        }
    }

    fn fly(&mut self, random: &mut Random) {
        let mut running: Option<(SyncJob, Option<u64>)> = None;
        for s in 0..60 {
            if self.disk.is_dark() {
                break;
            }
            self.claim(f64::from(s));
            self.journal.maintain(at(f64::from(s)));
            match random.below(6) {
                0 => self.snapshot(),
                1 => drop(self.sync()),
                2 | 3 => match running.take() {
                    Some((job, waited)) => self.synced(job, waited),
                    None => running = self.journal.begin_sync().ok().flatten().map(|job| (job, self.waiting)),
                },
                _ => {}
            }
        }
    }
}

/// Puts what was found where a start looks for it.
fn lay_out(files: &std::collections::BTreeMap<String, Vec<u8>>, folder: &Path) {
    let snapshots = folder.join("snapshots");
    std::fs::create_dir_all(&snapshots).unwrap();
    for (name, bytes) in files {
        let is_snapshot = name.contains(".snap");
        std::fs::write(if is_snapshot { snapshots.join(name) } else { folder.join(name) }, bytes).unwrap();
    }
}

/// The journal that is there, applied from its beginning: the state, and the number of the last event in it.
fn applied(folder: &Path) -> (Option<Line>, Option<u64>) {
    let (mut line, mut last) = (None, None);
    for (position, time, entry) in Reader::open(folder).unwrap().filter_map(Result::ok) {
        match entry {
            Entry::Site { site, .. } => {
                let mut new = Line::new(site.clone(), time, position).unwrap();
                let entry = Entry::Site { site, version: version(), resumed: None };
                new.take(time, Some(position), entry, &mut Vec::new(), &mut Vec::new());
                line = Some(new);
            }
            Entry::Event(event) => {
                last = last.max(Some(event.sequence));
                if let Some(line) = &mut line {
                    line.tick(time, &mut Vec::new());
                }
            }
            Entry::Snapshot(_) | Entry::Audit(_) => {}
            entry => {
                if let Some(line) = &mut line {
                    line.take(time, Some(position), entry, &mut Vec::new(), &mut Vec::new());
                }
            }
        }
    }
    (line, last)
}

#[test]
fn the_power_is_cut_in_any_call_and_the_run_goes_on_from_what_is_there() {
    let scratch = folder("power");
    let (mut images, mut from_snapshots, mut alerts) = (0, 0, 0);
    for case in 0..120 {
        let mut random = Random(case);
        let disk = SimulatedStorage::new(case);
        disk.go_dark_after(random.below(260));
        let told = Powered::start(&disk).map(|mut run| {
            run.fly(&mut random);
            run.told
        });
        for seed in 0..2 {
            let directory = scratch.0.join(format!("{case}-{seed}"));
            let image = disk.image(seed);
            lay_out(&image.files, &directory);
            let journal = Journal::open(&directory, options()).unwrap();
            let end = journal.next_position();
            let (whole, last) = applied(&directory);
            assert!(last >= told.flatten(), "case {case}, {}: told {told:?}, on record {last:?}", image.told);
            let resumption = resume(&directory, end).unwrap();
            assert_eq!(resumption.is_some(), whole.is_some(), "case {case}, {}", image.told);
            images += 1;
            let (Some(Resumption { line, untold, resumed }), Some(whole)) = (resumption, whole) else { continue };
            assert!(
                line.save(0).unwrap() == whole.save(0).unwrap(),
                "case {case}, {}: from {:?} another state than from the beginning",
                image.told,
                resumed.from
            );
            assert!(untold.iter().all(|e| Some(e.sequence) > told.flatten()), "case {case}: told twice");
            from_snapshots += u32::from(resumed.from > Position(0));
            alerts += u32::from(!line.snapshot().alerts.is_empty());
            drop(journal);
            std::fs::remove_dir_all(&directory).unwrap();
        }
    }
    assert!(images == 240 && from_snapshots > 60 && alerts > 40, "{images}, {from_snapshots}, {alerts}");
}
