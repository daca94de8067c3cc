//! Who it is, and whether it comes too near: identities, absence, alerts.

use super::Picture;
use super::agree::speaks_here;
use super::dirty::Touch;
use super::tracks::Entry;
use crate::alert::Subject;
use crate::emitters::{ACCURACY_MAX_M, conflict};
use crate::identity::{EvidenceSet, weight};
use crate::zone::{Flight, Level, holds};
use lapwing_model::{
    Class, Evidence, EvidenceKind, Geodetic, Heights, IdentityStatus, LocalFrame, Phase, Place, Rule, SensorId, Span,
    TrackId, Zone, math,
};
use lapwing_track::{Estimate, Observation};
use std::collections::BTreeSet;

/// Two tracks under names of two radio systems are one aircraft after flying together for this many seconds, ...
const TWIN_SECONDS: u32 = 15;
/// ... nearer than this, plus what their uncertainty allows, ...
const TWIN_DISTANCE_M: f64 = 30.0;
/// ... at nearly the same velocity, ...
const TWIN_VELOCITY_MPS: f64 = 3.0;
/// ... and moving: what rests beside another is no proof.
pub(super) const TWIN_SPEED_MIN_MPS: f64 = 3.0;
/// A claimed position this old is still where the aircraft says it is.
pub(super) const SAID_FOR: Span = Span::from_seconds(3);
/// An alert that stands is cleared for an authorisation that has lasted this long.
const CONFIRMED_AFTER: Span = Span::from_seconds(5);
/// How sure the sensors must be of a class before a rule lets it pass.
const SURE: f64 = 0.9;
/// Lead time for zones that no rule concerns any more, seconds.
const LEAD_DEFAULT_S: f64 = 60.0;
/// A name longer than this is cut in headlines.
const NAME_CHARS_MAX: usize = 40;

impl Picture {
    /// Whether it matters to anyone where a track is from one second to the next.
    pub(super) fn is_watched(&self) -> bool {
        !self.zones.is_empty() || self.alerts.is_busy()
    }

    /// Brings identities and alerts of everything an input touched up to date.
    pub(super) fn look_at_dirty(&mut self) {
        let watched = self.is_watched();
        for (id, touch) in self.dirty.take() {
            // Most are nameless, told of, and near nothing that is watched.
            if !watched && self.tracks.get(&id).is_some_and(Entry::is_settled) {
                continue;
            }
            if touch == Touch::Any {
                self.refresh_identity(id);
            }
            self.tell_urgent(id);
            self.judge_zones(id);
        }
    }

    /// What time alone changes: sightings grow old, authorisations run out, tracks left by a jump are joined.
    pub(super) fn refresh_by_time(&mut self) {
        self.follow_left();
        let listed = !self.authorised.is_empty();
        let due: Vec<TrackId> = self
            .tracks
            .iter()
            .filter(|(_, e)| !e.voices.is_empty() && (listed || e.evidence.has(EvidenceKind::SeenIndependently)))
            .map(|(id, _)| *id)
            .collect();
        for id in due {
            let before = self.tracks.get(&id).map(|e| e.identity.status);
            self.refresh_identity(id);
            self.tell_urgent(id);
            if self.tracks.get(&id).map(|e| e.identity.status) != before {
                self.dirty.insert(id);
            }
        }
    }

    fn refresh_identity(&mut self, id: TrackId) {
        let Some(entry) = self.tracks.get(&id) else { return };
        if entry.is_nameless() {
            return;
        }
        let names = self.names_of(&self.naming_voices(id, entry));
        let listed = self.authorised_word(id, entry);
        let support = self.support(id, entry);
        let now = self.now;
        let Some(entry) = self.tracks.get_mut(&id) else { return };
        for kind in [EvidenceKind::OnAuthorisedList, EvidenceKind::OutsideAuthorisation] {
            if listed.as_ref().is_none_or(|found| found.kind() != kind) {
                entry.evidence.withdraw(kind);
            }
        }
        if let Some(listed) = listed {
            let weight = if listed.allowed { weight::ON_LIST } else { weight::OUTSIDE_LIST };
            entry.evidence.note(listed.kind(), weight, now, || listed.detail);
        }
        if !support.agrees {
            // What was seen once says nothing of now.
            entry.evidence.withdraw(EvidenceKind::SeenIndependently);
        }
        let mut all: EvidenceSet = entry.evidence.clone();
        for voice in entry.voices.iter().filter_map(|v| self.emitters.get(*v)) {
            all.absorb(&voice.evidence);
        }
        let identity = all.conclude(names, !entry.voices.is_empty(), support);
        let kinds = |list: &[Evidence]| -> Vec<EvidenceKind> { list.iter().map(|e| e.kind).collect() };
        let changed = identity.status != entry.identity.status
            || identity.names != entry.identity.names
            || kinds(&identity.evidence) != kinds(&entry.identity.evidence);
        if identity.status == IdentityStatus::Authorised {
            entry.authorised_since.get_or_insert(now);
        } else {
            entry.authorised_since = None;
        }
        entry.identity = identity;
        if changed {
            self.urgent(id);
        }
    }

    /// The voices whose names a track may have: all of one that only claims to be; of one that sensors see, those whose
    /// positions agreed with the plots once, so that no single forged claim gives an intruder its name; and where there is none,
    /// those that others found to send from there (a transponder that only multilateration places).
    fn naming_voices(&self, id: TrackId, entry: &Entry) -> BTreeSet<u64> {
        let claimed_only = self.tracker.claimed_only(id).unwrap_or(true);
        let agreed = |v: &u64| claimed_only || entry.agreed.contains(v);
        let names: BTreeSet<u64> = entry.voices.iter().copied().filter(agreed).collect();
        if !names.is_empty() {
            return names;
        }
        entry.voices.iter().filter_map(|v| self.emitters.get(*v)).filter(|v| entry.sends(id, v)).map(|v| v.id).collect()
    }

    /// A sensor that does not rely on the aircraft's word saw it. Whether that may change who it is taken for.
    pub(super) fn seen_independently(&mut self, id: TrackId, sensor: &SensorId, observation: &Observation) -> bool {
        let now = self.now;
        let Some(entry) = self.tracks.get_mut(&id) else { return false };
        entry.was_seen();
        if entry.voices.is_empty() {
            return true;
        }
        let refuted = entry.evidence.withdraw(EvidenceKind::NotSeenThere);
        let agreed = entry.agreed.len();
        if let Some(sensor) = self.health.sensor(sensor) {
            entry.compare_voices(id, sensor, observation, (&self.emitters, &self.tracker, now));
        }
        if !entry.voices.iter().filter_map(|v| self.emitters.get(*v)).any(|v| entry.agrees(id, v, now)) {
            return true;
        }
        let known = entry.identity.evidence.iter().any(|e| e.kind == EvidenceKind::SeenIndependently);
        entry.evidence.note(EvidenceKind::SeenIndependently, weight::SEEN_INDEPENDENTLY, now, || {
            format!("{sensor} sees it where it says it is")
        });
        // What is seen once more where all its voices say it is, is who it was; what time makes of it is looked at each second. An
        // authorisation may end with the place.
        let same = known && !refuted && agreed == entry.agreed.len() && agreed == entry.voices.len();
        if same && self.authorised.is_empty() {
            entry.seen_again_there();
            return false;
        }
        true
    }

    /// Tracks under names of different radio systems that fly as one are one. Names only say that they may be: motion joins.
    pub(super) fn join_twins(&mut self) {
        let voices = self.tracks.iter().filter(|(_, e)| !e.voices.is_empty() && e.phase == Phase::Confirmed);
        let about = self.about(voices.map(|(id, _)| *id));
        let mut together = std::collections::BTreeMap::new();
        for (i, a) in about.iter().enumerate() {
            let Some((a, beside)) = self.beside(about.get(i + 1..).unwrap_or_default(), a) else { continue };
            for b in &beside {
                if fly_as_one(&a, b) && self.may_be_one(a.0, b.0) {
                    let key = (a.0.min(b.0), a.0.max(b.0));
                    let seconds = self.twins.get(&key).copied().unwrap_or(0) + 1;
                    together.insert(key, seconds);
                }
            }
        }
        self.twins = together;
        let due: Vec<(TrackId, TrackId)> =
            self.twins.iter().filter(|(_, seconds)| **seconds >= TWIN_SECONDS).map(|(pair, _)| *pair).collect();
        for (into, from) in due {
            self.twins.remove(&(into, from));
            // Another may have been joined into it since: two that fly beside one transponder are not one for that.
            if !self.may_be_one(into, from) {
                continue;
            }
            self.tracker.join(into, from);
            self.drain_tracker();
        }
    }

    /// Whether by their names two tracks may be one: no contradiction, and no radio system in common (one aircraft has
    /// one transmitter of each, and would have used the same name on it).
    fn may_be_one(&self, a: TrackId, b: TrackId) -> bool {
        let (Some(a), Some(b)) = (self.tracks.get(&a), self.tracks.get(&b)) else { return false };
        let spoke = |e: &Entry| e.voices.iter().filter_map(|v| self.emitters.get(*v)).fold(0, |bits, v| bits | v.spoke);
        spoke(a) & spoke(b) == 0 && !conflict(&self.names_of(&a.voices), &self.names_of(&b.voices))
    }

    /// A track as the zones see it.
    fn flight(&mut self, id: TrackId, estimate: &Estimate) -> Option<Flight> {
        let entry = self.tracks.get(&id)?;
        let transponder = self.transponder_height(entry, estimate);
        let claimed = if transponder { self.claimed_heights(entry) } else { Heights::UNKNOWN };
        // A height that nothing but its own word supports excludes it from no zone: then none is known.
        let height_known = estimate.height_known && (transponder || self.height_seen(entry));
        let at = estimate.frame.to_geodetic(estimate.position);
        let here = LocalFrame::new(at);
        let v = here.rotate(estimate.frame.unrotate(estimate.velocity));
        let mut covariance = estimate.covariance;
        // Unsaid accuracy of a height: 95 % within 30 m, which satellite heights keep, and barometric ones mostly.
        let said = |accuracy: Option<f64>| accuracy.filter(|a| *a > 0.0).unwrap_or(30.0) / 1.960;
        let level = |value: Option<f64>, accuracy| value.map(|value_m| Level { value_m, sd_m: said(accuracy) });
        let (mut ellipsoid, mut sea_level) = (None, None);
        let above_takeoff = level(claimed.height_above_takeoff_m, claimed.vertical_accuracy_m);
        let above_ground = level(claimed.height_above_ground_m, claimed.vertical_accuracy_m);
        let pressure = level(claimed.altitude_pressure_m, claimed.pressure_accuracy_m);
        if height_known {
            let sd_m = math::sqrt(covariance[2][2].max(0.0));
            let undulation = self.geoid.undulation_m(at.place());
            ellipsoid = Some(Level { value_m: at.height_ellipsoid_m, sd_m });
            sea_level = Some(Level { value_m: at.height_ellipsoid_m - undulation, sd_m });
        } else {
            // Up means nothing then: no variance of it, nor with anything else, but that of the claimed height.
            for other in 0..6 {
                for up in [2, 5] {
                    covariance[up][other] = 0.0;
                    covariance[other][up] = 0.0;
                }
            }
            let sd = [above_ground, above_takeoff, pressure].into_iter().flatten().map(|l| l.sd_m).next();
            covariance[2][2] = sd.map_or(0.0, |sd| sd * sd);
        }
        let up_mps = if height_known { v.up_m } else { 0.0 };
        let mut said = None;
        if estimate.claimed_only && estimate.phase != Phase::Coasting {
            narrow(&mut covariance, ACCURACY_MAX_M / 2.448);
            let fix = self.latest_fix(id, entry).filter(|f| self.now.since(f.received_at) <= SAID_FOR);
            said = fix.map(|f| f.place);
        }
        Some(Flight {
            place: at.place(),
            velocity: [v.east_m, v.north_m, up_mps],
            covariance,
            ellipsoid,
            sea_level,
            above_takeoff,
            above_ground,
            pressure,
            claimed: said,
        })
    }

    /// Holds a track against the zones near it and those it has alerts for.
    fn judge_zones(&mut self, id: TrackId) {
        if self.zones.is_empty() && !self.alerts.concerns(id) {
            return;
        }
        let Some(estimate) = self.tracker.estimate(id, self.now) else { return };
        if estimate.phase == Phase::Tentative && !self.alerts.concerns(id) {
            return;
        }
        let Some(flight) = self.flight(id, &estimate) else { return };
        let c = &flight.covariance;
        let sd = |a: usize| math::sqrt((c[a][a] + c[a + 1][a + 1]).max(0.0));
        let speed = math::hypot(flight.velocity[0], flight.velocity[1]);
        let reach_m = 4.0 * sd(0) + (speed + 3.0 * sd(3)) * self.lead_max_s + 100.0;
        let mut numbers = self.zones.near(flight.place, reach_m);
        numbers.extend(self.alerts.zones_of(id).iter().filter_map(|zone| self.zone_numbers.get(zone)));
        numbers.sort_unstable();
        numbers.dedup();
        if numbers.is_empty() {
            return;
        }
        let cloud = self.zones.cloud(&flight);
        let Some(entry) = self.tracks.get(&id) else { return };
        let name = self.call(entry);
        let entries = entry.entries();
        let friend = self.claims_friend(id, entry, &estimate);
        let subject = Subject {
            track: id,
            name: &name,
            claims_friend: friend,
            coasting: estimate.phase == Phase::Coasting,
            last_at: entry.last_at,
            entries: &entries,
        };
        let (status, class) = (entry.identity.status, self.surely(entry));
        let confirmed = entry.authorised_since.is_some_and(|since| self.now.since(since) >= CONFIRMED_AFTER);
        for number in numbers {
            let Some(zone) = self.zones.zone(number) else { continue };
            let warned = self.alerts.is_live(id, &zone.id);
            // What is taken for a bird is not warned of; being taken for one ends no warning, nor hides
            // one that was lost in the zone and is found again. Nor does an authorisation
            // before it has lasted.
            let class = class.filter(|_| !warned && !self.alerts.misses_one_in(&zone.id));
            let status = match status {
                IdentityStatus::Authorised if warned && !confirmed => IdentityStatus::Corroborated,
                status => status,
            };
            let in_force = holds(zone, self.now);
            let rule = if in_force { rule_for(&self.site.rules, zone, status, class) } else { None };
            let why = match entry.identity.label() {
                _ if !in_force => format!("{} is not in force now", zone.name),
                Some(label) if status == IdentityStatus::Authorised => {
                    format!("{name} is now confirmed as authorised flight {}", label.value)
                }
                _ => format!("{name} is allowed in {} now", zone.name),
            };
            let lead_s = rule.map_or(LEAD_DEFAULT_S, |r| r.lead.as_seconds_f64());
            if let Some(met) = self.zones.encounter(number, &flight, &cloud, lead_s) {
                self.alerts.judge(self.now, &subject, zone, rule.ok_or(why.as_str()), &met);
            }
        }
    }

    /// Whether it may be the authorised flight whose name it gives: then its alert is one step less urgent. Not when its
    /// name is claimed elsewhere too, nor when sensors see an aircraft and its word has not agreed with them yet.
    fn claims_friend(&self, id: TrackId, entry: &Entry, estimate: &Estimate) -> bool {
        let Some(place) = self.place_of(id).filter(|_| entry.identity.status != IdentityStatus::Contradicted) else {
            return false;
        };
        entry.voices.iter().filter_map(|v| self.emitters.get(*v)).any(|v| {
            speaks_here(id, v, self.now)
                && self.listed(&v.names, place).is_some_and(|l| l.allowed)
                && !self.barred(entry, v)
                && (estimate.claimed_only || entry.agrees(id, v, self.now))
        })
    }

    /// What it is beyond reasonable doubt: only then may a rule let it pass for what it is. What speaks for itself is no
    /// bird, and an intruder that a radar sometimes takes for one must not go unwarned.
    fn surely(&self, entry: &Entry) -> Option<Class> {
        let best = self.labelled(entry).best().filter(|(_, p)| *p >= SURE).map(|(class, _)| class);
        best.filter(|class| *class != Class::Bird || entry.voices.is_empty())
    }

    /// What it is, when that is likelier than not; what speaks for itself is no bird.
    fn class_of(&self, entry: &Entry) -> Option<Class> {
        let best = self.labelled(entry).best().filter(|(_, p)| *p >= 0.5).map(|(class, _)| class);
        best.filter(|class| *class != Class::Bird || entry.voices.is_empty())
    }

    /// How a guard would call it.
    fn call(&self, entry: &Entry) -> String {
        let kind = match self.class_of(entry) {
            Some(Class::Multirotor | Class::FixedWing | Class::Drone) => "drone",
            Some(Class::Bird) => "bird",
            Some(Class::Aeroplane) => "aeroplane",
            Some(Class::Helicopter) => "helicopter",
            Some(Class::Balloon) => "balloon",
            Some(Class::Ground) => "object",
            None => "aircraft",
        };
        let name: Option<String> =
            entry.identity.label().map(|n| n.value.as_str().chars().take(NAME_CHARS_MAX).collect());
        match (entry.identity.status, name) {
            (IdentityStatus::Contradicted, Some(name)) => format!("Suspected false {kind} {name}"),
            (IdentityStatus::Contradicted, None) => format!("Suspected false {kind}"),
            (_, None) | (IdentityStatus::Unidentified, _) => format!("Unidentified {kind}"),
            (_, Some(name)) => {
                let mut letters = kind.chars();
                let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
                format!("{first}{} {name}", letters.as_str())
            }
        }
    }
}

/// The first rule that concerns a zone and an aircraft.
fn rule_for<'a>(rules: &'a [Rule], zone: &Zone, status: IdentityStatus, class: Option<Class>) -> Option<&'a Rule> {
    rules.iter().find(|rule| {
        let watches =
            if rule.zones.is_empty() { rule.zone_kinds.contains(&zone.kind) } else { rule.zones.contains(&zone.id) };
        watches && !rule.except.contains(&status) && class.is_none_or(|c| !rule.except_classes.contains(&c))
    })
}

/// Brings the horizontal position of a covariance to at most `sd_max_m` (one sigma along its longest axis).
fn narrow(covariance: &mut [[f64; 6]; 6], sd_max_m: f64) {
    let (a, b, d) = (covariance[0][0], covariance[0][1], covariance[1][1]);
    let widest = (a + d) / 2.0 + math::hypot((a - d) / 2.0, b);
    if widest <= sd_max_m * sd_max_m {
        return;
    }
    let factor = sd_max_m / math::sqrt(widest);
    for i in 0..6 {
        for j in 0..2 {
            covariance[i][j] *= factor;
            covariance[j][i] *= factor;
        }
    }
}

fn fly_as_one(a: &Flying, b: &Flying) -> bool {
    let level = !(a.2.height_known && b.2.height_known)
        || (a.1.height_ellipsoid_m - b.1.height_ellipsoid_m).abs() <= 2.0 * TWIN_DISTANCE_M;
    level && fly_above_each_other(a, b, 3)
}

/// Tracks compared with one at most.
const NEAR_MAX: usize = 16;
/// Farther apart than this, degrees of latitude (170 m), two are not compared.
const NEAR_DEG: f64 = 0.001_5;

impl Picture {
    /// About where some tracks are, those that do not stand, from south to north.
    pub(super) fn about(&self, ids: impl Iterator<Item = TrackId>) -> Vec<(TrackId, Place)> {
        let moving = |id| {
            let (place, speed_mps) = self.tracker.about(id, self.now)?;
            // The full estimate is asked whether it really is slow.
            (speed_mps >= 0.5 * TWIN_SPEED_MIN_MPS).then_some((id, place))
        };
        let mut about: Vec<(TrackId, Place)> = ids.filter_map(moving).collect();
        about.sort_by(|a, b| a.1.latitude_deg.total_cmp(&b.1.latitude_deg).then(a.0.cmp(&b.0)));
        about
    }

    /// One track and those of a list that may be near it, as they fly now; `None` when nobody is.
    pub(super) fn beside(
        &self,
        from_south: &[(TrackId, Place)],
        one: &(TrackId, Place),
    ) -> Option<(Flying, Vec<Flying>)> {
        let mut ids = near(from_south, one).map(|b| b.0).peekable();
        ids.peek()?;
        Some((self.flying(one.0)?, ids.filter_map(|b| self.flying(b)).collect()))
    }

    /// A track as it flies now; `None` for what stands.
    fn flying(&self, id: TrackId) -> Option<Flying> {
        let e = self.tracker.estimate(id, self.now)?;
        (e.velocity.horizontal_m() >= TWIN_SPEED_MIN_MPS).then(|| (id, e.frame.to_geodetic(e.position), e))
    }
}

/// Those of a list from south to north that may be near one: by their places alone, and no more than a few.
fn near<'a>(
    from_south: &'a [(TrackId, Place)],
    one: &'a (TrackId, Place),
) -> impl Iterator<Item = &'a (TrackId, Place)> {
    let from = from_south.partition_point(|b| b.1.latitude_deg < one.1.latitude_deg - NEAR_DEG);
    let wide = NEAR_DEG / math::cos(math::rad(one.1.latitude_deg)).max(1e-3);
    from_south
        .iter()
        .skip(from)
        .take_while(|b| b.1.latitude_deg < one.1.latitude_deg + NEAR_DEG)
        .filter(move |b| {
            let apart = math::fabs(b.1.longitude_deg - one.1.longitude_deg);
            apart.min(360.0 - apart) < wide
        })
        .take(NEAR_MAX)
}

/// A confirmed track, where it is and how it flies.
pub(super) type Flying = (TrackId, Geodetic, Estimate);

/// Whether two are at one place over ground at nearly the same velocity: over ground (2 `axes`) or in space (3).
pub(super) fn fly_above_each_other(a: &Flying, b: &Flying, axes: usize) -> bool {
    let sd = |e: &Estimate| math::sqrt((e.covariance[0][0] + e.covariance[1][1]).max(0.0));
    let allowed = TWIN_DISTANCE_M + (sd(&a.2) + sd(&b.2)).min(TWIN_DISTANCE_M);
    if a.1.place().distance_m(b.1.place()) > allowed {
        return false;
    }
    let apart = a.2.last_at.since(b.2.last_at).abs();
    let velocity = |f: &Flying| {
        let v = f.2.frame.unrotate(f.2.velocity);
        let here = LocalFrame::new(f.1).rotate(v);
        [here.east_m, here.north_m, here.up_m]
    };
    let (va, vb) = (velocity(a), velocity(b));
    let difference = math::sqrt((0..axes.min(3)).map(|i| (va[i] - vb[i]) * (va[i] - vb[i])).sum::<f64>());
    apart <= Span::from_seconds(5) && difference <= TWIN_VELOCITY_MPS
}
