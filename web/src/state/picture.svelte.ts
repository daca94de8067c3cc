// The air picture as last heard: tracks by id, alerts, sensors, inputs, zones. Changed only by what the feed brings.

import type { FeatureCollection } from "geojson";
import type { Alert, InputState, SensorState, Site } from "../api/types";
import type { Frame, TrackRow } from "../live/columns";
import type { Message, PictureEvent } from "../live/messages";
import { printable } from "../words/air";
import { byUrgency, isLive, isUnanswered } from "./urgency";

export interface LiveTrack extends TrackRow {
  label: string | null;
  /** When it was last seen, milliseconds of the server's clock. */
  seen_ms: number;
  /** Longitude and latitude of its past, oldest first, as heard by this console. */
  trail: [number, number][];
  trail_ms: number;
}

const TRAIL_POINTS_MAX = 90;
const TRAIL_STEP_MS = 1000;
const ALERTS_MAX = 500;

export class Picture {
  /** Read it together with `frames`, which counts its changes: a map of thousands is not made reactive. */
  readonly tracks = new Map<string, LiveTrack>();
  private readonly labels = new Map<string, string>();

  /** The last entry time predicted for each alert: the server's own falls away once the aircraft is inside. */
  readonly predictions = new Map<string, string>();

  frames = $state(0);
  trackCount = $state(0);
  /** Of these, the ones that may be false. */
  tentativeCount = $state(0);
  alerts = $state.raw<Alert[]>([]);
  sensors = $state.raw<SensorState[]>([]);
  inputs = $state.raw<InputState[]>([]);
  site = $state.raw<Site | null>(null);
  zones = $state.raw<FeatureCollection | null>(null);
  /** Tracks that ended, with the reason, so that an open detail can say so. */
  ended = $state.raw<Record<string, string>>({});

  readonly liveAlerts = $derived(this.alerts.filter(isLive));
  readonly unanswered = $derived(this.alerts.filter(isUnanswered));
  readonly unwell = $derived(this.sensors.filter((s) => s.health !== "live"));

  zoneName(id: string): string {
    const feature = this.zones?.features.find((f) => f.id === id || f.properties?.id === id);
    const name: unknown = feature?.properties?.name;
    return typeof name === "string" && name !== "" ? name : id;
  }

  trackName(id: string): string {
    return this.labels.get(id) ?? id;
  }

  applyFrame(frame: Frame): void {
    if (frame.kind === "snapshot") {
      const present = new Set(frame.tracks.map((t) => t.id));
      for (const id of this.tracks.keys()) if (!present.has(id)) this.forget(id);
    }
    for (const row of frame.tracks) {
      if (row.phase === "ended") this.tracks.delete(row.id);
      else this.tracks.set(row.id, this.extend(row, frame.time_ms));
    }
    for (const id of frame.removed) this.forget(id);
    this.count();
    this.frames += 1;
  }

  private extend(row: TrackRow, time_ms: number): LiveTrack {
    const before = this.tracks.get(row.id);
    const trail = before?.trail ?? [];
    const due = !before || time_ms - before.trail_ms >= TRAIL_STEP_MS;
    if (due) {
      trail.push([row.longitude_deg, row.latitude_deg]);
      if (trail.length > TRAIL_POINTS_MAX) trail.shift();
    }
    return {
      ...row,
      label: this.labels.get(row.id) ?? null,
      seen_ms: time_ms - row.age_s * 1000,
      trail,
      trail_ms: due ? time_ms : before.trail_ms,
    };
  }

  private forget(id: string): void {
    this.tracks.delete(id);
    this.labels.delete(id);
  }

  applyMessage(message: Message): void {
    if (message.type === "state") {
      if (message.alerts) this.setAlerts(message.alerts);
      if (message.sensors) this.sensors = message.sensors;
      if (message.inputs) this.inputs = message.inputs;
    } else if (message.type === "labels") {
      this.setLabels(message.tracks);
    } else if (message.type === "event") {
      this.applyEvent(message.event);
    }
  }

  private setLabels(tracks: { id: string; label: string | null }[]): void {
    for (const { id, label: raw } of tracks) {
      const label = raw ? printable(raw) : null;
      if (label) this.labels.set(id, label);
      else this.labels.delete(id);
      const track = this.tracks.get(id);
      if (track) track.label = label;
    }
    this.frames += 1;
  }

  private setAlerts(alerts: Alert[]): void {
    for (const { id, reason } of alerts) {
      if (reason.entry_predicted_at) this.predictions.set(id, reason.entry_predicted_at);
    }
    this.alerts = [...alerts].sort(byUrgency).slice(0, ALERTS_MAX);
    const held = new Set(this.alerts.map((a) => a.id));
    for (const id of this.predictions.keys()) if (!held.has(id)) this.predictions.delete(id);
  }

  /** One alert as it is now; an older version never replaces a newer one (an answer and an event may cross). */
  putAlert(alert: Alert): void {
    const held = this.alerts.find((a) => a.id === alert.id);
    if (held && Date.parse(held.changed_at) > Date.parse(alert.changed_at)) return;
    this.setAlerts([...this.alerts.filter((a) => a.id !== alert.id), alert]);
  }

  private applyEvent(event: PictureEvent): void {
    switch (event.event) {
      case "alert_changed":
        this.putAlert(event.alert);
        break;
      case "sensor_changed":
        this.sensors = this.sensors.map((s) =>
          s.sensor.id === event.sensor ? { ...s, health: event.health, why: event.why, since: event.at } : s,
        );
        break;
      case "input_changed":
        this.inputs = this.inputs.map((i) => (i.input === event.input ? { ...i, link: event.link } : i));
        break;
      case "track_ended": {
        this.forget(event.track);
        const kept = Object.entries(this.ended).slice(-50);
        this.ended = { ...Object.fromEntries(kept), [event.track]: event.why };
        this.count();
        this.frames += 1;
        break;
      }
    }
  }

  private count(): void {
    this.trackCount = this.tracks.size;
    this.tentativeCount = [...this.tracks.values()].filter((t) => t.phase === "tentative").length;
  }
}

export const picture = new Picture();
