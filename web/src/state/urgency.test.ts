import { expect, test } from "vitest";
import type { Alert } from "../api/types";
import { byUrgency, entryOf } from "./urgency";

const NOW = Date.parse("2026-11-23T03:00:00Z");
const at = (seconds: number): string => new Date(NOW + seconds * 1000).toISOString();

function alert(id: string, change: Partial<Alert> = {}, reason: Partial<Alert["reason"]> = {}): Alert {
  return {
    id,
    state: "raised",
    severity: "warning",
    track: "T1",
    headline: "",
    raised_at: at(-10),
    changed_at: at(-10),
    steps: [],
    entries: [],
    ...change,
    reason: {
      rule: "",
      zone: "z",
      inside_probability: 0,
      entry_predicted_at: at(42),
      entry_sd_s: 6,
      entered_at: null,
      distance_m: 500,
      height_known: true,
      ...reason,
    },
  };
}

test("the entry counts down, is overdue, is inside", () => {
  expect(entryOf(alert("A1"), NOW)).toEqual({ kind: "enters", seconds: 42, sd_s: 6 });
  expect(entryOf(alert("A1", {}, { entry_predicted_at: at(-5) }), NOW)).toEqual({ kind: "overdue", seconds: 5 });
  expect(entryOf(alert("A1", {}, { entered_at: at(-13), distance_m: 0 }), NOW)).toEqual({
    kind: "inside",
    seconds: 13,
  });
  expect(entryOf(alert("A1", {}, { entered_at: at(-13), distance_m: 40 }), NOW)).toEqual({ kind: "left" });
  expect(entryOf(alert("A1", {}, { entry_predicted_at: null }), NOW)).toEqual({ kind: "unpredicted" });
  expect(entryOf(alert("A1", { state: "cleared" }, { entered_at: at(-13) }), NOW)).toEqual({ kind: "left" });
});

test("an unanswered warning stands before an answered critical, the sooner entry before the later, cleared ones last", () => {
  const list = [
    alert("cleared-old", { state: "cleared", changed_at: at(-100) }),
    alert("answered-critical", { state: "acknowledged", severity: "critical" }),
    alert("cleared-new", { state: "cleared", changed_at: at(-5) }),
    alert("warning-later", {}, { entry_predicted_at: at(90) }),
    alert("warning-sooner"),
    alert("critical", { severity: "critical" }, { entered_at: at(-1) }),
  ];
  expect(list.sort(byUrgency).map((a) => a.id)).toEqual([
    "critical",
    "warning-sooner",
    "warning-later",
    "answered-critical",
    "cleared-new",
    "cleared-old",
  ]);
});
