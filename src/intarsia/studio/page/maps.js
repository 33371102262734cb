// Maps as bytes: where they come from, and what is done with them here. Edits in words are drawn by the server.

import * as api from "./api.js";

/** @typedef {import("./types.d.ts").Drawn} Drawn */
/** @typedef {import("./types.d.ts").Levels} Levels */
/** @typedef {import("./types.d.ts").Rect} Rect */
/** @typedef {{picture: string} | {swatch: string}} On */

const KEPT = 64;
/** @type {Map<string, Levels>} */
const known = new Map();

/** @param {string} key @param {Levels} levels */
function keep(key, levels) {
  known.delete(key);
  known.set(key, levels);
  for (const old of known.keys()) if (known.size > KEPT) known.delete(old);
}

/** @param {{w: number, h: number}} size @returns {Levels} */
export const empty = ({ w, h }) => ({ w, h, data: new Uint8Array(w * h) });

/** @param {Drawn} drawn */
export const isEmpty = (drawn) => drawn.pixels === null && drawn.words.trim() === "";

/** The bytes of a map, which are not to be written to. @param {Drawn} drawn @param {On} on @param {{w: number, h: number}} size */
export async function levelsOf(drawn, on, size) {
  if (isEmpty(drawn)) return empty(size);
  const name = drawn.words.trim() ? JSON.stringify([drawn, on]) : /** @type {string} */ (drawn.pixels);
  let found = known.get(name);
  if (!found) found = await api.storedMap(drawn.words.trim() ? await api.draw(on, drawn) : name);
  keep(name, found);
  return found;
}

/** What is at hand of it. @param {Drawn} drawn @param {On} on */
export const atHand = (drawn, on) =>
  known.get(drawn.words.trim() ? JSON.stringify([drawn, on]) : drawn.pixels ?? "") ?? null;

/** @returns {Drawn} */
export const nothing = () => ({ pixels: null, words: "", named: [] });

/** Sends a map, and gives it as a sketch has it. @param {Levels} levels @returns {Promise<Drawn>} */
export const sent = (levels) => told(levels, nothing(), "");

/** The same, with how it was made of what was there before: by a step in words. @param {Levels} levels
 * @param {Drawn} before @param {string} step @returns {Promise<Drawn>} */
export async function told(levels, before, step) {
  const first = isEmpty(before) ? step.replace(/^(unite|add) /, "") : step;
  const words = step && [before.words, first].filter((one) => one.trim()).join(" | ");
  const { key, named } = await api.sendMap(levels, words ? before.pixels : null, words);
  keep(key, levels);
  return { pixels: key, words: "", named };
}

/** What a step calls a map: its words, if they are no more than a shape, or else the key of its pixels.
 * @param {Drawn} drawn @param {Levels} levels of it @returns {Promise<string>} */
export async function called({ pixels, words }, levels) {
  if (pixels === null && !words.includes("|")) return words;
  return pixels !== null && !words.trim() ? pixels : /** @type {string} */ ((await sent(levels)).pixels);
}

/** @param {Uint8Array} a @param {Uint8Array} b */
export const same = (a, b) => a.every((one, i) => one === b[i]);

/** @param {Levels} a @param {Levels} b @param {(a: number, b: number) => number} how @returns {Levels} */
export function combined(a, b, how) {
  const out = new Uint8Array(a.data.length);
  for (let i = 0; i < out.length; i++) out[i] = how(a.data[i], b.data[i]);
  return { w: a.w, h: a.h, data: out };
}

/** @param {number} a @param {number} b */
export const union = (a, b) => Math.max(a, b);
/** @param {number} a @param {number} b */
export const without = (a, b) => Math.min(a, 255 - b);

/** @param {number} a @param {number} b */
export const sum = (a, b) => Math.min(255, a + b);

/** Whether two maps claim more than there is. @param {Levels} a @param {Levels} b */
export function overlap(a, b) {
  for (let i = 0; i < a.data.length; i++) if (a.data[i] + b.data[i] > 257) return true;
  return false;
}

/** @param {Drawn} drawn @param {string} edit */
export const edited = (drawn, edit) => ({ ...drawn, words: drawn.words.trim() ? `${drawn.words} | ${edit}` : edit });
