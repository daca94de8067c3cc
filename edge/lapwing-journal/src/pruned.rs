//! Which segments retention has been through, and what was held then. Losing this loses nothing: they are gone through again.

use crate::holds::Ranges;
use crate::storage::{Storage, read_small, replace};
use std::collections::BTreeMap;

/// Name of the file in the journal's directory.
const PRUNED_FILE: &str = "pruned.json";

/// By the name of the segment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Pruned(BTreeMap<String, Ranges>);

impl Pruned {
    /// What is known; nothing if that cannot be read.
    pub(crate) fn read(storage: &dyn Storage) -> Self {
        let bytes = read_small(storage, PRUNED_FILE).ok().flatten();
        Self(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default())
    }

    /// Best effort.
    pub(crate) fn write(&self, storage: &dyn Storage) {
        if let Ok(bytes) = serde_json::to_vec(&self.0) {
            let _ = replace(storage, PRUNED_FILE, &bytes);
        }
    }

    /// Whether a segment has been gone through with just this held.
    pub(crate) fn is_done(&self, name: &str, held: &Ranges) -> bool {
        self.0.get(name) == Some(held)
    }

    pub(crate) fn add(&mut self, name: &str, held: &Ranges) {
        self.0.insert(name.to_owned(), held.clone());
    }

    pub(crate) fn forget(&mut self, name: &str) {
        self.0.remove(name);
    }
}
