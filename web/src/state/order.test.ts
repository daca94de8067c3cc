import { expect, test } from "vitest";
import type { LiveTrack } from "./picture.svelte";
import { inOrder } from "./order";

function track(id: string, change: Partial<LiveTrack> = {}): LiveTrack {
  return {
    id,
    latitude_deg: 0,
    longitude_deg: 0,
    height_ellipsoid_m: null,
    altitude_msl_m: null,
    speed_mps: null,
    course_deg: null,
    vertical_speed_mps: null,
    accuracy_m: null,
    age_s: 0,
    phase: "confirmed",
    identity: "claimed",
    class: "drone",
    claimed_only: false,
    alert: false,
    critical: false,
    height_known: false,
    label: null,
    seen_ms: 0,
    trail: [],
    trail_ms: 0,
    ...change,
  };
}

const ids = (list: LiveTrack[]): string[] => list.map((t) => t.id);

test("an unknown height is last both ways, and zero is a height", () => {
  const list = [track("T1"), track("T2", { altitude_msl_m: 0 }), track("T3", { altitude_msl_m: 90 })];
  expect(ids(list.sort(inOrder("height", false)))).toEqual(["T2", "T3", "T1"]);
  expect(ids(list.sort(inOrder("height", true)))).toEqual(["T3", "T2", "T1"]);
});

test("by threat: alerts, then identity, birds last", () => {
  const list = [
    track("T1", { class: "bird", identity: "unidentified" }),
    track("T2", { identity: "authorised" }),
    track("T10", { identity: "contradicted" }),
    track("T4", { identity: "unidentified", alert: true }),
    track("T5", { identity: "claimed", alert: true, critical: true }),
  ];
  expect(ids(list.sort(inOrder("threat", true)))).toEqual(["T5", "T4", "T10", "T2", "T1"]);
});

test("ties keep to the track's number, T9 before T10", () => {
  expect(ids([track("T10"), track("T9")].sort(inOrder("speed", true)))).toEqual(["T9", "T10"]);
});
