//! The past: what is asked reaches the index as it was meant, and what it answers is described.

use crate::harness::Line;
use crate::testing;
use lapwing_model::{AlertId, AlertState, Class, Heights, IdentityStatus, Phase, Place, Position, Severity, TrackId};
use lapwing_server::history::{
    AlertRecord, AuditKind, AuditRecord, Bounds, HistoryAnswer, HistoryPoint, HistoryQuery, HistoryRefusal,
    HistoryRequest, IncidentId, IncidentRecord, Page, Search, TrackHistory, TrackRecord,
};
use tokio::sync::mpsc;

fn record() -> TrackRecord {
    let track = testing::track(1);
    TrackRecord {
        id: track.id,
        first_at: track.first_at,
        last_at: track.last_at,
        ended_at: None,
        ended_why: None,
        phase: track.phase,
        confirmed: true,
        claimed_only: true,
        existence_max: 0.99,
        identity: track.identity.status,
        names: track.identity.names,
        class: Some(Class::Multirotor),
        class_probability: Some(0.8),
        severity_max: Some(Severity::Warning),
        bounds: Bounds { west_deg: 8.0, south_deg: 47.0, east_deg: 8.1, north_deg: 47.1 },
        points: 2,
        joined_into: None,
        split_from: None,
        operator: track.operator,
        first_position: Position(1),
        last_position: Position(5),
    }
}

fn point() -> HistoryPoint {
    HistoryPoint {
        at: testing::time(3),
        place: Place { latitude_deg: 47.0, longitude_deg: 8.0 },
        heights: Heights { altitude_msl_m: Some(540.5), ..Heights::UNKNOWN },
        horizontal_accuracy_m: 6.5,
        speed_mps: None,
        speed_accuracy_mps: None,
        course_rad: None,
        vertical_speed_mps: None,
        existence: 0.9,
        phase: Phase::Confirmed,
        identity: IdentityStatus::Claimed,
        claimed_only: false,
        class: None,
    }
}

fn page<T>(item: T) -> Page<T> {
    Page { reached: Position(9), items: vec![item], next: Some(1) }
}

fn answered(query: &HistoryQuery) -> Result<HistoryAnswer, HistoryRefusal> {
    Ok(match query {
        HistoryQuery::Tracks(_) => HistoryAnswer::Tracks(page(record())),
        HistoryQuery::Track { id: TrackId(1), .. } => HistoryAnswer::Track(Box::new(TrackHistory {
            reached: Position(9),
            track: record(),
            points: vec![point()],
            next: None,
        })),
        HistoryQuery::Track { id, .. } => return Err(HistoryRefusal::NotFound(format!("no track {id} is on record"))),
        HistoryQuery::Alerts(_) => HistoryAnswer::Alerts(page(AlertRecord {
            incident: IncidentId(2),
            alert: testing::alert(2, 1, AlertState::Cleared),
            severity_max: Severity::Critical,
            place: None,
        })),
        HistoryQuery::Incidents(_) => HistoryAnswer::Incidents(page(IncidentRecord {
            id: IncidentId(2),
            began_at: testing::time(1),
            ended_at: None,
            ended_why: None,
            changed_at: testing::time(2),
            severity_max: Severity::Critical,
            headline: "Unknown drone".to_owned(),
            zones: vec!["stadium".parse().unwrap()],
            alerts: vec![AlertId(2)],
            tracks: vec![TrackId(1)],
            acknowledged_by: vec!["guard-2".to_owned()],
            state: AlertState::Acknowledged,
            first_position: Position(2),
            last_position: Position(8),
        })),
        HistoryQuery::Audit(_) => HistoryAnswer::Audit(page(AuditRecord {
            position: Position(3),
            at: testing::time(1),
            kind: AuditKind::Command,
            by: Some("guard-2".to_owned()),
            what: "acknowledged A2".to_owned(),
            sha256: None,
        })),
    })
}

/// Stands where the index does.
pub(crate) async fn answer(mut requests: mpsc::Receiver<HistoryRequest>) {
    while let Some(request) = requests.recv().await {
        let _ = request.answer.send(answered(&request.query));
    }
}

#[tokio::test]
async fn a_search_reaches_the_index_as_it_was_meant() {
    let mut line = Line::start(testing::snapshot(10, vec![], vec![])).await;
    let mut requests = line.history.take().unwrap();
    let (seen, mut asked) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(request) = requests.recv().await {
            seen.send(request.query.clone()).unwrap();
            let _ = request.answer.send(answered(&request.query));
        }
    });
    let path = "/api/v1/history/tracks?from=2026-05-01T09:30:00Z&to=2026-05-01T10:00:00%2B00:00&near=47.45,8.55,2000\
                &zone=stadium&identity=SERIAL1&limit=7&before=99";
    let answer = line.get(path).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["tracks"][0]["id"], "T1");
    assert_eq!(answer.json()["tracks"][0]["operator"]["id"], "CHE-OPERATOR-1", "this role sees it");
    let HistoryQuery::Tracks(search) = asked.recv().await.unwrap() else { panic!("another question") };
    let expected = Search {
        from: Some("2026-05-01T09:30:00Z".parse().unwrap()),
        to: Some("2026-05-01T10:00:00Z".parse().unwrap()),
        near: Some("47.45,8.55,2000".parse().unwrap()),
        zone: Some("stadium".parse().unwrap()),
        identity: Some("SERIAL1".to_owned()),
        limit: 7,
        before: Some(99),
    };
    assert_eq!(search, expected);
    for wrong in [
        "tracks?from=yesterday",
        "tracks?near=1,2",
        "tracks?near=91,0,5",
        "tracks?limit=0",
        "tracks?limit=1001",
        "tracks?zone=../etc",
        "tracks?identity=",
        "tracks?colour=red",
        "tracks/17",
        "tracks/T1?limit=10001",
        "alerts?to=1",
        "incidents?before=x",
        "audit?near=1,2,3",
    ] {
        let answer = line.get(&format!("/api/v1/history/{wrong}")).await;
        assert_eq!(answer.status, 400, "{wrong}");
        assert!(!answer.problem().is_empty());
    }
    assert_eq!(line.get("/api/v1/history/tracks/T99").await.problem(), "no track T99 is on record");
    line.stop().await;
}

#[tokio::test]
async fn without_an_index_the_past_is_unavailable_and_says_why() {
    let mut line = Line::start(testing::snapshot(10, vec![], vec![])).await;
    drop(line.history.take());
    let answer = line.get("/api/v1/history/tracks").await;
    assert_eq!(answer.status, 503);
    assert!(answer.problem().contains("no index"), "{answer:?}");
    line.stop().await;
}
