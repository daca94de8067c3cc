use crate::mailbox::{Bounds, Delivery, SHED_FULL, SHED_TOO_LARGE};
use crate::testing::{TestInput, TestOutput, free_port, until, within};
use lapwing_model::{Envelope, Link};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Sends a request as it stands and gives status and head of the answer. An error while writing may come of an answer
/// that did not wait for the whole request.
async fn raw(port: u16, request: &[u8]) -> (u16, String) {
    let mut peer = within("a connection", TcpStream::connect(("127.0.0.1", port))).await.unwrap();
    let _ = peer.write_all(request).await;
    head(&mut BufReader::new(peer)).await
}

async fn head(peer: &mut BufReader<TcpStream>) -> (u16, String) {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        let read = within("an answer", peer.read_line(&mut head)).await.unwrap();
        assert!(read > 0, "closed in {head:?}");
    }
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_lowercase())
}

fn post(path: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("POST {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

#[tokio::test]
async fn a_post_is_a_message_and_everything_else_is_refused_with_its_reason() {
    let port = free_port();
    let mut input =
        TestInput::open("http", &format!("listen = \"127.0.0.1:{port}\"\npath = \"/sensor/gate\"\nmax_bytes = 1000"));
    input.up().await;
    assert_eq!(raw(port, &post("/sensor/gate?x=1", "", "hello")).await.0, 202);
    let reception = input.reception().await;
    assert_eq!(reception.envelope, Envelope::Message { topic: "/sensor/gate".into() });
    assert_eq!(reception.bytes, b"hello");

    assert_eq!(raw(port, &post("/other", "", "hello")).await.0, 404);
    let (status, head) = raw(port, b"GET /sensor/gate HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert_eq!(status, 405);
    assert!(head.contains("allow: post"));
    assert_eq!(raw(port, &post("/sensor/gate", "Origin: http://evil.example\r\n", "hello")).await.0, 403);

    // Too large by its own word, and too large without a word.
    assert_eq!(raw(port, &post("/sensor/gate", "", &"x".repeat(1_001))).await.0, 413);
    let chunked = format!(
        "POST /sensor/gate HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n{}\r\n0\r\n\r\n",
        "x".repeat(1_001)
    );
    assert_eq!(raw(port, chunked.as_bytes()).await.0, 413);
    let mut shed = 0;
    while shed < 2 {
        match input.next().await {
            Delivery::Shed { units, reason, .. } if reason == SHED_TOO_LARGE => shed += units,
            other => panic!("{other:?}"),
        }
    }
    // A peer that breaks off, or talks nonsense, harms nobody.
    raw(port, b"nonsense\r\n\r\n").await;
    let mut broken = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    broken.write_all(b"POST /sensor/gate HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf").await.unwrap();
    drop(broken);
    assert_eq!(raw(port, &post("/sensor/gate", "", &"y".repeat(1_000))).await.0, 202);
    assert_eq!(input.reception().await.bytes.len(), 1_000);
}

#[tokio::test]
async fn a_full_mailbox_is_a_503_and_the_books_are_exact() {
    let port = free_port();
    let bounds = Bounds { receptions_per_input: 10, bytes: 1 << 20 };
    let mut input = TestInput::open_with(bounds, "http", &format!("listen = \"127.0.0.1:{port}\""));
    input.up().await;
    // All over one connection.
    let mut peer = BufReader::new(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..25 {
        peer.get_mut().write_all(&post("/", "", "x")).await.unwrap();
        let (status, head) = head(&mut peer).await;
        let length: usize = head.split("content-length: ").nth(1).unwrap().split('\r').next().unwrap().parse().unwrap();
        peer.read_exact(&mut vec![0; length]).await.unwrap();
        match status {
            202 => accepted += 1,
            503 => refused += 1,
            other => panic!("{other}"),
        }
    }
    assert_eq!((accepted, refused), (10, 15));
    let (mut delivered, mut shed) = (0, 0);
    while let Some(delivery) = input.inbox.try_recv() {
        match delivery {
            Delivery::Reception(_) => delivered += 1,
            Delivery::Shed { units, reason, .. } if reason == SHED_FULL => shed += units,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((delivered, shed), (10, 15));
    peer.get_mut().write_all(&post("/", "", "x")).await.unwrap();
    assert_eq!(head(&mut peer).await.0, 202, "room again");
}

/// What a test's receiver does with a request.
#[derive(Clone, Copy)]
enum Do {
    Answer(u16),
    Hang,
    Close,
}

/// A receiver of webhooks that behaves as told, by the message and the how-manieth request it is.
struct Receiver {
    port: u16,
    /// Bodies of all requests, and of those answered with 2xx.
    seen: Arc<Mutex<Vec<String>>>,
    taken: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Receiver {
    async fn start(port: u16, behaviour: impl Fn(&str, usize) -> Do + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (seen, taken) = (Arc::default(), Arc::default());
        let (all, good) = (Arc::clone(&seen), Arc::clone(&taken));
        let behaviour = Arc::new(behaviour);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (peer, _) = listener.accept().await.unwrap();
                connections.spawn(Self::serve(peer, Arc::clone(&behaviour), Arc::clone(&all), Arc::clone(&good)));
            }
        });
        Self { port, seen, taken, task }
    }

    async fn serve(
        peer: TcpStream,
        behaviour: Arc<impl Fn(&str, usize) -> Do>,
        seen: Arc<Mutex<Vec<String>>>,
        taken: Arc<Mutex<Vec<String>>>,
    ) {
        let mut peer = BufReader::new(peer);
        loop {
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                if peer.read_line(&mut head).await.unwrap_or(0) == 0 {
                    return;
                }
            }
            assert!(head.starts_with("POST /hook?site=a HTTP/1.1\r\n"), "{head}");
            let head = head.to_lowercase();
            assert!(
                head.contains("content-type: application/json\r\n") && head.contains("x-token: secret\r\n"),
                "{head}"
            );
            let length = head.split("content-length: ").nth(1).unwrap().split('\r').next().unwrap().parse().unwrap();
            let mut body = vec![0; length];
            if peer.read_exact(&mut body).await.is_err() {
                return;
            }
            let body = String::from_utf8(body).unwrap();
            let count = {
                let mut seen = seen.lock().unwrap();
                seen.push(body.clone());
                seen.len()
            };
            match behaviour(&body, count) {
                Do::Answer(status) => {
                    if (200..300).contains(&status) {
                        taken.lock().unwrap().push(body);
                    }
                    let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 2\r\n\r\nok");
                    if peer.get_mut().write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
                Do::Hang => std::future::pending().await,
                Do::Close => return,
            }
        }
    }

    fn taken(&self) -> Vec<String> {
        self.taken.lock().unwrap().clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn webhook(port: u16, more: &str) -> TestOutput {
    let config =
        format!("url = \"http://127.0.0.1:{port}/hook?site=a\"\nheaders = {{ \"X-Token\" = \"secret\" }}\n{more}");
    TestOutput::open("http", &config)
}

fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|n| n.to_string()).collect()
}

#[tokio::test]
async fn a_receiver_that_fails_hangs_closes_and_recovers_gets_everything_in_order() {
    let receiver = Receiver::start(0, |_, count| match count {
        3 => Do::Answer(500),
        4 => Do::Hang,
        8 => Do::Close,
        9 => Do::Answer(429),
        _ => Do::Answer(204),
    })
    .await;
    let output = webhook(receiver.port, "timeout_s = 0.3");
    let began = Instant::now();
    for message in numbers(100) {
        output.output.send(false, message);
    }
    assert!(began.elapsed() < Duration::from_millis(250), "sending never waits: {:?}", began.elapsed());
    output.down().await;
    output.sent(100).await;
    assert_eq!(receiver.taken(), numbers(100));
    assert_eq!(receiver.seen.lock().unwrap().len(), 104);
    output.up().await;
    assert_eq!(output.output.books().lost_total(), 0);
}

#[tokio::test]
async fn a_message_that_is_never_taken_is_given_up_counted_and_holds_up_no_other_for_ever() {
    let receiver = Receiver::start(0, |body, _| match body {
        "1" => Do::Answer(500),
        "2" => Do::Answer(400),
        _ => Do::Answer(200),
    })
    .await;
    let output = webhook(receiver.port, "attempts = 3");
    for message in numbers(4) {
        output.output.send(true, message);
    }
    output.until_books("two sent and two lost", |b| b.sent == 2 && b.lost_total() == 2).await;
    assert_eq!(receiver.taken(), ["0", "3"]);
    let seen = receiver.seen.lock().unwrap().clone();
    assert_eq!(seen, ["0", "1", "1", "1", "2", "3"], "an answer of 400 is not asked for again");
    let lost = output.output.books().lost;
    assert_eq!(lost.get("given up after all attempts"), Some(&1));
    assert_eq!(lost.get("refused by the receiver"), Some(&1));
}

#[tokio::test]
async fn a_dead_receiver_costs_only_ordinary_messages_and_gets_the_rest_when_it_is_back() {
    let port = free_port();
    let output = webhook(port, "attempts = 1000");
    output.output.send(false, "first");
    assert!(output.down().await.contains("cannot connect"));
    let max = lapwing_model::limits::OUTPUT_EVENTS_MAX;
    let began = Instant::now();
    output.output.send(true, "alert");
    for n in 0..max + 100 {
        output.output.send(false, n.to_string());
    }
    assert!(began.elapsed() < Duration::from_secs(2));
    let books = output.output.books();
    assert!(books.balances());
    assert_eq!(books.lost_total(), 101);
    let receiver = Receiver::start(port, |_, _| Do::Answer(200)).await;
    output.sent(books.offered - 101).await;
    let taken = receiver.taken();
    assert_eq!(taken[..3], ["first".to_owned(), "alert".to_owned(), "101".to_owned()]);
    assert_eq!(taken.last(), Some(&(max + 99).to_string()));
}

#[tokio::test]
async fn closing_an_output_whose_receiver_is_dead_does_not_hang() {
    let output = webhook(free_port(), "attempts = 1000");
    output.output.send(true, "never");
    let link = output.output.link();
    output.down().await;
    let TestOutput { output, task } = output;
    drop(output);
    within("the task's end", task).await.unwrap();
    assert!(matches!(&*link.borrow(), Link::Down { .. }));
}

#[tokio::test]
async fn closing_an_output_sends_what_waits() {
    let receiver = Receiver::start(0, |_, _| Do::Answer(200)).await;
    let output = webhook(receiver.port, "");
    for message in numbers(50) {
        output.output.send(false, message);
    }
    let TestOutput { output, task } = output;
    drop(output);
    within("the task's end", task).await.unwrap();
    until("all of them", || receiver.taken() == numbers(50)).await;
}
