// What is drawn inside a track's symbol: one small picture per class, within ±8 units around the origin.

import type { ClassWord } from "../live/columns";

type Pen = CanvasRenderingContext2D;

function strokes(pen: Pen, path: string, width = 2): void {
  pen.lineWidth = width;
  pen.lineCap = "round";
  pen.lineJoin = "round";
  pen.stroke(new Path2D(path));
}

function dot(pen: Pen, x: number, y: number, radius: number): void {
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  pen.fill();
}

export const GLYPHS: Record<ClassWord, (pen: Pen) => void> = {
  unknown(pen) {
    pen.font = "bold 15px sans-serif";
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.fillText("?", 0, 1);
  },
  multirotor(pen) {
    strokes(pen, "M-5-5L5 5M5-5L-5 5", 1.8);
    for (const [x, y] of [
      [-5.4, -5.4],
      [5.4, -5.4],
      [-5.4, 5.4],
      [5.4, 5.4],
    ] as const)
      dot(pen, x, y, 2.6);
  },
  fixed_wing(pen) {
    strokes(pen, "M0-7V7M-8-1H8M-3 6.5H3", 2.4);
  },
  drone(pen) {
    strokes(pen, "M-6-6L6 6M6-6L-6 6", 2.4);
    dot(pen, 0, 0, 3);
  },
  bird(pen) {
    strokes(pen, "M-8-1Q-4-6 0 2Q4-6 8-1", 2.4);
  },
  aeroplane(pen) {
    pen.fill(new Path2D("M0-9C1.3-9 1.6-7 1.6-4L9 2V4L1.6 2 1.2 6 4 8V9.4L0 8.4-4 9.4V8L-1.2 6-1.6 2-9 4V2L-1.6-4C-1.6-7-1.3-9 0-9Z"));
  },
  helicopter(pen) {
    strokes(pen, "M-8-5H8M0-5V-2M3 2H8M8-1V4", 2);
    pen.beginPath();
    pen.ellipse(-1, 2, 5, 4, 0, 0, 2 * Math.PI);
    pen.fill();
  },
  balloon(pen) {
    dot(pen, 0, -2.5, 5.5);
    strokes(pen, "M-2 3.5L-1.4 6M2 3.5L1.4 6M-2 7.4H2", 1.8);
  },
  ground(pen) {
    strokes(pen, "M-8 5H8M-5 4V-1H5V4M-3-1L-1.5-4.5H1.5L3-1", 2);
  },
};
