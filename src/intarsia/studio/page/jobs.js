// Paintings at full size: begun, watched, kept. The strip at the bottom is the history.

import * as api from "./api.js";
import { choice, number, renewed } from "./controls.js";
import { el, icon, say, toast } from "./dom.js";
import { state } from "./state.js";

/** @typedef {import("./types.d.ts").Job} Job */
/** @typedef {import("./app.js").App} App */

/** @type {Record<string, string>} */
const METHODS = { gatys: "Optimization: finest", strotss: "Transport: calm areas stay calm", wct: "Feature transform: quick" };

export class Jobs {
  /** @type {Map<string, Job>} */ all = new Map();
  /** @type {string | null} the one that is shown */ chosen = null;
  /** @type {EventSource | null} */ #events = null;
  #session = "";
  /** @type {Map<string, number>} */ #begun = new Map();
  /** @type {Map<string, number>} */ #pictures = new Map();
  #loading = false;

  /** @param {App} app */
  constructor(app) {
    this.app = app;
    this.strip = el("footer", { class: "strip", "aria-label": "Paintings of this session" });
    this.bar = el("div", { class: "job", hidden: true, role: "group", "aria-label": "The painting that is shown" });
  }

  /** Hears of the paintings of a session. @param {string} session */
  follow(session) {
    if (session === this.#session) return;
    this.#session = session;
    this.#events?.close();
    this.#events = null;
    this.all.clear();
    this.chosen = null;
    this.show();
    if (!session) return;
    this.#events = new EventSource(`/api/events?session=${session}`);
    this.#events.addEventListener("job", (event) => this.#hear(JSON.parse(/** @type {MessageEvent} */ (event).data)));
  }

  /** @param {Job} job */
  #hear(job) {
    const before = this.all.get(job.id);
    this.all.set(job.id, job);
    if (job.state === "running" && !this.#begun.has(job.id)) this.#begun.set(job.id, Date.now());
    if (job.state !== "running") this.#begun.delete(job.id);
    if (before && before.state !== job.state) {
      /** @type {Record<string, string>} */
      const told = { done: "The painting is done", stopped: "The painting was stopped", failed: job.message ?? "" };
      say(told[job.state] ?? "");
      if (job.state === "failed" && job.message) toast(job.message, "fault");
    }
    this.show();
    if (job.id === this.chosen) void this.#picture(job);
  }

  /** The picture as it grows: the next is asked for only after the last has been shown. @param {Job} job */
  async #picture(job) {
    const number = job.painted && job.state !== "running" ? Infinity : job.shown ?? 0;
    if (this.#loading || number === 0 || (number === this.#pictures.get(job.id) && this.app.painting)) return;
    this.#loading = true;
    try {
      const which = number === Infinity ? "shown" : "sofar";
      const image = await api.picture(`/api/jobs/${job.id}/${which}.webp?${number === Infinity ? job.state : number}`);
      if (job.id === this.chosen) {
        this.#pictures.set(job.id, number);
        this.app.showPainting(image);
      }
    } catch { /* it has gone */ }
    this.#loading = false;
    const now = this.all.get(job.id);
    if (now && now !== job && job.id === this.chosen) void this.#picture(now);
  }

  /** @param {string | null} id */
  choose(id) {
    this.chosen = id;
    this.#pictures.clear();
    this.app.showPainting(null);
    const job = id === null ? null : this.all.get(id);
    if (job) {
      this.app.over("painting");
      void this.#picture(job);
    } else this.app.over("preview");
    this.show();
  }

  async begin() {
    await this.app.session.keepNow();
    if (!this.app.session.id) return;
    this.follow(this.app.session.id);
    try {
      const job = await api.post(`/api/sessions/${this.app.session.id}/jobs`, state.sketch);
      this.all.set(job.id, job);
      this.choose(job.id);
      say("The painting has begun");
    } catch (fault) {
      toast(/** @type {Error} */ (fault).message, "fault");
    }
  }

  /** Another painting, from where this one ended. @param {string} id */
  async #more(id) {
    try {
      const job = await api.post(`/api/jobs/${id}/more`);
      this.all.set(job.id, job);
      this.choose(job.id);
    } catch (fault) {
      toast(/** @type {Error} */ (fault).message, "fault");
    }
  }

  /** @param {string} id @param {string} what */
  async #ask(id, what) {
    try {
      this.#hear(await api.post(`/api/jobs/${id}/${what}`));
    } catch (fault) {
      toast(/** @type {Error} */ (fault).message, "fault");
    }
  }

  /** @param {string} id */
  async #drop(id) {
    await api.drop(`/api/jobs/${id}`);
    this.all.delete(id);
    if (this.chosen === id) this.choose(null);
    this.show();
  }

  /** Its settings again. @param {string} id */
  async #restore(id) {
    const sketch = await api.get(`/api/jobs/${id}/sketch`);
    state.change((now) => Object.assign(now, sketch));
    this.choose(null);
    toast("The settings of that painting are back. Undo takes you to where you were.");
  }

  // ---- shown ---------------------------------------------------------------------------------------------------------

  show() {
    const jobs = [...this.all.values()].sort((a, b) => a.made - b.made);
    this.strip.hidden = jobs.length === 0;
    renewed(this.strip, () => jobs.map((job) => this.#card(job)));
    const job = this.chosen === null ? undefined : this.all.get(this.chosen);
    this.bar.hidden = !job;
    renewed(this.bar, () => (job ? this.#details(job) : []));
    this.app.modes();
  }

  /** @param {Job} job */
  #card(job) {
    const part = Math.round(100 * (job.part ?? 0));
    const label = job.state === "running" ? `Painting, ${part} % done` : job.state === "waiting" ? `Waiting, place ${job.place}`
      : job.state === "done" ? `Painting of ${time(job.made)}` : `Painting of ${time(job.made)}, ${job.state}`;
    const shown = job.painted ? el("img", { src: `/api/jobs/${job.id}/small.webp?${job.state}`, alt: "" })
      : el("span", { class: "ring", text: job.state === "waiting" ? "…" : `${part} %` });
    return el("button", { class: `card ${job.state}`, "aria-label": label, title: label, "aria-pressed": String(this.chosen === job.id),
      onclick: () => this.choose(this.chosen === job.id ? null : job.id) }, shown);
  }

  /** @param {Job} job */
  #details(job) {
    const part = job.part ?? 0, begun = this.#begun.get(job.id);
    const left = begun && part > 0.03 ? ((Date.now() - begun) / part) * (1 - part) : null;
    const told = {
      waiting: `Waiting${job.place ? `, place ${job.place}` : ""}`,
      running: job.steps ? `Step ${job.step} of ${job.steps}${left === null ? "" : `, ${duration(left)} left`}` : "Reading the pictures",
      done: `${job.width} × ${job.height}, ${job.steps} steps`,
      stopped: job.message || `Stopped at step ${job.step ?? 0} of ${job.steps ?? "?"}`,
      failed: job.message ?? "It failed",
    }[job.state];
    const busy = job.state === "running" || job.state === "waiting";
    return [
      el("div", { class: "told" }, el("span", { text: told }),
        busy && el("progress", { max: 1, value: part, "aria-label": "Painting" })),
      (job.losses?.length ?? 0) > 2 && curve(job.losses ?? []),
      busy && el("button", { id: "job-stop", onclick: () => void this.#ask(job.id, "stop") }, "Stop and keep"),
      (job.state === "stopped" || job.state === "failed") && el("button", { id: "job-on", onclick: () => void this.#ask(job.id, "go-on") },
        job.resumable ? "Go on" : "Begin again"),
      job.state === "done" && this.#steps(job) && el("button", { id: "job-more", title: "Paints on from here, as another painting", onclick: () => void this.#more(job.id) }, "More steps"),
      job.painted && !busy && el("a", { class: "button primary", id: "job-download", href: `/api/jobs/${job.id}/painted.png`, download: "painted.png" }, icon("down"), "Picture"),
      job.painted && !busy && el("a", { class: "button", id: "job-all", href: `/api/jobs/${job.id}/all.zip`, download: "painted.zip", title: "The picture, its recipe, and all files that the recipe names" }, icon("down"), "With maps"),
      !busy && el("button", { id: "job-restore", title: "Regions, styles and settings of this painting again", onclick: () => void this.#restore(job.id) }, "Settings"),
      !busy && el("button", { class: "quiet", id: "job-drop", "aria-label": "Remove this painting", title: "Remove", onclick: () => void this.#drop(job.id) }, icon("close")),
    ].filter((one) => one instanceof Node);
  }

  /** Whether it is painted step by step. @param {Job} job */
  #steps(job) { return job.room === "paint" && "steps" in (this.app.about.methods[job.method]?.settings ?? {}); }

  /** How the next one is painted. */
  panel() {
    const { about } = this.app, { sketch } = state, paint = sketch.room === "paint";
    const method = about.methods[sketch.method], steps = method.settings.steps;
    const usual = method.size ?? Math.max(state.content?.width ?? 0, state.content?.height ?? 0);
    const rows = [
      paint && choice({ id: "method", label: "Method", value: sketch.method, about: method.about,
        choices: Object.keys(about.methods).map((name) => [name, METHODS[name] ?? name]),
        set: (value) => state.change((now) => { now.method = value; now.settings = {}; }) }),
      number({ id: "size", label: "Long side", about: "Of the painting, in pixels", value: sketch.size, least: 64, most: about.limits.side,
        usual: paint ? String(Math.min(usual, about.limits.side)) : "as it is", set: (value) => state.change((now) => { now.size = value; }) }),
      paint && steps && number({ id: "steps", label: "Steps", about: "More are finer, and take longer", value: Number(sketch.settings.steps ?? 0) || null, least: 1,
        most: about.limits.steps, usual: String(steps.default), set: (value) => state.change((now) => {
          if (value === null) delete now.settings.steps;
          else now.settings.steps = value;
        }) }),
    ];
    return el("section", { "aria-labelledby": "paint-title" }, el("h2", { id: "paint-title", text: "Painting" }),
      ...rows.filter((one) => one instanceof Node));
  }

  button() {
    const paint = state.sketch.room === "paint";
    return el("div", { class: "begin" }, el("button", { id: "paint", class: "primary wide", disabled: !state.content, onclick: () => void this.begin() },
        paint ? "Paint" : "Harmonize"));
  }
}

/** @param {number[]} losses */
function curve(losses) {
  const space = "http://www.w3.org/2000/svg", svg = document.createElementNS(space, "svg");
  const logs = losses.map((one) => Math.log(Math.max(one, 1e-12))), low = Math.min(...logs), high = Math.max(...logs);
  svg.setAttribute("viewBox", "0 0 100 30");
  svg.setAttribute("class", "curve");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", "The loss falls");
  const line = document.createElementNS(space, "polyline");
  line.setAttribute("points", logs.map((one, i) => `${((100 * i) / (logs.length - 1)).toFixed(1)},${(28 - (26 * (one - low)) / (high - low || 1)).toFixed(1)}`).join(" "));
  svg.append(line);
  return svg;
}

/** @param {number} seconds since 1970 */
const time = (seconds) => new Date(1000 * seconds).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

/** @param {number} milliseconds */
function duration(milliseconds) {
  const seconds = Math.max(1, Math.round(milliseconds / 1000));
  return seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}
