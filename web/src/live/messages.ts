// The text frames of the live feed. What this console does not know is passed over: a newer server may say more.

import type { Alert, Health, InputState, Link, SensorState } from "../api/types";

export const PROTOCOL = 1;

export interface Hello {
  type: "hello";
  protocol: number;
  version: string;
  at: string;
  site: string;
}

export type PictureEvent = { sequence: number; at: string } & (
  | { event: "alert_changed"; alert: Alert }
  | { event: "sensor_changed"; sensor: string; health: Health; why?: string | null }
  | { event: "input_changed"; input: string; link: Link }
  | { event: "track_ended"; track: string; why: string }
  | { event: "other" }
);

export type Message =
  | Hello
  | { type: "state"; alerts?: Alert[]; sensors?: SensorState[]; inputs?: InputState[] }
  | { type: "event"; event: PictureEvent }
  | { type: "labels"; tracks: { id: string; label: string | null; status?: string }[] };

type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);
const list = (value: unknown): Json[] | undefined => (Array.isArray(value) ? value.filter(isObject) : undefined);

/** A message, or null for one that is not known. Throws on text that is no JSON object. */
export function readMessage(text: string): Message | null {
  const raw: unknown = JSON.parse(text);
  if (!isObject(raw)) throw new SyntaxError("a message is a JSON object");
  switch (raw.type) {
    case "hello":
      return typeof raw.protocol === "number" ? (raw as unknown as Hello) : null;
    case "state":
      return {
        type: "state",
        alerts: list(raw.alerts) as Alert[] | undefined,
        sensors: list(raw.sensors) as SensorState[] | undefined,
        inputs: list(raw.inputs) as InputState[] | undefined,
      };
    case "event":
      return isObject(raw.event) && typeof raw.event.event === "string"
        ? { type: "event", event: raw.event as unknown as PictureEvent }
        : null;
    case "labels": {
      const tracks = list(raw.tracks)?.filter((t) => typeof t.id === "string");
      return tracks ? { type: "labels", tracks: tracks as { id: string; label: string | null }[] } : null;
    }
    default:
      return null;
  }
}
