//! KML (OGC 12-007r2, version 2.3), with tracks as `gx:Track`, which older programs know too.
//!
//! `altitudeMode` `absolute` is above mean sea level by EGM96. Stretches whose height is known are written so, stretches
//! without a known height are clamped to the ground and have no altitude in their coordinates.

use super::Format;
use super::cells::{course_deg, label};
use super::height::{Geoid, metres};
use super::text::{short, xml};
use crate::index::word;
use lapwing_server::history::{HistoryPoint, TrackRecord};
use std::fmt::Write as _;
use std::io::Write;

/// Arrays beside the track: name, words for people, value.
type Array = (&'static str, &'static str, fn(&HistoryPoint) -> Option<String>);

const ARRAYS: &[Array] = &[
    ("height_ellipsoid_m", "Height above the ellipsoid (m)", |p| p.heights.height_ellipsoid_m.map(short)),
    ("altitude_msl_m", "Altitude above mean sea level (m)", |p| p.heights.altitude_msl_m.map(short)),
    ("height_above_takeoff_m", "Height above take-off (m)", |p| p.heights.height_above_takeoff_m.map(short)),
    ("height_above_ground_m", "Height above ground (m)", |p| p.heights.height_above_ground_m.map(short)),
    ("altitude_pressure_m", "Pressure altitude (m)", |p| p.heights.altitude_pressure_m.map(short)),
    ("speed_mps", "Speed over ground (m/s)", |p| p.speed_mps.map(short)),
    ("course_deg", "Course over ground (degrees)", |p| course_deg(p).map(short)),
    ("existence", "Probability that there is an aircraft", |p| Some(short(p.existence))),
];

pub(crate) struct Writer<'a> {
    out: Box<dyn Write + Send + 'a>,
    personal: bool,
    geoid: Geoid,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(mut out: Box<dyn Write + Send + 'a>, personal: bool) -> anyhow::Result<Self> {
        let mut fields = String::new();
        for (name, words, _) in ARRAYS {
            let _ = writeln!(
                fields,
                "<gx:SimpleArrayField name=\"{name}\" type=\"float\"><displayName>{words}</displayName></gx:SimpleArrayField>"
            );
        }
        write!(
            out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <kml xmlns=\"http://www.opengis.net/kml/2.2\" xmlns:gx=\"http://www.google.com/kml/ext/2.2\" version=\"2.3\">\n\
             <Document>\n<name>Lapwing tracks</name>\n\
             <Style id=\"track\"><LineStyle><color>ff1400e6</color><width>3</width></LineStyle></Style>\n\
             <Schema id=\"point\">\n{fields}</Schema>\n"
        )?;
        Ok(Self { out, personal, geoid: Geoid::default() })
    }
}

/// Points in a row whose altitude is known, or unknown: at least one.
type Stretch<'p> = Vec<(&'p HistoryPoint, Option<f64>)>;

fn stretches<'p>(points: &'p [HistoryPoint], geoid: &mut Geoid) -> Vec<Stretch<'p>> {
    let mut all: Vec<Stretch<'p>> = Vec::new();
    for point in points {
        let altitude = geoid.msl_m(&point.heights, point.place).map(metres);
        match all.last_mut() {
            Some(last) if last.last().is_some_and(|(_, a)| a.is_some() == altitude.is_some()) => {
                last.push((point, altitude));
            }
            _ => all.push(vec![(point, altitude)]),
        }
    }
    all
}

fn track(stretch: &Stretch<'_>) -> String {
    let mut out = String::new();
    let known = stretch.first().is_some_and(|(_, altitude)| altitude.is_some());
    let mode = if known { "absolute" } else { "clampToGround" };
    let _ = writeln!(out, "<gx:Track><altitudeMode>{mode}</altitudeMode>");
    for (point, _) in stretch {
        let _ = writeln!(out, "<when>{}</when>", point.at);
    }
    for (point, altitude) in stretch {
        let altitude = altitude.map(|a| format!(" {a}")).unwrap_or_default();
        let _ =
            writeln!(out, "<gx:coord>{} {}{altitude}</gx:coord>", point.place.longitude_deg, point.place.latitude_deg);
    }
    let _ = writeln!(out, "<ExtendedData><SchemaData schemaUrl=\"#point\">");
    for (name, _, value) in ARRAYS {
        if stretch.iter().all(|(point, _)| value(point).is_none()) {
            continue;
        }
        let _ = write!(out, "<gx:SimpleArrayData name=\"{name}\">");
        for (point, _) in stretch {
            // An empty value keeps the arrays in step where it is unknown.
            let _ = write!(out, "<gx:value>{}</gx:value>", value(point).unwrap_or_default());
        }
        let _ = writeln!(out, "</gx:SimpleArrayData>");
    }
    let _ = writeln!(out, "</SchemaData></ExtendedData></gx:Track>");
    out
}

fn data(out: &mut String, name: &str, value: &str) {
    let _ = writeln!(out, "<Data name=\"{name}\"><value>{}</value></Data>", xml(value));
}

impl Format for Writer<'_> {
    fn track(&mut self, record: &TrackRecord, points: &[HistoryPoint]) -> anyhow::Result<()> {
        let name = label(record).map_or_else(|| record.id.to_string(), |(name, _)| format!("{} {name}", record.id));
        let mut out = String::new();
        let _ = writeln!(out, "<Placemark id=\"{}\"><name>{}</name>", record.id, xml(&name));
        let _ = writeln!(
            out,
            "<TimeSpan><begin>{}</begin><end>{}</end></TimeSpan><styleUrl>#track</styleUrl>",
            record.first_at, record.last_at
        );
        let _ = writeln!(out, "<ExtendedData>");
        data(&mut out, "identity", &word(&record.identity));
        data(&mut out, "claimed_only", if record.claimed_only { "true" } else { "false" });
        if let Some(class) = record.class {
            data(&mut out, "class", &word(&class));
        }
        if let Some(severity) = record.severity_max {
            data(&mut out, "severity_max", &word(&severity));
        }
        for name in &record.names {
            data(&mut out, &word(&name.kind), name.value.as_str());
        }
        if let Some(operator) = record.operator.as_ref().filter(|_| self.personal) {
            if let Some(id) = &operator.id {
                data(&mut out, "operator_id", id.reveal().as_str());
            }
            if let Some(place) = &operator.place {
                let place = place.reveal();
                data(&mut out, "operator_latitude_deg", &place.latitude_deg.to_string());
                data(&mut out, "operator_longitude_deg", &place.longitude_deg.to_string());
            }
        }
        let _ = writeln!(out, "</ExtendedData>");
        let stretches = stretches(points, &mut self.geoid);
        match stretches.as_slice() {
            [one] => out.push_str(&track(one)),
            many => {
                let _ = writeln!(out, "<gx:MultiTrack><gx:interpolate>1</gx:interpolate>");
                many.iter().for_each(|stretch| out.push_str(&track(stretch)));
                let _ = writeln!(out, "</gx:MultiTrack>");
            }
        }
        let _ = writeln!(out, "</Placemark>");
        Ok(self.out.write_all(out.as_bytes())?)
    }

    fn finish(mut self: Box<Self>) -> anyhow::Result<()> {
        self.out.write_all(b"</Document>\n</kml>\n")?;
        Ok(self.out.flush()?)
    }
}
