export interface EncodedRow {
  id: bigint | number;
  latitude_deg: number;
  longitude_deg: number;
  height_ellipsoid_m?: number;
  altitude_msl_m?: number;
  speed_mps?: number;
  course_deg?: number;
  vertical_speed_mps?: number;
  accuracy_m?: number;
  age_s?: number;
  phase?: number;
  identity?: number;
  class?: number;
  flags?: number;
}
export function encodeFrame(frame: {
  kind?: number;
  time_ns?: bigint;
  rows?: EncodedRow[];
  removed?: (bigint | number)[];
}): ArrayBuffer;
