//! After an erasure nothing of the person is left, in any form, in any file; and what is left is what it was.

use super::find::{Subject, find};
use super::plan::{self, Plan};
use super::{Args, OperatorArgs, Whose, complete, erase};
use crate::bundle::tests::{Recorder, reception};
use crate::index::tests::Folder;
use lapwing_journal::{Audit, Entry, Journal, Options, Reader};
use lapwing_model::{AirText, AlertId, Command, Envelope, Order, Position, Span, Time};
use std::path::{Path, PathBuf};

const ID: &str = "CHE-87astrdge12k8";
const SERIAL: &str = "SERIAL-OF-ALICE";
/// Of no round number, as places are.
const LAT: f64 = 46.995_123_4;
const LON: f64 = 8.004_217_8;

/// What Alice's drone says, some of it without her id; what Bob's says; something about Alice in words.
fn claim(who: &str, second: u32, with_id: bool) -> String {
    let (serial, lat, lon, id) = match who {
        "alice" => (SERIAL, LAT, LON, ID),
        _ => ("SERIAL-OF-BOB", 47.123_456_7, 8.765_432_1, "CHE-bob-bob-bob1"),
    };
    let id = if with_id { format!("\"operator_id\":\"{id}\",") } else { String::new() };
    let latitude = if who == "alice" { 46.985 } else { 46.95 } + f64::from(second) * 25.0 / 111_200.0;
    format!(
        "{{\"type\":\"claim\",\"protocol\":\"remote_id\",\"serial\":\"{serial}\",\"latitude_deg\":{latitude},\"longitude_deg\":8.001,{id}\
         \"horizontal_accuracy_m\":3,\"speed_mps\":25,\"course_deg\":0,\"operational_status\":\"airborne\",\
         \"operator_latitude_deg\":{lat},\"operator_longitude_deg\":{lon}}}\n"
    )
}

fn recorded(folder: &Folder) {
    let begin = Time::from_seconds(1_784_000_000);
    let mut recorder = Recorder::begin(&folder.0, begin);
    for second in 1..=120_u32 {
        let at = begin + Span::from_seconds(second.into());
        for who in ["alice", "bob"] {
            recorder.entry(at, reception(at, claim(who, second, second % 3 == 0)));
        }
        if second == 50 {
            // A Remote ID System message that cannot be decoded here holds her place all the same.
            let mut bytes = b"raw ".to_vec();
            bytes.extend(((LAT * 1e7).round() as i32).to_le_bytes());
            bytes.extend(((LON * 1e7).round() as i32).to_le_bytes());
            recorder.entry(at, reception(at, String::new()).with_bytes(bytes));
            let note = Some(AirText::new(&format!("called {ID}, she lands")));
            let order = Order::AcknowledgeAlert { alert: AlertId(1), note };
            recorder.entry(at, Entry::Command(Command { by: AirText::new("guard-2"), order }));
        }
    }
    recorder.entry(begin + Span::from_seconds(130), Entry::Stop);
    recorder.journal.close().unwrap();
    crate::index::refresh(&folder.0).unwrap();
    // A snapshot with everybody in it, and the draft of one.
    std::fs::create_dir(folder.0.join("snapshots")).unwrap();
    std::fs::write(folder.0.join("snapshots/00000000000000000009.snap"), format!("state {ID} state")).unwrap();
    std::fs::write(folder.0.join("snapshots/00000000000000000010.new"), LAT.to_le_bytes()).unwrap();
}

trait WithBytes {
    fn with_bytes(self, bytes: Vec<u8>) -> Entry;
}

impl WithBytes for Entry {
    fn with_bytes(mut self, bytes: Vec<u8>) -> Entry {
        if let Entry::Reception(reception) = &mut self {
            reception.bytes = bytes;
        }
        self
    }
}

/// Every form of every value, each searched for alone: independent of what the erasure searches by.
fn forms(id: &str, lat: f64, lon: f64) -> Vec<Vec<u8>> {
    let mut forms = vec![id.as_bytes().to_vec(), id.encode_utf16().flat_map(u16::to_le_bytes).collect()];
    for deg in [lat, lon] {
        let fixed = (deg * 1e7).round() as i32;
        forms.extend([fixed.to_le_bytes().to_vec(), fixed.to_be_bytes().to_vec()]);
        forms.extend([deg.to_le_bytes().to_vec(), deg.to_be_bytes().to_vec()]);
        forms.extend([(deg as f32).to_le_bytes().to_vec()]);
        forms.extend([
            deg.to_string().into_bytes(),
            format!("{deg:.7}").into_bytes(),
            format!("{deg:.6}").into_bytes(),
        ]);
    }
    forms
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for item in std::fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() { all.extend(files(&path)) } else { all.push(path) }
    }
    all
}

fn left(folder: &Path, forms: &[Vec<u8>]) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for path in files(folder) {
        let bytes = std::fs::read(&path).unwrap();
        for form in forms {
            if bytes.windows(form.len()).any(|w| w == form) {
                found.push((path.clone(), String::from_utf8_lossy(form).into_owned()));
            }
        }
    }
    found
}

fn entries(folder: &Path) -> Vec<(Position, Time, Entry)> {
    Reader::open(folder).unwrap().map(|item| item.unwrap()).collect()
}

fn request(what: &[&str], serial: Option<&str>) -> Args {
    let what = what.iter().map(|w| (*w).to_owned()).collect();
    let serial = serial.map(str::to_owned);
    Args { whose: Whose::Operator(OperatorArgs { what, serial, request: Some("2026-17".to_owned()), dry_run: false }) }
}

#[test]
fn nothing_of_the_operator_is_left_and_everything_else_is() {
    let folder = Folder::new();
    recorded(&folder);
    let before = entries(&folder.0);
    let (alice, bob) = (forms(ID, LAT, LON), forms("CHE-bob-bob-bob1", 47.123_456_7, 8.765_432_1));
    assert!(left(&folder.0, &alice).len() > 5, "she is in the journal, the index and the snapshots");
    let bobs = left(&folder.0, &bob).len();
    erase(&request(&[ID, folder.0.to_str().unwrap()], None)).unwrap();

    assert_eq!(left(&folder.0, &alice), [], "nothing of her is left");
    assert!(left(&folder.0, &bob).len() >= bobs - 1, "Bob did not ask for anything");
    assert!(!folder.0.join("snapshots").exists() && !folder.0.join(plan::FILE).exists());
    let after = entries(&folder.0);
    assert_eq!(after.len(), before.len() + 1, "one more: that there was an erasure");
    let mut tombs = 0;
    for (old, new) in before.iter().zip(&after) {
        assert_eq!((old.0, old.1), (new.0, new.1));
        match &new.2 {
            Entry::Erased(erased) => {
                assert_eq!(erased.why, "request 2026-17");
                tombs += 1;
            }
            entry => assert_eq!(entry, &old.2),
        }
    }
    assert!(tombs > 120, "her receptions, with her id or without, and what was made of them: {tombs}");
    let Entry::Audit(Audit::Erased { request, entries }) = &after.last().unwrap().2 else { panic!("{after:?}") };
    assert_eq!((request.as_str(), *entries), ("2026-17", tombs));
    // Her aircraft's serial is not hers unless it was asked for.
    assert!(!left(&folder.0, &[SERIAL.as_bytes().to_vec()]).is_empty());
    let archive = crate::index::Archive::open(&folder.0).unwrap();
    let audit = archive.audit(&lapwing_server::history::Search::default()).unwrap();
    assert_eq!(audit.items[0].what, format!("request 2026-17: {tombs} entries were erased"));
}

/// Over TCP a message is cut anywhere: the piece with the first half of it goes too.
#[test]
fn a_message_in_pieces_goes_with_all_its_pieces() {
    let folder = Folder::new();
    let begin = Time::from_seconds(1_784_000_000);
    let mut recorder = Recorder::begin(&folder.0, begin);
    let text = [claim("bob", 1, true), claim("alice", 1, true), claim("bob", 2, true)].concat();
    let longitude = text.find(&LON.to_string()).unwrap();
    // Bob's first; hers up to the middle of her id, up to her longitude, and the rest; Bob's second.
    let id = text.find(ID).unwrap() + 5;
    let end = text[longitude..].find('\n').unwrap() + longitude + 1;
    let cuts = [0, text.find('\n').unwrap() + 1, id, longitude, end, text.len()];
    for (i, cut) in cuts.windows(2).enumerate() {
        let at = begin + Span::from_seconds(1 + i as i64);
        let mut piece = reception(at, text[cut[0]..cut[1]].to_owned());
        if let Entry::Reception(reception) = &mut piece {
            reception.envelope = Envelope::Stream { connection: 1, offset: cut[0] as u64 };
        }
        recorder.entry(at, piece);
    }
    recorder.entry(begin + Span::from_seconds(30), Entry::Stop);
    recorder.journal.close().unwrap();
    let half = || left(&folder.0, &[ID.as_bytes()[5..].to_vec(), LAT.to_string().into_bytes()]).len();
    assert!(half() >= 2);
    erase(&request(&[ID, folder.0.to_str().unwrap()], None)).unwrap();
    assert_eq!(half(), 0, "nor is a half of hers left");
    let bobs = entries(&folder.0).iter().filter(|(_, _, e)| matches!(e, Entry::Reception(_))).count();
    assert_eq!(bobs, 1, "Bob's second; his first ends where hers may begin, and goes with it");
}

/// A connection that long came to nothing loses no more of it than the largest message could have.
#[test]
fn no_more_goes_with_a_message_than_it_may_have_begun_in() {
    let folder = Folder::new();
    let begin = Time::from_seconds(1_784_000_000);
    let mut recorder = Recorder::begin(&folder.0, begin);
    let texts = (0..100).map(|_| "x".repeat(64 << 10)).chain([format!("\n{}", claim("alice", 1, true))]);
    let mut offset = 0;
    for text in texts {
        let mut piece = reception(begin, text.clone());
        if let Entry::Reception(reception) = &mut piece {
            reception.envelope = Envelope::Stream { connection: 1, offset };
        }
        offset += text.len() as u64;
        recorder.entry(begin, piece);
    }
    recorder.entry(begin + Span::from_seconds(1), Entry::Stop);
    recorder.journal.close().unwrap();
    erase(&request(&[ID, folder.0.to_str().unwrap()], None)).unwrap();
    assert_eq!(left(&folder.0, &forms(ID, LAT, LON)), []);
    let pieces = entries(&folder.0).iter().filter(|(_, _, e)| matches!(e, Entry::Reception(_))).count();
    assert_eq!(pieces, 100 - 32, "two MiB go");
}

#[test]
fn by_serial_the_serial_goes_too() {
    let folder = Folder::new();
    recorded(&folder);
    erase(&request(&[folder.0.to_str().unwrap()], Some(SERIAL))).unwrap();
    let mut alice = forms(ID, LAT, LON);
    alice.push(SERIAL.as_bytes().to_vec());
    assert_eq!(left(&folder.0, &alice), []);
}

#[test]
fn an_erasure_that_was_interrupted_is_completed() {
    let folder = Folder::new();
    recorded(&folder);
    let found = find(&folder.0, &Subject::operator(ID).unwrap()).unwrap();
    // As far as the plan, and not further; with a draft of a segment that was being rewritten.
    let plan =
        Plan { request: "2026-18".to_owned(), at: Time::from_seconds(1_784_001_000), positions: found.positions };
    plan::write(&folder.0, &plan).unwrap();
    assert_eq!(left(&folder.0, &[ID.as_bytes().to_vec()]).iter().filter(|(p, _)| p.ends_with(plan::FILE)).count(), 0);
    let segment = files(&folder.0).into_iter().find(|p| p.extension().is_some_and(|e| e == "mcap")).unwrap();
    std::fs::write(format!("{}.new", segment.display()), ID).unwrap();
    let alice = forms(ID, LAT, LON);
    assert_eq!(complete(&folder.0).unwrap().as_deref(), Some("2026-18"));
    assert_eq!(left(&folder.0, &alice), []);
    assert_eq!(complete(&folder.0).unwrap(), None);
    // Interrupted at the very end: said once, not twice.
    plan::write(&folder.0, &plan).unwrap();
    complete(&folder.0).unwrap();
    let said = entries(&folder.0).into_iter().filter(|(.., e)| matches!(e, Entry::Audit(Audit::Erased { .. }))).count();
    assert_eq!(said, 1);
}

#[test]
fn it_is_refused_while_a_server_writes_and_when_it_would_name_the_person() {
    let folder = Folder::new();
    recorded(&folder);
    let mut args = request(&[ID, folder.0.to_str().unwrap()], None);
    let journal = Journal::open(&folder.0, Options::default()).unwrap();
    let why = format!("{:#}", erase(&args).unwrap_err());
    assert!(why.contains("stop it first"), "{why}");
    drop(journal);
    let Whose::Operator(operator) = &mut args.whose else { unreachable!() };
    operator.request = Some(format!("for {ID}"));
    assert!(erase(&args).is_err());
    assert!(erase(&request(&["abc", folder.0.to_str().unwrap()], None)).is_err(), "too short");
    assert!(erase(&request(&[ID], None)).is_err());
    assert!(!left(&folder.0, &[ID.as_bytes().to_vec()]).is_empty(), "nothing was erased");
}
