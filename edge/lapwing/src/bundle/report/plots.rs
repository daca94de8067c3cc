//! Which plots an incident needs: height, distance to the zone, certainty.

use super::map::zones;
use super::plot::{Mark, Plot, Series};
use super::words::{above, clock};
use crate::bundle::story::{Flight, Story};
use lapwing_model::height::Datum;
use lapwing_model::{AlertState, Time};
use lapwing_picture::zone::Ground;
use lapwing_server::history::HistoryPoint;
use std::fmt::Write;

/// Datums in the order in which they say most to a guard.
const DATUMS: [Datum; 5] =
    [Datum::AboveGround, Datum::AboveTakeoff, Datum::MeanSeaLevel, Datum::Ellipsoid, Datum::Pressure];

/// The instants that matter: raised, entered, acknowledged, cleared.
fn instants(story: &Story) -> Vec<Mark<Time>> {
    let mut all = Vec::new();
    for alert in &story.alerts {
        let mut mark = |at: Time, label: &str| all.push(Mark { at, label: label.to_owned() });
        mark(alert.raised_at, "raised");
        if let Some(at) = alert.reason.entered_at {
            mark(at, "entered");
        }
        if let Some(step) = alert.steps.iter().find(|s| s.state == AlertState::Acknowledged) {
            mark(step.at, "acknowledged");
        }
        if let Some(step) = alert.steps.iter().find(|s| s.state == AlertState::Cleared) {
            mark(step.at, "cleared");
        }
    }
    all.sort_by_key(|m| m.at);
    all.dedup_by(|a, b| a.at == b.at && a.label == b.label);
    all.truncate(24);
    all
}

/// The height in one datum, as the source said it: without any conversion.
fn said(point: &HistoryPoint, datum: Datum) -> Option<f64> {
    let h = &point.heights;
    match datum {
        Datum::Ellipsoid => h.height_ellipsoid_m,
        Datum::MeanSeaLevel => h.altitude_msl_m,
        Datum::AboveTakeoff => h.height_above_takeoff_m,
        Datum::AboveGround => h.height_above_ground_m,
        Datum::Pressure => h.altitude_pressure_m,
    }
}

fn series(story: &Story, value: impl Fn(&HistoryPoint) -> Option<f64>) -> Vec<Series> {
    let one = |(number, flight): (usize, &Flight)| Series {
        label: flight.record.id.to_string(),
        number,
        values: flight.points.iter().map(|p| (p.at, value(p))).collect(),
    };
    story.flights.iter().enumerate().map(one).collect()
}

/// All plots of a story.
pub(super) fn all(out: &mut String, story: &Story) {
    let instants = instants(story);
    let _ = writeln!(out, "<h2>Height, distance, certainty</h2>");
    height(out, story, &instants);
    distance(out, story, &instants);
    certainty(out, story, &instants);
}

fn figure(out: &mut String, heading: &str, svg: Option<String>, caption: &str, without: &str) {
    match svg {
        Some(svg) => {
            let _ = write!(out, "<h3>{heading}</h3>\n<figure>{svg}<figcaption>{caption}</figcaption></figure>\n");
        }
        None => {
            let _ = write!(out, "<h3>{heading}</h3>\n<p class=\"note\">{without}</p>\n");
        }
    }
}

fn height(out: &mut String, story: &Story, instants: &[Mark<Time>]) {
    let points = || story.flights.iter().flat_map(|f| &f.points);
    let known = |datum: Datum| points().filter(|p| said(p, datum).is_some()).count();
    let all = points().count();
    let best = DATUMS.into_iter().map(|d| (known(d), d)).filter(|(count, _)| *count > 0);
    // The datum said most often; of equals the one that says most to a guard.
    let best = best.reduce(|best, next| if next.0 > best.0 { next } else { best });
    let without = "No source told a height: how high it flew is not known.";
    let Some((count, datum)) = best else {
        return figure(out, "Height", None, "", without);
    };
    let mut levels = Vec::new();
    for zone in zones(story) {
        for (limit, word) in [(zone.floor, "floor"), (zone.ceiling, "ceiling")] {
            if let Some(limit) = limit.filter(|l| l.datum == datum) {
                let label = format!("{word} of {} {:.0} m", zone.id, limit.value_m);
                levels.push(Mark { at: limit.value_m, label });
            }
        }
    }
    let plot = Plot {
        title: "Height",
        unit: &format!("m {}", above(datum)),
        from: story.from,
        to: story.to,
        series: series(story, |p| said(p, datum)),
        instants,
        levels,
        range: None,
        below_zero: None,
    };
    let caption = if count == all {
        format!("Height {}, as the source said it.", above(datum))
    } else {
        let missing = all - count;
        format!(
            "Height {}, as the source said it. At {missing} of {all} points it is not known; the line is broken there.",
            above(datum)
        )
    };
    figure(out, "Height", plot.svg(), &caption, without);
}

fn distance(out: &mut String, story: &Story, instants: &[Mark<Time>]) {
    let grounds: Vec<Ground> = zones(story).filter_map(|z| Ground::new(&z.shape)).collect();
    let nearest = |p: &HistoryPoint| grounds.iter().map(|g| g.signed_distance_m(p.place)).reduce(f64::min);
    let plot = Plot {
        title: "Distance to the zone's border",
        unit: "m to the border",
        from: story.from,
        to: story.to,
        series: series(story, nearest),
        instants,
        levels: Vec::new(),
        range: None,
        below_zero: Some("inside the zone"),
    };
    let caption = "Horizontal distance to the border of the zone; below zero it is inside.";
    figure(out, "Distance to the zone", plot.svg(), caption, "The zone's outline is not on record.");
}

fn certainty(out: &mut String, story: &Story, instants: &[Mark<Time>]) {
    let plot = Plot {
        title: "Certainty",
        unit: "% that it was there",
        from: story.from,
        to: story.to,
        series: series(story, |p| Some(p.existence * 100.0)),
        instants,
        levels: Vec::new(),
        range: Some((0.0, 100.0)),
        below_zero: None,
    };
    let caption = format!(
        "How sure the tracker was that there was an aircraft, from {} to {}. It falls while nothing sees it.",
        clock(story.from),
        clock(story.to)
    );
    figure(out, "Certainty", plot.svg(), &caption, "No point of it is on record.");
}
