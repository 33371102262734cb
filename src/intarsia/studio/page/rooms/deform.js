// The photograph and a painting side by side, with pairs of points: the same place on either. The photograph is painted
// and bent toward the painting's shapes.

import * as api from "../api.js";
import { number, slider } from "../controls.js";
import { el, icon, toast, within } from "../dom.js";
import { Stage } from "../stage.js";
import { COLORS, ensureStyle, state } from "../state.js";
import { View } from "../view.js";

/** @typedef {import("../types.d.ts").Point} Point */
/** @typedef {import("../types.d.ts").Pair} Pair */
/** @typedef {import("../types.d.ts").Deformed} Deformed */
/** @typedef {import("../types.d.ts").Style} Style */
/** @typedef {import("../app.js").App} App */
/** @typedef {0 | 1} Side 0 the photograph, 1 the painting */

const REACH = 22; // pixels of the window around a point in which it is taken
const WIDE = 300; // pixels of the window that a picture takes to have numbers on all points
const FEWEST = 3, MOST = 100; // pairs, as the server has it
const NAMES = ["photograph", "painting"];

export class DeformRoom {
  name = "deform";
  tool = "point";
  overlay = false;
  part = false;
  /** the pair in hand */ chosen = 0;
  bent = /** @type {HTMLCanvasElement} */ (el("canvas", { id: "bent", role: "img", hidden: true,
    "aria-label": "The photograph, bent as the points ask for, under a grid" }));
  #pictureOf = "";
  #finding = false;
  /** @type {{side: Side, pairs: Pair[]} | null} what is dragged, and all pairs as they were */ #grip = null;

  /** @param {App} app */
  constructor(app) {
    this.app = app;
    const canvas = /** @type {HTMLCanvasElement} */ (el("canvas", { id: "painting", tabindex: 0, role: "application", hidden: true,
      "aria-label": "The painting. Arrow keys move a cross, Enter takes a point or makes one, and puts it down again." }));
    this.view = new View(canvas);
    this.view.marks = (context) => this.#marks(1, context);
    this.stage = new Stage(this.view, () => this.#hand(1));
    this.layers = NAMES.map((name, side) => el("div", { id: `points-${name}`, class: "points", role: "group", hidden: true,
      "aria-label": `Points on the ${name}. Arrow keys move one, Page Up and Page Down choose another, Delete removes its pair.`,
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.#pointKey(/** @type {Side} */ (side), event) }));
  }

  /** Beside the canvas of the app: its points, the painting, and the points of that. */
  get parts() { return [this.layers[0], this.view.canvas, this.layers[1]]; }

  get on() { return { picture: state.sketch.content ?? "" }; }
  get size() { const [w, h] = state.content?.map ?? [1, 1]; return { w, h }; }
  /** @returns {Pair[]} */
  get pairs() { return state.sketch.deform?.pairs ?? []; }
  /** Whether there is something to look at. */
  get ready() { return this.pairs.length >= FEWEST; }
  /** @returns {Style | null} */
  get style() { return state.style(state.sketch.deform?.style ?? null); }

  tint() {
    this.app.view.tints = [];
    this.app.view.repaint();
    this.view.repaint();
  }

  /** The photograph bent is shown in the panel too. */
  looked() {
    const image = this.app.preview;
    this.bent.hidden = !image;
    if (!image) return;
    [this.bent.width, this.bent.height] = [image.width, image.height];
    /** @type {CanvasRenderingContext2D} */ (this.bent.getContext("2d")).drawImage(image, 0, 0);
  }

  /** @param {boolean} open whether a painting that is chosen is to be beside the photograph @param {boolean} points whether
   *   the photograph is to be seen, so that points can be put on it */
  show(open, points) {
    open &&= this.style !== null;
    this.view.canvas.hidden = this.layers[1].hidden = !open;
    this.layers[0].hidden = !open || !points;
    this.app.main.classList.toggle("two", open);
  }

  async load() {
    const key = this.style?.picture ?? "";
    if (key === this.#pictureOf) return;
    this.#pictureOf = key;
    this.view.base = null;
    this.view.fit();
    if (!key) return;
    try {
      const image = await api.picture(`/api/pictures/${key}/shown`);
      if (this.#pictureOf === key) this.view.base = image;
      this.view.fit();
    } catch (fault) {
      toast(/** @type {Error} */ (fault).message, "fault");
    }
  }

  // ---- the pointer ---------------------------------------------------------------------------------------------------

  /** @param {Side} side @returns {import("../stage.js").Hand} */
  #hand(side) {
    return { down: (point) => this.#take(side, point), move: (points) => this.move(points), up: () => this.up(),
      cancel: () => this.cancel(), tool: () => this.tool };
  }

  /** @param {Point} point */
  down(point) { return !this.layers[0].hidden && this.#take(0, point); }

  /** The nearest point is taken; where none is near, a pair is made. @param {Side} side @param {Point} point */
  #take(side, point) {
    const { pairs } = this;
    if (!this.style || point.x < 0 || point.x > 1 || point.y < 0 || point.y > 1) return false;
    const place = this.#view(side).window(point);
    const away = pairs.map((pair) => {
      const at = this.#view(side).window(at2(pair, side));
      return Math.hypot(at.clientX - place.clientX, at.clientY - place.clientY);
    });
    const nearest = away.indexOf(Math.min(...away));
    this.#grip = { side, pairs: structuredClone(pairs) };
    if (nearest >= 0 && away[nearest] <= REACH) this.chosen = nearest;
    else if (!this.#add(side, point, false)) {
      this.#grip = null;
      return false;
    }
    return true;
  }

  /** @param {{point: Point}[]} points */
  move(points) {
    const grip = this.#grip, point = points[points.length - 1].point;
    if (grip) this.#put(grip.side, this.chosen, point, false);
  }

  up() {
    const side = this.#grip?.side;
    if (side === undefined) return;
    this.#grip = null;
    this.#set(() => {}, true);
    this.#focus(side);
  }

  cancel() {
    const before = this.#grip?.pairs;
    this.#grip = null;
    if (before) this.#set((deform) => { deform.pairs = before; }, false);
  }

  // ---- pairs ---------------------------------------------------------------------------------------------------------

  /** @param {(deform: Deformed) => void} how @param {boolean} [lasting] */
  #set(how, lasting = true) {
    state.change((sketch) => { if (sketch.deform) how(sketch.deform); }, lasting);
    this.tint();
  }

  /** @param {Side} side @param {number} i @param {Point} point @param {boolean} lasting */
  #put(side, i, point, lasting) {
    this.#set((deform) => {
      const pair = deform.pairs[i];
      if (pair) [pair[2 * side], pair[2 * side + 1]] = [short(point.x), short(point.y)];
    }, lasting);
  }

  /** The other point lies as far off as in the nearest pair. @param {Side} side @param {Point} point @param {boolean} lasting */
  #add(side, point, lasting) {
    const { pairs } = this;
    if (pairs.length >= MOST) {
      toast(`${MOST} pairs are as many as there can be. Remove one first.`);
      return false;
    }
    const off = (/** @type {Pair} */ pair) => Math.hypot(at2(pair, side).x - point.x, at2(pair, side).y - point.y);
    const near = pairs.reduce((/** @type {Pair | null} */ best, one) => (best && off(best) <= off(one) ? best : one), null);
    const there = near ? at2(near, other(side)) : point, here = near ? at2(near, side) : point;
    const partner = { x: point.x + there.x - here.x, y: point.y + there.y - here.y };
    const [photo, painting] = side === 0 ? [point, partner] : [partner, point];
    this.chosen = pairs.length;
    this.#set((deform) => { deform.pairs.push([short(photo.x), short(photo.y), short(painting.x), short(painting.y)]); }, lasting);
    return true;
  }

  /** @param {Side} [side] which of its points had the keyboard */
  #remove(side) {
    if (!this.pairs.length) return;
    const gone = this.chosen;
    this.chosen = Math.max(0, Math.min(gone, this.pairs.length - 2));
    this.#set((deform) => { deform.pairs.splice(gone, 1); });
    this.app.announce(`Pair ${gone + 1} is removed, ${this.pairs.length} are left`);
    if (side !== undefined) this.#focus(side);
  }

  /** @param {number} i @param {Side} [side] */
  #choose(i, side) {
    this.chosen = (i + this.pairs.length) % this.pairs.length;
    this.tint();
    this.app.panel();
    if (side !== undefined) this.#focus(side);
  }

  /** Both sides at once, not when they are next drawn: a quick Tab goes to the same pair. @param {Side} side */
  #focus(side) {
    this.#sync(0);
    this.#sync(1);
    /** @type {HTMLElement | undefined} */ (this.layers[side].children[this.chosen])?.focus({ preventScroll: true });
  }

  /** @param {Side} side @param {KeyboardEvent} event */
  #pointKey(side, event) {
    const step = event.shiftKey ? 0.002 : 0.01, pair = this.pairs[this.chosen];
    /** @type {Record<string, [number, number]>} */
    const ways = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    const way = ways[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey || !pair) return;
    if (way) {
      const at = at2(pair, side);
      this.#put(side, this.chosen, { x: at.x + way[0], y: at.y + way[1] }, true);
      this.app.announce(placed(at2(this.pairs[this.chosen], side)));
    } else if (event.key === "Delete" || event.key === "Backspace") this.#remove(side);
    else if (event.key === "PageUp") this.#choose(this.chosen - 1, side);
    else if (event.key === "PageDown") this.#choose(this.chosen + 1, side);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Another painting, whose points are looked for at once. @param {{picture: string, name: string}} given */
  take(given) {
    const { warp, steps } = state.sketch.deform ?? { warp: this.app.about.deform.settings.warp.default, steps: null };
    this.chosen = 0;
    state.change((sketch) => { sketch.deform = { style: ensureStyle(given), pairs: [], warp, steps }; });
    void this.#find();
  }

  async #find() {
    const { content } = state.sketch, { style } = this;
    if (!content || !style || this.#finding) return;
    this.#finding = true;
    this.app.panel();
    try {
      const { pairs } = await api.post("/api/points", { content, style });
      if (state.sketch.content === content && this.style?.id === style.id) {
        this.chosen = 0;
        this.#set((deform) => { deform.pairs = pairs; });
        this.app.announce(`${pairs.length} pairs of points were found`);
      }
    } catch (fault) {
      toast(/** @type {Error} */ (fault).message, "fault");
    }
    this.#finding = false;
    this.app.panel();
  }

  // ---- over the pictures ---------------------------------------------------------------------------------------------

  /** @param {Side} side */
  #view(side) { return side === 0 ? this.app.view : this.view; }

  /** @param {CanvasRenderingContext2D} context */
  marks(context) { this.#marks(0, context); }

  /** @param {Side} side @param {CanvasRenderingContext2D} context */
  #marks(side, context) {
    this.#sync(side);
    const view = this.#view(side), { cursor } = side === 0 ? this.app.stage : this.stage, { place } = view;
    if (!cursor) return;
    const x = place.x + cursor.x * place.w, y = place.y + cursor.y * place.h;
    for (const [color, width] of /** @type {[string, number][]} */ ([["#000b", 3], ["#fff", 1.25]])) {
      context.strokeStyle = color;
      context.lineWidth = width;
      context.beginPath();
      for (const [dx, dy] of [[12, 0], [0, 12]]) {
        context.moveTo(x - dx, y - dy);
        context.lineTo(x + dx, y + dy);
      }
      context.stroke();
    }
  }

  /** Lays the points where they belong. The keyboard reaches the one in hand; the pointer finds the nearest by itself.
   * @param {Side} side */
  #sync(side) {
    const { pairs } = this, layer = this.layers[side], view = this.#view(side);
    this.chosen = Math.max(0, Math.min(this.chosen, pairs.length - 1));
    while (layer.children.length > pairs.length) layer.lastChild?.remove();
    while (layer.children.length < pairs.length) {
      const i = layer.children.length, dot = el("button", { class: "point", onclick: () => this.#choose(i, side) }, String(i + 1));
      dot.style.background = COLORS[i % COLORS.length];
      layer.append(dot);
    }
    const box = view.canvas.getBoundingClientRect();
    layer.classList.toggle("small", (view.place.w * box.width) / view.canvas.width < WIDE);
    for (const [i, pair] of pairs.entries()) {
      const dot = /** @type {HTMLElement} */ (layer.children[i]), at = at2(pair, side), { clientX, clientY } = view.window(at);
      dot.style.transform = `translate(${clientX - box.left}px, ${clientY - box.top}px)`;
      dot.classList.toggle("chosen", i === this.chosen);
      dot.tabIndex = i === this.chosen ? 0 : -1;
      const label = `Pair ${i + 1} on the ${NAMES[side]}, ${placed(at)}`;
      if (dot.ariaLabel !== label) dot.ariaLabel = label;
    }
  }

  // ---- the panel -----------------------------------------------------------------------------------------------------

  panel() { return [this.#paintings(), ...(this.style ? [this.#points(), this.#bending()] : [])]; }

  #paintings() {
    const { style } = this;
    const own = state.sketch.styles.filter((one) => one.picture).map((one) => el("button", { id: `shapes-${one.id}`, class: "thumb",
      title: one.name, "aria-label": one.name, "aria-pressed": String(one === style),
      onclick: () => { if (one !== style) this.take({ picture: one.picture ?? "", name: one.name }); } },
    el("img", { src: `/api/pictures/${one.picture}/small`, alt: "", draggable: "false" })));
    const choose = () => this.app.choose("style");
    return el("section", { "aria-labelledby": "shapes-title" }, el("h2", { id: "shapes-title", text: "Manner and shapes of" }),
      !style && el("p", { text: "Choose a painting of the same thing, in a similar place and pose: a face for a face, a rabbit for a rabbit." }),
      own.length === 0 ? el("button", { id: "shapes-choose", class: "wide primary", onclick: choose }, icon("picture"), "Choose a painting")
        : el("div", { class: "thumbs" }, ...own, el("button", { id: "shapes-choose", class: "thumb add", title: "Add a painting",
          "aria-label": "Add a painting", onclick: choose }, icon("plus"))));
  }

  #points() {
    const count = this.pairs.length;
    const step = (/** @type {string} */ id, /** @type {string} */ text, /** @type {string} */ label, /** @type {() => void} */ act) =>
      el("button", { id, class: "quiet", title: label, "aria-label": label, onclick: act }, text);
    return el("section", { "aria-labelledby": "points-title" }, el("h2", { id: "points-title", text: "Points" }),
      el("p", { text: "Dots with the same number are the same place. Drag one that is wrong; click where one is missing." }),
      el("div", { class: "buttons" },
        el("button", { id: "points-find", class: count ? "" : "primary", disabled: this.#finding, onclick: () => void this.#find() },
          this.#finding ? "Looking" : "Find points"),
        el("button", { id: "points-add", disabled: count >= MOST, onclick: () => {
          if (this.#add(0, { x: 0.5, y: 0.5 }, true)) this.#focus(0);
        } }, icon("plus"), "Add a pair")),
      count > 0 && el("div", { class: "pair" },
        step("pair-before", "‹", "The pair before", () => this.#choose(this.chosen - 1)),
        el("span", { text: `Pair ${Math.min(this.chosen, count - 1) + 1} of ${count}` }),
        step("pair-next", "›", "The next pair", () => this.#choose(this.chosen + 1)),
        el("button", { id: "pair-remove", title: "Remove this pair (Delete)", onclick: () => this.#remove() }, "Remove")));
  }

  #bending() {
    const { warp } = /** @type {Deformed} */ (state.sketch.deform);
    return el("section", { "aria-labelledby": "bent-title" }, el("h2", { id: "bent-title", text: "Bent" }),
      slider({ id: "warp", label: "How far", about: this.app.about.deform.settings.warp.description, value: warp, least: 0, most: 1, step: 0.05,
        shown: (value) => `${Math.round(100 * value)} %`, set: (value, lasting) => this.#set((deform) => { deform.warp = value; }, lasting) }),
      this.ready ? this.bent : el("p", { text: `With ${FEWEST} pairs or more you see here what they do.` }));
  }

  /** How the next one is painted. */
  painting() {
    const { about } = this.app, { deform } = state.sketch, usual = about.deform.size ?? about.limits.side;
    return [
      el("section", { "aria-labelledby": "paint-title" }, el("h2", { id: "paint-title", text: "Painting" }),
        number({ id: "size", label: "Long side", about: "Of the painting, in pixels", value: state.sketch.size, least: 64, most: about.limits.side,
          usual: String(usual), set: (value) => state.change((now) => { now.size = value; }) }),
        deform && number({ id: "steps", label: "Steps", about: "More are finer, and take longer", value: deform.steps, least: 1, most: about.limits.steps,
          usual: String(about.deform.settings.steps.default), set: (value) => this.#set((now) => { now.steps = value; }) })),
      el("div", { class: "begin" }, el("button", { id: "paint", class: "primary wide", disabled: !this.ready,
        onclick: () => void this.app.jobs.begin() }, "Paint")),
    ];
  }
}

/** @param {Side} side @returns {Side} */
const other = (side) => (side === 0 ? 1 : 0);

/** @param {Pair} pair @param {Side} side @returns {Point} */
const at2 = (pair, side) => ({ x: pair[2 * side], y: pair[2 * side + 1] });

/** Within the picture, as the points file has it. @param {number} value */
const short = (value) => Math.round(within(value, 0, 1) * 1e5) / 1e5;

/** @param {Point} point */
const placed = ({ x, y }) => `${Math.round(100 * x)} % across, ${Math.round(100 * y)} % down`;
