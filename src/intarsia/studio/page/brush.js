// A stroke on a map: stamps along the way of the pointer, laid over what was there before.

import { within } from "./dom.js";

/** @typedef {import("./types.d.ts").Levels} Levels */
/** @typedef {import("./types.d.ts").Rect} Rect */
/** @typedef {import("./types.d.ts").Point} Point */

export class Stroke {
  /**
   * @param {Levels} levels is written to
   * @param {{radius: number, hardness: number, opacity: number, erase: boolean}} brush radius: in pixels of the map
   */
  constructor(levels, brush) {
    this.levels = levels;
    this.brush = brush;
    this.before = levels.data.slice();
    this.laid = new Uint8Array(levels.data.length); // how much this stroke covers, at most
    /** @type {(Point & {radius: number})[]} where the pointer was */ this.way = [];
    this.left = 0;
  }

  /** Goes to a place, in pixels of the map. Gives what has changed. @param {Point} to @param {number} [pressure] @returns {Rect | null} */
  to(to, pressure = 1) {
    const radius = Math.max(0.5, this.brush.radius * pressure);
    const last = this.way.at(-1), from = last ?? { ...to, radius };
    this.way.push({ ...to, radius });
    if (!last) return this.#stamp(to, radius);
    const length = Math.hypot(to.x - from.x, to.y - from.y), spacing = Math.max(0.5, Math.min(radius, from.radius) * 0.2);
    /** @type {Rect | null} */
    let changed = null;
    let at = Math.max(0, spacing - this.left);
    for (; at <= length; at += spacing) {
      const part = at / length;
      changed = joined(changed, this.#stamp({ x: from.x + part * (to.x - from.x), y: from.y + part * (to.y - from.y) },
        from.radius + part * (radius - from.radius)));
    }
    this.left = length - (at - spacing);
    return changed;
  }

  /** To the very end of its way. */
  end() {
    const last = this.way.at(-1);
    if (last) this.#stamp(last, last.radius);
  }

  /** @param {Point} center @param {number} radius @returns {Rect | null} */
  #stamp(center, radius) {
    const { w, h, data } = this.levels, { before, laid } = this;
    const x0 = within(Math.floor(center.x - radius), 0, w), x1 = within(Math.ceil(center.x + radius) + 1, 0, w);
    const y0 = within(Math.floor(center.y - radius), 0, h), y1 = within(Math.ceil(center.y + radius) + 1, 0, h);
    if (x1 <= x0 || y1 <= y0) return null;
    const solid = radius * this.brush.hardness, soft = Math.max(1, radius - solid);
    const most = 255 * this.brush.opacity;
    for (let y = y0; y < y1; y++) {
      const dy = y + 0.5 - center.y;
      for (let x = x0, i = y * w + x0; x < x1; x++, i++) {
        const dx = x + 0.5 - center.x;
        const off = (Math.sqrt(dx * dx + dy * dy) - solid) / soft;
        if (off >= 1) continue;
        const fall = off <= 0 ? 1 : 1 - off * off * (3 - 2 * off);
        const value = most * fall;
        if (value <= laid[i]) continue;
        laid[i] = value;
        data[i] = this.brush.erase ? Math.min(before[i], 255 - value) : Math.max(before[i], value);
      }
    }
    return { x: x0, y: y0, w: x1 - x0, h: y1 - y0 };
  }

  undo() { this.levels.data.set(this.before); }
}

/** @param {Rect | null} a @param {Rect | null} b @returns {Rect | null} */
export function joined(a, b) {
  if (!a || !b) return a ?? b;
  const x = Math.min(a.x, b.x), y = Math.min(a.y, b.y);
  return { x, y, w: Math.max(a.x + a.w, b.x + b.w) - x, h: Math.max(a.y + a.h, b.y + b.h) - y };
}
