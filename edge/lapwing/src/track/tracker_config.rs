//! From what a scenario tells and what its family is set to, to the tracker's configuration.

use super::families::Tuning;
use super::hints::Hints;
use super::scenario::Scenario;
use super::sensors::Posts;
use lapwing_model::Enu;
use lapwing_track::{BirthSite, Config, Models, Motion};

/// A Gaussian of births wider than this is taken as even: it tells no place.
const SITE_SD_MAX_M: f64 = 40.0;

/// The tracker's configuration: its defaults, then the hints, then the tuning, each over the one before.
pub(super) fn tracker_config(scenario: &Scenario, posts: &Posts, tuning: &Tuning) -> Config {
    let hints = &scenario.hints;
    let mut config = Config::default();
    if let Some(psd) = hints.motion.as_ref().and_then(acceleration_psd) {
        config.models = Models::single(Motion::cruise(psd, psd));
    }
    if let Some(p) = hints.p_survival {
        config.survival_per_s = p.clamp(0.5, 1.0);
    }
    if let Some(p) = hints.p_survival_per_s {
        config.survival_per_s = p.clamp(0.5, 1.0);
    }
    births(&mut config, hints, scenario, posts);
    tuning.apply(&mut config);
    config
}

/// Where and how often aircraft appear. Hints count by tick or by second; a tick is taken as it is said.
fn births(config: &mut Config, hints: &Hints, scenario: &Scenario, posts: &Posts) {
    let tick = scenario.tick_s.max(1e-3);
    let area = posts.area_km2().max(1e-6);
    let at = |e: f64, n: f64| scenario.frame.to_geodetic(Enu::new(e, n, 0.0)).place();
    if let Some(birth) = &hints.birth {
        if let Some(rate) = birth.rate_per_step {
            config.birth_per_km2_s = rate / tick / area;
            // What is there before the first look: said, or what has gathered over a while.
            config.birth_first_per_km2 = birth.initial_rate.unwrap_or(30.0 * rate) / area;
        }
        let speed = birth.velocity_sd.or_else(|| birth.sd.get(1).copied());
        if let Some(speed) = speed {
            config.speed_start_sd_mps = speed;
            config.birth_fast_part = 0.0;
        }
    }
    let sites: Vec<(f64, f64)> = if hints.birth_sites_grid.is_empty() {
        hints.birth_sites.iter().filter_map(|s| Some((*s.first()?, *s.get(1)?))).collect()
    } else {
        let grid = &hints.birth_sites_grid;
        grid.iter().flat_map(|e| grid.iter().map(move |n| (*e, *n))).collect()
    };
    let (Some(p), Some(sd)) = (hints.birth_prob, hints.birth_sd.first().copied()) else { return };
    let speed = hints.birth_sd.get(2).copied().unwrap_or(config.speed_start_sd_mps);
    config.speed_start_sd_mps = speed;
    config.birth_fast_part = 0.0;
    if sd > SITE_SD_MAX_M {
        config.birth_per_km2_s = p * sites.len() as f64 / tick / area;
        config.birth_first_per_km2 = 30.0 * config.birth_per_km2_s * tick;
        return;
    }
    // Elsewhere too, but rarely: what was lost must be found again.
    config.birth_per_km2_s = 1e-3;
    config.birth_first_per_km2 = 1e-3;
    config.birth_sites = sites
        .into_iter()
        .map(|(e, n)| BirthSite {
            place: at(e, n),
            horizontal_sd_m: sd,
            velocity_mps: (0.0, 0.0),
            velocity_sd_mps: speed,
            rate_per_s: p / tick,
        })
        .collect();
}

/// The power spectral density of the hinted acceleration, m²/s³. An acceleration of one sigma `sigma_v` that is constant
/// for a step of 1 s adds sigma² m²/s² to the velocity in it, as a white one of density sigma² does.
fn acceleration_psd(motion: &super::hints::Motion) -> Option<f64> {
    let psd = match motion.model.as_str() {
        "cv_white_accel" => motion.q?,
        "cv_discrete_accel" => motion.sigma_v? * motion.sigma_v?,
        _ => return None,
    };
    (psd > 0.0 && psd.is_finite()).then_some(psd)
}
