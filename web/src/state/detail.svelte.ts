// The selected track in full, read again from the server while it is selected.

import { getTrack, Refused } from "../api/rest";
import type { Track } from "../api/types";

const EVERY_MS = 1500;

class Detail {
  track = $state.raw<Track | null>(null);
  /** Why it cannot be shown, in words. */
  trouble = $state<string | null>(null);

  private wanted: string | null = null;
  private timer: number | undefined;

  follow(id: string | null): void {
    if (id === this.wanted) return;
    this.wanted = id;
    this.track = null;
    this.trouble = null;
    clearTimeout(this.timer);
    if (id !== null) void this.read(id);
  }

  private async read(id: string): Promise<void> {
    try {
      const track = await getTrack(id);
      if (this.wanted !== id) return;
      this.track = track;
      this.trouble = null;
    } catch (error) {
      if (this.wanted !== id) return;
      const gone = error instanceof Refused && error.status === 404;
      this.trouble = gone ? "The server has no such live track (any more)." : "The server did not answer; values may be old.";
      if (gone) this.track = null;
    }
    this.timer = window.setTimeout(() => void this.read(id), EVERY_MS);
  }
}

export const detail = new Detail();
