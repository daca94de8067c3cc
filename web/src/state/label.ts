// The name to show for a track: the same order of preference as the server's.

import type { Name, Track } from "../api/types";

const ORDER: Name["kind"][] = [
  "callsign",
  "serial",
  "registration",
  "icao_address",
  "utm_id",
  "session_id",
  "sensor_object",
];

export function labelOf(track: Pick<Track, "identity">): string | null {
  const names = [...track.identity.names].sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind));
  return names[0]?.value ?? null;
}
