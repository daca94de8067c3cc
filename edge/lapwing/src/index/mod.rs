//! The index: what is searched of the past, in one SQLite file beside the journal.
//!
//! The journal is the truth. The index holds nothing that is not in it, remembers the position it has reached, and is made
//! anew from the journal whenever it cannot be used: that is also its migration. Live, it is filled by a thread of its own
//! ([`live`]) from what the run loop hands over; where that thread falls behind it reads the journal instead. Both ways go
//! through [`fill::Filler`], so that a filled and a rebuilt index have the same content.
//!
//! # What is in it
//!
//! | Table | Content |
//! |---|---|
//! | `state` | one row: the next position to take, and position and time of the last one taken |
//! | `track` | a row a track: what is searched by, and the whole record as JSON |
//! | `name` | names tracks gave themselves |
//! | `piece` | history: at most [`point::PER_PIECE`] points a row, in the layout of [`point`] |
//! | `piece_box` | an R*Tree of longitude, latitude and time over the pieces |
//! | `alert` | a row an alert: what is searched by, and the alert as it was last told |
//! | `incident` | an alert and what it groups, until all of it is cleared |
//! | `audit` | commands, configurations, stops, erasures |
//! | `configuration` | every site as JSON with its SHA-256 |

mod alerts;
mod catch_up;
pub(crate) mod commands;
mod fill;
pub(crate) mod live;
mod noted;
pub(crate) mod point;
mod read;
mod schema;
mod search;
#[cfg(test)]
pub(crate) mod tests;
mod tracks;

pub(crate) use catch_up::segments_from;
use fill::Filler;
pub(crate) use fill::hex;
pub(crate) use read::{Archive, Configuration};
pub(crate) use search::word;

use anyhow::Context;
use std::path::{Path, PathBuf};

/// Name of the file in the journal's directory.
pub(crate) const FILE: &str = "index.sqlite";

/// Where the index of a journal's directory is.
pub(crate) fn path(directory: &Path) -> PathBuf {
    directory.join(FILE)
}

/// Removes an index with what SQLite keeps beside it.
pub(crate) fn remove(directory: &Path) -> anyhow::Result<()> {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let file = directory.join(format!("{FILE}{suffix}"));
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| file.display().to_string());
            }
            _ => {}
        }
    }
    Ok(())
}

/// Opens the index of a directory for filling; one that cannot be used is made anew, and the reason is told.
pub(crate) fn open_or_new(directory: &Path) -> anyhow::Result<(Filler, Option<String>)> {
    let file = path(directory);
    if !file.exists() {
        return Ok((Filler::create(&file)?, Some("there was none".to_owned())));
    }
    match Filler::open(&file) {
        Ok(filler) => match catch_up::mismatch(&filler, directory)? {
            None => Ok((filler, None)),
            Some(why) => {
                drop(filler);
                anew(directory, why)
            }
        },
        Err(why) => anew(directory, format!("{why:#}")),
    }
}

/// Brings an index up to its journal before it is read, where no server does that all the time.
pub(crate) fn refresh(directory: &Path) -> anyhow::Result<()> {
    // Held by a server: its own thread keeps the index.
    let Ok(_lock) = commands::lock(directory) else { return Ok(()) };
    let (mut filler, anew) = open_or_new(directory)?;
    if let Some(why) = anew {
        tracing::info!("the index is made from the journal, because {why}");
    }
    catch_up::catch_up(&mut filler, directory, None, |_| {})?;
    filler.close()
}

fn anew(directory: &Path, why: String) -> anyhow::Result<(Filler, Option<String>)> {
    remove(directory)?;
    Ok((Filler::create(&path(directory))?, Some(why)))
}
