//! Heights that are only said, under a radar that measures none.

use super::*;

/// Of 70 seconds, with the claims beginning after the radar: those in which the height is taken, in which there is more than one
/// track, and in which the height is denied.
struct Told {
    known: u32,
    several: u32,
    denied: u32,
}

/// An aircraft that comes towards the radar from the north, and what it says.
#[derive(Debug, Clone, Copy)]
struct Flight {
    up_m: f64,
    said_m: f64,
    north_m: f64,
    speed_mps: f64,
    /// Its word is of so long before the time that it gives.
    late_s: f64,
    /// The radar reads too much by this.
    range_bias_m: f64,
}

const HONEST: Flight =
    Flight { up_m: 60.0, said_m: 60.0, north_m: 900.0, speed_mps: 3.0, late_s: 0.0, range_bias_m: 0.0 };

fn fly(flight: Flight, every_s: usize, seed: u64) -> Told {
    let Flight { up_m, said_m, north_m, speed_mps, late_s, range_bias_m } = flight;
    let mut dice = Dice::new(seed);
    let mut t = Tracker::new(Config::default());
    let sensor = Sensor { interval: Span::from_seconds(every_s as i64), ..radar() };
    let receiver = receiver("rid");
    let mut told = Told { known: 0, several: 0, denied: 0 };
    let mut said_once = 0;
    for s in 0..90usize {
        let now = s as f64;
        let truth = |now: f64| Enu::new(100.0 + now, north_m - speed_mps * now, up_m);
        t.advance(at(now));
        if s.is_multiple_of(every_s) {
            let seen = dice.uniform() < 0.9;
            let mut plots: Vec<_> = seen.then(|| plot(now, truth(now), false, &mut dice)).into_iter().collect();
            for plot in &mut plots {
                if let Measurement::RangeAzimuth { range_m, .. } = &mut plot.measurement {
                    *range_m += range_bias_m;
                }
            }
            look(&mut t, &sensor, now, &plots);
        }
        let then = now + 0.8;
        if s >= 12 {
            for then in [now + 0.3, now + 0.8] {
                t.advance(at(then));
                let x = truth(then - late_s);
                let said = said_m + 5.0 * dice.normal();
                let x = Enu::new(x.east_m + 2.0 * dice.normal(), x.north_m + 2.0 * dice.normal(), said);
                let mut claim = with_velocity(claim(then, x, 3.0, 7), 1.0, -speed_mps);
                // Of a voice that is new the picture gives no height.
                if let (true, Measurement::Position { heights, .. }) = (said_once < 1, &mut claim.measurement) {
                    *heights = Heights::UNKNOWN;
                }
                said_once += 1;
                observe(&mut t, &receiver, &[claim]);
            }
        }
        if s >= 20 {
            let ids: Vec<_> = t.ids().collect();
            let known = |id: &TrackId| t.estimate(*id, at(then)).is_some_and(|e| e.height_known);
            told.known += u32::from(ids.iter().any(known));
            told.several += u32::from(ids.len() > 1);
            told.denied += u32::from(ids.iter().any(|id| t.height_denied(*id, at(then)).is_some()));
        }
    }
    told
}

fn flights(flight: Flight) -> Told {
    let mut all = Told { known: 0, several: 0, denied: 0 };
    for every_s in [1, 2, 4] {
        for seed in 0..12 {
            let one = fly(flight, every_s, seed);
            all.known += one.known;
            all.several += one.several;
            all.denied += one.denied;
        }
    }
    all
}

const SECONDS: u32 = 3 * 12 * 70;

#[test]
fn an_honest_height_is_taken_however_steeply_the_radar_looks_up() {
    for (up_m, north_m) in
        [(60.0, 900.0), (300.0, 800.0), (400.0, 1_200.0), (-400.0, 1_200.0), (400.0, 2_500.0), (500.0, 2_500.0)]
    {
        let told = flights(Flight { up_m, said_m: up_m, north_m, ..HONEST });
        let seen = (told.known, told.several, told.denied);
        // Steeply seen, its slant range and its place are some seconds apart before they are one.
        let (known, one) = (told.known >= SECONDS - SECONDS / 100, told.several <= SECONDS / 12);
        assert!(known && one && told.denied == 0, "{up_m} {north_m}: {seen:?}");
    }
}

#[test]
fn what_is_said_late_or_measured_wrong_denies_no_height() {
    let north_m = 3_500.0;
    for flight in [
        Flight { north_m, speed_mps: 30.0, late_s: 2.0, ..HONEST },
        Flight { range_bias_m: -40.0, ..HONEST },
        Flight { said_m: 110.0, ..HONEST },
        Flight { up_m: 400.0, said_m: 500.0, north_m: 1_500.0, ..HONEST },
        Flight { up_m: 600.0, said_m: 600.0, north_m: 4_000.0, speed_mps: 40.0, ..HONEST },
        Flight { up_m: 600.0, said_m: 600.0, north_m: 3_500.0, range_bias_m: -40.0, ..HONEST },
        Flight { up_m: 400.0, said_m: 450.0, north_m, speed_mps: 20.0, late_s: 1.0, range_bias_m: -25.0 },
        // The radar stands on a hill.
        Flight { up_m: -240.0, said_m: -240.0, ..HONEST },
    ] {
        let told = flights(flight);
        assert!(told.denied == 0, "{flight:?}: {}", told.denied);
    }
}

#[test]
fn a_height_that_the_radar_cannot_have_measured_is_denied_and_costs_no_track() {
    for (said_m, north_m) in
        [(1_500.0, 900.0), (1_500.0, 2_500.0), (800.0, 2_000.0), (460.0, 900.0), (3_000.0, 4_500.0)]
    {
        let told = flights(Flight { said_m, north_m, ..HONEST });
        let seen = (told.known, told.several, told.denied);
        let few = SECONDS / 25;
        assert!(
            told.denied >= SECONDS - 4 * few && told.several <= few && told.known <= 2 * few,
            "{said_m} {north_m}: {seen:?}"
        );
    }
}

/// A camera: 0.2°, one look a second, sees 3 km.
fn camera(place: Geodetic) -> Sensor {
    Sensor {
        coverage: Coverage { range_max_m: Some(3_000.0), detection_probability: Some(0.9), ..Coverage::default() },
        error: ErrorModel { azimuth_sd_deg: Some(0.2), elevation_sd_deg: Some(0.2), ..ErrorModel::default() },
        ..Sensor::new(SensorId::new("camera").unwrap(), SensorKind::Camera, Some(place), Span::from_seconds(1))
    }
}

/// A camera has the angle that the radar has not: together they know how high it is, and so where.
#[test]
fn a_direction_gives_what_a_flat_radar_sees_its_height() {
    for seed in 0..4 {
        let mut dice = Dice::new(seed);
        let mut t = Tracker::new(Config::default());
        let place = home().to_geodetic(Enu::new(200.0, -100.0, 5.0));
        let camera = camera(place);
        let truth = |now: f64| Enu::new(-400.0 + 9.0 * now, 900.0, 140.0);
        for s in 0..20 {
            let now = f64::from(s);
            t.advance(at(now));
            look(&mut t, &radar(), now, &[plot(now, truth(now), false, &mut dice)]);
            t.advance(at(now + 0.5));
            let d = LocalFrame::new(place).ecef_to_enu(home().enu_to_ecef(truth(now + 0.5)));
            let sd = math::rad(0.2);
            let seen = Measurement::Bearing {
                azimuth_rad: math::wrap_tau(d.azimuth_rad() + sd * dice.normal()),
                elevation_rad: Some(d.elevation_rad() + sd * dice.normal()),
                azimuth_sd_rad: None,
                elevation_sd_rad: None,
            };
            look(&mut t, &camera, now + 0.5, &[Observation::new(at(now + 0.5), seen)]);
        }
        let confirmed = |id: &TrackId| t.estimate(*id, at(19.5)).unwrap().phase == Phase::Confirmed;
        let ids: Vec<TrackId> = t.ids().filter(confirmed).collect();
        assert_eq!(ids.len(), 1, "seed {seed}");
        assert!(t.estimate(ids[0], at(19.5)).unwrap().height_known, "seed {seed}");
        let (x, is) = (truth(19.5), place_of(&t, ids[0], 19.5));
        assert!(math::fabs(is.up_m - x.up_m) < 10.0, "seed {seed}: {} m up", is.up_m);
        assert!(math::hypot(is.east_m - x.east_m, is.north_m - x.north_m) < 20.0, "seed {seed}: {is:?}");
    }
}

/// A bird before the camera is no reason to think that an aircraft behind it flies a kilometre high.
#[test]
fn a_direction_that_the_slant_range_denies_gives_no_height() {
    for seed in 0..4 {
        let mut dice = Dice::new(seed);
        let mut t = Tracker::new(Config::default());
        let camera = camera(HOME);
        let truth = |now: f64| Enu::new(-100.0 + 9.0 * now, 1_000.0, 80.0);
        for s in 0..20 {
            let now = f64::from(s);
            t.advance(at(now));
            look(&mut t, &radar(), now, &[plot(now, truth(now), false, &mut dice)]);
            t.advance(at(now + 0.2));
            let bird = Measurement::Bearing {
                azimuth_rad: math::wrap_tau(truth(now + 0.2).azimuth_rad()),
                elevation_rad: Some(math::rad(45.0)),
                azimuth_sd_rad: None,
                elevation_sd_rad: None,
            };
            look(&mut t, &camera, now + 0.2, &[Observation::new(at(now + 0.2), bird)]);
        }
        let ids: Vec<TrackId> =
            t.ids().filter(|id| t.estimate(*id, at(19.5)).unwrap().phase == Phase::Confirmed).collect();
        assert_eq!(ids.len(), 1, "seed {seed}");
        assert!(!t.estimate(ids[0], at(19.5)).unwrap().height_known, "seed {seed}");
        assert!(t.estimate(ids[0], at(19.5)).unwrap().last_at >= at(17.5), "seed {seed}: the radar still has it");
    }
}
