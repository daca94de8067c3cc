//! Drives a real `lapwing run`, pinned to one core, with a steady stream of datagrams, and prints how long alerts took from the
//! datagram that caused them to their entry on the disk.
//!
//! An alert is told on an output only after its entry has been synced, so its arrival there is taken for the sync: what is
//! measured is longer than what is asked for by the way to the output. Which datagram caused it the journal knows: the
//! event names its entry, and the receptions of an input stand in the order in which they were sent.

// The ban list is for core/: this crate is where files, clocks and threads live.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

#[path = "shared/client.rs"]
mod client;
#[path = "shared/crowd.rs"]
mod crowd;

use anyhow::{Context, bail, ensure};
use clap::Parser;
use client::http;
use crowd::{Crowd, Size};
use lapwing_journal::{Audit, Entry, Reader};
use lapwing_model::{AlertState, Event, EventBody, Span, Time};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

#[derive(Parser)]
struct Args {
    /// The `lapwing` binary
    #[arg(long)]
    lapwing: PathBuf,
    /// Receptions a second
    #[arg(long, default_value_t = 20_000)]
    rate: usize,
    /// Aircraft, each seen by a radar once a second
    #[arg(long, default_value_t = 150)]
    aircraft: usize,
    /// How many of them multilateration places once a second
    #[arg(long, default_value_t = 0)]
    placed: usize,
    /// How many of them broadcast Remote ID
    #[arg(long, default_value_t = 100)]
    broadcasting: usize,
    /// Radars, each with its part of the circle
    #[arg(long, default_value_t = 4)]
    radars: usize,
    /// One Remote ID frame in so many tells a place
    #[arg(long, default_value_t = 8)]
    place_every: u64,
    /// For how long, seconds
    #[arg(long, default_value_t = 120)]
    seconds: u64,
    /// Alerts of the first seconds do not count: the tracks begin
    #[arg(long, default_value_t = 10)]
    warm_up: u64,
    /// The core of the server
    #[arg(long, default_value_t = 0)]
    core: usize,
    /// Folder for the journal, on the disk that is to be measured; removed afterwards
    #[arg(long)]
    directory: Option<PathBuf>,
}

/// What is asked of it.
const P99_MAX: Duration = Duration::from_millis(100);

fn clock() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// Ports free for UDP, and one for TCP.
fn free_ports(count: usize) -> anyhow::Result<(Vec<SocketAddr>, SocketAddr)> {
    // All at once, so that no two are the same.
    let sockets: Vec<UdpSocket> = (0..count).map(|_| UdpSocket::bind("127.0.0.1:0")).collect::<Result<_, _>>()?;
    let udp = sockets.iter().map(UdpSocket::local_addr).collect::<Result<_, _>>()?;
    Ok((udp, TcpListener::bind("127.0.0.1:0")?.local_addr()?))
}

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Seconds of processor time of each thread of a process, by its name.
fn processor_time(process: u32) -> BTreeMap<String, f64> {
    let mut times = BTreeMap::new();
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{process}/task")) else { return times };
    for task in tasks.flatten() {
        let Ok(text) = std::fs::read_to_string(task.path().join("stat")) else { continue };
        let (Some(from), Some(to)) = (text.find('('), text.rfind(')')) else { continue };
        let ticks: f64 = text[to + 1..].split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<f64>().ok()).sum();
        // The kernel counts hundredths.
        *times.entry(text[from + 1..to].to_owned()).or_default() += ticks / 100.0;
    }
    times
}

/// All of a process, threads that have ended included.
fn processor_time_in_all(process: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let after = text.rfind(')').map_or("", |i| &text[i + 1..]);
    after.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Takes what arrives at a socket, with the time of its arrival, until told to stop.
fn listen(socket: UdpSocket, stop: Arc<AtomicBool>) -> std::thread::JoinHandle<Vec<(Time, Vec<u8>)>> {
    std::thread::spawn(move || {
        let (mut all, mut buffer) = (Vec::new(), vec![0; 65_536]);
        let _ = socket.set_read_timeout(Some(Duration::from_millis(100)));
        while !stop.load(Ordering::Relaxed) {
            if let Ok(length) = socket.recv(&mut buffer) {
                all.push((clock(), buffer[..length].to_vec()));
            }
        }
        all
    })
}

/// When each datagram was sent, by input.
type SentAt = Vec<Vec<Time>>;

/// Sends for so long, each millisecond what belongs to it. Gives also how late it was at worst.
fn traffic(crowd: &mut Crowd, inputs: &[SocketAddr], seconds: u64) -> anyhow::Result<(SentAt, Duration)> {
    let sockets: Vec<UdpSocket> = inputs
        .iter()
        .map(|to| UdpSocket::bind("127.0.0.1:0").and_then(|s| s.connect(to).map(|()| s)))
        .collect::<Result<_, _>>()?;
    let mut sent: SentAt = vec![Vec::new(); inputs.len()];
    let (began, mut latest, mut failed) = (Instant::now(), Duration::ZERO, None);
    for ms in 0..seconds * 1_000 {
        let due = Duration::from_millis(ms);
        match due.checked_sub(began.elapsed()) {
            Some(wait) => std::thread::sleep(wait),
            None => latest = latest.max(began.elapsed() - due),
        }
        crowd.send(ms, clock(), &mut |input, bytes| {
            sent[input].push(clock());
            if let Err(error) = sockets[input].send(bytes) {
                failed = Some(error);
            }
        });
    }
    match failed {
        Some(error) => Err(error).context("sending"),
        None => Ok((sent, latest)),
    }
}

async fn get(address: SocketAddr, path: &str) -> anyhow::Result<Value> {
    Ok(serde_json::from_slice(&http(address, "GET", &format!("/api/v1/{path}"), b"").await?)?)
}

fn is_up(inputs: &Value, count: usize) -> bool {
    let inputs = inputs["inputs"].as_array().map(Vec::as_slice).unwrap_or_default();
    inputs.iter().filter(|input| input["link"]["state"] == "up").count() == count
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let folder = args.directory.clone().unwrap_or_else(std::env::temp_dir);
    let folder = folder.join(format!("lapwing-record-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let result = measure(&args, &folder).await;
    let _ = std::fs::remove_dir_all(&folder);
    result
}

async fn measure(args: &Args, folder: &Path) -> anyhow::Result<()> {
    let size = Size {
        aircraft: args.aircraft,
        placed: args.placed.min(args.aircraft),
        broadcasting: args.broadcasting,
        radars: args.radars,
        place_every: args.place_every,
        rate: args.rate,
    };
    let mut crowd = Crowd::new(size);
    let (all, plots, places) = crowd.per_second();
    println!(
        "{all} receptions a second: {plots} plots ({} aircraft, {} radars with a sector each, multilateration of {}), the rest Remote ID frames of {} drones heard by {} receivers, {places} of them with a place",
        args.aircraft, args.radars, args.placed, args.broadcasting, crowd.receivers
    );
    let names = crowd.inputs();
    let output = UdpSocket::bind("127.0.0.1:0")?;
    let (inputs, address) = free_ports(names.len())?;
    let text = format!(
        "[site]\nname = \"crowd\"\n[server]\nlisten = \"{address}\"\n[journal]\ndirectory = \"journal\"\nsegment_mib = 64\n\
         [[output]]\nname = \"alerts\"\nformat = \"json\"\ntransport = \"udp\"\nwhen = [\"alerts\"]\nudp = {{ to = \"{}\" }}\n{}",
        output.local_addr()?,
        crowd.site(|i| format!("transport = \"udp\"\nudp = {{ listen = \"{}\" }}", inputs[i]))
    );
    let config = folder.join("site.toml");
    std::fs::write(&config, text)?;
    let stop = Arc::new(AtomicBool::new(false));
    let arriving = listen(output, Arc::clone(&stop));
    let log = std::fs::File::create(folder.join("log"))?;
    let mut command = Command::new("taskset");
    command.args(["-c", &args.core.to_string()]).arg(&args.lapwing).arg("run").arg(&config).stderr(log);
    let mut server = Server(command.spawn().context("taskset of util-linux")?);
    // taskset becomes the server: its number is the server's.
    let process = server.0.id();
    while get(address, "status").await.is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await;
        ensure!(server.0.try_wait()?.is_none(), "{}", std::fs::read_to_string(folder.join("log"))?);
    }
    // Every input listens before anything is sent.
    while !is_up(&get(address, "inputs").await?, names.len()) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (before, before_all, began) = (processor_time(process), processor_time_in_all(process), Instant::now());
    let started = clock();
    let seconds = args.seconds;
    let sending = std::thread::spawn(move || traffic(&mut crowd, &inputs, seconds));
    while !sending.is_finished() {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let took = began.elapsed().as_secs_f64();
    let core = (processor_time_in_all(process) - before_all) / took;
    let threads = processor_time(process);
    let (sent, latest) = sending.join().map_err(|_| anyhow::anyhow!("the sender failed"))??;
    let status = get(address, "status").await?;
    let tracks = get(address, "tracks").await?["tracks"].as_array().map_or(0, Vec::len);
    tokio::time::sleep(Duration::from_secs(1)).await;
    Command::new("kill").args(["-TERM", &process.to_string()]).status()?;
    let ended = server.0.wait()?;
    stop.store(true, Ordering::Relaxed);
    let arrived = arriving.join().map_err(|_| anyhow::anyhow!("the listener failed"))?;
    ensure!(ended.success(), "{}", std::fs::read_to_string(folder.join("log"))?);

    println!("one core ({} of `taskset -c`), {took:.1} s, the core used to {:.0} %; of which", args.core, core * 100.0);
    let mut shares: Vec<_> =
        threads.iter().map(|(name, t)| (t - before.get(name).copied().unwrap_or(0.0), name)).collect();
    shares.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (seconds, name) in shares.iter().filter(|(s, _)| *s / took >= 0.002) {
        println!("  {name:<24} {:>5.1} %", seconds / took * 100.0);
    }
    println!("the sender was late by {:.1} ms at worst", latest.as_secs_f64() * 1e3);
    let from = started + Span::from_seconds(i64::try_from(args.warm_up)?);
    let read = read(&folder.join("journal"), &names, &sent, from)?;
    let total: usize = sent.iter().map(Vec::len).sum();
    println!(
        "journalled {:.0} records a second: {:.0} receptions, {:.0} events; {} tracks at the end, {} alert entries after the warm-up",
        read.entries as f64 / took,
        read.receptions as f64 / took,
        read.events as f64 / took,
        tracks,
        read.alerts.len()
    );
    let shed = read.shed + total as u64 - read.receptions.min(total as u64);
    println!("sent {total}, in the journal {}; shed or lost {shed}", read.receptions);
    let journal = &status["journal"];
    println!(
        "class A, append to synced, by the server's own count: p50 {} ms, p99 {} ms, max {} ms; loss window max {} ms; failures {}",
        journal["class_a"]["p50_ms"],
        journal["class_a"]["p99_ms"],
        journal["class_a"]["max_ms"],
        journal["loss_window"]["max_ms"],
        journal["failures"]
    );
    let (plots, deadlines, ordered) = latencies(&read, &arrived)?;
    println!("told in the order of the record: {ordered}");
    let p99 = histogram("alert, from the datagram that caused it to its entry on the disk and told", plots);
    histogram("alert, from the deadline that brought it", deadlines);
    let valid = verify(&args.lapwing, &folder.join("journal"), took)?;
    let held = shed == 0 && p99 <= P99_MAX && valid && ordered && core < 1.0;
    println!("{}", if held { "held" } else { "NOT held" });
    if held { Ok(()) } else { bail!("20,000 records a second did not hold") }
}

/// An alert entry of the journal.
struct Told {
    sequence: u64,
    /// When the datagram that caused it was sent, or the deadline was.
    caused_at: Time,
    by_datagram: bool,
    raised: bool,
}

#[derive(Default)]
struct Read {
    entries: u64,
    receptions: u64,
    events: u64,
    shed: u64,
    alerts: Vec<Told>,
}

/// Reads the journal of the run.
fn read(journal: &Path, names: &[String], sent: &SentAt, from: Time) -> anyhow::Result<Read> {
    let mut read = Read::default();
    let mut sent: BTreeMap<&str, std::slice::Iter<'_, Time>> =
        names.iter().zip(sent).map(|(name, times)| (name.as_str(), times.iter())).collect();
    let mut causes: BTreeMap<u64, Time> = BTreeMap::new();
    for entry in Reader::open(journal)? {
        let (position, _, entry) = entry.map_err(|damage| anyhow::anyhow!("{damage}"))?;
        read.entries += 1;
        match entry {
            Entry::Reception(reception) => {
                read.receptions += 1;
                let times = sent.get_mut(reception.input.as_str()).context("an input nobody sent to")?;
                causes.insert(position.0, *times.next().context("more receptions than were sent")?);
            }
            Entry::Shed { units, .. } => read.shed += units,
            Entry::Audit(Audit::NotRecorded { entries, .. }) => read.shed += entries,
            Entry::Event(event) => {
                read.events += 1;
                if let EventBody::AlertChanged { alert } = &event.body
                    && event.at >= from
                {
                    let cause = event.cause.and_then(|cause| causes.get(&cause.0)).copied();
                    read.alerts.push(Told {
                        sequence: event.sequence,
                        caused_at: cause.unwrap_or(event.at),
                        by_datagram: cause.is_some(),
                        raised: alert.state == AlertState::Raised && alert.steps.len() == 1,
                    });
                }
            }
            _ => {}
        }
    }
    Ok(read)
}

/// How long the alerts took that a datagram caused, and those that a deadline brought; and whether they were told in order.
fn latencies(read: &Read, arrived: &[(Time, Vec<u8>)]) -> anyhow::Result<(Vec<f64>, Vec<f64>, bool)> {
    let (mut times, mut ordered, mut last) = (BTreeMap::new(), true, None);
    for (at, line) in arrived {
        let event: Event = serde_json::from_slice(line)?;
        ordered &= last.is_none_or(|last| last < event.sequence);
        last = Some(event.sequence);
        times.insert(event.sequence, *at);
    }
    let (mut by_datagram, mut by_deadline) = (Vec::new(), Vec::new());
    for told in &read.alerts {
        let arrived_at = times.get(&told.sequence).context("an alert of the record that was not told")?;
        let took_ms = arrived_at.since(told.caused_at).as_seconds_f64() * 1e3;
        if told.by_datagram { by_datagram.push(took_ms) } else { by_deadline.push(took_ms) }
    }
    let raised = read.alerts.iter().filter(|told| told.raised).count();
    println!("alerts told: {} raised, {} changed or cleared", raised, read.alerts.len() - raised);
    Ok((by_datagram, by_deadline, ordered))
}

/// Prints how long it took, and gives the 99th percentile.
fn histogram(what: &str, mut took_ms: Vec<f64>) -> Duration {
    took_ms.sort_by(f64::total_cmp);
    println!("{what}: {} times", took_ms.len());
    let quantile = |share: f64| {
        let rank = (share * took_ms.len() as f64).ceil() as usize;
        took_ms.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    };
    for (name, share) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)] {
        println!("  {name:>6} {:>9.2} ms", quantile(share));
    }
    let (mut from, widest) = (0.0, took_ms.len().max(1));
    for to in [2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 60.0, 80.0, 100.0, 150.0, 200.0, f64::INFINITY] {
        let count = took_ms.iter().filter(|t| (from..to).contains(*t)).count();
        if count > 0 {
            println!("  {from:>5} to {to:>5} ms {count:>7} {}", "#".repeat((count * 60).div_ceil(widest)));
        }
        from = to;
    }
    Duration::from_secs_f64(quantile(0.99).max(0.0) / 1e3)
}

/// Verifies the journal as a stranger would. Whether it is valid.
fn verify(lapwing: &Path, journal: &Path, seconds: f64) -> anyhow::Result<bool> {
    let began = Instant::now();
    let output = Command::new(lapwing).args(["verify", "--json"]).arg(journal).output()?;
    let report: Value =
        serde_json::from_slice(&output.stdout).with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    let segments = report["segments"].as_array().map(Vec::as_slice).unwrap_or_default();
    let sum = |key: &str| segments.iter().filter_map(|s| s["records"][key].as_u64()).sum::<u64>();
    let checkpoints = checkpoints(journal)?;
    println!(
        "{} segments, {checkpoints} checkpoints, {:.2} a second; verified in {:.1} s: {} ({} records verified, {} not covered)",
        segments.len(),
        checkpoints as f64 / seconds,
        began.elapsed().as_secs_f64(),
        report["verdict"],
        sum("verified"),
        sum("uncovered")
    );
    Ok(report["verdict"] == "valid")
}

/// Checkpoints in the segments of a journal.
fn checkpoints(journal: &Path) -> anyhow::Result<usize> {
    let mut count = 0;
    for path in lapwing_journal::segment_files(journal)? {
        let bytes = std::fs::read(path)?;
        // A signature's line, as C2SP signed notes have it, begins with an em dash.
        count += bytes.windows(5).filter(|w| *w == "\n\u{2014} ".as_bytes()).count();
    }
    Ok(count)
}
