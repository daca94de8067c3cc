//! The tables of a configuration file as they are written. No `flatten`, `untagged` or `tag`: they lose the key and the
//! line of an error.

use lapwing_model::height::Datum;
use lapwing_model::{
    BiasModel, Class, Coverage, ErrorModel, IdentityStatus, RcsModel, Resolution, SensorKind, Time, ZoneKind,
};
use serde::Deserialize;
use toml::Spanned;

/// `[site]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SiteTable {
    /// The site's name for people.
    pub(crate) name: String,
}

/// `[server]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServerTable {
    /// Loopback address and port of console and API.
    pub(crate) listen: Spanned<String>,
}

/// `[journal]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct JournalTable {
    /// Folder of the segments, relative to the configuration file.
    pub(crate) directory: Spanned<String>,
    /// A new segment is begun when one has reached this size.
    #[serde(default = "default_segment_mib")]
    pub(crate) segment_mib: Spanned<u64>,
    /// A new segment is begun when one is this old.
    #[serde(default = "default_segment_minutes")]
    pub(crate) segment_minutes: Spanned<u64>,
    /// Room on the disk that is kept for alerts, commands and the like.
    #[serde(default = "default_reserve_mib")]
    pub(crate) reserve_mib: Spanned<u64>,
    /// How long receptions and tracks are kept that belong to no incident.
    #[serde(default = "default_keep_raw_hours")]
    pub(crate) keep_raw_hours: Spanned<u64>,
    /// How long alerts, commands and the like are kept.
    #[serde(default = "default_keep_alerts_days")]
    pub(crate) keep_alerts_days: Spanned<u64>,
    /// How much of the raw detail is kept from before an incident's first alert ...
    #[serde(default = "default_hold_minutes")]
    pub(crate) hold_before_minutes: Spanned<u64>,
    /// ... and from after its last one was cleared, ...
    #[serde(default = "default_hold_minutes")]
    pub(crate) hold_after_minutes: Spanned<u64>,
    /// ... and for how long after that.
    #[serde(default = "default_keep_incidents_days")]
    pub(crate) keep_incidents_days: Spanned<u64>,
}

fn default_hold_minutes() -> Spanned<u64> {
    Spanned::new(0..0, 5)
}

fn default_keep_incidents_days() -> Spanned<u64> {
    Spanned::new(0..0, 366)
}

fn default_keep_raw_hours() -> Spanned<u64> {
    Spanned::new(0..0, 24)
}

fn default_keep_alerts_days() -> Spanned<u64> {
    Spanned::new(0..0, 366)
}

fn default_segment_mib() -> Spanned<u64> {
    Spanned::new(0..0, 256)
}

fn default_segment_minutes() -> Spanned<u64> {
    Spanned::new(0..0, 60)
}

fn default_reserve_mib() -> Spanned<u64> {
    Spanned::new(0..0, 64)
}

/// `[[sensor]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SensorTable {
    /// Its id.
    pub(crate) id: Spanned<String>,
    /// What it is.
    pub(crate) kind: SensorKind,
    /// Where it stands.
    pub(crate) latitude_deg: Option<Spanned<f64>>,
    /// Where it stands.
    pub(crate) longitude_deg: Option<Spanned<f64>>,
    /// How high it stands above the ellipsoid ...
    pub(crate) height_ellipsoid_m: Option<f64>,
    /// ... or above mean sea level.
    pub(crate) altitude_msl_m: Option<f64>,
    /// How often it is expected to be heard, seconds.
    pub(crate) interval_s: Spanned<f64>,
    /// What its reports usually take to arrive, seconds.
    pub(crate) latency_s: Option<f64>,
    /// Where it sees.
    #[serde(default)]
    pub(crate) coverage: Coverage,
    /// How well it sees.
    #[serde(default)]
    pub(crate) error: ErrorModel,
    /// Whether it turns, once an interval.
    #[serde(default)]
    pub(crate) rotating: bool,
    /// False plots expected of one look.
    pub(crate) clutter_per_look: Option<f64>,
    /// What it cannot tell apart.
    #[serde(default)]
    pub(crate) resolution: Resolution,
    /// Speed of what carries the signal, metres per second.
    pub(crate) signal_speed_mps: Option<f64>,
    /// Systematic errors expected of it.
    #[serde(default)]
    pub(crate) bias_sd: BiasModel,
    /// Radar cross-sections by class.
    #[serde(default)]
    pub(crate) rcs: Vec<RcsModel>,
}

/// `[[zone]]`: either a GeoJSON file or one circle.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ZoneTable {
    /// A GeoJSON file, relative to the configuration file.
    pub(crate) file: Option<Spanned<String>>,
    /// Id of a circle.
    pub(crate) id: Option<Spanned<String>>,
    /// Its name for people.
    pub(crate) name: Option<String>,
    /// What it is for.
    pub(crate) kind: Option<ZoneKind>,
    /// Its centre.
    pub(crate) latitude_deg: Option<Spanned<f64>>,
    /// Its centre.
    pub(crate) longitude_deg: Option<Spanned<f64>>,
    /// Its radius.
    pub(crate) radius_m: Option<Spanned<f64>>,
    /// Its floor.
    pub(crate) floor: Option<HeightTable>,
    /// Its ceiling.
    pub(crate) ceiling: Option<HeightTable>,
}

/// A height with its datum.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeightTable {
    /// Metres.
    pub(crate) value_m: f64,
    /// What it is measured from.
    pub(crate) datum: Datum,
}

/// `[[rule]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleTable {
    /// Its name.
    pub(crate) name: String,
    /// Zones it watches; empty is all of `zone_kinds`.
    #[serde(default)]
    pub(crate) zones: Vec<Spanned<String>>,
    /// Kinds of zone it watches.
    #[serde(default = "protected")]
    pub(crate) zone_kinds: Vec<ZoneKind>,
    /// Identities it lets pass.
    #[serde(default = "authorised")]
    pub(crate) except: Vec<IdentityStatus>,
    /// Classes it lets pass once the sensors are sure of them.
    #[serde(default = "birds")]
    pub(crate) except_classes: Vec<Class>,
    /// Warn when entry is expected within this many seconds.
    #[serde(default = "lead")]
    pub(crate) lead_s: Spanned<f64>,
    /// Least probability, 0 to 1.
    #[serde(default = "probability")]
    pub(crate) probability_min: Spanned<f64>,
}

fn protected() -> Vec<ZoneKind> {
    vec![ZoneKind::Protected]
}

fn authorised() -> Vec<IdentityStatus> {
    vec![IdentityStatus::Authorised]
}

fn birds() -> Vec<Class> {
    vec![Class::Bird]
}

fn lead() -> Spanned<f64> {
    Spanned::new(0..0, 60.0)
}

fn probability() -> Spanned<f64> {
    Spanned::new(0..0, 0.5)
}

/// `[[authorised]]`: a flight that is allowed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuthorisedTable {
    /// Serial number the aircraft must claim ...
    pub(crate) serial: Option<String>,
    /// ... or ICAO address ...
    pub(crate) icao_address: Option<Spanned<String>>,
    /// ... or registration.
    pub(crate) registration: Option<String>,
    /// Centre of the circle it must stay in; without it, anywhere.
    pub(crate) latitude_deg: Option<Spanned<f64>>,
    /// Centre of the circle.
    pub(crate) longitude_deg: Option<Spanned<f64>>,
    /// Radius of the circle, metres.
    pub(crate) radius_m: Option<Spanned<f64>>,
    /// From when, RFC 3339.
    pub(crate) from: Option<Time>,
    /// To when, RFC 3339.
    pub(crate) to: Option<Time>,
}
