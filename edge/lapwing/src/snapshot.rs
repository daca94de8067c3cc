//! Snapshots on disk: the state of the line, from which a later run goes on.
//!
//! A file is named by the position of the next entry to apply, in twenty digits, and holds, integers little-endian:
//!
//! | Bytes | Meaning |
//! |---|---|
//! | 8 | `LAPWSNAP` |
//! | 4 | version of this layout, 1 |
//! | 4 | version of the state, [`Line::SAVE_VERSION`] |
//! | 8 | position of the next entry to apply |
//! | 8 | time of the last entry applied, nanoseconds since 1970 |
//! | 1 + n | version of the program |
//! | 8 | length of the payload |
//! | 32 | SHA-256 over everything above and the payload |
//! | n | payload |
//!
//! It is written beside its name, synced, renamed, and the directory synced, so that a name is always of a whole file. What
//! is read is believed only under its hash, and a state only of the version this program writes.

mod kept;

use crate::line::Line;
use kept::Known;
use lapwing_journal::{DiskStorage, Holds, Storage};
use lapwing_model::{Position, Span, Time};
use sha2::{Digest, Sha256};
use std::fmt;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The folder of snapshots in a journal's directory.
pub(crate) const FOLDER: &str = "snapshots";
const EXTENSION: &str = "snap";
/// Ending of a file that is not whole yet.
const DRAFT: &str = "new";
const MAGIC: [u8; 8] = *b"LAPWSNAP";
const LAYOUT: u32 = 1;
/// Bytes of the head before the version of the program.
const BEGIN_BYTES: u64 = 32;
/// A file larger than this is none of ours.
const BYTES_MAX: u64 = 4 << 30;

/// A snapshot as its head says, and its state.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    /// The next entry to apply.
    pub(crate) position: Position,
    /// The time of the last entry applied.
    pub(crate) at: Time,
    /// The program that wrote it.
    pub(crate) program: String,
    /// For [`Line::restore`].
    pub(crate) state: Vec<u8>,
}

/// Why a file is not used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused(String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

fn refused<T>(why: impl Into<String>) -> Result<T, Refused> {
    Err(Refused(why.into()))
}

fn head_of(position: Position, at: Time, length: u64) -> Vec<u8> {
    let program = env!("CARGO_PKG_VERSION").as_bytes();
    let mut head = Vec::with_capacity(80);
    head.extend(MAGIC);
    head.extend(LAYOUT.to_le_bytes());
    head.extend(Line::SAVE_VERSION.to_le_bytes());
    head.extend(position.0.to_le_bytes());
    head.extend(at.as_nanos().to_le_bytes());
    // A version is a few characters.
    head.push(program.len() as u8);
    head.extend(program);
    head.extend(length.to_le_bytes());
    head
}

fn hash(head: &[u8], state: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(head).chain_update(state).finalize().into()
}

/// Takes the first bytes off a slice.
fn take<'a>(bytes: &mut &'a [u8], count: usize, what: &str) -> Result<&'a [u8], Refused> {
    let Some((taken, rest)) = bytes.split_at_checked(count) else {
        return refused(format!("it is cut in the {what}"));
    };
    *bytes = rest;
    Ok(taken)
}

fn number<const N: usize>(bytes: &mut &[u8], what: &str) -> Result<[u8; N], Refused> {
    let taken = take(bytes, N, what)?;
    taken.try_into().map_err(|_| Refused(format!("it is cut in the {what}")))
}

/// Takes the part of fixed length off a head: the version of the state, the next entry to apply, the time of the last one.
fn take_begin(rest: &mut &[u8]) -> Result<(u32, Position, Time), Refused> {
    if take(rest, MAGIC.len(), "magic")? != MAGIC {
        return refused("it does not begin as a snapshot does");
    }
    let layout = u32::from_le_bytes(number(rest, "version")?);
    if layout != LAYOUT {
        return refused(format!("its layout is version {layout}, and this program knows {LAYOUT}"));
    }
    let state_version = u32::from_le_bytes(number(rest, "version")?);
    let position = Position(u64::from_le_bytes(number(rest, "position")?));
    Ok((state_version, position, Time::from_nanos(i64::from_le_bytes(number(rest, "time")?))))
}

/// Reads a snapshot's bytes.
pub(crate) fn parse(bytes: &[u8]) -> Result<Stored, Refused> {
    let mut rest = bytes;
    let (state_version, position, at) = take_begin(&mut rest)?;
    let [length] = number(&mut rest, "program version")?;
    let program = take(&mut rest, usize::from(length), "program version")?;
    let length = u64::from_le_bytes(number(&mut rest, "length")?);
    let head = bytes.get(..bytes.len() - rest.len()).unwrap_or_default();
    let expected: [u8; 32] = number(&mut rest, "hash")?;
    if rest.len() as u64 != length {
        return refused(format!("its state should have {length} bytes and {} are here", rest.len()));
    }
    if hash(head, rest) != expected {
        return refused("its hash is not that of its content: it was damaged");
    }
    let program = String::from_utf8_lossy(program).into_owned();
    if state_version != Line::SAVE_VERSION {
        let ours = Line::SAVE_VERSION;
        return refused(format!(
            "its state is of version {state_version} (program {program}), this program's is {ours}"
        ));
    }
    Ok(Stored { position, at, program, state: rest.to_vec() })
}

/// What was written: where, and the hash that the record tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) position: Position,
    pub(crate) sha256: String,
    pub(crate) bytes: u64,
}

/// The snapshots of a journal.
#[derive(Clone)]
pub(crate) enum Folder {
    /// The folder in a journal's directory; it need not be there.
    Disk(PathBuf),
    /// Another place: a disk that fails.
    #[cfg(test)]
    Stored(Arc<dyn Storage>),
}

/// What the head of a snapshot says.
fn known(storage: &dyn Storage, position: Position) -> Known {
    let file = storage.read(&name_of(position));
    let head = file.and_then(|file| Ok((file.length()?, file.read_at(0, BEGIN_BYTES)?)));
    let (bytes, head) = head.unwrap_or_default();
    let begin = take_begin(&mut head.as_slice()).ok();
    let at = begin.filter(|(version, ..)| *version == Line::SAVE_VERSION).map(|(.., at)| at);
    Known { position, at, bytes }
}

fn name_of(position: Position) -> String {
    format!("{:020}.{EXTENSION}", position.0)
}

impl Folder {
    /// That of a journal's directory.
    pub(crate) fn of(journal: &Path) -> Self {
        Self::Disk(journal.join(FOLDER))
    }

    fn storage(&self) -> io::Result<Arc<dyn Storage>> {
        match self {
            Self::Disk(path) => Ok(Arc::new(DiskStorage::open(path)?)),
            #[cfg(test)]
            Self::Stored(storage) => Ok(Arc::clone(storage)),
        }
    }

    /// The same to write to, made when missing. It holds whatever the picture holds, names of operators included: nobody
    /// else may read it.
    fn made(&self) -> io::Result<Arc<dyn Storage>> {
        match self {
            Self::Disk(path) => {
                let storage = DiskStorage::create(path)?;
                std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))?;
                Ok(Arc::new(storage))
            }
            #[cfg(test)]
            Self::Stored(storage) => Ok(Arc::clone(storage)),
        }
    }

    /// What incidents hold of the journal that the snapshots are of.
    fn holds(&self) -> io::Result<Holds> {
        match self {
            Self::Disk(path) => Holds::read(&DiskStorage::open(path.parent().unwrap_or(path))?),
            #[cfg(test)]
            Self::Stored(_) => Ok(Holds::default()),
        }
    }

    /// The positions of the snapshots there are, the latest first.
    pub(crate) fn positions(&self) -> io::Result<Vec<Position>> {
        let names = match self.storage() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            storage => storage?.list()?,
        };
        let position = |name: &String| {
            let (number, extension) = name.split_once('.')?;
            number.parse().ok().filter(|_| extension == EXTENSION).map(Position)
        };
        let mut positions: Vec<Position> = names.iter().filter_map(position).collect();
        positions.sort_unstable_by(|a, b| b.cmp(a));
        Ok(positions)
    }

    /// Reads one, or says why it cannot be used.
    pub(crate) fn read(&self, position: Position) -> Result<Stored, Refused> {
        let name = name_of(position);
        let (path, bytes) = self.bytes(&name).map_err(|e| Refused(e.to_string()))?;
        let stored = parse(&bytes).map_err(|Refused(why)| Refused(format!("{}: {why}", path.display())))?;
        if stored.position != position {
            return refused(format!("{}: its content is of position {}", path.display(), stored.position.0));
        }
        Ok(stored)
    }

    fn bytes(&self, name: &str) -> io::Result<(PathBuf, Vec<u8>)> {
        let storage = self.storage()?;
        let (path, file) = (storage.path(name), storage.read(name)?);
        let length = file.length()?;
        if length > BYTES_MAX {
            return Err(io::Error::other(format!("{}: larger than any snapshot", path.display())));
        }
        Ok((path, file.read_at(0, length)?))
    }

    /// Writes one and removes those that are not kept; `past` is how long raw detail is.
    pub(crate) fn write(&self, position: Position, at: Time, state: &[u8], past: Span) -> io::Result<Written> {
        let storage = self.made()?;
        let mut head = head_of(position, at, state.len() as u64);
        let sha256 = hash(&head, state);
        head.extend(sha256);
        let name = name_of(position);
        let draft = format!("{name}.{DRAFT}");
        if storage.exists(&draft) {
            storage.remove(&draft)?;
        }
        let file = storage.create(&draft)?;
        file.append(&head)?;
        file.append(state)?;
        file.sync()?;
        storage.rename(&draft, &name)?;
        storage.sync_directory()?;
        self.prune(&*storage, position, past)?;
        let sha256 = sha256.iter().map(|b| format!("{b:02x}")).collect();
        Ok(Written { position, sha256, bytes: (head.len() + state.len()) as u64 })
    }

    /// Removes drafts that were given up and what is not kept. What claims to be later than the one just written is of a journal
    /// that lost its end: its positions are given anew, so it must go too.
    fn prune(&self, storage: &dyn Storage, latest: Position, past: Span) -> io::Result<()> {
        let (good, ahead): (Vec<_>, Vec<_>) = self.positions()?.into_iter().partition(|p| *p <= latest);
        let known: Vec<Known> = good.iter().map(|position| known(storage, *position)).collect();
        // Where the disk becomes full the past goes first.
        let room = kept::PAST_BYTES_MAX.min(storage.free_bytes().unwrap_or(0) / 8);
        // Who cannot read what is held removes nothing.
        if let Ok(holds) = self.holds() {
            let kept = kept::kept(&known, &holds, past, room);
            for position in good.iter().filter(|position| !kept.contains(position)) {
                storage.remove(&name_of(*position))?;
            }
        }
        for position in &ahead {
            storage.remove(&name_of(*position))?;
        }
        for name in storage.list()? {
            if name.ends_with(DRAFT) {
                storage.remove(&name)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Span = Span::from_seconds(86_400);

    fn folder(name: &str) -> (PathBuf, Folder) {
        let path = std::env::temp_dir().join(format!("lapwing-snapshot-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        (path.clone(), Folder::of(&path))
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_refused_with_a_reason() {
        let (path, folder) = folder("flips");
        let state: Vec<u8> = (0..200).collect();
        folder.write(Position(7), Time::from_seconds(9), &state, DAY).unwrap();
        let whole = folder.bytes(&name_of(Position(7))).unwrap().1;
        assert_eq!(parse(&whole).unwrap().state, state);
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let why = parse(&bytes).expect_err("a flipped bit was not seen").to_string();
            assert!(why.len() > 10, "{why}");
        }
        for length in 0..whole.len() {
            assert!(parse(&whole[..length]).is_err(), "cut to {length}");
        }
        assert!(parse(&[whole.as_slice(), &[0]].concat()).is_err());
        std::fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn the_last_few_are_kept_and_those_of_a_lost_end_are_not() {
        let (path, folder) = folder("kept");
        // All of one time: of the past the first stays.
        for position in [10, 20, 30, 40, 90] {
            folder.write(Position(position), Time::from_seconds(0), b"state", DAY).unwrap();
        }
        assert_eq!(folder.positions().unwrap(), [90, 40, 30, 10].map(Position));
        let file = |name: &str| path.join(FOLDER).join(name);
        std::fs::write(file("half.new"), b"torn").unwrap();
        folder.write(Position(50), Time::from_seconds(0), b"state", DAY).unwrap();
        assert_eq!(folder.positions().unwrap(), [50, 40, 30, 10].map(Position));
        assert!(!file("half.new").exists());
        std::fs::rename(file(&name_of(Position(40))), file(&name_of(Position(45)))).unwrap();
        assert!(folder.read(Position(45)).unwrap_err().to_string().contains("position 40"));
        std::fs::remove_dir_all(path).unwrap();
    }

    /// The power is cut after every number of calls: what was said to be written is there, and what is half there is refused.
    #[test]
    fn a_power_cut_at_any_call_leaves_what_was_written() {
        use lapwing_journal::simulated::SimulatedStorage;
        let state = |position: u64| vec![position as u8; 3_000];
        let (mut images, mut torn) = (0, 0);
        for calls in 0.. {
            let disk = SimulatedStorage::new(calls);
            disk.go_dark_after(calls);
            let folder = Folder::Stored(Arc::new(disk.clone()));
            let mut written = None;
            for position in [10, 20, 30, 40, 50] {
                if folder.write(Position(position), Time::from_seconds(1), &state(position), DAY).is_ok() {
                    written = Some(Position(position));
                }
            }
            for seed in 0..20 {
                let found = Folder::Stored(Arc::new(SimulatedStorage::found(&disk.image(seed), seed)));
                images += 1;
                let mut latest = None;
                for position in found.positions().unwrap() {
                    match found.read(position) {
                        Ok(stored) => {
                            assert_eq!(stored.state, state(position.0));
                            latest = latest.max(Some(position));
                        }
                        Err(_) => torn += 1,
                    }
                }
                assert!(latest >= written, "{written:?} was written and {latest:?} is there, after {calls} calls");
            }
            if !disk.is_dark() {
                assert_eq!(written, Some(Position(50)));
                break;
            }
        }
        assert!(images > 500, "{images} images, {torn} files refused in them");
    }
}
