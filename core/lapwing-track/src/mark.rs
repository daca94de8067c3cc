//! What a track remembers of each sensor that saw it.

use lapwing_model::{Span, Time};
use std::num::NonZeroU16;

/// When a sensor last contributed. Small: a track has several, and there may be thousands of tracks.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct SensorMark {
    /// One more than its number.
    pub(crate) number: NonZeroU16,
    /// Looks in vain since, as far as it is clear that they were.
    pub(crate) misses: u8,
    /// Its interval in units of 50 microseconds; the longest is more than two days.
    interval_units: u32,
    pub(crate) at: Time,
}

/// Unit of a mark's interval, nanoseconds.
const UNIT_NS: i64 = 50_000;

impl SensorMark {
    pub(crate) fn new(sensor: u32, at: Time, interval: Span) -> Self {
        let interval_units = u32::try_from((interval.as_nanos() / UNIT_NS).max(0)).unwrap_or(u32::MAX);
        Self { number: Self::number(sensor), misses: 0, interval_units, at }
    }

    /// There are fewer sensors than that.
    fn number(sensor: u32) -> NonZeroU16 {
        NonZeroU16::MIN.saturating_add(u16::try_from(sensor).unwrap_or(u16::MAX))
    }

    pub(crate) fn sensor(&self) -> u32 {
        u32::from(self.number.get()) - 1
    }

    pub(crate) fn is_of(&self, sensor: u32) -> bool {
        self.number == Self::number(sensor)
    }

    pub(crate) fn interval(&self) -> Span {
        Span::from_nanos(i64::from(self.interval_units) * UNIT_NS)
    }
}
