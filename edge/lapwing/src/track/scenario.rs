//! The scenario, as far as a tracker may know it.

use super::hints::Hints;
use anyhow::{Context, bail};
use lapwing_model::{Geodetic, LocalFrame, Place, Span, Time};
use serde::Deserialize;
use std::path::Path;

/// The format this command speaks.
const FORMAT: &str = "lapwing-bench/1";
/// 2025-01-01T00:00:00Z: second 0 of every scenario.
const EPOCH: Time = Time::from_seconds(1_735_689_600);
/// A time farther from the epoch than this is no scenario's (three years, in seconds).
const TIME_MAX_S: f64 = 1e8;

/// The keys that are read. Whatever else stands in the file is passed over unread: truth, score, seed.
#[derive(Deserialize)]
struct File {
    format: String,
    name: String,
    origin: Origin,
    dims: u8,
    #[serde(default)]
    t_start: f64,
    tick_s: f64,
    #[serde(default)]
    hints: Hints,
}

#[derive(Deserialize)]
struct Origin {
    lat_deg: f64,
    lon_deg: f64,
    alt_m: f64,
}

/// A scenario.
pub(super) struct Scenario {
    /// Its name; the first letter is its family.
    pub(super) name: String,
    /// The tangent plane its numbers are in.
    pub(super) frame: LocalFrame,
    /// Whether it lies in a plane: without height.
    pub(super) flat: bool,
    /// When it begins.
    pub(super) start: Time,
    /// Time from tick to tick, seconds.
    pub(super) tick_s: f64,
    /// What a tracker may know of motion and birth.
    pub(super) hints: Hints,
}

/// Reads a scenario file.
pub(super) fn read(path: &Path) -> anyhow::Result<Scenario> {
    let shown = path.display();
    let text = std::fs::read(path).with_context(|| shown.to_string())?;
    let file: File = serde_json::from_slice(&text).with_context(|| shown.to_string())?;
    if file.format != FORMAT {
        bail!("{shown}: `format` is `{}`, expected `{FORMAT}`", file.format);
    }
    if !matches!(file.dims, 2 | 3) {
        bail!("{shown}: `dims` is {}, expected 2 or 3", file.dims);
    }
    if !(file.tick_s > 0.0 && file.tick_s.is_finite()) {
        bail!("{shown}: `tick_s` is {}, expected more than 0 seconds", file.tick_s);
    }
    let Some(place) = Place::new(file.origin.lat_deg, file.origin.lon_deg) else {
        bail!("{shown}: `origin` is no place on earth");
    };
    if !(-1e4..=1e5).contains(&file.origin.alt_m) {
        bail!("{shown}: `origin.alt_m` is {}, expected -10000 to 100000 metres", file.origin.alt_m);
    }
    let origin: Geodetic = place.at_height(file.origin.alt_m);
    Ok(Scenario {
        name: file.name,
        frame: LocalFrame::new(origin),
        flat: file.dims == 2,
        start: time(file.t_start).with_context(|| format!("{shown}: `t_start` is {}", file.t_start))?,
        tick_s: file.tick_s,
        hints: file.hints,
    })
}

/// A time of the scenario, to the nearest microsecond; `None` when it is none.
pub(super) fn time(seconds: f64) -> Option<Time> {
    // The comparison is false for what is not a number.
    (seconds.abs() <= TIME_MAX_S).then(|| EPOCH + Span::from_nanos((seconds * 1e6).round() as i64 * 1000))
}

/// Seconds of the scenario.
pub(super) fn seconds(time: Time) -> f64 {
    time.since(EPOCH).as_seconds_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_whole_microseconds_and_come_back() {
        assert_eq!(EPOCH.to_string(), "2025-01-01T00:00:00Z");
        for t in [0.0, 0.000_001, 0.123_456, 17.0, 299.999_999] {
            let there = time(t).unwrap();
            assert_eq!(there.as_nanos() % 1000, 0);
            assert_eq!(seconds(there), t);
        }
        assert_eq!(time(0.123_456_7), time(0.123_457));
        assert_eq!(time(f64::NAN), None);
        assert_eq!(time(1e300), None);
    }

    #[test]
    fn what_a_tracker_may_not_know_is_not_even_looked_at() {
        let text = r#"{"format":"lapwing-bench/1","name":"a_x","seed":"never","score":7,"n_objects":{"no":1},"dims":2,
            "origin":{"lat_deg":52.0,"lon_deg":5.0,"alt_m":0.0},"tick_s":1.0,"hints":{"motion":{"model":"cv","q":0.02}}}"#;
        let file: File = serde_json::from_str(text).unwrap();
        assert_eq!(file.hints.motion.unwrap().q, Some(0.02));
    }
}
