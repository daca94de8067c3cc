// Values with their unit, datum and accuracy. What is unknown is said in words: never 0, never blank.

import type { Heights, Place } from "../api/types";

export const UNKNOWN = "unknown";

type Maybe = number | null | undefined;
const known = (value: Maybe): value is number => typeof value === "number" && Number.isFinite(value);

/** Rounded for reading: whole from 10 on, one decimal below. `-0` becomes `0`. */
export function plain(value: number): string {
  const rounded = Math.abs(value) >= 10 ? Math.round(value) : Math.round(value * 10) / 10;
  return String(rounded === 0 ? 0 : rounded);
}

export const metres = (value: Maybe): string => (known(value) ? `${plain(value)} m` : UNKNOWN);

/** `850 m` or `3.4 km`. */
export function distance(value: Maybe): string {
  if (!known(value)) return UNKNOWN;
  if (value < 1000) return `${Math.round(value)} m`;
  return `${value < 10_000 ? Number((value / 1000).toFixed(1)) : Math.round(value / 1000)} km`;
}

export const speed = (value: Maybe): string =>
  known(value) ? `${plain(value)} m/s (${Math.round(value * 3.6)} km/h)` : UNKNOWN;

export const speedShort = (value: Maybe): string => (known(value) ? `${plain(value)} m/s` : "speed unknown");

export function verticalSpeed(value: Maybe): string {
  if (!known(value)) return UNKNOWN;
  if (Math.abs(value) < 0.25) return `level (${plain(value)} m/s)`;
  return `${value > 0 ? "climbing" : "descending"} ${plain(Math.abs(value))} m/s`;
}

const POINTS = ["north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west"];

/** `271° (west)` true. */
export function course(degrees: Maybe): string {
  if (!known(degrees)) return `${UNKNOWN} (not moving measurably, or not said)`;
  const turned = ((degrees % 360) + 360) % 360;
  const whole = Math.round(turned) % 360;
  return `${String(whole).padStart(3, "0")}° true (${POINTS[Math.round(turned / 45) % 8]})`;
}

export const degreesFromRadians = (radians: Maybe): number | null => (known(radians) ? (radians * 180) / Math.PI : null);

/** `54.18123° N, 12.08543° E`. */
export function place(at: Place | null | undefined): string {
  if (!at || !known(at.latitude_deg) || !known(at.longitude_deg)) return UNKNOWN;
  const part = (value: number, plus: string, minus: string): string =>
    `${Math.abs(value).toFixed(5)}° ${value < 0 ? minus : plus}`;
  return `${part(at.latitude_deg, "N", "S")}, ${part(at.longitude_deg, "E", "W")}`;
}

export const percent = (value: Maybe): string => (known(value) ? `${Math.round(value * 100)} %` : UNKNOWN);

export interface HeightLine {
  datum: string;
  value: string;
  accuracy: string;
}

/** Every datum apart: what one is must never be read as another. */
export function heightLines(heights: Partial<Heights>): HeightLine[] {
  const bound = (value: Maybe): string => (known(value) ? `± ${plain(value)} m (95 %)` : "accuracy unknown");
  const line = (datum: string, value: Maybe, accuracy: string): HeightLine => ({
    datum,
    value: metres(value),
    accuracy: known(value) ? accuracy : "",
  });
  const geometric = bound(heights.vertical_accuracy_m);
  return [
    line("Height above mean sea level (EGM96)", heights.altitude_msl_m, geometric),
    line("Height above WGS-84 ellipsoid", heights.height_ellipsoid_m, geometric),
    line("Height above take-off", heights.height_above_takeoff_m, "accuracy unknown"),
    line("Height above ground", heights.height_above_ground_m, "accuracy unknown"),
    line("Pressure altitude (1013.25 hPa)", heights.altitude_pressure_m, bound(heights.pressure_accuracy_m)),
  ];
}

/** The one height for a map label or a table cell, with its datum. `otherKnown`: one of the remaining datums is known. */
export function heightShort(altitude_msl_m: Maybe, height_ellipsoid_m: Maybe, otherKnown = false): string {
  if (known(altitude_msl_m)) return `${Math.round(altitude_msl_m)} m MSL`;
  if (known(height_ellipsoid_m)) return `${Math.round(height_ellipsoid_m)} m ell.`;
  return otherKnown ? "height: see detail" : "height unknown";
}

const DATUMS: Record<string, string> = {
  ellipsoid: "ell.",
  mean_sea_level: "MSL",
  above_takeoff: "above take-off",
  above_ground: "above ground",
  pressure: "pressure altitude",
};

/** `ground to 120 m MSL` from a zone's limits, `{value_m, datum}` or null; nothing for one without limits. */
export function heightBand(floor: unknown, ceiling: unknown): string | null {
  const limit = (of: unknown): string | null => {
    if (typeof of !== "object" || of === null || !("value_m" in of) || !("datum" in of)) return null;
    return `${plain(Number(of.value_m))} m ${DATUMS[String(of.datum)] ?? String(of.datum)}`;
  };
  const [from, to] = [limit(floor), limit(ceiling)];
  return from === null && to === null ? null : `${from ?? "ground"} ${to === null ? "and above" : `to ${to}`}`;
}
