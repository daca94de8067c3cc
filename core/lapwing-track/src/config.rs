//! What can be tuned, with defaults that suit drones among light aircraft.

use crate::motion::Motion;
use lapwing_model::{Span, limits};

/// The tracker's settings. Every default is documented at its field.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Process noise of what moves like a drone (default 4 m²/s³ horizontal, 1 m²/s³ vertical: a change of 2 m/s within
    /// a second is usual).
    pub motion_slow: Motion,
    /// Process noise of what moves like an aeroplane (default 10 and 4 m²/s³: a standard-rate turn, 3 °/s at 100 m/s,
    /// is an acceleration of 5 m/s²).
    pub motion_fast: Motion,
    /// Speed above which a track moves like an aeroplane (default 60 m/s; it is a drone again below 80 % of it).
    pub speed_fast_mps: f64,
    /// Greatest plausible speed of a drone: a label's claims must be reachable with it (default 150 m/s).
    pub speed_slow_max_mps: f64,
    /// Greatest plausible speed of what moves like an aeroplane (default 400 m/s).
    pub speed_fast_max_mps: f64,
    /// One sigma per horizontal axis of the unknown velocity of a new track (default 20 m/s).
    pub speed_start_sd_mps: f64,
    /// One sigma of the unknown vertical speed of a new track (default 5 m/s).
    pub vertical_speed_start_sd_mps: f64,
    /// Height above the sensor below which aircraft of unknown height are expected (default 150 m): widens the ground
    /// range of a slant range without elevation.
    pub height_above_sensor_m: f64,
    /// Clutter of a sensor of which nothing is learned yet (default 0.05 plots per km² and look).
    pub clutter_per_km2: f64,
    /// Height of the layer clutter is spread over (default 1,000 m).
    pub clutter_layer_m: f64,
    /// Detection probability of a measuring sensor whose coverage does not say (default 0.5).
    pub detection_probability: f64,
    /// Probability that a plot near no track is an aircraft (default 0.001). Low: about three plots of four looks
    /// confirm in light clutter, four in heavy.
    pub existence_start_plot: f64,
    /// Probability that a claim with a position has an aircraft behind it (default 0.995): it confirms at once, as a
    /// track that is `claimed_only`.
    pub existence_start_claim: f64,
    /// Existence from which a track is confirmed (default 0.99).
    pub existence_confirm: f64,
    /// Existence below which a confirmed track is refuted (default 0.02).
    pub existence_end: f64,
    /// Existence below which a tentative track is refuted (default 0.00005).
    pub existence_end_tentative: f64,
    /// Time in which existence falls to 1/e unless something supports it (default 60 s).
    pub existence_decay: Span,
    /// Intervals of its quickest sensor without update after which a confirmed track coasts, and a tentative one ends
    /// (default 3).
    pub coast_after_intervals: f64,
    /// Least and greatest interval taken for that (default 1 s and 12 s).
    pub interval_min: Span,
    /// See `interval_min`.
    pub interval_max: Span,
    /// Time without update after which a track that claims support ends (default 30 s).
    pub end_claimed_after: Span,
    /// The same for a track only measured (default 15 s; at least four intervals of its sensor).
    pub end_measured_after: Span,
    /// One sigma of the horizontal position above which a track means nothing any more (default 500 m).
    pub horizontal_sd_max_m: f64,
    /// How much older than a track's last update an observation may be (default 5 s).
    pub lag_max: Span,
    /// How far ahead of the clock an observation may be (default 2 s).
    pub lead_max: Span,
    /// Time over which the errors of satellite positions hang together (default 1 s): claims that come quicker share
    /// their information.
    pub claim_correlation: Span,
    /// Consecutive consistent seconds after which an unnamed duplicate is joined (default 5).
    pub join_after: u8,
    /// Track ids begin after this number (default 0): a run that goes on after another must not give its ids again.
    pub first_track_id: u64,
    /// Live tracks (default `limits::TRACKS_MAX`).
    pub tracks_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            motion_slow: Motion { horizontal_psd_m2ps3: 4.0, vertical_psd_m2ps3: 1.0 },
            motion_fast: Motion { horizontal_psd_m2ps3: 10.0, vertical_psd_m2ps3: 4.0 },
            speed_fast_mps: 60.0,
            speed_slow_max_mps: 150.0,
            speed_fast_max_mps: 400.0,
            speed_start_sd_mps: 20.0,
            vertical_speed_start_sd_mps: 5.0,
            height_above_sensor_m: 150.0,
            clutter_per_km2: 0.05,
            clutter_layer_m: 1_000.0,
            detection_probability: 0.5,
            existence_start_plot: 1e-3,
            existence_start_claim: 0.995,
            existence_confirm: 0.99,
            existence_end: 0.02,
            existence_end_tentative: 5e-5,
            existence_decay: Span::from_seconds(60),
            coast_after_intervals: 3.0,
            interval_min: Span::from_seconds(1),
            interval_max: Span::from_seconds(12),
            end_claimed_after: Span::from_seconds(30),
            end_measured_after: Span::from_seconds(15),
            horizontal_sd_max_m: 500.0,
            lag_max: Span::from_seconds(5),
            lead_max: Span::from_seconds(2),
            claim_correlation: Span::from_seconds(1),
            join_after: 5,
            first_track_id: 0,
            tracks_max: limits::TRACKS_MAX,
        }
    }
}
