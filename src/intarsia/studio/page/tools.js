// Tools that draw on a map. Brush and eraser write bytes; shapes are words, which the server draws.

import { Stroke } from "./brush.js";

/** @typedef {import("./types.d.ts").Levels} Levels */
/** @typedef {import("./types.d.ts").Point} Point */
/** @typedef {import("./types.d.ts").Rect} Rect */

/**
 * @typedef {Object} Tool
 * @property {string} label
 * @property {string} key
 * @property {string} about
 * @property {"stroke" | "drag" | "outline" | "click" | "pick" | "pan"} kind
 * @property {(points: Point[], size: {w: number, h: number}, options: Options) => string | null} [words]
 *
 * @typedef {{size: number, hardness: number, opacity: number, tolerance: number}} Options
 */

/** @param {number} value */
const short = (value) => String(Math.round(value * 10000) / 10000);
/** @param {Point} point */
const xy = ({ x, y }) => `${short(x)},${short(y)}`;

/** @param {Point[]} points of two corners */
const tiny = ([a, b]) => Math.abs(a.x - b.x) < 0.004 || Math.abs(a.y - b.y) < 0.004;

/** @type {Record<string, Tool>} */
export const TOOLS = {
  brush: { label: "Brush", key: "b", kind: "stroke", about: "Paint where the style goes. Shift-drag erases." },
  erase: { label: "Eraser", key: "e", kind: "stroke", about: "Take the region away where you paint." },
  lasso: {
    label: "Lasso", key: "l", kind: "outline", about: "Draw around what belongs to the region.",
    words: (points) => points.length < 3 ? null : `polygon ${thinned(points, 160).map(xy).join(" ")}`,
  },
  rectangle: {
    label: "Rectangle", key: "r", kind: "drag", about: "Drag from corner to corner.",
    words: (points) => tiny(points) ? null : `rectangle ${xy(points[0])} ${xy(points[1])}`,
  },
  ellipse: {
    label: "Ellipse", key: "o", kind: "drag", about: "Drag from corner to corner of the box around it.",
    words: ([a, b]) => tiny([a, b]) ? null
      : `ellipse ${xy({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 })} ${xy({ x: Math.abs(a.x - b.x) / 2, y: Math.abs(a.y - b.y) / 2 })}`,
  },
  fill: {
    label: "Fill", key: "f", kind: "click", about: "Click on a color: what hangs together with it is taken.",
    words: ([point], _, { tolerance }) => `fill ${xy(point)} tolerance=${tolerance}`,
  },
  gradient: {
    label: "Gradient", key: "g", kind: "drag", about: "Drag from where the region fades out to where it is full.",
    words: ([a, b]) => Math.hypot(a.x - b.x, a.y - b.y) < 0.01 ? null : `linear ${xy(a)} ${xy(b)}`,
  },
  radial: {
    label: "Radial gradient", key: "c", kind: "drag", about: "Drag from the middle to where the region fades out.",
    words: ([a, b], { w, h }) => {
      const radius = Math.hypot((a.x - b.x) * w, (a.y - b.y) * h) / Math.min(w, h);
      return radius < 0.01 ? null : `radial ${xy(a)} outer=${short(radius)} | invert`;
    },
  },
  pick: { label: "Pick a region", key: "p", kind: "pick", about: "Click on a region to choose it. Shift-click merges it into the chosen one." },
  pan: { label: "Move the view", key: "v", kind: "pan", about: "Drag the picture; the wheel zooms." },
};

const NEAR = 0.5, MOST = 2000; // pixels that a way in words may be off; points of it

/** A stroke in words, with as many points as its form and its pressure need. @param {Stroke} stroke */
export function strokeWords({ way, levels: { w, h }, brush: { radius, hardness, opacity } }) {
  let points = way;
  for (let near = NEAR; points === way || points.length > MOST; near *= 2) points = simplified(way, near);
  const spots = points.map((one) => xy({ x: one.x / w, y: one.y / h }) + (one.radius < radius ? `,${short(one.radius / radius)}` : ""));
  return `brush ${short(200 * radius / Math.max(w, h))}% ${spots.join(" ")} hardness=${short(hardness)} opacity=${short(opacity)}`;
}

/** So few points of a way that what lies between two of them is nowhere farther off, its radius included (Douglas and
 * Peucker 1973). @template {Point & {radius: number}} T @param {T[]} way @param {number} near in pixels @returns {T[]} */
export function simplified(way, near) {
  const kept = new Uint8Array(way.length), spans = [[0, way.length - 1]];
  kept[0] = kept[way.length - 1] = 1;
  for (let span = spans.pop(); span; span = spans.pop()) {
    const [a, b] = [way[span[0]], way[span[1]]], along = [b.x - a.x, b.y - a.y, b.radius - a.radius];
    const square = along.reduce((sum, one) => sum + one * one, 0);
    let farthest = near, at = -1;
    for (let i = span[0] + 1; i < span[1]; i++) {
      const off = [way[i].x - a.x, way[i].y - a.y, way[i].radius - a.radius];
      const part = square ? Math.min(1, Math.max(0, off.reduce((sum, one, k) => sum + one * along[k], 0) / square)) : 0;
      const far = Math.hypot(...off.map((one, k) => one - part * along[k]));
      if (far > farthest) [farthest, at] = [far, i];
    }
    if (at < 0) continue;
    kept[at] = 1;
    spans.push([span[0], at], [at, span[1]]);
  }
  return way.filter((_, i) => kept[i]);
}

/** So many points of an outline that it keeps its form. @param {Point[]} points @param {number} most */
function thinned(points, most) {
  const step = Math.max(1, points.length / most);
  return Array.from({ length: Math.min(points.length, most) }, (_, i) => points[Math.floor(i * step)]);
}

/** @param {Levels} levels @param {Options} options @param {boolean} erase */
export function stroke(levels, options, erase) {
  const radius = (options.size / 200) * Math.max(levels.w, levels.h);
  return new Stroke(levels, { radius, hardness: options.hardness / 100, opacity: options.opacity / 100, erase });
}
