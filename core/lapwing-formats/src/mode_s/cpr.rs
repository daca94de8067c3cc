//! Compact Position Reporting: 17 bits a coordinate for the whole globe, by sending the place within a zone and leaving the zone to
//! be found from a pair of messages (global) or from a place known to be near (local). DO-260B appendix A.1.7; ICAO Doc 9871
//! appendix C.2.6.
//!
//! Pure geometry: how old a pair may be, and whether the answer is plausible, is decided in [`super::aircraft`].

use lapwing_model::math::{PI, acos, cos, floor, round};
use serde::Serialize;

/// Latitude zones between the equator and a pole.
const NZ: f64 = 15.0;
/// 2^17.
const STEPS: f64 = 131_072.0;

/// One half of a position: coordinates within a zone, as sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Cpr {
    /// `false` even, `true` odd.
    #[serde(rename = "cpr_odd")]
    pub odd: bool,
    /// Encoded latitude, 17 bits.
    #[serde(rename = "cpr_latitude")]
    pub latitude: u32,
    /// Encoded longitude, 17 bits.
    #[serde(rename = "cpr_longitude")]
    pub longitude: u32,
}

/// Degrees, WGS-84.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, serde::Deserialize)]
pub struct LatLon {
    /// Latitude, degrees north.
    pub latitude_deg: f64,
    /// Longitude, degrees east, -180 to below 180.
    pub longitude_deg: f64,
}

/// Whether a half is of an airborne (a zone spans 6°) or a surface position (1.5°).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Surface {
    /// Airborne.
    No,
    /// On the surface.
    Yes,
}

impl Surface {
    /// The size of the world that the coordinates are unique in, degrees.
    fn span_deg(self) -> f64 {
        match self {
            Self::No => 360.0,
            Self::Yes => 90.0,
        }
    }
}

fn modulo(a: f64, b: f64) -> f64 {
    a - b * floor(a / b)
}

/// Latitudes, in degrees, at which the number of longitude zones falls from 59 to 58, 57, ... 2 (DO-260B A.1.7.2): row `n` is where it
/// becomes less than `59 - n`.
#[rustfmt::skip]
const TRANSITIONS_DEG: [f64; 58] = [
    10.470_471_30, 14.828_174_37, 18.186_263_57, 21.029_394_93, 23.545_044_87, 25.829_247_07, 27.938_987_10, 29.911_356_86,
    31.772_097_08, 33.539_934_36, 35.228_995_98, 36.850_251_08, 38.412_418_92, 39.922_566_84, 41.386_518_32, 42.809_140_12,
    44.194_549_51, 45.546_267_23, 46.867_332_52, 48.160_391_28, 49.427_764_39, 50.671_501_66, 51.893_424_69, 53.095_161_53,
    54.278_174_72, 55.443_784_44, 56.593_187_56, 57.727_473_54, 58.847_637_76, 59.954_592_77, 61.049_177_74, 62.132_166_59,
    63.204_274_79, 64.266_165_23, 65.318_453_10, 66.361_710_08, 67.396_467_74, 68.423_220_22, 69.442_426_31, 70.454_510_75,
    71.459_864_73, 72.458_845_45, 73.451_774_42, 74.438_934_16, 75.420_562_57, 76.396_843_91, 77.367_894_61, 78.333_740_83,
    79.294_282_25, 80.249_232_13, 81.198_013_49, 82.139_569_81, 83.071_994_45, 83.991_735_63, 84.891_661_91, 85.755_416_21,
    86.535_369_98, 87.000_000_00,
];

/// The number of longitude zones at a latitude, 1 to 59.
pub fn longitude_zones(latitude_deg: f64) -> u32 {
    let below = TRANSITIONS_DEG.partition_point(|t| *t <= latitude_deg.abs());
    59 - below as u32
}

/// The same by the defining formula; the table is what every implementation uses, this proves it.
#[doc(hidden)]
pub fn longitude_zones_by_formula(latitude_deg: f64) -> u32 {
    let lat = latitude_deg.abs();
    if lat < 1e-9 {
        return 59;
    }
    if lat >= 87.0 {
        return if lat > 87.0 { 1 } else { 2 };
    }
    let a = 1.0 - cos(PI / (2.0 * NZ));
    let c = cos(PI / 180.0 * lat);
    floor(2.0 * PI / acos(1.0 - a / (c * c))) as u32
}

fn latitude_zone_deg(odd: bool, surface: Surface) -> f64 {
    surface.span_deg() / (4.0 * NZ - f64::from(u8::from(odd)))
}

fn longitude_zone_deg(zones: u32, odd: bool, surface: Surface) -> f64 {
    surface.span_deg() / f64::from(zones.saturating_sub(u32::from(odd)).max(1))
}

/// Longitude into [-180, 180).
fn wrap_longitude(deg: f64) -> f64 {
    modulo(deg + 180.0, 360.0) - 180.0
}

/// The place of `latest`, from an even and an odd half sent close together. `None` when both halves are of one kind, when the two lie
/// in bands with different numbers of longitude zones (a new pair will do), or when the latitude is none.
///
/// Surface halves leave four places 90° apart; the one nearest to `near` is taken, so it is needed there.
pub fn global(latest: Cpr, other: Cpr, surface: Surface, near: Option<LatLon>) -> Option<LatLon> {
    if latest.odd == other.odd {
        return None;
    }
    let (even, odd) = if latest.odd { (other, latest) } else { (latest, other) };
    let (even_lat, odd_lat) = (f64::from(even.latitude), f64::from(odd.latitude));
    let index = floor((59.0 * even_lat - 60.0 * odd_lat) / STEPS + 0.5);
    let zone_lat = |odd: bool, lat: f64| {
        let zones = 60.0 - f64::from(u8::from(odd));
        latitude_zone_deg(odd, surface) * (modulo(index, zones) + lat / STEPS)
    };
    // Airborne latitudes above 270° are the southern hemisphere. Surface latitudes come as 0..90 and mean that or 90 less.
    let to_hemisphere = |lat: f64| match surface {
        Surface::No => Some(if lat >= 270.0 { lat - 360.0 } else { lat }),
        Surface::Yes => near.map(|near| {
            if (lat - near.latitude_deg).abs() > (lat - 90.0 - near.latitude_deg).abs() { lat - 90.0 } else { lat }
        }),
    };
    let lat_even = to_hemisphere(zone_lat(false, even_lat))?;
    let lat_odd = to_hemisphere(zone_lat(true, odd_lat))?;
    if !(-90.0..=90.0).contains(&lat_even) || !(-90.0..=90.0).contains(&lat_odd) {
        return None;
    }
    let zones = longitude_zones(lat_even);
    if zones != longitude_zones(lat_odd) {
        return None;
    }
    let latitude_deg = if latest.odd { lat_odd } else { lat_even };
    let (even_lon, odd_lon) = (f64::from(even.longitude), f64::from(odd.longitude));
    let (n, zones) = (f64::from(zones), zones);
    let index = floor((even_lon * (n - 1.0) - odd_lon * n) / STEPS + 0.5);
    let count = f64::from(zones.saturating_sub(u32::from(latest.odd)).max(1));
    let within =
        longitude_zone_deg(zones, latest.odd, surface) * (modulo(index, count) + f64::from(latest.longitude) / STEPS);
    let longitude_deg = match surface {
        Surface::No => wrap_longitude(within),
        Surface::Yes => {
            let near = near?.longitude_deg;
            wrap_longitude(within + 90.0 * round((near - within) / 90.0))
        }
    };
    Some(LatLon { latitude_deg, longitude_deg })
}

/// The place of one half that lies nearest to `near`. Right when `near` is within half a zone: 180 NM airborne, 45 NM on the surface.
pub fn local(half: Cpr, surface: Surface, near: LatLon) -> Option<LatLon> {
    let nearest = |zone_deg: f64, reference_deg: f64, fraction: f64| {
        let index =
            floor(reference_deg / zone_deg) + floor(0.5 + modulo(reference_deg, zone_deg) / zone_deg - fraction);
        zone_deg * (index + fraction)
    };
    let latitude_deg =
        nearest(latitude_zone_deg(half.odd, surface), near.latitude_deg, f64::from(half.latitude) / STEPS);
    if !(-90.0..=90.0).contains(&latitude_deg) {
        return None;
    }
    let zone_deg = longitude_zone_deg(longitude_zones(latitude_deg), half.odd, surface);
    let longitude_deg = wrap_longitude(nearest(zone_deg, near.longitude_deg, f64::from(half.longitude) / STEPS));
    Some(LatLon { latitude_deg, longitude_deg })
}

/// The half that a transmitter sends for a place.
pub fn encode(place: LatLon, odd: bool, surface: Surface) -> Cpr {
    let zone_deg = latitude_zone_deg(odd, surface);
    let steps = |value: f64, zone_deg: f64| floor(STEPS * modulo(value, zone_deg) / zone_deg + 0.5);
    let latitude = steps(place.latitude_deg, zone_deg);
    // The zone count is taken at the latitude as the receiver will see it, not at the true one.
    let seen_deg = zone_deg * (latitude / STEPS + floor(place.latitude_deg / zone_deg));
    let longitude = steps(place.longitude_deg, longitude_zone_deg(longitude_zones(seen_deg), odd, surface));
    // 2^17 steps are one whole zone, that is 0 of the next.
    Cpr { odd, latitude: latitude as u32 & 0x1_FFFF, longitude: longitude as u32 & 0x1_FFFF }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(latitude_deg: f64, longitude_deg: f64) -> LatLon {
        LatLon { latitude_deg, longitude_deg }
    }

    fn close(got: Option<LatLon>, want: LatLon, within_deg: f64) -> bool {
        got.is_some_and(|got| {
            let d_lon =
                wrap_longitude(got.longitude_deg - want.longitude_deg).abs() * cos(want.latitude_deg * PI / 180.0);
            (got.latitude_deg - want.latitude_deg).abs() <= within_deg && d_lon <= within_deg
        })
    }

    #[test]
    fn published_airborne_pair() {
        // The 1090 Megahertz Riddle, chapter 5.
        let even = Cpr { odd: false, latitude: 93_000, longitude: 51_372 };
        let odd = Cpr { odd: true, latitude: 74_158, longitude: 50_194 };
        assert!(close(global(even, odd, Surface::No, None), at(52.257_202, 3.919_373), 1e-6));
        assert!(close(local(even, Surface::No, at(52.258, 3.918)), at(52.257_202, 3.919_373), 1e-6));
    }

    #[test]
    fn published_surface_pair() {
        // pyModeS: 8C4841753AAB238733C8CD4020B1 (even) then 8C4841753A8A35323FAEBDAC702D (odd), near Schiphol.
        let even = Cpr { odd: false, latitude: 115_609, longitude: 116_941 };
        let odd = Cpr { odd: true, latitude: 39_199, longitude: 110_269 };
        let near = at(51.990, 4.375);
        assert!(close(global(odd, even, Surface::Yes, Some(near)), at(52.320_607, 4.734_735), 1e-5));
        assert_eq!(global(odd, even, Surface::Yes, None), None, "four places without a reference");
    }

    #[test]
    fn table_is_the_formula() {
        for i in 0..9000 {
            let lat = f64::from(i) * 0.01 + 0.000_5;
            assert_eq!(longitude_zones(lat), longitude_zones_by_formula(lat), "at {lat}");
            assert_eq!(longitude_zones(-lat), longitude_zones(lat));
        }
        assert_eq!((longitude_zones(0.0), longitude_zones(90.0)), (59, 1));
    }

    #[test]
    fn halves_of_one_kind_and_of_different_bands_give_nothing() {
        let even = Cpr { odd: false, latitude: 93_000, longitude: 51_372 };
        assert_eq!(global(even, even, Surface::No, None), None);
        // 10.4704713° is where 59 zones become 58: the even half south of it, the odd half north of it.
        let south = encode(at(10.469, 20.0), false, Surface::No);
        let north = encode(at(10.472, 20.0), true, Surface::No);
        assert_eq!(global(south, north, Surface::No, None), None);
    }

    /// Half a step of the coarser coordinate, degrees of a great circle: 360 / 59 / 2^17 / 2 and a little.
    const AIRBORNE_DEG: f64 = 2.4e-5;

    /// Beyond 85° the odd longitude zones grow to the whole circle, and half a step with them to 9 m.
    fn airborne_tolerance_deg(latitude_deg: f64) -> f64 {
        if latitude_deg.abs() < 85.0 { AIRBORNE_DEG * 2.0 } else { 1e-4 }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn airborne_pairs_come_back(lat in -89.9f64..89.9, lon in -180.0f64..180.0, odd_last in any::<bool>()) {
            let place = at(lat, lon);
            let (even, odd) = (encode(place, false, Surface::No), encode(place, true, Surface::No));
            let (latest, other) = if odd_last { (odd, even) } else { (even, odd) };
            match global(latest, other, Surface::No, None) {
                Some(got) => prop_assert!(close(Some(got), place, airborne_tolerance_deg(lat)), "{got:?} for {place:?}"),
                // Allowed only where the two halves straddle a transition of zones.
                None => prop_assert!(TRANSITIONS_DEG.iter().any(|t| (t - lat.abs()).abs() < 1e-4), "nothing at {place:?}"),
            }
        }

        #[test]
        fn local_finds_the_place_from_anywhere_near(
            lat in -85.0f64..85.0, lon in -180.0f64..180.0, d_lat in -0.7f64..0.7, d_lon in -0.7f64..0.7, odd in any::<bool>(), on_surface in any::<bool>(),
        ) {
            let surface = if on_surface { Surface::Yes } else { Surface::No };
            let place = at(lat, lon);
            let got = local(encode(place, odd, surface), surface, at(lat + d_lat, lon + d_lon));
            prop_assert!(close(got, place, AIRBORNE_DEG * 2.0), "{:?} for {:?}", got, place);
        }

        #[test]
        fn surface_pairs_come_back(lat in -85.0f64..85.0, lon in -180.0f64..180.0, d in -30.0f64..30.0, odd_last in any::<bool>()) {
            let place = at(lat, lon);
            let (even, odd) = (encode(place, false, Surface::Yes), encode(place, true, Surface::Yes));
            let (latest, other) = if odd_last { (odd, even) } else { (even, odd) };
            if let Some(got) = global(latest, other, Surface::Yes, Some(at((lat + d).clamp(-90.0, 90.0), lon - d))) {
                prop_assert!(close(Some(got), place, AIRBORNE_DEG), "{got:?} for {place:?}");
            }
        }

        #[test]
        fn nothing_makes_it_panic_or_leave_the_globe(a in any::<u32>(), b in any::<u32>(), c in any::<u32>(), d in any::<u32>(), lat in -90f64..90.0, lon in -180f64..180.0) {
            let (x, y) = (Cpr { odd: true, latitude: a & 0x1FFFF, longitude: b & 0x1FFFF }, Cpr { odd: false, latitude: c & 0x1FFFF, longitude: d & 0x1FFFF });
            for surface in [Surface::No, Surface::Yes] {
                for got in [global(x, y, surface, Some(at(lat, lon))), global(y, x, surface, None), local(x, surface, at(lat, lon))].into_iter().flatten() {
                    prop_assert!((-90.0..=90.0).contains(&got.latitude_deg) && (-180.0..180.0).contains(&got.longitude_deg), "{got:?}");
                }
            }
        }
    }
}
