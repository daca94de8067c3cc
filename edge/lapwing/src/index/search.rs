//! What is looked for, as SQL.

use lapwing_model::{Place, Severity};
use lapwing_server::history::{Circle, LIMIT_DEFAULT, LIMIT_MAX, Search};
use rusqlite::types::Value;
use serde::Serialize;

/// A closed word as it is written in JSON.
pub(crate) fn word<T: Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

const SEVERITIES: [Severity; 3] = [Severity::Notice, Severity::Warning, Severity::Critical];

/// A severity as a number that grows with it.
pub(crate) fn severity_rank(severity: Severity) -> i64 {
    match severity {
        Severity::Notice => 0,
        Severity::Warning => 1,
        Severity::Critical => 2,
    }
}

/// The severity of a number.
pub(crate) fn severity_of(rank: i64) -> Severity {
    usize::try_from(rank).ok().and_then(|r| SEVERITIES.get(r)).copied().unwrap_or(Severity::Critical)
}

/// How many are wanted.
pub(crate) fn limit(search: &Search) -> usize {
    if search.limit == 0 { LIMIT_DEFAULT } else { search.limit.min(LIMIT_MAX) }
}

/// Conditions that all have to hold, with their values.
#[derive(Debug, Default)]
pub(crate) struct Conditions {
    text: Vec<String>,
    values: Vec<Value>,
}

impl Conditions {
    /// Adds a condition; each `?` in it stands for one of `values`.
    pub(crate) fn and(&mut self, condition: &str, values: impl IntoIterator<Item = Value>) {
        self.text.push(format!("({condition})"));
        self.values.extend(values);
    }

    /// A query with the conditions in the place of `{where}`.
    pub(crate) fn query(&self, query: &str) -> String {
        let all = if self.text.is_empty() { "1".to_owned() } else { self.text.join(" AND ") };
        query.replace("{where}", &all)
    }

    /// The values in order.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Value> {
        self.values.iter()
    }

    /// The rows behind the last page.
    pub(crate) fn page(&mut self, column: &str, search: &Search) {
        if let Some(before) = search.before {
            self.and(&format!("{column} < ?"), [Value::from(i64::try_from(before).unwrap_or(i64::MAX))]);
        }
    }

    /// What was there at some time of the span: from a column of begins to a column of ends.
    pub(crate) fn span(&mut self, begin: &str, end: &str, search: &Search) {
        if let Some(to) = search.to {
            self.and(&format!("{begin} <= ?"), [Value::from(to.as_nanos())]);
        }
        if let Some(from) = search.from {
            self.and(&format!("coalesce({end}, {}) >= ?", i64::MAX), [Value::from(from.as_nanos())]);
        }
    }

    /// Tracks of an identity: of a status or of a name. `track` is the column with their ids.
    pub(crate) fn identity(&mut self, track: &str, search: &Search) {
        let Some(identity) = &search.identity else { return };
        let value = || Value::from(identity.clone());
        self.and(
            &format!(
                "{track} IN (SELECT track FROM name WHERE value = ?) OR {track} IN (SELECT id FROM track WHERE identity = ?)"
            ),
            [value(), value()],
        );
    }
}

/// A box in degrees: west, east, south, north.
pub(crate) type Box4 = [f64; 4];

/// Boxes that together hold a circle: one, or two across longitude 180.
pub(crate) fn boxes(circle: &Circle) -> Vec<Box4> {
    let Place { latitude_deg: lat, longitude_deg: lon } = circle.centre;
    // Metres a degree are least at the equator for latitudes and least at the far side of the circle for longitudes.
    let dlat = circle.radius_m / 110_500.0 + 1e-6;
    let (south, north) = ((lat - dlat).max(-90.0), (lat + dlat).min(90.0));
    let widest = south.abs().max(north.abs());
    let metres = 111_200.0 * widest.to_radians().cos();
    let dlon = if widest < 89.0 { circle.radius_m / metres + 1e-6 } else { 360.0 };
    let (west, east) = (lon - dlon, lon + dlon);
    if east - west >= 360.0 {
        vec![[-180.0, 180.0, south, north]]
    } else if west < -180.0 {
        vec![[west + 360.0, 180.0, south, north], [-180.0, east, south, north]]
    } else if east > 180.0 {
        vec![[west, 180.0, south, north], [-180.0, east - 360.0, south, north]]
    } else {
        vec![[west, east, south, north]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_hold_their_circle_everywhere() {
        for (lat, lon) in [(0.0, 0.0), (47.4, 8.5), (-70.0, 179.99), (10.0, -180.0), (88.0, 20.0), (90.0, 0.0)] {
            let circle = Circle { centre: Place { latitude_deg: lat, longitude_deg: lon }, radius_m: 5_000.0 };
            let boxes = boxes(&circle);
            let frame = lapwing_model::LocalFrame::new(circle.centre.at_height(0.0));
            for step in 0..36 {
                let azimuth = f64::from(step) * 10_f64.to_radians();
                let edge = frame.to_geodetic(lapwing_model::Enu::from_polar(4_999.0, azimuth, 0.0)).place();
                let (lat, lon) = (edge.latitude_deg, edge.longitude_deg);
                let held = boxes.iter().any(|[w, e, s, n]| (*w..=*e).contains(&lon) && (*s..=*n).contains(&lat));
                assert!(held, "{edge:?} of {circle:?} in {boxes:?}");
            }
        }
    }
}
