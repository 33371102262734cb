// The page: rooms, the canvas, the panel, and what holds them together.

import * as api from "./api.js";
import { rebuilt, renewed, slider } from "./controls.js";
import { el, icon, say, toast } from "./dom.js";
import { Jobs } from "./jobs.js";
import { Looks } from "./looks.js";
import { nothing } from "./maps.js";
import { DeformRoom } from "./rooms/deform.js";
import * as doodle from "./rooms/doodle.js";
import { PaintRoom } from "./rooms/paint.js";
import { PasteRoom } from "./rooms/paste.js";
import { session } from "./session.js";
import { splitHandle, Stage } from "./stage.js";
import { blank, ensureStyle, state } from "./state.js";
import { TOOLS } from "./tools.js";
import { View } from "./view.js";
import { sessions, welcome } from "./welcome.js";

/** @typedef {import("./types.d.ts").About} About */
/** @typedef {import("./types.d.ts").Picture} Picture */
/** @typedef {import("./types.d.ts").Sketch} Sketch */
/** @typedef {"none" | "split" | "preview" | "painting"} Over */

const FIRST = "starry"; // the style that a new picture takes
const NEXT = ["woodcut", "scream", "cubist"]; // and those that regions begin with, each unlike the others

export class App {
  session = session;
  /** @type {ImageBitmap | null} */ painting = null;
  /** @type {ImageBitmap | null} */ #photo = null;
  /** @type {ImageBitmap | null} */ #preview = null;
  /** @type {ImageBitmap | null} */ #style = null;
  /** @type {Over} */ #over = "preview";
  /** @type {"preview" | "painting"} what split shows */ #after = "preview";
  #photoOf = "";
  styleSize = { w: 1, h: 1 };
  #stale = false;
  #pressed = false;

  /** @param {About} about */
  constructor(about) {
    const order = [FIRST, ...NEXT, ...about.swatches];
    this.about = { ...about, swatches: order.filter((name, i) => about.swatches.includes(name) && order.indexOf(name) === i) };
    this.canvas = /** @type {HTMLCanvasElement} */ (el("canvas", { id: "canvas", tabindex: 0, role: "application",
      "aria-label": "The picture. Arrow keys move a cross, Enter draws with the chosen tool." }));
    this.view = new View(this.canvas);
    const paint = new PaintRoom(this);
    this.rooms = { paint, doodle: paint, paste: new PasteRoom(this), deform: new DeformRoom(this) };
    this.stage = new Stage(this.view, () => this.#hand());
    this.view.marks = (context) => { if (!this.#welcoming) this.room.marks(context); };
    this.jobs = new Jobs(this);
    this.looks = new Looks((image, notices) => this.#showPreview(image, notices), (busy) => this.#busy(busy),
      (fault) => toast(fault.message, "fault"));
    this.split = splitHandle(this.view);
    this.rail = el("nav", { class: "rail", "aria-label": "Tools" });
    this.options = el("div", { class: "options", role: "group", "aria-label": "Settings of the tool" });
    this.side = el("aside", { class: "panel", "aria-label": "Regions and styles" });
    this.head = el("header", { class: "head" });
    this.greeting = el("div", { class: "greeting" });
    this.file = /** @type {HTMLInputElement} */ (el("input", { type: "file", accept: "image/*,.tif,.tiff,.ppm", class: "unseen", tabindex: -1, "aria-hidden": "true" }));
    this.main = el("main", { class: "stage" }, this.canvas, ...this.rooms.deform.parts, this.split.handle, this.greeting, this.options, this.jobs.bar,
      el("div", { class: "busy", hidden: true }, "looking"));
    const shell = el("div", { class: "shell" }, this.head, this.rail, this.main,
      this.side, this.jobs.strip);
    /** @type {HTMLElement} */ (document.getElementById("studio")).replaceChildren(shell, this.file);
    state.listen((what) => this.#changed(what));
    this.#listen();
  }

  get preview() { return this.#preview; }
  get room() { return this.rooms[state.sketch.room]; }
  get #welcoming() { return state.sketch.content === null; }

  /** @returns {import("./stage.js").Hand} */
  #hand() {
    const { room } = this;
    if (state.sketch.room === "doodle") doodle.pick();
    return { down: (point, event) => room.down(point, event), move: (points) => room.move(points), up: (point) => room.up(point),
      cancel: () => room.cancel(), tool: () => room.tool };
  }

  // ---- what changes ----------------------------------------------------------------------------------------------------

  /** @param {"sketch" | "moving" | "selected"} what */
  #changed(what) {
    if (what !== "selected") {
      this.look(state.sketch);
      if (what === "sketch") session.keep();
    }
    if (what === "moving") return this.view.repaint();
    void this.#load();
    this.show();
  }

  show() {
    this.shell();
    this.panel();
    this.jobs.show();
  }

  /** @param {Sketch} sketch @param {boolean} [passing] */
  look(sketch, passing = false) {
    if (!sketch.content) return;
    if (sketch.room === "paste" && !this.rooms.paste.ready) return this.#nothing();
    if (sketch.room === "deform" && !this.rooms.deform.ready) return this.#nothing();
    if (this.room === this.rooms.paint && !sketch.rest.style && !sketch.regions.some((one) => one.style && (one.map.pixels || one.map.words))) return this.#nothing();
    this.looks.want(sketch, session.id, passing);
  }

  #nothing() {
    this.looks.reset();
    this.#preview = null;
    this.modes();
  }

  async #load() {
    const key = state.sketch.content;
    if (key && key !== this.#photoOf) {
      this.#photoOf = key;
      this.#preview = null;
      if (state.sketch.room === "deform") this.#over = "none"; // points are put on the photograph
      try {
        if (state.content?.key !== key) state.content = await api.get(`/api/pictures/${key}`);
        this.#photo = await api.picture(`/api/pictures/${key}/shown`);
        this.fit();
        this.show();
      } catch (fault) {
        toast(/** @type {Error} */ (fault).message, "fault");
      }
    }
    if (!key) {
      this.#photoOf = "";
      this.#photo = this.#preview = null;
      state.content = null;
    }
    this.modes();
    await this.room.load();
    this.room.tint();
  }

  /** @param {ImageBitmap} image @param {string[]} notices */
  #showPreview(image, notices) {
    this.#preview = image;
    if (this.#over === "none" && this.#after === "preview" && state.sketch.room === "paste") this.#over = "preview";
    this.room.looked();
    this.modes();
    this.canvas.dataset.previews = String(Number(this.canvas.dataset.previews ?? 0) + 1);
    const notice = this.side.querySelector(".notices");
    if (notice) notice.textContent = notices.map((one) => one.charAt(0).toUpperCase() + one.slice(1)).join(" ");
  }

  /** @param {ImageBitmap | null} image */
  showPainting(image) {
    this.painting = image;
    this.modes();
  }

  /** @param {boolean} busy */
  #busy(busy) {
    const sign = /** @type {HTMLElement} */ (document.querySelector(".busy"));
    sign.hidden = !busy;
    this.canvas.setAttribute("aria-busy", String(busy));
  }

  /** What lies over the photograph. @param {Over} over */
  over(over) {
    this.#over = over;
    if (over === "preview" || over === "painting") this.#after = over;
    this.modes();
    if (state.sketch.room === "doodle") this.setOverlay(over === "none");
  }

  /** @param {boolean} part whether the part of a style is painted on */
  async setPart(part) {
    const style = part ? state.style(state.region?.style ?? null) : null;
    this.rooms.paint.part = false;
    if (style) {
      try {
        const source = style.picture ? `/api/pictures/${style.picture}/shown` : `/api/swatches/${style.swatch}`;
        this.#style = await api.picture(source);
        const [w, h] = style.picture ? (await api.get(`/api/pictures/${style.picture}`)).map : [this.#style.width, this.#style.height];
        this.styleSize = { w, h };
        this.rooms.paint.part = true;
      } catch (fault) {
        toast(/** @type {Error} */ (fault).message, "fault");
      }
    }
    this.view.fit();
    this.show();
    await this.#load();
  }

  /** @param {boolean} overlay */
  setOverlay(overlay) {
    this.room.overlay = overlay;
    this.room.tint();
    this.shell();
  }

  /** @param {string} text */
  announce(text) { say(text); }

  // ---- pictures that come ------------------------------------------------------------------------------------------------

  /** @param {"content" | "style" | "object"} what */
  choose(what) {
    this.file.multiple = what === "style";
    this.file.onchange = () => {
      void this.take([...(this.file.files ?? [])], what);
      this.file.value = "";
    };
    this.file.click();
  }

  /** @param {File[]} files @param {"content" | "style" | "object"} what */
  async take(files, what) {
    const images = files.filter((one) => one.type.startsWith("image/") || one.type === "" || /\.(tiff?|ppm)$/i.test(one.name));
    if (images.length === 0) return toast("That is no picture. Drop a photograph or a painting.", "fault");
    for (const file of what === "style" ? images : images.slice(0, 1)) {
      if (file.size > this.about.limits.bytes) {
        toast(`${file.name} is larger than ${Math.round(this.about.limits.bytes / 2 ** 20)} MB. Make it smaller.`, "fault");
        continue;
      }
      try {
        this.#busy(true);
        this.#took(await api.sendPicture(file, file.name), what);
      } catch (fault) {
        toast(/** @type {Error} */ (fault).message, "fault");
      }
      this.#busy(this.looks.busy);
    }
  }

  /** @param {string} name */
  async example(name) {
    try {
      this.#took(await api.post(`/api/examples/${name}`), "content");
    } catch (fault) {
      toast(/** @type {Error} */ (fault).message, "fault");
    }
  }

  /** @param {Picture} picture @param {"content" | "style" | "object"} what */
  #took(picture, what) {
    for (const notice of picture.notices) toast(notice);
    if (what === "content" && picture.sketch) {
      session.leave();
      state.begin(picture.sketch);
      session.keep();
      return toast("Everything that made this painting is back.");
    }
    if (what === "content" && picture.painted) toast("This painting tells how it was made, but its pictures are not in this studio. It is taken as a photograph.");
    if (what !== "object" && state.sketch.room === "doodle") return void doodle.take(this, picture);
    if (what === "content") {
      if (this.#welcoming) {
        session.leave();
        state.begin({ ...blank(), room: state.sketch.room });
      }
      state.content = picture;
      return state.change((sketch) => {
        const same = sketch.content !== null;
        sketch.content = picture.key;
        sketch.name = picture.name.replace(/\.[a-z]{3,4}$/i, "");
        if (!same && sketch.styles.length === 0) sketch.rest.style = ensureStyle({ swatch: FIRST, name: FIRST });
        for (const region of sketch.regions) if (same) region.map = nothing();
        if (sketch.deform) sketch.deform.pairs = [];
      });
    }
    if (what === "style" && state.sketch.room === "deform") return this.rooms.deform.take({ picture: picture.key, name: picture.name });
    if (what === "style") {
      return state.change(() => { state.target.style = ensureStyle({ picture: picture.key, name: picture.name }); });
    }
    return state.change((sketch) => {
      sketch.paste = { object: picture.key, name: picture.name, mask: picture.alpha ? "" : "fill 0.01,0.01 0.99,0.01 tolerance=12 | invert",
        at: [0.5, 0.6], scale: 0.5, rotate: 0, strength: null };
    });
  }

  // ---- sessions ----------------------------------------------------------------------------------------------------------

  fresh() {
    session.leave();
    this.jobs.follow("");
    this.looks.reset();
    state.content = null;
    state.begin(blank());
  }

  /** @param {string} id */
  async open(id) {
    try {
      const found = await session.load(id);
      this.looks.reset();
      state.begin(found.sketch);
      this.jobs.follow(id);
    } catch (fault) {
      toast(/** @type {Error} */ (fault).message, "fault");
    }
  }

  /** @param {import("./types.d.ts").Room} room */
  enter(room) {
    void this.setPart(false);
    this.looks.reset();
    this.#preview = null;
    this.over(room === "deform" ? "none" : "preview");
    state.change((sketch) => { sketch.room = room; });
  }

  /** Shows all of the picture, and of the one beside it. */
  fit() {
    this.view.fit();
    this.rooms.deform.view.fit();
  }

  // ---- around the canvas -------------------------------------------------------------------------------------------------

  /** The head, the tools and their settings. */
  shell() {
    rebuilt(this.head, () => this.#headed());
    rebuilt(this.rail, () => this.#tools());
    rebuilt(this.options, () => this.#toolOptions());
    this.greeting.hidden = !this.#welcoming;
    if (this.#welcoming) rebuilt(this.greeting, () => [welcome(this)]);
    this.side.hidden = this.rail.hidden = this.#welcoming;
    this.options.hidden = this.#welcoming || this.options.childElementCount === 0;
    this.canvas.style.cursor = this.#welcoming ? "default" : TOOLS[this.room.tool]?.kind === "pan" ? "grab" : TOOLS[this.room.tool]?.kind === "stroke" ? "none" : "crosshair";
    this.modes();
  }

  /** Soon: a button that is pressed stays the same button, and the keyboard goes on to the next field first. */
  panel() {
    this.#stale = true;
    setTimeout(() => this.#rebuild());
  }

  #rebuild() {
    if (!this.#stale || this.#pressed || this.#welcoming) return;
    this.#stale = false;
    const doodling = state.sketch.room === "doodle" && !this.room.part;
    rebuilt(this.side, () => [...(doodling ? doodle.panel(this) : this.room.panel()), el("p", { class: "notices", role: "status" }),
      ...(this.room.part ? [] : doodling ? doodle.painting(this) : this.room === this.rooms.deform ? this.room.painting()
        : [this.jobs.panel(), this.jobs.button()])].filter((one) => one instanceof Node));
  }

  #headed() {
    const button = (/** @type {string} */ id, /** @type {string} */ name, /** @type {string} */ label, /** @type {() => void} */ act, off = false) =>
      el("button", { id, class: "quiet", title: label, "aria-label": label, disabled: off, onclick: act }, icon(name));
    const room = (/** @type {import("./types.d.ts").Room} */ name, /** @type {string} */ label) => el("button", { id: `room-${name}`,
      "aria-pressed": String(state.sketch.room === name), onclick: () => this.enter(name) }, label);
    return [
      el("a", { class: "mark", href: "#", title: "Begin anew", onclick: (/** @type {Event} */ event) => { event.preventDefault(); this.fresh(); } }, el("img", { src: "icon.svg", alt: "" }), "intarsia"),
      el("div", { class: "group rooms", role: "group", "aria-label": "What is done" }, room("paint", "Paint"), room("doodle", "Doodle"), room("paste", "Paste"), room("deform", "Deform")),
      el("div", { class: "group" }, button("undo", "undo", "Undo (Ctrl-Z)", () => state.undo(), !state.canUndo),
        button("redo", "redo", "Redo (Ctrl-Shift-Z)", () => state.redo(), !state.canRedo)),
      el("div", { class: "group modes", role: "group", "aria-label": "What is shown", id: "modes" }),
      el("span", { class: "space" }),
      ...(this.#welcoming ? [] : [button("fit", "fit", "Show all of it (0)", () => this.fit())]),
      button("sessions", "folder", "Sessions", () => void sessions(this)),
    ];
  }

  /** What can be shown, and is. */
  modes() {
    const place = document.getElementById("modes"), { view } = this;
    if (!this.#preview && this.#over === "preview") view.top = null;
    const part = this.room.part;
    view.base = part ? this.#style : this.#photo;
    const shown = this.#over === "split" ? this.#after : this.#over;
    view.top = part || this.#welcoming ? null : shown === "preview" ? this.#preview : shown === "painting" ? this.painting : null;
    const split = this.#over === "split" && view.top !== null;
    view.split = split ? (view.split > 0 && view.split < 1 ? view.split : 0.5) : 0;
    this.split.handle.hidden = !split;
    this.rooms.deform.show(state.sketch.room === "deform" && !this.#welcoming && shown !== "painting", view.top === null);
    view.refresh();
    if (split) requestAnimationFrame(() => this.split.place());
    if (!place) return;
    place.hidden = part || this.#welcoming;
    const mode = (/** @type {Over} */ over, /** @type {string} */ label, off = false) => el("button", { id: `mode-${over}`, disabled: off,
      "aria-pressed": String(this.#over === over), onclick: () => this.over(over) }, label);
    renewed(place, () => [mode("none", state.sketch.room === "doodle" ? "Canvas" : "Photo"), ...(state.sketch.room === "doodle" ? [] : [mode("split", "Split")]), mode("preview", "Preview"),
      ...(this.jobs.chosen ? [mode("painting", "Painting")] : []),
      ...(this.room === this.rooms.paint ? [el("button", { id: "overlay", title: "Show the regions as colors (M)", "aria-pressed": String(this.room.overlay),
        onclick: () => this.setOverlay(!this.room.overlay) }, icon("layers"), "Regions")] : [])]);
  }

  #tools() {
    if (this.room !== this.rooms.paint) return [];
    return Object.entries(TOOLS).map(([name, tool]) => el("button", { id: `tool-${name}`, "aria-label": tool.label,
      title: `${tool.label} (${tool.key.toUpperCase()}). ${tool.about}`, "aria-pressed": String(this.room.tool === name), onclick: () => this.use(name) }, icon(name)));
  }

  /** @param {string} tool */
  use(tool) {
    this.rooms.paint.tool = tool;
    this.rooms.paint.endMerge();
    say(TOOLS[tool].label);
    this.shell();
    this.view.repaint();
  }

  #toolOptions() {
    if (this.room !== this.rooms.paint) return [];
    const { options, tool } = this.rooms.paint, { kind } = TOOLS[tool];
    const set = (/** @type {"size" | "hardness" | "opacity" | "tolerance"} */ name) => (/** @type {number} */ value) => {
      options[name] = value;
      this.view.repaint();
    };
    const percent = (/** @type {number} */ value) => `${value} %`;
    const about = el("span", { class: this.rooms.paint.merging ? "hint" : "about", text: this.rooms.paint.about });
    if (kind === "stroke") {
      return [slider({ id: "brush-size", label: "Size", value: options.size, least: 0.5, most: 40, step: 0.5, shown: percent, set: set("size") }),
        slider({ id: "brush-hardness", label: "Hardness", value: options.hardness, least: 0, most: 100, step: 5, shown: percent, set: set("hardness") }),
        slider({ id: "brush-opacity", label: "Opacity", value: options.opacity, least: 5, most: 100, step: 5, shown: percent, set: set("opacity") })];
    }
    if (kind === "click") return [slider({ id: "tolerance", label: "Tolerance", value: options.tolerance, least: 1, most: 60, step: 1, set: set("tolerance") }), about];
    return [about];
  }

  // ---- keys, drops, the clipboard -----------------------------------------------------------------------------------------

  #listen() {
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.view.refresh());
    window.addEventListener("keydown", (event) => this.#key(event));
    window.addEventListener("keyup", (event) => { if (event.key === " ") this.stage.space = false; });
    window.addEventListener("pointerdown", () => { this.#pressed = true; }, true);
    for (const end of ["pointerup", "pointercancel"]) {
      window.addEventListener(end, () => setTimeout(() => {
        this.#pressed = false;
        this.#rebuild();
      }), true);
    }
    window.addEventListener("pagehide", () => void session.keepNow());
    window.addEventListener("paste", (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (files.length) void this.take(files, this.#welcoming ? "content" : state.sketch.room === "paste" ? "object" : "style");
    });
    const zones = el("div", { class: "zones", hidden: true }, el("div", { class: "zone", "data-what": "content" }, "The photograph"),
      el("div", { class: "zone", "data-what": "style" }, "A style"));
    document.body.append(zones);
    let depth = 0;
    window.addEventListener("dragenter", () => {
      depth++;
      const two = /** @type {HTMLElement} */ (zones.lastElementChild);
      two.hidden = this.#welcoming;
      two.textContent = state.sketch.room === "paste" ? "An object" : "A style";
      two.dataset.what = state.sketch.room === "paste" ? "object" : "style";
      zones.hidden = false;
    });
    window.addEventListener("dragleave", () => { if (--depth <= 0) zones.hidden = true; });
    window.addEventListener("dragover", (event) => event.preventDefault());
    window.addEventListener("drop", (event) => {
      event.preventDefault();
      depth = 0;
      zones.hidden = true;
      const zone = /** @type {Element} */ (event.target).closest?.("[data-what]");
      const what = /** @type {"content" | "style" | "object"} */ (zone?.getAttribute("data-what") ?? "content");
      const files = [...(event.dataTransfer?.files ?? [])];
      if (files.length) void this.take(files, this.#welcoming ? "content" : what);
    });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const target = /** @type {HTMLElement} */ (event.target), typing = /^(text|number|search)$/.test(target.getAttribute("type") ?? "") || target.tagName === "SELECT";
    if (document.querySelector("dialog[open]")) return;
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z" && !typing) {
      event.shiftKey ? state.redo() : state.undo();
      return event.preventDefault();
    }
    if (typing || event.ctrlKey || event.metaKey || event.altKey || this.#welcoming) return;
    if (event.key === " " && (target === this.canvas || target === document.body)) {
      this.stage.space = true;
      return event.preventDefault();
    }
    if (state.sketch.room === "paste") {
      if ((target === this.canvas || target === document.body) && this.rooms.paste.key(event)) event.preventDefault();
      return;
    }
    if (state.sketch.room === "deform") return event.key === "0" ? this.fit() : undefined;
    const { options } = this.rooms.paint, key = event.key.toLowerCase(), tool = Object.keys(TOOLS).find((name) => TOOLS[name].key === key);
    if (tool) this.use(tool);
    else if (key === "[" || key === "]") {
      options.size = Math.min(40, Math.max(0.5, options.size * (key === "]" ? 1.2 : 1 / 1.2)));
      options.size = Math.round(options.size * 2) / 2;
      this.shell();
    } else if (key === "0") this.fit();
    else if (key === "m") this.setOverlay(!this.room.overlay);
    else if (key === "x") this.#swap();
    else if (key === "escape" && this.rooms.paint.merging) this.rooms.paint.endMerge();
    else if (/^[1-9]$/.test(key) && state.sketch.regions[Number(key) - 1]) state.select(state.sketch.regions[Number(key) - 1].id);
    else if (key === "`") state.select("rest");
    else return;
    event.preventDefault();
  }

  /** The styles of the selected region and of all else change places. */
  #swap() {
    const region = state.region;
    if (region) state.change((sketch) => { [region.style, sketch.rest.style] = [sketch.rest.style, region.style]; });
  }
}

async function begin() {
  const place = /** @type {HTMLElement} */ (document.getElementById("studio"));
  if (!("PointerEvent" in window) || !("CompressionStream" in window) || !("OffscreenCanvas" in window)) {
    place.append(el("p", { class: "sentence", text: "This browser is too old for the studio: it needs pointer events, compression streams and canvases off the screen. Firefox, Chrome, Edge and Safari of 2023 or later have them." }));
    return;
  }
  place.append(el("p", { class: "sentence", id: "opening", text: "The studio opens." }));
  try {
    const about = await api.get("/api/about");
    const app = new App(about), found = await session.find();
    state.begin(found ? found.sketch : blank());
    if (found) app.jobs.follow(found.id);
    Object.assign(window, { studio: { app, state } }); // for scripts and tests
    document.body.dataset.ready = "yes";
  } catch (fault) {
    place.replaceChildren(el("p", { class: "sentence", text: /** @type {Error} */ (fault).message }));
  }
}

void begin();
