// Previews: the newest sketch is looked at as soon as the one before has been shown; those in between never are. A passing
// one, of a stroke on its way, is not waited for by one that stays.

import * as api from "./api.js";

/** @typedef {import("./types.d.ts").Sketch} Sketch */

export class Looks {
  #busy = false;
  /** @type {{sketch: string, session: string, passing: boolean} | null} */ #next = null;
  #passing = false;
  #shown = "";
  /** @type {AbortController | null} */ #asked = null;

  /**
   * @param {(image: ImageBitmap, notices: string[]) => void} show
   * @param {(busy: boolean) => void} tell
   * @param {(fault: Error) => void} fail
   */
  constructor(show, tell, fail) {
    this.show = show;
    this.tell = tell;
    this.fail = fail;
  }

  get busy() { return this.#busy; }

  /** @param {Sketch} sketch @param {string} session @param {boolean} passing */
  want(sketch, session, passing) {
    // what only counts at full size changes no preview
    const { method, size, settings, name, ...looked } = sketch;
    const text = JSON.stringify({ ...looked, method: method === "adain" ? method : "wct" });
    if (text === this.#shown) return;
    this.#shown = text;
    this.#next = { sketch: text, session, passing };
    if (!this.#busy) void this.#work();
    else if (this.#passing && !passing) this.#asked?.abort();
  }

  /** For another picture: what is on its way counts no more. */
  reset() {
    this.#asked?.abort();
    this.#next = null;
    this.#shown = "";
  }

  async #work() {
    this.#busy = true;
    this.tell(true);
    while (this.#next) {
      const { sketch, session, passing } = this.#next;
      this.#next = null;
      this.#passing = passing;
      const asked = new AbortController();
      this.#asked = asked;
      try {
        const { image, notices } = await api.preview(JSON.parse(sketch), session, passing, asked.signal);
        if (!asked.signal.aborted) this.show(image, notices);
      } catch (fault) {
        const dropped = asked.signal.aborted || (fault instanceof api.Refused && fault.status === 409);
        if (!dropped) this.fail(/** @type {Error} */ (fault));
      }
    }
    this.#busy = false;
    this.tell(false);
  }
}
