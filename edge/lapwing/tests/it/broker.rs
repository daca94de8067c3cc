//! A real Mosquitto, and the little of MQTT 3.1.1 a sensor and a reader need, written from the standard (OASIS, MQTT
//! Version 3.1.1, 3.1 to 3.9) so that Lapwing's own client is not its only witness.

use crate::support::{DEADLINE, Folder, Process, free_port, until};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};

const MOSQUITTO: &str = "/usr/sbin/mosquitto";

pub(crate) struct Broker {
    folder: Folder,
    pub(crate) address: SocketAddr,
    process: Option<Process>,
}

impl Broker {
    pub(crate) fn start() -> Self {
        assert!(
            std::path::Path::new(MOSQUITTO).exists(),
            "this test needs the MQTT broker Mosquitto; type: apt-get install -y mosquitto"
        );
        let (folder, address) = (Folder::new(), free_port());
        folder.write(
            "mosquitto.conf",
            &format!("listener {} 127.0.0.1\nuser root\nallow_anonymous true\nlog_dest none\n", address.port()),
        );
        let mut broker = Self { folder, address, process: None };
        broker.run();
        broker
    }

    /// Starts it (again, on the same port).
    pub(crate) fn run(&mut self) {
        let mut command = Command::new(MOSQUITTO);
        command.arg("-c").arg(self.folder.file("mosquitto.conf")).stdout(Stdio::null()).stderr(Stdio::null());
        self.process = Some(Process::spawn(&mut command));
        until("Mosquitto", || TcpStream::connect(self.address).ok());
    }

    /// SIGKILL, as a power cut.
    pub(crate) fn kill(&mut self) {
        self.process.take().unwrap().end("-KILL");
    }
}

/// One connection to a broker.
pub(crate) struct Mqtt {
    stream: TcpStream,
    packet: u16,
}

impl Mqtt {
    /// Connects with a clean session.
    pub(crate) fn connect(address: SocketAddr, client: &str) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        let mut mqtt = Self { stream, packet: 0 };
        let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 0];
        text(&mut body, client);
        mqtt.send(0x10, &body)?;
        match mqtt.receive()? {
            (0x20, answer) if answer.get(1) == Some(&0) => Ok(mqtt),
            other => Err(std::io::Error::other(format!("not welcome: {other:?}"))),
        }
    }

    /// Publishes with QoS 1 and waits until the broker has it.
    pub(crate) fn publish(&mut self, topic: &str, payload: &[u8]) -> std::io::Result<()> {
        self.packet = self.packet % 60_000 + 1;
        let mut body = Vec::new();
        text(&mut body, topic);
        body.extend(self.packet.to_be_bytes());
        body.extend(payload);
        self.send(0x32, &body)?;
        loop {
            let (kind, answer) = self.receive()?;
            if kind == 0x40 && answer.get(..2) == Some(&self.packet.to_be_bytes()[..]) {
                return Ok(());
            }
        }
    }

    pub(crate) fn subscribe(&mut self, topic: &str) {
        let mut body = vec![0, 1];
        text(&mut body, topic);
        body.push(0);
        self.send(0x82, &body).unwrap();
        assert_eq!(self.receive().unwrap().0, 0x90);
    }

    /// The payload of the next message.
    pub(crate) fn message(&mut self) -> Vec<u8> {
        loop {
            let (kind, body) = self.receive().unwrap();
            if kind & 0xf0 == 0x30 {
                let topic = usize::from(u16::from_be_bytes([body[0], body[1]]));
                return body[2 + topic..].to_vec();
            }
        }
    }

    fn send(&mut self, kind: u8, body: &[u8]) -> std::io::Result<()> {
        let mut packet = vec![kind];
        let mut left = body.len();
        loop {
            let (low, more) = (u8::try_from(left % 128).unwrap(), left / 128);
            packet.push(if more > 0 { low | 0x80 } else { low });
            left = more;
            if left == 0 {
                break;
            }
        }
        packet.extend(body);
        self.stream.write_all(&packet)
    }

    fn receive(&mut self) -> std::io::Result<(u8, Vec<u8>)> {
        let mut byte = || {
            let mut b = [0];
            self.stream.read_exact(&mut b).map(|()| b[0])
        };
        let kind = byte()?;
        let (mut length, mut shift) = (0_usize, 0);
        loop {
            let b = byte()?;
            length |= usize::from(b & 0x7f) << shift;
            shift += 7;
            if b & 0x80 == 0 {
                break;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok((kind, body))
    }
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
    out.extend(text.as_bytes());
}
