// Judges how far the picture on the screen can be trusted. A pure function of what was last heard and when.

/** The server sends a heartbeat at least every second; three missed ones are worth a word. */
export const QUIET_AFTER_MS = 3000;
/** After this long without a word the picture is stale, whatever the socket says. */
export const STALE_AFTER_MS = 8000;

export interface Heard {
  /** Whether the socket is open. */
  open: boolean;
  /** When the last frame came, by a steady clock; null before the first one. */
  lastFrameAt: number | null;
  /** The steady clock now. */
  now: number;
}

export type LinkState =
  | { kind: "connecting" }
  | { kind: "live" }
  | { kind: "quiet"; seconds: number }
  | { kind: "lost"; seconds: number };

export function judgeLink({ open, lastFrameAt, now }: Heard): LinkState {
  if (lastFrameAt === null) return { kind: "connecting" };
  const quiet = now - lastFrameAt;
  const seconds = Math.floor(quiet / 1000);
  if (!open || quiet >= STALE_AFTER_MS) return { kind: "lost", seconds };
  return quiet >= QUIET_AFTER_MS ? { kind: "quiet", seconds } : { kind: "live" };
}
