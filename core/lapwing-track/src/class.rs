//! What an aircraft is: labels of sensors, radar cross-section and the way it flies, added up as evidence.
//!
//! A tempered naive Bayes in log-probabilities: what one sensor says again and again is not independent, so each word
//! counts for part of one, and what was added fades, so that a track that was mistaken at first recovers.

use crate::interface::Observation;
use lapwing_model::{Class, Classification, Sensor, SensorKind, math};

const CLASSES: usize = Class::ALL.len();
/// Weight of one label's log-likelihood. A sensor whose label is wrong is often wrong again on the next look: two labels
/// count as one independent one.
const LABEL_WEIGHT: f64 = 0.5;
/// Weight of one radar cross-section: it scintillates, and the aspect stays the same for some looks.
const RCS_WEIGHT: f64 = 0.5;
/// Mean and one sigma of the cross-section of a class the sensor says nothing of, dBsm and dB.
const RCS_UNSAID: (f64, f64) = (-10.0, 12.0);
/// What a second in one place says for "does not fly", nats; and for how long, and within how many metres.
const STILL: f32 = 1.0;
const STILL_WITHIN_M: f64 = 45.0;
/// The same for what seemed to leap, but has no speed that is more than its error: within these metres, below this speed, m/s.
const LEAP_M: f64 = 120.0;
const STANDS_MPS: f64 = 1.5;
/// What is surely faster than this does not stand, metres per second.
const MOVES_MPS: f64 = 3.0;
/// What a track says that has left that place: what does not fly stays.
const LEFT: f32 = 3.0;
/// Weight of what the speed says, and the part of it that is new each second.
const SPEED_WEIGHT: f64 = 1.5;
const SPEED_SETTLES: f32 = 0.25;
/// What one radio emission says for those who send such, and against the others, in nats each.
const EMITS: f64 = 0.25;
/// What is left of older evidence after each label: memory of about fifty labels.
const MEMORY: f32 = 0.985;
/// What a label leaves to each class it does not name, at least: a label is never proof.
const FLOOR: f64 = 0.02;
/// No evidence grows beyond this many nats: a later contradiction must be able to win.
const NATS_MAX: f32 = 12.0;
/// The surest a classification is ever said to be.
const CERTAINTY_MAX: f64 = 0.98;
/// Probabilities below are left out: unknown.
const SHOWN_MIN: f64 = 0.01;

/// How common each is among what sensors take for an aircraft before anything is known, in the order of [`Class::ALL`]: birds
/// outnumber the rest, and masts and trees come next. For display; no rule lets an aircraft pass on this alone.
const PRIOR: [f64; CLASSES] = [0.02, 0.02, 0.08, 0.66, 0.03, 0.03, 0.02, 0.14];

/// The same once a sensor or a person has said what it takes it for: then that is what counts.
const PRIOR_LABELLED: [f64; CLASSES] = [0.08, 0.08, 0.13, 0.42, 0.1, 0.1, 0.04, 0.05];

/// The same of what only sends, and was never seen: no bird does, and nothing that stands. What flies behind a false or a forged word
/// may still be either.
const PRIOR_SENDS: [f64; CLASSES] = [0.15, 0.25, 0.15, 0.04, 0.18, 0.13, 0.06, 0.04];

/// Where [`Class::Ground`] stands.
const GROUND: usize = CLASSES - 1;

/// Log-probability of each class. Not known to a millionth, and kept by every reading, candidate and track: small.
type Nats = [f32; CLASSES];

/// Log-likelihood of each class given one observation.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Evidence {
    nats: Nats,
    /// Whether a label is among it: what a sensor or a person took it for.
    labelled: bool,
    /// Whether there is more than that it sends.
    seen: bool,
}

fn is_drone(class: Class) -> bool {
    matches!(class, Class::Drone | Class::Multirotor | Class::FixedWing)
}

impl Evidence {
    /// What an observation says of its class; `None` when nothing.
    pub(crate) fn of(observation: &Observation, sensor: &Sensor) -> Option<Self> {
        let mut out = [0.0; CLASSES];
        let (mut seen, mut labelled) = (false, false);
        let mut logs = math::Logs::default();
        if let Some(word) = observation.classification.as_ref().filter(|w| !w.probabilities.is_empty()) {
            (seen, labelled) = (true, true);
            let said: f64 = word.probabilities.values().filter(|p| p.is_finite()).map(|p| p.clamp(0.0, 1.0)).sum();
            let unsaid = (1.0 - said).max(0.0) / CLASSES as f64;
            for (cell, class) in out.iter_mut().zip(Class::ALL) {
                let own = word.probabilities.get(&class).copied().unwrap_or(0.0);
                // "Drone" speaks for each kind of drone.
                let group = word.probabilities.get(&Class::Drone).filter(|_| is_drone(class)).copied().unwrap_or(0.0);
                let p = if own.is_finite() && group.is_finite() { own.max(group).clamp(0.0, 1.0) } else { 0.0 };
                *cell += LABEL_WEIGHT * logs.of((p + unsaid).max(FLOOR));
            }
        }
        if let Some(rcs) = observation.rcs_dbsm.filter(|r| r.is_finite())
            && !sensor.rcs.is_empty()
        {
            seen = true;
            for (cell, class) in out.iter_mut().zip(Class::ALL) {
                let model = sensor.rcs.iter().find(|m| m.class == class).or_else(|| {
                    let drone = is_drone(class);
                    sensor.rcs.iter().find(|m| drone && m.class == Class::Drone)
                });
                // A class without a model may have any.
                let (mean, width) = model.map_or(RCS_UNSAID, |m| (m.mean_dbsm, m.sd_db.max(1.0)));
                let d = (rcs - mean) / width;
                *cell += RCS_WEIGHT * (-0.5 * d * d - logs.of(width)).max(-8.0);
            }
        }
        // Birds do not transmit; Remote ID is sent by drones and ADS-B by aircraft with a pilot, mostly.
        let sends: Option<fn(Class) -> bool> = match sensor.kind {
            SensorKind::RfDirection | SensorKind::RemoteId => Some(is_drone),
            SensorKind::Adsb => Some(|class| matches!(class, Class::Aeroplane | Class::Helicopter)),
            _ => None,
        };
        if let Some(sends) = sends {
            for (cell, class) in out.iter_mut().zip(Class::ALL) {
                *cell += if sends(class) { EMITS } else { -EMITS };
            }
        }
        (seen || sends.is_some()).then_some(Self { nats: out.map(|nats| nats as f32), labelled, seen })
    }
}

/// Evidence added up.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Classifier {
    nats: Nats,
    /// What its speed says, settled over some seconds: a speed that is kept is one word, however long it is kept.
    speed: Nats,
    words: u32,
    labelled: bool,
    seen: bool,
}

impl Classifier {
    /// Adds what one observation says, with a weight.
    pub(crate) fn add(&mut self, evidence: &Evidence) {
        self.words = self.words.saturating_add(1);
        self.labelled |= evidence.labelled;
        self.seen |= evidence.seen;
        for (cell, more) in self.nats.iter_mut().zip(&evidence.nats) {
            *cell = *cell * MEMORY + more;
        }
        self.level();
    }

    /// Adds a second of a track that has never been farther than `strayed_m` from where it began.
    pub(crate) fn stayed(&mut self, strayed_m: f64, speed_mps: f64, speed_sd_mps: f64) {
        if self.words == 0 {
            return;
        }
        // What surely moves does not stand, however small its circles.
        if strayed_m < LEAP_M && speed_mps - 2.0 * speed_sd_mps > MOVES_MPS {
            return;
        }
        // What answers now here, now there, can seem to start with a leap; then it stands.
        let stands = strayed_m < LEAP_M && speed_mps < STANDS_MPS.max(2.0 * speed_sd_mps);
        if let Some(ground) = self.nats.get_mut(GROUND) {
            *ground += if strayed_m < STILL_WITHIN_M || stands { STILL } else { -LEFT };
        }
        self.level();
    }

    /// Adds a second of flight at a speed. Only a speed that is known says anything.
    pub(crate) fn flew(&mut self, speed_mps: f64, speed_sd_mps: f64) {
        if self.words == 0 || !(speed_sd_mps < 8.0) {
            return;
        }
        // Rough densities of the speed of each, metres per second: birds 6 to 16, drones 0 to 30, aeroplanes above 40,
        // helicopters anything, balloons slow, ground clutter still.
        let bell = |mean: f64, sd: f64| {
            let sd = math::hypot(sd, speed_sd_mps);
            let d = (speed_mps - mean) / sd;
            math::log(math::exp(-0.5 * d * d) / sd + 1e-4)
        };
        let level = |to: f64, fall: f64| {
            if speed_mps < to { math::log(1.0 / to) } else { math::log(1.0 / to) - (speed_mps - to) / fall }
        };
        for (cell, class) in self.speed.iter_mut().zip(Class::ALL) {
            let nats = match class {
                Class::Multirotor | Class::Drone => level(24.0, 5.0),
                Class::FixedWing => bell(26.0, 9.0),
                Class::Bird => bell(11.0, 3.5),
                Class::Aeroplane => bell(80.0, 30.0),
                Class::Helicopter => bell(50.0, 25.0),
                Class::Balloon => bell(4.0, 4.0),
                // Whether it moves is told by its place, see `stayed`.
                Class::Ground => bell(4.0, 4.0),
            };
            *cell += SPEED_SETTLES * ((SPEED_WEIGHT * nats.max(-10.0)) as f32 - *cell);
        }
    }

    /// The best stands at zero, the others below, none lower than the bound.
    fn level(&mut self) {
        let best = self.nats.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        for cell in &mut self.nats {
            *cell = (*cell - best).max(-NATS_MAX);
        }
    }

    /// Takes over another's evidence where there is none, else adds it: what was found of either was found of this one. Both flew at
    /// one speed, which is one word, however many tracks it had.
    pub(crate) fn absorb(&mut self, other: &Self) {
        if self.words == 0 {
            *self = *other;
        } else if other.words > 0 {
            for (cell, theirs) in self.nats.iter_mut().zip(&other.nats) {
                *cell += theirs;
            }
            if self.speed == Nats::default() {
                self.speed = other.speed;
            }
            self.words = self.words.saturating_add(other.words);
            self.labelled |= other.labelled;
            self.seen |= other.seen;
            self.level();
        }
    }

    /// Whether any sensor has seen what it is: else it was only heard to send.
    pub(crate) fn is_seen(&self) -> bool {
        self.seen
    }

    /// Probability of each class; empty while nothing was said.
    pub(crate) fn classification(&self) -> Classification {
        let mut out = Classification::default();
        if self.words == 0 {
            return out;
        }
        let prior = match (self.labelled, self.seen) {
            (true, _) => PRIOR_LABELLED,
            (false, true) => PRIOR,
            (false, false) => PRIOR_SENDS,
        };
        let mut weights = [0.0; CLASSES];
        for (i, weight) in weights.iter_mut().enumerate() {
            *weight = prior[i] * math::exp(f64::from(self.nats[i] + self.speed[i]));
        }
        let total: f64 = weights.iter().sum();
        for (class, weight) in Class::ALL.into_iter().zip(weights) {
            let p = weight / total.max(1e-300) * CERTAINTY_MAX;
            if p >= SHOWN_MIN {
                out.probabilities.insert(class, p);
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lapwing_model::{Measurement, RcsModel, SensorId, Span, Time};

    fn sensor(kind: SensorKind) -> Sensor {
        let mut out = Sensor::new(SensorId::new("s").unwrap(), kind, None, Span::from_seconds(1));
        for (class, mean_dbsm) in [(Class::Drone, -18.0), (Class::Bird, -23.0), (Class::Aeroplane, 5.0)] {
            out.rcs.push(RcsModel { class, mean_dbsm, sd_db: 4.0 });
        }
        out
    }

    fn observation() -> Observation {
        Observation::new(Time::from_seconds(0), Measurement::Presence)
    }

    fn best(c: &Classifier) -> Option<Class> {
        c.classification().best().map(|(class, _)| class)
    }

    #[test]
    fn nothing_said_is_unknown() {
        let mut c = Classifier::default();
        c.flew(12.0, 1.0);
        assert!(c.classification().probabilities.is_empty());
    }

    #[test]
    fn labels_win_with_time_and_can_be_overturned() {
        let camera = sensor(SensorKind::Camera);
        let said = |class| {
            let mut o = observation();
            o.classification = Some(Classification::single(class, 0.85));
            Evidence::of(&o, &camera).unwrap()
        };
        let mut c = Classifier::default();
        for _ in 0..20 {
            c.add(&said(Class::Bird));
        }
        assert_eq!(best(&c), Some(Class::Bird));
        for _ in 0..25 {
            c.add(&said(Class::Drone));
        }
        assert_eq!(best(&c), Some(Class::Drone));
    }

    #[test]
    fn what_two_tracks_of_one_were_told_adds_up_and_its_speed_is_one_word() {
        let camera = sensor(SensorKind::Camera);
        let told = |words: u32, seconds: u32| {
            let mut o = observation();
            o.classification = Some(Classification::single(Class::Drone, 0.6));
            let mut c = Classifier::default();
            (0..words).for_each(|_| c.add(&Evidence::of(&o, &camera).unwrap()));
            (0..seconds).for_each(|_| c.flew(70.0, 1.0));
            c
        };
        let joined = |a: &Classifier, b: &Classifier| {
            let mut c = *a;
            c.absorb(b);
            c
        };
        let (silent, once, flown) = (Classifier::default(), told(1, 0), told(2, 30));
        assert_eq!(joined(&silent, &flown), flown);
        assert_eq!(joined(&flown, &silent), flown);
        let (both, more) = (joined(&once, &once), told(2, 0));
        let apart = both.nats.iter().zip(&more.nats).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart < 0.1, "told twice, by whichever track: {both:?} {more:?}");
        assert_eq!(joined(&once, &flown).speed, flown.speed, "known by one of them");
        assert_eq!(joined(&flown, &once).speed, flown.speed);
        assert_eq!(joined(&flown, &flown).speed, flown.speed);
    }

    #[test]
    fn what_circles_where_it_began_is_no_ground_and_what_stands_there_is() {
        let radar = sensor(SensorKind::Radar);
        let mut o = observation();
        o.rcs_dbsm = Some(-18.0);
        let after = |speed_mps: f64| {
            let mut c = Classifier::default();
            for _ in 0..60 {
                c.add(&Evidence::of(&o, &radar).unwrap());
                c.flew(speed_mps, 1.0);
                c.stayed(25.0, speed_mps, 1.0);
            }
            best(&c)
        };
        assert_ne!(after(8.0), Some(Class::Ground));
        assert_eq!(after(0.5), Some(Class::Ground));
    }

    #[test]
    fn cross_section_emission_and_speed_speak() {
        let radar = sensor(SensorKind::Radar);
        let mut o = observation();
        let mut c = Classifier::default();
        o.rcs_dbsm = Some(6.0);
        for _ in 0..5 {
            c.add(&Evidence::of(&o, &radar).unwrap());
        }
        assert_eq!(best(&c), Some(Class::Aeroplane));
        let mut c = Classifier::default();
        o.rcs_dbsm = Some(-21.0);
        for _ in 0..5 {
            c.add(&Evidence::of(&o, &radar).unwrap());
            c.flew(11.0, 1.0);
        }
        assert_eq!(best(&c), Some(Class::Bird));
        for _ in 0..20 {
            c.add(&Evidence::of(&observation(), &sensor(SensorKind::RfDirection)).unwrap());
        }
        assert_eq!(best(&c), Some(Class::Drone), "birds do not transmit");
    }
}
