//! Alerts from the first prediction to the last word.

use super::*;
use lapwing_model::*;

/// A radar drone that flies south at 10 m/s towards the yard from 900 m north, one plot every 2 s.
fn approach(scene: &mut Scene, from_s: f64, to_s: f64, place: impl Fn(f64) -> (f64, f64), class: Option<Class>) {
    let mut s = from_s;
    while s <= to_s {
        let (east, north) = place(s);
        let mut p = plot(east, north, 60.0);
        p.classification = class.map(|c| Classification::single(c, 0.9));
        scene.radar(t(s), vec![p]);
        s += 2.0;
    }
}

fn changes(scene: &Scene) -> Vec<&Alert> {
    scene
        .events
        .iter()
        .filter_map(|e| match &e.body {
            EventBody::AlertChanged { alert } => Some(&**alert),
            _ => None,
        })
        .collect()
}

#[test]
fn one_crossing_is_one_alert_from_warning_to_cleared() {
    let mut scene = Scene::new(site());
    // Through the yard (border at 200 m, 70 s) and out again on the other side at 110 s.
    approach(&mut scene, 0.0, 180.0, |s| (0.0, 900.0 - 10.0 * s), Some(Class::Multirotor));
    let alerts = scene.alerts();
    assert_eq!(alerts.len(), 1, "{alerts:#?}");
    let alert = &alerts[0];
    assert_eq!((alert.state, alert.severity), (AlertState::Cleared, Severity::Critical));
    let history = changes(&scene);
    let first = history[0];
    println!("{}", first.headline);
    assert_eq!((first.state, first.severity), (AlertState::Raised, Severity::Warning));
    assert!(
        first.headline.as_str().starts_with("Unidentified drone will cross Prison yard in ")
            || first.headline.as_str().starts_with("Unidentified drone will enter Prison yard in "),
        "{}",
        first.headline
    );
    assert!(first.headline.as_str().contains(" m north"), "{}", first.headline);
    // Raised about a minute before the entry at 70 s; predicted well.
    assert!((9.0..30.0).contains(&first.raised_at.since(t(0.0)).as_seconds_f64()), "{}", first.raised_at);
    let predicted = first.reason.entry_predicted_at.unwrap().since(t(0.0)).as_seconds_f64();
    assert!((predicted - 70.0).abs() < 12.0, "{predicted}");
    let last_before = history.iter().rfind(|a| a.reason.entered_at.is_none()).unwrap();
    let predicted = last_before.reason.entry_predicted_at.unwrap().since(t(0.0)).as_seconds_f64();
    assert!((predicted - 70.0).abs() < 3.0, "{predicted}");
    let entered = alert.reason.entered_at.unwrap().since(t(0.0)).as_seconds_f64();
    assert!((entered - 70.0).abs() < 4.0, "{entered}");
    assert!(alert.steps.iter().any(|s| s.note.as_ref().is_some_and(|n| n.as_str().contains("first predicted for"))));
    assert!(!alert.entries.is_empty(), "an alert can name the journal entries it came from");
    assert!(changes(&scene).len() < 60, "prediction changes are limited: {}", changes(&scene).len());
}

#[test]
fn trembling_on_the_border_is_one_alert() {
    let mut scene = Scene::new(site());
    approach(
        &mut scene,
        0.0,
        240.0,
        |s| (0.0, (900.0 - 10.0 * s).max(200.0) + 15.0 * libm::sin(s)),
        Some(Class::Drone),
    );
    assert_eq!(scene.alerts().len(), 1);
    let steps = scene.alerts()[0].steps.len();
    assert!(steps <= 8, "few steps, not one a second: {steps}");
    assert_ne!(scene.alerts()[0].state, AlertState::Cleared);
}

#[test]
fn one_lost_inside_is_not_cleared_at_once() {
    let mut scene = Scene::new(site());
    approach(&mut scene, 0.0, 80.0, |s| (0.0, 900.0 - 10.0 * s), Some(Class::Drone));
    // The radar goes on turning and sees nothing more.
    for s in 41..50 {
        scene.radar(t(f64::from(s) * 2.0), Vec::new());
    }
    let alert = &scene.alerts()[0];
    assert_eq!((alert.state, alert.severity), (AlertState::Raised, Severity::Critical));
    assert!(alert.headline.as_str().to_lowercase().contains("lost from sight"), "{}", alert.headline);
    scene.tick(t(120.0));
    assert_ne!(scene.alerts()[0].state, AlertState::Cleared, "{:#?}", scene.alerts()[0]);
    scene.tick(t(180.0));
    let alert = &scene.alerts()[0];
    assert_eq!(alert.state, AlertState::Cleared);
    // At the first whole second a minute after it was last seen at 80 s.
    assert_eq!(alert.steps.last().unwrap().at, t(140.0));
    assert_eq!(scene.picture.deadline().map(|d| d > t(180.0)), None, "nothing is left to do");
}

#[test]
fn an_acknowledged_alert_stays_live_and_a_cleared_one_refuses() {
    let mut scene = Scene::new(site());
    approach(&mut scene, 0.0, 60.0, |s| (0.0, 900.0 - 10.0 * s), Some(Class::Drone));
    let id = scene.alerts()[0].id;
    let command =
        |alert| Command { by: "guard".into(), order: Order::AcknowledgeAlert { alert, note: Some("seen".into()) } };
    assert_eq!(scene.picture.check_command(&command(AlertId(99))), Err(CommandRefusal::UnknownAlert(AlertId(99))));
    assert_eq!(scene.picture.check_command(&command(id)), Ok(()));
    scene.input(t(60.5), Input::Command(command(id)));
    let alert = changes(&scene).last().copied().unwrap().clone();
    assert_eq!(alert.state, AlertState::Acknowledged);
    assert_eq!(alert.steps.last().unwrap().by.as_ref().unwrap().as_str(), "guard");
    // It enters: still the same alert, but who saw the warning has not seen the entry.
    approach(&mut scene, 62.0, 80.0, |s| (0.0, 900.0 - 10.0 * s), Some(Class::Drone));
    assert_eq!(scene.alerts().len(), 1);
    assert_eq!((scene.alerts()[0].state, scene.alerts()[0].severity), (AlertState::Raised, Severity::Critical));
    let noted = |a: &Alert| {
        a.steps
            .iter()
            .any(|s| s.note.as_ref().is_some_and(|n| n.as_str().contains("was acknowledged as a warning; now inside")))
    };
    assert!(noted(&scene.alerts()[0]), "{:#?}", scene.alerts()[0].steps);
    scene.input(t(80.5), Input::Command(command(id)));
    assert_eq!(scene.alerts()[0].state, AlertState::Acknowledged);
    approach(&mut scene, 82.0, 160.0, |s| (0.0, 900.0 - 10.0 * s), Some(Class::Drone));
    assert_eq!(scene.picture.check_command(&command(id)), Err(CommandRefusal::AlertCleared(id)));
}

#[test]
fn birds_pass_and_tentative_tracks_wait() {
    let mut scene = Scene::new(site());
    approach(&mut scene, 0.0, 100.0, |s| (0.0, 900.0 - 10.0 * s), Some(Class::Bird));
    assert!(scene.alerts().is_empty());
    let mut scene = Scene::new(site());
    scene.radar(t(0.0), vec![plot(0.0, 0.0, 60.0)]);
    scene.tick(t(1.0));
    assert!(scene.alerts().is_empty(), "a single plot inside is not an aircraft yet");
}

#[test]
fn a_claim_alone_alerts_and_a_friendly_name_does_not_silence_it() {
    let mut friendly = site();
    friendly.authorised = vec![AuthorisedFlight {
        name: Name { kind: NameKind::Serial, value: "1588E040445AC004418".into() },
        area: None,
        from: None,
        to: None,
    }];
    for (site, severities) in
        [(site(), [Severity::Warning, Severity::Critical]), (friendly.clone(), [Severity::Notice, Severity::Warning])]
    {
        let mut scene = Scene::new(site);
        let mut seen = Vec::new();
        for s in 0..75 {
            let mut claim =
                rid("02:00:00:00:00:01", Some("1588E040445AC004418"), Some(at(0.0, 900.0 - 10.0 * f64::from(s))));
            (claim.speed_mps, claim.course_rad) = (Some(10.0), Some(lapwing_model::math::PI));
            scene.claim(t(f64::from(s)), claim);
            seen.extend(scene.alerts().first().map(|a| a.severity));
        }
        seen.dedup();
        assert_eq!(seen, severities);
        assert_eq!(scene.one().identity.status, IdentityStatus::Claimed);
    }
    // Seen by the radar as well, the friend is authorised, and the rule lets it pass.
    let mut scene = Scene::new(friendly);
    for s in 0..40 {
        let (s, north) = (f64::from(s), 900.0 - 20.0 * f64::from(s));
        if s % 2.0 == 0.0 {
            scene.radar(t(s), vec![plot(0.0, north, 60.0)]);
        }
        let mut claim = rid("02:00:00:00:00:01", Some("1588E040445AC004418"), Some(at(0.0, north)));
        (claim.speed_mps, claim.course_rad) = (Some(20.0), Some(lapwing_model::math::PI));
        scene.claim(t(s + 0.5), claim);
    }
    assert_eq!(scene.one().identity.status, IdentityStatus::Authorised);
    assert!(scene.alerts().iter().all(|a| a.state == AlertState::Cleared), "{:#?}", scene.alerts());
}

#[test]
fn a_changed_configuration_clears_the_alerts_of_zones_that_are_gone() {
    let mut scene = Scene::new(site());
    approach(&mut scene, 0.0, 60.0, |s| (0.0, 900.0 - 10.0 * s), Some(Class::Drone));
    assert_eq!(scene.alerts()[0].state, AlertState::Raised);
    scene.input(t(61.0), Input::Configure(Box::new(Site { zones: Vec::new(), ..site() })));
    assert_eq!(scene.alerts()[0].state, AlertState::Cleared);
}
