//! Zones as GeoJSON (RFC 7946).

use lapwing_model::zone::ZoneTime;
use lapwing_model::{AirText, Enu, LocalFrame, Place, Shape, Zone, ZoneHeight, ZoneId, ZoneKind, math};
use serde::Serialize;
use std::f64::consts::TAU;

/// Corners of a circle's polygon. The polygon lies inside the circle, by at most 0.12 % of its radius.
const CIRCLE_CORNERS: u32 = 64;

/// Zones as a GeoJSON `FeatureCollection`.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ZoneCollection {
    /// `FeatureCollection`.
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "FeatureCollection")]
    kind: &'static str,
    /// One feature a zone.
    features: Vec<ZoneFeature>,
}

/// A zone as a GeoJSON `Feature`.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ZoneFeature {
    /// `Feature`.
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "Feature")]
    kind: &'static str,
    /// The zone's id.
    id: ZoneId,
    /// Its outline.
    geometry: MultiPolygon,
    /// Everything else.
    properties: ZoneProperties,
}

/// A GeoJSON `MultiPolygon`: polygons of closed rings of `[longitude, latitude]` in degrees, the outer ring first and
/// counter-clockwise, holes clockwise.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct MultiPolygon {
    /// `MultiPolygon`.
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "MultiPolygon")]
    kind: &'static str,
    /// Polygons of rings of positions.
    #[schema(value_type = Vec<Vec<Vec<Vec<f64>>>>)]
    coordinates: Vec<Vec<Vec<[f64; 2]>>>,
}

/// What a zone is beside its outline.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ZoneProperties {
    /// The zone's id.
    id: ZoneId,
    /// Its name for people.
    name: AirText,
    /// What it is for.
    kind: ZoneKind,
    /// Its floor; `null` reaches the ground.
    floor: Option<ZoneHeight>,
    /// Its ceiling; `null` is unlimited.
    ceiling: Option<ZoneHeight>,
    /// When it holds; empty is always.
    times: Vec<ZoneTime>,
    /// The circle, when the zone is one: the polygon is only its picture.
    circle: Option<Circle>,
}

/// A zone that is a circle.
#[derive(Debug, Clone, Copy, Serialize, utoipa::ToSchema)]
pub(crate) struct Circle {
    /// Its centre.
    centre: Place,
    /// Its radius, metres.
    radius_m: f64,
}

/// All zones.
pub(crate) fn collection(zones: &[Zone]) -> ZoneCollection {
    ZoneCollection { kind: "FeatureCollection", features: zones.iter().map(feature).collect() }
}

fn feature(zone: &Zone) -> ZoneFeature {
    let (coordinates, circle) = match &zone.shape {
        Shape::Polygon { polygons } => {
            let rings = |rings: &Vec<Vec<Place>>| rings.iter().enumerate().map(|(i, r)| ring(r, i == 0)).collect();
            (polygons.iter().map(rings).collect(), None)
        }
        Shape::Circle { centre, radius_m } => {
            (vec![vec![circle_ring(*centre, *radius_m)]], Some(Circle { centre: *centre, radius_m: *radius_m }))
        }
    };
    ZoneFeature {
        kind: "Feature",
        id: zone.id.clone(),
        geometry: MultiPolygon { kind: "MultiPolygon", coordinates },
        properties: ZoneProperties {
            id: zone.id.clone(),
            name: zone.name.clone(),
            kind: zone.kind,
            floor: zone.floor,
            ceiling: zone.ceiling,
            times: zone.times.clone(),
            circle,
        },
    }
}

fn position(place: &Place) -> [f64; 2] {
    [place.longitude_deg, place.latitude_deg]
}

/// A ring, closed and turned the way the standard wants it.
fn ring(places: &[Place], outer: bool) -> Vec<[f64; 2]> {
    let mut ring: Vec<[f64; 2]> = places.iter().map(position).collect();
    if let (Some(first), Some(last)) = (ring.first().copied(), ring.last().copied())
        && first != last
    {
        ring.push(first);
    }
    // Twice the area, positive when counter-clockwise.
    let area: f64 = ring.iter().zip(ring.iter().skip(1)).map(|(a, b)| (a[0] - b[0]) * (a[1] + b[1])).sum();
    if (area < 0.0) == outer {
        ring.reverse();
    }
    ring
}

/// A circle's outline, counter-clockwise. Longitudes go on beyond ±180° rather than jump, so that it is drawn whole.
fn circle_ring(centre: Place, radius_m: f64) -> Vec<[f64; 2]> {
    let frame = LocalFrame::new(centre.at_height(0.0));
    let corner = |i: u32| {
        let angle = TAU * f64::from(i % CIRCLE_CORNERS) / f64::from(CIRCLE_CORNERS);
        let place = frame.to_geodetic(Enu::new(radius_m * math::cos(angle), radius_m * math::sin(angle), 0.0)).place();
        let turns = ((centre.longitude_deg - place.longitude_deg) / 360.0).round();
        [place.longitude_deg + 360.0 * turns, place.latitude_deg]
    };
    (0..=CIRCLE_CORNERS).map(corner).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(latitude_deg: f64, longitude_deg: f64) -> Place {
        Place { latitude_deg, longitude_deg }
    }

    #[test]
    fn rings_are_closed_and_turn_as_the_standard_says() {
        let clockwise = [place(0.0, 0.0), place(1.0, 0.0), place(1.0, 1.0), place(0.0, 1.0)];
        let outer = ring(&clockwise, true);
        assert_eq!(outer, [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.0, 0.0]]);
        let hole = ring(&clockwise, false);
        assert_eq!(hole, [[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0], [0.0, 0.0]]);
        let closed: Vec<Place> = clockwise.iter().chain(clockwise.first()).copied().collect();
        assert_eq!(ring(&closed, true), outer, "closed or not, the same");
    }

    #[test]
    fn a_zone_keeps_what_geojson_has_no_word_for() {
        let value = serde_json::to_value(collection(&crate::testing::site().zones)).unwrap();
        assert_eq!(value["type"], "FeatureCollection");
        assert_eq!(value["features"][0]["id"], "stadium");
        assert_eq!(value["features"][0]["geometry"]["type"], "MultiPolygon");
        assert!(value["features"][0]["properties"]["circle"].is_null());
        let tower = &value["features"][1];
        assert_eq!(tower["properties"]["circle"]["radius_m"], 500.0);
        assert_eq!(tower["properties"]["ceiling"]["datum"], "above_ground");
        assert_eq!(tower["geometry"]["coordinates"][0][0].as_array().unwrap().len(), 65);
    }

    #[test]
    fn a_circle_has_its_radius_everywhere_even_across_180_degrees() {
        for centre in [place(47.0, 8.0), place(-70.0, 179.99), place(0.0, -180.0)] {
            let corners = circle_ring(centre, 2_000.0);
            assert_eq!(corners.first(), corners.last());
            for [lon, lat] in corners {
                let wrapped = (lon + 180.0).rem_euclid(360.0) - 180.0;
                let d = centre.distance_m(place(lat, wrapped));
                assert!((d - 2_000.0).abs() < 15.0, "{d}: within the sphere's 0.6 %");
                assert!((lon - centre.longitude_deg).abs() < 1.0);
            }
        }
    }
}
