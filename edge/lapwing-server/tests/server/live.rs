//! The live feed.

use crate::harness::Line;
use crate::{schema, testing};
use futures_util::{SinkExt, StreamExt};
use lapwing_model::{AirText, AlertState, EventBody, Phase, Snapshot, TrackId, limits};
use lapwing_server::columns::{self, Frame, Kind, Row};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

/// What a client gets.
#[derive(Debug)]
enum Got {
    Text(Value),
    Frame(Frame),
    Closed(u16, String),
}

struct Client {
    socket: WebSocketStream<TcpStream>,
    /// Rows by id, without the ages a client counts on by itself.
    held: BTreeMap<u64, Row>,
    /// Sequence numbers of the events it got.
    events: Vec<u64>,
}

impl Client {
    async fn try_connect(line: &Line) -> Result<Self, tungstenite::Error> {
        Self::over(line, TcpStream::connect(line.address).await?).await
    }

    /// One whose system holds little for it, so that not reading is noticed at once.
    async fn narrow(line: &Line) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(64 << 10).unwrap();
        Self::over(line, socket.connect(line.address).await.unwrap()).await.unwrap()
    }

    async fn over(line: &Line, stream: TcpStream) -> Result<Self, tungstenite::Error> {
        let (socket, _) = client_async(format!("ws://{}/api/v1/live", line.address), stream).await?;
        Ok(Self { socket, held: BTreeMap::new(), events: Vec::new() })
    }

    async fn connect(line: &Line) -> Self {
        Self::try_connect(line).await.unwrap()
    }

    async fn next(&mut self) -> Got {
        let message = tokio::time::timeout(Duration::from_secs(10), self.socket.next()).await;
        match message.expect("the server says something every second").expect("a close comes before the end").unwrap() {
            Message::Text(text) => {
                let value: Value = serde_json::from_str(&text).unwrap();
                if value["type"] == "event" {
                    self.events.push(value["event"]["sequence"].as_u64().unwrap());
                }
                Got::Text(value)
            }
            Message::Binary(bytes) => {
                let frame = columns::decode(&bytes).unwrap();
                self.apply(&frame);
                Got::Frame(frame)
            }
            Message::Close(Some(close)) => Got::Closed(close.code.into(), close.reason.to_string()),
            other => panic!("{other:?}"),
        }
    }

    fn apply(&mut self, frame: &Frame) {
        if frame.kind == Kind::Snapshot {
            self.held.clear();
        }
        self.held.extend(frame.rows.iter().map(|r| (r.id, Row { age_ds: 0, ..*r })));
        for id in &frame.removed {
            assert!(self.held.remove(id).is_some(), "{id} is removed and was never there");
        }
    }

    async fn text(&mut self) -> Value {
        loop {
            if let Got::Text(value) = self.next().await {
                return value;
            }
        }
    }

    /// The next text message of a type.
    async fn text_of(&mut self, kind: &str) -> Value {
        loop {
            let value = self.text().await;
            if value["type"] == kind {
                return value;
            }
        }
    }

    /// Reads until a frame for this time has come.
    async fn until(&mut self, snapshot: &Snapshot) -> Frame {
        loop {
            if let Got::Frame(frame) = self.next().await
                && frame.time == snapshot.at
            {
                return frame;
            }
        }
    }

    /// The hello, the state, the snapshot and the labels.
    async fn beginning(&mut self) -> (Value, Value, Frame, Value) {
        let (hello, state) = (self.next().await, self.next().await);
        let (frame, labels) = (self.next().await, self.next().await);
        let (Got::Text(hello), Got::Text(state), Got::Frame(frame), Got::Text(labels)) = (hello, state, frame, labels)
        else {
            panic!("not hello, state, binary snapshot, labels");
        };
        (hello, state, frame, labels)
    }
}

fn rows(snapshot: &Snapshot) -> BTreeMap<u64, Row> {
    let row = |t| Row { age_ds: 0, ..Row::of(t, snapshot.at, 0) };
    snapshot.tracks.iter().map(|t| (t.id.0, row(t))).collect()
}

fn ended(n: u64) -> EventBody {
    EventBody::TrackEnded { track: TrackId(n), why: AirText::new("not seen for 30 s") }
}

#[tokio::test]
async fn it_begins_with_hello_state_snapshot_and_labels() {
    let tracks = vec![testing::track(1), testing::bare_track(2)];
    let first = testing::snapshot(10, tracks, vec![testing::alert(3, 1, AlertState::Raised)]);
    let line = Line::start(first).await;
    let mut client = Client::connect(&line).await;
    let (hello, state, frame, labels) = client.beginning().await;
    assert_eq!(hello["type"], "hello");
    assert_eq!(hello["protocol"], 1);
    assert_eq!(hello["site"], "Test <site>");
    assert_eq!(state["type"], "state");
    assert_eq!(state["alerts"][0]["id"], "A3");
    assert_eq!(state["sensors"][0]["health"], "silent");
    assert_eq!(state["inputs"][0]["ledger"]["received"], 100);
    assert_eq!((frame.kind, frame.rows.len()), (Kind::Snapshot, 2));
    assert_eq!(
        frame.rows[0].flags,
        columns::FLAG_CLAIMED_ONLY | columns::FLAG_ALERT | columns::FLAG_CRITICAL | columns::FLAG_HEIGHT_KNOWN
    );
    assert_eq!(frame.rows[1].height_ellipsoid_m, None, "unknown, not 0");
    assert_eq!(labels["type"], "labels");
    assert_eq!(labels["tracks"].as_array().unwrap().len(), 1);
    assert_eq!(labels["tracks"][0]["label"], "SERIAL1");
    let document = schema::document();
    for message in [hello, state, labels] {
        schema::check(&document, &document["components"]["schemas"]["LiveMessage"], &message).unwrap();
    }
    line.stop().await;
}

#[tokio::test]
async fn snapshot_and_deltas_lead_to_the_picture_as_it_is() {
    let line = Line::start(testing::snapshot(10, (0..100).map(testing::track).collect(), vec![])).await;
    let mut client = Client::connect(&line).await;
    client.beginning().await;
    let mut late = None;
    for round in 1_u32..=4 {
        let mut tracks: Vec<_> = (u64::from(round)..100 + u64::from(round) * 2).map(testing::track).collect();
        tracks[5].kinematics.place.longitude_deg += f64::from(round) * 1e-3;
        tracks[6].phase = Phase::Coasting;
        tracks[7].kinematics.heights = lapwing_model::Heights::UNKNOWN;
        let snapshot = testing::snapshot(10 + i64::from(round), tracks, vec![]);
        line.show(snapshot.clone());
        let frame = client.until(&snapshot).await;
        assert_eq!(frame.kind, Kind::Delta);
        assert!(frame.rows.len() < 10, "only what changed: {}", frame.rows.len());
        assert!(frame.removed.contains(&(u64::from(round) - 1)));
        assert_eq!(client.held, rows(&snapshot));
        late = Some(snapshot);
    }
    let mut newcomer = Client::connect(&line).await;
    newcomer.beginning().await;
    assert_eq!(newcomer.held, rows(&late.unwrap()), "who comes later has the same");
    line.stop().await;
}

#[tokio::test]
async fn a_heartbeat_comes_every_second_and_never_more_than_five_frames() {
    let line = Line::start(testing::snapshot(10, vec![testing::track(1)], vec![])).await;
    let mut client = Client::connect(&line).await;
    client.beginning().await;
    let begun = Instant::now();
    let mut beats = 0;
    while begun.elapsed() < Duration::from_millis(2_500) {
        if let Got::Frame(frame) = client.next().await {
            assert_eq!((frame.rows.len(), frame.removed.len()), (0, 0));
            beats += 1;
        }
    }
    assert!((2..=3).contains(&beats), "{beats} heartbeats in 2.5 s without news");
    // Now far more news than five a second.
    let busy = async {
        for n in 1..=150 {
            line.show(testing::snapshot(10 + n, vec![testing::track(n as u64)], vec![]));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let reading = async {
        let (mut frames, begun) = (0, Instant::now());
        while begun.elapsed() < Duration::from_millis(1_500) {
            frames += u32::from(matches!(client.next().await, Got::Frame(_)));
        }
        frames
    };
    let ((), frames) = tokio::join!(busy, reading);
    assert!((4..=9).contains(&frames), "{frames} frames in 1.5 s");
    line.stop().await;
}

#[tokio::test]
async fn alerts_and_events_reach_every_client_in_order() {
    let mut line = Line::start(testing::snapshot(10, vec![], vec![])).await;
    let mut clients = vec![Client::connect(&line).await, Client::connect(&line).await];
    for client in &mut clients {
        client.beginning().await;
    }
    line.tell(EventBody::AlertChanged { alert: Box::new(testing::alert(1, 1, AlertState::Raised)) });
    (0..50).for_each(|n| line.tell(ended(n)));
    let document = schema::document();
    for client in &mut clients {
        let alert = client.text_of("event").await;
        assert_eq!(alert["event"]["event"], "alert_changed");
        assert_eq!(alert["event"]["alert"]["id"], "A1");
        schema::check(&document, &document["components"]["schemas"]["LiveMessage"], &alert).unwrap();
        while client.events.len() < 51 {
            client.text_of("event").await;
        }
        assert_eq!(client.events, (0..51).collect::<Vec<_>>());
    }
    // What changed stands in the next state too, within about a second.
    line.show(testing::snapshot(11, vec![], vec![testing::alert(1, 1, AlertState::Acknowledged)]));
    let state = clients[0].text_of("state").await;
    assert_eq!(state["alerts"][0]["state"], "acknowledged");
    assert!(state.get("sensors").is_none(), "what has not changed is not repeated");
    line.stop().await;
}

fn moving(round: i64, count: u64) -> Snapshot {
    let mut tracks: Vec<_> = (0..count).map(testing::bare_track).collect();
    tracks.iter_mut().for_each(|t| t.kinematics.place.latitude_deg += round as f64 * 1e-4);
    testing::snapshot(10 + round, tracks, vec![])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_client_skips_frames_and_holds_nobody_up() {
    let mut line = Line::start(moving(0, 10_000)).await;
    let mut slow = Client::narrow(&line).await;
    let mut quick = Client::connect(&line).await;
    quick.beginning().await;
    let begun = Instant::now();
    for round in 1..=10 {
        let snapshot = moving(round, 10_000);
        line.show(snapshot.clone());
        let told = Instant::now();
        line.tell(ended(round as u64));
        quick.text_of("event").await;
        assert!(told.elapsed() < Duration::from_millis(500), "an event took {:?}", told.elapsed());
        quick.until(&snapshot).await;
        assert_eq!(quick.held, rows(&snapshot));
    }
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?} for ten frames", begun.elapsed());
    // The slow one wakes up: it missed frames, got no stale sequence of them, and missed no event.
    let last = moving(11, 10_000);
    line.show(last.clone());
    slow.beginning().await;
    let mut frames = 0;
    loop {
        if let Got::Frame(frame) = slow.next().await {
            frames += 1;
            if frame.time == last.at {
                break;
            }
        }
    }
    assert!(frames <= 4, "{frames} frames: the latest value wins");
    assert_eq!(slow.held, rows(&last));
    while slow.events.len() < 10 {
        slow.next().await;
    }
    assert_eq!(slow.events, (0..10).collect::<Vec<_>>());
    line.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_cannot_take_its_messages_is_closed_with_the_reason() {
    let mut line = Line::start(moving(0, 20_000)).await;
    let mut stuck = Client::narrow(&line).await;
    let mut quick = Client::connect(&line).await;
    quick.beginning().await;
    // Frames fill the way to the client that does not read; then come more messages than are kept for it.
    for round in 1..=8 {
        let snapshot = moving(round, 20_000);
        line.show(snapshot.clone());
        quick.until(&snapshot).await;
    }
    let total = limits::CLIENT_MESSAGES_MAX as u64 + 500;
    for n in 0..total {
        line.tell(ended(n));
        while quick.events.len() as u64 <= n {
            quick.next().await;
        }
    }
    assert_eq!(quick.events.len() as u64, total, "the other one got them all");
    let (code, why) = loop {
        if let Got::Closed(code, why) = stuck.next().await {
            break (code, why);
        }
    };
    assert_eq!(code, 1008);
    assert!(why.starts_with("too slow: ") && why.contains("must not be lost"), "{why}");
    drop(stuck);
    let begun = Instant::now();
    loop {
        let counts = line.get("/api/v1/status").await.json()["counts"].clone();
        assert_eq!(counts["clients_closed_slow"], 1);
        if counts["clients"] == 1 {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(5), "its place becomes free again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    line.stop().await;
}

#[tokio::test]
async fn clients_are_counted_and_bounded() {
    let line = Line::start(testing::snapshot(10, vec![], vec![])).await;
    let mut clients = Vec::new();
    for _ in 0..limits::CLIENTS_MAX {
        clients.push(Client::connect(&line).await);
    }
    assert_eq!(line.get("/api/v1/status").await.json()["counts"]["clients"], limits::CLIENTS_MAX);
    match Client::try_connect(&line).await {
        Err(tungstenite::Error::Http(response)) => assert_eq!(response.status().as_u16(), 503),
        other => panic!("one too many got {:?}", other.map(|_| "a feed")),
    }
    drop(clients.split_off(10));
    let begun = Instant::now();
    while Client::try_connect(&line).await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(5), "places of clients that left become free");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    line.stop().await;
}

#[tokio::test]
async fn a_client_has_nothing_to_say() {
    let line = Line::start(testing::snapshot(10, vec![], vec![])).await;
    let mut client = Client::connect(&line).await;
    client.beginning().await;
    client.socket.send(Message::text("{\"type\":\"acknowledge\"}")).await.unwrap();
    let closed = loop {
        if let Got::Closed(code, why) = client.next().await {
            break (code, why);
        }
    };
    assert_eq!(closed, (1003, String::from("this feed takes no messages: use the REST interface")));
    let mut pinging = Client::connect(&line).await;
    pinging.socket.send(Message::Ping(vec![1].into())).await.unwrap();
    let begun = Instant::now();
    while !matches!(pinging.socket.next().await.unwrap().unwrap(), Message::Pong(_)) {
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
    line.stop().await;
}

#[tokio::test]
async fn the_end_is_orderly_and_quick() {
    let line = Line::start(testing::snapshot(10, vec![], vec![])).await;
    let mut client = Client::connect(&line).await;
    client.beginning().await;
    let reading = tokio::spawn(async move {
        loop {
            if let Got::Closed(code, why) = client.next().await {
                return (code, why);
            }
        }
    });
    assert!(line.stop().await < Duration::from_secs(2));
    assert_eq!(reading.await.unwrap(), (1001, String::from("the server stops")));
}
