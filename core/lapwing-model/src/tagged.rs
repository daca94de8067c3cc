//! Enums that say their type by a key in JSON, and by number where a state is saved: a form without names of fields cannot
//! be read back from a key that may stand anywhere.

/// Lets `$name`, whose derives are for itself (`remote = "Self"`, tagged), be written as `$plain` where nobody reads it.
macro_rules! tagged_in_text {
    ($name:ident, $plain:ident) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    Self::serialize(self, serializer)
                } else {
                    $plain::serialize(self, serializer)
                }
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    Self::deserialize(deserializer)
                } else {
                    $plain::deserialize(deserializer)
                }
            }
        }
    };
}

pub(crate) use tagged_in_text;
