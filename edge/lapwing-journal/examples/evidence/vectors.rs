//! The published vectors: a segment, and what can become of it.

use super::{KEY_NAME, Result, SEED, Verifier, last_checkpoint, make, mend, parts, reception};
use lapwing_journal::evidence::note::Signer;
use lapwing_journal::verify::{Report, Verification};
use lapwing_journal::{DiskStorage, Entry, Erased, Journal, Options, Retention, erase, segment_files};
use lapwing_model::{AirText, AlertId, Command, Order, Span, Time};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// When the records were made.
fn began() -> Time {
    Time::from_millis(1_700_000_000_000)
}

/// Writes all of them.
pub(super) fn write(directory: &Path) -> Result<()> {
    let tampered = directory.join("tampered");
    let _ = std::fs::remove_dir_all(&tampered);
    std::fs::create_dir_all(&tampered)?;
    for file in segment_files(directory)? {
        std::fs::remove_file(file)?;
    }
    make(directory, 6, 1 << 30)?;
    let _ = std::fs::remove_file(directory.join("lock"));
    let segment = segment_files(directory)?.remove(0);
    let bytes = std::fs::read(&segment)?;
    std::fs::write(directory.join("checkpoint.txt"), last_checkpoint(&bytes)?)?;
    let mut all = vec![segment];
    let mut add = |name: &str, bytes: &[u8]| -> Result<()> {
        let path = tampered.join(format!("{name}.mcap"));
        std::fs::write(&path, bytes)?;
        all.push(path);
        Ok(())
    };
    for (name, bytes) in changed(&bytes) {
        add(name, &bytes)?;
    }
    add("records-erased", &rewritten(erased)?)?;
    add("records-removed", &rewritten(removed)?)?;
    let key = Signer::new(KEY_NAME, &SEED)?.verifier();
    let mut lines = String::new();
    for path in all {
        let file = path.strip_prefix(directory)?.to_string_lossy().into_owned();
        let _ = writeln!(lines, "{file} {}", line(&verify(&path, &key)?));
    }
    Ok(std::fs::write(directory.join("expected.txt"), lines)?)
}

fn verify(path: &Path, key: &Verifier) -> Result<Report> {
    let mut verification = Verification::new(vec![key.clone()]);
    verification.segment(&path.file_name().unwrap_or_default().to_string_lossy(), &std::fs::read(path)?);
    Ok(verification.finish())
}

/// Verdict, counts, first problem.
fn line(report: &Report) -> String {
    let r = &report.records;
    let mut line = report.verdict.clone();
    for count in [r.verified, r.erased, r.removed, r.uncovered, r.altered, r.missing] {
        let _ = write!(line, " {count}");
    }
    if let Some(bad) = &report.first_bad {
        let position = bad.position.map_or("-".to_owned(), |p| p.to_string());
        let _ = write!(line, " {} {position} {}", bad.what, bad.offset);
    }
    line
}

/// The segment with one thing done to it.
fn changed(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let parts = parts(bytes);
    // Head and first checkpoint; records, checkpoint; records, last checkpoint.
    let chunks: Vec<(usize, usize)> = parts.iter().copied().filter(|(at, _)| bytes[*at] == 6).collect();
    let inside = |chunk: (usize, usize), i: usize| {
        parts.iter().copied().filter(|(a, b)| *a > chunk.0 && *b <= chunk.1).nth(i).unwrap_or_default()
    };
    let edited = |at: usize| {
        let mut bytes = bytes.to_vec();
        bytes[at] ^= 1;
        bytes
    };
    let without = |(from, end): (usize, usize)| [&bytes[..from], &bytes[end..]].concat();
    let record = inside(chunks[1], 2);
    let mut mended = edited(record.1 - 1);
    mend(&mut mended, chunks[1].0, 0);
    let swapped = [
        &bytes[..chunks[1].0],
        &bytes[chunks[3].0..chunks[3].1],
        &bytes[chunks[1].0..chunks[3].0],
        &bytes[chunks[3].1..],
    ];
    let end = bytes.len() - 50;
    vec![
        ("head-edited", edited(100)),
        ("record-edited", edited(record.1 - 1)),
        ("record-edited-crc-mended", mended),
        ("seal-edited", edited(inside(chunks[1], 0).1 - 1)),
        ("signature-edited", edited(chunks[2].1 - 20)),
        ("end-edited", edited(end + 5)),
        ("chunk-deleted", without(chunks[3])),
        ("chunks-swapped", swapped.concat()),
        ("first-checkpoint-deleted", without(chunks[0])),
        ("second-checkpoint-deleted", without(chunks[2])),
        ("byte-appended", [bytes, b"x"].concat()),
        ("cut-in-the-end", bytes[..end + 30].to_vec()),
        ("cut-in-the-last-checkpoint", bytes[..end - 30].to_vec()),
        ("cut-before-the-last-checkpoint", bytes[..chunks[chunks.len() - 1].0].to_vec()),
    ]
}

/// A segment of the same kind that is written anew by what is given; for a moment in a folder of its own.
fn rewritten(how: fn(&Path) -> Result<PathBuf>) -> Result<Vec<u8>> {
    let directory = std::env::temp_dir().join(format!("lapwing-vectors-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    let bytes = std::fs::read(how(&directory)?)?;
    std::fs::remove_dir_all(&directory)?;
    Ok(bytes)
}

fn erased(directory: &Path) -> Result<PathBuf> {
    make(directory, 6, 1 << 30)?;
    let segment = segment_files(directory)?.remove(0);
    let tombstone = Erased { at: began() + Span::from_seconds(60), why: "request 1".to_owned() };
    let name = segment.file_name().unwrap_or_default().to_string_lossy().into_owned();
    erase(&DiskStorage::open(directory)?, &name, &tombstone, &mut |position, _| position == 1 || position == 4)?;
    Ok(segment)
}

/// Receptions and two commands a while ago: the commands are kept.
fn removed(directory: &Path) -> Result<PathBuf> {
    for (first, after) in [(0, Span::ZERO), (40, Span::from_seconds(30 * 3600))] {
        let mut journal = Journal::open(directory, Options::default())?;
        journal.sign_with(Signer::new(KEY_NAME, &SEED)?)?;
        for i in first..first + 40 {
            let at = began() + after + Span::from_millis(i as i64 * 10);
            let order = Order::AcknowledgeAlert { alert: AlertId(i), note: None };
            let command = Entry::Command(Command { by: AirText::new("guard"), order });
            journal.append(at, &if i % 20 == 13 { command } else { Entry::Reception(reception(i, at)?) })?;
            if i % 10 == 9 {
                journal.checkpoint(at)?;
            }
        }
        let now = began() + after + Span::from_seconds(2);
        let retention = Retention { class_b: Span::from_seconds(1), ..Retention::default() };
        if let Some(job) = journal.begin_retention(now, &retention)? {
            let done = job.run();
            journal.finish_retention(&done);
        }
        journal.close()?;
    }
    Ok(segment_files(directory)?.remove(0))
}
