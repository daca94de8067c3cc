//! When a sensor is silent, and when it only pauses.

use super::*;
use lapwing_model::snapshot::Health;
use lapwing_model::*;

/// What was told of the radar (2 s), with the time from the start.
fn told(scene: &Scene) -> Vec<(f64, Health)> {
    let of = |e: &Event| match &e.body {
        EventBody::SensorChanged { sensor, health, .. } if *sensor == sensor_id("radar") => {
            Some((e.at.since(t(0.0)).as_seconds_f64(), *health))
        }
        _ => None,
    };
    scene.events.iter().filter_map(of).collect()
}

fn silences(scene: &Scene) -> Vec<f64> {
    told(scene).into_iter().filter(|(_, h)| *h == Health::Silent).map(|(at, _)| at).collect()
}

/// When scans every 2 s arrive that take up to `late_s`, mostly far less, and overtake each other.
fn late(count: u32, late_s: f64) -> Vec<f64> {
    let mut state = 7_u64;
    let mut arrive = |i: u32| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let u = (state >> 11) as f64 / (1_u64 << 53) as f64;
        2.0 * f64::from(i) + late_s * u * u * u
    };
    let mut all: Vec<f64> = (0..count).map(&mut arrive).collect();
    all.sort_by(f64::total_cmp);
    all
}

#[test]
fn an_even_sensor_is_silent_exactly_three_intervals_after_its_last_word() {
    let mut scene = Scene::new(site());
    for i in 0..10 {
        scene.radar(t(1.5 + 2.0 * f64::from(i)), Vec::new());
    }
    scene.tick(t(100.0));
    assert_eq!(told(&scene), [(1.5, Health::Live), (25.5, Health::Silent)]);
}

#[test]
fn words_that_come_unevenly_are_no_silence_and_their_end_is() {
    let mut scene = Scene::new(site());
    let words = late(600, 12.0);
    let over = words.windows(2).filter(|w| w[1] - w[0] > 6.0).count();
    assert!(over > 10, "{over} pauses of more than three intervals");
    for at in &words {
        scene.radar(t(*at), Vec::new());
    }
    assert!(silences(&scene).is_empty(), "{:?}", told(&scene));
    let last = *words.last().unwrap();
    scene.tick(t(last + 100.0));
    let after = silences(&scene)[0] - last;
    assert!((6.0..=20.0).contains(&after), "told after {after} s");
}

#[test]
fn a_little_jitter_delays_no_silence() {
    let mut scene = Scene::new(site());
    let words = late(100, 1.0);
    words.iter().for_each(|at| scene.radar(t(*at), Vec::new()));
    let last = *words.last().unwrap();
    scene.tick(t(last + 100.0));
    assert_eq!(silences(&scene), [t(last + 6.0).since(t(0.0)).as_seconds_f64()]);
}

#[test]
fn the_first_words_may_come_as_they_will() {
    let mut scene = Scene::new(site());
    for at in [9.0, 10.0, 18.0, 19.0, 27.5, 28.0] {
        scene.radar(t(at), Vec::new());
    }
    assert_eq!(told(&scene), [(9.0, Health::Live)]);
    // But who says nothing at all is told, and what it usually takes was waited for.
    let mut site = site();
    site.sensors[0].latency = Some(Span::from_seconds(3));
    let mut scene = Scene::new(site);
    scene.tick(t(100.0));
    assert_eq!(told(&scene), [(15.0, Health::Silent)]);
}

#[test]
fn who_pauses_again_and_again_is_told_at_most_twice_and_is_live_as_it_speaks() {
    let mut scene = Scene::new(site());
    let mut at = 0.0;
    for _ in 0..40 {
        for _ in 0..3 {
            scene.radar(t(at), Vec::new());
            at += 2.0;
        }
        at += 8.0;
        scene.tick(t(at));
    }
    let told = told(&scene);
    assert!(silences(&scene).len() <= 2, "{told:?}");
    for pair in told.windows(2).filter(|p| p[0].1 == Health::Silent) {
        assert_eq!(pair[1].1, Health::Live);
        assert!(pair[1].0 - pair[0].0 < 10.0, "{pair:?}");
    }
    // One that speaks once in ten of its intervals and more is gone each time, however often it did so.
    for _ in 0..5 {
        at += 21.0;
        scene.radar(t(at), Vec::new());
    }
    assert!(silences(&scene).len() >= 5, "{:?}", silences(&scene));
}

#[test]
fn an_outage_and_a_link_that_was_down_teach_no_patience() {
    let mut scene = Scene::new(site());
    let mut at = 0.0;
    for _ in 0..20 {
        for _ in 0..8 {
            scene.radar(t(at), Vec::new());
            at += 2.0;
        }
        let down = Link::Down { why: "cable".into() };
        scene.input(t(at), Input::Link { input: input("in-radar"), link: down });
        at += 12.0;
        scene.input(t(at), Input::Link { input: input("in-radar"), link: Link::Up });
    }
    scene.radar(t(at), Vec::new());
    scene.radar(t(at + 60.0), Vec::new());
    scene.tick(t(at + 100.0));
    let last = silences(&scene);
    assert_eq!(last[last.len() - 2..], [at + 6.0, at + 66.0]);
}

#[test]
fn another_configuration_forgets_the_rhythm_only_with_the_interval() {
    let configured = |interval_s: i64| {
        let mut scene = Scene::new(site());
        late(200, 12.0).iter().for_each(|at| scene.radar(t(*at), Vec::new()));
        let mut site = site();
        site.sensors[0].interval = Span::from_seconds(interval_s);
        let last = scene.inputs.last().unwrap().0;
        scene.input(last, Input::Configure(Box::new(site)));
        scene.tick(last + Span::from_seconds(100));
        silences(&scene)[0] - last.since(t(0.0)).as_seconds_f64()
    };
    assert!(configured(2) > 12.5, "as uneven as before: {}", configured(2));
    assert!((configured(1) - 6.0).abs() < 1e-6, "nothing is known of it: {}", configured(1));
}
