//! GeoJSON (RFC 7946): a feature a track.
//!
//! The third number of a position is the height above the WGS 84 ellipsoid (section 3.1.1), as said or by EGM96 from mean sea
//! level; a position without a known height has two numbers. A track that crosses longitude 180 is cut there (section 3.1.9).
//! What else is known of each position stands in `properties.coordinateProperties`, in arrays of the geometry's own shape.

use super::Format;
use super::cells::{course_deg, label};
use super::height::{Geoid, metres};
use crate::index::word;
use lapwing_server::history::{HistoryPoint, TrackRecord};
use serde_json::{Map, Value, json};
use std::io::Write;

pub(crate) struct Writer<'a> {
    out: Box<dyn Write + Send + 'a>,
    personal: bool,
    geoid: Geoid,
    first: bool,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(mut out: Box<dyn Write + Send + 'a>, personal: bool) -> anyhow::Result<Self> {
        write!(out, "{{\"type\":\"FeatureCollection\",\"features\":[")?;
        Ok(Self { out, personal, geoid: Geoid::default(), first: true })
    }
}

impl Format for Writer<'_> {
    fn track(&mut self, track: &TrackRecord, points: &[HistoryPoint]) -> anyhow::Result<()> {
        if !std::mem::take(&mut self.first) {
            write!(self.out, ",")?;
        }
        writeln!(self.out)?;
        serde_json::to_writer(&mut self.out, &feature(track, points, &mut self.geoid, self.personal))?;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> anyhow::Result<()> {
        writeln!(self.out, "\n]}}")?;
        Ok(self.out.flush()?)
    }
}

/// A track as a feature.
pub(crate) fn feature(track: &TrackRecord, points: &[HistoryPoint], geoid: &mut Geoid, personal: bool) -> Value {
    let parts = parts(points, geoid);
    json!({
        "type": "Feature",
        "id": track.id,
        "geometry": geometry(&parts),
        "properties": properties(track, &parts, personal),
    })
}

/// A position and the point it is of; where the track was cut it is between two.
type Position<'a> = (Vec<f64>, Option<&'a HistoryPoint>);

/// The positions, cut at longitude 180.
fn parts<'a>(points: &'a [HistoryPoint], geoid: &mut Geoid) -> Vec<Vec<Position<'a>>> {
    let mut parts: Vec<Vec<Position<'a>>> = vec![Vec::new()];
    let mut before: Option<&HistoryPoint> = None;
    for point in points {
        if let Some(before) = before
            && (before.place.longitude_deg - point.place.longitude_deg).abs() > 180.0
        {
            let (end, latitude) = seam(before, point);
            if let Some(part) = parts.last_mut() {
                part.push((vec![end, latitude], None));
            }
            parts.push(vec![(vec![-end, latitude], None)]);
        }
        let mut position = vec![point.place.longitude_deg, point.place.latitude_deg];
        position.extend(geoid.ellipsoid_m(&point.heights, point.place).map(metres));
        if let Some(part) = parts.last_mut() {
            part.push((position, Some(point)));
        }
        before = Some(point);
    }
    parts
}

/// The longitude on whose side a step leaves, and the latitude where it crosses.
fn seam(from: &HistoryPoint, to: &HistoryPoint) -> (f64, f64) {
    let end = 180_f64.copysign(from.place.longitude_deg);
    let unwrapped = to.place.longitude_deg + 360_f64.copysign(from.place.longitude_deg);
    let whole = unwrapped - from.place.longitude_deg;
    let share = if whole == 0.0 { 0.0 } else { (end - from.place.longitude_deg) / whole };
    (end, from.place.latitude_deg + share * (to.place.latitude_deg - from.place.latitude_deg))
}

fn geometry(parts: &[Vec<Position<'_>>]) -> Value {
    let line = |part: &Vec<Position<'_>>| part.iter().map(|(position, _)| json!(position)).collect::<Vec<_>>();
    match parts {
        // A line needs two positions at least (section 3.1.4).
        [one] if one.len() == 1 => json!({"type": "Point", "coordinates": one.first().map(|(p, _)| p)}),
        [one] => json!({"type": "LineString", "coordinates": line(one)}),
        many => json!({"type": "MultiLineString", "coordinates": many.iter().map(line).collect::<Vec<_>>()}),
    }
}

fn properties(track: &TrackRecord, parts: &[Vec<Position<'_>>], personal: bool) -> Value {
    let mut all = Map::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            all.insert(name.to_owned(), value);
        }
    };
    put("name", json!(label(track).map(|(value, _)| value)));
    put("first_at", json!(track.first_at));
    put("last_at", json!(track.last_at));
    put("ended_at", json!(track.ended_at));
    put("ended_why", json!(track.ended_why));
    put("confirmed", json!(track.confirmed));
    put("claimed_only", json!(track.claimed_only));
    put("existence_max", json!(track.existence_max));
    put("identity", json!(track.identity));
    put("names", json!(track.names));
    put("class", json!(track.class));
    put("class_probability", json!(track.class_probability));
    put("severity_max", json!(track.severity_max));
    put("joined_into", json!(track.joined_into));
    put("split_from", json!(track.split_from));
    if personal {
        put("operator", json!(track.operator));
    }
    put("coordinateProperties", coordinate_properties(parts));
    Value::Object(all)
}

fn coordinate_properties(parts: &[Vec<Position<'_>>]) -> Value {
    let array = |of: &dyn Fn(&HistoryPoint) -> Value| -> Value {
        let one = |part: &Vec<Position<'_>>| part.iter().map(|(_, p)| p.map_or(Value::Null, of)).collect::<Vec<_>>();
        match parts {
            [only] if only.len() == 1 => json!(only.first().and_then(|(_, p)| p.map(of))),
            [only] => json!(one(only)),
            many => json!(many.iter().map(one).collect::<Vec<_>>()),
        }
    };
    // As f32: what was kept in 32 bits is said as short as it was meant.
    let short = |value: Option<f64>| json!(value.filter(|v| v.is_finite()).map(|v| v as f32));
    json!({
        "times": array(&|p| json!(p.at)),
        "height_ellipsoid_m": array(&|p| short(p.heights.height_ellipsoid_m)),
        "altitude_msl_m": array(&|p| short(p.heights.altitude_msl_m)),
        "height_above_takeoff_m": array(&|p| short(p.heights.height_above_takeoff_m)),
        "height_above_ground_m": array(&|p| short(p.heights.height_above_ground_m)),
        "altitude_pressure_m": array(&|p| short(p.heights.altitude_pressure_m)),
        "horizontal_accuracy_m": array(&|p| short(Some(p.horizontal_accuracy_m))),
        "speed_mps": array(&|p| short(p.speed_mps)),
        "course_deg": array(&|p| short(course_deg(p))),
        "vertical_speed_mps": array(&|p| short(p.vertical_speed_mps)),
        "existence": array(&|p| short(Some(p.existence))),
        "identity": array(&|p| json!(word(&p.identity))),
    })
}
