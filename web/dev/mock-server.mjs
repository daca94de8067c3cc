// Serves the built console with a made-up picture, to look at the console without the server. For development only.
//
//   npm run build && node dev/mock-server.mjs [--port 8481] [--tracks 500] [--stall 20] [--start 60]
//
// --tracks N  that many more moving tracks;  --stall S  fall silent after S seconds (a stale picture);
// --start S   begin S seconds into the scene (the warning comes at 20 s, the entry at 105 s).

import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { WebSocketServer } from "ws";
import { encodeFrame } from "./encode-frame.mjs";
import * as dev from "./scene.mjs";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "8481" },
    tracks: { type: "string", default: "0" },
    stall: { type: "string", default: "0" },
    start: { type: "string", default: "0" },
  },
});
const extra = Number(values.tracks);
const stallS = Number(values.stall);
const opened = Date.now();
const startMs = opened - Number(values.start) * 1000;
const DIST = fileURLToPath(new URL("../dist/", import.meta.url));

const HEADERS = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
};
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".json": "application/json", ".svg": "image/svg+xml" };

let acknowledged = null;
const seconds = () => (Date.now() - startMs) / 1000;
const now = () => Date.now();
const current = () => dev.scene(seconds(), extra);
function alerts() {
  const s = current();
  const live = s.alertRaised ? [dev.alertOf(s, startMs, now(), acknowledged)] : [];
  return [...live, dev.clearedAlert(opened)];
}
const state = () => ({ type: "state", alerts: alerts(), sensors: dev.sensorStates(seconds(), opened, now()), inputs: dev.inputStates(seconds()) });

function json(response, body, status = 200) {
  response.writeHead(status, { ...HEADERS, "content-type": status < 400 ? "application/json" : "application/problem+json" });
  response.end(JSON.stringify(body));
}

async function acknowledge(request, response, id) {
  let text = "";
  for await (const part of request) text += part;
  const { by, note } = JSON.parse(text);
  if (!by) return json(response, { title: "a name is needed", detail: "`by` is empty" }, 422);
  acknowledged = { by, note, at: new Date().toISOString() };
  const alert = alerts().find((a) => a.id === id);
  if (!alert) return json(response, { title: "no such alert" }, 404);
  send(JSON.stringify({ type: "event", event: { sequence: 1, at: acknowledged.at, cause: null, event: "alert_changed", alert } }));
  return json(response, alert);
}

function api(request, response, path) {
  const ack = /^\/alerts\/([^/]+)\/acknowledge$/.exec(path);
  if (ack && request.method === "POST") return acknowledge(request, response, ack[1]);
  if (path === "/site") return json(response, dev.site);
  if (path === "/zones") return json(response, dev.zones);
  if (path === "/alerts") return json(response, { at: new Date().toISOString(), alerts: alerts() });
  const asked = /^\/alerts\/(A\d+)$/.exec(path);
  const alert = asked && alerts().find((a) => a.id === asked[1]);
  if (alert) return json(response, alert);
  if (path === "/sensors") return json(response, { at: new Date().toISOString(), sensors: state().sensors });
  const one = /^\/tracks\/T(\d+)$/.exec(path);
  const row = one && current().rows.find((r) => r.id === Number(one[1]));
  if (row) return json(response, dev.track(row, now(), (back) => dev.scene(Math.max(0, seconds() - back), extra)));
  return json(response, { title: "not found", status: 404 }, 404);
}

async function file(response, path) {
  const name = path === "/" ? "index.html" : normalize(path).replace(/^([./\\])+/, "");
  try {
    const body = await readFile(join(DIST, name));
    response.writeHead(200, { ...HEADERS, "content-type": TYPES[extname(name)] ?? "application/octet-stream" });
    response.end(body);
  } catch {
    response.writeHead(404, HEADERS).end();
  }
}

const server = createServer((request, response) => {
  const { pathname } = new URL(request.url, "http://localhost");
  const done = pathname.startsWith("/api/v1") ? api(request, response, pathname.slice(7)) : file(response, pathname);
  Promise.resolve(done).catch((error) => json(response, { title: String(error) }, 500));
});
const sockets = new WebSocketServer({ server, path: "/api/v1/live" });
const stalled = () => stallS > 0 && Date.now() - opened > stallS * 1000;
function send(message) {
  if (!stalled()) for (const socket of sockets.clients) socket.send(message);
}
const frame = (kind) => encodeFrame({ kind, time_ns: BigInt(now()) * 1_000_000n, rows: dev.frameRows(current().rows) });

sockets.on("connection", (socket) => {
  if (stalled()) return socket.terminate();
  socket.send(JSON.stringify({ type: "hello", protocol: 1, version: "0.1.0-mock", at: new Date().toISOString(), site: dev.site.name }));
  socket.send(JSON.stringify(state()));
  socket.send(frame(0));
  socket.send(JSON.stringify({ type: "labels", tracks: dev.labels(current().rows) }));
});
setInterval(() => send(frame(1)), 200);
setInterval(() => send(JSON.stringify(state())), 1000);
server.listen(Number(values.port), "127.0.0.1", () => console.log(`mock picture on http://127.0.0.1:${values.port}`));
