//! A sealed journal and what can be done to it.
//!
//! - `evidence make DIR [RECORDS] [SEGMENT_BYTES]`: writes one with a fixed key.
//! - `evidence vectors DIR`: writes the published vectors, `testdata/evidence`.
//! - `evidence flips FILE`: every single-bit flip of a segment, through both verifiers, `lapwing verify` and `tools/verify.py`.
//! - `evidence changes FILE CASES SEED`: random edits, deletions, swaps, insertions and truncations, through both verifiers, which
//!   know the last checkpoint.
//! - `evidence speed [RECORDS]`: records a second hashed, sealed and checkpointed on one core.
//!
//! Both verifiers must find each change, and their whole reports must be alike: verdict, each problem with its file, byte and
//! record, every count. What differs or is not found is printed, and fails the command.

// The ban list is for core/: this is a program.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use lapwing_journal::evidence::leaf::{commit, record_leaf};
use lapwing_journal::evidence::note::{Signer, Verifier};
use lapwing_journal::verify::{Report, Verification};
use lapwing_journal::{Entry, Journal, Options};
use lapwing_model::{Envelope, InputId, Reception, Time};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Instant;

mod vectors;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The key of the published vectors: nobody's.
const SEED: [u8; 32] = [7; 32];
const KEY_NAME: &str = "lapwing-test-vectors";
/// Cases that are printed.
const SHOWN_MAX: u64 = 10;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["make", directory, rest @ ..] => {
            let number = |i: usize, default: u64| rest.get(i).map_or(Ok(default), |text| text.parse());
            make(Path::new(directory), number(0, 6)?, number(1, 1 << 30)?)
        }
        ["vectors", directory] => vectors::write(Path::new(directory)),
        ["flips", file] => flips(Path::new(file)),
        ["changes", file, cases, seed] => changes(Path::new(file), cases.parse()?, seed.parse()?),
        ["speed", rest @ ..] => speed(rest.first().map_or(Ok(1_000_000), |text| text.parse())?),
        _ => Err("evidence make DIR | vectors DIR | flips FILE | changes FILE CASES SEED | speed [RECORDS]".into()),
    }
}

fn reception(i: u64, at: Time) -> Result<Reception> {
    let input = InputId::new(if i % 3 == 2 { "east" } else { "west" })?;
    let envelope = Envelope::Datagram;
    let bytes = format!("reception {i}: {}", "x".repeat((i * 7 % 60) as usize)).into_bytes();
    Ok(Reception { input, received_at: at, envelope, bytes })
}

fn make(directory: &Path, records: u64, segment_bytes_max: u64) -> Result<()> {
    let signer = Signer::new(KEY_NAME, &SEED)?;
    std::fs::create_dir_all(directory.join("key"))?;
    std::fs::write(directory.join("key/lapwing-test-vectors.pub"), format!("{}\n", signer.verifier()))?;
    let mut journal = Journal::open(directory, Options { segment_bytes_max, ..Options::default() })?;
    journal.sign_with(signer)?;
    for i in 0..records {
        let at = Time::from_millis(1_700_000_000_000 + i as i64 * 10);
        journal.append(at, &Entry::Reception(reception(i, at)?))?;
        if i % 50 == 2 {
            journal.flush()?;
        }
        if i == 2 || i % 100 == 99 {
            journal.checkpoint(at)?;
        }
    }
    Ok(journal.close()?)
}

/// Both verifiers, on the same bytes.
struct Both {
    key: Verifier,
    checkpoint: Option<Vec<u8>>,
    python: Child,
    answers: BufReader<ChildStdout>,
    /// How often each first problem was told.
    told: BTreeMap<String, u64>,
    cases: u64,
    /// What was not found, or not told alike.
    bad: u64,
}

impl Both {
    fn start(file: &Path, with_checkpoint: bool) -> Result<Self> {
        let signer = Signer::new(KEY_NAME, &SEED)?;
        let key = signer.verifier();
        let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/verify_batch.py");
        let mut command = Command::new("python3");
        command.arg(tool).arg(key.to_string());
        let checkpoint = with_checkpoint.then(|| last_checkpoint(&std::fs::read(file)?)).transpose()?;
        if let Some(checkpoint) = &checkpoint {
            let kept = file.with_extension("checkpoint");
            std::fs::write(&kept, checkpoint)?;
            command.arg(kept);
        }
        let mut python = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let answers = BufReader::new(python.stdout.take().ok_or("no answers")?);
        Ok(Self { key, checkpoint, python, answers, told: BTreeMap::new(), cases: 0, bad: 0 })
    }

    /// What both say, if it is the same.
    fn report(&mut self, bytes: &[u8]) -> Result<std::result::Result<Report, (String, String)>> {
        let input = self.python.stdin.as_mut().ok_or("no input")?;
        input.write_all(&(bytes.len() as u64).to_le_bytes())?;
        input.write_all(bytes)?;
        input.flush()?;
        let mut verification = Verification::new(vec![self.key.clone()]);
        if let Some(checkpoint) = &self.checkpoint {
            verification.save(checkpoint, &[])?;
        }
        verification.segment("x", bytes);
        let report = verification.finish();
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        let ours = serde_json::to_value(&report)?.to_string();
        Ok(if ours == answer.trim_end() { Ok(report) } else { Err((ours, answer)) })
    }

    /// A segment that was changed: it must be found, and told alike.
    fn case(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        self.cases += 1;
        let what = match self.report(bytes)? {
            Ok(Report { first_bad: Some(bad), .. }) => {
                *self.told.entry(bad.what).or_default() += 1;
                return Ok(());
            }
            Ok(_) => "not found".to_owned(),
            Err((ours, theirs)) => format!("not told alike\n  {ours}\n  {theirs}"),
        };
        self.bad += 1;
        if self.bad <= SHOWN_MAX {
            println!("{name}: {what}");
            if let Some(folder) = std::env::var_os("KEEP_BAD") {
                std::fs::write(Path::new(&folder).join(format!("{}.mcap", name.replace(' ', "-"))), bytes)?;
            }
        }
        Ok(())
    }

    fn finish(mut self, what: &str) -> Result<()> {
        drop(self.python.stdin.take());
        let told: Vec<String> = self.told.iter().map(|(what, count)| format!("{count} {what}")).collect();
        let (cases, bad) = (self.cases, self.bad);
        println!("{cases} {what}: {} found and told alike by both verifiers ({})", cases - bad, told.join(", "));
        if !self.python.wait()?.success() || bad > 0 {
            return Err(format!("{bad} of {cases} not found, or not told alike").into());
        }
        Ok(())
    }
}

/// The note of the last checkpoint of a segment.
fn last_checkpoint(bytes: &[u8]) -> Result<Vec<u8>> {
    let at = (0..bytes.len()).rfind(|at| bytes[*at..].starts_with(b"lapwing/")).ok_or("no checkpoint")?;
    let length = u64::from_le_bytes(bytes[at - 30..at - 22].try_into()?) as usize - 22;
    Ok(bytes[at..at + length].to_vec())
}

fn flips(file: &Path) -> Result<()> {
    let mut bytes = std::fs::read(file)?;
    let mut both = Both::start(file, false)?;
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        both.case(&format!("bit {bit}"), &bytes)?;
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
    both.finish("flips of a bit")
}

/// Numbers from a seed: 64-bit linear congruential, high bits (Knuth, MMIX).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 33) % end.max(1) as u64) as usize
    }
}

/// The parts that may be edited, deleted, swapped, doubled: the records of the file, and those within its chunks.
fn parts(bytes: &[u8]) -> Vec<(usize, usize)> {
    let length =
        |at: usize| bytes.get(at + 1..at + 9).map_or(0, |b| u64::from_le_bytes(b.try_into().unwrap_or_default()));
    let (mut parts, mut at) = (Vec::new(), 8);
    while at + 9 <= bytes.len() - 8 {
        let end = at + 9 + length(at) as usize;
        parts.push((at, end));
        if bytes[at] == 6 {
            let mut inside = at + 49;
            while inside < end {
                let next = inside + 9 + length(inside) as usize;
                parts.push((inside, next));
                inside = next;
            }
        }
        at = end;
    }
    parts
}

/// Puts right the sizes and CRCs of the chunks, as an attacker would.
fn mend(bytes: &mut [u8], chunk: usize, grown: i64) {
    let length = u64::from_le_bytes(bytes[chunk + 1..chunk + 9].try_into().unwrap_or_default());
    let length = length.wrapping_add_signed(grown);
    let records = length.wrapping_sub(40);
    bytes[chunk + 1..chunk + 9].copy_from_slice(&length.to_le_bytes());
    bytes[chunk + 25..chunk + 33].copy_from_slice(&records.to_le_bytes());
    bytes[chunk + 41..chunk + 49].copy_from_slice(&records.to_le_bytes());
    let end = (chunk + 49).saturating_add(records as usize).min(bytes.len());
    let crc = crc32fast::hash(&bytes[chunk + 49..end]);
    bytes[chunk + 33..chunk + 37].copy_from_slice(&crc.to_le_bytes());
}

/// The chunk that a part lies in.
fn chunk_of(original: &[u8], parts: &[(usize, usize)], (from, end): (usize, usize)) -> Option<usize> {
    parts.iter().rev().find(|(a, b)| original[*a] == 6 && *a < from && end <= *b).map(|(a, _)| *a)
}

/// One random change; what kind it was.
fn change(original: &[u8], parts: &[(usize, usize)], numbers: &mut Numbers) -> (&'static str, Vec<u8>) {
    let part = parts[numbers.below(parts.len())];
    let (from, end) = part;
    let chunk = chunk_of(original, parts, part);
    let mended = numbers.below(2) == 0;
    let mut bytes = original.to_vec();
    let (kind, grown) = match numbers.below(6) {
        0 => {
            let at = from + numbers.below(end - from);
            bytes[at] = bytes[at].wrapping_add(1 + numbers.below(255) as u8);
            ("edit", 0)
        }
        1 => {
            bytes.drain(from..end);
            ("deletion", -((end - from) as i64))
        }
        2 => {
            let other = parts[numbers.below(parts.len())];
            let (first, second) = if end <= other.0 { (part, other) } else { (other, part) };
            if first.1 > second.0 || original[first.0..first.1] == original[second.0..second.1] {
                bytes[from] ^= 1;
                ("edit", 0)
            } else {
                let swapped = [
                    &original[..first.0],
                    &original[second.0..second.1],
                    &original[first.1..second.0],
                    &original[first.0..first.1],
                    &original[second.1..],
                ];
                bytes = swapped.concat();
                if chunk != chunk_of(original, parts, other) {
                    return ("swap", bytes);
                }
                ("swap", 0)
            }
        }
        3 => {
            let (a, b) = parts[numbers.below(parts.len())];
            let piece = original[a..b].to_vec();
            let grown = piece.len() as i64;
            bytes.splice(from..from, piece);
            ("insertion", grown)
        }
        4 => {
            bytes.truncate(numbers.below(original.len()));
            return ("truncation", bytes);
        }
        // Only where there is a record: elsewhere it is an edit.
        _ => match chunk.and_then(|chunk| reseal(&mut bytes, chunk, part, numbers)) {
            Some(()) => ("reseal", 0),
            None => {
                bytes[from] ^= 0x40;
                ("edit", 0)
            }
        },
    };
    if let Some(chunk) = chunk.filter(|_| mended || kind == "reseal") {
        mend(&mut bytes, chunk, grown);
    }
    (kind, bytes)
}

/// Changes the data of a record, and its leaf in the seal with it, as somebody would who has everything but the key.
fn reseal(bytes: &mut [u8], chunk: usize, (from, end): (usize, usize), numbers: &mut Numbers) -> Option<()> {
    let number = |bytes: &[u8], at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    let items_end = chunk + 58 + number(bytes, chunk + 50)? as usize;
    let (mut at, mut which) = (items_end, 0);
    while at < from {
        at += 9 + number(bytes, at + 1)? as usize;
        which += 1;
    }
    let item = chunk + 104 + which * 65;
    if at != from || item + 65 > items_end || end <= from + 31 {
        return None;
    }
    let data = from + 31 + numbers.below(end - from - 31);
    bytes[data] ^= 1 + numbers.below(255) as u8;
    let salt = bytes[item + 33..item + 65].try_into().ok()?;
    let position = number(bytes, chunk + 96)? + which as u64;
    let leaf = record_leaf(position, &bytes[from + 9..from + 31], &commit(&salt, &bytes[from + 31..end]));
    bytes[item + 1..item + 33].copy_from_slice(&leaf);
    Some(())
}

fn changes(file: &Path, cases: u64, seed: u64) -> Result<()> {
    let original = std::fs::read(file)?;
    let parts = parts(&original);
    let mut numbers = Numbers(seed);
    let mut both = Both::start(file, true)?;
    let sound = both.report(&original)?;
    let Ok(sound) = sound else { return Err(format!("not even as it is: {sound:?}").into()) };
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    let mut case = 0;
    while case < cases {
        let (kind, bytes) = change(&original, &parts, &mut numbers);
        if bytes == original {
            continue;
        }
        case += 1;
        *kinds.entry(kind).or_default() += 1;
        both.case(&format!("case {case} {kind}"), &bytes)?;
    }
    let checkpoints = (0..original.len()).filter(|at| original[*at..].starts_with(b"lapwing/")).count();
    println!(
        "{} bytes, {} records, {checkpoints} checkpoints: {}",
        original.len(),
        sound.records.verified,
        sound.verdict
    );
    println!("{kinds:?}");
    both.finish("changes")
}

fn speed(records: u64) -> Result<()> {
    let data = vec![0x5a; 120];
    let west = InputId::new("west")?;
    for signed in [false, true] {
        let directory = std::env::temp_dir().join(format!("lapwing-evidence-speed-{}-{signed}", std::process::id()));
        let mut journal = Journal::open(&directory, Options::default())?;
        if signed {
            journal.sign_with(Signer::new("speed", &SEED)?)?;
        }
        let began = Instant::now();
        for i in 0..records {
            let at = Time::from_nanos(1_700_000_000_000_000_000 + i as i64 * 50_000);
            let reception =
                Reception { input: west.clone(), received_at: at, envelope: Envelope::Datagram, bytes: data.clone() };
            journal.append_reception(at, &reception)?;
            // 20,000 records are a second of this journal's time.
            if i % 4_000 == 0 {
                journal.flush()?;
            }
            if i % 10_000 == 0 {
                journal.checkpoint(at)?;
                journal.sync()?;
            }
        }
        journal.close()?;
        let rate = records as f64 / began.elapsed().as_secs_f64();
        println!(
            "{} records of 120 bytes, {}: {rate:.0} a second",
            records,
            if signed { "sealed" } else { "unsealed" }
        );
        std::fs::remove_dir_all(&directory)?;
    }
    Ok(())
}
