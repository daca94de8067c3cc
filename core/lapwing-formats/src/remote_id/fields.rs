//! The codes of the messages of ASTM F3411-22a clause 5.4 (EN 4709-002 uses the same ones).
//!
//! Each code keeps the raw value, so that what was decoded encodes to the same bytes, and gives its meaning with the
//! unit in the method's name; `None` where the standard says invalid, no value or unknown, and where a raw value
//! lies outside of what the standard allows. Values were checked against opendroneid-core-c.

pub use super::codes::{
    AuthType, ClassificationType, DescriptionType, EuCategory, EuClass, HeightType, IdType, OperatorIdType,
    OperatorPlaceType, StatusCode, UaType,
};
use lapwing_model::{AirText, Place, Time};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

/// 2019-01-01T00:00:00 UTC in seconds since the Unix epoch: the epoch of 32-bit time stamps.
const EPOCH_2019_S: i64 = 1_546_300_800;

/// Altitude or height: 0.5 m steps from -1000 m; raw 0 is unknown. Which datum it has is said by the field it stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AltitudeCode(pub u16);

impl AltitudeCode {
    /// Metres.
    pub fn m(self) -> Option<f64> {
        (self.0 != 0).then(|| f64::from(self.0) * 0.5 - 1000.0)
    }

    /// The nearest code; values beyond the scale give its end (-999.5 m or 31767.5 m).
    pub fn from_m(m: Option<f64>) -> Self {
        Self(m.map_or(0, |m| libm::round((m + 1000.0) * 2.0).clamp(1.0, 65535.0) as u16))
    }
}

impl Serialize for AltitudeCode {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.m().serialize(s)
    }
}

/// Latitude and longitude in 1e-7 degrees; both 0 is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PlaceCode {
    /// 1e-7 degrees north.
    pub latitude: i32,
    /// 1e-7 degrees east.
    pub longitude: i32,
}

impl PlaceCode {
    /// The place, when known and on the globe.
    pub fn place(self) -> Option<Place> {
        let known = self.latitude != 0 || self.longitude != 0;
        if known { Place::new(f64::from(self.latitude) / 1e7, f64::from(self.longitude) / 1e7) } else { None }
    }

    /// Whether the values are off the globe: neither a place nor the standard's word for unknown.
    pub fn is_impossible(self) -> bool {
        self.latitude.unsigned_abs() > 900_000_000 || self.longitude.unsigned_abs() > 1_800_000_000
    }

    /// The nearest code. The place 0, 0 itself cannot be said and moves 1 cm.
    pub fn from_place(place: Option<Place>) -> Self {
        let Some(place) = place else { return Self::default() };
        let code = |deg: f64| libm::round(deg * 1e7) as i32;
        match (code(place.latitude_deg), code(place.longitude_deg)) {
            (0, 0) => Self { latitude: 1, longitude: 0 },
            (latitude, longitude) => Self { latitude, longitude },
        }
    }
}

impl Serialize for PlaceCode {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut out = s.serialize_struct("PlaceCode", 2)?;
        out.serialize_field("latitude_deg", &self.place().map(|p| p.latitude_deg))?;
        out.serialize_field("longitude_deg", &self.place().map(|p| p.longitude_deg))?;
        out.end()
    }
}

/// Track direction: whole degrees clockwise from true north, in a byte and an "add 180" bit; 361 is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirectionCode {
    /// The byte.
    pub raw: u8,
    /// The E/W bit: add 180 degrees.
    pub west: bool,
}

impl DirectionCode {
    /// Degrees, 0 <= x < 360.
    pub fn deg(self) -> Option<f64> {
        match u16::from(self.raw) + if self.west { 180 } else { 0 } {
            deg @ 0..360 => Some(f64::from(deg)),
            360 => Some(0.0),
            _ => None,
        }
    }

    /// The nearest code.
    pub fn from_deg(deg: Option<f64>) -> Self {
        let Some(deg) = deg.filter(|d| d.is_finite()) else { return Self { raw: 181, west: true } };
        let whole = libm::round(deg).rem_euclid(360.0) as u16;
        Self { raw: (whole % 180) as u8, west: whole >= 180 }
    }
}

impl Serialize for DirectionCode {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.deg().serialize(s)
    }
}

/// Horizontal speed: a byte of 0.25 m/s, or with the multiplier bit of 0.75 m/s above 63.75 m/s; 255 m/s is unknown,
/// 254.25 m/s means that or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpeedCode {
    /// The byte.
    pub raw: u8,
    /// The multiplier bit.
    pub fast: bool,
}

impl SpeedCode {
    /// Metres a second over ground.
    pub fn mps(self) -> Option<f64> {
        match (self.fast, self.raw) {
            (true, 255) => None,
            (true, raw) => Some(f64::from(raw) * 0.75 + 63.75),
            (false, raw) => Some(f64::from(raw) * 0.25),
        }
    }

    /// The nearest code; faster than 254.25 m/s gives 254.25.
    pub fn from_mps(mps: Option<f64>) -> Self {
        let Some(mps) = mps.filter(|v| v.is_finite()) else { return Self { raw: 255, fast: true } };
        if mps <= 63.75 {
            Self { raw: libm::round(mps.max(0.0) / 0.25) as u8, fast: false }
        } else {
            Self { raw: libm::round((mps - 63.75) / 0.75).min(254.0) as u8, fast: true }
        }
    }
}

impl Serialize for SpeedCode {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.mps().serialize(s)
    }
}

/// Vertical speed: 0.5 m/s steps, up positive; 63 m/s is unknown, +-62 m/s means that or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerticalSpeedCode(pub i8);

impl VerticalSpeedCode {
    /// Metres a second, up positive.
    pub fn mps(self) -> Option<f64> {
        (-124..=124).contains(&self.0).then(|| f64::from(self.0) * 0.5)
    }

    /// The nearest code.
    pub fn from_mps(mps: Option<f64>) -> Self {
        Self(mps.filter(|v| v.is_finite()).map_or(126, |v| libm::round(v * 2.0).clamp(-124.0, 124.0) as i8))
    }
}

impl Serialize for VerticalSpeedCode {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.mps().serialize(s)
    }
}

/// Tenths of a second since the full UTC hour; 0xFFFF is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HourTimeCode(pub u16);

impl HourTimeCode {
    /// Seconds since the full hour, 0 <= x <= 3600.
    pub fn s(self) -> Option<f64> {
        (self.0 <= 36_000).then(|| f64::from(self.0) / 10.0)
    }

    /// The time whose offset in its hour this is and that lies nearest to `received_at`.
    pub fn near(self, received_at: Time) -> Option<Time> {
        const HOUR_NS: i64 = 3_600_000_000_000;
        if self.0 > 36_000 {
            return None;
        }
        let received = received_at.as_nanos();
        let offset = i64::from(self.0) * 100_000_000 - received.rem_euclid(HOUR_NS);
        // The nearest of the candidates an hour apart: the offset folded into -30..30 minutes.
        let folded = (offset + HOUR_NS / 2).rem_euclid(HOUR_NS) - HOUR_NS / 2;
        Some(Time::from_nanos(received.saturating_add(folded)))
    }

    /// The code of a time; `None` gives unknown.
    pub fn from_time(time: Option<Time>) -> Self {
        Self(time.map_or(u16::MAX, |t| (t.as_nanos().div_euclid(100_000_000).rem_euclid(36_000)) as u16))
    }
}

impl Serialize for HourTimeCode {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.s().serialize(s)
    }
}

/// Seconds since 2019-01-01T00:00:00 UTC; 0 is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Time2019Code(pub u32);

impl Time2019Code {
    /// The instant.
    pub fn time(self) -> Option<Time> {
        (self.0 != 0).then(|| Time::from_seconds(EPOCH_2019_S + i64::from(self.0)))
    }

    /// The code of a time; before 2019 gives unknown.
    pub fn from_time(time: Option<Time>) -> Self {
        Self(
            time.map_or(0, |t| {
                (t.as_nanos().div_euclid(1_000_000_000) - EPOCH_2019_S).clamp(0, u32::MAX.into()) as u32
            }),
        )
    }
}

impl Serialize for Time2019Code {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.time().serialize(s)
    }
}

/// Defines a 4-bit accuracy code with its 95 % bounds.
macro_rules! accuracy_code {
    ($(#[$doc:meta])* $name:ident, $unit:ident, $unit_doc:literal, $field:literal, [$($bound:literal),*]) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct $name(pub u8);

        impl $name {
            /// The bounds of codes 1, 2, ...
            const BOUNDS: &'static [f64] = &[$($bound),*];

            #[doc = concat!("The 95 % bound, ", $unit_doc, "; `None` when unknown or reserved.")]
            pub fn $unit(self) -> Option<f64> {
                usize::from(self.0).checked_sub(1).and_then(|i| Self::BOUNDS.get(i)).copied()
            }

            #[doc = concat!("The tightest code whose bound holds for a 95 % error, ", $unit_doc, ".")]
            pub fn from_bound(error: Option<f64>) -> Self {
                let Some(error) = error else { return Self(0) };
                Self(Self::BOUNDS.iter().rposition(|b| error < *b).map_or(0, |i| i as u8 + 1))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                let mut out = s.serialize_struct(stringify!($name), 2)?;
                out.serialize_field("code", &self.0)?;
                out.serialize_field($field, &self.$unit())?;
                out.end()
            }
        }
    };
}

accuracy_code! {
    /// Horizontal accuracy: the steps of ADS-B's NACp, from 10 nautical miles to 1 m.
    HorizontalAccuracyCode, m, "metres", "bound_m",
    [18520.0, 7408.0, 3704.0, 1852.0, 926.0, 555.6, 185.2, 92.6, 30.0, 10.0, 3.0, 1.0]
}
accuracy_code! {
    /// Vertical accuracy (geodetic or pressure altitude).
    VerticalAccuracyCode, m, "metres", "bound_m", [150.0, 45.0, 25.0, 10.0, 3.0, 1.0]
}
accuracy_code! {
    /// Speed accuracy.
    SpeedAccuracyCode, mps, "metres a second", "bound_mps", [10.0, 3.0, 1.0, 0.3]
}
accuracy_code! {
    /// Time stamp accuracy.
    TimeAccuracyCode, s, "seconds", "bound_s",
    [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5]
}

/// Fixed-width text, kept as its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextCode<const N: usize>(pub [u8; N]);

impl<const N: usize> TextCode<N> {
    /// The text without padding; `None` when there is none.
    pub fn text(&self) -> Option<AirText> {
        AirText::from_padded(&self.0)
    }

    /// From a text, cut or padded with NUL to the width.
    pub fn from_text(text: &str) -> Self {
        let mut out = [0; N];
        for (to, from) in out.iter_mut().zip(text.bytes()) {
            *to = from;
        }
        Self(out)
    }
}

impl<const N: usize> Serialize for TextCode<N> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.text().serialize(s)
    }
}

/// Bytes as lower-case hexadecimal text.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, b| {
        // Writing into a String cannot fail.
        let _ = write!(out, "{b:02x}");
        out
    })
}

/// Opaque or reserved bytes, serialised as hexadecimal text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bytes<const N: usize>(pub [u8; N]);

impl<const N: usize> Default for Bytes<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

impl<const N: usize> Serialize for Bytes<N> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&hex(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_marker_of_unknown_is_none() {
        assert_eq!(AltitudeCode(0).m(), None);
        assert_eq!(DirectionCode { raw: 181, west: true }.deg(), None);
        assert_eq!(SpeedCode { raw: 255, fast: true }.mps(), None);
        assert_eq!(VerticalSpeedCode(126).mps(), None);
        assert_eq!(HourTimeCode(0xFFFF).s(), None);
        assert_eq!(Time2019Code(0).time(), None);
        assert_eq!(PlaceCode::default().place(), None);
        assert_eq!(HorizontalAccuracyCode(0).m(), None);
        assert_eq!(HorizontalAccuracyCode(13).m(), None);
        assert_eq!(TimeAccuracyCode(0).s(), None);
        assert_eq!(TextCode([0; 20]).text(), None);
    }

    #[test]
    fn values_have_the_units_of_the_standard() {
        assert_eq!(AltitudeCode(2000).m(), Some(0.0));
        assert_eq!(AltitudeCode(2056).m(), Some(28.0));
        assert_eq!(DirectionCode { raw: 90, west: true }.deg(), Some(270.0));
        assert_eq!(SpeedCode { raw: 255, fast: false }.mps(), Some(63.75));
        assert_eq!(SpeedCode { raw: 254, fast: true }.mps(), Some(254.25));
        assert_eq!(VerticalSpeedCode(-124).mps(), Some(-62.0));
        assert_eq!(HorizontalAccuracyCode(12).m(), Some(1.0));
        assert_eq!(VerticalAccuracyCode(4).m(), Some(10.0));
        assert_eq!(SpeedAccuracyCode(4).mps(), Some(0.3));
        assert_eq!(TimeAccuracyCode(10).s(), Some(1.0));
    }

    #[test]
    fn values_encode_to_the_code_that_gives_them() {
        for raw in 0..=u16::MAX {
            assert_eq!(AltitudeCode::from_m(AltitudeCode(raw).m()).0, raw);
        }
        for raw in 0..=254 {
            for fast in [false, true] {
                let code = SpeedCode { raw, fast };
                assert_eq!(SpeedCode::from_mps(code.mps()).mps(), code.mps());
            }
        }
        for deg in 0..360 {
            assert_eq!(DirectionCode::from_deg(Some(f64::from(deg))).deg(), Some(f64::from(deg)));
        }
        for raw in -124..=124 {
            assert_eq!(VerticalSpeedCode::from_mps(VerticalSpeedCode(raw).mps()).0, raw);
        }
        assert_eq!(DirectionCode::from_deg(None).deg(), None);
        assert_eq!(DirectionCode::from_deg(Some(359.7)).deg(), Some(0.0));
        assert_eq!(SpeedCode::from_mps(None).mps(), None);
        assert_eq!(SpeedCode::from_mps(Some(1e9)).mps(), Some(254.25));
        assert_eq!(VerticalSpeedCode::from_mps(None).mps(), None);
        assert_eq!(HorizontalAccuracyCode::from_bound(Some(2.0)), HorizontalAccuracyCode(11));
        assert_eq!(HorizontalAccuracyCode::from_bound(Some(1e6)), HorizontalAccuracyCode(0));
    }

    #[test]
    fn the_hour_is_the_nearest_one() {
        let at = |h, m, s| Time::from_civil(2023, 4, 1, h, m, s, 0).unwrap();
        // 59:50 received at 00:10 past the hour belongs to the hour before.
        assert_eq!(HourTimeCode(35_900).near(at(17, 0, 10)), Some(at(16, 59, 50)));
        assert_eq!(HourTimeCode(100).near(at(16, 59, 50)), Some(at(17, 0, 10)));
        assert_eq!(HourTimeCode(36_000).near(at(16, 59, 50)), Some(at(17, 0, 0)));
        assert_eq!(HourTimeCode(6000).near(at(17, 10, 0)), Some(at(17, 10, 0)));
        assert_eq!(HourTimeCode(36_001).near(at(17, 10, 0)), None);
        assert_eq!(HourTimeCode::from_time(Some(at(17, 10, 0))), HourTimeCode(6000));
    }

    #[test]
    fn times_count_from_2019() {
        // BlueMark's own decoder prints 2025-12-31 21:54 UTC for this raw value.
        let time = Time2019Code(220_917_254).time().unwrap();
        assert_eq!(time.to_string().get(..16), Some("2025-12-31T21:54"));
        assert_eq!(Time2019Code::from_time(Some(time)).0, 220_917_254);
    }
}
