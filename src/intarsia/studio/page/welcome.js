// Where everybody begins: a picture to paint, or a session from before.

import * as api from "./api.js";
import { el, icon, toast } from "./dom.js";
import { state } from "./state.js";

/** @typedef {import("./app.js").App} App */
/** @typedef {import("./types.d.ts").SessionRow} SessionRow */

/** @type {Record<string, string>} */
const EXAMPLES = { coffee: "a cup", chelsea: "a cat", astronaut: "a portrait" };

/** @param {App} app @returns {HTMLElement} */
export function welcome(app) {
  const { room } = state.sketch;
  return el("div", { class: "welcome" },
    el("h1", { text: room === "paste" || room === "doodle" ? "Drop a painting here" : "Drop a photograph here" }),
    el("p", { text: "or paste it from the clipboard. A painting from the studio brings back all that made it." }),
    el("button", { id: "choose", class: "primary", onclick: () => app.choose("content") }, icon("picture"), "Choose a picture"),
    app.about.examples.length > 0 && el("p", { class: "examples" }, "No picture at hand? Take ",
      ...app.about.examples.flatMap((name, i) => [i ? (i === app.about.examples.length - 1 ? " or " : ", ") : "",
        el("button", { class: "link", id: `example-${name}`, onclick: () => void app.example(name) }, EXAMPLES[name] ?? name)]), "."));
}

/** Every session, in a dialog. @param {App} app */
export async function sessions(app) {
  const dialog = /** @type {HTMLDialogElement} */ (el("dialog", { class: "sessions", "aria-labelledby": "sessions-title" }));
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  document.body.append(dialog);
  const show = async () => {
    /** @type {SessionRow[]} */
    const rows = await api.get("/api/sessions");
    dialog.replaceChildren(
      el("div", { class: "title" }, el("h2", { id: "sessions-title", text: "Sessions" }),
        el("button", { id: "session-new", class: "primary", onclick: () => { dialog.close(); app.fresh(); } }, icon("plus"), "New"),
        el("button", { class: "quiet", "aria-label": "Close", onclick: () => dialog.close() }, icon("close"))),
      rows.length === 0 ? el("p", { text: "None yet." }) : el("ul", {}, ...rows.map((row) => el("li", {},
        el("button", { class: "pick", "aria-current": row.id === app.session.id ? "true" : null,
          onclick: () => { dialog.close(); void app.open(row.id); } },
        row.content ? el("img", { src: `/api/pictures/${row.content}/small`, alt: "" }) : el("span", { class: "none" }),
        el("span", { class: "name", text: row.name || "Without a name" }),
        el("time", { text: new Date(1000 * row.touched).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }) })),
        el("button", { class: "quiet", "aria-label": `Delete the session ${row.name}`, title: "Delete with its paintings",
          onclick: async () => {
            await api.drop(`/api/sessions/${row.id}`);
            if (row.id === app.session.id) app.fresh();
            await show();
          } }, icon("close"))))));
  };
  try {
    await show();
    dialog.showModal();
  } catch (fault) {
    dialog.remove();
    toast(/** @type {Error} */ (fault).message, "fault");
  }
}
