//! What a scenario tells its trackers of motion and birth.

use serde::Deserialize;

/// Everything is optional: what is absent has to be learned or assumed.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
// Which of them are used is decided in `tracker_config`; the others are kept for it.
#[allow(dead_code)]
pub(super) struct Hints {
    /// How objects move.
    pub(super) motion: Option<Motion>,
    /// Probability to live on from one tick to the next.
    pub(super) p_survival: Option<f64>,
    /// Probability to live on for a second.
    pub(super) p_survival_per_s: Option<f64>,
    /// Greatest speed, metres per second.
    pub(super) max_speed: Option<f64>,
    /// Greatest acceleration, metres per second squared.
    pub(super) max_accel: Option<f64>,
    /// Classes that occur: `drone`, `bird`, `aircraft`.
    pub(super) classes: Vec<String>,
    /// Births a second.
    pub(super) birth_per_s: Option<f64>,
    /// One Gaussian of births.
    pub(super) birth: Option<Birth>,
    /// Places of birth, east and north of the origin, metres.
    pub(super) birth_sites: Vec<Vec<f64>>,
    /// Places of birth on a grid: each of these east with each of these north, metres.
    pub(super) birth_sites_grid: Vec<f64>,
    /// Probability of a birth at each site and tick.
    pub(super) birth_prob: Option<f64>,
    /// One sigma around each site: x, vx, y, vy, metres and metres per second.
    pub(super) birth_sd: Vec<f64>,
}

/// How objects move.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Motion {
    /// `cv_white_accel` (continuous white acceleration of density `q`) or `cv_discrete_accel` (an acceleration of one
    /// sigma `sigma_v`, constant from tick to tick).
    pub(super) model: String,
    /// Power spectral density of the acceleration, m²/s³.
    pub(super) q: Option<f64>,
    /// One sigma of the acceleration, m/s².
    pub(super) sigma_v: Option<f64>,
}

/// One Gaussian of births.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
#[allow(dead_code)]
pub(super) struct Birth {
    /// Births a tick.
    pub(super) rate_per_step: Option<f64>,
    /// Mean of the state, in the order `order`.
    pub(super) mean: Vec<f64>,
    /// One sigma of the state, in the order `order`.
    pub(super) sd: Vec<f64>,
    /// Order of the state, `x,vx,y,vy`.
    pub(super) order: Option<String>,
    /// Objects expected at the first tick.
    pub(super) initial_rate: Option<f64>,
    /// One sigma of each component of the velocity, metres per second.
    pub(super) velocity_sd: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_hint_is_read() {
        let text = r#"{"motion":{"model":"cv_discrete_accel","sigma_v":5.0},"p_survival":0.99,"p_survival_per_s":0.999,
            "max_speed":70.0,"max_accel":8.0,"classes":["drone"],"birth_per_s":0.05,
            "birth":{"rate_per_step":0.005,"mean":[100,0,100,0],"sd":[150,1,150,1],"order":"x,vx,y,vy","initial_rate":3,
            "velocity_sd":10.0},"birth_sites":[[0.1,0.1],[400,-600]],"birth_sites_grid":[-75,-25,25,75],"birth_prob":0.03,
            "birth_sd":[10,10,10,10],"a_new_one":1}"#;
        let hints: Hints = serde_json::from_str(text).unwrap();
        assert_eq!(hints.motion.unwrap().sigma_v, Some(5.0));
        assert_eq!(hints.birth.as_ref().unwrap().mean, [100.0, 0.0, 100.0, 0.0]);
        assert_eq!(hints.birth.unwrap().velocity_sd, Some(10.0));
        assert_eq!((hints.birth_sites.len(), hints.birth_sites_grid.len()), (2, 4));
        assert_eq!((hints.birth_per_s, hints.birth_prob), (Some(0.05), Some(0.03)));
        assert_eq!(serde_json::from_str::<Hints>("{}").unwrap(), Hints::default());
    }
}
