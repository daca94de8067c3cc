import { describe, expect, test } from "vitest";
import { backoffMs } from "./backoff";
import { judgeLink } from "./link";
import { readMessage } from "./messages";

test("back-off doubles, is bounded, and spreads", () => {
  expect(backoffMs(0, 0)).toBe(250);
  expect(backoffMs(0, 0.999)).toBeLessThanOrEqual(500);
  expect(backoffMs(2, 0)).toBe(1000);
  expect(backoffMs(1000, 0.999)).toBeLessThanOrEqual(8000);
});

describe("the link", () => {
  const at = (quietMs: number, open = true) => judgeLink({ open, lastFrameAt: 1000, now: 1000 + quietMs });
  test("before the first frame it is connecting, whatever the socket says", () => {
    expect(judgeLink({ open: true, lastFrameAt: null, now: 99_999 })).toEqual({ kind: "connecting" });
  });
  test("live, quiet, lost", () => {
    expect(at(2999)).toEqual({ kind: "live" });
    expect(at(3000)).toEqual({ kind: "quiet", seconds: 3 });
    expect(at(8000)).toEqual({ kind: "lost", seconds: 8 });
  });
  test("a closed socket is lost at once", () => {
    expect(at(100, false)).toEqual({ kind: "lost", seconds: 0 });
  });
});

describe("messages", () => {
  test("what is not known is passed over", () => {
    expect(readMessage('{"type":"weather","wind":3}')).toBeNull();
    expect(readMessage('{"type":"event","event":7}')).toBeNull();
    expect(readMessage('{"type":"labels","tracks":[{"label":"no id"},5]}')).toEqual({ type: "labels", tracks: [] });
  });
  test("what is no JSON object throws", () => {
    for (const bad of ["", "{", "[]", "null", "17"]) expect(() => readMessage(bad), bad).toThrow(SyntaxError);
  });
  test("a state without a part leaves that part alone", () => {
    expect(readMessage('{"type":"state","sensors":[]}')).toEqual({
      type: "state",
      alerts: undefined,
      sensors: [],
      inputs: undefined,
    });
  });
});
