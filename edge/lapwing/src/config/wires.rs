//! `[[input]]` and `[[output]]`, in two steps: first what every one has, then the two tables named after its format and
//! its transport, each read by its owner.

use super::diagnose::{list, near_miss};
use super::{InputConfig, OutputConfig, Reader, When};
use lapwing_formats::FORMATS;
use lapwing_model::site::InputInfo;
use lapwing_model::{AirText, InputId, Sensor, SensorId};
use lapwing_transports::TRANSPORTS;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Opening a transport reads its options and does nothing else until its task runs; here it never does.
fn check_input(
    open: lapwing_transports::OpenInput,
    options: lapwing_transports::ConfigTable<'_>,
) -> Result<(), toml::de::Error> {
    let Ok(nobody) = InputId::new("check") else { return Ok(()) };
    let (_inbox, maker) = lapwing_transports::mailbox::channel();
    open(options, maker.mailbox(nobody)).map(drop)
}

impl<'a> Reader<'a> {
    /// Step one of an `[[input]]` or `[[output]]`: takes `key` out of the table, as a text.
    pub(super) fn take_text(
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

    pub(super) fn table_of(&mut self, value: &Spanned<DeValue<'a>>, section: &str) -> Option<DeTable<'a>> {
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

    pub(super) fn inputs(&mut self, sensors: &[Sensor]) -> Vec<InputConfig> {
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
            self.same_address(&transport, &transport_options, &inputs, &span);
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

    /// Two inputs cannot listen on one address: the second would stay down.
    fn same_address(&mut self, transport: &str, options: &str, inputs: &[InputConfig], span: &Range<usize>) {
        let address = |options: &str| {
            let table: Option<toml::Table> = options.parse().ok();
            table.and_then(|t| t.get("listen").and_then(|l| l.as_str().map(str::to_owned)))
        };
        // UDP has ports of its own.
        let family = |name: &str| name == "udp";
        let Some(mine) = address(options) else { return };
        let taken = inputs.iter().find(|i| {
            family(i.info.transport.as_str()) == family(transport)
                && address(&i.transport_options).as_deref() == Some(&mine)
        });
        if let Some(other) = taken {
            let title = format!("`input.{transport}.listen`: input `{}` listens on {mine} already", other.info.id);
            self.problems.push(span.clone(), title, "expected an address of its own", None);
        }
    }

    pub(super) fn outputs(&mut self) -> Vec<OutputConfig> {
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
    pub(super) fn known<'k>(
        &mut self,
        word: &Spanned<String>,
        key: &str,
        known: impl Iterator<Item = &'k str>,
    ) -> Option<String> {
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
        let Some(mut table) = self.typed::<toml::Table>(value) else { return String::new() };
        // A path is relative to the file it stands in, not to the folder somebody happened to start from.
        if let Some(toml::Value::String(path)) = table.get_mut("path").filter(|_| matches!(name, "file" | "pcap"))
            && path != "-"
        {
            *path = self.folder.join(&*path).to_string_lossy().into_owned();
        }
        toml::to_string(&table).unwrap_or_default()
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
}
