//! What each sensor sees of the truth, with its errors: measurements and transmissions, not yet bytes.

use crate::random::Random;
use crate::scenario::{Object, SensorModel};
use crate::truth::{State, Truth};
use lapwing_model::{Class, Classification, Enu, Measurement, Plot, Time, math};

/// What a radar needs to know of itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RadarModel {
    pub(crate) place: Enu,
    pub(crate) range_max_m: f64,
    pub(crate) detection_probability: f64,
    pub(crate) range_sd_m: f64,
    pub(crate) azimuth_sd_deg: f64,
    pub(crate) elevation_sd_deg: f64,
    pub(crate) range_rate_sd_mps: f64,
    pub(crate) clutter_per_scan: f64,
}

impl RadarModel {
    pub(crate) fn of(model: &SensorModel, place: Enu) -> Option<Self> {
        match *model {
            SensorModel::Radar {
                range_max_m,
                detection_probability,
                range_sd_m,
                azimuth_sd_deg,
                elevation_sd_deg,
                range_rate_sd_mps,
                clutter_per_scan,
                ..
            } => Some(Self {
                place,
                range_max_m,
                detection_probability,
                range_sd_m,
                azimuth_sd_deg,
                elevation_sd_deg,
                range_rate_sd_mps,
                clutter_per_scan,
            }),
            SensorModel::RemoteId { .. } | SensorModel::Adsb { .. } => None,
        }
    }
}

/// Lowest elevation a simulated radar sees, radians: below is ground clutter.
const ELEVATION_MIN_RAD: f64 = 0.005;

/// One scan at `t` seconds: the plots of what is there and seen, and of what is not there.
pub(crate) fn radar_scan(
    truth: &Truth,
    radar: &RadarModel,
    t: f64,
    at: Time,
    scan: u64,
    random: &mut Random,
) -> Vec<Plot> {
    let mut plots = Vec::new();
    // A radar's azimuth and elevation are in its own horizon, not in the scenario's.
    let own = lapwing_model::LocalFrame::new(truth.geodetic(radar.place));
    for (i, object) in truth.objects().iter().enumerate() {
        let Some(state) = truth.state(i, t) else { continue };
        let line = own.to_enu(truth.geodetic(state.position));
        let range_m = line.length_m();
        let seen = range_m <= radar.range_max_m
            && range_m > 1.0
            && line.elevation_rad() >= ELEVATION_MIN_RAD
            && random.unit() < radar.detection_probability * class_factor(object.class);
        if !seen {
            continue;
        }
        let v = state.velocity;
        let towards = relative(state.position, radar.place);
        let range_rate = (towards.east_m * v.east_m + towards.north_m * v.north_m + towards.up_m * v.up_m) / range_m;
        plots.push(plot(
            radar,
            at,
            scan,
            Some(object),
            [range_m, line.azimuth_rad(), line.elevation_rad(), range_rate],
            random,
        ));
    }
    for _ in 0..random.poisson(radar.clutter_per_scan) {
        // Uniform over the disc, so the density of false plots does not rise towards the radar.
        let range_m = radar.range_max_m * math::sqrt(random.unit()).max(0.02);
        let false_plot = [
            range_m,
            random.between(0.0, math::TAU),
            random.between(ELEVATION_MIN_RAD, 0.5),
            random.between(-30.0, 30.0),
        ];
        plots.push(plot(radar, at, scan, None, false_plot, random));
    }
    plots
}

/// Birds are small: a radar sees them less often.
fn class_factor(class: Class) -> f64 {
    if class == Class::Bird { 0.8 } else { 1.0 }
}

fn plot(
    radar: &RadarModel,
    at: Time,
    scan: u64,
    object: Option<&Object>,
    true_values: [f64; 4],
    random: &mut Random,
) -> Plot {
    let [range_m, azimuth_rad, elevation_rad, range_rate_mps] = true_values;
    let rcs = match object {
        Some(object) => object.rcs_dbsm + 3.0 * random.normal(),
        None => random.between(-35.0, -10.0),
    };
    Plot {
        sensor: None,
        measured_at: Some(at),
        scan: Some(scan),
        measurement: Measurement::RangeAzimuth {
            range_m: (range_m + radar.range_sd_m * random.normal()).max(1.0),
            azimuth_rad: math::wrap_tau(azimuth_rad + math::rad(radar.azimuth_sd_deg) * random.normal()),
            elevation_rad: Some(elevation_rad + math::rad(radar.elevation_sd_deg) * random.normal()),
            range_rate_mps: Some(range_rate_mps + radar.range_rate_sd_mps * random.normal()),
            range_sd_m: Some(radar.range_sd_m),
            azimuth_sd_rad: Some(math::rad(radar.azimuth_sd_deg)),
            elevation_sd_rad: Some(math::rad(radar.elevation_sd_deg)),
            range_rate_sd_mps: Some(radar.range_rate_sd_mps),
        },
        course_rad: None,
        speed_mps: None,
        classification: object.map(|o| label(o.class, random)),
        rcs_dbsm: Some(rcs),
        confidence: None,
    }
}

/// What the radar's own classifier says: right four times out of five, and never surer than that.
fn label(class: Class, random: &mut Random) -> Classification {
    let wrong = if class == Class::Bird { Class::Drone } else { Class::Bird };
    let (likely, other) = if random.unit() < 0.8 { (class, wrong) } else { (wrong, class) };
    let mut said = Classification::single(likely, 0.7);
    said.probabilities.insert(other, 0.2);
    said
}

/// `a - b`.
pub(crate) fn relative(a: Enu, b: Enu) -> Enu {
    Enu::new(a.east_m - b.east_m, a.north_m - b.north_m, a.up_m - b.up_m)
}

/// Received signal strength of a small Wi-Fi transmitter: -40 dBm at 1 m, free space, 3 dB of noise.
pub(crate) fn rssi_dbm(distance_m: f64, random: &mut Random) -> f64 {
    -40.0 - 20.0 * math::log10(distance_m.max(1.0)) + 3.0 * random.normal()
}

/// The state an object claims: its true one, or the lie of its scenario.
pub(crate) fn claimed(object: &Object, state: State, t: f64) -> State {
    let Some(spoof) = object.remote_id.as_ref().and_then(|r| r.spoof.as_ref()) else { return state };
    let since = t - spoof.from_s;
    if since <= 0.0 {
        return state;
    }
    let p = state.position;
    let v = state.velocity;
    State {
        position: Enu::new(p.east_m + spoof.east_mps * since, p.north_m + spoof.north_mps * since, p.up_m),
        velocity: Enu::new(v.east_m + spoof.east_mps, v.north_m + spoof.north_mps, v.up_m),
    }
}
