// Zones, sensors, coverage and range rings as features for the map.

import type { Feature, FeatureCollection, MultiPolygon, Polygon, Position } from "geojson";
import polygonClipping, { type Geom } from "polygon-clipping";
import type { SensorState } from "../api/types";
import { distance, heightBand } from "../words/values";
import { circleLine, destination, distanceM, ringDistances, sector } from "./geometry";
import { sensorIcon } from "./icons";

const collection = (features: Feature[]): FeatureCollection => ({ type: "FeatureCollection", features });

const KIND_WORDS: Record<string, string> = { protected: "PROTECTED", watch: "WATCH", information: "information" };

const kindOf = (zone: Feature): string => String(zone.properties?.kind ?? "information");

export function zoneFeatures(zones: FeatureCollection | null): FeatureCollection {
  return collection((zones?.features ?? []).map((zone) => ({ ...zone, properties: { kind: kindOf(zone) } })));
}

/** A name above each zone's northern end, where it does not cover what is inside. */
export function zoneLabelFeatures(zones: FeatureCollection | null): FeatureCollection {
  return collection(
    (zones?.features ?? []).flatMap((zone) => {
      let top: Position | null = null;
      if ("coordinates" in zone.geometry) {
        eachPosition(zone.geometry.coordinates, (at) => {
          if (!top || (at[1] ?? 0) > (top[1] ?? 0)) top = at;
        });
      }
      if (!top) return [];
      const kind = kindOf(zone);
      const band = heightBand(zone.properties?.floor, zone.properties?.ceiling);
      const name = String(zone.properties?.name ?? zone.id ?? "");
      const label = [name, KIND_WORDS[kind] ?? kind, ...(band ? [band] : [])].join("\n");
      return [{ type: "Feature" as const, properties: { kind, label }, geometry: { type: "Point" as const, coordinates: top } }];
    }),
  );
}

const positionOf = (state: SensorState): Position | null =>
  state.sensor.place ? [state.sensor.place.longitude_deg, state.sensor.place.latitude_deg] : null;

/** A sensor that is silent or was never heard sees nothing: its coverage is blind. */
export const isBlind = (state: SensorState): boolean => state.health === "silent" || state.health === "waiting";

export function sensorFeatures(sensors: SensorState[]): FeatureCollection {
  return collection(
    sensors.flatMap((state) => {
      const at = positionOf(state);
      if (!at) return [];
      const well = state.health === "live";
      const words = isBlind(state) ? ` · ${state.health.toUpperCase()}, blind` : ` · ${state.health}`;
      const properties = {
        icon: sensorIcon(state.sensor.kind, state.health),
        label: state.sensor.id + (well ? "" : words),
        well,
      };
      return [{ type: "Feature" as const, properties, geometry: { type: "Point" as const, coordinates: at } }];
    }),
  );
}

function coverageOf(state: SensorState): Polygon | null {
  const at = positionOf(state);
  const { range_min_m, range_max_m, azimuth_from_deg, azimuth_to_deg } = state.sensor.coverage;
  if (!at || !range_max_m) return null;
  return sector(at, range_min_m ?? 0, range_max_m, azimuth_from_deg ?? null, azimuth_to_deg ?? null);
}

/**
 * Ground that nobody of the silent sensor's kind watches any more. Another kind is no comfort: a Remote ID receiver that
 * covers a dead radar's ground hears only those who want to be heard.
 */
function unwatched(state: SensorState, own: Polygon, sensors: SensorState[]): MultiPolygon {
  const others = sensors.filter((s) => s.sensor.kind === state.sensor.kind && s.health === "live").map(coverageOf);
  const covered = others.filter((c): c is Polygon => c !== null).map((c) => c.coordinates as Geom);
  return { type: "MultiPolygon", coordinates: polygonClipping.difference(own.coordinates as Geom, ...covered) };
}

export function coverageFeatures(sensors: SensorState[]): FeatureCollection {
  const feature = (what: string, geometry: Polygon | MultiPolygon): Feature => ({ type: "Feature", properties: { what }, geometry });
  return collection(
    sensors.flatMap((state) => {
      const own = coverageOf(state);
      if (!own) return [];
      return isBlind(state) ? [feature("lost", own), feature("blind", unwatched(state, own, sensors))] : [feature("seen", own)];
    }),
  );
}

function eachPosition(coordinates: unknown, take: (at: Position) => void): void {
  if (!Array.isArray(coordinates)) return;
  if (typeof coordinates[0] === "number") take(coordinates as Position);
  else for (const part of coordinates) eachPosition(part, take);
}

/** All places that belong to the site: sensors and protected or watched zones (information zones may span countries). */
export function sitePositions(sensors: SensorState[], zones: FeatureCollection | null): Position[] {
  const places = sensors.map(positionOf).filter((at): at is Position => at !== null);
  for (const zone of zones?.features ?? []) {
    if (zone.properties?.kind === "information" && places.length > 0) continue;
    if ("coordinates" in zone.geometry) eachPosition(zone.geometry.coordinates, (at) => places.push(at));
  }
  return places;
}

/** The middle of the sensors, or of the zones where no sensor stands anywhere. */
export function siteCentre(sensors: SensorState[], zones: FeatureCollection | null): Position | null {
  const standing = sensors.map(positionOf).filter((at): at is Position => at !== null);
  const places = standing.length > 0 ? standing : sitePositions([], zones);
  const first = places[0];
  if (!first) return null;
  // A feed whose receiver stands far away must not drag the middle of the site into the country.
  const near = places.filter((at) => distanceM(at, first) < 100_000);
  const mean = (axis: 0 | 1): number => near.reduce((sum, at) => sum + (at[axis] ?? 0), 0) / near.length;
  return [mean(0), mean(1)];
}

export function ringFeatures(centre: Position | null, metresAcross: number): [FeatureCollection, FeatureCollection] {
  if (!centre) return [collection([]), collection([])];
  const distances = ringDistances(metresAcross);
  const rings = distances.map((d): Feature => ({ type: "Feature", properties: {}, geometry: circleLine(centre, d) }));
  const labels = distances.flatMap((d) =>
    [0, 180].map(
      (azimuth): Feature => ({
        type: "Feature",
        properties: { label: distance(d) },
        geometry: { type: "Point", coordinates: destination(centre, d, azimuth) },
      }),
    ),
  );
  return [collection(rings), collection(labels)];
}
