//! The picture in the shape of readsb's `aircraft.json`, so that tar1090 and its relatives can show it.
//!
//! Field meanings: readsb `README-json.md`. Feet, knots and feet per minute as there; a value that is not known is left
//! out, as there. Heights above take-off or ground have no field there and are not passed off as another datum.

use crate::app::App;
use axum::extract::State;
use axum::response::Response;
use lapwing_model::{
    AirText, Class, NameKind, OperationalStatus, Protocol, Snapshot, Time, Track, Transmitter, geo::Place, math,
};
use serde::Serialize;
use std::sync::Arc;

const FEET_PER_METRE: f64 = 1.0 / 0.3048;
const KNOTS_PER_MPS: f64 = 3600.0 / 1852.0;

/// readsb's `aircraft.json`.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct AircraftJson {
    /// The picture's time, seconds since 1970-01-01T00:00Z.
    now: f64,
    /// Units received since the start.
    messages: u64,
    /// One entry a track.
    aircraft: Vec<Aircraft>,
}

/// An aircraft in readsb's terms.
#[derive(Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct Aircraft {
    /// 24-bit ICAO address in hex; with `~` in front the low bits of the track's number, for an aircraft without one.
    hex: String,
    /// readsb's word for where the data came from.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    kind: &'static str,
    /// Callsign, serial or other name.
    #[serde(skip_serializing_if = "Option::is_none")]
    flight: Option<AirText>,
    /// Registration.
    #[serde(rename = "r", skip_serializing_if = "Option::is_none")]
    registration: Option<AirText>,
    /// Pressure altitude, feet, or `"ground"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    alt_baro: Option<BaroAltitude>,
    /// Height above the WGS-84 ellipsoid, feet.
    #[serde(skip_serializing_if = "Option::is_none")]
    alt_geom: Option<f64>,
    /// Speed over ground, knots.
    #[serde(skip_serializing_if = "Option::is_none")]
    gs: Option<f64>,
    /// Course over ground, degrees.
    #[serde(skip_serializing_if = "Option::is_none")]
    track: Option<f64>,
    /// Vertical speed, feet per minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    geom_rate: Option<f64>,
    /// Mode A code.
    #[serde(skip_serializing_if = "Option::is_none")]
    squawk: Option<AirText>,
    /// `general` while it declares an emergency.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    emergency: Option<&'static str>,
    /// Emitter category.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    category: Option<&'static str>,
    /// Latitude, degrees.
    lat: f64,
    /// Longitude, degrees.
    lon: f64,
    /// 95 % radius of the place, metres.
    rc: f64,
    /// Seconds since it was last seen.
    seen: f64,
    /// Seconds since its place was last seen.
    seen_pos: f64,
    /// Contributions so far.
    messages: u64,
}

/// A pressure altitude, or the word that there is none to have.
#[derive(Debug, PartialEq, Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub(crate) enum BaroAltitude {
    /// Feet.
    Feet(f64),
    /// On the ground.
    Word(Ground),
}

/// The word readsb has instead of an altitude.
#[derive(Debug, PartialEq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ground {
    /// On the ground.
    Ground,
}

/// readsb's `receiver.json`.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ReceiverJson {
    /// The program and its version.
    version: String,
    /// Milliseconds between two looks at `aircraft.json`.
    refresh: u32,
    /// History files there are: none.
    history: u32,
    /// Where the map starts: the first sensor that has a place.
    #[serde(skip_serializing_if = "Option::is_none")]
    lat: Option<f64>,
    /// As `lat`.
    #[serde(skip_serializing_if = "Option::is_none")]
    lon: Option<f64>,
}

/// The picture as readsb's aircraft.json
#[utoipa::path(
    get, path = "/data/aircraft.json", tag = "other formats",
    responses((status = 200, description = "As readsb writes it", body = AircraftJson))
)]
pub(crate) async fn aircraft(State(app): State<Arc<App>>) -> Response {
    let snapshot = app.snapshot();
    crate::api::json_aside(move || convert(&snapshot)).await
}

/// readsb's receiver.json
#[utoipa::path(
    get, path = "/data/receiver.json", tag = "other formats",
    responses((status = 200, description = "As readsb writes it", body = ReceiverJson))
)]
pub(crate) async fn receiver(State(app): State<Arc<App>>) -> Response {
    let place: Option<Place> = app.site.borrow().sensors.iter().find_map(|s| s.place).map(|p| p.place());
    crate::api::json(&ReceiverJson {
        version: format!("lapwing {}", env!("CARGO_PKG_VERSION")),
        refresh: 1_000,
        history: 0,
        lat: place.map(|p| p.latitude_deg),
        lon: place.map(|p| p.longitude_deg),
    })
}

fn convert(snapshot: &Snapshot) -> AircraftJson {
    AircraftJson {
        now: snapshot.at.as_seconds_f64(),
        messages: snapshot.inputs.iter().fold(0, |sum, i| sum.saturating_add(i.ledger.received)),
        aircraft: snapshot.tracks.iter().map(|t| one(t, snapshot.at)).collect(),
    }
}

fn one(track: &Track, now: Time) -> Aircraft {
    let k = &track.kinematics;
    let address = icao(track);
    let ground = track.status == Some(OperationalStatus::Ground);
    let named = |kind| track.identity.names.iter().find(|n| n.kind == kind).map(|n| n.value.clone());
    let seen = tenths(now.since(track.last_at).as_seconds_f64().max(0.0));
    Aircraft {
        hex: address.map_or_else(|| format!("~{:06x}", track.id.0 & 0xff_ffff), str::to_owned),
        kind: source(track, address.is_some()),
        flight: track.identity.label().map(|n| n.value.clone()),
        registration: named(NameKind::Registration),
        alt_baro: if ground {
            Some(BaroAltitude::Word(Ground::Ground))
        } else {
            k.heights.altitude_pressure_m.map(|h| BaroAltitude::Feet((h * FEET_PER_METRE).round()))
        },
        alt_geom: k.heights.height_ellipsoid_m.map(|h| (h * FEET_PER_METRE).round()),
        gs: k.speed_mps.map(|v| tenths(v * KNOTS_PER_MPS)),
        track: k.course_rad.map(|c| tenths(math::deg(c).rem_euclid(360.0))),
        geom_rate: k.vertical_speed_mps.map(|v| (v * FEET_PER_METRE * 60.0).round()),
        squawk: track.squawk.clone(),
        emergency: (track.status == Some(OperationalStatus::Emergency)).then_some("general"),
        category: track.classification.best().and_then(|(class, _)| category(class)),
        lat: k.place.latitude_deg,
        lon: k.place.longitude_deg,
        rc: k.horizontal_accuracy_m.round(),
        seen,
        seen_pos: seen,
        messages: track.sources.iter().fold(0, |sum, s| sum.saturating_add(s.count)),
    }
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// The ICAO address it gives as its name, or answers by.
fn icao(track: &Track) -> Option<&str> {
    let name = track.identity.names.iter().find(|n| n.kind == NameKind::IcaoAddress).map(|n| n.value.as_str());
    let radio = || {
        track.transmitters.iter().find_map(|t| match t {
            Transmitter::Icao(address) => Some(address.as_str()),
            Transmitter::Mac(_) | Transmitter::NonIcao(_) | Transmitter::Other(_) => None,
        })
    };
    // Both come from the air: only what is an address may stand where one is expected.
    name.or_else(radio).filter(|a| a.len() == 6 && a.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn source(track: &Track, has_address: bool) -> &'static str {
    let carried = |protocol| track.sources.iter().any(|s| s.protocol == Some(protocol));
    if carried(Protocol::Adsb) {
        "adsb_icao"
    } else if carried(Protocol::AdsbNonTransponder) {
        "adsb_icao_nt"
    } else if carried(Protocol::Adsr) {
        if has_address { "adsr_icao" } else { "adsr_other" }
    } else if carried(Protocol::Tisb) {
        if has_address { "tisb_icao" } else { "tisb_other" }
    } else if carried(Protocol::Multilateration) {
        "mlat"
    } else if carried(Protocol::ModeS) {
        "mode_s"
    } else {
        "other"
    }
}

/// ADS-B emitter category (DO-260B, table 2-20) of a class, where there is one that says no more than is known.
fn category(class: Class) -> Option<&'static str> {
    match class {
        Class::Multirotor | Class::FixedWing | Class::Drone => Some("B6"),
        Class::Helicopter => Some("A7"),
        Class::Balloon => Some("B2"),
        Class::Aeroplane | Class::Bird | Class::Ground => None,
    }
}

#[cfg(test)]
mod tests;
