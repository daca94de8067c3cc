//! Times, lengths and closed words as people read them.

use crate::index::word;
use lapwing_model::height::Datum;
use lapwing_model::{Span, Time};
use serde::Serialize;

/// A closed word without its underscores.
pub(super) fn plain<T: Serialize>(value: &T) -> String {
    word(value).replace('_', " ")
}

/// Time of day, UTC.
pub(super) fn clock(at: Time) -> String {
    let (.., hour, minute, second, _) = at.civil();
    format!("{hour:02}:{minute:02}:{second:02}")
}

/// The date, as 14 July 2026.
pub(super) fn date(at: Time) -> String {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let (year, month, day, ..) = at.civil();
    let name = usize::try_from(month - 1).ok().and_then(|m| MONTHS.get(m)).copied().unwrap_or_default();
    format!("{day} {name} {year}")
}

/// A span in words.
pub(super) fn span(span: Span) -> String {
    let seconds = span.as_seconds_f64().abs().round() as i64;
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 if seconds % 60 == 0 => format!("{} min", seconds / 60),
        120..=7_199 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

/// A length in words.
pub(super) fn metres(value: f64) -> String {
    match value.abs() {
        v if v < 10.0 => format!("{value:.1} m"),
        v if v < 2_000.0 => format!("{value:.0} m"),
        _ => format!("{:.1} km", value / 1_000.0),
    }
}

/// A speed in words.
pub(super) fn speed(value: f64) -> String {
    format!("{value:.0} m/s ({:.0} km/h)", value * 3.6)
}

/// What a height is measured from, behind the height.
pub(super) fn above(datum: Datum) -> &'static str {
    match datum {
        Datum::Ellipsoid => "above the WGS 84 ellipsoid",
        Datum::MeanSeaLevel => "above mean sea level",
        Datum::AboveTakeoff => "above take-off",
        Datum::AboveGround => "above ground",
        Datum::Pressure => "pressure altitude (1013.25 hPa)",
    }
}
