// Which alert a guard must look at first, and how long until it enters.

import type { Alert } from "../api/types";

const RANK = { critical: 0, warning: 1, notice: 2 } as const;

export const isLive = (alert: Alert): boolean => alert.state !== "cleared";
export const isUnanswered = (alert: Alert): boolean => alert.state === "raised";

export type Entry =
  | { kind: "inside"; seconds: number }
  | { kind: "enters"; seconds: number; sd_s: number | null }
  | { kind: "overdue"; seconds: number }
  | { kind: "left" }
  | { kind: "unpredicted" };

const ms = (time: string | null | undefined): number => (time ? Date.parse(time) : Number.NaN);

/** How the aircraft stands to the zone at `nowMs` of the server's clock. */
export function entryOf(alert: Alert, nowMs: number): Entry {
  const entered = ms(alert.reason.entered_at);
  if (alert.state === "cleared") return Number.isFinite(entered) ? { kind: "left" } : { kind: "unpredicted" };
  if (Number.isFinite(entered)) {
    // A live alert whose aircraft is out again waits for its hysteresis: saying "inside" then would be wrong.
    if (alert.reason.distance_m > 0) return { kind: "left" };
    return { kind: "inside", seconds: Math.max(0, (nowMs - entered) / 1000) };
  }
  const predicted = ms(alert.reason.entry_predicted_at);
  if (!Number.isFinite(predicted)) return { kind: "unpredicted" };
  const left = (predicted - nowMs) / 1000;
  return left >= 0
    ? { kind: "enters", seconds: left, sd_s: alert.reason.entry_sd_s ?? null }
    : { kind: "overdue", seconds: -left };
}

const entryKey = (alert: Alert): number => {
  const entered = ms(alert.reason.entered_at);
  if (Number.isFinite(entered)) return entered;
  const predicted = ms(alert.reason.entry_predicted_at);
  return Number.isFinite(predicted) ? predicted : Number.MAX_SAFE_INTEGER;
};

/** Live ones first; of those unanswered first, then the more severe, then the earlier entry; cleared ones newest first. */
export function byUrgency(a: Alert, b: Alert): number {
  if (isLive(a) !== isLive(b)) return isLive(a) ? -1 : 1;
  if (!isLive(a)) return ms(b.changed_at) - ms(a.changed_at);
  if (isUnanswered(a) !== isUnanswered(b)) return isUnanswered(a) ? -1 : 1;
  return RANK[a.severity] - RANK[b.severity] || entryKey(a) - entryKey(b) || a.id.localeCompare(b.id);
}
