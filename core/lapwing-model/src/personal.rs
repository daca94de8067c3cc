//! Values that belong to a person.

use serde::{Deserialize, Serialize};
use std::fmt;

/// An operator's place or personal id. `Debug` and `Display` print `[personal]`, so that it cannot reach a log by
/// accident; reading it is spelled out with [`Personal::reveal`]. It serialises as its value: journals and interfaces
/// hold it, and the server masks it by role.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct Personal<T>(T);

impl<T> Personal<T> {
    /// Wraps a personal value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, for a reader who has the right to it.
    pub const fn reveal(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Personal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[personal]")
    }
}

impl<T> fmt::Display for Personal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[personal]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_does_not_print() {
        let secret = Personal::new("GBR-OP-123");
        assert_eq!(format!("{secret} {secret:?}"), "[personal] [personal]");
        assert_eq!(*secret.reveal(), "GBR-OP-123");
    }
}
