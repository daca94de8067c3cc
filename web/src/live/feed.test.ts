import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { encodeFrame } from "../../dev/encode-frame.mjs";
import { Feed } from "./feed";

class FakeSocket {
  static made: FakeSocket[] = [];
  binaryType = "";
  closed = false;
  onopen: (() => void) | null = null;
  onclose: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  constructor(readonly url: string) {
    FakeSocket.made.push(this);
  }
  close(): void {
    this.closed = true;
  }
}

const last = (): FakeSocket => FakeSocket.made.at(-1) as FakeSocket;
let heard: string[];
let feed: Feed;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("WebSocket", FakeSocket);
  FakeSocket.made = [];
  heard = [];
  feed = new Feed("ws://test/live", {
    onOpen: () => heard.push("open"),
    onClose: () => heard.push("close"),
    onFrame: (frame) => heard.push(frame.kind),
    onMessage: (message) => heard.push(message.type),
    onBad: () => heard.push("bad"),
  });
  feed.connect();
});

afterEach(() => {
  feed.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("frames and messages arrive; an unknown message is passed over", () => {
  last().onopen?.();
  last().onmessage?.({ data: '{"type":"state"}' });
  last().onmessage?.({ data: '{"type":"news"}' });
  last().onmessage?.({ data: encodeFrame({ kind: 1 }) });
  expect(heard).toEqual(["open", "state", "delta"]);
});

test("a closed socket is opened again, ever later, and at once quick after a good frame", () => {
  for (let i = 0; i < 6; i++) {
    last().onclose?.();
    vi.advanceTimersByTime(8001);
  }
  expect(FakeSocket.made).toHaveLength(7);
  last().onclose?.();
  vi.advanceTimersByTime(3999);
  expect(FakeSocket.made, "the seventh wait is at least four seconds").toHaveLength(7);
  vi.advanceTimersByTime(4001);
  last().onmessage?.({ data: encodeFrame({ kind: 0 }) });
  last().onclose?.();
  vi.advanceTimersByTime(500);
  expect(FakeSocket.made).toHaveLength(9);
});

test("a frame that cannot be read drops the socket and asks for a fresh snapshot", () => {
  const socket = last();
  socket.onmessage?.({ data: new ArrayBuffer(5) });
  expect(heard).toEqual(["bad", "close"]);
  expect(socket.closed).toBe(true);
  socket.onmessage?.({ data: encodeFrame({ kind: 0 }) });
  expect(heard, "what a dropped socket still says is not heard").toHaveLength(2);
  vi.advanceTimersByTime(500);
  expect(FakeSocket.made).toHaveLength(2);
});

test("a silent socket is given up even though nobody closed it", () => {
  last().onopen?.();
  vi.advanceTimersByTime(11_999);
  expect(heard).toEqual(["open"]);
  vi.advanceTimersByTime(1);
  expect(heard).toEqual(["open", "close"]);
});
