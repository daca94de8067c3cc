//! The enumerations of ASTM F3411-22a. A reserved value has no name and is kept as it is.

use serde::{Serialize, Serializer};

/// Defines a small code with named values; a value without a name is reserved (or private) and kept.
macro_rules! named_code {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $konst:ident = $value:literal $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
        pub struct $name(pub u8);

        impl $name {
            $($(#[$vdoc])* pub const $konst: Self = Self($value);)*

            /// The name, `None` for a reserved value.
            pub fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some($text),)*
                    _ => None,
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                match self.name() {
                    Some(name) => s.serialize_str(name),
                    None => s.collect_str(&format_args!("reserved_{}", self.0)),
                }
            }
        }
    };
}

named_code! {
    /// What kind of id a Basic ID message holds.
    IdType {
        /// No id.
        NONE = 0 "none",
        /// Serial number in the form of ANSI/CTA-2063-A.
        SERIAL = 1 "serial_number",
        /// Registration given by a civil aviation authority.
        REGISTRATION = 2 "caa_registration",
        /// UUID given by a UTM service, 16 bytes.
        UTM = 3 "utm_uuid",
        /// Session id: a type byte of ICAO and up to 19 bytes.
        SESSION = 4 "session_id",
    }
}
named_code! {
    /// What kind of aircraft it says it is.
    UaType {
        /// Not declared.
        NONE = 0 "undeclared",
        /// Fixed wing.
        AEROPLANE = 1 "aeroplane",
        /// Helicopter or multirotor.
        MULTIROTOR = 2 "helicopter_or_multirotor",
        /// Gyroplane.
        GYROPLANE = 3 "gyroplane",
        /// Fixed wing that takes off vertically.
        HYBRID = 4 "hybrid_lift",
        /// Flapping wings.
        ORNITHOPTER = 5 "ornithopter",
        /// Glider.
        GLIDER = 6 "glider",
        /// Kite.
        KITE = 7 "kite",
        /// Free balloon.
        FREE_BALLOON = 8 "free_balloon",
        /// Captive balloon.
        CAPTIVE_BALLOON = 9 "captive_balloon",
        /// Airship.
        AIRSHIP = 10 "airship",
        /// Unpowered free fall or parachute.
        PARACHUTE = 11 "free_fall_or_parachute",
        /// Rocket.
        ROCKET = 12 "rocket",
        /// Tethered powered aircraft.
        TETHERED = 13 "tethered_powered_aircraft",
        /// Ground obstacle.
        OBSTACLE = 14 "ground_obstacle",
        /// None of these.
        OTHER = 15 "other",
    }
}
named_code! {
    /// What the aircraft says it is doing.
    StatusCode {
        /// Not declared.
        UNDECLARED = 0 "undeclared",
        /// On the ground.
        GROUND = 1 "ground",
        /// Flying.
        AIRBORNE = 2 "airborne",
        /// In an emergency.
        EMERGENCY = 3 "emergency",
        /// Its Remote ID has failed (version 2).
        REMOTE_ID_FAILURE = 4 "remote_id_system_failure",
    }
}
named_code! {
    /// What a height is measured from.
    HeightType {
        /// The place of take-off.
        ABOVE_TAKEOFF = 0 "above_takeoff",
        /// The ground.
        ABOVE_GROUND = 1 "above_ground",
    }
}
named_code! {
    /// What was signed and how.
    AuthType {
        /// Nothing.
        NONE = 0 "none",
        /// The aircraft's id.
        UAS_ID = 1 "uas_id_signature",
        /// The operator's id.
        OPERATOR_ID = 2 "operator_id_signature",
        /// The set of messages.
        MESSAGE_SET = 3 "message_set_signature",
        /// A network Remote ID service vouches.
        NETWORK = 4 "network_remote_id",
        /// A method named by the first byte of the data.
        SPECIFIC = 5 "specific_method",
        /// Private use, first of six.
        PRIVATE_10 = 10 "private_10",
        /// Private use.
        PRIVATE_11 = 11 "private_11",
        /// Private use.
        PRIVATE_12 = 12 "private_12",
        /// Private use.
        PRIVATE_13 = 13 "private_13",
        /// Private use.
        PRIVATE_14 = 14 "private_14",
        /// Private use.
        PRIVATE_15 = 15 "private_15",
    }
}
named_code! {
    /// What the text of a Self-ID message is for.
    DescriptionType {
        /// A purpose.
        TEXT = 0 "text",
        /// An emergency (version 2).
        EMERGENCY = 1 "emergency",
        /// Explains the operational status (version 2).
        EXTENDED_STATUS = 2 "extended_status",
    }
}
named_code! {
    /// Where the operator's place comes from.
    OperatorPlaceType {
        /// The place of take-off stands in for the operator.
        TAKEOFF = 0 "takeoff",
        /// The operator's own live position.
        LIVE = 1 "live_gnss",
        /// A fixed place.
        FIXED = 2 "fixed",
    }
}
named_code! {
    /// Whose classification byte 17 of the System message holds.
    ClassificationType {
        /// None.
        UNDECLARED = 0 "undeclared",
        /// Category and class of the European Union.
        EU = 1 "european_union",
    }
}
named_code! {
    /// Category of Regulation (EU) 2019/947.
    EuCategory {
        /// Not declared.
        UNDECLARED = 0 "undeclared",
        /// Open.
        OPEN = 1 "open",
        /// Specific.
        SPECIFIC = 2 "specific",
        /// Certified.
        CERTIFIED = 3 "certified",
    }
}
named_code! {
    /// Class of Regulation (EU) 2019/945.
    EuClass {
        /// Not declared.
        UNDECLARED = 0 "undeclared",
        /// Class 0.
        C0 = 1 "c0",
        /// Class 1.
        C1 = 2 "c1",
        /// Class 2.
        C2 = 3 "c2",
        /// Class 3.
        C3 = 4 "c3",
        /// Class 4.
        C4 = 5 "c4",
        /// Class 5.
        C5 = 6 "c5",
        /// Class 6.
        C6 = 7 "c6",
    }
}
named_code! {
    /// What kind of operator id it is.
    OperatorIdType {
        /// Registration of the operator.
        OPERATOR_ID = 0 "operator_id",
    }
}
