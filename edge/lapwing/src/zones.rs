//! Zones from GeoJSON (RFC 7946), with height band and times in the properties.
//!
//! A polygon or multipolygon is a zone as it is; a point with `radius_m` is a circle. Properties, all optional:
//!
//! | property | meaning |
//! |---|---|
//! | `id` | id of the zone (else the feature's `id`, else `<file>-<number>`) |
//! | `name` | name for people |
//! | `kind` | `protected` (default), `watch` or `information` |
//! | `radius_m` | radius of a circle, metres |
//! | `floor`, `ceiling` | `{"value_m": 120, "datum": "above_ground"}`; datum one of `ellipsoid`, `mean_sea_level`, `above_takeoff`, `above_ground`, `pressure` |
//! | `times` | `[{"from": RFC 3339, "to": RFC 3339, "weekdays": [0..6, 0 = Monday], "day_from": "HH:MM", "day_to": "HH:MM"}]`, UTC |

use geojson::{Feature, GeoJson, GeometryValue, Position};
use lapwing_model::zone::ZoneTime;
use lapwing_model::{AirText, Place, Shape, Span, Time, Zone, ZoneHeight, ZoneId, ZoneKind, limits};
use serde::Deserialize;
use serde_json::Value;

/// Reads the zones of a GeoJSON document. `stem` names zones that have no id. Every error says which feature and
/// property; the sound features beside it are still reported sound, but a file with an error gives no zones: a zone
/// silently missing would be a hole in the fence.
pub(crate) fn from_geojson(stem: &str, text: &str) -> Result<Vec<Zone>, Vec<String>> {
    let document: GeoJson = text.parse().map_err(|e| vec![syntax_error(text, &e)])?;
    let features = match document {
        GeoJson::FeatureCollection(collection) => collection.features,
        GeoJson::Feature(feature) => vec![feature],
        GeoJson::Geometry(geometry) => vec![Feature { geometry: Some(geometry), ..Feature::default() }],
    };
    if features.len() > limits::ZONES_MAX {
        return Err(vec![format!("{} features; at most {} zones are taken", features.len(), limits::ZONES_MAX)]);
    }
    let (mut zones, mut errors) = (Vec::new(), Vec::new());
    for (i, feature) in features.iter().enumerate() {
        match zone(stem, i, feature) {
            Ok(zone) => zones.push(zone),
            Err(why) => errors.push(format!("features[{i}]{why}")),
        }
    }
    if errors.is_empty() { Ok(zones) } else { Err(errors) }
}

/// The GeoJSON library says what is wrong; where the text is not even JSON, line and column are found again.
fn syntax_error(text: &str, error: &geojson::errors::Error) -> String {
    match serde_json::from_str::<serde::de::IgnoredAny>(text) {
        Err(e) => format!("not JSON at line {}, column {}: {e}", e.line(), e.column()),
        Ok(_) => format!("not GeoJSON: {error}"),
    }
}

fn zone(stem: &str, index: usize, feature: &Feature) -> Result<Zone, String> {
    let none = serde_json::Map::new();
    let properties = feature.properties.as_ref().unwrap_or(&none);
    let id = match properties.get("id") {
        Some(Value::String(id)) => id.clone(),
        Some(Value::Number(n)) => n.to_string(),
        Some(other) => return Err(format!(".properties.id: expected a text, found {other}")),
        None => match &feature.id {
            Some(geojson::feature::Id::String(id)) => id.clone(),
            Some(geojson::feature::Id::Number(n)) => n.to_string(),
            None => format!("{stem}-{}", index + 1),
        },
    };
    let id = ZoneId::new(&id).map_err(|e| format!(".properties.id: `{}`: {e}", AirText::new(&id)))?;
    let name: Option<String> = property(properties, "name")?;
    let kind: Option<ZoneKind> = property(properties, "kind")?;
    let times: Option<Vec<TimeProperty>> = property(properties, "times")?;
    Ok(Zone {
        name: AirText::new(name.as_deref().unwrap_or(id.as_str())),
        id,
        kind: kind.unwrap_or(ZoneKind::Protected),
        shape: shape(feature, properties)?,
        floor: property::<HeightProperty>(properties, "floor")?.map(Into::into),
        ceiling: property::<HeightProperty>(properties, "ceiling")?.map(Into::into),
        times: times.unwrap_or_default().iter().enumerate().map(zone_time).collect::<Result<_, _>>()?,
    })
}

fn property<T: serde::de::DeserializeOwned>(
    properties: &serde_json::Map<String, Value>,
    key: &str,
) -> Result<Option<T>, String> {
    match properties.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => serde_json::from_value(value.clone()).map(Some).map_err(|e| format!(".properties.{key}: {e}")),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HeightProperty {
    value_m: f64,
    datum: lapwing_model::Datum,
}

impl From<HeightProperty> for ZoneHeight {
    fn from(h: HeightProperty) -> Self {
        Self { value_m: h.value_m, datum: h.datum }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TimeProperty {
    from: Option<Time>,
    to: Option<Time>,
    #[serde(default)]
    weekdays: Vec<u8>,
    day_from: Option<String>,
    day_to: Option<String>,
}

fn zone_time((index, t): (usize, &TimeProperty)) -> Result<ZoneTime, String> {
    if let Some(day) = t.weekdays.iter().find(|d| **d > 6) {
        return Err(format!(
            ".properties.times[{index}].weekdays: {day} is not a day; expected 0 (Monday) to 6 (Sunday)"
        ));
    }
    let clock = |text: &Option<String>, key: &str| -> Result<Option<Span>, String> {
        let Some(text) = text else { return Ok(None) };
        let parts = text.split_once(':').and_then(|(h, m)| Some((h.parse::<i64>().ok()?, m.parse::<i64>().ok()?)));
        match parts {
            Some((h @ 0..=24, m @ 0..=59)) => Ok(Some(Span::from_seconds(h * 3600 + m * 60))),
            _ => Err(format!(".properties.times[{index}].{key}: `{}`: expected HH:MM, UTC", AirText::new(text))),
        }
    };
    Ok(ZoneTime {
        from: t.from,
        to: t.to,
        weekdays: t.weekdays.clone(),
        day_from: clock(&t.day_from, "day_from")?,
        day_to: clock(&t.day_to, "day_to")?,
    })
}

fn shape(feature: &Feature, properties: &serde_json::Map<String, Value>) -> Result<Shape, String> {
    let geometry = feature.geometry.as_ref().ok_or(".geometry: missing; expected a Polygon, MultiPolygon or Point")?;
    match &geometry.value {
        GeometryValue::Polygon { coordinates } => Ok(Shape::Polygon { polygons: vec![polygon(coordinates, "")?] }),
        GeometryValue::MultiPolygon { coordinates } => {
            let polygons = coordinates.iter().enumerate().map(|(i, p)| polygon(p, &format!("[{i}]")));
            Ok(Shape::Polygon { polygons: polygons.collect::<Result<_, _>>()? })
        }
        GeometryValue::Point { coordinates } => {
            let radius_m: Option<f64> = property(properties, "radius_m")?;
            let radius_m = radius_m.ok_or(".properties.radius_m: missing; a Point is a zone only with a radius")?;
            if !(radius_m > 0.0 && radius_m <= 1_000_000.0) {
                return Err(format!(".properties.radius_m: {radius_m}; expected more than 0 and at most 1,000,000 m"));
            }
            Ok(Shape::Circle { centre: place(coordinates, ".geometry.coordinates")?, radius_m })
        }
        other => {
            Err(format!(".geometry: a {} has no area; expected Polygon, MultiPolygon or Point", other.type_name()))
        }
    }
}

fn polygon(rings: &[Vec<Position>], at: &str) -> Result<Vec<Vec<Place>>, String> {
    if rings.is_empty() {
        return Err(format!(".geometry.coordinates{at}: a polygon without a ring"));
    }
    let vertices: usize = rings.iter().map(Vec::len).sum();
    if vertices > limits::ZONE_VERTICES_MAX {
        return Err(format!(
            ".geometry.coordinates{at}: {vertices} vertices; at most {} are taken",
            limits::ZONE_VERTICES_MAX
        ));
    }
    rings
        .iter()
        .enumerate()
        .map(|(r, ring)| {
            let places = ring
                .iter()
                .enumerate()
                .map(|(v, p)| place(p, &format!(".geometry.coordinates{at}[{r}][{v}]")))
                .collect::<Result<Vec<_>, _>>()?;
            let mut distinct = places.clone();
            distinct.dedup();
            if distinct.len() > 1 && distinct.first() == distinct.last() {
                distinct.pop();
            }
            if distinct.len() < 3 {
                return Err(format!(
                    ".geometry.coordinates{at}[{r}]: {} distinct vertices; a ring needs 3",
                    distinct.len()
                ));
            }
            Ok(places)
        })
        .collect()
}

fn place(position: &Position, at: &str) -> Result<Place, String> {
    let &[longitude, latitude, ..] = position.as_slice() else {
        return Err(format!("{at}: expected [longitude, latitude]"));
    };
    Place::new(latitude, longitude).ok_or_else(|| {
        let swapped = if Place::new(longitude, latitude).is_some() { "; GeoJSON has the longitude first" } else { "" };
        format!("{at}: [{longitude}, {latitude}] is not a longitude and a latitude in degrees{swapped}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_drawing_tool_saves_is_a_protected_zone() {
        let text = r#"{"type":"FeatureCollection","features":[{"type":"Feature","properties":{},"geometry":{"type":"Polygon",
            "coordinates":[[[8.72,47.19],[8.74,47.19],[8.74,47.21],[8.72,47.19]]]}}]}"#;
        let zones = from_geojson("yard", text).unwrap();
        assert_eq!(zones.len(), 1);
        assert_eq!(zones[0].id.as_str(), "yard-1");
        assert_eq!(zones[0].kind, ZoneKind::Protected);
    }

    #[test]
    fn height_band_and_times_are_read() {
        let text = r#"{"type":"Feature","properties":{"id":"z","kind":"watch","radius_m":500,
            "floor":{"value_m":0,"datum":"above_ground"},"ceiling":{"value_m":600,"datum":"mean_sea_level"},
            "times":[{"weekdays":[5,6],"day_from":"22:00","day_to":"06:00"}]},
            "geometry":{"type":"Point","coordinates":[8.7,47.2]}}"#;
        let zone = from_geojson("x", text).unwrap().remove(0);
        assert_eq!(zone.ceiling.unwrap().datum, lapwing_model::Datum::MeanSeaLevel);
        assert_eq!(zone.times[0].day_to, Some(Span::from_seconds(6 * 3600)));
    }

    #[test]
    fn errors_name_feature_and_property() {
        let cases = [
            (r#"{"type":"Feature","properties":{},"geometry":{"type":"Point","coordinates":[8,47]}}"#, "radius_m"),
            (
                r#"{"type":"Feature","properties":{"radius_m":5},"geometry":{"type":"Point","coordinates":[47.1,108.7]}}"#,
                "longitude first",
            ),
            (
                r#"{"type":"Feature","properties":{"kind":"prison"},"geometry":{"type":"Polygon","coordinates":[[[8,47],[9,47],[9,48],[8,47]]]}}"#,
                "properties.kind",
            ),
            (
                r#"{"type":"Feature","properties":{},"geometry":{"type":"LineString","coordinates":[[8,47],[9,47]]}}"#,
                "no area",
            ),
            (
                r#"{"type":"Feature","properties":{},"geometry":{"type":"Polygon","coordinates":[[[8,47],[9,47],[8,47]]]}}"#,
                "3",
            ),
            ("{\"type\":\"Feature\",\n oops", "line 2"),
        ];
        for (text, expected) in cases {
            let errors = from_geojson("f", text).unwrap_err();
            assert!(errors[0].contains(expected), "{expected}: {errors:?}");
        }
    }
}
