//! A warning leaves the machine: into a file, to a webhook, to a broker; and no receiver holds up another.

use crate::broker::{Broker, Mqtt};
use crate::live::Live;
use crate::receiver::{Manner, Receiver};
use crate::support::{Folder, Server, ZONE, claim, free_port, input, json, until};
use serde_json::Value;
use std::net::UdpSocket;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

fn output(name: &str, transport: &str, options: &str) -> String {
    format!(
        "[[output]]\nname = \"{name}\"\nformat = \"json\"\ntransport = \"{transport}\"\nwhen = [\"alerts\"]\n{transport} = {{ {options} }}\n"
    )
}

fn raised(line: &[u8]) -> Option<Value> {
    let event = json(line);
    (event["event"] == "alert_changed" && event["alert"]["state"] == "raised").then(|| event["alert"].clone())
}

#[test]
fn every_output_gets_the_alert_and_a_hanging_one_delays_nobody() {
    let (folder, gate, broker) = (Folder::new(), free_port(), Broker::start());
    let (moody, hanging) = (Receiver::start(Manner::FailsFirst(2)), Receiver::start(Manner::Hangs));
    let mut reader = Mqtt::connect(broker.address, "reader").unwrap();
    reader.subscribe("lapwing/events");
    let log = folder.file("events.jsonl");
    let more = [
        input("gate", 5.0, "json", "udp", &format!("listen = \"{gate}\"")),
        output("hanging", "http", &format!("url = \"http://{}/hook\", timeout_s = 60", hanging.address)),
        output("file", "file", &format!("path = \"{}\"", log.display())),
        output("hook", "http", &format!("url = \"http://{}/hook\"", moody.address)),
        output("bus", "mqtt", &format!("broker = \"{}\", topic = \"lapwing/events\"", broker.address)),
        ZONE.to_owned(),
    ]
    .concat();
    let server = Server::start(&folder, &more);
    server.link("gate", "up");
    let live = Live::connect(server.address);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    // An aircraft that names itself is taken at its second word at the latest.
    let (sent_at, (arrived, alert)) = loop {
        let sent_at = Instant::now();
        socket.send_to(claim("INTRUDER", 47.0, 8.0).as_bytes(), gate).unwrap();
        if let Some(found) =
            live.soon(Duration::from_millis(500), |m| crate::live::alert(m).filter(|a| a["state"] == "raised").cloned())
        {
            break (sent_at, found);
        }
    };
    assert!(arrived.duration_since(sent_at) < Duration::from_millis(500), "while a webhook hangs");

    let filed =
        until("the alert in the file", || folder.read("events.jsonl").lines().find_map(|l| raised(l.as_bytes())));
    assert_eq!(filed["id"], alert["id"]);
    let hooked = until("the alert at the webhook", || moody.taken.lock().unwrap().iter().find_map(|b| raised(b)));
    assert_eq!(hooked["id"], alert["id"]);
    assert_eq!(moody.refused.load(Ordering::SeqCst), 2, "it was tried again after each 500");
    let published = loop {
        if let Some(alert) = raised(&reader.message()) {
            break alert;
        }
    };
    assert_eq!(published["id"], alert["id"]);

    until("the hanging receiver reached", || (hanging.begun.load(Ordering::SeqCst) > 0).then_some(()));
    let state = server.output("hanging");
    assert_eq!((&state["sent"], &state["lost"]), (&0.into(), &0.into()), "{state}");
    assert!(state["waiting"].as_u64().unwrap() >= 1, "{state}");
    for name in ["file", "hook", "bus"] {
        until(name, || (server.output(name)["sent"].as_u64().unwrap() >= 1).then_some(()));
        assert_eq!(server.output(name)["lost"], 0);
    }
    // The next alert reaches everybody else while that one still hangs.
    let second = loop {
        socket.send_to(claim("ANOTHER", 47.002, 8.002).as_bytes(), gate).unwrap();
        let found = live.soon(Duration::from_millis(500), |m| {
            crate::live::alert(m).filter(|a| a["state"] == "raised" && a["id"] != alert["id"]).cloned()
        });
        if let Some((_, found)) = found {
            break found;
        }
    };
    until("the second alert at the webhook", || {
        moody.taken.lock().unwrap().iter().filter_map(|b| raised(b)).find(|a| a["id"] == second["id"])
    });
    server.stop();
}
