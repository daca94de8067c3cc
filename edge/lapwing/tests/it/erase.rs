//! After an operator was erased nothing personal is left of him in the data directory of a server that really ran, in any form,
//! and what is left is proven as before.

use crate::support::{Folder, Server, ZONE, free_port, input, root, run, run_well, text, until};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// 20 bytes, as Remote ID has it.
const SERIAL: &str = "1581F4OFALICE0000007";
const ID: &str = "CHE87astrdge12k8";
/// Of no round number, and no more digits than Remote ID sends.
const LAT: f64 = 46.995_123_4;
const LON: f64 = 8.004_217_8;
const OTHER: &str = "1581F4OFBOB000000001";
const OTHER_ID: &str = "CHE00bobbobbob11";

fn fixed(deg: f64) -> i32 {
    (deg * 1e7).round() as i32
}

/// A message pack of ASTM F3411-22a, byte by byte: Basic ID, Location, System, Operator ID.
fn pack(serial: &str, id: &str, place: (f64, f64), operator: (f64, f64)) -> Vec<u8> {
    let text = |text: &str| {
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize(20, 0);
        bytes
    };
    let pair = |(lat, lon): (f64, f64)| [fixed(lat).to_le_bytes(), fixed(lon).to_le_bytes()].concat();
    let mut bytes = vec![0xf2, 25, 4];
    bytes.extend([vec![0x02, 0x12], text(serial), vec![0; 3]].concat());
    // Airborne, no direction, standing still; 500 m; better than 3 m and 0.3 m/s; now, in tenths of seconds of the hour.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let tenths = (now.as_secs() % 3600 * 10) as u16;
    bytes.extend([&[0x12, 0x20, 181, 0, 0][..], &pair(place), &[0, 0, 0xb8, 0x0b, 0, 0, 0x4b, 0x04]].concat());
    bytes.extend([tenths.to_le_bytes(), [1, 0]].concat());
    bytes.extend([&[0x42, 0x01][..], &pair(operator), &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]].concat());
    bytes.extend([vec![0x52, 0], text(id), vec![0; 3]].concat());
    bytes
}

fn json(serial: &str, id: &str, place: (f64, f64), operator: (f64, f64)) -> String {
    format!(
        "{{\"type\":\"claim\",\"protocol\":\"remote_id\",\"serial\":\"{serial}\",\"latitude_deg\":{},\"longitude_deg\":{},\
         \"horizontal_accuracy_m\":3,\"speed_mps\":0,\"operational_status\":\"airborne\",\"operator_id\":\"{id}\",\
         \"operator_latitude_deg\":{},\"operator_longitude_deg\":{}}}\n",
        place.0, place.1, operator.0, operator.1
    )
}

/// Every form in which a value can stand in a file, by itself; two numbers of 4 bytes only together, for alone they stand in
/// enough bytes by chance.
fn forms(names: &[&str], (lat, lon): (f64, f64)) -> Vec<Vec<u8>> {
    let mut forms: Vec<Vec<u8>> = names.iter().map(|name| name.as_bytes().to_vec()).collect();
    forms.extend(names.iter().map(|name| name.encode_utf16().flat_map(u16::to_le_bytes).collect()));
    for deg in [lat, lon] {
        // postcard and Parquet, and SQLite.
        forms.extend([deg.to_le_bytes().to_vec(), deg.to_be_bytes().to_vec()]);
        forms.extend([deg.to_radians().to_le_bytes().to_vec(), deg.to_radians().to_be_bytes().to_vec()]);
        forms.extend([deg.to_string(), format!("{deg:.7}"), format!("{deg:.6}")].map(String::into_bytes));
        forms.push(format!("{deg:e}").into_bytes());
    }
    forms.push([fixed(lat).to_le_bytes(), fixed(lon).to_le_bytes()].concat());
    forms.push([fixed(lat).to_be_bytes(), fixed(lon).to_be_bytes()].concat());
    forms.push([(lat as f32).to_le_bytes(), (lon as f32).to_le_bytes()].concat());
    forms
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let items = std::fs::read_dir(folder).unwrap().map(|item| item.unwrap().path());
    items.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The files that hold one of the forms, each with the first.
fn left(folder: &Path, forms: &[Vec<u8>]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for path in files(folder) {
        let bytes = std::fs::read(&path).unwrap();
        if let Some(form) = forms.iter().find(|form| bytes.windows(form.len()).any(|w| w == form.as_slice())) {
            found.push((path.display().to_string(), String::from_utf8_lossy(form).into_owned()));
        }
    }
    found
}

fn verified_by_both(journal: &str) {
    let said = run_well(&["verify", journal]);
    assert!(text(&said.stdout).ends_with("valid\n"), "{}", text(&said.stdout));
    let said = Command::new("python3").arg(root().join("tools/verify.py")).arg(journal).output();
    let said = said.expect("python3 is there: cargo xtask test sees to it");
    assert!(said.status.success(), "{}{}", text(&said.stdout), text(&said.stderr));
    assert!(text(&said.stdout).contains("valid"), "{}", text(&said.stdout));
}

/// Alice over the yard, and Bob; both by raw Remote ID and by JSON, until there is an incident on record.
fn fly(server: &Server, raw: std::net::SocketAddr, lines: std::net::SocketAddr) -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let send = || {
        let (alice, bob) = ((LAT, LON), (47.123_456_7, 8.765_432_1));
        socket.send_to(&pack(SERIAL, ID, (47.000_1, 8.000_1), alice), raw).unwrap();
        socket.send_to(json(SERIAL, ID, (47.000_1, 8.000_1), alice).as_bytes(), lines).unwrap();
        socket.send_to(json(OTHER, OTHER_ID, (47.3, 8.3), bob).as_bytes(), lines).unwrap();
    };
    let incident = until("an incident with both aircraft on record", || {
        send();
        std::thread::sleep(std::time::Duration::from_millis(80));
        let both = server.get("history/tracks")["tracks"].as_array().unwrap().len() >= 2;
        let incidents = server.get("history/incidents")["incidents"].clone();
        incidents.as_array().unwrap().first().filter(|_| both).map(|i| i["id"].as_str().unwrap().to_owned())
    });
    for _ in 0..5 {
        send();
        std::thread::sleep(std::time::Duration::from_millis(80));
    }
    incident
}

#[test]
fn nothing_of_an_erased_operator_is_left_in_the_data_directory() {
    let (folder, raw, lines) = (Folder::new(), free_port(), free_port());
    let sensors = [
        input("receiver", 5.0, "remote-id", "udp", &format!("listen = \"{raw}\"")),
        input("gate", 5.0, "json", "udp", &format!("listen = \"{lines}\"")),
    ];
    let site = format!("{}{ZONE}", sensors.concat());
    let server = Server::start(&folder, &site);
    server.link("receiver", "up");
    server.link("gate", "up");
    let incident = fly(&server, raw, lines);
    let used = server.get("status").to_string();
    server.stop();
    let directory = folder.file("journal");
    let journal = directory.display().to_string();
    for format in ["geojson", "kml", "gpx", "csv", "parquet"] {
        let to = directory.join(format!("tracks.{format}")).display().to_string();
        run_well(&["export", "tracks", &journal, "--format", format, "--personal", "--tentative", "-o", &to]);
    }
    let bundle = directory.join("incident.zip").display().to_string();
    run_well(&["export", "incident", &incident, &journal, "-o", &bundle]);
    verified_by_both(&journal);

    let alice = forms(&[SERIAL, ID], (LAT, LON));
    let bob = forms(&[OTHER, OTHER_ID], (47.123_456_7, 8.765_432_1));
    let before = left(&directory, &alice);
    for kind in [".mcap", ".snap", ".sqlite", ".zip", ".geojson", ".kml", ".csv", ".parquet"] {
        assert!(before.iter().any(|(path, _)| path.ends_with(kind)), "she is in a {kind}: {before:?}\n{used}");
    }
    // Each value is there in the form in which it came.
    for form in [fixed(LAT).to_le_bytes(), fixed(LON).to_le_bytes()].iter().map(|b| b.to_vec()).chain([ID.into()]) {
        assert!(left(&directory, &[form]).iter().any(|(path, _)| path.ends_with(".mcap")));
    }

    let said = run_well(&["erase", "operator", "--serial", SERIAL, "--request", "2026-17", &journal]);
    assert_eq!(left(&directory, &alice), [], "{}", text(&said.stdout));
    assert!(!left(&directory, &bob).is_empty(), "Bob did not ask for anything");
    verified_by_both(&journal);
    let replayed = run(&["replay", &journal]);
    assert!(replayed.status.success(), "{}{}", text(&replayed.stdout), text(&replayed.stderr));

    // A start on what is left knows nothing of her either.
    let server = Server::start(&folder, &site);
    assert!(!server.get("tracks").to_string().contains(SERIAL));
    server.stop();
    assert_eq!(left(&directory, &alice), []);
    verified_by_both(&journal);
}
