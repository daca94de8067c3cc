//! Time as integer nanoseconds.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// An instant: nanoseconds since 1970-01-01T00:00:00 UTC, leap seconds not counted (POSIX time).
///
/// Serialised as RFC 3339 in UTC with as many fractional digits as are needed (`2023-04-01T16:15:30.415058438Z`), so
/// that a JSON reader with 53-bit numbers loses nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String, format = DateTime))]
pub struct Time(i64);

/// A signed length of time in nanoseconds. Serialised as seconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = f64))]
pub struct Span(i64);

const NANOS_PER_SECOND: i64 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

impl Time {
    /// The earliest time that can be said.
    pub const MIN: Self = Self(i64::MIN);
    /// The latest time that can be said (the year 2262).
    pub const MAX: Self = Self(i64::MAX);

    /// From nanoseconds since the Unix epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From milliseconds since the Unix epoch, saturating.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// From whole seconds since the Unix epoch, saturating.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(NANOS_PER_SECOND))
    }

    /// Nanoseconds since the Unix epoch.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Seconds since the Unix epoch; resolution falls to about 0.2 µs today.
    pub fn as_seconds_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// `self - earlier`, saturating.
    pub const fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// The first time not before `self` that is a whole multiple of `step` since the epoch.
    pub const fn round_up(self, step: Span) -> Self {
        if step.0 <= 0 {
            return self;
        }
        let rest = self.0.rem_euclid(step.0);
        if rest == 0 { self } else { Self(self.0.saturating_add(step.0 - rest)) }
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// From nanoseconds.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From milliseconds, saturating.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// From whole seconds, saturating.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(NANOS_PER_SECOND))
    }

    /// From seconds; a value that is not finite gives zero, one that is too large saturates.
    pub fn from_seconds_f64(seconds: f64) -> Self {
        // `as` saturates and turns NaN into 0.
        Self(libm::round(seconds * 1e9) as i64)
    }

    /// Nanoseconds.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Seconds.
    pub fn as_seconds_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// The absolute value.
    pub const fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }
}

impl std::ops::Add<Span> for Time {
    type Output = Time;
    fn add(self, span: Span) -> Time {
        Time(self.0.saturating_add(span.0))
    }
}

impl std::ops::Sub<Span> for Time {
    type Output = Time;
    fn sub(self, span: Span) -> Time {
        Time(self.0.saturating_sub(span.0))
    }
}

impl std::ops::Add for Span {
    type Output = Span;
    fn add(self, other: Span) -> Span {
        Span(self.0.saturating_add(other.0))
    }
}

impl std::ops::Sub for Span {
    type Output = Span;
    fn sub(self, other: Span) -> Span {
        Span(self.0.saturating_sub(other.0))
    }
}

impl std::ops::Neg for Span {
    type Output = Span;
    fn neg(self) -> Span {
        Span(self.0.saturating_neg())
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} s", self.as_seconds_f64())
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ns", self.0)
    }
}

/// Days since 1970-01-01 of a proleptic Gregorian date (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms",
/// `days_from_civil`).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let doy = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    era * 146_097 + doe - 719_468
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(month <= 2), month, day)
}

impl Time {
    /// From a UTC calendar date and time of day; `None` when a part is out of range.
    pub fn from_civil(
        year: i64,
        month: i64,
        day: i64,
        hour: i64,
        minute: i64,
        second: i64,
        nanos: i64,
    ) -> Option<Self> {
        let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        let month_days = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 => 28 + i64::from(leap),
            _ => return None,
        };
        let ok = (1677..=2262).contains(&year)
            && (1..=month_days).contains(&day)
            && (0..24).contains(&hour)
            && (0..60).contains(&minute)
            && (0..=60).contains(&second)
            && (0..NANOS_PER_SECOND).contains(&nanos);
        if !ok {
            return None;
        }
        let seconds = days_from_civil(year, month, day) * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second;
        // The first and last seconds that can be said are not whole: only the sum must fit.
        let all = i128::from(seconds) * i128::from(NANOS_PER_SECOND) + i128::from(nanos);
        i64::try_from(all).ok().map(Self)
    }

    /// The UTC calendar date and time of day: year, month, day, hour, minute, second, nanosecond.
    pub fn civil(self) -> (i64, i64, i64, i64, i64, i64, i64) {
        let seconds = self.0.div_euclid(NANOS_PER_SECOND);
        let nanos = self.0.rem_euclid(NANOS_PER_SECOND);
        let (year, month, day) = civil_from_days(seconds.div_euclid(SECONDS_PER_DAY));
        let of_day = seconds.rem_euclid(SECONDS_PER_DAY);
        (year, month, day, of_day / 3600, of_day / 60 % 60, of_day % 60, nanos)
    }

    /// Day of the week, 0 = Monday to 6 = Sunday, in UTC.
    pub fn weekday(self) -> u8 {
        let days = self.0.div_euclid(NANOS_PER_SECOND * SECONDS_PER_DAY);
        // 1970-01-01 was a Thursday.
        (days + 3).rem_euclid(7) as u8
    }

    /// Nanoseconds since midnight UTC.
    pub const fn of_day(self) -> Span {
        Span(self.0.rem_euclid(NANOS_PER_SECOND * SECONDS_PER_DAY))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (y, mo, d, h, mi, s, ns) = self.civil();
        // Written by hand, for an event has a dozen of them. Years have four digits: 1677 to 2262.
        let mut text = *b"0000-00-00T00:00:00.000000000Z";
        let parts = [(0, 4, y), (5, 2, mo), (8, 2, d), (11, 2, h), (14, 2, mi), (17, 2, s), (20, 9, ns)];
        for (at, digits, mut value) in parts {
            for cell in text.iter_mut().skip(at).take(digits).rev() {
                *cell = b'0' + (value % 10) as u8;
                value /= 10;
            }
        }
        // Whole seconds without a fraction, else three, six or nine digits.
        let length = match ns {
            0 => 19,
            ns if ns % 1_000_000 == 0 => 23,
            ns if ns % 1_000 == 0 => 26,
            _ => 29,
        };
        text[length] = b'Z';
        f.write_str(std::str::from_utf8(&text[..=length]).unwrap_or_default())
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not an RFC 3339 time with a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotATime;

impl fmt::Display for NotATime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected an RFC 3339 time with a zone, such as 2026-05-01T09:30:00Z")
    }
}

impl std::error::Error for NotATime {}

fn digits(bytes: &[u8]) -> Result<i64, NotATime> {
    if bytes.is_empty() || !bytes.iter().all(u8::is_ascii_digit) {
        return Err(NotATime);
    }
    Ok(bytes.iter().fold(0_i64, |n, b| n * 10 + i64::from(b - b'0')))
}

impl FromStr for Time {
    type Err = NotATime;

    /// RFC 3339: `date T time [.fraction] (Z | ±hh:mm)`; a missing zone is an error, because a guess would be a fact.
    fn from_str(text: &str) -> Result<Self, NotATime> {
        let b = text.as_bytes();
        if b.len() < 20 || b.len() > 40 || !text.is_ascii() {
            return Err(NotATime);
        }
        let part = |from: usize, to: usize| b.get(from..to).ok_or(NotATime).and_then(digits);
        let mark = |at: usize, allowed: &[u8]| match b.get(at) {
            Some(c) if allowed.contains(c) => Ok(()),
            _ => Err(NotATime),
        };
        for (at, allowed) in [(4, &b"-"[..]), (7, b"-"), (10, b"Tt "), (13, b":"), (16, b":")] {
            mark(at, allowed)?;
        }
        let mut rest = b.get(19..).ok_or(NotATime)?;
        let mut nanos = 0;
        if let Some((b'.', tail)) = rest.split_first() {
            let length = tail.iter().take_while(|c| c.is_ascii_digit()).count();
            let fraction = tail.get(..length.min(9)).ok_or(NotATime)?;
            nanos = digits(fraction)? * 10_i64.pow(9 - fraction.len() as u32);
            rest = tail.get(length..).ok_or(NotATime)?;
        }
        let offset_seconds = match rest {
            [b'Z' | b'z'] => 0,
            [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
                let (h, m) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?);
                if h > 23 || m > 59 {
                    return Err(NotATime);
                }
                (h * 3600 + m * 60) * if *sign == b'-' { -1 } else { 1 }
            }
            _ => return Err(NotATime),
        };
        let local = Time::from_civil(
            part(0, 4)?,
            part(5, 7)?,
            part(8, 10)?,
            part(11, 13)?,
            part(14, 16)?,
            part(17, 19)?,
            nanos,
        )
        .ok_or(NotATime)?;
        Ok(local - Span::from_seconds(offset_seconds))
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Text for people, the number itself for what is saved and restored: to the nanosecond both.
        if serializer.is_human_readable() { serializer.collect_str(self) } else { self.0.serialize(serializer) }
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return i64::deserialize(deserializer).map(Self);
        }
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Time;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an RFC 3339 time with a zone, such as 2026-05-01T09:30:00Z")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Time, E> {
                text.parse().map_err(|_| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_f64(self.as_seconds_f64())
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            f64::deserialize(deserializer).map(Span::from_seconds_f64)
        } else {
            i64::deserialize(deserializer).map(Self)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_round_trips_to_the_nanosecond() {
        for text in [
            "1970-01-01T00:00:00Z",
            "2023-04-01T16:15:30.415058438Z",
            "2024-02-29T23:59:59.001Z",
            "1969-12-31T23:59:59.999999Z",
        ] {
            assert_eq!(text.parse::<Time>().unwrap().to_string(), text);
        }
        for time in [Time::MIN, Time::MAX] {
            assert_eq!(time.to_string().parse(), Ok(time), "a saturated time must come back from the journal");
        }
        assert!("2263-01-01T00:00:00Z".parse::<Time>().is_err());
    }

    #[test]
    fn zones_are_applied_and_required() {
        let utc: Time = "2026-05-01T09:30:00Z".parse().unwrap();
        assert_eq!("2026-05-01T11:30:00+02:00".parse::<Time>().unwrap(), utc);
        for bad in [
            "2026-05-01T09:30:00",
            "2026-13-01T09:30:00Z",
            "2026-02-30T00:00:00Z",
            "",
            "now",
            "2026-05-01T09:30:00+99:00",
        ] {
            assert!(bad.parse::<Time>().is_err(), "{bad}");
        }
    }

    #[test]
    fn weekday_matches_the_calendar() {
        assert_eq!("2026-11-23T12:00:00Z".parse::<Time>().unwrap().weekday(), 0, "a Monday");
        assert_eq!(Time::from_seconds(0).weekday(), 3, "1970-01-01 was a Thursday");
    }

    #[test]
    fn arithmetic_saturates_instead_of_wrapping() {
        assert_eq!(Time::MAX + Span::from_seconds(1), Time::MAX);
        assert_eq!(Time::MIN - Span::from_seconds(1), Time::MIN);
        assert_eq!(Span::from_seconds_f64(f64::NAN), Span::ZERO);
    }

    #[test]
    fn round_up_lands_on_the_grid() {
        let step = Span::from_seconds(1);
        assert_eq!(Time::from_millis(1500).round_up(step), Time::from_seconds(2));
        assert_eq!(Time::from_seconds(2).round_up(step), Time::from_seconds(2));
    }
}
