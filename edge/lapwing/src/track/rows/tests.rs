use super::*;
use lapwing_model::{Class, Enu, Geodetic, Measurement, NameKind, Plot, Protocol, Transmitter, math};
use std::io::Write;

const SENSORS: &str = r#"[
 {"id":"r","type":"radar3d","kind":"raer","pos":[0,0,10],"sd":[6,0.6,1,0.5],"period":1,"rotating":true,"pd":0.9},
 {"id":"c","type":"camera","kind":"azel","pos":[0,0,8],"sd":[0.1,0.1],"period":1,
  "labels":{"classes":["drone","bird"],"accuracy":0.9}},
 {"id":"p","type":"generic","kind":"xy","pos":[0,0,0],"sd":[3,3],"period":1,"box":[[0,100],[0,100]]},
 {"id":"rid","type":"rid_rx","kind":"self","pos":[0,0,5],"sd":[2,2,5,0.3,0.3,0.5],"period":1,"scan_headers":false},
 {"id":"adsb","type":"adsb_rx","kind":"self","pos":[0,0,5],"sd":[8,8,12,0.5,0.5,1],"period":1}]"#;

fn scenario() -> Scenario {
    let origin = Geodetic { latitude_deg: 52.0, longitude_deg: 5.0, height_ellipsoid_m: 0.0 };
    let start = scenario::time(0.0).unwrap();
    Scenario {
        name: "x".into(),
        frame: LocalFrame::new(origin),
        flat: false,
        start,
        tick_s: 1.0,
        hints: Default::default(),
    }
}

/// All that a file said.
struct Found {
    steps: Vec<Step>,
    counts: Counts,
    bad: BadRows,
    names: BTreeMap<Name, String>,
}

fn rows(text: &str) -> Found {
    rows_of(SENSORS, text)
}

fn read(sensors: &str, text: &str) -> (Vec<Vec<Step>>, Found) {
    let path =
        std::env::temp_dir().join(format!("lapwing-rows-{}-{:?}", std::process::id(), std::thread::current().id()));
    std::fs::File::create(&path).unwrap().write_all(sensors.as_bytes()).unwrap();
    let posts = crate::track::sensors::read(&path, &scenario()).unwrap();
    std::fs::remove_file(&path).unwrap();
    let scenario = scenario();
    let mut detections = Detections::new(text.as_bytes(), &scenario, &posts);
    let mut batches = Vec::new();
    while let Some(next) = detections.next().unwrap() {
        batches.push(next);
    }
    let Reader { counts, bad, names, .. } = detections.reader;
    (batches, Found { steps: Vec::new(), counts, bad, names })
}

/// What is read at a time.
fn batches(text: &str) -> Vec<Vec<Step>> {
    read(SENSORS, text).0
}

fn rows_of(sensors: &str, text: &str) -> Found {
    let (batches, found) = read(sensors, text);
    Found { steps: batches.into_iter().flatten().collect(), ..found }
}

fn reports(step: &Step) -> &[Report] {
    match step {
        Step::Input(_, Input::Decoded { reports, .. }) => reports,
        _ => panic!("not a reception"),
    }
}

fn plots(step: &Step) -> Vec<&Plot> {
    reports(step).iter().filter_map(|r| if let Report::Plot(p) = r { Some(p) } else { None }).collect()
}

const SCAN: &str = r#"{"n":0,"ta":1.1,"k":"scan","s":"r","sc":"r:0","t":0,"t1":1,"m":2}
{"n":1,"ta":1.1,"k":"raer","s":"r","sc":"r:0","t":0.25,"v":[1000,90,5,-3],"rcs":-18.5}
{"n":2,"ta":1.1,"k":"raer","s":"r","sc":"r:0","t":0.5,"v":[2000,-90,5,3],"sd":[7,1,2,1]}
"#;

#[test]
fn a_scan_and_its_plots_are_one_input_and_its_word_comes_last() {
    let found = rows(&format!("{SCAN}{}", r#"{"n":3,"ta":2,"k":"tick","t":2}"#));
    assert_eq!((found.steps.len(), found.counts), (2, Counts { detections: 2, ticks: 1 }));
    let plots = plots(&found.steps[0]);
    assert_eq!(plots[0].rcs_dbsm, Some(-18.5));
    assert_eq!(plots[0].measured_at, scenario::time(0.25));
    let Measurement::RangeAzimuth { azimuth_rad, azimuth_sd_rad, range_sd_m, range_rate_mps, .. } =
        plots[1].measurement
    else {
        panic!("not polar")
    };
    assert!((azimuth_rad - math::rad(270.0)).abs() < 1e-9);
    assert_eq!((azimuth_sd_rad, range_sd_m, range_rate_mps), (Some(math::rad(1.0)), Some(7.0), Some(3.0)));
    let Some(Report::SensorStatus(status)) = reports(&found.steps[0]).last() else { panic!("no status") };
    assert_eq!((status.scan, status.scan_plots), (plots[0].scan, Some(2)));
    assert_eq!(status.measured_at, scenario::time(1.0), "of its end: it turns");
    assert!(matches!(found.steps[1], Step::Tick(_, t) if t == 2.0));
}

#[test]
fn a_scan_that_comes_twice_keeps_its_number() {
    let other = SCAN.replace("r:0", "r:1");
    let found = rows(&format!("{SCAN}{other}{SCAN}"));
    let numbers: Vec<_> = found.steps.iter().map(|s| plots(s)[0].scan.unwrap()).collect();
    assert_eq!((numbers.len(), numbers[0] == numbers[2], numbers[0] == numbers[1]), (3, true, false));
}

#[test]
fn an_empty_scan_is_a_word_too() {
    let found = rows(r#"{"n":0,"ta":1,"k":"scan","s":"c","sc":"c:0","t":1,"m":0}"#);
    assert_eq!((found.steps.len(), reports(&found.steps[0]).len()), (1, 1));
}

#[test]
fn a_bad_row_is_told_by_its_line_and_costs_no_other() {
    let mut lines: Vec<&str> = SCAN.lines().collect();
    lines.insert(2, r#"{"n":9,"ta":1.1,"k":"raer","s":"r","sc":"r:0","t":0.3,"v":[1000,90]}"#);
    lines.insert(3, r#"{"n":9,"ta":1.1,"k":"ra"#);
    lines.push(r#"{"ta":2,"k":"tick","t":2}"#);
    let found = rows(&lines.join("\n"));
    assert_eq!(found.bad.count, 2);
    assert_eq!(found.bad.first[0], (3, "`v` has 2 numbers, expected 4".to_owned()));
    assert_eq!((found.bad.first[1].0, found.counts.detections, found.counts.ticks), (4, 2, 1));
    let all: usize = found.steps.iter().filter(|s| matches!(s, Step::Input(..))).map(|s| plots(s).len()).sum();
    assert_eq!(all, 2);
}

#[test]
fn what_is_wrong_is_said() {
    for (row, why) in [
        (r#"{"ta":1,"k":"azel","s":"x","sc":"c:0","t":1,"v":[1,2]}"#, "`s`: there is no sensor `x`"),
        (r#"{"ta":1,"k":"azel","s":"r","sc":"r:0","t":1,"v":[1,2]}"#, "which sensor `r` does not measure"),
        (r#"{"ta":1,"k":"azel","s":"c","sc":"c:0","v":[1,2]}"#, "`t` is missing"),
        (r#"{"ta":1,"k":"azel","s":"c","sc":"c:0","t":1,"v":[1,2],"label":"cow"}"#, "no label `cow`"),
        (r#"{"ta":1,"k":"azel","s":"c","sc":"c:0","t":1,"v":[1,2],"sd":[0,1]}"#, "expected numbers above 0"),
        (r#"{"ta":1e300,"k":"tick","t":1}"#, "`ta`"),
        (r#"{"ta":1,"k":"fly","t":1}"#, "`k`: there is no kind of row `fly`"),
        (r#"{"ta":1,"k":"self","s":"rid","t":1,"v":[1,2,3,4,5,6]}"#, "`id` is missing"),
    ] {
        let found = rows(row);
        assert_eq!((found.bad.count, found.steps.len()), (1, 0), "{row}");
        assert!(found.bad.first[0].1.contains(why), "{}", found.bad.first[0].1);
    }
}

#[test]
fn labels_and_covariances_are_taken_over() {
    let found = rows(
        r#"{"ta":1,"k":"azel","s":"c","sc":"c:0","t":1,"v":[10,2],"label":"bird","cov":[0.04,0.01,0.09]}
{"ta":1,"k":"xy","s":"p","sc":"p:0","t":1,"v":[10,2],"cov":[16,0,9]}"#,
    );
    let plot = plots(&found.steps[0])[0];
    assert_eq!(plot.classification.as_ref().unwrap().best().unwrap().0, Class::Bird);
    let Measurement::Bearing { azimuth_sd_rad, elevation_sd_rad, .. } = plot.measurement else { panic!("no bearing") };
    assert!((math::deg(azimuth_sd_rad.unwrap()) - 0.2).abs() < 1e-12);
    assert!((math::deg(elevation_sd_rad.unwrap()) - 0.3).abs() < 1e-12);
    let Measurement::Position { heights, horizontal_sd_m, .. } = plots(&found.steps[1])[0].measurement else {
        panic!("no position")
    };
    assert_eq!(heights, Heights::UNKNOWN);
    assert!((horizontal_sd_m.unwrap() - 12.5_f64.sqrt()).abs() < 1e-12);
}

#[test]
fn directions_of_a_far_sensor_are_by_its_own_north_and_horizon() {
    let sensors = r#"[{"id":"f","type":"radar3d","kind":"rae","pos":[40000,30000,20],"sd":[6,0.5,0.8],"period":1}]"#;
    let (sensor, target) = (Enu::new(40_000.0, 30_000.0, 20.0), Enu::new(43_000.0, 26_000.0, 400.0));
    let d = Enu::new(3000.0, -4000.0, 380.0);
    let row = format!(
        r#"{{"ta":1,"k":"rae","s":"f","sc":"f:0","t":1,"v":[{},{},{}]}}"#,
        d.length_m(),
        math::deg(d.azimuth_rad()),
        math::deg(d.elevation_rad())
    );
    let found = rows_of(sensors, &row);
    let frame = scenario().frame;
    let own = LocalFrame::new(frame.to_geodetic(sensor)).to_enu(frame.to_geodetic(target));
    let Measurement::RangeAzimuth { range_m, azimuth_rad, elevation_rad, .. } = plots(&found.steps[0])[0].measurement
    else {
        panic!("not polar")
    };
    assert!((range_m - own.length_m()).abs() < 1e-6);
    assert!((azimuth_rad - own.azimuth_rad()).abs() < 1e-9 && (azimuth_rad - d.azimuth_rad()).abs() > 0.005);
    assert!((elevation_rad.unwrap() - own.elevation_rad()).abs() < 1e-9);
}

#[test]
fn claims_keep_who_says_so_as_it_was_written() {
    let found = rows(
        r#"{"ta":1.3,"k":"self","s":"rid","t":1,"v":[100,200,50,3,4,-1],"id":"RID-D1","rssi":-90.5}
{"ta":1.3,"k":"self","s":"adsb","t":1,"v":[100,200,50,3,4,-1],"id":"ICAO-4B1234"}"#,
    );
    let claims: Vec<_> = found
        .steps
        .iter()
        .flat_map(reports)
        .filter_map(|r| if let Report::Claim(c) = r { Some(c) } else { None })
        .collect();
    assert_eq!(claims[0].protocol, Protocol::RemoteId);
    assert_eq!(claims[0].names[0].kind, NameKind::Serial);
    assert!((claims[0].speed_mps.unwrap() - 5.0).abs() < 1e-4);
    assert!((claims[0].course_rad.unwrap() - math::atan2(3.0, 4.0)).abs() < 1e-4);
    assert!((claims[0].heights.height_ellipsoid_m.unwrap() - 50.0).abs() < 0.01);
    assert!((claims[0].horizontal_accuracy_m.unwrap() - 4.896).abs() < 1e-9);
    assert_eq!((claims[0].rssi_db, claims[0].measured_at), (Some(-90.5), scenario::time(1.0)));
    assert_eq!(claims[1].transmitter, Some(Transmitter::Icao("4b1234".into())));
    let written = |name: &Name| found.names.get(name).map_or(name.value.as_str(), String::as_str).to_owned();
    let written: Vec<String> = claims.iter().map(|c| written(&c.names[0])).collect();
    assert_eq!(written, ["RID-D1", "ICAO-4B1234"]);
}

#[test]
fn some_are_read_at_a_time_and_what_arrived_at_one_instant_together() {
    // Ten instants of 700 plots each; within each the sensors come by turns, and are put into the order of their ranks.
    let mut text = String::new();
    for i in 0..10 {
        for n in 0..700 {
            let (sensor, kind, v) = if n % 2 == 0 { ("c", "azel", "[10,2]") } else { ("p", "xy", "[10,2]") };
            text += &format!(
                "{{\"ta\":{i},\"k\":\"{kind}\",\"s\":\"{sensor}\",\"sc\":\"{sensor}:{i}\",\"t\":{i},\"v\":{v}}}\n"
            );
        }
    }
    let mut sizes = Vec::new();
    let mut at_before = None;
    for steps in batches(&text) {
        let at_of = |step: &Step| if let Step::Input(at, _) = step { Some(*at) } else { None };
        assert!(at_of(&steps[0]) > at_before, "no instant is in two");
        at_before = at_of(steps.last().unwrap());
        for one in steps.chunk_by(|a, b| at_of(a) == at_of(b)) {
            let inputs: Vec<&InputId> = one
                .iter()
                .filter_map(|s| if let Step::Input(_, Input::Decoded { input, .. }) = s { Some(input) } else { None })
                .collect();
            assert_eq!((inputs.len(), inputs.windows(2).filter(|w| w[0] != w[1]).count()), (700, 1));
        }
        sizes.push(steps.iter().map(|s| reports(s).len()).sum::<usize>());
    }
    assert_eq!(sizes, [2_100, 2_100, 2_100, 700]);
}

#[test]
fn ticks_and_empty_scans_are_read_some_at_a_time_too() {
    let mut text = String::new();
    for i in 0..5_000 {
        text += &format!("{{\"ta\":{i},\"k\":\"tick\",\"t\":{i}}}\n");
        text += &format!("{{\"ta\":{i},\"k\":\"scan\",\"s\":\"c\",\"sc\":\"c:{i}\",\"t\":{i},\"m\":0}}\n");
    }
    let batches = batches(&text);
    assert!(batches.iter().all(|steps| steps.len() <= READ_AT_ONCE + 1), "{:?}", batches.iter().map(Vec::len).max());
    assert_eq!(batches.iter().map(Vec::len).sum::<usize>(), 10_000);
}

#[test]
fn a_row_that_is_too_long_is_told_and_costs_no_other() {
    let found = rows(&format!("{{\"ta\":1,\"x\":\"{}\"}}\n{SCAN}", "y".repeat(lines::LINE_MAX)));
    assert_eq!((found.bad.count, found.steps.len(), found.counts.detections), (1, 1, 2));
    assert_eq!(found.bad.first[0], (1, "longer than 1048576 bytes".to_owned()));
}
