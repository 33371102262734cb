// What the server can be asked. Whatever fails is an Error with a sentence for people.

/** @typedef {import("./types.d.ts").Sketch} Sketch */
/** @typedef {import("./types.d.ts").Drawn} Drawn */
/** @typedef {import("./types.d.ts").Levels} Levels */
/** @typedef {import("./types.d.ts").Picture} Picture */

export class Refused extends Error {
  /** @param {number} status @param {string} message */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** @param {string} method @param {string} path @param {BodyInit | null} [body] @param {AbortSignal} [signal] */
async function ask(method, path, body = null, signal) {
  /** @type {Response} */
  let answer;
  try {
    const headers = typeof body === "string" ? { "content-type": "application/json" } : undefined;
    answer = await fetch(path, { method, body, headers, signal, credentials: "same-origin" });
  } catch (fault) {
    if (signal?.aborted) throw fault;
    throw new Refused(0, "The studio does not answer. Is it still running in its terminal?");
  }
  if (!answer.ok) {
    const told = await answer.text();
    let message = told;
    try { message = JSON.parse(told).message; } catch { /* plain text */ }
    throw new Refused(answer.status, message.charAt(0).toUpperCase() + message.slice(1));
  }
  return answer;
}

/** @param {string} path @returns {Promise<any>} */
export const get = async (path) => (await ask("GET", path)).json();
/** @param {string} path @param {any} [data] @returns {Promise<any>} */
export const post = async (path, data = {}) => (await ask("POST", path, JSON.stringify(data))).json();
/** @param {string} path @param {any} data @returns {Promise<any>} */
export const put = async (path, data) => (await ask("PUT", path, JSON.stringify(data))).json();
/** @param {string} path @returns {Promise<any>} */
export const drop = async (path) => (await ask("DELETE", path)).json();

/** @param {Blob} file @param {string} name @returns {Promise<Picture>} */
export const sendPicture = async (file, name) =>
  (await ask("POST", `/api/pictures?name=${encodeURIComponent(name.slice(0, 100))}`, file)).json();

/** @param {Sketch} sketch @param {string} session @param {boolean} passing @param {AbortSignal} [signal] */
export async function preview(sketch, session, passing, signal) {
  const answer = await ask("POST", `/api/preview?session=${session}&passing=${passing}`, JSON.stringify(sketch), signal);
  /** @type {string[]} */
  const notices = JSON.parse(answer.headers.get("x-notices") ?? "[]");
  return { image: await bitmap(await answer.blob()), notices };
}

/** @param {string} object @param {string} mask */
export async function cutout(object, mask) {
  const answer = await ask("POST", "/api/cutout", JSON.stringify({ object, mask }));
  return { image: await bitmap(await answer.blob()), whole: answer.headers.get("x-whole") === "yes" };
}

/** @param {string} path */
export const picture = async (path) => bitmap(await (await ask("GET", path)).blob());

/** @param {Blob} blob */
const bitmap = (blob) => createImageBitmap(blob, { colorSpaceConversion: "none" });

/** @param {Levels} levels @param {string | null} [before] the map it was made of @param {string} [words] what was done
 * @returns {Promise<{key: string, named: string[]}>} */
export async function sendMap({ w, h, data }, before = null, words = "") {
  const packed = new Blob([/** @type {BlobPart} */ (data), words]).stream().pipeThrough(new CompressionStream("gzip"));
  const body = await new Response(packed).blob();
  const answer = await ask("POST", `/api/maps?w=${w}&h=${h}${before ? `&before=${before}` : ""}`, body);
  return answer.json();
}

/** @param {string} key @returns {Promise<Levels>} */
export async function storedMap(key) {
  const image = await bitmap(await (await ask("GET", `/api/maps/${key}`)).blob());
  const canvas = new OffscreenCanvas(image.width, image.height);
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
  context.drawImage(image, 0, 0);
  const colors = context.getImageData(0, 0, image.width, image.height).data;
  const data = new Uint8Array(image.width * image.height);
  for (let i = 0; i < data.length; i++) data[i] = colors[4 * i];
  return { w: image.width, h: image.height, data };
}

/** @param {{picture: string} | {swatch: string}} on @param {Drawn} map @returns {Promise<string>} the key of the map */
export const draw = async (on, map) => (await post("/api/draw", { on, map })).key;
