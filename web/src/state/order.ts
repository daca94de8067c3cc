// The order of the track table.

import { threat } from "../map/track-features";
import type { LiveTrack } from "./picture.svelte";

export const COLUMNS = ["threat", "name", "identity", "height", "speed", "seen"] as const;
export type Column = (typeof COLUMNS)[number];

const IDENTITY_RANK: Record<LiveTrack["identity"], number> = {
  contradicted: 0,
  unidentified: 1,
  claimed: 2,
  corroborated: 3,
  authorised: 4,
};

const height = (t: LiveTrack): number | null => t.altitude_msl_m ?? t.height_ellipsoid_m;

/** Unknown values stand last in either direction: they are neither low nor high. */
function byNumber(a: number | null, b: number | null, sign: number): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return (a - b) * sign;
}

const idNumber = (id: string): number => Number(id.slice(1));

/** A comparison for one column; ties are broken by the track's number, so that rows do not dance. */
export function inOrder(column: Column, descending: boolean): (a: LiveTrack, b: LiveTrack) => number {
  const sign = descending ? -1 : 1;
  const compare: Record<Column, (a: LiveTrack, b: LiveTrack) => number> = {
    threat: (a, b) => (threat(a) - threat(b)) * sign,
    name: (a, b) => (a.label ?? a.id).localeCompare(b.label ?? b.id, "en", { numeric: true }) * sign,
    identity: (a, b) => (IDENTITY_RANK[a.identity] - IDENTITY_RANK[b.identity]) * sign,
    height: (a, b) => byNumber(height(a), height(b), sign),
    speed: (a, b) => byNumber(a.speed_mps, b.speed_mps, sign),
    seen: (a, b) => (b.seen_ms - a.seen_ms) * sign,
  };
  return (a, b) => compare[column](a, b) || idNumber(a.id) - idNumber(b.id);
}
