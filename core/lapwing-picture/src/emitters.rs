//! What transmitters say, joined into what aircraft say.
//!
//! A **voice** is one aircraft's side of the conversation: names, latest words, and a chain of positions that one
//! aircraft can have flown. Transmissions are often partial (Bluetooth 4 sends one message at a time, Mode S splits
//! position, velocity and callsign), so each is given to a voice: by motion first, by name second, by radio address last.
//!
//! - A position goes to a voice from whose last position it can be reached; one that can be reached from none begins a
//!   new voice, even under a known name and from a known address. So one name in two places is two voices.
//! - Two different serials (or other unique names of one kind) are never one voice, even from one address: a shared MAC
//!   is two aircraft.
//! - A known serial from an unknown address is the voice of that serial: a randomised MAC is one aircraft.
//! - A voice that turns out to have the name of another one that it can be by its motion is merged into it.
//!
//! Each voice has one label for the tracker. The table is bounded; the voice heard longest ago gives way first, those
//! whose tracks have a live alert last.

mod checks;
mod clocks;
mod elsewhere;
mod voice;
mod ways;

pub(crate) use voice::{ACCURACY_MAX_M, Fix, Position, SAID_MAX, Said, Voice};

use crate::align::align;
use crate::identity::{is_unique, weight};
use lapwing_model::{Claim, EvidenceKind, Name, NameKind, Place, SensorId, Span, Time, TrackId, Transmitter, limits};
use std::collections::{BTreeMap, BTreeSet};
use ways::{Twice, Ways};

/// Displacement between two positions of one aircraft that no speed has to explain, metres: satellite positions jump by
/// this much between buildings and after a lost fix.
pub(crate) const JUMP_M: f64 = 300.0;
/// Greatest speed of a drone, metres per second. The record of a small multirotor stands above 150 m/s, over ground and
/// with wind nothing that sends Remote ID reaches more; the tracker draws its line at the same value.
pub(crate) const SPEED_MAX_DRONE_MPS: f64 = 150.0;
/// Greatest speed of what carries a transponder: an airliner at 300 m/s with a strong tail wind.
pub(crate) const SPEED_MAX_AEROPLANE_MPS: f64 = 400.0;
/// Two voices of one name within this time of each other are "at once".
const AT_ONCE: Span = Span::from_seconds(30);
/// A voice that was not heard for this long, and has no track, is forgotten.
const MEMORY: Span = Span::from_seconds(600);
/// Two names at one address within this time make the address shared.
const SHARED_WITHIN: Span = Span::from_seconds(60);
/// Voices of one name or one address that are looked at; a flood of copies costs no more than this.
const CANDIDATES_MAX: usize = 32;

/// Who passed a claim on, and what is known of that.
#[derive(Debug, Clone, Copy)]
pub(crate) struct By<'a> {
    pub(crate) sensor: &'a SensorId,
    /// What is known to be taken off its time.
    pub(crate) usual: Span,
    /// Whether its place was measured by others, and the aircraft only lends its name.
    pub(crate) by_others: bool,
    /// One sigma of a place that the sensor gives, metres, as it is configured.
    pub(crate) sd_m: Option<f64>,
}

/// How a claim came here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way<'a> {
    /// Who passed it on.
    pub(crate) sensor: &'a SensorId,
    /// When it was received.
    pub(crate) received_at: Time,
    /// The same, or where it can be true the time it came with: of what a link held up, others have passed on later words already.
    stamped_at: Time,
    /// How much later than it was said that is, or than by the fastest way, as far as that is known.
    lag: Span,
    /// The times of reception and of its stamp without their lags, to be compared with other ways'.
    without_lags: Twice<Time>,
    /// Whether that can be known: it has a position, and no time of its own.
    is_measured: bool,
    /// Whether its place was measured by others.
    by_others: bool,
    /// How well, as the sensor is configured.
    sd_m: Option<f64>,
}

impl Way<'_> {
    /// When it would have come at once, or by the fastest way.
    pub(crate) fn heard_at(self) -> Time {
        self.stamped_at - self.lag
    }
}

/// What became of one claim.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// The voice it was given to.
    pub(crate) voice: u64,
    /// The track it had, and where it last said that it was, before others turned out to be this one.
    pub(crate) had: (Option<TrackId>, Option<Fix>),
    /// A position that is news to the tracker.
    pub(crate) position: Option<Position>,
    /// Voices that turned out to be this one; their tracks are this one's.
    pub(crate) merged: Vec<Voice>,
    /// Other voices whose evidence changed.
    pub(crate) touched: Vec<u64>,
    /// The voice it was split from: one it could have been by name or address, and cannot be by its motion.
    pub(crate) split_from: Option<u64>,
}

/// All voices.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Emitters {
    voices: BTreeMap<u64, Voice>,
    by_name: BTreeMap<Name, BTreeSet<u64>>,
    by_transmitter: BTreeMap<Transmitter, BTreeSet<u64>>,
    by_age: BTreeSet<(Time, u64)>,
    ways: Ways,
    next: u64,
}

impl Emitters {
    pub(crate) fn get(&self, id: u64) -> Option<&Voice> {
        self.voices.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: u64) -> Option<&mut Voice> {
        self.voices.get_mut(&id)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.voices.len()
    }

    /// Takes in one claim that a sensor has passed on. `protected` are the tracks whose voices may not give way while others can.
    pub(crate) fn hear(
        &mut self,
        claim: &Claim,
        by: By<'_>,
        received_at: Time,
        protected: impl Fn(TrackId) -> bool,
    ) -> Heard {
        let mut heard = Heard::default();
        let candidates = self.candidates(claim);
        let way = self.way(claim, received_at, by);
        let chosen = match claim.place {
            Some(place) => self.by_motion(&candidates, claim, place, way),
            None => self.by_word(&candidates, claim),
        };
        let live =
            |id: &u64| self.voices.get(id).is_some_and(|v| received_at.since(v.last_at) < Span::from_seconds(10));
        // Without a position and with several voices it could be, what it says of operator and text may be another's.
        let ambiguous = claim.place.is_none() && candidates.iter().filter(|id| live(id)).count() > 1;
        if chosen.is_none() && claim.place.is_some() {
            let last_heard = |id: &u64| (self.voices.get(id).map(|v| v.last_at), *id);
            heard.split_from = candidates.iter().copied().max_by_key(last_heard);
        }
        let id = chosen.unwrap_or_else(|| self.begin(received_at, &protected));
        heard.voice = id;
        self.touch(id, received_at);
        self.learn_transmitter(id, claim);
        let named = self.learn_names(id, claim);
        if let Some(voice) = self.voices.get_mut(&id) {
            let late = voice.late_by(claim, way).is_some();
            voice.absorb(claim, way, ambiguous, late);
            voice.note_clock(claim, way, late);
            let echo = claim.place.filter(|_| way.is_measured).and_then(|place| voice.echo_of(place, way));
            if let Some((first, later)) = echo {
                // What was held up says nothing of how long its way is.
                if !late {
                    self.ways.echoed(&first, by.sensor, later);
                }
            } else if let Some(place) = claim.place {
                heard.position = voice.place(claim, place, way, late);
            }
        }
        heard.had = self.voices.get(&id).map_or((None, None), |v| (v.track, v.said));
        // After the position is in: what is far away is not merged, however it is called.
        if named {
            self.merge_same_names(id, received_at, &mut heard);
        }
        if claim.place.is_some() {
            self.compare_namesakes(id, claim, way, &mut heard);
        }
        self.compare_address(id, claim, received_at, &mut heard);
        heard
    }

    /// Only these sensors are there from now on.
    pub(crate) fn configure(&mut self, is_known: impl Fn(&SensorId) -> bool) {
        self.ways.keep(is_known);
    }

    /// What is taken off the times of what a receiver passes on.
    #[cfg(test)]
    pub(crate) fn lag(&self, sensor: &SensorId) -> Span {
        self.ways.lags(sensor).less()
    }

    /// How a claim came.
    fn way<'a>(&self, claim: &Claim, received_at: Time, by: By<'a>) -> Way<'a> {
        let By { sensor, usual, by_others, sd_m } = by;
        let is_measured = claim.place.is_some() && claim.timestamp_raw_s.is_none();
        let (stamped_at, lags) = if is_measured {
            (align(claim.measured_at, received_at).0, self.ways.lags(sensor))
        } else {
            (received_at, Twice::default())
        };
        let times = Twice { received: received_at - usual, stamped: stamped_at - usual };
        Way {
            sensor,
            received_at,
            stamped_at,
            lag: lags.less() + usual,
            without_lags: times.without(lags),
            is_measured,
            by_others,
            sd_m,
        }
    }

    /// The voice that the tracker knows by a label.
    pub(crate) fn with_label(&self, label: u64) -> Option<u64> {
        // Nearly always its own number; a voice that took over another goes by the other's.
        match self.voices.get(&label) {
            Some(voice) if voice.label == label => Some(label),
            _ => self.voices.values().find(|v| v.label == label).map(|v| v.id),
        }
    }

    /// Forgets voices not heard for long that have no track.
    pub(crate) fn forget(&mut self, now: Time) {
        let old: Vec<u64> = self
            .by_age
            .iter()
            .take_while(|(at, _)| now.since(*at) > MEMORY)
            .map(|(_, id)| *id)
            .filter(|id| self.voices.get(id).is_none_or(|v| v.track.is_none()))
            .take(1024)
            .collect();
        for id in old {
            self.remove(id);
        }
    }

    /// Voices it could be: those of its unique names, and those of its address whose names do not contradict it.
    fn candidates(&self, claim: &Claim) -> Vec<u64> {
        let mut ids: Vec<u64> = Vec::new();
        let unique = claim.names.iter().filter(|n| is_unique(n.kind));
        for list in unique.filter_map(|n| self.by_name.get(n)) {
            ids.extend(list.iter().rev().take(CANDIDATES_MAX));
        }
        if let Some(list) = claim.transmitter.as_ref().and_then(|t| self.by_transmitter.get(t)) {
            ids.extend(list.iter().rev().take(CANDIDATES_MAX));
        }
        ids.sort_unstable();
        ids.dedup();
        ids.retain(|id| self.voices.get(id).is_some_and(|v| !conflict(&v.names, &claim.names)));
        ids
    }

    /// The nearest reachable voice; one that said no position yet only when no other is near.
    fn by_motion(&self, candidates: &[u64], claim: &Claim, place: Place, way: Way<'_>) -> Option<u64> {
        let at = way.heard_at();
        let mut best: Option<(bool, f64, u64)> = None;
        for id in candidates {
            let Some(voice) = self.voices.get(id) else { continue };
            let named = claim.names.iter().any(|n| is_unique(n.kind) && voice.names.contains(n));
            // What was held up on its way is of where it was then.
            let late_by = voice.late_by(claim, way).filter(|_| named).unwrap_or(Span::ZERO);
            let misfit_m = match voice.misfit_m(place, at) {
                Some(m) if m > voice.reach_m(at, late_by) => continue,
                Some(m) => m,
                None => JUMP_M,
            };
            let rank = (!named, misfit_m, *id);
            if best.is_none_or(|b| (rank.0, rank.1, rank.2) < (b.0, b.1, b.2)) {
                best = Some(rank);
            }
        }
        best.map(|(_, _, id)| id)
    }

    /// The voice for a claim without position: by name and address, by address, by name; the latest heard of them. The
    /// address goes before the name, so that a name heard late names the positions heard from the same radio, and whose
    /// they are is then decided by their motion.
    fn by_word(&self, candidates: &[u64], claim: &Claim) -> Option<u64> {
        candidates
            .iter()
            .filter_map(|id| self.voices.get(id).map(|v| (id, v)))
            .max_by_key(|(id, v)| {
                let address = claim.transmitter.as_ref().is_some_and(|t| v.transmitters.contains(t));
                let name = claim.names.iter().any(|n| is_unique(n.kind) && v.names.contains(n));
                (address && name, address, v.last_at, **id)
            })
            .map(|(id, _)| *id)
    }

    fn begin(&mut self, now: Time, protected: &impl Fn(TrackId) -> bool) -> u64 {
        if self.voices.len() >= limits::TRANSMITTERS_MAX {
            // The oldest without alert; when all have one, the oldest. Few have one against the table.
            let safe = |id: u64| self.voices.get(&id).and_then(|v| v.track).is_some_and(protected);
            let victim = self.by_age.iter().find(|(_, id)| !safe(*id)).or(self.by_age.first());
            if let Some((_, id)) = victim.copied() {
                self.remove(id);
            }
        }
        let id = self.next;
        self.next += 1;
        self.voices.insert(id, Voice::new(id, now));
        self.by_age.insert((now, id));
        id
    }

    fn remove(&mut self, id: u64) -> Option<Voice> {
        let voice = self.voices.remove(&id)?;
        self.by_age.remove(&(voice.last_at, id));
        for name in &voice.names {
            unlist(&mut self.by_name, name, id);
        }
        for transmitter in &voice.transmitters {
            unlist(&mut self.by_transmitter, transmitter, id);
        }
        Some(voice)
    }

    fn touch(&mut self, id: u64, now: Time) {
        let Some(voice) = self.voices.get_mut(&id) else { return };
        self.by_age.remove(&(voice.last_at, id));
        voice.last_at = now;
        self.by_age.insert((now, id));
    }

    fn learn_transmitter(&mut self, id: u64, claim: &Claim) {
        let (Some(voice), Some(transmitter)) = (self.voices.get_mut(&id), &claim.transmitter) else { return };
        if voice.transmitters.last() == Some(transmitter) {
            return;
        }
        // A name alone does not tie an address to a voice that flies: anybody can say a name.
        if claim.place.is_none() && voice.fix.is_some() && !voice.transmitters.contains(transmitter) {
            return;
        }
        // The latest stands last; a randomised address leaves a bounded list of the latest ones.
        if let Some(at) = voice.transmitters.iter().position(|t| t == transmitter) {
            voice.transmitters.remove(at);
        } else if voice.transmitters.len() >= limits::NAMES_PER_TRACK_MAX {
            let oldest = voice.transmitters.remove(0);
            unlist(&mut self.by_transmitter, &oldest, id);
        }
        voice.transmitters.push(transmitter.clone());
        self.by_transmitter.entry(transmitter.clone()).or_default().insert(id);
    }

    /// Whether a name is new.
    fn learn_names(&mut self, id: u64, claim: &Claim) -> bool {
        let Some(voice) = self.voices.get_mut(&id) else { return false };
        let mut news = false;
        for name in claim.names.iter().filter(|n| !n.value.is_empty()) {
            if voice.names.contains(name) || voice.names.len() >= limits::NAMES_PER_TRACK_MAX {
                continue;
            }
            voice.names.push(name.clone());
            news = true;
            self.by_name.entry(name.clone()).or_default().insert(id);
        }
        news
    }

    /// Merges voices that share a unique name with this one and can be the same aircraft by their motion.
    fn merge_same_names(&mut self, id: u64, now: Time, heard: &mut Heard) {
        let Some(voice) = self.voices.get(&id) else { return };
        let same: Vec<u64> = self
            .namesakes(voice)
            .into_iter()
            .filter(|other| {
                self.voices.get(other).is_some_and(|o| o.can_be(voice, now) && !conflict(&o.names, &voice.names))
            })
            .collect();
        for other in same {
            let Some(gone) = self.remove(other) else { continue };
            for transmitter in &gone.transmitters {
                let Some(voice) = self.voices.get_mut(&id) else { break };
                if voice.transmitters.len() < limits::NAMES_PER_TRACK_MAX && !voice.transmitters.contains(transmitter) {
                    voice.transmitters.insert(0, transmitter.clone());
                    self.by_transmitter.entry(transmitter.clone()).or_default().insert(id);
                }
            }
            let Some(voice) = self.voices.get_mut(&id) else { break };
            for name in &gone.names {
                if !voice.names.contains(name) && voice.names.len() < limits::NAMES_PER_TRACK_MAX {
                    voice.names.push(name.clone());
                    self.by_name.entry(name.clone()).or_default().insert(id);
                }
            }
            voice.take_over(&gone);
            heard.merged.push(gone);
        }
    }

    fn namesakes(&self, voice: &Voice) -> Vec<u64> {
        let mut ids: Vec<u64> = voice
            .names
            .iter()
            .filter(|n| is_unique(n.kind))
            .filter_map(|n| self.by_name.get(n))
            .flat_map(|list| list.iter().rev().take(CANDIDATES_MAX).copied())
            .filter(|other| *other != voice.id)
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// One name in two places: noted on both, because nothing in it says which is false.
    fn compare_namesakes(&mut self, id: u64, claim: &Claim, way: Way<'_>, heard: &mut Heard) {
        let now = way.received_at;
        let Some(voice) = self.voices.get(&id) else { return };
        let Some(here) = voice.fix.as_ref() else { return };
        let (mut findings, mut late) = (Vec::new(), Vec::new());
        for other_id in self.namesakes(voice) {
            let Some(other) = self.voices.get(&other_id) else { continue };
            let Some(there) = other.fix.as_ref() else { continue };
            let distance_m = here.place.distance_m(there.place);
            let apart = here.received_at.since(there.received_at).abs();
            let flown_m = voice.speed_max_mps.max(other.speed_max_mps) * (apart.as_seconds_f64() + 1.0);
            if voice.may_be_late_for(other) {
                late.push(other_id);
                continue;
            }
            if distance_m <= JUMP_M + flown_m {
                continue;
            }
            let name = voice.names.iter().find(|n| is_unique(n.kind) && other.names.contains(n));
            let Some(name) = name.map(|n| n.value.clone()) else { continue };
            findings.push((other_id, distance_m, apart, name, now.since(other.last_at) <= AT_ONCE));
        }
        // What may be one aircraft, measured late, is held to its words as one.
        for other_id in late.into_iter().filter(|_| way.by_others) {
            let (Some(other), Some(place)) = (self.voices.get_mut(&other_id), claim.place) else { continue };
            let before = other.evidence.has(EvidenceKind::SeenElsewhere);
            if other.late_by(claim, way).is_none() {
                other.measured(claim, place, way);
            }
            if !before && other.evidence.has(EvidenceKind::SeenElsewhere) {
                heard.touched.push(other_id);
            }
        }
        for (other_id, distance_m, apart, name, at_once) in findings {
            for evidence_of in [id, other_id] {
                let Some(v) = self.voices.get_mut(&evidence_of) else { continue };
                let mut news = !v.evidence.has(EvidenceKind::ImpossibleSpeed);
                let speed_mps = distance_m / apart.as_seconds_f64().max(0.1);
                v.evidence.note(EvidenceKind::ImpossibleSpeed, weight::JUMP_BETWEEN, now, || {
                    format!(
                        "{name} jumped {:.1} km within {:.1} s: {speed_mps:.0} m/s",
                        distance_m / 1000.0,
                        apart.as_seconds_f64()
                    )
                });
                if at_once {
                    news |= !v.evidence.has(EvidenceKind::OneNameTwoPlaces);
                    v.evidence.note(EvidenceKind::OneNameTwoPlaces, weight::ONE_NAME_TWO_PLACES, now, || {
                        format!("{name} is claimed in two places at once, {:.1} km apart", distance_m / 1000.0)
                    });
                }
                if evidence_of != id && news {
                    heard.touched.push(other_id);
                }
            }
        }
    }

    /// Whether another voice claims one of this one's names at another place lately. Callsigns count here: a name may stand
    /// on a list whatever its kind.
    pub(crate) fn claimed_elsewhere(&self, voice: &Voice, now: Time, within: Span) -> bool {
        let others =
            voice.names.iter().filter_map(|n| self.by_name.get(n)).flat_map(|l| l.iter().rev().take(CANDIDATES_MAX));
        others.filter(|id| **id != voice.id).filter_map(|id| self.voices.get(id)).any(|other| {
            other.fix.is_some_and(|f| now.since(f.received_at) <= within)
                && (other.track.is_none() || other.track != voice.track)
        })
    }

    /// Several aircraft by one radio address: noted on all of them.
    fn compare_address(&mut self, id: u64, claim: &Claim, now: Time, heard: &mut Heard) {
        let Some(transmitter) = claim.transmitter.as_ref() else { return };
        let Some(list) = self.by_transmitter.get(transmitter).filter(|list| list.len() > 1) else { return };
        let recent: Vec<u64> = list
            .iter()
            .rev()
            .take(CANDIDATES_MAX)
            .filter(|v| self.voices.get(v).is_some_and(|v| now.since(v.last_at) <= SHARED_WITHIN && v.fix.is_some()))
            .copied()
            .collect();
        let own = self.voices.get(&id).filter(|v| v.said.is_some() && recent.contains(&id));
        let Some(own) = own else { return };
        // One whose measured place is late, or measured badly, looks like several.
        let late = |v: &u64| self.voices.get(v).is_some_and(|o| o.said.is_none() || own.may_be_late_for(o));
        let recent: Vec<u64> = recent.into_iter().filter(|v| *v == id || !late(v)).collect();
        if recent.len() < 2 {
            return;
        }
        for v in recent {
            let Some(voice) = self.voices.get_mut(&v) else { continue };
            if voice.evidence.has(EvidenceKind::SharedTransmitter) {
                continue;
            }
            voice.evidence.note(EvidenceKind::SharedTransmitter, weight::SHARED_TRANSMITTER, now, || {
                format!("several aircraft transmit as {}", address(transmitter))
            });
            if v != id {
                heard.touched.push(v);
            }
        }
    }
}

/// Whether two sets of names cannot be one aircraft's: a unique kind with different values. A session id may change
/// between flights, not within one.
pub(crate) fn conflict(ours: &[Name], theirs: &[Name]) -> bool {
    theirs.iter().any(|t| {
        is_unique(t.kind) && t.kind != NameKind::UtmId && ours.iter().any(|o| o.kind == t.kind) && !ours.contains(t)
    })
}

fn address(transmitter: &Transmitter) -> &str {
    match transmitter {
        Transmitter::Mac(a) | Transmitter::Icao(a) | Transmitter::NonIcao(a) | Transmitter::Other(a) => a.as_str(),
    }
}

fn unlist<K: Ord>(index: &mut BTreeMap<K, BTreeSet<u64>>, key: &K, id: u64) {
    if let Some(list) = index.get_mut(key) {
        list.remove(&id);
        if list.is_empty() {
            index.remove(key);
        }
    }
}
