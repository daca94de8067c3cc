#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::unwrap_used, clippy::expect_used)]
//! The journal as its users see it: what goes in comes out, whatever happens to the files.

use lapwing_journal::{Damage, DamageKind, Entry, Journal, LOCK_FILE, Options, ReadAt, Reader};
use lapwing_model::{
    AirText, AlertId, Command, Envelope, Event, EventBody, InputId, Link, Order, Position, Reception, Rule, SensorId,
    Site, Time, TrackId, site::InputInfo,
};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};

/// A directory of its own that goes away with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("lapwing-journal-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

type Item = (Position, Time, Entry);

fn read(path: &Path) -> (Vec<Item>, Vec<Damage>) {
    let (mut entries, mut damage) = (Vec::new(), Vec::new());
    for item in Reader::open(path).unwrap() {
        match item {
            Ok(entry) => entries.push(entry),
            Err(d) => damage.push(d),
        }
    }
    (entries, damage)
}

/// Reads the bytes of one segment.
fn read_bytes(bytes: &[u8]) -> (Vec<Item>, Vec<Damage>) {
    let (mut entries, mut damage) = (Vec::new(), Vec::new());
    for item in Reader::of_bytes([(PathBuf::from("bytes"), Box::new(bytes.to_vec()) as Box<dyn ReadAt>)]) {
        match item {
            Ok(entry) => entries.push(entry),
            Err(d) => damage.push(d),
        }
    }
    (entries, damage)
}

fn segments(directory: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "mcap"))
        .collect();
    found.sort();
    found
}

fn input(name: &str) -> InputId {
    InputId::new(name).unwrap()
}

fn time(i: u64) -> Time {
    Time::from_nanos(1_770_000_000_123_456_789 + i as i64 * 10_000_000)
}

fn reception(i: u64, envelope: Envelope, bytes: &[u8]) -> Entry {
    Entry::Reception(Reception {
        input: input("radar"),
        received_at: Time::from_nanos(time(i).as_nanos() - 7),
        envelope,
        bytes: bytes.to_vec(),
    })
}

fn site() -> Entry {
    Entry::Site {
        site: Site {
            name: AirText::new("Kloten"),
            sensors: Vec::new(),
            inputs: vec![InputInfo {
                id: input("radar"),
                format: AirText::new("json"),
                transport: AirText::new("udp"),
                sensor: SensorId::new("radar-1").unwrap(),
                format_options: String::new(),
            }],
            zones: Vec::new(),
            rules: Rule::defaults(),
            authorised: Vec::new(),
        },
        version: "0.1.0".to_owned(),
        resumed: None,
    }
}

fn event(i: u64) -> Entry {
    let body = EventBody::TrackEnded { track: TrackId(i), why: AirText::new("no plot for 10 s") };
    Entry::Event(Event { sequence: i, at: time(i), cause: Some(Position(i)), body })
}

/// One entry of every kind and of every envelope.
fn kinds() -> Vec<Entry> {
    vec![
        site(),
        Entry::Link { input: input("radar"), link: Link::Up },
        reception(2, Envelope::Stream { connection: 3, offset: u64::MAX }, b"abc\n"),
        reception(3, Envelope::StreamEnd { connection: 3 }, b""),
        reception(4, Envelope::Datagram, &[0, 255, 1]),
        reception(5, Envelope::Message { topic: "a/ü".to_owned() }, b"{}"),
        reception(6, Envelope::Message { topic: String::new() }, b""),
        reception(7, Envelope::Frame { link_type: 127 }, &[7; 2000]),
        Entry::Link { input: input("radar"), link: Link::Down { why: AirText::new("refused") } },
        Entry::Shed { input: input("radar"), units: 12, reason: "mailbox-full".to_owned() },
        Entry::Command(Command {
            by: AirText::new("guard"),
            order: Order::AcknowledgeAlert { alert: AlertId(3), note: Some(AirText::new("seen")) },
        }),
        event(11),
        Entry::Stop,
    ]
}

#[test]
fn every_kind_of_entry_comes_back_as_it_went_in() {
    let scratch = Scratch::new();
    let mut journal = Journal::open(&scratch.0, Options::default()).unwrap();
    let entries = kinds();
    for (i, entry) in entries.iter().enumerate() {
        let position = journal.append(time(i as u64), entry).unwrap();
        assert_eq!(position, Position(i as u64));
    }
    assert_eq!(journal.figures().waiting, entries.len() as u64);
    journal.close().unwrap();
    let (read_back, damage) = read(&scratch.0);
    assert_eq!(damage, []);
    let expected: Vec<_> =
        entries.into_iter().enumerate().map(|(i, e)| (Position(i as u64), time(i as u64), e)).collect();
    assert_eq!(read_back, expected);
}

#[test]
fn other_mcap_readers_find_the_bytes_and_their_channel() {
    let scratch = Scratch::new();
    let mut journal = Journal::open(&scratch.0, Options::default()).unwrap();
    for (i, entry) in kinds().iter().enumerate() {
        journal.append(time(i as u64), entry).unwrap();
    }
    journal.close().unwrap();
    let bytes = std::fs::read(&segments(&scratch.0)[0]).unwrap();
    let all = || mcap::MessageStream::new(&bytes).unwrap().map(|m| m.unwrap());
    assert_eq!(all().filter(|m| m.channel.topic != "/seal").count(), kinds().len());
    let frame = all().find(|m| m.channel.topic == "/in" && m.data.len() > 2000).expect("the frame");
    assert_eq!(frame.log_time, time(7).as_nanos() as u64);
    assert_eq!(frame.publish_time, frame.log_time - 7);
    assert!(frame.data.ends_with(&[7; 2000]));
}

#[test]
fn positions_go_on_over_starts_and_segments() {
    let scratch = Scratch::new();
    let options = Options { segment_bytes_max: 20_000, ..Options::default() };
    let mut count = 0;
    for start in 0..3 {
        let mut journal = Journal::open(&scratch.0, options).unwrap();
        assert_eq!(journal.next_position(), Position(count));
        for _ in 0..100 {
            let entry = reception(count, Envelope::Datagram, &[start; 1000]);
            assert_eq!(journal.append(time(count), &entry).unwrap(), Position(count));
            count += 1;
        }
        // The second run ends without being closed in order, but flushed.
        if start == 1 {
            journal.flush().unwrap();
            std::mem::forget(journal);
            std::fs::remove_file(scratch.0.join(LOCK_FILE)).unwrap();
        }
    }
    assert!(segments(&scratch.0).len() > 12, "{:?}", segments(&scratch.0));
    let (entries, damage) = read(&scratch.0);
    assert_eq!(entries.iter().map(|e| e.0.0).collect::<Vec<_>>(), (0..count).collect::<Vec<_>>());
    assert_eq!(damage.iter().map(|d| d.kind).collect::<Vec<_>>(), [DamageKind::NotClosed], "{damage:?}");
    // One file alone, and from a position on.
    let (one, damage) = read(&segments(&scratch.0)[1]);
    assert!(!one.is_empty() && damage.is_empty());
    let late: Vec<_> = Reader::open(&scratch.0).unwrap().starting_at(Position(250)).filter_map(Result::ok).collect();
    assert_eq!(late.first().map(|e| e.0), Some(Position(250)));
    assert_eq!(late.len() as u64, count - 250);
}

#[test]
fn a_removed_segment_is_told_as_missing_entries() {
    let scratch = Scratch::new();
    let mut journal = Journal::open(&scratch.0, Options { segment_bytes_max: 5_000, ..Options::default() }).unwrap();
    for i in 0..50 {
        journal.append(time(i), &reception(i, Envelope::Datagram, &[0; 500])).unwrap();
    }
    journal.close().unwrap();
    let all = segments(&scratch.0);
    std::fs::remove_file(&all[2]).unwrap();
    let (entries, damage) = read(&scratch.0);
    assert_eq!(damage.len(), 1, "{damage:?}");
    assert_eq!(damage[0].kind, DamageKind::Missing);
    assert_eq!(damage[0].path, all[3]);
    assert!(entries.len() < 50 && entries.len() > 30);
}

#[test]
fn one_writer_at_a_time() {
    let scratch = Scratch::new();
    let _first = Journal::open(&scratch.0, Options::default()).unwrap();
    let error = Journal::open(&scratch.0, Options::default()).err().expect("refused").to_string();
    assert!(error.contains(LOCK_FILE) && error.contains("another process"), "{error}");
}

#[test]
fn errors_name_the_file() {
    let missing = std::env::temp_dir().join("lapwing-no-such-journal");
    let error = Reader::open(&missing).err().unwrap().to_string();
    assert!(error.contains("lapwing-no-such-journal"), "{error}");
    let scratch = Scratch::new();
    let file = scratch.0.join("file");
    std::fs::write(&file, b"").unwrap();
    let error = Journal::open(&file, Options::default()).err().unwrap().to_string();
    assert!(error.contains(&file.display().to_string()), "{error}");
}

/// A segment with several chunks, flushed every five entries, and what is in it.
fn sample(scratch: &Scratch) -> (PathBuf, Vec<Item>) {
    let mut journal = Journal::open(&scratch.0, Options::default()).unwrap();
    for i in 0..40 {
        let entry = match i % 4 {
            0 => reception(i, Envelope::Datagram, format!("plot {i}").as_bytes()),
            1 => reception(i, Envelope::Stream { connection: 1, offset: i }, &[i as u8; 60]),
            2 => event(i),
            _ => Entry::Link { input: input("adsb"), link: Link::Up },
        };
        journal.append(time(i), &entry).unwrap();
        if i % 5 == 4 {
            journal.flush().unwrap();
        }
    }
    journal.close().unwrap();
    let path = segments(&scratch.0).pop().unwrap();
    let (entries, damage) = read(&path);
    assert_eq!((entries.len(), damage), (40, Vec::new()));
    (path, entries)
}

#[test]
fn a_file_cut_anywhere_is_read_up_to_the_cut() {
    let scratch = Scratch::new();
    let (path, entries) = sample(&scratch);
    let bytes = std::fs::read(&path).unwrap();
    let mut before = 0;
    for cut in 0..bytes.len() {
        let (read_back, damage) = read_bytes(&bytes[..cut]);
        assert_eq!(read_back, entries[..read_back.len()], "cut at {cut}");
        assert!(read_back.len() >= before, "cut at {cut}: more bytes gave fewer entries");
        before = read_back.len();
        let told = damage.last();
        // From the footer on, nothing of value is missing.
        if let Some(told) = told {
            assert!(matches!(told.kind, DamageKind::Cut | DamageKind::NotClosed), "cut at {cut}: {told}");
            assert!(told.offset <= cut as u64 && told.offset + told.length == cut as u64, "cut at {cut}: {told:?}");
        } else {
            assert_eq!(read_back.len(), 40, "cut at {cut} was not told");
        }
    }
    assert_eq!(before, 40);
}

#[test]
fn a_wrong_byte_anywhere_costs_one_chunk_at_most_and_invents_nothing() {
    let scratch = Scratch::new();
    let (path, entries) = sample(&scratch);
    let bytes = std::fs::read(&path).unwrap();
    for at in 0..bytes.len() {
        let mut bad = bytes.clone();
        bad[at] ^= 1 << (at % 8);
        let (read_back, damage) = read_bytes(&bad);
        for item in &read_back {
            assert_eq!(Some(item), entries.get(item.0.0 as usize), "byte {at}");
        }
        assert!(read_back.len() >= 35, "byte {at}: {} entries, {damage:?}", read_back.len());
        if read_back.len() < 40 {
            assert!(!damage.is_empty(), "byte {at}: {} entries and not a word", read_back.len());
        }
    }
}

/// A generator of numbers that look random (Marsaglia 2003, "Xorshift RNGs", J. Stat. Software 8:14).
struct Xorshift(u64);

impl Xorshift {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

#[test]
fn hostile_files_neither_crash_the_reader_nor_invent_entries() {
    let scratch = Scratch::new();
    let (path, entries) = sample(&scratch);
    let bytes = std::fs::read(&path).unwrap();
    let mut random = Xorshift(0x9e37_79b9_7f4a_7c15);
    for round in 0..4000 {
        let mut bad = bytes.clone();
        for _ in 0..=random.below(4) {
            let at = random.below(bad.len());
            match random.below(6) {
                0 => bad[at] = random.next() as u8,
                1 => bad.truncate(at + 1),
                2 => {
                    let end = (at + random.below(300)).min(bad.len());
                    bad.drain(at..end);
                }
                3 => {
                    let from = random.below(bytes.len());
                    let piece = bytes[from..(from + random.below(2000)).min(bytes.len())].to_vec();
                    bad.splice(at..at, piece);
                }
                4 => {
                    let end = (at + 8).min(bad.len());
                    bad[at..end].fill(if random.below(2) == 0 { 0xff } else { 0 });
                }
                _ => {
                    let end = (at + random.below(64)).min(bad.len());
                    for b in &mut bad[at..end] {
                        *b = random.next() as u8;
                    }
                }
            }
            if bad.is_empty() {
                bad.push(0);
            }
        }
        let (read_back, _) = read_bytes(&bad);
        for item in &read_back {
            assert_eq!(Some(item), entries.get(item.0.0 as usize), "round {round}");
        }
        assert!(read_back.windows(2).all(|w| w[0].0 < w[1].0), "round {round}: positions go back");
    }
}

#[test]
fn a_chunk_smuggled_in_as_a_payload_is_not_taken_for_the_journals_own() {
    // Another journal's segment, received as bytes, holds sound chunks.
    let theirs = Scratch::new();
    let (their_path, _) = sample(&theirs);
    let smuggled = std::fs::read(their_path).unwrap();
    let ours = Scratch::new();
    let mut journal = Journal::open(&ours.0, Options::default()).unwrap();
    journal.append(time(0), &reception(0, Envelope::Datagram, b"first")).unwrap();
    journal.flush().unwrap();
    journal.append(time(1), &reception(1, Envelope::Datagram, &smuggled)).unwrap();
    journal.flush().unwrap();
    journal.append(time(2), &reception(2, Envelope::Datagram, b"last")).unwrap();
    journal.close().unwrap();
    let path = segments(&ours.0).pop().unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    // Break the length of the chunk that carries them, so that the reader has to search inside it.
    let inside = bytes.windows(smuggled.len()).position(|w| w == smuggled).unwrap();
    let chunk = (0..inside).rev().find(|at| bytes[*at] == 6 && bytes[at + 37..at + 41] == [0; 4]).unwrap();
    bytes[chunk + 1] ^= 0xff;
    bytes[chunk + 7] = 0xff;
    std::fs::write(&path, &bytes).unwrap();
    let (entries, damage) = read(&path);
    let positions: Vec<_> = entries.iter().map(|e| e.0.0).collect();
    assert_eq!(positions, [0, 2], "{damage:?}");
    assert_eq!(damage.iter().map(|d| d.kind).collect::<Vec<_>>(), [DamageKind::Corrupt, DamageKind::Missing]);
}

/// Not a test of its own: [`killing_the_writer_loses_nothing_that_was_flushed`] runs it in a process of its own, with
/// the directory in the environment, and kills that.
#[test]
fn writer_process() {
    let Some(directory) = std::env::var_os("LAPWING_JOURNAL_WRITER") else { return };
    let mut journal =
        Journal::open(Path::new(&directory), Options { segment_bytes_max: 300_000, ..Options::default() }).unwrap();
    for i in 0_u64.. {
        let position = journal.append(time(i), &reception(i, Envelope::Datagram, &[i as u8; 700])).unwrap();
        if i % 10 == 9 {
            journal.flush().unwrap();
            println!("\nflushed {}", position.0);
        }
    }
}

#[test]
fn killing_the_writer_loses_nothing_that_was_flushed() {
    let scratch = Scratch::new();
    for round in 0..5 {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "writer_process", "--nocapture", "--test-threads=1"])
            .env("LAPWING_JOURNAL_WRITER", &scratch.0)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut flushed = None;
        let mut seen = 0;
        for line in lines.by_ref() {
            if let Some(position) = line.unwrap().strip_prefix("flushed ") {
                flushed = position.parse::<u64>().ok();
                seen += 1;
                if seen == 40 + round * 37 {
                    break;
                }
            }
        }
        // SIGKILL: nothing of the writer's own runs any more.
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines.map_while(Result::ok) {
            if let Some(position) = line.strip_prefix("flushed ") {
                flushed = position.parse::<u64>().ok().or(flushed);
            }
        }
        let flushed = flushed.expect("the writer wrote");
        let (entries, damage) = read(&scratch.0);
        let last = entries.last().unwrap().0.0;
        assert!(last >= flushed, "round {round}: flushed up to {flushed}, read up to {last}");
        assert!(entries.iter().enumerate().all(|(i, e)| e.0.0 == i as u64), "round {round}: a gap");
        assert!(
            damage.iter().all(|d| matches!(d.kind, DamageKind::NotClosed | DamageKind::Cut)),
            "round {round}: {damage:?}"
        );
    }
}

#[test]
fn a_directory_that_goes_away_is_told_and_writing_goes_on_when_it_is_back() {
    let scratch = Scratch::new();
    let inner = scratch.0.join("journal");
    let mut journal = Journal::open(&inner, Options { segment_bytes_max: 1_000, ..Options::default() }).unwrap();
    journal.append(time(0), &reception(0, Envelope::Datagram, &[0; 2000])).unwrap();
    journal.flush().unwrap();
    let moved = scratch.0.join("moved");
    std::fs::rename(&inner, &moved).unwrap();
    // Class A waits in memory, and is not said to be recorded. Class B is turned away.
    let position = journal.append(time(1), &Entry::Stop).unwrap();
    let error = journal.sync().unwrap_err().to_string();
    assert!(error.contains("journal"), "{error}");
    assert!(journal.append(time(1), &reception(1, Envelope::Datagram, b"b")).is_err());
    // Not tried again within a second, then it works again.
    std::fs::rename(&moved, &inner).unwrap();
    assert!(journal.append(time(2), &reception(2, Envelope::Datagram, b"b")).is_err());
    assert!(journal.sync().is_err());
    let last = journal.append(time(200), &reception(200, Envelope::Datagram, b"b")).unwrap();
    assert!(journal.figures().balances(), "{:?}", journal.figures());
    assert_eq!(journal.figures().shed_failed, 2);
    journal.close().unwrap();
    let (entries, damage) = read(&inner);
    assert_eq!(entries.iter().map(|e| e.0).collect::<Vec<_>>(), [Position(0), position, last]);
    assert_eq!(damage, []);
}

#[test]
fn appending_is_far_faster_than_the_rated_load() {
    let scratch = Scratch::new();
    let mut journal = Journal::open(&scratch.0, Options::default()).unwrap();
    let entry = reception(0, Envelope::Datagram, &[42; 200]);
    let start = std::time::Instant::now();
    let count = 100_000;
    for i in 0..count {
        journal.append(time(i), &entry).unwrap();
        if i % 2_000 == 0 {
            journal.flush().unwrap();
        }
    }
    journal.close().unwrap();
    let rate = count as f64 / start.elapsed().as_secs_f64();
    let start = std::time::Instant::now();
    let (entries, _) = read(&scratch.0);
    let read_rate = entries.len() as f64 / start.elapsed().as_secs_f64();
    println!("{rate:.0} appends/s, {read_rate:.0} entries read/s");
    assert_eq!(entries.len() as u64, count);
    assert!(rate > 20_000.0, "{rate:.0} appends/s");
}
