//! Reading the journal where the index has not seen it.

use super::fill::Filler;
use super::noted::Noted;
use lapwing_journal::{Entry, Reader, SEGMENT_EXTENSION};
use lapwing_model::{Position, Time};
use std::path::{Path, PathBuf};

/// Entries taken before what was taken stands.
const COMMIT_EVERY: usize = 20_000;

/// What reading came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Entries read.
    pub(crate) entries: u64,
    /// Places that could not be read.
    pub(crate) damages: u64,
}

/// The segments of a journal that hold what follows a position, in order: all but those that end before it.
pub(crate) fn segments_from(journal: &Path, position: Position) -> anyhow::Result<Vec<PathBuf>> {
    if !journal.is_dir() {
        return Ok(vec![journal.to_owned()]);
    }
    let mut all = Vec::new();
    for item in std::fs::read_dir(journal)? {
        let path = item?.path();
        if path.extension().is_some_and(|e| e == SEGMENT_EXTENSION) {
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
            all.push((name.split('-').next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0), path));
        }
    }
    all.sort();
    let mut from = 0;
    // From behind: usually it is the last one or the one before.
    for (number, (_, path)) in all.iter().enumerate().rev() {
        if first_position(path).is_some_and(|first| first <= position) {
            from = number;
            break;
        }
    }
    Ok(all.into_iter().skip(from).map(|(_, path)| path).collect())
}

fn first_position(segment: &Path) -> Option<Position> {
    Reader::open(segment).ok()?.find_map(Result::ok).map(|(position, ..)| position)
}

/// The entries of a journal from a position on; damage is counted and passed over.
pub(crate) fn entries_from<'a>(
    journal: &Path,
    position: Position,
    damages: &'a mut u64,
) -> anyhow::Result<impl Iterator<Item = (Position, Time, Entry)> + 'a> {
    let segments = segments_from(journal, position)?;
    let readers = segments.into_iter().filter_map(|path| Reader::open(&path).ok());
    Ok(readers.flat_map(move |r| r.starting_at(position)).filter_map(move |item| match item {
        Ok(entry) => Some(entry),
        Err(_) => {
            *damages += 1;
            None
        }
    }))
}

/// Why an index cannot be of this journal, if it cannot.
pub(crate) fn mismatch(filler: &Filler, journal: &Path) -> anyhow::Result<Option<String>> {
    let Some((last, at)) = filler.state().last else { return Ok(None) };
    let mut damages = 0;
    Ok(match entries_from(journal, last, &mut damages)?.next() {
        Some((position, there, _)) if position == last && there != at => {
            Some(format!("entry {last:?} is another one in the journal"))
        }
        Some(_) => None,
        None => Some("it is ahead of the journal, which has lost its end".to_owned()),
    })
}

/// Takes what the journal has from where the index stands, up to `until`.
pub(crate) fn catch_up(
    filler: &mut Filler,
    journal: &Path,
    until: Option<Position>,
    mut told: impl FnMut(Progress),
) -> anyhow::Result<Progress> {
    let mut progress = Progress::default();
    let (mut damages, mut waiting) = (0, 0);
    for (position, at, entry) in entries_from(journal, filler.state().next, &mut damages)? {
        if until.is_some_and(|until| position >= until) {
            break;
        }
        progress.entries += 1;
        if let Some(noted) = Noted::of(entry) {
            filler.take(position, at, &noted)?;
            waiting += 1;
        }
        if waiting == COMMIT_EVERY {
            waiting = 0;
            filler.commit()?;
            told(progress);
        }
    }
    filler.commit()?;
    progress.damages = damages;
    Ok(progress)
}
