//! Whether independent sensors see an aircraft where one voice says it is.
//!
//! What supports a voice is the plot itself, held against the position that the voice itself last said: the fused state would
//! not do, for the voice's claims are part of it; nor what others measured under its name, for that agrees with itself. Support
//! is hard to get (several positions and several plots) and easy to lose (the voice falls silent, moves away, or the plots stop).

use super::Picture;
use super::tracks::Entry;
use crate::emitters::{Emitters, Voice};
use lapwing_model::{
    EvidenceKind, Geodetic, LocalFrame, Measurement, Place, Sensor, SensorKind, Span, Time, TrackId, math,
};
use lapwing_track::{Label, Observation, Tracker};

/// Different claimed positions that must have agreed, and plots: one or two may be chance.
pub(super) const AGREED_MIN: u32 = 3;
/// A voice whose position was not heard for this long supports nothing any more.
pub(super) const HEARD_FOR: Span = Span::from_seconds(10);
/// A plot supports for three looks of its sensor, at least this long ...
const PLOT_FOR_MIN: Span = Span::from_seconds(10);
/// ... and at most this long.
const PLOT_FOR_MAX: Span = Span::from_seconds(30);
/// Consecutive plots elsewhere after which it starts from nothing: one may be clutter.
const ELSEWHERE_MAX: u32 = 3;
/// A plot is held against a position no older than this.
const APART_MAX: Span = Span::from_seconds(5);
/// A plot coarser than this (one sigma, metres) says nothing of two aircraft beside each other.
const PLOT_SD_MAX_M: f64 = 100.0;
/// One sigma taken for a claimed position, metres: its own word of its accuracy must not widen what counts as agreement.
const CLAIM_SD_M: f64 = 15.0;
/// What drones turn aside within a second, and biases of radars and satellite receivers, metres.
const TURN_MPS: f64 = 5.0;
const BIAS_M: f64 = 25.0;
/// Evidence against a voice's place bars its authorisation for this long after it was last found.
const BARRED_FOR: Span = Span::from_seconds(300);
/// Two places under one name within this time are "at once".
const AT_ONCE: Span = Span::from_seconds(30);

/// How often plots and the positions of one voice agreed.
#[derive(Debug, Clone, Copy, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Agreement {
    claims: u32,
    plots: u32,
    elsewhere: u32,
    /// The position that was counted last.
    fix_at: Option<Time>,
    /// Until when the last agreeing plot supports.
    until: Time,
    /// How often others measured where it was when it sent its name.
    placed: u32,
}

impl Agreement {
    /// Whether it stands at a time, as far as the plots go.
    pub(super) fn stands(&self, now: Time) -> bool {
        self.claims >= AGREED_MIN && self.plots >= AGREED_MIN && now <= self.until
    }

    /// Takes over what was found of another voice that turned out to be this one: the one that more plots agreed with stands.
    pub(super) fn take_over(&mut self, other: &Self) {
        let placed = self.placed.max(other.placed);
        if other.elsewhere == 0 && self.elsewhere == 0 && other.plots > self.plots {
            *self = *other;
        }
        self.placed = placed;
    }

    fn begin_anew(&mut self) {
        *self = Self { placed: self.placed, ..Self::default() };
    }

    fn count(&mut self, agrees: bool, fix_at: Time, now: Time, plot_for: Span) {
        if !agrees {
            self.elsewhere += 1;
            if self.elsewhere >= ELSEWHERE_MAX {
                self.begin_anew();
            }
            return;
        }
        if now > self.until {
            self.begin_anew();
        }
        self.elsewhere = 0;
        self.plots = self.plots.saturating_add(1);
        if self.fix_at != Some(fix_at) {
            self.claims = self.claims.saturating_add(1);
            self.fix_at = Some(fix_at);
        }
        self.until = now + plot_for;
    }
}

/// What independent sensors and the list say of a track's voices, now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Support {
    /// Independent sensors see it where it says it is.
    pub(crate) agrees: bool,
    /// That holds for the voice that has a name of the list, in its area and time, and nothing bars it.
    pub(crate) authorised: bool,
}

impl Entry {
    /// A plot of this track, held against the positions that its voices last said.
    pub(super) fn compare_voices(
        &mut self,
        id: TrackId,
        sensor: &Sensor,
        observation: &Observation,
        (emitters, tracker, now): (&Emitters, &Tracker, Time),
    ) {
        if matches!(sensor.kind, SensorKind::RemoteId | SensorKind::Adsb | SensorKind::Human)
            && observation.label.is_none()
        {
            return;
        }
        let Some((place, sd_m)) = place_of(sensor, observation).filter(|(_, sd)| *sd <= PLOT_SD_MAX_M) else { return };
        let plot_for = Span::from_nanos(sensor.interval.as_nanos().saturating_mul(3)).clamp(PLOT_FOR_MIN, PLOT_FOR_MAX);
        // The track's own velocity, for a voice that says none.
        let velocity = || {
            let estimate = tracker.estimate(id, now)?;
            let v = estimate.frame.unrotate(estimate.velocity);
            let v = LocalFrame::new(estimate.frame.to_geodetic(estimate.position)).rotate(v);
            Some((v.east_m, v.north_m))
        };
        for voice in self.voices.iter().filter_map(|v| emitters.get(*v)).filter(|v| v.track == Some(id)) {
            if observation.label == Some(Label(voice.label)) {
                let agreement = self.agreements.entry(voice.id).or_default();
                agreement.placed = agreement.placed.saturating_add(1);
            }
            let Some(fix) = voice.said else { continue };
            let dt = observation.measured_at.since(fix.at);
            if dt.abs() > APART_MAX || now.since(fix.received_at) > HEARD_FOR {
                continue;
            }
            let dt_s = dt.as_seconds_f64();
            let Some((east, north)) = fix.velocity.or_else(velocity) else { continue };
            let (kx, ky) = crate::zone::metres_per_degree(fix.place.latitude_deg);
            let led = Place {
                latitude_deg: fix.place.latitude_deg + north * dt_s / ky,
                longitude_deg: fix.place.longitude_deg + east * dt_s / kx,
            };
            let allowed_m = BIAS_M + 3.0 * math::hypot(sd_m, CLAIM_SD_M) + TURN_MPS * math::fabs(dt_s);
            let agrees = led.distance_m(place) <= allowed_m;
            let agreement = self.agreements.entry(voice.id).or_default();
            agreement.count(agrees, fix.received_at, now, plot_for);
            if agreement.stands(now) {
                self.agreed.insert(voice.id);
            }
        }
    }

    /// Whether others measured several times that what sends this voice's names is this track: its names are its own then, though
    /// that is no more than it says of itself.
    pub(super) fn sends(&self, id: TrackId, voice: &Voice) -> bool {
        voice.track == Some(id) && self.agreements.get(&voice.id).is_some_and(|a| a.placed >= AGREED_MIN)
    }

    /// Whether independent sensors see an aircraft where this voice says it is, several times and until now.
    pub(super) fn agrees(&self, id: TrackId, voice: &Voice, now: Time) -> bool {
        let says_so = voice.said.is_some_and(|f| now.since(f.received_at) <= HEARD_FOR);
        says_so && speaks_here(id, voice, now) && self.agreements.get(&voice.id).is_some_and(|a| a.stands(now))
    }
}

/// Whether this track had a position of the voice lately, by its own word or by others'.
pub(super) fn speaks_here(id: TrackId, voice: &Voice, now: Time) -> bool {
    voice.track == Some(id) && voice.fix.is_some_and(|f| now.since(f.received_at) <= HEARD_FOR)
}

impl Picture {
    /// What stands for a track's voices now.
    pub(super) fn support(&self, id: TrackId, entry: &Entry) -> Support {
        let voices = || entry.voices.iter().filter_map(|v| self.emitters.get(*v));
        let agrees = |v: &Voice| entry.agrees(id, v, self.now);
        let allowed = |v: &Voice| {
            let listed = self.place_of(id).and_then(|place| self.listed(&v.names, place));
            listed.is_some_and(|l| l.allowed)
        };
        Support {
            agrees: voices().any(agrees),
            authorised: !self.authorised.is_empty()
                && voices().any(|v| agrees(v) && !self.barred(entry, v) && allowed(v)),
        }
    }

    /// Whether something speaks against the voice being where and who it says: then no list helps it.
    pub(super) fn barred(&self, entry: &Entry, voice: &Voice) -> bool {
        use EvidenceKind::{
            FrozenTimestamp, HeightContradicted, ImpossibleSpeed, NotSeenThere, OneNameTwoPlaces, SeenElsewhere,
        };
        let against =
            [OneNameTwoPlaces, ImpossibleSpeed, SeenElsewhere, NotSeenThere, FrozenTimestamp, HeightContradicted];
        let now = self.now;
        let found = |kind: &EvidenceKind| {
            [&voice.evidence, &entry.evidence]
                .into_iter()
                .filter_map(|set| set.last_at(*kind))
                .any(|at| now.since(at) <= BARRED_FOR)
        };
        against.iter().any(found)
            // Its claims feed two tracks: it is in two places, near each other.
            || self.tracker.with_label(Label(voice.label)).nth(1).is_some()
            || self.emitters.claimed_elsewhere(voice, now, AT_ONCE)
    }
}

/// Where a plot is and one sigma of that, metres; `None` for what has no place.
fn place_of(sensor: &Sensor, observation: &Observation) -> Option<(Place, f64)> {
    let model = &sensor.error;
    match observation.measurement {
        Measurement::Position { place, horizontal_sd_m, .. } => {
            Some((place, horizontal_sd_m.or(model.horizontal_sd_m).unwrap_or(30.0)))
        }
        Measurement::RangeAzimuth { range_m, azimuth_rad, elevation_rad, range_sd_m, azimuth_sd_rad, .. } => {
            let post: Geodetic = sensor.place?;
            let at = lapwing_model::Enu::from_polar(range_m, azimuth_rad, elevation_rad.unwrap_or(0.0));
            let across = azimuth_sd_rad.or(model.azimuth_sd_deg.map(math::rad)).unwrap_or(math::PI / 180.0);
            let along = range_sd_m.or(model.range_sd_m).unwrap_or(20.0);
            Some((LocalFrame::new(post).to_geodetic(at).place(), along.max(range_m * across)))
        }
        _ => None,
    }
}
