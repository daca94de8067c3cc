//! Lapwing's own format for any sensor that has none: flat JSON objects, one a line on a stream, one or several (glued,
//! one a line, or in an array) in a datagram, an MQTT message or an HTTP push.
//!
//! `{"type":"position","time":"2026-05-01T09:30:00Z","latitude_deg":47.45,"longitude_deg":8.56,"altitude_msl_m":520}`
//!
//! Every key, its unit and its bounds stand in `docs/reference/lapwing-json.schema.json`. A unit is one object. Unknown
//! keys are faults and the object is used; a wrong value rejects the object that has it and nothing else.
//!
//! As an output format it writes each event as one line; see [`EventLines`].

mod build;
mod decoder;
mod encode;
mod fields;
mod schema;
#[cfg(test)]
mod tests;
mod text;
mod values;

pub use decoder::Json;
pub use encode::{EventLines, encode_report};
pub use schema::{reference, schema};

use crate::{ConfigTable, Decoder, Encoder, Format};
use serde::{Deserialize, Serialize};

/// Bytes of one object, and of one line of a stream.
pub const OBJECT_BYTES_MAX: usize = 64 << 10;

/// This format's entry in the registry.
pub const FORMAT: Format = Format {
    name: "json",
    summary: "Lapwing's own JSON lines: any sensor's plots, tracks, claims, sightings and status in; events out",
    decoder: Some(open_decoder),
    encoder: Some(open_encoder),
    sample: "",
};

/// Settings of the input: none yet; an unknown key is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct JsonInputConfig {}

/// Settings of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct JsonOutputConfig {
    /// Whether operators' places and ids are sent. When they are not, an event that had some says so in `masked`.
    pub personal: bool,
}

fn open_decoder(table: ConfigTable<'_>) -> Result<Box<dyn Decoder>, toml::de::Error> {
    let _config = JsonInputConfig::deserialize(toml::de::ValueDeserializer::from(table))?;
    Ok(Box::new(Json::new()))
}

fn open_encoder(table: ConfigTable<'_>) -> Result<Box<dyn Encoder>, toml::de::Error> {
    let config = JsonOutputConfig::deserialize(toml::de::ValueDeserializer::from(table))?;
    Ok(Box::new(EventLines::new(config)))
}
