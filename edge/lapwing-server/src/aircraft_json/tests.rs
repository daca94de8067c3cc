use super::*;
use crate::testing;
use lapwing_model::track::Source;
use lapwing_model::{Heights, Name};

fn json(track: &Track) -> serde_json::Value {
    serde_json::to_value(one(track, testing::time(12))).unwrap()
}

#[test]
fn a_drone_without_an_address_is_shown_in_aviation_units() {
    let value = json(&testing::track(0x7701_002a));
    assert_eq!(value["hex"], "~01002a");
    assert_eq!(value["type"], "other");
    assert_eq!(value["flight"], "SERIAL1996554282");
    assert_eq!(value["category"], "B6");
    assert_eq!(value["alt_geom"], 1773.0, "540.5 m");
    assert_eq!(value["gs"], 21.4, "11 m/s");
    assert_eq!(value["track"], 71.6, "1.25 rad");
    assert_eq!(value["seen"], 2.0);
    assert_eq!(value["messages"], 12);
    for unknown in ["alt_baro", "geom_rate", "squawk", "r", "emergency"] {
        assert!(value.get(unknown).is_none(), "{unknown} is not known and must not stand there");
    }
    assert!(!value.to_string().contains("OPERATOR"), "nothing of the operator");
}

#[test]
fn an_airliner_keeps_its_address_and_pressure_altitude() {
    let mut track = testing::track(1);
    track.identity.names = vec![
        Name { kind: NameKind::IcaoAddress, value: AirText::new("4b1814") },
        Name { kind: NameKind::Callsign, value: AirText::new("SWR123") },
    ];
    track.sources = vec![Source { protocol: Some(Protocol::Adsb), ..track.sources[0].clone() }];
    track.kinematics.heights = Heights { altitude_pressure_m: Some(3048.0), ..Heights::UNKNOWN };
    track.squawk = Some(AirText::new("7700"));
    track.status = Some(OperationalStatus::Emergency);
    let value = json(&track);
    assert_eq!(value["hex"], "4b1814");
    assert_eq!(value["type"], "adsb_icao");
    assert_eq!(value["flight"], "SWR123");
    assert_eq!(value["alt_baro"], 10_000.0);
    assert!(value.get("alt_geom").is_none(), "a pressure altitude is not passed off as a geometric one");
    assert_eq!(value["squawk"], "7700");
    assert_eq!(value["emergency"], "general");
    track.status = Some(OperationalStatus::Ground);
    assert_eq!(json(&track)["alt_baro"], "ground");
}

#[test]
fn an_address_from_the_air_has_to_be_one() {
    let mut track = testing::track(7);
    track.identity.names = vec![Name { kind: NameKind::IcaoAddress, value: AirText::new("<b>hi</") }];
    assert_eq!(json(&track)["hex"], "~000007");
}
