// The keyboard: one key, one thing. Off while typing, in a dialog, or with a modifier held; can be switched off.

import { picture } from "../state/picture.svelte";
import { sound } from "../state/sound.svelte";
import { TABS } from "../state/hash";
import { view } from "../state/view.svelte";

export const KEYS: [string, string][] = [
  ["a", "go to the Acknowledge button of the first warning (Enter opens it)"],
  ["1  2  3", "alerts, tracks, sensors"],
  ["j  k", "next, previous entry of the list (Enter selects)"],
  ["/", "filter the tracks"],
  ["f", "centre the map on the selected track"],
  ["0", "show the whole site"],
  ["+  −", "zoom; the arrow keys move the map once it has the focus"],
  ["g", "give the map the focus"],
  ["Esc", "close the detail"],
  ["m", "sound on, off"],
  ["t", "next theme: night, day, red"],
  ["?", "this page"],
];

function moveInList(step: 1 | -1): void {
  const items = [...document.querySelectorAll<HTMLElement>("#panel [data-item]")];
  const at = items.findIndex((item) => item === document.activeElement);
  const next = items[at === -1 ? (step === 1 ? 0 : items.length - 1) : at + step];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

function clickLabelled(label: string): void {
  document.querySelector<HTMLElement>(`[aria-label="${label}"]`)?.click();
}

const ACTIONS: Record<string, () => void> = {
  a: () => document.getElementById("acknowledge-first")?.focus(),
  j: () => moveInList(1),
  k: () => moveInList(-1),
  "/": () => {
    view.tab = "tracks";
    requestAnimationFrame(() => document.getElementById("track-filter")?.focus());
  },
  f: () => view.lookAt("track"),
  "0": () => view.lookAt("site"),
  "+": () => clickLabelled("Zoom in"),
  "=": () => clickLabelled("Zoom in"),
  "-": () => clickLabelled("Zoom out"),
  g: () => document.querySelector<HTMLElement>(".maplibregl-canvas")?.focus(),
  m: () => sound.setMuted(!sound.muted),
  t: () => view.nextTheme(),
  "?": () => (view.helpOpen = true),
};

export function onKey(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  // What is open, not what is meant to be: a dialog says that it has closed a moment after it has.
  if (document.querySelector("dialog[open]")) return;
  const target = event.target;
  if (target instanceof HTMLInputElement || target instanceof HTMLSelectElement) return;
  if (event.key === "Escape") {
    view.select(null);
    return;
  }
  if (!view.shortcuts && event.key !== "?") return;
  const onMap = target instanceof HTMLCanvasElement;
  // With the focus on the map, zooming belongs to the map itself.
  if (onMap && ["+", "=", "-"].includes(event.key)) return;
  const tab = TABS[Number(event.key) - 1];
  const action = tab ? () => (view.tab = tab) : ACTIONS[event.key];
  if (!action) return;
  event.preventDefault();
  action();
  if (event.key === "a" && picture.unanswered.length === 0) view.tab = "alerts";
}
