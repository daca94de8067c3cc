//! Loads a running `lapwing run` from a process of its own and prints what it measured: nothing lost, memory, and the time
//! from sending the report that causes an alert to its arrival on the WebSocket.
//!
//! Five simulated sensors over real sockets: two radars (JSON over UDP), a Remote ID receiver (DroneScout over HTTP), a Mode S
//! receiver (Beast over TCP), and an observer (JSON over TCP) whose reports are the probes: one aircraft at a time appears in
//! a zone of its own, so that the alert that follows belongs to it.

// The ban list is for core/: this crate is where files, clocks and threads live.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

#[path = "shared/client.rs"]
mod client;
#[path = "shared/scenario.rs"]
mod shared;

use anyhow::{Context, anyhow, bail};
use clap::Parser;
use client::http;
use futures_util::StreamExt;
use lapwing_formats::{Decoded, Decoder};
use lapwing_model::{Claim, Envelope, Name, NameKind, Place, Protocol, Report, Span, Time};
use lapwing_sim::Simulation;
use shared::{SENSORS, datagrams, scenario};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::io::AsyncWriteExt;

#[derive(Parser)]
struct Args {
    /// The `lapwing` binary to load
    #[arg(long)]
    lapwing: PathBuf,
    /// For how long, seconds
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// Reports a second, all sensors together
    #[arg(long, default_value_t = 2_000)]
    rate: u32,
    /// Fail above this much resident memory, MiB
    #[arg(long, default_value_t = 256)]
    memory_mib_max: u64,
}

/// Centre of the probes' own zone, 40 km from everything else.
const PROBE: Place = Place { latitude_deg: 53.36, longitude_deg: 5.5 };
/// A probe sends its place this often until its alert arrives.
const PROBE_EVERY: Duration = Duration::from_millis(250);

fn clock() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

fn free_port() -> anyhow::Result<SocketAddr> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

struct Ports {
    server: SocketAddr,
    inputs: [SocketAddr; 5],
}

fn site(ports: &Ports) -> String {
    let mut text = format!(
        "[site]\nname = \"load\"\n[server]\nlisten = \"{}\"\n[journal]\ndirectory = \"journal\"\n",
        ports.server
    );
    let kinds = ["radar", "radar", "remote_id", "adsb", "human"];
    let wires = [
        ("json", "udp", "listen"),
        ("json", "udp", "listen"),
        ("dronescout", "http", "listen"),
        ("mode-s", "tcp", "connect"),
        ("json", "tcp", "listen"),
    ];
    for (i, name) in SENSORS.iter().enumerate() {
        let (format, transport, way) = wires[i];
        text.push_str(&format!(
            "[[sensor]]\nid = \"{name}\"\nkind = \"{}\"\nlatitude_deg = 53.0\nlongitude_deg = 5.5\nheight_ellipsoid_m = 47.0\ninterval_s = 5.0\n\
             [[input]]\nname = \"{name}\"\nsensor = \"{name}\"\nformat = \"{format}\"\ntransport = \"{transport}\"\n{transport} = {{ {way} = \"{}\" }}\n",
            kinds[i], ports.inputs[i]
        ));
    }
    text.push_str(&format!(
        "[[zone]]\nid = \"probe\"\nlatitude_deg = {}\nlongitude_deg = {}\nradius_m = 3000.0\n",
        PROBE.latitude_deg, PROBE.longitude_deg
    ));
    text
}

/// Units sent, by sensor, counted by decoding what is sent with decoders of our own.
struct Counter {
    decoders: Vec<Box<dyn Decoder>>,
    decoded: Decoded,
    offsets: Vec<u64>,
    units: Vec<u64>,
}

impl Counter {
    fn new() -> anyhow::Result<Self> {
        let formats = ["json", "json", "dronescout", "mode-s", "json"];
        let decoders = formats.iter().map(|f| open(f)).collect::<anyhow::Result<Vec<_>>>()?;
        Ok(Self { decoders, decoded: Decoded::new(), offsets: vec![0; 5], units: vec![0; 5] })
    }

    fn count(&mut self, sensor: usize, at: Time, bytes: &[u8]) {
        let envelope = match sensor {
            0 | 1 => Envelope::Datagram,
            2 => Envelope::Message { topic: "/".to_owned() },
            _ => Envelope::Stream { connection: 0, offset: self.offsets[sensor] },
        };
        self.offsets[sensor] += bytes.len() as u64;
        self.decoded.clear();
        self.decoders[sensor].decode(at, &envelope, bytes, &mut self.decoded);
        self.units[sensor] += self.decoded.account.units_received;
    }
}

fn open(format: &str) -> anyhow::Result<Box<dyn Decoder>> {
    let table = toml::de::DeTable::parse("")?;
    let value = toml::Spanned::new(0..0, toml::de::DeValue::Table(table.into_inner()));
    let open =
        lapwing_formats::format(format).and_then(|f| f.decoder).with_context(|| format!("no decoder {format}"))?;
    Ok(open(value)?)
}

/// When the current probe's latest report was sent, and the latencies so far.
#[derive(Default)]
struct Probes {
    sent_at: Option<Instant>,
    latencies_ms: Vec<f64>,
}

async fn listen_for_alerts(
    address: SocketAddr,
    probes: Arc<Mutex<Probes>>,
    arrived: tokio::sync::mpsc::Sender<()>,
) -> anyhow::Result<()> {
    let (mut socket, _) = tokio_tungstenite::connect_async(format!("ws://{address}/api/v1/live")).await?;
    let mut seen = std::collections::BTreeSet::new();
    while let Some(message) = socket.next().await {
        let now = Instant::now();
        let tokio_tungstenite::tungstenite::Message::Text(text) = message? else { continue };
        let value: serde_json::Value = serde_json::from_str(&text)?;
        let alert = &value["event"]["alert"];
        if value["type"] != "event" || alert["state"] != "raised" || alert["reason"]["zone"] != "probe" {
            continue;
        }
        if !seen.insert(alert["id"].to_string()) {
            continue;
        }
        if let Ok(mut probes) = probes.lock()
            && let Some(sent_at) = probes.sent_at.take()
        {
            probes.latencies_ms.push(now.duration_since(sent_at).as_secs_f64() * 1e3);
            let _ = arrived.try_send(());
        }
    }
    Err(anyhow!("the WebSocket was closed"))
}

fn probe_report(number: u32) -> Vec<u8> {
    let mut claim = Claim::new(Protocol::Other);
    claim.names.push(Name { kind: NameKind::Serial, value: format!("PROBE{number}").as_str().into() });
    // Each probe appears elsewhere in the zone, so that none is taken for the one before it.
    let spread = f64::from(number % 97) / 97.0 * 0.03 - 0.015;
    claim.place = Place::new(PROBE.latitude_deg + spread, PROBE.longitude_deg + spread * 0.7);
    claim.measured_at = Some(clock());
    claim.horizontal_accuracy_m = Some(3.0);
    let mut bytes = Vec::new();
    lapwing_formats::json::encode_report(&Report::Claim(Box::new(claim)), &mut bytes);
    bytes
}

fn resident_kib(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find(|l| l.starts_with("VmRSS:"));
    line.and_then(|l| l.split_whitespace().nth(1)).and_then(|n| n.parse().ok()).unwrap_or(0)
}

fn percentile(sorted: &[f64], p: f64) -> f64 {
    let index = ((sorted.len() as f64 * p).ceil() as usize).clamp(1, sorted.len().max(1)) - 1;
    sorted.get(index).copied().unwrap_or(f64::NAN)
}

fn median_mib(kib: &[u64]) -> f64 {
    let mut sorted = kib.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).map_or(f64::NAN, |k| *k as f64 / 1024.0)
}

struct Server {
    child: std::process::Child,
    folder: PathBuf,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

async fn start(args: &Args, ports: &Ports) -> anyhow::Result<Server> {
    let folder = std::env::temp_dir().join(format!("lapwing-load-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("site.toml"), site(ports))?;
    let child = std::process::Command::new(&args.lapwing)
        .arg("run")
        .arg(folder.join("site.toml"))
        .spawn()
        .with_context(|| args.lapwing.display().to_string())?;
    let server = Server { child, folder };
    for _ in 0..200 {
        if http(ports.server, "GET", "/api/v1/status", b"").await.is_ok() {
            return Ok(server);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("the server did not start within 10 s")
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let mut inputs = Vec::new();
    for _ in SENSORS {
        inputs.push(free_port()?);
    }
    let ports = Ports { server: free_port()?, inputs: inputs.try_into().map_err(|_| anyhow!("ports"))? };
    let beast = tokio::net::TcpListener::bind(ports.inputs[3]).await?;
    let server = start(&args, &ports).await?;
    let pid = server.child.id();
    let (mut beast, _) = beast.accept().await?;
    let mut observer = tokio::net::TcpStream::connect(ports.inputs[4]).await?;
    observer.set_nodelay(true)?;
    let radar = tokio::net::UdpSocket::bind("127.0.0.1:0").await?;
    let probes = Arc::new(Mutex::new(Probes::default()));
    let (arrived, mut alerts) = tokio::sync::mpsc::channel(4);
    let alerts_task = tokio::spawn(listen_for_alerts(ports.server, Arc::clone(&probes), arrived));
    let (to_rid, mut rid_queue) = tokio::sync::mpsc::unbounded_channel::<Vec<u8>>();
    let rid_address = ports.inputs[2];
    let rid_task = tokio::spawn(async move {
        while let Some(body) = rid_queue.recv().await {
            http(rid_address, "POST", "/", &body).await?;
        }
        anyhow::Ok(())
    });
    tokio::time::sleep(Duration::from_millis(500)).await;

    let mut counter = Counter::new()?;
    let began = Instant::now();
    let mut simulation = Simulation::new(scenario(args.rate, args.seconds), clock()).peekable();
    let mut memory = Vec::new();
    let (mut second, mut probe_at, mut probe) =
        (tokio::time::interval(Duration::from_secs(1)), Instant::now() + Duration::from_secs(5), 0_u32);
    while let Some(next) = simulation.peek() {
        let wait = Duration::from_nanos(next.at.since(clock()).max(Span::ZERO).as_nanos().unsigned_abs());
        tokio::select! {
            biased;
            _ = second.tick() => {
                memory.push(resident_kib(pid));
                if memory.len() % 60 == 0 {
                    println!("{} s: {:.0} MiB resident, {} units sent, {} alerts", memory.len(), median_mib(&memory[memory.len() - 30..]), counter.units.iter().sum::<u64>(), probes.lock().map_or(0, |p| p.latencies_ms.len()));
                }
            }
            Some(()) = alerts.recv() => {
                probe += 1;
                probe_at = Instant::now() + Duration::from_secs(1);
            }
            () = tokio::time::sleep_until(probe_at.into()) => {
                let bytes = probe_report(probe);
                counter.count(4, clock(), &bytes);
                if let Ok(mut probes) = probes.lock() {
                    probes.sent_at = Some(Instant::now());
                }
                observer.write_all(&bytes).await?;
                probe_at = Instant::now() + PROBE_EVERY;
            }
            () = tokio::time::sleep(wait) => {
                let Some(emission) = simulation.next() else { break };
                counter.count(emission.sensor, emission.at, &emission.bytes);
                match emission.sensor {
                    i @ (0 | 1) => {
                        for datagram in datagrams(&emission.bytes) {
                            radar.send_to(datagram, ports.inputs[i]).await?;
                        }
                    }
                    2 => to_rid.send(emission.bytes)?,
                    _ => beast.write_all(&emission.bytes).await?,
                }
            }
        }
    }
    let sending = began.elapsed();
    drop(to_rid);
    rid_task.await??;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let answer = http(ports.server, "GET", "/api/v1/inputs", b"").await?;
    let inputs: serde_json::Value = serde_json::from_slice(&answer)?;
    alerts_task.abort();
    let ok = report(&args, &counter, &inputs, &memory, sending, &probes)?;
    drop(server);
    if ok { Ok(()) } else { bail!("the load test did not hold") }
}

fn report(
    args: &Args,
    counter: &Counter,
    inputs: &serde_json::Value,
    memory: &[u64],
    sending: Duration,
    probes: &Mutex<Probes>,
) -> anyhow::Result<bool> {
    let ledgers: BTreeMap<String, &serde_json::Value> = inputs
        .get("inputs")
        .and_then(serde_json::Value::as_array)
        .context("inputs")?
        .iter()
        .filter_map(|i| Some((i["input"].as_str()?.to_owned(), &i["ledger"])))
        .collect();
    let sum = |v: &serde_json::Value| {
        v.as_object().map_or(0, |o| o.values().filter_map(serde_json::Value::as_u64).sum::<u64>())
    };
    let mut ok = true;
    for (name, sent) in SENSORS.iter().zip(&counter.units) {
        let ledger = ledgers.get(*name).with_context(|| format!("no input {name}"))?;
        let (received, used) = (ledger["received"].as_u64().unwrap_or(0), ledger["used"].as_u64().unwrap_or(0));
        let (rejected, shed) = (sum(&ledger["rejected"]), sum(&ledger["shed"]));
        let line_ok = received == *sent && received == used + rejected + shed && shed == 0;
        ok &= line_ok;
        println!(
            "{name:9} sent {sent} received {received} = used {used} + rejected {rejected} + shed {shed}{}",
            if line_ok { "" } else { "   LOST" }
        );
    }
    let total: u64 = counter.units.iter().sum();
    println!(
        "{} reports in {:.1} s: {:.0} a second",
        total,
        sending.as_secs_f64(),
        total as f64 / sending.as_secs_f64()
    );
    let tenth = (memory.len() / 10).max(1);
    let settled = memory.get(tenth..).unwrap_or_default();
    let (first, last) = (
        median_mib(settled.get(..tenth).unwrap_or(settled)),
        median_mib(memory.get(memory.len() - tenth..).unwrap_or(settled)),
    );
    let most = memory.iter().max().copied().unwrap_or(0) as f64 / 1024.0;
    println!("memory: median {first:.1} MiB in the second tenth, {last:.1} MiB in the last tenth, most {most:.1} MiB");
    ok &= most < args.memory_mib_max as f64;
    let mut latencies = probes.lock().map(|p| p.latencies_ms.clone()).unwrap_or_default();
    latencies.sort_by(f64::total_cmp);
    println!(
        "report sent to alert on the WebSocket: n {} median {:.1} ms, p95 {:.1} ms, p99 {:.1} ms, most {:.1} ms",
        latencies.len(),
        percentile(&latencies, 0.5),
        percentile(&latencies, 0.95),
        percentile(&latencies, 0.99),
        latencies.last().copied().unwrap_or(f64::NAN),
    );
    ok &= !latencies.is_empty();
    println!("{}", if ok { "held" } else { "NOT held" });
    Ok(ok)
}
