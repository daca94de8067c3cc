//! A server with a stand-in for the run loop, and clients.

use crate::testing;
use lapwing_model::{Event, EventBody, Link, Site, Snapshot};
use lapwing_server::history::HistoryRequest;
use lapwing_server::{CommandRequest, Feeds, JournalState, OutputState, serve};
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

/// The run loop's side of the channels, and the server.
pub(crate) struct Line {
    pub(crate) snapshots: watch::Sender<Arc<Snapshot>>,
    pub(crate) events: broadcast::Sender<Arc<Event>>,
    pub(crate) commands: Option<mpsc::Receiver<CommandRequest>>,
    pub(crate) history: Option<mpsc::Receiver<HistoryRequest>>,
    pub(crate) address: SocketAddr,
    _site: watch::Sender<Arc<Site>>,
    _outputs: watch::Sender<Vec<OutputState>>,
    _journal: watch::Sender<JournalState>,
    stop: Option<oneshot::Sender<()>>,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
    sequence: u64,
}

impl Line {
    pub(crate) async fn start(first: Snapshot) -> Self {
        let output = OutputState {
            name: String::from("webhook"),
            format: String::from("json"),
            transport: String::from("http"),
            link: Link::Up,
            sent: 5,
            waiting: 1,
            lost: 0,
        };
        let (snapshots, snapshots_rx) = watch::channel(Arc::new(first));
        let (site, site_rx) = watch::channel(Arc::new(testing::site()));
        let (outputs, outputs_rx) = watch::channel(vec![output]);
        let (journal, journal_rx) = watch::channel(JournalState { entries: 7, bytes: 700, ..Default::default() });
        let events = broadcast::Sender::new(4096);
        let (commands_tx, commands) = mpsc::channel(8);
        let (history_tx, history) = mpsc::channel(8);
        let feeds = Feeds {
            snapshots: snapshots_rx,
            site: site_rx,
            events: events.clone(),
            commands: commands_tx,
            outputs: outputs_rx,
            journal: journal_rx,
            history: history_tx,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(serve(listener, feeds, async {
            let _ = stopped.await;
        }));
        Self {
            snapshots,
            events,
            commands: Some(commands),
            history: Some(history),
            address,
            _site: site,
            _outputs: outputs,
            _journal: journal,
            stop: Some(stop),
            server,
            sequence: 0,
        }
    }

    pub(crate) fn show(&self, snapshot: Snapshot) {
        self.snapshots.send_replace(Arc::new(snapshot));
    }

    pub(crate) fn tell(&mut self, body: EventBody) {
        let event = Event { sequence: self.sequence, at: testing::time(10), cause: None, body };
        self.sequence += 1;
        self.events.send(Arc::new(event)).unwrap();
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[], "").await
    }

    /// A request with the right `Host`, unless the headers bring another.
    pub(crate) async fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut text = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "Host") {
            text += &format!("Host: {}\r\n", self.address);
        }
        for (name, value) in headers {
            text += &format!("{name}: {value}\r\n");
        }
        text += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        // A server that refuses a body it has not read may reset the connection after its answer.
        let _ = stream.read_to_end(&mut bytes).await;
        Answer::parse(&bytes)
    }

    pub(crate) async fn acknowledge(&self, id: &str, body: &str) -> Answer {
        let path = format!("/api/v1/alerts/{id}/acknowledge");
        self.request("POST", &path, &[("Content-Type", "application/json")], body).await
    }

    /// Stops the server and waits until it is down.
    pub(crate) async fn stop(mut self) -> std::time::Duration {
        let begun = std::time::Instant::now();
        let _ = self.stop.take().unwrap().send(());
        self.server.await.unwrap().unwrap();
        begun.elapsed()
    }
}

/// A response of the server.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer but {text:?}"));
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let header = |line: &str| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_lowercase(), value.trim().to_owned())
        };
        Self { status, headers: lines.map(header).collect(), body: body.to_owned() }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|why| panic!("{why}: {}", self.body))
    }

    /// The detail of a problem, after checking that it is one.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let value = self.json();
        assert_eq!(value["status"], self.status);
        value["detail"].as_str().unwrap().to_owned()
    }
}
