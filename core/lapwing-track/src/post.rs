//! What the tracker knows of a sensor that does not change with what it sees: its place, its coverage, its errors.

use crate::config::Config;
use crate::overlap::Overlap;
use crate::project::Pose;
use crate::reading::{Kind, Reading};
use lapwing_model::{LocalFrame, Place, Sensor, SensorId, SensorKind, Span, math};

/// Span of range rates false plots are spread over, metres per second.
const CLUTTER_RATES_MPS: f64 = 60.0;
/// What is left of the detection probability at the greatest range, where it tapers.
const TAPERED: f64 = 0.3;
/// Angular height of a coverage that does not say, radians.
const ELEVATION_SPAN_RAD: f64 = math::PI / 2.0;
/// Range taken for one that does not say, where an area is needed, metres.
const RANGE_UNSAID_M: f64 = 5_000.0;
/// The same for where bearings may meet: rather too far than missed.
const BEARING_RANGE_UNSAID_M: f64 = 10_000.0;

/// A sensor's place among others whose looks are of the same instant: whoever hands looks of one instant over in this order makes
/// none of them late.
pub fn rank(sensor: &SensorId) -> u64 {
    sensor.fingerprint()
}

/// A sensor made ready.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    pub(crate) number: u32,
    /// Says which sensor it is, whatever order they were first heard in.
    pub(crate) rank: u64,
    pub(crate) sensor: Sensor,
    pub(crate) frame: Option<LocalFrame>,
    /// Its pose in each region, by number.
    pub(crate) poses: Vec<Option<Pose>>,
    /// What it covers of other sensors' coverages.
    pub(crate) overlaps: Vec<Overlap>,
    /// The greatest part of its own that any other covers.
    pub(crate) covered: f64,
    /// Whether it measures; what only hears claims has never looked.
    pub(crate) measures: bool,
    /// Whether it hears or receives what an aircraft gives off: that it does not says nothing of one that is silent.
    pub(crate) listens: bool,
    /// Greatest range and place, for the search of what may be seen.
    pub(crate) disc: Option<(Place, f64)>,
    pub(crate) signal_speed_mps: Option<f64>,
    /// First azimuth and width of what it looks at, radians; all round when `None`.
    pub(crate) sector: Option<(f64, f64)>,
    elevation: (f64, f64),
    pub(crate) detection: f64,
    /// Area on the ground, m².
    area_m2: f64,
    pub(crate) clutter_per_look: Option<f64>,
}

impl Post {
    pub(crate) fn new(number: u32, sensor: &Sensor, frame: Option<LocalFrame>, config: &Config) -> Self {
        let c = &sensor.coverage;
        let sector = match (c.azimuth_from_deg, c.azimuth_to_deg) {
            (Some(from), Some(to)) => {
                let width = math::wrap_tau(math::rad(to - from));
                (width > 0.0).then_some((math::rad(from), width))
            }
            _ => None,
        };
        let elevation = (
            c.elevation_min_deg.map_or(-math::PI / 2.0, math::rad),
            c.elevation_max_deg.map_or(math::PI / 2.0, math::rad),
        );
        let far = c.range_max_m.unwrap_or(RANGE_UNSAID_M);
        let near = c.range_min_m.unwrap_or(0.0).clamp(0.0, far);
        let width = sector.map_or(math::TAU, |(_, w)| w);
        let ring = 0.5 * width * (far * far - near * near).max(1.0);
        Self {
            number,
            rank: rank(&sensor.id),
            frame,
            poses: Vec::new(),
            overlaps: Vec::new(),
            covered: 0.0,
            measures: !matches!(sensor.kind, SensorKind::RemoteId | SensorKind::Adsb | SensorKind::Human),
            listens: matches!(sensor.kind, SensorKind::RfDirection | SensorKind::Acoustic),
            disc: frame.and_then(|f| c.range_max_m.filter(|r| *r < 100_000.0).map(|r| (f.origin().place(), r))),
            signal_speed_mps: sensor.signal_speed_mps.filter(|s| *s > 1.0),
            sector,
            elevation,
            detection: c.detection_probability.unwrap_or(config.detection_probability).clamp(0.01, 0.999),
            area_m2: c.area_km2.map_or(ring, |a| (a * 1e6).max(1.0)),
            clutter_per_look: sensor.clutter_per_look.filter(|c| *c >= 0.0),
            sensor: sensor.clone(),
        }
    }

    /// Mean of false plots per look: said, learned, or the default over its area.
    pub(crate) fn clutter(&self, learned: Option<f64>, config: &Config) -> f64 {
        let least = config.clutter_per_km2 / 1e6 * self.area_m2;
        self.clutter_per_look.unwrap_or_else(|| learned.unwrap_or(0.0).max(least)).max(1e-4)
    }

    /// How far away what it gives a bearing of may be, metres.
    pub(crate) fn hears_within_m(&self) -> f64 {
        self.sensor.coverage.range_max_m.unwrap_or(BEARING_RANGE_UNSAID_M)
    }

    /// Volume of the coverage in the coordinates of a reading, and what a unit of it is in square metres on the ground (times the
    /// height of the layer, for what measures height).
    pub(crate) fn volume(&self, reading: &Reading, height_known: bool, config: &Config) -> (f64, f64) {
        let c = &self.sensor.coverage;
        let width = self.sector.map_or(math::TAU, |(_, w)| w);
        let span = {
            let least = self.elevation.0.max(-math::PI / 2.0);
            let span = self.elevation.1 - least;
            if c.elevation_max_deg.is_some() && span > 0.0 { span } else { ELEVATION_SPAN_RAD }
        };
        match reading.kind {
            Kind::Position { height } => {
                let layer = if height && height_known { config.clutter_layer_m } else { 1.0 };
                (self.area_m2 * layer, 1.0 / layer)
            }
            Kind::Polar { elevation, rate } => {
                let far = c.range_max_m.unwrap_or(RANGE_UNSAID_M);
                let depth = (far - c.range_min_m.unwrap_or(0.0)).max(1.0);
                let (mut volume, mut ground) = (depth * width, reading.value[0].max(1.0));
                if elevation && height_known {
                    volume *= span;
                    ground *=
                        reading.value[0].max(1.0) * math::cos(reading.value[2]).max(0.05) / config.clutter_layer_m;
                }
                if rate {
                    volume *= CLUTTER_RATES_MPS;
                    ground /= CLUTTER_RATES_MPS;
                }
                (volume, ground)
            }
            Kind::Bearing { elevation } => (if elevation && height_known { width * span } else { width }, 1.0),
            Kind::RangeDifference => (2.0 * c.range_max_m.unwrap_or(RANGE_UNSAID_M), 1.0),
        }
    }

    /// Probability that one look sees what is at `d` (in its horizon), of which `margin` is one sigma, metres. Zero outside
    /// its coverage; at the edge the part of it that is inside, roughly.
    pub(crate) fn detection(&self, d: [f64; 3], height_known: bool, margin: f64, config: &Config) -> f64 {
        let c = &self.sensor.coverage;
        let ground = math::sqrt(d[0] * d[0] + d[1] * d[1]);
        let range = if height_known { math::sqrt(ground * ground + d[2] * d[2]) } else { ground };
        // Part of a spread of one sigma `margin` that lies inside an edge `inside` away.
        let part = |inside: f64| (0.5 + 0.25 * inside / margin.max(1.0)).clamp(0.0, 1.0);
        let mut p = self.detection;
        if let Some(far) = c.range_max_m {
            p *= part(far - range);
            if let Some(from) = c.detection_taper_from {
                let x = ((range / far - from) / (1.0 - from).max(1e-3)).clamp(0.0, 1.0);
                p *= 1.0 - (1.0 - TAPERED) * x;
            }
        }
        if let Some(near) = c.range_min_m.filter(|n| *n > 0.0) {
            p *= part(range - near);
        }
        if p <= 0.0 {
            return 0.0;
        }
        if let Some((from, width)) = self.sector {
            let into = math::wrap_tau(math::atan2(d[0], d[1]) - from);
            let edge = into.min(width - into);
            p *= part(edge * ground);
        }
        if c.elevation_min_deg.is_some() || c.elevation_max_deg.is_some() {
            let ups = if height_known { [d[2], d[2]] } else { [0.0, config.height_above_sensor_m] };
            for up in ups {
                let e = math::atan2(up, ground.max(1.0));
                if c.elevation_min_deg.is_some() {
                    p *= part((e - self.elevation.0) * range.max(1.0));
                }
                if c.elevation_max_deg.is_some() {
                    p *= part((self.elevation.1 - e) * range.max(1.0));
                }
            }
        }
        p
    }

    /// Interval between looks, seconds.
    pub(crate) fn interval_s(&self) -> f64 {
        self.sensor.interval.max(Span::from_millis(10)).as_seconds_f64()
    }
}
