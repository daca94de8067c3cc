import { expect, test } from "vitest";
import { circle, destination, distanceM, graticule, ringDistances, sector } from "./geometry";

test("a destination is as far as it was asked for, also near the pole and over the date line", () => {
  for (const from of [
    [12, 54],
    [179.99, -33],
    [0, 89.9],
  ]) {
    for (const azimuth of [0, 77, 180, 300]) {
      expect(distanceM(from, destination(from, 5000, azimuth))).toBeCloseTo(5000, 2);
    }
  }
  const [east = 0, north = 0] = destination([12, 54], 1000, 90);
  expect(east).toBeGreaterThan(12);
  expect(north).toBeCloseTo(54, 4);
});

test("a circle is closed and round", () => {
  const ring = circle([12, 54], 800).coordinates[0] ?? [];
  expect(distanceM(ring[0] ?? [], ring.at(-1) ?? [])).toBeLessThan(0.01);
  for (const point of ring) expect(distanceM([12, 54], point)).toBeCloseTo(800, 2);
});

test("a sector over north keeps to its side; without azimuths it is a ring with a hole", () => {
  const [ring = []] = sector([12, 54], 100, 1000, 315, 45).coordinates;
  expect(Math.min(...ring.map(([, lat = 0]) => lat))).toBeGreaterThan(54);
  expect(sector([12, 54], 100, 1000, null, null).coordinates).toHaveLength(2);
  expect(sector([12, 54], 0, 1000, null, null).coordinates).toHaveLength(1);
});

test("rings and grid suit the view and stay few", () => {
  expect(ringDistances(5000)).toEqual([500, 1000, 2000, 3000]);
  for (const across of [200, 5000, 80_000, 4_000_000]) {
    expect(ringDistances(across).length).toBeLessThanOrEqual(5);
  }
  for (const span of [0.02, 3, 360]) {
    const lines = graticule(12, 54, 12 + span, 54 + span / 2);
    expect(lines.length).toBeGreaterThan(5);
    expect(lines.length).toBeLessThan(121);
  }
});
