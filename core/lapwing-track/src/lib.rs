#![deny(clippy::disallowed_methods, clippy::disallowed_types)]
//! Plots to tracks: predict, gate, associate, update, initiate, end.
//!
//! The tracker knows sensors and measurements, not names: a claim's name is an opaque [`Label`], strong evidence for
//! association and no proof. States live in a local east-north-up frame per track, re-anchored as the track moves.
//!
//! One file per idea: `frame` (where numbers live), `motion` (how aircraft move), `measurement` (what sensors say of a
//! state), `filter` (how the two are weighed), `gate` (which pairs may be), `assign` (which pairs are), `existence`
//! (whether there is an aircraft), `track` (one life), `tracker` (all of them).

// Rows and columns of 6 by 6 matrices are clearer by index.
#![allow(clippy::needless_range_loop)]

mod assign;
mod config;
mod existence;
mod filter;
mod frame;
mod gate;
mod geoid;
mod interface;
mod measurement;
mod motion;
mod track;
mod tracker;

pub use config::Config;
pub use interface::{Change, Estimate, Label, Observation, Outcome, Velocity};
pub use motion::Motion;
pub use tracker::Tracker;
