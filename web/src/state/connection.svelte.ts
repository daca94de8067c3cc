// Ties the feed to the picture, keeps the server's clock, and says whether the picture can be trusted.

import { getSite, getZones } from "../api/rest";
import { Feed } from "../live/feed";
import { judgeLink, type LinkState } from "../live/link";
import { PROTOCOL } from "../live/messages";
import { picture } from "./picture.svelte";

class Connection {
  private open = false;
  private lastFrameAt: number | null = null;
  private offsetMs: number | null = null;

  link = $state.raw<LinkState>({ kind: "connecting" });
  /** The server's time, milliseconds since the Unix epoch, stepping every second; the browser's until it is known. */
  nowMs = $state(Date.now());
  /** The server's time of the last frame. */
  lastDataMs = $state<number | null>(null);
  version = $state<string | null>(null);
  /** What is wrong with the conversation itself, in words. */
  trouble = $state<string | null>(null);

  readonly stale = $derived(this.link.kind === "lost");

  private feed: Feed | null = null;

  start(): void {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.feed = new Feed(`${scheme}://${location.host}/api/v1/live`, {
      onOpen: () => {
        this.open = true;
        void this.readSite();
      },
      onClose: () => {
        this.open = false;
        this.tick();
      },
      onFrame: (frame) => {
        this.lastFrameAt = performance.now();
        this.offsetMs = frame.time_ms - this.lastFrameAt;
        this.lastDataMs = frame.time_ms;
        picture.applyFrame(frame);
        if (this.link.kind !== "live") this.tick();
      },
      onMessage: (message) => {
        if (message.type === "hello") {
          this.version = message.version;
          this.trouble =
            message.protocol === PROTOCOL
              ? null
              : `The server speaks protocol ${message.protocol}, this page ${PROTOCOL}: reload the page.`;
        } else picture.applyMessage(message);
      },
      onBad: (why) => {
        this.trouble = `A message of the server could not be read (${why}); connecting anew.`;
      },
    });
    this.feed.connect();
    window.setInterval(() => this.tick(), 250);
    // A phone that wakes up must not show its old picture as live for even one tick.
    document.addEventListener("visibilitychange", () => this.tick());
    window.addEventListener("online", () => {
      if (!this.open) this.feed?.connect();
    });
  }

  /** The server's time to the millisecond. */
  preciseNow(): number {
    return this.offsetMs === null ? Date.now() : performance.now() + this.offsetMs;
  }

  private tick(): void {
    const second = Math.floor(this.preciseNow() / 1000) * 1000;
    if (second !== this.nowMs) this.nowMs = second;
    const next = judgeLink({ open: this.open, lastFrameAt: this.lastFrameAt, now: performance.now() });
    if (JSON.stringify(next) !== JSON.stringify(this.link)) this.link = next;
  }

  private async readSite(): Promise<void> {
    try {
      const [site, zones] = await Promise.all([getSite(), getZones()]);
      picture.site = site;
      picture.zones = zones;
    } catch (error) {
      this.trouble = `Site data could not be read: ${error instanceof Error ? error.message : String(error)}`;
      window.setTimeout(() => {
        if (this.open) void this.readSite();
      }, 3000);
      return;
    }
    this.trouble = null;
  }
}

export const connection = new Connection();
