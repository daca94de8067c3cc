//! GPX 1.1 (topografix.com/GPX/1/1): a `trk` a track.
//!
//! `ele` is the altitude above mean sea level, as said or by EGM96 from the ellipsoid, with the geoid's height in
//! `geoidheight`; where neither is known there is no `ele`. The other datums and what else is known stand in `extensions` of a
//! namespace of their own. GPX has no place for a person, so an operator is never written.

use super::Format;
use super::cells::{course_deg, label};
use super::height::{Geoid, metres};
use super::text::{short, xml};
use crate::index::word;
use lapwing_server::history::{HistoryPoint, TrackRecord};
use std::fmt::Write as _;
use std::io::Write;

/// Namespace of the extensions; a name, not an address.
const NAMESPACE: &str = "urn:lapwing:gpx:1";

pub(crate) struct Writer<'a> {
    out: Box<dyn Write + Send + 'a>,
    geoid: Geoid,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(mut out: Box<dyn Write + Send + 'a>) -> anyhow::Result<Self> {
        write!(
            out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <gpx version=\"1.1\" creator=\"Lapwing {}\" xmlns=\"http://www.topografix.com/GPX/1/1\" xmlns:lapwing=\"{NAMESPACE}\">\n",
            env!("CARGO_PKG_VERSION")
        )?;
        Ok(Self { out, geoid: Geoid::default() })
    }

    fn point(&mut self, out: &mut String, point: &HistoryPoint) {
        let place = point.place;
        let _ = write!(out, "<trkpt lat=\"{}\" lon=\"{}\">", place.latitude_deg, place.longitude_deg);
        let altitude = self.geoid.msl_m(&point.heights, place).map(metres);
        if let Some(altitude) = altitude {
            let _ = write!(out, "<ele>{altitude}</ele>");
        }
        let _ = write!(out, "<time>{}</time>", point.at);
        if altitude.is_some() {
            let _ = write!(out, "<geoidheight>{}</geoidheight>", metres(self.geoid.undulation_m(place)));
        }
        let _ = write!(out, "<extensions>");
        let h = &point.heights;
        for (name, value) in [
            ("height_ellipsoid_m", h.height_ellipsoid_m),
            ("altitude_msl_m", h.altitude_msl_m),
            ("height_above_takeoff_m", h.height_above_takeoff_m),
            ("height_above_ground_m", h.height_above_ground_m),
            ("altitude_pressure_m", h.altitude_pressure_m),
            ("horizontal_accuracy_m", Some(point.horizontal_accuracy_m).filter(|v| v.is_finite())),
            ("speed_mps", point.speed_mps),
            ("course_deg", course_deg(point)),
            ("vertical_speed_mps", point.vertical_speed_mps),
            ("existence", Some(point.existence)),
        ] {
            if let Some(value) = value {
                let _ = write!(out, "<lapwing:{name}>{}</lapwing:{name}>", short(value));
            }
        }
        let _ = writeln!(out, "<lapwing:identity>{}</lapwing:identity></extensions></trkpt>", word(&point.identity));
    }
}

impl Format for Writer<'_> {
    fn track(&mut self, record: &TrackRecord, points: &[HistoryPoint]) -> anyhow::Result<()> {
        let name = label(record).map_or_else(|| record.id.to_string(), |(name, _)| format!("{} {name}", record.id));
        let mut out = String::new();
        // The order of the elements is the schema's.
        let _ = writeln!(out, "<trk><name>{}</name>", xml(&name));
        if let Some(class) = record.class {
            let _ = writeln!(out, "<type>{}</type>", word(&class));
        }
        let _ = writeln!(
            out,
            "<extensions><lapwing:track>{}</lapwing:track><lapwing:claimed_only>{}</lapwing:claimed_only></extensions>",
            record.id, record.claimed_only
        );
        let _ = writeln!(out, "<trkseg>");
        for point in points {
            self.point(&mut out, point);
        }
        let _ = writeln!(out, "</trkseg></trk>");
        Ok(self.out.write_all(out.as_bytes())?)
    }

    fn finish(mut self: Box<Self>) -> anyhow::Result<()> {
        self.out.write_all(b"</gpx>\n")?;
        Ok(self.out.flush()?)
    }
}
