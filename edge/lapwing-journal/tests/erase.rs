#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::unwrap_used, clippy::expect_used)]
//! Erasing: what was erased is nowhere in the file, and everything else is where it was.

use lapwing_journal::{DiskStorage, Entry, Erased, Journal, Options, Reader, Storage, erase};
use lapwing_model::{AirText, AlertId, Command, Envelope, InputId, Order, Position, Reception, Span, Time};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("lapwing-erase-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
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

fn at(n: u64) -> Time {
    Time::from_seconds(1_780_000_000) + Span::from_millis(n as i64 * 10)
}

/// Receptions by two inputs and some commands; every seventh reception has the secret.
fn entry(n: u64) -> Entry {
    if n.is_multiple_of(50) {
        let order = Order::AcknowledgeAlert { alert: AlertId(n), note: None };
        return Entry::Command(Command { by: AirText::new("guard-2"), order });
    }
    let input = InputId::new(if n.is_multiple_of(2) { "radar" } else { "rid" }).unwrap();
    let bytes = if n.is_multiple_of(7) {
        format!("{n} the SECRET of somebody {}", "x".repeat(n as usize % 40))
    } else {
        format!("plain {n}")
    };
    Entry::Reception(Reception { input, received_at: at(n), envelope: Envelope::Datagram, bytes: bytes.into_bytes() })
}

fn written(folder: &Path, closed: bool) -> Vec<(Position, Time, Entry)> {
    let mut journal = Journal::open(folder, Options::default()).unwrap();
    for n in 0..2_000 {
        journal.append(at(n), &entry(n)).unwrap();
        if n.is_multiple_of(300) {
            journal.flush().unwrap();
        }
    }
    if closed {
        journal.close().unwrap();
    } else {
        journal.sync().unwrap();
        // As after a crash: the file has no end.
        let path = segment(folder);
        let cut = std::fs::read(&path).unwrap();
        drop(journal);
        std::fs::write(&path, cut).unwrap();
    }
    Reader::open(folder).unwrap().flatten().collect()
}

fn segment(folder: &Path) -> PathBuf {
    let mut all: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|f| f.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "mcap"))
        .collect();
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn contains(path: &Path, text: &[u8]) -> bool {
    std::fs::read(path).unwrap().windows(text.len()).any(|w| w == text)
}

fn run(folder: &Path, which: &mut dyn FnMut(u64, &[u8]) -> bool) -> u64 {
    let storage: Box<dyn Storage> = Box::new(DiskStorage::open(folder).unwrap());
    let name = segment(folder).file_name().unwrap().to_str().unwrap().to_owned();
    let tombstone = Erased { at: at(9_999), why: "request 17".to_owned() };
    erase(storage.as_ref(), &name, &tombstone, which).unwrap()
}

#[test]
fn the_secret_is_gone_and_everything_else_is_where_it_was() {
    for closed in [true, false] {
        let folder = Scratch::new();
        let before = written(&folder.0, closed);
        let path = segment(&folder.0);
        assert!(contains(&path, b"SECRET"));
        let secret = |data: &[u8]| data.windows(6).any(|w| w == b"SECRET");
        let erased = run(&folder.0, &mut |_, data| secret(data));
        assert!(erased > 200, "{erased}");
        assert!(!contains(&path, b"SECRET"));

        let mut damages = Vec::new();
        let after: Vec<_> =
            Reader::open(&folder.0).unwrap().filter_map(|i| i.map_err(|d| damages.push(d)).ok()).collect();
        // A file that was not closed is told of as before; nothing else is.
        assert_eq!(damages.len(), usize::from(!closed), "{damages:?}");
        assert_eq!(before.len(), after.len());
        let mut tombs = 0;
        for (old, new) in before.iter().zip(&after) {
            assert_eq!((old.0, old.1), (new.0, new.1), "positions and times stay");
            match &new.2 {
                Entry::Erased(tomb) => {
                    assert_eq!(tomb.why, "request 17");
                    tombs += 1;
                }
                entry => assert_eq!(&old.2, entry),
            }
        }
        assert_eq!(tombs, erased);

        // MCAP's own reader finds every checksum right.
        let bytes = std::fs::read(&path).unwrap();
        if closed {
            let all = mcap::MessageStream::new(&bytes).unwrap().collect::<Result<Vec<_>, _>>().unwrap();
            assert_eq!(all.iter().filter(|message| message.channel.topic != "/seal").count(), after.len());
        }

        // A second time there is nothing left; other entries can still be erased.
        assert_eq!(run(&folder.0, &mut |_, data| secret(data)), 0);
        assert_eq!(run(&folder.0, &mut |position, _| position == 0), 1);
        // The journal goes on.
        let mut journal = Journal::open(&folder.0, Options::default()).unwrap();
        assert_eq!(journal.next_position(), Position(2_000));
        journal.append(at(3_000), &Entry::Stop).unwrap();
        journal.close().unwrap();
    }
}

#[test]
fn a_damaged_segment_is_left_as_it_is() {
    let folder = Scratch::new();
    written(&folder.0, true);
    let path = segment(&folder.0);
    let mut bytes = std::fs::read(&path).unwrap();
    let place = bytes.windows(6).position(|w| w == b"SECRET").unwrap();
    bytes[place] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let storage = DiskStorage::open(&folder.0).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    let tombstone = Erased { at: at(0), why: "request 17".to_owned() };
    let error = erase(&storage, name, &tombstone, &mut |_, _| true).unwrap_err();
    assert!(error.to_string().contains("checksum"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    assert_eq!(
        std::fs::read_dir(&folder.0)
            .unwrap()
            .filter(|f| f.as_ref().unwrap().path().extension().is_some_and(|e| e == "new"))
            .count(),
        0
    );
}
