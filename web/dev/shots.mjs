// Screenshots of a running console, to look at: node dev/shots.mjs --url http://127.0.0.1:8481 --out /tmp/shots

import { mkdir } from "node:fs/promises";
import { parseArgs } from "node:util";
import { openBrowser } from "../e2e/browser.mjs";

const { values } = parseArgs({
  options: {
    url: { type: "string", default: "http://127.0.0.1:8481" },
    out: { type: "string", default: "test-results/shots" },
    hash: { type: "string", default: "" },
    theme: { type: "string", default: "night" },
    size: { type: "string", default: "1440x900" },
    name: { type: "string", default: "shot" },
    click: { type: "string", multiple: true, default: [] },
    wait: { type: "string", default: "2500" },
  },
});
await mkdir(values.out, { recursive: true });
const [width, height] = values.size.split("x").map(Number);
const browser = await openBrowser();
const page = await browser.newPage({ viewport: { width, height }, deviceScaleFactor: 1 });
page.on("console", (m) => ["error", "warning"].includes(m.type()) && console.log(`[${m.type()}]`, m.text()));
page.on("pageerror", (e) => console.log("[page]", e.message));
await page.addInitScript((theme) => localStorage.setItem("lapwing.theme", theme), values.theme);
const begun = Date.now();
await page.goto(values.url + "/" + values.hash);
await page.waitForFunction(() => window.__lapwing?.mapLoaded && window.__lapwing.trackCount > 0, null, { timeout: 60_000 });
console.log(`map and tracks after ${Date.now() - begun} ms`);
for (const selector of values.click) await page.click(selector);
await page.waitForTimeout(Number(values.wait));
await page.screenshot({ path: `${values.out}/${values.name}.png` });
await browser.close();
