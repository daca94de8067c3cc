//! The sensors file: each sensor as the picture is configured with, and what of it the rows need.

use super::scenario::Scenario;
use anyhow::{Context, bail, ensure};
use lapwing_model::site::InputInfo;
use lapwing_model::{
    AirText, BiasModel, Class, Classification, Coverage, Enu, ErrorModel, InputId, LocalFrame, RcsModel, Resolution,
    Sensor, SensorId, SensorKind, Site, Span, limits,
};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

/// A range from here on is none, metres.
const RANGE_UNLIMITED_M: f64 = 1e6;
/// Where the detection probability begins to fall under `pd_model` `taper`.
const TAPER_FROM: f64 = 0.6;

/// One sensor as it is written.
#[derive(Deserialize)]
struct Row {
    id: String,
    #[serde(rename = "type")]
    kind_word: String,
    pos: [f64; 3],
    kind: String,
    sd: Vec<f64>,
    period: f64,
    #[serde(default)]
    rotating: bool,
    r_min: Option<f64>,
    r_max: Option<f64>,
    az_fov: Option<[f64; 2]>,
    el_fov: Option<[f64; 2]>,
    pd: Option<f64>,
    pd_model: Option<String>,
    clutter: Option<f64>,
    resolution: Option<[f64; 2]>,
    medium_speed: Option<f64>,
    #[serde(default)]
    rcs: BTreeMap<String, [f64; 2]>,
    labels: Option<LabelsRow>,
    #[serde(rename = "box")]
    bounds: Option<Vec<[f64; 2]>>,
    scan_headers: Option<bool>,
    latency: Option<f64>,
}

#[derive(Deserialize)]
struct LabelsRow {
    classes: Vec<String>,
    accuracy: f64,
}

/// What a sensor measures, by the word of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// East and north.
    Xy,
    /// East, north, up.
    Xyz,
    /// Slant range, azimuth, with elevation and range rate or not.
    Polar { elevation: bool, rate: bool },
    /// Azimuth, with elevation or not.
    Direction { elevation: bool },
    /// What an aircraft says of itself.
    Own,
}

impl Kind {
    /// The kind of a word.
    pub(super) fn of(word: &str) -> Option<Self> {
        Some(match word {
            "xy" => Self::Xy,
            "xyz" => Self::Xyz,
            "ra" => Self::Polar { elevation: false, rate: false },
            "rae" => Self::Polar { elevation: true, rate: false },
            "raer" => Self::Polar { elevation: true, rate: true },
            "az" => Self::Direction { elevation: false },
            "azel" => Self::Direction { elevation: true },
            "self" => Self::Own,
            _ => return None,
        })
    }

    /// What it measures of its systematic errors: range, azimuth, elevation, range rate.
    pub(super) fn has(self) -> [bool; 4] {
        match self {
            Self::Polar { elevation, rate } => [true, true, elevation, rate],
            Self::Direction { elevation } => [false, true, elevation, false],
            Self::Xy | Self::Xyz | Self::Own => [false; 4],
        }
    }

    /// How many numbers it has.
    pub(super) fn components(self) -> usize {
        match self {
            Self::Xy => 2,
            Self::Xyz => 3,
            Self::Polar { elevation, rate } => 2 + usize::from(elevation) + usize::from(rate),
            Self::Direction { elevation } => 1 + usize::from(elevation),
            Self::Own => 6,
        }
    }
}

/// How aircraft that say who they are are heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Radio {
    /// Remote ID.
    RemoteId,
    /// ADS-B.
    Adsb,
    /// Something else.
    Other,
}

/// A sensor, as the rows need it.
pub(super) struct Post {
    /// Its input.
    pub(super) input: InputId,
    /// Its own horizon and north.
    pub(super) frame: LocalFrame,
    /// What it measures.
    pub(super) kind: Kind,
    /// One sigma of each component.
    pub(super) sd: Vec<f64>,
    /// What a label of it means, by the label.
    pub(super) labels: BTreeMap<String, Classification>,
    /// How it hears, for a receiver of claims.
    pub(super) radio: Radio,
}

/// All sensors.
pub(super) struct Posts {
    /// What the picture is configured with.
    pub(super) site: Site,
    /// In the order of the file.
    pub(super) posts: Vec<Post>,
    /// The number of a sensor in `posts`.
    pub(super) by_id: HashMap<String, usize>,
    /// Sensors without scan headers: silent when nothing flies, and then nothing is wrong with them.
    pub(super) without_headers: BTreeSet<SensorId>,
}

/// Reads a sensors file.
pub(super) fn read(path: &Path, scenario: &Scenario) -> anyhow::Result<Posts> {
    let shown = path.display();
    let text = std::fs::read(path).with_context(|| shown.to_string())?;
    let rows: Vec<Row> = serde_json::from_slice(&text).with_context(|| shown.to_string())?;
    ensure!(rows.len() <= limits::SENSORS_MAX, "{shown}: more than {} sensors", limits::SENSORS_MAX);
    posts(rows, scenario).with_context(|| shown.to_string())
}

fn posts(rows: Vec<Row>, scenario: &Scenario) -> anyhow::Result<Posts> {
    let site = Site {
        name: AirText::new(&scenario.name),
        sensors: Vec::with_capacity(rows.len()),
        inputs: Vec::with_capacity(rows.len()),
        zones: Vec::new(),
        rules: Vec::new(),
        authorised: Vec::new(),
    };
    let mut all =
        Posts { site, posts: Vec::with_capacity(rows.len()), by_id: HashMap::new(), without_headers: BTreeSet::new() };
    for row in rows {
        let name = row.id.clone();
        all.add(row, scenario).with_context(|| format!("sensor `{}`", AirText::new(&name)))?;
    }
    Ok(all)
}

impl Posts {
    /// What a sensor measures.
    pub(super) fn kind_of(&self, id: &SensorId) -> Option<Kind> {
        self.by_id.get(id.as_str()).and_then(|i| self.posts.get(*i)).map(|p| p.kind)
    }

    /// The area births are spread over, square kilometres: the first box, or the largest disc.
    pub(super) fn area_km2(&self) -> f64 {
        let boxes = self.site.sensors.iter().find_map(|s| s.coverage.area_km2);
        let ranges = self.site.sensors.iter().filter_map(|s| s.coverage.range_max_m);
        boxes.unwrap_or_else(|| {
            ranges.filter(|r| *r < 50_000.0).map(|r| std::f64::consts::PI * r * r / 1e6).fold(1.0, f64::max)
        })
    }

    /// Sets what systematic errors are expected of every sensor that measures range or angles.
    pub(super) fn expect_biases(&mut self, expected: BiasModel) {
        for (sensor, post) in self.site.sensors.iter_mut().zip(&self.posts) {
            if post.kind.has()[1] {
                sensor.bias_sd = expected;
            }
        }
    }

    fn add(&mut self, row: Row, scenario: &Scenario) -> anyhow::Result<()> {
        let id = SensorId::new(&row.id)?;
        let Some(kind) = Kind::of(&row.kind) else { bail!("there is no `kind` `{}`", AirText::new(&row.kind)) };
        check(&row, kind)?;
        let (kind_of_sensor, radio) = sensor_kind(&row.kind_word)?;
        let [east, north, up] = row.pos;
        let place = scenario.frame.to_geodetic(Enu::new(east, north, up));
        let sensor = Sensor {
            coverage: coverage(&row),
            error: error(kind, &row.sd),
            rotating: row.rotating,
            latency: row.latency.filter(|s| (0.0..=3_600.0).contains(s)).map(Span::from_seconds_f64),
            clutter_per_look: row.clutter.filter(|_| kind != Kind::Own),
            resolution: resolution(row.resolution),
            signal_speed_mps: row.medium_speed,
            rcs: cross_sections(&row.rcs),
            ..Sensor::new(id.clone(), kind_of_sensor, Some(place), Span::from_seconds_f64(row.period))
        };
        let input = InputId::new(&row.id)?;
        self.site.inputs.push(InputInfo {
            id: input.clone(),
            format: AirText::new("lapwing-bench"),
            transport: AirText::new("file"),
            sensor: id.clone(),
            format_options: String::new(),
        });
        self.site.sensors.push(sensor);
        if row.scan_headers == Some(false) {
            self.without_headers.insert(id);
        }
        if self.by_id.insert(row.id, self.posts.len()).is_some() {
            bail!("is there twice");
        }
        let labels = row.labels.as_ref().map(labels).transpose()?.unwrap_or_default();
        self.posts.push(Post { input, frame: LocalFrame::new(place), kind, sd: row.sd, labels, radio });
        Ok(())
    }
}

fn check(row: &Row, kind: Kind) -> anyhow::Result<()> {
    let n = kind.components();
    ensure!(row.sd.len() == n, "`sd` has {} numbers, `{}` has {n}", row.sd.len(), row.kind);
    ensure!(row.sd.iter().all(|sd| *sd > 0.0 && sd.is_finite()), "`sd`: expected numbers above 0");
    ensure!(row.pos.iter().all(|x| x.abs() <= 1e7), "`pos`: expected metres from the origin");
    ensure!(
        row.period > 0.0 && row.period <= 86_400.0,
        "`period`: {}, expected more than 0 and at most 86400",
        row.period
    );
    let in_range = |x: Option<f64>, most: f64| x.is_none_or(|x| (0.0..=most).contains(&x));
    ensure!(in_range(row.pd, 1.0), "`pd`: expected 0 to 1");
    ensure!(in_range(row.clutter, f64::MAX), "`clutter`: expected 0 or more");
    ensure!(in_range(row.r_min, f64::MAX) && in_range(row.r_max, f64::MAX), "`r_min`, `r_max`: expected 0 or more");
    ensure!(row.medium_speed.is_none_or(|s| s > 0.0), "`medium_speed`: expected more than 0");
    let bounds_ok = |b: &[[f64; 2]]| b.len() >= 2 && b.iter().all(|[low, high]| low < high);
    ensure!(row.bounds.as_deref().is_none_or(bounds_ok), "`box`: expected [low, high] for each axis");
    Ok(())
}

fn sensor_kind(word: &str) -> anyhow::Result<(SensorKind, Radio)> {
    Ok(match word {
        "radar3d" => (SensorKind::Radar, Radio::Other),
        "rf_df" => (SensorKind::RfDirection, Radio::Other),
        "acoustic" => (SensorKind::Acoustic, Radio::Other),
        "camera" => (SensorKind::Camera, Radio::Other),
        "rid_rx" => (SensorKind::RemoteId, Radio::RemoteId),
        "adsb_rx" => (SensorKind::Adsb, Radio::Adsb),
        "mlat" => (SensorKind::Multilateration, Radio::Other),
        "human" => (SensorKind::Human, Radio::Other),
        "generic" => (SensorKind::Other, Radio::Other),
        _ => bail!("there is no `type` `{}`", AirText::new(word)),
    })
}

/// Where it sees. A box is where its false plots lie: it need not have the sensor in its middle.
fn coverage(row: &Row) -> Coverage {
    let sector = row.az_fov.filter(|[_, width]| *width < 360.0);
    let edge = |side: f64| sector.map(|[centre, width]| (centre + side * width / 2.0).rem_euclid(360.0));
    let area = row.bounds.as_deref().and_then(|b| Some((b.first()?, b.get(1)?)));
    Coverage {
        range_min_m: row.r_min,
        range_max_m: row.r_max.filter(|r| *r < RANGE_UNLIMITED_M),
        azimuth_from_deg: edge(-1.0),
        azimuth_to_deg: edge(1.0),
        elevation_min_deg: row.el_fov.map(|e| e[0]),
        elevation_max_deg: row.el_fov.map(|e| e[1]),
        detection_probability: row.pd,
        detection_taper_from: (row.pd_model.as_deref() == Some("taper")).then_some(TAPER_FROM),
        area_km2: area.map(|(east, north)| (east[1] - east[0]) * (north[1] - north[0]) / 1e6),
    }
}

fn error(kind: Kind, sd: &[f64]) -> ErrorModel {
    let at = |i: usize| sd.get(i).copied();
    let none = ErrorModel::default();
    match kind {
        Kind::Xy => ErrorModel { horizontal_sd_m: horizontal(sd), ..none },
        Kind::Xyz | Kind::Own => ErrorModel { horizontal_sd_m: horizontal(sd), vertical_sd_m: at(2), ..none },
        Kind::Polar { elevation, rate } => ErrorModel {
            range_sd_m: at(0),
            azimuth_sd_deg: at(1),
            elevation_sd_deg: at(2).filter(|_| elevation),
            range_rate_sd_mps: at(3).filter(|_| rate),
            ..none
        },
        Kind::Direction { elevation } => {
            ErrorModel { azimuth_sd_deg: at(0), elevation_sd_deg: at(1).filter(|_| elevation), ..none }
        }
    }
}

/// One sigma of each horizontal axis, from those of east and north: the root of the mean variance.
pub(super) fn horizontal(sd: &[f64]) -> Option<f64> {
    let (east, north) = (sd.first()?, sd.get(1)?);
    Some(((east * east + north * north) / 2.0).sqrt())
}

fn resolution(written: Option<[f64; 2]>) -> Resolution {
    let positive = |x: f64| Some(x).filter(|x| *x > 0.0);
    written.map_or_else(Resolution::default, |[range, azimuth]| Resolution {
        range_m: positive(range),
        azimuth_deg: positive(azimuth),
    })
}

/// Cross-sections of classes; that of clutter is of what does not fly.
fn cross_sections(written: &BTreeMap<String, [f64; 2]>) -> Vec<RcsModel> {
    let model = |class: Class, [mean_dbsm, sd_db]: [f64; 2]| RcsModel { class, mean_dbsm, sd_db };
    let classes = |word: &str| -> &[Class] {
        match word {
            "drone" => &[Class::Drone],
            "bird" => &[Class::Bird],
            "aircraft" => &[Class::Aeroplane, Class::Helicopter],
            "clutter" => &[Class::Ground],
            _ => &[],
        }
    };
    let all = written.iter().flat_map(|(word, numbers)| classes(word).iter().map(|c| model(*c, *numbers)));
    let mut all: Vec<RcsModel> = all.collect();
    all.sort_by_key(|m| m.class);
    all
}

/// What each label says: its class as often as the sensor is right, the other listed ones in equal parts for the rest.
fn labels(row: &LabelsRow) -> anyhow::Result<BTreeMap<String, Classification>> {
    ensure!((0.0..=1.0).contains(&row.accuracy), "`labels.accuracy`: {}, expected 0 to 1", row.accuracy);
    let class = |word: &str| match word {
        "drone" => Ok(Class::Drone),
        "bird" => Ok(Class::Bird),
        "aircraft" => Ok(Class::Aeroplane),
        _ => bail!("`labels.classes`: there is no class `{}`", AirText::new(word)),
    };
    let mut meanings = BTreeMap::new();
    for word in &row.classes {
        let mut meaning = Classification::single(class(word)?, row.accuracy);
        let others: Vec<&String> = row.classes.iter().filter(|w| *w != word).collect();
        for other in &others {
            meaning.probabilities.insert(class(other)?, (1.0 - row.accuracy) / others.len() as f64);
        }
        meanings.insert(word.clone(), meaning);
    }
    Ok(meanings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lapwing_model::{Geodetic, LocalFrame};

    fn scenario() -> Scenario {
        let origin = Geodetic { latitude_deg: 52.0, longitude_deg: 5.0, height_ellipsoid_m: 0.0 };
        let start = super::super::scenario::time(0.0).unwrap();
        Scenario {
            name: "x".into(),
            frame: LocalFrame::new(origin),
            flat: false,
            start,
            tick_s: 1.0,
            hints: Default::default(),
        }
    }

    fn one(text: &str) -> anyhow::Result<(Sensor, Post)> {
        let rows: Vec<Row> = serde_json::from_str(&format!("[{text}]"))?;
        let mut all = posts(rows, &scenario())?;
        Ok((all.site.sensors.remove(0), all.posts.remove(0)))
    }

    #[test]
    fn a_radar_is_said_with_everything_it_has() {
        let (s, _) = one(
            r#"{"id":"r","type":"radar3d","kind":"raer","pos":[0,0,10],"sd":[6,0.6,1,0.5],"period":1,"rotating":true,
            "r_min":80,"r_max":5000,"az_fov":[10,90],"el_fov":[-5,45],"pd":0.92,"pd_model":"taper","clutter":15,
            "resolution":[15,1.5],"rcs":{"drone":[-18,4],"aircraft":[5,4],"clutter":[-20,7]},"sees":["x"]}"#,
        )
        .unwrap();
        assert_eq!((s.coverage.azimuth_from_deg, s.coverage.azimuth_to_deg), (Some(325.0), Some(55.0)));
        assert_eq!((s.coverage.range_max_m, s.coverage.detection_taper_from), (Some(5000.0), Some(0.6)));
        assert_eq!((s.error.azimuth_sd_deg, s.error.range_rate_sd_mps), (Some(0.6), Some(0.5)));
        assert_eq!(s.resolution, Resolution { range_m: Some(15.0), azimuth_deg: Some(1.5) });
        let classes: Vec<Class> = s.rcs.iter().map(|m| m.class).collect();
        assert_eq!(classes, [Class::Drone, Class::Aeroplane, Class::Helicopter, Class::Ground], "clutter does not fly");
        assert!(s.rotating && s.clutter_per_look == Some(15.0));
        assert!((s.place.unwrap().height_ellipsoid_m - 10.0).abs() < 1e-6);
    }

    #[test]
    fn a_box_is_an_area_and_a_great_range_is_none() {
        let (s, _) =
            one(r#"{"id":"m","type":"mlat","kind":"xyz","pos":[0,0,0],"sd":[3,4,35],"period":1,"r_max":3000,"pd":0.6,
            "clutter":0.1,"box":[[-3000,3000],[-2000,2000],[0,500]],"az_fov":[0,360]}"#)
            .unwrap();
        assert_eq!((s.coverage.range_max_m, s.coverage.area_km2), (Some(3000.0), Some(24.0)));
        assert_eq!((s.coverage.azimuth_from_deg, s.error.vertical_sd_m), (None, Some(35.0)));
        assert!((s.error.horizontal_sd_m.unwrap() - 12.5_f64.sqrt()).abs() < 1e-12);
        let (s, _) = one(
            r#"{"id":"a","type":"rf_df","kind":"az","pos":[0,0,0],"sd":[3],"period":1,"r_max":1e9,"resolution":[0,4]}"#,
        )
        .unwrap();
        assert_eq!(s.coverage.range_max_m, None);
        assert_eq!(s.resolution, Resolution { range_m: None, azimuth_deg: Some(4.0) });
    }

    #[test]
    fn a_label_leaves_its_doubt_to_the_other_classes() {
        let (_, p) = one(r#"{"id":"c","type":"camera","kind":"azel","pos":[0,0,0],"sd":[0.1,0.1],"period":1,
            "labels":{"classes":["drone","bird","aircraft"],"accuracy":0.8}}"#)
        .unwrap();
        let word = &p.labels["bird"].probabilities;
        assert!((word[&Class::Bird] - 0.8).abs() < 1e-12 && (word[&Class::Aeroplane] - 0.1).abs() < 1e-12);
    }

    #[test]
    fn a_sensor_that_cannot_be_is_named() {
        let wrong = [
            (r#"{"id":"a b","type":"rf_df","kind":"az","pos":[0,0,0],"sd":[3],"period":1}"#, "a b"),
            (r#"{"id":"a","type":"rf_df","kind":"az","pos":[0,0,0],"sd":[3,4],"period":1}"#, "`sd` has 2"),
            (r#"{"id":"a","type":"sonar","kind":"az","pos":[0,0,0],"sd":[3],"period":1}"#, "`type` `sonar`"),
            (r#"{"id":"a","type":"rf_df","kind":"zz","pos":[0,0,0],"sd":[3],"period":1}"#, "`kind` `zz`"),
            (r#"{"id":"a","type":"rf_df","kind":"az","pos":[0,0,0],"sd":[3],"period":0}"#, "`period`"),
        ];
        for (text, why) in wrong {
            let error = format!("{:#}", one(text).err().unwrap());
            assert!(error.contains(why), "{error}");
        }
    }
}
