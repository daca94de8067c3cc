// The ban list of clippy.toml keeps core/ pure; sockets, files and clocks live here.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]
//! Sockets, brokers and files: bytes in, bytes out. What the bytes mean is for others to say.
//!
//! A transport is opened from its configuration table and gives a [`Task`] to spawn. An input's task puts what arrives
//! into its [`Mailbox`]; an output's task takes messages from its [`Outbox`]. A task keeps itself going: what it lost it
//! tries again, with a back-off between 0.2 s and 5 s, and tells each change of its state as a `Link`. It stops when it
//! is dropped or aborted, when the [`Inbox`] is dropped (inputs), or when the [`Output`] is dropped and what waited in it
//! is sent (outputs).
//!
//! Adding a transport is one file (or folder) and two plain lines here: its `mod`, and its entry in [`TRANSPORTS`].

pub mod address;
pub mod clock;
mod file;
mod http;
pub mod mailbox;
mod mqtt;
pub mod outbox;
pub mod pcap;
mod supervise;
mod tcp;
mod udp;

pub use mailbox::{Delivery, Inbox, Mailbox, MailboxMaker};
pub use outbox::{Outbox, Output, OutputBooks};
pub use supervise::Task;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A table of a configuration file, with the place of every key and value in it.
pub type ConfigTable<'a> = toml::Spanned<toml::de::DeValue<'a>>;
/// Opens an input from its configuration table.
pub type OpenInput = fn(ConfigTable<'_>, Mailbox) -> Result<Task, toml::de::Error>;
/// Opens an output from its configuration table.
pub type OpenOutput = fn(ConfigTable<'_>, Outbox) -> Result<Task, toml::de::Error>;

/// A way bytes come in or go out.
#[derive(Clone, Copy)]
pub struct Transport {
    /// Its name in configuration files.
    pub name: &'static str,
    /// One line on what it is.
    pub summary: &'static str,
    /// Opens it as an input, when it can be one.
    pub input: Option<OpenInput>,
    /// Opens it as an output, when it can be one.
    pub output: Option<OpenOutput>,
    /// A sample of its input table, parsed by the tests; empty when it is no input.
    pub sample_input: &'static str,
    /// A sample of its output table, parsed by the tests; empty when it is no output.
    pub sample_output: &'static str,
}

/// Every transport, sorted by name.
pub const TRANSPORTS: &[Transport] =
    &[file::TRANSPORT, http::TRANSPORT, mqtt::TRANSPORT, pcap::TRANSPORT, tcp::TRANSPORT, udp::TRANSPORT];

/// The transport of this name.
pub fn transport(name: &str) -> Option<&'static Transport> {
    TRANSPORTS.iter().find(|t| t.name == name)
}

/// Reads a configuration table, keeping the place of what is wrong in it.
fn read<T: DeserializeOwned>(table: ConfigTable<'_>) -> Result<T, toml::de::Error> {
    T::deserialize(toml::de::ValueDeserializer::from(table))
}

/// What stands after each message of a byte stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Delimiter {
    /// A line break, unless the message already ends with one.
    #[default]
    Newline,
    /// Nothing: the format frames its messages itself.
    None,
}

impl Delimiter {
    fn after(self, message: Bytes) -> Bytes {
        match self {
            Self::Newline if !message.ends_with(b"\n") => {
                let mut line = Vec::with_capacity(message.len() + 1);
                line.extend_from_slice(&message);
                line.push(b'\n');
                line.into()
            }
            _ => message,
        }
    }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
