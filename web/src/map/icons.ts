// Every image of the map is drawn here, on a canvas, when the map first asks for it: nothing is fetched.

import { CLASSES, type ClassWord, IDENTITIES, type IdentityWord, PHASES, type PhaseWord } from "../live/columns";
import { GLYPHS } from "./glyphs";
import type { Palette } from "./palette";

export const PIXEL_RATIO = 2;

export const trackIcon = (identity: IdentityWord, cls: ClassWord, phase: PhaseWord): string =>
  `track/${identity}/${cls}/${phase}`;
export const sensorIcon = (kind: string, health: string): string => `sensor/${kind}/${health}`;

type Pen = CanvasRenderingContext2D;

function canvas(size: number): Pen | null {
  const element = document.createElement("canvas");
  element.width = element.height = size * PIXEL_RATIO;
  const pen = element.getContext("2d", { willReadFrequently: true });
  pen?.scale(PIXEL_RATIO, PIXEL_RATIO);
  return pen;
}

const pixels = (pen: Pen): ImageData => pen.getImageData(0, 0, pen.canvas.width, pen.canvas.height);

/** The frame's outline around the origin: each identity has its own shape. */
const FRAMES: Record<IdentityWord, string> = {
  unidentified: "M0-17L17 0 0 17-17 0Z",
  claimed: "M-12.5-13H12.5V12H-3L-11 18V12H-12.5Z",
  corroborated: "M-12-12H12V12H-12Z",
  authorised: "M0-14A14 14 0 1 1 0 14A14 14 0 1 1 0-14Z",
  contradicted: "M-8-14.5H8L16 0 8 14.5H-8L-16 0Z",
};

/** A small sign at the upper right where the shape alone might be missed. */
function badge(pen: Pen, identity: IdentityWord, colour: string, back: string): void {
  const sign = identity === "authorised" ? "M-3.2 0L-0.8 2.6 3.4-2.8" : "M-3.6-1.6H3.6M-3.6 1.6H3.6M2.2-4.2L-2.2 4.2";
  if (identity !== "authorised" && identity !== "contradicted") return;
  pen.save();
  pen.translate(13, -12);
  pen.fillStyle = back;
  pen.strokeStyle = colour;
  pen.lineWidth = 1.5;
  pen.beginPath();
  pen.arc(0, 0, 7, 0, 2 * Math.PI);
  pen.fill();
  pen.stroke();
  pen.lineWidth = 1.8;
  pen.lineCap = "round";
  pen.stroke(new Path2D(sign));
  pen.restore();
}

function drawTrack(pen: Pen, palette: Palette, identity: IdentityWord, cls: ClassWord, phase: PhaseWord): void {
  const nameless = cls === "bird" && identity === "unidentified";
  const colour = nameless ? palette.bird : palette[identity];
  const solid = phase === "confirmed";
  pen.translate(24, 24);
  // Birds and what may be false are many and rarely matter: same shape, smaller.
  if (nameless || phase === "tentative") pen.scale(0.62, 0.62);
  pen.globalAlpha = phase === "coasting" ? 0.72 : 1;
  const frame = new Path2D(FRAMES[identity]);
  pen.fillStyle = solid ? colour : palette.symbolBack;
  pen.lineJoin = "round";
  pen.strokeStyle = palette.halo;
  pen.lineWidth = 5.5;
  pen.stroke(frame);
  pen.globalAlpha *= phase === "tentative" ? 0.55 : 1;
  pen.fill(frame);
  pen.globalAlpha = phase === "coasting" ? 0.72 : 1;
  pen.strokeStyle = colour;
  pen.lineWidth = 2.2;
  if (phase === "coasting") pen.setLineDash([4, 3]);
  pen.stroke(frame);
  pen.setLineDash([]);
  if (identity === "corroborated") {
    pen.lineWidth = 1.4;
    pen.strokeRect(-16, -16, 32, 32);
  }
  pen.fillStyle = pen.strokeStyle = solid ? palette.symbolBack : colour;
  GLYPHS[cls](pen);
  badge(pen, identity, colour, palette.symbolBack);
}

const SENSOR_LETTERS: Record<string, string> = {
  radar: "RAD",
  remote_id: "RID",
  adsb: "ADS",
  rf_direction: "DF",
  acoustic: "MIC",
  camera: "CAM",
  multilateration: "MLT",
  human: "OBS",
};

function drawSensor(pen: Pen, palette: Palette, kind: string, health: string): void {
  const live = health === "live";
  const colour = live ? palette.sensor : palette.sensorBad;
  pen.translate(20, 20);
  pen.strokeStyle = colour;
  pen.fillStyle = palette.symbolBack;
  pen.lineWidth = 1.8;
  if (health === "waiting") pen.setLineDash([3, 3]);
  pen.beginPath();
  pen.roundRect(-16, -9, 32, 18, live ? 9 : 2);
  pen.fill();
  pen.stroke();
  pen.setLineDash([]);
  pen.fillStyle = colour;
  pen.font = "bold 10.5px sans-serif";
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillText(SENSOR_LETTERS[kind] ?? "SEN", 0, 0.5);
  if (health === "silent") {
    pen.lineWidth = 2.4;
    pen.stroke(new Path2D("M-17 12L17-12"));
  } else if (health === "faulty") {
    pen.font = "bold 14px sans-serif";
    pen.fillText("!", 17, -10);
  }
}

function drawOperator(pen: Pen, palette: Palette): void {
  pen.translate(16, 16);
  pen.strokeStyle = palette.operator;
  pen.fillStyle = palette.symbolBack;
  pen.lineWidth = 2.2;
  pen.beginPath();
  pen.arc(0, -5, 4.6, 0, 2 * Math.PI);
  pen.fill();
  pen.stroke();
  const body = new Path2D("M-8 12C-8 3-4 1.5 0 1.5S8 3 8 12Z");
  pen.fill(body);
  pen.stroke(body);
}

/** Diagonal lines that tile without a seam. */
function drawHatch(pen: Pen, size: number, colour: string, alpha: number, width: number, crossed: boolean): void {
  pen.strokeStyle = colour;
  pen.globalAlpha = alpha;
  pen.lineWidth = width;
  for (const shift of [-size, 0, size]) {
    pen.stroke(new Path2D(`M${shift - 2} ${size + 2}L${shift + size + 2} -2`));
    if (crossed) pen.stroke(new Path2D(`M${shift - 2} -2L${shift + size + 2} ${size + 2}`));
  }
}

/** Edge lengths by kind of image, CSS pixels; an operator's is 32. */
const SIZES = { track: 48, sensor: 40, hatch: 16, blind: 26 } as const;

const includes = <W extends string>(words: readonly W[], word: string | undefined): word is W =>
  words.some((w) => w === word);

/** The image of a name, or null for a name nobody here gave. */
export function drawImage(name: string, palette: Palette): ImageData | null {
  const [what, first, second, third] = name.split("/");
  const pen = canvas(what !== undefined && what in SIZES ? SIZES[what as keyof typeof SIZES] : 32);
  if (!pen) return null;
  if (what === "track") {
    if (!includes(IDENTITIES, first) || !includes(CLASSES, second) || !includes(PHASES, third)) return null;
    drawTrack(pen, palette, first, second, third);
  } else if (what === "sensor") drawSensor(pen, palette, first ?? "", second ?? "");
  else if (what === "operator") drawOperator(pen, palette);
  else if (name === "hatch/protected") drawHatch(pen, SIZES.hatch, palette.protected, 0.42, 1.6, false);
  else if (name === "blind/hatch") drawHatch(pen, SIZES.blind, palette.blind, 0.17, 1, true);
  else return null;
  return pixels(pen);
}
