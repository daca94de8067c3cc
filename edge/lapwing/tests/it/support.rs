//! What the tests share: folders, ports, the process under test, its API, waiting.

use serde_json::Value;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Nothing a test waits for takes so long, on any machine, when it comes at all.
pub(crate) const DEADLINE: Duration = Duration::from_secs(40);

static NEXT: AtomicU32 = AtomicU32::new(0);

/// The program under test.
pub(crate) fn lapwing() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lapwing"));
    command.env("NO_COLOR", "1").env_remove("LAPWING_LOG").stdin(Stdio::null());
    command
}

/// Runs `lapwing` to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    let output = lapwing().args(arguments).output().unwrap();
    assert!(output.status.code().is_some(), "{arguments:?} was killed: {}", text(&output.stderr));
    output
}

/// Runs `lapwing` to its end, which has to be a good one.
pub(crate) fn run_well(arguments: &[&str]) -> Output {
    let output = run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}\n{}", output.status, text(&output.stderr));
    output
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|e| panic!("not JSON: {e}\n{}", text(bytes)))
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A file of the repository's test data, as text for an argument.
pub(crate) fn testdata(path: &str) -> String {
    let path = root().join("testdata/formats").join(path);
    assert!(path.exists(), "{}", path.display());
    path.display().to_string()
}

/// A port free for UDP and for TCP. Ports are handed out one after the other, beyond the reach of the ports the system
/// gives to connections, so that two tests never get the same.
pub(crate) fn free_port() -> SocketAddr {
    let begin = std::process::id().wrapping_mul(97) % 20_000;
    loop {
        let number = (begin + NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000;
        let address = SocketAddr::from(([127, 0, 0, 1], 10_000 + u16::try_from(number).unwrap()));
        if TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok() {
            return address;
        }
    }
}

/// A folder of one test, removed at its end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let name = format!("lapwing-it-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &str) -> String {
        std::fs::write(self.file(name), content).unwrap();
        self.file(name).display().to_string()
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.file(name)).unwrap_or_default()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A process that ends with its test.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    pub(crate) fn spawn(command: &mut Command) -> Self {
        Self(command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}")))
    }

    pub(crate) fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.0.id().to_string()]).status().unwrap().success());
    }

    /// Waits for its end, which has to come by itself.
    pub(crate) fn ends(&mut self) -> ExitStatus {
        until("the end of the process", || self.0.try_wait().unwrap())
    }

    /// Sends a signal and waits for its end.
    pub(crate) fn end(&mut self, signal: &str) -> ExitStatus {
        self.signal(signal);
        self.ends()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until something is there.
pub(crate) fn until<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    within(DEADLINE, what, condition)
}

/// Waits until something is there, so long and no longer.
pub(crate) fn within<T>(limit: Duration, what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(began.elapsed() < limit, "waited {limit:?} in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// One HTTP request; status and body.
pub(crate) fn http(address: SocketAddr, method: &str, path: &str, body: &[u8]) -> std::io::Result<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let broken = || std::io::Error::other("not an HTTP answer");
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").ok_or_else(broken)?;
    let status = text(&answer[..end]).split_whitespace().nth(1).and_then(|s| s.parse().ok()).ok_or_else(broken)?;
    Ok((status, answer.split_off(end + 4)))
}

/// `lapwing run` at work.
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
    log: PathBuf,
}

impl Server {
    /// Starts a site; `more` are the tables after `[site]`, `[server]` and `[journal]`.
    pub(crate) fn start(folder: &Folder, more: &str) -> Self {
        let address = free_port();
        let site = format!(
            "[site]\nname = \"test\"\n[server]\nlisten = \"{address}\"\n[journal]\ndirectory = \"journal\"\n{more}"
        );
        let site = folder.write("site.toml", &site);
        let log = folder.file("log");
        let process =
            Process::spawn(lapwing().args(["run", &site]).stdout(Stdio::null()).stderr(File::create(&log).unwrap()));
        let mut server = Self { process, address, log };
        until("the server", || {
            let ended = server.process.0.try_wait().unwrap();
            assert!(ended.is_none(), "the server ended at once: {}", server.log());
            http(address, "GET", "/api/v1/status", b"").ok()
        });
        server
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Stops it as a service manager does.
    pub(crate) fn stop(mut self) {
        let status = self.process.end("-TERM");
        assert!(status.success(), "{status}: {}", self.log());
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let (status, body) = http(self.address, "GET", &format!("/api/v1/{path}"), b"").unwrap();
        assert_eq!(status, 200, "{path}: {}", text(&body));
        json(&body)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let (status, body) =
            http(self.address, "POST", &format!("/api/v1/{path}"), body.to_string().as_bytes()).unwrap();
        (status, json(&body))
    }

    pub(crate) fn sensor(&self, id: &str) -> Value {
        self.item("sensors", |s| s["sensor"]["id"] == id)
    }

    pub(crate) fn health(&self, id: &str) -> String {
        self.sensor(id)["health"].as_str().unwrap().to_owned()
    }

    pub(crate) fn input(&self, id: &str) -> Value {
        self.item("inputs", |s| s["input"] == id)
    }

    pub(crate) fn output(&self, id: &str) -> Value {
        self.item("outputs", |s| s["name"] == id)
    }

    fn item(&self, list: &str, which: impl Fn(&Value) -> bool) -> Value {
        let all = self.get(list);
        let found = all[list].as_array().unwrap().iter().find(|v| which(v));
        found.unwrap_or_else(|| panic!("not among {list}: {all}")).clone()
    }

    /// Waits until an input's link is in a state.
    pub(crate) fn link(&self, id: &str, state: &str) {
        until(&format!("input {id} {state}"), || (self.input(id)["link"]["state"] == state).then_some(()));
    }
}

/// Sum of an object's numbers.
pub(crate) fn sum(of: &Value) -> u64 {
    of.as_object().unwrap().values().map(|v| v.as_u64().unwrap()).sum()
}

/// A `[[sensor]]` with its `[[input]]`, both of one name, reported every `interval_s`.
pub(crate) fn input(name: &str, interval_s: f64, format: &str, transport: &str, options: &str) -> String {
    format!(
        "[[sensor]]\nid = \"{name}\"\nkind = \"other\"\ninterval_s = {interval_s:?}\n\
         [[input]]\nname = \"{name}\"\nsensor = \"{name}\"\nformat = \"{format}\"\ntransport = \"{transport}\"\n\
         {transport} = {{ {options} }}\n"
    )
}

/// A `[[zone]]` of 500 m radius about (47.0, 8.0).
pub(crate) const ZONE: &str = "[[zone]]\nid = \"yard\"\nlatitude_deg = 47.0\nlongitude_deg = 8.0\nradius_m = 500.0\n";

/// One report of an aircraft with a name of its own, in Lapwing's own JSON.
pub(crate) fn claim(serial: &str, latitude_deg: f64, longitude_deg: f64) -> String {
    format!(
        "{{\"type\":\"claim\",\"protocol\":\"remote_id\",\"serial\":\"{serial}\",\"latitude_deg\":{latitude_deg},\"longitude_deg\":{longitude_deg},\"horizontal_accuracy_m\":3,\"speed_mps\":0,\"operational_status\":\"airborne\"}}\n"
    )
}

/// Something done over and over beside the test, until it is dropped.
pub(crate) struct Beat {
    stop: std::sync::Arc<std::sync::atomic::AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Beat {
    pub(crate) fn every(period: Duration, mut act: impl FnMut() + Send + 'static) -> Self {
        let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let told = std::sync::Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            while !told.load(Ordering::Relaxed) {
                act();
                std::thread::sleep(period);
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Beat {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
