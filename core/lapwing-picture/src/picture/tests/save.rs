//! A picture that was saved and restored goes on to the byte as the one that was not.

use super::*;
use lapwing_model::*;
use proptest::prelude::*;

/// What a run says from input number `cut` on, restored there from what was saved.
fn resumed(inputs: &[(Time, Option<Position>, Input)], config: &Config, cut: usize) -> String {
    let mut picture = Picture::tuned(two_radars(), t(0.0), 0, config.clone());
    for (now, position, input) in &inputs[..cut] {
        picture.handle(*now, *position, input.clone());
        while picture.poll().is_some() {}
    }
    let saved = picture.save(Vec::new()).unwrap();
    let mut back = Picture::restore(&saved, config.clone()).unwrap();
    assert_eq!(back.save(Vec::new()).unwrap(), saved, "saved again it is the same");
    assert_eq!(back.snapshot(), picture.snapshot());
    assert_eq!(back.deadline(), picture.deadline());
    let (mut here, mut there) = (String::new(), String::new());
    for (now, position, input) in &inputs[cut..] {
        for (picture, out) in [(&mut picture, &mut here), (&mut back, &mut there)] {
            picture.handle(*now, *position, input.clone());
            while let Some(event) = picture.poll() {
                out.push_str(&(serde_json::to_string(&event).unwrap() + "\n"));
            }
        }
    }
    assert_eq!(back.save(Vec::new()).unwrap(), picture.save(Vec::new()).unwrap(), "cut at {cut}");
    assert_eq!(here, there, "cut at {cut}");
    there
}

/// A second radar beside the first: what each has looked for, the other does not expect.
fn two_radars() -> Site {
    let mut site = site();
    let id = sensor_id("radar-2");
    site.sensors.push(Sensor { id: id.clone(), ..site.sensors[0].clone() });
    site.inputs.push(site::InputInfo { id: input("in-radar-2"), sensor: id, ..site.inputs[0].clone() });
    site
}

/// [`busy`], and the minute and a half after it in which everything ends.
fn busy_to_the_end(lateness: &[f64], config: Config) -> Scene {
    let mut scene = busy_with(lateness, config);
    scene.tick(t(lateness.len() as f64 * 0.5 + 90.0));
    scene
}

/// A minute of everything: two aircraft that cross before the radar, one by Remote ID, late plots and claims, an alert that
/// is acknowledged, a link that goes down, a new configuration.
fn busy(lateness: &[f64]) -> Scene {
    busy_with(lateness, Config::default())
}

fn busy_with(lateness: &[f64], config: Config) -> Scene {
    let mut scene = Scene::tuned(two_radars(), config);
    for (i, late_s) in lateness.iter().enumerate() {
        let s = i as f64 * 0.5;
        let measured = t(s - late_s);
        let mut claim =
            rid("02:00:00:00:00:01", Some("1588E040445AC004418"), Some(at(0.0, 900.0 - 20.0 * (s - late_s))));
        (claim.speed_mps, claim.course_rad) = (Some(20.0), Some(lapwing_model::math::PI));
        claim.measured_at = Some(measured);
        scene.claim(t(s), claim);
        scene.claim(t(s + 0.05), adsb("4b1234", at(60.0 * s, 20_000.0)));
        if i % 4 == 0 {
            let flown = s - 0.3;
            let seen = [
                plot(0.0, 900.0 - 20.0 * flown, 60.0),
                plot(-400.0 + 15.0 * flown, 1_500.0, 80.0),
                plot(400.0 - 15.0 * flown, 1_504.0, 80.0),
                plot(3_000.0, -2_000.0 + 100.0 * f64::from((i % 16) as u32), 100.0),
            ];
            scene.radar(t(s + 0.3), seen.to_vec());
        }
        if i % 4 == 2 {
            let seen = [plot(-400.0 + 15.0 * s, 1_500.0, 80.0), plot(2_000.0, 2_500.0 - 12.0 * s, 90.0)];
            let mut reports: Vec<Report> = seen.into_iter().map(Report::Plot).collect();
            reports.push(scan_header(2));
            scene.reports(t(s + 0.32), "in-radar-2", reports);
        }
        if i % 3 == 0 {
            let mut seen = plot(0.0, 900.0 - 20.0 * (s - late_s), 60.0);
            seen.measured_at = Some(measured);
            scene.reports(t(s + 0.35), "in-radar", vec![Report::Plot(seen)]);
        }
        if i == 70 {
            let raised = scene.alerts().first().map_or(AlertId(1), |a| a.id);
            let order = Order::AcknowledgeAlert { alert: raised, note: Some("seen".into()) };
            scene.input(t(s + 0.4), Input::Command(Command { by: "guard".into(), order }));
            let link = Link::Down { why: "cable".into() };
            scene.input(t(s + 0.4), Input::Link { input: input("in-adsb"), link });
        }
        if i == 90 {
            scene.input(t(s + 0.45), Input::Configure(Box::new(Site { name: "Again".into(), ..two_radars() })));
        }
    }
    scene
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]
    #[test]
    fn restored_anywhere_it_goes_on_to_the_byte(
        lateness in proptest::collection::vec(prop_oneof![Just(0.0), 0.0..4.5f64], 110),
        cuts in proptest::collection::vec(0.0..1.0f64, 4),
        // Also while looks wait for others.
        gather_ms in prop::sample::select(vec![0i64, 5, 60]),
    ) {
        let config = Config { gather: Span::from_millis(gather_ms), ..Config::default() };
        let scene = busy_to_the_end(&lateness, config.clone());
        prop_assert!(!scene.alerts().is_empty());
        let whole = scene.bytes();
        for cut in cuts {
            let cut = (cut * scene.inputs.len() as f64) as usize;
            let rest = resumed(&scene.inputs, &config, cut);
            prop_assert!(whole.ends_with(&rest), "cut at {}", cut);
        }
    }
}

#[test]
fn bytes_that_are_no_picture_are_refused() {
    let scene = busy(&[0.0; 20]);
    let saved = scene.picture.save(Vec::new()).unwrap();
    for length in (0..saved.len()).step_by(97) {
        assert!(Picture::restore(&saved[..length], Config::default()).is_err(), "cut to {length}");
    }
    let longer = [saved.as_slice(), &[0]].concat();
    assert!(Picture::restore(&longer, Config::default()).is_err());
}

#[test]
fn events_that_wait_are_not_lost_in_a_save() {
    let mut scene = busy(&[0.0; 8]);
    scene.picture.handle(t(90.0), None, Input::Tick);
    assert!(scene.picture.save(Vec::new()).is_err());
    while scene.picture.poll().is_some() {}
    assert!(scene.picture.save(Vec::new()).is_ok());
}

#[test]
fn after_a_restart_tracks_go_on_and_nobody_has_been_heard() {
    let scene = busy(&[0.0; 60]);
    let saved = scene.picture.save(Vec::new()).unwrap();
    let before = scene.picture.snapshot();
    let mut back = Picture::restore(&saved, Config::default()).unwrap();
    back.handle(t(31.0), None, Input::Restart { site: Box::new(site()), first: 500, faults: Vec::new() });
    while back.poll().is_some() {}
    let after = back.snapshot();
    let ids = |s: &Snapshot| s.tracks.iter().map(|t| t.id).collect::<Vec<_>>();
    assert_eq!(ids(&after), ids(&before));
    assert_eq!(
        after.alerts.iter().map(|a| (a.id, a.state)).collect::<Vec<_>>(),
        before.alerts.iter().map(|a| (a.id, a.state)).collect::<Vec<_>>()
    );
    assert!(after.inputs.iter().all(|i| i.link == Link::Starting));
    assert!(after.sensors.iter().all(|s| s.health == snapshot::Health::Waiting), "{:?}", after.sensors);
    // What is new has a number beyond every one that may have been given.
    back.handle(t(40.0), None, Input::Tick);
    let mut newcomer = Scene { picture: back, inputs: Vec::new(), events: Vec::new() };
    for s in 0..6 {
        newcomer.claim(t(41.0 + f64::from(s)), rid("02:00:00:00:00:09", Some("NEW1"), Some(at(1_000.0, 3_000.0))));
    }
    let newest = newcomer.tracks().into_iter().map(|t| t.id.0).max();
    assert!(newest.is_some_and(|id| id > 500), "{newest:?}");
    // And time that passed meanwhile has passed: nothing is left of what nobody saw for five minutes.
    newcomer.tick(t(400.0));
    assert!(newcomer.tracks().is_empty());
}
