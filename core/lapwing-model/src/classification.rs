//! What an aircraft is.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Kinds of things that fly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// An unmanned multirotor or helicopter.
    Multirotor,
    /// An unmanned fixed wing or hybrid.
    FixedWing,
    /// An unmanned aircraft of unsaid build.
    Drone,
    /// A bird.
    Bird,
    /// A manned aeroplane.
    Aeroplane,
    /// A manned helicopter.
    Helicopter,
    /// A balloon, kite, airship or parachute.
    Balloon,
    /// Something that does not fly.
    Ground,
}

impl Class {
    /// Every class, in declaration order.
    pub const ALL: [Self; 8] = [
        Self::Multirotor,
        Self::FixedWing,
        Self::Drone,
        Self::Bird,
        Self::Aeroplane,
        Self::Helicopter,
        Self::Balloon,
        Self::Ground,
    ];
}

/// Probabilities of the classes, summing to at most 1; what is missing is unknown.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Classification {
    /// Probability by class.
    pub probabilities: BTreeMap<Class, f64>,
}

// By hand: the derive describes a transparent struct with a named field as an object around its field, which it is not.
#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Classification {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        <BTreeMap<Class, f64> as utoipa::PartialSchema>::schema()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Classification {}

impl Classification {
    /// One class with a probability.
    pub fn single(class: Class, probability: f64) -> Self {
        Self { probabilities: BTreeMap::from([(class, probability)]) }
    }

    /// The likeliest class and its probability; the first in declaration order on a tie.
    pub fn best(&self) -> Option<(Class, f64)> {
        self.probabilities.iter().fold(None, |best, (c, p)| match best {
            Some((_, q)) if q >= *p => best,
            _ => Some((*c, *p)),
        })
    }
}
