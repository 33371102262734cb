// Sliders, choices and numbers, made of what the server tells of a setting.

import { el } from "./dom.js";

/** @typedef {import("./types.d.ts").Setting} Setting */

/**
 * @param {{id: string, label: string, about?: string, value: number, least: number, most: number, step: number,
 *   shown?: (value: number) => string, set: (value: number, lasting: boolean) => void}} given
 */
export function slider({ id, label, about, value, least, most, step, shown = String, set }) {
  const output = el("output", { for: id, text: shown(value) });
  const input = /** @type {HTMLInputElement} */ (el("input", {
    id, type: "range", min: least, max: most, step, value: String(value), title: about, "aria-valuetext": shown(value),
    oninput: () => { told(); set(Number(input.value), false); },
    onchange: () => set(Number(input.value), true),
  }));
  input.value = String(value);
  const told = () => {
    output.textContent = shown(Number(input.value));
    input.setAttribute("aria-valuetext", output.textContent);
  };
  return el("div", { class: "row" }, el("label", { for: id, text: label, title: about }), input, output);
}

/** @param {{id: string, label: string, about?: string, value: string, choices: [string, string][], set: (value: string) => void}} given */
export function choice({ id, label, about, value, choices, set }) {
  const select = /** @type {HTMLSelectElement} */ (el("select", { id, title: about, onchange: () => set(select.value) },
    ...choices.map(([name, text]) => el("option", { value: name, text }))));
  select.value = value;
  return el("div", { class: "row" }, el("label", { for: id, text: label, title: about }), select);
}

/** @param {{id: string, label: string, about?: string, value: number | null, least: number, most: number, step?: number, usual?: string, set: (value: number | null) => void}} given */
export function number({ id, label, about, value, least, most, step = 1, usual = "", set }) {
  const input = /** @type {HTMLInputElement} */ (el("input", {
    id, type: "number", min: least, max: most, step, placeholder: usual, title: about,
    onchange: () => {
      if (input.value === "") return set(null);
      const asked = Number(input.value), kept = Math.min(most, Math.max(least, asked));
      if (kept !== asked) input.value = String(kept);
      set(kept);
    },
  }));
  input.value = value === null ? "" : String(value);
  return el("div", { class: "row" }, el("label", { for: id, text: label, title: about }), input);
}

/** The same for places that often come out as they were: a button that is being pressed stays the same button. What
 * its parts do must follow from what they look like. @param {HTMLElement} place @param {() => Node[]} build */
export function renewed(place, build) {
  const made = document.createElement("div");
  made.append(...build());
  if (made.innerHTML !== place.innerHTML) rebuilt(place, () => [...made.childNodes]);
}

/** Builds a place anew and leaves the keyboard where it was. @param {HTMLElement} place @param {() => Node[]} build */
export function rebuilt(place, build) {
  const id = place.contains(document.activeElement) ? document.activeElement?.id : "";
  const scrolled = place.scrollTop;
  place.replaceChildren(...build());
  place.scrollTop = scrolled;
  if (id) document.getElementById(id)?.focus({ preventScroll: true });
}
