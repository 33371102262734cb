// The canvas: a picture, another one over it, and regions as colors; zoomed and moved. Where nothing but a stroke
// changes, only its rectangle is drawn again.

import { within } from "./dom.js";

/** @typedef {import("./types.d.ts").Levels} Levels */
/** @typedef {import("./types.d.ts").Rect} Rect */
/** @typedef {import("./types.d.ts").Point} Point */
/** @typedef {{color: string, levels: Levels, strong: boolean, seen?: Uint8Array | null, solid?: boolean}} Tint seen: what the
 *   picture shows already; solid: as paint, with nothing seen below */

const MARGIN = 24; // pixels around the picture when all of it is shown

export class View {
  /** @type {ImageBitmap | null} */ base = null;
  /** @type {ImageBitmap | null} */ top = null;
  /** @type {number} part of the width from which on `top` is shown; 0 all of it, 1 nothing */ split = 0;
  /** @type {Tint[]} */ tints = [];
  /** @type {((context: CanvasRenderingContext2D) => void) | null} draws over all */ marks = null;
  zoom = 1;
  shift = { x: 0, y: 0 };
  #backdrop = document.createElement("canvas");
  #tinted = document.createElement("canvas");
  #stale = true;
  #waiting = false;

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { alpha: false }));
    new ResizeObserver(() => this.#resized()).observe(canvas);
  }

  #resized() {
    const box = this.canvas.getBoundingClientRect(), dense = Math.min(2, devicePixelRatio);
    for (const one of [this.canvas, this.#backdrop]) {
      one.width = Math.max(1, Math.round(box.width * dense));
      one.height = Math.max(1, Math.round(box.height * dense));
    }
    this.refresh();
  }

  /** Where the picture lies, in pixels of the canvas. @returns {Rect} */
  get place() {
    const { width, height } = this.canvas, image = this.base ?? { width: 1, height: 1 };
    const margin = MARGIN * (width / (this.canvas.clientWidth || 1));
    const fit = Math.max(0.01, Math.min((width - 2 * margin) / image.width, (height - 2 * margin) / image.height));
    const w = image.width * fit * this.zoom, h = image.height * fit * this.zoom;
    return { x: (width - w) / 2 + this.shift.x, y: (height - h) / 2 + this.shift.y, w, h };
  }

  /** 0..1 on the picture, of a place in the window. @param {{clientX: number, clientY: number}} event @returns {Point} */
  point({ clientX, clientY }) {
    const box = this.canvas.getBoundingClientRect(), dense = this.canvas.width / box.width, { x, y, w, h } = this.place;
    return { x: ((clientX - box.left) * dense - x) / w, y: ((clientY - box.top) * dense - y) / h };
  }

  /** In the window, of a place on the picture. @param {Point} point */
  window({ x, y }) {
    const box = this.canvas.getBoundingClientRect(), dense = this.canvas.width / box.width, place = this.place;
    return { clientX: box.left + (place.x + x * place.w) / dense, clientY: box.top + (place.y + y * place.h) / dense };
  }

  /** @param {number} factor @param {{clientX: number, clientY: number}} [around] */
  zoomBy(factor, around) {
    const box = this.canvas.getBoundingClientRect();
    const at = around ?? { clientX: box.left + box.width / 2, clientY: box.top + box.height / 2 };
    const before = this.point(at), dense = this.canvas.width / box.width;
    this.zoom = within(this.zoom * factor, 0.25, 24);
    const { x, y, w, h } = this.place;
    this.shift.x += (at.clientX - box.left) * dense - x - before.x * w;
    this.shift.y += (at.clientY - box.top) * dense - y - before.y * h;
    this.refresh();
  }

  /** @param {number} dx @param {number} dy in pixels of the window */
  move(dx, dy) {
    const dense = this.canvas.width / (this.canvas.clientWidth || 1);
    this.shift = { x: this.shift.x + dx * dense, y: this.shift.y + dy * dense };
    this.refresh();
  }

  fit() {
    this.zoom = 1;
    this.shift = { x: 0, y: 0 };
    this.refresh();
  }

  /** All anew, in the next frame. */
  refresh() {
    this.#stale = true;
    this.repaint();
  }

  /** What lies over the pictures anew, in the next frame. */
  repaint() {
    if (this.#waiting) return;
    this.#waiting = true;
    requestAnimationFrame(() => {
      this.#waiting = false;
      this.#draw();
    });
  }

  /** The tints, or a part of them, anew. @param {Rect | null} [part] in pixels of the maps */
  retint(part = null) {
    const size = this.tints[0]?.levels;
    if (!size) return this.repaint();
    const canvas = this.#tinted;
    if (canvas.width !== size.w || canvas.height !== size.h) {
      canvas.width = size.w;
      canvas.height = size.h;
    }
    const rect = part ?? { x: 0, y: 0, w: size.w, h: size.h };
    const image = new ImageData(rect.w, rect.h), out = image.data;
    for (const { color, levels, strong, seen, solid } of this.tints) {
      const [r, g, b] = [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16)), most = solid ? 1 : strong ? 0.62 : 0.45;
      for (let y = 0, o = 0; y < rect.h; y++) {
        for (let x = 0, i = (rect.y + y) * levels.w + rect.x; x < rect.w; x++, i++, o += 4) {
          const alpha = ((seen ? Math.abs(levels.data[i] - seen[i]) : levels.data[i]) / 255) * most;
          if (alpha === 0) continue;
          const under = out[o + 3] / 255, all = alpha + under * (1 - alpha);
          out[o] = (r * alpha + out[o] * under * (1 - alpha)) / all;
          out[o + 1] = (g * alpha + out[o + 1] * under * (1 - alpha)) / all;
          out[o + 2] = (b * alpha + out[o + 2] * under * (1 - alpha)) / all;
          out[o + 3] = 255 * all;
        }
      }
    }
    /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")).putImageData(image, rect.x, rect.y);
    this.repaint();
  }

  #draw() {
    const { context, canvas } = this, place = this.place;
    if (this.#stale) this.#drawBackdrop(place);
    context.drawImage(this.#backdrop, 0, 0);
    if (this.tints.length) context.drawImage(this.#tinted, place.x, place.y, place.w, place.h);
    this.marks?.(context);
    canvas.dataset.drawn = String(Number(canvas.dataset.drawn ?? 0) + 1);
  }

  /** @param {Rect} place */
  #drawBackdrop(place) {
    this.#stale = false;
    const context = /** @type {CanvasRenderingContext2D} */ (this.#backdrop.getContext("2d", { alpha: false }));
    const { width, height } = this.#backdrop;
    context.fillStyle = getComputedStyle(this.canvas).getPropertyValue("--stage") || "#1a1917";
    context.fillRect(0, 0, width, height);
    if (!this.base) return;
    const sharp = place.w > 2 * this.base.width;
    context.imageSmoothingEnabled = !sharp;
    context.imageSmoothingQuality = "high";
    if (!this.top || this.split > 0) context.drawImage(this.base, place.x, place.y, place.w, place.h);
    if (!this.top || this.split >= 1) return;
    context.save();
    context.beginPath();
    context.rect(place.x + this.split * place.w, place.y, place.w * (1 - this.split) + 1, place.h);
    context.clip();
    context.imageSmoothingEnabled = true;
    context.drawImage(this.top, place.x, place.y, place.w, place.h);
    context.restore();
  }
}
