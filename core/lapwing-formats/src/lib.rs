#![deny(clippy::disallowed_methods, clippy::disallowed_types)]
//! Bytes to nouns and back: one file or folder per wire format.
//!
//! Adding a format is one file (or folder) and two plain lines here: its `mod`, and its entry in [`FORMATS`].

pub mod aircraft_json;
mod decode;
pub mod dronescout;
#[doc(hidden)]
pub mod harness;
pub mod json;
mod lines;
pub mod mode_s;
pub mod remote_id;
pub mod sbs;
mod state;

pub use decode::{Account, Decoded, Decoder, Detail, Encoder, Found, fault};
pub use state::BadState;

/// A table of a configuration file, with the place of every key and value in it.
pub type ConfigTable<'a> = toml::Spanned<toml::de::DeValue<'a>>;

/// Opens a decoder from its configuration table; an absent table is an empty one.
pub type OpenDecoder = fn(ConfigTable<'_>) -> Result<Box<dyn Decoder>, toml::de::Error>;
/// Opens an encoder from its configuration table.
pub type OpenEncoder = fn(ConfigTable<'_>) -> Result<Box<dyn Encoder>, toml::de::Error>;

/// A wire format.
#[derive(Clone, Copy)]
pub struct Format {
    /// Its name in configuration files and on the command line, kebab case.
    pub name: &'static str,
    /// One line on what it is.
    pub summary: &'static str,
    /// Opens its decoder, when it can be read.
    pub decoder: Option<OpenDecoder>,
    /// Opens its encoder, when it can be written.
    pub encoder: Option<OpenEncoder>,
    /// A sample of its configuration table (the TOML body of `[input.<name>]`), parsed by the tests.
    pub sample: &'static str,
}

/// Every format, sorted by name.
pub const FORMATS: &[Format] =
    &[aircraft_json::FORMAT, dronescout::FORMAT, json::FORMAT, mode_s::FORMAT, remote_id::FORMAT, sbs::FORMAT];

/// Opens a decoder or encoder with options given as TOML text, as a journal keeps them.
pub fn open_with<T>(
    open: fn(ConfigTable<'_>) -> Result<T, toml::de::Error>,
    options: &str,
) -> Result<T, toml::de::Error> {
    let table = toml::de::DeTable::parse(options)?;
    let span = table.span();
    open(toml::Spanned::new(span, toml::de::DeValue::Table(table.into_inner())))
}

/// The format of this name.
pub fn format(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|f| f.name == name)
}
