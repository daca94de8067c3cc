//! Kills a running `lapwing run` that holds many tracks, starts it again, and prints how long it took to the first picture,
//! how many track ids were kept, and whether any alert was raised twice. Everything over real sockets, from outside.

// The ban list is for core/: this crate is where files, clocks and threads live.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

#[path = "shared/client.rs"]
mod client;

use anyhow::{Context, bail};
use clap::Parser;
use client::http;
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

#[derive(Parser)]
struct Args {
    /// The `lapwing` binary
    #[arg(long)]
    lapwing: PathBuf,
    /// Live tracks
    #[arg(long, default_value_t = 10_000)]
    tracks: usize,
    /// Seconds between two reports of one aircraft
    #[arg(long, default_value_t = 2.0)]
    interval_s: f64,
    /// Seconds of traffic before the kill, and after the restart
    #[arg(long, default_value_t = 30.0)]
    traffic_s: f64,
}

/// Aircraft in the protected zone: each brings an alert.
const INTRUDERS: usize = 20;
/// What is asked of it.
const FIRST_PICTURE_MAX: Duration = Duration::from_secs(2);
const KEPT_MIN: f64 = 0.99;

fn free_port() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn site(server: SocketAddr, input: SocketAddr) -> String {
    format!(
        "[site]\nname = \"restart\"\n[server]\nlisten = \"{server}\"\n[journal]\ndirectory = \"journal\"\n\
         [[sensor]]\nid = \"gate\"\nkind = \"remote_id\"\ninterval_s = 5.0\n\
         [[input]]\nname = \"gate\"\nsensor = \"gate\"\nformat = \"json\"\ntransport = \"tcp\"\ntcp = {{ listen = \"{input}\" }}\n\
         [[zone]]\nid = \"yard\"\nlatitude_deg = 47.0\nlongitude_deg = 8.0\nradius_m = 800.0\n"
    )
}

/// One report of aircraft number `i`, `s` seconds after it began: they fly eastward side by side, the intruders about the yard.
fn report(i: usize, s: f64, out: &mut Vec<u8>) {
    let (row, column) = (i / 100, i % 100);
    let (latitude, longitude) = if i < INTRUDERS {
        (47.0 + 0.0006 * (i as f64 - 10.0) / 2.0, 8.0 + 1e-6 * s)
    } else {
        (47.2 + 0.004 * row as f64, 8.2 + 0.006 * column as f64 + 0.00013 * s)
    };
    let line = format!(
        "{{\"type\":\"claim\",\"protocol\":\"remote_id\",\"serial\":\"FLEET{i:06}\",\"latitude_deg\":{latitude:.7},\"longitude_deg\":{longitude:.7},\"horizontal_accuracy_m\":3,\"speed_mps\":{},\"course_deg\":90.0}}\n",
        if i < INTRUDERS { 0.1 } else { 9.8 }
    );
    out.extend(line.as_bytes());
}

/// Sends everybody's reports in turn until told to stop, over connections that are made again when they end.
fn traffic(args: &Args, input: SocketAddr, stop: Arc<AtomicBool>) -> std::thread::JoinHandle<u64> {
    let (tracks, interval_s) = (args.tracks, args.interval_s);
    std::thread::spawn(move || {
        let began = Instant::now();
        let (mut sent, mut stream): (u64, Option<TcpStream>) = (0, None);
        let slices = 20;
        for round in 0_u64.. {
            for slice in 0..slices {
                let due = (round as f64 + f64::from(slice) / f64::from(slices)) * interval_s;
                while began.elapsed().as_secs_f64() < due {
                    std::thread::sleep(Duration::from_millis(5));
                }
                if stop.load(Ordering::Relaxed) {
                    return sent;
                }
                let mut bytes = Vec::new();
                let mine = (0..tracks).filter(|i| i % slices as usize == slice as usize);
                mine.for_each(|i| report(i, due, &mut bytes));
                if stream.is_none() {
                    stream = TcpStream::connect(input).ok();
                }
                match stream.as_mut().map(|s| s.write_all(&bytes)) {
                    Some(Ok(())) => sent += tracks as u64 / slices as u64,
                    _ => stream = None,
                }
            }
        }
        sent
    })
}

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn get(address: SocketAddr, path: &str) -> anyhow::Result<Value> {
    Ok(serde_json::from_slice(&http(address, "GET", &format!("/api/v1/{path}"), b"").await?)?)
}

fn texts(all: &Value, list: &str, key: &str) -> BTreeSet<String> {
    let items = all[list].as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(|i| i[key].as_str().map(str::to_owned)).collect()
}

/// Alerts as (aircraft, zone) that stand or stood, one for each alert.
async fn alerts(address: SocketAddr) -> anyhow::Result<BTreeSet<String>> {
    Ok(texts(&get(address, "alerts").await?, "alerts", "id"))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let folder = std::env::temp_dir().join(format!("lapwing-restart-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let result = measure(&args, &folder).await;
    let _ = std::fs::remove_dir_all(&folder);
    result
}

/// Makes the index anew from the journal that is left, and prints how fast.
fn reindex(lapwing: &Path, journal: &Path, entries: u64) -> anyhow::Result<()> {
    let began = Instant::now();
    let status = Command::new(lapwing).arg("reindex").arg(journal).stdout(Stdio::null()).status()?;
    let took = began.elapsed().as_secs_f64();
    if !status.success() {
        bail!("lapwing reindex: {status}");
    }
    println!("index made anew from {entries} entries in {took:.1} s: {:.0} entries a second", entries as f64 / took);
    Ok(())
}

async fn measure(args: &Args, folder: &std::path::Path) -> anyhow::Result<()> {
    let (server, input) = (free_port()?, free_port()?);
    let config = folder.join("site.toml");
    std::fs::write(&config, site(server, input))?;
    let log = folder.join("log");
    let start = || -> std::io::Result<Server> {
        let log = std::fs::File::options().create(true).append(true).open(&log)?;
        let mut command = Command::new(&args.lapwing);
        command.env("NO_COLOR", "1").env("LAPWING_LOG", "warn,lapwing=debug").arg("run").arg(&config);
        command.stderr(log).spawn().map(Server)
    };
    let mut running = start().with_context(|| args.lapwing.display().to_string())?;
    let stop = Arc::new(AtomicBool::new(false));
    let sender = traffic(args, input, Arc::clone(&stop));
    let traffic_time = Duration::from_secs_f64(args.traffic_s);
    let began = Instant::now();
    let mut before = BTreeSet::new();
    while before.len() < args.tracks || began.elapsed() < traffic_time {
        if began.elapsed() > traffic_time * 6 {
            bail!("only {} of {} tracks after {:.0} s", before.len(), args.tracks, began.elapsed().as_secs_f64());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        if let Ok(all) = get(server, "tracks").await {
            before = texts(&all, "tracks", "id");
        }
    }
    let alerts_before = alerts(server).await?;
    println!("{} live tracks and {} alerts before the kill", before.len(), alerts_before.len());
    running.0.kill()?;
    running.0.wait()?;
    drop(running);

    let began = Instant::now();
    let running = start()?;
    let (took, after) = loop {
        if let Ok(all) = get(server, "tracks").await {
            let ids = texts(&all, "tracks", "id");
            if !ids.is_empty() {
                break (began.elapsed(), ids);
            }
        }
        if began.elapsed() > Duration::from_secs(120) {
            bail!("no picture within 120 s of the restart");
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    tokio::time::sleep(traffic_time).await;
    let later = texts(&get(server, "tracks").await?, "tracks", "id");
    let alerts_after = alerts(server).await?;
    stop.store(true, Ordering::Relaxed);
    let sent = sender.join().unwrap_or_default();
    let entries = get(server, "status").await?["journal"]["entries"].as_u64().unwrap_or_default();
    drop(running);
    let share = |ids: &BTreeSet<String>| before.intersection(ids).count() as f64 / before.len() as f64;
    let (at_once, kept) = (share(&after), share(&later));
    let twice = alerts_after.difference(&alerts_before).count();
    let lost = alerts_before.difference(&alerts_after).count();
    println!("first picture {:.2} s after the start, {:.2} % of the ids in it", took.as_secs_f64(), at_once * 100.0);
    println!("{:.2} % of the ids {:.0} s later; {sent} reports sent", kept * 100.0, args.traffic_s);
    println!("alerts raised a second time: {twice}; lost: {lost}");
    for line in std::fs::read_to_string(&log)?.lines().filter(|l| l.contains("snapshot")) {
        println!("{}", line.split_once("lapwing::").map_or(line, |(_, said)| said));
    }
    reindex(&args.lapwing, &folder.join("journal"), entries)?;
    let held = took <= FIRST_PICTURE_MAX && at_once >= KEPT_MIN && kept >= KEPT_MIN && twice == 0 && lost == 0;
    println!("{}", if held { "held" } else { "NOT held" });
    if held { Ok(()) } else { bail!("the restart did not hold") }
}
