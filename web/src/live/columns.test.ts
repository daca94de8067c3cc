import { describe, expect, test } from "vitest";
import { encodeFrame } from "../../dev/encode-frame.mjs";
import { BadFrame, decodeFrame } from "./columns";

const drone = {
  id: 17,
  latitude_deg: 54.1812345,
  longitude_deg: -12.0854321,
  height_ellipsoid_m: 86.5,
  altitude_msl_m: 48.25,
  speed_mps: 12.5,
  course_deg: 271,
  vertical_speed_mps: -0.5,
  accuracy_m: 9,
  age_s: 1.2,
  phase: 1,
  identity: 4,
  class: 3,
  flags: 0b1111,
};

/** Bytes of a frame written down by hand from the layout's description, not by the encoder that the other tests use. */
function byHand(): ArrayBuffer {
  const frame = new ArrayBuffer(144);
  const view = new DataView(frame);
  [0x4c, 0x57, 0x54, 0x31].forEach((byte, i) => view.setUint8(i, byte));
  view.setUint32(4, 1, true);
  view.setBigInt64(8, 1_682_365_530_415_058_438n, true);
  view.setUint32(16, 1, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(32, 9_007_199_254_740_993n, true);
  view.setInt32(40, 469_480_900, true);
  view.setInt32(48, -74_474_000, true);
  [500, 452, 10, 90, 1, 5].forEach((value, i) => view.setFloat32(56 + i * 8, value, true));
  view.setUint16(104, 65_535, true);
  [2, 1, 5, 0b0110].forEach((value, i) => view.setUint8(112 + i * 8, value));
  const withRemoved = new ArrayBuffer(152);
  new Uint8Array(withRemoved).set(new Uint8Array(frame));
  new DataView(withRemoved).setBigUint64(144, 4n, true);
  return withRemoved;
}

describe("a sound frame", () => {
  test("written by hand decodes to what was written, ids above 2^53 included", () => {
    const frame = decodeFrame(byHand());
    expect(frame.kind).toBe("delta");
    expect(frame.time_ms).toBe(1_682_365_530_415);
    expect(frame.removed).toEqual(["T4"]);
    expect(frame.tracks).toEqual([
      {
        id: "T9007199254740993",
        latitude_deg: 46.94809,
        longitude_deg: -7.4474,
        height_ellipsoid_m: 500,
        altitude_msl_m: 452,
        speed_mps: 10,
        course_deg: 90,
        vertical_speed_mps: 1,
        accuracy_m: 5,
        age_s: 6553.5,
        phase: "coasting",
        identity: "claimed",
        class: "aeroplane",
        claimed_only: false,
        alert: true,
        critical: true,
        height_known: false,
      },
    ]);
  });

  test("a snapshot of several tracks keeps each track's values together", () => {
    const rows = [drone, { ...drone, id: 2, latitude_deg: -33.5, class: 4, flags: 0 }, { ...drone, id: 3 }];
    const frame = decodeFrame(encodeFrame({ kind: 0, rows }));
    expect(frame.kind).toBe("snapshot");
    expect(frame.tracks.map((t) => [t.id, t.latitude_deg, t.class, t.alert])).toEqual([
      ["T17", 54.1812345, "drone", true],
      ["T2", -33.5, "bird", false],
      ["T3", 54.1812345, "drone", true],
    ]);
  });

  test("NaN is unknown, and zero is zero", () => {
    const { tracks } = decodeFrame(
      encodeFrame({ rows: [{ id: 1, latitude_deg: 0, longitude_deg: 0, altitude_msl_m: 0, speed_mps: 0 }] }),
    );
    expect(tracks[0]).toMatchObject({
      altitude_msl_m: 0,
      speed_mps: 0,
      height_ellipsoid_m: null,
      course_deg: null,
      vertical_speed_mps: null,
      accuracy_m: null,
    });
  });

  test("a heartbeat without tracks and a pure removal are frames", () => {
    expect(decodeFrame(encodeFrame({ kind: 1, time_ns: 1_000_000_000n }))).toEqual({
      kind: "delta",
      time_ms: 1000,
      tracks: [],
      removed: [],
    });
    expect(decodeFrame(encodeFrame({ kind: 1, removed: [5, 6n] })).removed).toEqual(["T5", "T6"]);
  });

  test("the last column may come without its padding", () => {
    const padded = encodeFrame({ rows: [drone] });
    expect(decodeFrame(padded.slice(0, padded.byteLength - 7)).tracks).toHaveLength(1);
  });
});

describe("a hostile frame is refused", () => {
  const sound = encodeFrame({ rows: [drone, { ...drone, id: 18 }], removed: [3] });
  const broken = (change: (view: DataView) => void): ArrayBuffer => {
    const copy = sound.slice(0);
    change(new DataView(copy));
    return copy;
  };

  test("at every shorter length", () => {
    for (let length = 0; length < sound.byteLength; length++) {
      expect(() => decodeFrame(sound.slice(0, length)), `${length} bytes`).toThrow(BadFrame);
    }
  });

  test.each([
    ["another magic", (v: DataView) => v.setUint8(3, 0x32)],
    ["an unknown kind", (v: DataView) => v.setUint32(4, 2, true)],
    ["a count beyond the bytes", (v: DataView) => v.setUint32(16, 3, true)],
    ["a count below the bytes", (v: DataView) => v.setUint32(16, 1, true)],
    ["the greatest count", (v: DataView) => v.setUint32(16, 0xffffffff, true)],
    ["the greatest number of removed", (v: DataView) => v.setUint32(20, 0xffffffff, true)],
    ["a latitude beyond the pole", (v: DataView) => v.setInt32(48, 900_000_001, true)],
    ["an unknown phase", (v: DataView) => v.setUint8(sound.byteLength - 8 - 32, 4)],
    ["an unknown identity", (v: DataView) => v.setUint8(sound.byteLength - 8 - 24, 5)],
    ["an unknown class", (v: DataView) => v.setUint8(sound.byteLength - 8 - 16, 9)],
  ])("with %s", (_what, change) => {
    expect(() => decodeFrame(broken(change))).toThrow(BadFrame);
  });

  test("with bytes too many", () => {
    const longer = new ArrayBuffer(sound.byteLength + 8);
    new Uint8Array(longer).set(new Uint8Array(sound));
    expect(() => decodeFrame(longer)).toThrow(BadFrame);
  });
});
