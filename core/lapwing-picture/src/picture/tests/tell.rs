//! Tracks are told of some at a time, and that shows in nothing but memory.

use super::*;
use lapwing_model::*;

const AIRCRAFT: usize = 100;

/// Every second each of many aircraft says where it is; some fly on a radar too, one of them through the yard.
fn crowd() -> Scene {
    let mut scene = Scene::new(site());
    for second in 0..12 {
        let s = f64::from(second);
        for i in 0..AIRCRAFT {
            let (row, column) = ((i / 10) as f64, (i % 10) as f64);
            let place = at(2_000.0 + 500.0 * column, 600.0 * row + 10.0 * s);
            scene.claim(t(s + 0.001 * i as f64), adsb(&format!("4b{i:04x}"), place));
        }
        if second % 2 == 0 {
            scene.radar(t(s + 0.5), vec![plot(0.0, 600.0 - 40.0 * s, 80.0), plot(-900.0, 900.0 + 10.0 * s, 60.0)]);
        }
    }
    // Longer than anything lives: every deadline of these minutes comes in one step.
    scene.tick(t(200.0));
    scene
}

#[test]
fn events_are_the_same_when_each_deadline_is_polled_by_itself() {
    let scene = crowd();
    let mut other = Scene::new(site());
    // Seconds in which every aircraft was told of, and no more events were made at a time than a part of that.
    let mut in_parts = 0;
    for (now, position, input) in &scene.inputs {
        while let Some(due) = other.picture.deadline().filter(|due| due <= now) {
            other.picture.handle(due, None, Input::Tick);
            let (mut told, mut most) = (0, 0);
            while let Some(event) = other.picture.poll() {
                told += usize::from(matches!(event.body, EventBody::TrackUpdated { .. }));
                most = most.max(other.picture.events.len());
                other.events.push(event);
            }
            in_parts += usize::from(told >= AIRCRAFT && most < AIRCRAFT / 4);
        }
        other.picture.handle(*now, *position, input.clone());
        other.events.extend(std::iter::from_fn(|| other.picture.poll()));
    }
    assert!(in_parts >= 8, "{in_parts}");
    assert!(other.events.iter().any(|e| matches!(e.body, EventBody::AlertChanged { .. })));
    assert!(other.bytes() == scene.bytes(), "the same events, to the byte");
}

#[test]
fn what_is_not_polled_is_not_lost_and_keeps_its_time() {
    let scene = crowd();
    let mut other = Scene::new(site());
    // Stopped in the middle of a second, and let wait until the next thing comes.
    for (now, position, input) in &scene.inputs {
        if let Some(due) = other.picture.deadline().filter(|due| due <= now) {
            other.picture.handle(due, None, Input::Tick);
            other.events.extend(other.picture.poll());
        }
        other.picture.handle(*now, *position, input.clone());
        other.events.extend(other.picture.poll());
    }
    other.events.extend(std::iter::from_fn(|| other.picture.poll()));
    assert!(other.bytes() == scene.bytes(), "the same events, to the byte");
}

#[test]
fn a_picture_in_the_middle_of_telling_is_not_saved() {
    let mut picture = Picture::new(site(), t(0.0));
    let scene = crowd();
    let mut refused = 0;
    for (now, position, input) in scene.inputs.into_iter().take(5 * AIRCRAFT) {
        while let Some(due) = picture.deadline().filter(|due| *due <= now) {
            picture.handle(due, None, Input::Tick);
            if picture.events.is_empty() && picture.telling.is_some() {
                assert!(picture.save(Vec::new()).is_err());
                refused += 1;
            }
            while picture.poll().is_some() {}
            assert!(picture.save(Vec::new()).is_ok());
        }
        picture.handle(now, position, input);
        while picture.poll().is_some() {}
    }
    assert!(refused > 0);
}
