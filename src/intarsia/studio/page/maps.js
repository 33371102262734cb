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

/** Sends a map, and gives it as a sketch has it. @param {Levels} levels @returns {Promise<Drawn>} */
export async function sent(levels) {
  const key = await api.sendMap(levels);
  keep(key, levels);
  return { pixels: key, words: "" };
}

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
