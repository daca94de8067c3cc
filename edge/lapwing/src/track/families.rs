//! One set of the tracker's settings a family of scenarios: the same for all seeds and runs, and written down here.

use crate::config::Problems;
use lapwing_model::{BiasModel, Span};
use lapwing_track::{Config, Models, Motion};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::path::Path;
use toml::Spanned;
use toml::de::DeTable;

/// The families by the first letter of a scenario's name.
const FAMILIES: &[(char, &str)] = &[
    ('a', include_str!("families/a.toml")),
    ('b', include_str!("families/b.toml")),
    ('c', include_str!("families/c.toml")),
    ('d', include_str!("families/d.toml")),
    ('e', include_str!("families/e.toml")),
    ('m', include_str!("families/m.toml")),
    ('t', include_str!("families/t.toml")),
    ('v', include_str!("families/v.toml")),
];

/// Settings that differ from the tracker's defaults. Each is named as the field of its configuration, times in seconds.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tuning {
    /// One sigma per horizontal axis of the unknown velocity of a new track, metres per second.
    pub(super) speed_start_sd_mps: Option<Spanned<f64>>,
    /// Part of new aircraft that may be fast.
    pub(super) birth_fast_part: Option<Spanned<f64>>,
    /// One sigma of the unknown vertical velocity of a new track, metres per second.
    pub(super) vertical_speed_start_sd_mps: Option<Spanned<f64>>,
    /// Detection probability of a sensor that does not say.
    pub(super) detection_probability: Option<Spanned<f64>>,
    /// Clutter of a sensor that does not say, plots per km² and look.
    pub(super) clutter_per_km2: Option<Spanned<f64>>,
    /// Height of the layer births and false plots are spread over, metres.
    pub(super) clutter_layer_m: Option<Spanned<f64>>,
    /// Aircraft expected to appear per km² and second.
    pub(super) birth_per_km2_s: Option<Spanned<f64>>,
    /// Aircraft expected per km² at the first look.
    pub(super) birth_first_per_km2: Option<Spanned<f64>>,
    /// Existence below which a candidate is forgotten.
    pub(super) candidate_min: Option<Spanned<f64>>,
    /// Part of the existence it began with below which a candidate is forgotten.
    pub(super) candidate_part: Option<Spanned<f64>>,
    /// Part of existence kept per second.
    pub(super) survival_per_s: Option<Spanned<f64>>,
    /// Existence from which a candidate becomes a track.
    pub(super) existence_begin: Option<Spanned<f64>>,
    /// Existence from which a track is confirmed.
    pub(super) existence_confirm: Option<Spanned<f64>>,
    /// Existence below which a confirmed track is tentative again.
    pub(super) existence_doubt: Option<Spanned<f64>>,
    /// Existence below which a track is refuted.
    pub(super) existence_end: Option<Spanned<f64>>,
    /// Weight relative to the best below which a hypothesis is dropped.
    pub(super) hypothesis_min: Option<Spanned<f64>>,
    /// Probability of being wrong up to which a track takes its likeliest plot.
    pub(super) ambiguity_min: Option<Spanned<f64>>,
    /// Time without update after which a track only measured ends, seconds.
    pub(super) end_measured_after_s: Option<Spanned<f64>>,
    /// Intervals without update after which a confirmed track coasts.
    pub(super) coast_after_intervals: Option<Spanned<f64>>,
    /// How much older than the clock a report may be, seconds.
    pub(super) lag_max_s: Option<Spanned<f64>>,
    /// One sigma of the slowly changing part of a claimed position's error, metres: horizontal.
    pub(super) claim_bias_horizontal_m: Option<Spanned<f64>>,
    /// The same, vertical.
    pub(super) claim_bias_vertical_m: Option<Spanned<f64>>,
    /// Plots a track needs at least before it is confirmed.
    pub(super) confirm_plots: Option<Spanned<f64>>,
    /// Global hypotheses kept per cluster.
    pub(super) hypotheses_max: Option<Spanned<f64>>,
    /// Tracks of a cluster up to which several hypotheses are kept.
    pub(super) cluster_tracks_max: Option<Spanned<f64>>,
    /// Consistent seconds after which an unnamed duplicate is joined.
    pub(super) join_after: Option<Spanned<f64>>,
    /// Whether bearings alone begin tracks.
    pub(super) triangulate: Option<bool>,
    /// Whether sensor biases are estimated.
    pub(super) align: Option<bool>,
    /// One sigma of the systematic errors expected of sensors: range (m), azimuth, elevation (degrees), clock (s).
    pub(super) bias_sd: Option<[f64; 4]>,
    /// Motion models, one to three: horizontal and vertical density of the acceleration (m²/s³), memory of the velocity
    /// (seconds; 0 for ever), probability at the start, rate of leaving (per second).
    pub(super) models: Option<Vec<[f64; 5]>>,
}

impl Tuning {
    /// The systematic errors expected of sensors.
    pub(super) fn biases(&self) -> Option<BiasModel> {
        self.bias_sd.map(|[range, azimuth, elevation, clock]| BiasModel {
            range_m: Some(range),
            azimuth_deg: Some(azimuth),
            elevation_deg: Some(elevation),
            clock_s: Some(clock),
        })
    }

    /// Sets what is said.
    pub(super) fn apply(&self, config: &mut Config) {
        let set = |field: &mut f64, value: &Option<Spanned<f64>>| {
            if let Some(value) = value {
                *field = *value.get_ref();
            }
        };
        set(&mut config.speed_start_sd_mps, &self.speed_start_sd_mps);
        set(&mut config.birth_fast_part, &self.birth_fast_part);
        set(&mut config.vertical_speed_start_sd_mps, &self.vertical_speed_start_sd_mps);
        set(&mut config.detection_probability, &self.detection_probability);
        set(&mut config.clutter_per_km2, &self.clutter_per_km2);
        set(&mut config.clutter_layer_m, &self.clutter_layer_m);
        set(&mut config.birth_per_km2_s, &self.birth_per_km2_s);
        set(&mut config.birth_first_per_km2, &self.birth_first_per_km2);
        set(&mut config.candidate_min, &self.candidate_min);
        set(&mut config.candidate_part, &self.candidate_part);
        set(&mut config.survival_per_s, &self.survival_per_s);
        set(&mut config.existence_begin, &self.existence_begin);
        set(&mut config.existence_confirm, &self.existence_confirm);
        set(&mut config.existence_doubt, &self.existence_doubt);
        set(&mut config.existence_end, &self.existence_end);
        set(&mut config.hypothesis_min, &self.hypothesis_min);
        set(&mut config.ambiguity_min, &self.ambiguity_min);
        set(&mut config.coast_after_intervals, &self.coast_after_intervals);
        set(&mut config.claim_bias_m.0, &self.claim_bias_horizontal_m);
        set(&mut config.claim_bias_m.1, &self.claim_bias_vertical_m);
        let whole = |value: &Option<Spanned<f64>>| value.as_ref().map(|v| *v.get_ref() as u32);
        if let Some(seconds) = &self.end_measured_after_s {
            config.end_measured_after = Span::from_seconds_f64(*seconds.get_ref());
        }
        if let Some(seconds) = &self.lag_max_s {
            config.lag_max = Span::from_seconds_f64(*seconds.get_ref());
        }
        config.confirm_plots = whole(&self.confirm_plots).unwrap_or(config.confirm_plots);
        config.hypotheses_max = whole(&self.hypotheses_max).map_or(config.hypotheses_max, |n| n as usize);
        config.cluster_tracks_max = whole(&self.cluster_tracks_max).map_or(config.cluster_tracks_max, |n| n as usize);
        config.join_after = whole(&self.join_after).map_or(config.join_after, |n| n.min(255) as u8);
        config.triangulate = self.triangulate.unwrap_or(config.triangulate);
        config.align = self.align.unwrap_or(config.align);
        if let Some(models) = &self.models {
            let memory = |s: f64| if s > 0.0 { s } else { f64::INFINITY };
            config.models = Models {
                motions: models
                    .iter()
                    .map(|m| Motion {
                        horizontal_psd_m2ps3: m[0],
                        vertical_psd_m2ps3: m[1],
                        velocity_memory_s: memory(m[2]),
                    })
                    .collect(),
                start: models.iter().map(|m| m[3]).collect(),
                leave_per_s: models.iter().map(|m| m[4]).collect(),
            };
        }
    }
}

/// The settings in `file`, or else those of the family that `scenario` belongs to.
pub(super) fn tuning(scenario: &str, file: Option<&Path>) -> Result<Tuning, Problems> {
    let Some(path) = file else {
        let letter = scenario.chars().next().unwrap_or_default();
        let Some((_, text)) = FAMILIES.iter().find(|(l, _)| *l == letter) else { return Ok(Tuning::default()) };
        return parse(&format!("families/{letter}.toml"), text);
    };
    let shown = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => parse(&shown, &text),
        Err(e) => {
            let mut problems = Problems::new(&shown, "");
            problems.push(0..0, format!("cannot read {shown}: {e}"), "", None);
            Err(problems)
        }
    }
}

fn parse(path: &str, text: &str) -> Result<Tuning, Problems> {
    let mut problems = Problems::new(path, text);
    let Some(tuning) = read::<Tuning>(text, &mut problems) else { return Err(problems) };
    let probability = (1.0, "more than 0 and at most 1");
    let positive = (f64::MAX, "more than 0");
    for (key, value, (most, expected)) in [
        ("speed_start_sd_mps", &tuning.speed_start_sd_mps, positive),
        ("vertical_speed_start_sd_mps", &tuning.vertical_speed_start_sd_mps, positive),
        ("detection_probability", &tuning.detection_probability, probability),
        ("clutter_per_km2", &tuning.clutter_per_km2, positive),
        ("clutter_layer_m", &tuning.clutter_layer_m, positive),
        ("birth_per_km2_s", &tuning.birth_per_km2_s, positive),
        ("birth_first_per_km2", &tuning.birth_first_per_km2, positive),
        ("candidate_min", &tuning.candidate_min, probability),
        ("candidate_part", &tuning.candidate_part, probability),
        ("survival_per_s", &tuning.survival_per_s, probability),
        ("existence_begin", &tuning.existence_begin, probability),
        ("existence_confirm", &tuning.existence_confirm, probability),
        ("existence_doubt", &tuning.existence_doubt, probability),
        ("existence_end", &tuning.existence_end, probability),
        ("hypothesis_min", &tuning.hypothesis_min, probability),
        ("ambiguity_min", &tuning.ambiguity_min, probability),
        ("coast_after_intervals", &tuning.coast_after_intervals, positive),
        ("claim_bias_horizontal_m", &tuning.claim_bias_horizontal_m, positive),
        ("claim_bias_vertical_m", &tuning.claim_bias_vertical_m, positive),
        ("confirm_plots", &tuning.confirm_plots, positive),
        ("hypotheses_max", &tuning.hypotheses_max, positive),
        ("cluster_tracks_max", &tuning.cluster_tracks_max, positive),
        ("join_after", &tuning.join_after, positive),
        ("end_measured_after_s", &tuning.end_measured_after_s, (86_400.0, "more than 0 and at most 86400 seconds")),
        ("lag_max_s", &tuning.lag_max_s, (60.0, "more than 0 and at most 60 seconds")),
    ] {
        let Some(value) = value else { continue };
        let number = *value.get_ref();
        if !(number > 0.0 && number <= most) {
            problems.push(value.span(), format!("`{key}`: {number}"), format!("expected {expected}"), None);
        }
    }
    if let Some(part) = tuning.birth_fast_part.as_ref().filter(|part| !(0.0..=1.0).contains(part.get_ref())) {
        problems.push(
            part.span(),
            format!("`birth_fast_part`: {}", part.get_ref()),
            "expected 0 to 1".to_owned(),
            None,
        );
    }
    if problems.is_empty() { Ok(tuning) } else { Err(problems) }
}

fn read<T: DeserializeOwned>(text: &str, problems: &mut Problems) -> Option<T> {
    let (document, syntax) = DeTable::parse_recoverable(text);
    for error in &syntax {
        problems.push_toml(&DeTable::default(), 0..0, error);
    }
    if !syntax.is_empty() {
        return None;
    }
    match toml::from_str(text) {
        Ok(table) => Some(table),
        Err(error) => {
            problems.push_toml(document.get_ref(), 0..0, &error);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_can_be_used() {
        for (letter, text) in FAMILIES {
            if let Err(problems) = parse(&format!("families/{letter}.toml"), text) {
                panic!("{}", problems.render(false));
            }
        }
        assert!(tuning("zebra", None).is_ok(), "a family of its own has the defaults");
    }

    #[test]
    fn what_is_wrong_has_its_file_line_and_key() {
        let said = parse("mine.toml", "# mine\nexistence_confrm = 0.9\n").unwrap_err().render(false);
        assert!(said.contains("--> mine.toml:2:1") && said.contains("`existence_confrm`"), "{said}");
        assert!(said.contains("did you mean `existence_confirm`?"), "{said}");
        let said = parse("mine.toml", "\n\nexistence_confirm = 1.5\n").unwrap_err().render(false);
        assert!(said.contains("--> mine.toml:3:21") && said.contains("`existence_confirm`: 1.5"), "{said}");
        let said = parse("mine.toml", "speed_start_sd_mps = \"x\"\n").unwrap_err().render(false);
        assert!(said.contains("--> mine.toml:1:22") && said.contains("`speed_start_sd_mps`"), "{said}");
        assert!(parse("mine.toml", "= 1").is_err());
    }
}
