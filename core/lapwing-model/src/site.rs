//! What is configured about a site: the picture's side of the configuration file.

use crate::classification::Class;
use crate::id::InputId;
use crate::id::{SensorId, ZoneId};
use crate::identity::IdentityStatus;
use crate::identity::Name;
use crate::sensor::Sensor;
use crate::text::AirText;
use crate::time::{Span, Time};
use crate::zone::{Shape, Zone, ZoneKind};
use serde::{Deserialize, Serialize};

/// A flight that is allowed: by name, volume and time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuthorisedFlight {
    /// The name the aircraft must claim.
    pub name: Name,
    /// Where it may be; `None` is anywhere.
    pub area: Option<Shape>,
    /// From when; `None` is always.
    pub from: Option<Time>,
    /// To when; `None` is for ever.
    pub to: Option<Time>,
}

/// When to raise an alert. The default rule set is [`Rule::defaults`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Rule {
    /// Its name.
    pub name: AirText,
    /// Zones it watches; empty is all of `zone_kinds`.
    pub zones: Vec<ZoneId>,
    /// Kinds of zone it watches.
    pub zone_kinds: Vec<ZoneKind>,
    /// Identities it lets pass.
    pub except: Vec<IdentityStatus>,
    /// Classes it lets pass, when a sensor takes an aircraft for one with probability 0.9 or more. What broadcasts a name
    /// is never let pass as a bird, and an alert that stands is never cleared by a class.
    #[serde(default)]
    pub except_classes: Vec<Class>,
    /// Warn when entry is expected within this time.
    pub lead: Span,
    /// Least probability of being inside (or of entering within the lead time), 0 to 1.
    pub probability_min: f64,
}

impl Rule {
    /// One rule: every aircraft that is not authorised, 60 s before it enters a protected zone.
    pub fn defaults() -> Vec<Self> {
        vec![Self {
            name: AirText::new("unauthorised-in-protected-zone"),
            zones: Vec::new(),
            zone_kinds: vec![ZoneKind::Protected],
            except: vec![IdentityStatus::Authorised],
            except_classes: vec![Class::Bird],
            lead: Span::from_seconds(60),
            probability_min: 0.5,
        }]
    }
}

/// An input as the picture knows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InputInfo {
    /// Its name.
    pub id: InputId,
    /// Its format.
    pub format: AirText,
    /// Its transport.
    pub transport: AirText,
    /// The sensor its reports belong to, unless they name another configured one.
    pub sensor: SensorId,
    /// Options of its format, as the TOML of its table: kept here so that a journal alone can be decoded again.
    pub format_options: String,
}

/// A site: everything the picture is configured with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Site {
    /// Its name for people.
    pub name: AirText,
    /// Its sensors.
    pub sensors: Vec<Sensor>,
    /// Its inputs.
    pub inputs: Vec<InputInfo>,
    /// Its zones.
    pub zones: Vec<Zone>,
    /// Its rules.
    pub rules: Vec<Rule>,
    /// Flights that are allowed.
    pub authorised: Vec<AuthorisedFlight>,
}
