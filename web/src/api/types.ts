// The server's nouns, as they stand in JSON. Times are RFC 3339 in UTC; spans are seconds; unknown is null.

export type Severity = "notice" | "warning" | "critical";
export type AlertState = "raised" | "acknowledged" | "cleared";

export interface AlertReason {
  rule: string;
  zone: string;
  inside_probability: number;
  entry_predicted_at: string | null;
  entry_sd_s: number | null;
  entered_at: string | null;
  distance_m: number;
  height_known: boolean;
}

export interface AlertStep {
  at: string;
  state: AlertState;
  severity: Severity;
  by: string | null;
  note: string | null;
}

export interface Alert {
  id: string;
  state: AlertState;
  severity: Severity;
  track: string;
  headline: string;
  reason: AlertReason;
  raised_at: string;
  changed_at: string;
  steps: AlertStep[];
  entries: number[];
}

export type Class =
  | "multirotor"
  | "fixed_wing"
  | "drone"
  | "bird"
  | "aeroplane"
  | "helicopter"
  | "balloon"
  | "ground";

export type IdentityStatus = "unidentified" | "claimed" | "corroborated" | "authorised" | "contradicted";
export type Phase = "tentative" | "confirmed" | "coasting" | "ended";

export interface Name {
  kind: "serial" | "registration" | "utm_id" | "session_id" | "icao_address" | "callsign" | "sensor_object";
  value: string;
}

export interface Evidence {
  kind: string;
  weight: number;
  detail: string;
  first_at: string;
  last_at: string;
  count: number;
}

export interface Place {
  latitude_deg: number;
  longitude_deg: number;
}

export interface Heights {
  height_ellipsoid_m?: number | null;
  altitude_msl_m?: number | null;
  height_above_takeoff_m?: number | null;
  height_above_ground_m?: number | null;
  altitude_pressure_m?: number | null;
  vertical_accuracy_m?: number | null;
  pressure_accuracy_m?: number | null;
}

export interface Kinematics {
  at: string;
  place: Place;
  heights: Heights;
  horizontal_accuracy_m: number;
  speed_mps?: number | null;
  speed_accuracy_mps?: number | null;
  course_rad?: number | null;
  vertical_speed_mps?: number | null;
}

export interface ClaimedOperator {
  place?: Place | null;
  height_ellipsoid_m?: number | null;
  place_source?: string | null;
  id?: string | null;
}

export type Transmitter = { mac: string } | { icao: string } | { non_icao: string } | { other: string };

export interface Source {
  sensor: string;
  protocol?: string | null;
  last_at: string;
  count: number;
}

export interface Track {
  id: string;
  phase: Phase;
  existence: number;
  claimed_only: boolean;
  first_at: string;
  last_at: string;
  kinematics: Kinematics;
  identity: { status: IdentityStatus; names: Name[]; evidence: Evidence[] };
  classification: Partial<Record<Class, number>>;
  status?: string | null;
  operator?: ClaimedOperator | null;
  text?: string | null;
  squawk?: string | null;
  transmitters: Transmitter[];
  sources: Source[];
  entries: number[];
  entries_total: number;
  trail: { at: string; place: Place }[];
}

export type Health = "waiting" | "live" | "silent" | "faulty";

export interface Coverage {
  range_min_m?: number | null;
  range_max_m?: number | null;
  azimuth_from_deg?: number | null;
  azimuth_to_deg?: number | null;
  elevation_min_deg?: number | null;
  elevation_max_deg?: number | null;
  detection_probability?: number | null;
}

export interface Sensor {
  id: string;
  kind: string;
  place: (Place & { height_ellipsoid_m: number }) | null;
  interval: number;
  coverage: Coverage;
}

export interface SensorState {
  sensor: Sensor;
  health: Health;
  why: string | null;
  last_at: string | null;
  since: string;
  reports: number;
}

export type Link = { state: "starting" } | { state: "up" } | { state: "down"; why: string } | { state: "finished" };

export interface Ledger {
  received: number;
  used: number;
  rejected: Record<string, number>;
  shed: Record<string, number>;
}

export interface Fault {
  kind: "irrelevant" | "malformed" | "unsupported" | "refused";
  reason: string;
  detail: string;
  offset: number;
  length: number;
}

export interface InputState {
  input: string;
  sensor: string;
  format: string;
  transport: string;
  link: Link;
  ledger: Ledger;
  faults: Fault[];
}

export type ZoneKind = "protected" | "watch" | "information";
