//! What can be tuned, with defaults that suit drones among light aircraft.

use crate::imm::Models;
use crate::motion::Motion;
use lapwing_model::{Place, Span, limits};

/// Where undetected aircraft come from beside anywhere: a known place of births.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BirthSite {
    /// Its middle.
    pub place: Place,
    /// One sigma of each horizontal axis, metres.
    pub horizontal_sd_m: f64,
    /// Mean velocity, east and north, metres per second.
    pub velocity_mps: (f64, f64),
    /// One sigma of each axis of the velocity, metres per second.
    pub velocity_sd_mps: f64,
    /// Aircraft expected to appear per second.
    pub rate_per_s: f64,
}

/// The tracker's settings. Every default is documented at its field.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// How drones and birds move (default three models: cruise with 1 m²/s³, a change of 1 m/s within a second;
    /// manoeuvre with 30, a turn at several m/s²; hover, which forgets its velocity in 1.5 s).
    pub models: Models,
    /// How claims-only tracks and fast aeroplanes move (default 10 and 4 m²/s³: a standard-rate turn, 3 °/s at 100 m/s,
    /// is an acceleration of 5 m/s²). Added to the models above beyond `speed_fast_mps`.
    pub motion_fast: Motion,
    /// Speed above which a track moves like an aeroplane (default 60 m/s; it is a drone again below 80 % of it).
    pub speed_fast_mps: f64,
    /// Greatest plausible speed of a drone: a label's claims must be reachable with it (default 150 m/s).
    pub speed_slow_max_mps: f64,
    /// Greatest plausible speed of what moves like an aeroplane (default 400 m/s).
    pub speed_fast_max_mps: f64,
    /// One sigma per horizontal axis of the unknown velocity of a new track (default 20 m/s).
    pub speed_start_sd_mps: f64,
    /// Part, 0 to 1, of the aircraft that newly appear that may be fast (default 0.005; 0 is none).
    pub birth_fast_part: f64,
    /// One sigma per horizontal axis of the unknown velocity of those (default 120 m/s).
    pub speed_fast_start_sd_mps: f64,
    /// One sigma of the unknown vertical speed of a new track (default 5 m/s).
    pub vertical_speed_start_sd_mps: f64,
    /// Height above the sensor below which aircraft of unknown height are expected (default 150 m): widens the ground
    /// range of a slant range without elevation.
    pub height_above_sensor_m: f64,
    /// Clutter of a sensor of which nothing is said or learned (default 0.05 plots per km² and look).
    pub clutter_per_km2: f64,
    /// Height of the layer clutter and births are spread over (default 1,000 m).
    pub clutter_layer_m: f64,
    /// Detection probability of a measuring sensor whose coverage does not say (default 0.5).
    pub detection_probability: f64,
    /// Aircraft expected to appear per km² and second (default 0.0005).
    pub birth_per_km2_s: f64,
    /// Aircraft expected per km² at the first look, when none is known yet (default 0.01).
    pub birth_first_per_km2: f64,
    /// Known places of births (default none).
    pub birth_sites: Vec<BirthSite>,
    /// Existence below which a candidate is forgotten (default 1e-5).
    pub candidate_min: f64,
    /// Part of the existence it began with below which a candidate is forgotten (default 0: only `candidate_min` decides). Where
    /// false plots are many it spares most of the work, and beside the first looks loses little: what has less left than this says
    /// hardly more than a new plot there would.
    pub candidate_part: f64,
    /// Whether bearings alone may start a track by triangulation (default yes).
    pub triangulate: bool,
    /// Half-life of existence unless something supports it (default 0.999 kept per second).
    pub survival_per_s: f64,
    /// Probability that a claim with a position has an aircraft behind it (default 0.995): it confirms at once, as a
    /// track that is `claimed_only`.
    pub existence_start_claim: f64,
    /// Existence from which a candidate becomes a tentative track (default 0.5).
    pub existence_begin: f64,
    /// Existence from which a track is confirmed (default 0.99).
    pub existence_confirm: f64,
    /// Existence below which a confirmed track is shown as tentative again (default 0.2).
    pub existence_doubt: f64,
    /// Existence below which a track is refuted (default 0.02).
    pub existence_end: f64,
    /// Plots a track needs at least before it is confirmed by measurements (default 3).
    pub confirm_plots: u32,
    /// Intervals of its quickest sensor without update after which a confirmed track coasts (default 3).
    pub coast_after_intervals: f64,
    /// Least and greatest interval taken for that (default 1 s and 12 s).
    pub interval_min: Span,
    /// See `interval_min`.
    pub interval_max: Span,
    /// Time without update after which a track that claims support ends (default 30 s).
    pub end_claimed_after: Span,
    /// The same for a track only measured (default 15 s; at least four intervals of its sensor).
    pub end_measured_after: Span,
    /// The same where the sensors that saw it last have paused: nobody has looked where it is, and it flies on (default 60 s; it
    /// mostly becomes too uncertain before).
    pub end_unwatched_after: Span,
    /// One sigma of the horizontal position above which a track means nothing any more (default 500 m).
    pub horizontal_sd_max_m: f64,
    /// How much older than the clock an observation may be (default 5 s): the span that can be rolled back.
    pub lag_max: Span,
    /// How long looks wait for what belongs with them before they are taken in together, in their order (default 0: they are
    /// taken in at once). Parts of one scan that come within it are one look.
    pub gather: Span,
    /// How far ahead of the clock an observation may be (default 2 s).
    pub lead_max: Span,
    /// Time over which the errors of satellite positions hang together (default 1 s): claims that come quicker share
    /// their information.
    pub claim_correlation: Span,
    /// One sigma of the slowly changing part of a claimed position's error: horizontal and vertical, metres (default 2
    /// and 5).
    pub claim_bias_m: (f64, f64),
    /// Consecutive consistent seconds after which an unnamed duplicate is joined (default 5; 255 is never).
    pub join_after: u8,
    /// Whether sensor biases are estimated and applied (default yes).
    pub align: bool,
    /// Global hypotheses kept per cluster (default 24).
    pub hypotheses_max: usize,
    /// Weight relative to the best below which a global hypothesis is dropped (default 0.001).
    pub hypothesis_min: f64,
    /// Probability of being wrong up to which a track that shares nothing takes its likeliest plot and forgets the rest; above
    /// it several hypotheses are kept (default 0.02).
    pub ambiguity_min: f64,
    /// Tracks of one cluster up to which several hypotheses are kept; above it the best alone, with existence from the
    /// marginals (default 12).
    pub cluster_tracks_max: usize,
    /// Track ids begin after this number (default 0): a run that goes on after another must not give its ids again.
    pub first_track_id: u64,
    /// Live tracks (default `limits::TRACKS_MAX`).
    pub tracks_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            models: Models {
                motions: vec![
                    Motion::cruise(1.0, 0.5),
                    Motion::cruise(30.0, 5.0),
                    Motion { horizontal_psd_m2ps3: 1.0, vertical_psd_m2ps3: 0.5, velocity_memory_s: 1.5 },
                ],
                start: vec![0.5, 0.4, 0.1],
                leave_per_s: vec![0.04, 0.12, 0.05],
            },
            motion_fast: Motion::cruise(10.0, 4.0),
            speed_fast_mps: 60.0,
            speed_slow_max_mps: 150.0,
            speed_fast_max_mps: 400.0,
            speed_start_sd_mps: 20.0,
            birth_fast_part: 0.005,
            speed_fast_start_sd_mps: 120.0,
            vertical_speed_start_sd_mps: 5.0,
            height_above_sensor_m: 150.0,
            clutter_per_km2: 0.05,
            clutter_layer_m: 1_000.0,
            detection_probability: 0.5,
            birth_per_km2_s: 5e-4,
            birth_first_per_km2: 0.01,
            birth_sites: Vec::new(),
            candidate_min: 1e-5,
            candidate_part: 0.0,
            triangulate: true,
            survival_per_s: 0.999,
            existence_start_claim: 0.995,
            existence_begin: 0.5,
            existence_confirm: 0.99,
            existence_doubt: 0.2,
            existence_end: 0.02,
            confirm_plots: 3,
            coast_after_intervals: 3.0,
            interval_min: Span::from_seconds(1),
            interval_max: Span::from_seconds(12),
            end_claimed_after: Span::from_seconds(30),
            end_measured_after: Span::from_seconds(15),
            end_unwatched_after: Span::from_seconds(60),
            horizontal_sd_max_m: 500.0,
            lag_max: Span::from_seconds(5),
            gather: Span::ZERO,
            lead_max: Span::from_seconds(2),
            claim_correlation: Span::from_seconds(1),
            claim_bias_m: (2.0, 5.0),
            join_after: 5,
            align: true,
            hypotheses_max: 24,
            hypothesis_min: 1e-3,
            ambiguity_min: 0.02,
            cluster_tracks_max: 12,
            first_track_id: 0,
            tracks_max: limits::TRACKS_MAX,
        }
    }
}

impl Config {
    /// Part of existence kept over `dt_s`: to second order, which suffices for the seconds between looks.
    pub(crate) fn survival(&self, dt_s: f64) -> f64 {
        let x = (1.0 - self.survival_per_s) * dt_s;
        if x < 0.1 { 1.0 - x + 0.5 * x * x } else { lapwing_model::math::exp(-x) }
    }
}
