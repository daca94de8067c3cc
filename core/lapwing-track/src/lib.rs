#![deny(clippy::disallowed_methods, clippy::disallowed_types)]
//! Plots to tracks: predict, gate, associate, update, begin, end.
//!
//! The tracker knows sensors and measurements, not names: a claim's name is an opaque [`Label`], strong evidence for
//! association and no proof. It is a track-oriented Poisson multi-Bernoulli mixture filter (Williams 2015, *Marginal
//! multi-Bernoulli filters: RFS derivation of MHT, JIPDA and association-based MeMBer*; García-Fernández, Williams,
//! Granström & Svensson 2018, *Poisson multi-Bernoulli mixture filter: direct derivation and implementation*), with
//! interacting motion models in each hypothesis, and with candidates in the place of the faintest Bernoullis.
//!
//! One file per idea, from the bottom up:
//!
//! - numbers: `gaussian` (the Kalman update), `motion` and `imm` (how aircraft move), `region` (where numbers live);
//! - sensors: `reading` (an observation made ready), `post` (what a sensor can see), `keenness` (how often it does), `overlap` (what
//!   others see of that, too), `project` (what it should read of a state), `clutter` (where it sees what is not there), `align` (what
//!   it reads wrong all the time);
//! - association: `assign` (the k best pairings), `marginal` (the probability of each pair), `compete` (candidates against each
//!   other), `grid` (who is near);
//! - aircraft: `track` (one) and `mark` (what it remembers of each sensor), `word` (whose word it is, and by what clock), `existence`,
//!   `height`, `class` (what it is), `cluster` (several that cannot be told apart);
//! - what happens: `look` (a sensor looked), `claim` (an aircraft spoke), `birth`, `hearing`, `triangulate` and `sightline` (a track
//!   begins), `life` (time passed), `twin` (one aircraft or two), `beside` (one aircraft in two places);
//! - `filter` (all that is known at one time) and `tracker` (looks in any order in, tracks out).

// Rows and columns of 6 by 6 matrices are clearer by index.
#![allow(clippy::needless_range_loop)]
// `!(a > b)` where a number that is none must be refused too.
#![allow(clippy::neg_cmp_op_on_partial_ord)]

mod align;
mod assign;
mod beside;
mod birth;
mod claim;
mod class;
mod cluster;
mod clutter;
mod compete;
mod config;
mod existence;
mod filter;
mod gaussian;
mod geoid;
mod grid;
mod hearing;
mod height;
mod imm;
mod interface;
mod keenness;
mod life;
mod look;
mod marginal;
mod mark;
mod motion;
mod overlap;
mod post;
mod project;
mod reading;
mod region;
mod sightline;
mod slab;
mod track;
mod tracker;
mod triangulate;
mod twin;
mod word;

pub use config::{BirthSite, Config};
pub use height::HeightDenied;
pub use imm::Models;
pub use interface::{Bias, Change, Estimate, Label, Observation, Outcome, Scan, Velocity};
pub use motion::Motion;
pub use post::rank;
pub use tracker::{Live, SavedTracker, Tracker};
