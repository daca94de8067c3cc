//! An aircraft's state against one zone.

use super::outline::{Around, Outline, Plane};
use lapwing_model::{Datum, Place, Zone, ZoneHeight, math};

/// Points that stand for the Gaussian.
const PAIRS: usize = 16;
/// Least standard deviation of a place or height, metres: no source is better, and it keeps quotients finite.
const SD_MIN_M: f64 = 0.5;
/// One sigma by which an aircraft's velocity over the lead time differs from now's because it manoeuvres, metres per
/// second per axis, beside what its track does not know: people do not fly rulers.
const MANOEUVRE_SD_MPS: f64 = 0.5;

/// A height with one sigma, metres.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Level {
    pub(crate) value_m: f64,
    pub(crate) sd_m: f64,
}

/// An aircraft as the zones see it: where, how fast, how high by datum, and how well that is known.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Flight {
    pub(crate) place: Place,
    /// East, north, up, metres per second.
    pub(crate) velocity: [f64; 3],
    /// Of (east, north, up, east rate, north rate, up rate).
    pub(crate) covariance: [[f64; 6]; 6],
    pub(crate) ellipsoid: Option<Level>,
    pub(crate) sea_level: Option<Level>,
    pub(crate) above_takeoff: Option<Level>,
    pub(crate) above_ground: Option<Level>,
    pub(crate) pressure: Option<Level>,
    /// Where it says it is, when only its own word puts it anywhere: whoever says that it is inside is taken at its word,
    /// however uncertain it says it is and however small the zone.
    pub(crate) claimed: Option<Place>,
}

/// How it moves towards a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Motion {
    /// It is inside.
    Inside,
    /// It will enter and stay beyond the lead time.
    Entering,
    /// It will enter and leave again within the lead time.
    Crossing,
    /// It comes nearer, and will not enter on its line.
    Approaching,
    /// It goes away.
    Receding,
    /// Neither, measurably.
    Steady,
}

/// A predicted entry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Entry {
    /// From now, seconds.
    pub(crate) after_s: f64,
    /// One sigma, seconds.
    pub(crate) sd_s: f64,
}

/// How a flight meets a zone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Encounter {
    /// Probability of being inside now.
    pub(crate) inside_probability: f64,
    /// Probability of being inside at some time within the lead time.
    pub(crate) enter_probability: f64,
    /// Expected entry; `None` when it is not expected, or inside.
    pub(crate) entry: Option<Entry>,
    /// Distance to the border in the horizontal plane, metres; 0 inside.
    pub(crate) distance_m: f64,
    /// Direction from the border to the aircraft, azimuth, radians.
    pub(crate) direction_rad: f64,
    /// Whether every limit of height could be judged.
    pub(crate) height_known: bool,
    pub(crate) motion: Motion,
}

/// Fixed points of a 6-D standard normal distribution.
#[derive(Debug)]
pub(crate) struct Points(Vec<[f64; 6]>);

/// The points of one flight: how far its state may be from its mean, in the order of its covariance.
#[derive(Debug)]
pub(crate) struct Cloud(Vec<[f64; 6]>);

impl Points {
    /// The points of a flight.
    pub(crate) fn of(&self, flight: &Flight) -> Cloud {
        let mut covariance = flight.covariance;
        for axis in 3..6 {
            covariance[axis][axis] += MANOEUVRE_SD_MPS * MANOEUVRE_SD_MPS;
        }
        let l = factor(&covariance);
        let point = |z: &[f64; 6]| std::array::from_fn(|i| (0..=i).map(|k| l[i][k] * z[k]).sum());
        Cloud(self.0.iter().map(point).collect())
    }

    pub(crate) fn new() -> Self {
        let mut points = Vec::with_capacity(2 * PAIRS);
        for i in 0..PAIRS {
            // The first index is skipped: 1/2, 1/3, ... of all bases at once lie on one line.
            let point = [2, 3, 5, 7, 11, 13].map(|base| probit(halton(i as u32 + 20, base)));
            points.push(point);
            points.push(point.map(|x| -x));
        }
        // Unit variance per axis, which so few points miss by some percent.
        for axis in 0..6 {
            let variance = points.iter().map(|p| p[axis] * p[axis]).sum::<f64>() / points.len() as f64;
            points.iter_mut().for_each(|p| p[axis] /= math::sqrt(variance));
        }
        Self(points)
    }
}

/// The radical inverse of `index` in `base` (Halton 1960, "On the efficiency of certain quasi-random sequences of points
/// in evaluating multi-dimensional integrals").
fn halton(mut index: u32, base: u32) -> f64 {
    let (mut share, mut value) = (1.0, 0.0);
    while index > 0 {
        share /= f64::from(base);
        value += share * f64::from(index % base);
        index /= base;
    }
    value
}

/// The inverse of the normal distribution, by bisection (it is done 96 times, at configuration).
fn probit(p: f64) -> f64 {
    let (mut low, mut high) = (-8.0, 8.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if math::normal_cdf(middle) < p { low = middle } else { high = middle }
    }
    (low + high) / 2.0
}

/// The lower triangular factor of a covariance; what is not positive (rounding, an unknown axis) becomes zero.
fn factor(covariance: &[[f64; 6]; 6]) -> [[f64; 6]; 6] {
    let mut l = [[0.0; 6]; 6];
    for i in 0..6 {
        for j in 0..=i {
            let sum: f64 = (0..j).map(|k| l[i][k] * l[j][k]).sum();
            let rest = covariance[i][j] - sum;
            if i == j {
                l[i][i] = math::sqrt(if rest.is_finite() { rest.max(0.0) } else { 0.0 });
            } else if l[j][j] > 1e-9 {
                l[i][j] = rest / l[j][j];
            }
        }
    }
    l
}

/// A zone's height band as the flight can judge it: bounds in metres relative to the flight's own height in their datum.
struct Band {
    floor: Option<(f64, f64)>,
    ceiling: Option<(f64, f64)>,
    known: bool,
}

impl Flight {
    fn level(&self, datum: Datum) -> Option<Level> {
        match datum {
            Datum::Ellipsoid => self.ellipsoid,
            Datum::MeanSeaLevel => self.sea_level,
            Datum::AboveTakeoff => self.above_takeoff,
            Datum::AboveGround => self.above_ground,
            Datum::Pressure => self.pressure,
        }
    }

    fn band(&self, zone: &Zone) -> Band {
        // A floor at or below the ground is no floor: nothing flies under it, whatever its height.
        let ground = |h: &ZoneHeight| h.datum == Datum::AboveGround && h.value_m <= 0.0;
        let floor = zone.floor.as_ref().filter(|h| !ground(h) && h.value_m.is_finite());
        let ceiling = zone.ceiling.as_ref().filter(|h| h.value_m.is_finite());
        let relative = |limit: Option<&ZoneHeight>| {
            let limit = limit?;
            let level = self.level(limit.datum)?;
            Some((limit.value_m - level.value_m, level.sd_m.max(SD_MIN_M)))
        };
        let (low, high) = (relative(floor), relative(ceiling));
        let known = (floor.is_none() || low.is_some()) && (ceiling.is_none() || high.is_some());
        Band { floor: low, ceiling: high, known }
    }

    /// How it meets a zone, looking `lead_s` ahead.
    pub(crate) fn meet(&self, zone: &Zone, outline: &Outline, cloud: &Cloud, lead_s: f64) -> Encounter {
        let border = outline.border(self.place);
        let band = self.band(zone);
        let says_inside = self.claimed.is_some_and(|place| outline.contains(place));
        let horizontally =
            if says_inside { 1.0 } else { self.inside_horizontally(outline, border.signed_m, border.outward) };
        let inside_probability = horizontally
            * (band.ceiling.map_or(1.0, |(d, sd)| math::normal_cdf(d / sd))
                - band.floor.map_or(0.0, |(d, sd)| math::normal_cdf(d / sd)))
            .max(0.0);
        let (entry, enter_probability, leaves) = self.entry(&outline.around(self.place), &band, cloud, lead_s);
        let velocity = (self.velocity[0], self.velocity[1]);
        let away = velocity.0 * border.outward.0 + velocity.1 * border.outward.1;
        let away_sd = math::sqrt(self.variance_along(border.outward, 3).max(0.0)).max(0.2);
        let motion = if inside_probability >= 0.5 {
            Motion::Inside
        } else if let Some(e) = entry.filter(|e| e.after_s <= lead_s) {
            if leaves.is_some_and(|t| t < lead_s && t > e.after_s) { Motion::Crossing } else { Motion::Entering }
        } else if away < -away_sd {
            Motion::Approaching
        } else if away > away_sd {
            Motion::Receding
        } else {
            Motion::Steady
        };
        let sign = if border.signed_m < 0.0 { -1.0 } else { 1.0 };
        Encounter {
            inside_probability,
            enter_probability: enter_probability.max(inside_probability),
            entry: entry.filter(|_| inside_probability < 0.5),
            distance_m: border.signed_m.max(0.0),
            direction_rad: math::wrap_tau(math::atan2(sign * border.outward.0, sign * border.outward.1)),
            height_known: band.known,
            motion,
        }
    }

    /// Variance along a horizontal unit vector: of the position (`at` 0) or of the velocity (`at` 3).
    fn variance_along(&self, n: Plane, at: usize) -> f64 {
        let c = &self.covariance;
        n.0 * n.0 * c[at][at] + 2.0 * n.0 * n.1 * c[at][at + 1] + n.1 * n.1 * c[at + 1][at + 1]
    }

    fn inside_horizontally(&self, outline: &Outline, signed_m: f64, outward: Plane) -> f64 {
        let sd = math::sqrt(self.variance_along(outward, 0).max(0.0)).max(SD_MIN_M);
        let c = &self.covariance;
        let determinant = (c[0][0] * c[1][1] - c[0][1] * c[1][0]).max(SD_MIN_M * SD_MIN_M * SD_MIN_M * SD_MIN_M);
        let most = outline.area_m2() / (math::TAU * math::sqrt(determinant));
        math::normal_cdf(-signed_m / sd).min(most)
    }

    /// Expected entry, probability of being inside within `lead_s`, and when the mean leaves again.
    fn entry(&self, around: &Around, band: &Band, cloud: &Cloud, lead_s: f64) -> (Option<Entry>, f64, Option<f64>) {
        // Twice the lead, so that a spread around an entry at the lead's end is not cut in half.
        let horizon_s = 2.0 * lead_s;
        let mut over = Vec::new();
        let mut fly = |d: &[f64; 6]| {
            let velocity = (self.velocity[0] + d[3], self.velocity[1] + d[4]);
            let at_height = band.times(d[2], self.velocity[2] + d[5], horizon_s)?;
            around.times_over((d[0], d[1]), velocity, horizon_s, &mut over);
            over.iter().map(|(from, to)| (from.max(at_height.0), to.min(at_height.1))).find(|(from, to)| from < to)
        };
        let mut times: Vec<f64> = cloud.0.iter().filter_map(|d| fly(d).map(|(from, _)| from)).collect();
        times.sort_by(f64::total_cmp);
        let within = times.iter().filter(|t| **t <= lead_s).count();
        let probability = within as f64 / cloud.0.len().max(1) as f64;
        let mean = fly(&[0.0; 6]);
        // The median over all points; what only a minority of them does is not an expectation.
        let median = times.get(cloud.0.len() / 2).copied();
        let expected = mean.map(|(from, _)| from).or(median);
        let entry = expected.map(|after_s| {
            let n = times.len().max(1) as f64;
            let sd_s = math::sqrt(times.iter().map(|t| (t - after_s) * (t - after_s)).sum::<f64>() / n);
            Entry { after_s, sd_s: sd_s.max(0.1) }
        });
        (entry, probability, mean.map(|(_, to)| to).filter(|to| *to < horizon_s))
    }
}

impl Band {
    /// The stretch of time within [0, `horizon_s`] spent between floor and ceiling, for a displacement and a vertical
    /// speed; `None` when there is none.
    fn times(&self, displaced_m: f64, up_mps: f64, horizon_s: f64) -> Option<(f64, f64)> {
        let (mut from, mut to) = (0.0_f64, horizon_s);
        // Above the floor: displaced + up·t > floor. Below the ceiling: the same upside down.
        let limits =
            [self.floor.map(|(d, _)| (d - displaced_m, up_mps)), self.ceiling.map(|(d, _)| (displaced_m - d, -up_mps))];
        for (need, rate) in limits.into_iter().flatten() {
            if rate.abs() < 1e-9 {
                if need >= 0.0 {
                    return None;
                }
            } else if rate > 0.0 {
                from = from.max(need / rate);
            } else {
                to = to.min(need / rate);
            }
        }
        (from < to).then_some((from, to))
    }
}
