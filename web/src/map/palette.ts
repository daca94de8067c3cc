// Colours of the map, by theme. Colour never carries a meaning alone: shape and words always say the same.

import type { Theme } from "../state/view.svelte";

export interface Palette {
  sea: string;
  land: string;
  coast: string;
  border: string;
  grid: string;
  ring: string;
  ringText: string;
  text: string;
  halo: string;
  protected: string;
  watch: string;
  information: string;
  sensor: string;
  sensorBad: string;
  blind: string;
  unidentified: string;
  claimed: string;
  corroborated: string;
  authorised: string;
  contradicted: string;
  bird: string;
  /** Fill behind a symbol's glyph. */
  symbolBack: string;
  alert: string;
  selected: string;
  operator: string;
}

export const PALETTES: Record<Theme, Palette> = {
  night: {
    sea: "#0a1219",
    land: "#17222b",
    coast: "#3c5363",
    border: "#33434f",
    grid: "#1b2a35",
    ring: "#35505f",
    ringText: "#8fa9b8",
    text: "#e8f0f5",
    halo: "#0a1219",
    protected: "#ff5a52",
    watch: "#f0a92e",
    information: "#93a4b0",
    sensor: "#6fd3c7",
    sensorBad: "#ffb454",
    blind: "#9aa7b1",
    unidentified: "#ffc53d",
    claimed: "#6db7ff",
    corroborated: "#7fd0ff",
    authorised: "#4fdc8f",
    contradicted: "#ff7ad9",
    bird: "#8d9aa4",
    symbolBack: "#0b141b",
    alert: "#ff5a52",
    selected: "#ffffff",
    operator: "#c9a7ff",
  },
  day: {
    sea: "#cfe0ea",
    land: "#f3f1ea",
    coast: "#7d97a6",
    border: "#b3aa9a",
    grid: "#dcdfda",
    ring: "#a9b8bf",
    ringText: "#4d5f69",
    text: "#13202a",
    halo: "#ffffff",
    protected: "#c4141b",
    watch: "#a86400",
    information: "#5b6a75",
    sensor: "#00766b",
    sensorBad: "#b04a00",
    blind: "#5f6b74",
    unidentified: "#9a5b00",
    claimed: "#0b5cad",
    corroborated: "#0a4f8f",
    authorised: "#0a7a3d",
    contradicted: "#a6107a",
    bird: "#6b7780",
    symbolBack: "#ffffff",
    alert: "#c4141b",
    selected: "#000000",
    operator: "#6a2fc0",
  },
  red: {
    sea: "#0a0000",
    land: "#1a0505",
    coast: "#5a1616",
    border: "#421010",
    grid: "#230707",
    ring: "#4f1414",
    ringText: "#c25a52",
    text: "#ff8a80",
    halo: "#0a0000",
    protected: "#ff4a3d",
    watch: "#d0564a",
    information: "#9c443c",
    sensor: "#d0665c",
    sensorBad: "#ff8a80",
    blind: "#a8544c",
    unidentified: "#ff8a80",
    claimed: "#e0685e",
    corroborated: "#e0685e",
    authorised: "#c75850",
    contradicted: "#ff6a5e",
    bird: "#9a4840",
    symbolBack: "#140202",
    alert: "#ff4a3d",
    selected: "#ffc2bc",
    operator: "#d0665c",
  },
};
