//! Names of things.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Why a text cannot be an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAnId;

impl fmt::Display for NotAnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id is 1 to 64 characters of a-z, A-Z, 0-9, '-', '_' or '.', and starts with a letter or digit")
    }
}

impl std::error::Error for NotAnId {}

fn check(text: &str) -> Result<(), NotAnId> {
    let ok = (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    if ok { Ok(()) } else { Err(NotAnId) }
}

fn fnv_1a(text: &[u8]) -> u64 {
    text.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Whether two ids are the same: those of many sensors mostly differ in their last character.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.last() == b.last() && a == b
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Eq, PartialOrd, Ord)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String))]
        pub struct $name(Arc<str>);

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                Arc::ptr_eq(&self.0, &other.0) || same(self.0.as_bytes(), other.0.as_bytes())
            }
        }

        impl std::hash::Hash for $name {
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                self.0.hash(state);
            }
        }

        impl $name {
            /// From a text of 1 to 64 characters of `a-z A-Z 0-9 - _ .` starting with a letter or digit.
            pub fn new(text: &str) -> Result<Self, NotAnId> {
                check(text).map(|()| Self(Arc::from(text)))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// A number made of the text, the same on every machine: FNV-1a (Fowler, Noll & Vo), 64 bits.
            pub fn fingerprint(&self) -> u64 {
                fnv_1a(self.0.as_bytes())
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::new(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

text_id! {
    /// Names a configured sensor.
    SensorId
}
text_id! {
    /// Names a configured input: one format over one transport.
    InputId
}
text_id! {
    /// Names a zone.
    ZoneId
}

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident, $letter:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String))]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($letter, "{}"), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let digits = text.strip_prefix($letter).ok_or(NotAnId)?;
                // `u64::parse` takes a leading '+', an id does not.
                if !digits.bytes().all(|b| b.is_ascii_digit()) {
                    return Err(NotAnId);
                }
                digits.parse().map(Self).map_err(|_| NotAnId)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                // Text for people, the number itself for what is saved and restored.
                if serializer.is_human_readable() { serializer.collect_str(self) } else { self.0.serialize(serializer) }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if !deserializer.is_human_readable() {
                    return u64::deserialize(deserializer).map(Self);
                }
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

number_id! {
    /// Names a track, as `T17`. Never changes and never returns.
    TrackId, "T"
}
number_id! {
    /// Names an alert, as `A3`. Never changes and never returns.
    AlertId, "A"
}

/// The place of an entry in the journal: its running number from the journal's first entry, 0, 1, 2, ...
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct Position(pub u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_reject_what_could_be_a_path_or_markup() {
        for bad in ["", "../etc", "a b", "<b>", "-x", &"x".repeat(65), "ü"] {
            assert!(SensorId::new(bad).is_err(), "{bad}");
        }
        assert!(SensorId::new("radar-1.north_A").is_ok());
    }

    #[test]
    fn numbers_round_trip_with_their_letter() {
        assert_eq!("T17".parse::<TrackId>().unwrap(), TrackId(17));
        assert_eq!(TrackId(17).to_string(), "T17");
        for bad in ["17", "A17", "T", "T+1", "T1x"] {
            assert!(bad.parse::<TrackId>().is_err(), "{bad}");
        }
    }
}
