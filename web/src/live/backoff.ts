// How long to wait before the next try to connect: doubling from half a second to eight, with jitter so that many
// consoles do not return to a restarted server in one instant.

const FIRST_MS = 500;
const GREATEST_MS = 8000;

/** `attempt` counts from 0; `random` is in [0, 1). Between half the step and the whole step. */
export function backoffMs(attempt: number, random: number): number {
  const step = Math.min(GREATEST_MS, FIRST_MS * 2 ** Math.min(attempt, 10));
  return Math.round(step * (0.5 + random / 2));
}
