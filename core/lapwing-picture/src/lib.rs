#![deny(clippy::disallowed_methods, clippy::disallowed_types)]
//! Reports to the air picture.

pub mod align;
mod geoid;
pub mod zone;
