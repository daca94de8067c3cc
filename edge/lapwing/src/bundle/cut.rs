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
pub(super) fn copy(segments: &[PathBuf], into: &Path, until: Option<Time>) -> anyhow::Result<()> {
    let mut copies = 0;
    let mut total = 0;
    for segment in segments {
        let at = || segment.display().to_string();
        let extent = extent(segment, until).with_context(at)?;
        if extent.first.zip(until).is_some_and(|(first, until)| first > until + CHECKPOINT_WITHIN) && copies > 0 {
            break;
        }
        total += extent.bytes;
        ensure!(total <= super::zip::BYTES_MAX, "the run before this incident is longer than a bundle can hold");
        let name = segment.file_name().with_context(at)?;
        let to = into.join(name);
        let mut from = File::open(segment).with_context(at)?.take(extent.bytes);
        let mut file = File::create_new(&to).with_context(|| to.display().to_string())?;
        let copied = std::io::copy(&mut from, &mut file).with_context(at)?;
        ensure!(copied == extent.bytes, "{}: it became shorter while it was read", at());
        copies += 1;
        if extent.cut {
            break;
        }
    }
    ensure!(copies > 0, "the journal has no segment of that time");
    Ok(())
}

struct Extent {
    /// Time of the first chunk.
    first: Option<Time>,
    /// How much of it to copy.
    bytes: u64,
    /// Whether a chunk follows that lies behind the time.
    cut: bool,
}

/// Finds the end of what is wanted: whole records only, so that a segment being written is copied as far as it is whole.
fn extent(segment: &Path, until: Option<Time>) -> anyhow::Result<Extent> {
    let mut file = File::open(segment)?;
    let length = file.metadata()?.len();
    let mut extent = Extent { first: None, bytes: length.min(MAGIC_BYTES), cut: false };
    let mut at = MAGIC_BYTES;
    while at + HEAD_BYTES <= length {
        file.seek(SeekFrom::Start(at))?;
        let mut head = [0; HEAD_BYTES as usize + 8];
        let wanted = usize::try_from(length - at).unwrap_or(usize::MAX).min(head.len());
        file.read_exact(head.get_mut(..wanted).unwrap_or_default())?;
        let (opcode, rest) = head.split_first().context("a head without bytes")?;
        let body = rest.first_chunk().map_or(0, |b| u64::from_le_bytes(*b));
        if *opcode == DATA_END {
            // A segment with its end: all of it.
            return Ok(Extent { bytes: length, ..extent });
        }
        if body > length - at - HEAD_BYTES {
            break;
        }
        if *opcode == CHUNK {
            // The first field of a chunk is the log time of its first message.
            let begins = rest.get(8..).and_then(|b| b.first_chunk()).map_or(0, |b| u64::from_le_bytes(*b));
            let begins = Time::from_nanos(i64::try_from(begins).unwrap_or(i64::MAX));
            extent.first.get_or_insert(begins);
            if until.is_some_and(|until| begins > until + CHECKPOINT_WITHIN) {
                extent.cut = true;
                return Ok(extent);
            }
        }
        at += HEAD_BYTES + body;
        extent.bytes = at;
    }
    // What is behind the last whole record is damage, or being written: where nothing is whole, all of it is evidence.
    if until.is_none() || extent.first.is_none() {
        extent.bytes = length;
    }
    Ok(extent)
}
