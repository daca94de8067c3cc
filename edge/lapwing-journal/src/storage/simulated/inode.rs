//! The bytes of one simulated file: written, and on the disk.

/// What was done to a file since its last sync.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Append { offset: u64, bytes: Vec<u8> },
    Truncate(u64),
}

/// A change that is not known to be on the disk.
#[derive(Debug, Clone)]
pub(super) struct Unsynced {
    pub(super) change: Change,
    /// A sync failed after it: no later sync brings it to the disk, and it may be there all the same.
    pub(super) in_doubt: bool,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Inode {
    /// What readers see.
    pub(super) content: Vec<u8>,
    /// What is on the disk for certain.
    pub(super) durable: Vec<u8>,
    pub(super) unsynced: Vec<Unsynced>,
    /// The write being made was interrupted.
    pub(super) torn: bool,
}

impl Inode {
    pub(super) fn on_disk(bytes: Vec<u8>) -> Self {
        Self { content: bytes.clone(), durable: bytes, ..Self::default() }
    }

    pub(super) fn change(&mut self, change: Change) {
        apply(&mut self.content, &change);
        self.unsynced.push(Unsynced { change, in_doubt: false });
    }

    pub(super) fn sync(&mut self) {
        for unsynced in std::mem::take(&mut self.unsynced) {
            if unsynced.in_doubt {
                self.unsynced.push(unsynced);
            } else {
                apply(&mut self.durable, &unsynced.change);
            }
        }
    }

    pub(super) fn doubt(&mut self) {
        self.unsynced.iter_mut().for_each(|u| u.in_doubt = true);
    }
}

/// Does a change to some bytes; a hole before it is zeros.
pub(super) fn apply(to: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Append { offset, bytes } => write_at(to, *offset as usize, bytes),
        Change::Truncate(length) => to.truncate(*length as usize),
    }
}

pub(super) fn write_at(to: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if to.len() < end {
        to.resize(end, 0);
    }
    if let Some(place) = to.get_mut(offset..end) {
        place.copy_from_slice(bytes);
    }
}
