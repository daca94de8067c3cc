// Decodes the binary track frames of the live feed: fixed-layout little-endian columns, one after another, each
// starting at a multiple of 8 bytes. A frame that does not add up is refused as a whole: half a picture is no picture.

export const PHASES = ["tentative", "confirmed", "coasting", "ended"] as const;
export const IDENTITIES = ["unidentified", "claimed", "corroborated", "authorised", "contradicted"] as const;
export const CLASSES = [
  "unknown",
  "multirotor",
  "fixed_wing",
  "drone",
  "bird",
  "aeroplane",
  "helicopter",
  "balloon",
  "ground",
] as const;

export type PhaseWord = (typeof PHASES)[number];
export type IdentityWord = (typeof IDENTITIES)[number];
export type ClassWord = (typeof CLASSES)[number];

/** One track as a frame carries it. Unknown is null, never 0. */
export interface TrackRow {
  id: string;
  latitude_deg: number;
  longitude_deg: number;
  height_ellipsoid_m: number | null;
  altitude_msl_m: number | null;
  speed_mps: number | null;
  course_deg: number | null;
  vertical_speed_mps: number | null;
  /** 95 % radius of the place. */
  accuracy_m: number | null;
  /** Seconds since it was last seen, at the frame's time; saturates at 6553.5. */
  age_s: number;
  phase: PhaseWord;
  identity: IdentityWord;
  class: ClassWord;
  claimed_only: boolean;
  alert: boolean;
  critical: boolean;
  height_known: boolean;
}

export interface Frame {
  kind: "snapshot" | "delta";
  /** The picture's time, milliseconds since the Unix epoch. */
  time_ms: number;
  tracks: TrackRow[];
  removed: string[];
}

export class BadFrame extends Error {}

const HEADER_BYTES = 32;
/** More than the server ever holds (its own limit is 50,000): a count above it is a broken frame. */
export const TRACKS_MAX = 200_000;

// Column widths in the order they stand in the frame: id, latitude, longitude, six float columns, age, four bytes.
const WIDTHS = [8, 4, 4, 4, 4, 4, 4, 4, 4, 2, 1, 1, 1, 1] as const;

const align8 = (offset: number): number => Math.ceil(offset / 8) * 8;

interface Layout {
  starts: number[];
  removedAt: number;
  end: number;
}

function layout(count: number, removed: number): Layout {
  const starts: number[] = [];
  let at = HEADER_BYTES;
  for (const width of WIDTHS) {
    at = align8(at);
    starts.push(at);
    at += width * count;
  }
  const removedAt = align8(at);
  return { starts, removedAt, end: removed > 0 ? removedAt + removed * 8 : at };
}

const number = (value: number): number | null => (Number.isFinite(value) ? value : null);

function word<W extends string>(words: readonly W[], code: number, what: string): W {
  const found = words[code];
  if (found === undefined) throw new BadFrame(`${what} code ${code} is not one of 0 to ${words.length - 1}`);
  return found;
}

export function decodeFrame(buffer: ArrayBuffer): Frame {
  if (buffer.byteLength < HEADER_BYTES) throw new BadFrame(`${buffer.byteLength} bytes are no header`);
  const view = new DataView(buffer);
  if (view.getUint32(0, false) !== 0x4c575431) throw new BadFrame("does not begin with LWT1");
  const kind = view.getUint32(4, true);
  if (kind > 1) throw new BadFrame(`kind ${kind} is neither snapshot nor delta`);
  const time_ms = Number(view.getBigInt64(8, true) / 1_000_000n);
  const count = view.getUint32(16, true);
  const removedCount = view.getUint32(20, true);
  if (count > TRACKS_MAX || removedCount > TRACKS_MAX) throw new BadFrame(`${count}+${removedCount} tracks`);
  const { starts, removedAt, end } = layout(count, removedCount);
  // The last column may be padded to 8 bytes or not; anything else is not this layout.
  if (buffer.byteLength < end || buffer.byteLength > align8(end)) {
    throw new BadFrame(`${buffer.byteLength} bytes, ${end} expected for ${count} tracks and ${removedCount} removed`);
  }
  const tracks: TrackRow[] = [];
  for (let i = 0; i < count; i++) tracks.push(row(view, starts, i));
  const removed: string[] = [];
  for (let i = 0; i < removedCount; i++) removed.push(`T${view.getBigUint64(removedAt + i * 8, true)}`);
  return { kind: kind === 0 ? "snapshot" : "delta", time_ms, tracks, removed };
}

function row(view: DataView, starts: number[], i: number): TrackRow {
  const start = (column: number): number => starts[column] ?? 0;
  const float = (column: number): number | null => number(view.getFloat32(start(column) + i * 4, true));
  const byte = (column: number): number => view.getUint8(start(column) + i);
  const latitude_deg = view.getInt32(start(1) + i * 4, true) / 1e7;
  const longitude_deg = view.getInt32(start(2) + i * 4, true) / 1e7;
  if (Math.abs(latitude_deg) > 90 || Math.abs(longitude_deg) > 180) {
    throw new BadFrame(`place ${latitude_deg}, ${longitude_deg} is not on the earth`);
  }
  const flags = byte(13);
  return {
    id: `T${view.getBigUint64(start(0) + i * 8, true)}`,
    latitude_deg,
    longitude_deg,
    height_ellipsoid_m: float(3),
    altitude_msl_m: float(4),
    speed_mps: float(5),
    course_deg: float(6),
    vertical_speed_mps: float(7),
    accuracy_m: float(8),
    age_s: view.getUint16(start(9) + i * 2, true) / 10,
    phase: word(PHASES, byte(10), "phase"),
    identity: word(IDENTITIES, byte(11), "identity"),
    class: word(CLASSES, byte(12), "class"),
    claimed_only: (flags & 1) !== 0,
    alert: (flags & 2) !== 0,
    critical: (flags & 4) !== 0,
    height_known: (flags & 8) !== 0,
  };
}
