//! The configuration file: one TOML file a site.
//!
//! `[[input]]` is read in two steps: first `name`, `sensor`, `format` and `transport`, then the two tables named after
//! the format and the transport by their own types, so that every error keeps its key and its line.

mod diagnose;
mod places;
mod sensors;
mod tables;
mod wires;

use crate::holds::HoldRules;
pub(crate) use diagnose::Problems;
use diagnose::list;
pub(crate) use diagnose::near_miss;
use lapwing_journal::Retention;
use lapwing_model::site::InputInfo;
use lapwing_model::{AirText, Place, Site, Span};
use serde::de::DeserializeOwned;
use std::net::SocketAddr;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};
use tables::{JournalTable, ServerTable, SiteTable};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A configuration that has passed every check.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// What the picture is configured with.
    pub(crate) site: Site,
    /// Where console and API listen; `None` without `[server]`.
    pub(crate) listen: Option<SocketAddr>,
    /// Where the journal is kept; `None` without `[journal]`.
    pub(crate) journal: Option<JournalConfig>,
    /// Inputs with the options of their transports, in the order of `site.inputs`.
    pub(crate) inputs: Vec<InputConfig>,
    /// Outputs.
    pub(crate) outputs: Vec<OutputConfig>,
}

/// `[journal]`
#[derive(Debug, Clone)]
pub(crate) struct JournalConfig {
    /// Folder of the segments.
    pub(crate) directory: PathBuf,
    /// Size at which a new segment begins.
    pub(crate) segment_bytes_max: u64,
    /// Time after which a new segment begins.
    pub(crate) segment_time_max: Span,
    /// Room on the disk for alerts, commands and the like.
    pub(crate) reserve_bytes: u64,
    /// How long entries are kept.
    pub(crate) retention: Retention,
    /// What is kept of incidents.
    pub(crate) holds: HoldRules,
}

/// One `[[input]]`.
#[derive(Debug, Clone)]
pub(crate) struct InputConfig {
    /// What the picture knows of it.
    pub(crate) info: InputInfo,
    /// Options of its transport, as the TOML of their table.
    pub(crate) transport_options: String,
}

/// One `[[output]]`.
#[derive(Debug, Clone)]
pub(crate) struct OutputConfig {
    /// Its name.
    pub(crate) name: String,
    /// Its format.
    pub(crate) format: String,
    /// Options of its format, TOML.
    pub(crate) format_options: String,
    /// Its transport.
    pub(crate) transport: String,
    /// Options of its transport, TOML.
    pub(crate) transport_options: String,
    /// Which events it is sent.
    pub(crate) when: Vec<When>,
}

/// Which events an output is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum When {
    /// Alerts raised, changed, acknowledged, cleared.
    Alerts,
    /// Sensors and inputs going silent, coming back.
    Health,
    /// Tracks.
    Tracks,
    /// Everything.
    All,
}

/// Reads and checks a configuration file.
pub(crate) fn load(path: &Path) -> Result<Config, Problems> {
    let shown = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => parse(&shown, &text, path.parent().unwrap_or(Path::new("."))),
        Err(e) => {
            let mut problems = Problems::new(&shown, "");
            problems.push(0..0, format!("cannot read {shown}: {e}"), "", None);
            Err(problems)
        }
    }
}

/// Reads and checks the text of a configuration file; other files are found relative to `folder`.
pub(crate) fn parse(path: &str, text: &str, folder: &Path) -> Result<Config, Problems> {
    let (document, syntax) = DeTable::parse_recoverable(text);
    let mut reader = Reader { problems: Problems::new(path, text), document: document.get_ref(), folder };
    if !syntax.is_empty() {
        for error in &syntax {
            reader.problems.push_toml(&DeTable::default(), 0..0, error);
        }
        return Err(reader.problems);
    }
    let config = reader.config();
    if reader.problems.is_empty() { Ok(config) } else { Err(reader.problems) }
}

struct Reader<'a> {
    problems: Problems,
    document: &'a DeTable<'a>,
    folder: &'a Path,
}

const SECTIONS: &[&str] = &["site", "server", "journal", "sensor", "input", "output", "zone", "rule", "authorised"];

impl<'a> Reader<'a> {
    fn config(&mut self) -> Config {
        for (key, _) in self.document.iter() {
            if !SECTIONS.contains(&key.get_ref().as_ref()) {
                let hint = near_miss(key.get_ref(), SECTIONS.iter().copied());
                self.problems.push(
                    key.span(),
                    format!("unknown section `{}`", key.get_ref()),
                    format!("expected {}", list(SECTIONS)),
                    hint,
                );
            }
        }
        let site = self.required::<SiteTable>("site");
        let listen = self.one::<ServerTable>("server").and_then(|(_, t)| self.listen(&t));
        let journal = self.one::<JournalTable>("journal").and_then(|(_, t)| self.journal(&t));
        let sensors = self.sensors();
        let inputs = self.inputs(&sensors);
        let outputs = self.outputs();
        let zones = self.zones();
        let rules = self.rules(&zones);
        let authorised = self.authorised();
        let site = Site {
            name: AirText::new(site.as_ref().map_or("", |s| s.name.as_str())),
            sensors,
            inputs: inputs.iter().map(|i| i.info.clone()).collect(),
            zones,
            rules,
            authorised,
        };
        Config { site, listen, journal, inputs, outputs }
    }

    /// A table of the top level, typed.
    fn one<T: DeserializeOwned>(&mut self, key: &str) -> Option<(Range<usize>, T)> {
        let value = self.document.get(key)?.clone();
        let span = value.span();
        self.typed(value).map(|t| (span, t))
    }

    fn required<T: DeserializeOwned>(&mut self, key: &str) -> Option<T> {
        if self.document.get(key).is_none() {
            self.problems.push(0..0, format!("section `[{key}]` is missing"), format!("expected `[{key}]`"), None);
        }
        self.one(key).map(|(_, t)| t)
    }

    /// The tables of an array of tables, as they stand.
    pub(super) fn many(&mut self, key: &str) -> Vec<Spanned<DeValue<'a>>> {
        match self.document.get(key).map(|v| (v.span(), v.get_ref())) {
            None => Vec::new(),
            Some((_, DeValue::Array(array))) => array.iter().cloned().collect(),
            Some((span, other)) => {
                let found = format!("`{key}` is a {}", other.type_str());
                self.problems.push(
                    span,
                    found,
                    format!("expected `[[{key}]]`"),
                    Some(format!("write `[[{key}]]`, with two brackets: there may be several")),
                );
                Vec::new()
            }
        }
    }

    pub(super) fn typed<T: DeserializeOwned>(&mut self, value: Spanned<DeValue<'a>>) -> Option<T> {
        let span = value.span();
        match T::deserialize(toml::de::ValueDeserializer::from(value)) {
            Ok(table) => Some(table),
            Err(e) => {
                self.problems.push_toml(self.document, span, &e);
                None
            }
        }
    }

    fn listen(&mut self, table: &ServerTable) -> Option<SocketAddr> {
        let text = table.listen.get_ref();
        match text.parse::<SocketAddr>() {
            Ok(address) if address.ip().is_loopback() => Some(address),
            Ok(_) => {
                self.problems.push(
                    table.listen.span(),
                    format!("`server.listen`: {text} can be reached from other machines"),
                    "expected a loopback address, such as \"127.0.0.1:8480\"",
                    Some("console and API have no users yet; reach them through an SSH tunnel".to_owned()),
                );
                None
            }
            Err(_) => {
                let hint = text.parse::<std::net::IpAddr>().is_ok().then(|| format!("did you mean \"{text}:8480\"?"));
                self.problems.push(
                    table.listen.span(),
                    format!("`server.listen`: `{text}` is not an address with a port"),
                    "expected an address such as \"127.0.0.1:8480\"",
                    hint,
                );
                None
            }
        }
    }

    fn journal(&mut self, table: &JournalTable) -> Option<JournalConfig> {
        if table.directory.get_ref().is_empty() {
            self.problems.push(table.directory.span(), "`journal.directory` is empty", "expected a folder", None);
            return None;
        }
        let segment_mib = self.within(&table.segment_mib, "journal.segment_mib", 1..=65_536)?;
        let segment_minutes = self.within(&table.segment_minutes, "journal.segment_minutes", 1..=10_080)?;
        let reserve_mib = self.within(&table.reserve_mib, "journal.reserve_mib", 0..=65_536)?;
        let raw_hours = self.within(&table.keep_raw_hours, "journal.keep_raw_hours", 1..=87_600)?;
        let alerts_days = self.within(&table.keep_alerts_days, "journal.keep_alerts_days", 1..=36_500)?;
        let before = self.within(&table.hold_before_minutes, "journal.hold_before_minutes", 0..=1_440)?;
        let after = self.within(&table.hold_after_minutes, "journal.hold_after_minutes", 0..=1_440)?;
        let incidents_days = self.within(&table.keep_incidents_days, "journal.keep_incidents_days", 1..=36_500)?;
        if before >= raw_hours * 60 {
            self.problems.push(
                table.hold_before_minutes.span(),
                format!("`journal.hold_before_minutes`: {before}, and raw detail is kept for {raw_hours} h"),
                "expected less than `keep_raw_hours`: what is gone cannot be held",
                None,
            );
            return None;
        }
        let class_b = Span::from_seconds(raw_hours as i64 * 3600);
        let class_a = Span::from_seconds(alerts_days as i64 * 86_400).max(class_b);
        Some(JournalConfig {
            retention: Retention { class_b, class_a },
            holds: HoldRules {
                before: Span::from_seconds(before as i64 * 60),
                after: Span::from_seconds(after as i64 * 60),
                keep: Span::from_seconds(incidents_days as i64 * 86_400),
            },
            directory: self.folder.join(table.directory.get_ref()),
            segment_bytes_max: segment_mib << 20,
            segment_time_max: Span::from_seconds(segment_minutes as i64 * 60),
            reserve_bytes: reserve_mib << 20,
        })
    }

    /// A whole number within its bounds.
    fn within(&mut self, value: &Spanned<u64>, key: &str, bounds: RangeInclusive<u64>) -> Option<u64> {
        let number = *value.get_ref();
        if bounds.contains(&number) {
            return Some(number);
        }
        let expected = format!("expected {} to {}", bounds.start(), bounds.end());
        self.problems.push(value.span(), format!("`{key}`: {number}"), expected, None);
        None
    }

    pub(super) fn at_most(&mut self, values: &[Spanned<DeValue<'a>>], max: usize, key: &str) {
        if let Some(value) = values.get(max) {
            self.problems.push(
                value.span(),
                format!("more than {max} `[[{key}]]`"),
                format!("at most {max} are taken"),
                None,
            );
        }
    }

    pub(super) fn id<T>(
        &mut self,
        text: &Spanned<String>,
        what: &str,
        make: fn(&str) -> Result<T, lapwing_model::id::NotAnId>,
    ) -> Option<T> {
        match make(text.get_ref()) {
            Ok(id) => Some(id),
            Err(e) => {
                self.problems.push(
                    text.span(),
                    format!("`{}` is not an id of a {what}", AirText::new(text.get_ref())),
                    e.to_string(),
                    None,
                );
                None
            }
        }
    }

    /// A place from two optional numbers, both or none.
    pub(super) fn place(
        &mut self,
        span: &Range<usize>,
        latitude: Option<&Spanned<f64>>,
        longitude: Option<&Spanned<f64>>,
    ) -> Option<Place> {
        match (latitude, longitude) {
            (Some(lat), Some(lon)) => {
                let place = Place::new(*lat.get_ref(), *lon.get_ref());
                if place.is_none() {
                    let lat_bad = lat.get_ref().is_nan() || lat.get_ref().abs() > 90.0;
                    let (at, what, range) =
                        if lat_bad { (lat, "latitude_deg", 90) } else { (lon, "longitude_deg", 180) };
                    self.problems.push(
                        at.span(),
                        format!("`{what}`: {} is out of range", at.get_ref()),
                        format!("expected -{range} to {range} degrees"),
                        None,
                    );
                }
                place
            }
            (None, None) => None,
            (Some(at), None) | (None, Some(at)) => {
                let missing = if latitude.is_some() { "longitude_deg" } else { "latitude_deg" };
                self.problems.push(at.span(), format!("`{missing}` is missing"), "a place needs both", None);
                let _ = span;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
