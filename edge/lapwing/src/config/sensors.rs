//! `[[sensor]]`.

use super::Reader;
use super::tables::SensorTable;
use lapwing_model::height::geoid_undulation_m;
use lapwing_model::{Sensor, SensorId, Span, limits};
use std::collections::BTreeSet;
use std::ops::{Range, RangeInclusive};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

impl<'a> Reader<'a> {
    pub(super) fn sensors(&mut self) -> Vec<Sensor> {
        let mut sensors: Vec<Sensor> = Vec::new();
        let values = self.many("sensor");
        self.at_most(&values, limits::SENSORS_MAX, "sensor");
        for value in values {
            let span = value.span();
            let written = value.clone();
            let Some(table) = self.typed::<SensorTable>(value) else { continue };
            let Some(id) = self.id(&table.id, "sensor", SensorId::new) else { continue };
            if sensors.iter().any(|s| s.id == id) {
                self.problems.push(
                    table.id.span(),
                    format!("sensor `{id}` is there twice"),
                    "expected an id of its own",
                    None,
                );
                continue;
            }
            let interval_s = *table.interval_s.get_ref();
            if !(interval_s > 0.0 && interval_s <= 86_400.0) {
                self.problems.push(
                    table.interval_s.span(),
                    format!("`sensor.interval_s`: {interval_s}"),
                    "expected more than 0 and at most 86400 seconds",
                    None,
                );
                continue;
            }
            let place = self.place(&span, table.latitude_deg.as_ref(), table.longitude_deg.as_ref());
            let place = place.map(|p| {
                let from_msl = table.altitude_msl_m.map(|h| h + geoid_undulation_m(p));
                p.at_height(table.height_ellipsoid_m.or(from_msl).unwrap_or(0.0))
            });
            if place.is_some() && table.height_ellipsoid_m.is_none() && table.altitude_msl_m.is_none() {
                self.problems.push(
                    span,
                    format!("sensor `{id}` stands somewhere, but its height is not said"),
                    "expected `height_ellipsoid_m` or `altitude_msl_m`",
                    None,
                );
            }
            self.sensor_numbers(&written, &table);
            sensors.push(Sensor {
                coverage: table.coverage,
                error: table.error,
                rotating: table.rotating,
                latency: table.latency_s.map(Span::from_seconds_f64),
                clutter_per_look: table.clutter_per_look,
                resolution: table.resolution,
                signal_speed_mps: table.signal_speed_mps,
                bias_sd: table.bias_sd,
                rcs: table.rcs,
                ..Sensor::new(id, table.kind, place, Span::from_seconds_f64(interval_s))
            });
        }
        sensors
    }

    /// Numbers of a sensor that can be out of range, and those that mean something only beside another.
    fn sensor_numbers(&mut self, written: &Spanned<DeValue<'a>>, table: &SensorTable) {
        let (coverage, resolution, bias) = (&table.coverage, &table.resolution, &table.bias_sd);
        let numbers: [(&[&str], Option<f64>, Allowed, &str); 12] = [
            (&["latency_s"], table.latency_s, Allowed::from(0.0..=5.0), "0 to 5 seconds"),
            (
                &["coverage", "detection_probability"],
                coverage.detection_probability,
                Allowed::from(0.0..=1.0),
                "0 to 1",
            ),
            (&["coverage", "detection_taper_from"], coverage.detection_taper_from, Allowed::from(0.0..=1.0), "0 to 1"),
            (&["coverage", "area_km2"], coverage.area_km2, Allowed::above_0(1e9), "more than 0 square kilometres"),
            (&["clutter_per_look"], table.clutter_per_look, Allowed::from(0.0..=1e6), "0 to 1000000 plots"),
            (&["resolution", "range_m"], resolution.range_m, Allowed::above_0(1e6), "more than 0 metres"),
            (
                &["resolution", "azimuth_deg"],
                resolution.azimuth_deg,
                Allowed::above_0(180.0),
                "more than 0 and at most 180 degrees",
            ),
            (
                &["signal_speed_mps"],
                table.signal_speed_mps,
                Allowed::from(100.0..=299_792_458.0),
                "100 to 299792458 metres per second",
            ),
            (&["bias_sd", "range_m"], bias.range_m, Allowed::from(0.0..=1e5), "0 to 100000 metres"),
            (&["bias_sd", "azimuth_deg"], bias.azimuth_deg, Allowed::from(0.0..=180.0), "0 to 180 degrees"),
            (&["bias_sd", "elevation_deg"], bias.elevation_deg, Allowed::from(0.0..=90.0), "0 to 90 degrees"),
            (&["bias_sd", "clock_s"], bias.clock_s, Allowed::from(0.0..=3600.0), "0 to 3600 seconds"),
        ];
        for (path, value, allowed, expected) in numbers {
            let Some(value) = value.filter(|v| !allowed.holds(*v)) else { continue };
            let title = format!("`sensor.{}`: {value}", path.join("."));
            self.problems.push(span_of(written, path), title, format!("expected {expected}"), None);
        }
        if coverage.detection_taper_from.is_some() && coverage.range_max_m.is_none() {
            self.problems.push(
                span_of(written, &["coverage", "detection_taper_from"]),
                "`sensor.coverage.detection_taper_from` is a fraction of a range that is not said",
                "expected `range_max_m` beside it",
                None,
            );
        }
        if resolution.range_m.is_some() && resolution.azimuth_deg.is_none() {
            self.problems.push(
                span_of(written, &["resolution", "range_m"]),
                "`sensor.resolution.range_m` stands alone",
                "expected `azimuth_deg` beside it",
                None,
            );
        }
        self.cross_sections(written, table);
    }

    fn cross_sections(&mut self, written: &Spanned<DeValue<'a>>, table: &SensorTable) {
        let mut seen = BTreeSet::new();
        for (i, model) in table.rcs.iter().enumerate() {
            let mut say = |key: &str, title: String, expected: &str| {
                self.problems.push(span_in(written, i, key), title, format!("expected {expected}"), None);
            };
            if !seen.insert(model.class) {
                say("class", "`sensor.rcs.class` is there twice".to_owned(), "each class once at most");
            }
            if !(-100.0..=100.0).contains(&model.mean_dbsm) {
                say("mean_dbsm", format!("`sensor.rcs.mean_dbsm`: {}", model.mean_dbsm), "-100 to 100 dBsm");
            }
            if !Allowed::above_0(100.0).holds(model.sd_db) {
                say("sd_db", format!("`sensor.rcs.sd_db`: {}", model.sd_db), "more than 0 and at most 100 dB");
            }
        }
    }
}

/// The numbers a key may have. What is not a number is never among them.
#[derive(Debug, Clone)]
struct Allowed {
    range: RangeInclusive<f64>,
    zero: bool,
}

impl Allowed {
    /// More than 0 and at most `most`.
    fn above_0(most: f64) -> Self {
        Self { range: 0.0..=most, zero: false }
    }

    fn holds(&self, value: f64) -> bool {
        self.range.contains(&value) && (self.zero || value != 0.0)
    }
}

impl From<RangeInclusive<f64>> for Allowed {
    fn from(range: RangeInclusive<f64>) -> Self {
        Self { range, zero: true }
    }
}

/// Where the value under a path of keys is written; the deepest table that is there, where it is not.
fn span_of(value: &Spanned<DeValue<'_>>, path: &[&str]) -> Range<usize> {
    let Some((key, rest)) = path.split_first() else { return value.span() };
    child(value, key).map_or_else(|| value.span(), |inner| span_of(inner, rest))
}

/// The same for a key of the `i`th cross-section.
fn span_in(value: &Spanned<DeValue<'_>>, i: usize, key: &str) -> Range<usize> {
    let list = child(value, "rcs").map(Spanned::get_ref);
    let model = match list {
        Some(DeValue::Array(array)) => array.get(i),
        _ => None,
    };
    model.map_or_else(|| value.span(), |model| span_of(model, &[key]))
}

fn child<'v, 'a>(value: &'v Spanned<DeValue<'a>>, key: &str) -> Option<&'v Spanned<DeValue<'a>>> {
    let DeValue::Table(table) = value.get_ref() else { return None };
    let table: &DeTable<'a> = table;
    table.get(key)
}
