//! Room that only class A may use: a file of nothing, removed when the disk is full.

use crate::storage::Storage;
use std::io;

/// Name of the file.
pub(crate) const RESERVE_FILE: &str = "reserve";

pub(crate) struct Reserve {
    bytes: u64,
    there: bool,
}

impl Reserve {
    /// What there is from before. A reserve of another size is let go.
    pub(crate) fn new(storage: &dyn Storage, bytes: u64) -> Self {
        let length = || storage.read(RESERVE_FILE).and_then(|file| file.length());
        let there = storage.exists(RESERVE_FILE) && length().is_ok_and(|length| length == bytes);
        let mut reserve = Self { bytes, there };
        if !there && storage.exists(RESERVE_FILE) {
            reserve.release(storage);
        }
        reserve
    }

    /// Whether class B may be written: the reserve is there, or none is wanted.
    pub(crate) fn is_there(&self) -> bool {
        self.there || self.bytes == 0
    }

    /// Takes the room, if it is not taken.
    pub(crate) fn take(&mut self, storage: &dyn Storage) -> io::Result<()> {
        if !self.is_there() {
            storage.create_sized(RESERVE_FILE, self.bytes)?;
            self.there = true;
        }
        Ok(())
    }

    /// Gives the room to who writes next.
    pub(crate) fn release(&mut self, storage: &dyn Storage) {
        let gone = storage.remove(RESERVE_FILE);
        if gone.is_ok() || !storage.exists(RESERVE_FILE) {
            self.there = false;
        }
    }
}
