//! What people tell the server. Nothing here can express an action on an aircraft.

use crate::id::AlertId;
use crate::text::AirText;
use serde::{Deserialize, Serialize};

/// What an operator orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Order {
    /// "I have seen this alert."
    AcknowledgeAlert {
        /// Which.
        alert: AlertId,
        /// In words.
        note: Option<AirText>,
    },
}

/// An order and who gave it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Command {
    /// Who.
    pub by: AirText,
    /// What.
    pub order: Order,
}
