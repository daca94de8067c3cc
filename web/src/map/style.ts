// The map's style: sources without data and the layers over them, bottom to top. No glyphs and no sprite are named, so
// that labels use local fonts and no request leaves the site.

import type {
  ExpressionSpecification,
  FilterSpecification,
  LayerSpecification,
  StyleSpecification,
} from "maplibre-gl";
import type { Palette } from "./palette";

const EMPTY = { type: "FeatureCollection" as const, features: [] };
export const SOURCES = [
  "land",
  "borders",
  "grid",
  "coverage",
  "rings",
  "ringlabels",
  "zones",
  "zonelabels",
  "sensors",
  "trails",
  "selection",
  "vectors",
  "tracks",
] as const;
export type SourceName = (typeof SOURCES)[number];

const FULL_LABEL_ZOOM = 11.6;
/** The drawing order from which a track is labelled in full: an alert, or the selected one. */
const MATTERS = 20;
const FONT = ["sans-serif"];
const get = (key: string): ExpressionSpecification => ["get", key];
const is = (key: string, value: string | boolean): FilterSpecification => ["==", ["get", key], value];

/** `choose("kind", {protected: red}, grey)` */
function choose(key: string, options: Record<string, string>, otherwise: string): ExpressionSpecification {
  return ["match", get(key), ...Object.entries(options).flat(), otherwise] as unknown as ExpressionSpecification;
}

function baseLayers(p: Palette): LayerSpecification[] {
  return [
    { id: "sea", type: "background", paint: { "background-color": p.sea } },
    { id: "land", type: "fill", source: "land", paint: { "fill-color": p.land, "fill-antialias": false } },
    { id: "grid", type: "line", source: "grid", paint: { "line-color": p.grid, "line-width": 1 } },
    { id: "coast", type: "line", source: "land", paint: { "line-color": p.coast, "line-width": 1.2 } },
    {
      id: "borders",
      type: "line",
      source: "borders",
      paint: { "line-color": p.border, "line-width": 1, "line-dasharray": [4, 2] },
    },
  ];
}

function zoneLabel(
  id: string,
  filter: FilterSpecification,
  always: boolean,
  colour: ExpressionSpecification | string,
  p: Palette,
): LayerSpecification {
  return {
    id,
    type: "symbol",
    source: "zonelabels",
    filter,
    layout: {
      "text-field": get("label"),
      "text-font": FONT,
      "text-size": 13,
      "text-max-width": 14,
      "text-anchor": "bottom",
      "text-offset": [0, -0.3],
      "text-allow-overlap": always,
    },
    paint: { "text-color": colour, "text-halo-color": p.halo, "text-halo-width": 1.8 },
  };
}

function siteLayers(p: Palette): LayerSpecification[] {
  const zoneColour = choose("kind", { protected: p.protected, watch: p.watch }, p.information);
  return [
    {
      id: "blind",
      type: "fill",
      source: "coverage",
      filter: is("what", "blind"),
      paint: { "fill-pattern": "blind/hatch" },
    },
    {
      id: "coverage",
      type: "line",
      source: "coverage",
      filter: is("what", "seen"),
      paint: { "line-color": p.sensor, "line-width": 1, "line-opacity": 0.45 },
    },
    {
      id: "blind-outline",
      type: "line",
      source: "coverage",
      filter: is("what", "lost"),
      paint: { "line-color": p.blind, "line-width": 1.4, "line-dasharray": [3, 3] },
    },
    { id: "rings", type: "line", source: "rings", paint: { "line-color": p.ring, "line-width": 1 } },
    {
      id: "zone-fill",
      type: "fill",
      source: "zones",
      paint: { "fill-color": zoneColour, "fill-opacity": ["match", get("kind"), "protected", 0.12, 0.07] },
    },
    {
      id: "zone-hatch",
      type: "fill",
      source: "zones",
      filter: is("kind", "protected"),
      paint: { "fill-pattern": "hatch/protected" },
    },
    {
      id: "zone-line",
      type: "line",
      source: "zones",
      filter: ["!=", get("kind"), "information"],
      paint: { "line-color": zoneColour, "line-width": ["match", get("kind"), "protected", 2.6, 1.8] },
    },
    {
      id: "zone-line-information",
      type: "line",
      source: "zones",
      filter: is("kind", "information"),
      paint: { "line-color": p.information, "line-width": 1.4, "line-dasharray": [2, 2] },
    },
    {
      id: "ring-label",
      type: "symbol",
      source: "ringlabels",
      layout: { "text-field": get("label"), "text-font": FONT, "text-size": 11, "text-padding": 2 },
      paint: { "text-color": p.ringText, "text-halo-color": p.halo, "text-halo-width": 1.5 },
    },
    zoneLabel("zone-label", ["!=", get("kind"), "protected"], false, zoneColour, p),
    {
      id: "sensors",
      type: "symbol",
      source: "sensors",
      layout: {
        "icon-image": get("icon"),
        "icon-allow-overlap": true,
        "text-field": get("label"),
        "text-font": FONT,
        "text-size": 11,
        "text-anchor": "top",
        "text-offset": [0, 1.1],
        "text-optional": true,
      },
      paint: {
        "text-color": ["case", get("well"), p.ringText, p.sensorBad],
        "text-halo-color": p.halo,
        "text-halo-width": 1.5,
      },
    },
  ];
}

function trackLayers(p: Palette): LayerSpecification[] {
  const identityColour = choose(
    "colour",
    {
      unidentified: p.unidentified,
      claimed: p.claimed,
      corroborated: p.corroborated,
      authorised: p.authorised,
      contradicted: p.contradicted,
      selected: p.selected,
    },
    p.bird,
  );
  return [
    {
      id: "trails",
      type: "line",
      source: "trails",
      paint: { "line-color": identityColour, "line-width": ["case", get("selected"), 2.2, 1.3], "line-opacity": 0.55 },
    },
    {
      id: "accuracy-fill",
      type: "fill",
      source: "selection",
      filter: is("what", "accuracy"),
      paint: { "fill-color": p.selected, "fill-opacity": 0.08 },
    },
    {
      id: "accuracy",
      type: "line",
      source: "selection",
      filter: is("what", "accuracy"),
      paint: { "line-color": p.selected, "line-width": 1.2, "line-opacity": 0.8 },
    },
    {
      id: "operator-line",
      type: "line",
      source: "selection",
      filter: is("what", "operator-line"),
      paint: { "line-color": p.operator, "line-width": 1.2, "line-dasharray": [3, 3] },
    },
    {
      id: "operator",
      type: "symbol",
      source: "selection",
      filter: is("what", "operator"),
      layout: {
        "icon-image": "operator",
        "icon-allow-overlap": true,
        "text-field": get("label"),
        "text-font": FONT,
        "text-size": 11,
        "text-anchor": "top",
        "text-offset": [0, 1.2],
        "text-allow-overlap": true,
      },
      paint: { "text-color": p.operator, "text-halo-color": p.halo, "text-halo-width": 1.5 },
    },
    {
      id: "vectors",
      type: "line",
      source: "vectors",
      paint: {
        "line-color": identityColour,
        "line-width": ["match", get("colour"), "bird", 1, 2],
        "line-opacity": ["match", get("colour"), "bird", 0.7, 1],
      },
    },
    {
      id: "alert-halo",
      type: "circle",
      source: "tracks",
      filter: is("alert", true),
      paint: {
        "circle-radius": ["case", get("critical"), 27, 24],
        "circle-color": p.alert,
        "circle-opacity": 0.16,
        "circle-stroke-color": p.alert,
        "circle-stroke-width": ["case", get("critical"), 3.4, 2],
      },
    },
    {
      id: "selected-halo",
      type: "circle",
      source: "tracks",
      filter: is("selected", true),
      paint: {
        "circle-radius": 21,
        "circle-opacity": 0,
        "circle-stroke-color": p.selected,
        "circle-stroke-width": 2,
      },
    },
    {
      id: "tracks",
      type: "symbol",
      source: "tracks",
      layout: {
        "icon-image": get("icon"),
        "icon-allow-overlap": true,
        "icon-ignore-placement": true,
        "symbol-sort-key": get("order"),
      },
    },
    {
      id: "track-labels",
      type: "symbol",
      source: "tracks",
      filter: ["!=", get("label"), ""],
      layout: {
        // Far out only the name, except where it matters.
        "text-field": [
          "step",
          ["zoom"],
          ["case", [">=", get("order"), MATTERS], get("label"), get("name")],
          FULL_LABEL_ZOOM,
          get("label"),
        ],
        "text-font": FONT,
        "text-size": 12,
        "text-line-height": 1.2,
        "text-max-width": 30,
        "text-variable-anchor": ["left", "right", "top", "bottom"],
        "text-radial-offset": ["case", get("alert"), 2.5, 2],
        "text-justify": "auto",
        "text-padding": 1,
        "symbol-sort-key": ["-", 0, get("order")],
      },
      paint: { "text-color": p.text, "text-halo-color": p.halo, "text-halo-width": 1.6 },
    },
    // On top, so that it is never left out for lack of room and the names of tracks keep clear of it.
    zoneLabel("zone-label-protected", is("kind", "protected"), true, p.protected, p),
  ];
}

export function styleFor(palette: Palette): StyleSpecification {
  const sources: StyleSpecification["sources"] = {};
  for (const name of SOURCES) {
    sources[name] = { type: "geojson", data: EMPTY };
  }
  return {
    version: 8,
    sources,
    layers: [...baseLayers(palette), ...siteLayers(palette), ...trackLayers(palette)],
  };
}
