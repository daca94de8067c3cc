//! `lapwing demo`: a simulated site through the real line. Simulated sensors send real wire formats over real loopback
//! sockets to a real configuration; nothing between the sockets and the console knows that it is a demonstration.

use crate::config::{self, Config};
use crate::live;
use anyhow::{Context, anyhow};
use lapwing_model::{Span, Time};
use lapwing_sim::{Emission, Scenario, Simulation};
use std::io::Write;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Mutex, broadcast, oneshot};

const SITE: &str = include_str!("../../../examples/demo/site.toml");
const ZONES: &str = include_str!("../../../examples/demo/zones.geojson");
const SCENARIO: &str = include_str!("../../../examples/demo/scenario.json");

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Loopback address of console and API; port 0 picks a free one
    #[arg(long, default_value = "127.0.0.1:8480")]
    listen: SocketAddr,
    /// Open the console in the browser
    #[arg(long)]
    open: bool,
    /// Keep the journal in this folder; without it, in a temporary one that goes with the demo
    #[arg(long)]
    journal: Option<PathBuf>,
    /// Stop by itself after so many seconds
    #[arg(long)]
    seconds: Option<f64>,
}

pub(crate) fn demo(args: &Args) -> anyhow::Result<()> {
    let scratch = Scratch::new()?;
    std::fs::write(scratch.0.join("zones.geojson"), ZONES)?;
    let ports = Ports::free()?;
    let text = ports.into_site(SITE);
    let mut config = config::parse("demo/site.toml", &text, &scratch.0)
        .map_err(|problems| anyhow!("the demo's own configuration is wrong:\n{}", problems.render(false)))?;
    if !args.listen.ip().is_loopback() {
        return Err(anyhow!(
            "--listen {}: console and API have no users yet; expected a loopback address",
            args.listen
        ));
    }
    config.listen = Some(args.listen);
    let directory = args.journal.clone().unwrap_or_else(|| scratch.0.join("journal"));
    config.journal = Some(config::JournalConfig {
        directory,
        segment_bytes_max: 64 << 20,
        segment_time_max: Span::from_seconds(3600),
        // A demonstration does not outlive the disk.
        reserve_bytes: 0,
        retention: lapwing_journal::Retention::default(),
        holds: crate::holds::HoldRules::default(),
    });
    let scenario: Scenario = serde_json::from_str(SCENARIO).context("the demo's own scenario")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(run(args, config, scenario, ports))
}

async fn run(args: &Args, config: Config, scenario: Scenario, ports: Ports) -> anyhow::Result<()> {
    let (ready, served) = oneshot::channel();
    let site_name = config.site.name.to_string();
    let open = args.open;
    tokio::spawn(async move {
        if let Ok(address) = served.await {
            // Nobody has to read it: the demo goes on without.
            let _ = writeln!(std::io::stdout(), "{site_name}: console on http://{address}/  (Ctrl-C ends it)");
            if open {
                open_browser(&format!("http://{address}/"));
            }
        }
    });
    let sensors = tokio::spawn(play(scenario, ports));
    let seconds = args.seconds.map(Duration::from_secs_f64);
    let stop = async move {
        let limit = async {
            match seconds {
                Some(seconds) => tokio::time::sleep(seconds).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = live::stop_signal() => {}
            () = limit => {}
        }
    };
    let result = live::run_with(config, ready, stop).await;
    sensors.abort();
    result
}

/// Opens the console where a browser can be opened; says how where not.
fn open_browser(url: &str) {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let started = std::process::Command::new(opener)
        .arg(url)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn();
    if started.is_err() {
        println!("no browser found here; open {url} in one on this machine");
    }
}

/// A folder that goes when the demo ends.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("lapwing-demo-{}", std::process::id()));
        std::fs::create_dir_all(&path).with_context(|| path.display().to_string())?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(AsRef::<Path>::as_ref(&self.0));
    }
}

/// Free loopback ports for the demo's inputs, in the order the site file names its own.
#[derive(Clone, Copy)]
struct Ports {
    radars: [SocketAddr; 2],
    remote_id: SocketAddr,
    adsb: SocketAddr,
}

impl Ports {
    fn free() -> anyhow::Result<Self> {
        // Held together until all are known, so that no two are the same.
        let udp = [UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?];
        let tcp = [TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?];
        Ok(Self {
            radars: [udp[0].local_addr()?, udp[1].local_addr()?],
            remote_id: tcp[0].local_addr()?,
            adsb: tcp[1].local_addr()?,
        })
    }

    fn into_site(self, text: &str) -> String {
        [self.radars[0], self.radars[1], self.remote_id, self.adsb]
            .iter()
            .enumerate()
            .fold(text.to_owned(), |text, (i, address)| {
                text.replace(&format!("127.0.0.1:{}", 48_481 + i), &address.to_string())
            })
    }
}

/// Plays the scenario over and over: each sensor sends what it has to send when it is due.
async fn play(scenario: Scenario, ports: Ports) -> anyhow::Result<()> {
    let radar_socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await?;
    let beast = BeastServer::listen(ports.adsb).await?;
    let remote_id = Arc::new(Mutex::new(()));
    loop {
        let began = live::clock();
        for emission in Simulation::new(scenario.clone(), began) {
            wait_until(emission.at).await;
            let id = scenario.sensors.get(emission.sensor).map_or("", |s| s.id.as_str()).to_owned();
            send(&id, emission, &radar_socket, &beast, &remote_id, ports).await;
        }
        wait_until(began + lapwing_model::Span::from_seconds_f64(scenario.duration_s)).await;
    }
}

async fn send(
    id: &str,
    emission: Emission,
    radar: &tokio::net::UdpSocket,
    beast: &BeastServer,
    remote_id: &Arc<Mutex<()>>,
    ports: Ports,
) {
    match id {
        // A datagram nobody takes yet is lost, as from a real radar.
        "radar-north" => drop(radar.send_to(&emission.bytes, ports.radars[0]).await),
        "radar-south" => drop(radar.send_to(&emission.bytes, ports.radars[1]).await),
        "rid-roof" => {
            // Posts go one after the other, beside the clock of the simulation: a slow server delays no radar.
            let order = Arc::clone(remote_id);
            tokio::spawn(async move {
                let _turn = order.lock().await;
                if let Err(error) = post(ports.remote_id, &emission.bytes).await {
                    tracing::debug!("simulated Remote ID receiver: {error}");
                }
            });
        }
        _ => beast.send(emission.bytes),
    }
}

async fn wait_until(at: Time) {
    let nanos = at.since(live::clock()).as_nanos();
    if nanos > 0 {
        tokio::time::sleep(Duration::from_nanos(nanos.unsigned_abs())).await;
    }
}

/// One HTTP POST, as a receiver does it.
async fn post(address: SocketAddr, body: &[u8]) -> std::io::Result<()> {
    let mut stream = tokio::net::TcpStream::connect(address).await?;
    let head = format!(
        "POST / HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await?;
    let mut answer = Vec::new();
    stream.take(4_096).read_to_end(&mut answer).await?;
    Ok(())
}

/// A Mode S receiver's port: who connects gets what is sent from then on.
struct BeastServer(broadcast::Sender<Vec<u8>>);

impl BeastServer {
    async fn listen(address: SocketAddr) -> anyhow::Result<Self> {
        let listener = tokio::net::TcpListener::bind(address)
            .await
            .with_context(|| format!("simulated Mode S receiver on {address}"))?;
        let (sender, _) = broadcast::channel::<Vec<u8>>(1_024);
        let hub = sender.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut feed = hub.subscribe();
                tokio::spawn(async move {
                    while let Ok(bytes) = feed.recv().await {
                        if stream.write_all(&bytes).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Ok(Self(sender))
    }

    fn send(&self, bytes: Vec<u8>) {
        // Without a client nobody hears it.
        let _ = self.0.send(bytes);
    }
}
