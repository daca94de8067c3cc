//! What the bearings of the last moments say of a place: the likelihood ratio of "something is there" to "all of them are false".
//!
//! Each look says of a place 1 − p + p Σ f(z)/λ, with the probability p that it hears what is there, the density f of each bearing
//! from there and the density λ of false ones; looks say it independently of each other (Stone, Streit, Corwin & Bell 2014, *Bayesian
//! Multiple Target Tracking*, likelihood ratio detection and tracking). So many false bearings lower what each is worth,
//! and several looks make up for it; and however many are false, no more than one place in L shows a ratio of L by chance.

use crate::birth::Bearing;
use crate::config::Config;
use crate::filter::{Context, Filter};
use crate::look::Corrected;
use crate::post::Post;
use crate::project::Pose;
use crate::reading::Kind;
use crate::region::RegionId;
use lapwing_model::{Span, Time, math};

/// How long a look is kept.
pub(crate) const KEPT: Span = Span::from_millis(1_500);
/// Bearings kept at most; beyond, the oldest looks go.
const BEARINGS_MAX: usize = 4_096;
/// Looks kept at most.
const LOOKS_MAX: usize = 16_384;
/// Squared deviations of a bearing beyond which it is of something else.
const GATE: f64 = 9.0;
/// Bearings of a look up to which all are asked.
const FEW: usize = 3;
/// The most that the looks of one sensor say for a place, nats: what is wrong with it is wrong with all of them.
const SENSOR_MAX: f64 = 6.0;
/// One sigma of a place where it matters whether it is inside a coverage, metres.
const EDGE_SD_M: f64 = 60.0;
/// What is heard beyond a coverage is heard with this probability.
const BEYOND: f64 = 0.05;

/// A look kept: as many of the bearings kept are of it, in the same order.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Listened {
    sensor: u32,
    at: Time,
    /// Whether what it did not hear was silent, and where.
    complete: bool,
    sector: Option<(f64, f64)>,
    /// Whether its bearings came before it, as looks of their own.
    came_before: bool,
    /// False bearings per radian.
    density: f64,
    bearings: u32,
}

/// A sensor whose looks of the last moments matter here, with where these are.
#[derive(Debug, Clone, Copy)]
struct Ear {
    sensor: u32,
    pose: Pose,
    reach_m: f64,
    /// Seconds that what it hears takes per metre.
    slowness: f64,
    /// Whether its silence counts, and what part of the promised detection probability it keeps.
    refutes: bool,
    keenness: f64,
    looks: (u32, u32),
}

#[derive(Debug, Clone, Copy)]
struct Look {
    at: Time,
    sector: Option<(f64, f64)>,
    complete: bool,
    came_before: bool,
    density: f64,
    /// Greatest variance of its bearings; infinite where they are not all of its own time.
    widest: f64,
    /// Sorted by azimuth.
    rays: (u32, u32),
}

/// A bearing, in the region's frame and in short.
#[derive(Debug, Clone, Copy)]
struct Ray {
    /// How much later than its look it is, seconds: what turns looks at each azimuth at its own time.
    late_s: f64,
    azimuth: f64,
    variance: f64,
    left: f64,
    along: [f64; 2],
    /// Where it is among the bearings kept.
    number: u32,
}

/// Working memory: the looks near one that has just been taken in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hearing {
    found: Vec<(u32, u32, u32)>,
    ears: Vec<Ear>,
    looks: Vec<Look>,
    rays: Vec<Ray>,
    /// How far along a bearing others cross it, metres.
    pub(crate) crossings: Vec<f64>,
    /// Places of those: the score and how far.
    pub(crate) places: Vec<(f64, f64)>,
    /// Bearings that support a place, by number among those kept.
    pub(crate) support: Vec<u32>,
}

/// A place and how it moves, at the time of the latest look; and how its reading is blunted by what is not known of that.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hypothesis {
    pub(crate) at: Time,
    /// East, north, and their rates.
    pub(crate) state: [f64; 4],
    /// One sigma of a speed that the state does not say, metres per second, from when it is where it is, seconds after `at`.
    pub(crate) unsaid_mps: f64,
    pub(crate) since_s: f64,
}

/// Normal equations of least squares.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Normal {
    pub(crate) matrix: [[f64; 4]; 4],
    pub(crate) right: [f64; 4],
}

impl Filter {
    /// Keeps a look that may have heard something. How many bearings it has.
    pub(crate) fn keep_look(&mut self, look: &Corrected<'_>, ctx: &Context<'_>) -> usize {
        let before = look.at - KEPT;
        while self.listened.front().is_some_and(|l| l.at < before) {
            self.drop_look();
        }
        let Some(post) = ctx.posts.get(look.sensor as usize).filter(|post| post.frame.is_some()) else { return 0 };
        let Some(memory) = self.memories.get(look.sensor as usize) else { return 0 };
        let is_bearing = |kind: Kind| matches!(kind, Kind::Bearing { .. });
        // That radars see nothing is of no use here.
        let silent = look.readings.is_empty() && look.complete && post.refutes() && !memory.locates;
        let first = look.readings.iter().find(|r| is_bearing(r.kind) && !r.self_report);
        let density = match first {
            Some(reading) => {
                let (volume, _) = post.volume(reading, false, ctx.config);
                post.clutter(memory.stray_per_look, ctx.config) / volume
            }
            None if silent => 1.0,
            None => return 0,
        };
        let from = self.bearings.len();
        for (number, reading) in look.readings.iter().enumerate().take(BEARINGS_MAX) {
            if is_bearing(reading.kind) && !reading.self_report {
                let left = (1.0 - ctx.work.taken.get(number).copied().unwrap_or(1.0)).clamp(0.0, 1.0);
                let free = ctx.work.competition.free.get(number).map_or(left, |free| free.clamp(0.0, left));
                let (number, reading) = (number as u32, reading.clone());
                self.bearings.push_back(Bearing { sensor: look.sensor, at: reading.at, reading, left, free, number });
            }
        }
        self.listened.push_back(Listened {
            sensor: look.sensor,
            at: look.at,
            complete: look.complete,
            sector: look.sector,
            came_before: look.unseen_since.is_some(),
            density,
            bearings: (self.bearings.len() - from) as u32,
        });
        let own = self.bearings.len() - from;
        while self.listened.len() > 1 && (self.bearings.len() > BEARINGS_MAX || self.listened.len() > LOOKS_MAX) {
            self.drop_look();
        }
        own
    }

    fn drop_look(&mut self) {
        if let Some(gone) = self.listened.pop_front() {
            self.bearings.drain(..(gone.bearings as usize).min(self.bearings.len()));
        }
    }

    /// Lays out the looks kept of all that may hear what a sensor hears, in the region it is in. Its pose there, and the region.
    pub(crate) fn lay_out_hearing(&self, sensor: u32, ctx: &mut Context<'_>) -> Option<(Pose, RegionId)> {
        let post = ctx.posts.get(sensor as usize)?;
        let (kind, reach_m, from) = (post.sensor.kind, post.hears_within_m(), post.frame?);
        let region = ctx.regions.at(from.origin().place());
        let own = ctx.scene(sensor, region, false).pose?;
        let mut out = std::mem::take(&mut ctx.work.hearing);
        let Hearing { found, ears, looks, rays, .. } = &mut out;
        found.clear();
        ears.clear();
        looks.clear();
        rays.clear();
        let mut first = 0;
        for (number, look) in self.listened.iter().enumerate() {
            found.push((look.sensor, number as u32, first));
            first = u32::saturating_add(first, look.bearings);
        }
        found.sort_unstable();
        for of_one in found.chunk_by(|a, b| a.0 == b.0) {
            let Some(sensor) = of_one.first().map(|f| f.0) else { continue };
            let Some(pose) = ctx.scene(sensor, region, false).pose else { continue };
            let Some(post) = ctx.posts.get(sensor as usize) else { continue };
            let far = post.hears_within_m();
            let apart = [0, 1].map(|i| pose.position[i] - own.position[i]);
            if apart[0] * apart[0] + apart[1] * apart[1] > (reach_m + far) * (reach_m + far) {
                continue;
            }
            let from = looks.len() as u32;
            for (_, number, first) in of_one {
                let Some(look) = self.listened.get(*number as usize) else { continue };
                let start = rays.len();
                for number in *first..first.saturating_add(look.bearings) {
                    let Some(bearing) = self.bearings.get(number as usize) else { break };
                    let azimuth = math::wrap_pi(bearing.reading.value[1]);
                    let d = pose.out_of_horizon([math::sin(azimuth), math::cos(azimuth), 0.0]);
                    let (variance, left) = (bearing.reading.variance[1], bearing.free);
                    let late_s = bearing.at.since(look.at).as_seconds_f64();
                    rays.push(Ray { late_s, azimuth, variance, left, along: [d[0], d[1]], number });
                }
                let own = rays.get_mut(start..).unwrap_or_default();
                own.sort_unstable_by(|a, b| a.azimuth.total_cmp(&b.azimuth).then(a.number.cmp(&b.number)));
                let widest =
                    |sum: f64, ray: &Ray| if ray.late_s == 0.0 { sum.max(ray.variance) } else { f64::INFINITY };
                looks.push(Look {
                    at: look.at,
                    sector: look.sector,
                    complete: look.complete,
                    came_before: look.came_before,
                    density: look.density,
                    widest: own.iter().fold(0.0, widest),
                    rays: (start as u32, rays.len() as u32),
                });
            }
            ears.push(Ear {
                sensor,
                pose,
                reach_m: far,
                slowness: post.signal_speed_mps.map_or(0.0, |s| 1.0 / s),
                refutes: post.refutes() && post.sensor.kind == kind,
                keenness: self.memories.get(sensor as usize).map_or(1.0, |m| m.keenness.part()),
                looks: (from, looks.len() as u32),
            });
        }
        ctx.work.hearing = out;
        Some((own, region))
    }
}

impl Hearing {
    /// How far along a bearing those of others cross it, nearest first: bearings too nearly parallel make no place.
    pub(crate) fn cross(&mut self, sensor: u32, own: Pose, along: [f64; 2], reach_m: f64, crossing_min: f64) {
        self.crossings.clear();
        let (p, d) = (own.position, along);
        for ear in self.ears.iter().filter(|ear| ear.sensor != sensor) {
            let (dx, dy) = (ear.pose.position[0] - p[0], ear.pose.position[1] - p[1]);
            for ray in rays_of(&self.looks, &self.rays, ear) {
                let e = ray.along;
                let cross = d[0] * e[1] - d[1] * e[0];
                if math::fabs(cross) < crossing_min {
                    continue;
                }
                // p + s d = q + t e
                let s = (dx * e[1] - dy * e[0]) / cross;
                let t = (dx * d[1] - dy * d[0]) / cross;
                if s > 1.0 && s < reach_m && t > 1.0 && t < ear.reach_m {
                    self.crossings.push(s);
                }
            }
        }
        self.crossings.sort_unstable_by(f64::total_cmp);
    }

    /// Logarithm of the likelihood ratio of a place, and how many sensors speak for it. With `fit`, what its bearings say of where
    /// it rather is goes there, each with the probability that it is of it; and the numbers of those that probably are, to the list.
    pub(crate) fn weigh(
        &self,
        of: &Hypothesis,
        posts: &[Post],
        config: &Config,
        mut fit: Option<(&mut Normal, &mut Vec<u32>)>,
    ) -> (f64, usize) {
        let [x, y, vx, vy] = of.state;
        let (mut score, mut sensors) = (0.0, 0);
        for ear in &self.ears {
            let at = ear.pose.to(&[x, y, 0.0, 0.0, 0.0, 0.0]);
            let ground = math::sqrt(at[0] * at[0] + at[1] * at[1]).max(1.0);
            if ground > ear.reach_m {
                continue;
            }
            let Some(post) = posts.get(ear.sensor as usize) else { continue };
            let detection = post.detection([at[0], at[1], 0.0], false, EDGE_SD_M, config) * ear.keenness;
            let delay = ground * ear.slowness;
            let still = vx == 0.0 && vy == 0.0;
            let mut azimuth = math::atan2(at[0], at[1]);
            let (mut said, mut spoke, mut silent) = (0.0, false, 0.0);
            for look in self.looks.get(ear.looks.0 as usize..ear.looks.1 as usize).unwrap_or(&[]) {
                let ago = look.at.since(of.at).as_seconds_f64() - delay;
                let (mut d, mut square) = (at, ground * ground);
                if !still {
                    d = ear.pose.to(&[x + vx * ago, y + vy * ago, 0.0, 0.0, 0.0, 0.0]);
                    square = (d[0] * d[0] + d[1] * d[1]).max(1.0);
                    azimuth = math::atan2(d[0], d[1]);
                }
                // How far its azimuth turns by east and by north, and what that makes in a second.
                let g = ear.pose.out_of_horizon([d[1] / square.max(100.0), -d[0] / square.max(100.0), 0.0]);
                let turn = g[0] * vx + g[1] * vy;
                let misfit = |ray: &Ray| {
                    let moved = of.unsaid_mps * (ago + ray.late_s - of.since_s);
                    let variance = ray.variance + moved * moved / square;
                    let off = math::wrap_pi(ray.azimuth - azimuth - turn * ray.late_s);
                    (off * off <= GATE * variance).then_some((off, variance))
                };
                let hears = detection.max(BEYOND) / look.density;
                let counts = ear.refutes
                    && look.complete
                    && look.sector.is_none_or(|(from, width)| math::wrap_tau(azimuth - from) <= width);
                // What has been taken by something else in the same direction may hide this one.
                let (mut hits, mut hidden) = (0.0, 1.0);
                let rays = self.rays.get(look.rays.0 as usize..look.rays.1 as usize).unwrap_or(&[]);
                let moved = of.unsaid_mps * (ago - of.since_s);
                let [rays, others] = about(rays, azimuth, math::sqrt(GATE * (look.widest + moved * moved / square)));
                for ray in rays.iter().chain(others) {
                    if let Some((off, variance)) = misfit(ray) {
                        hits += hears * ray.left * likelihood(off, variance);
                        hidden = f64::min(hidden, ray.left);
                    }
                }
                let missed = 1.0 - if counts { (detection * hidden).min(0.99) } else { 0.0 };
                if hits == 0.0 && look.came_before {
                    silent += math::log(missed);
                    continue;
                }
                said += math::log(missed + hits);
                spoke |= hits > missed;
                let Some((normal, support)) = fit.as_mut().filter(|_| hits > 0.0) else { continue };
                for ray in rays.iter().chain(others) {
                    if let Some((off, variance)) = misfit(ray) {
                        let then = ago + ray.late_s;
                        let gradient = [g[0], g[1], g[0] * then, g[1] * then];
                        let own = hears * ray.left * likelihood(off, variance) / (missed + hits);
                        normal.add(&gradient, off, own / variance);
                        if own > 0.5 {
                            support.push(ray.number);
                        }
                    }
                }
            }
            // The word that a look is over says nothing of what it had said before.
            if !spoke {
                said += silent;
            }
            score += said.min(SENSOR_MAX);
            sensors += usize::from(spoke);
        }
        (score, sensors)
    }
}

fn rays_of<'a>(looks: &[Look], rays: &'a [Ray], ear: &Ear) -> &'a [Ray] {
    let looks = looks.get(ear.looks.0 as usize..ear.looks.1 as usize).unwrap_or(&[]);
    let (from, to) = (looks.first().map_or(0, |l| l.rays.0), looks.last().map_or(0, |l| l.rays.1));
    rays.get(from as usize..to as usize).unwrap_or(&[])
}

/// Those of a look's bearings, sorted by azimuth from -π to π, that are no farther than `within` from an azimuth.
fn about(rays: &[Ray], azimuth: f64, within: f64) -> [&[Ray]; 2] {
    if rays.len() <= FEW || !(within < math::PI) {
        return [rays, &[]];
    }
    let (from, to) = (azimuth - within, azimuth + within);
    let first = |from: f64| rays.partition_point(|ray| ray.azimuth < from);
    let beyond = |to: f64| rays.partition_point(|ray| ray.azimuth <= to);
    let near = rays.get(first(from)..beyond(to)).unwrap_or(&[]);
    let across = if from < -math::PI {
        rays.get(first(from + math::TAU)..)
    } else if to > math::PI {
        rays.get(..beyond(to - math::TAU))
    } else {
        None
    };
    [near, across.unwrap_or(&[])]
}

fn likelihood(off: f64, variance: f64) -> f64 {
    math::exp(-0.5 * off * off / variance) / math::sqrt(math::TAU * variance)
}

impl Normal {
    fn add(&mut self, gradient: &[f64; 4], off: f64, weight: f64) {
        for r in 0..4 {
            self.right[r] += weight * gradient[r] * off;
            for c in 0..4 {
                self.matrix[r][c] += weight * gradient[r] * gradient[c];
            }
        }
    }

    /// The step these say, the inverse of the matrix and the logarithm of its determinant; by Cholesky's decomposition.
    pub(crate) fn solved(&self) -> Option<([f64; 4], [[f64; 4]; 4], f64)> {
        let mut l = [[0.0; 4]; 4];
        let mut log_determinant = 0.0;
        for r in 0..4 {
            for c in 0..=r {
                let rest = self.matrix[r][c] - (0..c).map(|k| l[r][k] * l[c][k]).sum::<f64>();
                if r > c {
                    l[r][c] = rest / l[c][c];
                } else if rest > 1e-15 {
                    l[r][r] = math::sqrt(rest);
                    log_determinant += math::log(rest);
                } else {
                    return None;
                }
            }
        }
        let solve = |b: [f64; 4]| {
            let mut x = b;
            for r in 0..4 {
                x[r] = (x[r] - (0..r).map(|k| l[r][k] * x[k]).sum::<f64>()) / l[r][r];
            }
            for r in (0..4).rev() {
                x[r] = (x[r] - (r + 1..4).map(|k| l[k][r] * x[k]).sum::<f64>()) / l[r][r];
            }
            x
        };
        let inverse = [0, 1, 2, 3].map(|i| solve([0, 1, 2, 3].map(|j| f64::from(u8::from(i == j)))));
        Some((solve(self.right), inverse, log_determinant))
    }
}
