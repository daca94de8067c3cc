// The server's words in plain English. A word this console does not know is shown as it came, readable.

import type { Evidence, Name, Transmitter } from "../api/types";

const readable = (word: string): string => word.replaceAll("_", " ").replaceAll("-", " ");
const look = (table: Record<string, string>, word: string): string => table[word] ?? readable(word);

export const className = (word: string): string =>
  look({ fixed_wing: "fixed-wing drone", unknown: "class unknown" }, word);

export const identityName = (word: string): string => look({}, word);

export const identityMeaning = (word: string): string =>
  look(
    {
      unidentified: "It says nothing of itself.",
      claimed: "It says who it is. Nothing else supports or denies it.",
      corroborated: "Independent sensors support what it says.",
      authorised: "Corroborated, and matched to a registered flight by name, place and time.",
      contradicted: "What it says cannot be true.",
    },
    word,
  );

export const phaseMeaning = (word: string): string =>
  look(
    {
      tentative: "tentative: may be false",
      confirmed: "confirmed: taken for real",
      coasting: "coasting: not seen lately, its place is a prediction",
      ended: "ended",
    },
    word,
  );

export const sensorKind = (word: string): string =>
  look(
    {
      remote_id: "Remote ID receiver",
      adsb: "ADS-B receiver",
      radar: "radar",
      rf_direction: "radio direction finder",
      acoustic: "microphone array",
      camera: "camera",
      multilateration: "multilateration",
      human: "observer",
      other: "other sensor",
    },
    word,
  );

export const protocolName = (word: string): string =>
  look(
    {
      remote_id_wifi_beacon: "Remote ID, Wi-Fi beacon",
      remote_id_wifi_nan: "Remote ID, Wi-Fi NaN",
      remote_id_bluetooth_legacy: "Remote ID, Bluetooth 4",
      remote_id_bluetooth_long_range: "Remote ID, Bluetooth 5 long range",
      remote_id: "Remote ID",
      mode_s: "Mode S",
      adsb: "ADS-B",
      adsb_non_transponder: "ADS-B, not a transponder",
      tisb: "TIS-B (ground radar)",
      adsr: "ADS-R (rebroadcast)",
      dji_drone_id: "DJI DroneID",
    },
    word,
  );

export const nameKind = (word: Name["kind"]): string =>
  look(
    {
      serial: "serial number",
      utm_id: "UTM flight id",
      session_id: "session id",
      icao_address: "ICAO address",
      sensor_object: "sensor's own number",
    },
    word,
  );

export function transmitterLine(transmitter: Transmitter): string {
  if ("mac" in transmitter) return `radio address ${transmitter.mac}`;
  if ("icao" in transmitter) return `ICAO address ${transmitter.icao}`;
  if ("non_icao" in transmitter) return `non-ICAO address ${transmitter.non_icao}`;
  return `key ${transmitter.other}`;
}

export const evidenceSentence = (kind: string): string =>
  look(
    {
      seen_independently: "A sensor that does not rely on its word saw it there.",
      not_seen_there: "A sensor that covers the place should have seen it, and did not.",
      seen_elsewhere: "A sensor saw it elsewhere than it says.",
      on_authorised_list: "Its name is on the list of authorised flights; place and time fit.",
      outside_authorisation: "Its name is on the list, but it is outside the permitted place or time.",
      one_name_two_places: "The same unique name is heard in two places at once.",
      impossible_speed: "Its positions imply a speed no such aircraft has.",
      frozen_timestamp: "Its time stamp stands still while messages go on.",
      wrong_timestamp: "Its time stamp disagrees with the time of reception.",
      operator_too_far: "Its operator is said to be implausibly far away.",
      flat_signal: "Its signal strength does not change with distance.",
      shared_transmitter: "Its radio address is used by several aircraft.",
      bad_authentication: "Its authentication pages are inconsistent.",
      malformed_name: "Its name breaks the rules of its kind.",
      inconsistent_motion: "Its claimed speed or course disagrees with its claimed positions.",
      height_contradicted: "Sensors measured another height than it claims.",
    },
    kind,
  );

/** `strongly for, weight +4.2`. The weight is a log-likelihood ratio: its sign is the side, its size the strength. */
export function evidenceWeight(evidence: Pick<Evidence, "weight">): string {
  const size = Math.abs(evidence.weight);
  const side = evidence.weight > 0 ? "for" : evidence.weight < 0 ? "against" : "neither way";
  const strength = size >= 5 ? "very strongly" : size >= 3 ? "strongly" : size >= 1 ? "moderately" : "weakly";
  const sign = evidence.weight > 0 ? "+" : evidence.weight < 0 ? "\u2212" : "";
  return `${size === 0 ? "" : `${strength} `}${side}, weight ${sign}${size.toFixed(1)}`;
}

export const healthMeaning = (word: string): string =>
  look(
    {
      waiting: "never heard since the start",
      live: "heard within its interval",
      silent: "not heard: what it covers is blind",
      faulty: "heard, but not to be relied on",
    },
    word,
  );

export { readable };
