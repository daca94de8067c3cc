//! Tracks from two lines of sight: where the directions of two cameras meet in space.
//!
//! A bearing has a plane, and two planes always meet; three must agree before a place means anything (`triangulate`). A direction
//! with elevation is a line, and two lines hardly ever meet by chance: the gap between them is already a test. So two suffice for
//! a candidate, with the existence that the density of the undetected gives it against that of false directions (the two-sensor
//! case of the measurement-to-measurement test of Pattipati, Deb, Bar-Shalom & Washburn 1992, *A new relaxation algorithm and
//! passive sensor data association*). This is what tells two aircraft flying together apart where a radar sees one.

use crate::birth::{Bearing, unknown_velocity};
use crate::filter::{Context, Filter};
use crate::gaussian::{Covariance, Gaussian};
use crate::reading::Kind;
use crate::region::RegionId;
use crate::track::Candidate;
use lapwing_model::{Span, math};

/// How far apart in time two directions may be.
const APART: Span = Span::from_millis(500);
/// Directions a new one is tried with.
const PARTNERS_MAX: usize = 64;
/// What is left of a direction must be at least this.
pub(crate) const LEFT_MIN: f64 = 0.5;
/// One sigma of the speed of what is seen, along each axis, metres per second: the older line is that much blunter.
const SPEED_SD_MPS: f64 = 12.0;
/// Square of the sine between two lines below which they are too nearly parallel: six degrees.
const CROSSING_MIN: f64 = 0.011;
/// Gap between the lines, in variances, above which they do not meet.
const GAP_MAX: f64 = 9.0;
/// Greatest variance of the place, all axes together, square metres.
const PLACE_VARIANCE_MAX_M2: f64 = 80.0 * 80.0;

/// A line of sight in a region's frame.
#[derive(Clone, Copy)]
struct Sightline {
    from: [f64; 3],
    along: [f64; 3],
    /// Variance of the direction across it, square radians; and of the place of what it saw, square metres.
    variance: f64,
    blunt_m2: f64,
    reach_m: f64,
    /// Logarithm of: the density of false directions, per square radian.
    log_false: f64,
    left: f64,
}

/// Where two lines meet.
struct Meeting {
    place: [f64; 3],
    covariance: [[f64; 3]; 3],
    odds: f64,
}

impl Filter {
    /// Tries a new direction with those of other sensors. Whether a candidate began.
    pub(crate) fn sight(&mut self, new: &Bearing, key: u64, ctx: &mut Context<'_>) -> bool {
        if !matches!(new.reading.kind, Kind::Bearing { elevation: true }) {
            return false;
        }
        let Some(from) = ctx.posts.get(new.sensor as usize).and_then(|p| p.frame) else { return false };
        let region = ctx.regions.at(from.origin().place());
        let Some(own) = self.sightline(new, Span::ZERO, region, ctx) else { return false };
        let Some(post) = ctx.posts.get(new.sensor as usize) else { return false };
        let Some(memory) = self.memories.get(new.sensor as usize) else { return false };
        let (config, interval) = (ctx.config, post.sensor.interval);
        // Aircraft not yet detected, per cubic metre.
        let born = memory.undetected(post, config) / 1e6 / config.clutter_layer_m;
        let mut best: Option<(Meeting, usize)> = None;
        let mut partners = 0;
        for i in (0..self.bearings.len()).rev() {
            let Some(other) = self.bearings.get(i) else { break };
            let apart = new.at.since(other.at).abs();
            // What tracks have taken, or has begun a candidate, does not begin another.
            if other.left < LEFT_MIN {
                continue;
            }
            if other.sensor == new.sensor || !matches!(other.reading.kind, Kind::Bearing { elevation: true }) {
                continue;
            }
            if apart > APART || partners >= PARTNERS_MAX {
                continue;
            }
            partners += 1;
            let Some(there) = self.sightline(other, apart, region, ctx) else { continue };
            let Some(meeting) = meet(&own, &there, born) else { continue };
            if best.as_ref().is_none_or(|(b, _)| meeting.odds > b.odds) {
                best = Some((meeting, i));
            }
        }
        let Some((meeting, partner)) = best else { return false };
        let existence = meeting.odds / (1.0 + meeting.odds);
        if existence < config.candidate_min {
            return false;
        }
        let mut state = Gaussian { mean: [0.0; 6], covariance: Covariance::ZERO };
        for r in 0..3 {
            state.mean[r] = meeting.place[r];
            for c in 0..3 {
                state.covariance[(r, c)] = meeting.covariance[r][c];
            }
        }
        unknown_velocity(&mut state, config);
        let mut candidate = Candidate::begun(key, region, new.at, state, existence, new.sensor, interval);
        if let Some(other) = self.bearings.get(partner) {
            candidate.remember(other.sensor, interval, &other.reading);
        }
        candidate.remember(new.sensor, interval, &new.reading);
        if let Some(other) = self.bearings.get_mut(partner) {
            (other.left, other.free) = (0.0, 0.0);
        }
        self.admit(candidate, None, ctx);
        true
    }

    fn sightline(&self, bearing: &Bearing, apart: Span, region: RegionId, ctx: &mut Context<'_>) -> Option<Sightline> {
        let pose = ctx.scene(bearing.sensor, region, true).pose?;
        let post = ctx.posts.get(bearing.sensor as usize)?;
        let [_, azimuth, elevation, _] = bearing.reading.value;
        let (sa, ca) = (math::sin(azimuth), math::cos(azimuth));
        let (se, ce) = (math::sin(elevation), math::cos(elevation));
        // All that belongs to no track is false until proved otherwise, birds that are not followed among it.
        let stray = self.memories.get(bearing.sensor as usize).and_then(|m| m.stray_per_look).unwrap_or(0.0);
        let density = post.clutter(None, ctx.config).max(stray);
        let (volume, _) = post.volume(&bearing.reading, true, ctx.config);
        let moved = SPEED_SD_MPS * apart.as_seconds_f64();
        Some(Sightline {
            from: pose.position,
            along: pose.out_of_horizon([sa * ce, ca * ce, se]),
            variance: (bearing.reading.variance[1] * ce * ce).max(bearing.reading.variance[2]),
            blunt_m2: moved * moved,
            reach_m: post.hears_within_m(),
            log_false: math::log(density / volume),
            left: bearing.left * post.usual_detection(),
        })
    }
}

/// Where two lines of sight come nearest, if that is near enough, and the odds that something is there: `born` per cubic metre
/// against two false directions.
fn meet(a: &Sightline, b: &Sightline, born: f64) -> Option<Meeting> {
    let between = [0, 1, 2].map(|i| b.from[i] - a.from[i]);
    let cosine = dot(&a.along, &b.along);
    let crossing = 1.0 - cosine * cosine;
    if crossing < CROSSING_MIN {
        return None;
    }
    let (along_a, along_b) = (dot(&between, &a.along), dot(&between, &b.along));
    let s = (along_a - cosine * along_b) / crossing;
    let t = (cosine * along_a - along_b) / crossing;
    if !(s > 1.0 && s < a.reach_m && t > 1.0 && t < b.reach_m) {
        return None;
    }
    let (across_a, across_b) = (s * s * a.variance + a.blunt_m2, t * t * b.variance + b.blunt_m2);
    let gap = [0, 1, 2].map(|i| between[i] + t * b.along[i] - s * a.along[i]);
    let gap = dot(&gap, &gap) / (across_a + across_b);
    if gap > GAP_MAX {
        return None;
    }
    // Each line tells the place across it, and nothing along it.
    let mut information = [[0.0; 3]; 3];
    let mut right = [0.0; 3];
    for (line, across) in [(a, across_a), (b, across_b)] {
        for r in 0..3 {
            for c in 0..3 {
                let part = (f64::from(u8::from(r == c)) - line.along[r] * line.along[c]) / across;
                information[r][c] += part;
                right[r] += part * line.from[c];
            }
        }
    }
    let (covariance, determinant) = inverse(&information)?;
    if !(covariance[0][0] + covariance[1][1] + covariance[2][2] < PLACE_VARIANCE_MAX_M2) {
        return None;
    }
    let place = covariance.map(|row| dot(&row, &right));
    // The integral over all places of the two likelihoods: of the gap, and of where they then must be.
    let volume = math::sqrt(math::TAU * math::TAU * math::TAU / determinant);
    let peaks = math::TAU * math::TAU * (across_a / (s * s)) * (across_b / (t * t));
    let log_odds = math::log(born * a.left * b.left * volume / peaks) - 0.5 * gap - a.log_false - b.log_false;
    Some(Meeting { place, covariance, odds: math::exp(log_odds.min(20.0)) })
}

fn dot(a: &[f64; 3], b: &[f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// The inverse of a symmetric matrix by its adjugate, and its determinant.
fn inverse(m: &[[f64; 3]; 3]) -> Option<([[f64; 3]; 3], f64)> {
    let minor = |r: usize, c: usize| {
        let [r1, r2] = [(r + 1) % 3, (r + 2) % 3];
        let [c1, c2] = [(c + 1) % 3, (c + 2) % 3];
        m[r1][c1] * m[r2][c2] - m[r1][c2] * m[r2][c1]
    };
    let determinant = (0..3).map(|c| m[0][c] * minor(0, c)).sum::<f64>();
    if !(determinant > 1e-30) {
        return None;
    }
    Some(([0, 1, 2].map(|r| [0, 1, 2].map(|c| minor(c, r) / determinant)), determinant))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(from: [f64; 3], to: [f64; 3]) -> Sightline {
        let d = [0, 1, 2].map(|i| to[i] - from[i]);
        let length = dot(&d, &d).sqrt();
        let (sd, along) = (math::rad(0.1), d.map(|x| x / length));
        let variance = sd * sd;
        Sightline { from, along, variance, blunt_m2: 0.0, reach_m: 1_300.0, log_false: 0.0, left: 0.8 }
    }

    #[test]
    fn two_lines_meet_where_they_point_and_say_how_well() {
        let target = [300.0, 700.0, 90.0];
        let found =
            meet(&line([0.0, 0.0, 8.0], target), &line([-350.0, -220.0, 8.0], target), 1e-13).expect("they meet");
        for axis in 0..3 {
            assert!((found.place[axis] - target[axis]).abs() < 1e-6, "{:?}", found.place);
        }
        // A tenth of a degree is 1.3 m at this distance; along the lines, which cross at a sharp angle, it is worse.
        let height_sd = found.covariance[2][2].sqrt();
        assert!((0.8..1.6).contains(&height_sd), "{height_sd}");
        assert!(found.covariance[0][0] + found.covariance[1][1] > 4.0);
    }

    #[test]
    fn lines_that_pass_each_other_do_not_meet() {
        let (a, b) = ([0.0, 0.0, 8.0], [-350.0, -220.0, 8.0]);
        let high = meet(&line(a, [300.0, 700.0, 90.0]), &line(b, [300.0, 700.0, 120.0]), 1e-13);
        assert!(high.is_none(), "thirty metres apart in height");
        let behind = meet(&line(a, [300.0, 700.0, 90.0]), &line(b, [-650.0, -1_140.0, 90.0]), 1e-13);
        assert!(behind.is_none(), "they meet behind one of them");
        let far = meet(&line(a, [3_000.0, 7_000.0, 90.0]), &line(b, [3_000.0, 7_000.0, 90.0]), 1e-13);
        assert!(far.is_none(), "beyond what either sees");
    }

    #[test]
    fn a_gap_lowers_the_odds() {
        let (a, b) = ([0.0, 0.0, 8.0], [-350.0, -220.0, 8.0]);
        let odds = |height: f64| {
            let found = meet(&line(a, [300.0, 700.0, 90.0]), &line(b, [300.0, 700.0, height]), 1e-13);
            found.map_or(0.0, |m| m.odds)
        };
        assert!(odds(90.0) > odds(93.0) && odds(93.0) > odds(95.0), "{} {} {}", odds(90.0), odds(93.0), odds(95.0));
    }
}
