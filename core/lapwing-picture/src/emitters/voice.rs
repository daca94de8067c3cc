//! One aircraft's side of the conversation.

use super::checks::{ClockCheck, MotionCheck, StampCheck};
use super::clocks::RightClocks;
use super::elsewhere::{ElsewhereCheck, LATE, Measured};
use super::ways::{LastTold, Twice};
use super::{JUMP_M, SPEED_MAX_AEROPLANE_MPS, SPEED_MAX_DRONE_MPS, Way};
use crate::align::{LATE_MAX, RightClock, TimeSource, align_claim};
use crate::identity::{EvidenceSet, serial_is_well_formed, weight};
use lapwing_model::{
    AirText, Claim, ClaimedOperator, Classification, EvidenceKind, Heights, Name, NameKind, OperationalStatus, Place,
    Protocol, SensorId, Span, Time, TrackId, Transmitter, math,
};

/// An unchanged position is given to the tracker again after this long: a drone that rests still says that it is there.
const REPEAT_AFTER: Span = Span::from_seconds(1);
/// What is added to its speed where one claim was held up on its way, metres per second: it may have flown faster then. Not more: a
/// copy of it elsewhere must not pass for one of its own claims.
const HELD_UP_SLACK_MPS: f64 = 10.0;
/// Below this what says its velocity stands, metres per second.
const FLIES_MPS: f64 = 3.0;
/// Claimed heights older than this are not joined to a newer position.
const HEIGHTS_VALID: Span = Span::from_seconds(15);

/// Greatest 95 % radius of a claimed position that is believed for tracking and for zones, metres. What a transmitter says
/// of its accuracy is its own word like the rest: a claim of 10 nautical miles (the coarsest class of Remote ID) would
/// spread its aircraft so thin that it is in no zone. Satellite receivers are as good as this practically always, and
/// where one is not, its place is still the best place to look. Shown is what was said.
pub(crate) const ACCURACY_MAX_M: f64 = 60.0;

/// A position under the name of one that speaks.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct Fix {
    pub(crate) place: Place,
    /// The time to take it for.
    pub(crate) at: Time,
    /// When it was received, or what it is known to have been held up by before that.
    pub(crate) received_at: Time,
    raw_s: Option<f64>,
    /// 95 % radius it said, metres.
    pub(crate) accuracy_m: Option<f64>,
    /// Claimed velocity, east and north, metres per second.
    pub(crate) velocity: Option<(f64, f64)>,
}

/// A position that is news.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Position {
    /// The time to take it for.
    pub(crate) at: Time,
    /// Where that time came from.
    pub(crate) source: TimeSource,
    /// Where.
    pub(crate) place: Place,
    /// How high: by the word of whoever placed it there.
    pub(crate) heights: Heights,
    /// One sigma per horizontal axis, metres.
    pub(crate) horizontal_sd_m: Option<f64>,
    /// One sigma of the height, metres.
    pub(crate) vertical_sd_m: Option<f64>,
    /// East, north, metres per second, by the word of whoever placed it there, unless the positions deny it.
    pub(crate) velocity: Option<(f64, f64)>,
    /// Up, metres per second.
    pub(crate) up_mps: Option<f64>,
    /// One sigma of each axis of the velocity.
    pub(crate) velocity_sd_mps: f64,
}

/// A velocity that came apart from a position.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
struct SaidVelocity {
    at: Time,
    /// East and north, metres per second.
    over_ground: (f64, f64),
    up_mps: Option<f64>,
    accuracy_mps: Option<f64>,
}

/// A claim that added no measurement of its own: a repetition, or one without a place.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Said {
    pub(crate) sensor: SensorId,
    pub(crate) protocol: Protocol,
    pub(crate) at: Time,
    pub(crate) entry: Option<lapwing_model::Position>,
}

/// Claims kept in [`Voice::said_meanwhile`]: it is a matter of a tenth of a second.
pub(crate) const SAID_MAX: usize = 32;

/// One aircraft as far as it speaks for itself.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Voice {
    pub(crate) id: u64,
    pub(crate) first_at: Time,
    pub(crate) last_at: Time,
    /// When it was last told as a claim without place.
    pub(crate) told_at: Option<Time>,
    pub(crate) names: Vec<Name>,
    pub(crate) transmitters: Vec<Transmitter>,
    pub(crate) status: Option<OperationalStatus>,
    pub(crate) operator: Option<ClaimedOperator>,
    pub(crate) text: Option<AirText>,
    pub(crate) squawk: Option<AirText>,
    pub(crate) classification: Option<Classification>,
    pub(crate) heights: Heights,
    heights_at: Time,
    /// Where it was last, by its own word or by what others measured of it under its name.
    pub(crate) fix: Option<Fix>,
    /// Where it said itself that it was last: only that can agree with what is measured. What was measured under its name agrees
    /// with itself, and shows nothing.
    pub(crate) said: Option<Fix>,
    pub(crate) evidence: EvidenceSet,
    pub(crate) track: Option<TrackId>,
    /// Its name for the tracker.
    pub(crate) label: u64,
    /// Since when a late claim of it waits to be given to a track.
    pub(crate) waits_since: Option<Time>,
    /// What else it said meanwhile, for the track that it will have.
    pub(crate) said_meanwhile: Vec<Said>,
    /// The voice it was split from, until its first claim has found a track.
    pub(crate) split_from: Option<u64>,
    /// The protocol of its latest claim.
    pub(crate) last_protocol: Option<Protocol>,
    /// Protocols it spoke, as a set of bits.
    pub(crate) spoke: u8,
    /// Everything it said came by a transponder.
    pub(crate) by_transponder: bool,
    pub(crate) speed_max_mps: f64,
    velocity: Option<SaidVelocity>,
    /// The same, as others measured it under its name.
    measured_velocity: Option<SaidVelocity>,
    fed_at: Option<Time>,
    last_told: LastTold,
    clocks: RightClocks,
    stamp: StampCheck,
    clock: ClockCheck,
    motion: MotionCheck,
    elsewhere: ElsewhereCheck,
}

impl Voice {
    pub(crate) fn new(id: u64, now: Time) -> Self {
        Self {
            id,
            first_at: now,
            last_at: now,
            told_at: None,
            names: Vec::new(),
            transmitters: Vec::new(),
            status: None,
            operator: None,
            text: None,
            squawk: None,
            classification: None,
            heights: Heights::UNKNOWN,
            heights_at: now,
            fix: None,
            said: None,
            evidence: EvidenceSet::default(),
            track: None,
            label: id,
            waits_since: None,
            said_meanwhile: Vec::new(),
            split_from: None,
            last_protocol: None,
            spoke: 0,
            by_transponder: true,
            speed_max_mps: SPEED_MAX_DRONE_MPS,
            velocity: None,
            measured_velocity: None,
            fed_at: None,
            last_told: LastTold::default(),
            clocks: RightClocks::default(),
            stamp: StampCheck::default(),
            clock: ClockCheck::default(),
            motion: MotionCheck::default(),
            elsewhere: ElsewhereCheck::default(),
        }
    }

    /// How far a place is from where it is expected, metres; `None` when it said no place yet.
    pub(crate) fn misfit_m(&self, place: Place, at: Time) -> Option<f64> {
        let fix = self.fix.as_ref()?;
        let here = fix.place.distance_m(place);
        let Some((east, north)) = fix.velocity else { return Some(here) };
        // Where its claimed velocity leads, for the time it can be trusted to fly straight.
        let dt = at.since(fix.received_at).as_seconds_f64().clamp(0.0, 10.0);
        let (kx, ky) = crate::zone::metres_per_degree(fix.place.latitude_deg);
        let longitude_deg = fix.place.longitude_deg + east * dt / kx;
        let led = Place { latitude_deg: fix.place.latitude_deg + north * dt / ky, longitude_deg };
        Some(here.min(led.distance_m(place)))
    }

    /// How far it can be from its last place by now, metres; or can have been `before` that, flying as it says it does.
    pub(crate) fn reach_m(&self, at: Time, before: Span) -> f64 {
        let Some(fix) = self.fix.as_ref() else { return JUMP_M + self.speed_max_mps };
        let dt = at.since(fix.received_at).abs().as_seconds_f64();
        let said_mps = fix.velocity.map_or(0.0, |(east, north)| math::hypot(east, north)).min(self.speed_max_mps);
        // A second more: receivers deliver out of order by about that.
        let now_m = self.speed_max_mps * (dt + 1.0);
        JUMP_M + now_m.max((said_mps + HELD_UP_SLACK_MPS) * before.as_seconds_f64())
    }

    /// Whether others measure one of two voices, and the two are no farther apart than what flies as it says it does comes while either
    /// is on its way: multilateration is late by seconds, often says no time, and may give its words to the one and the other.
    pub(crate) fn may_be_late_for(&self, other: &Self) -> bool {
        let (Some(mine), Some(theirs)) = (&self.fix, &other.fix) else { return false };
        let speed = |voice: &Self| {
            voice.said.and_then(|f| f.velocity).map_or(0.0, |(e, n)| math::hypot(e, n)).min(voice.speed_max_mps)
        };
        let late = LATE + mine.received_at.since(theirs.received_at).abs();
        let late_m = (speed(self).max(speed(other)) + HELD_UP_SLACK_MPS) * late.as_seconds_f64();
        let measured = |v: &Self| v.elsewhere.is_asked_at(mine.received_at.max(theirs.received_at));
        (measured(self) || measured(other)) && mine.place.distance_m(theirs.place) <= JUMP_M + late_m
    }

    /// Whether by its motion it can be the same aircraft as `other`.
    pub(crate) fn can_be(&self, other: &Self, now: Time) -> bool {
        match (&self.fix, &other.fix) {
            (Some(mine), Some(theirs)) => {
                let apart = mine.received_at.since(theirs.received_at).abs().as_seconds_f64();
                mine.place.distance_m(theirs.place)
                    <= JUMP_M + self.speed_max_mps.max(other.speed_max_mps) * (apart + 1.0)
            }
            // One that said no place can be anywhere; only a recent one is taken for the same.
            _ => now.since(self.last_at.min(other.last_at)) < Span::from_seconds(60),
        }
    }

    /// What another voice of the same aircraft knew that this one does not.
    pub(crate) fn take_over(&mut self, other: &Self) {
        self.first_at = self.first_at.min(other.first_at);
        self.status = self.status.or(other.status);
        self.operator = self.operator.take().or_else(|| other.operator.clone());
        self.text = self.text.take().or_else(|| other.text.clone());
        self.squawk = self.squawk.take().or_else(|| other.squawk.clone());
        self.classification = self.classification.take().or_else(|| other.classification.clone());
        let later = |mine: Option<Fix>, theirs: Option<Fix>| match (mine, theirs) {
            (Some(mine), Some(theirs)) if mine.received_at < theirs.received_at => Some(theirs),
            (mine, theirs) => mine.or(theirs),
        };
        self.fix = later(self.fix, other.fix);
        self.said = later(self.said, other.said);
        self.speed_max_mps = self.speed_max_mps.max(other.speed_max_mps);
        self.evidence.absorb(&other.evidence);
        self.clocks.absorb(&other.clocks);
        self.spoke |= other.spoke;
        self.by_transponder &= other.by_transponder;
        if self.track.is_none() && other.track.is_some() {
            // The tracker knows that track by the other's label.
            (self.track, self.label) = (other.track, other.label);
        }
    }

    /// The time to take a position for, and where that came from.
    fn time_of(&self, claim: &Claim, way: Way<'_>) -> (Time, TimeSource) {
        // A time stamp that already stood beside another position, or stands still, says nothing of this one.
        if self.fix.is_some_and(|f| f.raw_s.is_some() && f.raw_s == claim.timestamp_raw_s) {
            return (way.received_at, TimeSource::ReceivedImplausible);
        }
        let (at, source) = align_claim(claim.measured_at, way.received_at, self.clocks.of(way.sensor));
        (at - way.lag, source)
    }

    /// How long ago a position was so that it says nothing of where the aircraft is now; `None` for one of now.
    pub(crate) fn late_by(&self, claim: &Claim, way: Way<'_>) -> Option<Span> {
        claim.place?;
        let late_by = way.heard_at().since(self.time_of(claim, way).0);
        (late_by > LATE_MAX).then_some(late_by)
    }

    /// Notes whether the time of a claim with a place was as it should be; of an echo too, for when its link stalls.
    pub(super) fn note_clock(&mut self, claim: &Claim, way: Way<'_>, late: bool) {
        if claim.place.is_none() {
            return;
        }
        if late {
            self.clocks.late(way.sensor, way.received_at);
        } else if let (at, TimeSource::Measured | TimeSource::ReceivedAhead) = self.time_of(claim, way) {
            let measured_at = claim.measured_at.unwrap_or(at);
            self.clocks.right(way.sensor, RightClock { seen_at: way.received_at, measured_at, late_since: None });
        }
    }

    /// Whether another receiver has passed on this very position of one that flies; which, and how much later it now comes.
    pub(super) fn echo_of(&mut self, place: Place, way: Way<'_>) -> Option<(SensorId, Twice<Span>)> {
        let (east, north) = self.fix.and_then(|f| f.velocity)?;
        // What stands says the same again and again.
        if math::hypot(east, north) < FLIES_MPS {
            return None;
        }
        self.last_told.echo_of(place, way.without_lags, way.sensor)
    }

    /// Takes in everything but the position.
    pub(crate) fn absorb(&mut self, claim: &Claim, way: Way<'_>, ambiguous: bool, late: bool) {
        let received_at = way.received_at;
        self.spoke |= family(claim.protocol);
        self.last_protocol = Some(claim.protocol);
        self.by_transponder &= matches!(claim.protocol, Protocol::Adsb | Protocol::ModeS);
        if !is_remote_id(claim.protocol) && claim.protocol != Protocol::DjiDroneId {
            self.speed_max_mps = SPEED_MAX_AEROPLANE_MPS;
        }
        self.status = claim.status.or(self.status);
        if let Some(squawk) = &claim.squawk {
            self.squawk = Some(squawk.clone());
        }
        if let Some(classification) = &claim.classification {
            self.classification = Some(classification.clone());
        }
        if !ambiguous {
            if let Some(theirs) = &claim.operator {
                let mine = self.operator.get_or_insert_with(ClaimedOperator::default);
                mine.id = theirs.id.clone().or(mine.id.take());
                if theirs.place.is_some() {
                    mine.place = theirs.place;
                    mine.place_source.clone_from(&theirs.place_source);
                    mine.height_ellipsoid_m = theirs.height_ellipsoid_m;
                }
            }
            if claim.text.is_some() {
                self.text.clone_from(&claim.text);
            }
        }
        let said = if way.by_others { not_measured(claim.heights) } else { claim.heights };
        if said.any_known() && !late {
            self.join_heights(&said, received_at, claim.place.is_some());
        }
        if let (None, Some(velocity)) = (claim.place, claimed_velocity(claim)) {
            let known = if way.by_others { &mut self.measured_velocity } else { &mut self.velocity };
            *known = Some(SaidVelocity {
                at: received_at,
                over_ground: velocity,
                up_mps: claim.vertical_speed_mps,
                accuracy_mps: claim.speed_accuracy_mps,
            });
        }
        for name in
            claim.names.iter().filter(|n| n.kind == NameKind::Serial && !serial_is_well_formed(n.value.as_str()))
        {
            if !self.evidence.has(EvidenceKind::MalformedName) {
                self.evidence.note(EvidenceKind::MalformedName, weight::MALFORMED_NAME, received_at, || {
                    format!("{:?} is not a serial number by ANSI/CTA-2063-A", name.value.as_str())
                });
            }
        }
        // Missing pages are bad reception, not bad authentication.
        let problem = claim.authentication.as_ref().and_then(|a| a.problem.as_ref());
        if let Some(problem) = problem.filter(|p| !p.as_str().starts_with("pages missing")) {
            let text = || format!("authentication pages: {problem}");
            self.evidence.note(EvidenceKind::BadAuthentication, weight::BAD_AUTHENTICATION, received_at, text);
        }
        if let (Some(raw_s), true) = (claim.timestamp_raw_s, is_remote_id(claim.protocol)) {
            self.clock.check(raw_s, received_at, &mut self.evidence);
        }
    }

    /// Takes in a position; what is news of it for the tracker.
    pub(crate) fn place(&mut self, claim: &Claim, place: Place, way: Way<'_>, late: bool) -> Option<Position> {
        let (at, source) = self.time_of(claim, way);
        let received_at = way.heard_at();
        let before = self.fix;
        let raw_s = claim.timestamp_raw_s;
        let same_place = before.is_some_and(|f| f.place == place);
        let repeated = same_place && before.is_some_and(|f| f.raw_s == raw_s);
        // What others measured is none of its words, and contradicts none of them here.
        let own = !late && !way.by_others;
        if let Some(raw_s) = raw_s.filter(|_| own) {
            self.stamp.check(raw_s, place, received_at, &mut self.evidence);
        }
        let speed_mps = claim.speed_mps.filter(|s| s.is_finite());
        if own {
            self.motion.check(place, received_at, speed_mps, claim.horizontal_accuracy_m, &mut self.evidence);
        }
        self.check_operator(place, received_at);

        let (mut velocity, mut up_mps, mut accuracy) =
            (claimed_velocity(claim), claim.vertical_speed_mps, claim.speed_accuracy_mps);
        let lately = |known: Option<SaidVelocity>| known.filter(|v| received_at.since(v.at) < Span::from_seconds(5));
        let apart = lately(if way.by_others { self.measured_velocity } else { self.velocity });
        if let (None, Some(known)) = (velocity, apart) {
            (velocity, up_mps, accuracy) = (Some(known.over_ground), up_mps.or(known.up_mps), known.accuracy_mps);
        }
        // Where to look for it next its own word may say as well; for the tracker that would be a measurement.
        let expected = velocity.or(lately(self.velocity).map(|v| v.over_ground));
        // What came by a slower way may be of before what is known.
        let fix = Fix { place, at, received_at, raw_s, accuracy_m: claim.horizontal_accuracy_m, velocity: expected };
        let is_news = |known: Option<Fix>| !late && known.is_none_or(|f| f.received_at <= received_at);
        if is_news(before) {
            self.fix = Some(fix);
        }
        if !way.by_others && is_news(self.said) {
            self.said = Some(fix);
        }
        if own {
            self.elsewhere.said(at, place);
        } else if !late {
            self.measured(claim, place, way);
        }
        if repeated && self.fed_at.is_some_and(|at| received_at.since(at) < REPEAT_AFTER) {
            return None;
        }
        if !late {
            self.fed_at = Some(received_at);
        }
        if received_at.since(self.heights_at) > HEIGHTS_VALID {
            self.heights = Heights::UNKNOWN;
        }
        // What it said of its height must not go with what others measured as if they had measured that too.
        let (agrees, heights) =
            if way.by_others { (true, claim.heights) } else { (self.motion.agrees(), self.heights) };
        Some(Position {
            at,
            source,
            place,
            heights,
            // 95 % of a circular Gaussian lie within 2.448 sigma, of a line within 1.960.
            horizontal_sd_m: claim.horizontal_accuracy_m.filter(|a| *a > 0.0).map(|a| a.min(ACCURACY_MAX_M) / 2.448),
            vertical_sd_m: heights.vertical_accuracy_m.filter(|a| *a > 0.0).map(|a| a / 1.960),
            velocity: velocity.filter(|_| agrees),
            up_mps: up_mps.filter(|_| agrees),
            // Without a word on it, one metre per second: the resolution of receivers' Doppler is far better, their
            // smoothing in a turn is not.
            velocity_sd_mps: accuracy.filter(|a| *a > 0.0).map_or(1.0, |a| a / 2.448).max(0.1),
        })
    }

    /// Others measured where what sends its names is: held against where it says it is.
    pub(super) fn measured(&mut self, claim: &Claim, place: Place, way: Way<'_>) {
        let (at, _) = self.time_of(claim, way);
        let came_with_sd_m = claim.horizontal_accuracy_m.filter(|a| *a > 0.0).map(|a| a / 2.448);
        let measured = Measured { at, place, sd_m: way.sd_m, came_with_sd_m };
        self.elsewhere.measured(&measured, self.said.and_then(|f| f.accuracy_m), &mut self.evidence);
    }

    fn join_heights(&mut self, new: &Heights, at: Time, whole: bool) {
        if whole || at.since(self.heights_at) > HEIGHTS_VALID {
            // A position message says all it knows of its height; what it leaves out now it does not know now. A barometric
            // altitude alone (ADS-B) leaves a recent geometric one beside it.
            let keep = self.heights;
            self.heights = *new;
            if new.height_ellipsoid_m.is_none()
                && new.altitude_msl_m.is_none()
                && new.altitude_pressure_m.is_some()
                && at.since(self.heights_at) <= HEIGHTS_VALID
            {
                self.heights.height_ellipsoid_m = keep.height_ellipsoid_m;
                self.heights.vertical_accuracy_m = new.vertical_accuracy_m.or(keep.vertical_accuracy_m);
            }
        } else {
            let h = &mut self.heights;
            h.height_ellipsoid_m = new.height_ellipsoid_m.or(h.height_ellipsoid_m);
            h.altitude_msl_m = new.altitude_msl_m.or(h.altitude_msl_m);
            h.height_above_takeoff_m = new.height_above_takeoff_m.or(h.height_above_takeoff_m);
            h.height_above_ground_m = new.height_above_ground_m.or(h.height_above_ground_m);
            h.altitude_pressure_m = new.altitude_pressure_m.or(h.altitude_pressure_m);
            h.vertical_accuracy_m = new.vertical_accuracy_m.or(h.vertical_accuracy_m);
            h.pressure_accuracy_m = new.pressure_accuracy_m.or(h.pressure_accuracy_m);
        }
        self.heights_at = at;
    }

    fn check_operator(&mut self, place: Place, at: Time) {
        let Some(operator) = self.operator.as_ref().and_then(|o| o.place) else { return };
        let distance_km = operator.reveal().distance_m(place) / 1000.0;
        // 10 km is beyond what most links carry and every visual line of sight; 20 km is beyond the longest consumer link.
        let weight = match distance_km {
            d if d > 20.0 => weight::OPERATOR_VERY_FAR,
            d if d > 10.0 => weight::OPERATOR_FAR,
            _ => return,
        };
        self.evidence.note(EvidenceKind::OperatorTooFar, weight, at, || {
            format!("its operator is said to be {distance_km:.1} km away")
        });
    }
}

/// Radio systems an aircraft may have several of, one bit each: one aircraft has one transmitter of each.
fn family(protocol: Protocol) -> u8 {
    match protocol {
        p if is_remote_id(p) => 1,
        Protocol::DjiDroneId => 4,
        Protocol::Other => 8,
        _ => 2,
    }
}

/// Whether the protocol carries Remote ID messages.
fn is_remote_id(protocol: Protocol) -> bool {
    matches!(
        protocol,
        Protocol::RemoteIdWifiBeacon
            | Protocol::RemoteIdWifiNan
            | Protocol::RemoteIdBluetoothLegacy
            | Protocol::RemoteIdBluetoothLongRange
            | Protocol::RemoteId
    )
}

/// What of the heights that come with a measured position is the aircraft's own word nevertheless: the barometric one is heard from it.
fn not_measured(heights: Heights) -> Heights {
    Heights { height_ellipsoid_m: None, altitude_msl_m: None, vertical_accuracy_m: None, ..heights }
}

/// Claimed velocity, east and north. A speed of zero needs no course.
fn claimed_velocity(claim: &Claim) -> Option<(f64, f64)> {
    let speed = claim.speed_mps.filter(|s| s.is_finite() && *s >= 0.0)?;
    if speed == 0.0 {
        return Some((0.0, 0.0));
    }
    let course = claim.course_rad.filter(|c| c.is_finite())?;
    Some((speed * math::sin(course), speed * math::cos(course)))
}
