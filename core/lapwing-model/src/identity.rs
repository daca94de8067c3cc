//! Who an aircraft is, and how well that is supported.

use crate::text::AirText;
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// What kind of name it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum NameKind {
    /// Serial number by ANSI/CTA-2063-A.
    Serial,
    /// Registration given by an authority.
    Registration,
    /// UTM-assigned flight id (UUID).
    UtmId,
    /// Specific session id.
    SessionId,
    /// 24-bit ICAO address, six lower-case hex digits.
    IcaoAddress,
    /// Callsign or flight number.
    Callsign,
    /// The sensor's own number for it.
    SensorObject,
}

/// A name an aircraft gives itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Name {
    /// What kind of name.
    pub kind: NameKind,
    /// The name.
    pub value: AirText,
}

/// How well an identity is supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum IdentityStatus {
    /// It says nothing of itself.
    Unidentified,
    /// It says who it is; nothing else supports or denies it.
    Claimed,
    /// Independent sensors support what it says.
    Corroborated,
    /// Corroborated, and matched to a registered flight by name, volume and time.
    Authorised,
    /// What it says cannot be true.
    Contradicted,
}

/// Kinds of evidence for or against a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum EvidenceKind {
    /// A sensor that does not rely on the aircraft's word saw it there.
    SeenIndependently,
    /// A sensor that covers the place and should have seen it did not.
    NotSeenThere,
    /// A sensor saw the aircraft elsewhere than it says.
    SeenElsewhere,
    /// The name stands on the list of authorised flights, and place and time fit.
    OnAuthorisedList,
    /// The name stands on the list, but the flight is outside its volume or time.
    OutsideAuthorisation,
    /// One serial (or other unique name) in two places at once.
    OneNameTwoPlaces,
    /// The positions imply a speed no such aircraft has.
    ImpossibleSpeed,
    /// The time stamp stands still while messages go on.
    FrozenTimestamp,
    /// The time stamp disagrees with the time of reception.
    WrongTimestamp,
    /// The operator is implausibly far away.
    OperatorTooFar,
    /// Signal strength does not change with distance.
    FlatSignal,
    /// The transmitter's address is used by several aircraft.
    SharedTransmitter,
    /// Authentication pages are inconsistent.
    BadAuthentication,
    /// The name breaks the rules of its kind.
    MalformedName,
    /// Claimed speed or course disagree with the claimed positions.
    InconsistentMotion,
    /// Sensors measured another height than it claims.
    HeightContradicted,
}

/// One piece of evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Evidence {
    /// What kind.
    pub kind: EvidenceKind,
    /// Log-likelihood ratio that the claim is true: positive supports it, negative speaks against it.
    pub weight: f64,
    /// What exactly, in words and numbers a guard understands.
    pub detail: AirText,
    /// When it was first seen.
    pub first_at: Time,
    /// When it was last seen.
    pub last_at: Time,
    /// How often.
    pub count: u64,
}

/// Who an aircraft is, with the evidence for and against.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Identity {
    /// How well it is supported.
    pub status: IdentityStatus,
    /// Names it gave, in order of first appearance.
    pub names: Vec<Name>,
    /// The evidence, strongest first.
    pub evidence: Vec<Evidence>,
}

impl Identity {
    /// Nothing is known.
    pub const fn unidentified() -> Self {
        Self { status: IdentityStatus::Unidentified, names: Vec::new(), evidence: Vec::new() }
    }

    /// The name to show: callsign, serial, registration, address, then the rest.
    pub fn label(&self) -> Option<&Name> {
        self.names.iter().min_by_key(|n| match n.kind {
            NameKind::Callsign => 0,
            NameKind::Serial => 1,
            NameKind::Registration => 2,
            NameKind::IcaoAddress => 3,
            NameKind::UtmId => 4,
            NameKind::SessionId => 5,
            NameKind::SensorObject => 6,
        })
    }
}
