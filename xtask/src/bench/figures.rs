//! Figures: what the scorer, Lapwing and the comparison say of one case and seed, under one name each.

use super::cases::Case;
use super::rival::Comparison;
use super::track::Track;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Sensors whose biases are told one by one at most.
const SENSORS_TOLD: usize = 20;

/// What came of one case and seed.
pub(crate) struct Outcome {
    /// The case.
    pub(crate) case: Case,
    /// The seed.
    pub(crate) seed: u64,
    /// Figures by name, see [`ROWS`]; infinite is "never". One that was not measured is absent.
    pub(crate) figures: BTreeMap<&'static str, f64>,
    /// Figures that take words.
    pub(crate) words: BTreeMap<&'static str, String>,
    /// The comparison with the rival.
    pub(crate) comparison: Option<Comparison>,
    /// Everything as it came.
    raw: Value,
}

/// How a figure is written.
#[derive(Clone, Copy)]
pub(crate) enum Form {
    /// With so many decimals.
    Decimals(usize),
    /// Whole, with separators.
    Whole,
    /// Words.
    Words,
}

/// A row of a case's table.
pub(crate) struct Row {
    /// The figure.
    pub(crate) figure: &'static str,
    /// Its name and unit.
    pub(crate) label: &'static str,
    /// How it is written.
    pub(crate) form: Form,
    /// Where the scorer has it; empty for what comes from elsewhere.
    pointer: &'static str,
}

const fn row(figure: &'static str, label: &'static str, form: Form, pointer: &'static str) -> Row {
    Row { figure, label, form, pointer }
}

/// All figures, in the page's order.
pub(crate) const ROWS: &[Row] = &[
    row("gospa", "GOSPA rms, m", Form::Decimals(2), "/gospa_rms"),
    row("gospa_loc", "– of localisation", Form::Decimals(2), "/gospa_loc_rms"),
    row("gospa_missed", "– of missed objects", Form::Decimals(2), "/gospa_missed_rms"),
    row("gospa_false", "– of false tracks", Form::Decimals(2), "/gospa_false_rms"),
    row("gospa_settled", "GOSPA rms from t = 10 s on, m", Form::Decimals(2), "/gospa_settled_rms"),
    row("tgospa", "T-GOSPA rms, m", Form::Decimals(2), "/tgospa_rms"),
    row("tgospa_loc", "– of localisation", Form::Decimals(2), "/tgospa_loc_rms"),
    row("tgospa_missed", "– of missed objects", Form::Decimals(2), "/tgospa_missed_rms"),
    row("tgospa_false", "– of false tracks", Form::Decimals(2), "/tgospa_false_rms"),
    row("tgospa_switch", "– of switches", Form::Decimals(2), "/tgospa_switch_rms"),
    row("ospa2", "OSPA(2), m", Form::Decimals(2), "/ospa2_mean"),
    row("idsw", "identity switches", Form::Whole, "/idsw"),
    row("frag", "fragmentations", Form::Whole, "/frag"),
    row("init_median", "initiation delay, median, s", Form::Decimals(1), "/init_delay/median"),
    row("init_p90", "initiation delay, 90 % within, s", Form::Decimals(1), "/init_delay/p90"),
    row("never", "objects never tracked", Form::Whole, "/init_delay/never"),
    row("nees_in95", "NEES within its 95 % bound (ideal 0.95)", Form::Decimals(3), "/nees_in95"),
    row("anees", "ANEES a dimension (ideal 1)", Form::Decimals(2), "/anees_per_dim"),
    row("class", "class accuracy", Form::Decimals(3), "/class_accuracy"),
    row("rid_delay", "slowest Remote ID alert, s", Form::Decimals(1), ""),
    row("rid_delays", "Remote ID alerts", Form::Words, ""),
    row("rid_false", "Remote IDs accused falsely", Form::Whole, "/rid_alerts/false_alerts"),
    row("silent_delays", "silent-sensor alerts", Form::Words, ""),
    row("bias_errors", "errors of estimated biases (m, °, °, m/s)", Form::Words, ""),
    row("detections", "detections", Form::Whole, ""),
    row("cpu_s", "CPU seconds", Form::Decimals(3), ""),
    row("rate", "detections a CPU second", Form::Whole, ""),
    row("growth", "cost of a detection, as a multiple of that at 100 targets", Form::Decimals(2), ""),
    row("memory", "peak memory, MiB", Form::Decimals(1), ""),
    row("ratio", "speed as a multiple of Stone Soup's", Form::Whole, ""),
];

impl Outcome {
    /// Takes the figures out of what was measured.
    pub(crate) fn new(case: &Case, seed: u64, score: Value, track: &Track, comparison: Option<Comparison>) -> Self {
        let mut figures: BTreeMap<_, _> = ROWS
            .iter()
            .filter(|r| !r.pointer.is_empty())
            .filter_map(|r| Some((r.figure, score.pointer(r.pointer)?.as_f64()?)))
            .collect();
        let mut words = BTreeMap::new();
        if let Some(alerts) = events(score.pointer("/rid_alerts/events"), "rid") {
            figures.insert("rid_delay", alerts.iter().map(|a| a.1).fold(0.0, f64::max));
            words.insert("rid_delays", sentence(&alerts));
        }
        if let Some(alerts) = events(score.get("silent_alerts"), "sensor") {
            words.insert("silent_delays", sentence(&alerts));
        }
        if let Some(errors) = score.get("bias_error").and_then(Value::as_object) {
            let sensor = |(name, v): (&String, &Value)| format!("{name} {}", v.to_string().replace(',', ", "));
            // A table is for reading: where there are a thousand sensors, the count says that they were estimated.
            let told = if errors.len() <= SENSORS_TOLD {
                errors.iter().map(sensor).collect::<Vec<_>>().join("; ")
            } else {
                format!("{} sensors", errors.len())
            };
            words.insert("bias_errors", told);
        }
        figures.extend([("detections", track.detections), ("cpu_s", track.cpu_s), ("rate", track.rate())]);
        figures.extend(track.peak_memory_mib.map(|m| ("memory", m)));
        figures.extend(comparison.as_ref().map(|c| ("ratio", c.ratio())));
        let raw = json!({
            "case": case.name, "seed": seed, "set": case.set, "runs": case.runs, "drones_only": case.drones_only,
            "trajectory_runs": case.trajectory_runs.min(case.runs), "score": score, "track": track.to_json(),
            "stonesoup": comparison.as_ref().map(Comparison::to_json),
        });
        Self { case: case.clone(), seed, figures, words, comparison, raw }
    }

    /// For the raw results: everything as it came, and the figures that were made of it.
    pub(crate) fn to_json(&self) -> Value {
        let mut all = self.raw.clone();
        all["figures"] = json!(self.figures);
        all
    }
}

/// Names and delays of alerts, infinite where there was none.
fn events(list: Option<&Value>, key: &str) -> Option<Vec<(String, f64)>> {
    let event = |e: &Value| {
        let name = e.get(key).and_then(Value::as_str)?.to_owned();
        Some((name, e.get("delay").and_then(Value::as_f64).unwrap_or(f64::INFINITY)))
    };
    list?.as_array()?.iter().map(event).collect()
}

fn sentence(alerts: &[(String, f64)]) -> String {
    let alert = |(name, delay): &(String, f64)| match delay.is_finite() {
        true => format!("{name} after {delay:.1} s"),
        false => format!("{name} never"),
    };
    alerts.iter().map(alert).collect::<Vec<_>>().join("; ")
}

/// Adds what one case says only beside another: the cost of a detection as the number of targets grows.
pub(crate) fn add_growth(outcomes: &mut [Outcome]) {
    let at_100: BTreeMap<u64, f64> = outcomes
        .iter()
        .filter(|o| o.case.name == "t-100")
        .filter_map(|o| Some((o.seed, *o.figures.get("rate")?)))
        .collect();
    for outcome in outcomes.iter_mut().filter(|o| o.case.family == "t") {
        if let (Some(base), Some(rate)) = (at_100.get(&outcome.seed), outcome.figures.get("rate")) {
            let growth = base / rate;
            outcome.figures.insert("growth", growth);
        }
    }
}

/// A figure as it is written.
pub(crate) fn write(value: f64, form: Form) -> String {
    match form {
        _ if value.is_infinite() => "never".to_owned(),
        Form::Decimals(decimals) => format!("{value:.decimals$}"),
        Form::Whole | Form::Words => {
            let digits = format!("{value:.0}");
            let grouped = digits.bytes().rev().enumerate().fold(String::new(), |mut text, (i, digit)| {
                if i > 0 && i % 3 == 0 && digit.is_ascii_digit() {
                    text.push(',');
                }
                text.push(char::from(digit));
                text
            });
            grouped.chars().rev().collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::cases;
    use super::*;

    fn outcome(name: &str, score: Value, cpu_s: f64) -> Outcome {
        let case = cases::all(false).into_iter().find(|c| c.name == name).unwrap();
        let track = Track { detections: 1000.0, cpu_s, ..Track::default() };
        Outcome::new(&case, 101, score, &track, None)
    }

    #[test]
    fn an_alert_that_never_came_is_infinitely_late() {
        let events = json!([{"rid": "A", "delay": 3.0}, {"rid": "B", "delay": null}]);
        let score = json!({"gospa_rms": 40.5, "rid_alerts": {"events": events, "false_alerts": 0}});
        let outcome = outcome("b", score, 1.0);
        assert_eq!(outcome.figures["rid_delay"], f64::INFINITY);
        assert_eq!(outcome.words["rid_delays"], "A after 3.0 s; B never");
        assert_eq!((outcome.figures["gospa"], outcome.figures["rid_false"]), (40.5, 0.0));
        assert!(!outcome.figures.contains_key("class"));
    }

    #[test]
    fn growth_is_against_a_hundred_targets_of_the_same_seed() {
        let mut outcomes = [outcome("t-100", json!({}), 1.0), outcome("t-10000", json!({}), 1.25)];
        add_growth(&mut outcomes);
        assert_eq!(outcomes[1].figures["growth"], 1.25);
    }

    #[test]
    fn figures_are_written_for_people() {
        assert_eq!(write(1_234_567.4, Form::Whole), "1,234,567");
        assert_eq!(write(-123.0, Form::Whole), "-123");
        assert_eq!(write(2.345, Form::Decimals(1)), "2.3");
        assert_eq!(write(f64::INFINITY, Form::Decimals(1)), "never");
    }
}
