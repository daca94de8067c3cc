//! What the journal holds is the run: replaying it gives the same events, to the last bit, after an orderly stop and
//! after a crash.

use crate::mix::{INPUTS, Mix};
use crate::support::{Folder, Server, claim, free_port, http, input, json, run, run_well, sum, text, until};
use lapwing_journal::{Entry, Reader};
use lapwing_model::{Span, Time};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Replays the journal of `folder` and gives a summary a run.
fn replay(folder: &Folder) -> Vec<Value> {
    let journal = folder.file("journal").display().to_string();
    let output = run_well(&["replay", "--json", &journal]);
    text(&output.stdout).lines().map(|line| json(line.as_bytes())).collect()
}

/// Replays twice; every run in the journal is the one that was, and both replays are one.
fn identical(folder: &Folder) -> Vec<Value> {
    let (first, second) = (replay(folder), replay(folder));
    assert_eq!(first.len(), second.len());
    for (a, b) in first.iter().zip(&second) {
        assert_eq!(a["identical"], true, "{a}");
        assert!(a["compared"].as_u64() <= a["events"].as_u64(), "{a}");
        assert_eq!(a["events_sha256"].as_str().unwrap().len(), 64);
        assert_eq!((&a["events_sha256"], &a["events"]), (&b["events_sha256"], &b["events"]));
        assert_eq!(a, b);
    }
    first
}

fn play_for(mix: &mut Mix, time: Duration) -> std::io::Result<()> {
    let end = Instant::now() + time;
    while Instant::now() < end {
        mix.round()?;
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

#[test]
fn a_replay_is_the_run_and_the_books_balance_to_the_message() {
    let folder = Folder::new();
    let (server, mut mix) = Mix::start(&folder);
    play_for(&mut mix, Duration::from_secs(2)).unwrap();
    let alert = until("an alert", || {
        mix.round().unwrap();
        server.get("alerts?state=raised")["alerts"].as_array().unwrap().first().cloned()
    });
    let path = format!("alerts/{}/acknowledge", alert["id"].as_str().unwrap());
    let (status, answer) = server.post(&path, &serde_json::json!({"by": "guard-2", "note": "seen"}));
    assert_eq!(status, 200, "{answer}");
    play_for(&mut mix, Duration::from_secs(2)).unwrap();
    mix.hang_up();
    mix.balance(&server);
    let books: Vec<Value> = INPUTS.iter().map(|i| server.input(i)["ledger"].clone()).collect();
    server.stop();

    let runs = identical(&folder);
    assert_eq!(runs.len(), 1);
    let run = &runs[0];
    assert_eq!(run["events"], run["compared"], "every event of the run is in the journal: {}", run["events"]);
    for (name, ledger) in INPUTS.iter().zip(&books) {
        let replayed = run["inputs"].as_array().unwrap().iter().find(|i| i["input"] == *name).unwrap();
        assert_eq!(&replayed["ledger"], ledger, "{name}");
    }
    let replayed = run["alerts"].as_array().unwrap().iter().find(|a| a["alert"]["id"] == alert["id"]).unwrap();
    let steps = replayed["alert"]["steps"].as_array().unwrap();
    assert!(steps.iter().any(|s| s["state"] == "acknowledged" && s["by"] == "guard-2"), "{replayed}");
}

/// How long the run loop was busy with something else makes nothing late: a reception is of when it was received.
#[test]
fn a_reception_is_of_when_it_was_received() {
    let folder = Folder::new();
    let (server, mut mix) = Mix::start(&folder);
    play_for(&mut mix, Duration::from_secs(2)).unwrap();
    mix.hang_up();
    mix.balance(&server);
    server.stop();
    let (mut before, mut exact, mut all) = (Time::MIN, 0, 0);
    for entry in Reader::open(&folder.file("journal")).unwrap() {
        let (_, at, entry) = entry.unwrap();
        assert!(at >= before, "{at} after {before}: {entry:?}");
        if let Entry::Reception(reception) = entry {
            all += 1;
            exact += usize::from(at == reception.received_at);
            // Time may have been let pass in between, which is no entry: then it was that moment.
            let late = at.since(reception.received_at.max(before));
            assert!((Span::ZERO..Span::from_millis(5)).contains(&late), "{at} after {before}: {reception:?}");
        }
        before = at;
    }
    assert!(all > 100 && 2 * exact > all, "{exact} of {all}");
}

/// A checkpoint of a running server, kept elsewhere, shows that the end of the record was cut off.
#[test]
fn a_checkpoint_that_was_kept_exposes_a_cut() {
    let folder = Folder::new();
    let (server, mut mix) = Mix::start(&folder);
    play_for(&mut mix, Duration::from_secs(3)).unwrap();
    let journal = folder.file("journal").display().to_string();
    let note = run_well(&["checkpoint", &journal]).stdout;
    assert!(text(&note).starts_with("lapwing/") && text(&note).contains("\n\n\u{2014} "), "{}", text(&note));
    let kept = folder.write("kept", &text(&note));
    play_for(&mut mix, Duration::from_secs(1)).unwrap();
    mix.hang_up();
    server.stop();
    run_well(&["verify", "--checkpoint", &kept, &journal]);
    // The segment as it was before that checkpoint, and no word that it was ever longer.
    let segment = lapwing_journal::segment_files(&folder.file("journal")).unwrap().remove(0);
    let bytes = std::fs::read(&segment).unwrap();
    let at = bytes.windows(note.len()).position(|w| w == note).unwrap();
    std::fs::write(&segment, &bytes[..at - 4_000]).unwrap();
    assert!(!run(&["verify", "--checkpoint", &kept, &journal]).status.success());
    assert!(run(&["verify", &journal]).status.success(), "without it nothing shows");
    assert!(!run(&["checkpoint", &folder.file("site.toml").display().to_string()]).status.success());
}

/// What a sender was told is accepted is in the record, also when the server is stopped at that moment.
#[test]
fn an_orderly_stop_drops_nothing_that_was_accepted() {
    let folder = Folder::new();
    let to = free_port();
    let mut server = Server::start(&folder, &input("push", 60.0, "json", "http", &format!("listen = \"{to}\"")));
    server.link("push", "up");
    let senders: Vec<_> = (0..4)
        .map(|sender| {
            std::thread::spawn(move || {
                let post = |i: u32| http(to, "POST", "/", claim(&format!("S{sender}N{i}"), 47.0, 8.0).as_bytes());
                (0..).take_while(|i| post(*i).is_ok_and(|(status, _)| status == 202)).count()
            })
        })
        .collect();
    std::thread::sleep(Duration::from_millis(700));
    assert!(server.process.end("-TERM").success(), "{}", server.log());
    let accepted: usize = senders.into_iter().map(|sender| sender.join().unwrap()).sum();
    let entries = Reader::open(&folder.file("journal")).unwrap().map(|entry| entry.unwrap().2);
    let recorded = entries.filter(|entry| matches!(entry, Entry::Reception(_))).count();
    assert!(accepted > 100 && recorded >= accepted, "{recorded} recorded of {accepted}");
}

#[test]
fn a_run_killed_in_mid_traffic_replays_as_far_as_it_came() {
    let folder = Folder::new();
    let (mut server, mut mix) = Mix::start(&folder);
    play_for(&mut mix, Duration::from_secs(3)).unwrap();
    // More is on its way when it dies.
    let pid = server.process.0.id().to_string();
    let killer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(30));
        assert!(std::process::Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
    });
    let _ = play_for(&mut mix, Duration::from_millis(300));
    killer.join().unwrap();
    assert!(!server.process.ends().success());

    let runs = identical(&folder);
    assert_eq!(runs.len(), 1);
    assert!(runs[0]["compared"].as_u64().unwrap() > 10, "{}", runs[0]["compared"]);
    for name in INPUTS {
        let input = runs[0]["inputs"].as_array().unwrap().iter().find(|i| i["input"] == name).unwrap();
        let ledger = &input["ledger"];
        let received = ledger["received"].as_u64().unwrap();
        let sent = mix.sent[name];
        assert_eq!(received, ledger["used"].as_u64().unwrap() + sum(&ledger["rejected"]) + sum(&ledger["shed"]));
        // The round it died in is not counted.
        assert!(received <= sent.good + sent.bad + 10, "{name}: {sent:?} {ledger}");
        assert!(received > (sent.good + sent.bad) / 2, "{name}: half a second at most is lost: {sent:?} {ledger}");
    }

    // Started again on what the crash left, without a sensor, it goes on; the journal then holds one run over both starts.
    let server = Server::start(&folder, "");
    server.stop();
    let again = identical(&folder);
    assert_eq!(again.len(), 1);
    assert!(again[0]["events"].as_u64() > runs[0]["compared"].as_u64(), "{}", again[0]["events"]);
    assert_eq!(again[0]["events"], again[0]["compared"], "what the crash kept from being told was told after it");
}
