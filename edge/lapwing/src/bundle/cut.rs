//! Copying segments as they are, up to the chunk that lies behind a time.

use anyhow::{Context, ensure};
use lapwing_model::{Span, Time};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// What is copied beyond the time asked for: a signed checkpoint comes within a second.
const CHECKPOINT_WITHIN: Span = Span::from_seconds(2);
/// MCAP's magic bytes, and the head of each record: opcode and length.
const MAGIC_BYTES: u64 = 8;
const HEAD_BYTES: u64 = 9;
/// MCAP opcodes (<https://mcap.dev/spec>).
const CHUNK: u8 = 0x06;
const DATA_END: u8 = 0x0f;

/// Copies segments into a folder, the last one cut behind `until`; all of it without one.
///
/// Which segments are wanted their names say, by the time at which each begins: in one whose raw detail is gone the note in
/// its place has the time at which it went.
pub(super) fn copy(segments: &[PathBuf], into: &Path, until: Option<Time>) -> anyhow::Result<()> {
    let end = until.map(|until| until + CHECKPOINT_WITHIN);
    let is_behind = |path: &PathBuf| begins_at(path).zip(end).is_some_and(|(begin, end)| begin > end);
    let wanted = segments.iter().skip(1).take_while(|path| !is_behind(path)).count() + 1;
    let mut total = 0;
    for (number, segment) in segments.iter().take(wanted).enumerate() {
        let at = || segment.display().to_string();
        let extent = extent(segment, end.filter(|_| number + 1 == wanted)).with_context(at)?;
        total += extent;
        ensure!(total <= super::zip::BYTES_MAX, "the run before this incident is longer than a bundle can hold");
        let name = segment.file_name().with_context(at)?;
        let to = into.join(name);
        let mut from = File::open(segment).with_context(at)?.take(extent);
        let mut file = File::create_new(&to).with_context(|| to.display().to_string())?;
        let copied = std::io::copy(&mut from, &mut file).with_context(at)?;
        ensure!(copied == extent, "{}: it became shorter while it was read", at());
    }
    ensure!(!segments.is_empty(), "the journal has no segment of that time");
    Ok(())
}

/// The time in a segment's name, to the second.
fn begins_at(segment: &Path) -> Option<Time> {
    let time = segment.file_stem()?.to_str()?.split_once('-')?.1;
    let digits = |range: std::ops::Range<usize>| time.get(range)?.parse::<i64>().ok();
    let (y, mo, d) = (digits(0..4)?, digits(4..6)?, digits(6..8)?);
    Time::from_civil(y, mo, d, digits(9..11)?, digits(11..13)?, digits(13..15)?, 0)
}

/// How much of a segment to copy: whole records only, so that one being written is copied as far as it is whole; up to the
/// chunks that lie behind `end`, with one.
fn extent(segment: &Path, end: Option<Time>) -> anyhow::Result<u64> {
    let mut file = File::open(segment)?;
    let length = file.metadata()?.len();
    let (mut whole, mut wanted, mut behind) = (length.min(MAGIC_BYTES), None, false);
    while whole + HEAD_BYTES <= length {
        file.seek(SeekFrom::Start(whole))?;
        let mut head = [0; HEAD_BYTES as usize + 8];
        let available = usize::try_from(length - whole).unwrap_or(usize::MAX).min(head.len());
        file.read_exact(head.get_mut(..available).unwrap_or_default())?;
        let (opcode, rest) = head.split_first().context("a head without bytes")?;
        let body = rest.first_chunk().map_or(0, |b| u64::from_le_bytes(*b));
        if *opcode == DATA_END {
            // A segment with its end: all of it, unless something in it lies behind.
            return Ok(wanted.filter(|_| behind).unwrap_or(length));
        }
        if body > length - whole - HEAD_BYTES {
            break;
        }
        if *opcode == CHUNK {
            // The first field of a chunk is the log time of its first message.
            let begins = rest.get(8..).and_then(|b| b.first_chunk()).map_or(0, |b| u64::from_le_bytes(*b));
            let begins = Time::from_nanos(i64::try_from(begins).unwrap_or(i64::MAX));
            behind = end.is_some_and(|end| begins > end);
        }
        whole += HEAD_BYTES + body;
        if !behind {
            wanted = Some(whole);
        }
    }
    // What is behind the last whole record is damage, or being written: where nothing is whole, all of it is evidence.
    Ok(match end {
        Some(_) => wanted.unwrap_or(length),
        None => length,
    })
}
