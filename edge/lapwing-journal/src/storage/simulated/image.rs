//! What may be on the disk after the power was cut.

use super::inode::{Change, Inode, apply, write_at};
use super::{NameChange, Random, State};
use std::collections::{BTreeMap, BTreeSet};

/// A disk writes a sector as a whole, or says it did.
const SECTOR_BYTES: usize = 512;

/// The files of a directory, as found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Image {
    /// Names and bytes.
    pub files: BTreeMap<String, Vec<u8>>,
    /// How it came about, for a failing test's message.
    pub told: String,
}

/// Draws one legal state.
pub(super) fn draw(state: &State, random: &mut Random) -> Image {
    let mut told = Vec::new();
    let mut names = state.durable_names.clone();
    let changes = &state.name_changes;
    let chosen: Vec<&NameChange> = match random.below(4) {
        0 => Vec::new(),
        1 => changes.iter().collect(),
        2 => changes.iter().take(random.below(changes.len() as u64 + 1) as usize).collect(),
        _ => changes.iter().filter(|_| random.one_in(2)).collect(),
    };
    // A file system that has one half of a rename has the other too.
    let renames: BTreeSet<u64> = chosen.iter().filter_map(|c| c.rename).collect();
    let chosen: BTreeSet<*const NameChange> = chosen.into_iter().map(std::ptr::from_ref).collect();
    for change in changes {
        let taken = match change.rename {
            Some(rename) => renames.contains(&rename),
            None => chosen.contains(&std::ptr::from_ref(change)),
        };
        if taken {
            set(&mut names, change);
        } else {
            told.push(format!("{} as before", change.name));
        }
    }
    let mut files = BTreeMap::new();
    for (name, number) in names {
        let Some(inode) = state.inodes.get(&number) else { continue };
        let (bytes, how) = draw_bytes(inode, random);
        if !inode.unsynced.is_empty() {
            told.push(format!("{name}: {how}"));
        }
        files.insert(name, bytes);
    }
    Image { files, told: told.join("; ") }
}

fn set(names: &mut BTreeMap<String, u64>, change: &NameChange) {
    match change.now {
        Some(number) => names.insert(change.name.clone(), number),
        None => names.remove(&change.name),
    };
}

fn draw_bytes(inode: &Inode, random: &mut Random) -> (Vec<u8>, String) {
    let mut bytes = inode.durable.clone();
    let count = inode.unsynced.len();
    match random.below(4) {
        0 => (bytes, "nothing unsynced".to_owned()),
        1 => {
            inode.unsynced.iter().for_each(|u| apply(&mut bytes, &u.change));
            (bytes, "all written".to_owned())
        }
        2 => {
            let whole = random.below(count as u64 + 1) as usize;
            inode.unsynced.iter().take(whole).for_each(|u| apply(&mut bytes, &u.change));
            let mut cut = 0;
            if let Some(Change::Append { offset, bytes: torn }) = inode.unsynced.get(whole).map(|u| &u.change) {
                cut = random.below(torn.len() as u64 + 1) as usize;
                if random.one_in(2) {
                    cut -= cut % SECTOR_BYTES;
                }
                write_at(&mut bytes, *offset as usize, torn.get(..cut).unwrap_or_default());
            }
            (bytes, format!("{whole} of {count} writes and {cut} bytes of the next"))
        }
        _ => {
            for unsynced in &inode.unsynced {
                match &unsynced.change {
                    Change::Append { offset, bytes: written } => {
                        scatter(&mut bytes, *offset as usize, written, random);
                    }
                    change if random.one_in(2) => apply(&mut bytes, change),
                    Change::Truncate(_) => {}
                }
            }
            (bytes, format!("some sectors of {count} writes"))
        }
    }
}

/// Writes some sectors of some bytes. Those left out are zeros or rubbish where the file reaches over them.
fn scatter(to: &mut Vec<u8>, offset: usize, bytes: &[u8], random: &mut Random) {
    let mut at = offset;
    let mut rest = bytes;
    let odds = 1 + random.below(4);
    while !rest.is_empty() {
        let length = (SECTOR_BYTES - at % SECTOR_BYTES).min(rest.len());
        let (sector, later) = rest.split_at(length);
        match random.below(odds + 2) {
            0 => {}
            1 => {
                let rubbish: Vec<u8> = sector.iter().map(|_| random.draw() as u8).collect();
                write_at(to, at, &rubbish);
            }
            _ => write_at(to, at, sector),
        }
        at += length;
        rest = later;
    }
}

/// Every state when everything reaches the disk in order: names first or last, each file's writes by number.
pub(super) fn in_order(state: &State, most: usize) -> Vec<Image> {
    let mut images = Vec::new();
    for taken in 0..=state.name_changes.len() {
        // Both halves of a rename, or none.
        let split = |a: &NameChange, b: &NameChange| a.rename.is_some() && a.rename == b.rename;
        let (before, after) = state.name_changes.split_at(taken);
        if before.last().zip(after.first()).is_some_and(|(a, b)| split(a, b)) {
            continue;
        }
        let mut names = state.durable_names.clone();
        before.iter().for_each(|change| set(&mut names, change));
        let whole: BTreeMap<String, &Inode> =
            names.into_iter().filter_map(|(name, number)| Some((name, state.inodes.get(&number)?))).collect();
        let base = |told: String| Image {
            files: whole.iter().map(|(name, inode)| (name.clone(), inode.durable.clone())).collect(),
            told,
        };
        images.push(base(format!("{taken} names, nothing unsynced")));
        for (name, inode) in &whole {
            let mut bytes = inode.durable.clone();
            for (i, unsynced) in inode.unsynced.iter().enumerate() {
                for cut in cuts(&unsynced.change) {
                    let mut torn = bytes.clone();
                    if let Change::Append { offset, bytes: written } = &unsynced.change {
                        write_at(&mut torn, *offset as usize, written.get(..cut).unwrap_or_default());
                    }
                    let mut image = base(format!("{taken} names, {name}: {i} writes and {cut} bytes"));
                    image.files.insert(name.clone(), torn);
                    images.push(image);
                    if images.len() >= most {
                        return images;
                    }
                }
                apply(&mut bytes, &unsynced.change);
                let mut image = base(format!("{taken} names, {name}: {} writes", i + 1));
                image.files.insert(name.clone(), bytes.clone());
                images.push(image);
            }
        }
    }
    images.truncate(most);
    images
}

/// Where a write is torn: after its first byte, at each sector, before its last byte.
fn cuts(change: &Change) -> Vec<usize> {
    let Change::Append { offset, bytes } = change else { return Vec::new() };
    let first = SECTOR_BYTES - *offset as usize % SECTOR_BYTES;
    let sectors = (first..bytes.len()).step_by(SECTOR_BYTES);
    let mut cuts: Vec<usize> = std::iter::once(1).chain(sectors).chain([bytes.len().saturating_sub(1)]).collect();
    cuts.retain(|cut| (1..bytes.len()).contains(cut));
    cuts.dedup();
    cuts
}
