//! A small stage: sensors, aircraft, and what they say, in code.

use crate::{Input, Picture};
use lapwing_model::zone::{Shape, ZoneKind};
use lapwing_model::*;
use lapwing_track::Config;

pub(super) const START: i64 = 1_700_000_000;
pub(super) const HERE: Place = Place { latitude_deg: 47.0, longitude_deg: 8.0 };

pub(super) fn t(seconds: f64) -> Time {
    Time::from_seconds(START) + Span::from_seconds_f64(seconds)
}

pub(super) fn input(name: &str) -> InputId {
    InputId::new(name).unwrap()
}

pub(super) fn sensor_id(name: &str) -> SensorId {
    SensorId::new(name).unwrap()
}

/// A place by metres east and north of [`HERE`].
pub(super) fn at(east_m: f64, north_m: f64) -> Place {
    let (kx, ky) = crate::zone::metres_per_degree(HERE.latitude_deg);
    Place { latitude_deg: HERE.latitude_deg + north_m / ky, longitude_deg: HERE.longitude_deg + east_m / kx }
}

fn sensor(name: &str, kind: SensorKind, interval_s: i64, coverage: Coverage) -> Sensor {
    let error = ErrorModel {
        range_sd_m: Some(10.0),
        azimuth_sd_deg: Some(0.5),
        elevation_sd_deg: Some(1.0),
        ..ErrorModel::default()
    };
    let place = Some(HERE.at_height(400.0));
    Sensor { coverage, error, ..Sensor::new(sensor_id(name), kind, place, Span::from_seconds(interval_s)) }
}

fn box_zone(name: &str, west: f64, south: f64, east: f64, north: f64) -> Zone {
    Zone {
        id: ZoneId::new(name).unwrap(),
        name: AirText::new("Prison yard"),
        kind: ZoneKind::Protected,
        shape: Shape::Polygon {
            polygons: vec![vec![vec![at(west, south), at(east, south), at(east, north), at(west, north)]]],
        },
        floor: None,
        ceiling: None,
        times: Vec::new(),
    }
}

/// A radar (2 s), a Remote ID receiver (10 s), an ADS-B receiver; a protected square of 400 m around [`HERE`].
pub(super) fn site() -> Site {
    let info = |id: &str, sensor: &str| site::InputInfo {
        id: input(id),
        format: "json".into(),
        transport: "udp".into(),
        format_options: Default::default(),
        sensor: sensor_id(sensor),
    };
    let radar = Coverage { range_max_m: Some(6000.0), detection_probability: Some(0.9), ..Coverage::default() };
    Site {
        name: "Test".into(),
        sensors: vec![
            sensor("radar", SensorKind::Radar, 2, radar),
            sensor("rid", SensorKind::RemoteId, 10, Coverage::default()),
            sensor("adsb", SensorKind::Adsb, 10, Coverage::default()),
        ],
        inputs: vec![info("in-radar", "radar"), info("in-rid", "rid"), info("in-adsb", "adsb")],
        zones: vec![box_zone("yard", -200.0, -200.0, 200.0, 200.0)],
        rules: Rule::defaults(),
        authorised: Vec::new(),
    }
}

/// Remote ID of a drone.
pub(super) fn rid(mac: &str, serial: Option<&str>, place: Option<Place>) -> Claim {
    let mut claim = Claim::new(Protocol::RemoteIdWifiBeacon);
    claim.transmitter = Some(Transmitter::Mac(mac.into()));
    claim.names = serial.map(|s| Name { kind: NameKind::Serial, value: s.into() }).into_iter().collect();
    claim.place = place;
    claim.horizontal_accuracy_m = place.map(|_| 10.0);
    claim
}

pub(super) fn adsb(address: &str, place: Place) -> Claim {
    let mut claim = Claim::new(Protocol::Adsb);
    claim.transmitter = Some(Transmitter::Icao(address.into()));
    claim.names = vec![Name { kind: NameKind::IcaoAddress, value: address.into() }];
    claim.place = Some(place);
    claim.horizontal_accuracy_m = Some(10.0);
    claim
}

/// A radar plot of what is at metres east, north, up of the radar.
pub(super) fn plot(east_m: f64, north_m: f64, up_m: f64) -> Plot {
    let v = Enu::new(east_m, north_m, up_m);
    Plot {
        sensor: None,
        measured_at: None,
        scan: None,
        measurement: Measurement::RangeAzimuth {
            range_m: v.length_m(),
            azimuth_rad: v.azimuth_rad(),
            elevation_rad: Some(v.elevation_rad()),
            range_rate_mps: None,
            range_sd_m: None,
            azimuth_sd_rad: None,
            elevation_sd_rad: None,
            range_rate_sd_mps: None,
        },
        course_rad: None,
        speed_mps: None,
        classification: None,
        rcs_dbsm: None,
        confidence: None,
    }
}

pub(super) fn scan_header(plots: u32) -> Report {
    Report::SensorStatus(SensorStatus {
        sensor: None,
        measured_at: None,
        health: None,
        place: None,
        heights: Heights::UNKNOWN,
        scan: Some(1),
        scan_plots: Some(plots),
        text: None,
    })
}

/// A picture, what went in, and what came out.
pub(super) struct Scene {
    pub(super) picture: Picture,
    pub(super) inputs: Vec<(Time, Option<Position>, Input)>,
    pub(super) events: Vec<Event>,
}

impl Scene {
    pub(super) fn new(site: Site) -> Self {
        Self::tuned(site, Config::default())
    }

    /// One whose tracker has settings of its own.
    pub(super) fn tuned(site: Site, config: Config) -> Self {
        Self { picture: Picture::tuned(site, t(0.0), 0, config), inputs: Vec::new(), events: Vec::new() }
    }

    pub(super) fn input(&mut self, now: Time, input: Input) {
        let position = Some(Position(self.inputs.len() as u64));
        self.inputs.push((now, position, input.clone()));
        self.picture.handle(now, position, input);
        while let Some(event) = self.picture.poll() {
            self.events.push(event);
        }
    }

    pub(super) fn reports(&mut self, now: Time, by: &str, reports: Vec<Report>) {
        let units = reports.len() as u64;
        let books = Ledger { received: units, used: units, ..Ledger::default() };
        self.input(now, Input::Decoded { input: input(by), received_at: now, reports, faults: Vec::new(), books });
    }

    pub(super) fn claim(&mut self, now: Time, claim: Claim) {
        let by = if claim.protocol == Protocol::Adsb { "in-adsb" } else { "in-rid" };
        self.reports(now, by, vec![Report::Claim(Box::new(claim))]);
    }

    /// One turn of the radar.
    pub(super) fn radar(&mut self, now: Time, plots: Vec<Plot>) {
        let count = plots.len() as u32;
        let mut reports: Vec<Report> = plots.into_iter().map(Report::Plot).collect();
        reports.push(scan_header(count));
        self.reports(now, "in-radar", reports);
    }

    pub(super) fn tick(&mut self, now: Time) {
        self.input(now, Input::Tick);
    }

    pub(super) fn tracks(&self) -> Vec<Track> {
        self.picture.snapshot().tracks
    }

    /// The only track.
    pub(super) fn one(&self) -> Track {
        let tracks = self.tracks();
        assert_eq!(tracks.len(), 1, "{:?}", tracks.iter().map(|t| (t.id, t.phase)).collect::<Vec<_>>());
        tracks.into_iter().next().unwrap()
    }

    pub(super) fn began(&self) -> usize {
        self.events.iter().filter(|e| matches!(e.body, EventBody::TrackBegan { .. })).count()
    }

    pub(super) fn alerts(&self) -> Vec<Alert> {
        self.picture.snapshot().alerts
    }

    pub(super) fn status_of(&self, name: &str) -> IdentityStatus {
        self.tracks()
            .into_iter()
            .find(|t| t.identity.names.iter().any(|n| n.value.as_str() == name))
            .map(|t| t.identity.status)
            .unwrap()
    }

    pub(super) fn bytes(&self) -> String {
        self.events.iter().map(|e| serde_json::to_string(e).unwrap() + "\n").collect()
    }

    /// Plays the same inputs again into a new picture, with extra ticks in between.
    pub(super) fn again(&self, site: Site, ticks: impl Fn(Time, Time) -> Vec<Time>) -> Self {
        let mut other = Self::new(site);
        let mut last = t(0.0);
        for (now, position, input) in &self.inputs {
            for tick in ticks(last, *now) {
                other.picture.handle(tick, None, Input::Tick);
            }
            other.picture.handle(*now, *position, input.clone());
            while let Some(event) = other.picture.poll() {
                other.events.push(event);
            }
            last = *now;
        }
        other
    }
}
