//! The parts of the report that are words and tables.

use super::map::{COLOURS, zones};
use super::words::{above, clock, metres, plain, span, speed};
use super::{Listed, Proof};
use crate::bundle::story::{Flight, Story};
use crate::export::text::xml;
use lapwing_model::height::Datum;
use lapwing_model::snapshot::Health;
use lapwing_model::{AlertState, EventBody, IdentityStatus, Order, Span, Time};
use lapwing_picture::zone::Ground;
use std::fmt::Write;

/// Rows of a table; more stand in the files.
const ROWS_MAX: usize = 200;

/// The first of some times over all alerts.
fn first(story: &Story, state: AlertState) -> Option<Time> {
    story.alerts.iter().flat_map(|a| &a.steps).filter(|s| s.state == state).map(|s| s.at).min()
}

fn entered(story: &Story) -> Option<Time> {
    story.alerts.iter().filter_map(|a| a.reason.entered_at).min()
}

/// The least distance to a zone's border, negative inside, and when.
fn nearest(story: &Story) -> Option<(f64, Time)> {
    let grounds: Vec<Ground> = zones(story).filter_map(|z| Ground::new(&z.shape)).collect();
    let points = story.flights.iter().flat_map(|f| &f.points);
    let all = points.flat_map(|p| grounds.iter().map(move |g| (g.signed_distance_m(p.place), p.at)));
    all.reduce(|best, next| if next.0 < best.0 { next } else { best })
}

/// The four facts.
pub(super) fn facts(out: &mut String, story: &Story) {
    let mut facts: Vec<(bool, String, String)> = Vec::new();
    let raised = story.incident.began_at;
    facts.push((false, clock(raised), "alert raised".to_owned()));
    match entered(story) {
        Some(at) if at > raised => {
            facts.push((true, clock(at), format!("entered the zone, {} after the warning", span(at.since(raised)))));
        }
        Some(at) => facts.push((true, clock(at), "inside the zone when first judged".to_owned())),
        None => {
            let words = nearest(story).map_or_else(|| "distance unknown".to_owned(), |(d, _)| metres(d.max(0.0)));
            facts.push((
                false,
                words,
                (if story.incident.ended_at.is_some() {
                    "nearest to the zone; it did not enter"
                } else {
                    "nearest to the zone so far"
                })
                .to_owned(),
            ));
        }
    }
    match first(story, AlertState::Acknowledged) {
        Some(at) => {
            let by = story.incident.acknowledged_by.join(", ");
            facts.push((false, span(at.since(raised)), format!("until {by} acknowledged it")));
        }
        None => facts.push((true, "nobody".to_owned(), "acknowledged it".to_owned())),
    }
    let count = story.incident.tracks.len();
    facts.push((count > 1, count.to_string(), "aircraft in this incident".to_owned()));
    out.push_str("<div class=\"facts\">");
    for (bad, big, small) in facts {
        let class = if bad { "fact bad" } else { "fact" };
        let _ = write!(out, "<div class=\"{class}\"><b>{}</b><span>{}</span></div>", xml(&big), xml(&small));
    }
    out.push_str("</div>\n");
}

fn name_of(flight: &Flight) -> String {
    crate::export::cells::label(&flight.record).map_or_else(
        || format!("{} (it gave no name)", flight.record.id),
        |(name, kind)| format!("{} ({} {name})", flight.record.id, kind.replace('_', " ")),
    )
}

/// What happened in one line: what was warned of is no headline any more once it has happened.
pub(super) fn headline(story: &Story) -> String {
    let who = match story.flights.as_slice() {
        [] => "An aircraft".to_owned(),
        [one] => crate::export::cells::label(&one.record).map_or_else(
            || format!("Aircraft {} without a name", one.record.id),
            |(name, _)| format!("Aircraft {name}"),
        ),
        many => format!("{} aircraft", many.len()),
    };
    let zone = zone_name(story);
    match (entered(story), nearest(story)) {
        (Some(_), _) => format!("{who} entered {zone}"),
        (None, Some((distance, _))) if distance > 0.0 => format!("{who} came within {} of {zone}", metres(distance)),
        _ => format!("{who} came near {zone}"),
    }
}

fn zone_name(story: &Story) -> String {
    zones(story).next().map_or_else(
        || "a zone".to_owned(),
        |z| format!("the zone {}", if z.name.is_empty() { z.id.as_str() } else { z.name.as_str() }),
    )
}

/// What it was in a few sentences.
pub(super) fn in_short(out: &mut String, story: &Story) {
    let mut said = Vec::new();
    let who: Vec<String> = story.flights.iter().take(4).map(name_of).collect();
    let more = story.flights.len().saturating_sub(who.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let zone = zone_name(story);
    if !who.is_empty() {
        let verb = if entered(story).is_some() { "was inside" } else { "came near" };
        said.push(format!("{}{more} {verb} {zone}.", who.join(", ")));
    }
    for flight in story.flights.iter().take(4) {
        said.push(trust(flight));
    }
    if story.flights.iter().any(|f| f.record.claimed_only) {
        said.push("No independent sensor saw what claimed to be there: only its own radio message says so.".to_owned());
    }
    let blind = story.sensors.iter().filter(|s| s.health != Health::Live).count();
    if blind > 0 {
        said.push(format!("{blind} of {} sensors did not work when it began; see below.", story.sensors.len()));
    }
    said.push(format!("The first warning said: \u{201c}{}\u{201d}.", story.incident.headline));
    let _ = writeln!(out, "<p>{}</p>", xml(&said.join(" ")));
}

fn trust(flight: &Flight) -> String {
    let id = flight.record.id;
    match flight.record.identity {
        IdentityStatus::Unidentified => format!("{id} said nothing of itself."),
        IdentityStatus::Claimed => {
            format!("What {id} says of itself is supported by nothing else and denied by nothing.")
        }
        IdentityStatus::Corroborated => format!("Independent sensors support what {id} says of itself."),
        IdentityStatus::Authorised => format!("{id} matched an authorised flight."),
        IdentityStatus::Contradicted => format!("What {id} says of itself cannot be true."),
    }
}

/// One line of the time line.
struct Moment {
    at: Time,
    class: &'static str,
    what: String,
}

fn moments(story: &Story) -> Vec<Moment> {
    let mut all = Vec::new();
    let mut add = |at: Time, class: &'static str, what: String| all.push(Moment { at, class, what });
    for flight in &story.flights {
        add(flight.record.first_at, "", format!("{} first seen", name_of(flight)));
        if let (Some(at), Some(why)) = (flight.record.ended_at, &flight.record.ended_why) {
            add(at, "", format!("{} ended: {why}", flight.record.id));
        }
    }
    for alert in &story.alerts {
        if let Some(at) = alert.reason.entered_at {
            add(at, "bad", format!("{} is inside zone {}", alert.track, alert.reason.zone));
        }
        for step in &alert.steps {
            let by = step.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
            let note = step.note.as_ref().map(|n| format!(": {n}")).unwrap_or_default();
            let class = match step.state {
                AlertState::Raised => "bad",
                AlertState::Acknowledged | AlertState::Cleared => "good",
            };
            let severity =
                if step.state == AlertState::Raised { format!(" ({})", plain(&step.severity)) } else { String::new() };
            add(
                step.at,
                class,
                format!("{} about {} {}{severity}{by}{note}", alert.id, alert.track, plain(&step.state)),
            );
        }
    }
    for change in &story.sensor_changes {
        if let EventBody::SensorChanged { sensor, health, why } = &change.event {
            let class = if *health == Health::Live { "good" } else { "bad" };
            let why = why.as_ref().map(|w| format!(": {w}")).unwrap_or_default();
            add(change.at, class, format!("Sensor {sensor} is {}{why}", plain(health)));
        }
    }
    all.sort_by_key(|m| m.at);
    all
}

/// What happened when.
pub(super) fn time_line(out: &mut String, story: &Story) {
    let moments = moments(story);
    let _ = write!(out, "<h2>When</h2>\n<ol class=\"time\">\n");
    for moment in moments.iter().take(ROWS_MAX) {
        let _ = writeln!(
            out,
            "<li class=\"{}\"><time datetime=\"{}\">{}</time><span>{}</span></li>",
            moment.class,
            moment.at,
            clock(moment.at),
            xml(&moment.what)
        );
    }
    let _ = writeln!(out, "</ol>");
    if moments.len() > ROWS_MAX {
        let _ = writeln!(out, "<p class=\"note\">{} more stand in events.jsonl.</p>", moments.len() - ROWS_MAX);
    }
}

fn row(out: &mut String, head: &str, value: &str) {
    let _ = writeln!(out, "<tr><th scope=\"row\">{}</th><td>{}</td></tr>", xml(head), xml(value));
}

/// Everything known of each aircraft.
pub(super) fn aircraft(out: &mut String, story: &Story) {
    let _ = writeln!(out, "<h2>The aircraft</h2>");
    for (number, flight) in story.flights.iter().take(ROWS_MAX).enumerate() {
        let colour = COLOURS[number % COLOURS.len()];
        let _ = write!(
            out,
            "<h3><span class=\"swatch\" style=\"background:{colour}\"></span>{}</h3>\n<div class=\"wide\"><table class=\"card\">\n",
            xml(&name_of(flight))
        );
        card(out, flight);
        let _ = writeln!(out, "</table></div>");
        evidence(out, flight);
    }
}

fn card(out: &mut String, flight: &Flight) {
    let record = &flight.record;
    row(out, "Identity", &format!("{}. {}", plain(&record.identity), trust(flight)));
    for name in &record.names {
        row(out, &format!("Claimed {}", plain(&name.kind)), name.value.as_str());
    }
    let class = record.class.zip(record.class_probability);
    row(
        out,
        "Kind",
        &class.map_or_else(|| "unknown".to_owned(), |(c, p)| format!("{}, {:.0} %", plain(&c), p * 100.0)),
    );
    row(
        out,
        "Seen",
        &format!(
            "{} to {} ({})",
            clock(record.first_at),
            clock(record.last_at),
            span(record.last_at.since(record.first_at))
        ),
    );
    row(out, "Height", &heights(flight));
    let fastest = flight.points.iter().filter_map(|p| p.speed_mps).reduce(f64::max);
    row(out, "Greatest speed", &fastest.map_or_else(|| "unknown".to_owned(), speed));
    if let Some(track) = &flight.last {
        let sources: Vec<String> = track.sources.iter().map(source).collect();
        row(out, "Seen by", &sources.join("; "));
        if let Some(operator) = &track.operator {
            let place = operator.place.as_ref().map(|p| *p.reveal());
            let place = place.map_or_else(
                || "place unknown".to_owned(),
                |p| format!("{:.6}, {:.6}", p.latitude_deg, p.longitude_deg),
            );
            let source = operator.place_source.as_ref().map(|s| format!(" ({s})")).unwrap_or_default();
            let id = operator.id.as_ref().map_or_else(|| "id unknown".to_owned(), |id| id.reveal().to_string());
            row(out, "Operator, as claimed (personal data)", &format!("{id}; {place}{source}"));
        }
    }
}

fn source(source: &lapwing_model::track::Source) -> String {
    let by = source.protocol.map(|p| format!(" by {}", plain(&p))).unwrap_or_default();
    format!("{}{by}, {} times", source.sensor, source.count)
}

fn heights(flight: &Flight) -> String {
    let mut all = Vec::new();
    for (datum, value) in [
        (
            Datum::AboveGround,
            (|p| p.heights.height_above_ground_m) as fn(&lapwing_server::history::HistoryPoint) -> Option<f64>,
        ),
        (Datum::AboveTakeoff, |p| p.heights.height_above_takeoff_m),
        (Datum::MeanSeaLevel, |p| p.heights.altitude_msl_m),
        (Datum::Ellipsoid, |p| p.heights.height_ellipsoid_m),
        (Datum::Pressure, |p| p.heights.altitude_pressure_m),
    ] {
        let known = flight.points.iter().filter_map(value);
        let ends = known.fold(None, |e: Option<(f64, f64)>, v| Some(e.map_or((v, v), |(l, h)| (l.min(v), h.max(v)))));
        if let Some((low, high)) = ends {
            all.push(format!("{low:.0} to {high:.0} m {}", above(datum)));
        }
    }
    if all.is_empty() { "unknown: no source told it".to_owned() } else { all.join("; ") }
}

fn evidence(out: &mut String, flight: &Flight) {
    let Some(track) = flight.last.as_ref().filter(|t| !t.identity.evidence.is_empty()) else { return };
    let _ = writeln!(
        out,
        "<div class=\"wide\"><table><thead><tr><th>Evidence</th><th>For or against what it says</th><th>What exactly</th></tr></thead><tbody>"
    );
    for e in &track.identity.evidence {
        let side = if e.weight < 0.0 { "against" } else { "for" };
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{side} ({:+.1})</td><td>{} ({} times, {} to {})</td></tr>",
            xml(&plain(&e.kind)),
            e.weight,
            xml(e.detail.as_str()),
            e.count,
            clock(e.first_at),
            clock(e.last_at)
        );
    }
    let _ = writeln!(out, "</tbody></table></div>");
}

/// The sensors as they were.
pub(super) fn sensors(out: &mut String, story: &Story) {
    let _ = write!(
        out,
        "<h2>Sensors at {}</h2>\n<div class=\"wide\"><table><thead><tr><th>Sensor</th><th>Kind</th><th>State</th><th>Reach</th></tr></thead><tbody>\n",
        clock(story.incident.began_at)
    );
    for state in story.sensors.iter().take(ROWS_MAX) {
        let why = state.why.as_ref().map(|w| format!(": {w}")).unwrap_or_default();
        let reach = state.sensor.coverage.range_max_m.map_or_else(|| "not configured".to_owned(), metres);
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{reach}</td></tr>",
            xml(state.sensor.id.as_str()),
            xml(&plain(&state.sensor.kind)),
            xml(&format!("{}{why}", plain(&state.health)))
        );
    }
    let _ = writeln!(out, "</tbody></table></div>");
}

/// What the report stands on.
pub(super) fn record(out: &mut String, story: &Story, proof: &Proof) {
    let _ = write!(out, "<h2>The record behind this page</h2>\n<div class=\"wide\"><table class=\"card\">\n");
    row(
        out,
        "Raw bytes",
        &format!("{} receptions of that time, decoded to {} reports", story.receptions, story.reports),
    );
    let replay = match (story.replayed.compared, story.replayed.identical) {
        (0, _) => "there was nothing to compare".to_owned(),
        (n, true) => format!("played again, the record gave the same {n} events, byte for byte"),
        (_, false) if story.version != env!("CARGO_PKG_VERSION") => {
            format!(
                "played again by version {}, the record of version {} gave other events",
                env!("CARGO_PKG_VERSION"),
                story.version
            )
        }
        (_, false) => "played again, the record gave OTHER events than those on record".to_owned(),
    };
    row(out, "Replay", &replay);
    row(out, "Seal", &proof.seal);
    row(out, "Program", &format!("Lapwing {}", story.version));
    row(out, "Configuration (SHA-256)", &proof.configuration_sha256);
    let orders = story.orders.iter().take(ROWS_MAX).map(|order| {
        let Order::AcknowledgeAlert { alert, .. } = &order.command.order;
        format!("{} acknowledged {alert} at {} (journal entry {})", order.command.by, clock(order.at), order.position.0)
    });
    let orders: Vec<String> = orders.collect();
    row(out, "Orders", &if orders.is_empty() { "none".to_owned() } else { orders.join("; ") });
    row(out, "Journal entries", &format!("{} to {}", story.incident.first_position.0, story.last_position.0));
    row(
        out,
        "Shown",
        &format!(
            "{} to {}, from {} before the alert",
            clock(story.from),
            clock(story.to),
            span(Span::from_seconds(60))
        ),
    );
    let _ = write!(
        out,
        "</table></div>\n<p>To check it yourself, with the file this page came in:</p>\n\
         <pre>lapwing verify BUNDLE.zip\nlapwing replay BUNDLE.zip</pre>\n\
         <div class=\"wide\"><table class=\"files\"><thead><tr><th>File</th><th>What</th><th>Bytes</th><th>SHA-256</th></tr></thead><tbody>\n"
    );
    for Listed { name, bytes, sha256, what } in &proof.files {
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{what}</td><td>{bytes}</td><td><code>{}</code></td></tr>",
            xml(name),
            xml(sha256)
        );
    }
    let _ = writeln!(out, "</tbody></table></div>");
}
