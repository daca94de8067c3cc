// The map itself: owns the MapLibre object, holds the latest data of every source, and redraws in another theme.

import type { FeatureCollection, Position } from "geojson";
import { type GeoJSONSource, Map as MapLibre, ScaleControl, setWorkerCount, setWorkerUrl } from "maplibre-gl";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url";
import type { MapView } from "../state/hash";
import { loadBaseMap } from "./basemap";
import { distanceM, graticule } from "./geometry";
import { drawImage, PIXEL_RATIO } from "./icons";
import type { Palette } from "./palette";
import { ringFeatures } from "./site-features";
import { type SourceName, SOURCES, styleFor } from "./style";

// Without this MapLibre 6 looks for its worker beside the bundle, finds none, and draws nothing.
setWorkerUrl(workerUrl);
setWorkerCount(2);

const PICK_RADIUS_PX = 16;
const WORLD: MapView = { zoom: 1.4, latitude_deg: 30, longitude_deg: 10 };

export interface MapHandlers {
  onMove(view: MapView): void;
  onPick(track: string | null): void;
  onTrouble(why: string): void;
}

export class AirMap {
  readonly map: MapLibre;
  /** True once everything asked for, the base map included, has been drawn. */
  drawn = false;
  private baseReady = false;
  private styled = false;
  private centre: Position | null = null;
  private readonly data = new Map<SourceName, FeatureCollection>();

  constructor(
    container: HTMLElement,
    view: MapView | null,
    private palette: Palette,
    private readonly handlers: MapHandlers,
  ) {
    const start = view ?? WORLD;
    this.map = new MapLibre({
      container,
      style: styleFor(palette),
      center: [start.longitude_deg, start.latitude_deg],
      zoom: start.zoom,
      maxZoom: 19,
      attributionControl: false,
      dragRotate: false,
      touchPitch: false,
      pitchWithRotate: false,
      fadeDuration: 0,
      renderWorldCopies: true,
      locale: { "Map.Title": "Map of the air picture; the same tracks are in the Tracks table" },
    });
    this.map.touchZoomRotate.disableRotation();
    this.map.keyboard.disableRotation();
    this.map.addControl(new ScaleControl({ maxWidth: 140, unit: "metric" }), "bottom-left");
    this.map.setMissingStyleImageResolver((id) => {
      const image = drawImage(id, this.palette);
      if (image && !this.map.hasImage(id)) this.map.addImage(id, image, { pixelRatio: PIXEL_RATIO });
    });
    this.map.on("style.load", () => {
      this.styled = true;
      this.paint();
      for (const name of SOURCES) this.feed(name);
    });
    this.map.on("moveend", () => this.moved());
    this.map.on("load", () => this.drawFrame());
    this.map.on("render", () => {
      if (!this.drawn && this.baseReady && this.map.loaded()) this.drawn = true;
    });
    this.map.on("error", (event) => handlers.onTrouble(event.error.message));
    this.map.on("click", (event) => this.pick(event.point.x, event.point.y));
    this.map.on("mousemove", (event) => {
      this.map.getCanvas().style.cursor = this.trackAt(event.point.x, event.point.y) ? "pointer" : "";
    });
    void this.readBaseMap();
  }

  private async readBaseMap(): Promise<void> {
    try {
      const { land, borders } = await loadBaseMap();
      this.set("land", land);
      this.set("borders", borders);
    } catch (error) {
      // A console without coasts still shows the air picture.
      this.handlers.onTrouble(error instanceof Error ? error.message : String(error));
    }
    this.baseReady = true;
  }

  set(name: SourceName, data: FeatureCollection): void {
    this.data.set(name, data);
    this.feed(name);
  }

  private feed(name: SourceName): void {
    const data = this.data.get(name);
    if (data && this.styled) void this.map.getSource<GeoJSONSource>(name)?.setData(data);
  }

  /** Other colours for the same layers and data: a new style would read the whole base map again. */
  setPalette(palette: Palette): void {
    if (palette === this.palette) return;
    this.palette = palette;
    if (this.styled) this.paint();
  }

  private paint(): void {
    for (const layer of styleFor(this.palette).layers) {
      for (const [name, value] of Object.entries(layer.paint ?? {})) {
        this.map.setPaintProperty(layer.id, name as "fill-color", value, { validate: false });
      }
    }
    for (const id of this.map.listImages()) {
      const image = drawImage(id, this.palette);
      if (image) this.map.updateImage(id, image);
    }
  }

  setCentre(centre: Position | null): void {
    if (String(centre) === String(this.centre)) return;
    this.centre = centre;
    this.drawFrame();
  }

  private moved(): void {
    const { lng, lat } = this.map.getCenter().wrap();
    this.handlers.onMove({ zoom: this.map.getZoom(), latitude_deg: lat, longitude_deg: lng });
    this.drawFrame();
  }

  /** Rings and grid, as dense as the view needs. */
  private drawFrame(): void {
    const bounds = this.map.getBounds();
    const [west, south, east, north] = [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()];
    const middle = (south + north) / 2;
    const across = Math.min(distanceM([west, middle], [east, middle]), distanceM([west, south], [west, north]));
    const [rings, labels] = ringFeatures(this.centre, across);
    this.set("rings", rings);
    this.set("ringlabels", labels);
    const grid = graticule(west, south, east, north);
    this.set("grid", { type: "FeatureCollection", features: grid });
  }

  show(places: Position[], instantly = false): void {
    const longitudes = places.map((p) => p[0] ?? 0);
    const latitudes = places.map((p) => p[1] ?? 0);
    if (places.length === 0) return;
    const { clientWidth, clientHeight } = this.map.getContainer();
    this.map.fitBounds(
      [
        [Math.min(...longitudes), Math.min(...latitudes)],
        [Math.max(...longitudes), Math.max(...latitudes)],
      ],
      { padding: Math.min(60, Math.round(Math.min(clientWidth, clientHeight) * 0.1)), maxZoom: 14.5, duration: instantly ? 0 : 600 },
    );
  }

  lookAt(at: Position): void {
    this.map.easeTo({ center: [at[0] ?? 0, at[1] ?? 0], zoom: Math.max(this.map.getZoom(), 12.5), duration: 600 });
  }

  jump(view: MapView): void {
    this.map.jumpTo({ center: [view.longitude_deg, view.latitude_deg], zoom: view.zoom });
  }

  zoomBy(step: number): void {
    this.map.easeTo({ zoom: this.map.getZoom() + step, duration: 200 });
  }

  private trackAt(x: number, y: number): string | null {
    if (!this.map.getLayer("tracks")) return null;
    const found = this.map.queryRenderedFeatures(
      [
        [x - PICK_RADIUS_PX, y - PICK_RADIUS_PX],
        [x + PICK_RADIUS_PX, y + PICK_RADIUS_PX],
      ],
      { layers: ["tracks"] },
    );
    const offset = (f: (typeof found)[number]): number => {
      if (f.geometry.type !== "Point") return Number.POSITIVE_INFINITY;
      const [lng = 0, lat = 0] = f.geometry.coordinates;
      const at = this.map.project([lng, lat]);
      return Math.hypot(at.x - x, at.y - y);
    };
    const [nearest] = [...found].sort((a, b) => offset(a) - offset(b));
    const id: unknown = nearest?.properties.id;
    return typeof id === "string" ? id : null;
  }

  private pick(x: number, y: number): void {
    this.handlers.onPick(this.trackAt(x, y));
  }
}
