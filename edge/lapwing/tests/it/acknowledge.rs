//! The life of an alert over the interface: raised, acknowledged by somebody, cleared.

use crate::live::Live;
use crate::support::{Folder, Server, claim, free_port, input, until};
use serde_json::json;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

/// A zone small enough to be left in seconds.
const ZONE: &str = "[[zone]]\nid = \"mast\"\nlatitude_deg = 47.0\nlongitude_deg = 8.0\nradius_m = 60.0\n";
/// North by so many degrees a second is about 25 m/s.
const NORTH_DEG_PER_S: f64 = 0.000_225;

#[test]
fn raised_acknowledged_cleared() {
    let (folder, gate) = (Folder::new(), free_port());
    let sensor = input("gate", 5.0, "json", "udp", &format!("listen = \"{gate}\""));
    let server = Server::start(&folder, &format!("{sensor}{ZONE}"));
    let live = Live::connect(server.address);
    server.link("gate", "up");
    let (status, problem) = server.post("alerts/A99/acknowledge", &json!({"by": "guard-2"}));
    assert_eq!((status, &problem["status"]), (404, &404.into()), "{problem}");

    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let send = |latitude_deg: f64| socket.send_to(claim("INTRUDER", latitude_deg, 8.0).as_bytes(), gate).unwrap();
    let raised = until("an alert", || {
        send(47.0);
        server.get("alerts?state=raised")["alerts"].as_array().unwrap().first().cloned()
    });
    assert_eq!(raised["severity"], "critical", "it is inside: {raised}");
    let (_, told) = live.alert("raised");
    assert_eq!(told["id"], raised["id"]);
    let path = format!("alerts/{}/acknowledge", raised["id"].as_str().unwrap());

    for wrong in [json!({}), json!({"by": 7}), json!({"by": ""})] {
        let (status, problem) = server.post(&path, &wrong);
        assert!((400..500).contains(&status) && status != 409, "{wrong}: {status} {problem}");
    }
    let (status, alert) = server.post(&path, &json!({"by": "guard-2", "note": "police called"}));
    assert_eq!((status, &alert["state"]), (200, &"acknowledged".into()), "{alert}");
    let (_, told) = live.alert("acknowledged");
    let step = told["steps"].as_array().unwrap().iter().find(|s| s["state"] == "acknowledged").unwrap();
    assert_eq!((&step["by"], &step["note"]), (&"guard-2".into(), &"police called".into()), "{told}");

    // It flies away.
    let leaves = Instant::now();
    let cleared = until("the alert cleared", || {
        send(47.0 + leaves.elapsed().as_secs_f64() * NORTH_DEG_PER_S);
        std::thread::sleep(Duration::from_millis(100));
        let alert = server.get(&format!("alerts/{}", raised["id"].as_str().unwrap()));
        (alert["state"] == "cleared").then_some(alert)
    });
    let states: Vec<&str> = cleared["steps"].as_array().unwrap().iter().map(|s| s["state"].as_str().unwrap()).collect();
    assert_eq!((states.first(), states.last()), (Some(&"raised"), Some(&"cleared")), "{cleared}");
    assert!(states.contains(&"acknowledged"));
    live.alert("cleared");
    let (status, problem) = server.post(&path, &json!({"by": "guard-2"}));
    assert_eq!((status, &problem["status"]), (409, &409.into()), "{problem}");
    server.stop();
}
