//! Reports on their way to the tracker.

use super::Picture;
use crate::align::{TimeSource, align};
use lapwing_model::{
    Claim, Classification, ErrorModel, Fault, FaultKind, Heights, InputId, Ledger, Measurement, Place, Plot, Protocol,
    Report, SensorId, SensorStatus, SensorTrack, Sighting, Time, TrackId, math,
};
use lapwing_track::{Label, Observation, Outcome, Velocity};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A sensor's own track is smoothed: its errors hang together in time, and as many plots they would count too much. Their
/// standard deviations are taken as twice as large (four times the variance), until tracks are fused as tracks.
const SENSOR_TRACK_INFLATION: f64 = 2.0;
/// One sigma per axis of a velocity that a sensor gives without saying how well, metres per second.
const PLOT_VELOCITY_SD_MPS: f64 = 2.0;
/// One sigma of a direction that a person points to, radians (10 degrees), and of a place a person names, metres.
const POINTING_SD_RAD: f64 = 0.175;
const POINTING_SD_M: f64 = 200.0;

/// One reception while its reports are worked through.
struct Reception<'a> {
    input: &'a InputId,
    received_at: Time,
    books: Ledger,
    faults: Vec<Fault>,
    /// Reports used, by sensor.
    used: BTreeMap<SensorId, u64>,
    /// Plots of one scan, waiting to be assigned together.
    scan: Option<Scan>,
}

struct Scan {
    sensor: SensorId,
    number: Option<u64>,
    observations: Vec<Observation>,
    classes: Vec<Option<Classification>>,
}

impl Reception<'_> {
    /// A report that is not taken: one unit goes from used to rejected. What of a unit with several reports stays used is
    /// not known here, so never more units move than the decoder counted as used.
    fn refuse(&mut self, reason: &'static str, detail: &str) {
        let reason = Cow::Borrowed(reason);
        if self.books.used > 0 {
            self.books.used -= 1;
            self.books.reject(reason.clone(), 1);
        }
        self.fault(FaultKind::Refused, reason, detail);
    }

    fn fault(&mut self, kind: FaultKind, reason: Cow<'static, str>, detail: &str) {
        self.faults.push(Fault { kind, reason, detail: detail.into(), offset: 0, length: 0 });
    }

    fn time(&mut self, measured_at: Option<Time>) -> Time {
        let (at, source) = align(measured_at, self.received_at);
        self.say_time(source, measured_at);
        at
    }

    /// A time that is not used is said; it rejects nothing.
    fn say_time(&mut self, source: TimeSource, measured_at: Option<Time>) {
        if source == TimeSource::ReceivedImplausible {
            let detail = match measured_at {
                Some(t) => format!("measured at {t}, received at {}: the time of reception is used", self.received_at),
                None => "the time stamp stands still: the time of reception is used".to_owned(),
            };
            self.fault(FaultKind::Malformed, Cow::Borrowed("implausible-time"), &detail);
        }
    }
}

/// Whether a report means something only with the place of the sensor that made it.
fn hangs_on_place(report: &Report) -> bool {
    let measurement = match report {
        Report::Plot(plot) => &plot.measurement,
        Report::SensorTrack(track) => &track.plot.measurement,
        Report::Claim(_) | Report::Sighting(_) | Report::SensorStatus(_) => return false,
    };
    !matches!(measurement, Measurement::Position { .. })
}

impl Picture {
    /// Works through one reception.
    pub(super) fn decoded(
        &mut self,
        input: &InputId,
        received_at: Time,
        reports: Vec<Report>,
        faults: Vec<Fault>,
        books: Ledger,
    ) {
        let Some(own) = self.health.sensor_of(input).cloned() else { return };
        let silent_on_sensors = reports.is_empty();
        let received = books.received > 0;
        let mut r = Reception { input, received_at, books, faults, used: BTreeMap::new(), scan: None };
        for report in reports {
            let sensor = match report.sensor() {
                Some(named) if self.health.sensor(named).is_some() => named.clone(),
                Some(named) if hangs_on_place(&report) => {
                    r.refuse("unknown-sensor", &format!("measured from sensor {named}, which is not configured"));
                    continue;
                }
                // Receivers name themselves by serial numbers nobody configures: what they pass on is their input's.
                _ => own.clone(),
            };
            *r.used.entry(sensor.clone()).or_default() += 1;
            match report {
                Report::Plot(plot) => self.plot(&mut r, sensor, plot, 1.0),
                Report::SensorTrack(track) => self.sensor_track(&mut r, sensor, track),
                Report::Claim(claim) => {
                    self.flush(&mut r);
                    self.claim(&mut r, &sensor, *claim);
                }
                Report::Sighting(sighting) => {
                    self.flush(&mut r);
                    self.sighting(&mut r, &sensor, sighting);
                }
                Report::SensorStatus(status) => {
                    self.flush(&mut r);
                    self.status(&mut r, &sensor, &status);
                }
            }
        }
        self.flush(&mut r);
        let (now, mut out) = (self.now, std::mem::take(&mut self.scratch));
        if silent_on_sensors && received {
            // Bytes without a report still show that the sensor talks.
            self.health.heard(&own, r.input, now, 0, &mut out);
        }
        for (sensor, used) in &r.used {
            self.health.heard(sensor, r.input, now, *used, &mut out);
        }
        self.health.books(r.input, &r.books, r.faults, now, &mut out);
        self.emit_all(out);
    }

    fn plot(&mut self, r: &mut Reception<'_>, sensor: SensorId, plot: Plot, inflation: f64) {
        if r.scan.as_ref().is_some_and(|s| s.sensor != sensor || s.number != plot.scan || plot.scan.is_none()) {
            self.flush(r);
        }
        let measured_at = r.time(plot.measured_at);
        let velocity = match (plot.speed_mps, plot.course_rad) {
            (Some(speed), Some(course)) => Some(Velocity {
                east_mps: speed * math::sin(course),
                north_mps: speed * math::cos(course),
                up_mps: None,
                sd_mps: PLOT_VELOCITY_SD_MPS * inflation,
            }),
            _ => None,
        };
        let measurement = match self.health.sensor(&sensor) {
            Some(s) if inflation != 1.0 => inflated(plot.measurement, &s.error, inflation),
            _ => plot.measurement,
        };
        let observation = Observation {
            measured_at,
            measurement,
            velocity,
            label: None,
            self_report: false,
            confidence: plot.confidence,
        };
        let number = plot.scan;
        let scan = r.scan.get_or_insert_with(|| Scan { sensor, number, observations: Vec::new(), classes: Vec::new() });
        scan.observations.push(observation);
        scan.classes.push(plot.classification);
    }

    /// A track of the sensor's own: its state as a plot of larger errors. An end needs nothing: it simply stops.
    fn sensor_track(&mut self, r: &mut Reception<'_>, sensor: SensorId, track: SensorTrack) {
        if !track.ended {
            self.plot(r, sensor, track.plot, SENSOR_TRACK_INFLATION);
        }
    }

    /// Gives the gathered plots of one scan to the tracker.
    fn flush(&mut self, r: &mut Reception<'_>) {
        let Some(scan) = r.scan.take() else { return };
        let mut outcomes = Vec::with_capacity(scan.observations.len());
        if let Some(sensor) = self.health.sensor(&scan.sensor) {
            self.tracker.observe(sensor, &scan.observations, &mut outcomes);
        }
        self.drain_tracker();
        for ((outcome, observation), class) in outcomes.into_iter().zip(&scan.observations).zip(&scan.classes) {
            if let Some(id) = self.outcome(r, &scan.sensor, outcome) {
                self.measured(id, &scan.sensor, observation, class.as_ref());
            }
        }
    }

    /// The track an observation went to.
    fn outcome(&mut self, r: &mut Reception<'_>, sensor: &SensorId, outcome: Outcome) -> Option<TrackId> {
        match outcome {
            Outcome::Updated(id) | Outcome::Began(id) => Some(id),
            Outcome::Held => None,
            Outcome::Rejected(reason) => {
                if let Some(count) = r.used.get_mut(sensor) {
                    *count = count.saturating_sub(1);
                }
                r.refuse(reason, "the tracker cannot use it");
                None
            }
        }
    }

    /// A sensor's own measurement contributed to a track.
    fn measured(&mut self, id: TrackId, sensor: &SensorId, observation: &Observation, class: Option<&Classification>) {
        let (now, cause) = (self.now, self.cause);
        let Some(entry) = self.tracks.get_mut(&id) else { return };
        entry.contributed(sensor, None, observation.measured_at.min(now), cause);
        if self.health.sensor(sensor).is_some_and(|s| super::heights::measures_height(s, &observation.measurement)) {
            entry.height_seen_at = Some(now);
        }
        if let Some(class) = class {
            entry.classified(class);
        }
        self.dirty.insert(id);
        self.seen_independently(id, sensor, observation);
    }

    fn claim(&mut self, r: &mut Reception<'_>, sensor: &SensorId, claim: Claim) {
        let (now, cause) = (self.now, self.cause);
        let alerts = &self.alerts;
        let heard = self.emitters.hear(&claim, r.received_at, |track| alerts.concerns(track));
        for gone in &heard.merged {
            for entry in self.tracks.values_mut().filter(|e| e.voices.contains(&gone.id)) {
                entry.voices.remove(&gone.id);
                entry.voices.insert(heard.voice);
            }
            let mine = self.emitters.get(heard.voice).and_then(|v| v.track);
            if let (Some(mine), Some(theirs)) = (mine, gone.track)
                && mine != theirs
            {
                self.tracker.join(mine.min(theirs), mine.max(theirs));
                self.drain_tracker();
            }
        }
        let mut track = self.emitters.get(heard.voice).and_then(|v| v.track);
        if let Some(position) = heard.position {
            r.say_time(position.source, claim.measured_at);
            let takes_height = self.takes_height(track, &position);
            let observation = Observation {
                measured_at: position.at,
                measurement: Measurement::Position {
                    place: position.place,
                    heights: if takes_height { position.heights } else { Heights::UNKNOWN },
                    horizontal_sd_m: position.horizontal_sd_m,
                    vertical_sd_m: position.vertical_sd_m,
                },
                velocity: position.velocity.map(|(east_mps, north_mps)| Velocity {
                    east_mps,
                    north_mps,
                    up_mps: position.up_mps.filter(|_| takes_height),
                    sd_mps: position.velocity_sd_mps,
                }),
                label: self.emitters.get(heard.voice).map(|v| Label(v.label)),
                // Multilateration and ground radar measure; the aircraft only lends its name.
                self_report: !matches!(claim.protocol, Protocol::Multilateration | Protocol::Tisb),
                confidence: None,
            };
            let mut outcomes = Vec::with_capacity(1);
            if let Some(sensor) = self.health.sensor(sensor) {
                self.tracker.observe(sensor, std::slice::from_ref(&observation), &mut outcomes);
            }
            self.drain_tracker();
            let went_to = outcomes.pop().and_then(|o| self.outcome(r, sensor, o));
            if let Some(id) = went_to {
                self.note_split(id, heard.split_from, position.place);
                track = Some(id);
                if let Some(voice) = self.emitters.get_mut(heard.voice) {
                    voice.track = Some(id);
                }
                if let Some(entry) = self.tracks.get_mut(&id) {
                    entry.voices.insert(heard.voice);
                }
                if !observation.self_report {
                    self.seen_independently(id, sensor, &observation);
                }
            }
        }
        match track {
            Some(id) => {
                if let Some(entry) = self.tracks.get_mut(&id) {
                    entry.voices.insert(heard.voice);
                    entry.contributed(sensor, Some(claim.protocol), r.received_at.min(now), cause);
                }
                self.dirty.insert(id);
            }
            None => self.tell_placeless(heard.voice, claim),
        }
        let touched: Vec<TrackId> =
            heard.touched.iter().filter_map(|v| self.emitters.get(*v)).filter_map(|v| v.track).collect();
        self.dirty.extend(touched);
    }

    /// A voice that was split off another began a track: says from which, and why.
    fn note_split(&mut self, id: TrackId, from: Option<u64>, place: Place) {
        let Some(from) = from.and_then(|v| self.emitters.get(v)) else { return };
        let (Some(known), Some(distance_m)) = (from.track, from.misfit_m(place, self.now)) else { return };
        let name = from.names.first().map_or_else(|| "its address".to_owned(), |n| n.value.to_string());
        let why = format!("{name} is used {:.1} km away, where {known} cannot be", distance_m / 1000.0);
        if let Some(entry) = self.tracks.get_mut(&id).filter(|_| known != id) {
            entry.split_from = Some((known, why.into()));
        }
    }

    /// What a person reports: a weak plot, from where the person stood.
    fn sighting(&mut self, r: &mut Reception<'_>, sensor: &SensorId, sighting: Sighting) {
        let Some(mut post) = self.health.sensor(sensor).cloned() else { return };
        let Some(measurement) = sighting.measurement else { return };
        if let Some(observer) = sighting.observer {
            let height = post.place.map_or(0.0, |p| p.height_ellipsoid_m);
            post.place = Some(observer.at_height(height));
        }
        post.error.azimuth_sd_deg.get_or_insert(math::deg(POINTING_SD_RAD));
        post.error.elevation_sd_deg.get_or_insert(math::deg(POINTING_SD_RAD));
        post.error.horizontal_sd_m.get_or_insert(POINTING_SD_M);
        post.error.vertical_sd_m.get_or_insert(POINTING_SD_M);
        let observation = Observation {
            measured_at: r.time(sighting.measured_at),
            measurement,
            velocity: None,
            label: None,
            self_report: false,
            confidence: None,
        };
        let mut outcomes = Vec::with_capacity(1);
        self.tracker.observe(&post, std::slice::from_ref(&observation), &mut outcomes);
        self.drain_tracker();
        if let Some(id) = outcomes.pop().and_then(|o| self.outcome(r, sensor, o)) {
            self.measured(id, sensor, &observation, sighting.classification.as_ref());
        }
    }

    fn status(&mut self, r: &mut Reception<'_>, sensor: &SensorId, status: &SensorStatus) {
        if let Some(health) = status.health {
            let (now, mut out) = (self.now, std::mem::take(&mut self.scratch));
            self.health.declared(sensor, health, status.text.as_ref(), now, &mut out);
            self.emit_all(out);
        }
        if status.scan.is_some() {
            let at = r.time(status.measured_at);
            if let Some(s) = self.health.sensor(sensor) {
                self.tracker.looked(s, at);
            }
            self.drain_tracker();
            self.not_seen(sensor);
        }
    }
}

/// A measurement with its standard deviations, its own or the sensor's, times a factor.
fn inflated(measurement: Measurement, error: &ErrorModel, factor: f64) -> Measurement {
    let rad = |deg: Option<f64>| deg.map(math::rad);
    let times = |own: Option<f64>, model: Option<f64>| own.or(model).map(|sd| sd * factor);
    match measurement {
        Measurement::Position { place, heights, horizontal_sd_m, vertical_sd_m } => Measurement::Position {
            place,
            heights,
            horizontal_sd_m: times(horizontal_sd_m, error.horizontal_sd_m),
            vertical_sd_m: times(vertical_sd_m, error.vertical_sd_m),
        },
        Measurement::RangeAzimuth {
            range_m,
            azimuth_rad,
            elevation_rad,
            range_rate_mps,
            range_sd_m,
            azimuth_sd_rad,
            elevation_sd_rad,
            range_rate_sd_mps,
        } => Measurement::RangeAzimuth {
            range_m,
            azimuth_rad,
            elevation_rad,
            range_rate_mps,
            range_sd_m: times(range_sd_m, error.range_sd_m),
            azimuth_sd_rad: times(azimuth_sd_rad, rad(error.azimuth_sd_deg)),
            elevation_sd_rad: times(elevation_sd_rad, rad(error.elevation_sd_deg)),
            range_rate_sd_mps: times(range_rate_sd_mps, error.range_rate_sd_mps),
        },
        Measurement::Bearing { azimuth_rad, elevation_rad, azimuth_sd_rad, elevation_sd_rad } => Measurement::Bearing {
            azimuth_rad,
            elevation_rad,
            azimuth_sd_rad: times(azimuth_sd_rad, rad(error.azimuth_sd_deg)),
            elevation_sd_rad: times(elevation_sd_rad, rad(error.elevation_sd_deg)),
        },
        Measurement::RangeDifference { .. } | Measurement::Presence => measurement,
    }
}
