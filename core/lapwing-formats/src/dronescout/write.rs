//! What a DroneScout receiver publishes, for simulated ones.

use super::uas_data::encode_uas_data;
use crate::remote_id::Mac;
use crate::remote_id::message::Message;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lapwing_model::{Place, Protocol, Time};
use serde_json::json;

/// How a simulated receiver heard a transmitter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Heard {
    /// By the receiver's clock.
    pub at: Time,
    /// Who sent it.
    pub mac: Mac,
    /// By which carrier.
    pub protocol: Protocol,
    /// Signal strength, whole dBm.
    pub rssi_dbm: i8,
    /// Wi-Fi channel; 0 for Bluetooth.
    pub channel: u8,
}

fn millis(at: Time) -> i64 {
    at.as_nanos().div_euclid(1_000_000)
}

/// A `data` payload: all that the transmitter has said so far.
pub fn encode_data(sensor: &str, heard: Heard, messages: &[Message]) -> Vec<u8> {
    let kind = match heard.protocol {
        Protocol::RemoteIdWifiNan => "WiFi NaN",
        Protocol::RemoteIdBluetoothLegacy => "BLE legacy",
        Protocol::RemoteIdBluetoothLongRange => "BLE long range",
        _ => "WiFi beacon",
    };
    json!({ "protocol": 1.0, "data": {
        "sensor ID": sensor, "RSSI": heard.rssi_dbm, "channel": heard.channel, "timestamp": millis(heard.at),
        "MAC address": heard.mac.to_string().to_ascii_uppercase(), "type": kind,
        "UASdata": STANDARD.encode(encode_uas_data(messages)),
    }})
    .to_string()
    .into_bytes()
}

/// A `status` payload.
pub fn encode_status(sensor: &str, at: Time, status: &str) -> Vec<u8> {
    json!({ "protocol": 1.0, "status": {
        "sensor ID": sensor, "timestamp": millis(at), "firmware version": "20250101-0900", "model": "ds230",
        "status": status,
    }})
    .to_string()
    .into_bytes()
}

/// A `location` payload.
pub fn encode_location(sensor: &str, at: Time, place: Place, altitude_msl_m: f64) -> Vec<u8> {
    json!({ "protocol": 1.0, "location": {
        "sensor ID": sensor, "timestamp": millis(at), "latitude": place.latitude_deg, "longitude": place.longitude_deg,
        "altitude MSL": altitude_msl_m,
    }})
    .to_string()
    .into_bytes()
}
