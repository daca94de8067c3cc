//! REST and WebSocket interface and the embedded console.
//!
//! The server only reads: it is given snapshots, events and states over channels, and hands on what an operator orders
//! as a [`CommandRequest`] that the run loop journals before it answers. Loopback only: see [`serve`].
//!
//! The interface is described by the OpenAPI document at `/api/v1/openapi.json` ([`openapi_json`] gives the same text)
//! and by `docs/reference/api.md`, which also holds the layout of the live feed's binary frames ([`columns`]).

// Sockets, clocks and (in tests) files live at the edge.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod access;
mod aircraft_json;
mod api;
mod app;
pub mod columns;
mod console;
mod feeds;
mod geojson;
pub mod history;
mod live;
mod mask;
mod metrics;
mod problem;
mod ring;
mod server;
#[cfg(test)]
mod testing;

pub use access::{ACCESS, Access, Rule};
pub use api::openapi_json;
pub use feeds::{CommandAnswer, CommandRequest, Feeds, JournalState, JournalTimes, OutputState, Refusal};
pub use mask::Role;
pub use server::serve;
