//! A change of keys that dies at any step is completed or undone by the next start, and the record verifies.

// The ban list is for core/: these tests have files.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::unwrap_used, clippy::expect_used)]

use lapwing_journal::evidence::key;
use lapwing_journal::evidence::note::Verifier;
use lapwing_journal::verify::{Report, Verification};
use lapwing_journal::{Journal, Options};
use lapwing_model::{Envelope, InputId, Reception, Span, Time};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

fn directory(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("lapwing-keys-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    path
}

fn at(n: u64) -> Time {
    Time::from_seconds(1_700_000_000) + Span::from_millis(n as i64)
}

fn append(journal: &mut Journal, n: u64) {
    let input = InputId::new("west").unwrap();
    let bytes = format!("reception {n}").into_bytes();
    let reception = Reception { input, received_at: at(n), envelope: Envelope::Datagram, bytes };
    journal.append_reception(at(n), &reception).unwrap();
}

/// A start of the server, which signs with the key of the directory; what is appended is signed too.
fn start(directory: &Path, n: u64) {
    let mut journal = Journal::open(directory, Options::default()).unwrap();
    journal.sign_with_key_of(directory, at(n)).unwrap();
    append(&mut journal, n);
    journal.close().unwrap();
}

fn verify(directory: &Path, keys: &[Verifier]) -> Report {
    let mut verification = Verification::new(keys.to_vec());
    for file in lapwing_journal::segment_files(directory).unwrap() {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        verification.segment(&name, &fs::read(&file).unwrap());
    }
    verification.finish()
}

/// Every file of a directory and of its folder of keys, by its path in it.
type Image = BTreeMap<PathBuf, Vec<u8>>;

fn image(directory: &Path) -> Image {
    let mut image = Image::new();
    for folder in ["", "key"] {
        let Ok(items) = fs::read_dir(directory.join(folder)) else { continue };
        for path in items.map(|item| item.unwrap().path()).filter(|path| path.is_file()) {
            image.insert(path.strip_prefix(directory).unwrap().to_owned(), fs::read(&path).unwrap());
        }
    }
    image
}

/// What the process left when it died.
fn left(name: &str, image: &Image) -> PathBuf {
    let directory = directory(name);
    fs::create_dir_all(&directory).unwrap();
    fs::DirBuilder::new().mode(0o700).create(directory.join("key")).unwrap();
    for (path, bytes) in image {
        let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(directory.join(path));
        std::io::Write::write_all(&mut file.unwrap(), bytes).unwrap();
    }
    directory
}

/// Starts the server twice on what was left. The record is valid to who trusts the first key, whatever the key is now.
fn goes_on(name: &str, image: &Image, first: &Verifier) -> Verifier {
    let directory = left(name, image);
    start(&directory, 500);
    let key = key::open(&directory).unwrap().verifier();
    start(&directory, 600);
    assert_eq!(key::open(&directory).unwrap().verifier(), key, "{name}");
    assert!(!directory.join("key/signing.next").exists(), "{name}");
    assert!(key::verifiers(&directory).unwrap().contains(&key), "{name}");
    let report = verify(&directory, std::slice::from_ref(first));
    assert_eq!((report.verdict.as_str(), report.records.uncovered), ("valid", 0), "{name}: {report:?}");
    fs::remove_dir_all(directory).unwrap();
    key
}

#[test]
fn a_change_of_keys_that_dies_at_any_step_is_completed_or_undone() {
    let whole = directory("whole");
    start(&whole, 0);
    let first = key::open(&whole).unwrap().verifier();
    let before = image(&whole);
    let mut journal = Journal::open(&whole, Options::default()).unwrap();
    let second = journal.change_key(&whole, at(100)).unwrap();
    drop(journal);
    let after = image(&whole);
    assert_eq!(goes_on("after", &after, &first), second);
    assert_eq!(verify(&whole, std::slice::from_ref(&first)).verdict, "valid");

    // Step 1: the next secret, written as a whole under another name first.
    let secret = &after[Path::new("key/signing.key")];
    for length in [0, 1, secret.len() / 2, secret.len()] {
        let mut image = before.clone();
        image.insert("key/signing.next.new".into(), secret[..length].to_vec());
        assert_eq!(goes_on("draft", &image, &first), first);
    }
    let mut prepared = before.clone();
    prepared.insert("key/signing.next".into(), secret.clone());
    assert_eq!(goes_on("prepared", &prepared, &first), first);

    // Step 2: the record says so. A process that dies leaves any beginning of what it wrote.
    let (segment, bytes) =
        after.iter().find(|(path, _)| !before.contains_key(*path) && path.extension().unwrap() == "mcap").unwrap();
    let mut changed = Vec::new();
    for length in 0..=bytes.len() {
        // Each byte of what signs and closes; of the rest a share.
        if length % 16 != 0 && length + 1200 < bytes.len() {
            continue;
        }
        let mut image = prepared.clone();
        image.insert(segment.clone(), bytes[..length].to_vec());
        let key = goes_on("said", &image, &first);
        changed.push(key == second);
        assert!(key == first || key == second);
    }
    assert!(!changed[0] && *changed.last().unwrap(), "{changed:?}");
    assert!(changed.is_sorted(), "what was said stays said");

    // Step 3: its public half; step 4: it takes the old one's place.
    let mut said = prepared.clone();
    said.insert(segment.clone(), bytes.clone());
    let public: PathBuf = format!("key/{}.pub", second.name()).into();
    let mut image = said.clone();
    image.insert(format!("key/{}.pub.new", second.name()).into(), after[&public][..9].to_vec());
    assert_eq!(goes_on("publishing", &image, &first), second);
    said.insert(public.clone(), after[&public].clone());
    assert_eq!(goes_on("published", &said, &first), second);
    said.remove(Path::new("key/signing.next"));
    said.insert("key/signing.key".into(), secret.clone());
    assert_eq!(goes_on("adopted", &said, &first), second);
    // Between the two steps of the first run: the secret is there and its public half is not.
    let mut image = after.clone();
    image.remove(&public);
    assert_eq!(goes_on("unpublished", &image, &first), second);
    fs::remove_dir_all(whole).unwrap();
}

#[test]
fn keys_change_hands_in_the_record_and_only_there() {
    let directory = directory("hands");
    start(&directory, 0);
    let first = key::open(&directory).unwrap().verifier();
    for n in 1..4 {
        let mut journal = Journal::open(&directory, Options::default()).unwrap();
        let next = journal.change_key(&directory, at(n * 100)).unwrap();
        // The same process goes on with the new key.
        append(&mut journal, n * 100 + 1);
        journal.close().unwrap();
        assert_eq!(key::open(&directory).unwrap().verifier(), next);
    }
    assert_eq!(key::verifiers(&directory).unwrap().len(), 4);
    let report = verify(&directory, std::slice::from_ref(&first));
    assert_eq!((report.verdict.as_str(), report.records.verified), ("valid", 7), "{report:?}");
    // Each segment names the whole of the one before, whoever signed that: a record less is missed.
    let files = lapwing_journal::segment_files(&directory).unwrap();
    let bytes = fs::read(&files[1]).unwrap();
    let at = (0..bytes.len()).find(|at| bytes[*at..].starts_with(b"lapwing/")).unwrap();
    let length = u64::from_le_bytes(bytes[at - 30..at - 22].try_into().unwrap()) as usize - 22;
    // What is left is the head and its checkpoint.
    fs::write(&files[1], &bytes[..at + length]).unwrap();
    let cut = verify(&directory, &key::verifiers(&directory).unwrap());
    assert_eq!((cut.verdict.as_str(), cut.records.missing), ("altered", 1), "{cut:?}");
    fs::write(&files[1], bytes).unwrap();
    // The last key alone does not vouch for what was before it.
    let report = verify(&directory, &[key::open(&directory).unwrap().verifier()]);
    assert_eq!((report.verdict.as_str(), report.records.verified), ("altered", 1), "{report:?}");
    fs::remove_dir_all(directory).unwrap();
}
