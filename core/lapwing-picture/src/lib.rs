#![deny(clippy::disallowed_methods, clippy::disallowed_types)]
//! Reports to the air picture: align, track, identify, zone, alert, health.
//!
//! [`Picture`] is one pure machine: time is an argument, the same inputs give the same events to the byte, and a deadline
//! is handled at exactly its own time, so that live running and replay agree. One file per idea: `align` (which time),
//! `emitters` (which transmissions are one aircraft's), `identity` (evidence for and against), `zone` (geometry),
//! `alert` (the life of a warning), `health` (who is heard, and the books), `rhythm` (how evenly), `picture` (what ties
//! them together).

// Rows and columns of covariances are clearer by index; all indices are constants within 6 by 6.
#![allow(clippy::needless_range_loop)]

mod alert;
pub mod align;
mod classify;
mod emitters;
mod geoid;
mod health;
mod identity;
mod picture;
mod rhythm;
pub mod zone;

pub use picture::{CommandRefusal, Input, Picture, SaveError, TrackAt};
