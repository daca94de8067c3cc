// The few requests the console makes. Same origin only; an error carries the server's own words (problem+json).

import type { FeatureCollection } from "geojson";
import type { Alert, Site, Track } from "./types";

const BASE = "/api/v1";

export class Refused extends Error {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

async function request(path: string, init?: RequestInit): Promise<unknown> {
  const response = await fetch(BASE + path, { ...init, headers: { accept: "application/json", ...init?.headers } });
  if (response.ok) return response.json();
  const problem: unknown = await response.json().catch(() => null);
  const words = typeof problem === "object" && problem !== null ? (problem as Record<string, unknown>) : {};
  throw new Refused(String(words.detail ?? words.title ?? `the server answered ${response.status}`), response.status);
}

export const getSite = async (): Promise<Site> => (await request("/site")) as Site;

export const getZones = async (): Promise<FeatureCollection> => (await request("/zones")) as FeatureCollection;

export const getTrack = async (id: string): Promise<Track> =>
  (await request(`/tracks/${encodeURIComponent(id)}`)) as Track;

/**
 * Resolves once the acknowledgement is on the server's disk: to the alert as it now is, or to null when the picture
 * does not show it yet and the live feed will bring it.
 */
export async function acknowledge(id: string, by: string, note: string | null): Promise<Alert | null> {
  const body = JSON.stringify(note ? { by, note } : { by });
  const answer = await request(`/alerts/${encodeURIComponent(id)}/acknowledge`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
  });
  return typeof answer === "object" && answer !== null && "state" in answer ? (answer as Alert) : null;
}
