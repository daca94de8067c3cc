//! One row a point: the columns that CSV and Parquet share.

use crate::index::word;
use lapwing_model::Time;
use lapwing_server::history::{HistoryPoint, TrackRecord};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Text.
    Text,
    /// A time.
    Time,
    /// A number of full precision.
    Wide,
    /// A number that came from 32 bits.
    Short,
    /// Yes or no.
    Flag,
}

/// A value of a column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    /// Text.
    Text(Option<String>),
    /// A time.
    Time(Time),
    /// A number, of either precision.
    Number(Option<f64>),
    /// Yes or no.
    Flag(bool),
}

/// A column: its name with the unit, what it holds, whether it is always known.
pub(crate) struct Column {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it holds.
    pub(crate) kind: Kind,
    /// Whether every row has it.
    pub(crate) required: bool,
}

const fn column(name: &'static str, kind: Kind, required: bool) -> Column {
    Column { name, kind, required }
}

/// The columns, and those of persons behind them.
pub(crate) const COLUMNS: &[Column] = &[
    column("track", Kind::Text, true),
    column("time", Kind::Time, true),
    column("latitude_deg", Kind::Wide, true),
    column("longitude_deg", Kind::Wide, true),
    column("height_ellipsoid_m", Kind::Short, false),
    column("altitude_msl_m", Kind::Short, false),
    column("height_above_takeoff_m", Kind::Short, false),
    column("height_above_ground_m", Kind::Short, false),
    column("altitude_pressure_m", Kind::Short, false),
    column("vertical_accuracy_m", Kind::Short, false),
    column("pressure_accuracy_m", Kind::Short, false),
    column("horizontal_accuracy_m", Kind::Short, true),
    column("speed_mps", Kind::Short, false),
    column("speed_accuracy_mps", Kind::Short, false),
    column("course_deg", Kind::Short, false),
    column("vertical_speed_mps", Kind::Short, false),
    column("existence", Kind::Short, true),
    column("phase", Kind::Text, true),
    column("identity", Kind::Text, true),
    column("claimed_only", Kind::Flag, true),
    column("class", Kind::Text, false),
    column("name", Kind::Text, false),
    column("name_kind", Kind::Text, false),
];

/// Columns that belong to a person: the operator as last claimed.
pub(crate) const PERSONAL: &[Column] = &[
    column("operator_id", Kind::Text, false),
    column("operator_latitude_deg", Kind::Wide, false),
    column("operator_longitude_deg", Kind::Wide, false),
    column("operator_height_ellipsoid_m", Kind::Wide, false),
];

/// The columns of an export.
pub(crate) fn columns(personal: bool) -> impl Iterator<Item = &'static Column> {
    COLUMNS.iter().chain(PERSONAL.iter().filter(move |_| personal))
}

/// The name to show of a track: callsign, serial, registration, address, then the rest.
pub(crate) fn label(track: &TrackRecord) -> Option<(&str, String)> {
    let identity = lapwing_model::Identity { status: track.identity, names: track.names.clone(), evidence: Vec::new() };
    let label = identity.label()?.clone();
    track.names.iter().find(|n| **n == label).map(|n| (n.value.as_str(), word(&n.kind)))
}

/// The course in degrees, 0 up to 360.
pub(crate) fn course_deg(point: &HistoryPoint) -> Option<f64> {
    // To 32 bits and back: 0.1 degrees are to be said as 0.1.
    point.course_rad.map(|c| f64::from((c.to_degrees().rem_euclid(360.0)) as f32))
}

/// A row, in the order of [`columns`].
pub(crate) fn row(track: &TrackRecord, point: &HistoryPoint, personal: bool) -> Vec<Cell> {
    let (h, n) = (&point.heights, Cell::Number);
    let label = label(track);
    let mut row = vec![
        Cell::Text(Some(track.id.to_string())),
        Cell::Time(point.at),
        n(Some(point.place.latitude_deg)),
        n(Some(point.place.longitude_deg)),
        n(h.height_ellipsoid_m),
        n(h.altitude_msl_m),
        n(h.height_above_takeoff_m),
        n(h.height_above_ground_m),
        n(h.altitude_pressure_m),
        n(h.vertical_accuracy_m),
        n(h.pressure_accuracy_m),
        n(Some(point.horizontal_accuracy_m)),
        n(point.speed_mps),
        n(point.speed_accuracy_mps),
        n(course_deg(point)),
        n(point.vertical_speed_mps),
        n(Some(point.existence)),
        Cell::Text(Some(word(&point.phase))),
        Cell::Text(Some(word(&point.identity))),
        Cell::Flag(point.claimed_only),
        Cell::Text(point.class.map(|c| word(&c))),
        Cell::Text(label.as_ref().map(|(value, _)| (*value).to_owned())),
        Cell::Text(label.map(|(_, kind)| kind)),
    ];
    if personal {
        let operator = track.operator.as_ref();
        let place = operator.and_then(|o| o.place.as_ref()).map(|p| *p.reveal());
        row.extend([
            Cell::Text(operator.and_then(|o| o.id.as_ref()).map(|id| id.reveal().to_string())),
            n(place.map(|p| p.latitude_deg)),
            n(place.map(|p| p.longitude_deg)),
            n(operator.and_then(|o| o.height_ellipsoid_m)),
        ]);
    }
    row
}
