//! What incidents hold is written down by the server, and when it cannot be, somebody is told.

use crate::support::{Folder, Server, ZONE, claim, free_port, input, until};
use serde_json::Value;
use std::net::UdpSocket;

#[test]
fn an_incident_is_held_by_the_next_start_at_the_latest() {
    let (folder, gate) = (Folder::new(), free_port());
    let sensor = input("gate", 5.0, "json", "udp", &format!("listen = \"{gate}\""));
    let site = format!("{sensor}{ZONE}");
    let server = Server::start(&folder, &site);
    server.link("gate", "up");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let incident = until("an incident", || {
        socket.send_to(claim("INTRUDER", 47.0, 8.0).as_bytes(), gate).unwrap();
        server.get("history/incidents")["incidents"].as_array().unwrap().first().cloned()
    });
    server.stop();
    let server = Server::start(&folder, &site);
    let holds = until("the hold", || {
        let holds: Value = serde_json::from_str(&folder.read("journal/holds.json")).ok()?;
        holds["holds"].as_array().unwrap().first().cloned()
    });
    assert_eq!(holds["why"], format!("incident {}", incident["id"].as_str().unwrap()));
    assert!(holds["first"].as_u64() < incident["first_position"].as_u64(), "{holds} {incident}");
    assert_eq!(holds["last"], u64::MAX, "it still stands");
    assert_eq!(server.get("status")["journal"]["holds_fault"], Value::Null);
    server.stop();
}

#[test]
fn holds_that_cannot_be_written_down_are_said() {
    let folder = Folder::new();
    std::fs::create_dir(folder.file("journal")).unwrap();
    folder.write("journal/holds.json", "{");
    let server = Server::start(&folder, "");
    let fault = until("the fault", || server.get("status")["journal"]["holds_fault"].as_str().map(str::to_owned));
    assert!(fault.contains("holds.json"), "{fault}");
    assert!(server.log().contains("nothing is removed"), "{}", server.log());
    let (_, metrics) = crate::support::http(server.address, "GET", "/metrics", b"").unwrap();
    assert!(crate::support::text(&metrics).contains("lapwing_journal_holds_up 0"));
    server.stop();
}
