//! One aircraft heard by several receivers, each with a link and a clock of its own.

use super::*;
use lapwing_model::*;

/// Where an airliner is that flies east at 250 m/s.
fn flown(s: f64) -> Place {
    at(250.0 * (s - 60.0), 4_000.0)
}

/// What it says at `s`, with this time of its own.
fn airliner(s: f64, measured_s: Option<f64>) -> Claim {
    let mut claim = adsb("4b1234", flown(s));
    (claim.speed_mps, claim.course_rad) = (Some(250.0), Some(math::PI / 2.0));
    claim.measured_at = measured_s.map(t);
    claim
}

/// One claim on its way: when it is heard, by which input, and what it says.
type Heard = (f64, &'static str, Claim);

/// Two minutes of it by one input, twice a second: `way` gives when what it said at a time is heard, and the time beside it.
fn by(input: &'static str, way: impl Fn(f64) -> Option<(f64, Option<f64>)>) -> impl Iterator<Item = Heard> {
    let said = (0..240).map(|n| f64::from(n) * 0.5);
    said.filter_map(move |s| way(s).map(|(heard, measured)| (heard, input, airliner(s, measured))))
        .collect::<Vec<_>>()
        .into_iter()
}

fn play(scene: &mut Scene, heard: impl Iterator<Item = Heard>) {
    let mut all: Vec<Heard> = heard.collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (s, by, claim) in all {
        scene.reports(t(s), by, vec![Report::Claim(Box::new(claim))]);
    }
}

/// When what is said at `s` is heard where the link stands still for `for_s` from `from` on.
fn stalled(s: f64, from: f64, for_s: f64) -> f64 {
    if (from..from + for_s).contains(&s) { from + for_s + (s - from) * 1e-3 } else { s }
}

fn assert_one_honest(scene: &Scene, of: &str) {
    let track = scene.one();
    assert_eq!(scene.began(), 1, "{of}");
    let against: Vec<_> = track.identity.evidence.iter().filter(|e| e.weight < 0.0).collect();
    assert!(against.is_empty(), "{of}: {against:?}");
}

#[test]
fn one_receivers_link_stalls_while_anothers_goes_on() {
    for (first, second, every_s) in [(20.0, 0.0, 0.5), (0.0, 20.0, 0.5), (20.0, 6.0, 0.5), (0.0, 20.0, 1.0)] {
        let mut scene = Scene::new(site());
        let said = |s: f64| s % every_s == 0.0;
        let one = by("in-adsb", |s| said(s).then(|| (stalled(s, 50.0, first), Some(s))));
        // The second one hears everything after the first, so that nearly all of it is an echo. Its link stalls twice.
        let late = |s: f64| stalled(stalled(s, 15.0, second), 80.0, second) + 0.05;
        let other = by("in-rid", |s| said(s).then(|| (late(s), Some(s))));
        play(&mut scene, one.chain(other));
        assert_one_honest(&scene, &format!("stalls of {first} and {second} s, {every_s} s apart"));
    }
}

/// Of two receivers one is slower on its way than the other, which stamps nothing; after a minute the aircraft is heard by it alone.
#[test]
fn a_stamp_that_is_true_is_believed_however_long_its_way() {
    for (way_s, stamped) in [(1.0, true), (3.0, true), (1.0, false)] {
        let mut scene = Scene::new(site());
        let fast = by("in-adsb", |s| (s < 60.0).then_some((s, None)));
        let slow = by("in-rid", |s| Some((s + way_s, stamped.then_some(s))));
        let mut all: Vec<Heard> = fast.chain(slow).collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        for heard in all {
            let s = heard.0;
            play(&mut scene, [heard].into_iter());
            if s > 30.0 {
                let track = scene.one();
                let here = flown(scene.picture.snapshot().at.since(t(0.0)).as_seconds_f64());
                let off_m = track.kinematics.place.distance_m(here);
                assert!(off_m < 70.0, "{way_s} s, stamped: {stamped}: off by {off_m:.0} m at {s}");
            }
        }
        assert_one_honest(&scene, &format!("{way_s} s on its way, stamped: {stamped}"));
    }
}

#[test]
fn a_receiver_that_is_configured_no_more_is_forgotten() {
    let mut scene = Scene::new(site());
    let slow = by("in-rid", |s| Some((s + 1.0, None)));
    play(&mut scene, by("in-adsb", |s| Some((s, None))).chain(slow));
    let lag_s = |scene: &Scene| scene.picture.emitters.lag(&sensor_id("rid")).as_seconds_f64();
    assert!((lag_s(&scene) - 1.0).abs() < 0.1, "{}", lag_s(&scene));
    scene.input(t(122.0), Input::Configure(Box::new(site())));
    assert!((lag_s(&scene) - 1.0).abs() < 0.1, "it is still there");
    let mut without = site();
    without.sensors.retain(|s| s.id != sensor_id("rid"));
    without.inputs.retain(|i| i.id != input("in-rid"));
    scene.input(t(123.0), Input::Configure(Box::new(without)));
    assert_eq!(lag_s(&scene), 0.0);
}
