use super::*;
use crate::columns::decode;
use crate::testing;
use lapwing_model::{Phase, TrackId};
use std::collections::BTreeMap;

/// What a reader holds: rows by id, without the ages it counts on itself.
type Held = BTreeMap<u64, Row>;

fn apply(held: &mut Held, bytes: &[u8]) {
    let frame = decode(bytes).unwrap();
    if frame.kind == Kind::Snapshot {
        held.clear();
    }
    for row in frame.rows {
        held.insert(row.id, Row { age_ds: 0, ..row });
    }
    for id in frame.removed {
        assert!(held.remove(&id).is_some(), "{id} was removed and never there");
    }
}

fn published(number: u64, snapshot: Snapshot, before: &[Entry]) -> Published {
    Published::new(number, Arc::new(snapshot), before)
}

/// A simple fixed sequence (Knuth's MMIX constants): the test needs variety, not chance.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

#[test]
fn a_snapshot_and_all_deltas_give_the_latest_snapshot_always() {
    let mut numbers = Numbers(1);
    let mut tracks: BTreeMap<u64, Track> = BTreeMap::new();
    let mut held = Held::new();
    let mut entries: Vec<Entry> = Vec::new();
    for round in 0..300 {
        for _ in 0..numbers.below(6) {
            let id = numbers.below(40);
            match numbers.below(3) {
                0 => {
                    tracks.remove(&id);
                }
                1 => {
                    tracks.insert(id, testing::track(id));
                }
                _ => {
                    if let Some(track) = tracks.get_mut(&id) {
                        track.kinematics.place.latitude_deg += 1e-4;
                        track.last_at = testing::time(10 + round);
                    }
                }
            }
        }
        let next = published(0, testing::snapshot(10 + round, tracks.values().cloned().collect(), vec![]), &entries);
        apply(&mut held, &next.delta);
        let mut full = Held::new();
        apply(&mut full, &next.full());
        assert_eq!(held, full, "round {round}");
        assert_eq!(full.len(), tracks.len());
        entries.clone_from(&next.entries);
    }
}

#[test]
fn only_what_changed_is_in_a_delta_and_age_alone_is_no_change() {
    let all = |seconds, tracks| testing::snapshot(seconds, tracks, vec![]);
    let first = published(0, all(10, vec![testing::track(1), testing::track(2), testing::track(3)]), &[]);
    let second = published(1, all(20, vec![testing::track(1), testing::track(2), testing::track(3)]), &first.entries);
    let frame = decode(&second.delta).unwrap();
    assert_eq!((frame.rows.len(), frame.removed.len()), (0, 0), "a heartbeat");
    assert_eq!(frame.time, testing::time(20));
    let mut moved = testing::track(2);
    moved.phase = Phase::Coasting;
    let third = published(2, all(30, vec![moved, testing::track(4)]), &second.entries);
    let frame = decode(&third.delta).unwrap();
    assert_eq!(frame.rows.iter().map(|r| r.id).collect::<Vec<_>>(), [2, 4]);
    assert_eq!(frame.removed, [1, 3]);
    assert_eq!(frame.rows[0].age_ds, 200, "20 s old at the frame's time");
    assert_eq!(decode(&second.full()).unwrap().rows[0].age_ds, 100);
}

#[test]
fn alerts_mark_their_tracks_until_they_are_cleared() {
    let flags = |alerts| {
        let first = published(0, testing::snapshot(10, vec![testing::track(1), testing::track(2)], alerts), &[]);
        decode(&first.full()).unwrap().rows.iter().map(|r| r.flags & (FLAG_ALERT | FLAG_CRITICAL)).collect::<Vec<_>>()
    };
    assert_eq!(flags(vec![testing::alert(1, 2, AlertState::Raised)]), [0, FLAG_ALERT | FLAG_CRITICAL]);
    assert_eq!(flags(vec![testing::alert(1, 2, AlertState::Cleared)]), [0, 0]);
    let notice = Severity::Notice;
    let alerts = vec![lapwing_model::Alert { severity: notice, ..testing::alert(1, 1, AlertState::Acknowledged) }];
    assert_eq!(flags(alerts), [FLAG_ALERT, 0]);
}

#[test]
fn unknown_values_are_not_a_number_on_the_wire() {
    let only = published(0, testing::snapshot(10, vec![testing::bare_track(1), testing::track(2)], vec![]), &[]);
    let rows = decode(&only.full()).unwrap().rows;
    assert_eq!((rows[0].height_ellipsoid_m, rows[0].altitude_msl_m, rows[0].speed_mps), (None, None, None));
    assert_eq!(rows[0].flags & columns::FLAG_HEIGHT_KNOWN, 0);
    assert_eq!((rows[1].height_ellipsoid_m, rows[1].altitude_msl_m), (Some(540.5), None));
    assert_eq!(rows[1].flags & columns::FLAG_HEIGHT_KNOWN, columns::FLAG_HEIGHT_KNOWN);
}

fn drain(messages: &mut broadcast::Receiver<Utf8Bytes>) -> Vec<serde_json::Value> {
    let mut all = Vec::new();
    while let Ok(text) = messages.try_recv() {
        all.push(serde_json::from_str(&text).unwrap());
    }
    all
}

#[test]
fn labels_are_told_once_and_forgotten_with_their_track() {
    let (_, snapshots) = watch::channel(Arc::new(testing::snapshot(10, vec![], vec![])));
    let (events, _) = broadcast::channel(4);
    let (mut hub, _published, control) = Hub::new(snapshots, events.subscribe(), Arc::default());
    let mut messages = control.upgrade().unwrap().subscribe();
    let tracks = vec![testing::track(1), testing::bare_track(2)];
    hub.relabel(&testing::snapshot(11, tracks.clone(), vec![]));
    let told = drain(&mut messages);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["tracks"].as_array().unwrap().len(), 1, "a track without a name has none to tell");
    assert_eq!(told[0]["tracks"][0]["id"], "T1");
    assert_eq!(told[0]["tracks"][0]["label"], "SERIAL1");
    assert_eq!(told[0]["tracks"][0]["status"], "claimed");
    hub.relabel(&testing::snapshot(12, tracks, vec![]));
    assert!(drain(&mut messages).is_empty());
    let mut changed = testing::track(1);
    changed.identity.status = IdentityStatus::Contradicted;
    hub.relabel(&testing::snapshot(13, vec![changed], vec![]));
    assert_eq!(drain(&mut messages)[0]["tracks"][0]["status"], "contradicted");
    hub.relabel(&testing::snapshot(14, vec![], vec![]));
    assert!(hub.labels.is_empty());
}

#[test]
fn the_state_names_only_the_parts_that_changed() {
    let (_, snapshots) = watch::channel(Arc::new(testing::snapshot(10, vec![], vec![])));
    let (events, _) = broadcast::channel(4);
    let (mut hub, _published, control) = Hub::new(snapshots, events.subscribe(), Arc::default());
    let mut messages = control.upgrade().unwrap().subscribe();
    hub.restate(&Arc::new(testing::snapshot(11, vec![], vec![])));
    assert!(drain(&mut messages).is_empty(), "nothing but the time changed");
    hub.restate(&Arc::new(testing::snapshot(12, vec![], vec![testing::alert(1, 1, AlertState::Raised)])));
    let told = drain(&mut messages);
    assert_eq!(told[0]["alerts"][0]["id"], "A1");
    assert!(told[0].get("sensors").is_none() && told[0].get("inputs").is_none());
    let mut busier = testing::snapshot(13, vec![], vec![testing::alert(1, 1, AlertState::Raised)]);
    busier.inputs[0].ledger.received += 1;
    hub.restate(&Arc::new(busier));
    let told = drain(&mut messages);
    assert_eq!(told[0]["inputs"][0]["ledger"]["received"], 101);
    assert!(told[0].get("alerts").is_none());
}

#[test]
fn events_of_single_tracks_are_not_told_and_not_kept() {
    let (_, snapshots) = watch::channel(Arc::new(testing::snapshot(10, vec![], vec![])));
    let (events, _) = broadcast::channel(4);
    let ring = Arc::new(Mutex::new(Ring::default()));
    let (mut hub, _published, control) = Hub::new(snapshots, events.subscribe(), Arc::clone(&ring));
    let mut messages = control.upgrade().unwrap().subscribe();
    let of = |sequence, body| Arc::new(Event { sequence, at: testing::time(11), cause: None, body });
    let track = Box::new(testing::track(1));
    hub.happened(&of(0, EventBody::TrackBegan { track: track.clone() }));
    hub.happened(&of(1, EventBody::TrackUpdated { track }));
    hub.happened(&of(2, EventBody::TrackEnded { track: TrackId(1), why: AirText::new("not seen for 30 s") }));
    let told = drain(&mut messages);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["event"]["event"], "track_ended");
    assert_eq!(told[0]["event"]["sequence"], 2);
    let kept: Vec<u64> = ring.lock().unwrap().since(Some(0), 10).events.iter().map(|e| e.sequence).collect();
    assert_eq!(kept, [0, 2]);
}

/// What the hub does for every client together, at the rated load, must leave the processor to the tracker: five times
/// a second at most, so 40 ms would be a fifth of one core. (Unoptimised test builds are the slow case.)
#[test]
fn ten_thousand_tracks_are_compared_and_encoded_in_time() {
    let all = |shift: f64| {
        let mut tracks: Vec<Track> = (0..10_000).map(testing::track).collect();
        tracks.iter_mut().for_each(|t| t.kinematics.place.latitude_deg += shift);
        testing::snapshot(10, tracks, vec![])
    };
    let first = published(0, all(0.0), &[]);
    let next = all(1e-3);
    let begun = Instant::now();
    let second = published(1, next, &first.entries);
    let took = begun.elapsed();
    println!(
        "10,000 tracks, all moved: {took:?}, delta {} bytes, snapshot {} bytes",
        second.delta.len(),
        second.full().len()
    );
    assert_eq!(decode(&second.delta).unwrap().rows.len(), 10_000);
    assert!(second.delta.len() < 500_000);
    assert!(took < Duration::from_millis(40), "{took:?}");
}

#[tokio::test]
async fn a_hub_that_missed_events_says_so_and_tells_the_complete_state() {
    let alerts = vec![testing::alert(1, 1, AlertState::Raised)];
    let (_keep, snapshots) = watch::channel(Arc::new(testing::snapshot(10, vec![], alerts)));
    let (events, _) = broadcast::channel(4);
    let ring = Arc::new(Mutex::new(Ring::default()));
    let (hub, _published, control) = Hub::new(snapshots, events.subscribe(), Arc::clone(&ring));
    let mut messages = control.upgrade().unwrap().subscribe();
    for sequence in 0..10 {
        let body = EventBody::TrackEnded { track: TrackId(sequence), why: AirText::new("not seen") };
        events.send(Arc::new(Event { sequence, at: testing::time(11), cause: None, body })).unwrap();
    }
    let (stop, stopping) = watch::channel(false);
    let running = tokio::spawn(hub.run(stopping));
    let mut told: Vec<serde_json::Value> = Vec::new();
    while told.len() < 6 {
        told.push(serde_json::from_str(&messages.recv().await.unwrap()).unwrap());
    }
    stop.send(true).unwrap();
    running.await.unwrap();
    assert_eq!((&told[0]["type"], &told[0]["events"]), (&"lost".into(), &6.into()));
    assert_eq!(told[1]["type"], "state");
    assert_eq!(told[1]["alerts"][0]["id"], "A1");
    let rest: Vec<u64> = told[2..].iter().map(|m| m["event"]["sequence"].as_u64().unwrap()).collect();
    assert_eq!(rest, [6, 7, 8, 9]);
    assert!(!ring.lock().unwrap().since(Some(0), 100).complete);
}
