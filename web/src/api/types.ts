// The server's nouns, as its OpenAPI description has them. `npm run types` writes schema.d.ts from openapi.json.
// Times are RFC 3339 in UTC; spans are seconds; unknown is null.

import type { components } from "./schema";

type Schemas = components["schemas"];

export type Alert = Schemas["Alert"];
export type AlertReason = Schemas["AlertReason"];
export type Coverage = Schemas["Coverage"];
export type Evidence = Schemas["Evidence"];
export type Health = Schemas["Health"];
export type Heights = Schemas["Heights"];
export type IdentityStatus = Schemas["IdentityStatus"];
export type InputState = Schemas["InputState"];
export type Link = Schemas["Link"];
export type Name = Schemas["Name"];
export type Place = Schemas["Place"];
export type SensorState = Schemas["SensorState"];
export type Severity = Schemas["Severity"];
export type Site = Schemas["Site"];
export type Track = Schemas["Track"];
export type Transmitter = Schemas["Transmitter"];
