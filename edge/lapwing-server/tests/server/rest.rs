//! The REST interface.

use crate::harness::Line;
use crate::history;
use crate::{schema, testing};
use lapwing_model::snapshot::Health;
use lapwing_model::{
    AirText, AlertState, Claim, EventBody, InputId, Link, Order, Position, Protocol, SensorId, TrackId,
};
use lapwing_server::Refusal;
use serde_json::{Value, json};
use std::time::Duration;

async fn line() -> Line {
    let tracks = vec![testing::track(1), testing::bare_track(2), testing::track(3000)];
    let alerts = vec![testing::alert(2, 1, AlertState::Raised), testing::alert(1, 3000, AlertState::Cleared)];
    Line::start(testing::snapshot(10, tracks, alerts)).await
}

fn ids(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|v| v["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn every_answer_is_as_described() {
    let mut line = line().await;
    tokio::spawn(history::answer(line.history.take().unwrap()));
    // Something of every kind of event that holds nouns of its own.
    let mut claim = Claim::new(Protocol::Adsb);
    claim.rssi_db = Some(-18.5);
    let track = Box::new(testing::track(1));
    line.tell(EventBody::TrackBegan { track });
    line.tell(EventBody::AlertChanged { alert: Box::new(testing::alert(2, 1, AlertState::Raised)) });
    line.tell(EventBody::TrackEnded { track: TrackId(9), why: AirText::new("not seen") });
    let sensor = SensorId::new("rid-1").unwrap();
    line.tell(EventBody::SensorChanged { sensor, health: Health::Silent, why: None });
    line.tell(EventBody::InputChanged { input: InputId::new("rid").unwrap(), link: Link::Up });
    line.tell(EventBody::ClaimWithoutPlace { claim: Box::new(claim) });
    let fault = testing::input().faults.remove(0);
    line.tell(EventBody::Faulted { input: InputId::new("rid").unwrap(), fault, count: 3 });
    while line.get("/api/v1/events").await.json()["next"] != 7 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let document = schema::document();
    let mut checked = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        if item.get("get").is_none() || ["/metrics", "/api/v1/live", "/api/v1/openapi.json"].contains(&path.as_str()) {
            continue;
        }
        let example = if path.contains("alerts") { "A2" } else { "T1" };
        let answer = line.get(&path.replace("{id}", example)).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        assert_eq!(answer.header("content-type"), "application/json", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        let value = answer.json();
        if let Err(why) = schema::check(&document, schema::of_route(&document, path), &value) {
            panic!("{path} answers other than described: {why}");
        }
        checked += 1;
    }
    assert!(checked >= 19, "{checked} routes");
    line.stop().await;
}

#[tokio::test]
async fn tracks_can_be_filtered_and_unknown_is_null() {
    let line = line().await;
    let all = line.get("/api/v1/tracks").await.json();
    assert_eq!(ids(&all["tracks"]), ["T1", "T2", "T3000"]);
    assert_eq!(all["total"], 3);
    assert_eq!(all["at"], "2023-11-14T22:13:30Z");
    assert_eq!(all["tracks"][0]["trail"], json!([]), "trails are left out of lists");
    let heights = &all["tracks"][0]["kinematics"]["heights"];
    assert_eq!(heights["height_ellipsoid_m"], 540.5);
    assert!(heights["altitude_msl_m"].is_null(), "unknown is null, not 0");
    assert_eq!(all["tracks"][0]["operator"]["id"], "CHE-OPERATOR-1", "the loopback reader is an operator");
    assert_eq!(ids(&line.get("/api/v1/tracks?phase=confirmed,coasting").await.json()["tracks"]), ["T1", "T3000"]);
    assert_eq!(ids(&line.get("/api/v1/tracks?bbox=7.9,46.9,8.1,47.001").await.json()["tracks"]), ["T1", "T2"]);
    let trail = line.get("/api/v1/tracks?trail=true").await.json();
    assert_eq!(trail["tracks"][0]["trail"].as_array().unwrap().len(), 1);
    let one = line.get("/api/v1/tracks/T1").await.json();
    assert_eq!(one["trail"].as_array().unwrap().len(), 1, "one track comes with its past");
    for (wrong, part) in [
        ("phase=confirmd", "phase: unknown variant `confirmd`"),
        ("bbox=1,2,3", "bbox: expected west,south,east,north"),
        ("trail=perhaps", "trail"),
        ("fase=confirmed", "fase"),
    ] {
        let answer = line.get(&format!("/api/v1/tracks?{wrong}")).await;
        assert_eq!(answer.status, 400);
        assert!(answer.problem().contains(part), "{}", answer.problem());
    }
    let answer = line.get("/api/v1/tracks/T99").await;
    assert_eq!((answer.status, answer.problem().as_str()), (404, "there is no live track T99"));
    assert_eq!(line.get("/api/v1/tracks/99").await.status, 400);
    line.stop().await;
}

#[tokio::test]
async fn alerts_can_be_filtered_and_found() {
    let line = line().await;
    assert_eq!(ids(&line.get("/api/v1/alerts").await.json()["alerts"]), ["A2", "A1"]);
    assert_eq!(ids(&line.get("/api/v1/alerts?state=cleared").await.json()["alerts"]), ["A1"]);
    assert_eq!(line.get("/api/v1/alerts/A2").await.json()["headline"], "Unknown drone enters the stadium in 42 s");
    let answer = line.get("/api/v1/alerts/A9").await;
    assert_eq!((answer.status, answer.problem().as_str()), (404, "there is no alert A9"));
    assert_eq!(line.get("/api/v1/alerts?state=open").await.status, 400);
    line.stop().await;
}

#[tokio::test]
async fn an_acknowledgement_goes_through_the_run_loop_and_answers_the_alert_as_it_then_is() {
    let mut line = line().await;
    let mut commands = line.commands.take().unwrap();
    let snapshots = line.snapshots.clone();
    let run_loop = tokio::spawn(async move {
        let request = commands.recv().await.unwrap();
        assert_eq!(request.command.by.as_str(), "guard-2");
        let Order::AcknowledgeAlert { alert, note } = &request.command.order;
        assert_eq!((alert.to_string().as_str(), note.as_ref().unwrap().as_str()), ("A2", "police called"));
        request.answer.send(Ok(Position(8))).unwrap();
        // The picture shows it a little later than the journal has it.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let shown = testing::snapshot(11, vec![], vec![testing::alert(2, 1, AlertState::Acknowledged)]);
        snapshots.send_replace(std::sync::Arc::new(shown));
        commands
    });
    let answer = line.acknowledge("A2", r#"{"by": " guard-2 ", "note": "police called"}"#).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["id"], "A2");
    assert_eq!(answer.json()["state"], "acknowledged");
    let document = schema::document();
    schema::check(&document, &document["components"]["schemas"]["Alert"], &answer.json()).unwrap();
    drop(run_loop.await.unwrap());
    line.stop().await;
}

#[tokio::test]
async fn refused_commands_say_why() {
    let mut line = line().await;
    let mut commands = line.commands.take().unwrap();
    let run_loop = tokio::spawn(async move {
        for refusal in [
            Refusal::NotFound(String::from("there is no alert A77")),
            Refusal::Conflict(String::from("alert A1 is cleared")),
            Refusal::Unavailable(String::from("the journal cannot write: no space left on device")),
        ] {
            commands.recv().await.unwrap().answer.send(Err(refusal)).unwrap();
        }
        // The next one is taken and never answered; after that nobody listens.
        drop(commands.recv().await.unwrap());
    });
    let body = r#"{"by": "guard-2"}"#;
    for (status, detail) in [
        (404, "there is no alert A77"),
        (409, "alert A1 is cleared"),
        (503, "the journal cannot write: no space left on device"),
        (503, "the server stopped before it confirmed the command"),
    ] {
        let answer = line.acknowledge("A1", body).await;
        assert_eq!((answer.status, answer.problem().as_str()), (status, detail));
    }
    run_loop.await.unwrap();
    let answer = line.acknowledge("A1", body).await;
    assert_eq!(answer.status, 503);
    assert!(answer.problem().contains("was not executed"));
    line.stop().await;
}

#[tokio::test]
async fn a_journalled_command_that_the_picture_does_not_show_is_accepted() {
    let mut line = line().await;
    let mut commands = line.commands.take().unwrap();
    let run_loop = tokio::spawn(async move {
        commands.recv().await.unwrap().answer.send(Ok(Position(8))).unwrap();
        commands
    });
    let answer = line.acknowledge("A2", r#"{"by": "guard-2"}"#).await;
    assert_eq!(answer.status, 202);
    assert_eq!(answer.json()["position"], 8);
    drop(run_loop.await.unwrap());
    line.stop().await;
}

#[tokio::test]
async fn a_command_has_to_say_who_gives_it() {
    let line = line().await;
    let long = "x".repeat(65);
    let note = "x".repeat(257);
    for (body, status, part) in [
        (r#"{"by": ""}"#, 400, "by: who acknowledges"),
        (r#"{"by": "  "}"#, 400, "by: who acknowledges"),
        (&format!(r#"{{"by": "{long}"}}"#), 400, "by: who acknowledges"),
        (&format!(r#"{{"by": "a", "note": "{note}"}}"#), 400, "note: at most 256 bytes"),
        (r#"{"note": "x"}"#, 422, "missing field `by`"),
        (r#"{"by": "a", "alert": "A9"}"#, 422, "unknown field `alert`"),
        (r#"{"by": "a""#, 400, "EOF"),
    ] {
        let answer = line.acknowledge("A2", body).await;
        assert_eq!(answer.status, status, "{body}: {answer:?}");
        assert!(answer.problem().contains(part), "{body}: {}", answer.problem());
    }
    let path = "/api/v1/alerts/A2/acknowledge";
    assert_eq!(line.request("POST", path, &[("Content-Type", "text/plain")], r#"{"by": "a"}"#).await.status, 415);
    let huge = format!(r#"{{"by": "{}"}}"#, "x".repeat(20_000));
    let answer = line.acknowledge("A2", &huge).await;
    assert_eq!(answer.status, 413);
    line.stop().await;
}

#[tokio::test]
async fn events_can_be_followed_by_number() {
    let mut line = line().await;
    for n in 0..5 {
        line.tell(EventBody::TrackEnded { track: TrackId(n), why: AirText::new("not seen") });
    }
    let mut got = Vec::new();
    let mut since = 0;
    while got.len() < 5 {
        let page = line.get(&format!("/api/v1/events?since={since}&limit=2")).await.json();
        assert_eq!(page["complete"], true);
        got.extend(page["events"].as_array().unwrap().iter().map(|e| e["sequence"].as_u64().unwrap()));
        since = page["next"].as_u64().unwrap();
    }
    assert_eq!(got, [0, 1, 2, 3, 4]);
    assert_eq!(since, 5);
    assert_eq!(line.get("/api/v1/events?limit=0").await.status, 400);
    line.stop().await;
}

#[tokio::test]
async fn status_and_metrics_have_the_same_numbers() {
    let line = line().await;
    line.show(testing::snapshot(25, vec![testing::track(1)], vec![]));
    let status = line.get("/api/v1/status").await.json();
    assert_eq!(status["uptime_s"], 15.0, "by the picture's time");
    assert_eq!(status["site"], "Test <site>");
    assert_eq!(status["counts"]["tracks_confirmed"], 1);
    assert_eq!(status["books"], json!({"received": 100, "used": 90, "rejected": 7, "shed": 3, "balanced": true}));
    assert_eq!(status["journal"]["entries"], 7);
    assert_eq!(status["limits"].as_array().unwrap().len(), lapwing_model::limits::ALL.len());
    let metrics = line.get("/metrics").await;
    assert_eq!(metrics.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    for expected in [
        "lapwing_input_received_units_total{input=\"rid\"} 100",
        "lapwing_input_used_units_total{input=\"rid\"} 90",
        "lapwing_input_rejected_units_total{input=\"rid\",reason=\"bad-crc\"} 7",
        "lapwing_input_shed_units_total{input=\"rid\",reason=\"mailbox-full\"} 3",
        "lapwing_input_up{input=\"rid\"} 0",
        "lapwing_tracks{phase=\"confirmed\"} 1",
        "lapwing_alerts{state=\"raised\"} 0",
        "lapwing_clients 0",
        "lapwing_output_sent_messages_total{output=\"webhook\"} 5",
        "lapwing_journal_up 1",
    ] {
        assert!(metrics.body.lines().any(|l| l == expected), "{expected} is not in\n{}", metrics.body);
    }
    for line in metrics.body.lines().filter(|l| !l.starts_with('#')) {
        let (_, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
    line.stop().await;
}

#[tokio::test]
async fn ten_thousand_tracks_are_listed() {
    let line = Line::start(testing::snapshot(10, (0..10_000).map(testing::track).collect(), vec![])).await;
    let answer = line.get("/api/v1/tracks").await;
    assert_eq!(answer.json()["tracks"].as_array().unwrap().len(), 10_000);
    assert_eq!(line.get("/data/aircraft.json").await.json()["aircraft"].as_array().unwrap().len(), 10_000);
    line.stop().await;
}
