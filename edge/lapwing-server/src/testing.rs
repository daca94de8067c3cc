//! Made-up pictures for tests, here and in `tests/`.

use lapwing_model::ledger::Ledger;
use lapwing_model::snapshot::Health;
use lapwing_model::track::{Source, TrailPoint};
use lapwing_model::{
    AirText, Alert, AlertId, AlertReason, AlertState, ClaimedOperator, Class, Classification, Coverage, Evidence,
    EvidenceKind, Heights, Identity, IdentityStatus, InputId, InputState, Kinematics, Link, Name, NameKind, Personal,
    Phase, Place, Position, Protocol, Rule, Sensor, SensorId, SensorKind, SensorState, Severity, Shape, Site, Snapshot,
    Span, Time, Track, TrackId, Transmitter, Zone, ZoneHeight, ZoneId, ZoneKind,
};
use lapwing_model::{Datum, Fault, FaultKind, Geodetic, alert::AlertStep, site::InputInfo};
use std::borrow::Cow;

pub(crate) fn text(text: &str) -> AirText {
    AirText::new(text)
}

pub(crate) fn time(seconds: i64) -> Time {
    Time::from_seconds(1_700_000_000 + seconds)
}

/// A drone near Zürich with a serial and an operator, its height known above the ellipsoid only.
pub(crate) fn track(number: u64) -> Track {
    let step = number as f64 * 1e-5;
    let place = Place { latitude_deg: 47.0 + step, longitude_deg: 8.0 - step };
    Track {
        id: TrackId(number),
        phase: Phase::Confirmed,
        existence: 0.99,
        claimed_only: number % 2 == 1,
        first_at: time(0),
        last_at: time(10),
        kinematics: Kinematics {
            at: time(10),
            place,
            heights: Heights { height_ellipsoid_m: Some(540.5), ..Heights::UNKNOWN },
            horizontal_accuracy_m: 6.5,
            speed_mps: Some(11.0),
            speed_accuracy_mps: None,
            course_rad: Some(1.25),
            vertical_speed_mps: None,
        },
        identity: Identity {
            status: IdentityStatus::Claimed,
            names: vec![Name { kind: NameKind::Serial, value: text(&format!("SERIAL{number}")) }],
            evidence: vec![Evidence {
                kind: EvidenceKind::FrozenTimestamp,
                weight: -2.0,
                detail: text("the time stamp stands still"),
                first_at: time(3),
                last_at: time(9),
                count: 7,
            }],
        },
        classification: Classification::single(Class::Multirotor, 0.8),
        status: None,
        operator: Some(ClaimedOperator {
            place: Some(Personal::new(Place { latitude_deg: 47.111, longitude_deg: 8.222 })),
            height_ellipsoid_m: Some(481.0),
            place_source: Some(text("live_gnss")),
            id: Some(Personal::new(text("CHE-OPERATOR-1"))),
        }),
        text: None,
        squawk: None,
        transmitters: vec![Transmitter::Mac(text("90:3a:e6:5b:c8:a8"))],
        sources: vec![Source {
            sensor: SensorId::new("rid-1").unwrap(),
            protocol: Some(Protocol::RemoteIdWifiBeacon),
            last_at: time(10),
            count: 12,
        }],
        entries: vec![Position(1), Position(5)],
        entries_total: 12,
        trail: vec![TrailPoint { at: time(9), place }],
    }
}

/// The same with nothing known that need not be.
pub(crate) fn bare_track(number: u64) -> Track {
    let full = track(number);
    Track {
        phase: Phase::Tentative,
        kinematics: Kinematics { heights: Heights::UNKNOWN, speed_mps: None, course_rad: None, ..full.kinematics },
        identity: Identity::unidentified(),
        classification: Classification::default(),
        operator: None,
        transmitters: Vec::new(),
        trail: Vec::new(),
        ..full
    }
}

pub(crate) fn alert(number: u64, track: u64, state: AlertState) -> Alert {
    Alert {
        id: AlertId(number),
        state,
        severity: Severity::Critical,
        track: TrackId(track),
        headline: text("Unknown drone enters the stadium in 42 s"),
        reason: AlertReason {
            rule: text("unauthorised-in-protected-zone"),
            zone: ZoneId::new("stadium").unwrap(),
            inside_probability: 0.1,
            entry_predicted_at: Some(time(52)),
            entry_sd_s: Some(4.0),
            entered_at: None,
            distance_m: 480.0,
            height_known: true,
        },
        raised_at: time(10),
        changed_at: time(10),
        steps: vec![AlertStep { at: time(10), state, severity: Severity::Critical, by: None, note: None }],
        entries: vec![Position(5)],
    }
}

pub(crate) fn sensor() -> Sensor {
    let place = Geodetic { latitude_deg: 47.0, longitude_deg: 8.0, height_ellipsoid_m: 500.0 };
    Sensor {
        coverage: Coverage { range_max_m: Some(3_000.0), ..Coverage::default() },
        ..Sensor::new(SensorId::new("rid-1").unwrap(), SensorKind::RemoteId, Some(place), Span::from_seconds(5))
    }
}

pub(crate) fn input() -> InputState {
    let mut ledger = Ledger { received: 100, used: 90, ..Ledger::default() };
    ledger.reject(Cow::Borrowed("bad-crc"), 7);
    ledger.shed(Cow::Borrowed("mailbox-full"), 3);
    InputState {
        input: InputId::new("rid").unwrap(),
        sensor: SensorId::new("rid-1").unwrap(),
        format: text("dronescout"),
        transport: text("mqtt"),
        link: Link::Down { why: text("connection refused") },
        ledger,
        faults: vec![Fault {
            kind: FaultKind::Malformed,
            reason: Cow::Borrowed("bad-crc"),
            detail: text("expected 1, found 2"),
            offset: 4,
            length: 2,
        }],
    }
}

pub(crate) fn snapshot(seconds: i64, tracks: Vec<Track>, alerts: Vec<Alert>) -> Snapshot {
    let sensor = SensorState {
        sensor: sensor(),
        health: Health::Silent,
        why: Some(text("not heard for 15 s")),
        last_at: Some(time(0)),
        since: time(1),
        reports: 90,
    };
    Snapshot { at: time(seconds), tracks, alerts, sensors: vec![sensor], inputs: vec![input()] }
}

pub(crate) fn site() -> Site {
    let corner = |latitude_deg, longitude_deg| Place { latitude_deg, longitude_deg };
    let square = vec![corner(47.0, 8.0), corner(47.01, 8.0), corner(47.01, 8.01), corner(47.0, 8.01)];
    let zone = |id: &str, shape| Zone {
        id: ZoneId::new(id).unwrap(),
        name: text("Stadium"),
        kind: ZoneKind::Protected,
        shape,
        floor: None,
        ceiling: Some(ZoneHeight { value_m: 120.0, datum: Datum::AboveGround }),
        times: Vec::new(),
    };
    Site {
        name: text("Test <site>"),
        sensors: vec![sensor()],
        inputs: vec![InputInfo {
            id: InputId::new("rid").unwrap(),
            format: text("dronescout"),
            transport: text("mqtt"),
            sensor: SensorId::new("rid-1").unwrap(),
            format_options: String::new(),
        }],
        zones: vec![
            zone("stadium", Shape::Polygon { polygons: vec![vec![square]] }),
            zone("tower", Shape::Circle { centre: corner(47.0, 8.0), radius_m: 500.0 }),
        ],
        rules: Rule::defaults(),
        authorised: Vec::new(),
    }
}
