// A made-up site with a few moving aircraft, in the server's own nouns: what the mock server shows. A pure function of
// time; it is no simulation of sensors and no test of the picture.

const RAD = Math.PI / 180;
const CENTRE = { latitude_deg: 54.1812, longitude_deg: 12.0854 };
const M_PER_DEG = 111_195;

const at = (east_m, north_m) => ({
  latitude_deg: CENTRE.latitude_deg + north_m / M_PER_DEG,
  longitude_deg: CENTRE.longitude_deg + east_m / (M_PER_DEG * Math.cos(CENTRE.latitude_deg * RAD)),
});
const point = (east_m, north_m) => {
  const p = at(east_m, north_m);
  return [p.longitude_deg, p.latitude_deg];
};
const ring = (east, north, radius) =>
  Array.from({ length: 65 }, (_, i) => {
    const a = (i / 64) * 2 * Math.PI;
    return point(east + radius * Math.sin(a), north + radius * Math.cos(a));
  });
const iso = (ms) => new Date(ms).toISOString();

export const zones = {
  type: "FeatureCollection",
  features: [
    {
      type: "Feature",
      id: "terminal",
      properties: { id: "terminal", name: "Gas terminal", kind: "protected", floor: null, ceiling: { value_m: 300, datum: "mean_sea_level" } },
      geometry: {
        type: "Polygon",
        coordinates: [[point(-350, -250), point(380, -320), point(450, 260), point(-80, 420), point(-350, -250)]],
      },
    },
    {
      type: "Feature",
      id: "roads",
      properties: { id: "roads", name: "Roadstead", kind: "watch" },
      geometry: { type: "Polygon", coordinates: [ring(600, 2300, 900)] },
    },
    {
      type: "Feature",
      id: "ctr",
      properties: { id: "ctr", name: "CTR Laage <b>north</b>", kind: "information" },
      geometry: { type: "Polygon", coordinates: [[point(-6000, -2600), point(7000, -2600), point(7000, -9000), point(-6000, -9000), point(-6000, -2600)]] },
    },
  ],
};

const sensor = (id, kind, east, north, interval, coverage) => ({
  id,
  kind,
  place: { ...at(east, north), height_ellipsoid_m: 52 },
  interval,
  coverage: { range_min_m: null, range_max_m: null, azimuth_from_deg: null, azimuth_to_deg: null, elevation_min_deg: null, elevation_max_deg: null, detection_probability: null, ...coverage },
  error: {},
});
const SENSORS = [
  sensor("radar-1", "radar", 120, 60, 2, { range_min_m: 150, range_max_m: 4000 }),
  sensor("rid-1", "remote_id", -200, 120, 1, { range_max_m: 3000 }),
  sensor("adsb-1", "adsb", 40, -300, 1, { range_max_m: 80_000 }),
  sensor("acoustic-east", "acoustic", 900, 250, 1, { range_max_m: 700, azimuth_from_deg: 20, azimuth_to_deg: 160 }),
  sensor("camera-gate", "camera", -500, -420, 1, { range_max_m: 900, azimuth_from_deg: 180, azimuth_to_deg: 300 }),
];

export const site = { name: "Harbour Rostock (made up)", sensors: SENSORS, zones: [], rules: [{ name: "unauthorised-in-protected-zone", zones: [], zone_kinds: ["protected"], except: ["authorised"], lead: 60, probability_min: 0.5 }] };

const IDENTITY = ["unidentified", "claimed", "corroborated", "authorised", "contradicted"];
const CLASS = [null, "multirotor", "fixed_wing", "drone", "bird", "aeroplane", "helicopter", "balloon", "ground"];
const PHASE = ["tentative", "confirmed", "coasting"];

/** Intruder: from 2.2 km north-east towards the terminal at 18 m/s, there after about 105 s, then it loiters inside. */
const INTRUDER_S = 105;
function intruder(t) {
  const s = t % 240;
  const left = Math.max(0, 2250 - 18 * s);
  const wobble = left === 0 ? (s - 125) * 0.15 : 0;
  return { east: left * Math.sin(48 * RAD) + 80 * Math.sin(wobble), north: left * Math.cos(48 * RAD) + 80 * Math.cos(wobble) - 80, speed: left > 0 ? 18 : 12, course: left > 0 ? 228 : (wobble / RAD + 90) % 360, inside: s >= INTRUDER_S, s };
}

export function scene(t, extra) {
  const rows = [];
  const add = (id, name, o) => rows.push({ id, name, phase: 1, identity: 0, cls: 0, accuracy: 8, ell: null, msl: null, climb: null, flags: 0, age: 0.4, ...o });
  const i = intruder(t);
  const alert = i.s > 20;
  add(4, null, { east: i.east, north: i.north, speed: i.speed, course: i.course, cls: 3, accuracy: 22, flags: (alert ? 2 : 0) | (alert && i.inside ? 4 : 0) });
  const orbit = (r, w, e, n) => ({ east: e + r * Math.sin(w), north: n + r * Math.cos(w), course: (((w / RAD + 90) % 360) + 360) % 360 });
  add(7, "1581F5BK7239P00A12", { ...orbit(260, t * 0.03, -900, 700), speed: 8, cls: 1, identity: 3, msl: 64, ell: 101, climb: 0.1, flags: 8, accuracy: 3 });
  add(9, "1588E0C9\u202e<img src=x onerror=alert(1)>", { ...orbit(500, t * 0.02, 1500, -800), speed: 10, cls: 1, identity: 4, ell: 140, climb: -1.2, flags: 9 });
  add(12, "3F2A99", { ...orbit(900, t * 0.012, -1700, -1000), speed: 11, cls: 2, identity: 2, msl: 120, ell: 157, flags: 8, phase: 2, age: 7.5 });
  add(13, null, { ...orbit(120, -t * 0.05, -300, 1500), speed: null, course: null, cls: 1, identity: 0, phase: 0, accuracy: 60 });
  for (let b = 0; b < 10; b++) add(20 + b, null, { ...orbit(60 + 25 * b, t * 0.1 + b, -1200 + 330 * b, 1200 * Math.sin(b * 2.1)), speed: 9, cls: 4, accuracy: 15, phase: b % 4 === 0 ? 0 : 1 });
  for (let a = 0; a < 4; a++) add(40 + a, ["DLH4AB", "SAS12K", "D-HXYZ", "EZY88"][a], { ...orbit(3000 + 900 * a, t * 0.02 + a * 1.6, 0, 0), speed: [92, 110, 55, 130][a], cls: a === 2 ? 6 : 5, identity: 1, msl: 900 + 700 * a, ell: 937 + 700 * a, climb: a - 1, flags: 9 });
  for (let n = 0; n < extra; n++) add(1000 + n, null, { ...orbit(400 + (n % 37) * 70, t * 0.02 + n, ((n * 97) % 9000) - 4500, ((n * 57) % 7000) - 3500), speed: 8 + (n % 9), cls: n % 9, identity: n % 5, phase: n % 3, msl: n % 4 ? 30 + n : null });
  return { rows, alertRaised: alert, intruder: i };
}

export const frameRows = (rows) =>
  rows.map((r) => {
    const p = at(r.east, r.north);
    return { id: r.id, ...p, height_ellipsoid_m: r.ell ?? undefined, altitude_msl_m: r.msl ?? undefined, speed_mps: r.speed ?? undefined, course_deg: r.course ?? undefined, vertical_speed_mps: r.climb ?? undefined, accuracy_m: r.accuracy, age_s: r.age, phase: r.phase, identity: r.identity, class: r.cls, flags: r.flags };
  });

export const labels = (rows) => rows.filter((r) => r.name).map((r) => ({ id: `T${r.id}`, label: r.name, status: IDENTITY[r.identity] }));

const evidence = (kind, weight, detail, now) => ({ kind, weight, detail, first_at: iso(now - 60_000), last_at: iso(now), count: 41 });

export function track(r, now, extraScene) {
  const trail = [];
  for (let back = 60; back > 0; back -= 2) {
    const past = extraScene(back)?.rows.find((x) => x.id === r.id);
    if (past) trail.push({ at: iso(now - back * 1000), place: at(past.east, past.north) });
  }
  const claims = r.identity > 0;
  return {
    id: `T${r.id}`,
    phase: PHASE[r.phase],
    existence: r.phase === 0 ? 0.62 : 0.998,
    claimed_only: (r.flags & 1) !== 0,
    first_at: iso(now - 64_000),
    last_at: iso(now - r.age * 1000),
    kinematics: { at: iso(now), place: at(r.east, r.north), heights: { height_ellipsoid_m: r.ell, altitude_msl_m: r.msl, height_above_takeoff_m: r.cls === 1 && r.identity === 3 ? 60 : null, height_above_ground_m: null, altitude_pressure_m: r.cls === 5 ? r.msl - 21 : null, vertical_accuracy_m: r.ell ? 10 : null, pressure_accuracy_m: null }, horizontal_accuracy_m: r.accuracy, speed_mps: r.speed, speed_accuracy_mps: r.speed ? 1.5 : null, course_rad: r.course === null ? null : r.course * RAD, vertical_speed_mps: r.climb },
    identity: {
      status: IDENTITY[r.identity],
      names: r.name ? [{ kind: r.cls >= 5 ? "callsign" : "serial", value: r.name }] : [],
      evidence:
        r.identity === 4
          ? [evidence("one_name_two_places", -6.9, "heard 1.9 km apart within 2 s", now), evidence("not_seen_there", -3.4, "radar-1 covers the place and did not see it in 12 scans", now), evidence("frozen_timestamp", -2.1, "1872.4 s in 41 messages", now)]
          : r.identity >= 2
            ? [evidence("seen_independently", 4.2, "radar-1 saw it within 11 m, 38 times", now)]
            : [],
    },
    classification: CLASS[r.cls] ? { [CLASS[r.cls]]: 0.87, bird: CLASS[r.cls] === "bird" ? 0.87 : 0.04 } : {},
    status: claims ? "airborne" : null,
    operator: r.identity === 3 || r.identity === 4 ? { place: at(r.east - 700, r.north - 500), height_ellipsoid_m: null, place_source: "live_gnss", id: "DEU87astrdge12k8" } : null,
    text: r.identity === 3 ? "pipeline inspection" : null,
    squawk: r.cls === 5 ? "7000" : null,
    transmitters: claims ? [{ mac: "90:3a:e6:5b:c8:a8" }] : [],
    sources: [{ sensor: "radar-1", protocol: null, last_at: iso(now - 900), count: 38 }, ...(claims ? [{ sensor: r.cls >= 5 ? "adsb-1" : "rid-1", protocol: r.cls >= 5 ? "adsb" : "remote_id_wifi_beacon", last_at: iso(now - 400), count: 214 }] : [])],
    entries: [12, 15, 19, 8411, 8413],
    entries_total: 1204,
    trail,
  };
}

export function alertOf(scene, startMs, now, acknowledged) {
  const { s, inside } = scene.intruder;
  const round = now - s * 1000;
  const raised = round + 20_000;
  const entered = inside ? iso(round + INTRUDER_S * 1000) : null;
  const steps = [{ at: iso(raised), state: "raised", severity: "warning", by: null, note: null }];
  if (inside) steps.push({ at: entered, state: "raised", severity: "critical", by: null, note: "entered the zone" });
  if (acknowledged) steps.push({ at: acknowledged.at, state: "acknowledged", severity: inside ? "critical" : "warning", by: acknowledged.by, note: acknowledged.note ?? null });
  return {
    id: `A${3 + Math.floor((now - startMs) / 240_000)}`,
    state: acknowledged ? "acknowledged" : "raised",
    severity: inside ? "critical" : "warning",
    track: "T4",
    headline: inside ? "Unidentified drone inside Gas terminal" : "Unidentified drone heading for Gas terminal from the north-east",
    reason: { rule: "unauthorised-in-protected-zone", zone: "terminal", inside_probability: inside ? 0.97 : 0.02, entry_predicted_at: inside ? null : iso(round + INTRUDER_S * 1000), entry_sd_s: inside ? null : 2.5, entered_at: entered, distance_m: inside ? 0 : (INTRUDER_S - s) * 18, height_known: false },
    raised_at: iso(raised),
    changed_at: acknowledged?.at ?? entered ?? iso(raised),
    steps: steps.sort((a, b) => a.at.localeCompare(b.at)),
    entries: [8107, 8119, 8121],
  };
}

export const clearedAlert = (startMs) => ({
  ...alertOf({ intruder: { s: 150, inside: true } }, startMs, startMs - 400_000, null),
  id: "A2",
  state: "cleared",
  track: "T2",
  headline: "Claimed drone inside Gas terminal",
  changed_at: iso(startMs - 300_000),
});

export function sensorStates(t, startMs, now) {
  return SENSORS.map((s) => {
    const dead = s.id === "acoustic-east" && t > 8;
    const waiting = s.id === "camera-gate";
    const health = waiting ? "waiting" : dead ? "silent" : s.id === "rid-1" && t % 90 > 60 ? "faulty" : "live";
    return { sensor: s, health, why: dead ? "not heard for 3 intervals" : health === "faulty" ? "62 % of what it sends cannot be used" : null, last_at: waiting ? null : dead ? iso(startMs + 5000) : iso(now - 600), since: iso(dead ? startMs + 8000 : startMs), reports: waiting ? 0 : Math.floor((dead ? 8 : t) * 21) };
  });
}

export function inputStates(t) {
  return SENSORS.map((s, i) => {
    const received = Math.floor(t * 40 * (i + 1));
    const rejected = Math.floor(received * 0.02);
    return { input: `${s.id}-in`, sensor: s.id, format: ["json", "remote_id", "mode_s", "json", "json"][i], transport: ["udp", "pcap", "tcp", "mqtt", "http"][i], link: s.id === "acoustic-east" && t > 8 ? { state: "down", why: "connection refused by 127.0.0.1:1883" } : { state: s.id === "camera-gate" ? "starting" : "up" }, ledger: { received, used: received - rejected, rejected: rejected ? { "bad-crc": rejected } : {}, shed: {} }, faults: rejected ? [{ kind: "malformed", reason: "bad-crc", detail: "frame check 0x1d0f, found 0x9a31", offset: 18_220, length: 14 }] : [] };
  });
}
