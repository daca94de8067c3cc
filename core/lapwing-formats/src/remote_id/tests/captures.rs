//! Real captures: every frame and message is counted.

use super::{Captured, anafi_real, anafi_spoofed, claims, decode_all, wifi_beacon_sample, wifi_nan_sample};
use lapwing_model::{NameKind, OperationalStatus, Protocol, Transmitter};
use std::collections::{BTreeMap, BTreeSet};

fn message_counts(out: &crate::Decoded) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for detail in &out.details {
        *counts.entry(detail.message["message_type"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    counts
}

fn counts(pairs: &[(&str, usize)]) -> BTreeMap<String, usize> {
    pairs.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect()
}

fn books_balance(frames: &[Captured], out: &crate::Decoded) {
    assert!(out.account.balances(), "{:?}", out.account);
    let bytes: usize = frames.iter().map(|f| f.bytes.len()).sum();
    assert_eq!(out.account.bytes_used + out.account.bytes_rejected, bytes as u64);
}

#[test]
fn the_real_flight() {
    let frames = anafi_real();
    assert_eq!(frames.len(), 1140);
    let out = decode_all(&frames);
    books_balance(&frames, &out);
    assert_eq!(out.faults, [], "all frames are sound, their check sequences too");
    assert_eq!(
        message_counts(&out),
        counts(&[("basic_id", 385), ("location", 1140), ("system", 385), ("operator_id", 385)])
    );
    let claims = claims(&out);
    assert_eq!(claims.len(), 1140, "one claim a beacon");

    let mut places = BTreeSet::new();
    for claim in &claims {
        assert_eq!(claim.protocol, Protocol::RemoteIdWifiBeacon);
        assert_eq!(claim.transmitter, Some(Transmitter::Mac("90:3a:e6:5b:c8:a8".into())));
        let heights = claim.heights;
        assert_eq!(
            (heights.height_ellipsoid_m, heights.altitude_pressure_m, heights.altitude_msl_m),
            (None, None, None)
        );
        assert!(heights.height_above_takeoff_m.is_some_and(|h| (0.0..=11.0).contains(&h)), "a true zero is a value");
        assert!(claim.rssi_db.is_some_and(|rssi| (-100.0..0.0).contains(&rssi)));
        assert_eq!(claim.channel, Some(1), "{:?}", claim.channel);
        assert!(claim.counter.is_some());
        let measured_at = claim.measured_at.unwrap();
        places.extend(claim.place.map(|p| (p.latitude_deg.to_bits(), p.longitude_deg.to_bits())));
        assert!(claim.timestamp_raw_s.is_some_and(|s| (0.0..=3600.0).contains(&s)), "{measured_at}");
    }
    assert_eq!(places.len(), 117, "distinct positions");
    let near = claims.iter().filter_map(|c| c.place);
    for place in near {
        assert!(
            (place.latitude_deg - 47.1987).abs() < 0.02 && (place.longitude_deg - 8.7302).abs() < 0.02,
            "{place:?}"
        );
    }
    let names: BTreeSet<_> = claims.iter().flat_map(|c| &c.names).map(|n| (n.kind, n.value.as_str())).collect();
    assert_eq!(names, BTreeSet::from([(NameKind::Serial, "1588E040445AC004418")]));
    let operators: Vec<_> = claims.iter().filter_map(|c| c.operator.as_ref()).collect();
    assert_eq!(operators.len(), 385);
    assert!(
        operators.iter().all(|o| o.id.is_none() && o.place.is_some()),
        "the operator id is empty, the place is not"
    );
    let statuses: BTreeSet<_> = claims.iter().filter_map(|c| c.status).collect();
    assert_eq!(statuses, BTreeSet::from([OperationalStatus::Ground, OperationalStatus::Airborne]));
}

#[test]
fn the_forgery() {
    let frames = anafi_spoofed();
    assert_eq!(frames.len(), 26);
    let out = decode_all(&frames);
    books_balance(&frames, &out);
    // The forger gave the element 105 bytes where its four messages need 108: the last one is cut, the others stand.
    assert_eq!(message_counts(&out), counts(&[("basic_id", 26), ("location", 26), ("system", 26)]));
    assert_eq!(out.faults.len(), 26);
    assert!(out.faults.iter().all(|f| f.reason == "pack-truncated"), "{:?}", out.faults.first());
    assert_eq!((out.account.units_received, out.account.units_used), (4 * 26, 3 * 26));
    let claims = claims(&out);
    assert_eq!(claims.len(), 26);
    for claim in &claims {
        let place = claim.place.unwrap();
        assert!((place.latitude_deg - 47.38).abs() < 0.02 && (place.longitude_deg - 8.53).abs() < 0.03, "{place:?}");
        assert_eq!(claim.timestamp_raw_s, Some(931.1), "frozen");
        assert_eq!(claim.transmitter, Some(Transmitter::Mac("90:3a:e6:5b:c8:a8".into())));
        assert_eq!(claim.names.first().unwrap().value.as_str(), "1588E040445AC004418");
        assert!(claim.operator.as_ref().unwrap().place.is_some());
        assert_eq!(claim.rssi_db, None, "injected frames carry no signal strength");
    }
}

#[test]
fn the_wifi_beacon_sample() {
    let frames = wifi_beacon_sample();
    assert_eq!(frames.len(), 21);
    let out = decode_all(&frames);
    books_balance(&frames, &out);
    assert_eq!(out.faults, []);
    assert_eq!(
        message_counts(&out),
        counts(&[("basic_id", 21), ("location", 21), ("self_id", 21), ("system", 21), ("operator_id", 21)])
    );
    for claim in claims(&out) {
        // The sample's Basic ID has id type 0 ("none"), so its text is not a name.
        assert_eq!(claim.names, []);
        let operator = claim.operator.as_ref().unwrap();
        assert_eq!(operator.id.as_ref().unwrap().reveal().as_str(), "GBR-OP-123ABCD");
        assert_eq!(claim.text.as_ref().unwrap().as_str(), "Recreational");
        assert_eq!(claim.channel, Some(6));
    }
    assert!(out.details.iter().any(|d| d.message["id_raw"] == "MFG1A0123456789"));
}

#[test]
fn the_wifi_nan_sample() {
    let frames = wifi_nan_sample();
    assert_eq!(frames.len(), 63);
    let out = decode_all(&frames);
    books_balance(&frames, &out);
    let claims = claims(&out);
    assert_eq!(claims.len(), 42, "frames with Remote ID");
    assert_eq!(claims.iter().filter(|c| c.protocol == Protocol::RemoteIdWifiNan).count(), 21);
    assert_eq!(claims.iter().filter(|c| c.protocol == Protocol::RemoteIdWifiBeacon).count(), 21);
    assert_eq!(out.account.units_rejected, BTreeMap::from([("no-remote-id".into(), 21)]), "sync beacons");
    assert_eq!(message_counts(&out), counts(&[("location", 31), ("self_id", 4), ("system", 4), ("operator_id", 3)]));
}
