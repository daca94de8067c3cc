// Times as people read them. All arguments are milliseconds since the Unix epoch or seconds, as the names say.

const two = (n: number): string => String(n).padStart(2, "0");

/** `03:12:44` in UTC; the caller writes "UTC" or "Z" beside it. */
export function utcClock(ms: number): string {
  const t = new Date(ms);
  return `${two(t.getUTCHours())}:${two(t.getUTCMinutes())}:${two(t.getUTCSeconds())}`;
}

/** `05:12:44` in the browser's own zone. */
export function localClock(ms: number): string {
  const t = new Date(ms);
  return `${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}`;
}

/** `2026-11-23 03:12:44 UTC`, from RFC 3339 text or milliseconds. */
export function utcFull(time: string | number): string {
  const ms = typeof time === "number" ? time : Date.parse(time);
  if (!Number.isFinite(ms)) return "unknown";
  return `${new Date(ms).toISOString().slice(0, 10)} ${utcClock(ms)} UTC`;
}

/** `03:12:44 UTC`, from RFC 3339 text; "unknown" for null. */
export function utcTime(time: string | null | undefined): string {
  const ms = time == null ? Number.NaN : Date.parse(time);
  return Number.isFinite(ms) ? `${utcClock(ms)} UTC` : "unknown";
}

/** A count of seconds for a countdown: `0:42`, `12:05`, `1:02:03`. Never negative. */
export function countdown(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds));
  const h = Math.floor(s / 3600);
  const m = Math.floor(s / 60) % 60;
  return h > 0 ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`;
}

/** `7 s`, `3 min`, `2 h 5 min`, `4 d`. */
export function lasting(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 90) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${Math.floor(s / 60) % 60} min`;
  return `${Math.floor(s / 86_400)} d`;
}

/** How long ago a time was: `7 s ago`; "never" for null. A time slightly ahead of the clock is "now". */
export function ago(time: string | null | undefined, nowMs: number): string {
  const ms = time == null ? Number.NaN : Date.parse(time);
  if (!Number.isFinite(ms)) return "never";
  const s = (nowMs - ms) / 1000;
  return s < 1 ? "now" : `${lasting(s)} ago`;
}
