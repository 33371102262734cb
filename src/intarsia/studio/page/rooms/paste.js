// An object on a painting: moved, scaled and turned by hand, then painted as the rest of the painting is.

import * as api from "../api.js";
import { slider } from "../controls.js";
import { el, icon, toast, within } from "../dom.js";
import { state } from "../state.js";

/** @typedef {import("../types.d.ts").Point} Point */
/** @typedef {import("../types.d.ts").Pasted} Pasted */
/** @typedef {import("../app.js").App} App */

const GRIP = 11; // radius of a handle, in pixels of the window

export class PasteRoom {
  name = "paste";
  tool = "place";
  overlay = false;
  part = false;
  /** whether the next click is on the object's background */ picking = false;
  /** @type {ImageBitmap | null} */ #cutout = null;
  #cutoutOf = "";
  #whole = false;
  /** @type {{kind: "move" | "scale" | "rotate", from: Point, paste: Pasted} | null} */ #grip = null;

  /** @param {App} app */
  constructor(app) { this.app = app; }

  get on() { return { picture: state.sketch.content ?? "" }; }
  get size() { const [w, h] = state.content?.map ?? [1, 1]; return { w, h }; }
  looked() { this.tint(); }
  tint() { this.app.view.tints = []; this.app.view.repaint(); }

  async load() {
    const { paste } = state.sketch, name = paste ? `${paste.object} ${paste.mask}` : "";
    if (name === this.#cutoutOf) return;
    this.#cutoutOf = name;
    this.#cutout = null;
    this.app.view.repaint();
    if (!paste) return;
    try {
      const { image, whole } = await api.cutout(paste.object, paste.mask);
      if (this.#cutoutOf !== name) return;
      this.#cutout = image;
      if (whole !== this.#whole) {
        this.#whole = whole;
        this.app.panel();
      }
      this.app.view.repaint();
      this.app.look(state.sketch);
    } catch (fault) {
      toast(/** @type {Error} */ (fault).message, "fault");
    }
  }

  /** Whether there is something to look at. */
  get ready() { return state.sketch.paste !== null && this.#cutout !== null && !this.#whole; }

  /** Half the sides of the object, in pixels of a picture of this size. @param {number} w @param {number} h @param {Pasted} paste */
  #half(w, h, paste) {
    const image = this.#cutout ?? { width: 1, height: 1 }, long = Math.max(image.width, image.height);
    const scale = (paste.scale * Math.min(w, h)) / long;
    return { x: (image.width * scale) / 2, y: (image.height * scale) / 2 };
  }

  /** @param {Point} point @returns {Point} from the middle of the object, turned as it is, in pixels of the window */
  #own(point) {
    const place = this.app.view.place, dense = this.app.view.canvas.width / this.app.view.canvas.clientWidth;
    const paste = /** @type {Pasted} */ (state.sketch.paste), angle = (-paste.rotate * Math.PI) / 180;
    const dx = ((point.x - paste.at[0]) * place.w) / dense, dy = ((point.y - paste.at[1]) * place.h) / dense;
    return { x: dx * Math.cos(angle) - dy * Math.sin(angle), y: dx * Math.sin(angle) + dy * Math.cos(angle) };
  }

  /** @param {Point} point */
  down(point) {
    const { paste } = state.sketch;
    if (!paste || !this.#cutout) return false;
    const own = this.#own(point), place = this.app.view.place, dense = this.app.view.canvas.width / this.app.view.canvas.clientWidth;
    const half = this.#half(place.w / dense, place.h / dense, paste);
    const corner = Math.abs(Math.abs(own.x) - half.x) < 2 * GRIP && Math.abs(Math.abs(own.y) - half.y) < 2 * GRIP;
    const top = Math.abs(own.x) < 2 * GRIP && Math.abs(own.y + half.y + 30) < 2 * GRIP;
    const inside = Math.abs(own.x) < half.x && Math.abs(own.y) < half.y;
    if (!corner && !top && !inside) return false;
    this.#grip = { kind: top ? "rotate" : corner ? "scale" : "move", from: point, paste: { ...paste } };
    this.app.over("none");
    return true;
  }

  /** @param {{point: Point, pressure: number}[]} points */
  move(points) {
    const grip = this.#grip, point = points[points.length - 1].point;
    if (!grip) return;
    const place = this.app.view.place, { at } = grip.paste;
    const away = (/** @type {Point} */ one) => ({ x: (one.x - at[0]) * place.w, y: (one.y - at[1]) * place.h });
    const from = away(grip.from), to = away(point);
    this.#set((paste) => {
      if (grip.kind === "move") paste.at = [within(at[0] + point.x - grip.from.x, 0, 1), within(at[1] + point.y - grip.from.y, 0, 1)];
      if (grip.kind === "scale") {
        paste.scale = within(grip.paste.scale * Math.hypot(to.x, to.y) / Math.max(1, Math.hypot(from.x, from.y)), 0.03, 1.5);
      }
      if (grip.kind === "rotate") {
        const turned = ((Math.atan2(to.y, to.x) - Math.atan2(from.y, from.x)) * 180) / Math.PI;
        paste.rotate = ((((grip.paste.rotate + turned + 180) % 360) + 360) % 360) - 180;
      }
    }, false);
  }

  up() {
    if (!this.#grip) return;
    this.#grip = null;
    this.#set(() => {}, true);
  }

  cancel() {
    const before = this.#grip?.paste;
    this.#grip = null;
    if (before) state.change((sketch) => { sketch.paste = before; });
  }

  /** @param {(paste: Pasted) => void} how @param {boolean} [lasting] */
  #set(how, lasting = true) {
    state.change((sketch) => { if (sketch.paste) how(sketch.paste); }, lasting);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (!state.sketch.paste) return false;
    const step = event.shiftKey ? 0.002 : 0.01;
    /** @type {Record<string, (paste: Pasted) => void>} */
    const keys = {
      ArrowLeft: (paste) => { paste.at = [within(paste.at[0] - step, 0, 1), paste.at[1]]; },
      ArrowRight: (paste) => { paste.at = [within(paste.at[0] + step, 0, 1), paste.at[1]]; },
      ArrowUp: (paste) => { paste.at = [paste.at[0], within(paste.at[1] - step, 0, 1)]; },
      ArrowDown: (paste) => { paste.at = [paste.at[0], within(paste.at[1] + step, 0, 1)]; },
      "+": (paste) => { paste.scale = Math.min(1.5, paste.scale * 1.05); },
      "-": (paste) => { paste.scale = Math.max(0.03, paste.scale / 1.05); },
      "[": (paste) => { paste.rotate = within(paste.rotate - 3, -180, 180); },
      "]": (paste) => { paste.rotate = within(paste.rotate + 3, -180, 180); },
    };
    if (!keys[event.key]) return false;
    this.#set(keys[event.key]);
    return true;
  }

  /** @param {CanvasRenderingContext2D} context */
  marks(context) {
    const { paste } = state.sketch, { view } = this.app;
    if (!paste || !this.#cutout) return;
    const place = view.place, dense = view.canvas.width / view.canvas.clientWidth, half = this.#half(place.w, place.h, paste);
    context.save();
    context.translate(place.x + paste.at[0] * place.w, place.y + paste.at[1] * place.h);
    context.rotate((paste.rotate * Math.PI) / 180);
    if (!view.top || this.#grip) context.drawImage(this.#cutout, -half.x, -half.y, 2 * half.x, 2 * half.y);
    context.lineWidth = 1.5 * dense;
    context.strokeStyle = "#fff";
    context.shadowColor = "#000";
    context.shadowBlur = 3 * dense;
    context.strokeRect(-half.x, -half.y, 2 * half.x, 2 * half.y);
    context.beginPath();
    context.moveTo(0, -half.y);
    context.lineTo(0, -half.y - 30 * dense);
    context.stroke();
    context.fillStyle = "#fff";
    for (const [x, y] of [[-half.x, -half.y], [half.x, -half.y], [half.x, half.y], [-half.x, half.y], [0, -half.y - 30 * dense]]) {
      context.beginPath();
      context.arc(x, y, (GRIP / 2) * dense, 0, 7);
      context.fill();
    }
    context.restore();
  }

  panel() {
    const { paste } = state.sketch;
    const choose = el("button", { id: "object-choose", class: paste ? "wide" : "wide primary", onclick: () => this.app.choose("object") },
      icon("picture"), paste ? "Another object" : "Choose a picture of an object");
    if (!paste) {
      return [el("section", { "aria-labelledby": "object-title" }, el("h2", { id: "object-title", text: "Object" }),
        el("p", { text: "Put an object on the painting, and have it painted as the rest is. Its picture may be transparent around it; else its background is cut away by its color." }),
        choose)];
    }
    const percent = (/** @type {number} */ value) => `${Math.round(100 * value)} %`;
    const cut = /tolerance=([0-9.]+)/.exec(paste.mask);
    const tolerance = cut ? Number(cut[1]) : 12;
    const sky = (/** @type {number} */ value) => `fill 0.01,0.01 0.99,0.01 tolerance=${value} | invert`;
    return [
      el("section", { "aria-labelledby": "object-title" }, el("h2", { id: "object-title", text: "Object" }), choose,
        this.#whole && !paste.mask && el("p", { class: "hint", text: "Nothing of this picture is transparent. Cut away the background, which has the color of its upper corners." }),
        el("label", { class: "check" }, el("input", { id: "cut", type: "checkbox", checked: Boolean(paste.mask),
          onchange: (/** @type {Event} */ event) => this.#set((one) => { one.mask = /** @type {HTMLInputElement} */ (event.target).checked ? sky(12) : ""; }) }), "Cut away its background"),
        Boolean(paste.mask) && slider({ id: "tolerance", label: "Tolerance", value: tolerance, least: 2, most: 60, step: 1,
          set: (value, lasting) => { if (lasting) this.#set((one) => { one.mask = sky(value); }); } })),
      el("section", { "aria-labelledby": "place-title" }, el("h2", { id: "place-title", text: "Where and how" }),
        slider({ id: "paste-scale", label: "Size", value: paste.scale, least: 0.05, most: 1.2, step: 0.01, shown: percent,
          set: (value, lasting) => this.#set((one) => { one.scale = value; }, lasting) }),
        slider({ id: "paste-rotate", label: "Turned", value: paste.rotate, least: -180, most: 180, step: 1, shown: (value) => `${Math.round(value)}°`,
          set: (value, lasting) => this.#set((one) => { one.rotate = value; }, lasting) }),
        el("label", { class: "check" }, el("input", { id: "estimate", type: "checkbox", checked: paste.strength === null,
          onchange: (/** @type {Event} */ event) => this.#set((one) => { one.strength = /** @type {HTMLInputElement} */ (event.target).checked ? null : 0.7; }) }), "Estimate the brushwork"),
        paste.strength !== null && slider({ id: "paste-strength", label: "Brushwork", value: paste.strength, least: 0, most: 1, step: 0.05, shown: percent,
          set: (value, lasting) => { if (lasting) this.#set((one) => { one.strength = value; }); } })),
    ];
  }
}
