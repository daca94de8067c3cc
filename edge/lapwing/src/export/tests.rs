//! Every format, read back by a reader that is not its writer.

use super::{Format, Name, Selection, open, write};
use crate::index::tests::{Folder, journal};
use crate::index::{Archive, refresh};
use lapwing_model::{
    AirText, Class, Heights, IdentityStatus, Name as AirName, NameKind, Personal, Phase, Place, Time, TrackId,
};
use lapwing_model::{ClaimedOperator, Position, Span};
use lapwing_server::history::{Bounds, HistoryPoint, TrackRecord};
use quick_xml::events::Event;
use std::collections::BTreeMap;

/// What an aircraft may send to break a file.
const EVIL: &str = "=1+\"</name><script>alert(1)</script>,&;'";

fn at(seconds: i64) -> Time {
    Time::from_seconds(1_780_000_000) + Span::from_millis(seconds * 1000 + 250)
}

fn point(seconds: i64, latitude_deg: f64, longitude_deg: f64, heights: Heights) -> HistoryPoint {
    HistoryPoint {
        at: at(seconds),
        place: Place { latitude_deg, longitude_deg },
        heights,
        horizontal_accuracy_m: f64::from(6.1_f32),
        speed_mps: None,
        speed_accuracy_mps: None,
        course_rad: Some(0.5),
        vertical_speed_mps: Some(-1.5),
        existence: 0.75,
        phase: Phase::Confirmed,
        identity: IdentityStatus::Claimed,
        claimed_only: true,
        class: None,
    }
}

fn record(number: u64, points: &[HistoryPoint]) -> TrackRecord {
    TrackRecord {
        id: TrackId(number),
        first_at: points.first().unwrap().at,
        last_at: points.last().unwrap().at,
        ended_at: None,
        ended_why: None,
        phase: Phase::Confirmed,
        confirmed: true,
        claimed_only: true,
        existence_max: 0.9,
        identity: IdentityStatus::Claimed,
        names: vec![AirName { kind: NameKind::Serial, value: AirText::new(EVIL) }],
        class: Some(Class::Multirotor),
        class_probability: Some(0.9),
        severity_max: None,
        bounds: Bounds { west_deg: 0.0, south_deg: 0.0, east_deg: 0.0, north_deg: 0.0 },
        points: points.len() as u64,
        joined_into: None,
        split_from: None,
        operator: Some(ClaimedOperator {
            place: Some(Personal::new(Place { latitude_deg: 47.111_222, longitude_deg: 8.333_444 })),
            id: Some(Personal::new(AirText::new("OP-<SECRET>"))),
            ..ClaimedOperator::default()
        }),
        first_position: Position(1),
        last_position: Position(9),
    }
}

/// Three tracks: heights known in some points only; across the antimeridian; a single point.
fn tracks() -> Vec<(TrackRecord, Vec<HistoryPoint>)> {
    let msl = Heights { altitude_msl_m: Some(500.5), ..Heights::UNKNOWN };
    let ellipsoid = Heights { height_ellipsoid_m: Some(f64::from(548.7_f32)), ..Heights::UNKNOWN };
    let pressure = Heights { altitude_pressure_m: Some(0.0), ..Heights::UNKNOWN };
    let mixed = vec![
        point(0, 47.0, 8.0, Heights::UNKNOWN),
        point(1, 47.001, 8.001, msl),
        point(2, 47.002, 8.002, ellipsoid),
        point(3, 47.003, 8.003, pressure),
    ];
    let seam = vec![point(0, -17.0, 179.99, msl), point(1, -17.01, -179.99, msl), point(2, -17.02, -179.98, msl)];
    let single = vec![point(5, 1.5, 2.5, Heights::UNKNOWN)];
    [mixed, seam, single].into_iter().enumerate().map(|(n, p)| (record(n as u64 + 1, &p), p)).collect()
}

fn written(name: Name, personal: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let mut format: Box<dyn Format + '_> = open(name, Box::new(&mut out), personal).unwrap();
    for (record, points) in tracks() {
        format.track(&record, &points).unwrap();
    }
    format.finish().unwrap();
    out
}

#[test]
fn nothing_of_a_person_stands_in_an_export_that_was_not_asked_for_it() {
    for name in [Name::Geojson, Name::Kml, Name::Gpx, Name::Csv, Name::Parquet] {
        for personal in [false, true] {
            let bytes = written(name, personal);
            let shows = bytes.windows(6).any(|w| w == b"SECRET");
            assert_eq!(shows, personal && name != Name::Gpx, "{name:?}");
        }
    }
}

#[test]
fn geojson_is_read_by_its_own_crate() {
    let text = String::from_utf8(written(Name::Geojson, false)).unwrap();
    let parsed: geojson::GeoJson = text.parse().unwrap();
    let collection = geojson::FeatureCollection::try_from(parsed).unwrap();
    assert_eq!(collection.features.len(), 3);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mixed = &value["features"][0];
    assert_eq!(mixed["geometry"]["type"], "LineString");
    assert_eq!(mixed["geometry"]["coordinates"][0], serde_json::json!([8.0, 47.0]), "unknown is left out, not zero");
    let high = mixed["geometry"]["coordinates"][1][2].as_f64().unwrap();
    assert!((high - 548.5).abs() < 2.0, "mean sea level became the ellipsoid: {high}");
    assert_eq!(mixed["geometry"]["coordinates"][2][2], 548.7);
    assert_eq!(mixed["geometry"]["coordinates"][3].as_array().unwrap().len(), 2, "a pressure is no height");
    let beside = &mixed["properties"]["coordinateProperties"];
    assert_eq!(beside["altitude_msl_m"], serde_json::json!([null, 500.5, null, null]));
    assert_eq!(beside["altitude_pressure_m"], serde_json::json!([null, null, null, 0.0]));
    assert_eq!(beside["times"][1], at(1).to_string());
    assert_eq!(mixed["properties"]["names"][0]["value"], EVIL);

    let seam = &value["features"][1]["geometry"];
    assert_eq!(seam["type"], "MultiLineString");
    let parts = seam["coordinates"].as_array().unwrap();
    assert_eq!((parts.len(), &parts[0][1][0], &parts[1][0][0]), (2, &180.0.into(), &(-180.0).into()));
    assert!((parts[0][1][1].as_f64().unwrap() + 17.005).abs() < 1e-9);
    let times = &value["features"][1]["properties"]["coordinateProperties"]["times"];
    assert_eq!((times[0].as_array().unwrap().len(), &times[0][1]), (2, &serde_json::Value::Null));
    assert_eq!(value["features"][2]["geometry"], serde_json::json!({"type": "Point", "coordinates": [2.5, 1.5]}));
}

/// Elements by name: how often, and their texts.
fn xml(bytes: &[u8]) -> BTreeMap<String, Vec<String>> {
    let mut reader = quick_xml::Reader::from_reader(bytes);
    reader.config_mut().check_end_names = true;
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut open: Vec<(String, String)> = Vec::new();
    loop {
        match reader.read_event().unwrap() {
            Event::Eof => break,
            Event::Start(e) => {
                e.attributes().for_each(|a| drop(a.unwrap()));
                open.push((String::from_utf8(e.name().as_ref().to_vec()).unwrap(), String::new()));
            }
            Event::Text(t) => {
                if let Some((_, text)) = open.last_mut() {
                    text.push_str(&t.decode().unwrap());
                }
            }
            Event::GeneralRef(r) => {
                let name = r.decode().unwrap().into_owned();
                let character = match r.resolve_char_ref().unwrap() {
                    Some(c) => c.to_string(),
                    None => quick_xml::escape::resolve_predefined_entity(&name).unwrap().to_owned(),
                };
                if let Some((_, text)) = open.last_mut() {
                    text.push_str(&character);
                }
            }
            Event::End(_) => {
                let (name, text) = open.pop().unwrap();
                found.entry(name).or_default().push(text);
            }
            _ => {}
        }
    }
    assert!(open.is_empty());
    found
}

#[test]
fn kml_is_sound_xml_and_its_altitudes_are_what_they_say() {
    let found = xml(&written(Name::Kml, false));
    assert_eq!(found["Placemark"].len(), 3);
    assert_eq!(found["Placemark"].len(), found["TimeSpan"].len());
    assert!(found["name"].contains(&format!("T1 {EVIL}")), "{:?}", found["name"]);
    assert!(!found.contains_key("script"));
    // Unknown, known twice, unknown: three stretches of the first track.
    assert_eq!(found["altitudeMode"], ["clampToGround", "absolute", "clampToGround", "absolute", "clampToGround"]);
    assert_eq!(found["when"].len(), found["gx:coord"].len());
    assert_eq!(found["gx:coord"][0], "8 47", "no altitude where none is known");
    assert_eq!(found["gx:coord"][1], "8.001 47.001 500.5");
    let converted: f64 = found["gx:coord"][2].split(' ').nth(2).unwrap().parse().unwrap();
    assert!((converted - 500.7).abs() < 2.0, "the ellipsoid became mean sea level: {converted}");
    assert_eq!(found["gx:coord"][3].split(' ').count(), 2);
}

#[test]
fn gpx_is_sound_xml_and_has_no_elevation_where_none_is_known() {
    let bytes = written(Name::Gpx, true);
    let found = xml(&bytes);
    assert_eq!((found["trk"].len(), found["trkpt"].len()), (3, 8));
    assert_eq!(found["ele"].len(), 5, "of eight points five have a height");
    assert_eq!(found["ele"].len(), found["geoidheight"].len());
    assert_eq!(found["ele"][0], "500.5");
    assert_eq!(found["lapwing:altitude_pressure_m"], ["0"]);
    assert!(!found.contains_key("lapwing:speed_mps"), "never known");
    assert_eq!(found["name"][0], format!("T1 {EVIL}"));
    // Order of elements in a point, by the schema's sequence.
    let text = String::from_utf8(bytes).unwrap();
    let point = text.split("<trkpt").nth(2).unwrap();
    let order: Vec<usize> =
        ["<ele>", "<time>", "<geoidheight>", "<extensions>"].iter().map(|e| point.find(e).unwrap()).collect();
    assert!(order.is_sorted(), "{order:?}");
}

/// RFC 4180 by its grammar.
fn rows(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut field) = (Vec::new(), Vec::new(), String::new());
    let mut characters = text.chars().peekable();
    let mut quoted = false;
    while let Some(c) = characters.next() {
        match c {
            '"' if quoted && characters.peek() == Some(&'"') => {
                field.push('"');
                characters.next();
            }
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut field)),
            '\r' if !quoted => {
                assert_eq!(characters.next(), Some('\n'), "lines end in CRLF");
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            c => field.push(c),
        }
    }
    assert!(!quoted && row.is_empty() && field.is_empty());
    rows
}

#[test]
fn csv_has_units_in_its_header_and_no_formulas() {
    let rows = rows(&String::from_utf8(written(Name::Csv, true)).unwrap());
    assert_eq!(rows.len(), 9);
    let head = &rows[0];
    assert!(rows.iter().all(|r| r.len() == head.len()));
    let cell = |row: usize, name: &str| rows[row][head.iter().position(|h| h == name).unwrap()].as_str();
    assert_eq!((cell(1, "altitude_msl_m"), cell(2, "altitude_msl_m")), ("", "500.5"));
    assert_eq!((cell(3, "height_ellipsoid_m"), cell(4, "altitude_pressure_m")), ("548.7", "0"));
    assert_eq!((cell(1, "speed_mps"), cell(1, "vertical_speed_mps")), ("", "-1.5"));
    assert_eq!(cell(1, "horizontal_accuracy_m"), "6.1");
    assert_eq!((cell(5, "longitude_deg"), cell(6, "longitude_deg")), ("179.99", "-179.99"));
    assert_eq!((cell(1, "track"), cell(1, "time")), ("T1", at(0).to_string().as_str()));
    assert_eq!(cell(1, "name"), format!("'{EVIL}"));
    assert_eq!((cell(1, "operator_id"), cell(1, "operator_latitude_deg")), ("OP-<SECRET>", "47.111222"));
    assert!(head.iter().filter(|h| h.contains("height") || h.contains("altitude")).all(|h| h.ends_with("_m")));
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_is_read_back_row_by_row() {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;
    let folder = Folder::new();
    let file = folder.0.join("tracks.parquet");
    std::fs::write(&file, written(Name::Parquet, false)).unwrap();
    let reader = SerializedFileReader::new(std::fs::File::open(&file).unwrap()).unwrap();
    let told = reader.metadata().file_metadata().key_value_metadata().unwrap();
    assert!(told.iter().any(|k| k.key == "lapwing.horizontal_datum" && k.value.as_deref() == Some("WGS 84")));
    let rows: Vec<BTreeMap<String, Field>> = reader
        .get_row_iter(None)
        .unwrap()
        .map(|r| r.unwrap().get_column_iter().map(|(n, f)| (n.clone(), f.clone())).collect())
        .collect();
    assert_eq!(rows.len(), 8);
    assert_eq!((&rows[0]["altitude_msl_m"], &rows[1]["altitude_msl_m"]), (&Field::Null, &Field::Float(500.5)));
    assert_eq!(rows[3]["altitude_pressure_m"], Field::Float(0.0));
    assert_eq!(rows[0]["name"], Field::Str(EVIL.to_owned()));
    assert_eq!(rows[4]["longitude_deg"], Field::Double(179.99));
    assert_eq!(rows[0]["claimed_only"], Field::Bool(true));
    let time = match rows[0]["time"] {
        Field::Long(nanos) => nanos,
        ref other => panic!("{other:?}"),
    };
    assert_eq!(time, at(0).as_nanos());
    assert!(!rows[0].contains_key("operator_id"));
}

#[test]
fn a_journal_is_exported_between_two_times() {
    let folder = Folder::new();
    journal(&folder.0);
    refresh(&folder.0).unwrap();
    let archive = Archive::open(&folder.0).unwrap();
    let (from, to) = (crate::index::tests::time(10.0), crate::index::tests::time(19.0));
    let selection =
        Selection { from: Some(from), to: Some(to), tracks: vec![TrackId(3), TrackId(7)], ..Selection::default() };
    let mut out = Vec::new();
    let counts = write(&archive, &selection, open(Name::Csv, Box::new(&mut out), false).unwrap()).unwrap();
    assert_eq!(counts, (2, 20));
    let rows = rows(&String::from_utf8(out).unwrap());
    assert_eq!((rows.len(), rows[1][0].as_str(), rows[11][0].as_str()), (21, "T3", "T7"));

    // The same from the one segment, without an index.
    let segment = std::fs::read_dir(&folder.0)
        .unwrap()
        .map(|f| f.unwrap().path())
        .find(|p| p.extension().is_some_and(|e| e == "mcap"));
    let archive = Archive::of(&segment.unwrap()).unwrap();
    let mut again = Vec::new();
    write(&archive, &selection, open(Name::Csv, Box::new(&mut again), false).unwrap()).unwrap();
    assert_eq!(super::tests::rows(&String::from_utf8(again).unwrap()), rows);
}
