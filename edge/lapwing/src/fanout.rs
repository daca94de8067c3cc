//! Events to the outputs: each has its own format, its own queue and its own books; none can hold up the line.

use crate::config::{OutputConfig, When};
use anyhow::{Context, anyhow};
use lapwing_formats::{ConfigTable, Encoder};
use lapwing_model::{Event, EventBody, Snapshot};
use lapwing_server::OutputState;
use lapwing_transports::{Output, Task};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// An opened output.
struct Channel {
    config: OutputConfig,
    encoder: Box<dyn Encoder>,
    output: Output,
}

/// All outputs of a site.
pub(crate) struct Fanout {
    channels: Vec<Channel>,
    buffer: Vec<u8>,
}

/// The TOML text of an options table as the table type transports take.
pub(crate) fn options_table(text: &str) -> anyhow::Result<ConfigTable<'_>> {
    let table = DeTable::parse(text)?;
    let span = table.span();
    Ok(Spanned::new(span, DeValue::Table(table.into_inner())))
}

impl Fanout {
    /// Opens all outputs; their tasks are to be spawned.
    pub(crate) fn open(configs: &[OutputConfig]) -> anyhow::Result<(Self, Vec<Task>)> {
        let (mut channels, mut tasks) = (Vec::new(), Vec::new());
        for config in configs {
            let (channel, task) = open(config).with_context(|| format!("output `{}`", config.name))?;
            channels.push(channel);
            tasks.push(task);
        }
        Ok((Self { channels, buffer: Vec::new() }, tasks))
    }

    /// Gives an event to every output that wants it. Never waits.
    pub(crate) fn send(&mut self, event: &Event, snapshot: Option<&Snapshot>) {
        for channel in &mut self.channels {
            if !channel.config.when.iter().any(|when| wants(*when, &event.body)) {
                continue;
            }
            self.buffer.clear();
            channel.encoder.encode(event, snapshot, &mut self.buffer);
            if !self.buffer.is_empty() {
                channel.output.send(event.body.is_vital(), self.buffer.clone());
            }
        }
    }

    /// The outputs and how they are.
    pub(crate) fn states(&self) -> Vec<OutputState> {
        self.channels
            .iter()
            .map(|c| {
                let books = c.output.books();
                OutputState {
                    name: c.config.name.clone(),
                    format: c.config.format.clone(),
                    transport: c.config.transport.clone(),
                    lost: books.lost_total(),
                    sent: books.sent,
                    waiting: books.waiting,
                    link: books.link,
                }
            })
            .collect()
    }
}

fn open(config: &OutputConfig) -> anyhow::Result<(Channel, Task)> {
    let open_encoder = lapwing_formats::format(&config.format)
        .and_then(|f| f.encoder)
        .ok_or_else(|| anyhow!("there is no encoder `{}`", config.format))?;
    let open_output = lapwing_transports::transport(&config.transport)
        .and_then(|t| t.output)
        .ok_or_else(|| anyhow!("transport `{}` has no output", config.transport))?;
    make_folder(config)?;
    let encoder = lapwing_formats::open_with(open_encoder, &config.format_options)?;
    let (output, outbox) = lapwing_transports::outbox::channel();
    let task = open_output(options_table(&config.transport_options)?, outbox)?;
    Ok((Channel { config: config.clone(), encoder, output }, task))
}

/// Makes the folder a file output writes into, as the journal's is made.
fn make_folder(config: &OutputConfig) -> anyhow::Result<()> {
    let options: toml::Table = config.transport_options.parse()?;
    let path = options.get("path").and_then(toml::Value::as_str).filter(|p| config.transport == "file" && *p != "-");
    match path.and_then(|p| std::path::Path::new(p).parent()) {
        Some(folder) => std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display())),
        None => Ok(()),
    }
}

fn wants(when: When, body: &EventBody) -> bool {
    match when {
        When::All => true,
        When::Alerts => matches!(body, EventBody::AlertChanged { .. }),
        When::Health => {
            matches!(body, EventBody::SensorChanged { .. } | EventBody::InputChanged { .. } | EventBody::Faulted { .. })
        }
        When::Tracks => matches!(
            body,
            EventBody::TrackBegan { .. }
                | EventBody::TrackUpdated { .. }
                | EventBody::TrackEnded { .. }
                | EventBody::TracksJoined { .. }
                | EventBody::TrackSplit { .. }
        ),
    }
}
