// Drives the console of a running server in a real Chromium and checks what a guard would see: text, pixels, the
// acknowledgement, accessibility. Plain Node: `npm run e2e -- --url http://127.0.0.1:8480 --out DIR --timeout 60`

import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openBrowser } from "./browser.mjs";
import { countColour, distinctColours, readPng } from "./png.mjs";

const { values } = parseArgs({
  options: {
    url: { type: "string" },
    out: { type: "string", default: "test-results/e2e" },
    timeout: { type: "string", default: "60" },
  },
});
if (!values.url) {
  console.error("usage: npm run e2e -- --url http://127.0.0.1:8480 [--out DIR] [--timeout SECONDS]");
  process.exit(2);
}
const base = values.url.replace(/\/+$/, "");
const timeout = Number(values.timeout) * 1000;
const OPERATOR = "E2E guard";

let passed = 0;
const failures = [];
async function check(name, body) {
  try {
    const said = await body();
    passed++;
    console.log(`ok      ${name}${said ? ` (${said})` : ""}`);
  } catch (error) {
    failures.push(name);
    console.log(`FAILED  ${name}\n        ${String(error.message ?? error).split("\n").slice(0, 12).join("\n        ")}`);
  }
}
function expect(condition, message) {
  if (!condition) throw new Error(message);
}

async function api(path) {
  const response = await fetch(`${base}/api/v1${path}`);
  expect(response.ok, `GET /api/v1${path} answered ${response.status}`);
  return response.json();
}
/** A list as the server wraps it, `{at, alerts: [...]}`, or bare. */
const list = async (name) => {
  const answer = await api(`/${name}`);
  return Array.isArray(answer) ? answer : answer[name];
};

/** Measures until it is good enough: a map in software takes its time, a wrong one never gets there. */
async function until(measure, good) {
  const end = Date.now() + timeout;
  for (;;) {
    const measured = await measure();
    if (good(measured)) return measured;
    expect(Date.now() < end, `still ${JSON.stringify(measured)} after ${timeout / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 400));
  }
}

const complaints = [];
async function openConsole(browser, options, hash = "") {
  const page = await browser.newPage(options);
  page.on("request", (request) => {
    const { origin, protocol } = new URL(request.url());
    const own = origin === new URL(base).origin || protocol === "data:" || protocol === "blob:";
    if (!own) complaints.push(`a request left the site: ${request.url()}`);
  });
  page.on("websocket", (socket) => {
    if (new URL(socket.url()).host !== new URL(base).host) complaints.push(`a socket left the site: ${socket.url()}`);
  });
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`script: ${error.message}`));
  await page.goto(`${base}/${hash}`, { timeout });
  return page;
}
const drawn = (page) =>
  page.waitForFunction(() => window.__lapwing?.mapLoaded && window.__lapwing.trackCount > 0, null, { timeout });

async function mapImage(page, path) {
  const box = await page.locator(".maplibregl-canvas").boundingBox();
  const places = await page.evaluate(() => window.__lapwing.trackIds.map((id) => window.__lapwing.place(id)));
  const image = readPng(await page.screenshot(path ? { path } : {}));
  const palette = await page.evaluate(() => window.__lapwing.palette);
  return { box, image, palette, places: places.filter((p) => p !== null) };
}

const axeSource = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
async function axe(page) {
  await page.evaluate(axeSource);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  const grave = violations.filter((v) => v.impact === "serious" || v.impact === "critical");
  const words = grave.map((v) => `${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => n.target.join(" ")).join(" | ")}`);
  expect(grave.length === 0, words.join("\n"));
  return violations.length === 0 ? "no violations at all" : `minor ones: ${violations.map((v) => v.id).join(", ")}`;
}

await mkdir(values.out, { recursive: true });
const browser = await openBrowser();
const started = Date.now();
let page;

await check("the map is drawn, with tracks", async () => {
  page = await openConsole(browser, { viewport: { width: 1440, height: 900 } });
  await drawn(page);
  return `${await page.evaluate(() => window.__lapwing.trackCount)} tracks after ${Date.now() - started} ms`;
});

await check("an unanswered alert is on the screen", async () => {
  await page.waitForSelector('[data-testid="alert-banner"]', { timeout });
  const alertId = await page.locator('[data-testid="alert-banner"]').getAttribute("data-alert");
  return `${alertId} after ${Date.now() - started} ms`;
});

await check("the map shows ground, zone and track symbols", async () => {
  const { box, image, palette, places } = await mapImage(page, join(values.out, "desktop.png"));
  expect(distinctColours(image, box) > 40, `only ${distinctColours(image, box)} colours: the map is blank`);
  const ground = countColour(image, box, palette.land, 6) + countColour(image, box, palette.sea, 6);
  expect(ground > box.width * box.height * 0.15, `land and sea cover only ${ground} pixels`);
  const zone = countColour(image, box, palette.protected);
  expect(zone > 150, `only ${zone} pixels have the colour of a protected zone`);
  expect(places.length > 0, "no track is within the view");
  // A symbol moves on between asking and the screenshot, and one may cover another: most must be where they belong.
  const found = places.filter((p) => {
    const colour = p.class === "bird" && p.identity === "unidentified" ? palette.bird : palette[p.identity];
    return countColour(image, { x: p.x - 26, y: p.y - 26, width: 52, height: 52 }, colour, 24) >= 12;
  });
  expect(found.length >= places.length * 0.7, `${found.length} of ${places.length} tracks are drawn where they are`);
  return `${found.length} of ${places.length} symbols found, ${zone} zone pixels`;
});

await check("the headline on the screen is the server's, with its zone's name and its entry", async () => {
  // The server rewrites a headline every second: what is on the screen must be one that it has just said.
  const said = new Set();
  const read = async () => {
    for (const a of await list("alerts")) said.add(`${a.id}: ${a.headline}`);
    return page.locator('[data-testid="alert-banner"]').evaluate((element) => ({
      id: element.dataset.alert,
      text: element.innerText,
      headline: element.querySelector('[data-testid="alert-headline"]').textContent,
    }));
  };
  const { id, text: banner, headline: shown } = await until(read, (b) => said.has(`${b.id}: ${b.headline}`));
  const alert = await api(`/alerts/${id}`);
  const { features } = await api("/zones");
  const zone = features.find((f) => f.id === alert.reason.zone)?.properties.name;
  expect(zone && banner.includes(zone), `the banner does not name the zone "${zone}": ${banner}`);
  expect(/CRITICAL|WARNING|NOTICE/.test(banner), `the banner does not say how severe: ${banner}`);
  expect(
    /enters in\s+\d+:\d\d|inside for\s+\d+:\d\d|entry was due|outside again|no entry predicted/.test(banner),
    `the banner does not say when: ${banner}`,
  );
  return shown;
});

await check("the alert is acknowledged through the console, and the server has it", async () => {
  await page.locator('[data-testid="acknowledge"]').click();
  await page.locator("#operator-name").fill(OPERATOR);
  const [answer] = await Promise.all([
    page.waitForResponse((r) => r.request().method() === "POST", { timeout }),
    page.locator('[data-testid="acknowledge-confirm"]').click(),
  ]);
  expect(answer.ok(), `the server answered ${answer.status()}: ${await answer.text()}`);
  const id = /alerts\/([^/]+)\/acknowledge/.exec(answer.url())[1];
  const card = page.locator(`[data-testid="alert"][data-alert="${id}"]`);
  await page.waitForSelector(`[data-alert="${id}"]:not([data-state="raised"])`, { timeout });
  await card.locator("summary").click();
  const text = await card.innerText();
  expect(text.includes(`by ${OPERATOR}`), `the card does not say who: ${text}`);
  const { steps } = await api(`/alerts/${id}`);
  expect(steps.some((s) => s.state === "acknowledged" && s.by === OPERATOR), `the server has ${JSON.stringify(steps)}`);
  await page.screenshot({ path: join(values.out, "acknowledged.png") });
  return `${id}, shown as ${await card.getAttribute("data-state")}`;
});

await check("no serious accessibility violation: alerts", () => axe(page));

await check("every sensor is listed with its health in words", async () => {
  await page.keyboard.press("3");
  const text = (await page.locator('[data-testid="sensor-list"]').innerText()).toLowerCase();
  const sensors = await list("sensors");
  for (const { sensor } of sensors) expect(text.includes(sensor.id.toLowerCase()), `${sensor.id} is missing`);
  const words = text.match(/\b(live|silent|faulty|waiting)\b/g) ?? [];
  expect(words.length >= sensors.length, `only ${words.length} health words for ${sensors.length} sensors`);
  const count = await page.locator('[data-testid="sensor-count"]').innerText();
  expect(count.includes(`${sensors.length}`), `the status bar says "${count}" of ${sensors.length} sensors`);
  return `${sensors.length} sensors, ${count.trim()}`;
});

await check("no serious accessibility violation: sensors with their books", async () => {
  await page.locator('[data-testid="sensor-list"] summary').first().click();
  return axe(page);
});

await check("a track chosen in the table is shown in full, every height with its datum", async () => {
  await page.keyboard.press("2");
  await page.locator('[data-testid="track-table"] tbody tr').first().click();
  const detail = page.locator('[data-testid="track-detail"]');
  await detail.getByText("Height above mean sea level").waitFor({ timeout });
  const text = await detail.innerText();
  for (const words of ["above WGS-84 ellipsoid", "above take-off", "Pressure altitude", "Against what it says", "Journal entries"])
    expect(text.includes(words), `the detail lacks "${words}"`);
  expect(/unknown/.test(text), "nothing is unknown: not even the height above ground");
  expect(/\btrack=T\d+/.test(page.url()), `the address does not hold the selection: ${page.url()}`);
  await page.screenshot({ path: join(values.out, "detail.png") });
});

await check("no serious accessibility violation: tracks and detail", () => axe(page));

await check("the keyboard is documented and works", async () => {
  await page.keyboard.press("?");
  await page.getByRole("heading", { name: "Keyboard and symbols" }).waitFor({ timeout });
  await axe(page);
  await page.keyboard.press("Escape");
  await page.getByRole("heading", { name: "Keyboard and symbols" }).waitFor({ state: "detached", timeout });
  await page.keyboard.press("Escape");
  await page.locator('[data-testid="track-detail"]').waitFor({ state: "detached", timeout });
  expect(!/\btrack=/.test(page.url()), `the address still holds the selection: ${page.url()}`);
  await page.keyboard.press("1");
  await page.locator('#tab-alerts[aria-selected="true"]').waitFor({ timeout });
});

await page?.keyboard.press("0");
for (const theme of ["day", "red"]) {
  await check(`the ${theme} theme draws its colours and keeps its contrast`, async () => {
    await page.locator("select").selectOption(theme);
    await page.waitForFunction((name) => document.documentElement.dataset.theme === name, theme);
    const measure = async () => {
      const { box, image, palette } = await mapImage(page, join(values.out, `${theme}.png`));
      const ground = countColour(image, box, palette.land, 6) + countColour(image, box, palette.sea, 6);
      return { ground: ground / (box.width * box.height), zone: countColour(image, box, palette.protected) };
    };
    const seen = await until(measure, ({ ground, zone }) => ground > 0.15 && zone > 150);
    return `land and sea ${Math.round(seen.ground * 100)} %, ${seen.zone} zone pixels, ${await axe(page)}`;
  });
}
await page?.locator("select").selectOption("night");

await check("far out, the base map shows land and sea", async () => {
  await page.evaluate(() => (location.hash = "#map=1.8/40/10"));
  const all = async () => {
    const { box, image, palette } = await mapImage(page);
    const share = (colour) => countColour(image, box, colour, 6) / (box.width * box.height);
    return { land: share(palette.land), sea: share(palette.sea) };
  };
  const shares = await until(all, ({ land, sea }) => land >= 0.1 && sea >= 0.1);
  return `land ${Math.round(shares.land * 100)} %, sea ${Math.round(shares.sea * 100)} %`;
});
await page?.close();

await check("on a phone: verdict, map and lists fit the screen", async () => {
  const phone = await openConsole(browser, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  await drawn(phone);
  await phone.waitForTimeout(1000);
  const { box, image, places } = await mapImage(phone, join(values.out, "phone.png"));
  const wide = await phone.evaluate(() => document.documentElement.scrollWidth);
  expect(wide <= 390, `the page is ${wide} px wide`);
  expect(box.height >= 180 && box.y + box.height <= 844, `the map is ${box.height} px high at ${box.y}`);
  expect(distinctColours(image, box) > 40 && places.length > 0, "the map is blank or without tracks");
  expect(await phone.locator("#tab-sensors").isVisible(), "the lists are not on the screen");
  await axe(phone);
  await phone.close();
});

await check("nothing left the site, and no script or policy complained", async () => {
  expect(complaints.length === 0, complaints.join("\n"));
});

await browser.close();
console.log(`${passed} passed, ${failures.length} failed`);
process.exit(failures.length === 0 ? 0 : 1);
