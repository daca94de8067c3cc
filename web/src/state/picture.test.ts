import { beforeEach, describe, expect, test } from "vitest";
import { encodeFrame } from "../../dev/encode-frame.mjs";
import type { Alert } from "../api/types";
import { decodeFrame } from "../live/columns";
import { Picture } from "./picture.svelte";

const row = (id: number, change = {}) => ({ id, latitude_deg: 54, longitude_deg: 12, phase: 1, ...change });
let picture: Picture;
const frame = (kind: number, seconds: number, rows: ReturnType<typeof row>[], removed: number[] = []): void =>
  picture.applyFrame(decodeFrame(encodeFrame({ kind, time_ns: BigInt(Math.round(seconds * 1e9)), rows, removed })));
const ids = (): string[] => [...picture.tracks.keys()];

beforeEach(() => {
  picture = new Picture();
});

describe("tracks", () => {
  test("a snapshot replaces, a delta changes, a removal removes, an ended track goes", () => {
    frame(0, 0, [row(1), row(2), row(3)]);
    frame(1, 1, [row(2, { speed_mps: 7 }), row(4)], [1]);
    expect(ids()).toEqual(["T2", "T3", "T4"]);
    expect(picture.tracks.get("T2")?.speed_mps).toBe(7);
    frame(1, 2, [row(3, { phase: 3 })]);
    expect(ids()).toEqual(["T2", "T4"]);
    frame(0, 3, [row(9)]);
    expect(ids()).toEqual(["T9"]);
    expect(picture.trackCount).toBe(1);
  });

  test("a value that becomes unknown does not keep its old number", () => {
    frame(0, 0, [row(1, { altitude_msl_m: 80 })]);
    frame(1, 1, [row(1)]);
    expect(picture.tracks.get("T1")?.altitude_msl_m).toBeNull();
  });

  test("the trail takes a point a second and stays bounded", () => {
    for (let i = 0; i < 1000; i++) frame(1, i * 0.2, [row(1, { latitude_deg: 50 + i / 1000 })]);
    const trail = picture.tracks.get("T1")?.trail ?? [];
    expect(trail).toHaveLength(90);
    expect(trail.at(-1)?.[1]).toBeCloseTo(50.995, 6);
  });

  test("names stay with their track over frames, may come first, and cannot turn the line around", () => {
    picture.applyMessage({ type: "labels", tracks: [{ id: "T1", label: "AB\u202eCD" }] });
    frame(0, 0, [row(1)]);
    frame(1, 1, [row(1)]);
    expect(picture.tracks.get("T1")?.label).toBe("AB\ufffdCD");
    picture.applyMessage({ type: "labels", tracks: [{ id: "T1", label: null }] });
    expect(picture.tracks.get("T1")?.label).toBeNull();
  });

  test("when it was last seen is the frame's time less its age", () => {
    frame(0, 100, [row(1, { age_s: 7.5 })]);
    expect(picture.tracks.get("T1")?.seen_ms).toBe(92_500);
  });
});

describe("alerts", () => {
  const alert = (changed_at: string, state: Alert["state"], entry: string | null = null): Alert => ({
    id: "A1",
    state,
    severity: "warning",
    track: "T1",
    headline: "",
    reason: {
      rule: "",
      zone: "z",
      inside_probability: 0,
      entry_predicted_at: entry,
      distance_m: 0,
      height_known: true,
    },
    raised_at: "2026-11-23T03:00:00Z",
    changed_at,
    steps: [],
    entries: [],
  });

  test("an older version never replaces a newer one, whichever way they cross", () => {
    picture.putAlert(alert("2026-11-23T03:00:05Z", "acknowledged"));
    picture.putAlert(alert("2026-11-23T03:00:01Z", "raised"));
    expect(picture.alerts.map((a) => a.state)).toEqual(["acknowledged"]);
    expect(picture.unanswered).toEqual([]);
    picture.putAlert(alert("2026-11-23T03:00:09Z", "cleared"));
    expect(picture.liveAlerts).toEqual([]);
  });

  test("the last prediction outlives the entry", () => {
    picture.putAlert(alert("2026-11-23T03:00:01Z", "raised", "2026-11-23T03:00:40Z"));
    picture.putAlert(alert("2026-11-23T03:00:41Z", "raised"));
    expect(picture.predictions.get("A1")).toBe("2026-11-23T03:00:40Z");
    picture.applyMessage({ type: "state", alerts: [] });
    expect(picture.predictions.size).toBe(0);
  });

  test("a state without alerts leaves them alone", () => {
    picture.putAlert(alert("2026-11-23T03:00:05Z", "raised"));
    picture.applyMessage({ type: "state", sensors: [] });
    expect(picture.alerts).toHaveLength(1);
  });
});
