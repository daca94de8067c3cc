//! A site with an input of each kind, and sensors that send it good and bad messages and count what they sent.

use crate::broker::{Broker, Mqtt};
use crate::support::{Folder, Server, ZONE, claim, free_port, http, input, root, sum, testdata, until};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};

/// Counts of messages sent.
#[derive(Default, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) good: u64,
    pub(crate) bad: u64,
}

/// A wrong value; a unit that is rejected.
const WRONG: &str = "{\"type\":\"position\",\"latitude_deg\":\"north\",\"longitude_deg\":8.0}\n";
const NO_JSON: &str = "this is no JSON\n";

/// Beast messages with their escapes.
struct Beast {
    good: Vec<Vec<u8>>,
}

impl Beast {
    /// The first messages of the long flight.
    fn read() -> Self {
        let mut bytes = Vec::new();
        let file = std::fs::File::open(testdata("mode-s/long_flight.beast.gz")).unwrap();
        flate2::read::GzDecoder::new(file).take(200_000).read_to_end(&mut bytes).unwrap();
        // 0x1a begins a message unless another 0x1a follows or went before (an escape).
        let (mut starts, mut i) = (Vec::new(), 0);
        while i + 1 < bytes.len() {
            if bytes[i] == 0x1a {
                if bytes[i + 1] != 0x1a {
                    starts.push(i);
                }
                i += 1;
            }
            i += 1;
        }
        let good = starts.windows(2).map(|w| bytes[w[0]..w[1]].to_vec()).collect();
        Self { good }
    }
}

pub(crate) struct Mix {
    gate: SocketAddr,
    rid: SocketAddr,
    observer: Option<TcpStream>,
    adsb: TcpStream,
    mqtt: Mqtt,
    socket: UdpSocket,
    beast: Beast,
    bad_beast: Vec<u8>,
    payload: Vec<u8>,
    round: u64,
    pub(crate) sent: BTreeMap<&'static str, Sent>,
    _broker: Broker,
}

pub(crate) const INPUTS: [&str; 5] = ["gate", "observer", "rid", "adsb", "bus"];

impl Mix {
    /// Starts the site in `folder`, and its sensors.
    pub(crate) fn start(folder: &Folder) -> (Server, Self) {
        let broker = Broker::start();
        let (gate, observer, rid) = (free_port(), free_port(), free_port());
        let receiver = TcpListener::bind("127.0.0.1:0").unwrap();
        let more = [
            input("gate", 30.0, "json", "udp", &format!("listen = \"{gate}\"")),
            input("observer", 30.0, "json", "tcp", &format!("listen = \"{observer}\"")),
            input("rid", 30.0, "dronescout", "http", &format!("listen = \"{rid}\"")),
            input("adsb", 30.0, "mode-s", "tcp", &format!("connect = \"{}\"", receiver.local_addr().unwrap())),
            input("bus", 30.0, "json", "mqtt", &format!("broker = \"{}\", topics = [\"sensors/+\"]", broker.address)),
            ZONE.to_owned(),
        ]
        .concat();
        let server = Server::start(folder, &more);
        let (adsb, _) = receiver.accept().unwrap();
        for name in INPUTS {
            server.link(name, "up");
        }
        let bad_beast = std::fs::read(root().join("testdata/formats/mode-s/malformed/bad-parity.beast")).unwrap();
        let mix = Self {
            gate,
            rid,
            observer: Some(TcpStream::connect(observer).unwrap()),
            adsb,
            mqtt: Mqtt::connect(broker.address, "sensor").unwrap(),
            socket: UdpSocket::bind("127.0.0.1:0").unwrap(),
            beast: Beast::read(),
            bad_beast,
            // What a receiver calls itself is the id its sensor is configured with.
            payload: std::fs::read_to_string(testdata("dronescout/WiFi-beacon.json"))
                .unwrap()
                .replace("SNSTAC-CUAS-0002", "rid")
                .into_bytes(),
            round: 0,
            sent: BTreeMap::new(),
            _broker: broker,
        };
        (server, mix)
    }

    fn count(&mut self, name: &'static str, good: u64, bad: u64) {
        let sent = self.sent.entry(name).or_default();
        sent.good += good;
        sent.bad += bad;
    }

    /// Each sensor sends something. Aircraft fly towards the zone, through it, and away.
    pub(crate) fn round(&mut self) -> std::io::Result<()> {
        self.round += 1;
        let n = self.round;
        let along = n as f64 * 0.000_2;
        self.socket.send_to(claim("GATE-1", 46.99 + along, 8.0).as_bytes(), self.gate)?;
        self.count("gate", 1, 0);
        if n.is_multiple_of(3) {
            self.socket.send_to(WRONG.as_bytes(), self.gate)?;
            self.socket.send_to(NO_JSON.as_bytes(), self.gate)?;
            self.count("gate", 0, 2);
        }

        let lines = format!(
            "{}{WRONG}{{\"type\":\"position\",\"latitude_deg\":{},\"longitude_deg\":8.1}}\n{NO_JSON}",
            claim("OBSERVER-1", 47.1, 8.0 + along),
            47.0 + along
        );
        // A stream has no packets: it is cut where it falls.
        let observer = self.observer.as_mut().unwrap();
        for piece in lines.as_bytes().chunks(37) {
            observer.write_all(piece)?;
        }
        self.count("observer", 2, 2);

        let (status, _) = http(self.rid, "POST", "/", &self.payload)?;
        assert!((200..300).contains(&status), "{status}");
        self.count("rid", 2, 0);
        if n.is_multiple_of(4) {
            http(self.rid, "POST", "/", b"{\"protocol\": 1.0, \"data\": 7}")?;
            self.count("rid", 0, 1);
        }

        for i in 0..5 {
            let at = usize::try_from(n * 5 + i).unwrap() % self.beast.good.len();
            self.adsb.write_all(&self.beast.good[at])?;
        }
        self.count("adsb", 5, 0);
        if n.is_multiple_of(5) {
            self.adsb.write_all(&self.bad_beast)?;
            self.count("adsb", 1, 1);
        }

        self.mqtt.publish("sensors/roof", claim("BUS-1", 47.2, 8.0 - along).as_bytes())?;
        self.mqtt.publish("sensors/wall", format!("[{0},{0}]", WRONG.trim()).as_bytes())?;
        self.count("bus", 1, 2);
        Ok(())
    }

    /// The observer's connection ends in the middle of a message.
    pub(crate) fn hang_up(&mut self) {
        let mut observer = self.observer.take().unwrap();
        observer.write_all(b"{\"type\":\"position\",\"latitude_deg\":47").unwrap();
        self.count("observer", 0, 1);
    }

    /// Waits until all that was sent is in the books, and that they balance to the message.
    pub(crate) fn balance(&self, server: &Server) {
        for name in INPUTS {
            let sent = self.sent[name];
            let mut last = Value::Null;
            until(&format!("all of {name}: {sent:?}"), || {
                last = server.input(name)["ledger"].clone();
                assert!(last["received"].as_u64().unwrap() <= sent.good + sent.bad, "{name}: {sent:?}, {last}");
                (last["received"] == sent.good + sent.bad).then_some(())
            });
            assert_eq!(last["used"], sent.good, "{name}: {sent:?}, {last}");
            assert_eq!((sum(&last["rejected"]), sum(&last["shed"])), (sent.bad, 0), "{name}: {sent:?}, {last}");
        }
        assert_eq!(server.get("status")["books"]["balanced"], true);
    }
}
