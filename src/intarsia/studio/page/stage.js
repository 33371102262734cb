// What the pointer and the keys do on the canvas. A room says what is drawn on, and takes what was drawn.

import { el, say } from "./dom.js";
import { TOOLS } from "./tools.js";

/** @typedef {import("./view.js").View} View */
/** @typedef {import("./types.d.ts").Point} Point */

/**
 * @typedef {Object} Hand what a room does with the pointer, in 0..1 of the picture
 * @property {(point: Point, event: {pressure: number, shift: boolean}) => boolean} down whether it takes it
 * @property {(points: {point: Point, pressure: number}[]) => void} move
 * @property {(point: Point) => void} up
 * @property {() => void} cancel
 * @property {() => string} tool
 */

const NUDGE = 0.02;

export class Stage {
  /** @type {Map<number, {clientX: number, clientY: number}>} */ #pointers = new Map();
  /** @type {"hand" | "pan" | "pinch" | null} */ #doing = null;
  /** @type {number} */ #spread = 0;
  space = false;
  /** @type {Point | null} where the keys point */ cursor = null;
  /** @type {Point | null} where the pointer hovers */ hover = null;

  /** @param {View} view @param {() => Hand} hand */
  constructor(view, hand) {
    this.view = view;
    this.hand = hand;
    const { canvas } = view;
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, (event) => this.#up(/** @type {PointerEvent} */ (event), end === "pointercancel"));
    }
    canvas.addEventListener("pointerleave", () => { this.hover = null; view.repaint(); });
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      view.zoomBy(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)), event);
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("blur", () => { this.cursor = null; view.repaint(); });
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  }

  /** @param {PointerEvent} event */
  #down(event) {
    this.view.canvas.setPointerCapture(event.pointerId);
    this.cursor = null;
    this.#pointers.set(event.pointerId, event);
    if (this.#pointers.size === 2) { // the first finger has begun to paint: it did not mean to
      if (this.#doing === "hand") this.hand().cancel();
      this.#doing = "pinch";
      this.#spread = this.#apart();
    } else if (event.button === 1 || this.space || TOOLS[this.hand().tool()]?.kind === "pan") this.#doing = "pan";
    else if (event.button === 0 && this.#pointers.size === 1) {
      const taken = this.hand().down(this.view.point(event), { pressure: pressureOf(event), shift: event.shiftKey });
      this.#doing = taken ? "hand" : "pan";
    }
  }

  /** @param {PointerEvent} event */
  #move(event) {
    this.hover = this.view.point(event);
    const before = this.#pointers.get(event.pointerId);
    if (!before) return this.view.repaint();
    this.#pointers.set(event.pointerId, event);
    if (this.#doing === "hand") {
      const all = event.getCoalescedEvents?.() ?? [];
      this.hand().move((all.length ? all : [event]).map((one) => ({ point: this.view.point(one), pressure: pressureOf(one) })));
    } else if (this.#doing === "pan") this.view.move(event.clientX - before.clientX, event.clientY - before.clientY);
    else if (this.#doing === "pinch" && this.#pointers.size === 2) {
      this.view.move((event.clientX - before.clientX) / 2, (event.clientY - before.clientY) / 2);
      const spread = this.#apart(), [a, b] = [...this.#pointers.values()];
      this.view.zoomBy(spread / this.#spread, { clientX: (a.clientX + b.clientX) / 2, clientY: (a.clientY + b.clientY) / 2 });
      this.#spread = spread;
    }
  }

  /** @param {PointerEvent} event @param {boolean} canceled */
  #up(event, canceled) {
    if (!this.#pointers.delete(event.pointerId)) return;
    if (this.#doing === "hand") canceled ? this.hand().cancel() : this.hand().up(this.view.point(event));
    if (this.#pointers.size === 0) this.#doing = null;
  }

  #apart() {
    const [a, b] = [...this.#pointers.values()];
    return Math.max(1, Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY));
  }

  /** Arrows move a cross, Enter is the button of a mouse that is pressed and let go. @param {KeyboardEvent} event */
  #key(event) {
    /** @type {Record<string, [number, number]>} */
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const way = ways[event.key];
    if (way && !event.ctrlKey) {
      const step = event.shiftKey ? NUDGE / 5 : NUDGE, from = this.cursor ?? { x: 0.5, y: 0.5 };
      this.cursor = { x: clamped(from.x + way[0] * step), y: clamped(from.y + way[1] * step) };
      if (this.#doing === "hand") this.hand().move([{ point: this.cursor, pressure: 1 }]);
      say(`${Math.round(100 * this.cursor.x)} % across, ${Math.round(100 * this.cursor.y)} % down`);
    } else if (event.key === "Enter") {
      this.cursor ??= { x: 0.5, y: 0.5 };
      const kind = TOOLS[this.hand().tool()]?.kind;
      if (this.#doing === "hand") {
        this.#doing = null;
        this.hand().up(this.cursor);
      } else if (kind !== "pan" && this.hand().down(this.cursor, { pressure: 1, shift: event.shiftKey })) {
        if (kind === "click" || kind === "pick") this.hand().up(this.cursor);
        else this.#doing = "hand";
      }
    } else if (event.key === "Escape" && this.#doing === "hand") {
      this.#doing = null;
      this.hand().cancel();
    } else return;
    event.preventDefault();
    this.view.repaint();
  }
}

/** @param {PointerEvent} event */
const pressureOf = (event) => event.pointerType === "pen" && event.pressure > 0 ? 0.3 + 0.7 * event.pressure : 1;

/** @param {number} value */
const clamped = (value) => Math.min(1, Math.max(0, value));

/** The line between before and after. @param {View} view */
export function splitHandle(view) {
  const handle = el("div", { class: "split", role: "slider", tabindex: 0, "aria-label": "Before and after",
    "aria-valuemin": 0, "aria-valuemax": 100, hidden: true }, el("span", { class: "grip" }));
  const place = () => {
    const at = view.window({ x: view.split, y: 0 }), box = view.canvas.getBoundingClientRect();
    handle.style.left = `${at.clientX - box.left}px`;
    handle.setAttribute("aria-valuenow", String(Math.round(100 * view.split)));
  };
  /** @param {number} part */
  const to = (part) => {
    view.split = Math.min(0.999, Math.max(0.001, part));
    view.refresh();
    place();
  };
  handle.addEventListener("pointerdown", (event) => { handle.setPointerCapture(event.pointerId); event.preventDefault(); });
  handle.addEventListener("pointermove", (event) => { if (handle.hasPointerCapture(event.pointerId)) to(view.point(event).x); });
  handle.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: -0.02, ArrowRight: 0.02 }[event.key];
    if (way) { to(view.split + way); event.preventDefault(); event.stopPropagation(); }
  });
  return { handle, place };
}
