//! What the server keeps out, and what it puts on every answer.

use crate::harness::Line;
use crate::testing;
use lapwing_model::{AlertState, limits};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

async fn line() -> Line {
    Line::start(testing::snapshot(10, vec![], vec![testing::alert(2, 1, AlertState::Raised)])).await
}

#[tokio::test]
async fn other_names_for_this_machine_are_refused() {
    let line = line().await;
    for path in ["/", "/api/v1/status", "/api/v1/live", "/metrics", "/data/aircraft.json", "/nothing"] {
        for host in ["evil.example", "evil.example:80", "192.168.1.7", ""] {
            let answer = line.request("GET", path, &[("Host", host)], "").await;
            assert_eq!(answer.status, 421, "{path} for {host:?}");
            assert!(answer.problem().contains("Host"));
        }
        let port = line.address.port();
        let answer = line.request("GET", path, &[("Host", &format!("localhost:{port}"))], "").await;
        assert_ne!(answer.status, 421, "{path}");
    }
    let twice = line.request("GET", "/", &[("Host", "localhost"), ("Host", "evil.example")], "").await;
    assert_eq!(twice.status, 421);
    line.stop().await;
}

#[tokio::test]
async fn pages_of_other_origins_are_refused() {
    let mut line = line().await;
    let own = format!("http://{}", line.address);
    let websocket = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    for origin in ["http://evil.example", "null", "http://localhost:1", "https://127.0.0.1", "file://"] {
        let with = |more: &[(&'static str, &'static str)]| [more, &[]].concat();
        let mut headers = with(&websocket);
        headers.push(("Origin", origin));
        assert_eq!(line.request("GET", "/api/v1/live", &headers, "").await.status, 403, "WebSocket from {origin}");
        let headers = [("Content-Type", "application/json"), ("Origin", origin)];
        let answer = line.request("POST", "/api/v1/alerts/A2/acknowledge", &headers, r#"{"by":"x"}"#).await;
        assert_eq!(answer.status, 403, "POST from {origin}");
        assert!(answer.problem().contains("origin"));
    }
    assert!(line.commands.as_mut().unwrap().try_recv().is_err(), "no command got through");
    assert_eq!(line.request("GET", "/api/v1/status", &[("Origin", &own)], "").await.status, 200);
    line.stop().await;
}

#[tokio::test]
async fn every_answer_has_the_security_headers() {
    let line = line().await;
    for path in ["/", "/api/v1/status", "/api/v1/nothing", "/assets/none.js", "/metrics"] {
        let answer = line.get(path).await;
        let policy = answer.header("content-security-policy");
        for part in [
            "default-src 'none'",
            "script-src 'self';",
            "worker-src 'self';",
            "frame-ancestors 'none'",
            &format!("connect-src 'self' ws://{};", line.address),
        ] {
            assert!(policy.contains(part), "{path}: {part} is not in {policy}");
        }
        assert!(!policy.contains("unsafe-") && !policy.contains('*'), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "", "no CORS");
    }
    line.stop().await;
}

#[tokio::test]
async fn wrong_paths_and_methods_are_problems_and_views_get_a_page() {
    let line = line().await;
    for path in ["/api", "/api/", "/api/v1/nothing", "/api/v2/tracks", "/data/nothing.json", "/metrics/x", "/x.js"] {
        let answer = line.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        answer.problem();
    }
    for (method, path) in
        [("DELETE", "/api/v1/tracks"), ("GET", "/api/v1/alerts/A2/acknowledge"), ("POST", "/"), ("PUT", "/x.js")]
    {
        let answer = line.request(method, path, &[], "").await;
        assert_eq!(answer.status, 405, "{method} {path}");
        answer.problem();
    }
    for view in ["/", "/tracks/T1"] {
        let answer = line.get(view).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    }
    let head = line.request("HEAD", "/api/v1/status", &[], "").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    line.stop().await;
}

#[tokio::test]
async fn garbage_does_no_harm() {
    let line = line().await;
    for garbage in [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], b"GET\r\n\r\n", b"\0\0\0\0", &[b'x'; 100_000]]
    {
        let mut stream = TcpStream::connect(line.address).await.unwrap();
        let _ = stream.write_all(garbage).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
        assert!(read.is_ok(), "the connection is closed");
    }
    let mut long = String::from("GET / HTTP/1.1\r\n");
    (0..200).for_each(|n| long += &format!("X-{n}: {}\r\n", "y".repeat(1000)));
    let mut stream = TcpStream::connect(line.address).await.unwrap();
    let _ = stream.write_all(long.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 431"), "headers are bounded");
    assert_eq!(line.get("/api/v1/status").await.status, 200);
    line.stop().await;
}

#[tokio::test]
async fn idle_connections_beyond_the_bound_wait_and_do_not_break_those_that_are_served() {
    let line = line().await;
    let mut idle = Vec::new();
    for _ in 0..limits::HTTP_CONNECTIONS_MAX - 1 {
        idle.push(TcpStream::connect(line.address).await.unwrap());
    }
    assert_eq!(line.get("/api/v1/status").await.status, 200);
    idle.push(TcpStream::connect(line.address).await.unwrap());
    tokio::time::sleep(Duration::from_millis(100)).await;
    let waiting = tokio::time::timeout(Duration::from_millis(300), line.get("/api/v1/status")).await;
    assert!(waiting.is_err(), "one too many has to wait");
    idle.truncate(10);
    let served = tokio::time::timeout(Duration::from_secs(5), line.get("/api/v1/status")).await;
    assert_eq!(served.unwrap().status, 200);
    assert!(line.stop().await < Duration::from_secs(3), "idle connections do not delay the end");
}

#[tokio::test]
async fn other_addresses_than_loopback_are_refused() {
    let (_, snapshots) = tokio::sync::watch::channel(std::sync::Arc::new(testing::snapshot(0, vec![], vec![])));
    let (_, site) = tokio::sync::watch::channel(std::sync::Arc::new(testing::site()));
    let (_, outputs) = tokio::sync::watch::channel(vec![]);
    let (_, journal) = tokio::sync::watch::channel(lapwing_server::JournalState::default());
    let (commands, _) = tokio::sync::mpsc::channel(1);
    let events = tokio::sync::broadcast::Sender::new(1);
    let (history, _) = tokio::sync::mpsc::channel(1);
    let feeds = lapwing_server::Feeds { snapshots, site, events, commands, outputs, journal, history };
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let why = lapwing_server::serve(listener, feeds, std::future::pending()).await.unwrap_err();
    assert!(why.to_string().contains("loopback only"), "{why}");
}
