// Tracks as features for the map: symbol and label, vector one minute ahead, trail, and what belongs to the selected one.

import type { Feature, FeatureCollection, Position } from "geojson";
import type { Track } from "../api/types";
import type { LiveTrack } from "../state/picture.svelte";
import { heightShort, speedShort } from "../words/values";
import { circle, destination } from "./geometry";
import { trackIcon } from "./icons";

const AHEAD_S = 60;
/** Below this speed a vector is shorter than its symbol and only clutters. */
const VECTOR_SPEED_MIN_MPS = 0.5;

const collection = (features: Feature[]): FeatureCollection => ({ type: "FeatureCollection", features });
const isNamelessBird = (t: LiveTrack): boolean => t.class === "bird" && t.identity === "unidentified";
const colourOf = (t: LiveTrack): string => (isNamelessBird(t) ? "bird" : t.identity);
const positionOf = (t: LiveTrack): Position => [t.longitude_deg, t.latitude_deg];

const THREAT: Record<LiveTrack["identity"], number> = {
  authorised: 1,
  corroborated: 2,
  claimed: 3,
  unidentified: 4,
  contradicted: 5,
};

/** What may be false (a single stray plot) or rarely matters stays small and unlabelled until it is asked for. */
const isFaint = (t: LiveTrack): boolean => !t.alert && (isNamelessBird(t) || t.phase === "tentative");

/** Drawing order: what matters is on top and keeps its label. */
export function threat(t: LiveTrack, selected = false): number {
  const own = t.phase === "tentative" ? -1 : isNamelessBird(t) ? 0 : THREAT[t.identity];
  return (selected ? 100 : 0) + (t.critical ? 40 : 0) + (t.alert ? 20 : 0) + own;
}

function labelOf(t: LiveTrack): string {
  const height = heightShort(t.altitude_msl_m, t.height_ellipsoid_m, t.height_known);
  const state = t.phase === "coasting" ? "\ncoasting" : "";
  return `${t.label ?? t.id}\n${height} · ${speedShort(t.speed_mps)}${state}`;
}

export function trackFeatures(tracks: Iterable<LiveTrack>, selected: string | null): FeatureCollection {
  const features: Feature[] = [];
  for (const t of tracks) {
    const isSelected = t.id === selected;
    features.push({
      type: "Feature",
      properties: {
        id: t.id,
        icon: trackIcon(t.identity, t.class, t.phase),
        name: t.phase === "tentative" && !isSelected ? "" : (t.label ?? t.id),
        label: isFaint(t) && !isSelected ? "" : labelOf(t),
        alert: t.alert,
        critical: t.critical,
        selected: isSelected,
        order: threat(t, isSelected),
      },
      geometry: { type: "Point", coordinates: positionOf(t) },
    });
  }
  return collection(features);
}

export function vectorFeatures(tracks: Iterable<LiveTrack>): FeatureCollection {
  const features: Feature[] = [];
  for (const t of tracks) {
    if (t.speed_mps === null || t.course_deg === null || t.speed_mps < VECTOR_SPEED_MIN_MPS) continue;
    const from = positionOf(t);
    const coordinates = [from, destination(from, t.speed_mps * AHEAD_S, t.course_deg)];
    features.push({
      type: "Feature",
      properties: { colour: colourOf(t) },
      geometry: { type: "LineString", coordinates },
    });
  }
  return collection(features);
}

/** Trails as heard; for the selected track the server's longer one, joined with what came since. */
export function trailFeatures(tracks: Iterable<LiveTrack>, selected: Track | null): FeatureCollection {
  const features: Feature[] = [];
  for (const t of tracks) {
    const isSelected = t.id === selected?.id;
    const past: Position[] = isSelected
      ? selected.trail.map((p) => [p.place.longitude_deg, p.place.latitude_deg])
      : t.trail;
    if (past.length === 0) continue;
    const coordinates = [...past, positionOf(t)];
    features.push({
      type: "Feature",
      properties: { colour: isSelected ? "selected" : colourOf(t), selected: isSelected },
      geometry: { type: "LineString", coordinates },
    });
  }
  return collection(features);
}

export function selectionFeatures(live: LiveTrack | undefined, detail: Track | null): FeatureCollection {
  if (!live) return collection([]);
  const features: Feature[] = [];
  const at = positionOf(live);
  if (live.accuracy_m !== null && live.accuracy_m > 0) {
    features.push({ type: "Feature", properties: { what: "accuracy" }, geometry: circle(at, live.accuracy_m) });
  }
  const place = detail?.id === live.id ? detail.operator?.place : null;
  if (place) {
    const operator: Position = [place.longitude_deg, place.latitude_deg];
    features.push(
      {
        type: "Feature",
        properties: { what: "operator-line" },
        geometry: { type: "LineString", coordinates: [at, operator] },
      },
      {
        type: "Feature",
        properties: { what: "operator", label: `operator of ${live.label ?? live.id}\nas claimed` },
        geometry: { type: "Point", coordinates: operator },
      },
    );
  }
  return collection(features);
}
