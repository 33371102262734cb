// The sketch and its history. What changes it goes through `change`; who shows it listens.

import { nothing } from "./maps.js";

/** @typedef {import("./types.d.ts").Sketch} Sketch */
/** @typedef {import("./types.d.ts").Region} Region */
/** @typedef {import("./types.d.ts").Painted} Painted */
/** @typedef {import("./types.d.ts").Style} Style */

const BUDGET = 8 * 2 ** 20; // letters of history that are kept: thousands of steps, since maps are kept by the server
export const COLORS = ["#e0664c", "#4c9de0", "#6bb35a", "#d9a832", "#a779d6", "#3fb5a7", "#d66fa0", "#8f9a4a"];

/** @returns {Sketch} */
export const blank = () => ({
  room: "paint", content: null, name: "", styles: [], regions: [], rest: { style: null, manner: {} },
  method: "gatys", size: null, settings: {}, paste: null, onward: null, deform: null,
});

class State {
  /** @type {Sketch} */ sketch = blank();
  /** @type {string} id of a region, or "rest" */ selected = "rest";
  /** @type {import("./types.d.ts").Picture | null} */ content = null;
  /** @type {string[]} */ #before = [];
  /** @type {string[]} */ #after = [];
  /** @type {string} */ #saved = JSON.stringify(blank());
  /** @type {Set<(what: "sketch" | "moving" | "selected") => void>} */ #listeners = new Set();

  /** @param {(what: "sketch" | "moving" | "selected") => void} listener */
  listen(listener) { this.#listeners.add(listener); }

  /** Changes the sketch. @param {(sketch: Sketch) => void} how @param {boolean} [lasting] false while a slider moves */
  change(how, lasting = true) {
    how(this.sketch);
    if (lasting) this.#keep();
    this.#tell(lasting ? "sketch" : "moving");
  }

  #keep() {
    const now = JSON.stringify(this.sketch);
    if (now === this.#saved) return;
    this.#before.push(this.#saved);
    this.#after = [];
    this.#saved = now;
    let letters = this.#before.reduce((sum, one) => sum + one.length, 0);
    while (letters > BUDGET) letters -= /** @type {string} */ (this.#before.shift()).length;
  }

  /** Another sketch, with a history of its own. @param {Sketch} sketch */
  begin(sketch) {
    this.sketch = { ...blank(), ...sketch };
    this.#before = [];
    this.#after = [];
    this.#saved = JSON.stringify(this.sketch);
    this.selected = "rest";
    this.#tell("sketch");
  }

  get canUndo() { return this.#before.length > 0; }
  get canRedo() { return this.#after.length > 0; }
  undo() { this.#step(this.#before, this.#after); }
  redo() { this.#step(this.#after, this.#before); }

  /** @param {string[]} from @param {string[]} to */
  #step(from, to) {
    const other = from.pop();
    if (other === undefined) return;
    to.push(this.#saved);
    this.#saved = other;
    this.sketch = JSON.parse(other);
    if (!this.region) this.selected = "rest";
    this.#tell("sketch");
  }

  /** @param {string} id */
  select(id) {
    this.selected = id;
    this.#tell("selected");
  }

  /** The selected region, if it is one. @returns {Region | null} */
  get region() { return this.sketch.regions.find((one) => one.id === this.selected) ?? null; }

  /** @returns {Painted} */
  get target() { return this.region ?? this.sketch.rest; }

  /** @param {string | null} id @returns {Style | null} */
  style(id) { return this.sketch.styles.find((one) => one.id === id) ?? null; }

  /** @param {"sketch" | "moving" | "selected"} what */
  #tell(what) { for (const listener of this.#listeners) listener(what); }
}

export const state = new State();

/** A short name that no other has. @param {string} letter @param {{id: string}[]} others */
export function fresh(letter, others) {
  let i = others.length + 1;
  while (others.some((one) => one.id === `${letter}${i}`)) i++;
  return `${letter}${i}`;
}

/** The style with this swatch or picture, added where it is not there. @param {{swatch?: string, picture?: string, name: string}} given */
export function ensureStyle(given) {
  const styles = state.sketch.styles;
  const same = styles.find((one) => one.swatch === (given.swatch ?? null) && one.picture === (given.picture ?? null));
  if (same) return same.id;
  const id = fresh("s", styles);
  styles.push({ id, name: given.name, swatch: given.swatch ?? null, picture: given.picture ?? null });
  return id;
}

/** A region in a style that no other has, not yet in the sketch. @param {string[]} swatches @returns {Region} */
export function newRegion(swatches) {
  const { sketch } = state;
  const id = fresh("r", sketch.regions);
  const used = new Set([sketch.rest, ...sketch.regions].map((one) => one.style));
  const free = sketch.styles.find((one) => !used.has(one.id))?.id;
  const swatch = swatches.find((name) => !sketch.styles.some((one) => one.swatch === name)) ?? swatches[0];
  const number = Number(id.slice(1));
  return {
    id, name: `Region ${number}`, color: COLORS[(number - 1) % COLORS.length], map: nothing(),
    part: null, style: free ?? ensureStyle({ swatch, name: swatch }), manner: {},
  };
}

/** A new region, which is selected. @param {string[]} swatches */
export function addRegion(swatches) {
  const region = newRegion(swatches);
  state.selected = region.id;
  state.change((sketch) => { sketch.regions.push(region); });
}
