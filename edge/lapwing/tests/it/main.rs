//! The `lapwing` command as a user meets it: the real process, real sockets on free loopback ports, real captures.
//!
//! Every test starts what it needs and ends it again. None waits for a fixed time: each waits for a condition, with a
//! deadline no machine needs.

// Tests are at the edge: processes, sockets, files and the clock are what they are about.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]
// Helpers of tests end the test that asks too much of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod acknowledge;
mod anafi;
mod broker;
mod check;
mod decode;
mod demo;
mod erase;
mod full;
mod golden;
mod history;
mod holds;
mod journal;
mod live;
mod loss;
mod mix;
mod outputs;
mod receiver;
mod replay;
mod restart;
mod start;
mod support;
mod tour;
mod track;
