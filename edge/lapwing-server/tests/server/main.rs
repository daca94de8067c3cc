//! The server as its clients meet it: a real one on a free loopback port, spoken to over real sockets.

// The helpers of tests may fail like tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
// Sockets and clocks live at the edge.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod guard;
mod harness;
mod history;
mod live;
mod rest;
mod schema;
#[path = "../../src/testing.rs"]
mod testing;
