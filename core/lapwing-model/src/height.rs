//! Heights typed by datum. Nothing is compared across datums without a conversion that knows its error.

use crate::geo::Place;
use serde::{Deserialize, Serialize};

/// What a height is measured from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Datum {
    /// The WGS-84 ellipsoid.
    Ellipsoid,
    /// Mean sea level by the geoid model EGM96.
    MeanSeaLevel,
    /// The place where the aircraft took off.
    AboveTakeoff,
    /// The ground below the aircraft.
    AboveGround,
    /// The standard atmosphere, 1013.25 hPa: a pressure, not a distance.
    Pressure,
}

/// One height with its datum.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Height {
    /// Metres above `datum`.
    pub value_m: f64,
    /// What it is measured from.
    pub datum: Datum,
}

/// Everything known of an aircraft's height, each datum apart. `None` is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Heights {
    /// Above the WGS-84 ellipsoid, metres.
    pub height_ellipsoid_m: Option<f64>,
    /// Above mean sea level (EGM96), metres.
    pub altitude_msl_m: Option<f64>,
    /// Above the place of take-off, metres.
    pub height_above_takeoff_m: Option<f64>,
    /// Above ground, metres.
    pub height_above_ground_m: Option<f64>,
    /// Pressure altitude (standard atmosphere 1013.25 hPa), metres.
    pub altitude_pressure_m: Option<f64>,
    /// 95 % bound of the geometric height (ellipsoid or mean sea level), metres.
    pub vertical_accuracy_m: Option<f64>,
    /// 95 % bound of the pressure altitude, metres.
    pub pressure_accuracy_m: Option<f64>,
}

/// Height of the geoid (EGM96, all 360 degrees and orders) above the WGS-84 ellipsoid at a place, metres; the model's
/// own error is below 1 m.
///
/// Costs tens of microseconds: cache it per neighbourhood on a hot path. Rounded to a millimetre, so that the last bits
/// of the harmonic sum, which go through the platform's sine, never reach a journal.
pub fn geoid_undulation_m(place: Place) -> f64 {
    let raw = egm96::egm96_compute_altitude_offset(place.latitude_deg, place.longitude_deg);
    libm::round(raw * 1000.0) / 1000.0
}

/// 95 % error of a conversion between ellipsoid and mean sea level by EGM96, metres.
pub const GEOID_ACCURACY_M: f64 = 1.0;

impl Heights {
    /// Nothing known.
    pub const UNKNOWN: Self = Self {
        height_ellipsoid_m: None,
        altitude_msl_m: None,
        height_above_takeoff_m: None,
        height_above_ground_m: None,
        altitude_pressure_m: None,
        vertical_accuracy_m: None,
        pressure_accuracy_m: None,
    };

    /// Whether any datum is known.
    pub fn any_known(&self) -> bool {
        self.height_ellipsoid_m.is_some()
            || self.altitude_msl_m.is_some()
            || self.height_above_takeoff_m.is_some()
            || self.height_above_ground_m.is_some()
            || self.altitude_pressure_m.is_some()
    }

    /// The height above the ellipsoid: as said, or from mean sea level through EGM96. Pressure and relative heights
    /// are not converted: without QNH or terrain that would be a guess.
    pub fn ellipsoid_at(&self, place: Place) -> Option<f64> {
        self.height_ellipsoid_m.or_else(|| self.altitude_msl_m.map(|h| h + geoid_undulation_m(place)))
    }

    /// The altitude above mean sea level: as said, or from the ellipsoid through EGM96.
    pub fn msl_at(&self, place: Place) -> Option<f64> {
        self.altitude_msl_m.or_else(|| self.height_ellipsoid_m.map(|h| h - geoid_undulation_m(place)))
    }

    /// The value in `datum` at `place`, converted where a conversion exists.
    pub fn in_datum(&self, datum: Datum, place: Place) -> Option<f64> {
        match datum {
            Datum::Ellipsoid => self.ellipsoid_at(place),
            Datum::MeanSeaLevel => self.msl_at(place),
            Datum::AboveTakeoff => self.height_above_takeoff_m,
            Datum::AboveGround => self.height_above_ground_m,
            Datum::Pressure => self.altitude_pressure_m,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn geoid_matches_published_values() {
        // NGA's EGM96 test points (INPUT.DAT/OUTPUT.DAT of the F477 program), metres.
        for (lat, lon, n) in [
            (38.628_155_0, 269.779_155_0, -31.628),
            (-14.621_217_0, 305.021_114_0, -2.969),
            (-23.617_446_0, 133.874_712_0, 15.871),
        ] {
            let lon = if lon > 180.0 { lon - 360.0 } else { lon };
            let got = geoid_undulation_m(Place { latitude_deg: lat, longitude_deg: lon });
            assert!((got - n).abs() < 0.5, "at {lat},{lon}: {got} against {n}");
        }
    }

    #[test]
    fn unknown_stays_unknown() {
        let place = Place { latitude_deg: 47.0, longitude_deg: 8.0 };
        assert_eq!(Heights::UNKNOWN.in_datum(Datum::MeanSeaLevel, place), None);
        let pressure = Heights { altitude_pressure_m: Some(300.0), ..Heights::UNKNOWN };
        assert_eq!(pressure.ellipsoid_at(place), None, "pressure is not converted");
    }

    #[test]
    fn ellipsoid_and_sea_level_convert_both_ways() {
        let place = Place { latitude_deg: 47.3, longitude_deg: 8.7 };
        let from = Heights { altitude_msl_m: Some(500.0), ..Heights::UNKNOWN };
        let there = from.ellipsoid_at(place).unwrap();
        let back = Heights { height_ellipsoid_m: Some(there), ..Heights::UNKNOWN }.msl_at(place).unwrap();
        assert!((back - 500.0).abs() < 1e-9);
        assert!((there - 548.0).abs() < 3.0, "the geoid stands about 48 m above the ellipsoid in Switzerland");
    }
}
