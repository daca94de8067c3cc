//! Reports on their way to the tracker.

use super::Picture;
use super::tracks::{SourceKey, named};
use crate::align::{TimeSource, align_measured};
use crate::emitters::{By, SAID_MAX, Said};
use lapwing_model::{
    Claim, Fault, FaultKind, Heights, InputId, Ledger, LocalFrame, Measurement, Place, Plot, Protocol, Report, Sensor,
    SensorId, SensorKind, SensorStatus, SensorTrack, Sighting, Span, Time, TrackId, math,
};
use lapwing_track::{Label, Observation, Outcome, Scan as Look, Velocity};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// One sigma per axis of a velocity that a sensor gives without saying how well, metres per second.
const PLOT_VELOCITY_SD_MPS: f64 = 2.0;
/// One sigma of a direction that a person points to, radians (10 degrees), and of a place a person names, metres.
const POINTING_SD_RAD: f64 = 0.175;
const POINTING_SD_M: f64 = 200.0;

/// Plots of a scan at most whose lists are kept for the next one.
const SPARE_MAX: usize = 32_768;

/// One reception while its reports are worked through.
struct Reception<'a> {
    input: &'a InputId,
    received_at: Time,
    books: Ledger,
    faults: Vec<Fault>,
    /// Reports used, by sensor.
    used: Used,
    /// Plots of one scan, waiting to be assigned together.
    scan: Option<Scan>,
    /// Reports of it at most.
    reports: usize,
}

/// Reports used, by sensor. Mostly all of a reception are of one: that is found without a search.
#[derive(Default)]
struct Used {
    latest: Option<(SensorId, u64)>,
    others: BTreeMap<SensorId, u64>,
}

impl Used {
    /// The count of a sensor, which is the latest from now on.
    fn of(&mut self, sensor: &SensorId) -> &mut u64 {
        if !self.is_latest(sensor) {
            if let Some((before, count)) = self.latest.take() {
                self.others.insert(before, count);
            }
            let known = self.others.remove(sensor).unwrap_or(0);
            self.latest = Some((sensor.clone(), known));
        }
        &mut self.latest.get_or_insert_with(|| (sensor.clone(), 0)).1
    }

    /// Whether it is the one found last.
    fn is_latest(&self, sensor: &SensorId) -> bool {
        self.latest.as_ref().is_some_and(|(latest, _)| latest == sensor)
    }

    /// All of them.
    fn into_all(mut self) -> BTreeMap<SensorId, u64> {
        self.others.extend(self.latest);
        self.others
    }
}

struct Scan {
    sensor: SensorId,
    number: Option<u64>,
    observations: Vec<Observation>,
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

    /// The time of what a sensor measured itself: late is late, and not now. What has no time took what its sensor's reports usually
    /// take; `sensor` is asked only then, for there may be many plots.
    fn measured_time<'a>(&mut self, measured_at: Option<Time>, sensor: impl FnOnce() -> Option<&'a Sensor>) -> Time {
        if measured_at.is_none() {
            return self.untimed(sensor());
        }
        let (at, source) = align_measured(measured_at, self.received_at);
        self.say_time(source, measured_at);
        at
    }

    /// The time of what says none.
    fn untimed(&self, sensor: Option<&Sensor>) -> Time {
        self.received_at - sensor.map_or(Span::ZERO, Sensor::usual_latency)
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

/// What a protocol's time stamps are cut to: Remote ID says tenths of a second after the hour (ASTM F3411-22a, table 8).
fn stamp_cut(protocol: Protocol) -> Span {
    use Protocol::{
        RemoteId, RemoteIdBluetoothLegacy, RemoteIdBluetoothLongRange, RemoteIdWifiBeacon, RemoteIdWifiNan,
    };
    match protocol {
        RemoteId | RemoteIdBluetoothLegacy | RemoteIdBluetoothLongRange | RemoteIdWifiBeacon | RemoteIdWifiNan => {
            Span::from_millis(100)
        }
        _ => Span::ZERO,
    }
}

/// Plots of a turn that do not say when they were measured were measured when the antenna looked their way, not when all of
/// them were received.
fn time_by_azimuth(
    observations: &mut [Observation],
    untimed: Time,
    began_at: Time,
    turn: Span,
    from: Option<&LocalFrame>,
) {
    for observation in observations.iter_mut().filter(|o| o.measured_at == untimed) {
        let azimuth_rad = match observation.measurement {
            Measurement::RangeAzimuth { azimuth_rad, .. } | Measurement::Bearing { azimuth_rad, .. } => azimuth_rad,
            Measurement::Position { place, .. } => {
                let Some(from) = from else { continue };
                // At the sensor's own height: which way it is hangs on the height by nothing.
                from.to_enu(place.at_height(from.origin().height_ellipsoid_m)).azimuth_rad()
            }
            Measurement::RangeDifference { .. } | Measurement::Presence => continue,
        };
        let share = math::wrap_tau(azimuth_rad) / math::TAU;
        observation.measured_at = began_at + Span::from_seconds_f64(share * turn.as_seconds_f64());
    }
}

/// Whether the place of a claim was measured by others, and the aircraft only lends its name. Multilateration is computed from when
/// receivers heard it. Traffic information (TIS-B) comes from ground radar, but what is heard of it off the air anybody can have sent:
/// only where a radar passes it on is it a measurement.
fn placed_by_others(protocol: Protocol, kind: Option<SensorKind>) -> bool {
    match protocol {
        Protocol::Multilateration => true,
        Protocol::Tisb => kind == Some(SensorKind::Radar),
        _ => false,
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
        mut reports: Vec<Report>,
        faults: Vec<Fault>,
        books: Ledger,
    ) {
        let Some(own) = self.health.sensor_of(input).cloned() else { return };
        let silent_on_sensors = reports.is_empty();
        let received = books.received > 0;
        let used = Used::default();
        let mut r = Reception { input, received_at, books, faults, used, scan: None, reports: reports.len() };
        for report in &mut reports {
            let sensor = match report.sensor() {
                Some(named) if r.used.is_latest(named) || self.health.sensor(named).is_some() => named.clone(),
                Some(named) if hangs_on_place(report) => {
                    r.refuse("unknown-sensor", &format!("measured from sensor {named}, which is not configured"));
                    continue;
                }
                // Receivers name themselves by serial numbers nobody configures: what they pass on is their input's.
                _ => own.clone(),
            };
            *r.used.of(&sensor) += 1;
            match report {
                Report::Plot(plot) => self.plot(&mut r, sensor, plot, false),
                Report::SensorTrack(track) => self.sensor_track(&mut r, sensor, track),
                Report::Claim(claim) => {
                    self.flush(&mut r);
                    self.claim(&mut r, &sensor, claim);
                }
                Report::Sighting(sighting) => {
                    self.flush(&mut r);
                    self.sighting(&mut r, &sensor, sighting);
                }
                Report::SensorStatus(status) => self.status(&mut r, &sensor, status),
            }
        }
        self.flush(&mut r);
        let (now, mut out) = (self.now, std::mem::take(&mut self.scratch));
        if silent_on_sensors && received {
            // Bytes without a report still show that the sensor talks.
            self.health.heard(&own, r.input, now, 0, &mut out);
        }
        for (sensor, used) in std::mem::take(&mut r.used).into_all() {
            self.health.heard(&sensor, r.input, now, used, &mut out);
        }
        self.health.books(r.input, &r.books, r.faults, now, &mut out);
        self.emit_all(out);
    }

    /// A plot, of which the classification is taken.
    fn plot(&mut self, r: &mut Reception<'_>, sensor: SensorId, plot: &mut Plot, sensor_track: bool) {
        if r.scan.as_ref().is_some_and(|s| s.sensor != sensor || s.number != plot.scan || plot.scan.is_none()) {
            self.flush(r);
        }
        let measured_at = r.measured_time(plot.measured_at, || self.health.sensor(&sensor));
        let velocity = match (plot.speed_mps, plot.course_rad) {
            (Some(speed), Some(course)) => Some(Velocity {
                east_mps: speed * math::sin(course),
                north_mps: speed * math::cos(course),
                up_mps: None,
                sd_mps: PLOT_VELOCITY_SD_MPS,
            }),
            _ => None,
        };
        let (number, reports, spare) = (plot.scan, r.reports, &mut self.spare_observations);
        let scan = r.scan.get_or_insert_with(|| {
            let mut observations = std::mem::take(spare);
            observations.reserve(reports);
            Scan { sensor, number, observations }
        });
        scan.observations.push(Observation {
            measured_at,
            cut_to: Span::ZERO,
            measurement: plot.measurement,
            velocity,
            label: None,
            self_report: false,
            sensor_track,
            confidence: plot.confidence,
            classification: plot.classification.take(),
            rcs_dbsm: plot.rcs_dbsm,
            said_height_ellipsoid_m: None,
            entry: self.cause,
        });
    }

    /// A track of the sensor's own: its state as a plot whose errors hang together in time. An end needs nothing: it simply
    /// stops.
    fn sensor_track(&mut self, r: &mut Reception<'_>, sensor: SensorId, track: &mut SensorTrack) {
        if !track.ended {
            self.plot(r, sensor, &mut track.plot, true);
        }
    }

    /// Gives the gathered plots of one scan to the tracker, as far as they have come.
    fn flush(&mut self, r: &mut Reception<'_>) {
        if let Some(scan) = r.scan.take() {
            let began_at = scan.observations.first().map_or(r.received_at, |o| o.measured_at);
            self.give(r, scan, began_at, false);
        }
    }

    /// Gives a scan, or a part of one, to the tracker.
    fn give(&mut self, r: &mut Reception<'_>, mut scan: Scan, began_at: Time, complete: bool) {
        let mut outcomes = std::mem::take(&mut self.spare_outcomes);
        if let Some(sensor) = self.health.sensor(&scan.sensor) {
            let look = Look { number: scan.number, began_at, complete };
            self.tracker.observe_scan(sensor, look, &scan.observations, &mut outcomes);
        }
        self.drain_tracker();
        let kind = self.health.sensor(&scan.sensor).map(|s| s.kind);
        let sensor = named(&scan.sensor);
        for (outcome, observation) in outcomes.drain(..).zip(&scan.observations) {
            if let Some(id) = self.outcome(r, &scan.sensor, outcome) {
                self.measured(id, sensor, kind, observation);
            }
        }
        // Kept for their memory, unless that is much.
        if outcomes.capacity() <= SPARE_MAX {
            self.spare_outcomes = outcomes;
        }
        if (self.spare_observations.capacity()..=SPARE_MAX).contains(&scan.observations.capacity()) {
            scan.observations.clear();
            self.spare_observations = scan.observations;
        }
    }

    /// The track an observation went to.
    fn outcome(&mut self, r: &mut Reception<'_>, sensor: &SensorId, outcome: Outcome) -> Option<TrackId> {
        match outcome {
            Outcome::Updated(id) | Outcome::Began(id) | Outcome::Repeated(Some(id)) => Some(id),
            Outcome::Held | Outcome::Late | Outcome::Repeated(None) => None,
            Outcome::Rejected(reason) => {
                let count = r.used.of(sensor);
                *count = count.saturating_sub(1);
                r.refuse(reason, "the tracker cannot use it");
                None
            }
        }
    }

    /// A sensor's own measurement contributed to a track.
    fn measured(
        &mut self,
        id: TrackId,
        (sensor, key): (&SensorId, SourceKey),
        kind: Option<SensorKind>,
        observation: &Observation,
    ) {
        let now = self.now;
        let watched = self.is_watched();
        let Some(entry) = self.tracks.get_mut(&id) else { return };
        entry.contributed((sensor, key), None, observation.measured_at.min(now), observation.entry);
        if kind.is_some_and(|kind| super::heights::measures_height(kind, &observation.measurement)) {
            entry.height_seen_at = Some(now);
        }
        if let Some(class) = &observation.classification {
            entry.classified(class);
        }
        if !watched && entry.is_settled() {
            // Most are: only where it is has changed, which is told once a second.
            entry.was_seen();
            return;
        }
        if self.seen_independently(id, sensor, observation) {
            self.dirty.insert(id);
        } else {
            self.dirty.moved(id);
        }
    }

    fn claim(&mut self, r: &mut Reception<'_>, sensor: &SensorId, claim: &Claim) {
        let (now, cause) = (self.now, self.cause);
        let alerts = &self.alerts;
        // Of a time of its own nothing is taken off.
        let post = self.health.sensor(sensor);
        let usual = post.filter(|_| claim.measured_at.is_none()).map_or(Span::ZERO, Sensor::usual_latency);
        let by_others = placed_by_others(claim.protocol, post.map(|s| s.kind));
        let by = By { sensor, usual, by_others, sd_m: post.and_then(|s| s.error.horizontal_sd_m) };
        let heard = self.emitters.hear(claim, by, r.received_at, |track| alerts.concerns(track));
        for gone in &heard.merged {
            self.voice_merged(gone, &heard);
            let mine = self.emitters.get(heard.voice).and_then(|v| v.track);
            if let (Some(mine), Some(theirs)) = (mine, gone.track)
                && mine != theirs
            {
                self.tracker.join(mine.min(theirs), mine.max(theirs));
                self.drain_tracker();
            }
        }
        let mut track = self.emitters.get(heard.voice).and_then(|v| v.track);
        let (mut late, mut refused) = (false, false);
        if let Some(position) = heard.position {
            r.say_time(position.source, claim.measured_at);
            let takes_height = self.takes_height(track, &position, by_others);
            let measurement = Measurement::Position {
                place: position.place,
                heights: if takes_height { position.heights } else { Heights::UNKNOWN },
                horizontal_sd_m: position.horizontal_sd_m,
                vertical_sd_m: position.vertical_sd_m,
            };
            let observation = Observation {
                velocity: position.velocity.map(|(east_mps, north_mps)| Velocity {
                    east_mps,
                    north_mps,
                    up_mps: position.up_mps.filter(|_| takes_height),
                    sd_mps: position.velocity_sd_mps,
                }),
                label: self.emitters.get(heard.voice).map(|v| Label(v.label)),
                self_report: !by_others,
                said_height_ellipsoid_m: position.heights.height_ellipsoid_m,
                entry: self.cause,
                cut_to: if position.source == TimeSource::Measured { stamp_cut(claim.protocol) } else { Span::ZERO },
                ..Observation::new(position.at, measurement)
            };
            let mut outcomes = Vec::with_capacity(1);
            if let Some(sensor) = self.health.sensor(sensor) {
                self.tracker.observe(sensor, std::slice::from_ref(&observation), &mut outcomes);
            }
            self.drain_tracker();
            let outcome = outcomes.pop();
            late = outcome == Some(Outcome::Late);
            refused = matches!(outcome, Some(Outcome::Rejected(_)));
            if let (true, Some(voice)) = (late, self.emitters.get_mut(heard.voice)) {
                voice.waits_since.get_or_insert(r.received_at);
                voice.split_from = heard.split_from.or(voice.split_from);
            }
            if let Some(id) = outcome.and_then(|o| self.outcome(r, sensor, o)) {
                self.note_split(id, heard.split_from, position.place);
                track = Some(id);
                self.spoke(heard.voice, id);
                if !observation.self_report {
                    self.seen_independently(id, sensor, &observation);
                }
            }
        }
        match track {
            Some(id) => {
                if let Some(entry) = self.tracks.get_mut(&id) {
                    entry.spoken_for(id, heard.voice, &mut self.emitters);
                    if !late && !refused {
                        entry.contributed(named(sensor), Some(claim.protocol), r.received_at.min(now), cause);
                    }
                }
                self.dirty.insert(id);
            }
            // A claim that waits finds its track when the tracker takes it in, and contributes then.
            None if late || refused => {}
            None => match self.emitters.get_mut(heard.voice).filter(|voice| voice.waits_since.is_some()) {
                Some(voice) if voice.said_meanwhile.len() < SAID_MAX => {
                    let (at, protocol) = (r.received_at, claim.protocol);
                    voice.said_meanwhile.push(Said { sensor: sensor.clone(), protocol, at, entry: cause });
                }
                _ => self.tell_placeless(heard.voice, claim),
            },
        }
        let touched: Vec<TrackId> =
            heard.touched.iter().filter_map(|v| self.emitters.get(*v)).filter_map(|v| v.track).collect();
        self.dirty.extend(touched);
    }

    /// A voice's claim went to a track.
    fn spoke(&mut self, voice: u64, id: TrackId) {
        if let Some(heard) = self.emitters.get_mut(voice) {
            let (before, label) = (heard.track.replace(id), Label(heard.label));
            // Its name may have gone with it: then it no longer speaks for the other.
            if let Some(before) = before.filter(|before| *before != id)
                && !self.tracker.labels_of(before).any(|own| own == label)
                && let Some(entry) = self.tracks.get_mut(&before)
            {
                entry.drop_voice(voice);
                self.dirty.insert(before);
            }
        }
        if let Some(entry) = self.tracks.get_mut(&id) {
            entry.spoken_for(id, voice, &mut self.emitters);
        }
    }

    /// What came late has found its track.
    pub(super) fn took_late(&mut self, id: TrackId, sensor: &SensorId, observation: &Observation) {
        let now = self.now;
        if let Some(entry) = observation.entry {
            let latest = self.taken_in.entry(id).or_insert(entry);
            *latest = entry.max(*latest);
        }
        let voice = observation.label.and_then(|label| self.emitters.with_label(label.0));
        let (mut first_at, mut last_at) = (now, now);
        let mut meanwhile = Vec::new();
        if let Some(voice) = voice.and_then(|v| self.emitters.get_mut(v)) {
            // A claim counts from when it was heard.
            first_at = voice.waits_since.take().filter(|t| now.since(*t) <= Span::from_seconds(1)).unwrap_or(now);
            last_at = voice.last_at.min(now);
            meanwhile = std::mem::take(&mut voice.said_meanwhile);
        }
        if let Some(voice) = voice {
            self.spoke_late(voice, id, observation.measured_at);
            let from = self.emitters.get_mut(voice).and_then(|v| v.split_from.take());
            if let Measurement::Position { place, .. } = observation.measurement {
                self.note_split(id, from, place);
            }
        }
        if observation.self_report {
            // An aircraft's own word is no measurement, even when its voice has been forgotten or merged meanwhile.
            let protocol = voice.and_then(|v| self.emitters.get(v)).and_then(|v| v.last_protocol);
            if let Some(entry) = self.tracks.get_mut(&id) {
                entry.first_at = entry.first_at.min(first_at);
                entry.contributed(named(sensor), protocol, last_at, observation.entry);
            }
        } else {
            let kind = self.health.sensor(sensor).map(|s| s.kind);
            self.measured(id, named(sensor), kind, observation);
        }
        if let Some(entry) = self.tracks.get_mut(&id) {
            for said in meanwhile {
                entry.contributed(named(&said.sensor), Some(said.protocol), said.at.min(now), said.entry);
            }
        }
        self.dirty.insert(id);
    }

    /// A voice's late claim went to a track: that is the voice's track, unless the voice has since said that it is elsewhere.
    fn spoke_late(&mut self, voice: u64, id: TrackId, measured_at: Time) {
        if let Some(entry) = self.tracks.get_mut(&id) {
            entry.spoken_for(id, voice, &mut self.emitters);
        }
        let tracks = &self.tracks;
        let Some(voice) = self.emitters.get_mut(voice) else { return };
        let elsewhere = voice.track.is_some_and(|t| tracks.contains_key(&t));
        if !elsewhere || voice.fix.is_none_or(|fix| fix.at <= measured_at) {
            voice.track = Some(id);
        }
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
    fn sighting(&mut self, r: &mut Reception<'_>, sensor: &SensorId, sighting: &mut Sighting) {
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
            classification: sighting.classification.take(),
            entry: self.cause,
            ..Observation::new(r.measured_time(sighting.measured_at, || None), measurement)
        };
        let mut outcomes = Vec::with_capacity(1);
        self.tracker.observe(&post, std::slice::from_ref(&observation), &mut outcomes);
        self.drain_tracker();
        if let Some(id) = outcomes.pop().and_then(|o| self.outcome(r, sensor, o)) {
            self.measured(id, named(sensor), Some(post.kind), &observation);
        }
    }

    fn status(&mut self, r: &mut Reception<'_>, sensor: &SensorId, status: &SensorStatus) {
        if let Some(health) = status.health {
            let (now, mut out) = (self.now, std::mem::take(&mut self.scratch));
            self.health.declared(sensor, health, status.text.as_ref(), now, &mut out);
            self.emit_all(out);
        }
        let Some(number) = status.scan else {
            self.flush(r);
            return;
        };
        let post = self.health.sensor(sensor);
        let (at, untimed) = (r.measured_time(status.measured_at, || post), r.untimed(post));
        // What turns began its turn an interval before it ended it.
        let turn = post.filter(|s| s.rotating).map(|s| s.interval);
        let began_at = at - turn.unwrap_or(Span::ZERO);
        let from = post.filter(|s| s.rotating).and_then(|s| s.place).map(LocalFrame::new);
        let whole = |scan: &Scan| {
            scan.sensor == *sensor
                && scan.number == Some(number)
                && status.scan_plots.is_some_and(|n| n as usize == scan.observations.len())
        };
        match r.scan.take() {
            // All of it came in this reception.
            Some(mut scan) if whole(&scan) => {
                if let Some(turn) = turn {
                    time_by_azimuth(&mut scan.observations, untimed, began_at, turn, from.as_ref());
                }
                self.give(r, scan, began_at, true);
            }
            None if status.scan_plots == Some(0) => {
                let scan = Scan { sensor: sensor.clone(), number: Some(number), observations: Vec::new() };
                self.give(r, scan, began_at, true);
            }
            other => {
                r.scan = other;
                self.flush(r);
                if let Some(s) = self.health.sensor(sensor) {
                    let plots = status.scan_plots.map(|n| (number, n as usize));
                    self.tracker.looked(s, at, plots);
                }
                self.drain_tracker();
            }
        }
        self.not_seen(sensor);
    }
}
