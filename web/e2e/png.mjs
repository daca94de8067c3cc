// Reads the pixels of a screenshot: 8-bit RGB or RGBA, not interlaced, which is what Chromium writes.

import { inflateSync } from "node:zlib";

export function readPng(file) {
  let at = 8;
  let header;
  const parts = [];
  while (at < file.length) {
    const length = file.readUInt32BE(at);
    const type = file.toString("latin1", at + 4, at + 8);
    const body = file.subarray(at + 8, at + 8 + length);
    if (type === "IHDR") header = body;
    else if (type === "IDAT") parts.push(body);
    at += 12 + length;
  }
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const channels = { 2: 3, 6: 4 }[header[9]];
  if (header[8] !== 8 || !channels || header[12] !== 0) throw new Error("not the kind of PNG that is read here");
  const raw = inflateSync(Buffer.concat(parts));
  const stride = width * channels;
  const pixels = Buffer.alloc(stride * height);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)];
    for (let x = 0; x < stride; x++) {
      const left = x >= channels ? pixels[y * stride + x - channels] : 0;
      const up = y > 0 ? pixels[(y - 1) * stride + x] : 0;
      const corner = x >= channels && y > 0 ? pixels[(y - 1) * stride + x - channels] : 0;
      pixels[y * stride + x] = raw[y * (stride + 1) + 1 + x] + predict(filter, left, up, corner);
    }
  }
  return { width, height, at: (x, y) => pixels.subarray(y * stride + x * channels, y * stride + x * channels + 3) };
}

function predict(filter, left, up, corner) {
  if (filter === 1) return left;
  if (filter === 2) return up;
  if (filter === 3) return (left + up) >> 1;
  if (filter !== 4) return 0;
  const [a, b, c] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
  return a <= b && a <= c ? left : b <= c ? up : corner;
}

const parse = (hex) => [1, 3, 5].map((i) => Number.parseInt(hex.slice(i, i + 2), 16));

/** How many pixels of a box are within `tolerance` of a `#rrggbb` colour in each channel. */
export function countColour(image, box, hex, tolerance = 12) {
  const wanted = parse(hex);
  let count = 0;
  eachPixel(image, box, (pixel) => {
    if (wanted.every((value, i) => Math.abs(pixel[i] - value) <= tolerance)) count++;
  });
  return count;
}

export function distinctColours(image, box) {
  const seen = new Set();
  eachPixel(image, box, (pixel) => seen.add((pixel[0] << 16) | (pixel[1] << 8) | pixel[2]));
  return seen.size;
}

function eachPixel(image, { x, y, width, height }, take) {
  const [x0, y0] = [Math.max(0, Math.floor(x)), Math.max(0, Math.floor(y))];
  const [x1, y1] = [Math.min(image.width, Math.floor(x + width)), Math.min(image.height, Math.floor(y + height))];
  for (let py = y0; py < y1; py++) for (let px = x0; px < x1; px++) take(image.at(px, py));
}
