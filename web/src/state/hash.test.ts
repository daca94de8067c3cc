import { expect, test } from "vitest";
import { readHash, writeHash } from "./hash";

test("what is written is read", () => {
  const state = {
    view: { zoom: 13.25, latitude_deg: -33.5, longitude_deg: 12.085 },
    track: "T17",
    tab: "tracks" as const,
  };
  expect(readHash(writeHash(state))).toEqual(state);
  expect(writeHash({ view: null, track: null, tab: null })).toBe("");
});

test("nonsense is nothing", () => {
  for (const bad of ["", "#", "#map=x/y/z&track=<b>&tab=fire", "#map=13/91/0", "#map=13/0", "#track=17"]) {
    expect(readHash(bad), bad).toEqual({ view: null, track: null, tab: null });
  }
});
