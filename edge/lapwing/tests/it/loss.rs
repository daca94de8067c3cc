//! What a sensor, its server or a broker does, the rest goes on; the loss is shown, and the return too.

use crate::broker::{Broker, Mqtt};
use crate::live::Live;
use crate::support::{Beat, Folder, Server, free_port, input, until};
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

const PERIOD: Duration = Duration::from_millis(200);
const INTERVAL_S: f64 = 1.0;
/// Three intervals, and a second for busy machines.
const SHOWN_WITHIN: Duration = Duration::from_secs(4);
const REPORT: &[u8] = b"{\"type\":\"position\",\"latitude_deg\":47.1,\"longitude_deg\":8.1}\n";

/// A sensor that serves its reports over TCP, and dies with its connections.
fn tcp_sensor(address: SocketAddr) -> Beat {
    let listener = TcpListener::bind(address).unwrap();
    listener.set_nonblocking(true).unwrap();
    let mut clients: Vec<TcpStream> = Vec::new();
    Beat::every(PERIOD, move || {
        while let Ok((client, _)) = listener.accept() {
            clients.push(client);
        }
        clients.retain_mut(|c| c.write_all(REPORT).is_ok());
    })
}

fn udp_sensor(to: SocketAddr) -> Beat {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    Beat::every(PERIOD, move || drop(socket.send_to(REPORT, to)))
}

/// A sensor that publishes, and connects anew when its broker is back.
fn mqtt_sensor(broker: SocketAddr) -> Beat {
    let mut connection: Option<Mqtt> = None;
    Beat::every(PERIOD, move || {
        let sent = match &mut connection {
            Some(mqtt) => mqtt.publish("sensors/roof", REPORT),
            None => Mqtt::connect(broker, "roof").map(|mqtt| connection = Some(mqtt)),
        };
        if sent.is_err() {
            connection = None;
        }
    })
}

/// After `name` was lost at `lost_at`: it is shown within three of its intervals, and nobody else suffers.
fn lost(server: &Server, live: &Live, name: &str, lost_at: Instant, others: &[&str]) {
    let before: Vec<u64> = others.iter().map(|o| server.sensor(o)["reports"].as_u64().unwrap()).collect();
    let shown_at = live.health(name, "silent");
    assert!(shown_at - lost_at < SHOWN_WITHIN, "{name} was shown silent after {:?}", shown_at - lost_at);
    let shown = until("the interface says the same", || (server.health(name) == "silent").then(Instant::now));
    assert!(shown - lost_at < SHOWN_WITHIN + Duration::from_secs(1), "{name}: {:?}", shown - lost_at);
    let why = server.sensor(name)["why"].as_str().unwrap().to_owned();
    assert!(why.contains("not heard since") || why.contains(&format!("input {name} is down")), "{why}");
    for (other, before) in others.iter().zip(before) {
        assert_eq!(server.health(other), "live", "{other} while {name} is lost");
        until(&format!("more of {other} while {name} is lost"), || {
            (server.sensor(other)["reports"].as_u64().unwrap() > before + 5).then_some(())
        });
    }
    assert_eq!(server.health(name), "silent", "{name} is still lost");
}

#[test]
fn each_loss_is_shown_and_each_return_needs_nobody() {
    let folder = Folder::new();
    let mut broker = Broker::start();
    let (stream, gate, fence) = (free_port(), free_port(), free_port());
    let more = [
        input("stream", INTERVAL_S, "json", "tcp", &format!("connect = \"{stream}\"")),
        input("bus", INTERVAL_S, "json", "mqtt", &format!("broker = \"{}\", topics = [\"sensors/#\"]", broker.address)),
        input("gate", INTERVAL_S, "json", "udp", &format!("listen = \"{gate}\"")),
        input("fence", INTERVAL_S, "json", "udp", &format!("listen = \"{fence}\"")),
    ]
    .concat();
    let mut streaming = Some(tcp_sensor(stream));
    let _publishing = mqtt_sensor(broker.address);
    let mut sending = Some(udp_sensor(gate));
    let _guarding = udp_sensor(fence);
    let server = Server::start(&folder, &more);
    let live = Live::connect(server.address);
    let all = ["stream", "bus", "gate", "fence"];
    for name in all {
        until(&format!("{name} live"), || (server.health(name) == "live").then_some(()));
    }

    // The server a client input reads from.
    streaming.take();
    lost(&server, &live, "stream", Instant::now(), &["bus", "gate", "fence"]);
    assert_eq!(server.input("stream")["link"]["state"], "down");
    streaming.replace(tcp_sensor(stream));
    live.health("stream", "live");
    server.link("stream", "up");

    // The broker.
    broker.kill();
    lost(&server, &live, "bus", Instant::now(), &["stream", "gate", "fence"]);
    assert_eq!(server.input("bus")["link"]["state"], "down");
    broker.run();
    live.health("bus", "live");
    server.link("bus", "up");

    // A sensor that just says no more: its input has no way to know, its sensor has.
    sending.take();
    lost(&server, &live, "gate", Instant::now(), &["stream", "bus", "fence"]);
    assert_eq!(server.input("gate")["link"]["state"], "up");
    sending.replace(udp_sensor(gate));
    live.health("gate", "live");

    for name in all {
        until(&format!("{name} live at the end"), || (server.health(name) == "live").then_some(()));
    }
    server.stop();
}
