//! Killed without warning and started again, the server goes on: the same tracks, alerts and acknowledgements, nothing raised
//! twice. And any instant of the journal can be played from its nearest snapshot, on one thread or two.

use crate::support::{
    Folder, Process, Server, ZONE, claim, free_port, input, json, lapwing, run, run_well, text, until,
};
use serde_json::Value;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};

struct Site {
    more: String,
    gate: SocketAddr,
}

fn site(extra: &str) -> Site {
    let gate = free_port();
    let more = format!("{}{extra}", input("gate", 2.0, "json", "tcp", &format!("listen = \"{gate}\"")));
    Site { more, gate }
}

fn connect(gate: SocketAddr) -> TcpStream {
    until("the input", || TcpStream::connect(gate).ok())
}

/// An intruder that hovers in the yard, and somebody far off, until both have tracks and the first an alert.
fn intrude(server: &Server, stream: &mut TcpStream) -> Value {
    until("an alert", || {
        let two = [claim("INTRUDER", 47.0001, 8.0), claim("PASSER-BY", 47.3, 8.0)].concat();
        stream.write_all(two.as_bytes()).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(80));
        let both = server.get("tracks")["tracks"].as_array().unwrap().len() == 2;
        let alerts = server.get("alerts?state=raised");
        alerts["alerts"].as_array().unwrap().first().filter(|_| both).cloned()
    })
}

fn ids(server: &Server) -> Vec<String> {
    let all = server.get("tracks");
    let mut ids: Vec<String> =
        all["tracks"].as_array().unwrap().iter().map(|t| t["id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

fn kill(mut server: Server) {
    server.process.signal("-KILL");
    assert!(!server.process.ends().success());
}

/// The alerts of a server, each as id, state.
fn alerts(server: &Server) -> Vec<(String, String)> {
    let all = server.get("alerts");
    let word = |a: &Value, key: &str| a[key].as_str().unwrap().to_owned();
    all["alerts"].as_array().unwrap().iter().map(|a| (word(a, "id"), word(a, "state"))).collect()
}

fn replayed(folder: &Folder, arguments: &[&str]) -> String {
    let journal = folder.file("journal").display().to_string();
    let all: Vec<&str> = ["replay", &journal].into_iter().chain(arguments.iter().copied()).collect();
    text(&run_well(&all).stdout)
}

#[test]
fn killed_and_started_again_it_goes_on() {
    let folder = Folder::new();
    let site = site(ZONE);
    let server = Server::start(&folder, &site.more);
    let mut stream = connect(site.gate);
    let alert = intrude(&server, &mut stream);
    let id = alert["id"].as_str().unwrap();
    let (status, answer) = server.post(&format!("alerts/{id}/acknowledge"), &serde_json::json!({"by": "guard"}));
    assert_eq!(status, 200, "{answer}");
    let before = ids(&server);
    kill(server);

    // From the journal alone; stopped in order it leaves a snapshot, and then from that.
    for round in 0..3 {
        let server = Server::start(&folder, &site.more);
        assert_eq!(ids(&server), before, "round {round}: {}", server.log());
        assert_eq!(alerts(&server), [(id.to_owned(), "acknowledged".to_owned())], "round {round}");
        assert!(server.log().contains("goes on from"), "{}", server.log());
        assert_eq!(server.log().contains("goes on from the snapshot"), round > 0, "{}", server.log());
        assert_eq!(server.health("gate"), "waiting", "nobody has been heard yet");
        let mut stream = connect(site.gate);
        for _ in 0..5 {
            stream.write_all(claim("INTRUDER", 47.0001, 8.0).as_bytes()).unwrap();
            stream.write_all(claim("PASSER-BY", 47.3, 8.0).as_bytes()).unwrap();
            std::thread::sleep(std::time::Duration::from_millis(80));
        }
        until("the sensor", || (server.health("gate") == "live").then_some(()));
        assert_eq!(ids(&server), before);
        assert_eq!(alerts(&server).len(), 1, "one intrusion, one alert");
        if round == 0 { server.stop() } else { kill(server) }
    }
    let summary = json(replayed(&folder, &["--json"]).trim().as_bytes());
    assert_eq!(summary["identical"], true, "the journal over all starts is one run: {summary}");
    let raised = summary["alerts"].as_array().unwrap().len();
    assert_eq!(raised, 1);
}

#[test]
fn a_snapshot_that_is_damaged_is_said_and_not_used() {
    let folder = Folder::new();
    let site = site(ZONE);
    let server = Server::start(&folder, &site.more);
    let mut stream = connect(site.gate);
    intrude(&server, &mut stream);
    let before = ids(&server);
    drop(stream);
    server.stop();
    let snapshot = std::fs::read_dir(folder.file("journal/snapshots")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&snapshot).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    std::fs::write(&snapshot, bytes).unwrap();
    let server = Server::start(&folder, &site.more);
    assert!(server.log().contains("its hash is not that of its content"), "{}", server.log());
    assert!(server.log().contains("goes on from the beginning of the last run"), "{}", server.log());
    assert_eq!(ids(&server), before);
    server.stop();
}

#[test]
fn any_instant_is_played_from_its_snapshot_on_one_thread_or_two() {
    let folder = Folder::new();
    let site = site(ZONE);
    for _ in 0..3 {
        let server = Server::start(&folder, &site.more);
        let mut stream = connect(site.gate);
        if alerts(&server).is_empty() {
            intrude(&server, &mut stream);
        }
        for _ in 0..10 {
            stream.write_all(claim("INTRUDER", 47.0001, 8.0).as_bytes()).unwrap();
            std::thread::sleep(std::time::Duration::from_millis(60));
        }
        server.stop();
    }
    let whole = folder.file("whole").display().to_string();
    let hash = replayed(&folder, &["--hash", "--events", &whole]);
    assert_eq!(hash, replayed(&folder, &["--hash", "--threads", "2"]));
    let whole = folder.read("whole");
    let events: Vec<Value> = whole.lines().map(|line| json(line.as_bytes())).collect();
    let positions: Vec<u64> = events.iter().filter_map(|e| e["cause"].as_u64()).collect();
    let last = positions.iter().max().copied().unwrap();
    let part = folder.file("part").display().to_string();
    for (i, from) in [1, last / 3, last / 2, last * 3 / 4, last].into_iter().enumerate() {
        let threads = if i % 2 == 0 { "1" } else { "2" };
        let from = from.to_string();
        replayed(&folder, &["--json", "--from", &from, "--threads", threads, "--events", &part]);
        let rest = folder.read("part");
        assert!(whole.ends_with(&rest), "from {from}: what is said from there on is what was said");
        assert!(!rest.is_empty() && (rest.len() < whole.len() || from == "1"), "from {from}");
    }
    let time = events[events.len() / 2]["at"].as_str().unwrap();
    replayed(&folder, &["--json", "--from", time, "--events", &part]);
    assert!(whole.ends_with(&folder.read("part")));
    // The first segments may be gone: what is left is played from the snapshot in it.
    let mut segments: Vec<_> = std::fs::read_dir(folder.file("journal"))
        .unwrap()
        .map(|i| i.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "mcap"))
        .collect();
    segments.sort();
    std::fs::remove_file(&segments[0]).unwrap();
    let left = replayed(&folder, &["--json", "--events", &part]);
    assert_eq!(json(left.trim().as_bytes())["identical"], true, "{left}");
    assert!(whole.ends_with(&folder.read("part")));
    let journal = folder.file("journal").display().to_string();
    for (from, word) in [("yesterday", "neither"), ("99999999", "ends before")] {
        let output = run(&["replay", &journal, "--from", from]);
        assert!(!output.status.success() && text(&output.stderr).contains(word), "{from}: {}", text(&output.stderr));
    }
}

#[test]
fn a_start_over_a_journal_that_is_not_the_last_word_begins_empty_and_says_so() {
    let folder = Folder::new();
    let site = site("");
    let server = Server::start(&folder, &site.more);
    server.stop();
    // Segments of an earlier release that hold no beginning of a run any more, and no snapshot.
    std::fs::remove_dir_all(folder.file("journal/snapshots")).unwrap();
    let segment = std::fs::read_dir(folder.file("journal")).unwrap().map(|i| i.unwrap().path());
    let segment = segment.into_iter().find(|p| p.extension().is_some_and(|e| e == "mcap")).unwrap();
    let bytes = std::fs::read(&segment).unwrap();
    // The first record that says a site is hit: it cannot be read, what follows can.
    let at = bytes.windows(9).position(|w| w == b"\"version\"").unwrap();
    let mut hit = bytes;
    hit[at] ^= 1;
    std::fs::write(&segment, hit).unwrap();
    let mut process = Process::spawn(
        lapwing().args(["run", &folder.file("site.toml").display().to_string()]).stderr(std::process::Stdio::piped()),
    );
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    let status = process.end("-TERM");
    let mut said = String::new();
    std::io::Read::read_to_string(process.0.stderr.as_mut().unwrap(), &mut said).unwrap();
    assert!(status.success(), "{said}");
    assert!(said.contains("starting with an empty picture"), "{said}");
}
