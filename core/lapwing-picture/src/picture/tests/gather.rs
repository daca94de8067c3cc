//! Claims and scans while the tracker gathers what belongs together.

use super::*;
use lapwing_model::*;

fn gathering() -> Scene {
    Scene::tuned(site(), Config { gather: Span::from_millis(5), ..Config::default() })
}

/// What an emitter says before its first position has found its track is the track's too: repetitions, and messages without a
/// place.
#[test]
fn every_message_of_the_first_moment_counts() {
    let mut scene = gathering();
    let here = || rid("02:00:00:00:00:01", Some("1588E040445AC004418"), Some(at(0.0, 3_000.0)));
    scene.claim(t(0.0), here());
    scene.claim(t(0.000_1), here());
    scene.claim(t(0.001), rid("02:00:00:00:00:01", None, None));
    assert!(scene.tracks().is_empty(), "it waits");
    scene.tick(t(0.2));
    let track = scene.one();
    assert_eq!((track.entries_total, track.sources[0].count), (3, 3), "{track:#?}");
    assert_eq!(track.first_at, t(0.0), "it counts from when it was heard");
    assert_eq!(track.identity.names[0].value.as_str(), "1588E040445AC004418");
}

/// A scan in several datagrams is one look: what it did not see is missed, and the sensors' books count every plot.
#[test]
fn a_scan_in_pieces_is_one_scan() {
    let mut scene = gathering();
    for s in 0..8 {
        let s = f64::from(2 * s);
        for (i, x) in [-300.0, 0.0, 300.0].into_iter().enumerate() {
            let mut seen = plot(x, 2_000.0 - 10.0 * s, 80.0);
            seen.measured_at = Some(t(s));
            seen.scan = Some(1);
            scene.reports(t(s + 0.000_3 * i as f64), "in-radar", vec![Report::Plot(seen)]);
        }
        let mut header = scan_header(3);
        if let Report::SensorStatus(status) = &mut header {
            status.measured_at = Some(t(s));
        }
        scene.reports(t(s + 0.001), "in-radar", vec![header]);
    }
    scene.tick(t(15.0));
    let tracks = scene.tracks();
    assert_eq!(tracks.len(), 3, "{tracks:#?}");
    assert!(tracks.iter().all(|t| t.phase == Phase::Confirmed && t.existence > 0.99), "{tracks:#?}");
    assert!(tracks.iter().all(|t| t.entries_total == 8), "{tracks:#?}");
}

/// An alert comes five milliseconds later, and it comes.
#[test]
fn a_breach_is_told_when_what_shows_it_is_taken_in() {
    let mut scene = gathering();
    scene.claim(t(0.0), rid("02:00:00:00:00:01", Some("1588E040445AC004418"), Some(at(0.0, 0.0))));
    assert!(scene.alerts().is_empty());
    let due = scene.picture.deadline().unwrap();
    assert!(due <= t(0.1), "{due}");
    scene.tick(due);
    assert_eq!(scene.alerts().len(), 1);
}

/// A radar that turns sends each turn when it ends, its plots without a time: each was measured when the antenna looked its way,
/// and nothing of it is of later than now.
#[test]
fn a_turn_is_of_before_its_end() {
    turns(|plot| plot);
}

/// And what the sensor gives as positions.
#[test]
fn a_turn_of_positions_is_of_before_its_end() {
    turns(|plot| {
        let Measurement::RangeAzimuth { range_m, azimuth_rad, elevation_rad, .. } = plot.measurement else {
            return plot;
        };
        let seen = LocalFrame::new(HERE.at_height(400.0)).to_geodetic(Enu::from_polar(
            range_m,
            azimuth_rad,
            elevation_rad.unwrap_or(0.0),
        ));
        let measurement = Measurement::Position {
            place: seen.place(),
            heights: Heights::UNKNOWN,
            horizontal_sd_m: Some(20.0),
            vertical_sd_m: None,
        };
        Plot { measurement, ..plot }
    });
}

fn turns(gives: fn(Plot) -> Plot) {
    let mut site = site();
    site.sensors[0].rotating = true;
    let mut scene = Scene::new(site);
    // Clockwise from north, fractions of a turn; each flies outwards.
    let shares = [0.1, 0.35, 0.6, 0.85];
    let place = |share: f64, now: f64| {
        let (range, azimuth) = (1_500.0 + 12.0 * now, share * math::TAU);
        (range * math::sin(azimuth), range * math::cos(azimuth))
    };
    for turn in 0..10 {
        let end = f64::from(2 * turn) + 2.0;
        let plots = shares.iter().map(|share| {
            let (east, north) = place(*share, end - 2.0 + 2.0 * share);
            gives(plot(east, north, 80.0))
        });
        scene.radar(t(end), plots.collect());
        // What comes now is not late: nothing was taken in that is of later.
        let serial = format!("1588E04044{turn:010}");
        let here = Some(at(300.0 * f64::from(turn) - 1_500.0, 5_000.0));
        scene.claim(t(end + 0.01), rid(&format!("02:00:00:00:00:{turn:02x}"), Some(&serial), here));
        assert!(scene.tracks().iter().any(|t| t.first_at == self::t(end + 0.01)), "at {end} s");
    }
    scene.tick(t(22.0));
    let seen: Vec<Track> = scene.tracks().into_iter().filter(|t| !t.claimed_only).collect();
    assert_eq!(seen.len(), 4, "{seen:#?}");
    assert!(seen.iter().all(|t| t.phase == Phase::Confirmed && t.existence > 0.99), "{seen:#?}");
    for share in shares {
        let (east, north) = place(share, 22.0);
        let off = |t: &Track| at(east, north).distance_m(t.kinematics.place);
        let nearest = seen.iter().map(off).fold(f64::INFINITY, f64::min);
        assert!(nearest < 40.0, "{nearest} m");
    }
}
