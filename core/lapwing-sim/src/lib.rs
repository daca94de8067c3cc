#![deny(clippy::disallowed_methods, clippy::disallowed_types)]
//! Scenario to truth to sensor bytes, with faults.
//!
//! A [`Scenario`] says what flies and what watches. [`Simulation`] turns it into the bytes its sensors would send, in
//! order of time, through the encoders of `lapwing-formats`: the same wire formats real sensors speak. It shares no
//! model with the tracker it feeds: motion here is geometry (way-points, wandering), not a filter's process.
//!
//! Deterministic: the same scenario gives the same bytes.

mod random;
mod scenario;
mod sensors;
mod simulation;
mod truth;
mod wire;

pub use random::Random;
pub use scenario::{Adsb, Flight, Object, RemoteId, Scenario, SensorModel, SimSensor, Spoof, WayPoint};
pub use simulation::{Emission, Simulation};
pub use truth::{State, Truth};
