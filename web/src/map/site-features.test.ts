import { expect, it } from "vitest";
import type { SensorState } from "../api/types";
import { coverageFeatures } from "./site-features";

const sensor = (id: string, kind: string, health: string, longitude_deg: number): SensorState =>
  ({
    sensor: {
      id,
      kind,
      place: { latitude_deg: 53, longitude_deg, height_ellipsoid_m: 0 },
      interval: 1,
      coverage: { range_max_m: 4000 },
      error: {},
    },
    health,
  }) as unknown as SensorState;

/** Pieces of ground that nobody watches. */
const blindPieces = (...sensors: SensorState[]): number => {
  const blind = coverageFeatures(sensors).features.filter((f) => f.properties?.what === "blind");
  return blind.reduce((n, f) => n + (f.geometry.type === "MultiPolygon" ? f.geometry.coordinates.length : 0), 0);
};

it("hatches only what nobody of the same kind watches", () => {
  const dead = sensor("a", "radar", "silent", 5);
  expect(blindPieces(dead)).toBe(1);
  expect(blindPieces(dead, sensor("b", "radar", "live", 5))).toBe(0);
  expect(blindPieces(dead, sensor("b", "radar", "live", 5.03))).toBe(1);
  expect(blindPieces(dead, sensor("b", "radar", "silent", 5))).toBe(2);
  expect(blindPieces(dead, sensor("b", "remote_id", "live", 5))).toBe(1);
});
