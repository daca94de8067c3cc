import { describe, expect, test } from "vitest";
import { printable } from "./air";
import { evidenceSentence, evidenceWeight, transmitterLine } from "./names";
import { ago, countdown, lasting, utcFull, utcTime } from "./time";
import { course, distance, heightBand, heightLines, heightShort, metres, place, speed, verticalSpeed } from "./values";

describe("unknown is said in words", () => {
  test.each([
    ["metres", metres(null)],
    ["speed", speed(undefined)],
    ["vertical speed", verticalSpeed(Number.NaN)],
    ["course", course(null)],
    ["place", place(null)],
    ["distance", distance(null)],
    ["height", heightShort(null, null)],
    ["time", utcTime(null)],
  ])("%s", (_what, text) => expect(text).toContain("unknown"));

  test("every datum has its own line, and an unknown one stays unknown beside a known one", () => {
    const lines = heightLines({ altitude_msl_m: 0, vertical_accuracy_m: 3 });
    expect(lines).toHaveLength(5);
    expect(lines[0]).toEqual({
      datum: "Height above mean sea level (EGM96)",
      value: "0 m",
      accuracy: "± 3 m (95 %)",
    });
    expect(lines.slice(1).every((line) => line.value === "unknown")).toBe(true);
  });
});

test("a name cannot turn its line around", () => {
  expect(printable("ab\u202ecd\u0007\n")).toBe("ab\ufffdcd\ufffd\ufffd");
  expect(printable("Zürich 日本 <b>")).toBe("Zürich 日本 <b>");
});

test("zero is zero", () => {
  expect(metres(-0.01)).toBe("0 m");
  expect(heightShort(0, 40)).toBe("0 m MSL");
  expect(speed(0)).toBe("0 m/s (0 km/h)");
});

test("courses name their direction, also just left of north", () => {
  expect(course(271)).toBe("271° true (west)");
  expect(course(359.7)).toBe("000° true (north)");
  expect(course(-90)).toBe("270° true (west)");
});

test("places have hemispheres", () => {
  expect(place({ latitude_deg: -33.5, longitude_deg: 12.08543 })).toBe("33.50000° S, 12.08543° E");
});

test("a zone's band names both datums, and an open end", () => {
  expect(heightBand(null, { value_m: 120, datum: "mean_sea_level" })).toBe("ground to 120 m MSL");
  expect(heightBand({ value_m: 50, datum: "above_ground" }, null)).toBe("50 m above ground and above");
  expect(heightBand(null, undefined)).toBeNull();
});

test("times", () => {
  expect(countdown(42.9)).toBe("0:42");
  expect(countdown(-3)).toBe("0:00");
  expect(countdown(3723)).toBe("1:02:03");
  expect(lasting(89)).toBe("89 s");
  expect(lasting(7500)).toBe("2 h 5 min");
  expect(utcFull("2026-11-23T03:12:44.5Z")).toBe("2026-11-23 03:12:44 UTC");
  expect(ago("2026-11-23T03:12:44Z", Date.parse("2026-11-23T03:12:51Z"))).toBe("7 s ago");
  expect(ago(null, 0)).toBe("never");
});

test("evidence names its side and strength, and an unknown kind is still readable", () => {
  expect(evidenceWeight({ weight: 3.2 })).toBe("strongly for, weight +3.2");
  expect(evidenceWeight({ weight: -6 })).toBe("very strongly against, weight \u22126.0");
  expect(evidenceSentence("some_new_kind")).toBe("some new kind");
  expect(transmitterLine({ mac: "90:3a:e6:5b:c8:a8" })).toBe("radio address 90:3a:e6:5b:c8:a8");
});
