//! Airborne velocity, type code 19 (DO-260B 2.2.3.2.6).

use super::fields::{FOOT_M, FOOT_PER_MINUTE_MPS, KNOT_MPS};
use super::frame::MessageField;
use lapwing_model::math;
use serde::Serialize;

/// What a vertical rate was measured by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VerticalSource {
    /// GNSS or inertial: geometric.
    Gnss,
    /// Pressure.
    Barometric,
}

/// Which airspeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AirspeedKind {
    /// Indicated airspeed.
    Indicated,
    /// True airspeed.
    True,
}

/// Velocity in the air.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Velocity {
    /// 1 over ground, 2 over ground supersonic, 3 through the air, 4 through the air supersonic.
    pub subtype: u8,
    /// The crew's intent changed (in TIS-B and ADS-R: the address is not an ICAO one).
    pub intent_change: bool,
    /// Navigation accuracy category for velocity (before version 1: NUC for rate), 0 to 7.
    pub nac_v: u8,
    /// 95 % bound of the horizontal velocity, metres per second, from `nac_v`.
    pub horizontal_velocity_accuracy_mps: Option<f64>,
    /// Velocity over ground to the east, metres per second.
    pub velocity_east_mps: Option<f64>,
    /// Velocity over ground to the north, metres per second.
    pub velocity_north_mps: Option<f64>,
    /// Speed over ground, metres per second.
    pub ground_speed_mps: Option<f64>,
    /// Course over ground, degrees clockwise from true north. `None` when it stands still.
    pub course_deg: Option<f64>,
    /// Airspeed, metres per second.
    pub airspeed_mps: Option<f64>,
    /// Which airspeed.
    pub airspeed_kind: Option<AirspeedKind>,
    /// Where the nose points, degrees; from magnetic or true north as the operational status says.
    pub heading_deg: Option<f64>,
    /// Vertical rate, metres per second, up positive.
    pub vertical_rate_mps: Option<f64>,
    /// What it was measured by.
    pub vertical_rate_source: VerticalSource,
    /// Height by GNSS minus pressure altitude, metres.
    pub gnss_minus_pressure_m: Option<f64>,
}

/// 95 % bound of the horizontal velocity for a NACv or NUCr, metres per second.
pub fn velocity_accuracy_mps(nac_v: u8) -> Option<f64> {
    match nac_v {
        1 => Some(10.0),
        2 => Some(3.0),
        3 => Some(1.0),
        4 => Some(0.3),
        _ => None,
    }
}

/// A sign bit and a magnitude whose 0 means unknown and 1 means zero.
fn signed(me: MessageField, sign: u32, first: u32, last: u32, unit: f64) -> Option<f64> {
    let magnitude = me.bits(first, last);
    let value = f64::from(magnitude.checked_sub(1)?) * unit;
    Some(if me.flag(sign) { -value } else { value })
}

/// Reads a velocity; `None` for the reserved subtypes.
pub(super) fn velocity(me: MessageField) -> Option<Velocity> {
    let subtype = me.small(6, 8);
    if !(1..=4).contains(&subtype) {
        return None;
    }
    let nac_v = me.small(11, 13);
    let knots = if subtype.is_multiple_of(2) { 4.0 } else { 1.0 } * KNOT_MPS;
    let mut velocity = Velocity {
        subtype,
        intent_change: me.flag(9),
        nac_v,
        horizontal_velocity_accuracy_mps: velocity_accuracy_mps(nac_v),
        velocity_east_mps: None,
        velocity_north_mps: None,
        ground_speed_mps: None,
        course_deg: None,
        airspeed_mps: None,
        airspeed_kind: None,
        heading_deg: None,
        vertical_rate_mps: signed(me, 37, 38, 46, 64.0 * FOOT_PER_MINUTE_MPS),
        vertical_rate_source: if me.flag(36) { VerticalSource::Barometric } else { VerticalSource::Gnss },
        // 127 means more than 3,137.5 ft.
        gnss_minus_pressure_m: if me.bits(50, 56) == 127 { None } else { signed(me, 49, 50, 56, 25.0 * FOOT_M) },
    };
    if subtype <= 2 {
        // The sign bits say west and south.
        velocity.velocity_east_mps = signed(me, 14, 15, 24, knots);
        velocity.velocity_north_mps = signed(me, 25, 26, 35, knots);
        if let (Some(east), Some(north)) = (velocity.velocity_east_mps, velocity.velocity_north_mps) {
            velocity.ground_speed_mps = Some(math::sqrt(east * east + north * north));
            if east != 0.0 || north != 0.0 {
                velocity.course_deg = Some(math::deg(math::wrap_tau(math::atan2(east, north))));
            }
        }
    } else {
        velocity.heading_deg = me.flag(14).then(|| f64::from(me.bits(15, 24)) * 360.0 / 1024.0);
        velocity.airspeed_mps = me.bits(26, 35).checked_sub(1).map(|v| f64::from(v) * knots);
        velocity.airspeed_kind = Some(if me.flag(25) { AirspeedKind::True } else { AirspeedKind::Indicated });
    }
    Some(velocity)
}
