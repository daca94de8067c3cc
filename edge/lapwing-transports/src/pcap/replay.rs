//! Replays a capture as an input.

use super::{Packet, PcapError, Reader, carries_ip, unpack_udp};
use crate::mailbox::Mailbox;
use crate::supervise::{self, Attempt, Task};
use crate::{ConfigTable, Transport};
use lapwing_model::{Envelope, Link, Time};
use serde::Deserialize;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Packet captures.
pub(crate) const TRANSPORT: Transport = Transport {
    name: "pcap",
    summary: "Replays a packet capture (pcap or pcapng). Frames that carry UDP over IP are unpacked to their datagrams, \
              others (802.11, Bluetooth) are given whole.",
    input: Some(open_input),
    output: None,
    sample_input: "\
path = \"capture.pcapng\"
pace = \"original\"    # original (default): as the capture's times are apart; fast: without waiting
speed = 1.0          # with the original pace: 10.0 is ten times as fast
repeat = false       # begin again at the end
stamp = \"now\"        # received at: now (default), or recorded: the capture's own times
# udp_port = 8600    # only datagrams to this port
",
    sample_output: "",
};

/// Packets read ahead of the one that is due.
const READ_AHEAD: usize = 64;

#[derive(Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Pace {
    #[default]
    Original,
    Fast,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stamp {
    #[default]
    Now,
    Recorded,
}

fn speed<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let speed = f64::deserialize(deserializer)?;
    if (0.001..=1_000_000.0).contains(&speed) {
        Ok(speed)
    } else {
        Err(serde::de::Error::custom(format!("expected a speed between 0.001 and 1000000, not {speed}")))
    }
}

fn original_speed() -> f64 {
    1.0
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawInput {
    path: PathBuf,
    #[serde(default)]
    pace: Pace,
    #[serde(default = "original_speed", deserialize_with = "speed")]
    speed: f64,
    #[serde(default)]
    repeat: bool,
    #[serde(default)]
    stamp: Stamp,
    udp_port: Option<u16>,
}

#[derive(Clone, Deserialize)]
#[serde(try_from = "RawInput")]
struct InputConfig {
    path: PathBuf,
    /// How much faster than recorded; `None` without any waiting.
    speed: Option<f64>,
    repeat: bool,
    stamp: Stamp,
    udp_port: Option<u16>,
}

impl TryFrom<RawInput> for InputConfig {
    type Error = &'static str;
    fn try_from(raw: RawInput) -> Result<Self, Self::Error> {
        if raw.repeat && raw.stamp == Stamp::Recorded {
            return Err("`repeat` with recorded stamps would turn time back at each repetition: use stamp = \"now\"");
        }
        if raw.repeat && raw.pace == Pace::Fast {
            return Err("`repeat` without waiting would flood the line for ever: use pace = \"original\"");
        }
        let speed = (raw.pace == Pace::Original).then_some(raw.speed);
        Ok(Self { path: raw.path, speed, repeat: raw.repeat, stamp: raw.stamp, udp_port: raw.udp_port })
    }
}

fn open_input(table: ConfigTable<'_>, mailbox: Mailbox) -> Result<Task, toml::de::Error> {
    let config: InputConfig = crate::read(table)?;
    Ok(supervise::input(mailbox, move |mailbox| replay(config.clone(), mailbox)))
}

async fn replay(config: InputConfig, mailbox: Mailbox) -> Attempt {
    loop {
        let given = pass(&config, &mailbox).await?;
        if !config.repeat {
            return Ok(());
        }
        if given == 0 {
            return Err(format!("{}: no packets to repeat", config.path.display()));
        }
        // One packet with no time beside it is no reason to spin.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Plays the capture once; gives how many packets there were.
async fn pass(config: &InputConfig, mailbox: &Mailbox) -> Result<u64, String> {
    let mut packets = read_ahead(config.path.clone())?;
    let mut pacer = config.speed.map(Pacer::new);
    let mut given = 0;
    while let Some(next) = packets.recv().await {
        let packet = match next {
            Ok(packet) => packet,
            Err(error) if given == 0 => return Err(format!("{}: {error}", config.path.display())),
            Err(error) => {
                // What came before it is good and was delivered; to start again would deliver it twice.
                tracing::warn!(input = %mailbox.input(), path = %config.path.display(), %error, "capture damaged");
                mailbox.shed(format!("capture damaged {error}"), 1);
                break;
            }
        };
        mailbox.link(Link::Up);
        given += 1;
        if let (Some(pacer), Some(time)) = (&mut pacer, packet.time) {
            pacer.wait_for(time).await;
        }
        give(config, mailbox, packet).await;
    }
    Ok(given)
}

async fn give(config: &InputConfig, mailbox: &Mailbox, packet: Packet) {
    let (envelope, bytes) = if carries_ip(packet.link_type) {
        match unpack_udp(packet.link_type, &packet.bytes) {
            Ok(datagram) if config.udp_port.is_some_and(|port| port != datagram.destination_port) => return,
            Ok(datagram) => (Envelope::Datagram, datagram.payload.to_vec()),
            Err(why) => return mailbox.shed(why, 1),
        }
    } else {
        (Envelope::Frame { link_type: packet.link_type }, packet.bytes)
    };
    match (config.stamp, packet.time) {
        (Stamp::Recorded, Some(time)) => mailbox.deliver_at(time, envelope, bytes).await,
        _ => mailbox.deliver(envelope, bytes).await,
    };
}

/// Reads a capture on a thread of its own, a little ahead.
fn read_ahead(path: PathBuf) -> Result<mpsc::Receiver<Result<Packet, PcapError>>, String> {
    let file = open(&path)?;
    let (sender, receiver) = mpsc::channel(READ_AHEAD);
    tokio::task::spawn_blocking(move || {
        for packet in Reader::new(file) {
            if sender.blocking_send(packet).is_err() {
                break;
            }
        }
    });
    Ok(receiver)
}

fn open(path: &Path) -> Result<File, String> {
    File::open(path).map_err(|e| format!("cannot read {}: {e}", path.display()))
}

/// Lets time pass as it did between the packets, scaled.
struct Pacer {
    speed: f64,
    first: Option<(Time, Instant)>,
}

impl Pacer {
    fn new(speed: f64) -> Self {
        Self { speed, first: None }
    }

    async fn wait_for(&mut self, time: Time) {
        let (first, began) = *self.first.get_or_insert_with(|| (time, Instant::now()));
        let seconds = time.since(first).as_seconds_f64() / self.speed;
        // Times that go back in a capture are not waited for; nor are those beyond what a clock can say.
        if let Some(due) = Duration::try_from_secs_f64(seconds).ok().and_then(|after| began.checked_add(after)) {
            tokio::time::sleep_until(due).await;
        }
    }
}
