//! Where multilateration measures an aircraft, held against where it says it is.

use super::*;
use lapwing_model::*;

const ADDRESS: &str = "4b1234";

/// Multilateration beside the other sensors, as accurate as it is configured.
fn network(sd_m: Option<f64>) -> Site {
    let mut site = site();
    let (id, interval) = (sensor_id("mlat"), Span::from_seconds(1));
    let error = ErrorModel { horizontal_sd_m: sd_m, ..ErrorModel::default() };
    site.sensors.push(Sensor {
        error,
        interval,
        ..Sensor::new(id.clone(), SensorKind::Multilateration, None, interval)
    });
    site.inputs.push(site::InputInfo { id: input("in-mlat"), sensor: id, ..site.inputs[2].clone() });
    site
}

/// Numbers of a standard normal distribution, the same each time.
struct Chance(u64);

impl Chance {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let (a, b) = (self.uniform(), self.uniform());
        libm::sqrt(-2.0 * libm::log(a)) * libm::cos(math::TAU * b)
    }
}

/// How multilateration measures.
#[derive(Debug, Clone, Copy)]
struct Network {
    /// As it is configured, and as it is: errors that are new each time, and one that stays.
    configured_m: Option<f64>,
    sd_m: f64,
    bias_m: f64,
    late_s: f64,
    stamped: bool,
}

const SHARP: Network = Network { configured_m: Some(15.0), sd_m: 15.0, bias_m: 0.0, late_s: 0.5, stamped: false };

type Path<'a> = &'a dyn Fn(f64) -> (f64, f64);

/// An aircraft flies one way and says another. What it sends itself is `late_s` on its way too.
fn flown(network_is: Network, seconds: u32, flies_says: (Path<'_>, Path<'_>), word_late_s: f64) -> Scene {
    flown_at(network(network_is.configured_m), network_is, seconds, flies_says, word_late_s)
}

fn flown_at(
    site: Site,
    network_is: Network,
    seconds: u32,
    (flies, says): (Path<'_>, Path<'_>),
    word_late_s: f64,
) -> Scene {
    let mut scene = Scene::new(site);
    let mut chance = Chance(network_is.late_s.to_bits() ^ network_is.sd_m.to_bits());
    let mut all = Vec::new();
    for s in (0..seconds).map(f64::from) {
        all.push((s + word_late_s, s, false));
        // Networks measure when they hear enough.
        let at = s + 0.3 + 0.4 * chance.uniform();
        all.push((at + network_is.late_s, at, true));
    }
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (heard, at_s, measured) in all {
        let (east, north) = if measured { flies(at_s) } else { says(at_s) };
        if !measured {
            let (was, will) = (says(at_s - 0.5), says(at_s + 0.5));
            let (ve, vn) = (will.0 - was.0, will.1 - was.1);
            let mut claim = adsb(ADDRESS, at(east + 4.0 * chance.normal(), north + 4.0 * chance.normal()));
            (claim.speed_mps, claim.course_rad) = (Some(math::hypot(ve, vn)), Some(math::atan2(ve, vn)));
            scene.claim(t(heard), claim);
            continue;
        }
        let Network { sd_m, bias_m, stamped, .. } = network_is;
        let place = at(east + sd_m * chance.normal() + bias_m, north + sd_m * chance.normal());
        let mut claim = Claim { protocol: Protocol::Multilateration, ..adsb(ADDRESS, place) };
        claim.horizontal_accuracy_m = None;
        claim.measured_at = stamped.then(|| t(at_s));
        scene.reports(t(heard), "in-mlat", vec![Report::Claim(Box::new(claim))]);
    }
    scene
}

/// What was ever told against any track, and the statuses it had.
fn ever_told(scene: &Scene) -> (std::collections::BTreeSet<EvidenceKind>, Vec<IdentityStatus>) {
    let (mut against, mut statuses) = (std::collections::BTreeSet::new(), Vec::new());
    for e in &scene.events {
        let (EventBody::TrackBegan { track } | EventBody::TrackUpdated { track }) = &e.body else { continue };
        against.extend(track.identity.evidence.iter().filter(|e| e.weight < 0.0).map(|e| e.kind));
        if statuses.last() != Some(&track.identity.status) {
            statuses.push(track.identity.status);
        }
    }
    (against, statuses)
}

fn contradicted_after(scene: &Scene) -> Option<f64> {
    scene.events.iter().find_map(|e| match &e.body {
        EventBody::TrackUpdated { track } if track.identity.status == IdentityStatus::Contradicted => {
            Some(e.at.since(t(0.0)).as_seconds_f64())
        }
        _ => None,
    })
}

/// Five minutes of an honest aircraft: nothing is told against it.
fn is_believed(network: Network, path: Path<'_>, word_late_s: f64, what: &str) {
    let scene = flown(network, 300, (path, path), word_late_s);
    let (against, statuses) = ever_told(&scene);
    let what = format!("{what}, {network:?}, its word {word_late_s} s late");
    assert!(against.is_empty(), "{what}: {against:?}");
    assert!(!statuses.contains(&IdentityStatus::Contradicted), "{what}");
}

/// An airliner on its way, one that turns at three degrees a second, and a drone that circles.
fn airliner(s: f64) -> (f64, f64) {
    (1_000.0, 40_000.0 - 250.0 * s)
}

fn holding(s: f64) -> (f64, f64) {
    (5_000.0 + 4_775.0 * libm::cos(0.052_36 * s), 4_775.0 * libm::sin(0.052_36 * s))
}

fn drone(s: f64) -> (f64, f64) {
    (60.0 * libm::cos(0.25 * s) + 3.0 * s, 3_000.0 + 60.0 * libm::sin(0.25 * s))
}

#[test]
fn an_honest_aircraft_is_believed_however_late_and_badly_it_is_measured() {
    let paths: [(&str, Path<'_>); 3] = [("airliner", &airliner), ("holding", &holding), ("drone", &drone)];
    for (what, path) in paths {
        for sd_m in [100.0, 150.0] {
            for late_s in [1.0, 2.0, 3.0, 4.0] {
                for stamped in [false, true] {
                    let network = Network { configured_m: Some(sd_m), sd_m, bias_m: 0.0, late_s, stamped };
                    is_believed(network, path, 0.0, what);
                }
            }
            // Its own word may be what is late.
            for stamped in [false, true] {
                let network = Network { configured_m: Some(sd_m), sd_m, bias_m: 0.0, late_s: 1.0, stamped };
                is_believed(network, path, 3.0, what);
            }
        }
        // Nobody said how well the network measures; and one that is off by more than it says.
        is_believed(Network { configured_m: None, sd_m: 100.0, bias_m: 100.0, ..SHARP }, path, 0.0, what);
        is_believed(Network { bias_m: 120.0, late_s: 4.0, ..SHARP }, path, 0.0, what);
    }
}

#[test]
fn who_says_that_it_is_where_it_is_not_measured_is_contradicted() {
    for speed in [10.0, 60.0, 250.0] {
        for (east_m, ahead_m) in [(250.0, 0.0), (-400.0, 0.0), (600.0, 0.0), (0.0, 500.0), (0.0, -500.0)] {
            // Beside its way at any speed; along it only farther than what is late explains.
            let network = Network { late_s: 1.0, ..SHARP };
            let flies = |s: f64| (0.0, 3_000.0 - speed * s);
            let says = |s: f64| (east_m, 3_000.0 - speed * s - ahead_m);
            let scene = flown(network, 60, (&flies, &says), 0.0);
            let what = format!("{speed} m/s, {east_m} m aside, {ahead_m} m ahead");
            let after_s = contradicted_after(&scene);
            if ahead_m != 0.0 && speed > 10.0 {
                assert_eq!(after_s, None, "{what}");
                continue;
            }
            assert!(after_s.is_some_and(|s| (8.0..15.0).contains(&s)), "{what}: {after_s:?}");
            let found = scene.tracks().into_iter().flat_map(|t| t.identity.evidence);
            let found: Vec<Evidence> = found.filter(|e| e.kind == EvidenceKind::SeenElsewhere).collect();
            assert!(
                found.iter().all(|e| e.detail.as_str().contains("m from where it says it is")),
                "{what}: {found:?}"
            );
            assert!(found.iter().any(|e| e.count > 20 || east_m == 250.0), "{what}: {found:?}");
        }
    }
    // So fast that it might be one that is measured late, were it not beside its way.
    let flies = |s: f64| (0.0, 3_000.0 - 250.0 * s);
    let says = |s: f64| (1_000.0, 3_000.0 - 250.0 * s);
    assert!(contradicted_after(&flown(SHARP, 60, (&flies, &says), 0.0)).is_some());
}

#[test]
fn a_friend_that_is_measured_elsewhere_than_it_says_is_warned_of_as_false() {
    let mut site = network(Some(15.0));
    let name = Name { kind: NameKind::IcaoAddress, value: ADDRESS.into() };
    site.authorised = vec![AuthorisedFlight { name, area: None, from: None, to: None }];
    let flies = |s: f64| (0.0, 900.0 - 15.0 * s);
    let says = |s: f64| (300.0, 900.0 - 15.0 * s);
    let scene = flown_at(site, SHARP, 60, (&flies, &says), 0.0);
    let alerts = scene.alerts();
    let false_one = |a: &&Alert| a.severity == Severity::Critical && a.headline.as_str().starts_with("Suspected false");
    assert!(alerts.iter().any(|a| false_one(&a)), "{alerts:#?}");
}

#[test]
fn a_word_that_is_wrong_for_some_seconds_is_no_lie() {
    let flies = |s: f64| (0.0, 3_000.0 - 20.0 * s);
    // Four measurements in a row are elsewhere, again and again.
    let says = |s: f64| (if s % 20.0 >= 15.0 { 500.0 } else { 0.0 }, 3_000.0 - 20.0 * s);
    let (against, statuses) = ever_told(&flown(SHARP, 120, (&flies, &says), 0.0));
    assert!(!against.contains(&EvidenceKind::SeenElsewhere), "{against:?}");
    assert!(!statuses.contains(&IdentityStatus::Contradicted), "{statuses:?}");
}

#[test]
fn who_falls_silent_says_nothing_to_contradict() {
    let flies = |s: f64| (0.0, 3_000.0 - if s < 20.0 { 0.0 } else { 20.0 * (s - 20.0) });
    let mut scene = flown(SHARP, 20, (&flies, &flies), 0.0);
    for s in 20..80 {
        let (east, north) = flies(f64::from(s));
        let claim = Claim { protocol: Protocol::Multilateration, ..adsb(ADDRESS, at(east, north)) };
        scene.reports(t(f64::from(s) + 0.5), "in-mlat", vec![Report::Claim(Box::new(claim))]);
    }
    assert!(ever_told(&scene).0.is_empty(), "{:?}", ever_told(&scene).0);
}
