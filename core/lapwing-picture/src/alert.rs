//! Warnings and their life: one crossing of one zone by one aircraft is one alert.
//!
//! - **Raised** as a warning when entry within the rule's lead time has been probable for [`RAISE_DWELL`] (one look may
//!   be noise), at once as critical when the aircraft is inside.
//! - **Critical** from the entry on. Outside again for [`CLEAR_AFTER`] it is cleared, or a warning again when it is about
//!   to return; so trembling on the border is one alert.
//! - **Hysteresis**: what raised it at the rule's probability keeps it down to half of that.
//! - A track that is **lost** inside a zone, or close before it, has not left it: the alert says so and stays for
//!   [`LOST_HOLD`].
//! - **Told** (an event) whenever state, severity or being lost changes, and when the predicted entry moved, at most once
//!   a second. The snapshot always has the latest numbers.

use crate::zone::{Encounter, Motion};
use lapwing_model::alert::AlertStep;
use lapwing_model::{
    AirText, Alert, AlertId, AlertReason, AlertState, Position, Rule, Severity, Span, Time, TrackId, Zone, ZoneId,
    limits, math,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Entry must have been probable for this long before a warning is raised.
pub(crate) const RAISE_DWELL: Span = Span::from_seconds(1);
/// The cause must have been gone for this long before an alert is cleared.
pub(crate) const CLEAR_AFTER: Span = Span::from_seconds(10);
/// An aircraft lost inside a zone or before it keeps its alert for this long.
pub(crate) const LOST_HOLD: Span = Span::from_seconds(60);
/// A prediction that moved by less than this is the same prediction.
const PREDICTION_STEP: Span = Span::from_seconds(2);
/// Changes of prediction are told at most this often.
const TOLD_EVERY: Span = Span::from_seconds(1);
/// Steps kept in an alert's life: the first ones and the latest.
const STEPS_MAX: usize = 64;

/// What the alerts need to know of an aircraft.
#[derive(Debug, Clone)]
pub(crate) struct Subject<'a> {
    pub(crate) track: TrackId,
    /// How a guard would call it.
    pub(crate) name: &'a str,
    /// Claims a name of the authorised list, uncontradicted: one step less urgent, never silent.
    pub(crate) claims_friend: bool,
    /// Not seen lately: its place is a prediction.
    pub(crate) coasting: bool,
    /// When it was last seen.
    pub(crate) last_at: Time,
    /// Journal entries it comes from.
    pub(crate) entries: &'a [Position],
}

#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Held {
    alert: Alert,
    first_prediction: Option<Time>,
    gone_since: Option<Time>,
    inside: bool,
    lost_at: Option<Time>,
    told_at: Time,
    told_prediction: Option<Time>,
}

/// All alerts.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct AlertBook {
    alerts: BTreeMap<AlertId, Held>,
    live: BTreeMap<(TrackId, ZoneId), AlertId>,
    /// Since when entry is probable, of what is not yet raised.
    pending: BTreeMap<(TrackId, ZoneId), Time>,
    cleared: VecDeque<AlertId>,
    next: u64,
    untold: BTreeSet<AlertId>,
}

impl AlertBook {
    /// A book whose ids begin after `first`.
    pub(crate) fn after(first: u64) -> Self {
        Self { next: first, ..Self::default() }
    }

    /// Ids given from now on are greater than `id`.
    pub(crate) fn ids_after(&mut self, id: u64) {
        self.next = self.next.max(id);
    }

    /// Judges one aircraft against one zone. `rule` is the first that concerns the two; when none does any more
    /// (the zone's time is over, the aircraft turned out to be authorised) its alert is cleared with the words given
    /// instead.
    pub(crate) fn judge(
        &mut self,
        now: Time,
        subject: &Subject<'_>,
        zone: &Zone,
        rule: Result<&Rule, &str>,
        met: &Encounter,
    ) {
        let key = (subject.track, zone.id.clone());
        let (rule, why) = (rule.ok(), rule.err());
        let held = self.live.get(&key).copied();
        let minimum = rule.map_or(f64::MAX, |r| r.probability_min);
        let keep = if held.is_some() { minimum / 2.0 } else { minimum };
        let was_inside = held.and_then(|id| self.alerts.get(&id)).is_some_and(|h| h.inside);
        let inside = met.inside_probability >= if was_inside { keep } else { minimum };
        let lead_s = rule.map_or(0.0, |r| r.lead.as_seconds_f64());
        let probable = met.enter_probability >= keep && met.entry.is_none_or(|e| e.after_s <= 1.5 * lead_s);
        match held {
            Some(id) if rule.is_none() => self.clear(id, now, why.unwrap_or_default()),
            Some(id) => self.follow(id, now, subject, zone, met, inside, probable),
            None if inside => self.raise(now, subject, zone, rule, met, true),
            None if probable && met.entry.is_none_or(|e| e.after_s <= lead_s) => {
                let since = *self.pending.entry(key).or_insert(now);
                if now.since(since) >= RAISE_DWELL {
                    self.raise(now, subject, zone, rule, met, false);
                }
            }
            None => {
                self.pending.remove(&key);
            }
        }
    }

    fn raise(
        &mut self,
        now: Time,
        subject: &Subject<'_>,
        zone: &Zone,
        rule: Option<&Rule>,
        met: &Encounter,
        inside: bool,
    ) {
        let Some(rule) = rule else { return };
        let key = (subject.track, zone.id.clone());
        self.pending.remove(&key);
        let severity = severity(inside, subject.claims_friend);
        if !self.make_room(severity, now) {
            return;
        }
        self.next += 1;
        let id = AlertId(self.next);
        let reason = reason(now, rule, zone, met, inside);
        let note = match (inside, reason.entry_predicted_at) {
            (true, _) => "inside when first judged".to_owned(),
            (false, Some(at)) => format!("entry predicted at {}", clock(at, reason.entry_sd_s)),
            (false, None) => format!("entry within {:.0} s probable", rule.lead.as_seconds_f64()),
        };
        let headline = headline(now, subject, zone, met, &reason, inside);
        let first_prediction = reason.entry_predicted_at;
        let alert = Alert {
            id,
            state: AlertState::Raised,
            severity,
            track: subject.track,
            headline,
            reason,
            raised_at: now,
            changed_at: now,
            steps: vec![AlertStep { at: now, state: AlertState::Raised, severity, by: None, note: Some(note.into()) }],
            entries: subject.entries.to_vec(),
        };
        let held = Held {
            alert,
            first_prediction,
            gone_since: None,
            inside,
            lost_at: None,
            told_at: now,
            told_prediction: first_prediction,
        };
        self.alerts.insert(id, held);
        self.live.insert(key, id);
        self.untold.insert(id);
    }

    #[allow(clippy::too_many_arguments)]
    fn follow(
        &mut self,
        id: AlertId,
        now: Time,
        subject: &Subject<'_>,
        zone: &Zone,
        met: &Encounter,
        inside: bool,
        probable: bool,
    ) {
        let Some(held) = self.alerts.get_mut(&id) else { return };
        let alert = &mut held.alert;
        let old_severity = alert.severity;
        let predicted = met.entry.filter(|_| !inside).map(|e| (now + Span::from_seconds_f64(e.after_s), e.sd_s));
        alert.reason.inside_probability = met.inside_probability;
        alert.reason.distance_m = met.distance_m;
        alert.reason.height_known = met.height_known;
        let mut note: Option<String> = None;
        if inside {
            if alert.reason.entered_at.is_none() {
                alert.reason.entered_at = Some(now);
                note = Some(match held.first_prediction {
                    Some(first) => format!(
                        "entered at {}; first predicted for {}, last for {}",
                        clock(now, None),
                        clock(first, None),
                        clock(alert.reason.entry_predicted_at.unwrap_or(first), None)
                    ),
                    None => format!("entered at {}", clock(now, None)),
                });
            } else if !held.inside {
                note = Some(format!("inside again at {}", clock(now, None)));
            }
            held.gone_since = None;
            held.inside = true;
            alert.severity = severity(true, subject.claims_friend);
        } else {
            if alert.reason.entered_at.is_none() {
                // The latest prediction before the entry stays when it is inside.
                alert.reason.entry_predicted_at = predicted.map(|p| p.0);
                alert.reason.entry_sd_s = predicted.map(|p| p.1);
                held.first_prediction = held.first_prediction.or(predicted.map(|p| p.0));
            }
            let gone = !probable || held.inside;
            if !gone {
                held.gone_since = None;
            } else {
                let since = *held.gone_since.get_or_insert(now);
                // One that is not seen has not left: its place is only a prediction.
                if now.since(since) >= CLEAR_AFTER && !subject.coasting {
                    if probable {
                        held.inside = false;
                        held.gone_since = None;
                        note = Some(format!("left at {}, and is about to return", clock(since, None)));
                        alert.severity = severity(false, subject.claims_friend);
                    } else {
                        let word = if alert.reason.entered_at.is_some() { "has left" } else { "turned away from" };
                        let text = format!("{} {word} {}", subject.name, zone.name);
                        self.clear(id, now, &text);
                        return;
                    }
                }
            }
            if !held.inside {
                alert.severity = severity(false, subject.claims_friend);
            }
        }
        let lost = subject.coasting;
        if lost && held.lost_at.is_none() {
            held.lost_at = Some(subject.last_at);
            note.get_or_insert(format!("lost from sight, last seen at {}", clock(subject.last_at, None)));
        } else if !lost && held.lost_at.take().is_some() {
            note.get_or_insert("seen again".to_owned());
        }
        alert.headline = headline(now, subject, zone, met, &alert.reason, held.inside);
        merge_entries(&mut alert.entries, subject.entries);
        if alert.severity > old_severity && alert.state == AlertState::Acknowledged {
            // Whoever acknowledged a warning has not acknowledged the entry: it sounds again.
            alert.state = AlertState::Raised;
            let word = format!("was acknowledged as a {}", severity_word(old_severity));
            let now_is = if inside { "now inside" } else { "now more urgent" };
            note = Some(match note {
                Some(first) => format!("{first}; {word}; {now_is}"),
                None => format!("{word}; {now_is}"),
            });
        }
        let changed = note.is_some() || alert.severity != old_severity;
        if changed {
            step(alert, now, None, note.map(AirText::from));
        }
        let prediction = alert.reason.entry_predicted_at;
        let moved = match (prediction, held.told_prediction) {
            (Some(a), Some(b)) => a.since(b).abs() >= PREDICTION_STEP,
            (a, b) => a.is_some() != b.is_some(),
        };
        if changed || (moved && now.since(held.told_at) >= TOLD_EVERY) {
            self.tell(id, now);
        }
    }

    /// The track has ended. Its alerts stay for a while when it was inside or about to be.
    pub(crate) fn track_ended(&mut self, track: TrackId, last_at: Time, now: Time, why: &str) {
        self.pending.retain(|(t, _), _| *t != track);
        for id in self.live_of(track) {
            let Some(held) = self.alerts.get_mut(&id) else { continue };
            let alert = &mut held.alert;
            if held.lost_at.is_none() {
                alert.headline = AirText::new(&format!("Lost from sight: {}", alert.headline));
            }
            let lost_at = *held.lost_at.get_or_insert(last_at.min(now));
            step(
                alert,
                now,
                None,
                Some(format!("no longer tracked ({why}); last seen at {}", clock(lost_at, None)).into()),
            );
            held.gone_since = Some(now);
            self.tell(id, now);
        }
    }

    /// Clears the alerts of ended tracks whose time is up. `ended` says whether a track is.
    pub(crate) fn expire(&mut self, now: Time, ended: impl Fn(TrackId) -> bool) {
        let due: Vec<AlertId> = self
            .live
            .iter()
            .filter(|((track, _), _)| ended(*track))
            .map(|(_, id)| *id)
            .filter(|id| {
                let lost = self.alerts.get(id).and_then(|h| h.lost_at.or(h.gone_since));
                lost.is_none_or(|at| now.since(at) >= LOST_HOLD)
            })
            .collect();
        for id in due {
            self.clear(id, now, &format!("Not seen for {:.0} s", LOST_HOLD.as_seconds_f64()));
        }
    }

    /// Two tracks turned out to be one: its alerts go on under the one that stays.
    pub(crate) fn tracks_joined(&mut self, into: TrackId, from: TrackId, now: Time) {
        self.pending.retain(|(t, _), _| *t != from);
        for id in self.live_of(from) {
            let Some(held) = self.alerts.get_mut(&id) else { continue };
            let zone = held.alert.reason.zone.clone();
            if self.live.contains_key(&(into, zone.clone())) {
                self.clear(id, now, &format!("Same aircraft as {into}, which has its own alert"));
                continue;
            }
            held.alert.track = into;
            step(&mut held.alert, now, None, Some(format!("{from} is the same aircraft as {into}").into()));
            self.live.remove(&(from, zone.clone()));
            self.live.insert((into, zone), id);
            self.tell(id, now);
        }
    }

    /// The zone or rule of an alert is no longer configured.
    pub(crate) fn configured(&mut self, now: Time, zones: &BTreeSet<ZoneId>) {
        self.pending.clear();
        let gone: Vec<AlertId> =
            self.live.iter().filter(|((_, zone), _)| !zones.contains(zone)).map(|(_, id)| *id).collect();
        for id in gone {
            self.clear(id, now, "The zone is no longer configured");
        }
    }

    /// Whether an alert can be acknowledged: it exists and has not been cleared.
    pub(crate) fn state(&self, id: AlertId) -> Option<AlertState> {
        self.alerts.get(&id).map(|h| h.alert.state)
    }

    /// Somebody has seen it. A second time adds a step and changes nothing else.
    pub(crate) fn acknowledge(&mut self, id: AlertId, now: Time, by: &AirText, note: Option<&AirText>) {
        let Some(held) = self.alerts.get_mut(&id).filter(|h| h.alert.state != AlertState::Cleared) else { return };
        held.alert.state = AlertState::Acknowledged;
        step(&mut held.alert, now, Some(by.clone()), note.cloned());
        self.tell(id, now);
    }

    /// Tracks with a live alert.
    pub(crate) fn tracks(&self) -> impl Iterator<Item = TrackId> + '_ {
        self.live.keys().map(|(track, _)| *track)
    }

    /// Whether a track has a live alert for a zone.
    pub(crate) fn is_live(&self, track: TrackId, zone: &ZoneId) -> bool {
        self.live.contains_key(&(track, zone.clone()))
    }

    /// Whether an aircraft that was warned of in a zone is lost from sight: what is then found there may be it.
    pub(crate) fn misses_one_in(&self, zone: &ZoneId) -> bool {
        self.live.iter().any(|((_, z), id)| z == zone && self.alerts.get(id).is_some_and(|h| h.lost_at.is_some()))
    }

    /// Whether a track has a live alert.
    pub(crate) fn concerns(&self, track: TrackId) -> bool {
        self.live_range(track).next().is_some()
    }

    /// Zones in which a track has a live alert or a pending one.
    pub(crate) fn zones_of(&self, track: TrackId) -> Vec<ZoneId> {
        let mut zones: Vec<ZoneId> = self.live_range(track).map(|(zone, _)| zone.clone()).collect();
        zones.extend(of_track(&self.pending, track).map(|((_, zone), _)| zone.clone()));
        zones.sort();
        zones.dedup();
        zones
    }

    /// Whether any alert is live or pending: then time alone can change something.
    pub(crate) fn is_busy(&self) -> bool {
        !self.live.is_empty() || !self.pending.is_empty()
    }

    /// Alerts to tell of, in order of their ids.
    pub(crate) fn drain(&mut self) -> Vec<Alert> {
        std::mem::take(&mut self.untold).iter().filter_map(|id| self.alerts.get(id)).map(|h| h.alert.clone()).collect()
    }

    /// All alerts, newest first.
    pub(crate) fn all(&self) -> Vec<Alert> {
        self.alerts.values().rev().map(|h| h.alert.clone()).collect()
    }

    fn live_range(&self, track: TrackId) -> impl Iterator<Item = (&ZoneId, AlertId)> + '_ {
        of_track(&self.live, track).map(|((_, zone), id)| (zone, *id))
    }

    fn live_of(&self, track: TrackId) -> Vec<AlertId> {
        self.live_range(track).map(|(_, id)| id).collect()
    }

    fn tell(&mut self, id: AlertId, now: Time) {
        if let Some(held) = self.alerts.get_mut(&id) {
            held.alert.changed_at = now;
            held.told_at = now;
            held.told_prediction = held.alert.reason.entry_predicted_at;
            self.untold.insert(id);
        }
    }

    fn clear(&mut self, id: AlertId, now: Time, words: &str) {
        let Some(held) = self.alerts.get_mut(&id) else { return };
        let alert = &mut held.alert;
        alert.state = AlertState::Cleared;
        alert.headline = AirText::new(words);
        step(alert, now, None, Some(words.into()));
        self.live.remove(&(alert.track, alert.reason.zone.clone()));
        self.cleared.push_back(id);
        self.tell(id, now);
    }

    /// Room for one more alert: the oldest cleared one goes; when all are live only a critical one gets in, for the
    /// youngest of the least severe.
    fn make_room(&mut self, severity: Severity, now: Time) -> bool {
        if self.alerts.len() < limits::ALERTS_MAX {
            return true;
        }
        if self.cleared.is_empty() && severity == Severity::Critical {
            let victim = self
                .alerts
                .values()
                .filter(|h| h.alert.severity < Severity::Critical)
                .min_by_key(|h| (h.alert.severity, std::cmp::Reverse(h.alert.id)))
                .map(|h| h.alert.id);
            if let Some(id) = victim {
                self.clear(id, now, "Gave way to a critical alert: the table is full");
            }
        }
        let Some(id) =
            self.cleared.iter().copied().find(|id| !self.untold.contains(id)).or(self.cleared.front().copied())
        else {
            return false;
        };
        self.cleared.retain(|c| *c != id);
        self.untold.remove(&id);
        self.alerts.remove(&id).is_some()
    }
}

/// The entries of one track: they stand together.
fn of_track<V>(map: &BTreeMap<(TrackId, ZoneId), V>, track: TrackId) -> impl Iterator<Item = (&(TrackId, ZoneId), &V)> {
    // No id is less than "0" (ids begin with a letter or digit), so this is before the track's first one. Mostly there are no
    // alerts, and this is asked of each track for each of its plots.
    let first = if map.is_empty() { None } else { ZoneId::new("0").ok().map(|zone| (track, zone)) };
    let from = first.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Included);
    map.range((from, std::ops::Bound::Unbounded)).take_while(move |((t, _), _)| *t == track)
}

fn severity(inside: bool, claims_friend: bool) -> Severity {
    match (inside, claims_friend) {
        (true, false) => Severity::Critical,
        (true, true) | (false, false) => Severity::Warning,
        (false, true) => Severity::Notice,
    }
}

fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Notice => "notice",
        Severity::Warning => "warning",
        Severity::Critical => "critical alert",
    }
}

fn reason(now: Time, rule: &Rule, zone: &Zone, met: &Encounter, inside: bool) -> AlertReason {
    let entry = met.entry.filter(|_| !inside);
    AlertReason {
        rule: rule.name.clone(),
        zone: zone.id.clone(),
        inside_probability: met.inside_probability,
        entry_predicted_at: entry.map(|e| now + Span::from_seconds_f64(e.after_s)),
        entry_sd_s: entry.map(|e| e.sd_s),
        entered_at: inside.then_some(now),
        distance_m: met.distance_m,
        height_known: met.height_known,
    }
}

/// One line a tired guard understands.
fn headline(
    now: Time,
    subject: &Subject<'_>,
    zone: &Zone,
    met: &Encounter,
    reason: &AlertReason,
    inside: bool,
) -> AirText {
    let (name, zone) = (subject.name, zone.name.as_str());
    let distance = if met.distance_m < 100.0 {
        format!("{:.0} m", met.distance_m)
    } else if met.distance_m < 10_000.0 {
        format!("{:.0} m", libm::round(met.distance_m / 10.0) * 10.0)
    } else {
        format!("{:.1} km", met.distance_m / 1000.0)
    };
    let place = format!("{distance} {}", compass(met.direction_rad));
    let height = if met.height_known { "" } else { ", height unknown" };
    let text = if subject.coasting {
        let last = clock(subject.last_at, None);
        if inside {
            format!("{name} lost from sight inside {zone}, last seen at {last}{height}")
        } else {
            format!("{name} lost from sight {place} of {zone}, last seen at {last}{height}")
        }
    } else if inside && met.inside_probability >= 0.5 {
        format!("{name} is inside {zone}{height}")
    } else if inside {
        format!("{name} is at the border of {zone}{height}")
    } else if let Some(at) = reason.entry_predicted_at.filter(|_| reason.entered_at.is_none()) {
        let seconds = at.since(now).as_seconds_f64().max(0.0);
        let verb = if met.motion == Motion::Crossing { "will cross" } else { "will enter" };
        let spread = reason.entry_sd_s.map_or_else(String::new, |sd| format!(" (±{:.0} s)", sd.max(1.0)));
        format!("{name} {verb} {zone} in {seconds:.0} s{spread}, {place}{height}")
    } else if reason.entered_at.is_some() {
        format!("{name} has left {zone}, {place}{height}")
    } else {
        format!("{name} is close to {zone}, {place}{height}")
    };
    AirText::new(&text)
}

fn compass(azimuth_rad: f64) -> &'static str {
    const POINTS: [&str; 8] =
        ["north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west"];
    let eighth = libm::round(math::wrap_tau(azimuth_rad) / (math::TAU / 8.0)) as usize;
    POINTS.get(eighth % 8).copied().unwrap_or("north")
}

/// A time of day in UTC to the second, with its sigma.
fn clock(at: Time, sd_s: Option<f64>) -> String {
    let (_, _, _, h, m, s, _) = (at + Span::from_millis(500)).civil();
    let spread = sd_s.map_or_else(String::new, |sd| format!(" (±{:.0} s)", sd.max(1.0)));
    format!("{h:02}:{m:02}:{s:02} UTC{spread}")
}

fn step(alert: &mut Alert, at: Time, by: Option<AirText>, note: Option<AirText>) {
    if alert.steps.len() >= STEPS_MAX {
        // The first half tells how it began; the middle gives way.
        alert.steps.remove(STEPS_MAX / 2);
    }
    alert.steps.push(AlertStep { at, state: alert.state, severity: alert.severity, by, note });
}

/// The first journal positions stay, the latest follow the track's.
fn merge_entries(own: &mut Vec<Position>, of_track: &[Position]) {
    let half = limits::SOURCES_PER_TRACK_MAX / 2;
    own.truncate(half);
    let last = own.last().copied();
    let later: Vec<Position> = of_track.iter().copied().filter(|p| last.is_none_or(|l| *p > l)).collect();
    own.extend(later.iter().skip(later.len().saturating_sub(half)));
}
