// Encodes a binary track frame as the server does: for the mock server and for the decoder's tests.

const align8 = (n) => Math.ceil(n / 8) * 8;
const NAN = Number.NaN;

/** `rows`: {id: bigint|number, latitude_deg, longitude_deg, height_ellipsoid_m?, ...codes}; missing numbers are NaN. */
export function encodeFrame({ kind = 0, time_ns = 0n, rows = [], removed = [] }) {
  const n = rows.length;
  const columns = [
    [8, (v, at, r) => v.setBigUint64(at, BigInt(r.id), true)],
    [4, (v, at, r) => v.setInt32(at, Math.round(r.latitude_deg * 1e7), true)],
    [4, (v, at, r) => v.setInt32(at, Math.round(r.longitude_deg * 1e7), true)],
    ...["height_ellipsoid_m", "altitude_msl_m", "speed_mps", "course_deg", "vertical_speed_mps", "accuracy_m"].map(
      (key) => [4, (v, at, r) => v.setFloat32(at, r[key] ?? NAN, true)],
    ),
    [2, (v, at, r) => v.setUint16(at, Math.min(65535, Math.round((r.age_s ?? 0) * 10)), true)],
    ...["phase", "identity", "class", "flags"].map((key) => [1, (v, at, r) => v.setUint8(at, r[key] ?? 0)]),
  ];
  let size = 32;
  const starts = columns.map(([width]) => {
    const start = align8(size);
    size = start + width * n;
    return start;
  });
  const removedAt = align8(size);
  const buffer = new ArrayBuffer(removedAt + removed.length * 8);
  const view = new DataView(buffer);
  view.setUint32(0, 0x4c575431, false);
  view.setUint32(4, kind, true);
  view.setBigInt64(8, time_ns, true);
  view.setUint32(16, n, true);
  view.setUint32(20, removed.length, true);
  columns.forEach(([width, put], c) => rows.forEach((r, i) => put(view, starts[c] + i * width, r)));
  removed.forEach((id, i) => view.setBigUint64(removedAt + i * 8, BigInt(id), true));
  return buffer;
}
