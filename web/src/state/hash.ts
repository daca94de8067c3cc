// The part of the address after `#`: view, selection and section, so that a link shows another guard the same thing.

export const TABS = ["alerts", "tracks", "sensors"] as const;
export type Tab = (typeof TABS)[number];

export interface MapView {
  zoom: number;
  latitude_deg: number;
  longitude_deg: number;
}

export interface HashState {
  view: MapView | null;
  track: string | null;
  tab: Tab | null;
}

export function readHash(hash: string): HashState {
  const parts = new URLSearchParams(hash.replace(/^#/, ""));
  const [zoom, latitude_deg, longitude_deg] = (parts.get("map") ?? "").split("/").map(Number.parseFloat);
  const fits = (value: number | undefined, from: number, to: number): value is number =>
    value !== undefined && value >= from && value <= to;
  const view =
    fits(zoom, 0, 24) && fits(latitude_deg, -90, 90) && fits(longitude_deg, -180, 180)
      ? { zoom, latitude_deg, longitude_deg }
      : null;
  const track = parts.get("track");
  const tab = TABS.find((t) => t === parts.get("tab")) ?? null;
  return { view, track: track !== null && /^T\d{1,20}$/.test(track) ? track : null, tab };
}

export function writeHash({ view, track, tab }: HashState): string {
  const parts: string[] = [];
  if (view) parts.push(`map=${view.zoom.toFixed(2)}/${view.latitude_deg.toFixed(5)}/${view.longitude_deg.toFixed(5)}`);
  if (track) parts.push(`track=${track}`);
  if (tab) parts.push(`tab=${tab}`);
  return parts.length > 0 ? `#${parts.join("&")}` : "";
}
