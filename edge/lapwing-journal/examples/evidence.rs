//! A sealed journal and what can be done to it.
//!
//! - `evidence make DIR [RECORDS] [SEGMENT_BYTES]`: writes one with a fixed key, and a checkpoint saved half-way.
//! - `evidence flips FILE KEY`: every single-bit flip through the verifier; prints `<bit> <verdict line>` of each.
//! - `evidence mutate FILE KEY CHECKPOINT CASES SEED`: random edits, deletions, swaps, insertions and truncations.
//! - `evidence speed [RECORDS]`: records a second hashed, sealed and checkpointed on one core.
//!
//! `tools/verify.py` has the same `flips` and `mutate`, and prints the same lines.

// The ban list is for core/: this is a program.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use lapwing_journal::evidence::note::{Signer, Verifier};
use lapwing_journal::verify::{Report, Verification};
use lapwing_journal::{Entry, Journal, Options};
use lapwing_model::{Envelope, InputId, Reception, Time};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The key of the published vectors: nobody's.
const SEED: [u8; 32] = [7; 32];

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["make", directory, rest @ ..] => {
            let number = |i: usize, default: u64| rest.get(i).map_or(Ok(default), |text| text.parse());
            make(Path::new(directory), number(0, 6)?, number(1, 1 << 30)?)
        }
        ["flips", file, key] => flips(Path::new(file), key),
        ["mutate", file, key, checkpoint, cases, seed] => {
            mutate(Path::new(file), key, checkpoint, cases.parse()?, seed.parse()?)
        }
        ["speed", rest @ ..] => speed(rest.first().map_or(Ok(1_000_000), |text| text.parse())?),
        _ => Err("evidence make DIR | flips FILE KEY | mutate FILE KEY CHECKPOINT CASES SEED | speed [RECORDS]".into()),
    }
}

fn reception(i: u64, at: Time) -> Result<Reception> {
    let input = InputId::new(if i % 3 == 2 { "east" } else { "west" })?;
    let envelope = Envelope::Datagram;
    let bytes = format!("reception {i}: {}", "x".repeat((i * 7 % 60) as usize)).into_bytes();
    Ok(Reception { input, received_at: at, envelope, bytes })
}

fn make(directory: &Path, records: u64, segment_bytes_max: u64) -> Result<()> {
    let signer = Signer::new("lapwing-test-vectors", &SEED)?;
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
        if i + 1 == records.min(3) || i % 100 == 99 {
            journal.checkpoint(at)?;
        }
    }
    Ok(journal.close()?)
}

fn verify(name: &str, bytes: &[u8], key: &Verifier, checkpoint: Option<&[u8]>) -> Result<Report> {
    let mut verification = Verification::new(vec![key.clone()]);
    if let Some(checkpoint) = checkpoint {
        verification.save(checkpoint, &[])?;
    }
    verification.segment(name, bytes);
    Ok(verification.finish())
}

/// Verdict, first bad position and byte, and the counts, in one line.
fn line(report: &Report) -> String {
    let mut line = report.verdict.clone();
    if let Some(bad) = &report.first_bad {
        let position = bad.position.map_or("-".to_owned(), |p| p.to_string());
        let _ = write!(line, " {} {position} {}", bad.what, bad.offset);
    }
    let r = &report.records;
    let _ = write!(line, " {} {} {} {} {}", r.verified, r.altered, r.missing, r.uncovered, r.removed);
    line
}

fn flips(file: &Path, key: &str) -> Result<()> {
    let key = Verifier::parse(key)?;
    let mut bytes = std::fs::read(file)?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        writeln!(out, "{bit} {}", line(&verify("x", &bytes, &key, None)?))?;
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
    Ok(out.flush()?)
}

/// Numbers from a seed, the same in both verifiers: 64-bit linear congruential, high bits (Knuth, MMIX).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 33) % end.max(1) as u64) as usize
    }
}

/// The parts that may be edited, deleted, swapped, doubled: chunks with their indexes, and the records within chunks.
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

/// One random change; what kind it was.
fn change(original: &[u8], parts: &[(usize, usize)], numbers: &mut Numbers) -> (&'static str, Vec<u8>) {
    let (from, end) = parts[numbers.below(parts.len())];
    let chunk = parts.iter().rev().find(|(a, b)| original[*a] == 6 && *a < from && end <= *b).map(|(a, _)| *a);
    let mended = numbers.below(2) == 0;
    let mut bytes = original.to_vec();
    let (kind, grown) = match numbers.below(5) {
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
            let (a, b) = parts[numbers.below(parts.len())];
            let (first, second) = if end <= a { ((from, end), (a, b)) } else { ((a, b), (from, end)) };
            if first.1 <= second.0 && original[first.0..first.1] != original[second.0..second.1] {
                let middle = original[first.1..second.0].to_vec();
                let mut swapped = original[..first.0].to_vec();
                swapped.extend(&original[second.0..second.1]);
                swapped.extend(middle);
                swapped.extend(&original[first.0..first.1]);
                swapped.extend(&original[second.1..]);
                return ("swap", swapped);
            }
            bytes[from] ^= 1;
            ("edit", 0)
        }
        3 => {
            let (a, b) = parts[numbers.below(parts.len())];
            let piece = original[a..b].to_vec();
            let grown = piece.len() as i64;
            bytes.splice(from..from, piece);
            ("insertion", grown)
        }
        _ => {
            bytes.truncate(numbers.below(original.len()));
            return ("truncation", bytes);
        }
    };
    if let Some(chunk) = chunk.filter(|_| mended) {
        mend(&mut bytes, chunk, grown);
    }
    (kind, bytes)
}

fn mutate(file: &Path, key: &str, checkpoint: &str, cases: u64, seed: u64) -> Result<()> {
    let key = Verifier::parse(key)?;
    let checkpoint = std::fs::read(checkpoint)?;
    let original = std::fs::read(file)?;
    let parts = parts(&original);
    let mut numbers = Numbers(seed);
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for case in 0..cases {
        let (kind, bytes) = change(&original, &parts, &mut numbers);
        if bytes == original {
            continue;
        }
        if let Some(folder) = std::env::var_os("KEEP_MUTATED") {
            std::fs::write(Path::new(&folder).join(format!("{case}.mcap")), &bytes)?;
        }
        writeln!(out, "{case} {kind} {}", line(&verify("x", &bytes, &key, Some(&checkpoint))?))?;
    }
    Ok(out.flush()?)
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
