// Regions: who takes which style. What the pointer draws goes on the selected region, or on the part of its style.

import * as api from "../api.js";
import * as maps from "../maps.js";
import { joined } from "../brush.js";
import { choice, slider } from "../controls.js";
import { el, icon, toast } from "../dom.js";
import { addRegion, COLORS, ensureStyle, fresh, newRegion, state } from "../state.js";
import { stroke, strokeWords, TOOLS } from "../tools.js";

/** @typedef {import("../types.d.ts").Drawn} Drawn */
/** @typedef {import("../types.d.ts").Levels} Levels */
/** @typedef {import("../types.d.ts").Point} Point */
/** @typedef {import("../types.d.ts").Region} Region */
/** @typedef {import("../app.js").App} App */

const MOST = 40; // regions

const RULES = /** @type {[string, string][]} */ ([
  ["none", "of the style"], ["match", "of the photograph"], ["luminance", "of the photograph, exactly"],
  ["histogram", "of the photograph, by histogram"],
]);
const EDITS = /** @type {[string, string, string][]} */ ([
  ["Grow", "grow 1%", "Make the region wider all around"],
  ["Shrink", "shrink 1%", "Make the region narrower all around"],
  ["Feather", "feather 1%", "Make its edge softer"],
  ["Snap", "refine", "Lay its edge along the edges of the picture"],
  ["Invert", "invert", "Take what it had not, and leave what it had"],
]);

export class PaintRoom {
  name = "paint";
  tool = "brush";
  options = { size: 8, hardness: 60, opacity: 100, tolerance: 12 };
  overlay = false;
  /** whether the part of the style is painted on */ part = false;
  /** @type {import("../brush.js").Stroke | null} */ #stroke = null;
  /** @type {Point[]} */ #points = [];
  #drawing = false;
  #erase = false;
  /** @type {{id: string, levels: Levels} | null} drawn, and not yet in the sketch */ #ahead = null;
  /** @type {Promise<void>} */ #work = Promise.resolve();
  #sending = false;
  #merging = false;
  /** @type {Uint8Array | null} of the map in hand, what the preview shows, and what it will show next */ #seen = null;
  /** @type {Uint8Array | null} */ #asked = null;

  /** @param {App} app */
  constructor(app) { this.app = app; }

  // ---- what is drawn on ----------------------------------------------------------------------------------------------

  /** @returns {{picture: string} | {swatch: string}} */
  get on() {
    const style = this.part ? state.style(state.region?.style ?? null) : null;
    if (style) return style.picture ? { picture: style.picture } : { swatch: style.swatch ?? "" };
    return { picture: state.sketch.content ?? "" };
  }

  /** @returns {{w: number, h: number}} of its maps */
  get size() {
    if (this.part) return this.app.styleSize;
    const [w, h] = state.content?.map ?? [1, 1];
    return { w, h };
  }

  /** @param {Region} region @returns {Drawn} */
  #drawn(region) { return (this.part ? region.part : region.map) ?? maps.nothing(); }

  /** @param {Region} region @returns {Levels | null} what is at hand of it */
  #levels(region) {
    if (this.#ahead?.id === region.id) return this.#ahead.levels;
    const drawn = this.#drawn(region);
    return maps.isEmpty(drawn) ? maps.empty(this.size) : maps.atHand(drawn, this.on);
  }

  /** Gets all maps, so that they can be shown and painted on. */
  async load() {
    const regions = this.part && state.region ? [state.region] : state.sketch.regions;
    try {
      await Promise.all(regions.map((one) => maps.levelsOf(this.#drawn(one), this.on, this.size)));
      this.tint();
    } catch (fault) {
      toast(/** @type {Error} */ (fault).message, "fault");
    }
  }

  /** A preview is shown: what it shows of the stroke needs no color any more. */
  looked() {
    this.#seen = this.#asked ?? this.#seen;
    this.#asked = null;
    this.tint();
  }

  /** Shows the regions, or the one in hand, as colors. */
  tint() {
    const { view } = this.app, region = state.region, doodle = state.sketch.room === "doodle";
    const busy = this.#stroke !== null || this.#ahead !== null;
    const all = this.part ? (region ? [region] : []) : this.overlay ? state.sketch.regions : busy && region ? [region] : [];
    view.tints = all.flatMap((one) => {
      const levels = this.#stroke && one === region ? this.#stroke.levels : this.#levels(one);
      return levels && levels.w === this.size.w && levels.h === this.size.h
        ? [{ color: doodle && this.part ? COLORS[0] : one.color, levels, solid: doodle && !view.top && !this.part, strong: one === region, seen: this.overlay || this.part ? null : this.#seen }] : [];
    });
    view.retint();
  }

  // ---- the pointer ---------------------------------------------------------------------------------------------------

  /** @param {Point} point */
  #onMap({ x, y }) { return { x: x * this.size.w, y: y * this.size.h }; }

  /** @param {Point} point @param {{pressure: number, shift: boolean}} event */
  down(point, { pressure, shift }) {
    if (!state.content) return false;
    const kind = TOOLS[this.tool].kind;
    if (kind === "pan") return false;
    if (kind === "pick") {
      if (!this.part) this.#pick(this.#regionAt(point), shift);
      return true;
    }
    if (!state.region) addRegion(this.app.about.swatches);
    const region = /** @type {Region} */ (state.region), levels = this.#levels(region);
    if (!levels) return true; // its map is still on the way
    this.#erase = shift || this.tool === "erase";
    this.#drawing = true;
    this.#points = [point];
    if (kind === "stroke") {
      this.#seen = levels.data.slice();
      this.#stroke = stroke({ ...levels, data: levels.data.slice() }, this.options, this.#erase);
      this.tint();
      this.app.view.retint(this.#stroke.to(this.#onMap(point), pressure));
      this.#lookWhilePainting();
    }
    return true;
  }

  /** @param {{point: Point, pressure: number}[]} points */
  move(points) {
    if (!this.#drawing) return;
    if (this.#stroke) {
      let changed = null;
      for (const { point, pressure } of points) changed = joined(changed, this.#stroke.to(this.#onMap(point), pressure));
      if (changed) this.app.view.retint(changed);
      this.#lookWhilePainting();
      return;
    }
    for (const { point } of points) {
      if (TOOLS[this.tool].kind === "outline") this.#points.push(point);
      else this.#points[1] = point;
    }
    this.app.view.repaint();
  }

  /** @param {Point} point */
  up(point) {
    if (!this.#drawing) return;
    this.#drawing = false;
    const region = state.region;
    if (this.#stroke && region) {
      const done = this.#stroke, { levels } = done;
      done.end();
      this.#stroke = null;
      this.#ahead = { id: region.id, levels };
      this.tint();
      this.#queue(() => this.#stroked(region.id, done));
    } else if (region) {
      if (TOOLS[this.tool].kind === "drag") this.#points[1] = point;
      const words = TOOLS[this.tool].words?.(this.#points, this.size, this.options);
      if (words) this.#queue(() => this.#shape(region.id, words, this.#erase));
    }
    this.#points = [];
    this.app.view.repaint();
  }

  cancel() {
    this.#drawing = false;
    this.#stroke = null;
    this.#points = [];
    this.tint();
  }

  /** While the brush is down: the map so far is sent whenever the preview before has been shown. */
  async #lookWhilePainting() {
    const region = state.region, now = this.#stroke;
    if (this.#sending || this.app.looks.busy || !region || !now) return;
    this.#sending = true;
    try {
      const levels = { ...now.levels, data: now.levels.data.slice() }, drawn = await maps.sent(levels);
      if (this.#stroke === now) {
        const sketch = structuredClone(state.sketch), own = sketch.regions.find((one) => one.id === region.id);
        if (own) this.part ? own.part = drawn : own.map = drawn;
        this.#asked = levels.data;
        this.app.look(sketch, true);
      }
    } catch { /* told when the stroke is done */ }
    this.#sending = false;
  }

  // ---- picked, merged, split -------------------------------------------------------------------------------------------

  /** Whether a click merges. */
  get merging() { return this.#merging && state.region !== null && state.sketch.regions.length > 1; }

  /** What the tool in hand does. */
  get about() {
    return this.merging ? `Click on what becomes a part of ${state.region?.name}, here or in the list. Merge ends it.` : TOOLS[this.tool].about;
  }

  #beginMerge() {
    this.app.use("pick");
    this.#merging = true;
    this.app.setOverlay(true);
    this.app.show();
    this.app.announce(this.about);
  }

  endMerge() {
    if (!this.#merging) return;
    this.#merging = false;
    this.app.show();
  }

  /** Who has the most of a place. @param {Point} point */
  #regionAt(point) {
    const { x, y } = this.#onMap(point), { w, h } = this.size;
    if (x < 0 || y < 0 || x >= w || y >= h) return "rest";
    const shares = state.sketch.regions.map((one) => this.#levels(one)?.data[Math.floor(y) * w + Math.floor(x)] ?? 0);
    const most = Math.max(0, ...shares), left = 255 - shares.reduce((all, one) => all + one, 0);
    return most > Math.max(0, left) ? state.sketch.regions[shares.indexOf(most)].id : "rest";
  }

  /** Chooses a region, or merges it into the chosen one. @param {string} id @param {boolean} merge */
  #pick(id, merge) {
    const into = state.region;
    if (!into || !(merge || this.merging)) {
      this.app.announce(state.sketch.regions.find((one) => one.id === id)?.name ?? "All else");
      return state.select(id);
    }
    if (id === "rest") return toast("All else is no region, so it cannot be merged. Click on a region.");
    if (id !== into.id) this.#queue(() => this.#merge(into.id, id));
  }

  /** The first stays, and has what both had. @param {string} first @param {string} second */
  async #merge(first, second) {
    const [into, other] = [first, second].map((id) => state.sketch.regions.find((one) => one.id === id));
    if (!into || !other) return;
    const [a, b] = await Promise.all([into, other].map((one) => maps.levelsOf(one.map, this.on, this.size)));
    const map = maps.isEmpty(other.map) ? into.map
      : await maps.told(maps.combined(a, b, maps.sum), into.map, `add ${await maps.called(other.map, b)}`);
    const focused = document.activeElement?.id === `region-${second}`;
    state.change((sketch) => {
      sketch.regions = sketch.regions.filter((one) => one.id !== second);
      for (const region of sketch.regions) if (region.id === first) region.map = map;
    });
    if (focused) document.getElementById(`region-${first}`)?.focus();
    this.app.announce(`${other.name} is now a part of ${into.name}`);
  }

  /** Cut in two by what the picture shows there. @param {string} id */
  async #split(id) {
    const region = state.sketch.regions.find((one) => one.id === id);
    if (!region || maps.isEmpty(region.map)) return toast("Paint the region first.");
    toast(`Cutting ${region.name} in two. This takes some seconds.`);
    const { keys } = await api.post("/api/partition", { content: state.sketch.content, k: 2, within: region.map });
    state.change((sketch) => {
      const at = sketch.regions.findIndex((one) => one.id === id);
      if (at < 0) return;
      const [first, second] = keys.map((/** @type {string} */ pixels) => ({ ...maps.nothing(), pixels }));
      sketch.regions[at].map = first;
      sketch.regions.splice(at + 1, 0, { ...newRegion(this.app.about.swatches), map: second });
    });
    this.app.setOverlay(true);
    this.app.announce(`${region.name} was cut in two`);
  }

  // ---- into the sketch -----------------------------------------------------------------------------------------------

  /** @param {() => Promise<void>} work */
  #queue(work) {
    this.#work = this.#work.then(work).catch((fault) => {
      this.#ahead = null;
      this.tint();
      toast(fault.message, "fault");
    });
  }

  /** @param {string} id @param {import("../brush.js").Stroke} stroke */
  async #stroked(id, stroke) {
    const region = state.sketch.regions.find((one) => one.id === id), { levels, brush: { erase } } = stroke;
    if (!region) return;
    const before = this.#drawn(region), now = await maps.levelsOf(before, this.on, this.size);
    if (maps.isEmpty(before) && erase) {
      this.#ahead = null;
      return this.tint();
    }
    // where an edit came between, what is seen counts, and that are the pixels
    const laid = maps.same(now.data, stroke.before) ? strokeWords(stroke) : undefined;
    return this.#commit(id, levels, { before, laid, erase });
  }

  /** @param {string} id @param {string} words @param {boolean} erase */
  async #shape(id, words, erase) {
    const region = state.sketch.regions.find((one) => one.id === id);
    if (!region) return;
    const before = this.#drawn(region), drawn = { ...maps.nothing(), words };
    const shape = await maps.levelsOf(drawn, this.on, this.size);
    if (maps.isEmpty(before)) return erase ? undefined : this.#commit(id, shape, { drawn });
    const levels = maps.combined(await maps.levelsOf(before, this.on, this.size), shape, erase ? maps.without : maps.union);
    return this.#commit(id, levels, { before, laid: await maps.called(drawn, shape), erase });
  }

  /** @param {string} edit */
  edit(edit) {
    const region = state.region;
    if (!region || maps.isEmpty(this.#drawn(region))) return toast("Paint the region first.");
    this.#queue(async () => {
      const drawn = maps.edited(this.#drawn(region), edit);
      await this.#commit(region.id, await maps.levelsOf(drawn, this.on, this.size), { drawn });
    });
  }

  /** Whoever paints a place takes it from the other regions. What was done: a map in words, or something that was laid
   * on, or erased from, what was there before. @param {string} id @param {Levels} levels
   * @param {{drawn?: Drawn, before?: Drawn, laid?: string, erase?: boolean}} done */
  async #commit(id, levels, { drawn, before, laid, erase }) {
    const step = laid ? `${erase ? "without" : "unite"} ${laid}` : "";
    const own = drawn ?? await maps.told(levels, before ?? maps.nothing(), step);
    /** @type {Map<string, Drawn>} */ const lost = new Map();
    const part = this.part;
    for (const other of part ? [] : state.sketch.regions) {
      if (other.id === id || maps.isEmpty(other.map)) continue;
      const theirs = await maps.levelsOf(other.map, this.on, this.size);
      if (!maps.overlap(theirs, levels)) continue;
      const taken = laid && !erase ? laid : await maps.called(own, levels);
      lost.set(other.id, await maps.told(maps.combined(theirs, levels, maps.without), other.map, `without ${taken}`));
    }
    if (this.#ahead?.levels === levels) this.#ahead = null;
    state.change((sketch) => {
      for (const region of sketch.regions) {
        if (region.id === id) part ? region.part = own : region.map = own;
        else region.map = lost.get(region.id) ?? region.map;
      }
    });
  }

  // ---- over the picture ----------------------------------------------------------------------------------------------

  /** @param {CanvasRenderingContext2D} context */
  marks(context) {
    const { view, stage } = this.app, place = view.place, kind = TOOLS[this.tool].kind;
    const at = (/** @type {Point} */ point) => [place.x + point.x * place.w, place.y + point.y * place.h];
    const pen = (/** @type {() => void} */ line) => {
      for (const [color, width] of /** @type {[string, number][]} */ ([["#000b", 3], ["#fff", 1.25]])) {
        context.strokeStyle = color;
        context.lineWidth = width;
        context.beginPath();
        line();
        context.stroke();
      }
    };
    if (this.#points.length > 1 && !this.#stroke) {
      const [a, b] = [at(this.#points[0]), at(this.#points[1])];
      if (kind === "outline") pen(() => this.#points.forEach((one) => context.lineTo(...at2(at(one)))));
      else if (this.tool === "rectangle") pen(() => context.rect(a[0], a[1], b[0] - a[0], b[1] - a[1]));
      else if (this.tool === "ellipse") {
        pen(() => context.ellipse((a[0] + b[0]) / 2, (a[1] + b[1]) / 2, Math.abs(a[0] - b[0]) / 2, Math.abs(a[1] - b[1]) / 2, 0, 0, 7));
      } else if (this.tool === "radial") pen(() => context.arc(a[0], a[1], Math.hypot(a[0] - b[0], a[1] - b[1]), 0, 7));
      else pen(() => { context.moveTo(a[0], a[1]); context.lineTo(b[0], b[1]); });
    }
    const place2 = stage.cursor ?? stage.hover;
    if (!place2 || !state.content) return;
    const [x, y] = at(place2);
    if (kind === "stroke") {
      const radius = (this.options.size / 200) * Math.max(place.w, place.h);
      pen(() => context.arc(x, y, radius, 0, 7));
    }
    if (stage.cursor) pen(() => { context.moveTo(x - 12, y); context.lineTo(x + 12, y); context.moveTo(x, y - 12); context.lineTo(x, y + 12); });
  }

  // ---- the panel -----------------------------------------------------------------------------------------------------

  panel() {
    if (this.part && state.sketch.room === "doodle") return [this.#partSection()];
    return this.part ? [this.#styleSection(), this.#partSection()] : [this.#styleSection(), this.#regionSection(), this.#settings()];
  }

  #styleSection() {
    const { about } = this.app, target = state.target, region = state.region;
    const chosen = state.style(target.style);
    const swatch = (/** @type {string} */ name) => this.#thumb(`style-${name}`, name, `swatches/${name}.webp`,
      chosen?.swatch === name, { swatch: name, name });
    const own = state.sketch.styles.filter((one) => one.picture).map((one) => this.#thumb(`style-${one.id}`, one.name,
      `/api/pictures/${one.picture}/small`, chosen === one, { picture: one.picture ?? "", name: one.name }));
    const none = el("button", { id: "style-none", class: "thumb none", "aria-pressed": String(!target.style),
      title: "Stays as it is", onclick: () => state.change(() => { target.style = null; }) }, "as it is");
    const add = el("button", { id: "style-add", class: "thumb add", title: "Add a painting of your own",
      "aria-label": "Add a painting of your own", onclick: () => this.app.choose("style") }, icon("plus"));
    return el("section", { "aria-labelledby": "styles-title" },
      el("h2", { id: "styles-title" }, "Style of ", el("em", { text: region ? region.name : this.#restName() })),
      el("div", { class: "thumbs" }, none, ...own, ...about.swatches.map(swatch), add));
  }

  #restName() { return state.sketch.regions.length ? "all else" : "the picture"; }

  /** @param {string} id @param {string} name @param {string} source @param {boolean} chosen @param {{swatch?: string, picture?: string, name: string}} given */
  #thumb(id, name, source, chosen, given) {
    return el("button", { id, class: "thumb", title: name, "aria-label": name, "aria-pressed": String(chosen),
      onclick: () => state.change(() => {
        const target = state.target;
        target.style = ensureStyle(given);
        if ("part" in target) /** @type {Region} */ (target).part = null;
      }) }, el("img", { src: source, alt: "", loading: "lazy", draggable: "false" }));
  }

  #regionSection() {
    const { sketch } = state;
    const rows = sketch.regions.map((region) => el("li", { class: "region" },
      el("button", { id: `region-${region.id}`, class: "pick", "aria-pressed": String(state.selected === region.id),
        "aria-label": this.merging && state.region !== region ? `${region.name}: merge it into ${state.region?.name}` : null,
        onclick: (/** @type {MouseEvent} */ event) => this.#pick(region.id, event.shiftKey) },
      swatchDot(region.color), el("span", { class: "name", text: region.name }), this.#small(region.style)),
      el("button", { class: "quiet", id: `drop-${region.id}`, "aria-label": `Remove ${region.name}`, title: "Remove",
        onclick: () => this.#remove(region.id) }, icon("close"))));
    const rest = el("li", { class: "region" }, el("button", { id: "region-rest", class: "pick",
      "aria-pressed": String(state.selected === "rest"), onclick: () => state.select("rest") },
    swatchDot(null), el("span", { class: "name", text: sketch.regions.length ? "All else" : "The picture" }), this.#small(sketch.rest.style)));
    return el("section", { "aria-labelledby": "regions-title" }, el("h2", { id: "regions-title", text: "Regions" }),
      el("ul", { class: "regions" }, ...rows, rest),
      el("div", { class: "buttons" },
        el("button", { id: "region-add", disabled: sketch.regions.length >= MOST, onclick: () => { addRegion(this.app.about.swatches); } }, icon("plus"), "New region"),
        el("button", { id: "region-partition", title: "Cut the picture into regions by what it shows",
          onclick: () => this.#partition(4) }, icon("layers"), "Partition")));
  }

  /** @param {string | null} id */
  #small(id) {
    const style = state.style(id);
    if (!style) return el("span", { class: "kept", text: "as it is" });
    const source = style.picture ? `/api/pictures/${style.picture}/small` : `swatches/${style.swatch}.webp`;
    return el("img", { src: source, alt: style.name });
  }

  /** @param {string} id */
  #remove(id) {
    state.selected = "rest";
    state.change((sketch) => { sketch.regions = sketch.regions.filter((one) => one.id !== id); });
  }

  /** @param {number} k */
  async #partition(k) {
    if (!state.sketch.content) return;
    toast(`Cutting the picture into ${k} regions. This takes some seconds.`);
    try {
      const { keys } = await api.post("/api/partition", { content: state.sketch.content, k });
      const { swatches } = this.app.about;
      state.change((sketch) => {
        sketch.regions = [];
        for (const [i, pixels] of keys.entries()) {
          const swatch = swatches[(i + 1) % swatches.length];
          sketch.regions.push({ id: fresh("r", sketch.regions), name: `Region ${i + 1}`, color: COLORS[i % COLORS.length],
            map: { ...maps.nothing(), pixels }, part: null, style: ensureStyle({ swatch, name: swatch }), manner: {} });
        }
      });
      this.app.announce(`${keys.length} regions were found`);
      this.app.setOverlay(true);
    } catch (fault) {
      toast(/** @type {Error} */ (fault).message, "fault");
    }
  }

  #settings() {
    const target = state.target, region = state.region, { manner } = this.app.about;
    const percent = (/** @type {number} */ value) => `${Math.round(100 * value)} %`;
    const set = (/** @type {string} */ name, /** @type {string | number} */ value, lasting = true) =>
      state.change(() => { target.manner[name] = value; }, lasting);
    const now = (/** @type {string} */ name) => Number(target.manner[name] ?? manner[name].default);
    const rows = [
      slider({ id: "strength", label: "Strength", about: manner.strength.about, value: now("strength"), least: 0, most: 1,
        step: 0.05, shown: percent, set: (value, lasting) => set("strength", value, lasting) }),
      slider({ id: "scale", label: "Brushwork", about: manner.style_scale.about, value: Math.log2(now("style_scale")), least: -2,
        most: 2, step: 0.25, shown: (value) => `${(2 ** value).toFixed(2)} ×`, set: (value, lasting) => set("style_scale", 2 ** value, lasting) }),
      slider({ id: "content", label: "Shapes", about: manner.content_weight.about, value: now("content_weight"), least: 0, most: 4,
        step: 0.25, shown: (value) => `${value} ×`, set: (value, lasting) => set("content_weight", value, lasting) }),
      choice({ id: "color", label: "Colors", about: manner.color.about, value: String(target.manner.color ?? "none"), choices: RULES,
        set: (value) => set("color", value) }),
    ];
    if (!target.style) rows.splice(0);
    const more = !region ? [] : [
      el("div", { class: "row" }, el("label", { for: "name", text: "Name" }), this.#nameField(region)),
      el("div", { class: "edits", role: "group", "aria-label": "Edit the region" }, ...EDITS.map(([label, edit, about]) =>
        el("button", { id: `edit-${label}`, title: about, onclick: () => this.edit(edit) }, label))),
      el("div", { class: "buttons" },
        el("button", { id: "merge", "aria-pressed": String(this.merging), disabled: state.sketch.regions.length < 2, title: "Take in other regions, by clicks on them",
          onclick: () => this.merging ? this.endMerge() : this.#beginMerge() }, "Merge"),
        el("button", { id: "split", disabled: state.sketch.regions.length >= MOST, title: "Cut the region in two by what the picture shows",
          onclick: () => { this.endMerge(); this.#queue(() => this.#split(region.id)); } }, "Split")),
      region.style && el("button", { id: "part", class: "wide", onclick: () => this.app.setPart(true) },
        region.part ? "Part of its style: painted" : "Take only a part of its style"),
    ];
    const title = region ? region.name : state.sketch.regions.length ? "All else" : "The picture";
    return el("section", { "aria-labelledby": "settings-title" }, el("h2", { id: "settings-title", text: title }), ...rows,
      ...more.filter((one) => one instanceof HTMLElement));
  }

  /** @param {Region} region */
  #nameField(region) {
    const input = /** @type {HTMLInputElement} */ (el("input", { id: "name", type: "text", maxlength: 60,
      onchange: () => state.change(() => { region.name = input.value.trim() || region.name; }) }));
    input.value = region.name;
    return input;
  }

  #partSection() {
    const region = /** @type {Region} */ (state.region);
    return el("section", { "aria-labelledby": "part-title" }, el("h2", { id: "part-title", text: "Part of the style" }),
      el("p", { text: `Paint on the style what ${region.name} is to take from it.` }),
      el("div", { class: "edits", role: "group", "aria-label": "Edit the part" }, ...EDITS.map(([label, edit, about]) =>
        el("button", { id: `edit-${label}`, title: about, onclick: () => this.edit(edit) }, label))),
      el("div", { class: "buttons" },
        el("button", { id: "part-all", onclick: () => { state.change(() => { region.part = null; }); } }, "Take all of it"),
        el("button", { id: "part-done", class: "primary", onclick: () => this.app.setPart(false) }, "Done")));
  }
}

/** @param {number[]} pair @returns {[number, number]} */
const at2 = (pair) => [pair[0], pair[1]];

/** @param {string | null} color */
export function swatchDot(color) {
  const dot = el("span", { class: color ? "dot" : "dot rest" });
  if (color) dot.style.background = color;
  return dot;
}
