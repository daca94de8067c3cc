//! A full disk: the picture runs, every alert is told and recorded, and what is not recorded is counted.

use crate::live::Live;
use crate::support::{Folder, Server, ZONE, claim, free_port, input, until};
use lapwing_journal::{Entry, Reader};
use lapwing_model::EventBody;
use serde_json::json;
use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::Command;

const ALERTS: usize = 25;

/// A file system of 4 MiB, for as long as the test.
struct Mount(PathBuf);

impl Mount {
    /// `None` without the right to mount; the journal's own tests have a simulated disk for everybody.
    fn new(path: &Path) -> Option<Self> {
        std::fs::create_dir_all(path).unwrap();
        let command = Command::new("mount").args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(path).output();
        command.is_ok_and(|output| output.status.success()).then(|| Self(path.to_owned()))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).output();
    }
}

#[test]
fn on_a_full_disk_every_alert_is_told_and_recorded() {
    let (folder, gate) = (Folder::new(), free_port());
    let directory = folder.file("journal");
    let Some(_mount) = Mount::new(&directory) else {
        println!("no right to mount a file system here");
        return;
    };
    let sensor = input("gate", 5.0, "json", "udp", &format!("listen = \"{gate}\""));
    let server = Server::start(&folder, &format!("reserve_mib = 1\n{sensor}{ZONE}"));
    let live = Live::connect(server.address);
    server.link("gate", "up");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let noise = "not a report, and long\n".repeat(1_000);
    let journal = || server.get("status")["journal"].clone();
    let fault = until("the disk full", || {
        socket.send_to(noise.as_bytes(), gate).unwrap();
        journal()["fault"].as_str().map(str::to_owned)
    });
    assert!(fault.starts_with("disk-full"), "{fault}");

    let mut told = BTreeSet::new();
    for i in 0..ALERTS {
        // Apart from each other by 100 m, all within the zone.
        let (row, column) = ((i / 5) as f64 - 2.0, (i % 5) as f64 - 2.0);
        let report = claim(&format!("INTRUDER{i}"), 47.0 + row * 0.000_9, 8.0 + column * 0.001_3);
        let known = server.get("alerts")["alerts"].as_array().unwrap().len();
        until("one alert more", || {
            socket.send_to(report.as_bytes(), gate).unwrap();
            socket.send_to(noise.as_bytes(), gate).unwrap();
            (server.get("alerts")["alerts"].as_array().unwrap().len() > known).then_some(())
        });
    }
    for alert in server.get("alerts")["alerts"].as_array().unwrap() {
        told.insert(alert["id"].as_str().unwrap().to_owned());
    }
    assert!(told.len() >= ALERTS);
    // Each was pushed to who listens.
    let mut pushed = BTreeSet::new();
    while pushed.len() < told.len() {
        let (_, alert) = live.alert("raised");
        pushed.insert(alert["id"].as_str().unwrap().to_owned());
    }
    assert!(pushed.is_superset(&told), "{told:?} {pushed:?}");
    // A command is still confirmed.
    let first = told.first().unwrap();
    let (status, answer) = server.post(&format!("alerts/{first}/acknowledge"), &json!({"by": "guard-2"}));
    assert_eq!(status, 200, "{answer}");

    let state = until("the books of a quiet moment", || Some(journal()).filter(|j| j["waiting"] == 0));
    assert_eq!(state["balanced"], true, "{state}");
    assert!(state["shed_disk_full"].as_u64().unwrap() > 0, "{state}");
    assert_eq!((&state["shed_failed"], &state["lost"]), (&0.into(), &0.into()), "{state}");
    assert_eq!(server.get("status")["books"]["balanced"], true);
    server.stop();

    let (mut recorded, mut acknowledged) = (BTreeSet::new(), 0);
    for (_, _, entry) in Reader::open(&directory).unwrap().filter_map(Result::ok) {
        match entry {
            Entry::Event(event) => {
                if let EventBody::AlertChanged { alert } = event.body {
                    recorded.insert(alert.id.to_string());
                }
            }
            Entry::Command(_) => acknowledged += 1,
            _ => {}
        }
    }
    assert!(recorded.is_superset(&told), "told {told:?}, recorded {recorded:?}");
    assert_eq!(acknowledged, 1);
}
