// A doodle becomes a painting: a painting is cut into parts, a flat color each, and what is painted with a color on an
// empty canvas takes that part. The tools, the maps and the canvas are those of the room of regions.

import * as api from "../api.js";
import * as maps from "../maps.js";
import { choice, number } from "../controls.js";
import { el, icon, toast, within } from "../dom.js";
import { ensureStyle, fresh, state } from "../state.js";
import { swatchDot } from "./paint.js";

/** @typedef {import("../types.d.ts").Picture} Picture */
/** @typedef {import("../types.d.ts").Region} Region */
/** @typedef {import("../types.d.ts").Drawn} Drawn */
/** @typedef {import("../app.js").App} App */

const USUAL = 4; // colors to begin with
const APART = 50; // of two colors, in levels of 256
const CHOICES = [2, 3, 4, 5, 6, 8];

/** Another painting: its parts, and an empty canvas of its shape. @param {App} app @param {Picture} picture */
export async function take(app, picture) {
  try {
    const canvas = await api.sendPicture(await white(...picture.map), "doodle");
    await cut(app, picture.key, USUAL, () => {
      state.content = canvas;
      state.sketch.content = canvas.key;
      state.sketch.name = picture.name.replace(/\.[a-z]{3,4}$/i, "");
      state.sketch.rest = { style: ensureStyle({ picture: picture.key, name: picture.name }), manner: {} };
    });
  } catch (fault) {
    toast(/** @type {Error} */ (fault).message, "fault");
  }
}

/** Into so many parts. The first color fills the canvas. @param {App} app @param {string} content @param {number} k
 * @param {() => void} before */
async function cut(app, content, k, before = () => {}) {
  toast(`Cutting the painting into ${k} colors. This takes some seconds.`);
  const { keys } = await api.post("/api/partition", { content, k });
  const found = await colorsOf(content, keys);
  state.change((sketch) => {
    before();
    sketch.regions = [];
    for (const [i, pixels] of keys.entries()) {
      sketch.regions.push({ id: fresh("r", sketch.regions), name: `Color ${i + 1}`, color: found[i],
        map: { ...maps.nothing(), words: i === 0 ? "everywhere" : "" }, part: { ...maps.nothing(), pixels }, style: sketch.rest.style, manner: {} });
    }
  });
  state.select(state.sketch.regions[1].id);
  app.announce(`${keys.length} colors were found. The canvas is empty.`);
}

/** Before something is drawn: a color is in hand. */
export function pick() {
  if (!state.region && state.sketch.regions.length) state.select(state.sketch.regions[0].id);
}

/** @param {App} app */
export function panel(app) { return state.sketch.regions.length ? [paintings(app), colors(app)] : [paintings(app)]; }

/** @param {App} app */
function paintings(app) {
  const style = state.style(state.sketch.rest.style), key = style?.picture, chosen = Boolean(key) && state.sketch.regions.length > 0;
  return el("section", { "aria-labelledby": "parts-title" }, el("h2", { id: "parts-title", text: "Painting to take from" }),
    !chosen && el("p", { text: "Choose a painting. It is cut into parts, each gets a color, and you paint with these on an empty canvas." }),
    chosen ? el("div", { class: "thumbs" }, el("span", { class: "thumb" }, el("img", { src: `/api/pictures/${key}/small`, alt: style?.name ?? "" })),
      el("button", { id: "doodle-choose", class: "thumb add", title: "Another painting", "aria-label": "Another painting",
        onclick: () => app.choose("style") }, icon("plus")))
      : el("button", { id: "doodle-choose", class: "wide primary", onclick: () => app.choose("style") }, icon("picture"), "Choose a painting"),
    chosen && choice({ id: "colors", label: "Colors", about: "Into how many parts it is cut. Cutting it anew empties the canvas.",
      value: String(state.sketch.regions.length), choices: [...new Set([...CHOICES, state.sketch.regions.length])].sort((a, b) => a - b).map((k) => [String(k), String(k)]),
      set: (value) => cut(app, key ?? "", Number(value)).catch((fault) => { toast(fault.message, "fault"); app.panel(); }) }));
}

/** @param {App} app */
function colors(app) {
  const rows = state.sketch.regions.map((region) => el("li", { class: "region" }, el("button", { id: `region-${region.id}`, class: "pick",
    "aria-pressed": String(state.selected === region.id), onclick: () => state.select(region.id) },
  swatchDot(region.color), el("span", { class: "name", text: region.name }), cutout(region))));
  return el("section", { "aria-labelledby": "regions-title" }, el("h2", { id: "regions-title", text: "Colors" }),
    el("p", { text: "Pick a color and paint. Each stands for a part of the painting." }),
    el("ul", { class: "regions" }, ...rows),
    state.region && el("button", { id: "part", class: "wide", onclick: () => void app.setPart(true) }, `Where the painting has ${state.region.name}`));
}

/** The part of the painting that a color stands for, small. @param {Region} region */
function cutout(region) {
  const canvas = /** @type {HTMLCanvasElement} */ (el("canvas", { class: "cut", width: 88, height: 66, "aria-hidden": "true" }));
  const style = state.style(region.style);
  if (style?.picture && region.part) void drawCutout(canvas, style.picture, region.part);
  return canvas;
}

/** @param {HTMLCanvasElement} canvas @param {string} picture @param {Drawn} part */
async function drawCutout(canvas, picture, part) {
  try {
    const [image, levels] = await Promise.all([smallOf(picture), maps.levelsOf(part, { picture }, { w: 1, h: 1 })]);
    const shape = new ImageData(levels.w, levels.h);
    for (let i = 0; i < levels.data.length; i++) shape.data[4 * i + 3] = levels.data[i];
    const mask = new OffscreenCanvas(levels.w, levels.h), context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    /** @type {OffscreenCanvasRenderingContext2D} */ (mask.getContext("2d")).putImageData(shape, 0, 0);
    const scale = Math.min(canvas.width / image.width, canvas.height / image.height), w = image.width * scale, h = image.height * scale;
    const at = /** @type {[number, number, number, number]} */ ([canvas.width - w, (canvas.height - h) / 2, w, h]);
    context.drawImage(image, ...at);
    context.globalCompositeOperation = "destination-in";
    context.drawImage(mask, ...at);
  } catch { /* it is told where the picture is shown */ }
}

/** @type {{key: string, image: Promise<ImageBitmap>} | null} */
let kept = null;

/** @param {string} key */
function smallOf(key) {
  if (kept?.key !== key) kept = { key, image: api.picture(`/api/pictures/${key}/small`) };
  return kept.image;
}

/** How the next one is painted. @param {App} app */
export function painting(app) {
  const { about } = app, { gatys } = about.methods;
  return [
    el("section", { "aria-labelledby": "paint-title" }, el("h2", { id: "paint-title", text: "Painting" }),
      number({ id: "size", label: "Long side", about: "Of the painting, in pixels", value: state.sketch.size, least: 64, most: about.limits.side,
        usual: String(gatys.size), set: (value) => state.change((now) => { now.size = value; }) }),
      number({ id: "steps", label: "Steps", about: "More are finer, and take longer", value: Number(state.sketch.settings.steps ?? 0) || null,
        least: 1, most: about.limits.steps, usual: String(gatys.settings.steps.default), set: (value) => state.change((now) => {
          if (value === null) delete now.settings.steps;
          else now.settings.steps = value;
        }) })),
    el("div", { class: "begin" }, el("button", { id: "paint", class: "primary wide", disabled: !state.sketch.regions.length,
      onclick: () => void app.jobs.begin() }, "Paint")),
  ];
}

/** The mean color of the picture under each map; those that are much alike are drawn apart. @param {string} picture
 * @param {string[]} keys */
async function colorsOf(picture, keys) {
  const [image, ...parts] = await Promise.all([smallOf(picture), ...keys.map(api.storedMap)]);
  const { w, h } = parts[0], context = /** @type {OffscreenCanvasRenderingContext2D} */ (new OffscreenCanvas(w, h).getContext("2d"));
  context.drawImage(image, 0, 0, w, h);
  const pixels = context.getImageData(0, 0, w, h).data;
  const means = parts.map(({ data }) => {
    const sums = [0, 0, 0];
    let mass = 0;
    for (let i = 0; i < data.length; i++) {
      mass += data[i];
      for (const c of [0, 1, 2]) sums[c] += data[i] * pixels[4 * i + c];
    }
    return sums.map((sum) => sum / Math.max(1, mass));
  });
  const apart = Math.min(...means.flatMap((one, i) => means.slice(0, i).map((two) => Math.hypot(...one.map((value, c) => value - two[c])))));
  const factor = within(APART / Math.max(1, apart), 1, 4);
  const middle = [0, 1, 2].map((c) => means.reduce((sum, one) => sum + one[c], 0) / means.length);
  return means.map((one) => `#${one.map((value, c) => within(Math.round(middle[c] + factor * (value - middle[c])), 0, 255).toString(16).padStart(2, "0")).join("")}`);
}

/** @param {number} w @param {number} h @returns {Promise<Blob>} */
function white(w, h) {
  const canvas = new OffscreenCanvas(w, h), context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.fillStyle = "#fff";
  context.fillRect(0, 0, w, h);
  return canvas.convertToBlob({ type: "image/png" });
}
