// What this guard looks at and how: section, selection, theme, name. What is worth keeping is kept in this browser.

import { type MapView, readHash, type Tab, writeHash } from "./hash";

export const THEMES = ["night", "day", "red"] as const;
export type Theme = (typeof THEMES)[number];

function stored(key: string): string | null {
  try {
    return localStorage.getItem(`lapwing.${key}`);
  } catch {
    return null; // Storage may be forbidden: the console then only forgets.
  }
}

function store(key: string, value: string): void {
  try {
    localStorage.setItem(`lapwing.${key}`, value);
  } catch {
    // As above.
  }
}

/** The server takes names of 1 to 64 bytes of UTF-8. */
const OPERATOR_BYTES_MAX = 64;

function cutToBytes(text: string, bytes: number): string {
  let cut = text;
  while (new TextEncoder().encode(cut).length > bytes) cut = [...cut].slice(0, -1).join("");
  return cut;
}

const fromHash = readHash(location.hash);

class View {
  tab = $state<Tab>(fromHash.tab ?? "alerts");
  track = $state<string | null>(fromHash.track);
  /** The map's view; null until it has one. */
  map = $state.raw<MapView | null>(fromHash.view);
  theme = $state<Theme>(THEMES.find((t) => t === stored("theme")) ?? "night");
  operator = $state(stored("operator") ?? "");
  shortcuts = $state(stored("shortcuts") !== "off");
  helpOpen = $state(false);
  /** The alert the acknowledge dialog is open for. */
  acknowledging = $state<string | null>(null);
  /** Phone: whether the sheet covers most of the map. */
  sheetTall = $state(false);
  /** Asks the map to show a track or the site; counted so that the same wish can be repeated. */
  focus = $state.raw<{ on: "site" | "track"; count: number }>({ on: "site", count: 0 });

  select(track: string | null, bringIntoView = false): void {
    this.track = track;
    if (track !== null && bringIntoView) this.lookAt("track");
  }

  lookAt(on: "site" | "track"): void {
    this.focus = { on, count: this.focus.count + 1 };
  }

  setTheme(theme: Theme): void {
    this.theme = theme;
    store("theme", theme);
  }

  nextTheme(): void {
    this.setTheme(THEMES[(THEMES.indexOf(this.theme) + 1) % THEMES.length] ?? "night");
  }

  setOperator(name: string): void {
    this.operator = cutToBytes(name.trim(), OPERATOR_BYTES_MAX);
    store("operator", this.operator);
  }

  setShortcuts(on: boolean): void {
    this.shortcuts = on;
    store("shortcuts", on ? "on" : "off");
  }

  readLocation(): void {
    const { view, track, tab } = readHash(location.hash);
    if (view) this.map = view;
    this.track = track;
    if (tab) this.tab = tab;
  }

  writeLocation(): void {
    const hash = writeHash({ view: this.map, track: this.track, tab: this.tab });
    if (hash !== location.hash) history.replaceState(null, "", hash || location.pathname);
  }
}

export const view = new View();
export { store, stored };
