use super::*;

fn row(id: u64) -> Row {
    Row {
        id,
        latitude_1e7deg: 473_766_000 + id as i32,
        longitude_1e7deg: -85_417_000,
        height_ellipsoid_m: Some(512.5),
        altitude_msl_m: None,
        speed_mps: Some(12.25),
        course_deg: None,
        vertical_speed_mps: Some(-0.5),
        accuracy_m: Some(7.0),
        age_ds: 13,
        phase: 1,
        identity: 4,
        class: 3,
        flags: FLAG_ALERT | FLAG_HEIGHT_KNOWN,
    }
}

#[test]
fn what_goes_in_comes_out_for_any_number_of_rows() {
    for count in 0..20 {
        for gone in 0..4 {
            let rows: Vec<Row> = (0..count).map(row).collect();
            let removed: Vec<u64> = (100..100 + gone).collect();
            let bytes = encode(Kind::Delta, Time::from_seconds(1_700_000_000), &rows, &removed);
            assert_eq!(bytes.len() % 8, 0);
            let frame = decode(&bytes).unwrap();
            assert_eq!(frame, Frame { kind: Kind::Delta, time: Time::from_seconds(1_700_000_000), rows, removed });
        }
    }
}

/// The layout byte by byte, as docs/reference/api.md gives it: a reader in another language depends on it.
#[test]
fn the_layout_is_as_documented() {
    let rows = [row(0x0102_0304_0506_0708), row(2), row(3)];
    let bytes = encode(Kind::Snapshot, Time::from_nanos(0x1122_3344_5566_7788), &rows, &[9]);
    assert_eq!(&bytes[0..4], b"LWT1");
    assert_eq!(&bytes[4..8], [0, 0, 0, 0], "a snapshot");
    assert_eq!(&bytes[8..16], [0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11]);
    assert_eq!(&bytes[16..20], [3, 0, 0, 0]);
    assert_eq!(&bytes[20..24], [1, 0, 0, 0]);
    assert_eq!(&bytes[24..32], [0; 8]);
    assert_eq!(&bytes[32..40], [8, 7, 6, 5, 4, 3, 2, 1], "ids from 32");
    let f32_at = |at: usize| f32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    // Three 4-byte values take 12 bytes and 4 of padding.
    assert_eq!(bytes[56 + 4..56 + 8], (473_766_000 + 2_i32).to_le_bytes(), "latitudes from 56");
    assert_eq!(bytes[72..76], (-85_417_000_i32).to_le_bytes(), "longitudes from 72");
    assert_eq!(f32_at(88), 512.5, "ellipsoid heights from 88");
    assert!(f32_at(104).is_nan(), "unknown sea level altitudes from 104");
    assert_eq!(f32_at(120), 12.25, "speeds from 120");
    assert!(f32_at(136).is_nan(), "unknown courses from 136");
    assert_eq!(f32_at(152), -0.5, "vertical speeds from 152");
    assert_eq!(f32_at(168), 7.0, "accuracies from 168");
    assert_eq!(&bytes[184..192], [13, 0, 13, 0, 13, 0, 0, 0], "ages from 184");
    assert_eq!(&bytes[192..200], [1, 1, 1, 0, 0, 0, 0, 0], "phases from 192");
    assert_eq!(&bytes[200..203], [4, 4, 4], "identities from 200");
    assert_eq!(&bytes[208..211], [3, 3, 3], "classes from 208");
    assert_eq!(&bytes[216..219], [10, 10, 10], "flags from 216");
    assert_eq!(&bytes[224..], [9, 0, 0, 0, 0, 0, 0, 0], "removed ids last");
}

#[test]
fn damaged_frames_are_refused_and_never_panic() {
    let rows: Vec<Row> = (0..5).map(row).collect();
    let bytes = encode(Kind::Delta, Time::default(), &rows, &[1, 2]).to_vec();
    for cut in 0..bytes.len() {
        assert!(decode(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0xff;
        let _ = decode(&damaged);
    }
    let mut long = bytes.clone();
    long.push(0);
    assert!(decode(&long).is_err());
}

#[test]
fn ten_thousand_tracks_fit_in_500_kilobytes() {
    let rows: Vec<Row> = (0..10_000).map(row).collect();
    let bytes = encode(Kind::Snapshot, Time::default(), &rows, &[]);
    assert!(bytes.len() < 500_000, "{}", bytes.len());
}

#[test]
fn ages_and_places_saturate() {
    assert_eq!(age_ds(Span::from_seconds(-5)), 0);
    assert_eq!(age_ds(Span::from_seconds_f64(1.25)), 12);
    assert_eq!(age_ds(Span::from_seconds(1_000_000)), u16::MAX);
    assert_eq!(degrees_1e7(-180.0), -1_800_000_000);
    assert_eq!(single(Some(f64::NAN)), None, "a number that is none is unknown, not a value");
}
