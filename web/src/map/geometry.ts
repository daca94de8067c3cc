// Shapes on the ground for drawing: on a sphere of the mean radius, good to 0.6 %. For display, never for judgement.

import type { Feature, LineString, Polygon, Position } from "geojson";

const RADIUS_M = 6_371_008.8;
const RAD = Math.PI / 180;

/** The point `distance_m` from `[longitude, latitude]` towards `azimuth_deg`. */
export function destination([lon = 0, lat = 0]: Position, distance_m: number, azimuth_deg: number): Position {
  const d = distance_m / RADIUS_M;
  const a = azimuth_deg * RAD;
  const phi = lat * RAD;
  const sin = Math.sin(phi) * Math.cos(d) + Math.cos(phi) * Math.sin(d) * Math.cos(a);
  const phi2 = Math.asin(Math.min(1, Math.max(-1, sin)));
  const turn = Math.atan2(Math.sin(a) * Math.sin(d) * Math.cos(phi), Math.cos(d) - Math.sin(phi) * sin);
  return [lon + turn / RAD, phi2 / RAD];
}

/** Great-circle distance, metres. */
export function distanceM([lon1 = 0, lat1 = 0]: Position, [lon2 = 0, lat2 = 0]: Position): number {
  const s = Math.sin(((lat2 - lat1) * RAD) / 2);
  const t = Math.sin(((lon2 - lon1) * RAD) / 2);
  const a = s * s + Math.cos(lat1 * RAD) * Math.cos(lat2 * RAD) * t * t;
  return 2 * RADIUS_M * Math.asin(Math.sqrt(Math.min(1, a)));
}

const arc = (centre: Position, radius_m: number, from: number, to: number, steps: number): Position[] =>
  Array.from({ length: steps + 1 }, (_, i) => destination(centre, radius_m, from + ((to - from) * i) / steps));

export function circleLine(centre: Position, radius_m: number): LineString {
  return { type: "LineString", coordinates: arc(centre, radius_m, 0, 360, 96) };
}

export function circle(centre: Position, radius_m: number): Polygon {
  return { type: "Polygon", coordinates: [arc(centre, radius_m, 0, 360, 96)] };
}

/** A sector of a ring, clockwise from `from_deg` to `to_deg` (over north when `to` is less); a whole ring without. */
export function sector(
  centre: Position,
  min_m: number,
  max_m: number,
  from_deg: number | null,
  to_deg: number | null,
): Polygon {
  const whole = from_deg === null || to_deg === null;
  const from = whole ? 0 : from_deg;
  const sweep = whole ? 360 : (((to_deg - from_deg) % 360) + 360) % 360 || 360;
  const outer = arc(centre, max_m, from, from + sweep, 96);
  if (sweep === 360) {
    const rings = [outer];
    if (min_m > 0) rings.push(arc(centre, min_m, 360, 0, 96));
    return { type: "Polygon", coordinates: rings };
  }
  const inner = min_m > 0 ? arc(centre, min_m, from + sweep, from, 96) : [centre];
  return { type: "Polygon", coordinates: [[...outer, ...inner, outer[0] ?? centre]] };
}

const RING_STEPS_M = [100, 250, 500, 1000, 2000, 3000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000];

/** The ring distances that read well when `metresAcross` fit on the screen: at most five. */
export function ringDistances(metresAcross: number): number[] {
  const fitting = RING_STEPS_M.filter((d) => d <= metresAcross * 0.75 && d >= metresAcross / 16);
  return fitting.slice(-5);
}

const GRID_STEPS_DEG = [30, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001];

/** Meridians and parallels over a view, at the largest step that still gives four or more across. */
export function graticule(west: number, south: number, east: number, north: number): Feature<LineString>[] {
  const span = Math.max(1e-6, Math.min(360, east - west));
  const step = GRID_STEPS_DEG.find((s) => span / s >= 4) ?? 0.001;
  const lines: Feature<LineString>[] = [];
  const line = (coordinates: Position[]): void => {
    lines.push({ type: "Feature", properties: {}, geometry: { type: "LineString", coordinates } });
  };
  const [bottom, top] = [Math.max(-85, south), Math.min(85, north)];
  for (let i = Math.floor(west / step); i <= Math.ceil((west + span) / step) && lines.length < 60; i++) {
    line([
      [i * step, bottom],
      [i * step, top],
    ]);
  }
  const meridians = lines.length;
  for (let i = Math.floor(bottom / step); i <= Math.ceil(top / step) && lines.length < meridians + 60; i++) {
    line([
      [west, i * step],
      [west + span, i * step],
    ]);
  }
  return lines;
}
