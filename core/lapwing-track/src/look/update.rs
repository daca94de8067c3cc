//! What a reading, or a velocity that came with one, does to a state.

use super::{Corrected, gate};
use crate::filter::Context;
use crate::gaussian::{Gaussian, Vector, dot};
use crate::imm::{Foresight, Modes};
use crate::project::{Projection, Scene};
use crate::reading::{Kind, Reading};
use lapwing_model::math;

/// A direction tells no height that it tells worse than this (one sigma, metres), and none better than this: which of two above each
/// other it is of is not known before the height is.
const UP_SD_MAX_M: f64 = 60.0;
const UP_SD_MIN_M: f64 = 10.0;

/// Updates a hypothesis with a reading. `merged`: the reading is of two aircraft the sensor could not tell apart, and
/// these variances are added to it.
#[expect(clippy::too_many_arguments, reason = "the whole context of one update")]
pub(crate) fn update_modes(
    modes: &mut Modes,
    reading: &Reading,
    projection: Option<&Projection>,
    foresight: &Foresight,
    ahead_s: f64,
    merged: Option<[f64; 4]>,
    look: &Corrected<'_>,
    (region, height_known): (u16, bool),
    ctx: &mut Context<'_>,
) {
    let scene = ctx.scene(look.sensor, region, height_known);
    let same = projection.filter(|_| look.readings.first().is_some_and(|r| r.kind == reading.kind));
    let rebuilt;
    let projection = match same {
        Some(p) => p,
        None => match Projection::new(&scene, reading.kind, modes, Some(reading.point)) {
            Some(p) => {
                rebuilt = p;
                &rebuilt
            }
            None => return,
        },
    };
    let (y, mut variance) = scene.innovations(reading, &projection.rows);
    if let Some(more) = merged {
        for (v, m) in variance.iter_mut().zip(&more) {
            *v += m;
        }
    }
    if reading.correlated {
        // A sensor's own track repeats its past in each of its states (Bar-Shalom & Li 1995, *Multitarget-Multisensor
        // Tracking*, 8.4): each is taken for a quarter of the information it claims.
        for v in &mut variance {
            *v *= 4.0;
        }
    }
    let mut linear = projection.linear(&y, &variance);
    // A bearing whose cone is wide at the state is bent: linearise again where the first update leads.
    let bent = matches!(reading.kind, Kind::Bearing { .. }) && projection.reach[0] > 0.8;
    if bent && ahead_s == 0.0 {
        let mut trial = *modes;
        trial.update(&linear, &foresight.by_mode);
        let there = trial.mean();
        if let Some(again) = scene.linear(reading, &there) {
            let mut moved = again;
            let here = modes.mean();
            for row in moved.rows_mut() {
                for i in 0..6 {
                    row.innovation -= row.jacobian[i] * (here[i] - there[i]);
                }
            }
            linear = moved;
        }
    }
    modes.update(&linear, &foresight.by_mode);
    if let Some(velocity) = reading.velocity {
        use_velocity(modes, velocity, scene.frame, height_known);
    }
}

/// The height a reading measures: up in the scene's frame, with its variance. `state` is of what was measured: a direction is of a
/// height only where its distance is known.
pub(crate) fn up_of(scene: &Scene<'_>, reading: &Reading, state: &Gaussian) -> Option<(f64, f64)> {
    match reading.kind {
        Kind::Position { height: true } => {
            Some((scene.frame.ecef_to_enu(reading.point).up_m, reading.variance[2].max(0.25)))
        }
        Kind::Polar { elevation: true, .. } => {
            let pose = scene.pose?;
            let [range, azimuth, elevation, _] = reading.value;
            let (s, c) = (math::sin(elevation), math::cos(elevation));
            let d = pose.out_of_horizon([range * c * math::sin(azimuth), range * c * math::cos(azimuth), range * s]);
            let up = pose.position[2] + d[2];
            let variance = reading.variance[0] * s * s + range * range * c * c * reading.variance[2];
            Some((up, variance.max(0.25)))
        }
        Kind::Bearing { elevation: true } => {
            let pose = scene.pose?;
            let [east, north, _] = pose.to(&state.mean);
            let ground = math::hypot(east, north);
            let out = pose.out_of_horizon([east / ground.max(1.0), north / ground.max(1.0), 0.0]);
            let along: Vector = [out[0], out[1], 0.0, 0.0, 0.0, 0.0];
            let ground_variance = dot(&along, &state.covariance.times(&along));
            let elevation = reading.value[2];
            let cosine = math::cos(elevation).max(1e-3);
            let slope = math::sin(elevation) / cosine;
            let steep = ground / (cosine * cosine);
            let variance = slope * slope * ground_variance + steep * steep * reading.variance[2];
            let up = pose.position[2] + pose.out_of_horizon([east, north, ground * slope])[2];
            (variance <= UP_SD_MAX_M * UP_SD_MAX_M).then_some((up, variance.max(UP_SD_MIN_M * UP_SD_MIN_M)))
        }
        _ => None,
    }
}

/// Uses a velocity that came along, unless it flatly contradicts the motion seen (a frozen or forged field).
pub(crate) fn use_velocity(
    modes: &mut Modes,
    measured: crate::interface::Velocity,
    frame: &lapwing_model::LocalFrame,
    height_known: bool,
) {
    let up = measured.up_mps.filter(|u| u.is_finite());
    let ok = measured.east_mps.is_finite() && measured.north_mps.is_finite() && measured.sd_mps.is_finite();
    if !ok || measured.sd_mps < 0.0 || math::hypot(measured.east_mps, measured.north_mps) > 1_000.0 {
        return;
    }
    let mean = modes.mean();
    // East and north turn along the way: by a lot near the pole.
    let at = lapwing_model::Enu::new(mean[0], mean[1], mean[2]);
    let local = lapwing_model::LocalFrame::new(frame.to_geodetic(at));
    let said = lapwing_model::Enu::new(measured.east_mps, measured.north_mps, up.unwrap_or(0.0));
    let v = frame.rotate(local.unrotate(said));
    let variance = measured.sd_mps.max(0.1) * measured.sd_mps.max(0.1);
    let mut linear = crate::gaussian::Linear::default();
    for (axis, value) in [(3, v.east_m), (4, v.north_m), (5, v.up_m)] {
        if axis == 5 && !(up.is_some() && height_known) {
            continue;
        }
        let mut row = [0.0; 6];
        row[axis] = 1.0;
        linear.push(row, value - mean[axis], variance);
    }
    if let Some(foresight) = modes.foresaw(&linear)
        && foresight.distance <= 3.0 * gate(linear.rows().len())
    {
        modes.update(&linear, &foresight.by_mode);
    }
}
