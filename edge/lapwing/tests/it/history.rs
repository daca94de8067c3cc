//! The past as it is searched: what the index has live, after a crash, and made anew from the journal.

use crate::support::{Folder, Server, ZONE, claim, free_port, input, json, run_well, text, until};
use serde_json::{Value, json};
use std::net::UdpSocket;

/// All content of an index as text, row by row.
fn dump(folder: &Folder) -> Vec<String> {
    let connection = rusqlite::Connection::open(folder.file("journal/index.sqlite")).unwrap();
    let mut lines = Vec::new();
    for table in ["state", "track", "name", "piece", "piece_box", "alert", "incident", "audit", "configuration"] {
        let mut statement = connection.prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2, 3")).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let values: Vec<_> = (0..columns).map(|c| format!("{:?}", row.get_ref(c).unwrap())).collect();
            lines.push(format!("{table}: {}", values.join(", ")));
        }
    }
    lines
}

fn search(folder: &Folder, arguments: &[&str]) -> Value {
    let journal = folder.file("journal").display().to_string();
    let mut all = vec!["search", arguments[0], &journal, "--json"];
    all.extend(&arguments[1..]);
    json(&run_well(&all).stdout)
}

#[test]
fn the_past_is_found_live_and_after_a_crash_and_made_anew_is_the_same() {
    let (folder, gate) = (Folder::new(), free_port());
    let sensor = input("gate", 5.0, "json", "udp", &format!("listen = \"{gate}\""));
    let site = format!("{sensor}{ZONE}");
    let mut server = Server::start(&folder, &site);
    server.link("gate", "up");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let send = |serial: &str, latitude: f64| socket.send_to(claim(serial, latitude, 8.0).as_bytes(), gate).unwrap();
    let alert = until("an alert", || {
        send("INTRUDER", 47.0);
        send("FARAWAY", 47.2);
        server.get("alerts?state=raised")["alerts"].as_array().unwrap().first().cloned()
    });
    let id = alert["id"].as_str().unwrap();
    let (status, _) = server.post(&format!("alerts/{id}/acknowledge"), &json!({"by": "guard-2", "note": "seen"}));
    assert_eq!(status, 200);

    let incident = until("the incident, acknowledged", || {
        send("INTRUDER", 47.0);
        send("FARAWAY", 47.2);
        let found = server.get("history/incidents?zone=yard")["incidents"].as_array().unwrap().first().cloned();
        found.filter(|i| i["state"] == "acknowledged")
    });
    assert_eq!((&incident["alerts"], &incident["acknowledged_by"]), (&json!([id]), &json!(["guard-2"])), "{incident}");
    let tracks = server.get("history/tracks?near=47.0,8.0,1000")["tracks"].clone();
    assert_eq!((tracks.as_array().unwrap().len(), &tracks[0]["names"][0]["value"]), (1, &"INTRUDER".into()));
    let track = server.get(&format!("history/tracks/{}", tracks[0]["id"].as_str().unwrap()));
    assert!(!track["points"].as_array().unwrap().is_empty());
    assert_eq!(track["points"][0]["heights"]["altitude_msl_m"], Value::Null);
    let audit = server.get("history/audit?identity=guard-2")["records"].clone();
    assert_eq!(audit[0]["what"], format!("acknowledged {id}: seen"));
    assert_eq!(server.get("history/alerts?identity=FARAWAY")["alerts"], json!([]));
    // The command line reads beside the running server.
    assert_eq!(search(&folder, &["tracks", "--identity", "intruder"])["items"].as_array().unwrap().len(), 1);

    server.process.signal("-KILL");
    assert!(!server.process.ends().success());
    let server = Server::start(&folder, &site);
    // It goes on with what it knew: the alert still stands, and is still the same incident.
    until("the second start on record", || {
        send("INTRUDER", 47.0);
        let audit = server.get("history/audit")["records"].clone();
        let starts = audit.as_array().unwrap().iter().filter(|r| r["kind"] == "configuration").count();
        (starts == 2).then_some(())
    });
    let incidents = server.get("history/incidents")["incidents"].clone();
    assert_eq!((incidents.as_array().unwrap().len(), &incidents[0]["id"]), (1, &incident["id"]), "{incidents}");
    assert_eq!((&incidents[0]["ended_at"], &incidents[0]["state"]), (&Value::Null, &"acknowledged".into()));
    server.stop();

    let live = dump(&folder);
    assert!(live.len() > 10, "{live:?}");
    let journal = folder.file("journal").display().to_string();
    run_well(&["reindex", &journal]);
    assert_eq!(live, dump(&folder), "made anew it has the same content");

    let all = search(&folder, &["incidents"]);
    assert_eq!((all["items"].as_array().unwrap().len(), &all["items"][0]["id"]), (1, &incident["id"]));
    assert_eq!(search(&folder, &["tracks", "--near", "47.2,8.0,500"])["items"].as_array().unwrap().len(), 1);
    let said = run_well(&["search", "audit", &journal]);
    assert!(text(&said.stdout).contains("guard-2: acknowledged"), "{}", text(&said.stdout));

    // The incident as a bundle: the same events, as far as it goes.
    let bundle = folder.file("incident.zip").display().to_string();
    run_well(&["export", "incident", incident["id"].as_str().unwrap(), &journal, "-o", &bundle]);
    let (whole, part) = (folder.file("whole").display().to_string(), folder.file("part").display().to_string());
    run_well(&["replay", "--json", "--events", &whole, &journal]);
    let said = run_well(&["replay", "--json", "--events", &part, &bundle]);
    let run = text(&said.stdout).lines().next().map(|l| json(l.as_bytes())).unwrap();
    assert_eq!((&run["identical"], run["compared"].as_u64() > Some(5)), (&true.into(), true), "{run}");
    assert!(folder.read("whole").starts_with(&folder.read("part")), "event by event");
    assert!(folder.read("part").contains("\"acknowledged\""));
    let of_bundle = folder.file("bundle.csv").display().to_string();
    run_well(&["export", "tracks", &bundle, "--format", "csv", "--tentative", "-o", &of_bundle]);
    assert!(folder.read("bundle.csv").contains("\"INTRUDER\""));

    let file = folder.file("tracks.csv").display().to_string();
    run_well(&["export", "tracks", &journal, "--format", "csv", "--tentative", "-o", &file]);
    assert!(folder.read("tracks.csv").lines().any(|l| l.contains("\"INTRUDER\"")));
}
