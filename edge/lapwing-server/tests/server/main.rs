//! The server as its clients meet it: a real one on a free loopback port, spoken to over real sockets.

// The helpers of tests may fail like tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod guard;
mod harness;
mod live;
mod rest;
mod schema;
#[path = "../../src/testing.rs"]
mod testing;
