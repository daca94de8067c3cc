//! Operational status (type 31) and target state (type 29): what the aircraft can do, how good its data are, what it is told to do.
//! The layouts of version 1 and 2 are read; version 0 carries nothing that is used.

use super::fields::FOOT_M;
use super::frame::MessageField;
use super::quality;
use serde::Serialize;

/// Which target altitude.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AltitudeSource {
    /// Set on the mode control panel.
    ModeControlPanel,
    /// From the flight management system.
    FlightManagement,
}

/// Target state and status, version 2 (subtype 1).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TargetState {
    /// 1; others are not read.
    pub subtype: u8,
    /// Selected altitude, metres, referred to the altimeter setting below.
    pub selected_altitude_m: Option<f64>,
    /// Where the selected altitude comes from.
    pub selected_altitude_source: AltitudeSource,
    /// Altimeter setting, hectopascals.
    pub altimeter_setting_hpa: Option<f64>,
    /// Selected heading, degrees.
    pub selected_heading_deg: Option<f64>,
    /// Navigation accuracy category for position, 0 to 11.
    pub nac_p: u8,
    /// 95 % bound of the horizontal position, metres, from `nac_p`.
    pub horizontal_accuracy_m: Option<f64>,
    /// The pressure altitude was cross-checked.
    pub nic_baro: bool,
    /// Source integrity level, 0 to 3.
    pub sil: u8,
    /// The SIL is per sample rather than per flight hour.
    pub sil_per_sample: bool,
    /// Autopilot engaged; `None` when the modes are not given.
    pub autopilot: Option<bool>,
    /// Vertical navigation engaged.
    pub vertical_navigation: Option<bool>,
    /// Altitude hold engaged.
    pub altitude_hold: Option<bool>,
    /// Approach engaged.
    pub approach: Option<bool>,
    /// Lateral navigation engaged.
    pub lateral_navigation: Option<bool>,
    /// Collision avoidance works.
    pub tcas_operational: bool,
}

/// Operational status (type 31).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct OperationalStatus {
    /// 0 in the air, 1 on the surface.
    pub subtype: u8,
    /// Capability codes as sent.
    pub capability_raw: u16,
    /// Operational mode codes as sent.
    pub mode_raw: u16,
    /// Version of ADS-B: 0 DO-260, 1 DO-260A, 2 DO-260B.
    pub version: u8,
    /// NIC supplement A.
    pub nic_supplement_a: bool,
    /// NIC supplement C, on the surface.
    pub nic_supplement_c: Option<bool>,
    /// Navigation accuracy category for position, 0 to 11.
    pub nac_p: u8,
    /// 95 % bound of the horizontal position, metres, from `nac_p`.
    pub horizontal_accuracy_m: Option<f64>,
    /// Navigation accuracy category for velocity, on the surface.
    pub nac_v: Option<u8>,
    /// Geometric vertical accuracy, 0 to 3, in the air (version 2).
    pub gva: Option<u8>,
    /// 95 % bound of the height by GNSS, metres, from `gva`.
    pub vertical_accuracy_m: Option<f64>,
    /// Source integrity level, 0 to 3.
    pub sil: u8,
    /// The SIL is per sample rather than per flight hour (version 2).
    pub sil_per_sample: Option<bool>,
    /// The pressure altitude was cross-checked, in the air.
    pub nic_baro: Option<bool>,
    /// The angle in surface positions is a heading, not a track; on the surface.
    pub surface_angle_is_heading: Option<bool>,
    /// Headings are from magnetic north.
    pub heading_is_magnetic: bool,
    /// Collision avoidance works, in the air (version 2).
    pub tcas_operational: Option<bool>,
    /// A resolution advisory is active.
    pub resolution_advisory_active: bool,
    /// The crew pressed IDENT.
    pub ident: bool,
    /// System design assurance, 0 to 3 (version 2).
    pub system_design_assurance: Option<u8>,
}

/// Reads a target state; `None` for the layouts of version 1 and the reserved ones.
pub(super) fn target_state(me: MessageField) -> Option<TargetState> {
    let subtype = me.small(6, 7);
    if subtype != 1 {
        return None;
    }
    let mode = |bit: u32| me.flag(47).then(|| me.flag(bit));
    let nac_p = me.small(40, 43);
    Some(TargetState {
        subtype,
        selected_altitude_m: me.bits(10, 20).checked_sub(1).map(|n| f64::from(n) * 32.0 * FOOT_M),
        selected_altitude_source: if me.flag(9) {
            AltitudeSource::FlightManagement
        } else {
            AltitudeSource::ModeControlPanel
        },
        altimeter_setting_hpa: me.bits(21, 29).checked_sub(1).map(|n| 800.0 + f64::from(n) * 0.8),
        // A sign bit (180° added) and eight bits of 180/256 degrees make nine bits of a full circle.
        selected_heading_deg: me.flag(30).then(|| f64::from(me.bits(31, 39)) * 180.0 / 256.0),
        nac_p,
        horizontal_accuracy_m: quality::position_accuracy_m(nac_p),
        nic_baro: me.flag(44),
        sil: me.small(45, 46),
        sil_per_sample: me.flag(8),
        autopilot: mode(48),
        vertical_navigation: mode(49),
        altitude_hold: mode(50),
        approach: mode(52),
        lateral_navigation: mode(54),
        tcas_operational: me.flag(53),
    })
}

/// Reads an operational status; `None` for the reserved subtypes.
pub(super) fn operational_status(me: MessageField) -> Option<OperationalStatus> {
    let subtype = me.small(6, 8);
    if subtype > 1 {
        return None;
    }
    let surface = subtype == 1;
    let version = me.small(41, 43);
    let current = version >= 2;
    let nac_p = me.small(45, 48);
    let gva = (!surface && current).then(|| me.small(49, 50));
    Some(OperationalStatus {
        subtype,
        capability_raw: me.bits(9, 24) as u16,
        mode_raw: me.bits(25, 40) as u16,
        version,
        nic_supplement_a: me.flag(44),
        nic_supplement_c: (surface && current).then(|| me.flag(20)),
        nac_p,
        horizontal_accuracy_m: quality::position_accuracy_m(nac_p),
        nac_v: surface.then(|| me.small(17, 19)),
        gva,
        vertical_accuracy_m: gva.and_then(quality::vertical_accuracy_m),
        sil: me.small(51, 52),
        sil_per_sample: current.then(|| me.flag(55)),
        nic_baro: (!surface).then(|| me.flag(53)),
        surface_angle_is_heading: surface.then(|| me.flag(53)),
        heading_is_magnetic: me.flag(54),
        tcas_operational: (!surface && current).then(|| me.flag(11)),
        resolution_advisory_active: me.flag(27),
        ident: me.flag(28),
        system_design_assurance: current.then(|| me.small(31, 32)),
    })
}
