//! The map: zones, tracks and sensors in metres on a plane, drawn from the data alone.

use super::labels::Labels;
use super::words::metres;
use crate::bundle::story::{Flight, Story};
use crate::export::text::xml;
use lapwing_model::{Place, Shape, Zone, ZoneKind};
use lapwing_picture::zone::Ground;
use std::fmt::Write;

/// Colours that differ for those who see colours otherwise too; tracks also differ by their dashes and their labels.
pub(super) const COLOURS: [&str; 6] = ["#c2180c", "#0b5cad", "#7a4a00", "#5d2a8c", "#00695c", "#37474f"];
const DASHES: [&str; 6] = ["", "9 4", "2 4", "12 4 2 4", "6 6", "1 5"];
const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 600.0;
/// The least that is shown, metres across.
const ACROSS_MIN_M: f64 = 600.0;
/// Points of one line drawn; more cannot be told apart at this size.
const POINTS_MAX: usize = 1_500;

/// Metres to the picture.
struct Frame {
    centre: Place,
    east_m: f64,
    north_m: f64,
    /// Picture units a metre.
    scale: f64,
}

impl Frame {
    /// Holds what matters, with a margin.
    fn of(story: &Story) -> Option<Self> {
        let mut places: Vec<Place> = story.flights.iter().flat_map(|f| f.points.iter().map(|p| p.place)).collect();
        for zone in zones(story) {
            places.extend(corners(zone));
        }
        let first = *places.first()?;
        let (mut w, mut e, mut s, mut n) = (0.0_f64, 0.0_f64, 0.0_f64, 0.0_f64);
        for place in &places {
            let (x, y) = offset(first, *place);
            (w, e, s, n) = (w.min(x), e.max(x), s.min(y), n.max(y));
        }
        // Sensors near by belong on it; one far away would make everything small.
        let across = (e - w).max(n - s).max(ACROSS_MIN_M);
        for sensor in story.site.sensors.iter().filter_map(|s| s.place) {
            let (x, y) = offset(first, sensor.place());
            let near = x > w - 0.5 * across && x < e + 0.5 * across && y > s - 0.5 * across && y < n + 0.5 * across;
            if near {
                (w, e, s, n) = (w.min(x), e.max(x), s.min(y), n.max(y));
            }
        }
        let (wide, high) = ((e - w).max(ACROSS_MIN_M) * 1.2, (n - s).max(ACROSS_MIN_M * HEIGHT / WIDTH) * 1.2);
        let scale = (WIDTH / wide).min(HEIGHT / high);
        Some(Self { centre: first, east_m: f64::midpoint(w, e), north_m: f64::midpoint(s, n), scale })
    }

    fn xy(&self, place: Place) -> (f64, f64) {
        let (x, y) = offset(self.centre, place);
        (WIDTH / 2.0 + (x - self.east_m) * self.scale, HEIGHT / 2.0 - (y - self.north_m) * self.scale)
    }
}

/// East and north of a place, metres: true enough over the few kilometres of an incident.
fn offset(from: Place, to: Place) -> (f64, f64) {
    let east_deg = (to.longitude_deg - from.longitude_deg + 540.0).rem_euclid(360.0) - 180.0;
    let cos = from.latitude_deg.to_radians().cos();
    (east_deg * 111_320.0 * cos, (to.latitude_deg - from.latitude_deg) * 111_132.0)
}

/// The zones of the incident.
pub(super) fn zones(story: &Story) -> impl Iterator<Item = &Zone> {
    story.site.zones.iter().filter(|z| story.incident.zones.contains(&z.id))
}

fn corners(zone: &Zone) -> Vec<Place> {
    let Some(ground) = Ground::new(&zone.shape) else { return Vec::new() };
    let (west, width, south, north) = ground.bounds_deg();
    [(south, west), (north, west + width)].map(|(lat, lon)| Place { latitude_deg: lat, longitude_deg: lon }).to_vec()
}

/// The map as SVG; `None` when there is nothing with a place.
pub(super) fn svg(story: &Story) -> Option<String> {
    let frame = Frame::of(story)?;
    let mut out = String::new();
    let title = format!("Map of incident {}: zones, tracks and sensors", story.incident.id);
    let _ = write!(out, "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">", xml(&title));
    let _ = write!(out, "<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#f7f9fa\"/>");
    grid(&mut out, &frame);
    coverage(&mut out, &frame, story);
    // What is said first has its place first: what the incident is about, then what stands around it.
    let (mut about, mut around) = (Labels::default(), Labels::default());
    for zone in &story.site.zones {
        let concerned = story.incident.zones.contains(&zone.id);
        draw_zone(&mut out, if concerned { &mut about } else { &mut around }, &frame, zone, concerned);
    }
    for flight in &story.others {
        other(&mut out, &mut around, &frame, flight);
    }
    sensors(&mut out, &mut around, &frame, story);
    for (number, flight) in story.flights.iter().enumerate() {
        draw_flight(&mut out, &mut about, &frame, flight, number);
        operator(&mut out, &mut about, &frame, flight);
    }
    alerts(&mut out, &mut about, &frame, story);
    about.and(around).draw(&mut out, WIDTH, HEIGHT);
    scale_bar(&mut out, &frame);
    out.push_str("</svg>");
    Some(out)
}

/// A round length near a wanted one.
fn round_length(wanted: f64) -> f64 {
    let power = 10_f64.powf(wanted.max(1.0).log10().floor());
    [5.0, 2.0, 1.0].into_iter().map(|m| m * power).find(|l| *l <= wanted).unwrap_or(power)
}

fn grid(out: &mut String, frame: &Frame) {
    let step = round_length(WIDTH / 6.0 / frame.scale) * frame.scale;
    let mut at = step;
    while at < WIDTH {
        let _ = write!(out, "<path d=\"M{at:.1} 0V{HEIGHT}M0 {at:.1}H{WIDTH}\" stroke=\"#e3e8ec\" fill=\"none\"/>");
        at += step;
    }
}

fn scale_bar(out: &mut String, frame: &Frame) {
    let length = round_length(WIDTH / 4.0 / frame.scale);
    let (x, y, w) = (24.0, HEIGHT - 24.0, length * frame.scale);
    let _ = write!(
        out,
        "<g><rect x=\"12\" y=\"{:.1}\" width=\"{:.1}\" height=\"44\" fill=\"#fff\" fill-opacity=\".85\"/>\
         <path d=\"M{x} {:.1}v8h{w:.1}v-8\" stroke=\"#16202b\" stroke-width=\"2\" fill=\"none\"/>\
         <text x=\"{x}\" y=\"{:.1}\" font-size=\"15\">{}</text></g>",
        y - 28.0,
        w + 24.0,
        y - 8.0,
        y - 13.0,
        metres(length)
    );
    let x = WIDTH - 34.0;
    let _ = write!(
        out,
        "<g><path d=\"M{x} 62V22m-9 14l9 -16l9 16z\" stroke=\"#16202b\" stroke-width=\"2\" fill=\"#16202b\"/>\
         <text x=\"{x}\" y=\"80\" font-size=\"15\" font-weight=\"700\" text-anchor=\"middle\">N</text></g>"
    );
}

fn draw_zone(out: &mut String, labels: &mut Labels, frame: &Frame, zone: &Zone, concerned: bool) {
    let colour = if zone.kind == ZoneKind::Protected { "#c2180c" } else { "#51606f" };
    let (fill, width) = if concerned { (0.14, 2.5) } else { (0.05, 1.2) };
    let style = format!("fill=\"{colour}\" fill-opacity=\"{fill}\" stroke=\"{colour}\" stroke-width=\"{width}\"");
    let label = match &zone.shape {
        Shape::Circle { centre, radius_m } => {
            let (x, y) = frame.xy(*centre);
            let _ = write!(out, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{:.1}\" {style}/>", radius_m * frame.scale);
            (x, y - radius_m * frame.scale - 9.0)
        }
        Shape::Polygon { polygons } => {
            let mut path = String::new();
            let (mut x_sum, mut top, mut count) = (0.0, f64::MAX, 0.0);
            for ring in polygons.iter().flatten() {
                for (number, place) in ring.iter().enumerate() {
                    let (x, y) = frame.xy(*place);
                    let _ = write!(path, "{}{x:.1} {y:.1}", if number == 0 { 'M' } else { 'L' });
                    (x_sum, top, count) = (x_sum + x, top.min(y), count + 1.0);
                }
                path.push('Z');
            }
            let _ = write!(out, "<path d=\"{path}\" fill-rule=\"evenodd\" {style}/>");
            (x_sum / f64::max(count, 1.0), top - 9.0)
        }
    };
    let (x, y) = (label.0.clamp(60.0, WIDTH - 60.0), label.1.clamp(18.0, HEIGHT - 60.0));
    // One that does not reach into the picture has nothing to be labelled in it.
    if concerned || (x, y) == label || reaches(frame, zone) {
        let name = if zone.name.is_empty() { zone.id.as_str() } else { zone.name.as_str() };
        labels.add(x, y, "middle", colour, &format!("Zone {name}"));
    }
}

/// Whether some of a zone may be in the picture.
fn reaches(frame: &Frame, zone: &Zone) -> bool {
    let corners: Vec<(f64, f64)> = corners(zone).into_iter().map(|place| frame.xy(place)).collect();
    let [(left, bottom), (right, top)] = corners.as_slice() else { return false };
    *left < WIDTH && *right > 0.0 && *top < HEIGHT && *bottom > 0.0
}

fn coverage(out: &mut String, frame: &Frame, story: &Story) {
    for sensor in &story.site.sensors {
        let (Some(place), Some(range)) = (sensor.place, sensor.coverage.range_max_m) else { continue };
        let (x, y) = frame.xy(place.place());
        let r = range * frame.scale;
        let style = "fill=\"none\" stroke=\"#5f7b94\" stroke-width=\"1.2\" stroke-dasharray=\"3 5\"";
        match (sensor.coverage.azimuth_from_deg, sensor.coverage.azimuth_to_deg) {
            (Some(from), Some(to)) if (to - from).rem_euclid(360.0) > 0.0 => {
                let edge = |deg: f64| (x + r * deg.to_radians().sin(), y - r * deg.to_radians().cos());
                let ((ax, ay), (bx, by)) = (edge(from), edge(to));
                let large = u8::from((to - from).rem_euclid(360.0) > 180.0);
                let _ = write!(
                    out,
                    "<path d=\"M{x:.1} {y:.1}L{ax:.1} {ay:.1}A{r:.1} {r:.1} 0 {large} 1 {bx:.1} {by:.1}Z\" {style}/>"
                );
            }
            _ => {
                let _ = write!(out, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{r:.1}\" {style}/>");
            }
        }
    }
}

fn inside(x: f64, y: f64) -> bool {
    (0.0..=WIDTH).contains(&x) && (0.0..=HEIGHT).contains(&y)
}

fn sensors(out: &mut String, labels: &mut Labels, frame: &Frame, story: &Story) {
    for sensor in &story.site.sensors {
        let Some(place) = sensor.place else { continue };
        let (x, y) = frame.xy(place.place());
        if inside(x, y) {
            let _ = write!(
                out,
                "<path d=\"M{x:.1} {:.1}l8 14h-16z\" fill=\"#2f4a63\" stroke=\"#fff\" stroke-width=\"1.5\"/>",
                y - 8.0
            );
            labels.add(x + 11.0, y + 6.0, "start", "#2f4a63", sensor.id.as_str());
        }
    }
}

/// The points of a line, thinned to what can be seen.
fn line(frame: &Frame, flight: &Flight) -> String {
    let step = flight.points.len().div_ceil(POINTS_MAX).max(1);
    let last = flight.points.len().saturating_sub(1);
    let kept = flight.points.iter().enumerate().filter(|(n, _)| n % step == 0 || *n == last);
    kept.fold(String::new(), |mut path, (_, point)| {
        let (x, y) = frame.xy(point.place);
        let _ = write!(path, "{x:.1},{y:.1} ");
        path
    })
}

fn other(out: &mut String, labels: &mut Labels, frame: &Frame, flight: &Flight) {
    let points = line(frame, flight);
    let _ = write!(out, "<polyline points=\"{points}\" fill=\"none\" stroke=\"#8a97a3\" stroke-width=\"1.5\"/>");
    if let Some((x, y)) = flight.points.last().map(|p| frame.xy(p.place)).filter(|(x, y)| inside(*x, *y)) {
        labels.add(x + 6.0, y - 4.0, "start", "#66737f", &flight.record.id.to_string());
    }
}

fn draw_flight(out: &mut String, labels: &mut Labels, frame: &Frame, flight: &Flight, number: usize) {
    let (colour, dash) = (COLOURS[number % COLOURS.len()], DASHES[number % DASHES.len()]);
    let points = line(frame, flight);
    let _ = write!(
        out,
        "<polyline points=\"{points}\" fill=\"none\" stroke=\"#fff\" stroke-width=\"6\" stroke-linejoin=\"round\"/>\
         <polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"3\" stroke-linejoin=\"round\" stroke-dasharray=\"{dash}\"/>"
    );
    let (Some(first), Some(last)) = (flight.points.first(), flight.points.last()) else { return };
    let ((ax, ay), (bx, by)) = (frame.xy(first.place), frame.xy(last.place));
    let _ = write!(
        out,
        "<circle cx=\"{ax:.1}\" cy=\"{ay:.1}\" r=\"6\" fill=\"#fff\" stroke=\"{colour}\" stroke-width=\"3\"/>\
         <rect x=\"{:.1}\" y=\"{:.1}\" width=\"12\" height=\"12\" fill=\"{colour}\" stroke=\"#fff\" stroke-width=\"1.5\"/>",
        bx - 6.0,
        by - 6.0
    );
    let beside = if ax < WIDTH - 140.0 { (ax + 10.0, "start") } else { (ax - 10.0, "end") };
    labels.add(beside.0, ay - 8.0, beside.1, colour, &format!("{} first seen", flight.record.id));
}

fn operator(out: &mut String, labels: &mut Labels, frame: &Frame, flight: &Flight) {
    let claimed = flight.last.as_ref().and_then(|t| t.operator.as_ref()).and_then(|o| o.place.as_ref());
    let Some((x, y)) = claimed.map(|p| frame.xy(*p.reveal())).filter(|(x, y)| inside(*x, *y)) else { return };
    let _ = write!(
        out,
        "<path d=\"M{x:.1} {y:.1}m-7 8a7 7 0 0 1 14 0zm7 -9a4.5 4.5 0 1 1 .1 0z\" fill=\"#16202b\" stroke=\"#fff\" stroke-width=\"1.2\"/>"
    );
    labels.add(x + 11.0, y + 5.0, "start", "#16202b", &format!("operator of {}, as claimed", flight.record.id));
}

/// Where each aircraft was when its alert was raised.
fn alerts(out: &mut String, labels: &mut Labels, frame: &Frame, story: &Story) {
    for alert in &story.alerts {
        let flight = story.flights.iter().find(|f| f.record.id == alert.track);
        let point = flight.and_then(|f| f.points.iter().rev().find(|p| p.at <= alert.raised_at));
        let Some((x, y)) = point.map(|p| frame.xy(p.place)) else { continue };
        let _ = write!(
            out,
            "<g><path d=\"M{x:.1} {:.1}l12 21h-24z\" fill=\"#ffd34d\" stroke=\"#16202b\" stroke-width=\"2\" stroke-linejoin=\"round\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\" font-size=\"14\" font-weight=\"800\" text-anchor=\"middle\">!</text></g>",
            y - 13.0,
            y + 6.0
        );
        labels.add(x - 16.0, y + 5.0, "end", "#16202b", &format!("{} raised", alert.id));
    }
}
