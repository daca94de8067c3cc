//! What a replay came to, for people: tracks, warnings with predicted and actual entry, books, and the hash of the events.

use lapwing_model::{
    Alert, AlertId, AlertState, Event, EventBody, Evidence, Heights, Identity, IdentityStatus, Phase, Snapshot, Span,
    Time, Track, TrackId,
};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;

/// One track over its life.
#[derive(Debug, Clone, Serialize)]
struct TrackLife {
    id: TrackId,
    names: Vec<String>,
    identity: IdentityStatus,
    claimed_only: bool,
    phase: Phase,
    first_at: Time,
    last_at: Time,
    /// Journal entries or captured frames it came from.
    entries_total: u64,
    /// Whether any source ever told an altitude: above the ellipsoid, above mean sea level, or by pressure.
    altitude_known: bool,
    /// Whether any source ever told a height above take-off or above ground.
    height_known: bool,
    /// Whether it was ever more than tentative.
    confirmed: bool,
    operator_known: bool,
    evidence: Vec<Evidence>,
    why_ended: Option<String>,
}

/// Collects events into a summary.
#[derive(Default)]
pub(crate) struct Summary {
    tracks: BTreeMap<TrackId, TrackLife>,
    alerts: BTreeMap<AlertId, AlertLife>,
    events: u64,
    hash: Sha256,
}

#[derive(Debug, Clone, Serialize)]
struct AlertLife {
    alert: Alert,
    zone: String,
    /// The entry predicted when it was raised.
    predicted_first: Option<Time>,
    /// The last prediction before the entry.
    predicted_last: Option<Time>,
    entered_at: Option<Time>,
}

/// One line of a journal's own record of events, and of its hash.
pub(crate) fn event_line(event: &Event) -> Vec<u8> {
    let mut line = serde_json::to_vec(event).unwrap_or_default();
    line.push(b'\n');
    line
}

impl Summary {
    /// Takes only the [`event_line`] of an event, for the number and the hash.
    pub(crate) fn count(&mut self, line: &[u8]) {
        self.events += 1;
        self.hash.update(line);
    }

    /// Takes an event; `line` is its [`event_line`].
    pub(crate) fn event(&mut self, event: &Event, line: &[u8]) {
        self.count(line);
        match &event.body {
            EventBody::TrackBegan { track } | EventBody::TrackUpdated { track } => self.track(track),
            EventBody::TrackEnded { track, why } => {
                if let Some(life) = self.tracks.get_mut(track) {
                    life.phase = Phase::Ended;
                    life.why_ended = Some(why.to_string());
                }
            }
            EventBody::AlertChanged { alert } => self.alert(alert),
            _ => {}
        }
    }

    /// Takes the last word on the tracks that still live.
    pub(crate) fn finish(&mut self, snapshot: &Snapshot) {
        for track in &snapshot.tracks {
            self.track(track);
        }
    }

    /// Events so far and their SHA-256, over JSON lines.
    pub(crate) fn hash(&self) -> (u64, String) {
        let digest = self.hash.clone().finalize();
        (
            self.events,
            digest.iter().fold(String::new(), |mut hex, b| {
                let _ = write!(hex, "{b:02x}");
                hex
            }),
        )
    }

    fn track(&mut self, track: &Track) {
        let known = self.tracks.get(&track.id);
        let Identity { status, names, evidence } = &track.identity;
        let heights = &track.kinematics.heights;
        let life = TrackLife {
            id: track.id,
            names: names.iter().map(|n| n.value.to_string()).collect(),
            identity: *status,
            claimed_only: track.claimed_only,
            phase: track.phase,
            first_at: track.first_at,
            last_at: track.last_at,
            entries_total: track.entries_total,
            altitude_known: has_altitude(heights) || known.is_some_and(|k| k.altitude_known),
            height_known: has_height(heights) || known.is_some_and(|k| k.height_known),
            confirmed: track.phase != Phase::Tentative || known.is_some_and(|k| k.confirmed),
            operator_known: track.operator.as_ref().is_some_and(|o| o.place.is_some())
                || known.is_some_and(|k| k.operator_known),
            evidence: evidence.clone(),
            why_ended: None,
        };
        self.tracks.insert(track.id, life);
    }

    fn alert(&mut self, alert: &Alert) {
        let life = self.alerts.entry(alert.id).or_insert_with(|| AlertLife {
            alert: alert.clone(),
            zone: alert.reason.zone.to_string(),
            predicted_first: alert.reason.entry_predicted_at,
            predicted_last: None,
            entered_at: None,
        });
        if alert.reason.entered_at.is_none() && alert.reason.entry_predicted_at.is_some() {
            life.predicted_last = alert.reason.entry_predicted_at;
        }
        life.entered_at = life.entered_at.or(alert.reason.entered_at);
        life.alert = alert.clone();
    }

    /// The summary as one JSON object.
    pub(crate) fn json(&self, snapshot: &Snapshot) -> serde_json::Value {
        let (events, sha256) = self.hash();
        serde_json::json!({
            "events": events,
            "events_sha256": sha256,
            "tracks": self.tracks.values().collect::<Vec<_>>(),
            "alerts": self.alerts.values().collect::<Vec<_>>(),
            "inputs": snapshot.inputs,
            "sensors": snapshot.sensors,
        })
    }

    /// The summary as text.
    pub(crate) fn text(&self, snapshot: &Snapshot) -> String {
        let mut out = String::new();
        let (shown, tentative): (Vec<_>, Vec<_>) = self.tracks.values().partition(|t| t.confirmed);
        let _ = writeln!(out, "Tracks: {} ({} more were never confirmed)", shown.len(), tentative.len());
        for t in shown {
            let name = t.names.first().map_or("no name", String::as_str);
            let known = |k| if k { "known" } else { "unknown" };
            let _ = writeln!(
                out,
                "  {:5} {:22} {:13} {} to {} ({}), {} entries, altitude {}, height above take-off {}, operator {}{}",
                t.id.to_string(),
                name,
                word(&t.identity),
                t.first_at,
                t.last_at,
                t.last_at.since(t.first_at),
                t.entries_total,
                known(t.altitude_known),
                known(t.height_known),
                known(t.operator_known),
                if t.claimed_only { ", only its own word" } else { "" },
            );
            for e in &t.evidence {
                let side = if e.weight < 0.0 { "against" } else { "for" };
                let _ = writeln!(
                    out,
                    "        {side:7} {:24} {:+6.1}  {} (x{})",
                    word(&e.kind),
                    e.weight,
                    e.detail,
                    e.count
                );
            }
        }
        let _ = writeln!(out, "Alerts: {}", self.alerts.len());
        for a in self.alerts.values() {
            let _ = writeln!(
                out,
                "  {:5} {} {} zone {}: {}",
                a.alert.id.to_string(),
                word(&a.alert.severity),
                a.alert.track,
                a.zone,
                a.alert.headline
            );
            let raised = a.alert.raised_at;
            let _ = writeln!(
                out,
                "        raised {raised}, entry predicted {}, entered {}{}",
                or_word(a.predicted_first, "(inside when first seen)"),
                or_word(a.entered_at, "never"),
                match (a.predicted_first, a.entered_at) {
                    (Some(p), Some(e)) =>
                        format!(": warned {} before, prediction off by {}", e.since(raised), p.since(e)),
                    _ => String::new(),
                }
            );
            if a.alert.state == AlertState::Cleared {
                let _ = writeln!(out, "        cleared {}", a.alert.changed_at);
            }
        }
        let _ = writeln!(out, "Inputs:");
        for i in &snapshot.inputs {
            let l = &i.ledger;
            let _ = writeln!(
                out,
                "  {}: received {} = used {} + rejected {} + shed {}",
                i.input,
                l.received,
                l.used,
                l.rejected_total(),
                l.shed_total()
            );
            for (reason, n) in l.rejected.iter().chain(&l.shed) {
                let _ = writeln!(out, "        {n} {reason}");
            }
        }
        let (events, sha256) = self.hash();
        let _ = writeln!(out, "Events: {events}, sha256 {sha256}");
        out
    }
}

fn has_altitude(h: &Heights) -> bool {
    h.height_ellipsoid_m.is_some() || h.altitude_msl_m.is_some() || h.altitude_pressure_m.is_some()
}

fn has_height(h: &Heights) -> bool {
    h.height_above_takeoff_m.is_some() || h.height_above_ground_m.is_some()
}

fn or_word(time: Option<Time>, word: &str) -> String {
    time.map_or_else(|| word.to_owned(), |t| t.to_string())
}

/// A closed word as it is written in JSON.
fn word<T: Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

/// A span for people.
pub(crate) fn rough(span: Span) -> String {
    let seconds = span.as_seconds_f64();
    if seconds < 120.0 {
        format!("{seconds:.0} s")
    } else if seconds < 7_200.0 {
        format!("{:.0} min", seconds / 60.0)
    } else if seconds < 172_800.0 {
        format!("{:.0} h", seconds / 3_600.0)
    } else {
        format!("{:.0} days", seconds / 86_400.0)
    }
}
