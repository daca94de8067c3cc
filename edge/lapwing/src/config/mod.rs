//! The configuration file: one TOML file a site.
//!
//! `[[input]]` is read in two steps: first `name`, `sensor`, `format` and `transport`, then the two tables named after
//! the format and the transport by their own types, so that every error keeps its key and its line.

mod diagnose;
mod tables;

pub(crate) use diagnose::Problems;
use diagnose::{list, near_miss};
use lapwing_formats::FORMATS;
use lapwing_model::height::geoid_undulation_m;
use lapwing_model::site::InputInfo;
use lapwing_model::{
    AirText, AuthorisedFlight, InputId, Name, NameKind, Place, Rule, Sensor, SensorId, Shape, Site, Span, Zone,
    ZoneHeight, ZoneId, ZoneKind, limits,
};
use lapwing_transports::TRANSPORTS;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use tables::{AuthorisedTable, HeightTable, JournalTable, RuleTable, SensorTable, ServerTable, SiteTable, ZoneTable};
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

/// Opening a transport reads its options and does nothing else until its task runs; here it never does.
fn check_input(
    open: lapwing_transports::OpenInput,
    options: lapwing_transports::ConfigTable<'_>,
) -> Result<(), toml::de::Error> {
    let Ok(nobody) = InputId::new("check") else { return Ok(()) };
    let (_inbox, maker) = lapwing_transports::mailbox::channel();
    open(options, maker.mailbox(nobody)).map(drop)
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
    fn many(&mut self, key: &str) -> Vec<Spanned<DeValue<'a>>> {
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

    fn typed<T: DeserializeOwned>(&mut self, value: Spanned<DeValue<'a>>) -> Option<T> {
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
        let mib = *table.segment_mib.get_ref();
        if !(1..=65_536).contains(&mib) {
            self.problems.push(
                table.segment_mib.span(),
                format!("`journal.segment_mib`: {mib}"),
                "expected 1 to 65536",
                None,
            );
            return None;
        }
        Some(JournalConfig { directory: self.folder.join(table.directory.get_ref()), segment_bytes_max: mib << 20 })
    }

    fn sensors(&mut self) -> Vec<Sensor> {
        let mut sensors: Vec<Sensor> = Vec::new();
        let values = self.many("sensor");
        self.at_most(&values, limits::SENSORS_MAX, "sensor");
        for value in values {
            let span = value.span();
            let Some(table) = self.typed::<SensorTable>(value) else { continue };
            let Some(id) = self.id(&table.id, "sensor", SensorId::new) else { continue };
            if sensors.iter().any(|s| s.id == id) {
                self.problems.push(
                    table.id.span(),
                    format!("sensor `{id}` is there twice"),
                    "expected an id of its own",
                    None,
                );
                continue;
            }
            let interval_s = *table.interval_s.get_ref();
            if !(interval_s > 0.0 && interval_s <= 86_400.0) {
                self.problems.push(
                    table.interval_s.span(),
                    format!("`sensor.interval_s`: {interval_s}"),
                    "expected more than 0 and at most 86400 seconds",
                    None,
                );
                continue;
            }
            let place = self.place(&span, table.latitude_deg.as_ref(), table.longitude_deg.as_ref());
            let place = place.map(|p| {
                let from_msl = table.altitude_msl_m.map(|h| h + geoid_undulation_m(p));
                p.at_height(table.height_ellipsoid_m.or(from_msl).unwrap_or(0.0))
            });
            if place.is_some() && table.height_ellipsoid_m.is_none() && table.altitude_msl_m.is_none() {
                self.problems.push(
                    span,
                    format!("sensor `{id}` stands somewhere, but its height is not said"),
                    "expected `height_ellipsoid_m` or `altitude_msl_m`",
                    None,
                );
            }
            sensors.push(Sensor {
                id,
                kind: table.kind,
                place,
                interval: Span::from_seconds_f64(interval_s),
                coverage: table.coverage,
                error: table.error,
            });
        }
        sensors
    }

    fn at_most(&mut self, values: &[Spanned<DeValue<'a>>], max: usize, key: &str) {
        if let Some(value) = values.get(max) {
            self.problems.push(
                value.span(),
                format!("more than {max} `[[{key}]]`"),
                format!("at most {max} are taken"),
                None,
            );
        }
    }

    fn id<T>(
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
    fn place(
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

    /// Step one of an `[[input]]` or `[[output]]`: takes `key` out of the table, as a text.
    fn take_text(
        &mut self,
        table: &mut DeTable<'a>,
        span: &Range<usize>,
        section: &str,
        key: &str,
    ) -> Option<Spanned<String>> {
        match table.remove(key) {
            Some(value) => self.typed::<Spanned<String>>(value),
            None => {
                self.problems.push(
                    span.clone(),
                    format!("`{section}.{key}` is missing"),
                    format!("expected `{key} = \"...\"`"),
                    None,
                );
                None
            }
        }
    }

    fn table_of(&mut self, value: &Spanned<DeValue<'a>>, section: &str) -> Option<DeTable<'a>> {
        match value.get_ref() {
            DeValue::Table(table) => Some(table.clone()),
            other => {
                self.problems.push(
                    value.span(),
                    format!("`{section}` is a {}", other.type_str()),
                    "expected a table",
                    None,
                );
                None
            }
        }
    }

    fn inputs(&mut self, sensors: &[Sensor]) -> Vec<InputConfig> {
        let mut inputs: Vec<InputConfig> = Vec::new();
        for value in self.many("input") {
            let span = value.span();
            let Some(mut table) = self.table_of(&value, "input") else { continue };
            let name = self.take_text(&mut table, &span, "input", "name");
            let sensor = self.take_text(&mut table, &span, "input", "sensor");
            let format = self.take_text(&mut table, &span, "input", "format");
            let transport = self.take_text(&mut table, &span, "input", "transport");
            let format = format.and_then(|f| {
                self.known(&f, "input.format", FORMATS.iter().filter(|f| f.decoder.is_some()).map(|f| f.name))
            });
            let transport = transport.and_then(|t| {
                self.known(&t, "input.transport", TRANSPORTS.iter().filter(|t| t.input.is_some()).map(|t| t.name))
            });
            let sensor = sensor.and_then(|s| self.known(&s, "input.sensor", sensors.iter().map(|s| s.id.as_str())));
            let name = name.and_then(|n| {
                let id = self.id(&n, "input", InputId::new)?;
                if inputs.iter().any(|i| i.info.id == id) {
                    self.problems.push(
                        n.span(),
                        format!("input `{id}` is there twice"),
                        "expected a name of its own",
                        None,
                    );
                }
                Some(id)
            });
            let (Some(format), Some(transport)) = (format, transport) else { continue };
            let format_options = self.options(&mut table, &span, &format, |value| {
                lapwing_formats::format(&format).and_then(|f| f.decoder).map(|open| open(value).map(drop))
            });
            let transport_options = self.options(&mut table, &span, &transport, |value| {
                lapwing_transports::transport(&transport).and_then(|t| t.input).map(|open| check_input(open, value))
            });
            self.left_over(&table, "input", &["name", "sensor", "format", "transport", &format, &transport]);
            let (Some(id), Some(sensor)) = (name, sensor.and_then(|s| SensorId::new(&s).ok())) else { continue };
            let info = InputInfo {
                id,
                format: AirText::new(&format),
                transport: AirText::new(&transport),
                sensor,
                format_options,
            };
            inputs.push(InputConfig { info, transport_options });
        }
        inputs
    }

    fn outputs(&mut self) -> Vec<OutputConfig> {
        let mut outputs: Vec<OutputConfig> = Vec::new();
        for value in self.many("output") {
            let span = value.span();
            let Some(mut table) = self.table_of(&value, "output") else { continue };
            let name = self.take_text(&mut table, &span, "output", "name");
            let format = self.take_text(&mut table, &span, "output", "format");
            let transport = self.take_text(&mut table, &span, "output", "transport");
            let when = match table.remove("when") {
                Some(value) => self.typed::<Vec<When>>(value),
                None => Some(vec![When::Alerts, When::Health]),
            };
            let format = format.and_then(|f| {
                self.known(&f, "output.format", FORMATS.iter().filter(|f| f.encoder.is_some()).map(|f| f.name))
            });
            let transport = transport.and_then(|t| {
                self.known(&t, "output.transport", TRANSPORTS.iter().filter(|t| t.output.is_some()).map(|t| t.name))
            });
            let (Some(format), Some(transport)) = (format, transport) else { continue };
            let format_options = self.options(&mut table, &span, &format, |value| {
                lapwing_formats::format(&format).and_then(|f| f.encoder).map(|open| open(value).map(drop))
            });
            let transport_options = self.options(&mut table, &span, &transport, |value| {
                lapwing_transports::transport(&transport).and_then(|t| t.output).map(|open| {
                    let (_, outbox) = lapwing_transports::outbox::channel();
                    open(value, outbox).map(drop)
                })
            });
            self.left_over(&table, "output", &["name", "format", "transport", "when", &format, &transport]);
            let Some(name) = name else { continue };
            let name = match self.id(&name, "output", InputId::new) {
                Some(_) if outputs.iter().any(|o| o.name == *name.get_ref()) => {
                    self.problems.push(
                        name.span(),
                        format!("output `{}` is there twice", name.get_ref()),
                        "expected a name of its own",
                        None,
                    );
                    continue;
                }
                Some(id) => id.as_str().to_owned(),
                None => continue,
            };
            outputs.push(OutputConfig {
                name,
                format,
                format_options,
                transport,
                transport_options,
                when: when.unwrap_or_default(),
            });
        }
        outputs
    }

    /// A word that must be one of `known`.
    fn known<'k>(&mut self, word: &Spanned<String>, key: &str, known: impl Iterator<Item = &'k str>) -> Option<String> {
        let known: Vec<&str> = known.collect();
        if known.contains(&word.get_ref().as_str()) {
            return Some(word.get_ref().clone());
        }
        let shown = AirText::new(word.get_ref());
        let hint = near_miss(word.get_ref(), known.iter().copied());
        self.problems.push(
            word.span(),
            format!("`{key}`: there is no `{shown}`"),
            format!("expected {}", list(&known)),
            hint,
        );
        None
    }

    /// Step two: the table named after a format or transport, checked by its owner; kept as TOML text.
    fn options(
        &mut self,
        table: &mut DeTable<'a>,
        span: &Range<usize>,
        name: &str,
        check: impl FnOnce(lapwing_formats::ConfigTable<'a>) -> Option<Result<(), toml::de::Error>>,
    ) -> String {
        let value =
            table.remove(name).unwrap_or_else(|| Spanned::new(span.clone(), DeValue::Table(DeTable::default())));
        let span = value.span();
        if let Some(Err(e)) = check(value.clone()) {
            self.problems.push_toml(self.document, span, &e);
            return String::new();
        }
        self.typed::<toml::Table>(value).and_then(|t| toml::to_string(&t).ok()).unwrap_or_default()
    }

    fn left_over(&mut self, table: &DeTable<'a>, section: &str, known: &[&str]) {
        for (key, _) in table.iter() {
            let word = key.get_ref();
            self.problems.push(
                key.span(),
                format!("`{section}.{word}`: unknown key"),
                format!("expected {}", list(known)),
                near_miss(word, known.iter().copied()),
            );
        }
    }

    fn zones(&mut self) -> Vec<Zone> {
        let mut zones: Vec<Zone> = Vec::new();
        for value in self.many("zone") {
            let span = value.span();
            let Some(table) = self.typed::<ZoneTable>(value) else { continue };
            let found = match &table.file {
                Some(file) => self.zone_file(file),
                None => self.zone_circle(&span, &table).into_iter().collect(),
            };
            for zone in found {
                if zones.iter().any(|z| z.id == zone.id) {
                    self.problems.push(
                        span.clone(),
                        format!("zone `{}` is there twice", zone.id),
                        "expected an id of its own",
                        None,
                    );
                } else if zones.len() == limits::ZONES_MAX {
                    self.problems.push(
                        span.clone(),
                        "too many zones",
                        format!("at most {} are taken", limits::ZONES_MAX),
                        None,
                    );
                    return zones;
                } else {
                    zones.push(zone);
                }
            }
        }
        zones
    }

    fn zone_file(&mut self, file: &Spanned<String>) -> Vec<Zone> {
        let path = self.folder.join(file.get_ref());
        let stem = path.file_stem().and_then(|s| s.to_str()).unwrap_or("zone").to_owned();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) => {
                self.problems.push(
                    file.span(),
                    format!("`zone.file`: cannot read {}: {e}", path.display()),
                    "expected a GeoJSON file, relative to this one",
                    None,
                );
                return Vec::new();
            }
        };
        match crate::zones::from_geojson(&stem, &text) {
            Ok(zones) => zones,
            Err(errors) => {
                for error in errors {
                    self.problems.push(file.span(), format!("{}: {error}", path.display()), "named here", None);
                }
                Vec::new()
            }
        }
    }

    fn zone_circle(&mut self, span: &Range<usize>, table: &ZoneTable) -> Option<Zone> {
        let (Some(id), Some(radius)) = (&table.id, &table.radius_m) else {
            self.problems.push(
                span.clone(),
                "a `[[zone]]` is a file or a circle",
                "expected `file`, or `id`, `latitude_deg`, `longitude_deg` and `radius_m`",
                None,
            );
            return None;
        };
        let Some(centre) = self.place(span, table.latitude_deg.as_ref(), table.longitude_deg.as_ref()) else {
            if table.latitude_deg.is_none() && table.longitude_deg.is_none() {
                self.problems.push(
                    id.span(),
                    "`zone.latitude_deg` and `zone.longitude_deg` are missing",
                    "a circle needs its centre",
                    None,
                );
            }
            return None;
        };
        let id = self.id(id, "zone", ZoneId::new)?;
        let radius_m = self.radius(radius, "zone.radius_m")?;
        let height = |h: &HeightTable| ZoneHeight { value_m: h.value_m, datum: h.datum };
        Some(Zone {
            name: AirText::new(table.name.as_deref().unwrap_or(id.as_str())),
            id,
            kind: table.kind.unwrap_or(ZoneKind::Protected),
            shape: Shape::Circle { centre, radius_m },
            floor: table.floor.as_ref().map(height),
            ceiling: table.ceiling.as_ref().map(height),
            times: Vec::new(),
        })
    }

    fn radius(&mut self, radius: &Spanned<f64>, key: &str) -> Option<f64> {
        let radius_m = *radius.get_ref();
        if radius_m > 0.0 && radius_m <= 1_000_000.0 {
            return Some(radius_m);
        }
        self.problems.push(
            radius.span(),
            format!("`{key}`: {radius_m}"),
            "expected more than 0 and at most 1000000 metres",
            None,
        );
        None
    }

    fn rules(&mut self, zones: &[Zone]) -> Vec<Rule> {
        let values = self.many("rule");
        if values.is_empty() {
            return Rule::defaults();
        }
        let mut rules = Vec::new();
        for value in values {
            let Some(table) = self.typed::<RuleTable>(value) else { continue };
            let watched: BTreeSet<String> = table
                .zones
                .iter()
                .filter_map(|z| self.known(z, "rule.zones", zones.iter().map(|z| z.id.as_str())))
                .collect();
            let lead_s = *table.lead_s.get_ref();
            if !(0.0..=3600.0).contains(&lead_s) {
                self.problems.push(
                    table.lead_s.span(),
                    format!("`rule.lead_s`: {lead_s}"),
                    "expected 0 to 3600 seconds",
                    None,
                );
                continue;
            }
            let probability_min = *table.probability_min.get_ref();
            if !(0.0..=1.0).contains(&probability_min) {
                self.problems.push(
                    table.probability_min.span(),
                    format!("`rule.probability_min`: {probability_min}"),
                    "expected 0 to 1",
                    None,
                );
                continue;
            }
            rules.push(Rule {
                name: AirText::new(&table.name),
                zones: watched.iter().filter_map(|z| ZoneId::new(z).ok()).collect(),
                zone_kinds: table.zone_kinds,
                except: table.except,
                except_classes: table.except_classes,
                lead: Span::from_seconds_f64(lead_s),
                probability_min,
            });
        }
        rules
    }

    fn authorised(&mut self) -> Vec<AuthorisedFlight> {
        let mut flights = Vec::new();
        for value in self.many("authorised") {
            let span = value.span();
            let Some(table) = self.typed::<AuthorisedTable>(value) else { continue };
            let icao = table.icao_address.as_ref().and_then(|hex| {
                let ok = hex.get_ref().len() == 6 && hex.get_ref().bytes().all(|b| b.is_ascii_hexdigit());
                if !ok {
                    self.problems.push(
                        hex.span(),
                        "`authorised.icao_address` is not an address",
                        "expected six hex digits",
                        None,
                    );
                }
                ok.then(|| hex.get_ref().to_ascii_lowercase())
            });
            let names = [
                (NameKind::Serial, table.serial.clone()),
                (NameKind::IcaoAddress, icao),
                (NameKind::Registration, table.registration.clone()),
            ];
            let mut names = names.into_iter().filter_map(|(kind, n)| n.map(|n| Name { kind, value: AirText::new(&n) }));
            let (Some(name), None) = (names.next(), names.next()) else {
                self.problems.push(
                    span,
                    "an `[[authorised]]` flight has one name",
                    "expected one of `serial`, `icao_address` or `registration`",
                    None,
                );
                continue;
            };
            let centre = self.place(&span, table.latitude_deg.as_ref(), table.longitude_deg.as_ref());
            let area = match (centre, &table.radius_m) {
                (Some(centre), Some(radius)) => {
                    self.radius(radius, "authorised.radius_m").map(|radius_m| Shape::Circle { centre, radius_m })
                }
                (None, None) => None,
                _ => {
                    self.problems.push(
                        span,
                        "the area of an `[[authorised]]` flight is a circle",
                        "expected `latitude_deg`, `longitude_deg` and `radius_m` together",
                        None,
                    );
                    None
                }
            };
            flights.push(AuthorisedFlight { name, area, from: table.from, to: table.to });
        }
        flights
    }
}

#[cfg(test)]
mod tests;
