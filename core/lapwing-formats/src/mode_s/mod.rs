//! Mode S and ADS-B as 1090 MHz receivers pass them on: Beast binary or AVR text framing, the surveillance and extended squitter
//! formats of Mode S (DF 0, 4, 5, 11, 16, 17, 18, 20, 21), positions by Compact Position Reporting.
//!
//! A unit is one message, or what stands in the place of one. Each message gives one claim, usually partial: a position, a velocity, a
//! callsign. The wire layer ([`frame`] to [`velocity`]) is pure and allocates nothing; [`aircraft`] remembers what must be
//! remembered between messages.

pub mod aircraft;
pub mod avr;
pub mod beast;
mod claim;
pub mod clock;
pub mod cpr;
pub mod crc;
mod decoder;
pub mod encode;
pub mod fields;
pub mod frame;
pub mod message;
pub mod quality;
pub mod squitter;
pub mod status;
#[cfg(test)]
mod tests;
pub mod velocity;

pub(crate) use claim::{class_of, is_emergency};
pub use decoder::{ModeS, Wire};

use crate::{ConfigTable, Decoder, Format};
use clock::ClockKind;
use cpr::LatLon;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

/// This format's entry in the registry.
pub const FORMAT: Format = Format {
    name: "mode-s",
    summary: "Mode S and ADS-B from 1090 MHz receivers: Beast binary or AVR text",
    decoder: Some(open),
    encoder: None,
    sample: r#"framing = "beast"            # or "avr"
clock = "counter"            # what the receiver's time stamps are: a 12 MHz "counter", "gps" time of day, or "reception": not used
receiver = { latitude_deg = 43.62, longitude_deg = 1.37 }  # needed for positions on the ground
range_max_m = 740000.0       # positions farther from the receiver are refused
surface_range_max_m = 20000.0  # and those on the ground from a single message farther than this
"#,
};

/// How messages are framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Framing {
    /// Beast binary.
    #[default]
    Beast,
    /// AVR text.
    Avr,
}

/// Where the receiver stands.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceiverPlace {
    /// Latitude, degrees north.
    #[serde(deserialize_with = "latitude")]
    #[schemars(range(min = -90.0, max = 90.0))]
    pub latitude_deg: f64,
    /// Longitude, degrees east.
    #[serde(deserialize_with = "longitude")]
    #[schemars(range(min = -180.0, max = 180.0))]
    pub longitude_deg: f64,
}

/// Settings.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ModeSConfig {
    /// How messages are framed.
    pub framing: Framing,
    /// What the receiver's time stamps mean.
    pub clock: ClockKind,
    /// Where the receiver stands. Without it there are no positions on the ground, and no check of range.
    pub receiver: Option<ReceiverPlace>,
    /// Places farther from the receiver are refused, metres. 740 km is the radio horizon of an aircraft at 45,000 ft and some.
    #[serde(deserialize_with = "distance")]
    pub range_max_m: f64,
    /// Places on the ground found from a single message are refused farther from the receiver than this, metres.
    #[serde(deserialize_with = "distance")]
    pub surface_range_max_m: f64,
}

impl Default for ModeSConfig {
    fn default() -> Self {
        Self {
            framing: Framing::Beast,
            clock: ClockKind::Counter,
            receiver: None,
            range_max_m: 740_000.0,
            surface_range_max_m: 20_000.0,
        }
    }
}

impl ModeSConfig {
    fn site(&self) -> aircraft::Site {
        let receiver = self.receiver.map(|r| LatLon { latitude_deg: r.latitude_deg, longitude_deg: r.longitude_deg });
        aircraft::Site { receiver, range_max_m: self.range_max_m, surface_range_max_m: self.surface_range_max_m }
    }
}

fn open(table: ConfigTable<'_>) -> Result<Box<dyn Decoder>, toml::de::Error> {
    let config = ModeSConfig::deserialize(toml::de::ValueDeserializer::from(table))?;
    Ok(Box::new(ModeS::new(config)))
}

/// A number for which `ok` holds. Checked while it is read, so that the error stands at its place in the file.
fn number_that<'de, D: Deserializer<'de>>(from: D, ok: impl Fn(f64) -> bool, wanted: &str) -> Result<f64, D::Error> {
    let value = f64::deserialize(from)?;
    if ok(value) { Ok(value) } else { Err(serde::de::Error::custom(format_args!("{value} is not {wanted}"))) }
}

fn latitude<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    number_that(from, |deg| (-90.0..=90.0).contains(&deg), "a latitude, -90 to 90 degrees")
}

fn longitude<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    number_that(from, |deg| (-180.0..=180.0).contains(&deg), "a longitude, -180 to 180 degrees")
}

fn distance<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    number_that(from, |m| m > 0.0, "a distance above 0 metres")
}
