//! What a decoder remembers between calls, saved and restored.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;

/// Bytes that are no state of this decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadState;

impl fmt::Display for BadState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a state that this decoder saved")
    }
}

impl std::error::Error for BadState {}

/// A state as bytes. Fields by order, numbers by their bits: see <https://postcard.jamesmunns.com/wire-format>.
pub(crate) fn save<T: Serialize>(state: &T) -> Vec<u8> {
    // Memory is the only thing that could be wanting.
    postcard::to_stdvec(state).unwrap_or_default()
}

/// A state from bytes, all of them; `sound` says whether it keeps the decoder's own bounds.
pub(crate) fn restore<T: DeserializeOwned>(bytes: &[u8], sound: impl Fn(&T) -> bool) -> Result<T, BadState> {
    match postcard::take_from_bytes::<T>(bytes) {
        Ok((state, [])) if sound(&state) => Ok(state),
        _ => Err(BadState),
    }
}
