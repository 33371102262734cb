// The session: kept by the server after every change, named in the address, there again after a reload.

import * as api from "./api.js";
import { state } from "./state.js";
import { toast } from "./dom.js";

const PAUSE = 400; // milliseconds after a change

class Session {
  id = "";
  #revision = 0;
  /** @type {number | undefined} */ #due;
  #kept = "";
  /** @type {Promise<void>} */ #keeping = Promise.resolve();

  /** The one that the address names, or null. @returns {Promise<any>} */
  async find() {
    const id = location.hash.slice(1);
    if (!/^[0-9a-f]{16}$/.test(id)) return null;
    try {
      return await this.load(id);
    } catch {
      history.replaceState(null, "", "#");
      return null;
    }
  }

  /** @param {string} id */
  async load(id) {
    const found = await api.get(`/api/sessions/${id}`);
    this.id = id;
    this.#revision = found.revision;
    this.#kept = JSON.stringify(found.sketch);
    history.replaceState(null, "", `#${id}`);
    return found;
  }

  leave() {
    this.id = "";
    history.replaceState(null, "", "#");
  }

  /** Soon. */
  keep() {
    clearTimeout(this.#due);
    this.#due = setTimeout(() => void this.keepNow(), PAUSE);
  }

  /** @returns {Promise<void>} */
  keepNow() {
    clearTimeout(this.#due);
    this.#keeping = this.#keeping.then(() => this.#keep());
    return this.#keeping;
  }

  async #keep() {
    const text = JSON.stringify(state.sketch);
    if (!state.sketch.content || text === this.#kept) return;
    try {
      if (!this.id) {
        const made = await api.post("/api/sessions", state.sketch);
        this.id = made.id;
        this.#revision = made.revision;
        history.replaceState(null, "", `#${this.id}`);
      } else {
        const answer = await api.put(`/api/sessions/${this.id}`, { revision: this.#revision, sketch: JSON.parse(text) });
        this.#revision = answer.revision;
      }
      this.#kept = text;
    } catch (fault) {
      const other = fault instanceof api.Refused && fault.status === 409;
      toast(other ? "This session was changed in another window. Reload the page to see it; changes made here are not kept."
        : /** @type {Error} */ (fault).message, "fault");
    }
  }
}

export const session = new Session();
