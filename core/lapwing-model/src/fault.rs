//! What could not be used, and why.

use crate::text::AirText;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// How a fault is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// Sound bytes that are not for us (a beacon without Remote ID, a keep-alive). Counted; not a sign of trouble.
    Irrelevant,
    /// Bytes that break their format.
    Malformed,
    /// Bytes that may be sound, of a version or kind this decoder does not know.
    Unsupported,
    /// Sound bytes that are refused on purpose (an effector that tries to enrol, a message over a limit).
    Refused,
}

/// Bytes or fields that could not be used, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Fault {
    /// How to read it.
    pub kind: FaultKind,
    /// The reason as a stable word in kebab case (`bad-crc`, `empty-pack`); the key of the ledger's counts.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub reason: Cow<'static, str>,
    /// What exactly: field, expected, found.
    pub detail: AirText,
    /// First byte concerned: from the start of the reception, or of the connection for a stream.
    pub offset: u64,
    /// How many bytes.
    pub length: u64,
}
