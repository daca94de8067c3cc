// Land and borders of the world, Natural Earth 1:10 million by way of npm `world-atlas`, served with the console.

import type { Feature, FeatureCollection } from "geojson";
import { feature, mesh } from "topojson-client";
import type { GeometryCollection, Topology } from "topojson-specification";
import atlasUrl from "world-atlas/countries-10m.json?url";

export const ATTRIBUTION = "Base map: Natural Earth 1:10 million; coasts are good to about 1 km.";

export interface BaseMap {
  land: FeatureCollection;
  borders: FeatureCollection;
}

type Atlas = Topology<{ land: GeometryCollection; countries: GeometryCollection }>;

/** One feature per island: all land in one would pass the limit of vertices the map can draw in one piece. */
function eachPolygon({ geometry }: Feature): Feature[] {
  const polygons =
    geometry.type === "MultiPolygon" ? geometry.coordinates : geometry.type === "Polygon" ? [geometry.coordinates] : [];
  return polygons.map((coordinates) => ({ type: "Feature", properties: {}, geometry: { type: "Polygon", coordinates } }));
}

export async function loadBaseMap(): Promise<BaseMap> {
  const response = await fetch(atlasUrl);
  if (!response.ok) throw new Error(`the base map: ${response.status}`);
  const atlas = (await response.json()) as Atlas;
  const shared = mesh(atlas, atlas.objects.countries, (a, b) => a !== b);
  return {
    land: { type: "FeatureCollection", features: feature(atlas, atlas.objects.land).features.flatMap(eachPolygon) },
    borders: { type: "FeatureCollection", features: [{ type: "Feature", properties: {}, geometry: shared }] },
  };
}
