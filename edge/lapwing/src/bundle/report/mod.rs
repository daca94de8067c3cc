//! The report of an incident: one HTML page that needs nothing else. No script, no network, every text from the air escaped.

mod labels;
mod map;
mod parts;
mod plot;
mod plots;
#[cfg(test)]
mod tests;
mod words;

use super::story::Story;
use crate::export::text::xml;
use lapwing_model::Severity;
use std::fmt::Write;
use words::{clock, date, plain, span};

const STYLE: &str = include_str!("style.css");

/// A file of the bundle as the report names it.
pub(crate) struct Listed {
    /// Its name.
    pub(crate) name: String,
    /// Its length in bytes.
    pub(crate) bytes: u64,
    /// SHA-256, hex.
    pub(crate) sha256: String,
    /// What it is.
    pub(crate) what: &'static str,
}

/// What the report says of the record it stands on.
pub(crate) struct Proof {
    /// SHA-256 of the configuration as JSON, hex.
    pub(crate) configuration_sha256: String,
    /// What can be said of the seal, in words.
    pub(crate) seal: String,
    /// Files beside the report.
    pub(crate) files: Vec<Listed>,
}

/// The page.
pub(crate) fn html(story: &Story, proof: &Proof) -> String {
    let mut out = String::new();
    let incident = &story.incident;
    let title = format!("Incident {}: {}", incident.id, parts::headline(story));
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <meta name=\"referrer\" content=\"no-referrer\"><title>{}</title><style>{STYLE}</style></head>\n<body><main>\n",
        xml(&title)
    );
    head(&mut out, story);
    parts::facts(&mut out, story);
    parts::in_short(&mut out, story);
    if let Some(svg) = map::svg(story) {
        let _ = write!(
            out,
            "<h2>Where</h2>\n<figure>{svg}<figcaption>Ring: first seen. Square: last seen. Yellow triangle: where the aircraft was \
             when the alert was raised. Dark triangles: sensors, with their configured reach dotted. Red areas: protected zones; grey \
             areas: other zones. Grey lines: others in the air. North is up.</figcaption></figure>\n"
        );
    }
    parts::time_line(&mut out, story);
    plots::all(&mut out, story);
    parts::aircraft(&mut out, story);
    parts::sensors(&mut out, story);
    parts::record(&mut out, story, proof);
    let _ = write!(
        out,
        "<footer>Written by Lapwing {}. Lapwing watches and warns; it never acts on an aircraft. All times are UTC. What an \
         aircraft says of itself is a claim, not a fact. What is not known is left out or said to be unknown; nothing on this page \
         is a guess.</footer>\n</main></body></html>\n",
        env!("CARGO_PKG_VERSION")
    );
    out
}

fn head(out: &mut String, story: &Story) {
    let incident = &story.incident;
    let (class, shown) = match incident.severity_max {
        Severity::Critical => ("critical", "CRITICAL"),
        Severity::Warning => ("warning", "WARNING"),
        Severity::Notice => ("notice", "NOTICE"),
    };
    let end = incident.ended_at.map_or_else(
        || "not over".to_owned(),
        |end| format!("{} ({})", clock(end), span(end.since(incident.began_at))),
    );
    let _ = write!(
        out,
        "<span class=\"chip {class}\">{shown}</span>\n<h1>{}</h1>\n\
         <p class=\"sub\">Incident {} at {} on {}, {} to {end}, all times UTC. State: {}.</p>\n",
        xml(&parts::headline(story)),
        incident.id,
        xml(story.site.name.as_str()),
        date(incident.began_at),
        clock(incident.began_at),
        xml(&plain(&incident.state)),
    );
}
