//! Protected and geographical zones.

use crate::geo::Place;
use crate::height::Datum;
use crate::id::ZoneId;
use crate::tagged::tagged_in_text;
use crate::text::AirText;
use crate::time::{Span, Time};
use serde::{Deserialize, Serialize};

/// What a zone is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ZoneKind {
    /// Unauthorised aircraft must not enter: approach warns, entry alarms.
    Protected,
    /// Entry is of interest: it informs.
    Watch,
    /// Shown only.
    Information,
}

/// The outline on the ground.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(remote = "Self", tag = "type", rename_all = "snake_case")]
pub enum Shape {
    /// Polygons, each an outer ring with holes; rings closed or not, in any direction. Edges are straight in a local
    /// plane. A multipolygon has several.
    Polygon {
        /// Polygons of rings of vertices.
        polygons: Vec<Vec<Vec<Place>>>,
    },
    /// A circle.
    Circle {
        /// Its centre.
        centre: Place,
        /// Its radius, metres.
        radius_m: f64,
    },
}

tagged_in_text!(Shape, PlainShape);

#[derive(Serialize, Deserialize)]
#[serde(remote = "Shape")]
enum PlainShape {
    Polygon { polygons: Vec<Vec<Vec<Place>>> },
    Circle { centre: Place, radius_m: f64 },
}

/// A limit of height with its datum.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ZoneHeight {
    /// Metres above `datum`.
    pub value_m: f64,
    /// What it is measured from.
    pub datum: Datum,
}

/// When a zone holds: from `from` to `to`, and within that only on `weekdays` between two times of day, UTC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ZoneTime {
    /// First instant; `None` is always.
    pub from: Option<Time>,
    /// Last instant; `None` is for ever.
    pub to: Option<Time>,
    /// Days of the week, 0 = Monday; empty is every day.
    pub weekdays: Vec<u8>,
    /// From this time of day, since midnight UTC; `None` is midnight.
    pub day_from: Option<Span>,
    /// To this time of day; may be earlier than `day_from` (over midnight).
    pub day_to: Option<Span>,
}

/// A protected or geographical zone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Zone {
    /// Its id.
    pub id: ZoneId,
    /// Its name for people.
    pub name: AirText,
    /// What it is for.
    pub kind: ZoneKind,
    /// Its outline.
    pub shape: Shape,
    /// Its floor; `None` reaches the ground.
    pub floor: Option<ZoneHeight>,
    /// Its ceiling; `None` is unlimited.
    pub ceiling: Option<ZoneHeight>,
    /// When it holds; empty is always.
    pub times: Vec<ZoneTime>,
}
