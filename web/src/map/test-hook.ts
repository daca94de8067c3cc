// What browser tests may ask of the running console. Reads only.

import { connection } from "../state/connection.svelte";
import { picture } from "../state/picture.svelte";
import type { AirMap } from "./air-map";
import type { Palette } from "./palette";

export interface LapwingHook {
  readonly mapLoaded: boolean;
  readonly trackCount: number;
  readonly frames: number;
  readonly link: string;
  /** The theme's colours, to find on the screen. */
  readonly palette: Palette;
  readonly trackIds: string[];
  /** Where a track is drawn, CSS pixels from the window's upper left corner; null when it is not in the view. */
  place(track: string): { x: number; y: number; identity: string; class: string } | null;
}

declare global {
  interface Window {
    __lapwing?: LapwingHook;
  }
}

export function installHook(air: AirMap, palette: () => Palette): void {
  window.__lapwing = {
    get mapLoaded() {
      return air.drawn;
    },
    get trackCount() {
      return picture.tracks.size;
    },
    get frames() {
      return picture.frames;
    },
    get link() {
      return connection.link.kind;
    },
    get palette() {
      return palette();
    },
    get trackIds() {
      return [...picture.tracks.keys()];
    },
    place(id) {
      const track = picture.tracks.get(id);
      if (!track) return null;
      const at = air.map.project([track.longitude_deg, track.latitude_deg]);
      const box = air.map.getCanvas().getBoundingClientRect();
      if (at.x < 0 || at.y < 0 || at.x > box.width || at.y > box.height) return null;
      return { x: box.left + at.x, y: box.top + at.y, identity: track.identity, class: track.class };
    },
  };
}
